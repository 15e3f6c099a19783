//! Campaigns as whoever runs the shop changes them.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::campaign::Rules;
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::domain::rule_change::RuleHit;
use crate::ledger::LedgerError;

impl Desk {
    /// What rules would take from codes that are given out: whoever changes them is asked first.
    pub fn weigh_rules(
        &mut self,
        id: &CampaignId,
        after: &Rules,
        now: Timestamp,
    ) -> Result<Result<Vec<RuleHit>, Refusal>, LedgerError> {
        self.ledger().weigh_rules(id, after, now)
    }
}
