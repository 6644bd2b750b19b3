//! Letters written from a folder: answers, letters passed on, letters sent again, drafts.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use mail::content::structure::Shape;
use mail::content::{Access, Head, Kind};
use mail::{ForwardPath, ReversePath};

use super::answer::{self, Selves};
use super::external;
use super::quotation::Quotation;
use super::session::{Done, Flow, Session};
use super::show;
use crate::agent::console::{Console, harmless};
use crate::agent::folder::Flags;
use crate::agent::letter::{Letter, Stamp, Text};
use crate::agent::lines::Canonical;
use crate::agent::mail::attach::Attachment;
use crate::agent::mail::dictation::{Desk, Ending, Letters, Manner};
use crate::agent::mail::draft::Draft;
use crate::agent::mail::outgoing::{Sending, recipients};
use crate::agent::mail::{finish, new_draft};
use crate::agent::running;

/// The folder, while a letter is written.
struct Open<'s, 'a>(&'s mut Session<'a>);

impl Letters for Open<'_, '_> {
    fn take_in(&mut self, list: &str, manner: Manner, text: &mut Text) -> Result<(), String> {
        let places = self.0.choose_text(list, false)?;
        let mark = if manner.quoted { self.0.settings.quote.clone() } else { String::new() };
        for place in places {
            let mut push = |piece: &str| text.push(piece.as_bytes());
            if mark.is_empty() {
                self.0.text_to(place, manner.all_fields, &mut push)?;
                continue;
            }
            let mut quotation = Quotation::new(&mark, &mut push);
            self.0.text_to(place, manner.all_fields, &mut |piece| quotation.push(piece))?;
            quotation.finish().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn command(&mut self, line: &str, console: &mut Console<'_>) -> Result<(), String> {
        match super::commands::obey_while_writing(self.0, line, console)? {
            Flow::Go => Ok(()),
            Flow::End(_) => Err("first end the letter".into()),
        }
    }
}

impl Session<'_> {
    /// A letter of the person with nothing in it.
    pub fn blank(&self) -> Result<Draft, String> {
        new_draft(&self.settings, self.site).map_err(|error| error.to_string())
    }

    /// Lets the person write on, and does with the letter what the person wants.
    pub fn write(
        &mut self,
        mut draft: Draft,
        subject_given: bool,
        console: &mut Console<'_>,
    ) -> Done {
        let (settings, site) = (self.settings.clone(), self.site);
        let verbose = self.verbose;
        let mut letters = Open(self);
        let asks = console.interactive;
        // From the first word to the end no signal takes the letter away.
        let _ending = asks.then(running::Ending::awaited);
        let mut desk =
            Desk { site, settings: &settings, console, letters: &mut letters, tildes: true };
        let fail = |error: io::Error| format!("the letter cannot be kept: {error}");
        if asks {
            desk.begin(&mut draft, subject_given).map_err(fail)?;
        }
        let ending = desk.dictate(&mut draft).map_err(fail)?;
        if ending == Ending::Done && asks && draft.cc.is_empty() {
            desk.end(&mut draft).map_err(fail)?;
        }
        let (answers, passes_on) = (draft.answers.clone(), draft.passes_on.clone());
        let sending = Sending { site, settings: &settings, verbose, file_copy: false };
        let sent = finish(draft, ending, asks, &sending, console);
        if sent.safe {
            self.mark(&answers, |flags| flags.answered = true);
            self.mark(&passes_on, |flags| flags.passed = true);
        }
        Ok(Flow::Go)
    }

    /// Sets marks.
    pub fn mark(&mut self, places: &[usize], set: impl Fn(&mut Flags)) {
        for place in places {
            if let Some(item) = self.folder.items.get_mut(*place) {
                set(&mut item.flags);
            }
        }
    }

    /// An answer to a letter, ready to be written on.
    pub fn answer_to(
        &mut self,
        place: usize,
        all: bool,
        console: &mut Console<'_>,
    ) -> Result<Draft, String> {
        let octets = self.head(place)?;
        let mut draft = self.blank()?;
        let own = self.own();
        let warnings = answer::answer(&Head::new(&octets), all, &Selves { own: &own }, &mut draft);
        for warning in warnings {
            console.complain("mail", &harmless(&warning));
        }
        draft.answers = vec![place];
        if self.settings.quote_answers {
            self.quote_into(place, &mut draft)?;
        }
        Ok(draft)
    }

    /// The text of a letter, quoted below the line that says whose it is.
    fn quote_into(&mut self, place: usize, draft: &mut Draft) -> Result<(), String> {
        let (attribution, mark) = (self.attribution(place), self.settings.quote.clone());
        let columns = self.text_columns();
        let mut source = self.source(place)?;
        let mut quote = || -> io::Result<()> {
            draft.body.push(format!("{attribution}\n").as_bytes())?;
            let mut push = |piece: &str| draft.body.push(piece.as_bytes());
            let mut quotation = Quotation::new(&mark, &mut push);
            show::body(&mut source, columns, &mut |text| quotation.push(text))?;
            quotation.finish()?;
            draft.body.push(b"\n")
        };
        quote().map_err(|error| error.to_string())
    }

    fn attribution(&self, place: usize) -> String {
        let Some(item) = self.folder.items.get(place) else { return String::new() };
        let look = self.look(None);
        let date = item.summary.date.and_then(|date| jiff::Timestamp::from_second(date).ok());
        let date = date.map(|date| {
            date.to_zoned_datetime(look.zone).strftime("%a, %e %b %Y at %H:%M").to_string()
        });
        let line = self.settings.attribution.replace("{from}", &item.summary.from);
        let line = line.replace("{date}", &date.unwrap_or_else(|| "some day".into()));
        line.replace("{subject}", &item.summary.subject)
    }

    /// A letter that passes others on: attached, or inside its text.
    pub fn forward_of(&mut self, places: &[usize], inline: bool) -> Result<Draft, String> {
        let mut draft = self.blank()?;
        for (n, place) in places.iter().enumerate() {
            let (begin, rest) = self.begun(*place)?;
            let (head, _) = mail::content::split_head(&begin);
            let head = Head::new(head);
            if n == 0 {
                answer::forward(&head, &mut draft);
            }
            if inline {
                let mut source = self.source(*place)?;
                let mut copy = || -> io::Result<()> {
                    draft.body.push(b"-------- Forwarded letter --------\n")?;
                    let mut push = |piece: &str| draft.body.push(piece.as_bytes());
                    let mut letter = Quotation::new("", &mut push);
                    show::render(&mut source, &self.style(false), &mut |text| letter.push(text))?;
                    letter.finish()?;
                    draft.body.push(b"-------- End of it --------\n")
                };
                copy().map_err(|error| error.to_string())?;
                self.attach_parts(*place, &mut draft)?;
            } else {
                let begin = answer::as_received(&begin);
                let mut letter = begin.as_slice().chain(rest);
                let attachment = Attachment::letter(&mut letter, &answer::subject(&head));
                draft.attachments.push(attachment.map_err(|error| error.to_string())?);
            }
        }
        draft.passes_on = places.to_vec();
        Ok(draft)
    }

    /// What goes with a letter goes with this one too.
    fn attach_parts(&mut self, place: usize, draft: &mut Draft) -> Result<(), String> {
        let (outline, mut source) = self.outline(place)?;
        for (index, part) in outline.parts.iter().enumerate().skip(1) {
            let is_file = part.attached || part.name.is_some() || !part.kind.is_text();
            if part.shape != Shape::Leaf || !is_file || part.kind == Kind::Status {
                continue;
            }
            let name = super::save::name_of(part);
            let mut give =
                |out: &mut dyn io::Write| outline.decode(index, &mut source, out).map(|_| ());
            let attachment = Attachment::part(&mut give, &name, &part.media);
            draft.attachments.push(attachment.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    /// Sends a letter on as it is, to others (RFC 5322 §3.6.6).
    pub fn resend(&mut self, place: usize, to: &str, console: &mut Console<'_>) -> Done {
        let host = &self.site.hostname;
        let to = self.settings.expand(to, host).map_err(|error| error.to_string())?;
        if to.is_empty() {
            return Err("name who shall get it: resend 3 ann@example.net".into());
        }
        let (begin, mut rest) = self.begun(place)?;
        let begin = answer::as_received(&begin);
        let from = self.blank()?.from;
        let Some(from) = from.first() else { return Err("you have no address".into()) };
        let head = answer::resent_fields(from, &to, &Stamp::now(), host);
        let mut head = head.map_err(|error| error.to_string())?;
        let (fields, body) = mail::content::split_head(&begin);
        let (mut canonical, mut text) = (Canonical::default(), Text::new());
        canonical.push(fields, &mut head);
        canonical.finish(&mut head);
        let letter: io::Result<Letter> = text
            .push(body)
            .and_then(|()| text.read_from(&mut rest))
            .and_then(|()| text.into_letter(head));
        let letter = letter.map_err(|error| error.to_string())?;
        let sender = ReversePath::Mailbox(from.mailbox.clone());
        let to: Vec<ForwardPath> = recipients([&to]);
        let settings = self.settings.clone();
        let sending = Sending {
            site: self.site,
            settings: &settings,
            verbose: self.verbose,
            file_copy: false,
        };
        if sending.send_as_is(letter, sender, to, console).safe {
            self.mark(&[place], |flags| flags.passed = true);
        }
        Ok(Flow::Go)
    }

    /// Takes a draft up again; it is removed from the folder when it is sent.
    pub fn resume(&mut self, place: usize, console: &mut Console<'_>) -> Done {
        let octets = self.head(place)?;
        let head = Head::new(&octets);
        let mut draft = self.blank()?;
        let host = &self.site.hostname;
        let list = |name: &str| {
            let list = head.addresses(name).to_string();
            self.settings.expand(&list, host).map_err(|error| format!("{name}: {error}"))
        };
        (draft.to, draft.cc, draft.bcc) =
            (list("To").unwrap_or_default(), list("Cc")?, list("Bcc")?);
        draft.subject = answer::subject(&head);
        (draft.in_reply_to, draft.references) = (head.ids("In-Reply-To"), head.ids("References"));
        let columns = self.text_columns();
        let mut source = self.source(place)?;
        let shown = self.show(console, |out| {
            show::body(&mut source, columns, &mut |text| {
                draft.body.push(text.as_bytes())?;
                out(text)
            })
        });
        shown.map_err(|error| error.to_string())?;
        self.attach_parts(place, &mut draft)?;
        console.say("(continue)");
        // Marked as answered when it is sent: then it is done with.
        draft.answers = vec![place];
        let before = self.folder.items.get(place).is_some_and(|item| item.flags.answered);
        self.write(draft, true, console)?;
        if let Some(item) = self.folder.items.get_mut(place)
            && item.flags.answered
            && !before
        {
            item.deleted = true;
        }
        Ok(Flow::Go)
    }

    /// Follows a body that is elsewhere, when the person agrees.
    pub fn fetch(&mut self, place: usize, path: &str, console: &mut Console<'_>) -> Done {
        let (outline, mut source) = self.outline(place)?;
        let wanted = |part: &&super::outline::PartAt| {
            part.kind == Kind::External && (path.is_empty() || part.path == path)
        };
        let mut found = outline.parts.iter().enumerate().filter(|(_, part)| wanted(part));
        let Some((index, part)) = found.next() else {
            return Err("no part of the letter is elsewhere".into());
        };
        if found.next().is_some() {
            return Err("several parts are elsewhere: name one, as in fetch 3 2".into());
        }
        match Access::of(&part.media) {
            Access::LocalFile { name, .. } => {
                let file = PathBuf::from(name);
                let question = format!("Read the file {}?", harmless(&file.display().to_string()));
                if !console.agrees(&question).map_err(|error| error.to_string())? {
                    return Err("not read".into());
                }
                let shown = File::open(&file).and_then(|file| {
                    // A device or a pipe may never end.
                    if !file.metadata()?.is_file() {
                        return Err(io::Error::other("not a file"));
                    }
                    self.show_octets(&mut BufReader::new(file), console)
                });
                let told = |error| format!("{}: {error}", harmless(&file.display().to_string()));
                shown.map(|()| Flow::Go).map_err(told)
            }
            Access::MailServer { server, subject } => {
                let server = server.to_string();
                let question = format!("Write to {}?", harmless(&server));
                if !console.agrees(&question).map_err(|error| error.to_string())? {
                    return Err("not written".into());
                }
                // The commands for the server stand where the body would be (RFC 2046 §5.2.3.5).
                let child = outline.children(index).next().unwrap_or(index);
                let (body, _) =
                    outline.decoded(child, &mut source).map_err(|error| error.to_string())?;
                let mut draft = self.blank()?;
                draft.to = self
                    .settings
                    .expand(&server, &self.site.hostname)
                    .map_err(|error| error.to_string())?;
                draft.subject = subject.unwrap_or_default();
                draft.body.push(&body).map_err(|error| error.to_string())?;
                let settings = self.settings.clone();
                let verbose = self.verbose;
                let sending =
                    Sending { site: self.site, settings: &settings, verbose, file_copy: false };
                sending.send(draft, console);
                Ok(Flow::Go)
            }
            access => {
                let place = external::place(&access, &part.media);
                Err(format!("it is at {}, which is not fetched from here", harmless(&place)))
            }
        }
    }
}
