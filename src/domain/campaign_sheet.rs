//! A campaign as whoever runs the shop looks at it, and what they change about it.

use crate::domain::campaign::Campaign;
use crate::domain::given_rule::GivenRule;
use crate::domain::local_time::Boundary;
use crate::domain::test_mode::{TestMode, TestModeEnd};

/// A campaign, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignSheet {
    /// The campaign.
    pub campaign: Campaign,
    /// Its test mode, where it is in one.
    pub test_mode: Option<TestMode>,
    /// Codes that can still be given out, wherever they are.
    pub left: u64,
    /// Codes that were ever put into its pool to be given out.
    pub claimable: u64,
}

/// What is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CampaignChange {
    /// It begins, with these rules over the defaults.
    Create(Vec<GivenRule>),
    /// These rules are put over those that stand.
    Set(Vec<GivenRule>),
    /// Its codes are refused until it is resumed.
    Pause,
    /// Its codes are honoured again.
    Resume,
    /// Named customers draw test codes.
    TestOn {
        /// Each an id or a contact.
        customers: Vec<String>,
        /// Until when; none: the usual length.
        until: Option<Boundary>,
    },
    /// Test mode ends.
    TestOff,
}

/// What a change has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CampaignChanged {
    /// The campaign stands so.
    Stands(Box<Campaign>),
    /// It is in test mode.
    Tests(TestMode),
    /// It is not in test mode any more.
    Live(TestModeEnd),
}
