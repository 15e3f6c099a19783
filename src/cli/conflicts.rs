//! `conflicts list|show|settle`.

use std::io::Write;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::args::ConflictsCommand;
use crate::cli::context::{Context, moment};
use crate::cli::failure::Failure;
use crate::domain::code::grouped;
use crate::domain::conflict::{Conflict, ConflictKind, ConflictStory, Decision};
use crate::domain::entry::instant;
use crate::domain::escape::for_display;

pub(super) fn run(
    context: &mut Context,
    command: &ConflictsCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let conflicts = match command {
        ConflictsCommand::List { all } => ledger.conflicts(!all)?,
        ConflictsCommand::Show { number } => vec![ledger.conflict(*number)??],
        ConflictsCommand::Settle {
            number,
            decision,
            reason,
        } => {
            context.need_manager(&mut ledger)?;
            vec![ledger.settle_conflict(*number, *decision, reason, &context.act()?)??]
        }
    };
    let zone = ledger.place()?.zone;
    for conflict in &conflicts {
        if context.is_json {
            writeln!(out, "{}", object(conflict))?;
        } else {
            write_words(conflict, &zone, out)?;
        }
    }
    if conflicts.is_empty() && !context.is_json {
        writeln!(out, "no conflict waits to be settled")?;
    }
    Ok(0)
}

fn object(conflict: &Conflict) -> Value {
    let stories: Vec<Value> = conflict.stories.iter().map(story_object).collect();
    let settled = conflict.settled.as_ref();
    json!({
        "number": conflict.number,
        "conflict": conflict.kind.as_str(),
        "code": conflict.code,
        "campaign": conflict.campaign,
        "entry": conflict.entry,
        "raised_at": conflict.raised_at,
        "is_open": settled.is_none(),
        "decision": settled.and_then(|settled| settled.decision).map(Decision::as_str),
        "reason": settled.map(|settled| &settled.reason),
        "settled_by": settled.and_then(|settled| settled.by.as_ref()),
        "settled_at": settled.map(|settled| settled.at),
        "stories": stories,
    })
}

fn story_object(story: &ConflictStory) -> Value {
    json!({
        "entry": story.entry,
        "kind": story.kind,
        "at": instant(story.at_ms),
        "store": story.store,
        "counter": story.counter,
        "operator": story.operator,
        "certainty": story.certainty,
        "code": story.code,
        "customer_id": story.customer,
    })
}

fn write_words(conflict: &Conflict, zone: &TimeZone, out: &mut dyn Write) -> Result<(), Failure> {
    let code = conflict.code.as_deref().map(grouped).unwrap_or_default();
    let campaign = conflict.campaign.as_deref().unwrap_or_default();
    let line = format!(
        "{}  {}  {code}  {campaign}",
        conflict.number,
        what(conflict.kind)
    );
    writeln!(out, "{}", for_display(line.trim_end()))?;
    for story in &conflict.stories {
        let is_excess = story.entry == conflict.entry;
        writeln!(
            out,
            "    {}",
            for_display(&story_words(story, is_excess, zone))
        )?;
    }
    let end = match &conflict.settled {
        None => format!(
            "open since {}: counterfoil conflicts settle {} --decision D --reason R",
            moment(conflict.raised_at, zone),
            conflict.number
        ),
        Some(settled) => {
            let how = settled.decision.map_or("closed", Decision::as_str);
            let by = settled
                .by
                .as_ref()
                .map(|by| format!(" by {by}"))
                .unwrap_or_default();
            format!(
                "{how}{by} at {}: {}",
                moment(settled.at, zone),
                settled.reason
            )
        }
    };
    writeln!(out, "    {}", for_display(&end))?;
    Ok(())
}

/// What cannot be right, in a few words.
fn what(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::DoubleRedeemed => "used once too often",
        ConflictKind::DoubleAssigned => "given to two people",
        ConflictKind::RedeemedAfterVoid => "used after it was void",
        ConflictKind::RedeemedOutsideWindow => "used outside its validity",
        ConflictKind::NotFound => "a code that nobody knows",
        ConflictKind::SecondCode => "a second code for one person",
        ConflictKind::LeaseBreach => "spent by a store that did not hold it",
        ConflictKind::SameKeyOtherContent => "one key, two acts",
    }
}

/// Who did what, where, when, and how certain they could be.
fn story_words(story: &ConflictStory, is_excess: bool, zone: &TimeZone) -> String {
    let mut words = format!(
        "{}  {:<8}  {}, {}",
        moment(instant(story.at_ms), zone),
        story.kind,
        story.store,
        story.counter
    );
    let more = [
        story.operator.as_ref().map(|name| format!(", {name}")),
        story
            .certainty
            .as_ref()
            .map(|certainty| format!("  {certainty}")),
        story
            .customer
            .as_ref()
            .map(|customer| format!("  customer {customer}")),
        story
            .code
            .as_deref()
            .map(|code| format!("  code {}", grouped(code))),
        Some(format!("  {}", story.entry)),
        is_excess.then(|| "  <- in question".to_owned()),
    ];
    words.extend(more.into_iter().flatten());
    words
}
