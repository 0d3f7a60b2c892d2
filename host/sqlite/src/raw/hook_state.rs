//! The transaction that the host holds, and the proof that it is still the same one.
//!
//! SQLite rolls a transaction back by itself: when it gets no memory, when the disk is full or fails, when a statement that
//! writes is interrupted, and where a statement, a table or a trigger says `ROLLBACK`. Whatever ran after it would commit by
//! itself, and a `SAVEPOINT` would begin a transaction that its `RELEASE` commits. SQLite's hooks report both ends of a
//! transaction, and two barriers follow from that, either of which suffices:
//!
//! * Once the transaction is lost, the connection prepares and steps nothing until the host lets go of it. Everything that
//!   reaches the database is a method of [`Connection`](super::Connection) or [`Active`](super::Active), and asks here first.
//! * SQLite asks before it commits. While the host holds a transaction, lost or not, the answer is no, unless the host
//!   itself is committing it. So letting go of it by a rollback proves that no part of it is in the database.
//!
//! To ask before each call was not enough: one call was forgotten. A driver that cannot prove that nothing remains
//! returns an error, and the run reports that something may (exit code 6).

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::ffi;

use super::failure::Failure;

/// The host holds no transaction: each statement commits by itself.
pub(super) const FREE: u8 = 0;
/// The transaction that the host began is open.
pub(super) const HELD: u8 = 1;
/// The host commits it.
pub(super) const COMMITTING: u8 = 2;
/// The host rolls it back.
pub(super) const ENDING: u8 = 3;
/// SQLite has rolled it back.
pub(super) const LOST: u8 = 4;

/// Characters of the error that ended a transaction that later errors repeat. A trigger may choose its text.
const REASON: usize = 300;

/// The state of a connection, as its hooks see it.
#[derive(Default)]
pub(super) struct HookState {
    standing: AtomicU8,
    /// The error with which SQLite rolled the transaction back.
    why: Mutex<Option<Failure>>,
}

impl HookState {
    pub(super) fn standing(&self) -> u8 {
        self.standing.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, standing: u8) {
        self.standing.store(standing, Ordering::Relaxed);
    }

    /// From here on, the host holds a transaction.
    pub(super) fn hold(&self) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.set(HELD);
    }

    /// Registers the hooks.
    ///
    /// # Safety
    /// `database` is an open connection, which is closed before the last reference to `held` is dropped.
    pub(super) unsafe fn watch(database: *mut ffi::sqlite3, held: &Arc<Self>) {
        let state = Arc::as_ptr(held).cast_mut().cast::<c_void>();
        // SAFETY: as above. Both callbacks only read `state`.
        unsafe {
            ffi::sqlite3_commit_hook(database, Some(commits), state);
            ffi::sqlite3_rollback_hook(database, Some(rolls_back), state);
        }
    }

    /// Fails if SQLite has rolled back the transaction that the host holds.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.standing() == LOST { Err(self.lost()) } else { Ok(()) }
    }

    /// Keeps the first error after SQLite rolled back, which is the reason for it.
    pub(super) fn note(&self, failure: &Failure) {
        if self.standing() == LOST {
            let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
            why.get_or_insert_with(|| failure.clone());
        }
    }

    #[cold]
    fn lost(&self) -> Failure {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // What exceeded a limit stays such an error.
        let is_limit = why.as_ref().is_some_and(|why| why.code & 0xff == ffi::SQLITE_NOMEM);
        let code = if is_limit { ffi::SQLITE_NOMEM } else { ffi::SQLITE_ABORT_ROLLBACK };
        let why = why.map(|why| why.message.trim().chars().take(REASON).collect::<String>());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        Failure {
            hint: Some(
                "nothing of it remains, and the migration cannot go on: fix the earlier error, and run it again",
            ),
            ..Failure::new(code, &format!("SQLite has rolled the transaction back after an earlier error{why}"))
        }
    }
}

/// Whether a commit becomes a rollback: not 0 means yes.
unsafe extern "C" fn commits(state: *mut c_void) -> c_int {
    // SAFETY: `state` is the pointer that `watch` passed, which outlives the connection.
    let held = unsafe { &*state.cast::<HookState>() };
    c_int::from(!matches!(held.standing(), FREE | COMMITTING))
}

unsafe extern "C" fn rolls_back(state: *mut c_void) {
    // SAFETY: as in `commits`.
    let held = unsafe { &*state.cast::<HookState>() };
    if matches!(held.standing(), HELD | COMMITTING) {
        held.set(LOST);
    }
}
