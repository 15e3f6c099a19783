//! The configuration: one TOML file in the data folder; flag over environment over file over default.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::cli::notice::{NoticeConfig, NoticeSection};
use crate::cli::printer::{PrinterConfig, PrinterSection};
use crate::cli::scanner::{ScannerOptions, ScannerSection};
use crate::devices::print::ProfileName;
use crate::domain::contact::PhoneRegion;
use crate::domain::ids::MalformedName;
use crate::ledger::Database;
use crate::tui::model::{FADE_AFTER, LOCK_AFTER};

/// The file in the data folder.
pub(crate) const FILE_NAME: &str = "counterfoil.toml";

/// The default file, with its reasons.
pub(crate) const DEFAULT_FILE: &str = include_str!("../../assets/counterfoil.toml");

/// The file as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    store: StoreSection,
    console: ConsoleSection,
    scanner: ScannerSection,
    scan: ScanSection,
    printer: PrinterSection,
    notice: NoticeSection,
    hub: HubSection,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HubSection {
    database: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StoreSection {
    phone_region: Option<PhoneRegion>,
    hub_ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConsoleSection {
    counter: Option<String>,
    theme: Option<Theme>,
    bell: Option<bool>,
    fade_after_s: Option<u32>,
    lock_after_s: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScanSection {
    allowed_hosts: Option<Vec<String>>,
}

/// How the console is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    /// As the terminal seems to want it: no colour under `NO_COLOR`, ASCII on the Linux console.
    Auto,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// Without colour.
    Mono,
    /// Without colour, and only with ASCII characters.
    Ascii,
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// An argument of the command.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file.
    File,
    /// Built in.
    Default,
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl<T> Sourced<T> {
    pub(crate) fn first(
        flag: Option<T>,
        environment: Option<T>,
        file: Option<T>,
        default: impl FnOnce() -> T,
    ) -> Self {
        let (value, origin) = flag
            .map(|value| (value, Origin::Flag))
            .or_else(|| environment.map(|value| (value, Origin::Environment)))
            .or_else(|| file.map(|value| (value, Origin::File)))
            .unwrap_or_else(|| (default(), Origin::Default));
        Sourced { value, origin }
    }
}

/// What flags may set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    pub(crate) database: Option<String>,
    pub(crate) counter: Option<String>,
    pub(crate) theme: Option<Theme>,
    pub(crate) ports: Option<Vec<PathBuf>>,
    pub(crate) baud: Option<u32>,
    pub(crate) printer: Option<String>,
    pub(crate) profile: Option<ProfileName>,
}

/// The configuration in force.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Of which country phone numbers are that come without one.
    pub(crate) phone_region: Sourced<Option<PhoneRegion>>,
    /// A file of certificates, in PEM: whose word on the hub's certificate is taken, beside those whom
    /// this computer trusts anyway.
    pub(crate) hub_ca: Sourced<Option<PathBuf>>,
    pub(crate) counter: Sourced<String>,
    pub(crate) theme: Sourced<Theme>,
    pub(crate) rings_bell: Sourced<bool>,
    pub(crate) fade_after_s: Sourced<u32>,
    pub(crate) lock_after_s: Sourced<u32>,
    pub(crate) ports: Sourced<Vec<PathBuf>>,
    pub(crate) baud: Sourced<u32>,
    /// What else is asked for about scanners.
    pub(crate) scanner: ScannerOptions,
    pub(crate) allowed_hosts: Sourced<Vec<String>>,
    pub(crate) printer: PrinterConfig,
    /// Who outside is told of low pools.
    pub(crate) notice: NoticeConfig,
    /// The database that holds the ledger, by its URL; it may hold a password.
    pub(crate) database: Sourced<Option<String>>,
}

impl Config {
    /// Reads the file in `folder`, if there is one, under flags and environment.
    pub(crate) fn load(folder: &Path, flags: Flags) -> Result<Config, Failure> {
        let file = read(&folder.join(FILE_NAME))?;
        Config::of(file, folder, flags, &mut Err)
    }

    /// The same, for whoever goes on in spite of what is wrong with it: each fault is told, and what it
    /// is about is as if it were not set.
    pub(crate) fn load_in_spite(
        folder: &Path,
        flags: Flags,
        faults: &mut Vec<Failure>,
    ) -> Result<Config, Failure> {
        let path = folder.join(FILE_NAME);
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => what_can_be_read(&path, &text, faults),
            // What is wrong is said by the usual way.
            Err(_) => read(&path).unwrap_or_else(|fault| {
                faults.push(fault);
                File::default()
            }),
        };
        Config::of(file, folder, flags, &mut |fault| {
            faults.push(fault);
            Ok(())
        })
    }

    fn of(
        file: File,
        folder: &Path,
        flags: Flags,
        hear: &mut dyn FnMut(Failure) -> Result<(), Failure>,
    ) -> Result<Config, Failure> {
        let region = or_heard(region_of_environment(), hear)?;
        let theme = or_heard(theme_of_environment(), hear)?;
        let list = |name: &str| {
            std::env::var(name).ok().map(|text| {
                text.split(',')
                    .map(|part| part.trim().to_owned())
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<String>>()
            })
        };
        let paths = |names: Vec<String>| names.into_iter().map(PathBuf::from).collect();
        let ports = file.scanner.ports.clone();
        let baud = file.scanner.baud;
        let scanner = ScannerOptions::new(file.scanner);
        if let Some(fault) = scanner.fault() {
            hear(fault)?;
        }
        Ok(Config {
            phone_region: Sourced::first(
                None,
                region.map(Some),
                file.store.phone_region.map(Some),
                || None,
            ),
            hub_ca: Sourced::first(
                None,
                std::env::var_os("COUNTERFOIL_HUB_CA").map(|path| Some(PathBuf::from(path))),
                // A name alone is a file beside this one.
                file.store.hub_ca.map(|path| Some(folder.join(path))),
                || None,
            ),
            counter: Sourced::first(
                flags.counter,
                std::env::var("COUNTERFOIL_COUNTER").ok(),
                file.console.counter,
                host_and_terminal,
            ),
            theme: Sourced::first(flags.theme, theme, file.console.theme, || Theme::Auto),
            rings_bell: Sourced::first(None, None, file.console.bell, || true),
            fade_after_s: Sourced::first(None, None, file.console.fade_after_s, || {
                u32::try_from(FADE_AFTER.as_secs()).unwrap_or(u32::MAX)
            }),
            lock_after_s: Sourced::first(None, None, file.console.lock_after_s, || {
                u32::try_from(LOCK_AFTER.as_secs()).unwrap_or(u32::MAX)
            }),
            ports: Sourced::first(
                flags.ports,
                list("COUNTERFOIL_SCANNER").map(paths),
                ports,
                Vec::new,
            ),
            baud: Sourced::first(flags.baud, None, baud, || 115_200),
            scanner,
            allowed_hosts: Sourced::first(
                None,
                list("COUNTERFOIL_ALLOWED_HOSTS"),
                file.scan.allowed_hosts,
                Vec::new,
            ),
            database: Sourced::first(
                flags.database.map(Some),
                std::env::var("COUNTERFOIL_DATABASE").ok().map(Some),
                file.hub.database.map(Some),
                || None,
            ),
            printer: PrinterConfig::new(file.printer, flags.printer, flags.profile),
            notice: NoticeConfig::new(file.notice),
        })
    }

    /// Every value as text, with its origin.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String, Origin)> {
        let ports: Vec<String> = self
            .ports
            .value
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let theme = serde_json::to_value(self.theme.value)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default();
        let region = self.phone_region.value.map(|region| region.to_string());
        let mut rows = vec![
            (
                "store.phone_region",
                region.unwrap_or_default(),
                self.phone_region.origin,
            ),
            (
                "store.hub_ca",
                self.hub_ca
                    .value
                    .as_ref()
                    .map_or_else(String::new, |path| path.display().to_string()),
                self.hub_ca.origin,
            ),
            (
                "console.counter",
                self.counter.value.clone(),
                self.counter.origin,
            ),
            ("console.theme", theme, self.theme.origin),
            (
                "console.bell",
                self.rings_bell.value.to_string(),
                self.rings_bell.origin,
            ),
            (
                "console.fade_after_s",
                self.fade_after_s.value.to_string(),
                self.fade_after_s.origin,
            ),
            (
                "console.lock_after_s",
                self.lock_after_s.value.to_string(),
                self.lock_after_s.origin,
            ),
            ("scanner.ports", ports.join(", "), self.ports.origin),
            (
                "scanner.baud",
                self.baud.value.to_string(),
                self.baud.origin,
            ),
            (
                "scan.allowed_hosts",
                self.allowed_hosts.value.join(", "),
                self.allowed_hosts.origin,
            ),
        ];
        let database = self.database.value.as_deref().map(|url| {
            Database::parse(url).map_or_else(|fault| fault, |database| database.shown())
        });
        rows.push((
            "hub.database",
            database.unwrap_or_default(),
            self.database.origin,
        ));
        rows.extend(self.scanner.rows());
        rows.extend(self.printer.rows());
        rows.extend(self.notice.rows());
        rows
    }
}

/// Sets values in the file in `folder`, which begins as the default one; its other lines stay.
///
/// A value takes the place of its line in its section, be it set or only suggested in a comment.
pub(crate) fn change(folder: &Path, values: &[(&str, &str, toml::Value)]) -> Result<(), Failure> {
    let path = folder.join(FILE_NAME);
    let mut text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => DEFAULT_FILE.to_owned(),
        Err(error) => return Err(unwritten(&path, &error.to_string())),
    };
    for (section, key, value) in values {
        text = with_value(&text, section, key, &value.to_string());
    }
    // What we cannot read ourselves must not take the place of a file that we could.
    toml::from_str::<File>(&text).map_err(|fault| unwritten(&path, fault.message()))?;
    let new = path.with_extension("toml.new");
    std::fs::write(&new, text)
        .and_then(|()| std::fs::rename(&new, &path))
        .map_err(|error| unwritten(&path, &error.to_string()))
}

fn unwritten(path: &Path, why: &str) -> Failure {
    Failure::usage(
        format!(
            "the configuration {} was not written: {why}",
            path.display()
        ),
        "write the line by hand",
    )
}

fn with_value(text: &str, section: &str, key: &str, value: &str) -> String {
    let heading = format!("[{section}]");
    let line = format!("{key} = {value}");
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(start) = lines.iter().position(|found| found.trim() == heading) else {
        return format!("{}\n\n{heading}\n{line}\n", text.trim_end())
            .trim_start()
            .to_owned();
    };
    let after = start.saturating_add(1);
    let end = lines
        .iter()
        .skip(after)
        .position(|found| found.trim_start().starts_with('['))
        .map_or(lines.len(), |length| after.saturating_add(length));
    let is_named = |found: &str| {
        found
            .split_once('=')
            .is_some_and(|(name, _)| name.trim() == key)
    };
    let section = || (after..end).filter_map(|at| Some((at, lines.get(at)?.trim_start())));
    let is_set = |(_, found): &(usize, &str)| is_named(found);
    let is_suggested = |(_, found): &(usize, &str)| found.strip_prefix('#').is_some_and(is_named);
    let place = section()
        .find(is_set)
        .or_else(|| section().find(is_suggested));
    match place.map(|(at, _)| at) {
        Some(at) => lines.splice(at..=at, [line.as_str()]).for_each(drop),
        None => lines.insert(after, &line),
    }
    lines.join("\n") + "\n"
}

/// What was read, or nothing where whoever hears of the fault goes on.
fn or_heard<T>(
    read: Result<Option<T>, Failure>,
    hear: &mut dyn FnMut(Failure) -> Result<(), Failure>,
) -> Result<Option<T>, Failure> {
    read.or_else(|fault| hear(fault).map(|()| None))
}

/// So many faults of one file are named.
const FAULTS_MAX: usize = 50;

/// Reads a file line by line past what cannot be read, each fault told with its line.
fn what_can_be_read(path: &Path, text: &str, faults: &mut Vec<Failure>) -> File {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..FAULTS_MAX {
        let text = lines.join("\n");
        let fault = match toml::from_str(&text) {
            Ok(file) => return file,
            Err(fault) => fault,
        };
        let start = fault.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let at = before.matches('\n').count();
        faults.push(Failure::usage(
            format!(
                "{}, line {}: {}",
                path.display(),
                at.saturating_add(1),
                fault.message()
            ),
            format!("mend or remove the line; the keys there are stand in {EXAMPLE}"),
        ));
        let is_section = |line: &String| line.trim_start().starts_with('[');
        let after = at.saturating_add(1);
        // With an unknown section goes everything in it.
        let end = if lines.get(at).is_some_and(is_section) {
            lines
                .iter()
                .skip(after)
                .position(is_section)
                .map_or(lines.len(), |length| after.saturating_add(length))
        } else {
            after
        };
        match lines.get_mut(at..end) {
            Some(wrong) if wrong.iter().any(|line| !line.is_empty()) => {
                wrong.iter_mut().for_each(String::clear);
            }
            _ => break,
        }
    }
    File::default()
}

/// Where the default configuration is to be seen.
const EXAMPLE: &str = "`counterfoil config`";

fn region_of_environment() -> Result<Option<PhoneRegion>, Failure> {
    let Ok(text) = std::env::var("COUNTERFOIL_PHONE_REGION") else {
        return Ok(None);
    };
    let region = text.parse().map_err(|fault: MalformedName| {
        Failure::usage(
            format!("COUNTERFOIL_PHONE_REGION: {fault}"),
            "or unset it: each phone number then comes with its country",
        )
    })?;
    Ok(Some(region))
}

fn theme_of_environment() -> Result<Option<Theme>, Failure> {
    let Ok(text) = std::env::var("COUNTERFOIL_THEME") else {
        return Ok(None);
    };
    <Theme as clap::ValueEnum>::from_str(&text, true)
        .ok()
        .map(Some)
        .ok_or_else(|| {
            Failure::usage(
                format!("COUNTERFOIL_THEME is {text:?}"),
                "use auto, dark, light, mono or ascii",
            )
        })
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(Failure::usage(
                format!("reading {}: {error}", path.display()),
                "--data names a folder: name the one that holds ledger.db",
            ));
        }
        Err(error) => {
            return Err(Failure::usage(
                format!("reading {}: {error}", path.display()),
                "check the file's permissions",
            ));
        }
    };
    toml::from_str(&text).map_err(|fault| {
        Failure::usage(
            format!(
                "the configuration {} cannot be read: {fault}",
                path.display()
            ),
            "mend the line it names, or remove the file to go back to the defaults",
        )
    })
}

/// The counter's default name: this host and terminal, as in `till1:pts/0`.
fn host_and_terminal() -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let name = |fd: rustix::fd::BorrowedFd<'_>| {
        rustix::termios::ttyname(fd, Vec::new())
            .ok()
            .and_then(|path| path.into_string().ok())
    };
    let terminal = name(rustix::stdio::stdin())
        .or_else(|| name(rustix::stdio::stderr()))
        .or_else(|| name(rustix::stdio::stdout()));
    match terminal {
        Some(path) => format!("{host}:{}", path.trim_start_matches("/dev/")),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, DEFAULT_FILE, FILE_NAME, Flags, change, with_value};
    use std::path::PathBuf;

    #[test]
    fn a_value_takes_the_place_of_its_suggestion_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let counter = "Till \"3\"";
        let values = [
            ("console", "counter", toml::Value::from(counter)),
            (
                "scanner",
                "ports",
                toml::Value::from(vec!["/dev/serial/by-id/a"]),
            ),
        ];
        change(folder.path(), &values).unwrap();
        let config = Config::load(folder.path(), Flags::default()).unwrap();
        assert_eq!(config.counter.value, counter);
        assert_eq!(config.ports.value, [PathBuf::from("/dev/serial/by-id/a")]);
        let text = std::fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
        let changed = text
            .lines()
            .zip(DEFAULT_FILE.lines())
            .filter(|(new, old)| new != old)
            .count();
        assert_eq!(
            (changed, text.lines().count()),
            (2, DEFAULT_FILE.lines().count())
        );
        // Once more: the line that is set gives way, not a comment.
        let again = [("scanner", "ports", toml::Value::from(vec!["/dev/b"]))];
        change(folder.path(), &again).unwrap();
        let config = Config::load(folder.path(), Flags::default()).unwrap();
        assert_eq!(config.ports.value, [PathBuf::from("/dev/b")]);
    }

    #[test]
    fn every_fault_is_named_with_its_line_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let text = "[console]\ncounter = \"Till 3\"\nbel = true\nfade_after_s = \"ten\"\n\n\
                    [scaner]\nports = [\"/dev/a\"]\n\n[scanner]\nbaud = 9600\n";
        std::fs::write(&path, text).unwrap();
        assert!(Config::load(folder.path(), Flags::default()).is_err());
        let mut faults = Vec::new();
        let config = Config::load_in_spite(folder.path(), Flags::default(), &mut faults).unwrap();
        assert_eq!(
            (config.counter.value.as_str(), config.baud.value),
            ("Till 3", 9600)
        );
        assert_eq!(config.fade_after_s.value, 10);
        assert!(config.ports.value.is_empty());
        let mut said: Vec<String> = faults
            .into_iter()
            .map(|fault| fault.message.replace(&path.display().to_string(), "file"))
            .collect();
        said.sort();
        let begins = [
            "file, line 3: unknown field `bel`",
            "file, line 4: ",
            "file, line 6: unknown field `scaner`",
        ];
        assert_eq!(said.len(), begins.len(), "{said:?}");
        for (line, begin) in said.iter().zip(begins) {
            assert!(line.starts_with(begin), "{line}");
        }
        std::fs::write(&path, "[console\n= =\n").unwrap();
        let mut faults = Vec::new();
        Config::load_in_spite(folder.path(), Flags::default(), &mut faults).unwrap();
        assert!(!faults.is_empty());
    }

    #[test]
    fn a_missing_line_or_section_is_added() {
        assert_eq!(with_value("", "a", "x", "1"), "[a]\nx = 1\n");
        assert_eq!(
            with_value("[b]\nx = 2\n", "a", "x", "1"),
            "[b]\nx = 2\n\n[a]\nx = 1\n"
        );
        assert_eq!(
            with_value("[a]\ny = 2\n[b]\nx = 3\n", "a", "x", "1"),
            "[a]\nx = 1\ny = 2\n[b]\nx = 3\n"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "[console]\nnot toml").unwrap();
        let values = [("console", "counter", toml::Value::from("A"))];
        assert!(change(folder.path(), &values).is_err());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "[console]\nnot toml"
        );
    }
}
