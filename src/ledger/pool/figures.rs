//! How full the pools are: kept numbers, read in one consistent view.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::campaign::Rules;
use crate::domain::depletion::{self, Left, Terms};
use crate::domain::entry::instant;
use crate::domain::ids::CampaignId;
use crate::domain::pool::{
    CHART_DAYS, LeasedTo, NoticeState, PoolDay, PoolFigures, PoolLow, PoolStanding, PoolWarning,
};
use crate::domain::refusal::Refusal;
use crate::ledger::chain::Head;
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::tally::{DAY_MS, HOUR_MS, hour_of};
use crate::ledger::test_mode::TEST_BATCH;
use crate::ledger::{Ledger, LedgerError, campaigns, link, zone_of};

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

/// A pool, and what its figures are judged by.
pub(super) struct PoolRead {
    pub(super) local: i64,
    pub(super) revision: u32,
    pub(super) rules: Rules,
    pub(super) figures: PoolFigures,
}

fn pools(
    tx: &Tx<'_>,
    only: Option<&CampaignId>,
    now: Timestamp,
) -> Result<Vec<PoolFigures>, Cause> {
    let pools = read_pools(tx, only, now)?;
    Ok(pools.into_iter().map(|pool| pool.figures).collect())
}

/// The pools with their rules, in the order of their beginning.
pub(super) fn read_pools(
    tx: &Tx<'_>,
    only: Option<&CampaignId>,
    now: Timestamp,
) -> Result<Vec<PoolRead>, Cause> {
    let zone = zone_of(&Head::load(tx)?)?;
    let mut pools = tx.all(
        "SELECT m.id, m.name, sum(t.available), sum(t.assigned), sum(t.redeemed), sum(t.void), \
         sum(t.suspect), sum(t.uses_made), sum(t.test), m.test_until_ms, sum(t.leased), m.revision, \
         m.is_paused, m.rules FROM campaign m JOIN tally t ON t.campaign = m.id \
         GROUP BY m.id, m.name, m.test_until_ms, m.revision, m.is_paused, m.rules ORDER BY m.id",
        &[],
        |row| {
            let rules: Rules = serde_json::from_str(&row.text(13)?)?;
            let mut figures = figures(row, now)?;
            figures.offer.clone_from(&rules.offer);
            figures.standing = PoolStanding::of(&rules, row.int(12)? != 0, now);
            Ok(PoolRead {
                local: row.int(0)?,
                revision: row.count(11)?,
                rules,
                figures,
            })
        },
    )?;
    pools.retain(|pool| only.is_none_or(|only| *only == pool.figures.campaign));
    let mut acts = acts(tx, &zone, now)?;
    let claimable = claimable(tx)?;
    // A store draws from what it holds itself; what the hub will give it is not known here, and low
    // pools are the hub's to warn of.
    let is_store = link::load(tx)?.is_some();
    let mut warnings = if is_store {
        BTreeMap::new()
    } else {
        warnings(tx)?
    };
    for pool in &mut pools {
        let figures = &mut pool.figures;
        figures.is_at_store = is_store;
        figures.claimable = claimable.get(&pool.local).copied().unwrap_or(0);
        figures.warnings = warnings.remove(&pool.local).unwrap_or_default();
        figures.assigned_last_24h = assigned_since(tx, pool.local, now.as_millisecond() - DAY_MS)?;
        figures.leases = leases(tx, pool.local)?;
        let acts = acts.remove(&pool.local).unwrap_or_default();
        figures.per_day = acts.per_day(&zone, now);
        let left = Left {
            here: figures.available,
            leased: if is_store { 0 } else { figures.leased },
        };
        let terms = Terms {
            zone: &zone,
            hours: pool.rules.hours.as_ref(),
            starts_at: pool.rules.starts_at,
            ends_at: pool.rules.ends_at,
            is_paused: figures.standing == PoolStanding::Paused,
        };
        figures.forecast = depletion::forecast(left, &acts.assigned, &terms, now);
    }
    Ok(pools)
}

/// What was done with a campaign's codes of late.
#[derive(Debug, Default)]
struct Acts {
    /// Drawn in each hour, in their order.
    assigned: Vec<(i64, u64)>,
    /// Assigned and redeemed on each local day.
    days: BTreeMap<Date, (u64, u64)>,
}

impl Acts {
    /// The last days, today last, also those on which nothing was done.
    fn per_day(&self, zone: &TimeZone, now: Timestamp) -> Vec<PoolDay> {
        let today = now.to_zoned(zone.clone()).date();
        let mut days = Vec::new();
        let mut date = Some(today);
        while let Some(day) = date.filter(|_| days.len() < CHART_DAYS) {
            let (assigned, redeemed) = self.days.get(&day).copied().unwrap_or_default();
            days.push(PoolDay {
                date: day,
                assigned,
                redeemed,
            });
            date = day.yesterday().ok();
        }
        days.reverse();
        days
    }
}

/// The acts of every campaign, by its local number, from the kept numbers of hours.
fn acts(tx: &Tx<'_>, zone: &TimeZone, now: Timestamp) -> Result<BTreeMap<i64, Acts>, Cause> {
    let hour = hour_of(now.as_millisecond());
    let chart_hours = 24 * (i64::try_from(CHART_DAYS).unwrap_or(0) + 1);
    let mut acts: BTreeMap<i64, Acts> = BTreeMap::new();
    tx.each(
        "SELECT campaign, hour, kind, sum(amount) FROM tally_hour WHERE hour >= $1 AND hour <= $2 \
         AND (kind = 'assigned' OR (kind IN ('redeemed', 'witnessed') AND hour >= $3)) \
         GROUP BY campaign, hour, kind ORDER BY campaign, hour, kind",
        &[
            (hour - depletion::PAST_HOURS).into(),
            hour.into(),
            (hour - chart_hours).into(),
        ],
        |row| {
            let of_campaign = acts.entry(row.int(0)?).or_default();
            let (at, amount) = (row.int(1)?, count(row, 3)?);
            let is_assigned = row.text(2)? == "assigned";
            if is_assigned {
                of_campaign.assigned.push((at, amount));
            }
            if at >= hour - chart_hours {
                let date = instant(at * HOUR_MS).to_zoned(zone.clone()).date();
                let (assigned, redeemed) = of_campaign.days.entry(date).or_default();
                *(if is_assigned { assigned } else { redeemed }) += amount;
            }
            Ok(())
        },
    )?;
    Ok(acts)
}

/// How many codes were ever put into each pool to be claimed, by published batches.
fn claimable(tx: &Tx<'_>) -> Result<BTreeMap<i64, u64>, Cause> {
    let rows = tx.all(
        "SELECT campaign, sum(ordinal_count) FROM batch WHERE is_published = 1 AND how <> $1 \
         GROUP BY campaign",
        &[TEST_BATCH.into()],
        |row| Ok((row.int(0)?, count(row, 1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

fn warnings(tx: &Tx<'_>) -> Result<BTreeMap<i64, Vec<PoolWarning>>, Cause> {
    let mut warnings: BTreeMap<i64, Vec<PoolWarning>> = BTreeMap::new();
    tx.each(
        "SELECT campaign, low, at_ms, left_count, notice_due_ms, notice_tries, notice_problem \
         FROM pool_warning ORDER BY campaign",
        &[],
        |row| {
            let (is_due, tries) = (row.maybe_int(4)?.is_some(), row.count(5)?);
            let notice = NoticeState {
                tries,
                problem: row.maybe_text(6)?,
            };
            warnings.entry(row.int(0)?).or_default().push(PoolWarning {
                low: low_of(&row.text(1)?)?,
                at: instant(row.int(2)?),
                left: count(row, 3)?,
                notice: (is_due && tries > 0).then_some(notice),
            });
            Ok(())
        },
    )?;
    for of_campaign in warnings.values_mut() {
        of_campaign.sort_by_key(|warning| warning.low);
    }
    Ok(warnings)
}

/// How low, as it is stored.
pub(super) fn low_of(stored: &str) -> Result<PoolLow, Cause> {
    PoolLow::ALL
        .into_iter()
        .find(|low| low.as_str() == stored)
        .ok_or_else(|| Cause::Damaged(format!("a warning of {stored:?}")))
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
        forecast: None,
        test_until: row.maybe_int(9)?.map(instant).filter(|until| now < *until),
        claimable: 0,
        warnings: Vec::new(),
        per_day: Vec::new(),
        offer: String::new(),
        standing: PoolStanding::Live,
        is_at_store: false,
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
