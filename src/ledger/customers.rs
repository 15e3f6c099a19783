//! Customers: who is meant by an id or a contact, and which codes they have.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::campaign::ContactKind;
use crate::domain::code::{fold, letters_of};
use crate::domain::contact::{masked, normal_forms};
use crate::domain::customer::{Customer, HeldCode, MaskedContact};
use crate::domain::entry::Hash;
use crate::domain::verdict::CodeState;
use crate::ledger::codes::{look_up, state_number, state_of};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::{Ledger, LedgerError};

/// The stored number of a kind of contact.
pub(crate) fn kind_number(kind: ContactKind) -> i64 {
    match kind {
        ContactKind::Email => 0,
        ContactKind::Phone => 1,
        ContactKind::Loyalty => 2,
        ContactKind::ExternalId => 3,
    }
}

/// The kind of a stored number.
pub(crate) fn kind_of(number: i64) -> Option<ContactKind> {
    ContactKind::ALL
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
}

/// Whether a row that an import made may be seen: its batch is published, or it bears none.
/// For rows called `r`; a batch's rows lose its number soon after it was published.
pub(crate) const IS_SEEN: &str = "(r.batch IS NULL OR EXISTS \
     (SELECT 1 FROM batch b WHERE b.id = r.batch AND b.is_published = 1))";

/// The customer that an id or a contact names, with their public id.
pub(crate) fn resolve(tx: &Tx<'_>, text: &str) -> Result<Option<(i64, String)>, Cause> {
    let named = tx.one(
        &format!("SELECT r.id, r.public_id FROM customer r WHERE r.public_id = $1 AND {IS_SEEN}"),
        &[text.trim().into()],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )?;
    if named.is_some() {
        return Ok(named);
    }
    for (kind, normal_form) in normal_forms(text) {
        let known = tx.one(
            &format!(
                "SELECT u.id, u.public_id FROM contact r JOIN customer u ON u.id = r.customer \
                 WHERE r.normal_form = $1 AND r.kind = $2 AND {IS_SEEN}"
            ),
            &[(&normal_form).into(), kind_number(kind).into()],
            |row| Ok((row.int(0)?, row.text(1)?)),
        )?;
        if known.is_some() {
            return Ok(known);
        }
    }
    Ok(None)
}

/// A customer's public id.
pub(crate) fn public_id(tx: &Tx<'_>, customer: i64) -> Result<String, Cause> {
    tx.one(
        "SELECT public_id FROM customer WHERE id = $1",
        &[customer.into()],
        |row| row.text(0),
    )?
    .ok_or_else(|| Cause::Damaged(format!("customer {customer} is missing")))
}

/// The keyed hash by which a campaign recognises a contact, also after it was erased.
pub(crate) fn contact_hash(
    campaign_key: &[u8],
    kind: ContactKind,
    normal_form: &str,
) -> Result<Hash, Cause> {
    let mut mac = Hmac::<Sha256>::new_from_slice(campaign_key)
        .ok()
        .ok_or_else(|| Cause::Damaged("a campaign's contact key".into()))?;
    mac.update(kind.as_str().as_bytes());
    mac.update(b"\0");
    mac.update(normal_form.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

/// A code that a customer has of a campaign.
pub(crate) struct CustomerSlot {
    pub(crate) number: i64,
    pub(crate) code: i64,
    pub(crate) is_live: bool,
}

/// The codes that a customer has of a campaign, void ones among them, the newest last.
pub(crate) fn slots_of(
    tx: &Tx<'_>,
    campaign: i64,
    customer: i64,
) -> Result<Vec<CustomerSlot>, Cause> {
    tx.all(
        "SELECT s.slot, c.state, s.code FROM customer_slot s JOIN code c ON c.id = s.code \
         WHERE s.campaign = $1 AND s.customer = $2 ORDER BY s.slot",
        &[campaign.into(), customer.into()],
        |row| {
            Ok(CustomerSlot {
                number: row.int(0)?,
                code: row.int(2)?,
                is_live: row.int(1)? != state_number(CodeState::Void),
            })
        },
    )
}

/// The customers that a contact names: who has a code of the campaign, else who is known by it.
pub(crate) fn customers_of(
    tx: &Tx<'_>,
    campaign: i64,
    kind: ContactKind,
    form: &str,
    hash: &[u8; 32],
) -> Result<Vec<i64>, Cause> {
    let take = |row: &Row<'_>| row.int(0);
    let holder = tx.all(
        &format!(
            "SELECT r.customer FROM contact_hash r \
             WHERE r.campaign = $1 AND r.hash = $2 AND {IS_SEEN}"
        ),
        &[campaign.into(), hash.as_slice().into()],
        take,
    )?;
    if !holder.is_empty() {
        return Ok(holder);
    }
    tx.all(
        &format!(
            "SELECT DISTINCT r.customer FROM contact r \
             WHERE r.normal_form = $1 AND r.kind = $2 AND {IS_SEEN}"
        ),
        &[form.into(), kind_number(kind).into()],
        take,
    )
}

/// Takes the customer's next slot for a code, below the campaign's limit: the unique slot is what
/// holds law 2. False where they have as many as they may; void codes do not count.
pub(crate) fn take_slot(
    tx: &Tx<'_>,
    campaign: i64,
    customer: i64,
    per_customer: u32,
    code: i64,
) -> Result<bool, Cause> {
    let slots = slots_of(tx, campaign, customer)?;
    let live = slots.iter().filter(|slot| slot.is_live).count();
    if live >= per_customer as usize {
        return Ok(false);
    }
    // Above every other, so that the newest has the highest number.
    let number = slots.last().map_or(1, |newest| newest.number + 1);
    tx.execute(
        "INSERT INTO customer_slot (campaign, customer, slot, code) VALUES ($1, $2, $3, $4)",
        &[campaign.into(), customer.into(), number.into(), code.into()],
    )?;
    Ok(true)
}

/// A name for a customer that can never be taken for a code: codes have no vowels.
pub(crate) fn public_id_of(random: [u8; 14]) -> String {
    format!("U{}", letters_of(&random))
}

impl Ledger {
    /// The customers that a text may mean: an id, a contact, a code, or the last letters of one
    /// (four or more). At most twenty.
    pub fn find_customers(&mut self, text: &str) -> Result<Vec<Customer>, LedgerError> {
        self.read("find", "a customer", |tx| {
            found(tx, text)?
                .into_iter()
                .map(|customer| described(tx, customer))
                .collect()
        })
    }
}

/// How many customers an answer names.
const FOUND_MAX: usize = 20;

/// Fewer last letters than this would name everybody.
const LAST_LETTERS_MIN: usize = 4;

fn found(tx: &Tx<'_>, text: &str) -> Result<Vec<i64>, Cause> {
    if let Some((customer, _)) = resolve(tx, text)? {
        return Ok(vec![customer]);
    }
    let (Some(row), _) = look_up(tx, text.as_bytes(), &[])? else {
        return by_last_letters(tx, text);
    };
    Ok(row.customer.into_iter().collect())
}

/// Whom a text names without being a code.
pub(crate) fn named_by(tx: &Tx<'_>, text: &str) -> Result<Vec<i64>, Cause> {
    Ok(resolve(tx, text)?
        .map(|(customer, _)| customer)
        .into_iter()
        .collect())
}

/// Whose codes end so: only codes that customers hold are looked through.
fn by_last_letters(tx: &Tx<'_>, text: &str) -> Result<Vec<i64>, Cause> {
    let Ok(ending) = fold(text) else {
        return Ok(Vec::new());
    };
    let mut customers = Vec::new();
    if ending.as_str().len() < LAST_LETTERS_MIN {
        return Ok(customers);
    }
    tx.each(
        "SELECT c.folded, s.customer FROM customer_slot s JOIN code c ON c.id = s.code",
        &[],
        |row| {
            let customer = row.int(1)?;
            if customers.len() < FOUND_MAX
                && row.text(0)?.ends_with(ending.as_str())
                && !customers.contains(&customer)
            {
                customers.push(customer);
            }
            Ok(())
        },
    )?;
    Ok(customers)
}

pub(crate) fn described(tx: &Tx<'_>, customer: i64) -> Result<Customer, Cause> {
    let contacts = tx.all(
        &format!(
            "SELECT r.kind, r.normal_form FROM contact r WHERE r.customer = $1 AND {IS_SEEN} \
             ORDER BY r.kind, r.normal_form"
        ),
        &[customer.into()],
        |row| {
            let kind = kind_of(row.int(0)?)
                .ok_or_else(|| Cause::Damaged("a contact of an unknown kind".into()))?;
            Ok(MaskedContact {
                kind: kind.as_str(),
                masked: masked(kind, &row.text(1)?),
            })
        },
    )?;
    let codes = tx.all(
        "SELECT coalesce(c.shown, c.folded), m.name, c.state, c.uses_made \
         FROM customer_slot s JOIN code c ON c.id = s.code JOIN campaign m ON m.id = s.campaign \
         JOIN batch b ON b.id = c.batch WHERE s.customer = $1 AND b.is_published = 1 \
         ORDER BY s.campaign, s.slot",
        &[customer.into()],
        |row| {
            Ok(HeldCode {
                code: row.text(0)?,
                campaign: row.text(1)?,
                state: state_of(row.int(2)?)?.as_str(),
                uses_made: row.count(3)?,
            })
        },
    )?;
    Ok(Customer {
        customer_id: public_id(tx, customer)?,
        contacts,
        codes,
    })
}
