//! A ledger in a PostgreSQL database, worked with the real program.

use counterfoil::ledger::{Act, Database, Ledger, Setup, built_at};

use crate::cluster::TestDatabase;
use crate::shop::{CAMPAIGN, Kept, Shop, command_on, number, run_on, text};

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
fn a_shop_lives_in_a_folder_as_in_a_database() {
    for kept in Kept::EITHER {
        let shop = Shop::kept(kept, &["--per-customer", "1"], 3);
        let generate = ["codes", "generate", "--campaign", CAMPAIGN, "--count", "20"];
        shop.run(&generate).well();
        // A list that is sorted otherwise than by a dictionary, with people and one code known.
        let list = shop.beside("more.csv");
        std::fs::write(
            &list,
            "code,email\nB-1,ana@example.com\na1,\nA-2,ben@example.com\n",
        )
        .unwrap();
        let import = [
            "codes",
            "import",
            list.to_str().unwrap(),
            "--campaign",
            CAMPAIGN,
        ];
        assert_eq!(
            number(shop.run(&import).well().json(), "stored"),
            3,
            "{kept:?}"
        );
        let again = shop.run(&import);
        assert_eq!(
            (again.exit, number(again.json(), "stored")),
            (1, 0),
            "{kept:?}"
        );

        let first = crate::shop::code(0);
        assert_eq!(shop.redeem(&first), "accepted");
        assert_eq!(shop.redeem(&first), "already_redeemed");
        assert_eq!(shop.redeem("B1"), "accepted");
        shop.run(&["reverse", &first, "--reason", "oops"]).well();
        assert_eq!(shop.redeem(&first), "accepted");
        let assign = ["assign", "--campaign", CAMPAIGN, "--email"];
        let cleo = shop.run(&[&assign[..], &["cleo@example.com"]].concat());
        let code = text(cleo.well().json(), "code").to_owned();
        let again = shop.run(&[&assign[..], &["Cleo@example.com"]].concat());
        assert_eq!(text(again.well().json(), "claim"), "already_assigned");
        assert_eq!(text(again.json(), "code"), code);
        // Who came with the list has a code already.
        let ana = shop.run(&[&assign[..], &["ana@example.com"]].concat());
        assert_eq!(text(ana.well().json(), "claim"), "already_assigned");
        let replaced = shop.run(&["replace", &code, "--reason", "lost"]);
        assert_ne!(text(replaced.well().json(), "code"), code);
        assert_eq!(shop.redeem(&code), "void");
        let found = shop.run(&["customer", "find", "cleo@example.com"]);
        let customer = text(found.well().json(), "customer_id").to_owned();
        shop.run(&["customer", "erase", &customer, "--yes"]).well();
        let back = shop.run(&[&assign[..], &["cleo@example.com"]].concat());
        assert_eq!(text(back.well().json(), "claim"), "already_assigned");
        shop.run(&["campaign", "set", CAMPAIGN, "--per-customer", "2"])
            .well();
        shop.run(&[
            "campaign",
            "test-mode",
            CAMPAIGN,
            "on",
            "--customer",
            "tess@example.com",
        ])
        .well();
        let tess = shop.run(&[&assign[..], &["tess@example.com"]].concat());
        assert_eq!(text(tess.well().json(), "state"), "test");
        shop.run(&["campaign", "test-mode", CAMPAIGN, "off"]).well();
        shop.run(&["operator", "list"]).well();
        let token = ["hub", "token", "add", "mailer", "--scope", "claim"];
        shop.run(&token).well();
        assert_eq!(shop.run(&token).exit, 2, "a name is taken once");
        let export = shop.run(&["codes", "export", "--campaign", CAMPAIGN]);
        assert_eq!(export.exit, 0, "{}", export.errors);
        let log = shop.run(&["log", "--outcome", "accepted"]);
        assert_eq!(log.well().lines.len(), 3, "{kept:?}");
        shop.assert_well();
    }
}

#[test]
fn a_database_without_a_ledger_and_acts_on_files_are_told_apart() {
    let database = TestDatabase::new();
    let folder = tempfile::tempdir().unwrap();
    let named = ["--database", database.url()];
    let none = run_on(folder.path(), &[&named[..], &["pool"]].concat());
    assert_eq!(none.exit, 2);
    assert!(none.errors.contains("no_ledger"), "{}", none.errors);
    let init = [
        "init",
        "--store",
        "Head office",
        "--timezone",
        "Europe/Berlin",
    ];
    run_on(folder.path(), &[&named[..], &init].concat()).well();
    let twice = run_on(folder.path(), &[&named[..], &init].concat());
    assert!(twice.errors.contains("ledger_exists"), "{}", twice.errors);
    for act in [&["backup", "copy.db"][..], &["restore", "copy.db"], &[]] {
        let refused = run_on(folder.path(), &[&named[..], act].concat());
        assert_eq!(refused.exit, 2, "{act:?}");
        assert!(
            refused.errors.contains("only_in_files"),
            "{}",
            refused.errors
        );
    }
}

#[test]
fn a_password_is_never_an_argument() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://ana:hunter2@127.0.0.1:1/hub";
    let refused = run_on(folder.path(), &["--database", url, "pool"]);
    assert_eq!(refused.exit, 2);
    assert!(!refused.errors.contains("hunter2"), "{}", refused.errors);
    // From the environment it is taken, and not told either.
    let mut command = command_on(folder.path());
    let ended = command
        .args(["pool"])
        .env("COUNTERFOIL_DATABASE", url)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(errors.contains("database_unreachable"), "{errors}");
    assert!(!errors.contains("hunter2"), "{errors}");
    let shown = command_on(folder.path())
        .args(["config"])
        .env("COUNTERFOIL_DATABASE", url)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(said.contains("postgres://ana@127.0.0.1:1/hub"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// What PostgreSQL knows of the tables in a database, and how many rows each has, one a line.
fn looks(database: &TestDatabase) -> Vec<String> {
    const COLUMNS: &str = "SELECT format('%s %s %s %s %s %s %s %s', c.relname, a.attnum, a.attname, \
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, l.collname, \
        pg_get_expr(d.adbin, d.adrelid)) FROM pg_class c \
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
        LEFT JOIN pg_collation l ON l.oid = a.attcollation \
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1";
    const CONSTRAINTS: &str = "SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) \
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1";
    const INDEXES: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1";
    const NUMBERS: &str = "SELECT format('%s %s', sequencename, last_value) \
        FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1";
    const MIGRATIONS: &str = "SELECT format('%s %s', number, name) FROM migration ORDER BY number";
    const TABLES: &str = "SELECT relname::text FROM pg_class \
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1";
    let mut client = database.connect();
    let mut texts = |sql: &str| -> Vec<String> {
        let rows = client.query(sql, &[]).expect("an answer");
        assert!(!rows.is_empty(), "{sql}");
        rows.iter().map(|row| row.get(0)).collect()
    };
    let mut lines: Vec<String> = [COLUMNS, CONSTRAINTS, INDEXES, NUMBERS, MIGRATIONS]
        .iter()
        .flat_map(|sql| texts(sql))
        .collect();
    for table in texts(TABLES) {
        let rows = database.count(&format!("SELECT count(*) FROM {table}"));
        lines.push(format!("{table}: {rows} rows"));
    }
    lines
}

#[test]
fn a_ledger_on_copied_tables_is_one_that_was_made_anew() {
    let setup = Setup {
        store: "Corner".into(),
        timezone: "Europe/Berlin".into(),
        node: "CORNERXXXX".into(),
        mode: 0o600,
    };
    let act = Act {
        now: built_at(),
        counter: "back room".into(),
        operator: None,
        salt: [0; 16],
    };
    let [anew, copied] = [TestDatabase::new(), TestDatabase::with_tables()].map(|made| {
        let database = Database::parse(made.url()).unwrap();
        drop(Ledger::create_in(&database, &setup, &act).unwrap());
        looks(&made)
    });
    assert_eq!(copied, anew);
}
