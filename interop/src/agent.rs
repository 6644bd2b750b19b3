//! Letters between the user agent and other programs that write and read them: Python's `email`,
//! s-nail, mutt, and mailparser of npm where it was installed. Attachments must come back octet by
//! octet, names and subjects letter by letter.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::checks::Checks;
use crate::host::{Host, READER};
use crate::postrider::Postrider;

/// What the letters hold.
const SUBJECT: &str = "Grüße — 漢字 и кириллица, a subject that is long enough to be folded twice";
const TEXT: &str = "Première ligne.\nFrom here on.\n.\nÄÖÜ ß.\n";

/// Reads a letter with Python's `email`: the subject, and the attachments into a folder.
const PYTHON_READS: &str = r#"
import email, email.policy, sys, pathlib
letter = email.message_from_bytes(pathlib.Path(sys.argv[1]).read_bytes(), policy=email.policy.default)
assert not letter.defects, letter.defects
out = pathlib.Path(sys.argv[2])
(out / "subject").write_text(letter["subject"])
(out / "text").write_text(letter.get_body(("plain",)).get_content())
for part in letter.iter_attachments():
    assert not part.defects, part.defects
    (out / part.get_filename()).write_bytes(part.get_payload(decode=True))
"#;

/// Writes one: a name beyond ASCII, every kind of body.
const PYTHON_WRITES: &str = r#"
import sys, pathlib
from email.message import EmailMessage
import email.policy
letter = EmailMessage(policy=email.policy.SMTP)
letter["From"] = "Jörg Müller <joerg@client.example>"
letter["To"] = sys.argv[1]
letter["Subject"] = sys.argv[2]
letter.set_content(sys.argv[3])
letter.add_alternative("<p>" + sys.argv[3] + "</p>", subtype="html")
for path in map(pathlib.Path, sys.argv[4:]):
    letter.add_attachment(path.read_bytes(), maintype="application", subtype="octet-stream", filename=path.name)
sys.stdout.buffer.write(bytes(letter).replace(b"\r\n", b"\n"))
"#;

/// Reads a letter with mailparser.
const NODE_READS: &str = r#"
const fs = require("fs"), path = require("path");
const { simpleParser } = require("mailparser");
simpleParser(fs.readFileSync(process.argv[2])).then(letter => {
    const out = process.argv[3];
    fs.writeFileSync(path.join(out, "subject"), letter.subject);
    fs.writeFileSync(path.join(out, "text"), letter.text);
    for (const one of letter.attachments) fs.writeFileSync(path.join(out, one.filename), one.content);
}).catch(error => { console.error(error); process.exit(1); });
"#;

struct Stage<'a> {
    host: Host,
    program: &'a Path,
    peers: &'a Path,
    folder: PathBuf,
    files: Vec<PathBuf>,
}

/// Plays it.
///
/// # Errors
/// The server does not start, or files cannot be made.
pub fn play(
    checks: &mut Checks,
    program: &Path,
    peers: &Path,
    folder: &Path,
    skip_missing: bool,
) -> io::Result<()> {
    println!("agent, letters to and from other programs");
    let folder = folder.join("agent");
    let nowhere = ([127, 0, 0, 1], 9).into();
    let host = Host::start(program, &folder, nowhere, &["reader"], &[])?;
    let files = make_files(&folder)?;
    let mut stage = Stage { host, program, peers, folder, files };
    let failed = checks.failed();
    let ours = stage.ours();
    checks.check("a letter with attachments is written and delivered", told(&ours));
    if let Ok(letter) = ours {
        stage.read_by(checks, "Python's email", &letter, skip_missing, Stage::python);
        stage.read_by(checks, "mailparser", &letter, true, Stage::node);
        stage.read_by(checks, "mutt", &letter, skip_missing, Stage::mutt);
        stage.shown_by_s_nail(checks, skip_missing);
    }
    stage.written_by(checks, "Python's email", skip_missing, Stage::python_writes);
    stage.written_by(checks, "s-nail", skip_missing, Stage::s_nail_writes);
    stage.written_by(checks, "mutt", skip_missing, Stage::mutt_writes);
    if checks.failed() > failed {
        println!("--- the server's log\n{}", stage.host.log());
    }
    let stopped = stage.host.take()?.stop().map(|_| ());
    checks.check("the server stops when asked", stopped.map_err(|error| error.to_string()));
    Ok(())
}

fn told<T>(result: &io::Result<T>) -> Result<(), String> {
    result.as_ref().map(|_| ()).map_err(ToString::to_string)
}

/// Files that do not come back by luck.
fn make_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let room = folder.join("files");
    fs::create_dir_all(&room)?;
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let files: [(&str, Vec<u8>); 4] = [
        ("naïve plan — 漢字.bin", all),
        ("a very long name that does not fit one line of a header section at all.dat", vec![0; 57]),
        ("crlf.dat", b"\0one\r\ntwo\nthree\r".to_vec()),
        ("empty.dat", Vec::new()),
    ];
    let write = |(name, octets): (&str, Vec<u8>)| {
        let path = room.join(name);
        fs::write(&path, octets).map(|()| path)
    };
    files.into_iter().map(write).collect()
}

/// Runs a program with `input`; what it printed.
fn run(command: &mut Command, input: &str) -> io::Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input closes it early.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let trouble = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{}: {said}{trouble}", output.status)))
}

/// Runs a program whose terminal stays open until it ends; what it drew.
fn at_terminal(command: &mut Command) -> io::Result<String> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    // The end of its input would be a key of the terminal.
    let typed = child.stdin.take();
    let output = child.wait_with_output()?;
    drop(typed);
    let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(drawn),
        false => Err(io::Error::other(format!("{}: {drawn:?}", output.status))),
    }
}

impl Stage<'_> {
    fn mail(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(["mail", "-n"]).env("POSTRIDER_CONFIG", Postrider::file(&self.folder));
        command
    }

    /// The newest letter in the mailbox, once there are `count`.
    fn letter(&self, count: usize) -> io::Result<PathBuf> {
        let found = crate::host::within(std::time::Duration::from_secs(30), || {
            let found = crate::mailbox::letters(&self.host.maildir("reader"));
            (found.len() >= count).then_some(found)
        });
        let mut found = found.ok_or_else(|| io::Error::other("the letter never came"))?;
        found.sort_by_key(|letter| {
            fs::metadata(&letter.path).and_then(|facts| facts.modified()).ok()
        });
        found.pop().map(|letter| letter.path).ok_or_else(|| io::Error::other("no letter"))
    }

    fn held(&self) -> usize {
        crate::mailbox::letters(&self.host.maildir("reader")).len()
    }

    /// A letter of ours, as it lies in the mailbox.
    fn ours(&self) -> io::Result<PathBuf> {
        let before = self.held();
        let mut command = self.mail();
        command.args(["-s", SUBJECT]);
        self.files.iter().for_each(|file| {
            command.arg("-a").arg(file);
        });
        run(command.arg(READER), TEXT)?;
        self.letter(before + 1)
    }

    /// Another program takes our letter apart.
    fn read_by(
        &self,
        checks: &mut Checks,
        name: &str,
        letter: &Path,
        may_skip: bool,
        reads: fn(&Self, &Path, &Path) -> Option<io::Result<String>>,
    ) {
        let out = self.folder.join(format!("read by {name}"));
        let made = fs::create_dir_all(&out);
        let Some(outcome) = reads(self, letter, &out) else {
            return checks.missing(
                name,
                may_skip,
                "run interop/install.sh; it needs npm for mailparser",
            );
        };
        let outcome = made.and(outcome).and_then(|_| self.same(&out, SUBJECT));
        checks.check(&format!("{name} reads a letter of ours"), told(&outcome));
    }

    /// Whether subject, text and files are what they were.
    fn same(&self, out: &Path, subject: &str) -> io::Result<()> {
        let found = fs::read_to_string(out.join("subject"))?;
        if found != subject {
            return Err(io::Error::other(format!("the subject is {found:?}")));
        }
        let text = fs::read_to_string(out.join("text"))?.replace("\r\n", "\n");
        if text.trim_end() != TEXT.trim_end() {
            return Err(io::Error::other(format!("the text is {text:?}")));
        }
        self.same_files(out)
    }

    fn same_files(&self, out: &Path) -> io::Result<()> {
        for file in &self.files {
            let name = file.file_name().unwrap_or_default();
            let found = fs::read(out.join(name))
                .map_err(|error| io::Error::other(format!("{}: {error}", name.display())))?;
            if found != fs::read(file)? {
                return Err(io::Error::other(format!("{} is another one", name.display())));
            }
        }
        Ok(())
    }

    fn python(&self, letter: &Path, out: &Path) -> Option<io::Result<String>> {
        let mut command = self.python_with(PYTHON_READS)?;
        Some(run(command.arg(letter).arg(out), ""))
    }

    /// The installed Python, or the unpacked one.
    fn python_with(&self, script: &str) -> Option<Command> {
        let unpacked = self.peers.join("python3/usr/bin/python3.11");
        let mut command = if unpacked.exists() {
            let mut command = Command::new(unpacked);
            command.env("PYTHONHOME", self.peers.join("python3/usr"));
            command.env("LD_LIBRARY_PATH", self.peers.join("python3/usr/lib/x86_64-linux-gnu"));
            command
        } else {
            if !Path::new("/usr/bin/python3").exists() {
                return None;
            }
            Command::new("/usr/bin/python3")
        };
        command.args(["-c", script]).env("PYTHONUTF8", "1");
        Some(command)
    }

    fn node(&self, letter: &Path, out: &Path) -> Option<io::Result<String>> {
        let modules = self.peers.join("mailparser/node_modules");
        if !modules.exists() {
            return None;
        }
        let mut command = Command::new("node");
        command.env("NODE_PATH", modules).args(["-e", NODE_READS, "--", "script"]);
        Some(run(command.arg(letter).arg(out), ""))
    }

    /// A peer with the libraries it was unpacked with.
    fn peer(&self, name: &str) -> Option<Command> {
        let root = self.peers.join(name);
        let program = root.join("usr/bin").join(name);
        if !program.exists() {
            return None;
        }
        let mut command = Command::new(program);
        let libraries = root.join("usr/lib/x86_64-linux-gnu");
        let home = self.folder.join("home");
        let _ = fs::create_dir_all(&home);
        command.env("LD_LIBRARY_PATH", libraries).env("HOME", home);
        command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm").env_remove("MAIL");
        Some(command)
    }

    /// Mutt reads at a terminal only, which `script` of util-linux makes: the letter is shown there, its
    /// text and its files are saved under the names that mutt finds.
    fn mutt(&self, letter: &Path, out: &Path) -> Option<io::Result<String>> {
        let mutt = self.peer("mutt")?;
        let read = || -> io::Result<String> {
            let out = out.canonicalize()?;
            let folder = out.join("folder");
            for part in ["cur", "new", "tmp"] {
                fs::create_dir_all(folder.join(part))?;
            }
            fs::copy(letter, folder.join("cur/1.letter:2,S"))?;
            let save = "<next-entry><save-entry><enter>".repeat(self.files.len());
            let line = format!(
                "stty rows 50 cols 160; exec {} -n -F /dev/null -R -f {} \
                 -e 'set charset=utf-8 wait_key=no quit=yes resolve=no folder=\".\"' \
                 -e 'push \"<display-message><exit><view-attachments><save-entry>text<enter>\
                 {save}<exit><quit>\"'",
                quoted(Path::new(mutt.get_program())),
                quoted(&folder)
            );
            let mut command = Command::new("timeout");
            command.args(["--foreground", "60", "script", "-qec", &line, "/dev/null"]);
            for (name, value) in mutt.get_envs() {
                value.into_iter().for_each(|value| {
                    command.env(name, value);
                });
            }
            let said = at_terminal(command.current_dir(&out))?;
            if !said.contains(SUBJECT) {
                return Err(io::Error::other(format!("the subject is not in\n{said:?}")));
            }
            fs::write(out.join("subject"), SUBJECT)?;
            Ok(said)
        };
        Some(read())
    }

    fn shown_by_s_nail(&self, checks: &mut Checks, may_skip: bool) {
        let Some(mut command) = self.peer("s-nail") else {
            return checks.missing("s-nail", may_skip, "run interop/install.sh");
        };
        let folder = format!("maildir://{}", self.host.maildir("reader").display());
        command.args(["-n", "-#", "-R", "-S", "ttycharset=utf-8", "-f", &folder]);
        let outcome = run(&mut command, "print 1\nexit\n").and_then(|said| shows(&said));
        checks.check("s-nail shows a letter of ours", told(&outcome));
    }

    /// Another program writes, ours takes apart.
    fn written_by(
        &mut self,
        checks: &mut Checks,
        name: &str,
        may_skip: bool,
        writes: fn(&Self) -> Option<io::Result<()>>,
    ) {
        let before = self.held();
        let Some(written) = writes(self) else {
            return checks.missing(name, may_skip, "run interop/install.sh");
        };
        let outcome = written.and_then(|()| self.letter(before + 1)).and_then(|_| {
            let out = self.folder.join(format!("written by {name}"));
            fs::create_dir_all(&out)?;
            let said = self.read_last(&out)?;
            shows(&said)?;
            self.same_files(&out)
        });
        checks.check(&format!("we read a letter of {name}"), told(&outcome));
    }

    /// The newest letter: shown, and what is attached to it written to `out`.
    fn read_last(&self, out: &Path) -> io::Result<String> {
        let mut command = self.mail();
        command.args(["-N", "-R", "-f"]).arg(self.host.maildir("reader"));
        let lines = format!("print $\ndetach $ \"{}\"\nexit\n", out.display());
        run(&mut command, &lines)
    }

    fn python_writes(&self) -> Option<io::Result<()>> {
        let mut command = self.python_with(PYTHON_WRITES)?;
        command.args([READER, SUBJECT, TEXT]).args(&self.files);
        let sent = run(&mut command, "").and_then(|letter| {
            let mut sendmail = Command::new(self.program);
            sendmail.args(["sendmail", "-i", "-f", "joerg@client.example", READER]);
            sendmail.env("POSTRIDER_CONFIG", Postrider::file(&self.folder));
            run(&mut sendmail, &letter)
        });
        Some(sent.map(|_| ()))
    }

    /// A `sendmail` that classic programs can call.
    fn mta(&self) -> io::Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt;

        let path = self.folder.join("sendmail");
        let text = format!(
            "#!/bin/sh\nPOSTRIDER_CONFIG={} exec {} sendmail \"$@\"\n",
            quoted(&Postrider::file(&self.folder)),
            quoted(self.program)
        );
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    fn s_nail_writes(&self) -> Option<io::Result<()>> {
        let mut command = self.peer("s-nail")?;
        let mut write = || -> io::Result<()> {
            let mta = format!("mta={}", self.mta()?.display());
            command.args(["-n", "-#", "-S", &mta, "-S", "ttycharset=utf-8", "-S"]);
            command.args(["from=joerg@client.example", "-s", SUBJECT]);
            self.files.iter().for_each(|file| {
                command.arg("-a").arg(file);
            });
            run(command.arg(READER), TEXT).map(|_| ())
        };
        Some(write())
    }

    fn mutt_writes(&self) -> Option<io::Result<()>> {
        let mut command = self.peer("mutt")?;
        let mut write = || -> io::Result<()> {
            let set =
                format!("set sendmail=\"{} -i\" copy=no charset=utf-8", self.mta()?.display());
            command.args(["-n", "-F", "/dev/null", "-e", &set, "-s", SUBJECT]);
            command.args(["-e", "set from=joerg@client.example use_from=yes", "-a"]);
            command.args(&self.files).args(["--", READER]);
            run(&mut command, TEXT).map(|_| ())
        };
        Some(write())
    }
}

/// For a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// Whether subject and text are shown.
fn shows(said: &str) -> io::Result<()> {
    let flat: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing =
        [SUBJECT, "Première ligne.", "ÄÖÜ ß."].into_iter().find(|one| !flat.contains(one));
    match missing {
        None => Ok(()),
        Some(one) => Err(io::Error::other(format!("{one:?} is not in\n{said}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown() {
        let said = format!("Subject: {SUBJECT}\n\nPremière ligne.\nÄÖÜ ß.\n");
        assert!(shows(&said).is_ok() && shows("Subject: x").is_err());
    }
}
