//! `print CODE`, and the paper of `assign --print` and `replace --print`.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::cli::args::PrintArgs;
use crate::cli::config::Config;
use crate::cli::context::{Context, warn};
use crate::cli::failure::Failure;
use crate::cli::printer::{printer_of, template_of};
use crate::desk::{PrintedSlip, SlipPrinter};
use crate::domain::code::grouped;
use crate::domain::escape::for_display;
use crate::domain::slip_job::{SlipJob, SlipOutcome};
use crate::ledger::Ledger;

/// The exit code where it is not known that the slip is on paper.
const NOT_PRINTED: u8 = 4;

/// A slip as JSON tells of it.
#[derive(Debug, Serialize)]
pub(crate) struct SlipJson {
    slip: i64,
    code: String,
    campaign: String,
    copy: u32,
    state: &'static str,
    why: Option<String>,
    substitutions: Vec<String>,
    message: String,
}

/// The printer, for a command that cannot do without.
pub(super) fn need_printer(context: &Context) -> Result<SlipPrinter, Failure> {
    slip_printer(&context.config, &context.data)?.ok_or_else(|| {
        Failure::usage(
            "printing a slip: no printer is set up",
            "set [printer] to = \"tcp://ADDRESS:9100\" in counterfoil.toml; `counterfoil devices` \
             lists what is plugged in, and `counterfoil printer test` tries it",
        )
    })
}

/// The printer with the shop's template; none where none is set up.
pub(super) fn slip_printer(config: &Config, folder: &Path) -> Result<Option<SlipPrinter>, Failure> {
    let Some(printer) = printer_of(config)? else {
        return Ok(None);
    };
    let template = template_of(folder)?;
    Ok(Some(SlipPrinter { printer, template }))
}

pub(super) fn print(
    context: &Context,
    args: &PrintArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let printer = need_printer(context)?;
    let mut ledger = context.open()?;
    let job = ledger.order_slip(args.code.as_bytes(), &context.act()?)??;
    let told = print_job(&printer, &mut ledger, &job)?;
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(&told)?)?;
    } else {
        writeln!(
            out,
            "{}  {}  copy {}  {}",
            told.state.to_uppercase(),
            grouped(&told.code),
            told.copy,
            for_display(&told.message)
        )?;
    }
    Ok(told.exit_code())
}

/// Prints a slip that is stored, and keeps what became of it.
pub(super) fn print_job(
    printer: &SlipPrinter,
    ledger: &mut Ledger,
    job: &SlipJob,
) -> Result<SlipJson, Failure> {
    let told = printer.print(&job.slip);
    ledger.slip_done(job.number, &told.outcome)?;
    for substitution in &told.substitutions {
        warn(&format!("slip: {}", for_display(substitution)));
    }
    Ok(SlipJson::of(job, told))
}

impl SlipJson {
    fn of(job: &SlipJob, printed: PrintedSlip) -> SlipJson {
        let message = match printed.hint {
            Some(hint) => format!("{}: {hint}", printed.words),
            None => printed.words,
        };
        SlipJson {
            slip: job.number,
            code: job.slip.code.clone(),
            campaign: job.slip.campaign.clone(),
            copy: job.slip.copy,
            state: printed.outcome.state().as_str(),
            why: match printed.outcome {
                SlipOutcome::Printed => None,
                SlipOutcome::Unconfirmed(why) => Some(why),
            },
            substitutions: printed.substitutions,
            message,
        }
    }

    /// What happened, for people.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// 0 where it is on paper.
    pub(super) fn exit_code(&self) -> u8 {
        match self.why {
            None => 0,
            Some(_) => NOT_PRINTED,
        }
    }
}
