//! The one table of keys: what a key does, how the footer names it, what help says of it.
//!
//! Invariant: no letter is a command, since a scanner types letters. Each function key also comes as
//! Ctrl-G and its digit, for terminals that keep theirs.

use crate::devices::scan::input::Key;

/// What a key orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// Open or close help.
    Help,
    /// Back to the scans.
    Home,
    /// Sign a customer up.
    SignUp,
    /// Find a customer or a code.
    Find,
    /// The pools, the campaigns, the day and the operators.
    Pools,
    /// The log, and the conflicts.
    Log,
    /// Undo a redemption of this counter.
    Undo,
    /// Slips: those in doubt, or this one again.
    Slips,
    /// A manager sets the refusal aside.
    Manager,
    /// Sign out.
    SignOut,
    /// Leave the console, after a second key.
    Leave,
    /// Do it.
    Enter,
    /// Drop it.
    Drop,
    /// One up.
    Up,
    /// One down.
    Down,
    /// One to the left.
    Left,
    /// One to the right.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// The next field.
    Next,
    /// The field before.
    Previous,
    /// To the start of the line.
    LineStart,
    /// To the end of the line.
    LineEnd,
    /// Take the character before the cursor away.
    Erase,
    /// Take the character after it away.
    EraseNext,
    /// Take the whole line away.
    EraseLine,
}

/// Where the operator is; decides which keys the footer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The ledger is being opened.
    Starting,
    /// Set-up.
    SetUp,
    /// Sign-in.
    SignIn,
    /// Ready for scans.
    Home,
    /// A refusal is shown that a manager may set aside.
    Refused,
    /// A question is open.
    Question,
    /// Undo is open.
    Undo,
    /// The form of the sign-up.
    SignUp,
    /// Its second key is awaited.
    SignUpAsked,
    /// A sign-up was answered.
    SignUpDone,
    /// A list lies over the sign-up.
    SignUpList,
    /// The form of the search.
    Find,
    /// The life of a code that was found.
    Life,
    /// A lost code was replaced.
    Replaced,
    /// The pools.
    Pools,
    /// The list of campaigns.
    Campaigns,
    /// A campaign is being changed, or shown in full.
    Campaign,
    /// Long work on a campaign is asked for, or has ended.
    Work,
    /// A file is picked.
    WorkPicked,
    /// Long work is under way.
    WorkRuns,
    /// The list of conflicts.
    Conflicts,
    /// The stories of a conflict.
    Conflict,
    /// A conflict is being settled.
    Settling,
    /// The lines of the log.
    Log,
    /// One line of the log in full.
    LogLine,
    /// Something is typed or asked on the page of the log.
    LogAsked,
    /// The report of a day.
    Day,
    /// Its print was asked for; the second key is awaited.
    DayAsked,
    /// The list of operators.
    Operators,
    /// An operator is being changed.
    Operator,
    /// Help is open.
    Help,
    /// The second key for leaving is awaited.
    Leaving,
}

/// Whether a row of the table needs somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Always.
    Anybody,
    /// Only while somebody is signed in.
    SignedIn,
    /// Only while nobody is.
    Nobody,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct KeyRow {
    /// The key.
    pub key: Key,
    /// What it orders.
    pub command: Command,
    /// What the footer calls it; empty: the footer leaves it out.
    pub label: &'static str,
    /// What help says.
    pub help: &'static str,
    /// Where the footer names it.
    pub places: &'static [Place],
    /// For whom it is there.
    pub who: Who,
}

const fn row(
    key: Key,
    command: Command,
    label: &'static str,
    help: &'static str,
    places: &'static [Place],
) -> KeyRow {
    KeyRow {
        key,
        command,
        label,
        help,
        places,
        who: Who::Anybody,
    }
}

/// Every key of the console.
pub const KEYS: [KeyRow; 61] = [
    row(
        Key::F(1),
        Command::Help,
        "Help",
        "this page, and back",
        &[
            Place::Starting,
            Place::SetUp,
            Place::SignIn,
            Place::Home,
            Place::Refused,
            Place::Question,
            Place::Undo,
            Place::SignUp,
            Place::SignUpAsked,
            Place::SignUpDone,
            Place::SignUpList,
            Place::Find,
            Place::Life,
            Place::Replaced,
            Place::Pools,
            Place::Campaigns,
            Place::Campaign,
            Place::Work,
            Place::WorkPicked,
            Place::WorkRuns,
            Place::Conflicts,
            Place::Conflict,
            Place::Settling,
            Place::Log,
            Place::LogLine,
            Place::LogAsked,
            Place::Day,
            Place::DayAsked,
            Place::Operators,
            Place::Operator,
        ],
    ),
    row(
        Key::F(2),
        Command::Home,
        "Redeem",
        "back to the scans, from anywhere; a form stays as it is",
        &[
            Place::Question,
            Place::Undo,
            Place::SignUp,
            Place::SignUpAsked,
            Place::SignUpDone,
            Place::SignUpList,
            Place::Find,
            Place::Replaced,
            Place::Pools,
            Place::Campaigns,
            Place::Campaign,
            Place::Work,
            Place::WorkPicked,
            Place::WorkRuns,
            Place::Conflicts,
            Place::Conflict,
            Place::Settling,
            Place::Log,
            Place::LogLine,
            Place::LogAsked,
            Place::Day,
            Place::DayAsked,
            Place::Operators,
            Place::Operator,
        ],
    ),
    row(
        Key::F(3),
        Command::SignUp,
        "Sign-up",
        "give a customer a code of their own",
        &[
            Place::Home,
            Place::Refused,
            Place::Find,
            Place::Pools,
            Place::Campaigns,
            Place::Conflicts,
            Place::Day,
        ],
    ),
    row(
        Key::F(4),
        Command::Find,
        "Find",
        "find a customer, or the life of a code: type its last four letters, a whole one is redeemed",
        &[
            Place::Home,
            Place::Refused,
            Place::SignUp,
            Place::SignUpDone,
            Place::Pools,
            Place::Campaigns,
            Place::Conflicts,
            Place::Day,
        ],
    ),
    row(
        Key::F(5),
        Command::Pools,
        "Pools",
        "the back room, page after page: what is left of each campaign's codes and until when, the \
         campaigns, what a day came to, who may sign in",
        &[
            Place::Home,
            Place::Find,
            Place::Pools,
            Place::Campaigns,
            Place::Conflicts,
            Place::Log,
            Place::Day,
            Place::Operators,
        ],
    ),
    row(
        Key::F(6),
        Command::Log,
        "Log",
        "every scan and change with its answer; once more: what stores did that cannot all be right",
        &[
            Place::Home,
            Place::Refused,
            Place::Find,
            Place::Pools,
            Place::Campaigns,
            Place::Day,
            Place::Operators,
        ],
    ),
    row(
        Key::F(7),
        Command::Slips,
        "Add",
        "among the operators: let somebody sign in",
        &[Place::Operators],
    ),
    row(
        Key::F(6),
        Command::Log,
        "Conflicts",
        "in the log: what stores did that cannot all be right, and how it was settled",
        &[Place::Log],
    ),
    row(
        Key::F(6),
        Command::Log,
        "Log",
        "in the list of conflicts: every scan and change with its answer",
        &[Place::Conflicts],
    ),
    row(
        Key::F(7),
        Command::Slips,
        "This code",
        "in a line of the log: everything about its code",
        &[Place::LogLine],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Go on",
        "in an import, a generation or a preflight: to the next line; on the last, begin",
        &[Place::Work],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Open",
        "among files: open the folder, look at the list; Backspace goes up, typing filters, a whole \
         path is taken as typed",
        &[Place::WorkPicked],
    ),
    row(
        Key::Esc,
        Command::Drop,
        "Stop",
        "while something is imported, generated or played: stop it, with Enter as second key",
        &[Place::WorkRuns],
    ),
    row(
        Key::F(8),
        Command::Undo,
        "Export",
        "in the log: write it to a file: F8, a digit, Enter, a manager",
        &[Place::Log],
    ),
    row(
        Key::F(9),
        Command::Manager,
        // The page says so where there is a notice.
        "",
        "in the log: end the notice about unknown codes: F9, a digit, Enter, a manager",
        &[Place::Log],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "All of it",
        "in the log: all that the marked line says; after a digit, lines of that answer",
        &[Place::Log],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Do it",
        "in the log: show what the form asks for, do what is asked",
        &[Place::LogAsked],
    ),
    row(
        Key::Tab,
        Command::Next,
        "Filter",
        "in the log: a form for what is shown: Tab, Enter",
        &[Place::Log],
    ),
    row(
        Key::F(7),
        Command::Slips,
        "Slips",
        "in sign-up: slips that no printer has confirmed: a digit for what is done, Enter",
        &[Place::SignUp],
    ),
    row(
        Key::F(7),
        Command::Slips,
        "Print again",
        "after a sign-up: print its slip again, with Enter as second key",
        &[Place::SignUpDone],
    ),
    row(
        Key::F(7),
        Command::Slips,
        "Print",
        "in the life of a code: print its slip again, with Enter as second key",
        &[Place::Life],
    ),
    row(
        Key::F(7),
        Command::Slips,
        "Print",
        "in the report of a day: print it as a Z report, with Enter as second key",
        &[Place::Day],
    ),
    row(
        Key::F(8),
        Command::Undo,
        "Undo",
        "undo a redemption of this counter, or give up a scan that the hub has not answered: F8, a \
         digit for the reason, Enter",
        &[Place::Home, Place::Refused],
    ),
    row(
        Key::F(8),
        Command::Undo,
        "Take back",
        "in sign-up: take back a code just given out: F8, a digit for the reason, Enter",
        &[Place::SignUp, Place::SignUpDone],
    ),
    row(
        Key::F(8),
        Command::Undo,
        "Undo",
        "in the life of a code: undo the marked use, also days later: F8, a digit, Enter, a manager",
        &[Place::Life],
    ),
    row(
        Key::F(9),
        Command::Manager,
        "Replace",
        "in the life of a code: another one for a lost slip: F9, a digit, Enter, a manager",
        &[Place::Life],
    ),
    row(
        Key::F(9),
        Command::Manager,
        "Contact",
        "in Find: a manager shows the whole contact of the marked customer; it is kept who did",
        &[Place::Find],
    ),
    row(
        Key::F(9),
        Command::Manager,
        "Manager",
        "a manager sets a refusal aside: PIN, and a digit for the reason",
        &[Place::Refused],
    ),
    KeyRow {
        key: Key::F(10),
        command: Command::SignOut,
        label: "Sign out",
        help: "sign out",
        places: &[
            Place::Home,
            Place::Refused,
            Place::SignUp,
            Place::SignUpDone,
            Place::Find,
            Place::Pools,
            Place::Campaigns,
            Place::Conflicts,
            Place::Log,
            Place::Day,
            Place::Operators,
        ],
        who: Who::SignedIn,
    },
    KeyRow {
        key: Key::F(10),
        command: Command::Leave,
        label: "Leave",
        help: "where nobody is signed in: leave the console, with Enter as second key",
        places: &[
            Place::SetUp,
            Place::SignIn,
            Place::Home,
            Place::Refused,
            Place::SignUp,
            Place::SignUpDone,
            Place::Find,
            Place::Pools,
            Place::Campaigns,
            Place::Conflicts,
            Place::Log,
            Place::Day,
            Place::Operators,
        ],
        who: Who::Nobody,
    },
    row(
        Key::Enter,
        Command::Enter,
        "Do it",
        "end a line typed by hand; do what is marked",
        &[Place::Question, Place::Undo],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Do it",
        "in sign-up: once to ask, once more to give the code",
        &[Place::SignUpAsked, Place::SignUpList],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Next customer",
        "after a sign-up: on to the next customer",
        &[Place::SignUpDone],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Find",
        "in Find: look for what is typed; in its list: the life of the marked code",
        &[Place::Find],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Its life",
        "after a replacement: the life of the new code",
        &[Place::Replaced],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Stories",
        "in the list of conflicts: who did what in the marked one",
        &[Place::Conflicts],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Do it",
        "in a conflict, at the hub: settle it: a digit, Enter, a digit for the reason, Enter, a manager",
        &[Place::Settling],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Print it",
        "in the report of a day, after F7: print it",
        &[Place::DayAsked],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Change",
        "among the campaigns: change the marked one; after a letter: n another one, x a later end, p pause \
         or resume, t test mode or go live, a all of it",
        &[Place::Campaigns],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Go on",
        "about a campaign: to the next line, or do what is asked; a manager's PIN",
        &[Place::Campaign],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Change",
        "among the operators: change the marked one: a digit, Enter, a manager",
        &[Place::Operators],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Go on",
        "about an operator: to the next line; on the last, a manager's PIN",
        &[Place::Operator],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Sign in",
        "at sign-in: sign in with the typed PIN",
        &[Place::SignIn],
    ),
    row(
        Key::Enter,
        Command::Enter,
        "Next",
        "in set-up: to the next line; on the last, create the shop",
        &[Place::SetUp],
    ),
    row(
        Key::Esc,
        Command::Drop,
        "Drop it",
        "drop the question, the undo or the typed line",
        &[Place::Question, Place::Undo, Place::DayAsked],
    ),
    row(
        Key::Esc,
        Command::Drop,
        "Back",
        "close this page",
        &[
            Place::Help,
            Place::SignUpAsked,
            Place::SignUpList,
            Place::Life,
            Place::Replaced,
            Place::Conflict,
            Place::Settling,
            Place::LogLine,
            Place::LogAsked,
            Place::Campaign,
            Place::Operator,
            Place::Work,
            Place::WorkPicked,
        ],
    ),
    row(
        Key::Up,
        Command::Up,
        "",
        "the one before: of people, redemptions, fields, lines",
        &[],
    ),
    row(Key::Down, Command::Down, "", "the next one", &[]),
    row(
        Key::Left,
        Command::Left,
        "",
        "in a line: to the left; in set-up: the choice before",
        &[],
    ),
    row(
        Key::Right,
        Command::Right,
        "",
        "in a line: to the right; in set-up: the next choice",
        &[],
    ),
    row(Key::Tab, Command::Next, "", "the next field", &[]),
    row(Key::BackTab, Command::Previous, "", "the field before", &[]),
    row(Key::PageUp, Command::PageUp, "", "a page up", &[]),
    row(Key::PageDown, Command::PageDown, "", "a page down", &[]),
    row(
        Key::Home,
        Command::LineStart,
        "",
        "to the start of the line",
        &[],
    ),
    row(
        Key::End,
        Command::LineEnd,
        "",
        "to the end of the line",
        &[],
    ),
    row(
        Key::Backspace,
        Command::Erase,
        "",
        "erase the character before the cursor",
        &[],
    ),
    row(
        Key::Delete,
        Command::EraseNext,
        "",
        "erase the character after the cursor",
        &[],
    ),
    row(
        Key::Ctrl('u'),
        Command::EraseLine,
        "",
        "erase the typed line",
        &[],
    ),
    row(
        Key::Ctrl('c'),
        Command::Leave,
        "",
        "leave the console, with Enter as second key",
        &[],
    ),
    row(
        Key::Ctrl('d'),
        Command::Leave,
        "",
        "leave the console, with Enter as second key",
        &[],
    ),
];

/// The key that stands before a digit for a function key.
pub const PREFIX: Key = Key::Ctrl('g');

/// The function key that a digit after [`PREFIX`] stands for; `0` is F10.
pub fn after_prefix(typed: char) -> Option<Key> {
    let digit = u8::try_from(typed.to_digit(10)?).ok()?;
    Some(Key::F(if digit == 0 { 10 } else { digit }))
}

/// What a key orders.
pub fn command(key: Key, is_signed_in: bool) -> Option<Command> {
    KEYS.iter()
        .find(|row| row.key == key && is_for(row, is_signed_in))
        .map(|row| row.command)
}

/// The keys that the footer names in a place, in the table's order.
pub fn footer(place: Place, is_signed_in: bool) -> impl Iterator<Item = &'static KeyRow> {
    KEYS.iter().filter(move |row| {
        !row.label.is_empty() && row.places.contains(&place) && is_for(row, is_signed_in)
    })
}

/// The name of a key, as it is printed on keyboards.
pub fn name(key: Key) -> String {
    match key {
        Key::Enter => "Enter".to_owned(),
        Key::Tab => "Tab".to_owned(),
        Key::BackTab => "Shift+Tab".to_owned(),
        Key::Esc => "Esc".to_owned(),
        Key::Backspace => "Backspace".to_owned(),
        Key::Delete => "Delete".to_owned(),
        Key::Insert => "Insert".to_owned(),
        Key::Up => "Up".to_owned(),
        Key::Down => "Down".to_owned(),
        Key::Left => "Left".to_owned(),
        Key::Right => "Right".to_owned(),
        Key::Home => "Home".to_owned(),
        Key::End => "End".to_owned(),
        Key::PageUp => "Page Up".to_owned(),
        Key::PageDown => "Page Down".to_owned(),
        Key::F(number) => format!("F{number}"),
        Key::Ctrl(letter) => format!("Ctrl-{}", letter.to_ascii_uppercase()),
    }
}

fn is_for(row: &KeyRow, is_signed_in: bool) -> bool {
    match row.who {
        Who::Anybody => true,
        Who::SignedIn => is_signed_in,
        Who::Nobody => !is_signed_in,
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, KEYS, Key, after_prefix, command};

    #[test]
    fn each_function_key_also_comes_by_its_digit() {
        for row in KEYS {
            if let Key::F(number) = row.key {
                let digit = char::from_digit(u32::from(number) % 10, 10).unwrap();
                assert_eq!(after_prefix(digit), Some(row.key));
            }
        }
        assert_eq!(after_prefix('x'), None);
    }

    #[test]
    fn f10_signs_out_or_leaves() {
        assert_eq!(command(Key::F(10), true), Some(Command::SignOut));
        assert_eq!(command(Key::F(10), false), Some(Command::Leave));
        assert_eq!(command(Key::Insert, true), None);
    }
}
