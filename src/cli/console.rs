//! The console on this shop's ledger.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::cli::args::ConsoleArgs;
use crate::cli::config::{self, Config, Flags, Theme as ThemeName};
use crate::cli::context::{Context, now};
use crate::cli::failure::Failure;
use crate::cli::preflight::play_on_copy;
use crate::cli::print::slip_printer;
use crate::cli::set_up::write_default_config;
use crate::desk::SlipPrinter;
use crate::devices::scan::serial::SerialConfig;
use crate::domain::day_paper;
use crate::ledger::{Cause, Ledger, LedgerError};
use crate::tui::model::Options;
use crate::tui::runner::{
    ConsoleEnd, ConsoleOrder, Printer, PrinterAnswer, PrinterOrder, Rehearse, Remember,
    run as run_console,
};
use crate::tui::theme::{Palette, Theme};

/// Opens the console on the ledger of the data folder.
pub(super) fn console(context: &Context, args: &ConsoleArgs) -> Result<u8, Failure> {
    context.need_folder("a console: the counters of a chain have a ledger each")?;
    let has_ledger = Ledger::exists_in(&context.data);
    if !has_ledger && !context.is_default_place() {
        return Err(LedgerError {
            op: "open",
            thing: "the ledger".into(),
            cause: Cause::Missing(context.data.clone()),
        }
        .into());
    }
    let code = open(context, args, &context.data, !has_ledger, None)?;
    if Ledger::exists_in(&context.data) {
        write_default_config(context)?;
    }
    Ok(code)
}

pub(super) fn need_terminal() -> Result<(), Failure> {
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        Ok(())
    } else {
        Err(Failure::usage(
            "the console needs a terminal",
            "run it in a terminal, or use a command such as `counterfoil redeem --stdin`",
        ))
    }
}

pub(super) fn open(
    context: &Context,
    args: &ConsoleArgs,
    folder: &Path,
    may_set_up: bool,
    training: Option<Vec<(String, String)>>,
) -> Result<u8, Failure> {
    need_terminal()?;
    let config = Config::load(
        folder,
        Flags {
            counter: Some(context.counter().to_owned()),
            theme: args.theme,
            ports: args.scanner.clone(),
            baud: args.baud,
            ..Flags::default()
        },
    )?;
    let scanners = config
        .ports
        .value
        .iter()
        .map(|path| SerialConfig {
            path: path.clone(),
            baud: config.baud.value,
            is_answered: config.scanner.acknowledge().is_some(),
        })
        .collect();
    let is_training = training.is_some();
    let end = run_console(ConsoleOrder {
        folder: folder.to_owned(),
        may_set_up,
        counter: config.counter.value.clone(),
        allowed_hosts: config.allowed_hosts.value.clone(),
        gs1: config.scanner.gs1(),
        hub_ca: config.hub_ca.value.clone(),
        phone_region: config.phone_region.value,
        // What is made up for training is nobody's business outside.
        tell_outside: config.notice.teller().filter(|_| !is_training),
        scanners,
        acknowledge: config.scanner.acknowledge(),
        exclusive: config.scanner.device().map(Path::to_owned),
        printer: slip_printer(&config, folder)?.map(|printer| on_its_thread(printer, is_training)),
        rings_bell: config.rings_bell.value,
        baud: config.baud.value,
        remember: remembering(folder),
        home: home(),
        rehearse: rehearsing(folder, &config),
        zone: TimeZone::system()
            .iana_name()
            .unwrap_or("Europe/London")
            .to_owned(),
        options: Options {
            theme: theme(config.theme.value),
            fade_after: SignedDuration::from_secs(i64::from(config.fade_after_s.value)),
            lock_after: SignedDuration::from_secs(i64::from(config.lock_after_s.value)),
            layout: config.scanner.layout(),
            training,
            columns: 80,
            rows: 24,
            now: now(),
        },
    })?;
    match end {
        ConsoleEnd::Left => Ok(0),
        ConsoleEnd::NoLedger { words, hint } => Err(Failure {
            code: "ledger",
            message: words,
            hint,
            exit: 5,
        }),
        ConsoleEnd::Broken { words } => Err(Failure {
            code: "bug",
            message: format!("the console has a bug and stopped: {words}"),
            hint: "what was shown as accepted is in the ledger; start again, and report this"
                .into(),
            exit: 70,
        }),
    }
}

/// The printer as its own thread asks it. What is printed in training says that it is a test.
fn on_its_thread(slip_printer: SlipPrinter, is_training: bool) -> Printer {
    Box::new(move |order| {
        let told = match order {
            PrinterOrder::Look => None,
            PrinterOrder::Print(job) => {
                let mut slip = job.slip.clone();
                slip.is_test |= is_training;
                Some(slip_printer.print(&slip))
            }
            PrinterOrder::PrintDay(report) => {
                Some(slip_printer.print_lines(&day_paper::lines(report, is_training)))
            }
        };
        if let Some(told) = &told
            && let Some(trouble) = &told.trouble
        {
            return PrinterAnswer {
                outcome: Some(told.outcome.clone()),
                words: trouble.clone(),
                is_well: false,
            };
        }
        let (words, is_well) = slip_printer.health();
        PrinterAnswer {
            outcome: told.map(|told| told.outcome),
            words,
            is_well,
        }
    })
}

/// Writes what set-up chose to the configuration in `folder`.
fn remembering(folder: &Path) -> Remember {
    let folder = folder.to_owned();
    Box::new(move |chosen| {
        let mut lines = Vec::new();
        if let Some(counter) = &chosen.counter {
            lines.push(("console", "counter", toml::Value::from(counter.as_str())));
        }
        if let Some(path) = &chosen.scanner {
            let path = path.display().to_string();
            lines.push(("scanner", "ports", toml::Value::from(vec![path])));
        }
        config::change(&folder, &lines).map_err(|failure| failure.message)
    })
}

/// The home folder; an account without one begins at the root.
fn home() -> PathBuf {
    directories::BaseDirs::new().map_or_else(|| PathBuf::from("/"), |dirs| dirs.home_dir().into())
}

/// Plays a preflight of the ledger in `folder`.
fn rehearsing(folder: &Path, config: &Config) -> Rehearse {
    let (folder, config) = (folder.to_owned(), config.clone());
    Arc::new(move |campaign, audience, tell| {
        let played = Ledger::open_reading(&folder)
            .map_err(Failure::from)
            .and_then(|ledger| play_on_copy((&config, &folder), ledger, campaign, audience, tell));
        played.map_err(|failure| format!("{}. {}", failure.message, failure.hint))
    })
}

fn theme(name: ThemeName) -> Theme {
    let variable = |name: &str| std::env::var(name).ok();
    let asked = match name {
        ThemeName::Auto => None,
        ThemeName::Dark => Some(Palette::Dark),
        ThemeName::Light => Some(Palette::Light),
        ThemeName::Mono | ThemeName::Ascii => Some(Palette::Mono),
    };
    let theme = Theme::for_environment(
        variable("NO_COLOR").as_deref(),
        variable("TERM").as_deref(),
        variable("COLORFGBG").as_deref(),
        asked,
    );
    Theme {
        is_ascii: theme.is_ascii || name == ThemeName::Ascii,
        ..theme
    }
}
