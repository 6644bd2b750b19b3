//! TLS for databases: their host name in a certificate of an authority that the operator names, or that
//! the system trusts.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::config::DatabaseTls;
use crate::doors::tls::roots;

/// How a connection to `host` is secured; none: it is not. Where the operator says nothing, only what
/// stays on this host goes in the clear.
///
/// # Errors
/// The file of authorities cannot be read.
pub(super) fn client(tls: &DatabaseTls, host: &str) -> Result<Option<Arc<ClientConfig>>, String> {
    match tls {
        DatabaseTls::None => return Ok(None),
        DatabaseTls::Local if is_here(host) => return Ok(None),
        DatabaseTls::Local | DatabaseTls::Required(_) => {}
    }
    let authorities = match tls {
        DatabaseTls::Required(Some(path)) => named(path)?,
        _ => of_system(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}

fn named(path: &Path) -> Result<Arc<RootCertStore>, String> {
    roots(path).map_err(|error| error.to_string())
}

fn of_system() -> Arc<RootCertStore> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(store)
}

/// A name or address of this host that no wire leads to; none is a socket in the file system.
fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host.is_empty()
        || host.starts_with('/')
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}
