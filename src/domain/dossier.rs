//! Everything that a ledger knows about a person, for the person: with full contacts. Not here: finding it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::domain::conflict::ConflictStory;
use crate::domain::entry::Side;
use crate::domain::log::LogLine;

/// Everything that a ledger knows about a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dossier {
    /// Their id in this ledger.
    pub customer_id: String,
    /// The ids of customers who were joined to them.
    pub former_ids: Vec<String>,
    /// What they are called.
    pub name: Option<String>,
    /// When they agreed to be written to.
    pub consented_at: Option<Timestamp>,
    /// When everything readable about them was erased.
    pub erased_at: Option<Timestamp>,
    /// How they are known, in normal form.
    pub contacts: Vec<DossierContact>,
    /// The campaigns that recognise them by keyed hashes of their contacts, also after an erasing.
    pub recognised_by: Vec<String>,
    /// The campaigns of which they are a test customer.
    pub tests: Vec<String>,
    /// Customers whom a campaign takes for the same person.
    pub alike: Vec<DossierAlike>,
    /// Their codes, in the order of storage.
    pub codes: Vec<DossierCode>,
    /// On which days they used how many codes, of campaigns that limit it.
    pub days: Vec<DossierDay>,
    /// What was printed for them.
    pub slips: Vec<DossierSlip>,
    /// The entries about them and their codes, oldest first.
    pub entries: Vec<DossierEntry>,
    /// The attempts about them and their codes, oldest first; kept 30 days.
    pub attempts: Vec<LogLine>,
    /// Conflicts that name them or a code of theirs.
    pub conflicts: Vec<DossierConflict>,
    /// Questions about them that the hub has not answered yet.
    pub questions: Vec<DossierQuestion>,
}

/// A full contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierContact {
    /// `email`, `phone`, `loyalty` or `external_id`.
    pub kind: &'static str,
    /// The contact in normal form.
    pub contact: String,
}

/// Somebody who is taken for the same person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierAlike {
    /// By which campaign.
    pub campaign: String,
    /// The other customer's id.
    pub customer_id: String,
}

/// A code with its offer and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierCode {
    /// The code as stored.
    pub code: String,
    /// Its campaign.
    pub campaign: String,
    /// What it is for.
    pub offer: String,
    /// Its state.
    pub state: &'static str,
    /// Uses made.
    pub uses_made: u32,
    /// The first instant at which it is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// Why it is void, as the hub tells it.
    pub ended: Option<String>,
    /// Who first redeemed it elsewhere, as the hub tells it.
    pub elsewhere: Option<DossierElsewhere>,
}

/// A redemption at another store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierElsewhere {
    /// When.
    pub at: Timestamp,
    /// The store.
    pub store: String,
    /// The counter.
    pub counter: String,
    /// Who was signed in.
    pub operator: Option<String>,
}

/// A day of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierDay {
    /// The campaign.
    pub campaign: String,
    /// The store's local day.
    pub day: Date,
    /// Redemptions on it.
    pub redemptions: u32,
}

/// A piece of paper.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DossierSlip {
    /// The code on it.
    pub code: String,
    /// Which copy, from 1.
    pub copy: u32,
    /// When it was ordered.
    pub at: Timestamp,
    /// At which counter.
    pub counter: String,
    /// What became of it: `printing`, `printed`, `unconfirmed`, `settled`.
    pub state: &'static str,
    /// Why nobody knows whether it came out.
    pub why: Option<String>,
    /// What stands on it; none: erased.
    pub words: Option<serde_json::Value>,
}

/// An entry with its erasable text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DossierEntry {
    /// The entry's name.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// The campaign.
    pub campaign: Option<String>,
    /// The code, folded.
    pub code: Option<String>,
    /// The store.
    pub store: String,
    /// The counter; none: this program cannot read the entry.
    pub counter: Option<String>,
    /// Who was signed in.
    pub operator: Option<String>,
    /// The caller's key.
    pub key: Option<String>,
    /// What changed by it, as the entry says it; none: this program cannot read the entry.
    pub fact: Option<serde_json::Value>,
    /// Reason, receipt, scan and whatever else was said.
    #[serde(flatten)]
    pub said: Side,
}

/// A conflict, with the stories of the entries that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierConflict {
    /// The hub's number of it.
    pub number: i64,
    /// What cannot be right.
    pub kind: &'static str,
    /// When the hub found it.
    pub raised_at: Timestamp,
    /// The entries that it names.
    pub stories: Vec<ConflictStory>,
    /// What was decided; none: nothing yet, or what was in excess was undone.
    pub decision: Option<&'static str>,
    /// Why.
    pub reason: Option<String>,
    /// By whom.
    pub settled_by: Option<String>,
}

/// A question to the hub.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DossierQuestion {
    /// When it was asked last.
    pub at: Timestamp,
    /// At which counter.
    pub counter: String,
    /// The question as it is asked.
    pub question: serde_json::Value,
}
