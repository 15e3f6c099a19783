//! Away from the holder: a store and its hub, two real ledgers, and a line between them that delivers,
//! loses the question or loses the answer. Nothing counts twice, whoever asks again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use counterfoil::desk::{self, HubLine, MODE_PRIVATE, Miss, mint_key, set_up};
use counterfoil::domain::campaign::{ContactKind, OfflineAssign, OfflinePolicy, Rules};
use counterfoil::domain::claim::{Claim, ClaimContext, ClaimWord};
use counterfoil::domain::code::Shape;
use counterfoil::domain::entry::instant;
use counterfoil::domain::ids::{CampaignId, EntryId, Key};
use counterfoil::domain::notes::Notes;
use counterfoil::domain::reversal::{Reversal, ReversalWord};
use counterfoil::domain::verdict::{Answer, Approval, Certainty, Verdict};
use counterfoil::domain::wire::{AskHub, Asked, Hello, Question, Told, WIRE};
use counterfoil::ledger::{
    Act, ClaimRequest, Drawing, FromHub, GenerateOrder, HeardBy, Judged, Ledger, LongWork, Scan,
    Undo, UndoRequest, built_at,
};
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

const STORE: i64 = 2;
const CAMPAIGN: &str = "spring";

/// The codes that both ledgers know, by number; the hub holds them.
fn code(number: i64) -> String {
    format!("SHOP-{number:05}-KEEP")
}

fn folded(number: i64) -> String {
    code(number).replace('-', "")
}

/// One ledger in a folder of its own.
struct Place {
    folder: TempDir,
    ledger: Ledger,
    node: String,
}

impl Place {
    fn new(store: &str, rules: &Rules) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let act = act("set-up", 0);
        let mut ledger = set_up(folder.path(), store, "Europe/Berlin", MODE_PRIVATE, &act)
            .unwrap()
            .unwrap();
        ledger
            .create_campaign(&campaign(), rules, &[7; 32], &act)
            .unwrap()
            .unwrap();
        let node = ledger.place().unwrap().node;
        Place {
            folder,
            ledger,
            node,
        }
    }

    /// Looks into the ledger's file, or plants something in it.
    fn file(&self) -> Connection {
        Connection::open(self.folder.path().join("ledger.db")).unwrap()
    }

    fn number(&self, sql: &str) -> i64 {
        self.file().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn text(&self, sql: &str) -> String {
        self.file().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Codes given out, as an import would bring them, held by a node.
    fn plant(&self, count: i64, holder: i64) {
        let file = self.file();
        file.execute_batch(&format!(
            "INSERT INTO batch (id, campaign, how, is_published, first_code, code_count, \
             first_ordinal, ordinal_count, codes_hash) \
             VALUES (1, 1, 'imported', 1, 1, {count}, 0, 0, zeroblob(32)); \
             UPDATE tally SET assigned = {count} WHERE campaign = 1; \
             UPDATE ledger SET next_code_id = {count} + 1;"
        ))
        .unwrap();
        for number in 1..=count {
            file.execute(
                "INSERT INTO code (id, folded, shown, campaign, batch, state, holder, grant_number) \
                 VALUES (?1, ?2, ?3, 1, 1, 1, ?4, 1)",
                rusqlite::params![number, folded(number), code(number), holder],
            )
            .unwrap();
        }
    }
}

fn campaign() -> CampaignId {
    CAMPAIGN.parse().unwrap()
}

fn at(ms: i64) -> Timestamp {
    instant(built_at().as_millisecond() + 60_000 + ms)
}

fn act(counter: &str, ms: i64) -> Act {
    desk::act(counter, None, at(ms)).unwrap()
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// What the line does with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Delivers,
    LosesTheQuestion,
    LosesTheAnswer,
    /// Nothing was sent at all, and that is certain.
    IsDown,
}

/// A store and its hub.
struct Chain {
    hub: Place,
    store: Place,
    line: Line,
    now_ms: i64,
}

impl Chain {
    fn new(rules: &Rules) -> Chain {
        let (hub, store) = (
            Place::new("Head office", rules),
            Place::new("Riverside", rules),
        );
        hub.file()
            .execute_batch(&format!(
                "INSERT INTO node (id, name, store) VALUES ({STORE}, '{}', 'Riverside'); \
                 INSERT INTO store (node, label, standing, timezone, incarnation, acked_seq, \
                 acked_hash) VALUES ({STORE}, '1', 1, 'Europe/Berlin', 1, 2, zeroblob(32));",
                store.node
            ))
            .unwrap();
        store
            .file()
            .execute_batch(&format!(
                "INSERT INTO node (id, name) VALUES (2, '{}'); \
                 INSERT INTO hub_link (id, url, secret, hub, standing, acked_seq, last_contact_ms) \
                 VALUES (1, 'https://hub.example', 's', 2, 1, 2, {});",
                hub.node,
                at(0).as_millisecond()
            ))
            .unwrap();
        hub.plant(5, 1);
        store.plant(5, 2);
        Chain {
            hub,
            store,
            line: Line::Delivers,
            now_ms: 0,
        }
    }

    fn simple() -> Chain {
        Chain::new(&Rules::new("Free coffee"))
    }

    fn accepting(most: Option<u32>) -> Chain {
        let mut rules = Rules::new("Free coffee");
        rules.offline = OfflinePolicy::Accept;
        rules.offline_per_day = most;
        Chain::new(&rules)
    }

    fn act(&mut self, counter: &str) -> Act {
        self.now_ms += 10_000;
        act(counter, self.now_ms)
    }

    /// Brings a question to the hub, and its answer back.
    fn carry(&mut self, question: &Question) -> Option<Asked> {
        if matches!(self.line, Line::LosesTheQuestion | Line::IsDown) {
            return None;
        }
        let act = self.act("hub");
        let ask = AskHub {
            hello: Hello {
                wire: WIRE,
                node: self.store.node.clone(),
                incarnation: 1,
                now_ms: act.now.as_millisecond(),
                unsent: 0,
            },
            question: question.clone(),
            hub: self.store.ledger.hub_known().unwrap(),
        };
        let mut asked = self.hub.ledger.answer_question(&ask, &act).unwrap();
        if asked.told == Told::Wait {
            asked = self.hub.ledger.answer_at_last(&ask, &act).unwrap();
        }
        (self.line == Line::Delivers).then_some(asked)
    }

    /// A scan at a counter of the store, as the command line does it.
    fn scan(&mut self, counter: &str, raw: &str, own_key: Option<&Key>) -> Answer {
        self.scan_with(counter, raw, own_key, None)
    }

    fn scan_with(
        &mut self,
        counter: &str,
        raw: &str,
        own_key: Option<&Key>,
        approval: Option<&Approval>,
    ) -> Answer {
        let act = self.act(counter);
        let minted = mint_key(act.now).unwrap();
        let scan = Scan {
            key: own_key,
            approval,
            ..Scan::new(raw.as_bytes(), &minted)
        };
        let question = match self.store.ledger.redeem_or_ask(&scan, &act).unwrap() {
            Judged::Answered(answer) => return *answer,
            Judged::Ask(question) => question,
        };
        let heard = self.carry(&question);
        let ledger = &mut self.store.ledger;
        match (heard, self.line) {
            (Some(asked), _) => {
                match ledger
                    .witness(&question, &asked, HeardBy::Caller, &act)
                    .unwrap()
                {
                    FromHub::Answer(answer) => answer,
                    FromHub::NothingDone => ledger.redeem(&scan, &act).unwrap(),
                    FromHub::NoAnswer => panic!("its own hub answered, to the newest asking"),
                }
            }
            (None, Line::IsDown) => {
                ledger.not_asked(&question).unwrap();
                ledger.redeem(&scan, &act).unwrap()
            }
            (None, _) => ledger.unanswered(&scan, &act).unwrap(),
        }
    }

    /// Sync asks again whatever has no answer.
    fn ask_again(&mut self) {
        let act = self.act("sync");
        for question in self.store.ledger.pending_questions(&act).unwrap() {
            if let Some(asked) = self.carry(&question) {
                self.store
                    .ledger
                    .hear_again(&question, &asked, &act)
                    .unwrap();
            }
        }
    }

    fn hub_redemptions(&self) -> i64 {
        self.hub
            .number("SELECT count(*) FROM entry WHERE kind = 'redeemed'")
    }

    fn pending(&self) -> i64 {
        self.store.number("SELECT count(*) FROM pending")
    }

    fn is_well(&mut self) {
        for place in [&mut self.hub, &mut self.store] {
            let faults = place.ledger.verify(&mut |_| {}).unwrap().faults;
            let about_batches = |fault: &String| fault.contains("the codes of batch");
            let others: Vec<_> = faults
                .iter()
                .filter(|fault| !about_batches(fault))
                .collect();
            assert!(others.is_empty(), "{others:?}");
        }
    }
}

fn accepted(certainty: Certainty) -> Verdict {
    Verdict::Accepted { certainty }
}

#[test]
fn a_code_that_the_hub_holds_is_redeemed_there_and_witnessed_here() {
    let mut chain = Chain::simple();
    let answer = chain.scan("Till 1", &code(1), None);
    assert_eq!(answer.verdict, accepted(Certainty::Confirmed));
    assert_eq!(answer.code.as_deref(), Some(code(1).as_str()));
    assert_eq!((answer.uses_made, answer.uses), (Some(1), Some(1)));
    assert_eq!(answer.offer.as_deref(), Some("Free coffee"));
    // The hub's entry is the act, under the key of the counter that asked.
    let caller = chain.hub.text("SELECT caller FROM act_key");
    assert_eq!(caller, format!("{}/Till 1", chain.store.node));
    assert_eq!(chain.hub.text("SELECT key FROM act_key"), answer.key);
    assert_eq!(chain.hub_redemptions(), 1);
    let named = chain.hub.text(
        "SELECT n.name || '-' || e.incarnation || '-' || e.seq FROM entry e \
         JOIN node n ON n.id = e.node WHERE e.kind = 'redeemed'",
    );
    assert_eq!(answer.redemption_id.as_deref(), Some(named.as_str()));
    // Here it is witnessed, uses nothing up by itself, and is no question any more.
    let here = &chain.store;
    assert_eq!(
        here.number("SELECT count(*) FROM entry WHERE kind = 'redeemed'"),
        0
    );
    assert_eq!(
        here.number("SELECT count(*) FROM entry WHERE kind = 'witnessed' AND code = 1"),
        1
    );
    assert_eq!(
        here.number("SELECT state * 10 + uses_made FROM code WHERE id = 1"),
        21
    );
    assert_eq!(chain.pending(), 0);
    // The same key again is the same answer, without the hub.
    chain.line = Line::IsDown;
    let again = chain.scan("Till 1", &code(1), Some(&key(&answer.key)));
    assert_eq!(again.verdict, Verdict::Replayed);
    assert_eq!(again.redemption_id, answer.redemption_id);
    // Another scan is told when and where.
    let used = chain.scan("Till 2", &code(1), None);
    assert_eq!(used.verdict, Verdict::AlreadyRedeemed);
    let first = used.first.unwrap();
    assert_eq!(
        (first.store.as_str(), first.counter.as_str()),
        ("Riverside", "Till 1")
    );
    chain.is_well();
}

/// Distinct acts in both ledgers: one key of one counter acts once.
fn acts(chain: &Chain) -> usize {
    let mut acts = std::collections::BTreeSet::new();
    for (place, prefix) in [
        (&chain.hub, String::new()),
        (&chain.store, format!("{}/", chain.store.node)),
    ] {
        let file = place.file();
        let mut found = file
            .prepare("SELECT body FROM entry WHERE kind = 'redeemed'")
            .unwrap();
        let bodies = found.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for body in bodies {
            let body: serde_json::Value = serde_json::from_str(&body.unwrap()).unwrap();
            let text = |name: &str| body.get(name).and_then(|value| value.as_str()).unwrap();
            acts.insert(format!("{prefix}{} {}", text("counter"), text("key")));
        }
    }
    acts.len()
}

#[test]
fn without_an_answer_nothing_is_said_and_every_counter_asks_under_the_same_key() {
    for line in [Line::LosesTheQuestion, Line::LosesTheAnswer] {
        let mut chain = Chain::simple();
        chain.line = line;
        let first = chain.scan("Till 1", &code(1), None);
        assert_eq!(first.verdict, Verdict::UnknownOutcome);
        assert_eq!(first.verdict.band().exit_code(), 3);
        assert_eq!(chain.pending(), 1);
        let second = chain.scan("Till 2", &code(1), None);
        assert_eq!(second.verdict, Verdict::UnknownOutcome);
        assert_eq!(second.key, first.key, "{line:?}");
        // Known to be out of reach, it is still not known what the hub did.
        chain.line = Line::IsDown;
        let third = chain.scan("Till 2", &code(1), None);
        assert_eq!(third.verdict, Verdict::UnknownOutcome);
        // Back in touch, it is one act, whoever scans.
        chain.line = Line::Delivers;
        let last = chain.scan("Till 3", &code(1), None);
        assert_eq!(last.key, first.key);
        let told = if line == Line::LosesTheAnswer {
            Verdict::Replayed
        } else {
            accepted(Certainty::Confirmed)
        };
        assert_eq!(last.verdict, told);
        assert_eq!((chain.hub_redemptions(), chain.pending()), (1, 0));
        let used = chain.scan("Till 1", &code(1), None);
        assert_eq!(used.verdict, Verdict::AlreadyRedeemed);
        assert_eq!(acts(&chain), 1);
        chain.is_well();
    }
}

#[test]
fn a_question_that_was_certainly_not_sent_leaves_nothing_behind() {
    let mut chain = Chain::simple();
    chain.line = Line::IsDown;
    let refused = chain.scan("Till 1", &code(1), None);
    assert_eq!(refused.verdict, Verdict::OfflineRefused);
    assert!(refused.message.contains("out of reach"), "{refused:?}");
    assert_eq!(chain.pending(), 0);
    let unknown = chain.scan("Till 1", "NEVER-SEEN-CODE", None);
    assert_eq!(unknown.verdict, Verdict::OfflineRefused);
    assert_eq!(chain.pending(), 0);
    chain.line = Line::Delivers;
    let unknown = chain.scan("Till 1", "NEVER-SEEN-CODE", None);
    assert_eq!(unknown.verdict, Verdict::NotFound);
    assert_eq!(chain.pending(), 0);
    // Every refusal is kept, and none bound a key.
    let attempts = chain
        .store
        .text("SELECT group_concat(answer) FROM (SELECT answer FROM attempt ORDER BY id)");
    assert_eq!(attempts, "offline_refused,offline_refused,not_found");
    assert_eq!(chain.store.number("SELECT count(*) FROM act_key"), 0);
}

#[test]
fn sync_asks_again_and_whoever_scans_next_is_told_once() {
    let mut chain = Chain::simple();
    chain.line = Line::LosesTheAnswer;
    let first = chain.scan("Till 1", &code(1), None);
    chain.ask_again();
    assert_eq!(chain.pending(), 1);
    chain.line = Line::Delivers;
    chain.ask_again();
    assert_eq!(chain.store.ledger.unanswered_questions().unwrap(), []);
    chain.line = Line::IsDown;
    let told = chain.scan("Till 2", &code(1), None);
    assert_eq!((told.verdict, told.key), (Verdict::Replayed, first.key));
    let used = chain.scan("Till 1", &code(1), None);
    assert_eq!(used.verdict, Verdict::AlreadyRedeemed);
    assert_eq!((chain.hub_redemptions(), chain.pending()), (1, 0));
    chain.is_well();
}

#[test]
fn a_caller_with_a_key_of_its_own_never_takes_anothers_act() {
    let mut chain = Chain::simple();
    chain.line = Line::LosesTheAnswer;
    let (one, other) = (key("one"), key("other"));
    let first = chain.scan("tool", &code(1), Some(&one));
    assert_eq!(first.verdict, Verdict::UnknownOutcome);
    chain.line = Line::IsDown;
    let second = chain.scan("tool", &code(1), Some(&other));
    assert_eq!(second.verdict, Verdict::UnknownOutcome);
    assert_eq!(second.key, "other");
    // The key of a question is not that of another one.
    let third = chain.scan("tool", &code(2), Some(&one));
    assert_eq!(third.verdict, Verdict::KeyConflict);
    chain.line = Line::Delivers;
    let second = chain.scan("tool", &code(1), Some(&other));
    assert_eq!(second.verdict, Verdict::AlreadyRedeemed);
    let first = chain.scan("tool", &code(1), Some(&one));
    assert_eq!(first.verdict, Verdict::Replayed);
    assert_eq!(chain.hub_redemptions(), 1);
}

#[test]
fn the_same_question_again_is_answered_the_same_and_another_code_is_not() {
    let mut chain = Chain::simple();
    let one = key("one");
    let first = chain.scan("Till 1", &code(1), Some(&one));
    chain
        .store
        .file()
        .execute_batch("DELETE FROM act_key; UPDATE code SET state = 1, uses_made = 0;")
        .unwrap();
    // As if nothing had been written here: the hub knows.
    let again = chain.scan("Till 1", &code(1), Some(&one));
    assert_eq!(again.verdict, Verdict::Replayed);
    assert_eq!(again.redemption_id, first.redemption_id);
    chain
        .store
        .file()
        .execute_batch("DELETE FROM act_key")
        .unwrap();
    let other = chain.scan("Till 1", &code(2), Some(&one));
    assert_eq!(other.verdict, Verdict::KeyConflict);
    // Another counter's key of the same name is another key.
    let elsewhere = chain.scan("Till 2", &code(2), Some(&one));
    assert_eq!(elsewhere.verdict, accepted(Certainty::Confirmed));
    assert_eq!(chain.hub_redemptions(), 2);
}

#[test]
fn out_of_reach_the_policy_accepts_so_many_a_day_and_counts_them() {
    let mut chain = Chain::accepting(Some(2));
    chain.line = Line::IsDown;
    for number in [1, 2] {
        let answer = chain.scan("Till 1", &code(number), None);
        assert_eq!(answer.verdict, accepted(Certainty::Provisional));
    }
    let beyond = chain.scan("Till 1", &code(3), None);
    assert_eq!(beyond.verdict, Verdict::OfflineRefused);
    assert!(beyond.message.contains("limit"), "{beyond:?}");
    let approval = Approval {
        by: None,
        reason: "regular customer".into(),
    };
    let approved = chain.scan_with("Till 1", &code(3), None, Some(&approval));
    assert_eq!(approved.verdict, accepted(Certainty::Provisional));
    assert_eq!(approved.overrode, ["offline_refused"]);
    let used = chain.scan("Till 1", &code(1), None);
    assert_eq!(used.verdict, Verdict::AlreadyRedeemed);
    assert_eq!(chain.store.number("SELECT amount FROM provisional_day"), 3);
    // In reach again, the hub is not asked about what it has yet to hear of.
    chain.line = Line::Delivers;
    let used = chain.scan("Till 1", &code(1), None);
    assert_eq!(used.verdict, Verdict::AlreadyRedeemed);
    assert_eq!(chain.hub_redemptions(), 0);
    let certainty = chain.store.number(
        "SELECT count(*) FROM entry WHERE kind = 'redeemed' AND body LIKE '%\"certainty\":\"provisional\"%'",
    );
    assert_eq!(certainty, 3);
    chain.is_well();
}

/// The hub redeemed it, its answer got lost, the line went down, and the store accepts by its
/// policy. With or without the pending key.
fn lost_answer_then_accepted(keeps_the_key: bool) -> usize {
    let mut chain = Chain::accepting(None);
    chain.line = Line::LosesTheAnswer;
    let first = chain.scan("Till 1", &code(1), None);
    assert_eq!(first.verdict, Verdict::UnknownOutcome);
    if !keeps_the_key {
        chain
            .store
            .file()
            .execute_batch("DELETE FROM pending")
            .unwrap();
    }
    chain.line = Line::IsDown;
    let second = chain.scan("Till 2", &code(1), None);
    assert_eq!(second.verdict, accepted(Certainty::Provisional));
    assert_eq!(second.key == first.key, keeps_the_key);
    assert_eq!(chain.pending(), 0);
    assert_eq!(chain.hub_redemptions(), 1);
    acts(&chain)
}

#[test]
fn a_provisional_acceptance_under_the_pending_key_is_the_hubs_own_act() {
    assert_eq!(lost_answer_then_accepted(true), 1);
}

#[test]
fn canary_without_the_pending_key_the_same_race_counts_twice() {
    assert_eq!(lost_answer_then_accepted(false), 2);
}

#[test]
fn a_code_that_another_store_holds_is_asked_back_and_waited_for() {
    let mut chain = Chain::simple();
    chain
        .hub
        .file()
        .execute_batch(
            "INSERT INTO node (id, name, store) VALUES (3, 'OTHERSTORE', 'Harbour'); \
             UPDATE code SET holder = 3 WHERE id IN (1, 2);",
        )
        .unwrap();
    let refused = chain.scan("Till 1", &code(1), None);
    assert_eq!(refused.verdict, Verdict::OfflineRefused);
    assert!(refused.message.contains("hand it over"), "{refused:?}");
    assert_eq!(
        chain.hub.number("SELECT node FROM recall WHERE code = 1"),
        3
    );
    assert_eq!(
        chain
            .hub
            .number("SELECT count(*) FROM feed WHERE kind = 6 AND subject = 1 AND node = 3"),
        1
    );
    // Once the holder has handed it over, the next scan is the hub's to decide.
    chain
        .hub
        .file()
        .execute_batch("UPDATE code SET holder = 1 WHERE id = 1")
        .unwrap();
    let answer = chain.scan("Till 1", &code(1), None);
    assert_eq!(answer.verdict, accepted(Certainty::Confirmed));
    // A counter of the hub itself asks it back as well.
    let minted = key("hub-1");
    let act = chain.act("hub till");
    let scan_text = code(2);
    let scan = Scan::new(scan_text.as_bytes(), &minted);
    let answer = chain.hub.ledger.redeem(&scan, &act).unwrap();
    assert_eq!(answer.verdict, Verdict::OfflineRefused);
    assert_eq!(chain.hub.number("SELECT count(*) FROM recall"), 2);
}

#[test]
fn a_store_that_may_not_spend_is_told_why() {
    for (standing, words) in [(2, "revoked"), (5, "restored or copied")] {
        let mut chain = Chain::accepting(None);
        let link = format!("UPDATE hub_link SET standing = {standing}; UPDATE code SET holder = 1");
        chain.store.file().execute_batch(&link).unwrap();
        let refused = chain.scan("Till 1", &code(1), None);
        assert_eq!(refused.verdict, Verdict::OfflineRefused);
        assert!(refused.message.contains(words), "{refused:?}");
        let approval = Approval {
            by: None,
            reason: "regular customer".into(),
        };
        let approved = chain.scan_with("Till 1", &code(1), None, Some(&approval));
        let expected = if standing == 2 {
            Verdict::OfflineRefused
        } else {
            accepted(Certainty::Provisional)
        };
        assert_eq!(approved.verdict, expected);
        assert_eq!(chain.hub_redemptions(), 0);
    }
}

#[test]
fn past_the_soft_end_the_policy_decides_until_the_hub_is_heard() {
    let mut chain = Chain::simple();
    chain
        .store
        .file()
        .execute_batch("UPDATE code SET holder = 1; UPDATE hub_link SET contact_age_ms = 604800000")
        .unwrap();
    chain
        .hub
        .file()
        .execute_batch("UPDATE code SET holder = 2")
        .unwrap();
    chain.line = Line::IsDown;
    let refused = chain.scan("Till 1", &code(1), None);
    assert_eq!(refused.verdict, Verdict::OfflineRefused);
    assert!(refused.message.contains("7 days"), "{refused:?}");
    // The hub takes the store for the holder: its answer ends the silence, and the store decides.
    chain.line = Line::Delivers;
    let answer = chain.scan("Till 1", &code(1), None);
    assert_eq!(answer.verdict, accepted(Certainty::Confirmed));
    assert_eq!((chain.hub_redemptions(), chain.pending()), (0, 0));
}

#[test]
fn a_question_given_up_is_refused_for_ever_here() {
    let mut chain = Chain::simple();
    chain.line = Line::LosesTheAnswer;
    let first = chain.scan("Till 1", &code(1), None);
    let act = chain.act("office");
    let given_up = key(&first.key);
    let ledger = &mut chain.store.ledger;
    assert!(
        ledger
            .withdraw("Till 1", &given_up, "never answered", &act)
            .unwrap()
    );
    assert!(
        !ledger
            .withdraw("Till 1", &given_up, "never answered", &act)
            .unwrap()
    );
    assert_eq!(chain.pending(), 0);
    let entry = chain
        .store
        .text("SELECT body FROM entry WHERE kind = 'withdrawn'");
    assert!(
        entry.contains(&format!("\"key\":\"{}\"", first.key)),
        "{entry}"
    );
    assert!(entry.contains("\"counter\":\"Till 1\""), "{entry}");
    let again = chain.scan("Till 1", &code(1), Some(&given_up));
    assert_eq!(again.verdict, Verdict::Reversed);
    chain.is_well();
}

#[test]
fn a_check_asks_the_hub_and_uses_nothing_up() {
    let mut chain = Chain::simple();
    let act = chain.act("Till 1");
    let (minted, raw) = (key("k"), code(1));
    let scan = Scan {
        is_check: true,
        ..Scan::new(raw.as_bytes(), &minted)
    };
    let Judged::Ask(question) = chain.store.ledger.redeem_or_ask(&scan, &act).unwrap() else {
        panic!("the hub is to be asked");
    };
    assert_eq!(chain.pending(), 0);
    let asked = chain.carry(&question).unwrap();
    let ledger = &mut chain.store.ledger;
    let heard = ledger.witness(&question, &asked, HeardBy::Caller, &act);
    let FromHub::Answer(answer) = heard.unwrap() else {
        panic!("the hub answered");
    };
    assert_eq!(answer.verdict, accepted(Certainty::Confirmed));
    assert!(answer.is_check);
    assert_eq!(chain.hub_redemptions(), 0);
    assert_eq!(
        chain
            .store
            .number("SELECT count(*) FROM entry WHERE kind = 'witnessed'"),
        0
    );
}

/// The line as the desk and the command line know it.
struct Wire<'h> {
    hub: &'h mut Place,
    line: Line,
    act: Act,
}

impl HubLine for Wire<'_> {
    fn ask(&mut self, ask: &AskHub, _: Duration) -> Result<Asked, Miss> {
        match self.line {
            Line::IsDown => return Err(Miss::NotSent),
            Line::LosesTheQuestion => return Err(Miss::NoAnswer),
            Line::Delivers | Line::LosesTheAnswer => {}
        }
        let asked = self.hub.ledger.answer_at_last(ask, &self.act).unwrap();
        if self.line == Line::Delivers {
            Ok(asked)
        } else {
            Err(Miss::NoAnswer)
        }
    }
}

impl Chain {
    /// Undoes a redemption at a counter of the store.
    fn undo(&mut self, counter: &str, undo: Undo<'_>) -> Reversal {
        let act = self.act(counter);
        let minted = mint_key(act.now).unwrap();
        let request = UndoRequest {
            undo,
            reason: "wrong item",
            key: None,
            minted: &minted,
            approval: None,
        };
        let mut wire = Wire {
            hub: &mut self.hub,
            line: self.line,
            act: act.clone(),
        };
        desk::reverse(&mut self.store.ledger, &request, Some(&mut wire), &act).unwrap()
    }

    fn claim(&mut self, email: &str, own_key: Option<&Key>) -> Claim {
        let act = self.act("Desk");
        let minted = mint_key(act.now).unwrap();
        let (campaign, contacts) = (campaign(), [(ContactKind::Email, email.to_owned())]);
        let request = ClaimRequest {
            campaign: &campaign,
            contacts: &contacts,
            context: ClaimContext::Send,
            key: own_key,
            minted: &minted,
            trigger: None,
            notes: Notes::default(),
            resends: false,
            prints: false,
            name: Some("Ana"),
            consents: false,
            random: desk::random().unwrap(),
        };
        let mut wire = Wire {
            hub: &mut self.hub,
            line: self.line,
            act: act.clone(),
        };
        desk::assign(&mut self.store.ledger, &request, Some(&mut wire), &act)
            .unwrap()
            .unwrap()
    }

    fn hub_reversals(&self) -> i64 {
        self.hub
            .number("SELECT count(*) FROM entry WHERE kind = 'reversed'")
    }
}

#[test]
fn what_the_hub_redeemed_for_a_counter_is_undone_by_the_hub() {
    let mut chain = Chain::simple();
    let made = chain.scan("Till 1", &code(1), None);
    let act = chain.act("Till 1");
    let choices = chain.store.ledger.undo_choices(5, &act).unwrap();
    let chosen: Vec<_> = choices.iter().map(|choice| &choice.redemption_id).collect();
    assert_eq!(chosen, made.redemption_id.iter().collect::<Vec<_>>());
    let id: EntryId = chosen.first().unwrap().parse().unwrap();
    chain.line = Line::IsDown;
    let refused = chain.undo("Till 1", Undo::Redemption(&id));
    assert_eq!(refused.word, ReversalWord::OfflineRefused);
    assert_eq!(chain.pending(), 0);
    chain.line = Line::LosesTheAnswer;
    let unknown = chain.undo("Till 1", Undo::Redemption(&id));
    assert_eq!(unknown.word, ReversalWord::UnknownOutcome);
    assert_eq!((chain.pending(), chain.hub_reversals()), (1, 1));
    chain.line = Line::Delivers;
    let undone = chain.undo("Till 1", Undo::Redemption(&id));
    assert_eq!(undone.word, ReversalWord::Replayed);
    assert_eq!(undone.key, unknown.key);
    assert_eq!((chain.pending(), chain.hub_reversals()), (0, 1));
    assert_eq!(
        chain
            .store
            .number("SELECT state * 10 + uses_made FROM code WHERE id = 1"),
        10
    );
    let act = chain.act("Till 1");
    assert_eq!(chain.store.ledger.undo_choices(5, &act).unwrap(), []);
    // Its key is told that it was undone; a new scan is a use of its own.
    let again = chain.scan("Till 1", &code(1), Some(&key(&made.key)));
    assert_eq!(again.verdict, Verdict::Reversed);
    let anew = chain.scan("Till 1", &code(1), None);
    assert_eq!(anew.verdict, accepted(Certainty::Confirmed));
    chain.is_well();
}

#[test]
fn who_made_a_redemption_at_a_store_is_nobody_at_another() {
    let mut chain = Chain::simple();
    let made = chain.scan("Till 1", &code(1), None);
    let id: EntryId = made.redemption_id.unwrap().parse().unwrap();
    let other = chain.undo("Till 2", Undo::Redemption(&id));
    assert_eq!(other.word, ReversalWord::NeedsApproval);
    // A counter of the same name at the hub itself is another one.
    let act = chain.act("Till 1");
    let minted = key("hub-undo");
    let request = UndoRequest {
        undo: Undo::Redemption(&id),
        reason: "wrong item",
        key: None,
        minted: &minted,
        approval: None,
    };
    let at_hub = chain.hub.ledger.reverse(&request, &act).unwrap();
    assert_eq!(at_hub.word, ReversalWord::NeedsApproval);
    let own = chain.undo("Till 1", Undo::Redemption(&id));
    assert_eq!(own.word, ReversalWord::Reversed);
}

#[test]
fn a_store_undoes_alone_what_the_hub_has_not_heard_of() {
    let mut chain = Chain::accepting(None);
    chain.line = Line::IsDown;
    let made = chain.scan("Till 1", &code(1), None);
    assert_eq!(made.verdict, accepted(Certainty::Provisional));
    let text = code(1);
    let undone = chain.undo(
        "Till 1",
        Undo::Code {
            raw: text.as_bytes(),
            allowed_hosts: &[],
        },
    );
    assert_eq!(undone.word, ReversalWord::Reversed);
    chain.is_well();
}

#[test]
fn a_code_that_only_the_hub_may_give_is_asked_of_it_and_is_theirs_here() {
    let mut rules = Rules::new("Free coffee");
    rules.offline_assign = OfflineAssign::Hub;
    let mut chain = Chain::new(&rules);
    let act = chain.act("office");
    let order = GenerateOrder {
        campaign: campaign(),
        count: 3,
        drawing: Drawing::Shape(Shape::standard()),
        is_given_out: false,
    };
    let mut work = LongWork {
        random: &mut desk::fill_random,
        progress: &mut |_| {},
        stop: &AtomicBool::new(false),
    };
    chain
        .hub
        .ledger
        .generate_codes(&order, &act, &mut work)
        .unwrap()
        .unwrap();
    chain.line = Line::IsDown;
    let refused = chain.claim("ana@example.org", None);
    assert_eq!(refused.word, ClaimWord::NeedsHub);
    assert_eq!(refused.word.exit_code(), 3);
    chain.line = Line::LosesTheAnswer;
    let form = key("form");
    let unknown = chain.claim("ana@example.org", Some(&form));
    assert_eq!((unknown.word, unknown.code), (ClaimWord::NeedsHub, None));
    chain.line = Line::Delivers;
    let given = chain.claim("ana@example.org", Some(&form));
    assert_eq!(given.word, ClaimWord::Replayed);
    let told = given.code.unwrap();
    let given_out = "SELECT count(*) FROM code WHERE state = 1 AND ordinal IS NOT NULL";
    assert_eq!(chain.hub.number(given_out), 1);
    assert_eq!(chain.store.number(given_out), 1);
    assert!(given.assignment_id.is_some());
    // From here on both know whose it is, in reach or not.
    chain.line = Line::IsDown;
    let again = chain.claim("ana@example.org", None);
    assert_eq!(again.word, ClaimWord::AlreadyAssigned);
    assert_eq!(again.code.as_ref(), Some(&told));
    chain.line = Line::Delivers;
    let other = chain.claim("ben@example.org", None);
    assert_eq!(other.word, ClaimWord::Assigned);
    assert_ne!(other.code.as_ref(), Some(&told));
    assert_eq!(chain.hub.number(given_out), 2);
    assert_eq!(chain.hub.number("SELECT count(*) FROM contact"), 2);
    // And it is redeemed like any code that the hub holds.
    let answer = chain.scan("Till 1", &told, None);
    assert_eq!(answer.verdict, accepted(Certainty::Confirmed));
    chain.is_well();
}
