//! Campaigns: created, changed, paused, resumed; each change is an entry and a revision.

use jiff::Timestamp;

use crate::domain::campaign::{Campaign, Rules, stand_in_form};
use crate::domain::code::Shape;
use crate::domain::entry::{Body, Fact, Recovered};
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::domain::rule_change::{RuleHit, Takes, takes};
use crate::domain::verdict::CodeState;
use crate::domain::wire::WireCampaign;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{shapes, state_number};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::joining::pools_are_elsewhere;
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, setting_of, tally};

const COLUMNS: &str = "id, name, revision, is_paused, rules";

impl Ledger {
    /// Begins a campaign. `contact_key` is 32 random bytes.
    pub fn create_campaign(
        &mut self,
        id: &CampaignId,
        rules: &Rules,
        contact_key: &[u8; 32],
        act: &Act,
    ) -> Result<Result<Campaign, Refusal>, LedgerError> {
        self.write("create campaign", id.as_str(), |writing| {
            if let Some(refusal) = pools_are_elsewhere(writing.tx)? {
                return Ok(Err(refusal));
            }
            create(writing, id, rules, contact_key, act)
        })
    }

    /// Changes a campaign's rules; what `change` leaves as it is makes no entry.
    pub fn set_campaign(
        &mut self,
        id: &CampaignId,
        change: impl Fn(&mut Rules),
        act: &Act,
    ) -> Result<Result<Campaign, Refusal>, LedgerError> {
        self.write("change campaign", id.as_str(), |writing| {
            if let Some(refusal) = pools_are_elsewhere(writing.tx)? {
                return Ok(Err(refusal));
            }
            set(writing, id, &change, act)
        })
    }

    /// What rules would take from codes that are given out, kind by kind; empty where they take
    /// nothing of any code.
    ///
    /// It goes through the campaign's codes: 10 million take seconds, in which counters go on.
    pub fn weigh_rules(
        &mut self,
        id: &CampaignId,
        after: &Rules,
        now: Timestamp,
    ) -> Result<Result<Vec<RuleHit>, Refusal>, LedgerError> {
        self.read("weigh a change of campaign", id.as_str(), |tx| {
            let Some((local, campaign)) = find(tx, id)? else {
                return Ok(Err(Refusal::NoSuchCampaign(id.clone())));
            };
            let mut hits = Vec::new();
            for takes in takes(&campaign.rules, after, now) {
                let codes = given_out_beyond(tx, local, takes, now)?;
                if codes > 0 {
                    hits.push(RuleHit { takes, codes });
                }
            }
            Ok(Ok(hits))
        })
    }

    /// Pauses or resumes a campaign; what it is already makes no entry.
    pub fn pause_campaign(
        &mut self,
        id: &CampaignId,
        is_paused: bool,
        act: &Act,
    ) -> Result<Result<Campaign, Refusal>, LedgerError> {
        self.write("pause campaign", id.as_str(), |writing| {
            if let Some(refusal) = pools_are_elsewhere(writing.tx)? {
                return Ok(Err(refusal));
            }
            pause(writing, id, is_paused, act)
        })
    }

    /// A campaign by its name.
    pub fn campaign(&mut self, id: &CampaignId) -> Result<Result<Campaign, Refusal>, LedgerError> {
        self.read("read campaign", id.as_str(), |tx| {
            Ok(find(tx, id)?
                .map(|(_, campaign)| campaign)
                .ok_or_else(|| Refusal::NoSuchCampaign(id.clone())))
        })
    }

    /// Every campaign, in the order of their beginning.
    pub fn campaigns(&mut self) -> Result<Vec<Campaign>, LedgerError> {
        self.read("list", "campaigns", |tx| {
            tx.all(
                &format!("SELECT {COLUMNS} FROM campaign ORDER BY id"),
                &[],
                |row| read(row).map(|(_, campaign)| campaign),
            )
        })
    }
}

/// The local number of every campaign.
pub(crate) fn every(tx: &Tx<'_>) -> Result<Vec<i64>, Cause> {
    tx.all("SELECT id FROM campaign ORDER BY id", &[], |row| row.int(0))
}

/// A campaign by its local number.
pub(crate) fn load(tx: &Tx<'_>, campaign: i64) -> Result<Campaign, Cause> {
    tx.settled(
        "campaign",
        &format!("SELECT {COLUMNS} FROM campaign WHERE id = $1"),
        &[campaign.into()],
        read,
    )?
    .map(|(_, campaign)| campaign)
    .ok_or_else(|| Cause::Damaged(format!("campaign {campaign} is missing")))
}

/// A campaign by its name, with its local number.
pub(crate) fn find(tx: &Tx<'_>, id: &CampaignId) -> Result<Option<(i64, Campaign)>, Cause> {
    tx.settled(
        "campaign",
        &format!("SELECT {COLUMNS} FROM campaign WHERE name = $1"),
        &[id.as_str().into()],
        read,
    )
}

/// Lets nobody else change a campaign's rules before the end of the transaction.
pub(crate) fn hold(tx: &Tx<'_>, id: &CampaignId) -> Result<(), Cause> {
    tx.lock_rows(
        "SELECT id FROM campaign WHERE name = $1",
        &[id.as_str().into()],
    )
    .map(drop)
}

/// The key of a campaign's contact hashes, by its local number.
pub(crate) fn contact_key(tx: &Tx<'_>, campaign: i64) -> Result<Vec<u8>, Cause> {
    Ok(tx
        .lasting(
            "SELECT contact_key FROM campaign WHERE id = $1",
            &[campaign.into()],
            |row| row.blob(0),
        )?
        .unwrap_or_default())
}

/// The name of a campaign as it is stored.
pub(crate) fn id_of(name: &str) -> Result<CampaignId, Cause> {
    name.parse()
        .ok()
        .ok_or_else(|| Cause::Damaged(format!("a campaign named {name:?}")))
}

fn read(row: &Row<'_>) -> Result<(i64, Campaign), Cause> {
    let campaign = Campaign {
        id: id_of(&row.text(1)?)?,
        revision: row.count(2)?,
        is_paused: row.int(3)? != 0,
        rules: serde_json::from_str(&row.text(4)?)?,
    };
    Ok((row.int(0)?, campaign))
}

pub(crate) fn create(
    writing: &mut Writing<'_, '_>,
    id: &CampaignId,
    rules: &Rules,
    contact_key: &[u8; 32],
    act: &Act,
) -> Result<Result<Campaign, Refusal>, Cause> {
    begin(writing, id, (rules, 1), contact_key, None, act)
}

/// A campaign that was begun in a life of this hub which is gone begins anew, as a store knows it.
pub(crate) fn begin_anew(
    writing: &mut Writing<'_, '_>,
    told: &WireCampaign,
    contact_key: &[u8; 32],
    node: &str,
    act: &Act,
) -> Result<(), Cause> {
    let rules = (&told.rules, told.revision);
    let recovered = Some(recovered_from(node));
    let begun = begin(writing, &told.campaign, rules, contact_key, recovered, act)?;
    if begun.is_ok() && told.is_paused {
        drop(pause(writing, &told.campaign, true, act)?);
    }
    Ok(())
}

fn recovered_from(node: &str) -> Recovered {
    Recovered {
        node: node.to_owned(),
        entry: None,
    }
}

fn begin(
    writing: &mut Writing<'_, '_>,
    id: &CampaignId,
    (rules, revision): (&Rules, u32),
    contact_key: &[u8; 32],
    recovered: Option<Recovered>,
    act: &Act,
) -> Result<Result<Campaign, Refusal>, Cause> {
    if let Some(fault) = rules.fault() {
        return Ok(Err(Refusal::Faulty(fault)));
    }
    if find(writing.tx, id)?.is_some() {
        return Ok(Err(Refusal::CampaignExists(id.clone())));
    }
    if let Some(fault) = fallback_fault(writing.tx, rules)? {
        return Ok(Err(Refusal::Faulty(fault)));
    }
    let text = serde_json::to_string(rules)?;
    let local = writing.tx.insert(
        "INSERT INTO campaign (name, revision, rules, contact_key) VALUES ($1, $2, $3, $4) \
         RETURNING id",
        &[
            id.as_str().into(),
            revision.into(),
            (&text).into(),
            contact_key.as_slice().into(),
        ],
    )?;
    tally::begin(writing.tx, local, revision)?;
    let fact = Fact::CampaignCreated {
        rules: Box::new(rules.clone()),
    };
    let told = (Some(text.as_str()), recovered);
    revise(writing, local, (id, revision), fact, told, act)?;
    Ok(Ok(load(writing.tx, local)?))
}

fn set(
    writing: &mut Writing<'_, '_>,
    id: &CampaignId,
    change: &dyn Fn(&mut Rules),
    act: &Act,
) -> Result<Result<Campaign, Refusal>, Cause> {
    hold(writing.tx, id)?;
    let Some((local, campaign)) = find(writing.tx, id)? else {
        return Ok(Err(Refusal::NoSuchCampaign(id.clone())));
    };
    let mut rules = campaign.rules.clone();
    change(&mut rules);
    if rules == campaign.rules {
        return Ok(Ok(campaign));
    }
    let revision = campaign.revision + 1;
    change_rules(writing, (local, &campaign), (rules, revision), None, act)
}

/// What a store knows of a campaign that a hub has, which was restored: rules of a later revision come
/// back, and with them that it was paused. What of them cannot be changed any more stays as it is here, and
/// where a manager has changed the rules in this life, those stand: under a number that was never given to
/// others.
pub(crate) fn recover(
    writing: &mut Writing<'_, '_>,
    told: &WireCampaign,
    node: &str,
    act: &Act,
) -> Result<(), Cause> {
    let Some((local, own)) = find(writing.tx, &told.campaign)? else {
        return Ok(());
    };
    let is_other = told.revision == own.revision && told.rules != own.rules;
    if told.revision <= own.revision && !is_other {
        return Ok(());
    }
    hold(writing.tx, &told.campaign)?;
    let recovered = Some(recovered_from(node));
    let is_theirs = !is_other && !is_of_this_life(writing.tx, local, own.revision)?;
    let above = told.revision + 1;
    let unchangeable = Rules {
        uses: own.rules.uses,
        provider_aliases: own.rules.provider_aliases,
        ..told.rules.clone()
    };
    let mut changes = vec![(own.rules.clone(), above, None)];
    if is_theirs {
        changes.push((unchangeable, above, recovered.clone()));
        changes.push((told.rules.clone(), told.revision, recovered));
    }
    while let Some((rules, revision, recovered)) = changes.pop() {
        let change = (rules, revision);
        if change_rules(writing, (local, &own), change, recovered, act)?.is_ok() {
            break;
        }
    }
    if is_theirs && told.is_paused {
        drop(pause(writing, &told.campaign, true, act)?);
    }
    Ok(())
}

/// Whether somebody here made this revision since the newest life of this ledger began: not before, and
/// it did not come back from a store.
fn is_of_this_life(tx: &Tx<'_>, campaign: i64, revision: u32) -> Result<bool, Cause> {
    // Read from the newest one back: a life that has just begun is short.
    let began = tx
        .one(
            "SELECT id FROM entry WHERE kind = 'incarnation_began' AND node + 0 = $1 \
             ORDER BY id DESC LIMIT 1",
            &[OWN_NODE.into()],
            |row| row.int(0),
        )?
        .unwrap_or(0);
    let body = tx.one(
        "SELECT e.body FROM campaign_revision r JOIN entry e ON e.id = r.entry \
         WHERE r.campaign = $1 AND r.revision = $2 AND e.id > $3",
        &[campaign.into(), revision.into(), began.into()],
        |row| Ok(serde_json::from_str::<Body>(&row.text(0)?)?),
    )?;
    Ok(body.is_some_and(|body| body.recovered.is_none()))
}

fn change_rules(
    writing: &mut Writing<'_, '_>,
    (local, campaign): (i64, &Campaign),
    (rules, revision): (Rules, u32),
    recovered: Option<Recovered>,
    act: &Act,
) -> Result<Result<Campaign, Refusal>, Cause> {
    if let Some(fault) = rules.fault() {
        return Ok(Err(Refusal::Faulty(fault)));
    }
    if rules.fallback != campaign.rules.fallback
        && let Some(fault) = fallback_fault(writing.tx, &rules)?
    {
        return Ok(Err(Refusal::Faulty(fault)));
    }
    // Before it is looked at what was done under the former rules: nothing more can be from here on.
    tally::go_under(writing.tx, local, revision)?;
    let made = uses_made(writing.tx, local)?;
    if rules.uses != campaign.rules.uses && made > 0 {
        // The states of used codes, and every tally, were counted under the former number.
        return Ok(Err(Refusal::UsesMade { made }));
    }
    if rules.provider_aliases != campaign.rules.provider_aliases
        && has_customers(writing.tx, local)?
    {
        // They are recognised by hashes made under the former rule.
        return Ok(Err(Refusal::CustomersKnown));
    }
    let text = serde_json::to_string(&rules)?;
    writing.tx.execute(
        "UPDATE campaign SET revision = $1, rules = $2 WHERE id = $3",
        &[revision.into(), (&text).into(), local.into()],
    )?;
    let fact = Fact::CampaignChanged {
        rules: Box::new(rules),
    };
    let revised = (&campaign.id, revision);
    revise(writing, local, revised, fact, (Some(&text), recovered), act)?;
    Ok(Ok(load(writing.tx, local)?))
}

/// Why a fallback is refused: it is a code, or reads so much like ours that it could be taken for
/// one.
fn fallback_fault(tx: &Tx<'_>, rules: &Rules) -> Result<Option<String>, Cause> {
    let Some(text) = &rules.fallback else {
        return Ok(None);
    };
    let form = stand_in_form(text);
    let known = tx.one(
        "SELECT m.name FROM code c JOIN campaign m ON m.id = c.campaign WHERE c.folded = $1",
        &[(&form).into()],
        |row| row.text(0),
    )?;
    if let Some(campaign) = known {
        return Ok(Some(format!("the fallback is a code of {campaign}")));
    }
    let mut shapes = shapes(tx)?;
    shapes.extend([Shape::standard(), Shape::test()]);
    let is_like_ours = shapes.iter().any(|shape| shape.looks_like(&form));
    Ok(is_like_ours.then(|| {
        "the fallback reads like a code of ours: use words that nobody takes for one".to_owned()
    }))
}

pub(crate) fn pause(
    writing: &mut Writing<'_, '_>,
    id: &CampaignId,
    is_paused: bool,
    act: &Act,
) -> Result<Result<Campaign, Refusal>, Cause> {
    hold(writing.tx, id)?;
    let Some((local, campaign)) = find(writing.tx, id)? else {
        return Ok(Err(Refusal::NoSuchCampaign(id.clone())));
    };
    if campaign.is_paused == is_paused {
        return Ok(Ok(campaign));
    }
    writing.tx.execute(
        "UPDATE campaign SET is_paused = $1 WHERE id = $2",
        &[is_paused.into(), local.into()],
    )?;
    let fact = if is_paused {
        Fact::CampaignPaused
    } else {
        Fact::CampaignResumed
    };
    let revised = (id, campaign.revision);
    revise(writing, local, revised, fact, (None, None), act)?;
    Ok(Ok(load(writing.tx, local)?))
}

fn revise(
    writing: &mut Writing<'_, '_>,
    local: i64,
    (id, revision): (&CampaignId, u32),
    fact: Fact,
    (rules, recovered): (Option<&str>, Option<Recovered>),
    act: &Act,
) -> Result<(), Cause> {
    touch(writing.tx, FeedKind::Campaign, local, EVERYBODY)?;
    let entry = writing.append(
        fact,
        &Setting {
            campaign: Some((local, id, revision)),
            recovered,
            ..setting_of(act)
        },
    )?;
    if let Some(rules) = rules {
        writing.tx.execute(
            "INSERT INTO campaign_revision (campaign, revision, rules, entry) \
             VALUES ($1, $2, $3, $4)",
            &[
                local.into(),
                revision.into(),
                rules.into(),
                entry.local.into(),
            ],
        )?;
    }
    Ok(())
}

/// Codes that are given out, not used up, and valid longer than what this takes.
fn given_out_beyond(
    tx: &Tx<'_>,
    campaign: i64,
    takes: Takes,
    now: Timestamp,
) -> Result<u64, Cause> {
    let until = match takes {
        Takes::EndsSooner(end) => end.max(now),
        Takes::BeginsLater(_) | Takes::FewerStores | Takes::FewerHours => now,
    };
    let count = tx.one(
        "SELECT count(*) FROM code c JOIN batch b ON b.id = c.batch WHERE c.campaign = $1 \
         AND c.state = $2 AND b.is_published = 1 \
         AND (c.expires_at_ms IS NULL OR c.expires_at_ms > $3)",
        &[
            campaign.into(),
            state_number(CodeState::Assigned).into(),
            until.as_millisecond().into(),
        ],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

/// Whether a customer has a code of the campaign, or an import is about to say so.
fn has_customers(tx: &Tx<'_>, campaign: i64) -> Result<bool, Cause> {
    for table in ["customer_slot", "contact_hash"] {
        let customer = tx.one(
            &format!("SELECT customer FROM {table} WHERE campaign = $1 LIMIT 1"),
            &[campaign.into()],
            |row| row.int(0),
        )?;
        if customer.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uses_made(tx: &Tx<'_>, campaign: i64) -> Result<u64, Cause> {
    Ok(tx
        .one(
            "SELECT sum(uses_made) FROM tally WHERE campaign = $1",
            &[campaign.into()],
            |row| row.maybe_int(0),
        )?
        .flatten()
        .unwrap_or(0)
        .unsigned_abs())
}
