//! Long work on a campaign over the page of the campaigns: the file picker, what is filled in, the bar, how
//! it ended; at every size, and what it orders.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::path::PathBuf;

use counterfoil::devices::scan::input::Key;
use counterfoil::domain::campaign::{Campaign, Rules};
use counterfoil::domain::campaign_sheet::CampaignSheet;
use counterfoil::domain::code_list::BadRow;
use counterfoil::domain::ids::CampaignId;
use counterfoil::domain::preflight::Trial;
use counterfoil::tui::back_order::{BackOrder, BackTold};
use counterfoil::tui::campaign_order::{CampaignList, CampaignTold};
use counterfoil::tui::model::Model;
use counterfoil::tui::msg::{ApprovalAsk, Effect, Msg, Pin};
use counterfoil::tui::work_order::{
    FolderRow, ListBeginning, Listing, WorkEnd, WorkOrder, WorkProgress, WorkStep, WorkTold,
    WorkWish,
};
use jiff::tz::TimeZone;

use crate::screens::{
    DARK, Scene, after, check, drawn, effects, key, model, scan, scan_effect, signed_in, text,
    then, typed, without_bells,
};

fn campaign() -> CampaignId {
    "spring-menu".parse().unwrap()
}

fn sheet() -> CampaignSheet {
    CampaignSheet {
        campaign: Campaign {
            id: campaign(),
            revision: 1,
            is_paused: false,
            rules: Rules::new("Free coffee"),
        },
        test_mode: None,
        left: 120,
        claimable: 120,
    }
}

fn told(told: WorkTold) -> Msg {
    Msg::BackTold(BackTold::Work(told))
}

fn at_campaigns() -> Vec<Msg> {
    let list = CampaignList {
        sheets: vec![sheet()],
        zone: TimeZone::UTC,
        elsewhere: None,
    };
    let listed = Msg::BackTold(BackTold::Campaign(CampaignTold::Listed(list)));
    then(signed_in(), [key(Key::F(5)), key(Key::F(5)), listed])
}

/// A letter and Enter.
fn letter(letter: &str) -> [Msg; 2] {
    [typed(letter), key(Key::Enter)]
}

/// A made-up folder.
fn listing() -> Listing {
    let row = |name: &str, is_folder: bool, bytes: u64, days: i64| FolderRow {
        name: name.to_owned(),
        path: PathBuf::from("/home/shop/lists").join(name),
        is_folder,
        bytes,
        changed_at: Some(after(-86_400 * days)),
    };
    Listing::new(
        PathBuf::from("/home/shop/lists"),
        vec![
            row("spring.csv", false, 18_400_000, 0),
            row("letter.pdf", false, 240_000, 3),
            row("Archive", true, 0, 90),
            row(".hidden", false, 12, 1),
            row("staff.txt", false, 640, 400),
            row("2025", true, 0, 300),
        ],
        false,
    )
}

fn beginning() -> ListBeginning {
    let rows = [
        ["CF-7K2M-9QXA", "maria@example.org", "2026-06-01"],
        ["CF-7K2M-9QXB", "zoe@example.org", "2026-06-01"],
        ["CF-7K2M-9QXC", "", "2026-06-01"],
    ];
    ListBeginning {
        path: PathBuf::from("/home/shop/lists/spring.csv"),
        bytes: 18_400_000,
        columns: vec!["code", "email", "expires_at"],
        has_header: true,
        code_at: 0,
        rows: rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
    }
}

fn names() -> Vec<String> {
    vec!["Ben".to_owned(), "Chloé".to_owned()]
}

/// A manager has approved what this letter asks for.
fn granted(by: &str) -> Vec<Msg> {
    let asked = told(WorkTold::NeedsManager { names: names() });
    then(
        then(at_campaigns(), letter(by)),
        [
            asked,
            typed("86420"),
            key(Key::Enter),
            told(WorkTold::Granted),
        ],
    )
}

fn picking() -> Vec<Msg> {
    let listed = WorkTold::Listed {
        number: 1,
        listing: listing(),
    };
    then(granted("i"), [told(listed)])
}

fn looked() -> Vec<Msg> {
    let list = Box::new(beginning());
    then(
        picking(),
        [
            typed("spr"),
            key(Key::Enter),
            told(WorkTold::Looked { number: 2, list }),
        ],
    )
}

fn import() -> WorkWish {
    WorkWish::Import {
        campaign: campaign(),
        path: PathBuf::from("/home/shop/lists/spring.csv"),
        is_given_out: false,
        skips_bad: false,
        is_as_is: false,
    }
}

fn generation() -> WorkWish {
    WorkWish::Generate {
        campaign: campaign(),
        count: 20_000,
        prefix: String::new(),
        length: 14,
        is_given_out: false,
    }
}

fn preflight() -> WorkWish {
    WorkWish::Preflight {
        campaign: campaign(),
        audience: Some(500),
    }
}

fn running(wish: WorkWish) -> Vec<Msg> {
    then(granted("i"), [told(WorkTold::Began(wish))])
}

fn progress(step: WorkStep, done: u64, total: Option<u64>, percent: u8) -> Msg {
    told(WorkTold::Progress(WorkProgress {
        step,
        done,
        total,
        bad: 3,
        percent: Some(percent),
        left_s: (percent > 10).then_some(40),
    }))
}

fn storing() -> Vec<Msg> {
    then(
        running(import()),
        [
            progress(WorkStep::Reading, 100_000, None, 9),
            progress(WorkStep::Checking, 50_000, Some(280_000), 30),
            progress(WorkStep::Storing, 14_000, Some(279_997), 43),
        ],
    )
}

fn bad_rows() -> Vec<BadRow> {
    (2..40)
        .map(|line| BadRow {
            line: line * 7,
            column: "code".to_owned(),
            value: format!("COFFEE-{line}"),
            reason: "the ledger has this code already, in campaign summer".to_owned(),
        })
        .collect()
}

fn stored(count: u64, skipped: u64, bad_count: u64) -> Msg {
    told(WorkTold::Ended(Box::new(WorkEnd::Stored {
        stored: count,
        skipped,
        bad: if bad_count > 0 {
            bad_rows()
        } else {
            Vec::new()
        },
        bad_count,
        bad_file: (bad_count > 0).then(|| "/home/shop/lists/spring.csv.bad.csv".to_owned()),
    })))
}

const NOT_YET: Trial = Trial::new("not_yet", "before the start");
const PAPER: Trial = Trial::new("paper_out", "the printer out of paper");
const SUPPLY: Trial = Trial::new("supply", "codes for everybody");

fn checks() -> Vec<Msg> {
    vec![
        told(WorkTold::Checked(SUPPLY.warns("500 codes", "120 codes"))),
        told(WorkTold::Trying(NOT_YET.words)),
        told(WorkTold::Checked(NOT_YET.ends(
            true,
            "refused",
            "too_early, nothing used",
        ))),
        told(WorkTold::Trying(PAPER.words)),
        told(WorkTold::Checked(PAPER.ends(
            false,
            "a slip that is kept",
            "printed, though there was no paper",
        ))),
        told(WorkTold::Trying("killed between claim and answer")),
    ]
}

fn before_it_begins() -> Vec<(&'static str, Vec<Msg>)> {
    let asked = told(WorkTold::NeedsManager { names: names() });
    let refused = told(WorkTold::Refused("the PIN is wrong".to_owned()));
    let unread = WorkTold::Unread {
        number: 2,
        words: "/home/shop/lists/Archive: this account may not read it: ask whoever owns it, or \
                pick another"
            .to_owned(),
    };
    vec![
        (
            "work-manager",
            then(then(at_campaigns(), letter("i")), [asked]),
        ),
        (
            "work-picker",
            then(picking(), [key(Key::Down), key(Key::Down)]),
        ),
        ("work-picker-filter", then(picking(), [typed("s")])),
        (
            "work-picker-unread",
            then(picking(), [key(Key::Down), key(Key::Enter), told(unread)]),
        ),
        ("work-import", looked()),
        (
            "work-import-refused",
            then(looked(), [key(Key::Enter), refused]),
        ),
        (
            "work-generate",
            then(
                granted("g"),
                [typed("20000"), key(Key::Enter), typed("CF-")],
            ),
        ),
        ("work-preflight", granted("f")),
    ]
}

fn under_way() -> Vec<(&'static str, Vec<Msg>)> {
    vec![
        ("work-importing", storing()),
        ("work-stop", then(storing(), [key(Key::Esc)])),
        (
            "work-generating",
            then(
                running(generation()),
                [progress(WorkStep::Drawing, 9_000, Some(20_000), 11)],
            ),
        ),
        (
            "work-copying",
            then(
                running(preflight()),
                [progress(
                    WorkStep::Copying,
                    14_000_000,
                    Some(90_000_000),
                    15,
                )],
            ),
        ),
        ("work-playing", then(running(preflight()), checks())),
        // Somebody has left the page while it runs.
        ("work-elsewhere", then(storing(), [key(Key::F(2))])),
    ]
}

fn at_its_end() -> Vec<(&'static str, Vec<Msg>)> {
    let ended = |end: WorkEnd| told(WorkTold::Ended(Box::new(end)));
    let failed = "import codes into spring-menu: the disk is full. free some room, then try again";
    vec![
        ("work-stored", then(storing(), [stored(279_997, 0, 0)])),
        ("work-skipped", then(storing(), [stored(279_959, 38, 38)])),
        ("work-bad", then(storing(), [stored(0, 0, 38)])),
        ("work-stopped", then(storing(), [ended(WorkEnd::Stopped)])),
        (
            "work-failed",
            then(storing(), [ended(WorkEnd::Failed(failed.to_owned()))]),
        ),
        (
            "work-played",
            then(
                then(running(preflight()), checks()),
                [ended(WorkEnd::Played)],
            ),
        ),
    ]
}

fn scenes() -> Vec<Scene> {
    [before_it_begins(), under_way(), at_its_end()]
        .concat()
        .into_iter()
        .map(|(name, msgs)| (name, false, msgs))
        .collect()
}

#[test]
fn long_work_draws_at_every_size() {
    for (name, is_training, msgs) in scenes() {
        check(name, is_training, &msgs);
    }
}

/// The orders of long work among what was ordered.
fn orders(model: &mut Model, msgs: impl IntoIterator<Item = Msg>) -> Vec<WorkOrder> {
    effects(model, msgs)
        .into_iter()
        .filter_map(|effect| {
            let Effect::Back(order) = effect else {
                return None;
            };
            let BackOrder::Work(order) = *order else {
                return None;
            };
            Some(order)
        })
        .collect()
}

fn shown(model: &Model) -> String {
    text(&drawn(model, (80, 24)))
}

fn go(number: u64, to: Option<&str>) -> WorkOrder {
    WorkOrder::Go {
        number,
        to: to.map(PathBuf::from),
    }
}

#[test]
fn nothing_is_looked_at_before_a_manager_has_approved() {
    let mut console = model(DARK, (80, 24), false, &at_campaigns());
    let ordered = orders(&mut console, letter("i"));
    assert_eq!(ordered, [WorkOrder::Ask { approval: None }]);
    let asked = told(WorkTold::NeedsManager { names: names() });
    let ordered = orders(&mut console, [asked, typed("2580"), key(Key::Enter)]);
    let ask = ApprovalAsk {
        operator: Some("Ben".to_owned()),
        pin: Some(Pin::new("2580".to_owned())),
        reason: "work on a campaign".to_owned(),
    };
    assert_eq!(
        ordered,
        [WorkOrder::Ask {
            approval: Some(ask)
        }]
    );
    let refused = told(WorkTold::Refused("the PIN is wrong".to_owned()));
    assert_eq!(orders(&mut console, [refused]), []);
    assert!(shown(&console).contains("the PIN is wrong"));
    assert!(!shown(&console).contains("2580"));
    let ordered = orders(&mut console, [told(WorkTold::Granted)]);
    assert_eq!(ordered, [go(1, None)]);
}

#[test]
fn the_picker_opens_goes_up_filters_and_takes_a_path_as_typed() {
    let mut console = model(DARK, (80, 24), false, &picking());
    // Folders first, then lists, the rest after them, hidden ones not at all.
    let screen = shown(&console);
    let place = |name: &str| screen.find(name).unwrap();
    assert!(place("2025/") < place("Archive/"), "{screen}");
    assert!(place("Archive/") < place("spring.csv"), "{screen}");
    assert!(place("staff.txt") < place("letter.pdf"), "{screen}");
    assert!(!screen.contains(".hidden"), "{screen}");
    let ordered = orders(&mut console, [key(Key::Down), key(Key::Enter)]);
    assert_eq!(ordered, [go(2, Some("/home/shop/lists/Archive"))]);
    let ordered = orders(&mut console, [key(Key::Backspace)]);
    assert_eq!(ordered, [go(3, Some("/home/shop"))]);
    // What was asked before is of no use any more.
    let late = WorkTold::Unread {
        number: 2,
        words: "too late".to_owned(),
    };
    orders(&mut console, [told(late)]);
    assert!(!shown(&console).contains("too late"));
    let ordered = orders(&mut console, [typed("STAFF"), key(Key::Enter)]);
    assert_eq!(ordered, [go(4, Some("/home/shop/lists/staff.txt"))]);
    let ordered = orders(
        &mut console,
        [key(Key::Ctrl('u')), typed("/media/stick"), key(Key::Enter)],
    );
    assert_eq!(ordered, [go(5, Some("/media/stick"))]);
    let ordered = orders(
        &mut console,
        [key(Key::Ctrl('u')), typed("~/x.csv"), key(Key::Enter)],
    );
    assert_eq!(ordered, [go(6, Some("~/x.csv"))]);
    // Esc drops what is typed, then closes.
    assert_eq!(orders(&mut console, [key(Key::Esc)]), []);
    assert_eq!(orders(&mut console, [key(Key::Esc)]), [WorkOrder::Close]);
    assert!(shown(&console).contains("POOLS"));
}

#[test]
fn a_folder_is_read_again_and_the_mark_stays() {
    let mut console = model(DARK, (80, 24), false, &picking());
    let ticked = |seconds| Msg::Ticked {
        now: after(seconds),
    };
    orders(&mut console, [key(Key::Down), key(Key::Down), ticked(61)]);
    assert_eq!(orders(&mut console, [ticked(64)]), []);
    let ordered = orders(&mut console, [ticked(67)]);
    assert_eq!(ordered, [go(2, Some("/home/shop/lists"))]);
    let mut rows = listing().rows;
    rows.remove(0);
    let listing = Listing::new(PathBuf::from("/home/shop/lists"), rows, false);
    orders(
        &mut console,
        [told(WorkTold::Listed { number: 2, listing })],
    );
    assert!(shown(&console).contains("›spring.csv"));
}

#[test]
fn what_is_filled_in_is_what_is_begun() {
    let mut console = model(DARK, (80, 24), false, &looked());
    let ordered = orders(
        &mut console,
        [typed(" "), key(Key::Down), key(Key::Right), key(Key::Enter)],
    );
    let WorkOrder::Begin(WorkWish::Import {
        is_given_out,
        skips_bad,
        is_as_is,
        path,
        ..
    }) = &ordered[0]
    else {
        panic!("{ordered:?}");
    };
    assert_eq!((*is_given_out, *skips_bad, *is_as_is), (true, true, false));
    assert_eq!(path, &beginning().path);
    // Once is enough.
    assert_eq!(orders(&mut console, [key(Key::Enter)]), []);

    let mut console = model(DARK, (80, 24), false, &granted("g"));
    let down = [key(Key::Down), key(Key::Down), key(Key::Down)];
    assert_eq!(orders(&mut console, down), []);
    assert_eq!(orders(&mut console, [key(Key::Enter)]), []);
    assert!(shown(&console).contains("type how many codes"));
    let filled = [typed("20 000"), key(Key::Enter), typed("CF-")];
    orders(&mut console, filled);
    assert!(shown(&console).contains("such as CF-"));
    let ordered = orders(
        &mut console,
        [key(Key::Enter), key(Key::Enter), key(Key::Enter)],
    );
    let WorkOrder::Begin(WorkWish::Generate {
        count,
        prefix,
        length,
        ..
    }) = &ordered[0]
    else {
        panic!("{ordered:?}");
    };
    assert_eq!((*count, prefix.as_str(), *length), (20_000, "CF-", 14));

    let mut console = model(DARK, (80, 24), false, &granted("f"));
    orders(&mut console, [typed("many"), key(Key::Enter)]);
    assert!(shown(&console).contains("as a number, or nothing"));
    let ordered = orders(
        &mut console,
        [key(Key::Ctrl('u')), typed("500"), key(Key::Enter)],
    );
    assert_eq!(ordered, [WorkOrder::Begin(preflight())]);
}

#[test]
fn two_keys_stop_it_and_a_scan_drops_the_question() {
    let mut console = model(DARK, (80, 24), false, &storing());
    assert_eq!(orders(&mut console, [key(Key::Esc), key(Key::Up)]), []);
    assert_eq!(orders(&mut console, [key(Key::Enter)]), []);
    orders(&mut console, [key(Key::Esc)]);
    let ordered = without_bells(effects(&mut console, [scan("BCDFGHJKLNPRST")]));
    assert_eq!(ordered, [scan_effect(1, "BCDFGHJKLNPRST", true)]);
    assert_eq!(orders(&mut console, [key(Key::Enter)]), []);
    let ordered = orders(&mut console, [key(Key::Esc), key(Key::Enter)]);
    assert_eq!(ordered, [WorkOrder::Stop]);
    assert!(shown(&console).contains("stopping"));
    assert_eq!(orders(&mut console, [key(Key::Esc), key(Key::Enter)]), []);
}

#[test]
fn whoever_has_left_the_page_is_told_how_far_it_is_and_how_it_ended() {
    let mut console = model(DARK, (80, 24), false, &storing());
    console.update(key(Key::F(2)));
    assert!(shown(&console).contains("importing 43 %"));
    // It outlasts whoever began it.
    console.update(key(Key::F(10)));
    assert!(shown(&console).contains("importing 43 %"));
    console.update(stored(279_997, 0, 0));
    let screen = shown(&console);
    assert!(!screen.contains("importing"), "{screen}");
    assert!(
        screen.contains("import: 279 997 codes stored in spring-menu"),
        "{screen}"
    );
}
