//! How long it takes to read a letter of 10 MB with 1,000 parts and to render all that is shown of
//! it, and how much memory that takes: `cargo run --release -p mail --example large_letter`.

use std::time::{Duration, Instant};

use mail::content::compose::{Draft, Entity, Options};
use mail::content::{DateTime, Letter, MediaType, NamedMailbox, Role, view};

const PARTS: usize = 1000;
const LETTER: usize = 10 * 1000 * 1000;

/// Text and files by turns, in every transfer encoding, in four levels of multiparts.
fn letter() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let plain = "A line of plain text, as people write it.\n".repeat(230);
    let german = "Zwölf große Boxkämpfer jagen Viktor quer über den Sylter Deich.\n".repeat(140);
    let chinese = "我能吞下玻璃而不傷身體。\n".repeat(200);
    let octets: Vec<u8> =
        (0..9000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let part = |n: usize| match n % 4 {
        0 => Entity::text(plain.clone()),
        1 => Entity::text(german.clone()),
        2 => Entity::text(chinese.clone()),
        _ => Entity::attachment(&format!("datei-ü-{n}.bin"), None, octets.clone()),
    };
    let leaves: Vec<Entity> = (0..PARTS - 110).map(part).collect();
    let tens = leaves.chunks(9).map(|chunk| mixed(chunk.to_vec())).collect::<Vec<_>>();
    let hundreds = tens.chunks(10).map(|chunk| mixed(chunk.to_vec())).collect::<Vec<_>>();
    let date = DateTime { seconds: 1_751_364_000, offset_minutes: Some(120) };
    let mut draft = Draft::new(NamedMailbox::bare("ada@example.net".parse()?), date);
    draft.subject = "Ein großer Brief".into();
    draft.body = mixed(hundreds);
    Ok(draft.write(&Options::default())?.octets)
}

fn mixed(parts: Vec<Entity>) -> Entity {
    Entity::multipart("mixed", parts).unwrap_or_else(|| Entity::text(""))
}

/// Reads it and renders everything, part by part; gives the octets rendered and the largest piece.
fn render(octets: &[u8]) -> (usize, usize, usize) {
    let letter = Letter::read(octets);
    let (mut total, mut largest) = (0, 0);
    for item in view(&letter, |media: &MediaType| media.is("text", "html")) {
        let len = match item.role {
            Role::Attachment => item.part.body().0.len(),
            _ => item.part.text().len(),
        };
        total += len;
        largest = largest.max(len);
    }
    (letter.parts().count(), total, largest)
}

/// The most memory this process ever had, in KiB, where the system tells.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// 10 MB of lines that look like boundaries, within as many multiparts as are followed.
fn hostile() -> Vec<u8> {
    let mut octets = Vec::with_capacity(LETTER + 100);
    let padding = "x".repeat(50);
    for level in 0..100 {
        let head = format!(
            "Content-Type: multipart/mixed; boundary={padding}{level:03}\r\n\r\n--{padding}{level:03}\r\n"
        );
        octets.extend_from_slice(head.as_bytes());
    }
    octets.extend_from_slice(b"\r\n");
    while octets.len() < LETTER {
        octets.extend_from_slice(format!("--{padding}999\n--\n").as_bytes());
    }
    octets
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut octets = letter()?;
    // Exactly so large: the rest is epilogue.
    while octets.len() < LETTER {
        octets.extend_from_slice(b"These lines are behind the last part and not shown.\r\n");
    }
    // What it took to write the letter is given back; what it took to read it is to be seen.
    let before = peak();
    let mut times: Vec<Duration> = Vec::new();
    let mut seen = (0, 0, 0);
    for _ in 0..9 {
        let start = Instant::now();
        seen = render(&octets);
        times.push(start.elapsed());
    }
    times.sort();
    let parse = Instant::now();
    let count = Letter::read(&octets).parts().count();
    let parse = parse.elapsed();
    println!("letter     {} octets, {} parts", octets.len(), count);
    println!("parse      {parse:?}");
    println!(
        "render     {:?} (median of {}; {} octets out of {} parts)",
        times[4],
        times.len(),
        seen.1,
        seen.0
    );
    let octets = hostile();
    let start = Instant::now();
    let letter = Letter::read(&octets);
    println!("hostile    {:?} ({} octets; {})", start.elapsed(), octets.len(), letter.defects());
    println!("largest    {} octets in one piece", seen.2);
    if let (Some(before), Some(after)) = (before, peak()) {
        println!(
            "memory     {} KiB more than writing the letter took",
            after.saturating_sub(before)
        );
    }
    Ok(())
}
