//! The disk by itself: how long it takes to make 4 KiB durable in place.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::figures::Times;

/// `fdatasync` of a 4 KiB overwrite.
pub(crate) struct Disk {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    per_second: f64,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} fdatasync/s, p50 {:.0?}, p99 {:.0?}",
            self.per_second, self.p50, self.p99
        )
    }
}

pub(crate) fn measure(folder: &Path) -> Disk {
    const COUNT: usize = 4000;
    const LONGEST: Duration = Duration::from_secs(4);
    let path = folder.join("disk");
    let file = File::create(&path).expect("a file on the disk");
    let page = [7_u8; 4096];
    for place in 0..256 {
        file.write_all_at(&page, place * 4096).expect("a write");
    }
    file.sync_all().expect("a sync");
    let mut times = Times::default();
    let began = Instant::now();
    for turn in 0..COUNT {
        let place = u64::try_from(turn % 256).expect("a page") * 4096;
        let at = Instant::now();
        file.write_all_at(&page, place).expect("a write");
        file.sync_data().expect("a sync");
        times.push(at.elapsed());
        if began.elapsed() > LONGEST {
            break;
        }
    }
    std::fs::remove_file(&path).expect("the file goes");
    let per_second =
        1.0 / (times.sum().as_secs_f64() / f64::from(u32::try_from(times.len()).expect("few")));
    times.sort();
    Disk {
        p50: times.at(500),
        p99: times.at(990),
        per_second,
    }
}
