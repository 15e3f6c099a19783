//! Customers: who is meant by an id or a contact, and which codes they have.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::domain::campaign::{ContactKind, Rules};
use crate::domain::code::letters_of;
use crate::domain::contact::{PhoneRegion, mailbox, masked, normal_forms};
use crate::domain::customer::{Customer, HeldCode, MaskedContact, Name, name_form};
use crate::domain::entry::{Hash, instant};
use crate::domain::escape::for_display;
use crate::domain::finding::{FOUND_MAX, code_ending};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::codes::{look_up, state_number, state_of};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::group::Absent;
use crate::ledger::{Ledger, LedgerError, campaigns};

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

/// The customer that an id or a contact names, with their public id; who was joined to another is
/// that other.
pub(crate) fn resolve(
    tx: &Tx<'_>,
    text: &str,
    region: Option<PhoneRegion>,
) -> Result<Option<(i64, String)>, Cause> {
    let named = by_public_id(tx, text)?;
    if named.is_some() {
        return Ok(named);
    }
    for (kind, normal_form) in normal_forms(text, region) {
        let known = tx.one(
            &format!(
                "SELECT u.id, u.public_id FROM contact r JOIN customer u ON u.id = r.customer \
                 WHERE r.normal_form = $1 AND r.kind = $2 AND {IS_SEEN} \
                 ORDER BY NOT EXISTS (SELECT 1 FROM customer_slot s WHERE s.customer = u.id), u.id \
                 LIMIT 1"
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

/// The customer of this id; who was joined to another is that other.
pub(crate) fn by_public_id(tx: &Tx<'_>, text: &str) -> Result<Option<(i64, String)>, Cause> {
    let named = tx.one(
        &format!("SELECT r.id, r.public_id FROM customer r WHERE r.public_id = $1 AND {IS_SEEN}"),
        &[text.trim().into()],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )?;
    let Some((customer, name)) = named else {
        return Ok(None);
    };
    let standing = standing(tx, customer)?;
    Ok(Some(if standing == customer {
        (customer, name)
    } else {
        (standing, public_id(tx, standing)?)
    }))
}

/// The customer that one turned out to be; themselves where nobody joined them to another.
///
/// What cannot be found by customer at a join (hashes of erased contacts, keys, attempts) still
/// names who is gone: whoever reads a customer from there comes through here.
pub(crate) fn standing(tx: &Tx<'_>, customer: i64) -> Result<i64, Cause> {
    let mut standing = customer;
    // Only customers that stand are joined, so the way ends.
    while let Some(kept) = tx
        .one(
            "SELECT joined_to FROM customer WHERE id = $1",
            &[standing.into()],
            |row| row.maybe_int(0),
        )?
        .flatten()
    {
        standing = kept;
    }
    Ok(standing)
}

/// Whether everything readable about a customer was erased.
pub(crate) fn is_erased(tx: &Tx<'_>, customer: i64) -> Result<bool, Cause> {
    let erased = tx.one(
        "SELECT erased_at_ms FROM customer WHERE id = $1",
        &[customer.into()],
        |row| row.maybe_int(0),
    )?;
    Ok(erased.flatten().is_some())
}

/// A customer's public id.
pub(crate) fn public_id(tx: &Tx<'_>, customer: i64) -> Result<String, Cause> {
    if let Some(known) = tx.group().and_then(|(group, _)| group.public_id(customer)) {
        return Ok(known);
    }
    tx.one(
        "SELECT public_id FROM customer WHERE id = $1",
        &[customer.into()],
        |row| row.text(0),
    )?
    .ok_or_else(|| Cause::Damaged(format!("customer {customer} is missing")))
}

/// How a campaign recognises contacts, also after they were erased: by keyed hash.
pub(crate) struct Recognition {
    key: Vec<u8>,
    by_mailbox: bool,
    identify_by: Vec<ContactKind>,
}

impl Recognition {
    pub(crate) fn of(tx: &Tx<'_>, campaign: i64, rules: &Rules) -> Result<Recognition, Cause> {
        let mut identify_by: Vec<ContactKind> = rules.identify_by.iter().copied().collect();
        if !identify_by.contains(&ContactKind::ExternalId) {
            identify_by.push(ContactKind::ExternalId);
        }
        Ok(Recognition {
            key: campaigns::contact_key(tx, campaign)?,
            by_mailbox: rules.provider_aliases,
            identify_by,
        })
    }

    /// Whether the campaign tells people apart by contacts of this kind.
    pub(crate) fn identifies_by(&self, kind: ContactKind) -> bool {
        self.identify_by.contains(&kind)
    }

    /// Whether addresses that one mailbox is behind are one contact.
    pub(crate) fn is_by_mailbox(&self) -> bool {
        self.by_mailbox
    }

    /// The hash of a contact, and under the rule of provider aliases that of the mailbox behind it.
    pub(crate) fn hashes(&self, kind: ContactKind, form: &str) -> Result<Vec<Hash>, Cause> {
        let mut hashes = vec![self.hash(kind.as_str(), form)?];
        if self.by_mailbox && kind == ContactKind::Email {
            // Under a name of its own: no address can be taken for somebody's mailbox.
            hashes.push(self.hash("email_mailbox", &mailbox(form))?);
        }
        Ok(hashes)
    }

    fn hash(&self, domain: &str, text: &str) -> Result<Hash, Cause> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .ok()
            .ok_or_else(|| Cause::Damaged("a campaign's contact key".into()))?;
        mac.update(domain.as_bytes());
        mac.update(b"\0");
        mac.update(text.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }
}

/// A contact of a customer as it is stored.
pub(crate) fn contacts_of(tx: &Tx<'_>, customer: i64) -> Result<Vec<(ContactKind, String)>, Cause> {
    tx.all(
        &format!(
            "SELECT r.kind, r.normal_form FROM contact r WHERE r.customer = $1 AND {IS_SEEN} \
             ORDER BY r.kind, r.normal_form"
        ),
        &[customer.into()],
        |row| {
            let kind = kind_of(row.int(0)?)
                .ok_or_else(|| Cause::Damaged("a contact of an unknown kind".into()))?;
            Ok((kind, row.text(1)?))
        },
    )
}

/// Lets a campaign recognise a customer by everything they are known by, whatever becomes of the
/// readable contacts: by a contact left out of one claim they have no second code.
pub(crate) fn recognise(
    tx: &Tx<'_>,
    campaign: i64,
    rules: &Rules,
    customer: i64,
) -> Result<(), Cause> {
    let contacts = contacts_of(tx, customer)?;
    recognise_by(tx, (campaign, rules), customer, &contacts)
}

/// The same by these contacts alone.
pub(crate) fn recognise_by(
    tx: &Tx<'_>,
    (campaign, rules): (i64, &Rules),
    customer: i64,
    contacts: &[(ContactKind, String)],
) -> Result<(), Cause> {
    let recognition = Recognition::of(tx, campaign, rules)?;
    for (kind, form) in contacts {
        if !recognition.identifies_by(*kind) {
            continue;
        }
        for hash in recognition.hashes(*kind, form)? {
            tx.execute(
                "INSERT INTO contact_hash (campaign, hash, customer) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
                &[campaign.into(), hash.as_slice().into(), customer.into()],
            )?;
        }
    }
    Ok(())
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
    hashes: &[Hash],
) -> Result<Vec<i64>, Cause> {
    let mut holders = Vec::new();
    for hash in hashes {
        if tx.is_absent(Absent::Hash(campaign, hash)) {
            continue;
        }
        let holder = tx.one(
            &format!(
                "SELECT r.customer FROM contact_hash r \
                 WHERE r.campaign = $1 AND r.hash = $2 AND {IS_SEEN}"
            ),
            &[campaign.into(), hash.as_slice().into()],
            |row| row.int(0),
        )?;
        if let Some(holder) = holder {
            let holder = standing(tx, holder)?;
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
    }
    if !holders.is_empty() {
        return Ok(holders);
    }
    known_by(tx, kind, form)
}

/// The customers that have this contact.
pub(crate) fn known_by(tx: &Tx<'_>, kind: ContactKind, form: &str) -> Result<Vec<i64>, Cause> {
    if tx.is_absent(Absent::Contact(kind, form)) {
        return Ok(Vec::new());
    }
    tx.all(
        &format!(
            "SELECT DISTINCT r.customer FROM contact r \
             WHERE r.normal_form = $1 AND r.kind = $2 AND {IS_SEEN}"
        ),
        &[form.into(), kind_number(kind).into()],
        |row| row.int(0),
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
    put_in_slot(tx, campaign, customer, number, code)?;
    Ok(true)
}

/// Takes the first slot of a customer who was made in this transaction.
pub(crate) fn take_first_slot(
    tx: &Tx<'_>,
    campaign: i64,
    customer: i64,
    code: i64,
) -> Result<(), Cause> {
    put_in_slot(tx, campaign, customer, 1, code)
}

fn put_in_slot(
    tx: &Tx<'_>,
    campaign: i64,
    customer: i64,
    number: i64,
    code: i64,
) -> Result<(), Cause> {
    tx.row(
        "INSERT INTO customer_slot (campaign, customer, slot, code) VALUES ($1, $2, $3, $4)",
        &[campaign.into(), customer.into(), number.into(), code.into()],
        1,
    )
}

/// Gives a customer a slot for a code that is theirs, also beyond the campaign's limit.
pub(crate) fn add_slot(tx: &Tx<'_>, campaign: i64, customer: i64, code: i64) -> Result<(), Cause> {
    let newest = tx
        .one(
            "SELECT coalesce(max(slot), 0) FROM customer_slot \
             WHERE campaign = $1 AND customer = $2",
            &[campaign.into(), customer.into()],
            |row| row.int(0),
        )?
        .unwrap_or(0);
    tx.execute(
        "INSERT INTO customer_slot (campaign, customer, slot, code) VALUES ($1, $2, $3, $4)",
        &[
            campaign.into(),
            customer.into(),
            (newest + 1).into(),
            code.into(),
        ],
    )?;
    Ok(())
}

/// Lets nobody else give this customer a code, join or erase them before the end of the transaction.
/// What is read of them after it stands.
pub(crate) fn hold(tx: &Tx<'_>, customers: &[i64]) -> Result<(), Cause> {
    let mut in_turn = customers.to_vec();
    in_turn.sort_unstable();
    for customer in in_turn {
        let held = tx.lock_rows(
            "SELECT id FROM customer WHERE id = $1 AND joined_to IS NULL",
            &[customer.into()],
        )?;
        if held == Some(0) {
            return Err(Cause::Changed(
                "this customer was just joined to another".into(),
            ));
        }
    }
    Ok(())
}

/// Lets a campaign recognise a new customer by what they came with. Nobody was known by it a moment
/// ago; where another process has let it recognise somebody since, this is a race, and decided anew.
pub(crate) fn recognise_new(
    tx: &Tx<'_>,
    (campaign, rules): (i64, &Rules),
    customer: i64,
    contacts: &[(ContactKind, String)],
) -> Result<(), Cause> {
    let recognition = Recognition::of(tx, campaign, rules)?;
    let mut all = BTreeSet::new();
    for (kind, form) in contacts {
        if recognition.identifies_by(*kind) {
            all.extend(recognition.hashes(*kind, form)?);
        }
    }
    for hash in all {
        tx.row(
            "INSERT INTO contact_hash (campaign, hash, customer) VALUES ($1, $2, $3)",
            &[campaign.into(), hash.as_slice().into(), customer.into()],
            1,
        )?;
    }
    Ok(())
}

/// A new customer, of whom nothing is known yet.
pub(crate) fn add_customer(tx: &Tx<'_>, random: [u8; 14]) -> Result<i64, Cause> {
    tx.insert_row(
        "customer",
        "INSERT INTO customer (public_id) VALUES ($1) RETURNING id",
        &[(&public_id_of(random)).into()],
    )
}

/// Adds to what a customer is known by, in the one table that erasing empties.
pub(crate) fn add_contacts(
    tx: &Tx<'_>,
    customer: i64,
    contacts: &[(ContactKind, String)],
) -> Result<(), Cause> {
    for (kind, form) in contacts {
        tx.row(
            "INSERT INTO contact (customer, kind, normal_form) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
            &[customer.into(), kind_number(*kind).into(), form.into()],
            0,
        )?;
    }
    Ok(())
}

/// The same of a customer who was just made, for nobody was known by those of the contacts that the
/// campaign goes by; where another process has made a customer of them since, for whatever campaign,
/// this is a race, and decided anew.
pub(crate) fn add_first_contacts(
    tx: &Tx<'_>,
    customer: i64,
    contacts: &[(ContactKind, String)],
    identifying: &[(ContactKind, String)],
) -> Result<(), Cause> {
    if tx.writer().is_none() {
        return add_contacts(tx, customer, contacts);
    }
    let (first, others): (Vec<_>, Vec<_>) = contacts
        .iter()
        .cloned()
        .partition(|contact| identifying.contains(contact));
    let first = BTreeSet::from_iter(first);
    // The slot of a contact is nobody's for ever: joined customers share theirs. So whoever wants to
    // be the first by it waits for the others who do, and then looks again.
    let numbers: BTreeSet<i64> = first.iter().map(number_of_contact).collect();
    for number in numbers {
        tx.have_number(number)?;
    }
    for (kind, form) in &first {
        tx.guarded_row(
            &format!(
                "INSERT INTO contact (customer, kind, normal_form) \
                 SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS TEXT) \
                 WHERE NOT EXISTS (SELECT 1 FROM contact r \
                 WHERE r.normal_form = $3 AND r.kind = $2 AND {IS_SEEN})"
            ),
            &[customer.into(), kind_number(*kind).into(), form.into()],
            0,
            "another process has just made a customer of this contact",
        )?;
    }
    add_contacts(tx, customer, &others)
}

/// The number that whoever makes a customer of a contact has meanwhile.
fn number_of_contact((kind, form): &(ContactKind, String)) -> i64 {
    let mut digest = Sha256::new();
    digest.update(kind.as_str());
    digest.update(b"\0");
    digest.update(form);
    let hash: Hash = digest.finalize().into();
    hash.iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// Whether a customer has, or had, a code of any campaign.
fn has_had_code(tx: &Tx<'_>, customer: i64) -> Result<bool, Cause> {
    let code = tx.one(
        "SELECT code FROM customer_slot WHERE customer = $1 LIMIT 1",
        &[customer.into()],
        |row| row.int(0),
    )?;
    Ok(code.is_some())
}

/// Whether a customer has, or had, a code of any campaign, or is a test customer of this one.
pub(crate) fn has_ever_had(tx: &Tx<'_>, campaign: i64, customer: i64) -> Result<bool, Cause> {
    if has_had_code(tx, customer)? {
        return Ok(true);
    }
    let tester = tx.one(
        "SELECT customer FROM test_customer WHERE campaign = $1 AND customer = $2",
        &[campaign.into(), customer.into()],
        |row| row.int(0),
    )?;
    Ok(tester.is_some())
}

/// A name for a customer that can never be taken for a code: codes have no vowels.
pub(crate) fn public_id_of(random: [u8; 14]) -> String {
    format!("U{}", letters_of(&random))
}

/// Keeps what a customer says of themselves where nothing was said before: their name, and that
/// they agree to be written to.
pub(crate) fn introduce(
    tx: &Tx<'_>,
    customer: i64,
    name: Option<&Name>,
    consents: bool,
    now_ms: i64,
) -> Result<(), Cause> {
    if let Some(name) = name {
        tx.execute(
            "UPDATE customer SET name = $1, name_form = $2 WHERE id = $3 AND name IS NULL",
            &[name.as_str().into(), (&name.form()).into(), customer.into()],
        )?;
    }
    if consents {
        tx.execute(
            "UPDATE customer SET consented_at_ms = $1 WHERE id = $2 AND consented_at_ms IS NULL",
            &[now_ms.into(), customer.into()],
        )?;
    }
    Ok(())
}

impl Ledger {
    /// The customers that a text may mean: an id, a contact, a code, a part of a name (two letters
    /// or more, whatever their case and accents), or the last letters of a code (four or more). At
    /// most twenty.
    pub fn find_customers(&mut self, text: &str) -> Result<Vec<Customer>, LedgerError> {
        let region = self.phone_region;
        self.read("find", "a customer", |tx| {
            found(tx, text, region)?
                .into_iter()
                .map(|customer| described(tx, customer))
                .collect()
        })
    }

    /// The customer of an id; who was joined to another is that other.
    pub fn customer(&mut self, id: &str) -> Result<Result<Customer, Refusal>, LedgerError> {
        self.read("read", "a customer", |tx| match by_public_id(tx, id)? {
            Some((customer, _)) => described(tx, customer).map(Ok),
            None => Ok(Err(Refusal::NoSuchCustomer(for_display(id)))),
        })
    }
}

/// Fewer letters of a name than this would name everybody.
const NAME_LETTERS_MIN: usize = 2;

fn found(tx: &Tx<'_>, text: &str, region: Option<PhoneRegion>) -> Result<Vec<i64>, Cause> {
    let known = known_as(tx, text, region)?;
    if !known.is_empty() {
        return Ok(known);
    }
    if let (Some(row), _) = look_up(tx, text.as_bytes(), &[])? {
        return Ok(row.customer.into_iter().collect());
    }
    let mut customers = by_name(tx, text)?;
    for customer in by_last_letters(tx, text)? {
        if customers.len() < FOUND_MAX && !customers.contains(&customer) {
            customers.push(customer);
        }
    }
    Ok(customers)
}

/// Whose id or contact this is: several people's, where it is a family's telephone. Who never had
/// a code is named only where nobody else is.
pub(crate) fn known_as(
    tx: &Tx<'_>,
    text: &str,
    region: Option<PhoneRegion>,
) -> Result<Vec<i64>, Cause> {
    if let Some((customer, _)) = by_public_id(tx, text)? {
        return Ok(vec![customer]);
    }
    let (mut holders, mut others) = (Vec::new(), Vec::new());
    for (kind, form) in normal_forms(text, region) {
        for customer in known_by(tx, kind, &form)? {
            let named = if has_had_code(tx, customer)? {
                &mut holders
            } else {
                &mut others
            };
            if named.len() < FOUND_MAX && !named.contains(&customer) {
                named.push(customer);
            }
        }
    }
    Ok(if holders.is_empty() { others } else { holders })
}

/// Whose name has this in it.
pub(crate) fn by_name(tx: &Tx<'_>, text: &str) -> Result<Vec<i64>, Cause> {
    let part = name_form(text);
    if part.chars().count() < NAME_LETTERS_MIN {
        return Ok(Vec::new());
    }
    let mut pattern = String::from("%");
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    tx.all(
        "SELECT id FROM customer WHERE name_form IS NOT NULL AND name_form LIKE $1 ESCAPE '!' \
         ORDER BY name_form, id LIMIT $2",
        &[
            (&pattern).into(),
            i64::try_from(FOUND_MAX).unwrap_or(i64::MAX).into(),
        ],
        |row| row.int(0),
    )
}

/// Whose codes end so: only codes that customers hold are looked through.
fn by_last_letters(tx: &Tx<'_>, text: &str) -> Result<Vec<i64>, Cause> {
    let Some(ending) = code_ending(text) else {
        return Ok(Vec::new());
    };
    let mut customers = Vec::new();
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
    let contacts = contacts_of(tx, customer)?
        .into_iter()
        .map(|(kind, form)| MaskedContact {
            kind: kind.as_str(),
            masked: masked(kind, &form),
        })
        .collect();
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
    let more_than_allowed = more_than_allowed(tx, customer)?;
    tx.one(
        "SELECT public_id, name, consented_at_ms, erased_at_ms FROM customer WHERE id = $1",
        &[customer.into()],
        |row| {
            Ok(Customer {
                customer_id: row.text(0)?,
                name: row.maybe_text(1)?,
                contacts: Vec::new(),
                codes: Vec::new(),
                consented_at: row.maybe_int(2)?.map(instant),
                erased_at: row.maybe_int(3)?.map(instant),
                more_than_allowed: Vec::new(),
            })
        },
    )?
    .map(|customer| Customer {
        contacts,
        codes,
        more_than_allowed,
        ..customer
    })
    .ok_or_else(|| Cause::Damaged(format!("customer {customer} is missing")))
}

/// The campaigns of which a customer has more live codes than the rules allow: two customers that
/// were one have each had theirs.
fn more_than_allowed(tx: &Tx<'_>, customer: i64) -> Result<Vec<String>, Cause> {
    let mut names = Vec::new();
    for campaign in campaigns_of(tx, customer)? {
        let loaded = campaigns::load(tx, campaign)?;
        if live_beyond(tx, campaign, customer, loaded.rules.per_customer)? > 0 {
            names.push(loaded.id.to_string());
        }
    }
    Ok(names)
}

/// How many live codes a customer has beyond the campaign's limit.
fn live_beyond(
    tx: &Tx<'_>,
    campaign: i64,
    customer: i64,
    per_customer: u32,
) -> Result<usize, Cause> {
    let slots = slots_of(tx, campaign, customer)?;
    let live = slots.iter().filter(|slot| slot.is_live).count();
    Ok(live.saturating_sub(per_customer as usize))
}

/// The campaigns of which a customer has, or had, codes.
pub(crate) fn campaigns_of(tx: &Tx<'_>, customer: i64) -> Result<Vec<i64>, Cause> {
    tx.all(
        "SELECT DISTINCT campaign FROM customer_slot WHERE customer = $1 ORDER BY campaign",
        &[customer.into()],
        |row| row.int(0),
    )
}
