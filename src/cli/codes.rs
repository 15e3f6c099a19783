//! `codes import|generate|export|show|void`.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use crate::cli::args::CodesCommand;
use crate::cli::context::{Context, moment, open_given, stop_flag};
use crate::cli::failure::Failure;
use crate::desk::{BadFile, fill_random};
use crate::domain::code::{Pattern, Shape, grouped};
use crate::domain::code_list::{BadRow, SpreadsheetCheck};
use crate::domain::escape::{for_display, for_spreadsheet};
use crate::domain::ids::CampaignId;
use crate::domain::log::Life;
use crate::domain::verdict::CodeState;
use crate::ledger::{
    Drawing, ExportedCode, GenerateOrder, ImportOrder, ImportReport, Ledger, LongWork, Progress,
    Step,
};

pub(super) fn run(
    context: &mut Context,
    command: CodesCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    match command {
        CodesCommand::Show { code } => {
            let life = ledger.life(code.as_bytes())??;
            write_life(context, &life, &ledger.place()?.zone, out)?;
            Ok(0)
        }
        CodesCommand::Void { code, reason } => {
            context.need_manager(&mut ledger)?;
            let life = ledger.void_code(code.as_bytes(), &reason, &context.act()?)??;
            write_life(context, &life, &ledger.place()?.zone, out)?;
            Ok(0)
        }
        CodesCommand::Import {
            file,
            campaign,
            given_out,
            skip_bad,
            as_is,
        } => {
            context.need_manager(&mut ledger)?;
            let order = ImportOrder {
                campaign,
                is_given_out: given_out,
                skips_bad: skip_bad,
                check: if as_is {
                    SpreadsheetCheck::TakeAsIs
                } else {
                    SpreadsheetCheck::Look
                },
            };
            import(context, &mut ledger, &file, &order, out)
        }
        CodesCommand::Generate {
            campaign,
            count,
            given_out,
            length,
            prefix,
            pattern,
        } => {
            context.need_manager(&mut ledger)?;
            let drawing = match pattern {
                Some(pattern) => Drawing::Pattern(Pattern::parse(&pattern).map_err(|fault| {
                    Failure::usage(format!("--pattern: {fault}"), "as in CARD-????-####")
                })?),
                None => Drawing::Shape(Shape::new(&prefix, length).map_err(|fault| {
                    Failure::usage(fault.to_string(), "see `codes generate --help`")
                })?),
            };
            let order = GenerateOrder {
                campaign,
                count,
                drawing,
                is_given_out: given_out,
            };
            generate(context, &mut ledger, &order, out)
        }
        CodesCommand::Export { campaign, state } => {
            context.need_manager(&mut ledger)?;
            export(context, &mut ledger, &campaign, state.as_deref(), out)
        }
    }
}

/// Runs long work under a bar where somebody watches, until it is done or Ctrl-C ends it.
fn with_bar<T>(
    context: &Context,
    work: impl FnOnce(&mut LongWork<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let stop = stop_flag()?;
    let bar = if context.draws_bars() {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::hidden()
    };
    let mut drawn_step = None;
    let mut progress = |progress: Progress| {
        if drawn_step != Some(progress.step) {
            drawn_step = Some(progress.step);
            begin_step(&bar, progress);
        }
        bar.set_position(progress.done);
    };
    let done = work(&mut LongWork {
        random: &mut fill_random,
        progress: &mut progress,
        stop: &stop,
    });
    bar.finish_and_clear();
    done
}

fn begin_step(bar: &ProgressBar, progress: Progress) {
    let words = match progress.step {
        Step::Reading => "reading",
        Step::Drawing => "drawing",
        Step::Checking => "checking",
        Step::Storing => "storing",
    };
    let template = match progress.total {
        Some(total) => {
            bar.set_length(total);
            "{msg:9} {bar:30} {human_pos} of {human_len}, {eta} left"
        }
        None => "{msg:9} {spinner} {human_pos} rows",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(words);
    bar.enable_steady_tick(Duration::from_millis(100));
}

fn import(
    context: &Context,
    ledger: &mut Ledger,
    file: &Path,
    order: &ImportOrder,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(open_given(file)?))
    };
    let mut bad_file = if file == Path::new("-") {
        BadFile::at(context.data.join("import.bad.csv"))
    } else {
        BadFile::beside(file)
    };
    let act = context.act()?;
    let report = with_bar(context, |work| {
        let mut sink = |row: &BadRow| bad_file.add(row);
        Ok(ledger.import_codes(&mut source, order, &act, work, &mut sink)??)
    })?;
    let kept = bad_file.end()?;
    write_report(context, &report, kept.as_deref(), out)?;
    Ok(u8::from(report.bad_count > 0))
}

fn write_report(
    context: &Context,
    report: &ImportReport,
    bad_file: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        let mut value = serde_json::to_value(report)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("bad_file".to_owned(), serde_json::to_value(bad_file)?);
        }
        writeln!(out, "{value}")?;
        return Ok(());
    }
    for row in &report.bad {
        writeln!(
            out,
            "line {}, column {}: {}: {}",
            row.line, row.column, row.value, row.reason
        )?;
    }
    let shown = u64::try_from(report.bad.len()).unwrap_or(u64::MAX);
    if report.bad_count > shown {
        writeln!(out, "... and {} more", report.bad_count - shown)?;
    }
    if let Some(path) = bad_file {
        writeln!(out, "every bad row is in {}", path.display())?;
    }
    if report.bad_count > 0 && report.skipped == 0 {
        writeln!(
            out,
            "{} bad rows: nothing was stored. Mend them, or store the good ones with --skip-bad",
            report.bad_count
        )?;
    } else {
        writeln!(
            out,
            "{} codes stored in {}, {} rows skipped",
            report.stored, report.campaign, report.skipped
        )?;
    }
    Ok(())
}

fn generate(
    context: &Context,
    ledger: &mut Ledger,
    order: &GenerateOrder,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let act = context.act()?;
    let report = with_bar(context, |work| {
        Ok(ledger.generate_codes(order, &act, work)??)
    })?;
    write_report(context, &report, None, out)?;
    if !context.is_json {
        writeln!(
            out,
            "`counterfoil codes export --campaign {}` writes them out",
            report.campaign
        )?;
    }
    Ok(0)
}

fn export(
    context: &Context,
    ledger: &mut Ledger,
    campaign: &CampaignId,
    state: Option<&str>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    // Nothing is written before it is known that there is something to write of.
    ledger.campaign(campaign)??;
    let states: Vec<CodeState> = match state {
        None => Vec::new(),
        Some(name) => vec![
            CodeState::ALL
                .into_iter()
                .find(|state| state.as_str() == name)
                .ok_or_else(|| {
                    Failure::usage(
                        format!("there is no state {name:?}"),
                        "use available, assigned, redeemed, void or suspect",
                    )
                })?,
        ],
    };
    if context.is_json {
        let mut take = |code: ExportedCode| {
            let value = serde_json::json!({
                "code": code.code, "state": code.state.as_str(), "uses_made": code.uses_made,
                "customer_id": code.customer_id, "email": code.email, "phone": code.phone,
                "external_id": code.external_id, "expires_at": code.expires_at,
            });
            writeln!(out, "{value}")
        };
        ledger.export_codes(campaign, &states, &mut take)??;
        return Ok(0);
    }
    let mut writer = csv::Writer::from_writer(out);
    writer
        .write_record([
            "code",
            "state",
            "uses_made",
            "customer_id",
            "email",
            "phone",
            "external_id",
            "expires_at",
        ])
        .map_err(io::Error::from)?;
    let mut take = |code: ExportedCode| {
        let uses_made = code.uses_made.to_string();
        let expires_at = code.expires_at.map(|at| at.to_string());
        let fields = [
            Some(code.code.as_str()),
            Some(code.state.as_str()),
            Some(uses_made.as_str()),
            code.customer_id.as_deref(),
            code.email.as_deref(),
            code.phone.as_deref(),
            code.external_id.as_deref(),
            expires_at.as_deref(),
        ];
        writer.write_record(fields.map(|field| for_spreadsheet(field.unwrap_or_default())))?;
        Ok(())
    };
    ledger.export_codes(campaign, &states, &mut take)??;
    writer.flush()?;
    Ok(0)
}

fn write_life(
    context: &Context,
    life: &Life,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(life)?)?;
        return Ok(());
    }
    let expires = life
        .expires_at
        .map(|at| format!(", expires {}", moment(at, zone)))
        .unwrap_or_default();
    writeln!(
        out,
        "{}  {}  {}, {} uses made{expires}",
        grouped(&life.code),
        life.campaign,
        life.state,
        life.uses_made
    )?;
    for entry in &life.entries {
        let told = format!(
            "  {}  {:<12} {}  {}  {}",
            moment(entry.at, zone),
            entry.kind,
            entry.counter,
            entry.operator.as_deref().unwrap_or_default(),
            entry.detail
        );
        writeln!(out, "{}", for_display(&told))?;
    }
    Ok(())
}
