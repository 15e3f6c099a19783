//! `log`, `log export`, `log end-guessing`.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use crate::cli::args::{LogArgs, LogChoice, LogCommand};
use crate::cli::config::Origin;
use crate::cli::context::{Context, moment, now, stop_flag};
use crate::cli::failure::Failure;
use crate::desk::{ExportFault, LogExport};
use crate::domain::code::{fold, grouped};
use crate::domain::escape::for_display;
use crate::domain::local_time::time_or_ago;
use crate::domain::log::{LogFilter, LogFormat, LogLine};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{Ledger, LogPosition};

/// Lines of one code that are read in one go.
const OF_CODE: usize = 1_000;

pub(super) fn log(
    context: &mut Context,
    args: &LogArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    match &args.command {
        None => read(context, &args.choice, args.follow, out),
        Some(LogCommand::Export { file, choice }) => export(context, file, choice, out),
        Some(LogCommand::EndGuessing { place, reason }) => {
            let mut ledger = context.open()?;
            let approval = context.approval(&mut ledger, reason)?;
            end_guessing(context, &mut ledger, place, &approval, out)
        }
    }
}

fn read(
    context: &mut Context,
    choice: &LogChoice,
    follows: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    // Nothing is done here, so that nobody does it anywhere: both choose lines.
    let mut choice = choice.clone();
    let operator = context.operator.take();
    choice.by = choice.by.or(operator);
    if context.config.counter.origin == Origin::Flag {
        let counter = context.counter().to_owned();
        choice.at.get_or_insert(counter);
    }
    let mut ledger = context.open()?;
    let zone = ledger.place()?.zone;
    let filter = filter_of(&mut ledger, &choice, &zone)?;
    let stop = stop_flag()?;
    if filter.code.is_some() && !follows {
        return of_code(context, &mut ledger, &filter, &zone, out);
    }
    let mut position = LogPosition::default();
    loop {
        if follows {
            ledger.look_ahead(&mut position)?;
        }
        while let Some(lines) = ledger.log_page(&mut position, &filter)? {
            for line in &lines {
                write_line(context, line, &zone, out)?;
            }
            if is_set(&stop) {
                return Ok(0);
            }
        }
        out.flush()?;
        if !follows || is_set(&stop) {
            return Ok(0);
        }
        // Others write to the same file: there is nothing to wait on but a short while.
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

fn is_set(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}

/// The lines of one code, found by it from the newest backwards, and written in order.
fn of_code(
    context: &Context,
    ledger: &mut Ledger,
    filter: &LogFilter,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut lines = Vec::new();
    let mut place = None;
    loop {
        let part = ledger.log_back(place, filter, OF_CODE)?;
        lines.extend(part.lines);
        place = part.next;
        if place.is_none() {
            break;
        }
    }
    for line in lines.iter().rev() {
        write_line(context, line, zone, out)?;
    }
    Ok(0)
}

fn filter_of(
    ledger: &mut Ledger,
    choice: &LogChoice,
    zone: &TimeZone,
) -> Result<LogFilter, Failure> {
    if let Some(campaign) = &choice.campaign {
        ledger.campaign(campaign)??;
    }
    let customer = match &choice.customer {
        Some(text) => Some(customer_of(ledger, text)?),
        None => None,
    };
    let time = |text: &Option<String>, is_end| {
        text.as_deref()
            .map(|text| time_or_ago(text, now(), zone, is_end))
            .transpose()
            .map_err(|fault| Failure::usage(fault.0, "or say how long ago, as in 2h or 7d"))
    };
    Ok(LogFilter {
        since: time(&choice.since, false)?,
        until: time(&choice.until, true)?,
        outcome: match &choice.outcome {
            Some(word) => word.parse().ok(),
            None => None,
        },
        campaign: choice.campaign.as_ref().map(ToString::to_string),
        code: choice
            .code
            .as_deref()
            .map(|text| fold(text).map(|folded| folded.as_str().to_owned()))
            .transpose()
            .map_err(|fault| {
                Failure::usage(format!("--code: {fault}"), "give a code as printed")
            })?,
        code_end: None,
        customer,
        operator: choice.by.clone(),
        counter: choice.at.clone(),
        notes: choice.notes.clone(),
    })
}

/// The id of the one customer that a text names.
fn customer_of(ledger: &mut Ledger, text: &str) -> Result<String, Failure> {
    let found = ledger.find_customers(text)?;
    match found.as_slice() {
        [customer] => Ok(customer.customer_id.clone()),
        [] => Err(Refusal::NoSuchCustomer(for_display(text)).into()),
        [..] => Err(Failure::usage(
            format!("{} customers are found by that", found.len()),
            "name one by its id: `counterfoil customer find` shows them",
        )),
    }
}

fn export(
    context: &mut Context,
    file: &Path,
    choice: &LogChoice,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    context.need_manager(&mut ledger)?;
    let zone = ledger.place()?.zone;
    let filter = filter_of(&mut ledger, choice, &zone)?;
    let ending = file.extension().and_then(|ending| ending.to_str());
    let format = if context.is_json || matches!(ending, Some("jsonl" | "json")) {
        LogFormat::JsonLines
    } else {
        LogFormat::Csv
    };
    ledger.enter_export(None, &context.act()?)?;
    let is_stream = file == Path::new("-");
    let begun = if is_stream {
        LogExport::to(&mut ledger, Box::new(io::stdout()), format, filter)
    } else {
        LogExport::to_file(&mut ledger, file, format, filter)
    };
    let mut export = begun.map_err(|fault| told(fault, file))?;
    let stop = stop_flag()?;
    let bar = if context.draws_bars() {
        ProgressBar::new(0)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template(
        "exporting {bar:30} {human_pos} of {human_len} looked at, {eta} left",
    ) {
        bar.set_style(style);
    }
    let exported = loop {
        let exported = export
            .step(&mut ledger)
            .map_err(|fault| told(fault, file))?;
        bar.set_length(exported.total);
        bar.set_position(exported.done);
        if exported.is_whole {
            break exported;
        }
        if is_set(&stop) {
            return Err(Failure::usage(
                "stopped: nothing was exported",
                "run it again",
            ));
        }
    };
    bar.finish_and_clear();
    if is_stream {
        return Ok(0);
    }
    if context.is_json {
        let line = serde_json::json!({"file": file, "lines": exported.lines});
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{} lines are in {}", exported.lines, file.display())?;
    }
    Ok(0)
}

fn told(fault: ExportFault, file: &Path) -> Failure {
    match fault {
        ExportFault::Ledger(error) => error.into(),
        ExportFault::File(error) => Failure::usage(
            format!("writing {}: {error}", file.display()),
            "name a file that this account may write",
        ),
    }
}

fn end_guessing(
    context: &Context,
    ledger: &mut Ledger,
    place: &str,
    approval: &Approval,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let standing = ledger.guessing(now())?;
    let counter = standing
        .into_iter()
        .find(|guessing| guessing.counter == place || guessing.place() == place)
        .map_or_else(|| place.to_owned(), |guessing| guessing.counter);
    ledger.end_guessing(&counter, approval, &context.act()?)??;
    if context.is_json {
        writeln!(out, "{}", serde_json::json!({"ended": counter}))?;
    } else {
        writeln!(out, "the notice about {} is ended", for_display(&counter))?;
    }
    Ok(0)
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
