//! A drawn order without a table: a keyed permutation of the numbers below a limit.
//!
//! A Feistel network over the next even number of bits; what falls outside is sent round again
//! (cycle walking), so that it is one-to-one on exactly the numbers asked for. It keeps the order of
//! claims from telling the order of the codes; the codes themselves are what must not be guessed.

/// Rounds of the network; four already look random to any practical test.
const ROUNDS: usize = 8;

/// The random bytes a permutation is drawn from.
pub(crate) const KEY_BYTES: usize = ROUNDS * 8;

/// A one-to-one order of the numbers below `limit`.
pub(crate) struct Permutation {
    keys: [u64; ROUNDS],
    half_bits: u32,
    limit: u64,
}

impl Permutation {
    pub(crate) fn new(key: &[u8; KEY_BYTES], limit: u64) -> Permutation {
        let mut keys = [0; ROUNDS];
        for (number, bytes) in keys.iter_mut().zip(key.as_chunks::<8>().0) {
            *number = u64::from_le_bytes(*bytes);
        }
        let bits = u64::BITS - limit.saturating_sub(1).leading_zeros();
        Permutation {
            keys,
            half_bits: bits.div_ceil(2).max(1),
            limit,
        }
    }

    /// Where a number below the limit is sent.
    pub(crate) fn forward(&self, number: u64) -> u64 {
        self.walk(number, |at| {
            let (mut left, mut right) = self.halves(at);
            for key in self.keys {
                (left, right) = (right, left ^ self.mixed(right, key));
            }
            left << self.half_bits | right
        })
    }

    /// What was sent to a number below the limit.
    pub(crate) fn backward(&self, number: u64) -> u64 {
        self.walk(number, |at| {
            let (mut left, mut right) = self.halves(at);
            for key in self.keys.into_iter().rev() {
                (left, right) = (right ^ self.mixed(left, key), left);
            }
            left << self.half_bits | right
        })
    }

    fn walk(&self, number: u64, step: impl Fn(u64) -> u64) -> u64 {
        debug_assert!(number < self.limit, "{number} is not below {}", self.limit);
        let mut at = step(number);
        while at >= self.limit {
            at = step(at);
        }
        at
    }

    fn halves(&self, number: u64) -> (u64, u64) {
        (number >> self.half_bits, number & self.mask())
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }

    /// Mixes as splitmix64 does, with a key.
    fn mixed(&self, half: u64, key: u64) -> u64 {
        let mut bits = half.wrapping_add(key);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ bits >> 31) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_is_sent_to_one_of_its_own_and_back(
            key in proptest::collection::vec(any::<u8>(), KEY_BYTES),
            limit in 1..3000u64,
        ) {
            let key = <[u8; KEY_BYTES]>::try_from(key.as_slice()).unwrap();
            let order = Permutation::new(&key, limit);
            let mut seen = vec![false; usize::try_from(limit).unwrap()];
            for number in 0..limit {
                let sent = order.forward(number);
                prop_assert!(sent < limit);
                prop_assert_eq!(order.backward(sent), number);
                prop_assert!(!std::mem::replace(&mut seen[usize::try_from(sent).unwrap()], true));
            }
        }
    }

    #[test]
    fn neighbours_are_sent_far_apart() {
        let mut key = [7; KEY_BYTES];
        key[9] = 200;
        let order = Permutation::new(&key, 1_000_000);
        let close = (1..10_000)
            .filter(|number| order.forward(*number).abs_diff(order.forward(number - 1)) < 1000)
            .count();
        assert!((5..60).contains(&close), "{close} of about 20");
    }
}
