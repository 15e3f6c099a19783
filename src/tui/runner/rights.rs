//! Who may order what of the desk: one table of everything that a console can order.
//!
//! A new order does not compile before it stands here, and the test below plays every row of the table
//! as nobody, as a cashier and as a manager.

use crate::tui::back_order::BackOrder;
use crate::tui::conflict_order::ConflictOrder;
use crate::tui::find_order::FindOrder;
use crate::tui::msg::Effect;
use crate::tui::operator_order::OperatorOrder;

/// Who may order something where people sign in; where nobody does, everybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Always: the console orders it itself, or it is how one signs in.
    Console,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever is signed in, where it is their own and not long ago; else a manager approves it.
    Own,
    /// Whoever is signed in, with a manager's approval by PIN.
    Manager,
}

/// A table of orders: which they are, who may give them, and what the test calls them.
macro_rules! rights {
    ($function:ident, $names:ident, $order:ty, $($shape:pat => $right:ident $name:literal,)+) => {
        fn $function(order: &$order) -> (Right, &'static str) {
            match order {
                $($shape => (Right::$right, $name),)+
            }
        }

        #[cfg(test)]
        const $names: &[&str] = &[$($name,)+];
    };
}

rights! { of_effect, EFFECTS, Effect,
    // A scan says itself whether it may be judged; nobody's is only looked at for a badge.
    Effect::Scan { may_judge: false, .. } => Console "badge",
    Effect::Scan { may_judge: true, .. } => SignedIn "scan",
    Effect::Redeem { approval: None, .. } => SignedIn "answer",
    Effect::Redeem { approval: Some(_), .. } => Manager "approve",
    Effect::SignIn { .. } => Console "sign in",
    Effect::SignOut => Console "sign out",
    Effect::SetUp(_) => Console "set up",
    Effect::ListUndo => SignedIn "list undo",
    Effect::Undo { .. } => Own "undo",
    Effect::GiveUp { .. } => Own "give up",
    Effect::ReadSignUpRoom => SignedIn "sign-up room",
    Effect::LookFor { .. } => SignedIn "look for",
    Effect::SignUp(_) => SignedIn "sign up",
    Effect::ListGivenOut => SignedIn "list given out",
    Effect::Cancel { .. } => SignedIn "cancel",
    Effect::ListSlips => SignedIn "list slips",
    Effect::Reprint { .. } => SignedIn "reprint",
    Effect::Print(_) => Console "print",
    Effect::NoteSlip { .. } => Console "note slip",
    Effect::SettleSlip { .. } => SignedIn "settle slip",
    Effect::Find { .. } => SignedIn "find",
    Effect::Back(_) => SignedIn "back room",
    Effect::MarkShown { .. } => Console "mark shown",
    Effect::Bell { .. } => Console "bell",
    Effect::Quit => Console "quit",
}

rights! { of_find, FINDS, FindOrder,
    FindOrder::Find { .. } => SignedIn "find by text",
    FindOrder::FindOn { .. } => SignedIn "find on",
    FindOrder::Open { .. } => SignedIn "life",
    FindOrder::Undo { .. } => Own "undo in a life",
    FindOrder::Replace { .. } => Manager "replace",
    FindOrder::Contact { .. } => Manager "whole contact",
}

rights! { of_conflict, CONFLICTS, ConflictOrder,
    ConflictOrder::List => SignedIn "list conflicts",
    ConflictOrder::Settle { .. } => Manager "settle",
}

rights! { of_operator, OPERATORS, OperatorOrder,
    OperatorOrder::List => SignedIn "list operators",
    OperatorOrder::ReadBadge { .. } => SignedIn "read badge",
    OperatorOrder::Change { .. } => Manager "change operator",
}

/// Who may order it, and what the test calls it.
fn row_of(effect: &Effect) -> (Right, &'static str) {
    if let Effect::Find { order, .. } = effect {
        return of_find(order);
    }
    if let Effect::Back(order) = effect {
        return match &**order {
            BackOrder::Conflict(order) => of_conflict(order),
            BackOrder::Operator(order) => of_operator(order),
        };
    }
    of_effect(effect)
}

/// Who may order it.
pub(super) fn right_of(effect: &Effect) -> Right {
    row_of(effect).0
}
