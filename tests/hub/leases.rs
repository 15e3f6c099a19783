//! Codes that a hub lends to its stores, and that these give back.

use crate::shop::{CAMPAIGN, number};
use crate::stage::{Stage, left};

#[test]
fn what_a_store_gives_back_is_at_the_hub_and_stays_there() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let lent = left(&store);
    let figure = |word: &str| {
        let pool = stage.shop.run(&["pool", "--campaign", CAMPAIGN]);
        number(pool.well().json(), word)
    };
    assert_eq!(figure("leased"), lent);
    let ran = store.run(&["lease", "return"]);
    assert_eq!(number(ran.well().json(), "returned"), lent);
    for _ in 0..3 {
        store.sync().well();
        assert_eq!((left(&store), figure("leased")), (0, 0));
    }
    // While the hub answers, it gives codes out for the store.
    let code = store.assign("ana");
    store.sync().well();
    assert_eq!((left(&store), figure("leased")), (0, 0));
    assert_eq!(store.redeem(&code), "accepted");
    store.sync().well();
    store.assert_sent(&stage.shop);
    store.assert_well();
    stage.assert_well();
}

#[test]
fn a_store_that_has_used_its_codes_up_is_lent_more() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let lent = left(&store);
    for place in 0..=lent / 2 {
        drop(store.assign(&format!("guest{place}")));
    }
    assert!(left(&store) < lent / 2);
    store.sync().well();
    assert_eq!(left(&store), lent);
    store.assert_sent(&stage.shop);
    stage.assert_well();
}
