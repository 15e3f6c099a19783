//! The terminal, read by ourselves: raw mode, and a thread that reads bytes and notes the time.
//!
//! Not here: drawing. Nothing else may read the terminal while a [`TtyReader`] lives, be it for
//! events, the cursor's position or the terminal's abilities: each such read can eat a scan.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, Termios};

use crate::devices::scan::framing::Framer;
use crate::devices::scan::input::Input;

const READ_BYTES_MAX: usize = 4096;

/// On leaving raw mode, a scan that is still coming in is awaited for so long after each read.
const DRAIN_QUIET: Duration = Duration::from_millis(50);

/// And for at most so many reads.
const DRAIN_READS_MAX: usize = 64;

/// What the reader of a terminal has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TtyReport {
    /// Something came in, or was decided by silence.
    Read {
        /// What was decided, in order; may be empty.
        inputs: Vec<Input>,
        /// The whole text that is not decided yet, safe to show at once.
        pending: String,
    },
    /// The terminal is gone; nothing more will be reported.
    Ended(TtyEnd),
}

/// Why a terminal can no longer be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TtyEnd {
    /// It gave its end of file.
    Eof,
    /// It was closed at its other end.
    HungUp,
    /// The system refused, in its words.
    Failed(String),
}

/// The thread that reads a terminal. Dropping this stops it.
#[derive(Debug)]
pub struct TtyReader {
    stop: PipeWriter,
    thread: JoinHandle<()>,
}

/// Raw mode, for as long as this lives: no line editing, no echo, no signals, no XON/XOFF.
///
/// Dropping it restores the former mode, and swallows what has not been read, so that a scan
/// after the end does not land in the shell.
#[derive(Debug)]
pub struct RawMode {
    tty: OwnedFd,
    before: Termios,
}

/// Opens the terminal: standard input if it is one, else the controlling terminal.
pub fn open() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if rustix::termios::isatty(&stdin) {
        return stdin.as_fd().try_clone_to_owned();
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/tty", flags, Mode::empty())?)
}

impl TtyReader {
    /// Starts the thread. It ends when `report` returns false, when the terminal does, or when
    /// it is stopped; only the second is reported.
    pub fn spawn<F>(tty: OwnedFd, report: F) -> io::Result<Self>
    where
        F: FnMut(TtyReport) -> bool + Send + 'static,
    {
        let (stopped, stop) = io::pipe()?;
        let thread = std::thread::Builder::new()
            .name("tty".to_owned())
            .spawn(move || read_to_end(&tty, &stopped, report))?;
        Ok(Self { stop, thread })
    }

    /// Stops the thread and waits for it. Drop the receiver of its reports first, if sending
    /// them can block.
    pub fn stop(self) {
        drop(self.stop);
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

impl RawMode {
    /// Enters raw mode.
    pub fn enter(tty: impl AsFd) -> io::Result<Self> {
        let tty = tty.as_fd().try_clone_to_owned()?;
        let before = rustix::termios::tcgetattr(&tty)?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(&tty, OptionalActions::Now, &raw)?;
        Ok(Self { tty, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        drain(&self.tty);
        // The terminal may be gone; then there is nothing to restore.
        rustix::termios::tcflush(&self.tty, QueueSelector::IFlush).ok();
        rustix::termios::tcsetattr(&self.tty, OptionalActions::Flush, &self.before).ok();
    }
}

fn drain(tty: &OwnedFd) {
    let mut buffer = [0; READ_BYTES_MAX];
    for _ in 0..DRAIN_READS_MAX {
        let mut fds = [PollFd::new(tty, PollFlags::IN)];
        match poll(&mut fds, timespec(DRAIN_QUIET).as_ref()) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match rustix::io::read(tty, &mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn read_to_end<F>(tty: &OwnedFd, stopped: &PipeReader, mut report: F)
where
    F: FnMut(TtyReport) -> bool,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "this thread owns the terminal and times its bytes"
    )]
    let start = Instant::now();
    let mut framer = Framer::wedge();
    let mut shown = String::new();
    let mut buffer = [0; READ_BYTES_MAX];
    loop {
        let left = framer
            .next_deadline()
            .map(|deadline| deadline.saturating_sub(start.elapsed()));
        let mut inputs = Vec::new();
        match wait(tty.as_fd(), stopped, left) {
            Ok(Woken::Stopped) => return,
            Ok(Woken::Silence) => framer.tick(start.elapsed(), &mut inputs),
            Ok(Woken::Readable) => match read(tty.as_fd(), &mut buffer) {
                Ok([]) => {}
                Ok(bytes) => framer.feed(bytes, framer.arrival(start.elapsed()), &mut inputs),
                Err(end) => {
                    report(TtyReport::Ended(end));
                    return;
                }
            },
            Err(errno) => {
                report(TtyReport::Ended(TtyEnd::Failed(errno.to_string())));
                return;
            }
        }
        let pending = framer.pending();
        if inputs.is_empty() && pending == shown {
            continue;
        }
        shown.clone_from(&pending);
        if !report(TtyReport::Read { inputs, pending }) {
            return;
        }
    }
}

enum Woken {
    Readable,
    Silence,
    Stopped,
}

fn wait(tty: BorrowedFd<'_>, stopped: &PipeReader, left: Option<Duration>) -> Result<Woken, Errno> {
    let mut fds = [
        PollFd::from_borrowed_fd(tty, PollFlags::IN),
        PollFd::new(stopped, PollFlags::IN),
    ];
    match poll(&mut fds, left.and_then(timespec).as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno),
    }
    let [tty, stopped] = fds.map(|fd| !fd.revents().is_empty());
    Ok(if stopped {
        Woken::Stopped
    } else if tty {
        Woken::Readable
    } else {
        Woken::Silence
    })
}

/// Reads once; nothing if the read was interrupted.
fn read<'a>(tty: BorrowedFd<'_>, buffer: &'a mut [u8]) -> Result<&'a [u8], TtyEnd> {
    match rustix::io::read(tty, &mut *buffer) {
        Ok(0) => Err(TtyEnd::Eof),
        Ok(count) => Ok(buffer.get(..count).unwrap_or_default()),
        Err(Errno::INTR | Errno::AGAIN) => Ok(&[]),
        Err(Errno::IO) => Err(TtyEnd::HungUp),
        Err(errno) => Err(TtyEnd::Failed(errno.to_string())),
    }
}

/// None, which waits without end, only for a time that no clock reaches.
fn timespec(time: Duration) -> Option<Timespec> {
    // Rounded up to a microsecond, or the thread would wake just before its deadline.
    Timespec::try_from(time + Duration::from_micros(1)).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::time::Duration;

    use rustix::termios::{InputModes, LocalModes, OptionalActions, tcgetattr, tcsetattr};
    use serialport::{SerialPort, TTYPort};

    use crate::devices::scan::input::{Input, Key, Scan, ScanFlag, ScanFlags};
    use crate::devices::scan::tty::{RawMode, TtyEnd, TtyReader, TtyReport};

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A terminal that a program could have been started in, and what is typed into it.
    fn terminal() -> (TTYPort, OwnedFd) {
        let (mut keyboard, slave) = TTYPort::pair().unwrap();
        keyboard.set_timeout(PATIENCE).unwrap();
        let path = slave.name().unwrap();
        let tty = File::options().read(true).write(true).open(path).unwrap();
        let mut modes = tcgetattr(&tty).unwrap();
        modes.local_modes |= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        modes.input_modes |= InputModes::ICRNL | InputModes::IXON;
        tcsetattr(&tty, OptionalActions::Now, &modes).unwrap();
        (keyboard, tty.into())
    }

    struct Session {
        keyboard: TTYPort,
        reports: Receiver<TtyReport>,
        reader: TtyReader,
        raw: RawMode,
    }

    fn session() -> Session {
        let (keyboard, tty) = terminal();
        let raw = RawMode::enter(&tty).unwrap();
        let (send, reports) = sync_channel(16);
        let reader = TtyReader::spawn(tty, move |report| send.send(report).is_ok()).unwrap();
        Session {
            keyboard,
            reports,
            reader,
            raw,
        }
    }

    impl Session {
        fn inputs(&self, count: usize) -> Vec<Input> {
            let mut all = Vec::new();
            while all.len() < count {
                match self.reports.recv_timeout(PATIENCE).unwrap() {
                    TtyReport::Read { inputs, .. } => all.extend(inputs),
                    TtyReport::Ended(end) => panic!("{end:?}"),
                }
            }
            all
        }
    }

    fn scan(bytes: &[u8], flags: ScanFlags) -> Input {
        Input::Scan(Scan {
            bytes: bytes.to_vec(),
            total: bytes.len(),
            flags,
        })
    }

    #[test]
    fn a_scan_arrives_byte_for_byte() {
        let mut session = session();
        let bytes = b"AB\x03\x1a\x13\x11\x1cC\xff\x1b[6n\x04D";
        session
            .keyboard
            .write_all(&[&bytes[..], b"\r"].concat())
            .unwrap();
        let dirty = ScanFlags::NONE.with(ScanFlag::Dirty);
        assert_eq!(session.inputs(1), [scan(bytes, dirty)]);
        session.keyboard.write_all(b"NOSUFFIX").unwrap();
        assert_eq!(session.inputs(1), [scan(b"NOSUFFIX", ScanFlags::NONE)]);
        session.reader.stop();
    }

    #[test]
    fn undecided_text_is_told_at_once() {
        let mut session = session();
        session.keyboard.write_all(b"y").unwrap();
        let told = |inputs: Vec<Input>, pending: &str| TtyReport::Read {
            inputs,
            pending: pending.to_owned(),
        };
        let reports: Vec<_> = (0..2)
            .map(|_| session.reports.recv_timeout(PATIENCE).unwrap())
            .collect();
        assert_eq!(
            reports,
            [told(vec![], "y"), told(vec![Input::Typed('y')], "")]
        );
    }

    #[test]
    fn keys_arrive_alone() {
        let mut session = session();
        for (bytes, expected) in [
            (&b"\x1b[19~"[..], Key::F(8)),
            (b"\x03", Key::Ctrl('c')),
            (b"\x1b", Key::Esc),
        ] {
            session.keyboard.write_all(bytes).unwrap();
            assert_eq!(session.inputs(1), [Input::Key(expected)]);
        }
    }

    #[test]
    fn a_thousand_scans_come_in_order() {
        let mut session = session();
        let codes: Vec<String> = (0..1000).map(|i| format!("CODE-{i:011}")).collect();
        let all = codes.join("\r\n") + "\r\n";
        let mut keyboard = session.keyboard.try_clone_native().unwrap();
        let typist = std::thread::spawn(move || keyboard.write_all(all.as_bytes()).unwrap());
        let expected: Vec<Input> = codes
            .iter()
            .map(|code| scan(code.as_bytes(), ScanFlags::NONE))
            .collect();
        assert_eq!(session.inputs(1000), expected);
        typist.join().unwrap();
        session.keyboard.write_all(b"LAST-ONE\r").unwrap();
        assert_eq!(session.inputs(1), [scan(b"LAST-ONE", ScanFlags::NONE)]);
    }

    #[test]
    fn a_paste_without_end_frees_the_keyboard() {
        let mut session = session();
        session.keyboard.write_all(b"\x1b[200~AB").unwrap();
        let pasted = ScanFlags::NONE.with(ScanFlag::Paste);
        assert_eq!(session.inputs(1), [scan(b"AB", pasted)]);
        session.keyboard.write_all(b"CODE-1\r").unwrap();
        assert_eq!(session.inputs(1), [scan(b"CODE-1", ScanFlags::NONE)]);
    }

    #[test]
    fn stopping_ends_the_thread() {
        let session = session();
        session.reader.stop();
        assert!(session.reports.recv().is_err());
    }

    #[test]
    fn nobody_listening_ends_the_thread() {
        let mut session = session();
        drop(session.reports);
        session.keyboard.write_all(b"CODE-1\r").unwrap();
        session.reader.thread.join().unwrap();
    }

    #[test]
    fn a_terminal_that_hangs_up_is_reported() {
        let session = session();
        drop(session.keyboard);
        let TtyReport::Ended(end) = session.reports.recv_timeout(PATIENCE).unwrap() else {
            panic!("still reading");
        };
        assert!(matches!(end, TtyEnd::HungUp | TtyEnd::Eof), "{end:?}");
        assert!(session.reports.recv_timeout(PATIENCE).is_err());
        drop(session.raw);
    }

    #[test]
    fn leaving_raw_mode_restores_and_swallows() {
        let (mut keyboard, tty) = terminal();
        let before = tcgetattr(&tty).unwrap();
        let raw = RawMode::enter(&tty).unwrap();
        let local = tcgetattr(&tty).unwrap().local_modes;
        assert!(!local.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
        keyboard.write_all(b"rm -rf precious\r").unwrap();
        drop(raw);
        let after = tcgetattr(&tty).unwrap();
        assert_eq!(after.local_modes, before.local_modes);
        assert_eq!(after.input_modes, before.input_modes);
        assert_eq!(rustix::io::ioctl_fionread(&tty).unwrap(), 0);
    }
}
