//! What the desk does upon each order, and the message that answers it.

use std::path::Path;

use jiff::Timestamp;

use crate::desk::{
    AskedReplacement, AskedScan, AskedSignUp, AskedUndo, Desk, Extra, MODE_PRIVATE, Miss, Moment,
    Scanned, Sought, act, counter_fault, set_up,
};
use crate::domain::ids::{EntryId, Key};
use crate::domain::operator::{name_fault, pin_fault};
use crate::domain::refusal::Refusal;
use crate::domain::reversal::{PendingChoice, Reversal};
use crate::domain::sign_up::SignUpAsk;
use crate::domain::verdict::Approval;
use crate::domain::wire::{self, Question};
use crate::ledger::{Ledger, LedgerError, OperatorChange, Today};
use crate::tui::find_order::{FindOrder, FindTold};
use crate::tui::msg::{ApprovalAsk, Effect, Msg, NewShop, Opened, Pin, TodayCounts, WhyNotJudged};
use crate::tui::runner::work_orders::WorkJob;
use crate::tui::runner::{back_orders, find_orders, sign_up_orders};

/// What the desk makes of an order.
pub(super) enum Answered {
    /// It is done, and this is told of it.
    Told(Option<Msg>),
    /// The hub is asked first.
    Ask(Asked),
    /// It is for whoever does long work.
    Work(WorkJob),
}

/// What the hub is asked, and for whom.
pub(super) enum Asked {
    Scan {
        number: u64,
        asked: Box<AskedScan>,
    },
    SignUp {
        key: Key,
        asked: Box<AskedSignUp>,
    },
    /// For an order of the Find screen.
    Replace {
        number: u64,
        asked: Box<AskedReplacement>,
    },
    Undo {
        asked: Box<AskedUndo>,
        undoer: Undoer,
    },
}

/// Who waits for an undo.
#[derive(Debug, Clone, Copy)]
pub(super) enum Undoer {
    Home,
    /// An order of the Find screen.
    Find(u64),
}

impl Asked {
    pub(super) fn question(&self) -> &Question {
        match self {
            Asked::Scan { asked, .. } => &asked.question,
            Asked::SignUp { asked, .. } => &asked.question,
            Asked::Replace { asked, .. } => &asked.question,
            Asked::Undo { asked, .. } => &asked.question,
        }
    }

    /// The running number of the scan that it is about.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Asked::Scan { number, .. } => Some(*number),
            Asked::SignUp { .. } | Asked::Replace { .. } | Asked::Undo { .. } => None,
        }
    }

    /// What is shown until the hub has answered; none: the screen waits for the answer as it is.
    pub(super) fn asking(&self) -> Option<Msg> {
        match self {
            Asked::Scan { number, .. } => Some(Msg::AskingHub { number: *number }),
            Asked::SignUp { key, .. } => Some(Msg::SignUpAsksHub { key: key.clone() }),
            Asked::Replace { .. } => None,
            Asked::Undo { .. } => Some(Msg::UndoAsksHub),
        }
    }
}

/// What was heard from the hub, or that nothing was.
pub(super) fn heard(
    desk: &mut Desk,
    asked: Asked,
    heard: Result<wire::Asked, Miss>,
    moment: Moment,
) -> Result<Msg, LedgerError> {
    Ok(match asked {
        Asked::Scan { number, asked } => told(desk.heard_scan(&asked, heard, moment)?, number),
        Asked::SignUp { key, asked } => {
            sign_up_orders::claimed(key, desk.heard_sign_up(&asked, heard, moment.now)?)
        }
        Asked::Replace { number, asked } => Msg::FindTold {
            number,
            told: find_orders::replaced(desk.heard_replacement(&asked, heard, moment.now)?),
        },
        Asked::Undo { asked, undoer } => {
            undone(desk.heard_undo(&asked, heard, moment.now)?, undoer)
        }
    })
}

fn undone(answer: Reversal, undoer: Undoer) -> Msg {
    match undoer {
        Undoer::Home => Msg::Undone { answer },
        Undoer::Find(number) => Msg::FindTold {
            number,
            told: FindTold::Undone(answer),
        },
    }
}

/// The running number of the scan that an order is about.
pub(super) fn number_of(effect: &Effect) -> Option<u64> {
    if let Effect::Scan { number, .. } | Effect::Redeem { number, .. } = effect {
        Some(*number)
    } else {
        None
    }
}

/// Nothing was said beside the scan.
const NO_EXTRA: Extra = Extra {
    receipt: None,
    customer: None,
    approval: None,
    came: None,
};

/// Carries out one order, and answers it; where the hub is in reach, it may have to be asked first.
pub(super) fn answer(
    desk: &mut Desk,
    effect: Effect,
    moment: Moment,
    is_in_reach: bool,
) -> Result<Answered, LedgerError> {
    let now = moment.now;
    let told = match effect {
        Effect::Scan {
            number,
            raw,
            came,
            may_judge,
            fills,
        } => {
            let extra = Extra { came, ..NO_EXTRA };
            let act = (number, may_judge, fills);
            return first_scan(desk, act, (&raw, &extra), moment, is_in_reach);
        }
        Effect::Redeem {
            number,
            raw,
            came,
            receipt,
            customer,
            approval,
        } => {
            let given = (receipt, customer, came);
            return redeem(desk, number, &raw, (given, approval), moment, is_in_reach);
        }
        Effect::SignIn { operator, pin } => sign_in(desk, &operator, &pin, now),
        Effect::SignOut => {
            desk.sign_out(now);
            Ok(None)
        }
        Effect::ListUndo => list_undo(desk, now),
        Effect::GiveUp {
            choice,
            reason,
            approval,
        } => give_up(desk, &choice, &reason, approval.as_ref(), now),
        Effect::Undo {
            redemption_id,
            reason,
            approval,
        } => {
            let wish = (redemption_id.as_str(), reason.as_str(), approval.as_ref());
            return undo(desk, wish, Undoer::Home, now, is_in_reach);
        }
        Effect::ReadSignUpRoom => sign_up_orders::room(desk, now),
        Effect::LookFor {
            number,
            campaign,
            contacts,
        } => Ok(sign_up_orders::look(
            desk, number, &campaign, &contacts, now,
        )),
        Effect::SignUp(ask) => return sign_up(desk, &ask, now, is_in_reach),
        Effect::ListGivenOut => sign_up_orders::given_out(desk, now),
        Effect::Cancel { code, reason } => sign_up_orders::cancel(desk, code, &reason, now),
        Effect::ListSlips => sign_up_orders::slips(desk, now),
        Effect::Reprint { code } => sign_up_orders::reprint(desk, &code, now),
        Effect::NoteSlip { number, outcome } => {
            sign_up_orders::note_slip(desk, number, &outcome, now)
        }
        Effect::SettleSlip { number } => sign_up_orders::settle_slip(desk, number, now),
        Effect::Find { number, order } => return find(desk, number, *order, now, is_in_reach),
        Effect::Back(order) => return Ok(back_orders::answer(desk, *order, now)),
        // Taken care of by the desk thread itself, or by the UI thread.
        Effect::SetUp(_)
        | Effect::MarkShown { .. }
        | Effect::Print(_)
        | Effect::PrintDay(_)
        | Effect::Bell { .. }
        | Effect::Quit => Ok(None),
    };
    told.map(Answered::Told)
}

pub(super) fn describe(
    desk: &mut Desk,
    counter: &str,
    now: Timestamp,
) -> Result<Opened, LedgerError> {
    let act = desk.act(now)?;
    let ledger = desk.ledger();
    let place = ledger.place()?;
    let today = ledger.today(now)?;
    Ok(Opened {
        store: place.store,
        counter: counter.to_owned(),
        zone: place.zone,
        operators: ledger.operators()?,
        today: counts_of(today),
        unseen: ledger.unseen(&act)?,
    })
}

/// The figures as they are shown.
pub(super) fn counts_of(today: Today) -> TodayCounts {
    TodayCounts {
        accepted: today.accepted,
        refused: today.refused,
        provisional: today.provisional,
    }
}

fn scan(
    desk: &mut Desk,
    number: u64,
    raw: &[u8],
    extra: &Extra,
    moment: Moment,
    is_in_reach: bool,
) -> Result<Answered, LedgerError> {
    if !is_in_reach {
        let scanned = desk.scan(raw, extra, moment)?;
        return Ok(Answered::Told(Some(told(scanned, number))));
    }
    Ok(match desk.scan_or_ask(raw, extra, moment)? {
        Sought::Answered(scanned) => Answered::Told(Some(told(scanned, number))),
        Sought::AskHub(asked) => Answered::Ask(Asked::Scan { number, asked }),
    })
}

/// A scan as it comes from a scanner or a hand: whether it may be judged, and whether a field waits for
/// what is no code.
fn first_scan(
    desk: &mut Desk,
    (number, may_judge, fills): (u64, bool, bool),
    (raw, extra): (&[u8], &Extra),
    moment: Moment,
    is_in_reach: bool,
) -> Result<Answered, LedgerError> {
    if !may_judge {
        let told = badge_in(desk, number, (raw, extra), moment.now)?;
        return Ok(Answered::Told(told));
    }
    if fills && desk.may_fill(raw)? {
        return Ok(Answered::Told(Some(Msg::NoCode { number })));
    }
    scan(desk, number, raw, extra, moment, is_in_reach)
}

/// A receipt's number, a customer, and what came where the scan is something else.
type Beside = (Option<String>, Option<String>, Option<Vec<u8>>);

/// A scan again, with the answers to its questions.
fn redeem(
    desk: &mut Desk,
    number: u64,
    raw: &[u8],
    (given, ask): (Beside, Option<ApprovalAsk>),
    moment: Moment,
    is_in_reach: bool,
) -> Result<Answered, LedgerError> {
    let approval = match approve(desk, ask.as_ref(), moment.now)? {
        Ok(approval) => approval,
        Err(refusal) => {
            return Ok(Answered::Told(Some(Msg::ApprovalRefused {
                number: Some(number),
                words: refusal.to_string(),
            })));
        }
    };
    let (receipt, customer, came) = given;
    let extra = Extra {
        receipt,
        customer,
        approval,
        came,
    };
    scan(desk, number, raw, &extra, moment, is_in_reach)
}

fn sign_up(
    desk: &mut Desk,
    ask: &SignUpAsk,
    now: Timestamp,
    is_in_reach: bool,
) -> Result<Answered, LedgerError> {
    let key = ask.key.clone();
    let claim = if is_in_reach {
        match desk.sign_up_or_ask(ask, now)? {
            Sought::Answered(claim) => claim,
            Sought::AskHub(asked) => return Ok(Answered::Ask(Asked::SignUp { key, asked })),
        }
    } else {
        desk.sign_up(ask, now)?
    };
    Ok(Answered::Told(Some(sign_up_orders::claimed(key, claim))))
}

/// A scan while nobody is signed in.
fn badge_in(
    desk: &mut Desk,
    number: u64,
    (raw, extra): (&[u8], &Extra),
    now: Timestamp,
) -> Result<Option<Msg>, LedgerError> {
    Ok(Some(match desk.badge_of(raw, extra, now)? {
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

pub(super) fn approve(
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

/// A manager's approval where one is always needed; why there is none, for people. Where nobody signs
/// in, nobody proves it; where somebody does, no approval is none.
pub(super) fn approved(
    desk: &mut Desk,
    ask: Option<ApprovalAsk>,
    reason: &str,
    now: Timestamp,
) -> Result<Result<Approval, String>, LedgerError> {
    let ask = ask.unwrap_or_else(|| ApprovalAsk {
        operator: None,
        pin: None,
        reason: reason.to_owned(),
    });
    Ok(match approve(desk, Some(&ask), now)? {
        Ok(Some(approval)) => Ok(approval),
        Ok(None) => Err("a manager must approve".to_owned()),
        Err(refusal) => Err(refusal.to_string()),
    })
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

/// An order of the Find screen; of what it orders, only an undo may have to be asked.
fn find(
    desk: &mut Desk,
    number: u64,
    order: FindOrder,
    now: Timestamp,
    is_in_reach: bool,
) -> Result<Answered, LedgerError> {
    if let FindOrder::Undo {
        redemption_id,
        reason,
        approval,
    } = &order
        && is_in_reach
    {
        let wish = (redemption_id.as_str(), reason.as_str(), approval.as_ref());
        return undo(desk, wish, Undoer::Find(number), now, is_in_reach);
    }
    if let FindOrder::Replace { ask, approval } = &order
        && is_in_reach
    {
        let told = match approve(desk, approval.as_ref(), now)? {
            Err(refusal) => FindTold::Refused(refusal.to_string()),
            Ok(approval) => match desk.replace_or_ask(ask, approval.as_ref(), now)? {
                Sought::Answered(answer) => find_orders::replaced(answer),
                Sought::AskHub(asked) => {
                    return Ok(Answered::Ask(Asked::Replace { number, asked }));
                }
            },
        };
        return Ok(Answered::Told(Some(Msg::FindTold { number, told })));
    }
    let told = find_orders::answer(desk, order, now);
    Ok(Answered::Told(Some(Msg::FindTold { number, told })))
}

fn list_undo(desk: &mut Desk, now: Timestamp) -> Result<Option<Msg>, LedgerError> {
    let choices = desk.undo_choices(now)?;
    let pending = desk.pending_choices()?;
    Ok(Some(Msg::UndoListed { choices, pending }))
}

/// Undoes a redemption: by its id, for a reason, as somebody may have approved.
fn undo(
    desk: &mut Desk,
    (redemption_id, reason, approval): (&str, &str, Option<&ApprovalAsk>),
    undoer: Undoer,
    now: Timestamp,
    is_in_reach: bool,
) -> Result<Answered, LedgerError> {
    let refused = |words: String| {
        Answered::Told(Some(match undoer {
            Undoer::Home => Msg::ApprovalRefused {
                number: None,
                words,
            },
            Undoer::Find(number) => Msg::FindTold {
                number,
                told: FindTold::Refused(words),
            },
        }))
    };
    let approval = match approve(desk, approval, now)? {
        Ok(approval) => approval,
        Err(refusal) => return Ok(refused(refusal.to_string())),
    };
    // An id that we listed ourselves reads back.
    let Ok(id) = redemption_id.parse::<EntryId>() else {
        return Ok(refused("there is no such redemption".to_owned()));
    };
    let approval = approval.as_ref();
    let answer = if is_in_reach {
        match desk.undo_or_ask(&id, reason, approval, now)? {
            Sought::Answered(answer) => answer,
            Sought::AskHub(asked) => {
                return Ok(Answered::Ask(Asked::Undo { asked, undoer }));
            }
        }
    } else {
        desk.undo(&id, reason, approval, now)?
    };
    Ok(Answered::Told(Some(undone(answer, undoer))))
}

fn give_up(
    desk: &mut Desk,
    choice: &PendingChoice,
    reason: &str,
    ask: Option<&ApprovalAsk>,
    now: Timestamp,
) -> Result<Option<Msg>, LedgerError> {
    Ok(Some(match approve(desk, ask, now)? {
        Err(refusal) => Msg::ApprovalRefused {
            number: None,
            words: refusal.to_string(),
        },
        Ok(approval) => Msg::GivenUp {
            code: choice.code.clone(),
            outcome: desk.give_up(choice, reason, approval.as_ref(), now)?,
        },
    }))
}

/// A new shop with its first people.
pub(super) fn found_shop(
    folder: &Path,
    shop: &NewShop,
    now: Timestamp,
) -> Result<Result<Ledger, Refusal>, LedgerError> {
    let counter = shop.counter.as_str();
    if let Some(fault) = counter_fault(counter) {
        return Ok(Err(Refusal::Faulty(fault.to_owned())));
    }
    // All that may be refused is refused before there is a ledger.
    for (operator, pin) in &shop.operators {
        if let Some(fault) = name_fault(&operator.name).or_else(|| pin_fault(pin.as_str())) {
            return Ok(Err(Refusal::Faulty(fault.to_owned())));
        }
    }
    let first = act(counter, None, now)?;
    let mut ledger = match set_up(folder, &shop.store, &shop.zone, MODE_PRIVATE, &first)? {
        Ok(ledger) => ledger,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for (operator, pin) in &shop.operators {
        let change = OperatorChange::Add {
            role: operator.role,
            pin: Some(pin.as_str()),
        };
        let adding = act(counter, None, now)?;
        if let Err(refusal) = ledger.change_operator(&operator.name, change, &adding)? {
            return Ok(Err(refusal));
        }
    }
    Ok(Ok(ledger))
}
