//! A PostgreSQL and an OpenLDAP for tables, each in a folder of its own and over TLS.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bench::postfix::Certificate;
use bench::server::{free_address, tail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::within;
use crate::nsd::with_libraries;

/// PostgreSQL does not run as root, and wants a user that has a name: nobody.
const OWNER: u32 = 65534;
/// What each of them is logged in with.
pub const PASSWORD: &str = "tanstaaf";
/// Until one answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// A database that can be stopped and started.
pub struct Database {
    program: PathBuf,
    start: Box<dyn Fn() -> io::Result<Command>>,
    log: PathBuf,
    child: Option<Child>,
    /// Where it listens.
    pub place: SocketAddr,
}

impl Database {
    /// Starts it, and waits until it takes connections.
    ///
    /// # Errors
    /// It does not.
    pub fn start(&mut self) -> io::Result<()> {
        let mut command = (self.start)()?;
        let log = File::options().create(true).append(true).open(&self.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn()?);
        let place = self.place;
        let answers = || std::net::TcpStream::connect(place).ok();
        if within(PATIENCE, answers).is_none() {
            self.stop();
            let (name, log) = (self.program.display(), tail(&self.log));
            return Err(io::Error::other(format!("{name} does not listen: {log}")));
        }
        Ok(())
    }

    /// Stops it, with its children.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // SIGINT: PostgreSQL ends without waiting for its clients.
        let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)), Signal::SIGINT);
        let _ = child.wait();
    }

    /// What it said.
    pub fn log(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A PostgreSQL whose table `staff` has `rows`; `None`: there is none on this machine or unpacked.
///
/// # Errors
/// It does not start.
pub fn postgres(
    peers: &Path,
    folder: &Path,
    certificate: &Certificate,
    rows: &[(&str, &str)],
) -> io::Result<Option<Database>> {
    let below = "usr/lib/postgresql/15/bin";
    let roots = [peers.join("postgresql").join(below), Path::new("/").join(below)];
    let Some(programs) = roots.into_iter().find(|root| root.join("postgres").exists()) else {
        return Ok(None);
    };
    fs::create_dir_all(folder)?;
    chown(folder, Some(OWNER), Some(OWNER))?;
    let owned = |file: &Path, octets: &[u8], mode: u32| {
        fs::write(file, octets)?;
        fs::set_permissions(file, fs::Permissions::from_mode(mode))?;
        chown(file, Some(OWNER), Some(OWNER))
    };
    let data = folder.join("data");
    let secret = folder.join("secret");
    owned(&secret, PASSWORD.as_bytes(), 0o600)?;
    let mut init = Command::new(programs.join("initdb"));
    init.args(["--no-locale", "-E", "UTF8", "-A", "scram-sha-256", "-U", "postrider"]);
    init.arg("--pwfile").arg(&secret).arg("-D").arg(&data).uid(OWNER).gid(OWNER);
    succeed(&mut init)?;
    owned(&data.join("server.crt"), &fs::read(&certificate.chain)?, 0o600)?;
    owned(&data.join("server.key"), &fs::read(&certificate.key)?, 0o600)?;
    let made: String = rows
        .iter()
        .map(|(name, address)| format!("INSERT INTO staff VALUES ('{name}', '{address}');\n"))
        .collect();
    let mut single = Command::new(programs.join("postgres"));
    // This mode reads one command a line.
    single.args(["--single", "-D"]).arg(&data).arg("postgres").uid(OWNER).gid(OWNER);
    single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = single.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(
            format!("CREATE TABLE staff (name text, address text);\n{made}").as_bytes(),
        )?;
    }
    child.wait()?;
    let place = free_address()?;
    let program = programs.join("postgres");
    let (run, at) = (program.clone(), folder.to_owned());
    let start = move || {
        let mut command = Command::new(&run);
        command.arg("-D").arg(&data).args(["-c", "ssl=on", "-c", "listen_addresses=127.0.0.1"]);
        command.arg("-c").arg(format!("port={}", place.port()));
        command.arg("-c").arg(format!("unix_socket_directories={}", at.display()));
        command.uid(OWNER).gid(OWNER);
        Ok(command)
    };
    let log = folder.join("postgres.log");
    let mut database = Database { program, start: Box::new(start), log, child: None, place };
    database.start()?;
    Ok(Some(database))
}

/// An OpenLDAP with `people`, each with a mail address; `None`: it is not unpacked.
///
/// # Errors
/// It does not start.
pub fn slapd(
    peers: &Path,
    folder: &Path,
    certificate: &Certificate,
    authority: &Path,
    people: &[(&str, &str)],
) -> io::Result<Option<Database>> {
    let root = peers.join("slapd");
    if !root.join("usr/sbin/slapd").exists() {
        return Ok(None);
    }
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let (at, unpacked) = (folder.display(), root.display());
    let config = format!(
        "include {unpacked}/etc/ldap/schema/core.schema\n\
         include {unpacked}/etc/ldap/schema/cosine.schema\n\
         include {unpacked}/etc/ldap/schema/inetorgperson.schema\n\
         modulepath {unpacked}/usr/lib/ldap\nmoduleload back_mdb\npidfile {at}/slapd.pid\n\
         TLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n\
         disallow bind_anon\nrequire bind\n\
         database mdb\nmaxsize 10485760\nsuffix \"dc=example\"\nrootdn \"cn=postrider,dc=example\"\n\
         rootpw {PASSWORD}\ndirectory {}\nindex objectClass,uid eq\n",
        authority.display(),
        certificate.chain.display(),
        certificate.key.display(),
        data.display(),
    );
    let file = folder.join("slapd.conf");
    fs::write(&file, config)?;
    let mut entries = "dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\n\
                       dc: example\no: example\n\n"
        .to_owned();
    for (uid, mail) in people {
        entries.push_str(&format!(
            "dn: uid={uid},dc=example\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\
             mail: {mail}\n\n"
        ));
    }
    let ldif = folder.join("people.ldif");
    fs::write(&ldif, entries)?;
    let mut add = with_libraries(&root, "slapd");
    succeed(add.args(["-T", "add", "-f"]).arg(&file).arg("-l").arg(&ldif))?;
    let place = free_address()?;
    let program = root.join("usr/sbin/slapd");
    let start = move || {
        let mut command = with_libraries(&root, "slapd");
        command.args(["-d", "0", "-h", &format!("ldap://{place}/"), "-f"]).arg(&file);
        Ok(command)
    };
    let log = folder.join("slapd.log");
    let mut database = Database { program, start: Box::new(start), log, child: None, place };
    database.start()?;
    Ok(Some(database))
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{:?}: {said}", command.get_program())))
}
