//! Editing what is known of a customer. It never frees a second code: whatever they were known by
//! when they got one, their campaigns go on recognising.

use crate::domain::campaign::ContactKind;
use crate::domain::contact::{PhoneRegion, normal_form};
use crate::domain::customer::{Customer, Name};
use crate::domain::entry::Fact;
use crate::domain::escape::for_display;
use crate::domain::refusal::Refusal;
use crate::ledger::customers::{
    Recognition, add_contacts, by_public_id, campaigns_of, contacts_of, customers_of, described,
    hold, kind_number, known_by, public_id, recognise,
};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, campaigns, setting_of};

/// What is to be changed of a customer.
#[derive(Debug, Clone, Copy, Default)]
pub struct CustomerEdit<'a> {
    /// What they are called from now on; 1 to 100 characters, none of them a control character, or
    /// nothing at all.
    pub name: Option<&'a str>,
    /// Whether they agree to be written to; who agrees already goes on having agreed when they did.
    pub consents: Option<bool>,
    /// Contacts they are known by as well, as typed.
    pub added: &'a [(ContactKind, String)],
    /// Contacts that are removed, as typed.
    pub removed: &'a [(ContactKind, String)],
}

impl Ledger {
    /// Changes what is known of a customer, all of it or nothing; what is so already makes no entry.
    pub fn edit_customer(
        &mut self,
        id: &str,
        change: &CustomerEdit<'_>,
        act: &Act,
    ) -> Result<Result<Customer, Refusal>, LedgerError> {
        self.write_zeroing("edit", "a customer", |writing| {
            edit(writing, id, change, act)
        })
    }
}

type Contacts = Vec<(ContactKind, String)>;

fn edit(
    writing: &mut Writing<'_, '_>,
    id: &str,
    change: &CustomerEdit<'_>,
    act: &Act,
) -> Result<Result<Customer, Refusal>, Cause> {
    let Some((customer, name_of)) = by_public_id(writing.tx, id)? else {
        return Ok(Err(Refusal::NoSuchCustomer(for_display(id))));
    };
    let (name, mut added, removed) = match read(change, writing.phone_region) {
        Ok(change) => change,
        Err(refusal) => return Ok(Err(refusal)),
    };
    hold(writing.tx, &[customer])?;
    let known = contacts_of(writing.tx, customer)?;
    added.retain(|contact| !known.contains(contact));
    if let Some((kind, _)) = removed.iter().find(|contact| !known.contains(contact)) {
        return Ok(Err(Refusal::NoSuchContact(kind.as_str())));
    }
    for (kind, form) in &added {
        if let Some(other) = owner(writing.tx, *kind, form, customer)? {
            return Ok(Err(Refusal::ContactOfAnother {
                kind: kind.as_str(),
                customer: public_id(writing.tx, other)?,
            }));
        }
    }
    let is_renamed = match &name {
        Some(name) => rename(writing.tx, customer, name.as_ref())?,
        None => false,
    };
    let consents = match change.consents {
        Some(consents) => consent(writing.tx, customer, consents, act)?,
        None => None,
    };
    if !is_renamed && consents.is_none() && added.is_empty() && removed.is_empty() {
        return described(writing.tx, customer).map(Ok);
    }
    exchange(writing.tx, customer, &added, &removed)?;
    if writing.tx.writer().is_some() {
        // Looked at again, now that they are kept: somebody else may just have come with one.
        for (kind, form) in &added {
            if owner(writing.tx, *kind, form, customer)?.is_some() {
                return Err(Cause::Changed("a contact was just given to another".into()));
            }
        }
    }
    let kinds = |contacts: &Contacts| {
        contacts
            .iter()
            .map(|(kind, _)| kind.as_str().to_owned())
            .collect()
    };
    writing.append(
        Fact::CustomerEdited {
            is_renamed,
            consents,
            added: kinds(&added),
            removed: kinds(&removed),
        },
        &Setting {
            customer: Some(&name_of),
            ..setting_of(act)
        },
    )?;
    described(writing.tx, customer).map(Ok)
}

/// The name that is to be, none within: no name any more; the contacts that come, and that go.
type Read = (Option<Option<Name>>, Contacts, Contacts);

/// The change in normal form.
fn read(change: &CustomerEdit<'_>, region: Option<PhoneRegion>) -> Result<Read, Refusal> {
    let name = match change.name.map(str::trim) {
        None => None,
        Some("") => Some(None),
        Some(text) => Some(Some(
            text.parse::<Name>()
                .map_err(|fault| Refusal::Faulty(fault.0))?,
        )),
    };
    let forms = |contacts: &[(ContactKind, String)]| {
        let mut forms = Contacts::new();
        for (kind, text) in contacts {
            let form =
                normal_form(*kind, text, region).map_err(|fault| Refusal::Faulty(fault.0))?;
            let contact = (*kind, form);
            if !forms.contains(&contact) {
                forms.push(contact);
            }
        }
        Ok(forms)
    };
    Ok((name, forms(change.added)?, forms(change.removed)?))
}

/// Another customer who is known by a contact, or has a code of a campaign that recognises it.
fn owner(tx: &Tx<'_>, kind: ContactKind, form: &str, customer: i64) -> Result<Option<i64>, Cause> {
    let mut owners = known_by(tx, kind, form)?;
    for campaign in campaigns::every(tx)? {
        let rules = campaigns::load(tx, campaign)?.rules;
        let recognition = Recognition::of(tx, campaign, &rules)?;
        if recognition.identifies_by(kind) {
            let hashes = recognition.hashes(kind, form)?;
            owners.extend(customers_of(tx, campaign, kind, form, &hashes)?);
        }
    }
    Ok(owners.into_iter().find(|owner| *owner != customer))
}

/// Whether the customer had another name before, or none.
fn rename(tx: &Tx<'_>, customer: i64, name: Option<&Name>) -> Result<bool, Cause> {
    let changed = match name {
        Some(name) => tx.execute(
            "UPDATE customer SET name = $1, name_form = $2 \
             WHERE id = $3 AND (name IS NULL OR name <> $1)",
            &[name.as_str().into(), (&name.form()).into(), customer.into()],
        )?,
        None => tx.execute(
            "UPDATE customer SET name = NULL, name_form = NULL \
             WHERE id = $1 AND name IS NOT NULL",
            &[customer.into()],
        )?,
    };
    Ok(changed == 1)
}

/// Gives consent or takes it back; what is so already is no change.
fn consent(tx: &Tx<'_>, customer: i64, consents: bool, act: &Act) -> Result<Option<bool>, Cause> {
    let changed = if consents {
        tx.execute(
            "UPDATE customer SET consented_at_ms = $1 WHERE id = $2 AND consented_at_ms IS NULL",
            &[act.now.as_millisecond().into(), customer.into()],
        )?
    } else {
        tx.execute(
            "UPDATE customer SET consented_at_ms = NULL \
             WHERE id = $1 AND consented_at_ms IS NOT NULL",
            &[customer.into()],
        )?
    };
    Ok((changed == 1).then_some(consents))
}

fn exchange(tx: &Tx<'_>, customer: i64, added: &Contacts, removed: &Contacts) -> Result<(), Cause> {
    add_contacts(tx, customer, added)?;
    touch(tx, FeedKind::Customer, customer, EVERYBODY)?;
    // What is removed was hashed before, in every campaign they have a code of.
    recognise_everywhere(tx, customer)?;
    for (kind, form) in removed {
        tx.execute(
            "DELETE FROM contact WHERE customer = $1 AND kind = $2 AND normal_form = $3",
            &[customer.into(), kind_number(*kind).into(), form.into()],
        )?;
    }
    Ok(())
}

/// Lets every campaign of which a customer has codes recognise all that they are known by.
pub(crate) fn recognise_everywhere(tx: &Tx<'_>, customer: i64) -> Result<(), Cause> {
    for campaign in campaigns_of(tx, customer)? {
        let rules = campaigns::load(tx, campaign)?.rules;
        recognise(tx, campaign, &rules, customer)?;
    }
    Ok(())
}
