//! Test customers at a store: they are known there, and draw no real code.

use counterfoil::domain::claim::ClaimWord;
use counterfoil::domain::entry::instant;
use counterfoil::domain::refusal::Refusal;

use crate::sync::world::{self, Node, SPRING, and_with_hubs_in_databases, meet, spring, tell};

const TESTER: &str = "qa@example.org";
const DAY_MS: i64 = 24 * 3_600_000;

fn begin(hub: &mut Node) {
    let act = hub.act();
    let named = [(TESTER.to_owned(), [5; 14])];
    let until = instant(hub.now_ms + DAY_MS);
    hub.ledger
        .test_mode_on(&spring(), &named, until, &act)
        .unwrap()
        .unwrap();
}

#[test]
fn a_test_customer_draws_no_real_code_at_a_store() {
    let mut hub = world::hub(20);
    let mut store = world::store(&mut hub, "Riverside");
    meet(&mut hub, &mut store);
    begin(&mut hub);
    tell(&mut hub, &mut store);
    let act = store.act();
    let modes = store.ledger.campaigns_in_test_mode(act.now).unwrap();
    assert_eq!(modes.len(), 1);
    let refused = store.claim(SPRING, TESTER);
    assert_eq!(refused.word, ClaimWord::NotEligible);
    assert!(refused.message().contains("test mode"), "{refused:?}");
    assert_eq!(store.count("SELECT count(*) FROM code WHERE state <> 0"), 0);
    // Everybody else is given real codes, as ever; at the hub the tester draws test codes.
    store.assigned(SPRING, "ana@example.org");
    let tested = hub.claim(SPRING, TESTER);
    assert_eq!(
        (tested.word, tested.state),
        (ClaimWord::Assigned, Some("test"))
    );
    meet(&mut hub, &mut store);
    assert_eq!(store.count("SELECT count(*) FROM code WHERE state = 5"), 0);
    // It is begun and ended at the hub alone.
    let ended = store.ledger.test_mode_off(&spring(), &act).unwrap();
    assert!(matches!(ended, Err(Refusal::PoolsAtTheHub(_))), "{ended:?}");
    let named = [(TESTER.to_owned(), [6; 14])];
    let until = instant(store.now_ms + DAY_MS);
    let begun = store.ledger.test_mode_on(&spring(), &named, until, &act);
    assert!(matches!(begun.unwrap(), Err(Refusal::PoolsAtTheHub(_))));
    let at_hub = hub.act();
    hub.ledger
        .test_mode_off(&spring(), &at_hub)
        .unwrap()
        .unwrap();
    tell(&mut hub, &mut store);
    store.assigned(SPRING, TESTER);
    meet(&mut hub, &mut store);
    for node in [&mut hub, &mut store] {
        assert_eq!(node.count("SELECT count(*) FROM code WHERE state = 1"), 2);
        node.assert_well();
    }
}

#[test]
fn test_mode_at_a_store_is_over_when_its_time_is() {
    let mut hub = world::hub(20);
    begin(&mut hub);
    // It is in test mode before the store has heard of anything.
    let mut store = world::store(&mut hub, "Riverside");
    meet(&mut hub, &mut store);
    let refused = store.claim(SPRING, TESTER);
    assert_eq!(refused.word, ClaimWord::NotEligible);
    store.passes(DAY_MS);
    store.assigned(SPRING, TESTER);
}

and_with_hubs_in_databases! {
    a_test_customer_draws_no_real_code_at_a_store,
    test_mode_at_a_store_is_over_when_its_time_is,
}
