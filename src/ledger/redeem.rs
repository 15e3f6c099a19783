//! Redeeming: facts, the one [`judge`], the conditional write, the entry, the commit.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::campaign::Campaign;
use crate::domain::entry::{Fact, Side, instant};
use crate::domain::gs1::{self, Gs1, Gs1Rules};
use crate::domain::ids::{CampaignId, EntryId, Key};
use crate::domain::local_time::day_number;
use crate::domain::reading::{MisreadHint, NotOurs, Otherwise, kept_form, read as read_scan};
use crate::domain::verdict::{
    Answer, Apart, ApartCause, Approval, Ask, Band, Certainty, CodeState, Facts, Found, Holding,
    Judgement, KeyBinding, Knowledge, Story, Verdict, ends_at, judge, message,
};
use crate::domain::wire::{Question, Standing, Verb};
use crate::ledger::chain::{Appended, OWN_NODE};
use crate::ledger::codes::{
    CodeRow, Redemption, first_redemption, look_up, redemption, state_number, void_reason,
};
use crate::ledger::customer_day::CustomerDay;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::group::Absent;
use crate::ledger::link::Rights;
use crate::ledger::pending::{About, Asked};
use crate::ledger::tally::{count_hour, move_tally_under};
use crate::ledger::{
    Act, Ledger, LedgerError, Place, Setting, Writing, attempts, away, campaigns, customers, feed,
    fence, is_clock_behind, nodes, pending, place_of, setting_of,
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
    /// What is judged in the place of `raw`, which is only kept; none: `raw` is.
    pub text: Option<&'a [u8]>,
    /// Where codes are taken from in GS1 texts; none: nowhere.
    pub gs1: Option<&'a Gs1Rules>,
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
            text: None,
            gs1: None,
        }
    }

    /// What is judged.
    fn text(&self) -> &'a [u8] {
        self.text.unwrap_or(self.raw)
    }

    /// The code that this scan names, what it is otherwise, and as which code it may be known elsewhere.
    /// Look-up of the text itself comes first, then of the code in a field of it.
    fn look_up(&self, tx: &Tx<'_>) -> Result<LookedUp, Cause> {
        let text = self.text();
        let (row, otherwise) = look_up(tx, text, self.allowed_hosts)?;
        let gs1 = match (&row, self.gs1) {
            (None, Some(rules)) => gs1::read(text, rules, self.allowed_hosts),
            _ => None,
        };
        match gs1 {
            Some(Gs1::Code(code)) => {
                let (row, otherwise) = look_up(tx, code.as_bytes(), &[])?;
                let meant = meant(code.as_bytes(), &[]);
                Ok((row, otherwise, meant))
            }
            Some(Gs1::NoCode) => Ok((None, Otherwise::NotOurs(NotOurs::Gs1), None)),
            Some(Gs1::Malformed(fault)) => {
                let hint = MisreadHint::Gs1(fault);
                Ok((None, Otherwise::Misread(hint), None))
            }
            None => Ok((row, otherwise, meant(text, self.allowed_hosts))),
        }
    }
}

/// What became of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It was judged; what the answer says is committed.
    Answered(Box<Answer>),
    /// The hub is to be asked this, and nothing may be said before. It is kept as pending.
    Ask(Box<Question>),
}

/// Whether the hub can be asked about a code that is held elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It is asked.
    Open,
    /// It was asked, and did not answer.
    NoAnswer,
    /// It cannot be asked now.
    Shut,
}

/// From where a scan comes, and what can be done about a code that is held elsewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) reach: Reach,
    /// The store that asks this hub; none: a counter of this ledger.
    pub(crate) store: Option<&'a AskingStore>,
}

/// A store that asks this hub.
#[derive(Debug)]
pub(crate) struct AskingStore {
    pub(crate) node: i64,
    pub(crate) place: Place,
    /// Why it may not spend anything, where it may not.
    pub(crate) barred: Option<ApartCause>,
    /// Whether it waits for a holder to hand the code over.
    pub(crate) waits: bool,
}

impl Ledger {
    /// Judges a scan and, where it is accepted, uses the code up. What it answers is committed. The
    /// hub is not asked: what is held elsewhere is judged by the campaign's offline policy.
    pub fn redeem(&mut self, scan: &Scan<'_>, act: &Act) -> Result<Answer, LedgerError> {
        match self.judge_scan(scan, Reach::Shut, act)? {
            Judged::Answered(answer) => Ok(*answer),
            Judged::Ask(_) => Err(never_asked(scan)),
        }
    }

    /// The same where the hub is in reach: a code that another node holds is kept as pending, and
    /// the hub is to be asked. What it answers goes to [`Ledger::witness`]; where it certainly was
    /// not sent, [`Ledger::not_asked`]; where no answer came, [`Ledger::unanswered`].
    pub fn redeem_or_ask(&mut self, scan: &Scan<'_>, act: &Act) -> Result<Judged, LedgerError> {
        self.judge_scan(scan, Reach::Open, act)
    }

    /// What is said of a scan about which the hub was asked and has not answered: it stays pending.
    pub fn unanswered(&mut self, scan: &Scan<'_>, act: &Act) -> Result<Answer, LedgerError> {
        match self.judge_scan(scan, Reach::NoAnswer, act)? {
            Judged::Answered(answer) => Ok(*answer),
            Judged::Ask(_) => Err(never_asked(scan)),
        }
    }

    fn judge_scan(
        &mut self,
        scan: &Scan<'_>,
        reach: Reach,
        act: &Act,
    ) -> Result<Judged, LedgerError> {
        let asker = Asker { reach, store: None };
        self.write("redeem", "", |writing| {
            Ok(match redeem(writing, scan, act, asker)? {
                Outcome::Judged(judged) => judged,
                Outcome::Wait | Outcome::Held => {
                    return Err(Cause::Damaged("a counter of a hub was told to wait".into()));
                }
            })
        })
        // Working out what may be kept of a scan takes longer than looking it up.
        .map_err(|error| LedgerError {
            thing: kept_form(scan.raw),
            ..error
        })
    }
}

fn never_asked(scan: &Scan<'_>) -> LedgerError {
    LedgerError {
        op: "redeem",
        thing: kept_form(scan.raw),
        cause: Cause::Damaged("the hub was to be asked where it cannot be".into()),
    }
}

/// What became of a scan, also of one that a store asks this hub about.
pub(crate) enum Outcome {
    Judged(Judged),
    /// Its holder was asked to hand the code over.
    Wait,
    /// The store that asks holds the code itself.
    Held,
}

pub(crate) fn redeem(
    writing: &mut Writing<'_, '_>,
    scan: &Scan<'_>,
    act: &Act,
    asker: Asker<'_>,
) -> Result<Outcome, Cause> {
    let case = Case::gather(writing, scan, act, asker)?;
    let judgement = judge(&case.facts, &case.ask, act.now);
    if judgement.asks_hub && asker.reach == Reach::Open {
        return Ok(Outcome::Judged(Judged::Ask(Box::new(
            case.question(writing)?,
        ))));
    }
    if let Some(outcome) = case.at_its_holder(writing, &judgement, asker)? {
        return Ok(outcome);
    }
    let used = match (&judgement.verdict, &case.row, &case.facts.found) {
        (Verdict::Accepted { certainty }, Some(row), Some(found)) if !scan.is_check => {
            Some(case.use_up(writing, row, found, &judgement.overrode, *certainty)?)
        }
        _ => {
            case.note(writing, &judgement)?;
            case.tell_of_pending(writing, &judgement)?
        }
    };
    let answer = case.answer(judgement, used);
    Ok(Outcome::Judged(Judged::Answered(Box::new(answer))))
}

/// A scan with everything the ledger knows of it.
struct Case<'s> {
    scan: &'s Scan<'s>,
    act: &'s Act,
    /// Whose key it is: this counter's, or that of the counter whose question is pending.
    caller: String,
    key: Key,
    pending: Option<Asked>,
    row: Option<CodeRow>,
    /// What the text may be, folded, where it names no code that is known here.
    unknown: Option<String>,
    customer: Option<i64>,
    /// The redemption its key is bound to, or the first one that stands.
    told: Option<Redemption>,
    /// That redemption as it is told, also where it was made elsewhere.
    first: Option<Story>,
    facts: Facts,
    ask: Ask,
}

/// A redemption just written, or told for the first time.
struct Used {
    /// None: it is told by the key.
    made: Option<(EntryId, u32)>,
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
        asker: Asker<'_>,
    ) -> Result<Case<'s>, Cause> {
        let tx = writing.tx;
        let read = Read::of(tx, scan, act, asker)?;
        let said = match said_words(scan.customer) {
            Some(text) => Some(customers::resolve(tx, text, writing.phone_region)?),
            None => None,
        };
        let (mut binding, bound) = binding(tx, &read, asker.reach)?;
        if read.about.is_key_of_other_code {
            binding = KeyBinding::Other;
        }
        let own = place_of(&writing.head)?;
        let place = asker.store.map_or(&own, |store| &store.place);
        let customer = read.row.as_ref().and_then(|row| row.customer).or(said
            .as_ref()
            .and_then(|said| said.as_ref().map(|(id, _)| *id)));
        let mut case = Case {
            facts: Facts {
                key: binding,
                holding: holding(read.rights, read.row.as_ref(), asker, act),
                pending: read.about.pending(),
                since_honoured: read
                    .row
                    .as_ref()
                    .and_then(|row| scan.honoured?.get(row.as_stored()).copied()),
                found: None,
                otherwise: read.otherwise,
                store: place.store.clone(),
                zone: place.zone.clone(),
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
            caller: read.caller,
            key: read.key,
            pending: read.about.same,
            row: None,
            unknown: read.unknown,
            customer,
            told: bound
                .map(|entry| redemption(tx, &writing.head, entry))
                .transpose()?,
            first: None,
        };
        if let Some(row) = read.row {
            case.facts.found = Some(case.find(writing, &row, read.rights, asker)?);
            case.row = Some(row);
        }
        Ok(case)
    }

    /// What the ledger knows of the code that was found, and of the redemption that is told of.
    fn find(
        &mut self,
        writing: &Writing<'_, '_>,
        row: &CodeRow,
        rights: Option<Rights>,
        asker: Asker<'_>,
    ) -> Result<Found, Cause> {
        let tx = writing.tx;
        let today = day_number(self.act.now, &self.facts.zone);
        let campaign = campaigns::load(tx, row.campaign)?;
        let is_spent = row.uses_made >= campaign.rules.uses || row.state == CodeState::Redeemed;
        if self.told.is_none() && is_spent {
            self.first = story_elsewhere(tx, row, rights)?;
            self.told = first_redemption(tx, &writing.head, row)?;
        }
        if let (None, Some(told)) = (&self.first, &self.told) {
            self.first = Some(story_of(tx, told, &writing.head.store)?);
        }
        if let Holding::Apart(apart) = &mut self.facts.holding {
            apart.provisional_today = provisional_today(tx, row.campaign, &campaign, today)?;
        }
        let customer = row
            .customer
            .map(|id| customers::public_id(tx, id))
            .transpose()?;
        Ok(Found {
            code: row.as_stored().to_owned(),
            state: row.state,
            uses_made: row.uses_made,
            expires_at: row.expires_at_ms.map(instant),
            customer,
            first: self.first.clone(),
            void_reason: void_reason(tx, row)?,
            is_under_restore: writing.head.is_behind()
                || row.id <= writing.head.restored_code_id
                    && row.assigned_incarnation != Some(writing.head.incarnation),
            customer_redemptions_today: made_today(
                tx,
                row.campaign,
                self.customer,
                &campaign,
                today,
            )?,
            knowledge: knowledge(tx, row, is_spent, rights, asker)?,
            campaign,
        })
    }

    /// The question to the hub, kept as pending before it is asked; one that was asked before keeps
    /// its key.
    fn question(&self, writing: &Writing<'_, '_>) -> Result<Question, Cause> {
        let folded = self
            .row
            .as_ref()
            .map(|row| row.folded.clone())
            .or_else(|| self.unknown.clone())
            .unwrap_or_default();
        let customer = match &self.ask.customer {
            Some(Some(public_id)) => Some(public_id.clone()),
            Some(None) | None => said_words(self.scan.customer).map(str::to_owned),
        };
        let question = Question {
            counter: self.caller.clone(),
            operator: self.act.operator.clone(),
            key: self.key.to_string(),
            number: 0,
            verb: Verb::Redeem {
                code: folded.clone(),
                campaign: self.ask.campaign.clone(),
                receipt: self.ask.receipt.clone(),
                customer,
                approved: self
                    .scan
                    .approval
                    .map(|approval| (approval.by.clone(), approval.reason.clone())),
                is_check: self.scan.is_check,
            },
        };
        if self.scan.is_check {
            return Ok(question);
        }
        let code = self.row.as_ref().map(|row| row.id);
        pending::keep(writing.tx, &question, code, &folded, self.act)
    }

    /// At a hub, a code that a store holds: the store that asks is told so where it is that very
    /// store, else the holder is asked to hand it over.
    fn at_its_holder(
        &self,
        writing: &Writing<'_, '_>,
        judgement: &Judgement,
        asker: Asker<'_>,
    ) -> Result<Option<Outcome>, Cause> {
        let is_held = matches!(
            self.facts.holding,
            Holding::Apart(Apart {
                cause: ApartCause::HeldByStore,
                ..
            })
        );
        let depends = matches!(
            judgement.verdict,
            Verdict::Accepted { .. }
                | Verdict::OfflineRefused
                | Verdict::NeedsCustomer
                | Verdict::NeedsAnswer
                | Verdict::NeedsApproval(_)
        );
        let Some(row) = self.row.as_ref().filter(|_| is_held && depends) else {
            return Ok(None);
        };
        if fence::is_pending(writing.tx, row.holder)? {
            return Err(Cause::Changed(
                "what the store of this code held is just being taken back".into(),
            ));
        }
        if row.state == CodeState::Suspect {
            // Whoever held it does not spend it any more.
            return Ok(None);
        }
        if asker.store.is_some_and(|store| store.node == row.holder) {
            return Ok(Some(Outcome::Held));
        }
        let waits = asker.store.is_some_and(|store| store.waits);
        if self.scan.is_check || !(waits || judgement.verdict == Verdict::OfflineRefused) {
            return Ok(None);
        }
        away::recall(writing.tx, row, self.act)?;
        Ok(waits.then_some(Outcome::Wait))
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
        let state_after = match row.state {
            _ if uses_made >= uses => CodeState::Redeemed,
            // What was possibly spent is so until as many uses are known as it has.
            CodeState::Suspect => CodeState::Suspect,
            CodeState::Available
            | CodeState::Assigned
            | CodeState::Redeemed
            | CodeState::Void
            | CodeState::Test => CodeState::Assigned,
        };
        self.accept_clock(writing)?;
        let fact = Fact::Redeemed {
            uses_made,
            certainty: certainty.as_str().to_owned(),
            overrode: overrode.iter().map(|word| (*word).to_owned()).collect(),
            approved_by: self.scan.approval.and_then(|approval| approval.by.clone()),
        };
        let entry = self.append(writing, fact, (row, found))?;
        // The guard: nobody has used, voided, passed on or taken away this code since it was looked
        // at, and no other entry tells of it.
        writing.tx.guarded_row(
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
                row.holder.into(),
                row.customer.unwrap_or(0).into(),
                row.newest_entry.unwrap_or(0).into(),
            ],
            2,
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
        touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)?;
        self.settle(writing.tx, row, certainty)?;
        Ok(Used {
            made: Some((entry.id, uses_made)),
            unshown: self.scan.honoured.map(|_| entry.local),
        })
    }

    fn append(
        &self,
        writing: &mut Writing<'_, '_>,
        fact: Fact,
        (row, found): (&CodeRow, &Found),
    ) -> Result<Appended, Cause> {
        writing.append(
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
                counter: &self.caller,
                ..setting_of(self.act)
            },
        )
    }

    /// A question that was answered while nobody waited is told now, for the first time.
    fn tell_of_pending(
        &self,
        writing: &Writing<'_, '_>,
        judgement: &Judgement,
    ) -> Result<Option<Used>, Cause> {
        let Some(pending) = self.pending.as_ref().filter(|_| !self.scan.is_check) else {
            return Ok(None);
        };
        let Some(entry) = pending.entry else {
            return Ok(None);
        };
        pending::settle(writing.tx, &pending.counter, &pending.key)?;
        let (Verdict::Replayed, Some(row)) = (&judgement.verdict, &self.row) else {
            return Ok(None);
        };
        self.keep_unshown(writing, row, entry)?;
        Ok(Some(Used {
            made: None,
            unshown: self.scan.honoured.map(|_| entry),
        }))
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
        writing.tx.row(
            "INSERT INTO act_key (caller, key, verb, subject, entry) \
             VALUES ($1, $2, 'redeem', $3, $4)",
            &[
                (&self.caller).into(),
                self.key.as_str().into(),
                row.id.into(),
                entry.into(),
            ],
            1,
        )?;
        self.keep_unshown(writing, row, entry)
    }

    fn keep_unshown(
        &self,
        writing: &Writing<'_, '_>,
        row: &CodeRow,
        entry: i64,
    ) -> Result<(), Cause> {
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

    /// Ends the question that may have been asked about it, and counts it among the provisional ones.
    fn settle(&self, tx: &Tx<'_>, row: &CodeRow, certainty: Certainty) -> Result<(), Cause> {
        if let Some(pending) = &self.pending {
            // What the hub may have done under this key is this same act.
            pending::settle(tx, &pending.counter, &pending.key)?;
        }
        if certainty != Certainty::Provisional {
            return Ok(());
        }
        self.count_provisional(tx, row)
    }

    fn count_provisional(&self, tx: &Tx<'_>, row: &CodeRow) -> Result<(), Cause> {
        tx.execute(
            "INSERT INTO provisional_day (campaign, day, amount) VALUES ($1, $2, 1) \
             ON CONFLICT (campaign, day) DO UPDATE SET amount = provisional_day.amount + 1",
            &[
                row.campaign.into(),
                day_number(self.act.now, &self.facts.zone).into(),
            ],
        )?;
        Ok(())
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
        let made = used.as_ref().and_then(|used| used.made.as_ref());
        let uses_made = match (made, replayed.map(|told| &told.body.fact)) {
            (Some((_, uses_made)), _) | (None, Some(Fact::Redeemed { uses_made, .. })) => {
                Some(*uses_made)
            }
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
            redemption_id: made
                .map(|(id, _)| id.to_string())
                .or_else(|| replayed.map(redemption_name)),
            key: self.key.to_string(),
            at: replayed.map_or(self.act.now, |told| instant(told.body.at_ms)),
            first: self.first.clone().filter(|_| tells_of_first),
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

/// A scan's code, what it is otherwise, and as what it may be known elsewhere, folded.
type LookedUp = (Option<CodeRow>, Otherwise, Option<String>);

/// What was read, under whose key, and what was asked about it before.
struct Read {
    row: Option<CodeRow>,
    otherwise: Otherwise,
    /// What the text may be, folded, where it names no code that is known here.
    unknown: Option<String>,
    rights: Option<Rights>,
    about: About,
    caller: String,
    key: Key,
}

impl Read {
    fn of(tx: &Tx<'_>, scan: &Scan<'_>, act: &Act, asker: Asker<'_>) -> Result<Read, Cause> {
        let (row, otherwise, meant) = scan.look_up(tx)?;
        let rights = match asker.store {
            None => Rights::load(tx)?,
            Some(_) => None,
        };
        let unknown = match (&row, &otherwise, &rights) {
            (None, Otherwise::NotFound, Some(_)) => meant,
            _ => None,
        };
        let folded = row.as_ref().map(|row| &row.folded).or(unknown.as_ref());
        let about = match (&rights, folded) {
            (Some(_), Some(folded)) => {
                pending::about(tx, "redeem", folded, scan.key, &act.counter)?
            }
            _ => About::default(),
        };
        let (caller, key) = pending::caller_and_key(about.same.as_ref(), act, || {
            key_of(tx, scan, row.as_ref(), act)
        })?;
        Ok(Read {
            row,
            otherwise,
            unknown,
            rights,
            about,
            caller,
            key,
        })
    }
}

/// Whether this ledger knows all there is to know of a code.
fn knowledge(
    tx: &Tx<'_>,
    row: &CodeRow,
    is_spent: bool,
    rights: Option<Rights>,
    asker: Asker<'_>,
) -> Result<Knowledge, Cause> {
    if let Some(rights) = rights.filter(|_| is_spent)
        && unsent_uses(tx, row, rights)? > 0
    {
        return Ok(Knowledge::NewerHere);
    }
    let is_shared = row.state == CodeState::Suspect
        && (rights.is_some() || asker.store.is_some() || feed::has_stores(tx)?);
    Ok(if is_shared {
        Knowledge::InPart
    } else {
        Knowledge::Whole
    })
}

/// The name of a redemption: of one that was only witnessed here, the hub's.
pub(crate) fn redemption_name(told: &Redemption) -> String {
    if let Fact::Witnessed { entry, .. } = &told.body.fact {
        entry.clone()
    } else {
        told.id.to_string()
    }
}

/// What a text may be that names no code known here, folded: the innermost of what can be read in it.
pub(crate) fn meant(raw: &[u8], allowed_hosts: &[String]) -> Option<String> {
    let reading = read_scan(raw, allowed_hosts, &[]);
    let innermost = reading.candidates.into_iter().next_back()?;
    Some(innermost.as_str().to_owned())
}

/// Who may spend a code, as far as this ledger knows.
fn holding(rights: Option<Rights>, row: Option<&CodeRow>, asker: Asker<'_>, act: &Act) -> Holding {
    let apart = |cause| {
        Holding::Apart(Apart {
            cause,
            provisional_today: 0,
        })
    };
    let is_here = row.is_none_or(|row| row.holder == OWN_NODE);
    let Some(rights) = rights else {
        let barred = asker.store.and_then(|store| store.barred);
        return match barred {
            Some(cause) => apart(cause),
            None if is_here => Holding::Ours,
            None => apart(ApartCause::HeldByStore),
        };
    };
    match rights.standing {
        Standing::Revoked | Standing::WrittenOff | Standing::Stolen => {
            return apart(ApartCause::Revoked);
        }
        Standing::Invited | Standing::Quarantined => return apart(ApartCause::Quarantined),
        Standing::Active => {}
    }
    let is_held = row.is_some_and(|row| row.holder == OWN_NODE);
    let is_suspect = row.is_some_and(|row| row.state == CodeState::Suspect);
    let may_hold = rights.may_hold(act.now.as_millisecond());
    if is_held && may_hold && !is_suspect {
        Holding::Ours
    } else if asker.reach != Reach::Shut {
        Holding::AskHub
    } else if is_held && !may_hold {
        apart(ApartCause::LeaseEnded)
    } else {
        apart(ApartCause::OutOfReach)
    }
}

/// How many uses this ledger made of a code that the hub has not heard of, and that stand.
pub(crate) fn unsent_uses(tx: &Tx<'_>, row: &CodeRow, rights: Rights) -> Result<u32, Cause> {
    let mut uses = 0;
    let mut next = row.newest_entry;
    while let Some(entry) = next {
        let (kind, seq, reversal, previous) = tx
            .one(
                "SELECT e.kind, e.seq, r.entry, e.previous_of_code FROM entry e \
                 LEFT JOIN reversal r ON r.redemption = e.id WHERE e.id = $1",
                &[entry.into()],
                |row| {
                    Ok((
                        row.text(0)?,
                        row.int(1)?,
                        row.maybe_int(2)?,
                        row.maybe_int(3)?,
                    ))
                },
            )?
            .ok_or_else(|| Cause::Damaged(format!("entry {entry} is missing")))?;
        if seq <= rights.acked_seq {
            break;
        }
        uses += u32::from(kind == "redeemed" && reversal.is_none());
        next = previous;
    }
    Ok(uses)
}

/// Who first redeemed a code, as the hub tells it.
fn story_elsewhere(
    tx: &Tx<'_>,
    row: &CodeRow,
    rights: Option<Rights>,
) -> Result<Option<Story>, Cause> {
    if rights.is_none() {
        return Ok(None);
    }
    tx.one(
        "SELECT at_ms, store, counter, operator FROM story WHERE code = $1",
        &[row.id.into()],
        |row| {
            Ok(Story {
                at: instant(row.int(0)?),
                store: row.text(1)?,
                counter: row.text(2)?,
                operator: row.maybe_text(3)?,
            })
        },
    )
}

/// A redemption as it is told: one that this hub made for a store happened at the store's counter.
fn story_of(tx: &Tx<'_>, told: &Redemption, own: &str) -> Result<Story, Cause> {
    let mut story = told.story(own);
    if let Some((store, counter)) = nodes::asking_counter(tx, &story.counter)? {
        story.store = store;
        story.counter = counter;
    }
    Ok(story)
}

fn provisional_today(
    tx: &Tx<'_>,
    campaign: i64,
    rules_of: &Campaign,
    day: i64,
) -> Result<u32, Cause> {
    if rules_of.rules.offline_per_day.is_none() {
        return Ok(0);
    }
    let amount = tx.one(
        "SELECT amount FROM provisional_day WHERE campaign = $1 AND day = $2",
        &[campaign.into(), day.into()],
        |row| row.count(0),
    )?;
    Ok(amount.unwrap_or(0))
}

/// What the caller's key is bound to, and the redemption where it is one of this code.
fn binding(tx: &Tx<'_>, read: &Read, reach: Reach) -> Result<(KeyBinding, Option<i64>), Cause> {
    if tx.is_absent(Absent::Key(&read.caller, read.key.as_str())) {
        return Ok((KeyBinding::Free, None));
    }
    let bound = tx.one(
        "SELECT k.verb, k.subject, k.entry, r.entry, k.folded FROM act_key k \
         LEFT JOIN reversal r ON r.redemption = k.entry WHERE k.caller = $1 AND k.key = $2",
        &[(&read.caller).into(), read.key.as_str().into()],
        |row| {
            Ok(Bound {
                verb: row.text(0)?,
                subject: row.int(1)?,
                entry: row.int(2)?,
                is_reversed: row.maybe_int(3)?.is_some(),
                folded: row.maybe_text(4)?,
            })
        },
    )?;
    let Some(bound) = bound else {
        return Ok((KeyBinding::Free, None));
    };
    if bound.verb == "withdrawn" {
        // Given up: whatever is asked under it comes too late.
        return Ok((KeyBinding::SameReversed, None));
    }
    let row = read.row.as_ref();
    let is_same = match (&bound.folded, row) {
        // Witnessed before the code came down.
        (Some(folded), _) => row.map(|row| &row.folded).or(read.unknown.as_ref()) == Some(folded),
        (None, Some(row)) => row.id == bound.subject,
        (None, None) => false,
    };
    Ok(if bound.verb != "redeem" || !is_same {
        (KeyBinding::Other, None)
    } else if row.is_none() && reach == Reach::Open {
        // The hub tells it with the offer, which is not known here yet.
        (KeyBinding::Free, None)
    } else if bound.is_reversed {
        (KeyBinding::SameReversed, Some(bound.entry))
    } else {
        (KeyBinding::SameRedemption, Some(bound.entry))
    })
}

/// What a key is bound to.
struct Bound {
    verb: String,
    subject: i64,
    entry: i64,
    is_reversed: bool,
    /// The code, where it was not known here.
    folded: Option<String>,
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
