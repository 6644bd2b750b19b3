//! The policy hosts of a test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::doors::{Doing, Web, WebFailure};

#[derive(Default)]
struct State {
    texts: BTreeMap<String, Result<Vec<u8>, WebFailure>>,
    /// Hosts asked, in order.
    asked: Vec<String>,
}

/// Texts by host; a host without one does not answer.
#[derive(Clone, Default)]
pub(crate) struct Pages(Arc<Mutex<State>>);

impl Pages {
    /// From now on `host` serves this.
    pub(crate) fn put(&self, host: &str, text: Result<&str, WebFailure>) {
        let text = text.map(|text| text.as_bytes().to_vec());
        self.0.lock().texts.insert(host.to_owned(), text);
    }

    /// Who was asked since this was looked at last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().asked)
    }
}

impl Web for Pages {
    fn text<'a>(&'a self, host: &'a str, path: &'a str) -> Doing<'a, Result<Vec<u8>, WebFailure>> {
        assert_eq!(path, "/.well-known/mta-sts.txt");
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let mut state = self.0.lock();
            state.asked.push(host.to_owned());
            let down = || Err(WebFailure::Unavailable("no answer".to_owned()));
            state.texts.get(host).cloned().unwrap_or_else(down)
        })
    }
}
