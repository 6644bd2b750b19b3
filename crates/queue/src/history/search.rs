//! By what an entry is found again: ids, addresses of people, addresses of clients, logins. Each is
//! a number, so that an index of many is small and quick.

use std::net::IpAddr;

use mail::address::fold;
use spool::MessageId;

use super::kinds;
use super::tags;
use crate::record::codec::{Reader, number};
use crate::record::{address, client, people};

/// What an entry is found by. Two things with one key are possible and rare: a reader looks twice.
pub type Key = u64;

/// FNV-1a. It is written to disk: never change it.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn of_kind(kind: u8) -> Self {
        Self(0xcbf2_9ce4_8422_2325).with(kind)
    }

    fn with(self, octet: u8) -> Self {
        Self((self.0 ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
    }

    /// The low bits of FNV are its good ones; an index sorts by the high ones.
    fn key(self) -> Key {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
}

/// The key of a message.
pub fn key_of_id(id: MessageId) -> Key {
    // Already as good as chance, apart from the time.
    let folded = (id.0 >> 64) as u64 ^ (id.0 as u64).rotate_left(32);
    let octets = folded.to_be_bytes();
    octets.iter().fold(Hash::of_kind(1), |hash, octet| hash.with(*octet)).key()
}

/// The key of an address or a login, with or without brackets, in any case.
pub fn key_of_text(text: &str) -> Key {
    match text.is_ascii() {
        true => key_of_ascii(text.as_bytes()),
        false => key_of_ascii(fold(text).as_bytes()),
    }
}

fn key_of_ascii(text: &[u8]) -> Key {
    let text = text.strip_prefix(b"<").unwrap_or(text);
    let text = text.strip_suffix(b">").unwrap_or(text);
    text.iter().fold(Hash::of_kind(2), |hash, octet| hash.with(octet.to_ascii_lowercase())).key()
}

/// The key of a client.
pub fn key_of_address(address: IpAddr) -> Key {
    let octets = match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    octets.iter().fold(Hash::of_kind(3), |hash, octet| hash.with(*octet)).key()
}

fn key_of_octets(text: &[u8]) -> Key {
    match text.is_ascii() {
        true => key_of_ascii(text),
        false => key_of_text(&String::from_utf8_lossy(text)),
    }
}

/// Tells each key of an entry, without reading more of it than that takes. False: a refusal, which
/// belongs to no letter.
pub fn keys_of(entry: &[u8], mut each: impl FnMut(Key)) -> bool {
    let Ok(mut reader) = Reader::record(entry) else { return true };
    let mut is_of_letter = true;
    while let Ok(Some((tag, field))) = reader.field() {
        match tag {
            tags::KIND => is_of_letter = number(field, "kind") != Ok(kinds::REFUSED),
            tags::ID | tags::OF | tags::INTO => {
                if let Ok(octets) = <[u8; 16]>::try_from(field) {
                    each(key_of_id(MessageId(u128::from_be_bytes(octets))));
                }
            }
            tags::ENVELOPE => {
                // Nothing is found by the null reverse-path.
                people(field, &mut |text| {
                    if text != b"<>" {
                        each(key_of_octets(text));
                    }
                });
                client(field).into_iter().for_each(|client| each(key_of_address(client)));
            }
            tags::CLIENT => {
                address(field).into_iter().for_each(|client| each(key_of_address(client)));
            }
            tags::GIVEN | tags::LOGIN | tags::FROM | tags::RECIPIENT | tags::ABOUT | tags::TO
                if field != b"<>" =>
            {
                each(key_of_octets(field));
            }
            _ => {}
        }
    }
    is_of_letter
}
