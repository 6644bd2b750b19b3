//! The files in which users say where their mail is to go.

use queue::expansion::Answer;

use super::Doing;

/// Reads the `.forward` of users. The caller bounds nothing: a file has a bound of its own.
pub trait Forwards: Send + Sync {
    /// The file of `user`, with its safety judged: [`Answer::Nothing`], [`Answer::Forward`],
    /// [`Answer::Unsafe`] or [`Answer::NotNow`].
    fn read<'a>(&'a self, user: &'a str) -> Doing<'a, Answer>;
}

/// Nobody has one.
#[derive(Clone, Copy, Debug)]
pub struct NoForwards;

impl Forwards for NoForwards {
    fn read<'a>(&'a self, _: &'a str) -> Doing<'a, Answer> {
        Box::pin(async { Answer::Nothing })
    }
}
