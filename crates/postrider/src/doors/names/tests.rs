use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, MX, NS, SOA};
use hickory_proto::rr::{Name, RData, Record as WireRecord};
use mail::lookup::{Kind, Record, Security};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::exchange::STRANGERS_MAX;
use super::message::Reading;
use super::*;

/// How the made server replies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// As it is.
    Plain,
    /// Cut short over UDP, whole over TCP.
    OnlyTcp,
    /// First with another id and another question.
    AfterForgeries,
    /// FORMERR to EDNS.
    NoEdns,
    /// Not at all.
    Never,
    /// With octets that are no message.
    Nonsense,
    /// With a message whose question is another one.
    OtherQuestion,
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn record(owner: &str, ttl: u32, data: RData) -> WireRecord {
    WireRecord::from_rdata(name(owner), ttl, data)
}

fn cname(owner: &str, target: &str) -> WireRecord {
    record(owner, 50, RData::CNAME(CNAME(name(target))))
}

fn mx(owner: &str, preference: u16, host: &str) -> WireRecord {
    record(owner, 300, RData::MX(MX::new(preference, name(host))))
}

fn a(owner: &str) -> WireRecord {
    record(owner, 100, RData::A(A([192, 0, 2, 1].into())))
}

fn soa(ttl: u32, minimum: u32) -> WireRecord {
    let soa = SOA::new(name("ns.example."), name("root.example."), 1, 1, 1, 1, minimum);
    record("example.", ttl, RData::SOA(soa))
}

/// The reply of the made server.
#[derive(Clone, Default)]
struct Reply {
    code: u16,
    answers: Vec<WireRecord>,
    authorities: Vec<WireRecord>,
}

impl Reply {
    fn octets(&self, request: &[u8], truncated: bool) -> Vec<u8> {
        let request = Message::from_vec(request).unwrap();
        assert!(request.metadata.recursion_desired);
        let mut reply = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        reply.queries = request.queries.clone();
        reply.metadata.response_code = ResponseCode::from(0, self.code.try_into().unwrap());
        reply.metadata.truncation = truncated;
        if !truncated {
            reply.insert_answers(self.answers.clone());
            reply.insert_authorities(self.authorities.clone());
        }
        reply.to_vec().unwrap()
    }

    fn over_udp(&self, request: &[u8], way: Way) -> Vec<Vec<u8>> {
        let plain = self.octets(request, way == Way::OnlyTcp);
        let mut other_id = plain.clone();
        other_id[0] ^= 0xff;
        let mut other_question = plain.clone();
        other_question[13] ^= 1;
        match way {
            Way::Plain | Way::OnlyTcp => vec![plain],
            Way::AfterForgeries => vec![other_id, other_question, request.to_vec(), plain],
            Way::NoEdns if Message::from_vec(request).unwrap().edns.is_some() => {
                let mut reply = Self { code: 1, ..Self::default() }.octets(request, false);
                reply.truncate(12);
                reply[5] = 0;
                vec![reply]
            }
            Way::NoEdns => vec![plain],
            Way::Never => vec![],
            Way::Nonsense => {
                let mut reply = plain;
                reply[2] &= !2;
                reply.truncate(14);
                vec![reply]
            }
            Way::OtherQuestion => vec![other_question; STRANGERS_MAX],
        }
    }
}

/// A name server on loopback, with the same port for UDP and TCP.
async fn serve(reply: Reply, way: Way) -> SocketAddr {
    let (udp, tcp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let over_tcp = reply.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (len, from) = udp.recv_from(&mut buffer).await.unwrap();
            for datagram in reply.over_udp(&buffer[..len], way) {
                udp.send_to(&datagram, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut request = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut request).await.unwrap();
            let octets = over_tcp.octets(&request, false);
            stream.write_u16(octets.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&octets).await.unwrap();
        }
    });
    address
}

async fn ask(servers: Vec<SocketAddr>, question: &str, kind: Kind, rounds: u32) -> Answer {
    let reply = Duration::from_millis(if rounds > 3 { 20 } else { 10_000 });
    let patience = Patience { reply, rounds, total: Duration::from_secs(30) };
    Stub::with_patience(servers, Proof::Off, patience).ask(&Question::new(question, kind)).await
}

fn found(records: &[Record], ttl: u64) -> Answer {
    Answer::Found {
        records: records.to_vec(),
        ttl: Duration::from_secs(ttl),
        security: Security::Unchecked,
    }
}

#[tokio::test]
async fn answers() {
    let ten = Record::Mx(10, "mx.example".into());
    let address = Record::A([192, 0, 2, 1].into());
    let alias = |target: &str| Record::Cname(target.into());
    let second = Duration::from_secs;
    let ok = |answers: Vec<WireRecord>| Reply { answers, ..Reply::default() };
    let none = |code, authorities| Reply { code, authorities, ..Reply::default() };
    let ns = record("example.", 60, RData::NS(NS(name("ns.example."))));
    let circle = vec![cname("x.example.", "y.example."), cname("y.example.", "x.example.")];
    let rows: Vec<(Reply, Kind, Answer)> = vec![
        (
            ok(vec![mx("X.example.", 10, "MX.example.")]),
            Kind::Mx,
            found(std::slice::from_ref(&ten), 300),
        ),
        (ok(vec![mx("x.example.", 0, ".")]), Kind::Mx, found(&[Record::Mx(0, "".into())], 300)),
        (
            ok(vec![cname("x.example.", "y.example."), mx("y.example.", 10, "mx.example.")]),
            Kind::Mx,
            found(&[alias("y.example"), ten], 50),
        ),
        (
            ok(vec![
                a("z.example."),
                cname("y.example.", "z.example."),
                cname("x.example.", "y.example."),
            ]),
            Kind::A,
            found(&[alias("y.example"), alias("z.example"), address.clone()], 50),
        ),
        (ok(vec![cname("x.example.", "y.other.")]), Kind::A, found(&[alias("y.other")], 50)),
        // Records of other names are not believed.
        (ok(vec![a("x.example."), a("other.example.")]), Kind::A, found(&[address], 100)),
        (
            ok(vec![a("other.example.")]),
            Kind::A,
            Answer::NoData { ttl: Duration::ZERO, security: Security::Unchecked },
        ),
        (
            none(0, vec![soa(600, 60)]),
            Kind::Mx,
            Answer::NoData { ttl: second(60), security: Security::Unchecked },
        ),
        (
            none(3, vec![soa(60, 600)]),
            Kind::Mx,
            Answer::NoName { ttl: second(60), security: Security::Unchecked },
        ),
        (
            none(3, vec![soa(99_999, 99_999)]),
            Kind::Mx,
            Answer::NoName { ttl: second(10_800), security: Security::Unchecked },
        ),
        (
            none(3, vec![]),
            Kind::Mx,
            Answer::NoName { ttl: Duration::ZERO, security: Security::Unchecked },
        ),
        (none(2, vec![]), Kind::Mx, Answer::Failed("SERVFAIL".into())),
        (none(5, vec![]), Kind::Mx, Answer::Failed("REFUSED".into())),
        (none(9, vec![]), Kind::Mx, Answer::Failed("response code 9".into())),
        (
            none(0, vec![ns]),
            Kind::Mx,
            Answer::Failed("it points to other servers: not a recursive server".into()),
        ),
        (ok(circle), Kind::A, Answer::Failed("the aliases do not end".into())),
    ];
    for (reply, kind, want) in rows {
        for way in [Way::Plain, Way::OnlyTcp, Way::AfterForgeries, Way::NoEdns] {
            let server = serve(reply.clone(), way).await;
            let want = match &want {
                Answer::Failed(why) => Answer::Failed(format!("{server}: {why}")),
                want => want.clone(),
            };
            assert_eq!(ask(vec![server], "x.example", kind, 1).await, want, "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_large_answer_comes_over_tcp() {
    let answers: Vec<_> = (0..500).map(|number| mx("x.example.", number, "mx.example.")).collect();
    let server = serve(Reply { answers, ..Reply::default() }, Way::OnlyTcp).await;
    match ask(vec![server], "x.example", Kind::Mx, 1).await {
        Answer::Found { records, .. } => assert_eq!(records.len(), 500),
        other => panic!("{other:?}"),
    }
}

/// A server that is silent, refuses or talks nonsense does not keep the next one from answering.
#[tokio::test]
async fn the_next_server_is_asked() {
    let good =
        serve(Reply { answers: vec![a("x.example.")], ..Reply::default() }, Way::Plain).await;
    let closed = {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap()
    };
    for way in [Way::Never, Way::Nonsense, Way::OtherQuestion] {
        let bad = serve(Reply::default(), way).await;
        let refusing = serve(Reply { code: 5, ..Reply::default() }, Way::Plain).await;
        let answer = ask(vec![bad, refusing, closed, good], "x.example", Kind::A, 100).await;
        assert_eq!(answer, found(&[Record::A([192, 0, 2, 1].into())], 100), "{way:?}");
    }
}

#[tokio::test]
async fn the_server_that_answered_is_asked_first() {
    let good = serve(Reply::default(), Way::Plain).await;
    let bad = serve(Reply { code: 2, ..Reply::default() }, Way::Plain).await;
    let stub = Stub::new(vec![bad, good], Proof::Off);
    assert_eq!(stub.exchange.order().collect::<Vec<_>>(), [0, 1]);
    let answer = stub.ask(&Question::new("x.example", Kind::A)).await;
    assert_eq!(answer, Answer::NoData { ttl: Duration::ZERO, security: Security::Unchecked });
    assert_eq!(stub.exchange.order().collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test]
async fn what_failed_is_told() {
    assert_eq!(
        ask(vec![], "x.example", Kind::A, 1).await,
        Answer::Failed("no name server is configured".into())
    );
    let silent = serve(Reply::default(), Way::Never).await;
    let nonsense = serve(Reply::default(), Way::Nonsense).await;
    let patience = Patience { reply: Duration::from_millis(1), rounds: 2, ..Patience::default() };
    let stub = Stub::with_patience(vec![silent], Proof::Off, patience);
    let answer = stub.ask(&Question::new("x.example", Kind::A)).await;
    assert_eq!(answer, Answer::Failed(format!("{silent}: no reply")));
    let answer = ask(vec![nonsense], "x.example", Kind::A, 1).await;
    assert_eq!(answer, Answer::Failed(format!("{nonsense}: nonsense")));
    // Names that have no form on the wire exist nowhere.
    for long in ["a..example".to_owned(), "b".repeat(64), "c.".repeat(200)] {
        let answer = ask(vec![silent], &long, Kind::A, 1).await;
        assert_eq!(
            answer,
            Answer::NoName { ttl: Duration::ZERO, security: Security::Unchecked },
            "{long}"
        );
    }
}

/// Whatever comes, reading it ends and does not panic.
#[test]
fn any_octets_can_be_read() {
    let query = Query::new(&Question::new("x.example", Kind::Mx)).unwrap();
    let reply = Reply {
        answers: vec![cname("x.example.", "y.example."), mx("y.example.", 10, "mx.example.")],
        authorities: vec![soa(1, 1)],
        ..Reply::default()
    };
    let octets = reply.octets(&query.octets(7, true), false);
    let read = |octets: &[u8]| match query.read(7, octets) {
        Reading::Reply(message) => query.answer(&message, Security::Unchecked).ok(),
        _ => None,
    };
    assert!(matches!(read(&octets), Some(Answer::Found { .. })));
    for len in 0..octets.len() {
        read(&octets[..len]);
    }
    for place in 2..octets.len() {
        for value in 0..=255 {
            let mut changed = octets.clone();
            changed[place] = value;
            read(&changed);
        }
    }
}
