//! Codes as the ledger holds them: looked up, and told of.

use crate::domain::campaign::{Rules, stand_in_form};
use crate::domain::code::{FoldedCode, Shape};
use crate::domain::entry::{Body, Fact, instant};
use crate::domain::ids::EntryId;
use crate::domain::layout::Layout;
use crate::domain::reading::{MisreadHint, NotOurs, Otherwise, Reading, read as read_scan};
use crate::domain::verdict::{Certainty, CodeState, Story};
use crate::ledger::chain::{Head, OWN_NODE, side_of};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;

/// A code as it stands in the ledger, with what its campaign needs.
#[derive(Debug, Clone)]
pub(crate) struct CodeRow {
    pub(crate) id: i64,
    pub(crate) folded: String,
    pub(crate) shown: Option<String>,
    pub(crate) campaign: i64,
    pub(crate) ordinal: Option<i64>,
    pub(crate) state: CodeState,
    pub(crate) uses_made: u32,
    pub(crate) holder: i64,
    pub(crate) grant_number: i64,
    pub(crate) customer: Option<i64>,
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) assigned_incarnation: Option<i64>,
    pub(crate) newest_entry: Option<i64>,
}

impl CodeRow {
    /// The code as stored.
    pub(crate) fn as_stored(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.folded)
    }
}

/// An entry that is told of: a redemption of a code that stands, or another act.
pub(crate) struct Redemption {
    pub(crate) entry: i64,
    pub(crate) id: EntryId,
    pub(crate) body: Body,
    /// The number of the node that wrote it.
    pub(crate) node: i64,
    /// Where that node stands; none: here.
    pub(crate) store: Option<String>,
}

impl Redemption {
    /// Whether another node wrote it: counters and operators of the same name are others there.
    pub(crate) fn is_foreign(&self) -> bool {
        self.node != OWN_NODE
    }

    /// Where it happened, in a ledger of this store.
    pub(crate) fn store_or<'s>(&'s self, own: &'s str) -> &'s str {
        self.store.as_deref().unwrap_or(own)
    }

    /// The name by which its key is bound in this ledger.
    pub(crate) fn caller(&self) -> String {
        if self.is_foreign() {
            caller_of(&self.id.node, &self.body.counter)
        } else {
            self.body.counter.clone()
        }
    }

    /// The act as it is told, in a ledger of the store `own`.
    pub(crate) fn story(&self, own: &str) -> Story {
        Story {
            at: instant(self.body.at_ms),
            store: self.store_or(own).to_owned(),
            counter: self.body.counter.clone(),
            operator: self.body.operator.clone(),
        }
    }
}

/// Whose key it is that a counter of another node uses.
pub(crate) fn caller_of(node: &str, counter: &str) -> String {
    format!("{node}/{counter}")
}

/// The stored number of a state.
pub(crate) fn state_number(state: CodeState) -> i64 {
    match state {
        CodeState::Available => 0,
        CodeState::Assigned => 1,
        CodeState::Redeemed => 2,
        CodeState::Void => 3,
        CodeState::Suspect => 4,
        CodeState::Test => 5,
    }
}

/// The state of a stored number.
pub(crate) fn state_of(number: i64) -> Result<CodeState, Cause> {
    CodeState::ALL
        .into_iter()
        .find(|state| state_number(*state) == number)
        .ok_or_else(|| Cause::Damaged(format!("a code in state {number}")))
}

pub(crate) const CODE_COLUMNS: &str = "c.id, c.folded, c.shown, c.campaign, c.ordinal, c.state, \
    c.uses_made, c.holder, c.customer, c.expires_at_ms, c.assigned_incarnation, c.newest_entry, \
    c.grant_number";

/// A code as its columns tell.
pub(crate) fn code_row(row: &Row<'_>) -> Result<CodeRow, Cause> {
    Ok(CodeRow {
        id: row.int(0)?,
        folded: row.text(1)?,
        shown: row.maybe_text(2)?,
        campaign: row.int(3)?,
        ordinal: row.maybe_int(4)?,
        state: state_of(row.int(5)?)?,
        uses_made: row.count(6)?,
        holder: row.int(7)?,
        customer: row.maybe_int(8)?,
        expires_at_ms: row.maybe_int(9)?,
        assigned_incarnation: row.maybe_int(10)?,
        newest_entry: row.maybe_int(11)?,
        grant_number: row.int(12)?,
    })
}

/// The code of this local number.
pub(crate) fn by_id(tx: &Tx<'_>, code: i64) -> Result<Option<CodeRow>, Cause> {
    tx.one(
        &format!("SELECT {CODE_COLUMNS} FROM code c WHERE c.id = $1"),
        &[code.into()],
        code_row,
    )
}

/// The code at a place of a campaign's pool.
pub(crate) fn by_place(tx: &Tx<'_>, campaign: i64, ordinal: i64) -> Result<Option<CodeRow>, Cause> {
    tx.one(
        &format!(
            "SELECT {CODE_COLUMNS} FROM pool_slot p JOIN code c ON c.id = p.code \
             WHERE p.campaign = $1 AND p.ordinal = $2"
        ),
        &[campaign.into(), ordinal.into()],
        code_row,
    )
}

/// Whether the code of this local number exists for anybody: its batch is published.
pub(crate) fn is_published(tx: &Tx<'_>, code: i64) -> Result<bool, Cause> {
    Ok(tx
        .one(
            "SELECT b.is_published FROM code c JOIN batch b ON b.id = c.batch WHERE c.id = $1",
            &[code.into()],
            |row| row.int(0),
        )?
        .is_some_and(|is_published| is_published != 0))
}

/// The code of this folding, if its batch is published.
pub(crate) fn find(tx: &Tx<'_>, folded: &str) -> Result<Option<CodeRow>, Cause> {
    if let Some(row) = tx.group().and_then(|(group, _)| group.code(folded)) {
        return code_row(&Row::Postgres(&row)).map(Some);
    }
    tx.one(
        &format!(
            "SELECT {CODE_COLUMNS} FROM code c JOIN batch b ON b.id = c.batch \
             WHERE c.folded = $1 AND b.is_published = 1"
        ),
        &[folded.into()],
        code_row,
    )
}

/// Look-up comes first; what the text is otherwise matters only where it names no code.
pub(crate) fn look_up(
    tx: &Tx<'_>,
    raw: &[u8],
    allowed_hosts: &[String],
) -> Result<(Option<CodeRow>, Otherwise), Cause> {
    let reading = read_scan(raw, allowed_hosts, &[]);
    for candidate in &reading.candidates {
        if let Some(row) = find(tx, candidate.as_str())? {
            return Ok((Some(row), Otherwise::NotFound));
        }
    }
    let reading = read_scan(raw, allowed_hosts, &shapes(tx)?);
    if let Some(stand_in) = stand_in(tx, raw, &reading)? {
        return Ok((None, Otherwise::NotOurs(stand_in)));
    }
    Ok((None, otherwise(tx, reading)?))
}

/// What a campaign gives in the place of a code: what it says when its codes are gone, or a test
/// code of a life of this ledger that is not known any more.
fn stand_in(tx: &Tx<'_>, raw: &[u8], reading: &Reading) -> Result<Option<NotOurs>, Cause> {
    let plain = std::str::from_utf8(raw).map_or_else(|_| String::new(), stand_in_form);
    let is_read =
        |form: &str| form == plain || reading.candidates.iter().any(|code| code.as_str() == form);
    let fallbacks = fallbacks(tx)?;
    if let Some(said) = fallbacks.iter().find(|said| is_read(&said.form)) {
        return Ok(Some(NotOurs::Fallback {
            campaign: said.campaign.clone(),
        }));
    }
    let test = Shape::test();
    let is_test = reading
        .candidates
        .iter()
        .any(|code| test.matches(code.as_str()));
    Ok(is_test.then_some(NotOurs::TestCode))
}

/// What a campaign says when its codes are gone, in the form in which it is compared.
pub(crate) struct Fallback {
    pub(crate) campaign: String,
    pub(crate) form: String,
}

/// Every campaign's fallback.
pub(crate) fn fallbacks(tx: &Tx<'_>) -> Result<Vec<Fallback>, Cause> {
    let mut found = Vec::new();
    tx.each(
        "SELECT name, rules FROM campaign WHERE rules LIKE '%\"fallback\":\"%'",
        &[],
        |row| {
            let rules: Rules = serde_json::from_str(&row.text(1)?)?;
            if let Some(text) = &rules.fallback {
                found.push(Fallback {
                    campaign: row.text(0)?,
                    form: stand_in_form(text),
                });
            }
            Ok(())
        },
    )?;
    Ok(found)
}

/// The shapes of codes generated here.
pub(crate) fn shapes(tx: &Tx<'_>) -> Result<Vec<Shape>, Cause> {
    tx.all("SELECT prefix, length FROM shape", &[], |row| {
        let (prefix, length) = (row.text(0)?, row.count(1)? as usize);
        Ok(Shape { prefix, length })
    })
}

/// What a text is that names no code, where only the ledger can tell.
fn otherwise(tx: &Tx<'_>, reading: Reading) -> Result<Otherwise, Cause> {
    if let Some((first, second)) = &reading.halves
        && find(tx, first.as_str())?.is_some()
        && find(tx, second.as_str())?.is_some()
    {
        return Ok(Otherwise::NotOurs(NotOurs::SeveralCodes));
    }
    // A repair is never honoured: it only names the fault, and only where it names one code.
    let mut meant: Vec<(Layout, &FoldedCode)> = Vec::new();
    for (layout, repaired) in &reading.repairs {
        if find(tx, repaired.as_str())?.is_some() {
            meant.push((*layout, repaired));
        }
    }
    let is_one_code = meant.windows(2).all(|pair| match pair {
        [(_, one), (_, other)] => one == other,
        _ => true,
    });
    let layouts: Vec<Layout> = meant.iter().map(|(layout, _)| *layout).collect();
    Ok(MisreadHint::of_layouts(&layouts)
        .filter(|_| is_one_code)
        .map_or(reading.otherwise, Otherwise::Misread))
}

/// An entry that was told before, with its name.
pub(crate) fn redemption(tx: &Tx<'_>, head: &Head, entry: i64) -> Result<Redemption, Cause> {
    tx.one(
        "SELECT e.incarnation, e.seq, e.body, e.node, n.name, n.store FROM entry e \
         JOIN node n ON n.id = e.node WHERE e.id = $1",
        &[entry.into()],
        |row| {
            let node = row.int(3)?;
            let is_own = node == OWN_NODE;
            Ok(Redemption {
                entry,
                id: EntryId {
                    node: if is_own {
                        head.node.clone()
                    } else {
                        row.text(4)?
                    },
                    incarnation: row.count(0)?,
                    seq: row.int(1)?.unsigned_abs(),
                },
                body: serde_json::from_str(&row.text(2)?)?,
                node,
                store: row.maybe_text(5)?.filter(|_| !is_own),
            })
        },
    )?
    .ok_or_else(|| Cause::Damaged(format!("entry {entry} is missing")))
}

/// The newest redemption of a code that stands.
pub(crate) fn newest_redemption(
    tx: &Tx<'_>,
    head: &Head,
    row: &CodeRow,
) -> Result<Option<Redemption>, Cause> {
    let mut newest = None;
    each_standing(tx, row, |entry| {
        newest = Some(entry);
        Walk::Enough
    })?;
    newest.map(|entry| redemption(tx, head, entry)).transpose()
}

/// The first redemption of a code that stands: one that was certain comes before one that was not.
pub(crate) fn first_redemption(
    tx: &Tx<'_>,
    head: &Head,
    row: &CodeRow,
) -> Result<Option<Redemption>, Cause> {
    let mut standing = Vec::new();
    each_standing(tx, row, |entry| {
        standing.push(entry);
        Walk::On
    })?;
    let mut first: Option<Redemption> = None;
    for entry in standing {
        let told = redemption(tx, head, entry)?;
        // The oldest is read last.
        if first
            .as_ref()
            .is_none_or(|first| is_certain(&told) || !is_certain(first))
        {
            first = Some(told);
        }
    }
    Ok(first)
}

fn is_certain(told: &Redemption) -> bool {
    matches!(&told.body.fact, Fact::Redeemed { certainty, .. }
        if certainty == Certainty::Confirmed.as_str())
}

/// How many redemptions of a code stand, also those in excess.
pub(crate) fn standing_count(tx: &Tx<'_>, row: &CodeRow) -> Result<u32, Cause> {
    let mut count = 0;
    each_standing(tx, row, |_| {
        count += 1;
        Walk::On
    })?;
    Ok(count)
}

/// Whether to go on along a code's list of entries.
enum Walk {
    On,
    Enough,
}

/// Walks a code's entries, newest first, and names the redemptions among them that stand.
fn each_standing(
    tx: &Tx<'_>,
    row: &CodeRow,
    mut take: impl FnMut(i64) -> Walk,
) -> Result<(), Cause> {
    let mut next = row.newest_entry;
    while let Some(entry) = next {
        let (kind, reversal, previous) = tx
            .one(
                "SELECT e.kind, r.entry, e.previous_of_code FROM entry e \
                 LEFT JOIN reversal r ON r.redemption = e.id WHERE e.id = $1",
                &[entry.into()],
                |row| Ok((row.text(0)?, row.maybe_int(1)?, row.maybe_int(2)?)),
            )?
            .ok_or_else(|| Cause::Damaged(format!("entry {entry} is missing")))?;
        let stands = kind == "redeemed" && reversal.is_none();
        if stands && matches!(take(entry), Walk::Enough) {
            return Ok(());
        }
        next = previous;
    }
    Ok(())
}

/// The entry by which a code was assigned here; none: it came assigned.
pub(crate) fn assignment_of(
    tx: &Tx<'_>,
    head: &Head,
    row: &CodeRow,
) -> Result<Option<Redemption>, Cause> {
    let kind = if row.state == CodeState::Test {
        "test_drawn"
    } else {
        "assigned"
    };
    newest_of_kind(tx, row, kind)?
        .map(|entry| redemption(tx, head, entry))
        .transpose()
}

/// Why a code is void, where it is.
pub(crate) fn void_reason(tx: &Tx<'_>, row: &CodeRow) -> Result<Option<String>, Cause> {
    if row.state != CodeState::Void {
        return Ok(None);
    }
    let Some(entry) = newest_of_kind(tx, row, "voided")? else {
        // Ended elsewhere, as the hub tells it.
        return tx.one(
            "SELECT reason FROM ended WHERE code = $1",
            &[row.id.into()],
            |row| row.text(0),
        );
    };
    let text = tx.one(
        "SELECT text FROM side WHERE entry = $1",
        &[entry.into()],
        |row| row.text(0),
    )?;
    Ok(side_of(text.as_deref())?.reason)
}

/// The newest entry of a kind in a code's list.
pub(crate) fn newest_of_kind(
    tx: &Tx<'_>,
    row: &CodeRow,
    wanted: &str,
) -> Result<Option<i64>, Cause> {
    let mut next = row.newest_entry;
    while let Some(entry) = next {
        let (kind, previous) = tx
            .one(
                "SELECT kind, previous_of_code FROM entry WHERE id = $1",
                &[entry.into()],
                |row| Ok((row.text(0)?, row.maybe_int(1)?)),
            )?
            .ok_or_else(|| Cause::Damaged(format!("entry {entry} is missing")))?;
        if kind == wanted {
            return Ok(Some(entry));
        }
        next = previous;
    }
    Ok(None)
}
