//! Migrations: numbered, never edited; a ledger from a newer program is refused by name.

use crate::ledger::engine::Value;
use crate::ledger::error::Cause;
use crate::ledger::sqlite::Sqlite;

/// Every migration, in order: its name and its statements.
const MIGRATIONS: [(&str, &str); 5] = [
    (
        "0001_ledger",
        include_str!("../../assets/migrations/0001_ledger.sql"),
    ),
    (
        "0002_sign_up",
        include_str!("../../assets/migrations/0002_sign_up.sql"),
    ),
    (
        "0003_hub",
        include_str!("../../assets/migrations/0003_hub.sql"),
    ),
    (
        "0004_sync",
        include_str!("../../assets/migrations/0004_sync.sql"),
    ),
    (
        "0006_token_rotation",
        include_str!("../../assets/migrations/0006_token_rotation.sql"),
    ),
];

const KEPT: &str = "CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at_ms INTEGER NOT NULL
) STRICT";

/// Brings a ledger up to this program, or refuses one that is ahead of it.
pub(crate) fn migrate(engine: &mut Sqlite, now_ms: i64) -> Result<(), Cause> {
    if applied(engine)? == MIGRATIONS.len() {
        return Ok(());
    }
    engine.write(|tx| {
        tx.execute(KEPT, &[])?;
        // Another process may have migrated while this one waited its turn.
        let newest = tx
            .one("SELECT max(number) FROM migration", &[], |row| {
                row.maybe_int(0)
            })?
            .flatten()
            .unwrap_or(0);
        for (place, (name, statements)) in (1_i64..).zip(MIGRATIONS) {
            if place <= newest {
                continue;
            }
            for statement in statements_of(statements) {
                tx.execute(&statement, &[])?;
            }
            tx.execute(
                "INSERT INTO migration (number, name, applied_at_ms) VALUES ($1, $2, $3)",
                &[Value::Int(place), Value::Text(name), Value::Int(now_ms)],
            )?;
        }
        tx.commit()
    })
}

/// How many of our migrations a ledger has; an error where it has more.
pub(crate) fn applied(engine: &mut Sqlite) -> Result<usize, Cause> {
    let newest = engine.read(|tx| {
        let exists = tx
            .one(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'migration'",
                &[],
                |row| row.int(0),
            )?
            .unwrap_or(0);
        if exists == 0 {
            return Ok(None);
        }
        tx.one(
            "SELECT number, name FROM migration ORDER BY number DESC LIMIT 1",
            &[],
            |row| Ok((row.int(0)?, row.text(1)?)),
        )
    })?;
    let Some((number, name)) = newest else {
        return Ok(0);
    };
    usize::try_from(number)
        .ok()
        .filter(|count| *count <= MIGRATIONS.len())
        .ok_or_else(|| Cause::Newer {
            found: name,
            known: MIGRATIONS
                .last()
                .map_or_else(String::new, |(name, _)| (*name).to_owned()),
        })
}

/// The statements of a migration, without their comments.
fn statements_of(text: &str) -> Vec<String> {
    let bare: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(before, _)| before))
        .collect();
    bare.join("\n")
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::Access;

    #[test]
    fn a_newer_ledger_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        let mut engine = Sqlite::open(&path, Access::Create, 0o600).expect("opens");
        migrate(&mut engine, 1).expect("migrates");
        migrate(&mut engine, 2).expect("does nothing");
        engine
            .write(|tx| {
                tx.execute("INSERT INTO migration VALUES (99, '0099_future', 1)", &[])?;
                tx.commit()
            })
            .expect("inserts");
        let refused = migrate(&mut engine, 3).expect_err("is refused");
        assert!(refused.to_string().contains("0099_future"), "{refused}");
    }
}
