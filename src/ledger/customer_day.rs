//! Kept numbers of a customer and a local day of the store: redemptions of a campaign's codes, and,
//! of nobody, codes given to customers without a contact.

use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;

/// A customer on a local day, in a campaign with its local number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CustomerDay {
    pub(crate) campaign: i64,
    pub(crate) customer: i64,
    pub(crate) day: i64,
}

impl CustomerDay {
    /// How many were counted.
    pub(crate) fn amount(self, tx: &Tx<'_>) -> Result<u32, Cause> {
        let amount = tx.one(
            "SELECT amount FROM customer_day WHERE campaign = $1 AND customer = $2 AND day = $3",
            &[self.campaign.into(), self.customer.into(), self.day.into()],
            |row| row.count(0),
        )?;
        Ok(amount.unwrap_or(0))
    }

    /// Counts one, in the transaction of its act.
    pub(crate) fn count_one(self, tx: &Tx<'_>) -> Result<(), Cause> {
        self.count(tx, 1)
    }

    /// Counts several.
    pub(crate) fn count(self, tx: &Tx<'_>, amount: u32) -> Result<(), Cause> {
        tx.count_row(
            "INSERT INTO customer_day (campaign, customer, day, amount) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (campaign, customer, day) \
             DO UPDATE SET amount = customer_day.amount + excluded.amount",
            &[
                self.campaign.into(),
                self.customer.into(),
                self.day.into(),
                amount.into(),
            ],
        )
    }

    /// The same under a limit: where another process has counted up to it meanwhile, the act is to be
    /// decided anew. The row is the lock: whoever counts for this day waits for its end.
    pub(crate) fn count_one_below(self, tx: &Tx<'_>, limit: u32) -> Result<(), Cause> {
        tx.guarded(
            "INSERT INTO customer_day (campaign, customer, day, amount) VALUES ($1, $2, $3, 1) \
             ON CONFLICT (campaign, customer, day) DO UPDATE SET amount = customer_day.amount + 1 \
             WHERE customer_day.amount < $4",
            &[
                self.campaign.into(),
                self.customer.into(),
                self.day.into(),
                limit.into(),
            ],
            "the day's limit was just reached",
        )
    }

    /// Gives one back, where there is one.
    pub(crate) fn give_one_back(self, tx: &Tx<'_>) -> Result<(), Cause> {
        tx.execute(
            "UPDATE customer_day SET amount = amount - 1 \
             WHERE campaign = $1 AND customer = $2 AND day = $3 AND amount > 0",
            &[self.campaign.into(), self.customer.into(), self.day.into()],
        )?;
        Ok(())
    }
}
