//! `customer find|show`.

use std::io::Write;

use jiff::tz::TimeZone;

use crate::cli::args::CustomerCommand;
use crate::cli::context::{Context, moment};
use crate::cli::failure::Failure;
use crate::domain::code::grouped;
use crate::domain::customer::Customer;
use crate::domain::escape::for_display;
use crate::domain::refusal::Refusal;

pub(super) fn run(
    context: &Context,
    command: &CustomerCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let (text, customers) = match command {
        CustomerCommand::Find { text } => (text, ledger.find_customers(text)?),
        CustomerCommand::Show { id } => (id, vec![ledger.customer(id)??]),
    };
    if customers.is_empty() {
        return Err(Refusal::NoSuchCustomer(for_display(text)).into());
    }
    let zone = ledger.place()?.zone;
    for customer in &customers {
        write_customer(context, customer, &zone, out)?;
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
