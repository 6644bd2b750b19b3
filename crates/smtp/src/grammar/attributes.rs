//! What a trusted client says of the client before it: the attributes of XCLIENT and XFORWARD, as
//! Postfix documents them. Values are xtext; `[UNAVAILABLE]` and `[TEMPUNAVAIL]` say that nothing
//! is known.

use std::net::{IpAddr, Ipv6Addr};

use mail::Xtext;

use super::{Fault, argument};

/// Octets of one value, out of its encoding.
const VALUE_MAX: usize = 255;

/// What is said; none: nothing, or that it is not known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attributes {
    /// `NAME`: the name of the client's address in DNS.
    pub name: Option<String>,
    /// `ADDR`.
    pub address: Option<IpAddr>,
    /// `PORT`.
    pub port: Option<u16>,
    /// `PROTO`: `SMTP` or `ESMTP`.
    pub protocol: Option<String>,
    /// `HELO`.
    pub hello: Option<String>,
    /// `LOGIN`: as whom it has logged in.
    pub login: Option<String>,
    /// `IDENT`: the id of the message there.
    pub id: Option<String>,
    /// `SOURCE`: `LOCAL` or `REMOTE`.
    pub source: Option<String>,
}

/// The attributes of XCLIENT; at least one.
///
/// # Errors
/// [`Fault`] for what is malformed or not known.
pub fn client(rest: &[u8]) -> Result<Attributes, Fault> {
    read(rest, &["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"])
}

/// The attributes of XFORWARD; at least one.
///
/// # Errors
/// As [`client`].
pub fn forwarded(rest: &[u8]) -> Result<Attributes, Fault> {
    read(rest, &["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"])
}

fn read(rest: &[u8], known: &[&str]) -> Result<Attributes, Fault> {
    let mut attributes = Attributes::default();
    let words = argument(rest)?.split([' ', '\t']).filter(|word| !word.is_empty());
    let mut count = 0;
    for word in words {
        let (keyword, value) = word.split_once('=').ok_or(Fault::Argument)?;
        let keyword = keyword.to_ascii_uppercase();
        if !known.contains(&keyword.as_str()) {
            return Err(Fault::Argument);
        }
        count += 1;
        if let Some(value) = decoded(value)? {
            attributes.set(&keyword, value)?;
        }
    }
    if count == 0 { Err(Fault::Argument) } else { Ok(attributes) }
}

/// The value out of its encoding; none where it says that there is none.
fn decoded(value: &str) -> Result<Option<String>, Fault> {
    if value.eq_ignore_ascii_case("[UNAVAILABLE]") || value.eq_ignore_ascii_case("[TEMPUNAVAIL]") {
        return Ok(None);
    }
    let value: Xtext = value.parse().map_err(|_| Fault::Argument)?;
    let value = String::from_utf8(value.decode()).map_err(|_| Fault::Argument)?;
    if value.len() > VALUE_MAX || value.chars().any(char::is_control) {
        return Err(Fault::Argument);
    }
    Ok(Some(value))
}

impl Attributes {
    /// These, and of the others what these do not say.
    #[must_use]
    pub fn over(self, others: Self) -> Self {
        Self {
            name: self.name.or(others.name),
            address: self.address.or(others.address),
            port: self.port.or(others.port),
            protocol: self.protocol.or(others.protocol),
            hello: self.hello.or(others.hello),
            login: self.login.or(others.login),
            id: self.id.or(others.id),
            source: self.source.or(others.source),
        }
    }

    fn set(&mut self, keyword: &str, value: String) -> Result<(), Fault> {
        match keyword {
            "NAME" => self.name = Some(value),
            "ADDR" => self.address = Some(address(&value).ok_or(Fault::Argument)?),
            "PORT" => self.port = Some(value.parse().map_err(|_| Fault::Argument)?),
            "PROTO" => self.protocol = Some(protocol(value)?),
            "HELO" => self.hello = Some(value),
            "LOGIN" => self.login = Some(value),
            "IDENT" => self.id = Some(value),
            "SOURCE" => self.source = Some(value),
            // Our own end as it was seen there: nothing of ours depends on it.
            _ => {}
        }
        Ok(())
    }
}

fn protocol(value: String) -> Result<String, Fault> {
    let value = value.to_ascii_uppercase();
    if matches!(value.as_str(), "SMTP" | "ESMTP") { Ok(value) } else { Err(Fault::Argument) }
}

/// `192.0.2.1` or `IPV6:2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    match text.split_at_checked(5) {
        Some((tag, v6)) if tag.eq_ignore_ascii_case("IPV6:") => {
            v6.parse::<Ipv6Addr>().ok().map(IpAddr::from)
        }
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let none = Attributes::default();
        let rows: &[(&str, Result<Attributes, Fault>)] = &[
            (" ADDR=192.0.2.1", Ok(Attributes { address: Some(v4), ..none.clone() })),
            (" addr=IPv6:2001:db8::1", Ok(Attributes { address: Some(v6), ..none.clone() })),
            (" NAME=[UNAVAILABLE] HELO=[TEMPUNAVAIL]", Ok(none.clone())),
            (" LOGIN=a+2Bb", Ok(Attributes { login: Some("a+b".into()), ..none.clone() })),
            (
                " PORT=4711 PROTO=esmtp",
                Ok(Attributes { port: Some(4711), protocol: Some("ESMTP".into()), ..none.clone() }),
            ),
            (" DESTADDR=192.0.2.2 DESTPORT=25", Ok(none)),
            ("", Err(Fault::Argument)),
            (" ADDR", Err(Fault::Argument)),
            (" ADDR=localhost", Err(Fault::Argument)),
            (" PORT=70000", Err(Fault::Argument)),
            (" PROTO=HTTP", Err(Fault::Argument)),
            (" HELO=a+0D+0AX", Err(Fault::Argument)),
            (" HELO=a+0", Err(Fault::Argument)),
            (" IDENT=4711", Err(Fault::Argument)),
            (" HELO=\x07", Err(Fault::Octets)),
        ];
        for (rest, expected) in rows {
            assert_eq!(client(rest.as_bytes()), *expected, "{rest}");
        }
        let id = forwarded(b" IDENT=4711 SOURCE=LOCAL").unwrap();
        assert_eq!((id.id.as_deref(), id.source.as_deref()), (Some("4711"), Some("LOCAL")));
        assert_eq!(forwarded(b" LOGIN=ada"), Err(Fault::Argument));
    }
}
