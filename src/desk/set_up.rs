//! Setting a shop up: the same for `init` and for the console's first run.

use std::path::Path;

use jiff::tz::TimeZone;

use crate::desk::random;
use crate::domain::code::letters_of;
use crate::domain::ids::is_plain_name;
use crate::domain::refusal::Refusal;
use crate::domain::token::TOKEN_CALLER;
use crate::ledger::{Act, Database, Ledger, LedgerError, Setup};

/// The permission bits of a ledger that one account uses.
pub const MODE_PRIVATE: u32 = 0o600;

/// The permission bits of a ledger that the accounts of a group share.
pub const MODE_SHARED: u32 = 0o660;

/// What is wrong with a counter's name: it has 1 to 64 characters, none of them a control character.
pub fn counter_fault(name: &str) -> Option<&'static str> {
    if name.starts_with(TOKEN_CALLER) {
        return Some(
            "a counter's name does not begin with `token:`: tokens of the hub are called so",
        );
    }
    (!is_plain_name(name, 64)).then_some("the counter's name has 1 to 64 characters")
}

/// Makes a ledger for a store in `folder`.
///
/// The name has 1 to 64 characters, none of them a control character; the zone is an IANA name.
pub fn set_up(
    folder: &Path,
    store: &str,
    timezone: &str,
    mode: u32,
    act: &Act,
) -> Result<Result<Ledger, Refusal>, LedgerError> {
    let setup = match setup_of(store, timezone, mode)? {
        Ok(setup) => setup,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ledger::create(folder, &setup, act).map(Ok)
}

/// Makes a ledger for a chain's head office in a database, from the same words.
pub fn set_up_in(
    database: &Database,
    store: &str,
    timezone: &str,
    act: &Act,
) -> Result<Result<Ledger, Refusal>, LedgerError> {
    let setup = match setup_of(store, timezone, MODE_PRIVATE)? {
        Ok(setup) => setup,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ledger::create_in(database, &setup, act).map(Ok)
}

fn setup_of(store: &str, timezone: &str, mode: u32) -> Result<Result<Setup, Refusal>, LedgerError> {
    let store = store.trim();
    if !is_plain_name(store, 64) {
        return Ok(Err(Refusal::Faulty(
            "the store's name has 1 to 64 characters, none of them a control character".into(),
        )));
    }
    if TimeZone::get(timezone).is_err() {
        return Ok(Err(Refusal::Faulty(format!(
            "there is no time zone {timezone:?}: use its IANA name, as in Europe/Berlin"
        ))));
    }
    Ok(Ok(Setup {
        store: store.to_owned(),
        timezone: timezone.to_owned(),
        node: letters_of(&random::<10>()?),
        mode,
    }))
}
