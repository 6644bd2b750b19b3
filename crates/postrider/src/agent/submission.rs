//! `[submission]` of `mail.toml`: a server elsewhere that takes the person's letters.
//!
//! The connection is secured before anything of the person is shown, and the server's certificate
//! must be good (RFC 8314 §5.2); there is no key that says otherwise. Only a server on this machine
//! may be spoken to in the clear, as nobody stands in between.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::PathBuf;

use postrider_client::{Client, trust};
use rand::Rng;
use serde::Deserialize;
use smtp::client::{EXCHANGES_MAX, Login};
use smtp::sasl::client::{Credentials, Policy, Proof};
use smtp::sasl::{Mechanism, Nonce, Secret};

use super::running;
use super::site::Site;
use crate::doors::secrets;

/// Octets of a file of roots.
const ROOTS_MAX: u64 = 4 << 20;

/// The server, and who the person is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Submission {
    /// `mail.example.net`, perhaps with a port.
    pub server: String,
    /// How the connection is secured.
    pub tls: Security,
    /// A file of the only roots that count, in PEM. Default: those of the system.
    pub roots: Option<String>,
    /// The person's name there.
    pub login: Option<String>,
    /// A file with the password or token, which nobody else may read.
    pub secret_file: Option<String>,
    /// A shell command that says it.
    pub secret_command: Option<String>,
    /// What it is.
    pub secret: Kind,
    /// Only these mechanisms.
    pub mechanisms: Option<Vec<String>>,
}

/// How the connection is secured.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// TLS from the first octet (RFC 8314 §3.3).
    #[default]
    Implicit,
    /// STARTTLS, or nothing is sent (RFC 3207).
    Starttls,
    /// Not at all; only on this machine.
    None,
}

impl Security {
    /// The port of the service.
    fn port(self) -> u16 {
        match self {
            Self::Implicit => 465,
            Self::Starttls | Self::None => 587,
        }
    }
}

/// What the secret is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A password: SCRAM-SHA-256, PLAIN, LOGIN.
    #[default]
    Password,
    /// A bearer token: OAUTHBEARER, XOAUTH2.
    Token,
}

impl Submission {
    /// What the types do not say: the key and what is wrong with it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let (host, _) = self.place().ok_or_else(|| {
            let expected = "expected the name of a server, like \"mail.example.net\" or \
                            \"mail.example.net:465\"";
            ("server", expected.to_owned())
        })?;
        if self.tls == Security::None && !is_loopback(&host) {
            let why = format!(
                "\"none\" is for a server on this machine; say \"implicit\" or \"starttls\" for {host}"
            );
            return Err(("tls", why));
        }
        match (&self.login, &self.secret_file, &self.secret_command) {
            (Some(_), None, None) => {
                return Err(("login", "name the secret: secret-file or secret-command".into()));
            }
            (_, Some(_), Some(_)) => {
                return Err(("secret-command", "there is a secret-file already; keep one".into()));
            }
            (None, Some(_), _) => return Err(("secret-file", "say your login beside it".into())),
            (None, _, Some(_)) => {
                return Err(("secret-command", "say your login beside it".into()));
            }
            _ => {}
        }
        self.allowed().map(|_| ()).map_err(|why| ("mechanisms", why))
    }

    /// Host and port.
    fn place(&self) -> Option<(String, u16)> {
        let server = self.server.trim();
        let (host, port) = match server.rsplit_once(':') {
            // An address with colons stands in brackets.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().ok()?)
            }
            _ => (server, self.tls.port()),
        };
        let inner = host.trim_start_matches('[').trim_end_matches(']');
        let is_name = inner.parse::<mail::DomainName>().is_ok();
        (is_name || inner.parse::<IpAddr>().is_ok()).then(|| (inner.to_owned(), port))
    }

    fn allowed(&self) -> Result<Option<Vec<Mechanism>>, String> {
        let one = |name: &String| {
            name.parse().map_err(|_| {
                format!("{name:?} is none that is known here, like \"SCRAM-SHA-256\", \"PLAIN\"")
            })
        };
        self.mechanisms.as_ref().map(|names| names.iter().map(one).collect()).transpose()
    }

    /// How the server is called in what people read.
    pub fn name(&self) -> &str {
        self.server.trim()
    }

    /// A client that is ready to send.
    ///
    /// # Errors
    /// What the person has to mend: the roots, the secret.
    pub fn client(&self, site: &Site) -> Result<Client, String> {
        let (host, port) = self.place().ok_or("the server has no name")?;
        let literal = host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
        let place = if literal { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let client = Client::new(place, site.hostname.to_string());
        let client = match self.tls {
            Security::None => client,
            Security::Starttls => client.with_starttls(self.trust(site)?),
            Security::Implicit => client.with_tls(self.trust(site)?),
        };
        let Some(login) = &self.login else { return Ok(client) };
        let secret = self.secret(site)?;
        let proof = match self.secret {
            Kind::Password => Proof::Password(secret),
            Kind::Token => Proof::Token(secret),
        };
        // A password is never shown without TLS to a server that was verified.
        let policy = Policy { mechanisms: self.allowed()?, clear: false };
        let credentials = Credentials { login: login.clone(), proof };
        Ok(client.with_login(Login { credentials, policy, host, port, nonces: nonces() }))
    }

    fn trust(&self, site: &Site) -> Result<std::sync::Arc<rustls::ClientConfig>, String> {
        let Some(roots) = &self.roots else {
            return trust::system().map_err(|error| error.to_string());
        };
        let path = path(roots, site);
        let mut pem = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(ROOTS_MAX).read_to_end(&mut pem));
        let trusted = read.and_then(|_| trust::only(&pem));
        trusted.map_err(|error| format!("the roots in {}: {error}", path.display()))
    }

    fn secret(&self, site: &Site) -> Result<Secret, String> {
        if let Some(file) = &self.secret_file {
            return secrets::read(&path(file, site));
        }
        let command = self.secret_command.as_deref().unwrap_or_default();
        let said = running::said(command);
        let said = said.map_err(|error| format!("the command for the secret: {error}"))?;
        let said = zeroize::Zeroizing::new(said);
        let line = said.split(|octet| *octet == b'\n').next().unwrap_or_default();
        match std::str::from_utf8(line).map(str::trim_end) {
            Ok(line) if !line.is_empty() => Ok(Secret::new(line)),
            _ => Err("the command for the secret says nothing that could be one".into()),
        }
    }
}

/// Fresh chance for every exchange.
fn nonces() -> Vec<Nonce> {
    let nonce = |_| {
        let mut chance = [0; Nonce::OCTETS];
        rand::rng().fill_bytes(&mut chance);
        Nonce::new(chance)
    };
    (0..EXCHANGES_MAX).map(nonce).collect()
}

fn path(name: &str, site: &Site) -> PathBuf {
    super::mail::dictation::in_home(name, site)
}

/// Whether `host` is this machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
