//! The file that holds every bad row of an import, beside the list or where it was said.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::code_list::BadRow;
use crate::domain::escape::for_spreadsheet;

/// A file of bad rows; made with the first of them.
pub struct BadFile {
    path: PathBuf,
    /// Where it goes if nothing can be written at `path`.
    otherwise: Option<PathBuf>,
    writer: Option<csv::Writer<File>>,
}

impl BadFile {
    /// One at a path.
    pub fn at(path: PathBuf) -> BadFile {
        BadFile {
            path,
            otherwise: None,
            writer: None,
        }
    }

    /// One beside the list, named after it.
    pub fn beside(list: &Path) -> BadFile {
        let mut name = list.as_os_str().to_owned();
        name.push(".bad.csv");
        BadFile::at(PathBuf::from(name))
    }

    /// The same, and at another path where the list lies in a folder that takes no file.
    #[must_use]
    pub fn or_at(self, otherwise: PathBuf) -> BadFile {
        BadFile {
            otherwise: Some(otherwise),
            ..self
        }
    }

    /// Adds a row.
    pub fn add(&mut self, row: &BadRow) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let mut writer = match (File::create(&self.path), self.otherwise.take()) {
                    (Err(_), Some(otherwise)) => {
                        self.path = otherwise;
                        csv::Writer::from_path(&self.path)?
                    }
                    (file, _) => csv::Writer::from_writer(file?),
                };
                writer.write_record(["line", "column", "value", "reason"])?;
                none.insert(writer)
            }
        };
        let line = row.line.to_string();
        let fields = [&line, &row.column, &row.value, &row.reason];
        writer.write_record(fields.map(|field| for_spreadsheet(field)))?;
        Ok(())
    }

    /// Writes what is left; the path, where there were bad rows.
    pub fn end(mut self) -> io::Result<Option<PathBuf>> {
        let Some(writer) = &mut self.writer else {
            return Ok(None);
        };
        writer.flush()?;
        Ok(Some(self.path))
    }
}
