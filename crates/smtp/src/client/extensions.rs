//! What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1).

/// The extensions of one session; none after HELO.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Extensions {
    /// Keyword in upper case, and its parameters as they came.
    offered: Vec<(String, String)>,
}

impl Extensions {
    /// From the lines of the reply after the first. A malformed line is skipped.
    pub(super) fn parse(lines: &[String]) -> Self {
        Self { offered: lines.iter().filter_map(|line| extension(line)).collect() }
    }

    /// The parameters of `keyword` (in upper case), if it is offered; maybe "".
    pub fn parameters(&self, keyword: &str) -> Option<&str> {
        let found = self.offered.iter().find(|(offered, _)| offered == keyword);
        found.map(|(_, parameters)| parameters.as_str())
    }

    /// Whether `keyword` (in upper case) is offered.
    pub fn offers(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// PIPELINING: commands in groups (RFC 2920).
    pub fn pipelining(&self) -> bool {
        self.offers("PIPELINING")
    }

    /// 8BITMIME: content with octets above 127 (RFC 6152).
    pub fn eight_bit_mime(&self) -> bool {
        self.offers("8BITMIME")
    }

    /// STARTTLS (RFC 3207).
    pub fn starttls(&self) -> bool {
        self.offers("STARTTLS")
    }

    /// CHUNKING: content by BDAT (RFC 3030).
    pub fn chunking(&self) -> bool {
        self.offers("CHUNKING")
    }

    /// BINARYMIME, which is of no use without CHUNKING (RFC 3030 §3).
    pub fn binary_mime(&self) -> bool {
        self.offers("BINARYMIME") && self.chunking()
    }

    /// SMTPUTF8; what follows the word does not count (RFC 6531 §3.1).
    pub fn smtp_utf8(&self) -> bool {
        self.offers("SMTPUTF8")
    }

    /// DSN: requests for reports (RFC 3461).
    pub fn dsn(&self) -> bool {
        self.offers("DSN")
    }

    /// DELIVERBY: the least number of seconds that mail to be returned may have left, 0 where none is
    /// named (RFC 2852 §4).
    pub fn deliver_by(&self) -> Option<u64> {
        let least = self.parameters("DELIVERBY")?.split(' ').next().unwrap_or_default();
        Some(least.parse().unwrap_or(0))
    }

    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub fn enhanced_status_codes(&self) -> bool {
        self.offers("ENHANCEDSTATUSCODES")
    }

    /// SIZE: the length may be declared (RFC 1870).
    pub fn size(&self) -> bool {
        self.offers("SIZE")
    }

    /// The most octets a message may have; `None` where nothing or 0 was said (RFC 1870 §3).
    pub fn size_limit(&self) -> Option<u64> {
        let digits = self.parameters("SIZE")?;
        let digits = digits.split(' ').next().unwrap_or_default();
        digits.parse().ok().filter(|&limit| limit > 0)
    }
}

/// ehlo-line of RFC 5321 §4.1.1.1.
fn extension(line: &str) -> Option<(String, String)> {
    let (keyword, parameters) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let mut octets = keyword.bytes();
    let right = octets.next().is_some_and(|octet| octet.is_ascii_alphanumeric())
        && octets.all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    right.then(|| (keyword.to_ascii_uppercase(), parameters.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 5321-4.1.1.1-i.
    #[test]
    fn lines() {
        let lines = ["pipelining", "SIZE 1000 x", "8bitMIME ", "AUTH=LOGIN", "", "-x", "X-Y a  b"];
        let offered = Extensions::parse(&lines.map(str::to_owned));
        assert!(offered.pipelining() && offered.eight_bit_mime() && offered.size());
        assert_eq!(offered.size_limit(), Some(1000));
        assert_eq!(offered.parameters("X-Y"), Some("a  b"));
        assert_eq!(offered.offered.len(), 4);
        assert!(!offered.enhanced_status_codes());
        for (line, limit) in
            [("SIZE", None), ("SIZE 0", None), ("SIZE 7", Some(7)), ("SIZE x", None)]
        {
            assert_eq!(Extensions::parse(&[line.to_owned()]).size_limit(), limit, "{line}");
        }
    }
}
