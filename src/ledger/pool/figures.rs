//! How full the pools are: kept numbers, read in one consistent view.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::entry::instant;
use crate::domain::ids::CampaignId;
use crate::domain::refusal::Refusal;
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::tally::{DAY_MS, HOUR_MS, hour_of};
use crate::ledger::{Ledger, LedgerError, campaigns, link};

/// One campaign's pool. `total` is the sum of the seven states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolFigures {
    /// The campaign.
    pub campaign: CampaignId,
    /// All its codes.
    pub total: u64,
    /// Ready to be claimed here.
    pub available: u64,
    /// Held by other nodes.
    pub leased: u64,
    /// Given out and not used up.
    pub assigned: u64,
    /// All uses spent.
    pub redeemed: u64,
    /// Ended.
    pub void: u64,
    /// Possibly spent by a life of the ledger that is not known any more.
    pub suspect: u64,
    /// Drawn in test mode.
    pub test: u64,
    /// Redemptions that stand.
    pub uses_made: u64,
    /// Codes assigned in the 24 hours before now.
    pub assigned_last_24h: u64,
    /// At a hub: what each store's node has left of its leases, as far as is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<LeasedTo>,
    /// When the pool will be empty; none: not known.
    pub empties_between: Option<(Timestamp, Timestamp)>,
    /// When its test mode ends by itself; none: it is not in test mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_until: Option<Timestamp>,
}

/// What a store's node has left of its leases of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeasedTo {
    /// The store.
    pub store: String,
    /// Its node.
    pub node: String,
    /// Codes' places that it has not assigned, as far as it has told.
    pub left: u64,
}

impl Ledger {
    /// How many codes are here, and how many are still to come in batches that the hub has not told
    /// of to their ends.
    pub fn codes_told(&mut self) -> Result<(u64, u64), LedgerError> {
        self.read("read", "the link to the hub", |tx| {
            let ahead = link::load(tx)?.map_or(0, |link| link.codes_ahead);
            let here = match ahead {
                0 => None,
                _ => tx.one(
                    "SELECT coalesce(sum(available + assigned + redeemed + void + suspect), 0) \
                     FROM tally",
                    &[],
                    |row| row.int(0),
                )?,
            };
            Ok((here.unwrap_or(0).max(0).unsigned_abs(), ahead))
        })
    }

    /// The figures of one campaign, or of all in the order of their beginning.
    pub fn pools(
        &mut self,
        campaign: Option<&CampaignId>,
        now: Timestamp,
    ) -> Result<Result<Vec<PoolFigures>, Refusal>, LedgerError> {
        let thing = campaign.map_or("all pools", CampaignId::as_str);
        let pools = self
            .engine
            .read(|tx| pools(tx, campaign, now))
            .naming("count", thing)?;
        Ok(match campaign {
            Some(id) if pools.is_empty() => Err(Refusal::NoSuchCampaign(id.clone())),
            _ => Ok(pools),
        })
    }
}

fn pools(
    tx: &Tx<'_>,
    only: Option<&CampaignId>,
    now: Timestamp,
) -> Result<Vec<PoolFigures>, Cause> {
    let mut pools = tx.all(
        "SELECT m.id, m.name, sum(t.available), sum(t.assigned), sum(t.redeemed), sum(t.void), \
         sum(t.suspect), sum(t.uses_made), sum(t.test), m.test_until_ms, sum(t.leased) FROM campaign m \
         JOIN tally t ON t.campaign = m.id GROUP BY m.id, m.name, m.test_until_ms ORDER BY m.id",
        &[],
        |row| Ok((row.int(0)?, figures(row, now)?)),
    )?;
    pools.retain(|(_, pool)| only.is_none_or(|only| *only == pool.campaign));
    pools
        .into_iter()
        .map(|(campaign, mut pool)| {
            pool.assigned_last_24h = assigned_since(tx, campaign, now.as_millisecond() - DAY_MS)?;
            pool.leases = leases(tx, campaign)?;
            Ok(pool)
        })
        .collect()
}

fn leases(tx: &Tx<'_>, campaign: i64) -> Result<Vec<LeasedTo>, Cause> {
    tx.all(
        "SELECT n.store, n.name, sum(l.end_ordinal - l.next_ordinal) FROM store s \
         JOIN node n ON n.id = s.node JOIN lease l ON l.holder = s.node AND l.campaign = $1 \
         WHERE l.next_ordinal < l.end_ordinal GROUP BY n.store, n.name ORDER BY n.store, n.name",
        &[campaign.into()],
        |row| {
            Ok(LeasedTo {
                store: row.maybe_text(0)?.unwrap_or_default(),
                node: row.text(1)?,
                left: count(row, 2)?,
            })
        },
    )
}

fn figures(row: &Row<'_>, now: Timestamp) -> Result<PoolFigures, Cause> {
    let [
        available,
        assigned,
        redeemed,
        void,
        suspect,
        uses_made,
        test,
        leased,
    ] = [
        count(row, 2)?,
        count(row, 3)?,
        count(row, 4)?,
        count(row, 5)?,
        count(row, 6)?,
        count(row, 7)?,
        count(row, 8)?,
        count(row, 10)?,
    ];
    Ok(PoolFigures {
        campaign: campaigns::id_of(&row.text(1)?)?,
        total: available + assigned + redeemed + void + suspect + test,
        // The tally's available codes are those of every node.
        available: available.saturating_sub(leased),
        leased,
        assigned,
        redeemed,
        void,
        suspect,
        test,
        uses_made,
        assigned_last_24h: 0,
        leases: Vec::new(),
        empties_between: None,
        test_until: row.maybe_int(9)?.map(instant).filter(|until| now < *until),
    })
}

fn count(row: &Row<'_>, column: usize) -> Result<u64, Cause> {
    let number = row.int(column)?;
    u64::try_from(number)
        .ok()
        .ok_or_else(|| Cause::Damaged(format!("a tally of {number}")))
}

/// Full hours from the tally; of the hour that `since_ms` falls into, the entries themselves, which
/// are found from the hour's first and are as many as the hour counted.
fn assigned_since(tx: &Tx<'_>, campaign: i64, since_ms: i64) -> Result<u64, Cause> {
    let hour = hour_of(since_ms);
    let full = tx
        .one(
            "SELECT coalesce(sum(amount), 0) FROM tally_hour \
             WHERE campaign = $1 AND hour > $2 AND kind = 'assigned'",
            &[campaign.into(), hour.into()],
            |row| count(row, 0),
        )?
        .unwrap_or(0);
    let partial = tx.one(
        "SELECT sum(amount), min(first_entry) FROM tally_hour \
         WHERE campaign = $1 AND hour = $2 AND kind = 'assigned'",
        &[campaign.into(), hour.into()],
        |row| Ok((row.maybe_int(0)?, row.maybe_int(1)?)),
    )?;
    let Some((Some(amount), Some(first_entry))) = partial else {
        return Ok(full);
    };
    let within = tx
        .one(
            "SELECT count(*) FROM (SELECT at_ms FROM entry WHERE id >= $1 AND kind = 'assigned' \
             AND campaign = $2 AND at_ms >= $3 AND at_ms < $4 ORDER BY id LIMIT $5) e \
             WHERE e.at_ms > $6",
            &[
                first_entry.into(),
                campaign.into(),
                (hour * HOUR_MS).into(),
                ((hour + 1) * HOUR_MS).into(),
                amount.into(),
                since_ms.into(),
            ],
            |row| count(row, 0),
        )?
        .unwrap_or(0);
    Ok(full + within)
}
