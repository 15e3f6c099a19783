//! The report of a local day, counted from entries and from kept counts of attempts in one view of the
//! ledger; and the Z report, which is an entry.
//!
//! Attempts are forgotten after 30 days, and how many of each there were is not: a report of an old day
//! says the same as it did on its evening.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::chain_head::ChainHead;
use crate::domain::day_report::{AboutDay, DayPlace, DayReport, DayTally, bounds};
use crate::domain::entry::{Body, Fact, instant};
use crate::domain::ids::{CampaignId, EntryId};
use crate::domain::local_time::{day_number, in_words};
use crate::domain::refusal::Refusal;
use crate::ledger::attempts::KEPT_MS;
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::intake::PARKED;
use crate::ledger::tally::DAY_MS;
use crate::ledger::verify::Health;
use crate::ledger::{Act, Ledger, LedgerError, Writing, setting_of, zone_of};

impl Ledger {
    /// The report of a day: of this store; at a hub of the named one, or of all together.
    pub fn day_report(
        &mut self,
        date: Date,
        store: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<DayReport, Refusal>, LedgerError> {
        self.read("report", "a day", |tx| {
            let head = Head::load(tx)?;
            let mut report = match counted(tx, &head, date, store, now)? {
                Ok(report) => report,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if let Some(printed) = printed(tx, &report)? {
                report.number = Some(printed.number.unsigned_abs());
                report.copies = Some(printed.copies);
            }
            Ok(Ok(report))
        })
    }

    /// The same, to be printed at once: under the next number; where just this was printed before, once
    /// more under that number, in the same words.
    pub fn order_z_report(
        &mut self,
        date: Date,
        store: Option<&str>,
        act: &Act,
    ) -> Result<Result<DayReport, Refusal>, LedgerError> {
        self.write("print", "the report of a day", |writing| {
            order(writing, date, store, act)
        })
    }
}

fn order(
    writing: &mut Writing<'_, '_>,
    date: Date,
    store: Option<&str>,
    act: &Act,
) -> Result<Result<DayReport, Refusal>, Cause> {
    // One at a time: numbers have no gaps, and one day's figures have one number.
    writing
        .tx
        .lock_rows("SELECT number FROM z_head WHERE id = $1", &[1_i64.into()])?;
    let mut report = match counted(writing.tx, &writing.head, date, store, act.now)? {
        Ok(report) => report,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(known) = printed(writing.tx, &report)? {
        let copies = known.copies.saturating_add(1);
        writing.tx.guarded(
            "UPDATE z_report SET copies = $1 WHERE number = $2 AND copies = $3",
            &[copies.into(), known.number.into(), known.copies.into()],
            "this report was just printed elsewhere",
        )?;
        let number = known.number.unsigned_abs();
        let fact = Fact::DayPrinted {
            number,
            copy: copies,
        };
        writing.append(fact, &setting_of(act))?;
        let mut report: DayReport = serde_json::from_str(&known.words)?;
        report.copies = Some(copies);
        return Ok(Ok(report));
    }
    let number = writing
        .tx
        .one(
            "UPDATE z_head SET number = number + 1 WHERE id = 1 RETURNING number",
            &[],
            |row| row.int(0),
        )?
        .ok_or_else(|| Cause::Damaged("the number of the newest Z report is missing".into()))?;
    let sha256 = report.sha256();
    let fact = Fact::DayClosed {
        number: number.unsigned_abs(),
        date: date.to_string(),
        store: report.store.clone(),
        totals: Box::new(report.counts),
        report_sha256: sha256.clone(),
        others: other_ends(writing.tx, &writing.head)?,
    };
    let entry = writing.append(fact, &setting_of(act))?;
    report.number = Some(number.unsigned_abs());
    report.copies = Some(1);
    // The entry itself is the chain's end: paper that has its hash proves all before it.
    report.head = ChainHead::of(&entry.id, &writing.head.hash);
    writing.tx.execute(
        "INSERT INTO z_report (number, date, store, entry, sha256, copies, words) \
         VALUES ($1, $2, $3, $4, $5, 1, $6)",
        &[
            number.into(),
            (&date.to_string()).into(),
            report.store.as_deref().unwrap_or_default().into(),
            entry.local.into(),
            (&sha256).into(),
            (&serde_json::to_string(&report)?).into(),
        ],
    )?;
    Ok(Ok(report))
}

/// The ends of the chains that are not this writer's.
fn other_ends(tx: &Tx<'_>, head: &Head) -> Result<Vec<ChainHead>, Cause> {
    let mut ends = Vec::new();
    if tx.writer().is_some() {
        // Who has not written since the report before stands in that one, or in one before it. Times
        // are those of several clocks, so a day is allowed for.
        let before_ms = tx
            .one(
                "SELECT max(at_ms) FROM entry WHERE id = \
                 (SELECT entry FROM z_report ORDER BY number DESC LIMIT 1)",
                &[],
                |row| row.maybe_int(0),
            )?
            .flatten();
        let processes = tx.all(
            "SELECT incarnation, seq, hash FROM writer WHERE incarnation <> $1 AND seq > 0 \
             AND beat_at_ms >= $2 ORDER BY incarnation",
            &[
                head.incarnation.into(),
                before_ms.map_or(0, |at_ms| at_ms - DAY_MS).into(),
            ],
            |row| Ok((row.int(0)?, row.int(1)?, row.hash(2)?)),
        )?;
        for (incarnation, seq, hash) in processes {
            let id = EntryId {
                incarnation: u32::try_from(incarnation).unwrap_or(0),
                ..head.entry_id(seq)
            };
            ends.push(ChainHead::of(&id, &hash));
        }
    }
    let stores = tx.all(
        "SELECT s.node, n.name, s.incarnation, s.acked_seq FROM store s \
         JOIN node n ON n.id = s.node WHERE s.acked_seq > 0 ORDER BY n.name",
        &[],
        |row| Ok(((row.int(0)?, row.text(1)?), (row.int(2)?, row.int(3)?))),
    )?;
    for ((node, name), (newest_life, seq)) in stores {
        // A life that has just begun goes on from an entry of one before it.
        for life in (1..=newest_life).rev() {
            let hash = tx.one(
                "SELECT hash FROM entry WHERE node = $1 AND incarnation = $2 AND seq = $3",
                &[node.into(), life.into(), seq.into()],
                |row| row.hash(0),
            )?;
            if let Some(hash) = hash {
                let id = EntryId {
                    node: name,
                    incarnation: u32::try_from(life).unwrap_or(0),
                    seq: seq.unsigned_abs(),
                };
                ends.push(ChainHead::of(&id, &hash));
                break;
            }
        }
    }
    Ok(ends)
}

/// A Z report that says just this.
struct Printed {
    number: i64,
    copies: u32,
    words: String,
}

/// The newest Z report of a day, where it says the same. What was printed while the day went on is none
/// of the whole day.
fn printed(tx: &Tx<'_>, report: &DayReport) -> Result<Option<Printed>, Cause> {
    let newest = tx.one(
        "SELECT number, copies, words, sha256 FROM z_report WHERE date = $1 AND store = $2 \
         ORDER BY number DESC LIMIT 1",
        &[
            (&report.date.to_string()).into(),
            report.store.as_deref().unwrap_or_default().into(),
        ],
        |row| {
            let printed = Printed {
                number: row.int(0)?,
                copies: row.count(1)?,
                words: row.text(2)?,
            };
            Ok((printed, row.text(3)?))
        },
    )?;
    let Some((printed, sha256)) = newest else {
        return Ok(None);
    };
    let before: DayReport = serde_json::from_str(&printed.words)?;
    let is_same = sha256 == report.sha256() && before.is_over() == report.is_over();
    Ok(is_same.then_some(printed))
}

/// Every Z report says what its entry was written for.
pub(crate) fn check_z_reports(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    tx.each(
        "SELECT z.number, z.sha256, z.words, e.body FROM z_report z \
         LEFT JOIN entry e ON e.id = z.entry ORDER BY z.number",
        &[],
        |row| {
            let (number, kept) = (row.int(0)?, row.text(1)?);
            let report: Option<DayReport> = serde_json::from_str(&row.text(2)?).ok();
            let body: Option<Body> = row
                .maybe_text(3)?
                .and_then(|body| serde_json::from_str(&body).ok());
            let is_entered = body.is_some_and(|body| {
                if let Fact::DayClosed {
                    number: entered,
                    report_sha256,
                    totals,
                    ..
                } = body.fact
                {
                    entered == number.unsigned_abs()
                        && report_sha256 == kept
                        && report.as_ref().is_some_and(|one| one.counts == *totals)
                } else {
                    false
                }
            });
            if !is_entered || report.is_none_or(|report| report.sha256() != kept) {
                health.faults.push(format!(
                    "the reports: Z {number} says otherwise than the entry by which it was printed"
                ));
            }
            Ok(())
        },
    )
}

/// A store whose day is counted.
struct StoreDay {
    store: String,
    zone: TimeZone,
    from_ms: i64,
    to_ms: i64,
}

/// The nodes of which a report is.
struct Nodes {
    /// By their numbers: those that are wanted.
    wanted: BTreeMap<i64, StoreDay>,
    /// The numbers of all nodes of stores, by their names.
    names: BTreeMap<String, i64>,
    /// Nodes of wanted stores: when each was last heard of, and entries that are not here.
    heard: Vec<(String, Option<i64>, i64)>,
}

impl Nodes {
    fn load(
        tx: &Tx<'_>,
        head: &Head,
        date: Date,
        store: Option<&str>,
    ) -> Result<Result<Nodes, Refusal>, Cause> {
        let mut nodes = Nodes {
            wanted: BTreeMap::new(),
            names: BTreeMap::new(),
            heard: Vec::new(),
        };
        let own_zone = zone_of(head)?;
        let is_wanted = |name: &str| store.is_none_or(|only| only == name);
        if is_wanted(&head.store) {
            nodes.want(OWN_NODE, &head.store, own_zone.clone(), date)?;
        }
        let others = tx.all(
            "SELECT s.node, n.name, n.store, s.label, s.timezone, s.last_contact_ms, s.unsent \
             FROM store s JOIN node n ON n.id = s.node ORDER BY n.store, s.label",
            &[],
            |row| {
                Ok((
                    (row.int(0)?, row.text(1)?),
                    (row.maybe_text(2)?.unwrap_or_default(), row.text(3)?),
                    (row.text(4)?, row.maybe_int(5)?, row.int(6)?),
                ))
            },
        )?;
        for ((node, name), (store, label), (zone, heard_ms, unsent)) in others {
            nodes.names.insert(name, node);
            if !is_wanted(&store) {
                continue;
            }
            let zone = TimeZone::get(&zone).unwrap_or_else(|_| own_zone.clone());
            nodes.want(node, &store, zone, date)?;
            let called = if label == crate::domain::store::FIRST_LABEL {
                store
            } else {
                format!("{store} / {label}")
            };
            nodes.heard.push((called, heard_ms, unsent));
        }
        if nodes.wanted.is_empty() {
            return Ok(Err(Refusal::NoSuchStore(
                store.unwrap_or_default().to_owned(),
            )));
        }
        Ok(Ok(nodes))
    }

    fn want(&mut self, node: i64, store: &str, zone: TimeZone, date: Date) -> Result<(), Cause> {
        let (from, to) = bounds(date, &zone)
            .ok_or_else(|| Cause::Damaged(format!("the day {date} is out of range")))?;
        let day = StoreDay {
            store: store.to_owned(),
            zone,
            from_ms: from.as_millisecond(),
            to_ms: to.as_millisecond(),
        };
        self.wanted.insert(node, day);
        Ok(())
    }

    /// The store's node and the counter at which something happened: what this hub did for a store
    /// happened at that store's counter.
    fn place<'b>(&self, node: i64, counter: &'b str) -> (i64, &'b str) {
        if node == OWN_NODE
            && let Some((asking, at)) = counter.split_once('/')
            && let Some(asking) = self.names.get(asking)
        {
            return (*asking, at);
        }
        (node, counter)
    }

    /// From the earliest start of the day to its latest end.
    fn span(&self) -> (i64, i64) {
        let days = || self.wanted.values();
        (
            days().map(|day| day.from_ms).min().unwrap_or_default(),
            days().map(|day| day.to_ms).max().unwrap_or_default(),
        )
    }

    /// The store of a node, where that instant is in its day.
    fn at(&self, node: i64, at_ms: i64) -> Option<&StoreDay> {
        let day = self.wanted.get(&node)?;
        (day.from_ms..day.to_ms).contains(&at_ms).then_some(day)
    }
}

fn counted(
    tx: &Tx<'_>,
    head: &Head,
    date: Date,
    store: Option<&str>,
    now: Timestamp,
) -> Result<Result<DayReport, Refusal>, Cause> {
    let nodes = match Nodes::load(tx, head, date, store)? {
        Ok(nodes) => nodes,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // The day that heads the report: of one store its own, of several the hub's.
    let lead = nodes
        .wanted
        .get(&OWN_NODE)
        .or_else(|| nodes.wanted.values().next());
    let Some(lead) = lead else {
        return Ok(Err(Refusal::NotAHub));
    };
    if now.as_millisecond() < nodes.span().0 {
        return Ok(Err(Refusal::Faulty(format!(
            "the day {date} has not begun at {}",
            lead.store
        ))));
    }
    let is_of_all = store.is_none() && !nodes.names.is_empty();
    let mut tally = DayTally::default();
    count_entries(tx, &nodes, is_of_all, &mut tally)?;
    count_attempts(tx, &nodes, is_of_all, date, &mut tally)?;
    let about = AboutDay {
        date,
        store: (!is_of_all).then(|| lead.store.clone()),
        timezone: lead.zone.iana_name().unwrap_or(&head.timezone).to_owned(),
        from: instant(lead.from_ms),
        to: instant(lead.to_ms),
        as_of: instant(now.as_millisecond()),
        unknown: unknown(tx, &nodes, &lead.zone, now)?,
        head: ChainHead::of(&head.entry_id(head.seq), &head.hash),
    };
    Ok(Ok(tally.report(about)))
}

fn count_entries(
    tx: &Tx<'_>,
    nodes: &Nodes,
    is_of_all: bool,
    tally: &mut DayTally,
) -> Result<(), Cause> {
    let (from_ms, to_ms) = nodes.span();
    tx.each(
        "SELECT e.node, e.at_ms, e.body FROM entry e \
         LEFT JOIN outcome o ON o.entry = e.id AND o.word = 'same' \
         WHERE e.at_ms >= $1 AND e.at_ms < $2 AND e.kind IN \
         ('redeemed', 'reversed', 'assigned', 'voided', 'slip_ordered', 'witnessed') \
         AND o.entry IS NULL ORDER BY e.id",
        &[from_ms.into(), to_ms.into()],
        |row| {
            let node = row.int(0)?;
            let body: Body = serde_json::from_str(&row.text(2)?)?;
            let (placed, counter) = nodes.place(node, &body.counter);
            if let Some(day) = nodes.at(placed, row.int(1)?) {
                let place = DayPlace {
                    store: is_of_all.then_some(day.store.as_str()),
                    campaign: body.campaign.as_ref().map(CampaignId::as_str),
                    counter,
                    operator: body.operator.as_deref(),
                };
                tally.entry(place, &body, node == OWN_NODE);
            }
            Ok(())
        },
    )
}

/// What was tried and changed nothing. A store tells of its own attempts what the hub answered it.
fn count_attempts(
    tx: &Tx<'_>,
    nodes: &Nodes,
    is_of_all: bool,
    date: Date,
    tally: &mut DayTally,
) -> Result<(), Cause> {
    let mut count = |found: &Attempted| {
        let (placed, counter) = nodes.place(found.node, &found.counter);
        if placed != found.node {
            return;
        }
        if let Some(day) = nodes.wanted.get(&placed) {
            let place = DayPlace {
                store: is_of_all.then_some(day.store.as_str()),
                campaign: found.campaign.as_deref(),
                counter,
                operator: found.operator.as_deref(),
            };
            tally.attempts(place, &found.kind, &found.answer, found.amount);
        }
    };
    // Every store's day of this date has the same number.
    let day = day_number(
        bounds(date, &TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |(from, _)| from),
        &TimeZone::UTC,
    );
    tx.each(
        "SELECT d.node, m.name, d.kind, d.answer, d.counter, d.operator, sum(d.amount) \
         FROM attempt_day d LEFT JOIN campaign m ON m.id = d.campaign WHERE d.day = $1 \
         GROUP BY d.node, m.name, d.kind, d.answer, d.counter, d.operator",
        &[day.into()],
        |row| {
            count(&Attempted {
                node: row.int(0)?,
                campaign: row.maybe_text(1)?,
                kind: row.text(2)?,
                answer: row.text(3)?,
                counter: row.text(4)?,
                operator: Some(row.text(5)?).filter(|name| !name.is_empty()),
                amount: row.int(6)?.max(0).unsigned_abs(),
            });
            Ok(())
        },
    )?;
    let Some((through, _)) = uncounted(tx)? else {
        return Ok(());
    };
    let (from_ms, to_ms) = nodes.span();
    tx.each(
        "SELECT a.node, m.name, a.kind, a.answer, a.counter, a.operator, a.at_ms FROM attempt a \
         LEFT JOIN campaign m ON m.id = a.campaign \
         WHERE a.id <= $1 AND a.at_ms >= $2 AND a.at_ms < $3",
        &[through.into(), from_ms.into(), to_ms.into()],
        |row| {
            let found = Attempted {
                node: row.int(0)?,
                campaign: row.maybe_text(1)?,
                kind: row.text(2)?,
                answer: row.text(3)?,
                counter: row.text(4)?,
                operator: row.maybe_text(5)?,
                amount: 1,
            };
            if nodes.at(found.node, row.int(6)?).is_some() {
                count(&found);
            }
            Ok(())
        },
    )
}

/// So many attempts of one kind.
struct Attempted {
    node: i64,
    campaign: Option<String>,
    kind: String,
    answer: String,
    counter: String,
    operator: Option<String>,
    amount: u64,
}

/// The newest attempt that came before attempts were counted by the day, and its time.
fn uncounted(tx: &Tx<'_>) -> Result<Option<(i64, i64)>, Cause> {
    tx.one(
        "SELECT through, newest_at_ms FROM attempt_uncounted WHERE id = 1",
        &[],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )
}

/// What the report cannot know, each in a sentence.
fn unknown(
    tx: &Tx<'_>,
    nodes: &Nodes,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Vec<String>, Cause> {
    let (from_ms, to_ms) = nodes.span();
    let mut unknown = Vec::new();
    if let Some((_, newest_at_ms)) = uncounted(tx)?
        && from_ms <= newest_at_ms
        && from_ms < now.as_millisecond() - KEPT_MS
    {
        unknown.push(
            "refusals of this day are not known any more: they were kept 30 days, and this ledger \
             counts them by the day only since later"
                .to_owned(),
        );
    }
    let lost = tx.all(
        "SELECT body FROM entry WHERE at_ms >= $1 AND kind = 'incarnation_began' AND node = 1 \
         ORDER BY id",
        &[from_ms.into()],
        |row| row.text(0),
    )?;
    for stored in lost {
        let body: Body = serde_json::from_str(&stored)?;
        if let Fact::IncarnationBegan { missing, .. } = body.fact
            && missing > 0
        {
            unknown.push(format!(
                "{missing} entries before {} are missing: this ledger was restored then",
                in_words(instant(body.at_ms), zone)
            ));
        }
    }
    let parked = tx.all(
        "SELECT e.node, count(*) FROM entry e WHERE e.at_ms >= $1 AND e.at_ms < $2 \
         AND e.kind = $3 GROUP BY e.node ORDER BY e.node",
        &[from_ms.into(), to_ms.into(), PARKED.into()],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    for (node, count) in parked {
        if let Some(day) = nodes.wanted.get(&node) {
            unknown.push(format!(
                "{count} entries of {} cannot be read by this version",
                day.store
            ));
        }
    }
    // What happened until now, or until the day's end, is here once a store has told of it.
    let known_until_ms = to_ms.min((now - HEARD_LATE).as_millisecond());
    for (store, heard_ms, unsent) in &nodes.heard {
        let is_late = heard_ms.is_none_or(|heard_ms| heard_ms < known_until_ms);
        match (heard_ms, is_late) {
            (None, _) => unknown.push(format!("{store} was never heard of")),
            (Some(heard_ms), true) => unknown.push(format!(
                "{store} was last heard of {}",
                in_words(instant(*heard_ms), zone)
            )),
            (Some(_), false) if *unsent > 0 => {
                unknown.push(format!(
                    "{store} had {unsent} entries to send when it was last heard of"
                ));
            }
            (Some(_), false) => {}
        }
    }
    Ok(unknown)
}

/// A store that was heard of so lately is up to date.
const HEARD_LATE: SignedDuration = SignedDuration::from_mins(5);
