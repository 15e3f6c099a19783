//! Customers that a batch names: known by their ids for ever, merged with what is known of them here.
//!
//! Whoever has a contact of another customer, in a campaign that goes by it, is told apart still, and
//! taken for one person where codes are counted.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::campaign::ContactKind;
use crate::domain::customer::Name;
use crate::domain::entry::{Body, Fact, unhex};
use crate::domain::wire::WireCustomer;
use crate::ledger::agreed::Persons;
use crate::ledger::customers::{add_contacts, is_erased, kind_number, standing};
use crate::ledger::engine::{Tx, Value};
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::lookups::numbers_of;
use crate::ledger::{Writing, bulk, second_code};

/// What entries of a batch say was changed of a customer; what it is now stands beside them.
#[derive(Debug, Default)]
struct Edit {
    is_renamed: bool,
    consents: Option<bool>,
    removed: BTreeSet<String>,
}

/// Merges the customers of a batch with those here; whoever is only named is known from now on. Answers
/// who turned out to be taken for the same person as somebody else.
pub(crate) fn merge(
    writing: &Writing<'_, '_>,
    customers: &[WireCustomer],
    bodies: &[Option<Body>],
) -> Result<Persons, Cause> {
    let tx = writing.tx;
    let mut named: BTreeSet<&str> = customers
        .iter()
        .map(|customer| customer.customer.as_str())
        .collect();
    let mut edits = BTreeMap::<&str, Edit>::new();
    for body in bodies.iter().flatten() {
        let Some(customer) = body.customer.as_deref() else {
            continue;
        };
        named.insert(customer);
        if let Fact::CustomersJoined { gone } = &body.fact {
            named.insert(gone);
        }
        if let Fact::CustomerEdited {
            is_renamed,
            consents,
            removed,
            ..
        } = &body.fact
        {
            let edit = edits.entry(customer).or_default();
            edit.is_renamed |= is_renamed;
            edit.consents = consents.or(edit.consents);
            edit.removed.extend(removed.iter().cloned());
        }
    }
    if named.is_empty() {
        return Ok(Persons::new());
    }
    let named: Vec<String> = named.into_iter().map(str::to_owned).collect();
    let numbers = introduced(tx, &named)?;
    // In the order of their numbers, which is the same for everybody who writes at the same time.
    let mut merged: Vec<(i64, &WireCustomer)> = customers
        .iter()
        .filter_map(|customer| Some((*numbers.get(&customer.customer)?, customer)))
        .collect();
    merged.sort_by_key(|(number, _)| *number);
    for (number, customer) in merged {
        let edit = edits.get(customer.customer.as_str());
        merge_words(tx, number, customer, edit)?;
        touch(tx, FeedKind::Customer, number, EVERYBODY)?;
    }
    merge_hashes(tx, customers, &numbers)
}

/// The numbers of customers, who are given one where they have none.
fn introduced(tx: &Tx<'_>, named: &[String]) -> Result<BTreeMap<String, i64>, Cause> {
    let known = numbers_of(tx, named)?;
    let rows: Vec<Vec<Value<'_>>> = named
        .iter()
        .filter(|name| !known.contains_key(*name))
        .map(|name| vec![name.into()])
        .collect();
    if rows.is_empty() {
        return Ok(known);
    }
    bulk::insert(
        tx,
        "INSERT INTO customer (public_id)",
        " ON CONFLICT DO NOTHING",
        &rows,
    )?;
    numbers_of(tx, named)
}

/// Name, consent and contacts: what is not known yet, and what an entry says was changed. Of who was
/// erased nothing readable comes back.
fn merge_words(
    tx: &Tx<'_>,
    number: i64,
    customer: &WireCustomer,
    edit: Option<&Edit>,
) -> Result<(), Cause> {
    let has_words = customer.name.is_some()
        || customer.consented_at_ms.is_some()
        || !customer.contacts.is_empty();
    if (!has_words && edit.is_none()) || customer.erased_at_ms.is_some() || is_erased(tx, number)? {
        return Ok(());
    }
    let contacts: Vec<(ContactKind, String)> = customer
        .contacts
        .iter()
        .filter_map(|(kind, form)| kind_named(kind).map(|kind| (kind, form.clone())))
        .collect();
    add_contacts(tx, number, &contacts)?;
    let name = customer
        .name
        .as_ref()
        .and_then(|name| name.parse::<Name>().ok());
    let is_renamed = edit.is_some_and(|edit| edit.is_renamed);
    if name.is_some() || is_renamed {
        tx.execute(
            "UPDATE customer SET name = $1, name_form = $2 WHERE id = $3 AND (name IS NULL OR $4 = 1)",
            &[
                name.as_ref().map(Name::as_str).into(),
                name.as_ref().map(Name::form).as_ref().into(),
                number.into(),
                is_renamed.into(),
            ],
        )?;
    }
    let consents = edit.and_then(|edit| edit.consents);
    if customer.consented_at_ms.is_some() || consents.is_some() {
        tx.execute(
            "UPDATE customer SET consented_at_ms = $1 \
             WHERE id = $2 AND (consented_at_ms IS NULL OR $3 = 1)",
            &[
                customer.consented_at_ms.into(),
                number.into(),
                (consents == Some(false)).into(),
            ],
        )?;
    }
    for kind in edit.iter().flat_map(|edit| &edit.removed) {
        if let Some(kind) = kind_named(kind) {
            remove_others(tx, number, kind, &contacts)?;
        }
    }
    Ok(())
}

fn kind_named(word: &str) -> Option<ContactKind> {
    ContactKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
}

/// Removes the contacts of a kind that a customer has no more; they are recognised by them still.
fn remove_others(
    tx: &Tx<'_>,
    number: i64,
    kind: ContactKind,
    contacts: &[(ContactKind, String)],
) -> Result<(), Cause> {
    let here = tx.all(
        "SELECT normal_form FROM contact WHERE customer = $1 AND kind = $2",
        &[number.into(), kind_number(kind).into()],
        |row| row.text(0),
    )?;
    for form in here {
        if !contacts.contains(&(kind, form.clone())) {
            tx.execute(
                "DELETE FROM contact WHERE customer = $1 AND kind = $2 AND normal_form = $3",
                &[number.into(), kind_number(kind).into(), (&form).into()],
            )?;
        }
    }
    Ok(())
}

/// Lets campaigns recognise customers by the hashes that come with them. A hash that is another's
/// stays theirs: from then on the two are taken for one person.
fn merge_hashes(
    tx: &Tx<'_>,
    customers: &[WireCustomer],
    numbers: &BTreeMap<String, i64>,
) -> Result<Persons, Cause> {
    let mut persons = Persons::new();
    let mut brought = BTreeMap::<&str, Vec<(Vec<u8>, i64)>>::new();
    for customer in customers {
        let Some(number) = numbers.get(&customer.customer) else {
            continue;
        };
        for (campaign, hash) in &customer.hashes {
            if let Some(hash) = unhex(hash).filter(|hash| hash.len() == 32) {
                brought
                    .entry(campaign.as_str())
                    .or_default()
                    .push((hash, *number));
            }
        }
    }
    for (campaign, mut hashes) in brought {
        hashes.sort_unstable();
        let known = tx.one(
            "SELECT id FROM campaign WHERE name = $1",
            &[campaign.into()],
            |row| row.int(0),
        )?;
        let Some(campaign) = known else {
            continue;
        };
        let rows: Vec<Vec<Value<'_>>> = hashes
            .iter()
            .map(|(hash, number)| vec![campaign.into(), hash.as_slice().into(), number.into()])
            .collect();
        bulk::insert(
            tx,
            "INSERT INTO contact_hash (campaign, hash, customer)",
            " ON CONFLICT DO NOTHING",
            &rows,
        )?;
        tell_apart(tx, campaign, &hashes, &mut persons)?;
    }
    Ok(persons)
}

fn tell_apart(
    tx: &Tx<'_>,
    campaign: i64,
    hashes: &[(Vec<u8>, i64)],
    persons: &mut Persons,
) -> Result<(), Cause> {
    let keys: Vec<&[u8]> = hashes.iter().map(|(hash, _)| hash.as_slice()).collect();
    let owners: BTreeMap<Vec<u8>, i64> = bulk::find(
        tx,
        "SELECT hash, customer FROM contact_hash WHERE campaign = $1 AND hash",
        &[campaign.into()],
        &keys,
        "",
        |row| Ok((row.blob(0)?, row.int(1)?)),
    )?
    .into_iter()
    .collect();
    for (hash, number) in hashes {
        let Some(owner) = owners.get(hash) else {
            continue;
        };
        if owner != number
            && standing(tx, *owner)? != *number
            && second_code::are_alike(tx, campaign, *number, standing(tx, *owner)?)?
        {
            persons.insert((campaign, *number));
        }
    }
    Ok(())
}
