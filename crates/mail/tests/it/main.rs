//! Letters read and written from outside, as another program would: the figures of the standards, a
//! corpus of letters in the shapes that are met, and a reader written by others.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod oracle;
