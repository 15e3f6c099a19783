//! What the page of the day's report orders of the desk, and what it is told.

use jiff::civil::Date;

use crate::domain::day_report::DayReport;
use crate::domain::slip_job::SlipOutcome;

/// An order of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayOrder {
    /// The report of a day; none: of today.
    Read(Option<Date>),
    /// The same, to be printed under a number.
    Print(Date),
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayTold {
    /// The report of a day.
    Read(Box<DayReport>),
    /// It has its number, and is to be printed.
    Ordered(Box<DayReport>),
    /// What became of the paper.
    Printed {
        /// The number of the Z report.
        number: u64,
        /// What is known of the paper.
        outcome: SlipOutcome,
    },
    /// It is refused, and nothing was changed: why, for people.
    Refused(String),
    /// The ledger could not do it: what failed, and what to do.
    Failed(String),
}
