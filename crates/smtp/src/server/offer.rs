//! What is offered in the reply to EHLO and LHLO, and so taken afterwards (RFC 5321 §4.1.1.1).
//!
//! It depends on what the listener is for, on the connection and on the peer: what needs TLS is not
//! there before, what needs a trusted client is not there for others.

use std::fmt::Write;

use mail::date;

use super::{Kind, Session};
use crate::grammar::Extensions;
use crate::sasl::{self, Mechanism};

impl Session {
    /// The extensions whose commands and parameters are taken now.
    pub(super) fn offered(&self) -> Extensions {
        if !self.dialogue.hello.as_ref().is_some_and(|hello| hello.extended) {
            return Extensions::NONE;
        }
        let listed = &self.options.extensions;
        Extensions {
            binary: listed.binary && listed.chunking && listed.eight_bit,
            utf8: listed.utf8 && listed.eight_bit,
            auth: listed.auth && self.options.authentication.is_some(),
            // Only an author may want that mail waits (RFC 4865 §4.2).
            future_release: listed.future_release && self.options.kind == Kind::Submission,
            // RFC 8689 §2.
            require_tls: listed.require_tls && self.tls.is_some(),
            ..*listed
        }
    }

    /// The mechanisms that are offered on this connection.
    pub(super) fn mechanisms(&self) -> Vec<Mechanism> {
        match &self.options.authentication {
            Some(auth) => sasl::offered(&auth.mechanisms, self.tls.as_deref(), auth.clear),
            None => Vec::new(),
        }
    }

    /// Says what is offered.
    pub(super) fn say_offer(&mut self) {
        let text = self.offer();
        self.connection.say(text.trim_end());
    }

    fn offer(&self) -> String {
        let offered = self.offered();
        let mut out = String::with_capacity(512);
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing to a String cannot fail.
            let _ = write!(out, "250-{text}\r\n");
        };
        line(format_args!("{}", self.options.hostname));
        if self.options.kind != Kind::Odmr {
            self.list_transport(&offered, &mut line);
        }
        if self.offers_starttls() {
            line(format_args!("STARTTLS"));
        }
        let mechanisms = self.mechanisms();
        if !mechanisms.is_empty() {
            let names: Vec<&str> = mechanisms.iter().map(|it| it.name()).collect();
            line(format_args!("AUTH {}", names.join(" ")));
        }
        if self.options.kind == Kind::Odmr {
            line(format_args!("ATRN"));
        } else {
            self.list_services(&mut line);
        }
        out.push_str("250 HELP");
        out
    }

    /// What is about messages.
    fn list_transport(&self, offered: &Extensions, line: &mut impl FnMut(std::fmt::Arguments<'_>)) {
        line(format_args!("PIPELINING"));
        if offered.size {
            line(format_args!("SIZE {}", self.options.message_size));
        }
        let plain = [
            (offered.eight_bit, "8BITMIME"),
            (true, "ENHANCEDSTATUSCODES"),
            (offered.chunking, "CHUNKING"),
            (offered.binary, "BINARYMIME"),
            (offered.utf8, "SMTPUTF8"),
            (offered.dsn, "DSN"),
            (offered.priority, "MT-PRIORITY"),
            (offered.require_tls, "REQUIRETLS"),
        ];
        for (_, keyword) in plain.iter().filter(|(offered, _)| *offered) {
            line(format_args!("{keyword}"));
        }
        if offered.deliver_by {
            match self.options.deliver_by_min.as_secs() {
                0 => line(format_args!("DELIVERBY")),
                least => line(format_args!("DELIVERBY {least}")),
            }
        }
        if offered.future_release {
            let most = self.options.hold_max;
            let until = self.wall().checked_add(most).map(date::rfc3339).unwrap_or_default();
            line(format_args!("FUTURERELEASE {} {until}", most.as_secs()));
        }
        if offered.limits {
            self.list_limits(line);
        }
    }

    /// RFC 9422: what would be refused need not be tried.
    fn list_limits(&self, line: &mut impl FnMut(std::fmt::Arguments<'_>)) {
        let mut limits = format!("LIMITS RCPTMAX={}", self.options.recipients);
        if let Some(most) = self.options.transactions {
            let _ = write!(limits, " MAILMAX={most}");
        }
        if let Some(most) = self.options.recipient_domains {
            let _ = write!(limits, " RCPTDOMAINMAX={most}");
        }
        line(format_args!("{limits}"));
    }

    /// What is about this host.
    fn list_services(&self, line: &mut impl FnMut(std::fmt::Arguments<'_>)) {
        let may = &self.peer.may;
        if self.takes_release() && may.release {
            line(format_args!("ETRN"));
        }
        if may.expand {
            line(format_args!("EXPN"));
        }
        if may.proxy {
            line(format_args!("XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"));
            line(format_args!("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"));
        }
        line(format_args!("VRFY"));
    }

    /// ETRN is a matter between servers (RFC 6409 §7).
    pub(super) fn takes_release(&self) -> bool {
        self.options.kind == Kind::Mx
    }
}
