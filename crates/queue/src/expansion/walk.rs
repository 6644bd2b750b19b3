//! The way through aliases, lists and `.forward` files, depth first.

use std::collections::{BTreeMap, BTreeSet};

use mail::address::{Domain, ForwardPath, Mailbox, ReversePath, fold};
use mail::envelope::{Envelope, Recipient};

use super::aliases::Listed;
use super::words::Member;
use super::{
    Answer, Answers, DEPTH_MAX, EXPANDED_MAX, Expanded, Expansion, Finished, Kind, LOOKED_MAX,
    Node, Progress, QUESTIONS_MAX, Question, forward, is_plain, mailbox_of, of_list, of_member,
    passed_on,
};
use crate::access::Access;
use crate::directory::{self, Entry, Group, Wait};
use crate::reason::Reason;
use crate::target::Target;

/// Expands `envelope`, in which at least one recipient may stand for others.
pub(super) fn walk<S: AsRef<str>>(
    access: &Access,
    envelope: &Envelope,
    marks: &[S],
    answers: &Answers,
) -> Progress {
    let mut walk = Walk {
        access,
        envelope,
        answers,
        marks: marks.iter().map(|mark| fold(mark.as_ref().trim())).collect(),
        batches: Vec::new(),
        batch_of: BTreeMap::new(),
        seen: Vec::new(),
        seen_of: BTreeMap::new(),
        followed: BTreeSet::new(),
        taken: 0,
        looked: 0,
        questions: BTreeSet::new(),
        not_now: None,
        expansion: Expansion::default(),
    };
    walk.begin();
    for recipient in &envelope.recipients {
        let tree = walk.recipient(recipient);
        walk.expansion.trees.push(tree);
    }
    walk.finish()
}

/// Recipients of one envelope to come.
struct Batch {
    /// None: the reverse-path that came.
    owner: Option<Mailbox>,
    via: Option<Mailbox>,
    recipients: Vec<Recipient>,
    targets: BTreeMap<u32, Target>,
}

/// Those who have it, under one reverse-path.
type Seen = BTreeSet<(ForwardPath, Option<Target>)>;

struct Walk<'a> {
    access: &'a Access,
    envelope: &'a Envelope,
    answers: &'a Answers,
    /// Addresses that the message has been delivered to.
    marks: BTreeSet<String>,
    /// The first is that of the reverse-path that came, for those who are named in it.
    batches: Vec<Batch>,
    batch_of: BTreeMap<(Option<Mailbox>, Option<Mailbox>), usize>,
    seen: Vec<Seen>,
    seen_of: BTreeMap<Option<Mailbox>, usize>,
    /// Names that have been followed, by who is told of failures: all they lead to is on its way.
    followed: BTreeSet<(usize, String)>,
    taken: usize,
    looked: usize,
    questions: BTreeSet<Question>,
    not_now: Option<Reason>,
    expansion: Expansion,
}

/// The names that are being followed.
#[derive(Default)]
struct Way {
    names: Vec<String>,
    /// Who is told of failures from here on, and the number of those who have it from them.
    owner: Option<Mailbox>,
    seen: usize,
    /// The address that the message came to; none as long as it stands for itself.
    via: Option<Mailbox>,
}

/// Those who stand for a path, however that was found.
struct Found<'m> {
    key: String,
    members: &'m [Listed],
    domain: Domain,
    owner: Option<Mailbox>,
    kind: Kind,
    reason: Reason,
}

/// What those who stand for a path take from it.
#[derive(Clone, Copy)]
struct Parent<'p> {
    recipient: &'p Recipient,
    mailbox: &'p Mailbox,
    domain: &'p Domain,
    is_list: bool,
    several: bool,
}

impl Walk<'_> {
    fn begin(&mut self) {
        // Who is named in the envelope gets it as such, not as a member of something else.
        let named = self.envelope.recipients.iter();
        let named = named.filter(|recipient| is_plain(self.access, &recipient.path));
        self.seen.push(named.map(|recipient| (recipient.path.clone(), None)).collect());
        self.seen_of.insert(None, 0);
        self.batch(None, None);
    }

    /// One recipient of the envelope.
    fn recipient(&mut self, recipient: &Recipient) -> Node {
        let path = recipient.path.clone();
        if is_plain(self.access, &path) {
            let (kind, reason) = self.leaf(&path);
            if let Some(batch) = self.batches.first_mut() {
                batch.recipients.push(recipient.clone());
            }
            return Node { path, kind, reason, members: Vec::new() };
        }
        let left_out = self.expansion.failed.len();
        let node = self.path(recipient.clone(), &mut Way::default());
        if !node.leads_somewhere() && self.expansion.failed.len() == left_out {
            let why = "those who stand for it lead back to it".to_owned();
            self.push(recipient.clone(), Some(Target::Nobody { why }), &Way::default());
        }
        node
    }

    fn leaf(&self, path: &ForwardPath) -> (Kind, Reason) {
        match path {
            ForwardPath::Mailbox(mailbox)
                if !self.access.ends_here(&mailbox.domain)
                    && !self.access.is_our_postmaster(mailbox) =>
            {
                (Kind::Elsewhere, Reason::new("the domain is not ours"))
            }
            _ => (Kind::Here, Reason::new("no alias stands for it")),
        }
    }

    /// Follows one path.
    fn path(&mut self, recipient: Recipient, way: &mut Way) -> Node {
        self.looked += 1;
        if self.looked > LOOKED_MAX || self.taken >= EXPANDED_MAX {
            return self.too_many(
                recipient,
                format!("one message goes to {EXPANDED_MAX} addresses at most"),
            );
        }
        let Some(mailbox) = mailbox_of(self.access, &recipient.path) else {
            return self.take(recipient, way);
        };
        match directory::find(self.access, &mailbox, self.answers) {
            Err(Wait::Ask(question)) => self.ask(recipient, question),
            Err(Wait::NotNow(reason)) => self.put_off(recipient, reason),
            Ok(Entry::Elsewhere | Entry::Nobody) => self.take(recipient, way),
            Ok(Entry::User { user, domain: None, is_looked_up }) => {
                let target = Target::Mailbox { user: user.clone(), domain: None };
                let target = is_looked_up.then_some(target);
                self.user(recipient, &mailbox, &user, target, way)
            }
            Ok(Entry::User { user, domain, .. }) => {
                let reason = Reason::new("a mailbox of a virtual domain");
                self.end(recipient, Some(Target::Mailbox { user, domain }), Kind::Here, reason, way)
            }
            Ok(Entry::Members(group)) => self.alias(recipient, &mailbox, &group, way),
        }
    }

    fn ask(&mut self, recipient: Recipient, question: Question) -> Node {
        self.questions.insert(question);
        let reason = Reason::new("not known yet");
        Node { path: recipient.path, kind: Kind::Asked, reason, members: Vec::new() }
    }

    fn put_off(&mut self, recipient: Recipient, reason: Reason) -> Node {
        self.not_now.get_or_insert(reason.clone());
        Node { path: recipient.path, kind: Kind::Asked, reason, members: Vec::new() }
    }

    fn too_many(&mut self, recipient: Recipient, why: String) -> Node {
        let path = recipient.path.clone();
        // A bomb need not be told of piece by piece: the message is refused as a whole.
        if self.expansion.failed.len() < EXPANDED_MAX {
            self.expansion.failed.push(recipient);
        }
        Node { path, kind: Kind::TooMany, reason: Reason::new(why), members: Vec::new() }
    }

    fn alias(
        &mut self,
        recipient: Recipient,
        mailbox: &Mailbox,
        group: &Group<'_>,
        way: &mut Way,
    ) -> Node {
        let is_list = group.owner.is_some();
        let text = match (&group.owner, group.reason.text.is_empty()) {
            (Some(owner), true) => format!("a list; failures go to {owner}").into(),
            (Some(owner), false) => {
                format!("a list {}; failures go to {owner}", group.reason.text).into()
            }
            (None, true) => "an alias".into(),
            (None, false) => group.reason.text.clone(),
        };
        let kind = match &group.owner {
            Some(owner) => Kind::List(owner.clone()),
            None => Kind::Alias,
        };
        let source = group.reason.source.clone();
        let closed = if way.names.contains(&group.key) {
            Some(format!("{} leads back to itself", mailbox.local))
        } else if self.is_marked(mailbox) {
            Some(format!("the message has been at {mailbox} before: its Delivered-To says so"))
        } else {
            None
        };
        if let Some(why) = closed {
            return self.closed(recipient, Reason::new(why).from_rule(source), way);
        }
        if way.names.len() >= DEPTH_MAX {
            let why = format!("more than {DEPTH_MAX} aliases lead to each other");
            return self.too_many(recipient, why);
        }
        // The null reverse-path stays null, whatever the list (RFC 5321 §4.5.5).
        let owner = group.owner.clone().filter(|_| !self.envelope.reverse_path.is_null());
        self.finish_of(&recipient, is_list, group.members.len() > 1);
        let found = Found {
            key: group.key.clone(),
            members: &group.members,
            domain: group.domain.clone(),
            owner,
            kind,
            reason: Reason { text, source },
        };
        let node = self.follow(&recipient, mailbox, found, way);
        self.or_own_mailbox(node, recipient, way)
    }

    /// What leads to nobody comes to the mailbox of that name, where there is one.
    fn or_own_mailbox(&mut self, mut node: Node, recipient: Recipient, way: &Way) -> Node {
        if !node.leads_somewhere() {
            let reason = node.reason.clone();
            let own = self.closed(recipient, reason, way);
            node.members.extend(Some(own).filter(Node::leads_somewhere));
        }
        node
    }

    /// Where a loop closes: `ann: ann, bob` means the mailbox of ann.
    fn closed(&mut self, recipient: Recipient, reason: Reason, way: &Way) -> Node {
        if self.access.user(&recipient.path).is_some() {
            return self.take(recipient, way);
        }
        match self.box_of(&recipient.path) {
            Err(Wait::Ask(question)) => self.ask(recipient, question),
            Err(Wait::NotNow(reason)) => self.put_off(recipient, reason),
            Ok(None) => {
                Node { path: recipient.path, kind: Kind::Loop, reason, members: Vec::new() }
            }
            Ok(Some(target)) => {
                let reason = Reason::new("its own mailbox");
                self.end(recipient, Some(target), Kind::Here, reason, way)
            }
        }
    }

    /// The mailbox that `path` names by a table, or in a virtual domain, whatever stands for it.
    fn box_of(&self, path: &ForwardPath) -> Result<Option<Target>, Wait> {
        let Some(mailbox) = mailbox_of(self.access, path) else { return Ok(None) };
        let user = directory::user_of(self.access, &mailbox, self.answers)?;
        Ok(user.map(|(user, domain)| Target::Mailbox { user, domain }))
    }

    fn is_marked(&self, mailbox: &Mailbox) -> bool {
        !self.marks.is_empty() && self.marks.contains(&fold(&mailbox.to_string()))
    }

    /// Notes that the sender hears of success now, where it asked to.
    fn finish_of(&mut self, recipient: &Recipient, is_list: bool, several: bool) {
        let asked = recipient.parameters.notify.is_some_and(|notify| notify.success);
        if asked && (is_list || several) {
            let finished = Finished { recipient: recipient.clone(), is_list };
            self.expansion.finished.push(finished);
        }
    }

    /// Those who stand for `recipient`, each once.
    fn follow(
        &mut self,
        recipient: &Recipient,
        mailbox: &Mailbox,
        found: Found<'_>,
        way: &mut Way,
    ) -> Node {
        let Found { key, members, domain, owner, kind, reason } = found;
        let path = recipient.path.clone();
        let above = (way.owner.clone(), way.seen, way.via.clone());
        if let Some(owner) = owner {
            way.seen = self.seen_by(&owner);
            way.owner = Some(owner);
        }
        let again = !self.followed.insert((way.seen, key.clone()));
        way.via.get_or_insert_with(|| mailbox.clone());
        way.names.push(key);
        let mut nodes = Vec::new();
        if !again {
            let (is_list, several) = (matches!(kind, Kind::List(_)), members.len() > 1);
            let parent = Parent { recipient, mailbox, domain: &domain, is_list, several };
            nodes.extend(members.iter().map(|listed| self.member(listed, &parent, way)));
        }
        way.names.pop();
        (way.owner, way.seen, way.via) = above;
        match again {
            true => {
                let reason = Reason::new("those who stand for it get the message already");
                Node { path, kind: Kind::Again, reason, members: nodes }
            }
            false => Node { path, kind, reason, members: nodes },
        }
    }

    fn member(&mut self, listed: &Listed, parent: &Parent<'_>, way: &mut Way) -> Node {
        let Parent { recipient, mailbox, domain, is_list, several } = *parent;
        let own = || ForwardPath::Mailbox(mailbox.clone());
        let path = match &listed.member {
            Member::Mailbox(mailbox) => ForwardPath::Mailbox(mailbox.clone()),
            Member::End(_) => own(),
            Member::Name(local) | Member::Own(local) => {
                match directory::named(self.access, local, domain, self.answers) {
                    Ok(mailbox) => ForwardPath::Mailbox(mailbox),
                    Err(Wait::Ask(question)) => {
                        let asked = Recipient { path: own(), ..recipient.clone() };
                        return self.ask(asked, question);
                    }
                    Err(Wait::NotNow(reason)) => {
                        return self
                            .put_off(Recipient { path: own(), ..recipient.clone() }, reason);
                    }
                }
            }
        };
        let parameters = match is_list {
            true => of_member(&path),
            false => passed_on(&recipient.parameters, several),
        };
        let recipient = Recipient { path, parameters };
        match &listed.member {
            Member::End(target) => {
                let reason = Reason::new(target.to_string()).from_rule(listed.source.clone());
                self.end(recipient, Some(target.clone()), Kind::End, reason, way)
            }
            Member::Own(_) => self.own(recipient, listed, way),
            Member::Mailbox(_) | Member::Name(_) => self.path(recipient, way),
        }
    }

    /// `\name`: the mailbox, and nothing that stands for it.
    fn own(&mut self, recipient: Recipient, listed: &Listed, way: &Way) -> Node {
        let reason = Reason::new("the mailbox itself").from_rule(listed.source.clone());
        if self.access.user(&recipient.path).is_some() {
            return self.end(recipient, None, Kind::Here, reason, way);
        }
        match self.box_of(&recipient.path) {
            Err(Wait::Ask(question)) => self.ask(recipient, question),
            Err(Wait::NotNow(reason)) => self.put_off(recipient, reason),
            Ok(target) => self.end(recipient, target, Kind::Here, reason, way),
        }
    }

    /// A user of this host: the mailbox, or where a `.forward` says.
    fn user(
        &mut self,
        recipient: Recipient,
        mailbox: &Mailbox,
        user: &str,
        target: Option<Target>,
        way: &mut Way,
    ) -> Node {
        let Some(rules) = &self.access.forwarding else {
            let (kind, reason) = self.leaf(&recipient.path);
            return self.end(recipient, target, kind, reason, way);
        };
        let stay = |walk: &mut Self, recipient, kind, reason| {
            walk.end(recipient, target.clone(), kind, reason, &*way)
        };
        let key = format!(".forward:{user}");
        if way.names.contains(&key) {
            return stay(
                self,
                recipient,
                Kind::Here,
                Reason::new("the mailbox of who forwards it"),
            );
        }
        let question = Question::Forward { user: user.to_owned() };
        let file = match self.answers.get(&question) {
            None => return self.ask(recipient, question),
            Some(Answer::NotNow { why }) => {
                let reason = Reason::new(format!("the .forward of {user} cannot be read: {why}"));
                return self.put_off(recipient, reason);
            }
            Some(Answer::Unsafe { file, why }) => {
                let reason = Reason::new(format!("{file} is not followed: {why}"));
                return stay(self, recipient, Kind::Unfollowed, reason);
            }
            Some(Answer::Nothing | Answer::Values { .. }) => {
                let (_, reason) = self.leaf(&recipient.path);
                return stay(self, recipient, Kind::Here, reason);
            }
            Some(Answer::Forward(file)) => file,
        };
        let members = match forward::parse(file, user, rules) {
            Ok(members) if members.is_empty() => {
                let reason = Reason::new(format!("the .forward of {user} names nobody"));
                return stay(self, recipient, Kind::Here, reason);
            }
            Ok(members) => members,
            Err(reason) => return stay(self, recipient, Kind::Unfollowed, reason),
        };
        if self.is_marked(mailbox) {
            let why =
                format!("the message has been at {mailbox} before: it is not forwarded again");
            return stay(self, recipient, Kind::Unfollowed, Reason::new(why));
        }
        if way.names.len() >= DEPTH_MAX {
            let why = "too many have forwarded it: it stays here";
            return stay(self, recipient, Kind::Unfollowed, Reason::new(why));
        }
        let listed = |(member, source)| Listed { member, source: Some(source) };
        let members: Vec<Listed> = members.into_iter().map(listed).collect();
        self.finish_of(&recipient, false, members.len() > 1);
        let source = members.first().and_then(|listed| listed.source.clone());
        let found = Found {
            key,
            members: &members,
            domain: mailbox.domain.clone(),
            owner: None,
            kind: Kind::Forward,
            reason: Reason::new(format!("{user} forwards it")).from_rule(source),
        };
        let mut node = self.follow(&recipient, mailbox, found, way);
        if !node.leads_somewhere() {
            let reason = Reason::new(format!("the .forward of {user} leads to nobody"));
            node.members.push(self.end(recipient, target, Kind::Here, reason, way));
        }
        node
    }

    /// An address that nothing stands for.
    fn take(&mut self, recipient: Recipient, way: &Way) -> Node {
        let (kind, reason) = self.leaf(&recipient.path);
        self.end(recipient, None, kind, reason, way)
    }

    /// Puts a recipient into its batch, once.
    fn end(
        &mut self,
        recipient: Recipient,
        target: Option<Target>,
        kind: Kind,
        reason: Reason,
        way: &Way,
    ) -> Node {
        let path = recipient.path.clone();
        let has = (path.clone(), target.clone());
        let is_new = self.seen.get_mut(way.seen).is_some_and(|seen| seen.insert(has));
        if !is_new {
            let reason = Reason::new("it gets the message already");
            return Node { path, kind: Kind::Again, reason, members: Vec::new() };
        }
        if self.taken >= EXPANDED_MAX {
            let why = format!("one message goes to {EXPANDED_MAX} addresses at most");
            return self.too_many(recipient, why);
        }
        let elsewhere = way.via.clone().filter(|_| kind == Kind::Elsewhere);
        let batch = self.batch(way.owner.clone(), elsewhere);
        self.put(batch, recipient, target);
        Node { path, kind, reason, members: Vec::new() }
    }

    fn push(&mut self, recipient: Recipient, target: Option<Target>, way: &Way) {
        let batch = self.batch(way.owner.clone(), None);
        self.put(batch, recipient, target);
    }

    fn put(&mut self, batch: usize, recipient: Recipient, target: Option<Target>) {
        self.taken += 1;
        let Some(batch) = self.batches.get_mut(batch) else { return };
        if let (Ok(number), Some(target)) = (u32::try_from(batch.recipients.len()), target) {
            batch.targets.insert(number, target);
        }
        batch.recipients.push(recipient);
    }

    fn batch(&mut self, owner: Option<Mailbox>, via: Option<Mailbox>) -> usize {
        let next = self.batches.len();
        let key = (owner.clone(), via.clone());
        let batch = *self.batch_of.entry(key).or_insert(next);
        if batch == next {
            let (recipients, targets) = (Vec::new(), BTreeMap::new());
            self.batches.push(Batch { owner, via, recipients, targets });
        }
        batch
    }

    fn seen_by(&mut self, owner: &Mailbox) -> usize {
        let next = self.seen.len();
        let seen = *self.seen_of.entry(Some(owner.clone())).or_insert(next);
        if seen == next {
            self.seen.push(Seen::new());
        }
        seen
    }

    fn finish(self) -> Progress {
        let Self { envelope, batches, mut expansion, answers, questions, not_now, .. } = self;
        if let Some(reason) = not_now {
            return Progress::NotNow(reason);
        }
        if !questions.is_empty() && expansion.failed.is_empty() {
            if answers.len() + questions.len() > QUESTIONS_MAX {
                let why = format!("one message asks {QUESTIONS_MAX} questions at most");
                return Progress::NotNow(Reason::new(why));
            }
            return Progress::Ask(questions.into_iter().collect());
        }
        let batches = batches.into_iter().filter(|batch| !batch.recipients.is_empty());
        expansion.envelopes = batches
            .map(|Batch { owner, via, recipients, targets }| {
                let envelope = match owner {
                    None => Envelope { recipients, ..envelope.clone() },
                    Some(owner) => Envelope {
                        reverse_path: ReversePath::Mailbox(owner),
                        parameters: of_list(&envelope.parameters),
                        recipients,
                    },
                };
                Expanded { envelope, targets, via }
            })
            .collect();
        Progress::Done(expansion)
    }
}
