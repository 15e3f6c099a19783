//! Raw SQLite: the product's own statements of a redemption with the same values, prepared once, in
//! the same transaction under the same pragmas; without judging, hashing, JSON, marker and turnstile.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, Statement, params};

/// What the product binds for one redemption.
pub(crate) struct Planned {
    pub(crate) folded: String,
    pub(crate) counter: String,
    pub(crate) key: String,
    pub(crate) at_ms: i64,
    pub(crate) body: String,
    pub(crate) hash: [u8; 32],
}

const WRITES_PER_CHECKPOINT: u32 = 256;

const HEAD: &str = "SELECT node, incarnation, seq, hash, newest_at_ms, store, timezone, \
    next_code_id, restored_code_id, is_moved, lost FROM ledger WHERE id = 1";

const CODE: &str = "SELECT c.id, c.folded, c.shown, c.campaign, c.ordinal, c.state, c.uses_made, \
    c.holder, c.customer, c.expires_at_ms, c.assigned_incarnation, c.newest_entry, \
    c.grant_number FROM code c JOIN batch b ON b.id = c.batch \
    WHERE c.folded = $1 AND b.is_published = 1";

const LINK: &str = "SELECT standing, acked_seq, last_contact_ms, contact_age_ms, let_go_after \
    FROM hub_link WHERE id = 1";

const KEY: &str = "SELECT k.verb, k.subject, k.entry, r.entry, k.folded FROM act_key k \
    LEFT JOIN reversal r ON r.redemption = k.entry WHERE k.caller = $1 AND k.key = $2";

const CAMPAIGN: &str = "SELECT id, name, revision, is_paused, rules FROM campaign WHERE id = $1";

const ENTRY: &str = "INSERT INTO entry (node, incarnation, seq, at_ms, kind, campaign, code, \
    previous_of_code, body, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";

const USE: &str = "UPDATE code SET uses_made = uses_made + 1, state = $1, newest_entry = $2 \
    WHERE id = $3 AND state = $4 AND uses_made = $5 AND uses_made < $6 AND holder = $7 \
    AND coalesce(customer, 0) = $8 AND coalesce(newest_entry, 0) = $9";

const BIND: &str = "INSERT INTO act_key (caller, key, verb, subject, entry) \
    VALUES ($1, $2, 'redeem', $3, $4)";

const TALLY: &str = "UPDATE tally SET available = available + $1, assigned = assigned + $2, \
    redeemed = redeemed + $3, void = void + $4, suspect = suspect + $5, \
    uses_made = uses_made + $6 WHERE campaign = $7 AND part = $8";

const HOUR: &str = "INSERT INTO tally_hour (amount, campaign, hour, kind, part, first_entry) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hour, campaign, kind, part) \
    DO UPDATE SET amount = tally_hour.amount + excluded.amount, first_entry = CASE \
    WHEN excluded.first_entry < tally_hour.first_entry THEN excluded.first_entry \
    ELSE tally_hour.first_entry END";

const STORE: &str = "UPDATE ledger SET incarnation = $1, seq = $2, hash = $3, newest_at_ms = $4, \
    next_code_id = $5, restored_code_id = $6, is_moved = $7, lost = $8 WHERE id = 1";

/// Opens a ledger's file as the product does.
pub(crate) fn open(file: &Path) -> Connection {
    let raw = Connection::open(file).expect("the copy opens");
    for (name, value) in [
        ("journal_mode", "WAL"),
        ("journal_size_limit", "16777216"),
        ("synchronous", "FULL"),
        ("mmap_size", "0"),
        ("cache_size", "-16384"),
        ("temp_store", "MEMORY"),
        ("wal_autocheckpoint", "0"),
    ] {
        raw.pragma_update(None, name, value).expect("a pragma");
    }
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .expect("a setting");
    raw
}

/// The statements of a redemption, prepared.
pub(crate) struct Raw<'c> {
    connection: &'c Connection,
    begin: Statement<'c>,
    commit: Statement<'c>,
    head: Statement<'c>,
    code: Statement<'c>,
    link: Statement<'c>,
    key: Statement<'c>,
    campaign: Statement<'c>,
    entry: Statement<'c>,
    use_up: Statement<'c>,
    bind: Statement<'c>,
    tally: Statement<'c>,
    hour: Statement<'c>,
    store: Statement<'c>,
    writes: u32,
}

impl<'c> Raw<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Raw<'c> {
        let prepared = |sql: &str| connection.prepare(sql).expect("a statement");
        Raw {
            connection,
            begin: prepared("BEGIN IMMEDIATE"),
            commit: prepared("COMMIT"),
            head: prepared(HEAD),
            code: prepared(CODE),
            link: prepared(LINK),
            key: prepared(KEY),
            campaign: prepared(CAMPAIGN),
            entry: prepared(ENTRY),
            use_up: prepared(USE),
            bind: prepared(BIND),
            tally: prepared(TALLY),
            hour: prepared(HOUR),
            store: prepared(STORE),
            writes: 0,
        }
    }

    pub(crate) fn redeem(&mut self, planned: &Planned) -> rusqlite::Result<()> {
        self.begin.execute([])?;
        let head = self.head.query_row([], columns::<11>)?;
        let code = self.code.query_row([&planned.folded], columns::<13>)?;
        let mut link = self.link.query([])?;
        assert!(link.next()?.is_none(), "a shop alone");
        drop(link);
        let mut bound = self.key.query(params![planned.counter, planned.key])?;
        assert!(bound.next()?.is_none(), "a new key");
        drop(bound);
        let [_, folded_incarnation, seq, ..] = &head;
        let [id, _, _, campaign, ..] = &code;
        let campaign = self.campaign.query_row([campaign], columns::<5>)?;
        let [campaign, ..] = &campaign;
        let seq = match seq {
            Value::Integer(seq) => seq + 1,
            Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => 0,
        };
        let entry: i64 = self.entry.query_row(
            params![
                1,
                folded_incarnation,
                seq,
                planned.at_ms,
                "redeemed",
                campaign,
                id,
                None::<i64>,
                planned.body,
                planned.hash
            ],
            |row| row.get(0),
        )?;
        let changed = self
            .use_up
            .execute(params![2, entry, id, 1, 0, 1, 1, 0, 0])?;
        assert_eq!(changed, 1, "an unused code");
        self.bind
            .execute(params![planned.counter, planned.key, id, entry])?;
        self.tally
            .execute(params![0, -1, 1, 0, 0, 1, campaign, 0])?;
        let hour = planned.at_ms.div_euclid(3_600_000);
        self.hour
            .execute(params![1, campaign, hour, "redeemed", 0, entry])?;
        let [
            _,
            incarnation,
            _,
            _,
            _,
            _,
            _,
            next_code,
            restored_code,
            is_moved,
            lost,
        ] = &head;
        self.store.execute(params![
            incarnation,
            seq,
            planned.hash,
            planned.at_ms,
            next_code,
            restored_code,
            is_moved,
            lost
        ])?;
        self.commit.execute([])?;
        self.rest_if_due()
    }

    fn rest_if_due(&mut self) -> rusqlite::Result<()> {
        self.writes += 1;
        if self.writes >= WRITES_PER_CHECKPOINT {
            self.writes = 0;
            self.connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(())
    }
}

fn columns<const COUNT: usize>(row: &Row<'_>) -> rusqlite::Result<[Value; COUNT]> {
    let mut values = [const { Value::Null }; COUNT];
    for (place, value) in values.iter_mut().enumerate() {
        *value = row.get(place)?;
    }
    Ok(values)
}
