//! A letter to a server that plays its part.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use mail::content::compose::{Draft, Entity};
use mail::content::{DateTime, Letter, NamedMailbox};
use postrider_client::{Client, SendError};
use smtp::client::RecipientResult;

/// Answers commands; refuses who is called `nobody`. Gives what it was told.
fn server(greeting: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let played = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut out = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream);
        write!(out, "{greeting}\r\n").unwrap();
        let (mut told, mut line, mut in_content) = (String::new(), String::new(), false);
        while lines.read_line(&mut line).unwrap() > 0 {
            told.push_str(&line);
            let reply = match line.trim_end() {
                "." if in_content => {
                    in_content = false;
                    "250 2.0.0 taken"
                }
                _ if in_content => "",
                "DATA" => {
                    in_content = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                command if command.contains("<nobody@") => "550 5.1.1 no such mailbox",
                command if command.starts_with("EHLO") => "250-here\r\n250 PIPELINING",
                _ => "250 ok",
            };
            if !reply.is_empty() {
                write!(out, "{reply}\r\n").unwrap();
            }
            line.clear();
        }
        told
    });
    (address, played)
}

fn draft() -> Draft {
    let author = NamedMailbox::named("Ada", "ada@example.net".parse().unwrap());
    let mut draft = Draft::new(author, DateTime::new(SystemTime::now(), 60));
    draft.to = vec![NamedMailbox::bare("bob@example.org".parse().unwrap()).into()];
    draft.bcc = vec![NamedMailbox::bare("nobody@example.org".parse().unwrap()).into()];
    draft.subject = "Grüße".into();
    draft.body = Entity::text(".\nIt works.\n");
    draft
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_letter_is_sent() {
    let (address, played) = server("220 here");
    let sent = run(Client::new(address.to_string(), "client.example").send(&draft())).unwrap();
    assert!(!sent.is_complete());
    assert!(matches!(sent.recipients[0].1, RecipientResult::Taken(_)));
    assert!(matches!(sent.recipients[1].1, RecipientResult::Refused(..)));
    assert!(sent.to_string().starts_with("bob@example.org: 250 2.0.0 taken\nnobody@"), "{sent}");
    let told = played.join().unwrap();
    assert!(told.starts_with("EHLO client.example\r\nMAIL FROM:<ada@example.net>"), "{told}");
    let (_, content) = told.split_once("DATA\r\n").unwrap();
    let content = content.replace("\r\n..", "\r\n.");
    let letter = Letter::read(content.as_bytes());
    assert_eq!(letter.head().subject().unwrap(), "Grüße");
    assert!(letter.head().message_id().unwrap().as_str().ends_with("@client.example"));
    assert!(letter.root().text().starts_with(".\nIt works.\n"));
    assert!(!content.contains("nobody"), "{content}");
    assert!(told.ends_with("QUIT\r\n"), "{told}");
}

#[test]
fn what_can_go_wrong() {
    let (address, played) = server("554 no service");
    let refused = run(Client::new(address.to_string(), "client.example").send(&draft()));
    assert!(matches!(refused, Err(SendError::Session(_))), "{refused:?}");
    played.join().unwrap();
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = run(Client::new(nowhere.to_string(), "client.example").send(&draft()));
    assert!(matches!(down, Err(SendError::Connect(..))), "{down:?}");
    let mut nobody = draft();
    (nobody.to, nobody.bcc) = (Vec::new(), Vec::new());
    let nobody = run(Client::new("x:1", "client.example").send(&nobody));
    assert!(matches!(nobody, Err(SendError::NoRecipients)), "{nobody:?}");
}
