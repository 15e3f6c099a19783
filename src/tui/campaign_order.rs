//! What the page of the campaigns orders of the desk, and what it is told.

use jiff::tz::TimeZone;

use crate::domain::campaign_sheet::{CampaignChange, CampaignSheet};
use crate::domain::given_rule::GivenRule;
use crate::domain::ids::CampaignId;
use crate::tui::msg::ApprovalAsk;

/// An order of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CampaignOrder {
    /// Every campaign as it stands.
    List,
    /// What a change would do to codes that are given out; changes nothing.
    Weigh {
        /// Which question it is.
        number: u64,
        /// The campaign.
        campaign: CampaignId,
        /// What is given.
        given: Vec<GivenRule>,
    },
    /// Change one.
    Change {
        /// Which.
        campaign: CampaignId,
        /// What.
        change: CampaignChange,
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
}

/// Every campaign as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignList {
    /// They, in the order of their beginning.
    pub sheets: Vec<CampaignSheet>,
    /// The zone of the store's clock.
    pub zone: TimeZone,
    /// Why they cannot be changed here, for people; none: they can.
    pub elsewhere: Option<String>,
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CampaignTold {
    /// Every campaign as it stands.
    Listed(CampaignList),
    /// They could not be listed: why, and what to do.
    NotListed(String),
    /// What the change would do to codes, a line each; empty: nothing.
    Weighed {
        /// Which question it was.
        number: u64,
        /// The lines.
        lines: Vec<String>,
    },
    /// One is changed, and it is committed.
    Changed {
        /// What, for people.
        words: String,
        /// More to be read, a line each.
        lines: Vec<String>,
    },
    /// It is refused, and nothing was changed: why, for people.
    Refused(String),
    /// The ledger could not do it: what failed, and what to do.
    Failed(String),
}
