//! `backup`, `restore` and `verify`.

use std::io::Write;

use crate::cli::args::{BackupArgs, RestoreArgs, VerifyArgs};
use crate::cli::context::{Context, moment, open_given, rebirth_words, warn};
use crate::cli::failure::Failure;
use crate::cli::store::GONE_WITH_HUB;
use crate::domain::chain_head::ChainHead;
use crate::ledger::Ledger;

pub(super) fn backup(
    context: &mut Context,
    args: &BackupArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    context.need_folder("a backup file")?;
    let mut ledger = context.open()?;
    // A copy of the ledger is everything that there is to export.
    context.need_manager(&mut ledger)?;
    if args.moves {
        ledger.move_to(&args.file, &context.act()?)?;
    } else {
        ledger.backup(&args.file)?;
    }
    let bytes = std::fs::metadata(&args.file)?.len();
    if context.is_json {
        let value = serde_json::json!({"file": args.file, "bytes": bytes, "moved": args.moves});
        writeln!(out, "{value}")?;
    } else if args.moves {
        writeln!(
            out,
            "the ledger is closed here; on the other computer: counterfoil restore {}",
            args.file.display()
        )?;
    } else {
        writeln!(out, "{} written, {bytes} bytes", args.file.display())?;
    }
    Ok(0)
}

pub(super) fn restore(
    context: &mut Context,
    args: &RestoreArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    context.need_folder("a restore")?;
    let Some(file) = &args.file else {
        let mut ledger = context.open()?;
        context.need_manager(&mut ledger)?;
        ledger.settle_restore(&context.act()?)??;
        if context.is_json {
            writeln!(out, "{}", serde_json::json!({"settled": true}))?;
        } else {
            writeln!(
                out,
                "settled: the codes of the backup are honoured as usual again"
            )?;
        }
        return Ok(0);
    };
    open_given(file)?;
    let (mut ledger, rebirth) = Ledger::restore(
        &context.data,
        file,
        i64::from(args.missing),
        &context.act()?,
    )?;
    if context.is_json {
        let value = serde_json::json!({
            "restored": file, "why": rebirth.why, "missing": rebirth.missing,
            "suspects": rebirth.suspects, "needs_approval": rebirth.needs_approval,
        });
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}", rebirth_words(&rebirth))?;
        if rebirth.needs_approval && ledger.is_hub()? {
            writeln!(out, "{GONE_WITH_HUB}")?;
        }
    }
    Ok(0)
}

pub(super) fn verify(
    context: &Context,
    args: &VerifyArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open_reading()?;
    if let Some(head) = &args.head {
        return verify_head(context, &mut ledger, head, out);
    }
    let draws = context.draws_bars();
    let health = ledger.verify(&mut |step| {
        if draws {
            warn(&format!("checking {} ...", step.words()));
        }
    })?;
    let is_well = health.faults.is_empty();
    if context.is_json {
        let value = serde_json::json!({
            "well": is_well, "entries": health.entries, "head": health.head,
            "rebirths": health.rebirths, "faults": health.faults,
        });
        writeln!(out, "{value}")?;
    } else {
        for fault in &health.faults {
            writeln!(out, "WRONG  {fault}")?;
        }
        let state = if is_well {
            "all is well"
        } else {
            "something is wrong: restore a backup, or ask for help"
        };
        writeln!(
            out,
            "{} entries, {} restores; {state}",
            health.entries, health.rebirths
        )?;
        writeln!(out, "head of the chain {}", health.head)?;
    }
    Ok(if is_well { 0 } else { 5 })
}

/// Whether a paper and the file agree.
fn verify_head(
    context: &Context,
    ledger: &mut Ledger,
    head: &ChainHead,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let check = ledger.verify_head(head)?;
    let is_well = check.is_well();
    if context.is_json {
        let value = serde_json::json!({
            "well": is_well, "entry": head.entry, "here": check.is_here, "same": check.is_same,
            "at": check.at, "hash": check.hash, "entries": check.entries, "since": check.since,
            "covers": check.covers,
            "faults": check.faults,
        });
        writeln!(out, "{value}")?;
        return Ok(if is_well { 0 } else { 5 });
    }
    for fault in &check.faults {
        writeln!(out, "WRONG  {fault}")?;
    }
    let words = if !check.is_here {
        format!(
            "WRONG  entry {} is not in this ledger: this is another ledger, or an older state of it",
            head.entry
        )
    } else if !check.is_same {
        format!(
            "WRONG  entry {} is here with another hash: it, or something before it, was changed \
             after the paper was printed, or the paper is not of this ledger",
            head.entry
        )
    } else if is_well {
        let zone = ledger.place()?.zone;
        let at = check.at.map_or_else(String::new, |at| moment(at, &zone));
        format!(
            "entry {} of {at} is in the chain; it and all before it, {} entries, are as they were \
             written; {} were added since",
            head.entry, check.entries, check.since
        )
    } else {
        format!(
            "entry {} is here with the same hash, and what is told above is wrong before it",
            head.entry
        )
    };
    writeln!(out, "{words}")?;
    Ok(if is_well { 0 } else { 5 })
}
