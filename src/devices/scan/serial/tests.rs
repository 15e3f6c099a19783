//! Scanners on pseudo-terminals: plugged in, pulled out, taken by others.

use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serialport::{SerialPort, TTYPort};
use tempfile::TempDir;

use crate::devices::scan::input::{Input, Scan, ScanFlags};
use crate::devices::scan::serial::{
    Acknowledge, RETRY_MAX, RETRY_MIN, Retry, ScanAnswer, ScannerHealth, SerialConfig,
    SerialReport, SerialScanner, Worth, health_of, open,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A socket that scanners are plugged into: a path that outlives them.
struct Socket {
    folder: TempDir,
}

impl Socket {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("scanner")
    }

    fn plug(&self) -> TTYPort {
        let (mut scanner, port) = TTYPort::pair().unwrap();
        scanner.set_timeout(PATIENCE).unwrap();
        symlink(port.name().unwrap(), self.path()).unwrap();
        scanner
    }

    /// The name goes first, as another scanner may get the number at once.
    fn unplug(&self, scanner: TTYPort) {
        std::fs::remove_file(self.path()).unwrap();
        drop(scanner);
    }

    fn read(&self) -> (SerialScanner, Receiver<SerialReport>) {
        Self::read_with(SerialConfig::new(self.path()))
    }

    fn read_with(config: SerialConfig) -> (SerialScanner, Receiver<SerialReport>) {
        let (send, reports) = sync_channel(16);
        let report = move |report| send.send(report).is_ok();
        (SerialScanner::spawn(config, report).unwrap(), reports)
    }
}

fn next(reports: &Receiver<SerialReport>) -> SerialReport {
    reports.recv_timeout(PATIENCE).unwrap()
}

fn health(health: ScannerHealth) -> SerialReport {
    SerialReport::Health(health)
}

fn ready() -> SerialReport {
    health(ScannerHealth::Ready { product: None })
}

fn scan(bytes: &[u8]) -> SerialReport {
    SerialReport::Inputs(vec![Input::Scan(Scan {
        bytes: bytes.to_vec(),
        total: bytes.len(),
        flags: ScanFlags::NONE,
    })])
}

#[test]
fn a_scanner_is_answered_with_the_bytes_it_understands_and_only_when_told() {
    let socket = Socket::new();
    let mut scanner = socket.plug();
    let (reader, reports) = Socket::read_with(SerialConfig {
        is_answered: true,
        ..SerialConfig::new(socket.path())
    });
    assert_eq!(next(&reports), health(ScannerHealth::Opening));
    assert_eq!(next(&reports), ready());
    let honeywell = Acknowledge::Honeywell;
    for (told, wanted) in [
        (ScanAnswer::Good, &b"\x1b7,"[..]),
        (ScanAnswer::Bad, b"\x1b8,\x1b8,"),
        (ScanAnswer::Taken, b"\x1b5,"),
    ] {
        scanner.write_all(b"BCDF\r").unwrap();
        assert_eq!(next(&reports), scan(b"BCDF"));
        // The verdict is out, and until somebody says so, the scanner hears nothing.
        assert_eq!(scanner.bytes_to_read().unwrap(), 0);
        reader.answer(honeywell.bytes(told));
        let mut heard = vec![0; wanted.len()];
        scanner.read_exact(&mut heard).unwrap();
        assert_eq!(heard, wanted);
    }
    // More than it can take: whoever tells it is not held up.
    for _ in 0..1000 {
        reader.answer(honeywell.bytes(ScanAnswer::Good));
    }
    drop(reports);
    reader.stop();
}

#[test]
fn scans_arrive_with_and_without_suffix() {
    let socket = Socket::new();
    let mut scanner = socket.plug();
    let (reader, reports) = socket.read();
    assert_eq!(next(&reports), health(ScannerHealth::Opening));
    assert_eq!(next(&reports), ready());
    for (bytes, code) in [
        (&b"CODE-1\r\n"[..], &b"CODE-1"[..]),
        (b"CODE-2\t", b"CODE-2"),
        (b"CODE-3", b"CODE-3"),
        (b"\x1d01095\x1d10A\xe9\r", b"\x1d01095\x1d10A\xe9"),
        (b"7", b"7"),
    ] {
        scanner.write_all(bytes).unwrap();
        assert_eq!(next(&reports), scan(code));
    }
    reader.stop();
    assert!(reports.recv().is_err());
}

#[test]
fn an_unplug_drops_the_half_scan_and_a_replug_goes_on() {
    // Should the machine stall between writing and pulling, the half would rightly be a scan.
    for _ in 0..20 {
        let socket = Socket::new();
        let mut scanner = socket.plug();
        let (_reader, reports) = socket.read();
        assert_eq!(next(&reports), health(ScannerHealth::Opening));
        assert_eq!(next(&reports), ready());
        #[expect(
            clippy::disallowed_methods,
            reason = "to notice that the machine stalled"
        )]
        let start = Instant::now();
        scanner.write_all(b"HALF-A-CO").unwrap();
        socket.unplug(scanner);
        if start.elapsed() > Duration::from_millis(80) {
            continue;
        }
        assert_eq!(next(&reports), health(ScannerHealth::Missing));
        let mut scanner = socket.plug();
        assert_eq!(next(&reports), ready());
        scanner.write_all(b"CODE-1\r").unwrap();
        assert_eq!(next(&reports), scan(b"CODE-1"));
        return;
    }
    panic!("the machine stalled every time");
}

#[test]
fn a_scanner_plugged_in_late_is_found() {
    let socket = Socket::new();
    let (_reader, reports) = socket.read();
    assert_eq!(next(&reports), health(ScannerHealth::Opening));
    assert_eq!(next(&reports), health(ScannerHealth::Missing));
    let mut scanner = socket.plug();
    assert_eq!(next(&reports), ready());
    scanner.write_all(b"CODE-1\r").unwrap();
    assert_eq!(next(&reports), scan(b"CODE-1"));
}

#[test]
fn a_port_held_by_another_is_told_and_taken_when_free() {
    let socket = Socket::new();
    let _scanner = socket.plug();
    let other = open(&SerialConfig::new(socket.path())).unwrap();
    let (_reader, reports) = socket.read();
    assert_eq!(next(&reports), health(ScannerHealth::Opening));
    assert_eq!(next(&reports), health(ScannerHealth::HeldByAnother));
    drop(other);
    assert_eq!(next(&reports), ready());
}

#[test]
fn what_is_no_serial_port_fails_in_words() {
    let (send, reports) = sync_channel(16);
    let report = move |report| send.send(report).is_ok();
    let _reader = SerialScanner::spawn(SerialConfig::new("/dev/null"), report).unwrap();
    assert_eq!(next(&reports), health(ScannerHealth::Opening));
    let SerialReport::Health(ScannerHealth::Failed(words)) = next(&reports) else {
        panic!("opened /dev/null");
    };
    assert!(!words.is_empty());
}

#[test]
fn stopping_ends_the_thread_while_it_waits_too() {
    let socket = Socket::new();
    let (reader, reports) = socket.read();
    assert_eq!(next(&reports), health(ScannerHealth::Opening));
    reader.stop();
    drop(reports);
}

#[test]
fn nobody_listening_ends_the_thread() {
    let socket = Socket::new();
    let (reader, reports) = socket.read();
    drop(reports);
    // The thread finds out when it has something to report.
    let _scanner = socket.plug();
    reader.thread.join().unwrap();
}

#[test]
fn missing_rights_are_news_only_after_a_while() {
    let denied = ScannerHealth::NoPermission {
        group: "dialout".to_owned(),
    };
    let mut retry = Retry::default();
    assert_eq!(retry.fail(&denied, Duration::from_secs(10)), Worth::Hiding);
    assert_eq!(
        retry.fail(&denied, Duration::from_millis(14_999)),
        Worth::Hiding
    );
    assert_eq!(retry.wait, RETRY_MIN);
    assert_eq!(retry.fail(&denied, Duration::from_secs(15)), Worth::Telling);
    assert_eq!(
        retry.fail(&ScannerHealth::Missing, Duration::from_secs(16)),
        Worth::Telling
    );
    assert_eq!(retry.fail(&denied, Duration::from_secs(17)), Worth::Hiding);
}

#[test]
fn retries_slow_down_to_two_seconds() {
    let mut retry = Retry::default();
    for _ in 0..9 {
        assert_eq!(
            retry.fail(&ScannerHealth::HeldByAnother, Duration::ZERO),
            Worth::Telling
        );
    }
    assert_eq!(retry.wait, RETRY_MAX);
}

#[test]
fn errors_of_the_system_become_health() {
    use serialport::{Error, ErrorKind};
    let health = |kind| health_of(&Error::new(kind, "words"), Path::new("/dev/null"));
    assert_eq!(health(ErrorKind::NoDevice), ScannerHealth::HeldByAnother);
    assert_eq!(
        health(ErrorKind::Io(io::ErrorKind::NotFound)),
        ScannerHealth::Missing
    );
    assert_eq!(
        health(ErrorKind::Io(io::ErrorKind::PermissionDenied)),
        ScannerHealth::NoPermission {
            group: "root".to_owned()
        }
    );
    assert_eq!(
        health(ErrorKind::Unknown),
        ScannerHealth::Failed("words".to_owned())
    );
    let gone = health_of(
        &Error::new(ErrorKind::Unknown, "I/O error"),
        Path::new("/dev/none"),
    );
    assert_eq!(gone, ScannerHealth::Missing);
}
