//! The hub over HTTP: the real program, real sockets, and bytes of our own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::io::Read as _;
use std::net::{Shutdown, TcpStream};
use std::sync::Barrier;
use std::thread;

use counterfoil::domain::token::Scope;
use counterfoil::domain::wire::{
    AskHub, Down, Goods, HubKnown, NewLife, Page, Question, Stock, Verb,
};
use counterfoil::http::{Method, ROUTES, Route};
use serde_json::{Value, json};

pub(crate) use crate::serving::{Hub, ask, got, head_of};
use crate::shop::{CAMPAIGN, Kept, Shop, code, number, text};
use crate::stores::{Store, invite};

/// A body that is well-formed, by route.
const BODIES: [(&str, &str); 2] = [
    (
        "/v1/claims",
        r#"{"campaign":"spring","email":"table@example.org","context":"preview"}"#,
    ),
    (
        "/v1/redemptions",
        r#"{"code":"SHOP-00000-KEEP","check":true}"#,
    ),
];

/// What is malformed, and the status that says so.
pub(crate) const MALFORMED: [(&str, &str, u16); 18] = [
    ("/v1/claims", "", 400),
    ("/v1/claims", "{\"campaign\":\"spring\"", 400),
    ("/v1/claims", "\u{0}", 400),
    ("/v1/claims", "[]", 422),
    ("/v1/claims", "{}", 422),
    ("/v1/claims", r#"{"campaign":"no such"}"#, 422),
    (
        "/v1/claims",
        r#"{"campaign":"winter","email":"a@example.org"}"#,
        404,
    ),
    (
        "/v1/claims",
        r#"{"campaign":"spring","emial":"a@example.org"}"#,
        422,
    ),
    ("/v1/claims", r#"{"campaign":"spring","email":7}"#, 422),
    (
        "/v1/claims",
        r#"{"campaign":"spring","email":"a@example.org","email":"b@example.org"}"#,
        422,
    ),
    (
        "/v1/claims",
        r#"{"campaign":"spring","email":"a@example.org","context":"give"}"#,
        422,
    ),
    (
        "/v1/claims",
        r#"{"campaign":"spring","email":"a@example.org","key":"a b"}"#,
        422,
    ),
    (
        "/v1/claims",
        r#"{"campaign":"spring","email":"a@example.org","trigger":""}"#,
        422,
    ),
    (
        "/v1/claims",
        r#"{"campaign":"spring","email":"a@example.org","notes":{"a=b":"c"}}"#,
        422,
    ),
    (
        "/v1/claims",
        r#"{"campaign":"spring","email":"a@example.org","name":"\u0007"}"#,
        422,
    ),
    ("/v1/redemptions", "{}", 422),
    (
        "/v1/redemptions",
        r#"{"code":"SHOP-00000-KEEP","campaign":"winter"}"#,
        404,
    ),
    (
        "/v1/redemptions",
        r#"{"code":"SHOP-00000-KEEP","override":true}"#,
        422,
    ),
];

/// A shop whose campaign has so many codes to give.
pub(crate) fn shop_with_pool(count: usize) -> Shop {
    pool_kept(Kept::InFolder, &[], count)
}

/// The same, kept so and with these rules.
pub(crate) fn pool_kept(kept: Kept, rules: &[&str], count: usize) -> Shop {
    let shop = Shop::kept(kept, rules, 3);
    let codes: Vec<String> = (0..count).map(|n| format!("POOL-{n:05}-GIVE")).collect();
    shop.import("pool.csv", &codes, &[]).well();
    shop
}

/// Reads from a stream until what has come holds this.
fn read_until(stream: &mut TcpStream, all: &mut String, wanted: &str) {
    while !all.contains(wanted) {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0, "it ended without {wanted:?}: {all}");
        all.push_str(std::str::from_utf8(some.get(..count).unwrap()).unwrap());
    }
}

#[test]
fn a_store_that_waits_for_news_is_told_meanwhile_that_the_hub_is_there() {
    let shop = Shop::with(&[], 1);
    let hub = Hub::up(&shop);
    let store = Store::joined(&shop, &hub.address, "Riverside");
    store.sync().well();
    let down = Down {
        wait_ms: 25_000,
        ..store.down()
    };
    let body = serde_json::to_string(&down).unwrap();
    let head = head_of("POST", "/v1/sync/down", Some(&store.secret()), body.len());
    let mut stream = hub.send(format!("{head}{body}").as_bytes());
    let mut all = String::new();
    read_until(&mut stream, &mut all, "\r\n\r\n1\r\n \r\n");
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
    assert!(all.contains("\r\nx-accel-buffering: no\r\n"), "{all}");
    assert!(!all.contains('{'), "there is no news: {all}");
    assert_eq!(shop.redeem(&code(0)), "accepted");
    read_until(&mut stream, &mut all, "\r\n0\r\n\r\n");
    // Every piece of the body, behind its length; spaces are nothing.
    let (_, pieces) = all.split_once("\r\n\r\n").unwrap();
    let body: String = pieces.split("\r\n").skip(1).step_by(2).collect();
    let page: Page = serde_json::from_str(&body).unwrap();
    assert_eq!(page.items.len(), 1, "{body}");
    let lines = hub.end();
    let mut answers = lines.iter().filter(|line| {
        line.get("route").and_then(Value::as_str) == Some("/v1/sync/down")
            && line.get("token").and_then(Value::as_str) == Some("Riverside")
    });
    let newest = answers.next_back().unwrap();
    assert_eq!(number(newest, "status"), 200, "logged once it is given");
}

/// Adds a token and answers its secret.
pub(crate) fn token(shop: &Shop, name: &str, scopes: &str) -> String {
    let ran = shop.run(&["hub", "token", "add", name, "--scope", scopes]);
    text(ran.well().json(), "token").to_owned()
}

fn available(shop: &Shop) -> i64 {
    number(
        shop.run(&["pool", "--campaign", CAMPAIGN]).json(),
        "available",
    )
}

/// Who asks the routes of a hub, and what: programs by their tokens, stores by their secrets.
pub(crate) struct Askers {
    pub(crate) shop: Shop,
    store: Store,
    /// A store's ledger that is invited, and its token.
    invited: (Store, String),
}

impl Askers {
    pub(crate) fn new() -> Askers {
        let shop = shop_with_pool(2);
        let hub = Hub::up(&shop);
        let store = Store::joined(&shop, &hub.address, "Riverside");
        drop(hub.end());
        let token = invite(&shop, "Station Road");
        Askers {
            shop,
            store,
            invited: (Store::new("Station Road"), token),
        }
    }

    /// A body that is well-formed, and changes nothing that is counted here.
    pub(crate) fn body(&self, route: &Route) -> String {
        let json = |value: serde_json::Result<String>| value.unwrap();
        let hello = || self.store.hello();
        match route.path {
            "/v1/sync/join" => json(serde_json::to_string(&self.invited.0.asks_to_join())),
            "/v1/sync/stock" => json(serde_json::to_string(&Stock {
                hello: hello(),
                piece: 0,
                goods: Goods::End,
            })),
            "/v1/sync/live" => json(serde_json::to_string(&NewLife {
                hello: hello(),
                life_hash: "00".repeat(32),
                branch_seq: 0,
                points: Vec::new(),
                missing: Some(0),
                gave: None,
                hub: HubKnown::default(),
            })),
            "/v1/sync/up" => json(serde_json::to_string(&self.store.up())),
            "/v1/sync/down" => json(serde_json::to_string(&self.store.down())),
            "/v1/sync/ask" => json(serde_json::to_string(&AskHub {
                hello: hello(),
                question: Question {
                    counter: "till".into(),
                    operator: None,
                    key: Store::key(),
                    number: 0,
                    verb: Verb::Redeem {
                        code: "SHOP-00000-KEEP".into(),
                        campaign: None,
                        receipt: None,
                        customer: None,
                        approved: None,
                        is_check: true,
                    },
                },
                hub: HubKnown::default(),
            })),
            _ => body_for(route).to_owned(),
        }
    }

    /// Who is let in by this route.
    pub(crate) fn secret(&self, route: &Route) -> String {
        match (route.path, route.scope) {
            ("/v1/sync/join", _) => self.invited.1.clone(),
            (_, Some(Scope::Sync)) => self.store.secret(),
            (_, _) => token(
                &self.shop,
                &format!("with{}", route.path.replace('/', "-")),
                route.scope.map_or("read", Scope::as_str),
            ),
        }
    }

    /// Ends that.
    fn bars(&self, route: &Route) {
        if route.scope == Some(Scope::Sync) {
            let name = match route.path {
                "/v1/sync/join" => "Station Road",
                _ => "Riverside",
            };
            self.shop.run(&["hub", "store", "stolen", name]).well();
        } else {
            let name = format!("with{}", route.path.replace('/', "-"));
            self.shop.run(&["hub", "token", "revoke", &name]).well();
        }
    }
}

/// What a well-formed question of a route is answered with: a store that has no stock to bring, and has
/// not been restored, is told so.
fn answers_well(route: &Route) -> &'static [u16] {
    match route.path {
        "/v1/sync/stock" | "/v1/sync/live" => &[200, 422],
        _ => &[200],
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, read from top to bottom")]
fn every_route_lets_in_whom_it_may_and_nobody_else() {
    let askers = Askers::new();
    let shop = &askers.shop;
    let revoked = token(shop, "gone", "claim,redeem,read,sync");
    shop.run(&["hub", "token", "revoke", "gone"]).well();
    let program = token(shop, "program", "claim,redeem,read,sync");
    let hub = Hub::up(shop);
    for (place, route) in ROUTES.iter().enumerate() {
        let (method, path) = (route.method.as_str(), route.path);
        let body = askers.body(route);
        let body = body.as_str();
        let Some(scope) = route.scope else {
            assert_eq!(hub.ask(method, path, None, body).status, 200, "{path}");
            continue;
        };
        let mut wrongs = vec![None, Some("cft_wrong"), Some(""), Some(revoked.as_str())];
        if scope == Scope::Sync {
            // Whatever its scopes, a program is no store.
            wrongs.push(Some(program.as_str()));
        }
        for wrong in wrongs {
            // Whoever is not let in does not learn what is wrong with a body either.
            let body = if wrong == Some("") { "{" } else { body };
            let got = hub.ask(method, path, wrong, body);
            assert_eq!(got.status, 401, "{path} {wrong:?}: {}", got.body);
            assert_eq!(got.error(), "unauthorized");
            let head = got.head.to_ascii_lowercase();
            assert!(head.contains("www-authenticate: bearer"), "{head}");
            assert!(head.contains("counterfoil-wire: 1"), "{head}");
        }
        if scope != Scope::Sync {
            let others = Scope::ALL.into_iter().filter(|other| *other != scope);
            let others: Vec<&str> = others.map(Scope::as_str).collect();
            let without = token(shop, &format!("without-{place}"), &others.join(","));
            let got = hub.ask(method, path, Some(&without), body);
            assert_eq!(
                (got.status, got.error().as_str()),
                (403, "forbidden"),
                "{path}"
            );
            // A store is no program.
            let got = hub.ask(method, path, Some(&askers.store.secret()), body);
            assert_eq!(got.status, 401, "{path}");
        }
        let with = askers.secret(route);
        let got = hub.ask(method, path, Some(&with), body);
        let well = answers_well(route);
        assert!(
            well.contains(&got.status),
            "{path}: {} {}",
            got.status,
            got.body
        );
        assert!(
            got.head
                .to_ascii_lowercase()
                .contains("counterfoil-wire: 1")
        );
        // Whoever is barred is so at the next question, while the hub runs.
        askers.bars(route);
        let barred = hub.ask(method, path, Some(&with), body).status;
        // A stolen store is told that it is one: whoever looks after it is to hear of it.
        let is_stolen = scope == Scope::Sync && path != "/v1/sync/join";
        assert_eq!(barred, if is_stolen { 403 } else { 401 }, "{path}");
        if scope == Scope::Sync && path != "/v1/sync/join" {
            let back = ["hub", "store", "reinstate", "Riverside"];
            shop.run(&back).well();
            // A revoked store is let in: what it did is taken.
            shop.run(&["hub", "store", "revoke", "Riverside"]).well();
            let got = hub.ask(method, path, Some(&with), body);
            assert!(well.contains(&got.status), "{path}: {}", got.body);
            shop.run(&back).well();
        }
    }
    let got = hub.ask("GET", "/v1/nothing", None, "");
    assert_eq!((got.status, got.error().as_str()), (404, "no_such_route"));
    drop(hub.end());
    assert_eq!(
        shop.count("SELECT count(*) FROM entry WHERE kind = 'redeemed'"),
        0
    );
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
}

/// The body of a program's question: a new route that takes one has to be given one here.
fn body_for(route: &Route) -> &'static str {
    if route.method == Method::Get {
        return "";
    }
    let known = BODIES.into_iter().find(|(path, _)| *path == route.path);
    known
        .unwrap_or_else(|| panic!("no well-formed body for {}", route.path))
        .1
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, read from top to bottom")]
fn every_route_refuses_what_it_does_not_take() {
    let askers = Askers::new();
    let shop = &askers.shop;
    let web = token(shop, "web", "claim,redeem,read,sync");
    let hub = Hub::up(shop);
    for route in ROUTES {
        let path = route.path;
        let web = if route.scope == Some(Scope::Sync) {
            askers.secret(route)
        } else {
            web.clone()
        };
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let is_taken = ROUTES
                .iter()
                .any(|route| route.path == path && route.method.as_str() == other);
            if !is_taken {
                let got = hub.ask(other, path, Some(&web), "");
                assert_eq!(got.status, 405, "{other} {path}");
                assert_eq!(got.error(), "method_not_allowed");
            }
        }
        if route.method == Method::Get {
            continue;
        }
        let (body, most) = (askers.body(route), route.body_bytes_max);
        // Too long, as it says of itself, and as it turns out.
        let told = got(hub.send(head_of("POST", path, Some(&web), most + 1).as_bytes())).unwrap();
        assert_eq!((told.status, told.error().as_str()), (413, "too_large"));
        let length = most + 1;
        let endless = format!("{length:x}\r\n{}", " ".repeat(length));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {web}\r\n\
             Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let told = got(hub.send(format!("{head}{endless}").as_bytes())).unwrap();
        assert_eq!((told.status, told.error().as_str()), (413, "too_large"));
        // Cut off: fewer bytes than were promised, and JSON that ends too soon.
        let head = head_of("POST", path, Some(&web), body.len() + 1);
        let cut = hub.send(format!("{head}{body}").as_bytes());
        cut.shutdown(Shutdown::Write).unwrap();
        assert!(got(cut).is_none_or(|told| told.status == 400), "{path}");
        for length in 0..body.len() {
            let told = hub.ask("POST", path, Some(&web), &body[..length]);
            assert_eq!(
                (told.status, told.error().as_str()),
                (400, "malformed_body"),
                "{path} {length}"
            );
        }
        // Another kind of body, in its own words.
        let typed = |kind: &str| {
            let head = head_of("POST", path, Some(&web), body.len());
            let head = head.replacen("\r\n", &format!("\r\nContent-Type: {kind}\r\n"), 1);
            got(hub.send(format!("{head}{body}").as_bytes())).unwrap()
        };
        for kind in ["text/html", "multipart/form-data; boundary=x", "", "\u{e4}"] {
            let told = typed(kind);
            assert_eq!(
                (told.status, told.error().as_str()),
                (415, "not_json"),
                "{kind:?}"
            );
        }
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/x-www-form-urlencoded",
        ] {
            let status = typed(kind).status;
            assert!(answers_well(route).contains(&status), "{path} {kind}");
        }
    }
    drop(hub.end());
    assert_eq!(shop.redeem("SHOP-00000-KEEP"), "accepted");
    assert_eq!(shop.verify(), (0, "[]".to_owned()));
}

#[test]
fn a_token_is_kept_as_a_hash_and_comes_back_by_another_secret() {
    let shop = shop_with_pool(2);
    let first = token(&shop, "web", "read,claim,read");
    let again = shop.run(&["hub", "token", "add", "web", "--scope", "claim"]);
    assert_eq!(again.exit, 2);
    assert!(again.errors.contains("token_exists"), "{}", again.errors);
    let hub = Hub::up(&shop);
    let ana = json!({"campaign": CAMPAIGN, "email": "ana@example.org", "key": "k1"});
    let given = hub.claim(&first, &ana);
    shop.run(&["hub", "token", "revoke", "web"]).well();
    assert_eq!(shop.run(&["hub", "token", "revoke", "web"]).exit, 2);
    let second = token(&shop, "web", "claim");
    assert_ne!(first, second);
    // The same caller: its keys are as they were.
    let told = hub.claim(&second, &ana);
    assert_eq!(text(&told, "claim"), "replayed");
    assert_eq!(told["code"], given["code"]);
    let refused = hub.ask("POST", "/v1/claims", Some(&first), &ana.to_string());
    assert_eq!(refused.status, 401);
    let lines = hub.end();
    let log = shop.run(&["log"]).well().lines.clone();
    let kinds: Vec<&str> = log.iter().map(|line| text(line, "kind")).collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "token_added").count(),
        2
    );
    assert!(kinds.contains(&"token_revoked"));
    let counters: Vec<&Value> = log.iter().map(|line| &line["counter"]).collect();
    assert!(counters.contains(&&json!("token:web")), "{counters:?}");
    let listed = shop.run(&["hub", "token", "list"]).well().lines.clone();
    assert_eq!(
        listed,
        [json!({"name": "web", "scopes": ["claim"], "revoked": false, "old_ends_at": null})]
    );
    for secret in [&first, &second] {
        for kept in ["ledger.db", "ledger.db-wal"] {
            let bytes = std::fs::read(shop.folder().join(kept)).unwrap_or_default();
            let is_found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!is_found, "a secret stands in {kept}");
        }
    }
    let logged = format!("{lines:?}");
    for private in [
        "ana@",
        "k1",
        text(&given, "code"),
        first.as_str(),
        second.as_str(),
    ] {
        assert!(!logged.contains(private), "{private} in {logged}");
    }
    assert_eq!(lines.len(), 3);
    assert_eq!(text(&lines[0], "route"), "/v1/claims");
    assert_eq!(text(&lines[0], "token"), "web");
    assert_eq!(number(&lines[0], "status"), 200);
    // No counter may pass for a token.
    assert_eq!(shop.run(&["--counter", "token:web", "pool"]).exit, 2);
    shop.assert_well();
}

#[test]
fn one_key_and_one_customer_are_one_code_however_often_they_are_asked() {
    for kept in Kept::EITHER {
        let shop = pool_kept(kept, &[], 5);
        let web = token(&shop, "web", "claim");
        let mail = token(&shop, "mail", "claim");
        let hub = Hub::up(&shop);
        let body =
            |email: &str, key: &str| json!({"campaign": CAMPAIGN, "email": email, "key": key});
        let first = hub.claim(&web, &body("ana@example.org", "order-1"));
        assert_eq!(text(&first, "claim"), "assigned");
        for _ in 0..9 {
            let told = hub.claim(&web, &body("ana@example.org", "order-1"));
            assert_eq!(text(&told, "claim"), "replayed");
            assert_eq!(told["code"], first["code"]);
        }
        assert_eq!(available(&shop), 4);
        // Another customer under this key gets no answer of hers; another caller's key is its own.
        let told = hub.claim(&web, &body("ben@example.org", "order-1"));
        assert_eq!(
            (text(&told, "claim"), &told["code"]),
            ("key_conflict", &Value::Null)
        );
        let told = hub.claim(&mail, &body("ben@example.org", "order-1"));
        assert_eq!(text(&told, "claim"), "assigned");
        assert_ne!(told["code"], first["code"]);

        let together = Barrier::new(16);
        let told: Vec<Value> = thread::scope(|scope| {
            let asked: Vec<_> = (0..16)
                .map(|place| {
                    let (together, hub, web, body) = (&together, &hub, &web, &body);
                    scope.spawn(move || {
                        together.wait();
                        hub.claim(web, &body("cleo@example.org", &format!("event-{place}")))
                    })
                })
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let fresh = told.iter().filter(|told| text(told, "claim") == "assigned");
        assert_eq!(fresh.count(), 1);
        assert!(told.iter().all(|each| each["code"] == told[0]["code"]));
        assert_eq!(available(&shop), 2);
        drop(hub.end());
        shop.assert_well();
    }
}

#[test]
fn only_send_takes_a_code_and_a_refusal_is_an_answer() {
    let shop = shop_with_pool(1);
    let web = token(&shop, "web", "claim,redeem,read");
    let hub = Hub::up(&shop);
    let body = |email: &str, context: &str| {
        json!({"campaign": CAMPAIGN, "email": email, "context": context,
               "trigger": "order paid", "notes": {"order": "77"}})
    };
    for (context, word) in [
        ("preview", "preview"),
        ("forward", "forward"),
        ("view", "nothing_assigned"),
    ] {
        assert_eq!(
            text(&hub.claim(&web, &body("a@example.org", context)), "claim"),
            word
        );
        assert_eq!(available(&shop), 1, "{context}");
    }
    let given = hub.claim(&web, &body("a@example.org", "send"));
    assert_eq!(text(&given, "claim"), "assigned");
    let told = hub.claim(&web, &body("b@example.org", "send"));
    assert_eq!(
        (text(&told, "claim"), &told["code"]),
        ("pool_exhausted", &Value::Null)
    );
    let told = hub.claim(&web, &body("nobody", "send"));
    assert_eq!(text(&told, "claim"), "invalid_contact");

    let redeem = |body: Value| {
        let got = hub.ask("POST", "/v1/redemptions", Some(&web), &body.to_string());
        assert_eq!(got.status, 200, "{}", got.body);
        got.json()
    };
    let code = text(&given, "code");
    let checked = redeem(json!({"code": code, "check": true}));
    assert_eq!(text(&checked, "verdict"), "accepted");
    let key = json!({"code": code, "key": "till-1", "campaign": CAMPAIGN});
    assert_eq!(text(&redeem(key.clone()), "verdict"), "accepted");
    assert_eq!(text(&redeem(key), "verdict"), "replayed");
    let told = redeem(json!({"code": code, "key": "till-2"}));
    assert_eq!(text(&told, "verdict"), "already_redeemed");
    assert_eq!(text(&told["first"], "counter"), "token:web");

    let pools = hub.ask("GET", "/v1/pools", Some(&web), "").json();
    assert_eq!(number(&pools["pools"][0], "redeemed"), 1);
    let metrics = hub.ask("GET", "/metrics", Some(&web), "").body;
    let line = r#"counterfoil_answers_total{route="/v1/redemptions",status="200"} 4"#;
    assert!(metrics.contains(line), "{metrics}");
    drop(hub.end());
    shop.assert_well();
}

#[test]
fn what_is_malformed_is_told_and_changes_nothing() {
    let shop = shop_with_pool(1);
    let web = token(&shop, "web", "claim,redeem");
    let hub = Hub::up(&shop);
    let long = format!(r#"{{"code":"{}"}}"#, "A".repeat(9000));
    let more = [("/v1/redemptions", long.as_str(), 422)];
    for (path, body, status) in MALFORMED.into_iter().chain(more) {
        let got = hub.ask("POST", path, Some(&web), body);
        assert_eq!(got.status, status, "{path} {body}: {}", got.body);
        assert!(!got.error().is_empty());
    }
    drop(hub.end());
    assert_eq!(available(&shop), 1);
    assert_eq!(shop.redeem("SHOP-00000-KEEP"), "accepted");
    shop.assert_well();
}

#[test]
fn who_is_not_let_in_is_told_so_before_the_body_is_waited_for() {
    let shop = shop_with_pool(1);
    let hub = Hub::up(&shop);
    let told = got(hub.send(head_of("POST", "/v1/claims", Some("cft_x"), 9).as_bytes())).unwrap();
    assert_eq!(told.status, 401);
    let healthy = hub.ask("GET", "/healthz", None, "");
    assert_eq!(text(&healthy.json(), "status"), "ok");
    drop(hub.end());
}

#[test]
fn what_was_answered_before_the_end_is_in_the_ledger() {
    const CALLERS: usize = 4;
    let shop = shop_with_pool(2_000);
    let web = token(&shop, "web", "claim");
    let hub = Hub::up(&shop);
    let begun = Barrier::new(CALLERS + 1);
    let answered: Vec<Value> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (begun, address, web) = (&begun, hub.address.as_str(), web.as_str());
                scope.spawn(move || {
                    let mut answered = Vec::new();
                    for place in 0..500 {
                        let body = json!({"campaign": CAMPAIGN, "key": format!("{caller}-{place}"),
                                          "email": format!("c{caller}-{place}@example.org")});
                        let got = ask(address, "POST", "/v1/claims", Some(web), &body.to_string());
                        let Some(got) = got else { break };
                        assert_eq!(got.status, 200, "{}", got.body);
                        answered.push(got.json());
                        if place == 4 {
                            begun.wait();
                        }
                    }
                    answered
                })
            })
            .collect();
        begun.wait();
        hub.signal();
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect()
    });
    drop(hub.ended());
    assert!(answered.len() >= CALLERS * 5);
    assert!(
        answered.len() < CALLERS * 500,
        "it ended too late to cut anybody off"
    );
    let ledger = shop.look();
    for told in &answered {
        let state: i64 = ledger
            .query_row(
                "SELECT state FROM code WHERE coalesce(shown, folded) = $1",
                [text(told, "code")],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(state, 1, "{told}");
    }
    // Whatever was done and not heard: asked again under its key, it is that same act.
    let given = shop.count("SELECT count(*) FROM entry WHERE kind = 'assigned'");
    assert!(usize::try_from(given).unwrap() >= answered.len());
    shop.assert_well();
}

#[test]
fn it_listens_beyond_this_computer_only_where_that_is_asked_for() {
    let shop = shop_with_pool(1);
    let refused = shop.run(&["hub", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.exit, 2);
    assert!(
        refused.errors.contains("--plain-http"),
        "{}",
        refused.errors
    );
    let hub = Hub::up(&shop);
    let taken = shop.run(&["hub", "--listen", &hub.address]);
    assert_eq!(taken.exit, 2);
    assert!(taken.errors.contains("listening on"), "{}", taken.errors);
    drop(hub.end());
}
