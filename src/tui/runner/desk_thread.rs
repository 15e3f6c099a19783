//! The desk thread: owns the ledger, carries out orders one by one, answers each.
//!
//! It never waits for paper or for the network. Now and then it looks whether other counters have
//! written, and in idle moments it tidies up; what fails there is nobody's failed act.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::desk::pool_watch::{POOLS_COUNTER, PoolWatch, TellOutside, WatchSetup};
use crate::desk::{ASK_DEADLINE, Desk, Miss, Moment, act};
use crate::devices::scan::serial::{self, SerialPortFound};
use crate::domain::conflict::Conflict;
use crate::domain::contact::PhoneRegion;
use crate::domain::gs1::Gs1Rules;
use crate::domain::guessing::Guessing;
use crate::domain::log::UNKNOWN;
use crate::domain::operator::Operator;
use crate::domain::pool::LowPool;
use crate::domain::wire;
use crate::http::sync_loop::{SyncLoop, SyncSetup};
use crate::ledger::{Ledger, LedgerError};
use crate::tui::msg::{Effect, Msg, NewShop, WhyNotJudged};
use crate::tui::runner::alarm::Alarm;
use crate::tui::runner::asker::{Askers, Asking, HeardOf};
use crate::tui::runner::orders::{
    self, Answered, Asked, answer, counts_of, describe, found_shop, number_of,
};
use crate::tui::runner::rights::may_order;
use crate::tui::runner::work_orders::WorkJob;
use crate::tui::runner::work_thread::{Tools, Worker};
use crate::tui::runner::{Chosen, Clock, Happening, Rehearse, Remember, wall_clock};

/// What the desk is opened with.
pub(super) struct DeskOrder {
    pub(super) folder: PathBuf,
    pub(super) may_set_up: bool,
    pub(super) counter: String,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) gs1: Option<Gs1Rules>,
    pub(super) hub_ca: Option<PathBuf>,
    pub(super) phone_region: Option<PhoneRegion>,
    pub(super) tell_outside: Option<TellOutside>,
    pub(super) zone: String,
    pub(super) scanners_in_use: Vec<PathBuf>,
    pub(super) remember: Remember,
    pub(super) home: PathBuf,
    pub(super) rehearse: Rehearse,
    pub(super) clock: Clock,
}

/// One order, with the moment it was given: a scan counts from when it was read.
pub(super) struct Order {
    pub(super) work: Work,
    pub(super) moment: Moment,
}

/// What an order is.
pub(super) enum Work {
    /// Of the model.
    Effect(Effect),
    /// An asker has come back.
    Heard(HeardOf),
    /// Whether the hub can be asked.
    HubIs { is_in_reach: bool },
}

/// How long the desk waits for an order before it looks around.
const IDLE: Duration = Duration::from_millis(500);

/// After an act of its own it looks around so soon, unless the next order comes before.
const SOON: Duration = Duration::from_millis(20);

/// Under load it looks around so often, between two orders.
const LOOKED_APART: Duration = Duration::from_secs(1);

/// Figures change with the hour and the day, also where nobody writes.
const FIGURES_KEPT: Duration = Duration::from_mins(1);

/// Idle moments are used to tidy up so often; at each, where there is more to do.
const TIDIED_APART: Duration = Duration::from_secs(5);

/// A wall clock that has moved so much more or less than time went by was set.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// A disk with less room than this is named on the status line.
const DISK_LOW_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn spawn(
    order: DeskOrder,
    orders: Receiver<Order>,
    tell: SyncSender<Happening>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("desk".to_owned())
        .spawn(move || {
            let alarm = Alarm::new(tell);
            DeskThread::new(order, alarm.tell().clone()).run(&orders);
        })
}

struct DeskThread {
    order: DeskOrder,
    tell: SyncSender<Happening>,
    desk: Option<Desk>,
    seen: Option<Seen>,
    tidied_at: Duration,
    /// What may be chosen at set-up.
    scanners: Vec<SerialPortFound>,
    /// Whether tidying has left something to do.
    has_untidy: bool,
    hub: Option<Hub>,
    /// The conflicts that were told of as open.
    open_conflicts: Vec<Conflict>,
    /// The pools that were told of as low.
    low_pools: Vec<LowPool>,
    /// Has them warned of, on a thread of its own.
    watch: Option<PoolWatch>,
    /// Who may sign in, as it was told.
    operators: Vec<Operator>,
    /// The counters that were told of as guessing.
    guessing: Vec<Guessing>,
    /// Answers to unknown codes that come later, and when: whatever else is asked meanwhile is answered
    /// at once.
    slowed: VecDeque<(Duration, Msg)>,
    /// Imports, generations and preflights, on a thread of its own.
    worker: Worker,
}

/// A store's hub: who keeps in touch with it, and what it is asked.
struct Hub {
    in_touch: SyncLoop,
    askers: Askers,
    is_in_reach: bool,
    /// Asked, and not come back.
    asked: Vec<(u64, Asked)>,
    next_number: u64,
}

/// What was told of the figures and the machine, and when.
#[derive(Debug, Clone)]
struct Seen {
    moment: Moment,
    /// Changes with what others write; none: we have written since.
    version: Option<i64>,
    disk: Option<String>,
}

/// The UI is gone: nothing more is to be done.
struct Unheard;

impl DeskThread {
    fn new(order: DeskOrder, tell: SyncSender<Happening>) -> DeskThread {
        let worker = Worker::new(Tools {
            folder: order.folder.clone(),
            phone_region: order.phone_region,
            home: order.home.clone(),
            rehearse: Arc::clone(&order.rehearse),
            clock: order.clock,
            tell: tell.clone(),
        });
        DeskThread {
            worker,
            order,
            tell,
            desk: None,
            seen: None,
            tidied_at: Duration::ZERO,
            scanners: Vec::new(),
            has_untidy: false,
            hub: None,
            open_conflicts: Vec::new(),
            low_pools: Vec::new(),
            watch: None,
            operators: Vec::new(),
            guessing: Vec::new(),
            slowed: VecDeque::new(),
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        if self.begin().is_err() {
            return;
        }
        let mut held: Option<Order> = None;
        let mut looked_at = Duration::ZERO;
        loop {
            let order = match held.take() {
                Some(order) => Ok(order),
                None if self.is_stale() => orders.recv_timeout(SOON),
                None => orders.recv_timeout(self.until_slowed().min(IDLE)),
            };
            let is_idle = order.is_err();
            let has_rest = is_idle && !self.is_stale();
            let done = match order {
                Ok(Order {
                    work: Work::Effect(Effect::MarkShown { entry }),
                    ..
                }) => {
                    let (count, next) = self.mark_shown(entry, orders);
                    held = next;
                    self.done(count)
                }
                Ok(order) => self.carry_out(order).and_then(|()| self.done(1)),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let moment = self.order.clock.moment();
            let told = self.tell_slowed(moment);
            let looked = if is_idle || moment.elapsed.saturating_sub(looked_at) >= LOOKED_APART {
                looked_at = moment.elapsed;
                self.look_around(moment)
            } else {
                Ok(())
            };
            if has_rest {
                self.tidy(moment);
            }
            if done.and(told).and(looked).is_err() {
                return;
            }
        }
    }

    /// Whether we have done something since the figures were read.
    fn is_stale(&self) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|seen| seen.version.is_none())
    }

    fn done(&self, count: usize) -> Result<(), Unheard> {
        self.tell.send(Happening::Done(count)).ok().ok_or(Unheard)
    }

    fn say(&self, msg: Msg) -> Result<(), Unheard> {
        self.tell.send(Happening::Told(msg)).ok().ok_or(Unheard)
    }

    fn fail(&self, number: Option<u64>, error: &LedgerError) -> Result<(), Unheard> {
        self.say(Msg::ActFailed {
            number,
            words: error.to_string(),
            hint: error.hint(),
        })
    }

    fn begin(&mut self) -> Result<(), Unheard> {
        if !Ledger::exists_in(&self.order.folder) && self.order.may_set_up {
            self.scanners = self.scanners_free();
            return self.say(Msg::SetUpNeeded {
                zone: self.order.zone.clone(),
                counter: self.order.counter.clone(),
                scanners: self.scanners.clone(),
            });
        }
        let now = self.order.clock.moment().now;
        match act(&self.order.counter, None, now)
            .and_then(|act| Ledger::open(&self.order.folder, &act))
        {
            Ok((ledger, _)) => self.opened(ledger, now),
            Err(error) => self.no_ledger(&error),
        }
    }

    /// Nothing can be done without a ledger: the console ends, and says why.
    fn no_ledger(&self, error: &LedgerError) -> Result<(), Unheard> {
        let happening = Happening::NoLedger {
            words: error.to_string(),
            hint: error.hint(),
        };
        self.tell.send(happening).ok().ok_or(Unheard)
    }

    fn opened(&mut self, mut ledger: Ledger, now: Timestamp) -> Result<(), Unheard> {
        ledger.dial_in(self.order.phone_region);
        let mut desk = Desk::new(ledger, &self.order.counter, &self.order.allowed_hosts)
            .with_gs1(self.order.gs1.clone());
        match describe(&mut desk, &self.order.counter, now) {
            Ok(opened) => {
                self.desk = Some(desk);
                self.operators.clone_from(&opened.operators);
                self.say(Msg::Opened(Box::new(opened)))?;
                self.look_around(self.order.clock.moment())
            }
            Err(error) => self.no_ledger(&error),
        }
    }

    /// Marks what was drawn, together with what was drawn since; gives back how many orders that
    /// were, and the next other one.
    fn mark_shown(&mut self, first: i64, orders: &Receiver<Order>) -> (usize, Option<Order>) {
        let mut entries = vec![first];
        let mut next = None;
        while let Ok(order) = orders.try_recv() {
            if let Work::Effect(Effect::MarkShown { entry }) = order.work {
                entries.push(entry);
            } else {
                next = Some(order);
                break;
            }
        }
        if let Some(desk) = &mut self.desk {
            // Not marked means listed again after a crash: a nuisance, and nothing is lost.
            desk.mark_shown(&entries).unwrap_or_default();
        }
        (entries.len(), next)
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Unheard> {
        let moment = order.moment;
        let effect = match order.work {
            Work::Effect(effect) => effect,
            Work::Heard(heard) => return self.heard(heard, moment),
            Work::HubIs { is_in_reach } => {
                if let Some(hub) = &mut self.hub {
                    hub.is_in_reach = is_in_reach;
                }
                return Ok(());
            }
        };
        if let Effect::SetUp(shop) = effect {
            return self.set_up(*shop, moment.now);
        }
        let Some(desk) = &mut self.desk else {
            let Effect::Scan { number, .. } = effect else {
                return Ok(());
            };
            let why = WhyNotJudged::NotSetUp;
            return self.say(Msg::NotJudged { number, why });
        };
        if !may_order(&effect, desk.operator(), &self.operators) {
            // The screen has not heard yet that nobody is signed in any more.
            let Some(number) = number_of(&effect) else {
                return Ok(());
            };
            let why = WhyNotJudged::SignedOut;
            return self.say(Msg::NotJudged { number, why });
        }
        // Whatever is done now may change the figures, and is no other counter's writing.
        if let Some(seen) = &mut self.seen {
            seen.version = None;
        }
        if matches!(effect, Effect::SignOut) {
            self.worker.forget_grant();
        }
        let number = number_of(&effect);
        let is_in_reach = self.hub.as_ref().is_some_and(|hub| hub.is_in_reach);
        match answer(desk, effect, moment, is_in_reach) {
            Ok(Answered::Told(Some(msg))) => self.say_in_time(msg, moment)?,
            Ok(Answered::Told(None)) => {}
            Ok(Answered::Ask(asked)) => self.ask(asked, moment)?,
            Ok(Answered::Work(job)) => self.work(job)?,
            Err(error) => self.fail(number, &error)?,
        }
        if let Some(hub) = &self.hub
            && !is_in_reach
        {
            // Somebody works here: whether the line is back is looked at now.
            hub.in_touch.wake();
        }
        if let Some(desk) = &mut self.desk {
            // The answer is on its way: what the log needs makes nobody wait.
            desk.ledger().rest_if_due();
        }
        Ok(())
    }

    /// Hands an order to whoever does long work.
    fn work(&mut self, job: WorkJob) -> Result<(), Unheard> {
        let here = self.desk.as_ref().and_then(Desk::operator);
        match self.worker.take(job, &self.order.counter, here) {
            Some(told) => self.say(Msg::BackTold(told)),
            None => Ok(()),
        }
    }

    /// Has the hub asked, and goes on with the next order.
    fn ask(&mut self, asked: Asked, moment: Moment) -> Result<(), Unheard> {
        let (Some(desk), Some(hub)) = (&mut self.desk, &mut self.hub) else {
            return Ok(());
        };
        let ledger = desk.ledger();
        let letter = ledger
            .ask_of(asked.question(), moment.now)
            .and_then(|ask| Ok((ask, ledger.hub_link()?)));
        let Ok((ask, Some(link))) = letter else {
            // The link is gone, or cannot be read: nothing was sent.
            return self.tell_heard(asked, Err(Miss::NotSent), moment);
        };
        let number = hub.next_number;
        hub.next_number = number.saturating_add(1);
        let asking = Asking {
            number,
            ask: Box::new(ask),
            link: Box::new(link),
            until: moment.elapsed + ASK_DEADLINE,
        };
        if hub.askers.ask(asking).is_err() {
            return self.tell_heard(asked, Err(Miss::NotSent), moment);
        }
        let msg = asked.asking();
        hub.asked.push((number, asked));
        match msg {
            Some(msg) => self.say(msg),
            None => Ok(()),
        }
    }

    /// An asker has come back: what it heard is judged, and told.
    fn heard(&mut self, heard: HeardOf, moment: Moment) -> Result<(), Unheard> {
        let Some(hub) = &mut self.hub else {
            return Ok(());
        };
        hub.askers.heard(&heard);
        let place = hub
            .asked
            .iter()
            .position(|(number, _)| *number == heard.number);
        let Some(place) = place else {
            return Ok(());
        };
        let (_, asked) = hub.asked.remove(place);
        self.tell_heard(asked, heard.heard.map(|heard| *heard), moment)
    }

    fn tell_heard(
        &mut self,
        asked: Asked,
        heard: Result<wire::Asked, Miss>,
        moment: Moment,
    ) -> Result<(), Unheard> {
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        if let Some(seen) = &mut self.seen {
            seen.version = None;
        }
        let number = asked.number();
        match orders::heard(desk, asked, heard, moment) {
            Ok(msg) => self.say_in_time(msg, moment),
            Err(error) => self.fail(number, &error),
        }
    }

    /// Tells an answer; one to an unknown code only later, where there were too many of them at this
    /// counter. It stands in the ledger by then.
    fn say_in_time(&mut self, msg: Msg, moment: Moment) -> Result<(), Unheard> {
        let is_unknown = if let Msg::Judged { answer, .. } = &msg {
            UNKNOWN.contains(&answer.verdict.word())
        } else {
            false
        };
        let slowed_ms = match &mut self.desk {
            Some(desk) if is_unknown => {
                let counter = &self.order.counter;
                desk.ledger().slowed_ms(counter, moment.now).unwrap_or(0)
            }
            Some(_) | None => 0,
        };
        if slowed_ms == 0 {
            return self.say(msg);
        }
        let due =
            self.order.clock.moment().elapsed + Duration::from_millis(slowed_ms.unsigned_abs());
        self.slowed.push_back((due, msg));
        Ok(())
    }

    /// How long until the next slowed answer is due.
    fn until_slowed(&self) -> Duration {
        let elapsed = self.order.clock.moment().elapsed;
        self.slowed
            .front()
            .map_or(Duration::MAX, |(due, _)| due.saturating_sub(elapsed))
    }

    /// Tells the answers that were slowed and are due; they come in the order of their scans.
    fn tell_slowed(&mut self, moment: Moment) -> Result<(), Unheard> {
        while let Some((_, msg)) = self.slowed.pop_front_if(|(due, _)| *due <= moment.elapsed) {
            self.say(msg)?;
        }
        Ok(())
    }

    /// Begins to keep in touch with the hub, where there is one now.
    fn look_for_hub(&mut self) {
        let (None, Some(desk)) = (&self.hub, &mut self.desk) else {
            return;
        };
        if !matches!(desk.ledger().hub_link(), Ok(Some(_))) {
            return;
        }
        let tell = self.tell.clone();
        let setup = SyncSetup {
            folder: self.order.folder.clone(),
            ca_file: self.order.hub_ca.clone(),
            clock: wall_clock,
            // Where nobody listens any more, the console is ending.
            tell: Arc::new(move |status| {
                tell.send(Happening::HubTold(Box::new(status)))
                    .unwrap_or_default();
            }),
        };
        let askers = Askers::new(self.order.hub_ca.as_ref(), self.order.clock, &self.tell);
        // A system that has no room for a thread is asked again at the next look.
        if let (Ok(in_touch), Ok(askers)) = (SyncLoop::start(&setup), askers) {
            self.hub = Some(Hub {
                in_touch,
                askers,
                is_in_reach: true,
                asked: Vec::new(),
                next_number: 1,
            });
        }
    }

    /// Tells of the counters at which somebody guesses, where it is another story than before.
    fn look_for_guessing(&mut self, now: Timestamp) -> Result<(), Unheard> {
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        let Ok(guessing) = desk.ledger().guessing(now) else {
            return Ok(());
        };
        if guessing == self.guessing {
            return Ok(());
        }
        self.guessing.clone_from(&guessing);
        self.say(Msg::GuessingStands { guessing })
    }

    /// Tells of the conflicts that are open, where they are others than before.
    fn look_for_conflicts(&mut self) -> Result<(), Unheard> {
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        let Ok(open) = desk.ledger().conflicts(true) else {
            return Ok(());
        };
        if open == self.open_conflicts {
            return Ok(());
        }
        self.open_conflicts.clone_from(&open);
        self.say(Msg::ConflictsOpen { open })
    }

    /// Begins to watch the pools. A system that has no room for a thread is asked again at the next look.
    fn watch_pools(&mut self) {
        if self.watch.is_some() || self.desk.is_none() {
            return;
        }
        let folder = self.order.folder.clone();
        let setup = WatchSetup {
            open: Box::new(move || {
                let act = act(POOLS_COUNTER, None, wall_clock())?;
                Ledger::open(&folder, &act).map(|(ledger, _)| ledger)
            }),
            clock: wall_clock,
            tell: self.order.tell_outside.clone(),
        };
        self.watch = PoolWatch::start(setup).ok();
    }

    /// Tells of the pools that are warned of, where they are others than before.
    fn look_for_low_pools(&mut self) -> Result<(), Unheard> {
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        let Ok(low) = desk.ledger().low_pools() else {
            return Ok(());
        };
        if low == self.low_pools {
            return Ok(());
        }
        self.low_pools.clone_from(&low);
        self.say(Msg::PoolsLow { low })
    }

    /// Tells who may sign in, where that has changed; whoever may not any more is signed out.
    fn look_for_operators(&mut self) -> Result<(), Unheard> {
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        let Ok(operators) = desk.ledger().operators() else {
            return Ok(());
        };
        if operators == self.operators {
            return Ok(());
        }
        desk.keep_signed_in(&operators);
        self.operators.clone_from(&operators);
        self.say(Msg::OperatorsRead { operators })
    }

    fn set_up(&mut self, shop: NewShop, now: Timestamp) -> Result<(), Unheard> {
        if self.desk.is_some() {
            return Ok(());
        }
        let ledger = match found_shop(&self.order.folder, &shop, now) {
            Ok(Ok(ledger)) => ledger,
            Ok(Err(refusal)) => {
                return self.say(Msg::SetUpRefused {
                    words: refusal.to_string(),
                });
            }
            Err(error) => {
                return self.say(Msg::SetUpRefused {
                    words: format!("{error}: {}", error.hint()),
                });
            }
        };
        let chosen = Chosen {
            counter: (shop.counter != self.order.counter).then(|| shop.counter.clone()),
            scanner: shop.scanner.clone(),
        };
        let problem = (self.order.remember)(&chosen).err();
        self.order.counter = shop.counter;
        if let Some(path) = shop.scanner {
            let chosen = Happening::ScannerChosen(path);
            self.tell.send(chosen).ok().ok_or(Unheard)?;
        }
        self.say(Msg::SetUpDone { problem })?;
        self.opened(ledger, now)
    }

    /// The serial scanners that are plugged in, without those that are read already.
    fn scanners_free(&self) -> Vec<SerialPortFound> {
        let mut found = serial::list();
        found.retain(|port| {
            !self.order.scanners_in_use.iter().any(|path| {
                *path == port.stable_path || path.canonicalize().is_ok_and(|node| node == port.node)
            })
        });
        found
    }

    /// While nothing is set up, scanners may come and go.
    fn look_for_scanners(&mut self) -> Result<(), Unheard> {
        let scanners = self.scanners_free();
        if scanners == self.scanners {
            return Ok(());
        }
        self.scanners.clone_from(&scanners);
        self.say(Msg::ScannersFound { scanners })
    }

    /// Reads the figures again where they may have changed, and tells them.
    fn look_around(&mut self, moment: Moment) -> Result<(), Unheard> {
        let Some(desk) = &mut self.desk else {
            return self.look_for_scanners();
        };
        let trouble = disk_words(&self.order.folder);
        let Ok(version) = desk.ledger().version_seen() else {
            self.seen = None;
            return Ok(());
        };
        let is_same = self.seen.as_ref().is_some_and(|seen| {
            seen.version == Some(version)
                && seen.disk == trouble
                && is_soon_after(moment, seen.moment)
        });
        if is_same {
            return Ok(());
        }
        self.look_for_hub();
        self.watch_pools();
        self.look_for_operators()?;
        self.look_for_conflicts()?;
        self.look_for_low_pools()?;
        self.look_for_guessing(moment.now)?;
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        let now = moment.now;
        let open_slips = desk.open_slip_count(now).unwrap_or(0);
        let unsent = unsent(desk.ledger());
        let pending = desk.pending_choices().map_or(0, |all| all.len() as u64);
        let in_test_mode = desk
            .ledger()
            .campaigns_in_test_mode(now)
            .unwrap_or_default()
            .into_iter()
            .map(|mode| mode.campaign.to_string())
            .collect();
        let (Ok(today), Ok(is_clock_behind)) =
            (desk.ledger().today(now), desk.ledger().is_clock_behind(now))
        else {
            // To be tried at the next look, and no sooner.
            self.seen = None;
            return Ok(());
        };
        // Read before the figures: what is written in between is seen the next time.
        self.seen = Some(Seen {
            moment,
            version: Some(version),
            disk: trouble.clone(),
        });
        self.say(Msg::StatusRead {
            today: counts_of(today),
            is_clock_behind,
            disk: trouble,
            pending,
            unsent,
            open_slips,
            in_test_mode,
        })
    }

    /// Tidies up a little. It may fail, as on a full disk: scans will say so, and it is tried again.
    fn tidy(&mut self, moment: Moment) {
        let is_due = moment.elapsed.saturating_sub(self.tidied_at) >= TIDIED_APART;
        let Some(desk) = &mut self.desk else {
            return;
        };
        if !is_due && !self.has_untidy {
            return;
        }
        self.tidied_at = moment.elapsed;
        let act = desk.act(moment.now);
        let ledger = desk.ledger();
        ledger.rest().unwrap_or_default();
        let has_batches = ledger.sweep_batches().unwrap_or_default();
        let has_attempts = act
            .and_then(|act| {
                ledger.forget_old_unshown(&act)?;
                ledger.forget_old_attempts(&act)
            })
            .unwrap_or_default();
        self.has_untidy = has_batches || has_attempts;
    }
}

/// How many entries exist on this machine only; none: there is no hub.
fn unsent(ledger: &mut Ledger) -> Option<u64> {
    let link = ledger.hub_link().ok()??;
    let (_, seq) = ledger.newest_entry().ok()?;
    Some((seq - link.acked_seq).max(0).unsigned_abs())
}

/// Whether so little time has gone by, by both clocks alike, that figures still hold.
fn is_soon_after(moment: Moment, before: Moment) -> bool {
    let elapsed = moment.elapsed.saturating_sub(before.elapsed);
    let walked = moment.now.duration_since(before.now);
    let stepped = walked
        .checked_sub(SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX))
        .map_or(Duration::MAX, SignedDuration::unsigned_abs);
    elapsed < FIGURES_KEPT && stepped < CLOCK_STEP
}

/// What is wrong with the disk, if anything.
fn disk_words(folder: &Path) -> Option<String> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    (free < DISK_LOW_BYTES).then(|| format!("disk nearly full: {} MB left", free / 1_000_000))
}
