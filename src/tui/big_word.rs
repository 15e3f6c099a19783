//! A pixel font for the one word that must be read from two metres.
//!
//! Letters are five pixels high. A [`Scale`] says how many cells a pixel takes.

/// How large a word is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// Two pixels in a cell, one above the other: 3 rows. Not without block characters.
    Half,
    /// A pixel is a cell: 5 rows.
    Full,
    /// A pixel is two cells wide, and so a square: 5 rows.
    Double,
    /// A pixel is two cells wide and two high: 10 rows, as narrow as [`Scale::Double`].
    Tall,
    /// A pixel is four cells wide and two high: 10 rows.
    Quadruple,
}

impl Scale {
    /// All of them, the largest first.
    pub const ALL: [Scale; 5] = [
        Scale::Quadruple,
        Scale::Tall,
        Scale::Double,
        Scale::Full,
        Scale::Half,
    ];

    /// How many rows a word takes.
    pub fn rows(self) -> u16 {
        match self {
            Scale::Half => 3,
            Scale::Full | Scale::Double => 5,
            Scale::Tall | Scale::Quadruple => 10,
        }
    }

    fn columns_per_pixel(self) -> usize {
        match self {
            Scale::Half | Scale::Full => 1,
            Scale::Double | Scale::Tall => 2,
            Scale::Quadruple => 4,
        }
    }
}

/// The rows of `text` in block characters, or in `#` where `is_ascii`; `None` if a letter has no
/// pixels or the scale cannot be had.
pub fn rows(text: &str, scale: Scale, is_ascii: bool) -> Option<Vec<String>> {
    let pixels = pixels(text)?;
    if scale == Scale::Half {
        return (!is_ascii).then(|| half_blocks(&pixels));
    }
    let ink = if is_ascii { "#" } else { "█" };
    let drawn = pixels.iter().map(|row| {
        row.iter()
            .map(|is_set| if *is_set { ink } else { " " }.repeat(scale.columns_per_pixel()))
            .collect::<String>()
    });
    Some(if scale.rows() > 5 {
        drawn.flat_map(|row| [row.clone(), row]).collect()
    } else {
        drawn.collect()
    })
}

/// How many columns `text` takes; `None` if a letter has no pixels.
pub fn columns(text: &str, scale: Scale) -> Option<usize> {
    let width = pixels(text)?.first().map_or(0, Vec::len);
    Some(width.saturating_mul(scale.columns_per_pixel()))
}

fn half_blocks(pixels: &[Vec<bool>]) -> Vec<String> {
    pixels
        .chunks(2)
        .map(|pair| {
            let upper = pair.first().into_iter().flatten();
            let lower = pair
                .get(1)
                .into_iter()
                .flatten()
                .chain(std::iter::repeat(&false));
            upper
                .zip(lower)
                .map(|(above, below)| match (*above, *below) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect()
        })
        .collect()
}

/// Five rows of pixels, with one empty column between letters.
fn pixels(text: &str) -> Option<[Vec<bool>; 5]> {
    let mut rows: [Vec<bool>; 5] = Default::default();
    for letter in text.chars() {
        let (_, picture) = FONT.iter().find(|(of, _)| *of == letter)?;
        for (row, line) in rows.iter_mut().zip(picture.split('/')) {
            if !row.is_empty() {
                row.push(false);
            }
            row.extend(line.chars().map(|pixel| pixel == '#'));
        }
    }
    Some(rows)
}

const FONT: [(char, &str); 49] = [
    ('A', ".#./#.#/###/#.#/#.#"),
    ('B', "##./#.#/##./#.#/##."),
    ('C', ".##/#../#../#../.##"),
    ('D', "##./#.#/#.#/#.#/##."),
    ('E', "###/#../##./#../###"),
    ('F', "###/#../##./#../#.."),
    ('G', ".##/#../#.#/#.#/.##"),
    ('H', "#.#/#.#/###/#.#/#.#"),
    ('I', "###/.#./.#./.#./###"),
    ('J', "..#/..#/..#/#.#/.#."),
    ('K', "#.#/#.#/##./#.#/#.#"),
    ('L', "#../#../#../#../###"),
    ('M', "#...#/##.##/#.#.#/#...#/#...#"),
    ('N', "#..#/##.#/#.##/#..#/#..#"),
    ('O', "###/#.#/#.#/#.#/###"),
    ('P', "##./#.#/##./#../#.."),
    ('Q', ".##./#..#/#..#/#.#./.#.#"),
    ('R', "##./#.#/##./#.#/#.#"),
    ('S', ".##/#../.#./..#/##."),
    ('T', "###/.#./.#./.#./.#."),
    ('U', "#.#/#.#/#.#/#.#/###"),
    ('V', "#.#/#.#/#.#/#.#/.#."),
    ('W', "#...#/#...#/#.#.#/##.##/#...#"),
    ('X', "#.#/#.#/.#./#.#/#.#"),
    ('Y', "#.#/#.#/.#./.#./.#."),
    ('Z', "###/..#/.#./#../###"),
    ('0', ".#./#.#/#.#/#.#/.#."),
    ('1', ".#./##./.#./.#./###"),
    ('2', "##./..#/.#./#../###"),
    ('3', "##./..#/.#./..#/##."),
    ('4', "#.#/#.#/###/..#/..#"),
    ('5', "###/#../##./..#/##."),
    ('6', ".##/#../###/#.#/###"),
    ('7', "###/..#/.#./.#./.#."),
    ('8', "###/#.#/.#./#.#/###"),
    ('9', "###/#.#/###/..#/##."),
    (',', "../../../.#/#."),
    ('.', "././././#"),
    ('-', ".../.../###/.../..."),
    ('+', ".../.#./###/.#./..."),
    ('%', "#.#/..#/.#./#../#.#"),
    ('&', ".#../#.#./.#../#.#./.#.#"),
    ('\'', "#/#/././."),
    (' ', "../../../../.."),
    ('?', "##./..#/.#./.../.#."),
    ('!', "#/#/#/./#"),
    ('…', "...../...../...../...../#.#.#"),
    ('✔', "....#/...#./#.#../.#.../....."),
    ('✖', "#...#/.#.#./..#../.#.#./#...#"),
];

#[cfg(test)]
mod tests {
    use super::{FONT, Scale, columns, rows};

    #[test]
    fn a_word_in_every_scale() {
        assert_eq!(
            rows("UP", Scale::Half, false).unwrap(),
            ["█ █ █▀▄", "█ █ █▀ ", "▀▀▀ ▀  "]
        );
        assert_eq!(
            rows("UP", Scale::Full, true).unwrap(),
            ["# # ## ", "# # # #", "# # ## ", "# # #  ", "### #  "]
        );
        assert_eq!(rows("I", Scale::Double, false).unwrap()[1], "  ██  ");
        assert_eq!(rows("I", Scale::Quadruple, false).unwrap().len(), 10);
        assert_eq!(rows("é", Scale::Full, false), None);
        assert_eq!(rows("I", Scale::Half, true), None);
    }

    #[test]
    fn every_letter_is_a_rectangle() {
        for (letter, picture) in FONT {
            let widths: Vec<usize> = picture.split('/').map(str::len).collect();
            assert_eq!(widths.len(), 5, "{letter}");
            assert!(widths.iter().all(|width| *width == widths[0]), "{letter}");
            for scale in Scale::ALL {
                let text = letter.to_string();
                let drawn = rows(&text, scale, false).unwrap();
                assert_eq!(drawn.len(), usize::from(scale.rows()));
                assert_eq!(drawn[0].chars().count(), columns(&text, scale).unwrap());
            }
        }
    }
}
