//! Signed zones made in the test, served like a recursive server does, and what a check makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::SystemTime;

use hickory_proto::dnssec::crypto::EcdsaSigningKey;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, RRSIG, SigInput};
use hickory_proto::dnssec::{Algorithm, DigestType, DnssecSigner, SigningKey, TBS};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, NULL, SOA, TLSA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record as WireRecord, RecordType, SerialNumber};
use mail::lookup::{Kind, Record, Security};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

fn now() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u32::try_from(since.as_secs()).unwrap()
}

/// One zone, with the key that signs it.
struct Zone {
    origin: Name,
    signer: Option<DnssecSigner>,
    sets: BTreeMap<(Name, RecordType), Vec<RData>>,
    /// Seconds from now until its signatures end.
    expires: i64,
}

impl Zone {
    fn new(origin: &str, signed: bool) -> Self {
        let origin = name(origin);
        let signer = signed.then(|| {
            let pkcs8 = EcdsaSigningKey::generate_pkcs8(Algorithm::ECDSAP256SHA256).unwrap();
            let key = EcdsaSigningKey::from_pkcs8(&pkcs8, Algorithm::ECDSAP256SHA256).unwrap();
            let dnskey = DNSKEY::from_key(&key.to_public_key().unwrap());
            DnssecSigner::new(dnskey, Box::new(key), origin.clone(), Duration::from_secs(3600))
        });
        let mut zone = Self { origin, signer, sets: BTreeMap::new(), expires: 3600 };
        let (ns, root) = (name("ns.example."), name("root.example."));
        let apex = zone.origin.clone();
        zone.add(&apex.to_ascii(), RData::SOA(SOA::new(ns.clone(), root, 1, 1, 1, 1, 60)));
        zone.add(&apex.to_ascii(), RData::NS(NS(ns)));
        if let Some(signer) = &zone.signer {
            let key = RData::DNSSEC(DNSSECRData::DNSKEY(signer.to_dnskey()));
            zone.add(&apex.to_ascii(), key);
        }
        zone
    }

    fn add(&mut self, owner: &str, data: RData) {
        self.sets.entry((name(owner), data.record_type())).or_default().push(data);
    }

    /// The DS record of this zone, for its parent.
    fn ds(&self) -> RData {
        let key = self.signer.as_ref().unwrap().to_dnskey();
        let digest = key.to_digest(&self.origin, DigestType::SHA256).unwrap();
        let tag = key.calculate_key_tag().unwrap();
        let ds =
            DS::new(tag, Algorithm::ECDSAP256SHA256, DigestType::SHA256, digest.as_ref().to_vec());
        RData::DNSSEC(DNSSECRData::DS(ds))
    }

    fn delegate(&mut self, child: &Zone, ds: Option<RData>) {
        let owner = child.origin.to_ascii();
        self.add(&owner, RData::NS(NS(name("ns.example."))));
        ds.into_iter().for_each(|ds| self.add(&owner, ds));
    }

    fn types_at(&self, owner: &Name) -> BTreeSet<RecordType> {
        self.sets.keys().filter(|(at, _)| at == owner).map(|(_, kind)| *kind).collect()
    }

    fn names(&self) -> BTreeSet<Name> {
        self.sets.keys().map(|(owner, _)| owner.clone()).collect()
    }

    /// The set with its signature, owned by `owner`, which a wildcard may stand for.
    fn set(&self, at: &Name, kind: RecordType, owner: &Name) -> Vec<WireRecord> {
        let Some(data) = self.sets.get(&(at.clone(), kind)) else { return Vec::new() };
        self.signed(data.clone(), at, owner)
    }

    fn signed(&self, data: Vec<RData>, at: &Name, owner: &Name) -> Vec<WireRecord> {
        let record = |data: RData| WireRecord::from_rdata(owner.clone(), 300, data);
        let mut records: Vec<_> = data.iter().cloned().map(record).collect();
        let is_cut = at != &self.origin && data[0].record_type() == RecordType::NS;
        let Some(signer) = self.signer.as_ref().filter(|_| !is_cut) else { return records };
        let until = i64::from(now()) + self.expires;
        let input = SigInput {
            type_covered: data[0].record_type(),
            algorithm: Algorithm::ECDSAP256SHA256,
            num_labels: at.num_labels(),
            original_ttl: 300,
            sig_expiration: SerialNumber::from(u32::try_from(until).unwrap()),
            sig_inception: SerialNumber::from(now() - 7200),
            key_tag: signer.calculate_key_tag().unwrap(),
            signer_name: self.origin.clone(),
        };
        let at_wildcard: Vec<_> =
            data.into_iter().map(|data| WireRecord::from_rdata(at.clone(), 300, data)).collect();
        let tbs = TBS::from_input(at, DNSClass::IN, &input, at_wildcard.iter()).unwrap();
        let signature = RRSIG::from_sig(input, signer.sign(&tbs).unwrap());
        records.push(record(RData::DNSSEC(DNSSECRData::RRSIG(signature))));
        records
    }

    /// The NSEC record of `at`, which proves what is not between it and the next name.
    fn nsec(&self, at: &Name) -> Vec<WireRecord> {
        let names = self.names();
        let next = names.range(at.clone()..).nth(1).or(names.first()).unwrap().clone();
        let types = self.types_at(at).into_iter().chain([RecordType::RRSIG, RecordType::NSEC]);
        let nsec = RData::DNSSEC(DNSSECRData::NSEC(NSEC::new(next, types)));
        self.signed(vec![nsec], at, at)
    }

    fn covering(&self, owner: &Name) -> Name {
        let names = self.names();
        names.range(..=owner.clone()).next_back().or(names.last()).unwrap().clone()
    }

    fn reply(&self, owner: &Name, kind: RecordType, reply: &mut Message) {
        let soa = || self.set(&self.origin, RecordType::SOA, &self.origin);
        let exists = self.names().iter().any(|name| owner.zone_of(name));
        let above = std::iter::successors(Some(owner.base_name()), |name| Some(name.base_name()));
        let encloser = above.take(4).find(|name| self.names().contains(name));
        let encloser = encloser.unwrap_or_else(|| self.origin.clone());
        let wildcard = name("*").append_domain(&encloser).unwrap();
        let at = if exists { owner.clone() } else { wildcard.clone() };
        for kind in [RecordType::CNAME, kind] {
            let found = self.set(&at, kind, owner);
            if !found.is_empty() {
                reply.answers.extend(found);
                if &at != owner && self.signer.is_some() {
                    reply.authorities.extend(self.nsec(&self.covering(owner)));
                }
                return;
            }
        }
        reply.authorities.extend(soa());
        if !exists {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        if self.signer.is_some() {
            let mut proofs = BTreeSet::from([self.covering(owner)]);
            if !exists {
                proofs.insert(self.covering(&wildcard));
            }
            proofs.iter().for_each(|at| reply.authorities.extend(self.nsec(at)));
        }
    }
}

type Tamper = fn(&Name, RecordType, &mut Message);

/// What the recursive server knows.
struct World {
    zones: Vec<Zone>,
    tamper: Option<Tamper>,
    asked: Mutex<Vec<String>>,
}

impl World {
    fn reply(&self, octets: &[u8]) -> Vec<u8> {
        let request = Message::from_vec(octets).unwrap();
        let query = request.queries[0].clone();
        let mut reply = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        reply.metadata.recursion_available = true;
        reply.queries = request.queries.clone();
        let (mut owner, kind) = (query.name().clone(), query.query_type());
        self.asked.lock().unwrap().push(format!("{owner} {kind}"));
        for _ in 0..8 {
            // The deepest zone that holds the name; a DS record stands in the parent.
            let holds = |zone: &&Zone| {
                zone.origin.zone_of(&owner) && !(kind == RecordType::DS && zone.origin == owner)
            };
            let zone = self.zones.iter().filter(holds).max_by_key(|zone| zone.origin.num_labels());
            zone.unwrap().reply(&owner, kind, &mut reply);
            let target = reply.answers.iter().find_map(|record| match &record.data {
                RData::CNAME(target) if record.name == owner && kind != RecordType::CNAME => {
                    Some(target.0.clone())
                }
                _ => None,
            });
            match target {
                Some(target) if target != owner => owner = target,
                _ => break,
            }
        }
        if let Some(tamper) = self.tamper {
            tamper(query.name(), kind, &mut reply);
        }
        let wants_signatures = request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        if !wants_signatures {
            let plain = |record: &WireRecord| !matches!(record.data, RData::DNSSEC(_));
            reply.answers.retain(plain);
            reply.authorities.retain(plain);
        }
        reply.to_vec().unwrap()
    }
}

async fn serve(world: std::sync::Arc<World>) -> SocketAddr {
    let (udp, tcp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    tokio::spawn(async move {
        let _tcp = tcp;
        let mut buffer = [0; 512];
        loop {
            let (len, from) = udp.recv_from(&mut buffer).await.unwrap();
            udp.send_to(&world.reply(&buffer[..len]), from).await.unwrap();
        }
    });
    address
}

fn tlsa(octet: u8) -> RData {
    RData::TLSA(TLSA::new(3.into(), 1.into(), 1.into(), vec![octet; 32]))
}

fn a() -> RData {
    RData::A(A([192, 0, 2, 1].into()))
}

fn alias(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

/// A root with its key; below it `good` (signed), `plain` (not signed), `bad` (its DS fits another
/// key), `old` (signatures that have ended).
fn world(tamper: Option<Tamper>) -> (World, String) {
    let mut root = Zone::new(".", true);
    let mut good = Zone::new("good.", true);
    let mut plain = Zone::new("plain.", false);
    let mut bad = Zone::new("bad.", true);
    let mut old = Zone::new("old.", true);
    for zone in [&mut good, &mut plain, &mut bad, &mut old] {
        let origin = zone.origin.to_ascii();
        let below = |host: &str| format!("{host}.{origin}");
        zone.add(&below("in"), RData::MX(MX::new(10, name(&below("mx")))));
        zone.add(&below("mx"), a());
        zone.add(&below("_25._tcp.mx"), tlsa(1));
        zone.add(
            &below("_mta-sts"),
            RData::TXT(TXT::new(vec!["v=STSv1; ".into(), "id=1;".into()])),
        );
        zone.add(&below("to-good"), alias("mx.good."));
        zone.add(&below("to-plain"), alias("mx.plain."));
        zone.add(&below("to-bad"), alias("mx.bad."));
        zone.add(&below("*.wild"), a());
        zone.add(&below("wild"), RData::AAAA(AAAA("2001:db8::1".parse().unwrap())));
        zone.add(&below("circle"), alias(&below("circle")));
    }
    // A renamed branch: good-old.good has all that is below it from good.
    let target =
        RData::Unknown { code: RecordType::DNAME, rdata: NULL::with(b"\x04good\x00".to_vec()) };
    good.add("renamed.good.", target);
    old.expires = -60;
    root.delegate(&good, Some(good.ds()));
    root.delegate(&plain, None);
    root.delegate(&bad, Some(good.ds()));
    root.delegate(&old, Some(old.ds()));
    let key = root.signer.as_ref().unwrap().to_dnskey();
    let anchor = format!(". 300 IN DNSKEY {key}");
    let zones = vec![root, good, plain, bad, old];
    (World { zones, tamper, asked: Mutex::default() }, anchor)
}

/// A stub that checks by the keys of the made root.
async fn stub(world: &std::sync::Arc<World>, anchor: &str, insist: bool) -> Stub {
    let server = serve(std::sync::Arc::clone(world)).await;
    let anchors = Anchors::of_text(anchor).unwrap();
    let checks = Checks { anchors, unsigned: vec!["corp.good".into()], insist };
    Stub::new(vec![server], Proof::Check(checks))
}

/// The answer in one word and the records it holds.
fn told(answer: &Answer) -> (&'static str, usize) {
    match answer {
        Answer::Failed(_) => ("failed", 0),
        Answer::Bogus(_) => ("bogus", 0),
        Answer::Found { records, security, .. } => match security {
            Security::Secure => ("secure", records.len()),
            Security::Insecure => ("insecure", records.len()),
            Security::Unchecked => ("unchecked", records.len()),
        },
        Answer::NoData { security: Security::Secure, .. } => ("no data, secure", 0),
        Answer::NoData { security: Security::Insecure, .. } => ("no data, insecure", 0),
        Answer::NoName { security: Security::Secure, .. } => ("no name, secure", 0),
        Answer::NoName { security: Security::Insecure, .. } => ("no name, insecure", 0),
        Answer::NoData { .. } | Answer::NoName { .. } => ("nothing, unchecked", 0),
    }
}

async fn ask(stub: &Stub, text: &str, kind: Kind) -> Answer {
    stub.ask(&Question::new(text, kind).checked()).await
}

/// Register: 7672-2.1.1-a, 7672-2.1.1-b, 7672-2.1.1-c, 7672-2.1.3-a, 7672-2.1.3-b, 8461-3.1-c.
#[tokio::test]
async fn each_state_of_a_zone() {
    let (world, anchor) = world(None);
    let world = std::sync::Arc::new(world);
    let stub = stub(&world, &anchor, false).await;
    let rows: &[(&str, Kind, &str, usize)] = &[
        ("in.good", Kind::Mx, "secure", 1),
        ("mx.good", Kind::A, "secure", 1),
        ("mx.good", Kind::Aaaa, "no data, secure", 0),
        ("_25._tcp.mx.good", Kind::Tlsa, "secure", 1),
        ("_26._tcp.mx.good", Kind::Tlsa, "no name, secure", 0),
        ("nobody.good", Kind::A, "no name, secure", 0),
        ("_mta-sts.good", Kind::Txt, "secure", 1),
        ("x.wild.good", Kind::A, "secure", 1),
        ("y.x.wild.good", Kind::A, "secure", 1),
        ("in.plain", Kind::Mx, "insecure", 1),
        ("mx.plain", Kind::Aaaa, "no data, insecure", 0),
        ("nobody.plain", Kind::A, "no name, insecure", 0),
        ("_25._tcp.mx.plain", Kind::Tlsa, "insecure", 1),
        ("in.bad", Kind::Mx, "bogus", 0),
        ("mx.bad", Kind::Aaaa, "bogus", 0),
        ("_25._tcp.mx.bad", Kind::Tlsa, "bogus", 0),
        ("in.old", Kind::Mx, "bogus", 0),
        // Aliases: what follows an insecure one is insecure; a bogus link spoils the chain.
        ("to-good.good", Kind::A, "secure", 2),
        ("to-good.good", Kind::Aaaa, "no data, secure", 0),
        ("to-plain.good", Kind::A, "insecure", 2),
        ("to-plain.good", Kind::Cname, "secure", 1),
        ("to-good.plain", Kind::A, "insecure", 2),
        ("to-good.plain", Kind::Cname, "insecure", 1),
        ("to-bad.good", Kind::A, "bogus", 0),
        ("to-bad.plain", Kind::A, "bogus", 0),
        ("circle.good", Kind::A, "failed", 0),
        // Below a private zone nothing is checked, nor a name of one label.
        ("bad", Kind::A, "nothing, unchecked", 0),
        ("mx.corp.good", Kind::A, "nothing, unchecked", 0),
    ];
    for (text, kind, want, records) in rows {
        let answer = ask(&stub, text, *kind).await;
        assert_eq!(told(&answer), (*want, *records), "{text} {kind:?}: {answer:?}");
    }
    // The strings of a text are joined without blanks.
    match ask(&stub, "_mta-sts.good", Kind::Txt).await {
        Answer::Found { records, .. } => {
            assert_eq!(records, [Record::Txt(b"v=STSv1; id=1;".to_vec())]);
        }
        other => panic!("{other:?}"),
    }
    // A question that asks for no proof gets none, and costs no further one.
    world.asked.lock().unwrap().clear();
    let plain = stub.ask(&Question::new("mx.bad", Kind::A)).await;
    assert_eq!(told(&plain), ("unchecked", 1));
    assert_eq!(*world.asked.lock().unwrap(), ["mx.bad. A"]);
}

/// The keys and delegations on the way are asked for once.
#[tokio::test]
async fn the_chain_is_kept() {
    let (world, anchor) = world(None);
    let world = std::sync::Arc::new(world);
    let stub = stub(&world, &anchor, false).await;
    ask(&stub, "in.good", Kind::Mx).await;
    ask(&stub, "mx.good", Kind::A).await;
    world.asked.lock().unwrap().clear();
    assert_eq!(told(&ask(&stub, "_25._tcp.mx.good", Kind::Tlsa).await), ("secure", 1));
    assert_eq!(*world.asked.lock().unwrap(), ["_25._tcp.mx.good. TLSA"]);
}

/// A branch that is renamed as a whole (RFC 6672): the alias made from it has no signature of its own.
#[tokio::test]
async fn an_alias_that_follows_from_a_renamed_branch() {
    let (world, anchor) = world(Some(|owner, kind, reply| {
        if *owner == name("mx.renamed.good.") && kind == RecordType::A {
            let made = WireRecord::from_rdata(owner.clone(), 300, alias("mx.good."));
            reply.answers = vec![made];
            reply.authorities.clear();
            reply.metadata.response_code = ResponseCode::NoError;
        }
    }));
    let stub = stub(&std::sync::Arc::new(world), &anchor, false).await;
    let answer = ask(&stub, "mx.renamed.good", Kind::A).await;
    assert_eq!(told(&answer), ("secure", 2), "{answer:?}");
    // Where no branch is renamed, an alias without signature is a forgery.
    let answer = ask(&stub, "mx.renamed.bad", Kind::A).await;
    assert_eq!(told(&answer).0, "bogus", "{answer:?}");
}

/// What somebody on the way can do to an answer: it is never taken for insecure.
///
/// Register: 7672-2.1.2-a, 7672-2.1.2-d.
#[tokio::test]
async fn forgeries() {
    let rows: &[(&str, Tamper)] = &[
        ("signatures removed", |owner, _, reply| {
            if *owner == name("_25._tcp.mx.good.") {
                reply.answers.retain(|record| record.record_type() != RecordType::RRSIG);
            }
        }),
        ("octets changed", |owner, _, reply| {
            if *owner == name("_25._tcp.mx.good.") {
                reply.answers[0].data = tlsa(9);
            }
        }),
        ("denied without proof", |owner, _, reply| {
            if *owner == name("_25._tcp.mx.good.") {
                reply.answers.clear();
            }
        }),
        ("denied with the start of an unsigned zone", |owner, _, reply| {
            if *owner == name("_25._tcp.mx.good.") {
                reply.answers.clear();
                let soa = SOA::new(name("ns.plain."), name("ns.plain."), 1, 1, 1, 1, 1);
                reply.authorities =
                    vec![WireRecord::from_rdata(name("plain."), 60, RData::SOA(soa))];
                reply.metadata.response_code = ResponseCode::NXDomain;
            }
        }),
        ("denied with the servers of an unsigned zone", |owner, _, reply| {
            if *owner == name("_25._tcp.mx.good.") {
                reply.answers.clear();
                let ns = RData::NS(NS(name("ns.plain.")));
                reply.authorities = vec![WireRecord::from_rdata(name("plain."), 60, ns)];
                reply.metadata.authoritative = true;
            }
        }),
        ("a cut where there is none", |owner, kind, reply| {
            let inside = name("mx.good.").zone_of(owner);
            if inside && kind == RecordType::NS {
                let ns = RData::NS(NS(name("ns.plain.")));
                reply.answers = vec![WireRecord::from_rdata(owner.clone(), 60, ns)];
                reply.authorities.clear();
            } else if *owner == name("_25._tcp.mx.good.") {
                reply.answers.clear();
                reply.authorities.clear();
            }
        }),
        ("an alias put in", |owner, _, reply| {
            if *owner == name("_25._tcp.mx.good.") {
                reply.answers = vec![WireRecord::from_rdata(owner.clone(), 60, alias("mx.plain."))];
            }
        }),
        ("the keys withheld", |owner, kind, reply| {
            if *owner == name("good.") && kind == RecordType::DNSKEY {
                reply.answers.clear();
            }
        }),
    ];
    for (what, tamper) in rows {
        let (world, anchor) = world(Some(*tamper));
        let stub = stub(&std::sync::Arc::new(world), &anchor, false).await;
        let answer = ask(&stub, "_25._tcp.mx.good", Kind::Tlsa).await;
        assert!(matches!(answer, Answer::Bogus(_) | Answer::Failed(_)), "{what}: {answer:?}");
    }
}

/// A wildcard is believed for a name only with the proof that the name itself is not there.
#[tokio::test]
async fn a_wildcard_does_not_stand_for_a_name_that_exists() {
    let (world, anchor) = world(Some(|owner, _, reply| {
        if *owner == name("x.wild.good.") {
            reply.authorities.clear();
            let soa = SOA::new(name("ns.plain."), name("ns.plain."), 1, 1, 1, 1, 1);
            reply.authorities = vec![WireRecord::from_rdata(name("plain."), 60, RData::SOA(soa))];
        }
    }));
    let stub = stub(&std::sync::Arc::new(world), &anchor, false).await;
    let answer = ask(&stub, "x.wild.good", Kind::A).await;
    assert!(matches!(answer, Answer::Bogus(_)), "{answer:?}");
}

/// Name servers that hand out no signatures: no proof, and no mail is held up, unless that is
/// asked for. After one success it is a forgery.
///
/// Register: 7672-2.1.1-d.
#[tokio::test]
async fn name_servers_without_signatures() {
    fn strip(_: &Name, _: RecordType, reply: &mut Message) {
        let plain = |record: &WireRecord| !matches!(record.data, RData::DNSSEC(_));
        reply.answers.retain(plain);
        reply.authorities.retain(plain);
    }
    let (world, anchor) = world(Some(strip));
    let world = std::sync::Arc::new(world);
    let auto = stub(&world, &anchor, false).await;
    assert_eq!(told(&ask(&auto, "in.good", Kind::Mx).await), ("unchecked", 1));
    let asked = world.asked.lock().unwrap().len();
    assert_eq!(told(&ask(&auto, "mx.good", Kind::A).await), ("unchecked", 1));
    assert_eq!(world.asked.lock().unwrap().len(), asked + 1, "found once, not each time");
    let insisting = stub(&world, &anchor, true).await;
    assert_eq!(told(&ask(&insisting, "in.good", Kind::Mx).await), ("bogus", 0));
}

/// The AD bit counts from a server on this host, or from one that is trusted by name.
///
/// Register: 7672-2.1.1-e.
#[tokio::test]
async fn the_word_of_a_name_server() {
    let (world, _) = world(Some(|_, _, reply| reply.metadata.authentic_data = true));
    let server = serve(std::sync::Arc::new(world)).await;
    let local = Stub::new(vec![server], Proof::TrustAd(Vec::new()));
    assert_eq!(told(&ask(&local, "mx.good", Kind::A).await), ("secure", 1));
    assert_eq!(told(&local.ask(&Question::new("mx.good", Kind::A)).await), ("unchecked", 1));
    let off = Stub::new(vec![server], Proof::Off);
    assert_eq!(told(&ask(&off, "mx.good", Kind::A).await), ("unchecked", 1));
    // A server on another host: the socket of this test cannot be one, so the rule is asked.
    let elsewhere: IpAddr = [192, 0, 2, 53].into();
    assert!(is_trusted(&[], [127, 0, 0, 1].into()));
    assert!(!is_trusted(&[], elsewhere));
    assert!(is_trusted(&[elsewhere], elsewhere));
}

#[tokio::test]
async fn a_trusted_server_that_does_not_vouch() {
    let (world, _) = world(None);
    let server = serve(std::sync::Arc::new(world)).await;
    let local = Stub::new(vec![server], Proof::TrustAd(Vec::new()));
    assert_eq!(told(&ask(&local, "mx.good", Kind::A).await), ("insecure", 1));
}

#[test]
fn trust_anchors() {
    let public = Anchors::default();
    let key = "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==";
    let own = Anchors::of_text(&format!(". IN DNSKEY {key}")).unwrap();
    assert_ne!(own, public);
    for text in [format!(". DNSKEY {key}"), format!("; x\n\n.\t300 IN dnskey {key} ; y\n")] {
        assert_eq!(Anchors::of_text(&text).unwrap(), own, "{text}");
    }
    let beside = Anchors::of_text(&format!("corp.example. 60 IN DNSKEY {key}")).unwrap();
    assert_ne!(beside, public);
    for nonsense in ["", "; nothing", "x", ". IN A 192.0.2.1", ". IN DNSKEY 257 3 13 !"] {
        assert!(Anchors::of_text(nonsense).is_err(), "{nonsense:?}");
    }
}
