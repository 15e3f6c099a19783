//! What the desk does upon the orders of the screen of the conflicts, and the answer to each.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::ledger::LedgerError;
use crate::tui::conflict_order::{ConflictOrder, ConflictTold, SettledAt};
use crate::tui::runner::orders::approved;

/// Carries out one order; what the ledger could not do is an answer too, on the screen that asked.
pub(super) fn answer(desk: &mut Desk, order: ConflictOrder, now: Timestamp) -> ConflictTold {
    carried_out(desk, order, now)
        .unwrap_or_else(|error| ConflictTold::Failed(format!("{error}. {}", error.hint())))
}

fn carried_out(
    desk: &mut Desk,
    order: ConflictOrder,
    now: Timestamp,
) -> Result<ConflictTold, LedgerError> {
    let ConflictOrder::Settle {
        number,
        decision,
        reason,
        approval,
    } = order
    else {
        let (conflicts, is_here) = desk.conflicts()?;
        return Ok(ConflictTold::Listed {
            conflicts,
            settled_at: if is_here {
                SettledAt::Here
            } else {
                SettledAt::Hub
            },
        });
    };
    let approval = match approved(desk, approval, &reason, now)? {
        Ok(approval) => approval,
        Err(words) => return Ok(ConflictTold::Refused(words)),
    };
    Ok(
        match desk.settle_conflict(number, decision, &reason, &approval, now)? {
            Ok(conflict) => ConflictTold::Settled(Box::new(conflict)),
            Err(refusal) => ConflictTold::Refused(refusal.to_string()),
        },
    )
}
