//! A strict ESC/POS printer on paper of memory: a command that it does not know is a failure.

use counterfoil::devices::print::CodeTable;
use counterfoil::domain::qr::QrMatrix;

const CELL_WIDTH: usize = 12;
const CELL_HEIGHT: usize = 24;

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Paper {
    width: usize,
    /// Rows of dots; true is dark. A letter is drawn as a block, as the worst neighbour of a QR code.
    rows: Vec<Vec<bool>>,
    /// The lines of text.
    pub(crate) lines: Vec<PrintedLine>,
    /// How often it was cut, and whether anything came after.
    pub(crate) cuts: usize,
    pub(crate) is_cut_last: bool,
    /// Pulses to the drawer.
    pub(crate) pulses: usize,
    /// Real-time commands that a printer would find in data.
    pub(crate) real_time_in_data: usize,
    /// The pages that were selected.
    pub(crate) pages: Vec<u8>,
    /// Rows of each raster.
    pub(crate) raster_rows: Vec<usize>,
    /// QR codes that the printer drew itself.
    pub(crate) native_codes: usize,
    /// Lines that were wider than the paper.
    pub(crate) overlong: usize,
}

/// One line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrintedLine {
    pub(crate) text: String,
    pub(crate) scale: (usize, usize),
    pub(crate) is_bold: bool,
}

struct Printing<'b> {
    rest: &'b [u8],
    paper: Paper,
    align: u8,
    scale: (usize, usize),
    is_bold: bool,
    page: u8,
    line: String,
    has_real_time: bool,
    module: usize,
    stored: Option<String>,
}

impl Paper {
    /// Prints a job on paper of so many dots.
    pub(crate) fn of(job: &[u8], width: u16) -> Result<Paper, String> {
        let mut printing = Printing {
            rest: job,
            paper: Paper {
                width: usize::from(width),
                ..Paper::default()
            },
            align: 0,
            scale: (1, 1),
            is_bold: false,
            page: 0,
            line: String::new(),
            has_real_time: true,
            module: 0,
            stored: None,
        };
        while !printing.rest.is_empty() {
            let at = job.len() - printing.rest.len();
            printing
                .step()
                .map_err(|fault| format!("{fault}, at {at} of {}", job.len()))?;
        }
        if printing.line.is_empty() {
            Ok(printing.paper)
        } else {
            Err(format!("{:?} was never printed", printing.line))
        }
    }

    /// The words, line by line.
    pub(crate) fn words(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }

    /// What a phone reads from the paper.
    pub(crate) fn codes(&self) -> Vec<String> {
        let height = self.rows.len();
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(self.width, height, |x, y| {
            let is_dark = self.rows.get(y).and_then(|row| row.get(x)) == Some(&true);
            if is_dark { 0 } else { 255 }
        });
        image
            .detect_grids()
            .iter()
            .filter_map(|grid| grid.decode().ok())
            .map(|(_, text)| text)
            .collect()
    }
}

impl<'b> Printing<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], String> {
        let (head, tail) = self
            .rest
            .split_at_checked(count)
            .ok_or("a command is cut short")?;
        self.rest = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.take(1)?
            .first()
            .copied()
            .ok_or_else(|| "a command is cut short".to_owned())
    }

    fn step(&mut self) -> Result<(), String> {
        let byte = self.byte()?;
        self.paper.is_cut_last = false;
        match byte {
            b'\n' => self.end_line(),
            0x1b => self.escape()?,
            0x1c => match self.byte()? {
                b'.' => {}
                other => return Err(format!("FS {other:#04x}")),
            },
            0x1d => self.group()?,
            0x20..=0x7e => self.line.push(char::from(byte)),
            0x80..=0xff => {
                let table = match self.page {
                    0 => CodeTable::Cp437,
                    16 => CodeTable::Cp1252,
                    19 => CodeTable::Cp858,
                    _ => CodeTable::Ascii,
                };
                let letter = table.upper_half().chars().nth(usize::from(byte - 0x80));
                self.line.push(letter.unwrap_or('\u{fffd}'));
            }
            stray => return Err(format!("stray control {stray:#04x}")),
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.byte()? {
            b'@' => {
                self.align = 0;
                self.scale = (1, 1);
                self.is_bold = false;
                self.page = 0;
            }
            b'a' => {
                self.align = self.byte()?;
                if self.align > 2 {
                    return Err(format!("ESC a {}", self.align));
                }
            }
            b'E' => self.is_bold = self.byte()? & 1 == 1,
            b't' => {
                self.page = self.byte()?;
                self.paper.pages.push(self.page);
            }
            b'p' => {
                self.take(3)?;
                self.paper.pulses += 1;
            }
            other => return Err(format!("ESC {other:#04x}")),
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        match self.byte()? {
            b'!' => match self.byte()? {
                0x00 => self.scale = (1, 1),
                0x01 => self.scale = (1, 2),
                0x11 => self.scale = (2, 2),
                other => return Err(format!("GS ! {other:#04x}")),
            },
            b'V' => {
                match self.byte()? {
                    0 | 1 => {}
                    65 | 66 => drop(self.byte()?),
                    other => return Err(format!("GS V {other}")),
                }
                self.paper.cuts += 1;
                self.paper.is_cut_last = true;
            }
            b'v' => self.raster()?,
            b'(' => self.long()?,
            other => return Err(format!("GS {other:#04x}")),
        }
        Ok(())
    }

    fn raster(&mut self) -> Result<(), String> {
        let header = self.take(6)?;
        let &[b'0', 0, low, high, rows_low, rows_high] = header else {
            return Err(format!("GS v {header:?}"));
        };
        let row_bytes = usize::from(u16::from_le_bytes([low, high]));
        let rows = usize::from(u16::from_le_bytes([rows_low, rows_high]));
        if row_bytes == 0 || rows == 0 || rows > 255 {
            return Err(format!("a raster of {row_bytes} bytes by {rows} rows"));
        }
        if row_bytes * 8 > self.paper.width {
            return Err("a raster is wider than the paper".to_owned());
        }
        let data = self.take(row_bytes * rows)?;
        self.look_for_commands(data);
        for row in data.chunks(row_bytes) {
            let dots = row
                .iter()
                .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
                .collect();
            self.place(dots);
        }
        self.paper.raster_rows.push(rows);
        Ok(())
    }

    fn long(&mut self) -> Result<(), String> {
        let kind = self.byte()?;
        let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
        let data = self.take(usize::from(length))?;
        match (kind, data) {
            (b'D', [20, 1 | 2, 0]) => self.has_real_time = false,
            (b'k', [49, 65, 50, 0] | [49, 69, 49]) => {}
            (b'k', [49, 67, module @ 1..=16]) => self.module = usize::from(*module),
            (b'k', [49, 80, 48, text @ ..]) => {
                self.look_for_commands(text);
                let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
                self.stored = Some(text.to_owned());
            }
            (b'k', [49, 81, 48]) => {
                let text = self.stored.clone().ok_or("no symbol was stored")?;
                let matrix = QrMatrix::of(&text).map_err(|fault| fault.to_string())?;
                let side = matrix.size() * self.module;
                if side > self.paper.width {
                    return Err("a symbol is wider than the paper".to_owned());
                }
                for y in 0..side {
                    let dots = (0..side)
                        .map(|x| matrix.is_dark(x / self.module, y / self.module))
                        .collect();
                    self.place(dots);
                }
                self.paper.native_codes += 1;
            }
            (other, data) => return Err(format!("GS ( {other:#04x} {data:?}")),
        }
        Ok(())
    }

    /// A printer executes these wherever they stand, unless it was told not to.
    fn look_for_commands(&mut self, data: &[u8]) {
        let found = data
            .windows(2)
            .filter(|pair| matches!(pair, [0x10, 0x04 | 0x05 | 0x14]))
            .count();
        self.paper.real_time_in_data += found;
    }

    fn end_line(&mut self) {
        let text = std::mem::take(&mut self.line);
        let (wide, high) = self.scale;
        if text.chars().count() * wide * CELL_WIDTH > self.paper.width {
            self.paper.overlong += 1;
        }
        let cell = |dot: usize, size: usize| {
            let within = dot % size;
            within > 1 && within < size - 3
        };
        for y in 0..CELL_HEIGHT * high {
            let dots = text
                .chars()
                .flat_map(|letter| {
                    (0..CELL_WIDTH * wide).map(move |x| {
                        letter != ' ' && cell(x, CELL_WIDTH * wide) && cell(y, CELL_HEIGHT * high)
                    })
                })
                .collect();
            self.place(dots);
        }
        self.paper.lines.push(PrintedLine {
            text,
            scale: self.scale,
            is_bold: self.is_bold,
        });
    }

    fn place(&mut self, dots: Vec<bool>) {
        let room = self.paper.width.saturating_sub(dots.len());
        let margin = match self.align {
            0 => 0,
            1 => room / 2,
            _ => room,
        };
        let mut row = vec![false; margin];
        row.extend(dots);
        row.resize(self.paper.width, false);
        self.paper.rows.push(row);
    }
}
