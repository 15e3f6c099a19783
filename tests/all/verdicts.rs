//! The one `judge`: every word by table, the order of the words by property, boundaries by instant.

use std::collections::BTreeSet;
use std::time::Duration;

use counterfoil::domain::campaign::{Campaign, OfflinePolicy, Requirement, Rules};
use counterfoil::domain::reading::{MisreadHint, NotOurs, Otherwise};
use counterfoil::domain::verdict::{
    Apart, ApartCause, ApprovalCause, Ask, Band, Certainty, CodeState, Facts, Found, Holding,
    KeyBinding, Knowledge, Pending, Verdict, judge, message,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn now() -> Timestamp {
    // A Saturday, 12:00 in Berlin.
    "2026-11-21T11:00:00Z".parse().expect("a time")
}

fn found() -> Found {
    Found {
        code: "BCDFGHJKLNPRST".into(),
        campaign: Campaign {
            id: "spring".parse().expect("a name"),
            revision: 1,
            is_paused: false,
            rules: Rules::new("Free coffee"),
        },
        state: CodeState::Assigned,
        uses_made: 0,
        expires_at: None,
        customer: None,
        first: None,
        void_reason: None,
        is_under_restore: false,
        customer_redemptions_today: 0,
        knowledge: Knowledge::Whole,
    }
}

fn facts(found: Option<Found>) -> Facts {
    Facts {
        key: KeyBinding::Free,
        holding: Holding::Ours,
        pending: Pending::None,
        since_honoured: None,
        found,
        otherwise: Otherwise::NotFound,
        store: "Riverside".into(),
        zone: TimeZone::get("Europe/Berlin").expect("a zone"),
        is_clock_behind: false,
    }
}

fn word(change: impl FnOnce(&mut Facts, &mut Ask)) -> &'static str {
    let mut facts = facts(Some(found()));
    let mut ask = Ask::default();
    change(&mut facts, &mut ask);
    judge(&facts, &ask, now()).verdict.word()
}

fn of(facts: &mut Facts) -> &mut Found {
    facts.found.as_mut().expect("a code")
}

fn hour() -> SignedDuration {
    SignedDuration::from_hours(1)
}

#[test]
fn every_word_has_its_cause() {
    assert_eq!(word(|_, _| {}), "accepted");
    assert_eq!(
        word(|facts, _| facts.key = KeyBinding::SameRedemption),
        "replayed"
    );
    assert_eq!(
        word(|facts, _| facts.key = KeyBinding::SameReversed),
        "reversed"
    );
    assert_eq!(
        word(|facts, _| facts.key = KeyBinding::Other),
        "key_conflict"
    );
    assert_eq!(word(|facts, _| facts.found = None), "not_found");
    let other = |otherwise| {
        word(|facts, _| {
            facts.found = None;
            facts.otherwise = otherwise;
        })
    };
    assert_eq!(
        other(Otherwise::NotOurs(NotOurs::ProductBarcode)),
        "not_ours"
    );
    assert_eq!(
        other(Otherwise::Misread(MisreadHint::CheckLetters)),
        "misread"
    );
    assert_eq!(
        word(|_, ask| ask.campaign = Some("autumn".parse().expect("a name"))),
        "wrong_campaign"
    );
    assert_eq!(
        word(|facts, _| of(facts).campaign.rules.stores = vec!["Harbour".into()]),
        "wrong_store"
    );
    assert_eq!(
        word(|facts, _| of(facts).campaign.rules.stores = vec!["RIVERSIDE".into()]),
        "accepted"
    );
    assert_eq!(word(|facts, _| of(facts).state = CodeState::Void), "void");
    assert_eq!(
        word(|facts, _| of(facts).state = CodeState::Suspect),
        "suspect"
    );
    assert_eq!(
        word(|facts, _| of(facts).state = CodeState::Redeemed),
        "already_redeemed"
    );
    assert_eq!(
        word(|facts, _| of(facts).state = CodeState::Available),
        "not_assigned"
    );
    assert_eq!(
        word(|facts, _| of(facts).campaign.is_paused = true),
        "paused"
    );
    assert_eq!(
        word(|facts, _| of(facts).is_under_restore = true),
        "needs_approval"
    );
    let needing = |requirement| {
        word(|facts, _| {
            of(facts).campaign.rules.require.insert(requirement);
        })
    };
    assert_eq!(needing(Requirement::Customer), "needs_customer");
    assert_eq!(needing(Requirement::Receipt), "needs_answer");
    assert_eq!(needing(Requirement::Approval), "needs_approval");
}

#[test]
fn a_window_includes_its_start_and_excludes_its_end() {
    let tick = SignedDuration::from_millis(1);
    let at = |starts: SignedDuration, ends: SignedDuration| {
        word(|facts, _| {
            of(facts).campaign.rules.starts_at = Some(now() + starts);
            of(facts).campaign.rules.ends_at = Some(now() + ends);
        })
    };
    assert_eq!(at(SignedDuration::ZERO, hour()), "accepted");
    assert_eq!(at(tick, hour()), "not_yet_valid");
    assert_eq!(at(-hour(), tick), "accepted");
    assert_eq!(at(-hour(), SignedDuration::ZERO), "expired");
    let own_end = |ends: SignedDuration| word(|facts, _| of(facts).expires_at = Some(now() + ends));
    assert_eq!(own_end(tick), "accepted");
    assert_eq!(own_end(SignedDuration::ZERO), "expired");
    // The earlier of a code's own end and its campaign's counts.
    let both = word(|facts, _| {
        of(facts).expires_at = Some(now() + hour());
        of(facts).campaign.rules.ends_at = Some(now());
    });
    assert_eq!(both, "expired");
}

#[test]
fn hours_are_the_stores_also_when_clocks_are_changed() {
    let at = |hours: &str, instant: &str| {
        let mut facts = facts(Some(found()));
        of(&mut facts).campaign.rules.hours = Some(hours.parse().expect("hours"));
        judge(&facts, &Ask::default(), instant.parse().expect("a time"))
            .verdict
            .word()
    };
    assert_eq!(at("Sat 12:00-13:00", "2026-11-21T11:00:00Z"), "accepted");
    assert_eq!(
        at("Sat 11:00-12:00", "2026-11-21T11:00:00Z"),
        "outside_hours"
    );
    // Both comings of 02:30 on the night the clocks are set back.
    assert_eq!(at("Sun 02:00-03:00", "2026-10-25T00:30:00Z"), "accepted");
    assert_eq!(at("Sun 02:00-03:00", "2026-10-25T01:30:00Z"), "accepted");
    // The hour that does not come on the night they are set forward.
    assert_eq!(
        at("Sun 02:00-03:00", "2026-03-29T01:00:00Z"),
        "outside_hours"
    );
}

#[test]
fn a_code_with_several_uses_is_honoured_so_often() {
    let made = |uses_made, uses| {
        word(|facts, _| {
            of(facts).uses_made = uses_made;
            of(facts).campaign.rules.uses = uses;
        })
    };
    assert_eq!(made(0, 3), "accepted");
    assert_eq!(made(2, 3), "accepted");
    assert_eq!(made(3, 3), "already_redeemed");
    assert_eq!(made(4, 3), "already_redeemed");
}

#[test]
fn a_code_left_in_view_is_counted_once() {
    let since = |ms| word(|facts, _| facts.since_honoured = Some(Duration::from_millis(ms)));
    assert_eq!(since(0), "reread");
    assert_eq!(since(2_999), "reread");
    assert_eq!(since(3_000), "accepted");
    // A code that was used up is read again, not refused with three bells.
    let spent = word(|facts, _| {
        facts.since_honoured = Some(Duration::from_millis(500));
        of(facts).state = CodeState::Redeemed;
        of(facts).uses_made = 1;
    });
    assert_eq!(spent, "reread");
}

#[test]
fn customers_and_limits() {
    let holder = |said: Option<Option<&str>>| {
        word(|facts, ask| {
            of(facts).customer = Some("ana".into());
            ask.customer = said.map(|said| said.map(str::to_owned));
        })
    };
    assert_eq!(holder(None), "accepted");
    assert_eq!(holder(Some(Some("ana"))), "accepted");
    assert_eq!(holder(Some(Some("ben"))), "wrong_customer");
    assert_eq!(holder(Some(None)), "wrong_customer");
    let today = |made, limit| {
        word(|facts, _| {
            of(facts).customer_redemptions_today = made;
            of(facts).campaign.rules.limit_per_day = Some(limit);
        })
    };
    assert_eq!(today(1, 2), "accepted");
    assert_eq!(today(2, 2), "limit_reached");
}

#[test]
fn a_wrong_clock_decides_nothing_that_depends_on_it() {
    let clock_behind = |change: fn(&mut Found)| {
        let mut facts = facts(Some(found()));
        facts.is_clock_behind = true;
        change(of(&mut facts));
        judge(&facts, &Ask::default(), now()).verdict
    };
    let clock = Verdict::NeedsApproval(ApprovalCause::Clock);
    assert_eq!(clock_behind(|_| {}).word(), "accepted");
    assert_eq!(
        clock_behind(|found| found.expires_at = Some(now() + hour())),
        clock
    );
    assert_eq!(
        clock_behind(|found| found.expires_at = Some(now() - hour())),
        clock
    );
    assert_eq!(
        clock_behind(|found| found.campaign.rules.starts_at = Some(now() + hour())),
        clock
    );
    // What does not depend on it stands, whatever the clock says.
    assert_eq!(
        clock_behind(|found| {
            found.expires_at = Some(now() - hour());
            found.state = CodeState::Redeemed;
        }),
        Verdict::AlreadyRedeemed
    );
}

#[test]
fn a_manager_sets_aside_what_a_manager_may_and_it_is_told() {
    let approved = |change: fn(&mut Facts, &mut Ask)| {
        let mut facts = facts(Some(found()));
        let mut ask = Ask {
            is_approved: true,
            ..Ask::default()
        };
        change(&mut facts, &mut ask);
        let judgement = judge(&facts, &ask, now());
        (judgement.verdict.word(), judgement.overrode)
    };
    assert_eq!(approved(|_, _| {}), ("accepted", vec![]));
    assert_eq!(
        approved(|facts, _| {
            of(facts).expires_at = Some(now());
            of(facts).campaign.is_paused = true;
        }),
        ("accepted", vec!["expired", "paused"])
    );
    assert_eq!(
        approved(|facts, _| of(facts).state = CodeState::Suspect),
        ("accepted", vec!["suspect"])
    );
    assert_eq!(
        approved(|facts, _| of(facts).is_under_restore = true),
        ("accepted", vec![])
    );
    for state in [CodeState::Void, CodeState::Redeemed, CodeState::Available] {
        let mut facts = facts(Some(found()));
        of(&mut facts).state = state;
        let ask = Ask {
            is_approved: true,
            ..Ask::default()
        };
        assert_eq!(
            judge(&facts, &ask, now()).verdict.band(),
            Band::Stop,
            "{state:?}"
        );
    }
    // A question is still asked: approval says nothing of the receipt.
    assert_eq!(
        approved(|facts, _| {
            of(facts)
                .campaign
                .rules
                .require
                .insert(Requirement::Receipt);
        }),
        ("needs_answer", vec![])
    );
}

fn apart(cause: ApartCause, provisional_today: u32) -> Holding {
    Holding::Apart(Apart {
        cause,
        provisional_today,
    })
}

const APART: [ApartCause; 5] = [
    ApartCause::OutOfReach,
    ApartCause::LeaseEnded,
    ApartCause::HeldByStore,
    ApartCause::Quarantined,
    ApartCause::Revoked,
];

/// The verdict on a code that may not be spent here.
fn judged_apart(
    cause: ApartCause,
    change: impl FnOnce(&mut Facts, &mut Ask),
) -> (&'static str, Certainty, Vec<&'static str>) {
    let mut facts = facts(Some(found()));
    facts.holding = apart(cause, 0);
    let mut ask = Ask::default();
    change(&mut facts, &mut ask);
    let judged = judge(&facts, &ask, now());
    assert!(!judged.asks_hub);
    (
        judged.verdict.word(),
        judged.verdict.certainty(),
        judged.overrode,
    )
}

#[test]
fn apart_from_its_holder_the_campaigns_policy_decides() {
    let refused = ("offline_refused", Certainty::Confirmed, vec![]);
    let provisional = ("accepted", Certainty::Provisional, vec![]);
    let accept = |most: Option<u32>| {
        move |facts: &mut Facts, _: &mut Ask| {
            of(facts).campaign.rules.offline = OfflinePolicy::Accept;
            of(facts).campaign.rules.offline_per_day = most;
        }
    };
    let made_two = |facts: &mut Facts| {
        if let Holding::Apart(apart) = &mut facts.holding {
            apart.provisional_today = 2;
        }
    };
    for cause in APART {
        assert_eq!(judged_apart(cause, |_, _| {}), refused, "{cause:?}");
        let spends_nothing = matches!(cause, ApartCause::Quarantined | ApartCause::Revoked);
        let by_policy = if spends_nothing {
            &refused
        } else {
            &provisional
        };
        assert_eq!(judged_apart(cause, accept(None)), *by_policy, "{cause:?}");
        let within = judged_apart(cause, |facts, ask| {
            accept(Some(3))(facts, ask);
            made_two(facts);
        });
        assert_eq!(within, *by_policy, "{cause:?}");
        let beyond = judged_apart(cause, |facts, ask| {
            accept(Some(2))(facts, ask);
            made_two(facts);
        });
        assert_eq!(beyond, refused, "{cause:?}");
        // The rules of the campaign come first, and its questions after.
        let expired = judged_apart(cause, |facts, _| of(facts).expires_at = Some(now()));
        assert_eq!(expired.0, "expired", "{cause:?}");
        let asked = judged_apart(cause, |facts, ask| {
            accept(None)(facts, ask);
            of(facts)
                .campaign
                .rules
                .require
                .insert(Requirement::Receipt);
        });
        let expected = if spends_nothing {
            "offline_refused"
        } else {
            "needs_answer"
        };
        assert_eq!(asked.0, expected, "{cause:?}");
    }
}

#[test]
fn a_manager_honours_provisionally_what_is_held_elsewhere_but_not_for_a_revoked_store() {
    for cause in APART {
        let (word, certainty, overrode) = judged_apart(cause, |_, ask| ask.is_approved = true);
        if cause == ApartCause::Revoked {
            assert_eq!(word, "offline_refused");
        } else {
            assert_eq!((word, certainty), ("accepted", Certainty::Provisional));
            assert_eq!(overrode, ["offline_refused"], "{cause:?}");
        }
    }
    let mut facts = facts(Some(found()));
    of(&mut facts).state = CodeState::Suspect;
    let ask = Ask {
        is_approved: true,
        ..Ask::default()
    };
    for (knowledge, certainty) in [
        (Knowledge::InPart, Certainty::Provisional),
        // A shop alone has nobody who could settle it later.
        (Knowledge::Whole, Certainty::Confirmed),
    ] {
        of(&mut facts).knowledge = knowledge;
        let judged = judge(&facts, &ask, now());
        assert_eq!(judged.verdict.certainty(), certainty);
        assert_eq!(judged.overrode, ["suspect"]);
    }
}

#[test]
fn the_hub_is_asked_unless_it_could_not_say_otherwise() {
    let asked = |change: fn(&mut Facts, &mut Ask)| {
        let mut facts = facts(Some(found()));
        facts.holding = Holding::AskHub;
        let mut ask = Ask::default();
        change(&mut facts, &mut ask);
        let judged = judge(&facts, &ask, now());
        assert_eq!(judged.asks_hub, judged.verdict == Verdict::UnknownOutcome);
        judged.verdict.word()
    };
    assert_eq!(asked(|_, _| {}), "unknown_outcome");
    // What it was here may have changed there.
    assert_eq!(asked(|facts, _| of(facts).uses_made = 1), "unknown_outcome");
    assert_eq!(
        asked(|facts, _| of(facts).state = CodeState::Available),
        "unknown_outcome"
    );
    assert_eq!(
        asked(|facts, _| of(facts).campaign.is_paused = true),
        "unknown_outcome"
    );
    assert_eq!(
        asked(|facts, _| of(facts).state = CodeState::Suspect),
        "unknown_outcome"
    );
    // A text that may be a code is for the hub to know; one that cannot be is not.
    assert_eq!(asked(|facts, _| facts.found = None), "unknown_outcome");
    assert_eq!(
        asked(|facts, _| {
            facts.found = None;
            facts.otherwise = Otherwise::Misread(MisreadHint::CheckLetters);
        }),
        "misread"
    );
    // What never changes, and what the hub has yet to hear of.
    assert_eq!(asked(|facts, _| of(facts).state = CodeState::Void), "void");
    assert_eq!(
        asked(|_, ask| ask.campaign = Some("autumn".parse().expect("a name"))),
        "wrong_campaign"
    );
    assert_eq!(
        asked(|facts, _| {
            of(facts).uses_made = 1;
            of(facts).knowledge = Knowledge::NewerHere;
        }),
        "already_redeemed"
    );
    // A question without an answer is asked again whatever is known here.
    assert_eq!(
        asked(|facts, _| {
            of(facts).state = CodeState::Void;
            facts.pending = Pending::SameKey;
        }),
        "unknown_outcome"
    );
    assert_eq!(
        asked(|facts, _| facts.key = KeyBinding::SameRedemption),
        "replayed"
    );
}

#[test]
fn what_the_hub_may_have_done_is_never_shown_as_refused() {
    let pending = |change: fn(&mut Facts, &mut Ask)| {
        judged_apart(ApartCause::OutOfReach, |facts, ask| {
            facts.pending = Pending::SameKey;
            change(facts, ask);
        })
        .0
    };
    assert_eq!(pending(|_, _| {}), "unknown_outcome");
    assert_eq!(
        pending(|facts, _| of(facts).state = CodeState::Redeemed),
        "unknown_outcome"
    );
    assert_eq!(
        pending(|facts, _| of(facts).campaign.is_paused = true),
        "unknown_outcome"
    );
    assert_eq!(pending(|facts, _| facts.found = None), "unknown_outcome");
    // Under its own key it is the same act, whoever did it first.
    let accepts = |facts: &mut Facts, _: &mut Ask| {
        of(facts).campaign.rules.offline = OfflinePolicy::Accept;
    };
    assert_eq!(pending(accepts), "accepted");
    assert_eq!(pending(|_, ask| ask.is_approved = true), "accepted");
    // Under another key it would be a second one.
    let other = judged_apart(ApartCause::OutOfReach, |facts, ask| {
        accepts(facts, ask);
        facts.pending = Pending::OtherKey;
    });
    assert_eq!(other.0, "unknown_outcome");
}

#[test]
fn out_of_touch_a_text_that_may_be_a_code_is_not_called_unknown() {
    for cause in APART {
        let (word, ..) = judged_apart(cause, |facts, ask| {
            facts.found = None;
            ask.is_approved = true;
        });
        assert_eq!(word, "offline_refused", "{cause:?}");
    }
}

#[test]
fn who_is_refused_apart_is_told_what_to_do() {
    let mut told = BTreeSet::new();
    for cause in APART {
        for is_known in [true, false] {
            let mut facts = facts(is_known.then(found));
            facts.holding = apart(cause, 0);
            let words = message(&Verdict::OfflineRefused, &facts, 0, now());
            assert!(words.contains(": "), "{words}");
            told.insert(words);
        }
    }
    assert!(told.len() > APART.len(), "{told:?}");
}

/// Everything that can be wrong with a found code, in the contract's order.
const ORDER: [&str; 15] = [
    "wrong_campaign",
    "wrong_store",
    "void",
    "already_redeemed",
    "not_assigned",
    "not_yet_valid",
    "expired",
    "paused",
    "outside_hours",
    "wrong_customer",
    "limit_reached",
    "offline_refused",
    "needs_customer",
    "needs_answer",
    "needs_approval",
];

fn make_wrong(word: &str, facts: &mut Facts, ask: &mut Ask) {
    let found = of(facts);
    let rules = &mut found.campaign.rules;
    match word {
        "wrong_campaign" => ask.campaign = Some("autumn".parse().expect("a name")),
        "wrong_store" => rules.stores = vec!["Harbour".into()],
        "void" => found.state = CodeState::Void,
        "already_redeemed" => found.uses_made = rules.uses,
        "not_assigned" if found.state == CodeState::Assigned => found.state = CodeState::Available,
        "not_yet_valid" => rules.starts_at = Some(now() + hour()),
        "expired" => found.expires_at = Some(now()),
        "paused" => found.campaign.is_paused = true,
        "outside_hours" => rules.hours = Some("Sat 11:00-12:00".parse().expect("hours")),
        "wrong_customer" => {
            found.customer = Some("ana".into());
            ask.customer = Some(Some("ben".into()));
        }
        "limit_reached" => {
            rules.limit_per_day = Some(1);
            found.customer_redemptions_today = 1;
        }
        "offline_refused" => facts.holding = apart(ApartCause::OutOfReach, 0),
        "needs_customer" => {
            rules.require.insert(Requirement::Customer);
        }
        "needs_answer" => {
            rules.require.insert(Requirement::Receipt);
        }
        "needs_approval" => {
            rules.require.insert(Requirement::Approval);
        }
        _ => {}
    }
}

proptest! {
    /// Whatever is wrong at once, the first in the contract's order is said; with nothing wrong,
    /// and only then, it is accepted.
    #[test]
    fn the_first_word_in_order_is_said(wrong in proptest::collection::btree_set(0..ORDER.len(), 0..6)) {
        let mut facts = facts(Some(found()));
        let mut ask = Ask::default();
        let mut words: BTreeSet<usize> = wrong;
        // A code has one state, and whoever said who they are need not be asked.
        if words.contains(&2) {
            words.remove(&4);
        }
        if words.contains(&9) {
            words.remove(&12);
        }
        for word in &words {
            make_wrong(ORDER[*word], &mut facts, &mut ask);
        }
        let judgement = judge(&facts, &ask, now());
        let expected = words.first().map_or("accepted", |first| ORDER[*first]);
        prop_assert_eq!(judgement.verdict.word(), expected);
        prop_assert_eq!(
            judgement.verdict.band() == Band::Go,
            judgement.verdict == Verdict::Accepted { certainty: Certainty::Confirmed }
        );
    }

    /// A history of scans of one code under fresh keys is honoured exactly `uses` times.
    #[test]
    fn judging_honours_a_code_exactly_as_often_as_it_may(uses in 1_u32..6, scans in 0_u32..12) {
        let mut found = found();
        found.campaign.rules.uses = uses;
        let mut accepted = 0;
        for _ in 0..scans {
            let verdict = judge(&facts(Some(found.clone())), &Ask::default(), now()).verdict;
            if verdict.band() == Band::Go {
                accepted += 1;
                found.uses_made += 1;
            }
        }
        prop_assert_eq!(accepted, uses.min(scans));
    }
}
