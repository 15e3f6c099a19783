//! Days, hours and instants as a store's clock on the wall shows them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::ids::MalformedName;

/// The instant a wall clock in `zone` shows `local`.
///
/// A time that comes twice (clocks set back) means its first coming; a time that never comes
/// (clocks set forward) means the first instant after the gap.
pub fn instant_of(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            ambiguous.earlier().ok()
        }
        AmbiguousOffset::Gap { before, .. } => {
            // `local` under the offset before the gap lies at or after the transition.
            let at_or_after = before.to_timestamp(local).ok()?;
            let just_after = at_or_after + SignedDuration::from_nanos(1);
            Some(
                zone.preceding(just_after)
                    .next()
                    .map_or(at_or_after, |transition| transition.timestamp()),
            )
        }
    }
}

/// The first instant of `date` in `zone`.
pub fn day_start(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    instant_of(date.to_datetime(Time::midnight()), zone)
}

/// The local day that holds `at`, as days since 1970-01-01.
pub fn day_number(at: Timestamp, zone: &TimeZone) -> i64 {
    let date = at.to_zoned(zone.clone()).date();
    let days = date
        .since(Date::constant(1970, 1, 1))
        .map_or(0, |span| span.get_days());
    i64::from(days)
}

/// One end of a window as a person gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// A bare date: the whole local day is meant.
    Day(Date),
    /// A local date and time.
    Local(DateTime),
    /// An instant with its own offset (RFC 3339).
    Instant(Timestamp),
}

impl Boundary {
    /// As the start of a window: a day's first instant.
    pub fn starts_at(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Boundary::Day(date) => day_start(date, zone),
            Boundary::Local(local) => instant_of(local, zone),
            Boundary::Instant(instant) => Some(instant),
        }
    }

    /// As the excluded end of a window: a day's last instant is meant, so the next day's first.
    pub fn ends_at(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Boundary::Day(date) => day_start(date.tomorrow().ok()?, zone),
            Boundary::Local(_) | Boundary::Instant(_) => self.starts_at(zone),
        }
    }
}

impl FromStr for Boundary {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Boundary::Instant(instant));
        }
        if text.len() <= 10
            && let Ok(date) = text.parse::<Date>()
        {
            return Ok(Boundary::Day(date));
        }
        // A zone in brackets would silently be dropped by a civil parse: only plain local times.
        if !text.contains(['[', 'Z', 'z', '+'])
            && let Ok(local) = text.parse::<DateTime>()
        {
            return Ok(Boundary::Local(local));
        }
        Err(MalformedName(format!(
            "{text:?} is not a time: use 2026-12-24 (the store's whole day), 2026-12-24T18:00 (the store's clock) or 2026-12-24T18:00:00+01:00"
        )))
    }
}

/// An instant in words, in the store's zone: `Thu 24 Dec 2026 18:00`.
pub fn in_words(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%a %-d %b %Y %H:%M")
        .to_string()
}

/// The excluded end of a window, as people say it: an end at midnight is the whole day before,
/// `Thu 24 Dec 2026`; any other is its minute, `Thu 24 Dec 2026 18:00`.
pub fn last_in_words(end: Timestamp, zone: &TimeZone) -> String {
    let local = end.to_zoned(zone.clone());
    let is_day_start = day_start(local.date(), zone) == Some(end);
    match local.date().yesterday() {
        Ok(day) if is_day_start => day.strftime("%a %-d %b %Y").to_string(),
        _ => in_words(end, zone),
    }
}

/// An instant in few words beside `now`: `14:31:07` today, `yesterday 18:02`, else with its date.
pub fn in_few_words(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    match day_number(now, zone) - day_number(at, zone) {
        0 => local.strftime("%H:%M:%S").to_string(),
        1 => local.strftime("yesterday %H:%M").to_string(),
        _ => local.strftime("%a %-d %b %Y %H:%M").to_string(),
    }
}

/// A length of time as people write it on the command line: `30d`, `12h`, `15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Length {
    minutes: i64,
}

impl Length {
    /// The length in milliseconds.
    pub fn as_ms(self) -> i64 {
        self.minutes * 60_000
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minutes {
            days if days % 1440 == 0 => write!(f, "{}d", days / 1440),
            hours if hours % 60 == 0 => write!(f, "{}h", hours / 60),
            minutes => write!(f, "{minutes}m"),
        }
    }
}

impl FromStr for Length {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed =
            || MalformedName(format!("{text:?} is not a duration: use 30d, 12h or 15m"));
        let text = text.trim();
        let (number, minutes_each) = [("d", 1440), ("h", 60), ("m", 1)]
            .into_iter()
            .find_map(|(unit, minutes)| Some((text.strip_suffix(unit)?, minutes)))
            .ok_or_else(malformed)?;
        let number: i64 = number.parse().ok().ok_or_else(malformed)?;
        // A hundred years is past any campaign and keeps every sum in range.
        let minutes = number
            .checked_mul(minutes_each)
            .filter(|minutes| (1..=100 * 366 * 1440).contains(minutes))
            .ok_or_else(malformed)?;
        Ok(Length { minutes })
    }
}

impl From<Length> for String {
    fn from(length: Length) -> String {
        length.to_string()
    }
}

impl TryFrom<String> for Length {
    type Error = MalformedName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A time as people name one of the past: `2h` before `now`, or a time by the store's clock; of a whole
/// day its first instant, or as an end the one after its last.
pub fn time_or_ago(
    text: &str,
    now: Timestamp,
    zone: &TimeZone,
    is_end: bool,
) -> Result<Timestamp, MalformedName> {
    if let Ok(length) = text.parse::<Length>() {
        return Ok(now - SignedDuration::from_millis(length.as_ms()));
    }
    let boundary: Boundary = text.parse()?;
    let at = if is_end {
        boundary.ends_at(zone)
    } else {
        boundary.starts_at(zone)
    };
    at.ok_or_else(|| MalformedName(format!("{text:?} is out of range")))
}

/// Opening hours of an offer: `Mon-Fri 09:00-18:00, Sat 10:00-14:00`, by the store's clock.
///
/// Each span includes its start and excludes its end; `22:00-02:00` runs past midnight and belongs
/// to the day it begins on; `24:00` is the end of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hours {
    spans: Vec<Span>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    first_day: Weekday,
    last_day: Weekday,
    from_minute: u16,
    to_minute: u16,
}

const MINUTES_OF_DAY: u16 = 24 * 60;

impl Span {
    fn includes_day(&self, day: Weekday) -> bool {
        self.first_day.until(day) <= self.first_day.until(self.last_day)
    }

    fn includes(&self, day: Weekday, minute: u16) -> bool {
        if self.from_minute < self.to_minute {
            self.includes_day(day) && (self.from_minute..self.to_minute).contains(&minute)
        } else {
            (self.includes_day(day) && minute >= self.from_minute)
                || (self.includes_day(day.previous()) && minute < self.to_minute)
        }
    }
}

impl Hours {
    /// Whether the store's clock at `at` lies within the hours.
    pub fn include(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(zone.clone());
        let minute = u16::try_from(local.hour()).unwrap_or(0) * 60
            + u16::try_from(local.minute()).unwrap_or(0);
        self.spans
            .iter()
            .any(|span| span.includes(local.weekday(), minute))
    }
}

impl Hours {
    /// Whether all of these hours lie within them; none: always.
    pub fn cover(&self, others: Option<&Hours>) -> bool {
        let first = Weekday::Monday;
        let days = (0..7).map(|days| first.wrapping_add(days));
        let includes =
            |hours: &Hours, day, minute| hours.spans.iter().any(|span| span.includes(day, minute));
        days.into_iter().all(|day| {
            (0..MINUTES_OF_DAY).all(|minute| {
                others.is_some_and(|others| !includes(others, day, minute))
                    || includes(self, day, minute)
            })
        })
    }

    /// How many minutes of this hour of this weekday lie within the hours.
    pub fn open_minutes(&self, day: Weekday, hour: u16) -> u16 {
        let first = hour.saturating_mul(60);
        let minutes = first..first.saturating_add(60);
        let is_open = |minute: &u16| self.spans.iter().any(|span| span.includes(day, *minute));
        u16::try_from(minutes.filter(is_open).count()).unwrap_or(60)
    }
}

const DAY_NAMES: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

fn parse_day(text: &str) -> Option<Weekday> {
    DAY_NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, day)| *day)
}

fn day_name(day: Weekday) -> &'static str {
    DAY_NAMES
        .iter()
        .find(|(_, candidate)| *candidate == day)
        .map_or("", |(name, _)| name)
}

fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && total <= MINUTES_OF_DAY).then_some(total)
}

fn parse_span(text: &str) -> Option<Span> {
    let mut words = text.split_whitespace();
    let (days, times, None) = (words.next()?, words.next()?, words.next()) else {
        return None;
    };
    let (first_day, last_day) = match days.split_once('-') {
        Some((first, last)) => (parse_day(first)?, parse_day(last)?),
        None => (parse_day(days)?, parse_day(days)?),
    };
    let (from, to) = times.split_once('-')?;
    let (from_minute, to_minute) = (parse_minute(from)?, parse_minute(to)?);
    (from_minute < MINUTES_OF_DAY && from_minute != to_minute).then_some(Span {
        first_day,
        last_day,
        from_minute,
        to_minute,
    })
}

impl FromStr for Hours {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let spans = text
            .split(',')
            .map(|part| {
                parse_span(part.trim()).ok_or_else(|| {
                    MalformedName(format!(
                        "{:?} is not a span of hours: use \"Mon-Fri 09:00-18:00, Sat 10:00-14:00\"",
                        part.trim()
                    ))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Hours { spans })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, span) in self.spans.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            f.write_str(day_name(span.first_day))?;
            if span.first_day != span.last_day {
                write!(f, "-{}", day_name(span.last_day))?;
            }
            let (from, to) = (span.from_minute, span.to_minute);
            write!(
                f,
                " {:02}:{:02}-{:02}:{:02}",
                from / 60,
                from % 60,
                to / 60,
                to % 60
            )?;
        }
        Ok(())
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> String {
        hours.to_string()
    }
}

impl TryFrom<String> for Hours {
    type Error = MalformedName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a known zone")
    }

    fn starts(text: &str, zone_name: &str) -> String {
        let boundary: Boundary = text.parse().expect("a boundary");
        boundary
            .starts_at(&zone(zone_name))
            .expect("in range")
            .to_string()
    }

    fn ends(text: &str, zone_name: &str) -> String {
        let boundary: Boundary = text.parse().expect("a boundary");
        boundary
            .ends_at(&zone(zone_name))
            .expect("in range")
            .to_string()
    }

    #[test]
    fn a_bare_date_is_the_stores_whole_day() {
        assert_eq!(
            starts("2026-12-24", "Europe/Berlin"),
            "2026-12-23T23:00:00Z"
        );
        assert_eq!(ends("2026-12-24", "Europe/Berlin"), "2026-12-24T23:00:00Z");
        assert_eq!(
            ends("2026-12-24T18:00", "Europe/Berlin"),
            "2026-12-24T17:00:00Z"
        );
        assert_eq!(
            ends("2026-12-24T18:00+05:00", "Europe/Berlin"),
            "2026-12-24T13:00:00Z"
        );
    }

    #[test]
    fn a_missing_local_time_is_the_first_instant_after_the_gap() {
        // Berlin skips 02:00-03:00 on 29 March 2026; 01:00 UTC is the transition.
        for missing in [
            "2026-03-29T02:00",
            "2026-03-29T02:30",
            "2026-03-29T02:59:59",
        ] {
            assert_eq!(
                starts(missing, "Europe/Berlin"),
                "2026-03-29T01:00:00Z",
                "{missing}"
            );
        }
        assert_eq!(
            starts("2026-03-29T03:00", "Europe/Berlin"),
            "2026-03-29T01:00:00Z"
        );
        // Beirut skips its midnight on 29 March 2026: that day begins at 01:00 local.
        assert_eq!(starts("2026-03-29", "Asia/Beirut"), "2026-03-28T22:00:00Z");
        assert_eq!(ends("2026-03-28", "Asia/Beirut"), "2026-03-28T22:00:00Z");
    }

    #[test]
    fn a_local_time_that_comes_twice_is_its_first_coming() {
        assert_eq!(
            starts("2026-10-25T02:30", "Europe/Berlin"),
            "2026-10-25T00:30:00Z"
        );
        // Havana repeats 00:00-01:00 on 1 November 2026: the day has one first instant.
        assert_eq!(
            starts("2026-11-01", "America/Havana"),
            "2026-11-01T04:00:00Z"
        );
        assert_eq!(ends("2026-10-31", "America/Havana"), "2026-11-01T04:00:00Z");
    }

    #[test]
    fn hours_include_their_start_and_exclude_their_end_by_the_stores_clock() {
        let hours: Hours = "Mon-Fri 09:00-18:00, Sat 22:00-02:00"
            .parse()
            .expect("hours");
        let berlin = zone("Europe/Berlin");
        let at = |text: &str| {
            let local: DateTime = text.parse().expect("a time");
            hours.include(instant_of(local, &berlin).expect("in range"), &berlin)
        };
        assert!(at("2026-11-20T09:00") && at("2026-11-20T17:59:59"));
        assert!(!at("2026-11-20T08:59:59") && !at("2026-11-20T18:00"));
        assert!(at("2026-11-21T22:00") && at("2026-11-22T01:59") && !at("2026-11-22T02:00"));
        assert!(!at("2026-11-21T01:00"));
        assert_eq!(hours.to_string(), "Mon-Fri 09:00-18:00, Sat 22:00-02:00");
        let weekend: Hours = "Sat-Mon 00:00-24:00".parse().expect("wraps the week");
        assert!(
            weekend
                .spans
                .iter()
                .all(|span| span.includes(Weekday::Sunday, 700))
        );
        assert!(
            weekend
                .spans
                .iter()
                .all(|span| !span.includes(Weekday::Tuesday, 700))
        );
        for bad in [
            "",
            "Mon",
            "Mon 9-18",
            "Mon 09:00-09:00",
            "Xyz 09:00-10:00",
            "Mon 09:00-25:00",
        ] {
            assert!(bad.parse::<Hours>().is_err(), "{bad}");
        }
    }

    #[test]
    fn in_the_hour_that_comes_twice_both_comings_are_inside() {
        let hours: Hours = "Sun 02:00-03:00".parse().expect("hours");
        let berlin = zone("Europe/Berlin");
        for instant in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
            assert!(hours.include(instant.parse().expect("an instant"), &berlin));
        }
    }

    #[test]
    fn lengths_read_back_as_written() {
        for text in ["30d", "12h", "15m"] {
            assert_eq!(text.parse::<Length>().expect("a length").to_string(), text);
        }
        for bad in ["", "30", "d", "-1d", "0h", "99999999999d"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }
}
