//! The answers to what a session asks: policy, accounts, the spool.

use bytes::Bytes;
use mail::{ForwardPath, Reply, ReversePath, Topic};
use queue::Reason;
use queue::access::{self, Verdict};
use queue::lookup::{self, Found};
use queue::record::Origin;
use queue::{route, srs, trust};
use smtp::server::{Input, Kind, Question, Transaction};
use tracing::{info, warn};

use super::conversation::Conversation;
use super::known;
use super::notes::{Notes, Refusing};
use crate::admit::{Admission, Refusal};
use crate::authored::Author;
use crate::{Options, expand, release, rewrite, turned};

impl Conversation<'_> {
    pub(super) async fn answer(&mut self, question: Question) -> Input<'static> {
        let reply = match question {
            Question::Sender { path, .. } => {
                self.said(format_args!("MAIL FROM:{path}"));
                let reply = self.sender(&path);
                (self.notes.from, self.notes.recipient) = (Some(path), None);
                self.notes.times.mail = self.shared.world.clock.now();
                reply
            }
            Question::Recipient { path, .. } => {
                self.said(format_args!("RCPT TO:{path}"));
                let reply = self.recipient(&path).await;
                self.notes.recipient = Some(path);
                self.notes.times.recipient = self.shared.world.clock.now();
                reply
            }
            // In a box, so that a session which waits does not hold the room for it.
            Question::Message(transaction) => Box::pin(self.message(*transaction)).await,
            Question::Verify(lookup) => self.verify(&lookup.text).await,
            Question::Expand(lookup) => self.expand(&lookup.text).await,
            Question::Release(release) => {
                release::requested(self.shared, self.client, release).await
            }
            Question::Login(question) => {
                let shared = self.shared;
                return Input::Login(self.logging().answer(shared, *question).await);
            }
            Question::Client(attributes) => {
                // Its own connection stays what it is: only who speaks is another.
                let client = attributes.address.unwrap_or(self.client).to_canonical();
                info!(event = "session.proxied", proxy = %self.client, %client, ?attributes);
                self.client = client;
                self.identity = match &attributes.login {
                    Some(login) => self.shared.world.logins.identity(login).await,
                    None => None,
                };
                self.logging = None;
                let tls = self.peer.tls.clone();
                self.peer = smtp::server::Peer {
                    tls,
                    ..known(self.shared, &self.options, &self.gate, client)
                };
                return Input::Client(self.peer.clone());
            }
            Question::Turn { login, domains } => {
                let (reply, wanted) =
                    turned::requested(self.shared, self.client, &login, &domains).await;
                self.wanted = wanted;
                reply
            }
        };
        Input::Answer(reply)
    }

    /// Who hands letters in here: whoever has logged in, and on a listener for authors those at
    /// addresses from which anyone may send. None: another host.
    pub(super) fn author(&self) -> Option<Author> {
        let identity = self.identity.clone();
        let ours = self.gate.options.kind == Kind::Submission && self.peer.may.submit;
        (identity.is_some() || ours).then_some(Author { identity })
    }

    fn sender(&mut self, path: &ReversePath) -> Reply {
        let shared = self.shared;
        // A transaction begins: it sees this configuration to its end.
        self.options = shared.options();
        if self.guarded {
            let now = shared.world.clock.now();
            let verdict = shared.clients.lock().message(self.client, now);
            if let Verdict::Refuse { reply, reason } = verdict {
                info!(event = "client.refused", client = %self.client, %reply, %reason);
                self.refuse("MAIL", &reply, Some(&reason), path);
                return reply;
            }
        }
        if let Err(error) = shared.world.spool.healthy() {
            let reason = Reason::new(format!("the spool takes nothing: {error}"));
            let reply = Refusal::from(error).reply();
            self.refuse("MAIL", &reply, Some(&reason), path);
            return reply;
        }
        if let Some(crowded) = &self.crowded {
            let crowded = crowded.clone();
            let reason = Reason::new("the login has as many sessions as it may have");
            self.refuse("MAIL", &crowded, Some(&reason), path);
            return crowded;
        }
        let verdict = match self.author() {
            Some(author) => author.sender(shared, &self.options, path),
            None => access::sender(&self.options.access, Some(self.client), path),
        };
        let sender_ok = || Reply::new(250, Topic(1, 0), "sender ok");
        self.told("MAIL", verdict, sender_ok, path)
    }

    async fn recipient(&mut self, path: &ForwardPath) -> Reply {
        let shared = self.shared;
        if let Some(srs) = &self.options.srs
            && let Some(verdict) = srs::recipient(srs, path, shared.world.clock.wall())
        {
            if matches!(verdict, Verdict::Refuse { .. }) {
                self.mistaken(1);
            }
            let sender_of = || Reply::new(250, Topic(1, 5), "recipient ok");
            return self.told("RCPT", verdict, sender_of, path);
        }
        let verdict = match self.author() {
            Some(author) => author.recipient(shared, &self.options, path).await,
            None => {
                let (access, client) = (&self.options.access, Some(self.client));
                let decide = |answers: &_| access::recipient_knowing(access, client, path, answers);
                expand::knowing(&shared.world, decide).await
            }
        };
        let is_own = self.is_own();
        let verdict = match self.options.rewriting.concerns_recipients(is_own) {
            true => rewrite::at_session(&shared.world, &self.options, path, verdict, is_own).await,
            false => verdict,
        };
        let verdict = route::at_session(&self.options.routes, &self.options.access, verdict, path);
        if matches!(&verdict, Verdict::Refuse { reply, .. } if reply.is_permanent()) {
            self.mistaken(1);
        }
        let recipient_ok = || Reply::new(250, Topic(1, 5), "recipient ok");
        self.told("RCPT", verdict, recipient_ok, path)
    }

    /// What those hear of mailboxes who are not told; none for the others.
    fn silence(&self, options: &Options) -> Option<trust::Silence> {
        let trusted = &options.trust;
        let told = trust::within(&trusted.verify, self.client);
        (!told).then_some(trusted.silence)
    }

    async fn verify(&mut self, text: &str) -> Reply {
        let options = self.shared.options();
        let (access, silence) = (&options.access, self.silence(&options));
        let decide = |answers: &_| lookup::verify(access, text, silence, answers);
        let found = expand::knowing(&self.shared.world, decide).await;
        self.named(found).await
    }

    async fn expand(&mut self, text: &str) -> Reply {
        let options = self.shared.options();
        let (access, silence) = (&options.access, self.silence(&options));
        let decide = |answers: &_| lookup::expand(access, text, silence, answers);
        let found = expand::knowing(&self.shared.world, decide).await;
        self.named(found).await
    }

    /// The reply with the names of people, as the accounts know them.
    async fn named(&mut self, found: Found) -> Reply {
        let mut names = std::collections::BTreeMap::new();
        for user in found.users() {
            let identity = self.shared.world.logins.identity(user).await;
            names.insert(user.to_owned(), identity.and_then(|identity| identity.full_name));
        }
        found.reply(|user| names.get(user).cloned().flatten())
    }

    /// The reply of a verdict; a refusal leaves a line for the operator.
    fn told<T>(
        &mut self,
        step: &str,
        verdict: Verdict<T>,
        accepted: impl Fn() -> Reply,
        path: &impl Named,
    ) -> Reply {
        match verdict {
            Verdict::Accept { .. } => accepted(),
            Verdict::Refuse { reply, reason } => {
                let client = self.client;
                self.shared.counts.refused_command();
                info!(event = "envelope.refused", %client, %path, %reply, %reason);
                self.refuse(step, &reply, Some(&reason), path);
                reply
            }
        }
    }

    /// Tells the history that `path` is refused.
    fn refuse(&mut self, step: &str, reply: &Reply, reason: Option<&Reason>, path: &impl Named) {
        path.name(&mut self.notes);
        self.refused(Refusing::new(step, reply, reason));
    }

    /// The answer to a complete message: 250 only from the receipt of the spool.
    async fn message(&mut self, transaction: Transaction) -> Reply {
        let shared = self.shared;
        // Content of no octets never reached `take`.
        if self.incoming.is_none() {
            self.take(Bytes::new()).await;
        }
        let Some(incoming) = self.incoming.take() else { return local_error() };
        let sink = match (incoming.sink, incoming.failed) {
            (Some(sink), None) => sink,
            (_, failed) => {
                let client = self.client;
                warn!(event = "content.not-stored", %client, error = ?failed);
                let reason = failed.as_ref().map(|error| Reason::new(error.to_string()));
                let reply = failed.map_or_else(local_error, |error| Refusal::from(error).reply());
                self.refused(Refusing::new("end of data", &reply, reason.as_ref()));
                return reply;
            }
        };
        if let Some(forwarded) = &transaction.forwarded {
            info!(event = "message.forwarded", client = %self.client, ?forwarded);
        }
        let size = usize::try_from(transaction.size).unwrap_or(usize::MAX);
        let origin = Origin {
            client: Some(self.client),
            protocol: transaction.with().word().to_owned(),
            hello: Some(transaction.hello.name),
            listener: self.gate.name.clone(),
            login: transaction.login,
            tls: transaction.tls.as_deref().cloned(),
            ..Origin::default()
        };
        let author = self.author();
        let admission = Admission {
            options: self.options.clone(),
            envelope: transaction.envelope,
            origin,
            passing: incoming.passing,
            author,
            inbound: self.inbound(size),
        };
        match shared.admit(admission, sink).await {
            Ok(accepted) => {
                self.taken += 1;
                accepted.reply()
            }
            Err(refusal) => {
                shared.counts.refused_message();
                let (reply, reason) = (refusal.reply(), Reason::new(refusal.in_words()));
                self.refused(Refusing::new("end of data", &reply, Some(&reason)));
                reply
            }
        }
    }
}

fn local_error() -> Reply {
    Reply::new(451, Topic(3, 0), "local error in processing, try again later")
}

/// A path that was named in the session.
trait Named: std::fmt::Display {
    fn name(&self, notes: &mut Notes);
}

impl Named for ReversePath {
    fn name(&self, notes: &mut Notes) {
        (notes.from, notes.recipient) = (Some(self.clone()), None);
    }
}

impl Named for ForwardPath {
    fn name(&self, notes: &mut Notes) {
        notes.recipient = Some(self.clone());
    }
}
