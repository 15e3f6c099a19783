//! What stores send up: taken in once, acknowledged, judged the same whichever came first.

use counterfoil::domain::conflict::{Conflict, ConflictKind, Decision};
use counterfoil::domain::entry::instant;
use counterfoil::domain::verdict::{Band, Verdict};
use counterfoil::domain::wire::{Standing, UP_BYTES_MAX};

use crate::sync::scribe::{About, Scribe, used};
use crate::sync::world::{
    CONFIRMED, Node, SPRING, and_with_hubs_in_databases, hub, meet, send, store, tell,
};

fn kinds(hub: &mut Node) -> Vec<ConflictKind> {
    let open = hub.ledger.conflicts(true).unwrap();
    open.iter().map(|conflict| conflict.kind).collect()
}

fn only(hub: &mut Node) -> Conflict {
    let mut open = hub.ledger.conflicts(true).unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
    open.remove(0)
}

#[test]
fn what_a_store_did_is_at_the_hub_and_said_again_it_is_there_once() {
    let mut hub = hub(400);
    let mut riverside = store(&mut hub, "Riverside");
    meet(&mut hub, &mut riverside);
    let first = riverside.assigned(SPRING, "ana@example.org");
    let second = riverside.assigned(SPRING, "ben@example.org");
    assert!(riverside.verdict("till 1", &first, "key-1").band() == Band::Go);
    assert!(riverside.verdict("till 1", &second, "key-2").band() == Band::Go);
    riverside.reverse("till 1", &second);
    let refused = riverside.verdict("till 2", &first, "key-3");
    assert_eq!(refused, Verdict::AlreadyRedeemed);

    let up = riverside.batch();
    assert!(up.hello.unsent > 0);
    let act = hub.act();
    let answer = hub.ledger.take_in(&up, &act).unwrap();
    let position = hub.ledger.feed_position().unwrap();
    let mut again = hub.ledger.take_in(&up, &act).unwrap();
    if hub.database().is_some() {
        // What was committed with the first answer has its places since then.
        assert_eq!(again.welcome.feed_position, position);
        again.welcome.feed_position = answer.welcome.feed_position;
    }
    assert_eq!(again, answer);
    assert_eq!(hub.ledger.feed_position().unwrap(), position);
    assert_eq!(answer.outcomes, []);
    assert_eq!(answer.welcome.standing, Standing::Active);
    let act = riverside.act();
    for _ in 0..2 {
        riverside.ledger.heard_up(&answer, &act).unwrap();
        assert_eq!(riverside.batch().entries, []);
        assert_eq!(riverside.batch().attempts, []);
    }
    for ledger in [&hub, &riverside] {
        let state = |code: &str| {
            ledger.count(&format!(
                "SELECT state * 10 + uses_made FROM code WHERE folded = '{code}'"
            ))
        };
        assert_eq!((state(&first), state(&second)), (21, 10));
    }
    assert_eq!(
        hub.count("SELECT count(*) FROM attempt WHERE node <> 1 AND answer = 'already_redeemed'"),
        1
    );
    // Told where it happened.
    let life = hub.ledger.life(first.as_bytes()).unwrap().unwrap();
    let told: Vec<_> = life
        .entries
        .iter()
        .map(|entry| (entry.kind, entry.store.as_str(), entry.counter.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("assigned", "Riverside", "desk"),
            ("redeemed", "Riverside", "till 1")
        ]
    );
    assert_eq!(
        life.entries[1].id,
        format!("{}-1-", riverside.name()) + life.entries[1].id.rsplit('-').next().unwrap()
    );
    hub.assert_well();
    riverside.assert_well();
}

#[test]
fn a_store_that_is_told_of_a_fork_stops_and_loses_nothing() {
    let mut hub = hub(8);
    hub.import(SPRING, &["ONE"]);
    let mut riverside = store(&mut hub, "Riverside");
    // Somebody goes on from the same file, and calls first.
    let mut copy = Scribe::of(&mut riverside);
    meet(&mut hub, &mut riverside);
    let common = riverside.ledger.hub_link().unwrap().unwrap().acked_seq;
    assert_eq!(common, i64::try_from(copy.entries.len()).unwrap());
    copy.write(used(), About::code("ONE"));
    let act = hub.act();
    let sent = hub.ledger.take_in(&copy.whole(), &act).unwrap();
    assert_eq!(sent.forked_after, None);
    let code = riverside.assigned(SPRING, "ana@example.org");

    let told = hub.ledger.take_in(&riverside.batch(), &act).unwrap();
    assert_eq!(told.forked_after, Some(common));
    let heard_at = riverside.act();
    let heard = riverside.ledger.heard_up(&told, &heard_at).unwrap();
    assert!(!heard.is_active);
    let link = riverside.ledger.hub_link().unwrap().unwrap();
    assert_eq!(
        (
            link.standing,
            link.acked_seq,
            link.may_hold(riverside.now_ms)
        ),
        (Standing::Quarantined, common, false)
    );
    assert_ne!(riverside.verdict("till 1", &code, "key-1"), CONFIRMED);
    let unsent = riverside.batch().entries;
    assert_eq!(unsent.first().map(|entry| entry.seq), Some(common + 1));

    // Under a life of its own, what it did is taken in.
    let asked = riverside
        .ledger
        .new_life_request(instant(riverside.now_ms))
        .unwrap()
        .unwrap();
    let joined = hub.ledger.begin_life(&asked, &act).unwrap().unwrap();
    riverside.ledger.heard_life(&joined, &heard_at).unwrap();
    meet(&mut hub, &mut riverside);
    let link = riverside.ledger.hub_link().unwrap().unwrap();
    assert_eq!(link.standing, Standing::Active);
    let assigned = "SELECT count(*) FROM entry WHERE kind = 'assigned' AND node <> 1";
    assert_eq!(hub.count(assigned), 1);
    hub.assert_well();
    riverside.assert_well();
}

#[test]
fn a_batch_has_no_more_bytes_than_the_hub_takes_and_one_entry_always_goes() {
    let mut hub = hub(64);
    let mut riverside = store(&mut hub, "Riverside");
    meet(&mut hub, &mut riverside);
    for customer in 0..9 {
        riverside.assigned(SPRING, &format!("c{customer}@example.org"));
    }
    let grow = |bytes: usize, which: &str| {
        riverside.tamper(&format!(
            "INSERT INTO side (entry, salt, text) SELECT id, zeroblob(16), \
             '{{\"reason\":\"' || printf('%.*c', {bytes}, 'x') || '\"}}' FROM entry \
             WHERE kind = 'assigned' {which} \
             ON CONFLICT (entry) DO UPDATE SET salt = excluded.salt, text = excluded.text"
        ))
    };
    // A third of what a batch takes, and a bit; and one that is more than that by itself.
    assert_eq!(grow(UP_BYTES_MAX / 6, ""), 9);
    let fifth = "ORDER BY id LIMIT 1 OFFSET 4";
    assert_eq!(grow(UP_BYTES_MAX * 3 / 4, fifth), 1);
    let mut counts = Vec::new();
    loop {
        let up = riverside.batch();
        if up.entries.is_empty() {
            break;
        }
        counts.push(up.entries.len());
        let bytes = serde_json::to_string(&up).unwrap().len();
        assert!(bytes <= UP_BYTES_MAX, "{bytes}");
        let act = hub.act();
        let answer = hub.ledger.take_in(&up, &act).unwrap();
        riverside.ledger.heard_up(&answer, &act).unwrap();
    }
    assert_eq!(counts, [2, 2, 1, 2, 2]);
    let assigned = "SELECT count(*) FROM entry WHERE kind = 'assigned' AND node <> 1";
    assert_eq!(hub.count(assigned), 9);
    hub.assert_well();
}

#[test]
fn two_stores_that_used_one_code_apart_are_one_conflict_in_either_order() {
    for is_turned in [false, true] {
        let mut hub = hub(0);
        hub.import(SPRING, &["CODE-ONE"]);
        let mut stores = [
            store(&mut hub, "Riverside"),
            store(&mut hub, "Station Road"),
        ];
        let mut scribes: Vec<Scribe> = stores.iter_mut().map(Scribe::of).collect();
        let mut names = Vec::new();
        for scribe in &mut scribes {
            names.push(scribe.write(used(), About::code("CODEONE")));
        }
        if is_turned {
            scribes.reverse();
            names.reverse();
        }
        let act = hub.act();
        let first = hub.ledger.take_in(&scribes[0].whole(), &act).unwrap();
        assert_eq!(first.outcomes, []);
        let second = hub.ledger.take_in(&scribes[1].whole(), &act).unwrap();
        let outcome = second.outcomes.first().unwrap();
        assert_eq!(outcome.conflict, Some(ConflictKind::DoubleRedeemed));
        assert_eq!(
            hub.ledger.take_in(&scribes[1].whole(), &act).unwrap(),
            second
        );
        let conflict = only(&mut hub);
        assert_eq!(conflict.kind, ConflictKind::DoubleRedeemed);
        assert_eq!(Some(conflict.number), outcome.number);
        let told: Vec<&String> = conflict.stories.iter().map(|story| &story.entry).collect();
        assert_eq!(told, names.iter().collect::<Vec<_>>());
        assert_eq!(
            hub.count("SELECT sum(uses_made) FROM code WHERE state = 2"),
            1
        );
        hub.assert_well();

        // Both are told of it, and the hub's manager settles it.
        for store in &mut stores {
            tell(&mut hub, store);
            assert_eq!(kinds(store), [ConflictKind::DoubleRedeemed]);
        }
        let settled = hub
            .ledger
            .settle_conflict(conflict.number, Decision::Stand, "a kind cashier", &act)
            .unwrap()
            .unwrap();
        assert_eq!(settled.settled.unwrap().decision, Some(Decision::Stand));
        assert_eq!(kinds(&mut hub), []);
        for store in &mut stores {
            tell(&mut hub, store);
            assert_eq!(kinds(store), []);
            let refused = store
                .ledger
                .settle_conflict(conflict.number, Decision::Stand, "here", &act)
                .unwrap();
            assert_eq!(refused.unwrap_err().code(), "settled_at_hub");
        }
        hub.assert_well();
    }
}

#[test]
fn a_store_sends_what_it_has_also_when_it_is_revoked() {
    let mut hub = hub(100);
    let mut riverside = store(&mut hub, "Riverside");
    meet(&mut hub, &mut riverside);
    riverside.assigned(SPRING, "ana@example.org");
    send(&mut hub, &mut riverside);
    assert_eq!(
        hub.count("SELECT count(*) FROM entry WHERE kind = 'assigned'"),
        1
    );
    assert_eq!(hub.count("SELECT count(*) FROM customer_slot"), 1);
}

and_with_hubs_in_databases! {
    what_a_store_did_is_at_the_hub_and_said_again_it_is_there_once,
    two_stores_that_used_one_code_apart_are_one_conflict_in_either_order,
    a_store_sends_what_it_has_also_when_it_is_revoked,
}
