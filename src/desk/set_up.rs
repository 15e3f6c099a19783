//! Setting a shop up: the same for `init` and for the console's first run.

use std::path::Path;

use jiff::tz::TimeZone;

use crate::desk::random;
use crate::domain::code::ALPHABET;
use crate::domain::refusal::Refusal;
use crate::ledger::{Act, Ledger, LedgerError, Setup};

/// The permission bits of a ledger that one account uses.
pub const MODE_PRIVATE: u32 = 0o600;

/// The permission bits of a ledger that the accounts of a group share.
pub const MODE_SHARED: u32 = 0o660;

/// What is wrong with a counter's name: it has 1 to 64 characters, none of them a control character.
pub fn counter_fault(name: &str) -> Option<&'static str> {
    let is_well_formed =
        (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    (!is_well_formed).then_some("the counter's name has 1 to 64 characters")
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
    let store = store.trim();
    if !(1..=64).contains(&store.chars().count()) || store.chars().any(char::is_control) {
        return Ok(Err(Refusal::Faulty(
            "the store's name has 1 to 64 characters, none of them a control character".into(),
        )));
    }
    if TimeZone::get(timezone).is_err() {
        return Ok(Err(Refusal::Faulty(format!(
            "there is no time zone {timezone:?}: use its IANA name, as in Europe/Berlin"
        ))));
    }
    let setup = Setup {
        store: store.to_owned(),
        timezone: timezone.to_owned(),
        node: node_name(random()?),
        mode,
    };
    Ledger::create(folder, &setup, act).map(Ok)
}

/// Ten letters of the code alphabet.
fn node_name(random: [u8; 10]) -> String {
    random
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 16)))
        .map(|letter| char::from(*letter))
        .collect()
}
