//! What the Find screen orders of the desk, and what it is told.

use crate::domain::claim::Claim;
use crate::domain::customer::FullContacts;
use crate::domain::finding::{Finding, FoundLife, ReplaceAsk};
use crate::domain::reversal::Reversal;
use crate::tui::msg::ApprovalAsk;

/// An order of the Find screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindOrder {
    /// Whom a text names.
    Find {
        /// As typed.
        text: String,
    },
    /// Whose codes end so, among the next ones.
    FindOn {
        /// As typed.
        text: String,
        /// The last code that was looked at; empty: begin.
        after: String,
    },
    /// The life of a code.
    Open {
        /// The code as stored.
        code: String,
    },
    /// Undo a redemption, however old.
    Undo {
        /// Which.
        redemption_id: String,
        /// One of the fixed reasons, in words.
        reason: String,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
    /// Another code instead of a lost one.
    Replace {
        /// Which, why, and under which key.
        ask: ReplaceAsk,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
    /// The whole contacts of a customer.
    Contact {
        /// The customer's id.
        customer_id: String,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindTold {
    /// Whom the text names; ends of codes are asked for apart.
    Found(Finding),
    /// Whose codes end so, and where to go on, if there are more.
    FoundOn {
        /// Who.
        found: Finding,
        /// The last code that was looked at.
        next: Option<String>,
    },
    /// The life of a code.
    Life(Box<FoundLife>),
    /// The undo was answered, and what it changed is committed.
    Undone(Reversal),
    /// The replacement was answered, and what it changed is committed.
    Replaced(Box<Claim>),
    /// The whole contacts of a customer; it is kept that they were shown.
    Contact(Box<FullContacts>),
    /// A manager must approve; nothing was changed.
    NeedsApproval,
    /// It is refused, and nothing was changed: why, for people.
    Refused(String),
    /// The ledger could not do it: what failed, and what to do.
    Failed(String),
}
