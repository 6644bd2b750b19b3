//! Masquerading: a hub hides the hosts behind it (RFC 5321 §2.3.5 leaves it to the hub's own mail).
//! The envelope's reverse-path and the author fields of the header get the hub's domain in place of
//! the hidden host's. All other octets stay as they came.

use bytes::Bytes;
use mail::content::Fields;
use mail::{Domain, DomainName, Envelope, ReversePath};
use queue::domains::DomainPattern;
use queue::record::{HeadEdits, Replace};

/// The fields that name an author or where answers go.
const FIELDS: [&str; 3] = ["From", "Sender", "Reply-To"];

/// Which hosts are hidden, and behind which name.
#[derive(Clone, Debug)]
pub struct Masquerade {
    /// The name that is seen.
    pub domain: DomainName,
    /// Hosts that are hidden: by their name, or all below a name.
    pub hosts: Vec<DomainPattern>,
}

impl Masquerade {
    fn hides(&self, domain: &str) -> bool {
        domain.parse().is_ok_and(|domain| self.hosts.iter().any(|hidden| hidden.matches(&domain)))
    }

    /// Rewrites the reverse-path, and adds the edits of `header` to `head`.
    pub(crate) fn apply(&self, envelope: &mut Envelope, header: &[u8], head: &mut HeadEdits) {
        if let ReversePath::Mailbox(mailbox) = &mut envelope.reverse_path
            && let Domain::Name(name) = &mailbox.domain
            && self.hosts.iter().any(|hidden| hidden.matches(name))
        {
            mailbox.domain = Domain::Name(self.domain.clone());
        }
        for field in Fields::new(header) {
            if FIELDS.iter().any(|name| field.is(name)) {
                self.edit(field.raw_at, field.raw, head);
            }
        }
    }

    /// Replaces each hidden domain that stands after an `@` outside quotes and comments.
    fn edit(&self, at: usize, value: &[u8], head: &mut HeadEdits) {
        let (mut place, mut quoted, mut comment) = (0, false, 0_u32);
        while let Some(&octet) = value.get(place) {
            place += 1;
            match octet {
                b'\\' => place += 1,
                b'"' if comment == 0 => quoted = !quoted,
                b'(' if !quoted => comment += 1,
                b')' if !quoted => comment = comment.saturating_sub(1),
                b'@' if !quoted && comment == 0 => {
                    let rest = value.get(place..).unwrap_or_default();
                    let is_name =
                        |&octet: &u8| octet.is_ascii_alphanumeric() || b"-.".contains(&octet);
                    let len = rest.iter().take_while(|octet| is_name(octet)).count();
                    let name = rest.get(..len).and_then(|name| std::str::from_utf8(name).ok());
                    if name.is_some_and(|name| self.hides(name)) {
                        head.replace.push(Replace {
                            at: (at + place) as u64,
                            len: len as u64,
                            with: Bytes::copy_from_slice(self.domain.as_str().as_bytes()),
                        });
                    }
                    place += len;
                }
                _ => {}
            }
        }
    }
}
