//! What the screen of the pools orders of the desk, and what it is told.

use jiff::Timestamp;

use crate::domain::pool::PoolFigures;

/// An order of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolOrder {
    /// Every pool as it stands.
    Read,
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolTold {
    /// Every pool, in the order of their campaigns' beginning.
    Read {
        /// They.
        pools: Vec<PoolFigures>,
        /// When they were read.
        at: Timestamp,
    },
    /// The ledger could not do it: what failed, and what to do.
    Failed(String),
}
