//! The door to accounts: the file of `postrider account`, a Dovecot, or PAM.

mod dovecot;
mod file;
mod granted;
#[cfg(feature = "pam")]
pub mod pam;
mod work;

pub use dovecot::DovecotLogins;
pub use file::FileLogins;
pub use granted::Granted;
#[cfg(feature = "pam")]
pub use pam::PamLogins;
