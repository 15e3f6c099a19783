//! What the page of the operators orders of the desk, and what it is told.

use std::fmt;

use crate::domain::operator::{ListedOperator, Role};
use crate::tui::msg::{ApprovalAsk, Pin};

/// The text of a badge as it was scanned, which is a secret; debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Badge(Vec<u8>);

impl Badge {
    /// A badge as it was scanned.
    pub fn new(raw: Vec<u8>) -> Badge {
        Badge(raw)
    }

    /// The bytes, for whoever compares or keeps them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Badge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Badge(hidden)")
    }
}

/// What is to be changed about an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorWish {
    /// A new one.
    Add {
        /// What they may do.
        role: Role,
        /// Their PIN.
        pin: Pin,
    },
    /// Another PIN.
    SetPin(Pin),
    /// Another badge.
    SetBadge(Badge),
    /// They may do other things from now on.
    SetRole(Role),
    /// They may no longer sign in.
    Remove,
}

/// An order of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorOrder {
    /// Everyone who may sign in.
    List,
    /// What a scan is that was meant to become somebody's badge.
    ReadBadge {
        /// Whose.
        name: String,
        /// The scan.
        badge: Badge,
    },
    /// Change one.
    Change {
        /// Whom.
        name: String,
        /// What.
        wish: OperatorWish,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorTold {
    /// Everyone who may sign in, by name.
    Listed(Vec<ListedOperator>),
    /// The scan may become the badge.
    BadgeFits(Badge),
    /// The scan cannot become the badge: why, for people.
    BadgeRefused(String),
    /// The scan was a customer's code, and is judged as ever.
    IsCode(Badge),
    /// One is changed, and it is committed: what, for people.
    Changed(String),
    /// It is refused, and nothing was changed: why, for people.
    Refused(String),
    /// The ledger could not do it: what failed, and what to do.
    Failed(String),
}
