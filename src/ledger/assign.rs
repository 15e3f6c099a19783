//! Giving a code to a customer: once per person and key, by a cursor and a conditional write.

use std::collections::BTreeSet;

use crate::domain::campaign::{Campaign, ContactKind, Rules};
use crate::domain::claim::{
    Claim, ClaimContext, ClaimDecision, ClaimFacts, ClaimKey, ClaimWord, Known, Named, Openness,
    Source, decide, openness, tells_oldest, told_state,
};
use crate::domain::contact::normal_form;
use crate::domain::customer::Name;
use crate::domain::entry::{Fact, Side, instant};
use crate::domain::ids::EntryId;
use crate::domain::ids::{CampaignId, Key};
use crate::domain::notes::Notes;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::domain::wire::{self, Asked, Question};
use crate::ledger::chain::{Appended, OWN_NODE};
use crate::ledger::claim_range;
use crate::ledger::codes::{CodeRow, assignment_of, by_id, is_published, state_number};
use crate::ledger::customers::{
    Recognition, add_contacts, add_customer, add_first_contacts, by_public_id, contacts_of,
    customers_of, has_ever_had, hold as hold_customers, introduce, is_erased, public_id,
    public_id_of, recognise, recognise_by, recognise_new, slots_of, standing, take_first_slot,
    take_slot,
};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::group::Absent;
use crate::ledger::lease::{has_more_elsewhere, is_ours_to_give, must_ask};
use crate::ledger::link::Rights;
use crate::ledger::log::end_life;
use crate::ledger::second_code::alike;
use crate::ledger::tally::{count_hour, move_tally_under};
use crate::ledger::witness::{self, FromHub, Witnessed};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, anonymous, attempts, campaigns, setting_of, slips,
    test_mode, zone_of,
};

/// Codes on the cursor that have ended meanwhile are passed over, so many in one write, so that no
/// till waits; the claim goes on in the next.
const PASSED_OVER_MAX: usize = 200;

/// Codes of one customer that are looked at for one that can be used.
const LOOKED_AT_MAX: usize = 100;

/// Why a code of the pool is ended that nobody was given in time.
const EXPIRED_IN_POOL: &str = "expired before it was given out";

/// A claim as it is asked.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "wishes of a caller that have nothing to do with each other"
)]
pub struct ClaimRequest<'a> {
    /// Of which campaign.
    pub campaign: &'a CampaignId,
    /// How the customer is known, as typed.
    pub contacts: &'a [(ContactKind, String)],
    /// What the code is wanted for.
    pub context: ClaimContext,
    /// The caller's own key.
    pub key: Option<&'a Key>,
    /// The key to use where the caller has none.
    pub minted: &'a Key,
    /// What set it off.
    pub trigger: Option<&'a str>,
    /// What the caller noted beside it.
    pub notes: Notes,
    /// Tell the code even where it is no longer usable.
    pub resends: bool,
    /// Store the slip of a code that is assigned, or told again under its own key.
    pub prints: bool,
    /// What the customer is called; kept where nothing was kept before, as the consent is.
    pub name: Option<&'a str>,
    /// Whether they agree to be written to.
    pub consents: bool,
    /// Random bytes for the id of a new customer.
    pub random: [u8; 14],
}

/// A claim with everything the ledger knows of it.
pub(super) struct Case<'r> {
    request: &'r ClaimRequest<'r>,
    pub(super) act: &'r Act,
    pub(super) key: &'r Key,
    local: i64,
    campaign: Campaign,
    /// What the customer is called.
    name: Option<Name>,
    /// The contacts in normal form.
    contacts: Vec<(ContactKind, String)>,
    pub(super) customer: Option<i64>,
    /// Live codes that the customer has beyond the campaign's limit.
    beyond_limit: u32,
    /// What the key is bound to, where a code is drawn: the verb, and the code that it replaces.
    pub(super) bound_as: (&'static str, Option<i64>),
    /// How many codes the customer may have.
    pub(super) limit: u32,
    /// The code that is told of: of the key, else the newest that can be used, else the newest.
    pub(super) told: Option<CodeRow>,
    /// The customer who was made of whoever was not known, with their public id.
    made: Option<(i64, String)>,
    /// The entry by which a code was given just now.
    given_by: Option<EntryId>,
    /// Why nothing is given, in words.
    pub(super) because: Option<String>,
    /// The store that asks this hub; none: it is asked here.
    store: Option<String>,
}

impl Ledger {
    /// Answers a claim; only `send` ever changes the pool. What it answers is committed.
    pub fn assign(
        &mut self,
        request: &ClaimRequest<'_>,
        act: &Act,
    ) -> Result<Result<Claim, Refusal>, LedgerError> {
        Ok(match self.claim(request, Asks::Never, act)? {
            Ok(Claimed::Answered(claim)) => Ok(*claim),
            Ok(Claimed::Ask(_)) => return Err(never_asked(request)),
            Err(refusal) => Err(refusal),
        })
    }

    /// The same where the hub is in reach: where only the hub may give a code, it is to be asked. What
    /// it answers goes to [`Ledger::witness_claim`]. Nothing is kept as pending: asked again, under
    /// its key or for the same customer, the hub tells of the same code.
    pub fn assign_or_ask(
        &mut self,
        request: &ClaimRequest<'_>,
        act: &Act,
    ) -> Result<Result<Claimed, Refusal>, LedgerError> {
        self.claim(request, Asks::Hub, act)
    }

    /// The hub's answer to a claim: its code is that customer's here, too.
    pub fn witness_claim(
        &mut self,
        request: &ClaimRequest<'_>,
        question: &Question,
        asked: &Asked,
        act: &Act,
    ) -> Result<FromHub<Result<Claim, Refusal>>, LedgerError> {
        self.hear_answer(question, asked, act, |writing| {
            witnessed(writing, request, question, asked, act)
        })
    }

    fn claim(
        &mut self,
        request: &ClaimRequest<'_>,
        asks: Asks,
        act: &Act,
    ) -> Result<Result<Claimed, Refusal>, LedgerError> {
        loop {
            let told = self.write("assign from", request.campaign.as_str(), |writing| {
                assign(writing, request, asks, None, act)
            })?;
            if let Some(told) = told {
                return Ok(told);
            }
        }
    }
}

fn never_asked(request: &ClaimRequest<'_>) -> LedgerError {
    LedgerError {
        op: "assign from",
        thing: request.campaign.to_string(),
        cause: Cause::Damaged("the hub was to be asked where it cannot be".into()),
    }
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// It was answered; what the answer says is committed.
    Answered(Box<Claim>),
    /// Only the hub may answer it, and is to be asked this.
    Ask(Box<Question>),
}

/// Whether the hub is asked where only it may give a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// It is.
    Hub,
    /// It is not, or cannot be.
    Never,
}

/// Where the cursor came to.
pub(super) enum Next {
    /// A code to give, under the grant by which this ledger holds it.
    Code(Box<CodeRow>, i64),
    /// No code is left.
    End,
    /// Past as many ended codes as one write may.
    Passing,
}

/// Answers a claim, of this ledger's own counters or of a store that asks this hub; none where only
/// the cursor moved on.
pub(crate) fn assign(
    writing: &mut Writing<'_, '_>,
    request: &ClaimRequest<'_>,
    asks: Asks,
    store: Option<&str>,
    act: &Act,
) -> Result<Option<Result<Claimed, Refusal>>, Cause> {
    let Some((local, campaign)) = campaigns::find(writing.tx, request.campaign)? else {
        return Ok(Some(Err(Refusal::NoSuchCampaign(request.campaign.clone()))));
    };
    let name = match request.name.map(str::parse::<Name>).transpose() {
        Ok(name) => name,
        Err(fault) => return Ok(Some(Err(Refusal::Faulty(fault.0)))),
    };
    let mut case = Case {
        name,
        store: store.map(str::to_owned),
        ..Case::new(request, act, local, campaign)
    };
    let Some(word) = case.answer(writing)? else {
        return Ok(None);
    };
    if word == ClaimWord::NeedsHub && asks == Asks::Hub && !writing.head.is_behind() {
        return Ok(Some(Ok(Claimed::Ask(Box::new(case.question())))));
    }
    case.introduce(writing, word)?;
    case.learn(writing, word)?;
    if word != ClaimWord::Assigned {
        case.note(writing, word)?;
    }
    let claim = case.tell_with_slip(writing, word)?;
    Ok(Some(Ok(Claimed::Answered(Box::new(claim)))))
}

fn witnessed(
    writing: &mut Writing<'_, '_>,
    request: &ClaimRequest<'_>,
    question: &Question,
    asked: &Asked,
    act: &Act,
) -> Result<Result<Claim, Refusal>, Cause> {
    let wire::Told::Assigned {
        word,
        entry,
        because,
    } = &asked.told
    else {
        return Err(Cause::Unexpected("the hub's answer is not about a claim"));
    };
    let Some((local, campaign)) = campaigns::find(writing.tx, request.campaign)? else {
        return Ok(Err(Refusal::NoSuchCampaign(request.campaign.clone())));
    };
    let name = match request.name.map(str::parse::<Name>).transpose() {
        Ok(name) => name,
        Err(fault) => return Ok(Err(Refusal::Faulty(fault.0))),
    };
    let mut case = Case {
        name,
        because: because.clone(),
        ..Case::new(request, act, local, campaign)
    };
    for (kind, text) in request.contacts {
        if let Ok(form) = normal_form(*kind, text, writing.phone_region) {
            case.contacts.push((*kind, form));
        }
    }
    let row = witness::take(writing, asked)?;
    case.customer = match (&row, &asked.customer) {
        (Some(row), _) if row.customer.is_some() => row.customer,
        (_, Some(told)) => by_public_id(writing.tx, &told.customer)?.map(|(id, _)| id),
        _ => None,
    };
    let is_bound = case.binding(writing)? != ClaimKey::Free;
    if let Some(customer) = case.customer.filter(|_| word.tells_code()) {
        case.keep_contacts(writing, customer, true)?;
    }
    let is_given = matches!(word, ClaimWord::Assigned | ClaimWord::Replayed);
    if let (Some(row), Some(entry), true) = (&row, entry, is_given && !is_bound) {
        let witnessed = Witnessed {
            question,
            key: case.key,
            entry,
            verb: "assign",
            replaced: None,
            reason: None,
            overrode: &[],
        };
        witnessed.append(writing, Some(row), asked.code.as_ref(), act)?;
    }
    case.told = match &row {
        Some(row) => by_id(writing.tx, row.id)?,
        None => None,
    };
    case.introduce(writing, *word)?;
    if *word != ClaimWord::Assigned {
        case.note(writing, *word)?;
    }
    let mut claim = case.tell_with_slip(writing, *word)?;
    claim.assignment_id = claim.assignment_id.or_else(|| entry.clone());
    Ok(Ok(claim))
}

impl<'r> Case<'r> {
    pub(super) fn new(
        request: &'r ClaimRequest<'r>,
        act: &'r Act,
        local: i64,
        campaign: Campaign,
    ) -> Case<'r> {
        Case {
            request,
            act,
            key: request.key.unwrap_or(request.minted),
            local,
            limit: campaign.rules.per_customer,
            campaign,
            name: None,
            contacts: Vec::new(),
            customer: None,
            beyond_limit: 0,
            bound_as: ("assign", None),
            told: None,
            made: None,
            given_by: None,
            because: None,
            store: None,
        }
    }
}

impl Case<'_> {
    /// The store in which the code is given.
    fn store<'s>(&'s self, writing: &'s Writing<'_, '_>) -> &'s str {
        self.store.as_deref().unwrap_or(&writing.head.store)
    }

    /// The question to the hub, which alone may give a code.
    fn question(&self) -> Question {
        Question {
            counter: self.act.counter.clone(),
            operator: self.act.operator.clone(),
            key: self.key.to_string(),
            number: 0,
            verb: wire::Verb::Assign {
                campaign: self.campaign.id.clone(),
                contacts: self
                    .contacts
                    .iter()
                    .map(|(kind, form)| (kind.as_str().to_owned(), form.clone()))
                    .collect(),
                name: self.request.name.map(str::to_owned),
                trigger: self.request.trigger.map(str::to_owned),
                consents: self.request.consents,
            },
        }
    }

    /// The answer; none where only the cursor moved on.
    fn answer(&mut self, writing: &mut Writing<'_, '_>) -> Result<Option<ClaimWord>, Cause> {
        for (kind, text) in self.request.contacts {
            match normal_form(*kind, text, writing.phone_region) {
                Ok(form) => self.contacts.push((*kind, form)),
                Err(_) if self.request.context == ClaimContext::Preview => {}
                Err(fault) => {
                    self.because = Some(format!("{fault}; nothing was given"));
                    return Ok(Some(ClaimWord::InvalidContact));
                }
            }
        }
        let facts = self.facts(writing)?;
        let word = match decide(self.request.context, facts) {
            ClaimDecision::Answer(word) => word,
            ClaimDecision::DrawTest if self.is_at_store(writing)? => {
                self.because = Some(format!(
                    "{} is in test mode and this is a test customer: test codes are drawn at the \
                     hub, and no store gives a real one to whoever tests",
                    self.campaign.id
                ));
                ClaimWord::NotEligible
            }
            ClaimDecision::DrawTest => self.draw_test(writing)?,
            ClaimDecision::Draw => match self.next_code(writing)? {
                Next::Code(row, grant_number) => self.give(writing, &row, grant_number)?,
                Next::Passing => return Ok(None),
                Next::End => {
                    self.keep_who_asked(writing)?;
                    self.nothing_left(writing)?
                }
            },
        };
        if word == ClaimWord::ContactsDisagree && self.identifying().len() == 1 {
            self.because = Some(
                "this contact is that of two customers, so nothing was given: ask with another of \
                 theirs, or join them where they are one person"
                    .to_owned(),
            );
        }
        if word == ClaimWord::NeedsHub && self.because.is_none() {
            self.must_ask(writing)?;
        }
        if matches!(word, ClaimWord::NotEligible | ClaimWord::NotLive) && self.because.is_none() {
            let zone = zone_of(&writing.head)?;
            self.because = facts
                .openness
                .words(&self.campaign, self.store(writing), &zone);
        }
        Ok(Some(word))
    }

    fn facts(&mut self, writing: &Writing<'_, '_>) -> Result<ClaimFacts, Cause> {
        let named = self.named(writing)?;
        let is_tester = match self.customer {
            Some(customer) => test_mode::is_tester(writing.tx, self.local, customer, self.act.now)?,
            None => false,
        };
        let live = self.live_codes(writing)?;
        let codes_held = u32::try_from(live.len()).unwrap_or(u32::MAX);
        self.beyond_limit = codes_held.saturating_sub(self.limit);
        self.told = self.to_be_told(writing, &live, is_tester)?;
        Ok(ClaimFacts {
            // Only what draws binds a key: a look never answers for another act.
            key: if self.request.context == ClaimContext::Send {
                self.binding(writing)?
            } else {
                ClaimKey::Free
            },
            named,
            codes_held,
            has_code: self.told.is_some(),
            per_customer: self.limit,
            openness: self.openness(writing, is_tester)?,
            source: self.source(writing, is_tester)?,
        })
    }

    /// Whether it is asked at a counter of a store that has a hub.
    fn is_at_store(&self, writing: &Writing<'_, '_>) -> Result<bool, Cause> {
        Ok(self.store.is_some() || Rights::load(writing.tx)?.is_some())
    }

    /// Where a code for the customer would come from.
    fn source(&self, writing: &Writing<'_, '_>, is_tester: bool) -> Result<Source, Cause> {
        Ok(if is_tester {
            Source::TestPart
        } else if self.is_arriving(writing)? {
            Source::Import
        } else if must_ask(writing, &self.campaign, self.act)?.is_some() {
            Source::Hub
        } else {
            Source::Pool
        })
    }

    /// The codes that the customer has of the campaign, void ones not among them, the newest last; those
    /// of customers whom the campaign takes for the same person come before their own.
    pub(super) fn live_codes(&self, writing: &Writing<'_, '_>) -> Result<Vec<i64>, Cause> {
        let Some(customer) = self.customer else {
            return Ok(Vec::new());
        };
        let mut alike = alike(writing.tx, self.local, customer)?;
        alike.remove(&customer);
        let mut live = Vec::new();
        for one in alike.into_iter().chain([customer]) {
            let slots = slots_of(writing.tx, self.local, one)?;
            live.extend(
                slots
                    .iter()
                    .filter(|slot| slot.is_live)
                    .map(|slot| slot.code),
            );
        }
        Ok(live)
    }

    /// The code of theirs that is told of: who looks again sees the newest; who wants one, the
    /// newest that can be used. A code that is still being imported is nobody's.
    fn to_be_told(
        &self,
        writing: &Writing<'_, '_>,
        live: &[i64],
        is_tester: bool,
    ) -> Result<Option<CodeRow>, Cause> {
        let is_looked_at = self.request.context == ClaimContext::View;
        if let Some(customer) = self.customer.filter(|_| is_tester && is_looked_at)
            && let Some(code) = test_mode::newest_of(writing.tx, self.local, customer)?
        {
            return by_id(writing.tx, code);
        }
        let held = u32::try_from(live.len()).unwrap_or(u32::MAX);
        let mut in_turn: Vec<i64> = live.to_vec();
        if !tells_oldest(held, self.limit) {
            in_turn.reverse();
        }
        let mut first = None;
        for code in in_turn.into_iter().take(LOOKED_AT_MAX) {
            let Some(row) = by_id(writing.tx, code)? else {
                continue;
            };
            if !is_published(writing.tx, code)? {
                continue;
            }
            if is_looked_at || self.is_usable(&row) {
                return Ok(Some(row));
            }
            first = first.or(Some(row));
        }
        Ok(first)
    }

    /// The newest code that the customer had of the campaign and has no more.
    fn newest_ended(&self, writing: &Writing<'_, '_>) -> Result<Option<CodeRow>, Cause> {
        let Some(customer) = self.customer else {
            return Ok(None);
        };
        let slots = slots_of(writing.tx, self.local, customer)?;
        match slots.iter().rev().find(|slot| !slot.is_live) {
            Some(ended) => by_id(writing.tx, ended.code),
            None => Ok(None),
        }
    }

    fn is_usable(&self, row: &CodeRow) -> bool {
        let own_end = row.expires_at_ms.map(instant);
        let ends_at = self.campaign.rules.end_of_code(own_end);
        told_state(row.state, ends_at, self.act.now).1
    }

    /// Whether an import that is not done has one of these contacts: whose they are is settled when
    /// it is.
    fn is_arriving(&self, writing: &Writing<'_, '_>) -> Result<bool, Cause> {
        let recognition = Recognition::of(writing.tx, self.local, &self.campaign.rules)?;
        for (kind, form) in self.identifying() {
            for hash in recognition.hashes(kind, &form)? {
                if writing.tx.is_absent(Absent::Hash(self.local, &hash)) {
                    continue;
                }
                let arriving = writing.tx.one(
                    "SELECT h.customer FROM contact_hash h JOIN batch b ON b.id = h.batch \
                     WHERE h.campaign = $1 AND h.hash = $2 AND b.is_published = 0",
                    &[self.local.into(), hash.as_slice().into()],
                    |row| row.int(0),
                )?;
                if arriving.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whom the contacts name, by any that the campaign identifies people by.
    fn named(&mut self, writing: &Writing<'_, '_>) -> Result<Named, Cause> {
        let campaign = (self.local, &self.campaign.rules);
        let customers = customers_named(writing.tx, campaign, &self.identifying())?;
        self.customer = customers.first().copied();
        Ok(match customers.len() {
            0 => Named::Nobody,
            1 => Named::One,
            _ => {
                self.customer = None;
                Named::Several
            }
        })
    }

    fn identifying(&self) -> Vec<(ContactKind, String)> {
        identifying(&self.campaign.rules, &self.contacts)
    }

    /// What the key is bound to; the code of its own claim is what a replay tells.
    fn binding(&mut self, writing: &Writing<'_, '_>) -> Result<ClaimKey, Cause> {
        let own = Absent::Key(&self.act.counter, self.key.as_str());
        if writing.tx.is_absent(own) {
            return Ok(ClaimKey::Free);
        }
        let bound = writing.tx.one(
            "SELECT verb, subject, entry FROM act_key WHERE caller = $1 AND key = $2",
            &[(&self.act.counter).into(), self.key.as_str().into()],
            |row| Ok((row.text(0)?, row.int(1)?, row.int(2)?)),
        )?;
        let Some((verb, customer, entry)) = bound else {
            return Ok(ClaimKey::Free);
        };
        let customer = if verb == "assign" {
            standing(writing.tx, customer)?
        } else {
            customer
        };
        let claimed = writing.tx.one(
            "SELECT campaign, code FROM entry WHERE id = $1",
            &[entry.into()],
            |row| Ok((row.maybe_int(0)?, row.maybe_int(1)?)),
        )?;
        let Some((Some(campaign), Some(code))) = claimed else {
            return Ok(ClaimKey::Other);
        };
        let is_theirs = match self.customer {
            Some(named) => named == customer,
            None => self.is_known_by_key(writing, customer)?,
        };
        if verb != "assign" || campaign != self.local || !is_theirs {
            return Ok(ClaimKey::Other);
        }
        self.customer = Some(customer);
        self.told = by_id(writing.tx, code)?;
        Ok(ClaimKey::Same)
    }

    /// Whether a customer whom no contact names can be meant by the key alone: they have none that
    /// the campaign goes by, nor has the request, and what it has of others is theirs.
    fn is_known_by_key(&self, writing: &Writing<'_, '_>, customer: i64) -> Result<bool, Cause> {
        if !self.identifying().is_empty() {
            return Ok(false);
        }
        let known = contacts_of(writing.tx, customer)?;
        let is_named_otherwise = !identifying(&self.campaign.rules, &known).is_empty();
        let is_alike = self.contacts.iter().all(|contact| known.contains(contact));
        Ok(!is_erased(writing.tx, customer)? && !is_named_otherwise && is_alike)
    }

    fn openness(&self, writing: &Writing<'_, '_>, is_tester: bool) -> Result<Openness, Cause> {
        let known = if self.identifying().is_empty() {
            Known::ByNothing {
                given_today: anonymous::that_day(writing, self.local, self.act.now)?
                    .amount(writing.tx)?,
            }
        } else {
            Known::ByContact
        };
        let store = self.store(writing);
        Ok(openness(
            &self.campaign,
            store,
            known,
            is_tester,
            self.act.now,
        ))
    }

    /// Makes a test code for a test customer: no cursor moves, no slot is taken, no contact kept.
    fn draw_test(&mut self, writing: &mut Writing<'_, '_>) -> Result<ClaimWord, Cause> {
        let customer = self
            .customer
            .ok_or_else(|| Cause::Damaged("a test customer is missing".into()))?;
        let expires_at_ms = self.end_of_assignment();
        let random = &self.request.random;
        let Some(made) = test_mode::make(writing, self.local, customer, random, expires_at_ms)?
        else {
            self.because = Some(format!(
                "{} has had all its test codes: end its test mode",
                self.campaign.id
            ));
            return Ok(ClaimWord::PoolExhausted);
        };
        let code = (made.code, made.folded.as_str(), None);
        let fact = Fact::TestDrawn { expires_at_ms };
        let entry = self.append(writing, fact, customer, code)?.local;
        writing.tx.execute(
            "UPDATE code SET newest_entry = $1 WHERE id = $2",
            &[entry.into(), made.code.into()],
        )?;
        self.bind(writing, customer, entry)?;
        self.told = by_id(writing.tx, made.code)?;
        Ok(ClaimWord::Assigned)
    }

    /// When a code that is given now ends by itself, milliseconds since 1970.
    fn end_of_assignment(&self) -> Option<i64> {
        let length = self.campaign.rules.assign_for?;
        Some(self.act.now.as_millisecond() + length.as_ms())
    }

    /// Appends the entry of a code given to a customer.
    fn append(
        &self,
        writing: &mut Writing<'_, '_>,
        fact: Fact,
        customer: i64,
        code: (i64, &str, Option<i64>),
    ) -> Result<Appended, Cause> {
        let name = self.public_id(writing.tx, customer)?;
        writing.append(
            fact,
            &Setting {
                campaign: Some((self.local, &self.campaign.id, self.campaign.revision)),
                code: Some(code),
                customer: Some(&name),
                key: Some(self.key.as_str()),
                side: Side {
                    trigger: self.request.trigger.map(str::to_owned),
                    notes: self.request.notes.clone(),
                    ..Side::default()
                },
                ..setting_of(self.act)
            },
        )
    }

    /// The customer's public id; of one who was made just now it is known.
    fn public_id(&self, tx: &Tx<'_>, customer: i64) -> Result<String, Cause> {
        match &self.made {
            Some((made, name)) if *made == customer => Ok(name.clone()),
            Some(_) | None => public_id(tx, customer),
        }
    }

    /// Makes a customer of whoever is not known.
    fn make_customer(&mut self, writing: &Writing<'_, '_>) -> Result<i64, Cause> {
        let customer = add_customer(writing.tx, self.request.random)?;
        self.made = Some((customer, public_id_of(self.request.random)));
        self.customer = Some(customer);
        Ok(customer)
    }

    /// Gives the code that the cursor came to.
    pub(super) fn give(
        &mut self,
        writing: &mut Writing<'_, '_>,
        row: &CodeRow,
        grant_number: i64,
    ) -> Result<ClaimWord, Cause> {
        let known = self.customer;
        let customer = match known {
            Some(customer) => {
                hold_customers(writing.tx, &[customer])?;
                customer
            }
            None => self.make_customer(writing)?,
        };
        self.keep_contacts(writing, customer, known.is_some())?;
        // Its own end, where the list had one, and that of its assignment: whichever comes first.
        let ends = [row.expires_at_ms, self.end_of_assignment()];
        let expires_at_ms = ends.into_iter().flatten().min();
        let fact = Fact::Assigned {
            ordinal: row.ordinal.map(i64::unsigned_abs),
            expires_at_ms,
        };
        let code = (row.id, row.folded.as_str(), row.newest_entry);
        let appended = self.append(writing, fact, customer, code)?;
        let entry = appended.local;
        // The guard: still in the pool, still ours, under the grant it was looked at.
        let words = "this code was just given to somebody else";
        writing.tx.guarded_row(
            "UPDATE code SET state = $1, customer = $2, expires_at_ms = $3, newest_entry = $4, \
             assigned_incarnation = $5 WHERE id = $6 AND state = $7 AND holder = $8 \
             AND grant_number = $9",
            &[
                state_number(CodeState::Assigned).into(),
                customer.into(),
                expires_at_ms.into(),
                entry.into(),
                writing.head.incarnation.into(),
                row.id.into(),
                state_number(CodeState::Available).into(),
                OWN_NODE.into(),
                grant_number.into(),
            ],
            5,
            words,
        )?;
        let is_new = known.is_none();
        if is_new {
            take_first_slot(writing.tx, self.local, customer, row.id)?;
        } else if !take_slot(writing.tx, self.local, customer, self.limit, row.id)? {
            return Err(Cause::Changed(words.to_owned()));
        }
        self.bind(writing, customer, entry)?;
        self.count(writing, entry)?;
        touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)?;
        // As it stands now, by the write above.
        self.told = Some(CodeRow {
            state: CodeState::Assigned,
            customer: Some(customer),
            expires_at_ms,
            newest_entry: Some(entry),
            assigned_incarnation: Some(writing.head.incarnation),
            ..row.clone()
        });
        self.given_by = Some(appended.id);
        Ok(ClaimWord::Assigned)
    }

    /// Moves the cursor of the oldest range on by one, past codes that have ended meanwhile; what
    /// expired in the pool is ended as it is passed, so that no figure counts on it.
    pub(super) fn next_code(&self, writing: &mut Writing<'_, '_>) -> Result<Next, Cause> {
        for _ in 0..PASSED_OVER_MAX {
            let Some((ordinal, grant_number)) = self.next_place(writing)? else {
                return Ok(Next::End);
            };
            let row = claim_range::code_at(writing.tx, self.local, ordinal)?;
            // One that was handed over by itself stands in a range that is ours still.
            let Some(row) = row.filter(is_ours_to_give) else {
                continue;
            };
            if row
                .expires_at_ms
                .is_some_and(|end_ms| self.act.now.as_millisecond() >= end_ms)
            {
                end_life(writing, &row, EXPIRED_IN_POOL, None, self.act)?;
                continue;
            }
            return Ok(Next::Code(Box::new(row), grant_number));
        }
        Ok(Next::Passing)
    }

    /// Whether only the hub may give a code now; why is told with the answer.
    pub(super) fn must_ask(&mut self, writing: &Writing<'_, '_>) -> Result<bool, Cause> {
        self.because = must_ask(writing, &self.campaign, self.act)?;
        Ok(self.because.is_some())
    }

    /// What is said where no code is left here: at a store, the hub may have some.
    pub(super) fn nothing_left(&mut self, writing: &Writing<'_, '_>) -> Result<ClaimWord, Cause> {
        if !has_more_elsewhere(writing.tx, self.local)? {
            return Ok(ClaimWord::PoolExhausted);
        }
        self.because = Some(format!(
            "this store's codes of {} are used up, so nothing was given; the hub has more, and lends \
             them at the next contact: ask again then under the same key",
            self.campaign.id
        ));
        Ok(ClaimWord::NeedsHub)
    }

    /// The next place that this process may claim, and the grant number of its code.
    fn next_place(&self, writing: &Writing<'_, '_>) -> Result<Option<(i64, i64)>, Cause> {
        if let Some(writer) = writing.tx.writer() {
            return claim_range::next_place(writing.tx, self.local, writer);
        }
        let lease = writing.tx.one(
            "SELECT id, next_ordinal, grant_number FROM lease WHERE campaign = $1 \
                 AND holder = $2 AND next_ordinal < end_ordinal ORDER BY first_ordinal LIMIT 1",
            &[self.local.into(), OWN_NODE.into()],
            |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
        )?;
        let Some((lease, ordinal, grant_number)) = lease else {
            return Ok(None);
        };
        let moved = writing.tx.execute(
            "UPDATE lease SET next_ordinal = next_ordinal + 1 \
                 WHERE id = $1 AND next_ordinal = $2 AND grant_number = $3",
            &[lease.into(), ordinal.into(), grant_number.into()],
        )?;
        if moved != 1 {
            return Err(Cause::Changed("this range was just taken back".into()));
        }
        Ok(Some((ordinal, grant_number)))
    }

    /// Whoever asks in vain and was not known is from now on, so that the log can say who it was.
    fn keep_who_asked(&mut self, writing: &Writing<'_, '_>) -> Result<(), Cause> {
        if self.customer.is_some() || self.identifying().is_empty() {
            return Ok(());
        }
        let customer = self.make_customer(writing)?;
        add_first_contacts(writing.tx, customer, &self.contacts, &self.identifying())
    }

    /// Keeps what the customer is known by: hashed for the campaign, readable in the one table
    /// that erasing empties.
    fn keep_contacts(
        &self,
        writing: &Writing<'_, '_>,
        customer: i64,
        is_known: bool,
    ) -> Result<(), Cause> {
        let campaign = (self.local, &self.campaign.rules);
        if !is_known {
            add_first_contacts(writing.tx, customer, &self.contacts, &self.identifying())?;
            return recognise_new(writing.tx, campaign, customer, &self.contacts);
        }
        add_contacts(writing.tx, customer, &self.contacts)?;
        recognise(writing.tx, self.local, &self.campaign.rules, customer)?;
        self.are_still_theirs(writing, customer)
    }

    /// Makes sure that the contacts name this customer and nobody else, now that they are kept: where
    /// others write, one of them may just have been kept as somebody else's.
    fn are_still_theirs(&self, writing: &Writing<'_, '_>, customer: i64) -> Result<(), Cause> {
        if writing.tx.writer().is_none() || self.identifying().is_empty() {
            return Ok(());
        }
        let campaign = (self.local, &self.campaign.rules);
        let named = customers_named(writing.tx, campaign, &self.identifying())?;
        if named.into_iter().eq([customer]) {
            Ok(())
        } else {
            Err(Cause::Changed("a contact was just given to another".into()))
        }
    }

    /// Keeps what the customer said of themselves: where a code was drawn, and where they are known
    /// and were not erased.
    fn introduce(&self, writing: &Writing<'_, '_>, word: ClaimWord) -> Result<(), Cause> {
        let Some(customer) = self.customer else {
            return Ok(());
        };
        let is_asked_again = word == ClaimWord::AlreadyAssigned
            && self.request.context == ClaimContext::Send
            && !is_erased(writing.tx, customer)?;
        if word != ClaimWord::Assigned && !is_asked_again {
            return Ok(());
        }
        let now_ms = self.act.now.as_millisecond();
        let consents = self.request.consents;
        introduce(writing.tx, customer, self.name.as_ref(), consents, now_ms)
    }

    /// Keeps a contact that a known customer names for the first time, though no code is drawn: by
    /// it alone they would be nobody, and have a second code. Who was erased is recognised by it,
    /// and nothing readable is kept.
    fn learn(&self, writing: &mut Writing<'_, '_>, word: ClaimWord) -> Result<(), Cause> {
        let is_known = matches!(word, ClaimWord::AlreadyAssigned | ClaimWord::Replayed)
            && self.request.context == ClaimContext::Send;
        let Some(customer) = self.customer.filter(|_| is_known) else {
            return Ok(());
        };
        if self.identifying().is_empty() {
            return Ok(());
        }
        let known = contacts_of(writing.tx, customer)?;
        let recognition = Recognition::of(writing.tx, self.local, &self.campaign.rules)?;
        let mut added = Vec::new();
        for (kind, form) in self.identifying() {
            let hashes = recognition.hashes(kind, &form)?;
            // What was removed by hand is recognised still, and stays removed.
            let is_new = !known.contains(&(kind, form.clone()))
                && customers_of(writing.tx, self.local, kind, &form, &hashes)?.is_empty();
            if is_new {
                added.push((kind, form));
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        hold_customers(writing.tx, &[customer])?;
        touch(writing.tx, FeedKind::Customer, customer, EVERYBODY)?;
        if is_erased(writing.tx, customer)? {
            recognise_by(
                writing.tx,
                (self.local, &self.campaign.rules),
                customer,
                &added,
            )?;
            return self.are_still_theirs(writing, customer);
        }
        add_contacts(writing.tx, customer, &added)?;
        recognise(writing.tx, self.local, &self.campaign.rules, customer)?;
        self.are_still_theirs(writing, customer)?;
        let kinds = added.iter().map(|(kind, _)| kind.as_str().to_owned());
        let name = public_id(writing.tx, customer)?;
        writing.append(
            Fact::CustomerEdited {
                is_renamed: false,
                consents: None,
                added: kinds.collect(),
                removed: Vec::new(),
            },
            &Setting {
                customer: Some(&name),
                ..setting_of(self.act)
            },
        )?;
        Ok(())
    }

    /// Binds the key, in the transaction of the act.
    fn bind(&self, writing: &Writing<'_, '_>, customer: i64, entry: i64) -> Result<(), Cause> {
        let (verb, replaced) = self.bound_as;
        writing.tx.row(
            "INSERT INTO act_key (caller, key, verb, subject, entry) \
             VALUES ($1, $2, $3, $4, $5)",
            &[
                (&self.act.counter).into(),
                self.key.as_str().into(),
                verb.into(),
                replaced.unwrap_or(customer).into(),
                entry.into(),
            ],
            1,
        )
    }

    /// Keeps the counts, in the transaction of the act.
    fn count(&self, writing: &Writing<'_, '_>, entry: i64) -> Result<(), Cause> {
        let tx = writing.tx;
        let (_, replaced) = self.bound_as;
        move_tally_under(
            tx,
            (self.local, self.campaign.revision),
            CodeState::Available,
            CodeState::Assigned,
            0,
        )?;
        count_hour(
            tx,
            self.local,
            "assigned",
            self.act.now.as_millisecond(),
            entry,
        )?;
        if replaced.is_none() && self.identifying().is_empty() {
            let limit = self.campaign.rules.allow_anonymous_per_day;
            anonymous::that_day(writing, self.local, self.act.now)?.count_one_below(tx, limit)?;
        }
        Ok(())
    }

    /// Why nothing is given, for the log; what was typed stands in none.
    fn reason(&self, word: ClaimWord) -> Option<String> {
        self.because
            .clone()
            .filter(|_| word != ClaimWord::InvalidContact)
            .or_else(|| word.why_nothing().map(str::to_owned))
    }

    pub(super) fn note(&self, writing: &Writing<'_, '_>, word: ClaimWord) -> Result<(), Cause> {
        let tells_whose = word != ClaimWord::KeyConflict;
        let told = self.told.as_ref().filter(|_| word.tells_code());
        attempts::note(
            writing,
            self.act,
            &attempts::Attempt {
                kind: "assign",
                answer: word.as_str(),
                code: told.map(|row| row.id),
                campaign: Some(self.local),
                customer: self.customer.filter(|_| tells_whose),
                key: self.request.key.map(Key::as_str),
                reason: self.reason(word),
                trigger: self.request.trigger,
                notes: self.request.notes.clone(),
                ..attempts::Attempt::default()
            },
        )
    }

    /// The answer, with the slip where one is wanted: in the transaction of the claim, so that a
    /// crash before the paper leaves the slip to be printed.
    pub(super) fn tell_with_slip(
        &self,
        writing: &mut Writing<'_, '_>,
        word: ClaimWord,
    ) -> Result<Claim, Cause> {
        let mut claim = self.tell(writing, word)?;
        let is_theirs_now = matches!(word, ClaimWord::Assigned | ClaimWord::Replayed)
            && (claim.state == Some(CodeState::Assigned.as_str())
                || claim.state == Some(CodeState::Test.as_str()));
        if let Some(row) = self
            .told
            .as_ref()
            .filter(|_| is_theirs_now && self.request.prints)
        {
            claim.slip = Some(slips::order(writing, row, &self.campaign, self.act)?);
        }
        Ok(claim)
    }

    /// The answer: a code only where it is usable, else the state that says why not.
    pub(super) fn tell(&self, writing: &Writing<'_, '_>, word: ClaimWord) -> Result<Claim, Cause> {
        let mut claim = Claim {
            word,
            campaign: self.campaign.id.clone(),
            code: None,
            state: None,
            assignment_id: None,
            customer_id: None,
            key: self.key.to_string(),
            expires_at: None,
            slip: None,
            fallback: self
                .campaign
                .rules
                .fallback
                .clone()
                .filter(|_| word == ClaimWord::PoolExhausted),
            because: self.because.clone(),
            beyond_limit: 0,
        };
        if word == ClaimWord::Preview {
            claim.code = Some(format!("PREVIEW-{}", self.campaign.id));
        }
        let tells_whose = word.tells_code() || word == ClaimWord::NothingAssigned;
        if let Some(customer) = self.customer.filter(|_| tells_whose) {
            claim.customer_id = Some(self.public_id(writing.tx, customer)?);
        }
        // Who has none may have had one: it is named by its state.
        let ended = if word == ClaimWord::NothingAssigned {
            self.newest_ended(writing)?
        } else {
            None
        };
        let told = self.told.as_ref().filter(|_| word.tells_code());
        let Some(row) = told.or(ended.as_ref()) else {
            return Ok(claim);
        };
        let own_end = row.expires_at_ms.map(instant);
        let ends_at = self.campaign.rules.end_of_code(own_end);
        let (state, is_usable) = told_state(row.state, ends_at, self.act.now);
        claim.state = Some(state);
        claim.expires_at = ends_at;
        if word == ClaimWord::AlreadyAssigned {
            claim.beyond_limit = self.beyond_limit;
        }
        claim.code = (is_usable || self.request.resends).then(|| row.as_stored().to_owned());
        claim.assignment_id = match &self.given_by {
            Some(entry) => Some(entry.to_string()),
            None => assignment_of(writing.tx, &writing.head, row)?.map(|told| told.id.to_string()),
        };
        Ok(claim)
    }
}

/// Those of the contacts that a campaign goes by.
pub(crate) fn identifying(
    rules: &Rules,
    contacts: &[(ContactKind, String)],
) -> Vec<(ContactKind, String)> {
    contacts
        .iter()
        .filter(|(kind, _)| *kind == ContactKind::ExternalId || rules.identify_by.contains(kind))
        .cloned()
        .collect()
}

/// The customers that contacts name, in a campaign with its local number and rules.
pub(crate) fn customers_named(
    tx: &Tx<'_>,
    (campaign, rules): (i64, &Rules),
    contacts: &[(ContactKind, String)],
) -> Result<BTreeSet<i64>, Cause> {
    let recognition = Recognition::of(tx, campaign, rules)?;
    let mut customers = BTreeSet::new();
    for (kind, form) in contacts {
        let hashes = recognition.hashes(*kind, form)?;
        customers.extend(customers_of(tx, campaign, *kind, form, &hashes)?);
    }
    if customers.len() < 2 {
        return Ok(customers);
    }
    // Who only ever asked in vain is nobody whom the others could disagree with.
    let mut standing = BTreeSet::new();
    for customer in &customers {
        if has_ever_had(tx, campaign, *customer)? {
            standing.insert(*customer);
        }
    }
    if standing.is_empty() {
        standing.extend(customers.first());
    }
    Ok(standing)
}
