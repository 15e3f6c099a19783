//! `customer export` in words: everything known about a person, line by line, for the person to read.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::context::moment;
use crate::domain::code::grouped;
use crate::domain::dossier::{Dossier, DossierCode, DossierEntry, DossierSlip};
use crate::domain::entry::{Side, instant};
use crate::domain::log::LogLine;
use crate::domain::notes::Notes;

/// The lines; a heading stands before each part that there is something in.
pub(super) fn in_words(dossier: &Dossier, zone: &TimeZone) -> Vec<String> {
    let mut lines = person(dossier, zone);
    let mut part = |heading: &str, found: Vec<String>| {
        if !found.is_empty() {
            lines.push(heading.to_owned());
            lines.extend(found.into_iter().map(|line| format!("  {line}")));
        }
    };
    let contacts = dossier.contacts.iter();
    part(
        "known by",
        contacts
            .map(|contact| format!("{} {}", contact.kind, contact.contact))
            .collect(),
    );
    part("codes", all(&dossier.codes, |code| of_code(code, zone)));
    part("slips", all(&dossier.slips, |slip| of_slip(slip, zone)));
    part(
        "codes used on a day",
        all(&dossier.days, |day| {
            format!("{}  {}  {} times", day.day, day.campaign, day.redemptions)
        }),
    );
    part(
        "what happened",
        all(&dossier.entries, |entry| of_entry(entry, zone)),
    );
    part(
        "what was asked, and changed nothing",
        all(&dossier.attempts, |line| of_attempt(line, zone)),
    );
    part("what stores disagree on", conflicts(dossier, zone));
    part(
        "asked of the hub, and not answered",
        all(&dossier.questions, |asked| {
            let at = moment(asked.at, zone);
            format!("{at}  {}  {}", asked.counter, asked.question)
        }),
    );
    lines
}

fn all<T>(rows: &[T], words: impl Fn(&T) -> String) -> Vec<String> {
    rows.iter().map(words).collect()
}

fn person(dossier: &Dossier, zone: &TimeZone) -> Vec<String> {
    let name = dossier.name.as_deref().unwrap_or("no name");
    let mut lines = vec![format!("{}  {name}", dossier.customer_id)];
    let mut say = |words: String| lines.push(format!("  {words}"));
    if !dossier.former_ids.is_empty() {
        say(format!("also {}", dossier.former_ids.join(", ")));
    }
    if let Some(at) = dossier.consented_at {
        say(format!("agreed to be written to on {}", moment(at, zone)));
    }
    if let Some(at) = dossier.erased_at {
        say(format!("erased on {}", moment(at, zone)));
    }
    if !dossier.recognised_by.is_empty() {
        let campaigns = dossier.recognised_by.join(", ");
        say(format!(
            "recognised, by keyed hashes of contacts, in {campaigns}"
        ));
    }
    if !dossier.tests.is_empty() {
        say(format!("a test customer of {}", dossier.tests.join(", ")));
    }
    for alike in &dossier.alike {
        say(format!(
            "taken for the same person as {} in {}",
            alike.customer_id, alike.campaign
        ));
    }
    lines
}

/// What there is of it, with blanks between.
fn joined(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("  ")
}

fn named(name: &str, value: Option<&String>) -> Option<String> {
    value.map(|value| format!("{name}: {value}"))
}

fn of_code(code: &DossierCode, zone: &TimeZone) -> String {
    let elsewhere = code.elsewhere.as_ref().map(|used| {
        format!(
            "used on {} at {}, {}",
            moment(used.at, zone),
            used.store,
            used.counter
        )
    });
    joined([
        Some(grouped(&code.code)),
        Some(code.campaign.clone()),
        Some(code.offer.clone()),
        Some(format!("{}, {} uses made", code.state, code.uses_made)),
        code.expires_at
            .map(|at| format!("until {}", moment(at, zone))),
        named("because", code.ended.as_ref()),
        elsewhere,
    ])
}

fn of_slip(slip: &DossierSlip, zone: &TimeZone) -> String {
    joined([
        Some(moment(slip.at, zone)),
        Some(grouped(&slip.code)),
        Some(format!("copy {}, {}", slip.copy, slip.state)),
        slip.why.clone(),
        Some(slip.counter.clone()),
        slip.words.as_ref().map(|words| format!("says {words}")),
    ])
}

fn of_entry(entry: &DossierEntry, zone: &TimeZone) -> String {
    let Side {
        reason,
        raw,
        receipt,
        customer_said,
        trigger,
        notes,
    } = &entry.said;
    joined([
        Some(moment(entry.at, zone)),
        Some(entry.kind.replace('_', " ")),
        entry.code.as_deref().map(grouped),
        entry.campaign.clone(),
        Some(entry.store.clone()),
        entry.counter.clone(),
        entry.operator.clone(),
        named("key", entry.key.as_ref()),
        named("reason", reason.as_ref()),
        named("receipt", receipt.as_ref()),
        named("scanned", raw.as_ref()),
        named("said to be", customer_said.as_ref()),
        named("set off by", trigger.as_ref()),
        noted(notes),
        Some(entry.id.clone()),
    ])
}

fn of_attempt(line: &LogLine, zone: &TimeZone) -> String {
    joined([
        Some(moment(line.at, zone)),
        Some(format!("{}: {}", line.kind, line.answer.replace('_', " "))),
        line.code.as_deref().map(grouped),
        line.campaign.clone(),
        Some(line.store.clone()),
        Some(line.counter.clone()),
        line.operator.clone(),
        named("key", line.key.as_ref()),
        named("reason", line.reason.as_ref()),
        named("scanned", line.raw.as_ref()),
        named("set off by", line.trigger.as_ref()),
        noted(&line.notes),
    ])
}

fn noted(notes: &Notes) -> Option<String> {
    if notes.is_empty() {
        return None;
    }
    let notes = serde_json::to_string(notes).ok()?;
    Some(format!("noted: {notes}"))
}

fn conflicts(dossier: &Dossier, zone: &TimeZone) -> Vec<String> {
    let shown = |at: Timestamp| moment(at, zone);
    let mut lines = Vec::new();
    for conflict in &dossier.conflicts {
        lines.push(joined([
            Some(shown(conflict.raised_at)),
            Some(conflict.kind.replace('_', " ")),
            conflict
                .decision
                .map(|decision| format!("settled: {decision}")),
            named("reason", conflict.reason.as_ref()),
            named("by", conflict.settled_by.as_ref()),
        ]));
        for story in &conflict.stories {
            lines.push(joined([
                Some(format!("  {}", shown(instant(story.at_ms)))),
                Some(story.kind.replace('_', " ")),
                story.code.as_deref().map(grouped),
                Some(format!("{}, {}", story.store, story.counter)),
                story.operator.clone(),
            ]));
        }
    }
    lines
}
