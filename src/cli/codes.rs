//! `codes import|generate|export|show|void`.

use std::io::Write;

use crate::cli::args::CodesCommand;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::domain::code::grouped;
use crate::domain::log::Life;

pub(super) fn run(
    context: &mut Context,
    command: CodesCommand,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut ledger = context.open()?;
    let life = match command {
        CodesCommand::Show { code } => ledger.life(code.as_bytes())??,
        CodesCommand::Void { code, reason } => {
            context.need_manager(&mut ledger)?;
            ledger.void_code(code.as_bytes(), &reason, &context.act()?)??
        }
        CodesCommand::Import { .. }
        | CodesCommand::Generate { .. }
        | CodesCommand::Export { .. } => return Err(Failure::usage("not yet", "")),
    };
    write_life(context, &life, out)?;
    Ok(0)
}

fn write_life(context: &Context, life: &Life, out: &mut dyn Write) -> Result<(), Failure> {
    if context.is_json {
        writeln!(out, "{}", serde_json::to_string(life)?)?;
        return Ok(());
    }
    writeln!(
        out,
        "{}  {}  {}, {} uses made",
        grouped(&life.code),
        life.campaign,
        life.state,
        life.uses_made
    )?;
    for entry in &life.entries {
        writeln!(
            out,
            "  {}  {:<10} {}  {}  {}",
            entry.at,
            entry.kind,
            entry.counter,
            entry.operator.as_deref().unwrap_or_default(),
            entry.detail
        )?;
    }
    Ok(())
}
