//! The cases of the contract: one law each.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{
    Case, Subject, at, block_on, body, claim_all, claim_one, commit, id, insert, job, message,
    octets, read, to,
};
use crate::{
    Body, ClaimRequest, Claimed, Durability, Filter, JobId, MAX_RECORD, NewJob, Next, Op,
    RecipientOutcome, RecipientUpdate, Spool, SpoolError, Txn,
};

/// Every law that a spool keeps.
pub const CASES: &[Case] = &[
    ("what is inserted is held until it is finished", held_until_finished),
    ("an inserted message can be claimed at once", claimed_at_insert),
    ("an id is held once", an_id_is_held_once),
    ("what is not there is not found", not_found),
    ("what cannot be is refused", invalid),
    ("an administrator breaks a claim", administrators_break_claims),
    ("an old fence changes nothing", old_fences),
    ("claims come in the order of due times", claims_in_order),
    ("claims keep to quota, share and maximum", claims_keep_limits),
    ("a retry keeps the open recipients and their records", retries),
    ("a release counts nothing", releases),
    ("a held job waits", holds),
    ("a job moves between queues", requeues),
    ("one job is claimed by its name", claims_by_name),
    ("a message ends with its last job", last_job),
    ("a transaction is whole or nothing", atomic),
    ("bodies of every size read back", bodies),
    ("a body is shared and outlives its first message", shared_bodies),
    ("a body nobody adopts leaves nothing", unadopted),
    ("listings page and filter", listings),
    ("queues are counted", queues),
    ("the scheduler is woken", wakes),
    ("a restart finds everything and breaks claims", restarts),
    ("relaxed commits are visible at once", relaxed),
];

fn done(claimed: &Claimed) -> Op {
    Op::Update { job: claimed.job, fence: claimed.fence, recipients: vec![], next: Next::Done }
}

fn update(claimed: &Claimed, recipients: Vec<RecipientUpdate>, next: Next) -> Op {
    Op::Update { job: claimed.job, fence: claimed.fence, recipients, next }
}

fn became(recipient: u32, outcome: RecipientOutcome, record: &str) -> RecipientUpdate {
    RecipientUpdate { recipient, outcome, record: Bytes::copy_from_slice(record.as_bytes()) }
}

fn count(spool: &dyn Spool) -> usize {
    block_on(spool.list(&Filter::default(), None, 1000)).expect("a page").rows.len()
}

fn held_until_finished(subject: &mut dyn Subject) {
    let spool = subject.spool();
    assert_eq!(count(spool), 0);
    assert_eq!(spool.next_due(), None);
    insert(spool, message(1, vec![to("a", &[0, 1], 5)]));
    assert_eq!(spool.next_due(), Some(at(5)));
    assert!(claim_all(spool, 4).is_empty());
    let claimed = claim_one(spool, 5);
    assert_eq!(claimed.job, job(1, 0));
    assert_eq!((claimed.queue.as_str(), claimed.due, claimed.attempts), ("a", at(5), 0));
    assert_eq!(claimed.envelope, "envelope 1");
    assert_eq!(claimed.head_edits, "edits 1");
    assert_eq!(claimed.body_len, 6);
    assert_eq!(claimed.open, [(0, Bytes::new()), (1, Bytes::new())]);
    assert!(claim_all(spool, 9).is_empty(), "claimed once");
    assert_eq!(read(spool, id(1), 0..u64::MAX).expect("a body"), b"body 1");
    let info = block_on(spool.get(job(1, 0))).expect("an answer").expect("a job");
    assert!(info.claimed && !info.held);
    assert_eq!((info.envelope, info.body_len), (claimed.envelope.clone(), 6));
    commit(spool, vec![done(&claimed)]).expect("its end");
    assert!(block_on(spool.get(job(1, 0))).expect("an answer").is_none());
    assert_eq!(count(spool), 0);
    assert!(matches!(read(spool, id(1), 0..9), Err(SpoolError::NotFound)));
}

fn claimed_at_insert(subject: &mut dyn Subject) {
    let spool = subject.spool();
    let mut new = message(1, vec![to("a", &[0], 0), to("b", &[1], 7), to("c", &[2], 0)]);
    new.claim = true;
    new.jobs[2].hold = true;
    let mut claimed = commit(spool, vec![Op::Insert(new)]).expect("room").claimed;
    assert_eq!(claimed.len(), 2, "a held job is nobody's");
    assert_eq!((claimed[0].job, claimed[1].job), (job(1, 0), job(1, 1)));
    assert_eq!(claimed[1].queue, "b");
    assert_eq!((claimed[1].due, claimed[1].body_len), (at(7), 6));
    assert_eq!(
        (&claimed[1].envelope[..], &claimed[1].head_edits[..]),
        (&b"envelope 1"[..], &b"edits 1"[..])
    );
    assert_eq!(claimed[1].open, [(1, Bytes::new())]);
    assert!(claim_all(spool, 99).is_empty());
    commit(spool, claimed.drain(..).map(|claimed| done(&claimed)).collect()).expect("both");
    assert_eq!(count(spool), 1);
}

fn an_id_is_held_once(subject: &mut dyn Subject) {
    let spool = subject.spool();
    insert(spool, message(1, vec![to("a", &[0], 0)]));
    let again = vec![Op::Insert(message(1, vec![to("b", &[0], 0)]))];
    assert!(matches!(commit(spool, again), Err(SpoolError::Exists)));
    let twice = vec![
        Op::Insert(message(2, vec![to("a", &[0], 0)])),
        Op::Insert(message(2, vec![to("a", &[0], 0)])),
    ];
    assert!(matches!(commit(spool, twice), Err(SpoolError::Exists)));
    assert_eq!(count(spool), 1);
    let claimed = claim_one(spool, 0);
    assert_eq!(claimed.queue, "a");
}

fn not_found(subject: &mut dyn Subject) {
    let spool = subject.spool();
    insert(spool, message(1, vec![to("a", &[0], 0)]));
    let claimed = claim_one(spool, 0);
    for missing in [job(1, 1), job(2, 0)] {
        let ops = [
            Op::Hold { job: missing, on: true },
            Op::SetDue { job: missing, due: at(1) },
            Op::Remove { job: missing },
            Op::Requeue { job: missing, queue: "b".into() },
            Op::Update { job: missing, fence: claimed.fence, recipients: vec![], next: Next::Done },
        ];
        for op in ops {
            let text = format!("{op:?}");
            assert!(matches!(commit(spool, vec![op]), Err(SpoolError::NotFound)), "{text}");
        }
        assert!(block_on(spool.get(missing)).expect("an answer").is_none());
    }
    let mut fork = message(3, vec![to("a", &[0], 0)]);
    fork.body = Body::Of(id(2));
    assert!(matches!(commit(spool, vec![Op::Insert(fork)]), Err(SpoolError::NotFound)));
    assert!(matches!(read(spool, id(2), 0..1), Err(SpoolError::NotFound)));
}

fn invalid(subject: &mut dyn Subject) {
    let spool = subject.spool();
    insert(spool, message(1, vec![to("a", &[0], 0)]));
    let claimed = claim_one(spool, 0);
    let long = RecipientUpdate {
        recipient: 0,
        outcome: RecipientOutcome::Deferred,
        record: Bytes::from(vec![b'x'; MAX_RECORD + 1]),
    };
    let refused = [
        vec![Op::Insert(message(2, vec![]))],
        vec![Op::Insert(message(2, vec![to("a", &[], 0)]))],
        vec![update(&claimed, vec![became(7, RecipientOutcome::Deferred, "")], Next::Retry(at(1)))],
        vec![update(&claimed, vec![long], Next::Retry(at(1)))],
        vec![Op::Insert(message(2, vec![to("a", &[0], 0)])), Op::Hold { job: job(2, 0), on: true }],
    ];
    for ops in refused {
        let text = format!("{ops:?}");
        assert!(matches!(commit(spool, ops), Err(SpoolError::Invalid(_))), "{text}");
    }
    commit(spool, vec![done(&claimed)]).expect("the claim still stands");
    assert_eq!(count(spool), 0);
}

fn administrators_break_claims(subject: &mut dyn Subject) {
    let spool = subject.spool();
    let ops: [fn(JobId) -> Op; 4] = [
        |job| Op::Hold { job, on: false },
        |job| Op::Hold { job, on: true },
        |job| Op::SetDue { job, due: at(3) },
        |job| Op::Requeue { job, queue: "b".into() },
    ];
    for (n, op) in (1..).zip(ops) {
        insert(spool, message(n, vec![to("a", &[0], 0)]));
        let claimed = claim_one(spool, 0);
        commit(spool, vec![op(claimed.job)]).expect("an administrator may");
        assert!(matches!(commit(spool, vec![done(&claimed)]), Err(SpoolError::Fenced)));
        let info = block_on(spool.get(claimed.job)).expect("an answer").expect("a job");
        assert!(!info.claimed);
        commit(spool, vec![Op::Remove { job: claimed.job }]).expect("gone");
        assert!(matches!(commit(spool, vec![done(&claimed)]), Err(SpoolError::NotFound)));
    }
}

fn old_fences(subject: &mut dyn Subject) {
    let spool = subject.spool();
    insert(spool, message(1, vec![to("a", &[0], 0)]));
    let first = claim_one(spool, 0);
    commit(spool, vec![update(&first, vec![], Next::Retry(at(1)))]).expect("a retry");
    for next in [Next::Done, Next::Release, Next::Retry(at(9))] {
        let late = update(&first, vec![], next);
        assert!(matches!(commit(spool, vec![late]), Err(SpoolError::Fenced)), "{next:?}");
    }
    let second = claim_one(spool, 1);
    assert_ne!(first.fence, second.fence);
    let late = update(&first, vec![], Next::Done);
    assert!(matches!(commit(spool, vec![late]), Err(SpoolError::Fenced)));
    assert_eq!(second.attempts, 1);
    commit(spool, vec![done(&second)]).expect("the right one");
}

fn claims_in_order(subject: &mut dyn Subject) {
    let spool = subject.spool();
    for (n, (queue, due)) in (1..).zip([("a", 30), ("b", 10), ("a", 20), ("c", 5), ("b", 40)]) {
        insert(spool, message(n, vec![to(queue, &[0], due)]));
    }
    assert_eq!(spool.next_due(), Some(at(5)));
    let claimed = claim_all(spool, 30);
    let dues: Vec<_> = claimed.iter().map(|claimed| claimed.due).collect();
    assert_eq!(dues, [at(5), at(10), at(20), at(30)]);
    assert_eq!(spool.next_due(), Some(at(40)));
}

fn claims_keep_limits(subject: &mut dyn Subject) {
    let spool = subject.spool();
    for n in 1..=12 {
        let queue = ["a", "b", "c"][n as usize % 3];
        insert(spool, message(n, vec![to(queue, &[0], n)]));
    }
    let quota = |queue: &str| if queue == "b" { 0 } else { 2 };
    let claim = |max, per_queue, now| {
        let request = ClaimRequest { max, per_queue, quota: &quota, now: at(now) };
        block_on(spool.claim_due(request)).expect("a claim")
    };
    assert!(claim(0, 9, 99).is_empty());
    let first = claim(3, 9, 99);
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|claimed| claimed.queue != "b"));
    let second = claim(9, 1, 99);
    assert_eq!(second.len(), 2, "one of each queue with a quota");
    assert_eq!(claim(9, 9, 99).len(), 3, "a has two left, c one");
    assert!(claim(9, 9, 99).is_empty());
    assert_eq!(spool.next_due(), Some(at(1)), "b waits");
    assert_eq!(claim_all(spool, 99).len(), 4);
}

fn retries(subject: &mut dyn Subject) {
    insert(subject.spool(), message(1, vec![to("a", &[3, 5, 8], 0)]));
    let claimed = claim_one(subject.spool(), 0);
    let outcomes = vec![
        became(5, RecipientOutcome::Deferred, "busy"),
        became(3, RecipientOutcome::Delivered, "ok"),
    ];
    commit(subject.spool(), vec![update(&claimed, outcomes, Next::Retry(at(50)))])
        .expect("a retry");
    for restart in [false, true] {
        if restart {
            subject.restart();
        }
        let info = block_on(subject.spool().get(job(1, 0))).expect("an answer").expect("a job");
        assert_eq!((info.attempts, info.due, info.claimed), (1, at(50), false));
        assert_eq!(info.open, [(5, Bytes::from("busy")), (8, Bytes::new())]);
    }
    let claimed = claim_one(subject.spool(), 50);
    assert_eq!(claimed.attempts, 1);
    assert_eq!(claimed.open, [(5, Bytes::from("busy")), (8, Bytes::new())]);
    let outcomes =
        vec![became(8, RecipientOutcome::Failed, ""), became(5, RecipientOutcome::Delivered, "")];
    commit(subject.spool(), vec![update(&claimed, outcomes, Next::Retry(at(60)))])
        .expect("a retry");
    assert_eq!(count(subject.spool()), 0, "no open recipient, no job");
}

fn releases(subject: &mut dyn Subject) {
    let spool = subject.spool();
    insert(spool, message(1, vec![to("a", &[0, 1], 4)]));
    let claimed = claim_one(spool, 9);
    assert_eq!(spool.next_due(), None);
    commit(spool, vec![update(&claimed, vec![], Next::Release)]).expect("a release");
    assert_eq!(spool.next_due(), Some(at(4)));
    let claimed = claim_one(spool, 9);
    assert_eq!((claimed.attempts, claimed.due), (0, at(4)));
    let outcome = vec![became(0, RecipientOutcome::Delivered, "")];
    commit(spool, vec![update(&claimed, outcome, Next::Release)]).expect("a release");
    let claimed = claim_one(spool, 9);
    assert_eq!((claimed.attempts, &claimed.open[..]), (0, &[(1, Bytes::new())][..]));
}

fn holds(subject: &mut dyn Subject) {
    let mut new = message(1, vec![to("a", &[0], 0)]);
    new.jobs[0].hold = true;
    insert(subject.spool(), new);
    insert(subject.spool(), message(2, vec![to("a", &[0], 0)]));
    commit(subject.spool(), vec![Op::Hold { job: job(2, 0), on: true }]).expect("held");
    subject.restart();
    let spool = subject.spool();
    assert!(claim_all(spool, 99).is_empty());
    assert_eq!(spool.next_due(), None);
    commit(spool, vec![Op::SetDue { job: job(1, 0), due: at(6) }]).expect("later");
    assert!(claim_all(spool, 99).is_empty(), "another time is no release");
    commit(spool, vec![Op::Hold { job: job(1, 0), on: false }]).expect("let go");
    assert_eq!(spool.next_due(), Some(at(6)));
    assert_eq!(claim_one(spool, 6).job, job(1, 0));
}

fn requeues(subject: &mut dyn Subject) {
    insert(subject.spool(), message(1, vec![to("a", &[0], 0)]));
    let ops = vec![
        Op::Requeue { job: job(1, 0), queue: "b".into() },
        Op::SetDue { job: job(1, 0), due: at(7) },
    ];
    commit(subject.spool(), ops).expect("both");
    subject.restart();
    let claimed = claim_one(subject.spool(), 7);
    assert_eq!((claimed.queue.as_str(), claimed.due), ("b", at(7)));
}

fn claims_by_name(subject: &mut dyn Subject) {
    let spool = subject.spool();
    let one = job(1, 0);
    insert(spool, message(1, vec![to("q", &[0, 1], 50)]));
    commit(spool, vec![Op::Hold { job: one, on: true }]).expect("a hold");
    let by_name = || block_on(spool.claim(one)).expect("an answer");
    let info = || block_on(spool.get(one)).expect("an answer").expect("a job");
    // Neither due nor free, and ours all the same.
    let claimed = by_name().expect("it was nobody's");
    assert_eq!((claimed.job, claimed.open.len(), claimed.queue.as_str()), (one, 2, "q"));
    assert!(by_name().is_none(), "it is taken");
    assert!(info().held && info().claimed);
    // What is done with it leaves it held, and nobody's.
    let updates = vec![became(1, RecipientOutcome::Failed, "")];
    commit(spool, vec![update(&claimed, updates, Next::Release)]).expect("an update");
    assert!(info().held && !info().claimed && info().open.len() == 1);
    let again = by_name().expect("it was nobody's");
    commit(spool, vec![Op::Hold { job: one, on: false }]).expect("a release");
    let late = commit(spool, vec![update(&again, vec![], Next::Done)]);
    assert!(matches!(late, Err(SpoolError::Fenced)), "an administrator breaks it, too");
    let last = by_name().expect("it was nobody's");
    commit(spool, vec![done(&last)]).expect("an end");
    assert!(matches!(block_on(spool.claim(one)), Err(SpoolError::NotFound)));
}

fn last_job(subject: &mut dyn Subject) {
    insert(subject.spool(), message(1, vec![to("a", &[0], 0), to("b", &[1], 0), to("c", &[2], 9)]));
    let claimed = claim_all(subject.spool(), 0);
    commit(subject.spool(), claimed.iter().map(done).collect()).expect("two jobs of one message");
    subject.restart();
    let spool = subject.spool();
    assert!(block_on(spool.get(job(1, 0))).expect("an answer").is_none());
    assert_eq!(count(spool), 1);
    assert_eq!(read(spool, id(1), 0..9).expect("a body"), b"body 1");
    commit(spool, vec![Op::Remove { job: job(1, 2) }]).expect("the last");
    assert_eq!(count(spool), 0);
    subject.restart();
    assert_eq!(count(subject.spool()), 0);
    assert!(matches!(read(subject.spool(), id(1), 0..9), Err(SpoolError::NotFound)));
}

fn atomic(subject: &mut dyn Subject) {
    insert(subject.spool(), message(1, vec![to("a", &[0], 0), to("b", &[1], 0)]));
    let claimed = claim_all(subject.spool(), 0);
    let ops = vec![
        Op::Insert(message(2, vec![to("z", &[0], 0)])),
        done(&claimed[0]),
        Op::Requeue { job: claimed[1].job, queue: "q".into() },
        Op::Remove { job: job(9, 0) },
    ];
    assert!(matches!(commit(subject.spool(), ops), Err(SpoolError::NotFound)));
    assert_eq!(count(subject.spool()), 2);
    let ops =
        vec![Op::Insert(message(2, vec![to("z", &[0], 0)])), done(&claimed[0]), done(&claimed[1])];
    commit(subject.spool(), ops).expect("the claims still stand");
    subject.restart();
    assert_eq!(claim_one(subject.spool(), 0).job, job(2, 0));
    assert_eq!(count(subject.spool()), 1);
}

fn bodies(subject: &mut dyn Subject) {
    let sizes = [0, 1, 511, 4096, 70_000, 262_143, 262_144, 262_145, 900_000];
    for (n, &size) in (1..).zip(&sizes) {
        let spool = subject.spool();
        let mut new = message(n, vec![to("a", &[0], 0)]);
        let hint = (n % 2 == 0).then_some(size as u64);
        new.body = body(spool, &octets(size, n), hint);
        insert(spool, new);
    }
    for restart in [false, true] {
        if restart {
            subject.restart();
        }
        for (n, &size) in (1..).zip(&sizes) {
            let spool = subject.spool();
            let whole = octets(size, n);
            assert_eq!(read(spool, id(n), 0..u64::MAX).expect("all"), whole, "{size}");
            let (from, to) = (size / 3, size / 2);
            let part = read(spool, id(n), from as u64..to as u64).expect("a part");
            assert_eq!(part, whole[from..to], "{size}");
            assert!(read(spool, id(n), size as u64..u64::MAX).expect("nothing").is_empty());
            let info = block_on(spool.get(job(n, 0))).expect("an answer").expect("a job");
            assert_eq!(info.body_len, size as u64);
        }
    }
}

fn shared_bodies(subject: &mut dyn Subject) {
    for (n, size) in [(10, 5_000), (20, 400_000)] {
        let whole = octets(size, n);
        let fork = |n, of| {
            let mut fork = message(n, vec![to("a", &[0], 0)]);
            fork.body = Body::Of(id(of));
            Op::Insert(fork)
        };
        let mut new = message(n, vec![to("a", &[0], 0)]);
        new.body = body(subject.spool(), &whole, None);
        commit(subject.spool(), vec![Op::Insert(new), fork(n + 1, n)]).expect("a pair");
        let ops = vec![fork(n + 2, n + 1), Op::Remove { job: job(n, 0) }];
        commit(subject.spool(), ops).expect("a fork of the fork and the end of the first");
        for restart in [false, true, true] {
            if restart {
                subject.restart();
            }
            let spool = subject.spool();
            assert!(matches!(read(spool, id(n), 0..9), Err(SpoolError::NotFound)), "it has ended");
            for shared in [n + 1, n + 2] {
                assert_eq!(read(spool, id(shared), 0..u64::MAX).expect("shared"), whole);
                let info = block_on(spool.get(job(shared, 0))).expect("an answer").expect("a job");
                assert_eq!(info.body_len, size as u64);
            }
            let late = commit(spool, vec![fork(n + 3, n)]);
            assert!(matches!(late, Err(SpoolError::NotFound)));
        }
        for last in [n + 1, n + 2] {
            commit(subject.spool(), vec![Op::Remove { job: job(last, 0) }]).expect("its end");
        }
        subject.restart();
        assert_eq!(count(subject.spool()), 0);
    }
}

fn unadopted(subject: &mut dyn Subject) {
    let spool = subject.spool();
    drop(body(spool, &octets(500_000, 1), None));
    block_on(async {
        let mut sink = spool.begin_body(Some(500_000)).await.expect("a sink");
        sink.write(Bytes::from(octets(400_000, 2))).await.expect("room");
    });
    insert(spool, message(1, vec![to("a", &[0], 0)]));
    let mut new = message(1, vec![to("a", &[0], 0)]);
    new.body = body(spool, &octets(500_000, 1), None);
    assert!(matches!(commit(spool, vec![Op::Insert(new)]), Err(SpoolError::Exists)));
    subject.restart();
    assert_eq!(count(subject.spool()), 1);
}

fn listings(subject: &mut dyn Subject) {
    let spool = subject.spool();
    for n in 1..=9 {
        let mut new = message(n, vec![to("a", &[0], n), to("b", &[1], n)]);
        new.jobs[0].hold = n % 3 == 0;
        insert(spool, new);
    }
    let pages = |filter: &Filter, limit| {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = block_on(spool.list(filter, after, limit)).expect("a page");
            assert!(page.rows.len() <= limit);
            found.extend(page.rows.iter().map(|row| row.job));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    };
    let all: Vec<_> = (1..=9).flat_map(|n| [job(n, 0), job(n, 1)]).collect();
    for limit in [1, 2, 5, 18, 100] {
        assert_eq!(pages(&Filter::default(), limit), all, "{limit}");
    }
    let filter = Filter { queue: Some("b".into()), ..Filter::default() };
    assert_eq!(pages(&filter, 2), (1..=9).map(|n| job(n, 1)).collect::<Vec<_>>());
    let filter = Filter { held: Some(true), ..Filter::default() };
    assert_eq!(pages(&filter, 2), [job(3, 0), job(6, 0), job(9, 0)]);
    let filter = Filter { held: Some(false), older_than: Some(at(3)), queue: None };
    assert_eq!(pages(&filter, 3), all[..4]);
    let filter = Filter { queue: Some("none".into()), ..Filter::default() };
    assert!(pages(&filter, 3).is_empty());
}

fn queues(subject: &mut dyn Subject) {
    let spool = subject.spool();
    for n in 1..=6 {
        let queue = ["a", "b", "c"][n as usize % 3];
        insert(spool, message(n, vec![to(queue, &[0], n)]));
    }
    commit(spool, vec![Op::Hold { job: job(1, 0), on: true }]).expect("held");
    let claimed = claim_all(spool, 3);
    assert_eq!(claimed.len(), 2, "the second and the third");
    let row = |queue: &crate::QueueStat| {
        (queue.queue.clone(), queue.jobs, queue.held, queue.claimed, queue.next_due)
    };
    let found = block_on(spool.queues(None, 10)).expect("queues");
    let found: Vec<_> = found.iter().map(row).collect();
    let expected = [
        ("a".to_owned(), 2, 0, 1, Some(at(6))),
        ("b".to_owned(), 2, 1, 0, Some(at(4))),
        ("c".to_owned(), 2, 0, 1, Some(at(5))),
    ];
    assert_eq!(found, expected);
    let page = block_on(spool.queues(Some("a"), 1)).expect("queues");
    assert_eq!(page.iter().map(row).collect::<Vec<_>>(), expected[1..2]);
    for n in 1..=6 {
        commit(spool, vec![Op::Remove { job: job(n, 0) }]).expect("its end");
    }
    assert!(block_on(spool.queues(None, 10)).expect("queues").is_empty());
}

fn wakes(subject: &mut dyn Subject) {
    let spool = subject.spool();
    let woken = || {
        let mut changed = spool.changed();
        matches!(changed.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_))
    };
    assert_eq!(spool.next_due(), None);
    assert!(!woken());
    insert(spool, message(1, vec![to("a", &[0], 50)]));
    assert!(woken() && woken(), "until the scheduler has looked");
    assert_eq!(spool.next_due(), Some(at(50)));
    assert!(!woken());
    insert(spool, message(2, vec![to("a", &[0], 20)]));
    assert!(woken());
    assert_eq!(spool.next_due(), Some(at(20)));
    let claimed = claim_one(spool, 20);
    assert_eq!(spool.next_due(), Some(at(50)));
    commit(spool, vec![update(&claimed, vec![], Next::Retry(at(30)))]).expect("a retry");
    assert!(woken());
    assert_eq!(spool.next_due(), Some(at(30)));
    commit(spool, vec![Op::SetDue { job: job(1, 0), due: at(10) }]).expect("sooner");
    assert!(woken());
    assert_eq!(spool.next_due(), Some(at(10)));
}

fn restarts(subject: &mut dyn Subject) {
    assert_eq!(subject.spool().last_id(), None);
    for n in 1..=20 {
        insert(subject.spool(), message(n, vec![to("a", &[0], n), to("b", &[1], n + 100)]));
    }
    let claimed = claim_all(subject.spool(), 99);
    assert_eq!(claimed.len(), 20);
    for n in 11..=20 {
        commit(
            subject.spool(),
            vec![Op::Remove { job: job(n, 1) }, done(&claimed[n as usize - 1])],
        )
        .expect("the end of the message");
    }
    for _ in 0..3 {
        subject.restart();
        let spool = subject.spool();
        assert_eq!(spool.last_id(), Some(id(20)), "the largest ever, not the largest held");
        assert_eq!(count(spool), 20);
        let late = commit(spool, vec![done(&claimed[0])]);
        assert!(matches!(late, Err(SpoolError::Fenced)), "a claim of a former life");
        let again = claim_all(spool, 99);
        assert_eq!(again.len(), 10);
        assert_eq!(again[0].job, job(1, 0));
        for n in 1..=10 {
            assert_eq!(read(spool, id(n), 0..99).expect("a body"), format!("body {n}").as_bytes());
        }
    }
}

fn relaxed(subject: &mut dyn Subject) {
    let spool = subject.spool();
    insert(spool, message(1, vec![to("a", &[0], 0), to("b", &[1], 0)]));
    let claimed = claim_all(spool, 0);
    let later = |ops| {
        let durability = Durability::Relaxed(std::time::Duration::from_millis(20));
        block_on(spool.commit(Txn { ops, durability }))
    };
    later(vec![update(&claimed[0], vec![], Next::Retry(at(70)))]).expect("a retry");
    let info = block_on(spool.get(claimed[0].job)).expect("an answer").expect("a job");
    assert_eq!((info.due, info.attempts), (at(70), 1));
    later(vec![done(&claimed[1])]).expect("its end");
    assert!(block_on(spool.get(claimed[1].job)).expect("an answer").is_none());
    insert(spool, message(2, vec![NewJob { hold: true, ..to("a", &[0], 0) }]));
    subject.restart();
    assert_eq!(count(subject.spool()), 2, "a restart in good order loses nothing");
}
