//! Letters made to hurt who reads them: everything is done to them, nothing breaks, nothing raw is
//! said, and the person is told what is wrong.

use super::*;

/// One letter in a folder of its own.
fn holding(room: &Room, form: &str, letter: &[u8]) -> PathBuf {
    let path = room.path(&format!("evil-{form}"));
    let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    let mut one = Deposit {
        content: &mut &*letter,
        flags: Flags::default(),
        sender: "x@x.example",
        host: "h",
        new_is_maildir: form == "maildir",
    };
    deposit(&path, &mut one).unwrap();
    path
}

/// What `mail` says when all is done to the letter that `commands` say.
fn said(room: &Room, folder: &Path, commands: &str) -> (String, String) {
    let folder = folder.to_str().unwrap();
    let (exit, out, err) = room.run(&["-N", "-R", "-f", folder], &format!("{commands}\nx\n"));
    assert_eq!(exit, EX_OK, "{err}");
    let raw = |c: char| c.is_control() && c != '\n';
    assert!(!out.contains(raw) && !err.contains(raw), "{commands}: a control goes out raw");
    (out, err)
}

const ALL: &str =
    "f *\np 1\nP 1\nparts 1\nraw 1\ntop 1\nf @b@nowhere\nf /nowhere\npipe 1 cat >/dev/null";

fn mixed(body: &str) -> Vec<u8> {
    format!("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n{body}").into_bytes()
}

#[test]
fn in_every_way() {
    let deep: String = (0..10_000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    let odd = b"From: \xff\x1b[2J\0 <a\xfe@x>\nTo: \xff\0\nSubject: \xc3\x1b]0;x\x07 =?utf-8?q?=FF=1B?=\n\
                Date: \0\xff\nMessage-ID: <\xff\0>\nReferences: <\0>\nX-\xff: \xff\nContent-Type: text/\xff; \
                charset=\"\xff\"; name=\"\x1b[2J\"\nContent-Disposition: attachment; filename=\"\0\xff\"\n\
                Content-Transfer-Encoding: \xff\n\n\xff\0\x1b[2J\x9b\n";
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nested ten thousand deep", deep.into_bytes(), "nested too deep"),
        ("a boundary that begins another", mixed("--b\n\none\n--bb\n\ntwo\n--b--\n"), "--bb\n"),
        ("without end", mixed("--b\n\none\n"), "is missing"),
        ("a NUL", mixed("--b\n\na\0b\n--b--\n"), "NUL"),
        ("odd octets everywhere", odd.to_vec(), "broken"),
        (
            "an unknown charset",
            b"Content-Type: text/plain; charset=x-klingon\n\nqapla\n".to_vec(),
            "qapla",
        ),
        (
            "a charset that lies",
            b"Content-Type: text/plain; charset=utf-8\n\ngr\xfc\xdfe\n".to_vec(),
            "broken",
        ),
        (
            "base64 with noise",
            b"Content-Transfer-Encoding: base64\n\nSGV$%&sbG8!\xff\ngd29ybGQ=\n".to_vec(),
            "Hello world",
        ),
    ];
    for form in FORMS {
        let room = Room::new(form);
        for (what, letter, want) in &rows {
            let folder = holding(&room, form, letter);
            let (out, _) = said(&room, &folder, ALL);
            assert!(out.contains(want), "{what}: {want:?} is not in\n{out}");
            let files = room.path("files");
            fs::create_dir_all(&files).unwrap();
            said(&room, &folder, &format!("detach 1 {f}\npart 1 {f}/one", f = files.display()));
            fs::remove_dir_all(&files).unwrap();
            // It can be answered and passed on like any other.
            said(&room, &folder, "forward 1 z@z.example\n.\nForward 1 z@z.example\n.");
            said(&room, &folder, "set quote-answers\nreply-sender 1\n.");
        }
    }
}

#[test]
fn a_million_parts() {
    let room = Room::new("maildir");
    let begin = "--b\nContent-Type: text/plain\n\nx\n".repeat(50_000);
    let letter = mixed(&(begin + &"--b\n".repeat(950_000)));
    let folder = holding(&room, "maildir", &letter);
    let (out, _) = said(&room, &folder, "p 1\nparts 1");
    assert!(
        out.contains("there are more parts") && out.contains("too many parts"),
        "{}",
        out.len()
    );
}

/// A header section without end is read as far as people read.
#[test]
fn a_line_of_a_hundred_megabytes() {
    let room = Room::new("maildir");
    let mut letter = b"Subject: ".to_vec();
    letter.resize(100_000_000, b'x');
    letter.extend_from_slice(
        b"\nFrom: ada@example.net\nContent-Type: text/plain; charset=iso-8859-1\n\nB\xf6dy\n",
    );
    let folder = holding(&room, "maildir", &letter);
    let (out, _) = said(&room, &folder, "f 1\np 1\nparts 1");
    assert!(out.len() < 3_000_000, "{}", out.len());
    // What the body needs was learnt all the same.
    assert!(out.contains("Bödy\n") && out.contains("the header section is longer"));
}

/// Names with paths, controls and twins: a file is made in the folder, or none.
#[test]
fn names_of_files() {
    let room = Room::new("maildir");
    let names = [
        "../../up",
        "/etc/abs",
        "..",
        "a\x1b[2Jb",
        "a\\..\\b",
        ".hidden",
        "-rf",
        "twin",
        "twin",
        "new\r\nline",
        "",
    ];
    let part = |name: &&str| {
        let name = name.replace('\\', "\\\\");
        format!("--b\nContent-Type: application/x; name=\"{name}\"\n\n{name}\n")
    };
    let body: String = names.iter().map(part).collect();
    let folder = holding(&room, "maildir", &mixed(&(body + "--b--\n")));
    let files = room.path("files");
    fs::create_dir(&files).unwrap();
    let before = fs::read_dir(room.path("")).unwrap().count();
    let (_, err) = said(&room, &folder, &format!("detach 1 {}", files.display()));
    assert!(err.contains("twin exists and is left as it is"), "{err}");
    let mut made: Vec<String> = fs::read_dir(&files)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    assert!(made.len() >= 9, "{made:?}");
    for name in &made {
        assert!(!name.contains(['/', '\\']) && !name.starts_with(['.', '-']), "{made:?}");
        assert!(!name.contains(char::is_control), "{made:?}");
    }
    assert_eq!(fs::read_dir(room.path("")).unwrap().count(), before, "nothing is made elsewhere");
}

/// Another program changes the letter between two looks at it, or while it is read.
#[test]
fn a_letter_that_shrinks_underneath() {
    for form in FORMS {
        let room = Room::new(form);
        let letter = mixed(&format!("--b\n\n{}--b--\n", "a line\n".repeat(10_000)));
        let folder = holding(&room, form, &letter);
        let file = match form {
            "mbox" => folder.clone(),
            _ => fs::read_dir(folder.join("new")).unwrap().next().unwrap().unwrap().path(),
        };
        let cut = format!(
            "! truncate -s 400 '{}'\np 1\nraw 1\ncopy 1 {}/other",
            file.display(),
            room.path("").display()
        );
        let (out, err) = said(&room, &folder, &cut);
        // An mbox that was changed is another one; a file is shown as far as it goes, and as broken.
        assert!(err.contains("by another program") || out.contains("broken"), "{out}{err}");
    }
}
