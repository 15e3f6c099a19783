//! The same by plain SQL, one commit each: no customers, no entries, no keys.
#![expect(clippy::expect_used, reason = "a bench ends at the first fault")]

use std::time::Duration;

use postgres::{Client, NoTls};

use crate::callers::{Until, run};

const CLAIM: &str = "UPDATE raw_code SET state = 1, customer = $1 WHERE id = (SELECT id FROM \
     raw_code WHERE state = 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)";

const USE: &str = "UPDATE raw_code SET state = 2 WHERE id = $1 AND state = 1";

/// A table of codes, each free.
pub(crate) fn begin(client: &mut Client, codes: u64) {
    client
        .batch_execute(&format!(
            "CREATE TABLE raw_code (id BIGINT PRIMARY KEY, state BIGINT NOT NULL, customer BIGINT); \
             INSERT INTO raw_code SELECT g, 0, NULL FROM generate_series(1, {codes}) g; \
             CREATE INDEX raw_free ON raw_code (id) WHERE state = 0; ANALYZE raw_code"
        ))
        .expect("a raw table");
}

/// Everybody has a code.
pub(crate) fn assign_all(client: &mut Client) {
    for sql in [
        "UPDATE raw_code SET state = 1 WHERE state = 0",
        "VACUUM ANALYZE raw_code",
        "CHECKPOINT",
    ] {
        client.batch_execute(sql).expect("assigned");
    }
}

pub(crate) fn claims(url: &str, clients: usize, part: Duration) -> f64 {
    each(url, clients, part, CLAIM)
}

pub(crate) fn redemptions(url: &str, clients: usize, part: Duration) -> f64 {
    each(url, clients, part, USE)
}

fn each(url: &str, clients: usize, part: Duration, sql: &str) -> f64 {
    let (rate, _) = run(clients, Until::Passed(part), |caller| {
        let mut client = Client::connect(url, NoTls).expect("a connection");
        let statement = client.prepare(sql).expect("a statement");
        let step = i64::try_from(clients).expect("a number");
        let mut id = i64::try_from(caller.place()).expect("a number") + 1;
        while caller.goes_on() {
            let changed = client.execute(&statement, &[&id]).expect("an answer");
            caller.count(usize::from(changed == 1));
            id += step;
        }
    });
    rate
}
