//! Slips at the counter: ordered, noted as printed or doubtful, and settled by a person.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::devices::print::{Health, Job, Outcome, Printer, page_job};
use crate::domain::refusal::Refusal;
use crate::domain::slip::Slip;
use crate::domain::slip_job::{OpenSlip, SlipJob, SlipOutcome};
use crate::domain::slip_template::{SlipLine, Template};
use crate::ledger::LedgerError;

/// A printer, and the words it puts around a code.
#[derive(Debug, Clone)]
pub struct SlipPrinter {
    /// Where the paper is.
    pub printer: Printer,
    /// The shop's lines.
    pub template: Template,
}

/// What became of one slip, for the ledger and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedSlip {
    /// For the ledger.
    pub outcome: SlipOutcome,
    /// For people: what happened.
    pub words: String,
    /// For people: what is wrong with the printer, where something is.
    pub trouble: Option<String>,
    /// For people: what to do, where something is to be done.
    pub hint: Option<String>,
    /// Letters that this printer does not have, and what was printed for them.
    pub substitutions: Vec<String>,
}

impl SlipPrinter {
    /// How the printer is, in words, and whether it would print.
    pub fn health(&self) -> (String, bool) {
        let health = self.printer.health();
        let is_well = !matches!(health, Health::NotReady(_));
        (health.to_string(), is_well)
    }

    /// Prints a slip once, and waits until it is known what became of it: up to half a minute.
    pub fn print(&self, slip: &Slip) -> PrintedSlip {
        let job = match self.printer.job(slip, &self.template) {
            Ok(job) => job,
            Err(fault) => {
                return PrintedSlip {
                    outcome: SlipOutcome::Unconfirmed("unprintable".to_owned()),
                    words: format!("not printed: {fault}"),
                    trouble: Some(fault.to_string()),
                    hint: Some("shorten the template, or use wider paper".to_owned()),
                    substitutions: Vec::new(),
                };
            }
        };
        self.send(&job)
    }

    /// The same of any lines, such as those of a report.
    pub fn print_lines(&self, lines: &[SlipLine]) -> PrintedSlip {
        match page_job(lines, &self.printer.profile) {
            Ok(job) => self.send(&job),
            Err(fault) => PrintedSlip {
                outcome: SlipOutcome::Unconfirmed("unprintable".to_owned()),
                words: format!("not printed: {fault}"),
                trouble: Some(fault.to_string()),
                hint: Some("use wider paper, or `--csv`".to_owned()),
                substitutions: Vec::new(),
            },
        }
    }

    fn send(&self, job: &Job) -> PrintedSlip {
        let outcome = self.printer.print(&job.bytes);
        PrintedSlip {
            outcome: match outcome.reason() {
                None => SlipOutcome::Printed,
                Some(reason) => SlipOutcome::Unconfirmed(reason.word().to_owned()),
            },
            words: outcome.to_string(),
            trouble: outcome.reason().map(ToString::to_string),
            hint: match &outcome {
                Outcome::Printed { .. } | Outcome::Sent => None,
                Outcome::NotSent(reason) | Outcome::Unconfirmed(reason) => Some(reason.hint()),
            },
            substitutions: job.substitutions.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Desk {
    /// Stores the next copy of a customer's slip; the printer gets it after this has returned.
    pub fn order_slip(
        &mut self,
        raw: &[u8],
        now: Timestamp,
    ) -> Result<Result<SlipJob, Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.order_slip(raw, &act)
    }

    /// Keeps what the printer said of a slip.
    pub fn slip_done(&mut self, number: i64, outcome: &SlipOutcome) -> Result<(), LedgerError> {
        self.ledger.slip_done(number, outcome)
    }

    /// The slips that no printer confirmed, the newest first.
    pub fn open_slips(&mut self, now: Timestamp) -> Result<Vec<OpenSlip>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.open_slips(&act)
    }

    /// How many slips no printer confirmed.
    pub fn open_slip_count(&mut self, now: Timestamp) -> Result<u32, LedgerError> {
        let act = self.act(now)?;
        self.ledger.open_slip_count(&act)
    }

    /// The customer has the slip: somebody has seen it.
    pub fn settle_slip(
        &mut self,
        number: i64,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.settle_slip(number, &act)
    }
}
