//! `customer export` against the tables: every table that can name a person is exported, or it is said
//! here why it is not.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::shop::{CAMPAIGN, Shop, text};

/// By these columns a row is about a person: it names them, or a code or an entry of theirs.
const NAMING: [&str; 7] = [
    "customer",
    "public_id",
    "other",
    "code",
    "entry",
    "redemption",
    "normal_form",
];

/// The tables with such a column, and where in the export their rows stand: a path, and the condition
/// by which they are about `:customer`.
const EXPORTED: [(&str, &str, &str); 15] = [
    ("customer", "/customer_id", "id = :customer"),
    ("contact", "/contacts", "customer = :customer"),
    ("contact_hash", "/recognised_by", "customer = :customer"),
    ("test_customer", "/tests", "customer = :customer"),
    (
        "likeness",
        "/alike",
        "customer = :customer OR other = :customer",
    ),
    ("customer_slot", "/codes", "customer = :customer"),
    ("code", "/codes", "customer = :customer"),
    ("customer_day", "/days", "customer = :customer"),
    ("slip", "/slips", THEIR_CODES),
    ("entry", "/entries", THEIR_CODES),
    ("side", "/entries/*/reason|receipt|trigger|notes", ""),
    (
        "attempt",
        "/attempts",
        "customer = :customer OR code IN (SELECT id FROM code WHERE customer = :customer)",
    ),
    ("conflict", "/conflicts", THEIR_CODES),
    ("pending", "/questions", THEIR_CODES),
    ("story", "/codes/*/elsewhere", THEIR_CODES),
];

const THEIR_CODES: &str = "code IN (SELECT id FROM code WHERE customer = :customer)";

/// The other tables with such a column: why there is nothing of them in it.
const NOT_EXPORTED: [(&str, &str); 11] = [
    ("pool_warning", "a campaign's pool; its entry names nobody"),
    ("ended", "tested with its code's reason below"),
    ("act_key", "the key stands with its entry"),
    (
        "campaign_revision",
        "a campaign's rules; its entry is the manager's",
    ),
    (
        "hub_use",
        "hashes of the hub's entries, of which the story is told with the code",
    ),
    (
        "outcome",
        "what became of an entry on its way; a conflict is exported",
    ),
    (
        "pool_slot",
        "a place in the pool, of codes that nobody has as well",
    ),
    ("recall", "on its way between nodes"),
    ("reversal", "joins two entries that are exported"),
    ("unshown", "an acceptance, which is exported, not drawn yet"),
    (
        "z_report",
        "a day's totals, by campaign, counter and operator",
    ),
];

/// A shop with a customer about whom there is something in every table; the customer's id.
fn everything_known() -> (Shop, String) {
    let shop = Shop::with(&["--limit-per-day", "5", "--per-customer", "2"], 1);
    shop.run(&["codes", "generate", "--campaign", CAMPAIGN, "--count", "9"])
        .well();
    let ana = ["--email", "ana@example.org", "--phone", "+442079460958"];
    let assign = ["assign", "--campaign", CAMPAIGN];
    let more = [
        "--name",
        "Ana",
        "--note",
        "order=4711",
        "--trigger",
        "web form",
        "--key",
        "k-1",
        "--print",
    ];
    let config = shop.folder().join("counterfoil.toml");
    let slips = shop.beside("slips.bin");
    std::fs::write(
        &config,
        format!("[printer]\nto = \"file:{}\"\n", slips.display()),
    )
    .unwrap();
    let given = shop.run(&[&assign[..], &ana, &more].concat());
    let given = given.well().json().clone();
    let (id, code) = (
        text(&given, "customer_id").to_owned(),
        text(&given, "code").to_owned(),
    );
    shop.run(&[&assign[..], &ana, &["--key", "k-2"]].concat())
        .well();
    shop.run(&[&assign[..], &ana, &["--context", "view"]].concat())
        .well();
    shop.run(&["redeem", &code, "--receipt", "R-99"]).well();
    shop.run(&["redeem", &code]);
    shop.run(&["reverse", &code, "--reason", "slip of the hand"])
        .well();
    shop.run(&["redeem", &code]).well();
    // Somebody else, of whom nothing may be told.
    let ben = [
        &assign[..],
        &["--email", "ben@example.org", "--name", "Ben"],
    ]
    .concat();
    shop.run(&ben).well();
    plant(&shop, &id, &code);
    (shop, id)
}

/// What only a store of a hub would have.
fn plant(shop: &Shop, id: &str, code: &str) {
    let ledger = rusqlite::Connection::open(shop.folder().join("ledger.db")).unwrap();
    let story = json!([{
        "entry": "X-1-1", "kind": "redeemed", "at_ms": 5, "store": "Elsewhere", "counter": "till",
        "operator": "Zoe", "certainty": "provisional", "code": code, "customer": id,
    }]);
    let ids: (i64, i64, i64) = ledger
        .query_row(
            "SELECT c.id, u.id, o.id FROM code c JOIN customer u ON u.id = c.customer \
             JOIN customer o ON o.id <> u.id WHERE u.public_id = ?1 AND c.uses_made = 1",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    ledger
        .execute_batch(&format!(
            "INSERT INTO test_customer VALUES (1, {customer});
             INSERT INTO likeness VALUES (1, {customer}, {other});
             INSERT INTO conflict (id, kind, entry, code, campaign, told, raised_at_ms, is_open, \
                 decision, reason, settled_by, settled_at_ms) \
                 VALUES (7, 'double_redeemed', 'X-1-1', {code}, 1, '{story}', 9, 0, 'stand', \
                 'both had paid', 'Mia', 10);
             INSERT INTO pending (counter, key, verb, code, question, at_ms) \
                 VALUES ('till', 'q', 'redeem', {code}, '{{\"asked\":1}}', 11);
             INSERT INTO story VALUES ({code}, 12, 'Elsewhere', 'till', 'Zoe');
             INSERT INTO ended VALUES ({code}, 'it was lost');",
            code = ids.0,
            customer = ids.1,
            other = ids.2,
        ))
        .unwrap();
}

/// What stands at a path; a star goes into every element of a list.
fn at<'v>(told: &'v Value, path: &str) -> Vec<&'v Value> {
    match path.split_once("/*/") {
        Some((list, key)) => told
            .pointer(list)
            .and_then(Value::as_array)
            .unwrap_or_else(|| panic!("no list {list} in {told}"))
            .iter()
            .filter(|row| {
                key.split('|')
                    .any(|key| row.get(key).is_some_and(|found| !found.is_null()))
            })
            .collect(),
        None => match told
            .pointer(path)
            .unwrap_or_else(|| panic!("no {path} in {told}"))
        {
            Value::Array(rows) => rows.iter().collect(),
            one @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => vec![one],
        },
    }
}

#[test]
fn every_row_about_a_person_is_told_and_none_about_another() {
    let (shop, id) = everything_known();
    let told = shop.run(&["customer", "export", &id]).well().json().clone();
    let customer = shop.count(&format!("SELECT id FROM customer WHERE public_id = '{id}'"));
    let rows = |table: &str, condition: &str| {
        let condition = condition.replace(":customer", &customer.to_string());
        shop.count(&format!("SELECT count(*) FROM {table} WHERE {condition}"))
    };
    for (table, path, condition) in EXPORTED {
        let condition = match table {
            "side" => {
                "entry IN (SELECT id FROM entry WHERE code IN \
                       (SELECT id FROM code WHERE customer = :customer))"
            }
            _ => condition,
        };
        let wanted = match table {
            // One campaign recognises them by both contacts.
            "contact_hash" => 1,
            _ => rows(table, condition),
        };
        assert!(wanted > 0, "nothing in {table} to be told");
        let found = at(&told, path);
        assert_eq!(
            i64::try_from(found.len()).unwrap(),
            wanted,
            "{table} at {path}: {told}"
        );
    }
}

#[test]
fn every_column_of_such_a_row_is_told() {
    let (shop, id) = everything_known();
    let mut told = shop.run(&["customer", "export", &id]).well().json().clone();
    // The codes stand by their letters, which are drawn: the one that the rows are about comes first here.
    let codes = told["codes"].as_array_mut().expect("codes");
    codes.sort_by_key(|code| code["elsewhere"].is_null());
    for (path, value) in [
        ("/name", "Ana"),
        ("/contacts/0/contact", "ana@example.org"),
        ("/contacts/1/contact", "+442079460958"),
        ("/recognised_by/0", CAMPAIGN),
        ("/tests/0", CAMPAIGN),
        ("/alike/0/campaign", CAMPAIGN),
        ("/codes/0/ended", "it was lost"),
        ("/codes/0/elsewhere/store", "Elsewhere"),
        ("/codes/0/elsewhere/operator", "Zoe"),
        ("/days/0/campaign", CAMPAIGN),
        ("/slips/0/state", "printed"),
        ("/slips/0/words/name", "Ana"),
        ("/entries/0/kind", "assigned"),
        ("/entries/0/key", "k-1"),
        ("/entries/0/trigger", "web form"),
        ("/entries/0/notes/order", "4711"),
        ("/entries/0/fact/kind", "assigned"),
        ("/conflicts/0/reason", "both had paid"),
        ("/conflicts/0/decision", "stand"),
        ("/conflicts/0/settled_by", "Mia"),
        ("/conflicts/0/stories/0/operator", "Zoe"),
        ("/questions/0/counter", "till"),
    ] {
        assert_eq!(told.pointer(path), Some(&json!(value)), "{path} of {told}");
    }
    assert_eq!(told.pointer("/days/0/redemptions"), Some(&json!(1)));
    let all = told.to_string();
    for said in ["R-99", "slip of the hand"] {
        assert!(all.contains(said), "{said} is not in {all}");
    }
    assert!(!all.contains("Ben") && !all.contains("ben@"), "{all}");

    let words = std::process::Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .arg("--data")
        .arg(shop.folder())
        .args(["customer", "export", &id])
        .output()
        .unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    for said in [
        "Ana",
        "ana@example.org",
        "+442079460958",
        "copy 1, printed",
        "receipt: R-99",
        "reason: slip of the hand",
        "order",
        "4711",
        "set off by: web form",
        "it was lost",
        "used on 1970-01-01",
        "a test customer of",
        "taken for the same person as",
        "settled: stand",
        "both had paid",
        "asked of the hub, and not answered",
    ] {
        assert!(words.contains(said), "{said:?} is not in\n{words}");
    }
}

#[test]
fn every_table_that_can_name_a_person_is_exported_or_has_its_reason() {
    let shop = Shop::with(&[], 1);
    let ledger = shop.look();
    let mut statement = ledger
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' ORDER BY t.name",
        )
        .unwrap();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .unwrap()
    {
        let (table, column) = row.unwrap();
        tables.entry(table).or_default().push(column);
    }
    let exported = EXPORTED.iter().map(|(table, ..)| *table);
    let known: Vec<&str> = exported
        .chain(NOT_EXPORTED.iter().map(|(table, _)| *table))
        .collect();
    for (table, columns) in &tables {
        let names_a_person = columns
            .iter()
            .any(|column| NAMING.contains(&column.as_str()));
        assert_eq!(
            names_a_person,
            known.contains(&table.as_str()),
            "{table} {columns:?}: say in EXPORTED where `customer export` tells it, or in NOT_EXPORTED why not"
        );
    }
    for table in known {
        assert!(tables.contains_key(table), "there is no table {table}");
    }
}
