//! Replies as a stranger reads them, and what may be expected of them.

use mail::EnhancedStatus;

/// Keywords of extensions that IANA has registered, and old ones that RFCs define.
const REGISTERED: [&str; 38] = [
    "8BITMIME",
    "ATRN",
    "AUTH",
    "BINARYMIME",
    "BURL",
    "CHECKPOINT",
    "CHUNKING",
    "CONNEG",
    "CONPERM",
    "DELIVERBY",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "ETRN",
    "EXPN",
    "FUTURERELEASE",
    "HELP",
    "LIMITS",
    "MT-PRIORITY",
    "MTRK",
    "NO-SOLICITING",
    "PIPELINING",
    "REQUIRETLS",
    "RRVS",
    "SAML",
    "SEND",
    "SIZE",
    "SMTPUTF8",
    "SOML",
    "STARTTLS",
    "SUBMITTER",
    "TURN",
    "UTF8SMTP",
    "VERB",
    "VERP",
    "VRFY",
    "ONEX",
    "TIME",
    "XFORWARD",
];

/// A reply, line by line, without CR LF.
#[derive(Clone, Debug, Default)]
pub struct Reply(pub Vec<String>);

impl Reply {
    /// Its code; 0 for what is none.
    pub fn code(&self) -> u16 {
        let first = self.0.first().and_then(|line| line.get(..3));
        first.and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }

    /// The lines in one.
    pub fn text(&self) -> String {
        self.0.join(" / ")
    }
}

/// The keywords of an EHLO reply, each with its parameters.
#[derive(Clone, Debug, Default)]
pub struct Offer(Vec<Vec<String>>);

impl Offer {
    /// Of a reply to EHLO; of another reply nothing.
    pub fn read(reply: &Reply) -> Self {
        let lines = reply.0.iter().skip(1).filter_map(|line| line.get(4..));
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        Self(if reply.code() == 250 { lines.map(words).collect() } else { Vec::new() })
    }

    /// Whether a keyword is offered.
    pub fn has(&self, keyword: &str) -> bool {
        self.line(keyword).is_some()
    }

    /// The largest letter that is announced.
    pub fn size(&self) -> Option<u64> {
        self.line("SIZE")?.get(1)?.parse().ok()
    }

    fn line(&self, keyword: &str) -> Option<&Vec<String>> {
        let is = |line: &&Vec<String>| {
            line.first().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        };
        self.0.iter().find(is)
    }
}

/// Codes that may come: `250`, `5yz`, `250|252`, `!503`; after `~` a piece of the text.
#[derive(Clone, Debug)]
pub struct Expected {
    codes: Vec<&'static str>,
    piece: Option<&'static str>,
}

impl Expected {
    /// Reads what is expected; none where a code is no code.
    pub fn parse(text: &'static str) -> Option<Self> {
        let (codes, piece) = match text.split_once(" ~ ") {
            Some((codes, piece)) => (codes, Some(piece)),
            None => (text, None),
        };
        let codes: Vec<_> = codes.split('|').collect();
        let is_code = |code: &&str| {
            let digits = code.strip_prefix('!').unwrap_or(code);
            digits.len() == 3 && digits.chars().all(|c| c.is_ascii_digit() || "yz".contains(c))
        };
        codes.iter().all(is_code).then_some(Self { codes, piece })
    }

    /// Whether this is it.
    pub fn fits(&self, reply: &Reply) -> bool {
        let code = reply.code().to_string();
        let is = |pattern: &str| {
            pattern.len() == code.len()
                && pattern.chars().zip(code.chars()).all(|(p, c)| p == c || matches!(p, 'y' | 'z'))
        };
        let fits = self.codes.iter().any(|pattern| match pattern.strip_prefix('!') {
            Some(pattern) => reply.code() != 0 && !is(pattern),
            None => is(pattern),
        });
        fits && self.piece.is_none_or(|piece| reply.text().contains(piece))
    }

    /// Whether a refusal for now tells nothing of the rule: something else was expected.
    pub fn is_put_off(&self, reply: &Reply) -> bool {
        (400..500).contains(&reply.code()) && !self.fits(reply)
    }
}

/// A look at the last reply, by its name in the transcripts.
///
/// # Errors
/// What is wrong with it.
pub fn check(what: &str, reply: &Reply) -> Result<(), String> {
    let offer = Offer::read(reply);
    let fault = |fault: Option<String>| fault.map_or(Ok(()), Err);
    let (what, rest) = what.split_once(' ').unwrap_or((what, ""));
    match (what, rest) {
        ("one", "line") => that(reply.0.len() == 1, "more than one line"),
        ("keywords", _) => fault(reply.0.iter().skip(1).find(|line| !is_keyword(line)).cloned()),
        ("registered", _) => {
            let words = offer.0.iter().filter_map(|line| line.first());
            let known = |word: &str| {
                let word = word.to_ascii_uppercase();
                word.starts_with('X') || word.starts_with("AUTH=") || REGISTERED.contains(&&*word)
            };
            fault(words.filter(|word| !known(word)).map(String::as_str).next().map(str::to_owned))
        }
        ("status", _) => fault(reply.0.iter().find(|line| !has_status(line, reply)).cloned()),
        ("offers", keyword) => that(offer.has(keyword), "it is not offered"),
        ("unlisted", keyword) => that(!offer.has(keyword), "it is offered"),
        ("bare", keyword) => {
            let alone = offer.line(keyword).is_some_and(|line| line.len() == 1);
            that(alone, "parameters stand behind it")
        }
        _ => Err(format!("no such check: {what}")),
    }
}

fn that(holds: bool, fault: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault.to_owned()) }
}

/// `250-KEYWORD parameter parameter` (RFC 5321 §4.1.1.1).
fn is_keyword(line: &str) -> bool {
    let mut words = line.get(4..).unwrap_or_default().split(' ');
    let keyword = words.next().unwrap_or_default().as_bytes();
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let first = keyword.first().is_some_and(u8::is_ascii_alphanumeric);
    // `AUTH=` for clients of long ago stands beside the standard's `AUTH`.
    let keyword = keyword.strip_suffix(b"=LOGIN").unwrap_or(keyword);
    let graphic = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    let is_old_auth = line.get(4..).is_some_and(|rest| rest.starts_with("AUTH="));
    (first && keyword.iter().all(good) || is_old_auth) && words.all(graphic)
}

/// The status of a line is of the class of its code, and the same on each line; 3yz has none.
fn has_status(line: &str, reply: &Reply) -> bool {
    let word = |line: &str| {
        let word = line.get(4..).and_then(|rest| rest.split(' ').next());
        word.and_then(EnhancedStatus::parse)
    };
    let first = reply.0.first().and_then(|line| word(line));
    match reply.code() / 100 {
        3 => word(line).is_none(),
        class => {
            word(line).is_some_and(|status| u16::from(status.class()) == class)
                && word(line) == first
        }
    }
}
