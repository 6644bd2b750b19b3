//! A running server and its configuration: what it was told last, and how it is told anew.
//!
//! A reload reads everything that the start reads (the file, accounts, aliases, certificates, the
//! trust anchor) and makes of it what the engine and its doors need. Only when all of that has
//! succeeded is anything replaced, by steps that cannot fail; on any error the server goes on as it
//! was. What only a start can do (addresses, the spool) keeps its value and is named.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use engine::Engine;
use engine::doors::{History, Logins, MemoryShelf, Names, NoHistory, Shelf, Web, World};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use spool::Spool;
use tracing::{error, info};

use crate::config::{self, Change, Config, Entry, Problem, Severity};
use crate::doors::history::FileHistory;
use crate::doors::tls::Material;
use crate::doors::{
    FileForwards, FileMailboxes, FileSecrets, FileShelf, HttpsWeb, NamedTables, Replaceable,
    Runtime, RustlsTls, Stub, SystemClock, SystemCommands, SystemRandom, TcpNetwork, Templates,
};
use crate::plan;
use crate::rights::Keeper;

/// The doors that open on something else after a reload.
pub struct Doors {
    tls: Arc<RustlsTls>,
    logins: Arc<Replaceable<dyn Logins>>,
    names: Arc<Replaceable<dyn Names>>,
    web: Arc<Replaceable<dyn Web>>,
    tables: Arc<NamedTables>,
    mailboxes: Arc<FileMailboxes>,
    /// Does what only root may.
    keeper: Option<Arc<Keeper>>,
    history: OnceLock<Arc<FileHistory>>,
    forwards: Arc<FileForwards>,
}

/// What a configuration makes of them: read, checked, and not in use yet.
struct Prepared {
    material: Material,
    logins: Arc<dyn Logins>,
    names: Arc<dyn Names>,
    web: Arc<dyn Web>,
    tables: plan::Tables,
    templates: Templates,
}

async fn prepare(config: &Config, tls: &Arc<RustlsTls>) -> Result<Prepared, Vec<Problem>> {
    let proof = config.trust_anchor()?;
    let material = plan::certificates(config)?;
    let names: Arc<dyn Names> = Arc::new(Stub::new(config.dns.name_servers().0, proof));
    let web = HttpsWeb::new(names.clone(), tls.clone(), config.outbound.policy_port);
    Ok(Prepared {
        material,
        logins: plan::logins(config).await?,
        names,
        web: Arc::new(web),
        tables: plan::tables(config)?,
        templates: plan::templates(config),
    })
}

fn no_tls(config: &Config, why: &str) -> Vec<Problem> {
    let title = format!("TLS does not start: {why}");
    vec![config.problem(
        Severity::Error,
        "tls.certificate",
        title,
        "see that key and chain belong together",
    )]
}

impl Doors {
    /// The doors as `config` says.
    ///
    /// # Errors
    /// What keeps one of them shut.
    pub async fn open(config: &Config) -> Result<Self, Vec<Problem>> {
        let tls =
            RustlsTls::new(plan::certificates(config)?).map_err(|why| no_tls(config, &why))?;
        let tls = Arc::new(tls);
        let prepared = prepare(config, &tls).await?;
        Ok(Self {
            logins: Replaceable::new(prepared.logins),
            names: Replaceable::new(prepared.names),
            web: Replaceable::new(prepared.web),
            tables: Arc::new(NamedTables::new(prepared.tables)),
            mailboxes: Arc::new(FileMailboxes::new(prepared.templates, config.hostname.as_str())),
            keeper: None,
            forwards: Arc::new(FileForwards::new(plan::forward_place(config))),
            tls,
            history: OnceLock::new(),
        })
    }

    /// Doors for questions alone: no certificate is shown and nobody logs in, so whoever may read the
    /// configuration may ask.
    ///
    /// # Errors
    /// What keeps one of them shut.
    pub fn to_ask(config: &Config) -> Result<Self, Vec<Problem>> {
        let tls = RustlsTls::new(Material::default()).map_err(|why| no_tls(config, &why))?;
        let tls = Arc::new(tls);
        let proof = config.trust_anchor()?;
        let names: Arc<dyn Names> = Arc::new(Stub::new(config.dns.name_servers().0, proof));
        let web = HttpsWeb::new(names.clone(), tls.clone(), config.outbound.policy_port);
        let template = config.local.mailbox.value.clone();
        Ok(Self {
            logins: Replaceable::new(Arc::new(engine::doors::NoLogins)),
            names: Replaceable::new(names),
            web: Replaceable::new(Arc::new(web)),
            tables: Arc::new(NamedTables::new(plan::tables(config)?)),
            mailboxes: Arc::new(FileMailboxes::new(template, config.hostname.as_str())),
            keeper: None,
            forwards: Arc::new(FileForwards::new(plan::forward_place(config))),
            history: OnceLock::new(),
            tls,
        })
    }

    /// Programs and files of other users are left to `keeper`.
    pub fn keep_rights(&mut self, keeper: Keeper) {
        let keeper = Arc::new(keeper);
        self.mailboxes.keep_rights(keeper.clone());
        self.keeper = Some(keeper);
    }

    /// The world of questions alone: what is learnt is forgotten.
    pub fn asking(&self, spool: Arc<dyn Spool>) -> World {
        self.over(Arc::new(MemoryShelf::default()), Arc::new(NoHistory), spool)
    }

    /// All doors on the real world, over `spool`.
    ///
    /// A history that cannot be opened is done without, and told: mail is not to wait for it.
    pub fn world(&self, config: &Config, spool: Arc<dyn Spool>) -> World {
        let (detail, bounds) = plan::history(config);
        let history: Arc<dyn History> =
            match FileHistory::open(&config.data_dir, detail, bounds).map(Arc::new) {
                Ok(history) => self.history.get_or_init(|| history).clone(),
                Err(error) => {
                    error!(event = "history.closed", %error, "nothing is told of letters");
                    Arc::new(NoHistory)
                }
            };
        self.over(Arc::new(FileShelf::new(&config.data_dir)), history, spool)
    }

    fn over(
        &self,
        shelf: Arc<dyn Shelf>,
        history: Arc<dyn History>,
        spool: Arc<dyn Spool>,
    ) -> World {
        World {
            history,
            tasks: Arc::new(Runtime),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            network: Arc::new(TcpNetwork),
            tls: self.tls.clone(),
            secrets: Arc::new(FileSecrets),
            logins: self.logins.clone(),
            names: self.names.clone(),
            web: self.web.clone(),
            commands: Arc::new(SystemCommands::with(self.keeper.clone())),
            shelf,
            tables: self.tables.clone(),
            mailboxes: self.mailboxes.clone(),
            forwards: self.forwards.clone(),
            spool,
        }
    }

    /// Puts what was prepared in place. The certificates come first: only they can fail.
    fn replace(&self, config: &Config, prepared: Prepared) -> Result<(), Vec<Problem>> {
        self.tls.replace(prepared.material).map_err(|why| no_tls(config, &why))?;
        self.logins.replace(prepared.logins);
        self.names.replace(prepared.names);
        self.web.replace(prepared.web);
        if let Some(history) = self.history.get() {
            let (detail, bounds) = plan::history(config);
            history.configure(detail, bounds);
        }
        self.mailboxes.move_to(prepared.templates, config.hostname.as_str());
        self.forwards.move_to(plan::forward_place(config));
        self.tables.replace(prepared.tables);
        Ok(())
    }
}

/// What a reload came to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reloaded {
    /// The file that was read; none: the safe local profile.
    pub file: Option<String>,
    /// What is not as it was.
    pub changes: Vec<Change>,
}

/// A running server.
pub struct Running {
    file: Option<PathBuf>,
    engine: Engine,
    doors: Doors,
    now: Mutex<Now>,
    /// One reload at a time.
    turn: tokio::sync::Mutex<()>,
}

/// What it was told last, but for what waits for the next start.
struct Now {
    config: Arc<Config>,
    entries: Vec<Entry>,
}

impl Running {
    /// A server that runs with `config`, which was read from `file`.
    pub fn new(file: Option<PathBuf>, config: Config, engine: Engine, doors: Doors) -> Self {
        let now = Now { entries: config.entries(), config: Arc::new(config) };
        Self { file, engine, doors, now: Mutex::new(now), turn: tokio::sync::Mutex::default() }
    }

    /// The file that is read.
    pub fn file(&self) -> Option<String> {
        self.file.as_ref().map(|file| file.display().to_string())
    }

    /// The configuration of now, key by key.
    pub fn entries(&self) -> Vec<Entry> {
        self.now.lock().entries.clone()
    }

    /// Reads the configuration anew and goes on with it. The log tells what came of it.
    ///
    /// # Errors
    /// Everything that is wrong with it; then nothing has changed.
    pub async fn reload(&self) -> Result<Reloaded, Vec<Problem>> {
        let _turn = self.turn.lock().await;
        match self.replace().await {
            Ok(changes) => {
                for change in &changes {
                    let Change { key, before, after, place, .. } = change;
                    let (before, after) = (before.as_deref(), after.as_deref());
                    match change.restart {
                        false => info!(event = "config.changed", key, before, after, place),
                        true => info!(
                            event = "config.waits",
                            key, before, after, place, "it counts from the next start on"
                        ),
                    }
                }
                info!(event = "config.reloaded", file = self.file(), changes = changes.len());
                Ok(Reloaded { file: self.file(), changes })
            }
            Err(problems) => {
                for problem in &problems {
                    error!(event = "config.wrong", %problem);
                }
                let errors = problems.len();
                error!(event = "config.kept", file = self.file(), errors, "nothing was changed");
                Err(problems)
            }
        }
    }

    async fn replace(&self) -> Result<Vec<Change>, Vec<Problem>> {
        let (old, before) = {
            let now = self.now.lock();
            (now.config.clone(), now.entries.clone())
        };
        let said = match &self.file {
            Some(file) => Config::load(file)?,
            None => Config::default(),
        };
        same_home(&old, &said)?;
        let entries = said.entries();
        let config = said.kept(&old);
        let options = plan::options(&config)?;
        let prepared = prepare(&config, &self.doors.tls).await?;
        self.doors.replace(&config, prepared)?;
        let listeners = config.listeners.iter();
        let listeners: Vec<_> = listeners
            .map(|listen| (listen.name.clone(), plan::listener(&config, listen)))
            .collect();
        self.engine.reload(options, listeners);
        let changes = config::changes(&before, &entries);
        let entries = config::in_effect(&before, entries);
        *self.now.lock() = Now { config: Arc::new(config), entries };
        Ok(changes)
    }
}

/// The data directory is where the spool is open and locked, and defaults of others hang on it.
fn same_home(old: &Config, new: &Config) -> Result<(), Vec<Problem>> {
    if old.data_dir == new.data_dir {
        return Ok(());
    }
    let title = format!("a running server keeps its data directory, {}", old.data_dir.display());
    let remedy = "say that one, or restart the server";
    Err(vec![new.problem(Severity::Error, "data-dir", title, remedy)])
}
