//! At a hub: the nodes of its stores. Let in by a token that works once, known by a secret that they
//! draw themselves, and fenced where they are lost.
//!
//! Invariants: the secrets are kept as SHA-256 only. A ledger is a hub or joins one, never both.
//! Authority is fenced here; facts never are.

use sha2::{Digest as _, Sha256};

use crate::domain::entry::{CHAIN_START, Fact};
use crate::domain::ids::is_plain_name;
use crate::domain::refusal::Refusal;
use crate::domain::store::StoreNode;
use crate::domain::wire::{Hello, Join, Joined, Standing, WIRE, Welcome};
use crate::ledger::chain::Head;
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::fence::{self, Lost};
use crate::ledger::{
    Act, Ledger, LedgerError, Writing, behind, feed, link, nodes, setting_of, stock,
};

/// What stands in place of a node's name until it has joined; no node is called so.
const INVITED: &str = "invited ";

const COLUMNS: &str = "s.node, n.name, n.store, s.label, s.standing, s.timezone, s.incarnation, \
    s.acked_seq, s.feed_position, s.last_contact_ms, s.clock_offset_ms, s.unsent \
    FROM store s JOIN node n ON n.id = s.node";

impl Ledger {
    /// Lets a node of a store in, by an enrolment token that works once. The first one makes this
    /// ledger a hub. One that was invited and has not come is given another token.
    pub fn add_store(
        &mut self,
        store: &str,
        label: &str,
        enrolment: &str,
        act: &Act,
    ) -> Result<Result<StoreNode, Refusal>, LedgerError> {
        if !is_plain_name(store, 64) || !is_plain_name(label, 64) {
            return Ok(Err(Refusal::Faulty(
                "the name of a store or of its node has 1 to 64 characters".into(),
            )));
        }
        self.write("add store", store, |writing| {
            add(writing, store, label, enrolment, act)
        })
    }

    /// Has a store's node draw another secret, by an enrolment token that works once: until its ledger
    /// comes with that, it is known by the secret that it has, and what it has not sent is let in by
    /// either.
    pub fn rotate_store(
        &mut self,
        store: &str,
        label: &str,
        enrolment: &str,
        act: &Act,
    ) -> Result<Result<StoreNode, Refusal>, LedgerError> {
        self.write("rotate store", store, |writing| {
            rotate(writing, (store, label), enrolment, act)
        })
    }

    /// Every node that was let in, by store.
    pub fn stores(&mut self) -> Result<Vec<StoreNode>, LedgerError> {
        self.read("list", "stores", |tx| {
            tx.all(
                &format!("SELECT {COLUMNS} ORDER BY n.store, s.label"),
                &[],
                read,
            )
        })
    }

    /// The node that has this secret, whatever its standing.
    pub fn authenticate(&mut self, secret: &str) -> Result<Option<StoreNode>, LedgerError> {
        let hash = hash_of(secret);
        self.read("read", "stores", |tx| {
            tx.one(
                &format!("SELECT {COLUMNS} WHERE s.secret_hash = $1"),
                &[hash.as_slice().into()],
                read,
            )
        })
    }

    /// Whether this is the enrolment token of a node, used or not: whoever has it may ask to join.
    pub fn is_enrolment(&mut self, secret: &str) -> Result<bool, LedgerError> {
        let hash = hash_of(secret);
        self.read("read", "stores", |tx| {
            let known = tx.one(
                "SELECT node FROM store WHERE enrolment_hash = $1",
                &[hash.as_slice().into()],
                |row| row.int(0),
            )?;
            Ok(known.is_some())
        })
    }

    /// Whether this ledger is a hub: it has let stores in.
    pub fn is_hub(&mut self) -> Result<bool, LedgerError> {
        self.read("read", "stores", feed::has_stores)
    }

    /// Lets a ledger in by its enrolment token, once; from here on it is known by the secret that it
    /// drew. The same ledger with the same secret is told the same again, as its answer may have been
    /// lost. One that brings stock stays invited until all of that is here.
    pub fn enrol(
        &mut self,
        join: &Join,
        enrolment: &str,
        act: &Act,
    ) -> Result<Result<Joined, Refusal>, LedgerError> {
        self.write("enrol", &join.store, |writing| {
            let node = match enrol(writing, join, enrolment, act)? {
                Ok(node) => node,
                Err(refusal) => return Ok(Err(refusal)),
            };
            contact(writing.tx, node, &join.hello, None, act)?;
            let store = load(writing.tx, node)?;
            if store.standing == Standing::Invited && join.pieces > 0 {
                stock::expect(writing.tx, node, join)?;
            }
            Ok(Ok(stock::joined(writing.tx, node, act)?))
        })
    }

    /// Revokes a store's node, lets it act again, takes it for lost, or for stolen. Where it is lost or
    /// stolen its life ends, and what it held is suspect: never issued again.
    pub fn set_standing(
        &mut self,
        store: &str,
        label: &str,
        standing: Standing,
        act: &Act,
    ) -> Result<Result<StoreNode, Refusal>, LedgerError> {
        self.finish_fences(act)?;
        let done = self.write("change store", store, |writing| {
            set_standing(writing, store, label, standing, act)
        })?;
        self.finish_fences(act)?;
        Ok(done)
    }

    /// Notes that a node called: when, how its clock stands, and how far it is.
    pub fn note_contact(
        &mut self,
        node: i64,
        hello: &Hello,
        feed_position: Option<i64>,
        act: &Act,
    ) -> Result<(), LedgerError> {
        self.write("note", "a contact", |writing| {
            contact(writing.tx, node, hello, feed_position, act)
        })
    }
}

/// What the hub says of a node, at every contact.
pub(crate) fn welcome(tx: &Tx<'_>, node: i64, now: jiff::Timestamp) -> Result<Welcome, Cause> {
    let store = load(tx, node)?;
    let feed_position = tx
        .one("SELECT position FROM feed_head WHERE id = 1", &[], |row| {
            row.int(0)
        })?
        .unwrap_or(0);
    let head = Head::load(tx)?;
    Ok(Welcome {
        wire: WIRE,
        hub_life: behind::life(tx, &head)?,
        is_behind: head.is_behind(),
        hub: head.node,
        now_ms: now.as_millisecond(),
        standing: store.standing,
        acked_through: store.acked_seq,
        incarnation: store.incarnation,
        feed_position,
        newest: behind::newest_entry(tx)?,
        still_here: Vec::new(),
    })
}

/// Notes a contact with a node.
pub(crate) fn contact(
    tx: &Tx<'_>,
    node: i64,
    hello: &Hello,
    feed_position: Option<i64>,
    act: &Act,
) -> Result<(), Cause> {
    let now_ms = act.now.as_millisecond();
    tx.execute(
        "UPDATE store SET last_contact_ms = $1, clock_offset_ms = $2, unsent = $3, \
         feed_position = coalesce($4, feed_position) WHERE node = $5",
        &[
            now_ms.into(),
            hello.now_ms.saturating_sub(now_ms).into(),
            i64::try_from(hello.unsent).unwrap_or(i64::MAX).into(),
            feed_position.into(),
            node.into(),
        ],
    )?;
    Ok(())
}

/// A node of a store by the hub's number.
pub(crate) fn load(tx: &Tx<'_>, node: i64) -> Result<StoreNode, Cause> {
    tx.one(
        &format!("SELECT {COLUMNS} WHERE s.node = $1"),
        &[node.into()],
        read,
    )?
    .ok_or_else(|| Cause::Damaged(format!("the store of node {node} is missing")))
}

fn find(tx: &Tx<'_>, store: &str, label: &str) -> Result<Option<StoreNode>, Cause> {
    tx.one(
        &format!("SELECT {COLUMNS} WHERE n.store = $1 AND s.label = $2"),
        &[store.into(), label.into()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<StoreNode, Cause> {
    let standing = row.int(4)?;
    let name = row.text(1)?;
    Ok(StoreNode {
        number: row.int(0)?,
        node: Some(name).filter(|name| !name.starts_with(INVITED)),
        store: row.text(2)?,
        label: row.text(3)?,
        standing: Standing::of_number(standing)
            .ok_or_else(|| Cause::Damaged(format!("a standing of {standing}")))?,
        timezone: row.text(5)?,
        incarnation: row.int(6)?,
        acked_seq: row.int(7)?,
        feed_position: row.int(8)?,
        last_contact_ms: row.maybe_int(9)?,
        clock_offset_ms: row.int(10)?,
        unsent: row.int(11)?,
    })
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn add(
    writing: &mut Writing<'_, '_>,
    store: &str,
    label: &str,
    enrolment: &str,
    act: &Act,
) -> Result<Result<StoreNode, Refusal>, Cause> {
    if let Some(link) = link::load(writing.tx)? {
        return Ok(Err(Refusal::JoinedAHub(link.url)));
    }
    let hash = hash_of(enrolment);
    if let Some(known) = find(writing.tx, store, label)? {
        let again = writing.tx.execute(
            "UPDATE store SET enrolment_hash = $1 WHERE node = $2 AND standing = $3 \
             AND secret_hash IS NULL",
            &[
                hash.as_slice().into(),
                known.number.into(),
                Standing::Invited.number().into(),
            ],
        )?;
        if again == 0 {
            return Ok(Err(Refusal::StoreExists(known.called())));
        }
        return Ok(Ok(known));
    }
    let mut is_first = !feed::has_stores(writing.tx)?;
    if is_first {
        // Whoever writes now sees no store, and tells nobody: what that is, is told from what there is.
        writing.tx.wait_for_writers_of("feed")?;
        is_first = !feed::has_stores(writing.tx)?;
    }
    let node = writing.tx.insert(
        "INSERT INTO node (name, store) VALUES ($1, $2) RETURNING id",
        &[
            (&format!("{INVITED}{store} / {label}")).into(),
            store.into(),
        ],
    )?;
    writing.tx.execute(
        "INSERT INTO store (node, label, standing, enrolment_hash, timezone, incarnation, \
         acked_seq, acked_hash) VALUES ($1, $2, $3, $4, '', 0, 0, $5)",
        &[
            node.into(),
            label.into(),
            Standing::Invited.number().into(),
            hash.as_slice().into(),
            CHAIN_START.as_slice().into(),
        ],
    )?;
    if is_first {
        feed::fill(writing.tx)?;
    }
    let fact = Fact::StoreAdded {
        store: store.to_owned(),
        label: label.to_owned(),
    };
    writing.append(fact, &setting_of(act))?;
    Ok(Ok(load(writing.tx, node)?))
}

fn rotate(
    writing: &mut Writing<'_, '_>,
    (store, label): (&str, &str),
    enrolment: &str,
    act: &Act,
) -> Result<Result<StoreNode, Refusal>, Cause> {
    let Some(known) = find(writing.tx, store, label)? else {
        return Ok(Err(Refusal::NoSuchStore(store.to_owned())));
    };
    let has_come = !matches!(known.standing, Standing::Invited | Standing::Stolen);
    let Some(node) = known.node.clone().filter(|_| has_come) else {
        return Ok(Err(Refusal::StoreStanding(known.standing.as_str())));
    };
    writing.tx.execute(
        "UPDATE store SET enrolment_hash = $1, is_rotating = 1 WHERE node = $2",
        &[hash_of(enrolment).as_slice().into(), known.number.into()],
    )?;
    let fact = Fact::StoreRotated {
        node,
        store: known.called(),
    };
    writing.append(fact, &setting_of(act))?;
    Ok(Ok(known))
}

/// A node that is known comes with the secret that it drew anew: the one before ends. Whether this is
/// one, and not somebody else who has its token.
fn has_rotated(tx: &Tx<'_>, invited: &StoreNode, join: &Join) -> Result<bool, Cause> {
    if invited.node.as_deref() != Some(join.hello.node.as_str()) {
        return Ok(false);
    }
    let rotated = tx.execute(
        "UPDATE store SET secret_hash = $1, is_rotating = 0 WHERE node = $2 AND is_rotating = 1",
        &[
            hash_of(&join.secret).as_slice().into(),
            invited.number.into(),
        ],
    )?;
    Ok(rotated == 1)
}

fn set_standing(
    writing: &mut Writing<'_, '_>,
    store: &str,
    label: &str,
    standing: Standing,
    act: &Act,
) -> Result<Result<StoreNode, Refusal>, Cause> {
    let Some(known) = find(writing.tx, store, label)? else {
        return Ok(Err(Refusal::NoSuchStore(store.to_owned())));
    };
    let has_come = known.node.is_some();
    let may = match standing {
        Standing::Active => {
            has_come && known.standing != Standing::Active && known.standing != Standing::Invited
        }
        Standing::Revoked => matches!(known.standing, Standing::Active | Standing::Invited),
        Standing::WrittenOff => has_come && known.standing != Standing::WrittenOff,
        Standing::Stolen => known.standing != Standing::Stolen,
        Standing::Invited | Standing::Quarantined => false,
    };
    if !may {
        return Ok(Err(Refusal::StoreStanding(known.standing.as_str())));
    }
    let ends = matches!(standing, Standing::WrittenOff | Standing::Stolen);
    let is_fenced = matches!(known.standing, Standing::WrittenOff | Standing::Stolen);
    if known.standing == Standing::Invited {
        stock::discard(writing.tx, known.number)?;
    }
    writing.tx.execute(
        "UPDATE store SET standing = $1, incarnation = incarnation + $2, enrolment_hash = NULL, \
         is_rotating = 0 WHERE node = $3",
        &[
            standing.number().into(),
            (ends && !is_fenced).into(),
            known.number.into(),
        ],
    )?;
    let fact = Fact::StoreStanding {
        node: known.node.clone().unwrap_or_default(),
        store: known.called(),
        standing: standing.as_str().to_owned(),
        suspects: 0,
    };
    if ends && has_come && !is_fenced {
        fence::begin(writing.tx, known.number, Lost::Anything, &fact, act)?;
    } else {
        writing.append(fact, &setting_of(act))?;
    }
    Ok(Ok(load(writing.tx, known.number)?))
}

fn enrol(
    writing: &mut Writing<'_, '_>,
    join: &Join,
    enrolment: &str,
    act: &Act,
) -> Result<Result<i64, Refusal>, Cause> {
    let tx = writing.tx;
    let (token, secret) = (hash_of(enrolment), hash_of(&join.secret));
    let known = tx.one(
        &format!("SELECT {COLUMNS} WHERE n.name = $1"),
        &[(&join.hello.node).into()],
        read,
    )?;
    let invited = tx.one(
        &format!("SELECT {COLUMNS} WHERE s.enrolment_hash = $1"),
        &[token.as_slice().into()],
        read,
    )?;
    let Some(invited) = invited else {
        return Ok(Err(Refusal::NotInvited));
    };
    // Its answer may have been lost: the secret it drew tells that it is the one that was let in.
    let was_let_in = tx.one(
        "SELECT secret_hash FROM store WHERE node = $1 AND secret_hash IS NOT NULL",
        &[invited.number.into()],
        |row| row.hash(0),
    )?;
    if let Some(was_let_in) = was_let_in {
        let is_same =
            was_let_in == secret && invited.node.as_deref() == Some(join.hello.node.as_str());
        return Ok(if is_same || has_rotated(tx, &invited, join)? {
            Ok(invited.number)
        } else {
            Err(Refusal::NotInvited)
        });
    }
    if let Some(known) = known.filter(|known| known.number != invited.number) {
        return Ok(Err(Refusal::NodeKnown(known.called())));
    }
    if invited.store != join.store {
        return Ok(Err(Refusal::AnotherStore {
            invited: invited.store,
            ledger: join.store.clone(),
        }));
    }
    let standing = if join.pieces == 0 {
        Standing::Active
    } else {
        Standing::Invited
    };
    let used = tx.execute(
        "UPDATE store SET secret_hash = $1, timezone = $2, incarnation = $3, standing = $4 \
         WHERE node = $5 AND enrolment_hash = $6 AND secret_hash IS NULL AND standing = 0",
        &[
            secret.as_slice().into(),
            (&join.timezone).into(),
            join.hello.incarnation.into(),
            standing.number().into(),
            invited.number.into(),
            token.as_slice().into(),
        ],
    )?;
    if used == 0 {
        return Ok(Err(Refusal::NotInvited));
    }
    let node = named(tx, invited.number, &join.hello.node)?;
    if standing == Standing::Active {
        writing.append(
            Fact::StoreJoined {
                node: join.hello.node.clone(),
                store: invited.store,
                codes: 0,
            },
            &setting_of(act),
        )?;
    }
    Ok(Ok(node))
}

/// Gives an invited node its name. One that is known by its name already, as the holder of codes or
/// the writer of entries, keeps its number.
fn named(tx: &Tx<'_>, invited: i64, name: &str) -> Result<i64, Cause> {
    let Some(known) = nodes::find(tx, name)?.filter(|known| *known != invited) else {
        tx.execute(
            "UPDATE node SET name = $1 WHERE id = $2",
            &[name.into(), invited.into()],
        )?;
        return Ok(invited);
    };
    tx.execute(
        "UPDATE node SET store = (SELECT i.store FROM node i WHERE i.id = $1) WHERE id = $2",
        &[invited.into(), known.into()],
    )?;
    tx.execute(
        "UPDATE store SET node = $1 WHERE node = $2",
        &[known.into(), invited.into()],
    )?;
    tx.execute("DELETE FROM node WHERE id = $1", &[invited.into()])?;
    Ok(known)
}
