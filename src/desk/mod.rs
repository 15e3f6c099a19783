//! The verbs of the counter: redeem, undo, sign in, approve. Used by the console, the command line
//! and the tests alike.
//!
//! Not here: the clock (a [`Moment`] comes in) and any terminal.

mod away;
mod bad_file;
mod campaigns;
mod conflicts;
pub mod doctor;
mod find;
mod give_up;
mod log;
mod operators;
pub mod pool_watch;
mod pools;
pub mod preflight;
mod recent;
mod report;
mod set_up;
mod sign_up;
mod slips;

use std::time::Duration;

use jiff::Timestamp;

pub use crate::desk::away::{
    ASK_DEADLINE, AskedReplacement, AskedScan, AskedSignUp, AskedUndo, HubLine, Miss, Sought,
    assign, redeem, replace, reverse,
};
pub use crate::desk::bad_file::BadFile;
pub use crate::desk::find::Replaced;
pub use crate::desk::log::{ExportFault, Exported, LogExport};
pub use crate::desk::operators::BadgeRead;
pub use crate::desk::set_up::{MODE_PRIVATE, MODE_SHARED, counter_fault, set_up, set_up_in};
pub use crate::desk::slips::{PrintedSlip, SlipPrinter};

use crate::desk::recent::Recent;
use crate::domain::entry::instant;
use crate::domain::gs1::{self, Gs1, Gs1Rules};
use crate::domain::ids::{EntryId, Key};
use crate::domain::operator::{Operator, Role};
use crate::domain::reading::is_checked;
use crate::domain::refusal::Refusal;
use crate::domain::reversal::{Reversal, UndoChoice};
use crate::domain::verdict::{Answer, Approval, Band};
use crate::ledger::{Act, Cause, Ledger, LedgerError, Scan, Undo, UndoRequest};

/// The two clocks, read once for an act: the wall's, and one that never jumps.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The wall clock.
    pub now: Timestamp,
    /// Time since some fixed start, for windows of seconds.
    pub elapsed: Duration,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// An operator's badge.
    Badge(Operator),
    /// Anything else, judged.
    Judged(Box<Answer>),
}

/// What is known of a scan beside what is judged, most of it from a person.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// The receipt number.
    pub receipt: Option<String>,
    /// Who the customer is: an id or a contact.
    pub customer: Option<String>,
    /// A manager's approval.
    pub approval: Option<Approval>,
    /// What came, where the scan is what the counter's keyboard layout makes of it; only kept.
    pub came: Option<Vec<u8>>,
}

/// A console's side of the ledger: one counter, whoever is signed in, and what was read lately.
pub struct Desk {
    ledger: Ledger,
    counter: String,
    allowed_hosts: Vec<String>,
    gs1: Option<Gs1Rules>,
    operator: Option<Operator>,
    recent: Recent,
    /// Of the log, where one is under way.
    export: Option<LogExport>,
}

/// Random bytes from the system's source.
pub fn random<const COUNT: usize>() -> Result<[u8; COUNT], LedgerError> {
    let mut bytes = [0_u8; COUNT];
    getrandom::fill(&mut bytes).map_err(|error| LedgerError {
        op: "draw",
        thing: "random bytes".into(),
        cause: Cause::from(error),
    })?;
    Ok(bytes)
}

/// Fills a buffer from the system's random source.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(bytes)
}

/// An act of this moment.
pub fn act(counter: &str, operator: Option<&str>, now: Timestamp) -> Result<Act, LedgerError> {
    Ok(Act {
        // As the ledger keeps it: what is answered now and what is read back later are the same.
        now: instant(now.as_millisecond()),
        counter: counter.to_owned(),
        operator: operator.map(str::to_owned),
        salt: random()?,
    })
}

/// A key for an act whose caller brought none.
pub fn mint_key(now: Timestamp) -> Result<Key, LedgerError> {
    Ok(Key::mint(now.as_millisecond(), random()?))
}

impl Desk {
    /// A desk on an open ledger.
    pub fn new(ledger: Ledger, counter: &str, allowed_hosts: &[String]) -> Desk {
        Desk {
            ledger,
            counter: counter.to_owned(),
            allowed_hosts: allowed_hosts.to_vec(),
            gs1: None,
            operator: None,
            recent: Recent::default(),
            export: None,
        }
    }

    /// This desk, with codes taken from GS1 texts too; none: as by default, they are not ours.
    #[must_use]
    pub fn with_gs1(self, gs1: Option<Gs1Rules>) -> Desk {
        Desk { gs1, ..self }
    }

    /// The ledger, to read from.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Who is signed in.
    pub fn operator(&self) -> Option<&Operator> {
        self.operator.as_ref()
    }

    /// An act of this counter and whoever is signed in.
    pub fn act(&self, now: Timestamp) -> Result<Act, LedgerError> {
        let operator = self
            .operator
            .as_ref()
            .map(|operator| operator.name.as_str());
        act(&self.counter, operator, now)
    }

    /// A badge signs its operator in; anything else is judged, and used up where it is accepted.
    pub fn scan(
        &mut self,
        raw: &[u8],
        extra: &Extra,
        moment: Moment,
    ) -> Result<Scanned, LedgerError> {
        if let Some(operator) = self.badge_of(raw, extra, moment.now)? {
            return Ok(Scanned::Badge(operator));
        }
        let act = self.act(moment.now)?;
        let minted = mint_key(moment.now)?;
        let answer = self.with_scan(raw, extra, &minted, moment, |ledger, scan| {
            ledger.redeem(scan, &act)
        })?;
        Ok(self.read(answer, moment))
    }

    /// Signs in by badge, as it is read here or as it came: it may be older than the layout.
    pub fn badge_of(
        &mut self,
        raw: &[u8],
        extra: &Extra,
        now: Timestamp,
    ) -> Result<Option<Operator>, LedgerError> {
        match (self.badge_in(raw, now)?, &extra.came) {
            (None, Some(came)) => self.badge_in(came, now),
            (operator, _) => Ok(operator),
        }
    }

    /// Does something with a scan of this counter.
    fn with_scan<T>(
        &mut self,
        raw: &[u8],
        extra: &Extra,
        minted: &Key,
        moment: Moment,
        work: impl FnOnce(&mut Ledger, &Scan<'_>) -> T,
    ) -> T {
        let honoured = self.recent.ages(moment.elapsed);
        let scan = Scan {
            allowed_hosts: &self.allowed_hosts,
            receipt: extra.receipt.as_deref(),
            customer: extra.customer.as_deref(),
            approval: extra.approval.as_ref(),
            honoured: Some(&honoured),
            gs1: self.gs1.as_ref(),
            text: extra.came.as_ref().map(|_| raw),
            ..Scan::new(extra.came.as_deref().unwrap_or(raw), minted)
        };
        work(&mut self.ledger, &scan)
    }

    /// A code that was honoured is read again for as long as it is in view.
    fn read(&mut self, answer: Answer, moment: Moment) -> Scanned {
        if let (Band::Go, Some(code)) = (answer.verdict.band(), &answer.code) {
            self.recent.read(code, moment.elapsed);
        }
        Scanned::Judged(Box::new(answer))
    }

    /// The operator whose badge this is, if it is one; signs nobody in.
    pub fn badge(&mut self, raw: &[u8]) -> Result<Option<Operator>, LedgerError> {
        // Right check letters make it a code, and no badge has them.
        if is_checked(raw) {
            return Ok(None);
        }
        let Some(operator) = self.ledger.operator_of_badge(raw)? else {
            return Ok(None);
        };
        // A code that was imported later and reads the same is a customer's, and is redeemed.
        let meant = self.ledger.meaning(raw, &self.allowed_hosts)?;
        Ok(meant.is_some().then_some(operator))
    }

    /// Whether a scan is neither badge nor code, but something that a field of a form may take, such
    /// as a loyalty number. Judges nothing and writes nothing.
    pub fn may_fill(&mut self, raw: &[u8]) -> Result<bool, LedgerError> {
        if self.badge(raw)?.is_some() {
            return Ok(false);
        }
        if is_checked(raw) {
            return Ok(false);
        }
        let meant = self.ledger.meaning(raw, &self.allowed_hosts)?;
        if !meant.is_some_and(|meant| meant.may_fill()) {
            return Ok(false);
        }
        let gs1 = self
            .gs1
            .as_ref()
            .and_then(|rules| gs1::read(raw, rules, &self.allowed_hosts));
        Ok(match gs1 {
            Some(Gs1::Code(code)) => self.ledger.meaning(code.as_bytes(), &[])?.is_some(),
            Some(Gs1::NoCode) | None => true,
            Some(Gs1::Malformed(_)) => false,
        })
    }

    /// Signs in by badge, and judges nothing. Whoever was signed in before is not any more.
    pub fn badge_in(
        &mut self,
        raw: &[u8],
        now: Timestamp,
    ) -> Result<Option<Operator>, LedgerError> {
        let operator = self.badge(raw)?;
        if operator.is_some() {
            self.note_seen(now);
            self.operator.clone_from(&operator);
            self.note_seen(now);
        }
        Ok(operator)
    }

    /// Acceptances were drawn: they need not be repeated after a crash.
    pub fn mark_shown(&mut self, entries: &[i64]) -> Result<(), LedgerError> {
        self.ledger.mark_shown(entries)
    }

    /// Signs in by name and PIN.
    pub fn sign_in(
        &mut self,
        name: &str,
        pin: &str,
        now: Timestamp,
    ) -> Result<Result<Operator, Refusal>, LedgerError> {
        let act = self.act(now)?;
        let signed_in = self.ledger.sign_in(name, pin, &act)?;
        if let Ok(operator) = &signed_in {
            self.operator = Some(operator.clone());
        }
        Ok(signed_in)
    }

    /// Signs out.
    pub fn sign_out(&mut self, now: Timestamp) {
        self.note_seen(now);
        self.operator = None;
    }

    /// A manager's approval by name and PIN. Where nobody signs in, nobody needs to prove it.
    pub fn approve(
        &mut self,
        manager: Option<(&str, &str)>,
        reason: &str,
        now: Timestamp,
    ) -> Result<Result<Approval, Refusal>, LedgerError> {
        let reason = reason.to_owned();
        let Some((name, pin)) = manager else {
            let operators = self.ledger.operators()?;
            return Ok(match operators.first() {
                None => Ok(Approval { by: None, reason }),
                Some(_) => Err(Refusal::WrongPin),
            });
        };
        let act = self.act(now)?;
        Ok(match self.ledger.sign_in(name, pin, &act)? {
            Ok(operator) if operator.role == Role::Manager => Ok(Approval {
                by: Some(operator.name),
                reason,
            }),
            Ok(operator) => Err(Refusal::NotAManager(operator.name)),
            Err(refusal) => Err(refusal),
        })
    }

    /// This counter's newest redemptions, to choose one to undo.
    pub fn undo_choices(&mut self, now: Timestamp) -> Result<Vec<UndoChoice>, LedgerError> {
        const SHOWN_MAX: usize = 20;
        let act = self.act(now)?;
        self.ledger.undo_choices(SHOWN_MAX, &act)
    }

    /// Undoes a redemption.
    pub fn undo(
        &mut self,
        redemption: &EntryId,
        reason: &str,
        approval: Option<&Approval>,
        now: Timestamp,
    ) -> Result<Reversal, LedgerError> {
        let act = self.act(now)?;
        let minted = mint_key(now)?;
        let request = UndoRequest {
            undo: Undo::Redemption(redemption),
            reason,
            key: None,
            minted: &minted,
            approval,
        };
        let reversal = self.ledger.reverse(&request, &act)?;
        Ok(self.undone(reversal))
    }

    fn undone(&mut self, reversal: Reversal) -> Reversal {
        if let Some(code) = &reversal.code {
            // The next scan of it is a use of its own, however soon.
            self.recent.forget(code);
        }
        reversal
    }
}
