//! What the desk does upon the orders of the back room's pages: one file a page.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::tui::back_order::{BackOrder, BackTold};
use crate::tui::msg::Msg;
use crate::tui::runner::orders::Answered;
use crate::tui::runner::{
    campaign_orders, conflict_orders, day_orders, log_orders, operator_orders, pool_orders,
    work_orders,
};

/// Carries out one order; what the ledger could not do is an answer too, on the page that asked.
pub(super) fn answer(desk: &mut Desk, order: BackOrder, now: Timestamp) -> Answered {
    let told = match order {
        BackOrder::Conflict(order) => BackTold::Conflict(conflict_orders::answer(desk, order, now)),
        BackOrder::Log(order) => BackTold::Log(log_orders::answer(desk, order, now)),
        BackOrder::Pool(order) => BackTold::Pool(pool_orders::answer(desk, &order, now)),
        BackOrder::Campaign(order) => return campaign_orders::answer(desk, order, now),
        BackOrder::Day(order) => BackTold::Day(day_orders::answer(desk, &order, now)),
        BackOrder::Operator(order) => BackTold::Operator(operator_orders::answer(desk, order, now)),
        BackOrder::Work(order) => return work_orders::answer(desk, order, now),
    };
    Answered::Told(Some(Msg::BackTold(told)))
}
