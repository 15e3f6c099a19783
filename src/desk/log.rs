//! The log for whoever reads it at a desk: parts of it, an export in steps, and a manager who has
//! looked after guessing.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::code::fold;
use crate::domain::escape::{for_display, for_spreadsheet};
use crate::domain::ids::MalformedName;
use crate::domain::local_time::time_or_ago;
use crate::domain::log::{LOG_COLUMNS, LogFilter, LogFormat, LogLine, LogPart, LogPlace, LogWish};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{Ledger, LedgerError, LogPosition};

/// Lines on their way into a file or a stream, in the order of the ledger.
pub struct LogExport {
    out: BufWriter<Box<dyn Write + Send>>,
    format: LogFormat,
    filter: LogFilter,
    position: LogPosition,
    /// Where the log ended when it began: what happens meanwhile makes it no longer.
    end: LogPosition,
    lines: u64,
    /// Under which name it is written until it is whole, and the one it gets.
    names: Option<(PathBuf, PathBuf)>,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Lines looked at.
    pub done: u64,
    /// Lines to look at.
    pub total: u64,
    /// Lines written.
    pub lines: u64,
    /// Whether it is whole, and has its name.
    pub is_whole: bool,
}

/// Why an export ended before it was whole.
#[derive(Debug)]
pub enum ExportFault {
    /// The log could not be read.
    Ledger(LedgerError),
    /// The file could not be written.
    File(io::Error),
}

impl From<LedgerError> for ExportFault {
    fn from(error: LedgerError) -> ExportFault {
        ExportFault::Ledger(error)
    }
}

impl From<io::Error> for ExportFault {
    fn from(error: io::Error) -> ExportFault {
        ExportFault::File(error)
    }
}

impl LogExport {
    /// Begins an export into a file, which has another name until it is whole, and is readable by this
    /// account only.
    pub fn to_file(
        ledger: &mut Ledger,
        path: &Path,
        format: LogFormat,
        filter: LogFilter,
    ) -> Result<LogExport, ExportFault> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".part");
        let unfinished = PathBuf::from(unfinished);
        let file = private(&unfinished)?;
        let mut export = LogExport::to(ledger, Box::new(file), format, filter)?;
        export.names = Some((unfinished, path.to_owned()));
        Ok(export)
    }

    /// Begins an export into a stream.
    pub fn to(
        ledger: &mut Ledger,
        out: Box<dyn Write + Send>,
        format: LogFormat,
        filter: LogFilter,
    ) -> Result<LogExport, ExportFault> {
        let mut export = LogExport {
            out: BufWriter::new(out),
            format,
            filter,
            position: LogPosition::default(),
            end: ledger.log_end()?,
            lines: 0,
            names: None,
        };
        if format == LogFormat::Csv {
            export.record(&LOG_COLUMNS)?;
        }
        Ok(export)
    }

    /// One view of the log further.
    pub fn step(&mut self, ledger: &mut Ledger) -> Result<Exported, ExportFault> {
        let total = self.end.lines_before();
        let lines = if self.position.lines_before() < total {
            ledger.log_page(&mut self.position, &self.filter)?
        } else {
            None
        };
        let is_whole = lines.is_none();
        for line in lines.iter().flatten() {
            self.line(line)?;
        }
        if is_whole {
            self.finish()?;
        }
        Ok(Exported {
            done: if is_whole {
                total
            } else {
                self.position.lines_before().min(total)
            },
            total,
            lines: self.lines,
            is_whole,
        })
    }

    fn line(&mut self, line: &LogLine) -> io::Result<()> {
        self.lines = self.lines.saturating_add(1);
        match self.format {
            LogFormat::JsonLines => {
                serde_json::to_writer(&mut self.out, line)?;
                self.out.write_all(b"\n")
            }
            LogFormat::Csv => self.record(&line.fields()),
        }
    }

    fn record<T: AsRef<str>>(&mut self, fields: &[T]) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.out);
        let neutral = fields.iter().map(|field| for_spreadsheet(field.as_ref()));
        writer.write_record(neutral)?;
        writer.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()?;
        if let Some((unfinished, path)) = self.names.take() {
            File::open(&unfinished)?.sync_all()?;
            std::fs::rename(&unfinished, &path)?;
        }
        Ok(())
    }
}

impl Drop for LogExport {
    /// One that ends half-way leaves no file.
    fn drop(&mut self) {
        if let Some((unfinished, _)) = self.names.take() {
            drop(std::fs::remove_file(unfinished));
        }
    }
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Letters of a code from which on it is looked for as a whole one.
const WHOLE_CODE: usize = 8;

impl Desk {
    /// What is wished for, as it can be looked for.
    pub fn log_filter(
        &mut self,
        wish: &LogWish,
        now: Timestamp,
    ) -> Result<Result<LogFilter, Refusal>, LedgerError> {
        let zone = self.ledger.place()?.zone;
        let text = |typed: &str| Some(typed.trim().to_owned()).filter(|text| !text.is_empty());
        let faulty = |fault: MalformedName| Err(Refusal::Faulty(fault.0));
        let mut times = Vec::new();
        for (typed, is_end) in [(&wish.since, false), (&wish.until, true)] {
            let read = text(typed).map(|text| time_or_ago(&text, now, &zone, is_end));
            match read.transpose() {
                Ok(at) => times.push(at),
                Err(fault) => return Ok(faulty(fault)),
            }
        }
        let code = match text(&wish.code).map(|text| fold(&text)).transpose() {
            Ok(folded) => folded.map(|folded| folded.as_str().to_owned()),
            Err(fault) => return Ok(Err(Refusal::Faulty(fault.to_string()))),
        };
        let customer = match text(&wish.customer) {
            None => None,
            Some(text) => match self.ledger.find_customers(&text)?.as_slice() {
                [customer] => Some(customer.customer_id.clone()),
                [] => return Ok(Err(Refusal::NoSuchCustomer(for_display(&text)))),
                found => {
                    return Ok(Err(Refusal::Faulty(format!(
                        "{} customers are found by that: F4 finds the one",
                        found.len()
                    ))));
                }
            },
        };
        let is_whole = |code: &String| code.len() >= WHOLE_CODE;
        Ok(Ok(LogFilter {
            since: times.first().copied().flatten(),
            until: times.last().copied().flatten(),
            outcome: text(&wish.outcome).and_then(|word| word.parse().ok()),
            campaign: text(&wish.campaign),
            code: code.clone().filter(is_whole),
            code_end: code.filter(|code| !is_whole(code)),
            customer,
            operator: text(&wish.operator),
            counter: text(&wish.counter),
            notes: Vec::new(),
        }))
    }

    /// The newest wanted lines before a place.
    pub fn log_back(
        &mut self,
        from: Option<LogPlace>,
        filter: &LogFilter,
        most: usize,
    ) -> Result<LogPart, LedgerError> {
        self.ledger.log_back(from, filter, most)
    }

    /// Begins an export that a manager has approved, into the folder of exports beside the ledger; gives
    /// back its path.
    pub fn begin_export(
        &mut self,
        format: LogFormat,
        filter: LogFilter,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<PathBuf, ExportFault> {
        self.end_export();
        let folder = self.ledger.folder().join("exports");
        std::fs::create_dir_all(&folder)?;
        let zone = self.ledger.place()?.zone;
        let stamp = now.to_zoned(zone).strftime("%Y-%m-%d-%H%M%S");
        let path = folder.join(format!("log-{stamp}.{}", format.ending()));
        let act = self.act(now)?;
        self.ledger.enter_export(approval.by.as_deref(), &act)?;
        self.export = Some(LogExport::to_file(&mut self.ledger, &path, format, filter)?);
        Ok(path)
    }

    /// One step of the export that is under way; none: there is none.
    pub fn export_step(&mut self) -> Result<Option<Exported>, ExportFault> {
        let Some(mut export) = self.export.take() else {
            return Ok(None);
        };
        match export.step(&mut self.ledger) {
            Ok(exported) => {
                self.export = Some(export).filter(|_| !exported.is_whole);
                Ok(Some(exported))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Gives up the export that is under way, if one is.
    pub fn end_export(&mut self) {
        self.export = None;
    }

    /// A manager has looked after the unknown codes at a counter.
    pub fn end_guessing(
        &mut self,
        counter: &str,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.end_guessing(counter, approval, &act)
    }
}
