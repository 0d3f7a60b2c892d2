//! What a component's statements see of time and chance: `random()`, `randomblob()` and the current time follow from
//! the inputs of its run, and the local time is UTC. The host's statements, and those of migrations in SQL, get the
//! real ones.
//!
//! The time is fixed below SQLite's functions, in the file system layer (VFS) that they ask, so that the functions, their
//! arguments and the defaults of columns stay SQLite's own. The layer is a copy of the default one with another clock.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::ffi;

use super::register::{Callback, register};
use runner_database::FixedInputs;

/// The name of our VFS.
const VFS: &CStr = c"runner";

/// 1970-01-01T00:00:00Z in milliseconds of the Julian day, as SQLite counts time.
const EPOCH: i64 = 210_866_760_000_000;

thread_local! {
    /// The time that this thread's statements see, in milliseconds of the Julian day; `None`: the real time.
    static NOW: Cell<Option<i64>> = const { Cell::new(None) };
}

/// The default VFS, which ours is a copy of.
struct DefaultVfs(*mut ffi::sqlite3_vfs);

// SAFETY: SQLite never changes or frees a registered VFS, and calls its functions from any thread.
unsafe impl Send for DefaultVfs {}
// SAFETY: as above.
unsafe impl Sync for DefaultVfs {}

static DEFAULT: OnceLock<Option<DefaultVfs>> = OnceLock::new();

/// Registers the VFS once and returns its name; `None` if the default one has no clock that can be replaced.
pub(crate) fn vfs() -> Option<&'static str> {
    let registered = DEFAULT.get_or_init(|| {
        // SAFETY: looking up the default VFS initialises SQLite; the result lives as long as the process.
        let default = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        // SAFETY: null, or a registered VFS.
        let found = unsafe { default.as_ref() }?;
        if found.iVersion < 2 || found.xCurrentTimeInt64.is_none() {
            return None;
        }
        // The functions of the default VFS use only `pAppData` of what they are passed, which the copy has too.
        let copy = Box::leak(Box::new(*found));
        copy.zName = VFS.as_ptr();
        copy.pNext = ptr::null_mut();
        copy.xCurrentTimeInt64 = Some(current_time);
        copy.xCurrentTime = Some(current_time_in_days);
        // SAFETY: the copy is never freed, and complete: it differs from a working VFS in its name and its clock.
        let code = unsafe { ffi::sqlite3_vfs_register(copy, 0) };
        #[cfg(unix)]
        // SAFETY: the arguments are those of this operation; 2: with a function in place of `localtime_r`.
        unsafe {
            ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_LOCALTIME_FAULT, 2 as c_int, local_time as LocalTime);
        }
        (code == ffi::SQLITE_OK).then_some(DefaultVfs(default))
    });
    registered.as_ref().and_then(|_| VFS.to_str().ok())
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, time: *mut ffi::sqlite3_int64) -> c_int {
    if let Some(fixed) = NOW.get() {
        // SAFETY: SQLite passes a valid pointer.
        unsafe { *time = fixed };
        return ffi::SQLITE_OK;
    }
    let Some(Some(DefaultVfs(default))) = DEFAULT.get() else { return ffi::SQLITE_ERROR };
    // SAFETY: the default VFS was checked to have this function, and `time` is passed on.
    unsafe { (**default).xCurrentTimeInt64.map_or(ffi::SQLITE_ERROR, |real| real(*default, time)) }
}

/// What SQLite calls for the modifiers `localtime` and `utc`.
#[cfg(unix)]
type LocalTime = unsafe extern "C" fn(*const c_void, *mut c_void) -> c_int;

/// The local time is UTC where the time is fixed: the zone of a machine is not one of a run's inputs.
#[cfg(unix)]
unsafe extern "C" fn local_time(seconds: *const c_void, fields: *mut c_void) -> c_int {
    let (seconds, fields) = (seconds.cast::<libc::time_t>(), fields.cast::<libc::tm>());
    // SAFETY: SQLite passes valid pointers to these types.
    let done = unsafe {
        match NOW.get() {
            Some(_) => libc::gmtime_r(seconds, fields),
            None => libc::localtime_r(seconds, fields),
        }
    };
    c_int::from(done.is_null())
}

unsafe extern "C" fn current_time_in_days(vfs: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    let mut time = 0;
    // SAFETY: the pointer is valid.
    let code = unsafe { current_time(vfs, &mut time) };
    if code == ffi::SQLITE_OK {
        // SAFETY: SQLite passes a valid pointer.
        unsafe { *days = time as f64 / 86_400_000.0 };
    }
    code
}

/// The fixed inputs of a connection, shared with its functions.
#[derive(Default)]
pub(crate) struct Fixed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Whether the present role gets the fixed inputs.
    applies: AtomicBool,
    /// The time in milliseconds of the Julian day; 0 before the inputs were set.
    now: AtomicI64,
    /// An endless sequence of bytes; `None` before the inputs were set.
    random: Mutex<Option<blake3::OutputReader>>,
}

/// Gives this thread the fixed time until it is dropped.
pub(super) struct FixedTime {
    is_set: bool,
}

impl Drop for FixedTime {
    #[inline]
    fn drop(&mut self) {
        if self.is_set {
            NOW.set(None);
        }
    }
}

impl Fixed {
    /// Sets what the statements of a component see from now on.
    pub(crate) fn set(&self, inputs: &FixedInputs) {
        self.0.now.store(inputs.time.div_euclid(1_000).saturating_add(EPOCH), Ordering::Relaxed);
        let random = blake3::Hasher::new_keyed(&inputs.seed).finalize_xof();
        *self.0.random.lock().unwrap_or_else(PoisonError::into_inner) = Some(random);
    }

    /// Whether statements from now on are those of a component.
    pub(crate) fn apply(&self, yes: bool) {
        self.0.applies.store(yes, Ordering::Relaxed);
    }

    /// Fixes the time for what this thread runs, if that applies.
    #[inline]
    pub(super) fn time(&self) -> FixedTime {
        let is_set = self.0.applies.load(Ordering::Relaxed);
        if is_set {
            NOW.set(Some(self.0.now.load(Ordering::Relaxed)).filter(|now| *now != 0));
        }
        FixedTime { is_set }
    }

    /// Registers `random()` and `randomblob()`.
    ///
    /// # Errors
    /// The result code of SQLite.
    ///
    /// # Safety
    /// `database` is an open connection.
    pub(super) unsafe fn replace_random(&self, database: *mut ffi::sqlite3) -> Result<(), c_int> {
        let functions: [(&CStr, c_int, Callback); 2] = [(c"random", 0, random), (c"randomblob", 1, random_blob)];
        for (name, arguments, call) in functions {
            // As harmless as the functions that they replace: the defaults of columns may call them.
            let flags = ffi::SQLITE_INNOCUOUS;
            // SAFETY: as above. Both take their state for an `&Arc<Shared>`, and do not panic.
            unsafe { register(database, (name, arguments), flags, Arc::clone(&self.0), call) }?;
        }
        Ok(())
    }
}

/// Fills the bytes from the run's sequence where that applies, else from SQLite's generator.
///
/// # Safety
/// To be called while SQLite calls a function that `replace_random` registered, with `length` bytes at `bytes`.
unsafe fn fill(context: *mut ffi::sqlite3_context, bytes: *mut u8, length: usize) {
    // SAFETY: the state is a live `Arc<Shared>`, which the connection's registration owns.
    let shared = unsafe { &*ffi::sqlite3_user_data(context).cast::<Arc<Shared>>() };
    if shared.applies.load(Ordering::Relaxed)
        && let Some(random) = &mut *shared.random.lock().unwrap_or_else(PoisonError::into_inner)
    {
        // SAFETY: the caller's bytes, which nothing else refers to, and which were zeroed.
        random.fill(unsafe { std::slice::from_raw_parts_mut(bytes, length) });
        return;
    }
    // SAFETY: as above; the length was checked to fit.
    unsafe { ffi::sqlite3_randomness(c_int::try_from(length).unwrap_or(c_int::MAX), bytes.cast()) };
}

unsafe extern "C" fn random(context: *mut ffi::sqlite3_context, _: c_int, _: *mut *mut ffi::sqlite3_value) {
    let mut bytes = [0; 8];
    // SAFETY: called by SQLite; the context is valid during the call.
    unsafe { fill(context, bytes.as_mut_ptr(), bytes.len()) };
    let number = i64::from_le_bytes(bytes);
    // As SQLite does: never the number whose absolute value is not an integer.
    let number = if number < 0 { -(number & i64::MAX) } else { number };
    // SAFETY: as above.
    unsafe { ffi::sqlite3_result_int64(context, number) };
}

unsafe extern "C" fn random_blob(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    arguments: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: called by SQLite with one argument; the context is valid during the call. The memory is freed by SQLite.
    unsafe {
        let length = ffi::sqlite3_value_int64(*arguments).max(1);
        let most = ffi::sqlite3_limit(ffi::sqlite3_context_db_handle(context), ffi::SQLITE_LIMIT_LENGTH, -1);
        if length > i64::from(most) {
            return ffi::sqlite3_result_error_toobig(context);
        }
        let length = length as usize;
        let bytes = ffi::sqlite3_malloc64(length as u64).cast::<u8>();
        if bytes.is_null() {
            return ffi::sqlite3_result_error_nomem(context);
        }
        ptr::write_bytes(bytes, 0, length);
        fill(context, bytes, length);
        ffi::sqlite3_result_blob64(context, bytes.cast(), length as u64, Some(ffi::sqlite3_free));
    }
}
