//! The report of a day at the counter: looked at, and printed as a Z report.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::desk::Desk;
use crate::domain::day_report::DayReport;
use crate::domain::refusal::Refusal;
use crate::ledger::LedgerError;

impl Desk {
    /// The report of a day; of none, of today by the store's clock. At a hub, of all stores together.
    pub fn day_report(
        &mut self,
        date: Option<Date>,
        now: Timestamp,
    ) -> Result<Result<DayReport, Refusal>, LedgerError> {
        let date = match date {
            Some(date) => date,
            None => now.to_zoned(self.ledger.place()?.zone).date(),
        };
        self.ledger.day_report(date, None, now)
    }

    /// The same with its number, to be printed after this has returned.
    pub fn order_z_report(
        &mut self,
        date: Date,
        now: Timestamp,
    ) -> Result<Result<DayReport, Refusal>, LedgerError> {
        let act = self.act(now)?;
        self.ledger.order_z_report(date, None, &act)
    }
}
