mod hostile;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::agent::folder::{Deposit, Flags, deposit};
use crate::agent::mail::run_on;
use crate::agent::outbox::tests::{nowhere, site};
use crate::drop;

const LETTERS: [&str; 4] = [
    "From: Bob <bob@x.example>\nTo: ann@sun.tuc.example\nCc: carol@y.example\nSubject: Lunch?\n\
     Date: Tue, 24 Nov 2026 18:22:48 +0000\nMessage-ID: <1@x>\n\nAt noon?\n",
    "From: Eve =?utf-8?Q?=1B]0;x?= <eve@x.example>\nTo: ann@sun.tuc.example\n\
     Subject: =?utf-8?B?G1sySg==?= escape\nMessage-ID: <2@x>\n\n\x1b[31mred\x07\n",
    "From: Carol <carol@y.example>\nTo: ann@sun.tuc.example\nSubject: Re: Lunch?\n\
     Message-ID: <3@x>\nIn-Reply-To: <1@x>\nMIME-Version: 1.0\n\
     Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\
     Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe\n--b\n\
     Content-Type: application/pdf; name=\"../../etc/plan.pdf\"\n\
     Content-Transfer-Encoding: base64\n\nJVBERi0=\n--b\n\
     Content-Type: text/html\n\n<p>Hello <b>world</b></p>\n--b--\n",
    "From: news@z.example\nTo: list@z.example\nSubject: News\nMessage-ID: <4@x>\n\nNothing.\n",
];

struct Room {
    dir: tempfile::TempDir,
    site: Site,
}

impl Room {
    /// Ann at a Maildir of the letters.
    fn new(form: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut site = site(dir.path(), nowhere());
        site.inbox_of = dir.path().join("mail/{user}").display().to_string();
        fs::create_dir_all(dir.path().join("mail")).unwrap();
        let room = Self { dir, site };
        for letter in LETTERS {
            let path = room.inbox(form);
            let mut one = Deposit {
                content: &mut letter.as_bytes(),
                flags: Flags::default(),
                sender: "x@x.example",
                host: "h",
                new_is_maildir: form == "maildir",
            };
            deposit(&path, &mut one).unwrap();
        }
        room
    }

    fn inbox(&self, _: &str) -> PathBuf {
        self.dir.path().join("mail/ann")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What `mail` says to these lines.
    fn run(&self, words: &[&str], typed: &str) -> (Exit, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let words = ["mail"].iter().chain(words).map(OsString::from).collect();
        let mut console = Console {
            input: &mut typed.as_bytes(),
            out: &mut out,
            err: &mut err,
            interactive: false,
            colour: false,
            err_colour: false,
            editor: None,
        };
        let exit = run_on(words, &self.site, &mut console);
        let text = |octets| String::from_utf8(octets).unwrap();
        (exit, text(out), text(err))
    }

    /// Subjects and marks of a folder as it is now.
    fn holds(&self, path: &Path) -> Vec<(String, String)> {
        let folder = Folder::open(path).unwrap();
        let marks = |flags: Flags| flags.to_maildir("");
        let items = folder.items.iter();
        items.map(|item| (item.summary.subject.to_string(), marks(item.flags))).collect()
    }

    fn sent(&self) -> Vec<(Vec<String>, String)> {
        let waiting = drop::list(&self.dir.path().join("drop")).unwrap();
        waiting
            .iter()
            .map(|one| {
                let mut letter = drop::read(&one.path).unwrap();
                let mut content = String::new();
                std::io::Read::read_to_string(&mut letter, &mut content).unwrap();
                let to = letter.envelope.recipients.iter().map(ToString::to_string).collect();
                (to, content)
            })
            .collect()
    }
}

const FORMS: [&str; 2] = ["mbox", "maildir"];

fn subjects(held: &[(String, String)]) -> Vec<&str> {
    held.iter().map(|(subject, _)| subject.as_str()).collect()
}

#[test]
fn a_list_to_begin_with() {
    for form in FORMS {
        let room = Room::new(form);
        let (exit, out, err) = room.run(&[], "x\n");
        assert_eq!((exit, err.as_str()), (EX_OK, ""));
        assert!(out.contains(": 4 letters, 4 new, 4 unread\n"), "{out}");
        assert!(out.contains(">N    1 Bob                  Tue Nov 24"), "{out}");
        assert!(out.contains("Lunch?\n") && out.contains(" N    3 Carol"), "{out}");
        // Nothing a letter says reaches the terminal raw.
        assert!(!out.contains(|c: char| c.is_control() && c != '\n'), "{out:?}");
        // The folder is as it was.
        assert!(Folder::open(&room.inbox(form)).unwrap().items.iter().all(|item| item.is_new()));
        let (_, out, _) = room.run(&["-H"], "");
        assert_eq!(out.lines().count(), 4, "{out}");
    }
}

/// Register: 5322-5-a, 2045-6.4-c, 2046-4.5.1-a
#[test]
fn letters_are_shown_decoded_and_harmless() {
    for form in FORMS {
        let room = Room::new(form);
        let (exit, out, _) = room.run(&["-N"], "1\np 2 3\nq\n");
        assert_eq!(exit, EX_OK);
        assert!(out.contains("From: Bob <bob@x.example>\nTo: ann@sun.tuc.example\n"), "{out}");
        assert!(out.contains("\nDate: Tue, 24 Nov 2026 18:22:48 +0000\n\nAt noon?\n"), "{out}");
        assert!(out.contains("Subject: ?[2J escape\n") && out.contains("?[31mred?\n"), "{out}");
        assert!(out.contains("\nGrüße\n") && out.contains("\nHello **world**"), "{out}");
        assert!(out.contains("[2: application/pdf, ../../etc/plan.pdf, 8: not shown]"), "{out}");
        assert!(!out.contains('\u{1b}') && !out.contains('\u{7}'), "{out:?}");
        let held = room.holds(&room.inbox(form));
        let marks: Vec<&str> = held.iter().map(|(_, marks)| marks.as_str()).collect();
        assert_eq!(marks, ["S", "S", "S", ""]);
        let (_, out, _) = room.run(&["-N"], "raw 2\nx\n");
        assert!(out.contains("=?utf-8?B?G1sySg==?=") && !out.contains('\u{1b}'), "{out}");
    }
}

#[test]
fn deleted_saved_and_moved() {
    for form in FORMS {
        let room = Room::new(form);
        let kept = room.path("kept");
        let typed = format!(
            "d 2\nd 3-4\nu 3\ncopy 1 {k}\nmove 3 {k}\nd\nu .\nsave 1 {k}\nq\n",
            k = kept.display()
        );
        let (exit, out, err) = room.run(&["-N"], &typed);
        assert_eq!((exit, err.as_str()), (EX_OK, ""));
        assert!(out.contains("kept (a new folder): 1 letter\n"), "{out}");
        assert!(out.contains(": 1 letter held, 3 removed\n"), "{out}");
        assert_eq!(subjects(&room.holds(&room.inbox(form))), ["Lunch?"]);
        assert_eq!(subjects(&room.holds(&kept)), ["Lunch?", "Re: Lunch?", "Lunch?"]);
        // Exit keeps everything as it was.
        room.run(&["-N"], "d *\nx\n");
        assert_eq!(room.holds(&room.inbox(form)).len(), 1);
        room.run(&["-N", "-R"], "d *\nq\n");
        assert_eq!(room.holds(&room.inbox(form)).len(), 1);
        room.run(&["-N"], "d *\nsync\nx\n");
        assert!(room.holds(&room.inbox(form)).is_empty());
        let (exit, out, _) = room.run(&[], "");
        assert_eq!(exit, NO_MAIL);
        assert!(out.starts_with("No mail for ann in "), "{out}");
        assert_eq!(room.run(&["-e"], "").0, NO_MAIL);
    }
}

#[test]
fn marks() {
    for form in FORMS {
        let room = Room::new(form);
        room.run(&["-N"], "flag 1\nseen 2 3\nunread 3\nanswered 4\nflag 4\nunflag 4\nq\n");
        let held = room.holds(&room.inbox(form));
        let marks: Vec<&str> = held.iter().map(|(_, marks)| marks.as_str()).collect();
        assert_eq!(marks, ["F", "S", "", "R"]);
        let (_, out, _) = room.run(&["-N"], "f :f\nf :a\nf :o\nx\n");
        assert!(out.contains("UF   1 Bob") && out.contains("UA   4 news"), "{out}");
        assert_eq!(out.lines().count(), 6, "{out}");
    }
}

/// Register: 5322-3.6.4-c
#[test]
fn answers() {
    for form in FORMS {
        let room = Room::new(form);
        let typed = "reply 1\nYes!\n~m 1\n.\nReply 3\nHello.\n.\nR 99\nq\n";
        let (exit, out, err) = room.run(&["-N"], typed);
        assert_eq!(exit, EX_OK, "{err}");
        assert!(
            out.contains("To: Bob <bob@x.example>\nCc: carol@y.example\nSubject: Re: Lunch?\n")
        );
        assert!(err.contains("there is no letter 99"), "{err}");
        let sent = room.sent();
        let (to, content) = &sent[0];
        assert_eq!(*to, ["<bob@x.example>", "<carol@y.example>"]);
        assert!(content.contains("In-Reply-To: <1@x>\r\nReferences: <1@x>\r\n"), "{content}");
        assert!(content.ends_with("Yes!\r\n> From: Bob <bob@x.example>\r\n> To: ann@sun.tuc.example\r\n> Cc: carol@y.example\r\n> Subject: Lunch?\r\n> Date: Tue, 24 Nov 2026 18:22:48 +0000\r\n>\r\n> At noon?\r\n"), "{content}");
        let (to, content) = &sent[1];
        assert_eq!(*to, ["<carol@y.example>"]);
        assert!(content.contains("References: <1@x> <3@x>\r\n"), "{content}");
        assert_eq!(room.holds(&room.inbox(form))[0].1, "R");
    }
}

#[test]
fn passed_on() {
    let room = Room::new("maildir");
    let typed =
        "forward 3 dan@x.example\nLook.\n.\nForward 3 dan\n.\nresend 1 dan, eve@x.example\nq\n";
    let (exit, _, err) = room.run(&["-N"], typed);
    assert_eq!(exit, EX_OK, "{err}");
    let sent = room.sent();
    let attached = &sent[0].1;
    assert!(attached.contains("Subject: Fwd: Re: Lunch?\r\n"), "{attached}");
    assert!(attached.contains("Content-Type: message/rfc822\r\n"), "{attached}");
    assert!(attached.contains("\r\n\r\nFrom: Carol <carol@y.example>\r\n"), "{attached}");
    let inline = &sent[1].1;
    assert!(inline.contains("-------- Forwarded letter") && inline.contains("Gr"), "{inline}");
    assert!(inline.contains("filename=plan.pdf\r\n") && inline.contains("JVBERi0="), "{inline}");
    let (to, again) = &sent[2];
    assert_eq!(*to, ["<dan@sun.tuc.example>", "<eve@x.example>"]);
    assert!(again.starts_with("Resent-Date: "), "{again}");
    let (_, rest) = again.split_once("From: Bob").unwrap();
    let (_, want) = LETTERS[0].split_once("From: Bob").unwrap();
    assert_eq!(rest.replace("\r\n", "\n"), want);
    assert_eq!(room.holds(&room.inbox(""))[2].1, "P");
}

/// Register: 2046-4.5.3-a
#[test]
fn attachments_are_written_where_the_person_says() {
    let room = Room::new("maildir");
    let files = room.path("files");
    fs::create_dir(&files).unwrap();
    let typed = format!(
        "detach 3 {f}\nparts 3\npart 2 {f}/other.pdf\nwrite 1 {f}/text\ndetach 3 {f}\nx\n",
        f = files.display()
    );
    let (_, out, err) = room.run(&["-N"], &typed);
    assert_eq!(fs::read(files.join("plan.pdf")).unwrap(), b"%PDF-");
    assert_eq!(fs::read(files.join("other.pdf")).unwrap(), b"%PDF-");
    assert_eq!(fs::read(files.join("text")).unwrap(), b"At noon?\n");
    assert!(out.contains("  2: application/pdf, ../../etc/plan.pdf, 8\n"), "{out}");
    // Nobody agrees, so nothing is replaced.
    assert!(err.contains("plan.pdf exists and is left as it is"), "{err}");
    assert!(!room.path("etc").exists());
    // A link with that name is a file that exists: what it points to is not touched.
    let target = room.path("precious");
    fs::write(&target, "mine").unwrap();
    let trap = room.path("trap");
    fs::create_dir(&trap).unwrap();
    std::os::unix::fs::symlink(&target, trap.join("plan.pdf")).unwrap();
    let (_, _, err) =
        room.run(&["-N"], &format!("detach 3 {t}\npart 2 {t}/plan.pdf\nx\n", t = trap.display()));
    assert!(err.contains("exists and is left as it is"), "{err}");
    assert_eq!(fs::read(&target).unwrap(), b"mine");
}

/// Register: 2046-5.2.3.6-a
/// Register: 2046-5.2.3.6-a
#[test]
fn bodies_elsewhere_are_followed_only_when_asked() {
    let room = Room::new("maildir");
    let secret = room.path("report.txt");
    fs::write(&secret, "the report\x1b[2J\n").unwrap();
    for (access, extra) in [
        ("local-file", format!("name=\"{}\"", secret.display())),
        ("anon-ftp", "site=x.example; name=report.txt".to_owned()),
        ("mail-server", "server=\"info@x.example\"; subject=\"get report\"".to_owned()),
    ] {
        let letter = format!(
            "Subject: {access}\nContent-Type: message/external-body; access-type={access};\n {extra}\n\n\
             Content-Type: text/plain\nContent-ID: <id@x>\n\nget report.txt\n"
        );
        let mut one = Deposit {
            content: &mut letter.as_bytes(),
            flags: Flags::default(),
            sender: "",
            host: "h",
            new_is_maildir: true,
        };
        deposit(&room.inbox(""), &mut one).unwrap();
    }
    let (_, out, err) = room.run(&["-N"], "p 5-7\nfetch 5\nn\nx\n");
    assert!(
        out.contains("its body is elsewhere: the file ") && !out.contains("the report"),
        "{out}"
    );
    assert!(out.contains("ftp://x.example/report.txt, which is not fetched from here"), "{out}");
    assert!(err.contains("not read"), "{err}");
    let (_, out, err) = room.run(&["-N"], "fetch 5\ny\nfetch 6\nfetch 7\ny\nx\n");
    assert!(out.contains("the report?[2J\n"), "{out}");
    assert!(err.contains("which is not fetched from here"), "{err}");
    let (to, content) = &room.sent()[0];
    assert_eq!(*to, ["<info@x.example>"]);
    assert!(
        content.contains("Subject: get report\r\n") && content.ends_with("\r\nget report.txt\r\n")
    );
}

#[test]
fn pieces_are_put_together() {
    let room = Room::new("maildir");
    for (number, text) in [(2, "two\n"), (1, "Subject: whole\nContent-Type: text/plain\n\none\n")] {
        let letter = format!(
            "From: a@x\nSubject: piece {number}\nContent-Type: message/partial; id=\"i@x\"; \
             number={number}; total=2\n\n{text}"
        );
        let mut one = Deposit {
            content: &mut letter.as_bytes(),
            flags: Flags::default(),
            sender: "",
            host: "h",
            new_is_maildir: true,
        };
        deposit(&room.inbox(""), &mut one).unwrap();
        if number == 2 {
            let (_, out, err) = room.run(&["-N"], "p 5\njoin 5\nx\n");
            assert!(out.contains("piece 2 of 2 of a letter that was sent in pieces"), "{out}");
            assert!(err.contains("of 2 pieces these are missing: 1"), "{err}");
        }
    }
    let (_, out, err) = room.run(&["-N"], "join 5\nh\np $\nx\n");
    assert!(out.contains("put together: whole") && out.contains("one\ntwo\n"), "{out} {err}");
}

/// A letter sent in pieces is put together again from the mailbox, its attachment octet by octet.
///
/// Register: 2046-5.2.2-a, 2046-5.2.2.1-a
#[test]
fn sent_in_pieces() {
    let room = Room::new("maildir");
    let file = room.path("plan.bin");
    let octets: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    fs::write(&file, &octets).unwrap();
    let words = ["-n", "-s", "Größe", "--parts", "10k", "-a", file.to_str().unwrap(), "ann"];
    let (exit, _, err) = room.run(&words, "é\n");
    assert_eq!(exit, EX_OK, "{err}");
    let mut sent = room.sent();
    assert!(sent.len() > 2);
    sent.reverse();
    for (_, piece) in &sent {
        assert!(piece.len() <= 10_000 && piece.is_ascii());
        let mut one = Deposit {
            content: &mut piece.as_bytes(),
            flags: Flags::default(),
            sender: "",
            host: "h",
            new_is_maildir: true,
        };
        deposit(&room.inbox(""), &mut one).unwrap();
    }
    let (_, out, err) = room.run(
        &["-N"],
        &format!("join 5\nh\np $\ndetach $ {}\nx\n", room.dir.path().join("mail").display()),
    );
    assert!(out.contains("put together: Größe") && out.contains("\né\n"), "{out} {err}");
    assert_eq!(fs::read(room.path("mail/plan.bin")).unwrap(), octets);
}

#[test]
fn search_threads_and_lists() {
    let room = Room::new("mbox");
    let (_, out, err) =
        room.run(&["-N"], "f /lunch\nf @b@nothing\nf @c@carol\nf &3\nthread\n?\nz\n=\nx\n");
    let rows: Vec<&str> = out.lines().filter(|line| line.contains("  Lunch?")).collect();
    assert!(rows.len() >= 4, "{out}");
    assert!(out.contains("  `- Re: Lunch?"), "{out}");
    assert!(out.contains("print [LETTERS]") && err.contains("no more letters"), "{err}");
}

#[test]
fn pipes_take_only_what_the_person_says() {
    let room = Room::new("mbox");
    let marker = room.path("ran");
    let letter = format!("Subject: `touch {m}`; touch {m}\n\n$(touch {m})\n", m = marker.display());
    let mut one = Deposit {
        content: &mut letter.as_bytes(),
        flags: Flags::default(),
        sender: "",
        host: "h",
        new_is_maildir: false,
    };
    deposit(&room.inbox(""), &mut one).unwrap();
    let out_file = room.path("out");
    let typed =
        format!("| 5 cat > {o}\n| 1-2 \"wc -l >> {o}\"\npipe 1\nx\n", o = out_file.display());
    let (_, _, err) = room.run(&["-N"], &typed);
    let text = fs::read_to_string(&out_file).unwrap();
    assert!(text.starts_with("Subject: `touch ") && text.contains("$(touch "), "{text}");
    assert!(!marker.exists());
    assert!(err.contains("name a command"), "{err}");
}

#[test]
fn a_folder_that_changes_underneath() {
    for form in FORMS {
        let room = Room::new(form);
        let inbox = room.inbox(form);
        let gone = format!("d 1\n! rm -r {}\np 2\nq\n", inbox.display());
        let (_, _, err) = room.run(&["-N"], &gone);
        assert!(err.contains("there is no such folder"), "{err}");
        assert!(!err.contains("panick"), "{err}");
    }
}

#[test]
fn settings_change_what_is_done() {
    let room = Room::new("mbox");
    let mbox = room.path("mbox");
    let nohold = ["-N", "-S", "nohold"];
    let set = format!("set mbox={}\np 1\nhold 1\np 2\nq\n", mbox.display());
    let (_, out, err) = room.run(&nohold, &set);
    assert!(out.contains("1 letter moved to "), "{out} {err}");
    assert_eq!(subjects(&room.holds(&mbox)).len(), 1);
    assert_eq!(room.holds(&room.inbox("")).len(), 3);
    let (_, out, _) =
        room.run(&["-N"], "set\nalias team bob carol@y.example\nalias team\nset x=1\nx\n");
    assert!(out.contains("hold = true\n") && out.contains("team: bob, carol@y.example\n"), "{out}");
}

#[test]
fn drafts_are_taken_up() {
    let room = Room::new("mbox");
    let drafts = room.path("drafts");
    let set = format!(
        "set drafts={}\nmail dan\nbegun\n~s half\n~b eve\n~D\nfolder {}\nresume 1\nmore\n.\nq\n",
        drafts.display(),
        drafts.display()
    );
    let (exit, out, err) = room.run(&["-N"], &set);
    assert_eq!(exit, EX_OK, "{out} {err}");
    let (to, content) = &room.sent()[0];
    assert_eq!(*to, ["<dan@sun.tuc.example>", "<eve@sun.tuc.example>"]);
    assert!(
        content.contains("Subject: half\r\n") && content.ends_with("begun\r\nmore\r\n"),
        "{content}"
    );
    assert!(!content.contains("eve"), "{content}");
    assert!(room.holds(&drafts).is_empty());
}
