//! How many codes a store is lent: one pure function, [`grant`].

use crate::domain::wire::CODES_MAX;

/// A store that has hardly assigned anything is meant to have so many.
pub const LEAST: u64 = 50;

/// Codes that are lent in one write at most; a store that needs more is lent more at its next contact.
pub const GRANT_MAX: u64 = CODES_MAX as u64;

/// A store that has given its codes back is lent none for so long: a day's business.
pub const RESTS_MS: i64 = 24 * 60 * 60 * 1_000;

/// Whether a store that gave its codes back so long ago is still to be lent none. A clock that was
/// set back meanwhile does not make it longer.
pub fn rests(since_ms: i64) -> bool {
    (0..RESTS_MS).contains(&since_ms)
}

/// What a store has of a campaign's pool, and how it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Codes left in its leases, those on their way to it among them.
    pub left: u64,
    /// Codes it assigned in the last seven days.
    pub assigned_7d: u64,
    /// Codes that somebody waits for at this moment.
    pub wanted: u64,
}

/// What there is to lend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// Codes that the hub itself may still assign or lend.
    pub left: u64,
    /// Nodes of stores that draw from the campaign, the one that asks among them.
    pub nodes: u64,
}

/// How many codes a store is lent now.
///
/// It is meant to have as many as it assigned in the last seven days, which is as long as it may be
/// out of touch, and at least [`LEAST`]. While it has half of that nothing moves, unless more are
/// waited for than it has. Then it is lent what is missing; but at most [`GRANT_MAX`], and never more
/// than an equal share of what is left, rounded up, for the hub and each store have one: so nobody
/// empties a pool that others draw from, and the last code still goes to whoever waits for it.
pub fn grant(need: Need, stock: Stock) -> u64 {
    let meant = need.assigned_7d.max(LEAST);
    let is_waited_for = need.wanted > need.left;
    if need.left >= meant.div_ceil(2) && !is_waited_for {
        return 0;
    }
    let missing = meant.max(need.wanted).saturating_sub(need.left);
    let share = stock.left.div_ceil(stock.nodes.max(1).saturating_add(1));
    missing.min(share).min(GRANT_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn need(left: u64, assigned_7d: u64, wanted: u64) -> Need {
        Need {
            left,
            assigned_7d,
            wanted,
        }
    }

    fn stock(left: u64, nodes: u64) -> Stock {
        Stock { left, nodes }
    }

    #[test]
    fn a_store_is_lent_a_week_and_no_more_before_half_of_it_is_gone() {
        let table = [
            // A new store; then one that has half of what it is meant to have, and less.
            (need(0, 0, 0), stock(10_000, 3), LEAST),
            (need(LEAST / 2, 0, 0), stock(10_000, 3), 0),
            (need(LEAST / 2 - 1, 0, 0), stock(10_000, 3), 26),
            (need(0, 700, 0), stock(10_000, 3), 700),
            (need(350, 700, 0), stock(10_000, 3), 0),
            (need(349, 700, 0), stock(10_000, 3), 351),
            // Somebody waits for more than there is.
            (need(350, 700, 400), stock(10_000, 3), 350),
            (need(0, 0, 500), stock(10_000, 3), 500),
            // A share of what is left: one for each store, and one for the hub.
            (need(0, 700, 0), stock(400, 3), 100),
            (need(0, 0, 1), stock(1, 9), 1),
            (need(0, 0, 1), stock(0, 9), 0),
            (need(0, 1_000_000, 0), stock(10_000_000, 1), GRANT_MAX),
        ];
        for (need, stock, expected) in table {
            assert_eq!(grant(need, stock), expected, "{need:?} {stock:?}");
        }
    }

    #[test]
    fn what_was_given_back_is_not_lent_again_for_a_day() {
        let table = [
            (0, true),
            (RESTS_MS - 1, true),
            (RESTS_MS, false),
            (-1, false),
        ];
        for (since_ms, expected) in table {
            assert_eq!(rests(since_ms), expected, "{since_ms}");
        }
    }

    proptest! {
        #[test]
        fn never_more_than_there_is_and_whoever_waits_gets_on(
            left in 0..u64::MAX, assigned_7d: u64, wanted: u64, pool in 0..1_000_000_u64,
            nodes in 0..2_000_u64,
        ) {
            let lent = grant(need(left, assigned_7d, wanted), stock(pool, nodes));
            prop_assert!(lent <= pool);
            prop_assert!(lent <= GRANT_MAX);
            if wanted > left && pool > 0 {
                prop_assert!(lent > 0);
            }
        }

        #[test]
        fn stores_that_ask_in_turn_never_get_more_than_the_pool(
            pool in 0..5_000_u64, asks in proptest::collection::vec((0..300_u64, 0..20_u64), 0..60),
        ) {
            let mut rest = pool;
            for (assigned_7d, wanted) in asks {
                rest -= grant(need(0, assigned_7d, wanted), stock(rest, 4));
            }
            prop_assert!(rest <= pool);
        }
    }
}
