//! How the certificate of a server is looked at: not at all, by chain and name, or by the records
//! of its domain (RFC 6698, RFC 7671, RFC 7672).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use engine::doors::{TlsCheck, Tlsa};
use mail::DomainName;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Looks at certificates as one wish says.
pub(super) struct ServerVerifier {
    check: TlsCheck,
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerVerifier").field("check", &self.check).finish_non_exhaustive()
    }
}

impl ServerVerifier {
    pub(super) fn new(
        check: TlsCheck,
        roots: Arc<RootCertStore>,
        provider: &CryptoProvider,
    ) -> Self {
        Self { check, roots, algorithms: provider.signature_verification_algorithms }
    }

    /// A chain to one of `roots`, and one of `names`.
    fn chain_and_name(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        roots: &RootCertStore,
        names: &[DomainName],
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(shown)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, algorithms)?;
        let mut failure = Error::InvalidCertificate(CertificateError::NotValidForName);
        for name in names {
            let Ok(name) = ServerName::try_from(name.as_str()) else { continue };
            match verify_server_name(&parsed, &name) {
                Ok(()) => return Ok(()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// One of `records` matches. Usage 3 asks for nothing but the match: names, dates and signatures
    /// of the certificate do not count (RFC 7672 §3.1.1). Usage 2 asks for a chain to what matches,
    /// and one of `names` (§3.1.2).
    fn dane(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        records: &[Tlsa],
        names: &[DomainName],
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut failure = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        if records.iter().any(|record| record.usage == 3 && matches(record, shown)) {
            return Ok(());
        }
        let anchors = records.iter().filter(|record| record.usage == 2);
        for record in anchors {
            for anchor in self.anchors(record, others) {
                let mut roots = RootCertStore::empty();
                if roots.add(anchor).is_err() {
                    continue;
                }
                match self.chain_and_name(shown, others, &roots, names, now) {
                    Ok(()) => return Ok(()),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }

    /// The certificates that `record` names: those of the chain, and the one it holds whole, which
    /// need not be shown (RFC 7672 §3.1.2).
    fn anchors(
        &self,
        record: &Tlsa,
        others: &[CertificateDer<'_>],
    ) -> Vec<CertificateDer<'static>> {
        let fitting = others.iter().filter(|other| matches(record, other));
        let mut anchors: Vec<_> = fitting.map(|other| other.clone().into_owned()).collect();
        if (record.selector, record.matching) == (0, 0) {
            anchors.push(CertificateDer::from(record.data.clone()));
        }
        anchors
    }
}

/// Whether `record` matches `certificate` (RFC 6698 §2.1).
fn matches(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let key;
    let octets: &[u8] = match record.selector {
        0 => certificate,
        1 => match webpki::EndEntityCert::try_from(certificate) {
            Ok(parsed) => {
                key = parsed.subject_public_key_info();
                &key
            }
            Err(_) => return false,
        },
        _ => return false,
    };
    match record.matching {
        0 => octets == record.data,
        1 => digest::digest(&digest::SHA256, octets).as_ref() == record.data,
        2 => digest::digest(&digest::SHA512, octets).as_ref() == record.data,
        _ => false,
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.check {
            TlsCheck::Nothing => {}
            TlsCheck::Names(names) => {
                self.chain_and_name(shown, others, &self.roots, names, now)?;
            }
            TlsCheck::Dane { records, names } => self.dane(shown, others, records, names, now)?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.check == TlsCheck::Nothing {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, shown, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.check == TlsCheck::Nothing {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, shown, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
