//! Operators: who may sign in, with which PIN or badge, and how guessing is slowed.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use sha2::{Digest as _, Sha256};

use crate::domain::entry::{Fact, hex, instant};
use crate::domain::operator::{
    BADGE_PREFIX, FREE_TRIES, ListedOperator, Operator, Role, badge_form, is_locked, locked_ms,
    name_fault, pin_fault,
};
use crate::domain::reading::{NotOurs, Otherwise, is_checked};
use crate::domain::refusal::Refusal;
use crate::ledger::codes::look_up;
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
    /// Another badge, by its text as it is scanned.
    SetBadge(&'a str),
    /// They may do other things from now on.
    SetRole(Role),
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
            OperatorChange::SetBadge(_) | OperatorChange::SetRole(_) | OperatorChange::Remove => {
                None
            }
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
                (change, Some(known)) => {
                    if let Some(refusal) = fault_of(writing.tx, name, &known, change)? {
                        return Ok(Err(refusal));
                    }
                    let role = if let OperatorChange::SetRole(role) = change {
                        role
                    } else {
                        known.role
                    };
                    (alter(writing.tx, name, change, pin_hash.as_deref())?, role)
                }
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

    /// Everyone who may sign in, by name, with what whoever runs the shop should know of them.
    pub fn listed_operators(&mut self) -> Result<Vec<ListedOperator>, LedgerError> {
        self.read("list", "operators", |tx| {
            tx.all(
                "SELECT name, role, pin_hash, badge_hash, last_seen_at_ms, is_hubs FROM operator \
                 WHERE is_removed = 0 ORDER BY name",
                &[],
                |row| {
                    Ok(ListedOperator {
                        operator: operator_row(row)?,
                        has_pin: row.maybe_text(2)?.is_some(),
                        has_badge: row.maybe_text(3)?.is_some(),
                        last_seen_at: row.maybe_int(4)?.map(instant),
                        is_hubs: row.int(5)? != 0,
                    })
                },
            )
        })
    }

    /// Whether a scanned text may become an operator's badge; why not, if it may not. Changes nothing.
    pub fn badge_fault(&mut self, name: &str, raw: &[u8]) -> Result<Option<Refusal>, LedgerError> {
        self.read("look up", "a badge", |tx| badge_fault(tx, name, raw))
    }

    /// Keeps when an operator was last at a counter.
    pub fn note_seen(&mut self, name: &str, act: &Act) -> Result<(), LedgerError> {
        self.write("note", name, |writing| seen(writing.tx, name, act))
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
                    set_lockout(writing.tx, &act.counter, 0, 0)?;
                    seen(writing.tx, name, act)
                })?;
            } else {
                // On a full disk people still sign in, to look and to be told.
                self.note_seen(name, act).unwrap_or_default();
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
    pub fn operator_of_badge(&mut self, raw: &[u8]) -> Result<Option<Operator>, LedgerError> {
        let Some(form) = badge_form(raw) else {
            return Ok(None);
        };
        let hash = badge_hash(&form);
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

/// They were at a counter just now.
fn seen(tx: &Tx<'_>, name: &str, act: &Act) -> Result<(), Cause> {
    tx.execute(
        "UPDATE operator SET last_seen_at_ms = $1 WHERE name = $2",
        &[act.now.as_millisecond().into(), name.into()],
    )?;
    Ok(())
}

struct Known {
    role: Role,
    pin_hash: Option<String>,
    is_removed: bool,
    is_hubs: bool,
}

/// Why an operator who is there is not changed so.
fn fault_of(
    tx: &Tx<'_>,
    name: &str,
    known: &Known,
    change: OperatorChange<'_>,
) -> Result<Option<Refusal>, Cause> {
    if known.is_hubs {
        return Ok(Some(Refusal::OperatorOfHub(name.to_owned())));
    }
    match change {
        OperatorChange::Add { .. } | OperatorChange::SetPin(_) => Ok(None),
        OperatorChange::SetBadge(text) => badge_fault(tx, name, text.as_bytes()),
        OperatorChange::SetRole(role) if role == known.role => Ok(Some(Refusal::Faulty(format!(
            "{name} is a {} already",
            role.as_str()
        )))),
        OperatorChange::SetRole(_) | OperatorChange::Remove
            if known.role != Role::Manager || known.pin_hash.is_none() =>
        {
            Ok(None)
        }
        OperatorChange::SetRole(_) | OperatorChange::Remove => {
            let others_approve = others_approve(tx, name)?;
            // The only one of all may go: then nobody signs in.
            let may_go = matches!(change, OperatorChange::Remove) && others_approve.is_empty();
            let is_last = !may_go && !others_approve.contains(&true);
            Ok(is_last.then(|| Refusal::LastManager(name.to_owned())))
        }
    }
}

/// Everybody else who signs in here: whether they can approve anything.
fn others_approve(tx: &Tx<'_>, name: &str) -> Result<Vec<bool>, Cause> {
    // Two who are removed at once, each by the other, would leave nobody.
    tx.lock_rows(
        "SELECT name FROM operator WHERE is_removed = 0 ORDER BY name",
        &[],
    )?;
    tx.all(
        "SELECT role, pin_hash FROM operator WHERE is_removed = 0 AND name <> $1",
        &[name.into()],
        |row| Ok(role_of(&row.text(0)?)? == Role::Manager && row.maybe_text(1)?.is_some()),
    )
}

/// Why a text cannot be an operator's badge. A badge is a secret that one person alone carries: no code
/// of a customer, nothing that is printed on goods, and nobody else's.
fn badge_fault(tx: &Tx<'_>, name: &str, raw: &[u8]) -> Result<Option<Refusal>, Cause> {
    let (row, otherwise) = look_up(tx, raw, &[])?;
    if row.is_some() || is_checked(raw) {
        return Ok(Some(Refusal::BadgeIsCode));
    }
    let Some(form) = badge_form(raw) else {
        let words = "too short, too long or not plain text";
        return Ok(Some(Refusal::NotABadge(words.to_owned())));
    };
    match otherwise {
        Otherwise::NotFound => {}
        // One that was drawn here may look like much else.
        Otherwise::Misread(_) | Otherwise::NotOurs(_) if form.starts_with(BADGE_PREFIX) => {}
        Otherwise::Misread(_)
        | Otherwise::NotOurs(
            NotOurs::TestCode
            | NotOurs::SeveralCodes
            | NotOurs::Preview { .. }
            | NotOurs::Fallback { .. },
        ) => return Ok(Some(Refusal::BadgeIsCode)),
        Otherwise::NotOurs(what) => return Ok(Some(Refusal::NotABadge(what.words()))),
    }
    let another = tx.one(
        "SELECT name FROM operator WHERE badge_hash = $1 AND name <> $2",
        &[(&badge_hash(&form)).into(), name.into()],
        |row| row.text(0),
    )?;
    Ok(another.map(Refusal::BadgeOfAnother))
}

fn find(tx: &Tx<'_>, name: &str) -> Result<Option<Known>, Cause> {
    tx.one(
        "SELECT role, pin_hash, is_removed, is_hubs FROM operator WHERE name = $1",
        &[name.into()],
        |row| {
            Ok(Known {
                role: role_of(&row.text(0)?)?,
                pin_hash: row.maybe_text(1)?,
                is_removed: row.int(2)? != 0,
                is_hubs: row.int(3)? != 0,
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
        "UPDATE operator SET role = $1, pin_hash = $2, badge_hash = NULL, is_removed = 0, \
         is_hubs = 0, last_seen_at_ms = NULL WHERE name = $3"
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
                &[
                    badge_form(text.as_bytes())
                        .map(|form| badge_hash(&form))
                        .as_ref()
                        .into(),
                    name.into(),
                ],
            )?;
            Ok(Fact::OperatorBadgeSet { name: owned })
        }
        OperatorChange::SetRole(role) => {
            tx.execute(
                "UPDATE operator SET role = $1 WHERE name = $2",
                &[role.as_str().into(), name.into()],
            )?;
            Ok(Fact::OperatorRoleSet {
                role: role.as_str().to_owned(),
                name: owned,
            })
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

fn badge_hash(form: &str) -> String {
    hex(&Sha256::digest(form.as_bytes()))
}
