//! Scanners on a serial line: one thread each, that opens, reads, and opens again after unplug.
//!
//! Invariant: never needs a modem line, and never opens a port that nobody named.
//! Invariant: what came before an unplug without its suffix is dropped, not judged.

mod acknowledge;
mod ports;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serialport::{SerialPort, TTYPort};

use crate::devices::rights::group_of;
use crate::devices::scan::framing::Framer;
use crate::devices::scan::input::Input;

pub use acknowledge::{Acknowledge, ScanAnswer};
pub use ports::{SerialPortFound, list};

/// What scanners use on USB, where it has no effect, and what we ask for elsewhere.
pub const BAUD_DEFAULT: u32 = 115_200;

const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// The system may set a port's rights so long after it appears.
const RIGHTS_GRACE: Duration = Duration::from_secs(5);

/// How long a stop may take.
const READ_WAIT_MAX: Duration = Duration::from_millis(100);

/// While a scan waits for its answer, so often it is looked whether there is one.
const ANSWER_WAIT_MAX: Duration = Duration::from_millis(5);

/// And for so long; by then the scanner has given up.
const ANSWER_AWAITED: Duration = Duration::from_secs(10);

/// A scanner that takes no bytes is not waited for longer.
const WRITE_WAIT_MAX: Duration = Duration::from_millis(100);

/// Answers that may wait for a scanner.
const ANSWERS_MAX: usize = 16;

const READ_BYTES_MAX: usize = 4096;

/// Which port to read, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialConfig {
    /// A path that outlives a replug; see [`SerialPortFound::stable_path`].
    pub path: PathBuf,
    /// Bits per second, 8N1. USB scanners ignore it.
    pub baud: u32,
    /// Whether it is told what came of each scan, see [`SerialScanner::answer`].
    pub is_answered: bool,
}

impl SerialConfig {
    /// The port at `path` with [`BAUD_DEFAULT`].
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            baud: BAUD_DEFAULT,
            is_answered: false,
        }
    }
}

/// What the thread of a serial scanner has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SerialReport {
    /// Scans, in order.
    Inputs(Vec<Input>),
    /// The scanner's health has changed.
    Health(ScannerHealth),
}

/// Whether a scanner can be used, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerHealth {
    /// It is being opened.
    Opening,
    /// It is being read.
    Ready {
        /// Its name, as its USB device gives it.
        product: Option<String>,
    },
    /// There is no such port; it is not plugged in.
    Missing,
    /// We may not open it; members of the group may.
    NoPermission {
        /// The group's name, or its number if it has none.
        group: String,
    },
    /// Another program has it open.
    HeldByAnother,
    /// Anything else, in the system's words.
    Failed(String),
}

/// The thread that reads a serial scanner. Dropping this stops it.
#[derive(Debug)]
pub struct SerialScanner {
    stop: SyncSender<()>,
    answers: SyncSender<&'static [u8]>,
    thread: JoinHandle<()>,
}

impl SerialScanner {
    /// Starts the thread. It ends when `report` returns false or when it is stopped, and opens
    /// the port again and again until then.
    pub fn spawn<F>(config: SerialConfig, report: F) -> io::Result<Self>
    where
        F: FnMut(SerialReport) -> bool + Send + 'static,
    {
        let (stop, stopped) = sync_channel(0);
        let (answers, to_answer) = sync_channel(ANSWERS_MAX);
        let thread = std::thread::Builder::new()
            .name("serial scanner".to_owned())
            .spawn(move || {
                Reader {
                    config,
                    stopped,
                    to_answer,
                    awaited_until: None,
                    report,
                    health: None,
                }
                .run();
            })?;
        Ok(Self {
            stop,
            answers,
            thread,
        })
    }

    /// Sends the scanner what came of a scan, from its own thread: whoever tells it never waits. What
    /// it has no room for is dropped, and so is what finds no scanner.
    pub fn answer(&self, bytes: &'static [u8]) {
        self.answers.try_send(bytes).unwrap_or_default();
    }

    /// Stops the thread and waits for it. Drop the receiver of its reports first, if sending
    /// them can block.
    pub fn stop(self) {
        drop(self.stop);
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

struct Reader<F> {
    config: SerialConfig,
    stopped: Receiver<()>,
    to_answer: Receiver<&'static [u8]>,
    /// Until when an answer is due; none: no scan waits for one.
    awaited_until: Option<Duration>,
    report: F,
    health: Option<ScannerHealth>,
}

/// The thread is to end.
struct Stop;

impl<F: FnMut(SerialReport) -> bool> Reader<F> {
    fn run(mut self) {
        // Ending is all there is to do about a stop.
        self.try_run().err();
    }

    fn try_run(&mut self) -> Result<(), Stop> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this thread owns the port and times its bytes"
        )]
        let start = Instant::now();
        let mut retry = Retry::default();
        self.tell(ScannerHealth::Opening)?;
        loop {
            match open(&self.config) {
                Ok(mut port) => {
                    retry = Retry::default();
                    let product = ports::product_of(&self.config.path);
                    self.tell(ScannerHealth::Ready { product })?;
                    // What was meant for a scanner that is gone is for no other.
                    self.awaited_until = None;
                    self.to_answer.try_iter().for_each(drop);
                    self.read_until_gone(&mut port, start)?;
                    self.tell(health_after_unplug(&self.config.path))?;
                }
                Err(health) => {
                    if retry.fail(&health, start.elapsed()) == Worth::Telling {
                        self.tell(health)?;
                    }
                }
            }
            match self.stopped.recv_timeout(retry.wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Err(Stop),
            }
        }
    }

    fn read_until_gone(&mut self, port: &mut TTYPort, start: Instant) -> Result<(), Stop> {
        let mut framer = Framer::serial();
        let mut buffer = [0; READ_BYTES_MAX];
        loop {
            self.send_answers(port);
            let longest = self.longest_wait(start.elapsed());
            let wait = framer.next_deadline().map_or(longest, |deadline| {
                deadline.saturating_sub(start.elapsed()).min(longest)
            });
            if port.set_timeout(wait).is_err() {
                return Ok(());
            }
            let mut inputs = Vec::new();
            match port.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    framer.feed(bytes, framer.arrival(start.elapsed()), &mut inputs);
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    framer.tick(start.elapsed(), &mut inputs);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Ok(()),
            }
            let has_scan = inputs.iter().any(|input| matches!(input, Input::Scan(_)));
            if has_scan && self.config.is_answered {
                self.awaited_until = Some(start.elapsed() + ANSWER_AWAITED);
            }
            if !inputs.is_empty() && !(self.report)(SerialReport::Inputs(inputs)) {
                return Err(Stop);
            }
            match self.stopped.try_recv() {
                Err(TryRecvError::Empty) => {}
                Ok(()) | Err(TryRecvError::Disconnected) => return Err(Stop),
            }
        }
    }

    fn longest_wait(&self, now: Duration) -> Duration {
        match self.awaited_until {
            Some(until) if now < until => ANSWER_WAIT_MAX,
            Some(_) | None => READ_WAIT_MAX,
        }
    }

    /// A scanner that does not take its answer is none the worse: it gives up by itself.
    fn send_answers(&mut self, port: &mut TTYPort) {
        while let Ok(bytes) = self.to_answer.try_recv() {
            self.awaited_until = None;
            if port.set_timeout(WRITE_WAIT_MAX).is_ok() {
                port.write_all(bytes).unwrap_or_default();
            }
        }
    }

    fn tell(&mut self, health: ScannerHealth) -> Result<(), Stop> {
        if self.health.as_ref() == Some(&health) {
            return Ok(());
        }
        self.health = Some(health.clone());
        if (self.report)(SerialReport::Health(health)) {
            Ok(())
        } else {
            Err(Stop)
        }
    }
}

/// When to open a port again, and whether its failure is news yet.
pub(super) struct Retry {
    wait: Duration,
    denied_since: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Worth {
    Telling,
    Hiding,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            wait: RETRY_MIN,
            denied_since: None,
        }
    }
}

impl Retry {
    /// How long to wait before the next try.
    pub(super) fn wait(&self) -> Duration {
        self.wait
    }

    pub(super) fn fail(&mut self, health: &ScannerHealth, now: Duration) -> Worth {
        // A port that is not there costs nothing to look for, and its scanner is wanted at once.
        if *health == ScannerHealth::Missing {
            *self = Self::default();
            return Worth::Telling;
        }
        if !matches!(health, ScannerHealth::NoPermission { .. }) {
            self.denied_since = None;
            self.wait = (self.wait * 2).min(RETRY_MAX);
            return Worth::Telling;
        }
        let since = *self.denied_since.get_or_insert(now);
        if now.saturating_sub(since) < RIGHTS_GRACE {
            return Worth::Hiding;
        }
        self.wait = (self.wait * 2).min(RETRY_MAX);
        Worth::Telling
    }
}

fn open(config: &SerialConfig) -> Result<TTYPort, ScannerHealth> {
    let Some(path) = config.path.to_str() else {
        return Err(ScannerHealth::Failed("the path is not UTF-8".to_owned()));
    };
    serialport::new(path, config.baud)
        .timeout(READ_WAIT_MAX)
        .open_native()
        .map_err(|error| health_of(&error, &config.path))
}

fn health_of(error: &serialport::Error, path: &Path) -> ScannerHealth {
    match error.kind() {
        serialport::ErrorKind::Io(io::ErrorKind::NotFound) => ScannerHealth::Missing,
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => ScannerHealth::NoPermission {
            group: group_of(path, "dialout"),
        },
        // The crate's word for a port that is locked, by either of its two locks.
        serialport::ErrorKind::NoDevice => ScannerHealth::HeldByAnother,
        serialport::ErrorKind::InvalidInput
        | serialport::ErrorKind::Unknown
        | serialport::ErrorKind::Io(_) => {
            if path.exists() {
                ScannerHealth::Failed(error.to_string())
            } else {
                ScannerHealth::Missing
            }
        }
    }
}

fn health_after_unplug(path: &Path) -> ScannerHealth {
    if path.exists() {
        ScannerHealth::Opening
    } else {
        ScannerHealth::Missing
    }
}
