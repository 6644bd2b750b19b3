//! A table in a directory (LDAP): a filter with the key in it, escaped (RFC 4515 §3), and the attributes
//! whose values count.
//!
//! Connections are kept, and made anew where they have ended. What the library makes of answers runs in a
//! task of its own: a server that sends nonsense costs one question, not the session that asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::doors::Doing;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions, ldap_escape,
};
use parking_lot::Mutex;
use queue::table::{VALUES_MAX, values};
use rustls::ClientConfig;

use super::Database;
use super::secure;
use crate::config::{DatabaseTls, LdapScope};
use crate::doors::secrets;

/// Where the key goes in a filter.
const KEY: &str = "{key}";

/// What a directory is asked with.
#[derive(Clone, Debug)]
pub struct LdapPlace {
    /// `ldaps://host`, `ldap://host` or `ldapi://%2Frun%2Fslapd%2Fldapi`.
    pub server: String,
    /// As whom; none: anonymously.
    pub bind: Option<String>,
    /// The password is its first line.
    pub password: Option<PathBuf>,
    /// Below which entry.
    pub base: String,
    /// How deep.
    pub scope: LdapScope,
    /// With `{key}` in it.
    pub filter: String,
    /// Whose values count.
    pub attributes: Vec<String>,
    /// How the connection is secured.
    pub tls: DatabaseTls,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A table that is asked with a filter.
pub struct LdapTable(Arc<Directory>);

struct Directory {
    place: LdapPlace,
    tls: Option<Arc<ClientConfig>>,
    idle: Mutex<Vec<Ldap>>,
}

impl LdapTable {
    /// The table at `place`; nothing is dialled yet.
    ///
    /// # Errors
    /// What the operator has to mend.
    pub fn new(place: LdapPlace) -> Result<Self, String> {
        let remedy = "like ldaps://ldap.example.net or ldapi://%2Frun%2Fslapd%2Fldapi";
        let (scheme, rest) =
            place.server.split_once("://").ok_or_else(|| format!("it is no server: {remedy}"))?;
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || host.contains('@') {
            return Err(format!("it must name a host and nobody's login: {remedy}"));
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
            _ => host,
        };
        let tls = match scheme {
            "ldapi" => None,
            "ldap" => secure::client(&place.tls, name)?,
            "ldaps" => match &place.tls {
                DatabaseTls::Required(roots) => {
                    secure::client(&DatabaseTls::Required(roots.clone()), name)?
                }
                _ => secure::client(&DatabaseTls::Required(None), name)?,
            },
            _ => return Err(format!("{scheme} is none of ldaps, ldap and ldapi: {remedy}")),
        };
        if ldap3::parse_filter(filled(&place.filter, "x")).is_err() {
            return Err(format!("{:?} is no filter (RFC 4515)", place.filter));
        }
        Ok(Self(Arc::new(Directory { place, tls, idle: Mutex::default() })))
    }
}

/// The filter with the key, none of whose octets means anything but itself.
fn filled(filter: &str, key: &str) -> String {
    filter.replace(KEY, &ldap_escape(key))
}

impl Database for LdapTable {
    fn look_up<'a>(&'a self, key: &'a str) -> Doing<'a, Result<Vec<String>, String>> {
        let (directory, key) = (self.0.clone(), key.to_owned());
        Box::pin(async move {
            let asked = Asking(tokio::spawn(async move { directory.ask(&key).await }));
            asked.await
        })
    }
}

/// A question in a task of its own, which ends when nobody waits for it any more.
struct Asking(tokio::task::JoinHandle<Result<Vec<String>, String>>);

impl std::future::Future for Asking {
    type Output = Result<Vec<String>, String>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let failed = |_| Err("the answer could not be read".to_owned());
        std::pin::Pin::new(&mut self.0).poll(context).map(|ended| ended.unwrap_or_else(failed))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Directory {
    async fn connect(&self) -> Result<Ldap, String> {
        let mut settings = LdapConnSettings::new().set_conn_timeout(self.place.timeout);
        if let Some(config) = &self.tls {
            let starttls = self.place.server.starts_with("ldap://");
            settings = settings.set_config(config.clone()).set_starttls(starttls);
        }
        let shown = |error: ldap3::LdapError| format!("{}: {error}", self.place.server);
        let connected = LdapConnAsync::with_settings(settings, &self.place.server).await;
        let (driver, mut ldap) = connected.map_err(shown)?;
        // It ends with its last handle.
        tokio::spawn(async move { drop(driver.drive().await) });
        if let Some(bind) = &self.place.bind {
            let password = match &self.place.password {
                Some(path) => secrets::read(path)?,
                // An empty password would bind as nobody (RFC 4513 §5.1.2).
                None => return Err("bind-dn needs a password-file".to_owned()),
            };
            let bound = ldap.with_timeout(self.place.timeout).simple_bind(bind, password.reveal());
            bound.await.and_then(ldap3::LdapResult::success).map_err(shown)?;
        }
        Ok(ldap)
    }

    async fn ask(&self, key: &str) -> Result<Vec<String>, String> {
        loop {
            let Some(mut ldap) = self.idle.lock().pop() else { break };
            match self.search(&mut ldap, key).await {
                Ok(found) => {
                    self.idle.lock().push(ldap);
                    return Ok(found);
                }
                // It ended while nobody looked: another one may serve.
                Err(_) if ldap.is_closed() => {}
                Err(why) => return Err(why),
            }
        }
        let mut ldap = self.connect().await?;
        let found = self.search(&mut ldap, key).await?;
        self.idle.lock().push(ldap);
        Ok(found)
    }

    async fn search(&self, ldap: &mut Ldap, key: &str) -> Result<Vec<String>, String> {
        let LdapPlace { base, filter, attributes, timeout, .. } = &self.place;
        let scope = match self.place.scope {
            LdapScope::Base => Scope::Base,
            LdapScope::One => Scope::OneLevel,
            LdapScope::Subtree => Scope::Subtree,
        };
        let most = i32::try_from(VALUES_MAX).unwrap_or(i32::MAX).saturating_add(1);
        let seconds = i32::try_from(timeout.as_secs().max(1)).unwrap_or(i32::MAX);
        let bounds = SearchOptions::new().sizelimit(most).timelimit(seconds);
        ldap.with_search_options(bounds).with_timeout(*timeout);
        let filter = filled(filter, key);
        let answer = ldap.search(base, scope, &filter, attributes.as_slice()).await;
        let (entries, _) =
            answer.and_then(ldap3::SearchResult::success).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = SearchEntry::construct(entry);
            for attribute in attributes {
                // Servers write names of attributes as they like.
                let same = |(name, _): &(&String, _)| name.eq_ignore_ascii_case(attribute);
                for text in entry.attrs.iter().filter(same).flat_map(|(_, texts)| texts) {
                    found.extend(values(text));
                }
                if entry.bin_attrs.iter().any(|(name, _)| name.eq_ignore_ascii_case(attribute)) {
                    return Err(format!("a value of {attribute} is no text"));
                }
            }
            if found.len() > VALUES_MAX {
                return Err(format!("more than {VALUES_MAX} values stand under one key"));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No key means more than itself (RFC 4515 §3).
    #[test]
    fn keys_are_escaped() {
        let rows = [
            ("ann@example.net", "(mail=ann@example.net)"),
            ("*", r"(mail=\2a)"),
            ("x)(uid=*", r"(mail=x\29\28uid=\2a)"),
            (r"a\b", r"(mail=a\5cb)"),
            ("a\0b", r"(mail=a\00b)"),
            ("{key}", "(mail={key})"),
            ("\u{e4}", "(mail=\u{e4})"),
        ];
        for (key, want) in rows {
            assert_eq!(filled("(mail={key})", key), want);
        }
    }

    #[test]
    fn what_is_no_place() {
        let place = |server: &str, filter: &str| LdapPlace {
            server: server.to_owned(),
            bind: None,
            password: None,
            base: "dc=example".to_owned(),
            scope: LdapScope::Subtree,
            filter: filter.to_owned(),
            attributes: vec!["mail".to_owned()],
            tls: DatabaseTls::Local,
            timeout: Duration::from_secs(1),
        };
        let rows = [
            ("ldap.example", "(uid={key})", "it is no server"),
            ("http://ldap.example", "(uid={key})", "http is none of"),
            ("ldap://", "(uid={key})", "it must name a host"),
            ("ldap://ann:x@localhost", "(uid={key})", "nobody's login"),
            ("ldap://localhost", "(uid={key}", "is no filter"),
        ];
        for (server, filter, want) in rows {
            let why = LdapTable::new(place(server, filter)).err().unwrap_or_default();
            assert!(why.contains(want), "{server}: {why}");
        }
        assert!(
            LdapTable::new(place("ldap://127.0.0.1:1389", "(|(uid={key})(mail={key}))")).is_ok()
        );
    }
}
