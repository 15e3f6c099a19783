//! Pools that run low: warned of once when a threshold is crossed, cleared by a refill, each an entry;
//! and who is still to be told of it outside.
//!
//! Invariant: a warning is one row of its campaign and threshold, so that of several processes that
//! notice it one raises it, and of several that could tell it outside one does.

use jiff::Timestamp;

use crate::domain::entry::{Fact, instant};
use crate::domain::ids::CampaignId;
use crate::domain::pool::{LowPool, PoolFigures, PoolLow};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::joining::pools_are_elsewhere;
use crate::ledger::pool::figures::{PoolRead, low_of, read_pools};
use crate::ledger::{Act, Ledger, LedgerError, Setting, Writing, campaigns, setting_of};

/// Whoever has taken a notice and was never heard of again: it is anybody's from then on.
const TAKEN_FOR_MS: i64 = 10 * 60_000;

/// How long after a failed try the next one is due, by the number of tries; the last one repeats.
const AGAIN_AFTER_MS: [i64; 4] = [60_000, 5 * 60_000, 30 * 60_000, 2 * 3_600_000];

/// A warning that somebody outside is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueNotice {
    /// How low the pool is.
    pub low: PoolLow,
    /// When it was warned of.
    pub raised_at: Timestamp,
    /// The pool now.
    pub pool: PoolFigures,
    local: i64,
    entry: i64,
    tries: u32,
}

/// What became of telling it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notified {
    /// It was taken.
    Told,
    /// It was not: why, in plain words.
    Failed(String),
}

/// What is to be changed about a warning.
struct Change {
    local: i64,
    revision: u32,
    campaign: CampaignId,
    low: PoolLow,
    is_raised: bool,
    threshold: u32,
    figures: PoolFigures,
}

/// A warning as it is stored.
struct Raised {
    campaign: i64,
    low: PoolLow,
    left: u64,
    claimable: u64,
    threshold: i64,
}

impl Ledger {
    /// Raises what must be warned of and clears what needs no warning any more; gives back how many
    /// warnings changed. At a store that has a hub nothing is: the pools are there.
    pub fn watch_pools(&mut self, act: &Act) -> Result<usize, LedgerError> {
        let now = act.now;
        let is_due = self.read("watch", "the pools", |tx| {
            Ok(pools_are_elsewhere(tx)?.is_none() && !changes(tx, now)?.is_empty())
        })?;
        if !is_due {
            return Ok(0);
        }
        self.write("warn of", "the pools", |writing| {
            let mut changed = 0;
            for change in changes(writing.tx, now)? {
                let is_done = if change.is_raised {
                    raise(writing, &change, act)?
                } else {
                    clear(writing, &change, act)?
                };
                changed += usize::from(is_done);
            }
            Ok(changed)
        })
    }

    /// The pools that are warned of, each by its gravest warning.
    pub fn low_pools(&mut self) -> Result<Vec<LowPool>, LedgerError> {
        let mut all = self.read("list", "pools that run low", |tx| {
            // What was warned of before the shop joined a hub is the hub's to say.
            if pools_are_elsewhere(tx)?.is_some() {
                return Ok(Vec::new());
            }
            tx.all(
                "SELECT m.name, w.low, w.at_ms, w.left_count FROM pool_warning w \
                 JOIN campaign m ON m.id = w.campaign ORDER BY m.id",
                &[],
                |row| {
                    Ok(LowPool {
                        campaign: campaigns::id_of(&row.text(0)?)?,
                        low: low_of(&row.text(1)?)?,
                        at: instant(row.int(2)?),
                        left: row.int(3)?.unsigned_abs(),
                    })
                },
            )
        })?;
        all.sort();
        all.dedup_by(|later, first| later.campaign == first.campaign);
        Ok(all)
    }

    /// Takes the next warning that somebody outside is to be told of, so that nobody else tells it
    /// meanwhile.
    pub fn take_notice(&mut self, now: Timestamp) -> Result<Option<DueNotice>, LedgerError> {
        let now_ms = now.as_millisecond();
        let is_due = self.read("look for", "notices", |tx| {
            if pools_are_elsewhere(tx)?.is_some() {
                return Ok(None);
            }
            tx.one(
                "SELECT campaign FROM pool_warning WHERE notice_due_ms <= $1 LIMIT 1",
                &[now_ms.into()],
                |row| row.int(0),
            )
        })?;
        if is_due.is_none() {
            return Ok(None);
        }
        self.write("take", "a notice", |writing| take(writing.tx, now))
    }

    /// What became of a notice that was taken.
    pub fn notified(
        &mut self,
        notice: &DueNotice,
        became: &Notified,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let (due, problem) = match became {
            Notified::Told => (None, None),
            Notified::Failed(words) => {
                let place = usize::try_from(notice.tries).unwrap_or(usize::MAX);
                let [.., longest] = AGAIN_AFTER_MS;
                let after = AGAIN_AFTER_MS.get(place).copied().unwrap_or(longest);
                (Some(now.as_millisecond() + after), Some(words.as_str()))
            }
        };
        self.write("store", "a notice", |writing| {
            writing.tx.execute(
                "UPDATE pool_warning SET notice_due_ms = $1, notice_problem = $2 \
                 WHERE campaign = $3 AND low = $4 AND entry = $5",
                &[
                    due.into(),
                    problem.into(),
                    notice.local.into(),
                    notice.low.as_str().into(),
                    notice.entry.into(),
                ],
            )?;
            Ok(())
        })
    }
}

fn take(tx: &Tx<'_>, now: Timestamp) -> Result<Option<DueNotice>, Cause> {
    let now_ms = now.as_millisecond();
    let due = tx.one(
        "SELECT campaign, low, at_ms, entry, notice_tries FROM pool_warning \
         WHERE notice_due_ms <= $1 ORDER BY notice_due_ms, campaign, low LIMIT 1",
        &[now_ms.into()],
        |row| {
            Ok((
                row.int(0)?,
                row.text(1)?,
                row.int(2)?,
                row.int(3)?,
                row.count(4)?,
            ))
        },
    )?;
    let Some((local, low, at_ms, entry, tries)) = due else {
        return Ok(None);
    };
    let taken = tx.execute(
        "UPDATE pool_warning SET notice_due_ms = $1, notice_tries = notice_tries + 1 \
         WHERE campaign = $2 AND low = $3 AND entry = $4 AND notice_due_ms <= $5",
        &[
            (now_ms + TAKEN_FOR_MS).into(),
            local.into(),
            (&low).into(),
            entry.into(),
            now_ms.into(),
        ],
    )?;
    let pools = read_pools(tx, None, now)?;
    let pool = pools.into_iter().find(|pool| pool.local == local);
    Ok(match pool {
        Some(pool) if taken == 1 => Some(DueNotice {
            low: low_of(&low)?,
            raised_at: instant(at_ms),
            pool: pool.figures,
            local,
            entry,
            tries,
        }),
        Some(_) | None => None,
    })
}

fn changes(tx: &Tx<'_>, now: Timestamp) -> Result<Vec<Change>, Cause> {
    let raised = tx.all(
        "SELECT campaign, low, left_count, claimable, threshold FROM pool_warning",
        &[],
        |row| {
            Ok(Raised {
                campaign: row.int(0)?,
                low: low_of(&row.text(1)?)?,
                left: row.int(2)?.unsigned_abs(),
                claimable: row.int(3)?.unsigned_abs(),
                threshold: row.int(4)?,
            })
        },
    )?;
    let mut changes = Vec::new();
    for pool in read_pools(tx, None, now)? {
        for low in PoolLow::ALL {
            let stands = raised
                .iter()
                .find(|raised| raised.campaign == pool.local && raised.low == low);
            if let Some(is_raised) = turn_of(&pool, low, stands, now) {
                changes.push(Change {
                    local: pool.local,
                    revision: pool.revision,
                    campaign: pool.figures.campaign.clone(),
                    low,
                    is_raised,
                    threshold: threshold(&pool, low),
                    figures: pool.figures.clone(),
                });
            }
        }
    }
    Ok(changes)
}

fn threshold(pool: &PoolRead, low: PoolLow) -> u32 {
    match low {
        PoolLow::Empty => 0,
        PoolLow::Share => pool.rules.warn_share,
        PoolLow::Days => pool.rules.warn_days,
    }
}

/// Whether a warning is to be raised now, or cleared; none: it stays as it is.
///
/// What is drawn on a slow day lets the forecast rise above its threshold and fall below it again:
/// only more codes, or other rules, clear what was warned of.
fn turn_of(pool: &PoolRead, low: PoolLow, stands: Option<&Raised>, now: Timestamp) -> Option<bool> {
    let applies = low.applies(&pool.figures, &pool.rules, now);
    let Some(raised) = stands else {
        return applies.then_some(true);
    };
    if applies {
        return None;
    }
    let is_refilled =
        pool.figures.claimable > raised.claimable || pool.figures.left() > raised.left;
    let is_other_rule = raised.threshold != i64::from(threshold(pool, low));
    let is_over = pool.rules.ends_at.is_some_and(|ends| now >= ends);
    (is_refilled || is_other_rule || is_over).then_some(false)
}

fn raise(writing: &mut Writing<'_, '_>, change: &Change, act: &Act) -> Result<bool, Cause> {
    let figures = &change.figures;
    // The row first: whoever comes second at the same threshold writes no entry.
    let is_mine = writing.tx.execute(
        "INSERT INTO pool_warning (campaign, low, at_ms, left_count, claimable, threshold, entry, \
         notice_due_ms) VALUES ($1, $2, $3, $4, $5, $6, 0, $3) ON CONFLICT (campaign, low) DO NOTHING",
        &[
            change.local.into(),
            change.low.as_str().into(),
            act.now.as_millisecond().into(),
            i64::try_from(figures.left()).unwrap_or(i64::MAX).into(),
            i64::try_from(figures.claimable).unwrap_or(i64::MAX).into(),
            change.threshold.into(),
        ],
    )?;
    if is_mine == 0 {
        return Ok(false);
    }
    let forecast = figures.forecast;
    let entry = writing.append(
        Fact::PoolLow {
            low: change.low.as_str().to_owned(),
            left: figures.left(),
            claimable: figures.claimable,
            empties_from_ms: forecast.map(|forecast| forecast.from.as_millisecond()),
            empties_to_ms: forecast.map(|forecast| forecast.to.as_millisecond()),
        },
        &of_pool(change, act),
    )?;
    writing.tx.execute(
        "UPDATE pool_warning SET entry = $1 WHERE campaign = $2 AND low = $3",
        &[
            entry.local.into(),
            change.local.into(),
            change.low.as_str().into(),
        ],
    )?;
    Ok(true)
}

fn clear(writing: &mut Writing<'_, '_>, change: &Change, act: &Act) -> Result<bool, Cause> {
    let is_mine = writing.tx.execute(
        "DELETE FROM pool_warning WHERE campaign = $1 AND low = $2",
        &[change.local.into(), change.low.as_str().into()],
    )?;
    if is_mine == 0 {
        return Ok(false);
    }
    writing.append(
        Fact::PoolRefilled {
            low: change.low.as_str().to_owned(),
            left: change.figures.left(),
            claimable: change.figures.claimable,
        },
        &of_pool(change, act),
    )?;
    Ok(true)
}

fn of_pool<'s>(change: &'s Change, act: &'s Act) -> Setting<'s> {
    Setting {
        campaign: Some((change.local, &change.campaign, change.revision)),
        ..setting_of(act)
    }
}
