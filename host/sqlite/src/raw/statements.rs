//! Prepared statements, which their connection owns.

use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::ffi;

/// The prepared statements of a connection, which owns them.
#[derive(Default)]
pub(super) struct Statements {
    slots: RefCell<Vec<Option<NonNull<ffi::sqlite3_stmt>>>>,
    dropped: Arc<Dropped>,
}

/// Slots whose tickets were dropped.
#[derive(Default)]
struct Dropped(Mutex<Vec<usize>>);

/// A ticket for a prepared statement of a connection. It does nothing by itself: see [`Statement::activate`].
pub(crate) struct Statement {
    slot: usize,
    dropped: Arc<Dropped>,
}

impl Statements {
    /// Takes over a statement.
    ///
    /// # Safety
    /// The statement belongs to the connection of this list, and there is no other pointer to it.
    pub(super) unsafe fn add(&self, raw: NonNull<ffi::sqlite3_stmt>) -> Statement {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.iter().position(Option::is_none).unwrap_or_else(|| {
            slots.push(None);
            slots.len() - 1
        });
        slots[slot] = Some(raw);
        Statement { slot, dropped: Arc::clone(&self.dropped) }
    }

    /// Whether tickets were dropped since.
    pub(super) fn any_dropped(&self) -> bool {
        !self.dropped.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Finalizes the statements whose tickets were dropped.
    pub(super) fn finalize_dropped(&self) {
        let mut dropped = self.dropped.0.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in dropped.drain(..) {
            let statement = self.slots.borrow_mut().get_mut(slot).and_then(Option::take);
            if let Some(raw) = statement {
                // SAFETY: the connection is open. The pointer is gone from the list, and nothing borrows it: an `Active` borrows
                // its ticket, and this one's was dropped.
                unsafe { ffi::sqlite3_finalize(raw.as_ptr()) };
            }
        }
    }

    /// Finalizes all statements, before the connection closes.
    pub(super) fn finalize_all(&mut self) {
        for raw in self.slots.get_mut().drain(..).flatten() {
            // SAFETY: the connection is open, and nothing borrows the statement: an `Active` borrows its connection.
            unsafe { ffi::sqlite3_finalize(raw.as_ptr()) };
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.borrow().len()
    }

    /// The statement of a ticket.
    ///
    /// # Panics
    /// If another connection prepared it.
    pub(super) fn get(&self, ticket: &Statement) -> NonNull<ffi::sqlite3_stmt> {
        assert!(
            Arc::ptr_eq(&ticket.dropped, &self.dropped),
            "a statement is used with the connection that prepared it"
        );
        let raw = self.slots.borrow().get(ticket.slot).copied().flatten();
        raw.expect("a statement is finalized only after its ticket was dropped")
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.dropped.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}
