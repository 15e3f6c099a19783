//! Verifying a ledger: the file, the chain, the tallies, the batches, and the marker beside it.
//!
//! Nothing is changed or repaired. A check that fails says what is wrong, where first.

use sha2::{Digest as _, Sha256};

use crate::domain::entry::{Body, CHAIN_START, Fact, Hash, chained, hex, side_hash};
use crate::domain::verdict::CodeState;
use crate::ledger::arrivals::TOLD_BATCH;
use crate::ledger::chain::Head;
use crate::ledger::codes::state_number;
use crate::ledger::engine::{Engine, Tx, Value};
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::marker::Finding;
use crate::ledger::test_mode::TEST_BATCH;
use crate::ledger::{Ledger, LedgerError, branches, day, lease, restore};

/// A part of the verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyStep {
    /// SQLite's own check of the file.
    File,
    /// The marker beside it.
    Marker,
    /// The chain of entries and their erasable texts.
    Chain,
    /// The kept numbers, recounted from codes and entries.
    Tallies,
    /// The codes of each import and generation.
    Batches,
    /// The Z reports.
    Reports,
}

impl VerifyStep {
    /// The step in words.
    pub fn words(self) -> &'static str {
        match self {
            VerifyStep::File => "the file",
            VerifyStep::Marker => "the marker",
            VerifyStep::Chain => "the chain of entries",
            VerifyStep::Tallies => "the tallies",
            VerifyStep::Batches => "the imported and generated codes",
            VerifyStep::Reports => "the reports that were printed",
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Entries whose link holds.
    pub entries: u64,
    /// What is wrong, each in a sentence; empty: nothing.
    pub faults: Vec<String>,
    /// The head of the chain: hash of the newest entry, hexadecimal.
    pub head: String,
    /// Lives of the file after the first.
    pub rebirths: u64,
}

/// Faults of one kind are listed up to this number.
const FAULTS_MAX: usize = 20;

impl Ledger {
    /// Checks everything that can be checked, and changes nothing.
    pub fn verify(&mut self, step: &mut dyn FnMut(VerifyStep)) -> Result<Health, LedgerError> {
        verify(self, step).naming("verify", "the ledger")
    }

    /// Follows the chain of entries alone; takes as long as there are entries, however many codes.
    pub fn verify_chain(&mut self) -> Result<Health, LedgerError> {
        self.read("verify", "the chain of entries", |tx| {
            let mut health = Health::default();
            check_chain(tx, &mut health)?;
            branches::check_chains(tx, &mut health)?;
            health.faults.truncate(FAULTS_MAX);
            Ok(health)
        })
    }
}

/// What a marker tells that is wrong, in words.
pub(crate) fn marker_fault(finding: &Finding) -> Option<String> {
    match finding {
        Finding::Fine => None,
        Finding::Ahead { missing } => Some(format!(
            "{missing} entries that were committed are missing from this file"
        )),
        Finding::Copied => Some("this file was copied here from elsewhere".into()),
        Finding::Missing => Some("it is missing, so this file may be an old one".into()),
    }
}

fn verify(ledger: &mut Ledger, step: &mut dyn FnMut(VerifyStep)) -> Result<Health, Cause> {
    let mut health = Health::default();
    step(VerifyStep::File);
    match ledger.engine.integrity_faults() {
        Ok(faults) => health
            .faults
            .extend(faults.into_iter().map(|fault| format!("the file: {fault}"))),
        Err(cause) => health.faults.push(format!("the file: {cause}")),
    }
    if matches!(ledger.engine, Engine::Sqlite(_)) {
        step(VerifyStep::Marker);
        if let Some(fault) = marker_fault(&restore::finding_of(ledger)?) {
            health.faults.push(format!("the marker: {fault}"));
        }
    }
    let checks: [(VerifyStep, Check); 5] = [
        (VerifyStep::Chain, check_chain),
        (VerifyStep::Chain, branches::check_chains),
        (VerifyStep::Tallies, check_tallies),
        (VerifyStep::Batches, check_batches),
        (VerifyStep::Reports, day::check_z_reports),
    ];
    for (name, check) in checks {
        step(name);
        let before = health.faults.len();
        if let Err(cause) = ledger.engine.read(|tx| check(tx, &mut health)) {
            health.faults.push(format!("{}: {cause}", name.words()));
        }
        health.faults.truncate(before + FAULTS_MAX);
    }
    Ok(health)
}

type Check = fn(&Tx<'_>, &mut Health) -> Result<(), Cause>;

/// Follows every chain from its first entry: the one of this ledger's lives, or each process's own.
fn check_chain(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    let head = Head::load(tx)?;
    if tx.writer().is_none() {
        return follow(tx, health, ("node = 1", &[]), (head.seq, head.hash));
    }
    let ends = tx.all(
        "SELECT incarnation, seq, hash FROM writer ORDER BY incarnation",
        &[],
        |row| Ok((row.int(0)?, (row.int(1)?, row.hash(2)?))),
    )?;
    let mut ends_hash = Sha256::new();
    for (incarnation, end) in ends {
        let own = &[incarnation.into()];
        follow(tx, health, ("node = 1 AND e.incarnation = $1", own), end)?;
        ends_hash.update(end.1);
    }
    // One hash for the ends of all chains, in the order of the processes.
    health.head = hex(&ends_hash.finalize());
    tx.each(
        "SELECT e.incarnation, e.seq FROM entry e \
         LEFT JOIN writer w ON w.incarnation = e.incarnation \
         WHERE e.node = 1 AND w.incarnation IS NULL LIMIT 20",
        &[],
        |row| {
            health.faults.push(format!(
                "the chain: entry {} of process {} is in no chain",
                row.int(1)?,
                row.int(0)?
            ));
            Ok(())
        },
    )
}

/// Follows one chain to its end; the columns beside a body must say what it says.
pub(crate) fn follow(
    tx: &Tx<'_>,
    health: &mut Health,
    (which, values): (&str, &[Value<'_>]),
    (end_seq, end_hash): (i64, Hash),
) -> Result<(), Cause> {
    let mut previous: Hash = CHAIN_START;
    let mut expected_seq = 1_i64;
    let mut faults = Vec::new();
    tx.each(
        &format!(
            "SELECT e.seq, e.body, e.hash, e.at_ms, e.kind, c.folded, e.code, s.salt, s.text \
             FROM entry e LEFT JOIN code c ON c.id = e.code LEFT JOIN side s ON s.entry = e.id \
             WHERE e.{which} ORDER BY e.seq"
        ),
        values,
        |row| {
            let seq = row.int(0)?;
            let mut wrong = |why: &str| faults.push(format!("the chain: entry {seq} {why}"));
            if seq != expected_seq {
                wrong(&format!("stands where entry {expected_seq} should be"));
            }
            let stored = row.text(1)?;
            let hash = row.hash(2)?;
            if chained(&previous, stored.as_bytes()) != hash {
                wrong("does not follow from the one before: it was changed, or one is missing");
            }
            match serde_json::from_str::<Body>(&stored) {
                Ok(body) => {
                    let is_code = body.code == row.maybe_text(5)?;
                    if body.at_ms != row.int(3)? || body.fact.kind() != row.text(4)? || !is_code {
                        wrong("says otherwise than the columns beside it");
                    }
                    if let (Some(sum), Some(text)) = (&body.side, row.maybe_text(8)?) {
                        let salt: Option<[u8; 16]> = row.blob(7)?.try_into().ok();
                        if salt.map(|salt| side_hash(&salt, &text)).as_ref() != Some(sum) {
                            wrong("has another erasable text than when it was written");
                        }
                    }
                    health.rebirths +=
                        u64::from(matches!(body.fact, Fact::IncarnationBegan { .. }));
                }
                Err(fault) => wrong(&format!("cannot be read: {fault}")),
            }
            previous = hash;
            expected_seq = seq + 1;
            health.entries += 1;
            Ok(())
        },
    )?;
    if expected_seq - 1 != end_seq || previous != end_hash {
        faults.push(format!(
            "the chain: it ends at entry {} and should end at {end_seq}",
            expected_seq - 1
        ));
    }
    health.head = hex(&previous);
    health.faults.extend(faults);
    Ok(())
}

/// Recounts every tally from the codes, and the uses from the entries.
fn check_tallies(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    let kept = tx.all(
        "SELECT t.campaign, m.name, sum(t.available), sum(t.assigned), sum(t.redeemed), \
         sum(t.void), sum(t.suspect), sum(t.test), sum(t.uses_made), sum(t.leased) FROM tally t \
         JOIN campaign m ON m.id = t.campaign GROUP BY t.campaign, m.name ORDER BY t.campaign",
        &[],
        |row| {
            let figures = [
                row.int(2)?,
                row.int(3)?,
                row.int(4)?,
                row.int(5)?,
                row.int(6)?,
                row.int(7)?,
                row.int(8)?,
                row.int(9)?,
            ];
            Ok((row.int(0)?, row.text(1)?, figures))
        },
    )?;
    let mut counted = std::collections::BTreeMap::<i64, [i64; 8]>::new();
    tx.each(
        "SELECT c.campaign, c.state, count(*), sum(c.uses_made), \
         sum(CASE WHEN c.state = 0 AND c.holder <> 1 THEN 1 ELSE 0 END) FROM code c \
         JOIN batch b ON b.id = c.batch WHERE b.is_published = 1 GROUP BY c.campaign, c.state",
        &[],
        |row| {
            let figures = counted.entry(row.int(0)?).or_default();
            let state = row.int(1)?;
            for (place, figure) in CodeState::ALL.iter().zip(figures.iter_mut()) {
                if state_number(*place) == state {
                    *figure += row.int(2)?;
                }
            }
            let [.., uses, leased] = figures;
            *uses += row.int(3)?;
            *leased += row.int(4)?;
            Ok(())
        },
    )?;
    for (campaign, name, figures) in kept {
        let recount = counted.remove(&campaign).unwrap_or_default();
        if recount != figures {
            health.faults.push(format!(
                "the tallies: {name} keeps {figures:?} and recounts {recount:?} \
                 (available, assigned, redeemed, void, suspect, test, uses made, leased)"
            ));
        }
    }
    health.faults.extend(lease::faults(tx)?);
    check_slots(tx, health)?;
    check_hours(tx, health)?;
    check_reversals(tx, health)?;
    branches::check_uses(tx, health)
}

/// Every code that counts for a customer is theirs, and nothing is left with who was joined to
/// another.
fn check_slots(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    tx.each(
        "SELECT c.folded, u.public_id, u.joined_to FROM customer_slot s \
         JOIN code c ON c.id = s.code JOIN customer u ON u.id = s.customer \
         WHERE c.customer IS NULL OR c.customer <> s.customer OR c.campaign <> s.campaign \
         OR u.joined_to IS NOT NULL LIMIT 20",
        &[],
        |row| {
            let why = if row.maybe_int(2)?.is_some() {
                "who was joined to another"
            } else {
                "whose it is not"
            };
            health.faults.push(format!(
                "the tallies: code {} counts for customer {}, {why}",
                row.text(0)?,
                row.text(1)?
            ));
            Ok(())
        },
    )
}

/// Every hour's acts are as many as its entries.
fn check_hours(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    tx.each(
        "SELECT k.campaign, k.hour, k.kind, sum(k.kept), sum(k.counted) FROM \
         (SELECT campaign, hour, kind, amount AS kept, 0 AS counted FROM tally_hour \
          WHERE kind NOT IN ('refused', 'witnessed', 'witnessed_back') UNION ALL \
          SELECT coalesce(e.campaign, 0), e.at_ms / 3600000, e.kind, 0, count(*) FROM entry e \
          LEFT JOIN outcome o ON o.entry = e.id AND o.word = 'same' \
          WHERE e.kind IN ('redeemed', 'reversed', 'assigned') AND o.entry IS NULL \
          GROUP BY 1, 2, 3) k \
         GROUP BY 1, 2, 3 HAVING sum(k.kept) <> sum(k.counted) LIMIT 20",
        &[],
        |row| {
            health.faults.push(format!(
                "the tallies: campaign {} keeps {} acts of kind {} in hour {}, and its entries are {}",
                row.int(0)?,
                row.int(3)?,
                row.text(2)?,
                row.int(1)?,
                row.int(4)?
            ));
            Ok(())
        },
    )
}

/// What makes a redemption not stand is an entry that reverses it. One that the hub made before its code
/// had come down here names none.
fn check_reversals(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    tx.each(
        "SELECT r.redemption FROM reversal r \
         LEFT JOIN entry e ON e.id = r.entry AND e.kind IN ('reversed', 'witnessed') \
         LEFT JOIN entry m ON m.id = r.redemption AND m.kind IN ('redeemed', 'witnessed') \
         WHERE e.id IS NULL OR m.id IS NULL \
         OR (coalesce(e.code, 0) <> coalesce(m.code, 0) \
         AND (m.kind = 'redeemed' OR m.code IS NOT NULL)) LIMIT 20",
        &[],
        |row| {
            health.faults.push(format!(
                "the tallies: redemption {} is kept as reversed, and no entry tells of it",
                row.int(0)?
            ));
            Ok(())
        },
    )
}

/// Every published batch holds the codes that its entry tells of, and no code is in none, but what a
/// shop has brought that has not joined yet.
fn check_batches(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    let mut announced = std::collections::BTreeSet::new();
    tx.each(
        "SELECT body FROM entry WHERE kind = 'codes_added'",
        &[],
        |row| {
            if let Fact::CodesAdded {
                count,
                codes_sha256,
                ..
            } = serde_json::from_str::<Body>(&row.text(0)?)?.fact
            {
                announced.insert((codes_sha256, count));
            }
            Ok(())
        },
    )?;
    tx.each(
        "SELECT c.folded FROM code c LEFT JOIN batch b ON b.id = c.batch \
         WHERE (b.id IS NULL AND c.holder NOT IN (SELECT node FROM store WHERE standing = 0)) \
         OR (b.how = $1 AND (c.state <> $2 OR c.newest_entry IS NULL)) \
         OR (b.how <> $3 AND (c.state = $4 OR (b.how <> $5 AND (c.id < b.first_code \
         OR c.id >= b.first_code + b.code_count)))) LIMIT 20",
        &[
            TEST_BATCH.into(),
            state_number(CodeState::Test).into(),
            TEST_BATCH.into(),
            state_number(CodeState::Test).into(),
            TOLD_BATCH.into(),
        ],
        |row| {
            health.faults.push(format!(
                "the codes of batches: {} was never imported or generated",
                row.text(0)?
            ));
            Ok(())
        },
    )?;
    check_test_codes(tx, health)?;
    let batches = tx.all(
        "SELECT id, first_code, code_count, codes_hash FROM batch \
         WHERE is_published = 1 AND how <> $1 AND how <> $2 ORDER BY id",
        &[TEST_BATCH.into(), TOLD_BATCH.into()],
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.hash(3)?)),
    )?;
    for (batch, first, count, kept) in batches {
        let mut hasher = Sha256::new();
        let mut found = 0_i64;
        tx.each(
            "SELECT folded FROM code WHERE id >= $1 AND id < $2 AND batch = $3 ORDER BY id",
            &[first.into(), (first + count).into(), batch.into()],
            |row| {
                hasher.update(row.text(0)?.as_bytes());
                hasher.update(b"\n");
                found += 1;
                Ok(())
            },
        )?;
        let hash: Hash = hasher.finalize().into();
        let is_announced = announced.contains(&(hex(&hash), found.unsigned_abs()));
        if found != count || hash != kept || !is_announced {
            health.faults.push(format!(
                "the codes of batch {batch}: {found} of {count} are there, and they are not the ones stored"
            ));
        }
    }
    Ok(())
}

/// Every code of a test batch is a test code, and an entry tells of its making.
fn check_test_codes(tx: &Tx<'_>, health: &mut Health) -> Result<(), Cause> {
    tx.each(
        "SELECT c.folded FROM batch b JOIN pool_slot p ON p.campaign = b.campaign AND p.ordinal < 0 \
         JOIN code c ON c.id = p.code AND c.batch = b.id \
         LEFT JOIN entry e ON e.id = c.newest_entry AND e.code = c.id \
         WHERE b.how = $1 AND (c.state <> $2 OR e.id IS NULL) LIMIT 20",
        &[TEST_BATCH.into(), state_number(CodeState::Test).into()],
        |row| {
            health.faults.push(format!(
                "the codes of batches: {} is in the test part, and was never drawn in test mode",
                row.text(0)?
            ));
            Ok(())
        },
    )
}
