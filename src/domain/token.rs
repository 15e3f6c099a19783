//! Tokens: which programs may ask the hub, and what for. Not here: secrets and their hashes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::domain::ids::MalformedName;

/// What comes before a token's name where a counter's name stands: no counter is called so.
pub const TOKEN_CALLER: &str = "token:";

/// What a token may do. Its order is that of every list of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Bring a store's entries together with the hub's.
    Sync,
    /// Claim codes for customers.
    Claim,
    /// Redeem codes.
    Redeem,
    /// Read the pools and the counters.
    Read,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::Sync, Scope::Claim, Scope::Redeem, Scope::Read];

    /// The word for it, in commands, entries and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Sync => "sync",
            Scope::Claim => "claim",
            Scope::Redeem => "redeem",
            Scope::Read => "read",
        }
    }
}

impl FromStr for Scope {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Scope::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                MalformedName(format!(
                    "{text:?} is not a scope: use claim, redeem, read or sync"
                ))
            })
    }
}

/// A token's name: 1 to 40 of the characters `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName(String);

impl TokenName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TokenName {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_well_formed = (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        is_well_formed
            .then(|| TokenName(text.to_owned()))
            .ok_or_else(|| {
                MalformedName(format!(
                    "{text:?} is not a token's name: use 1 to 40 letters, digits, '.', '_' or '-'"
                ))
            })
    }
}

/// A program that may ask the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name.
    pub name: TokenName,
    /// What it may do: each scope once, in order.
    pub scopes: Vec<Scope>,
    /// It may do nothing any more.
    pub is_revoked: bool,
    /// Until when the secret before its rotation is let in too; none: there is no such secret.
    pub old_ends_at: Option<Timestamp>,
}

/// Which of a token's secrets somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// The one it has now.
    Current,
    /// The one before its rotation.
    Old,
}

impl Token {
    /// Whether it may do this now.
    pub fn may(&self, scope: Scope) -> bool {
        !self.is_revoked && self.scopes.contains(&scope)
    }

    /// Whether the secret before its rotation has come to its end.
    pub fn old_is_over(&self, now: Timestamp) -> bool {
        self.old_ends_at.is_none_or(|end| end <= now)
    }

    /// The caller of its acts and keys, where a counter's name stands.
    pub fn caller(&self) -> String {
        format!("{TOKEN_CALLER}{}", self.name)
    }
}

/// Whether a program's token acts under this name, and no counter.
pub fn is_caller(counter: &str) -> bool {
    counter.starts_with(TOKEN_CALLER)
}

/// Scopes as they are stored: each once, in order, with commas between.
pub fn scopes_text(scopes: &[Scope]) -> String {
    let words: Vec<&str> = Scope::ALL
        .into_iter()
        .filter(|scope| scopes.contains(scope))
        .map(Scope::as_str)
        .collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_kept_once_and_in_order() {
        let scopes = [Scope::Read, Scope::Claim, Scope::Read];
        assert_eq!(scopes_text(&scopes), "claim,read");
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("admin".parse::<Scope>().is_err());
    }

    #[test]
    fn an_old_secret_goes_on_until_its_end_and_not_at_it() {
        let end = Timestamp::UNIX_EPOCH;
        let mut token = Token {
            name: "web".parse().expect("a name"),
            scopes: vec![Scope::Claim],
            is_revoked: false,
            old_ends_at: Some(end),
        };
        let before = Timestamp::from_millisecond(-1).expect("a time");
        assert!(!token.old_is_over(before) && token.old_is_over(end));
        token.old_ends_at = None;
        assert!(token.old_is_over(before));
    }

    #[test]
    fn a_revoked_token_may_do_nothing() {
        let mut token = Token {
            name: "web".parse().expect("a name"),
            scopes: vec![Scope::Claim],
            is_revoked: false,
            old_ends_at: None,
        };
        assert!(token.may(Scope::Claim) && !token.may(Scope::Read));
        token.is_revoked = true;
        assert!(!token.may(Scope::Claim));
        assert_eq!(token.caller(), "token:web");
        for bad in ["", "a b", "a:b", &"x".repeat(41)] {
            assert!(bad.parse::<TokenName>().is_err(), "{bad}");
        }
    }
}
