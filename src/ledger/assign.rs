//! Giving a code to a customer: once per person and key, by a cursor and a conditional write.

use std::collections::BTreeSet;

use crate::domain::campaign::{Campaign, ContactKind, Rules};
use crate::domain::claim::{
    Claim, ClaimContext, ClaimDecision, ClaimFacts, ClaimKey, ClaimWord, Named, Openness, decide,
    told_state,
};
use crate::domain::contact::normal_form;
use crate::domain::entry::{Fact, Side, instant};
use crate::domain::ids::{CampaignId, Key};
use crate::domain::local_time::day_number;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{CodeRow, assignment_of, by_id, look_up, state_number};
use crate::ledger::customers::{
    contact_hash, customers_of, kind_number, public_id, public_id_of, slots_of, take_slot,
};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::log::{end_life, no_such};
use crate::ledger::tally::{count_hour, move_tally};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, attempts, campaigns, setting_of, slips, zone_of,
};

/// In the daily count of codes for customers without a contact, nobody stands for all of them.
const NOBODY: i64 = 0;

/// Codes on the cursor that have been ended meanwhile are passed over, so many in one claim.
const PASSED_OVER_MAX: usize = 10_000;

/// A claim as it is asked.
#[derive(Debug, Clone)]
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
    /// Tell the code even where it is no longer usable.
    pub resends: bool,
    /// Store the slip of a code that is assigned, or told again under its own key.
    pub prints: bool,
    /// Random bytes for the name of a new customer.
    pub random: [u8; 14],
}

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
    /// Store the slip of the new code.
    pub prints: bool,
    /// Random bytes, as a claim needs them.
    pub random: [u8; 14],
}

/// A claim with everything the ledger knows of it.
struct Case<'r> {
    request: &'r ClaimRequest<'r>,
    act: &'r Act,
    key: &'r Key,
    local: i64,
    campaign: Campaign,
    contact_key: Vec<u8>,
    /// The contacts in normal form.
    contacts: Vec<(ContactKind, String)>,
    customer: Option<i64>,
    /// What the key is bound to, where a code is drawn: the verb, and the code that it replaces.
    bound_as: (&'static str, Option<i64>),
    /// The code that is told of: of the key, else the newest live one.
    told: Option<CodeRow>,
}

impl Ledger {
    /// Ends a code's life and gives its customer another, in one transaction. With an empty pool
    /// nothing is ended.
    pub fn replace(
        &mut self,
        request: &ReplaceRequest<'_>,
        act: &Act,
    ) -> Result<Result<Claim, Refusal>, LedgerError> {
        self.write("replace", "a code", |writing| {
            replace(writing, request, act)
        })
    }

    /// Answers a claim; only `send` ever changes the pool. What it answers is committed.
    pub fn assign(
        &mut self,
        request: &ClaimRequest<'_>,
        act: &Act,
    ) -> Result<Result<Claim, Refusal>, LedgerError> {
        self.write("assign from", request.campaign.as_str(), |writing| {
            assign(writing, request, act)
        })
    }
}

/// A lost slip: the code's life ends, and its customer gets another, in one transaction.
fn replace(
    writing: &mut Writing<'_, '_>,
    replaced: &ReplaceRequest<'_>,
    act: &Act,
) -> Result<Result<Claim, Refusal>, Cause> {
    let (Some(row), _) = look_up(writing.tx, replaced.raw, &[])? else {
        return Ok(Err(no_such(replaced.raw)));
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
        resends: false,
        prints: replaced.prints,
        random: replaced.random,
    };
    let mut case = Case {
        request: &request,
        act,
        key: replaced.key.unwrap_or(replaced.minted),
        local: row.campaign,
        campaign,
        contact_key: Vec::new(),
        contacts: Vec::new(),
        customer: row.customer,
        bound_as: ("replace", Some(row.id)),
        told: None,
    };
    if let Some(word) = case.replayed(writing, row.id)? {
        case.note(writing, word)?;
        return case.tell_with_slip(writing, word).map(Ok);
    }
    if row.state != CodeState::Assigned {
        return Ok(Err(Refusal::State(row.state)));
    }
    if !case.has_more(writing)? {
        // Nothing is ended for somebody who cannot have another.
        case.note(writing, ClaimWord::PoolExhausted)?;
        return case.tell(writing, ClaimWord::PoolExhausted).map(Ok);
    }
    end_life(writing, &row, replaced.reason, replaced.approved_by, act)?;
    if case.draw(writing)? != ClaimWord::Assigned {
        return Err(Cause::Changed(
            "the last codes of the pool were ended".into(),
        ));
    }
    case.tell_with_slip(writing, ClaimWord::Assigned).map(Ok)
}

fn assign(
    writing: &mut Writing<'_, '_>,
    request: &ClaimRequest<'_>,
    act: &Act,
) -> Result<Result<Claim, Refusal>, Cause> {
    let Some((local, campaign)) = campaigns::find(writing.tx, request.campaign)? else {
        return Ok(Err(Refusal::NoSuchCampaign(request.campaign.clone())));
    };
    let contact_key = campaigns::contact_key(writing.tx, local)?;
    let mut case = Case {
        request,
        act,
        key: request.key.unwrap_or(request.minted),
        local,
        campaign,
        contact_key,
        contacts: Vec::new(),
        customer: None,
        bound_as: ("assign", None),
        told: None,
    };
    let word = case.answer(writing)?;
    if word != ClaimWord::Assigned {
        case.note(writing, word)?;
    }
    case.tell_with_slip(writing, word).map(Ok)
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

    /// Whether a range that this ledger holds has a code left on it.
    fn has_more(&self, writing: &Writing<'_, '_>) -> Result<bool, Cause> {
        Ok(writing
            .tx
            .one(
                "SELECT id FROM lease WHERE campaign = $1 AND holder = $2 \
                 AND next_ordinal < end_ordinal LIMIT 1",
                &[self.local.into(), OWN_NODE.into()],
                |row| row.int(0),
            )?
            .is_some())
    }

    fn answer(&mut self, writing: &mut Writing<'_, '_>) -> Result<ClaimWord, Cause> {
        for (kind, text) in self.request.contacts {
            match normal_form(*kind, text) {
                Ok(form) => self.contacts.push((*kind, form)),
                Err(_) if self.request.context == ClaimContext::Preview => {}
                Err(_) => return Ok(ClaimWord::InvalidContact),
            }
        }
        let facts = self.facts(writing)?;
        match decide(self.request.context, facts) {
            ClaimDecision::Answer(word) => Ok(word),
            ClaimDecision::Draw => self.draw(writing),
        }
    }

    fn facts(&mut self, writing: &Writing<'_, '_>) -> Result<ClaimFacts, Cause> {
        let named = self.named(writing)?;
        let held: Vec<_> = match self.customer {
            Some(customer) => slots_of(writing.tx, self.local, customer)?,
            None => Vec::new(),
        };
        let live: Vec<_> = held.iter().filter(|slot| slot.is_live).collect();
        if let Some(newest) = live.last() {
            self.told = by_id(writing.tx, newest.code)?;
        }
        Ok(ClaimFacts {
            key: self.binding(writing)?,
            named,
            codes_held: u32::try_from(live.len()).unwrap_or(u32::MAX),
            per_customer: self.campaign.rules.per_customer,
            openness: self.openness(writing)?,
        })
    }

    /// Whom the contacts name, by any that the campaign identifies people by.
    fn named(&mut self, writing: &Writing<'_, '_>) -> Result<Named, Cause> {
        let campaign = (self.local, self.contact_key.as_slice());
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
        let bound = writing.tx.one(
            "SELECT verb, subject, entry FROM act_key WHERE caller = $1 AND key = $2",
            &[(&self.act.counter).into(), self.key.as_str().into()],
            |row| Ok((row.text(0)?, row.int(1)?, row.int(2)?)),
        )?;
        let Some((verb, customer, entry)) = bound else {
            return Ok(ClaimKey::Free);
        };
        let claimed = writing.tx.one(
            "SELECT campaign, code FROM entry WHERE id = $1",
            &[entry.into()],
            |row| Ok((row.maybe_int(0)?, row.maybe_int(1)?)),
        )?;
        let Some((Some(campaign), Some(code))) = claimed else {
            return Ok(ClaimKey::Other);
        };
        // A customer without a contact is known by the key alone.
        let is_theirs = self.customer == Some(customer)
            || (self.customer.is_none() && self.contacts.is_empty());
        if verb != "assign" || campaign != self.local || !is_theirs {
            return Ok(ClaimKey::Other);
        }
        self.customer = Some(customer);
        self.told = by_id(writing.tx, code)?;
        Ok(ClaimKey::Same)
    }

    fn openness(&self, writing: &Writing<'_, '_>) -> Result<Openness, Cause> {
        let rules = &self.campaign.rules;
        if !self.campaign.is_live(self.act.now) {
            return Ok(Openness::NotLive);
        }
        let may_be_nobody = !self.identifying().is_empty() || self.anonymous_left(writing)?;
        Ok(
            if rules.include_store(&writing.head.store) && may_be_nobody {
                Openness::Open
            } else {
                Openness::NotEligible
            },
        )
    }

    /// Whether a customer without a contact may still have a code on this local day.
    fn anonymous_left(&self, writing: &Writing<'_, '_>) -> Result<bool, Cause> {
        let allowed = self.campaign.rules.allow_anonymous_per_day;
        if allowed == 0 {
            return Ok(false);
        }
        let day = day_number(self.act.now, &zone_of(&writing.head)?);
        let given = writing.tx.one(
            "SELECT amount FROM customer_day WHERE campaign = $1 AND customer = $2 AND day = $3",
            &[self.local.into(), NOBODY.into(), day.into()],
            |row| row.count(0),
        )?;
        Ok(given.unwrap_or(0) < allowed)
    }

    /// Takes the next code of the ranges this ledger holds, and gives it to the customer.
    fn draw(&mut self, writing: &mut Writing<'_, '_>) -> Result<ClaimWord, Cause> {
        let Some((row, grant_number)) = self.next_code(writing)? else {
            return Ok(ClaimWord::PoolExhausted);
        };
        let customer = match self.customer {
            Some(customer) => customer,
            None => writing.tx.insert(
                "INSERT INTO customer (public_id) VALUES ($1) RETURNING id",
                &[(&public_id_of(self.request.random)).into()],
            )?,
        };
        self.customer = Some(customer);
        self.keep_contacts(writing, customer)?;
        let name = public_id(writing.tx, customer)?;
        let at_ms = self.act.now.as_millisecond();
        let expires_at_ms = self
            .campaign
            .rules
            .assign_for
            .map(|length| at_ms + length.as_ms());
        let entry = writing.append(
            Fact::Assigned {
                ordinal: row.ordinal.map(i64::unsigned_abs),
                expires_at_ms,
            },
            &Setting {
                campaign: Some((self.local, &self.campaign.id, self.campaign.revision)),
                code: Some((row.id, &row.folded, row.newest_entry)),
                customer: Some(&name),
                key: Some(self.key.as_str()),
                side: Side {
                    trigger: self.request.trigger.map(str::to_owned),
                    ..Side::default()
                },
                ..setting_of(self.act)
            },
        )?;
        // The guard: still in the pool, still ours, under the grant it was looked at.
        let changed = writing.tx.execute(
            "UPDATE code SET state = $1, customer = $2, expires_at_ms = $3, newest_entry = $4, \
             assigned_incarnation = $5 WHERE id = $6 AND state = $7 AND holder = $8 \
             AND grant_number = $9",
            &[
                state_number(CodeState::Assigned).into(),
                customer.into(),
                expires_at_ms.into(),
                entry.local.into(),
                writing.head.incarnation.into(),
                row.id.into(),
                state_number(CodeState::Available).into(),
                OWN_NODE.into(),
                grant_number.into(),
            ],
        )?;
        let per_customer = self.campaign.rules.per_customer;
        let has_slot = take_slot(writing.tx, self.local, customer, per_customer, row.id)?;
        if changed != 1 || !has_slot {
            return Err(Cause::Changed(
                "this code was just given to somebody else".into(),
            ));
        }
        self.count(writing, customer, entry.local)?;
        self.told = by_id(writing.tx, row.id)?;
        Ok(ClaimWord::Assigned)
    }

    /// Moves the cursor of the oldest range on by one, past codes that have been ended meanwhile;
    /// answers the code and the grant under which this ledger holds the range.
    fn next_code(&self, writing: &Writing<'_, '_>) -> Result<Option<(CodeRow, i64)>, Cause> {
        for _ in 0..PASSED_OVER_MAX {
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
            let code = writing.tx.one(
                "SELECT code FROM pool_slot WHERE campaign = $1 AND ordinal = $2",
                &[self.local.into(), ordinal.into()],
                |row| row.int(0),
            )?;
            let row = match code {
                Some(code) => by_id(writing.tx, code)?,
                None => None,
            };
            if let Some(row) = row.filter(|row| row.state == CodeState::Available) {
                return Ok(Some((row, grant_number)));
            }
        }
        Ok(None)
    }

    /// Keeps what the customer is known by: hashed for the campaign, readable in the one table
    /// that erasing empties.
    fn keep_contacts(&self, writing: &Writing<'_, '_>, customer: i64) -> Result<(), Cause> {
        for (kind, form) in self.identifying() {
            let hash = contact_hash(&self.contact_key, kind, &form)?;
            writing.tx.execute(
                "INSERT INTO contact_hash (campaign, hash, customer) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
                &[self.local.into(), hash.as_slice().into(), customer.into()],
            )?;
        }
        for (kind, form) in &self.contacts {
            writing.tx.execute(
                "INSERT INTO contact (customer, kind, normal_form) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
                &[customer.into(), kind_number(*kind).into(), form.into()],
            )?;
        }
        Ok(())
    }

    /// Binds the key, and keeps the counts, in the transaction of the act.
    fn count(&self, writing: &Writing<'_, '_>, customer: i64, entry: i64) -> Result<(), Cause> {
        let tx = writing.tx;
        let (verb, replaced) = self.bound_as;
        tx.execute(
            "INSERT INTO act_key (caller, key, verb, subject, entry) \
             VALUES ($1, $2, $3, $4, $5)",
            &[
                (&self.act.counter).into(),
                self.key.as_str().into(),
                verb.into(),
                replaced.unwrap_or(customer).into(),
                entry.into(),
            ],
        )?;
        move_tally(tx, self.local, CodeState::Available, CodeState::Assigned, 0)?;
        count_hour(
            tx,
            self.local,
            "assigned",
            self.act.now.as_millisecond(),
            entry,
        )?;
        if replaced.is_none() && self.identifying().is_empty() {
            let day = day_number(self.act.now, &zone_of(&writing.head)?);
            tx.execute(
                "INSERT INTO customer_day (campaign, customer, day, amount) \
                 VALUES ($1, $2, $3, 1) ON CONFLICT (campaign, customer, day) \
                 DO UPDATE SET amount = customer_day.amount + 1",
                &[self.local.into(), NOBODY.into(), day.into()],
            )?;
        }
        Ok(())
    }

    fn note(&self, writing: &Writing<'_, '_>, word: ClaimWord) -> Result<(), Cause> {
        let tells_whose = word != ClaimWord::KeyConflict;
        attempts::note(
            writing,
            self.act,
            &attempts::Attempt {
                kind: "assign",
                answer: word.as_str(),
                code: None,
                campaign: Some(self.local),
                customer: self.customer.filter(|_| tells_whose),
                key: self.request.key.map(Key::as_str),
                raw: None,
                reason: None,
                trigger: self.request.trigger,
            },
        )
    }

    /// The answer, with the slip where one is wanted: in the transaction of the claim, so that a
    /// crash before the paper leaves the slip to be printed.
    fn tell_with_slip(
        &self,
        writing: &mut Writing<'_, '_>,
        word: ClaimWord,
    ) -> Result<Claim, Cause> {
        let mut claim = self.tell(writing, word)?;
        let is_theirs_now = matches!(word, ClaimWord::Assigned | ClaimWord::Replayed)
            && claim.state == Some(CodeState::Assigned.as_str());
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
    fn tell(&self, writing: &Writing<'_, '_>, word: ClaimWord) -> Result<Claim, Cause> {
        let mut claim = Claim {
            word,
            code: None,
            state: None,
            assignment_id: None,
            customer_id: None,
            key: self.key.to_string(),
            expires_at: None,
            slip: None,
        };
        if word == ClaimWord::Preview {
            claim.code = Some(format!("PREVIEW-{}", self.campaign.id));
        }
        let tells_code = matches!(
            word,
            ClaimWord::Assigned | ClaimWord::Replayed | ClaimWord::AlreadyAssigned
        );
        let Some(row) = self.told.as_ref().filter(|_| tells_code) else {
            return Ok(claim);
        };
        let own_end = row.expires_at_ms.map(instant);
        let ends_at = self.campaign.rules.end_of_code(own_end);
        let (state, is_usable) = told_state(row.state, ends_at, self.act.now);
        claim.state = Some(state);
        claim.expires_at = ends_at;
        claim.code = (is_usable || self.request.resends).then(|| row.as_stored().to_owned());
        claim.assignment_id =
            assignment_of(writing.tx, &writing.head, row)?.map(|told| told.id.to_string());
        claim.customer_id = match self.customer {
            Some(customer) => Some(public_id(writing.tx, customer)?),
            None => None,
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

/// The customers that contacts name, in a campaign with its local number and contact key.
pub(crate) fn customers_named(
    tx: &Tx<'_>,
    (campaign, contact_key): (i64, &[u8]),
    contacts: &[(ContactKind, String)],
) -> Result<BTreeSet<i64>, Cause> {
    let mut customers = BTreeSet::new();
    for (kind, form) in contacts {
        let hash = contact_hash(contact_key, *kind, form)?;
        customers.extend(customers_of(tx, campaign, *kind, form, &hash)?);
    }
    Ok(customers)
}
