//! What a person has set for reading and writing: `mail.toml` in the directory of the person's
//! configuration (`$XDG_CONFIG_HOME/postrider` or `~/.config/postrider`).
//!
//! Every key has a default; an unknown key, a value of another kind and an address that is none are
//! errors that name the file and the line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mail::DomainName;
use serde::Deserialize;

use super::addresses::{Entry, read_list, read_one};
use super::fields::is_extra_field;
use super::submission::Submission;

/// The name below the directory of the configuration.
const FILE: &str = "postrider/mail.toml";
/// Octets of the file.
const FILE_MAX: u64 = 1 << 20;
/// How deep aliases may name aliases.
const ALIAS_DEPTH: usize = 16;
/// Members one alias can have, its aliases' members included.
const MEMBERS_MAX: usize = 10_000;

/// What the file says; the sample in the manual page shows every key.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The author of letters: `Ann Archer <ann@example.net>`. Default: your login at this host, with
    /// your full name.
    pub from: Option<String>,
    /// Where answers shall go. Default: no such field.
    pub reply_to: Option<String>,
    /// Your other addresses: an answer to all does not go to them.
    pub own_addresses: Vec<String>,
    /// The file whose text stands below each letter you type.
    pub signature: Option<String>,
    /// Text to stand there instead of a file's.
    pub signature_text: Option<String>,
    /// More fields for each letter: names of your own begin with `X-`.
    pub fields: BTreeMap<String, String>,
    /// Whether letters say which program wrote them.
    pub user_agent: bool,
    /// Ask for the subject when none is given.
    pub ask_subject: bool,
    /// Ask for copies when none are given.
    pub ask_cc: bool,
    /// Ask for blind copies when none are given.
    pub ask_bcc: bool,
    /// Write text that other programs may fit to their windows (format=flowed).
    pub flowed: bool,
    /// Send octets as they are where the server takes them (RFC 3030).
    pub binary: bool,
    /// Send letters only where every host on the way is reached over TLS (REQUIRETLS).
    pub require_tls: bool,
    /// Send a letter larger than this, in octets, in parts. Default: 0, never.
    pub part_size: u64,
    /// The editor of `~e`. Default: $EDITOR, else `ed`... see `visual`.
    pub editor: Option<String>,
    /// The editor of `~v`. Default: $VISUAL, else $EDITOR, else vi.
    pub visual: Option<String>,
    /// What shows a text longer than the screen; empty: nothing. Default: $PAGER.
    pub pager: Option<String>,
    /// The prompt for commands.
    pub prompt: String,
    /// What stands before each line of a letter that is quoted.
    pub quote: String,
    /// The line above a quotation; {from}, {date} and {subject} stand for those of the letter.
    pub attribution: String,
    /// Quote the letter when you answer it.
    pub quote_answers: bool,
    /// Forward letters inside the text, not attached.
    pub forward_inline: bool,
    /// Let `reply` answer the author only and `Reply` all.
    pub flip_reply: bool,
    /// Where your mail is. Default: $MAIL, else where the service delivers.
    pub inbox: Option<String>,
    /// The directory that `+` stands for.
    pub folders: String,
    /// What `&` stands for: letters moved out of the inbox.
    pub mbox: String,
    /// A folder for the letters you send. Default: none.
    pub record: Option<String>,
    /// A folder for letters you have not finished.
    pub drafts: String,
    /// Where a letter goes that could not be sent.
    pub dead_letter: String,
    /// Make new folders Maildirs.
    pub new_maildirs: bool,
    /// Keep letters you have read in the inbox when you quit; false: move them to `mbox`.
    pub hold: bool,
    /// The order of lists: "arrival" or "threads".
    pub order: Order,
    /// The fields `print` shows, in this order.
    pub shown_fields: Vec<String>,
    /// Begin in the full-screen view.
    pub screen: bool,
    /// The lines of a list; 0: what fits on the screen.
    pub list_lines: usize,
    /// A server that takes your letters. Default: the mail service of this machine.
    pub submission: Option<Submission>,
    /// Names that stand for addresses or for other names.
    pub alias: BTreeMap<String, Members>,
    /// Other selves, chosen with `-A`.
    pub account: BTreeMap<String, Account>,
}

/// The order of lists.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As letters came.
    #[default]
    Arrival,
    /// Each letter after the one it answers.
    Threads,
}

/// What an alias stands for: one text with commas, or a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(untagged)]
pub enum Members {
    /// `"ann@example.net, bob"`.
    One(String),
    /// `["ann@example.net", "bob"]`.
    Many(Vec<String>),
}

impl Members {
    /// All in one list.
    pub fn list(&self) -> String {
        match self {
            Self::One(list) => list.clone(),
            Self::Many(lists) => lists.join(", "),
        }
    }
}

/// What another self has of its own; the rest is that of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Account {
    /// As the key of the file.
    pub from: Option<String>,
    /// As the key of the file.
    pub reply_to: Option<String>,
    /// As the key of the file.
    pub signature: Option<String>,
    /// As the key of the file.
    pub signature_text: Option<String>,
    /// As the key of the file.
    pub record: Option<String>,
    /// As the key of the file.
    pub inbox: Option<String>,
    /// As the table of the file.
    pub submission: Option<Submission>,
}

impl Default for Settings {
    fn default() -> Self {
        let shown = ["From", "To", "Cc", "Reply-To", "Subject", "Date"];
        Self {
            from: None,
            reply_to: None,
            own_addresses: Vec::new(),
            signature: None,
            signature_text: None,
            fields: BTreeMap::new(),
            user_agent: true,
            ask_subject: true,
            ask_cc: true,
            ask_bcc: false,
            flowed: false,
            binary: false,
            require_tls: false,
            part_size: 0,
            editor: None,
            visual: None,
            pager: None,
            prompt: "& ".into(),
            quote: "> ".into(),
            attribution: "On {date}, {from} wrote:".into(),
            quote_answers: false,
            forward_inline: false,
            flip_reply: false,
            inbox: None,
            folders: "~/Mail".into(),
            mbox: "~/mbox".into(),
            record: None,
            drafts: "+drafts".into(),
            dead_letter: "~/dead.letter".into(),
            new_maildirs: false,
            hold: true,
            order: Order::Arrival,
            shown_fields: shown.map(str::to_owned).to_vec(),
            screen: false,
            list_lines: 0,
            submission: None,
            alias: BTreeMap::new(),
            account: BTreeMap::new(),
        }
    }
}

/// What is wrong with the settings.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

/// Where the file is looked for.
pub fn file(home: Option<&Path>) -> Option<PathBuf> {
    let from_environment = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = from_environment.filter(|path| path.is_absolute());
    let base = base.or_else(|| home.map(|home| home.join(".config")));
    base.map(|base| base.join(FILE))
}

/// Where commands are remembered.
pub fn history_file(home: Option<&Path>) -> Option<PathBuf> {
    let from_environment = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let base = from_environment.filter(|path| path.is_absolute());
    let base = base.or_else(|| home.map(|home| home.join(".local/state")));
    base.map(|base| base.join("postrider/mail.history"))
}

impl Settings {
    /// Reads the file; a missing one says nothing.
    ///
    /// # Errors
    /// [`SettingsError`] with file and line.
    pub fn load(path: &Path, host: &DomainName) -> Result<Self, SettingsError> {
        let fail = |error: io::Error| SettingsError(format!("{}: {error}", path.display()));
        let text = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(fail(error)),
            Ok(facts) if facts.len() > FILE_MAX => {
                return Err(fail(io::Error::other("larger than any settings are")));
            }
            Ok(_) => fs::read_to_string(path).map_err(fail)?,
        };
        Self::parse(&text, &path.display().to_string(), host)
    }

    /// Reads the text of the file `name`.
    ///
    /// # Errors
    /// [`SettingsError`] with file and line.
    pub fn parse(text: &str, name: &str, host: &DomainName) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(0, |span| span.start);
            // The first line says what, the others what was expected.
            let told = error.message().replace('\n', " ");
            SettingsError(format!("{name}:{}: {told}", line_of(text, place)))
        })?;
        settings.check(host).map_err(|(key, what)| {
            SettingsError(format!("{name}:{}: {key}: {what}", line_of_key(text, &key)))
        })?;
        Ok(settings)
    }

    /// What the types do not say: the key and what is wrong with it.
    fn check(&self, host: &DomainName) -> Result<(), (String, String)> {
        let accounts = self.account.values();
        let others =
            accounts.flat_map(|account| [("from", &account.from), ("reply-to", &account.reply_to)]);
        let own = [("from", &self.from), ("reply-to", &self.reply_to)];
        for (key, address) in own.into_iter().chain(others) {
            if let Some(address) = address {
                read_list(address, host).map_err(|error| (key.to_owned(), error.to_string()))?;
            }
        }
        for address in &self.own_addresses {
            read_one(address, host).map_err(|e| ("own-addresses".to_owned(), e.to_string()))?;
        }
        for (name, value) in &self.fields {
            is_extra_field(name, value).map_err(|why| (name.clone(), why.to_owned()))?;
        }
        let others = self.account.values().filter_map(|account| account.submission.as_ref());
        for submission in self.submission.iter().chain(others) {
            submission.check().map_err(|(key, why)| (key.to_owned(), why))?;
        }
        for (name, members) in &self.alias {
            let fail = |why: String| (name.clone(), why);
            read_list(&members.list(), host).map_err(|error| fail(error.to_string()))?;
            self.expand(name, host).map_err(|error| fail(error.0))?;
        }
        Ok(())
    }

    /// Becomes another self.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn choose(&mut self, name: &str) -> Result<(), SettingsError> {
        let Some(account) = self.account.get(name).cloned() else {
            let known: Vec<&str> = self.account.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(SettingsError(format!("there is no account {name}; known: {known}")));
        };
        let Account { from, reply_to, signature, signature_text, record, inbox, submission } =
            account;
        if signature.is_some() || signature_text.is_some() {
            (self.signature, self.signature_text) = (signature, signature_text);
        }
        self.from = from.or(self.from.take());
        self.reply_to = reply_to.or(self.reply_to.take());
        self.record = record.or(self.record.take());
        self.inbox = inbox.or(self.inbox.take());
        self.submission = submission.or(self.submission.take());
        Ok(())
    }

    /// Sets one key as a line of the file would: `quote = "| "`. A bare word is a text.
    ///
    /// # Errors
    /// [`SettingsError`] that names the key.
    pub fn set(&mut self, assignment: &str, host: &DomainName) -> Result<(), SettingsError> {
        let (key, value) = match assignment.split_once('=') {
            Some((key, value)) => (key.trim(), value.trim()),
            None => match assignment.trim().strip_prefix("no") {
                Some(key) if is_switch(key) => (key, "false"),
                _ => (assignment.trim(), "true"),
            },
        };
        let quoted = toml_text(value);
        let own = |value: &str| toml::from_str::<Self>(&format!("{key} = {value}\n"));
        // A text needs no quotation marks here, so it is tried as it is first.
        let parsed = own(value).or_else(|_| own(&quoted));
        let given = parsed.map_err(|error| {
            SettingsError(format!("{key}: {}", error.message().replace('\n', " ")))
        })?;
        given.check(host).map_err(|(key, what)| SettingsError(format!("{key}: {what}")))?;
        self.take(key, given);
        Ok(())
    }

    /// The settings that `set` changes, as it would be told them.
    pub fn shown(&self) -> String {
        let text = |text: &Option<String>| text.as_deref().map_or("".into(), toml_text);
        let order = match self.order {
            Order::Arrival => "arrival",
            Order::Threads => "threads",
        };
        let rows: [(&str, String); 32] = [
            ("ask-bcc", self.ask_bcc.to_string()),
            ("ask-cc", self.ask_cc.to_string()),
            ("ask-subject", self.ask_subject.to_string()),
            ("attribution", toml_text(&self.attribution)),
            ("binary", self.binary.to_string()),
            ("dead-letter", toml_text(&self.dead_letter)),
            ("drafts", toml_text(&self.drafts)),
            ("editor", text(&self.editor)),
            ("flip-reply", self.flip_reply.to_string()),
            ("flowed", self.flowed.to_string()),
            ("folders", toml_text(&self.folders)),
            ("forward-inline", self.forward_inline.to_string()),
            ("from", text(&self.from)),
            ("hold", self.hold.to_string()),
            ("inbox", text(&self.inbox)),
            ("list-lines", self.list_lines.to_string()),
            ("mbox", toml_text(&self.mbox)),
            ("new-maildirs", self.new_maildirs.to_string()),
            ("order", toml_text(order)),
            ("pager", text(&self.pager)),
            ("part-size", self.part_size.to_string()),
            ("prompt", toml_text(&self.prompt)),
            ("quote", toml_text(&self.quote)),
            ("quote-answers", self.quote_answers.to_string()),
            ("record", text(&self.record)),
            ("reply-to", text(&self.reply_to)),
            ("require-tls", self.require_tls.to_string()),
            ("screen", self.screen.to_string()),
            ("signature", text(&self.signature)),
            ("signature-text", text(&self.signature_text)),
            ("user-agent", self.user_agent.to_string()),
            ("visual", text(&self.visual)),
        ];
        let said = rows.iter().filter(|(_, value)| !value.is_empty());
        said.map(|(key, value)| format!("{key} = {value}\n"))
            .collect::<String>()
            .trim_end()
            .to_owned()
    }

    fn take(&mut self, key: &str, given: Self) {
        match key {
            "from" => self.from = given.from,
            "reply-to" => self.reply_to = given.reply_to,
            "own-addresses" => self.own_addresses = given.own_addresses,
            "signature" => self.signature = given.signature,
            "signature-text" => self.signature_text = given.signature_text,
            "user-agent" => self.user_agent = given.user_agent,
            "ask-subject" => self.ask_subject = given.ask_subject,
            "ask-cc" => self.ask_cc = given.ask_cc,
            "ask-bcc" => self.ask_bcc = given.ask_bcc,
            "flowed" => self.flowed = given.flowed,
            "binary" => self.binary = given.binary,
            "require-tls" => self.require_tls = given.require_tls,
            "part-size" => self.part_size = given.part_size,
            "editor" => self.editor = given.editor,
            "visual" => self.visual = given.visual,
            "pager" => self.pager = given.pager,
            "prompt" => self.prompt = given.prompt,
            "quote" => self.quote = given.quote,
            "attribution" => self.attribution = given.attribution,
            "quote-answers" => self.quote_answers = given.quote_answers,
            "forward-inline" => self.forward_inline = given.forward_inline,
            "flip-reply" => self.flip_reply = given.flip_reply,
            "inbox" => self.inbox = given.inbox,
            "folders" => self.folders = given.folders,
            "mbox" => self.mbox = given.mbox,
            "record" => self.record = given.record.filter(|folder| !folder.is_empty()),
            "drafts" => self.drafts = given.drafts,
            "dead-letter" => self.dead_letter = given.dead_letter,
            "new-maildirs" => self.new_maildirs = given.new_maildirs,
            "hold" => self.hold = given.hold,
            "order" => self.order = given.order,
            "shown-fields" => self.shown_fields = given.shown_fields,
            "screen" => self.screen = given.screen,
            "list-lines" => self.list_lines = given.list_lines,
            "submission" => self.submission = given.submission,
            _ => {}
        }
    }

    /// Everyone the list names, aliases replaced by their members, each name once.
    ///
    /// # Errors
    /// [`SettingsError`] when a member is no address, or aliases go round in a circle.
    pub fn expand(&self, list: &str, host: &DomainName) -> Result<Vec<Entry>, SettingsError> {
        let mut entries = Vec::new();
        self.expand_into(list, host, 0, &mut entries)?;
        Ok(entries)
    }

    fn expand_into(
        &self,
        list: &str,
        host: &DomainName,
        depth: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<(), SettingsError> {
        if depth > ALIAS_DEPTH {
            return Err(SettingsError("its names go round in a circle".into()));
        }
        for entry in read_list(list, host).map_err(|error| SettingsError(error.to_string()))? {
            let local = entry.mailbox.local.as_str();
            let members = self.alias.get(local).filter(|_| entry.completed && entry.name.is_none());
            match members {
                // An alias may name itself: then the mailbox here is meant.
                Some(members) if members.list().trim() != local => {
                    self.expand_into(&members.list(), host, depth + 1, entries)?;
                }
                _ => {
                    if !entries.iter().any(|known| known.mailbox == entry.mailbox) {
                        entries.push(entry);
                    }
                }
            }
            if entries.len() > MEMBERS_MAX {
                return Err(SettingsError("it stands for too many addresses".into()));
            }
        }
        Ok(())
    }
}

fn is_switch(key: &str) -> bool {
    const SWITCHES: [&str; 13] = [
        "user-agent",
        "ask-subject",
        "ask-cc",
        "ask-bcc",
        "flowed",
        "binary",
        "require-tls",
        "quote-answers",
        "forward-inline",
        "flip-reply",
        "new-maildirs",
        "hold",
        "screen",
    ];
    SWITCHES.contains(&key)
}

/// `text` as TOML writes it.
fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted += &format!("\\u{:04x}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|octet| *octet == b'\n').count() + 1
}

/// The line that sets `key`; the first one when it cannot be found.
fn line_of_key(text: &str, key: &str) -> usize {
    let sets = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim().trim_matches('"');
        line.contains('=') && name == key
    };
    text.lines().position(sets).map_or(1, |line| line + 1)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
