//! Scanners on serial lines: honoured, unplugged, plugged in again, two at once.

use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::console::pty::Console;
use crate::console::scans::grouped;
use crate::console::shop::Shop;

/// A scanner under a path that stays the same, as `/dev/serial/by-id` gives it.
struct Scanner {
    link: PathBuf,
    line: Option<OwnedFd>,
}

impl Scanner {
    fn plugged_in(folder: &Path, name: &str) -> Scanner {
        let mut scanner = Scanner {
            link: folder.join(name),
            line: None,
        };
        scanner.plug_in();
        scanner
    }

    fn plug_in(&mut self) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let line = openpt(flags).expect("a line");
        grantpt(&line).expect("granted");
        unlockpt(&line).expect("unlocked");
        let name = ptsname(&line, Vec::new()).expect("a name");
        symlink(name.to_str().expect("UTF-8"), &self.link).expect("linked");
        self.line = Some(line);
    }

    fn unplug(&mut self) {
        std::fs::remove_file(&self.link).expect("unlinked");
        self.line = None;
    }

    fn send(&self, bytes: &[u8]) {
        let line = self.line.as_ref().expect("plugged in");
        let mut left = bytes;
        while !left.is_empty() {
            let count = rustix::io::write(line, left).expect("written");
            left = &left[count..];
        }
    }

    fn scan(&self, code: &str) {
        self.send(format!("{code}\r\n").as_bytes());
    }

    fn path(&self) -> &str {
        self.link.to_str().expect("UTF-8")
    }
}

fn console_of(shop: &Shop, scanners: &[&Scanner]) -> Console {
    let mut args = vec!["--counter", "till 1"];
    for scanner in scanners {
        args.extend(["--scanner", scanner.path()]);
    }
    let mut console = shop.console_with(&args);
    console.wait_for("Ready for the next scan");
    for scanner in scanners {
        let name = scanner.link.file_name().expect("a name").to_string_lossy();
        console.wait_for(&format!("scanner {name}: ready"));
    }
    console
}

#[test]
fn a_serial_scanner_is_honoured_beside_the_keyboard() {
    let (shop, codes) = Shop::with_codes(3);
    let scanner = Scanner::plugged_in(shop.folder(), "honeywell");
    let mut console = console_of(&shop, &[&scanner]);
    scanner.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    // Its bytes are no keys: neither F8 nor Ctrl-C.
    scanner.send(b"\x1b[19~\r\x03\r");
    scanner.scan(&codes[2]);
    console.wait_for(&grouped(&codes[2]));
    assert!(!console.screen().contains("wrong code scanned"));
    assert!(!console.screen().contains("Leave the console?"));
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn an_unplugged_scanner_is_told_and_works_when_it_is_back() {
    let (shop, codes) = Shop::with_codes(3);
    let mut scanner = Scanner::plugged_in(shop.folder(), "honeywell");
    let mut console = console_of(&shop, &[&scanner]);
    scanner.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    // Half a code, and the plug is pulled: all of it before the console looks again.
    console.signal(Signal::STOP);
    scanner.send(&codes[1].as_bytes()[..9]);
    scanner.unplug();
    console.signal(Signal::CONT);
    console.wait_for("scanner honeywell: not plugged in");
    // The keyboard goes on.
    console.scan(&codes[2]);
    console.wait_for(&grouped(&codes[2]));
    scanner.plug_in();
    console.wait_for("scanner honeywell: ready");
    scanner.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    let expected: Vec<_> = [0, 2, 1]
        .map(|at: usize| (codes[at].clone(), "accepted".to_owned()))
        .into();
    assert_eq!(shop.answers(), expected);
}

#[test]
fn a_scanner_that_is_not_there_yet_is_awaited() {
    let (shop, codes) = Shop::with_codes(1);
    let mut scanner = Scanner::plugged_in(shop.folder(), "honeywell");
    scanner.unplug();
    let mut console = shop.console_with(&["--counter", "till 1", "--scanner", scanner.path()]);
    console.wait_for("scanner honeywell: not plugged in");
    scanner.plug_in();
    console.wait_for("scanner honeywell: ready");
    scanner.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn two_scanners_at_once_lose_nothing() {
    let (shop, codes) = Shop::with_codes(100);
    let one = Scanner::plugged_in(shop.folder(), "one");
    let other = Scanner::plugged_in(shop.folder(), "other");
    let mut console = console_of(&shop, &[&one, &other]);
    let (of_one, of_other) = codes.split_at(50);
    for (first, second) in of_one.iter().zip(of_other) {
        one.scan(first);
        other.scan(second);
    }
    console.wait_until("all of them", |console| {
        console.screen().contains("accepted          100")
    });
    let accepted = shop.accepted();
    assert_eq!(accepted.len(), 100);
    for half in [of_one, of_other] {
        let in_order: Vec<_> = accepted.iter().filter(|code| half.contains(code)).collect();
        assert_eq!(in_order, half.iter().collect::<Vec<_>>());
    }
}
