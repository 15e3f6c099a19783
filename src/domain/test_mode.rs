//! Test mode as it is told: until when, for whom, and what was drawn.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::ids::CampaignId;

/// How long test mode lasts unless told otherwise.
pub const USUAL_LENGTH_MS: i64 = 7 * 24 * 3_600_000;

/// A campaign in test mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestMode {
    /// The campaign.
    pub campaign: CampaignId,
    /// The first instant at which it is over.
    pub until: Timestamp,
    /// The test customers, by id.
    pub customers: Vec<String>,
    /// Test codes that the campaign has had in all.
    pub drawn: u32,
}

/// What test mode leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestModeEnd {
    /// The campaign.
    pub campaign: CampaignId,
    /// Whether there was one to end.
    pub was_on: bool,
    /// The test codes drawn in it, oldest first.
    pub drawn: Vec<TestCode>,
}

/// A test code that was drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestCode {
    /// The code as stored.
    pub code: String,
    /// Who drew it.
    pub customer_id: String,
    /// When.
    pub at: Timestamp,
}
