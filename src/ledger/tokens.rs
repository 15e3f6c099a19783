//! Tokens: which programs may ask the hub. Their secrets are kept as SHA-256 only.

use sha2::{Digest as _, Sha256};

use crate::domain::entry::{Fact, instant};
use crate::domain::local_time::Length;
use crate::domain::refusal::Refusal;
use crate::domain::token::{Scope, Secret, Token, TokenName, scopes_text};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::{Act, Ledger, LedgerError, Writing, setting_of};

const COLUMNS: &str = "name, scopes, is_revoked, old_ends_at_ms";

impl Ledger {
    /// Lets a program in by this secret. A revoked name comes back with the secret and scopes given
    /// now, as the same caller: its keys are as they were.
    pub fn add_token(
        &mut self,
        name: &TokenName,
        scopes: &[Scope],
        secret: &str,
        act: &Act,
    ) -> Result<Result<Token, Refusal>, LedgerError> {
        let hash = hash_of(secret);
        self.write("add token", name.as_str(), |writing| {
            let known = find(writing.tx, name)?;
            let scopes = scopes_text(scopes);
            let sql = match &known {
                Some(known) if !known.is_revoked => {
                    return Ok(Err(Refusal::TokenExists(name.to_string())));
                }
                Some(_) => {
                    "UPDATE token SET hash = $1, scopes = $2, is_revoked = 0, old_hash = NULL, \
                     old_ends_at_ms = NULL WHERE name = $3 AND is_revoked = 1"
                }
                None => "INSERT INTO token (hash, scopes, name) VALUES ($1, $2, $3)",
            };
            writing.tx.guarded(
                sql,
                &[
                    hash.as_slice().into(),
                    (&scopes).into(),
                    name.as_str().into(),
                ],
                "this token was just added",
            )?;
            let fact = Fact::TokenAdded {
                name: name.to_string(),
                scopes,
            };
            writing.append(fact, &setting_of(act))?;
            found(writing.tx, name)
        })
    }

    /// Lets a program in no longer: what it asks after this is refused.
    pub fn revoke_token(
        &mut self,
        name: &TokenName,
        act: &Act,
    ) -> Result<Result<Token, Refusal>, LedgerError> {
        self.write("revoke token", name.as_str(), |writing| {
            let Some(known) = find(writing.tx, name)?.filter(|known| !known.is_revoked) else {
                return Ok(Err(Refusal::NoSuchToken(name.to_string())));
            };
            writing.tx.guarded(
                "UPDATE token SET is_revoked = 1, old_hash = NULL, old_ends_at_ms = NULL \
                 WHERE name = $1 AND is_revoked = 0",
                &[name.as_str().into()],
                "this token was just revoked",
            )?;
            let fact = Fact::TokenRevoked {
                name: name.to_string(),
                scopes: scopes_text(&known.scopes),
            };
            writing.append(fact, &setting_of(act))?;
            found(writing.tx, name)
        })
    }

    /// Gives a token another secret. The one it had goes on for `overlap`, so that its program can be
    /// told at leisure: what it has not sent yet is let in by either. Of a rotation before this one
    /// nothing goes on.
    pub fn rotate_token(
        &mut self,
        name: &TokenName,
        secret: &str,
        overlap: Length,
        act: &Act,
    ) -> Result<Result<Token, Refusal>, LedgerError> {
        let hash = hash_of(secret);
        let old_ends_at_ms = act.now.as_millisecond().saturating_add(overlap.as_ms());
        self.write("rotate token", name.as_str(), |writing| {
            let Some(known) = find(writing.tx, name)?.filter(|known| !known.is_revoked) else {
                return Ok(Err(Refusal::NoSuchToken(name.to_string())));
            };
            if known.old_ends_at.is_some() {
                end_old_secret(writing, name, act)?;
            }
            let rotated = writing.tx.execute(
                "UPDATE token SET old_hash = hash, old_ends_at_ms = $1, hash = $2 \
                 WHERE name = $3 AND is_revoked = 0",
                &[
                    old_ends_at_ms.into(),
                    hash.as_slice().into(),
                    name.as_str().into(),
                ],
            )?;
            if rotated == 0 {
                return Ok(Err(Refusal::NoSuchToken(name.to_string())));
            }
            let fact = Fact::TokenRotated {
                name: name.to_string(),
                old_ends_at_ms,
            };
            writing.append(fact, &setting_of(act))?;
            found(writing.tx, name)
        })
    }

    /// Ends the secrets before a rotation whose time has come. From their entry on they are let in no
    /// more, whatever a clock says.
    pub fn end_old_secrets(&mut self, act: &Act) -> Result<(), LedgerError> {
        let is_over = |token: &Token| token.old_ends_at.is_some() && token.old_is_over(act.now);
        // Nearly always there is nothing to write, and no turn to wait for.
        if !self.tokens()?.iter().any(is_over) {
            return Ok(());
        }
        self.write("end", "old secrets", |writing| {
            let tokens = writing.tx.all(
                &format!("SELECT {COLUMNS} FROM token ORDER BY name"),
                &[],
                token_row,
            )?;
            for token in tokens.iter().filter(|token| is_over(token)) {
                end_old_secret(writing, &token.name, act)?;
            }
            Ok(())
        })
    }

    /// All tokens, by name, revoked ones too.
    pub fn tokens(&mut self) -> Result<Vec<Token>, LedgerError> {
        self.read("list", "tokens", |tx| {
            tx.all(
                &format!("SELECT {COLUMNS} FROM token ORDER BY name"),
                &[],
                token_row,
            )
        })
    }

    /// The token that has this secret, and which of its secrets that is; a revoked one says so.
    pub fn token_of(&mut self, secret: &str) -> Result<Option<(Token, Secret)>, LedgerError> {
        let hash = hash_of(secret);
        self.read("read", "tokens", |tx| {
            tx.settled(
                "token",
                &format!(
                    "SELECT {COLUMNS}, CASE WHEN hash = $1 THEN 0 ELSE 1 END FROM token \
                     WHERE hash = $1 OR old_hash = $1"
                ),
                &[hash.as_slice().into()],
                |row| {
                    let secret = match row.int(4)? {
                        0 => Secret::Current,
                        _ => Secret::Old,
                    };
                    Ok((token_row(row)?, secret))
                },
            )
        })
    }
}

/// Lets a token's secret before its rotation in no longer, by an entry.
fn end_old_secret(writing: &mut Writing<'_, '_>, name: &TokenName, act: &Act) -> Result<(), Cause> {
    let ended = writing.tx.execute(
        "UPDATE token SET old_hash = NULL, old_ends_at_ms = NULL \
         WHERE name = $1 AND old_hash IS NOT NULL",
        &[name.as_str().into()],
    )?;
    if ended == 0 {
        // Another process of the hub has ended it.
        return Ok(());
    }
    let fact = Fact::TokenSecretEnded {
        name: name.to_string(),
    };
    writing.append(fact, &setting_of(act))?;
    Ok(())
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn find(tx: &Tx<'_>, name: &TokenName) -> Result<Option<Token>, Cause> {
    tx.one(
        &format!("SELECT {COLUMNS} FROM token WHERE name = $1"),
        &[name.as_str().into()],
        token_row,
    )
}

/// The token after a change.
fn found(tx: &Tx<'_>, name: &TokenName) -> Result<Result<Token, Refusal>, Cause> {
    Ok(find(tx, name)?.ok_or_else(|| Refusal::NoSuchToken(name.to_string())))
}

fn token_row(row: &Row<'_>) -> Result<Token, Cause> {
    let damaged = |text: &str| Cause::Damaged(format!("a token with {text:?}"));
    let (name, scopes) = (row.text(0)?, row.text(1)?);
    Ok(Token {
        name: name.parse().ok().ok_or_else(|| damaged(&name))?,
        scopes: scopes
            .split(',')
            .map(|word| word.parse().ok().ok_or_else(|| damaged(word)))
            .collect::<Result<_, _>>()?,
        is_revoked: row.int(2)? != 0,
        old_ends_at: row.maybe_int(3)?.map(instant),
    })
}
