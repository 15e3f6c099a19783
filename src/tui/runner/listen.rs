//! The threads that listen: to the terminal, to scanners, to signals. Each tells the UI what it hears.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;

use rustix::fd::OwnedFd;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::devices::scan::evdev::ExclusiveScanner;
use crate::devices::scan::serial::{ScannerHealth, SerialConfig, SerialReport, SerialScanner};
use crate::devices::scan::tty::{TtyReader, TtyReport};
use crate::tui::msg::{Msg, Source};
use crate::tui::runner::Happening;
use crate::tui::runner::alarm::Alarm;

pub(super) fn read_terminal(
    terminal: OwnedFd,
    tell: SyncSender<Happening>,
) -> io::Result<TtyReader> {
    let alarm = Alarm::new(tell);
    TtyReader::spawn(terminal, move |report| {
        let happening = match report {
            TtyReport::Read { inputs, pending } => Happening::Told(Msg::Input {
                source: Source::Keyboard,
                inputs,
                pending,
            }),
            TtyReport::Ended(_) => Happening::Ended,
        };
        alarm.tell().send(happening).is_ok()
    })
}

/// A scanner on a line of its own, and what its scans are said to come from.
pub(super) struct NamedScanner {
    pub(super) name: String,
    scanner: SerialScanner,
}

impl NamedScanner {
    pub(super) fn answer(&self, bytes: &'static [u8]) {
        self.scanner.answer(bytes);
    }

    pub(super) fn stop(self) {
        self.scanner.stop();
    }
}

pub(super) fn read_scanner(
    config: SerialConfig,
    tell: SyncSender<Happening>,
) -> io::Result<NamedScanner> {
    let name = name_of(&config.path);
    let scanner = SerialScanner::spawn(config, telling(name.clone(), tell))?;
    Ok(NamedScanner { name, scanner })
}

/// A scanner that types, taken from the terminal.
pub(super) fn read_exclusively(
    path: PathBuf,
    tell: SyncSender<Happening>,
) -> io::Result<ExclusiveScanner> {
    let name = name_of(&path);
    ExclusiveScanner::spawn(path, telling(name, tell))
}

fn name_of(path: &Path) -> String {
    let path = path.display().to_string();
    path.rsplit('/').next().unwrap_or(&path).to_owned()
}

fn telling(name: String, tell: SyncSender<Happening>) -> impl FnMut(SerialReport) -> bool + Send {
    let alarm = Alarm::new(tell);
    move |report| {
        let msg = match report {
            SerialReport::Inputs(inputs) => Msg::Input {
                source: Source::Scanner(name.clone()),
                inputs,
                pending: String::new(),
            },
            SerialReport::Health(health) => Msg::ScannerHealth {
                name: name.clone(),
                words: health_words(&health),
                is_well: matches!(health, ScannerHealth::Ready { .. }),
            },
        };
        alarm.tell().send(Happening::Told(msg)).is_ok()
    }
}

fn health_words(health: &ScannerHealth) -> String {
    match health {
        ScannerHealth::Opening => "opening".to_owned(),
        ScannerHealth::Ready { product } => product.clone().unwrap_or_else(|| "ready".to_owned()),
        ScannerHealth::Missing => "not plugged in".to_owned(),
        ScannerHealth::NoPermission { group } => {
            format!("no permission: add this account to the group {group}")
        }
        ScannerHealth::HeldByAnother => "held by another program".to_owned(),
        ScannerHealth::Failed(words) => words.clone(),
    }
}

/// SIGTERM, SIGHUP and SIGINT leave the console as a person would: the act at hand is finished.
///
/// A second SIGTERM or SIGINT ends it at once, in case its terminal takes nothing any more. Not so
/// SIGHUP, which comes twice where a window is closed.
pub(super) fn wait_for_signals(tell: SyncSender<Happening>) -> io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        let is_second = Arc::new(AtomicBool::new(false));
        // In this order: the first signal must not find what it sets itself.
        signal_hook::flag::register_conditional_shutdown(
            signal,
            128 + signal,
            Arc::clone(&is_second),
        )?;
        signal_hook::flag::register(signal, is_second)?;
    }
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                // Nobody listening means that the console has ended already.
                tell.send(Happening::Ended).unwrap_or_default();
            }
        })?;
    Ok(())
}
