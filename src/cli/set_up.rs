//! `init`: a ledger without questions.

use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::cli::args::InitArgs;
use crate::cli::config::{self, DEFAULT_FILE, FILE_NAME};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::desk::{MODE_PRIVATE, MODE_SHARED, set_up, set_up_in};
use crate::ledger::{Database, Ledger};

pub(super) fn init(
    context: &mut Context,
    args: &InitArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    if let Some(database) = &context.database {
        return init_in(context, database, args, out);
    }
    let mode = match &args.group {
        Some(group) => {
            share_folder(&context.data, group)?;
            MODE_SHARED
        }
        None => MODE_PRIVATE,
    };
    let mut ledger = set_up(
        &context.data,
        &args.store,
        &args.timezone,
        mode,
        &context.act()?,
    )??;
    write_default_config(context)?;
    if let Some(region) = args.phone_region {
        let value = toml::Value::from(region.to_string());
        config::change(&context.data, &[("store", "phone_region", value)])?;
    }
    let shown = context.data.display().to_string();
    tell(context, &mut ledger, args, ("data", &shown), out)
}

/// The same in a database: it has no files, and its configuration is that of the folder, if any.
fn init_in(
    context: &Context,
    database: &Database,
    args: &InitArgs,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    if args.group.is_some() {
        return Err(Failure::usage(
            "--group is about the files of a ledger, and this one is in a database",
            "leave --group out: the database says who may use it",
        ));
    }
    let act = context.act()?;
    let mut ledger = set_up_in(database, &args.store, &args.timezone, &act)??;
    if let Some(region) = args.phone_region {
        std::fs::create_dir_all(&context.data)?;
        let value = toml::Value::from(region.to_string());
        config::change(&context.data, &[("store", "phone_region", value)])?;
    }
    let shown = database.shown();
    tell(context, &mut ledger, args, ("database", &shown), out)
}

fn tell(
    context: &Context,
    ledger: &mut Ledger,
    args: &InitArgs,
    (kind, shown): (&str, &str),
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let place = ledger.place()?;
    if context.is_json {
        let value = serde_json::json!({
            "store": place.store, "timezone": args.timezone, "node": place.node, kind: shown,
        });
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{} is set up in {shown}", place.store)?;
        writeln!(out, "next: counterfoil campaign create ID --offer TEXT")?;
    }
    Ok(0)
}

/// The configuration file with its reasons, where there is none.
pub(super) fn write_default_config(context: &Context) -> Result<(), Failure> {
    let config = context.data.join(FILE_NAME);
    if !config.exists() {
        std::fs::write(config, DEFAULT_FILE)?;
    }
    Ok(())
}

/// A folder whose files belong to the group (set-group-id, inode(7)), and to nobody else.
fn share_folder(folder: &Path, group: &str) -> Result<(), Failure> {
    let gid = std::fs::read_to_string("/etc/group")?
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&group))
        .and_then(|fields| fields.get(2)?.parse::<u32>().ok())
        .ok_or_else(|| {
            Failure::usage(
                format!("there is no group {group:?} on this computer"),
                "make it with `groupadd`, or leave --group out",
            )
        })?;
    std::fs::create_dir_all(folder)?;
    std::os::unix::fs::chown(folder, None, Some(gid))?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o2770))?;
    Ok(())
}
