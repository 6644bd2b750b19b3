use std::collections::VecDeque;
use std::path::Path;
use std::time::{Instant, SystemTime};

use spool::{BoxFut, SpoolError};

use super::*;

/// Content in pieces; at the end it may fail.
struct Pieces(VecDeque<&'static [u8]>, bool);

impl BodyReader for Pieces {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        let next = match self.0.pop_front() {
            Some(piece) => Ok(Some(Bytes::from_static(piece))),
            None if self.1 => Err(SpoolError::NotFound),
            None => Ok(None),
        };
        Box::pin(async { next })
    }
}

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A user whose rights we can give: ourselves, or one that every system has, if we are root.
fn user() -> Option<&'static str> {
    geteuid().is_root().then_some("nobody")
}

fn run(command: &[String]) -> CommandRun<'_> {
    CommandRun {
        command,
        user: user(),
        directory: None,
        environment: vec![("SENDER", "a@b.example\n; rm".to_owned())],
        from: None,
        head: Bytes::from_static(b"Return-Path: <a@b.example>\r\n"),
        body: Box::new(Pieces([&b"Subject: x\r"[..], b"\n\r\nFrom here\r\nend"].into(), false)),
        time_limit: Duration::from_secs(30),
        output_max: 100_000,
    }
}

async fn play(words: &[&str]) -> (End, String) {
    let command = command(words);
    let ran = SystemCommands::default().run(run(&command)).await.unwrap();
    (ran.end, String::from_utf8(ran.output).unwrap())
}

const SHELL: &str = "/bin/sh";

/// What a program reads, finds and says.
#[tokio::test]
async fn programs() {
    let letter = "Return-Path: <a@b.example>\nSubject: x\n\nFrom here\nend\n";
    let rows: &[(&[&str], End, &str)] = &[
        (&["/bin/cat"], End::Exit(0), letter),
        // No shell looks at an argument.
        (&["/bin/echo", "$HOME; ls *"], End::Exit(0), "$HOME; ls *\n"),
        (&["echo", "found"], End::Exit(0), "found\n"),
        (&[SHELL, "-c", "exit 67"], End::Exit(67), ""),
        (&[SHELL, "-c", "echo 5.1.1 who >&2; exit 75"], End::Exit(75), "5.1.1 who\n"),
        (&[SHELL, "-c", "kill -9 $$"], End::Signal(9), ""),
        // Who does not read may end well.
        (&["/bin/true"], End::Exit(0), ""),
        (&[SHELL, "-c", "exec <&-; exit 0"], End::Exit(0), ""),
        (
            &[SHELL, "-c", "pwd; echo $PATH; echo \"$SENDER\""],
            End::Exit(0),
            "/\n/usr/local/bin:/usr/bin:/bin\na@b.example?; rm\n",
        ),
        // What it leaves behind does not keep us.
        (&[SHELL, "-c", "sleep 20 & echo done"], End::Exit(0), "done\n"),
    ];
    for (words, end, output) in rows {
        let begun = Instant::now();
        assert_eq!(play(words).await, (end.clone(), (*output).to_owned()), "{words:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{words:?}");
    }
}

/// Nothing of our own environment, and no rights of root, groups included.
#[tokio::test]
async fn rights() {
    let (end, output) = play(&["/usr/bin/env"]).await;
    assert_eq!(end, End::Exit(0));
    let names: Vec<&str> =
        output.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let known = ["PATH", "SENDER", "USER", "LOGNAME", "HOME", "SHELL", "PWD"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    if !geteuid().is_root() {
        return;
    }
    let (_, ids) = play(&["/usr/bin/id"]).await;
    assert!(!ids.contains("root") && ids.contains("nobody"), "{ids}");
    // No descriptor of ours: only the three, and the one that lists them.
    let (_, open) = play(&[SHELL, "-c", "ls /proc/self/fd | wc -l"]).await;
    assert_eq!(open.trim(), "4");
}

#[tokio::test]
async fn what_cannot_be_run() {
    let rows: [(&[&str], Option<&str>, &str); 5] = [
        (&["/nonexistent/x"], user(), "No such file"),
        (&["/etc/passwd"], user(), "denied"),
        (&["/bin/true"], Some("no-such-account"), "there is no account no-such-account"),
        (&["/bin/true"], Some("root"), "the rights of root"),
        (&[], user(), "no name"),
    ];
    for (words, user, why) in rows {
        let command = command(words);
        let ran =
            SystemCommands::default().run(CommandRun { user, ..run(&command) }).await.unwrap();
        assert!(matches!(&ran.end, End::Unfit(text) if text.contains(why)), "{words:?}: {ran:?}");
    }
    if geteuid().is_root() {
        let command = command(&["/bin/true"]);
        let ran = SystemCommands::default()
            .run(CommandRun { user: None, ..run(&command) })
            .await
            .unwrap();
        assert!(matches!(&ran.end, End::Unfit(text) if text.contains("root")), "{ran:?}");
    }
    let command = command(&["/bin/true"]);
    let directory = Some(Path::new("/nonexistent"));
    let ran =
        SystemCommands::default().run(CommandRun { directory, ..run(&command) }).await.unwrap();
    assert!(matches!(ran.end, End::Unfit(_)), "{ran:?}");
}

/// At a limit all that a program has started is ended with it.
#[tokio::test]
async fn limits() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("pid");
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    let script = format!("sleep 1000 & echo $! >{}; wait", mark.display());
    let hanging = command(&[SHELL, "-c", &script]);
    let time_limit = Duration::from_millis(500);
    let ran =
        SystemCommands::default().run(CommandRun { time_limit, ..run(&hanging) }).await.unwrap();
    assert_eq!(ran.end, End::TimeLimit(time_limit));
    let child: i32 = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    let is_gone = || {
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    for _ in 0..100 {
        if is_gone() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(is_gone(), "{child} goes on");

    let flooding = command(&["/bin/sh", "-c", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaa; done"]);
    let ran = SystemCommands::default().run(run(&flooding)).await.unwrap();
    assert_eq!(ran.end, End::Flood(100_000));
    assert_eq!(ran.output.len(), KEPT);
}

/// Half a letter is not delivered: the program is ended when the rest cannot be read.
#[tokio::test]
async fn unreadable_content() {
    let cat = command(&["/bin/cat"]);
    let body = Box::new(Pieces([&b"Subject: x\r\n"[..]].into(), true));
    let ran = SystemCommands::default().run(CommandRun { body, ..run(&cat) }).await;
    assert!(matches!(ran, Err(CommandError::Content(_))), "{ran:?}");
}

#[tokio::test]
async fn a_from_line() {
    let cat = command(&["/bin/cat"]);
    let from = Some(("a@b.example".to_owned(), SystemTime::UNIX_EPOCH));
    let ran = SystemCommands::default().run(CommandRun { from, ..run(&cat) }).await.unwrap();
    let text = String::from_utf8(ran.output).unwrap();
    assert!(text.starts_with("From a@b.example Thu Jan  1 00:00:00 1970\nReturn-Path: "), "{text}");
}
