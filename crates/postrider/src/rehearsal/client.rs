//! Who hands the letter of a case in: one plain dialogue, its answers kept.

use std::io;
use std::net::{IpAddr, SocketAddr};

use engine::doors::{Network, Wire};
use sim::net::Net;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::script::When;

/// Where a client with a login comes from: the host under test believes whom it names (XCLIENT), so
/// no password is needed.
pub(super) const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 250));

/// Who speaks.
pub(super) struct Speaker<'a> {
    pub(super) client: IpAddr,
    pub(super) login: Option<&'a str>,
    /// It speaks LMTP.
    pub(super) each: bool,
}

/// What the host under test answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// To each RCPT.
    pub(super) recipients: Vec<String>,
    /// To what came last.
    pub(super) last: String,
}

struct Talk(BufReader<Box<dyn Wire>>);

impl Talk {
    /// The next reply, its lines joined by blanks.
    async fn reply(&mut self) -> io::Result<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let goes_on = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line.trim_end().to_owned());
            if !goes_on {
                return Ok(lines.join(" "));
            }
        }
    }

    async fn ask(&mut self, command: &str) -> io::Result<String> {
        self.0.write_all(format!("{command}\r\n").as_bytes()).await?;
        self.reply().await
    }
}

fn is_good(reply: &str) -> bool {
    reply.starts_with(['2', '3'])
}

/// Hands the letter in at `to`.
///
/// # Errors
/// The connection broke.
pub(super) async fn send(
    net: &Net,
    to: SocketAddr,
    speaker: &Speaker<'_>,
    when: &When,
    content: &str,
) -> io::Result<Answers> {
    let from = if speaker.login.is_some() { PROXY } else { speaker.client };
    let wire = net.at(vec![from]).connect(to, None).await?;
    let mut talk = Talk(BufReader::new(wire));
    let mut answers = Answers { last: talk.reply().await?, ..Answers::default() };
    let hello = if speaker.each { "LHLO client.example" } else { "EHLO client.example" };
    let mut opening = vec![hello.to_owned()];
    if let Some(login) = speaker.login {
        let kind = if speaker.client.is_ipv6() { "IPV6:" } else { "" };
        let login = mail::Xtext::encode(login.as_bytes());
        opening.push(format!("XCLIENT ADDR={kind}{} LOGIN={login}", speaker.client));
        opening.push(hello.to_owned());
    }
    let utf8 = [&when.from].into_iter().chain(&when.to).any(|address| !address.is_ascii());
    let body = if content.is_ascii() { "" } else { " BODY=8BITMIME" };
    let utf8 = if utf8 { " SMTPUTF8" } else { "" };
    opening.push(format!("MAIL FROM:<{}>{body}{utf8}", when.from));
    for command in &opening {
        if !is_good(&answers.last) {
            return Ok(answers);
        }
        answers.last = talk.ask(command).await?;
    }
    if !is_good(&answers.last) {
        return Ok(answers);
    }
    for recipient in &when.to {
        answers.recipients.push(talk.ask(&format!("RCPT TO:<{recipient}>")).await?);
    }
    let taken = answers.recipients.iter().filter(|reply| is_good(reply)).count();
    if taken == 0 {
        answers.last = answers.recipients.last().cloned().unwrap_or_default();
        return Ok(answers);
    }
    answers.last = talk.ask("DATA").await?;
    if is_good(&answers.last) {
        answers.last = talk.ask(&format!("{content}.")).await?;
        for _ in 1..if speaker.each { taken } else { 1 } {
            let reply = talk.reply().await?;
            if is_good(&answers.last) {
                answers.last = reply;
            }
        }
    }
    // Whatever comes of it now: the letter is taken or it is not.
    let _ = talk.ask("QUIT").await;
    Ok(answers)
}
