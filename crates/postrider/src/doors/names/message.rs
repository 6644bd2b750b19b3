//! One question as octets, and what a reply says to it. No network here.

use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as WireQuery, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record as WireRecord, RecordType};
use mail::lookup::{Answer, Kind, Question, Record, Security, Tlsa};

/// Octets of a reply over UDP: what passes any path unfragmented.
pub(super) const UDP_MAX: u16 = 1232;
/// Aliases followed within one answer.
pub(super) const ALIASES_MAX: usize = 16;
/// How long "there is nothing" is believed at most (RFC 2308 §5).
const NEGATIVE_MAX: Duration = Duration::from_secs(3 * 3600);

/// What is wanted beside the records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    Nothing,
    /// The server's word that they are proved: the AD bit (RFC 6840 §5.7).
    Verdict,
    /// The signatures themselves: the DO bit (RFC 4035 §3.2.1).
    Signatures,
}

/// A question ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) name: Name,
    pub(super) kind: RecordType,
    pub(super) wish: Wish,
}

/// What one reply is worth.
#[derive(Debug)]
pub(super) enum Reading {
    /// It answers the question.
    Reply(Box<Message>),
    /// It did not fit: ask over TCP.
    Truncated,
    /// The server does not understand the extension.
    NoEdns,
    /// The server will not or cannot answer: ask another.
    Refused(String),
    /// Not the reply to this question.
    Stranger,
}

impl Query {
    /// `None` when the name has no form on the wire.
    pub(super) fn new(question: &Question) -> Option<Self> {
        let labels = question.name.split('.').filter(|_| !question.name.is_empty());
        let mut name = Name::from_labels(labels.map(str::as_bytes)).ok()?;
        name.set_fqdn(true);
        let kind = match question.kind {
            Kind::A => RecordType::A,
            Kind::Aaaa => RecordType::AAAA,
            Kind::Mx => RecordType::MX,
            Kind::Txt => RecordType::TXT,
            Kind::Tlsa => RecordType::TLSA,
            Kind::Cname => RecordType::CNAME,
        };
        Some(Self { name, kind, wish: Wish::Nothing })
    }

    pub(super) fn wishing(mut self, wish: Wish) -> Self {
        self.wish = wish;
        self
    }

    pub(super) fn octets(&self, id: u16, edns: bool) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.authentic_data = self.wish != Wish::Nothing;
        message.add_query(WireQuery::query(self.name.clone(), self.kind));
        if edns {
            let mut extension = Edns::new();
            extension.set_max_payload(UDP_MAX);
            extension.set_dnssec_ok(self.wish == Wish::Signatures);
            message.set_edns(extension);
        }
        // A name that was made can be written; an empty datagram would only go unanswered.
        message.to_vec().unwrap_or_default()
    }

    pub(super) fn read(&self, id: u16, octets: &[u8]) -> Reading {
        let (Some(sent), Some(flags)) = (octets.get(..2), octets.get(2)) else {
            return Reading::Stranger;
        };
        if sent != id.to_be_bytes() {
            return Reading::Stranger;
        }
        let Ok(message) = Message::from_vec(octets) else {
            // Some servers cut in the middle of a record: then the bit counts, not the records.
            let cut = flags & 0b1000_0010 == 0b1000_0010;
            return if cut { Reading::Truncated } else { Reading::Refused("nonsense".into()) };
        };
        let meta = &message.metadata;
        if meta.message_type != MessageType::Response || meta.op_code != OpCode::Query {
            return Reading::Stranger;
        }
        if meta.response_code == ResponseCode::FormErr && message.queries.is_empty() {
            return Reading::NoEdns;
        }
        match message.queries.as_slice() {
            [query] if self.is_mine(query) => {}
            _ => return Reading::Stranger,
        }
        if meta.truncation {
            return Reading::Truncated;
        }
        match meta.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Reading::Reply(Box::new(message)),
            ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS => Reading::NoEdns,
            ResponseCode::ServFail => Reading::Refused("SERVFAIL".into()),
            ResponseCode::Refused => Reading::Refused("REFUSED".into()),
            other => Reading::Refused(format!("response code {}", u16::from(other))),
        }
    }

    fn is_mine(&self, query: &WireQuery) -> bool {
        *query.name() == self.name
            && query.query_type() == self.kind
            && query.query_class() == DNSClass::IN
    }

    /// What a reply says to this question.
    ///
    /// # Errors
    /// Why it says nothing: another server may.
    pub(super) fn answer(&self, message: &Message, security: Security) -> Result<Answer, String> {
        match message.metadata.response_code {
            ResponseCode::NXDomain => Ok(Answer::NoName { ttl: negative_ttl(message), security }),
            _ => self.read_answer(message, security),
        }
    }

    /// The chain of aliases from the name asked for, then the records at its end. What else stands
    /// in the answer belongs to other names and is not believed.
    fn read_answer(&self, message: &Message, security: Security) -> Result<Answer, String> {
        let mut owner = &self.name;
        let (mut records, mut ttl) = (Vec::new(), u32::MAX);
        for _ in 0..=ALIASES_MAX {
            let here = || message.answers.iter().filter(|record| is_at(record, owner));
            for record in here().filter(|record| record.record_type() == self.kind) {
                if let Some(known) = known(&record.data) {
                    records.push(known);
                    ttl = ttl.min(record.ttl);
                }
            }
            let alias = here().find_map(|record| match &record.data {
                RData::CNAME(target) => Some((&target.0, record.ttl)),
                _ => None,
            });
            // Who asks for the alias itself does not want to follow it.
            let alias = alias.filter(|_| self.kind != RecordType::CNAME);
            match alias {
                Some((target, alias_ttl)) if records.iter().all(is_alias) => {
                    records.push(Record::Cname(text_of(target)));
                    ttl = ttl.min(alias_ttl);
                    owner = target;
                }
                _ if records.is_empty() => return nothing(message, security),
                _ => return Ok(Answer::Found { records, ttl: positive_ttl(ttl), security }),
            }
        }
        Err(ENDLESS.into())
    }
}

fn is_alias(record: &Record) -> bool {
    matches!(record, Record::Cname(_))
}

fn is_at(record: &WireRecord, owner: &Name) -> bool {
    record.dns_class == DNSClass::IN && record.name == *owner
}

/// What is said of a circle of aliases.
pub(super) const ENDLESS: &str = "the aliases do not end";

pub(super) fn known(data: &RData) -> Option<Record> {
    match data {
        RData::A(address) => Some(Record::A(address.0)),
        RData::AAAA(address) => Some(Record::Aaaa(address.0)),
        RData::MX(mx) => Some(Record::Mx(mx.preference, text_of(&mx.exchange))),
        RData::TXT(text) => Some(Record::Txt(text.txt_data.concat())),
        RData::TLSA(tlsa) => Some(Record::Tlsa(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        })),
        RData::CNAME(target) => Some(Record::Cname(text_of(&target.0))),
        _ => None,
    }
}

/// In lower case, without the root's dot. Octets that no host name has come escaped, so that no
/// parser of names takes them.
pub(super) fn text_of(name: &Name) -> String {
    let mut text = name.to_ascii();
    text.make_ascii_lowercase();
    if text.ends_with('.') {
        text.pop();
    }
    text
}

/// No record of the type: the truth about the name, or a server that points elsewhere.
fn nothing(message: &Message, security: Security) -> Result<Answer, String> {
    let authority = |kind| message.authorities.iter().any(|record| record.record_type() == kind);
    let referral = authority(RecordType::NS) && !authority(RecordType::SOA);
    if referral && !message.metadata.authoritative {
        // RFC 2308 §2.2: a referral is not "no data".
        return Err("it points to other servers: not a recursive server".into());
    }
    Ok(Answer::NoData { ttl: negative_ttl(message), security })
}

/// A time with the highest bit set counts as zero (RFC 2181 §8).
pub(super) fn positive_ttl(ttl: u32) -> Duration {
    if ttl > i32::MAX.unsigned_abs() { Duration::ZERO } else { Duration::from_secs(ttl.into()) }
}

/// The lesser of the SOA's own time and its minimum field; without an SOA "nothing" is not kept
/// (RFC 2308 §5).
pub(super) fn negative_ttl(message: &Message) -> Duration {
    let soa = message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    soa.map_or(Duration::ZERO, positive_ttl).min(NEGATIVE_MAX)
}
