//! Joining two customers who are one person: what the one has becomes the other's, and both ids
//! find them. Both keep their codes; with more than the campaign allows, the oldest live one is told.

use crate::domain::customer::Customer;
use crate::domain::entry::{Fact, Side};
use crate::domain::escape::for_display;
use crate::domain::refusal::Refusal;
use crate::ledger::agreed::Persons;
use crate::ledger::codes::{by_id, newest_of_kind};
use crate::ledger::customers::{
    CustomerSlot, Recognition, by_public_id, campaigns_of, contacts_of, described, hold,
    kind_number, slots_of,
};
use crate::ledger::edit::recognise_everywhere;
use crate::ledger::engine::Tx;
use crate::ledger::error::Cause;
use crate::ledger::feed::{EVERYBODY, FeedKind, has_stores, touch};
use crate::ledger::{
    Act, Ledger, LedgerError, Setting, Writing, campaigns, second_code, setting_of, test_mode,
};

impl Ledger {
    /// Makes everything of the customer `gone` that of the customer `kept`.
    pub fn join_customers(
        &mut self,
        kept: &str,
        gone: &str,
        reason: &str,
        act: &Act,
    ) -> Result<Result<Customer, Refusal>, LedgerError> {
        self.write_zeroing("join", "two customers", |writing| {
            join(writing, kept, gone, reason, act)
        })
    }
}

fn join(
    writing: &mut Writing<'_, '_>,
    kept: &str,
    gone: &str,
    reason: &str,
    act: &Act,
) -> Result<Result<Customer, Refusal>, Cause> {
    let unknown = |id: &str| Ok(Err(Refusal::NoSuchCustomer(for_display(id))));
    let Some((kept, kept_id)) = by_public_id(writing.tx, kept)? else {
        return unknown(kept);
    };
    let Some((gone, gone_id)) = by_public_id(writing.tx, gone)? else {
        return unknown(gone);
    };
    if kept == gone {
        return Ok(Err(Refusal::OneCustomer(kept_id, gone_id)));
    }
    let tx = writing.tx;
    hold(tx, &[kept, gone])?;
    let persons = merge(tx, kept, gone)?;
    // A store's own join is told to its hub, and raised there.
    if has_stores(tx)? {
        second_code::look(tx, &writing.head, &persons, act.now.as_millisecond())?;
    }
    writing.append(
        Fact::CustomersJoined { gone: gone_id },
        &Setting {
            customer: Some(&kept_id),
            side: Side {
                reason: Some(reason.to_owned()),
                ..Side::default()
            },
            ..setting_of(act)
        },
    )?;
    described(writing.tx, kept).map(Ok)
}

/// Moves everything of one customer to another; answers the campaigns in which they have codes.
pub(crate) fn merge(tx: &Tx<'_>, kept: i64, gone: i64) -> Result<Persons, Cause> {
    let pair = Pair { kept, gone };
    pair.move_hashes(tx)?;
    pair.move_contacts(tx)?;
    for campaign in campaigns_of(tx, gone)? {
        pair.move_codes(tx, campaign)?;
    }
    pair.move_days(tx)?;
    pair.move_tests(tx)?;
    pair.move_words(tx)?;
    pair.move_likeness(tx)?;
    recognise_everywhere(tx, kept)?;
    for customer in [kept, gone] {
        touch(tx, FeedKind::Customer, customer, EVERYBODY)?;
    }
    let campaigns = campaigns_of(tx, kept)?;
    Ok(campaigns.into_iter().map(|at| (at, kept)).collect())
}

struct Pair {
    kept: i64,
    gone: i64,
}

impl Pair {
    /// The hashes of what is readable. Those of what was erased or removed cannot be found by
    /// customer: they go on naming who is gone, and are followed from there.
    fn move_hashes(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        recognise_everywhere(tx, self.gone)?;
        let contacts = contacts_of(tx, self.gone)?;
        for campaign in campaigns::every(tx)? {
            let rules = campaigns::load(tx, campaign)?.rules;
            let recognition = Recognition::of(tx, campaign, &rules)?;
            for (kind, form) in &contacts {
                for hash in recognition.hashes(*kind, form)? {
                    tx.execute(
                        "UPDATE contact_hash SET customer = $1 \
                         WHERE campaign = $2 AND hash = $3 AND customer = $4",
                        &[
                            self.kept.into(),
                            campaign.into(),
                            hash.as_slice().into(),
                            self.gone.into(),
                        ],
                    )?;
                }
            }
        }
        Ok(())
    }

    fn move_contacts(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        for (kind, form) in contacts_of(tx, self.gone)? {
            // Seen from here on, also where an import under way has brought it too.
            tx.execute(
                "INSERT INTO contact (customer, kind, normal_form) VALUES ($1, $2, $3) \
                 ON CONFLICT (customer, kind, normal_form) DO UPDATE SET batch = NULL",
                &[self.kept.into(), kind_number(kind).into(), (&form).into()],
            )?;
            tx.execute(
                "DELETE FROM contact WHERE customer = $1 AND kind = $2 AND normal_form = $3",
                &[self.gone.into(), kind_number(kind).into(), (&form).into()],
            )?;
        }
        // What an import under way has brought is that import's, until it is published.
        let unseen = tx.all(
            "SELECT kind, normal_form, batch FROM contact WHERE customer = $1",
            &[self.gone.into()],
            |row| Ok((row.int(0)?, row.text(1)?, row.maybe_int(2)?)),
        )?;
        for (kind, form, batch) in unseen {
            tx.execute(
                "INSERT INTO contact (customer, kind, normal_form, batch) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &[self.kept.into(), kind.into(), (&form).into(), batch.into()],
            )?;
        }
        tx.execute(
            "DELETE FROM contact WHERE customer = $1",
            &[self.gone.into()],
        )?;
        Ok(())
    }

    /// The codes of a campaign and their slots, which from here on stand by age.
    fn move_codes(&self, tx: &Tx<'_>, campaign: i64) -> Result<(), Cause> {
        let kept = aged(tx, slots_of(tx, campaign, self.kept)?)?;
        let gone = aged(tx, slots_of(tx, campaign, self.gone)?)?;
        for (_, code) in &gone {
            tx.execute(
                "UPDATE code SET customer = $1 WHERE id = $2 AND customer = $3",
                &[self.kept.into(), (*code).into(), self.gone.into()],
            )?;
            touch(tx, FeedKind::Code, *code, EVERYBODY)?;
        }
        for customer in [self.kept, self.gone] {
            tx.execute(
                "DELETE FROM customer_slot WHERE campaign = $1 AND customer = $2",
                &[campaign.into(), customer.into()],
            )?;
        }
        for (slot, code) in (1_i64..).zip(merged(&kept, &gone)) {
            tx.execute(
                "INSERT INTO customer_slot (campaign, customer, slot, code) \
                 VALUES ($1, $2, $3, $4)",
                &[campaign.into(), self.kept.into(), slot.into(), code.into()],
            )?;
        }
        Ok(())
    }

    fn move_days(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        for campaign in campaigns::every(tx)? {
            let days = tx.all(
                "SELECT day, amount FROM customer_day WHERE campaign = $1 AND customer = $2",
                &[campaign.into(), self.gone.into()],
                |row| Ok((row.int(0)?, row.int(1)?)),
            )?;
            for (day, amount) in days {
                tx.execute(
                    "INSERT INTO customer_day (campaign, customer, day, amount) \
                     VALUES ($1, $2, $3, $4) ON CONFLICT (campaign, customer, day) \
                     DO UPDATE SET amount = customer_day.amount + excluded.amount",
                    &[campaign.into(), self.kept.into(), day.into(), amount.into()],
                )?;
            }
            tx.execute(
                "DELETE FROM customer_day WHERE campaign = $1 AND customer = $2",
                &[campaign.into(), self.gone.into()],
            )?;
        }
        Ok(())
    }

    fn move_tests(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        for campaign in campaigns::every(tx)? {
            for code in test_mode::codes_of(tx, campaign, self.gone)? {
                tx.execute(
                    "UPDATE code SET customer = $1 WHERE id = $2 AND customer = $3",
                    &[self.kept.into(), code.into(), self.gone.into()],
                )?;
            }
            let removed = tx.execute(
                "DELETE FROM test_customer WHERE campaign = $1 AND customer = $2",
                &[campaign.into(), self.gone.into()],
            )?;
            if removed > 0 {
                tx.execute(
                    "INSERT INTO test_customer (campaign, customer) VALUES ($1, $2) \
                     ON CONFLICT DO NOTHING",
                    &[campaign.into(), self.kept.into()],
                )?;
            }
        }
        Ok(())
    }

    /// Whoever was taken for the same person as who is gone is so as who is kept.
    fn move_likeness(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        for campaign in campaigns::every(tx)? {
            let others = tx.all(
                "SELECT other FROM likeness WHERE campaign = $1 AND customer = $2",
                &[campaign.into(), self.gone.into()],
                |row| row.int(0),
            )?;
            for other in others {
                if other != self.kept {
                    second_code::are_alike(tx, campaign, self.kept, other)?;
                }
            }
        }
        Ok(())
    }

    /// Name and consent, where the one who is kept has none; then who is gone is nobody any more.
    fn move_words(&self, tx: &Tx<'_>) -> Result<(), Cause> {
        let words = tx.one(
            "SELECT name, name_form, consented_at_ms FROM customer WHERE id = $1",
            &[self.gone.into()],
            |row| Ok((row.maybe_text(0)?, row.maybe_text(1)?, row.maybe_int(2)?)),
        )?;
        let (name, form, consented_at_ms) = words.unwrap_or_default();
        tx.execute(
            "UPDATE customer SET name = $1, name_form = $2 WHERE id = $3 AND name IS NULL",
            &[name.as_ref().into(), form.as_ref().into(), self.kept.into()],
        )?;
        tx.execute(
            "UPDATE customer SET consented_at_ms = $1 WHERE id = $2 AND consented_at_ms IS NULL",
            &[consented_at_ms.into(), self.kept.into()],
        )?;
        let joined = tx.execute(
            "UPDATE customer SET joined_to = $1, name = NULL, name_form = NULL, \
             consented_at_ms = NULL WHERE id = $2 AND joined_to IS NULL",
            &[self.kept.into(), self.gone.into()],
        )?;
        if joined == 1 {
            Ok(())
        } else {
            Err(Cause::Changed(
                "this customer was just joined to another".into(),
            ))
        }
    }
}

/// When a code came to its customer: by the entry of its assignment. What came given out by others
/// was in their hand before.
type Age = (i64, i64);

fn aged(tx: &Tx<'_>, slots: Vec<CustomerSlot>) -> Result<Vec<(Age, i64)>, Cause> {
    slots
        .into_iter()
        .map(|slot| {
            let row = by_id(tx, slot.code)?;
            let assigned = match &row {
                Some(row) => newest_of_kind(tx, row, "assigned")?,
                None => None,
            };
            let entry = assigned.unwrap_or(0);
            Ok(((entry, slot.code), slot.code))
        })
        .collect()
}

/// Two lists of codes as one, by age; each keeps its own order, in which the newest is last.
fn merged(kept: &[(Age, i64)], gone: &[(Age, i64)]) -> Vec<i64> {
    let (mut kept, mut gone) = (kept.iter().peekable(), gone.iter().peekable());
    let mut codes = Vec::new();
    loop {
        let next = match (kept.peek(), gone.peek()) {
            (Some((own, _)), Some((other, _))) if other < own => gone.next(),
            (Some(_), _) => kept.next(),
            (None, _) => gone.next(),
        };
        let Some((_, code)) = next else {
            return codes;
        };
        codes.push(*code);
    }
}

#[cfg(test)]
mod tests {
    use super::merged;

    #[test]
    fn two_lists_are_one_by_age_and_each_keeps_its_order() {
        let slot = |age, code| ((age, code), code);
        let kept = [slot(3, 1), slot(9, 2)];
        let gone = [slot(1, 3), slot(5, 4), slot(0, 5), slot(12, 6)];
        assert_eq!(merged(&kept, &gone), [3, 1, 4, 5, 2, 6]);
        assert_eq!(merged(&kept, &[]), [1, 2]);
        assert_eq!(merged(&[], &kept), [1, 2]);
    }
}
