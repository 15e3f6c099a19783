//! What a counter has given out lately, to be taken back.

use crate::domain::campaign::Rules;
use crate::domain::claim::{GivenOut, cancel_fault};
use crate::domain::entry::{Body, instant};
use crate::domain::ids::CampaignId;
use crate::domain::sign_up::GivenOutChoice;
use crate::domain::verdict::CodeState;
use crate::ledger::chain::OWN_NODE;
use crate::ledger::codes::state_number;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::{Act, Ledger, LedgerError, campaigns};

/// A counter's newest acts stand near the end of the ledger.
const LOOKED_AT: i64 = 2_000;

impl Ledger {
    /// The codes that this counter may take back, newest first.
    pub fn given_out_choices(
        &mut self,
        most: usize,
        act: &Act,
    ) -> Result<Vec<GivenOutChoice>, LedgerError> {
        self.read("list", "codes given out", |tx| choices(tx, most, act))
    }
}

impl Ledger {
    /// The campaigns of which this counter has given codes out, the newest first.
    pub fn given_out_campaigns(&mut self, act: &Act) -> Result<Vec<CampaignId>, LedgerError> {
        self.read("list", "campaigns given out", |tx| lately_given(tx, act))
    }
}

fn lately_given(tx: &Tx<'_>, act: &Act) -> Result<Vec<CampaignId>, Cause> {
    let mut given = Vec::new();
    tx.each(
        "SELECT e.body, m.name FROM entry e JOIN campaign m ON m.id = e.campaign \
         WHERE e.id > (SELECT coalesce(max(id), 0) FROM entry) - $1 AND e.kind = 'assigned' \
         AND e.node = $2 ORDER BY e.id DESC",
        &[LOOKED_AT.into(), OWN_NODE.into()],
        |row| {
            let body: Body = serde_json::from_str(&row.text(0)?)?;
            let campaign = campaigns::id_of(&row.text(1)?)?;
            if body.counter == act.counter && !given.contains(&campaign) {
                given.push(campaign);
            }
            Ok(())
        },
    )?;
    Ok(given)
}

fn choices(tx: &Tx<'_>, most: usize, act: &Act) -> Result<Vec<GivenOutChoice>, Cause> {
    let mut choices = Vec::new();
    tx.each(
        "SELECT e.body, coalesce(c.shown, c.folded), c.uses_made, m.name, m.rules, u.name \
         FROM entry e JOIN code c ON c.id = e.code JOIN campaign m ON m.id = e.campaign \
         LEFT JOIN customer u ON u.id = c.customer \
         WHERE e.id > (SELECT coalesce(max(id), 0) FROM entry) - $1 AND e.kind = 'assigned' \
         AND c.state = $2 AND e.node = $3 ORDER BY e.id DESC",
        &[
            LOOKED_AT.into(),
            state_number(CodeState::Assigned).into(),
            OWN_NODE.into(),
        ],
        |row| {
            let body: Body = serde_json::from_str(&row.text(0)?)?;
            let given_out = GivenOut {
                at_ms: body.at_ms,
                counter: &body.counter,
            };
            let now_ms = act.now.as_millisecond();
            let fault = cancel_fault(Some(given_out), row.count(2)?, &act.counter, now_ms);
            if choices.len() >= most || fault.is_some() {
                return Ok(());
            }
            let rules: Rules = serde_json::from_str(&row.text(4)?)?;
            choices.push(GivenOutChoice {
                code: row.text(1)?,
                campaign: campaigns::id_of(&row.text(3)?)?,
                offer: rules.offer,
                name: row.maybe_text(5)?,
                at: instant(body.at_ms),
            });
            Ok(())
        },
    )?;
    Ok(choices)
}
