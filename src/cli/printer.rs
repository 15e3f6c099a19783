//! The slip printer: its configuration, and the commands that try it.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use crate::cli::args::{PrinterArgs, PrinterCommand};
use crate::cli::config::{Config, FILE_NAME, Flags, Origin, Sourced};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::print;
use crate::devices::print::{
    COLUMNS_MAX, COLUMNS_MIN, CodeTable, Cut, DOTS_MAX, DOTS_MIN, Destination, Health,
    MODULE_DOTS_MAX, MODULE_DOTS_MIN, MalformedDestination, Outcome, PageCode, Paper, Printer,
    Profile, ProfileName, QrWay, Reason, StatusMode, TEST_CODE, UsbPrinterFound, Waits, test_sheet,
};
use crate::domain::escape::for_display;
use crate::domain::slip::Slip;
use crate::domain::slip_template::{TEMPLATE_BYTES_MAX, Template};

/// A shop's own template, in the data folder.
pub(crate) const TEMPLATE_FILE_NAME: &str = "slip.txt";

const DEFAULT_PROFILE: ProfileName = ProfileName::Generic80;

/// The section as it is written; what a profile says may be said otherwise for this printer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PrinterSection {
    to: Option<String>,
    profile: Option<ProfileName>,
    status: Option<StatusMode>,
    qr: Option<QrWay>,
    width_dots: Option<u16>,
    columns: Option<u16>,
    page_code: Option<CodeTable>,
    page_code_number: Option<u8>,
    module_dots: Option<u16>,
    cut: Option<Cut>,
    feed_lines: Option<u8>,
    real_time_switch: Option<bool>,
}

/// The printer in force, not yet found to be possible.
#[derive(Debug, Clone)]
pub(crate) struct PrinterConfig {
    to: Sourced<String>,
    profile: Sourced<ProfileName>,
    status: Sourced<StatusMode>,
    qr: Sourced<QrWay>,
    width_dots: Sourced<u16>,
    columns: Sourced<u16>,
    page_code: Sourced<CodeTable>,
    page_code_number: Sourced<u8>,
    module_dots: Sourced<u16>,
    cut: Sourced<Cut>,
    feed_lines: Sourced<u8>,
    real_time_switch: Sourced<bool>,
}

impl PrinterConfig {
    /// The section under flags and environment, over the profile it names.
    pub(crate) fn new(
        section: PrinterSection,
        to: Option<String>,
        profile: Option<ProfileName>,
    ) -> PrinterConfig {
        let to = Sourced::first(
            to,
            std::env::var("COUNTERFOIL_PRINTER").ok(),
            section.to,
            String::new,
        );
        let profile = Sourced::first(profile, None, section.profile, || DEFAULT_PROFILE);
        let base = profile.value.profile();
        let table = section.page_code.unwrap_or(base.page_code.table);
        let number = || match table {
            _ if table == base.page_code.table => base.page_code.number,
            CodeTable::Ascii | CodeTable::Cp437 => 0,
            CodeTable::Cp858 => 19,
            CodeTable::Cp1252 => 16,
        };
        PrinterConfig {
            to,
            profile,
            status: of_file(section.status, || StatusMode::Auto),
            qr: of_file(section.qr, || base.qr),
            width_dots: of_file(section.width_dots, || base.width_dots),
            columns: of_file(section.columns, || base.columns),
            page_code: of_file(section.page_code, || table),
            page_code_number: of_file(section.page_code_number, number),
            module_dots: of_file(section.module_dots, || base.module_dots),
            cut: of_file(section.cut, || base.cut),
            feed_lines: of_file(section.feed_lines, || base.feed_lines.unwrap_or(0)),
            real_time_switch: of_file(section.real_time_switch, || base.has_real_time_switch),
        }
    }

    /// Whether this USB printer is meant, by its name or its node.
    pub(crate) fn is_at(&self, printer: &UsbPrinterFound) -> bool {
        let configured = self.to.value.trim();
        Path::new(configured) == printer.node
            || configured
                .strip_prefix("usb:")
                .is_some_and(|name| printer.is_called(name.trim()))
    }

    /// Every value as text, with its origin.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String, Origin)> {
        fn row<T: Display>(
            name: &'static str,
            found: &Sourced<T>,
        ) -> (&'static str, String, Origin) {
            (name, found.value.to_string(), found.origin)
        }
        let word = |name, word: &str, origin| (name, word.to_owned(), origin);
        vec![
            row("printer.to", &self.to),
            word(
                "printer.profile",
                self.profile.value.as_str(),
                self.profile.origin,
            ),
            word(
                "printer.status",
                self.status.value.as_str(),
                self.status.origin,
            ),
            word("printer.qr", self.qr.value.as_str(), self.qr.origin),
            row("printer.width_dots", &self.width_dots),
            row("printer.columns", &self.columns),
            word(
                "printer.page_code",
                self.page_code.value.as_str(),
                self.page_code.origin,
            ),
            row("printer.page_code_number", &self.page_code_number),
            row("printer.module_dots", &self.module_dots),
            word("printer.cut", self.cut.value.as_str(), self.cut.origin),
            row("printer.feed_lines", &self.feed_lines),
            row("printer.real_time_switch", &self.real_time_switch),
        ]
    }

    fn profile(&self) -> Result<Profile, Failure> {
        let own = |name: &str, origin| {
            if self.profile.value == ProfileName::Custom && origin == Origin::Default {
                return Err(Failure::usage(
                    format!("the printer's profile is custom and {name} is not set"),
                    format!("set [printer] {name} in {FILE_NAME}; the printer's self-test says it"),
                ));
            }
            Ok(())
        };
        own("width_dots", self.width_dots.origin)?;
        own("columns", self.columns.origin)?;
        let within = |name: &str, value: u16, least: u16, most: u16| {
            if (least..=most).contains(&value) {
                return Ok(value);
            }
            Err(Failure::usage(
                format!("[printer] {name} is {value}"),
                format!("use a number from {least} to {most}"),
            ))
        };
        let width_dots = within("width_dots", self.width_dots.value, DOTS_MIN, DOTS_MAX)?;
        if !width_dots.is_multiple_of(8) {
            return Err(Failure::usage(
                format!("[printer] width_dots is {width_dots}"),
                "use a multiple of 8: 576, 512 or 384",
            ));
        }
        Ok(Profile {
            width_dots,
            columns: within("columns", self.columns.value, COLUMNS_MIN, COLUMNS_MAX)?,
            page_code: PageCode {
                table: self.page_code.value,
                number: self.page_code_number.value,
            },
            qr: self.qr.value,
            module_dots: within(
                "module_dots",
                self.module_dots.value,
                MODULE_DOTS_MIN,
                MODULE_DOTS_MAX,
            )?,
            cut: self.cut.value,
            feed_lines: Some(self.feed_lines.value).filter(|lines| *lines > 0),
            has_real_time_switch: self.real_time_switch.value,
        })
    }
}

fn of_file<T>(file: Option<T>, default: impl FnOnce() -> T) -> Sourced<T> {
    Sourced::first(None, None, file, default)
}

/// The printer that the configuration names, if it names one.
pub(crate) fn printer_of(config: &Config) -> Result<Option<Printer>, Failure> {
    let printer = &config.printer;
    if printer.to.value.trim().is_empty() {
        return Ok(None);
    }
    let destination = Destination::from_str(&printer.to.value).map_err(|fault| {
        let place = match printer.to.origin {
            Origin::Flag => "--to",
            Origin::Environment => "COUNTERFOIL_PRINTER",
            Origin::File | Origin::Default => "[printer] to",
        };
        Failure::usage(format!("{place}: {fault}"), MalformedDestination::HINT)
    })?;
    Ok(Some(Printer {
        destination,
        profile: printer.profile()?,
        status: printer.status.value,
        waits: Waits::default(),
    }))
}

/// The shop's own template, or the one that is built in.
pub(crate) fn template_of(folder: &Path) -> Result<Template, Failure> {
    let path = folder.join(TEMPLATE_FILE_NAME);
    let fault = |why: &dyn Display| {
        Failure::usage(
            format!("the slip template {}: {why}", path.display()),
            "mend the line, or remove the file to go back to the built-in slip",
        )
    };
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Template::standard());
        }
        // Not read at all: a template is a page of text.
        Ok(found) if usize::try_from(found.len()).is_ok_and(|bytes| bytes > TEMPLATE_BYTES_MAX) => {
            return Err(fault(&format!(
                "it has more than {TEMPLATE_BYTES_MAX} bytes"
            )));
        }
        Ok(_) => {}
        Err(error) => return Err(fault(&error)),
    }
    let text = std::fs::read_to_string(&path).map_err(|error| fault(&error))?;
    Template::parse(&text).map_err(|error| fault(&error))
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Failure {
            code: reason.word(),
            message: reason.to_string(),
            hint: reason.hint(),
            exit: 4,
        }
    }
}

pub(super) fn run(
    context: &Context,
    command: PrinterCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    match command {
        PrinterCommand::Test { printer, slip } => test(context, &printer, slip, out),
        PrinterCommand::Status(printer) => status(context, &printer, out),
        PrinterCommand::Slips => print::slips(context, out),
        PrinterCommand::Settle { slip } => print::settle(context, slip, out),
    }
}

/// The configuration under the arguments, and its printer.
fn named(context: &Context, args: &PrinterArgs) -> Result<(Config, Printer), Failure> {
    let config = Config::load(
        &context.data,
        Flags {
            counter: Some(context.counter().to_owned()),
            printer: args.to.clone(),
            profile: args.profile,
            ..Flags::default()
        },
    )?;
    let printer = printer_of(&config)?.ok_or_else(|| {
        Failure::usage(
            "no printer is set up",
            "name one with --to, or in the configuration under [printer]: tcp://HOST:9100 or \
             /dev/usb/lp0",
        )
    })?;
    Ok((config, printer))
}

fn test(
    context: &Context,
    args: &PrinterArgs,
    is_slip: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let (config, printer) = named(context, args)?;
    let name = config.printer.profile.value;
    let job = if is_slip {
        printer.job(&sample(), &template_of(&context.data)?)
    } else {
        test_sheet(&printer.profile, name)
    };
    let job =
        job.map_err(|fault| Failure::usage(fault.to_string(), "see [printer] and slip.txt"))?;
    let outcome = printer.print(&job.bytes);
    let hint = outcome.reason().map(Reason::hint);
    if context.is_json {
        let paper = match outcome {
            Outcome::Printed { paper: Paper::Ok } => Some("ok"),
            Outcome::Printed {
                paper: Paper::NearEnd,
            } => Some("near_end"),
            Outcome::Sent | Outcome::Unconfirmed(_) | Outcome::NotSent(_) => None,
        };
        let substitutions: Vec<_> = job
            .substitutions
            .iter()
            .map(|put| serde_json::json!({"from": put.from, "to": put.to}))
            .collect();
        let line = serde_json::json!({
            "outcome": outcome.word(), "reason": outcome.reason().map(Reason::word),
            "paper": paper, "to": printer.destination.to_string(), "profile": name.as_str(),
            "bytes": job.bytes.len(), "substitutions": substitutions,
            "message": outcome.to_string(), "hint": hint,
        });
        writeln!(out, "{line}")?;
    } else {
        let words = format!("{} ({}): {outcome}", printer.destination, name.as_str());
        writeln!(out, "{}", for_display(&words))?;
        if let Some(hint) = hint {
            writeln!(out, "{}", for_display(&hint))?;
        }
        if is_slip && !job.substitutions.is_empty() {
            let put: Vec<String> = job.substitutions.iter().map(ToString::to_string).collect();
            writeln!(out, "{}", put.join(", "))?;
        }
    }
    Ok(match outcome {
        Outcome::Printed { .. } | Outcome::Sent => 0,
        Outcome::Unconfirmed(_) | Outcome::NotSent(_) => 4,
    })
}

fn status(context: &Context, args: &PrinterArgs, out: &mut dyn Write) -> Result<u8, Failure> {
    let (_, printer) = named(context, args)?;
    let health = printer.health();
    let hint = match &health {
        Health::NotReady(reason) => Some(reason.hint()),
        Health::Ready(_) | Health::NotAsked => None,
    };
    if context.is_json {
        let line = serde_json::json!({
            "health": health.word(), "to": printer.destination.to_string(),
            "message": health.to_string(), "hint": hint,
        });
        writeln!(out, "{line}")?;
    } else {
        let words = format!("{}: {health}", printer.destination);
        writeln!(out, "{}", for_display(&words))?;
        if let Some(hint) = hint {
            writeln!(out, "{}", for_display(&hint))?;
        }
    }
    Ok(match health {
        Health::Ready(_) | Health::NotAsked => 0,
        Health::NotReady(_) => 4,
    })
}

/// A slip that no counter honours, to see the template on paper.
fn sample() -> Slip {
    Slip {
        store: "Riverside Café".to_owned(),
        campaign: "sample".to_owned(),
        offer: "5 € off any coffee".to_owned(),
        code: TEST_CODE.to_owned(),
        name: Some("Zoë Müller".to_owned()),
        validity: "not valid, a sample".to_owned(),
        issued: "as a test".to_owned(),
        copy: 2,
        is_test: true,
    }
}
