//! Leases: ranges of a pool that one node alone may assign from, and how a right moves.
//!
//! Invariants: the ranges of a pool are disjoint. Every grant has a number of its own in its campaign;
//! whoever gives a right away names the grant by which it held it, and taking one renumbers it, so
//! that nothing of an older grant gives or takes anything. A right moves only by its holder's own
//! entry, at the hub when that is applied; or by a manager, who takes a lost store's leases back.

use crate::domain::campaign::{Campaign, Home, OfflineAssign};
use crate::domain::entry::{Fact, instant};
use crate::domain::ids::CampaignId;
use crate::domain::lease::{GRANT_MAX, Need, Stock, grant};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::domain::wire::{Demand, Standing};
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::{CodeRow, by_id, state_number};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::tally::{DAY_MS, move_leased};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, campaigns, claim_range, fence, link, nodes,
    setting_of, stores,
};

/// The hub's own ranges that one grant is cut from at most.
const CUTS_MAX: usize = 8;

/// Demand is counted over so long.
pub(crate) const DEMAND_MS: i64 = 7 * DAY_MS;

/// What of a range has not been assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) campaign: i64,
    pub(crate) first_ordinal: i64,
    pub(crate) end_ordinal: i64,
    pub(crate) grant_number: i64,
}

impl Rest {
    fn len(self) -> i64 {
        self.end_ordinal - self.first_ordinal
    }
}

impl Ledger {
    /// A store gives what it has not assigned back to the hub, of one campaign or of all, and wants none
    /// for a day; how many codes. In slices, so that no till waits.
    pub fn return_leases(
        &mut self,
        campaign: Option<&CampaignId>,
        act: &Act,
    ) -> Result<Result<u64, Refusal>, LedgerError> {
        let thing = campaign.map_or("all leases", CampaignId::as_str);
        let found = self.read("return", thing, |tx| {
            if link::load(tx)?.is_none() {
                return Ok(Err(Refusal::NotJoined));
            }
            Ok(match campaign {
                None => Ok(campaigns::every(tx)?),
                Some(id) => campaigns::find(tx, id)?
                    .map(|(local, _)| vec![local])
                    .ok_or_else(|| Refusal::NoSuchCampaign(id.clone())),
            })
        })?;
        let campaigns = match found {
            Ok(campaigns) => campaigns,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut returned = 0;
        for campaign in campaigns {
            loop {
                let slice = self.write("return", thing, |writing| {
                    wants_none(writing.tx, campaign, act)?;
                    hand_over_rest(writing, campaign, act)
                })?;
                if slice == 0 {
                    break;
                }
                returned += slice;
            }
        }
        Ok(Ok(returned))
    }

    /// A store hands over the codes it has assigned whose campaign's home is anywhere: called before
    /// each upload. Looks at so many of its entries at most; how many codes it handed over.
    pub fn hand_over_homeless(&mut self, most: usize, act: &Act) -> Result<u64, LedgerError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let homeless = self.read("look for", "codes to hand over", |tx| homeless(tx, most))?;
        let Some((_, last)) = homeless else {
            return Ok(0);
        };
        self.write("hand over", "codes", |writing| {
            // Looked at again: the turn has come only now.
            let Some((codes, last)) = self::homeless_until(writing.tx, most, last)? else {
                return Ok(0);
            };
            let mut handed_over = 0;
            for code in codes {
                handed_over += u64::from(hand_over_code(writing, code, act)?);
            }
            writing.tx.execute(
                "UPDATE hub_link SET homed_entry = $1 WHERE id = 1",
                &[last.into()],
            )?;
            Ok(handed_over)
        })
    }
}

/// Notes that a campaign's codes were given back, so that the next upload does not ask for others.
fn wants_none(tx: &Tx<'_>, campaign: i64, act: &Act) -> Result<(), Cause> {
    tx.execute(
        "INSERT INTO lease_return (campaign, at_ms) VALUES ($1, $2) \
         ON CONFLICT (campaign) DO UPDATE SET at_ms = excluded.at_ms",
        &[campaign.into(), act.now.as_millisecond().into()],
    )?;
    Ok(())
}

/// Codes and the last entry looked at.
type Homeless = Option<(Vec<i64>, i64)>;

fn homeless(tx: &Tx<'_>, most: i64) -> Result<Homeless, Cause> {
    homeless_until(tx, most, i64::MAX)
}

/// The codes that own entries after the ones looked at have assigned, and that have their home
/// anywhere; none: there are no such entries, or nothing is given away now.
fn homeless_until(tx: &Tx<'_>, most: i64, last: i64) -> Result<Homeless, Cause> {
    if link::load(tx)?.is_none_or(|link| link.standing == Standing::Quarantined) {
        return Ok(None);
    }
    let mut through = None;
    let mut codes = Vec::new();
    let assigned = tx.all(
        "SELECT e.id, e.kind, e.code, e.campaign FROM entry e \
         WHERE e.id > (SELECT homed_entry FROM hub_link WHERE id = 1) AND e.id <= $1 \
         ORDER BY e.id LIMIT $2",
        &[last.into(), most.into()],
        |row| {
            through = Some(row.int(0)?);
            let is_assigned = row.text(1)? == "assigned";
            Ok(row
                .maybe_int(2)?
                .zip(row.maybe_int(3)?)
                .filter(|_| is_assigned))
        },
    )?;
    for (code, campaign) in assigned.into_iter().flatten() {
        if campaigns::load(tx, campaign)?.rules.home == Home::Anywhere {
            codes.push(code);
        }
    }
    Ok(through.map(|last| (codes, last)))
}

/// Hands a code over to the hub, where this ledger holds it and may give it away: from this entry on
/// it spends it no more. Whether it did.
pub(crate) fn hand_over_code(
    writing: &mut Writing<'_, '_>,
    code: i64,
    act: &Act,
) -> Result<bool, Cause> {
    // A life of the ledger that the hub does not know cannot say what was done with the code.
    let Some(hub) = hub_to_give_to(writing.tx)? else {
        return Ok(false);
    };
    let Some(row) = by_id(writing.tx, code)? else {
        return Ok(false);
    };
    if row.holder != OWN_NODE || row.state == CodeState::Test {
        return Ok(false);
    }
    let campaign = campaigns::load(writing.tx, row.campaign)?;
    let entry = writing.append(
        Fact::HandedOver {
            grant_number: row.grant_number,
            range: None,
        },
        &Setting {
            campaign: Some((row.campaign, &campaign.id, campaign.revision)),
            code: Some((row.id, &row.folded, row.newest_entry)),
            ..setting_of(act)
        },
    )?;
    let given = writing.tx.execute(
        "UPDATE code SET holder = $1, newest_entry = $2 \
         WHERE id = $3 AND holder = $4 AND grant_number = $5",
        &[
            hub.into(),
            entry.local.into(),
            row.id.into(),
            OWN_NODE.into(),
            row.grant_number.into(),
        ],
    )?;
    if given != 1 {
        return Err(Cause::Changed("this code was just given away".into()));
    }
    move_leased(
        writing.tx,
        row.campaign,
        i64::from(row.state == CodeState::Available),
    )?;
    Ok(true)
}

/// The hub's node, where this ledger has one and may give it something.
fn hub_to_give_to(tx: &Tx<'_>) -> Result<Option<i64>, Cause> {
    tx.one(
        "SELECT hub FROM hub_link WHERE id = 1 AND standing <> $1",
        &[Standing::Quarantined.number().into()],
        |row| row.int(0),
    )
}

/// Hands over what this ledger has not assigned of its newest range of a campaign, a slice from its
/// end at a time; how many codes' places. 0: nothing is left to give.
pub(crate) fn hand_over_rest(
    writing: &mut Writing<'_, '_>,
    campaign: i64,
    act: &Act,
) -> Result<u64, Cause> {
    let Some(hub) = hub_to_give_to(writing.tx)? else {
        return Ok(0);
    };
    let Some((lease, range)) = last_rest(writing.tx, campaign)? else {
        return Ok(0);
    };
    let rest = Rest {
        first_ordinal: range
            .first_ordinal
            .max(range.end_ordinal - GRANT_MAX.cast_signed()),
        ..range
    };
    let loaded = campaigns::load(writing.tx, campaign)?;
    let given = writing.tx.execute(
        "UPDATE lease SET end_ordinal = $1 WHERE id = $2 AND end_ordinal = $3 \
         AND next_ordinal <= $1 AND holder = $4 AND grant_number = $5",
        &[
            rest.first_ordinal.into(),
            lease.into(),
            rest.end_ordinal.into(),
            OWN_NODE.into(),
            rest.grant_number.into(),
        ],
    )?;
    if given != 1 {
        return Err(Cause::Changed("this range was just taken back".into()));
    }
    writing.append(
        Fact::HandedOver {
            grant_number: rest.grant_number,
            range: Some((
                rest.first_ordinal.unsigned_abs(),
                rest.end_ordinal.unsigned_abs(),
            )),
        },
        &Setting {
            campaign: Some((campaign, &loaded.id, loaded.revision)),
            ..setting_of(act)
        },
    )?;
    // The number of the grant stays with them: nothing older than the next one brings them back.
    let moved = move_codes(writing.tx, rest, OWN_NODE, hub, rest.grant_number)?;
    move_leased(writing.tx, campaign, moved)?;
    Ok(rest.len().unsigned_abs())
}

/// The last of this ledger's ranges of which something is left, and what that is.
fn last_rest(tx: &Tx<'_>, campaign: i64) -> Result<Option<(i64, Rest)>, Cause> {
    tx.one(
        "SELECT id, next_ordinal, end_ordinal, grant_number FROM lease WHERE campaign = $1 \
         AND holder = $2 AND next_ordinal < end_ordinal ORDER BY first_ordinal DESC LIMIT 1",
        &[campaign.into(), OWN_NODE.into()],
        |row| {
            let rest = Rest {
                campaign,
                first_ordinal: row.int(1)?,
                end_ordinal: row.int(2)?,
                grant_number: row.int(3)?,
            };
            Ok((row.int(0)?, rest))
        },
    )
}

/// The available codes of a range that one node holds are held by another from here on, under a
/// grant; how many.
fn move_codes(
    tx: &Tx<'_>,
    range: Rest,
    from: i64,
    to: i64,
    grant_number: i64,
) -> Result<i64, Cause> {
    let moved = tx.execute(
        "UPDATE code SET holder = $1, grant_number = $2 WHERE id IN (SELECT code FROM pool_slot \
         WHERE campaign = $3 AND ordinal >= $4 AND ordinal < $5) AND state = $6 AND holder = $7",
        &[
            to.into(),
            grant_number.into(),
            range.campaign.into(),
            range.first_ordinal.into(),
            range.end_ordinal.into(),
            state_number(CodeState::Available).into(),
            from.into(),
        ],
    )?;
    Ok(i64::try_from(moved).unwrap_or(i64::MAX))
}

/// At the hub: lends a store what it needs, by what it says of its demand and by what is on its way
/// to it. `feed_position` is what it said it has of the feed.
pub(crate) fn top_up(
    writing: &mut Writing<'_, '_>,
    node: i64,
    feed_position: i64,
    demands: &[Demand],
    act: &Act,
) -> Result<(), Cause> {
    let store = stores::load(writing.tx, node)?;
    if store.standing != Standing::Active || writing.head.is_behind() {
        return Ok(());
    }
    for demand in demands {
        let Some((local, campaign)) = campaigns::find(writing.tx, &demand.campaign)? else {
            continue;
        };
        if demand.rests || !lends(&campaign, &store.store, act) {
            continue;
        }
        let on_its_way = on_its_way(writing.tx, node, local, feed_position)?;
        let need = Need {
            left: demand.left.saturating_add(on_its_way),
            assigned_7d: demand.assigned_7d,
            wanted: demand.wanted,
        };
        let left = left(writing.tx, local, OWN_NODE)?;
        let stock = Stock {
            left: left.saturating_add(claim_range::count_left_behind(writing.tx, local)?),
            nodes: drawing_nodes(writing.tx, &campaign)?,
        };
        lend(writing, node, (local, &campaign), grant(need, stock), act)?;
    }
    Ok(())
}

/// Whether codes of a campaign are lent to a store.
fn lends(campaign: &Campaign, store: &str, act: &Act) -> bool {
    let rules = &campaign.rules;
    rules.offline_assign == OfflineAssign::Lease
        && rules.include_store(store)
        && rules.ends_at.is_none_or(|ends_at| act.now < ends_at)
}

/// Codes' places left in a node's ranges of a campaign.
pub(crate) fn left(tx: &Tx<'_>, campaign: i64, node: i64) -> Result<u64, Cause> {
    let left = tx.one(
        "SELECT coalesce(sum(end_ordinal - next_ordinal), 0) FROM lease \
         WHERE campaign = $1 AND holder = $2",
        &[campaign.into(), node.into()],
        |row| row.int(0),
    )?;
    Ok(left.unwrap_or(0).unsigned_abs())
}

/// Codes' places that were lent to a node and that it has not been told of.
fn on_its_way(tx: &Tx<'_>, node: i64, campaign: i64, feed_position: i64) -> Result<u64, Cause> {
    let left = tx.one(
        "SELECT coalesce(sum(l.end_ordinal - l.next_ordinal), 0) FROM lease l \
         JOIN feed f ON f.kind = $1 AND f.subject = l.id AND f.node = $2 \
         WHERE l.campaign = $3 AND l.holder = $2 AND (f.position IS NULL OR f.position > $4)",
        &[
            FeedKind::Lease.number().into(),
            node.into(),
            campaign.into(),
            feed_position.into(),
        ],
        |row| row.int(0),
    )?;
    Ok(left.unwrap_or(0).unsigned_abs())
}

/// The active nodes of stores that draw from a campaign.
fn drawing_nodes(tx: &Tx<'_>, campaign: &Campaign) -> Result<u64, Cause> {
    let stores = tx.all(
        "SELECT n.store FROM store s JOIN node n ON n.id = s.node WHERE s.standing = $1",
        &[Standing::Active.number().into()],
        |row| row.maybe_text(0),
    )?;
    let drawing = stores
        .iter()
        .filter(|store| campaign.rules.include_store(store.as_deref().unwrap_or("")))
        .count();
    Ok(drawing as u64)
}

/// Cuts so many places from the end of the hub's own ranges, and lends them; where those have none left,
/// of what other processes of it left behind.
fn lend(
    writing: &mut Writing<'_, '_>,
    node: i64,
    (local, campaign): (i64, &Campaign),
    amount: u64,
    act: &Act,
) -> Result<(), Cause> {
    let mut missing = amount.cast_signed();
    for _ in 0..CUTS_MAX {
        if missing <= 0 {
            break;
        }
        let Some((lease, own)) = last_rest(writing.tx, local)? else {
            if claim_range::take_left_behind(writing.tx, local)? {
                continue;
            }
            break;
        };
        let rest = Rest {
            first_ordinal: own.first_ordinal.max(own.end_ordinal - missing),
            ..own
        };
        missing -= rest.len();
        lend_one(writing, node, (lease, rest), campaign, act)?;
    }
    Ok(())
}

fn lend_one(
    writing: &mut Writing<'_, '_>,
    node: i64,
    (own, rest): (i64, Rest),
    campaign: &Campaign,
    act: &Act,
) -> Result<(), Cause> {
    let grant_number = next_grant(writing.tx, rest.campaign)?;
    let lease = cut(writing.tx, node, own, rest, grant_number)?;
    let moved = move_codes(writing.tx, rest, OWN_NODE, node, grant_number)?;
    move_leased(writing.tx, rest.campaign, moved)?;
    note_grant(writing, node, (rest, campaign), grant_number, act)?;
    touch(writing.tx, FeedKind::Lease, lease, node)
}

/// Cuts the end off one of the hub's ranges, for a node; the range that is the node's from here on.
/// A whole one changes hands as it is: a row that was told to a store is never removed.
fn cut(tx: &Tx<'_>, node: i64, own: i64, rest: Rest, grant_number: i64) -> Result<i64, Cause> {
    let whole = tx.execute(
        "UPDATE lease SET holder = $1, grant_number = $2 WHERE id = $3 AND first_ordinal = $4 \
         AND next_ordinal = $4 AND end_ordinal = $5 AND holder = $6 AND grant_number = $7",
        &[
            node.into(),
            grant_number.into(),
            own.into(),
            rest.first_ordinal.into(),
            rest.end_ordinal.into(),
            OWN_NODE.into(),
            rest.grant_number.into(),
        ],
    )?;
    if whole == 1 {
        return Ok(own);
    }
    // The guard: nobody has claimed from this end of the range, or taken it, since it was looked at.
    let shortened = tx.execute(
        "UPDATE lease SET end_ordinal = $1 WHERE id = $2 AND first_ordinal < $1 \
         AND next_ordinal <= $1 AND end_ordinal = $3 AND holder = $4 AND grant_number = $5",
        &[
            rest.first_ordinal.into(),
            own.into(),
            rest.end_ordinal.into(),
            OWN_NODE.into(),
            rest.grant_number.into(),
        ],
    )?;
    if shortened != 1 {
        return Err(Cause::Changed("this range was just taken".into()));
    }
    let lease = tx.insert(
        "INSERT INTO lease (campaign, first_ordinal, end_ordinal, next_ordinal, holder, \
         grant_number) VALUES ($1, $2, $3, $2, $4, $5) RETURNING id",
        &[
            rest.campaign.into(),
            rest.first_ordinal.into(),
            rest.end_ordinal.into(),
            node.into(),
            grant_number.into(),
        ],
    )?;
    tell_alike(tx, own, lease)?;
    Ok(lease)
}

/// Whoever is told of a range is told of what was cut off it: they may have held all of it.
fn tell_alike(tx: &Tx<'_>, lease: i64, cut_off: i64) -> Result<(), Cause> {
    let told = tx.all(
        "SELECT node FROM feed WHERE kind = $1 AND subject = $2 ORDER BY node",
        &[FeedKind::Lease.number().into(), lease.into()],
        |row| row.int(0),
    )?;
    for node in told {
        touch(tx, FeedKind::Lease, cut_off, node)?;
    }
    Ok(())
}

/// Draws the number of a campaign's next grant.
pub(crate) fn next_grant(tx: &Tx<'_>, campaign: i64) -> Result<i64, Cause> {
    tx.one(
        "UPDATE campaign SET newest_grant = newest_grant + 1 WHERE id = $1 RETURNING newest_grant",
        &[campaign.into()],
        |row| row.int(0),
    )?
    .ok_or_else(|| Cause::Damaged(format!("campaign {campaign} is missing")))
}

fn note_grant(
    writing: &mut Writing<'_, '_>,
    node: i64,
    (rest, campaign): (Rest, &Campaign),
    grant_number: i64,
    act: &Act,
) -> Result<(), Cause> {
    let fact = Fact::LeaseGranted {
        node: nodes::name_of(writing.tx, node)?,
        first_ordinal: rest.first_ordinal.unsigned_abs(),
        end_ordinal: rest.end_ordinal.unsigned_abs(),
        grant_number,
    };
    writing.append(
        fact,
        &Setting {
            campaign: Some((rest.campaign, &campaign.id, campaign.revision)),
            ..setting_of(act)
        },
    )?;
    Ok(())
}

/// At the hub: a store has assigned the codes of ordinals, so its ranges go on after them.
pub(crate) fn has_assigned(
    tx: &Tx<'_>,
    node: i64,
    campaign: i64,
    ordinals: &[i64],
) -> Result<(), Cause> {
    let (Some(first), Some(last)) = (ordinals.iter().min(), ordinals.iter().max()) else {
        return Ok(());
    };
    let named = "FROM lease WHERE campaign = $1 AND holder = $2 AND end_ordinal > $3 \
                 AND first_ordinal <= $4 ORDER BY id";
    let values = [campaign.into(), node.into(), first.into(), last.into()];
    // What is read of them after it stands.
    tx.lock_rows(&format!("SELECT id {named}"), &values)?;
    let ranges = tx.all(
        &format!("SELECT id, first_ordinal, end_ordinal {named}"),
        &values,
        |row| Ok((row.int(0)?, row.int(1)?..row.int(2)?)),
    )?;
    for (lease, range) in ranges {
        let assigned = ordinals.iter().filter(|ordinal| range.contains(ordinal));
        let Some(newest) = assigned.max() else {
            continue;
        };
        tx.execute(
            "UPDATE lease SET next_ordinal = $1 WHERE id = $2 AND holder = $3 \
             AND first_ordinal < $1 AND end_ordinal >= $1 AND next_ordinal < $1",
            &[(newest + 1).into(), lease.into(), node.into()],
        )?;
    }
    Ok(())
}

/// At the hub: a store's entry gives back a code, or a range of ordinals, that it held by this
/// grant; the hub takes the right under a new number. Whether there was one to take: the same entry
/// again, or one of a grant that was taken back, changes nothing.
pub(crate) fn has_handed_over(
    tx: &Tx<'_>,
    node: i64,
    campaign: i64,
    code: Option<i64>,
    grant_number: i64,
    range: Option<(u64, u64)>,
) -> Result<bool, Cause> {
    if fence::is_pending(tx, node)? {
        // The life that says so has ended, and what it held is on its way back.
        return Ok(false);
    }
    match (code, range) {
        (_, Some((first, end))) => {
            let rest = Rest {
                campaign,
                first_ordinal: i64::try_from(first).unwrap_or(i64::MAX),
                end_ordinal: i64::try_from(end).unwrap_or(i64::MAX),
                grant_number,
            };
            Ok(take_range(tx, node, rest)?.is_some())
        }
        (Some(code), None) => take_code(tx, node, campaign, code, grant_number),
        (None, None) => Ok(false),
    }
}

fn take_code(
    tx: &Tx<'_>,
    node: i64,
    campaign: i64,
    code: i64,
    grant_number: i64,
) -> Result<bool, Cause> {
    let held = tx.one(
        "SELECT state, ordinal FROM code WHERE id = $1 AND campaign = $2 AND holder = $3 \
         AND grant_number = $4",
        &[
            code.into(),
            campaign.into(),
            node.into(),
            grant_number.into(),
        ],
        |row| Ok((row.int(0)?, row.maybe_int(1)?)),
    )?;
    let Some((state, ordinal)) = held else {
        return Ok(false);
    };
    let renumbered = next_grant(tx, campaign)?;
    let taken = tx.execute(
        "UPDATE code SET holder = $1, grant_number = $2 \
         WHERE id = $3 AND holder = $4 AND grant_number = $5",
        &[
            OWN_NODE.into(),
            renumbered.into(),
            code.into(),
            node.into(),
            grant_number.into(),
        ],
    )?;
    if taken != 1 {
        return Err(Cause::Changed("this code was just taken".into()));
    }
    if state == state_number(CodeState::Available) {
        move_leased(tx, campaign, -1)?;
        if let Some(ordinal) = ordinal {
            take_place(tx, node, campaign, ordinal, renumbered)?;
        }
    }
    tx.execute("DELETE FROM recall WHERE code = $1", &[code.into()])?;
    touch(tx, FeedKind::Code, code, EVERYBODY)?;
    Ok(true)
}

/// A code that nobody was given goes back into the hub's own part of the pool: its place is a range
/// of its own, wherever the cursor of the range around it is.
fn take_place(
    tx: &Tx<'_>,
    node: i64,
    campaign: i64,
    ordinal: i64,
    grant_number: i64,
) -> Result<(), Cause> {
    split_for(tx, node, campaign, (ordinal, ordinal + 1))?;
    let place = tx.one(
        "UPDATE lease SET holder = $1, grant_number = $2, next_ordinal = first_ordinal \
         WHERE campaign = $3 AND first_ordinal = $4 AND end_ordinal = $5 AND holder = $6 \
         RETURNING id",
        &[
            OWN_NODE.into(),
            grant_number.into(),
            campaign.into(),
            ordinal.into(),
            (ordinal + 1).into(),
            node.into(),
        ],
        |row| row.int(0),
    )?;
    match place {
        Some(place) => touch(tx, FeedKind::Lease, place, node),
        None => Ok(()),
    }
}

/// Makes borders at both ends of a range, and tells its node of what they divide.
fn split_for(tx: &Tx<'_>, node: i64, campaign: i64, ends: (i64, i64)) -> Result<(), Cause> {
    for ordinal in [ends.0, ends.1] {
        if let Some((lower, upper)) = split(tx, campaign, ordinal)? {
            for part in [lower, upper] {
                touch(tx, FeedKind::Lease, part, node)?;
            }
        }
    }
    Ok(())
}

/// Takes the part of a node's ranges of this grant that lies in a range of ordinals; the new number.
fn take_range(tx: &Tx<'_>, node: i64, rest: Rest) -> Result<Option<i64>, Cause> {
    let held = tx.one(
        "SELECT id FROM lease WHERE campaign = $1 AND holder = $2 AND grant_number = $3 \
         AND first_ordinal < $4 AND end_ordinal > $5 LIMIT 1",
        &[
            rest.campaign.into(),
            node.into(),
            rest.grant_number.into(),
            rest.end_ordinal.into(),
            rest.first_ordinal.into(),
        ],
        |row| row.int(0),
    )?;
    if held.is_none() || rest.len() <= 0 {
        return Ok(None);
    }
    let ends = (rest.first_ordinal, rest.end_ordinal);
    split_for(tx, node, rest.campaign, ends)?;
    let renumbered = next_grant(tx, rest.campaign)?;
    let taken = tx.all(
        "UPDATE lease SET holder = $1, grant_number = $2, soft_ends_at_ms = NULL \
         WHERE campaign = $3 AND holder = $4 AND grant_number = $5 AND first_ordinal >= $6 \
         AND end_ordinal <= $7 AND first_ordinal < end_ordinal RETURNING id",
        &[
            OWN_NODE.into(),
            renumbered.into(),
            rest.campaign.into(),
            node.into(),
            rest.grant_number.into(),
            rest.first_ordinal.into(),
            rest.end_ordinal.into(),
        ],
        |row| row.int(0),
    )?;
    for lease in taken {
        touch(tx, FeedKind::Lease, lease, node)?;
    }
    let moved = move_codes(tx, rest, node, OWN_NODE, renumbered)?;
    move_leased(tx, rest.campaign, -moved)?;
    // Those that ended meanwhile go with them: nobody holds what the giver has given away.
    let ended = tx.all(
        "UPDATE code SET holder = $1, grant_number = $2 WHERE id IN (SELECT code FROM pool_slot \
         WHERE campaign = $3 AND ordinal >= $4 AND ordinal < $5) AND holder = $6 \
         AND grant_number = $7 RETURNING id",
        &[
            OWN_NODE.into(),
            renumbered.into(),
            rest.campaign.into(),
            rest.first_ordinal.into(),
            rest.end_ordinal.into(),
            node.into(),
            rest.grant_number.into(),
        ],
        |row| row.int(0),
    )?;
    for code in ended {
        touch(tx, FeedKind::Code, code, EVERYBODY)?;
    }
    // Those that came back one by one before join their range again.
    move_codes(tx, rest, OWN_NODE, OWN_NODE, renumbered)?;
    Ok(Some(renumbered))
}

/// Divides the range that goes across an ordinal, so that one ends there and another begins; none:
/// there is a border already.
pub(crate) fn split(tx: &Tx<'_>, campaign: i64, ordinal: i64) -> Result<Option<(i64, i64)>, Cause> {
    let across = tx.one(
        "SELECT id, end_ordinal, next_ordinal, holder, grant_number FROM lease \
         WHERE campaign = $1 AND first_ordinal < $2 AND end_ordinal > $2",
        &[campaign.into(), ordinal.into()],
        |row| {
            Ok((
                row.int(0)?,
                row.int(1)?,
                row.int(2)?,
                row.int(3)?,
                row.int(4)?,
            ))
        },
    )?;
    let Some((lower, end, next, holder, grant_number)) = across else {
        return Ok(None);
    };
    tx.execute(
        "UPDATE lease SET end_ordinal = $1, next_ordinal = $2 WHERE id = $3",
        &[ordinal.into(), next.min(ordinal).into(), lower.into()],
    )?;
    // An empty one may begin there still: what was handed over to its first place.
    tx.execute(
        "DELETE FROM lease WHERE campaign = $1 AND first_ordinal = $2 AND end_ordinal = $2",
        &[campaign.into(), ordinal.into()],
    )?;
    let upper = tx.insert(
        "INSERT INTO lease (campaign, first_ordinal, end_ordinal, next_ordinal, holder, \
         grant_number) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        &[
            campaign.into(),
            ordinal.into(),
            end.into(),
            next.max(ordinal).into(),
            holder.into(),
            grant_number.into(),
        ],
    )?;
    tell_alike(tx, lower, upper)?;
    Ok(Some((lower, upper)))
}

/// What is wrong with the ranges of any pool: each ends where it should, and none overlap.
pub(crate) fn faults(tx: &Tx<'_>) -> Result<Vec<String>, Cause> {
    let mut faults = Vec::new();
    let mut before: Option<(i64, i64)> = None;
    tx.each(
        "SELECT l.campaign, m.name, l.first_ordinal, l.end_ordinal, l.next_ordinal, m.next_ordinal \
         FROM lease l JOIN campaign m ON m.id = l.campaign WHERE l.first_ordinal < l.end_ordinal \
         ORDER BY l.campaign, l.first_ordinal",
        &[],
        |row| {
            let (campaign, name) = (row.int(0)?, row.text(1)?);
            let (first, end, next) = (row.int(2)?, row.int(3)?, row.int(4)?);
            if next < first || next > end || end > row.int(5)? {
                faults.push(format!(
                    "the leases: {name} has a range from {first} to {end} that is at {next}"
                ));
            }
            if let Some((same, ends)) = before
                && same == campaign
                && first < ends
            {
                faults.push(format!(
                    "the leases: {name} has two ranges with the ordinal {first} in them"
                ));
            }
            let reach = match before {
                Some((same, ends)) if same == campaign => ends.max(end),
                _ => end,
            };
            before = Some((campaign, reach));
            Ok(())
        },
    )?;
    Ok(faults)
}

/// Why this ledger gives nothing out by itself, where it has a hub: it has not heard from it for too
/// long, it was told not to, or the campaign says so.
pub(crate) fn must_ask(
    writing: &Writing<'_, '_>,
    campaign: &Campaign,
    act: &Act,
) -> Result<Option<String>, Cause> {
    let id = &campaign.id;
    if writing.head.is_behind() {
        return Ok(Some(format!(
            "this hub was put back to an older state, and does not know which codes of {id} are given \
             out, so nothing was given: a manager runs `counterfoil hub restored`, then ask again \
             under the same key"
        )));
    }
    let Some(link) = link::load(writing.tx)? else {
        return Ok(None);
    };
    if campaign.rules.offline_assign == OfflineAssign::Hub {
        return Ok(Some(format!(
            "codes of {id} are given out by the hub alone, so nothing was given here"
        )));
    }
    if link.may_hold(act.now.as_millisecond()) {
        return Ok(None);
    }
    Ok(Some(match link.standing {
        Standing::Active => {
            let since = link
                .last_contact_ms
                .map_or_else(String::new, |ms| format!(" since {}", instant(ms)));
            format!(
                "this store has not heard from its hub{since}, for longer than its lease allows, so \
                 nothing was given: get it online, then ask again under the same key"
            )
        }
        standing @ (Standing::Invited
        | Standing::Revoked
        | Standing::WrittenOff
        | Standing::Stolen
        | Standing::Quarantined) => format!(
            "this store is {} at its hub, so nothing was given: ask the hub's manager",
            standing.as_str()
        ),
    }))
}

/// Whether the pool has codes that other nodes hold, where this ledger has none left.
pub(crate) fn has_more_elsewhere(tx: &Tx<'_>, campaign: i64) -> Result<bool, Cause> {
    if link::load(tx)?.is_none() {
        return Ok(false);
    }
    let leased = tx.one(
        "SELECT coalesce(sum(leased), 0) FROM tally WHERE campaign = $1",
        &[campaign.into()],
        |row| row.int(0),
    )?;
    Ok(leased.unwrap_or(0) > 0)
}

/// Whether this ledger may give a code out that its cursor came to: it is in the pool, and ours.
pub(crate) fn is_ours_to_give(row: &CodeRow) -> bool {
    row.state == CodeState::Available && row.holder == OWN_NODE
}
