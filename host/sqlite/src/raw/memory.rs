//! The memory that SQLite takes for a component.
//!
//! One statement can make SQLite take any amount: for a row of large values, for text that it assembles, for views that
//! multiply when they are expanded. SQLite's own limit on memory is one for the process and takes a lock at every
//! allocation. So the allocator is wrapped, once for the process: what a connection holds is counted while it works, and a
//! component's statement that goes beyond its account gets no more. SQLite then fails with `SQLITE_NOMEM` and undoes the
//! statement.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::ffi;

use super::bounds::{self, Counter};
use super::stack;
use runner_database::StopSignal;
use runner_database::in_process::Calls;

/// There is no limit.
const UNLIMITED: i64 = i64::MAX;

/// SQLite's own allocator.
static ORIGINAL: OnceLock<Allocator> = OnceLock::new();

struct Allocator {
    allocate: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    reallocate: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

/// Wraps SQLite's allocator.
///
/// # Safety
/// No other thread uses SQLite meanwhile. Without effect once SQLite has been initialised.
pub(super) unsafe fn wrap_allocator() {
    let mut methods = MaybeUninit::<ffi::sqlite3_mem_methods>::zeroed();
    // SAFETY: as above. The option takes a pointer to the methods and fills them in.
    let code = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, methods.as_mut_ptr()) };
    if code != ffi::SQLITE_OK {
        return;
    }
    // SAFETY: zeroed, which is a valid value of a struct of optional functions and a pointer, and then filled in.
    let mut methods = unsafe { methods.assume_init() };
    let (Some(allocate), Some(free), Some(reallocate), Some(size)) =
        (methods.xMalloc, methods.xFree, methods.xRealloc, methods.xSize)
    else {
        return;
    };
    if ORIGINAL.set(Allocator { allocate, free, reallocate, size }).is_err() {
        return;
    }
    methods.xMalloc = Some(counted_allocate);
    methods.xFree = Some(counted_free);
    methods.xRealloc = Some(counted_reallocate);
    // SAFETY: as above. SQLite copies the methods, which differ from working ones only in what they count and refuse.
    unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut methods) };
}

unsafe extern "C" fn counted_allocate(bytes: c_int) -> *mut c_void {
    let Some(original) = ORIGINAL.get() else { return std::ptr::null_mut() };
    if !bounds::take(i64::from(bytes)) {
        return std::ptr::null_mut();
    }
    // SAFETY: the arguments that SQLite passes, handed on.
    unsafe { (original.allocate)(bytes) }
}

unsafe extern "C" fn counted_free(memory: *mut c_void) {
    let Some(original) = ORIGINAL.get() else { return };
    // SAFETY: SQLite passes what it was given and has not freed.
    unsafe {
        if bounds::is_counted() {
            bounds::take(-i64::from((original.size)(memory)));
        }
        (original.free)(memory);
    }
}

unsafe extern "C" fn counted_reallocate(memory: *mut c_void, bytes: c_int) -> *mut c_void {
    let Some(original) = ORIGINAL.get() else { return std::ptr::null_mut() };
    // SAFETY: as in `counted_free`.
    unsafe {
        if bounds::is_counted() && !bounds::take(i64::from(bytes) - i64::from((original.size)(memory))) {
            return std::ptr::null_mut();
        }
        (original.reallocate)(memory, bytes)
    }
}

/// What a connection holds and may hold.
#[derive(Debug)]
pub(crate) struct Account {
    held: AtomicI64,
    /// What it held when the present transaction began.
    before: AtomicI64,
    most: AtomicI64,
    calls: Arc<Calls>,
}

impl Default for Account {
    fn default() -> Self {
        let most = AtomicI64::new(UNLIMITED);
        Self { held: AtomicI64::new(0), before: AtomicI64::new(0), most, calls: Calls::new() }
    }
}

impl Account {
    /// From here on, limits apply to what is taken in addition.
    pub(crate) fn begin(&self) {
        self.before.store(self.held.load(Ordering::Relaxed).max(0), Ordering::Relaxed);
    }

    /// Lets the connection hold this much more than when `begin` was called; `None`: without a limit.
    pub(crate) fn limit(&self, more: Option<usize>) {
        let more = more.and_then(|more| i64::try_from(more).ok());
        let most = more.map_or(UNLIMITED, |more| self.before.load(Ordering::Relaxed).saturating_add(more));
        self.most.store(most, Ordering::Relaxed);
    }

    /// From here on, calls are for a migration that this stops: see [`Calls::serve`].
    pub(crate) fn serve(&self, stop: StopSignal) {
        self.calls.serve(stop);
    }

    /// Runs `work`, which calls SQLite for this connection, on a stack that is large enough, and counts its memory.
    #[inline]
    pub(crate) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        if bounds::is_on() { work() } else { self.enter(work) }
    }

    fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        /// Ends the counting, also on a panic.
        struct Counting<'a>(&'a Account);
        impl Drop for Counting<'_> {
            fn drop(&mut self) {
                self.0.held.store(Counter::end(), Ordering::Relaxed);
                self.0.calls.turn();
            }
        }
        self.calls.turn();
        Counter { held: self.held.load(Ordering::Relaxed), most: self.most.load(Ordering::Relaxed) }.apply();
        let _counting = Counting(self);
        stack::on_stack(work)
    }
}
