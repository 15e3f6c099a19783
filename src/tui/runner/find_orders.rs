//! What the desk does upon the orders of the Find screen, and the answer to each.

use jiff::Timestamp;

use crate::desk::{Desk, Replaced};
use crate::domain::ids::EntryId;
use crate::ledger::LedgerError;
use crate::tui::find_order::{FindOrder, FindTold};
use crate::tui::runner::orders::{approve, approved};

/// Carries out one order; what the ledger could not do is an answer too, on the screen that asked.
pub(super) fn answer(desk: &mut Desk, order: FindOrder, now: Timestamp) -> FindTold {
    carried_out(desk, order, now)
        .unwrap_or_else(|error| FindTold::Failed(format!("{error}. {}", error.hint())))
}

fn carried_out(desk: &mut Desk, order: FindOrder, now: Timestamp) -> Result<FindTold, LedgerError> {
    match order {
        FindOrder::Find { text } => desk.find(&text, now).map(FindTold::Found),
        FindOrder::FindOn { text, after } => {
            let (found, next) = desk.find_by_ending(&text, &after, now)?;
            Ok(FindTold::FoundOn { found, next })
        }
        FindOrder::Open { code } => Ok(match desk.found_life(&code, now)? {
            Ok(life) => FindTold::Life(Box::new(life)),
            Err(refusal) => FindTold::Refused(refusal.to_string()),
        }),
        FindOrder::Undo {
            redemption_id,
            reason,
            approval,
        } => {
            let approval = match approve(desk, approval.as_ref(), now)? {
                Ok(approval) => approval,
                Err(refusal) => return Ok(FindTold::Refused(refusal.to_string())),
            };
            // An id that we listed ourselves reads back.
            let Ok(id) = redemption_id.parse::<EntryId>() else {
                return Ok(FindTold::Refused("there is no such redemption".to_owned()));
            };
            desk.undo(&id, &reason, approval.as_ref(), now)
                .map(FindTold::Undone)
        }
        FindOrder::Contact {
            customer_id,
            approval,
        } => {
            if approval.is_none() && !desk.ledger().operators()?.is_empty() {
                return Ok(FindTold::NeedsApproval);
            }
            let approval = match approved(desk, approval, "whole contact", now)? {
                Ok(approval) => approval,
                Err(words) => return Ok(FindTold::Refused(words)),
            };
            Ok(match desk.full_contacts(&customer_id, &approval, now)? {
                Ok(contacts) => FindTold::Contact(Box::new(contacts)),
                Err(refusal) => FindTold::Refused(refusal.to_string()),
            })
        }
        FindOrder::Replace { ask, approval } => {
            let approval = match approve(desk, approval.as_ref(), now)? {
                Ok(approval) => approval,
                Err(refusal) => return Ok(FindTold::Refused(refusal.to_string())),
            };
            desk.replace(&ask, approval.as_ref(), now).map(replaced)
        }
    }
}

/// What became of a wish for another code, as it is told.
pub(super) fn replaced(answer: Replaced) -> FindTold {
    match answer {
        Replaced::Answered(claim) => FindTold::Replaced(claim),
        Replaced::NeedsApproval => FindTold::NeedsApproval,
        Replaced::Fault(fault) => FindTold::Refused(fault.to_string()),
        Replaced::Refused(refusal) => FindTold::Refused(refusal.to_string()),
    }
}
