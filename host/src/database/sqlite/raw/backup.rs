//! SQLite's online backup: pages go from one connection to another, while others read and write the source.

use std::ffi::c_int;
use std::ptr::NonNull;

use libsqlite3_sys as ffi;

use super::connection::{Connection, Failure};

/// A copy under way. The borrows keep both connections open and unused meanwhile.
pub(in super::super) struct Backup<'a> {
    handle: NonNull<ffi::sqlite3_backup>,
    _from: &'a Connection,
    to: &'a Connection,
}

impl<'a> Backup<'a> {
    /// Begins to copy the main database of `from` over that of `to`.
    pub(in super::super) fn begin(from: &'a Connection, to: &'a Connection) -> Result<Self, Failure> {
        // SAFETY: both connections are open, and both names end in NUL.
        let handle =
            unsafe { ffi::sqlite3_backup_init(to.handle(), c"main".as_ptr(), from.handle(), c"main".as_ptr()) };
        match NonNull::new(handle) {
            Some(handle) => Ok(Self { handle, _from: from, to }),
            // The destination keeps the error.
            None => Err(to.failure(ffi::SQLITE_ERROR)),
        }
    }

    /// Copies some pages; answers whether that were all.
    pub(in super::super) fn step(&mut self, pages: c_int) -> Result<bool, Failure> {
        // SAFETY: the copy is under way.
        match unsafe { ffi::sqlite3_backup_step(self.handle.as_ptr(), pages) } {
            ffi::SQLITE_OK => Ok(false),
            ffi::SQLITE_DONE => Ok(true),
            code => Err(Failure { code, message: self.to.failure(code).message, offset: None }),
        }
    }

    /// Pages copied, and pages in all, as of the last step.
    pub(in super::super) fn pages(&self) -> (u64, u64) {
        // SAFETY: the copy is under way.
        let (left, all) = unsafe {
            (ffi::sqlite3_backup_remaining(self.handle.as_ptr()), ffi::sqlite3_backup_pagecount(self.handle.as_ptr()))
        };
        let (left, all) = (u64::try_from(left).unwrap_or(0), u64::try_from(all).unwrap_or(0));
        (all.saturating_sub(left), all)
    }
}

impl Drop for Backup<'_> {
    fn drop(&mut self) {
        // SAFETY: the copy is under way, and ends here. An error of it was the last step's.
        unsafe { ffi::sqlite3_backup_finish(self.handle.as_ptr()) };
    }
}
