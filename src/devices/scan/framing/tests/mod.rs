//! What scanners and hands were seen to send, and the laws of framing as properties.

mod bytes;
mod keys;
mod laws;
mod pace;

use std::time::Duration;

use crate::devices::scan::framing::Framer;
use crate::devices::scan::input::{Input, Key, Scan, ScanFlag, ScanFlags, ScanNotice};

const CODE: &[u8] = b"BCDFGHJKLNPRSTVX";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Feeds each read at its time in ms, then waits for a second of silence.
fn play<B: AsRef<[u8]>>(mut framer: Framer, reads: &[(u64, B)]) -> Vec<Input> {
    let mut out = Vec::new();
    let mut last = 0;
    for (at, bytes) in reads {
        framer.feed(bytes.as_ref(), ms(*at), &mut out);
        last = *at;
    }
    framer.tick(ms(last + 1000), &mut out);
    assert_eq!(framer.pending(), "");
    assert_eq!(framer.next_deadline(), None);
    out
}

fn wedge<B: AsRef<[u8]>>(reads: &[(u64, B)]) -> Vec<Input> {
    play(Framer::wedge(), reads)
}

fn serial<B: AsRef<[u8]>>(reads: &[(u64, B)]) -> Vec<Input> {
    play(Framer::serial(), reads)
}

/// One read per byte, `gap` ms apart.
fn paced(bytes: &[u8], start: u64, gap: u64) -> Vec<(u64, [u8; 1])> {
    let times = (0..).map(|i| start + i * gap);
    times.zip(bytes.iter().map(|byte| [*byte])).collect()
}

fn scan(bytes: &[u8]) -> Input {
    flagged(bytes, ScanFlags::NONE)
}

fn flagged(bytes: &[u8], flags: ScanFlags) -> Input {
    Input::Scan(Scan {
        bytes: bytes.to_vec(),
        total: bytes.len(),
        flags,
    })
}

fn dirty(bytes: &[u8]) -> Input {
    flagged(bytes, ScanFlags::NONE.with(ScanFlag::Dirty))
}

fn pasted(bytes: &[u8]) -> Input {
    flagged(bytes, ScanFlags::NONE.with(ScanFlag::Paste))
}

fn key(key: Key) -> Input {
    Input::Key(key)
}

fn typed(text: &str) -> Vec<Input> {
    text.chars().map(Input::Typed).collect()
}

fn garbage() -> Input {
    Input::Notice(ScanNotice::Garbage)
}

fn suffixed(bytes: &[u8], suffix: &[u8]) -> Vec<u8> {
    [bytes, suffix].concat()
}
