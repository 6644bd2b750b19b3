//! Hands a letter over by the client of `postrider-client`: to the mail service of this machine, or to
//! the server of the person's settings.
//!
//! Ctrl-C ends a dialogue that hangs, and so do the signals that ask a program to end. What a
//! failure means for the letter is decided in [`outbox`](super::outbox).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mail::{DomainName, ForwardPath, ReversePath};
use postrider_client::{Client, Content, Parcel, SendError};
use smtp::client::RecipientResult;

use super::letter::Letter;
use super::running::Ending;

pub use postrider_client::{Dialogue, Silent};

impl Content for Letter {
    fn size(&self) -> u64 {
        Letter::size(self)
    }

    fn rewind(&mut self) -> io::Result<()> {
        Letter::rewind(self)
    }
}

/// The service of this machine, which is reached in the clear and asks for no login.
pub fn service(addresses: &[SocketAddr], hostname: &DomainName) -> Option<Client> {
    let mut places = addresses.iter().map(|address| reachable(*address).to_string());
    let client = Client::new(places.next()?, hostname.to_string());
    Some(places.fold(client, Client::or))
}

/// Whether only hosts with SMTPUTF8 may have the letter.
pub fn needs_utf8(reverse_path: &ReversePath, recipients: &[ForwardPath], letter: &Letter) -> bool {
    letter.is_utf8() || !reverse_path.is_ascii() || recipients.iter().any(|path| !path.is_ascii())
}

/// A service that listens everywhere is reached by loopback.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Offers `letter` for all `recipients`; one result each, in order. Recipients whose fate was open
/// when the person broke it off are [`Lost`](RecipientResult::Lost) as aborted.
///
/// # Errors
/// [`SendError`] when the server has taken the letter for nobody and said so about nobody.
pub fn submit(
    client: &Client,
    reverse_path: &ReversePath,
    recipients: &[ForwardPath],
    require_tls: bool,
    letter: &mut Letter,
    dialogue: &mut dyn Dialogue,
) -> Result<Vec<RecipientResult>, SendError> {
    let fail = |error| SendError::Connect("the network".into(), error);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(fail)?;
    let parcel = Parcel {
        sender: reverse_path.clone(),
        recipients,
        body: letter.body_type(),
        utf8: needs_utf8(reverse_path, recipients, letter),
        require_tls,
        content: letter,
    };
    let ending = Ending::awaited();
    let done = runtime.block_on(async { client.submit(parcel, dialogue, ending.comes()).await });
    // A question to the name system that hangs is not waited for.
    runtime.shutdown_background();
    done
}
