//! Slips at the counter: ordered, noted as printed or doubtful, and settled by a person.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::refusal::Refusal;
use crate::domain::slip_job::{OpenSlip, SlipJob, SlipOutcome};
use crate::ledger::LedgerError;

impl Desk {
    /// Stores the next copy of a customer's slip; the printer gets it after this has returned.
    pub fn order_slip(
        &mut self,
        raw: &[u8],
        now: Timestamp,
    ) -> Result<Result<SlipJob, Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.order_slip(raw, &act)
    }

    /// Keeps what the printer said of a slip.
    pub fn slip_done(&mut self, number: i64, outcome: &SlipOutcome) -> Result<(), LedgerError> {
        self.ledger.slip_done(number, outcome)
    }

    /// The slips that no printer confirmed, the newest first.
    pub fn open_slips(&mut self, now: Timestamp) -> Result<Vec<OpenSlip>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.open_slips(&act)
    }

    /// How many slips no printer confirmed.
    pub fn open_slip_count(&mut self, now: Timestamp) -> Result<u32, LedgerError> {
        let act = self.act(now)?;
        self.ledger.open_slip_count(&act)
    }

    /// The customer has the slip: somebody has seen it.
    pub fn settle_slip(
        &mut self,
        number: i64,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.settle_slip(number, &act)
    }
}
