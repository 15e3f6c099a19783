//! Long work on a campaign: what is ordered of it, and what is told: import, generation, preflight.
//!
//! A manager is asked first; what is then looked at, begun and stopped is theirs, until they go.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::domain::code_list::BadRow;
use crate::domain::ids::CampaignId;
use crate::domain::preflight::Check;
use crate::tui::msg::ApprovalAsk;

/// An order about long work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkOrder {
    /// A manager lets it be prepared and begun.
    Ask {
        /// A manager's approval.
        approval: Option<ApprovalAsk>,
    },
    /// What is at a place: a folder is listed, of a file the first rows are looked at.
    Go {
        /// The running number of the order: what was asked before it is of no use any more.
        number: u64,
        /// The place; none: the home folder.
        to: Option<PathBuf>,
    },
    /// Begin it.
    Begin(WorkWish),
    /// Stop what is under way.
    Stop,
    /// Nothing more is prepared: the next one asks again.
    Close,
}

/// What long work is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkWish {
    /// Import a list of codes.
    Import {
        /// Into which campaign.
        campaign: CampaignId,
        /// The list.
        path: PathBuf,
        /// The codes were given out by others.
        is_given_out: bool,
        /// Good rows are stored although others are bad.
        skips_bad: bool,
        /// Codes are taken as they are, whatever a spreadsheet may have done to them.
        is_as_is: bool,
    },
    /// Draw codes.
    Generate {
        /// For which campaign.
        campaign: CampaignId,
        /// How many.
        count: u64,
        /// What each begins with.
        prefix: String,
        /// Letters after it.
        length: usize,
        /// They are given out by others.
        is_given_out: bool,
    },
    /// Play the campaign on a copy.
    Preflight {
        /// Which campaign.
        campaign: CampaignId,
        /// How many customers are to have a code; none: not said.
        audience: Option<u64>,
    },
}

impl WorkWish {
    /// Of which campaign.
    pub fn campaign(&self) -> &CampaignId {
        match self {
            WorkWish::Import { campaign, .. }
            | WorkWish::Generate { campaign, .. }
            | WorkWish::Preflight { campaign, .. } => campaign,
        }
    }

    /// What it does, for a line of a few words.
    pub fn verb(&self) -> &'static str {
        match self {
            WorkWish::Import { .. } => "importing",
            WorkWish::Generate { .. } => "generating",
            WorkWish::Preflight { .. } => "preflight",
        }
    }

    /// What it is called in a sentence.
    pub fn noun(&self) -> &'static str {
        match self {
            WorkWish::Import { .. } => "the import",
            WorkWish::Generate { .. } => "the generation",
            WorkWish::Preflight { .. } => "the preflight",
        }
    }
}

/// What long work does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkStep {
    /// Reads the list.
    Reading,
    /// Draws codes.
    Drawing,
    /// Looks for clashes.
    Checking,
    /// Stores codes; nobody can use them yet.
    Storing,
    /// Copies the ledger.
    Copying,
    /// Plays on the copy.
    Playing,
}

impl WorkStep {
    /// The step in a word.
    pub fn word(self) -> &'static str {
        match self {
            WorkStep::Reading => "reading",
            WorkStep::Drawing => "drawing",
            WorkStep::Checking => "checking",
            WorkStep::Storing => "storing",
            WorkStep::Copying => "copying the ledger",
            WorkStep::Playing => "playing",
        }
    }
}

/// How far long work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkProgress {
    /// What is being done.
    pub step: WorkStep,
    /// Rows (when copying: bytes) done in this step.
    pub done: u64,
    /// Of so many, where it is known.
    pub total: Option<u64>,
    /// Bad rows found so far.
    pub bad: u64,
    /// How much of all is done, where it is known.
    pub percent: Option<u8>,
    /// How long the rest may take, where it can be told.
    pub left_s: Option<u64>,
}

/// How long work has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkEnd {
    /// Codes were stored; or none, because of bad rows.
    Stored {
        /// Codes stored.
        stored: u64,
        /// Bad rows left out.
        skipped: u64,
        /// The first bad rows, in the order of their lines.
        bad: Vec<BadRow>,
        /// How many there are.
        bad_count: u64,
        /// The file that holds them all.
        bad_file: Option<String>,
    },
    /// Every check was played.
    Played,
    /// It was stopped, and nothing of it is left.
    Stopped,
    /// It could not be done: what is wrong, and what to do.
    Failed(String),
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// Its name, for people.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its size.
    pub bytes: u64,
    /// When it was changed.
    pub changed_at: Option<Timestamp>,
}

impl FolderRow {
    /// Whether its name is that of a list of codes.
    pub fn is_list(&self) -> bool {
        let name = self.name.to_lowercase();
        !self.is_folder
            && [".csv", ".txt", ".tsv"]
                .iter()
                .any(|ending| name.ends_with(ending))
    }
}

/// What is in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The folder.
    pub folder: PathBuf,
    /// Folders first, then lists, then everything else; each by name.
    pub rows: Vec<FolderRow>,
    /// Whether there is more than can be shown.
    pub is_cut: bool,
}

impl Listing {
    /// A listing in its order.
    pub fn new(folder: PathBuf, mut rows: Vec<FolderRow>, is_cut: bool) -> Listing {
        rows.sort_by_cached_key(|row| (!row.is_folder, !row.is_list(), row.name.to_lowercase()));
        Listing {
            folder,
            rows,
            is_cut,
        }
    }
}

/// The beginning of a list, before anything is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListBeginning {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The columns, in their order.
    pub columns: Vec<&'static str>,
    /// Whether the first row names them.
    pub has_header: bool,
    /// The place of the code among them, from 0.
    pub code_at: usize,
    /// The first rows.
    pub rows: Vec<Vec<String>>,
}

/// What is told of long work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkTold {
    /// One of these must approve by PIN.
    NeedsManager {
        /// Their names.
        names: Vec<String>,
    },
    /// A manager has let it be prepared.
    Granted,
    /// A folder.
    Listed {
        /// Of the order.
        number: u64,
        /// What is in it.
        listing: Listing,
    },
    /// The beginning of a file.
    Looked {
        /// Of the order.
        number: u64,
        /// It.
        list: Box<ListBeginning>,
    },
    /// A folder or a file cannot be read: why, for people.
    Unread {
        /// Of the order.
        number: u64,
        /// What is wrong.
        words: String,
    },
    /// It has begun.
    Began(WorkWish),
    /// It is so far.
    Progress(WorkProgress),
    /// What a preflight tries next.
    Trying(&'static str),
    /// What came of it.
    Checked(Check),
    /// It has ended.
    Ended(Box<WorkEnd>),
    /// It is refused, and nothing was begun: why, for people.
    Refused(String),
}
