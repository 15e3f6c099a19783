//! Statements on their way to the server, whose outcome nobody waits for.
//!
//! Several use cases that are committed at once write rows of the same kinds: what one of them leaves
//! waiting joins what the ones before it have left. Rows of one statement go out as one, and what
//! counts up the same number counts once. Within a use case their order stays.

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::ledger::engine::Value;

/// A bound value that waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owned {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Owned {
    pub(crate) fn of(value: &Value<'_>) -> Owned {
        match value {
            Value::Null => Owned::Null,
            Value::Int(number) => Owned::Int(*number),
            Value::Text(text) => Owned::Text((*text).to_owned()),
            Value::Blob(bytes) => Owned::Blob((*bytes).to_owned()),
        }
    }

    /// What the server calls its type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Owned::Null | Owned::Int(_) => "int8",
            Owned::Text(_) => "text",
            Owned::Blob(_) => "bytea",
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Owned::Null => Value::Null,
            Owned::Int(number) => Value::Int(*number),
            Owned::Text(text) => Value::Text(text),
            Owned::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

/// How a statement goes together with others of the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joins {
    /// It does not.
    Never,
    /// It writes a row; theirs are written with it, in the order of this value.
    Rows { by: usize },
    /// It counts up by its last value; theirs are written with it, those of one key as one.
    Counts,
    /// So many values are added up where as many that follow are the same; the first one's others
    /// stand.
    Sums { added: usize, same: usize },
}

/// A statement that goes out with the next one.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) sql: String,
    pub(crate) rows: Vec<Vec<Owned>>,
    pub(crate) joins: Joins,
    /// Each row must change one; else these words.
    pub(crate) guard: Option<&'static str>,
}

impl Waiting {
    pub(crate) fn new(
        sql: &str,
        values: &[Value<'_>],
        joins: Joins,
        guard: Option<&'static str>,
    ) -> Waiting {
        Waiting {
            sql: sql.to_owned(),
            rows: vec![values.iter().map(Owned::of).collect()],
            joins,
            guard,
        }
    }

    /// Of rows that one use case writes at once.
    pub(crate) fn of_rows(
        sql: &str,
        rows: &[Vec<Value<'_>>],
        guard: Option<&'static str>,
    ) -> Waiting {
        Waiting {
            sql: sql.to_owned(),
            rows: rows
                .iter()
                .map(|row| row.iter().map(Owned::of).collect())
                .collect(),
            joins: Joins::Never,
            guard,
        }
    }

    /// Takes another one in, where the two are one statement; else gives it back.
    fn take(&mut self, other: Waiting) -> Option<Waiting> {
        if self.joins != other.joins || self.sql != other.sql {
            return Some(other);
        }
        match self.joins {
            Joins::Never => Some(other),
            Joins::Rows { .. } | Joins::Counts => {
                self.rows.extend(other.rows);
                None
            }
            Joins::Sums { added, same } => {
                let (Some(ours), Some(theirs)) = (self.rows.first_mut(), other.rows.first()) else {
                    return Some(other);
                };
                let key = added..added + same;
                if ours.get(key.clone()) != theirs.get(key) {
                    return Some(other);
                }
                for (sum, more) in ours.iter_mut().zip(theirs).take(added) {
                    if let (Owned::Int(sum), Owned::Int(more)) = (sum, more) {
                        *sum += more;
                    }
                }
                None
            }
        }
    }

    /// As it is sent: in the order in which all take their locks. One that writes over what is there
    /// writes it once.
    fn in_order(mut self) -> Waiting {
        match self.joins {
            Joins::Rows { by } => {
                self.rows
                    .sort_by(|one, other| (one.get(by), one).cmp(&(other.get(by), other)));
                if self.sql.contains(" DO UPDATE ") {
                    self.rows.dedup();
                }
            }
            Joins::Counts => {
                self.rows.sort_unstable();
                self.rows.dedup_by(|more, kept| {
                    let (Some((Owned::Int(more), key)), Some((Owned::Int(sum), same))) =
                        (more.split_last(), kept.split_last_mut())
                    else {
                        return false;
                    };
                    if key != &*same {
                        return false;
                    }
                    *sum += more;
                    true
                });
            }
            Joins::Never | Joins::Sums { .. } => {}
        }
        self
    }

    /// How many rows it must change, where that matters.
    pub(crate) fn changes(&self) -> Option<(u64, &'static str)> {
        self.guard.map(|words| (self.rows.len() as u64, words))
    }

    /// The values of its only row, or its columns.
    pub(crate) fn bound(&self) -> Vec<Bound<'_>> {
        match self.rows.as_slice() {
            [row] => row.iter().map(Bound::One).collect(),
            rows => {
                let width = rows.first().map_or(0, Vec::len);
                (0..width).map(|place| Bound::Column(rows, place)).collect()
            }
        }
    }
}

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Of use cases that are done.
    done: Vec<Waiting>,
    /// Of the one that runs.
    own: Vec<Waiting>,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.done.is_empty() && self.own.is_empty()
    }

    /// How much the use case that runs has left waiting.
    pub(crate) fn len(&self) -> usize {
        self.own.len()
    }

    pub(crate) fn push(&mut self, one: Waiting) {
        self.own.push(one);
    }

    /// Nothing of it is wanted.
    pub(crate) fn clear(&mut self) {
        self.done.clear();
        self.own.clear();
    }

    /// Nothing of the use case that ran is wanted.
    pub(crate) fn clear_own(&mut self) {
        self.own.clear();
    }

    /// The use case that ran is done: what it left joins what the others have left.
    pub(crate) fn close(&mut self) {
        let mut from = 0;
        for one in self.own.drain(..) {
            let mut rest = Some(one);
            for (place, known) in self.done.iter_mut().enumerate().skip(from) {
                rest = rest.and_then(|one| known.take(one));
                if rest.is_none() {
                    from = place;
                    break;
                }
            }
            if let Some(one) = rest {
                from = self.done.len();
                self.done.push(one);
            }
        }
    }

    /// What is to be sent: of those that are done, and of the one that runs.
    pub(crate) fn take(&mut self) -> (Vec<Waiting>, Vec<Waiting>) {
        let done = std::mem::take(&mut self.done);
        let own = std::mem::take(&mut self.own);
        (done.into_iter().map(Waiting::in_order).collect(), own)
    }
}

/// The statement of one row as the statement of many: their columns come as lists.
pub(crate) fn for_many(sql: &str, types: &[Type]) -> String {
    let mut lists = Vec::new();
    let mut names = Vec::new();
    for (place, kind) in (1..).zip(types) {
        lists.push(format!("CAST(${place} AS {}[])", kind.name()));
        names.push(format!("c{place}"));
    }
    let from = format!(
        " FROM unnest({}) AS v({})",
        lists.join(", "),
        names.join(", ")
    );
    let of_many = sql.replace('$', "v.c");
    if let Some((head, values)) = of_many.split_once(" VALUES (")
        && let Some((row, tail)) = values.split_once(')')
    {
        return format!("{head} SELECT {row}{from}{tail}");
    }
    of_many.replacen(" WHERE ", &format!("{from} WHERE "), 1)
}

/// A value of a statement that waits: of its one row, or one column of its rows.
#[derive(Debug)]
pub(crate) enum Bound<'w> {
    One(&'w Owned),
    Column(&'w [Vec<Owned>], usize),
}

type BindError = Box<dyn std::error::Error + Sync + Send>;

/// No text of ours holds a zero byte, and the server takes none: it names nothing.
pub(crate) fn sendable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, BindError> {
        let (rows, place) = match self {
            Bound::One(value) => return ToSql::to_sql(&value.value(), wanted, out),
            Bound::Column(rows, place) => (rows, *place),
        };
        let cells = rows.iter().filter_map(|row| row.get(place));
        let stranger = || BindError::from(format!("a list of another type than {wanted}"));
        if *wanted == Type::INT8_ARRAY {
            let list: Option<Vec<Option<i64>>> = cells
                .map(|cell| match cell {
                    Owned::Null => Some(None),
                    Owned::Int(number) => Some(Some(*number)),
                    Owned::Text(_) | Owned::Blob(_) => None,
                })
                .collect();
            return list.ok_or_else(stranger)?.to_sql(wanted, out);
        }
        if *wanted == Type::TEXT_ARRAY {
            let list: Option<Vec<Option<std::borrow::Cow<'_, str>>>> = cells
                .map(|cell| match cell {
                    Owned::Null => Some(None),
                    Owned::Text(text) => Some(Some(sendable(text))),
                    Owned::Int(_) | Owned::Blob(_) => None,
                })
                .collect();
            return list.ok_or_else(stranger)?.to_sql(wanted, out);
        }
        let list: Option<Vec<Option<&[u8]>>> = cells
            .map(|cell| match cell {
                Owned::Null => Some(None),
                Owned::Blob(bytes) => Some(Some(bytes.as_slice())),
                Owned::Int(_) | Owned::Text(_) => None,
            })
            .collect();
        match list {
            Some(list) if *wanted == Type::BYTEA_ARRAY => list.to_sql(wanted, out),
            Some(_) | None => Err(stranger()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use tokio_postgres::types::Type;

    use super::{Joins, Owned, Queue, Waiting, for_many};
    use crate::ledger::engine::Value;

    #[test]
    fn the_statement_of_a_row_becomes_that_of_many() {
        let types = [Type::INT8, Type::TEXT];
        let from = "FROM unnest(CAST($1 AS int8[]), CAST($2 AS text[])) AS v(c1, c2)";
        for (one, many) in [
            (
                "INSERT INTO t (a, b, c) VALUES ($1, $2, 'x') ON CONFLICT DO NOTHING",
                format!(
                    "INSERT INTO t (a, b, c) SELECT v.c1, v.c2, 'x' {from} ON CONFLICT DO NOTHING"
                ),
            ),
            (
                "UPDATE t SET a = $1 WHERE b = $2 AND a = 0",
                format!("UPDATE t SET a = v.c1 {from} WHERE b = v.c2 AND a = 0"),
            ),
        ] {
            assert_eq!(for_many(one, &types), many);
        }
    }

    #[test]
    fn use_cases_that_are_done_wait_as_one() {
        let mut queue = Queue::default();
        let row =
            |sql, value: i64| Waiting::new(sql, &[Value::Int(value)], Joins::Rows { by: 0 }, None);
        let sum = |kind: &str| {
            let values = [Value::Int(1), Value::Text(kind)];
            Waiting::new("sum", &values, Joins::Sums { added: 1, same: 1 }, None)
        };
        for person in 1..=3 {
            queue.push(row("customer", person));
            queue.push(row("contact", person));
            queue.push(sum("given"));
            queue.close();
        }
        // Of another order: what it writes stays in its own.
        queue.push(row("contact", 9));
        queue.push(row("customer", 9));
        queue.push(sum("taken"));
        queue.close();
        let (done, own) = queue.take();
        assert!(own.is_empty());
        let told: Vec<(&str, usize)> = done
            .iter()
            .map(|one| (one.sql.as_str(), one.rows.len()))
            .collect();
        assert_eq!(
            told,
            [
                ("customer", 3),
                ("contact", 4),
                ("sum", 1),
                ("customer", 1),
                ("sum", 1)
            ]
        );
        let sums: Vec<&Owned> = done
            .iter()
            .filter_map(|one| one.rows.first()?.first())
            .collect();
        assert_eq!(sums.get(2), Some(&&Owned::Int(3)));
    }
}
