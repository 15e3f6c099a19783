//! What a hub tells and a store applies, on two real ledgers: pages, leases, rights that move.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;
use crate::domain::campaign::{ContactKind, Home, OfflineAssign, OfflinePolicy, Rules};
use crate::domain::claim::{Claim, ClaimContext, ClaimWord};
use crate::domain::code::Shape;
use crate::domain::code_list::SpreadsheetCheck;
use crate::domain::ids::{CampaignId, Key};
use crate::domain::notes::Notes;
use crate::domain::operator::Role;
use crate::domain::wire::{
    CODES_MAX, Cursor, Demand, Down, Hello, HubKnown, Item, Page, Standing, WIRE, WireConflict,
};
use crate::ledger::feed::{EVERYBODY, FeedKind, touch};
use crate::ledger::fence::Lost;
use crate::ledger::lease::{has_assigned, has_handed_over, top_up};
use crate::ledger::let_go::Grants;

const HUB: &str = "BCDFGHJKLN";
const STORE: &str = "PRSTVXBCDF";
const OTHER: &str = "GHJKLNPRST";

fn at(hours: i64) -> Act {
    let noon: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
    Act {
        now: instant(noon.as_millisecond() + hours * 3_600_000),
        counter: "till 1".into(),
        operator: None,
        salt: [7; 16],
    }
}

fn act() -> Act {
    at(0)
}

fn id(name: &str) -> CampaignId {
    name.parse().unwrap()
}

fn ledger(node: &str, store: &str) -> (TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        store: store.into(),
        timezone: "Europe/Berlin".into(),
        node: node.into(),
        mode: 0o600,
    };
    let ledger = Ledger::create(folder.path(), &setup, &act()).unwrap();
    (folder, ledger)
}

/// Random bytes that are the same in every run.
fn drawn(seed: u64) -> impl FnMut(&mut [u8]) -> Result<(), getrandom::Error> {
    let mut count = seed << 32;
    move |bytes| {
        for chunk in bytes.chunks_mut(32) {
            count += 1;
            let digest = Sha256::digest(count.to_le_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
        Ok(())
    }
}

fn working<T>(seed: u64, work: impl FnOnce(&mut LongWork<'_>) -> T) -> T {
    work(&mut LongWork {
        random: &mut drawn(seed),
        progress: &mut |_| {},
        stop: &AtomicBool::new(false),
    })
}

fn begin(hub: &mut Ledger, name: &str, rules: &Rules) {
    hub.create_campaign(&id(name), rules, &[9; 32], &act())
        .unwrap()
        .unwrap();
}

fn generate(hub: &mut Ledger, name: &str, count: u64, is_given_out: bool) {
    let order = GenerateOrder {
        campaign: id(name),
        count,
        drawing: Drawing::Shape(Shape::standard()),
        is_given_out,
    };
    let seed = hub.feed_position().unwrap().unsigned_abs() + count;
    working(seed, |work| hub.generate_codes(&order, &act(), work))
        .unwrap()
        .unwrap();
}

fn import(hub: &mut Ledger, name: &str, list: &str) {
    let order = ImportOrder {
        campaign: id(name),
        is_given_out: false,
        skips_bad: false,
        check: SpreadsheetCheck::Look,
    };
    let report = working(3, |work| {
        let mut sink = |_: &crate::domain::code_list::BadRow| Ok(());
        hub.import_codes(&mut list.as_bytes(), &order, &act(), work, &mut sink)
    });
    assert_eq!(report.unwrap().unwrap().bad_count, 0);
}

/// A hub and a store of it, each a ledger of its own.
struct Pair {
    hub: Ledger,
    store: Ledger,
    folders: Vec<TempDir>,
}

impl Pair {
    fn new() -> Pair {
        let (hubs, hub) = ledger(HUB, "Head office");
        Pair::of(hubs, hub)
    }

    /// A store joins a ledger that may have something already.
    fn of(hubs: TempDir, mut hub: Ledger) -> Pair {
        let (stores, store) = joined(&mut hub, STORE, "Riverside");
        Pair {
            hub,
            store,
            folders: vec![hubs, stores],
        }
    }

    fn node(&mut self, name: &str) -> i64 {
        self.hub
            .read("find", name, |tx| nodes::find(tx, name))
            .unwrap()
            .unwrap()
    }

    /// The next page.
    fn page(&mut self) -> Page {
        page_for(&mut self.hub, &mut self.store)
    }

    /// Everything that the store has not been told.
    fn pull(&mut self) -> Vec<Item> {
        pull(&mut self.hub, &mut self.store)
    }

    fn top_up(&mut self, wanted: u64) {
        let node = self.node(STORE);
        let demand = demand(&mut self.store, wanted);
        let position = self.store.hub_link().unwrap().unwrap().cursor.position;
        self.hub
            .write("lend", "codes", |writing| {
                top_up(
                    writing,
                    node,
                    position,
                    std::slice::from_ref(&demand),
                    &act(),
                )
            })
            .unwrap();
    }

    /// What the hub makes of the newest entry of the store, where it hands something over.
    fn take_handed_over(&mut self) -> bool {
        let node = self.node(STORE);
        let body = newest_body(&mut self.store);
        let Fact::HandedOver {
            grant_number,
            range,
        } = body.fact
        else {
            panic!("{body:?} hands nothing over");
        };
        self.hub
            .write("take", "what is handed over", |writing| {
                let (campaign, _) =
                    campaigns::find(writing.tx, body.campaign.as_ref().unwrap())?.unwrap();
                let code = match &body.code {
                    Some(folded) => codes::find(writing.tx, folded)?.map(|row| row.id),
                    None => None,
                };
                has_handed_over(writing.tx, node, campaign, code, grant_number, range)
            })
            .unwrap()
    }

    /// As if the hub had taken in everything that the store wrote.
    fn acknowledge_all(&mut self) {
        let node = self.node(STORE);
        let seq = self
            .store
            .read("read", "seq", |tx| Ok(Head::load(tx)?.seq))
            .unwrap();
        self.hub
            .write("acknowledge", "entries", |writing| {
                writing.tx.execute(
                    "UPDATE store SET acked_seq = $1 WHERE node = $2",
                    &[seq.into(), node.into()],
                )
            })
            .unwrap();
    }

    fn assert_well(&mut self) {
        well(&mut self.hub);
        well(&mut self.store);
    }

    fn assert_alike(&mut self) {
        assert_eq!(held(&mut self.store), held(&mut self.hub));
        self.assert_well();
    }
}

fn reborn(suspects: u64) -> Fact {
    Fact::StoreReborn {
        node: STORE.into(),
        life: 2,
        suspects,
    }
}

/// Ends a node's life, and takes everything back at once.
fn take_back(writing: &mut Writing<'_, '_>, node: i64, lost: Lost) -> Result<(), Cause> {
    fence::begin(writing.tx, node, lost, &reborn(0), &act())?;
    while fence::slice(writing, &act())? {}
    Ok(())
}

fn well(ledger: &mut Ledger) {
    let health = ledger.verify(&mut |_| {}).unwrap();
    assert_eq!(health.faults, [""; 0]);
}

fn joined(hub: &mut Ledger, node: &str, name: &str) -> (TempDir, Ledger) {
    let (folder, mut store) = ledger(node, name);
    hub.add_store(name, "1", &format!("token of {node}"), &act())
        .unwrap()
        .unwrap();
    let address = HubAddress {
        url: "https://hub.example.org".into(),
        ca_file: None,
        secret: format!("secret of {node}"),
    };
    let (address, join) = store.begin_joining(&address, &act()).unwrap().unwrap();
    assert_eq!(join.pieces, 0, "an empty ledger");
    let told = hub
        .enrol(&join, &format!("token of {node}"), &act())
        .unwrap()
        .unwrap();
    store.join_hub(&address, &told, &act()).unwrap().unwrap();
    (folder, store)
}

fn page_for(hub: &mut Ledger, store: &mut Ledger) -> Page {
    let link = store.hub_link().unwrap().unwrap();
    let place = store.place().unwrap();
    let down = Down {
        hello: Hello {
            wire: WIRE,
            node: place.node,
            incarnation: 1,
            now_ms: act().now.as_millisecond(),
            unsent: 0,
        },
        after: link.cursor,
        wait_ms: 0,
        hub: HubKnown::default(),
        standing: None,
    };
    hub.down_page(&down, &act()).unwrap()
}

fn pull(hub: &mut Ledger, store: &mut Ledger) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        let page = page_for(hub, store);
        assert!(store.apply_page(&page, &act()).unwrap());
        items.extend(page.items);
        if !page.more {
            return items;
        }
    }
}

fn demand(store: &mut Ledger, wanted: u64) -> Demand {
    let left = store
        .read("count", "what is left", |tx| {
            let (campaign, _) = campaigns::find(tx, &id("spring"))?.unwrap();
            lease::left(tx, campaign, chain::OWN_NODE)
        })
        .unwrap();
    Demand {
        campaign: id("spring"),
        left,
        assigned_7d: 0,
        wanted,
        rests: false,
    }
}

fn newest_body(ledger: &mut Ledger) -> crate::domain::entry::Body {
    ledger
        .read("read", "an entry", |tx| {
            let body = tx.one("SELECT body FROM entry ORDER BY id DESC", &[], |row| {
                row.text(0)
            })?;
            Ok(serde_json::from_str(&body.unwrap())?)
        })
        .unwrap()
}

/// Every code as both sides must have it, by names.
fn held(ledger: &mut Ledger) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    ledger
        .read("list", "codes", |tx| {
            tx.each(
                "SELECT c.folded, coalesce(c.shown, c.folded) || ' ' || m.name || ' ' || \
                 coalesce(c.ordinal, -1) || ' ' || c.state || ' ' || c.uses_made || ' ' || \
                 n.name || ' ' || c.grant_number || ' ' || coalesce(u.public_id, '-') || ' ' || \
                 coalesce(c.expires_at_ms, -1) || ' ' || coalesce(p.code = c.id, -1) || ' ' || \
                 coalesce(s.customer = c.customer, -1) \
                 FROM code c JOIN campaign m ON m.id = c.campaign JOIN node n ON n.id = c.holder \
                 LEFT JOIN customer u ON u.id = c.customer LEFT JOIN pool_slot p \
                 ON p.campaign = c.campaign AND p.ordinal = c.ordinal LEFT JOIN customer_slot s \
                 ON s.campaign = c.campaign AND s.customer = c.customer AND s.code = c.id",
                &[],
                |row| {
                    found.insert(row.text(0)?, row.text(1)?);
                    Ok(())
                },
            )
        })
        .unwrap();
    found
}

fn number(ledger: &mut Ledger, sql: &str) -> i64 {
    ledger
        .read("count", "rows", |tx| tx.one(sql, &[], |row| row.int(0)))
        .unwrap()
        .unwrap()
}

fn word(ledger: &mut Ledger, sql: &str) -> String {
    ledger
        .read("list", "rows", |tx| tx.one(sql, &[], |row| row.text(0)))
        .unwrap()
        .unwrap()
}

fn claim_as(ledger: &mut Ledger, email: &str, act: &Act) -> Claim {
    let contacts = [(ContactKind::Email, email.to_owned())];
    let seq = number(ledger, "SELECT seq FROM ledger");
    let key: Key = format!("key-{seq}-{email}").parse().unwrap();
    let mut random = [0; 14];
    random.copy_from_slice(&Sha256::digest(format!("{email}{}", act.counter))[..14]);
    let request = ClaimRequest {
        campaign: &id("spring"),
        contacts: &contacts,
        context: ClaimContext::Send,
        key: None,
        minted: &key,
        trigger: None,
        notes: Notes::default(),
        resends: false,
        prints: false,
        name: None,
        consents: false,
        random,
    };
    ledger.assign(&request, act).unwrap().unwrap()
}

fn claim(ledger: &mut Ledger, email: &str) -> Claim {
    claim_as(ledger, email, &act())
}

fn redeem(ledger: &mut Ledger, code: &str) -> &'static str {
    let seq = number(ledger, "SELECT seq FROM ledger");
    let key: Key = format!("redeem-{seq}-{code}").parse().unwrap();
    ledger
        .redeem(&Scan::new(code.as_bytes(), &key), &act())
        .unwrap()
        .verdict
        .word()
}

/// Whether a scan uses a code up.
fn spends(ledger: &mut Ledger, code: &str) -> bool {
    let made = "SELECT count(*) FROM entry WHERE kind = 'redeemed'";
    let before = number(ledger, made);
    let key: Key = format!("spend-{code}").parse().unwrap();
    drop(ledger.redeem(&Scan::new(code.as_bytes(), &key), &act()));
    number(ledger, made) > before
}

fn any_code(ledger: &mut Ledger, state: i64) -> String {
    ledger
        .read("find", "a code", |tx| {
            tx.one(
                "SELECT folded FROM code WHERE state = $1 ORDER BY folded",
                &[state.into()],
                |row| row.text(0),
            )
        })
        .unwrap()
        .unwrap()
}

#[test]
fn a_store_is_told_every_code_and_assigns_from_its_lease() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    assert_eq!(held(&mut pair.store).len(), 100);
    pair.assert_alike();
    // Nothing is lent yet, and the hub has some.
    let refused = claim(&mut pair.store, "ana@example.org");
    assert_eq!((refused.word, refused.code), (ClaimWord::NeedsHub, None));
    assert_eq!(refused.word.exit_code(), 3);
    pair.top_up(1);
    pair.pull();
    pair.assert_alike();
    let pools = |ledger: &mut Ledger| {
        let pool = ledger.pools(None, act().now).unwrap().unwrap().remove(0);
        (pool.total, pool.available, pool.leased, pool.leases.len())
    };
    assert_eq!(pools(&mut pair.hub), (100, 50, 50, 1));
    assert_eq!(pools(&mut pair.store), (100, 50, 50, 0));
    let given = claim(&mut pair.store, "ana@example.org");
    assert_eq!(given.word, ClaimWord::Assigned);
    assert_eq!(pools(&mut pair.store), (100, 49, 50, 0));
    assert_eq!(redeem(&mut pair.store, &given.code.unwrap()), "accepted");
    // Half of it is there still: nothing more is lent.
    pair.top_up(0);
    assert_eq!(pools(&mut pair.hub), (100, 50, 50, 1));
    pair.assert_well();
}

#[test]
fn a_hub_that_has_much_already_tells_its_first_store_all_of_it() {
    let (folder, mut hub) = ledger(HUB, "Head office");
    begin(&mut hub, "spring", &Rules::new("Free coffee"));
    begin(&mut hub, "winter", &Rules::new("Free tea"));
    generate(&mut hub, "spring", 60, false);
    import(
        &mut hub,
        "winter",
        "code,email,expires_at\nWINTER-1,ana@example.org,2027-06-01\nWINTER-2,ben@example.org,\nWINTER-3,,\n",
    );
    let ana = claim(&mut hub, "ana@example.org");
    assert_eq!(redeem(&mut hub, &ana.code.clone().unwrap()), "accepted");
    hub.void_code(b"WINTER-2", "lost at the printer's", &act())
        .unwrap()
        .unwrap();
    let add = OperatorChange::Add {
        role: Role::Manager,
        pin: Some("24681"),
    };
    hub.change_operator("Mia", add, &act()).unwrap().unwrap();
    assert_eq!(number(&mut hub, "SELECT count(*) FROM feed"), 0);
    let mut pair = Pair::of(folder, hub);
    pair.pull();
    pair.assert_alike();
    // Law 2 holds offline for whoever is known, and a verdict tells what the hub would.
    let again = claim(&mut pair.store, "ana@example.org");
    assert_eq!(again.word, ClaimWord::AlreadyAssigned);
    assert_eq!(again.state, Some("redeemed"));
    let key: Key = "one".parse().unwrap();
    let told = pair
        .store
        .redeem(&Scan::new(b"WINTER-2", &key), &act())
        .unwrap();
    assert_eq!(told.verdict.word(), "void");
    assert!(
        told.message.contains("lost at the printer's"),
        "{}",
        told.message
    );
    let story = number(
        &mut pair.store,
        "SELECT count(*) FROM story WHERE store = 'Head office' AND counter = 'till 1'",
    );
    assert_eq!(story, 1);
    let signed_in = pair.store.sign_in("Mia", "24681", &act()).unwrap().unwrap();
    assert_eq!(signed_in.role, Role::Manager);
    assert_eq!(number(&mut pair.store, "SELECT count(*) FROM contact"), 0);
}

/// Codes that are told in these items.
fn codes_in(items: &[Item]) -> usize {
    items
        .iter()
        .map(|item| {
            if let Item::Codes { codes } = item {
                codes.len()
            } else {
                0
            }
        })
        .sum()
}

/// What must not come back from a transaction that is dropped.
fn dropped(store: &mut Ledger, page: &Page, items: usize) {
    let part = Page {
        items: page.items[..items.min(page.items.len())].to_vec(),
        ..page.clone()
    };
    let before = number(store, "SELECT count(*) FROM code");
    let cut: Result<(), LedgerError> = store.write("apply", "a page", |writing| {
        assert!(arrivals::apply(writing, &part, &act())?);
        Err(Cause::Interrupted)
    });
    assert!(cut.is_err());
    assert_eq!(number(store, "SELECT count(*) FROM code"), before);
    assert_eq!(store.hub_link().unwrap().unwrap().cursor, page.after);
}

#[test]
fn a_first_sync_that_is_cut_off_at_every_page_and_in_every_page_resumes() {
    use std::fmt::Write as _;
    let (folder, mut hub) = ledger(HUB, "Head office");
    begin(&mut hub, "spring", &Rules::new("Free coffee"));
    begin(&mut hub, "winter", &Rules::new("Free tea"));
    generate(&mut hub, "spring", 15_000, false);
    let mut list = String::from("code,email\n");
    for number in 0..3_000 {
        writeln!(list, "CARD-{number:05},p{number}@example.org").unwrap();
    }
    import(&mut hub, "winter", &list);
    generate(&mut hub, "winter", 2_000, true);
    let mut pair = Pair::of(folder, hub);
    let (mut pages, mut codes) = (0, 0);
    let mut left = 20_000;
    loop {
        let page = pair.page();
        for items in 0..=page.items.len() {
            dropped(&mut pair.store, &page, items);
        }
        // Another process goes on.
        let folder = pair.folders[1].path().to_owned();
        pair.store = Ledger::open(&folder, &act()).unwrap().0;
        assert!(pair.store.apply_page(&page, &act()).unwrap());
        // The same page again, and one from elsewhere, are refused and harm nothing.
        let is_moving = page.cursor != page.after;
        assert_eq!(pair.store.apply_page(&page, &act()).unwrap(), !is_moving);
        let in_page = codes_in(&page.items);
        assert!(in_page <= CODES_MAX);
        (pages, codes) = (pages + 1, codes + in_page);
        // How far it is can be said at any page.
        let (here, ahead) = pair.store.codes_told().unwrap();
        assert_eq!(ahead, page.codes_ahead);
        assert!(ahead <= left, "{ahead} after {left}");
        assert!(ahead == 0 || here + ahead == 20_000, "{here} and {ahead}");
        left = ahead;
        // Meanwhile the hub goes on, in what was told and in what was not.
        if pages % 3 == 1 {
            let change = |rules: &mut Rules| rules.offer = format!("Free coffee {pages}");
            pair.hub
                .set_campaign(&id("spring"), change, &act())
                .unwrap()
                .unwrap();
            claim(&mut pair.hub, &format!("late{pages}@example.org"));
        }
        if !page.more {
            break;
        }
    }
    assert!(pages >= 10, "{pages}");
    assert_eq!(left, 0);
    assert!((20_000..20_100).contains(&codes), "{codes}");
    pair.pull();
    pair.assert_alike();
    let offers = |ledger: &mut Ledger| ledger.campaigns().unwrap();
    assert_eq!(offers(&mut pair.store), offers(&mut pair.hub));
    let hashes = "SELECT count(*) FROM contact_hash";
    assert_eq!(
        number(&mut pair.store, hashes),
        number(&mut pair.hub, hashes)
    );
}

#[test]
fn a_page_of_another_hub_or_to_a_shop_alone_changes_nothing() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    let page = pair.page();
    let mut strange = page.clone();
    strange.welcome.hub = "XXXXXXXXXX".into();
    assert!(!pair.store.apply_page(&strange, &act()).unwrap());
    let mut elsewhere = page.clone();
    elsewhere.after = Cursor {
        position: 99,
        code_after: 0,
    };
    assert!(!pair.store.apply_page(&elsewhere, &act()).unwrap());
    assert_eq!(number(&mut pair.store, "SELECT count(*) FROM campaign"), 0);
    let (_folder, mut alone) = ledger(OTHER, "Alone");
    assert!(!alone.apply_page(&page, &act()).unwrap());
    assert_eq!(number(&mut alone, "SELECT count(*) FROM campaign"), 0);
}

#[test]
fn what_the_hub_has_not_seen_is_never_overwritten() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    pair.pull();
    let code = claim(&mut pair.store, "ana@example.org").code.unwrap();
    // At the hub it is available still, and a change to it is told.
    let folded = code.replace('-', "");
    let number_of = |ledger: &mut Ledger| {
        ledger
            .read("find", "a code", |tx| {
                Ok(codes::find(tx, &folded)?.unwrap().id)
            })
            .unwrap()
    };
    let at_hub = number_of(&mut pair.hub);
    let tell = |hub: &mut Ledger| {
        hub.write("touch", "a code", |writing| {
            touch(writing.tx, FeedKind::Code, at_hub, EVERYBODY)
        })
        .unwrap();
    };
    tell(&mut pair.hub);
    assert_eq!(pair.pull().len(), 1);
    let sql = format!("SELECT state FROM code WHERE folded = '{folded}'");
    assert_eq!(number(&mut pair.store, &sql), 1, "assigned here");
    well(&mut pair.store);
    // Once the hub has seen it, the hub's word counts.
    pair.acknowledge_all();
    tell(&mut pair.hub);
    pair.pull();
    assert_eq!(number(&mut pair.store, &sql), 0);
    pair.assert_alike();
}

/// A life that begins here and the number by which the hub fences the former one may be the same number:
/// what the hub has of the one says nothing of the other.
#[test]
fn what_a_quarantined_life_did_is_not_taken_for_what_the_hub_has_of_the_former_one() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 10, false);
    pair.pull();
    pair.store
        .write("begin", "a life", |writing| {
            lives::quarantine(writing, 1, Some(10), "restored", &act())
        })
        .unwrap();
    let folded = any_code(&mut pair.store, 0);
    pair.store
        .void_code(folded.as_bytes(), "lost", &act())
        .unwrap()
        .unwrap();
    // The hub had ten more of the former life, and fenced it.
    let node = pair.node(STORE);
    pair.acknowledge_all();
    pair.hub
        .write("fence", "the former life", |writing| {
            writing.tx.execute(
                "UPDATE store SET incarnation = 2 WHERE node = $1",
                &[node.into()],
            )?;
            let row = codes::find(writing.tx, &folded)?.unwrap();
            touch(writing.tx, FeedKind::Code, row.id, EVERYBODY)
        })
        .unwrap();
    assert!(
        pair.pull()
            .iter()
            .any(|item| matches!(item, Item::Codes { .. }))
    );
    let sql = format!("SELECT state FROM code WHERE folded = '{folded}'");
    assert_eq!(number(&mut pair.store, &sql), 3, "void here");
    well(&mut pair.store);
}

#[test]
fn a_range_is_handed_over_and_comes_back_only_by_a_newer_grant() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    let granted = pair.page();
    assert!(pair.store.apply_page(&granted, &act()).unwrap());
    claim(&mut pair.store, "ana@example.org");
    assert_eq!(pair.store.return_leases(None, &act()).unwrap(), Ok(49));
    let handed = newest_body(&mut pair.store);
    assert_eq!(
        handed.fact,
        Fact::HandedOver {
            grant_number: 2,
            range: Some((51, 100)),
        }
    );
    assert_eq!(
        claim(&mut pair.store, "ben@example.org").word,
        ClaimWord::NeedsHub
    );
    assert_eq!(pair.store.return_leases(None, &act()).unwrap(), Ok(0));
    well(&mut pair.store);
    // The old grant told again gives nothing back, also code by code.
    let lease = number(&mut pair.hub, "SELECT id FROM lease WHERE holder <> 1");
    let node = pair.node(STORE);
    pair.hub
        .write("touch", "a lease", |writing| {
            touch(writing.tx, FeedKind::Lease, lease, node)?;
            for code in 1..=100 {
                touch(writing.tx, FeedKind::Code, code, EVERYBODY)?;
            }
            Ok(())
        })
        .unwrap();
    pair.pull();
    assert_eq!(
        claim(&mut pair.store, "ben@example.org").word,
        ClaimWord::NeedsHub
    );
    let own = "SELECT count(*) FROM code WHERE holder = 1 AND state = 0";
    assert_eq!(number(&mut pair.store, own), 0);
    well(&mut pair.store);
    // The hub takes it, once, however often it is told; and lends it again.
    assert_eq!(pair.take_handed_over_of(&handed), Some(true));
    assert_eq!(pair.take_handed_over_of(&handed), Some(false));
    assert_eq!(number(&mut pair.hub, own), 99);
    pair.hub
        .write("note", "an assignment", |writing| {
            has_assigned(writing.tx, node, 1, &[50])
        })
        .unwrap();
    pair.top_up(60);
    pair.pull();
    well(&mut pair.hub);
    well(&mut pair.store);
    assert_eq!(
        claim(&mut pair.store, "ben@example.org").word,
        ClaimWord::Assigned
    );
    // What was handed over before the newest grant gives nothing away of it.
    assert_eq!(pair.take_handed_over_of(&handed), Some(false));
    pair.assert_well();
}

impl Pair {
    fn take_handed_over_of(&mut self, body: &crate::domain::entry::Body) -> Option<bool> {
        let node = self.node(STORE);
        let Fact::HandedOver {
            grant_number,
            range,
        } = body.fact
        else {
            return None;
        };
        let taken = self.hub.write("take", "what is handed over", |writing| {
            has_handed_over(writing.tx, node, 1, None, grant_number, range)
        });
        Some(taken.unwrap())
    }

    fn recall(&mut self, folded: &str) {
        let node = self.node(STORE);
        self.hub
            .write("recall", "a code", |writing| {
                let code = codes::find(writing.tx, folded)?.unwrap().id;
                writing.tx.execute(
                    "INSERT INTO recall (code, node, at_ms) VALUES ($1, $2, 0)",
                    &[code.into(), node.into()],
                )?;
                touch(writing.tx, FeedKind::Recall, code, node)
            })
            .unwrap();
    }
}

#[test]
fn a_code_that_is_recalled_is_handed_over_at_once_and_spent_no_more() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    pair.pull();
    // One that was given out, and one in the middle of the range.
    let given = claim(&mut pair.store, "ana@example.org")
        .code
        .unwrap()
        .replace('-', "");
    let pooled = pair
        .store
        .read("find", "a code", |tx| {
            tx.one(
                "SELECT c.folded FROM code c JOIN lease l ON c.ordinal = l.next_ordinal \
                 WHERE l.holder = 1",
                &[],
                |row| row.text(0),
            )
        })
        .unwrap()
        .unwrap();
    for folded in [&given, &pooled] {
        pair.recall(folded);
        pair.pull();
        let sql = format!("SELECT holder FROM code WHERE folded = '{folded}'");
        assert_ne!(number(&mut pair.store, &sql), 1);
        assert!(!spends(&mut pair.store, folded));
        well(&mut pair.store);
        assert!(pair.take_handed_over());
        assert!(!pair.take_handed_over(), "the same entry again");
        assert_eq!(number(&mut pair.hub, &sql), 1);
        assert_eq!(number(&mut pair.hub, "SELECT count(*) FROM recall"), 0);
        well(&mut pair.hub);
    }
    // The cursor passes over the one that is gone.
    assert_eq!(
        claim(&mut pair.store, "ben@example.org").word,
        ClaimWord::Assigned
    );
    // It comes back into the hub's pool with its range.
    pair.store.return_leases(None, &act()).unwrap().unwrap();
    assert!(pair.take_handed_over());
    pair.assert_well();
    let before = number(
        &mut pair.hub,
        "SELECT count(*) FROM code WHERE state = 0 AND holder = 1",
    );
    for number in 0..before {
        let word = claim(&mut pair.hub, &format!("c{number}@example.org")).word;
        assert_eq!(word, ClaimWord::Assigned);
    }
    assert_eq!(
        claim(&mut pair.hub, "last@example.org").word,
        ClaimWord::PoolExhausted
    );
    pair.assert_well();
}

#[test]
fn a_range_that_is_taken_back_is_renumbered_first() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    pair.pull();
    let late = claim(&mut pair.store, "ana@example.org");
    assert_eq!(late.word, ClaimWord::Assigned);
    let node = pair.node(STORE);
    pair.hub
        .write("take back", "leases", |writing| {
            take_back(writing, node, Lost::AtMost(0))
        })
        .unwrap();
    let own = "SELECT count(*) FROM code WHERE holder = 1 AND state = 0";
    assert_eq!(number(&mut pair.hub, own), 100);
    well(&mut pair.hub);
    // What the store hands over of the old grant, it hands over in vain.
    pair.store.return_leases(None, &act()).unwrap().unwrap();
    assert!(!pair.take_handed_over());
    // It hears of it, and of the next grant, which may be of the same places.
    pair.top_up(80);
    pair.pull();
    well(&mut pair.store);
    assert_eq!(
        claim(&mut pair.store, "ben@example.org").word,
        ClaimWord::Assigned
    );
    pair.assert_well();
}

#[test]
fn a_store_that_never_heard_that_its_range_was_taken_back_hears_it_with_the_next_page() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    pair.pull();
    let node = pair.node(STORE);
    let (_folder, mut other) = joined(&mut pair.hub, OTHER, "Station Road");
    pair.hub
        .write("take back", "leases", |writing| {
            take_back(writing, node, Lost::AtMost(0))?;
            let other = nodes::find(writing.tx, OTHER)?.unwrap();
            let demand = Demand {
                campaign: id("spring"),
                left: 0,
                assigned_7d: 0,
                wanted: 1_000,
                rests: false,
            };
            for _ in 0..20 {
                top_up(
                    writing,
                    other,
                    i64::MAX,
                    std::slice::from_ref(&demand),
                    &act(),
                )?;
            }
            Ok(())
        })
        .unwrap();
    pull(&mut pair.hub, &mut other);
    pair.pull();
    assert_eq!(
        claim(&mut pair.store, "ana@example.org").word,
        ClaimWord::NeedsHub
    );
    assert_eq!(
        claim(&mut other, "ben@example.org").word,
        ClaimWord::Assigned
    );
    well(&mut other);
    pair.assert_well();
    let ranges = "SELECT count(*) FROM lease WHERE next_ordinal < end_ordinal";
    assert_eq!(number(&mut pair.store, ranges), 0);
}

#[test]
fn past_its_soft_end_a_store_gives_nothing_out() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    pair.pull();
    let a_week = SOFT_END_MS / 3_600_000;
    let before = claim_as(&mut pair.store, "ana@example.org", &at(a_week - 1));
    assert_eq!(before.word, ClaimWord::Assigned);
    let after = claim_as(&mut pair.store, "ben@example.org", &at(a_week));
    assert_eq!(
        (after.word, after.code.as_deref()),
        (ClaimWord::NeedsHub, None)
    );
    assert!(after.message().contains("has not heard from its hub"));
    // Who has one is told it still, and time that no clock shows counts as well.
    let again = claim_as(&mut pair.store, "ana@example.org", &at(a_week));
    assert_eq!(again.word, ClaimWord::AlreadyAssigned);
    pair.pull();
    assert_eq!(
        claim(&mut pair.store, "ben@example.org").word,
        ClaimWord::Assigned
    );
    pair.store.age_contact(SOFT_END_MS).unwrap();
    assert_eq!(
        claim(&mut pair.store, "cho@example.org").word,
        ClaimWord::NeedsHub
    );
    // A pool that is empty everywhere is said to be.
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    pair.pull();
    assert_eq!(
        claim(&mut pair.store, "ana@example.org").word,
        ClaimWord::PoolExhausted
    );
}

#[test]
fn only_the_hub_gives_codes_out_where_the_campaign_says_so() {
    let mut pair = Pair::new();
    let mut rules = Rules::new("Free coffee");
    rules.offline_assign = OfflineAssign::Hub;
    begin(&mut pair.hub, "spring", &rules);
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(10);
    assert_eq!(
        number(
            &mut pair.hub,
            "SELECT count(*) FROM lease WHERE holder <> 1"
        ),
        0
    );
    assert_eq!(
        claim(&mut pair.store, "ana@example.org").word,
        ClaimWord::NeedsHub
    );
    assert_eq!(
        claim(&mut pair.hub, "ana@example.org").word,
        ClaimWord::Assigned
    );
}

#[test]
fn codes_whose_home_is_anywhere_are_handed_over_before_the_next_upload() {
    let mut pair = Pair::new();
    let mut rules = Rules::new("Free coffee");
    rules.home = Home::Anywhere;
    begin(&mut pair.hub, "spring", &rules);
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    pair.pull();
    for number in 0..5 {
        claim(&mut pair.store, &format!("p{number}@example.org"));
    }
    let mut handed = 0;
    for _ in 0..20 {
        handed += pair.store.hand_over_homeless(3, &act()).unwrap();
    }
    assert_eq!(handed, 5);
    let held = "SELECT count(*) FROM code WHERE state = 1 AND holder = 1";
    assert_eq!(number(&mut pair.store, held), 0);
    let entries = "SELECT count(*) FROM entry WHERE kind = 'handed_over'";
    assert_eq!(number(&mut pair.store, entries), 5);
    well(&mut pair.store);
    // An issuing store keeps them.
    let change = |rules: &mut Rules| rules.home = Home::IssuingStore;
    pair.hub
        .set_campaign(&id("spring"), change, &act())
        .unwrap()
        .unwrap();
    pair.pull();
    claim(&mut pair.store, "keeps@example.org");
    assert_eq!(pair.store.hand_over_homeless(500, &act()).unwrap(), 0);
    assert_eq!(number(&mut pair.store, held), 1);
}

#[test]
fn a_life_that_the_hub_does_not_know_hands_nothing_over() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(1);
    pair.pull();
    let code = claim(&mut pair.store, "ana@example.org").code.unwrap();
    pair.store
        .write("set", "a standing", |writing| {
            writing.tx.execute(
                "UPDATE hub_link SET standing = $1",
                &[Standing::Quarantined.number().into()],
            )
        })
        .unwrap();
    assert_eq!(pair.store.return_leases(None, &act()).unwrap(), Ok(0));
    let given = pair.store.write("hand over", "a code", |writing| {
        let row = codes::find(writing.tx, &code.replace('-', ""))?.unwrap();
        lease::hand_over_code(writing, row.id, &act())
    });
    assert!(!given.unwrap());
    assert_eq!(
        claim(&mut pair.store, "ben@example.org").word,
        ClaimWord::NeedsHub
    );
}

#[test]
fn who_is_joined_or_erased_at_the_hub_is_so_at_its_stores() {
    let mut pair = Pair::new();
    let mut rules = Rules::new("Free coffee");
    rules.per_customer = 2;
    begin(&mut pair.hub, "spring", &rules);
    generate(&mut pair.hub, "spring", 200, false);
    let ana = claim(&mut pair.hub, "ana@example.org").customer_id.unwrap();
    let same = claim(&mut pair.hub, "anna@example.org")
        .customer_id
        .unwrap();
    pair.pull();
    pair.top_up(1);
    pair.pull();
    let second = claim(&mut pair.store, "anna@example.org");
    assert_eq!(second.customer_id.as_deref(), Some(same.as_str()));
    pair.hub
        .join_customers(&ana, &same, "one person", &act())
        .unwrap()
        .unwrap();
    pair.pull();
    well(&mut pair.store);
    // Three codes are theirs now, that of the store among them: no other one is given.
    let again = claim(&mut pair.store, "ana@example.org");
    assert_eq!(again.word, ClaimWord::AlreadyAssigned);
    assert_eq!(again.customer_id.as_deref(), Some(ana.as_str()));
    let readable = "SELECT count(*) FROM contact";
    assert_eq!(number(&mut pair.store, readable), 1);
    pair.hub.erase_customer(&ana, &act()).unwrap().unwrap();
    pair.pull();
    assert_eq!(number(&mut pair.store, readable), 0);
    let erased = "SELECT count(*) FROM customer WHERE erased_at_ms IS NOT NULL";
    assert_eq!(number(&mut pair.store, erased), 2);
    let still = claim(&mut pair.store, "anna@example.org");
    assert_eq!(still.word, ClaimWord::AlreadyAssigned);
    pair.assert_well();
}

#[test]
fn operators_of_the_hub_sign_in_at_stores_and_a_stores_own_stay() {
    let mut pair = Pair::new();
    let add = |role, pin| OperatorChange::Add {
        role,
        pin: Some(pin),
    };
    let (hub, store) = (&mut pair.hub, &mut pair.store);
    store
        .change_operator("Ben", add(Role::Cashier, "13579"), &act())
        .unwrap()
        .unwrap();
    store
        .change_operator("Ben", OperatorChange::SetBadge("STAFF-B-1"), &act())
        .unwrap()
        .unwrap();
    hub.change_operator("Ben", add(Role::Manager, "86420"), &act())
        .unwrap()
        .unwrap();
    hub.change_operator("Mia", add(Role::Manager, "24681"), &act())
        .unwrap()
        .unwrap();
    hub.change_operator("Mia", OperatorChange::SetBadge("STAFF-B-1"), &act())
        .unwrap()
        .unwrap();
    hub.change_operator("Zoe", add(Role::Cashier, "11223"), &act())
        .unwrap()
        .unwrap();
    hub.change_operator("Zoe", OperatorChange::SetBadge("STAFF-B-2"), &act())
        .unwrap()
        .unwrap();
    pair.pull();
    let signs_in = |store: &mut Ledger, name: &str, pin: &str| {
        store
            .sign_in(name, pin, &act())
            .unwrap()
            .ok()
            .map(|who| who.role)
    };
    assert_eq!(
        signs_in(&mut pair.store, "Ben", "13579"),
        Some(Role::Cashier)
    );
    assert_eq!(
        signs_in(&mut pair.store, "Mia", "24681"),
        Some(Role::Manager)
    );
    let badge = |store: &mut Ledger, text: &str| {
        store
            .operator_of_badge(text.as_bytes())
            .unwrap()
            .map(|who| who.name)
    };
    assert_eq!(badge(&mut pair.store, "STAFF-B-1").as_deref(), Some("Ben"));
    assert_eq!(badge(&mut pair.store, "STAFF-B-2").as_deref(), Some("Zoe"));
    // A badge goes from one to another; somebody leaves.
    let (hub, act) = (&mut pair.hub, act());
    hub.change_operator("Zoe", OperatorChange::Remove, &act)
        .unwrap()
        .unwrap();
    hub.change_operator("Mia", OperatorChange::SetBadge("STAFF-B-2"), &act)
        .unwrap()
        .unwrap();
    pair.pull();
    assert_eq!(badge(&mut pair.store, "STAFF-B-2").as_deref(), Some("Mia"));
    assert_eq!(signs_in(&mut pair.store, "Zoe", "11223"), None);
}

#[test]
fn a_conflict_is_told_to_whom_it_concerns_and_stands_beside_its_entry() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, true);
    pair.pull();
    let node = pair.node(STORE);
    let code = any_code(&mut pair.hub, 1);
    let raise = |hub: &mut Ledger, is_open: bool| {
        hub.write("raise", "a conflict", |writing| {
            let code = codes::find(writing.tx, &code)?.unwrap().id;
            writing.tx.execute(
                "INSERT INTO conflict (id, kind, entry, code, campaign, told, raised_at_ms, \
                 is_open) VALUES (7, 'double_redeemed', $1, $2, 1, '[]', 5, $3) \
                 ON CONFLICT (id) DO UPDATE SET is_open = excluded.is_open",
                &[
                    (&format!("{STORE}-1-1")).into(),
                    code.into(),
                    is_open.into(),
                ],
            )?;
            touch(writing.tx, FeedKind::Conflict, 7, node)
        })
        .unwrap();
    };
    raise(&mut pair.hub, true);
    let (_folder, mut other) = joined(&mut pair.hub, OTHER, "Station Road");
    let told = pair.pull();
    assert!(
        matches!(told.as_slice(), [Item::Conflict(one)] if is_seven(one)),
        "{told:?}"
    );
    let outcome = "SELECT count(*) FROM outcome o JOIN entry e ON e.id = o.entry \
         WHERE o.conflict = 7 AND e.seq = 1";
    assert_eq!(number(&mut pair.store, outcome), 1);
    pull(&mut pair.hub, &mut other);
    assert_eq!(number(&mut other, "SELECT count(*) FROM conflict"), 0);
    raise(&mut pair.hub, false);
    pair.pull();
    assert_eq!(number(&mut pair.store, "SELECT is_open FROM conflict"), 0);
}

fn is_seven(conflict: &WireConflict) -> bool {
    conflict.number == 7 && conflict.is_open
}

#[test]
fn a_store_ahead_of_the_feed_is_told_everything_anew() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, true);
    pair.pull();
    pair.store
        .write("set", "the cursor", |writing| {
            writing
                .tx
                .execute("UPDATE hub_link SET feed_position = 1000", &[])
        })
        .unwrap();
    let code = any_code(&mut pair.hub, 1);
    redeem(&mut pair.hub, &code);
    pair.pull();
    pair.assert_alike();
}

/// A way to put a change into its place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placing {
    /// Positions are given after the commit, by one sequencer.
    AfterCommit,
    /// Numbers are taken before the commit, as a sequence of a server gives them: the canary.
    BeforeCommit,
}

/// Writers that take turns as dice fall, and a reader who pages between them. What was committed and
/// never read, when everything is done.
#[expect(clippy::too_many_lines, reason = "one schedule")]
fn skipped(seed: u64, placing: Placing) -> usize {
    let mut pair = Pair::new();
    let mut dice = drawn(seed);
    let mut roll = move |below: usize| {
        let mut bytes = [0; 1];
        dice(&mut bytes).unwrap();
        usize::from(bytes[0]) % below
    };
    let put = |hub: &mut Ledger, subject: i64, position: Option<i64>| {
        hub.write("put", "a change", |writing| match position {
            None => feed::touch_unplaced(writing.tx, FeedKind::Customer, subject, EVERYBODY),
            Some(position) => {
                writing.tx.execute(
                    "INSERT INTO feed (kind, subject, node, position) VALUES (5, $1, 0, $2) \
                     ON CONFLICT (kind, subject, node) DO UPDATE SET position = excluded.position",
                    &[subject.into(), position.into()],
                )?;
                writing.tx.execute(
                    "UPDATE feed_head SET position = $1 WHERE id = 1 AND position < $1",
                    &[position.into()],
                )?;
                Ok(())
            }
        })
        .unwrap();
    };
    let mut cursor = pair.hub.feed_position().unwrap();
    let mut sequence = cursor;
    // What each of three writers is about to commit.
    let mut writing: [Option<(i64, Option<i64>)>; 3] = [None; 3];
    let (mut version, mut newest, mut read) = (0, BTreeMap::new(), BTreeMap::new());
    let mut look = |hub: &mut Ledger, newest: &BTreeMap<i64, i64>| {
        let (head, subjects) = hub
            .read("read", "the feed", |tx| {
                let head = feed::position(tx)?;
                let subjects = tx.all(
                    "SELECT subject FROM feed WHERE position > $1 AND position <= $2",
                    &[cursor.into(), head.into()],
                    |row| row.int(0),
                )?;
                Ok((head, subjects))
            })
            .unwrap();
        cursor = head;
        for subject in subjects {
            // As it stands when it is read.
            read.insert(subject, newest[&subject]);
        }
        read.clone()
    };
    for _ in 0..120 {
        let one = roll(3);
        match (roll(4), writing[one].take()) {
            (0, begun) => {
                look(&mut pair.hub, &newest);
                writing[one] = begun;
            }
            (1, begun) => {
                while pair.hub.sequence_feed().unwrap().1 {}
                writing[one] = begun;
            }
            (_, None) => {
                let position = (placing == Placing::BeforeCommit).then(|| {
                    sequence += 1;
                    sequence
                });
                let subject = i64::try_from(one * 10 + roll(5)).unwrap();
                writing[one] = Some((subject, position));
            }
            (_, Some((subject, position))) => {
                put(&mut pair.hub, subject, position);
                version += 1;
                newest.insert(subject, version);
            }
        }
    }
    while pair.hub.sequence_feed().unwrap().1 {}
    let read = look(&mut pair.hub, &newest);
    newest
        .iter()
        .filter(|(subject, version)| read.get(subject) != Some(version))
        .count()
}

#[test]
fn nothing_appears_below_a_position_that_was_given_out() {
    for seed in 0..12 {
        assert_eq!(skipped(seed, Placing::AfterCommit), 0, "seed {seed}");
    }
}

#[test]
fn numbers_that_are_taken_before_the_commit_skip_changes() {
    let skipped: usize = (0..12)
        .map(|seed| skipped(seed, Placing::BeforeCommit))
        .sum();
    assert!(skipped > 0, "the eye for it is shut");
}

#[test]
fn a_long_feed_is_given_positions_in_slices_and_told_in_pages() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 5_000, true);
    pair.pull();
    pair.hub
        .write("touch", "every code", |writing| {
            for code in 1..=5_000 {
                feed::touch_unplaced(writing.tx, FeedKind::Code, code, EVERYBODY)?;
            }
            writing.tx.execute("UPDATE code SET expires_at_ms = 5", &[])
        })
        .unwrap();
    assert_eq!(pair.pull(), [], "nothing has its place yet");
    let before = pair.hub.feed_position().unwrap();
    let mut slices = Vec::new();
    while slices.last() != Some(&(0, false)) {
        slices.push(pair.hub.sequence_feed().unwrap());
    }
    assert_eq!(
        slices,
        [(2_000, true), (2_000, true), (1_000, false), (0, false)]
    );
    assert_eq!(pair.hub.feed_position().unwrap(), before + 5_000);
    let items = pair.pull();
    let told = codes_in(&items);
    assert_eq!(told, 5_000);
    pair.assert_alike();
}

/// A hub and two stores that act as dice fall, over a line that loses pages and answers.
struct World {
    seed: u64,
    hub: Ledger,
    stores: Vec<Ledger>,
    dice: Box<dyn FnMut(usize) -> usize>,
    _folders: Vec<TempDir>,
}

impl World {
    fn new(seed: u64, rules: &Rules) -> World {
        let (hubs, mut hub) = ledger(HUB, "Head office");
        begin(&mut hub, "spring", rules);
        generate(&mut hub, "spring", 200, false);
        let (ones, one) = joined(&mut hub, STORE, "Riverside");
        let (others, other) = joined(&mut hub, OTHER, "Station Road");
        let mut stores = vec![one, other];
        for store in &mut stores {
            pull(&mut hub, store);
        }
        let mut random = drawn(seed);
        let dice = move |below: usize| {
            let mut bytes = [0; 2];
            random(&mut bytes).unwrap();
            usize::from(u16::from_le_bytes(bytes)) % below
        };
        World {
            hub,
            stores,
            seed,
            dice: Box::new(dice),
            _folders: vec![hubs, ones, others],
        }
    }

    fn roll(&mut self, below: usize) -> usize {
        (self.dice)(below)
    }

    /// One of the three ledgers.
    fn any(&mut self) -> &mut Ledger {
        match self.roll(3) {
            2 => &mut self.hub,
            store => &mut self.stores[store],
        }
    }

    /// Some code of a state, as one ledger knows it.
    fn some_code(&mut self, state: i64) -> Option<String> {
        let skipped = i64::try_from(self.roll(40)).unwrap();
        self.any()
            .read("find", "a code", |tx| {
                tx.one(
                    "SELECT folded FROM code WHERE state = $1 ORDER BY folded LIMIT 1 OFFSET $2",
                    &[state.into(), skipped.into()],
                    |row| row.text(0),
                )
            })
            .unwrap()
    }

    fn step(&mut self, number: usize) {
        match self.roll(12) {
            0..=2 => {
                let email = format!("p{}@example.org", self.roll(60));
                let told = claim(self.any(), &email);
                assert_ne!(told.word, ClaimWord::KeyConflict);
            }
            3 | 4 => {
                if let Some(code) = self.some_code(1) {
                    spends(self.any(), &code);
                }
            }
            5 => {
                let state = i64::try_from(self.roll(2)).unwrap();
                if let Some(code) = self.some_code(state) {
                    drop(self.hub.void_code(code.as_bytes(), "dice", &act()).unwrap());
                }
            }
            6 | 7 => {
                let (store, is_lost) = (self.roll(2), self.roll(3) == 0);
                self.up(store, is_lost);
            }
            8 | 9 => {
                let (store, is_lost) = (self.roll(2), self.roll(3) == 0);
                let page = page_for(&mut self.hub, &mut self.stores[store]);
                if !is_lost {
                    assert!(self.stores[store].apply_page(&page, &act()).unwrap());
                }
            }
            10 => {
                let store = self.roll(2);
                if self.roll(3) == 0 {
                    self.stores[store]
                        .return_leases(None, &act())
                        .unwrap()
                        .unwrap();
                }
            }
            _ => self.at_the_hub(number),
        }
    }

    fn at_the_hub(&mut self, number: usize) {
        if self.roll(4) == 0 {
            let change = |rules: &mut Rules| rules.offer = format!("Free coffee {number}");
            self.hub
                .set_campaign(&id("spring"), change, &act())
                .unwrap()
                .unwrap();
            return generate(&mut self.hub, "spring", 3, false);
        }
        let state = i64::try_from(self.roll(2)).unwrap();
        let Some(folded) = self.some_code(state) else {
            return;
        };
        self.hub
            .write("recall", "a code", |writing| {
                let row = codes::find(writing.tx, &folded)?.unwrap();
                if row.holder != chain::OWN_NODE {
                    away::recall(writing.tx, &row, &act())?;
                }
                Ok(())
            })
            .unwrap();
    }

    /// A batch goes up; whether there was one.
    fn up(&mut self, store: usize, is_lost: bool) -> bool {
        let store = &mut self.stores[store];
        store.hand_over_homeless(500, &act()).unwrap();
        let Some(up) = store.up_batch(act().now).unwrap() else {
            return false;
        };
        let is_something = !up.entries.is_empty() || !up.attempts.is_empty();
        let answer = self.hub.take_in(&up, &act()).unwrap();
        if !is_lost {
            store.heard_up(&answer, &act()).unwrap();
        }
        is_something
    }

    fn settle(&mut self) {
        for _ in 0..20 {
            for store in 0..2 {
                for _ in 0..20 {
                    if !self.up(store, false) {
                        break;
                    }
                }
                pull(&mut self.hub, &mut self.stores[store]);
            }
        }
    }

    fn assert_agreed(&mut self) {
        well(&mut self.hub);
        let known = known(&mut self.hub);
        for (place, node) in [STORE, OTHER].iter().enumerate() {
            let name = format!("{node}, seed {}", self.seed);
            let store = &mut self.stores[place];
            well(store);
            let theirs = self::known(store);
            let differ = |code: &&String| theirs.get(*code) != known.get(*code);
            let codes: Vec<_> = theirs.keys().chain(known.keys()).filter(differ).collect();
            let apart: Vec<_> = codes
                .iter()
                .map(|code| (theirs.get(*code), known.get(*code)))
                .collect();
            assert_eq!(apart, [], "{name}");
            let node = self
                .hub
                .read("find", node, |tx| nodes::find(tx, node))
                .unwrap()
                .unwrap();
            let lent = ranges(&mut self.hub, node);
            assert_eq!(
                ranges(&mut self.stores[place], chain::OWN_NODE),
                lent,
                "{name}"
            );
            let pooled = pooled(&mut self.hub, node);
            assert_eq!(
                self::pooled(&mut self.stores[place], chain::OWN_NODE),
                pooled,
                "{name}"
            );
        }
        let twice = "SELECT count(*) FROM (SELECT code FROM customer_slot GROUP BY code \
             HAVING count(*) > 1) t";
        assert_eq!(number(&mut self.hub, twice), 0);
        // Nothing of the pool is out of everybody's reach.
        let lost = "SELECT count(*) FROM code c WHERE c.state = 0 AND NOT EXISTS \
             (SELECT 1 FROM lease l WHERE l.campaign = c.campaign AND l.holder = c.holder \
             AND c.ordinal >= l.next_ordinal AND c.ordinal < l.end_ordinal)";
        assert_eq!(number(&mut self.hub, lost), 0);
    }
}

/// What everybody must know alike: codes that somebody has or had, and which are in the pool.
fn known(ledger: &mut Ledger) -> BTreeMap<String, String> {
    let mut known = held(ledger);
    for line in known.values_mut() {
        let words: Vec<&str> = line.split(' ').collect();
        if words[3] == "0" {
            *line = words[..4].join(" ");
        }
    }
    known
}

/// Places that a node may still assign.
fn ranges(ledger: &mut Ledger, node: i64) -> Vec<i64> {
    let mut places = Vec::new();
    let ranges = ledger
        .read("list", "ranges", |tx| {
            tx.all(
                "SELECT next_ordinal, end_ordinal FROM lease WHERE holder = $1 \
                 ORDER BY first_ordinal",
                &[node.into()],
                |row| Ok((row.int(0)?, row.int(1)?)),
            )
        })
        .unwrap();
    for (next, end) in ranges {
        places.extend(next..end);
    }
    // A code that ended in the pool is passed over: by the store when it comes to it, here at once.
    let ended = ledger
        .read("list", "codes", |tx| {
            tx.all(
                "SELECT ordinal FROM code WHERE state <> 0 AND ordinal IS NOT NULL",
                &[],
                |row| row.int(0),
            )
        })
        .unwrap();
    places.retain(|place| !ended.contains(place));
    places
}

/// Codes of the pool that a node holds.
fn pooled(ledger: &mut Ledger, node: i64) -> Vec<String> {
    ledger
        .read("list", "codes", |tx| {
            tx.all(
                "SELECT folded FROM code WHERE state = 0 AND holder = $1 ORDER BY folded",
                &[node.into()],
                |row| row.text(0),
            )
        })
        .unwrap()
}

#[test]
fn hub_and_stores_that_act_apart_come_to_know_the_same() {
    for seed in 0..16 {
        let mut rules = Rules::new("Free coffee");
        if seed % 2 == 1 {
            rules.home = Home::Anywhere;
        }
        if seed % 4 >= 2 {
            rules.offline = OfflinePolicy::Accept;
        }
        let mut world = World::new(seed, &rules);
        for number in 0..250 {
            world.step(number);
        }
        world.settle();
        world.assert_agreed();
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
fn what_a_lost_store_held_comes_back_in_slices_and_nobody_spends_it_meanwhile() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 6_000, false);
    pair.pull();
    for _ in 0..2 {
        pair.top_up(2_600);
        pair.pull();
    }
    let node = pair.node(STORE);
    // One that is in a customer's hand.
    generate(&mut pair.hub, "spring", 1, true);
    let given = any_code(&mut pair.hub, 1);
    pair.hub
        .write("give", "a code", |writing| {
            let sql = "UPDATE code SET holder = $1 WHERE folded = $2";
            writing.tx.execute(sql, &[node.into(), (&given).into()])
        })
        .unwrap();
    let held = format!("SELECT count(*) FROM code WHERE holder = {node}");
    let lent = number(&mut pair.hub, &held);
    assert_eq!(lent, 2_601, "more than two slices");
    let free = "SELECT sum(end_ordinal - next_ordinal) FROM lease WHERE holder = 1";
    let before = number(&mut pair.hub, free);
    // The first of them, in the order in which the store would have given them out.
    let feared = format!(
        "SELECT group_concat(code) FROM (SELECT s.code FROM lease l JOIN pool_slot s \
         ON s.ordinal >= l.next_ordinal AND s.ordinal < l.end_ordinal \
         WHERE l.holder = {node} ORDER BY s.ordinal LIMIT 1200)"
    );
    let feared = word(&mut pair.hub, &feared);

    pair.hub
        .write("end", "a life", |writing| {
            fence::begin(writing.tx, node, Lost::AtMost(1_200), &reborn(0), &act())
        })
        .unwrap();
    // What its life hands over is not taken, and what it held is not spent.
    pair.store.return_leases(None, &act()).unwrap().unwrap();
    assert!(!pair.take_handed_over());
    let mut slices = 0;
    while pair
        .hub
        .write("take back", "a slice", |writing| {
            fence::slice(writing, &act())
        })
        .unwrap()
    {
        slices += 1;
        well(&mut pair.hub);
        let remaining = number(&mut pair.hub, &held);
        if remaining > 0 {
            assert!(
                lent - remaining <= slices * 1_000,
                "{remaining} after {slices} slices"
            );
            assert_eq!(
                number(&mut pair.hub, free),
                before,
                "none of it is given out"
            );
        }
        let is_still_held = format!("{held} AND folded = '{given}'");
        if number(&mut pair.hub, &is_still_held) == 1 {
            let minted: Key = "a-key".parse().unwrap();
            let scan = Scan::new(given.as_bytes(), &minted);
            let refused = pair.hub.redeem(&scan, &act()).unwrap_err();
            assert!(matches!(refused.cause, Cause::Changed(_)), "{refused}");
        }
    }
    assert!(slices > 3, "{slices}");
    assert_eq!(number(&mut pair.hub, &held), 0);
    assert_eq!(number(&mut pair.hub, free), before + 2_600);
    let suspect = "SELECT group_concat(id) FROM (SELECT id FROM code WHERE state = 4 AND ordinal >= 0 ORDER BY ordinal)";
    assert_eq!(word(&mut pair.hub, suspect), feared);
    assert_eq!(newest_body(&mut pair.hub).fact, reborn(1_201));
    // Nothing is left to be done, by whoever comes next.
    pair.hub.finish_fences(&act()).unwrap();
    assert_eq!(newest_body(&mut pair.hub).fact, reborn(1_201));
    well(&mut pair.hub);
}

/// A store that holds much, and codes of it that are in customers' hands.
fn lent_much() -> (Pair, Vec<String>) {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 6_000, false);
    pair.pull();
    for _ in 0..2 {
        pair.top_up(2_600);
        pair.pull();
    }
    // Others are in customers' hands.
    generate(&mut pair.hub, "spring", 8, true);
    let node = pair.node(STORE);
    pair.hub
        .write("give", "codes", |writing| {
            let sql = "UPDATE code SET holder = $1 WHERE state = 1";
            writing.tx.execute(sql, &[node.into()])
        })
        .unwrap();
    let told = pair.pull();
    let given = told
        .iter()
        .filter_map(|item| match item {
            Item::Codes { codes } => Some(codes),
            Item::Campaign(_)
            | Item::Lease(_)
            | Item::Customers { .. }
            | Item::Recall { .. }
            | Item::Conflict(_)
            | Item::Operator(_) => None,
        })
        .flatten()
        .map(|code| code.code.clone())
        .collect();
    (pair, given)
}

#[test]
fn what_a_store_holds_no_more_is_let_go_in_slices_and_nobody_spends_it_meanwhile() {
    let (mut pair, given) = lent_much();
    let mut given = given.iter();
    let held = "SELECT count(*) FROM code WHERE holder = 1";
    let mut before = number(&mut pair.store, held);
    assert_eq!(before, 2_608, "more than two slices");
    // As a page does that tells of a new life of the hub.
    pair.store
        .write("rewind", "what was told", |writing| {
            let again = "UPDATE hub_link SET feed_position = 0, feed_code_after = 0";
            writing.tx.execute(again, &[])?;
            let_go::begin(writing.tx, Grants::AreForgotten)
        })
        .unwrap();
    // Between two slices whoever stands at a till has their turn, and nothing is held.
    let page = pair.page();
    let mut let_go = 0;
    while pair
        .store
        .write("let go", "a slice", let_go::slice)
        .unwrap()
    {
        well(&mut pair.store);
        let remaining = number(&mut pair.store, held);
        assert!(before - remaining <= 1_000, "{before} and then {remaining}");
        let_go += 1;
        before = remaining;
        assert!(!spends(&mut pair.store, given.next().unwrap()));
        assert_ne!(
            claim(&mut pair.store, "late@example.org").word,
            ClaimWord::Assigned
        );
        if let_go == 2 {
            break;
        }
    }
    assert!(before > 0, "the process died");
    let ahead = pair.store.hub_link().unwrap().unwrap();
    let heard = pair.store.write("hear", "the hub", |writing| {
        arrivals::apply(writing, &page, &act())
    });
    assert!(!heard.unwrap(), "a right that is given now would be lost");
    assert_eq!(pair.store.hub_link().unwrap().unwrap(), ahead);
    // Whoever comes next goes on, and then hears.
    assert!(pair.store.apply_page(&page, &act()).unwrap());
    assert!(!pair.store.hub_link().unwrap().unwrap().lets_go);
    pair.pull();
    assert!(spends(&mut pair.store, given.next().unwrap()));
    assert_eq!(number(&mut pair.store, held), 2_608);
    pair.assert_well();
}

#[test]
fn a_fence_that_was_cut_off_is_finished_by_the_next_who_comes() {
    let mut pair = Pair::new();
    begin(&mut pair.hub, "spring", &Rules::new("Free coffee"));
    generate(&mut pair.hub, "spring", 100, false);
    pair.pull();
    pair.top_up(20);
    pair.pull();
    let node = pair.node(STORE);
    pair.hub
        .write("end", "a life", |writing| {
            fence::begin(writing.tx, node, Lost::Anything, &reborn(0), &act())
        })
        .unwrap();
    let lent = number(
        &mut pair.hub,
        &format!("SELECT count(*) FROM code WHERE holder = {node}"),
    );
    pair.hub
        .set_standing("Riverside", "1", Standing::Revoked, &act())
        .unwrap()
        .unwrap();
    let suspects = number(&mut pair.hub, "SELECT count(*) FROM code WHERE state = 4");
    assert_eq!((suspects, lent > 0), (lent, true));
    well(&mut pair.hub);
}
