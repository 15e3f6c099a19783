//! A scanner that types unknown codes one after the other: they are slowed, and nothing else is.

use counterfoil::domain::guessing::COUNTER;

use crate::console::pty::{F6, F9};
use crate::console::scans::grouped;
use crate::console::shop::Shop;

#[test]
fn after_ten_unknown_codes_the_answer_comes_later_and_a_known_code_at_once() {
    let (shop, codes) = Shop::with_codes(2);
    let mut console = shop.console("till 1");
    for number in 1..=COUNTER.at_once {
        console.scan(&format!("GUESS-{number}"));
        console.wait_for(&format!("#{number}"));
        console.wait_for("no such code");
    }
    assert!(!console.screen().contains("GUESSING?"));
    // One too many: a notice, and no answer yet while a known code has its own.
    console.scan("GUESS-TOO-MANY");
    console.wait_for("GUESSING? 11 unknown codes at till 1");
    console.scan(&codes[0]);
    console.wait_for(&grouped(&codes[0]));
    let screen = console.screen();
    assert!(screen.contains("#12"), "{screen}");
    assert_eq!(shop.accepted(), codes[..1]);
    assert_eq!(
        shop.scans("not_found").len(),
        11,
        "each stands in the ledger at once"
    );
    // The restarted console knows of it.
    console.leave();
    let mut console = shop.console("till 1");
    console.wait_for("GUESSING? 11 unknown codes at till 1");
    // A manager has looked after it.
    console.send_alone(F6);
    console.wait_for("F9 ends the notice");
    console.send_alone(F9);
    console.type_line("4");
    console.wait_for("the notice about till 1 is ended");
    let ended = shop.json(&["log", "--outcome", "done"]);
    assert_eq!(ended.last().expect("a line")["kind"], "guessing_ended");
    console.scan("GUESS-ANEW");
    console.wait_for("no such code");
    console.scan(&codes[1]);
    console.wait_for(&grouped(&codes[1]));
}
