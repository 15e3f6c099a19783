//! At a store: joining a hub. What is asked, what a shop that worked alone brings, and the link once
//! it is granted.
//!
//! The stock is cut into a file in one read transaction, while the counters go on: it is what the
//! entries up to one of them add up to, and what comes after that goes up like any other entry. From
//! then until the shop has joined, or given it up, its campaigns and pools stay as they are.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::domain::entry::{Fact, hex};
use crate::domain::refusal::Refusal;
use crate::domain::wire::{
    CODES_MAX, ENTRIES_MAX, Goods, Hello, Join, Joined, Stock, WIRE, WireBatch, WireCustomer,
    WireEntry, WireLease,
};
use crate::ledger::chain::{Head, OWN_NODE};
use crate::ledger::engine::Tx;
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::link::HubLink;
use crate::ledger::sqlite::lock_file;
use crate::ledger::telling::{CODE, told_code, wire_campaign, wire_customer};
use crate::ledger::test_mode::TEST_BATCH;
use crate::ledger::{
    Act, Ledger, LedgerError, campaigns, customers, feed, link, nodes, setting_of,
};

/// The file that a stock is cut into, a piece a line, beside the ledger.
const STOCK_FILE: &str = "ledger.stock";

/// Customers in one piece.
const CUSTOMERS_MAX: usize = 500;

/// Bytes of entries in one piece; one entry more is let in.
const ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// Where the hub is, and by what this ledger is known there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAddress {
    /// Its URL.
    pub url: String,
    /// Whom to trust beside the usual roots: a PEM file.
    pub ca_file: Option<String>,
    /// The permanent secret, drawn here.
    pub secret: String,
}

impl Ledger {
    /// Begins to join a hub, or goes on with it: what is asked of the hub, and with which secret. One
    /// that was begun and not ended keeps the secret it drew, as the hub may know it by that already;
    /// at another URL it begins anew. Refused where this is a hub, or has joined another one; where it has
    /// joined this one, it draws another secret, and brings nothing.
    pub fn begin_joining(
        &mut self,
        address: &HubAddress,
        act: &Act,
    ) -> Result<Result<(HubAddress, Join), Refusal>, LedgerError> {
        let begun = self.write("join", &address.url, |writing| begin(writing.tx, address))?;
        let (address, is_cut) = match begun {
            Ok(begun) => begun,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let file = self.stock_file();
        let is_joined = self.read("read", "the link to the hub", |tx| {
            Ok(link::load(tx)?.is_some())
        })?;
        if is_joined {
            self.write("join", &address.url, |writing| {
                writing.tx.execute(
                    "UPDATE joining SET seq = $1, hash = $2, pieces = 0 WHERE id = 1",
                    &[writing.head.seq.into(), writing.head.hash.as_slice().into()],
                )?;
                Ok(())
            })?;
        } else if !is_cut || !file.exists() {
            let cut = self.cut_stock(&file).naming("write", "the stock")?;
            self.write("join", &address.url, |writing| {
                writing.tx.execute(
                    "UPDATE joining SET seq = $1, hash = $2, pieces = $3 WHERE id = 1",
                    &[
                        cut.head.seq.into(),
                        cut.head.hash.as_slice().into(),
                        cut.pieces.into(),
                    ],
                )?;
                Ok(())
            })?;
        }
        let join = self.read("read", "the ledger", |tx| request(tx, act.now))?;
        Ok(Ok((address, join)))
    }

    /// The stock's pieces from this one on, as they were cut.
    pub fn stock_from(
        &mut self,
        piece: u64,
        act: &Act,
    ) -> Result<impl Iterator<Item = Result<Stock, LedgerError>> + use<>, LedgerError> {
        let hello = self.read("read", "the ledger", |tx| {
            Ok(hello_of(&Head::load(tx)?, act.now))
        })?;
        let file = File::open(self.stock_file()).naming("read", "the stock")?;
        let skipped = usize::try_from(piece).unwrap_or(usize::MAX);
        let lines = BufReader::new(file).lines().skip(skipped);
        Ok((piece..).zip(lines).map(move |(piece, line)| {
            let goods: Goods = line
                .map_err(Cause::from)
                .and_then(|line| Ok(serde_json::from_str(&line)?))
                .naming("read", "the stock")?;
            Ok(Stock {
                hello: hello.clone(),
                piece,
                goods,
            })
        }))
    }

    /// Gives up what [`Ledger::begin_joining`] began; whether there was anything.
    pub fn give_up_joining(&mut self) -> Result<bool, LedgerError> {
        let given_up = self.write("give up", "joining", |writing| {
            Ok(writing.tx.execute("DELETE FROM joining", &[])? == 1)
        })?;
        drop(std::fs::remove_file(self.stock_file()));
        Ok(given_up)
    }

    /// The hub has let this ledger in, with all its stock: from here on it is a store of it.
    pub fn join_hub(
        &mut self,
        address: &HubAddress,
        joined: &Joined,
        act: &Act,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        let done = self.write("join", &address.url, |writing| {
            if let Some(link) = link::load(writing.tx)? {
                return keep_secret(writing.tx, &link, address, joined);
            }
            if let Some(refusal) = refused(writing.tx, address)? {
                return Ok(Err(refusal));
            }
            let hub = nodes::number_of(writing.tx, &joined.welcome.hub)?;
            let now_ms = act.now.as_millisecond();
            writing.tx.execute(
                "INSERT INTO hub_link (id, url, ca_file, secret, hub, standing, acked_seq, \
                 feed_goal, last_contact_ms, clock_offset_ms, hub_life) \
                 VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                &[
                    (&address.url).into(),
                    address.ca_file.as_ref().into(),
                    (&address.secret).into(),
                    hub.into(),
                    joined.welcome.standing.number().into(),
                    joined.welcome.acked_through.into(),
                    joined.welcome.feed_position.into(),
                    now_ms.into(),
                    now_ms.saturating_sub(joined.welcome.now_ms).into(),
                    joined.welcome.hub_life.into(),
                ],
            )?;
            writing.tx.execute("DELETE FROM joining", &[])?;
            let hub = joined.welcome.hub.clone();
            writing.append(Fact::HubJoined { hub }, &setting_of(act))?;
            Ok(Ok(()))
        })?;
        if done.is_ok() {
            drop(std::fs::remove_file(self.stock_file()));
        }
        Ok(done)
    }

    fn stock_file(&self) -> PathBuf {
        self.files.folder().join(STOCK_FILE)
    }

    /// Writes what this ledger brings into a file, all of one view; nothing, where it is empty.
    fn cut_stock(&mut self, file: &std::path::Path) -> Result<Cut, Cause> {
        let unfinished = file.with_extension("stock.new");
        drop(std::fs::remove_file(&unfinished));
        let mut cut = Cutting {
            out: BufWriter::new(lock_file(&unfinished, self.mode)?),
            pieces: 0,
        };
        let head = self.engine.read(|tx| {
            if has_stock(tx)? {
                cut.all(tx)?;
            }
            Head::load(tx)
        })?;
        let pieces = cut.pieces;
        let written = cut
            .out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        written.sync_all()?;
        std::fs::rename(&unfinished, file)?;
        Ok(Cut { head, pieces })
    }
}

/// Whether pools may be changed here: not at a store, and not while one is becoming a store.
pub(crate) fn pools_are_elsewhere(tx: &Tx<'_>) -> Result<Option<Refusal>, Cause> {
    if let Some(link) = link::load(tx)? {
        return Ok(Some(Refusal::PoolsAtTheHub(link.url)));
    }
    let joining = tx.one("SELECT url FROM joining WHERE id = 1", &[], |row| {
        row.text(0)
    })?;
    Ok(joining.map(Refusal::Joining))
}

/// A stock as it was cut.
struct Cut {
    head: Head,
    pieces: i64,
}

struct Cutting {
    out: BufWriter<File>,
    pieces: i64,
}

impl Cutting {
    fn put(&mut self, goods: &Goods) -> Result<(), Cause> {
        serde_json::to_writer(&mut self.out, goods)?;
        self.out.write_all(b"\n")?;
        self.pieces += 1;
        Ok(())
    }

    fn all(&mut self, tx: &Tx<'_>) -> Result<(), Cause> {
        let batches = self.pools(tx)?;
        self.customers(tx)?;
        self.codes(tx, &batches)?;
        self.entries(tx)?;
        self.put(&Goods::End)
    }

    /// Campaigns, batches and leases; the local numbers of the batches.
    fn pools(&mut self, tx: &Tx<'_>) -> Result<Vec<i64>, Cause> {
        let campaigns = campaigns::every(tx)?
            .into_iter()
            .map(|campaign| wire_campaign(tx, campaign))
            .collect::<Result<_, _>>()?;
        let found = tx.all(
            "SELECT b.id, m.name, b.how, b.code_count, b.first_ordinal, b.ordinal_count, \
             b.codes_hash FROM batch b JOIN campaign m ON m.id = b.campaign \
             WHERE b.is_published = 1 AND b.how <> $1 ORDER BY b.id",
            &[TEST_BATCH.into()],
            |row| {
                let batch = WireBatch {
                    campaign: campaigns::id_of(&row.text(1)?)?,
                    how: row.text(2)?,
                    codes: row.int(3)?,
                    first_ordinal: row.int(4)?,
                    ordinals: row.int(5)?,
                    codes_sha256: hex(&row.hash(6)?),
                };
                Ok((row.int(0)?, batch))
            },
        )?;
        let (numbers, batches) = found.into_iter().unzip();
        let leases = tx.all(
            "SELECT m.name, l.first_ordinal, l.end_ordinal, l.next_ordinal, l.grant_number \
             FROM lease l JOIN campaign m ON m.id = l.campaign WHERE l.holder = $1 ORDER BY l.id",
            &[OWN_NODE.into()],
            |row| {
                Ok(WireLease {
                    campaign: campaigns::id_of(&row.text(0)?)?,
                    first_ordinal: row.int(1)?,
                    end_ordinal: row.int(2)?,
                    next_ordinal: row.int(3)?,
                    grant_number: row.int(4)?,
                })
            },
        )?;
        self.put(&Goods::Pools {
            campaigns,
            batches,
            leases,
        })?;
        Ok(numbers)
    }

    fn customers(&mut self, tx: &Tx<'_>) -> Result<(), Cause> {
        let found = tx.all(
            &format!(
                "SELECT r.id FROM customer r WHERE {} ORDER BY r.joined_to IS NOT NULL, r.id",
                customers::IS_SEEN
            ),
            &[],
            |row| row.int(0),
        )?;
        for some in found.chunks(CUSTOMERS_MAX) {
            let customers = some
                .iter()
                .map(|customer| whole_customer(tx, *customer))
                .collect::<Result<_, _>>()?;
            self.put(&Goods::Customers { customers })?;
        }
        Ok(())
    }

    fn codes(&mut self, tx: &Tx<'_>, batches: &[i64]) -> Result<(), Cause> {
        let mut codes = Vec::new();
        for batch in batches {
            let place = tx.one(
                "SELECT first_code, code_count FROM batch WHERE id = $1",
                &[(*batch).into()],
                |row| Ok((row.int(0)?, row.int(1)?)),
            )?;
            let Some((first, count)) = place else {
                continue;
            };
            tx.each(
                &format!("{CODE} AND c.id >= $1 AND c.id < $2 AND c.batch = $3 ORDER BY c.id"),
                &[first.into(), (first + count).into(), (*batch).into()],
                |row| {
                    codes.push(told_code(row)?.wire);
                    if codes.len() >= CODES_MAX {
                        let codes = std::mem::take(&mut codes);
                        self.put(&Goods::Codes { codes })?;
                    }
                    Ok(())
                },
            )?;
        }
        if codes.is_empty() {
            return Ok(());
        }
        self.put(&Goods::Codes { codes })
    }

    fn entries(&mut self, tx: &Tx<'_>) -> Result<(), Cause> {
        let mut entries: Vec<WireEntry> = Vec::new();
        let mut bytes = 0;
        tx.each(
            "SELECT e.incarnation, e.seq, e.body, e.hash, s.salt, s.text FROM entry e \
             LEFT JOIN side s ON s.entry = e.id WHERE e.node = $1 ORDER BY e.seq",
            &[OWN_NODE.into()],
            |row| {
                let side = row.maybe_text(5)?;
                let salt = side.as_ref().map(|_| row.blob(4)).transpose()?;
                let entry = WireEntry {
                    incarnation: row.int(0)?,
                    seq: row.int(1)?,
                    body: row.text(2)?,
                    hash: hex(&row.hash(3)?),
                    salt: salt.map(|salt| hex(&salt)),
                    side,
                };
                bytes += entry.body.len() + entry.side.as_ref().map_or(0, String::len);
                entries.push(entry);
                if entries.len() >= ENTRIES_MAX || bytes >= ENTRY_BYTES_MAX {
                    bytes = 0;
                    let entries = std::mem::take(&mut entries);
                    self.put(&Goods::Entries { entries })?;
                }
                Ok(())
            },
        )?;
        if entries.is_empty() {
            return Ok(());
        }
        self.put(&Goods::Entries { entries })
    }
}

/// A customer as the hub is told of them: with what is readable.
fn whole_customer(tx: &Tx<'_>, customer: i64) -> Result<WireCustomer, Cause> {
    let hashes = wire_customer(tx, customer)?;
    let kept = customers::standing(tx, customer)?;
    let joined_to = if kept == customer {
        None
    } else {
        Some(customers::public_id(tx, kept)?)
    };
    let (name, consented_at_ms) = tx
        .one(
            "SELECT name, consented_at_ms FROM customer WHERE id = $1",
            &[customer.into()],
            |row| Ok((row.maybe_text(0)?, row.maybe_int(1)?)),
        )?
        .unwrap_or_default();
    let contacts = customers::contacts_of(tx, customer)?
        .into_iter()
        .map(|(kind, form)| (kind.as_str().to_owned(), form))
        .collect();
    Ok(WireCustomer {
        name,
        consented_at_ms,
        joined_to,
        contacts,
        ..hashes
    })
}

/// Whether there is anything that a hub would have to take over.
fn has_stock(tx: &Tx<'_>) -> Result<bool, Cause> {
    let found = tx.one(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM campaign) OR EXISTS (SELECT 1 FROM customer)",
        &[],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// Why a ledger joins no hub.
fn refused(tx: &Tx<'_>, address: &HubAddress) -> Result<Option<Refusal>, Cause> {
    if let Some(link) = link::load(tx)? {
        let is_another = link.url != address.url;
        return Ok(is_another.then_some(Refusal::JoinedAHub(link.url)));
    }
    if feed::has_stores(tx)? {
        return Ok(Some(Refusal::IsAHub));
    }
    let test = tx.one(
        "SELECT m.name FROM campaign m WHERE m.test_until_ms IS NOT NULL LIMIT 1",
        &[],
        |row| row.text(0),
    )?;
    Ok(test.map(Refusal::InTestMode))
}

/// The hub knows this store by another secret from here on. All else of the link is as it was, and so is
/// what has not been sent.
fn keep_secret(
    tx: &Tx<'_>,
    link: &HubLink,
    address: &HubAddress,
    joined: &Joined,
) -> Result<Result<(), Refusal>, Cause> {
    if joined.welcome.hub != link.hub {
        return Err(Cause::AnotherHub(joined.welcome.hub.clone()));
    }
    tx.execute(
        "UPDATE hub_link SET secret = $1, ca_file = $2 WHERE id = 1",
        &[(&address.secret).into(), address.ca_file.as_ref().into()],
    )?;
    tx.execute("DELETE FROM joining", &[])?;
    Ok(Ok(()))
}

/// Begins, or finds what was begun; whether its stock was cut already.
fn begin(tx: &Tx<'_>, address: &HubAddress) -> Result<Result<(HubAddress, bool), Refusal>, Cause> {
    if let Some(refusal) = refused(tx, address)? {
        return Ok(Err(refusal));
    }
    tx.execute(
        "DELETE FROM joining WHERE id = 1 AND url <> $1",
        &[(&address.url).into()],
    )?;
    tx.execute(
        "INSERT INTO joining (id, url, ca_file, secret) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET ca_file = excluded.ca_file",
        &[
            (&address.url).into(),
            address.ca_file.as_ref().into(),
            (&address.secret).into(),
        ],
    )?;
    tx.one(
        "SELECT secret, pieces FROM joining WHERE id = 1",
        &[],
        |row| {
            let address = HubAddress {
                secret: row.text(0)?,
                ..address.clone()
            };
            Ok(Ok((address, row.maybe_int(1)?.is_some())))
        },
    )?
    .ok_or_else(|| Cause::Damaged("joining was not begun".into()))
}

fn request(tx: &Tx<'_>, now: Timestamp) -> Result<Join, Cause> {
    let head = Head::load(tx)?;
    tx.one(
        "SELECT secret, seq, hash, pieces FROM joining WHERE id = 1",
        &[],
        |row| {
            Ok(Join {
                hello: hello_of(&head, now),
                store: head.store.clone(),
                timezone: head.timezone.clone(),
                secret: row.text(0)?,
                seq: row.int(1)?,
                hash: hex(&row.hash(2)?),
                pieces: row.maybe_int(3)?.unwrap_or(0).unsigned_abs(),
            })
        },
    )?
    .ok_or_else(|| Cause::Changed("joining was given up".into()))
}

fn hello_of(head: &Head, now: Timestamp) -> Hello {
    Hello {
        wire: WIRE,
        node: head.node.clone(),
        incarnation: head.incarnation,
        now_ms: now.as_millisecond(),
        unsent: head.seq.unsigned_abs(),
    }
}
