//! What happens to what is still to be sent, whatever stands between a store and its hub: nothing.
//! It is there until the hub has it, and then the hub has it once.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use counterfoil::domain::entry::chained;
use rusqlite::OpenFlags;
use serde_json::Value;

use crate::proxy::{Cut, Trouble};
use crate::shop::{command_on, number, text};
use crate::stage::Stage;
use crate::stores::Store;

const UP: &str = "/v1/sync/up";
const DOWN: &str = "/v1/sync/down";

/// An answer of somebody else, or of the hub itself.
fn says(status: &str, heads: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{heads}content-length: {length}\r\n\r\n{body}").into_bytes()
}

const MARK: &str = "content-type: application/json\r\ncounterfoil-wire: 1\r\n";

/// A refusal in the hub's own words.
fn refuses(status: &str, more: &str, code: &str) -> Vec<u8> {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"no","hint":"later"}}}}"#);
    says(status, &format!("{MARK}{more}"), &body)
}

/// Everything that can stand in the way.
fn troubles() -> Vec<Trouble> {
    let html = "content-type: text/html\r\n";
    let strange = [
        says("200 OK", html, "<html>Welcome to the guest network</html>"),
        says("404 Not Found", html, "<html>nothing here</html>"),
        says("404 Not Found", "", ""),
        says("429 Too Many Requests", "retry-after: 1\r\n", "slow down"),
        says("503 Service Unavailable", html, "<html>no upstream</html>"),
        says("302 Found", "location: http://portal.example.org/\r\n", ""),
        says("200 OK", "content-type: application/json\r\n", "{}"),
        says("200 OK", MARK, r#"{"welcome":{"wire":1,"hub":"#),
        says("200 OK", MARK, "{}"),
        says("200 OK", MARK, "null"),
        refuses("429 Too Many Requests", "retry-after: 1\r\n", "too_many"),
        refuses("503 Service Unavailable", "retry-after: 1\r\n", "busy"),
        refuses("500 Internal Server Error", "", "ledger"),
    ];
    let cuts = [
        Cut::After(0),
        Cut::After(20),
        Cut::Head,
        Cut::Middle,
        Cut::Last,
    ];
    let instead = says("504 Gateway Timeout", html, "<html>too late</html>");
    let mut troubles = vec![Trouble::Close, Trouble::SaysInstead(instead)];
    troubles.extend(strange.into_iter().map(Trouble::Says));
    troubles.extend(cuts.into_iter().map(Trouble::QuestionCut));
    troubles.extend(cuts.into_iter().map(Trouble::AnswerCut));
    troubles
}

/// Whether the hub has heard a question that met this.
fn is_heard(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::AnswerCut(_) | Trouble::SaysInstead(_))
}

fn at_the_hub(stage: &Stage) -> i64 {
    stage
        .shop
        .count("SELECT count(*) FROM entry WHERE node <> 1")
}

#[test]
fn whatever_stands_in_the_way_of_an_upload_nothing_is_lost_and_nothing_goes_up_twice() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    for (place, trouble) in troubles().into_iter().enumerate() {
        let code = store.assign(&format!("guest{place}"));
        assert_eq!(store.redeem(&code), "accepted");
        let (unsent, reached) = (store.unsent(), store.reached());
        assert!(unsent >= 2);
        let before = at_the_hub(&stage);
        stage.proxy.troubles(UP, trouble.clone());
        let ran = store.sync();
        assert_eq!(ran.exit, 3, "{trouble:?}: {}", ran.errors);
        assert_eq!(number(ran.json(), "unsent"), unsent, "{trouble:?}");
        assert_eq!(ran.json()["online"], false, "{trouble:?}");
        assert_eq!(number(ran.json(), "entries"), 0, "{trouble:?}");
        assert!(ran.errors.contains("hint"), "{trouble:?}: {}", ran.errors);
        assert!(stage.proxy.has_met_any(), "{trouble:?}");
        assert_eq!(store.reached(), reached, "{trouble:?}");
        assert_eq!(store.unsent(), unsent, "{trouble:?}");
        let heard = if is_heard(&trouble) { unsent } else { 0 };
        assert_eq!(at_the_hub(&stage), before + heard, "{trouble:?}");

        stage.proxy.heals();
        let ran = store.sync();
        assert_eq!(number(ran.well().json(), "unsent"), 0, "{trouble:?}");
        assert_eq!(number(ran.json(), "entries"), unsent, "{trouble:?}");
        store.assert_sent(&stage.shop);
        assert_eq!(stage.uses(&code), 1, "{trouble:?}");
    }
    assert_eq!(stage.conflicts(), 0);
    let listed = stage.shop.run(&["hub", "store", "list"]);
    assert_eq!(number(listed.well().json(), "unsent"), 0);
    let log = stage.shop.run(&["log"]).well().lines.clone();
    let redeemed = log.iter().filter(|line| text(line, "kind") == "redeem");
    assert_eq!(redeemed.count(), troubles().len());
    store.assert_well();
    stage.assert_well();
}

#[test]
fn whatever_stands_in_the_way_of_news_they_are_told_later_and_once() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    for (place, trouble) in troubles().into_iter().enumerate() {
        let email = format!("late{place}@example.org");
        let given = stage
            .shop
            .run(&["assign", "--campaign", "spring", "--email", &email]);
        let code = text(given.well().json(), "code").replace('-', "");
        let is_told = format!("SELECT state FROM code WHERE folded = '{code}'");
        let reached = store.reached();
        stage.proxy.troubles(DOWN, trouble.clone());
        let ran = store.sync();
        assert_eq!(ran.exit, 3, "{trouble:?}: {}", ran.errors);
        assert!(stage.proxy.has_met_any(), "{trouble:?}");
        assert_eq!(store.reached(), reached, "{trouble:?}");
        assert_eq!(store.count(&is_told), 0, "{trouble:?}");
        stage.proxy.heals();
        store.sync().well();
        assert_eq!(store.count(&is_told), 1, "{trouble:?}");
    }
    store.assert_well();
    stage.assert_well();
}

#[test]
fn a_redirect_is_not_followed() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    drop(store.assign("ana"));
    let place = format!("location: http://{}/elsewhere\r\n", stage.proxy.address);
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        stage
            .proxy
            .troubles(UP, Trouble::Says(says(status, &place, "")));
        drop(stage.proxy.asked());
        let ran = store.sync();
        assert_eq!(ran.exit, 3, "{}", ran.errors);
        assert!(ran.errors.contains("redirect"), "{}", ran.errors);
        assert_eq!(stage.proxy.asked(), [UP]);
    }
    stage.proxy.heals();
    store.sync().well();
    store.assert_sent(&stage.shop);
    stage.assert_well();
}

/// `sync --once`, not waited for.
fn begin(store: &Store) -> Child {
    command_on(store.folder())
        .args(["sync", "--once"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_store_killed_while_it_waits_for_its_hub_has_everything_it_had() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    for (path, trouble) in [
        (UP, Trouble::Silent),
        (UP, Trouble::Late),
        (DOWN, Trouble::Silent),
        (DOWN, Trouble::Late),
    ] {
        let code = store.assign(&format!("guest{path}{trouble:?}").replace('/', ""));
        let reached = store.reached();
        stage.proxy.troubles(path, trouble);
        let mut waits = begin(&store);
        stage.proxy.has_met();
        waits.kill().unwrap();
        waits.wait().unwrap();
        if path == UP {
            assert_eq!(store.reached(), reached);
        }
        stage.proxy.heals();
        assert_eq!(store.redeem(&code), "accepted");
        store.sync().well();
        store.assert_sent(&stage.shop);
        assert_eq!(stage.uses(&code), 1);
    }
    store.assert_well();
    stage.assert_well();
}

#[test]
fn a_hub_that_is_gone_is_out_of_reach_and_comes_back_elsewhere() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let code = store.assign("ana");
    let unsent = store.unsent();
    drop(stage.ends());
    let ran = store.sync();
    assert_eq!(ran.exit, 3, "{}", ran.errors);
    assert_eq!(number(ran.json(), "unsent"), unsent);
    assert_eq!(store.redeem(&code), "accepted");
    let hub = crate::serving::Hub::up(&stage.shop);
    stage.proxy.moves_to(&hub.address);
    stage.hub = Some(hub);
    store.sync().well();
    store.assert_sent(&stage.shop);
    stage.assert_well();
}

/// What `sync` says of itself, a line for each change.
fn lines_of(sync: &mut Child) -> Receiver<Value> {
    let (tell, told) = channel();
    let lines = BufReader::new(sync.stdout.take().unwrap()).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            drop(tell.send(serde_json::from_str(&line).unwrap()));
        }
    });
    told
}

#[test]
fn a_store_whose_line_is_cut_while_it_waits_for_news_says_so_within_seconds() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    store.sync().well();
    stage.proxy.troubles(DOWN, Trouble::FallsSilent);
    let mut sync = command_on(store.folder())
        .arg("sync")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = lines_of(&mut sync);
    let is_online = |line: Value| line.get("online").and_then(Value::as_bool).unwrap();
    assert!(is_online(told.recv().unwrap()));
    // Less than the hub holds a question for.
    let line = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(text(&line, "why").contains("silent"), "{line}");
    assert!(!is_online(line));
    stage.proxy.heals();
    assert!(is_online(
        told.recv_timeout(Duration::from_secs(20)).unwrap()
    ));
    sync.kill().unwrap();
    sync.wait().unwrap();
    store.assert_sent(&stage.shop);
    store.assert_well();
    stage.assert_well();
}

/// Writes an entry into a store's ledger that no program can read, with the hash it should have.
fn poison(store: &Store, body: &str) {
    let mut file = store.open(OpenFlags::SQLITE_OPEN_READ_WRITE);
    let file = file.transaction().unwrap();
    let (incarnation, seq, hash): (i64, i64, [u8; 32]) = file
        .query_row("SELECT incarnation, seq, hash FROM ledger", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let hash = chained(&hash, body.as_bytes());
    file.execute(
        "INSERT INTO entry (node, incarnation, seq, at_ms, kind, body, hash) \
         VALUES (1, $1, $2, 0, 'from the future', $3, $4)",
        rusqlite::params![incarnation, seq + 1, body, hash.as_slice()],
    )
    .unwrap();
    file.execute(
        "UPDATE ledger SET seq = $1, hash = $2",
        rusqlite::params![seq + 1, hash.as_slice()],
    )
    .unwrap();
    file.commit().unwrap();
}

#[test]
fn an_entry_that_the_hub_cannot_read_is_parked_and_the_rest_goes_on() {
    let mut stage = Stage::new();
    let store = stage.store("Riverside");
    let before = store.assign("ana");
    assert_eq!(store.redeem(&before), "accepted");
    for body in [r#"{"kind":"teleported","to":7}"#, "no JSON at all", ""] {
        poison(&store, body);
        let after = store.assign(&format!("ben{}", body.len()));
        assert_eq!(store.redeem(&after), "accepted");
        store.sync().well();
        store.assert_sent(&stage.shop);
        assert_eq!(stage.uses(&after), 1, "{body:?}");
    }
    assert_eq!(stage.uses(&before), 1);
    let parked = stage.shop.texts(
        "SELECT e.body FROM entry e JOIN outcome o ON o.entry = e.id WHERE o.word = 'parked'",
    );
    assert_eq!(
        parked,
        [r#"{"kind":"teleported","to":7}"#, "no JSON at all", ""]
    );
    let told = "SELECT count(*) FROM outcome WHERE word = 'parked'";
    assert_eq!(store.count(told), 3, "the store is told");
    let log = stage.shop.run(&["log"]).well().lines.clone();
    let shown = log.iter().filter(|line| text(line, "kind") == "parked");
    assert_eq!(shown.count(), 3, "shown");
    assert_eq!(stage.conflicts(), 0);
    stage.assert_well();
}
