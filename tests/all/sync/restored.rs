//! A hub that was put back to an older state: what it has lost and its stores know comes back, what
//! nobody can know is never given out, and a hub that does not know of it is found out.

use std::collections::BTreeSet;

use counterfoil::desk;
use counterfoil::domain::campaign::{Campaign, Home, Rules};
use counterfoil::domain::claim::ClaimWord;
use counterfoil::domain::conflict::Decision;
use counterfoil::domain::store::FIRST_LABEL;
use counterfoil::domain::verdict::{Answer, Verdict};
use counterfoil::domain::wire::Standing;
use counterfoil::ledger::{Act, Ledger, Scan};

use crate::sync::asked::{Line, Wire};
use crate::sync::world::{
    self, CONFIRMED, Image, Node, SPRING, act_of, and_with_hubs_in_databases, meet, send, spring,
    tell,
};

const CARDS: [&str; 4] = ["CARD-0001", "CARD-0002", "CARD-0003", "CARD-0004"];

/// A hub with twenty codes to claim and four cards given out, and two stores that know all of it.
fn world() -> (Node, [Node; 2]) {
    let mut hub = world::hub(20);
    hub.import(SPRING, &CARDS);
    let mut stores = ["Riverside", "Station Road"].map(|name| world::store(&mut hub, name));
    for store in &mut stores {
        meet(&mut hub, store);
    }
    (hub, stores)
}

/// All that there is to say, until nothing comes of it.
fn comes_into_line(hub: &mut Node, stores: &mut [Node]) {
    for _ in 0..3 {
        for store in &mut *stores {
            send(hub, store);
            tell(hub, store);
        }
    }
}

fn begins_anew(hub: &mut Node, missing: Option<u32>) -> u64 {
    let act = hub.act();
    let rebirth = hub.ledger.begin_hub_life(missing, &act).unwrap().unwrap();
    assert!(rebirth.needs_approval);
    rebirth.suspects
}

/// The hub is put back as it was at the image, and its manager says so before anybody calls.
fn put_back(hub: &mut Node, image: &Image, missing: Option<u32>) {
    hub.put_back(image);
    begins_anew(hub, missing);
}

fn state(node: &Node, code: &str) -> i64 {
    node.count(&format!(
        "SELECT state FROM code WHERE folded = '{}'",
        code.replace('-', "")
    ))
}

fn void(hub: &mut Node, code: &str) {
    let act = hub.act();
    hub.ledger
        .void_code(code.as_bytes(), "withdrawn", &act)
        .unwrap()
        .unwrap();
}

const AVAILABLE: i64 = 0;
const ASSIGNED: i64 = 1;
const REDEEMED: i64 = 2;
const VOID: i64 = 3;
const SUSPECT: i64 = 4;

const RECOVERED: &str = "SELECT count(*) FROM entry WHERE body LIKE '%\"recovered\":{\"node\"%'";
const OPEN: &str = "SELECT count(*) FROM conflict WHERE is_open = 1";

/// What the hub does in the life that will be gone, and its stores hear of: a card used, one ended, and
/// a code given to Ana.
fn lost_life(hub: &mut Node, stores: &mut [Node]) -> String {
    assert_eq!(hub.verdict("desk", CARDS[0], "k1"), CONFIRMED);
    void(hub, CARDS[1]);
    let given = hub.assigned(SPRING, "ana@example.org");
    for store in stores {
        tell(hub, store);
    }
    given
}

#[test]
fn what_its_stores_were_told_comes_back_to_a_restored_hub_once() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    let given = lost_life(&mut hub, &mut stores);
    put_back(&mut hub, &image, Some(0));
    assert_eq!(state(&hub, CARDS[0]), ASSIGNED);
    comes_into_line(&mut hub, &mut stores);

    assert_eq!(state(&hub, CARDS[0]), REDEEMED);
    assert_eq!(state(&hub, CARDS[1]), VOID);
    assert_eq!(state(&hub, &given), ASSIGNED);
    assert!(matches!(
        hub.verdict("desk", CARDS[0], "k2"),
        Verdict::AlreadyRedeemed
    ));
    // Whoever has a code is told of it, and given no other.
    let claim = hub.claim(SPRING, "ana@example.org");
    assert_eq!(
        (claim.word, claim.code),
        (ClaimWord::AlreadyAssigned, Some(given.clone()))
    );
    // Both stores have told of all three; each stands there once, and says from whom.
    assert_eq!(hub.count(RECOVERED), 3);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 1);
    assert_eq!(hub.count(OPEN), 0);
    for node in stores.iter_mut().chain([&mut hub]) {
        assert_eq!(state(node, CARDS[0]), REDEEMED);
        assert_eq!(state(node, CARDS[1]), VOID);
        assert_eq!(state(node, &given), ASSIGNED);
        node.assert_well();
    }
    // What is known to nobody needs a manager until one ends that.
    assert!(matches!(
        hub.verdict("desk", CARDS[2], "k3"),
        Verdict::NeedsApproval(_)
    ));
    let act = hub.act();
    hub.ledger.settle_restore(&act).unwrap().unwrap();
    assert_eq!(hub.verdict("desk", CARDS[2], "k4"), CONFIRMED);
    hub.assert_well();

    // The same image a second time: its new life has a number that its stores know, and is found out.
    // Then nothing is told twice that came back before.
    comes_into_line(&mut hub, &mut stores);
    put_back(&mut hub, &image, Some(0));
    comes_into_line(&mut hub, &mut stores);
    assert!(hub.ledger.behind_of().unwrap().is_some());
    begins_anew(&mut hub, Some(0));
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 2);
    assert_eq!(hub.count(RECOVERED), 4);
    assert_eq!(hub.count(OPEN), 0);
    hub.assert_well();
}

#[test]
fn canary_a_store_that_tells_nothing_lets_a_restored_hub_honour_a_card_twice() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    lost_life(&mut hub, &mut stores);
    put_back(&mut hub, &image, Some(0));
    for store in &mut stores {
        tell(&mut hub, store);
        assert_eq!(store.tamper("UPDATE hub_link SET retold_after = NULL"), 1);
    }
    comes_into_line(&mut hub, &mut stores);
    let act = hub.act();
    hub.ledger.settle_restore(&act).unwrap().unwrap();
    assert_eq!(hub.verdict("desk", CARDS[0], "k2"), CONFIRMED);
}

/// The folded codes of a pool that its hub would give out.
fn drawn_out(hub: &mut Node) -> BTreeSet<String> {
    (0..100)
        .map(|person| hub.claim(SPRING, &format!("p{person}@example.org")))
        .take_while(|claim| claim.word == ClaimWord::Assigned)
        .filter_map(|claim| claim.code)
        .collect()
}

/// All that was lent comes back to a life that is gone, and that gives it out; whether its answer to the
/// store gets there or not. What is given out after it.
fn given_back_and_given_out(answer_arrives: bool) {
    let (mut hub, [mut store, other]) = world();
    drop(other);
    let lent = store.count("SELECT sum(end_ordinal - next_ordinal) FROM lease WHERE holder = 1");
    assert!(lent > 0);
    let image = hub.image();
    let act = store.act();
    let returned = store.ledger.return_leases(None, &act).unwrap().unwrap();
    assert_eq!(returned.cast_signed(), lent);
    if answer_arrives {
        send(&mut hub, &mut store);
    } else {
        let act = hub.act();
        hub.ledger.take_in(&store.batch(), &act).unwrap();
    }
    let given = drawn_out(&mut hub);
    assert!(given.len().cast_signed() as i64 > lent);

    put_back(&mut hub, &image, None);
    comes_into_line(&mut hub, std::slice::from_mut(&mut store));
    let again = drawn_out(&mut hub);
    assert_eq!(given.intersection(&again).count(), 0, "{again:?}");
    assert_eq!(again.len(), 0);
    hub.assert_well();
    store.assert_well();
}

#[test]
fn what_was_given_back_to_a_life_that_is_gone_is_never_given_out_again() {
    given_back_and_given_out(true);
}

#[test]
fn what_was_given_back_and_never_acknowledged_is_not_given_out_again_either() {
    given_back_and_given_out(false);
}

/// Its life had ended as well: what it still held, by what a restored hub knows, comes back with that.
#[test]
fn what_a_store_gave_back_before_its_life_ended_is_not_given_out_again_by_a_restored_hub() {
    let (mut hub, [mut store, other]) = world();
    drop(other);
    let image = hub.image();
    let act = store.act();
    assert!(store.ledger.return_leases(None, &act).unwrap().unwrap() > 0);
    send(&mut hub, &mut store);
    let given = drawn_out(&mut hub);
    assert!(!given.is_empty());
    let act = hub.act();
    hub.ledger
        .set_standing("Riverside", FIRST_LABEL, Standing::WrittenOff, &act)
        .unwrap()
        .unwrap();
    tell(&mut hub, &mut store);

    put_back(&mut hub, &image, None);
    let act = store.act();
    let asked = store.ledger.new_life_request(act.now).unwrap().unwrap();
    let act_of_hub = hub.act();
    let joined = hub.ledger.begin_life(&asked, &act_of_hub).unwrap().unwrap();
    store.ledger.heard_life(&joined, &act).unwrap();
    let before = drawn_out(&mut hub);
    assert_eq!(given.intersection(&before).count(), 0, "{before:?}");
    comes_into_line(&mut hub, std::slice::from_mut(&mut store));
    let again = drawn_out(&mut hub);
    assert_eq!(given.intersection(&again).count(), 0, "{again:?}");
    hub.assert_well();
    store.assert_well();
}

#[test]
fn a_store_goes_on_with_what_it_held_once_a_restored_hub_has_told_it() {
    let (mut hub, mut stores) = world();
    let before = stores[0].assigned(SPRING, "ana@example.org");
    let image = hub.image();
    let between = stores[0].assigned(SPRING, "ben@example.org");
    comes_into_line(&mut hub, &mut stores);
    let unsent = stores[0].assigned(SPRING, "cleo@example.org");
    put_back(&mut hub, &image, None);
    comes_into_line(&mut hub, &mut stores);
    for code in [&before, &between] {
        assert_eq!(stores[0].verdict("till", code, code), CONFIRMED, "{code}");
    }
    // It came of a lease that nobody at the hub knows of any more.
    assert_eq!(stores[0].verdict("till", &unsent, "k3"), Verdict::Suspect);
    let after = stores[0].assigned(SPRING, "dora@example.org");
    assert!(![before, between, unsent].contains(&after));
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(hub.count(OPEN), 0);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 2);
    for node in stores.iter_mut().chain([&mut hub]) {
        node.assert_well();
    }
}

#[test]
fn a_hub_that_was_put_back_unnoticed_is_found_out_and_stops() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    let given = lost_life(&mut hub, &mut stores);
    hub.put_back(&image);
    // Nobody has called yet: nobody here can know.
    assert_eq!(hub.ledger.behind_of().unwrap(), None);

    let up = stores[0].batch();
    let act = hub.act();
    let answer = hub.ledger.take_in(&up, &act).unwrap();
    assert!(answer.welcome.is_behind);
    let act = stores[0].act();
    stores[0].ledger.heard_up(&answer, &act).unwrap();
    assert!(stores[0].ledger.hub_link().unwrap().unwrap().hub_is_behind);
    assert_eq!(
        hub.ledger.behind_of().unwrap().as_deref(),
        Some("Riverside")
    );
    // It gives nothing out, honours nothing by itself, and tells nothing that was once otherwise.
    let claim = hub.claim(SPRING, "ben@example.org");
    assert_eq!((claim.word, claim.code), (ClaimWord::NeedsHub, None));
    assert!(matches!(
        hub.verdict("desk", CARDS[0], "k2"),
        Verdict::NeedsApproval(_)
    ));
    let act = hub.act();
    hub.ledger.settle_restore(&act).unwrap().unwrap_err();
    tell(&mut hub, &mut stores[1]);
    assert_eq!(state(&stores[1], CARDS[0]), REDEEMED);
    hub.assert_well();

    // Its stores hold what they held meanwhile.
    stores[1].assigned(SPRING, "cleo@example.org");
    begins_anew(&mut hub, None);
    assert_eq!(hub.ledger.behind_of().unwrap(), None);
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(state(&hub, CARDS[0]), REDEEMED);
    assert_eq!(state(&hub, &given), SUSPECT);
    assert_eq!(
        hub.claim(SPRING, "ben@example.org").word,
        ClaimWord::PoolExhausted
    );
    assert_eq!(hub.count(OPEN), 0);
    for store in &mut stores {
        assert!(!store.ledger.hub_link().unwrap().unwrap().hub_is_behind);
        store.assert_well();
    }
    hub.assert_well();
}

#[test]
fn a_campaign_that_a_restored_hub_does_not_know_comes_back_and_gives_nothing_out() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    hub.campaign(
        "late",
        &counterfoil::domain::campaign::Rules::new("A free lunch"),
    );
    hub.generate("late", 5, false);
    hub.import("late", &["LATE-0001", "LATE-0002"]);
    assert_eq!(hub.verdict("desk", "LATE-0001", "k1"), CONFIRMED);
    let given = hub.assigned("late", "ana@example.org");
    comes_into_line(&mut hub, &mut stores);
    put_back(&mut hub, &image, None);
    // Others take the places that it had given before.
    hub.generate(SPRING, 3, false);
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(
        hub.count(
            "SELECT count(*) FROM code c JOIN campaign m ON m.id = c.campaign WHERE m.name = 'late'"
        ),
        7
    );
    assert_eq!(state(&hub, "LATE-0001"), REDEEMED);
    assert_eq!(state(&hub, "LATE-0002"), SUSPECT);
    assert_eq!(state(&hub, &given), SUSPECT);
    assert_ne!(
        hub.claim("late", "ben@example.org").word,
        ClaimWord::Assigned
    );
    for node in stores.iter_mut().chain([&mut hub]) {
        assert_eq!(state(node, "LATE-0001"), REDEEMED);
        node.assert_well();
    }
}

#[test]
fn a_hub_restored_by_its_command_hears_from_its_stores_as_well() {
    let (mut hub, mut stores) = world();
    let backup = hub.folder().with_file_name("hub-backup.db");
    hub.ledger.backup(&backup).unwrap();
    let given = lost_life(&mut hub, &mut stores);
    let folder = hub.folder().to_owned();
    let act = hub.act();
    let elsewhere = world::alone("Elsewhere");
    drop(std::mem::replace(&mut hub.ledger, elsewhere.ledger));
    let (ledger, _) = Ledger::restore(&folder, &backup, 0, &act).unwrap();
    hub.ledger = ledger;
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(state(&hub, CARDS[0]), REDEEMED);
    assert_eq!(state(&hub, CARDS[3]), ASSIGNED);
    assert_eq!(state(&hub, &given), SUSPECT);
    assert_eq!(
        hub.count(&format!(
            "SELECT count(*) FROM code WHERE state = {AVAILABLE} AND holder = 1"
        )),
        0
    );
    assert_eq!(hub.count(OPEN), 0);
    hub.assert_well();
}

/// A manager begins a life of the hub whose number is drawn from this.
fn begins_anew_by(hub: &mut Node, salt: u8) {
    let act = Act {
        salt: [salt; 16],
        ..hub.act()
    };
    hub.ledger.begin_hub_life(Some(0), &act).unwrap().unwrap();
}

/// The same backup is put back twice. What the stores know of the first life they tell the second one,
/// though that has told as much already as the first one had.
#[test]
fn two_lives_that_began_from_one_backup_are_told_apart() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    hub.put_back(&image);
    begins_anew_by(&mut hub, 1);
    comes_into_line(&mut hub, &mut stores);
    let act = hub.act();
    hub.ledger.settle_restore(&act).unwrap().unwrap();
    assert_eq!(hub.verdict("desk", CARDS[0], "k1"), CONFIRMED);
    comes_into_line(&mut hub, &mut stores);

    hub.put_back(&image);
    begins_anew_by(&mut hub, 2);
    let told = stores[0]
        .ledger
        .hub_link()
        .unwrap()
        .unwrap()
        .cursor
        .position;
    for _ in 0..=told {
        hub.generate(SPRING, 1, false);
    }
    comes_into_line(&mut hub, &mut stores);
    if hub.ledger.behind_of().unwrap().is_some() {
        begins_anew_by(&mut hub, 3);
        comes_into_line(&mut hub, &mut stores);
    }
    assert_eq!(state(&hub, CARDS[0]), REDEEMED);
    assert_eq!(hub.count(RECOVERED), 1);
    hub.assert_well();
}

/// A third store has told of the code before whoever gave it brought whose it is.
#[test]
fn a_second_code_is_found_when_it_is_learned_last_that_two_are_one_person() {
    const SECOND: &str = "SELECT count(*) FROM conflict WHERE is_open = 1 AND kind = 'second_code'";
    let mut hub = world::hub(20);
    let [mut first, mut second, mut third] =
        ["Riverside", "Station Road", "Old Town"].map(|name| world::store(&mut hub, name));
    meet(&mut hub, &mut first);
    meet(&mut hub, &mut third);
    let image = hub.image();
    meet(&mut hub, &mut second);
    second.assigned(SPRING, "ana@example.org");
    first.assigned(SPRING, "ana@example.org");
    send(&mut hub, &mut first);
    send(&mut hub, &mut second);
    assert_eq!(hub.count(SECOND), 1);
    tell(&mut hub, &mut third);

    put_back(&mut hub, &image, None);
    send(&mut hub, &mut first);
    send(&mut hub, &mut third);
    assert_eq!(hub.count(RECOVERED), 1);
    assert_eq!(hub.count(SECOND), 0);
    send(&mut hub, &mut second);
    assert_eq!(hub.count(SECOND), 1);
    comes_into_line(&mut hub, &mut [first, second, third]);
    assert_eq!(hub.count(SECOND), 1);
    hub.assert_well();
}

/// What becomes known at a store of a use that a restored hub has lost, where the hub's tale of the code
/// comes to it before it has told what it knows.
fn told_of_before_it_has_told(tells: fn(&mut Node, &mut Node)) {
    let mut hub = world::empty_hub();
    let rules = Rules {
        uses: 2,
        ..Rules::new("Free coffee")
    };
    hub.campaign(SPRING, &rules);
    hub.import(SPRING, &CARDS);
    let mut store = world::store(&mut hub, "Riverside");
    meet(&mut hub, &mut store);
    let image = hub.image();
    assert_eq!(hub.verdict("desk", CARDS[0], "k1"), CONFIRMED);
    tell(&mut hub, &mut store);
    put_back(&mut hub, &image, Some(0));
    tells(&mut hub, &mut store);
    comes_into_line(&mut hub, std::slice::from_mut(&mut store));
    for node in [&hub, &store] {
        assert_eq!(node.count("SELECT sum(uses_made) FROM code"), 1);
    }
    assert_eq!(hub.count(RECOVERED), 1);
    hub.assert_well();
    store.assert_well();
}

/// A scan at a store whose hub is asked, and answers.
fn asks(hub: &mut Node, store: &mut Node, code: &str) -> Answer {
    let act = act_of("till", store.now_ms);
    let minted = desk::mint_key(act.now).unwrap();
    let scan = Scan::new(code.as_bytes(), &minted);
    let mut wire = Wire {
        hub,
        line: Line::Delivers,
        heard: Vec::new(),
    };
    let answer = desk::redeem(&mut store.ledger, &scan, Some(&mut wire), &act).unwrap();
    assert_eq!(wire.heard.len(), 1);
    answer
}

#[test]
fn an_answer_of_a_restored_hub_overwrites_nothing_that_it_was_not_told() {
    told_of_before_it_has_told(|hub, store| {
        let answer = asks(hub, store, CARDS[0]);
        assert!(matches!(answer.verdict, Verdict::NeedsApproval(_)));
    });
}

/// Its place in the feed says nothing any more by then, and it has sent nothing that could be missed.
fn overtaken(finds: fn(&mut Node, &mut Node)) {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    let given = lost_life(&mut hub, &mut stores[..1]);
    let told = hub.ledger.feed_position().unwrap();
    hub.put_back(&image);
    while hub.ledger.feed_position().unwrap() <= told {
        hub.generate(SPRING, 1, false);
    }
    // One that was not told knows no more than there is.
    comes_into_line(&mut hub, &mut stores[1..]);
    assert_eq!(hub.ledger.behind_of().unwrap(), None);
    finds(&mut hub, &mut stores[0]);
    assert_eq!(
        hub.ledger.behind_of().unwrap().as_deref(),
        Some("Riverside")
    );
    begins_anew(&mut hub, None);
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(state(&hub, CARDS[0]), REDEEMED);
    assert_eq!(state(&hub, CARDS[1]), VOID);
    assert_eq!(state(&hub, &given), SUSPECT);
    assert_eq!(hub.count(OPEN), 0);
    for node in stores.iter_mut().chain([&mut hub]) {
        node.assert_well();
    }
    // It goes on from there, and is not found out again.
    hub.generate(SPRING, 1, false);
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(hub.ledger.behind_of().unwrap(), None);
}

#[test]
fn a_hub_that_has_written_as_much_as_it_lost_is_found_out_all_the_same() {
    overtaken(|hub, store| {
        let (up, act) = (store.batch(), hub.act());
        assert!(hub.ledger.take_in(&up, &act).unwrap().welcome.is_behind);
    });
}

#[test]
fn a_question_of_a_counter_finds_it_out_before_it_is_answered() {
    overtaken(|hub, store| {
        let answer = asks(hub, store, CARDS[2]);
        assert!(matches!(answer.verdict, Verdict::NeedsApproval(_)));
    });
}

/// An answer that was on its way while the hub was put back takes nothing from what its store knows.
#[test]
fn what_a_store_heard_meanwhile_is_not_forgotten_by_a_late_answer() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    let asked_before = stores[0].batch();
    lost_life(&mut hub, &mut stores[..1]);
    hub.put_back(&image);
    for _ in 0..20 {
        hub.generate(SPRING, 1, false);
    }
    let act = hub.act();
    let late = hub.ledger.take_in(&asked_before, &act).unwrap();
    assert!(!late.welcome.is_behind);
    let act = stores[0].act();
    stores[0].ledger.heard_up(&late, &act).unwrap();
    send(&mut hub, &mut stores[0]);
    assert!(hub.ledger.behind_of().unwrap().is_some());
}

fn campaign(node: &mut Node) -> Campaign {
    node.ledger.campaign(&spring()).unwrap().unwrap()
}

fn offers(hub: &mut Node, offer: &str) {
    let act = hub.act();
    hub.ledger
        .set_campaign(&spring(), |rules| offer.clone_into(&mut rules.offer), &act)
        .unwrap()
        .unwrap();
}

#[test]
fn rules_that_its_stores_go_by_come_back_to_a_restored_hub() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    let act = hub.act();
    hub.ledger
        .set_campaign(&spring(), |rules| rules.uses = 2, &act)
        .unwrap()
        .unwrap();
    offers(&mut hub, "Two coffees");
    hub.ledger
        .pause_campaign(&spring(), true, &act)
        .unwrap()
        .unwrap();
    tell(&mut hub, &mut stores[0]);
    hub.ledger
        .pause_campaign(&spring(), false, &act)
        .unwrap()
        .unwrap();
    let given = stores[1].assigned(SPRING, "ana@example.org");
    tell(&mut hub, &mut stores[1]);
    let known = campaign(&mut hub);
    for key in ["k1", "k2"] {
        assert_eq!(stores[1].verdict("till", &given, key), CONFIRMED);
    }
    comes_into_line(&mut hub, &mut stores[1..]);
    put_back(&mut hub, &image, None);
    assert_eq!(campaign(&mut hub).revision, 1);
    comes_into_line(&mut hub, &mut stores[1..]);

    // Both uses are as the rules were, by which they were made.
    for node in stores[1..].iter_mut().chain([&mut hub]) {
        assert_eq!(campaign(node), known);
        assert_eq!(state(node, &given), REDEEMED);
        node.assert_well();
    }
    assert_eq!(hub.count(OPEN), 0);
    assert_eq!(
        hub.count(
            "SELECT count(*) FROM entry WHERE kind = 'campaign_changed' \
             AND body LIKE '%\"recovered\":{\"node\"%'"
        ),
        1
    );
    // One that has not heard as much since brings back nothing older.
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(campaign(&mut stores[0]), known);
    offers(&mut hub, "Three coffees");
    comes_into_line(&mut hub, &mut stores);
    for node in stores.iter_mut().chain([&mut hub]) {
        let now = campaign(node);
        assert_eq!(
            (now.revision, now.rules.offer.as_str()),
            (4, "Three coffees")
        );
    }
}

/// Uses that come before their rules are counted by those that are here. The rest of the rules comes back.
#[test]
fn how_often_a_code_may_be_used_stays_where_it_was_used_already() {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    offers(&mut hub, "Two coffees");
    let act = hub.act();
    hub.ledger
        .set_campaign(&spring(), |rules| rules.uses = 2, &act)
        .unwrap()
        .unwrap();
    comes_into_line(&mut hub, &mut stores);
    let given = stores[0].assigned(SPRING, "ana@example.org");
    for key in ["k1", "k2"] {
        assert_eq!(stores[0].verdict("till", &given, key), CONFIRMED);
    }
    put_back(&mut hub, &image, None);
    comes_into_line(&mut hub, &mut stores);
    for node in stores.iter_mut().chain([&mut hub]) {
        let now = campaign(node);
        assert_eq!(
            (now.revision, now.rules.offer.as_str(), now.rules.uses),
            (4, "Two coffees", 1)
        );
        assert_eq!(state(node, &given), REDEEMED);
        node.assert_well();
    }
    assert_eq!(
        hub.count(OPEN),
        1,
        "the second use, for a manager to settle"
    );
}

/// What a manager has changed since the hub was restored stands, under a number that no store has for
/// other rules.
fn changed_since(lost: &[&str], revision: u32) {
    let (mut hub, mut stores) = world();
    let image = hub.image();
    for offer in lost {
        offers(&mut hub, offer);
    }
    tell(&mut hub, &mut stores[0]);
    put_back(&mut hub, &image, None);
    offers(&mut hub, "Hot chocolate");
    comes_into_line(&mut hub, &mut stores);
    for node in stores.iter_mut().chain([&mut hub]) {
        let now = campaign(node);
        assert_eq!(
            (now.revision, now.rules.offer.as_str()),
            (revision, "Hot chocolate")
        );
        node.assert_well();
    }
}

#[test]
fn rules_that_were_changed_at_a_restored_hub_stand_above_what_its_stores_know() {
    changed_since(&["Tea"], 3);
    changed_since(&["Tea", "Lemonade"], 4);
}

/// A store that paused with the rules, and heard of no end of it.
#[test]
fn a_pause_comes_back_with_newer_rules_only() {
    for (with_rules, is_paused) in [(true, true), (false, false)] {
        let (mut hub, mut stores) = world();
        let image = hub.image();
        if with_rules {
            offers(&mut hub, "Tea");
        }
        let act = hub.act();
        hub.ledger
            .pause_campaign(&spring(), true, &act)
            .unwrap()
            .unwrap();
        tell(&mut hub, &mut stores[0]);
        put_back(&mut hub, &image, None);
        comes_into_line(&mut hub, &mut stores);
        for node in stores.iter_mut().chain([&mut hub]) {
            assert_eq!(campaign(node).is_paused, is_paused);
        }
    }
}

/// What a manager did at the hub about others: to be done again, and that can be.
#[test]
fn what_a_manager_had_settled_is_to_be_settled_again_at_a_restored_hub() {
    let (mut hub, mut stores) = world();
    assert_eq!(hub.verdict("desk", CARDS[0], "k1"), CONFIRMED);
    for store in &mut stores {
        store.assigned(SPRING, "ana@example.org");
    }
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(hub.count(OPEN), 1);
    let image = hub.image();
    let settle = |hub: &mut Node| {
        let open = hub.ledger.conflicts(true).unwrap();
        let act = hub.act();
        hub.ledger
            .settle_conflict(open[0].number, Decision::Stand, "a gift", &act)
            .unwrap()
            .unwrap();
    };
    let revoke = |hub: &mut Node| {
        let act = hub.act();
        hub.ledger
            .set_standing("Station Road", FIRST_LABEL, Standing::Revoked, &act)
            .unwrap()
            .unwrap();
    };
    let is_revoked = |store: &mut Node| {
        let link = store.ledger.hub_link().unwrap().unwrap();
        link.standing == Standing::Revoked
    };
    settle(&mut hub);
    revoke(&mut hub);
    hub.reverse("desk", CARDS[0]);
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(stores[0].count(OPEN), 0);
    assert!(is_revoked(&mut stores[1]));
    assert_eq!(state(&stores[0], CARDS[0]), ASSIGNED);

    put_back(&mut hub, &image, Some(0));
    comes_into_line(&mut hub, &mut stores);
    assert_eq!((hub.count(OPEN), stores[0].count(OPEN)), (1, 1));
    assert!(!is_revoked(&mut stores[1]));
    assert_eq!(state(&stores[0], CARDS[0]), REDEEMED);
    settle(&mut hub);
    revoke(&mut hub);
    hub.reverse("desk", CARDS[0]);
    comes_into_line(&mut hub, &mut stores);
    assert_eq!(stores[0].count(OPEN), 0);
    assert!(is_revoked(&mut stores[1]));
    for node in stores.iter_mut().chain([&mut hub]) {
        assert_eq!(state(node, CARDS[0]), ASSIGNED);
        node.assert_well();
    }
}

/// A store that was written off in the life that is gone is a store like any other again, until that is
/// said again. What the others were told to be suspect stays so.
#[test]
fn a_store_that_was_written_off_is_to_be_written_off_again_at_a_restored_hub() {
    let (mut hub, [lost, mut other]) = world();
    drop(lost);
    let image = hub.image();
    let write_off = |hub: &mut Node| {
        let act = hub.act();
        hub.ledger
            .set_standing("Riverside", FIRST_LABEL, Standing::WrittenOff, &act)
            .unwrap()
            .unwrap();
    };
    let suspects = |node: &Node| {
        node.count(&format!(
            "SELECT count(*) FROM code WHERE state = {SUSPECT}"
        ))
    };
    write_off(&mut hub);
    comes_into_line(&mut hub, std::slice::from_mut(&mut other));
    let known = suspects(&other);
    assert!(known > 0);
    put_back(&mut hub, &image, Some(0));
    comes_into_line(&mut hub, std::slice::from_mut(&mut other));
    assert_eq!(suspects(&hub), known);
    let standing = |hub: &mut Node| hub.ledger.stores().unwrap()[0].standing;
    assert_eq!(standing(&mut hub), Standing::Active);
    write_off(&mut hub);
    assert_eq!(standing(&mut hub), Standing::WrittenOff);
    comes_into_line(&mut hub, std::slice::from_mut(&mut other));
    assert_eq!(suspects(&hub), known);
    hub.assert_well();
    other.assert_well();
}

#[test]
fn a_page_of_a_restored_hub_overwrites_nothing_that_it_was_not_told() {
    told_of_before_it_has_told(|hub, store| {
        // By the first it hears of the new life; the second was asked for just before.
        tell(hub, store);
        tell(hub, store);
    });
}

/// A code that was handed over to the life that is gone, and used there: it comes to a hub that is
/// behind, which cannot know of the use.
#[test]
fn what_comes_to_a_hub_that_is_behind_may_have_been_used_in_the_life_that_is_gone() {
    let (mut hub, [mut store, mut other]) = world();
    let act = hub.act();
    hub.ledger
        .set_campaign(&spring(), |rules| rules.home = Home::Anywhere, &act)
        .unwrap()
        .unwrap();
    tell(&mut hub, &mut store);
    let image = hub.image();
    let given = store.assigned(SPRING, "ana@example.org");
    let act = store.act();
    assert_eq!(store.ledger.hand_over_homeless(100, &act).unwrap(), 1);
    void(&mut hub, CARDS[1]);
    tell(&mut hub, &mut other);
    // The answer is lost.
    let (up, act) = (store.batch(), hub.act());
    hub.ledger.take_in(&up, &act).unwrap();
    assert_eq!(hub.verdict("desk", &given, "k1"), CONFIRMED);

    hub.put_back(&image);
    send(&mut hub, &mut other);
    assert!(hub.ledger.behind_of().unwrap().is_some());
    let (up, act) = (store.batch(), hub.act());
    hub.ledger.take_in(&up, &act).unwrap();
    assert_eq!(state(&hub, &given), ASSIGNED);
    begins_anew(&mut hub, None);
    comes_into_line(&mut hub, std::slice::from_mut(&mut store));
    assert!(matches!(
        hub.verdict("desk", &given, "k2"),
        Verdict::NeedsApproval(_)
    ));
    hub.assert_well();
}

and_with_hubs_in_databases! {
    what_its_stores_were_told_comes_back_to_a_restored_hub_once,
    canary_a_store_that_tells_nothing_lets_a_restored_hub_honour_a_card_twice,
    what_was_given_back_to_a_life_that_is_gone_is_never_given_out_again,
    what_was_given_back_and_never_acknowledged_is_not_given_out_again_either,
    what_a_store_gave_back_before_its_life_ended_is_not_given_out_again_by_a_restored_hub,
    a_store_goes_on_with_what_it_held_once_a_restored_hub_has_told_it,
    a_hub_that_was_put_back_unnoticed_is_found_out_and_stops,
    a_campaign_that_a_restored_hub_does_not_know_comes_back_and_gives_nothing_out,
    two_lives_that_began_from_one_backup_are_told_apart,
    a_second_code_is_found_when_it_is_learned_last_that_two_are_one_person,
    an_answer_of_a_restored_hub_overwrites_nothing_that_it_was_not_told,
    a_page_of_a_restored_hub_overwrites_nothing_that_it_was_not_told,
    what_comes_to_a_hub_that_is_behind_may_have_been_used_in_the_life_that_is_gone,
    a_hub_that_has_written_as_much_as_it_lost_is_found_out_all_the_same,
    a_question_of_a_counter_finds_it_out_before_it_is_answered,
    what_a_store_heard_meanwhile_is_not_forgotten_by_a_late_answer,
    rules_that_its_stores_go_by_come_back_to_a_restored_hub,
    how_often_a_code_may_be_used_stays_where_it_was_used_already,
    rules_that_were_changed_at_a_restored_hub_stand_above_what_its_stores_know,
    a_pause_comes_back_with_newer_rules_only,
    what_a_manager_had_settled_is_to_be_settled_again_at_a_restored_hub,
    a_store_that_was_written_off_is_to_be_written_off_again_at_a_restored_hub,
}
