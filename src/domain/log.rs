//! Lines of the log and the life of a code, as values to show or to write as JSON.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::notes::{Note, Notes};
use crate::domain::verdict::Band;

/// One line of the log: an attempt and its answer, or an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When, by that counter's clock.
    pub at: Timestamp,
    /// What was tried.
    pub kind: String,
    /// What was answered; `done` for an act of the back room.
    pub answer: String,
    /// The code as stored.
    pub code: Option<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// The customer.
    pub customer_id: Option<String>,
    /// The store.
    pub store: String,
    /// The counter.
    pub counter: String,
    /// The operator.
    pub operator: Option<String>,
    /// What set it off.
    pub trigger: Option<String>,
    /// The caller's key.
    pub key: Option<String>,
    /// The scan as it came, escaped.
    pub raw: Option<String>,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// What the caller noted beside it.
    #[serde(skip_serializing_if = "Notes::is_empty")]
    pub notes: Notes,
}

impl LogLine {
    /// The band of its answer, as on the screen of whoever got it; none: there was nothing to decide.
    pub fn band(&self) -> Option<Band> {
        Some(match (self.kind.as_str(), self.answer.as_str()) {
            ("redeem" | "check", "accepted" | "replayed" | "reread")
            | (
                "assign" | "replace",
                "assigned" | "replayed" | "already_assigned" | "preview" | "forward",
            ) => Band::Go,
            (
                "redeem" | "check",
                "needs_customer" | "needs_answer" | "needs_approval" | "misread",
            )
            | ("guessing", "noticed")
            | ("parked", _) => Band::Look,
            (_, "unknown_outcome" | "in_progress") => Band::Wait,
            (_, "done" | "voided" | "reversed") if self.kind != "redeem" => return None,
            ("reverse", "replayed") => return None,
            _ => Band::Stop,
        })
    }
}

/// Which answers are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This one, by its word.
    Word(String),
    /// Everything that was asked for and not given.
    Refused,
    /// Codes that nobody knows: `not_found` and `misread`.
    Unknown,
}

/// The answers to a code that nobody knows.
pub const UNKNOWN: [&str; 2] = ["not_found", "misread"];

impl FromStr for Outcome {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Outcome, Infallible> {
        Ok(match text {
            "refused" => Outcome::Refused,
            "unknown" => Outcome::Unknown,
            word => Outcome::Word(word.to_owned()),
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Word(word) => word,
            Outcome::Refused => "refused",
            Outcome::Unknown => "unknown",
        })
    }
}

impl Outcome {
    /// Whether a line has it.
    pub fn is_of(&self, line: &LogLine) -> bool {
        match self {
            Outcome::Word(word) => line.answer == *word,
            Outcome::Refused => line
                .band()
                .is_some_and(|band| matches!(band, Band::Stop | Band::Look)),
            Outcome::Unknown => UNKNOWN.contains(&line.answer.as_str()),
        }
    }

    /// Whether what changed something may have it; else only attempts need be looked at.
    pub fn may_be_an_entry(&self) -> bool {
        match self {
            Outcome::Word(word) => matches!(
                word.as_str(),
                "assigned" | "accepted" | "reversed" | "voided" | "done" | "parked"
            ),
            // What cannot be read here is to be looked at too.
            Outcome::Refused => true,
            Outcome::Unknown => false,
        }
    }
}

/// Which lines of the log are wanted: those that all of it is true of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// Only with this answer.
    pub outcome: Option<Outcome>,
    /// Only of this campaign.
    pub campaign: Option<String>,
    /// Only of this code, folded.
    pub code: Option<String>,
    /// Only of codes that end so, folded.
    pub code_end: Option<String>,
    /// Only of this customer, by id.
    pub customer: Option<String>,
    /// Only by this operator.
    pub operator: Option<String>,
    /// Only at this counter.
    pub counter: Option<String>,
    /// Only with all of these notes.
    pub notes: Vec<Note>,
}

impl LogFilter {
    /// Whether it may be a wanted line, going by its time alone.
    pub fn may_want(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    /// Whether a line is wanted; `folded` is its code as it is looked up.
    pub fn wants(&self, line: &LogLine, folded: Option<&str>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
        };
        self.may_want(line.at)
            && self
                .outcome
                .as_ref()
                .is_none_or(|outcome| outcome.is_of(line))
            && is(&self.campaign, line.campaign.as_deref())
            && is(&self.code, folded)
            && self
                .code_end
                .as_ref()
                .is_none_or(|end| folded.is_some_and(|folded| folded.ends_with(end)))
            && is(&self.customer, line.customer_id.as_deref())
            && is(&self.operator, line.operator.as_deref())
            && is(&self.counter, Some(&line.counter))
            && self.notes.iter().all(|note| line.notes.hold(note))
    }
}

/// What somebody wishes to see of the log, as typed; what is empty is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogWish {
    /// An answer, `refused` or `unknown`.
    pub outcome: String,
    /// A campaign.
    pub campaign: String,
    /// A code, or how it ends.
    pub code: String,
    /// A customer, by id or contact.
    pub customer: String,
    /// An operator.
    pub operator: String,
    /// A counter.
    pub counter: String,
    /// A time, or how long ago.
    pub since: String,
    /// A time, or how long ago.
    pub until: String,
}

/// A place in the log, for whoever reads it from its newest line backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    /// Entries below this number come next.
    pub entry: i64,
    /// Attempts below this number come next.
    pub attempt: i64,
    /// Entries up to this one are too old.
    pub entry_floor: i64,
    /// Attempts up to this one are too old.
    pub attempt_floor: i64,
}

/// A part of the log, newest line first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPart {
    /// The wanted lines.
    pub lines: Vec<LogLine>,
    /// Where it goes on; none: all of it was looked at.
    pub next: Option<LogPlace>,
    /// How far back it was looked, whether or not there was anything wanted.
    pub looked_back_to: Option<Timestamp>,
}

/// How an exported log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A table for a spreadsheet, its formulas neutralised.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl LogFormat {
    /// What its files end with.
    pub fn ending(self) -> &'static str {
        match self {
            LogFormat::Csv => "csv",
            LogFormat::JsonLines => "jsonl",
        }
    }
}

/// The columns of an exported log, in the order of the contract.
pub const LOG_COLUMNS: [&str; 14] = [
    "at",
    "kind",
    "answer",
    "code",
    "campaign",
    "customer_id",
    "store",
    "counter",
    "operator",
    "trigger",
    "key",
    "raw",
    "reason",
    "notes",
];

impl LogLine {
    /// The line as fields of [`LOG_COLUMNS`].
    pub fn fields(&self) -> [String; 14] {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        [
            self.at.to_string(),
            self.kind.clone(),
            self.answer.clone(),
            text(&self.code),
            text(&self.campaign),
            text(&self.customer_id),
            self.store.clone(),
            self.counter.clone(),
            text(&self.operator),
            text(&self.trigger),
            text(&self.key),
            text(&self.raw),
            text(&self.reason),
            self.notes.to_string(),
        ]
    }
}

/// The whole life of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Life {
    /// The code as stored.
    pub code: String,
    /// Its campaign.
    pub campaign: String,
    /// Its place in the pool; none: given out by others.
    pub ordinal: Option<i64>,
    /// Its state.
    pub state: &'static str,
    /// The node that may spend it without asking.
    pub holder: String,
    /// The customer who has it.
    pub customer_id: Option<String>,
    /// The first instant at which it is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// Uses made.
    pub uses_made: u32,
    /// What happened to it, oldest first.
    pub entries: Vec<LifeEntry>,
}

/// One thing that happened to a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifeEntry {
    /// The entry's name.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: &'static str,
    /// The store.
    pub store: String,
    /// The counter.
    pub counter: String,
    /// The operator.
    pub operator: Option<String>,
    /// More, in words.
    pub detail: String,
    /// The same in parts, without the two that follow, for whoever shows times in the store's zone.
    #[serde(skip)]
    pub words: Vec<String>,
    /// Until when the code was given out.
    #[serde(skip)]
    pub until: Option<Timestamp>,
    /// The entry that this one undoes, by its name.
    #[serde(skip)]
    pub undoes: Option<String>,
}
