//! What people and programs were told, kept outside of every ledger: the only thing that the laws are
//! measured by.

use std::collections::BTreeMap;

use crate::broken::{Checked, Law, broken};

/// Who was asked: a store by its number, or the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Hub,
    Store(usize),
}

/// Whether an act was undone, as far as people were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undone {
    No,
    /// Somebody tried, and what came of it is not known to them.
    Perhaps,
    Yes,
}

/// What was handed out, or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The offer of a code.
    Use,
    /// A code itself.
    Code,
}

/// What became of an act's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the ledger that wrote it.
    Kept,
    /// It is at the hub, and no more in the ledger that wrote it.
    Forgotten,
    /// It was on a disk that is gone, and nowhere else.
    Died,
}

/// An act that somebody was told of as done.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) what: What,
    pub(crate) place: Place,
    pub(crate) counter: String,
    pub(crate) key: String,
    /// Folded.
    pub(crate) code: String,
    pub(crate) is_provisional: bool,
    /// The name of its entry.
    pub(crate) entry: String,
    /// That entry's hash: its name changes when its ledger begins a new life, its hash never does.
    pub(crate) hash: Vec<u8>,
    /// To whom, of a code.
    pub(crate) person: Option<usize>,
    pub(crate) undone: Undone,
    pub(crate) fate: Fate,
    /// A copy did it that nobody had noticed yet, or somebody by what that had given.
    pub(crate) is_unnoticed: bool,
    pub(crate) step: u64,
}

impl Told {
    pub(crate) fn has_died(&self) -> bool {
        self.fate == Fate::Died
    }
}

/// The record.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) acts: Vec<Told>,
    /// The act of each key.
    by_key: BTreeMap<(Place, String), usize>,
    by_entry: BTreeMap<String, Vec<usize>>,
    by_code: BTreeMap<String, Vec<usize>>,
    /// Whose a code is.
    pub(crate) owners: BTreeMap<String, usize>,
    /// Whose a code was that was given in a life which is gone, and where.
    pub(crate) lost_owners: BTreeMap<String, (usize, Place)>,
    /// The hub's own entries that died with a life of it, perhaps: hashes and bodies by names.
    pub(crate) buried: BTreeMap<String, Vec<(Vec<u8>, String)>>,
    /// Codes in the order in which they were given.
    pub(crate) given: Vec<String>,
    /// How often each word was said: what a game was about.
    pub(crate) words: BTreeMap<String, u64>,
}

impl Record {
    pub(crate) fn count(&mut self, word: &str) {
        *self.words.entry(word.to_owned()).or_default() += 1;
    }

    pub(crate) fn of_key(&self, place: Place, key: &str) -> Option<&Told> {
        self.by_key
            .get(&(place, key.to_owned()))
            .map(|number| &self.acts[*number])
    }

    /// The newest act that was told under the name of this entry, with this code.
    pub(crate) fn of_entry(&self, entry: &str, code: &str) -> Option<&Told> {
        self.number_of(entry, code).map(|number| &self.acts[number])
    }

    fn number_of(&self, entry: &str, code: &str) -> Option<usize> {
        let mut named = self.by_entry.get(entry).into_iter().flatten().rev();
        named
            .find(|number| self.acts[**number].code == code)
            .copied()
    }

    pub(crate) fn uses_of(&self, code: &str) -> impl Iterator<Item = &Told> {
        self.by_code
            .get(code)
            .into_iter()
            .flatten()
            .map(|number| &self.acts[*number])
            .filter(|act| act.what == What::Use)
    }

    /// Whenever a code was given to somebody.
    pub(crate) fn codes_of(&self, code: &str) -> impl Iterator<Item = &Told> {
        self.by_code
            .get(code)
            .into_iter()
            .flatten()
            .map(|number| &self.acts[*number])
            .filter(|act| act.what == What::Code && !act.has_died())
    }

    /// Keeps an act that was told of as done for the first time. I5: under this key there was none.
    pub(crate) fn keep(&mut self, act: Told) -> Checked<()> {
        let named = (act.place, act.key.clone());
        let told = self.by_key.get(&named).map(|number| &self.acts[*number]);
        if told.is_some_and(|told| told.hash == act.hash) {
            // Two scans of one key were asked at once.
            return Ok(());
        }
        if let Some(before) = self.by_key.get(&named).map(|number| &self.acts[*number])
            && before.fate == Fate::Kept
        {
            return broken(
                Law::I5Once,
                format!(
                    "key {} of {:?} acted twice: {} of {} in step {}, and now {} of {}",
                    act.key, act.place, before.entry, before.code, before.step, act.entry, act.code
                ),
            );
        }
        let number = self.acts.len();
        self.by_key.insert(named, number);
        self.by_entry
            .entry(act.entry.clone())
            .or_default()
            .push(number);
        self.by_code
            .entry(act.code.clone())
            .or_default()
            .push(number);
        self.acts.push(act);
        Ok(())
    }

    /// An act is known to be undone, or may be.
    pub(crate) fn undo(&mut self, (entry, code): (&str, &str), undone: Undone) {
        if let Some(number) = self.number_of(entry, code) {
            let act = &mut self.acts[number];
            if act.undone != Undone::Yes {
                act.undone = undone;
            }
        }
    }

    /// Every standing use of a code may have been undone: somebody asked for the newest of them.
    pub(crate) fn undo_perhaps(&mut self, code: &str) {
        for number in self.by_code.get(code).into_iter().flatten() {
            let act = &mut self.acts[*number];
            if act.undone == Undone::No {
                act.undone = Undone::Perhaps;
            }
        }
    }
}
