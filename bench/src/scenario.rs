//! What is measured: acceptance, relay, a letter alone, the deep queue.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::cost::{self, Cost};
use crate::generator::{self, Load, Mode, Sent};
use crate::ledger::{Ledger, quantile};
use crate::letter::Template;
use crate::report::Row;
use crate::server::{Plan, Running, Starter, free_address};
use crate::sink::Sink;

const SENDER: &str = "writer@bench.example";
const RECIPIENT: &str = "reader@sink.example";
/// Without an arrival for so long, what is missing will not come.
const STILL: Duration = Duration::from_secs(20);
/// Between two looks at the ledger.
const LOOK: Duration = Duration::from_millis(1);
/// Letters sent alone.
const LONE_LETTERS: u32 = 200;
/// The pause after each of them.
const LONE_PAUSE: Duration = Duration::from_millis(20);
/// Letters of the pass that counts fsyncs.
const TRACED_LETTERS: u32 = 10_000;

/// What all scenarios share.
pub struct Bench<'a> {
    /// The server to start.
    pub starter: &'a dyn Starter,
    /// Its folders go below this one.
    pub folder: PathBuf,
    /// Takes what is relayed.
    pub sink: Sink,
    /// Octets of a letter.
    pub size: usize,
    /// True: a second, short pass counts fsyncs.
    pub trace: bool,
    /// True: the server's folders stay.
    pub keep: bool,
}

impl Bench<'_> {
    /// The server takes letters and keeps them.
    ///
    /// # Errors
    /// The server does not start or cannot be reached.
    pub fn acceptance(&self, sessions: usize, letters: u32, mode: Mode) -> io::Result<Row> {
        let mut row = self.flow("accept", true, sessions, letters, mode, false)?.0;
        if self.trace {
            let few = letters.min(TRACED_LETTERS);
            row.fsyncs = self.flow("accept", true, sessions, few, mode, true)?.1;
        }
        Ok(row)
    }

    /// The server takes letters and gives them to the sink.
    ///
    /// # Errors
    /// As [`Bench::acceptance`].
    pub fn relay(&self, sessions: usize, letters: u32, mode: Mode) -> io::Result<Row> {
        let mut row = self.flow("relay", false, sessions, letters, mode, false)?.0;
        if self.trace {
            let few = letters.min(TRACED_LETTERS);
            row.fsyncs = self.flow("relay", false, sessions, few, mode, true)?.1;
        }
        Ok(row)
    }

    fn flow(
        &self,
        name: &str,
        paused: bool,
        sessions: usize,
        letters: u32,
        mode: Mode,
        traced: bool,
    ) -> io::Result<(Row, Option<f64>)> {
        let plan = Plan { traced, ..self.plan(name, paused)? };
        let running = Running::start(self.starter, &plan)?;
        let drive = Drive { target: plan.listen, pid: running.pid(), sink: &self.sink };
        let row = drive.run(name, !paused, sessions, letters, self.size, mode)?;
        let fsyncs = running.stop()?;
        self.clean(&plan)?;
        Ok((row.clone(), fsyncs.map(|calls| calls as f64 / row.letters.max(1) as f64)))
    }

    /// One letter after the other, with a pause between.
    ///
    /// # Errors
    /// As [`Bench::acceptance`].
    pub fn lone(&self) -> io::Result<Row> {
        let plan = self.plan("lone", false)?;
        let running = Running::start(self.starter, &plan)?;
        let drive = Drive { target: plan.listen, pid: running.pid(), sink: &self.sink };
        let row = drive.lone(self.size)?;
        running.stop()?;
        self.clean(&plan)?;
        Ok(row)
    }

    /// Many letters wait; then the server is killed and starts again.
    ///
    /// # Errors
    /// As [`Bench::acceptance`].
    pub fn deep(&self, letters: u32, size: usize) -> io::Result<Row> {
        let plan = self.plan("deep", true)?;
        let running = Running::start(self.starter, &plan)?;
        let drive = Drive { target: plan.listen, pid: running.pid(), sink: &self.sink };
        let mut row = drive.run("deep", false, 100, letters, size, Mode::Pipelined)?;
        let before = cost::of_tree(running.pid());
        row.notes.push(format!("{} MiB resident with all queued", before.resident_kib / 1024));
        running.kill9()?;

        let begin = Instant::now();
        let running = Running::start(self.starter, &plan)?;
        let mut client = Client::connect(plan.listen)?;
        client.command("EHLO bench.example", b'2')?;
        client.envelope(SENDER, "", &[RECIPIENT])?;
        client.content(b"Subject: after the crash\r\n\r\nHere.\r\n")?;
        let (greeted, ready) = (running.greeted, begin.elapsed());
        let after = cost::of_tree(running.pid());
        row.notes.push(format!(
            "after kill -9: greets in {:.2} s, accepts a letter in {:.2} s, {} MiB resident \
             (peak {} MiB), {:.2} s CPU",
            greeted.as_secs_f64(),
            ready.as_secs_f64(),
            after.resident_kib / 1024,
            after.peak_kib / 1024,
            after.cpu.as_secs_f64(),
        ));
        running.kill9()?;
        self.clean(&plan)?;
        Ok(row)
    }

    fn plan(&self, name: &str, paused: bool) -> io::Result<Plan> {
        let folder = self.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let (listen, next_hop) = (free_address()?, self.sink.address());
        Ok(Plan { folder, listen, next_hop, paused, connections: 20, traced: false })
    }

    fn clean(&self, plan: &Plan) -> io::Result<()> {
        if self.keep { Ok(()) } else { std::fs::remove_dir_all(&plan.folder) }
    }
}

/// Measures a server that already runs.
pub struct Drive<'a> {
    /// Where it listens.
    pub target: SocketAddr,
    /// Its process, for the costs.
    pub pid: u32,
    /// Where its mail goes, if it is relayed.
    pub sink: &'a Sink,
}

impl Drive<'_> {
    /// Sends `letters`, waits for them at the sink if `relayed`, and takes the figures.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn run(
        &self,
        scenario: &str,
        relayed: bool,
        sessions: usize,
        letters: u32,
        size: usize,
        mode: Mode,
    ) -> io::Result<Row> {
        let ledger = Arc::new(Ledger::new(letters as usize));
        self.sink.open(&ledger);
        let before = (cost::of_tree(self.pid), self.sink.cpu());
        let load = Load {
            target: self.target,
            sessions,
            letters: 0..letters,
            size,
            mode,
            sender: SENDER.into(),
            recipients: vec![RECIPIENT.into()],
        };
        let sent = generator::run(&load, &ledger)?;
        if relayed {
            settle(&ledger);
        }
        let after = (cost::of_tree(self.pid), self.sink.cpu());
        let sink = relayed.then(|| after.1.saturating_sub(before.1));
        let mut row = figures(&ledger, &sent, before.0, after.0, sink);
        (row.scenario, row.sessions, row.mode) = (scenario.into(), sessions, mode.name());
        Ok(row)
    }

    /// Sends one letter after the other and takes the time of each to the sink.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses a letter.
    pub fn lone(&self, size: usize) -> io::Result<Row> {
        let ledger = Arc::new(Ledger::new(LONE_LETTERS as usize));
        self.sink.open(&ledger);
        let template = Template::new(SENDER, RECIPIENT, size);
        let mut client = Client::connect(self.target)?;
        client.command("EHLO bench.example", b'2')?;
        for sequence in 0..LONE_LETTERS {
            let mut content = Vec::new();
            template.write(ledger.number(sequence), &mut content);
            content.truncate(content.len().saturating_sub(3));
            client.envelope(SENDER, "", &[RECIPIENT])?;
            ledger.sent(sequence);
            client.content(&content)?;
            ledger.accepted(sequence);
            std::thread::sleep(LONE_PAUSE);
        }
        settle(&ledger);
        let balance = ledger.balance();
        let mut times = ledger.transit_times();
        let mut replies = ledger.reply_times();
        let note = format!(
            "end of data to 250: p50 {:.2} ms; to the sink: p95 {:.2} ms",
            milliseconds(quantile(&mut replies, 0.5)),
            milliseconds(quantile(&mut times, 0.95)),
        );
        Ok(Row {
            scenario: "lone".into(),
            sessions: 1,
            mode: Mode::LockStep.name(),
            letters: balance.accepted,
            p50_ms: Some(milliseconds(quantile(&mut times, 0.5))),
            p99_ms: Some(milliseconds(quantile(&mut times, 0.99))),
            lost: balance.lost.len(),
            repeated: balance.repeated,
            notes: vec![note],
            ..Row::default()
        })
    }
}

/// Waits until everything accepted is at the sink, or nothing moves any more.
pub fn settle(ledger: &Ledger) {
    let (mut seen, mut moved) = (ledger.arrivals(), Instant::now());
    while moved.elapsed() < STILL {
        let now = ledger.arrivals();
        if now != seen {
            (seen, moved) = (now, Instant::now());
        } else if ledger.settled() {
            return;
        }
        std::thread::sleep(LOOK);
    }
}

fn figures(ledger: &Ledger, sent: &Sent, before: Cost, after: Cost, sink: Option<Duration>) -> Row {
    let balance = ledger.balance();
    let (span, mut times) = match sink {
        Some(_) => (ledger.arrival_span(), ledger.transit_times()),
        None => (ledger.acceptance_span(), ledger.reply_times()),
    };
    let count = if sink.is_some() { balance.arrived } else { balance.accepted };
    let letters = count.max(1) as f64;
    let each = |cpu: Duration| Some(cpu.as_secs_f64() * 1e6 / letters);
    let seconds = span.end.saturating_sub(span.start).as_secs_f64();
    let mut notes = sent.complaints.clone();
    if sent.refused + sent.broken > 0 {
        notes.push(format!("{} letters refused, {} sessions broken", sent.refused, sent.broken));
    }
    Row {
        letters: balance.accepted,
        per_second: (seconds > 0.0).then_some(count as f64 / seconds),
        cpu_us: each(after.cpu.saturating_sub(before.cpu)),
        generator_us: each(sent.cpu),
        sink_us: sink.and_then(each),
        p50_ms: Some(milliseconds(quantile(&mut times, 0.5))),
        p99_ms: Some(milliseconds(quantile(&mut times, 0.99))),
        peak_mib: Some(after.peak_kib as f64 / 1024.0),
        lost: if sink.is_some() { balance.lost.len() } else { 0 },
        repeated: balance.repeated,
        notes,
        ..Row::default()
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
