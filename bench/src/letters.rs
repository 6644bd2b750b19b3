//! What it costs a person to read: a letter of many parts, shown, and the list of a large Maildir.
//!
//! Programs are measured from their start to their end, as a person waits for them, one after the other
//! in the same minute. What each needs for doing nothing is told beside it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Octets of the letter, and its parts.
const LETTER: usize = 10_000_000;
const PARTS: usize = 1000;
/// Octets of a part that is taken in memory while it is written.
const PART: usize = LETTER / PARTS;

/// Seconds that mutt has: it asks when something is odd, and nobody answers.
const PATIENCE: &str = "120";

/// What is measured, against whom.
pub struct Reading {
    /// Our own program.
    pub program: PathBuf,
    /// Where s-nail and mutt are unpacked; those that are not are left out.
    pub peers: PathBuf,
    /// A folder of ours on a real disk; it is removed.
    pub folder: PathBuf,
    /// Letters of the Maildir.
    pub letters: usize,
    /// Each so often; the median counts.
    pub rounds: usize,
}

/// One figure.
pub struct Figure {
    /// What was done.
    pub what: String,
    /// By whom.
    pub who: &'static str,
    /// How long it took, or why it did not.
    pub took: io::Result<Duration>,
}

impl Reading {
    /// All figures.
    ///
    /// # Errors
    /// The letters cannot be written.
    pub fn measure(&self) -> io::Result<Vec<Figure>> {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder)?;
        let mut figures = Vec::new();
        let large = self.folder.join("large");
        write_letter(&maildir(&large)?.join("1.M1P1Q1.bench.example:2,S"))?;
        let show = format!("show {} MB, {PARTS} parts", LETTER / 1_000_000);
        for (who, words) in [("postrider", "print 1\nx\n"), ("postrider, idle", "x\n")] {
            figures.push(self.median(&show, who, || self.ours(&["-N", "-R"], &large, words)));
        }
        for (who, words) in [("s-nail", "print 1\nx\n"), ("s-nail, idle", "x\n")] {
            figures.push(self.median(&show, who, || self.s_nail(&["-N"], &large, words)));
        }
        figures.push(self.median(&show, "python3 email", || self.python(&large)));
        let crowd = self.folder.join("crowd");
        fill(&crowd, self.letters)?;
        let list = |times| format!("list {} letters, {times}", self.letters);
        figures
            .push(once(&list("the first time"), "postrider", || self.ours(&["-H"], &crowd, "x\n")));
        figures.push(
            self.median(&list("after it"), "postrider", || self.ours(&["-H"], &crowd, "x\n")),
        );
        // What we left beside the letters is none of theirs.
        let _ = fs::remove_file(crowd.join("postrider-headers.cache"));
        figures
            .push(once(&list("the first time"), "s-nail", || self.s_nail(&["-H"], &crowd, "x\n")));
        figures.push(once(&list("after it"), "s-nail", || self.s_nail(&["-H"], &crowd, "x\n")));
        figures.push(once(&list("the first time"), "mutt", || self.mutt(&crowd)));
        figures.push(once(&list("after it"), "mutt", || self.mutt(&crowd)));
        fs::remove_dir_all(&self.folder)?;
        Ok(figures)
    }

    fn median(&self, what: &str, who: &'static str, run: impl Fn() -> io::Result<Run>) -> Figure {
        let times: io::Result<Vec<Duration>> =
            (0..self.rounds.max(1)).map(|_| run().and_then(Run::time)).collect();
        let took = times.map(|mut times| {
            times.sort();
            times.get(times.len() / 2).copied().unwrap_or_default()
        });
        Figure { what: what.to_owned(), who, took }
    }

    fn ours(&self, options: &[&str], folder: &Path, typed: &'static str) -> io::Result<Run> {
        let mut command = Command::new(self.program.canonicalize()?);
        command.args(["mail", "-n"]).args(options).arg("-f").arg(folder);
        self.at_home(&mut command)?;
        Ok(Run { command, typed })
    }

    /// A peer with the libraries it was unpacked with.
    fn peer(&self, name: &str) -> io::Result<Command> {
        let root = self.peers.join(name);
        let program = root.join("usr/bin").join(name);
        let program = program.canonicalize().map_err(|_| {
            io::Error::other(format!(
                "not there: interop/install.sh {} {name}",
                self.peers.display()
            ))
        })?;
        let mut command = Command::new(program);
        let libraries = root.join("usr/lib/x86_64-linux-gnu");
        command.env("LD_LIBRARY_PATH", libraries.canonicalize().unwrap_or(libraries));
        self.at_home(&mut command)?;
        Ok(command)
    }

    fn at_home(&self, command: &mut Command) -> io::Result<()> {
        let home = self.folder.join("home");
        fs::create_dir_all(&home)?;
        command.env("HOME", home.canonicalize()?).env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        command.env_remove("MAIL").env_remove("POSTRIDER_CONFIG");
        Ok(())
    }

    fn s_nail(&self, options: &[&str], folder: &Path, typed: &'static str) -> io::Result<Run> {
        let mut command = self.peer("s-nail")?;
        command.args(["-n", "-#", "-R", "-S", "ttycharset=utf-8"]).args(options);
        command.arg("-f").arg(format!("maildir://{}", folder.canonicalize()?.display()));
        Ok(Run { command, typed })
    }

    /// Mutt lists on a terminal only; `script` of util-linux makes one.
    fn mutt(&self, folder: &Path) -> io::Result<Run> {
        let peer = self.peer("mutt")?;
        let cache = self.folder.join("mutt.cache");
        let line = format!(
            "stty rows 24 cols 80; exec '{}' -n -F /dev/null -R -f '{}' \
             -e \"set header_cache='{}' quit=yes sort=date folder=.\" -e 'push <quit>'",
            peer.get_program().display(),
            folder.display(),
            cache.display()
        );
        let mut command = Command::new("timeout");
        command.args(["--foreground", PATIENCE, "script", "-qec", &line, "/dev/null"]);
        for (name, value) in peer.get_envs() {
            value.into_iter().for_each(|value| {
                command.env(name, value);
            });
        }
        Ok(Run { command, typed: "" })
    }

    /// The standard library of Python, which decodes everything too.
    fn python(&self, folder: &Path) -> io::Result<Run> {
        const READS: &str = "import email, email.policy, sys, pathlib\n\
             [path] = (pathlib.Path(sys.argv[1]) / 'cur').iterdir()\n\
             letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)\n\
             parts = [part for part in letter.walk() if not part.is_multipart()]\n\
             print(sum(len(part.get_content()) for part in parts))\n";
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", READS]).arg(folder);
        self.at_home(&mut command)?;
        Ok(Run { command, typed: "" })
    }
}

/// Is slower the first time, so it is done once.
fn once(what: &str, who: &'static str, run: impl Fn() -> io::Result<Run>) -> Figure {
    Figure { what: what.to_owned(), who, took: run().and_then(Run::time) }
}

/// One run of a program, and what is typed.
struct Run {
    command: Command,
    typed: &'static str,
}

impl Run {
    fn time(mut self) -> io::Result<Duration> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begin = Instant::now();
        let mut child = self.command.spawn()?;
        let mut typed = child.stdin.take();
        if let Some(stdin) = &mut typed {
            // A program that does not read its input closes it early.
            let _ = stdin.write_all(self.typed.as_bytes());
        }
        // The end of input would be a key of a terminal.
        if !self.typed.is_empty() {
            typed = None;
        }
        let ended = child.wait_with_output()?;
        drop(typed);
        let took = begin.elapsed();
        // It is not enough to end: a list or a letter of this size says something.
        if !ended.status.success() || ended.stdout.is_empty() && self.typed != "x\n" {
            let trouble = String::from_utf8_lossy(&ended.stderr).into_owned();
            return Err(io::Error::other(format!("{}: {trouble}", ended.status)));
        }
        Ok(took)
    }
}

/// The figures, one a line.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let line = |figure: &Figure| {
        let took = match &figure.took {
            Ok(took) => format!("{:>9.1} ms", took.as_secs_f64() * 1000.0),
            Err(error) => error.to_string(),
        };
        format!("{:<36} {:<16} {took}\n", figure.what, figure.who)
    };
    figures.iter().map(line).collect()
}

fn maildir(path: &Path) -> io::Result<PathBuf> {
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(path.join(part))?;
    }
    Ok(path.join("cur"))
}

/// Texts in three encodings and files by turns, ten parts to a multipart.
fn write_letter(path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(
        b"Date: Tue, 24 Nov 2026 18:22:48 +0000\nFrom: ann@example.net\nTo: bob@example.org\n\
          Subject: =?utf-8?Q?Ein_gro=C3=9Fer_Brief?=\nMessage-ID: <large@example.net>\n\
          MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=outer\n\n",
    )?;
    let kinds: [(&str, &str); 4] = [
        ("text/plain; charset=us-ascii\n", "A line of plain text, as people write it.\n"),
        (
            "text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n",
            "Zw=C3=B6lf gro=C3=9Fe Boxk=C3=A4mpfer jagen Viktor quer =C3=BCber den Deich.\n",
        ),
        (
            "text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n",
            "5oiR6IO95ZCe5LiL546755KD6ICM5LiN5YK36Lqr6auU44CCCg==\n",
        ),
        (
            "application/octet-stream; name=file.bin\nContent-Transfer-Encoding: base64\n",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\n",
        ),
    ];
    for n in 0..PARTS {
        if n % 10 == 0 {
            write!(file, "--outer\nContent-Type: multipart/mixed; boundary=inner{n}\n\n")?;
        }
        let (fields, line) = kinds.get(n % 4).copied().unwrap_or_default();
        write!(file, "--inner{}\nContent-Type: {fields}\n", n - n % 10)?;
        for _ in 0..PART / line.len() {
            file.write_all(line.as_bytes())?;
        }
        file.write_all(b"\n")?;
        if n % 10 == 9 {
            writeln!(file, "--inner{}--", n - n % 10)?;
        }
    }
    file.write_all(b"--outer--\n")?;
    file.flush()
}

/// Letters as they come: some answer others, every third is in `new`.
fn fill(path: &Path, letters: usize) -> io::Result<()> {
    maildir(path)?;
    for n in 0..letters {
        let letter = format!(
            "Return-Path: <ann{n}@example.net>\nReceived: from mx.example.net by mx.example.org with \
             ESMTP\n\tid {n:x}; Tue, 24 Nov 2026 18:22:48 +0000\nDate: Tue, 24 Nov 2026 18:22:48 +0000\n\
             From: =?utf-8?Q?Ann_Stra=C3=9Fe?= <ann{n}@example.net>\nTo: bob@example.org\n\
             Subject: =?utf-8?B?R3LDvMOfZQ==?= number {n}\nMessage-ID: <{n}@example.net>\n\
             In-Reply-To: <{}@example.net>\n\nSome text.\n",
            n / 2
        );
        let file = format!("{}.M{n}P1Q{n}.mx.example.org,S={}", 1_700_000_000 + n, letter.len());
        let file = if n % 3 == 0 { format!("new/{file}") } else { format!("cur/{file}:2,S") };
        fs::write(path.join(file), letter)?;
    }
    Ok(())
}
