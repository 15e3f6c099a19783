//! `log`.

use std::io::Write;
use std::sync::atomic::Ordering;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cli::args::LogArgs;
use crate::cli::context::{Context, moment, now, stop_flag};
use crate::cli::failure::Failure;
use crate::domain::code::{fold, grouped};
use crate::domain::escape::for_display;
use crate::domain::ids::MalformedName;
use crate::domain::local_time::{Boundary, Length};
use crate::domain::log::LogLine;
use crate::ledger::{LogFilter, LogPosition};

pub(super) fn log(
    context: &mut Context,
    args: &LogArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let zone = ledger.place()?.zone;
    let filter = LogFilter {
        since: args
            .since
            .as_deref()
            .map(|text| since(text, &zone))
            .transpose()?,
        outcome: args.outcome.clone(),
        notes: args.notes.clone(),
        code: args
            .code
            .as_deref()
            .map(|text| fold(text).map(|folded| folded.as_str().to_owned()))
            .transpose()
            .map_err(|fault| {
                Failure::usage(format!("--code: {fault}"), "give a code as printed")
            })?,
    };
    let stop = stop_flag()?;
    let mut position = LogPosition::default();
    loop {
        if args.follow {
            ledger.look_ahead(&mut position)?;
        }
        while let Some(lines) = ledger.log_page(&mut position, &filter)? {
            for line in &lines {
                write_line(context, line, &zone, out)?;
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(0);
            }
        }
        out.flush()?;
        if !args.follow || stop.load(Ordering::Relaxed) {
            return Ok(0);
        }
        // Others write to the same file: there is nothing to wait on but a short while.
        std::thread::park_timeout(std::time::Duration::from_millis(200));
    }
}

/// `2h` ago, or a time by the store's clock.
fn since(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    if let Ok(length) = text.parse::<Length>() {
        return Ok(now() - SignedDuration::from_millis(length.as_ms()));
    }
    text.parse::<Boundary>()
        .map_err(|fault| Failure::usage(fault.0, "or say how long ago, as in 2h or 7d"))?
        .starts_at(zone)
        .ok_or_else(|| MalformedName(format!("{text:?} is out of range")).into())
}

fn write_line(
    context: &Context,
    line: &LogLine,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(line)?)?;
        return Ok(());
    }
    let mut words = format!(
        "{}  {:<8} {:<18} {}",
        moment(line.at, zone),
        line.kind,
        line.answer,
        line.code.as_deref().map(grouped).unwrap_or_default(),
    );
    let more = [
        line.campaign.as_ref().map(|name| format!("  {name}")),
        Some(format!("  {}", line.counter)),
        line.operator.as_ref().map(|name| format!("  {name}")),
        line.trigger
            .as_ref()
            .map(|trigger| format!("  set off by {trigger}")),
        line.raw.as_ref().map(|raw| format!("  read {raw}")),
        line.reason
            .as_ref()
            .map(|reason| format!("  because {reason}")),
        Some(format!("  {}", line.notes)).filter(|_| !line.notes.is_empty()),
    ];
    words.extend(more.into_iter().flatten());
    writeln!(out, "{}", for_display(&words))?;
    Ok(())
}
