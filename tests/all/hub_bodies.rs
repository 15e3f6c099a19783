//! Bodies as dice spoil them: each is read or refused, by a status that says what was wrong with it,
//! and none harms the hub. `fuzz/` does the same without end.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use counterfoil::domain::token::Scope;
use counterfoil::http::{Method, ROUTES, Route, refusal_of_body};

use crate::dice::Dice;
use crate::http::{Askers, Hub, MALFORMED, head_of, token};

const SEED: u64 = 0x0c0f_f331;

/// What hand-written JSON never holds, and a broken or hostile caller sends.
const ODD: [&str; 16] = [
    "null",
    "true",
    "-0",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\u{202e}\u{feff}\u{10ffff}\"",
    "{}",
    "[]",
    "[[[[[[[[",
    "{\"code\":",
    "\"code\":\"A\",\"code\":\"B\"",
    "\\",
];

fn posts() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.method == Method::Post)
}

/// Spoils a body in one to four places.
fn spoiled(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut body = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(body.len() + 1);
        let end = at + dice.below(body.len() - at + 1);
        match dice.below(7) {
            0 => body.truncate(at),
            1 => body.insert(at, u8::try_from(dice.below(256)).unwrap()),
            2 if at < body.len() => body[at] ^= 1 << dice.below(8),
            3 => drop(body.drain(at..end)),
            4 => {
                let part = body[at..end].to_vec();
                body.splice(at..at, part);
            }
            5 => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len() + 1);
                body.splice(at..end, other[from..].iter().copied());
            }
            _ => {
                let odd = ODD[dice.below(ODD.len())];
                body.splice(at..end, odd.bytes());
            }
        }
    }
    body
}

fn seeds(askers: &Askers) -> Vec<Vec<u8>> {
    let good = posts().map(|route| askers.body(route));
    let bad = MALFORMED.into_iter().map(|(_, body, _)| body.to_owned());
    let full = [
        r#"{"campaign":"spring","email":"a@example.org","phone":"+44 20 7946 0958","loyalty":"A-1","external_id":"x","name":"Ana","context":"send","key":"k","trigger":"t","notes":{"a":"b"},"resend":true}"#,
        r#"{"code":"SHOP-00000-KEEP","campaign":"spring","key":"k","check":true,"receipt":"7","customer":"a@example.org"}"#,
    ];
    good.chain(bad)
        .chain(full.map(str::to_owned))
        .map(String::into_bytes)
        .collect()
}

#[test]
fn whatever_a_body_holds_it_is_read_or_refused() {
    let seeds = seeds(&Askers::new());
    let mut dice = Dice::new(SEED);
    let mut counts = [0; 3];
    for round in 0..20_000 {
        let body = spoiled(&mut dice, &seeds);
        for route in posts() {
            let refused = refusal_of_body(route, &body);
            let place = [None, Some(400), Some(422)]
                .iter()
                .position(|known| *known == refused);
            let told = String::from_utf8_lossy(&body);
            assert!(place.is_some(), "seed {SEED}, {round}: {refused:?}: {told}");
            counts[place.unwrap()] += 1;
        }
    }
    // The dice reach all three, or they try nothing.
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    let deep = [b"[".repeat(100_000), b"{\"a\":".repeat(100_000)];
    for body in deep {
        for route in posts() {
            assert!(refusal_of_body(route, &body).is_some());
        }
    }
}

#[test]
fn spoiled_questions_leave_the_hub_well() {
    let askers = Askers::new();
    let shop = &askers.shop;
    let web = token(shop, "web", "claim,redeem,read");
    let hub = Hub::up(shop);
    let seeds = seeds(&askers);
    let mut dice = Dice::new(SEED);
    for _ in 0..150 {
        let body = spoiled(&mut dice, &seeds);
        for route in posts() {
            let secret = if route.scope == Some(Scope::Sync) {
                askers.secret(route)
            } else {
                web.clone()
            };
            let mut question = head_of("POST", route.path, Some(&secret), body.len()).into_bytes();
            question.extend_from_slice(&body);
            if dice.below(4) == 0 {
                // Its head too, in one byte: whatever comes of it, it is no answer but HTTP's.
                let at = dice.below(question.len());
                question[at] ^= 1 << dice.below(8);
            }
            let stream = hub.send(&question);
            // A head that promises more than it brings.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let told = crate::http::got(stream);
            assert!(
                told.is_none_or(|told| (200..=429).contains(&told.status)),
                "seed {SEED}: {}",
                String::from_utf8_lossy(&question)
            );
        }
    }
    assert_eq!(hub.ask("GET", "/healthz", None, "").status, 200);
    drop(hub.end());
    shop.assert_well();
}
