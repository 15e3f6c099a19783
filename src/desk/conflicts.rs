//! Conflicts: listing them, and settling one.

use jiff::Timestamp;

use crate::desk::{Desk, act};
use crate::domain::conflict::{Conflict, Decision};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::LedgerError;

impl Desk {
    /// Every conflict that this ledger knows, oldest first, and whether they are settled here: a store
    /// is only told of them.
    pub fn conflicts(&mut self) -> Result<(Vec<Conflict>, bool), LedgerError> {
        let conflicts = self.ledger.conflicts(false)?;
        let is_hub_elsewhere = self.ledger.hub_link()?.is_some();
        Ok((conflicts, !is_hub_elsewhere))
    }

    /// Settles a conflict, as the manager who approves it.
    pub fn settle_conflict(
        &mut self,
        number: i64,
        decision: Decision,
        reason: &str,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<Result<Conflict, Refusal>, LedgerError> {
        let act = act(&self.counter, approval.by.as_deref(), now)?;
        self.ledger.settle_conflict(number, decision, reason, &act)
    }
}
