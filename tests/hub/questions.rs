//! Codes that the hub holds, scanned at a store while the network fails: nobody is honoured twice, and
//! nobody is told something that is not known.

use rusqlite::OpenFlags;

use crate::proxy::{Cut, Trouble};
use crate::shop::{code, text};
use crate::stage::Stage;
use crate::stores::Store;

const ASK: &str = "/v1/sync/ask";

#[test]
fn a_question_whose_answer_is_lost_is_done_once_however_often_it_is_asked() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let cuts = [Cut::After(0), Cut::Head, Cut::Middle, Cut::Last];
    let mut lost: Vec<Trouble> = cuts.into_iter().map(Trouble::AnswerCut).collect();
    lost.push(Trouble::Late);
    for (place, trouble) in lost.into_iter().enumerate() {
        let code = code(place);
        stage.proxy.troubles(ASK, trouble.clone());
        let ran = store.run(&["redeem", &code]);
        assert_eq!(ran.exit, 3, "{trouble:?}: {:?} {}", ran.lines, ran.errors);
        assert_eq!(
            text(ran.json(), "verdict"),
            "unknown_outcome",
            "{trouble:?}"
        );
        assert_eq!(stage.uses(&code), 1, "{trouble:?}");
        // It is not honoured at the hub meanwhile.
        assert_eq!(stage.shop.redeem(&code), "already_redeemed", "{trouble:?}");
        stage.proxy.heals();
        let again = store.run(&["redeem", &code]);
        assert_eq!(again.exit, 0, "{trouble:?}: {:?}", again.lines);
        let word = text(again.json(), "verdict");
        assert!(
            word == "accepted" || word == "replayed",
            "{trouble:?}: {word}"
        );
        assert_eq!(store.redeem(&code), "already_redeemed", "{trouble:?}");
        store.sync().well();
        assert_eq!(stage.uses(&code), 1, "{trouble:?}");
        store.assert_sent(&stage.shop);
    }
    assert_eq!(stage.conflicts(), 0);
    store.assert_well();
    stage.assert_well();
}

#[test]
fn a_question_that_got_nowhere_is_not_done_and_may_be_asked_again() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let lost = [
        Trouble::Close,
        Trouble::QuestionCut(Cut::After(0)),
        Trouble::QuestionCut(Cut::Middle),
        Trouble::QuestionCut(Cut::Last),
        Trouble::Silent,
    ];
    for (place, trouble) in lost.into_iter().enumerate() {
        let code = code(place);
        stage.proxy.troubles(ASK, trouble.clone());
        let ran = store.run(&["redeem", &code]);
        assert_eq!(ran.exit, 3, "{trouble:?}: {:?} {}", ran.lines, ran.errors);
        assert_eq!(stage.uses(&code), 0, "{trouble:?}");
        stage.proxy.heals();
        assert_eq!(store.redeem(&code), "accepted", "{trouble:?}");
        assert_eq!(stage.uses(&code), 1, "{trouble:?}");
        store.sync().well();
        assert_eq!(stage.uses(&code), 1, "{trouble:?}");
        store.assert_sent(&stage.shop);
    }
    assert_eq!(stage.conflicts(), 0);
    stage.assert_well();
}

/// Makes a store's questions so old that no counter waits for their answers any more.
fn nobody_waits(store: &Store) {
    let file = store.open(OpenFlags::SQLITE_OPEN_READ_WRITE);
    let aged = file.execute("UPDATE pending SET at_ms = at_ms - 60000", []);
    assert_eq!(aged, Ok(1));
}

#[test]
fn what_was_not_answered_is_asked_again_by_sync_and_told_at_the_next_scan() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let code = code(0);
    stage.proxy.troubles(ASK, Trouble::AnswerCut(Cut::Last));
    assert_eq!(store.redeem(&code), "unknown_outcome");
    nobody_waits(&store);
    let ran = store.sync();
    assert_eq!(ran.exit, 3, "{}", ran.errors);
    assert_eq!(ran.json()["pending"], 1);
    stage.proxy.heals();
    nobody_waits(&store);
    let ran = store.sync();
    assert_eq!(ran.well().json()["pending"], 0);
    assert_eq!(ran.json()["answers"], 1);
    // Whoever waited is told, once; whoever comes later is not.
    let told = store.redeem(&code);
    assert!(told == "replayed" || told == "accepted", "{told}");
    assert_eq!(store.redeem(&code), "already_redeemed");
    assert_eq!(stage.uses(&code), 1);
    store.sync().well();
    store.assert_sent(&stage.shop);
    assert_eq!((stage.uses(&code), stage.conflicts()), (1, 0));
    stage.assert_well();
}
