//! Who may order what of the desk: one table of everything that a console can order.
//!
//! A new order does not compile before it stands here, and the test below plays every row of the table
//! as nobody, as a cashier and as a manager.

use crate::domain::operator::Operator;
use crate::tui::back_order::BackOrder;
use crate::tui::campaign_order::CampaignOrder;
use crate::tui::conflict_order::ConflictOrder;
use crate::tui::day_order::DayOrder;
use crate::tui::find_order::FindOrder;
use crate::tui::log_order::LogOrder;
use crate::tui::msg::Effect;
use crate::tui::operator_order::OperatorOrder;
use crate::tui::pool_order::PoolOrder;
use crate::tui::work_order::WorkOrder;

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
    Effect::PrintDay(_) => Console "print a day",
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

rights! { of_day, DAYS, DayOrder,
    DayOrder::Read(_) => SignedIn "day",
    DayOrder::Print(_) => SignedIn "close a day",
}

rights! { of_pool, POOLS, PoolOrder,
    PoolOrder::Read => SignedIn "pools",
}

rights! { of_campaign, CAMPAIGNS, CampaignOrder,
    CampaignOrder::List => SignedIn "list campaigns",
    CampaignOrder::Weigh { .. } => SignedIn "weigh a change",
    CampaignOrder::Change { .. } => Manager "change campaign",
}

rights! { of_operator, OPERATORS, OperatorOrder,
    OperatorOrder::List => SignedIn "list operators",
    OperatorOrder::ReadBadge { .. } => SignedIn "read badge",
    OperatorOrder::Change { .. } => Manager "change operator",
}

rights! { of_log, LOGS, LogOrder,
    LogOrder::Read { .. } => SignedIn "read the log",
    LogOrder::Export { .. } => Manager "export the log",
    // What a manager has approved goes on whoever is here.
    LogOrder::ExportOn => Console "go on exporting",
    LogOrder::ExportStop => Console "stop exporting",
    LogOrder::EndGuessing { .. } => Manager "end guessing",
}

rights! { of_work, WORKS, WorkOrder,
    WorkOrder::Ask { .. } => Manager "ask for long work",
    // Only what a manager has let happen, which the worker keeps.
    WorkOrder::Go { .. } => SignedIn "look at files",
    WorkOrder::Begin(_) => SignedIn "begin long work",
    WorkOrder::Stop => SignedIn "stop long work",
    WorkOrder::Close => Console "close long work",
}

/// Who may order it, and what the test calls it.
fn row_of(effect: &Effect) -> (Right, &'static str) {
    if let Effect::Find { order, .. } = effect {
        return of_find(order);
    }
    if let Effect::Back(order) = effect {
        return match &**order {
            BackOrder::Conflict(order) => of_conflict(order),
            BackOrder::Day(order) => of_day(order),
            BackOrder::Pool(order) => of_pool(order),
            BackOrder::Campaign(order) => of_campaign(order),
            BackOrder::Operator(order) => of_operator(order),
            BackOrder::Log(order) => of_log(order),
            BackOrder::Work(order) => of_work(order),
        };
    }
    of_effect(effect)
}

/// Whether an order may be given by whoever is signed in, or by nobody. That a manager approves is
/// looked at where it is carried out, by their PIN.
pub(super) fn may_order(effect: &Effect, here: Option<&Operator>, operators: &[Operator]) -> bool {
    operators.is_empty() || here.is_some() || row_of(effect).0 == Right::Console
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use jiff::Timestamp;
    use jiff::civil::Date;
    use tempfile::TempDir;

    use super::*;
    use crate::desk::{Desk, Extra, MODE_PRIVATE, Moment, Scanned, act, fill_random, set_up};
    use crate::domain::campaign::{ContactKind, Rules};
    use crate::domain::campaign_sheet::CampaignChange;
    use crate::domain::code::Shape;
    use crate::domain::conflict::Decision;
    use crate::domain::day_report::DayReport;
    use crate::domain::finding::ReplaceAsk;
    use crate::domain::given_rule::GivenRule;
    use crate::domain::log::{LogFormat, LogWish};
    use crate::domain::operator::Role;
    use crate::domain::reversal::{GivenUp, PendingChoice, ReversalWord};
    use crate::domain::sign_up::SignUpAsk;
    use crate::domain::slip::Slip;
    use crate::domain::slip_job::{SlipJob, SlipOutcome};
    use crate::ledger::{Drawing, GenerateOrder, LongWork, OperatorChange};
    use crate::tui::back_order::BackTold;
    use crate::tui::campaign_order::CampaignTold;
    use crate::tui::conflict_order::ConflictTold;
    use crate::tui::find_order::FindTold;
    use crate::tui::log_order::LogTold;
    use crate::tui::msg::{ApprovalAsk, Msg, NewShop, Pin};
    use crate::tui::operator_order::{Badge, OperatorTold, OperatorWish};
    use crate::tui::runner::orders::{Answered, answer};
    use crate::tui::work_order::{WorkTold, WorkWish};

    const ANA: &str = "STAFF-ANA-1";
    const MIA: &str = "STAFF-MIA-1";
    const CUSTOMER: &str = "maria@example.org";

    struct Scene {
        _folder: TempDir,
        desk: Desk,
        /// Given out, to nobody known.
        codes: Vec<String>,
        /// Redeemed by the manager.
        redemptions: Vec<String>,
        /// Of a customer whom we know.
        assigned: String,
        customer_id: String,
        report: DayReport,
    }

    fn now() -> Timestamp {
        "2026-03-12T13:31:07Z".parse().expect("a time")
    }

    fn moment() -> Moment {
        Moment {
            now: now(),
            elapsed: Duration::ZERO,
        }
    }

    fn generate(desk: &mut Desk, count: u64, is_given_out: bool) {
        let order = GenerateOrder {
            campaign: "spring".parse().expect("a name"),
            count,
            drawing: Drawing::Shape(Shape::standard()),
            is_given_out,
        };
        let act = desk.act(now()).expect("an act");
        let mut work = LongWork {
            random: &mut fill_random,
            progress: &mut |_| {},
            stop: &AtomicBool::new(false),
        };
        let made = desk.ledger().generate_codes(&order, &act, &mut work);
        made.expect("made").expect("taken");
    }

    fn sign_up(contact: &str) -> SignUpAsk {
        SignUpAsk {
            campaign: "spring".parse().expect("a name"),
            name: None,
            contacts: vec![(ContactKind::Email, contact.to_owned())],
            consents: false,
            key: contact.replace('@', "-").parse().expect("a key"),
            prints: false,
        }
    }

    fn scene() -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("data");
        let first = act("till 1", None, now()).expect("an act");
        let ledger = set_up(&place, "Corner", "Europe/Berlin", MODE_PRIVATE, &first);
        let ledger = ledger.expect("made").expect("taken");
        let mut desk = Desk::new(ledger, "till 1", &[]);
        let campaign = "spring".parse().expect("a name");
        let rules = Rules::new("Free coffee");
        let begun = desk
            .ledger()
            .create_campaign(&campaign, &rules, &[9; 32], &first);
        begun.expect("begun").expect("taken");
        generate(&mut desk, 8, true);
        let mut codes = Vec::new();
        let mut take = |code: crate::ledger::ExportedCode| {
            codes.push(code.code);
            Ok(())
        };
        let listed = desk.ledger().export_codes(&campaign, &[], &mut take);
        listed.expect("listed").expect("a campaign");
        generate(&mut desk, 8, false);
        for (name, role, pin, badge) in [
            ("ana", Role::Cashier, "2580", ANA),
            ("mia", Role::Manager, "86420", MIA),
        ] {
            let add = OperatorChange::Add {
                role,
                pin: Some(pin),
            };
            for change in [add, OperatorChange::SetBadge(badge)] {
                let made = desk.ledger().change_operator(name, change, &first);
                made.expect("made").expect("taken");
            }
        }
        signed_in(&mut desk, MIA);
        let redemptions = codes.iter().take(2).map(|code| {
            let scanned = desk.scan(code.as_bytes(), &Extra::default(), moment());
            let Ok(Scanned::Judged(answer)) = scanned else {
                panic!("{scanned:?}");
            };
            answer.redemption_id.expect("accepted")
        });
        let redemptions = redemptions.collect();
        let claim = desk.sign_up(&sign_up(CUSTOMER), now()).expect("signed up");
        let claim = claim.expect("taken");
        let report = desk.day_report(None, now()).expect("read");
        Scene {
            report: report.expect("a day"),
            _folder: folder,
            desk,
            codes,
            redemptions,
            assigned: claim.code.expect("a code"),
            customer_id: claim.customer_id.expect("a customer"),
        }
    }

    fn signed_in(desk: &mut Desk, badge: &str) {
        let somebody = desk.badge_in(badge.as_bytes(), now()).expect("read");
        assert!(somebody.is_some(), "{badge}");
    }

    fn ask(name: &str, pin: &str) -> ApprovalAsk {
        ApprovalAsk {
            operator: Some(name.to_owned()),
            pin: Some(Pin::new(pin.to_owned())),
            reason: "goodwill".to_owned(),
        }
    }

    fn redeem(scene: &Scene, at: usize, approval: Option<ApprovalAsk>) -> Effect {
        Effect::Redeem {
            number: 1,
            came: None,
            raw: scene.codes.get(at).expect("a code").clone().into_bytes(),
            receipt: None,
            customer: None,
            approval,
        }
    }

    fn redemption(scene: &Scene, at: usize) -> String {
        scene.redemptions.get(at).expect("a redemption").clone()
    }

    fn reason() -> String {
        "goodwill".to_owned()
    }

    /// One of every order there is, those that a manager may approve with this approval.
    fn every_order(scene: &Scene, approval: Option<&ApprovalAsk>) -> Vec<Effect> {
        let mut orders = at_the_counter(scene, approval);
        orders.extend(of_people(scene));
        orders.extend(finds(scene, approval).map(|order| Effect::Find {
            number: 1,
            order: Box::new(order),
        }));
        let back = back_room(approval).into_iter();
        orders.extend(back.map(|order| Effect::Back(Box::new(order))));
        // The last ones: whoever is signed in is not any more.
        orders.push(Effect::SignIn {
            operator: "ana".to_owned(),
            pin: Pin::new("2580".to_owned()),
        });
        orders.push(Effect::SignOut);
        orders
    }

    fn at_the_counter(scene: &Scene, approval: Option<&ApprovalAsk>) -> Vec<Effect> {
        let approval = approval.cloned();
        let scan = |may_judge| Effect::Scan {
            number: 1,
            came: None,
            raw: scene.codes.get(2).expect("a code").clone().into_bytes(),
            may_judge,
            fills: false,
        };
        let shop = NewShop {
            store: String::new(),
            zone: String::new(),
            counter: String::new(),
            scanner: None,
            operators: Vec::new(),
        };
        vec![
            scan(false),
            scan(true),
            redeem(scene, 3, None),
            redeem(
                scene,
                4,
                Some(approval.clone().unwrap_or(ask("ana", "2580"))),
            ),
            Effect::Undo {
                redemption_id: redemption(scene, 0),
                reason: reason(),
                approval: approval.clone(),
            },
            Effect::GiveUp {
                choice: PendingChoice {
                    counter: "till 1".to_owned(),
                    key: "nobody-asked".parse().expect("a key"),
                    at: now(),
                    code: scene.assigned.clone(),
                    operator: Some("mia".to_owned()),
                    needs_approval: true,
                },
                reason: reason(),
                approval,
            },
            Effect::MarkShown { entry: 1 },
            Effect::Bell { times: 1 },
            Effect::SetUp(Box::new(shop)),
            Effect::ListUndo,
            Effect::Quit,
        ]
    }

    fn of_people(scene: &Scene) -> Vec<Effect> {
        let slip = Slip {
            store: String::new(),
            campaign: String::new(),
            offer: String::new(),
            code: scene.assigned.clone(),
            name: None,
            validity: String::new(),
            issued: String::new(),
            copy: 1,
            is_test: false,
        };
        vec![
            Effect::ReadSignUpRoom,
            Effect::LookFor {
                number: 1,
                campaign: "spring".parse().expect("a name"),
                contacts: vec![(ContactKind::Email, CUSTOMER.to_owned())],
            },
            Effect::SignUp(Box::new(sign_up("zoe@example.org"))),
            Effect::ListGivenOut,
            Effect::Cancel {
                code: scene.codes.get(5).expect("a code").clone(),
                reason: reason(),
            },
            Effect::ListSlips,
            Effect::Reprint {
                code: scene.assigned.clone(),
            },
            Effect::Print(Box::new(SlipJob { number: 99, slip })),
            Effect::PrintDay(Box::new(scene.report.clone())),
            Effect::NoteSlip {
                number: 99,
                outcome: SlipOutcome::Printed,
            },
            Effect::SettleSlip { number: 99 },
        ]
    }

    fn finds(scene: &Scene, approval: Option<&ApprovalAsk>) -> [FindOrder; 6] {
        let approval = approval.cloned();
        [
            FindOrder::Find {
                text: CUSTOMER.to_owned(),
            },
            FindOrder::FindOn {
                text: "BCDF".to_owned(),
                after: String::new(),
            },
            FindOrder::Open {
                code: scene.assigned.clone(),
            },
            FindOrder::Undo {
                redemption_id: redemption(scene, 1),
                reason: reason(),
                approval: approval.clone(),
            },
            FindOrder::Contact {
                customer_id: scene.customer_id.clone(),
                approval: approval.clone(),
            },
            FindOrder::Replace {
                ask: ReplaceAsk {
                    code: scene.assigned.clone(),
                    reason: reason(),
                    key: "replacing".parse().expect("a key"),
                    prints: false,
                },
                approval,
            },
        ]
    }

    fn back_room(approval: Option<&ApprovalAsk>) -> Vec<BackOrder> {
        let approval = approval.cloned();
        vec![
            BackOrder::Conflict(ConflictOrder::List),
            BackOrder::Conflict(ConflictOrder::Settle {
                number: 1,
                decision: Decision::Stand,
                reason: reason(),
                approval: approval.clone(),
            }),
            BackOrder::Day(DayOrder::Read(None)),
            BackOrder::Day(DayOrder::Print(Date::constant(2026, 3, 12))),
            BackOrder::Pool(PoolOrder::Read),
            BackOrder::Campaign(CampaignOrder::List),
            BackOrder::Campaign(CampaignOrder::Weigh {
                number: 1,
                campaign: "spring".parse().expect("a name"),
                given: vec![GivenRule::WarnDays(9)],
            }),
            BackOrder::Campaign(CampaignOrder::Change {
                campaign: "spring".parse().expect("a name"),
                change: CampaignChange::Set(vec![GivenRule::WarnDays(9)]),
                approval: approval.clone(),
            }),
            BackOrder::Operator(OperatorOrder::List),
            BackOrder::Operator(OperatorOrder::ReadBadge {
                name: "ana".to_owned(),
                badge: Badge::new(b"STAFF-ANA-2".to_vec()),
            }),
            BackOrder::Operator(OperatorOrder::Change {
                name: "ana".to_owned(),
                wish: OperatorWish::SetPin(Pin::new("1357".to_owned())),
                approval: approval.clone(),
            }),
            BackOrder::Log(LogOrder::Read {
                number: 1,
                from: None,
                wish: LogWish::default(),
            }),
            BackOrder::Log(LogOrder::Export {
                format: LogFormat::Csv,
                wish: LogWish::default(),
                approval: approval.clone(),
            }),
            BackOrder::Work(WorkOrder::Ask {
                approval: approval.clone(),
            }),
            BackOrder::Work(WorkOrder::Go {
                number: 1,
                to: None,
            }),
            BackOrder::Work(WorkOrder::Begin(WorkWish::Preflight {
                campaign: "spring".parse().expect("a name"),
                audience: None,
            })),
            BackOrder::Work(WorkOrder::Stop),
            BackOrder::Work(WorkOrder::Close),
            BackOrder::Log(LogOrder::ExportOn),
            BackOrder::Log(LogOrder::ExportStop),
            BackOrder::Log(LogOrder::EndGuessing {
                counter: "till 1".to_owned(),
                reason: reason(),
                approval,
            }),
        ]
    }

    /// Why an order was refused for want of a manager.
    fn wants_manager(answered: &Answered) -> bool {
        let Answered::Told(Some(told)) = answered else {
            return false;
        };
        if let Msg::Undone { answer }
        | Msg::FindTold {
            told: FindTold::Undone(answer),
            ..
        } = told
        {
            return answer.word == ReversalWord::NeedsApproval;
        }
        if let Msg::GivenUp { outcome, .. } = told {
            return *outcome == GivenUp::NeedsApproval;
        }
        if let Msg::FindTold {
            told: FindTold::NeedsApproval,
            ..
        } = told
        {
            return true;
        }
        if let Msg::BackTold(BackTold::Work(WorkTold::NeedsManager { .. })) = told {
            return true;
        }
        let (Msg::ApprovalRefused { words, .. }
        | Msg::FindTold {
            told: FindTold::Refused(words),
            ..
        }
        | Msg::BackTold(
            BackTold::Conflict(ConflictTold::Refused(words))
            | BackTold::Log(LogTold::Refused(words))
            | BackTold::Campaign(CampaignTold::Refused(words))
            | BackTold::Operator(OperatorTold::Refused(words))
            | BackTold::Work(WorkTold::Refused(words)),
        )) = told
        else {
            return false;
        };
        ["is not a manager", "PIN is wrong", "must approve"]
            .iter()
            .any(|want| words.contains(want))
    }

    /// Plays an order as whoever has this badge; whether a manager was wanted, and how many entries
    /// were written.
    fn play(scene: &mut Scene, badge: &str, order: Effect) -> (bool, i64) {
        signed_in(&mut scene.desk, badge);
        let (_, before) = scene.desk.ledger().newest_entry().expect("read");
        let answered = answer(&mut scene.desk, order, moment(), false).expect("answered");
        let (_, after) = scene.desk.ledger().newest_entry().expect("read");
        (wants_manager(&answered), after - before)
    }

    fn is_managers(right: Right) -> bool {
        matches!(right, Right::Own | Right::Manager)
    }

    #[test]
    fn every_order_is_played_as_nobody_as_a_cashier_and_as_a_manager() {
        let mut scene = scene();
        let operators = scene.desk.ledger().operators().expect("listed");
        let (own, managers) = (ask("ana", "2580"), ask("mia", "86420"));
        let mut played: BTreeSet<&str> = BTreeSet::new();
        // Without an approval, and with that of a cashier: what needs a manager changes nothing,
        // whoever is signed in.
        for approval in [None, Some(&own)] {
            for order in every_order(&scene, approval) {
                let (right, name) = row_of(&order);
                played.insert(name);
                let may = may_order(&order, None, &operators);
                assert_eq!(may, right == Right::Console, "{name}, nobody is signed in");
                assert!(may_order(&order, None, &[]), "{name}, nobody signs in");
                assert!(may_order(&order, operators.first(), &operators), "{name}");
                if !is_managers(right) {
                    continue;
                }
                let done = play(&mut scene, ANA, order.clone());
                assert_eq!(done, (true, 0), "{name}, a cashier with {approval:?}");
                if right == Right::Manager {
                    let done = play(&mut scene, MIA, order);
                    assert_eq!(done, (true, 0), "{name}, a manager with {approval:?}");
                }
            }
        }
        for order in every_order(&scene, Some(&managers)) {
            let (right, name) = row_of(&order);
            let (wants_manager, written) = play(&mut scene, ANA, order);
            assert!(!wants_manager, "{name}, with a manager's approval");
            // What is settled, given up or ended here does not exist; what is shown or written to a
            // file changes nothing.
            let is_nothing = [
                "settle",
                "give up",
                "whole contact",
                "export the log",
                "end guessing",
                "ask for long work",
            ]
            .contains(&name);
            if is_managers(right) && !is_nothing {
                assert!(written > 0, "{name}, with a manager's approval");
            }
        }
        let all: BTreeSet<&str> = [
            EFFECTS, FINDS, CONFLICTS, DAYS, POOLS, CAMPAIGNS, OPERATORS, LOGS, WORKS,
        ]
        .concat()
        .into_iter()
        .filter(|name| !["find", "back room"].contains(name))
        .collect();
        assert_eq!(played, all, "every row of the tables is played");
    }
}
