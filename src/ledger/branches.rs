//! Verifying what other nodes wrote: every life of every node is a chain of its own, which branches
//! off a former one; and whether every excess that their entries add up to is a conflict.

use std::collections::BTreeMap;

use crate::domain::entry::{Body, CHAIN_START, Hash, chained, side_hash};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::intake::PARKED;
use crate::ledger::link;
use crate::ledger::verify::Health;

/// Follows the chains of other nodes, each from its first entry that is here.
pub(crate) fn check_chains(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    for node in nodes(tx)? {
        check_node(tx, health, &node, i64::MAX)?;
    }
    Ok(())
}

/// Follows the chains of one of them up to an entry.
pub(crate) fn check_chain_to(
    tx: &Tx<'_>,
    health: &mut Health,
    number: i64,
    seq: i64,
) -> Result<(), Cause> {
    for node in nodes(tx)? {
        if node.number == number {
            check_node(tx, health, &node, seq)?;
        }
    }
    Ok(())
}

fn nodes(tx: &Tx<'_>) -> Result<Vec<Node>, Cause> {
    tx.all(
        "SELECT s.node, n.name, s.acked_seq, s.acked_hash FROM store s JOIN node n ON n.id = s.node ORDER BY s.node",
        &[],
        |row| {
            Ok(Node {
                number: row.int(0)?,
                name: row.text(1)?,
                acked: (row.int(2)?, row.blob(3)?),
            })
        },
    )
}

struct Node {
    number: i64,
    name: String,
    /// Seq and hash of the newest entry that was acknowledged.
    acked: (i64, Vec<u8>),
}

fn check_node(tx: &Tx<'_>, health: &mut Health, node: &Node, through: i64) -> Result<(), Cause> {
    let first = tx.one(
        "SELECT first_previous_hash FROM store WHERE node = $1 \
         AND first_previous_hash IS NOT NULL",
        &[node.number.into()],
        |row| row.hash(0),
    )?;
    let mut chains = Chains {
        name: &node.name,
        first,
        life: None,
        hashes: BTreeMap::new(),
        open: Vec::new(),
        faults: Vec::new(),
        entries: 0,
    };
    tx.each(
        "SELECT e.incarnation, e.seq, e.body, e.hash, e.kind, e.at_ms, c.folded, s.salt, s.text \
         FROM entry e LEFT JOIN code c ON c.id = e.code LEFT JOIN side s ON s.entry = e.id \
         WHERE e.node = $1 AND e.seq <= $2 ORDER BY e.incarnation, e.seq",
        &[node.number.into(), through.into()],
        |row| chains.follow(row),
    )?;
    chains.close();
    let (seq, hash) = &node.acked;
    let acked = chains.hashes.get(seq);
    if acked.is_some_and(|here| {
        !here
            .iter()
            .any(|(_, known)| known.as_slice() == hash.as_slice())
    }) {
        chains.faults.push(format!(
            "the chain of {}: entry {seq} is not the one that was acknowledged",
            node.name
        ));
    }
    health.entries += chains.entries;
    health.faults.extend(chains.faults);
    Ok(())
}

/// The chains of one node, followed life by life.
struct Chains<'n> {
    name: &'n str,
    /// The hash before the first entry that is here, where it is known.
    first: Option<Hash>,
    /// The life that is followed, and its newest entry.
    life: Option<(i64, i64, Hash)>,
    /// By seq, the hashes that lives have there.
    hashes: BTreeMap<i64, Vec<(i64, Hash)>>,
    /// Entries that follow nothing that was read before them: life, seq, body, hash.
    open: Vec<(i64, i64, String, Hash)>,
    faults: Vec<String>,
    entries: u64,
}

impl Chains<'_> {
    fn follow(&mut self, row: &Row<'_>) -> Result<(), Cause> {
        let (life, seq) = (row.int(0)?, row.int(1)?);
        let (stored, hash) = (row.text(2)?, row.hash(3)?);
        let follows = |previous: &Hash| chained(previous, stored.as_bytes()) == hash;
        let before = match self.life {
            Some((same, newest, previous)) if same == life => (newest + 1 == seq)
                .then_some(previous)
                .filter(|previous| follows(previous)),
            _ => self.branch(seq).into_iter().find(follows),
        };
        if before.is_none() {
            self.open.push((life, seq, stored.clone(), hash));
        }
        self.look_beside(life, seq, &stored, row)?;
        self.life = Some((life, seq, hash));
        self.hashes.entry(seq).or_default().push((life, hash));
        self.entries += 1;
        Ok(())
    }

    /// What followed nothing that was read before it: the one before may be called by a later life, as
    /// its writer calls it since.
    fn close(&mut self) {
        for (life, seq, stored, hash) in std::mem::take(&mut self.open) {
            let follows = |previous: &Hash| chained(previous, stored.as_bytes()) == hash;
            if !self.branch(seq).iter().any(follows) {
                self.wrong(
                    life,
                    seq,
                    "does not follow from the one before: it was changed, or one is missing",
                );
            }
        }
    }

    /// The hashes that the first entry of a life may follow: those of other lives, or what was before
    /// the first entry that is here.
    fn branch(&self, seq: i64) -> Vec<Hash> {
        let mut hashes: Vec<Hash> = self
            .hashes
            .get(&(seq - 1))
            .into_iter()
            .flatten()
            .map(|(_, hash)| *hash)
            .collect();
        if seq == 1 {
            hashes.push(CHAIN_START);
        }
        hashes.extend(self.first);
        hashes
    }

    /// The columns beside a body must say what it says, and its text be the one that was written.
    fn look_beside(
        &mut self,
        life: i64,
        seq: i64,
        stored: &str,
        row: &Row<'_>,
    ) -> Result<(), Cause> {
        let kind = row.text(4)?;
        if kind == PARKED {
            return Ok(());
        }
        let body: Body = match serde_json::from_str(stored) {
            Ok(body) => body,
            Err(fault) => {
                self.wrong(life, seq, &format!("cannot be read: {fault}"));
                return Ok(());
            }
        };
        let code = row.maybe_text(6)?;
        let is_code = code.is_none() || body.code == code;
        if body.at_ms != row.int(5)? || body.fact.kind() != kind || !is_code {
            self.wrong(life, seq, "says otherwise than the columns beside it");
        }
        if let (Some(sum), Some(text)) = (&body.side, row.maybe_text(8)?) {
            let salt: Option<[u8; 16]> = row.blob(7)?.try_into().ok();
            if salt.map(|salt| side_hash(&salt, &text)).as_ref() != Some(sum) {
                self.wrong(
                    life,
                    seq,
                    "has another erasable text than when it was written",
                );
            }
        }
        Ok(())
    }

    fn wrong(&mut self, life: i64, seq: i64, why: &str) {
        self.faults.push(format!(
            "the chain of {}: entry {life}-{seq} {why}",
            self.name
        ));
    }
}

/// A redemption that stands and that the hub has not seen is among its code's uses.
fn check_unsent_uses(tx: &Tx<'_>, acked_seq: i64, health: &mut Health) -> Result<(), Cause> {
    tx.each(
        "SELECT c.folded FROM code c JOIN (SELECT e.code AS code, count(*) AS made FROM entry e \
          LEFT JOIN reversal r ON r.redemption = e.id WHERE e.kind = 'redeemed' AND e.node = 1 \
          AND e.seq > $1 AND r.entry IS NULL GROUP BY e.code) u ON u.code = c.id \
         WHERE c.uses_made < u.made LIMIT 20",
        &[acked_seq.into()],
        |row| {
            health.faults.push(format!(
                "the tallies: code {} does not count a use that the hub has not seen",
                row.text(0)?
            ));
            Ok(())
        },
    )
}

/// Every code's uses are its redemptions that stand, as many as it may have; those beyond are
/// conflicts. A store is told by its hub of uses made elsewhere, so that there only what the hub has
/// not seen must be among them.
pub(crate) fn check_uses(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    if let Some(link) = link::load(tx)? {
        return check_unsent_uses(tx, link.acked_seq, health);
    }
    let mut uses = BTreeMap::new();
    tx.each("SELECT id, rules FROM campaign", &[], |row| {
        let rules: crate::domain::campaign::Rules = serde_json::from_str(&row.text(1)?)?;
        uses.insert(row.int(0)?, i64::from(rules.uses));
        Ok(())
    })?;
    let mut faults = Vec::new();
    tx.each(
        "SELECT c.folded, c.campaign, c.uses_made, coalesce(u.made, 0), coalesce(f.open, 0), \
         coalesce(f.told, 0) FROM code c LEFT JOIN \
         (SELECT e.code AS code, count(*) AS made FROM entry e \
          LEFT JOIN reversal r ON r.redemption = e.id \
          LEFT JOIN outcome o ON o.entry = e.id AND o.word = 'same' \
          WHERE e.kind = 'redeemed' AND r.entry IS NULL AND o.entry IS NULL GROUP BY e.code) u \
         ON u.code = c.id LEFT JOIN \
         (SELECT code, sum(is_open) AS open, \
          sum(CASE WHEN is_open = 1 OR decision IS NOT NULL THEN 1 ELSE 0 END) AS told \
          FROM conflict WHERE kind = 'double_redeemed' GROUP BY code) f ON f.code = c.id \
         WHERE c.newest_entry IS NOT NULL \
         AND (c.uses_made <> coalesce(u.made, 0) OR f.open > 0)",
        &[],
        |row| {
            let most = uses.get(&row.int(1)?).copied().unwrap_or(i64::MAX);
            let (kept, made) = (row.int(2)?, row.int(3)?);
            let excess = (made - most).max(0);
            let is_right = kept == made.min(most) && row.int(4)? <= excess && row.int(5)? >= excess;
            if !is_right {
                faults.push(format!(
                    "the tallies: code {} keeps {kept} uses and its entries tell {made}; of {} in \
                     excess {} are kept as conflicts",
                    row.text(0)?,
                    excess,
                    row.int(5)?
                ));
            }
            Ok(())
        },
    )?;
    health.faults.extend(faults);
    tx.each(
        "SELECT c.folded FROM code c WHERE c.newest_entry IS NULL AND c.uses_made > 0 \
         AND c.holder NOT IN (SELECT node FROM store WHERE standing = 0) LIMIT 20",
        &[],
        |row| {
            health.faults.push(format!(
                "the tallies: code {} keeps uses without an entry",
                row.text(0)?
            ));
            Ok(())
        },
    )
}
