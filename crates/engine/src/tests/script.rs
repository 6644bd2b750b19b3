//! Servers that follow a script, and the network they are reached by.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use mail::TlsFacts;
use parking_lot::Mutex;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
    ReadBuf, duplex,
};
use tokio::time::{sleep, timeout};

use crate::doors::{Doing, Flaw, Network, Secured, Tls, TlsCheck, TlsFailure, TlsWish, Wire};

/// Octets under way in one direction.
const WINDOW: usize = 16 * 1024;

/// What a script says, a line each:
///
/// | line | means |
/// |---|---|
/// | `S: text` | say it |
/// | `C: text` | read a line that starts so |
/// | `C: .` | read content up to its dot |
/// | `bdat` | read `BDAT n LAST` and its octets |
/// | `quiet` | nothing comes for a second |
/// | `wait 5` | do nothing for so many seconds |
/// | `drip text` | say it, an octet every minute |
/// | `octets 9` | read so many octets |
/// | `close` | hang up |
///
/// After the last line it hangs up.
pub(crate) type Script = String;

/// What the peers have seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Who was dialled, in order.
    pub(crate) dials: Vec<IpAddr>,
    /// From where, in the same order.
    pub(crate) sources: Vec<String>,
    /// Command lines, in order.
    pub(crate) commands: Vec<String>,
    /// Content, dots unstuffed.
    pub(crate) letters: Vec<String>,
    /// Where a peer's script and the client went apart.
    pub(crate) faults: Vec<String>,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<IpAddr, VecDeque<Script>>,
    /// Addresses that swallow what is sent to them: connections neither open nor fail.
    silent: BTreeSet<IpAddr>,
    seen: Seen,
}

/// The network. An address without a script left refuses connections.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<State>>);

impl Net {
    /// The next connection to `address` follows `script`.
    pub(crate) fn peer(&self, address: &str, script: &str) {
        let address = address.parse().unwrap();
        self.0.lock().scripts.entry(address).or_default().push_back(script.to_owned());
    }

    /// `address` does not answer any more, or does again.
    pub(crate) fn set_silent(&self, address: &str, silent: bool) {
        let address = address.parse().unwrap();
        let known = &mut self.0.lock().silent;
        let _ = if silent { known.insert(address) } else { known.remove(&address) };
    }

    /// What was seen so far.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.0.lock().seen)
    }

    /// Scripts that nobody has played.
    pub(crate) fn unplayed(&self) -> usize {
        self.0.lock().scripts.values().map(VecDeque::len).sum()
    }

    fn fault(&self, text: String) {
        self.0.lock().seen.faults.push(text);
    }

    async fn follow(self, script: Script, stream: DuplexStream) {
        let mut stream = BufReader::new(stream);
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let went_on = match word {
                "S:" => stream.write_all(format!("{rest}\r\n").as_bytes()).await.is_ok(),
                "C:" if rest == "." => self.content(&mut stream).await,
                "C:" => self.command(&mut stream, rest).await,
                "bdat" => self.chunk(&mut stream).await,
                "quiet" => timeout(Duration::from_secs(1), stream.fill_buf()).await.is_err(),
                "wait" => {
                    sleep(Duration::from_secs(rest.parse().unwrap())).await;
                    true
                }
                "drip" => drip(&mut stream, rest).await,
                "octets" => {
                    let mut octets = vec![0; rest.parse().unwrap()];
                    stream.read_exact(&mut octets).await.is_ok()
                }
                "close" => return,
                _ => panic!("{line}"),
            };
            if !went_on {
                return self.fault(format!("at {line:?}"));
            }
        }
    }

    async fn command(&self, stream: &mut BufReader<DuplexStream>, start: &str) -> bool {
        let mut line = Vec::new();
        let read = stream.read_until(b'\n', &mut line).await;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.0.lock().seen.commands.push(line.clone());
        read.is_ok() && line.starts_with(start)
    }

    async fn chunk(&self, stream: &mut BufReader<DuplexStream>) -> bool {
        if !self.command(stream, "BDAT ").await {
            return false;
        }
        let line = self.seen(|seen| seen.commands.last().cloned()).unwrap_or_default();
        let size = line.split(' ').nth(1).and_then(|size| size.parse().ok());
        let mut octets = vec![0; size.unwrap_or_default()];
        let read = stream.read_exact(&mut octets).await.is_ok();
        self.0.lock().seen.letters.push(String::from_utf8_lossy(&octets).into_owned());
        read && line.ends_with(" LAST")
    }

    async fn content(&self, stream: &mut BufReader<DuplexStream>) -> bool {
        let mut letter = String::new();
        loop {
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return false,
                Ok(_) if line == b".\r\n" => break,
                Ok(_) => {
                    let line = String::from_utf8_lossy(&line);
                    letter.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
            }
        }
        self.0.lock().seen.letters.push(letter);
        true
    }
}

async fn drip(stream: &mut BufReader<DuplexStream>, text: &str) -> bool {
    for octet in format!("{text}\r\n").into_bytes() {
        if stream.write_all(&[octet]).await.is_err() {
            return false;
        }
        sleep(Duration::from_secs(60)).await;
    }
    true
}

impl Network for Net {
    fn connect(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Doing<'_, io::Result<Box<dyn Wire>>> {
        Box::pin(async move {
            sleep(Duration::from_millis(1)).await;
            let (script, is_silent) = {
                let mut state = self.0.lock();
                state.seen.dials.push(to.ip());
                let from = from.map_or_else(|| "-".to_owned(), |from| from.to_string());
                state.seen.sources.push(from);
                match state.silent.contains(&to.ip()) {
                    true => (None, true),
                    false => (state.scripts.get_mut(&to.ip()).and_then(VecDeque::pop_front), false),
                }
            };
            if is_silent {
                std::future::pending::<()>().await;
            }
            let script = script.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (near, far) = duplex(WINDOW);
            tokio::spawn(self.clone().follow(script, far));
            let local = SocketAddr::from(([192, 0, 2, 200], 20_000));
            Ok(Box::new(TestWire { stream: near, peer: to, local }) as Box<dyn Wire>)
        })
    }

    /// The socket of every path is the peer 0.0.0.0.
    fn connect_socket<'a>(&'a self, path: &'a str) -> Doing<'a, io::Result<Box<dyn Wire>>> {
        assert!(path.starts_with('/'), "{path}");
        self.connect(SocketAddr::from(([0, 0, 0, 0], 0)), None)
    }

    fn own_addresses(&self) -> Vec<IpAddr> {
        vec![IpAddr::from([192, 0, 2, 200])]
    }
}

/// Handshakes that scripts can follow: the client says `TLS name check`, the server `ok` or why not.
pub(crate) struct ScriptedTls;

impl Tls for ScriptedTls {
    fn accept(&self, _: Box<dyn Wire>) -> Doing<'_, Result<Secured, TlsFailure>> {
        Box::pin(async { Err(TlsFailure::Handshake("no script does that".to_owned())) })
    }

    fn connect<'a>(
        &'a self,
        mut wire: Box<dyn Wire>,
        wish: &'a TlsWish,
    ) -> Doing<'a, Result<Secured, TlsFailure>> {
        Box::pin(async move {
            let name = wish.server_name.as_ref().map_or("-", |name| name.as_str());
            let check = match &wish.check {
                TlsCheck::Nothing => "anyone".to_owned(),
                TlsCheck::Names(names) => {
                    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" or ")
                }
                TlsCheck::Dane { .. } => "dane".to_owned(),
            };
            let failed = |error: io::Error| TlsFailure::Handshake(error.to_string());
            let hello = format!("TLS {name} {check}\r\n");
            wire.write_all(hello.as_bytes()).await.map_err(failed)?;
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n") {
                answer.push(wire.read_u8().await.map_err(failed)?);
            }
            match String::from_utf8_lossy(&answer).trim_end() {
                "ok" => {
                    let is_checked = wish.check != TlsCheck::Nothing;
                    let peer = is_checked.then(|| name.to_owned());
                    Ok(Secured { wire, facts: TlsFacts { peer, ..facts() } })
                }
                why => Err(TlsFailure::Certificate(Flaw::Other, why.to_owned())),
            }
        })
    }

    fn can_accept(&self) -> bool {
        false
    }
}

/// What such a handshake shows.
pub(crate) fn facts() -> TlsFacts {
    TlsFacts {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        ..TlsFacts::default()
    }
}

/// A connection within the process.
pub(crate) struct TestWire {
    /// The near end.
    pub(crate) stream: DuplexStream,
    /// Who is far.
    pub(crate) peer: SocketAddr,
    /// Who is near.
    pub(crate) local: SocketAddr,
}

impl Wire for TestWire {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn local(&self) -> SocketAddr {
        self.local
    }
}

impl AsyncRead for TestWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TestWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
