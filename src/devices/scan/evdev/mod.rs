//! A scanner that types, taken for the console alone: past the terminal, past the keyboard's layout.
//!
//! Invariant: only a device that somebody named is opened, and it is read only once it is ours alone;
//! a scan would otherwise come twice. Closing it gives it back, also where the program is killed.
//! Invariant: what came before an unplug without its end is dropped.
//! Tried with recorded events through a pipe; not with a device of its own.

pub mod keys;

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ::evdev::KeyCode;
use ::evdev::raw_stream::RawDevice;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::devices::rights::group_of;
use crate::devices::scan::evdev::keys::{Decoder, EVENT_BYTES, KeyEvent};
use crate::devices::scan::framing::Framer;
use crate::devices::scan::input::{Input, ScanNotice};
use crate::devices::scan::serial::{Retry, ScannerHealth, SerialReport, Worth};

/// Where udev names keyboards so that the name stays.
const BY_ID: &str = "/dev/input/by-id";

/// How long a stop may take; a scan that was spoiled ends with such a silence too.
const WAIT_MAX: Duration = Duration::from_millis(100);

const EVENTS_MAX: usize = 64;

/// Keyboards, and scanners that are such, by the names that stay.
pub fn list() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(BY_ID)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with("-event-kbd"))
        .collect();
    found.sort();
    found
}

/// Whether a name says that it is a scanner: makers, and what they call them.
pub fn looks_like_a_scanner(path: &Path) -> bool {
    const WORDS: [&str; 16] = [
        "scan",
        "barcode",
        "bar_code",
        "honeywell",
        "metrologic",
        "zebra",
        "symbol",
        "datalogic",
        "newland",
        "opticon",
        "netum",
        "tera",
        "inateck",
        "hand_held",
        "unitech",
        "mindeo",
    ];
    let name = path.to_string_lossy().to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// The thread that reads an exclusive scanner. Dropping this stops it.
#[derive(Debug)]
pub struct ExclusiveScanner {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl ExclusiveScanner {
    /// Starts the thread. It ends when `report` returns false or when it is stopped, and opens
    /// the device again and again until then.
    pub fn spawn<F>(path: PathBuf, report: F) -> io::Result<Self>
    where
        F: FnMut(SerialReport) -> bool + Send + 'static,
    {
        Self::spawn_with(path, take, report)
    }

    fn spawn_with<D, O, F>(path: PathBuf, open: O, report: F) -> io::Result<Self>
    where
        D: AsFd,
        O: FnMut(&Path) -> Result<D, ScannerHealth> + Send + 'static,
        F: FnMut(SerialReport) -> bool + Send + 'static,
    {
        let (stop, stopped) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("exclusive scanner".to_owned())
            .spawn(move || {
                let reader = Reader {
                    path,
                    open,
                    stopped,
                    report,
                    health: None,
                };
                reader.run();
            })?;
        Ok(Self { stop, thread })
    }

    /// Stops the thread and waits for it. Drop the receiver of its reports first, if sending
    /// them can block.
    pub fn stop(self) {
        drop(self.stop);
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

/// Opens the device and takes it; its `Drop` is the descriptor's, which says nothing on the terminal.
fn take(path: &Path) -> Result<RawDevice, ScannerHealth> {
    let mut device = RawDevice::open(path).map_err(|error| health_of(&error, path))?;
    let is_keyboard = device
        .supported_keys()
        .is_some_and(|keys| keys.contains(KeyCode::KEY_1) && keys.contains(KeyCode::KEY_ENTER));
    if !is_keyboard {
        return Err(ScannerHealth::Failed("it types no text".to_owned()));
    }
    device.grab().map_err(|error| health_of(&error, path))?;
    Ok(device)
}

fn health_of(error: &io::Error, path: &Path) -> ScannerHealth {
    let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
    if is(Errno::NOENT) || is(Errno::NODEV) {
        ScannerHealth::Missing
    } else if is(Errno::ACCESS) || is(Errno::PERM) {
        ScannerHealth::NoPermission {
            group: group_of(path, "input"),
        }
    } else if is(Errno::BUSY) {
        ScannerHealth::HeldByAnother
    } else {
        ScannerHealth::Failed(error.to_string())
    }
}

struct Reader<O, F> {
    path: PathBuf,
    open: O,
    stopped: Receiver<()>,
    report: F,
    health: Option<ScannerHealth>,
}

/// The thread is to end.
struct Stop;

impl<D, O, F> Reader<O, F>
where
    D: AsFd,
    O: FnMut(&Path) -> Result<D, ScannerHealth>,
    F: FnMut(SerialReport) -> bool,
{
    fn run(mut self) {
        // Ending is all there is to do about a stop.
        self.try_run().err();
    }

    fn try_run(&mut self) -> Result<(), Stop> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this thread owns the device and times its keys"
        )]
        let start = Instant::now();
        let mut retry = Retry::default();
        self.tell(ScannerHealth::Opening)?;
        loop {
            match (self.open)(&self.path) {
                Ok(device) => {
                    retry = Retry::default();
                    let product = Some("exclusive".to_owned());
                    self.tell(ScannerHealth::Ready { product })?;
                    self.read_until_gone(device.as_fd(), start)?;
                    self.tell(ScannerHealth::Missing)?;
                }
                Err(health) => {
                    if retry.fail(&health, start.elapsed()) == Worth::Telling {
                        self.tell(health)?;
                    }
                }
            }
            match self.stopped.recv_timeout(retry.wait()) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Err(Stop),
            }
        }
    }

    fn read_until_gone(&mut self, device: BorrowedFd<'_>, start: Instant) -> Result<(), Stop> {
        let mut framer = Framer::serial();
        let mut decoder = Decoder::default();
        let mut buffer = [0; EVENT_BYTES * EVENTS_MAX];
        loop {
            let wait = framer.next_deadline().map_or(WAIT_MAX, |deadline| {
                deadline.saturating_sub(start.elapsed()).min(WAIT_MAX)
            });
            let mut inputs = Vec::new();
            match read(device, wait, &mut buffer) {
                Ok(None) => {
                    decoder.silence();
                    framer.tick(start.elapsed(), &mut inputs);
                }
                Ok(Some(bytes)) => {
                    let mut typed = Vec::new();
                    for event in bytes.chunks(EVENT_BYTES).filter_map(KeyEvent::parse) {
                        let was_spoiled = decoder.is_spoiled();
                        decoder.feed(event, &mut typed);
                        if decoder.is_spoiled() && !was_spoiled {
                            // What came of this scan before is not the whole of it.
                            framer = Framer::serial();
                            typed.clear();
                            inputs.push(Input::Notice(ScanNotice::Garbage));
                        }
                    }
                    if !typed.is_empty() {
                        framer.feed(&typed, framer.arrival(start.elapsed()), &mut inputs);
                    }
                }
                Err(_) => return Ok(()),
            }
            if !inputs.is_empty() && !(self.report)(SerialReport::Inputs(inputs)) {
                return Err(Stop);
            }
            match self.stopped.try_recv() {
                Err(TryRecvError::Empty) => {}
                Ok(()) | Err(TryRecvError::Disconnected) => return Err(Stop),
            }
        }
    }

    fn tell(&mut self, health: ScannerHealth) -> Result<(), Stop> {
        if self.health.as_ref() == Some(&health) {
            return Ok(());
        }
        self.health = Some(health.clone());
        if (self.report)(SerialReport::Health(health)) {
            Ok(())
        } else {
            Err(Stop)
        }
    }
}

/// Reads once; none: nothing came in time.
fn read<'a>(
    device: BorrowedFd<'_>,
    wait: Duration,
    buffer: &'a mut [u8],
) -> Result<Option<&'a [u8]>, Errno> {
    let mut fds = [PollFd::from_borrowed_fd(device, PollFlags::IN)];
    // Rounded up to a microsecond, or the thread would wake just before its deadline.
    let wait = Timespec::try_from(wait + Duration::from_micros(1)).ok();
    match poll(&mut fds, wait.as_ref()) {
        Ok(0) | Err(Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(errno) => return Err(errno),
    }
    match rustix::io::read(device, &mut *buffer) {
        Ok(0) => Err(Errno::NODEV),
        Ok(count) => Ok(Some(buffer.get(..count).unwrap_or_default())),
        Err(Errno::INTR | Errno::AGAIN) => Ok(Some(&[])),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::devices::scan::input::{Scan, ScanFlags};

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Events as the kernel writes them, recorded key by key: `(type, code, value)`.
    fn recorded(events: &[(u16, u16, i32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, code, value) in events {
            bytes.extend([0; 2 * size_of::<usize>()]);
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(code.to_ne_bytes());
            bytes.extend(value.to_ne_bytes());
        }
        bytes
    }

    /// Keys pressed and let go, each with its scan code and report as a USB keyboard sends them.
    fn taps(codes: &[u16]) -> Vec<u8> {
        let events: Vec<(u16, u16, i32)> = codes
            .iter()
            .flat_map(|code| {
                let code = *code;
                [
                    (4, 4, 0x0007_0004),
                    (1, code, 1),
                    (0, 0, 0),
                    (1, code, 0),
                    (0, 0, 0),
                ]
            })
            .collect();
        recorded(&events)
    }

    fn next_scan(reports: &Receiver<SerialReport>) -> String {
        loop {
            match reports.recv_timeout(PATIENCE).unwrap() {
                SerialReport::Inputs(inputs) => {
                    let [Input::Scan(Scan { bytes, flags, .. })] = &inputs[..] else {
                        panic!("{inputs:?}");
                    };
                    assert_eq!(*flags, ScanFlags::NONE);
                    return String::from_utf8(bytes.clone()).unwrap();
                }
                SerialReport::Health(_) => {}
            }
        }
    }

    #[test]
    fn keys_through_a_pipe_are_scans_and_an_unplug_drops_what_was_begun() {
        let (first, mut first_keys) = io::pipe().unwrap();
        let (second, mut second_keys) = io::pipe().unwrap();
        let mut devices = vec![second, first];
        let (send, reports) = sync_channel(16);
        let scanner = ExclusiveScanner::spawn_with(
            PathBuf::from("/dev/input/none"),
            move |_: &Path| devices.pop().ok_or(ScannerHealth::Missing),
            move |report| send.send(report).is_ok(),
        )
        .unwrap();
        // "abc", in two writes that part an event's keys, then Enter; then a begun scan and an unplug.
        first_keys.write_all(&taps(&[30, 48])).unwrap();
        first_keys.write_all(&taps(&[46, 28])).unwrap();
        assert_eq!(next_scan(&reports), "abc");
        first_keys.write_all(&taps(&[30, 30])).unwrap();
        drop(first_keys);
        second_keys.write_all(&taps(&[2, 3, 28])).unwrap();
        assert_eq!(next_scan(&reports), "12");
        drop(reports);
        scanner.stop();
    }

    #[test]
    fn what_cannot_be_taken_is_said() {
        let path = Path::new("/dev/input/none");
        let of = |errno: Errno| health_of(&io::Error::from(errno), path);
        assert_eq!(take(path).err(), Some(ScannerHealth::Missing));
        assert_eq!(of(Errno::NODEV), ScannerHealth::Missing);
        assert_eq!(of(Errno::BUSY), ScannerHealth::HeldByAnother);
        let group = "input".to_owned();
        assert_eq!(of(Errno::ACCESS), ScannerHealth::NoPermission { group });
        // A file that is no input device.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(take(&file), Err(ScannerHealth::Failed(_))));
    }

    #[test]
    fn scanners_are_told_from_keyboards_by_their_names() {
        for (name, is_scanner) in [
            ("usb-Honeywell_Scanning_Xenon_1900-event-kbd", true),
            ("usb-SCANNER_SCANNER_08FF20150112-event-kbd", true),
            ("usb-Logitech_USB_Keyboard-event-kbd", false),
        ] {
            assert_eq!(looks_like_a_scanner(Path::new(name)), is_scanner, "{name}");
        }
    }
}
