//! The answers to what a session asks: policy, accounts, the spool.

use bytes::Bytes;
use mail::{ForwardPath, Reply, ReversePath, Topic};
use queue::access::{self, Verdict};
use queue::lookup::{self, Found};
use queue::record::Origin;
use queue::route;
use queue::trust;
use smtp::server::{Input, Kind, Question, Transaction};
use tracing::{info, warn};

use super::conversation::Conversation;
use super::known;
use crate::admit::{Admission, Refusal};
use crate::authored::Author;
use crate::{Options, expand, release, turned};

impl Conversation<'_> {
    pub(super) async fn answer(&mut self, question: Question) -> Input<'static> {
        let reply = match question {
            Question::Sender { path, .. } => self.sender(&path),
            Question::Recipient { path, .. } => self.recipient(&path).await,
            Question::Message(transaction) => self.message(*transaction).await,
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
                return reply;
            }
        }
        if let Err(error) = shared.world.spool.healthy() {
            return Refusal::from(error).reply();
        }
        if let Some(crowded) = &self.crowded {
            return crowded.clone();
        }
        let verdict = match self.author() {
            Some(author) => author.sender(shared, &self.options, path),
            None => access::sender(&self.options.access, Some(self.client), path),
        };
        let sender_ok = || Reply::new(250, Topic(1, 0), "sender ok");
        self.told(verdict, sender_ok, || path.to_string())
    }

    async fn recipient(&mut self, path: &ForwardPath) -> Reply {
        let shared = self.shared;
        let verdict = match self.author() {
            Some(author) => author.recipient(shared, &self.options, path).await,
            None => {
                let (access, client) = (&self.options.access, Some(self.client));
                let decide = |answers: &_| access::recipient_knowing(access, client, path, answers);
                expand::knowing(&shared.world, decide).await
            }
        };
        let verdict = route::at_session(&self.options.routes, &self.options.access, verdict, path);
        if matches!(&verdict, Verdict::Refuse { reply, .. } if reply.is_permanent()) {
            self.mistaken(1);
        }
        let recipient_ok = || Reply::new(250, Topic(1, 5), "recipient ok");
        self.told(verdict, recipient_ok, || path.to_string())
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
        &self,
        verdict: Verdict<T>,
        accepted: impl Fn() -> Reply,
        path: impl Fn() -> String,
    ) -> Reply {
        match verdict {
            Verdict::Accept { .. } => accepted(),
            Verdict::Refuse { reply, reason } => {
                let (path, client) = (path(), self.client);
                info!(event = "envelope.refused", %client, path, %reply, %reason);
                reply
            }
        }
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
                return failed.map_or_else(local_error, |error| Refusal::from(error).reply());
            }
        };
        if let Some(forwarded) = &transaction.forwarded {
            info!(event = "message.forwarded", client = %self.client, ?forwarded);
        }
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
        };
        match shared.admit(admission, sink).await {
            Ok(accepted) => accepted.reply(),
            Err(refusal) => refusal.reply(),
        }
    }
}

fn local_error() -> Reply {
    Reply::new(451, Topic(3, 0), "local error in processing, try again later")
}
