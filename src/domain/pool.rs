//! A campaign's pool as whoever runs the shop sees it: what is left, what was drawn, when it is empty.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::domain::campaign::Rules;
use crate::domain::depletion::Forecast;
use crate::domain::ids::CampaignId;
use crate::domain::local_time::day_number;

/// Days of the chart, today among them.
pub const CHART_DAYS: usize = 14;

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
    /// When the pool will be empty; none: there is no end in sight. At a store: what it holds itself.
    #[serde(rename = "empties_between", serialize_with = "as_span")]
    pub forecast: Option<Forecast>,
    /// When its test mode ends by itself; none: it is not in test mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_until: Option<Timestamp>,
    /// Codes that were ever put into the pool to be claimed.
    pub claimable: u64,
    /// What was warned of, and no refill has cleared yet.
    pub warnings: Vec<PoolWarning>,
    /// What was drawn and honoured on each of the last days, today last.
    pub per_day: Vec<PoolDay>,
    /// What the customer gets, in words.
    #[serde(skip)]
    pub offer: String,
    /// What keeps codes from being given out now.
    #[serde(skip)]
    pub standing: PoolStanding,
    /// Whether this is a store's own stock of a pool that is at its hub.
    #[serde(skip)]
    pub is_at_store: bool,
}

/// Whether codes of a campaign are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolStanding {
    /// They are.
    Live,
    /// Not before this.
    NotYet(Timestamp),
    /// Not any more, since this.
    Over(Timestamp),
    /// Not while it is paused.
    Paused,
}

impl PoolStanding {
    /// How a campaign stands.
    pub fn of(rules: &Rules, is_paused: bool, now: Timestamp) -> PoolStanding {
        match (rules.starts_at, rules.ends_at) {
            (_, Some(ends)) if now >= ends => PoolStanding::Over(ends),
            _ if is_paused => PoolStanding::Paused,
            (Some(starts), _) if now < starts => PoolStanding::NotYet(starts),
            _ => PoolStanding::Live,
        }
    }
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

/// One local day of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolDay {
    /// The day.
    pub date: Date,
    /// Codes assigned.
    pub assigned: u64,
    /// Redemptions made, reversed ones among them.
    pub redeemed: u64,
}

/// What of a pool was warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolLow {
    /// It is empty.
    Empty,
    /// Less than the campaign's share of it is left.
    Share,
    /// It will be empty within the campaign's days.
    Days,
}

impl PoolLow {
    /// Every one, the gravest first.
    pub const ALL: [PoolLow; 3] = [PoolLow::Empty, PoolLow::Share, PoolLow::Days];

    /// As it is written in columns and entries.
    pub fn as_str(self) -> &'static str {
        match self {
            PoolLow::Empty => "empty",
            PoolLow::Share => "share",
            PoolLow::Days => "days",
        }
    }

    /// In words for people.
    pub fn in_words(self) -> &'static str {
        match self {
            PoolLow::Empty => "the pool is empty",
            PoolLow::Share => "little of the pool is left",
            PoolLow::Days => "the pool will soon be empty",
        }
    }

    /// Whether a pool is as low as this, by its campaign's thresholds.
    pub fn applies(self, pool: &PoolFigures, rules: &Rules, now: Timestamp) -> bool {
        let is_over = matches!(pool.standing, PoolStanding::Over(_));
        if is_over || pool.claimable == 0 {
            return false;
        }
        let left = pool.left();
        match self {
            PoolLow::Empty => left == 0,
            // An empty pool is not warned of thrice.
            PoolLow::Share | PoolLow::Days if left == 0 => false,
            PoolLow::Share => {
                let left = u128::from(left) * 100;
                left < u128::from(pool.claimable) * u128::from(rules.warn_share)
            }
            PoolLow::Days => pool.forecast.is_some_and(|forecast| {
                let days = i64::from(rules.warn_days);
                forecast.at.duration_since(now).as_hours() < days * 24
            }),
        }
    }
}

/// A warning that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolWarning {
    /// Of what.
    pub low: PoolLow,
    /// When it was raised.
    pub at: Timestamp,
    /// Codes left then.
    pub left: u64,
    /// Whether somebody outside is still to be told, and why that failed the last time.
    pub notice: Option<NoticeState>,
}

/// A pool that is warned of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LowPool {
    /// Its campaign.
    pub campaign: CampaignId,
    /// How low it is, the gravest of what was warned of.
    pub low: PoolLow,
    /// When that was warned of.
    pub at: Timestamp,
    /// Codes left then.
    pub left: u64,
}

impl LowPool {
    /// `spring-menu: the pool is empty`
    pub fn in_words(&self) -> String {
        match self.low {
            PoolLow::Empty => format!("{}: the pool is empty", self.campaign),
            PoolLow::Share | PoolLow::Days => {
                format!(
                    "{}: {}, {} left",
                    self.campaign,
                    self.low.in_words(),
                    self.left
                )
            }
        }
    }
}

/// How far a notice to the outside is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeState {
    /// How often it was tried.
    pub tries: u32,
    /// What went wrong the last time.
    pub problem: Option<String>,
}

impl PoolFigures {
    /// Codes that can still be given out, wherever they are.
    pub fn left(&self) -> u64 {
        self.available.saturating_add(self.leased)
    }

    /// Of what was ever there to be claimed, the share that is left, in percent; none: nothing was.
    pub fn left_percent(&self) -> Option<u64> {
        let share = u128::from(self.left()) * 100 / u128::from(self.claimable.max(1));
        (self.claimable > 0).then(|| u64::try_from(share.min(100)).unwrap_or(100))
    }

    /// The forecast in words: `empty Thu 16:00, between Wed and Sat`, `no end in sight`.
    pub fn forecast_in_words(&self, now: Timestamp, zone: &TimeZone) -> String {
        if self.claimable > 0 && self.left() == 0 {
            return "EMPTY".to_owned();
        }
        match (&self.forecast, self.is_at_store) {
            (Some(forecast), false) => forecast.in_words(now, zone),
            (Some(forecast), true) => format!("own stock {}", forecast.in_words(now, zone)),
            (None, _) => "no end in sight".to_owned(),
        }
    }
}

impl Forecast {
    /// `empty Thu 16:00, between Wed and Sat`
    pub fn in_words(&self, now: Timestamp, zone: &TimeZone) -> String {
        let days = |at: Timestamp| day_number(at, zone) - day_number(now, zone);
        let at = in_words_from(self.at, days(self.at), zone, true);
        if days(self.from) == days(self.to) {
            let clock = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%H:%M").to_string();
            return format!(
                "empty {at}, between {} and {}",
                clock(self.from),
                clock(self.to)
            );
        }
        let from = in_words_from(self.from, days(self.from), zone, false);
        let to = in_words_from(self.to, days(self.to), zone, false);
        format!("empty {at}, between {from} and {to}")
    }

    /// The span alone: `Wed–Sat`, `12 Dec–3 Jan`.
    pub fn span_in_words(&self, now: Timestamp, zone: &TimeZone) -> String {
        let days = |at: Timestamp| day_number(at, zone) - day_number(now, zone);
        let from = in_words_from(self.from, days(self.from), zone, false);
        let to = in_words_from(self.to, days(self.to), zone, false);
        if from == to {
            from
        } else {
            format!("{from}–{to}")
        }
    }
}

/// A day as people say it so many days ahead: `today`, `Thu`, `Thu 24 Dec`, `24 Dec 2027`.
fn in_words_from(at: Timestamp, days: i64, zone: &TimeZone, with_time: bool) -> String {
    let local = at.to_zoned(zone.clone());
    let day = match days {
        ..=0 => "today".to_owned(),
        1..=6 => local.strftime("%a").to_string(),
        7..=180 => local.strftime("%-d %b").to_string(),
        _ => local.strftime("%b %Y").to_string(),
    };
    if with_time && days < 7 {
        format!("{day} {}", local.strftime("%H:%M"))
    } else {
        day
    }
}

#[expect(
    clippy::ref_option,
    reason = "what serde gives a field's own way of being written"
)]
fn as_span<S: Serializer>(forecast: &Option<Forecast>, to: S) -> Result<S::Ok, S::Error> {
    forecast
        .as_ref()
        .map(|forecast| (forecast.from, forecast.to))
        .serialize(to)
}
