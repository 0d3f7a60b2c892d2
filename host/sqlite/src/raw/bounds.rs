//! The bounds of what SQLite does in one call, by thread: how deep it goes, and how much memory it takes.

use std::cell::Cell;

/// What must be free where SQLite asks the authorizer: enough for the deepest text that `nesting` lets pass, which SQLite
/// walks through without asking. The unoptimised SQLite of a debug build needs 1 KiB for a level, an optimised one a third.
pub(super) const RESERVE: usize = 10 << 20;

/// What must be free where SQLite allocates memory. Functions that walk through a statement without allocating follow; and a
/// chain of views takes time with the third power of its length: 2,000 of them, which this lets pass, 4 s, and 8,000 minutes.
const LAST: usize = 12 << 20;

/// No connection is working on this thread.
const NOT_COUNTED: i64 = -1;

/// Which bound a statement exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// The stack.
    Stack,
    /// The memory of a component's statements, with the bytes that SQLite may hold.
    Memory(i64),
}

thread_local! {
    /// The lowest address of the stack on which SQLite runs; 0: it does not run.
    static BOTTOM: Cell<usize> = const { Cell::new(0) };
    /// What the present call exceeded.
    static EXCEEDED: Cell<Option<Exceeded>> = const { Cell::new(None) };
    /// Bytes that the connection that is working holds.
    static HELD: Cell<i64> = const { Cell::new(0) };
    /// Bytes that it may hold; `NOT_COUNTED` while none is working.
    static MOST: Cell<i64> = const { Cell::new(NOT_COUNTED) };
}

/// Whether this thread is running SQLite on our own stack.
#[inline]
pub(super) fn is_on() -> bool {
    BOTTOM.get() != 0
}

/// Records that the present call exceeded a bound.
#[cold]
pub(super) fn exceed(what: Exceeded) {
    EXCEEDED.set(EXCEEDED.get().or(Some(what)));
}

/// What the present call exceeded, if it is not yet reported.
#[inline]
pub(super) fn exceeded() -> Option<Exceeded> {
    EXCEEDED.get()
}

/// What the present call has exceeded from here on: nothing, or what another thread exceeded in its place.
pub(super) fn set_exceeded(what: Option<Exceeded>) {
    EXCEEDED.set(what);
}

/// Returns what the present or the last call exceeded, once.
pub(super) fn take_exceeded() -> Option<Exceeded> {
    EXCEEDED.take()
}

/// Whether too little stack is left where SQLite asks the authorizer.
pub(super) fn is_short() -> bool {
    is_below(RESERVE)
}

#[inline]
fn is_below(reserve: usize) -> bool {
    let bottom = BOTTOM.get();
    bottom != 0 && here() < bottom.saturating_add(reserve)
}

/// An address on the present stack.
#[inline(always)]
pub(super) fn here() -> usize {
    let marker = 0u8;
    std::hint::black_box(&raw const marker).addr()
}

/// Marks the stack until it is dropped.
pub(super) struct On;

impl On {
    pub(super) fn new(bottom: usize) -> Self {
        BOTTOM.set(bottom.max(1));
        Self
    }
}

impl Drop for On {
    fn drop(&mut self) {
        BOTTOM.set(0);
    }
}

/// The bytes that a connection holds and may hold, of this thread or handed to another that works in its place.
#[derive(Clone, Copy)]
pub(super) struct Counter {
    pub held: i64,
    pub most: i64,
}

impl Counter {
    pub(super) fn of_thread() -> Self {
        Self { held: HELD.get(), most: MOST.get() }
    }

    pub(super) fn apply(self) {
        HELD.set(self.held);
        MOST.set(self.most);
    }

    /// Ends the counting on this thread, and returns the bytes that the connection holds.
    pub(super) fn end() -> i64 {
        MOST.set(NOT_COUNTED);
        HELD.get()
    }
}

/// Whether the memory of a connection is counted on this thread.
#[inline]
pub(super) fn is_counted() -> bool {
    MOST.get() != NOT_COUNTED
}

/// Whether SQLite may take these bytes, or gives them back; counts them if so.
#[inline]
pub(super) fn take(bytes: i64) -> bool {
    let most = MOST.get();
    if most == NOT_COUNTED {
        return true;
    }
    if bytes > 0 && is_below(LAST) {
        exceed(Exceeded::Stack);
        return false;
    }
    let held = HELD.get() + bytes;
    if bytes > 0 && held > most {
        exceed(Exceeded::Memory(most));
        return false;
    }
    HELD.set(held);
    true
}
