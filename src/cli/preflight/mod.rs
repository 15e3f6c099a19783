//! `campaign preflight`: a copy of the ledger, the play on it, the table of what happened; and the
//! claims that other processes make on the copy.

mod others;
mod paper;

use std::cell::RefCell;
use std::io::{self, BufRead as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::args::RehearseClaimArgs;
use crate::cli::config::Config;
use crate::cli::context::{Context, now, stop_flag};
use crate::cli::failure::Failure;
use crate::cli::preflight::others::{COMMITTED, Others, READY};
use crate::cli::printer::{printer_of, template_of};
use crate::desk::SlipPrinter;
use crate::desk::preflight::{self, Event, News, Order, Watch};
use crate::desk::random;
use crate::devices::print::{Destination, Printer, ProfileName, StatusMode};
use crate::domain::code::letters_of;
use crate::domain::entry::instant;
use crate::domain::escape::for_display;
use crate::domain::ids::CampaignId;
use crate::domain::json::ClaimJson;
use crate::domain::preflight::{Check, Outcome};
use crate::ledger::{Cause, Ledger, LedgerError, Rehearsal};

/// Plays the campaign on a copy of the ledger; exit code 1 where a check fails.
pub(super) fn preflight(
    context: &Context,
    id: &CampaignId,
    audience: Option<u64>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    context.need_folder("a preflight")?;
    let stop = stop_flag()?;
    // A closed terminal must not leave a copy behind.
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&stop))?;
    let ledger = context.open_reading()?;
    let bar = bar_of(context);
    let mut table = Table {
        is_json: context.is_json,
        bar: &bar,
        out,
        failed: None,
        counts: [0; 3],
    };
    let mut is_copied = false;
    let played = play_on_copy(
        (&context.config, &context.data),
        ledger,
        id,
        audience,
        &mut |news| {
            match news {
                News::Copying(done, all) => {
                    bar.set_length(all);
                    bar.set_position(done);
                }
                News::Begun(trial) => {
                    if !std::mem::replace(&mut is_copied, true) {
                        bar.set_style(ProgressStyle::default_spinner());
                    }
                    bar.set_message(trial.words);
                }
                News::Ended(check) => {
                    return !stop.load(Ordering::Relaxed) && table.add(&check);
                }
            }
            !stop.load(Ordering::Relaxed)
        },
    );
    bar.finish_and_clear();
    played?;
    if stop.load(Ordering::Relaxed) {
        return Err(LedgerError {
            op: "preflight",
            thing: id.to_string(),
            cause: Cause::Interrupted,
        }
        .into());
    }
    table.end()
}

/// Plays a campaign of a ledger on a copy of it, for a shop with this configuration and data folder.
/// Tells each step, until it is answered false.
pub(super) fn play_on_copy(
    (config, data): (&Config, &Path),
    mut ledger: Ledger,
    id: &CampaignId,
    audience: Option<u64>,
    tell: &mut dyn FnMut(News) -> bool,
) -> Result<(), Failure> {
    // A ledger that an older program wrote is brought up to date on the copy alone: there it is
    // looked for again.
    if let Ok(Err(refusal)) = ledger.campaign(id) {
        return Err(refusal.into());
    }
    let marker_fault = ledger.marker_fault()?;
    let folder = copy(&mut ledger, tell)?;
    drop(ledger);
    let at = now();
    let mut rehearsal = Rehearsal::open(&folder.0, at)?;
    let mut others = others_of(config, data, &folder.0)?;
    let order = Order {
        campaign: id,
        audience,
        marker_fault: marker_fault.as_deref(),
        now: at,
    };
    let tell = RefCell::new(tell);
    preflight::play(
        &mut rehearsal,
        &order,
        &mut others,
        &mut Watch {
            // Whether to go on is asked when it has ended.
            begun: &mut |trial| {
                tell.borrow_mut()(News::Begun(trial));
            },
            done: &mut |check| tell.borrow_mut()(News::Ended(check)),
        },
    )??;
    Ok(())
}

/// The shop's printer and its slip; without a printer the narrowest paper, on which the least fits.
fn paper_of(data: &Path, printer: Option<Printer>) -> Result<SlipPrinter, Failure> {
    let narrow = || {
        let profile = ProfileName::Generic58.profile();
        Printer::new(Destination::File(PathBuf::new()), profile)
    };
    Ok(SlipPrinter {
        printer: printer.unwrap_or_else(narrow),
        template: template_of(data)?,
    })
}

/// What is around the copy in a folder.
fn others_of<'f>(config: &Config, data: &Path, folder: &'f Path) -> Result<Others<'f>, Failure> {
    let printer = printer_of(config);
    Ok(Others {
        folder,
        program: std::env::current_exe()?,
        is_printer_deaf: matches!(&printer, Ok(Some(printer)) if is_deaf(printer)),
        paper: printer
            .and_then(|printer| paper_of(data, printer))
            .map_err(|failure| failure.message),
    })
}

/// Whether a printer is never asked how it is, or cannot answer.
fn is_deaf(printer: &Printer) -> bool {
    printer.status == StatusMode::None || !printer.destination.can_answer()
}

/// The folder of a copy, which goes away with this.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is cleared away by the next preflight.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn bar_of(context: &Context) -> ProgressBar {
    if context.draws_bars() {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bar:30} {bytes} of {total_bytes}, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message("copying the ledger");
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    } else {
        ProgressBar::hidden()
    }
}

/// Copies the ledger into the folder for temporary files, and clears away what killed ones left.
fn copy(ledger: &mut Ledger, tell: &mut dyn FnMut(News) -> bool) -> Result<Folder, Failure> {
    let parent = std::env::temp_dir();
    Rehearsal::clear_away(&parent);
    let name = letters_of(&random::<12>()?);
    let copied = ledger.rehearse(&parent, &name, &mut |done, all| {
        tell(News::Copying(done, all))
    });
    copied.map(Folder).map_err(|error| {
        let is_place = matches!(error.cause, Cause::DiskFull | Cause::NetworkFileSystem(_));
        let failure = Failure::from(error);
        if is_place {
            let hint = "the copy is as large as the ledger and needs a local disk: free some room, or name \
                        another folder by TMPDIR";
            return Failure {
                hint: hint.to_owned(),
                ..failure
            };
        }
        failure
    })
}

/// The table as it grows.
struct Table<'t> {
    is_json: bool,
    bar: &'t ProgressBar,
    out: &'t mut dyn Write,
    failed: Option<io::Error>,
    /// Passed, warned, failed.
    counts: [u32; 3],
}

impl Table<'_> {
    /// Writes a row; answers whether it could.
    fn add(&mut self, check: &Check) -> bool {
        let [passed, warned, failed] = &mut self.counts;
        match check.outcome {
            Outcome::Pass => *passed += 1,
            Outcome::Warn => *warned += 1,
            Outcome::Fail => *failed += 1,
        }
        let (out, is_json) = (&mut *self.out, self.is_json);
        let written = self.bar.suspend(|| {
            if is_json {
                writeln!(out, "{}", row_json(check))?;
            } else {
                write_row(out, check)?;
            }
            out.flush()
        });
        self.failed = written.err();
        self.failed.is_none()
    }

    fn end(self) -> Result<u8, Failure> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let [passed, warned, failed] = self.counts;
        let outcome = if failed > 0 {
            Outcome::Fail
        } else if warned > 0 {
            Outcome::Warn
        } else {
            Outcome::Pass
        };
        let happened = format!("{passed} passed, {warned} warned, {failed} failed");
        if self.is_json {
            let line = json!({
                "check": "summary", "outcome": outcome, "tried": "every check",
                "expected": "no check fails", "happened": happened,
                "passed": passed, "warned": warned, "failed": failed,
            });
            writeln!(self.out, "{line}")?;
        } else {
            writeln!(
                self.out,
                "\n{}  {happened}; played on a copy, nothing here was changed",
                outcome.as_str()
            )?;
        }
        Ok(u8::from(failed > 0))
    }
}

fn row_json(check: &Check) -> Value {
    json!({
        "check": check.trial.name, "outcome": check.outcome, "tried": check.trial.words,
        "expected": check.expected, "happened": check.happened,
    })
}

fn write_row(out: &mut dyn Write, check: &Check) -> io::Result<()> {
    let (outcome, words) = (check.outcome.as_str(), check.trial.words);
    writeln!(
        out,
        "{outcome}  {words:<39}  {}",
        for_display(&check.happened)
    )?;
    if check.outcome != Outcome::Pass {
        writeln!(
            out,
            "      {:<39}  {}",
            "  expected",
            for_display(&check.expected)
        )?;
    }
    Ok(())
}

/// One claim on a preflight's copy, by a process of its own.
///
/// Opens nothing but such a copy, so that what it answers can be no code of a ledger's.
pub(super) fn claim(
    context: &Context,
    args: &RehearseClaimArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let at = instant(args.at_ms);
    let mut rehearsal = Rehearsal::open(&context.data, at)?;
    writeln!(out, "{READY}")?;
    out.flush()?;
    if !is_released()? {
        return Ok(0);
    }
    let event = Event {
        campaign: args.campaign.clone(),
        counter: context.counter().to_owned(),
        contact: (args.kind, args.contact.clone()),
        key: args.key.clone(),
        at,
    };
    let claim = preflight::claim(&mut rehearsal, &event)??;
    if args.held {
        writeln!(out, "{COMMITTED}")?;
        out.flush()?;
        is_released()?;
        return Ok(0);
    }
    let line = ClaimJson::of(&claim, None::<()>);
    writeln!(out, "{}", serde_json::to_string(&line)?)?;
    Ok(claim.word.exit_code())
}

/// Waits for a line; none: whoever started this is gone.
fn is_released() -> Result<bool, Failure> {
    let mut line = String::new();
    Ok(io::stdin().lock().read_line(&mut line)? > 0)
}
