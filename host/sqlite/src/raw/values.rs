//! Values of SQLite as [`Cell`]s and back, without a copy.

use std::ffi::{CStr, c_char, c_int};

use rusqlite::ffi;

use super::cells::Cell;

/// A value of SQLite. `utf8`: whether the database stores text as UTF-8.
///
/// # Safety
/// The value is valid, and stays so and unchanged as long as the cell lives. It is read in the one way that fits its type, so no
/// later call converts, and so frees, what an earlier one returned.
#[inline(always)]
pub(super) unsafe fn cell_of<'a>(value: *mut ffi::sqlite3_value, utf8: bool) -> Cell<'a> {
    // SAFETY: as above.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Cell::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Cell::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                // In a UTF-8 database the bytes are there; asking for text would copy them to append a NUL.
                let data = if utf8 { ffi::sqlite3_value_blob(value).cast() } else { ffi::sqlite3_value_text(value) };
                Cell::Text(slice(data, ffi::sqlite3_value_bytes(value)))
            }
            ffi::SQLITE_BLOB => {
                let data = ffi::sqlite3_value_blob(value).cast();
                Cell::Blob(slice(data, ffi::sqlite3_value_bytes(value)))
            }
            _ => Cell::Null,
        }
    }
}

/// # Safety
/// The pointer is null, or points to `length` bytes that outlive `'a`.
#[inline]
unsafe fn slice<'a>(data: *const u8, length: c_int) -> &'a [u8] {
    if data.is_null() || length <= 0 {
        return &[];
    }
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(data, length as usize) }
}

/// Binds a cell.
///
/// # Safety
/// The statement is prepared. With `SQLITE_STATIC` the cell outlives the binding.
#[inline]
pub(super) unsafe fn bind(
    raw: *mut ffi::sqlite3_stmt,
    number: c_int,
    cell: Cell<'_>,
    keeping: ffi::sqlite3_destructor_type,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        match cell {
            Cell::Null => ffi::sqlite3_bind_null(raw, number),
            Cell::Integer(value) => ffi::sqlite3_bind_int64(raw, number, value),
            Cell::Real(value) => ffi::sqlite3_bind_double(raw, number, value),
            Cell::Text(text) => {
                let data = pointer(text).cast();
                ffi::sqlite3_bind_text64(raw, number, data, text.len() as u64, keeping, ffi::SQLITE_UTF8 as _)
            }
            Cell::Blob(bytes) => {
                let data = pointer(bytes).cast();
                ffi::sqlite3_bind_blob64(raw, number, data, bytes.len() as u64, keeping)
            }
        }
    }
}

/// A pointer that is not null, even to an empty text: SQLite takes null for NULL.
fn pointer(value: &[u8]) -> *const u8 {
    if value.is_empty() { c"".as_ptr().cast() } else { value.as_ptr() }
}

/// # Safety
/// The pointer is null, or its text ends in NUL and lives during the call.
pub(super) unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// Returns a cell from a function.
///
/// # Safety
/// The context is valid, and the cell outlives the run of the statement.
#[inline]
pub(super) unsafe fn answer(context: *mut ffi::sqlite3_context, cell: Cell<'_>) {
    // SAFETY: as above.
    unsafe {
        match cell {
            Cell::Null => ffi::sqlite3_result_null(context),
            Cell::Integer(number) => ffi::sqlite3_result_int64(context, number),
            Cell::Real(number) => ffi::sqlite3_result_double(context, number),
            Cell::Text(text) => ffi::sqlite3_result_text64(
                context,
                pointer(text).cast(),
                text.len() as u64,
                ffi::SQLITE_STATIC(),
                ffi::SQLITE_UTF8 as _,
            ),
            Cell::Blob(bytes) => {
                ffi::sqlite3_result_blob64(context, pointer(bytes).cast(), bytes.len() as u64, ffi::SQLITE_STATIC());
            }
        }
    }
}
