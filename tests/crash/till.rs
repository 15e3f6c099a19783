//! A till inside the test's own process: a ledger handle under the watched file layer.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use jiff::Timestamp;

use counterfoil::desk;
use counterfoil::domain::reversal::Reversal;
use counterfoil::domain::verdict::{Answer, Approval};
use counterfoil::ledger::{Act, Ledger, LedgerError, Scan, Undo, UndoRequest};

/// An act of this moment.
pub(crate) fn act() -> Act {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same clock as the programs that set the ledger up"
    )]
    let now = Timestamp::now();
    desk::act("till", None, now).unwrap()
}

/// Scans a code.
pub(crate) fn redeem(ledger: &mut Ledger, code: &str) -> Result<Answer, LedgerError> {
    let act = act();
    let minted = desk::mint_key(act.now).unwrap();
    let scan = Scan::new(code.as_bytes(), &minted);
    ledger.redeem(&scan, &act)
}

/// Undoes a code's redemption, as a manager.
pub(crate) fn undo(ledger: &mut Ledger, code: &str) -> Result<Reversal, LedgerError> {
    let act = act();
    let minted = desk::mint_key(act.now).unwrap();
    let approval = Approval {
        by: None,
        reason: "a slip".into(),
    };
    let request = UndoRequest {
        undo: Undo::Code {
            raw: code.as_bytes(),
            allowed_hosts: &[],
        },
        reason: "a slip",
        key: None,
        minted: &minted,
        approval: Some(&approval),
    };
    ledger.reverse(&request, &act)
}
