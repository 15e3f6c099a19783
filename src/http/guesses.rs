//! How often one may guess: wrong tokens by address, codes that do not exist by token.
//!
//! Each guesser has an allowance that a guess takes from and time fills up again; whoever has used it
//! up waits. It holds back nobody else: a token that is let in is never slowed by others at its address,
//! nor by another token. Kept in memory only, so that a flood of guesses writes nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong tokens from one address: so many at once, and one more each second.
const TOKENS: Allowance = Allowance {
    at_once: 60,
    each: Duration::from_secs(1),
};

/// Codes that do not exist, from one token: so many at once, and one more every two seconds. People
/// mistype, and a shop's whole web page may ask by one token; 30 a minute find none of 16¹² codes.
const CODES: Allowance = Allowance {
    at_once: 60,
    each: Duration::from_secs(2),
};

/// So many guessers are remembered; the one that has nearly waited long enough is forgotten first.
const GUESSERS_MAX: usize = 4096;

struct Allowance {
    at_once: u32,
    each: Duration,
}

/// Until when each guesser's allowance is less than full.
struct Guessers<K>(BTreeMap<K, Instant>);

impl<K: Ord + Clone> Guessers<K> {
    /// How long this guesser has to wait before the next guess, if at all.
    fn wait(&self, guesser: &K, allowance: &Allowance, now: Instant) -> Option<Duration> {
        let full_at = *self.0.get(guesser)?;
        let room = allowance.each * allowance.at_once.saturating_sub(1);
        let wait = full_at.saturating_duration_since(now).checked_sub(room)?;
        (!wait.is_zero()).then_some(wait)
    }

    fn guess(&mut self, guesser: K, allowance: &Allowance, now: Instant) {
        let full_at = self.0.get(&guesser).map_or(now, |at| (*at).max(now));
        // However many were under way at once, the wait stays within twice the allowance.
        let latest = now + allowance.each * allowance.at_once * 2;
        if self.0.len() >= GUESSERS_MAX && !self.0.contains_key(&guesser) {
            self.forget(now);
        }
        self.0
            .insert(guesser, (full_at + allowance.each).min(latest));
    }

    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, full_at| *full_at > now);
        if self.0.len() < GUESSERS_MAX {
            return;
        }
        let next = self.0.iter().min_by_key(|(_, full_at)| **full_at);
        if let Some(guesser) = next.map(|(guesser, _)| guesser.clone()) {
            self.0.remove(&guesser);
        }
    }
}

/// Who has guessed lately.
pub(super) struct Guesses {
    addresses: Mutex<Guessers<IpAddr>>,
    tokens: Mutex<Guessers<String>>,
}

impl Guesses {
    pub(super) fn new() -> Guesses {
        Guesses {
            addresses: Mutex::new(Guessers(BTreeMap::new())),
            tokens: Mutex::new(Guessers(BTreeMap::new())),
        }
    }

    /// Notes a token that is not let in; an error where there were too many: how long to wait.
    pub(super) fn wrong_token(&self, address: IpAddr) -> Result<(), Duration> {
        let now = Instant::now();
        let network = network_of(address);
        let mut known = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let wait = known.wait(&network, &TOKENS, now);
        known.guess(network, &TOKENS, now);
        wait.map_or(Ok(()), Err)
    }

    /// Whether a token may ask for a code; an error says how long it has to wait.
    pub(super) fn may_ask(&self, token: &str) -> Result<(), Duration> {
        let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .wait(&token.to_owned(), &CODES, Instant::now())
            .map_or(Ok(()), Err)
    }

    /// Notes that a token has asked for a code that does not exist.
    pub(super) fn guessed(&self, token: &str) {
        let mut known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        known.guess(token.to_owned(), &CODES, Instant::now());
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
    fn an_allowance_is_used_up_and_fills_again() {
        let mut known = Guessers(BTreeMap::new());
        let start = Instant::now();
        for _ in 0..CODES.at_once {
            assert_eq!(known.wait(&"web", &CODES, start), None);
            known.guess("web", &CODES, start);
        }
        assert_eq!(known.wait(&"web", &CODES, start), Some(CODES.each));
        assert_eq!(known.wait(&"till", &CODES, start), None);
        assert_eq!(known.wait(&"web", &CODES, start + CODES.each), None);
        // Guesses without end keep one waiting, but not for ever.
        for _ in 0..10_000 {
            known.guess("web", &CODES, start);
        }
        let wait = known.wait(&"web", &CODES, start).expect("a wait");
        assert!(wait <= CODES.each * CODES.at_once * 2);
        assert_eq!(
            known.wait(&"web", &CODES, start + CODES.each * CODES.at_once * 2),
            None
        );
    }

    #[test]
    fn guessers_without_end_take_no_room_without_end() {
        let mut known = Guessers(BTreeMap::new());
        let now = Instant::now();
        for guesser in 0..3 * GUESSERS_MAX {
            known.guess(guesser, &TOKENS, now);
        }
        assert_eq!(known.0.len(), GUESSERS_MAX);
        known.forget(now + TOKENS.each);
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
