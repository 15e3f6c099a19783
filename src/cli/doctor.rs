//! `doctor`: looks at everything a shop depends on, and changes nothing. What is well and what is not is
//! judged in `desk::doctor`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::args::DoctorArgs;
use crate::cli::config::FILE_NAME;
use crate::cli::context::{Context, account, now};
use crate::cli::failure::Failure;
use crate::cli::printer::{printer_of, template_of};
use crate::desk::doctor::{
    self, ClockSeen, DiskSeen, Joined, KeyboardsSeen, LedgerSeen, NodeSeen, PrinterSeen,
    SerialSeen, TerminalSeen,
};
use crate::devices::print;
use crate::devices::rights::rights_of;
use crate::devices::scan::{evdev, serial};
use crate::domain::doctor::{Check, Line, exit_code};
use crate::domain::escape::for_display;
use crate::domain::hub_status::Reach;
use crate::domain::store::StoreNode;
use crate::http::client::Noticed;
use crate::http::sync_loop::HubConnection;
use crate::http::tls::certificate_end;
use crate::ledger::{CheckUp, FolderSeen, Ledger, built_at, look_at_folder};
use crate::sync::courier::status;

/// How long another program may take over its answer.
const OTHERS_TIME: Duration = Duration::from_secs(2);

pub(super) fn doctor(
    context: &Context,
    args: &DoctorArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let lines = looked_at(context, args);
    for line in &lines {
        if context.is_json {
            writeln!(out, "{}", serde_json::to_string(line)?)?;
            continue;
        }
        let what = format!("{}: {}", line.check.words(), line.what);
        let to_do = line.to_do.as_ref().map(|to_do| format!("  · {to_do}"));
        let words = format!(
            "{:<4}  {what}{}",
            line.mark.as_str(),
            to_do.unwrap_or_default()
        );
        writeln!(out, "{}", for_display(&words))?;
    }
    Ok(exit_code(&lines))
}

/// Everything, in the order in which it is told.
fn looked_at(context: &Context, args: &DoctorArgs) -> Vec<Line> {
    let now = now();
    let folder = look_at_folder(&context.data).map_err(|error| error.to_string());
    let shop = ShopSeen::of(context, now);
    let zone = shop.zone.clone().unwrap_or(TimeZone::UTC);
    let mut lines = configuration(context);
    lines.push(doctor::clock(&ClockSeen {
        now,
        zone: zone.clone(),
        built_at: built_at(),
        newest_entry: shop.newest_at(),
        hub_offset_ms: shop.clock_offset_ms,
        is_synchronised: is_synchronised(),
    }));
    let has_data = TimeZone::get("Europe/Berlin").is_ok();
    lines.push(doctor::time_zone(shop.zone.as_ref(), has_data, now));
    if context.database.is_none() {
        lines.push(match &folder {
            Ok(folder) => doctor::disk(&disk(folder)),
            Err(error) => Line::bad(
                Check::Disk,
                format!("{}: {error}", context.data.display()),
                "check the folder's name, and that this account may look into it",
            ),
        });
    }
    lines.extend(doctor::ledger(&shop.ledger));
    if let (None, Ok(folder)) = (&context.database, &folder) {
        lines.extend(doctor::files(&folder.files));
    }
    lines.extend(shop.migrations);
    match &shop.joined {
        Some(joined) => lines.extend(doctor::joined(joined, now, &zone)),
        None => lines.extend(doctor::stores(&shop.stores, now)),
    }
    if let Some(ends_at) = shop.noticed.certificate_ends_at {
        lines.push(doctor::certificate("the hub's", ends_at, now, &zone));
    }
    lines.extend(own_certificate(args, now, &zone));
    lines.extend(scanners(context));
    lines.extend(printers(context));
    lines.extend(terminal());
    lines
}

fn configuration(context: &Context) -> Vec<Line> {
    let bad = |fault: &Failure| Line::bad(Check::Configuration, &fault.message, &fault.hint);
    let mut lines: Vec<Line> = context.faults.iter().map(bad).collect();
    if let Err(fault) = template_of(&context.data) {
        lines.push(bad(&fault));
    }
    if lines.is_empty() {
        let file = context.data.join(FILE_NAME);
        let state = if file.exists() {
            "every key in it is known"
        } else {
            "not there; all is as by default"
        };
        lines.push(Line::ok(
            Check::Configuration,
            format!("{}: {state}", file.display()),
        ));
    }
    lines
}

/// What was seen of the ledger, and through it of the hub.
struct ShopSeen {
    ledger: LedgerSeen,
    zone: Option<TimeZone>,
    migrations: Option<Line>,
    joined: Option<Joined>,
    stores: Vec<StoreNode>,
    noticed: Noticed,
    clock_offset_ms: Option<i64>,
}

impl ShopSeen {
    fn of(context: &Context, now: Timestamp) -> ShopSeen {
        let mut seen = ShopSeen {
            ledger: LedgerSeen::None {
                place: context.data.display().to_string(),
            },
            zone: None,
            migrations: None,
            joined: None,
            stores: Vec::new(),
            noticed: Noticed::default(),
            clock_offset_ms: None,
        };
        let mut ledger = match context.open_reading() {
            Ok(ledger) => ledger,
            Err(failure) => {
                seen.fail(failure);
                return seen;
            }
        };
        if let Err(failure) = seen.look(context, &mut ledger, now) {
            seen.fail(failure);
        }
        seen
    }

    /// A fault is told where it belongs; that there is no ledger is none.
    fn fail(&mut self, failure: Failure) {
        match failure.code {
            "no_ledger" => {}
            "newer_ledger" => {
                self.migrations = Some(Line::bad(Check::Migrations, failure.message, failure.hint));
            }
            _ => {
                self.ledger = LedgerSeen::Fault {
                    message: failure.message,
                    hint: failure.hint,
                };
            }
        }
    }

    fn look(
        &mut self,
        context: &Context,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (applied, known) = ledger.migrations()?;
        self.migrations = Some(doctor::migrations(applied, known));
        let found: CheckUp = ledger.check_up()?;
        let place = ledger.place()?;
        self.zone = Some(place.zone);
        self.ledger = LedgerSeen::Open {
            store: place.store,
            found,
        };
        // An older ledger may lack what is asked for next.
        if applied == known {
            self.look_at_others(context, ledger, now)?;
        }
        Ok(())
    }

    fn look_at_others(
        &mut self,
        context: &Context,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<(), Failure> {
        self.stores = ledger.stores()?;
        let Some(link) = ledger.hub_link()? else {
            return Ok(());
        };
        let hub = HubConnection::of(&link, context.config.hub_ca.value.as_deref());
        let (reach, refused) = match hub.map(|mut hub| hub.knock()) {
            Ok(Ok(Ok(noticed))) => {
                self.noticed = noticed;
                (Reach::Online, None)
            }
            Ok(Ok(Err(why))) => (Reach::Online, Some(why)),
            Ok(Err(missed)) => (offline(now, missed.why()), None),
            Err(fault) => (offline(now, &fault.to_string()), None),
        };
        self.clock_offset_ms = Some(match self.noticed.clock {
            Some(hubs) => now.as_millisecond() - hubs.as_millisecond(),
            None => link.clock_offset_ms,
        });
        if let Some(mut status) = status(ledger, reach, &context.act()?)? {
            // The clock has a line of its own.
            status.clock_offset_ms = 0;
            self.joined = Some(Joined {
                url: link.url,
                status,
                refused,
            });
        }
        Ok(())
    }

    fn newest_at(&self) -> Option<Timestamp> {
        match &self.ledger {
            LedgerSeen::Open { found, .. } => Some(found.newest_at),
            LedgerSeen::None { .. } | LedgerSeen::Fault { .. } => None,
        }
    }
}

fn offline(now: Timestamp, why: &str) -> Reach {
    Reach::Offline {
        since_ms: now.as_millisecond(),
        why: why.to_owned(),
    }
}

/// Whether a time service keeps the clock; none: the system does not say.
fn is_synchronised() -> Option<bool> {
    // systemd-timesyncd(8): touched whenever it has set the clock.
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    let said = said_by(
        "timedatectl",
        &["show", "--property=NTPSynchronized", "--value"],
    )?;
    match said.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// What another program says, if it says it in time and all went well.
fn said_by(program: &'static str, arguments: &'static [&'static str]) -> Option<String> {
    let (tell, told) = channel();
    // One that hangs is left behind, and ends with us.
    std::thread::Builder::new()
        .name("asking".into())
        .spawn(move || {
            let output = Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output();
            drop(tell.send(output));
        })
        .ok()?;
    let output = told.recv_timeout(OTHERS_TIME).ok()?.ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(said)
}

fn disk(folder: &FolderSeen) -> DiskSeen {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let real = folder
        .folder
        .canonicalize()
        .unwrap_or_else(|_| folder.folder.clone());
    DiskSeen {
        folder: folder.folder.display().to_string(),
        kind: doctor::file_system_of(&mounts, &real),
        network: folder.network,
        free_bytes: folder.free_bytes,
        may_write: folder.may_write,
        has_ballast: folder.has_ballast,
    }
}

fn own_certificate(args: &DoctorArgs, now: Timestamp, zone: &TimeZone) -> Option<Line> {
    let file = &args.tls_cert;
    if !file.exists() {
        return None;
    }
    Some(match certificate_end(file) {
        Ok(ends_at) => doctor::certificate(&file.display().to_string(), ends_at, now, zone),
        Err(fault) => Line::look(Check::Certificate, fault.to_string(), fault.hint),
    })
}

fn node(path: &Path, name: Option<&str>) -> NodeSeen {
    NodeSeen {
        path: path.display().to_string(),
        name: name.map(str::to_owned),
        rights: rights_of(path, &account()),
    }
}

fn scanners(context: &Context) -> Vec<Line> {
    let configured = &context.config.ports.value;
    let found = serial::list();
    let is_of = |path: &Path, port: &serial::SerialPortFound| {
        path == port.stable_path || path.canonicalize().is_ok_and(|real| real == port.node)
    };
    let mut ports: Vec<SerialSeen> = configured
        .iter()
        .map(|path| {
            let port = found.iter().find(|port| is_of(path, port));
            SerialSeen {
                node: node(path, port.and_then(|port| port.product.as_deref())),
                is_configured: true,
            }
        })
        .collect();
    let others = found
        .iter()
        .filter(|port| !configured.iter().any(|path| is_of(path, port)));
    ports.extend(others.map(|port| SerialSeen {
        node: node(&port.stable_path, port.product.as_deref()),
        is_configured: false,
    }));
    let mut lines = doctor::serial(&ports);
    lines.extend(doctor::keyboards(&keyboards()));
    if let Some(path) = context.config.scanner.device() {
        lines.push(doctor::exclusive(&node(path, None)));
    }
    let asked_for = context.config.scanner.asked_for();
    lines.extend(
        asked_for
            .into_iter()
            .map(|words| Line::ok(Check::Scanner, words)),
    );
    lines
}

/// Keyboards by the names that udev gives them.
fn keyboards() -> KeyboardsSeen {
    let nodes = evdev::list();
    let account = account();
    KeyboardsSeen {
        count: nodes.len(),
        scanners: nodes
            .iter()
            .filter(|path| evdev::looks_like_a_scanner(path))
            .map(|path| path.display().to_string())
            .collect(),
        denied: nodes
            .iter()
            .filter_map(|path| rights_of(path, &account))
            .find(|rights| !rights.may_open),
    }
}

fn printers(context: &Context) -> Vec<Line> {
    let mut lines = Vec::new();
    match printer_of(&context.config) {
        Ok(None) => lines.push(doctor::printer(&PrinterSeen::None)),
        Ok(Some(printer)) => lines.push(doctor::printer(&PrinterSeen::Asked {
            to: printer.destination.to_string(),
            health: printer.health(),
        })),
        Err(fault) => lines.push(Line::bad(Check::Configuration, fault.message, fault.hint)),
    }
    for found in print::list() {
        let seen = node(&found.node, found.product.as_deref());
        let is_configured = context.config.printer.is_at(&found);
        lines.extend(doctor::usb_printer(&seen, is_configured));
    }
    lines
}

fn terminal() -> Vec<Line> {
    let variable = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let is_in_tmux = std::env::var_os("TMUX").is_some_and(|value| value != OsStr::new(""));
    let tmux_keys = is_in_tmux
        .then(|| said_by("tmux", &["list-keys", "-T", "root"]))
        .flatten();
    doctor::terminal(&TerminalSeen {
        size: size(),
        variable: &variable,
        tmux_keys: tmux_keys.as_deref(),
    })
}

/// Columns and rows of the terminal that this was started in, if it is one.
fn size() -> Option<(u16, u16)> {
    let of = |fd: rustix::fd::BorrowedFd<'_>| rustix::termios::tcgetwinsize(fd).ok();
    let size = of(rustix::stdio::stdout())
        .or_else(|| of(rustix::stdio::stderr()))
        .or_else(|| of(rustix::stdio::stdin()))?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}
