//! The authorizer, the progress handler and the busy handler of a connection.
//!
//! The progress handler is that of `rusqlite`. Its authorizer panics on names that are not UTF-8, which a database file may
//! contain, and its busy handler has no state; these two are registered here.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use rusqlite::ffi;

use super::bounds::{self, Exceeded};

/// What a statement is going to do, asked while it is prepared. The meaning of the arguments depends on the action; see
/// <https://sqlite.org/c3ref/c_alter_table.html>.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthRequest<'a> {
    pub action: c_int,
    pub first: Option<&'a str>,
    pub second: Option<&'a str>,
    /// `main`, `temp` or the name of an attached database, if the action concerns one.
    pub database: Option<&'a str>,
    /// The innermost trigger or view that causes the action.
    pub accessor: Option<&'a str>,
}

/// What SQLite asks while it works.
pub(crate) trait Hooks: Send + Sync {
    /// Whether a statement may do this.
    fn authorize(&self, request: &AuthRequest<'_>) -> bool;

    /// Whether the running statement is to be interrupted.
    fn interrupted(&self) -> bool;

    /// Whether to try again to get a lock that another connection holds; pauses before it returns `true`. `count` is the number
    /// of earlier calls for the same lock.
    fn wait_again(&self, count: u32) -> bool;
}

/// Virtual machine instructions between two calls of the progress handler.
pub(super) const PROGRESS_INSTRUCTIONS: c_int = 10_000;

/// Registers the authorizer and the busy handler, or removes them.
///
/// # Safety
/// `database` is an open connection. The hooks stay alive until others are registered, or none, or the connection is closed.
pub(super) unsafe fn register(database: *mut ffi::sqlite3, hooks: Option<&Arc<Box<dyn Hooks>>>) {
    let state = hooks.map_or(ptr::null_mut(), |hooks| Arc::as_ptr(hooks).cast_mut().cast::<c_void>());
    // SAFETY: as above. Both callbacks only read `state`.
    unsafe {
        ffi::sqlite3_set_authorizer(database, hooks.map(|_| authorize as _), state);
        ffi::sqlite3_busy_handler(database, hooks.map(|_| wait_again as _), state);
    }
}

/// # Safety
/// The pointer is null, or its text ends in NUL and outlives `'a`.
unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as above. A name that is not UTF-8 is replaced by one that no rule matches.
    Some(unsafe { CStr::from_ptr(pointer) }.to_str().unwrap_or("\u{fffd}"))
}

unsafe extern "C" fn authorize(
    state: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    accessor: *const c_char,
) -> c_int {
    if bounds::is_short() {
        bounds::exceed(Exceeded::Stack);
        return ffi::SQLITE_DENY;
    }
    // SAFETY: `state` is the pointer that `register` passed, whose hooks are alive; SQLite's texts live during the call.
    let (hooks, request) = unsafe {
        let request = AuthRequest {
            action,
            first: text(first),
            second: text(second),
            database: text(database),
            accessor: text(accessor),
        };
        (&*state.cast::<Box<dyn Hooks>>(), request)
    };
    let allowed = catch_unwind(AssertUnwindSafe(|| hooks.authorize(&request))).unwrap_or(false);
    if allowed { ffi::SQLITE_OK } else { ffi::SQLITE_DENY }
}

unsafe extern "C" fn wait_again(state: *mut c_void, count: c_int) -> c_int {
    // SAFETY: as in `authorize`.
    let hooks = unsafe { &*state.cast::<Box<dyn Hooks>>() };
    let count = u32::try_from(count).unwrap_or(0);
    c_int::from(catch_unwind(AssertUnwindSafe(|| hooks.wait_again(count))).unwrap_or(false))
}
