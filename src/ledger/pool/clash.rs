//! Whether sorted codes are in the ledger already: one walk along its index, in pages.

use crate::domain::code_list::RowFault;
use crate::ledger::campaigns;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::pool::Job;

/// Codes read at once: few where the new codes lie far apart, many where they lie close.
const PAGE_MIN: u32 = 4;
const PAGE_MAX: u32 = 4096;

/// A place in the ledger's codes, in their folded order. Keys must be asked for in order.
pub(super) struct Clashes {
    page: Vec<(String, i64)>,
    at: usize,
    page_len: u32,
    asked: usize,
    is_end: bool,
}

impl Clashes {
    pub(super) fn new() -> Clashes {
        Clashes {
            page: Vec::new(),
            at: 0,
            page_len: 64,
            asked: 0,
            is_end: false,
        }
    }

    /// The id of the code with this folding, published or not.
    pub(super) fn find(
        &mut self,
        job: &mut Job<'_, '_>,
        folded: &str,
    ) -> Result<Option<i64>, Cause> {
        self.asked += 1;
        loop {
            while let Some((known, id)) = self.page.get(self.at) {
                if known.as_str() >= folded {
                    return Ok((known == folded).then_some(*id));
                }
                self.at += 1;
            }
            if self.is_end {
                return Ok(None);
            }
            self.turn(job, folded)?;
        }
    }

    fn turn(&mut self, job: &mut Job<'_, '_>, folded: &str) -> Result<(), Cause> {
        self.page_len = if self.asked * 4 < self.page.len() {
            (self.page_len / 2).max(PAGE_MIN)
        } else {
            (self.page_len * 2).min(PAGE_MAX)
        };
        let wanted = self.page_len;
        self.page = job.read(|tx| {
            tx.all(
                "SELECT folded, id FROM code WHERE folded >= $1 ORDER BY folded LIMIT $2",
                &[folded.into(), wanted.into()],
                |row| Ok((row.text(0)?, row.int(1)?)),
            )
        })?;
        self.is_end = self.page.len() < wanted as usize;
        self.at = 0;
        self.asked = 0;
        Ok(())
    }
}

/// What is said of a row whose code the ledger has.
pub(super) fn fault_of(tx: &Tx<'_>, code: i64, shown: &str) -> Result<RowFault, Cause> {
    let (known, campaign) = tx
        .one(
            "SELECT coalesce(c.shown, c.folded), m.name FROM code c \
             JOIN campaign m ON m.id = c.campaign WHERE c.id = $1",
            &[code.into()],
            |row| Ok((row.text(0)?, row.text(1)?)),
        )?
        .ok_or_else(|| Cause::Changed("a code was just removed".into()))?;
    let campaign = campaigns::id_of(&campaign)?;
    Ok(if known == shown {
        RowFault::Known { campaign }
    } else {
        RowFault::KnownClash { campaign, known }
    })
}
