//! Runs the console: its threads, its terminal, and the desk behind it.
//!
//! The UI thread owns the model and the terminal and blocks on one channel. The desk thread owns the
//! ledger. One thread reads the terminal, one each serial scanner, one waits for signals. Here, and
//! in `cli/`, the clock is read.

mod desk_thread;
mod screen;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::desk::Moment;
use crate::devices::scan::serial::{ScannerHealth, SerialConfig, SerialReport, SerialScanner};
use crate::devices::scan::tty::{self, RawMode, TtyReader, TtyReport};
use crate::tui::model::{Model, Options};
use crate::tui::msg::{Effect, Msg, Source};
use crate::tui::runner::desk_thread::{DeskOrder, Order};
use crate::tui::runner::screen::Screen;

pub use crate::tui::runner::screen::restore_on_panic;

/// What a console is started with.
pub struct ConsoleOrder {
    /// The folder of the ledger.
    pub folder: PathBuf,
    /// Whether a shop may be set up there, where there is no ledger yet.
    pub may_set_up: bool,
    /// The counter's name.
    pub counter: String,
    /// Hosts whose web links may hold our codes.
    pub allowed_hosts: Vec<String>,
    /// Serial scanners to open.
    pub scanners: Vec<SerialConfig>,
    /// Whether the terminal's bell is rung.
    pub rings_bell: bool,
    /// The time zone to suggest at set-up.
    pub zone: String,
    /// How it looks, and the training mode.
    pub options: Options,
}

/// How a console ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleEnd {
    /// Somebody left it.
    Left,
    /// The ledger could not be opened: what failed, and what to do.
    NoLedger {
        /// What failed.
        words: String,
        /// What to do.
        hint: String,
    },
}

/// What reaches the UI thread.
pub(super) enum Happening {
    Told(Msg),
    /// The desk could not open the ledger.
    NoLedger {
        words: String,
        hint: String,
    },
    /// The terminal is gone, or a signal asked us to end.
    Ended,
}

/// Batches of input, and answers, that may wait for the UI thread.
const HAPPENINGS_MAX: usize = 1024;

/// Orders that may wait in the desk's channel; more wait with the UI thread, in order.
const ORDERS_MAX: usize = 64;

/// Bells of one verdict are so far apart that they are told apart.
const BELL_APART: Duration = Duration::from_millis(150);

/// The screen is drawn at most so often while much happens.
const DRAWN_APART: Duration = Duration::from_millis(15);

/// Time is told to the model so often.
const TICK: Duration = Duration::from_millis(250);

/// Reads both clocks.
struct Clock {
    start: Instant,
}

impl Clock {
    fn new() -> Clock {
        #[expect(clippy::disallowed_methods, reason = "the runner reads the clock")]
        Clock {
            start: Instant::now(),
        }
    }

    fn moment(&self) -> Moment {
        #[expect(clippy::disallowed_methods, reason = "the runner reads the clock")]
        Moment {
            now: Timestamp::now(),
            elapsed: self.start.elapsed(),
        }
    }
}

/// Runs the console on this terminal until it is left.
pub fn run(order: ConsoleOrder) -> io::Result<ConsoleEnd> {
    let clock = Clock::new();
    let terminal = tty::open()?;
    let raw_mode = RawMode::enter(&terminal)?;
    let mut screen = Screen::enter()?;
    let (columns, rows) = Screen::size();
    let mut model = Model::new(Options {
        columns,
        rows,
        now: clock.moment().now,
        ..order.options
    });
    // Drawn before the ledger is open.
    screen.draw(&model)?;

    let (tell, told) = sync_channel::<Happening>(HAPPENINGS_MAX);
    let (place_order, orders) = sync_channel::<Order>(ORDERS_MAX);
    let desk = desk_thread::spawn(
        DeskOrder {
            folder: order.folder,
            may_set_up: order.may_set_up,
            counter: order.counter,
            allowed_hosts: order.allowed_hosts,
            zone: order.zone,
            opened_at: clock.moment(),
        },
        orders,
        tell.clone(),
    )?;
    let reader = read_terminal(terminal, tell.clone())?;
    let scanners = order
        .scanners
        .into_iter()
        .map(|config| read_scanner(config, tell.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    wait_for_signals(tell)?;

    let end = Ui {
        clock,
        model: &mut model,
        screen: &mut screen,
        told: &told,
        place_order: &place_order,
        waiting: VecDeque::new(),
        bells_left: 0,
        bell_at: Duration::ZERO,
        rings_bell: order.rings_bell,
    }
    .run();

    // Whoever still wants to tell something finds nobody listening, and ends.
    drop(told);
    drop(place_order);
    reader.stop();
    for scanner in scanners {
        scanner.stop();
    }
    // The desk finishes the act it is at: what was ordered before is done or never begun.
    drop(desk.join());
    drop(screen);
    drop(raw_mode);
    end
}

struct Ui<'u> {
    clock: Clock,
    model: &'u mut Model,
    screen: &'u mut Screen,
    told: &'u Receiver<Happening>,
    place_order: &'u SyncSender<Order>,
    waiting: VecDeque<Order>,
    bells_left: u8,
    bell_at: Duration,
    rings_bell: bool,
}

impl Ui<'_> {
    fn run(mut self) -> io::Result<ConsoleEnd> {
        let mut ticked_at = Duration::ZERO;
        loop {
            let drawn_at = self.clock.moment().elapsed;
            self.screen.draw(self.model)?;
            let effects = self.model.drawn();
            if self.carry_out(effects) {
                return Ok(ConsoleEnd::Left);
            }
            // Waits for something, then takes all there is, but draws again before long.
            let mut wait = self.next_wait(ticked_at);
            loop {
                match self.told.recv_timeout(wait) {
                    Ok(Happening::Told(msg)) => {
                        let effects = self.model.update(msg);
                        if self.carry_out(effects) {
                            return Ok(ConsoleEnd::Left);
                        }
                    }
                    Ok(Happening::NoLedger { words, hint }) => {
                        return Ok(ConsoleEnd::NoLedger { words, hint });
                    }
                    Ok(Happening::Ended) | Err(RecvTimeoutError::Disconnected) => {
                        return Ok(ConsoleEnd::Left);
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                }
                self.send_waiting();
                let spent = self.clock.moment().elapsed.saturating_sub(drawn_at);
                wait = DRAWN_APART
                    .saturating_sub(spent)
                    .min(Duration::from_millis(1));
                if spent >= DRAWN_APART {
                    break;
                }
            }
            self.send_waiting();
            self.ring()?;
            let moment = self.clock.moment();
            if moment.elapsed.saturating_sub(ticked_at) >= TICK {
                ticked_at = moment.elapsed;
                self.tick(moment);
            }
        }
    }

    fn tick(&mut self, moment: Moment) {
        let (columns, rows) = Screen::size();
        // Neither message orders anything.
        drop(self.model.update(Msg::Resized { columns, rows }));
        drop(self.model.update(Msg::Ticked { now: moment.now }));
    }

    fn next_wait(&self, ticked_at: Duration) -> Duration {
        let elapsed = self.clock.moment().elapsed;
        let until_tick = (ticked_at + TICK).saturating_sub(elapsed);
        let until_bell = if self.bells_left > 0 {
            self.bell_at.saturating_sub(elapsed)
        } else {
            TICK
        };
        let until_order = if self.waiting.is_empty() {
            TICK
        } else {
            Duration::from_millis(5)
        };
        until_tick.min(until_bell).min(until_order)
    }

    /// Carries out what the model ordered; true where the console is to end.
    fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        for effect in effects {
            match effect {
                Effect::Quit => return true,
                Effect::Bell { times } => {
                    if self.rings_bell {
                        self.bells_left = times;
                        self.bell_at = self.clock.moment().elapsed;
                    }
                }
                effect @ (Effect::Scan { .. }
                | Effect::Redeem { .. }
                | Effect::SignIn { .. }
                | Effect::SignOut
                | Effect::SetUp { .. }
                | Effect::ListUndo
                | Effect::Undo { .. }
                | Effect::MarkShown { .. }) => self.waiting.push_back(Order {
                    effect,
                    moment: self.clock.moment(),
                }),
            }
        }
        self.send_waiting();
        false
    }

    /// Hands orders to the desk without ever waiting for it: it may be waiting to be heard.
    fn send_waiting(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            match self.place_order.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => {
                    self.waiting.push_front(order);
                    return;
                }
                // The desk is gone: it has said why.
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }

    fn ring(&mut self) -> io::Result<()> {
        let elapsed = self.clock.moment().elapsed;
        if self.bells_left > 0 && elapsed >= self.bell_at {
            self.screen.ring()?;
            self.bells_left -= 1;
            self.bell_at = elapsed + BELL_APART;
        }
        Ok(())
    }
}

fn read_terminal(
    terminal: rustix::fd::OwnedFd,
    tell: SyncSender<Happening>,
) -> io::Result<TtyReader> {
    TtyReader::spawn(terminal, move |report| {
        let happening = match report {
            TtyReport::Read { inputs, pending } => Happening::Told(Msg::Input {
                source: Source::Keyboard,
                inputs,
                pending,
            }),
            TtyReport::Ended(_) => Happening::Ended,
        };
        tell.send(happening).is_ok()
    })
}

fn read_scanner(config: SerialConfig, tell: SyncSender<Happening>) -> io::Result<SerialScanner> {
    let path = config.path.display().to_string();
    let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
    SerialScanner::spawn(config, move |report| {
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
        tell.send(Happening::Told(msg)).is_ok()
    })
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
fn wait_for_signals(tell: SyncSender<Happening>) -> io::Result<()> {
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
