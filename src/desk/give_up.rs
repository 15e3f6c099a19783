//! Scans that the hub was asked about and has not answered: listing them, and giving one up.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::entry::instant;
use crate::domain::reversal::{GivenUp, PendingChoice};
use crate::domain::verdict::Approval;
use crate::domain::wire::Verb;
use crate::ledger::LedgerError;

impl Desk {
    /// The scans of any counter of this ledger that the hub has not answered, newest first.
    pub fn pending_choices(&mut self) -> Result<Vec<PendingChoice>, LedgerError> {
        let here = self.operator.as_ref().map(|operator| operator.name.clone());
        let mut choices: Vec<PendingChoice> = self
            .ledger
            .unanswered_questions()?
            .into_iter()
            .filter_map(|pending| {
                let question = pending.question;
                let Verb::Redeem { code, .. } = question.verb else {
                    return None;
                };
                Some(PendingChoice {
                    needs_approval: question.operator != here,
                    counter: question.counter,
                    key: question.key.parse().ok()?,
                    at: instant(pending.at_ms),
                    code: pending.code.unwrap_or(code),
                    operator: question.operator,
                })
            })
            .collect();
        choices.sort_by_key(|choice| std::cmp::Reverse(choice.at));
        Ok(choices)
    }

    /// Gives a scan up: its own operator alone, another one with a manager's approval.
    pub fn give_up(
        &mut self,
        choice: &PendingChoice,
        reason: &str,
        approval: Option<&Approval>,
        now: Timestamp,
    ) -> Result<GivenUp, LedgerError> {
        let here = self
            .operator
            .as_ref()
            .map(|operator| operator.name.as_str());
        if choice.operator.as_deref() != here && approval.is_none() {
            return Ok(GivenUp::NeedsApproval);
        }
        let act = self.act(now)?;
        let is_done = self
            .ledger
            .withdraw(&choice.counter, &choice.key, reason, &act)?;
        if is_done {
            // Its next scan is one of its own, however soon.
            self.recent.forget(&choice.code);
        }
        Ok(if is_done {
            GivenUp::Done
        } else {
            GivenUp::Answered
        })
    }
}
