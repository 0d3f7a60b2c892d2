//! Registers functions of SQL.

use std::ffi::{CStr, c_int, c_void};

use rusqlite::ffi;

/// What SQLite calls for a function: its context, and the number and values of its arguments.
pub(super) type Callback = unsafe extern "C" fn(*mut ffi::sqlite3_context, c_int, *mut *mut ffi::sqlite3_value);

/// Registers a function with a state, which is dropped when the connection closes, on whatever thread closes it, when the function
/// is replaced, or when this fails.
///
/// # Errors
/// The result code of SQLite.
///
/// # Safety
/// `database` is an open connection. `call` takes its state for a `&S`, and does not unwind.
pub(super) unsafe fn register<S: Send + 'static>(
    database: *mut ffi::sqlite3,
    (name, arguments): (&CStr, c_int),
    flags: c_int,
    state: S,
    call: Callback,
) -> Result<(), c_int> {
    unsafe extern "C" fn free<S>(state: *mut c_void) {
        // SAFETY: `state` came from `Box::into_raw` below, and SQLite calls this once.
        drop(unsafe { Box::from_raw(state.cast::<S>()) });
    }
    let state = Box::into_raw(Box::new(state)).cast();
    let flags = ffi::SQLITE_UTF8 | flags;
    let free = Some(free::<S> as _);
    // SAFETY: as above; the name ends in NUL, and SQLite passes `state` to `free` exactly once.
    let code = unsafe {
        ffi::sqlite3_create_function_v2(database, name.as_ptr(), arguments, flags, state, Some(call), None, None, free)
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(code) }
}
