//! Tokens: which programs may ask the hub. Their secrets are kept as SHA-256 only.

use sha2::{Digest as _, Sha256};

use crate::domain::entry::Fact;
use crate::domain::refusal::Refusal;
use crate::domain::token::{Scope, Token, TokenName, scopes_text};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::{Act, Ledger, LedgerError, setting_of};

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
                    "UPDATE token SET hash = $1, scopes = $2, is_revoked = 0 \
                     WHERE name = $3 AND is_revoked = 1"
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
                "UPDATE token SET is_revoked = 1 WHERE name = $1 AND is_revoked = 0",
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

    /// All tokens, by name, revoked ones too.
    pub fn tokens(&mut self) -> Result<Vec<Token>, LedgerError> {
        self.read("list", "tokens", |tx| {
            tx.all(
                "SELECT name, scopes, is_revoked FROM token ORDER BY name",
                &[],
                token_row,
            )
        })
    }

    /// The token that has this secret; a revoked one says so.
    pub fn token_of(&mut self, secret: &str) -> Result<Option<Token>, LedgerError> {
        let hash = hash_of(secret);
        self.read("read", "tokens", |tx| {
            tx.one(
                "SELECT name, scopes, is_revoked FROM token WHERE hash = $1",
                &[hash.as_slice().into()],
                token_row,
            )
        })
    }
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn find(tx: &Tx<'_>, name: &TokenName) -> Result<Option<Token>, Cause> {
    tx.one(
        "SELECT name, scopes, is_revoked FROM token WHERE name = $1",
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
    })
}
