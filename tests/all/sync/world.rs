//! A hub and its stores as ledgers in folders of their own. Nothing passes between them but what a
//! test passes on by hand, at the time that it says.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use counterfoil::desk::fill_random;
use counterfoil::domain::campaign::{ContactKind, Rules};
use counterfoil::domain::claim::{Claim, ClaimContext, ClaimWord};
use counterfoil::domain::code::Shape;
use counterfoil::domain::code_list::SpreadsheetCheck;
use counterfoil::domain::entry::instant;
use counterfoil::domain::ids::{CampaignId, Key};
use counterfoil::domain::notes::Notes;
use counterfoil::domain::store::FIRST_LABEL;
use counterfoil::domain::verdict::{Answer, Approval, Certainty, Verdict};
use counterfoil::domain::wire::{
    Down, ENTRIES_MAX, Hello, Join, Joined, Stock, Up, UpAnswer, WIRE,
};
use counterfoil::ledger::{
    Act, ClaimRequest, Database, Drawing, GenerateOrder, HubAddress, ImportOrder, Ledger, LongWork,
    Scan, Setup, Undo, UndoRequest, built_at,
};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::cluster::TestDatabase;
use crate::shop::Kept;

thread_local! {
    /// What keeps the hubs that this thread makes.
    static HUBS: Cell<Kept> = const { Cell::new(Kept::InFolder) };
}

/// Runs a test whose hubs are kept in databases.
pub(crate) fn with_hubs_in_databases(test: fn()) {
    HUBS.set(Kept::InDatabase);
    test();
    HUBS.set(Kept::InFolder);
}

/// The same tests with hubs that are kept in databases: what holds on one, holds on the other.
macro_rules! and_with_hubs_in_databases {
    ($($test:ident),+ $(,)?) => {
        mod in_database {
            $(
                #[test]
                fn $test() {
                    crate::sync::world::with_hubs_in_databases(super::$test);
                }
            )+
        }
    };
}
pub(crate) use and_with_hubs_in_databases;

/// The campaign that every test means where it names none.
pub(crate) const SPRING: &str = "spring";

/// The hub's URL in ledgers; nothing listens there.
pub(crate) const URL: &str = "https://hub.example.org";

/// Honoured, and nobody else can have used it.
pub(crate) const CONFIRMED: Verdict = Verdict::Accepted {
    certainty: Certainty::Confirmed,
};

pub(crate) fn spring() -> CampaignId {
    SPRING.parse().unwrap()
}

/// What kept a ledger at some moment.
pub(crate) enum Image {
    Files([Vec<u8>; 2]),
    Dump(TestDatabase),
}

/// A ledger in a folder, with a clock that a test moves.
pub(crate) struct Node {
    _place: Option<TempDir>,
    folder: PathBuf,
    database: Option<TestDatabase>,
    pub(crate) ledger: Ledger,
    /// What it sends to the hub at every contact; empty for the hub and for a shop alone.
    pub(crate) secret: String,
    /// Its wall clock.
    pub(crate) now_ms: i64,
}

/// The node's name of a store, or of the hub: ten letters that are readable in a failure.
fn node_name(store: &str) -> String {
    let mut name: String = store
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|letter| letter.to_ascii_uppercase())
        .take(10)
        .collect();
    while name.len() < 10 {
        name.push('X');
    }
    name
}

/// A ledger that has nothing to do with any other yet.
pub(crate) fn alone(store: &str) -> Node {
    kept(store, Kept::InFolder)
}

/// A ledger that will be a hub, kept as this thread's hubs are; nothing is in it.
pub(crate) fn empty_hub() -> Node {
    kept("Head office", HUBS.get())
}

fn kept(store: &str, kept: Kept) -> Node {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let setup = Setup {
        store: store.to_owned(),
        timezone: "Europe/Berlin".into(),
        node: node_name(store),
        mode: 0o600,
    };
    let now_ms = start_ms();
    let act = act_at("back room", now_ms);
    let database = (kept == Kept::InDatabase).then(TestDatabase::with_tables);
    let ledger = match &database {
        None => Ledger::create(&folder, &setup, &act),
        Some(database) => {
            let database = Database::parse(database.url()).unwrap();
            Ledger::create_in(&database, &setup, &act)
        }
    }
    .unwrap();
    Node {
        _place: Some(place),
        folder,
        database,
        ledger,
        secret: String::new(),
        now_ms,
    }
}

/// A hub: its ledger has the campaign `spring` with so many claimable codes.
pub(crate) fn hub(codes: u64) -> Node {
    let mut hub = empty_hub();
    hub.campaign(SPRING, &Rules::new("Free coffee"));
    if codes > 0 {
        hub.generate(SPRING, codes, false);
    }
    hub
}

/// A store with an empty ledger that has just joined the hub; it has heard of nothing yet.
pub(crate) fn store(hub: &mut Node, name: &str) -> Node {
    let mut store = alone(name);
    store.now_ms = hub.now_ms;
    join(hub, &mut store, name);
    store
}

/// Lets a store in, under the name `invited`, and joins it.
pub(crate) fn join(hub: &mut Node, store: &mut Node, invited: &str) {
    let token = format!("enrol {invited}");
    let act = hub.act();
    hub.ledger
        .add_store(invited, FIRST_LABEL, &token, &act)
        .unwrap()
        .unwrap();
    store.secret = format!("secret of {invited}");
    let asked = store.asks_to_join();
    let mut joined = hub.ledger.enrol(&asked, &token, &act).unwrap().unwrap();
    if asked.pieces > 0 {
        for piece in store.stock_from(0) {
            joined = hub.ledger.take_stock(&piece, &act).unwrap().unwrap();
        }
    }
    store.is_joined(&joined);
}

/// Some time after the program was built, on a whole hour, so that days and hours are well apart.
pub(crate) fn start_ms() -> i64 {
    const HOUR_MS: i64 = 3_600_000;
    (built_at().as_millisecond() / HOUR_MS + 2) * HOUR_MS
}

fn act_at(counter: &str, at_ms: i64) -> Act {
    Act {
        now: instant(at_ms),
        counter: counter.to_owned(),
        operator: None,
        salt: [7; 16],
    }
}

/// An act of this counter at this time.
pub(crate) fn act_of(counter: &str, at_ms: i64) -> Act {
    act_at(counter, at_ms)
}

impl Node {
    /// A ledger that came into a folder in some other way.
    pub(crate) fn of(ledger: Ledger, folder: &Path, secret: &str, now_ms: i64) -> Node {
        Node {
            _place: None,
            folder: folder.to_owned(),
            database: None,
            ledger,
            secret: secret.to_owned(),
            now_ms,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its name among nodes.
    pub(crate) fn name(&mut self) -> String {
        self.ledger.place().unwrap().node
    }

    /// An act of the back room, now.
    pub(crate) fn act(&self) -> Act {
        act_at("back room", self.now_ms)
    }

    /// Lets time pass on its clock.
    pub(crate) fn passes(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    pub(crate) fn hello(&mut self) -> Hello {
        let unsent = self.count(
            "SELECT l.seq - coalesce((SELECT acked_seq FROM hub_link), 0) FROM ledger l WHERE l.id = 1",
        );
        let incarnation = self.count("SELECT incarnation FROM ledger");
        Hello {
            wire: WIRE,
            node: self.name(),
            incarnation,
            now_ms: self.now_ms,
            unsent: unsent.unsigned_abs(),
        }
    }

    fn address(&self) -> HubAddress {
        HubAddress {
            url: URL.into(),
            ca_file: None,
            secret: self.secret.clone(),
        }
    }

    /// What it asks of the hub.
    pub(crate) fn asks_to_join(&mut self) -> Join {
        let (address, act) = (self.address(), self.act());
        let (address, join) = self.ledger.begin_joining(&address, &act).unwrap().unwrap();
        self.secret = address.secret;
        join
    }

    /// The pieces of its stock, from this one on.
    pub(crate) fn stock_from(&mut self, piece: u64) -> Vec<Stock> {
        let act = self.act();
        let pieces = self.ledger.stock_from(piece, &act).unwrap();
        pieces.map(Result::unwrap).collect()
    }

    pub(crate) fn is_joined(&mut self, joined: &Joined) {
        let (address, act) = (self.address(), self.act());
        self.ledger
            .join_hub(&address, joined, &act)
            .unwrap()
            .unwrap();
    }

    /// Begins a campaign.
    pub(crate) fn campaign(&mut self, name: &str, rules: &Rules) {
        let act = self.act();
        self.ledger
            .create_campaign(&name.parse().unwrap(), rules, &[9; 32], &act)
            .unwrap()
            .unwrap();
    }

    /// Draws codes for a pool.
    pub(crate) fn generate(&mut self, campaign: &str, count: u64, is_given_out: bool) {
        let order = GenerateOrder {
            campaign: campaign.parse().unwrap(),
            count,
            drawing: Drawing::Shape(Shape::standard()),
            is_given_out,
        };
        let act = self.act();
        let stop = AtomicBool::new(false);
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |_| (),
            stop: &stop,
        };
        self.ledger
            .generate_codes(&order, &act, &mut work)
            .unwrap()
            .unwrap();
    }

    /// Imports codes that were given out: any counter that holds them may redeem them.
    pub(crate) fn import(&mut self, campaign: &str, codes: &[&str]) {
        let list = self.folder.with_file_name("list.csv");
        std::fs::write(&list, codes.join("\n")).unwrap();
        let order = ImportOrder {
            campaign: campaign.parse().unwrap(),
            is_given_out: true,
            skips_bad: false,
            check: SpreadsheetCheck::Look,
        };
        let act = self.act();
        let stop = AtomicBool::new(false);
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |_| (),
            stop: &stop,
        };
        let mut reader = std::fs::File::open(&list).unwrap();
        let report = self
            .ledger
            .import_codes(&mut reader, &order, &act, &mut work, &mut |_| Ok(()))
            .unwrap()
            .unwrap();
        assert_eq!(report.stored, codes.len() as u64, "{report:?}");
    }

    /// What it would send to the hub now.
    pub(crate) fn batch(&mut self) -> Up {
        let now = instant(self.now_ms);
        self.ledger.up_batch(now).unwrap().unwrap()
    }

    /// Scans a code at a counter, under a key.
    pub(crate) fn redeem(&mut self, counter: &str, code: &str, key: &str) -> Answer {
        let key: Key = key.parse().unwrap();
        let scan = Scan {
            key: Some(&key),
            ..Scan::new(code.as_bytes(), &key)
        };
        let act = act_at(counter, self.now_ms);
        self.ledger.redeem(&scan, &act).unwrap()
    }

    /// The same, where only the verdict matters.
    pub(crate) fn verdict(&mut self, counter: &str, code: &str, key: &str) -> Verdict {
        self.redeem(counter, code, key).verdict
    }

    /// Undoes the newest redemption of a code, with a manager's approval.
    pub(crate) fn reverse(&mut self, counter: &str, code: &str) {
        let minted = Key::mint(self.now_ms, [3; 16]);
        let request = UndoRequest {
            undo: Undo::Code {
                raw: code.as_bytes(),
                allowed_hosts: &[],
            },
            key: None,
            minted: &minted,
            reason: "wrong item",
            approval: Some(&Approval {
                by: None,
                reason: "wrong item".into(),
            }),
        };
        let act = act_at(counter, self.now_ms);
        self.ledger.reverse(&request, &act).unwrap();
    }

    /// Claims a code for whoever has this address.
    pub(crate) fn claim(&mut self, campaign: &str, email: &str) -> Claim {
        let campaign: CampaignId = campaign.parse().unwrap();
        let contacts = [(ContactKind::Email, email.to_owned())];
        let (mut random, mut drawn) = ([0; 14], [0; 16]);
        fill_random(&mut random).unwrap();
        fill_random(&mut drawn).unwrap();
        let minted = Key::mint(self.now_ms, drawn);
        let request = ClaimRequest {
            campaign: &campaign,
            contacts: &contacts,
            context: ClaimContext::Send,
            key: None,
            minted: &minted,
            trigger: None,
            notes: Notes::default(),
            resends: false,
            prints: false,
            name: None,
            consents: false,
            random,
        };
        let act = act_at("desk", self.now_ms);
        self.ledger.assign(&request, &act).unwrap().unwrap()
    }

    /// The code that a claim for this address gives out.
    pub(crate) fn assigned(&mut self, campaign: &str, email: &str) -> String {
        let claim = self.claim(campaign, email);
        assert_eq!(claim.word, ClaimWord::Assigned, "{claim:?}");
        claim.code.unwrap()
    }

    /// Closes the ledger for a while.
    fn close(&mut self) {
        let elsewhere = alone("Elsewhere");
        drop(std::mem::replace(&mut self.ledger, elsewhere.ledger));
    }

    fn open(&mut self) {
        let act = self.act();
        self.ledger = match &self.database {
            None => {
                let (ledger, rebirth) = Ledger::open(&self.folder, &act).unwrap();
                assert_eq!(rebirth, None);
                ledger
            }
            Some(database) => {
                let database = Database::parse(database.url()).unwrap();
                Ledger::open_in(&database, &act).unwrap()
            }
        };
    }

    /// Everything that keeps the ledger, as it is at this moment: a disk's image, or a dump.
    pub(crate) fn image(&mut self) -> Image {
        self.close();
        let image = match &self.database {
            None => {
                let read = |name: &str| std::fs::read(self.folder.join(name)).unwrap();
                Image::Files(["ledger.db", "ledger.marker"].map(read))
            }
            Some(database) => Image::Dump(database.dump()),
        };
        self.open();
        image
    }

    /// Puts an image back, so that nothing on its own machine can tell.
    pub(crate) fn put_back(&mut self, image: &Image) {
        self.close();
        match (image, &self.database) {
            (Image::Files([ledger, marker]), None) => {
                for leftover in ["ledger.db-wal", "ledger.db-shm"] {
                    drop(std::fs::remove_file(self.folder.join(leftover)));
                }
                std::fs::write(self.folder.join("ledger.db"), ledger).unwrap();
                std::fs::write(self.folder.join("ledger.marker"), marker).unwrap();
            }
            (Image::Dump(dump), Some(database)) => database.is_now(dump),
            _ => unreachable!("an image of something else"),
        }
        self.open();
    }

    /// The database of a ledger that is kept in one.
    pub(crate) fn database(&self) -> Option<&TestDatabase> {
        self.database.as_ref()
    }

    /// A connection of our own that only looks.
    fn look(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(self.folder.join("ledger.db"), flags).unwrap()
    }

    /// One number from the ledger, by SQL of our own.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        match &self.database {
            Some(database) => database.count(sql),
            None => self.look().query_row(sql, [], |row| row.get(0)).unwrap(),
        }
    }

    /// The texts of one column, by SQL of our own.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        if let Some(database) = &self.database {
            return database.texts(sql);
        }
        let look = self.look();
        let mut statement = look.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Changes the ledger behind its back, by SQL of our own; how many rows.
    pub(crate) fn tamper(&self, sql: &str) -> u64 {
        if let Some(database) = &self.database {
            return database.connect().execute(sql, &[]).unwrap();
        }
        let file = Connection::open(self.folder.join("ledger.db")).unwrap();
        file.execute(sql, []).unwrap() as u64
    }

    /// Everything holds, by the program's own check.
    pub(crate) fn assert_well(&mut self) {
        let health = self.ledger.verify(&mut |_| ()).unwrap();
        assert_eq!(health.faults, Vec::<String>::new());
    }
}

/// Sends what a store has to the hub, a batch at a time, until all of it is there.
pub(crate) fn send(hub: &mut Node, store: &mut Node) -> Vec<UpAnswer> {
    let mut answers = Vec::new();
    loop {
        let up = store.batch();
        let is_last = up.entries.len() < ENTRIES_MAX && up.attempts.len() < 500;
        let act = hub.act();
        let answer = hub.ledger.take_in(&up, &act).unwrap();
        let act = store.act();
        store.ledger.heard_up(&answer, &act).unwrap();
        answers.push(answer);
        // A hub that was restored is told all again.
        let link = store.ledger.hub_link().unwrap().unwrap();
        if is_last && link.retold_after.is_none() {
            return answers;
        }
    }
}

/// Brings a store all that the hub has to tell it.
pub(crate) fn tell(hub: &mut Node, store: &mut Node) {
    loop {
        let link = store.ledger.hub_link().unwrap().unwrap();
        let down = Down {
            hello: store.hello(),
            after: link.cursor,
            wait_ms: 0,
            hub: store.ledger.hub_known().unwrap(),
            standing: None,
        };
        let act = hub.act();
        let page = hub.ledger.down_page(&down, &act).unwrap();
        let act = store.act();
        store.ledger.apply_page(&page, &act).unwrap();
        if !page.more {
            return;
        }
    }
}

/// Up, what the hub lends, and down.
pub(crate) fn meet(hub: &mut Node, store: &mut Node) {
    tell(hub, store);
    send(hub, store);
    tell(hub, store);
}
