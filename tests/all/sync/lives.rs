//! Lives of a store's ledger: restored from a backup, copied, lost, fenced, and come back.

use counterfoil::domain::claim::ClaimWord;
use counterfoil::domain::entry::instant;
use counterfoil::domain::store::FIRST_LABEL;
use counterfoil::domain::wire::{Joined, Standing};
use counterfoil::ledger::Ledger;

use crate::sync::world::{CONFIRMED, Node, alone, and_with_hubs_in_databases, hub, join, meet};

/// A shop that joined with three cards given out and ten codes to claim.
fn world() -> (Node, Node) {
    let mut hub = hub(10);
    let mut shop = alone("Riverside");
    shop.campaign(
        "cards",
        &counterfoil::domain::campaign::Rules::new("10 % off"),
    );
    shop.generate("cards", 10, false);
    shop.import("cards", &["CARD-0001", "CARD-0002", "CARD-0003"]);
    join(&mut hub, &mut shop, "Riverside");
    (hub, shop)
}

/// Puts the shop's backup back in the place of its ledger.
fn restore(shop: &mut Node, backup: &std::path::Path) {
    let folder = shop.folder().to_owned();
    let act = shop.act();
    // The ledger must be closed for it.
    let elsewhere = alone("Elsewhere");
    let open = std::mem::replace(&mut shop.ledger, elsewhere.ledger);
    drop(open);
    let (ledger, rebirth) = Ledger::restore(&folder, backup, 0, &act).unwrap();
    assert!(rebirth.is_quarantined);
    assert_eq!((rebirth.suspects, rebirth.needs_approval), (0, false));
    shop.ledger = ledger;
}

fn standing(node: &mut Node) -> Standing {
    node.ledger.hub_link().unwrap().unwrap().standing
}

/// Asks the hub for a life, and hears what it says.
fn asks_for_life(hub: &mut Node, shop: &mut Node) -> Joined {
    let asked = shop
        .ledger
        .new_life_request(instant(shop.now_ms))
        .unwrap()
        .unwrap();
    let act = hub.act();
    let first = hub.ledger.begin_life(&asked, &act).unwrap().unwrap();
    // Its answer was lost, and it asks again.
    let told = hub.ledger.begin_life(&asked, &act).unwrap().unwrap();
    assert_eq!(first, told);
    let act = shop.act();
    shop.ledger.heard_life(&told, &act).unwrap();
    told
}

const SUSPECTS: &str = "SELECT count(*) FROM code WHERE state = 4";

#[test]
fn a_restored_store_spends_nothing_until_the_hub_has_made_suspect_what_it_may_have_spent() {
    let (mut hub, mut shop) = world();
    let backup = shop.folder().with_file_name("backup.db");
    shop.ledger.backup(&backup).unwrap();
    // Two acts that only this disk knows of, and then it is put back.
    assert_eq!(shop.verdict("till", "CARD-0001", "k1"), CONFIRMED);
    shop.assigned("cards", "ana@example.org");
    restore(&mut shop, &backup);
    assert_eq!(standing(&mut shop), Standing::Quarantined);
    assert_eq!(shop.count(SUSPECTS), 0);
    assert_eq!(shop.count("SELECT restored_code_id FROM ledger"), 0);
    let link = shop.ledger.hub_link().unwrap().unwrap();
    assert!(!link.may_hold(shop.now_ms));

    let told = asks_for_life(&mut hub, &mut shop);
    assert_eq!(told.welcome.standing, Standing::Active);
    assert_eq!(standing(&mut shop), Standing::Active);
    // Every card may have been redeemed, and two codes may have been given out.
    assert_eq!(hub.count(SUSPECTS), 3 + 2);
    assert_eq!(
        hub.count("SELECT count(*) FROM code WHERE holder <> 1 AND state IN (0, 1, 4)"),
        0
    );
    assert_eq!(hub.count("SELECT sum(leased) FROM tally"), 0);
    assert_eq!(
        hub.count("SELECT count(*) FROM entry WHERE kind = 'store_reborn'"),
        1
    );
    // The store holds nothing until the feed tells it what it holds.
    assert_eq!(
        shop.count("SELECT count(*) FROM code WHERE holder = 1 AND state IN (0, 1, 4)"),
        0
    );
    assert_eq!(shop.count("SELECT count(*) FROM lease WHERE holder = 1"), 0);
    assert_eq!(shop.count("SELECT leased FROM tally"), 10);
    hub.assert_well();
    shop.assert_well();
}

#[test]
fn a_copy_and_the_file_it_was_copied_from_are_two_lives() {
    let (mut hub, mut shop) = world();
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("ledger.db");
    shop.ledger.backup(&file).unwrap();
    let act = shop.act();
    let (copied, rebirth) = Ledger::open(copy.path(), &act).unwrap();
    assert_eq!(rebirth.unwrap().why, "marker_missing");
    let mut copied = Node::of(copied, copy.path(), "drawn", shop.now_ms);
    assert_eq!(standing(&mut copied), Standing::Quarantined);
    asks_for_life(&mut hub, &mut copied);
    // Nobody can say what the other one has spent: all that was held.
    assert_eq!(hub.count(SUSPECTS), 3 + 10);

    // The first file is still in use: from its next contact on it is quarantined, with a higher number.
    let node = hub.ledger.stores().unwrap().remove(0);
    assert_eq!(node.incarnation, 2);
    let welcome = asks_for_life_of(&mut hub, &copied);
    let act = shop.act();
    shop.ledger.hear_welcome(&welcome.welcome, &act).unwrap();
    assert_eq!(standing(&mut shop), Standing::Quarantined);
    assert_eq!(shop.count("SELECT incarnation FROM ledger"), 3);
    asks_for_life(&mut hub, &mut shop);
    assert_eq!(standing(&mut shop), Standing::Active);
    let node = hub.ledger.stores().unwrap().remove(0);
    assert_eq!(node.incarnation, 3);
    hub.assert_well();
    shop.assert_well();
    copied.assert_well();
}

/// What the hub says to a contact of this life.
fn asks_for_life_of(hub: &mut Node, _copied: &Node) -> Joined {
    let node = hub.ledger.stores().unwrap().remove(0);
    let asked = counterfoil::domain::wire::NewLife {
        hello: counterfoil::domain::wire::Hello {
            wire: 1,
            node: node.node.unwrap(),
            incarnation: 1,
            now_ms: hub.now_ms,
            unsent: 0,
        },
        life_hash: String::new(),
        branch_seq: 0,
        points: Vec::new(),
        missing: None,
        gave: None,
        hub: counterfoil::domain::wire::HubKnown::default(),
    };
    let act = hub.act();
    hub.ledger.begin_life(&asked, &act).unwrap().unwrap()
}

#[test]
fn two_lives_that_took_the_same_number_are_told_apart() {
    let (mut hub, mut shop) = world();
    let copies: Vec<_> = (0..2)
        .map(|_| {
            let copy = tempfile::tempdir().unwrap();
            shop.ledger.backup(&copy.path().join("ledger.db")).unwrap();
            copy
        })
        .collect();
    let mut lives: Vec<_> = copies
        .iter()
        .zip(["first", "second"])
        .map(|(copy, counter)| {
            let act = crate::sync::world::act_of(counter, shop.now_ms);
            let (ledger, _) = Ledger::open(copy.path(), &act).unwrap();
            Node::of(ledger, copy.path(), "drawn", shop.now_ms)
        })
        .collect();
    for life in &mut lives {
        assert_eq!(life.count("SELECT incarnation FROM ledger"), 2);
    }
    asks_for_life(&mut hub, &mut lives[0]);
    assert_eq!(standing(&mut lives[0]), Standing::Active);
    asks_for_life(&mut hub, &mut lives[1]);
    // Its number was taken: it took the next, and is quarantined until it has asked again.
    assert_eq!(standing(&mut lives[1]), Standing::Quarantined);
    assert_eq!(lives[1].count("SELECT incarnation FROM ledger"), 3);
    asks_for_life(&mut hub, &mut lives[1]);
    assert_eq!(standing(&mut lives[1]), Standing::Active);
    hub.assert_well();
}

#[test]
fn what_a_written_off_store_held_is_suspect_and_never_issued_again() {
    let (mut hub, mut shop) = world();
    let act = hub.act();
    let written_off = hub
        .ledger
        .set_standing("Riverside", FIRST_LABEL, Standing::WrittenOff, &act)
        .unwrap()
        .unwrap();
    assert_eq!(written_off.standing, Standing::WrittenOff);
    assert_eq!(written_off.incarnation, 2);
    assert_eq!(hub.count(SUSPECTS), 13);
    assert_eq!(hub.count("SELECT sum(available) FROM tally"), 10);
    hub.assert_well();

    // It comes back: quarantined, then known again, holding nothing.
    let reinstated = hub
        .ledger
        .set_standing("Riverside", FIRST_LABEL, Standing::Active, &act)
        .unwrap()
        .unwrap();
    assert_eq!(reinstated.standing, Standing::Active);
    let told = asks_for_life_of(&mut hub, &shop);
    let act = shop.act();
    shop.ledger.hear_welcome(&told.welcome, &act).unwrap();
    assert_eq!(standing(&mut shop), Standing::Quarantined);
    asks_for_life(&mut hub, &mut shop);
    assert_eq!(standing(&mut shop), Standing::Active);
    assert_eq!(hub.count(SUSPECTS), 13);
    hub.assert_well();
    shop.assert_well();
}

#[test]
fn a_revoked_store_keeps_what_it_holds_and_may_come_back() {
    let (mut hub, mut shop) = world();
    let act = hub.act();
    let mut set = |standing| {
        hub.ledger
            .set_standing("Riverside", FIRST_LABEL, standing, &act)
            .unwrap()
    };
    set(Standing::Revoked).unwrap();
    set(Standing::Revoked).unwrap_err();
    assert_eq!(hub.count(SUSPECTS), 0);
    let told = asks_for_life_of(&mut hub, &shop);
    let heard = shop.act();
    shop.ledger.hear_welcome(&told.welcome, &heard).unwrap();
    assert_eq!(standing(&mut shop), Standing::Revoked);
    assert!(
        !shop
            .ledger
            .hub_link()
            .unwrap()
            .unwrap()
            .may_hold(shop.now_ms)
    );
    hub.ledger
        .set_standing("Riverside", FIRST_LABEL, Standing::Active, &act)
        .unwrap()
        .unwrap();
    let told = asks_for_life_of(&mut hub, &shop);
    shop.ledger.hear_welcome(&told.welcome, &heard).unwrap();
    assert!(
        shop.ledger
            .hub_link()
            .unwrap()
            .unwrap()
            .may_hold(shop.now_ms)
    );
}

#[test]
fn a_restored_hub_issues_nothing_it_held_and_is_noticed_by_its_life() {
    let (mut hub, mut shop) = world();
    let backup = hub.folder().with_file_name("hub-backup.db");
    hub.ledger.backup(&backup).unwrap();
    let folder = hub.folder().to_owned();
    let elsewhere = alone("Elsewhere");
    drop(std::mem::replace(&mut hub.ledger, elsewhere.ledger));
    let act = hub.act();
    let (ledger, rebirth) = Ledger::restore(&folder, &backup, 0, &act).unwrap();
    hub.ledger = ledger;
    assert_eq!(rebirth.suspects, 10);
    let told = asks_for_life_of(&mut hub, &shop);
    let life = told.welcome.hub_life;
    assert!(life > 1);
    let act = shop.act();
    shop.ledger.hear_welcome(&told.welcome, &act).unwrap();
    let link = shop.ledger.hub_link().unwrap().unwrap();
    assert_eq!((link.hub_life, link.cursor.position), (life, 0));
    // It holds nothing until this hub has told it so.
    assert_eq!(
        shop.count("SELECT count(*) FROM code WHERE holder = 1 AND state IN (0, 1)"),
        0
    );
    // The hub's former life is heard no more.
    let mut old = told.welcome.clone();
    old.hub_life = 1;
    old.standing = Standing::Revoked;
    shop.ledger.hear_welcome(&old, &act).unwrap();
    assert_eq!(standing(&mut shop), Standing::Active);
    hub.assert_well();
    shop.assert_well();
}

/// A code that was given out after the backup was taken is lost with its entry. Before it in the order of
/// the pool come those that the backup knows to be given out, and the hub does not know yet.
fn given_out_after_a_backup_that_was_not_sent(lost: usize) {
    let (mut hub, mut shop) = world();
    for person in ["ana", "ben", "cleo"] {
        shop.assigned("cards", &format!("{person}@example.org"));
    }
    let backup = shop.folder().with_file_name("backup.db");
    shop.ledger.backup(&backup).unwrap();
    let given: Vec<String> = (0..lost)
        .map(|number| shop.assigned("cards", &format!("p{number}@example.org")))
        .collect();
    restore(&mut shop, &backup);
    asks_for_life(&mut hub, &mut shop);
    // Only those codes are in doubt, and none of them is given out by the hub meanwhile.
    let doubtful = i64::try_from(3 + lost).unwrap();
    assert_eq!(
        hub.count("SELECT count(*) FROM code WHERE state = 4 AND ordinal IS NOT NULL"),
        doubtful
    );
    meet(&mut hub, &mut shop);
    // Whoever has the rest now.
    let mut again = Vec::new();
    for number in 0..20 {
        for node in [&mut hub, &mut shop] {
            let claim = node.claim("cards", &format!("q{number}@example.org"));
            again.extend(claim.code.filter(|_| claim.word == ClaimWord::Assigned));
        }
    }
    assert_eq!(again.len(), 10 - 3 - lost);
    assert!(given.iter().all(|code| !again.contains(code)));
    assert_eq!(hub.count("SELECT count(*) FROM conflict"), 0);
    hub.assert_well();
}

#[test]
fn what_a_restored_store_had_not_sent_hides_nothing_that_it_has_lost() {
    given_out_after_a_backup_that_was_not_sent(2);
    given_out_after_a_backup_that_was_not_sent(0);
}

/// The hub has more of a store than it has acknowledged: it came as facts while another life of it had
/// authority, and comes again.
#[test]
fn what_came_before_it_was_acknowledged_is_taken_once() {
    let (mut hub, mut shop) = world();
    meet(&mut hub, &mut shop);
    assert_eq!(shop.verdict("till", "CARD-0001", "k1"), CONFIRMED);
    let before = "UPDATE store SET acked_seq = (SELECT max(seq) - 1 FROM entry WHERE node <> 1), \
                  acked_hash = (SELECT hash FROM entry WHERE node <> 1 ORDER BY seq DESC \
                  LIMIT 1 OFFSET 1)";
    meet(&mut hub, &mut shop);
    assert_eq!(hub.tamper(before), 1);
    let acked = hub.count("SELECT acked_seq FROM store");
    let sql = format!("UPDATE hub_link SET acked_seq = {acked}");
    assert_eq!(shop.tamper(&sql), 1);
    assert_eq!(shop.batch().entries.len(), 1);
    meet(&mut hub, &mut shop);
    assert_eq!(hub.count("SELECT acked_seq FROM store"), acked + 1);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 1);
    hub.assert_well();
}

/// A use that was undone and not sent is called by another life of its store once that was restored; the
/// entry that undid it names it as it was called before.
fn undone_before_it_was_restored(comes_late: bool) {
    let (mut hub, mut shop) = world();
    meet(&mut hub, &mut shop);
    assert_eq!(shop.verdict("till", "CARD-0001", "k1"), CONFIRMED);
    shop.reverse("till", "CARD-0001");
    let under_way = shop.batch();
    let backup = shop.folder().with_file_name("backup.db");
    shop.ledger.backup(&backup).unwrap();
    restore(&mut shop, &backup);
    asks_for_life(&mut hub, &mut shop);
    let act = hub.act();
    if comes_late {
        hub.ledger.take_in(&under_way, &act).unwrap();
    }
    meet(&mut hub, &mut shop);
    void_card(&mut hub);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 0);
    assert_eq!(hub.count("SELECT count(*) FROM conflict"), 0);
    hub.assert_well();
    shop.assert_well();
}

/// Another entry of the same code: all of them are added up anew.
fn void_card(hub: &mut Node) {
    let act = hub.act();
    hub.ledger
        .void_code(b"CARD-0001", "withdrawn", &act)
        .unwrap()
        .unwrap();
}

#[test]
fn a_use_stays_undone_when_a_later_life_of_its_store_calls_it_anew() {
    undone_before_it_was_restored(false);
    undone_before_it_was_restored(true);
}

/// A hub that was put back finds it out also by a store that may not send anything before it is known.
#[test]
fn a_hub_that_is_behind_begins_no_life_of_a_store() {
    let (mut hub, mut shop) = world();
    let image = hub.image();
    let act = hub.act();
    hub.ledger.begin_hub_life(Some(0), &act).unwrap().unwrap();
    let welcome = asks_for_life_of(&mut hub, &shop).welcome;
    let act = shop.act();
    shop.ledger.hear_welcome(&welcome, &act).unwrap();
    let backup = shop.folder().with_file_name("backup.db");
    shop.ledger.backup(&backup).unwrap();
    restore(&mut shop, &backup);

    hub.put_back(&image);
    let told = asks_for_life(&mut hub, &mut shop);
    assert!(told.welcome.is_behind);
    assert_eq!(standing(&mut shop), Standing::Quarantined);
    assert_eq!(hub.ledger.stores().unwrap().remove(0).incarnation, 1);
    let act = hub.act();
    hub.ledger.begin_hub_life(Some(0), &act).unwrap().unwrap();
    asks_for_life(&mut hub, &mut shop);
    assert_eq!(standing(&mut shop), Standing::Active);
}

and_with_hubs_in_databases! {
    a_restored_store_spends_nothing_until_the_hub_has_made_suspect_what_it_may_have_spent,
    a_copy_and_the_file_it_was_copied_from_are_two_lives,
    two_lives_that_took_the_same_number_are_told_apart,
    what_a_written_off_store_held_is_suspect_and_never_issued_again,
    a_revoked_store_keeps_what_it_holds_and_may_come_back,
    what_a_restored_store_had_not_sent_hides_nothing_that_it_has_lost,
    what_came_before_it_was_acknowledged_is_taken_once,
    a_use_stays_undone_when_a_later_life_of_its_store_calls_it_anew,
    a_hub_that_is_behind_begins_no_life_of_a_store,
}
