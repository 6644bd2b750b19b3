//! Whose certificates a client believes: chain and dates against these roots, and the name it asked
//! for (RFC 5280, RFC 7817 §3). TLS 1.2 and 1.3, with the suites of RFC 9325 §4.2 only.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Believes the authorities that the system trusts.
///
/// # Errors
/// The system names none, so that no certificate could ever be good.
pub fn system() -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
        return Err(io::Error::other(format!("no root certificates in this system: {why}")));
    }
    of(roots)
}

/// Believes only the certificates in `pem`, for a server of one's own authority.
///
/// # Errors
/// There are none in it, or one is not in order.
pub fn only(pem: &[u8]) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(&error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(&error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("no certificates in PEM"));
    }
    of(roots)
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn of(roots: RootCertStore) -> io::Result<Arc<ClientConfig>> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
