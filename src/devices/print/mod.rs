//! Slips onto paper, and what can be known about it afterwards.
//!
//! A job is asked for at most once: whether it came out is confirmed by the printer ([`Outcome`]), and
//! where it cannot be, a person looks. Nothing here prints again by itself.
//!
//! The fence: ask for paper (nothing is sent if there is none), send the job, then `GS r 1`, which is
//! answered only when all before it is printed. Without an answer the printer is asked in real time
//! what is wrong.
//!
//! Invariant: every call ends, by the waits of [`Waits`]. Threads are the caller's business.
//! Not here: which slips there are and which were printed (the ledger's), words for customers (the
//! template's).

mod destination;
mod escpos;
mod found;
mod page;
mod profile;
mod raster;
mod sheet;
mod status;
mod text;
mod transport;

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::devices::print::escpos::{FENCE, Question, ask};
use crate::devices::print::status::{Ears, Heard};
use crate::devices::print::transport::{Answered, Deadline, Wire, WriteFault};
use crate::domain::slip::Slip;
use crate::domain::slip_template::Template;

pub use destination::{BAUD_DEFAULT, Destination, MalformedDestination, PORT_DEFAULT};
pub use found::{UsbPrinterFound, list};
pub use page::{Job, JobFault, LINES_MAX, page_job, slip_job};
pub use profile::{
    COLUMNS_MAX, COLUMNS_MIN, Cut, DOTS_MAX, DOTS_MIN, MODULE_DOTS_MAX, MODULE_DOTS_MIN, PageCode,
    Profile, ProfileName, QrWay,
};
pub use sheet::{TEST_CODE, test_sheet};
pub use text::{CodeTable, Substitution, spell};

/// Runs a shell command with `input` on its standard input, and waits for its end, but no longer than
/// this; else says why it did not take it.
pub fn run_command(command: &str, input: &[u8], within: Duration) -> Result<(), String> {
    let waits = Waits {
        command: within,
        ..Waits::default()
    };
    transport::run(command, input, &waits).map_err(|fault| fault.reason.to_string())
}

/// A printer, and how it is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printer {
    /// Where it is.
    pub destination: Destination,
    /// What it can do.
    pub profile: Profile,
    /// Whether it is asked.
    pub status: StatusMode,
    /// How long each step may take.
    pub waits: Waits,
}

/// Whether a printer is asked how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusMode {
    /// It is, where anything can come back: before a job and after it.
    Auto,
    /// It is not: cheap models answer nothing, and each slip would wait for it.
    None,
}

impl StatusMode {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            StatusMode::Auto => "auto",
            StatusMode::None => "none",
        }
    }
}

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// To find and reach the host.
    pub connect: Duration,
    /// For an answer to `DLE EOT`.
    pub status: Duration,
    /// For the printer to take another byte of the job.
    pub stall: Duration,
    /// For the fence behind the job, and once more while the printer says that all is well. On a
    /// serial line, the time that the job needs to get there comes on top.
    pub fence: Duration,
    /// For a command to end.
    pub command: Duration,
}

impl Default for Waits {
    /// 2 s, 800 ms, 5 s, 5 s, 30 s: a slip of 30 cm takes about 2 s at 150 mm/s.
    fn default() -> Self {
        Waits {
            connect: Duration::from_secs(2),
            status: Duration::from_millis(800),
            stall: Duration::from_secs(5),
            fence: Duration::from_secs(5),
            command: Duration::from_secs(30),
        }
    }
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is printed: the printer said so.
    Printed {
        /// How much is left for the next.
        paper: Paper,
    },
    /// It was handed over to somebody who cannot say more: a command, a file, a printer that is not
    /// asked. Taken as printed.
    Sent,
    /// It was sent, and whether it came out is not known: look.
    Unconfirmed(Reason),
    /// Nothing was sent: it did not come out and never will.
    NotSent(Reason),
}

impl Outcome {
    /// The name for programs: `printed`, `sent`, `unconfirmed`, `not_sent`.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Printed { .. } => "printed",
            Outcome::Sent => "sent",
            Outcome::Unconfirmed(_) => "unconfirmed",
            Outcome::NotSent(_) => "not_sent",
        }
    }

    /// Why it is not printed, as far as is known.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Outcome::Printed { .. } | Outcome::Sent => None,
            Outcome::Unconfirmed(reason) | Outcome::NotSent(reason) => Some(reason),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Printed { paper: Paper::Ok } => f.write_str("printed"),
            Outcome::Printed {
                paper: Paper::NearEnd,
            } => f.write_str("printed; the paper is nearly used up"),
            Outcome::Sent => f.write_str("sent; this printer does not say whether it printed"),
            Outcome::Unconfirmed(reason) => write!(f, "not known whether it printed: {reason}"),
            Outcome::NotSent(reason) => write!(f, "not printed: {reason}"),
        }
    }
}

/// How much paper is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// Enough, or there is no sensor.
    Ok,
    /// The roll is nearly used up.
    NearEnd,
}

/// How a printer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It would print.
    Ready(Paper),
    /// It would not.
    NotReady(Reason),
    /// It is not asked, or cannot be.
    NotAsked,
}

impl Health {
    /// The name for programs: `ready`, `paper_low`, `not_asked`, or that of the reason.
    pub fn word(&self) -> &'static str {
        match self {
            Health::Ready(Paper::Ok) => "ready",
            Health::Ready(Paper::NearEnd) => "paper_low",
            Health::NotReady(reason) => reason.word(),
            Health::NotAsked => "not_asked",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Health::Ready(Paper::Ok) => f.write_str("ready"),
            Health::Ready(Paper::NearEnd) => f.write_str("ready; the paper is nearly used up"),
            Health::NotReady(reason) => reason.fmt(f),
            Health::NotAsked => f.write_str("not asked"),
        }
    }
}

/// Why a job is not known to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is no paper.
    PaperOut,
    /// The cover is open.
    CoverOpen,
    /// The cutter is stuck.
    CutterError,
    /// Another error of the printer.
    PrinterError,
    /// The printer is off line, or takes no more data.
    Offline,
    /// It answers and says that all is well, but has not finished in time; or another program has it.
    Busy,
    /// It does not answer.
    Silent,
    /// It answers what no printer would.
    Garbled,
    /// The connection or the cable went away.
    ConnectionLost,
    /// Its host refuses: it is off, takes one connection and has one, or is no printer.
    Refused,
    /// Its host does not answer.
    Unreachable,
    /// There is no host of this name.
    UnknownHost(String),
    /// There is no such device.
    Missing,
    /// This account may not open it; members of the group may.
    NoPermission {
        /// The group's name, or its number if it has none.
        group: String,
    },
    /// The command ended badly.
    CommandFailed {
        /// Its exit status; `None` if a signal ended it.
        exit: Option<i32>,
        /// The last line that it complained.
        words: String,
    },
    /// Anything else, in the system's words.
    Failed(String),
}

impl Reason {
    /// The name for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::PaperOut => "paper_out",
            Reason::CoverOpen => "cover_open",
            Reason::CutterError => "cutter_error",
            Reason::PrinterError => "printer_error",
            Reason::Offline => "offline",
            Reason::Busy => "busy",
            Reason::Silent => "silent",
            Reason::Garbled => "garbled",
            Reason::ConnectionLost => "connection_lost",
            Reason::Refused => "refused",
            Reason::Unreachable => "unreachable",
            Reason::UnknownHost(_) => "unknown_host",
            Reason::Missing => "missing",
            Reason::NoPermission { .. } => "no_permission",
            Reason::CommandFailed { .. } => "command_failed",
            Reason::Failed(_) => "failed",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Reason::PaperOut => "put in a new roll".to_owned(),
            Reason::CoverOpen => "close the cover".to_owned(),
            Reason::CutterError => {
                "switch the printer off, clear the cutter, switch it on".to_owned()
            }
            Reason::PrinterError => "switch the printer off and on".to_owned(),
            Reason::Offline => "see to the printer: paper, cover, its on-line key".to_owned(),
            Reason::Busy => {
                "wait until it has printed, or close the program that has it".to_owned()
            }
            Reason::Silent => {
                "see whether it is on; if it prints and never answers, set status = \"none\""
                    .to_owned()
            }
            Reason::Garbled => "check the speed of the line, and that it is a printer".to_owned(),
            Reason::ConnectionLost => "check the cable and the printer's power".to_owned(),
            Reason::Refused => {
                "check that it is on, that the address is the printer's, and that no other \
                 program holds it"
                    .to_owned()
            }
            Reason::Unreachable => "check that it is on, its cable and its address".to_owned(),
            Reason::UnknownHost(_) => "check the name, or write its address".to_owned(),
            Reason::Missing => {
                "plug it in and switch it on; `counterfoil devices` lists what is there".to_owned()
            }
            Reason::NoPermission { group } => {
                format!("sudo usermod -aG {group} $USER, then log in again")
            }
            Reason::CommandFailed { .. } => "try the command by hand with a text".to_owned(),
            Reason::Failed(_) => "check the printer and its cable".to_owned(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::PaperOut => "the printer is out of paper",
            Reason::CoverOpen => "the printer's cover is open",
            Reason::CutterError => "the printer's cutter is stuck",
            Reason::PrinterError => "the printer reports an error",
            Reason::Offline => "the printer is off line",
            Reason::Busy => "the printer is busy",
            Reason::Silent => "the printer does not answer",
            Reason::Garbled => "the printer's answers make no sense",
            Reason::ConnectionLost => "the connection to the printer was lost",
            Reason::Refused => "the printer refuses the connection",
            Reason::Unreachable => "the printer cannot be reached",
            Reason::UnknownHost(host) => {
                return write!(f, "there is no printer of the name {host}");
            }
            Reason::Missing => "the printer is not plugged in",
            Reason::NoPermission { group } => {
                return write!(f, "no permission: add this account to the group {group}");
            }
            Reason::CommandFailed { exit, words } => {
                match exit {
                    Some(exit) => write!(f, "the command ended with status {exit}")?,
                    None => f.write_str("the command was ended by a signal")?,
                }
                if words.is_empty() {
                    return Ok(());
                }
                return write!(f, ": {words}");
            }
            Reason::Failed(words) => words,
        })
    }
}

impl Printer {
    /// A printer that is asked, with the usual waits.
    pub fn new(destination: Destination, profile: Profile) -> Printer {
        Printer {
            destination,
            profile,
            status: StatusMode::Auto,
            waits: Waits::default(),
        }
    }

    /// The job of a slip on this printer's paper.
    pub fn job(&self, slip: &Slip, template: &Template) -> Result<Job, JobFault> {
        slip_job(slip, template, &self.profile)
    }

    /// Prints the bytes of a job once, and says what became of it.
    pub fn print(&self, job: &[u8]) -> Outcome {
        let done = match &self.destination {
            Destination::Command(command) => transport::run(command, job, &self.waits),
            Destination::File(path) => transport::append(path, job),
            Destination::Tcp { .. }
            | Destination::Device(_)
            | Destination::Usb(_)
            | Destination::Serial { .. } => {
                return match transport::open(&self.destination, &self.waits) {
                    Ok(wire) => self.print_on(wire, job),
                    Err(reason) => Outcome::NotSent(reason),
                };
            }
        };
        match done {
            Ok(()) => Outcome::Sent,
            Err(fault) => outcome_of(fault),
        }
    }

    /// Asks how the printer is.
    pub fn health(&self) -> Health {
        if self.status == StatusMode::None || !self.destination.can_answer() {
            return Health::NotAsked;
        }
        let wire = match transport::open(&self.destination, &self.waits) {
            Ok(wire) => wire,
            Err(reason) => return Health::NotReady(reason),
        };
        let mut talk = Talk::on(wire, &self.waits);
        let health = match talk.readiness() {
            Ok(Readiness::Ready(paper)) => Health::Ready(paper),
            Ok(Readiness::Silent) => Health::NotReady(talk.silence()),
            Err(reason) => Health::NotReady(reason),
        };
        talk.wire.close();
        health
    }

    fn print_on(&self, mut wire: Wire, job: &[u8]) -> Outcome {
        if self.status == StatusMode::None {
            return match wire.write_all(job, self.waits.stall) {
                Ok(()) => {
                    wire.close();
                    Outcome::Sent
                }
                Err(fault) => {
                    wire.abandon();
                    outcome_of(fault)
                }
            };
        }
        let mut talk = Talk::on(wire, &self.waits);
        let paper = match talk.readiness() {
            Ok(Readiness::Ready(paper)) => paper,
            // It may still print, and even answer the fence.
            Ok(Readiness::Silent) => Paper::Ok,
            Err(reason) => {
                talk.wire.close();
                return Outcome::NotSent(reason);
            }
        };
        let is_noise = talk.ears.hears_only_noise();
        if let Err(fault) = talk.wire.write_all(job, self.waits.stall) {
            talk.wire.abandon();
            return outcome_of(fault);
        }
        let outcome = match talk.wire.write_all(&FENCE, self.waits.stall) {
            Err(fault) => Outcome::Unconfirmed(fault.reason),
            Ok(()) => talk.confirm(paper, is_noise, self.fence_wait(job)),
        };
        match &outcome {
            Outcome::Printed { .. } => talk.wire.close(),
            Outcome::Sent | Outcome::Unconfirmed(_) | Outcome::NotSent(_) => talk.wire.abandon(),
        }
        outcome
    }

    fn fence_wait(&self, job: &[u8]) -> Duration {
        let on_the_line = match &self.destination {
            // Ten bits to a byte: a start bit and a stop bit.
            Destination::Serial { baud, .. } => {
                let bits = u64::try_from(job.len()).unwrap_or(0).saturating_mul(10_000);
                Duration::from_millis(bits.checked_div(u64::from(*baud)).unwrap_or(0))
            }
            Destination::Tcp { .. }
            | Destination::Device(_)
            | Destination::Usb(_)
            | Destination::Command(_)
            | Destination::File(_) => Duration::ZERO,
        };
        self.waits.fence.saturating_add(on_the_line)
    }
}

fn outcome_of(fault: WriteFault) -> Outcome {
    if fault.sent == 0 {
        Outcome::NotSent(fault.reason)
    } else {
        Outcome::Unconfirmed(fault.reason)
    }
}

/// What a printer said before a job.
enum Readiness {
    Ready(Paper),
    Silent,
}

/// A conversation with a printer.
struct Talk<'w> {
    wire: Wire,
    ears: Ears,
    waits: &'w Waits,
    /// A fence that came while something else was asked.
    late_fence: Option<u8>,
}

/// What came while something else was waited for.
enum Reply {
    Status(u8),
    Fence(u8),
    Nothing,
}

impl<'w> Talk<'w> {
    fn on(wire: Wire, waits: &'w Waits) -> Talk<'w> {
        Talk {
            wire,
            ears: Ears::default(),
            waits,
            late_fence: None,
        }
    }

    /// Whether it would print; an error says why it would not.
    fn readiness(&mut self) -> Result<Readiness, Reason> {
        let Some(paper) = self.status(Question::Paper)? else {
            return Ok(Readiness::Silent);
        };
        if status::is_paper_out(paper) {
            return Err(Reason::PaperOut);
        }
        if let Some(printer) = self.status(Question::Printer)?
            && status::is_offline(printer)
        {
            return Err(self.trouble()?.unwrap_or(Reason::Offline));
        }
        Ok(Readiness::Ready(if status::is_paper_low(paper) {
            Paper::NearEnd
        } else {
            Paper::Ok
        }))
    }

    /// What is wrong with a printer that answers, if it says.
    fn trouble(&mut self) -> Result<Option<Reason>, Reason> {
        let offline = self.status(Question::Offline)?.unwrap_or(0);
        if status::is_cover_open(offline) {
            return Ok(Some(Reason::CoverOpen));
        }
        if status::has_stopped_for_paper(offline) {
            return Ok(Some(Reason::PaperOut));
        }
        if status::has_error(offline) {
            let error = self.status(Question::Error)?.unwrap_or(0);
            return Ok(Some(if status::has_cutter_error(error) {
                Reason::CutterError
            } else {
                Reason::PrinterError
            }));
        }
        Ok(None)
    }

    /// Waits for the fence behind a job, and where it does not come, asks why.
    fn confirm(&mut self, paper: Paper, is_noise: bool, wait: Duration) -> Outcome {
        // Before the job nothing was fenced.
        self.late_fence = None;
        // A printer that says all is well is given the same time once more.
        for _ in 0..2 {
            match self.reply(Deadline::after(wait)) {
                Err(reason) => return Outcome::Unconfirmed(reason),
                Ok(Reply::Fence(_)) if is_noise => {
                    return Outcome::Unconfirmed(Reason::Garbled);
                }
                Ok(Reply::Fence(fence)) => return printed(fence, paper),
                // An answer that comes too late to what was asked before the job.
                Ok(Reply::Status(_)) => {}
                Ok(Reply::Nothing) => {
                    let found = self.why_not_yet(paper, is_noise);
                    if let Some(fence) = self.late_fence.filter(|_| !is_noise) {
                        return printed(fence, paper);
                    }
                    match found {
                        Ok(None) => {}
                        Ok(Some(outcome)) => return outcome,
                        Err(reason) => return Outcome::Unconfirmed(reason),
                    }
                }
            }
        }
        Outcome::Unconfirmed(Reason::Busy)
    }

    /// Asks a printer whose fence does not come; `None` if it says that all is well.
    fn why_not_yet(&mut self, before: Paper, is_noise: bool) -> Result<Option<Outcome>, Reason> {
        self.write(&ask(Question::Paper))?;
        match self.reply(Deadline::after(self.waits.status))? {
            Reply::Fence(fence) if !is_noise => {
                return Ok(Some(printed(fence, before)));
            }
            Reply::Fence(_) | Reply::Nothing => {
                return Ok(Some(Outcome::Unconfirmed(self.silence())));
            }
            Reply::Status(paper) if status::is_paper_out(paper) => {
                return Ok(Some(Outcome::Unconfirmed(Reason::PaperOut)));
            }
            Reply::Status(_) => {}
        }
        if let Some(reason) = self.trouble()? {
            return Ok(Some(Outcome::Unconfirmed(reason)));
        }
        let printer = self.status(Question::Printer)?.unwrap_or(0);
        Ok(status::is_offline(printer).then_some(Outcome::Unconfirmed(Reason::Offline)))
    }

    /// Asks, and waits for the answer.
    fn status(&mut self, question: Question) -> Result<Option<u8>, Reason> {
        self.write(&ask(question))?;
        let deadline = Deadline::after(self.waits.status);
        loop {
            match self.reply(deadline)? {
                Reply::Status(status) => return Ok(Some(status)),
                Reply::Fence(fence) => self.late_fence = Some(fence),
                Reply::Nothing => return Ok(None),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.wire
            .write_all(bytes, self.waits.status)
            .map_err(|fault| fault.reason)
    }

    fn reply(&mut self, deadline: Deadline) -> Result<Reply, Reason> {
        loop {
            match self.wire.listen(deadline) {
                Answered::Byte(byte) => match self.ears.hear(byte) {
                    Some(Heard::Status(status)) => return Ok(Reply::Status(status)),
                    Some(Heard::Fence(fence)) => return Ok(Reply::Fence(fence)),
                    None => {}
                },
                Answered::Nothing => return Ok(Reply::Nothing),
                Answered::Gone => return Err(Reason::ConnectionLost),
            }
            // Noise without an end is no answer either.
            if deadline.left().is_none() {
                return Ok(Reply::Nothing);
            }
        }
    }

    /// What it means that nothing came that made sense.
    fn silence(&self) -> Reason {
        if self.ears.hears_only_noise() {
            Reason::Garbled
        } else {
            Reason::Silent
        }
    }
}

fn printed(fence: u8, before: Paper) -> Outcome {
    if status::fence_paper_out(fence) {
        return Outcome::Unconfirmed(Reason::PaperOut);
    }
    let is_low = status::fence_paper_low(fence) || before == Paper::NearEnd;
    Outcome::Printed {
        paper: if is_low { Paper::NearEnd } else { Paper::Ok },
    }
}
