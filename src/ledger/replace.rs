//! Replacing a lost code: its life ends, and its customer gets another, in one transaction.

use crate::domain::claim::{Claim, ClaimContext, ClaimWord};
use crate::domain::ids::{CampaignId, Key};
use crate::domain::notes::Notes;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::domain::wire::{Asked, Question, Standing, Told, Verb};
use crate::ledger::assign::{Asks, Case, ClaimRequest, Claimed, Next};
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{CodeRow, by_id, look_up};
use crate::ledger::error::Cause;
use crate::ledger::link::Rights;
use crate::ledger::log::{end_replaced, no_such};
use crate::ledger::witness::{self, FromHub, Witnessed};
use crate::ledger::{Act, Ledger, LedgerError, Writing, campaigns};

/// Why a store replaces nothing that it does not hold.
const ELSEWHERE: &str = "the hub, or another store, holds this code and may be honouring it now, so \
    nothing was changed here: ask again under the same key once the hub is in reach";

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
        Ok(match self.replace_asking(request, Asks::Never, act)? {
            Ok(Claimed::Answered(claim)) => Ok(*claim),
            Ok(Claimed::Ask(_)) => {
                return Err(LedgerError {
                    op: "replace",
                    thing: "a code".into(),
                    cause: Cause::Damaged("the hub was to be asked where it cannot be".into()),
                });
            }
            Err(refusal) => Err(refusal),
        })
    }

    /// The same where the hub is in reach: a code that this ledger does not hold is the hub's to
    /// replace, and it is to be asked. What it answers goes to [`Ledger::witness_replacement`]. Nothing
    /// is kept as pending: asked again under its key, the hub tells of the same code.
    pub fn replace_or_ask(
        &mut self,
        request: &ReplaceRequest<'_>,
        act: &Act,
    ) -> Result<Result<Claimed, Refusal>, LedgerError> {
        self.replace_asking(request, Asks::Hub, act)
    }

    /// The hub's answer to a replacement: the new code is that customer's here, too. Of the one that it
    /// is for, the hub tells with the next page.
    pub fn witness_replacement(
        &mut self,
        request: &ReplaceRequest<'_>,
        question: &Question,
        asked: &Asked,
        act: &Act,
    ) -> Result<FromHub<Result<Claim, Refusal>>, LedgerError> {
        self.hear_answer(question, asked, act, |writing| {
            witnessed(writing, request, question, asked, act)
        })
    }

    fn replace_asking(
        &mut self,
        request: &ReplaceRequest<'_>,
        asks: Asks,
        act: &Act,
    ) -> Result<Result<Claimed, Refusal>, LedgerError> {
        loop {
            let told = self.write("replace", "a code", |writing| {
                replace(writing, request, asks, act)
            })?;
            if let Some(told) = told {
                return Ok(told);
            }
        }
    }
}

/// The claim that a replacement comes to.
fn claim_of<'r>(replaced: &ReplaceRequest<'r>, campaign: &'r CampaignId) -> ClaimRequest<'r> {
    ClaimRequest {
        campaign,
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
    }
}

fn answered(claim: Claim) -> Claimed {
    Claimed::Answered(Box::new(claim))
}

/// A lost slip: the code's life ends, and its customer gets another, in one transaction; none where
/// only the cursor moved on.
pub(crate) fn replace(
    writing: &mut Writing<'_, '_>,
    replaced: &ReplaceRequest<'_>,
    asks: Asks,
    act: &Act,
) -> Result<Option<Result<Claimed, Refusal>>, Cause> {
    let (Some(row), _) = look_up(writing.tx, replaced.raw, &[])? else {
        return Ok(Some(Err(no_such(replaced.raw))));
    };
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    let name = campaign.id.clone();
    let request = claim_of(replaced, &name);
    let mut case = Case::new(&request, act, row.campaign, campaign);
    case.customer = row.customer;
    case.bound_as = ("replace", Some(row.id));
    if let Some(word) = case.replayed(writing, row.id)? {
        case.note(writing, word)?;
        return case
            .tell_with_slip(writing, word)
            .map(answered)
            .map(Ok)
            .map(Some);
    }
    let elsewhere = Rights::load(writing.tx)?.filter(|_| row.holder != OWN_NODE);
    let may_ask = elsewhere.is_some_and(|rights| rights.standing == Standing::Active);
    if may_ask && asks == Asks::Hub && row.state != CodeState::Void {
        let question = question(replaced, &row, case.key, act);
        return Ok(Some(Ok(Claimed::Ask(Box::new(question)))));
    }
    if row.state != CodeState::Assigned {
        return Ok(Some(Err(Refusal::State(row.state))));
    }
    if replaced.only_unused && row.uses_made > 0 {
        return Ok(Some(Err(Refusal::PartlyUsed(row.uses_made))));
    }
    if case.must_ask(writing)? || elsewhere.is_some() {
        case.because.get_or_insert_with(|| ELSEWHERE.to_owned());
        case.note(writing, ClaimWord::NeedsHub)?;
        return case
            .tell(writing, ClaimWord::NeedsHub)
            .map(answered)
            .map(Ok)
            .map(Some);
    }
    let held = case.live_codes(writing)?.len();
    let (next, grant_number) = match case.next_code(writing)? {
        Next::Code(next, grant_number) => (next, grant_number),
        Next::Passing => return Ok(None),
        Next::End => {
            // Nothing is ended for somebody who cannot have another.
            let word = case.nothing_left(writing)?;
            case.note(writing, word)?;
            return case.tell(writing, word).map(answered).map(Ok).map(Some);
        }
    };
    end_replaced(writing, &row, replaced.reason, replaced.approved_by, act)?;
    // One for one, also where the campaign has come to allow fewer than they have.
    case.limit = case.limit.max(u32::try_from(held).unwrap_or(u32::MAX));
    let word = case.give(writing, &next, grant_number)?;
    case.tell_with_slip(writing, word)
        .map(answered)
        .map(Ok)
        .map(Some)
}

/// The question to the hub.
fn question(replaced: &ReplaceRequest<'_>, row: &CodeRow, key: &Key, act: &Act) -> Question {
    Question {
        counter: act.counter.clone(),
        operator: act.operator.clone(),
        key: key.to_string(),
        number: 0,
        verb: Verb::Replace {
            code: row.folded.clone(),
            reason: replaced.reason.to_owned(),
            approved_by: replaced.approved_by.map(str::to_owned),
            only_unused: replaced.only_unused,
        },
    }
}

fn witnessed(
    writing: &mut Writing<'_, '_>,
    replaced: &ReplaceRequest<'_>,
    question: &Question,
    asked: &Asked,
    act: &Act,
) -> Result<Result<Claim, Refusal>, Cause> {
    let Told::Assigned {
        word,
        entry,
        because,
    } = &asked.told
    else {
        return Err(Cause::Unexpected(
            "the hub's answer is not about a replacement",
        ));
    };
    let (Some(old), _) = look_up(writing.tx, replaced.raw, &[])? else {
        return Ok(Err(no_such(replaced.raw)));
    };
    let campaign = campaigns::load(writing.tx, old.campaign)?;
    let name = campaign.id.clone();
    let request = claim_of(replaced, &name);
    let mut case = Case::new(&request, act, old.campaign, campaign);
    case.because.clone_from(because);
    case.customer = old.customer;
    let told = witness::take(writing, asked)?;
    let is_bound = case.replayed(writing, old.id)?.is_some();
    if let (Some(row), Some(entry), false) = (&told, entry, is_bound) {
        let witnessed = Witnessed {
            question,
            key: case.key,
            entry,
            verb: "replace",
            replaced: Some(old.id),
            reason: Some(replaced.reason.to_owned()),
            overrode: &[],
        };
        witnessed.append(writing, Some(row), asked.code.as_ref(), act)?;
    }
    if let Some(row) = told {
        case.customer = row.customer;
        case.told = by_id(writing.tx, row.id)?;
    }
    if *word != ClaimWord::Assigned {
        case.note(writing, *word)?;
    }
    let mut claim = case.tell_with_slip(writing, *word)?;
    claim.assignment_id = claim.assignment_id.or_else(|| entry.clone());
    Ok(Ok(claim))
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
