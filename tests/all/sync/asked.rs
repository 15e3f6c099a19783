//! What is asked of the hub, and what becomes of it once the entries of both have met.

use counterfoil::desk::{self, HubLine, Miss};
use counterfoil::domain::campaign::OfflinePolicy;
use counterfoil::domain::day_report::DayReport;
use counterfoil::domain::entry::instant;
use counterfoil::domain::ids::Key;
use counterfoil::domain::verdict::{Answer, Certainty, Verdict};
use counterfoil::domain::wire::{AskHub, Asked, Told};
use counterfoil::ledger::{Judged, Scan};
use std::time::Duration;

use crate::sync::world::{
    self, Node, act_of, and_with_hubs_in_databases, meet, send, spring, tell,
};

pub(crate) const GIFT: &str = "GIFT-00001-KEEP";

/// What becomes of a question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Delivers,
    LosesTheQuestion,
    LosesTheAnswer,
    IsDown,
}

/// A line to a hub, and what was sent on it.
pub(crate) struct Wire<'h> {
    pub(crate) hub: &'h mut Node,
    pub(crate) line: Line,
    pub(crate) heard: Vec<AskHub>,
}

impl HubLine for Wire<'_> {
    fn ask(&mut self, ask: &AskHub, _: Duration) -> Result<Asked, Miss> {
        if self.line == Line::IsDown {
            return Err(Miss::NotSent);
        }
        self.heard.push(ask.clone());
        if self.line == Line::LosesTheQuestion {
            return Err(Miss::NoAnswer);
        }
        let act = self.hub.act();
        let asked = self.hub.ledger.answer_at_last(ask, &act).unwrap();
        match self.line {
            Line::Delivers => Ok(asked),
            Line::LosesTheAnswer | Line::LosesTheQuestion | Line::IsDown => Err(Miss::NoAnswer),
        }
    }
}

/// A scan without a key of its own; what the hub was asked about it.
fn scan(hub: &mut Node, store: &mut Node, line: Line, counter: &str) -> (Answer, Vec<AskHub>) {
    store.passes(10_000);
    hub.now_ms = store.now_ms;
    let act = act_of(counter, store.now_ms);
    let minted = desk::mint_key(act.now).unwrap();
    let mut wire = Wire {
        hub,
        line,
        heard: Vec::new(),
    };
    let scan = Scan::new(GIFT.as_bytes(), &minted);
    let answer = desk::redeem(&mut store.ledger, &scan, Some(&mut wire), &act).unwrap();
    (answer, wire.heard)
}

/// A hub with a code that its store knows, and that is honoured apart as well.
fn pair() -> (Node, Node) {
    let mut hub = world::hub(0);
    let act = hub.act();
    hub.ledger
        .set_campaign(
            &spring(),
            |rules| rules.offline = OfflinePolicy::Accept,
            &act,
        )
        .unwrap()
        .unwrap();
    hub.import("spring", &[GIFT]);
    let mut store = world::store(&mut hub, "Riverside");
    meet(&mut hub, &mut store);
    (hub, store)
}

fn the_days_of(hub: &mut Node, store: &mut Node) -> [DayReport; 3] {
    let now = instant(hub.now_ms);
    let date = now
        .to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap())
        .date();
    [
        store.ledger.day_report(date, None, now),
        hub.ledger.day_report(date, Some("Riverside"), now),
        hub.ledger.day_report(date, Some("Head office"), now),
    ]
    .map(|report| report.unwrap().unwrap())
}

fn what_the_hub_did_for_a_counter_is_of_that_counters_day() {
    let (mut hub, mut store) = pair();
    let (first, _) = scan(&mut hub, &mut store, Line::Delivers, "Till 1");
    let certainty = Certainty::Confirmed;
    assert_eq!(first.verdict, Verdict::Accepted { certainty });
    let (second, _) = scan(&mut hub, &mut store, Line::Delivers, "Till 2");
    assert_eq!(second.verdict, Verdict::AlreadyRedeemed);
    meet(&mut hub, &mut store);
    meet(&mut hub, &mut store);
    let [own, told, of_the_hub] = the_days_of(&mut hub, &mut store);
    assert_eq!((own.counts.accepted, own.counts.refused), (1, 1));
    assert_eq!(own.counts, told.counts);
    assert_eq!(own.by_counter, told.by_counter);
    assert_eq!(own.refused_by_reason, told.refused_by_reason);
    assert!(of_the_hub.counts.is_empty(), "{of_the_hub:?}");
    // Of an act that two entries tell of, one is counted.
    let (mut hub, mut store) = pair();
    scan(&mut hub, &mut store, Line::LosesTheAnswer, "Till 1");
    scan(&mut hub, &mut store, Line::IsDown, "Till 2");
    meet(&mut hub, &mut store);
    meet(&mut hub, &mut store);
    let [own, told, of_the_hub] = the_days_of(&mut hub, &mut store);
    assert_eq!((own.counts.accepted, own.counts.provisional), (1, 1));
    assert_eq!(told.counts.accepted, 1);
    assert!(of_the_hub.counts.is_empty(), "{of_the_hub:?}");
}

#[test]
fn the_hubs_acts_stand_at_the_stores_counters() {
    what_the_hub_did_for_a_counter_is_of_that_counters_day();
}

/// The hub redeems it, its answer is lost, the line goes down, and the store honours it by the
/// campaign's policy; then everything meets. How many conflicts there are.
fn lost_answer_then_accepted(keeps_the_key: bool) -> i64 {
    let (mut hub, mut store) = pair();
    let (first, _) = scan(&mut hub, &mut store, Line::LosesTheAnswer, "Till 1");
    assert_eq!(first.verdict, Verdict::UnknownOutcome);
    if !keeps_the_key {
        rusqlite::Connection::open(store.folder().join("ledger.db"))
            .unwrap()
            .execute_batch("DELETE FROM pending")
            .unwrap();
    }
    let (second, _) = scan(&mut hub, &mut store, Line::IsDown, "Till 2");
    let provisional = Certainty::Provisional;
    assert_eq!(
        second.verdict,
        Verdict::Accepted {
            certainty: provisional
        }
    );
    meet(&mut hub, &mut store);
    meet(&mut hub, &mut store);
    for node in [&mut hub, &mut store] {
        assert_eq!(node.count("SELECT uses_made FROM code"), 1);
        node.assert_well();
    }
    hub.count("SELECT count(*) FROM conflict WHERE is_open = 1")
}

#[test]
fn a_provisional_acceptance_under_the_pending_key_is_the_hubs_own_act() {
    assert_eq!(lost_answer_then_accepted(true), 0);
}

#[test]
fn canary_without_the_pending_key_the_same_race_counts_twice() {
    assert_eq!(lost_answer_then_accepted(false), 1);
}

#[test]
fn what_was_given_up_is_undone_at_the_hub_and_refused_for_ever() {
    let (mut hub, mut store) = pair();
    let (first, asks) = scan(&mut hub, &mut store, Line::LosesTheAnswer, "Till 1");
    let key: Key = first.key.parse().unwrap();
    let act = act_of("office", store.now_ms);
    let is_given_up = store
        .ledger
        .withdraw("Till 1", &key, "they have gone", &act);
    assert!(is_given_up.unwrap());
    send(&mut hub, &mut store);
    assert_eq!(hub.count("SELECT uses_made FROM code"), 0);
    assert_eq!(
        hub.count("SELECT count(*) FROM entry WHERE kind = 'reversed'"),
        1
    );
    // The question itself arrives late, and once more.
    let act = hub.act();
    let late = hub
        .ledger
        .answer_question(asks.first().unwrap(), &act)
        .unwrap();
    let Told::Redeemed { verdict, .. } = late.told else {
        panic!("{late:?}");
    };
    assert_eq!(verdict, Verdict::Reversed);
    assert_eq!(hub.count("SELECT uses_made FROM code"), 0);
    hub.assert_well();
    store.assert_well();
}

#[test]
fn a_question_that_arrives_after_it_was_given_up_does_nothing() {
    let (mut hub, mut store) = pair();
    let act = act_of("Till 1", store.now_ms);
    let key: Key = "late".parse().unwrap();
    let scanned = Scan::new(GIFT.as_bytes(), &key);
    let Judged::Ask(question) = store.ledger.redeem_or_ask(&scanned, &act).unwrap() else {
        panic!("the hub is to be asked");
    };
    let ask = store.ledger.ask_of(&question, act.now).unwrap();
    let act = act_of("office", store.now_ms);
    let is_given_up = store
        .ledger
        .withdraw("Till 1", &key, "they have gone", &act);
    assert!(is_given_up.unwrap());
    send(&mut hub, &mut store);
    let act = hub.act();
    let late = hub.ledger.answer_question(&ask, &act).unwrap();
    let Told::Redeemed { verdict, .. } = late.told else {
        panic!("{late:?}");
    };
    assert_eq!(verdict, Verdict::Reversed);
    assert_eq!(hub.count("SELECT uses_made FROM code"), 0);
    // A scan of its own is judged on its own.
    let (anew, _) = scan(&mut hub, &mut store, Line::Delivers, "Till 1");
    let certainty = Certainty::Confirmed;
    assert_eq!(anew.verdict, Verdict::Accepted { certainty });
}

#[test]
fn a_code_that_another_store_holds_is_handed_over_and_then_redeemed() {
    let (mut hub, mut store) = pair();
    let mut other = world::store(&mut hub, "Harbour");
    meet(&mut hub, &mut other);
    // As if it had been given out there.
    for (node, holder) in [(&hub, "HARBOURXXX"), (&store, "HARBOURXXX")] {
        hold(node, holder);
    }
    rusqlite::Connection::open(other.folder().join("ledger.db"))
        .unwrap()
        .execute_batch("UPDATE code SET holder = 1")
        .unwrap();
    let act = act_of("Till 1", store.now_ms);
    let key: Key = "recalled".parse().unwrap();
    let scanned = Scan::new(GIFT.as_bytes(), &key);
    let Judged::Ask(question) = store.ledger.redeem_or_ask(&scanned, &act).unwrap() else {
        panic!("the hub is to be asked");
    };
    let ask = store.ledger.ask_of(&question, act.now).unwrap();
    let at_hub = hub.act();
    let asked = hub.ledger.answer_question(&ask, &at_hub).unwrap();
    assert_eq!(asked.told, Told::Wait);
    // The holder hears of it, hands it over, and has no right to it any more.
    tell(&mut hub, &mut other);
    send(&mut hub, &mut other);
    assert_eq!(hub.count("SELECT holder FROM code"), 1);
    let asked = hub.ledger.answer_question(&ask, &at_hub).unwrap();
    let Told::Redeemed { verdict, .. } = &asked.told else {
        panic!("{asked:?}");
    };
    let certainty = Certainty::Confirmed;
    assert_eq!(*verdict, Verdict::Accepted { certainty });
    assert_eq!(hub.count("SELECT count(*) FROM recall"), 0);
}

/// Says in a ledger, behind its back, who holds the only code.
fn hold(node: &Node, holder: &str) {
    node.tamper(&format!(
        "INSERT INTO node (name) VALUES ('{holder}') ON CONFLICT DO NOTHING"
    ));
    node.tamper(&format!(
        "UPDATE code SET holder = (SELECT id FROM node WHERE name = '{holder}')"
    ));
}

and_with_hubs_in_databases! {
    a_provisional_acceptance_under_the_pending_key_is_the_hubs_own_act,
    canary_without_the_pending_key_the_same_race_counts_twice,
    what_was_given_up_is_undone_at_the_hub_and_refused_for_ever,
    a_question_that_arrives_after_it_was_given_up_does_nothing,
    a_code_that_another_store_holds_is_handed_over_and_then_redeemed,
}
