//! What the desk does upon the orders of the screen of the pools.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::tui::pool_order::{PoolOrder, PoolTold};

/// Carries out one order; what the ledger could not do is an answer too, on the screen that asked.
pub(super) fn answer(desk: &mut Desk, order: &PoolOrder, now: Timestamp) -> PoolTold {
    match order {
        PoolOrder::Read => match desk.pools(now) {
            Ok(pools) => PoolTold::Read { pools, at: now },
            Err(error) => PoolTold::Failed(format!("{error}. {}", error.hint())),
        },
    }
}
