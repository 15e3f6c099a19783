//! Asking the hub what this ledger may not decide alone: a code that another node holds, a claim that
//! only the hub may answer, a redemption that only the hub may undo.
//!
//! Two ways lead here. The command line asks and waits, with [`redeem`], [`assign`],
//! [`replace`] and [`reverse`].
//! A console never waits for the network: it takes the question from `scan_or_ask`, `sign_up_or_ask`,
//! `replace_or_ask` or `undo_or_ask`, has another thread ask it, and brings what was heard to
//! `heard_scan`, `heard_sign_up`, `heard_replacement` or `heard_undo`.

use std::time::Duration;

use jiff::Timestamp;

use crate::desk::find::replacement_of;
use crate::desk::sign_up::claim_of;
use crate::desk::{Desk, Extra, Moment, Replaced, Scanned, act, mint_key, random};
use crate::domain::claim::Claim;
use crate::domain::finding::ReplaceAsk;
use crate::domain::ids::EntryId;
use crate::domain::refusal::Refusal;
use crate::domain::reversal::Reversal;
use crate::domain::sign_up::SignUpAsk;
use crate::domain::verdict::{Answer, Approval};
use crate::domain::wire::{AskHub, Asked, Question, Told, Verb};
use crate::ledger::{
    Act, ClaimRequest, Claimed, FromHub, HeardBy, Judged, Ledger, LedgerError, ReplaceRequest,
    Scan, Undo, UndoRequest, Undone,
};

/// How long a counter waits for the hub's answer.
pub const ASK_DEADLINE: Duration = Duration::from_millis(1_500);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// Certainly nothing was done: it did not reach the hub, or the hub refused to hear it.
    NotSent,
    /// It may have been done: only asking again under the same key tells.
    NoAnswer,
}

/// The line to the hub.
pub trait HubLine {
    /// Puts one question, and waits for its answer no longer than this.
    fn ask(&mut self, ask: &AskHub, deadline: Duration) -> Result<Asked, Miss>;
}

/// What was sought, or what the hub is to be asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought<T, Q> {
    /// The answer.
    Answered(T),
    /// To be asked of the hub; nothing may be said before.
    AskHub(Box<Q>),
}

/// A scan about which the hub is asked.
#[derive(Debug, Clone)]
pub struct AskedScan {
    /// The question.
    pub question: Question,
    raw: Vec<u8>,
    extra: Extra,
    /// Who was signed in: it is theirs, whoever comes before the answer.
    by: Option<String>,
}

/// A sign-up about which the hub is asked.
#[derive(Debug, Clone)]
pub struct AskedSignUp {
    /// The question.
    pub question: Question,
    ask: SignUpAsk,
    /// Who was signed in: it is theirs, whoever comes before the answer.
    by: Option<String>,
}

/// A replacement about which the hub is asked.
#[derive(Debug, Clone)]
pub struct AskedReplacement {
    /// The question.
    pub question: Question,
    ask: ReplaceAsk,
    approval: Option<Approval>,
    /// Who was signed in: it is theirs, whoever comes before the answer.
    by: Option<String>,
}

/// An undo about which the hub is asked.
#[derive(Debug, Clone)]
pub struct AskedUndo {
    /// The question.
    pub question: Question,
    redemption: EntryId,
    reason: String,
    approval: Option<Approval>,
    /// Who was signed in: it is theirs, whoever comes before the answer.
    by: Option<String>,
}

/// Judges a scan, and asks the hub where it must be asked.
pub fn redeem(
    ledger: &mut Ledger,
    scan: &Scan<'_>,
    line: Option<&mut dyn HubLine>,
    act: &Act,
) -> Result<Answer, LedgerError> {
    let Some(line) = line else {
        return ledger.redeem(scan, act);
    };
    match ledger.redeem_or_ask(scan, act)? {
        Judged::Answered(answer) => Ok(*answer),
        Judged::Ask(question) => {
            let ask = ledger.ask_of(&question, act.now)?;
            let heard = line.ask(&ask, ASK_DEADLINE);
            heard_of_scan(ledger, scan, (&question, heard), HeardBy::Caller, act)
        }
    }
}

fn heard_of_scan(
    ledger: &mut Ledger,
    scan: &Scan<'_>,
    (question, heard): (&Question, Result<Asked, Miss>),
    heard_by: HeardBy,
    act: &Act,
) -> Result<Answer, LedgerError> {
    match heard {
        Ok(asked) => match ledger.witness(question, &asked, heard_by, act)? {
            FromHub::Answer(answer) => Ok(answer),
            FromHub::NothingDone => ledger.redeem(scan, act),
            FromHub::NoAnswer => ledger.unanswered(scan, act),
        },
        Err(Miss::NotSent) => {
            ledger.not_asked(question)?;
            ledger.redeem(scan, act)
        }
        Err(Miss::NoAnswer) => ledger.unanswered(scan, act),
    }
}

/// Answers a claim, and asks the hub where only the hub may.
pub fn assign(
    ledger: &mut Ledger,
    request: &ClaimRequest<'_>,
    line: Option<&mut dyn HubLine>,
    act: &Act,
) -> Result<Result<Claim, Refusal>, LedgerError> {
    let Some(line) = line else {
        return ledger.assign(request, act);
    };
    match ledger.assign_or_ask(request, act)? {
        Err(refusal) => Ok(Err(refusal)),
        Ok(Claimed::Answered(claim)) => Ok(Ok(*claim)),
        Ok(Claimed::Ask(question)) => {
            let ask = ledger.ask_of(&question, act.now)?;
            let heard = line.ask(&ask, ASK_DEADLINE);
            heard_of_claim(ledger, request, (&question, heard), act)
        }
    }
}

fn heard_of_claim(
    ledger: &mut Ledger,
    request: &ClaimRequest<'_>,
    (question, heard): (&Question, Result<Asked, Miss>),
    act: &Act,
) -> Result<Result<Claim, Refusal>, LedgerError> {
    if let Ok(asked) = heard
        && let FromHub::Answer(claim) = ledger.witness_claim(request, question, &asked, act)?
    {
        return Ok(claim);
    }
    // Asked again under its key, or for the same customer, it is the same code.
    ledger.assign(request, act)
}

/// Ends a code and gives its customer another, and asks the hub where only the hub may.
pub fn replace(
    ledger: &mut Ledger,
    request: &ReplaceRequest<'_>,
    line: Option<&mut dyn HubLine>,
    act: &Act,
) -> Result<Result<Claim, Refusal>, LedgerError> {
    let Some(line) = line else {
        return ledger.replace(request, act);
    };
    match ledger.replace_or_ask(request, act)? {
        Err(refusal) => Ok(Err(refusal)),
        Ok(Claimed::Answered(claim)) => Ok(Ok(*claim)),
        Ok(Claimed::Ask(question)) => {
            let ask = ledger.ask_of(&question, act.now)?;
            let heard = line.ask(&ask, ASK_DEADLINE);
            heard_of_replacement(ledger, request, (&question, heard), act)
        }
    }
}

fn heard_of_replacement(
    ledger: &mut Ledger,
    request: &ReplaceRequest<'_>,
    (question, heard): (&Question, Result<Asked, Miss>),
    act: &Act,
) -> Result<Result<Claim, Refusal>, LedgerError> {
    if let Ok(asked) = heard
        && let FromHub::Answer(claim) =
            ledger.witness_replacement(request, question, &asked, act)?
    {
        return Ok(claim);
    }
    // Asked again under its key, it is the same code.
    ledger.replace(request, act)
}

/// Undoes a redemption, and asks the hub where only the hub may.
pub fn reverse(
    ledger: &mut Ledger,
    request: &UndoRequest<'_>,
    line: Option<&mut dyn HubLine>,
    act: &Act,
) -> Result<Reversal, LedgerError> {
    let Some(line) = line else {
        return ledger.reverse(request, act);
    };
    let mut undone = ledger.reverse_or_ask(request, act)?;
    loop {
        let question = match undone {
            Undone::Answered(reversal) => return Ok(reversal),
            Undone::Ask(question) => question,
        };
        let ask = ledger.ask_of(&question, act.now)?;
        let mut heard = line.ask(&ask, ASK_DEADLINE);
        if is_unnamed(&question) {
            if let Some(newest) = newest_named(&heard) {
                undone = ledger.reverse_newest_or_ask(request, &newest, act)?;
                continue;
            }
            // Nothing is done by asking for a name.
            if heard.is_err() {
                heard = Err(Miss::NotSent);
            }
        }
        return heard_of_reversal(ledger, request, (&question, heard), act);
    }
}

fn is_unnamed(question: &Question) -> bool {
    matches!(
        question.verb,
        Verb::Reverse {
            redemption: None,
            ..
        }
    )
}

/// The redemption that the hub names as the newest of the code.
fn newest_named(heard: &Result<Asked, Miss>) -> Option<EntryId> {
    match heard {
        Ok(Asked {
            told: Told::Newest { redemption },
            ..
        }) => redemption.parse().ok(),
        Ok(_) | Err(_) => None,
    }
}

fn heard_of_reversal(
    ledger: &mut Ledger,
    request: &UndoRequest<'_>,
    (question, heard): (&Question, Result<Asked, Miss>),
    act: &Act,
) -> Result<Reversal, LedgerError> {
    match heard {
        Ok(asked) => match ledger.witness_reversal(question, &asked, act)? {
            FromHub::Answer(reversal) => Ok(reversal),
            FromHub::NothingDone => ledger.reverse(request, act),
            FromHub::NoAnswer => ledger.unanswered_reversal(request, act),
        },
        Err(Miss::NotSent) => {
            ledger.not_asked(question)?;
            ledger.reverse(request, act)
        }
        Err(Miss::NoAnswer) => ledger.unanswered_reversal(request, act),
    }
}

impl Desk {
    /// Like [`Desk::scan`], where the hub is in reach: what it must be asked is answered as a question,
    /// and what was heard goes to [`Desk::heard_scan`].
    pub fn scan_or_ask(
        &mut self,
        raw: &[u8],
        extra: &Extra,
        moment: Moment,
    ) -> Result<Sought<Scanned, AskedScan>, LedgerError> {
        if let Some(operator) = self.badge_of(raw, extra, moment.now)? {
            return Ok(Sought::Answered(Scanned::Badge(operator)));
        }
        let act = self.act(moment.now)?;
        let minted = mint_key(moment.now)?;
        let judged = self.with_scan(raw, extra, &minted, moment, |ledger, scan| {
            ledger.redeem_or_ask(scan, &act)
        })?;
        Ok(match judged {
            Judged::Answered(answer) => Sought::Answered(self.read(*answer, moment)),
            Judged::Ask(question) => Sought::AskHub(Box::new(AskedScan {
                question: *question,
                raw: raw.to_vec(),
                extra: extra.clone(),
                by: act.operator,
            })),
        })
    }

    /// What was heard from the hub about a scan.
    pub fn heard_scan(
        &mut self,
        asked: &AskedScan,
        heard: Result<Asked, Miss>,
        moment: Moment,
    ) -> Result<Scanned, LedgerError> {
        let act = act(&self.counter, asked.by.as_deref(), moment.now)?;
        let minted = mint_key(moment.now)?;
        let answer =
            self.with_scan(&asked.raw, &asked.extra, &minted, moment, |ledger, scan| {
                let heard = (&asked.question, heard);
                heard_of_scan(ledger, scan, heard, HeardBy::Console, &act)
            })?;
        Ok(self.read(answer, moment))
    }

    /// Like [`Desk::sign_up`], where the hub is in reach.
    pub fn sign_up_or_ask(
        &mut self,
        ask: &SignUpAsk,
        now: Timestamp,
    ) -> Result<Sought<Result<Claim, Refusal>, AskedSignUp>, LedgerError> {
        let act = self.act(now)?;
        let request = claim_of(ask, random()?);
        Ok(match self.ledger.assign_or_ask(&request, &act)? {
            Err(refusal) => Sought::Answered(Err(refusal)),
            Ok(Claimed::Answered(claim)) => Sought::Answered(Ok(*claim)),
            Ok(Claimed::Ask(question)) => Sought::AskHub(Box::new(AskedSignUp {
                question: *question,
                ask: ask.clone(),
                by: act.operator,
            })),
        })
    }

    /// What was heard from the hub about a sign-up.
    pub fn heard_sign_up(
        &mut self,
        asked: &AskedSignUp,
        heard: Result<Asked, Miss>,
        now: Timestamp,
    ) -> Result<Result<Claim, Refusal>, LedgerError> {
        let act = act(&self.counter, asked.by.as_deref(), now)?;
        let request = claim_of(&asked.ask, random()?);
        heard_of_claim(&mut self.ledger, &request, (&asked.question, heard), &act)
    }

    /// Like [`Desk::replace`], where the hub is in reach.
    pub fn replace_or_ask(
        &mut self,
        ask: &ReplaceAsk,
        approval: Option<&Approval>,
        now: Timestamp,
    ) -> Result<Sought<Replaced, AskedReplacement>, LedgerError> {
        if let Some(refused) = self.replace_refused(ask, approval, now)? {
            return Ok(Sought::Answered(refused));
        }
        let act = self.act(now)?;
        let request = replacement_of(ask, approval, random()?);
        Ok(match self.ledger.replace_or_ask(&request, &act)? {
            Err(refusal) => Sought::Answered(Replaced::Refused(refusal)),
            Ok(Claimed::Answered(claim)) => Sought::Answered(Replaced::Answered(claim)),
            Ok(Claimed::Ask(question)) => Sought::AskHub(Box::new(AskedReplacement {
                question: *question,
                ask: ask.clone(),
                approval: approval.cloned(),
                by: act.operator,
            })),
        })
    }

    /// What was heard from the hub about a replacement.
    pub fn heard_replacement(
        &mut self,
        asked: &AskedReplacement,
        heard: Result<Asked, Miss>,
        now: Timestamp,
    ) -> Result<Replaced, LedgerError> {
        let act = act(&self.counter, asked.by.as_deref(), now)?;
        let request = replacement_of(&asked.ask, asked.approval.as_ref(), random()?);
        let heard = (&asked.question, heard);
        Ok(
            match heard_of_replacement(&mut self.ledger, &request, heard, &act)? {
                Ok(claim) => Replaced::Answered(Box::new(claim)),
                Err(refusal) => Replaced::Refused(refusal),
            },
        )
    }

    /// Like [`Desk::undo`], where the hub is in reach.
    pub fn undo_or_ask(
        &mut self,
        redemption: &EntryId,
        reason: &str,
        approval: Option<&Approval>,
        now: Timestamp,
    ) -> Result<Sought<Reversal, AskedUndo>, LedgerError> {
        let act = self.act(now)?;
        let minted = mint_key(now)?;
        let request = UndoRequest {
            undo: Undo::Redemption(redemption),
            reason,
            key: None,
            minted: &minted,
            approval,
        };
        Ok(match self.ledger.reverse_or_ask(&request, &act)? {
            Undone::Answered(reversal) => Sought::Answered(self.undone(reversal)),
            Undone::Ask(question) => Sought::AskHub(Box::new(AskedUndo {
                question: *question,
                redemption: redemption.clone(),
                reason: reason.to_owned(),
                approval: approval.cloned(),
                by: act.operator,
            })),
        })
    }

    /// What was heard from the hub about an undo.
    pub fn heard_undo(
        &mut self,
        asked: &AskedUndo,
        heard: Result<Asked, Miss>,
        now: Timestamp,
    ) -> Result<Reversal, LedgerError> {
        let act = act(&self.counter, asked.by.as_deref(), now)?;
        let minted = mint_key(now)?;
        let request = UndoRequest {
            undo: Undo::Redemption(&asked.redemption),
            reason: &asked.reason,
            key: None,
            minted: &minted,
            approval: asked.approval.as_ref(),
        };
        let heard = (&asked.question, heard);
        let reversal = heard_of_reversal(&mut self.ledger, &request, heard, &act)?;
        Ok(self.undone(reversal))
    }
}
