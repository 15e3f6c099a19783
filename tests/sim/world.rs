//! A hub and its stores, the line between them, and what happens to them: one step at a time, in one
//! thread, in an order that the dice choose.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use counterfoil::domain::campaign::{Home, OfflineAssign, OfflinePolicy, Rules};
use counterfoil::domain::code_list::SpreadsheetCheck;
use counterfoil::domain::conflict::Decision;
use counterfoil::domain::ids::{CampaignId, Key};
use counterfoil::domain::store::FIRST_LABEL;
use counterfoil::domain::wire::Standing;
use counterfoil::ledger::{Act, HubAddress, ImportOrder, LongWork};
use tempfile::TempDir;

use crate::broken::{Broken, Checked, Undisturbed as _};
use crate::counters::Retry;
use crate::courier::Lines;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::letters::Parcel;
use crate::network::{Line, Network};
use crate::node::{BEGINNING_MS, Disk, Node};
use crate::record::{Place, Record};
use crate::trace::Trace;
use crate::watch::Watch;

/// What a game is played with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Game {
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    /// What is planted, in a game that must be found broken.
    pub(crate) fault: Option<Fault>,
    /// Whether it goes on after something was broken: for whoever looks for faults.
    pub(crate) goes_on: bool,
    /// Whether the hub is put back to older states, too: what only it knew is gone then.
    pub(crate) hub_falls: Falls,
}

/// How a hub falls back to older states of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Falls {
    Never,
    /// A backup is restored.
    ByRestore,
    /// Its disk is set back, and nothing on its machine can tell.
    Unnoticed,
}

/// A store's ledger, its courier, and what became of it.
pub(crate) struct Store {
    pub(crate) node: Node,
    pub(crate) lines: Lines,
    /// A disk of it that was kept.
    pub(crate) disk: Option<Disk>,
    /// Its disk was set back in this life of it, which goes on as if nothing had been.
    pub(crate) set_back_in: Option<i64>,
    /// That happened at some time.
    pub(crate) was_set_back: bool,
    /// The step in which its ledger last became an older one; 0: never.
    pub(crate) reborn_in: u64,
    /// It was written off, perhaps while it lived.
    pub(crate) was_written_off: bool,
    /// What its counters have asked lately, to be asked again.
    pub(crate) retries: VecDeque<Retry>,
}

/// What a copy does that nobody has noticed yet: it may give out and honour what was before, and whoever
/// has it from there may as well. Laws 1 and 3 are broken by it apart, and the hub must find each excess.
#[derive(Debug, Default)]
pub(crate) struct Unnoticed {
    /// The hub is one, as far as no store has told.
    pub(crate) is_hub: bool,
    /// Stores that such a hub has answered, in this life of the hub.
    pub(crate) served: BTreeMap<usize, i64>,
    /// Stores that had no right any more when a hub fell back that does not know that, in this life of it.
    pub(crate) barred: BTreeMap<usize, i64>,
    /// Codes that it has lent.
    pub(crate) lent: BTreeSet<String>,
    /// The newest grants of the disk that was put back, by campaign.
    pub(crate) grants: BTreeMap<i64, i64>,
}

/// A campaign of the game.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) id: CampaignId,
    pub(crate) uses: usize,
    pub(crate) per_customer: usize,
}

/// A code that was imported.
#[derive(Debug, Clone)]
pub(crate) struct Imported {
    pub(crate) text: String,
    pub(crate) offer: usize,
    pub(crate) is_given_out: bool,
}

/// Everything.
pub(crate) struct World {
    pub(crate) game: Game,
    pub(crate) dice: Dice,
    /// The true time.
    pub(crate) now_ms: i64,
    pub(crate) hub: Node,
    pub(crate) hub_retries: VecDeque<Retry>,
    pub(crate) stores: Vec<Store>,
    pub(crate) net: Network<Parcel>,
    pub(crate) record: Record,
    pub(crate) trace: Trace,
    pub(crate) offers: Vec<Offer>,
    pub(crate) codes: Vec<Imported>,
    pub(crate) by_text: BTreeMap<String, usize>,
    pub(crate) watch: Watch,
    pub(crate) keys: u64,
    pub(crate) calls: u64,
    pub(crate) found: Vec<Found>,
    /// How often the hub fell back.
    pub(crate) falls: u64,
    /// A disk of the hub that was kept.
    hub_disk: Option<Disk>,
    /// What the hub does that was put back, and nobody has noticed.
    pub(crate) unnoticed: Unnoticed,
    /// Nobody can be asked, and everybody knows it.
    pub(crate) is_apart: bool,
    /// What was planted was planted.
    pub(crate) is_planted: bool,
    place: TempDir,
}

/// How a game ended.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) steps: u64,
    pub(crate) hash: u64,
    pub(crate) words: BTreeMap<String, u64>,
    /// What was broken, in the order of its finding; where the game does not go on, one at most.
    pub(crate) broken: Vec<Found>,
}

/// Something broken, and how it came to it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) broken: Broken,
    pub(crate) last_steps: String,
}

/// How many different things a game finds that goes on.
const FOUND_MAX: usize = 25;

const STORES: [(&str, &str); 3] = [
    ("Riverside", "RIVERSIDEX"),
    ("Station Road", "STATIONRDX"),
    ("Old Town", "OLDTOWNXXX"),
];

/// People who ask for codes.
pub(crate) const PEOPLE: usize = 40;

/// A place for ledgers: in memory where there is such a place.
fn somewhere() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    place.expect("a folder for the game")
}

/// Plays a game to its end, or until something is broken.
pub(crate) fn play(game: Game) -> Played {
    let mut world = World::begin(game);
    if let Err(broken) = world.first_contact().and_then(|()| world.play()) {
        world.note(broken);
    }
    if std::env::var_os("COUNTERFOIL_SIM_KEEP").is_some() {
        let kept = world.place.path().to_owned();
        world.place.disable_cleanup(true);
        std::fs::write(kept.join("seed"), game.seed.to_string()).expect("a note");
    }
    Played {
        steps: world.trace.steps,
        hash: world.trace.hash(),
        words: world.record.words,
        broken: world.found,
    }
}

impl World {
    /// Sets the hub up with its campaigns and codes, and lets the stores in.
    pub(crate) fn begin(game: Game) -> World {
        let place = somewhere();
        let mut dice = Dice::new(game.seed);
        let now_ms = BEGINNING_MS;
        let hub = Node::set_up(
            place.path(),
            "Head office",
            "HEADOFFICE",
            now_ms,
            dice.bytes(),
        );
        let stores = STORES
            .iter()
            .map(|(store, name)| Store {
                node: Node::set_up(place.path(), store, name, now_ms, dice.bytes()),
                lines: Lines::new(),
                disk: None,
                set_back_in: None,
                was_set_back: false,
                reborn_in: 0,
                was_written_off: false,
                retries: VecDeque::new(),
            })
            .collect();
        let line = Line::drawn(&mut dice);
        let mut world = World {
            game,
            dice,
            now_ms,
            hub,
            hub_retries: VecDeque::new(),
            stores,
            net: Network::new(line),
            record: Record::default(),
            trace: Trace::new(),
            offers: Vec::new(),
            codes: Vec::new(),
            by_text: BTreeMap::new(),
            watch: Watch::default(),
            keys: 0,
            calls: 0,
            found: Vec::new(),
            falls: 0,
            hub_disk: None,
            unnoticed: Unnoticed::default(),
            is_apart: false,
            is_planted: false,
            place,
        };
        world.campaigns();
        for store in 0..world.stores.len() {
            world.join(store);
        }
        world
    }

    /// Every store hears of the campaigns before anybody comes.
    pub(crate) fn first_contact(&mut self) -> Checked<()> {
        for store in 0..self.stores.len() {
            self.says_all(store, 0)?;
            self.says_all(store, 1)?;
        }
        Ok(())
    }

    fn campaigns(&mut self) {
        let spring = Rules::new("Free coffee");
        let loyal = Rules {
            uses: 3,
            offline: OfflinePolicy::Accept,
            offline_per_day: Some(4),
            home: Home::Anywhere,
            ..Rules::new("Ten percent off")
        };
        let staff = Rules {
            offline: OfflinePolicy::Accept,
            offline_assign: OfflineAssign::Hub,
            per_customer: 2,
            ..Rules::new("A free lunch")
        };
        for (name, rules) in [("spring", spring), ("loyal", loyal), ("staff", staff)] {
            let id: CampaignId = name.parse().expect("a name");
            let key = self.dice.bytes();
            let act = self.act(Place::Hub, "back room");
            self.hub
                .ledger()
                .create_campaign(&id, &rules, &key, &act)
                .expect("a campaign")
                .expect("a new campaign");
            self.offers.push(Offer {
                id,
                uses: rules.uses as usize,
                per_customer: rules.per_customer as usize,
            });
        }
        for offer in 0..self.offers.len() {
            self.import(offer, 40, false).expect("codes");
            self.import(offer, 20, true).expect("codes");
        }
    }

    fn join(&mut self, store: usize) {
        let (name, token) = (
            self.stores[store].node.store.clone(),
            format!("token {store}"),
        );
        let act = self.act(Place::Hub, "back room");
        self.hub
            .ledger()
            .add_store(&name, FIRST_LABEL, &token, &act)
            .expect("a store")
            .expect("a new store");
        let address = HubAddress {
            url: "https://hub.example.org".into(),
            ca_file: None,
            secret: format!("secret {store}"),
        };
        let node = &mut self.stores[store].node;
        let (address, asked) = node
            .ledger()
            .begin_joining(&address, &act)
            .expect("a request")
            .expect("a ledger that may join");
        node.secret.clone_from(&address.secret);
        let joined = self
            .hub
            .ledger()
            .enrol(&asked, &token, &act)
            .expect("an answer")
            .expect("a place");
        self.stores[store]
            .node
            .ledger()
            .join_hub(&address, &joined, &act)
            .expect("a link")
            .expect("a store of the hub");
    }

    /// Codes come into a campaign's pool at the hub.
    pub(crate) fn import(&mut self, offer: usize, count: usize, is_given_out: bool) -> Checked<()> {
        let mut texts = Vec::new();
        while texts.len() < count {
            let text = code_text(&mut self.dice);
            if !self.by_text.contains_key(&text) {
                self.by_text.insert(text.clone(), self.codes.len());
                self.codes.push(Imported {
                    text: text.clone(),
                    offer,
                    is_given_out,
                });
                texts.push(text);
            }
        }
        let order = ImportOrder {
            campaign: self.offers[offer].id.clone(),
            is_given_out,
            skips_bad: false,
            check: SpreadsheetCheck::Look,
        };
        let act = self.act(Place::Hub, "back room");
        let stop = AtomicBool::new(false);
        let dice = &mut self.dice;
        let mut random = |bytes: &mut [u8]| {
            bytes.fill_with(|| dice.bytes::<1>()[0]);
            Ok(())
        };
        let mut work = LongWork {
            random: &mut random,
            progress: &mut |_| (),
            stop: &stop,
        };
        let list = self.place.path().join("list.csv");
        std::fs::write(&list, texts.join("\n")).expect("a list");
        let mut reader = std::fs::File::open(&list).expect("the list");
        self.hub
            .ledger()
            .import_codes(&mut reader, &order, &act, &mut work, &mut |_| Ok(()))
            .undisturbed("import codes")?
            .expect("a campaign to import into");
        Ok(())
    }

    pub(crate) fn node(&mut self, place: Place) -> &mut Node {
        match place {
            Place::Hub => &mut self.hub,
            Place::Store(store) => &mut self.stores[store].node,
        }
    }

    /// An act of a counter, now, by the clock of its node.
    pub(crate) fn act(&mut self, place: Place, counter: &str) -> Act {
        let salt = self.dice.bytes();
        let now_ms = self.now_ms;
        self.node(place).act(counter, now_ms, salt)
    }

    /// A key that nobody has used.
    pub(crate) fn new_key(&mut self) -> Key {
        self.keys += 1;
        format!("key-{}", self.keys).parse().expect("a key")
    }

    pub(crate) fn any_store(&mut self) -> usize {
        self.dice.below(self.stores.len())
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let stores = (0..self.stores.len()).map(Place::Store);
        [Place::Hub].into_iter().chain(stores).collect()
    }

    fn play(&mut self) -> Checked<()> {
        // Rest comes now and then, and at the end.
        let rests = self.game.steps.div_ceil(1_500).max(1);
        for rest in 1..=rests {
            let until = self.game.steps * rest / rests;
            self.steps(until)?;
            self.rest()?;
        }
        Ok(())
    }

    /// Plays until so many steps were made.
    pub(crate) fn steps(&mut self, until: u64) -> Checked<()> {
        while self.trace.steps < until {
            let done = self.step();
            self.goes_on(done)?;
        }
        Ok(())
    }

    /// What was broken ends the game, or is noted where the game goes on.
    pub(crate) fn goes_on(&mut self, done: Checked<()>) -> Checked<()> {
        match done {
            Err(broken) if self.game.goes_on && self.found.len() < FOUND_MAX => {
                self.trace.step(&format!("BROKEN {broken}"));
                self.note(broken);
                Ok(())
            }
            done => done,
        }
    }

    /// Of each kind of fault the first is kept.
    fn note(&mut self, broken: Broken) {
        let kind = |broken: &Broken| {
            let words: String = broken
                .how
                .chars()
                .filter(|letter| letter.is_lowercase())
                .collect();
            (broken.law, words)
        };
        if self
            .found
            .iter()
            .any(|found| kind(&found.broken) == kind(&broken))
        {
            return;
        }
        self.found.push(Found {
            broken,
            last_steps: self.trace.last_steps(),
        });
    }

    /// Every store is on its own, and knows it: people come, and nothing else happens.
    pub(crate) fn people_only(&mut self, steps: u64) -> Checked<()> {
        self.is_apart = true;
        self.net.cut_off = (0..self.stores.len()).collect();
        let until = self.trace.steps + steps;
        while self.trace.steps < until {
            self.now_ms += self.dice.below(20_000).cast_signed() as i64;
            let what = self.dice.weighted(&[
                (8, Happening::Scan),
                (4, Happening::Claim),
                (2, Happening::Reverse),
                (1, Happening::Void),
            ]);
            self.happens(what)?;
            self.watch_over()?;
        }
        self.is_apart = false;
        Ok(())
    }

    fn step(&mut self) -> Checked<()> {
        self.now_ms += self.dice.below(400).cast_signed() as i64;
        if let Some(parcel) = self.net.arrived(self.now_ms) {
            self.deliver(&parcel)?;
        } else if !self.give_up_waiting()? {
            self.something_happens()?;
        }
        self.plant()?;
        self.watch_over()
    }

    /// Something that nobody waits for.
    fn something_happens(&mut self) -> Checked<()> {
        let what = self.dice.weighted(&[
            (30, Happening::Scan),
            (14, Happening::Claim),
            (5, Happening::Reverse),
            (2, Happening::Void),
            (1, Happening::Withdraw),
            (40, Happening::Courier),
            (2, Happening::Partition),
            (2, Happening::Trouble),
            (2, Happening::Manager),
            (1, Happening::Supply),
            (2, Happening::Time),
        ]);
        self.happens(what)
    }

    fn happens(&mut self, what: Happening) -> Checked<()> {
        match what {
            Happening::Scan => self.scan(),
            Happening::Claim => self.claim(),
            Happening::Reverse => self.reverse(),
            Happening::Void => self.void(),
            Happening::Withdraw => self.withdraw(),
            Happening::Courier => self.courier_goes(),
            Happening::Partition => {
                self.partition();
                Ok(())
            }
            Happening::Trouble => self.trouble(),
            Happening::Manager => self.manage(),
            Happening::Supply => self.supply(),
            Happening::Time => {
                self.time();
                Ok(())
            }
        }
    }

    fn partition(&mut self) {
        let store = self.any_store();
        if self.dice.is_one_in(4) {
            self.net.line = Line::drawn(&mut self.dice);
            self.trace.step(&format!("the line is {:?}", self.net.line));
        } else if self.net.cut_off.remove(&store) {
            self.trace
                .step(&format!("store {store} is back on the line"));
        } else {
            self.net.cut_off.insert(store);
            self.trace.step(&format!("store {store} is cut off"));
        }
    }

    fn supply(&mut self) -> Checked<()> {
        let offer = self.dice.below(self.offers.len());
        let id = self.offers[offer].id.clone();
        if self.dice.is_one_in(4) {
            let is_paused = self.dice.is_one_in(3);
            let act = self.act(Place::Hub, "back room");
            self.hub
                .ledger()
                .pause_campaign(&id, is_paused, &act)
                .undisturbed("pause a campaign")?
                .expect("a campaign");
            self.trace.step(&format!("{id} is paused: {is_paused}"));
            return Ok(());
        }
        let is_given_out = self.dice.is_one_in(3);
        self.import(offer, 12, is_given_out)?;
        self.trace
            .step(&format!("12 codes for {id}, given out: {is_given_out}"));
        Ok(())
    }

    fn time(&mut self) {
        const HOUR_MS: usize = 3_600_000;
        if self.dice.is_one_in(3) {
            let place = self.any_place();
            let skew_ms = self.dice.weighted(&[
                (4, 0),
                (2, 90_000),
                (2, -90_000),
                (1, 30 * 3_600_000),
                (1, -3 * 3_600_000),
            ]);
            self.node(place).offset_ms = skew_ms;
            self.trace
                .step(&format!("the clock of {place:?} is {skew_ms} ms ahead"));
            return;
        }
        let passes_ms = match self.dice.below(60) {
            0 => 8 * 24 * HOUR_MS,
            1..4 => self.dice.below(48 * HOUR_MS),
            _ => self.dice.below(HOUR_MS / 2),
        };
        self.now_ms += passes_ms.cast_signed() as i64;
        self.trace.step(&format!("{passes_ms} ms pass"));
    }

    pub(crate) fn any_place(&mut self) -> Place {
        let places = self.places();
        places[self.dice.below(places.len())]
    }

    /// A process dies, a disk is kept, or put back.
    fn trouble(&mut self) -> Checked<()> {
        if self.game.hub_falls != Falls::Never && self.dice.is_one_in(3) {
            let is_kept = !self.dice.is_one_in(2);
            return match self.game.hub_falls {
                Falls::Unnoticed => self.hub_disk_passes(is_kept),
                _ if is_kept => {
                    self.hub.back_up();
                    self.trace.step("a backup of the hub");
                    Ok(())
                }
                _ => {
                    self.hub_falls_back();
                    Ok(())
                }
            };
        }
        let place = self.any_place();
        let what = self.dice.weighted(&[
            (10, Trouble::Crash),
            (5, Trouble::BackUp),
            (2, Trouble::Restore),
            (2, Trouble::KeepDisk),
            (1, Trouble::SetDiskBack),
        ]);
        match (what, place) {
            (Trouble::Crash, _) => {
                let act = self.act(place, "start");
                self.node(place).crash();
                let found = self.node(place).start(&act);
                self.forget_calls(place);
                self.trace
                    .step(&format!("{place:?} crashed; its ledger: {found}"));
                self.check_kept(place)
            }
            (Trouble::BackUp, Place::Store(store)) => {
                self.stores[store].node.back_up();
                self.trace.step(&format!("a backup of store {store}"));
                Ok(())
            }
            (Trouble::Restore, Place::Store(store)) => {
                self.restore(store);
                Ok(())
            }
            (Trouble::KeepDisk, Place::Store(store)) => {
                let act = self.act(place, "start");
                let disk = self.stores[store].node.disk(&act);
                self.stores[store].disk = Some(disk);
                self.forget_calls(place);
                self.trace
                    .step(&format!("the disk of store {store} is kept"));
                Ok(())
            }
            (Trouble::SetDiskBack, Place::Store(store)) => {
                self.set_disk_back(store);
                Ok(())
            }
            (_, Place::Hub) => {
                self.trace.step("the hub rests");
                self.hub.ledger().rest().undisturbed("rest")
            }
        }
    }

    fn restore(&mut self, store: usize) {
        let count = self.stores[store].node.backups.len();
        if count == 0 {
            self.trace.step(&format!("store {store} has no backup"));
            return;
        }
        let act = self.act(Place::Store(store), "start");
        let backup = self.dice.below(count);
        let is_new_machine = self.dice.is_one_in(3);
        let found = self.stores[store]
            .node
            .restore(backup, is_new_machine, &act);
        self.stores[store].set_back_in = None;
        self.reborn(store);
        self.trace.step(&format!(
            "backup {backup} of store {store} is put back, new machine {is_new_machine}: {found}"
        ));
    }

    /// The hub is an older one: what only it knew has died with it.
    fn hub_falls_back(&mut self) {
        let count = self.hub.backups.len();
        if count == 0 {
            self.trace.step("the hub has no backup");
            return;
        }
        let act = self.act(Place::Hub, "start");
        let backup = self.dice.below(count);
        let is_new_machine = self.dice.is_one_in(2);
        self.bury();
        let found = self.hub.restore(backup, is_new_machine, &act);
        self.hub_fell();
        self.record.count("hub_fell_back");
        self.trace.step(&format!(
            "backup {backup} of the hub is put back, new machine {is_new_machine}: {found}"
        ));
    }

    fn hub_fell(&mut self) {
        for place in self.places() {
            self.mark_died(place);
        }
        self.watch.forget(Place::Hub);
        self.watch.forget_feed();
        self.falls += 1;
    }

    /// The hub's disk is kept, or the one that was kept is put back under it.
    pub(crate) fn hub_disk_passes(&mut self, is_kept: bool) -> Checked<()> {
        let act = self.act(Place::Hub, "start");
        if is_kept {
            self.hub_disk = Some(self.hub.disk(&act));
            self.trace.step("the disk of the hub is kept");
            return Ok(());
        }
        let Some(disk) = self.hub_disk.take() else {
            self.trace.step("no disk of the hub was kept");
            return Ok(());
        };
        self.bury();
        self.note_barred()?;
        let found = self.hub.set_back(&disk, &act);
        self.hub_fell();
        self.unnoticed.is_hub = !self.is_hub_behind()?;
        self.unnoticed.grants = self.newest_grants();
        self.record.count("hub_put_back");
        self.trace
            .step(&format!("the disk of the hub is put back: {found}"));
        Ok(())
    }

    /// A manager at the hub looks whether it was found to be behind.
    pub(crate) fn mind_hub(&mut self) -> Checked<()> {
        if self.game.hub_falls == Falls::Never {
            // Nobody looks: what stores know more of is a fault that was planted.
            return Ok(());
        }
        let store = self
            .hub
            .ledger()
            .behind_of()
            .undisturbed("look at the hub")?;
        let Some(store) = store else {
            return Ok(());
        };
        let act = self.act(Place::Hub, "back room");
        let begun = self
            .hub
            .ledger()
            .begin_hub_life(None, &act)
            .undisturbed("begin a life of the hub")?;
        self.unnoticed.is_hub = false;
        self.record.count("hub_found_behind");
        self.trace
            .step(&format!("{store} knows more than the hub: {begun:?}"));
        Ok(())
    }

    fn set_disk_back(&mut self, store: usize) {
        let Some(disk) = self.stores[store].disk.take() else {
            self.trace
                .step(&format!("no disk of store {store} was kept"));
            return;
        };
        let act = self.act(Place::Store(store), "start");
        let found = self.stores[store].node.set_back(&disk, &act);
        self.stores[store].set_back_in = Some(self.stores[store].node.life());
        self.stores[store].was_set_back = true;
        self.reborn(store);
        self.trace
            .step(&format!("the disk of store {store} is set back: {found}"));
    }

    /// A store's ledger is an older one: what only the newer one knew has died with it.
    fn reborn(&mut self, store: usize) {
        self.forget_calls(Place::Store(store));
        self.mark_died(Place::Store(store));
        self.watch.forget(Place::Store(store));
        self.stores[store].reborn_in = self.trace.steps + 1;
    }

    fn forget_calls(&mut self, place: Place) {
        if let Place::Store(store) = place {
            self.stores[store].lines = Lines::new();
            // Its clock that nobody can set began anew.
            self.stores[store].node.aged_ms = self.now_ms;
        }
    }

    /// What a manager at the hub does.
    fn manage(&mut self) -> Checked<()> {
        self.mind_hub()?;
        let store = self.any_store();
        match self.dice.below(10) {
            0..4 => self.settle_conflict(),
            4..6 => self.return_leases(store),
            6 => self.set_standing(store, Standing::Revoked),
            7 => self.set_standing(store, Standing::WrittenOff),
            _ => self.set_standing(store, Standing::Active),
        }
    }

    fn set_standing(&mut self, store: usize, standing: Standing) -> Checked<()> {
        let name = self.stores[store].node.store.clone();
        let act = self.act(Place::Hub, "back room");
        let set = self
            .hub
            .ledger()
            .set_standing(&name, FIRST_LABEL, standing, &act)
            .undisturbed("change a store")?;
        if set.is_ok() && standing == Standing::WrittenOff {
            self.stores[store].was_written_off = true;
        }
        let word = if set.is_ok() { "done" } else { "refused" };
        self.trace.step(&format!(
            "store {store} is to be {}: {word}",
            standing.as_str()
        ));
        Ok(())
    }

    /// A manager at the hub settles one conflict.
    fn settle_conflict(&mut self) -> Checked<()> {
        let open = self
            .hub
            .ledger()
            .conflicts(true)
            .undisturbed("list conflicts")?;
        if open.is_empty() {
            self.trace.step("there is no conflict");
            return Ok(());
        }
        let number = open[self.dice.below(open.len())].number;
        let decision = Decision::ALL[self.dice.below(Decision::ALL.len())];
        let act = self.act(Place::Hub, "back room");
        let settled = self
            .hub
            .ledger()
            .settle_conflict(number, decision, "talked to both", &act)
            .undisturbed("settle a conflict")?;
        let word = match &settled {
            Ok(_) => "done".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        self.trace.step(&format!(
            "conflict {number} is settled, {}: {word}",
            decision.as_str()
        ));
        Ok(())
    }

    fn return_leases(&mut self, store: usize) -> Checked<()> {
        let offer = self.dice.below(self.offers.len());
        let id = self.offers[offer].id.clone();
        let act = self.act(Place::Store(store), "back room");
        let returned = self.stores[store]
            .node
            .ledger()
            .return_leases(Some(&id), &act)
            .undisturbed("return leases")?;
        self.trace.step(&format!(
            "store {store} returns leases of {id}: {returned:?}"
        ));
        Ok(())
    }
}

/// What may happen in a step.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Scan,
    Claim,
    Reverse,
    Void,
    Withdraw,
    Courier,
    Partition,
    Trouble,
    Manager,
    Supply,
    Time,
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Crash,
    BackUp,
    Restore,
    KeepDisk,
    SetDiskBack,
}

/// A code as another tool would have made it: no check letters, so that a wrong one is just unknown.
pub(crate) fn code_text(dice: &mut Dice) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";
    (0..9)
        .map(|_| char::from(LETTERS[dice.below(LETTERS.len())]))
        .collect()
}
