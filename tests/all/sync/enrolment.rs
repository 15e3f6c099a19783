//! Letting stores in: tokens that work once, and who may be a hub.

use counterfoil::domain::log::LogFilter;
use counterfoil::domain::refusal::Refusal;
use counterfoil::domain::store::FIRST_LABEL;
use counterfoil::domain::wire::{Down, HubKnown, Standing};
use counterfoil::ledger::{HubAddress, LogPosition};
use counterfoil::sync::intake::{self, Reply, Request};

use crate::sync::world::{Node, URL, alone, and_with_hubs_in_databases, hub, join, meet, store};

#[test]
fn who_waits_at_the_hub_hears_at_once_that_it_may_no_more() {
    let mut hub = hub(0);
    let mut riverside = store(&mut hub, "Riverside");
    meet(&mut hub, &mut riverside);
    let link = riverside.ledger.hub_link().unwrap().unwrap();
    let down = Request::Down(Down {
        hello: riverside.hello(),
        after: link.cursor,
        wait_ms: 25_000,
        standing: Some(link.standing),
        hub: HubKnown::default(),
    });
    let act = hub.act();
    let ask = |hub: &mut Node| {
        let reply = intake::answer(&mut hub.ledger, &riverside.secret, &down, false, &act);
        reply.unwrap().unwrap()
    };
    assert!(matches!(ask(&mut hub), Reply::Later(_)));
    hub.ledger
        .set_standing("Riverside", FIRST_LABEL, Standing::Revoked, &act)
        .unwrap()
        .unwrap();
    let Reply::Said(page) = ask(&mut hub) else {
        panic!("it is something new");
    };
    let page = serde_json::from_str(&page).unwrap();
    let here = riverside.act();
    assert!(riverside.ledger.apply_page(&page, &here).unwrap());
    let link = riverside.ledger.hub_link().unwrap().unwrap();
    assert_eq!(link.standing, Standing::Revoked);
}

#[test]
fn an_entry_that_cannot_be_read_hides_no_other_in_the_log() {
    let mut hub = hub(0);
    let mut riverside = store(&mut hub, "Riverside");
    meet(&mut hub, &mut riverside);
    let lines = |node: &mut Node| {
        let mut position = LogPosition::default();
        let mut lines = Vec::new();
        while let Some(page) = node
            .ledger
            .log_page(&mut position, &LogFilter::default())
            .unwrap()
        {
            lines.extend(page);
        }
        lines
    };
    let before = lines(&mut riverside);
    let first = "(SELECT min(id) FROM entry WHERE node = 1)";
    riverside.tamper(&format!(
        "UPDATE entry SET body = '{{}}' WHERE id = {first}"
    ));
    let after = lines(&mut riverside);
    assert_eq!(after.len(), before.len());
    let parked = after.iter().filter(|line| line.kind == "parked");
    assert_eq!(parked.count(), 1);
}

#[test]
fn a_token_lets_one_ledger_in_once_and_a_lost_answer_can_be_asked_again() {
    let mut hub = hub(0);
    let mut riverside = alone("Riverside");
    let act = hub.act();
    let added = hub
        .ledger
        .add_store("Riverside", FIRST_LABEL, "token", &act)
        .unwrap()
        .unwrap();
    assert_eq!((added.standing, added.node), (Standing::Invited, None));
    assert!(hub.ledger.authenticate("drawn").unwrap().is_none());

    riverside.secret = "drawn".into();
    let asked = riverside.asks_to_join();
    let first = hub.ledger.enrol(&asked, "token", &act).unwrap().unwrap();
    let again = hub.ledger.enrol(&asked, "token", &act).unwrap().unwrap();
    assert_eq!(first, again);
    assert_eq!(first.welcome.standing, Standing::Active);
    let known = hub.ledger.authenticate("drawn").unwrap().unwrap();
    assert_eq!(known.node.as_deref(), Some("RIVERSIDEX"));
    assert_eq!(known.number, added.number);

    // Somebody else has found the token.
    let mut other = alone("Riverside");
    other.secret = "another".into();
    let refused = hub.ledger.enrol(&other.asks_to_join(), "token", &act);
    assert_eq!(refused.unwrap(), Err(Refusal::NotInvited));
    assert_eq!(hub.count("SELECT count(*) FROM store"), 1);
    assert_eq!(
        hub.count("SELECT count(*) FROM entry WHERE kind = 'store_joined'"),
        1
    );
    let secrets = hub.count(
        "SELECT count(*) FROM store WHERE length(enrolment_hash) = 32 AND length(secret_hash) = 32",
    );
    assert_eq!(secrets, 1);
    hub.assert_well();
}

#[test]
fn a_ledger_is_a_hub_or_joins_one_never_both() {
    let mut hub = hub(0);
    let mut riverside = store(&mut hub, "Riverside");
    let act = hub.act();
    let refused = riverside
        .ledger
        .add_store("Station Road", FIRST_LABEL, "token", &act);
    assert_eq!(refused.unwrap(), Err(Refusal::JoinedAHub(URL.into())));
    let elsewhere = HubAddress {
        url: "https://other.example.org".into(),
        ca_file: None,
        secret: "drawn".into(),
    };
    let refused = hub.ledger.begin_joining(&elsewhere, &act).unwrap();
    assert_eq!(refused, Err(Refusal::IsAHub));
    let refused = riverside.ledger.begin_joining(&elsewhere, &act).unwrap();
    assert_eq!(refused, Err(Refusal::JoinedAHub(URL.into())));
    assert!(hub.ledger.is_hub().unwrap());
    let link = riverside.ledger.hub_link().unwrap().unwrap();
    assert_eq!(link.hub, "HEADOFFICE");
    assert!(link.may_hold(riverside.now_ms));
    hub.assert_well();
    riverside.assert_well();
}

#[test]
fn a_store_is_called_what_its_ledger_says() {
    let mut hub = hub(0);
    let act = hub.act();
    hub.ledger
        .add_store("Station Road", FIRST_LABEL, "token", &act)
        .unwrap()
        .unwrap();
    let mut riverside = alone("Riverside");
    riverside.secret = "drawn".into();
    let refused = hub.ledger.enrol(&riverside.asks_to_join(), "token", &act);
    assert_eq!(
        refused.unwrap(),
        Err(Refusal::AnotherStore {
            invited: "Station Road".into(),
            ledger: "Riverside".into(),
        })
    );
    // The token was not used up by it.
    let mut station = alone("Station Road");
    station.secret = "drawn here".into();
    hub.ledger
        .enrol(&station.asks_to_join(), "token", &act)
        .unwrap()
        .unwrap();
}

#[test]
fn a_token_that_was_not_used_is_replaced_and_a_store_that_came_has_its_name() {
    let mut hub = hub(0);
    let act = hub.act();
    for token in ["first", "second"] {
        hub.ledger
            .add_store("Riverside", FIRST_LABEL, token, &act)
            .unwrap()
            .unwrap();
    }
    assert_eq!(hub.count("SELECT count(*) FROM store"), 1);
    let mut riverside = alone("Riverside");
    riverside.secret = "drawn".into();
    let asked = riverside.asks_to_join();
    let refused = hub.ledger.enrol(&asked, "first", &act).unwrap();
    assert_eq!(refused, Err(Refusal::NotInvited));
    hub.ledger.enrol(&asked, "second", &act).unwrap().unwrap();
    let refused = hub
        .ledger
        .add_store("Riverside", FIRST_LABEL, "third", &act);
    assert_eq!(
        refused.unwrap(),
        Err(Refusal::StoreExists("Riverside".into()))
    );
    let mut second = alone("Riverside");
    hub.ledger
        .add_store("Riverside", "2", "fourth", &act)
        .unwrap()
        .unwrap();
    second.secret = "drawn too".into();
    // One node has one place: the token of another one does not move it.
    let refused = hub.ledger.enrol(&second.asks_to_join(), "fourth", &act);
    assert_eq!(
        refused.unwrap(),
        Err(Refusal::NodeKnown("Riverside".into()))
    );
}

#[test]
fn stores_are_listed_with_their_last_contact() {
    let mut hub = hub(0);
    for name in ["Riverside", "Station Road"] {
        let mut joining = alone(name);
        joining.now_ms += 90_000;
        join(&mut hub, &mut joining, name);
    }
    let stores = hub.ledger.stores().unwrap();
    let told: Vec<_> = stores
        .iter()
        .map(|known| {
            (
                known.called(),
                known.clock_offset_ms,
                known.timezone.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Riverside".to_owned(), 90_000, "Europe/Berlin"),
            ("Station Road".to_owned(), 90_000, "Europe/Berlin"),
        ]
    );
}

and_with_hubs_in_databases! {
    a_token_lets_one_ledger_in_once_and_a_lost_answer_can_be_asked_again,
    a_ledger_is_a_hub_or_joins_one_never_both,
    a_store_is_called_what_its_ledger_says,
    a_token_that_was_not_used_is_replaced_and_a_store_that_came_has_its_name,
    stores_are_listed_with_their_last_contact,
}
