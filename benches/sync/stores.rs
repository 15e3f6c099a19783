//! Many stores of one hub, each a node with a chain and a cursor of its own, over HTTP on this computer:
//! in every round each sends what happened at it and is told what happened at all the others.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use counterfoil::domain::wire::{Cursor, Down, HubKnown, Item, Page, UpAnswer};
use counterfoil::sync::intake::Route;

use crate::arguments::Arguments;
use crate::hub::{Hub, Kept, hello, node_of, secret_of};
use crate::line::{Line, Served};
use crate::writer::Writer;
use crate::{Times, rate};

/// Stores that call at the same moment.
const AT_ONCE: usize = 16;

struct Store {
    writer: Writer,
    line: Line,
    codes: Vec<String>,
}

#[expect(
    clippy::too_many_lines,
    reason = "a bench, told from its beginning to its end"
)]
pub(crate) fn measure(arguments: &Arguments) {
    let Arguments {
        stores: count,
        rounds,
        each,
        ..
    } = *arguments;
    let mut hub = Hub::new(&Kept::InFolder);
    let codes = hub.give_out(count * rounds * each);
    for number in 0..count {
        hub.let_in(&format!("Store {number}"), &node_of(number));
    }
    let (folder, _place) = hub.close();
    let served = Served::begin(&folder, 2 * count);
    let mut shares = codes.chunks(rounds * each);
    let stores: Vec<Mutex<Store>> = (0..count)
        .map(|number| {
            let node = node_of(number);
            Mutex::new(Store {
                line: Line::new(served.address, secret_of(&node)),
                writer: Writer::new(node),
                codes: shares.next().unwrap_or_default().to_vec(),
            })
        })
        .collect();
    // What they were told when they joined: all codes as they stood. Not measured.
    let first = first_page_only(&stores);
    for store in &stores {
        store.lock().expect("a store").writer.cursor = first;
    }
    let (mut up, mut down) = (Times::default(), Times::default());
    let (mut sent_in, mut told) = (0.0, 0);
    let began = Instant::now();
    let (_, before) = served.spent();
    for round in 0..rounds {
        let at = Instant::now();
        up.extend(
            in_turns(&stores, |store, times| {
                let batch: Vec<String> = store
                    .codes
                    .iter()
                    .skip(round * each)
                    .take(each)
                    .cloned()
                    .collect();
                let batch = store.writer.batch(&batch);
                let answer: UpAnswer = times.measure(|| store.line.ask(Route::Up.path(), &batch));
                assert_eq!(answer.welcome.acked_through, store.writer.newest());
                0
            })
            .0,
        );
        sent_in += at.elapsed().as_secs_f64();
        let (times, codes) = in_turns(&stores, |store, times| {
            let mut told = 0;
            loop {
                let page = times.measure(|| page(store));
                told += codes_in(&page);
                store.writer.cursor = page.cursor;
                if !page.more {
                    return told;
                }
            }
        });
        down.extend(times);
        told += codes;
    }
    let took = began.elapsed().as_secs_f64();
    let (peak, processor) = served.spent();
    let entries = count * rounds * each;
    println!(
        "stores, SQLite over HTTP: {count} stores, {AT_ONCE} calling at once, {rounds} rounds of {each} \
         entries up and all news down"
    );
    println!(
        "stores: uploads: {:.0} entries/s, {:.0} uploads/s; an upload {}",
        rate(entries, sent_in),
        rate(count * rounds, sent_in),
        up.shown()
    );
    println!(
        "stores: news: {:.0} codes/s told, {told} in all; a page {}",
        rate(told, took - sent_in),
        down.shown()
    );
    println!(
        "stores: the hub's memory at most {peak:.0} MiB; {:.1} s of its processor in {took:.1} s",
        processor - before
    );
}

fn page(store: &mut Store) -> Page {
    let down = Down {
        hello: hello(&store.writer.node),
        after: store.writer.cursor,
        wait_ms: 0,
        hub: HubKnown::default(),
        standing: None,
    };
    store.line.ask(Route::Down.path(), &down)
}

fn codes_in(page: &Page) -> usize {
    page.items
        .iter()
        .map(|item| match item {
            Item::Codes { codes } => codes.len(),
            Item::Campaign(_)
            | Item::Lease(_)
            | Item::Customers { .. }
            | Item::Recall { .. }
            | Item::Conflict(_)
            | Item::Operator(_) => 0,
        })
        .sum()
}

/// Where the feed ends now.
fn first_page_only(stores: &[Mutex<Store>]) -> Cursor {
    let mut store = stores.first().expect("a store").lock().expect("a store");
    loop {
        let page = page(&mut store);
        store.writer.cursor = page.cursor;
        if !page.more {
            return page.cursor;
        }
    }
}

/// Lets every store act, so many at once; how long each took, and the sum of what they answer.
fn in_turns(
    stores: &[Mutex<Store>],
    act: impl Fn(&mut Store, &mut Times) -> usize + Sync,
) -> (Times, usize) {
    let next = AtomicUsize::new(0);
    let (act, next) = (&act, &next);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(move || {
                    let (mut times, mut sum) = (Times::default(), 0);
                    while let Some(store) = stores.get(next.fetch_add(1, Ordering::Relaxed)) {
                        sum += act(&mut store.lock().expect("a store"), &mut times);
                    }
                    (times, sum)
                })
            })
            .collect();
        let mut all = (Times::default(), 0);
        for thread in threads {
            let (times, sum) = thread.join().expect("a thread");
            all.0.extend(times);
            all.1 += sum;
        }
        all
    })
}
