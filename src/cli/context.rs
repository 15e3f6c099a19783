//! What every command needs: the folder, the configuration, who acts, and the clock.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::args::Global;
use crate::cli::config::{Config, Flags, Origin};
use crate::cli::database;
use crate::cli::failure::Failure;
use crate::desk;
use crate::domain::operator::Role;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{Act, Cause, Database, Ledger, LedgerError, Rebirth};

/// The surroundings of one command.
pub(crate) struct Context {
    pub(crate) data: PathBuf,
    /// Where the folder's name came from.
    pub(crate) place: Origin,
    pub(crate) is_json: bool,
    pub(crate) operator: Option<String>,
    pub(crate) config: Config,
    /// The database that holds the ledger; none: it is in the folder.
    pub(crate) database: Option<Database>,
    /// What is wrong with the configuration; empty but for a command that goes on in spite of it.
    pub(crate) faults: Vec<Failure>,
    proven: Proven,
}

/// Whether the named operator has shown a manager's PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proven {
    NotYet,
    Manager,
}

/// Reads the wall clock.
pub(crate) fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where the clock is read"
    )]
    Timestamp::now()
}

/// Opens a file that was named by an argument.
pub(crate) fn open_given(path: &Path) -> Result<File, Failure> {
    let opened = File::open(path).and_then(|file| {
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(file)
    });
    opened.map_err(|error| {
        Failure::usage(
            format!("reading {}: {error}", path.display()),
            "check the file's name, and that this account may read it",
        )
    })
}

/// A time by the store's clock, as people read it.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Context, Failure> {
        let (data, place) = folder(global)?;
        let config = Config::load(&data, flags(global))?;
        let context = Context {
            database: database::named(&config.database)?,
            faults: Vec::new(),
            config,
            data,
            place,
            is_json: global.json,
            operator: global.operator.clone(),
            proven: Proven::NotYet,
        };
        if let Some(fault) = desk::counter_fault(context.counter()) {
            return Err(Failure::usage(fault, "name it with --counter"));
        }
        Ok(context)
    }

    /// The same, whatever is wrong with the configuration: that is kept, and told by who asked.
    pub(crate) fn in_spite(global: &Global) -> Result<Context, Failure> {
        let (data, place) = folder(global)?;
        let mut faults = Vec::new();
        let config = Config::load_in_spite(&data, flags(global), &mut faults)?;
        let database = database::named(&config.database).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        if let Some(fault) = desk::counter_fault(&config.counter.value) {
            faults.push(Failure::usage(fault, "name it with --counter"));
        }
        Ok(Context {
            database,
            faults,
            config,
            data,
            place,
            is_json: global.json,
            operator: global.operator.clone(),
            proven: Proven::NotYet,
        })
    }

    /// Whether the folder is the platform's own, where a shop may be set up.
    pub(crate) fn is_default_place(&self) -> bool {
        self.place == Origin::Default
    }

    /// The counter's name.
    pub(crate) fn counter(&self) -> &str {
        &self.config.counter.value
    }

    /// Who acts: the named operator, else this account.
    pub(crate) fn operator_name(&self) -> String {
        self.operator
            .clone()
            .unwrap_or_else(|| format!("os:{}", account()))
    }

    /// An act of this moment.
    pub(crate) fn act(&self) -> Result<Act, Failure> {
        Ok(desk::act(
            self.counter(),
            Some(&self.operator_name()),
            now(),
        )?)
    }

    /// Opens the ledger, and says on stderr if it had to begin a new life.
    pub(crate) fn open(&self) -> Result<Ledger, Failure> {
        let mut ledger = if let Some(database) = &self.database {
            Ledger::open_in(database, &self.act()?)?
        } else {
            let (ledger, rebirth) = Ledger::open(&self.data, &self.act()?)?;
            if let Some(rebirth) = rebirth {
                warn(&rebirth_words(&rebirth));
            }
            ledger
        };
        ledger.dial_in(self.config.phone_region.value);
        // What a died import left behind is removed a slice at a time, never while somebody waits.
        ledger.sweep_batches()?;
        if let Some(name) = &self.operator
            && !ledger.operators()?.iter().any(|known| known.name == *name)
        {
            return Err(Refusal::NoSuchOperator(name.clone()).into());
        }
        Ok(ledger)
    }

    /// Opens the ledger to look at it.
    pub(crate) fn open_reading(&self) -> Result<Ledger, Failure> {
        Ok(match &self.database {
            Some(database) => Ledger::open_reading_in(database)?,
            None => Ledger::open_reading(&self.data)?,
        })
    }

    /// Makes sure that the ledger is one in a folder, for an act on its files.
    pub(crate) fn need_folder(&self, what: &'static str) -> Result<(), Failure> {
        if self.database.is_none() {
            return Ok(());
        }
        Err(LedgerError {
            op: "open",
            thing: "the ledger".into(),
            cause: Cause::OnlyInFiles(what),
        }
        .into())
    }

    /// Makes sure that a manager acts. Whoever can write the data folder is trusted; an operator
    /// named by `--operator` proves it by the PIN on standard input.
    pub(crate) fn need_manager(&mut self, ledger: &mut Ledger) -> Result<(), Failure> {
        let Some(name) = self.operator.clone() else {
            return Ok(());
        };
        if self.proven == Proven::Manager {
            return Ok(());
        }
        let pin = secret(&format!("PIN of {name}: "))?;
        let act = self.act()?;
        let operator = match ledger.sign_in(&name, &pin, &act)? {
            Err(refusal @ Refusal::LockedUntil(until)) => {
                let clock = moment(until, &ledger.place()?.zone);
                return Err(Failure {
                    message: format!("too many wrong PINs at this counter: locked until {clock}"),
                    ..Failure::from(refusal)
                });
            }
            answer => answer?,
        };
        if operator.role != Role::Manager {
            return Err(Refusal::NotAManager(name).into());
        }
        self.proven = Proven::Manager;
        Ok(())
    }

    /// A manager's approval of what this command does.
    pub(crate) fn approval(
        &mut self,
        ledger: &mut Ledger,
        reason: &str,
    ) -> Result<Approval, Failure> {
        self.need_manager(ledger)?;
        Ok(Approval {
            by: Some(self.operator_name()),
            reason: reason.to_owned(),
        })
    }

    /// Whether long work may draw a bar.
    pub(crate) fn draws_bars(&self) -> bool {
        !self.is_json && std::io::stderr().is_terminal()
    }
}

/// The ledger's folder, and where its name came from.
fn folder(global: &Global) -> Result<(PathBuf, Origin), Failure> {
    Ok(match &global.data {
        Some(folder) if is_data_an_argument() => (folder.clone(), Origin::Flag),
        Some(folder) => (folder.clone(), Origin::Environment),
        None => directories::ProjectDirs::from("", "", "counterfoil")
            .map(|dirs| (dirs.data_dir().to_owned(), Origin::Default))
            .ok_or_else(|| {
                Failure::usage(
                    "this account has no home folder",
                    "name a folder with --data",
                )
            })?,
    })
}

fn flags(global: &Global) -> Flags {
    Flags {
        counter: global.counter.clone(),
        database: global.database.clone(),
        ..Flags::default()
    }
}

/// Whether the folder was named by an argument; the parser of arguments takes either.
fn is_data_an_argument() -> bool {
    std::env::args_os()
        .filter_map(|argument| argument.into_string().ok())
        .any(|argument| argument == "--data" || argument.starts_with("--data="))
}

/// A flag that Ctrl-C and SIGTERM set, for work that ends cleanly between two steps.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// A line on stderr for whoever watches.
pub(crate) fn warn(words: &str) {
    use std::io::Write as _;
    // Where stderr is gone, nobody watches.
    drop(writeln!(std::io::stderr(), "{words}"));
}

/// Asks on the terminal what cannot be taken back; whether `yes` was typed.
pub(crate) fn says_yes(question: &str) -> Result<bool, Failure> {
    warn(question);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// What a new life of the ledger means, in words.
pub(crate) fn rebirth_words(rebirth: &Rebirth) -> String {
    if rebirth.is_quarantined {
        return format!(
            "this ledger has begun a new life ({}): it spends nothing until the hub knows it; run \
             `counterfoil sync --once`",
            rebirth.why.replace('_', " ")
        );
    }
    let how = match rebirth.why {
        "moved" => {
            return "this ledger was moved here; nothing was used since it was closed".into();
        }
        "marker_ahead" => "this ledger lacks entries that were committed before",
        "copied" => "this ledger was copied here",
        "marker_missing" => "this ledger has lost the marker beside it, so it may be an old one",
        _ => "this ledger was restored from a backup",
    };
    format!(
        "{how}: up to {} entries are missing, {} codes not yet given out are now suspect, and codes \
         not yet used need a manager's approval until `counterfoil restore --settle`",
        rebirth.missing, rebirth.suspects
    )
}

/// A secret: asked for on a terminal, else the next line of standard input.
pub(crate) fn secret(prompt: &str) -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(prompt)?);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The name of the account that runs this: as /etc/passwd (passwd(5)) has it, else its number.
pub(crate) fn account() -> String {
    let uid = rustix::process::getuid().as_raw();
    std::fs::read_to_string(Path::new("/etc/passwd"))
        .ok()
        .and_then(|text| {
            text.lines()
                .map(|line| line.split(':').collect::<Vec<_>>())
                .find(|fields| fields.get(2).is_some_and(|id| id.parse() == Ok(uid)))
                .and_then(|fields| fields.first().map(|name| (*name).to_owned()))
        })
        .unwrap_or_else(|| uid.to_string())
}
