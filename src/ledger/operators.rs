//! Operators: who may sign in, with which PIN or badge, and how guessing is slowed.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use sha2::{Digest as _, Sha256};

use crate::domain::entry::{Fact, hex, instant};
use crate::domain::operator::{
    FREE_TRIES, Operator, Role, is_locked, locked_ms, name_fault, pin_fault,
};
use crate::domain::refusal::Refusal;
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::{Act, Ledger, LedgerError, attempts, setting_of};

/// A change to the list of operators.
#[derive(Debug, Clone, Copy)]
pub enum OperatorChange<'a> {
    /// A new one, with a PIN or only with a badge.
    Add {
        /// What they may do.
        role: Role,
        /// Their PIN.
        pin: Option<&'a str>,
    },
    /// Another PIN.
    SetPin(&'a str),
    /// Another badge, by its text.
    SetBadge(&'a str),
    /// They may no longer sign in; what they did keeps their name.
    Remove,
}

impl Ledger {
    /// Changes the list of operators.
    pub fn change_operator(
        &mut self,
        name: &str,
        change: OperatorChange<'_>,
        act: &Act,
    ) -> Result<Result<Operator, Refusal>, LedgerError> {
        let pin = match change {
            OperatorChange::Add { pin, .. } => pin,
            OperatorChange::SetPin(pin) => Some(pin),
            OperatorChange::SetBadge(_) | OperatorChange::Remove => None,
        };
        if let Some(fault) = name_fault(name).or_else(|| pin.and_then(pin_fault)) {
            return Ok(Err(Refusal::Faulty(fault.to_owned())));
        }
        // Hashing takes tens of milliseconds on purpose: never while others wait for their turn.
        let pin_hash = match pin {
            Some(pin) => Some(hashed(pin, &act.salt).map_err(|cause| LedgerError {
                op: "hash",
                thing: "a PIN".into(),
                cause,
            })?),
            None => None,
        };
        self.write("change operator", name, |writing| {
            let known = find(writing.tx, name)?;
            let (fact, role) = match (change, known) {
                (OperatorChange::Add { .. }, Some(known)) if !known.is_removed => {
                    return Ok(Err(Refusal::OperatorExists(name.to_owned())));
                }
                (OperatorChange::Add { role, .. }, known) => {
                    add(writing.tx, name, role, pin_hash.as_deref(), known.is_some())?;
                    let name = name.to_owned();
                    let added = Fact::OperatorAdded {
                        role: role.as_str().to_owned(),
                        name,
                    };
                    (added, role)
                }
                (_, None) => return Ok(Err(Refusal::NoSuchOperator(name.to_owned()))),
                (_, Some(known)) if known.is_removed => {
                    return Ok(Err(Refusal::NoSuchOperator(name.to_owned())));
                }
                (change, Some(known)) => (
                    alter(writing.tx, name, change, pin_hash.as_deref())?,
                    known.role,
                ),
            };
            writing.append(fact, &setting_of(act))?;
            tell(writing.tx, name)?;
            Ok(Ok(Operator {
                name: name.to_owned(),
                role,
            }))
        })
    }

    /// Everyone who may sign in, by name.
    pub fn operators(&mut self) -> Result<Vec<Operator>, LedgerError> {
        self.read("list", "operators", |tx| {
            tx.all(
                "SELECT name, role FROM operator WHERE is_removed = 0 ORDER BY name",
                &[],
                operator_row,
            )
        })
    }

    /// Signs in by name and PIN. Wrong PINs lock the counter, longer each time, up to 5 minutes.
    pub fn sign_in(
        &mut self,
        name: &str,
        pin: &str,
        act: &Act,
    ) -> Result<Result<Operator, Refusal>, LedgerError> {
        let now_ms = act.now.as_millisecond();
        let (failures, locked_until_ms, known) = self.read("read", "operators", |tx| {
            let (failures, until) = lockout(tx, &act.counter)?;
            Ok((failures, until, find(tx, name)?))
        })?;
        if is_locked(locked_until_ms, now_ms) {
            return Ok(Err(Refusal::LockedUntil(instant(locked_until_ms))));
        }
        let is_right = known
            .as_ref()
            .filter(|known| !known.is_removed)
            .and_then(|known| known.pin_hash.as_deref())
            .is_some_and(|hash| is_pin(pin, hash));
        if let (true, Some(known)) = (is_right, known) {
            if failures > 0 {
                self.write("sign in", name, |writing| {
                    set_lockout(writing.tx, &act.counter, 0, 0)
                })?;
            }
            return Ok(Ok(Operator {
                name: name.to_owned(),
                role: known.role,
            }));
        }
        self.write("sign in", name, |writing| {
            writing.tx.lock_rows(
                "SELECT counter FROM pin_lockout WHERE counter = $1",
                &[(&act.counter).into()],
            )?;
            let (failures, _) = lockout(writing.tx, &act.counter)?;
            let failures = failures.saturating_add(1);
            let until_ms = now_ms + locked_ms(failures);
            set_lockout(writing.tx, &act.counter, failures, until_ms)?;
            attempts::note(
                writing,
                act,
                &attempts::Attempt {
                    kind: "sign_in",
                    answer: "wrong_pin",
                    reason: Some(name.to_owned()),
                    ..attempts::Attempt::default()
                },
            )?;
            Ok(Err(if failures > FREE_TRIES {
                Refusal::LockedUntil(instant(until_ms))
            } else {
                Refusal::WrongPin
            }))
        })
    }

    /// The operator whose badge reads so.
    pub fn operator_of_badge(&mut self, text: &str) -> Result<Option<Operator>, LedgerError> {
        let hash = badge_hash(text);
        self.read("read", "operators", |tx| {
            tx.one(
                "SELECT name, role FROM operator WHERE badge_hash = $1 AND is_removed = 0",
                &[(&hash).into()],
                operator_row,
            )
        })
    }
}

fn operator_row(row: &Row<'_>) -> Result<Operator, Cause> {
    Ok(Operator {
        name: row.text(0)?,
        role: role_of(&row.text(1)?)?,
    })
}

/// Stores are told of an operator as they are from now on.
fn tell(tx: &Tx<'_>, name: &str) -> Result<(), Cause> {
    let operator = tx.one(
        "SELECT id FROM operator WHERE name = $1",
        &[name.into()],
        |row| row.int(0),
    )?;
    match operator {
        Some(operator) => touch(tx, FeedKind::Operator, operator, EVERYBODY),
        None => Ok(()),
    }
}

struct Known {
    role: Role,
    pin_hash: Option<String>,
    is_removed: bool,
}

fn find(tx: &Tx<'_>, name: &str) -> Result<Option<Known>, Cause> {
    tx.one(
        "SELECT role, pin_hash, is_removed FROM operator WHERE name = $1",
        &[name.into()],
        |row| {
            Ok(Known {
                role: role_of(&row.text(0)?)?,
                pin_hash: row.maybe_text(1)?,
                is_removed: row.int(2)? != 0,
            })
        },
    )
}

fn role_of(text: &str) -> Result<Role, Cause> {
    text.parse()
        .ok()
        .ok_or_else(|| Cause::Damaged(format!("an operator with the role {text:?}")))
}

fn add(
    tx: &Tx<'_>,
    name: &str,
    role: Role,
    pin_hash: Option<&str>,
    was_removed: bool,
) -> Result<(), Cause> {
    let sql = if was_removed {
        "UPDATE operator SET role = $1, pin_hash = $2, badge_hash = NULL, is_removed = 0 \
         WHERE name = $3"
    } else {
        "INSERT INTO operator (role, pin_hash, name) VALUES ($1, $2, $3)"
    };
    tx.execute(sql, &[role.as_str().into(), pin_hash.into(), name.into()])?;
    Ok(())
}

fn alter(
    tx: &Tx<'_>,
    name: &str,
    change: OperatorChange<'_>,
    pin_hash: Option<&str>,
) -> Result<Fact, Cause> {
    let owned = name.to_owned();
    match change {
        OperatorChange::SetPin(_) | OperatorChange::Add { .. } => {
            tx.execute(
                "UPDATE operator SET pin_hash = $1 WHERE name = $2",
                &[pin_hash.into(), name.into()],
            )?;
            Ok(Fact::OperatorPinSet { name: owned })
        }
        OperatorChange::SetBadge(text) => {
            tx.execute(
                "UPDATE operator SET badge_hash = $1 WHERE name = $2",
                &[(&badge_hash(text)).into(), name.into()],
            )?;
            Ok(Fact::OperatorBadgeSet { name: owned })
        }
        OperatorChange::Remove => {
            tx.execute(
                "UPDATE operator SET is_removed = 1, pin_hash = NULL, badge_hash = NULL \
                 WHERE name = $1",
                &[name.into()],
            )?;
            Ok(Fact::OperatorRemoved { name: owned })
        }
    }
}

fn lockout(tx: &Tx<'_>, counter: &str) -> Result<(u32, i64), Cause> {
    Ok(tx
        .one(
            "SELECT failures, locked_until_at_ms FROM pin_lockout WHERE counter = $1",
            &[counter.into()],
            |row| Ok((row.count(0)?, row.int(1)?)),
        )?
        .unwrap_or((0, 0)))
}

fn set_lockout(tx: &Tx<'_>, counter: &str, failures: u32, until_ms: i64) -> Result<(), Cause> {
    tx.execute(
        "INSERT INTO pin_lockout (counter, failures, locked_until_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (counter) DO UPDATE SET failures = excluded.failures, \
         locked_until_at_ms = excluded.locked_until_at_ms",
        &[counter.into(), failures.into(), until_ms.into()],
    )?;
    Ok(())
}

fn hashed(pin: &str, salt: &[u8; 16]) -> Result<String, Cause> {
    Argon2::default()
        .hash_password_with_salt(pin.as_bytes(), salt)
        .map(|hash| hash.to_string())
        .map_err(|fault| Cause::Damaged(format!("argon2: {fault}")))
}

fn is_pin(pin: &str, hash: &str) -> bool {
    argon2::PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(pin.as_bytes(), &hash)
            .is_ok()
    })
}

fn badge_hash(text: &str) -> String {
    hex(&Sha256::digest(text.trim().to_ascii_uppercase().as_bytes()))
}
