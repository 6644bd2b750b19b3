//! From the configuration to what the engine is told. Names and numbers are checked by `config`;
//! what only the world can judge is judged here, with its place in the file.

mod tables;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Detail, Logins};
use engine::{
    EarlyTalkers, ListenOptions, Options, ProofSource, Provider, Smarthost, Smarthosts, TlsLevels,
    Transports,
};
use mail::Mailbox;
use queue::access::{Access, Forwarding, Users};
use queue::copy::{Copies, Reader};
use queue::domains::DomainPattern;
use queue::lockout;
use queue::program::Program;
use queue::rewrite::{Canonical, Masquerade, Rewriting};
use queue::route::{Routes, Rule, Via};
use queue::schedule::Schedule;
use queue::schedule::limits::{LimitTable, Limits, Told};
use queue::submission::Rules;
use queue::trust::{Silence, Trust};
use smtp::client::Timeouts;
use smtp::grammar::Extensions;
use smtp::server::{Authentication, Kind, SessionOptions};

use crate::accounts::Store;
use crate::config::aliases::{Directory, rule_source};
use crate::config::{
    self, Accounts, CertificateFiles, Config, Listen, ListenKind, ListenTls, LoginSource, Problem,
    Severity, Share, Sourced, Way, aliases,
};
use crate::doors::history::Bounds;
use crate::doors::tls::{self, LoadError, Material};
use crate::doors::{DovecotLogins, FileLogins, ForwardPlace, Granted, SystemRandom, Templates};

pub use self::tables::{Tables, probe as probe_tables, tables};

/// How long a connection may take to be made: with ten addresses an attempt ends in five minutes.
const CONNECT: Duration = Duration::from_secs(30);
/// Failed logins before a session is ended: RFC 4954 §9 asks for three at least.
const LOGINS_FAILED: u32 = 5;
/// Octets of content kept in memory from reception to first attempt.
const MEMORY: u64 = 128 * 1024 * 1024;

/// What the engine is told.
///
/// # Errors
/// Everything in the configuration that shows only now.
pub fn options(config: &Config) -> Result<Options, Vec<Problem>> {
    let accounts = Accounts::read(config)?;
    let directory = aliases::read(config)?;
    Ok(Options {
        hostname: config.hostname.clone(),
        node: 0,
        access: access(config, &accounts, directory),
        routes: routes(config),
        schedule: schedule(config),
        rewriting: rewriting(config),
        copies: copies(config),
        srs: srs(config)?,
        lockout: lockout(config),
        submission: Rules {
            foreign_from: config.submission.foreign_from,
            remove_bcc: config.submission.remove_bcc,
        },
        rates: config.submission.rates,
        trust: trust(config),
        clients: clients(config),
        limits: limits(config),
        double_bounces: config.queue.double_bounces,
        outbound_port: config.outbound.port,
        chunking: config.outbound.chunking,
        smarthosts: smarthosts(config),
        transports: transports(config),
        providers: providers(config),
        tls_levels: tls_levels(config),
        eight_bit: config.outbound.eight_bit,
        connections: Told {
            value: config.outbound.connections,
            source: rule_source(&config.source_of("outbound.connections")),
        },
        outbound_source: values(&config.outbound.source),
        own_addresses: values(&config.outbound.own_addresses),
        own_ports: places(config).map(|place| place.port()).collect(),
        connect_timeout: CONNECT,
        timeouts: Timeouts::default(),
        paused: config.queue.paused,
        sessions: config.limits.sessions,
        memory: MEMORY,
        zone: jiff::ZonedDateTime::now().offset().seconds() / 60,
    })
}

fn values<T: Clone>(list: &[Sourced<T>]) -> Vec<T> {
    list.iter().map(|item| item.value.clone()).collect()
}

fn places(config: &Config) -> impl Iterator<Item = SocketAddr> {
    config.listeners.iter().flat_map(|listener| &listener.addresses).map(|place| place.value)
}

fn access(config: &Config, accounts: &Accounts, directory: Directory) -> Access {
    let local = &config.local;
    let mut access = Access {
        local_domains: config.local.domains.iter().map(|domain| domain.value.clone()).collect(),
        users: match &local.users {
            config::Users::Table(name) => Users::Table(name.value.clone()),
            _ => Users::listed(accounts.names()),
        },
        aliases: Arc::new(directory.aliases),
        alias_tables: directory.tables,
        virtuals: directory.virtuals,
        tag: local.tag,
        roles: values(&local.roles).into_iter().collect(),
        forwarding: local.forward.as_ref().map(|_| Forwarding {
            commands: local.commands.forward.clone(),
            files: local.files.forward.clone(),
        }),
        postmaster: accounts.postmaster().to_owned(),
        relay_networks: values(&config.relay.networks),
        own_literals: places(config)
            .map(|place| place.ip())
            .filter(|ip| !ip.is_unspecified())
            .collect(),
        ..Access::new(config.hostname.clone())
    };
    access.own_literals.extend(values(&config.outbound.own_addresses));
    for domain in &config.relay.domains {
        access
            .relay_domains
            .insert(DomainPattern::Exact(domain.value.clone()), rule_source(&domain.source));
    }
    access
}

/// Where mailboxes are.
pub fn templates(config: &Config) -> Templates {
    let virtuals = config.virtuals.iter();
    let virtuals = virtuals.map(|own| (own.domain.clone(), Arc::new(own.mailbox.clone())));
    Templates {
        local: Arc::new(config.local.mailbox.value.clone()),
        virtuals: virtuals.collect(),
        quota: config.local.quota,
    }
}

/// Where a `.forward` is.
pub fn forward_place(config: &Config) -> Option<ForwardPlace> {
    config.local.forward.as_ref().map(|place| place.value.clone())
}

fn via(way: &Way) -> Via {
    Via {
        from: way.source.as_ref().map(|name| name.value.as_str().into()),
        login: way.login.as_ref().map(|name| name.value.as_str().into()),
    }
}

fn routes(config: &Config) -> Routes {
    let rule = |route: &Way| Rule {
        transport: route.to.value.clone(),
        via: via(route),
        source: rule_source(&route.to.source),
    };
    let routes = &config.routes;
    let mut made = Routes {
        default: rule(&routes.default),
        sender_tables: routes.sender_tables.clone(),
        ..Routes::default()
    };
    for (pattern, way) in &routes.domains {
        made.table.insert(pattern.clone(), rule(way));
    }
    for (pattern, way) in &routes.recipients {
        made.recipients.insert(pattern.clone(), rule(way));
    }
    for (pattern, way) in &routes.senders {
        made.senders.insert(pattern.clone(), rule(way));
    }
    made
}

/// What routes refer to by name.
fn transports(config: &Config) -> Transports {
    let programs = config.pipes.iter().map(|(name, pipe)| {
        let program = Program { source: rule_source(&pipe.source), ..pipe.value.clone() };
        (name.as_str().into(), Arc::new(program))
    });
    let sources = config.sources.iter().map(|source| {
        let addresses = values(&source.addresses);
        (source.name.as_str().into(), engine::Source { addresses, hello: source.hello.clone() })
    });
    Transports {
        programs: programs.collect(),
        sources: sources.collect(),
        return_over_quota: config.local.return_over_quota,
    }
}

fn smarthosts(config: &Config) -> Smarthosts {
    let known = config.smarthosts.iter().map(|known| {
        let name = |path: &Sourced<PathBuf>| path.value.to_string_lossy().into_owned();
        let proof = match &known.secret {
            Some(path) if known.is_token => ProofSource::Token(name(path)),
            Some(path) => ProofSource::Password(name(path)),
            None => ProofSource::Certificate,
        };
        let smarthost = Smarthost {
            login: known.login.clone(),
            proof,
            mechanisms: known.mechanisms.clone(),
            clear: known.allow_clear,
        };
        ((known.host.clone(), known.name.as_str().into()), smarthost)
    });
    known.collect()
}

/// The hosts that keep mail for us.
fn providers(config: &Config) -> Vec<Provider> {
    let one = |fetch: &config::Fetch| {
        let listener = Listen {
            name: fetch.name.clone(),
            addresses: Vec::new(),
            kind: ListenKind::Mx,
            tls: ListenTls::None,
            tls_required: false,
            proxies: Vec::new(),
            greet_pause: Duration::ZERO,
            pass_early_talkers: false,
        };
        // Bounds against strangers are not for whom we call.
        let bare = SessionOptions {
            transactions: None,
            recipient_domains: None,
            ..session(config, &listener)
        };
        Provider {
            name: fetch.name.as_str().into(),
            host: format!("{}{}", fetch.from.to.value, via(&fetch.from)),
            asking: fetch.asking.clone(),
            every: fetch.every,
            session: Arc::new(bare),
            source: rule_source(&fetch.source),
        }
    };
    config.fetches.iter().map(one).collect()
}

fn tls_levels(config: &Config) -> TlsLevels {
    let mut levels = TlsLevels::all(config.outbound.tls);
    for policy in &config.tls_policies {
        levels.table.insert(policy.pattern.clone(), policy.level.value);
    }
    levels
}

fn schedule(config: &Config) -> Schedule {
    Schedule {
        retry: config.queue.retry.clone(),
        expire: config.queue.expire,
        expire_null: config.queue.expire_reports,
        expire_urgent: config.queue.expire_urgent,
        expire_bulk: config.queue.expire_bulk,
        delay_notice: config.queue.delay_notice,
        delay_notice_urgent: config.queue.delay_notice_urgent,
        delay_notice_bulk: config.queue.delay_notice_bulk,
        ..Schedule::default()
    }
}

fn limits(config: &Config) -> LimitTable {
    let queue = &config.queue;
    let source = |key: &str| rule_source(&config.source_of(&format!("queue.destination-{key}")));
    let default = Limits {
        connections: Told { value: queue.destination_connections, source: source("connections") },
        letters: Told { value: queue.destination_letters, source: source("letters") },
        recipients: Told { value: queue.destination_recipients, source: source("recipients") },
        rate: Told { value: queue.destination_rate, source: source("rate") },
    };
    let mut limits = LimitTable { default: default.clone(), ..LimitTable::default() };
    for destination in &config.destinations {
        let own = Limits {
            connections: told(&destination.connections, &default.connections),
            letters: told(&destination.letters, &default.letters),
            recipients: told(&destination.recipients, &default.recipients),
            rate: told(&destination.rate, &default.rate),
        };
        limits.table.insert(destination.pattern.clone(), own);
    }
    limits
}

fn told<T: Clone>(own: &Option<Sourced<T>>, default: &Told<T>) -> Told<T> {
    match own {
        Some(own) => Told { value: own.value.clone(), source: rule_source(&own.source) },
        None => default.clone(),
    }
}

fn lockout(config: &Config) -> lockout::Limits {
    lockout::Limits {
        login: config.accounts.login_failures,
        address: config.accounts.address_failures,
        forget: config.accounts.forget_failures,
        ..lockout::Limits::default()
    }
}

/// The accounts that the configuration names.
///
/// # Errors
/// The file of accounts does not serve.
pub async fn logins(config: &Config) -> Result<Arc<dyn Logins>, Vec<Problem>> {
    let source: Arc<dyn Logins> = match &config.accounts.source.value {
        LoginSource::File => {
            let logins = FileLogins::new(Store::new(&config.accounts.file));
            Arc::new(logins.map_err(|error| vec![config.account_problem(&error)])?)
        }
        LoginSource::Dovecot(socket) => Arc::new(DovecotLogins::new(socket).await),
        #[cfg(feature = "pam")]
        LoginSource::Pam(service) => Arc::new(crate::doors::logins::PamLogins::new(service)),
        #[cfg(not(feature = "pam"))]
        LoginSource::Pam(_) => Arc::new(engine::doors::NoLogins),
    };
    if config.submission.grants.is_empty() {
        return Ok(source);
    }
    Ok(Arc::new(Granted::new(source, config.submission.grants.clone())))
}

/// Under whose address mail is forwarded.
fn srs(config: &Config) -> Result<Option<queue::srs::Srs>, Vec<Problem>> {
    let Some(srs) = &config.srs else { return Ok(None) };
    let secrets = crate::config::srs::secrets(config, srs)?;
    let secrets = secrets.iter().map(|secret| secret.as_bytes().into()).collect();
    Ok(Some(queue::srs::Srs { domain: srs.domain.value.clone(), secrets }))
}

/// Which addresses become others.
fn rewriting(config: &Config) -> Rewriting {
    let masquerade = config.masquerade.as_ref().map(|hidden| Masquerade {
        domain: hidden.domain.value.clone(),
        hosts: values(&hidden.hosts),
        except: hidden.except.clone(),
        except_hosts: hidden.except_hosts.clone(),
        scope: hidden.scope.clone(),
        source: rule_source(&hidden.source),
    });
    let line = |(key, line): (&String, &Sourced<String>)| {
        (key.clone(), (line.value.clone(), rule_source(&line.source)))
    };
    let canonical = config.canonical.as_ref().map(|canonical| Canonical {
        lines: canonical.lines.iter().map(line).collect(),
        tables: canonical.tables.clone(),
        sender_tables: canonical.sender_tables.clone(),
        recipient_tables: canonical.recipient_tables.clone(),
        scope: canonical.scope.clone(),
    });
    Rewriting { canonical, masquerade }
}

/// Who gets copies.
fn copies(config: &Config) -> Option<Copies> {
    let said = config.copies.as_ref()?;
    let readers = |readers: &config::Readers| -> Vec<Reader> {
        let reader = |reader: &Sourced<Mailbox>| Reader {
            mailbox: reader.value.clone(),
            source: rule_source(&reader.source),
        };
        readers.iter().map(reader).collect()
    };
    let mut copies = Copies {
        always: readers(&said.always),
        sender_tables: said.sender_tables.clone(),
        recipient_tables: said.recipient_tables.clone(),
        reverse_path: said.reverse_path.clone(),
        ..Copies::default()
    };
    for (pattern, who) in &said.senders {
        copies.senders.insert(pattern.clone(), readers(who));
    }
    for (pattern, who) in &said.recipients {
        copies.recipients.insert(pattern.clone(), readers(who));
    }
    Some(copies)
}

/// The certificates and keys that the configuration names, read.
///
/// # Errors
/// Each file that does not serve, with the place in the configuration that names it.
pub fn certificates(config: &Config) -> Result<Material, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut told = |option: &str, error: LoadError| {
        let remedy = "PEM files: the certificate of this host first, then those of its authorities";
        problems.push(config.problem(Severity::Error, option, error.to_string(), remedy));
    };
    let mut certified = |files: &CertificateFiles| {
        let read = tls::certified(&files.certificate.value, &files.key.value);
        read.map_err(|error| told(&files.option, error)).ok()
    };
    let default = config.tls.default.as_ref().and_then(&mut certified);
    let named: Vec<_> = config
        .tls
        .names
        .iter()
        .filter_map(|(name, files)| Some((name.clone(), certified(files)?)))
        .collect();
    let client = config.tls.client.as_ref().and_then(&mut certified);
    let mut roots = |option: &str, path: &Option<Sourced<PathBuf>>| {
        tls::roots(&path.as_ref()?.value).map_err(|error| told(option, error)).ok()
    };
    let material = Material {
        names: default.map(|default| tls::Names::new(default, named)),
        roots: roots("tls.roots", &config.tls.roots),
        client_roots: roots("tls.client-roots", &config.tls.client_roots),
        client,
        only_tls13: config.tls.only_tls13,
    };
    if problems.is_empty() { Ok(material) } else { Err(problems) }
}

/// What the spool is told.
pub fn spool(config: &Config) -> spool_log::Options {
    let random = Arc::new(|| engine::doors::Random::next(&SystemRandom));
    spool_log::Options {
        max_messages: usize::try_from(config.spool.messages).unwrap_or(usize::MAX),
        max_octets: match config.spool.size {
            Share::Octets(octets) => octets,
            Share::Percent(percent) => capacity(&config.data_dir) / 100 * u64::from(percent),
        },
        min_free_octets: config.spool.free_space,
        min_free_files: config.spool.free_inodes,
        ..spool_log::Options::new(random)
    }
}

/// Octets of the file system below `folder`; where it does not say, its free space is the only limit.
fn capacity(folder: &Path) -> u64 {
    let known = nix::sys::statvfs::statvfs(folder);
    known.map_or(u64::MAX, |known| known.blocks().saturating_mul(known.fragment_size()))
}

/// How much is kept of what happened to letters.
pub fn history(config: &Config) -> (Detail, Bounds) {
    let config::History { keep, size, detail } = config.history;
    (if size == 0 { Detail::Off } else { detail }, Bounds { keep, size })
}

fn trust(config: &Config) -> Trust {
    let access = &config.access;
    Trust {
        verify: values(&access.verify),
        silence: match access.verify_not_served {
            true => Silence::NotServed,
            false => Silence::Unverified,
        },
        release: values(&access.etrn),
        proxy: values(&access.xclient),
        turn: access.atrn.clone(),
    }
}

fn clients(config: &Config) -> queue::clients::Limits {
    let limits = &config.limits;
    queue::clients::Limits {
        connections: limits.client_connections,
        connection_rate: limits.client_connection_rate,
        message_rate: limits.client_message_rate,
        mistakes: limits.client_errors,
        tarpit: limits.tarpit,
    }
}

/// What a listener is told.
pub fn listener(config: &Config, listener: &Listen) -> ListenOptions {
    let early_talkers = match listener.pass_early_talkers {
        true => EarlyTalkers::Tell,
        false => EarlyTalkers::Refuse,
    };
    ListenOptions {
        session: session(config, listener),
        implicit_tls: listener.tls == ListenTls::Implicit,
        proxies: values(&listener.proxies),
        greet_pause: listener.greet_pause,
        early_talkers,
    }
}

/// What the sessions of a listener are told.
fn session(config: &Config, listener: &Listen) -> SessionOptions {
    let kind = match listener.kind {
        ListenKind::Mx => Kind::Mx,
        ListenKind::Submission => Kind::Submission,
        ListenKind::Lmtp => Kind::Lmtp,
        ListenKind::Odmr => Kind::Odmr,
    };
    let limits = &config.limits;
    let some = |number: u32| Some(number).filter(|&number| number != 0);
    let authentication = matches!(kind, Kind::Submission | Kind::Odmr).then(|| Authentication {
        // Those of the accounts.
        mechanisms: Vec::new(),
        relayed: Vec::new(),
        clear: config.accounts.clear_text,
        // ATRN says so itself.
        required: kind == Kind::Submission,
        failures: LOGINS_FAILED,
    });
    SessionOptions {
        authentication,
        message_size: config.limits.message_size,
        recipients: config.limits.recipients,
        command_timeout: config.limits.command_timeout,
        data_timeout: config.limits.data_timeout,
        handshake_timeout: config.limits.handshake_timeout,
        errors: config.limits.errors,
        starttls: listener.tls == ListenTls::Starttls,
        tls_required: listener.tls_required,
        transactions: some(limits.session_messages),
        recipient_domains: Some(limits.recipient_domains).filter(|&number| number != 0),
        deliver_by_min: limits.deliver_by_min,
        hold_max: limits.hold_max,
        extensions: Extensions { future_release: !limits.hold_max.is_zero(), ..Extensions::ALL },
        ..SessionOptions::new(config.hostname.to_string(), kind)
    }
}

/// Where authors of this host hand in mail: submission listeners first, loopback before others.
pub fn submission(config: &Config) -> Vec<SocketAddr> {
    let mut places: Vec<(bool, bool, SocketAddr)> = config
        .listeners
        .iter()
        .filter(|listener| matches!(listener.kind, ListenKind::Mx | ListenKind::Submission))
        .flat_map(|listener| {
            let mx = listener.kind != ListenKind::Submission;
            listener.addresses.iter().map(move |place| (mx, !place.ip().is_loopback(), place.value))
        })
        .collect();
    places.sort();
    let reachable = |mut place: SocketAddr| {
        if place.ip().is_unspecified() {
            let loopback = if place.is_ipv4() { "127.0.0.1" } else { "::1" };
            loopback.parse().into_iter().for_each(|loopback| place.set_ip(loopback));
        }
        place
    };
    places.into_iter().map(|(_, _, place)| reachable(place)).collect()
}
