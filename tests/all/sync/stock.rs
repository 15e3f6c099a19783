//! A shop that worked alone joins a hub, and brings what it has: all of it, or nothing.

use counterfoil::domain::campaign::Rules;
use counterfoil::domain::refusal::Refusal;
use counterfoil::domain::store::FIRST_LABEL;
use counterfoil::domain::wire::{Goods, Standing};

use crate::sync::world::{CONFIRMED, Node, alone, and_with_hubs_in_databases, hub};

/// A shop with two campaigns, codes in every state, customers and a good many entries.
fn shop() -> Node {
    let mut shop = alone("Riverside");
    shop.campaign("own", &Rules::new("Free tea"));
    shop.campaign("cards", &Rules::new("10 % off"));
    shop.generate("own", 30, false);
    shop.generate("own", 20, false);
    shop.import("cards", &["CARD-0001", "CARD-0002", "CARD-0003"]);
    for number in 0..5 {
        shop.assigned("own", &format!("guest{number}@example.org"));
    }
    let first = shop.assigned("own", "ana@example.org");
    assert_eq!(shop.verdict("till", &first, "k1"), CONFIRMED);
    assert_eq!(shop.verdict("till", "CARD-0001", "k2"), CONFIRMED);
    assert_eq!(shop.verdict("till", "CARD-0002", "k3"), CONFIRMED);
    shop.reverse("till", "CARD-0002");
    shop
}

/// Everything of a pool that both must have alike.
fn figures(node: &Node, campaign: &str) -> Vec<i64> {
    [
        "available",
        "assigned",
        "redeemed",
        "void",
        "suspect",
        "uses_made",
    ]
    .iter()
    .map(|column| {
        node.count(&format!(
            "SELECT sum({column}) FROM tally t JOIN campaign m ON m.id = t.campaign \
                 WHERE m.name = '{campaign}'"
        ))
    })
    .collect()
}

fn invite(hub: &mut Node, token: &str) {
    let act = hub.act();
    hub.ledger
        .add_store("Riverside", FIRST_LABEL, token, &act)
        .unwrap()
        .unwrap();
}

#[test]
fn a_shop_brings_its_campaigns_codes_customers_and_entries_and_goes_on() {
    let (mut hub, mut shop) = (hub(10), shop());
    invite(&mut hub, "token");
    shop.secret = "drawn".into();
    let asked = shop.asks_to_join();
    let act = hub.act();
    let mut joined = hub.ledger.enrol(&asked, "token", &act).unwrap().unwrap();
    assert_eq!(joined.welcome.standing, Standing::Invited);
    let pieces = shop.stock_from(0);
    assert_eq!(pieces.len() as u64, asked.pieces);
    for piece in &pieces {
        assert_eq!(hub.count("SELECT count(*) FROM campaign"), 1);
        // Every piece twice: its answer may have been lost.
        hub.ledger.take_stock(piece, &act).unwrap().unwrap();
        joined = hub.ledger.take_stock(piece, &act).unwrap().unwrap();
        hub.assert_well();
        hub.ledger.sweep_batches().unwrap();
    }
    assert_eq!(joined.welcome.standing, Standing::Active);
    assert_eq!(joined.pieces, asked.pieces);
    // It sold on while it joined: that goes up later, like anything it does from now on.
    let later = shop.assigned("own", "late@example.org");
    shop.is_joined(&joined);
    assert_eq!(shop.verdict("till", &later, "k9"), CONFIRMED);

    for campaign in ["own", "cards"] {
        let mut expected = figures(&hub, campaign);
        if let ("own", [available, assigned, redeemed, .., uses]) =
            (campaign, expected.as_mut_slice())
        {
            *available -= 1;
            *redeemed += 1;
            *uses += 1;
            let _ = assigned;
        }
        assert_eq!(figures(&shop, campaign), expected, "{campaign}");
    }
    let node = hub.ledger.authenticate("drawn").unwrap().unwrap();
    assert_eq!(node.acked_seq, asked.seq);
    let held = hub.count(&format!(
        "SELECT count(*) FROM code WHERE holder = {}",
        node.number
    ));
    assert_eq!(held, 53);
    assert_eq!(
        hub.count("SELECT sum(end_ordinal - first_ordinal) FROM lease WHERE holder <> 1"),
        50
    );
    assert_eq!(
        hub.count("SELECT count(*) FROM entry WHERE node <> 1"),
        asked.seq
    );
    assert_eq!(hub.count("SELECT count(*) FROM reversal"), 1);
    assert_eq!(
        hub.count("SELECT count(*) FROM customer"),
        shop.count("SELECT count(*) FROM customer") - 1
    );
    let fact = shop.ledger.create_campaign(
        &"more".parse().unwrap(),
        &Rules::new("More"),
        &[1; 32],
        &act,
    );
    assert!(matches!(fact.unwrap(), Err(Refusal::PoolsAtTheHub(_))));
    assert_eq!(shop.count("SELECT count(*) FROM joining"), 0);
    hub.assert_well();
    shop.assert_well();
}

#[test]
fn a_campaign_or_a_code_that_the_hub_has_is_named_and_nothing_is_left() {
    let mut hub = hub(10);
    hub.import("spring", &["CARD-0003"]);
    let before = hub.count("SELECT count(*) FROM code");
    let mut shop = shop();
    let act = hub.act();
    invite(&mut hub, "token");
    shop.secret = "drawn".into();
    let asked = shop.asks_to_join();
    hub.ledger.enrol(&asked, "token", &act).unwrap().unwrap();
    let mut told = None;
    for piece in shop.stock_from(0) {
        match hub.ledger.take_stock(&piece, &act).unwrap() {
            Ok(_) => {}
            Err(refusal) => {
                told = Some(refusal);
                break;
            }
        }
    }
    assert_eq!(told, Some(Refusal::CodeTaken("CARD-0003".into())));
    assert_eq!(hub.count("SELECT count(*) FROM code"), before);
    for table in [
        "customer",
        "contact",
        "contact_hash",
        "stock",
        "customer_slot",
    ] {
        assert_eq!(
            hub.count(&format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
    assert_eq!(
        hub.count("SELECT count(*) FROM batch WHERE is_published = 0"),
        0
    );
    hub.assert_well();

    // The shop is as it was, and sells on; its pools are free again once it gives up.
    assert!(shop.ledger.hub_link().unwrap().is_none());
    assert!(shop.ledger.give_up_joining().unwrap());
    shop.campaign("more", &Rules::new("More"));
    shop.assert_well();

    // A campaign of the same name is named with the first piece.
    let mut other = alone("Riverside");
    other.campaign("spring", &Rules::new("Another"));
    other.secret = "drawn too".into();
    invite(&mut hub, "second");
    let asked = other.asks_to_join();
    let refused = hub.ledger.enrol(&asked, "second", &act).unwrap();
    refused.unwrap();
    let first = other.stock_from(0).remove(0);
    let refused = hub.ledger.take_stock(&first, &act).unwrap();
    assert_eq!(refused, Err(Refusal::CampaignTaken("spring".into())));
}

#[test]
fn a_stock_is_resumed_where_it_was_cut_off_and_nothing_else_is_taken_for_it() {
    let (mut hub, mut shop) = (hub(0), shop());
    invite(&mut hub, "token");
    let act = hub.act();
    shop.secret = "drawn".into();
    let asked = shop.asks_to_join();
    hub.ledger.enrol(&asked, "token", &act).unwrap().unwrap();
    let pieces = shop.stock_from(0);
    let first = &pieces[0];
    // Out of turn: nothing, but how many are here.
    let told = hub.ledger.take_stock(&pieces[1], &act).unwrap().unwrap();
    assert_eq!(told.pieces, 0);
    hub.ledger.take_stock(first, &act).unwrap().unwrap();
    // The computer was switched off: the same secret, the same pieces.
    shop.secret = "drawn anew".into();
    let again = shop.asks_to_join();
    assert_eq!((again.secret.as_str(), again.seq), ("drawn", asked.seq));
    let told = hub.ledger.enrol(&again, "token", &act).unwrap().unwrap();
    assert_eq!(told.pieces, 1);
    for piece in shop.stock_from(told.pieces) {
        let mut bad = piece.clone();
        if let Goods::Entries { entries } = &mut bad.goods {
            entries.remove(0);
            let mut spoilt = hub_of(&mut hub, &bad);
            assert!(matches!(spoilt.take(), Some(Refusal::Faulty(_))));
            return;
        }
        hub.ledger.take_stock(&piece, &act).unwrap().unwrap();
    }
    unreachable_end();
}

fn hub_of(hub: &mut Node, piece: &counterfoil::domain::wire::Stock) -> Option<Refusal> {
    let act = hub.act();
    hub.ledger.take_stock(piece, &act).unwrap().err()
}

fn unreachable_end() {
    let reached_entries = false;
    assert!(reached_entries, "the stock holds entries");
}

and_with_hubs_in_databases! {
    a_shop_brings_its_campaigns_codes_customers_and_entries_and_goes_on,
    a_campaign_or_a_code_that_the_hub_has_is_named_and_nothing_is_left,
    a_stock_is_resumed_where_it_was_cut_off_and_nothing_else_is_taken_for_it,
}
