//! Customers, as far as redeeming needs them: who is meant by an id or a contact.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::campaign::ContactKind;
use crate::domain::contact::normal_forms;
use crate::domain::entry::Hash;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;

/// The stored number of a kind of contact.
pub(crate) fn kind_number(kind: ContactKind) -> i64 {
    match kind {
        ContactKind::Email => 0,
        ContactKind::Phone => 1,
        ContactKind::Loyalty => 2,
        ContactKind::ExternalId => 3,
    }
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
