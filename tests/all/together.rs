//! Claims and redemptions that are expected, looked up together and stored by one commit: each is
//! answered as if it had been asked by itself.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::sync::Barrier;
use std::thread;

use counterfoil::desk::{act, mint_key, random};
use counterfoil::domain::campaign::ContactKind;
use counterfoil::domain::claim::{Claim, ClaimContext, ClaimWord};
use counterfoil::domain::ids::{CampaignId, Key};
use counterfoil::domain::notes::Notes;
use counterfoil::ledger::{ClaimRequest, Expected, Ledger, Scan};

use crate::http::pool_kept;
use crate::hubs::{now, open};
use crate::shop::{CAMPAIGN, Kept, Shop};

/// A claim as it is asked.
pub(crate) struct Wish {
    contacts: [(ContactKind, String); 1],
    key: Key,
}

pub(crate) fn wish(email: &str, key: &str) -> Wish {
    Wish {
        contacts: [(ContactKind::Email, email.to_owned())],
        key: key.parse().unwrap(),
    }
}

fn campaign() -> CampaignId {
    CAMPAIGN.parse().unwrap()
}

pub(crate) fn claim(ledger: &mut Ledger, wish: &Wish) -> Option<Claim> {
    claim_of(ledger, &campaign(), wish)
}

fn claim_of(ledger: &mut Ledger, campaign: &CampaignId, wish: &Wish) -> Option<Claim> {
    let act = act("web", None, now()).unwrap();
    let request = ClaimRequest {
        campaign,
        contacts: &wish.contacts,
        context: ClaimContext::Send,
        key: Some(&wish.key),
        minted: &mint_key(act.now).unwrap(),
        trigger: None,
        notes: Notes::default(),
        resends: false,
        prints: false,
        name: None,
        consents: false,
        random: random().unwrap(),
    };
    ledger.assign(&request, &act).ok()?.ok()
}

/// Claims them all by one commit; before the first is answered, `meanwhile` happens once.
fn claim_all(
    ledger: &mut Ledger,
    wishes: &[Wish],
    meanwhile: impl FnOnce(),
) -> Vec<(ClaimWord, Option<String>)> {
    let campaign = campaign();
    let mut meanwhile = Some(meanwhile);
    let told = ledger
        .answer_together(
            wishes,
            |_, wish| Expected::Claim {
                caller: "web".into(),
                key: &wish.key,
                campaign: &campaign,
                contacts: &wish.contacts,
            },
            |ledger, wish| {
                if let Some(meanwhile) = meanwhile.take() {
                    meanwhile();
                }
                claim(ledger, wish)
            },
        )
        .unwrap();
    told.into_iter()
        .map(|claim| claim.unwrap())
        .map(|claim| (claim.word, claim.code))
        .collect()
}

fn turns(shop: &Shop, kept: Kept) -> i64 {
    match kept {
        Kept::InFolder => 0,
        Kept::InDatabase => shop.count("SELECT sum(turn) FROM writer"),
    }
}

#[test]
fn claims_stored_together_are_each_judged_by_those_before_them() {
    use ClaimWord::{AlreadyAssigned, Assigned, InvalidContact, KeyConflict, Replayed};
    for kept in Kept::EITHER {
        let shop = pool_kept(kept, &[], 900);
        let mut ledger = open(&shop, kept);
        let mut wishes: Vec<Wish> = (0..600)
            .map(|n| wish(&format!("c{n}@example.org"), &format!("k{n}")))
            .collect();
        wishes.push(wish("c3@example.org", "again"));
        wishes.push(wish("c4@example.org", "k4"));
        wishes.push(wish("other@example.org", "k5"));
        wishes.push(wish("not an address", "bad"));
        wishes.push(wish("last@example.org", "last"));
        let before = turns(&shop, kept);
        let told = claim_all(&mut ledger, &wishes, || {});
        assert!(turns(&shop, kept) - before <= 1, "{kept:?}: one commit");
        let words: Vec<ClaimWord> = told.iter().map(|(word, _)| *word).collect();
        let (strangers, others) = words.split_at(600);
        assert!(strangers.iter().all(|word| *word == Assigned), "{kept:?}");
        assert_eq!(
            others,
            [
                AlreadyAssigned,
                Replayed,
                KeyConflict,
                InvalidContact,
                Assigned
            ]
        );
        assert_eq!(
            told.get(600),
            told.get(3)
                .map(|(_, code)| (AlreadyAssigned, code.clone()))
                .as_ref()
        );
        assert_eq!(
            told.get(601),
            told.get(4)
                .map(|(_, code)| (Replayed, code.clone()))
                .as_ref()
        );
        drop(ledger);
        let rows = [
            "entry WHERE kind = 'assigned'",
            "customer_slot",
            "contact",
            "contact_hash",
            "act_key WHERE verb = 'assign'",
            "code WHERE state = 1 AND customer IS NOT NULL AND ordinal IS NOT NULL",
        ];
        for what in rows {
            let sql = format!("SELECT count(*) FROM {what}");
            assert_eq!(shop.count(&sql), 601, "{kept:?} {what}");
        }
        shop.assert_well();
    }
}

#[test]
fn a_person_whom_another_process_serves_meanwhile_has_one_code() {
    let shop = pool_kept(Kept::InDatabase, &[], 60);
    let (mut ledger, mut other) = (open(&shop, Kept::InDatabase), open(&shop, Kept::InDatabase));
    let wishes: Vec<Wish> = (0..20)
        .map(|n| wish(&format!("c{n}@example.org"), &format!("k{n}")))
        .collect();
    let mut served = None;
    let told = claim_all(&mut ledger, &wishes, || {
        // Looked up as a stranger a moment ago: by the same person, under another key.
        let theirs = wish("c7@example.org", "elsewhere");
        served = claim(&mut other, &theirs).and_then(|claim| claim.code);
    });
    assert!(served.is_some());
    assert_eq!(
        told.get(7),
        Some(&(ClaimWord::AlreadyAssigned, served)),
        "the code that the other process gave"
    );
    let given = told.iter().filter(|(word, _)| *word == ClaimWord::Assigned);
    assert_eq!(given.count(), 19);
    drop((ledger, other));
    assert_eq!(shop.count("SELECT count(*) FROM customer_slot"), 20);
    assert_eq!(
        shop.count("SELECT count(DISTINCT customer) FROM customer_slot"),
        20
    );
    shop.assert_well();
}

#[test]
fn a_person_who_claims_of_two_campaigns_at_two_processes_at_once_is_one_customer() {
    let shop = pool_kept(Kept::InDatabase, &[], 200);
    let autumn = ["campaign", "create", "autumn", "--offer", "one tea"];
    shop.run(&autumn).well();
    let codes: Vec<String> = (0..200).map(|n| format!("TEAS-{n:05}-GIVE")).collect();
    let list = shop.beside("autumn.csv");
    std::fs::write(&list, codes.join("\n")).unwrap();
    let list = list.to_str().unwrap();
    shop.run(&["codes", "import", list, "--campaign", "autumn"])
        .well();
    let at_once = Barrier::new(2);
    let given = thread::scope(|scope| {
        let callers = [CAMPAIGN, "autumn"].map(|name| {
            let (shop, at_once) = (&shop, &at_once);
            scope.spawn(move || {
                let wishes: Vec<Wish> = (0..60)
                    .map(|n| wish(&format!("c{n}@example.org"), &format!("{name}-{n}")))
                    .collect();
                let campaign = name.parse().unwrap();
                let mut ledger = open(shop, Kept::InDatabase);
                // By themselves, and as a group.
                let (alone, together) = wishes.split_at(40);
                let mut given = Vec::new();
                for wish in alone {
                    at_once.wait();
                    given.push(claim_of(&mut ledger, &campaign, wish).unwrap());
                }
                let mut is_first = true;
                let told = ledger.answer_together(
                    together,
                    |_, wish| Expected::Claim {
                        caller: "web".into(),
                        key: &wish.key,
                        campaign: &campaign,
                        contacts: &wish.contacts,
                    },
                    |ledger, wish| {
                        if std::mem::take(&mut is_first) {
                            // Both have looked, and know nobody of them.
                            at_once.wait();
                        }
                        claim_of(ledger, &campaign, wish)
                    },
                );
                given.extend(told.unwrap().into_iter().flatten());
                given
            })
        });
        callers.map(|caller| caller.join().unwrap())
    });
    let [spring, autumn] = &given;
    for (one, other) in spring.iter().zip(autumn) {
        assert_eq!(one.customer_id, other.customer_id);
    }
    assert_eq!(shop.count("SELECT count(*) FROM customer"), 60);
    assert_eq!(shop.count("SELECT count(*) FROM contact"), 60);
    assert_eq!(shop.count("SELECT count(*) FROM customer_slot"), 120);
    let (exit, words) = shop.verify();
    assert_eq!(exit, 0, "{words}");
}

#[test]
fn a_code_redeemed_twice_among_those_stored_together_is_used_once() {
    for kept in Kept::EITHER {
        let shop = pool_kept(kept, &[], 40);
        let mut ledger = open(&shop, kept);
        let wishes: Vec<Wish> = (0..20)
            .map(|n| wish(&format!("c{n}@example.org"), &format!("k{n}")))
            .collect();
        let given = claim_all(&mut ledger, &wishes, || {});
        let codes: Vec<String> = given.into_iter().filter_map(|(_, code)| code).collect();
        let scans: Vec<(&String, Key)> = codes
            .iter()
            .chain(&codes)
            .map(|code| (code, mint_key(now()).unwrap()))
            .collect();
        let before = turns(&shop, kept);
        let told = ledger
            .answer_together(
                &scans,
                |_, (code, key)| Expected::Redemption {
                    caller: "till".into(),
                    key,
                    raw: code.as_bytes(),
                    allowed_hosts: &[],
                },
                |ledger, (code, key)| {
                    let act = act("till", None, now()).unwrap();
                    let scan = Scan::new(code.as_bytes(), key);
                    ledger.redeem(&scan, &act).unwrap().verdict.word()
                },
            )
            .unwrap();
        assert!(turns(&shop, kept) - before <= 1, "{kept:?}: one commit");
        let (first, second) = told.split_at(20);
        assert!(first.iter().all(|word| *word == "accepted"), "{first:?}");
        assert!(
            second.iter().all(|word| *word == "already_redeemed"),
            "{second:?}"
        );
        drop(ledger);
        assert_eq!(
            shop.count("SELECT sum(amount) FROM customer_day WHERE customer <> 0"),
            20
        );
        assert_eq!(shop.count("SELECT sum(redeemed) FROM tally"), 20);
        shop.assert_well();
    }
}
