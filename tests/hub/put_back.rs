//! A hub that is put back to an older state without being told so: its stores find it out, it says so to
//! whoever asks after its health, and nothing is given out or honoured twice.
#![expect(
    clippy::expect_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::path::Path;

use crate::serving::{Hub, ask};
use crate::shop::{number, text};
use crate::stage::{Stage, left};

/// All files of a folder into another one, as whoever copies a backup back does.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file").path();
        let name = file.file_name().expect("a name");
        std::fs::copy(&file, to.join(name)).expect("a copy");
    }
}

fn health(stage: &Stage) -> serde_json::Value {
    let address = &stage.hub.as_ref().expect("a hub").address;
    let told = ask(address, "GET", "/healthz", None, "").expect("an answer");
    assert_eq!(told.status, 200);
    told.json()
}

#[test]
fn a_hub_that_was_put_back_unnoticed_says_so_and_gives_nothing_out_until_it_is_settled() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    drop(stage.ends());
    let older = stage.shop.beside("older");
    copy(stage.shop.folder(), &older);
    let back_up = |stage: &mut Stage| {
        let hub = Hub::up(&stage.shop);
        stage.proxy.moves_to(&hub.address);
        stage.hub = Some(hub);
    };
    back_up(&mut stage);
    let code = store.assign("ana");
    assert_eq!(store.redeem(&code), "accepted");
    store.sync().well();
    assert_eq!(health(&stage)["status"], "ok");
    drop(stage.ends());
    // Into the very same files, with all that is beside the ledger: it cannot tell by itself.
    copy(&older, stage.shop.folder());
    back_up(&mut stage);

    assert_eq!(health(&stage)["status"], "ok", "nobody has told it yet");
    drop(store.sync());
    let told = health(&stage);
    assert_eq!(text(&told, "status"), "put_back");
    assert_eq!(text(&told, "known_better_by"), "Riverside");
    let claim = [
        "assign",
        "--campaign",
        crate::shop::CAMPAIGN,
        "--email",
        "eve@example.org",
    ];
    assert_ne!(stage.shop.run(&claim).exit, 0, "it gives nothing out");

    drop(stage.ends());
    stage
        .shop
        .run(&["hub", "restored", "--missing", "5"])
        .well();
    back_up(&mut stage);
    assert_eq!(health(&stage)["status"], "ok");
    let mut rounds = 0;
    while number(store.sync().well().json(), "unsent") > 0 || left(&store) == 0 {
        rounds += 1;
        assert!(rounds < 20, "the store and its hub do not come to rest");
    }
    assert_eq!(stage.uses(&code), 1, "the use that it had lost");
    assert_eq!(stage.conflicts(), 0);
    assert_eq!(store.redeem(&code), "already_redeemed");
    let other = store.assign("ben");
    assert_ne!(other, code);
    drop(stage.ends());
    stage.shop.assert_well();
    store.assert_well();
}
