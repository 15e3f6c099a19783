//! Several processes of one hub take in what stores send at the same time. Their batches are about the
//! same codes: none wait for each other in a circle.

use std::sync::Barrier;
use std::thread;

use counterfoil::domain::campaign::Rules;
use counterfoil::domain::conflict::ConflictKind;
use counterfoil::domain::wire::Standing;
use counterfoil::ledger::{Database, Ledger};
use postgres::error::SqlState;

use crate::dice::Dice;
use crate::sync::scribe::{About, Scribe, used};
use crate::sync::world::{Node, SPRING, act_of, empty_hub, store, with_hubs_in_databases};

const STORES: [&str; 4] = ["Riverside", "Station Road", "Market", "Harbour"];
const CODES: usize = 60;

fn hub() -> (Node, Vec<String>) {
    let mut hub = empty_hub();
    hub.campaign(SPRING, &Rules::new("Free coffee"));
    let codes: Vec<String> = (0..CODES)
        .map(|number| format!("CARD{number:03}"))
        .collect();
    let named: Vec<&str> = codes.iter().map(String::as_str).collect();
    hub.import(SPRING, &named);
    (hub, codes)
}

const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";

fn overlapping_batches_are_taken_in_side_by_side() {
    let (mut hub, codes) = hub();
    let mut dice = Dice::new(0x5EED_0042);
    let scribes: Vec<Scribe> = STORES
        .iter()
        .map(|name| {
            let mut scribe = Scribe::of(&mut store(&mut hub, name));
            let mut left = codes.clone();
            while !left.is_empty() {
                let code = left.swap_remove(dice.below(left.len()));
                scribe.write(used(), About::code(&code));
            }
            scribe
        })
        .collect();
    let database = Database::parse(hub.database().unwrap().url()).unwrap();
    let now_ms = hub.now_ms;
    let begin = Barrier::new(STORES.len());
    thread::scope(|scope| {
        for scribe in &scribes {
            let (database, begin) = (&database, &begin);
            scope.spawn(move || {
                let act = act_of("sync", now_ms);
                let mut ledger = Ledger::open_in(database, &act).unwrap();
                begin.wait();
                let answer = ledger.take_in(&scribe.whole(), &act).unwrap();
                assert_eq!(answer.welcome.standing, Standing::Active);
                let all = i64::try_from(scribe.entries.len()).unwrap();
                assert_eq!(answer.welcome.acked_through, all);
            });
        }
    });
    let open = hub.ledger.conflicts(true).unwrap();
    assert_eq!(open.len(), CODES * (STORES.len() - 1));
    assert!(
        open.iter()
            .all(|conflict| conflict.kind == ConflictKind::DoubleRedeemed)
    );
    assert_eq!(
        hub.count("SELECT sum(uses_made) FROM code"),
        i64::try_from(CODES).unwrap()
    );
    hub.assert_well();
    assert_eq!(hub.count(DEADLOCKS), 0);
}

#[test]
fn batches_of_several_stores_about_the_same_codes_do_not_lock_each_other_out() {
    with_hubs_in_databases(overlapping_batches_are_taken_in_side_by_side);
}

/// Two that each hold two codes; how many of them the server had to end.
fn ended(hub: &Node, first: [&str; 2], second: [&str; 2]) -> usize {
    let begin = Barrier::new(2);
    thread::scope(|scope| {
        let both = [first, second].map(|[one, other]| {
            let (begin, database) = (&begin, hub.database().unwrap());
            scope.spawn(move || {
                let mut connection = database.connect();
                let mut transaction = connection.transaction().unwrap();
                let hold = "SELECT id FROM code WHERE folded = $1 FOR UPDATE";
                begin.wait();
                let mut told = transaction.execute(hold, &[&one]);
                // In one order the second waits here for the first one's end already.
                if first != second {
                    begin.wait();
                }
                told = told.and_then(|_| transaction.execute(hold, &[&other]));
                match told {
                    Ok(_) => {
                        transaction.commit().unwrap();
                        0
                    }
                    Err(error) => {
                        assert_eq!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED));
                        1
                    }
                }
            })
        });
        both.map(|one| one.join().unwrap()).iter().sum()
    })
}

fn codes_held_in_any_order() {
    let (hub, _) = hub();
    let (up, down) = (["CARD000", "CARD001"], ["CARD001", "CARD000"]);
    assert_eq!(ended(&hub, up, down), 1);
    assert_eq!(ended(&hub, up, up), 0);
}

#[test]
fn canary_codes_held_in_any_order_lock_each_other_out() {
    with_hubs_in_databases(codes_held_in_any_order);
}
