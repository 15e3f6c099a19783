//! What is asked of the hub twice, too late, or before its campaign has come down: it acts once, and on
//! what was meant.

use counterfoil::desk::{self, HubLine, Miss};
use counterfoil::domain::campaign::OfflinePolicy;
use counterfoil::domain::ids::Key;
use counterfoil::domain::reversal::{Reversal, ReversalWord};
use counterfoil::domain::verdict::{Answer, Approval, Verdict};
use counterfoil::domain::wire::{AskHub, Asked, Told, Verb};
use counterfoil::ledger::{Scan, Undo, UndoRequest};
use std::time::Duration;

use crate::sync::asked::{GIFT, Line, Wire};
use crate::sync::world::{
    self, CONFIRMED, Node, act_of, and_with_hubs_in_databases, meet, spring, tell,
};

/// A hub with codes of so many uses, and a store that has heard of nothing yet.
fn pair(uses: u32) -> (Node, Node) {
    let mut hub = world::hub(0);
    let act = hub.act();
    let change = |rules: &mut counterfoil::domain::campaign::Rules| {
        rules.uses = uses;
        rules.offline = OfflinePolicy::Accept;
    };
    hub.ledger
        .set_campaign(&spring(), change, &act)
        .unwrap()
        .unwrap();
    hub.import("spring", &[GIFT, "GIFT-00002-KEEP"]);
    let store = world::store(&mut hub, "Riverside");
    (hub, store)
}

/// A scan at the store; what the hub was sent about it.
fn scan(
    (hub, store): (&mut Node, &mut Node),
    line: Line,
    code: &str,
    own_key: Option<&Key>,
) -> (Answer, Vec<AskHub>) {
    store.passes(10_000);
    hub.now_ms = store.now_ms;
    let act = act_of("Till 1", store.now_ms);
    let minted = desk::mint_key(act.now).unwrap();
    let heard = Vec::new();
    let mut wire = Wire { hub, line, heard };
    let scan = Scan {
        key: own_key,
        ..Scan::new(code.as_bytes(), &minted)
    };
    let answer = desk::redeem(&mut store.ledger, &scan, Some(&mut wire), &act).unwrap();
    (answer, wire.heard)
}

/// Sync asks again whatever has no answer.
fn ask_again(hub: &mut Node, store: &mut Node) {
    store.passes(10_000);
    let act = act_of("sync", store.now_ms);
    for question in store.ledger.pending_questions(&act).unwrap() {
        let ask = store.ledger.ask_of(&question, act.now).unwrap();
        let at_hub = hub.act();
        let asked = hub.ledger.answer_question(&ask, &at_hub).unwrap();
        store.ledger.hear_again(&question, &asked, &act).unwrap();
    }
}

/// A line on which acts do not get through, or their answers do not.
struct Losing<'h>(Wire<'h>);

impl HubLine for Losing<'_> {
    fn ask(&mut self, ask: &AskHub, deadline: Duration) -> Result<Asked, Miss> {
        let is_act = !matches!(
            ask.question.verb,
            Verb::Reverse {
                redemption: None,
                ..
            }
        );
        let line = self.0.line;
        if !is_act && line != Line::IsDown {
            self.0.line = Line::Delivers;
        }
        let heard = self.0.ask(ask, deadline);
        self.0.line = line;
        heard
    }
}

/// Undoes the newest redemption of the code, at the store.
fn undo_newest(hub: &mut Node, store: &mut Node, line: Line) -> (Reversal, Vec<AskHub>) {
    store.passes(10_000);
    hub.now_ms = store.now_ms;
    let act = act_of("Till 1", store.now_ms);
    let minted = desk::mint_key(act.now).unwrap();
    let request = UndoRequest {
        undo: Undo::Code {
            raw: GIFT.as_bytes(),
            allowed_hosts: &[],
        },
        reason: "wrong item",
        key: None,
        minted: &minted,
        approval: Some(&Approval {
            by: None,
            reason: "wrong item".into(),
        }),
    };
    let heard = Vec::new();
    let mut line = Losing(Wire { hub, line, heard });
    let reversal = desk::reverse(&mut store.ledger, &request, Some(&mut line), &act).unwrap();
    (reversal, line.0.heard)
}

/// The hub's newest redemption is to be undone, its question or its answer is lost, another one is
/// made, and the question is asked again: the one that was meant is undone.
fn undone_late(line: Line) {
    let (mut hub, mut store) = pair(3);
    meet(&mut hub, &mut store);
    let meant = hub.redeem("Till 9", GIFT, "meant").redemption_id.unwrap();
    tell(&mut hub, &mut store);
    let (unknown, asks) = undo_newest(&mut hub, &mut store, line);
    assert_eq!(unknown.word, ReversalWord::UnknownOutcome);
    assert_eq!(asks.len(), 2, "which is the newest, and to undo that one");
    let later = hub.redeem("Till 9", GIFT, "later").redemption_id.unwrap();
    ask_again(&mut hub, &mut store);
    let reversed = hub.texts("SELECT body FROM entry WHERE kind = 'reversed'");
    assert_eq!(reversed.len(), 1);
    let names_it = |body: &String| body.contains(&format!("\"{meant}\""));
    assert!(reversed.iter().all(names_it), "{reversed:?}");
    assert_ne!(meant, later);
    assert_eq!(store.count("SELECT count(*) FROM pending"), 0);
    // And whoever asks anew means what is the newest now.
    let (undone, _) = undo_newest(&mut hub, &mut store, Line::Delivers);
    assert_eq!(undone.word, ReversalWord::Reversed);
    assert_eq!(undone.redemption_id, Some(later));
    let (nothing, _) = undo_newest(&mut hub, &mut store, Line::Delivers);
    assert_eq!(nothing.word, ReversalWord::NothingToReverse);
    meet(&mut hub, &mut store);
    for node in [&mut hub, &mut store] {
        assert_eq!(node.count("SELECT sum(uses_made) FROM code"), 0);
        node.assert_well();
    }
}

#[test]
fn an_undo_of_the_newest_that_is_asked_again_undoes_what_was_the_newest() {
    undone_late(Line::LosesTheQuestion);
    undone_late(Line::LosesTheAnswer);
}

#[test]
fn where_the_hub_names_no_newest_nothing_is_kept_to_be_asked_again() {
    let (mut hub, mut store) = pair(3);
    meet(&mut hub, &mut store);
    hub.redeem("Till 9", GIFT, "meant");
    tell(&mut hub, &mut store);
    let (refused, asks) = undo_newest(&mut hub, &mut store, Line::IsDown);
    assert_eq!(refused.word, ReversalWord::OfflineRefused);
    assert_eq!(asks.len(), 0);
    assert_eq!(store.count("SELECT count(*) FROM pending"), 0);
}

#[test]
fn what_was_redeemed_before_its_campaign_came_down_is_replayed_by_its_key() {
    let (mut hub, mut store) = pair(2);
    let till: Key = "till-0001".parse().unwrap();
    let scan_it = |hub: &mut Node, store: &mut Node, line, code| {
        scan((hub, store), line, code, Some(&till)).0
    };
    let first = scan_it(&mut hub, &mut store, Line::Delivers, GIFT);
    assert_eq!(first.verdict, CONFIRMED);
    // Out of reach and in reach, before and after it has come down.
    for is_down in [true, false] {
        let apart = scan_it(&mut hub, &mut store, Line::IsDown, GIFT);
        assert_eq!(apart.verdict, Verdict::Replayed);
        assert_eq!(apart.redemption_id, first.redemption_id);
        let unheard = scan_it(&mut hub, &mut store, Line::LosesTheAnswer, GIFT);
        assert_eq!(unheard.verdict, Verdict::Replayed);
        let near = scan_it(&mut hub, &mut store, Line::Delivers, GIFT);
        assert_eq!(near.verdict, Verdict::Replayed);
        assert_eq!(near.offer.as_deref(), Some("Free coffee"));
        let other = scan_it(&mut hub, &mut store, Line::IsDown, "GIFT-00002-KEEP");
        assert_eq!(other.verdict, Verdict::KeyConflict);
        if is_down {
            meet(&mut hub, &mut store);
        }
    }
    ask_again(&mut hub, &mut store);
    assert_eq!(store.count("SELECT count(*) FROM pending"), 0);
    // Its undoing is known by its key, too.
    let (undone, _) = undo_newest(&mut hub, &mut store, Line::Delivers);
    assert_eq!(undone.redemption_id, first.redemption_id);
    let reversed = scan_it(&mut hub, &mut store, Line::IsDown, GIFT);
    assert_eq!(reversed.verdict, Verdict::Reversed);
    meet(&mut hub, &mut store);
    for node in [&mut hub, &mut store] {
        assert_eq!(node.count("SELECT sum(uses_made) FROM code"), 0);
        node.assert_well();
    }
}

fn pause(hub: &mut Node, is_paused: bool) {
    let act = hub.act();
    hub.ledger
        .pause_campaign(&spring(), is_paused, &act)
        .unwrap()
        .unwrap();
}

#[test]
fn a_question_that_comes_after_a_later_one_was_refused_does_nothing() {
    let (mut hub, mut store) = pair(1);
    meet(&mut hub, &mut store);
    let own: Key = "till-0001".parse().unwrap();
    for own_key in [None, Some(&own)] {
        let (first, lost) = scan(
            (&mut hub, &mut store),
            Line::LosesTheQuestion,
            GIFT,
            own_key,
        );
        assert_eq!(first.verdict, Verdict::UnknownOutcome);
        pause(&mut hub, true);
        let (refused, told) = scan((&mut hub, &mut store), Line::Delivers, GIFT, own_key);
        assert_eq!(refused.verdict, Verdict::Paused);
        assert_eq!(refused.key, first.key);
        pause(&mut hub, false);
        // The first one arrives after all, and a copy of the second.
        for late in lost.iter().chain(&told) {
            let act = hub.act();
            let asked = hub.ledger.answer_question(late, &act).unwrap();
            assert_eq!(asked.told, Told::Overtaken);
        }
        assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 0);
    }
    // A refusal binds no key: asked anew, it is judged anew, and then there is nothing to be late for.
    let (anew, asks) = scan((&mut hub, &mut store), Line::Delivers, GIFT, Some(&own));
    assert_eq!(anew.verdict, CONFIRMED);
    let act = hub.act();
    let copy = hub
        .ledger
        .answer_question(asks.first().unwrap(), &act)
        .unwrap();
    let Told::Redeemed { verdict, .. } = copy.told else {
        panic!("{copy:?}");
    };
    assert_eq!(verdict, Verdict::Replayed);
    assert_eq!(hub.count("SELECT sum(uses_made) FROM code"), 1);
    assert_eq!(store.count("SELECT count(*) FROM pending"), 0);
}

and_with_hubs_in_databases! {
    an_undo_of_the_newest_that_is_asked_again_undoes_what_was_the_newest,
    where_the_hub_names_no_newest_nothing_is_kept_to_be_asked_again,
    what_was_redeemed_before_its_campaign_came_down_is_replayed_by_its_key,
    a_question_that_comes_after_a_later_one_was_refused_does_nothing,
}
