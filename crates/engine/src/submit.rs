//! Submission without a wire: a letter that a program on this host left in the drop directory.

use std::sync::Arc;

use bytes::Bytes;
use mail::Envelope;
use queue::record::Origin;
use spool::BodySink;

use crate::admit::{Accepted, Admission, Refusal};
use crate::history::Inbound;
use crate::passing::Passing;
use crate::{Engine, Options, Shared, rewrite};

/// A letter on its way into the spool. Dropped before [`finish`](Self::finish), it is forgotten.
pub struct Inlet {
    shared: Arc<Shared>,
    options: Arc<Options>,
    sink: Box<dyn BodySink>,
    passing: Passing,
}

impl Inlet {
    /// Takes the next piece of content; its lines end with CR LF.
    ///
    /// # Errors
    /// [`Refusal`] when the spool does not take it.
    pub async fn write(&mut self, octets: Bytes) -> Result<(), Refusal> {
        self.passing.feed(&octets);
        Ok(self.sink.write(octets).await?)
    }

    /// The content is complete. `Ok`: it is durable.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is kept.
    pub async fn finish(self, envelope: Envelope, origin: Origin) -> Result<Accepted, Refusal> {
        let Self { shared, options, sink, passing } = self;
        let inbound = Inbound::default();
        let admission = Admission { options, envelope, origin, passing, author: None, inbound };
        shared.admit(admission, sink).await
    }
}

impl Engine {
    /// Begins to take a letter from this host.
    ///
    /// # Errors
    /// [`Refusal`] when the spool takes no mail now.
    pub async fn begin(&self) -> Result<Inlet, Refusal> {
        let spool = &self.shared.world.spool;
        spool.healthy()?;
        let sink = spool.begin_body(None).await?;
        let options = self.shared.options();
        let passing = Passing::new(rewrite::looks(&options, true));
        Ok(Inlet { shared: self.shared.clone(), options, sink, passing })
    }
}
