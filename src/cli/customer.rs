//! `customer find|show|edit|join|erase|export`.

use std::io::{IsTerminal as _, Write};

use jiff::tz::TimeZone;

use crate::cli::args::{CustomerCommand, EditArgs};
use crate::cli::context::{Context, moment, says_yes, warn};
use crate::cli::dossier;
use crate::cli::failure::Failure;
use crate::domain::campaign::ContactKind;
use crate::domain::code::grouped;
use crate::domain::customer::Customer;
use crate::domain::escape::for_display;
use crate::domain::refusal::Refusal;
use crate::ledger::{CustomerEdit, Ledger, Left};

/// So much of what was looked for is said again: the longest contact, and no page of text.
const TOLD_CHARS_MAX: usize = 254;

pub(super) fn run(
    context: &mut Context,
    command: &CustomerCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let customers = match command {
        CustomerCommand::Find { text } => {
            if text.trim().is_empty() {
                return Err(Failure::usage(
                    "finding a customer: nothing to look for",
                    "name a contact, a part of a name, a code, or four last letters of one",
                ));
            }
            let found = ledger.find_customers(text)?;
            if found.is_empty() {
                let told: String = text.chars().take(TOLD_CHARS_MAX).collect();
                return Err(Refusal::NoSuchCustomer(for_display(&told)).into());
            }
            found
        }
        CustomerCommand::Show { id } => vec![ledger.customer(id)??],
        CustomerCommand::Edit { id, change } => {
            context.need_manager(&mut ledger)?;
            let (added, removed) = (added(change), removed(change));
            let change = CustomerEdit {
                name: change.name.as_deref(),
                consents: change.consent,
                added: &added,
                removed: &removed,
            };
            vec![ledger.edit_customer(id, &change, &context.act()?)??]
        }
        CustomerCommand::Join { kept, gone, reason } => {
            context.need_manager(&mut ledger)?;
            vec![ledger.join_customers(kept, gone, reason, &context.act()?)??]
        }
        CustomerCommand::Erase { id, yes } => {
            context.need_manager(&mut ledger)?;
            return erase(context, &mut ledger, id, *yes, out);
        }
        CustomerCommand::Export { id } => {
            context.need_manager(&mut ledger)?;
            return export(context, &mut ledger, id, out);
        }
    };
    let zone = ledger.place()?.zone;
    for customer in &customers {
        write_customer(context, customer, &zone, out)?;
    }
    Ok(0)
}

type Contacts = Vec<(ContactKind, String)>;

fn added(change: &EditArgs) -> Contacts {
    of_kinds([
        (ContactKind::Email, &change.add_email),
        (ContactKind::Phone, &change.add_phone),
        (ContactKind::Loyalty, &change.add_loyalty),
        (ContactKind::ExternalId, &change.add_external_id),
    ])
}

fn removed(change: &EditArgs) -> Contacts {
    of_kinds([
        (ContactKind::Email, &change.remove_email),
        (ContactKind::Phone, &change.remove_phone),
        (ContactKind::Loyalty, &change.remove_loyalty),
        (ContactKind::ExternalId, &change.remove_external_id),
    ])
}

fn of_kinds(given: [(ContactKind, &Vec<String>); 4]) -> Contacts {
    given
        .into_iter()
        .flat_map(|(kind, texts)| texts.iter().map(move |text| (kind, text.clone())))
        .collect()
}

fn erase(
    context: &Context,
    ledger: &mut Ledger,
    id: &str,
    is_sure: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let customer = ledger.customer(id)??;
    if !is_sure {
        ask(&customer)?;
    }
    let erasure = ledger.erase_customer(id, &context.act()?)??;
    let left = match erasure.left {
        Left::Nothing => None,
        Left::Alike => Some(
            "something that reads like it still stands in the ledger: a caller's key or an \
             operator's name in an entry, or what is known of somebody else",
        ),
        Left::Server => Some(
            "PostgreSQL keeps what was erased until its next VACUUM, and in its write-ahead log and \
             backups as long as its keeper has set",
        ),
        Left::Log => Some(
            "the bytes are still in ledger.db-wal, which another program is reading: end it, and \
             erase again",
        ),
    };
    if context.is_json {
        let line = serde_json::json!({
            "customer_id": erasure.customer.customer_id, "contacts": erasure.contacts,
            "entries": erasure.entries, "attempts": erasure.attempts, "slips": erasure.slips,
            "codes_kept": erasure.customer.codes.len(), "still_readable": left,
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(
            out,
            "{} is erased: {} contacts, and the texts of {} entries, {} attempts and {} slips; {} \
             codes stay as they are",
            erasure.customer.customer_id,
            erasure.contacts,
            erasure.entries,
            erasure.attempts,
            erasure.slips,
            erasure.customer.codes.len()
        )?;
        writeln!(
            out,
            "backups and exported lists made before still hold them"
        )?;
        if let Some(left) = left {
            writeln!(out, "{left}")?;
        }
    }
    Ok(0)
}

/// Asks on the terminal; where there is none, nothing is erased.
fn ask(customer: &Customer) -> Result<(), Failure> {
    let id = &customer.customer_id;
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "erasing a customer cannot be undone",
            "say --yes where there is no terminal to ask on",
        ));
    }
    let name = customer.name.as_deref().unwrap_or("no name");
    warn(&for_display(&format!(
        "{id} ({name}, {} contacts, {} codes): everything readable about them will be gone for ever.",
        customer.contacts.len(),
        customer.codes.len()
    )));
    if says_yes("Type yes to erase them:")? {
        Ok(())
    } else {
        Err(Failure::usage(
            "nothing was erased",
            "type yes, or say --yes",
        ))
    }
}

fn export(
    context: &Context,
    ledger: &mut Ledger,
    id: &str,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let dossier = ledger.export_customer(id)??;
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(&dossier)?)?;
        return Ok(0);
    }
    let zone = ledger.place()?.zone;
    for line in dossier::in_words(&dossier, &zone) {
        writeln!(out, "{}", for_display(&line))?;
    }
    Ok(0)
}

fn write_customer(
    context: &Context,
    customer: &Customer,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(customer)?)?;
        return Ok(());
    }
    let contacts = customer
        .contacts
        .iter()
        .map(|contact| format!("{} {}", contact.kind, contact.masked));
    let known: Vec<String> = customer.name.iter().cloned().chain(contacts).collect();
    let known = for_display(&known.join(", "));
    writeln!(out, "{}  {known}", customer.customer_id)?;
    for held in &customer.codes {
        writeln!(
            out,
            "  {}  {}  {}, {} uses made",
            grouped(&held.code),
            held.campaign,
            held.state,
            held.uses_made
        )?;
    }
    for campaign in &customer.more_than_allowed {
        writeln!(
            out,
            "  more codes of {campaign} than one customer may have: they were two customers before"
        )?;
    }
    if let Some(at) = customer.consented_at {
        writeln!(out, "  agreed to be written to on {}", moment(at, zone))?;
    }
    if let Some(at) = customer.erased_at {
        writeln!(out, "  erased on {}", moment(at, zone))?;
    }
    Ok(())
}
