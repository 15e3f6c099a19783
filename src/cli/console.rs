//! The console, on this shop's ledger or, as `demo`, on a throw-away one with samples.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cli::args::ConsoleArgs;
use crate::cli::config::{self, Config, Flags, Theme as ThemeName};
use crate::cli::context::{Context, now};
use crate::cli::failure::Failure;
use crate::cli::set_up::write_default_config;
use crate::desk::{self, MODE_PRIVATE, fill_random, mint_key, set_up};
use crate::devices::scan::serial::SerialConfig;
use crate::domain::campaign::{Requirement, Rules};
use crate::domain::code::Shape;
use crate::domain::code_list::SpreadsheetCheck;
use crate::domain::ids::CampaignId;
use crate::ledger::{Act, ImportOrder, Ledger, LongWork, Scan};
use crate::tui::model::Options;
use crate::tui::runner::{ConsoleEnd, ConsoleOrder, Remember, run as run_console};
use crate::tui::theme::{Palette, Theme};

/// Opens the console on the ledger of the data folder.
pub(super) fn console(context: &Context, args: &ConsoleArgs) -> Result<u8, Failure> {
    let has_ledger = Ledger::exists_in(&context.data);
    if !has_ledger && !context.is_default_place() {
        return Err(crate::ledger::LedgerError {
            op: "open",
            thing: "the ledger".into(),
            cause: crate::ledger::Cause::Missing(context.data.clone()),
        }
        .into());
    }
    let code = open(context, args, &context.data, !has_ledger, None)?;
    if Ledger::exists_in(&context.data) {
        write_default_config(context)?;
    }
    Ok(code)
}

/// Opens the console on a throw-away ledger: the training mode.
pub(super) fn demo(context: &Context, args: &ConsoleArgs) -> Result<u8, Failure> {
    need_terminal()?;
    let folder = tempfile_folder()?;
    let samples = fill(&folder, context.counter());
    let done = samples.and_then(|samples| open(context, args, &folder, false, Some(samples)));
    // What cannot be removed is left to the system's own tidying of temporary files.
    drop(std::fs::remove_dir_all(&folder));
    done
}

fn need_terminal() -> Result<(), Failure> {
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        Ok(())
    } else {
        Err(Failure::usage(
            "the console needs a terminal",
            "run it in a terminal, or use a command such as `counterfoil redeem --stdin`",
        ))
    }
}

fn tempfile_folder() -> Result<std::path::PathBuf, Failure> {
    let name = mint_key(now())?;
    let folder = std::env::temp_dir().join(format!("counterfoil-demo-{name}"));
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

fn open(
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
        },
    )?;
    let scanners = config
        .ports
        .value
        .iter()
        .map(|path| SerialConfig {
            path: path.clone(),
            baud: config.baud.value,
        })
        .collect();
    let end = run_console(ConsoleOrder {
        folder: folder.to_owned(),
        may_set_up,
        counter: config.counter.value.clone(),
        allowed_hosts: config.allowed_hosts.value.clone(),
        scanners,
        rings_bell: config.rings_bell.value,
        baud: config.baud.value,
        remember: remembering(folder),
        zone: TimeZone::system()
            .iana_name()
            .unwrap_or("Europe/London")
            .to_owned(),
        options: Options {
            theme: theme(config.theme.value),
            fade_after: SignedDuration::from_secs(i64::from(config.fade_after_s.value)),
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

/// A sample campaign and what happens to its codes.
struct Sample {
    id: &'static str,
    rules: Rules,
    codes: Vec<(String, &'static str)>,
    is_given_out: bool,
}

/// Fills a throw-away ledger with campaigns of every kind; answers codes and what they show.
fn fill(folder: &Path, counter: &str) -> Result<Vec<(String, String)>, Failure> {
    let at = now();
    let act = || desk::act(counter, None, at);
    let mut ledger = set_up(
        folder,
        "Training shop",
        "Europe/London",
        MODE_PRIVATE,
        &act()?,
    )??;
    let mut shown = Vec::new();
    for sample in samples(at)? {
        let id: CampaignId = sample.id.parse()?;
        ledger.create_campaign(&id, &sample.rules, &desk::random()?, &act()?)??;
        let codes: Vec<&str> = sample.codes.iter().map(|(code, _)| code.as_str()).collect();
        let list = codes.join("\n");
        let order = ImportOrder {
            campaign: id.clone(),
            is_given_out: sample.is_given_out,
            skips_bad: false,
            check: SpreadsheetCheck::TakeAsIs,
        };
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |_| {},
            stop: &AtomicBool::new(false),
        };
        ledger.import_codes(
            &mut list.as_bytes(),
            &order,
            &act()?,
            &mut work,
            &mut |_| Ok(()),
        )??;
        if sample.id == "paused" {
            ledger.pause_campaign(&id, true, &act()?)??;
        }
        shown.extend(
            sample
                .codes
                .into_iter()
                .map(|(code, what)| (code, what.to_owned())),
        );
    }
    use_one(&mut ledger, &shown, &act()?)?;
    Ok(shown)
}

/// Uses the code that is to be shown as used.
fn use_one(ledger: &mut Ledger, shown: &[(String, String)], act: &Act) -> Result<(), Failure> {
    let Some((code, _)) = shown.iter().find(|(_, what)| what == USED) else {
        return Ok(());
    };
    let minted = mint_key(act.now)?;
    ledger.redeem(&Scan::new(code.as_bytes(), &minted), act)?;
    Ok(())
}

const USED: &str = "used already";

fn samples(at: Timestamp) -> Result<Vec<Sample>, Failure> {
    let day = SignedDuration::from_hours(24);
    let new = |what: &'static str| -> Result<(String, &'static str), Failure> {
        let code = Shape::standard()
            .generate(&desk::random::<16>()?)
            .unwrap_or_default();
        Ok((code, what))
    };
    let sample = |id, offer: &str, codes, is_given_out| Sample {
        id,
        rules: Rules::new(offer),
        codes,
        is_given_out,
    };
    let mut coffee = sample(
        "coffee",
        "Free coffee, any size",
        vec![
            new("honoured once")?,
            new("honoured once")?,
            ("COFFEE-2026".to_owned(), "honoured, easy to type"),
            new(USED)?,
        ],
        true,
    );
    coffee.rules.ends_at = Some(at + day * 30);
    let mut card = sample(
        "card",
        "Fifth wash free",
        vec![new("honoured three times")?],
        true,
    );
    card.rules.uses = 3;
    let mut past = sample("past", "Summer sale", vec![new("expired")?], true);
    past.rules.ends_at = Some(at - day);
    let mut soon = sample("soon", "Advent box", vec![new("not yet valid")?], true);
    soon.rules.starts_at = Some(at + day * 7);
    let mut receipt = sample(
        "receipt",
        "15 % off",
        vec![new("asks for a receipt")?],
        true,
    );
    receipt.rules.require.insert(Requirement::Receipt);
    let mut gift = sample("gift", "Gift card 50", vec![new("asks a manager")?], true);
    gift.rules.require.insert(Requirement::Approval);
    let paused = sample("paused", "Newsletter 10 %", vec![new("paused")?], true);
    let pool = sample("pool", "Walk-in 5 %", vec![new("never given out")?], false);
    Ok(vec![coffee, card, past, soon, receipt, gift, paused, pool])
}
