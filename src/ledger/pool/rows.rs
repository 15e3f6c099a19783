//! Rows on their way from a list to the ledger, as bytes that can be sorted.

use std::io;

use crate::domain::campaign::ContactKind;
use crate::domain::code_list::{BadRow, Row};
use crate::ledger::customers::{kind_number, kind_of};
use crate::ledger::error::Cause;
use crate::ledger::pool::sort::{Record, Sorter};

/// What is kept of a row beside its folded code, which is its key when sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed<'a> {
    pub(super) line: u64,
    /// The code as shown, where it differs from its folded form.
    pub(super) shown: Option<&'a str>,
    pub(super) expires_at_ms: Option<i64>,
    pub(super) contacts: Vec<(ContactKind, &'a str)>,
}

const HAS_SHOWN: u8 = 1;
const HAS_EXPIRY: u8 = 2;

impl<'a> Listed<'a> {
    pub(super) fn of(row: &'a Row<'a>, line: u64) -> Listed<'a> {
        Listed {
            line,
            shown: Some(row.shown).filter(|shown| *shown != row.folded.as_str()),
            expires_at_ms: row.expires_at.map(jiff::Timestamp::as_millisecond),
            contacts: row
                .contacts
                .iter()
                .map(|(kind, form)| (*kind, form.as_str()))
                .collect(),
        }
    }

    /// Writes it so that rows of one code sort by their lines.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.line.to_be_bytes());
        let flags = (HAS_SHOWN * u8::from(self.shown.is_some()))
            | (HAS_EXPIRY * u8::from(self.expires_at_ms.is_some()));
        out.push(flags);
        if let Some(shown) = self.shown {
            put_text(out, shown);
        }
        if let Some(at_ms) = self.expires_at_ms {
            out.extend_from_slice(&at_ms.to_le_bytes());
        }
        for (kind, form) in &self.contacts {
            out.push(kind_byte(*kind));
            put_text(out, form);
        }
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Listed<'a>, Cause> {
        Self::decoded(bytes).ok_or_else(torn)
    }

    fn decoded(mut bytes: &'a [u8]) -> Option<Listed<'a>> {
        let bytes = &mut bytes;
        let line = u64::from_be_bytes(*take::<8>(bytes)?);
        let [flags] = *take::<1>(bytes)?;
        let shown = if flags & HAS_SHOWN == 0 {
            None
        } else {
            Some(take_text(bytes)?)
        };
        let expires_at_ms = if flags & HAS_EXPIRY == 0 {
            None
        } else {
            Some(i64::from_le_bytes(*take::<8>(bytes)?))
        };
        let mut contacts = Vec::new();
        while let Some([kind]) = take::<1>(bytes) {
            contacts.push((kind_of(i64::from(*kind))?, take_text(bytes)?));
        }
        Some(Listed {
            line,
            shown,
            expires_at_ms,
            contacts,
        })
    }
}

/// A number and a record in one payload.
pub(super) fn tagged(number: u64, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The number and the rest of what [`tagged`] has written.
pub(super) fn untagged(mut bytes: &[u8]) -> Result<(u64, &[u8]), Cause> {
    let number = take::<8>(&mut bytes).ok_or_else(torn)?;
    Ok((u64::from_be_bytes(*number), bytes))
}

/// A folded code and a payload in one payload.
pub(super) fn with_code(folded: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(u8::try_from(folded.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(folded);
    out.extend_from_slice(payload);
}

/// The folded code and the payload of what [`with_code`] has written.
pub(super) fn without_code(mut bytes: &[u8]) -> Result<Record<'_>, Cause> {
    let [len] = *take::<1>(&mut bytes).ok_or_else(torn)?;
    let (key, payload) = bytes.split_at_checked(usize::from(len)).ok_or_else(torn)?;
    Ok(Record { key, payload })
}

/// A sorted key as the text it is.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Cause> {
    std::str::from_utf8(bytes).ok().ok_or_else(torn)
}

/// Bad rows, gathered from every check and told in the order of their lines.
pub(super) struct BadRows {
    sorter: Sorter,
    count: u64,
}

impl BadRows {
    pub(super) fn new(sorter: Sorter) -> BadRows {
        BadRows { sorter, count: 0 }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn push(&mut self, row: &BadRow) -> Result<(), Cause> {
        self.count += 1;
        let text = serde_json::to_vec(&(&row.column, &row.value, &row.reason))?;
        self.sorter.push(&row.line.to_be_bytes(), &text)?;
        Ok(())
    }

    /// Hands every one over, and keeps the first `kept_max`.
    pub(super) fn tell(
        self,
        kept_max: usize,
        sink: &mut dyn FnMut(&BadRow) -> io::Result<()>,
    ) -> Result<Vec<BadRow>, Cause> {
        let mut kept = Vec::new();
        let mut sorted = self.sorter.finish()?;
        while let Some(record) = sorted.next()? {
            let (line, _) = untagged(record.key)?;
            let (column, value, reason) = serde_json::from_slice(record.payload)?;
            let row = BadRow {
                line,
                column,
                value,
                reason,
            };
            sink(&row)?;
            if kept.len() < kept_max {
                kept.push(row);
            }
        }
        Ok(kept)
    }
}

fn kind_byte(kind: ContactKind) -> u8 {
    u8::try_from(kind_number(kind)).unwrap_or(u8::MAX)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(first)
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let len = u16::from_le_bytes(*take::<2>(bytes)?);
    let (text, rest) = bytes.split_at_checked(usize::from(len))?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

fn torn() -> Cause {
    Cause::Io(io::Error::other(
        "a sort file was changed while it was read",
    ))
}
