//! Replacing a lost code: its life ends, and its customer gets another, in one transaction.

use crate::domain::claim::{Claim, ClaimContext, ClaimWord};
use crate::domain::ids::Key;
use crate::domain::notes::Notes;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::assign::{Case, ClaimRequest, Next, Told};
use crate::ledger::codes::{by_id, look_up};
use crate::ledger::error::Cause;
use crate::ledger::log::{end_life, no_such};
use crate::ledger::{Act, Ledger, LedgerError, Writing, campaigns};

/// A replacement as it is asked.
#[derive(Debug, Clone)]
pub struct ReplaceRequest<'a> {
    /// The lost code, as typed or scanned.
    pub raw: &'a [u8],
    /// Why, in a person's words.
    pub reason: &'a str,
    /// The caller's own key.
    pub key: Option<&'a Key>,
    /// The key to use where the caller has none.
    pub minted: &'a Key,
    /// The manager who approved, where one was asked.
    pub approved_by: Option<&'a str>,
    /// Refuse a code of which uses were made: the new one has them all.
    pub only_unused: bool,
    /// Store the slip of the new code.
    pub prints: bool,
    /// Random bytes, as a claim needs them.
    pub random: [u8; 14],
}

impl Ledger {
    /// Ends a code's life and gives its customer another, in one transaction. With an empty pool
    /// nothing is ended.
    pub fn replace(
        &mut self,
        request: &ReplaceRequest<'_>,
        act: &Act,
    ) -> Result<Result<Claim, Refusal>, LedgerError> {
        loop {
            let told = self.write("replace", "a code", |writing| {
                replace(writing, request, act)
            })?;
            if let Some(told) = told {
                return Ok(told);
            }
        }
    }
}

/// A lost slip: the code's life ends, and its customer gets another, in one transaction.
fn replace(
    writing: &mut Writing<'_, '_>,
    replaced: &ReplaceRequest<'_>,
    act: &Act,
) -> Result<Told, Cause> {
    let (Some(row), _) = look_up(writing.tx, replaced.raw, &[])? else {
        return Ok(Some(Err(no_such(replaced.raw))));
    };
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    let name = campaign.id.clone();
    let request = ClaimRequest {
        campaign: &name,
        contacts: &[],
        context: ClaimContext::Send,
        key: replaced.key,
        minted: replaced.minted,
        trigger: Some("replace"),
        notes: Notes::default(),
        resends: false,
        prints: replaced.prints,
        name: None,
        consents: false,
        random: replaced.random,
    };
    let mut case = Case::new(&request, act, row.campaign, campaign);
    case.customer = row.customer;
    case.bound_as = ("replace", Some(row.id));
    if let Some(word) = case.replayed(writing, row.id)? {
        case.note(writing, word)?;
        return case.tell_with_slip(writing, word).map(Ok).map(Some);
    }
    if row.state != CodeState::Assigned {
        return Ok(Some(Err(Refusal::State(row.state))));
    }
    if replaced.only_unused && row.uses_made > 0 {
        return Ok(Some(Err(Refusal::PartlyUsed(row.uses_made))));
    }
    if case.must_ask(writing)? {
        case.note(writing, ClaimWord::NeedsHub)?;
        return case.tell(writing, ClaimWord::NeedsHub).map(Ok).map(Some);
    }
    let held = case.live_codes(writing)?.len();
    let (next, grant_number) = match case.next_code(writing)? {
        Next::Code(next, grant_number) => (next, grant_number),
        Next::Passing => return Ok(None),
        Next::End => {
            // Nothing is ended for somebody who cannot have another.
            let word = case.nothing_left(writing)?;
            case.note(writing, word)?;
            return case.tell(writing, word).map(Ok).map(Some);
        }
    };
    end_life(writing, &row, replaced.reason, replaced.approved_by, act)?;
    // One for one, also where the campaign has come to allow fewer than they have.
    case.limit = case.limit.max(u32::try_from(held).unwrap_or(u32::MAX));
    let word = case.give(writing, &next, grant_number)?;
    case.tell_with_slip(writing, word).map(Ok).map(Some)
}

impl Case<'_> {
    /// What a replacement's key says, where it was used before.
    fn replayed(
        &mut self,
        writing: &Writing<'_, '_>,
        replaced: i64,
    ) -> Result<Option<ClaimWord>, Cause> {
        let bound = writing.tx.one(
            "SELECT k.verb, k.subject, e.code FROM act_key k JOIN entry e ON e.id = k.entry \
             WHERE k.caller = $1 AND k.key = $2",
            &[(&self.act.counter).into(), self.key.as_str().into()],
            |row| Ok((row.text(0)?, row.int(1)?, row.maybe_int(2)?)),
        )?;
        let Some((verb, subject, code)) = bound else {
            return Ok(None);
        };
        let (true, Some(code)) = (verb == "replace" && subject == replaced, code) else {
            return Ok(Some(ClaimWord::KeyConflict));
        };
        self.told = by_id(writing.tx, code)?;
        self.customer = self.told.as_ref().and_then(|told| told.customer);
        Ok(Some(ClaimWord::Replayed))
    }
}
