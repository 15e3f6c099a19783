//! What is around the copy while it is played on: other processes of this program, and a printer.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::cli::preflight::paper::print;
use crate::desk::SlipPrinter;
use crate::desk::preflight::{Event, Paper, Surroundings};
use crate::domain::preflight::Told;
use crate::domain::slip::Slip;
use crate::domain::slip_job::SlipOutcome;

/// What such a process says once it has the copy open.
pub(super) const READY: &str = "ready";

/// What one that is to be killed says instead of its answer.
pub(super) const COMMITTED: &str = "committed";

/// Other processes of this program.
pub(super) struct Others<'o> {
    /// The folder of the copy.
    pub(super) folder: &'o Path,
    /// The program.
    pub(super) program: PathBuf,
    /// The shop's paper and slip; or why there is none.
    pub(super) paper: Result<SlipPrinter, String>,
    /// Whether the shop's own printer is never asked how it is.
    pub(super) is_printer_deaf: bool,
}

/// One of them; it ends with this, whatever happens.
struct Other {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Drop for Other {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and is only waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Other {
    /// Tells it to go on.
    fn release(&mut self) -> io::Result<()> {
        match &mut self.input {
            Some(input) => input.write_all(b"go\n").and_then(|()| input.flush()),
            None => Ok(()),
        }
    }

    /// The next line it says; where it says none, what it complained of is the error.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.ends_with('\n') {
            return Ok(line.trim_end().to_owned());
        }
        let mut complaint = String::new();
        if let Some(errors) = &mut self.child.stderr {
            errors.read_to_string(&mut complaint)?;
        }
        let complaint: String = complaint.trim().chars().take(200).collect();
        Err(io::Error::other(format!("it ended early: {complaint}")))
    }

    /// Waits for a word of it.
    fn expect_word(&mut self, word: &str) -> io::Result<()> {
        let line = self.line()?;
        if line == word {
            return Ok(());
        }
        Err(io::Error::other(format!("it said {line:?}, not {word}")))
    }
}

impl Others<'_> {
    /// Starts a process that has the copy open and waits to be released.
    fn begin(&self, event: &Event, is_held: bool) -> io::Result<Other> {
        let (kind, contact) = &event.contact;
        let mut command = Command::new(&self.program);
        command
            .args(["--json", "--counter", &event.counter, "--data"])
            .arg(self.folder)
            .args(["rehearse-claim", "--campaign", event.campaign.as_str()])
            .args(["--kind", kind.as_str(), "--contact", contact])
            .args(["--key", event.key.as_str()])
            .args(["--at-ms", &event.at.as_millisecond().to_string()]);
        if is_held {
            command.arg("--held");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(|| io::Error::other("it has no output"))?;
        Ok(Other {
            child,
            input,
            output: BufReader::new(output),
        })
    }
}

impl Surroundings for Others<'_> {
    fn at_once(&mut self, events: &[Event]) -> io::Result<Vec<Told>> {
        let mut others = Vec::new();
        for event in events {
            others.push(self.begin(event, false)?);
        }
        for other in &mut others {
            other.expect_word(READY)?;
        }
        for other in &mut others {
            other.release()?;
        }
        others
            .iter_mut()
            .map(|other| told(&other.line()?))
            .collect()
    }

    fn killed_after_commit(&mut self, event: &Event) -> io::Result<()> {
        let mut other = self.begin(event, true)?;
        other.expect_word(READY)?;
        other.release()?;
        other.expect_word(COMMITTED)?;
        other.child.kill()?;
        let status = other.child.wait()?;
        if status.signal() == Some(signal_hook::consts::SIGKILL) {
            return Ok(());
        }
        Err(io::Error::other(format!("it was not killed: {status}")))
    }

    fn is_printer_deaf(&self) -> bool {
        self.is_printer_deaf
    }

    fn print(&mut self, slip: &Slip, paper: Paper) -> io::Result<SlipOutcome> {
        let shop = self
            .paper
            .as_ref()
            .map_err(|why| io::Error::other(why.clone()))?;
        print(shop, slip, paper)
    }
}

/// What a claim's line of JSON tells.
fn told(line: &str) -> io::Result<Told> {
    let value: Value = serde_json::from_str(line)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(Told {
        word: text("claim").ok_or_else(|| io::Error::other(format!("it said {line}")))?,
        code: text("code"),
    })
}
