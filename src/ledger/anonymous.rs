//! Codes for customers without a contact: so many a local day, over all of them. A code that is
//! taken back gives its place of that day back.

use jiff::Timestamp;

use crate::domain::entry::{Body, instant};
use crate::domain::local_time::day_number;
use crate::domain::verdict::CodeState;
use crate::ledger::codes::{CodeRow, assignment_of};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{Writing, zone_of};

/// In the daily count of codes for customers without a contact, nobody stands for all of them.
const NOBODY: i64 = 0;

/// The codes of a campaign given to customers without a contact on the local day of this instant.
pub(crate) fn that_day(
    writing: &Writing<'_, '_>,
    campaign: i64,
    at: Timestamp,
) -> Result<CustomerDay, Cause> {
    Ok(CustomerDay {
        campaign,
        customer: NOBODY,
        day: day_number(at, &zone_of(&writing.head)?),
    })
}

/// Gives back the place of a code that is about to end unused, where it was given to somebody whom
/// the campaign knows by nothing to this day. One given in another's stead took no place, and has
/// none to give back.
pub(crate) fn give_back(writing: &Writing<'_, '_>, row: &CodeRow) -> Result<(), Cause> {
    let tx = writing.tx;
    let (CodeState::Assigned, 0, Some(customer)) = (row.state, row.uses_made, row.customer) else {
        return Ok(());
    };
    let Some(given) = assignment_of(tx, &writing.head, row)? else {
        return Ok(());
    };
    // Another store's codes took no place of a day here.
    if given.is_foreign() {
        return Ok(());
    }
    let day = that_day(writing, row.campaign, instant(given.body.at_ms))?;
    if day.amount(tx)? == 0
        || !was_claimed(tx, &given.body)?
        || is_known(tx, row.campaign, customer)?
    {
        return Ok(());
    }
    day.give_one_back(tx)
}

/// Whether a code was given by a claim: not in another's stead, and not by a list.
fn was_claimed(tx: &Tx<'_>, given: &Body) -> Result<bool, Cause> {
    let verb = tx.one(
        "SELECT verb FROM act_key WHERE caller = $1 AND key = $2",
        &[(&given.counter).into(), given.key.as_ref().into()],
        |row| row.text(0),
    )?;
    Ok(verb.as_deref() == Some("assign"))
}

/// Whether the campaign knows a customer by a contact, removed and erased ones among them.
fn is_known(tx: &Tx<'_>, campaign: i64, customer: i64) -> Result<bool, Cause> {
    let known = tx.one(
        "SELECT customer FROM contact_hash WHERE campaign = $1 AND customer = $2 LIMIT 1",
        &[campaign.into(), customer.into()],
        |row| row.int(0),
    )?;
    Ok(known.is_some())
}
