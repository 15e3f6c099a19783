//! What the desk does upon each order, and the message that answers it.

use std::path::Path;

use jiff::Timestamp;

use crate::desk::{Desk, Extra, MODE_PRIVATE, Moment, Scanned, act, counter_fault, set_up};
use crate::domain::ids::EntryId;
use crate::domain::operator::{name_fault, pin_fault};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Approval;
use crate::ledger::{Ledger, LedgerError, OperatorChange, Today};
use crate::tui::msg::{ApprovalAsk, Effect, Msg, NewShop, Opened, Pin, TodayCounts, WhyNotJudged};
use crate::tui::runner::{find_orders, sign_up_orders};

/// The running number of the scan that an order is about.
pub(super) fn number_of(effect: &Effect) -> Option<u64> {
    if let Effect::Scan { number, .. } | Effect::Redeem { number, .. } = effect {
        Some(*number)
    } else {
        None
    }
}

/// Carries out one order, and answers it.
pub(super) fn answer(
    desk: &mut Desk,
    effect: Effect,
    moment: Moment,
) -> Result<Option<Msg>, LedgerError> {
    let now = moment.now;
    match effect {
        Effect::Scan {
            number,
            raw,
            may_judge,
            fills,
        } => match (may_judge, fills) {
            (false, _) => badge_in(desk, number, &raw),
            (true, false) => scan(desk, number, &raw, moment),
            (true, true) => scan_for_field(desk, number, &raw, moment),
        },
        Effect::Redeem {
            number,
            raw,
            receipt,
            customer,
            approval,
        } => {
            let answers = (receipt, customer);
            redeem(desk, number, &raw, answers, approval.as_ref(), moment)
        }
        Effect::SignIn { operator, pin } => sign_in(desk, &operator, &pin, now),
        Effect::SignOut => {
            desk.sign_out();
            Ok(None)
        }
        Effect::ListUndo => desk
            .undo_choices(now)
            .map(|choices| Some(Msg::UndoListed { choices })),
        Effect::Undo {
            redemption_id,
            reason,
            approval,
        } => undo(desk, &redemption_id, &reason, approval.as_ref(), now),
        Effect::ReadSignUpRoom => sign_up_orders::room(desk, now),
        Effect::LookFor {
            number,
            campaign,
            contacts,
        } => Ok(sign_up_orders::look(
            desk, number, &campaign, &contacts, now,
        )),
        Effect::SignUp(ask) => sign_up_orders::sign_up(desk, &ask, now),
        Effect::ListGivenOut => sign_up_orders::given_out(desk, now),
        Effect::Cancel { code, reason } => sign_up_orders::cancel(desk, code, &reason, now),
        Effect::ListSlips => sign_up_orders::slips(desk, now),
        Effect::Reprint { code } => sign_up_orders::reprint(desk, &code, now),
        Effect::NoteSlip { number, outcome } => {
            sign_up_orders::note_slip(desk, number, &outcome, now)
        }
        Effect::SettleSlip { number } => sign_up_orders::settle_slip(desk, number, now),
        Effect::Find { number, order } => {
            let told = find_orders::answer(desk, *order, now);
            Ok(Some(Msg::FindTold { number, told }))
        }
        Effect::Conflict(_) => Ok(None),
        // Taken care of by the desk thread itself, or by the UI thread.
        Effect::SetUp(_)
        | Effect::MarkShown { .. }
        | Effect::Print(_)
        | Effect::Bell { .. }
        | Effect::Quit => Ok(None),
    }
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

/// The figures as they are shown; a shop alone settles nothing later.
pub(super) fn counts_of(today: Today) -> TodayCounts {
    TodayCounts {
        accepted: today.accepted,
        refused: today.refused,
        provisional: 0,
    }
}

fn scan(
    desk: &mut Desk,
    number: u64,
    raw: &[u8],
    moment: Moment,
) -> Result<Option<Msg>, LedgerError> {
    desk.scan(raw, &Extra::default(), moment)
        .map(|scanned| Some(told(scanned, number)))
}

/// A scan while a field waits for what is no code.
fn scan_for_field(
    desk: &mut Desk,
    number: u64,
    raw: &[u8],
    moment: Moment,
) -> Result<Option<Msg>, LedgerError> {
    if desk.may_fill(raw)? {
        return Ok(Some(Msg::NoCode { number }));
    }
    scan(desk, number, raw, moment)
}

/// A scan while nobody is signed in.
fn badge_in(desk: &mut Desk, number: u64, raw: &[u8]) -> Result<Option<Msg>, LedgerError> {
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
