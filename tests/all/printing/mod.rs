//! Slips: what is on the paper, whatever was in the names; what is said about it, whatever the
//! printer does.

mod fake;
mod interpreter;
mod outcomes;
mod paper;
mod program;

use counterfoil::domain::slip::Slip;

/// An ordinary slip.
pub(crate) fn slip() -> Slip {
    Slip {
        store: "Riverside".to_owned(),
        campaign: "coffee".to_owned(),
        offer: "Free coffee, any size".to_owned(),
        code: "BCDFGHJKLNPRST".to_owned(),
        name: None,
        validity: "valid until 24 December 2026".to_owned(),
        issued: "21 November 2026, 09:14".to_owned(),
        copy: 1,
        is_test: false,
    }
}
