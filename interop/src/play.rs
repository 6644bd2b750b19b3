//! Plays a scene with real processes, real sockets and a real name server.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::server::{Plan, Running, tail};
use scene::{Expectation, HeaderExpectation, Host, Scene};
use toml::Value;

use crate::checks::{Checks, that};
use crate::mailbox::{Found, await_letter, letters};
use crate::nsd::Nsd;
use crate::postrider::{Postrider, sendmail, set};

/// Until a letter must have arrived.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where everything is.
pub struct Stage<'a> {
    /// The `postrider` that all hosts run.
    pub program: &'a Path,
    /// Where the name server was unpacked.
    pub peers: &'a Path,
    /// Scratch.
    pub folder: &'a Path,
}

struct Actor {
    name: String,
    folder: PathBuf,
    running: Running,
}

/// Plays `scene` and checks what it expects.
///
/// # Errors
/// The stage cannot be set: a folder, a process or the name server.
pub fn play(checks: &mut Checks, scene: &Scene, stage: &Stage<'_>) -> io::Result<()> {
    println!("scene {}", scene.name);
    let failed = checks.failed();
    let folder = stage.folder.join(&scene.name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for fault in &scene.faults {
        let address = SocketAddr::from((fault.address, scene.port));
        let refused = TcpStream::connect_timeout(&address, PATIENCE).err();
        let refused = refused.is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
        checks.check(&format!("{address} is down"), that(refused, || "somebody answers".into()));
    }
    let root = Nsd::find(stage.peers).ok_or_else(|| io::Error::other("no nsd"))?;
    let names = SocketAddr::from((scene.name_server.address, scene.name_server.port));
    let _nsd = Nsd::start(&root, &folder.join("names"), names, &scene.zones)?;
    println!("  names are served at {names} by {}", root.join("usr/sbin/nsd").display());
    let mut actors = Vec::new();
    for host in &scene.hosts {
        let actor = start(host, scene, names, stage.program, &folder)?;
        println!("  {} runs as process {}", actor.name, actor.running.pid());
        actors.push(actor);
    }
    for letter in &scene.letters {
        let outcome = send(letter, &actors, stage.program);
        checks.check(&format!("{} sends \"{}\"", letter.from_host, letter.subject), outcome);
    }
    for expectation in &scene.expect {
        expect(checks, expectation, &actors);
    }
    if checks.failed() > failed {
        for actor in &actors {
            println!("--- {}\n{}", actor.name, tail(&actor.folder.join("stderr.log")));
        }
    }
    for actor in actors {
        let outcome = actor.running.stop().map(|_| ()).map_err(|error| error.to_string());
        checks.check(&format!("{} stops when asked", actor.name), outcome);
    }
    Ok(())
}

fn start(
    host: &Host,
    scene: &Scene,
    names: SocketAddr,
    program: &Path,
    folder: &Path,
) -> io::Result<Actor> {
    let mut addresses = host.addresses.iter().map(|ip| SocketAddr::from((*ip, scene.port)));
    let listen = addresses.next().ok_or_else(|| io::Error::other("a host without address"))?;
    let mut config = host.config.clone();
    if !host.users.is_empty() {
        let users = host.users.iter().map(|user| Value::from(user.as_str())).collect();
        set(&mut config, "local", "users", Value::Array(users));
    }
    let starter = Postrider {
        program: program.to_owned(),
        hostname: host.name.clone(),
        config,
        name_server: Some(names),
        more_addresses: addresses.collect(),
    };
    let folder = folder.join(&host.name);
    let plan = Plan {
        folder: folder.clone(),
        listen,
        // The scene's own configuration knows the way.
        next_hop: listen,
        paused: false,
        connections: 20,
        traced: false,
    };
    let running = Running::start(&starter, &plan)?;
    Ok(Actor { name: host.name.clone(), folder, running })
}

fn send(letter: &scene::Letter, actors: &[Actor], program: &Path) -> Result<(), String> {
    let actor = actors.iter().find(|actor| actor.name == letter.from_host);
    let actor = actor.ok_or_else(|| "no such host".to_owned())?;
    let text = format!(
        "From: {}\nTo: {}\nSubject: {}\n\n{}",
        letter.sender,
        letter.recipients.join(", "),
        letter.subject,
        letter.body
    );
    let said = sendmail(program, &actor.folder, &letter.sender, &letter.recipients, &text);
    for line in said.map_err(|error| error.to_string())?.lines() {
        println!("        {line}");
    }
    Ok(())
}

fn expect(checks: &mut Checks, expectation: &Expectation, actors: &[Actor]) {
    let Expectation { host, user, count, .. } = expectation;
    let Some(actor) = actors.iter().find(|actor| actor.name == *host) else { return };
    let folder = Postrider::maildir(&actor.folder, user);
    if *count > 0 {
        // The exact count is seen below; here only the last one is awaited.
        await_letter(&folder, PATIENCE, |_| letters(&folder).len() >= *count);
    }
    let found = letters(&folder);
    let name = format!("{user} at {host} has {count}");
    checks.check(&name, that(found.len() == *count, || format!("has {}", found.len())));
    for letter in &found {
        println!("  hops of {}:", letter.path.display());
        for hop in letter.values("Received").iter().rev() {
            println!("        {hop}");
        }
        if !expectation.received_by.is_empty() {
            let hosts = letter.received_by();
            let outcome = that(hosts == expectation.received_by, || format!("by {hosts:?}"));
            checks.check("it came the way it should", outcome);
        }
        for field in &expectation.header {
            checks.check(&described(field), fits(letter, field));
        }
        if let Some(piece) = &expectation.body_contains {
            let body = String::from_utf8_lossy(&letter.body).into_owned();
            checks.check("its text is whole", that(body.contains(piece), || format!("{body:?}")));
        }
    }
}

fn described(field: &HeaderExpectation) -> String {
    let mut text = field.name.clone();
    if let Some(piece) = &field.contains {
        text.push_str(&format!(" has \"{piece}\""));
    }
    if let Some(piece) = &field.lacks {
        text.push_str(&format!(" lacks \"{piece}\""));
    }
    text
}

fn fits(letter: &Found, field: &HeaderExpectation) -> Result<(), String> {
    let value = letter.values(&field.name).join(" ");
    let has = field.contains.as_ref().is_none_or(|piece| value.contains(piece.as_str()));
    let lacks = field.lacks.as_ref().is_none_or(|piece| !value.contains(piece.as_str()));
    that(has && lacks, || format!("it says \"{value}\""))
}
