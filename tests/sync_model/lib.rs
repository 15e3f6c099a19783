//! The sync protocol as a model, checked whole: every state that two stores, two codes and a hub
//! can reach over a network that loses, doubles and reorders.
//!
//! Each variant names what happens and which rules it is played without. It must break exactly the
//! properties in this table, no fewer and no more. (The fence alone changes nothing here, as the
//! hub takes in late facts either way.)
//!
//! | variant | breaks |
//! |---|---|
//! | A: leases; also with recalls, with asks, with both | nothing |
//! | B: every store spends any code while offline | no double hand-out |
//! | C: restored, and nobody notices | no double, never silent, nothing lost, dies, exclusive |
//! | C: restored, and only the hub notices, by the hash | no double, dies |
//! | D: restored and quarantined, its leases kept | no double, dies |
//! | E: restored and quarantined, its leases suspect; also with recalls | dies |
//! | E: and the hub redeems suspects when asked | no double, dies |
//! | F, G: written off while alive, fenced or not | no double, last word |
//! | F: with the soft end and the hub's margin | no double |
//! | F: without the soft end on redemption, or without the margin | no double, last word |
//! | F: and late facts are refused | no double, never silent, nothing lost, last word |
//! | without `handed_over`, without grant numbers | no double, exclusive |
//! | without hash-checked skips | no double, never silent, nothing lost, dies |
//! | without `withdrawn` | given up |
//!
//! "Dies" is what no protocol can hold: what was on one disk only is gone with it.

#![cfg(test)]

mod hub;
mod laws;
mod rules;
mod store;
mod wire;
mod world;

use laws::{EXCLUSIVE, GIVEN_UP, LAST_WORD, NEVER_SILENT, NO_DOUBLE, NOTHING_DIES, NOTHING_LOST};
use rules::Guard::{
    Fence, GrantNumbers, HandedOver, HashedSkips, LateFacts, Margin, Quarantine, SoftEnd, Suspect,
    Withdrawn,
};
use rules::Trouble::{AcceptAny, Ask, Recall, Restore, SoftEndPasses, WriteOff};
use rules::{Guard, Rules, Trouble};
use stateright::{Checker, Model};

/// Checks a variant whole, and that it breaks these properties and no other.
#[track_caller]
fn expect(happens: &'static [Trouble], without: &'static [Guard], violated: &[&'static str]) {
    let checker = Rules { happens, without }
        .checker()
        .threads(1)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let mut broken: Vec<_> = found.keys().copied().collect();
    let mut expected = violated.to_vec();
    broken.sort_unstable();
    expected.sort_unstable();
    let ways: Vec<_> = found
        .iter()
        .map(|(law, path)| format!("{law}: {:#?}", path.clone().into_actions()))
        .collect();
    assert_eq!(broken, expected, "broken, expected; {}", ways.join("\n"));
}

#[test]
fn a_lease_on_a_bad_network() {
    expect(&[], &[], &[]);
}

#[test]
fn a_lease_that_is_recalled() {
    expect(&[Recall], &[], &[]);
}

#[test]
fn b_offline_accept_any() {
    expect(&[AcceptAny], &[], &[NO_DOUBLE]);
}

#[test]
fn c_restore_that_nobody_notices() {
    expect(
        &[Recall, Restore],
        &[Quarantine, HashedSkips],
        &[
            NO_DOUBLE,
            NEVER_SILENT,
            NOTHING_LOST,
            NOTHING_DIES,
            EXCLUSIVE,
        ],
    );
}

#[test]
fn c_restore_that_only_the_hub_notices() {
    expect(&[Restore], &[Quarantine], &[NO_DOUBLE, NOTHING_DIES]);
}

#[test]
fn d_restore_with_its_leases_kept() {
    expect(&[Restore], &[Suspect], &[NO_DOUBLE, NOTHING_DIES]);
}

#[test]
fn e_restore_with_suspects() {
    expect(&[Restore], &[], &[NOTHING_DIES]);
}

#[test]
fn f_forced_reclaim_fenced() {
    expect(
        &[WriteOff, Ask],
        &[SoftEnd, Margin],
        &[NO_DOUBLE, LAST_WORD],
    );
}

#[test]
fn g_forced_reclaim_not_fenced() {
    expect(
        &[WriteOff, Ask],
        &[SoftEnd, Margin, Fence],
        &[NO_DOUBLE, LAST_WORD],
    );
}

#[test]
fn e_restore_with_suspects_and_recalls() {
    expect(&[Recall, Restore], &[], &[NOTHING_DIES]);
}

#[test]
fn e_what_died_can_be_redeemed_again_through_the_hub() {
    expect(&[Restore, Ask], &[Margin], &[NOTHING_DIES, NO_DOUBLE]);
}

#[test]
fn without_handed_over() {
    expect(&[Recall], &[HandedOver], &[NO_DOUBLE, EXCLUSIVE]);
}

#[test]
fn without_grant_numbers() {
    expect(&[Recall], &[GrantNumbers], &[NO_DOUBLE, EXCLUSIVE]);
}

#[test]
fn without_hashed_skips() {
    expect(
        &[Restore],
        &[Quarantine, HashedSkips],
        &[NO_DOUBLE, NEVER_SILENT, NOTHING_LOST, NOTHING_DIES],
    );
}

#[test]
fn an_ask_away_from_the_holder() {
    expect(&[Ask], &[], &[]);
}

#[test]
fn an_ask_while_codes_are_recalled() {
    expect(&[Ask, Recall], &[], &[]);
}

#[test]
fn without_withdrawn() {
    expect(&[Ask], &[Withdrawn], &[GIVEN_UP]);
}

#[test]
fn f_forced_reclaim_with_the_soft_end() {
    // Still twice: what the store spent in time, and has not sent up, nobody can know.
    expect(&[WriteOff, Ask, SoftEndPasses], &[], &[NO_DOUBLE]);
}

#[test]
fn without_the_soft_end_on_redemption() {
    expect(
        &[WriteOff, Ask, SoftEndPasses],
        &[SoftEnd],
        &[NO_DOUBLE, LAST_WORD],
    );
}

#[test]
fn without_the_margin() {
    expect(
        &[WriteOff, Ask, SoftEndPasses],
        &[Margin],
        &[NO_DOUBLE, LAST_WORD],
    );
}

#[test]
fn without_late_facts() {
    expect(
        &[WriteOff, Ask],
        &[SoftEnd, Margin, LateFacts],
        &[NO_DOUBLE, NEVER_SILENT, NOTHING_LOST, LAST_WORD],
    );
}
