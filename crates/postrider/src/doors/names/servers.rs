//! Which name servers to ask: those of the configuration, else those of the system.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The port of name servers (RFC 1035 §4.2).
const PORT: u16 = 53;
/// More servers than this only make failing slower.
const SERVERS_MAX: usize = 8;
/// Octets of the system's file that are read.
const FILE_MAX: usize = 64 * 1024;

/// The name servers to ask, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NameServers(pub Vec<SocketAddr>);

impl NameServers {
    /// Those of `/etc/resolv.conf`, or the one on this host when it names none.
    pub fn of_system() -> Self {
        Self::of_file(Path::new("/etc/resolv.conf")).unwrap_or_else(|_| Self::on_this_host())
    }

    /// Those a file in the form of `resolv.conf` names.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let octets = std::fs::read(path)?;
        let text = String::from_utf8_lossy(octets.get(..FILE_MAX).unwrap_or(&octets));
        Ok(Self::of_text(&text))
    }

    /// Those the lines `nameserver ADDRESS` of `text` name. Search lists and options are for
    /// people who type short names: mail asks for absolute ones.
    pub fn of_text(text: &str) -> Self {
        let server = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let address = words.next().filter(|&word| word == "nameserver").and(words.next())?;
            // A scope (`fe80::1%eth0`) needs the interface's number: not supported here.
            let address: IpAddr = address.parse().ok()?;
            Some(SocketAddr::new(address, PORT))
        };
        let servers: Vec<_> = text.lines().filter_map(server).take(SERVERS_MAX).collect();
        if servers.is_empty() { Self::on_this_host() } else { Self(servers) }
    }

    fn on_this_host() -> Self {
        Self(vec![SocketAddr::from(([127, 0, 0, 1], PORT))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_files() {
        let rows: &[(&str, &[&str])] = &[
            (
                "nameserver 192.0.2.1\nnameserver 2001:db8::1\n",
                &["192.0.2.1:53", "[2001:db8::1]:53"],
            ),
            (
                "# nameserver 192.0.2.1\nsearch example\n nameserver\t192.0.2.2 # x",
                &["192.0.2.2:53"],
            ),
            ("", &["127.0.0.1:53"]),
            ("nameserver fe80::1%eth0\nnameserver nonsense\nnameserver", &["127.0.0.1:53"]),
        ];
        for (text, want) in rows {
            let got: Vec<_> =
                NameServers::of_text(text).0.iter().map(SocketAddr::to_string).collect();
            assert_eq!(got, *want, "{text:?}");
        }
    }
}
