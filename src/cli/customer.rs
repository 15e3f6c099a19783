//! `customer find|show`.

use std::io::Write;

use crate::cli::args::CustomerCommand;
use crate::cli::context::Context;
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
        CustomerCommand::Show { id } => {
            let mut found = ledger.find_customers(id)?;
            found.retain(|customer| customer.customer_id == id.trim());
            (id, found)
        }
    };
    if customers.is_empty() {
        return Err(Refusal::NoSuchCustomer(for_display(text)).into());
    }
    for customer in &customers {
        write_customer(context, customer, out)?;
    }
    Ok(0)
}

fn write_customer(
    context: &Context,
    customer: &Customer,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(customer)?)?;
        return Ok(());
    }
    let contacts: Vec<String> = customer
        .contacts
        .iter()
        .map(|contact| format!("{} {}", contact.kind, for_display(&contact.masked)))
        .collect();
    writeln!(out, "{}  {}", customer.customer_id, contacts.join(", "))?;
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
    Ok(())
}
