//! The ledger on SQLite, measured against raw SQLite, against itself at another size, and against
//! the disk. Every figure is a ratio within one run, with its goal beside it.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench reads clocks, prints figures, and ends at the first fault"
)]

mod arguments;
mod claim;
mod console;
mod counters;
mod disk;
mod figures;
mod raw;
mod redeem;
mod shop;

use crate::arguments::{Arguments, Folder, Part};
use crate::figures::Figures;
use crate::shop::Shop;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("--worker", order)) = words
        .split_first()
        .map(|(word, rest)| (word.as_str(), rest))
    {
        counters::work(order);
        return;
    }
    let Some(arguments) = Arguments::read(&words) else {
        println!("{}", arguments::USAGE);
        return;
    };
    let folder = arguments.folder();
    let before = disk::measure(folder.path());
    println!("the disk before: {before}");
    let mut figures = Figures::default();
    if arguments.has(Part::Claims) {
        claim::measure(&arguments, folder.path(), &mut figures);
    }
    if [Part::Redeem, Part::Counters, Part::Console]
        .iter()
        .any(|part| arguments.has(*part))
    {
        on_given_out_codes(&arguments, &folder, &mut figures);
    }
    println!("the disk after: {}\n", disk::measure(folder.path()));
    figures.print();
}

fn on_given_out_codes(arguments: &Arguments, folder: &Folder, figures: &mut Figures) {
    let big = Shop::at(&folder.path().join("big"), arguments.codes);
    if arguments.has(Part::Redeem) {
        // Anew each time: one run uses most of it up.
        let fresh = tempfile::tempdir_in(folder.path()).expect("a folder");
        let small = Shop::at(fresh.path(), arguments.small_codes);
        redeem::measure(arguments, &small, &big, figures);
    }
    if arguments.has(Part::Counters) {
        counters::measure(arguments, &big, figures);
    }
    if arguments.has(Part::Console) {
        console::measure(arguments, &big, figures);
    }
}
