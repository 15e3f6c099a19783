//! A hub that is up, and the network before it.

use crate::proxy::Proxy;
use crate::serving::Hub;
use crate::shop::{CAMPAIGN, Shop, number};
use crate::stores::Store;

/// Codes that the hub has given out itself: `code(0)`, `code(1)`…
pub(crate) const GIVEN_OUT: usize = 12;

/// Codes that are to be had.
pub(crate) const POOL: usize = 400;

/// A hub, its process, and the proxy before it.
pub(crate) struct Stage {
    pub(crate) shop: Shop,
    pub(crate) hub: Option<Hub>,
    pub(crate) proxy: Proxy,
}

impl Stage {
    /// A hub that is up, with a pool.
    pub(crate) fn new() -> Stage {
        let shop = Shop::with(&[], GIVEN_OUT);
        let pool: Vec<String> = (0..POOL).map(|n| format!("POOL-{n:05}-GIVE")).collect();
        shop.import("pool.csv", &pool, &[]).well();
        let hub = Hub::up(&shop);
        let proxy = Proxy::before(&hub.address);
        Stage {
            shop,
            hub: Some(hub),
            proxy,
        }
    }

    /// A store that has joined through the proxy, and has codes to give.
    pub(crate) fn store(&self, name: &str) -> Store {
        let store = Store::joined(&self.shop, &self.proxy.address, name);
        assert!(left(&store) > 0, "nothing is lent to it");
        store
    }

    /// The hub's process ends, and says what it logged.
    pub(crate) fn ends(&mut self) -> Vec<serde_json::Value> {
        self.hub.take().map(Hub::end).unwrap_or_default()
    }

    /// How many redemptions that stand the hub knows of a code.
    pub(crate) fn uses(&self, code: &str) -> i64 {
        let folded = code.replace('-', "");
        let sql = format!("SELECT uses_made FROM code WHERE folded = '{folded}'");
        self.shop.count(&sql)
    }

    /// Conflicts that the hub has raised.
    pub(crate) fn conflicts(&self) -> i64 {
        self.shop.count("SELECT count(*) FROM conflict")
    }

    /// Everything holds, and the codes are all there.
    pub(crate) fn assert_well(&mut self) {
        drop(self.ends());
        self.shop.assert_well();
        let pool = self.shop.run(&["pool", "--campaign", CAMPAIGN]);
        let pool = pool.well().json();
        let all = ["available", "leased", "assigned", "redeemed"].map(|word| number(pool, word));
        let expected = i64::try_from(GIVEN_OUT + POOL).unwrap_or(0);
        assert_eq!(all.iter().sum::<i64>(), expected);
    }
}

/// Codes that a store may still give out by itself.
pub(crate) fn left(store: &Store) -> i64 {
    store.count("SELECT coalesce(sum(end_ordinal - next_ordinal), 0) FROM lease WHERE holder = 1")
}
