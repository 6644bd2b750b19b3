//! What only shows in the world: rights, ports, files. `postrider check` tells it, and changes
//! nothing but for a file it makes and removes again.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;

use engine::Asking;
use mail::DomainName;
use nix::unistd::{User, geteuid};
use smtp::grammar::Release;

use super::{Accounts, Config, LoginSource, Problem, Severity, Users, aliases};
use crate::accounts::{Store, StoreError};
use crate::doors::{Proof, secrets};

/// Whether the name system knows an address of `name`, by way of the system's own resolver.
fn has_address(name: &str) -> bool {
    (name, 25).to_socket_addrs().is_ok_and(|mut found| found.next().is_some())
}

impl Config {
    /// Looks whether this host can do what the configuration says, now: errors keep the server from
    /// starting, warnings do not.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_name(has_address, &mut problems);
        self.check_directory(&mut problems);
        self.check_ports(&mut problems);
        self.check_files(&mut problems);
        self.check_secrets(&mut problems);
        self.check_fetches(&mut problems);
        self.check_logins(&mut problems);
        self.check_keys(&mut problems);
        self.check_rights(&mut problems);
        problems.extend(self.trust_anchor().err().unwrap_or_default());
        problems
    }

    /// How answers of the name system are proved.
    ///
    /// # Errors
    /// The trust anchor cannot be used.
    pub fn trust_anchor(&self) -> Result<Proof, Vec<Problem>> {
        self.dns.proof().map_err(|error| {
            let file = self.dns.trust_anchor.as_ref().map(|file| file.display().to_string());
            let title = format!("the trust anchor {}: {error}", file.unwrap_or_default());
            let remedy = "lines like \". IN DNSKEY 257 3 8 AwEAA...\"; without it the public root is trusted";
            vec![self.problem(Severity::Error, "dns.trust-anchor", title, remedy)]
        })
    }

    /// The name that we greet with leads to this host, as far as we can see (RFC 5321 §4.1.4).
    pub(super) fn check_name(
        &self,
        has_address: impl Fn(&str) -> bool,
        problems: &mut Vec<Problem>,
    ) {
        let name = self.hostname.as_str();
        let local = !name.contains('.') || name.ends_with(".localdomain");
        let public = self.addresses().any(|(_, address)| !address.ip().is_loopback());
        if public && (local || !has_address(name)) {
            let title = format!("other hosts cannot find {name}, the name we greet with");
            let remedy = "say hostname = \"…\" with a name that leads to this host in DNS";
            problems.push(self.problem(Severity::Warning, "hostname", title, remedy));
        }
    }

    fn check_directory(&self, problems: &mut Vec<Problem>) {
        if let Err(error) = probe(&self.data_dir) {
            let title = format!("we cannot write to {}: {error}", self.data_dir.display());
            let remedy = "give it to the user who runs the server, or name another data-dir";
            problems.push(self.problem(Severity::Error, "data-dir", title, remedy));
        }
    }

    fn check_ports(&self, problems: &mut Vec<Problem>) {
        for (key, address) in self.addresses() {
            let Err(error) = TcpListener::bind(address) else { continue };
            let title = format!("we cannot listen on {address}: {error}");
            let (severity, remedy) = match error.kind() {
                io::ErrorKind::AddrInUse => (
                    Severity::Warning,
                    "fine if that is the running server; else stop the other program",
                ),
                io::ErrorKind::PermissionDenied => {
                    (Severity::Error, "ports below 1024 need a privilege: CAP_NET_BIND_SERVICE")
                }
                _ => (Severity::Error, "name an address of this host"),
            };
            problems.push(self.problem(severity, &key, title, remedy));
        }
        for source in &self.outbound.source {
            if let Err(error) = TcpListener::bind(SocketAddr::new(source.value, 0)) {
                let title = format!("we cannot connect from {}: {error}", source.value);
                let remedy = "name an address of this host, or none";
                problems.push(self.problem(Severity::Error, "outbound.source", title, remedy));
            }
        }
    }

    /// The file of accounts does not serve.
    pub(crate) fn account_problem(&self, error: &StoreError) -> Problem {
        let remedy = "`postrider account list` shows what is in it";
        self.problem(Severity::Error, "accounts.file", error.to_string(), remedy)
    }

    fn check_logins(&self, problems: &mut Vec<Problem>) {
        match &self.accounts.source.value {
            LoginSource::File => {
                let loaded = Store::new(&self.accounts.file).load();
                problems.extend(loaded.err().map(|error| self.account_problem(&error)));
            }
            LoginSource::Dovecot(socket) => {
                if let Err(error) = UnixStream::connect(socket) {
                    let title = format!("no Dovecot answers at {}: {error}", socket.display());
                    let remedy = "start it, or see unix_listener under service auth in its files";
                    let key = "accounts.source";
                    problems.push(self.problem(Severity::Warning, key, title, remedy));
                }
            }
            LoginSource::Pam(_) => {}
        }
    }

    fn check_files(&self, problems: &mut Vec<Problem>) {
        match Accounts::read(self) {
            Ok(_) if matches!(self.local.users, Users::Table(_)) => {}
            Ok(accounts) if accounts.names().next().is_none() => {
                let title = "nobody has a mailbox here";
                problems.push(self.problem(Severity::Warning, "local.users", title, ""));
            }
            Ok(_) => {}
            Err(errors) => problems.extend(errors),
        }
        problems.extend(aliases::read(self).err().unwrap_or_default());
    }

    /// Whether keys are kept from strangers. Whether they serve, the start tells.
    fn check_keys(&self, problems: &mut Vec<Problem>) {
        use std::os::unix::fs::PermissionsExt;

        let named = self.tls.names.iter().map(|(_, files)| files);
        for files in self.tls.default.iter().chain(named).chain(&self.tls.client) {
            let mode = std::fs::metadata(&files.key.value).map(|file| file.permissions().mode());
            if mode.is_ok_and(|mode| mode & 0o007 != 0) {
                let title = format!("everybody can read the key {}", files.key.display());
                let option = files.option.replace("certificate", "key");
                let remedy = "chmod o= it, and think of a new one";
                problems.push(self.problem(Severity::Warning, &option, title, remedy));
            }
        }
    }

    /// Whether what we show other hosts is there, and kept from strangers.
    fn check_secrets(&self, problems: &mut Vec<Problem>) {
        for known in &self.smarthosts {
            let Some(path) = &known.secret else { continue };
            let Err(why) = secrets::read(&path.value) else { continue };
            let key = format!("smarthost.\"{}\".secret-file", known.host);
            let title = format!("we cannot log in at {}: {why}", known.host);
            let remedy = "mend the file; mail for that host waits until then";
            problems.push(self.problem(Severity::Warning, &key, title, remedy));
        }
    }

    /// Whether the accounts are there whose rights programs and files get, and whether the server may
    /// give them: root may, and so does a server that root starts, with `user`.
    fn check_rights(&self, problems: &mut Vec<Problem>) {
        let pipes = self.pipes.iter().filter_map(|(name, pipe)| {
            Some((format!("pipe.\"{name}\".user"), pipe.value.user.clone()?))
        });
        let aliases = self.local.commands.aliases || self.local.files.aliases;
        let aliases = aliases.then(|| self.local.command_user.clone());
        let aliases = aliases.map(|user| ("local.command-user".to_owned(), user));
        let ours = geteuid();
        for (key, user) in pipes.chain(aliases) {
            let (title, remedy) = match User::from_name(&user) {
                Ok(None) => (
                    format!("there is no account {user}"),
                    "make it, or name another; mail for it waits until then",
                ),
                Ok(Some(account))
                    if account.uid != ours && !ours.is_root() && self.run_as.is_none() =>
                {
                    (
                        format!("only root may give the rights of {user}"),
                        "say `user` and start the server as root, which keeps a process for that; else such \
                         mail waits",
                    )
                }
                Ok(Some(_)) | Err(_) => continue,
            };
            problems.push(self.problem(Severity::Warning, &key, title, remedy));
        }
    }

    /// Whether what we ask other hosts for would be taken here.
    pub(super) fn check_fetches(&self, problems: &mut Vec<Problem>) {
        let ours = |domain: &DomainName| {
            self.local.domains.iter().any(|own| own.value == *domain)
                || self.virtuals.iter().any(|own| own.domain == *domain)
                || self.relay.domains.iter().any(|own| own.value == *domain)
        };
        for fetch in &self.fetches {
            let domains: Vec<&DomainName> = match &fetch.asking {
                Asking::Turn(domains) => domains.iter().collect(),
                // What is below a domain, or in a queue of theirs, only they know.
                Asking::Release(names) => names.iter().filter_map(Release::node).collect(),
            };
            for domain in domains.into_iter().filter(|domain| !ours(domain)) {
                let key = format!("fetch.{}.domains", fetch.name);
                let title = format!("mail for {domain} would be fetched, and refused here");
                let remedy = "name it in [local] domains, as [virtual] or in [relay] domains";
                problems.push(self.problem(Severity::Warning, &key, title, remedy));
            }
        }
    }

    fn addresses(&self) -> impl Iterator<Item = (String, SocketAddr)> {
        self.listeners.iter().flat_map(|listen| {
            let key = format!("listen.{}.address", listen.name);
            listen.addresses.iter().map(move |address| (key.clone(), address.value))
        })
    }
}

/// Writes a file where the data would be, or in the nearest directory that is there.
fn probe(directory: &Path) -> io::Result<()> {
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    let file = there.join(format!(".postrider-check-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&file)?;
    std::fs::remove_file(&file)
}
