//! The console in a terminal: how soon it draws, how soon it is ready, what memory it takes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::arguments::Arguments;
use crate::figures::{Figures, Times};
use crate::shop::Shop;

const COLUMNS: usize = 80;
const ROWS: usize = 24;
const SCANS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal that understands as much as the console says: where the cursor goes, and clearing.
struct Terminal {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Begun and not yet ended.
    rest: Vec<u8>,
}

impl Terminal {
    fn new() -> Terminal {
        Terminal {
            cells: vec![vec![' '; COLUMNS]; ROWS],
            row: 0,
            column: 0,
            rest: Vec::new(),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let taken = std::mem::take(&mut self.rest);
        let whole = match std::str::from_utf8(&taken) {
            Ok(_) => taken.len(),
            Err(error) => error.valid_up_to(),
        };
        let (text, rest) = taken.split_at(whole);
        let text = std::str::from_utf8(text).expect("looked at");
        let mut letters = text.char_indices().peekable();
        while let Some((place, letter)) = letters.next() {
            if letter == '\u{1b}' {
                let mut arguments = String::new();
                let mut end = None;
                for (_, next) in letters.by_ref() {
                    if next.is_ascii_alphabetic() {
                        end = Some(next);
                        break;
                    }
                    arguments.push(next);
                }
                let Some(end) = end else {
                    self.rest = text.as_bytes().split_at(place).1.to_vec();
                    break;
                };
                self.obey(&arguments, end);
            } else if !letter.is_control() {
                if let Some(cell) = self
                    .cells
                    .get_mut(self.row)
                    .and_then(|row| row.get_mut(self.column))
                {
                    *cell = letter;
                }
                self.column += 1;
            }
        }
        self.rest.extend_from_slice(rest);
    }

    fn obey(&mut self, arguments: &str, end: char) {
        let mut numbers = arguments
            .trim_start_matches('[')
            .split(';')
            .map(|word| word.parse::<usize>().unwrap_or(1));
        match end {
            'H' => {
                self.row = numbers.next().unwrap_or(1).saturating_sub(1);
                self.column = numbers.next().unwrap_or(1).saturating_sub(1);
            }
            'J' => self.cells = vec![vec![' '; COLUMNS]; ROWS],
            _ => {}
        }
    }

    fn text(&self) -> String {
        let lines: Vec<String> = self.cells.iter().map(|row| row.iter().collect()).collect();
        lines.join("\n")
    }
}

struct Console {
    child: Child,
    keyboard: File,
    drawn: Receiver<(Instant, Vec<u8>)>,
    terminal: Terminal,
    began: Instant,
}

impl Console {
    fn start(shop: &Shop) -> Console {
        let (ours, theirs) = terminal_pair();
        let ends = || Stdio::from(theirs.try_clone().expect("a copy"));
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_counterfoil"))
            .arg("--data")
            .arg(&shop.folder)
            .env("TERM", "xterm-256color")
            .stdin(ends())
            .stdout(ends())
            .stderr(ends())
            .spawn()
            .expect("the console starts");
        let mut screen = File::from(ours.try_clone().expect("a copy"));
        let (tell, drawn) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 65536];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let read = bytes.split_at(count).0.to_vec();
                if tell.send((Instant::now(), read)).is_err() {
                    return;
                }
            }
        });
        Console {
            child,
            keyboard: ours.into(),
            drawn,
            terminal: Terminal::new(),
            began,
        }
    }

    /// When the screen first shows what is looked for.
    fn wait_for(&mut self, what: &str, shows: impl Fn(&str) -> bool) -> Instant {
        loop {
            let (at, bytes) = self
                .drawn
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| fail(&format!("no {what}:\n{}", self.terminal.text())));
            self.terminal.take(&bytes);
            if shows(&self.terminal.text()) {
                return at;
            }
        }
    }

    fn memory_kib(&self) -> f64 {
        let status = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(status).expect("a running console");
        text.lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .expect("its memory")
    }

    fn end(mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), Signal::TERM).expect("a signal");
        self.child.wait().expect("an end");
    }
}

#[expect(clippy::panic, reason = "a bench ends at the first fault")]
fn fail(words: &str) -> ! {
    panic!("{words}")
}

fn terminal_pair() -> (OwnedFd, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("ours");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, Mode::empty()).expect("its other side");
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&ours, size).expect("a size");
    (ours, theirs)
}

pub(crate) fn measure(arguments: &Arguments, shop: &Shop, figures: &mut Figures) {
    let (mut first, mut ready) = (Times::default(), Times::default());
    let mut scan = Times::default();
    let mut memory_kib: f64 = 0.0;
    for turn in 0..arguments.starts {
        let mut console = Console::start(shop);
        let drawn = console.wait_for("frame", |text| {
            text.contains(|letter: char| letter.is_alphanumeric())
        });
        first.push(drawn - console.began);
        let is_ready = console.wait_for("sign of being ready", |text| {
            text.contains("Ready for the next scan")
        });
        ready.push(is_ready - console.began);
        if turn + 1 == arguments.starts {
            for code in shop.unused(SCANS, 0, 1) {
                let at = Instant::now();
                console
                    .keyboard
                    .write_all(format!("{code}\r").as_bytes())
                    .expect("a scan");
                let end = code.split_at(code.len() - 4).1;
                let verdict = console.wait_for("verdict", |text| text.contains(end));
                scan.push(verdict - at);
            }
            memory_kib = console.memory_kib();
        }
        console.end();
    }
    for times in [&mut first, &mut ready, &mut scan] {
        times.sort();
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let codes = shop.codes;
    figures.at_most(
        &format!("{codes} codes: first frame, middle of {}", first.len()),
        ms(first.at(500)),
        100.0,
        " ms",
    );
    figures.note(
        "the slowest of them",
        &format!("{:.1} ms", ms(first.at(1000))),
    );
    figures.note(
        "ready for a scan, middle",
        &format!("{:.1} ms", ms(ready.at(500))),
    );
    figures.note(
        "typed scan to its code on the screen",
        &format!(
            "p50 {:.1} ms, longest {:.1} ms",
            ms(scan.at(500)),
            ms(scan.at(1000))
        ),
    );
    figures.at_most(
        &format!("peak memory after {} scans", scan.len()),
        memory_kib / 1024.0,
        64.0,
        " MiB",
    );
}
