//! A counter of a store that has joined a hub: the hub is a process of its own, on this computer.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::console::pty::{Console, F6, F8};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

/// A hub's process.
struct Hub {
    child: Child,
    address: String,
}

impl Hub {
    fn up(shop: &Shop, address: &str) -> Hub {
        let mut command = shop.bare_command(&[]);
        command
            .arg("--data")
            .arg(shop.data())
            .args(["--json", "hub", "--listen", address]);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut first = String::new();
        let out = child.stdout.as_mut().expect("its words");
        BufReader::new(out).read_line(&mut first).expect("a line");
        let first: Value = serde_json::from_str(&first).expect("JSON");
        Hub {
            address: first["listening"].as_str().expect("where").to_owned(),
            child,
        }
    }

    /// Killed, as by a power cut.
    fn die(&mut self) {
        self.send(Signal::KILL);
        self.child.wait().expect("an end");
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sent");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended before; then there is nothing to end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A hub with `coffee`, held by it and refused while it is out of reach, and `tea`, accepted then.
struct Chain {
    head: Shop,
    hub: Hub,
    store: Shop,
    coffee: Vec<String>,
    tea: Vec<String>,
}

impl Chain {
    fn new() -> Chain {
        let head = Shop::without_ledger();
        let zone = ["--timezone", "Europe/Berlin"];
        head.ok(&[&["init", "--store", "Head office"][..], &zone].concat());
        let coffee = head.campaign("coffee", &["--offer", "Free coffee"], 6);
        let tea = head.campaign("tea", &["--offer", "Free tea", "--offline", "accept"], 6);
        let added = head.json(&["hub", "store", "add", "Riverside"]);
        let token = added[0]["token"].as_str().expect("a token").to_owned();
        let hub = Hub::up(&head, "127.0.0.1:0");
        let store = Shop::new();
        let url = format!("http://{}", hub.address);
        let joined = store.run_with(
            &["join", &url, "--token-file", "-"],
            format!("{token}\n").as_bytes(),
        );
        assert_eq!(joined.code, 0, "{joined:?}");
        Chain {
            head,
            hub,
            store,
            coffee,
            tea,
        }
    }

    /// A console of the store that is in touch with the hub.
    fn console(&self) -> Console {
        let mut console = self.store.console("till 1");
        console.wait_for("● hub online · 0 to send");
        console
    }

    fn hub_dies(&mut self, console: &mut Console) {
        self.hub.die();
        console.wait_for("○ hub offline since");
    }

    fn hub_is_back(&mut self) {
        let address = self.hub.address.clone();
        self.hub = Hub::up(&self.head, &address);
    }

    /// What the hub says that a code is.
    fn state_at_hub(&self, code: &str) -> String {
        let life = self.head.json(&["codes", "show", code]);
        life[0]["state"].as_str().expect("a state").to_owned()
    }
}

#[test]
fn a_code_that_the_hub_holds_is_redeemed_there_and_what_happens_here_goes_up_by_itself() {
    let chain = Chain::new();
    let mut console = chain.console();
    console.scan(&chain.coffee[0]);
    console.wait_for(&grouped(&chain.coffee[0]));
    console.wait_for("confirmed · used 1 of 1");
    assert_eq!(chain.state_at_hub(&chain.coffee[0]), "redeemed");
    // Used at the hub, it is used here, whether or not that was told.
    chain.head.ok(&["redeem", &chain.coffee[1]]);
    console.scan(&chain.coffee[1]);
    console.wait_for("Head office");
    console.wait_for("used");
    assert_eq!(
        chain.store.accepted().len(),
        0,
        "the hub's entry is the act"
    );
    console.wait_for("● hub online · 0 to send");
    console.wait_for("accepted            1");
}

#[test]
fn out_of_reach_the_policy_decides_and_what_was_accepted_goes_up_when_the_hub_is_back() {
    let mut chain = Chain::new();
    let mut console = chain.console();
    chain.hub_dies(&mut console);
    console.scan(&chain.coffee[0]);
    console.wait_for("its holder is out of reach");
    console.wait_for("or a manager approves");
    console.scan(&chain.tea[0]);
    console.wait_for("offline, settled later");
    console.wait_for("settled later       1");
    console.wait_until("what is to be sent", |console| {
        let screen = console.screen();
        screen.contains("hub offline since") && !screen.contains("· 0 to send")
    });
    chain.hub_is_back();
    console.wait_for("● hub online · 0 to send");
    assert_eq!(chain.state_at_hub(&chain.tea[0]), "redeemed");
    assert_eq!(chain.state_at_hub(&chain.coffee[0]), "assigned");
    console.scan(&chain.coffee[0]);
    console.wait_for("confirmed · used 1 of 1");
}

#[test]
fn a_hub_that_does_not_answer_leaves_a_scan_unknown_and_it_is_given_up_with_three_keys() {
    let chain = Chain::new();
    let mut console = chain.console();
    // It takes what it is sent, and says nothing.
    chain.hub.send(Signal::STOP);
    console.scan(&chain.coffee[0]);
    console.wait_for("asking the hub");
    // The next scan waits for nothing.
    console.scan("4006381333931");
    console.wait_for("a product barcode");
    console.wait_for("#1 WAIT");
    console.wait_for("1 scan not answered");
    console.scan(&chain.coffee[0]);
    console.wait_for("no answer yet: do not hand over");
    console.send_alone(F8);
    console.wait_for("no answer: give up");
    console.send_alone(b"2");
    console.send_alone(b"\r");
    console.wait_for("its next scan is a new one");
    console.wait_for("hub online · 1 to send");
    chain.hub.send(Signal::CONT);
    console.wait_for("● hub online · 0 to send");
    assert_eq!(chain.state_at_hub(&chain.coffee[0]), "assigned");
    console.scan(&chain.coffee[0]);
    console.wait_for("confirmed · used 1 of 1");
}

#[test]
fn the_counter_that_accepted_is_told_of_a_conflict_and_sees_how_it_is_settled() {
    let mut chain = Chain::new();
    let mut console = chain.console();
    chain.hub_dies(&mut console);
    console.scan(&chain.tea[0]);
    console.wait_for("offline, settled later");
    chain.head.ok(&["redeem", &chain.tea[0]]);
    chain.hub_is_back();
    console.wait_for("redeemed twice");
    console.wait_for("1 conflict: F6");
    console.send_alone(F6);
    console.wait_for("OPEN  1");
    console.send_alone(b"\r");
    console.wait_for("A manager settles it at the hub");
    console.wait_for("Head office");
    let mut back_room = chain.head.console("back room");
    back_room.wait_for("redeemed twice");
    back_room.send_alone(F6);
    back_room.wait_for("OPEN  1");
    for (key, shown) in [
        ("\r", "What is decided?"),
        ("1", "›1 both stand"),
        ("\r", "why?"),
        ("1", "›1 the line was down"),
        ("\r", "settled: both stand"),
    ] {
        back_room.send_alone(key.as_bytes());
        back_room.wait_for(shown);
    }
    let conflicts = chain.head.json(&["conflicts", "list"]);
    assert!(
        conflicts.iter().all(|conflict| conflict["open"] != true),
        "{conflicts:?}"
    );
    console.wait_for("Settled: both stand – the line was down");
    console.wait_until("nothing is open", |console| {
        !console.screen().contains("1 conflict: F6")
    });
}

#[test]
fn a_revoked_store_says_so_and_keeps_what_it_has() {
    let chain = Chain::new();
    let mut console = chain.console();
    chain.head.ok(&["hub", "store", "revoke", "Riverside"]);
    console.scan(&chain.coffee[0]);
    console.wait_for("the hub has revoked this store");
    console.wait_for("REVOKED BY THE HUB");
    chain.head.ok(&["hub", "store", "reinstate", "Riverside"]);
    chain.store.ok(&["sync", "--once"]);
    console.wait_for("● hub online");
    console.scan(&chain.coffee[1]);
    console.wait_for("confirmed · used 1 of 1");
}
