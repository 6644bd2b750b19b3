//! TLS 1.2 and 1.3 over any connection, by rustls with the provider aws-lc-rs: only suites with
//! forward secrecy and authenticated encryption exist here (RFC 9325 §4.2).
//!
//! The certificates are read once and again when the operator says so; sessions that are open keep
//! what they began with. How a server's certificate is to be looked at comes with each wish: that
//! is decided elsewhere.

mod certificates;
#[cfg(test)]
mod tests;
mod verify;
mod wire;

use std::sync::{Arc, PoisonError, RwLock};

use engine::doors::{Doing, Secured, Tls, TlsCheck, TlsFailure, TlsWish, Wire};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub use certificates::{Certified, LoadError, Names, certified, roots};

use verify::ServerVerifier;

/// Sessions of TLS 1.2 remembered for clients that come back; those of TLS 1.3 carry a ticket.
const SESSIONS: usize = 10_000;

/// What the operator gives: all read and checked.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The certificates of this host as a server, by name; none: it offers no TLS.
    pub names: Option<Names>,
    /// Whose certificates are trusted where a chain is asked for; none: the system's roots.
    pub roots: Option<Arc<RootCertStore>>,
    /// Whose certificates clients may show; none: they are not asked.
    pub client_roots: Option<Arc<RootCertStore>>,
    /// What this host shows as a client to those who ask.
    pub client: Option<Certified>,
    /// TLS 1.2 is refused.
    pub only_tls13: bool,
}

/// What is made of [`Material`], replaced as a whole.
struct Ready {
    server: Option<Arc<ServerConfig>>,
    opportunistic: Arc<ClientConfig>,
    material: Material,
}

/// TLS on the real world.
pub struct RustlsTls {
    provider: Arc<CryptoProvider>,
    ready: RwLock<Ready>,
    /// Kept over a reload, so that tickets stay good.
    tickets: Option<Arc<dyn ProducesTickets>>,
    system_roots: std::sync::OnceLock<Arc<RootCertStore>>,
}

impl RustlsTls {
    /// Ready with `material`.
    ///
    /// # Errors
    /// What rustls says of it, in words for the operator.
    pub fn new(material: Material) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        // Without tickets sessions are not resumed; that costs time, no mail.
        let tickets = aws_lc_rs::Ticketer::new().ok();
        let ready = ready(&provider, tickets.as_ref(), material)?;
        Ok(Self {
            provider,
            ready: RwLock::new(ready),
            tickets,
            system_roots: std::sync::OnceLock::new(),
        })
    }

    /// Takes other material for sessions that begin from now on.
    ///
    /// # Errors
    /// As [`new`](Self::new); then all stays as it was.
    pub fn replace(&self, material: Material) -> Result<(), String> {
        let next = ready(&self.provider, self.tickets.as_ref(), material)?;
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    fn server(&self) -> Option<Arc<ServerConfig>> {
        self.ready.read().unwrap_or_else(PoisonError::into_inner).server.clone()
    }

    /// The configuration of a client whose wish is `check`.
    fn client(&self, check: &TlsCheck) -> Result<Arc<ClientConfig>, TlsFailure> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        if *check == TlsCheck::Nothing {
            return Ok(ready.opportunistic.clone());
        }
        let roots = match (check, &ready.material.roots) {
            (TlsCheck::Dane { .. } | TlsCheck::Nothing, _) => Arc::new(RootCertStore::empty()),
            (TlsCheck::Names(_), Some(roots)) => roots.clone(),
            (TlsCheck::Names(_), None) => self.system_roots(),
        };
        let verifier = ServerVerifier::new(check.clone(), roots, &self.provider);
        client_config(&self.provider, verifier, &ready.material).map(Arc::new).map_err(ours)
    }

    /// A client of web servers: the usual checks of chain, dates and DNS names, nothing shown.
    ///
    /// # Errors
    /// What rustls says of it.
    pub(crate) fn https(&self) -> Result<Arc<ClientConfig>, String> {
        let roots = {
            let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
            ready.material.roots.clone()
        };
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&BOTH)
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots.unwrap_or_else(|| self.system_roots()))
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// The roots of the system, read when the first chain is asked for.
    fn system_roots(&self) -> Arc<RootCertStore> {
        self.system_roots
            .get_or_init(|| {
                let mut store = RootCertStore::empty();
                let found = rustls_native_certs::load_native_certs();
                let (taken, left) = store.add_parsable_certificates(found.certs);
                tracing::info!(event = "roots.read", taken, left, errors = found.errors.len());
                Arc::new(store)
            })
            .clone()
    }
}

fn ours(why: String) -> TlsFailure {
    TlsFailure::Handshake(why)
}

const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

fn versions(material: &Material) -> &'static [&'static SupportedProtocolVersion] {
    if material.only_tls13 { &BOTH[..1] } else { &BOTH }
}

fn ready(
    provider: &Arc<CryptoProvider>,
    tickets: Option<&Arc<dyn ProducesTickets>>,
    material: Material,
) -> Result<Ready, String> {
    let server = match &material.names {
        None => None,
        Some(names) => Some(Arc::new(server_config(provider, tickets, names, &material)?)),
    };
    let nothing =
        ServerVerifier::new(TlsCheck::Nothing, Arc::new(RootCertStore::empty()), provider);
    let opportunistic = Arc::new(client_config(provider, nothing, &material)?);
    Ok(Ready { server, opportunistic, material })
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    tickets: Option<&Arc<dyn ProducesTickets>>,
    names: &Names,
    material: &Material,
) -> Result<ServerConfig, String> {
    let told = |error: rustls::Error| error.to_string();
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(material))
        .map_err(told)?;
    let builder = match &material.client_roots {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                roots.clone(),
                provider.clone(),
            );
            let verifier = verifier.allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.map_err(|error| error.to_string())?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(names.clone()));
    config.session_storage = match material.only_tls13 {
        true => Arc::new(NoServerSessionStorage {}),
        false => ServerSessionMemoryCache::new(SESSIONS),
    };
    if let Some(tickets) = tickets {
        config.ticketer = tickets.clone();
    }
    Ok(config)
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    verifier: ServerVerifier,
    material: &Material,
) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(material))
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &material.client {
        None => builder.with_no_client_auth(),
        Some(shown) => builder.with_client_cert_resolver(Arc::new(shown.clone())),
    };
    // Each check of its own begins anew: a session resumed would be one that was not checked so.
    config.resumption = Resumption::in_memory_sessions(256);
    Ok(config)
}

/// A client that takes any certificate and shows none: for who only looks at how a server speaks.
///
/// # Errors
/// What rustls says of it.
pub(crate) fn onlooker() -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = Arc::new(RootCertStore::empty());
    let nothing = ServerVerifier::new(TlsCheck::Nothing, roots, &provider);
    client_config(&provider, nothing, &Material::default()).map(Arc::new)
}

impl Tls for RustlsTls {
    fn accept(&self, wire: Box<dyn Wire>) -> Doing<'_, Result<Secured, TlsFailure>> {
        Box::pin(async move {
            let config = self.server();
            let config = config.ok_or_else(|| ours("this host has no certificate".to_owned()))?;
            let (peer, local) = (wire.peer(), wire.local());
            let stream = TlsAcceptor::from(config).accept(wire).await;
            let stream = stream.map_err(|error| wire::failure(&error))?;
            let facts = wire::facts_of_server(stream.get_ref().1);
            Ok(Secured { wire: wire::secured(stream.into(), peer, local), facts })
        })
    }

    fn connect<'a>(
        &'a self,
        wire: Box<dyn Wire>,
        wish: &'a TlsWish,
    ) -> Doing<'a, Result<Secured, TlsFailure>> {
        Box::pin(async move {
            let config = self.client(&wish.check)?;
            let (peer, local) = (wire.peer(), wire.local());
            let name = match &wish.server_name {
                Some(name) => ServerName::try_from(name.to_string())
                    .map_err(|_| ours(format!("{name} cannot be asked for")))?,
                None => ServerName::IpAddress(peer.ip().into()),
            };
            let stream = TlsConnector::from(config).connect(name, wire).await;
            let stream = stream.map_err(|error| wire::failure(&error))?;
            let mut facts = wire::facts_of_client(stream.get_ref().1);
            facts.server_name = wish.server_name.as_ref().map(ToString::to_string);
            if wish.check == TlsCheck::Nothing {
                // What was not looked at proves nothing.
                facts.peer = None;
            }
            Ok(Secured { wire: wire::secured(stream.into(), peer, local), facts })
        })
    }

    fn can_accept(&self) -> bool {
        self.server().is_some()
    }
}

/// The registered name of a suite (RFC 8446 §B.4, RFC 5289).
fn registered(suite: SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or("unknown");
    name.replacen("TLS13_", "TLS_", 1)
}
