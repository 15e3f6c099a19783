//! Redeeming: facts, the one [`judge`], the conditional write, the entry, the commit.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::campaign::Campaign;
use crate::domain::entry::{Fact, Side, instant};
use crate::domain::ids::{CampaignId, EntryId, Key};
use crate::domain::local_time::day_number;
use crate::domain::reading::kept_form;
use crate::domain::verdict::{
    Answer, Approval, Ask, Band, Certainty, CodeState, Facts, Found, Judgement, KeyBinding,
    Verdict, ends_at, judge, message,
};
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{
    CodeRow, Redemption, first_redemption, look_up, redemption, state_number, void_reason,
};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::tally::{count_hour, move_tally_under};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, attempts, campaigns, customers, is_clock_behind,
    setting_of, zone_of,
};

/// How long after a crash an acceptance that nobody saw is repeated to a rescan at its counter.
const UNSHOWN_WINDOW_MS: i64 = 15 * 60_000;

/// A scan, and what was asked with it.
#[derive(Debug, Clone)]
pub struct Scan<'a> {
    /// The bytes as they came.
    pub raw: &'a [u8],
    /// Hosts whose web links may hold our codes.
    pub allowed_hosts: &'a [String],
    /// The caller's own key.
    pub key: Option<&'a Key>,
    /// The key to use where the caller has none.
    pub minted: &'a Key,
    /// Only a code of this campaign will do.
    pub campaign: Option<&'a CampaignId>,
    /// The receipt number.
    pub receipt: Option<&'a str>,
    /// Who the customer is: an id or a contact.
    pub customer: Option<&'a str>,
    /// A manager's approval.
    pub approval: Option<&'a Approval>,
    /// Judge only, use nothing up.
    pub is_check: bool,
    /// What this counter honoured lately, and how long ago; none: not a console.
    pub honoured: Option<&'a BTreeMap<String, Duration>>,
}

impl<'a> Scan<'a> {
    /// A scan with which nothing was asked, under a key of our own.
    pub fn new(raw: &'a [u8], minted: &'a Key) -> Scan<'a> {
        Scan {
            raw,
            allowed_hosts: &[],
            key: None,
            minted,
            campaign: None,
            receipt: None,
            customer: None,
            approval: None,
            is_check: false,
            honoured: None,
        }
    }
}

impl Ledger {
    /// Judges a scan and, where it is accepted, uses the code up. What it answers is committed.
    pub fn redeem(&mut self, scan: &Scan<'_>, act: &Act) -> Result<Answer, LedgerError> {
        self.write("redeem", "", |writing| redeem(writing, scan, act))
            // Working out what may be kept of a scan takes longer than looking it up.
            .map_err(|error| LedgerError {
                thing: kept_form(scan.raw),
                ..error
            })
    }
}

fn redeem(writing: &mut Writing<'_, '_>, scan: &Scan<'_>, act: &Act) -> Result<Answer, Cause> {
    let case = Case::gather(writing, scan, act)?;
    let judgement = judge(&case.facts, &case.ask, act.now);
    match (&judgement.verdict, &case.row, &case.facts.found) {
        (Verdict::Accepted { certainty }, Some(row), Some(found)) if !scan.is_check => {
            let used = case.use_up(writing, row, found, &judgement.overrode, *certainty)?;
            Ok(case.answer(judgement, Some(used)))
        }
        _ => {
            case.note(writing, &judgement)?;
            Ok(case.answer(judgement, None))
        }
    }
}

/// A scan with everything the ledger knows of it.
struct Case<'s> {
    scan: &'s Scan<'s>,
    act: &'s Act,
    key: Key,
    row: Option<CodeRow>,
    customer: Option<i64>,
    /// The redemption its key is bound to, or the first one that stands.
    told: Option<Redemption>,
    facts: Facts,
    ask: Ask,
}

/// A redemption just written.
struct Used {
    id: EntryId,
    uses_made: u32,
    unshown: Option<i64>,
}

/// An answer to a question, where it is one: a blank says nothing.
fn said_words(answer: Option<&str>) -> Option<&str> {
    answer.map(str::trim).filter(|words| !words.is_empty())
}

impl<'s> Case<'s> {
    fn gather(
        writing: &Writing<'_, '_>,
        scan: &'s Scan<'s>,
        act: &'s Act,
    ) -> Result<Case<'s>, Cause> {
        let tx = writing.tx;
        let (row, otherwise) = look_up(tx, scan.raw, scan.allowed_hosts)?;
        let key = key_of(tx, scan, row.as_ref(), act)?;
        let said = match said_words(scan.customer) {
            Some(text) => Some(customers::resolve(tx, text, writing.phone_region)?),
            None => None,
        };
        let (binding, bound) = binding(tx, &act.counter, &key, row.as_ref())?;
        let zone = zone_of(&writing.head)?;
        let holder = row.as_ref().and_then(|row| row.customer);
        let customer = holder.or(said
            .as_ref()
            .and_then(|said| said.as_ref().map(|(id, _)| *id)));
        let mut told = bound
            .map(|entry| redemption(tx, &writing.head, entry))
            .transpose()?;
        let mut found = None;
        if let Some(row) = &row {
            let campaign = campaigns::load(tx, row.campaign)?;
            let is_spent = row.uses_made >= campaign.rules.uses;
            if told.is_none() && (is_spent || row.state == CodeState::Redeemed) {
                told = first_redemption(tx, &writing.head, row)?;
            }
            let today = day_number(act.now, &zone);
            found = Some(Found {
                code: row.as_stored().to_owned(),
                state: row.state,
                uses_made: row.uses_made,
                expires_at: row.expires_at_ms.map(instant),
                customer: holder.map(|id| customers::public_id(tx, id)).transpose()?,
                first: told.as_ref().map(|told| told.story(&writing.head.store)),
                void_reason: void_reason(tx, row)?,
                is_under_restore: row.id <= writing.head.restored_code_id
                    && row.assigned_incarnation != Some(writing.head.incarnation),
                customer_redemptions_today: made_today(
                    tx,
                    row.campaign,
                    customer,
                    &campaign,
                    today,
                )?,
                campaign,
            });
        }
        let since_honoured = row
            .as_ref()
            .and_then(|row| scan.honoured?.get(row.as_stored()).copied());
        Ok(Case {
            facts: Facts {
                key: binding,
                since_honoured,
                found,
                otherwise,
                store: writing.head.store.clone(),
                zone,
                is_clock_behind: is_clock_behind(&writing.head, act.now),
            },
            ask: Ask {
                campaign: scan.campaign.cloned(),
                receipt: said_words(scan.receipt).map(str::to_owned),
                customer: said.map(|said| said.map(|(_, public_id)| public_id)),
                is_approved: scan.approval.is_some(),
            },
            scan,
            act,
            key,
            row,
            customer,
            told,
        })
    }

    /// The scan as it came, where it says more than the code does.
    fn raw(&self) -> Option<String> {
        let is_plain = self
            .row
            .as_ref()
            .is_some_and(|row| row.as_stored().as_bytes() == self.scan.raw);
        (!is_plain).then(|| kept_form(self.scan.raw))
    }

    /// What was said of a customer whom the ledger does not know.
    fn said_unknown(&self) -> Option<String> {
        let is_unknown = matches!(self.ask.customer, Some(None));
        self.scan
            .customer
            .filter(|_| is_unknown)
            .map(|text| kept_form(text.as_bytes()))
    }

    /// Who the customer was said to be.
    fn said(&self) -> Option<&str> {
        self.ask.customer.as_ref()?.as_deref()
    }

    fn use_up(
        &self,
        writing: &mut Writing<'_, '_>,
        row: &CodeRow,
        found: &Found,
        overrode: &[&'static str],
        certainty: Certainty,
    ) -> Result<Used, Cause> {
        let uses = found.campaign.rules.uses;
        let uses_made = row.uses_made + 1;
        let state_after = if uses_made >= uses {
            CodeState::Redeemed
        } else {
            CodeState::Assigned
        };
        self.accept_clock(writing)?;
        let fact = Fact::Redeemed {
            uses_made,
            certainty: certainty.as_str().to_owned(),
            overrode: overrode.iter().map(|word| (*word).to_owned()).collect(),
            approved_by: self.scan.approval.and_then(|approval| approval.by.clone()),
        };
        let entry = writing.append(
            fact,
            &Setting {
                campaign: Some((row.campaign, &found.campaign.id, found.campaign.revision)),
                code: Some((row.id, &row.folded, row.newest_entry)),
                customer: found.customer.as_deref().or_else(|| self.said()),
                key: Some(self.key.as_str()),
                side: Side {
                    reason: self.scan.approval.map(|approval| approval.reason.clone()),
                    raw: self.raw(),
                    receipt: self.ask.receipt.clone(),
                    customer_said: self.said_unknown(),
                    ..Side::default()
                },
                ..setting_of(self.act)
            },
        )?;
        // The guard: nobody has used, voided, passed on or taken away this code since it was looked
        // at, and no other entry tells of it.
        writing.tx.guarded(
            "UPDATE code SET uses_made = uses_made + 1, state = $1, newest_entry = $2 \
             WHERE id = $3 AND state = $4 AND uses_made = $5 AND uses_made < $6 AND holder = $7 \
             AND coalesce(customer, 0) = $8 AND coalesce(newest_entry, 0) = $9",
            &[
                state_number(state_after).into(),
                entry.local.into(),
                row.id.into(),
                state_number(row.state).into(),
                row.uses_made.into(),
                uses.into(),
                OWN_NODE.into(),
                row.customer.unwrap_or(0).into(),
                row.newest_entry.unwrap_or(0).into(),
            ],
            "this code was just used elsewhere",
        )?;
        self.bind(writing, row, entry.local)?;
        move_tally_under(
            writing.tx,
            (row.campaign, found.campaign.revision),
            row.state,
            state_after,
            1,
        )?;
        count_hour(
            writing.tx,
            row.campaign,
            "redeemed",
            self.act.now.as_millisecond(),
            entry.local,
        )?;
        let limit = found
            .campaign
            .rules
            .limit_per_day
            .filter(|_| !overrode.contains(&"limit_reached"));
        self.count_customer(writing.tx, row, limit)?;
        Ok(Used {
            id: entry.id,
            uses_made,
            unshown: self.scan.honoured.map(|_| entry.local),
        })
    }

    /// A manager who approves under a wrong clock takes the clock as right from here on.
    fn accept_clock(&self, writing: &mut Writing<'_, '_>) -> Result<(), Cause> {
        let from_ms = writing.head.newest_at_ms;
        if self.scan.approval.is_none()
            || self.act.now.as_millisecond() >= from_ms - super::CLOCK_TOLERANCE_MS
        {
            return Ok(());
        }
        writing.append(Fact::ClockStepped { from_ms }, &setting_of(self.act))?;
        writing.head.newest_at_ms = self.act.now.as_millisecond();
        Ok(())
    }

    /// Binds the key, in the transaction of its act; a console's acceptance waits to be shown.
    fn bind(&self, writing: &Writing<'_, '_>, row: &CodeRow, entry: i64) -> Result<(), Cause> {
        writing.tx.later(
            "INSERT INTO act_key (caller, key, verb, subject, entry) \
             VALUES ($1, $2, 'redeem', $3, $4)",
            &[
                (&self.act.counter).into(),
                self.key.as_str().into(),
                row.id.into(),
                entry.into(),
            ],
        )?;
        if self.scan.honoured.is_some() {
            writing.tx.later(
                "INSERT INTO unshown (entry, counter, code, key, at_ms) VALUES ($1, $2, $3, $4, $5)",
                &[
                    entry.into(),
                    (&self.act.counter).into(),
                    row.id.into(),
                    self.key.as_str().into(),
                    self.act.now.as_millisecond().into(),
                ],
            )?;
        }
        Ok(())
    }

    /// Counts it for the customer's day, also where no limit stands: one may be set later that day,
    /// and what an undo gives back must have been counted.
    fn count_customer(&self, tx: &Tx<'_>, row: &CodeRow, limit: Option<u32>) -> Result<(), Cause> {
        let Some(customer) = self.customer else {
            return Ok(());
        };
        let day = CustomerDay {
            campaign: row.campaign,
            customer,
            day: day_number(self.act.now, &self.facts.zone),
        };
        match limit {
            Some(limit) => day.count_one_below(tx, limit),
            None => day.count_one(tx),
        }
    }

    fn note(&self, writing: &Writing<'_, '_>, judgement: &Judgement) -> Result<(), Cause> {
        if !self.scan.is_check && judgement.verdict.band() != Band::Go {
            // Refusals are counted by the hour; those of no campaign under the number 0.
            let campaign = self.row.as_ref().map_or(0, |row| row.campaign);
            let at_ms = self.act.now.as_millisecond();
            count_hour(writing.tx, campaign, "refused", at_ms, 0)?;
        }
        attempts::note(
            writing,
            self.act,
            &attempts::Attempt {
                kind: if self.scan.is_check {
                    "check"
                } else {
                    "redeem"
                },
                answer: judgement.verdict.word(),
                code: self.row.as_ref().map(|row| row.id),
                campaign: self.row.as_ref().map(|row| row.campaign),
                customer: self.customer,
                key: Some(self.key.as_str()),
                raw: self.raw(),
                reason: self.scan.approval.map(|approval| approval.reason.clone()),
                ..attempts::Attempt::default()
            },
        )
    }

    fn answer(self, judgement: Judgement, used: Option<Used>) -> Answer {
        let found = self.facts.found.as_ref();
        let tells_of_first = matches!(
            judgement.verdict,
            Verdict::AlreadyRedeemed | Verdict::Replayed | Verdict::Reversed
        );
        let is_about_key = matches!(judgement.verdict, Verdict::Replayed | Verdict::Reversed);
        let told = self.told.as_ref().filter(|_| tells_of_first);
        let replayed = told.filter(|_| is_about_key);
        let uses_made = match (&used, replayed.map(|told| &told.body.fact)) {
            (Some(used), _) => Some(used.uses_made),
            (None, Some(Fact::Redeemed { uses_made, .. })) => Some(*uses_made),
            (None, _) => found.map(|found| found.uses_made),
        };
        let message = message(
            &judgement.verdict,
            &self.facts,
            uses_made.unwrap_or(0),
            self.act.now,
        );
        Answer {
            message,
            is_check: self.scan.is_check,
            code: found.map(|found| found.code.clone()),
            campaign: found.map(|found| found.campaign.id.clone()),
            offer: found.map(|found| found.campaign.rules.offer.clone()),
            uses_made,
            uses: found.map(|found| found.campaign.rules.uses),
            expires_at: found.and_then(ends_at),
            redemption_id: used
                .as_ref()
                .map(|used| used.id.to_string())
                .or_else(|| replayed.map(|told| told.id.to_string())),
            key: self.key.to_string(),
            at: replayed.map_or(self.act.now, |told| instant(told.body.at_ms)),
            first: told.map(|told| told.story(&self.facts.store)),
            overrode: judgement.overrode,
            unshown: used.and_then(|used| used.unshown),
            verdict: judgement.verdict,
        }
    }
}

/// The caller's key; else that of an acceptance of this code here which nobody saw; else a new one.
fn key_of(tx: &Tx<'_>, scan: &Scan<'_>, row: Option<&CodeRow>, act: &Act) -> Result<Key, Cause> {
    if let Some(key) = scan.key {
        return Ok(key.clone());
    }
    let (Some(row), Some(honoured)) = (row, scan.honoured) else {
        return Ok(scan.minted.clone());
    };
    if honoured.contains_key(row.as_stored()) {
        // Honoured by this very console a moment ago and about to be drawn: a rereading.
        return Ok(scan.minted.clone());
    }
    let unseen = tx.one(
        "SELECT key FROM unshown WHERE counter = $1 AND code = $2 AND at_ms > $3 \
         ORDER BY entry DESC",
        &[
            (&act.counter).into(),
            row.id.into(),
            (act.now.as_millisecond() - UNSHOWN_WINDOW_MS).into(),
        ],
        |row| row.text(0),
    )?;
    Ok(unseen
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| scan.minted.clone()))
}

/// What the caller's key is bound to, and the redemption where it is one of this code.
fn binding(
    tx: &Tx<'_>,
    caller: &str,
    key: &Key,
    row: Option<&CodeRow>,
) -> Result<(KeyBinding, Option<i64>), Cause> {
    let bound = tx.one(
        "SELECT k.verb, k.subject, k.entry, r.entry FROM act_key k \
         LEFT JOIN reversal r ON r.redemption = k.entry WHERE k.caller = $1 AND k.key = $2",
        &[caller.into(), key.as_str().into()],
        |row| Ok((row.text(0)?, row.int(1)?, row.int(2)?, row.maybe_int(3)?)),
    )?;
    Ok(match bound {
        None => (KeyBinding::Free, None),
        Some((verb, subject, entry, reversal))
            if verb == "redeem" && row.is_some_and(|row| row.id == subject) =>
        {
            let binding = if reversal.is_some() {
                KeyBinding::SameReversed
            } else {
                KeyBinding::SameRedemption
            };
            (binding, Some(entry))
        }
        Some(_) => (KeyBinding::Other, None),
    })
}

fn made_today(
    tx: &Tx<'_>,
    campaign: i64,
    customer: Option<i64>,
    rules_of: &Campaign,
    day: i64,
) -> Result<u32, Cause> {
    let (Some(customer), Some(_)) = (customer, rules_of.rules.limit_per_day) else {
        return Ok(0);
    };
    let day = CustomerDay {
        campaign,
        customer,
        day,
    };
    day.amount(tx)
}
