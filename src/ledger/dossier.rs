//! Everything known about a person, gathered from all tables: in pages, so that no view is held for long.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::domain::conflict::{ConflictStory, Decision};
use crate::domain::dossier::{
    Dossier, DossierAlike, DossierCode, DossierConflict, DossierContact, DossierDay,
    DossierElsewhere, DossierEntry, DossierQuestion, DossierSlip,
};
use crate::domain::entry::instant;
use crate::domain::escape::for_display;
use crate::domain::refusal::Refusal;
use crate::ledger::chain::Head;
use crate::ledger::codes::{CodeRow, by_id};
use crate::ledger::customers::described;
use crate::ledger::engine::Tx;
use crate::ledger::error::{Cause, Naming as _};
use crate::ledger::person::{EntryAbout, Person, attempts_about, entries_about};
use crate::ledger::{Ledger, LedgerError, campaigns, conflicts, slips};

impl Ledger {
    /// Everything known about a person, with their full contacts.
    pub fn export_customer(&mut self, id: &str) -> Result<Result<Dossier, Refusal>, LedgerError> {
        export(self, id).naming("export", "a customer")
    }
}

fn export(ledger: &mut Ledger, id: &str) -> Result<Result<Dossier, Refusal>, Cause> {
    let region = ledger.phone_region;
    let begun = ledger.engine.read(|tx| {
        let Some(person) = Person::find(tx, id, region)? else {
            return Ok(None);
        };
        let dossier = dossier(tx, &person)?;
        Ok(Some((person, dossier, Head::load(tx)?)))
    })?;
    let Some((person, mut dossier, head)) = begun else {
        return Ok(Err(Refusal::NoSuchCustomer(for_display(id))));
    };
    let mut after = Some(0);
    while let Some(from) = after {
        let (about, last) = ledger.engine.read(|tx| entries_about(tx, &person, from))?;
        for entry in about {
            dossier.entries.push(exported(entry, &head)?);
        }
        after = last;
    }
    let mut after = Some(0);
    while let Some(from) = after {
        let (about, last) = ledger.engine.read(|tx| attempts_about(tx, &person, from))?;
        dossier
            .attempts
            .extend(about.into_iter().map(|attempt| attempt.line));
        after = last;
    }
    Ok(Ok(dossier))
}

fn exported(entry: EntryAbout, head: &Head) -> Result<DossierEntry, Cause> {
    let unread = DossierEntry {
        id: entry.id.to_string(),
        at: instant(entry.at_ms),
        kind: entry.kind,
        campaign: None,
        code: None,
        store: entry.store.unwrap_or_else(|| head.store.clone()),
        counter: None,
        operator: None,
        key: None,
        fact: None,
        said: entry.side,
    };
    let Some(body) = entry.body else {
        return Ok(unread);
    };
    Ok(DossierEntry {
        campaign: body.campaign.map(|campaign| campaign.to_string()),
        code: body.code,
        counter: Some(body.counter),
        operator: body.operator,
        key: body.key,
        fact: Some(serde_json::to_value(&body.fact)?),
        ..unread
    })
}

fn dossier(tx: &Tx<'_>, person: &Person) -> Result<Dossier, Cause> {
    let shown = described(tx, person.customer)?;
    let mut dossier = Dossier {
        customer_id: shown.customer_id,
        former_ids: person.ids.iter().skip(1).cloned().collect(),
        name: shown.name,
        consented_at: shown.consented_at,
        erased_at: shown.erased_at,
        contacts: person
            .contacts
            .iter()
            .map(|(kind, form)| DossierContact {
                kind: kind.as_str(),
                contact: form.clone(),
            })
            .collect(),
        recognised_by: Vec::new(),
        tests: Vec::new(),
        alike: Vec::new(),
        codes: Vec::new(),
        days: Vec::new(),
        slips: Vec::new(),
        entries: Vec::new(),
        attempts: Vec::new(),
        conflicts: Vec::new(),
        questions: Vec::new(),
    };
    for number in &person.numbers {
        of_customer(tx, *number, &mut dossier)?;
    }
    dossier.recognised_by.sort();
    dossier.recognised_by.dedup();
    for code in &person.codes {
        if let Some(row) = by_id(tx, *code)? {
            dossier.codes.push(of_code(tx, *code, &row)?);
            slips_of(tx, *code, &row, &mut dossier.slips)?;
        }
    }
    dossier.conflicts = conflicts_about(tx, &dossier)?;
    dossier.questions = questions_about(tx, person)?;
    Ok(dossier)
}

/// What is kept of one customer beside their contacts and codes.
fn of_customer(tx: &Tx<'_>, customer: i64, dossier: &mut Dossier) -> Result<(), Cause> {
    let of = &[customer.into()];
    dossier.recognised_by.extend(tx.all(
        "SELECT m.name FROM contact_hash h JOIN campaign m ON m.id = h.campaign \
         WHERE h.customer = $1",
        of,
        |row| row.text(0),
    )?);
    dossier.tests.extend(tx.all(
        "SELECT m.name FROM test_customer t JOIN campaign m ON m.id = t.campaign \
         WHERE t.customer = $1 ORDER BY m.name",
        of,
        |row| row.text(0),
    )?);
    let ways = [
        "SELECT m.name, c.public_id FROM likeness l JOIN campaign m ON m.id = l.campaign \
         JOIN customer c ON c.id = l.other WHERE l.customer = $1 ORDER BY m.name, c.public_id",
        "SELECT m.name, c.public_id FROM likeness l JOIN campaign m ON m.id = l.campaign \
         JOIN customer c ON c.id = l.customer WHERE l.other = $1 ORDER BY m.name, c.public_id",
    ];
    for way in ways {
        dossier.alike.extend(tx.all(way, of, |row| {
            Ok(DossierAlike {
                campaign: row.text(0)?,
                customer_id: row.text(1)?,
            })
        })?);
    }
    dossier.days.extend(tx.all(
        "SELECT m.name, d.day, d.amount FROM customer_day d JOIN campaign m ON m.id = d.campaign \
         WHERE d.customer = $1 ORDER BY d.day, m.name",
        of,
        |row| {
            Ok(DossierDay {
                campaign: row.text(0)?,
                day: Date::constant(1970, 1, 1).saturating_add(row.int(1)?.days()),
                redemptions: row.count(2)?,
            })
        },
    )?);
    Ok(())
}

fn of_code(tx: &Tx<'_>, code: i64, row: &CodeRow) -> Result<DossierCode, Cause> {
    let campaign = campaigns::load(tx, row.campaign)?;
    let ended = tx.one(
        "SELECT reason FROM ended WHERE code = $1",
        &[code.into()],
        |row| row.text(0),
    )?;
    let elsewhere = tx.one(
        "SELECT at_ms, store, counter, operator FROM story WHERE code = $1",
        &[code.into()],
        |row| {
            Ok(DossierElsewhere {
                at: instant(row.int(0)?),
                store: row.text(1)?,
                counter: row.text(2)?,
                operator: row.maybe_text(3)?,
            })
        },
    )?;
    Ok(DossierCode {
        code: row.as_stored().to_owned(),
        campaign: campaign.id.to_string(),
        offer: campaign.rules.offer.clone(),
        state: row.state.as_str(),
        uses_made: row.uses_made,
        expires_at: campaign.rules.end_of_code(row.expires_at_ms.map(instant)),
        ended,
        elsewhere,
    })
}

fn slips_of(
    tx: &Tx<'_>,
    code: i64,
    row: &CodeRow,
    found: &mut Vec<DossierSlip>,
) -> Result<(), Cause> {
    tx.each(
        "SELECT copy, at_ms, counter, state, why, words FROM slip WHERE code = $1 ORDER BY copy",
        &[code.into()],
        |slip| {
            let words = slip.maybe_text(5)?;
            found.push(DossierSlip {
                code: row.as_stored().to_owned(),
                copy: slip.count(0)?,
                at: instant(slip.int(1)?),
                counter: slip.text(2)?,
                state: slips::state_of(slip.int(3)?)?.as_str(),
                why: slip.maybe_text(4)?,
                words: words.as_deref().map(serde_json::from_str).transpose()?,
            });
            Ok(())
        },
    )
}

/// Conflicts that name them, or a code of theirs.
fn conflicts_about(tx: &Tx<'_>, dossier: &Dossier) -> Result<Vec<DossierConflict>, Cause> {
    let is_theirs = |code: &Option<String>| {
        code.as_ref()
            .is_some_and(|code| dossier.codes.iter().any(|theirs| theirs.code == *code))
    };
    let is_them = |id: &Option<String>| {
        id.as_ref()
            .is_some_and(|id| *id == dossier.customer_id || dossier.former_ids.contains(id))
    };
    let mut about = conflicts::every(tx)?;
    about.retain(|conflict| {
        let names = |story: &ConflictStory| is_theirs(&story.code) || is_them(&story.customer);
        is_theirs(&conflict.code) || conflict.stories.iter().any(names)
    });
    Ok(about
        .into_iter()
        .map(|conflict| DossierConflict {
            number: conflict.number,
            kind: conflict.kind.as_str(),
            raised_at: conflict.raised_at,
            stories: conflict.stories,
            decision: conflict
                .settled
                .as_ref()
                .and_then(|settled| settled.decision)
                .map(Decision::as_str),
            reason: conflict
                .settled
                .as_ref()
                .map(|settled| settled.reason.clone()),
            settled_by: conflict.settled.and_then(|settled| settled.by),
        })
        .collect())
}

/// Questions to the hub that are about a code of theirs, or hold a contact of theirs.
fn questions_about(tx: &Tx<'_>, person: &Person) -> Result<Vec<DossierQuestion>, Cause> {
    let mut about = Vec::new();
    tx.each(
        "SELECT code, question, at_ms, counter FROM pending ORDER BY at_ms, counter, key",
        &[],
        |row| {
            let question = row.text(1)?;
            let is_theirs = row
                .maybe_int(0)?
                .is_some_and(|code| person.codes.contains(&code));
            if is_theirs || person.is_mentioned(&question) {
                about.push(DossierQuestion {
                    at: instant(row.int(2)?),
                    counter: row.text(3)?,
                    question: serde_json::from_str(&question)?,
                });
            }
            Ok(())
        },
    )?;
    Ok(about)
}
