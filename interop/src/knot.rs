//! A real authoritative name server that signs its zones: Knot DNS on loopback, with a root of its
//! own, so that every proof begins with a key of the play.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use bench::server::tail;

use crate::nsd::{await_answer, with_libraries};

/// How a zone is signed, and what its parent says of that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signed {
    /// Not at all.
    No,
    /// With NSEC.
    Nsec,
    /// With NSEC3.
    Nsec3,
    /// With NSEC, and the parent names the key of another zone.
    WrongDs,
}

/// A zone below the root.
pub struct Zone {
    /// Its name, without final dot.
    pub name: String,
    /// How it is signed.
    pub signed: Signed,
    /// Its records but the first ones, as lines of a zone file.
    pub records: String,
}

/// A running name server; dropping it ends it.
pub struct Knot {
    child: Child,
    /// The file with the key of its root, for those who check.
    pub anchor: PathBuf,
}

impl Knot {
    /// The unpacked one below `folder`, else the installed one, if there is any.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        let roots = [folder.join("knot"), PathBuf::from("/")];
        roots.into_iter().find(|root| root.join("usr/sbin/knotd").exists())
    }

    /// Makes the keys, signs `zones` and the root above them, and waits until it answers.
    ///
    /// # Errors
    /// It cannot be started, or does not answer; then with its log.
    pub fn start(
        root: &Path,
        folder: &Path,
        address: SocketAddr,
        zones: &[Zone],
    ) -> io::Result<Self> {
        for part in ["", "db", "run"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let conf = folder.join("knot.conf");
        fs::write(&conf, config(folder, address, zones))?;
        let keymgr = |zone: &str, words: &[&str]| -> io::Result<String> {
            let mut command = with_libraries(root, "keymgr");
            command.arg("-c").arg(&conf).arg(zone).args(words);
            let output = command.stdin(Stdio::null()).output()?;
            match output.status.success() {
                true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
                false => {
                    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
                }
            }
        };
        let key = ["generate", "ksk=yes", "zsk=yes", "algorithm=ECDSAP256SHA256"];
        keymgr(".", &key)?;
        let anchor = folder.join("root.key");
        fs::write(&anchor, keymgr(".", &["dnskey"])?)?;
        let mut top = first_records(".", address);
        let mut other: Option<(String, String)> = None;
        for zone in zones {
            top.push_str(&format!("{}. NS ns.root.\n", zone.name));
            let text = first_records(&format!("{}.", zone.name), address) + &zone.records;
            fs::write(folder.join(format!("{}.zone", zone.name)), text)?;
            if zone.signed == Signed::No {
                continue;
            }
            keymgr(&zone.name, &key)?;
            let ds = keymgr(&zone.name, &["ds"])?;
            match (&other, zone.signed) {
                (Some((name, another)), Signed::WrongDs) => {
                    let named = another.replace(&format!("{name}."), &format!("{}.", zone.name));
                    top.push_str(&named);
                }
                _ => top.push_str(&ds),
            }
            other.get_or_insert((zone.name.clone(), ds));
        }
        fs::write(folder.join("root.zone"), top)?;
        let log = folder.join("knot.log");
        let mut command = with_libraries(root, "knotd");
        command.arg("-c").arg(&conf).stdin(Stdio::null());
        command.stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
        let mut server = Self { child: command.spawn()?, anchor };
        let last = zones.last().map(|zone| zone.name.as_str()).unwrap_or_default();
        await_answer(&mut server.child, address, last).map_err(|error| {
            io::Error::other(format!("knot does not answer: {error}\n{}", tail(&log)))
        })?;
        Ok(server)
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(folder: &Path, address: SocketAddr, zones: &[Zone]) -> String {
    let here = folder.display();
    let mut text = format!(
        "server:\n  rundir: \"{here}/run\"\n  listen: {}@{}\n\
         database:\n  storage: \"{here}/db\"\n\
         log:\n  - target: stderr\n    any: warning\n\
         policy:\n",
        address.ip(),
        address.port(),
    );
    for (policy, nsec3) in [("nsec", "off"), ("nsec3", "on")] {
        text.push_str(&format!(
            "  - id: {policy}\n    manual: on\n    single-type-signing: on\n    \
             algorithm: ecdsap256sha256\n    nsec3: {nsec3}\n"
        ));
    }
    text.push_str(&format!(
        "template:\n  - id: default\n    storage: \"{here}\"\n    zonefile-sync: -1\n    \
         zonefile-load: difference-no-serial\n    journal-content: all\n\
         zone:\n  - domain: .\n    file: root.zone\n    dnssec-signing: on\n    dnssec-policy: nsec\n"
    ));
    for zone in zones {
        text.push_str(&format!("  - domain: {0}\n    file: {0}.zone\n", zone.name));
        let policy = match zone.signed {
            Signed::No => continue,
            Signed::Nsec | Signed::WrongDs => "nsec",
            Signed::Nsec3 => "nsec3",
        };
        text.push_str(&format!("    dnssec-signing: on\n    dnssec-policy: {policy}\n"));
    }
    text
}

fn first_records(origin: &str, address: SocketAddr) -> String {
    let server =
        if origin == "." { format!("ns.root. A {}\n", address.ip()) } else { String::new() };
    format!(
        "$TTL 60\n{origin} SOA ns.root. hostmaster.root. 1 3600 600 86400 60\n\
         {origin} NS ns.root.\n{server}"
    )
}
