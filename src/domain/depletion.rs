//! When a pool will be empty: a span, and the likeliest instant in it, from what was drawn hour by hour.
//!
//! What is drawn follows the week and the hours of the day, so that is learnt first, of the last eight
//! weeks: how much each weekday and each hour draws beside the others. Opening hours say it where too
//! little was seen. What is left is one level, codes an open hour, told by several readings that differ
//! where the demand changes: the last week with more weight on the newest days, the last two days, four
//! weeks, and a line through them where they rise or fall steadily. The likeliest reading says when the
//! pool is empty; the span reaches from the soonest to the latest, each widened by twice the scatter of
//! the days.
//!
//! How wrong it is, by the demands of the tests below (each of a hundred by dice, 28 days of history): the
//! likeliest instant errs, in nine of ten, by less than [`ERROR_SHARE`] of the time that was left and half
//! a day, be the demand steady, weekly or a ramp, or a burst in it. The span holds the true instant in
//! nine of ten of each kind; after ten days of history too, but where demand rises: a ramp cannot be told
//! from chance so soon, and the pool is empty sooner than the span.
//!
//! Not here: what is counted, and who is warned.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::entry::instant;
use crate::domain::local_time::Hours;

/// What the likeliest instant errs by, of the time that was left.
pub const ERROR_SHARE: f64 = 0.2;

/// How many hours back are looked at: eight weeks.
pub const PAST_HOURS: i64 = 56 * DAY_HOURS;

const HOUR_MS: i64 = 3_600_000;
const DAY_HOURS: i64 = 24;

/// Beyond a year there is no end in sight.
const HORIZON_HOURS: i64 = 366 * DAY_HOURS;

/// With fewer draws nothing can be said.
const DRAWS_MIN: u64 = 4;

/// Where so long nothing was drawn, nothing is expected.
const SILENT_HOURS: i64 = 14 * DAY_HOURS;

/// Days of a line's readings.
const LINE_DAYS: i64 = 28;

/// A line that rises or falls is believed from so many of its own errors on.
const LINE_BELIEVED: f64 = 3.0;

/// So many errors to either side.
const WIDTH: f64 = 2.0;

/// What no amount of history takes away.
const SHAPE_ERROR: f64 = 0.04;

/// When a pool is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The soonest.
    pub from: Timestamp,
    /// The likeliest.
    pub at: Timestamp,
    /// The latest; a year from now, or the campaign's end, where it may be later.
    pub to: Timestamp,
}

/// What is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whoever asks may give them out.
    pub here: u64,
    /// Others hold them: some may stay with who needs none while all the others are given out.
    pub leased: u64,
}

/// What bounds the demand.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The store's time zone.
    pub zone: &'a TimeZone,
    /// The campaign's opening hours.
    pub hours: Option<&'a Hours>,
    /// Before it nothing is drawn.
    pub starts_at: Option<Timestamp>,
    /// From it on nothing is drawn.
    pub ends_at: Option<Timestamp>,
    /// While it is paused nothing is drawn, and nobody knows until when.
    pub is_paused: bool,
}

/// When the pool is empty; none: there is no end in sight, or too little was drawn to say.
///
/// `drawn` holds hours since 1970 and what was drawn in each, in their order.
pub fn forecast(
    left: Left,
    drawn: &[(i64, u64)],
    terms: &Terms<'_>,
    now: Timestamp,
) -> Option<Forecast> {
    let now_hour = hour_of(now);
    let is_over = terms.ends_at.is_some_and(|ends| now >= ends);
    if is_over || terms.is_paused {
        return None;
    }
    let past: Vec<(i64, u64)> = drawn
        .iter()
        .filter(|(hour, count)| (now_hour - PAST_HOURS..=now_hour).contains(hour) && *count > 0)
        .copied()
        .collect();
    let (first, newest) = (past.first()?.0, past.last()?.0);
    let total: u64 = past.iter().map(|(_, count)| count).sum();
    if left.here.saturating_add(left.leased) == 0 {
        return Some(Forecast {
            from: now,
            at: now,
            to: now,
        });
    }
    if total < DRAWS_MIN || now_hour - newest > SILENT_HOURS {
        return None;
    }
    let weeks = Weeks::new(terms.zone, now_hour);
    let usual = without_bursts(&weeks, &past, first, now_hour);
    let profile = Profile::learnt(&weeks, terms.hours, &usual, first, now);
    let days = profile.days(&weeks, &past, first, now);
    let levels = Levels::read(&days)?;
    let walk = Walk {
        weeks: &weeks,
        profile: &profile,
        from: terms.starts_at.map_or(now, |starts| starts.max(now)),
        until: terms.ends_at,
    };
    span(left, &levels, &walk, now)
}

fn span(left: Left, levels: &Levels, walk: &Walk<'_>, now: Timestamp) -> Option<Forecast> {
    let here = real(left.here);
    let all = here + real(left.leased);
    let at = walk.empties(all, levels.likely, Weekend::AsLearnt)?;
    let days_ahead = real(hours_between(now, at)) / 24.0;
    let error = levels.error(all, days_ahead);
    let (few, many) = (
        here.min(all) * (1.0 - WIDTH * error).max(0.0),
        all * (1.0 + WIDTH * error),
    );
    let mut from = at;
    let mut to = at;
    let horizon = now + SignedDuration::from_hours(HORIZON_HOURS);
    let latest = walk.until.map_or(horizon, |ends| ends.min(horizon));
    for level in &levels.soonest {
        from = from.min(walk.empties(few, *level, Weekend::AsLearnt).unwrap_or(at));
    }
    for level in &levels.latest {
        to = to.max(
            walk.empties(many, *level, Weekend::MayBeShut)
                .unwrap_or(latest),
        );
    }
    Some(Forecast { from, at, to })
}

/// How many codes an hour of weight one draws, and by how much more each day.
#[derive(Debug, Clone, Copy)]
struct Level {
    now: f64,
    a_day: f64,
    /// For so many days it goes on changing.
    days: f64,
}

impl Level {
    fn flat(level: f64) -> Level {
        Level {
            now: level,
            a_day: 0.0,
            days: 0.0,
        }
    }

    fn after(self, days: f64) -> f64 {
        (self.now + self.a_day * days.min(self.days)).max(0.0)
    }
}

/// What one local day drew, beside the weight of its hours.
#[derive(Debug, Clone, Copy)]
struct Day {
    /// Its middle, in days before now.
    ago: f64,
    drawn: f64,
    weight: f64,
}

/// The readings of the level.
struct Levels {
    likely: Level,
    soonest: Vec<Level>,
    latest: Vec<Level>,
    /// The scatter of a day, of its mean.
    scatter: f64,
    /// As many days as the likely level stands on.
    days: f64,
}

impl Levels {
    fn read(days: &[Day]) -> Option<Levels> {
        let mean_weight = days.iter().map(|day| day.weight).sum::<f64>() / len(days);
        let level_of = |within: f64, halves_in: f64| {
            let (mut drawn, mut weight) = (0.0, 0.0);
            for day in days.iter().filter(|day| day.ago <= within) {
                let share = (-day.ago / halves_in).exp2();
                drawn += day.drawn * share;
                weight += day.weight * share;
            }
            (weight > 0.0).then(|| drawn / weight)
        };
        let long = level_of(f64::from(28), f64::INFINITY)?;
        let tamed = tamed(days, mean_weight);
        let of_tamed = |halves_in: f64| {
            let (mut drawn, mut weight) = (0.0, 0.0);
            for day in &tamed {
                let share = (-day.ago / halves_in).exp2();
                drawn += day.drawn * share;
                weight += day.weight * share;
            }
            if weight > 0.0 { drawn / weight } else { long }
        };
        let calm = of_tamed(5.0);
        let week = level_of(7.5, f64::INFINITY).unwrap_or(long);
        let newest = level_of(2.5, f64::INFINITY).unwrap_or(week);
        let line = Line::through(&tamed, mean_weight);
        let scatter = scatter(&tamed, mean_weight, line.as_ref(), calm);
        let counted = days.iter().filter(|day| day.ago <= 14.0).count();
        let mut levels = Levels {
            likely: Level::flat(calm),
            soonest: vec![Level::flat(calm), Level::flat(week)],
            latest: vec![Level::flat(calm), Level::flat(week)],
            scatter,
            days: f64::from(u32::try_from(counted).unwrap_or(14)).clamp(1.0, 10.0),
        };
        // The newest days count where they differ by more than their scatter.
        let is_news = (newest - calm).abs() > 2.0 * scatter * calm / 2.0_f64.sqrt();
        if is_news && newest > calm {
            levels.soonest.push(Level::flat(newest));
        } else if is_news {
            levels.latest.push(Level::flat(newest));
        }
        if let Some(line) = line {
            levels.follow(&line, calm);
        }
        Some(levels)
    }

    fn follow(&mut self, line: &Line, calm: f64) {
        let rising = Level {
            now: line.now.max(0.0),
            a_day: line.a_day,
            days: line.days,
        };
        if line.a_day > 0.0 {
            self.likely = rising;
            self.soonest.push(Level {
                a_day: line.a_day + WIDTH * line.error,
                ..rising
            });
            // It may stop rising.
            self.latest = vec![Level::flat(rising.now.max(calm)), rising];
        } else {
            // It may stop falling, and it may go on until nothing is drawn any more.
            self.likely = Level::flat(rising.now.max(calm / 4.0));
            self.latest.push(rising);
        }
    }

    /// By what share the forecast errs, for so many codes over so many days.
    fn error(&self, codes: f64, days_ahead: f64) -> f64 {
        let of_level = self.scatter.powi(2) / self.days;
        let of_days = self.scatter.powi(2) / days_ahead.max(1.0);
        let of_codes = 1.0 / codes.max(1.0);
        let unseen = if self.days < 7.0 { 0.15 } else { 0.0 };
        (of_level + of_days + of_codes + SHAPE_ERROR.powi(2) + f64::powi(unseen, 2)).sqrt()
    }
}

/// The days of the line, a burst among them cut down to what is usual.
fn tamed(days: &[Day], mean_weight: f64) -> Vec<Day> {
    let recent: Vec<Day> = days
        .iter()
        .filter(|day| day.ago <= real(LINE_DAYS) && day.weight > mean_weight / 20.0)
        .copied()
        .collect();
    let middle = middle(recent.iter().map(|day| day.drawn / day.weight));
    if middle <= 0.0 {
        return recent;
    }
    recent
        .into_iter()
        .map(|day| {
            let usual = middle * day.weight;
            Day {
                drawn: if day.drawn > 2.5 * usual + 3.0 * usual.sqrt() {
                    usual
                } else {
                    day.drawn
                },
                ..day
            }
        })
        .collect()
}

/// How far days lie from what is expected of them, of the mean; never less than chance.
fn scatter(days: &[Day], mean_weight: f64, line: Option<&Line>, calm: f64) -> f64 {
    let (mut squares, mut count) = (0.0, 0.0);
    for day in days.iter().filter(|day| day.weight > mean_weight / 2.0) {
        let expected = line.map_or(calm, |line| line.now - line.a_day * day.ago) * day.weight;
        if expected > 0.0 {
            squares += (day.drawn / expected - 1.0).powi(2);
            count += 1.0;
        }
    }
    let a_day = (calm * mean_weight).max(f64::MIN_POSITIVE);
    let chance = 1.0 / a_day.sqrt();
    if count < 3.0 {
        return chance.max(0.3);
    }
    (squares / count).sqrt().max(chance).min(2.0)
}

/// A line through the days' levels, where it is believed.
struct Line {
    now: f64,
    a_day: f64,
    error: f64,
    days: f64,
}

impl Line {
    fn through(days: &[Day], mean_weight: f64) -> Option<Line> {
        let whole: Vec<(f64, f64)> = days
            .iter()
            .filter(|day| day.weight > mean_weight / 4.0)
            .map(|day| (-day.ago, day.drawn / day.weight))
            .collect();
        let count = len(&whole);
        if count < 7.0 {
            return None;
        }
        let mean_at = whole.iter().map(|(at, _)| at).sum::<f64>() / count;
        let mean = whole.iter().map(|(_, level)| level).sum::<f64>() / count;
        let spread: f64 = whole.iter().map(|(at, _)| (at - mean_at).powi(2)).sum();
        let a_day = whole
            .iter()
            .map(|(at, level)| (at - mean_at) * (level - mean))
            .sum::<f64>()
            / spread.max(f64::MIN_POSITIVE);
        let now = mean - a_day * mean_at;
        let off: f64 = whole
            .iter()
            .map(|(at, level)| (level - now - a_day * at).powi(2))
            .sum();
        let error = (off / (count - 2.0) / spread.max(f64::MIN_POSITIVE)).sqrt();
        let is_believed = a_day.abs() > LINE_BELIEVED * error
            // Less than a twentieth in a week is level.
            && a_day.abs() * 7.0 > mean / 20.0;
        is_believed.then_some(Line {
            now,
            a_day,
            error,
            days: count,
        })
    }
}

/// What was drawn, without what a day drew beyond the other days of its weekday and beyond all: a burst
/// tells nothing of its weekday.
fn without_bursts(
    weeks: &Weeks,
    past: &[(i64, u64)],
    first: i64,
    now_hour: i64,
) -> Vec<(i64, f64)> {
    let mut days: Vec<(usize, f64)> = Vec::new();
    let mut numbers = Vec::new();
    for hour in first..=now_hour {
        let (day, _) = weeks.place(hour);
        if days.last().is_none_or(|(newest, _)| *newest != day) {
            days.push((day, 0.0));
        }
        numbers.push(days.len() - 1);
    }
    let number_of = |hour: i64| {
        let place = usize::try_from(hour - first).unwrap_or(0);
        numbers.get(place).copied().unwrap_or(0)
    };
    for (hour, count) in past {
        if let Some((_, sum)) = days.get_mut(number_of(*hour)) {
            *sum += real(*count);
        }
    }
    let of_all = middle(days.iter().map(|(_, sum)| *sum).filter(|sum| *sum > 0.0));
    let shares: Vec<f64> = (0..)
        .zip(&days)
        .map(|(number, (day, sum)): (usize, &(usize, f64))| {
            let others = (0..)
                .zip(&days)
                .filter(|(other, (same, _))| *other != number && same == day);
            let usual = middle(others.map(|(_, (_, sum))| *sum)).max(of_all);
            let most = 2.5 * usual + 3.0 * usual.sqrt();
            if *sum > most && days.len() > 3 {
                usual / sum
            } else {
                1.0
            }
        })
        .collect();
    past.iter()
        .map(|(hour, count)| {
            let share = shares.get(number_of(*hour)).copied().unwrap_or(1.0);
            (*hour, real(*count) * share)
        })
        .collect()
}

/// The middle one; of two, the lesser.
fn middle(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0.0)
}

/// How much each weekday and each hour draws beside the others.
struct Profile {
    /// By day of the week and hour, from Monday at midnight.
    weights: Vec<f64>,
    /// Whether each weekday was ever seen.
    seen: [bool; 7],
}

/// What is taken of weekends that nobody has seen yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weekend {
    AsLearnt,
    /// Nothing is drawn on a Saturday or Sunday that was never seen.
    MayBeShut,
}

impl Profile {
    fn learnt(
        weeks: &Weeks,
        hours: Option<&Hours>,
        past: &[(i64, f64)],
        first: i64,
        now: Timestamp,
    ) -> Profile {
        let total: f64 = past.iter().map(|(_, count)| *count).sum();
        let mut open = open_weights(hours);
        let within: f64 = past
            .iter()
            .filter(|(hour, _)| weeks.weight(&open, *hour) > 0.0)
            .map(|(_, count)| *count)
            .sum();
        // Where codes are drawn while the shop is shut, the hours say nothing of the demand.
        if within < total * 0.9 {
            open = open_weights(None);
        }
        let mut exposure_days = [0.0; 7];
        let mut exposure_hours = [0.0; 24];
        for hour in first..=hour_of(now) {
            let seen = weeks.weight(&open, hour) * share_gone(hour, now);
            let (day, hour_of_day) = weeks.place(hour);
            add(&mut exposure_days, day, seen);
            add(&mut exposure_hours, hour_of_day, seen);
        }
        let mut drawn_days = [0.0; 7];
        let mut drawn_hours = [0.0; 24];
        for (hour, count) in past {
            let (day, hour_of_day) = weeks.place(*hour);
            add(&mut drawn_days, day, *count);
            add(&mut drawn_hours, hour_of_day, *count);
        }
        let exposure: f64 = exposure_days.iter().sum();
        let rate = total / exposure.max(f64::MIN_POSITIVE);
        let a_day = open.iter().sum::<f64>() / 7.0;
        let of_days = factors(&drawn_days, &exposure_days, rate, a_day / 4.0);
        let of_hours = factors(&drawn_hours, &exposure_hours, rate, 0.25);
        let weights = (0..)
            .zip(&open)
            .map(|(slot, open): (usize, &f64)| {
                let day = of_days.get(slot / 24).copied().unwrap_or(1.0);
                let hour = of_hours.get(slot % 24).copied().unwrap_or(1.0);
                open * day * hour
            })
            .collect();
        Profile {
            weights,
            seen: exposure_days.map(|seen| seen > 0.0),
        }
    }

    /// What each local day drew, the newest first.
    fn days(&self, weeks: &Weeks, past: &[(i64, u64)], first: i64, now: Timestamp) -> Vec<Day> {
        let now_hour = hour_of(now);
        let mut days: Vec<Day> = Vec::new();
        let mut drawn = past.iter().rev().peekable();
        let mut number = None;
        for hour in (first..=now_hour).rev() {
            let (day, _) = weeks.place(hour);
            if number != Some(day) {
                number = Some(day);
                days.push(Day {
                    ago: real((now_hour - hour).unsigned_abs()) / 24.0,
                    drawn: 0.0,
                    weight: 0.0,
                });
            }
            let count = match drawn.peek() {
                Some((at, count)) if *at == hour => {
                    drawn.next();
                    real(*count)
                }
                Some(_) | None => 0.0,
            };
            if let Some(day) = days.last_mut() {
                day.drawn += count;
                day.weight += weeks.weight(&self.weights, hour) * share_gone(hour, now);
            }
        }
        for day in days.iter_mut().skip(1) {
            day.ago += 0.5;
        }
        // What draws by its own nature next to nothing tells next to nothing.
        days.retain(|day| day.weight > 0.0);
        days
    }
}

/// The weight of each hour of the week before anything was seen.
fn open_weights(hours: Option<&Hours>) -> Vec<f64> {
    WEEK.iter()
        .flat_map(|day| {
            (0..24).map(move |hour| {
                hours.map_or(1.0, |hours| {
                    f64::from(hours.open_minutes(*day, hour)) / 60.0
                })
            })
        })
        .collect()
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// What was drawn over what would be drawn were all alike; where little was seen, close to one.
fn factors(drawn: &[f64], exposure: &[f64], rate: f64, doubt: f64) -> Vec<f64> {
    drawn
        .iter()
        .zip(exposure)
        .map(|(drawn, exposure)| {
            let weight = rate * doubt + 2.0;
            (drawn + weight) / (rate * exposure + weight)
        })
        .collect()
}

/// Which hour of its week each hour is, on the store's clock.
struct Weeks {
    /// Of each 24 hours from `first` on, what the clock is ahead of UTC by, in hours.
    offsets: Vec<i64>,
    first: i64,
}

impl Weeks {
    fn new(zone: &TimeZone, now_hour: i64) -> Weeks {
        let first = now_hour - PAST_HOURS;
        let count = (PAST_HOURS + HORIZON_HOURS) / DAY_HOURS + 2;
        let offsets = (0..count)
            .map(|day| {
                let at = instant((first + day * DAY_HOURS) * HOUR_MS);
                i64::from(zone.to_offset(at).seconds()).div_euclid(3600)
            })
            .collect();
        Weeks { offsets, first }
    }

    fn slot(&self, hour: i64) -> usize {
        let day = usize::try_from((hour - self.first) / DAY_HOURS).unwrap_or(0);
        let ahead = self.offsets.get(day).copied().unwrap_or(0);
        // 1970 began on a Thursday.
        let slot = (hour + ahead + 3 * DAY_HOURS).rem_euclid(7 * DAY_HOURS);
        usize::try_from(slot).unwrap_or(0)
    }

    fn place(&self, hour: i64) -> (usize, usize) {
        let slot = self.slot(hour);
        (slot / 24, slot % 24)
    }

    fn weight(&self, weights: &[f64], hour: i64) -> f64 {
        weights.get(self.slot(hour)).copied().unwrap_or(0.0)
    }
}

/// Goes through the hours to come until so many codes are drawn.
struct Walk<'a> {
    weeks: &'a Weeks,
    profile: &'a Profile,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Walk<'_> {
    fn empties(&self, codes: f64, level: Level, weekend: Weekend) -> Option<Timestamp> {
        let first = hour_of(self.from);
        let mut left = codes;
        for hour in first..first + HORIZON_HOURS {
            let (day, _) = self.weeks.place(hour);
            let was_seen = self.profile.seen.get(day).copied().unwrap_or(false);
            let is_shut = weekend == Weekend::MayBeShut && day >= 5 && !was_seen;
            if is_shut {
                continue;
            }
            let ahead = real((hour - first).unsigned_abs()) / 24.0;
            let weight = self.weeks.weight(&self.profile.weights, hour);
            let still = 1.0 - share_gone(hour, self.from);
            let draws = level.after(ahead) * weight * still;
            if draws >= left {
                let from = self.from.max(instant(hour * HOUR_MS));
                let at = from + part_of_hour(still * left / draws.max(f64::MIN_POSITIVE));
                return self.until.is_none_or(|ends| at < ends).then_some(at);
            }
            left -= draws;
        }
        None
    }
}

/// A part of an hour, in whole minutes.
fn part_of_hour(part: f64) -> SignedDuration {
    let minutes = (0..60_i32)
        .find(|minute| f64::from(*minute) >= part * 60.0)
        .unwrap_or(60);
    SignedDuration::from_mins(i64::from(minutes))
}

fn hour_of(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(HOUR_MS)
}

fn hours_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_hours()).unwrap_or(0)
}

/// How much of an hour has gone by.
fn share_gone(hour: i64, now: Timestamp) -> f64 {
    let gone_ms = (now.as_millisecond() - hour * HOUR_MS).clamp(0, HOUR_MS);
    real(gone_ms.unsigned_abs()) / 3_600_000.0
}

fn add(sums: &mut [f64], place: usize, more: f64) {
    if let Some(sum) = sums.get_mut(place) {
        *sum += more;
    }
}

fn len<T>(all: &[T]) -> f64 {
    f64::from(u32::try_from(all.len()).unwrap_or(u32::MAX)).max(1.0)
}

/// A count as a real number; counts beyond four thousand million are one.
fn real(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{ERROR_SHARE, Forecast, HOUR_MS, Left, Terms, forecast};
    use crate::domain::entry::instant;
    use crate::domain::local_time::Hours;
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};
    use std::sync::LazyLock;

    /// The generator `splitmix64`.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> u32 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            u32::try_from((mixed ^ (mixed >> 31)) >> 32).expect("32 bits")
        }

        /// From 0 to below 1.
        fn fall(&mut self) -> f64 {
            f64::from(self.roll()) / 4_294_967_296.0
        }

        fn below(&mut self, end: u32) -> u32 {
            self.roll() % end
        }

        /// How many come in an hour in which so many come on average.
        fn poisson(&mut self, mean: f64) -> u64 {
            let limit = (-mean).exp();
            let (mut product, mut count) = (self.fall(), 0);
            while product > limit {
                product *= self.fall();
                count += 1;
            }
            count
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Demand {
        Steady,
        Weekly,
        Ramp,
        /// Ten times as many on one day, two weeks or two days ago.
        Burst,
    }

    const SHOP_HOURS: &str = "Mon-Fri 09:00-18:00, Sat 10:00-14:00";
    const PAST: i64 = 28 * 24;

    /// Whole weeks and less.
    const SHORT_PAST: i64 = 10 * 24;

    static ZONE: LazyLock<TimeZone> =
        LazyLock::new(|| TimeZone::get("Europe/Vienna").expect("a zone"));

    /// What is drawn on average in an hour, counted from the beginning of the history.
    fn mean(demand: Demand, hour: i64, began: i64, burst_at: i64, hours: &Hours) -> f64 {
        let at = instant((began + hour) * HOUR_MS);
        let local = at.to_zoned(ZONE.clone());
        let busy = match local.hour() {
            8..=11 => 1.0,
            12..=17 => 1.5,
            18..=21 => 0.7,
            _ => 0.1,
        };
        match demand {
            Demand::Ramp => {
                let days = f64::from(u32::try_from(hour).expect("ahead")) / 24.0;
                2.0 * busy * (1.0 + days / 14.0)
            }
            Demand::Weekly if !hours.include(at, &ZONE) => 0.0,
            Demand::Weekly if local.weekday() == jiff::civil::Weekday::Saturday => 12.0,
            Demand::Weekly => 6.0,
            Demand::Burst if (burst_at..burst_at + 24).contains(&hour) => 30.0 * busy,
            Demand::Steady | Demand::Burst => 3.0 * busy,
        }
    }

    struct Told {
        seed: u64,
        left_hours: f64,
        error_hours: f64,
        holds: bool,
    }

    /// Draws 28 days by dice, asks for the forecast, and draws on until the pool is empty.
    fn play(kind: Demand, seed: u64, known_hours: i64) -> Told {
        let mut dice = Dice(seed);
        let hours: Hours = SHOP_HOURS.parse().expect("hours");
        // Any hour of the week, some weeks around the change of the clock.
        let began = 482_000 + i64::from(dice.below(2)) * 3000 + i64::from(dice.below(168));
        let burst_at = PAST - [14 * 24, 3 * 24][usize::try_from(dice.below(2)).expect("two")];
        let mut drawn = Vec::new();
        for hour in PAST - known_hours..PAST {
            let count = dice.poisson(mean(kind, hour, began, burst_at, &hours));
            drawn.push((began + hour, count));
        }
        let now = instant((began + PAST) * HOUR_MS);
        let left = 200 + u64::from(dice.below(1800));
        let mut rest = left;
        let mut hour = PAST;
        loop {
            let count = dice.poisson(mean(kind, hour, began, burst_at, &hours));
            if count >= rest {
                break;
            }
            rest -= count;
            hour += 1;
        }
        let truth = instant((began + hour) * HOUR_MS + HOUR_MS / 2);
        let terms = Terms {
            zone: &ZONE,
            hours: (kind == Demand::Weekly).then_some(&hours),
            starts_at: None,
            ends_at: None,
            is_paused: false,
        };
        let stock = Left {
            here: left,
            leased: 0,
        };
        let told = forecast(stock, &drawn, &terms, now).expect("an end is in sight");
        assert!(told.from <= told.at && told.at <= told.to, "{told:?}");
        Told {
            seed,
            left_hours: hours_from(now, truth),
            error_hours: hours_from(truth, told.at).abs(),
            holds: told.from <= truth && truth <= told.to,
        }
    }

    fn hours_from(from: Timestamp, to: Timestamp) -> f64 {
        to.duration_since(from).as_secs_f64() / 3600.0
    }

    #[test]
    fn the_error_stays_within_its_bound_for_each_kind_of_demand() {
        let mut faults = Vec::new();
        for kind in [Demand::Steady, Demand::Weekly, Demand::Ramp, Demand::Burst] {
            let told: Vec<Told> = (0..100).map(|seed| play(kind, seed, PAST)).collect();
            let off: Vec<u64> = told
                .iter()
                .filter(|one| one.error_hours > ERROR_SHARE * one.left_hours + 12.0)
                .map(|one| one.seed)
                .collect();
            let short: Vec<Told> = (0..100).map(|seed| play(kind, seed, SHORT_PAST)).collect();
            for (what, seeds) in [
                ("is off", off),
                ("lies outside", outside(&told)),
                ("lies outside after ten days", outside(&short)),
            ] {
                let is_ramp_known = kind != Demand::Ramp || !what.ends_with("ten days");
                if seeds.len() > 10 && is_ramp_known {
                    faults.push(format!("{kind:?} {what} for the seeds {seeds:?}"));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    fn outside(told: &[Told]) -> Vec<u64> {
        let outside = told.iter().filter(|one| !one.holds);
        outside.map(|one| one.seed).collect()
    }

    const NOW_HOUR: i64 = 482_000;

    fn told<'h>(
        left: Left,
        drawn: &[(i64, u64)],
        change: impl Fn(&mut Terms<'h>),
    ) -> Option<Forecast> {
        let mut terms = Terms {
            zone: &ZONE,
            hours: None,
            starts_at: None,
            ends_at: None,
            is_paused: false,
        };
        change(&mut terms);
        forecast(left, drawn, &terms, instant(NOW_HOUR * HOUR_MS))
    }

    /// So many an hour, for so many days until so many days ago.
    fn flat(count: u64, days: i64, until: i64) -> Vec<(i64, u64)> {
        let end = NOW_HOUR - until * 24;
        (end - days * 24..end).map(|hour| (hour, count)).collect()
    }

    #[test]
    fn there_is_no_end_in_sight_without_demand() {
        fn none(_: &mut Terms<'_>) {}
        let left = |here, leased| Left { here, leased };
        assert_eq!(told(left(10, 0), &[], none), None);
        assert_eq!(told(left(10, 0), &[(NOW_HOUR - 3, 1)], none), None);
        // It has stopped.
        assert_eq!(told(left(10, 0), &flat(5, 20, 15), none), None);
        // It takes longer than a year, or than the campaign.
        assert_eq!(told(left(100_000, 0), &flat(5, 20, 0), none), None);
        let day = instant((NOW_HOUR + 24) * HOUR_MS);
        let drawn = flat(5, 20, 0);
        assert_eq!(
            told(left(500, 0), &drawn, |terms| terms.ends_at = Some(day)),
            None
        );
        assert_eq!(
            told(left(50, 0), &drawn, |terms| terms.is_paused = true),
            None
        );
        // Nothing is left, of what was drawn from.
        let now = instant(NOW_HOUR * HOUR_MS);
        assert_eq!(
            told(left(0, 0), &drawn, none).map(|told| told.to),
            Some(now)
        );
        assert_eq!(told(left(0, 0), &[], none), None);
    }

    #[test]
    fn what_others_hold_counts_at_the_latest_and_not_at_the_soonest() {
        let drawn = flat(5, 28, 0);
        let days = |at: Timestamp| hours_from(instant(NOW_HOUR * HOUR_MS), at) / 24.0;
        let own = told(
            Left {
                here: 1200,
                leased: 0,
            },
            &drawn,
            |_| {},
        )
        .expect("an end");
        let both = told(
            Left {
                here: 1200,
                leased: 1200,
            },
            &drawn,
            |_| {},
        )
        .expect("an end");
        assert!((days(own.at) - 10.0).abs() < 0.5, "{own:?}");
        assert!((days(both.at) - 20.0).abs() < 1.0, "{both:?}");
        assert!(days(both.from) < 10.5 && days(both.to) > 20.0, "{both:?}");
    }

    #[test]
    fn nothing_is_drawn_before_the_beginning_nor_while_the_shop_is_shut() {
        let hours: Hours = SHOP_HOURS.parse().expect("hours");
        let open = |hour: &i64| hours.include(instant(hour * HOUR_MS), &ZONE);
        let drawn: Vec<(i64, u64)> = (NOW_HOUR - 28 * 24..NOW_HOUR)
            .filter(open)
            .map(|hour| (hour, 4))
            .collect();
        for here in [20, 100, 150, 190, 300] {
            let left = Left { here, leased: 0 };
            let told = told(left, &drawn, |terms| terms.hours = Some(&hours)).expect("an end");
            let last = told.at - SignedDuration::from_mins(1);
            assert!(hours.include(last, &ZONE), "{here}: {told:?}");
        }
        let starts = instant((NOW_HOUR + 30 * 24) * HOUR_MS);
        let left = Left {
            here: 20,
            leased: 0,
        };
        let told = told(left, &flat(5, 20, 0), |terms| {
            terms.starts_at = Some(starts);
        });
        assert!(told.is_some_and(|told| told.from >= starts), "{told:?}");
    }
}
