//! The desk thread: owns the ledger, carries out orders one by one, answers each.
//!
//! It never waits for paper or for the network. When it has nothing to do it looks whether other
//! counters have written, and tidies up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::desk::{self, Desk, Extra, MODE_PRIVATE, Moment, Scanned, act, set_up};
use crate::domain::entry::instant;
use crate::domain::ids::EntryId;
use crate::domain::operator::{Operator, pin_fault};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{Ledger, LedgerError, OperatorChange};
use crate::tui::msg::{ApprovalAsk, Effect, Msg, Opened, Pin, TodayCounts, WhyNotJudged};
use crate::tui::runner::Happening;

/// What the desk is opened with.
pub(super) struct DeskOrder {
    pub(super) folder: PathBuf,
    pub(super) may_set_up: bool,
    pub(super) counter: String,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) zone: String,
    pub(super) opened_at: Moment,
}

/// One order, with the moment it was given: a scan counts from when it was read.
pub(super) struct Order {
    pub(super) effect: Effect,
    pub(super) moment: Moment,
}

/// How long the desk waits for an order before it looks around.
const IDLE: Duration = Duration::from_millis(500);

/// A disk with less room than this is named on the status line.
const DISK_LOW_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn spawn(
    order: DeskOrder,
    orders: Receiver<Order>,
    tell: SyncSender<Happening>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("desk".to_owned())
        .spawn(move || DeskThread::new(order, tell).run(&orders))
}

struct DeskThread {
    order: DeskOrder,
    tell: SyncSender<Happening>,
    desk: Option<Desk>,
}

/// The UI is gone: nothing more is to be done.
struct Unheard;

impl DeskThread {
    fn new(order: DeskOrder, tell: SyncSender<Happening>) -> DeskThread {
        DeskThread {
            order,
            tell,
            desk: None,
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        if self.begin().is_err() {
            return;
        }
        let mut held: Option<Order> = None;
        loop {
            let order = match held.take() {
                Some(order) => Ok(order),
                None => orders.recv_timeout(IDLE),
            };
            let done = match order {
                Ok(Order {
                    effect: Effect::MarkShown { entry },
                    ..
                }) => {
                    held = self.mark_shown(entry, orders);
                    Ok(())
                }
                Ok(order) => self.carry_out(order),
                Err(RecvTimeoutError::Timeout) => self.look_around(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if done.is_err() {
                return;
            }
        }
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
            return self.say(Msg::SetUpNeeded {
                zone: self.order.zone.clone(),
            });
        }
        let now = self.order.opened_at.now;
        let opened = act(&self.order.counter, None, now)
            .and_then(|act| Ledger::open(&self.order.folder, &act));
        match opened {
            Ok((ledger, _)) => self.opened(ledger, now),
            Err(error) => {
                self.tell
                    .send(Happening::NoLedger {
                        words: error.to_string(),
                        hint: error.hint(),
                    })
                    .unwrap_or_default();
                Err(Unheard)
            }
        }
    }

    fn opened(&mut self, ledger: Ledger, now: Timestamp) -> Result<(), Unheard> {
        let mut desk = Desk::new(ledger, &self.order.counter, &self.order.allowed_hosts);
        let told = describe(&mut desk, &self.order.counter, now);
        self.desk = Some(desk);
        match told {
            Ok(opened) => self.say(Msg::Opened(Box::new(opened)))?,
            Err(error) => self.fail(None, &error)?,
        }
        self.tell_status(now)
    }

    /// Marks what was drawn, together with what was drawn since; gives back the next other order.
    fn mark_shown(&mut self, first: i64, orders: &Receiver<Order>) -> Option<Order> {
        let mut entries = vec![first];
        let mut next = None;
        while let Ok(order) = orders.try_recv() {
            if let Effect::MarkShown { entry } = order.effect {
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
        next
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Unheard> {
        let moment = order.moment;
        if let Effect::SetUp {
            store,
            zone,
            operators,
        } = order.effect
        {
            return self.set_up(&store, &zone, &operators, moment.now);
        }
        let Some(desk) = &mut self.desk else {
            let Effect::Scan { number, .. } = order.effect else {
                return Ok(());
            };
            let why = WhyNotJudged::NotSetUp;
            return self.say(Msg::NotJudged { number, why });
        };
        let done = match order.effect {
            Effect::Scan {
                number,
                raw,
                may_judge,
            } => scan(desk, number, &raw, may_judge, moment).map_err(|error| (Some(number), error)),
            Effect::Redeem {
                number,
                raw,
                receipt,
                customer,
                approval,
            } => redeem(
                desk,
                number,
                &raw,
                (receipt, customer),
                approval.as_ref(),
                moment,
            )
            .map_err(|error| (Some(number), error)),
            Effect::SignIn { operator, pin } => {
                sign_in(desk, &operator, &pin, moment.now).map_err(|error| (None, error))
            }
            Effect::SignOut => {
                desk.sign_out();
                Ok(None)
            }
            Effect::ListUndo => desk
                .undo_choices(moment.now)
                .map(|choices| Some(Msg::UndoListed { choices }))
                .map_err(|error| (None, error)),
            Effect::Undo {
                redemption_id,
                reason,
                approval,
            } => undo(desk, &redemption_id, &reason, approval.as_ref(), moment.now)
                .map_err(|error| (None, error)),
            // Taken care of above, or by the UI thread.
            Effect::SetUp { .. }
            | Effect::MarkShown { .. }
            | Effect::Bell { .. }
            | Effect::Quit => Ok(None),
        };
        match done {
            Ok(Some(msg)) => self.say(msg),
            Ok(None) => Ok(()),
            Err((number, error)) => self.fail(number, &error),
        }
    }

    fn set_up(
        &mut self,
        store: &str,
        zone: &str,
        operators: &[(Operator, Pin)],
        now: Timestamp,
    ) -> Result<(), Unheard> {
        if self.desk.is_some() {
            return Ok(());
        }
        match found_shop(
            &self.order.folder,
            &self.order.counter,
            store,
            zone,
            operators,
            now,
        ) {
            Ok(Ok(ledger)) => {
                self.say(Msg::SetUpDone)?;
                self.opened(ledger, now)
            }
            Ok(Err(refusal)) => self.say(Msg::SetUpRefused {
                words: refusal.to_string(),
            }),
            Err(error) => self.say(Msg::SetUpRefused {
                words: format!("{error}: {}", error.hint()),
            }),
        }
    }

    /// Looks whether others have written; tidies up a little.
    fn look_around(&mut self) -> Result<(), Unheard> {
        #[expect(clippy::disallowed_methods, reason = "the runner reads the clock")]
        let now = Timestamp::now();
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        if let Ok(act) = desk.act(now) {
            let ledger = desk.ledger();
            // Tidying may fail on a full disk; scans will say so, and it is tried again.
            ledger.rest().unwrap_or_default();
            ledger.sweep_batches().unwrap_or_default();
            ledger.forget_old_attempts(&act).unwrap_or_default();
        }
        self.tell_status(now)
    }

    fn tell_status(&mut self, now: Timestamp) -> Result<(), Unheard> {
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        let (Ok(today), Ok(is_clock_behind)) =
            (desk.ledger().today(now), desk.ledger().is_clock_behind(now))
        else {
            return Ok(());
        };
        self.say(Msg::StatusRead {
            today: TodayCounts {
                accepted: today.accepted,
                refused: today.refused,
                provisional: 0,
            },
            is_clock_behind,
            disk: disk_words(&self.order.folder),
        })
    }
}

/// What is wrong with the disk, if anything.
fn disk_words(folder: &Path) -> Option<String> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    (free < DISK_LOW_BYTES).then(|| format!("disk nearly full: {} MB left", free / 1_000_000))
}

fn describe(desk: &mut Desk, counter: &str, now: Timestamp) -> Result<Opened, LedgerError> {
    let act = desk.act(now)?;
    let ledger = desk.ledger();
    let place = ledger.place()?;
    let today = ledger.today(now)?;
    Ok(Opened {
        store: place.store,
        counter: counter.to_owned(),
        zone: place.zone,
        operators: ledger.operators()?,
        today: TodayCounts {
            accepted: today.accepted,
            refused: today.refused,
            provisional: 0,
        },
        unseen: ledger.unseen(&act)?,
    })
}

fn scan(
    desk: &mut Desk,
    number: u64,
    raw: &[u8],
    may_judge: bool,
    moment: Moment,
) -> Result<Option<Msg>, LedgerError> {
    if may_judge {
        return desk
            .scan(raw, &Extra::default(), moment)
            .map(|scanned| Some(told(scanned, number)));
    }
    Ok(Some(match desk.badge_in(raw)? {
        Some(operator) => Msg::SignedIn {
            operator,
            number: Some(number),
        },
        None => Msg::NotJudged {
            number,
            why: WhyNotJudged::SignedOut,
        },
    }))
}

fn told(scanned: Scanned, number: u64) -> Msg {
    match scanned {
        Scanned::Badge(operator) => Msg::SignedIn {
            operator,
            number: Some(number),
        },
        Scanned::Judged(answer) => Msg::Judged { number, answer },
    }
}

fn redeem(
    desk: &mut Desk,
    number: u64,
    raw: &[u8],
    (receipt, customer): (Option<String>, Option<String>),
    ask: Option<&ApprovalAsk>,
    moment: Moment,
) -> Result<Option<Msg>, LedgerError> {
    let approval = match approve(desk, ask, moment.now)? {
        Ok(approval) => approval,
        Err(refusal) => {
            return Ok(Some(Msg::ApprovalRefused {
                number: Some(number),
                words: refusal.to_string(),
            }));
        }
    };
    let extra = Extra {
        receipt,
        customer,
        approval,
    };
    desk.scan(raw, &extra, moment)
        .map(|scanned| Some(told(scanned, number)))
}

fn approve(
    desk: &mut Desk,
    ask: Option<&ApprovalAsk>,
    now: Timestamp,
) -> Result<Result<Option<Approval>, Refusal>, LedgerError> {
    let Some(ask) = ask else {
        return Ok(Ok(None));
    };
    let manager = match (&ask.operator, &ask.pin) {
        (Some(name), Some(pin)) => Some((name.as_str(), pin.as_str())),
        _ => None,
    };
    Ok(desk.approve(manager, &ask.reason, now)?.map(Some))
}

fn sign_in(
    desk: &mut Desk,
    name: &str,
    pin: &Pin,
    now: Timestamp,
) -> Result<Option<Msg>, LedgerError> {
    Ok(Some(match desk.sign_in(name, pin.as_str(), now)? {
        Ok(operator) => Msg::SignedIn {
            operator,
            number: None,
        },
        Err(refusal) => Msg::SignInRefused {
            locked_until: if let Refusal::LockedUntil(until) = &refusal {
                Some(*until)
            } else {
                None
            },
            words: refusal.to_string(),
        },
    }))
}

fn undo(
    desk: &mut Desk,
    redemption_id: &str,
    reason: &str,
    ask: Option<&ApprovalAsk>,
    now: Timestamp,
) -> Result<Option<Msg>, LedgerError> {
    let approval = match approve(desk, ask, now)? {
        Ok(approval) => approval,
        Err(refusal) => {
            return Ok(Some(Msg::ApprovalRefused {
                number: None,
                words: refusal.to_string(),
            }));
        }
    };
    // An id that we listed ourselves reads back.
    let Ok(id) = redemption_id.parse::<EntryId>() else {
        return Ok(None);
    };
    let answer = desk.undo(&id, reason, approval.as_ref(), now)?;
    Ok(Some(Msg::Undone { answer }))
}

/// A new shop with its first people.
fn found_shop(
    folder: &Path,
    counter: &str,
    store: &str,
    zone: &str,
    operators: &[(Operator, Pin)],
    now: Timestamp,
) -> Result<Result<Ledger, Refusal>, LedgerError> {
    for (_, pin) in operators {
        if let Some(fault) = pin_fault(pin.as_str()) {
            return Ok(Err(Refusal::Faulty(fault.to_owned())));
        }
    }
    let founding = act(counter, None, now)?;
    let mut ledger = match set_up(folder, store, zone, MODE_PRIVATE, &founding)? {
        Ok(ledger) => ledger,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for (operator, pin) in operators {
        let change = OperatorChange::Add {
            role: operator.role,
            pin: Some(pin.as_str()),
        };
        let adding = desk::act(counter, None, instant(now.as_millisecond()))?;
        if let Err(refusal) = ledger.change_operator(&operator.name, change, &adding)? {
            return Ok(Err(refusal));
        }
    }
    Ok(Ok(ledger))
}
