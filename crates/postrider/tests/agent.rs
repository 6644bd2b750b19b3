//! A person at a real terminal: letters are written, sent through a running service, read, answered
//! and deleted, and the mailbox is right after each step.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

mod pty;
mod running;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use postrider::agent::folder::{Flags, Folder};
use pty::Terminal;
use running::Server;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_postrider");

/// A host with one user, the one who runs the tests.
struct Place {
    folder: TempDir,
    user: String,
}

impl Place {
    fn new(form: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        // A port that was free a moment ago; the listener gives it up when it is dropped.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "hostname = \"mx.example.net\"\ndata-dir = \"data\"\n[listen.all]\n\
             address = \"127.0.0.1:{port}\"\nkind = \"submission\"\n[local]\n\
             domains = [\"mx.example.net\"]\nusers = [\"{user}\"]\n\
             mailbox = \"{form}:{{data-dir}}/mail/{{user}}\"\n"
        );
        fs::write(folder.path().join("postrider.toml"), config).unwrap();
        let settings = folder.path().join("config/postrider");
        fs::create_dir_all(&settings).unwrap();
        let place = Self { folder, user };
        let own = format!(
            "pager = \"\"\ndead-letter = \"{f}/dead.letter\"\nfolders = \"{f}/Mail\"\n\
             drafts = \"{f}/drafts\"\nmbox = \"{f}/mbox\"\n[alias]\nmyself = \"{user}\"\n",
            f = place.folder.path().display(),
            user = place.user
        );
        fs::write(settings.join("mail.toml"), own).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mailbox(&self) -> PathBuf {
        self.path("data/mail").join(&self.user)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        command.env("POSTRIDER_CONFIG", self.path("postrider.toml"));
        command.env("XDG_CONFIG_HOME", self.path("config"));
        command.env("XDG_STATE_HOME", self.path("state"));
        command.env_remove("MAIL").env_remove("NO_COLOR").env("TZ", "UTC");
        command.current_dir(self.folder.path());
        command
    }

    fn at_terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(&self.command(arguments), 24, 80).unwrap()
    }

    fn serve(&self) -> Server {
        Server::start(self.command(&["serve"]))
    }

    /// Sends a letter without a terminal, and waits until it lies in the mailbox.
    fn send(&self, subject: &str, text: &str) {
        let before = self.count();
        self.hand_over(subject, text);
        self.until_holds(before + 1);
    }

    fn hand_over(&self, subject: &str, text: &str) {
        let mut command = self.command(&["mail", "-n", "-s", subject, &self.user]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn open(&self, path: &Path) -> Option<Folder> {
        Folder::open(path).ok()
    }

    fn count(&self) -> usize {
        self.open(&self.mailbox()).map_or(0, |folder| folder.items.len())
    }

    fn until_holds(&self, count: usize) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while self.count() < count {
            assert!(std::time::Instant::now() < end, "no letter came");
            thread::yield_now();
        }
    }

    /// Subjects and marks in a folder.
    fn holds(&self, path: &Path) -> Vec<(String, Flags)> {
        let folder = self.open(path).unwrap();
        let items = folder.items.iter();
        items.map(|item| (item.summary.subject.to_string(), item.flags)).collect()
    }
}

fn marks(held: &[(String, Flags)]) -> Vec<(&str, String)> {
    held.iter().map(|(subject, flags)| (subject.as_str(), flags.to_maildir(""))).collect()
}

#[test]
fn written_sent_read_answered_deleted() {
    for form in ["maildir", "mbox"] {
        let place = Place::new(form);
        let _server = place.serve();
        let file = place.path("naïve plan.bin");
        let octets: Vec<u8> = (0..=255).cycle().take(5000).collect();
        fs::write(&file, &octets).unwrap();

        // Written with an alias, an attachment, tilde commands.
        let mut mail = place.at_terminal(&["mail", "myself"]);
        mail.expect("Subject: ").unwrap();
        mail.send("Grüße\r").unwrap();
        mail.send("first line\r").unwrap();
        mail.say("~a naïve plan.bin", "attached: naïve plan.bin (application/octet-stream, 5000")
            .unwrap();
        mail.say("~p", "Attached: naïve plan.bin").unwrap();
        mail.say("~z", "~z is not known here").unwrap();
        mail.send("second line\r.\r").unwrap();
        mail.expect("Cc: ").unwrap();
        mail.send("\r").unwrap();
        assert!(mail.ends().unwrap().success(), "{}", mail.shown());
        place.until_holds(1);

        // Read, its attachment taken out.
        let mut mail = place.at_terminal(&["mail"]);
        mail.expect(": 1 letter, 1 new, 1 unread").unwrap();
        mail.expect(">N    1 ").unwrap();
        mail.expect("& ").unwrap();
        mail.say("", "Subject: Grüße").unwrap();
        mail.expect("first line\nsecond line\n").unwrap();
        mail.expect("naïve plan.bin, 6.8K: not shown]").unwrap();
        fs::create_dir(place.path("out")).unwrap();
        mail.say("detach 1 out", "out/naïve plan.bin: 5000 octets").unwrap();
        assert_eq!(fs::read(place.path("out/naïve plan.bin")).unwrap(), octets);
        // Over a file that is there only after a question.
        fs::write(place.path("out/naïve plan.bin"), "mine").unwrap();
        mail.say("detach . out", "exists; replace it? [y/N] ").unwrap();
        mail.say("n", "is left as it is").unwrap();
        assert_eq!(fs::read(place.path("out/naïve plan.bin")).unwrap(), b"mine");
        // Nothing is written before the end.
        assert_eq!(marks(&place.holds(&place.mailbox())), [("Grüße", String::new())]);

        // Answered; the answer arrives while the folder is open.
        mail.say("reply 1", "Subject: Re: Grüße").unwrap();
        mail.send("Thanks.\r~m 1\r").unwrap();
        mail.expect("(continue)").unwrap();
        mail.send(".\r").unwrap();
        mail.expect("Cc: ").unwrap();
        mail.send("\r").unwrap();
        mail.expect("& ").unwrap();
        place.until_holds(2);
        mail.say("sync", "held").unwrap();
        let held = place.holds(&place.mailbox());
        assert_eq!(marks(&held)[0], ("Grüße", "RS".to_owned()));
        assert_eq!(held[1].0, "Re: Grüße");

        // Deleted; the other one stays.
        mail.say("h", "2 ").unwrap();
        mail.say("d 1", "& ").unwrap();
        assert_eq!(place.holds(&place.mailbox()).len(), 2);
        mail.say("q", "1 letter held, 1 removed").unwrap();
        assert!(mail.ends().unwrap().success());
        assert_eq!(marks(&place.holds(&place.mailbox())), [("Re: Grüße", String::new())]);
        let mut mail = place.at_terminal(&["mail"]);
        mail.say("p 1", "> first line").unwrap();
        mail.say("q", "1 letter held").unwrap();
        assert!(mail.ends().unwrap().success());
    }
}

/// Letters arrive all the time while others are deleted and marked: none is lost, none comes back.
#[test]
fn the_service_delivers_at_the_same_moment() {
    for form in ["maildir", "mbox"] {
        let place = Place::new(form);
        let _server = place.serve();
        place.send("old 1", "x\n");
        place.send("old 2", "x\n");
        let enough = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut sent = 0;
                while !enough.load(Ordering::Relaxed) && sent < 200 {
                    sent += 1;
                    place.hand_over(&format!("new {sent}"), "y\n");
                }
                sent
            });
            for round in 0..5 {
                // By its path, so that an empty one is opened too.
                let mailbox = place.mailbox();
                let mut mail = place.at_terminal(&["mail", "-N", "-f", mailbox.to_str().unwrap()]);
                mail.expect("& ").unwrap();
                if round == 0 {
                    mail.say("d /old", "& ").unwrap();
                }
                mail.say("seen :n", "& ").unwrap();
                mail.say("q", "held").unwrap();
                assert!(mail.ends().unwrap().success());
            }
            enough.store(true, Ordering::Relaxed);
            sender.join().unwrap()
        });
        place.until_holds(sent);
        let mut subjects: Vec<String> =
            place.holds(&place.mailbox()).into_iter().map(|(subject, _)| subject).collect();
        subjects.sort();
        let mut want: Vec<String> = (1..=sent).map(|n| format!("new {n}")).collect();
        want.sort();
        assert_eq!(subjects, want);
    }
}

#[test]
fn interrupted() {
    let place = Place::new("maildir");
    let mut mail = place.at_terminal(&["mail", "-s", "x", "myself"]);
    mail.send("my words\r").unwrap();
    mail.expect("my words").unwrap();
    // Ctrl-C while a command runs is the command's.
    mail.say("~! echo be''gun; sleep 600", "begun\n").unwrap();
    mail.insist("\x03", "(continue)").unwrap();
    mail.insist("\x03", "(Interrupt: once more gives the letter up)").unwrap();
    mail.insist("\x03", "the letter is saved in ").unwrap();
    mail.ends().unwrap();
    let kept = place.holds(&place.path("dead.letter"));
    assert_eq!(kept[0].0, "x");
}

/// A program that is told to end while a person writes keeps the text, and ends by the signal.
#[test]
fn told_to_end_while_writing() {
    use std::os::unix::process::ExitStatusExt;

    let rows =
        [("xterm", "-TERM", 15), ("xterm", "-HUP", 1), ("dumb", "-TERM", 15), ("dumb", "-INT", 2)];
    for (terminal, signal, number) in rows {
        for in_line in [false, true] {
            let place = Place::new("maildir");
            let mut command = place.command(&["mail", "-s", "x", "myself"]);
            command.env("TERM", terminal);
            let mut mail = Terminal::start(&command, 24, 80).unwrap();
            mail.send("my words\r").unwrap();
            mail.expect("my words").unwrap();
            // A command is answered when the line before is in the text.
            mail.say("~p", "my words\n-------").unwrap();
            if in_line {
                mail.send("half a li").unwrap();
                mail.expect("half a li").unwrap();
            }
            let pid = mail.pid().to_string();
            assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
            mail.expect("the letter is saved in ").unwrap();
            let status = mail.ends().unwrap();
            // Where the tests were started with a signal ignored (nohup), it can only be told.
            let ended = status.signal().or(status.code().map(|code| code - 128));
            assert_eq!(ended, Some(number), "{terminal} {signal}: {}", mail.shown());
            let kept = place.path("dead.letter");
            assert_eq!(place.holds(&kept)[0].0, "x");
            assert!(fs::read_to_string(kept).unwrap().contains("\nmy words\n"));
        }
    }
}

/// A terminal that is gone is no order to send what is half written.
#[test]
fn the_terminal_goes_away() {
    let place = Place::new("maildir");
    let _server = place.serve();
    // With the signal that tells it, and without.
    for heard in [true, false] {
        let mail = place.command(&["mail", "-s", "x", "myself"]);
        let mut command = Command::new("sh");
        let script = if heard { "exec \"$@\"" } else { "trap '' HUP; exec \"$@\"" };
        command.args(["-c", script, "sh"]).arg(mail.get_program()).args(mail.get_args());
        for (name, value) in mail.get_envs() {
            value.into_iter().for_each(|value| {
                command.env(name, value);
            });
        }
        command.current_dir(place.path(""));
        let mut mail = Terminal::start(&command, 24, 80).unwrap();
        mail.send("my words\r").unwrap();
        mail.say("~p", "my words\n-------").unwrap();
        mail.hangs_up().unwrap();
        assert_eq!(place.holds(&place.path("dead.letter"))[0].0, "x", "{heard}");
        assert_eq!(place.count(), 0);
        fs::remove_file(place.path("dead.letter")).unwrap();
    }
}

/// A server that hangs is left by Ctrl-C, and the letter is kept.
#[test]
fn a_hanging_server_is_left() {
    let place = Place::new("maildir");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = place.path("config/postrider/mail.toml");
    let own = fs::read_to_string(&file).unwrap();
    let way = format!("[submission]\nserver = \"127.0.0.1:{port}\"\ntls = \"none\"\n");
    fs::write(&file, own + &way).unwrap();
    for typed in [true, false] {
        let mut mail = if typed {
            let mut mail = place.at_terminal(&["mail", "-v", "-s", "x", "myself"]);
            mail.send("my words\r.\r").unwrap();
            mail.expect("Cc: ").unwrap();
            mail.send("\r").unwrap();
            mail
        } else {
            let text = place.path("text");
            fs::write(&text, "my words\n").unwrap();
            let mail = place.command(&["mail", "-v", "-s", "x", "myself"]);
            let mut command = Command::new("sh");
            command.args(["-c", "exec \"$@\" <text", "sh"]);
            command.arg(mail.get_program()).args(mail.get_args());
            for (name, value) in mail.get_envs() {
                value.into_iter().for_each(|value| {
                    command.env(name, value);
                });
            }
            command.current_dir(place.path(""));
            Terminal::start(&command, 24, 80).unwrap()
        };
        mail.expect("Connecting to the mail service at").unwrap();
        let _hangs = listener.accept().unwrap();
        mail.insist("\x03", "broken off").unwrap();
        mail.expect("the letter is saved in ").unwrap();
        assert_eq!(mail.ends().unwrap().code(), Some(75));
        fs::remove_file(place.path("dead.letter")).unwrap();
    }
}

/// Keys that were typed before anybody asked go where they would have gone later.
#[test]
fn keys_typed_ahead_of_the_screen() {
    let place = Place::new("maildir");
    let _server = place.serve();
    for n in 1..=3 {
        place.send(&format!("letter {n}"), "text\n");
    }
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut mail = place.at_terminal(&["mail", "--screen"]);
    mail.see("? tells the keys").unwrap();
    // While the command runs: Enter for the question after it, then keys for the screen.
    mail.send(":! echo be''gun; read x <fifo\r").unwrap();
    mail.expect("begun").unwrap();
    mail.send("\rjd").unwrap();
    fs::write(&fifo, "go\n").unwrap();
    mail.see(" D    2").unwrap();
    mail.send("x").unwrap();
    assert!(mail.ends().unwrap().success(), "{}", mail.shown());

    // All of a letter at once, with the key that begins it.
    let mut mail = place.at_terminal(&["mail", "--screen"]);
    mail.see("? tells the keys").unwrap();
    mail.send("mmyself\rahead\rone line\r.\r\r\rq").unwrap();
    mail.expect("one line").unwrap();
    place.until_holds(4);
    let _ = mail.ends();
    let held = place.holds(&place.mailbox());
    assert!(held.iter().any(|(subject, _)| subject == "ahead"), "{held:?}");
}

/// A disk that is full, played by a bound on the size of files: folders are as they were, letters
/// stay where they are, and the person is told.
#[test]
fn a_full_disk_loses_nothing() {
    use std::io::Write;

    for form in ["mbox", "maildir"] {
        let place = Place::new(form);
        let server = place.serve();
        place.send("large", &"a line of text\n".repeat(3000));
        place.send("small", "x\n");
        drop(server);
        let other = place.path("other");
        let before = place.holds(&place.mailbox());
        let script = "trap '' XFSZ; ulimit -f 20; exec \"$@\"";
        let own = place.command(&["mail", "-N", "-f", place.mailbox().to_str().unwrap()]);
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(own.get_program()).args(own.get_args());
        for (name, value) in own.get_envs() {
            value.into_iter().for_each(|value| {
                command.env(name, value);
            });
        }
        command.current_dir(place.path("")).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines =
            format!("copy 2 {o}\nmove 1 {o}\nwrite 1 text\nflag 1\nq\nx\n", o = other.display());
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(err.contains("File too large"), "{err}");
        // The letter that could not be moved is still here, and no half of it there.
        assert_eq!(place.holds(&place.mailbox()).len(), before.len(), "{err}");
        let moved: Vec<String> = place.holds(&other).into_iter().map(|(name, _)| name).collect();
        assert_eq!(moved, ["small"]);
        assert!(!place.path("text").exists());
        let mut folder = place.open(&place.mailbox()).unwrap();
        let whole = folder.source(0).unwrap().read_range(0..u64::MAX).unwrap();
        assert!(whole.len() > 45_000);
    }
}

#[test]
fn names_are_completed() {
    let place = Place::new("maildir");
    let _server = place.serve();
    let mut mail = place.at_terminal(&["mail", "-s", "x"]);
    mail.expect("To: ").unwrap();
    mail.send("mys\t\r").unwrap();
    mail.expect("myself\n").unwrap();
    mail.say("text", "text\n").unwrap();
    mail.insist("\x04", "Cc: ").unwrap();
    mail.send("nobody here\r").unwrap();
    mail.expect("words without an address").unwrap();
    // Ctrl-U empties the line that is changed.
    mail.expect("Cc: ").unwrap();
    mail.send("\x15\r").unwrap();
    assert!(mail.ends().unwrap().success(), "{}", mail.shown());
    place.until_holds(1);
    assert_eq!(place.holds(&place.mailbox())[0].0, "x");
}

#[test]
fn on_the_whole_screen() {
    let place = Place::new("maildir");
    let _server = place.serve();
    place.send("first", "one\x1b]0;owned\x07\n");
    place.send("second", &"line\n".repeat(100));
    place.send("third", "three\n");
    let mut mail = place.at_terminal(&["mail", "--screen"]);
    mail.see("3 letters, 3 new, 3 unread").unwrap();
    mail.see("third").unwrap();
    mail.send("\r").unwrap();
    mail.see("Letter 1, line 1 of").unwrap();
    mail.see("one?]0;owned?").unwrap();
    mail.send("j").unwrap();
    mail.see("Letter 2, line 1 of").unwrap();
    mail.send("F").unwrap();
    mail.see("> F   2").unwrap();
    // The first letter is deleted and the third is searched for.
    mail.send("kd").unwrap();
    mail.see(" D    1").unwrap();
    mail.send("/third\r").unwrap();
    mail.see("Letter 3, line 1 of").unwrap();
    mail.send("?").unwrap();
    mail.see("Keys of the screen").unwrap();
    mail.send(" ").unwrap();
    mail.see("Letter 3, line 1 of").unwrap();
    // A letter that arrives is seen at the next key.
    place.send("fourth", "x\n");
    mail.send("j").unwrap();
    mail.see("fourth").unwrap();
    // An answer leaves the screen and comes back.
    mail.send("gjr").unwrap();
    mail.expect("Subject: Re: second").unwrap();
    mail.send("Thanks.\r.\r").unwrap();
    mail.expect("Cc: ").unwrap();
    mail.send("\r").unwrap();
    mail.expect("Enter goes back").unwrap();
    place.until_holds(5);
    mail.send("\r").unwrap();
    mail.see("5 letters").unwrap();
    mail.send("q").unwrap();
    mail.expect("4 letters held, 1 removed").unwrap();
    assert!(mail.ends().unwrap().success());
    // No octet of a letter reached the terminal as a command.
    let owned = mail.raw().windows(9).any(|window| window == b"\x1b]0;owned");
    assert!(!owned);
    let held = place.holds(&place.mailbox());
    let second = held.iter().find(|(subject, _)| subject == "second").unwrap();
    assert!(second.1.flagged && second.1.seen && second.1.answered);
    assert!(held.iter().all(|(subject, _)| subject != "first"));
}
