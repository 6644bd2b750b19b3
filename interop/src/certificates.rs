//! An authority of the play's own, and certificates from it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bench::postfix::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    PublicKeyData, RsaKeySize, date_time_ymd,
};
use sha2::{Digest, Sha256};

/// Signs for any name.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// An authority that writes into `folder`: its own certificate is `authority.pem`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let this = Self { issuer, folder: folder.to_owned() };
        fs::write(this.file(), this.issuer.pem())?;
        Ok(this)
    }

    /// The authority's certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A certificate for `names`. Servers run as other users, so everybody may read the key: it is
    /// worth nothing.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn signs(&self, names: &[&str]) -> io::Result<Certificate> {
        self.shows(names).map(|shown| shown.files)
    }

    /// A certificate for `name` that is not good: in the files `name`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn odd(&self, name: &str, flaw: Flaw) -> io::Result<Certificate> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let named = if flaw == Flaw::OtherName { "mx.unlike.example" } else { name };
        let mut params =
            CertificateParams::new(vec![named.to_owned()]).map_err(io::Error::other)?;
        if flaw == Flaw::Expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 12, 31);
        }
        let chain = match flaw {
            Flaw::SelfSigned => params.self_signed(&key).map(|made| made.pem()),
            _ => params.signed_by(&key, &self.issuer).map(|made| made.pem() + &self.issuer.pem()),
        };
        let files = Certificate {
            chain: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        fs::write(&files.chain, chain.map_err(io::Error::other)?)?;
        fs::write(&files.key, key.serialize_pem())?;
        Ok(files)
    }

    /// The SHA-256 of the authority's certificate, as a TLSA record holds it.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.issuer.der()))
    }

    /// As [`signs`](Self::signs), with what a TLSA record must say of it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn shows(&self, names: &[&str]) -> io::Result<Shown> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let first = names.first().cloned().unwrap_or_default();
        // All peers can use a key of this kind.
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
        let key = key.map_err(io::Error::other)?;
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        // Some servers know clients by it; as a name of a host it counts nowhere.
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, first.as_str());
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let files = Certificate {
            chain: self.folder.join(format!("{first}.pem")),
            key: self.folder.join(format!("{first}.key")),
        };
        fs::write(&files.chain, certificate.pem() + &self.issuer.pem())?;
        fs::write(&files.key, key.serialize_pem())?;
        let key_digest = hex(&Sha256::digest(key.subject_public_key_info()));
        Ok(Shown { files, key_digest })
    }
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// Its time is over.
    Expired,
    /// No authority has signed it.
    SelfSigned,
    /// It is for another host.
    OtherName,
}

/// A certificate, and the SHA-256 of its public key.
pub struct Shown {
    /// Its files.
    pub files: Certificate,
    /// The digest, as a TLSA record holds it.
    pub key_digest: String,
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
