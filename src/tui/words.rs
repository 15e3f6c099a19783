//! The one table of what the console says for each verdict word, on screen and in help.
//!
//! The screen may say it shorter than the word; which short text stands for which word is here.

/// How the console says one verdict word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordText {
    /// The word, as in the contract.
    pub word: &'static str,
    /// The big word in the panel; letters that the pixel font has.
    pub big: &'static str,
    /// In the list of last scans, in at most 14 characters.
    pub short: &'static str,
    /// What it means.
    pub means: &'static str,
    /// What the cashier does.
    pub advice: &'static str,
}

const fn text(
    word: &'static str,
    big: &'static str,
    short: &'static str,
    means: &'static str,
    advice: &'static str,
) -> WordText {
    WordText {
        word,
        big,
        short,
        means,
        advice,
    }
}

/// Every verdict word.
pub const WORDS: [WordText; 25] = [
    text(
        "accepted",
        "ACCEPTED",
        "accepted",
        "the code is good, and this use is counted",
        "give the offer",
    ),
    text(
        "replayed",
        "AGAIN",
        "again",
        "the same request came again: accepted before, counted once",
        "give the offer if it was not given yet",
    ),
    text(
        "reread",
        "SAME CODE",
        "same again",
        "the same code again, counted once",
        "nothing; for a further use take it out of view for 3 s",
    ),
    text(
        "needs_customer",
        "WHO IS IT?",
        "who is it?",
        "the offer is for a known customer; nothing is used up yet",
        "type or scan their number or e-mail, Enter",
    ),
    text(
        "needs_answer",
        "RECEIPT?",
        "receipt?",
        "the offer needs a receipt number; nothing is used up yet",
        "type or scan it, Enter",
    ),
    text(
        "needs_approval",
        "ASK MANAGER",
        "ask manager",
        "a manager must approve; nothing is used up yet",
        "the manager types the PIN and picks a reason",
    ),
    text(
        "misread",
        "SCAN AGAIN",
        "misread",
        "the check letters are wrong: a slip of the scanner or the fingers",
        "scan again, or type it",
    ),
    text(
        "already_redeemed",
        "USED",
        "already used",
        "all its uses are spent",
        "refuse; the line below says when and where",
    ),
    text(
        "reversed",
        "UNDONE",
        "undone",
        "this redemption was undone",
        "scan the code anew",
    ),
    text(
        "not_found",
        "UNKNOWN",
        "unknown",
        "no such code",
        "refuse; perhaps it is of another shop",
    ),
    text(
        "not_assigned",
        "NOT ISSUED",
        "never issued",
        "one of ours, but never given to anybody",
        "refuse, and tell the manager",
    ),
    text(
        "not_yet_valid",
        "TOO EARLY",
        "too early",
        "not valid yet",
        "refuse, or F9 Manager",
    ),
    text(
        "expired",
        "EXPIRED",
        "expired",
        "no longer valid",
        "refuse, or F9 Manager",
    ),
    text(
        "outside_hours",
        "NOT NOW",
        "not now",
        "not at this hour or on this day",
        "refuse, or F9 Manager",
    ),
    text(
        "paused",
        "PAUSED",
        "paused",
        "the campaign is paused",
        "refuse, or F9 Manager",
    ),
    text(
        "void",
        "CANCELLED",
        "cancelled",
        "the code was cancelled",
        "refuse; the line below says why",
    ),
    text(
        "suspect",
        "SUSPECT",
        "suspect",
        "it may have been used already",
        "F9 Manager decides",
    ),
    text(
        "wrong_store",
        "NOT HERE",
        "not here",
        "not valid in this shop",
        "refuse, or F9 Manager",
    ),
    text(
        "wrong_campaign",
        "WRONG OFFER",
        "wrong offer",
        "of another campaign than asked for",
        "refuse",
    ),
    text(
        "wrong_customer",
        "NOT THEIRS",
        "not theirs",
        "it belongs to another customer",
        "refuse",
    ),
    text(
        "limit_reached",
        "LIMIT",
        "limit reached",
        "this customer has had as many as allowed",
        "refuse, or F9 Manager",
    ),
    text(
        "not_ours",
        "NOT OURS",
        "not ours",
        "not a code of ours; the line below says what it is",
        "scan the code beside it",
    ),
    text(
        "key_conflict",
        "NOT DONE",
        "key conflict",
        "the request's key belongs to another code",
        "scan again",
    ),
    text(
        "offline_refused",
        "OFFLINE",
        "offline",
        "whoever holds the code is out of reach",
        "try again when the line is back, or F9 Manager",
    ),
    text(
        "unknown_outcome",
        "WAIT",
        "no answer yet",
        "the hub was asked and has not answered",
        "do not hand over; scan again, it is safe",
    ),
];

/// The text of a word that the table does not know; no verdict has one.
const UNTOLD: WordText = text("", "STOP", "refused", "", "");

/// How the console says a word.
pub fn of(word: &str) -> &'static WordText {
    WORDS
        .iter()
        .find(|text| text.word == word)
        .unwrap_or(&UNTOLD)
}
