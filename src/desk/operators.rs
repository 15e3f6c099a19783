//! Operators at the counter: who may sign in, and what a manager changes about them.

use jiff::Timestamp;

use crate::desk::{Desk, act};
use crate::domain::customer::FullContacts;
use crate::domain::operator::{ListedOperator, Operator, Role};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{LedgerError, OperatorChange};

/// What a scan is that was meant to become somebody's badge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadgeRead {
    /// It may be their badge.
    Fits,
    /// It is a customer's code: to be judged as ever.
    IsCode,
    /// It cannot be their badge.
    Refused(Refusal),
}

impl Desk {
    /// Everyone who may sign in, with what whoever runs the shop should know of them.
    pub fn listed_operators(&mut self) -> Result<Vec<ListedOperator>, LedgerError> {
        self.ledger.listed_operators()
    }

    /// What a scan is that was meant to become somebody's badge. Judges nothing and changes nothing.
    pub fn read_badge(&mut self, name: &str, raw: &[u8]) -> Result<BadgeRead, LedgerError> {
        Ok(match self.ledger.badge_fault(name, raw)? {
            None => BadgeRead::Fits,
            Some(Refusal::BadgeIsCode) => BadgeRead::IsCode,
            Some(refusal) => BadgeRead::Refused(refusal),
        })
    }

    /// Changes who may sign in, and how, as the manager who approves it.
    pub fn change_operator(
        &mut self,
        name: &str,
        change: OperatorChange<'_>,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<Result<Operator, Refusal>, LedgerError> {
        // A cashier alone could not even be removed again at this counter.
        if let OperatorChange::Add { role, .. } = change
            && role != Role::Manager
            && self.ledger.operators()?.is_empty()
        {
            let words = "the first to sign in here must be a manager";
            return Ok(Err(Refusal::Faulty(words.to_owned())));
        }
        let act = act(&self.counter, approval.by.as_deref(), now)?;
        let changed = self.ledger.change_operator(name, change, &act)?;
        if changed.is_ok() {
            let operators = self.ledger.operators()?;
            self.keep_signed_in(&operators);
        }
        Ok(changed)
    }

    /// Whoever is signed in goes on as what they are by now; who was removed is signed out.
    pub fn keep_signed_in(&mut self, operators: &[Operator]) {
        if let Some(here) = &self.operator {
            let mut operators = operators.iter();
            let known = operators.find(|operator| operator.name == here.name);
            self.operator = known.cloned();
        }
    }

    /// The whole contacts of one customer, as the manager who approves it; it is kept that they were
    /// shown.
    pub fn full_contacts(
        &mut self,
        customer_id: &str,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<Result<FullContacts, Refusal>, LedgerError> {
        let act = act(&self.counter, approval.by.as_deref(), now)?;
        self.ledger.full_contacts(customer_id, &act)
    }

    /// Keeps that whoever is signed in was at the counter. Not kept is no more than a wrong time in a
    /// list: on a full disk people still come and go.
    pub(super) fn note_seen(&mut self, now: Timestamp) {
        if let (Some(operator), Ok(act)) = (&self.operator, self.act(now)) {
            self.ledger
                .note_seen(&operator.name, &act)
                .unwrap_or_default();
        }
    }
}
