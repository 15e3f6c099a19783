//! The same by plain SQL, one commit each: no customers, no entries, no keys.
#![expect(clippy::expect_used, reason = "a bench ends at the first fault")]

use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use postgres::{Client, NoTls};

use crate::callers::{Until, run};
use crate::hub;

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

/// Everybody has a code, and nobody has used it.
pub(crate) fn assign_all(client: &mut Client) {
    for sql in [
        "UPDATE raw_code SET state = 1 WHERE state <> 1",
        "VACUUM ANALYZE raw_code",
        "CHECKPOINT",
    ] {
        client.batch_execute(sql).expect("assigned");
    }
}

pub(crate) fn claims(url: &str, clients: usize, part: Duration) -> f64 {
    each(url, (clients, part), CLAIM, |place| place)
}

/// Uses of codes that come in the order of their rows: many of one page, one after the other.
pub(crate) fn redemptions_in_order(url: &str, clients: usize, part: Duration) -> f64 {
    each(url, (clients, part), USE, |place| place)
}

/// Uses of codes that come in no order, as customers bring them.
pub(crate) fn redemptions(url: &str, clients: usize, codes: u64, part: Duration) -> f64 {
    each(url, (clients, part), USE, |place| shuffled(place, codes))
}

/// Another place for each, all over the table.
fn shuffled(place: u64, codes: u64) -> u64 {
    // A prime that divides no number of codes that is asked for here.
    (place * 1_640_531_527) % codes
}

fn each(
    url: &str,
    (clients, part): (usize, Duration),
    sql: &str,
    id_at: impl Fn(u64) -> u64 + Sync,
) -> f64 {
    let (rate, _) = run(clients, Until::Passed(part), |caller| {
        let mut user = User::new(url, sql);
        for place in (caller.place() as u64..).step_by(clients) {
            if !caller.goes_on() {
                return;
            }
            let is_done = user.does(id_at(place));
            caller.count(usize::from(is_done));
        }
    });
    rate
}

/// A connection that does one thing.
struct User {
    client: Client,
    statement: postgres::Statement,
}

impl User {
    fn new(url: &str, sql: &str) -> User {
        let mut client = Client::connect(url, NoTls).expect("a connection");
        let statement = client.prepare(sql).expect("a statement");
        User { client, statement }
    }

    /// Does it to the code at this place; whether it did.
    fn does(&mut self, place: u64) -> bool {
        let id = i64::try_from(place).expect("a number") + 1;
        let changed = self.client.execute(&self.statement, &[&id]);
        changed.expect("an answer") == 1
    }
}

/// An empty hub: each question over HTTP is one raw conditional update with a commit of its own, on a
/// thread and a connection to the server of its own. It knows no token, key, entry, chain or tally.
pub(crate) fn serve(url: &str, listener: &TcpListener, clients: usize, codes: u64) {
    std::thread::scope(|scope| {
        for _ in 0..clients {
            let (stream, _) = listener.accept().expect("a client");
            scope.spawn(move || {
                let mut user = User::new(url, USE);
                stream.set_nodelay(true).expect("no delay");
                let mut questions = BufReader::new(stream.try_clone().expect("a connection"));
                let mut answers = stream;
                while let Some(body) = hub::body(&mut questions) {
                    let place: u64 = body.parse().expect("a place");
                    let word = if user.does(shuffled(place, codes)) {
                        "accepted"
                    } else {
                        "refused"
                    };
                    let body = format!("{{\"verdict\":\"{word}\"}}");
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    answers.write_all(answer.as_bytes()).expect("answered");
                }
            });
        }
    });
}
