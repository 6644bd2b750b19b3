//! What is done to a letter takes as much memory as the largest part that is shown of it, however large
//! the letter is: each deed in a process of its own, whose peak is read before it ends.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Octets of what is attached, as they travel.
const ATTACHED: usize = 32 << 20;
/// KiB that a deed may take beyond a process that does nothing: three quarters of the letter. However
/// large the letter is, the deeds take up to 19 MiB, as the allocator keeps some of what buffers had
/// while they grew.
const MORE_MAX: u64 = 24 << 10;
const TEXT: &str = "This part is shown.\r\n";

struct Place {
    folder: TempDir,
}

impl Place {
    /// A person with a Maildir and an mbox of one letter each, and a service that is down: what is
    /// sent waits beside it.
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        let config = format!(
            "hostname = \"mx.example.net\"\ndata-dir = \"data\"\n[listen.all]\n\
             address = \"127.0.0.1:9\"\nkind = \"submission\"\n[local]\n\
             domains = [\"mx.example.net\"]\nusers = [\"{user}\"]\n"
        );
        fs::write(place.path().join("postrider.toml"), config).unwrap();
        for folder in ["data/drop", "dir/cur", "dir/new", "dir/tmp"] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        write_letter(&place.path().join("dir/cur/1.x.y:2,S"), "");
        write_letter(&place.path().join("box"), "From x@x.example Tue Nov 24 18:22:48 2026\n");
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What one reading of `folder` with these commands took at most, in KiB.
    fn peak(&self, folder: &str, commands: &str) -> u64 {
        let mut mail = Command::new(env!("CARGO_BIN_EXE_postrider"));
        mail.args(["mail", "-n", "-N", "-R", "-f", folder]).current_dir(self.path());
        mail.env("POSTRIDER_CONFIG", "postrider.toml").env_remove("MAIL").env("TMPDIR", ".");
        mail.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = mail.spawn().unwrap();
        // The shell that a command runs in is a child of the program.
        let look = "!grep VmHWM /proc/$PPID/status >peak";
        write!(child.stdin.take().unwrap(), "{commands}\n{look}\nx\n").unwrap();
        let ended = child.wait_with_output().unwrap();
        let trouble = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{commands}: {trouble}");
        let peak = fs::read_to_string(self.path().join("peak")).unwrap();
        peak.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn holds(&self, folder: &str) -> u64 {
        let files = fs::read_dir(self.path().join(folder)).unwrap().flatten();
        files.map(|file| file.metadata().unwrap().len()).sum()
    }
}

/// A text and what is attached to it.
fn write_letter(path: &Path, before: &str) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    write!(
        file,
        "{before}From: x@x.example\nTo: y@y.example\nSubject: large\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{TEXT}\n--b\n\
         Content-Type: application/octet-stream; name=large.bin\n\
         Content-Transfer-Encoding: base64\n\n"
    )
    .unwrap();
    let line = [b"QUJD".repeat(18).as_slice(), b"\n"].concat();
    for _ in 0..ATTACHED / line.len() {
        file.write_all(&line).unwrap();
    }
    file.write_all(b"\n--b--\n").unwrap();
}

#[test]
fn a_letter_far_larger_than_memory() {
    let place = Place::new();
    let size = (ATTACHED / 73 * 54) as u64;
    for folder in ["dir", "box"] {
        let idle = place.peak(folder, "#");
        let rows = [
            ("shown", "print 1"),
            ("shown as it came", "raw 1"),
            ("given to a program", "Pipe 1 cat >piped\npipe 1 cat >/dev/null"),
            ("copied", "copy 1 copied/\ncopy 1 copied.mbox"),
            ("a part written", "part 2 part.bin\nwrite 1 text"),
            ("parts written", "detach 1 detached"),
            ("searched", "search =large\nfrom @b@shown"),
            ("passed on", "forward 1 z@z.example\nSee this.\n."),
            ("passed on inside", "Forward 1 z@z.example\n."),
            ("passed on as it is", "resend 1 z@z.example"),
            ("in parts", "set part-size=4000000\nforward 1 z@z.example\n."),
        ];
        fs::create_dir_all(place.path().join("detached")).unwrap();
        for (what, commands) in rows {
            let peak = place.peak(folder, commands);
            assert!(peak < idle + MORE_MAX, "{folder}, {what}: {peak} KiB, {idle} KiB idle");
        }
        // All of it was done.
        let len = |name: &str| fs::metadata(place.path().join(name)).unwrap().len();
        assert_eq!(len("part.bin"), size);
        assert_eq!(len("detached/large.bin"), size);
        assert!(len("piped") > ATTACHED as u64 && len("copied.mbox") > ATTACHED as u64);
        assert!(place.holds("copied/new") + place.holds("copied/cur") > ATTACHED as u64);
        assert!(place.holds("data/drop/new") > 4 * ATTACHED as u64);
        for name in ["piped", "copied.mbox", "part.bin", "text", "peak"] {
            fs::remove_file(place.path().join(name)).unwrap();
        }
        for name in ["copied", "detached", "data/drop"] {
            fs::remove_dir_all(place.path().join(name)).unwrap();
        }
        fs::create_dir_all(place.path().join("data/drop")).unwrap();
    }
}
