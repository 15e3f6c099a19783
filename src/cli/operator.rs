//! `operator add|list|set-pin|set-badge|set-role|remove`.

use std::io::Write;

use jiff::tz::TimeZone;

use crate::cli::args::OperatorCommand;
use crate::cli::context::{Context, moment, secret};
use crate::cli::failure::Failure;
use crate::desk::random;
use crate::domain::code::Shape;
use crate::domain::operator::{BADGE_PREFIX, ListedOperator, Operator};
use crate::ledger::{Ledger, OperatorChange};

pub(super) fn run(
    context: &mut Context,
    command: OperatorCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    match command {
        OperatorCommand::List => {
            let operators = ledger.listed_operators()?;
            if operators.is_empty() && !context.is_json {
                writeln!(out, "nobody signs in here: `counterfoil operator add NAME`")?;
            }
            let zone = ledger.place()?.zone;
            for listed in &operators {
                write_listed(context, listed, &zone, out)?;
            }
        }
        OperatorCommand::Add { name, role, no_pin } => {
            context.need_manager(&mut ledger)?;
            let pin = if no_pin { None } else { Some(new_pin(&name)?) };
            let change = OperatorChange::Add {
                role,
                pin: pin.as_deref(),
            };
            let operator = changed(context, &mut ledger, &name, change)?;
            write_operator(context, &operator, None, out)?;
        }
        OperatorCommand::SetPin { name } => {
            context.need_manager(&mut ledger)?;
            let pin = new_pin(&name)?;
            let operator = changed(context, &mut ledger, &name, OperatorChange::SetPin(&pin))?;
            write_operator(context, &operator, None, out)?;
        }
        OperatorCommand::SetBadge { name } => {
            context.need_manager(&mut ledger)?;
            let letters = Shape::standard()
                .generate(&random::<32>()?)
                .unwrap_or_default();
            let badge = format!("{BADGE_PREFIX}{letters}");
            let operator = changed(
                context,
                &mut ledger,
                &name,
                OperatorChange::SetBadge(&badge),
            )?;
            write_operator(context, &operator, Some(&badge), out)?;
        }
        OperatorCommand::SetRole { name, role } => {
            context.need_manager(&mut ledger)?;
            let operator = changed(context, &mut ledger, &name, OperatorChange::SetRole(role))?;
            write_operator(context, &operator, None, out)?;
        }
        OperatorCommand::Remove { name } => {
            context.need_manager(&mut ledger)?;
            let operator = changed(context, &mut ledger, &name, OperatorChange::Remove)?;
            write_operator(context, &operator, None, out)?;
        }
    }
    Ok(0)
}

fn changed(
    context: &Context,
    ledger: &mut Ledger,
    name: &str,
    change: OperatorChange<'_>,
) -> Result<Operator, Failure> {
    Ok(ledger.change_operator(name, change, &context.act()?)??)
}

/// A new PIN: on a terminal asked for twice.
fn new_pin(name: &str) -> Result<String, Failure> {
    use std::io::IsTerminal as _;
    let pin = secret(&format!("new PIN of {name} (4 to 8 digits): "))?;
    if std::io::stdin().is_terminal() && secret("once more: ")? != pin {
        return Err(Failure::usage(
            "the two PINs differ",
            "type the same PIN twice",
        ));
    }
    Ok(pin)
}

fn write_listed(
    context: &Context,
    listed: &ListedOperator,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(listed)?)?;
        return Ok(());
    }
    let has = |is_there: bool, what: &'static str| if is_there { what } else { "-" };
    let seen = listed.last_seen_at.map_or_else(
        || "never seen here".to_owned(),
        |at| format!("last seen {}", moment(at, zone)),
    );
    writeln!(
        out,
        "{:<20} {:<8} {:<4} {:<6} {seen}{}",
        listed.operator.name,
        listed.operator.role.as_str(),
        has(listed.has_pin, "pin"),
        has(listed.has_badge, "badge"),
        if listed.is_hubs { "  of the hub" } else { "" }
    )?;
    Ok(())
}

fn write_operator(
    context: &Context,
    operator: &Operator,
    badge: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        let mut value = serde_json::to_value(operator)?;
        if let (Some(badge), Some(object)) = (badge, value.as_object_mut()) {
            object.insert("badge".to_owned(), badge.into());
        }
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{:<20} {}", operator.name, operator.role.as_str())?;
        if let Some(badge) = badge {
            writeln!(
                out,
                "badge, shown this once: print it as a barcode: {badge}"
            )?;
        }
    }
    Ok(())
}
