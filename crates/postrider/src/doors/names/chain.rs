//! The way to the name servers for the validator: each question it has goes out by our own exchange,
//! counted against the effort that one check may cost, and what belongs to the chain of trust (keys
//! and delegations) is kept for a while, since every answer of a zone needs it again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use hickory_net::NetError;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::xfer::DnsHandle;
use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{DnsRequest, DnsResponse, Message, Query as WireQuery};
use hickory_proto::rr::{RData, Record, RecordType};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::exchange::Exchange;
use super::message::{Query, Wish};

/// Questions that one check may put. A long chain of signed zones takes about 20; past this somebody
/// leads us in circles (RFC 9520 §3 asks for such a bound).
pub(super) const QUESTIONS_MAX: u32 = 100;
/// Replies of the chain of trust that are kept.
const KEPT_MAX: usize = 4_096;
/// Octets of a reply that is kept: the whole store stays below 16 MB.
const KEPT_SIZE: usize = 4_096;
/// How long they are kept at most.
const KEEP: Duration = Duration::from_secs(3_600);

tokio::task_local! {
    /// The effort of the check that this task makes.
    static EFFORT: Effort;
}

/// What one check has cost, and what kept it from an end.
#[derive(Debug, Default)]
struct Effort {
    questions: Cell<u32>,
    failure: RefCell<Option<String>>,
}

/// Runs a check within its bound. With its result comes the question that no server answered.
pub(super) async fn bounded<T>(check: impl Future<Output = T>) -> (T, Option<String>) {
    EFFORT
        .scope(Effort::default(), async {
            let done = check.await;
            (done, EFFORT.with(|effort| effort.failure.take()))
        })
        .await
}

/// The exchange as the validator sees it.
#[derive(Clone)]
pub(super) struct Upstream(Arc<Inner>);

/// A name in lower case and the number of a type.
type Asked = (String, u16);
/// A reply, and until when it is kept.
type Kept = (Vec<u8>, Instant);

struct Inner {
    exchange: Arc<Exchange>,
    kept: Mutex<BTreeMap<Asked, Kept>>,
}

impl Upstream {
    pub(super) fn new(exchange: Arc<Exchange>) -> Self {
        Self(Arc::new(Inner { exchange, kept: Mutex::default() }))
    }

    /// Forgets the keys and delegations: something among them may be wrong.
    pub(super) fn forget(&self) {
        self.0.kept.lock().clear();
    }
}

impl DnsHandle for Upstream {
    type Response = Once;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Once {
        let inner = Arc::clone(&self.0);
        let question = request.queries.first().cloned();
        Once(Some(Box::pin(async move {
            let question = question.ok_or_else(|| NetError::from("no question"))?;
            inner.reply(&question).await
        })))
    }
}

impl Inner {
    async fn reply(&self, question: &WireQuery) -> Result<DnsResponse, NetError> {
        let key = (question.name().to_ascii().to_ascii_lowercase(), question.query_type().into());
        if let Some(octets) = self.kept(&key) {
            return Ok(DnsResponse::from_buffer(octets)?);
        }
        let asked = EFFORT.try_with(|effort| effort.questions.replace(effort.questions.get() + 1));
        if asked.is_ok_and(|asked| asked >= QUESTIONS_MAX) {
            return Err(failed(format!("the proof takes over {QUESTIONS_MAX} questions")));
        }
        let query = Query {
            name: question.name().clone(),
            kind: question.query_type(),
            wish: Wish::Signatures,
        };
        let reply = self.exchange.ask(&query, |message, _| Ok(message.clone())).await;
        let reply = reply.map_err(failed)?;
        let response = DnsResponse::from_message(first_link(reply, question))?;
        if is_of_chain(question.query_type()) && response.as_buffer().len() <= KEPT_SIZE {
            self.keep(key, &response);
        }
        Ok(response)
    }

    fn kept(&self, key: &Asked) -> Option<Vec<u8>> {
        let kept = self.kept.lock();
        kept.get(key).filter(|(_, until)| *until > Instant::now()).map(|(octets, _)| octets.clone())
    }

    fn keep(&self, key: Asked, response: &DnsResponse) {
        let records = response.answers.iter().chain(&response.authorities);
        let Some(ttl) = records.map(|record| record.ttl).min() else { return };
        let now = Instant::now();
        let until = now + Duration::from_secs(ttl.into()).min(KEEP);
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, (_, until)| *until > now);
        }
        if kept.len() >= KEPT_MAX {
            kept.pop_first();
        }
        kept.insert(key, (response.as_buffer().to_vec(), until));
    }
}

fn failed(why: String) -> NetError {
    let _ = EFFORT.try_with(|effort| effort.failure.replace(Some(why.clone())));
    NetError::from(why)
}

fn is_of_chain(kind: RecordType) -> bool {
    matches!(kind, RecordType::DNSKEY | RecordType::DS | RecordType::NS | RecordType::SOA)
}

/// Of a reply that follows aliases, only the first link: each name is proved by a question of its
/// own, with the denials that belong to it. What belongs to other names is not believed.
fn first_link(mut message: Message, question: &WireQuery) -> Message {
    let covers = |record: &Record, kind| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => signature.input().type_covered == kind,
        data => data.record_type() == kind,
    };
    let kind = question.query_type();
    message.answers.retain(|record| {
        record.name == *question.name()
            && (covers(record, kind) || covers(record, RecordType::CNAME))
    });
    message.additionals.clear();
    let has = |kind| message.answers.iter().any(|record| record.record_type() == kind);
    if kind != RecordType::CNAME && has(RecordType::CNAME) && !has(kind) {
        // Only denials that a wildcard needs are left: those about the target are not ours.
        let expanded = message.answers.iter().any(is_expanded);
        message.authorities.retain(|record| expanded && is_denial(record));
    }
    message
}

/// A signature over a wildcard that stands for this name (RFC 4034 §3.1.3).
pub(super) fn is_expanded(record: &Record) -> bool {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => {
            signature.input().num_labels < record.name.num_labels()
        }
        _ => false,
    }
}

/// NSEC, NSEC3, or a signature of one.
pub(super) fn is_denial(record: &Record) -> bool {
    let kind = match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => signature.input().type_covered,
        data => data.record_type(),
    };
    matches!(kind, RecordType::NSEC | RecordType::NSEC3)
}

type Replying = Pin<Box<dyn Future<Output = Result<DnsResponse, NetError>> + Send>>;

/// A stream of one reply.
pub(super) struct Once(Option<Replying>);

impl Stream for Once {
    type Item = Result<DnsResponse, NetError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reply) = &mut self.0 else { return Poll::Ready(None) };
        match reply.as_mut().poll(context) {
            Poll::Ready(reply) => {
                self.0 = None;
                Poll::Ready(Some(reply))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
