//! `report day`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::cli::args::{DayArgs, ReportCommand};
use crate::cli::context::{Context, moment, now, warn};
use crate::cli::failure::Failure;
use crate::cli::print::need_printer;
use crate::desk::PrintedSlip;
use crate::domain::day_paper::{self, figure_words, in_short, no_name};
use crate::domain::day_report::DayReport;
use crate::domain::escape::{for_display, for_spreadsheet};
use crate::domain::slip_job::SlipOutcome;
use crate::ledger::Ledger;

/// The exit code where it is not known that the report is on paper.
const NOT_PRINTED: u8 = 4;

/// A report as JSON tells of it.
#[derive(Debug, Serialize)]
struct ReportJson<'a> {
    #[serde(flatten)]
    report: &'a DayReport,
    /// What became of the paper; none: it was not printed now.
    paper: Option<&'static str>,
    message: Option<&'a str>,
}

pub(super) fn run(
    context: &mut Context,
    command: ReportCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    match command {
        ReportCommand::Day(args) => day(context, &args, out),
    }
}

fn day(context: &mut Context, args: &DayArgs, out: &mut dyn Write) -> Result<u8, Failure> {
    // What cannot be printed takes no number.
    let printer = args.print.then(|| need_printer(context)).transpose()?;
    let mut ledger = context.open()?;
    if args.csv.is_some() {
        context.need_manager(&mut ledger)?;
    }
    let date = match args.date {
        Some(date) => date,
        None => now().to_zoned(ledger.place()?.zone).date(),
    };
    let store = args.store.as_deref();
    let (report, paper) = if let Some(printer) = &printer {
        let report = ledger.order_z_report(date, store, &context.act()?)??;
        let paper = printer.print_lines(&day_paper::lines(&report, false));
        (report, Some(paper))
    } else {
        (ledger.day_report(date, store, now())??, None)
    };
    if let Some(file) = &args.csv {
        write_csv(file, &report)?;
    }
    tell(context, &mut ledger, &report, paper.as_ref(), out)?;
    if let Some(file) = args.csv.as_ref().filter(|_| !context.is_json) {
        writeln!(out, "{} written", file.display())?;
    }
    Ok(match paper.map(|paper| paper.outcome) {
        None | Some(SlipOutcome::Printed) => 0,
        Some(SlipOutcome::Unconfirmed(_)) => NOT_PRINTED,
    })
}

fn tell(
    context: &Context,
    ledger: &mut Ledger,
    report: &DayReport,
    printed: Option<&PrintedSlip>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let message = printed.map(|printed| match &printed.hint {
        Some(hint) => format!("{}: {hint}", printed.words),
        None => printed.words.clone(),
    });
    for substitution in printed.into_iter().flat_map(|one| &one.substitutions) {
        warn(&format!("report: {}", for_display(substitution)));
    }
    if context.is_json {
        let json = ReportJson {
            report,
            paper: printed.map(|printed| printed.outcome.state().as_str()),
            message: message.as_deref(),
        };
        writeln!(out, "{}", serde_json::to_string(&json)?)?;
        return Ok(());
    }
    let zone = ledger.place()?.zone;
    write_words(report, &moment(report.as_of, &zone), out)?;
    if let Some(message) = message {
        writeln!(out, "{}", for_display(&message))?;
    }
    Ok(())
}

fn write_words(report: &DayReport, as_of: &str, out: &mut dyn Write) -> io::Result<()> {
    let store = report.store.as_deref().unwrap_or("all stores");
    writeln!(
        out,
        "{}  {}  {} {as_of}{}",
        for_display(store),
        report.date.strftime("%A, %-d %B %Y"),
        if report.is_over() { "as of" } else { "so far," },
        match (report.number, report.copies) {
            (Some(number), Some(1)) => format!("  Z {number}"),
            (Some(number), Some(copies)) => format!("  Z {number}, printed {copies} times"),
            (Some(_) | None, _) => String::new(),
        }
    )?;
    if let Some(words) = report.odd_length() {
        writeln!(out, "{words}")?;
    }
    for (name, figure) in report.counts.figures() {
        writeln!(out, "{figure:>8}  {}", figure_words(name))?;
    }
    let lists = [
        ("refused, by reason", &report.refused_by_reason),
        ("other attempts", &report.other_attempts),
    ];
    for (title, answers) in lists {
        if !answers.is_empty() {
            writeln!(out, "{title}")?;
        }
        for one in answers {
            let kind = if one.kind == "redeem" {
                ""
            } else {
                one.kind.as_str()
            };
            let words = format!("{kind} {}", one.answer).replace('_', " ");
            writeln!(out, "{:>8}  {}", one.count, words.trim_start())?;
        }
    }
    if !report.by_manager.is_empty() {
        writeln!(out, "by managers")?;
    }
    for one in &report.by_manager {
        let who = one.manager.as_deref().unwrap_or("nobody signed in");
        let what = one.what.replace('_', " ").replace('+', ", ");
        writeln!(out, "{:>8}  {}: {what}", one.count, for_display(who))?;
    }
    for (list, groups) in report.lists() {
        if !groups.is_empty() {
            writeln!(out, "by {list}")?;
        }
        for group in groups {
            let name = group.name.as_deref().unwrap_or_else(|| no_name(list));
            writeln!(out, "  {}: {}", for_display(name), in_short(&group.counts))?;
        }
    }
    for words in &report.unknown {
        writeln!(out, "not known here: {}", for_display(words))?;
    }
    writeln!(out, "end of the chain {}", report.head)
}

/// One figure a row, so that any list adds up by a filter.
fn write_csv(file: &Path, report: &DayReport) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(File::create(file)?);
    let date = report.date.to_string();
    let store = report.store.as_deref().unwrap_or_default();
    let mut rows: Vec<(&str, String, &str, String)> = Vec::new();
    for (figure, count) in report.counts.figures() {
        rows.push(("day", String::new(), figure, count.to_string()));
    }
    for one in &report.refused_by_reason {
        let answer = one.answer.clone();
        rows.push(("reason", answer, "refused", one.count.to_string()));
    }
    for one in &report.other_attempts {
        let name = format!("{} {}", one.kind, one.answer);
        rows.push(("attempt", name, "attempts", one.count.to_string()));
    }
    for one in &report.by_manager {
        let name = one.manager.clone().unwrap_or_default();
        rows.push(("manager", name, one.what.as_str(), one.count.to_string()));
    }
    for (list, groups) in report.lists() {
        for group in groups {
            for (figure, count) in group.counts.figures() {
                let name = group.name.clone().unwrap_or_default();
                rows.push((list, name, figure, count.to_string()));
            }
        }
    }
    for words in &report.unknown {
        rows.push(("unknown", words.clone(), "", String::new()));
    }
    rows.push((
        "head",
        report.head.entry.clone(),
        "hash",
        report.head.hash.clone(),
    ));
    writer
        .write_record(["date", "store", "list", "name", "figure", "count"])
        .map_err(io::Error::from)?;
    for (list, name, figure, count) in rows {
        let fields = [date.as_str(), store, list, &name, figure, &count];
        writer
            .write_record(fields.map(for_spreadsheet))
            .map_err(io::Error::from)?;
    }
    writer.flush()?;
    Ok(())
}
