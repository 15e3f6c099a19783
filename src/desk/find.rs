//! Finding customers and codes at the counter, and replacing a slip that was lost.

use jiff::Timestamp;

use crate::desk::{Desk, mint_key, random};
use crate::domain::claim::Claim;
use crate::domain::finding::{Finding, FoundLife, ReplaceAsk, ReplaceFault};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{LedgerError, ReplaceRequest};

/// What became of a wish for another code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// The claim was answered; where it was assigned, the old code is void.
    Answered(Box<Claim>),
    /// A manager must approve; nothing was changed.
    NeedsApproval,
    /// Such a code is not replaced at a counter.
    Fault(ReplaceFault),
    /// The ledger has refused.
    Refused(Refusal),
}

impl Desk {
    /// Whom a text names: an id, a contact, a part of a name, or a whole code.
    pub fn find(&mut self, text: &str, now: Timestamp) -> Result<Finding, LedgerError> {
        let act = self.act(now)?;
        self.ledger.find(text, &act)
    }

    /// Whose codes end so, among the next ones after `after`; where to go on, if there are more.
    pub fn find_by_ending(
        &mut self,
        text: &str,
        after: &str,
        now: Timestamp,
    ) -> Result<(Finding, Option<String>), LedgerError> {
        let act = self.act(now)?;
        self.ledger.find_by_ending(text, after, &act)
    }

    /// The whole life of a code, with a fresh key for its replacement.
    pub fn found_life(
        &mut self,
        code: &str,
        now: Timestamp,
    ) -> Result<Result<FoundLife, Refusal>, LedgerError> {
        let key = mint_key(now)?;
        self.ledger.found_life(code.as_bytes(), &key)
    }

    /// Ends a lost code and gives its customer another, in one transaction. Where people sign in, a
    /// manager approves it. Asked again under its key, it is the same act.
    pub fn replace(
        &mut self,
        ask: &ReplaceAsk,
        approval: Option<&Approval>,
        now: Timestamp,
    ) -> Result<Replaced, LedgerError> {
        if let Some(refused) = self.replace_refused(ask, approval, now)? {
            return Ok(refused);
        }
        let act = self.act(now)?;
        let request = replacement_of(ask, approval, random()?);
        Ok(match self.ledger.replace(&request, &act)? {
            Ok(claim) => Replaced::Answered(Box::new(claim)),
            Err(refusal) => Replaced::Refused(refusal),
        })
    }

    /// Why such a code is not replaced at a counter.
    pub(super) fn replace_refused(
        &mut self,
        ask: &ReplaceAsk,
        approval: Option<&Approval>,
        now: Timestamp,
    ) -> Result<Option<Replaced>, LedgerError> {
        if approval.is_none() && !self.ledger.operators()?.is_empty() {
            return Ok(Some(Replaced::NeedsApproval));
        }
        let life = match self.ledger.found_life(ask.code.as_bytes(), &ask.key)? {
            Ok(life) => life,
            Err(refusal) => return Ok(Some(Replaced::Refused(refusal))),
        };
        // Replaced under this key before, it is void by now: that is for the ledger to tell.
        Ok(life
            .replace_fault(now)
            .filter(|_| life.life.state != "void")
            .map(Replaced::Fault))
    }
}

/// A replacement as the ledger is asked it.
pub(super) fn replacement_of<'a>(
    ask: &'a ReplaceAsk,
    approval: Option<&'a Approval>,
    random: [u8; 14],
) -> ReplaceRequest<'a> {
    ReplaceRequest {
        raw: ask.code.as_bytes(),
        reason: &ask.reason,
        key: Some(&ask.key),
        minted: &ask.key,
        approved_by: approval.and_then(|approval| approval.by.as_deref()),
        only_unused: true,
        prints: ask.prints,
        random,
    }
}
