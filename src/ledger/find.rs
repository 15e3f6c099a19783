//! What a desk looks for: customers by a contact, a name, a code or the end of one, and the life of a
//! code. Nothing here changes anything.

use crate::domain::campaign::Rules;
use crate::domain::claim::told_state;
use crate::domain::customer::FullContacts;
use crate::domain::entry::instant;
use crate::domain::finding::{FOUND_MAX, Finding, FoundCode, FoundLife, Holder, code_ending};
use crate::domain::ids::Key;
use crate::domain::refusal::Refusal;
use crate::domain::verdict::CodeState;
use crate::ledger::codes::{CodeRow, find, look_up, state_of};
use crate::ledger::customers::{by_name, by_public_id, contacts_of, described, known_as};
use crate::ledger::engine::{Row, Tx};
use crate::ledger::error::Cause;
use crate::ledger::log::{life, no_such};
use crate::ledger::{Act, Ledger, LedgerError, attempts, campaigns};

/// How many codes are looked through for their ends in one view of the ledger: a scan that comes
/// meanwhile waits no longer than that takes.
const SLICE: i64 = 100_000;

/// How many codes of one holder are listed.
const CODES_MAX: i64 = 50;

/// The columns of a code in a list, and where they come from.
const LISTED: &str = "SELECT coalesce(c.shown, c.folded), m.name, c.state, c.expires_at_ms, \
    e.at_ms, m.rules FROM code c JOIN campaign m ON m.id = c.campaign \
    JOIN batch b ON b.id = c.batch LEFT JOIN entry e ON e.id = c.newest_entry";

impl Ledger {
    /// Whom a text names: an id, a contact, a part of a name, or a whole code, which is named alone.
    /// At most twenty.
    pub fn find(&mut self, text: &str, act: &Act) -> Result<Finding, LedgerError> {
        let region = self.phone_region;
        self.read("find", "customers", |tx| {
            let mut customers = known_as(tx, text, region)?;
            if customers.is_empty() {
                if let (Some(row), _) = look_up(tx, text.as_bytes(), &[])? {
                    return Ok(Finding {
                        code: Some(row.as_stored().to_owned()),
                        ..Finding::default()
                    });
                }
                customers = by_name(tx, text)?;
            }
            let has_more = customers.len() >= FOUND_MAX;
            let holders = customers
                .into_iter()
                .map(|customer| holder(tx, customer, act))
                .collect::<Result<_, _>>()?;
            Ok(Finding {
                holders,
                has_more,
                code: None,
            })
        })
    }

    /// Whose codes end so, among the next codes after one (in the order of their folding); the last
    /// one looked at, where there are more to look through. Codes that nobody was given stay unsaid:
    /// whoever knew one could use it.
    ///
    /// It goes through the index of foldings alone, a tenth of a second at a time.
    pub fn find_by_ending(
        &mut self,
        text: &str,
        after: &str,
        act: &Act,
    ) -> Result<(Finding, Option<String>), LedgerError> {
        self.read("find", "codes", |tx| by_ending(tx, text, after, act))
    }

    /// How a customer is known, in full; that somebody was shown it is kept as an attempt with their
    /// name.
    pub fn full_contacts(
        &mut self,
        id: &str,
        act: &Act,
    ) -> Result<Result<FullContacts, Refusal>, LedgerError> {
        self.write("show", "a contact", |writing| {
            let tx = writing.tx;
            let Some((customer, customer_id)) = by_public_id(tx, id)? else {
                return Ok(Err(Refusal::NoSuchCustomer(id.to_owned())));
            };
            let contacts = contacts_of(tx, customer)?
                .into_iter()
                .map(|(kind, form)| (kind.as_str(), form))
                .collect();
            let name = described(tx, customer)?.name;
            attempts::note(
                writing,
                act,
                &attempts::Attempt {
                    kind: "show_contact",
                    answer: "shown",
                    customer: Some(customer),
                    ..attempts::Attempt::default()
                },
            )?;
            Ok(Ok(FullContacts {
                customer_id,
                name,
                contacts,
            }))
        })
    }

    /// The life of a code, with what may be done about it; `key` is for its replacement.
    pub fn found_life(
        &mut self,
        raw: &[u8],
        key: &Key,
    ) -> Result<Result<FoundLife, Refusal>, LedgerError> {
        self.read("read", "a code", |tx| match look_up(tx, raw, &[])? {
            (Some(row), _) => found_life(tx, &row, key).map(Ok),
            (None, _) => Ok(Err(no_such(raw))),
        })
    }
}

fn by_ending(
    tx: &Tx<'_>,
    text: &str,
    after: &str,
    act: &Act,
) -> Result<(Finding, Option<String>), Cause> {
    let mut finding = Finding::default();
    let Some(ending) = code_ending(text) else {
        return Ok((finding, None));
    };
    let mut matching = Vec::new();
    let mut last = None;
    let mut seen = 0;
    tx.each(
        "SELECT folded FROM code WHERE folded > $1 ORDER BY folded LIMIT $2",
        &[after.into(), SLICE.into()],
        |row| {
            let folded = row.text(0)?;
            seen += 1;
            if folded.ends_with(ending.as_str()) {
                matching.push(folded.clone());
            }
            if seen == SLICE {
                last = Some(folded);
            }
            Ok(())
        },
    )?;
    for folded in matching {
        // Only published codes are found so.
        let Some(row) = find(tx, &folded)? else {
            continue;
        };
        if row.state == CodeState::Available {
            continue;
        }
        let found = match row.customer {
            Some(customer) => holder(tx, customer, act)?,
            None => given_out(tx, &row, act)?,
        };
        finding.extend(Finding {
            holders: vec![found],
            ..Finding::default()
        });
        if finding.has_more {
            return Ok((finding, None));
        }
    }
    Ok((finding, last))
}

/// A customer with their codes, the newest first.
fn holder(tx: &Tx<'_>, customer: i64, act: &Act) -> Result<Holder, Cause> {
    let known = described(tx, customer)?;
    let codes = tx.all(
        &format!(
            "{LISTED} JOIN customer_slot s ON s.code = c.id \
             WHERE s.customer = $1 AND b.is_published = 1 \
             ORDER BY s.campaign DESC, s.slot DESC LIMIT $2"
        ),
        &[customer.into(), CODES_MAX.into()],
        |row| found_code(row, act),
    )?;
    Ok(Holder {
        customer_id: Some(known.customer_id),
        name: known.name,
        contacts: known.contacts,
        codes,
    })
}

/// A code that nobody known has.
fn given_out(tx: &Tx<'_>, row: &CodeRow, act: &Act) -> Result<Holder, Cause> {
    let codes = tx.all(
        &format!("{LISTED} WHERE c.id = $1"),
        &[row.id.into()],
        |row| found_code(row, act),
    )?;
    Ok(Holder {
        customer_id: None,
        name: None,
        contacts: Vec::new(),
        codes,
    })
}

fn found_code(row: &Row<'_>, act: &Act) -> Result<FoundCode, Cause> {
    let rules: Rules = serde_json::from_str(&row.text(5)?)?;
    let expires_at = rules.end_of_code(row.maybe_int(3)?.map(instant));
    let (state, _) = told_state(state_of(row.int(2)?)?, expires_at, act.now);
    Ok(FoundCode {
        code: row.text(0)?,
        campaign: row.text(1)?,
        state,
        changed_at: row.maybe_int(4)?.map(instant),
        expires_at,
    })
}

fn found_life(tx: &Tx<'_>, row: &CodeRow, key: &Key) -> Result<FoundLife, Cause> {
    let campaign = campaigns::load(tx, row.campaign)?;
    let (name, contacts) = match row.customer {
        Some(customer) => {
            let known = described(tx, customer)?;
            (known.name, known.contacts)
        }
        None => (None, Vec::new()),
    };
    Ok(FoundLife {
        life: life(tx, row)?,
        offer: campaign.rules.offer,
        uses: campaign.rules.uses,
        name,
        contacts,
        key: key.clone(),
    })
}
