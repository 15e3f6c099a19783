//! What a preflight finds: each failure that was played, what should have happened, what did.
//!
//! The rules are pure functions over what was told, so that each can be shown to fail.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::campaign::{Campaign, Rules};
use crate::domain::claim::Claim;
use crate::domain::local_time::{in_words, last_in_words};

/// An offer of more characters than this takes more than three lines of narrow paper (32 columns).
pub const OFFER_CHARS_MAX: usize = 96;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What was expected happened.
    Pass,
    /// It may be meant so; somebody should look.
    Warn,
    /// The campaign is not to be launched like this.
    Fail,
}

impl Outcome {
    /// The outcome as the table names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "PASS",
            Outcome::Warn => "WARN",
            Outcome::Fail => "FAIL",
        }
    }
}

/// What is tried: a name for programs, and what it is in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The name for programs.
    pub name: &'static str,
    /// The same for people.
    pub words: &'static str,
}

impl Trial {
    /// A trial by its name and words.
    pub const fn new(name: &'static str, words: &'static str) -> Trial {
        Trial { name, words }
    }

    /// The check that is a pass where `is_well`, else a fail.
    pub fn ends(
        self,
        is_well: bool,
        expected: impl Into<String>,
        happened: impl Into<String>,
    ) -> Check {
        let outcome = if is_well {
            Outcome::Pass
        } else {
            Outcome::Fail
        };
        Check {
            trial: self,
            outcome,
            expected: expected.into(),
            happened: happened.into(),
        }
    }

    /// The check that somebody should look at.
    pub fn warns(self, expected: impl Into<String>, happened: impl Into<String>) -> Check {
        Check {
            outcome: Outcome::Warn,
            ..self.ends(true, expected, happened)
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was tried.
    pub trial: Trial,
    /// How it ended.
    pub outcome: Outcome,
    /// What should happen.
    pub expected: String,
    /// What did.
    pub happened: String,
}

impl Check {
    /// The same, at least a warning, with one thing more to say.
    #[must_use]
    pub fn but(self, words: &str) -> Check {
        Check {
            outcome: self.outcome.max(Outcome::Warn),
            happened: format!("{}; {words}", self.happened),
            ..self
        }
    }
}

/// What one claim was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The word of the answer.
    pub word: String,
    /// The code, where one was told.
    pub code: Option<String>,
}

impl From<&Claim> for Told {
    fn from(claim: &Claim) -> Told {
        Told {
            word: claim.word.as_str().to_owned(),
            code: claim.code.clone(),
        }
    }
}

/// By how many the pool fell, in words.
fn fall(by: i64) -> String {
    match by {
        0 => "pool untouched".to_owned(),
        1.. => format!("pool down by {by}"),
        _ => format!("pool up by {}", by.unsigned_abs()),
    }
}

fn words_of(told: &[Told]) -> String {
    let mut words: Vec<(&str, usize)> = Vec::new();
    for told in told {
        match words.iter_mut().find(|(word, _)| *word == told.word) {
            Some((_, count)) => *count += 1,
            None => words.push((&told.word, 1)),
        }
    }
    let counted = words.into_iter().map(|(word, count)| match count {
        1 => word.to_owned(),
        _ => format!("{count} {word}"),
    });
    counted.collect::<Vec<_>>().join(", ")
}

fn happened(told: &[Told], fell_by: i64) -> String {
    let distinct: BTreeSet<&String> = told.iter().filter_map(|told| told.code.as_ref()).collect();
    let given = match distinct.len() {
        0 => "no code".to_owned(),
        1 => "1 code".to_owned(),
        count => format!("{count} codes"),
    };
    format!("{}: {given}, {}", words_of(told), fall(fell_by))
}

/// Every claim was told a code, and exactly `count` codes were given for all of them.
///
/// `fell_by` is by how many the pool's available codes went down meanwhile.
pub fn gives(trial: Trial, told: &[Told], count: usize, fell_by: i64) -> Check {
    const GIVING: [&str; 3] = ["assigned", "replayed", "already_assigned"];
    let distinct: BTreeSet<&String> = told.iter().filter_map(|told| told.code.as_ref()).collect();
    let drawn = told.iter().filter(|told| told.word == "assigned").count();
    let all_have = told
        .iter()
        .all(|told| told.code.is_some() && GIVING.contains(&told.word.as_str()));
    let is_well = all_have
        && distinct.len() == count
        && drawn == count
        && i64::try_from(count) == Ok(fell_by);
    let expected = format!("codes given: {count}, pool down by {count}");
    trial.ends(is_well, expected, happened(told, fell_by))
}

/// No claim was told a code, each for one of these reasons, and the pool stands.
pub fn gives_nothing(trial: Trial, told: &[Told], reasons: &[&str], fell_by: i64) -> Check {
    let is_well = fell_by == 0
        && told
            .iter()
            .all(|told| told.code.is_none() && reasons.contains(&told.word.as_str()));
    let expected = format!("{}, nothing given", reasons.join(" or "));
    trial.ends(is_well, expected, happened(told, fell_by))
}

/// A claim gives nothing for `claim_reason`, and a redemption honours nothing for one of
/// `scan_reasons`; none: no redemption could be tried.
pub fn refuses(
    trial: Trial,
    told: &Told,
    claim_reason: &str,
    scan: Option<&str>,
    scan_reasons: &[&str],
    fell_by: i64,
) -> Check {
    let is_scan_well = scan.is_none_or(|word| scan_reasons.contains(&word));
    let is_well = told.code.is_none() && told.word == claim_reason && fell_by == 0 && is_scan_well;
    let scanned = scan.map_or_else(String::new, |word| format!(", the scan {word}"));
    trial.ends(
        is_well,
        format!(
            "the claim {claim_reason}, the scan {}",
            scan_reasons.join(" or ")
        ),
        format!("the claim {}{scanned}, {}", told.word, fall(fell_by)),
    )
}

/// A preview tells a placeholder that no counter honours.
pub fn previews(trial: Trial, told: &Told, scan: &str, fell_by: i64) -> Check {
    let placeholder = told.code.as_deref().unwrap_or("no placeholder");
    let is_well =
        told.word == "preview" && told.code.is_some() && scan == "not_ours" && fell_by == 0;
    trial.ends(
        is_well,
        "a placeholder that scans as not_ours, pool untouched",
        format!("{placeholder} scans as {scan}, {}", fall(fell_by)),
    )
}

/// Looking at a message again tells the code that was given, and gives none.
pub fn rereads(trial: Trial, told: &Told, given: Option<&str>, fell_by: i64) -> Check {
    let is_theirs = told.code.is_some() && told.code.as_deref() == given;
    let seen = match &told.code {
        None => "no code",
        Some(_) if is_theirs => "the code they have",
        Some(_) => "another code",
    };
    trial.ends(
        is_theirs && fell_by == 0,
        "the code they have, pool untouched",
        format!("{}: {seen}, {}", told.word, fall(fell_by)),
    )
}

/// After a crash between commit and answer, the retries under the same key are told the one code
/// that was committed. `fell_by` is counted before the retries and after them.
pub fn survives(trial: Trial, retries: &[Told], fell_by: (i64, i64)) -> Check {
    let is_replayed = retries
        .iter()
        .all(|told| told.word == "replayed" && told.code.is_some());
    let distinct: BTreeSet<&String> = retries
        .iter()
        .filter_map(|told| told.code.as_ref())
        .collect();
    trial.ends(
        is_replayed && distinct.len() == 1 && fell_by == (1, 1),
        "the retries are told the code that was committed, pool down by 1",
        format!("the retries {}", happened(retries, fell_by.1)),
    )
}

/// What happened about a slip whose printer ran out of paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperOut {
    /// The code that was given.
    pub code: Option<String>,
    /// The code on the first slip, where one was stored.
    pub first: Option<String>,
    /// Why the slip is not confirmed; none: it is not among the open ones.
    pub why: Option<String>,
    /// The code on the slip that was printed again, and which copy it is.
    pub again: Option<(String, u32)>,
    /// Whether the printer with a new roll printed it.
    pub is_printed_again: bool,
    /// By how many the pool fell, the claim's own code counted.
    pub fell_by: i64,
}

/// A slip without paper stays open, and the copy says the same code.
pub fn keeps_slip(trial: Trial, paper: &PaperOut) -> Check {
    let is_same = paper.code.is_some() && paper.first == paper.code;
    let is_again = paper
        .again
        .as_ref()
        .is_some_and(|(code, copy)| Some(code) == paper.code.as_ref() && *copy == 2);
    let why = paper.why.as_deref().unwrap_or("confirmed");
    let is_well =
        is_same && is_again && why == "paper_out" && paper.is_printed_again && paper.fell_by == 1;
    let copy = match &paper.again {
        None => "no reprint".to_owned(),
        Some((code, copy)) if Some(code) == paper.code.as_ref() => {
            let printed = if paper.is_printed_again {
                "printed"
            } else {
                "not printed"
            };
            format!("copy {copy} says the same code and is {printed}")
        }
        Some((_, copy)) => format!("copy {copy} says another code"),
    };
    trial.ends(
        is_well,
        "the slip stays open, copy 2 says the same code and is printed, 1 code in all",
        format!("{why}, {copy}, {}", fall(paper.fell_by)),
    )
}

/// An empty pool gives nothing, and the same key a code after a refill.
pub fn outlasts_empty_pool(
    trial: Trial,
    empty: &Told,
    fell_by: i64,
    refilled: &Told,
    fell_then_by: i64,
) -> Check {
    let is_well = empty.word == "pool_exhausted"
        && empty.code.is_none()
        && fell_by == 0
        && refilled.word == "assigned"
        && refilled.code.is_some()
        && fell_then_by == 1;
    trial.ends(
        is_well,
        "pool_exhausted and no code; after a refill the same key is assigned",
        format!("{}; after a refill {}", empty.word, refilled.word),
    )
}

/// A code is presented at most so often: one with more uses is not used up.
pub const PRESENTED_MAX: u32 = 20;

/// A code that is presented again and again is honoured as often as the campaign says.
///
/// `accepted` counts the acceptances, at most [`PRESENTED_MAX`]; `then` is the word and the band of
/// the verdict after them.
pub fn honours(trial: Trial, accepted: u32, then: (&str, &str), rules: &Rules) -> Check {
    let allowed = rules
        .limit_per_day
        .map_or(rules.uses, |limit| limit.min(rules.uses));
    let expected = format!("accepted {allowed} times, then refused");
    let (word, band) = then;
    if accepted == 0 && (band == "look" || word == "outside_hours") {
        // Nothing is used up before the question is answered or the hours begin.
        return trial.ends(true, expected, format!("{word}: nothing is used up yet"));
    }
    let happened = format!("accepted {accepted} times, then {word}");
    if allowed > PRESENTED_MAX {
        return trial.ends(accepted == PRESENTED_MAX, expected, happened);
    }
    let is_refused = word == "already_redeemed" || word == "limit_reached";
    trial.ends(accepted == allowed && is_refused, expected, happened)
}

/// Of several rounds of one trial the worst, the first of them.
pub fn worst_of(rounds: Vec<Check>) -> Option<Check> {
    let count = rounds.len();
    let worst = rounds.into_iter().rev().max_by_key(|check| check.outcome)?;
    Some(Check {
        happened: format!("{} ({count} rounds)", worst.happened),
        ..worst
    })
}

/// A campaign as it stands, and the pool behind it.
#[derive(Debug, Clone)]
pub struct Standing<'c> {
    /// The campaign.
    pub campaign: &'c Campaign,
    /// Codes that can be given out here.
    pub available: u64,
    /// Codes of the pool beside them that have ended by themselves before anybody has them.
    pub ended: u64,
    /// Until when it is in test mode, and for how many customers; none: it is not.
    pub test_mode: Option<(Timestamp, u64)>,
    /// How many customers are to have one; none: not said.
    pub audience: Option<u64>,
    /// The store of this ledger.
    pub store: &'c str,
    /// Its time zone.
    pub zone: &'c TimeZone,
    /// The wall clock.
    pub now: Timestamp,
}

/// What can be said of a campaign before anything is played.
pub fn look_at(standing: &Standing<'_>) -> Vec<Check> {
    vec![
        offer(&standing.campaign.rules),
        paused(standing.campaign),
        window(standing),
        hours(standing),
        store(standing),
        test_mode(standing),
        ended(standing),
        pool(standing),
    ]
}

fn offer(rules: &Rules) -> Check {
    let trial = Trial::new("offer", "the offer fits on a slip");
    let length = rules.offer.trim().chars().count();
    let happened = format!("{length} characters");
    let expected = format!("1 to {OFFER_CHARS_MAX} characters");
    if length > OFFER_CHARS_MAX {
        return trial.warns(expected, happened);
    }
    trial.ends(length > 0, expected, happened)
}

fn paused(campaign: &Campaign) -> Check {
    let happened = if campaign.is_paused { "PAUSED" } else { "open" };
    Trial::new("paused", "the campaign is not paused").ends(!campaign.is_paused, "open", happened)
}

fn window(standing: &Standing<'_>) -> Check {
    let trial = Trial::new("window", "the campaign is not over");
    let rules = &standing.campaign.rules;
    let expected = "an end to come, or none";
    match rules.ends_at {
        None => trial.ends(true, expected, "it has no end"),
        Some(end) if end <= standing.now => trial.ends(
            false,
            expected,
            format!("it ended {}", last_in_words(end, standing.zone)),
        ),
        Some(end) => trial.ends(
            true,
            expected,
            format!("until {}", last_in_words(end, standing.zone)),
        ),
    }
}

/// Whether the counter's hours ever come within the window; looked at for eight days, by quarters
/// of an hour.
fn hours(standing: &Standing<'_>) -> Check {
    const QUARTERS: i64 = 8 * 24 * 4;
    let trial = Trial::new("hours", "its hours come within its window");
    let rules = &standing.campaign.rules;
    let Some(hours) = &rules.hours else {
        return trial.ends(true, "hours within the window", "always");
    };
    let begin = played_at(rules, standing.now);
    let open = (0..QUARTERS)
        .filter_map(|quarter| {
            begin
                .checked_add(SignedDuration::from_mins(15 * quarter))
                .ok()
        })
        .take_while(|at| rules.ends_at.is_none_or(|end| *at < end))
        .find(|at| hours.include(*at, standing.zone));
    let happened = open.map_or_else(
        || format!("never: on {hours}"),
        |at| format!("first {}", in_words(at, standing.zone)),
    );
    trial.ends(open.is_some(), "hours within the window", happened)
}

fn store(standing: &Standing<'_>) -> Check {
    let trial = Trial::new("store", "this store is included");
    let rules = &standing.campaign.rules;
    let stores = if rules.stores.is_empty() {
        "every store".to_owned()
    } else {
        rules.stores.join(", ")
    };
    trial.ends(
        rules.include_store(standing.store),
        format!("{} among its stores", standing.store),
        stores,
    )
}

fn test_mode(standing: &Standing<'_>) -> Check {
    let happened = standing.test_mode.map_or_else(
        || "off".to_owned(),
        |(until, customers)| {
            let until = last_in_words(until, standing.zone);
            format!("TEST MODE until {until}; test customers: {customers}")
        },
    );
    Trial::new("test_mode", "test mode is off").ends(standing.test_mode.is_none(), "off", happened)
}

fn ended(standing: &Standing<'_>) -> Check {
    let happened = match standing.ended {
        0 => "none has ended".to_owned(),
        ended => format!("{ended} codes of the pool have ended already: nobody is given them"),
    };
    Trial::new("ended", "no code ends before it is given").ends(
        standing.ended == 0,
        "none has ended",
        happened,
    )
}

fn pool(standing: &Standing<'_>) -> Check {
    let trial = Trial::new("pool", "there are codes for everybody");
    let available = standing.available;
    let Some(audience) = standing.audience else {
        return trial.ends(
            available > 0,
            "a code to give out",
            format!("{available} available"),
        );
    };
    let each = standing.campaign.rules.per_customer;
    let needed = audience.saturating_mul(u64::from(each));
    let missing = needed.saturating_sub(available);
    let happened = if missing == 0 {
        format!("{available} available")
    } else {
        format!("{available} available: {missing} are missing")
    };
    let expected = if each == 1 {
        format!("{needed} codes")
    } else {
        format!("{needed} codes, {each} for each of {audience}")
    };
    trial.ends(missing == 0, expected, happened)
}

/// The instant at which a campaign is played: now, else the nearest within its window.
pub fn played_at(rules: &Rules, now: Timestamp) -> Timestamp {
    let from_start = rules.starts_at.map_or(now, |starts| now.max(starts));
    match rules.ends_at {
        Some(end) if from_start >= end => end
            .checked_sub(SignedDuration::from_millis(1))
            .unwrap_or(end),
        Some(_) | None => from_start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIAL: Trial = Trial::new("t", "a trial");

    fn told(word: &str, code: Option<&str>) -> Told {
        Told {
            word: word.to_owned(),
            code: code.map(str::to_owned),
        }
    }

    #[test]
    fn one_code_for_all_passes_and_every_way_to_give_two_fails() {
        let first = told("assigned", Some("A"));
        let again = told("replayed", Some("A"));
        let outcome = |told: &[Told], count, fell_by| gives(TRIAL, told, count, fell_by).outcome;
        assert_eq!(
            outcome(&[first.clone(), again.clone()], 1, 1),
            Outcome::Pass
        );
        let wrong: [(&[Told], usize, i64); 6] = [
            // A second code.
            (&[first.clone(), told("assigned", Some("B"))], 1, 2),
            // One code told, two drawn.
            (&[first.clone(), again.clone()], 1, 2),
            // Two people, one code.
            (&[first.clone(), told("assigned", Some("A"))], 2, 1),
            // A silent empty.
            (&[first.clone(), told("replayed", None)], 1, 1),
            // A refusal that tells a code.
            (&[first.clone(), told("pool_exhausted", Some("A"))], 1, 1),
            // Told, and never drawn.
            (&[again.clone(), again], 1, 0),
        ];
        for (told, count, fell_by) in wrong {
            assert_eq!(outcome(told, count, fell_by), Outcome::Fail, "{told:?}");
        }
    }

    #[test]
    fn what_gives_nothing_fails_once_it_gives_anything() {
        let refused = told("invalid_contact", None);
        let nothing = |told: Told, fell_by| {
            gives_nothing(TRIAL, &[told], &["invalid_contact"], fell_by).outcome
        };
        assert_eq!(nothing(refused.clone(), 0), Outcome::Pass);
        assert_eq!(nothing(refused.clone(), 1), Outcome::Fail);
        assert_eq!(
            nothing(told("invalid_contact", Some("A")), 0),
            Outcome::Fail
        );
        assert_eq!(nothing(told("assigned", None), 0), Outcome::Fail);
        let not_live = told("not_live", None);
        let scan =
            |word| refuses(TRIAL, &not_live, "not_live", Some(word), &["expired"], 0).outcome;
        assert_eq!(scan("expired"), Outcome::Pass);
        assert_eq!(scan("accepted"), Outcome::Fail);
        let placeholder = told("preview", Some("PREVIEW-x"));
        assert_eq!(
            previews(TRIAL, &placeholder, "not_ours", 0).outcome,
            Outcome::Pass
        );
        assert_eq!(
            previews(TRIAL, &placeholder, "accepted", 0).outcome,
            Outcome::Fail
        );
        assert_eq!(
            previews(TRIAL, &placeholder, "not_ours", 1).outcome,
            Outcome::Fail
        );
    }

    #[test]
    fn a_slip_that_says_another_code_or_is_forgotten_fails() {
        let paper = PaperOut {
            code: Some("A".into()),
            first: Some("A".into()),
            why: Some("paper_out".into()),
            again: Some(("A".into(), 2)),
            is_printed_again: true,
            fell_by: 1,
        };
        let outcome = |change: fn(&mut PaperOut)| {
            let mut changed = paper.clone();
            change(&mut changed);
            keeps_slip(TRIAL, &changed).outcome
        };
        assert_eq!(outcome(|_| {}), Outcome::Pass);
        assert_eq!(
            outcome(|paper| paper.again = Some(("B".into(), 2))),
            Outcome::Fail
        );
        assert_eq!(outcome(|paper| paper.first = None), Outcome::Fail);
        assert_eq!(outcome(|paper| paper.why = None), Outcome::Fail);
        assert_eq!(
            outcome(|paper| paper.is_printed_again = false),
            Outcome::Fail
        );
        assert_eq!(outcome(|paper| paper.fell_by = 2), Outcome::Fail);
    }

    #[test]
    fn a_second_code_after_a_crash_or_at_a_second_look_fails() {
        let again = told("replayed", Some("A"));
        let retried =
            |second: Told, fell_by| survives(TRIAL, &[again.clone(), second], fell_by).outcome;
        assert_eq!(retried(again.clone(), (1, 1)), Outcome::Pass);
        assert_eq!(retried(told("replayed", Some("B")), (1, 1)), Outcome::Fail);
        assert_eq!(retried(told("assigned", Some("A")), (1, 2)), Outcome::Fail);
        // The commit was lost, and the retry drew.
        assert_eq!(retried(again.clone(), (0, 1)), Outcome::Fail);
        let seen = told("already_assigned", Some("A"));
        let looked = |given, fell_by| rereads(TRIAL, &seen, given, fell_by).outcome;
        assert_eq!(looked(Some("A"), 0), Outcome::Pass);
        assert_eq!(looked(Some("B"), 0), Outcome::Fail);
        assert_eq!(looked(None, 0), Outcome::Fail);
        assert_eq!(looked(Some("A"), 1), Outcome::Fail);
    }

    #[test]
    fn a_pool_that_is_empty_gives_nothing_and_a_key_is_not_spent_by_it() {
        let empty = told("pool_exhausted", None);
        let then = told("assigned", Some("A"));
        let outcome =
            |empty: &Told, then: &Told| outlasts_empty_pool(TRIAL, empty, 0, then, 1).outcome;
        assert_eq!(outcome(&empty, &then), Outcome::Pass);
        assert_eq!(outcome(&then, &then), Outcome::Fail);
        assert_eq!(outcome(&empty, &empty), Outcome::Fail);
    }

    #[test]
    fn a_code_that_is_honoured_too_often_or_too_rarely_fails_and_a_question_does_not() {
        let mut rules = Rules::new("one coffee");
        let used = ("already_redeemed", "stop");
        let outcome = |accepted, then, rules: &Rules| honours(TRIAL, accepted, then, rules).outcome;
        assert_eq!(outcome(1, used, &rules), Outcome::Pass);
        assert_eq!(outcome(2, used, &rules), Outcome::Fail);
        assert_eq!(outcome(1, ("accepted", "go"), &rules), Outcome::Fail);
        assert_eq!(outcome(0, ("needs_answer", "look"), &rules), Outcome::Pass);
        assert_eq!(outcome(0, ("paused", "stop"), &rules), Outcome::Fail);
        rules.uses = 3;
        assert_eq!(outcome(3, used, &rules), Outcome::Pass);
        assert_eq!(outcome(2, used, &rules), Outcome::Fail);
        rules.limit_per_day = Some(2);
        assert_eq!(outcome(2, ("limit_reached", "stop"), &rules), Outcome::Pass);
        rules.uses = 500;
        rules.limit_per_day = None;
        assert_eq!(
            outcome(PRESENTED_MAX, ("accepted", "go"), &rules),
            Outcome::Pass
        );
        assert_eq!(outcome(3, used, &rules), Outcome::Fail);
    }

    #[test]
    fn the_worst_round_counts() {
        let pass = TRIAL.ends(true, "", "well");
        let fail = TRIAL.ends(false, "", "wrong");
        let worst = worst_of(vec![pass.clone(), fail, pass]).expect("one");
        assert_eq!(
            (worst.outcome, worst.happened.as_str()),
            (Outcome::Fail, "wrong (3 rounds)")
        );
        assert_eq!(worst_of(Vec::new()), None);
    }

    fn day_and_more() -> SignedDuration {
        SignedDuration::from_hours(25)
    }

    #[test]
    fn a_campaign_that_cannot_be_launched_says_which_rule_is_in_the_way() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
        let day = SignedDuration::from_hours(24);
        let mut rules = Rules::new("one coffee");
        rules.ends_at = Some(now + day);
        let campaign = Campaign {
            id: "spring".parse().expect("a name"),
            revision: 1,
            is_paused: false,
            rules,
        };
        let failed = |campaign: &Campaign, audience| -> Vec<&'static str> {
            let standing = Standing {
                campaign,
                available: 10,
                ended: 0,
                test_mode: None,
                audience,
                store: "Corner",
                zone: &zone,
                now,
            };
            look_at(&standing)
                .iter()
                .filter(|check| check.outcome != Outcome::Pass)
                .map(|check| check.trial.name)
                .collect()
        };
        assert_eq!(failed(&campaign, Some(10)), Vec::<&str>::new());
        assert_eq!(failed(&campaign, Some(11)), ["pool"]);
        let with = |change: fn(&mut Campaign)| {
            let mut changed = campaign.clone();
            change(&mut changed);
            failed(&changed, Some(5))
        };
        assert_eq!(with(|campaign| campaign.is_paused = true), ["paused"]);
        assert_eq!(with(|campaign| campaign.rules.per_customer = 3), ["pool"]);
        assert_eq!(
            with(|campaign| campaign.rules.stores = vec!["Mall".into()]),
            ["store"]
        );
        assert_eq!(
            with(|campaign| campaign.rules.offer = "x".repeat(97)),
            ["offer"]
        );
        assert_eq!(
            with(|campaign| campaign.rules.ends_at =
                campaign.rules.ends_at.map(|end| end - day_and_more())),
            ["window"]
        );
        // A Saturday's noon until Sunday's: Mondays are out of it.
        assert_eq!(
            with(|campaign| campaign.rules.hours = "Mon 09:00-18:00".parse().ok()),
            ["hours"]
        );
    }
}
