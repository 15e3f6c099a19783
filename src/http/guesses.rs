//! How often one may guess: wrong tokens by address, codes that do not exist by token.
//!
//! Each guesser has an [`Allowance`]; whoever has used it up waits. It holds back nobody else: a token
//! that is let in is never slowed by others at its address, nor by another token. Kept in memory only,
//! so that a flood of guesses writes nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::guessing::{ADDRESS, Allowance, TOKEN};

/// So many guessers are remembered; the one that has nearly waited long enough is forgotten first.
const GUESSERS_MAX: usize = 4096;

/// When each guesser's allowance is full again, in milliseconds since the hub began.
struct Guessers<K>(BTreeMap<K, i64>);

impl<K: Ord + Clone> Guessers<K> {
    /// How long this guesser has to wait before the next guess, if at all.
    fn wait(&self, guesser: &K, allowance: Allowance, now_ms: i64) -> Option<Duration> {
        let wait_ms = allowance.wait_ms(*self.0.get(guesser)?, now_ms);
        (wait_ms > 0).then(|| Duration::from_millis(wait_ms.unsigned_abs()))
    }

    fn guess(&mut self, guesser: K, allowance: Allowance, now_ms: i64) {
        let full_at_ms = self.0.get(&guesser).copied().unwrap_or(now_ms);
        if self.0.len() >= GUESSERS_MAX && !self.0.contains_key(&guesser) {
            self.forget(now_ms);
        }
        self.0
            .insert(guesser, allowance.guessed(full_at_ms, now_ms));
    }

    fn forget(&mut self, now_ms: i64) {
        self.0.retain(|_, full_at_ms| *full_at_ms > now_ms);
        if self.0.len() < GUESSERS_MAX {
            return;
        }
        let next = self.0.iter().min_by_key(|(_, full_at_ms)| **full_at_ms);
        if let Some(guesser) = next.map(|(guesser, _)| guesser.clone()) {
            self.0.remove(&guesser);
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
            addresses: Mutex::new(Guessers(BTreeMap::new())),
            tokens: Mutex::new(Guessers(BTreeMap::new())),
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
        let mut known = Guessers(BTreeMap::new());
        for guesser in 0..3 * GUESSERS_MAX {
            known.guess(guesser, ADDRESS, 0);
        }
        assert_eq!(known.0.len(), GUESSERS_MAX);
        known.forget(ADDRESS.each_ms);
        assert!(known.0.is_empty());
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
