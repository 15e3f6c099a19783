//! Two processes of one hub, on one database: each store reaches another of them, by the real program
//! over real sockets, and both are told the same.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use counterfoil::domain::entry::{CHAIN_START, hex};
use counterfoil::domain::wire::{Cursor, Down, Hello, HubKnown, Item, Join, Page, WIRE};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Hub, ask, token};
use crate::shop::{CAMPAIGN, Kept, Ran, Shop, code, number, run_on, text};

/// A store in a folder of its own.
struct Store {
    _place: TempDir,
    folder: PathBuf,
}

impl Store {
    /// One with an empty ledger that joins the hub by this process of it.
    fn joined(shop: &Shop, hub: &Hub, name: &str) -> Store {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("data");
        let store = Store {
            _place: place,
            folder,
        };
        store
            .run(&["init", "--store", name, "--timezone", "Europe/Berlin"])
            .well();
        let added = shop.run(&["hub", "store", "add", name]);
        let token = store.folder().with_file_name("token");
        std::fs::write(&token, text(added.well().json(), "token")).unwrap();
        let url = format!("http://{}", hub.address);
        let token = token.to_str().unwrap();
        store.run(&["join", &url, "--token-file", token]).well();
        store
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run_on(&self.folder, arguments)
    }

    fn sync(&self) {
        self.run(&["sync", "--once"]).well();
    }

    fn verdict(&self, code: &str) -> String {
        text(self.run(&["redeem", code]).json(), "verdict").to_owned()
    }
}

/// The same process again, at the same address.
fn up_again(shop: &Shop, address: &str) -> Hub {
    let mut command = shop.command();
    command.args(["hub", "--listen", address]);
    Hub::of(&mut command)
}

/// The code that both stores honoured is one conflict at the hub, and counts once everywhere.
fn assert_one_conflict(shop: &Shop, stores: [&Store; 2]) {
    let open = shop.run(&["conflicts", "list"]);
    // One line, and no other.
    let open = open.json();
    assert_eq!(text(open, "conflict"), "double_redeemed");
    assert_eq!(text(open, "code"), code(1));
    assert_eq!(
        shop.count("SELECT count(*) FROM conflict WHERE is_open = 1"),
        1
    );
    assert_eq!(
        shop.count("SELECT sum(uses_made) FROM code"),
        3,
        "each of three codes counts once"
    );
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
    for store in stores {
        let told = store.run(&["pool", "--campaign", CAMPAIGN]);
        assert_eq!(number(told.well().json(), "uses_made"), 3);
        let verified = store.run(&["verify"]);
        assert_eq!(
            (verified.exit, verified.json().get("faults").unwrap()),
            (0, &Value::Array(Vec::new()))
        );
    }
}

#[test]
fn two_stores_that_reach_different_processes_of_a_hub_are_told_the_same() {
    let rules = [
        "--offline",
        "accept",
        "--offline-per-day",
        "20",
        "--home",
        "anywhere",
    ];
    let shop = Shop::kept(Kept::InDatabase, &rules, 5);
    let generate = [
        "codes",
        "generate",
        "--campaign",
        CAMPAIGN,
        "--count",
        "200",
    ];
    shop.run(&generate).well();
    let hubs = [Hub::up(&shop), Hub::up(&shop)];
    let riverside = Store::joined(&shop, &hubs[0], "Riverside");
    let station = Store::joined(&shop, &hubs[1], "Station Road");
    riverside.sync();
    station.sync();

    // Given out at the one store from what was lent to it, by the one process; used at the other store,
    // by the other process.
    let assign = [
        "assign",
        "--campaign",
        CAMPAIGN,
        "--email",
        "ana@example.org",
    ];
    let assigned = riverside.run(&assign);
    let given = text(assigned.well().json(), "code").to_owned();
    riverside.sync();
    assert_eq!(station.verdict(&given), "accepted");
    assert_eq!(station.verdict(&given), "already_redeemed");
    station.sync();
    riverside.sync();
    assert_eq!(riverside.verdict(&given), "already_redeemed");
    assert_eq!(
        riverside.verdict(&code(0)),
        "accepted",
        "asked of the first process"
    );
    assert_eq!(
        station.verdict(&code(0)),
        "already_redeemed",
        "asked of the second"
    );

    // Both out of reach of the hub: each honours the same code, and it is told once.
    let addresses = hubs.each_ref().map(|hub| hub.address.clone());
    for hub in hubs {
        drop(hub.end());
    }
    assert_eq!(riverside.verdict(&code(1)), "accepted");
    assert_eq!(station.verdict(&code(1)), "accepted");
    let hubs = addresses.map(|address| up_again(&shop, &address));
    for store in [&riverside, &station, &riverside, &station] {
        store.sync();
    }
    for hub in hubs {
        drop(hub.end());
    }
    assert_one_conflict(&shop, [&riverside, &station]);
}

/// What a store says to a process of its hub.
fn said(address: &str, path: &str, secret: &str, what: &impl Serialize) -> String {
    let body = serde_json::to_string(what).unwrap();
    let got = ask(address, "POST", path, Some(secret), &body).unwrap();
    assert_eq!(got.status, 200, "{}", got.body);
    got.body
}

/// What a store without a ledger asks, to be let in.
fn asks_to_join(secret: &str) -> Join {
    let hello = Hello {
        wire: WIRE,
        node: "RIVERSIDEX".into(),
        incarnation: 1,
        now_ms: 0,
        unsent: 0,
    };
    Join {
        hello,
        store: "Riverside".into(),
        timezone: "Europe/Berlin".into(),
        seq: 0,
        hash: hex(&CHAIN_START),
        secret: secret.into(),
        pieces: 0,
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long somebody waited")]
fn a_store_that_waits_at_one_process_hears_what_another_has_committed() {
    /// It would have been told nothing for so long.
    const WAIT: Duration = Duration::from_secs(25);
    let shop = Shop::kept(Kept::InDatabase, &[], 3);
    let program = token(&shop, "till", "redeem");
    let hubs = [Hub::up(&shop), Hub::up(&shop)];
    let added = shop.run(&["hub", "store", "add", "Riverside"]);
    let enrolment = text(added.well().json(), "token").to_owned();
    let secret = "cfs_of_riverside";
    let join = asks_to_join(secret);
    said(&hubs[0].address, "/v1/sync/join", &enrolment, &join);
    let down = |after: Cursor, wait_ms: u64| {
        let down = Down {
            hello: join.hello.clone(),
            after,
            wait_ms,
            hub: HubKnown::default(),
            standing: None,
        };
        let page = said(&hubs[0].address, "/v1/sync/down", secret, &down);
        serde_json::from_str::<Page>(&page).unwrap()
    };
    let mut after = Cursor::default();
    loop {
        let page = down(after, 0);
        if page.cursor == after {
            break;
        }
        after = page.cursor;
    }
    let (page, waited) = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let began = Instant::now();
            let page = down(after, u64::try_from(WAIT.as_millis()).unwrap());
            (page, began.elapsed())
        });
        let body = json!({"code": code(0), "key": "scan-1"}).to_string();
        let got = ask(
            &hubs[1].address,
            "POST",
            "/v1/redemptions",
            Some(&program),
            &body,
        )
        .unwrap();
        assert_eq!(text(&got.json(), "verdict"), "accepted");
        waiting.join().unwrap()
    });
    let mut told = Vec::new();
    for item in &page.items {
        if let Item::Codes { codes } = item {
            told.extend(
                codes
                    .iter()
                    .map(|code| (code.code.as_str(), code.uses_made)),
            );
        }
    }
    assert_eq!(told, [(code(0).replace('-', "").as_str(), 1)]);
    assert!(waited < WAIT / 2, "it waited for {waited:?}");
    for hub in hubs {
        drop(hub.end());
    }
}
