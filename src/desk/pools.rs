//! The pools as whoever runs the shop looks at them.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::pool::PoolFigures;
use crate::ledger::LedgerError;

impl Desk {
    /// Every pool, in the order of their campaigns' beginning.
    pub fn pools(&mut self, now: Timestamp) -> Result<Vec<PoolFigures>, LedgerError> {
        // Without a name there is no campaign that could not be found.
        Ok(self.ledger().pools(None, now)?.unwrap_or_default())
    }
}
