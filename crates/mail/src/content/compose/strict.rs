//! Reads what we write by the strict grammar only, without the obsolete forms (RFC 5322 §3,
//! RFC 2045 §5.1, RFC 2047 §5).

use crate::content::encoded_word::is_word;
use crate::content::lex::{TSPECIALS, is_atext};
use crate::content::split_head;

/// Panics where a letter breaks a rule of its form.
pub(crate) fn check_letter(octets: &[u8], utf8: bool) {
    let text = String::from_utf8_lossy(octets);
    assert!(!octets.contains(&0), "NUL: {text}");
    assert_eq!(octets.iter().filter(|&&one| one == b'\n').count(), text.matches("\r\n").count());
    assert_eq!(octets.iter().filter(|&&one| one == b'\r').count(), text.matches("\r\n").count());
    assert!(octets.split(|&one| one == b'\n').all(|line| line.len() <= 999), "long line: {text}");
    let (head, _) = split_head(octets);
    check_head(std::str::from_utf8(head).unwrap(), utf8);
}

fn check_head(head: &str, utf8: bool) {
    let mut seen: Vec<String> = Vec::new();
    for field in head.split_inclusive("\r\n").fold(Vec::<String>::new(), unfolded) {
        let (name, value) = field.split_once(": ").unwrap_or_else(|| panic!("no value: {field}"));
        assert!(!name.is_empty() && name.bytes().all(|one| matches!(one, 33..=126)), "{field}");
        assert!(utf8 || field.is_ascii(), "not ASCII: {field}");
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "date" | "resent-date" => assert!(is_date(value), "{field}"),
            "from" | "sender" | "to" | "cc" | "reply-to" => {
                assert!(Strict::new(value).address_list(), "{field}");
            }
            "message-id" | "in-reply-to" | "references" | "content-id" => {
                assert!(value.split(' ').all(is_msg_id), "{field}");
            }
            "content-type" | "content-disposition" => {
                assert!(Strict::new(value).parameters(lower == "content-type"), "{field}");
                assert!(!value.split([' ', '"', '=']).any(is_word), "{field}");
            }
            "mime-version" => assert_eq!(value, "1.0"),
            "content-transfer-encoding" => assert!(value.chars().all(is_atext)),
            _ => {}
        }
        seen.push(lower);
    }
    for once in ["date", "from", "mime-version", "content-type"] {
        assert_eq!(seen.iter().filter(|name| *name == once).count(), 1, "{once}: {head}");
    }
    for name in [
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
    ] {
        assert!(seen.iter().filter(|one| *one == name).count() <= 1, "{name}: {head}");
    }
    assert!(!seen.iter().any(|name| name == "return-path" || name == "received"), "{head}");
}

/// Puts the lines of a field together; a line of white space only is never written.
fn unfolded(mut fields: Vec<String>, line: &str) -> Vec<String> {
    let text = line.strip_suffix("\r\n").unwrap();
    let has_word = text.split(' ').any(is_word);
    let token = match text.split_once(": ") {
        Some((name, value)) if !name.contains(' ') => value,
        _ => text,
    };
    // Longer only where there is nothing to break at.
    let single = !token.trim_start().contains(' ');
    assert!(text.len() <= if has_word { 76 } else { 78 } || single, "{text}");
    if text.starts_with([' ', '\t']) {
        assert!(!text.trim_matches([' ', '\t']).is_empty(), "a folded line of blanks");
        fields.last_mut().unwrap().push_str(text);
    } else {
        fields.push(text.to_owned());
    }
    fields
}

fn is_date(value: &str) -> bool {
    let digits =
        |text: &str, len: usize| text.len() == len && text.bytes().all(|one| one.is_ascii_digit());
    let words: Vec<&str> = value.split(' ').collect();
    let [day, number, month, year, time, zone] = words[..] else { return false };
    let days = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"];
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    days.contains(&day)
        && digits(number, 2)
        && months.contains(&month)
        && digits(year, 4)
        && time.len() == 8
        && time.split(':').all(|part| digits(part, 2))
        && zone.starts_with(['+', '-'])
        && digits(&zone[1..], 4)
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

pub(crate) fn is_msg_id(text: &str) -> bool {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let Some((left, right)) = inner.and_then(|inner| inner.split_once('@')) else { return false };
    is_dot_atom(left) && (is_dot_atom(right) || (right.starts_with('[') && right.ends_with(']')))
}

/// A reader of structured fields; white space is single blanks, comments are not written.
struct Strict<'a> {
    rest: &'a str,
}

impl<'a> Strict<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|one| !fits(one)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn quoted(&mut self) -> bool {
        if !self.eat("\"") {
            return false;
        }
        loop {
            self.run(|one| !matches!(one, '"' | '\\') && !one.is_control());
            if self.eat("\"") {
                return true;
            }
            if !self.eat("\\") || self.rest.is_empty() {
                return false;
            }
            let next = self.rest.chars().next().unwrap();
            self.rest = &self.rest[next.len_utf8()..];
        }
    }

    fn address_list(mut self) -> bool {
        loop {
            if !self.address() {
                return false;
            }
            if self.rest.is_empty() {
                return true;
            }
            if !self.eat(", ") {
                return false;
            }
        }
    }

    fn address(&mut self) -> bool {
        let start = self.rest;
        if self.addr_spec() && (self.rest.is_empty() || self.rest.starts_with([',', ';'])) {
            return true;
        }
        self.rest = start;
        if self.eat("<") {
            return self.addr_spec() && self.eat(">");
        }
        // A phrase: words with a blank after each, then the address; or a group.
        loop {
            let word = self.rest;
            if !self.quoted() {
                let atom = self.run(is_atext);
                if atom.is_empty() {
                    return false;
                }
                // What an encoded word may hold in a phrase (RFC 2047 §5, rule 3).
                if is_word(atom) {
                    let text = atom.rsplit('?').nth(1).unwrap();
                    let good = |one: char| one.is_ascii_alphanumeric() || "!*+-/=_".contains(one);
                    assert!(text.chars().all(good), "{atom}");
                    assert!(self.rest.starts_with(' '), "{word}");
                }
            }
            if self.eat(":") || self.eat(" :") {
                return self.group();
            }
            if !self.eat(" ") {
                return false;
            }
            if self.eat("<") {
                return self.addr_spec() && self.eat(">");
            }
        }
    }

    fn group(&mut self) -> bool {
        if self.eat(";") {
            return true;
        }
        loop {
            if !self.eat(" ") || !self.address() {
                return false;
            }
            if self.eat(";") {
                return true;
            }
            if !self.eat(",") {
                return false;
            }
        }
    }

    fn addr_spec(&mut self) -> bool {
        if self.rest.starts_with('"') {
            // Only where a dot-atom would not do (RFC 5322 §3.4.1).
            let start = self.rest;
            if !self.quoted() {
                return false;
            }
            let inner = &start[1..start.len() - self.rest.len() - 1];
            if is_dot_atom(inner) {
                return false;
            }
        } else if !is_dot_atom(self.run(|one| is_atext(one) || one == '.')) {
            return false;
        }
        if !self.eat("@") {
            return false;
        }
        if self.eat("[") {
            self.run(|one| one.is_ascii_graphic() && !"[]\\".contains(one));
            return self.eat("]");
        }
        let domain = self.run(|one| is_atext(one) || one == '.');
        is_dot_atom(domain) && !is_word(domain)
    }

    fn token(&mut self) -> bool {
        !self.run(|one| one.is_ascii_graphic() && !TSPECIALS.contains(one)).is_empty()
    }

    fn parameters(mut self, slash: bool) -> bool {
        if !self.token() || (slash && (!self.eat("/") || !self.token())) {
            return false;
        }
        while !self.rest.is_empty() {
            if !self.eat("; ") || !self.token() || !self.eat("=") {
                return false;
            }
            if !self.quoted() && !self.token() {
                return false;
            }
        }
        true
    }
}
