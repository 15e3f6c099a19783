//! `hub store add|list|rotate|revoke|reinstate|write-off|stolen`: who is let in at a hub.

use std::io::Write;
use std::path::Path;

use jiff::tz::TimeZone;

use crate::cli::args::{StoreCommand, StoreName};
use crate::cli::context::{Context, moment, now, open_given, warn};
use crate::cli::failure::Failure;
use crate::desk::random;
use crate::domain::entry::{hex, instant};
use crate::domain::hub_status::CLOCK_OFF_MS;
use crate::domain::store::{FIRST_LABEL, StoreNode};
use crate::domain::wire::Standing;
use crate::ledger::Ledger;

/// What every enrolment token begins with.
const ENROLMENT_PREFIX: &str = "cfe_";

pub(super) fn run(
    context: &mut Context,
    command: StoreCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    match command {
        StoreCommand::List => return list(context, &mut ledger, out),
        StoreCommand::Add(name) => {
            context.need_manager(&mut ledger)?;
            let token = format!("{ENROLMENT_PREFIX}{}", hex(&random::<32>()?));
            let label = label(&name);
            let store = ledger.add_store(&name.store, label, &token, &context.act()?)??;
            added(context, &store, &token, out)?;
        }
        StoreCommand::Rotate(name) => {
            context.need_manager(&mut ledger)?;
            let token = format!("{ENROLMENT_PREFIX}{}", hex(&random::<32>()?));
            let label = label(&name);
            let store = ledger.rotate_store(&name.store, label, &token, &context.act()?)??;
            added(context, &store, &token, out)?;
        }
        StoreCommand::Revoke(name) => {
            set(context, &mut ledger, &name, Standing::Revoked, out)?;
        }
        StoreCommand::Reinstate(name) => {
            set(context, &mut ledger, &name, Standing::Active, out)?;
        }
        StoreCommand::WriteOff(name) => {
            set(context, &mut ledger, &name, Standing::WrittenOff, out)?;
        }
        StoreCommand::Stolen(name) => {
            set(context, &mut ledger, &name, Standing::Stolen, out)?;
        }
    }
    Ok(0)
}

/// Takes in a store's ledger from its file.
pub(super) fn adopt(
    context: &mut Context,
    file: &Path,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    drop(open_given(file)?);
    let mut ledger = context.open()?;
    context.need_manager(&mut ledger)?;
    let adopted = ledger.adopt(file, &context.act()?)??;
    if context.is_json {
        let value = serde_json::json!({
            "store": adopted.store, "entries": adopted.entries, "conflicts": adopted.conflicts,
        });
        writeln!(out, "{value}")?;
    } else {
        writeln!(
            out,
            "{}: {} entries taken in, {} in conflict",
            adopted.store, adopted.entries, adopted.conflicts
        )?;
    }
    Ok(0)
}

/// What no store can tell a hub that was restored.
pub(super) const GONE_WITH_HUB: &str = "what was done here since that state and no store knows is gone. Look \
    through it and do it again: campaigns that were paused or resumed, conflicts that were settled, \
    redemptions undone here, stores that were let in, revoked or written off, tokens, operators";

/// Begins a new life of a hub that was put back to an older state.
pub(super) fn restored(
    context: &mut Context,
    missing: Option<u32>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    context.need_manager(&mut ledger)?;
    let rebirth = ledger.begin_hub_life(missing, &context.act()?)??;
    if context.is_json {
        let value = serde_json::json!({
            "restored": rebirth.why, "missing": rebirth.missing, "suspects": rebirth.suspects,
            "needs_approval": rebirth.needs_approval,
        });
        writeln!(out, "{value}")?;
    } else {
        writeln!(
            out,
            "a new life of this hub has begun: {} codes are suspect and never given out; what is \
             honoured here needs a manager until `counterfoil restore --settle`, best once every \
             store has been in touch\n{GONE_WITH_HUB}",
            rebirth.suspects
        )?;
    }
    Ok(0)
}

fn label(name: &StoreName) -> &str {
    name.node.as_deref().unwrap_or(FIRST_LABEL)
}

fn added(
    context: &Context,
    store: &StoreNode,
    token: &str,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.is_json {
        let mut value = json(store, 0);
        if let Some(object) = value.as_object_mut() {
            object.insert("token".to_owned(), token.into());
        }
        writeln!(out, "{value}")?;
    } else {
        writeln!(
            out,
            "{} is let in once, by this token, shown this once: {token}\n\
             there: counterfoil join URL --token-file F",
            store.called()
        )?;
    }
    Ok(())
}

fn set(
    context: &mut Context,
    ledger: &mut Ledger,
    name: &StoreName,
    standing: Standing,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    context.need_manager(ledger)?;
    let before = suspects(ledger)?;
    let store = ledger.set_standing(&name.store, label(name), standing, &context.act()?)??;
    let suspects = suspects(ledger)?.saturating_sub(before);
    if context.is_json {
        let mut value = json(&store, 0);
        if let Some(object) = value.as_object_mut() {
            object.insert("suspects".to_owned(), suspects.into());
        }
        writeln!(out, "{value}")?;
        return Ok(());
    }
    let more = if suspects > 0 {
        format!("; {suspects} codes that it held are suspect: never issued again")
    } else {
        String::new()
    };
    writeln!(out, "{} is {}{more}", store.called(), words(&store))?;
    Ok(())
}

fn suspects(ledger: &mut Ledger) -> Result<u64, Failure> {
    let pools = ledger.pools(None, now())??;
    Ok(pools.iter().map(|pool| pool.suspect).sum())
}

fn list(context: &Context, ledger: &mut Ledger, out: &mut dyn Write) -> Result<u8, Failure> {
    let stores = ledger.stores()?;
    let newest = ledger.feed_position()?;
    if let Some(store) = ledger.behind_of()? {
        warn(&behind_words(&store));
    }
    let zone = ledger.place()?.zone;
    if stores.is_empty() && !context.is_json {
        writeln!(out, "no store is let in: `counterfoil hub store add NAME`")?;
    }
    for store in &stores {
        if context.is_json {
            writeln!(out, "{}", json(store, newest))?;
        } else {
            writeln!(out, "{}", line(store, newest, &zone))?;
        }
    }
    Ok(0)
}

/// What is said of a hub of which a store knows more than there is in it.
pub(super) fn behind_words(store: &str) -> String {
    format!(
        "{store} knows more of this hub than there is in it: it was put back to an older state. It gives \
         nothing out, and honours only what a manager approves; begin a new life of it with \
         `counterfoil hub restored`"
    )
}

fn json(store: &StoreNode, newest: i64) -> serde_json::Value {
    serde_json::json!({
        "store": store.store,
        "node": store.label,
        "ledger": store.node,
        "standing": store.standing.as_str(),
        "last_contact": store.last_contact_ms.map(instant),
        "unsent": store.unsent,
        "behind": (newest - store.feed_position).max(0),
        "ahead": store.feed_position > newest && newest > 0,
        "clock_offset_ms": store.clock_offset_ms,
    })
}

fn words(store: &StoreNode) -> String {
    store.standing.as_str().replace('_', " ")
}

fn line(store: &StoreNode, newest: i64, zone: &TimeZone) -> String {
    let mut parts = vec![format!("{:<24} {:<12}", store.called(), words(store))];
    match store.last_contact_ms {
        Some(at_ms) => parts.push(format!("last contact {}", moment(instant(at_ms), zone))),
        None => parts.push("never called".into()),
    }
    if store.unsent > 0 {
        parts.push(format!("{} to send", store.unsent));
    }
    if store.feed_position > newest {
        parts.push("has heard more than this hub has told: was the hub restored?".into());
    } else if newest > store.feed_position {
        parts.push(format!("{} behind", newest - store.feed_position));
    }
    if store.clock_offset_ms.abs() > CLOCK_OFF_MS {
        parts.push(format!("clock off by {} s", store.clock_offset_ms / 1000));
    }
    parts.join(", ")
}
