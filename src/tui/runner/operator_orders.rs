//! What the desk does upon the orders of the page of the operators, and the answer to each.

use jiff::Timestamp;

use crate::desk::{BadgeRead, Desk};
use crate::domain::operator::Operator;
use crate::ledger::{LedgerError, OperatorChange};
use crate::tui::msg::ApprovalAsk;
use crate::tui::operator_order::{OperatorOrder, OperatorTold, OperatorWish};
use crate::tui::runner::orders::approved;

/// Carries out one order; what the ledger could not do is an answer too, on the page that asked.
pub(super) fn answer(desk: &mut Desk, order: OperatorOrder, now: Timestamp) -> OperatorTold {
    carried_out(desk, order, now)
        .unwrap_or_else(|error| OperatorTold::Failed(format!("{error}. {}", error.hint())))
}

fn carried_out(
    desk: &mut Desk,
    order: OperatorOrder,
    now: Timestamp,
) -> Result<OperatorTold, LedgerError> {
    match order {
        OperatorOrder::List => desk.listed_operators().map(OperatorTold::Listed),
        OperatorOrder::ReadBadge { name, badge } => {
            Ok(match desk.read_badge(&name, badge.as_bytes())? {
                BadgeRead::Fits => OperatorTold::BadgeFits(badge),
                BadgeRead::IsCode => OperatorTold::IsCode(badge),
                BadgeRead::Refused(refusal) => OperatorTold::BadgeRefused(refusal.to_string()),
            })
        }
        OperatorOrder::Change {
            name,
            wish,
            approval,
        } => change(desk, &name, &wish, approval, now),
    }
}

fn change(
    desk: &mut Desk,
    name: &str,
    wish: &OperatorWish,
    approval: Option<ApprovalAsk>,
    now: Timestamp,
) -> Result<OperatorTold, LedgerError> {
    let badge;
    let change = match wish {
        OperatorWish::Add { role, pin } => OperatorChange::Add {
            role: *role,
            pin: Some(pin.as_str()),
        },
        OperatorWish::SetPin(pin) => OperatorChange::SetPin(pin.as_str()),
        OperatorWish::SetBadge(scanned) => {
            badge = String::from_utf8_lossy(scanned.as_bytes());
            OperatorChange::SetBadge(&badge)
        }
        OperatorWish::SetRole(role) => OperatorChange::SetRole(*role),
        OperatorWish::Remove => OperatorChange::Remove,
    };
    let approval = match approved(desk, approval, "operators", now)? {
        Ok(approval) => approval,
        Err(words) => return Ok(OperatorTold::Refused(words)),
    };
    Ok(match desk.change_operator(name, change, &approval, now)? {
        Ok(operator) => OperatorTold::Changed(done_words(wish, &operator)),
        Err(refusal) => OperatorTold::Refused(refusal.to_string()),
    })
}

fn done_words(wish: &OperatorWish, operator: &Operator) -> String {
    let (name, role) = (&operator.name, operator.role.as_str());
    match wish {
        OperatorWish::Add { .. } => format!("{name} may sign in from now on, as a {role}"),
        OperatorWish::SetPin(_) => format!("{name} has another PIN"),
        OperatorWish::SetBadge(_) => format!("{name} signs in with this badge; a former one ends"),
        OperatorWish::SetRole(_) => format!("{name} is a {role} from now on"),
        OperatorWish::Remove => format!("{name} may not sign in any more"),
    }
}
