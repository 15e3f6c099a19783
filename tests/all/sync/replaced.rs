//! A lost slip is replaced by whoever holds its code: at a store the hub is asked about any other.

use counterfoil::desk::{self, HubLine};
use counterfoil::domain::claim::{Claim, ClaimWord};
use counterfoil::domain::ids::Key;
use counterfoil::domain::refusal::Refusal;
use counterfoil::ledger::ReplaceRequest;

use crate::sync::asked::{Line, Wire};
use crate::sync::world::{
    self, Node, SPRING, act_of, and_with_hubs_in_databases, meet, send, tell,
};

const ANA: &str = "ana@example.org";

/// Replaces a code at a store, under a key.
fn replace(
    (hub, store): (&mut Node, &mut Node),
    line: Line,
    code: &str,
    key: &str,
) -> Result<Claim, Refusal> {
    let act = act_of("Desk", store.now_ms);
    let key: Key = key.parse().unwrap();
    let request = ReplaceRequest {
        raw: code.as_bytes(),
        reason: "lost",
        key: Some(&key),
        minted: &key,
        approved_by: None,
        only_unused: false,
        prints: false,
        random: [4; 14],
    };
    let heard = Vec::new();
    let mut wire = Wire { hub, line, heard };
    let line: &mut dyn HubLine = &mut wire;
    desk::replace(&mut store.ledger, &request, Some(line), &act).unwrap()
}

fn states(node: &Node, code: &str) -> i64 {
    let folded = code.replace('-', "");
    node.count(&format!("SELECT state FROM code WHERE folded = '{folded}'"))
}

fn lives(node: &Node) -> i64 {
    node.count("SELECT count(*) FROM code WHERE state = 1")
}

#[test]
fn a_code_that_the_hub_holds_is_replaced_by_the_hub() {
    let mut hub = world::hub(20);
    let mut store = world::store(&mut hub, "Riverside");
    let old = hub.assigned(SPRING, ANA);
    meet(&mut hub, &mut store);
    let refused = replace((&mut hub, &mut store), Line::IsDown, &old, "k-1").unwrap();
    assert_eq!(
        (refused.word, refused.word.exit_code()),
        (ClaimWord::NeedsHub, 3)
    );
    assert!(refused.message().contains("ask again"), "{refused:?}");
    assert_eq!((states(&hub, &old), states(&store, &old)), (1, 1));
    let unknown = replace((&mut hub, &mut store), Line::LosesTheAnswer, &old, "k-1").unwrap();
    assert_eq!(unknown.word, ClaimWord::NeedsHub);
    // Under its key it is the same act, in reach or not.
    let given = replace((&mut hub, &mut store), Line::Delivers, &old, "k-1").unwrap();
    assert_eq!(given.word, ClaimWord::Replayed);
    let new = given.code.unwrap();
    assert_ne!(new, old);
    let apart = replace((&mut hub, &mut store), Line::IsDown, &old, "k-1").unwrap();
    assert_eq!(
        (apart.word, apart.code),
        (ClaimWord::Replayed, Some(new.clone()))
    );
    meet(&mut hub, &mut store);
    for node in [&mut hub, &mut store] {
        assert_eq!(
            (states(node, &old), states(node, &new), lives(node)),
            (3, 1, 1)
        );
        node.assert_well();
    }
    // Under another key there is nothing to replace any more.
    let void = replace((&mut hub, &mut store), Line::Delivers, &old, "k-2");
    assert!(matches!(void, Err(Refusal::State(_))), "{void:?}");
    assert_eq!(store.claim(SPRING, ANA).code, Some(new));
}

#[test]
fn a_code_that_another_store_holds_is_replaced_once_it_has_handed_it_over() {
    let mut hub = world::hub(2_000);
    let mut store = world::store(&mut hub, "Riverside");
    let mut other = world::store(&mut hub, "Harbour");
    meet(&mut hub, &mut store);
    meet(&mut hub, &mut other);
    let old = other.assigned(SPRING, ANA);
    meet(&mut hub, &mut other);
    meet(&mut hub, &mut store);
    let refused = replace((&mut hub, &mut store), Line::Delivers, &old, "k-1").unwrap();
    assert_eq!(refused.word, ClaimWord::NeedsHub);
    assert_eq!(states(&hub, &old), 1);
    // Its holder was asked for it, and hands it over as it hears of that.
    tell(&mut hub, &mut other);
    send(&mut hub, &mut other);
    let given = replace((&mut hub, &mut store), Line::Delivers, &old, "k-1").unwrap();
    assert_eq!(given.word, ClaimWord::Assigned);
    meet(&mut hub, &mut store);
    meet(&mut hub, &mut other);
    for node in [&mut hub, &mut store, &mut other] {
        assert_eq!((states(node, &old), lives(node)), (3, 1));
        node.assert_well();
    }
}

#[test]
fn a_store_replaces_what_it_holds_without_asking() {
    let mut hub = world::hub(2_000);
    let mut store = world::store(&mut hub, "Riverside");
    meet(&mut hub, &mut store);
    let old = store.assigned(SPRING, ANA);
    let given = replace((&mut hub, &mut store), Line::IsDown, &old, "k-1").unwrap();
    assert_eq!(given.word, ClaimWord::Assigned);
    meet(&mut hub, &mut store);
    for node in [&mut hub, &mut store] {
        assert_eq!((states(node, &old), lives(node)), (3, 1));
        node.assert_well();
    }
}

and_with_hubs_in_databases! {
    a_code_that_the_hub_holds_is_replaced_by_the_hub,
    a_code_that_another_store_holds_is_replaced_once_it_has_handed_it_over,
    a_store_replaces_what_it_holds_without_asking,
}
