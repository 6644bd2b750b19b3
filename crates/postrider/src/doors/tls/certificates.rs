//! Certificates with their keys, and whose certificates are trusted, from PEM files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Octets of a PEM file: more than any chain has.
const FILE_MAX: u64 = 1 << 20;

/// Why a file does not give what it should.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its form.
    #[error("{} is no PEM file with {what}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The key does not fit the certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The key is of a kind that is not supported.
    #[error("the key in {} cannot be used: {why}", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// A chain of certificates with the key of the first.
#[derive(Clone, Debug)]
pub struct Certified(Arc<CertifiedKey>);

/// The chain in `certificate` (PEM, our own first) with the private key in `key` (PEM).
///
/// # Errors
/// [`LoadError`], with the file that is at fault.
pub fn certified(certificate: &Path, key: &Path) -> Result<Certified, LoadError> {
    let chain = chain(certificate)?;
    let octets = read(key)?;
    let private = PrivateKeyDer::from_pem_slice(&octets)
        .map_err(|_| LoadError::Form { path: key.to_owned(), what: "a private key" })?;
    let provider = aws_lc_rs::default_provider();
    let unusable = |error: rustls::Error| match error {
        rustls::Error::InconsistentKeys(_) => {
            LoadError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        other => LoadError::Key { path: key.to_owned(), why: other.to_string() },
    };
    let certified = CertifiedKey::from_der(chain, private, &provider).map_err(unusable)?;
    Ok(Certified(Arc::new(certified)))
}

/// All certificates in `path` (PEM) as roots.
///
/// # Errors
/// [`LoadError`]
pub fn roots(path: &Path) -> Result<Arc<RootCertStore>, LoadError> {
    let mut store = RootCertStore::empty();
    let form = || LoadError::Form { path: path.to_owned(), what: "certificates" };
    for certificate in chain(path)? {
        store.add(certificate).map_err(|_| form())?;
    }
    Ok(Arc::new(store))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let octets = read(path)?;
    let form = || LoadError::Form { path: path.to_owned(), what: "certificates" };
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&octets).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(form)
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    use std::io::Read;

    let told = |source| LoadError::Read { path: path.to_owned(), source };
    let mut octets = Vec::new();
    let file = std::fs::File::open(path).map_err(told)?;
    file.take(FILE_MAX).read_to_end(&mut octets).map_err(told)?;
    Ok(octets)
}

/// The certificates of a server by the name that clients ask for.
#[derive(Clone, Debug)]
pub struct Names {
    default: Certified,
    /// Names in lower case; `*.` before a name stands for one label.
    named: BTreeMap<String, Certified>,
}

impl Names {
    /// `default` for those who ask for no name, or for one that is not in `named`.
    pub fn new(default: Certified, named: impl IntoIterator<Item = (String, Certified)>) -> Self {
        let lower = |(name, certified): (String, _)| (name.to_ascii_lowercase(), certified);
        Self { default, named: named.into_iter().map(lower).collect() }
    }

    fn find(&self, name: Option<&str>) -> &Certified {
        let Some(name) = name else { return &self.default };
        let name = name.to_ascii_lowercase();
        let wild = || self.named.get(&format!("*.{}", name.split_once('.')?.1));
        self.named.get(&name).or_else(wild).unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.find(hello.server_name()).0.clone())
    }
}

impl ResolvesClientCert for Certified {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
