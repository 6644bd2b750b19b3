//! What a client may ask for that is no mail, by the network it comes from.
//!
//! Nothing here lets anybody send: that is `access`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use ipnet::IpNet;
use mail::{DomainName, Reply, Topic};

/// What those hear of VRFY and EXPN who get no real answer (RFC 5321 §7.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Silence {
    /// 252: send mail and find out.
    #[default]
    Unverified,
    /// 502: not served. The standard has VRFY served by all; many hosts do not.
    NotServed,
}

impl Silence {
    /// What is said.
    pub fn reply(self) -> Reply {
        match self {
            Self::Unverified => {
                Reply::new(252, Topic(5, 0), "Not verified; send mail to it to find out")
            }
            Self::NotServed => Reply::new(502, Topic(5, 1), "This is not served here"),
        }
    }
}

/// Whom is trusted with what.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Whom VRFY and EXPN tell who has a mailbox here.
    pub verify: Vec<IpNet>,
    /// What others hear.
    pub silence: Silence,
    /// Who may have queues tried at once with ETRN (RFC 1985 §5.3).
    pub release: Vec<IpNet>,
    /// Who may speak for other clients with XCLIENT and XFORWARD.
    pub proxy: Vec<IpNet>,
    /// The domains whose mail a login may call for with ATRN.
    pub turn: BTreeMap<String, BTreeSet<DomainName>>,
}

impl Trust {
    /// The domains that `login` gets the mail of when it calls for that of `wanted` (none: of all it
    /// may have). One that it may not have spoils the call (RFC 2645 §5.2.1).
    ///
    /// # Errors
    /// The refusal.
    pub fn turns(&self, login: &str, wanted: &[DomainName]) -> Result<Vec<DomainName>, Reply> {
        let own = self.turn.get(login).filter(|own| !own.is_empty());
        let refused = |text: &'static str| Reply::new(450, Topic(7, 1), text);
        let own = own.ok_or_else(|| refused("This login has no domain to call for"))?;
        if wanted.is_empty() {
            return Ok(own.iter().cloned().collect());
        }
        match wanted.iter().all(|domain| own.contains(domain)) {
            true => Ok(wanted.to_vec()),
            false => Err(refused("This login may not have the mail of all these domains")),
        }
    }
}

/// Whether one of `networks` holds `client`.
pub fn within(networks: &[IpNet], client: IpAddr) -> bool {
    let client = client.to_canonical();
    networks.iter().any(|network| network.contains(&client))
}
