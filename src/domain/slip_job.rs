//! One piece of paper as the ledger keeps it: stored before it is sent, so that a crash between
//! claim and paper prints the same code again.

use jiff::Timestamp;

use crate::domain::slip::Slip;

/// What became of a slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlipState {
    /// Stored, and perhaps on its way to the paper.
    Printing,
    /// The printer said that it is on paper, or is trusted without a word.
    Printed,
    /// Nobody knows whether it is on paper.
    Unconfirmed,
    /// A person said that the customer has it, or it was printed again.
    Settled,
}

impl SlipState {
    /// Every state.
    pub const ALL: [SlipState; 4] = [
        SlipState::Printing,
        SlipState::Printed,
        SlipState::Unconfirmed,
        SlipState::Settled,
    ];

    /// The state as JSON and screens name it.
    pub fn as_str(self) -> &'static str {
        match self {
            SlipState::Printing => "printing",
            SlipState::Printed => "printed",
            SlipState::Unconfirmed => "unconfirmed",
            SlipState::Settled => "settled",
        }
    }
}

/// A slip to be printed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlipJob {
    /// Its number in this ledger.
    pub number: i64,
    /// What it says.
    pub slip: Slip,
}

/// What is known once a printer was asked to print a slip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlipOutcome {
    /// It is on paper, as far as this printer can tell.
    Printed,
    /// It may be on paper, or not; a word says why: `paper_out`, `cover_open`, `silent`, …
    Unconfirmed(String),
}

impl SlipOutcome {
    /// The state it leads to.
    pub fn state(&self) -> SlipState {
        match self {
            SlipOutcome::Printed => SlipState::Printed,
            SlipOutcome::Unconfirmed(_) => SlipState::Unconfirmed,
        }
    }
}

/// A slip of which nobody knows whether the customer has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSlip {
    /// Its number in this ledger.
    pub number: i64,
    /// The code as stored.
    pub code: String,
    /// The campaign.
    pub campaign: String,
    /// The customer's name, where they gave one and it was not erased.
    pub name: Option<String>,
    /// Which copy it is, from 1.
    pub copy: u32,
    /// Why it is not confirmed; none: the program ended while it was printing.
    pub why: Option<String>,
    /// Where it was ordered.
    pub counter: String,
    /// When it was ordered.
    pub at: Timestamp,
}
