//! `postrider account …`: who may log in.

mod terminal;

use std::io::{IsTerminal, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;

use engine::doors::Random;
use queue::submission::Grant;
use serde_json::json;
use smtp::sasl::{Secret, prepare};

use super::arguments::{AccountCommand, PasswordArgument};
use crate::accounts::{self, Account, Book, Change, PasswordError, Store, StoreError};
use crate::agent::sysexits::{
    EX_CANTCREAT, EX_CONFIG, EX_DATAERR, EX_IOERR, EX_NOINPUT, EX_NOPERM, EX_NOUSER, EX_USAGE, Exit,
};
use crate::doors::SystemRandom;

/// Octets of a file with a password.
const PASSWORD_FILE_MAX: u64 = 4096;

/// Why a command came to nothing.
struct Refused(Exit, String);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Open { .. } | StoreError::Format { .. } => EX_CONFIG,
            StoreError::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::PermissionDenied => EX_NOPERM,
                std::io::ErrorKind::NotFound => EX_CANTCREAT,
                _ => EX_IOERR,
            },
        };
        Self(code, error.to_string())
    }
}

impl From<PasswordError> for Refused {
    fn from(error: PasswordError) -> Self {
        Self(EX_DATAERR, error.to_string())
    }
}

/// Carries out `command` on the accounts in `file`.
pub fn run(command: AccountCommand, file: &Path) -> ExitCode {
    let store = Store::new(file);
    match carry_out(command, &store) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refused(code, why)) => {
            eprintln!("postrider: {why}");
            code.into()
        }
    }
}

fn carry_out(command: AccountCommand, store: &Store) -> Result<(), Refused> {
    match command {
        AccountCommand::Add { login, name, address, password, .. } => {
            let account =
                Account { login: named(&login)?, name, addresses: address, ..Account::default() };
            add(store, account, &password)
        }
        AccountCommand::Passwd { login, password, .. } => passwd(store, &named(&login)?, &password),
        AccountCommand::List { json, .. } => list(store, json),
        AccountCommand::Remove { login, .. } => {
            let login = named(&login)?;
            change(store, &login, |book| book.remove(&login).map(|_| ()))?;
            println!("{login} is removed");
            Ok(())
        }
        AccountCommand::Disable { login, .. } => able(store, &named(&login)?, true),
        AccountCommand::Enable { login, .. } => able(store, &named(&login)?, false),
        AccountCommand::Grant { login, address, .. } => grant(store, &named(&login)?, address),
        AccountCommand::Revoke { login, address, .. } => revoke(store, &named(&login)?, &address),
    }
}

fn chance<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    for chunk in octets.chunks_mut(8) {
        let fresh = SystemRandom.next().to_le_bytes();
        chunk.iter_mut().zip(fresh).for_each(|(to, from)| *to = from);
    }
    octets
}

/// The prepared form of a name.
fn named(login: &str) -> Result<String, Refused> {
    let prepared = prepare(login)
        .map_err(|error| Refused(EX_DATAERR, format!("{login:?} cannot be a login: {error}")))?;
    if prepared.chars().any(char::is_whitespace) {
        return Err(Refused(EX_DATAERR, format!("{login:?} cannot be a login: it has blanks")));
    }
    Ok(prepared)
}

fn unknown(store: &Store, login: &str) -> Refused {
    let file = store.path().display();
    Refused(EX_NOUSER, format!("{file} has no account {login}; see `postrider account list`"))
}

/// Changes the book where `edit` finds its account.
fn change<T>(
    store: &Store,
    login: &str,
    edit: impl FnOnce(&mut Book) -> Option<T>,
) -> Result<T, Refused> {
    if store.look()?.is_none() {
        return Err(unknown(store, login));
    }
    let changed = store.change(chance(), |book| match edit(book) {
        Some(result) => Change::Keep(Some(result)),
        None => Change::Drop(None),
    })?;
    changed.ok_or_else(|| unknown(store, login))
}

fn add(store: &Store, mut account: Account, password: &PasswordArgument) -> Result<(), Refused> {
    let login = account.login.clone();
    // Before somebody types a password twice for nothing.
    if store.load()?.is_some_and(|(book, _)| book.get(&login).is_some()) {
        return Err(taken(&login));
    }
    make_folder(store.path())?;
    let (secret, is_made) = obtain(&login, password)?;
    let (argon2, scram) = accounts::hash(&secret, [chance(), chance()])?;
    (account.argon2, account.scram) = (Some(argon2), Some(scram));
    let added = store.change(chance(), |book| match book.insert(account) {
        true => Change::Keep(true),
        false => Change::Drop(false),
    })?;
    if !added {
        return Err(taken(&login));
    }
    tell_made(&secret, is_made);
    eprintln!("{login} may log in");
    Ok(())
}

fn taken(login: &str) -> Refused {
    let remedy = format!("`postrider account passwd {login}` sets another password");
    Refused(EX_CANTCREAT, format!("there is an account {login} already; {remedy}"))
}

/// The data directory may not be there yet: the accounts may well come before the first start.
fn make_folder(file: &Path) -> Result<(), Refused> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().mode(0o700).create(folder).map_err(|error| {
        Refused(EX_CANTCREAT, format!("{} cannot be made: {error}", folder.display()))
    })
}

fn passwd(store: &Store, login: &str, password: &PasswordArgument) -> Result<(), Refused> {
    let known = store.load()?.is_some_and(|(book, _)| book.get(login).is_some());
    if !known {
        return Err(unknown(store, login));
    }
    let (secret, is_made) = obtain(login, password)?;
    let (argon2, scram) = accounts::hash(&secret, [chance(), chance()])?;
    change(store, login, |book| {
        let account = book.get_mut(login)?;
        (account.argon2, account.scram) = (Some(argon2), Some(scram));
        Some(())
    })?;
    tell_made(&secret, is_made);
    eprintln!("{login} has a new password");
    Ok(())
}

/// A password that we made has to be seen once; nothing else stands on standard output.
fn tell_made(secret: &Secret, is_made: bool) {
    if is_made {
        println!("{}", secret.reveal());
    }
}

/// The password, and whether we made it.
fn obtain(login: &str, argument: &PasswordArgument) -> Result<(Secret, bool), Refused> {
    if argument.generate {
        return Ok((accounts::generate(|| SystemRandom.next()), true));
    }
    let secret = match &argument.password_file {
        Some(path) => from_file(path)?,
        None if std::io::stdin().is_terminal() => from_person(login)?,
        None => {
            let why = "nobody is at the terminal to type a password; say --password-file FILE \
                       (- is standard input) or --generate";
            return Err(Refused(EX_USAGE, why.to_owned()));
        }
    };
    accounts::chosen(&secret)?;
    Ok((secret, false))
}

/// The first line of a file.
fn from_file(path: &Path) -> Result<Secret, Refused> {
    let unreadable = |error: std::io::Error| {
        Refused(EX_NOINPUT, format!("the password in {} cannot be read: {error}", path.display()))
    };
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(PASSWORD_FILE_MAX).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(PASSWORD_FILE_MAX).read_to_string(&mut text)
    };
    let text = Secret::new(text);
    read.map_err(unreadable)?;
    Ok(Secret::new(text.reveal().lines().next().unwrap_or_default()))
}

fn from_person(login: &str) -> Result<Secret, Refused> {
    let ask = |prompt: &str| {
        terminal::ask(prompt)
            .map_err(|error| Refused(EX_IOERR, format!("no password was read: {error}")))
    };
    let first = ask(&format!("Password for {login}: "))?;
    accounts::chosen(&first)?;
    if ask("The same again: ")? != first {
        return Err(Refused(EX_DATAERR, "the two are not the same; nothing is changed".to_owned()));
    }
    Ok(first)
}

fn able(store: &Store, login: &str, disabled: bool) -> Result<(), Refused> {
    change(store, login, |book| {
        book.get_mut(login)?.disabled = disabled;
        Some(())
    })?;
    println!("{login} {}", if disabled { "can no longer log in" } else { "may log in" });
    Ok(())
}

fn grant(store: &Store, login: &str, addresses: Vec<Grant>) -> Result<(), Refused> {
    let all = change(store, login, |book| {
        let account = book.get_mut(login)?;
        for address in addresses {
            if !account.addresses.contains(&address) {
                account.addresses.push(address);
            }
        }
        Some(shown(&account.addresses))
    })?;
    println!("{login} may send as {}", if all.is_empty() { "itself" } else { &all });
    Ok(())
}

fn revoke(store: &Store, login: &str, addresses: &[Grant]) -> Result<(), Refused> {
    let had_all = change(store, login, |book| {
        let account = book.get_mut(login)?;
        let had_all = addresses.iter().all(|address| account.addresses.contains(address));
        account.addresses.retain(|address| !addresses.contains(address));
        Some(had_all)
    })?;
    if !had_all {
        let why = format!("{login} had no grant of {}", shown(addresses));
        return Err(Refused(EX_DATAERR, why));
    }
    println!("{login} may no longer send as {}", shown(addresses));
    Ok(())
}

fn shown(addresses: &[Grant]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn list(store: &Store, as_json: bool) -> Result<(), Refused> {
    let book = store.load()?.map(|(book, _)| book);
    let accounts: Vec<&Account> = book.iter().flat_map(Book::iter).collect();
    print!("{}", if as_json { to_json(&accounts) } else { to_text(&accounts) });
    if accounts.is_empty() && !as_json {
        eprintln!("there are no accounts; `postrider account add LOGIN` makes one");
    }
    Ok(())
}

/// The mechanisms for which an account has a secret.
fn kinds(account: &Account) -> Vec<&'static str> {
    let hash = account.argon2.as_ref().map(|_| "argon2");
    let scram = account.scram.as_ref().map(|_| "scram-sha-256");
    hash.into_iter().chain(scram).collect()
}

fn to_text(accounts: &[&Account]) -> String {
    let width = accounts.iter().map(|account| account.login.chars().count()).max().unwrap_or(0);
    let line = |account: &&Account| {
        let mut notes = Vec::new();
        if account.disabled {
            notes.push("disabled".to_owned());
        }
        notes.extend(account.name.clone());
        if !account.addresses.is_empty() {
            notes.push(format!("sends as {}", shown(&account.addresses)));
        }
        let line = format!("{:width$}  {}", account.login, notes.join("; "));
        // A name may have been written into the file by other means.
        line.trim_end().replace(char::is_control, "?") + "\n"
    };
    accounts.iter().map(line).collect()
}

fn to_json(accounts: &[&Account]) -> String {
    let one = |account: &&Account| {
        let addresses: Vec<_> = account.addresses.iter().map(ToString::to_string).collect();
        json!({
            "login": account.login, "name": account.name, "addresses": addresses,
            "disabled": account.disabled, "secrets": kinds(account),
        })
    };
    format!("{}\n", json!(accounts.iter().map(one).collect::<Vec<_>>()))
}
