//! Redeeming: facts, the one [`judge`], the conditional write, the entry, the commit.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::campaign::Campaign;
use crate::domain::code::{FoldedCode, Shape};
use crate::domain::entry::{Body, Fact, Side, instant};
use crate::domain::ids::{CampaignId, EntryId, Key};
use crate::domain::layout::Layout;
use crate::domain::local_time::day_number;
use crate::domain::reading::{
    MisreadHint, NotOurs, Otherwise, Reading, kept_form, read as read_scan,
};
use crate::domain::verdict::{
    Answer, Approval, Ask, Band, Certainty, CodeState, Facts, Found, Judgement, KeyBinding, Story,
    Verdict, ends_at, judge, message,
};
use crate::ledger::chain::{Head, OWN_NODE, count_hour};
use crate::ledger::engine::{Row, Tx, Value};
use crate::ledger::error::Cause;
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

/// A code as it stands in the ledger, with what its campaign needs.
pub(crate) struct CodeRow {
    pub(crate) id: i64,
    pub(crate) folded: String,
    pub(crate) shown: Option<String>,
    pub(crate) campaign: i64,
    pub(crate) ordinal: Option<i64>,
    pub(crate) state: CodeState,
    pub(crate) uses_made: u32,
    pub(crate) holder: i64,
    pub(crate) customer: Option<i64>,
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) assigned_incarnation: Option<i64>,
    pub(crate) newest_entry: Option<i64>,
}

impl CodeRow {
    /// The code as stored.
    pub(crate) fn as_stored(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.folded)
    }
}

/// One redemption of a code that stands.
pub(crate) struct Redemption {
    pub(crate) entry: i64,
    pub(crate) id: EntryId,
    pub(crate) body: Body,
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

impl<'s> Case<'s> {
    fn gather(
        writing: &Writing<'_, '_>,
        scan: &'s Scan<'s>,
        act: &'s Act,
    ) -> Result<Case<'s>, Cause> {
        let tx = writing.tx;
        let (row, otherwise) = look_up(tx, scan.raw, scan.allowed_hosts)?;
        let key = key_of(tx, scan, row.as_ref(), act)?;
        let said = match scan.customer {
            Some(text) => Some(customers::resolve(tx, text)?),
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
                receipt: scan.receipt.map(str::to_owned),
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
                    receipt: self.scan.receipt.map(str::to_owned),
                    trigger: None,
                },
                ..setting_of(self.act)
            },
        )?;
        // The guard: nobody has used, voided or taken away this code since it was looked at.
        let changed = writing.tx.execute(
            "UPDATE code SET uses_made = uses_made + 1, state = $1, newest_entry = $2 \
             WHERE id = $3 AND state = $4 AND uses_made = $5 AND uses_made < $6 AND holder = $7",
            &[
                state_number(state_after).into(),
                entry.local.into(),
                row.id.into(),
                state_number(row.state).into(),
                row.uses_made.into(),
                uses.into(),
                OWN_NODE.into(),
            ],
        )?;
        if changed != 1 {
            return Err(Cause::Changed("this code was just used elsewhere".into()));
        }
        self.bind(writing, row, entry.local)?;
        count_use(writing.tx, row, state_after)?;
        count_hour(
            writing.tx,
            row.campaign,
            "redeemed",
            self.act.now.as_millisecond(),
            entry.local,
        )?;
        self.count_customer(writing.tx, row, found)?;
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
        writing.tx.execute(
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
            writing.tx.execute(
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

    fn count_customer(&self, tx: &Tx<'_>, row: &CodeRow, found: &Found) -> Result<(), Cause> {
        let (Some(customer), Some(_)) = (self.customer, found.campaign.rules.limit_per_day) else {
            return Ok(());
        };
        tx.execute(
            "INSERT INTO customer_day (campaign, customer, day, amount) VALUES ($1, $2, $3, 1) \
             ON CONFLICT (campaign, customer, day) DO UPDATE SET amount = customer_day.amount + 1",
            &[
                row.campaign.into(),
                customer.into(),
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

impl Redemption {
    fn story(&self, store: &str) -> Story {
        Story {
            at: instant(self.body.at_ms),
            store: store.to_owned(),
            counter: self.body.counter.clone(),
            operator: self.body.operator.clone(),
        }
    }
}

/// The stored number of a state.
pub(crate) fn state_number(state: CodeState) -> i64 {
    match state {
        CodeState::Available => 0,
        CodeState::Assigned => 1,
        CodeState::Redeemed => 2,
        CodeState::Void => 3,
        CodeState::Suspect => 4,
    }
}

/// The state of a stored number.
pub(crate) fn state_of(number: i64) -> Result<CodeState, Cause> {
    CodeState::ALL
        .into_iter()
        .find(|state| state_number(*state) == number)
        .ok_or_else(|| Cause::Damaged(format!("a code in state {number}")))
}

const CODE_COLUMNS: &str = "c.id, c.folded, c.shown, c.campaign, c.ordinal, c.state, \
    c.uses_made, c.holder, c.customer, c.expires_at_ms, c.assigned_incarnation, c.newest_entry";

fn code_row(row: &Row<'_>) -> Result<CodeRow, Cause> {
    Ok(CodeRow {
        id: row.int(0)?,
        folded: row.text(1)?,
        shown: row.maybe_text(2)?,
        campaign: row.int(3)?,
        ordinal: row.maybe_int(4)?,
        state: state_of(row.int(5)?)?,
        uses_made: row.count(6)?,
        holder: row.int(7)?,
        customer: row.maybe_int(8)?,
        expires_at_ms: row.maybe_int(9)?,
        assigned_incarnation: row.maybe_int(10)?,
        newest_entry: row.maybe_int(11)?,
    })
}

/// The code of this local number.
pub(crate) fn by_id(tx: &Tx<'_>, code: i64) -> Result<Option<CodeRow>, Cause> {
    tx.one(
        &format!("SELECT {CODE_COLUMNS} FROM code c WHERE c.id = $1"),
        &[code.into()],
        code_row,
    )
}

/// The code of this folding, if its batch is published.
pub(crate) fn find(tx: &Tx<'_>, folded: &str) -> Result<Option<CodeRow>, Cause> {
    tx.one(
        &format!(
            "SELECT {CODE_COLUMNS} FROM code c JOIN batch b ON b.id = c.batch \
             WHERE c.folded = $1 AND b.is_published = 1"
        ),
        &[folded.into()],
        code_row,
    )
}

/// Look-up comes first; what the text is otherwise matters only where it names no code.
pub(crate) fn look_up(
    tx: &Tx<'_>,
    raw: &[u8],
    allowed_hosts: &[String],
) -> Result<(Option<CodeRow>, Otherwise), Cause> {
    let reading = read_scan(raw, allowed_hosts, &[]);
    for candidate in &reading.candidates {
        if let Some(row) = find(tx, candidate.as_str())? {
            return Ok((Some(row), Otherwise::NotFound));
        }
    }
    let shapes = tx.all("SELECT prefix, length FROM shape", &[], |row| {
        let (prefix, length) = (row.text(0)?, row.count(1)? as usize);
        Ok(Shape { prefix, length })
    })?;
    let reading = read_scan(raw, allowed_hosts, &shapes);
    Ok((None, otherwise(tx, reading)?))
}

/// What a text is that names no code, where only the ledger can tell.
fn otherwise(tx: &Tx<'_>, reading: Reading) -> Result<Otherwise, Cause> {
    if let Some((first, second)) = &reading.halves
        && find(tx, first.as_str())?.is_some()
        && find(tx, second.as_str())?.is_some()
    {
        return Ok(Otherwise::NotOurs(NotOurs::SeveralCodes));
    }
    // A repair is never honoured: it only names the fault, and only where it names one code.
    let mut meant: Vec<(Layout, &FoldedCode)> = Vec::new();
    for (layout, repaired) in &reading.repairs {
        if find(tx, repaired.as_str())?.is_some() {
            meant.push((*layout, repaired));
        }
    }
    let is_one_code = meant.windows(2).all(|pair| match pair {
        [(_, one), (_, other)] => one == other,
        _ => true,
    });
    let layouts: Vec<Layout> = meant.iter().map(|(layout, _)| *layout).collect();
    Ok(MisreadHint::of_layouts(&layouts)
        .filter(|_| is_one_code)
        .map_or(reading.otherwise, Otherwise::Misread))
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

/// An entry that was told before, with its name.
pub(crate) fn redemption(tx: &Tx<'_>, head: &Head, entry: i64) -> Result<Redemption, Cause> {
    tx.one(
        "SELECT incarnation, seq, body FROM entry WHERE id = $1",
        &[entry.into()],
        |row| {
            Ok(Redemption {
                entry,
                id: EntryId {
                    node: head.node.clone(),
                    incarnation: row.count(0)?,
                    seq: row.int(1)?.unsigned_abs(),
                },
                body: serde_json::from_str(&row.text(2)?)?,
            })
        },
    )?
    .ok_or_else(|| Cause::Damaged(format!("entry {entry} is missing")))
}

/// The redemptions of a code that stand, newest first.
pub(crate) fn standing_redemptions(
    tx: &Tx<'_>,
    head: &Head,
    row: &CodeRow,
) -> Result<Vec<Redemption>, Cause> {
    let mut standing = Vec::new();
    let mut next = row.newest_entry;
    while let Some(entry) = next {
        let (kind, reversal, previous) = tx
            .one(
                "SELECT e.kind, r.entry, e.previous_of_code FROM entry e \
                 LEFT JOIN reversal r ON r.redemption = e.id WHERE e.id = $1",
                &[entry.into()],
                |row| Ok((row.text(0)?, row.maybe_int(1)?, row.maybe_int(2)?)),
            )?
            .ok_or_else(|| Cause::Damaged(format!("entry {entry} is missing")))?;
        if kind == "redeemed" && reversal.is_none() {
            standing.push(redemption(tx, head, entry)?);
        }
        next = previous;
    }
    Ok(standing)
}

fn first_redemption(tx: &Tx<'_>, head: &Head, row: &CodeRow) -> Result<Option<Redemption>, Cause> {
    Ok(standing_redemptions(tx, head, row)?.pop())
}

fn void_reason(tx: &Tx<'_>, row: &CodeRow) -> Result<Option<String>, Cause> {
    if row.state != CodeState::Void {
        return Ok(None);
    }
    let text = tx.one(
        "SELECT text FROM side WHERE entry = $1",
        &[row.newest_entry.into()],
        |row| row.text(0),
    )?;
    Ok(match text {
        Some(text) => serde_json::from_str::<Side>(&text)?.reason,
        None => None,
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
    Ok(tx
        .one(
            "SELECT amount FROM customer_day WHERE campaign = $1 AND customer = $2 AND day = $3",
            &[campaign.into(), customer.into(), day.into()],
            |row| row.count(0),
        )?
        .unwrap_or(0))
}

fn count_use(tx: &Tx<'_>, row: &CodeRow, state_after: CodeState) -> Result<(), Cause> {
    move_tally(tx, row.campaign, row.state, state_after, 1)
}

/// Moves one code between the states of its campaign's tally, and counts its uses.
pub(crate) fn move_tally(
    tx: &Tx<'_>,
    campaign: i64,
    from: CodeState,
    to: CodeState,
    uses_change: i64,
) -> Result<(), Cause> {
    let change = |state: CodeState| Value::Int(i64::from(to == state) - i64::from(from == state));
    tx.execute(
        "UPDATE tally SET available = available + $1, assigned = assigned + $2, \
         redeemed = redeemed + $3, void = void + $4, suspect = suspect + $5, \
         uses_made = uses_made + $6 WHERE campaign = $7",
        &[
            change(CodeState::Available),
            change(CodeState::Assigned),
            change(CodeState::Redeemed),
            change(CodeState::Void),
            change(CodeState::Suspect),
            Value::Int(uses_change),
            campaign.into(),
        ],
    )?;
    Ok(())
}
