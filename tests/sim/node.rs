//! One ledger in a folder of its own, with a clock that is right, wrong or jumps; it crashes, is
//! copied, and is put back.

use std::fs;
use std::path::{Path, PathBuf};

use counterfoil::domain::entry::instant;
use counterfoil::ledger::{Act, Ledger, Setup};
use rusqlite::Connection;

/// When every game begins: May 2033, so that no clock lies before the day the program was built.
pub(crate) const BEGINNING_MS: i64 = 2_000_000_000_000;

/// A ledger, and what stands around it.
pub(crate) struct Node {
    folder: PathBuf,
    ledger: Option<Ledger>,
    eyes: Option<Connection>,
    /// Its name among nodes.
    pub(crate) name: String,
    /// The store's name.
    pub(crate) store: String,
    /// What it sends to the hub at every contact.
    pub(crate) secret: String,
    /// Its wall clock less the true time.
    pub(crate) offset_ms: i64,
    /// The true time up to which it has counted how long ago it heard from its hub.
    pub(crate) aged_ms: i64,
    /// Backups that were taken, and kept in a drawer.
    pub(crate) backups: Vec<PathBuf>,
    backups_taken: usize,
}

impl Node {
    pub(crate) fn set_up(
        place: &Path,
        store: &str,
        name: &str,
        now_ms: i64,
        salt: [u8; 16],
    ) -> Node {
        let folder = place.join(name);
        let setup = Setup {
            store: store.to_owned(),
            timezone: "Europe/Berlin".into(),
            node: name.to_owned(),
            mode: 0o600,
        };
        let act = Act {
            now: instant(now_ms),
            counter: "back room".into(),
            operator: None,
            salt,
        };
        let ledger = Ledger::create(&folder, &setup, &act).expect("a new ledger");
        Node {
            folder,
            ledger: Some(ledger),
            eyes: None,
            name: name.to_owned(),
            store: store.to_owned(),
            secret: String::new(),
            offset_ms: 0,
            aged_ms: now_ms,
            backups: Vec::new(),
            backups_taken: 0,
        }
    }

    pub(crate) fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().expect("an open ledger")
    }

    /// An act of one of its counters at this true time, by its own clock.
    pub(crate) fn act(&self, counter: &str, now_ms: i64, salt: [u8; 16]) -> Act {
        Act {
            now: instant(now_ms + self.offset_ms),
            counter: counter.to_owned(),
            operator: None,
            salt,
        }
    }

    /// A connection that only looks, past the program.
    pub(crate) fn eyes(&mut self) -> &Connection {
        let path = self.folder.join("ledger.db");
        self.eyes
            .get_or_insert_with(|| Connection::open(path).expect("a second connection"))
    }

    /// The life that its ledger is in.
    pub(crate) fn life(&mut self) -> i64 {
        self.eyes()
            .query_row("SELECT incarnation FROM ledger", [], |row| row.get(0))
            .expect("a life")
    }

    /// Changes rows behind the program's back: what a canary does.
    pub(crate) fn meddle(&mut self, sql: &str) -> usize {
        self.eyes().execute(sql, []).expect("a planted fault")
    }

    /// The process dies; what it had committed is in the file.
    pub(crate) fn crash(&mut self) {
        self.eyes = None;
        self.ledger = None;
    }

    /// It is started again; answers how its ledger was found.
    pub(crate) fn start(&mut self, act: &Act) -> String {
        let (ledger, rebirth) = Ledger::open(&self.folder, act).expect("a ledger that opens");
        self.ledger = Some(ledger);
        rebirth.map_or_else(
            || "as it was".to_owned(),
            |rebirth| {
                format!(
                    "{} ({} missing, {} suspect)",
                    rebirth.why, rebirth.missing, rebirth.suspects
                )
            },
        )
    }

    /// A backup goes into the drawer; two are kept.
    pub(crate) fn back_up(&mut self) {
        self.backups_taken += 1;
        let file = self
            .folder
            .with_extension(format!("backup-{}", self.backups_taken));
        self.ledger().backup(&file).expect("a backup");
        self.backups.push(file);
        if self.backups.len() > 2 {
            fs::remove_file(self.backups.remove(0)).expect("an old backup");
        }
    }

    /// A backup is put back in the ledger's place, or on another machine.
    pub(crate) fn restore(&mut self, backup: usize, is_new_machine: bool, act: &Act) -> String {
        self.crash();
        if is_new_machine {
            fs::remove_dir_all(&self.folder).expect("the machine that is gone");
        }
        let (ledger, rebirth) = Ledger::restore(&self.folder, &self.backups[backup], 0, act)
            .expect("a backup that can be put back");
        self.ledger = Some(ledger);
        self.forget_replaced();
        format!(
            "{} ({} missing, {} suspect)",
            rebirth.why, rebirth.missing, rebirth.suspects
        )
    }

    fn forget_replaced(&self) {
        for item in fs::read_dir(&self.folder).expect("the folder") {
            let path = item.expect("a file").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with("ledger.replaced-") {
                fs::remove_file(path).expect("the former ledger");
            }
        }
    }

    /// The whole disk as it is at this moment, as a virtual machine's host can keep it.
    pub(crate) fn disk(&mut self, act: &Act) -> Disk {
        self.crash();
        let read = |name: &str| fs::read(self.folder.join(name)).expect("a file of the ledger");
        let disk = Disk {
            ledger: read("ledger.db"),
            marker: read("ledger.marker"),
        };
        let found = self.start(act);
        assert_eq!(found, "as it was", "a look at the disk changed it");
        disk
    }

    /// The disk is set back: the very same files, so that nothing on this machine can tell.
    pub(crate) fn set_back(&mut self, disk: &Disk, act: &Act) -> String {
        self.crash();
        for leftover in ["ledger.db-wal", "ledger.db-shm"] {
            drop(fs::remove_file(self.folder.join(leftover)));
        }
        fs::write(self.folder.join("ledger.db"), &disk.ledger).expect("the ledger's file");
        fs::write(self.folder.join("ledger.marker"), &disk.marker).expect("the marker");
        self.start(act)
    }
}

/// What a disk held.
pub(crate) struct Disk {
    ledger: Vec<u8>,
    marker: Vec<u8>,
}
