//! A layer under SQLite that records and fails what it does to the files of watched folders.
//!
//! It forwards everything to the system's own layer (<https://sqlite.org/vfs.html>), shared memory
//! included; files in other folders it does not touch at all.
#![expect(
    unsafe_code,
    reason = "SQLite calls its file layer through C function pointers"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, Once};

use rusqlite::ffi;

use crate::tape::{Change, Tape};

static WATCHED: Mutex<BTreeMap<PathBuf, Arc<Tape>>> = Mutex::new(BTreeMap::new());

/// Watches the ledger in a folder from its next opening on, until [`unwatch`].
pub(crate) fn watch(folder: &Path, tape: &Arc<Tape>) {
    install();
    let mut watched = WATCHED.lock().unwrap();
    watched.insert(folder.to_owned(), Arc::clone(tape));
}

/// Files opened from now on are not watched.
pub(crate) fn unwatch(folder: &Path) {
    WATCHED.lock().unwrap().remove(folder);
}

/// A watched file: our methods, its tape, and the system's own file right behind.
#[repr(C)]
struct Watched {
    base: ffi::sqlite3_file,
    tape: *const Tape,
    name: *mut String,
}

const OWN_BYTES: usize = size_of::<Watched>();

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2: shared memory, but no memory mapping, which the ledger does without.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default layer lives for ever; ours is a copy of it that is never freed, and
        // its functions find what they need (`pAppData`) in a copy as well.
        unsafe {
            let system = ffi::sqlite3_vfs_find(ptr::null());
            let mut ours = *system;
            ours.zName = c"counterfoil-watch".as_ptr();
            ours.pNext = ptr::null_mut();
            ours.szOsFile += c_int::try_from(OWN_BYTES).expect("a small struct");
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            SYSTEM.store(system, std::sync::atomic::Ordering::Release);
            let ours = Box::leak(Box::new(ours));
            assert_eq!(ffi::sqlite3_vfs_register(ours, 1), ffi::SQLITE_OK);
        }
    });
}

static SYSTEM: std::sync::atomic::AtomicPtr<ffi::sqlite3_vfs> =
    std::sync::atomic::AtomicPtr::new(ptr::null_mut());

fn system() -> *mut ffi::sqlite3_vfs {
    SYSTEM.load(std::sync::atomic::Ordering::Acquire)
}

/// The tape of the folder that a file is in, and the file's name there.
unsafe fn tape_of(path: *const c_char) -> Option<(Arc<Tape>, String)> {
    if path.is_null() {
        return None;
    }
    // SAFETY: SQLite hands over a NUL-terminated path.
    let path = Path::new(unsafe { CStr::from_ptr(path) }.to_str().ok()?);
    let watched = WATCHED.lock().unwrap();
    let tape = watched.get(path.parent()?)?;
    Some((Arc::clone(tape), path.file_name()?.to_str()?.to_owned()))
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: `file` has room for `szOsFile` bytes, ours and the system's behind them; both are
    // made of pointers and integers, so the offset keeps the alignment.
    unsafe {
        let open = (*system()).xOpen.expect("a layer that opens");
        let Some((tape, name)) = tape_of(path) else {
            return open(system(), path, file, flags, out_flags);
        };
        let real = file.cast::<u8>().add(OWN_BYTES).cast();
        let watched = file.cast::<Watched>();
        let code = open(system(), path, real, flags, out_flags);
        if code == ffi::SQLITE_OK {
            (*watched).base.pMethods = &raw const METHODS;
            (*watched).tape = Arc::into_raw(tape);
            (*watched).name = Box::into_raw(Box::new(name));
        } else {
            (*watched).base.pMethods = ptr::null();
        }
        code
    }
}

unsafe extern "C" fn delete(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: forwarded as it came.
    unsafe {
        if let Some((tape, name)) = tape_of(path) {
            tape.record(&name, Change::Delete);
        }
        (*system()).xDelete.expect("a layer that deletes")(system(), path, sync_folder)
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: opened by `open` above, and closed once.
    unsafe {
        let watched = file.cast::<Watched>();
        let real: *mut ffi::sqlite3_file = real(file);
        let code = (*(*real).pMethods).xClose.expect("a method")(real);
        drop(Arc::from_raw((*watched).tape));
        drop(Box::from_raw((*watched).name));
        code
    }
}

unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: see `open`.
    unsafe { file.cast::<u8>().add(OWN_BYTES).cast() }
}

/// The tape of an open file, and its name.
unsafe fn watched<'f>(file: *mut ffi::sqlite3_file) -> (&'f Tape, &'f str) {
    // SAFETY: both live until the file is closed.
    unsafe {
        let watched = file.cast::<Watched>();
        (&*(*watched).tape, &*(*watched).name)
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: `bytes` are `count` bytes that SQLite owns.
    unsafe {
        let (tape, name) = watched(file);
        let length = usize::try_from(count).expect("a length");
        let data = std::slice::from_raw_parts(bytes.cast::<u8>(), length);
        let real = real(file);
        let write = (*(*real).pMethods).xWrite.expect("a method");
        let place = u64::try_from(offset).expect("an offset");
        if let Some(code) = tape.fails_write(name) {
            // As a disk that fills up does: a part of it is written.
            let part = length / 2;
            let code_of_part = write(real, bytes, c_int::try_from(part).unwrap(), offset);
            assert_eq!(code_of_part, ffi::SQLITE_OK);
            tape.record(name, Change::Write(place, data[..part].to_vec()));
            return code;
        }
        tape.record(name, Change::Write(place, data.to_vec()));
        write(real, bytes, count, offset)
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: forwarded as it came.
    unsafe {
        let (tape, name) = watched(file);
        tape.record(name, Change::Truncate(u64::try_from(size).expect("a size")));
        let real = real(file);
        (*(*real).pMethods).xTruncate.expect("a method")(real, size)
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: forwarded as it came.
    unsafe {
        let (tape, name) = watched(file);
        if let Some(code) = tape.fails_sync(name) {
            return code;
        }
        let real = real(file);
        let code = (*(*real).pMethods).xSync.expect("a method")(real, flags);
        tape.record(name, Change::Sync);
        code
    }
}

/// Methods that only forward.
macro_rules! forward {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $kind)*) -> $result {
            // SAFETY: forwarded as it came, to the system's own file.
            unsafe {
                let real = real(file);
                (*(*real).pMethods).$method.expect("a method")(real $(, $argument)*)
            }
        }
    )*};
}

forward! {
    read = xRead(bytes: *mut c_void, count: c_int, offset: i64) -> c_int;
    file_size = xFileSize(size: *mut i64) -> c_int;
    lock = xLock(level: c_int) -> c_int;
    unlock = xUnlock(level: c_int) -> c_int;
    check_reserved_lock = xCheckReservedLock(out: *mut c_int) -> c_int;
    file_control = xFileControl(what: c_int, argument: *mut c_void) -> c_int;
    sector_size = xSectorSize() -> c_int;
    device_characteristics = xDeviceCharacteristics() -> c_int;
    shm_map = xShmMap(page: c_int, size: c_int, extends: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier = xShmBarrier() -> ();
    shm_unmap = xShmUnmap(deletes: c_int) -> c_int;
}
