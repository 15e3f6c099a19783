//! Lines of the log and the life of a code, as values to show or to write as JSON.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::notes::Notes;

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
