//! The configuration: TOML, read once into types that cannot hold nonsense.
//!
//! An empty file, no file and [`Config::default`] are one: a safe local profile, which listens on
//! loopback only, takes mail for this host's users, keeps everything below `./postrider-data`, and
//! needs no privilege. Every problem of a file is told at once, each with its line, what was
//! expected, what was found and what to do. What can only be seen in the world (ports, rights) is
//! left to [`Config::check`]; what a route or an alias means, to the engine.

mod access;
mod accounts;
pub mod aliases;
mod canonical;
mod check;
mod control;
mod copy;
mod destination;
mod dns;
mod entries;
mod fetch;
mod history;
mod host;
mod limits;
mod listen;
mod local;
mod log;
mod logins;
mod masquerade;
mod metrics;
mod options;
mod outbound;
mod pipe;
mod problem;
mod queue;
mod reader;
mod relay;
mod route;
mod smarthost;
mod source;
mod spool;
pub mod srs;
mod submission;
mod surroundings;
mod table;
mod tls;
mod tls_policy;
mod units;
mod virtuals;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::address::DomainName;
use toml::de::DeTable;

pub use access::Access;
pub use accounts::Accounts;
pub use canonical::Canonical;
pub use control::Control;
pub use copy::{Copies, Readers};
pub use destination::Destination;
pub use dns::{Dns, Dnssec};
pub use entries::{Change, Entry, changes, in_effect};
pub use fetch::Fetch;
pub use history::History;
pub use host::RunAs;
pub use limits::Limits;
pub use listen::{Listen, ListenKind, ListenTls};
pub use local::{AliasPlace, Allowances, Local, Users};
pub use log::Log;
pub use logins::{LoginSource, Logins};
pub use masquerade::Masquerade;
pub use metrics::Metrics;
pub use options::sample;
pub use outbound::Outbound;
pub use pipe::Pipe;
pub use problem::{Problem, Severity, Source, Sourced, render};
pub use queue::Queue;
pub use relay::Relay;
pub use route::{RoutePattern, Routes, Way};
pub use smarthost::Smarthost;
pub use spool::SpoolLimits;
pub use srs::Srs;
pub use submission::Submission;
pub use surroundings::Surroundings;
pub use table::{DatabaseTls, LdapScope, Table, TableKind};
pub use tls::{CertificateFiles, TlsFiles};
pub use tls_policy::TlsPolicy;
pub use units::{Share, parse_duration, parse_size};
pub use virtuals::{Named, Virtual};

pub(crate) use options::{OptionDoc, SectionDoc, Shown};
pub(crate) use problem::Text;
pub(crate) use reader::{Gathered, Reader, Section, Value};

/// Octets of a configuration file.
const FILE_MAX: u64 = 1 << 20;

/// All tables in the order of the sample file.
pub(crate) const SECTIONS: &[&SectionDoc] = &[
    &host::DOC,
    &listen::MX,
    &listen::SUBMISSION,
    &tls::DOC,
    &tls::NAMES,
    &logins::DOC,
    &submission::DOC,
    &submission::GRANTS,
    &local::DOC,
    &virtuals::ALIASES,
    &virtuals::DOC,
    &virtuals::ADDRESSES,
    &canonical::DOC,
    &canonical::ADDRESSES,
    &masquerade::DOC,
    &copy::DOC,
    &copy::SENDER,
    &copy::RECIPIENT,
    &srs::DOC,
    &table::FILE,
    &table::SQLITE,
    &table::POSTGRES,
    &table::LDAP,
    &relay::DOC,
    &access::DOC,
    &access::ATRN,
    &route::DOC,
    &route::RECIPIENT,
    &route::SENDER,
    &smarthost::DOC,
    &fetch::DOC,
    &source::DOC,
    &pipe::DOC,
    &outbound::DOC,
    &tls_policy::DOC,
    &dns::DOC,
    &queue::DOC,
    &destination::DOC,
    &limits::DOC,
    &spool::DOC,
    &control::DOC,
    &history::DOC,
    &metrics::DOC,
    &log::DOC,
];

/// Everything that can be said in a configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name: greeting, EHLO, trace fields, Message-ID.
    pub hostname: DomainName,
    /// Where everything we keep is.
    pub data_dir: PathBuf,
    /// Where mail comes in.
    pub listeners: Vec<Listen>,
    /// Certificates and keys.
    pub tls: TlsFiles,
    /// Who may log in.
    pub accounts: Logins,
    /// What they may send.
    pub submission: Submission,
    /// Mail that ends here.
    pub local: Local,
    /// Aliases that are written here.
    pub aliases: Vec<Named>,
    /// Domains with addresses and mailboxes of their own.
    pub virtuals: Vec<Virtual>,
    /// The form of addresses that others are to see.
    pub canonical: Option<Canonical>,
    /// Hosts whose name is hidden behind ours.
    pub masquerade: Option<Masquerade>,
    /// Who gets copies.
    pub copies: Option<Copies>,
    /// Under whose address mail is forwarded off this host.
    pub srs: Option<Srs>,
    /// What other sections look up.
    pub tables: Vec<Table>,
    /// For whom mail is passed on.
    pub relay: Relay,
    /// Who may ask for what is no mail.
    pub access: Access,
    /// How mail goes on.
    pub routes: Routes,
    /// Programs that it may be handed to.
    pub pipes: Vec<(String, Sourced<Pipe>)>,
    /// Addresses that it may go out from.
    pub sources: Vec<source::Source>,
    /// Who we are at hosts that mail is handed to.
    pub smarthosts: Vec<Smarthost>,
    /// Hosts that keep mail for us.
    pub fetches: Vec<Fetch>,
    /// How other hosts are reached.
    pub outbound: Outbound,
    /// How connections to single destinations are secured.
    pub tls_policies: Vec<TlsPolicy>,
    /// Whom to ask for names.
    pub dns: Dns,
    /// How long and how often mail is tried.
    pub queue: Queue,
    /// What single destinations are asked to bear.
    pub destinations: Vec<Destination>,
    /// What one peer may ask of us.
    pub limits: Limits,
    /// How much is held.
    pub spool: SpoolLimits,
    /// Who may look at the queue.
    pub control: Control,
    /// How much is kept of what happened.
    pub history: History,
    /// Figures for those who watch.
    pub metrics: Metrics,
    /// What is logged, and how.
    pub log: Log,
    /// Who the server becomes.
    pub run_as: Option<RunAs>,
    text: Text,
    spans: BTreeMap<String, Range<usize>>,
}

impl Default for Config {
    /// The safe local profile in the surroundings of this process.
    fn default() -> Self {
        read("", "", &Surroundings::of_process()).0
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, in its order.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let text = read_file(path).map_err(|why| {
            let title = format!("the configuration {} cannot be read: {why}", path.display());
            vec![Problem::new(Severity::Error, "", title).remedy("name another with --config")]
        })?;
        Self::parse(&text, &path.to_string_lossy())
    }

    /// Reads the text of a file named `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in its order.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        Self::parse_in(text, file, &Surroundings::of_process())
    }

    /// The same, with defaults that depend on the host taken from `surroundings`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in its order.
    pub fn parse_in(
        text: &str,
        file: &str,
        surroundings: &Surroundings,
    ) -> Result<Self, Vec<Problem>> {
        let (config, problems) = read(text, file, surroundings);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Where the value of `key` (`queue.expire`, `route."example.org"`) came from.
    pub fn source_of(&self, key: &str) -> Source {
        self.spans.get(key).map_or(Source::Default, |span| self.text.source_at(span))
    }

    /// The same for a server that runs with `running`: what it has bound and opened stays.
    #[must_use]
    pub fn kept(mut self, running: &Self) -> Self {
        let mut said = std::mem::take(&mut self.listeners);
        self.listeners = running.listeners.clone();
        for listener in &mut self.listeners {
            if let Some(at) = said.iter().position(|one| one.name == listener.name) {
                let addresses = std::mem::take(&mut listener.addresses);
                *listener = Listen { addresses, ..said.swap_remove(at) };
            }
        }
        self.spool = running.spool.clone();
        self.metrics = running.metrics.clone();
        self.log = running.log;
        self.run_as = running.run_as.clone();
        self
    }

    /// A problem with the value of `key` that only shows later, with its place in the file.
    pub fn problem(
        &self,
        severity: Severity,
        key: &str,
        title: impl Into<String>,
        remedy: &str,
    ) -> Problem {
        let problem = Problem::new(severity, key, title).remedy(remedy);
        match self.spans.get(key) {
            Some(span) => problem.at(&self.text, span.clone()),
            None => problem,
        }
    }
}

pub(crate) fn read_file(path: &Path) -> Result<String, String> {
    use std::io::Read;

    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    let read =
        file.take(FILE_MAX + 1).read_to_end(&mut octets).map_err(|error| error.to_string())?;
    if u64::try_from(read).is_ok_and(|read| read > FILE_MAX) {
        return Err("it is larger than 1 MiB".into());
    }
    String::from_utf8(octets).map_err(|_| "it is not UTF-8 text".into())
}

/// Reads as much as can be read: with problems, only they count.
fn read(text: &str, file: &str, surroundings: &Surroundings) -> (Config, Vec<Problem>) {
    let text = Text { file: file.into(), text: text.into() };
    let shared = Arc::clone(&text.text);
    let (table, errors) = DeTable::parse_recoverable(&shared);
    let syntax = errors.iter().map(|error| {
        let span = error.span().unwrap_or(0..0);
        let title = format!("this is not TOML: {}", error.message());
        Problem::new(Severity::Error, "", title).at(&text, span)
    });
    let syntax: Vec<Problem> = syntax.collect();
    // After a syntax error tables may be cut short: what they lack would be told as well.
    let empty = DeTable::default();
    let table = if syntax.is_empty() { table.get_ref() } else { &empty };
    let reader = Reader::new(text.clone(), surroundings.base_of(file));
    let mut config = read_tables(&reader, table, surroundings);
    let gathered = reader.finish();
    config.text = text;
    config.spans = gathered.spans;
    (config, syntax.into_iter().chain(gathered.problems).collect())
}

fn read_tables(reader: &Reader, table: &DeTable<'_>, surroundings: &Surroundings) -> Config {
    let top = reader.top(table);
    let tables = [
        "listen",
        "accounts",
        "submission",
        "local",
        "alias",
        "virtual",
        "canonical",
        "masquerade",
        "copy",
        "srs",
        "table",
        "relay",
        "access",
        "route",
        "smarthost",
        "fetch",
        "source",
        "pipe",
        "outbound",
        "tls-policy",
        "dns",
        "queue",
        "destination",
        "limits",
        "spool",
        "control",
        "history",
        "metrics",
        "log",
        "tls",
    ];
    top.only(&host::DOC, &tables);
    let host = host::read(&top, surroundings);
    let tables = table::read(&top.table("table"));
    let local = local::read(&top.table("local"), &host, surroundings, &tables);
    let smarthosts = smarthost::read(&top.table("smarthost"));
    let pipes = pipe::read(&top.table("pipe"));
    let sources = source::read(&top.table("source"));
    let named =
        route::Named { pipes: &pipes, sources: &sources, smarthosts: &smarthosts, tables: &tables };
    let routes = route::read(&top.table("route"), &named);
    let fetches = fetch::read(&top.table("fetch"), &named);
    Config {
        listeners: listen::read(&top),
        tls: tls::read(&top.table("tls")),
        accounts: logins::read(&top.table("accounts"), &host.data_dir),
        submission: submission::read(&top.table("submission")),
        srs: srs::read(&top.table("srs"), &host, &local.domains),
        aliases: virtuals::read_named(&top.table("alias")),
        virtuals: virtuals::read(&top.table("virtual"), &host, &local.domains, &tables),
        local,
        canonical: canonical::read(&top.table("canonical"), &tables),
        masquerade: masquerade::read(&top.table("masquerade")),
        copies: copy::read(&top.table("copy"), &tables),
        tables,
        relay: relay::read(&top.table("relay")),
        access: access::read(&top.table("access")),
        routes,
        pipes,
        sources,
        smarthosts,
        fetches,
        outbound: outbound::read(&top.table("outbound")),
        tls_policies: tls_policy::read(&top.table("tls-policy")),
        dns: dns::read(&top.table("dns")),
        queue: queue::read(&top.table("queue")),
        destinations: destination::read(&top.table("destination")),
        limits: limits::read(&top.table("limits")),
        spool: spool::read(&top.table("spool")),
        control: control::read(&top.table("control")),
        history: history::read(&top.table("history")),
        metrics: metrics::read(&top.table("metrics")),
        log: log::read(&top.table("log")),
        run_as: host.run_as,
        hostname: host.hostname,
        data_dir: host.data_dir,
        text: Text::default(),
        spans: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests;
