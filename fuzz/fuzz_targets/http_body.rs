//! Bodies of questions to the hub: the first byte chooses the route, the rest is its body. Whatever it
//! is, it is read or refused by a status that says what was wrong with it.
#![no_main]

use counterfoil::http::{ROUTES, refusal_of_body};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    let route = &ROUTES[usize::from(*first) % ROUTES.len()];
    let refused = refusal_of_body(route, body);
    assert!(matches!(refused, None | Some(400 | 422)), "{refused:?}");
    assert_eq!(refused, refusal_of_body(route, body));
});
