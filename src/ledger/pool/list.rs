//! Reading a list of codes: bytes in, rows with their lines out, in bounded memory; and a look at one
//! before anything is stored.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};

use crate::domain::code_list::{Column, Columns, ListFault, delimiter_of, is_utf16};
use crate::domain::escape::escape;
use crate::domain::refusal::Refusal;
use crate::ledger::LedgerError;
use crate::ledger::pool::{Fail, settled};

/// The longest row that is read: a quote that is never closed must not swallow the whole file.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// How much of the beginning is looked at to tell the delimiter.
const BEGINNING_BYTES: u64 = 64 * 1024;

/// How much is read at a time.
const BUFFER_BYTES: usize = 128 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The beginning of a list, as an import would read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListLook {
    /// What its columns are, in their order.
    pub columns: Vec<&'static str>,
    /// Whether the first row names them.
    pub has_header: bool,
    /// The place of the code among them, from 0.
    pub code_at: usize,
    /// The first rows after the header, each as its fields, escaped.
    pub rows: Vec<Vec<String>>,
}

/// Looks at the first rows of a list; stores nothing.
pub fn look_at_list(
    source: &mut dyn Read,
    rows_max: usize,
) -> Result<Result<ListLook, Refusal>, LedgerError> {
    settled(look(source, rows_max), "look at", "the list")
}

fn look(source: &mut dyn Read, rows_max: usize) -> Result<ListLook, Fail> {
    let Some(mut list) = CodeList::open(source)? else {
        return Err(ListFault::Empty.into());
    };
    let mut look = ListLook {
        columns: list.columns().names().collect(),
        has_header: list.columns().has_header(),
        code_at: list.columns().place_of(Column::Code).unwrap_or(0),
        rows: Vec::new(),
    };
    while look.rows.len() < rows_max {
        let Some((_, record)) = list.next()? else {
            break;
        };
        look.rows.push(record.iter().map(escape).collect());
    }
    if look.rows.is_empty() {
        return Err(ListFault::Empty.into());
    }
    Ok(look)
}

/// A list that is being read.
pub(super) struct CodeList<'s> {
    reader: csv::Reader<Lines<Box<dyn Read + 's>>>,
    record: ByteRecord,
    columns: Columns,
    /// The first row, where it is not a header.
    is_first_pending: bool,
}

impl<'s> CodeList<'s> {
    /// Looks at the beginning of a list. `None`: there is nothing in it.
    pub(super) fn open(mut source: &'s mut dyn Read) -> Result<Option<CodeList<'s>>, Fail> {
        let mut beginning = Vec::new();
        Read::take(&mut source, BEGINNING_BYTES).read_to_end(&mut beginning)?;
        if is_utf16(&beginning) {
            return Err(ListFault::Utf16.into());
        }
        if beginning.starts_with(BYTE_ORDER_MARK) {
            beginning.drain(..BYTE_ORDER_MARK.len());
        }
        let delimiter = delimiter_of(&beginning);
        let whole: Box<dyn Read + 's> = Box::new(io::Cursor::new(beginning).chain(source));
        let mut list = CodeList {
            reader: ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter)
                .buffer_capacity(BUFFER_BYTES)
                .from_reader(Lines::new(whole)),
            record: ByteRecord::new(),
            columns: Columns::default(),
            is_first_pending: false,
        };
        let Some(line) = list.read()? else {
            return Ok(None);
        };
        list.columns = Columns::of_first_row(list.record.iter(), line)?;
        list.is_first_pending = !list.columns.has_header();
        Ok(Some(list))
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The next row with the line it begins in.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &ByteRecord)>, Fail> {
        let line = if std::mem::take(&mut self.is_first_pending) {
            Some(self.line())
        } else {
            self.read()?
        };
        Ok(line.map(|line| (line, &self.record)))
    }

    fn read(&mut self) -> Result<Option<u64>, Fail> {
        self.reader
            .get_ref()
            .row_start
            .set(self.reader.position().byte());
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => Ok(Some(self.line())),
            Ok(false) => Ok(None),
            Err(error) => {
                let is_endless = matches!(
                    error.kind(),
                    csv::ErrorKind::Io(inner) if inner.kind() == io::ErrorKind::InvalidData
                );
                if !is_endless {
                    return Err(io::Error::from(error).into());
                }
                Err(ListFault::EndlessRow {
                    line: self.line(),
                    bytes: ROW_BYTES_MAX,
                }
                .into())
            }
        }
    }

    /// The line in which the row just read begins; lines without content are no rows.
    fn line(&self) -> u64 {
        let start = self.record.position().map_or(0, csv::Position::byte);
        self.reader.get_ref().line_of(start)
    }
}

/// Notes where lines with content begin, as the bytes pass.
struct Lines<R> {
    inner: R,
    offset: u64,
    line: u64,
    last: u8,
    starts: RefCell<VecDeque<(u64, u64)>>,
    row_start: Cell<u64>,
}

impl<R> Lines<R> {
    fn new(inner: R) -> Lines<R> {
        Lines {
            inner,
            offset: 0,
            line: 1,
            last: b'\n',
            starts: RefCell::new(VecDeque::new()),
            row_start: Cell::new(0),
        }
    }

    /// The first line with content that begins at an offset or later.
    fn line_of(&self, offset: u64) -> u64 {
        let mut starts = self.starts.borrow_mut();
        while starts.front().is_some_and(|(start, _)| *start < offset) {
            starts.pop_front();
        }
        starts.front().map_or(self.line, |(_, line)| *line)
    }

    fn note(&mut self, bytes: &[u8]) {
        let starts = self.starts.get_mut();
        for byte in bytes {
            let is_end = matches!(byte, b'\n' | b'\r');
            if matches!(self.last, b'\n' | b'\r') {
                // A carriage return and its line feed end one line.
                if self.offset > 0 && !(self.last == b'\r' && *byte == b'\n') {
                    self.line += 1;
                }
                if !is_end {
                    starts.push_back((self.offset, self.line));
                }
            }
            self.last = *byte;
            self.offset += 1;
        }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let pending = self.offset - self.row_start.get();
        if pending > (ROW_BYTES_MAX + BUFFER_BYTES) as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.inner.read(buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        self.note(bytes);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut source = text.as_bytes();
        let Some(mut list) = CodeList::open(&mut source).ok().flatten() else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        while let Some((line, record)) = list.next().ok().flatten() {
            let fields = record
                .iter()
                .map(|field| String::from_utf8_lossy(field).into_owned());
            rows.push((line, fields.collect()));
        }
        rows
    }

    fn lines(text: &str) -> Vec<u64> {
        rows(text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn lines_are_those_an_editor_shows() {
        assert_eq!(lines("A\nB\nC"), [1, 2, 3]);
        assert_eq!(lines("A\r\nB\r\nC\r\n"), [1, 2, 3]);
        assert_eq!(lines("A\rB\rC"), [1, 2, 3]);
        assert_eq!(lines("\n\nA\n\n\nB\n"), [3, 6]);
        assert_eq!(lines("\r\nA\r\n\r\nB"), [2, 4]);
        assert_eq!(lines("code\nA\nB"), [2, 3]);
        assert_eq!(lines("A,\"x\ny\"\nB,z\n"), [1, 3]);
        assert_eq!(lines(""), [0; 0]);
        assert_eq!(lines("\u{feff}code\nA"), [2]);
        assert_eq!(lines("\u{feff}\"Code\"\nA"), [2]);
    }

    #[test]
    fn fields_come_apart_at_the_first_lines_delimiter() {
        assert_eq!(rows("A;\"b;\"\"c\"\nD;e,f\n")[0].1, ["A", "b;\"c"]);
        assert_eq!(rows("A;b\nD;e,f\n")[1].1, ["D", "e,f"]);
        assert_eq!(rows("A\tb\n")[0].1, ["A", "b"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_named_with_its_line() {
        let text = format!("code\nA\n\"B\n{}", "x\n".repeat(2_000_000));
        let mut source = text.as_bytes();
        let mut list = CodeList::open(&mut source).ok().flatten().unwrap();
        assert!(list.next().is_ok());
        let Err(Fail::Refused(refusal)) = list.next() else {
            panic!("was read");
        };
        assert!(refusal.to_string().contains("line 3"), "{refusal}");
    }
}
