//! `campaign test-mode ID on|off`.

use std::io::Write;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::cli::args::{Switch, TestModeArgs};
use crate::cli::context::{Context, moment};
use crate::cli::failure::Failure;
use crate::desk::random;
use crate::domain::escape::for_display;
use crate::domain::test_mode::USUAL_LENGTH_MS;
use crate::ledger::Ledger;

pub(super) fn run(
    context: &Context,
    ledger: &mut Ledger,
    args: &TestModeArgs,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    if args.switch == Switch::On {
        begin(context, ledger, args, zone, out)
    } else if args.customers.is_empty() && args.until.is_none() {
        end(context, ledger, args, zone, out)
    } else {
        Err(Failure::usage(
            "test-mode off takes neither --customer nor --until",
            "leave them away",
        ))
    }
}

fn begin(
    context: &Context,
    ledger: &mut Ledger,
    args: &TestModeArgs,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    if args.customers.is_empty() {
        return Err(Failure::usage(
            "test-mode on needs --customer",
            "name a test customer by id, e-mail, phone or loyalty number",
        ));
    }
    let act = context.act()?;
    let until = match args.until {
        Some(boundary) => boundary.ends_at(zone).ok_or_else(|| {
            Failure::usage("the time is out of range", "use a year from 1 to 9999")
        })?,
        None => act.now + SignedDuration::from_millis(USUAL_LENGTH_MS),
    };
    let mut customers = Vec::new();
    for text in &args.customers {
        customers.push((text.clone(), random()?));
    }
    let test_mode = ledger.test_mode_on(&args.id, &customers, until, &act)??;
    if context.is_json {
        let line = json!({
            "campaign": test_mode.campaign, "test_mode": "on", "until": test_mode.until,
            "customers": test_mode.customers, "drawn": test_mode.drawn,
        });
        writeln!(out, "{line}")?;
        return Ok(0);
    }
    writeln!(out, "{}", test_mode.begun_in_words(zone))?;
    Ok(0)
}

fn end(
    context: &Context,
    ledger: &mut Ledger,
    args: &TestModeArgs,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let ended = ledger.test_mode_off(&args.id, &context.act()?)??;
    if context.is_json {
        let line = json!({
            "campaign": ended.campaign, "test_mode": "off", "was_on": ended.was_on,
            "drawn": ended.drawn,
        });
        writeln!(out, "{line}")?;
        return Ok(0);
    }
    writeln!(out, "{}", ended.in_words())?;
    for drawn in &ended.drawn {
        let line = format!(
            "  {}  {}  {}",
            moment(drawn.at, zone),
            drawn.code,
            drawn.customer_id
        );
        writeln!(out, "{}", for_display(&line))?;
    }
    Ok(0)
}
