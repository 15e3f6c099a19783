//! Which database holds the ledger, where one does, and where its password comes from.
//!
//! An argument is seen by everybody on the computer: a password comes from the environment
//! (`PGPASSWORD`, or the URL in `COUNTERFOIL_DATABASE`), the configuration file, or a password file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::cli::config::{Origin, Sourced};
use crate::cli::context::warn;
use crate::cli::failure::Failure;
use crate::ledger::Database;

/// The database that is named, with its password; none: the ledger is in a folder.
pub(super) fn named(url: &Sourced<Option<String>>) -> Result<Option<Database>, Failure> {
    let Some(text) = url.value.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let database = Database::parse(text).map_err(|fault| {
        Failure::usage(
            format!("the database: {fault}"),
            "name it as postgres://USER@HOST/NAME with --database, COUNTERFOIL_DATABASE or hub.database",
        )
    })?;
    if database.has_password() {
        if url.origin == Origin::Flag {
            return Err(Failure::usage(
                "--database holds a password, which everybody on this computer can read",
                "leave it out of the argument: put it into PGPASSWORD, ~/.pgpass or the configuration",
            ));
        }
        return Ok(Some(database));
    }
    let password = match std::env::var("PGPASSWORD") {
        Ok(password) => Some(password),
        Err(_) => from_file(&database.account())?,
    };
    Ok(Some(match password {
        Some(password) => database.with_password(&password),
        None => database,
    }))
}

/// The password that a password file has for an account (libpq's `.pgpass`: host, port, database,
/// user and password, with colons between them; a star stands for anything).
fn from_file(account: &[String; 4]) -> Result<Option<String>, Failure> {
    let in_home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".pgpass"));
    let Some(path) = std::env::var_os("PGPASSFILE")
        .map(PathBuf::from)
        .or_else(in_home)
    else {
        return Ok(None);
    };
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(None);
    };
    let mode = std::fs::metadata(&path)?.permissions().mode();
    if mode & 0o077 != 0 {
        warn(&format!(
            "{} is passed over: others can read it (chmod 600)",
            path.display()
        ));
        return Ok(None);
    }
    Ok(text.lines().find_map(|line| password_in(line, account)))
}

fn password_in(line: &str, account: &[String; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => field.extend(letters.next()),
            ':' if fields.len() < 4 => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    let [host, port, name, user, password] = fields.as_slice() else {
        return None;
    };
    let fits = [host, port, name, user]
        .into_iter()
        .zip(account)
        .all(|(field, wanted)| field == "*" || field == wanted);
    fits.then(|| password.clone())
}

#[cfg(test)]
mod tests {
    use super::password_in;

    #[test]
    fn a_password_file_is_read_as_libpq_reads_it() {
        let account = ["db", "5432", "hub", "ana"].map(str::to_owned);
        let password = |line| password_in(line, &account);
        assert_eq!(
            password("db:5432:hub:ana:secret").as_deref(),
            Some("secret")
        );
        assert_eq!(password("*:*:*:ana:a\\:b:c").as_deref(), Some("a:b:c"));
        assert_eq!(password("db:5432:hub:ben:secret"), None);
        assert_eq!(password("#*:*:*:*:secret"), None);
        assert_eq!(password("db:5432:hub"), None);
    }
}
