//! A real authoritative name server for the zones of a scene: NSD on loopback.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench::server::tail;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scene::{Data, Zone};

/// Until it must answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running name server; dropping it ends it.
pub struct Nsd {
    child: Child,
}

impl Nsd {
    /// The unpacked one below `folder`, else the installed one, if there is any.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        let roots = [folder.join("nsd"), PathBuf::from("/")];
        roots.into_iter().find(|root| root.join("usr/sbin/nsd").exists())
    }

    /// Starts it with `zones` and waits until it answers.
    ///
    /// # Errors
    /// It cannot be started, or does not answer; then with its log.
    pub fn start(
        root: &Path,
        folder: &Path,
        address: SocketAddr,
        zones: &[Zone],
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let here = folder.display();
        let mut config = format!(
            "server:\n  ip-address: {}@{}\n  username: \"\"\n  chroot: \"\"\n  server-count: 1\n  \
             zonesdir: \"{here}\"\n  database: \"\"\n  pidfile: \"\"\n  xfrdir: \"{here}\"\n  \
             xfrdfile: \"{here}/xfrd.state\"\n  zonelistfile: \"{here}/zone.list\"\n  \
             verbosity: 1\nremote-control:\n  control-enable: no\n",
            address.ip(),
            address.port(),
        );
        for zone in zones {
            let file = folder.join(format!("{}.zone", zone.name));
            fs::write(&file, zone_file(zone, address))?;
            let name = &zone.name;
            config.push_str(&format!("zone:\n  name: {name}\n  zonefile: {:?}\n", file));
        }
        fs::write(folder.join("nsd.conf"), config)?;
        let log = folder.join("nsd.log");
        let mut command = with_libraries(root, "nsd");
        command.arg("-d").arg("-c").arg(folder.join("nsd.conf")).stdin(Stdio::null());
        command.stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
        let mut server = Self { child: command.spawn()? };
        let name = zones.first().map(|zone| zone.name.as_str()).unwrap_or_default();
        await_answer(&mut server.child, address, name).map_err(|error| {
            io::Error::other(format!("nsd does not answer: {error}\n{}", tail(&log)))
        })?;
        Ok(server)
    }
}

impl Drop for Nsd {
    fn drop(&mut self) {
        // Its own children go with it when it is asked; so only the deaf are killed.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn zone_file(zone: &Zone, address: SocketAddr) -> String {
    let name = &zone.name;
    let mut text = format!(
        "$TTL 60\n{name}. SOA ns.{name}. hostmaster.{name}. 1 3600 600 86400 60\n\
         {name}. NS ns.{name}.\nns.{name}. A {}\n",
        address.ip()
    );
    for record in &zone.records {
        let data = match &record.data {
            Data::A(address) => format!("A {address}"),
            Data::Mx(preference, host) => format!("MX {preference} {host}."),
            Data::Cname(host) => format!("CNAME {host}."),
        };
        text.push_str(&format!("{}. {} IN {data}\n", record.name, record.ttl));
    }
    text
}

/// A server program below `root`, with the libraries it was unpacked with.
pub fn with_libraries(root: &Path, program: &str) -> Command {
    let at = |place: &str| root.join(place).display().to_string();
    let libraries = [at("usr/lib/x86_64-linux-gnu"), at("usr/lib/aarch64-linux-gnu")];
    let mut command = Command::new(root.join("usr/sbin").join(program));
    command.env("LD_LIBRARY_PATH", libraries.join(":"));
    command
}

/// Waits until the name server that runs as `child` answers for `name`.
///
/// # Errors
/// It does not, or has ended.
pub fn await_answer(child: &mut Child, address: SocketAddr, name: &str) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        match ask_soa(address, name) {
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
            answered => return answered,
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
    }
}

/// One question for the SOA of `name`; `Ok` when it is answered well (RFC 1035 §4).
fn ask_soa(server: SocketAddr, name: &str) -> io::Result<()> {
    let mut question = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).map_err(io::Error::other)?);
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 6, 0, 1]);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    socket.connect(server)?;
    socket.send(&question)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    let (flags, count) = (answer.get(3), answer.get(7));
    let good = length > question.len() && flags.is_some_and(|f| f & 0xf == 0) && count != Some(&0);
    if good { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}
