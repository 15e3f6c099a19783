//! What the screen of the conflicts orders of the desk, and what it is told.

use crate::domain::conflict::{Conflict, Decision};
use crate::tui::msg::ApprovalAsk;

/// An order of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictOrder {
    /// Every conflict that this ledger knows.
    List,
    /// Settle one.
    Settle {
        /// The hub's number of it.
        number: i64,
        /// What is decided.
        decision: Decision,
        /// One of the fixed reasons, in words.
        reason: String,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
}

/// Where conflicts are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledAt {
    /// In this ledger.
    Here,
    /// At the hub, and told from there.
    Hub,
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictTold {
    /// Every conflict, oldest first.
    Listed {
        /// They.
        conflicts: Vec<Conflict>,
        /// Where they are settled.
        settled_at: SettledAt,
    },
    /// One is settled, and committed.
    Settled(Box<Conflict>),
    /// It is refused, and nothing was changed: why, for people.
    Refused(String),
    /// The ledger could not do it: what failed, and what to do.
    Failed(String),
}
