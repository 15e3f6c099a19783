//! What the desk does upon the orders of the page of the day's report.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::ledger::LedgerError;
use crate::tui::day_order::{DayOrder, DayTold};

/// Carries out one order; what the ledger could not do is an answer too, on the page that asked.
pub(super) fn answer(desk: &mut Desk, order: &DayOrder, now: Timestamp) -> DayTold {
    carried_out(desk, order, now)
        .unwrap_or_else(|error| DayTold::Failed(format!("{error}. {}", error.hint())))
}

fn carried_out(desk: &mut Desk, order: &DayOrder, now: Timestamp) -> Result<DayTold, LedgerError> {
    let told = match order {
        DayOrder::Read(date) => desk
            .day_report(*date, now)?
            .map(|report| DayTold::Read(Box::new(report))),
        DayOrder::Print(date) => desk
            .order_z_report(*date, now)?
            .map(|report| DayTold::Ordered(Box::new(report))),
    };
    Ok(told.unwrap_or_else(|refusal| DayTold::Refused(refusal.to_string())))
}
