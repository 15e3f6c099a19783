//! Changes of a campaign's rules that take something from people who have a code: told first, with how
//! many it hits, and nothing that happened is undone.

use crate::shop::{CAMPAIGN, Kept, Shop, code, number, text};

/// What a script hears of a change; it is carried out.
fn told(shop: &Shop, change: &[&str]) -> Vec<String> {
    let ran = shop.run(&[&["campaign", "set", CAMPAIGN], change].concat());
    ran.well();
    ran.errors.lines().map(str::to_owned).collect()
}

#[test]
fn whoever_changes_rules_hears_how_many_codes_it_hits() {
    for kept in Kept::EITHER {
        let shop = Shop::kept(kept, &[], 4);
        shop.run(&["redeem", &code(0)]).well();
        shop.run(&["codes", "void", &code(1), "--reason", "misprint"])
            .well();
        shop.run(&["codes", "generate", "--campaign", CAMPAIGN, "--count", "10"])
            .well();
        // Two are given out and neither used nor void; those that nobody has do not count.
        assert_eq!(
            told(&shop, &["--ends", "2099-01-31"]),
            ["spring: 2 codes that are given out and not used up would end sooner"]
        );
        assert_eq!(told(&shop, &["--ends", "2099-06-30"]), [""; 0], "later");
        assert_eq!(
            told(
                &shop,
                &["--stores", "Riverside", "--hours", "Sat 10:00-14:00"]
            ),
            [
                "spring: 2 codes that are given out and not used up would be honoured at fewer stores",
                "spring: 2 codes that are given out and not used up would be honoured at fewer hours"
            ]
        );
        assert_eq!(told(&shop, &["--stores", "", "--hours", "none"]), [""; 0]);
        let one = shop.run(&[
            "assign",
            "--campaign",
            CAMPAIGN,
            "--email",
            "ana@example.org",
        ]);
        assert_eq!(
            told(&shop, &["--starts", "2098-01-01"]),
            ["spring: 3 codes that are given out and not used up would be honoured later only"]
        );
        assert_eq!(told(&shop, &["--starts", "2098-02-01", "--yes"]), [""; 0]);
        let redeemed = shop.run(&["redeem", text(one.well().json(), "code")]);
        assert_eq!(text(redeemed.json(), "verdict"), "not_yet_valid");
        // History stands.
        let again = shop.run(&["redeem", &code(0)]);
        assert_eq!(text(again.json(), "verdict"), "already_redeemed");
    }
}

#[test]
fn the_number_of_uses_stands_once_one_was_made() {
    let shop = Shop::with(&["--uses", "3"], 2);
    shop.run(&["redeem", &code(0)]).well();
    let refused = shop.run(&["campaign", "set", CAMPAIGN, "--uses", "1"]);
    assert_eq!(refused.exit, 1);
    assert!(
        refused.errors.contains("uses of this campaign were made"),
        "{}",
        refused.errors
    );
    let pool = shop.run(&["pool", "--campaign", CAMPAIGN]);
    assert_eq!(number(pool.json(), "uses_made"), 1);
    assert_eq!(number(pool.json(), "assigned"), 2);
}
