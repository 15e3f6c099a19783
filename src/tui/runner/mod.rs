//! Runs the console: its threads, its terminal, and the desk behind it.
//!
//! The UI thread owns the model and the terminal and blocks on one channel. The desk thread owns the
//! ledger, and asks the hub nothing itself: askers do, and two threads keep in touch with it. One
//! thread reads the terminal, one each serial scanner, one waits for signals; one does long work on a
//! connection of its own. Here, and in `cli/`, the clock is read.

mod acknowledging;
mod alarm;
mod asker;
mod back_orders;
mod campaign_orders;
mod conflict_orders;
mod day_orders;
mod desk_thread;
mod find_orders;
mod listen;
mod log_orders;
mod operator_orders;
mod orders;
mod pool_orders;
mod printer_thread;
mod rights;
mod screen;
mod sign_up_orders;
mod work_orders;
mod work_thread;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::desk::Moment;
use crate::desk::pool_watch::TellOutside;
use crate::desk::preflight::News;
use crate::devices::scan::evdev::ExclusiveScanner;
use crate::devices::scan::serial::{Acknowledge, ScanAnswer, SerialConfig};
use crate::devices::scan::tty::{self, RawMode};
use crate::domain::contact::PhoneRegion;
use crate::domain::gs1::Gs1Rules;
use crate::domain::hub_status::{HubStatus, Reach};
use crate::domain::ids::CampaignId;
use crate::tui::model::{Model, Options};
use crate::tui::msg::{Effect, Msg};
use crate::tui::runner::acknowledging::{Owed, scans_of, told_by};
use crate::tui::runner::alarm::listen_for_panics;
use crate::tui::runner::asker::HeardOf;
use crate::tui::runner::desk_thread::{DeskOrder, Order, Work};
use crate::tui::runner::listen::{
    NamedScanner, read_exclusively, read_scanner, read_terminal, wait_for_signals,
};
use crate::tui::runner::printer_thread::PrinterQueue;
pub use crate::tui::runner::printer_thread::{Printer, PrinterAnswer, PrinterOrder};
use crate::tui::runner::screen::Screen;

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
    /// Where codes are taken from in GS1 texts; none: nowhere.
    pub gs1: Option<Gs1Rules>,
    /// Who vouches for the hub, in the place of what the ledger says.
    pub hub_ca: Option<PathBuf>,
    /// Of which country phone numbers are that come without one.
    pub phone_region: Option<PhoneRegion>,
    /// Tells somebody outside of low pools; none: nobody.
    pub tell_outside: Option<TellOutside>,
    /// Serial scanners to open.
    pub scanners: Vec<SerialConfig>,
    /// How serial scanners are told the verdict; none: they are not.
    pub acknowledge: Option<Acknowledge>,
    /// A scanner that types, to be taken for the console alone.
    pub exclusive: Option<PathBuf>,
    /// The printer of slips, if there is one.
    pub printer: Option<Printer>,
    /// Whether the terminal's bell is rung.
    pub rings_bell: bool,
    /// Bits per second of a scanner that is chosen at set-up.
    pub baud: u32,
    /// The time zone to suggest at set-up.
    pub zone: String,
    /// Keeps what was chosen at set-up for the next start; an error is said in its words.
    pub remember: Remember,
    /// Where a file is looked for first.
    pub home: PathBuf,
    /// Plays a preflight.
    pub rehearse: Rehearse,
    /// How it looks, and the training mode.
    pub options: Options,
}

/// What set-up settles for this machine, beside what the ledger holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The counter's name, where it is not the one suggested.
    pub counter: Option<String>,
    /// The serial scanner.
    pub scanner: Option<PathBuf>,
}

/// Keeps what was chosen at set-up for the next start.
pub type Remember = Box<dyn FnMut(&Chosen) -> Result<(), String> + Send>;

/// Plays a campaign, for an audience, on a copy of the ledger; tells each step, until it is answered false.
/// What could not be done is said in words, with what to do.
pub type Rehearse = Arc<
    dyn Fn(&CampaignId, Option<u64>, &mut dyn FnMut(News) -> bool) -> Result<(), String>
        + Send
        + Sync,
>;

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
    /// A bug ended it.
    Broken {
        /// What is known of the bug.
        words: String,
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
    /// Set-up has chosen this scanner.
    ScannerChosen(PathBuf),
    /// An asker has something to say, which is for the desk.
    Heard(HeardOf),
    /// How this store stands with its hub.
    HubTold(Box<HubStatus>),
    /// The desk has done so many orders, and has told what there was to tell.
    Done(usize),
    /// The terminal is gone, or a signal asked us to end.
    Ended,
    /// A thread has died of a bug.
    Broken,
}

/// Batches of input, and answers, that may wait for the UI thread.
const HAPPENINGS_MAX: usize = 1024;

/// Orders that may wait in the desk's channel; more wait with the UI thread, in order.
const ORDERS_MAX: usize = 64;

/// Bells of one verdict are so far apart that they are told apart.
const BELL_APART: Duration = Duration::from_millis(150);

/// The screen is drawn at most so often while much happens.
const DRAWN_APART: Duration = Duration::from_millis(15);

/// What comes within so short a time is drawn together.
const GATHERED: Duration = Duration::from_millis(1);

/// Time is told to the model so often.
const TICK: Duration = Duration::from_millis(250);

/// An order that takes the desk longer is said to wait for the ledger.
const SLOW: Duration = Duration::from_millis(700);

/// On leaving, the act at hand is awaited for so long. One that is cut off later is whole in the
/// ledger or not there at all.
const LAST_ACT: Duration = Duration::from_secs(5);

/// Reads both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    fn new() -> Clock {
        #[expect(clippy::disallowed_methods, reason = "the runner reads the clock")]
        Clock {
            start: Instant::now(),
        }
    }

    pub(super) fn moment(self) -> Moment {
        #[expect(clippy::disallowed_methods, reason = "the runner reads the clock")]
        Moment {
            now: Timestamp::now(),
            elapsed: self.start.elapsed(),
        }
    }
}

/// The wall clock, for threads that read it themselves.
fn wall_clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the runner reads the clock")]
    Timestamp::now()
}

/// Runs the console on this terminal until it is left.
pub fn run(order: ConsoleOrder) -> io::Result<ConsoleEnd> {
    listen_for_panics(|| run_on_terminal(order))
        .unwrap_or_else(|words| Ok(ConsoleEnd::Broken { words }))
}

fn run_on_terminal(order: ConsoleOrder) -> io::Result<ConsoleEnd> {
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
    screen.draw(&model, (columns, rows))?;

    let (tell, told) = sync_channel::<Happening>(HAPPENINGS_MAX);
    let (place_order, orders) = sync_channel::<Order>(ORDERS_MAX);
    let desk = desk_thread::spawn(
        DeskOrder {
            folder: order.folder,
            may_set_up: order.may_set_up,
            counter: order.counter,
            allowed_hosts: order.allowed_hosts,
            gs1: order.gs1,
            hub_ca: order.hub_ca,
            phone_region: order.phone_region,
            tell_outside: order.tell_outside,
            zone: order.zone,
            scanners_in_use: paths_of(&order.scanners),
            remember: order.remember,
            home: order.home,
            rehearse: order.rehearse,
            clock,
        },
        orders,
        tell.clone(),
    )?;
    let reader = read_terminal(terminal, tell.clone())?;
    let (mut scanners, exclusive) = read_scanners(order.scanners, order.exclusive, &tell)?;
    wait_for_signals(tell.clone())?;

    let printer = PrinterQueue::new(order.printer, tell.clone())?;

    let end = Ui {
        clock,
        model: &mut model,
        size: (columns, rows),
        screen: &mut screen,
        told: &told,
        tell,
        scanners: &mut scanners,
        acknowledge: order.acknowledge,
        owed: Owed::default(),
        printer,
        baud: order.baud,
        place_order: &place_order,
        desk: DeskWatch::default(),
        waiting: VecDeque::new(),
        bells_left: 0,
        bell_at: Duration::ZERO,
        rung_at: Duration::ZERO,
        rings_bell: order.rings_bell,
    }
    .run();

    // Whoever still wants to tell something finds nobody listening, and ends.
    drop(told);
    drop(place_order);
    reader.stop();
    stop_scanners(scanners, exclusive);
    wait_for_desk(desk);
    drop(screen);
    drop(raw_mode);
    end
}

fn read_scanners(
    scanners: Vec<SerialConfig>,
    exclusive: Option<PathBuf>,
    tell: &SyncSender<Happening>,
) -> io::Result<(Vec<NamedScanner>, Option<ExclusiveScanner>)> {
    let scanners = scanners
        .into_iter()
        .map(|config| read_scanner(config, tell.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    let exclusive = exclusive
        .map(|path| read_exclusively(path, tell.clone()))
        .transpose()?;
    Ok((scanners, exclusive))
}

fn stop_scanners(scanners: Vec<NamedScanner>, exclusive: Option<ExclusiveScanner>) {
    for scanner in scanners {
        scanner.stop();
    }
    if let Some(scanner) = exclusive {
        scanner.stop();
    }
}

fn paths_of(scanners: &[SerialConfig]) -> Vec<PathBuf> {
    let paths = scanners.iter().map(|config| config.path.clone());
    paths.collect()
}

/// The desk finishes the act it is at: what was ordered before is done or never begun.
fn wait_for_desk(desk: JoinHandle<()>) {
    let (ending, ended) = sync_channel::<()>(0);
    let waits = std::thread::Builder::new()
        .name("last act".to_owned())
        .spawn(move || {
            // A panic of the desk has been told of.
            desk.join().unwrap_or_default();
            drop(ending);
        });
    if waits.is_ok() {
        // Its end is the channel's; the ledger's lock may be held by a process that stands still.
        ended.recv_timeout(LAST_ACT).unwrap_or_default();
    }
}

/// Whether the desk gets on with its orders.
#[derive(Debug, Default)]
struct DeskWatch {
    orders: usize,
    /// When it was given something to do, or did something.
    moved_at: Duration,
    is_slow: bool,
}

impl DeskWatch {
    fn ordered(&mut self, elapsed: Duration) {
        if self.orders == 0 {
            self.moved_at = elapsed;
        }
        self.orders = self.orders.saturating_add(1);
    }

    fn done(&mut self, count: usize, elapsed: Duration) {
        self.orders = self.orders.saturating_sub(count);
        self.moved_at = elapsed;
        self.is_slow = false;
    }

    /// Whether it has just become slow.
    fn becomes_slow(&mut self, elapsed: Duration) -> bool {
        let is_slow = self.orders > 0 && elapsed.saturating_sub(self.moved_at) >= SLOW;
        is_slow && !std::mem::replace(&mut self.is_slow, is_slow)
    }
}

struct Ui<'u> {
    clock: Clock,
    model: &'u mut Model,
    size: (u16, u16),
    screen: &'u mut Screen,
    told: &'u Receiver<Happening>,
    tell: SyncSender<Happening>,
    scanners: &'u mut Vec<NamedScanner>,
    acknowledge: Option<Acknowledge>,
    owed: Owed,
    printer: PrinterQueue,
    baud: u32,
    place_order: &'u SyncSender<Order>,
    desk: DeskWatch,
    waiting: VecDeque<Order>,
    bells_left: u8,
    bell_at: Duration,
    rung_at: Duration,
    rings_bell: bool,
}

impl Ui<'_> {
    fn run(mut self) -> io::Result<ConsoleEnd> {
        let mut ticked_at = Duration::ZERO;
        loop {
            let drawn_at = self.clock.moment().elapsed;
            self.draw()?;
            let effects = self.model.drawn();
            if self.carry_out(effects) {
                return Ok(ConsoleEnd::Left);
            }
            // Waits for something, then takes all there is, but draws again before long.
            let mut wait = self.next_wait(ticked_at);
            loop {
                match self.told.recv_timeout(wait) {
                    Ok(happening) => {
                        if let Some(end) = self.take_in(happening) {
                            return Ok(end);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return Ok(ConsoleEnd::Left),
                    Err(RecvTimeoutError::Timeout) => break,
                }
                let spent = self.clock.moment().elapsed.saturating_sub(drawn_at);
                if spent >= DRAWN_APART {
                    break;
                }
                wait = DRAWN_APART.saturating_sub(spent).min(GATHERED);
            }
            self.ring()?;
            let moment = self.clock.moment();
            if moment.elapsed.saturating_sub(ticked_at) >= TICK {
                ticked_at = moment.elapsed;
                if self.tick(moment) {
                    return Ok(ConsoleEnd::Left);
                }
            }
        }
    }

    /// Makes of a happening what there is to make of it; some where the console is to end.
    fn take_in(&mut self, happening: Happening) -> Option<ConsoleEnd> {
        match happening {
            Happening::Told(msg) => {
                let effects = self.update(msg);
                self.carry_out(effects).then_some(ConsoleEnd::Left)
            }
            Happening::Heard(heard) => {
                self.give_desk(Work::Heard(heard));
                self.send_waiting();
                None
            }
            Happening::HubTold(status) => {
                // The desk goes by what the status line says.
                let is_in_reach = !matches!(status.reach, Reach::Offline { .. });
                let msg = Msg::HubTold(Some(status));
                let effects = self.model.update(msg);
                self.give_desk(Work::HubIs { is_in_reach });
                self.carry_out(effects).then_some(ConsoleEnd::Left)
            }
            Happening::Done(count) => {
                self.desk.done(count, self.clock.moment().elapsed);
                self.send_waiting();
                None
            }
            Happening::ScannerChosen(path) => {
                let config = SerialConfig {
                    path,
                    baud: self.baud,
                    is_answered: self.acknowledge.is_some(),
                };
                // A system that has no room for a thread is told of by the next start at the latest.
                self.scanners
                    .extend(read_scanner(config, self.tell.clone()));
                None
            }
            Happening::NoLedger { words, hint } => Some(ConsoleEnd::NoLedger { words, hint }),
            Happening::Ended => Some(ConsoleEnd::Left),
            Happening::Broken => Some(ConsoleEnd::Broken {
                words: "a part of the console has ended".to_owned(),
            }),
        }
    }

    /// Tells the model, and the scanners where they are to beep what came of their scans.
    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let Some(acknowledge) = self.acknowledge else {
            return self.model.update(msg);
        };
        let scans = scans_of(&msg);
        let told = told_by(&msg);
        let effects = self.model.update(msg);
        if let Some((number, answer)) = told
            && let Some(name) = self.owed.settle(number)
        {
            self.tell_scanner(&name, acknowledge.bytes(answer));
        }
        if let Some(scans) = scans {
            for _ in 0..self.owed.note(&scans, &effects) {
                self.tell_scanner(&scans.0, acknowledge.bytes(ScanAnswer::Taken));
            }
        }
        effects
    }

    fn tell_scanner(&self, name: &str, bytes: &'static [u8]) {
        if let Some(scanner) = self.scanners.iter().find(|scanner| scanner.name == name) {
            scanner.answer(bytes);
        }
    }

    /// Draws at the size that the terminal has now, of which the model is told first.
    fn draw(&mut self) -> io::Result<()> {
        let size = Screen::size();
        if size != self.size {
            self.size = size;
            let (columns, rows) = size;
            // Orders nothing.
            drop(self.model.update(Msg::Resized { columns, rows }));
        }
        self.screen.draw(self.model, size)
    }

    /// True where the console is to end.
    fn tick(&mut self, moment: Moment) -> bool {
        let effects = self.model.update(Msg::Ticked { now: moment.now });
        if self.desk.becomes_slow(moment.elapsed) {
            // Orders nothing.
            drop(self.model.update(Msg::LedgerSlow));
        }
        self.carry_out(effects)
    }

    fn next_wait(&self, ticked_at: Duration) -> Duration {
        let elapsed = self.clock.moment().elapsed;
        let until_tick = (ticked_at + TICK).saturating_sub(elapsed);
        if self.bells_left > 0 {
            until_tick.min(self.bell_at.saturating_sub(elapsed))
        } else {
            until_tick
        }
    }

    /// Carries out what the model ordered; true where the console is to end.
    fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Quit => return true,
                Effect::Bell { times } => {
                    if self.rings_bell {
                        self.bells_left = times;
                        // After what may have rung for another verdict, a pause.
                        let elapsed = self.clock.moment().elapsed;
                        self.bell_at = elapsed.max(self.rung_at + BELL_APART * 2);
                    }
                }
                Effect::Print(job) => {
                    if let Some(msg) = self.printer.print(job) {
                        effects.extend(self.model.update(msg));
                    }
                }
                Effect::PrintDay(report) => {
                    if let Some(msg) = self.printer.print_day(report) {
                        effects.extend(self.model.update(msg));
                    }
                }
                effect @ (Effect::Scan { .. }
                | Effect::Redeem { .. }
                | Effect::SignIn { .. }
                | Effect::SignOut
                | Effect::SetUp(_)
                | Effect::ListUndo
                | Effect::Undo { .. }
                | Effect::GiveUp { .. }
                | Effect::ReadSignUpRoom
                | Effect::LookFor { .. }
                | Effect::SignUp(_)
                | Effect::ListGivenOut
                | Effect::Cancel { .. }
                | Effect::ListSlips
                | Effect::Reprint { .. }
                | Effect::NoteSlip { .. }
                | Effect::SettleSlip { .. }
                | Effect::Find { .. }
                | Effect::Back(_)
                | Effect::MarkShown { .. }) => {
                    self.give_desk(Work::Effect(effect));
                }
            }
        }
        self.send_waiting();
        false
    }

    fn give_desk(&mut self, work: Work) {
        let moment = self.clock.moment();
        self.desk.ordered(moment.elapsed);
        self.waiting.push_back(Order { work, moment });
    }

    /// Hands orders to the desk without ever waiting for it: it may be waiting to be heard. What it
    /// has no room for follows when it has done one.
    fn send_waiting(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            match self.place_order.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => {
                    self.waiting.push_front(order);
                    return;
                }
                // The desk is gone: it has said why, or its alarm has.
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }

    fn ring(&mut self) -> io::Result<()> {
        let elapsed = self.clock.moment().elapsed;
        if self.bells_left > 0 && elapsed >= self.bell_at {
            self.screen.ring()?;
            self.bells_left -= 1;
            self.rung_at = elapsed;
            self.bell_at = elapsed + BELL_APART;
        }
        Ok(())
    }
}
