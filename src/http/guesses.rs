//! How often one may guess: wrong tokens by address, codes that do not exist by token.
//!
//! Each guesser has an [`Allowance`]; whoever has used it up waits. It holds back nobody else: a token
//! that is let in is never slowed by others at its address, nor by another token. Kept in memory only,
//! so that a flood of guesses writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::guessing::{ADDRESS, Allowance, TOKEN};

/// So many guessers are remembered; the one that has nearly waited long enough is forgotten first.
const GUESSERS_MAX: usize = 4096;

/// When each guesser's allowance is full again, in milliseconds since the hub began.
struct Guessers<K> {
    full_at_ms: BTreeMap<K, i64>,
    /// The same by time: whoever is forgotten first is found without looking at all of them.
    in_turn: BTreeSet<(i64, K)>,
}

impl<K: Ord + Clone> Guessers<K> {
    fn new() -> Guessers<K> {
        Guessers {
            full_at_ms: BTreeMap::new(),
            in_turn: BTreeSet::new(),
        }
    }

    /// How long this guesser has to wait before the next guess, if at all.
    fn wait(&self, guesser: &K, allowance: Allowance, now_ms: i64) -> Option<Duration> {
        let wait_ms = allowance.wait_ms(*self.full_at_ms.get(guesser)?, now_ms);
        (wait_ms > 0).then(|| Duration::from_millis(wait_ms.unsigned_abs()))
    }

    fn guess(&mut self, guesser: K, allowance: Allowance, now_ms: i64) {
        let before = self.full_at_ms.get(&guesser).copied();
        match before {
            Some(full_at_ms) => {
                self.in_turn.remove(&(full_at_ms, guesser.clone()));
            }
            None if self.full_at_ms.len() >= GUESSERS_MAX => self.forget(now_ms),
            None => {}
        }
        let full_at_ms = allowance.guessed(before.unwrap_or(now_ms), now_ms);
        self.in_turn.insert((full_at_ms, guesser.clone()));
        self.full_at_ms.insert(guesser, full_at_ms);
    }

    /// Forgets whoever has waited long enough, and one more where that makes no room.
    fn forget(&mut self, now_ms: i64) {
        while self
            .in_turn
            .first()
            .is_some_and(|(full_at_ms, _)| *full_at_ms <= now_ms)
        {
            self.forget_first();
        }
        if self.full_at_ms.len() >= GUESSERS_MAX {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, guesser)) = self.in_turn.pop_first() {
            self.full_at_ms.remove(&guesser);
        }
    }
}

/// Who has guessed lately.
pub(super) struct Guesses {
    began: Instant,
    addresses: Mutex<Guessers<IpAddr>>,
    tokens: Mutex<Guessers<String>>,
}

impl Guesses {
    pub(super) fn new() -> Guesses {
        Guesses {
            began: Instant::now(),
            addresses: Mutex::new(Guessers::new()),
            tokens: Mutex::new(Guessers::new()),
        }
    }

    /// Notes a token that is not let in; an error where there were too many: how long to wait.
    pub(super) fn wrong_token(&self, address: IpAddr) -> Result<(), Duration> {
        let now_ms = self.now_ms();
        let network = network_of(address);
        let mut known = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let wait = known.wait(&network, ADDRESS, now_ms);
        known.guess(network, ADDRESS, now_ms);
        wait.map_or(Ok(()), Err)
    }

    /// Whether a token may ask for a code; an error says how long it has to wait.
    pub(super) fn may_ask(&self, token: &str) -> Result<(), Duration> {
        let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .wait(&token.to_owned(), TOKEN, self.now_ms())
            .map_or(Ok(()), Err)
    }

    /// Notes that a token has asked for a code that does not exist.
    pub(super) fn guessed(&self, token: &str) {
        let mut known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        known.guess(token.to_owned(), TOKEN, self.now_ms());
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// What one guesser certainly has to itself: an IPv4 address, or the /64 of an IPv6 one.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessers_without_end_take_no_room_without_end() {
        let mut known = Guessers::new();
        for guesser in 0..3 * GUESSERS_MAX {
            known.guess(guesser, ADDRESS, 0);
        }
        assert_eq!(known.full_at_ms.len(), GUESSERS_MAX);
        assert_eq!(known.in_turn.len(), GUESSERS_MAX);
        known.forget(ADDRESS.each_ms);
        assert!(known.full_at_ms.is_empty() && known.in_turn.is_empty());
    }

    #[test]
    fn whoever_guesses_most_is_forgotten_last() {
        let mut known = Guessers::new();
        for _ in 0..ADDRESS.at_once {
            known.guess(0, ADDRESS, 0);
        }
        for guesser in 1..2 * GUESSERS_MAX {
            known.guess(guesser, ADDRESS, 0);
        }
        assert!(
            known.wait(&0, ADDRESS, 0).is_some(),
            "who guessed most still waits"
        );
    }

    #[test]
    fn a_guesser_has_a_network_to_itself() {
        let of = |text: &str| network_of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
