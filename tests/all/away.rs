//! Away from the holder: a store and its hub, two real ledgers, and a line between them that delivers,
//! loses the question or loses the answer. Nothing counts twice, whoever asks again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use counterfoil::desk::{self, MODE_PRIVATE, mint_key, set_up};
use counterfoil::domain::campaign::{OfflinePolicy, Rules};
use counterfoil::domain::entry::instant;
use counterfoil::domain::ids::{CampaignId, Key};
use counterfoil::domain::verdict::{Answer, Approval, Certainty, Verdict};
use counterfoil::domain::wire::{AskHub, Asked, Hello, Question, Told, WIRE};
use counterfoil::ledger::{Act, HeardBy, Judged, Ledger, Scan, built_at};
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
                 acked_hash) VALUES ({STORE}, '1', 1, 'Europe/Berlin', 1, 2, x'00');",
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
            (Some(asked), _) => ledger
                .witness(&question, &asked, HeardBy::Caller, &act)
                .unwrap(),
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
                    .witness(&question, &asked, HeardBy::Nobody, &act)
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
