//! What the desk does upon the orders of the sign-up screen, and the message that answers each.

use jiff::Timestamp;

use crate::desk::Desk;
use crate::domain::campaign::ContactKind;
use crate::domain::claim::Claim;
use crate::domain::ids::{CampaignId, Key};
use crate::domain::refusal::Refusal;
use crate::domain::slip_job::SlipOutcome;
use crate::ledger::LedgerError;
use crate::tui::msg::Msg;

type Answered = Result<Option<Msg>, LedgerError>;

pub(super) fn room(desk: &mut Desk, now: Timestamp) -> Answered {
    let room = desk.sign_up_room(now)?;
    Ok(Some(Msg::SignUpRoomRead(Box::new(room))))
}

/// A look that fails is none: the claim itself will say what is wrong.
pub(super) fn look(
    desk: &mut Desk,
    number: u64,
    campaign: &CampaignId,
    contacts: &[(ContactKind, String)],
    now: Timestamp,
) -> Option<Msg> {
    let look = desk.look_for(campaign, contacts, now).ok()?.ok()?;
    Some(Msg::Looked { number, look })
}

/// A claim as it is answered, or why there is none.
pub(super) fn claimed(key: Key, claim: Result<Claim, Refusal>) -> Msg {
    match claim {
        Ok(claim) => Msg::Claimed {
            key,
            claim: Box::new(claim),
        },
        Err(refusal) => Msg::SignUpRefused {
            words: refusal.to_string(),
        },
    }
}

pub(super) fn given_out(desk: &mut Desk, now: Timestamp) -> Answered {
    let choices = desk.given_out(now)?;
    Ok(Some(Msg::GivenOutListed { choices }))
}

pub(super) fn cancel(desk: &mut Desk, code: String, reason: &str, now: Timestamp) -> Answered {
    let problem = desk
        .cancel(&code, reason, now)?
        .err()
        .map(|refusal| refusal.to_string());
    Ok(Some(Msg::Cancelled { code, problem }))
}

pub(super) fn slips(desk: &mut Desk, now: Timestamp) -> Answered {
    let slips = desk.open_slips(now)?;
    Ok(Some(Msg::SlipsListed { slips }))
}

pub(super) fn reprint(desk: &mut Desk, code: &str, now: Timestamp) -> Answered {
    Ok(Some(match desk.order_slip(code.as_bytes(), now)? {
        Ok(job) => Msg::SlipOrdered { job: Box::new(job) },
        Err(refusal) => Msg::SlipRefused {
            words: refusal.to_string(),
        },
    }))
}

/// The list of doubtful slips is read anew: this one may be off it, or on it.
pub(super) fn note_slip(
    desk: &mut Desk,
    number: i64,
    outcome: &SlipOutcome,
    now: Timestamp,
) -> Answered {
    desk.slip_done(number, outcome)?;
    slips(desk, now)
}

pub(super) fn settle_slip(desk: &mut Desk, number: i64, now: Timestamp) -> Answered {
    match desk.settle_slip(number, now)? {
        Ok(()) => slips(desk, now),
        Err(refusal) => Ok(Some(Msg::SlipRefused {
            words: refusal.to_string(),
        })),
    }
}
