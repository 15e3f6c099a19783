//! What the desk does upon orders of long work: a manager is proven here; the rest is the worker's.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::operator::Role;
use crate::domain::verdict::Approval;
use crate::tui::back_order::BackTold;
use crate::tui::msg::Msg;
use crate::tui::runner::campaign_orders::Weighing;
use crate::tui::runner::orders::{Answered, approved};
use crate::tui::work_order::{WorkOrder, WorkTold};

/// Why a manager approves long work.
const WORK_REASON: &str = "work on a campaign";

/// What is for the worker.
pub(super) enum WorkJob {
    /// A manager lets it be prepared.
    Grant(Approval),
    /// A change of rules is weighed; nobody needs to let it.
    Weigh(Weighing),
    /// Any other order.
    Order(WorkOrder),
}

/// Looks whether a manager approves, and hands the rest on.
pub(super) fn answer(desk: &mut Desk, order: WorkOrder, now: Timestamp) -> Answered {
    let WorkOrder::Ask { approval } = order else {
        return Answered::Work(WorkJob::Order(order));
    };
    let told = |told| Answered::Told(Some(Msg::BackTold(BackTold::Work(told))));
    if approval.is_none()
        && let Some(names) = managers(desk)
    {
        return told(WorkTold::NeedsManager { names });
    }
    let words = match approved(desk, approval, WORK_REASON, now) {
        Ok(Ok(approval)) => return Answered::Work(WorkJob::Grant(approval)),
        Ok(Err(words)) => words,
        Err(error) => format!("{error}. {}", error.hint()),
    };
    told(WorkTold::Refused(words))
}

/// Who may approve, whoever is here first; none: nobody signs in.
fn managers(desk: &mut Desk) -> Option<Vec<String>> {
    let here = desk.operator().map(|operator| operator.name.clone());
    let operators = desk.ledger().operators().unwrap_or_default();
    if operators.is_empty() {
        return None;
    }
    let managers = operators.into_iter();
    let managers = managers.filter(|operator| operator.role == Role::Manager);
    let mut names: Vec<String> = managers.map(|operator| operator.name).collect();
    names.sort_by_key(|name| here.as_ref() != Some(name));
    Some(names)
}
