//! The terminal: resized, given back, gone.

use rustix::process::Signal;

use crate::console::pty::{Console, F3, F10};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

#[test]
fn a_resize_is_followed_at_once() {
    let (shop, codes) = Shop::with_codes(4);
    let mut console = shop.console("till 1");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    console.resize(60, 18);
    console.wait_for("today: accepted 1");
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
    console.resize(30, 8);
    console.wait_for("enlarge the window");
    console.scan(&codes[2]);
    console.wait_for("#3");
    console.resize(120, 40);
    console.wait_for("LAST SCANS");
    console.wait_for(&grouped(&codes[2]));
    console.scan(&codes[3]);
    console.wait_for(&grouped(&codes[3]));
    console.resize(80, 24);
    console.wait_until("all of it at 80 columns", |console| {
        let screen = console.screen();
        screen.contains("accepted            4")
            && screen.contains("F1 Help")
            && console.row(0).contains("COUNTERFOIL  Riverside")
            && console.row(23).contains(':')
    });
    assert_eq!(shop.accepted(), codes);
}

#[test]
fn leaving_gives_the_terminal_back() {
    let (shop, codes) = Shop::with_codes(1);
    let mut console = shop.console("till 1");
    assert!(console.is_on_alternate_screen());
    assert!(!console.is_terminal_restored());
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    console.send_alone(F10);
    console.wait_for("Leave the console?");
    // Any other key stays.
    console.send_alone(b"\x1b[A");
    console.wait_for("F10 Leave");
    let status = console.leave();
    assert!(status.success(), "{status}");
    assert!(!console.is_on_alternate_screen());
    assert!(!console.is_cursor_hidden_or_paste_bracketed());
    assert!(console.is_terminal_restored());
}

#[test]
fn a_signal_gives_the_terminal_back_and_what_was_scanned_meanwhile_is_no_command() {
    for signal in [Signal::TERM, Signal::INT] {
        let (shop, codes) = Shop::with_codes(2);
        let mut console = shop.console("till 1");
        console.scan(&codes[0]);
        console.wait_for(&grouped(&codes[0]));
        // Both are there when it goes on: the end, and a scan that nobody read.
        console.signal(Signal::STOP);
        console.scan(&codes[1]);
        console.signal(signal);
        console.signal(Signal::CONT);
        let status = console.end();
        assert!(status.success(), "{status}");
        assert!(!console.is_on_alternate_screen());
        assert!(!console.is_cursor_hidden_or_paste_bracketed());
        assert!(console.is_terminal_restored());
        assert_eq!(console.left_to_read(), 0);
        assert_eq!(shop.accepted()[..1], codes[..1]);
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_console() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    console.hang_up();
    let status = console.end();
    assert!(status.code().is_some(), "{status}");
    assert_eq!(shop.accepted(), codes[..1]);
    let mut console = shop.console("till 1");
    console.signal(Signal::HUP);
    let status = console.end();
    assert!(status.success(), "{status}");
    assert!(console.is_terminal_restored());
}

#[test]
fn without_a_terminal_the_console_says_so() {
    let shop = Shop::new();
    let done = shop.run(&[]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("needs a terminal"), "{done:?}");
    let done = shop.run(&["demo"]);
    assert_eq!(done.code, 2, "{done:?}");
}

#[test]
fn training_cannot_be_mistaken_and_leaves_nothing_behind() {
    let shop = Shop::without_ledger();
    let mut command = shop.bare_command(Console::IN_A_SESSION);
    command.arg("demo").env("TMPDIR", shop.folder());
    let mut console = Console::open(command);
    console.wait_for("Ready for the next scan");
    console.wait_for("nothing here counts");
    console.scan("COFFEE-2026");
    console.wait_for("used 1 of 1");
    assert!(console.screen().contains("nothing here counts"));
    // The sign-up begins with a campaign that has codes to give.
    console.send_alone(F3);
    console.wait_for("‹ welcome ›");
    console.type_keys(b"Bo");
    console.send_alone(b"\t");
    console.type_keys(b"bo@example.org");
    console.wait_for("A new customer.");
    console.send_alone(b"\r");
    console.wait_for("Enter again: give Welcome drink");
    console.send_alone(b"\r");
    console.wait_for("SIGNED UP");
    assert!(console.screen().contains("nothing here counts"));
    let left = || std::fs::read_dir(shop.folder()).expect("a folder").count();
    assert_eq!(left(), 1, "its throw-away ledger");
    let status = console.leave();
    assert!(status.success(), "{status}");
    assert_eq!(left(), 0);
}
