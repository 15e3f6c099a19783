//! The report of a store's local day: what it counts, and how that stands by campaign, counter and
//! operator. Printed under a number it is the Z report.
//!
//! Invariant: whatever is counted for the day is counted once for its campaign, its counter and its
//! operator: each of these lists adds up to the day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::chain_head::ChainHead;
use crate::domain::entry::{Body, Fact, hex};
use crate::domain::local_time::day_start;

/// The first instant of a local day, and the first one after it; none: out of range.
pub fn bounds(date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    Some((
        day_start(date, zone)?,
        day_start(date.tomorrow().ok()?, zone)?,
    ))
}

/// What a day, a campaign, a counter or an operator comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCounts {
    /// Codes honoured, also those that were undone since.
    pub accepted: u64,
    /// Of these: honoured apart from the hub, settled later.
    pub provisional: u64,
    /// Of the accepted ones, too: those where a manager set a refusal aside.
    pub overrides: u64,
    /// Scans that were refused or asked about.
    pub refused: u64,
    /// Redemptions undone, of this day or of one before.
    pub reversed: u64,
    /// Codes given to a customer, those in place of another included.
    pub assigned: u64,
    /// Codes whose life was ended.
    pub voided: u64,
    /// Of these: in whose place the customer got another.
    pub replaced: u64,
    /// First slips of a code.
    pub slips: u64,
    /// Further copies.
    pub reprints: u64,
}

impl DayCounts {
    /// Each figure with its name, in the order of the report.
    pub fn figures(&self) -> [(&'static str, u64); 10] {
        [
            ("accepted", self.accepted),
            ("provisional", self.provisional),
            ("overrides", self.overrides),
            ("refused", self.refused),
            ("reversed", self.reversed),
            ("assigned", self.assigned),
            ("voided", self.voided),
            ("replaced", self.replaced),
            ("slips", self.slips),
            ("reprints", self.reprints),
        ]
    }

    /// Adds another's figures.
    pub fn add(&mut self, other: &DayCounts) {
        self.accepted += other.accepted;
        self.provisional += other.provisional;
        self.refused += other.refused;
        self.reversed += other.reversed;
        self.overrides += other.overrides;
        self.assigned += other.assigned;
        self.voided += other.voided;
        self.replaced += other.replaced;
        self.slips += other.slips;
        self.reprints += other.reprints;
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == DayCounts::default()
    }

    /// What one entry counts. What the hub did for a counter of a store stands in the hub's own entry
    /// too: `counts_witnessed` says whether this ledger is the one that shows it at that counter.
    pub fn of_fact(fact: &Fact, counts_witnessed: bool) -> DayCounts {
        let mut counts = DayCounts::default();
        if let Fact::Redeemed {
            certainty,
            overrode,
            ..
        } = fact
        {
            counts.accepted = 1;
            counts.provisional = u64::from(certainty == "provisional");
            counts.overrides = u64::from(!overrode.is_empty());
        } else if let Fact::Reversed { .. } = fact {
            counts.reversed = 1;
        } else if let Fact::Assigned { .. } = fact {
            counts.assigned = 1;
        } else if let Fact::Voided { is_replaced, .. } = fact {
            counts.voided = 1;
            counts.replaced = u64::from(*is_replaced);
        } else if let Fact::SlipOrdered { copy } = fact {
            counts.slips = u64::from(*copy == 1);
            counts.reprints = u64::from(*copy > 1);
        } else if let Fact::Witnessed { verb, overrode, .. } = fact
            && counts_witnessed
        {
            match verb.as_str() {
                "redeem" => {
                    counts.accepted = 1;
                    counts.overrides = u64::from(!overrode.is_empty());
                }
                "reverse" => counts.reversed = 1,
                "assign" => counts.assigned = 1,
                "replace" => {
                    counts.assigned = 1;
                    counts.voided = 1;
                    counts.replaced = 1;
                }
                _ => {}
            }
        }
        counts
    }
}

/// What an attempt counts that is an entry of nothing: only a scan that was not honoured.
pub fn of_attempt(kind: &str, answer: &str, amount: u64) -> DayCounts {
    DayCounts {
        refused: if is_refused_scan(kind, answer) {
            amount
        } else {
            0
        },
        ..DayCounts::default()
    }
}

/// Whether an attempt is a scan that was refused or asked about: not a key or a code that came again.
pub fn is_refused_scan(kind: &str, answer: &str) -> bool {
    kind == "redeem" && !matches!(answer, "accepted" | "replayed" | "reread")
}

/// What a manager did by their right, in words; none: the entry needed none.
pub fn by_a_manager(body: &Body) -> Option<(Option<&str>, String)> {
    let (by, what) = if let Fact::Redeemed {
        overrode,
        approved_by,
        ..
    }
    | Fact::Witnessed {
        overrode,
        approved_by,
        ..
    } = &body.fact
    {
        if overrode.is_empty() {
            (approved_by, "approval".to_owned())
        } else {
            return Some((
                approved_by.as_deref().or(body.operator.as_deref()),
                overrode.join("+"),
            ));
        }
    } else if let Fact::Reversed { approved_by, .. } = &body.fact {
        (approved_by, "reversal".to_owned())
    } else if let Fact::Voided {
        approved_by,
        is_replaced,
        ..
    } = &body.fact
    {
        let what = if *is_replaced { "replacement" } else { "void" };
        (approved_by, what.to_owned())
    } else {
        return None;
    };
    by.as_deref().map(|by| (Some(by), what))
}

/// A campaign, a counter, an operator or a store, and what it comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayGroup {
    /// Its name; none: of no campaign, or nobody was signed in.
    pub name: Option<String>,
    /// Its figures.
    #[serde(flatten)]
    pub counts: DayCounts,
}

/// How often something was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerCount {
    /// What was tried.
    pub kind: String,
    /// What was answered.
    pub answer: String,
    /// How often.
    pub count: u64,
}

/// How often a manager did something by their right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerActs {
    /// The manager; none: nobody signs in here.
    pub manager: Option<String>,
    /// The refusals set aside, joined by `+`; or `approval`, `reversal`, `replacement`, `void`.
    pub what: String,
    /// How often.
    pub count: u64,
}

/// The report of one local day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayReport {
    /// The day.
    pub date: Date,
    /// The store; none: all stores of a hub together, each by its own day.
    pub store: Option<String>,
    /// The time zone of the store's day; of all stores together, the hub's.
    pub timezone: String,
    /// The day's first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// When it was counted.
    pub as_of: Timestamp,
    /// The number under which just this was printed; none: it was not.
    pub number: Option<u64>,
    /// How often, this print counted.
    pub copies: Option<u32>,
    /// The day's figures.
    #[serde(flatten)]
    pub counts: DayCounts,
    /// Scans not honoured, by their reason.
    pub refused_by_reason: Vec<AnswerCount>,
    /// Everything else that changed nothing.
    pub other_attempts: Vec<AnswerCount>,
    /// What managers did by their right.
    pub by_manager: Vec<ManagerActs>,
    /// The stores of a hub; empty: the report is of one.
    pub by_store: Vec<DayGroup>,
    /// By campaign.
    pub by_campaign: Vec<DayGroup>,
    /// By counter.
    pub by_counter: Vec<DayGroup>,
    /// By operator.
    pub by_operator: Vec<DayGroup>,
    /// What it cannot know, each in a sentence; empty: nothing is missing.
    pub unknown: Vec<String>,
    /// The chain's end when it was counted; of a printed one, the entry by which it was printed.
    pub head: ChainHead,
}

impl DayReport {
    /// SHA-256 of what it says of the day, in hexadecimal: not of when it was counted or printed.
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        let mut feed = |text: &str| {
            hasher.update(text.len().to_be_bytes());
            hasher.update(text.as_bytes());
        };
        feed(&self.date.to_string());
        feed(self.store.as_deref().unwrap_or_default());
        feed(&self.timezone);
        for (name, figure) in self.counts.figures() {
            feed(&format!("{name} {figure}"));
        }
        for list in [&self.refused_by_reason, &self.other_attempts] {
            for one in list {
                feed(&format!("{} {} {}", one.kind, one.answer, one.count));
            }
        }
        for one in &self.by_manager {
            feed(one.manager.as_deref().unwrap_or_default());
            feed(&format!("{} {}", one.what, one.count));
        }
        for (list, groups) in self.lists() {
            for group in groups {
                feed(list);
                feed(group.name.as_deref().unwrap_or_default());
                for (name, figure) in group.counts.figures() {
                    feed(&format!("{name} {figure}"));
                }
            }
        }
        for words in &self.unknown {
            feed(words);
        }
        hex(&hasher.finalize())
    }

    /// Whether the day had ended when it was counted.
    pub fn is_over(&self) -> bool {
        self.as_of >= self.to
    }

    /// The lists of groups, each with its name.
    pub fn lists(&self) -> [(&'static str, &[DayGroup]); 4] {
        [
            ("store", &self.by_store),
            ("campaign", &self.by_campaign),
            ("counter", &self.by_counter),
            ("operator", &self.by_operator),
        ]
    }

    /// How long the day was, where the clocks were changed in it.
    pub fn odd_length(&self) -> Option<String> {
        let minutes = self.to.duration_since(self.from).as_mins();
        (minutes != 24 * 60).then(|| {
            let (hours, rest) = (minutes / 60, minutes % 60);
            if rest == 0 {
                format!("{hours} hours: the clocks were changed")
            } else {
                format!("{hours} h {rest} min: the clocks were changed")
            }
        })
    }
}

/// Where something happened.
#[derive(Debug, Clone, Copy)]
pub struct DayPlace<'a> {
    /// The store; none: the report is of one, and names it once.
    pub store: Option<&'a str>,
    /// The campaign.
    pub campaign: Option<&'a str>,
    /// The counter.
    pub counter: &'a str,
    /// The operator.
    pub operator: Option<&'a str>,
}

type Groups = BTreeMap<Option<String>, DayCounts>;

/// A report on the way.
#[derive(Debug, Default)]
pub struct DayTally {
    counts: DayCounts,
    answers: BTreeMap<(String, String), u64>,
    managers: BTreeMap<(Option<String>, String), u64>,
    by_store: Groups,
    by_campaign: Groups,
    by_counter: Groups,
    by_operator: Groups,
}

/// A name that another store may have as well.
fn of_store(store: Option<&str>, name: &str) -> String {
    match store {
        Some(store) => format!("{store}: {name}"),
        None => name.to_owned(),
    }
}

impl DayTally {
    /// Counts an entry.
    pub fn entry(&mut self, place: DayPlace<'_>, body: &Body, counts_witnessed: bool) {
        let counts = DayCounts::of_fact(&body.fact, counts_witnessed);
        if counts.is_empty() {
            return;
        }
        self.add(place, &counts);
        if let Some((manager, what)) = by_a_manager(body) {
            let manager = manager.map(|name| of_store(place.store, name));
            *self.managers.entry((manager, what)).or_default() += 1;
        }
    }

    /// Counts so many attempts of a kind.
    pub fn attempts(&mut self, place: DayPlace<'_>, kind: &str, answer: &str, amount: u64) {
        self.add(place, &of_attempt(kind, answer, amount));
        *self
            .answers
            .entry((kind.to_owned(), answer.to_owned()))
            .or_default() += amount;
    }

    fn add(&mut self, place: DayPlace<'_>, counts: &DayCounts) {
        if counts.is_empty() {
            return;
        }
        let group = |groups: &mut Groups, name: Option<String>| {
            groups.entry(name).or_default().add(counts);
        };
        self.counts.add(counts);
        if place.store.is_some() {
            group(&mut self.by_store, place.store.map(str::to_owned));
        }
        group(&mut self.by_campaign, place.campaign.map(str::to_owned));
        group(
            &mut self.by_counter,
            Some(of_store(place.store, place.counter)),
        );
        let operator = place.operator.map(|name| of_store(place.store, name));
        group(&mut self.by_operator, operator);
    }

    /// The report, of what is known about the day beside the figures.
    pub fn report(self, about: AboutDay) -> DayReport {
        let groups = |groups: Groups| {
            let list = groups.into_iter();
            list.map(|(name, counts)| DayGroup { name, counts })
                .collect::<Vec<_>>()
        };
        let (refused, others): (Vec<_>, Vec<_>) = self
            .answers
            .into_iter()
            .map(|((kind, answer), count)| AnswerCount {
                kind,
                answer,
                count,
            })
            .partition(|one| is_refused_scan(&one.kind, &one.answer));
        DayReport {
            date: about.date,
            store: about.store,
            timezone: about.timezone,
            from: about.from,
            to: about.to,
            as_of: about.as_of,
            number: None,
            copies: None,
            counts: self.counts,
            refused_by_reason: refused,
            other_attempts: others,
            by_manager: self
                .managers
                .into_iter()
                .map(|((manager, what), count)| ManagerActs {
                    manager,
                    what,
                    count,
                })
                .collect(),
            by_store: groups(self.by_store),
            by_campaign: groups(self.by_campaign),
            by_counter: groups(self.by_counter),
            by_operator: groups(self.by_operator),
            unknown: about.unknown,
            head: about.head,
        }
    }
}

/// What is known about a day beside its figures.
#[derive(Debug, Clone)]
pub struct AboutDay {
    /// The day.
    pub date: Date,
    /// The store; none: all of a hub's.
    pub store: Option<String>,
    /// Its time zone.
    pub timezone: String,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// When it is counted.
    pub as_of: Timestamp,
    /// What cannot be known.
    pub unknown: Vec<String>,
    /// The chain's end.
    pub head: ChainHead,
}
