//! The authorizer, the progress handler and the busy handler of a connection.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libsqlite3_sys as ffi;

/// What a statement wants to do, asked while it is prepared. The meaning of the arguments depends on the action; see
/// <https://sqlite.org/c3ref/c_alter_table.html>.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct AuthRequest<'a> {
    pub action: c_int,
    pub first: Option<&'a str>,
    pub second: Option<&'a str>,
    /// `main`, `temp` or the name of an attached database, where the action is about one.
    pub database: Option<&'a str>,
    /// The innermost trigger or view that asks.
    pub accessor: Option<&'a str>,
}

/// What the connection asks us while it works.
pub(in super::super) trait Hooks: Send {
    /// Whether a statement may do this.
    fn authorize(&self, request: &AuthRequest<'_>) -> bool;

    /// Whether the statement under way is to end.
    fn interrupted(&self) -> bool;

    /// Whether to try again for what another connection holds, after a pause that is made in here. `count` is how often
    /// the same wait has come by before.
    fn wait_again(&self, count: u32) -> bool;
}

/// Virtual machine instructions between two looks at the stop signal.
const PROGRESS_INSTRUCTIONS: c_int = 10_000;

/// Hooks at a fixed address, registered with one connection.
pub(super) struct Registered {
    database: *mut ffi::sqlite3,
    // The outer box keeps the address of the inner, fat one.
    state: *mut Box<dyn Hooks>,
}

impl Registered {
    /// Registers the hooks.
    ///
    /// # Safety
    /// `database` is an open connection that outlives the answer.
    pub(super) unsafe fn new(database: *mut ffi::sqlite3, hooks: Box<dyn Hooks>) -> Self {
        let state = Box::into_raw(Box::new(hooks));
        // SAFETY: the connection is open; `state` lives until `drop`, which unregisters first.
        unsafe {
            ffi::sqlite3_set_authorizer(database, Some(authorize), state.cast());
            ffi::sqlite3_progress_handler(database, PROGRESS_INSTRUCTIONS, Some(interrupted), state.cast());
            ffi::sqlite3_busy_handler(database, Some(wait_again), state.cast());
        }
        Self { database, state }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the connection is still open (see `new`); after the three calls nobody knows `state`, which came from a box.
        unsafe {
            ffi::sqlite3_set_authorizer(self.database, None, std::ptr::null_mut());
            ffi::sqlite3_progress_handler(self.database, 0, None, std::ptr::null_mut());
            ffi::sqlite3_busy_handler(self.database, None, std::ptr::null_mut());
            drop(Box::from_raw(self.state));
        }
    }
}

/// SAFETY (for callers in C): the text is null or ends in NUL and lives as long as the call.
unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: see above. SQLite speaks UTF-8; a name that is none is shown as one that no rule matches.
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
    // SAFETY: `state` is what `Registered::new` gave, still registered; SQLite's texts live during the call.
    let allowed = unsafe {
        let hooks = &*state.cast::<Box<dyn Hooks>>();
        let request = AuthRequest {
            action,
            first: text(first),
            second: text(second),
            database: text(database),
            accessor: text(accessor),
        };
        catch_unwind(AssertUnwindSafe(|| hooks.authorize(&request))).unwrap_or(false)
    };
    if allowed { ffi::SQLITE_OK } else { ffi::SQLITE_DENY }
}

unsafe extern "C" fn interrupted(state: *mut c_void) -> c_int {
    // SAFETY: as in `authorize`.
    let hooks = unsafe { &*state.cast::<Box<dyn Hooks>>() };
    c_int::from(catch_unwind(AssertUnwindSafe(|| hooks.interrupted())).unwrap_or(true))
}

unsafe extern "C" fn wait_again(state: *mut c_void, count: c_int) -> c_int {
    // SAFETY: as in `authorize`.
    let hooks = unsafe { &*state.cast::<Box<dyn Hooks>>() };
    let count = u32::try_from(count).unwrap_or(0);
    c_int::from(catch_unwind(AssertUnwindSafe(|| hooks.wait_again(count))).unwrap_or(false))
}
