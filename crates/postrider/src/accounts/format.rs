//! The file: TOML, one table per account, with a version.
//!
//! ```toml
//! version = 1
//! secret = "…"
//!
//! [account."ann@example.net"]
//! argon2 = "$argon2id$v=19$m=19456,t=2,p=1$…$…"
//! scram-sha-256 = "SCRAM-SHA-256$100000:SALT$STORED:SERVER"
//! name = "Ann Example"
//! addresses = ["info@example.net", "*@example.org"]
//! disabled = true
//! ```
//!
//! The notation of a SCRAM verifier is that of RFC 5803 §3.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use smtp::sasl::{ITERATIONS_MAX, ITERATIONS_MIN, Verifier, prepare, wire};

use super::{Account, Book, is_hash};

/// The version written; nothing newer is read.
const VERSION: u32 = 1;
const SCRAM: &str = "SCRAM-SHA-256$";
/// Octets of a salt.
const SALT_MAX: usize = 64;

/// Why a file is no file of accounts.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormatError {
    /// Not TOML, or not with these keys.
    #[error("line {line}: {what}")]
    Toml {
        /// Counted from 1.
        line: usize,
        /// The parser's words.
        what: String,
    },
    /// A newer version wrote it.
    #[error("it is of version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// A value that does not serve.
    #[error("account {login:?}: {key} is not {expected}")]
    Value {
        /// Whose.
        login: String,
        /// Which.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The secret is not 32 octets in base64.
    #[error("the secret is not 32 octets in base64")]
    Secret,
    /// Two names that differ in case only.
    #[error("account {0:?} is there twice")]
    Twice(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    secret: String,
    #[serde(default)]
    account: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    argon2: Option<String>,
    #[serde(rename = "scram-sha-256")]
    scram: Option<String>,
    name: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    disabled: bool,
}

impl Book {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.as_bytes().get(..at).unwrap_or_default();
            let line = before.iter().filter(|&&octet| octet == b'\n').count() + 1;
            FormatError::Toml { line, what: error.message().to_owned() }
        })?;
        if file.version != VERSION {
            return Err(FormatError::Version(file.version));
        }
        let secret = wire::decode(file.secret.as_bytes()).ok();
        let secret = secret.and_then(|octets| <[u8; 32]>::try_from(octets).ok());
        let mut book = Self::new(secret.ok_or(FormatError::Secret)?);
        for (login, entry) in file.account {
            let account = read(&login, entry)?;
            if !book.insert(account) {
                return Err(FormatError::Twice(login));
            }
        }
        Ok(book)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut out = String::from(
            "# Who may log in. Change it with `postrider account`, which keeps no remarks.\n",
        );
        // Writing to a String cannot fail.
        let _ = writeln!(out, "version = {VERSION}\nsecret = \"{}\"", wire::encode(&self.secret));
        for account in self.iter() {
            write(&mut out, account);
        }
        out
    }
}

fn read(login: &str, entry: Entry) -> Result<Account, FormatError> {
    let wrong = |key, expected| FormatError::Value { login: login.to_owned(), key, expected };
    if prepare(login).as_deref() != Ok(login) {
        return Err(wrong("the name", "in prepared form (RFC 4013)"));
    }
    if entry.argon2.as_deref().is_some_and(|hash| !is_hash(hash)) {
        return Err(wrong("argon2", "a hash like $argon2id$v=19$m=19456,t=2,p=1$…$…"));
    }
    let scram = entry.scram.as_deref().map(|text| {
        read_verifier(text)
            .ok_or_else(|| wrong("scram-sha-256", "a verifier like SCRAM-SHA-256$N:SALT$KEY:KEY"))
    });
    let grant = |text: &String| {
        let expected = "an address, \"*@DOMAIN\" or \"*\"";
        text.parse().map_err(|_| wrong("an address", expected))
    };
    Ok(Account {
        login: login.to_owned(),
        argon2: entry.argon2,
        scram: scram.transpose()?,
        name: entry.name,
        addresses: entry.addresses.iter().map(grant).collect::<Result<_, _>>()?,
        disabled: entry.disabled,
    })
}

fn write(out: &mut String, account: &Account) {
    let _ = writeln!(out, "\n[account.{}]", quoted(&account.login));
    if let Some(hash) = &account.argon2 {
        let _ = writeln!(out, "argon2 = {}", quoted(hash));
    }
    if let Some(verifier) = &account.scram {
        let _ = writeln!(out, "scram-sha-256 = {}", quoted(&verifier_text(verifier)));
    }
    if let Some(name) = &account.name {
        let _ = writeln!(out, "name = {}", quoted(name));
    }
    if !account.addresses.is_empty() {
        let list: Vec<_> =
            account.addresses.iter().map(|grant| quoted(&grant.to_string())).collect();
        let _ = writeln!(out, "addresses = [{}]", list.join(", "));
    }
    if account.disabled {
        out.push_str("disabled = true\n");
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn verifier_text(verifier: &Verifier) -> String {
    let [salt, stored, server] =
        [&verifier.salt[..], &verifier.stored_key, &verifier.server_key].map(wire::encode);
    format!("{SCRAM}{}:{salt}${stored}:{server}", verifier.iterations)
}

fn read_verifier(text: &str) -> Option<Verifier> {
    let (cost, keys) = text.strip_prefix(SCRAM)?.split_once('$')?;
    let (iterations, salt) = cost.split_once(':')?;
    let (stored, server) = keys.split_once(':')?;
    let octets = |text: &str| wire::decode(text.as_bytes()).ok();
    let iterations = iterations.parse().ok()?;
    let salt = octets(salt).filter(|salt| !salt.is_empty() && salt.len() <= SALT_MAX)?;
    let fits = (ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations);
    fits.then_some(Verifier {
        salt,
        iterations,
        stored_key: octets(stored)?.try_into().ok()?,
        server_key: octets(server)?.try_into().ok()?,
    })
}
