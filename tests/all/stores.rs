//! Stores of a hub, each a ledger in a folder of its own that the real program works on.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::path::{Path, PathBuf};

use counterfoil::desk::{self, act};
use counterfoil::domain::wire::{Down, Hello, HubKnown, Join, Up, WIRE};
use counterfoil::ledger::{Act, HubAddress, Ledger};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::shop::{CAMPAIGN, Ran, Shop, run_on, text};

/// What of a store's link to its hub moves when something is acknowledged or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) acked_seq: i64,
    pub(crate) acked_attempt: i64,
    pub(crate) feed: (i64, i64),
}

/// A store.
pub(crate) struct Store {
    _place: TempDir,
    folder: PathBuf,
    name: String,
}

/// Lets a store in at a hub: the token that works once.
pub(crate) fn invite(hub: &Shop, name: &str) -> String {
    let ran = hub.run(&["hub", "store", "add", name]);
    text(ran.well().json(), "token").to_owned()
}

/// An act of this moment.
pub(crate) fn act_now() -> Act {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same clock as the programs on the same ledger"
    )]
    let now = Timestamp::now();
    act("till", None, now).unwrap()
}

impl Store {
    /// An empty ledger of a store of this name.
    pub(crate) fn new(name: &str) -> Store {
        let place = tempfile::tempdir().unwrap();
        let store = Store {
            folder: place.path().join("data"),
            _place: place,
            name: name.to_owned(),
        };
        store
            .run(&["init", "--store", name, "--timezone", "Europe/Berlin"])
            .well();
        store
    }

    /// The same, joined to a hub at this address.
    pub(crate) fn joined(hub: &Shop, address: &str, name: &str) -> Store {
        let store = Store::new(name);
        store.join(&invite(hub, name), address).well();
        store
    }

    /// Joins, with this token.
    pub(crate) fn join(&self, token: &str, address: &str) -> Ran {
        let file = self.beside("token");
        std::fs::write(&file, token).unwrap();
        let url = format!("http://{address}");
        self.run(&["join", &url, "--token-file", file.to_str().unwrap()])
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.with_file_name(name)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run_on(&self.folder, arguments)
    }

    /// Up to date with its hub, once.
    pub(crate) fn sync(&self) -> Ran {
        self.run(&["sync", "--once"])
    }

    /// A code for a customer of this name.
    pub(crate) fn assign(&self, customer: &str) -> String {
        let email = format!("{customer}@example.org");
        let ran = self.run(&["assign", "--campaign", CAMPAIGN, "--email", &email]);
        let told = ran.well().json();
        assert_eq!(text(told, "claim"), "assigned", "{told}");
        text(told, "code").to_owned()
    }

    /// The verdict on a scan.
    pub(crate) fn redeem(&self, code: &str) -> String {
        text(self.run(&["redeem", code]).json(), "verdict").to_owned()
    }

    /// Its ledger's file, to be looked at or spoiled.
    pub(crate) fn open(&self, flags: OpenFlags) -> Connection {
        Connection::open_with_flags(self.folder.join("ledger.db"), flags).unwrap()
    }

    pub(crate) fn look(&self) -> Connection {
        self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.look().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    pub(crate) fn text(&self, sql: &str) -> String {
        self.look().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// What it sends at every contact.
    pub(crate) fn secret(&self) -> String {
        self.text("SELECT secret FROM hub_link")
    }

    /// How far it and its hub have come with each other.
    pub(crate) fn reached(&self) -> Reached {
        let sql = "SELECT acked_seq, acked_attempt, feed_position, feed_code_after FROM hub_link";
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Reached {
                acked_seq: row.get(0)?,
                acked_attempt: row.get(1)?,
                feed: (row.get(2)?, row.get(3)?),
            })
        };
        self.look().query_row(sql, [], row).unwrap()
    }

    /// Its own entries that the hub has not acknowledged.
    pub(crate) fn unsent(&self) -> i64 {
        self.count("SELECT seq - acked_seq FROM ledger, hub_link")
    }

    /// Its own entries, each with its hash.
    pub(crate) fn entries(&self) -> Vec<(i64, i64, Vec<u8>)> {
        entries_of(&self.look(), "1")
    }

    /// The hub has its entries: all of them, each once, and as they were written.
    pub(crate) fn assert_sent(&self, hub: &Shop) {
        let node = format!(
            "(SELECT id FROM node WHERE name = '{}')",
            self.text("SELECT node FROM ledger")
        );
        assert_eq!(
            entries_of(&hub.look(), &node),
            self.entries(),
            "{}",
            self.name
        );
        assert_eq!(self.unsent(), 0, "{}", self.name);
    }

    /// Its chain, its figures and its file are as they should be.
    pub(crate) fn assert_well(&self) {
        let ran = self.run(&["verify"]);
        assert_eq!(ran.exit, 0, "{:?} {}", ran.lines, ran.errors);
    }

    /// Its ledger, in this process.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(&self.folder, &act_now()).unwrap().0
    }

    /// Who it is, as it says at every contact.
    pub(crate) fn hello(&self) -> Hello {
        let mut ledger = self.ledger();
        Hello {
            wire: WIRE,
            node: ledger.place().unwrap().node,
            incarnation: ledger.newest_entry().unwrap().0,
            now_ms: act_now().now.as_millisecond(),
            unsent: 0,
        }
    }

    /// What it would send now.
    pub(crate) fn up(&self) -> Up {
        self.ledger().up_batch(act_now().now).unwrap().unwrap()
    }

    /// What it would ask for now.
    pub(crate) fn down(&self) -> Down {
        Down {
            hello: self.hello(),
            after: self.ledger().hub_link().unwrap().unwrap().cursor,
            wait_ms: 0,
            hub: HubKnown::default(),
            standing: None,
        }
    }

    /// What it asks of a hub that it would join.
    pub(crate) fn asks_to_join(&self) -> Join {
        let address = HubAddress {
            url: "https://hub.example.org".into(),
            ca_file: None,
            secret: "drawn".into(),
        };
        let begun = self.ledger().begin_joining(&address, &act_now());
        begun.unwrap().unwrap().1
    }

    /// A key that nobody has used.
    pub(crate) fn key() -> String {
        desk::mint_key(act_now().now).unwrap().to_string()
    }
}

fn entries_of(ledger: &Connection, node: &str) -> Vec<(i64, i64, Vec<u8>)> {
    let sql = format!(
        "SELECT incarnation, seq, hash FROM entry WHERE node = {node} ORDER BY incarnation, seq"
    );
    let mut statement = ledger.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}
