//! What the pages of the back room order of the desk, and what they are told.

use crate::tui::campaign_order::{CampaignOrder, CampaignTold};
use crate::tui::conflict_order::{ConflictOrder, ConflictTold};
use crate::tui::day_order::{DayOrder, DayTold};
use crate::tui::log_order::{LogOrder, LogTold};
use crate::tui::operator_order::{OperatorOrder, OperatorTold};
use crate::tui::pool_order::{PoolOrder, PoolTold};
use crate::tui::work_order::{WorkOrder, WorkTold};

/// An order of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackOrder {
    /// About conflicts.
    Conflict(ConflictOrder),
    /// About the log.
    Log(LogOrder),
    /// About pools.
    Pool(PoolOrder),
    /// About campaigns.
    Campaign(CampaignOrder),
    /// About the report of a day.
    Day(DayOrder),
    /// About operators.
    Operator(OperatorOrder),
    /// About long work on a campaign.
    Work(WorkOrder),
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackTold {
    /// About conflicts.
    Conflict(ConflictTold),
    /// About the log.
    Log(LogTold),
    /// About pools.
    Pool(PoolTold),
    /// About campaigns.
    Campaign(CampaignTold),
    /// About the report of a day.
    Day(DayTold),
    /// About operators.
    Operator(OperatorTold),
    /// About long work on a campaign.
    Work(WorkTold),
}
