//! The first reading: what each entity is and needs.

use super::framing::Framing;
use super::{
    Broken, HeadLines, HeadPiece, Options, Plan, Refusal, SOFT_BREAK, Step, Target, is_encodable,
    is_global, is_signed_part,
};
use crate::content::structure::{Entity, Event, Shape, Structure};
use crate::content::transfer::{
    LINE_MAX, Measure, QuotedPrintableEncoder, Source, TransferEncoding,
};

/// Watches content pass and plans its conversion.
#[derive(Debug)]
pub struct Survey {
    structure: Structure,
    sight: Sight,
}

impl Survey {
    /// Before the first octet.
    pub fn new(target: Target, options: Options) -> Self {
        let sight = Sight {
            target,
            options,
            steps: Vec::new(),
            open: Vec::new(),
            begun: 0,
            scratch: Vec::new(),
            framing: Framing::new(target),
            broken: Broken::default(),
            dkim: false,
            ended: None,
            last: None,
        };
        Self { structure: Structure::new(), sight }
    }

    /// The next octets.
    pub fn feed(&mut self, octets: &[u8]) {
        let Self { structure, sight } = self;
        structure.feed(octets, &mut |event| sight.event(event));
    }

    /// No octets follow: the plan.
    ///
    /// # Errors
    /// Why there is none.
    pub fn finish(self) -> Result<Plan, Refusal> {
        let Self { structure, mut sight } = self;
        structure.finish(&mut |event| sight.event(event));
        let line_end = sight.framing_end();
        let Sight { target, options, mut steps, broken, dkim, ended, .. } = sight;
        let (mut size, refusal) = ended.unwrap_or_default();
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        while steps.last().is_some_and(|step| !step.is_change()) {
            steps.pop();
        }
        let broken = Broken { dkim: dkim && !steps.is_empty(), ..broken };
        if options.keep_signatures && broken.any() {
            return Err(Refusal::Signed);
        }
        size += line_end;
        if sight.last == Some(Last::OpenLine) {
            size += SOFT_BREAK.len() as u64;
        }
        Ok(Plan { target, steps, size, broken })
    }
}

/// What the last octets of the result are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Last {
    /// Quoted-printable without a line end.
    OpenLine,
    Other,
}

#[derive(Debug)]
struct Sight {
    target: Target,
    options: Options,
    steps: Vec<Step>,
    open: Vec<Open>,
    /// Entities that have begun.
    begun: usize,
    scratch: Vec<u8>,
    framing: Framing,
    broken: Broken,
    dkim: bool,
    /// Size of the result and what stands against it, once all has ended.
    ended: Option<(u64, Option<Refusal>)>,
    last: Option<Last>,
}

/// An entity that is open.
#[derive(Debug)]
struct Open {
    number: usize,
    /// A message or the content itself, not a part of a multipart.
    is_message: bool,
    /// What it is in is signed.
    signed: bool,
    head: HeadLines,
    /// Octets of the header section that stay, and those of label fields.
    head_kept: u64,
    label_octets: u64,
    /// Octets of all that came, and of the body alone.
    raw_head: u64,
    raw_body: u64,
    /// Octets of the body as it goes on.
    out_body: u64,
    /// What stands against its own header section, and against what is in it.
    head_refusal: Option<Refusal>,
    refusal: Option<Refusal>,
    /// What the end of the header section told.
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    encoding: TransferEncoding,
    shape: Shape,
    encodable: bool,
    global: bool,
    signs: bool,
    text: bool,
    body: Body,
}

/// The body of a leaf.
#[derive(Debug)]
struct Body {
    measure: Measure,
    high: bool,
    nul: bool,
    utf8: Utf8,
    quoted: QuotedPrintableEncoder,
    quoted_octets: u64,
    /// The encoded octets end with a line end, or are none.
    quoted_ends: bool,
}

impl Body {
    fn new(text: bool) -> Self {
        Self {
            measure: Measure::new(),
            high: false,
            nul: false,
            utf8: Utf8::default(),
            quoted: QuotedPrintableEncoder::new(source(text)),
            quoted_octets: 0,
            quoted_ends: true,
        }
    }

    fn count(&mut self, scratch: &mut Vec<u8>) {
        self.quoted_octets += scratch.len() as u64;
        if !scratch.is_empty() {
            self.quoted_ends = scratch.ends_with(b"\r\n");
        }
        scratch.clear();
    }
}

/// Lines of text keep their line ends; of all else each octet counts.
fn source(text: bool) -> Source {
    if text { Source::Text } else { Source::Binary }
}

impl Sight {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Begin => self.begin(),
            Event::MailboxLine(line) => self.head_octets(line),
            Event::Head(piece) => self.head(piece),
            Event::HeadEnd(entity) => self.head_end(entity),
            Event::Body(octets) => self.body(octets),
            Event::Around(octets) => self.around(octets),
            Event::Boundary(octets) => {
                let mut out = std::mem::take(&mut self.scratch);
                self.framing.line(octets, &mut out);
                self.framed(octets, out);
            }
            Event::End(_) => self.end(),
        }
    }

    fn begin(&mut self) {
        let parent = self.open.last();
        let known = parent.and_then(|parent| parent.known.as_ref());
        let in_multipart = known.is_some_and(|known| known.shape == Shape::Multipart);
        let signs = known.is_some_and(|known| known.signs);
        self.open.push(Open {
            number: self.begun,
            is_message: !in_multipart,
            signed: signs || parent.is_some_and(|parent| parent.signed),
            head: HeadLines::default(),
            head_kept: 0,
            label_octets: 0,
            raw_head: 0,
            raw_body: 0,
            out_body: 0,
            head_refusal: None,
            refusal: None,
            known: None,
        });
        self.begun += 1;
    }

    fn head(&mut self, piece: &[u8]) {
        let Some(open) = self.open.last_mut() else { return };
        match open.head.next(piece) {
            HeadPiece::Blank => open.raw_head += piece.len() as u64,
            HeadPiece::Label => {
                let kept = open.head_kept;
                self.head_octets(piece);
                if let Some(open) = self.open.last_mut() {
                    open.label_octets += open.head_kept - kept;
                    open.head_kept = kept;
                }
            }
            HeadPiece::Other => self.head_octets(piece),
        }
    }

    fn head_octets(&mut self, piece: &[u8]) {
        let mut out = std::mem::take(&mut self.scratch);
        self.framing.line(piece, &mut out);
        let odd = memchr::memchr(0, piece).is_some() || (self.ascii_headers() && !piece.is_ascii());
        if let Some(open) = self.open.last_mut() {
            open.raw_head += piece.len() as u64;
            open.head_kept += out.len() as u64;
            if odd {
                open.head_refusal = Some(Refusal::Header);
            }
        }
        out.clear();
        self.scratch = out;
        self.last = Some(Last::Other);
    }

    fn ascii_headers(&self) -> bool {
        self.options.ascii_headers || self.target == Target::SevenBit
    }

    fn head_end(&mut self, entity: &Entity) {
        let line_end = self.framing_end();
        let Some(open) = self.open.last_mut() else { return };
        open.head_kept += line_end;
        self.dkim |= open.number == 0 && open.head.is_signed;
        // What says nothing of MIME is text; what says a type only is meant so.
        let text = entity.media.kind() == "text";
        open.known = Some(Known {
            encoding: entity.encoding,
            shape: entity.shape,
            encodable: is_encodable(&entity.media),
            global: is_global(&entity.media),
            signs: is_signed_part(&entity.media),
            text,
            body: Body::new(text),
        });
    }

    /// Octets that the end of the framing takes.
    fn framing_end(&mut self) -> u64 {
        let mut out = std::mem::take(&mut self.scratch);
        self.framing.end(&mut out);
        let octets = out.len() as u64;
        out.clear();
        self.scratch = out;
        octets
    }

    fn body(&mut self, octets: &[u8]) {
        self.last = Some(Last::Other);
        let Some(open) = self.open.last_mut() else { return };
        open.raw_body += octets.len() as u64;
        let Some(known) = &mut open.known else { return };
        let body = &mut known.body;
        body.measure.feed(octets);
        body.high |= !octets.is_ascii();
        body.nul |= memchr::memchr(0, octets).is_some();
        body.utf8.feed(octets);
        if known.encoding.is_identity() {
            body.quoted.feed(octets, &mut self.scratch);
            body.count(&mut self.scratch);
        }
    }

    fn around(&mut self, octets: &[u8]) {
        let mut out = std::mem::take(&mut self.scratch);
        self.framing.text(octets, &mut out);
        self.framed(octets, out);
    }

    /// Octets of a multipart outside its parts, and what they become.
    fn framed(&mut self, octets: &[u8], mut out: Vec<u8>) {
        if let Some(open) = self.open.last_mut() {
            open.raw_body += octets.len() as u64;
            open.out_body += out.len() as u64;
        }
        out.clear();
        self.scratch = out;
        self.last = Some(Last::Other);
    }

    fn end(&mut self) {
        let Some(mut open) = self.open.pop() else { return };
        let step = self.step(&mut open);
        if step.is_change() {
            self.broken.part |= open.signed;
            if self.steps.len() <= open.number {
                self.steps.resize(open.number + 1, Step::default());
            }
            if let Some(place) = self.steps.get_mut(open.number) {
                *place = step;
            }
        }
        let out = open.head_out(&step) + open.out_body;
        let refusal = open.head_refusal.or(open.refusal);
        match self.open.last_mut() {
            Some(parent) => {
                parent.raw_body += open.raw_head + open.raw_body;
                parent.out_body += out;
                parent.refusal = parent.refusal.or(refusal);
            }
            None => self.ended = Some((out, refusal)),
        }
    }

    /// What is done to an entity that has ended; also counts its body as it goes on.
    fn step(&mut self, open: &mut Open) -> Step {
        let Some(known) = open.known.take() else { return Step::default() };
        let mut step = Step::default();
        match known.shape {
            Shape::Leaf => self.leaf(open, known, &mut step),
            // What cannot go on in any other way goes encoded as a whole.
            Shape::Message if known.global && open.refusal.is_some() => {
                open.refusal = None;
                open.out_body = base64_len(open.raw_body);
                step.label = Some(TransferEncoding::Base64);
                step.source = Some(Source::Binary);
                self.last = Some(Last::Other);
                // What was planned within it is not done.
                self.steps.truncate(open.number);
            }
            Shape::Multipart | Shape::Message => {
                step.label = narrower(known.encoding, self.target.widest());
                let changed = self.steps.len() > open.number;
                step.blank = known.shape == Shape::Message && !open.head.blank && changed;
            }
        }
        if step.label.is_some() && open.is_message && !open.head.has_version {
            step.version = true;
        }
        step
    }

    fn leaf(&mut self, open: &mut Open, mut known: Known, step: &mut Step) {
        let domain = known.body.measure.domain();
        open.out_body = open.raw_body;
        let body = &mut known.body;
        let fits = match self.target {
            Target::SevenBit => !body.high,
            Target::EightBit => true,
        } && !body.nul
            && !body.measure.has_bare_line_ends();
        let short = domain != TransferEncoding::Binary;
        let opaque = !known.encoding.is_identity() || known.encoding == TransferEncoding::Unknown;
        if fits && (short || opaque || !known.encodable) {
            step.label = narrower(known.encoding, domain.max_of(self.target));
            return;
        }
        let unlabelled = open.is_message && !open.head.has_type && !open.head.has_version;
        if opaque {
            open.refusal = Some(Refusal::Mislabelled);
        } else if !known.encodable {
            open.refusal = Some(Refusal::Composite);
        } else {
            // A message that says nothing of MIME becomes text in UTF-8, or of `unknown-8bit` where it is
            // not that (RFC 1428).
            if unlabelled {
                step.charset = Some(body.utf8.charset(body.high));
            }
            self.encode(open, known, step);
        }
    }

    fn encode(&mut self, open: &mut Open, known: Known, step: &mut Step) {
        let Known { mut body, text, .. } = known;
        let label = match body.measure.choose(self.target.widest(), text) {
            TransferEncoding::QuotedPrintable => TransferEncoding::QuotedPrintable,
            _ => TransferEncoding::Base64,
        };
        step.label = Some(label);
        step.source = Some(source(text));
        if label == TransferEncoding::Base64 {
            open.out_body = base64_len(open.raw_body);
            return;
        }
        let quoted = std::mem::replace(&mut body.quoted, QuotedPrintableEncoder::new(Source::Text));
        quoted.finish(&mut self.scratch);
        body.count(&mut self.scratch);
        open.out_body = body.quoted_octets;
        if !body.quoted_ends {
            self.last = Some(Last::OpenLine);
        }
    }
}

impl Open {
    /// Octets of the header section as it goes on, with its blank line.
    fn head_out(&self, step: &Step) -> u64 {
        let label = match (step.label, self.head.has_label) {
            (Some(_), true) => step.label_field().len() as u64,
            _ => self.label_octets,
        };
        let added = step.added_fields(self.head.has_label);
        let line_end = if !added.is_empty() && self.head.wants_line_end(step) { 2 } else { 0 };
        let blank = if self.head.blank || step.is_change() { 2 } else { 0 };
        self.head_kept + label + line_end + added.len() as u64 + blank
    }
}

/// The label for octets that are within `domain`, where theirs promises less.
fn narrower(label: TransferEncoding, domain: TransferEncoding) -> Option<TransferEncoding> {
    let rank = |label| match label {
        TransferEncoding::SevenBit => Some(0),
        TransferEncoding::EightBit => Some(1),
        TransferEncoding::Binary => Some(2),
        _ => None,
    };
    match (rank(label), rank(domain)) {
        (Some(says), Some(is)) if says > is => Some(domain),
        _ => None,
    }
}

impl TransferEncoding {
    /// This label, or the widest that `target` takes where this one is wider: of lines that are too
    /// long for their label, in a part that may not be encoded.
    fn max_of(self, target: Target) -> Self {
        match self {
            Self::Binary => target.widest(),
            narrow => narrow,
        }
    }
}

/// Octets of `octets` octets in base64, with line ends (RFC 2045 §6.8).
fn base64_len(octets: u64) -> u64 {
    let digits = octets.div_ceil(3) * 4;
    digits + digits.div_ceil(LINE_MAX as u64) * 2
}

/// Whether octets that stream past are UTF-8.
#[derive(Debug, Default)]
struct Utf8 {
    held: Vec<u8>,
    bad: bool,
}

impl Utf8 {
    fn feed(&mut self, octets: &[u8]) {
        if self.bad || (self.held.is_empty() && octets.is_ascii()) {
            return;
        }
        let mut octets = octets;
        // A character cut by the end of a chunk has at most three octets there.
        while !self.held.is_empty() {
            let Some((&next, after)) = octets.split_first() else { return };
            self.held.push(next);
            octets = after;
            match std::str::from_utf8(&self.held) {
                Ok(_) => self.held.clear(),
                Err(error) if error.error_len().is_some() => {
                    self.bad = true;
                    return;
                }
                Err(_) => {}
            }
        }
        if let Err(error) = std::str::from_utf8(octets) {
            self.bad = error.error_len().is_some();
            self.held = octets.get(error.valid_up_to()..).unwrap_or_default().to_vec();
        }
    }

    /// What text of these octets says of itself (RFC 1428 §3).
    fn charset(&self, high: bool) -> &'static str {
        match (high, self.bad || !self.held.is_empty()) {
            (false, _) => "us-ascii",
            (true, false) => "utf-8",
            (true, true) => "unknown-8bit",
        }
    }
}
