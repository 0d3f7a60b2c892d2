//! The stack on which SQLite runs.
//!
//! SQLite compiles subqueries, views, triggers and foreign-key actions recursively and does not bound that recursion:
//! its limits count the depth of an expression and of triggers that fire, not what one statement makes it compile.
//! Callers have stacks of very different sizes: a guest's fiber, a thread of an embedding program, the main thread. So
//! every call runs on our own stack, whose size is known, and three bounds fit it:
//!
//! * the nesting of a statement's text (`nesting`), checked before it is prepared;
//! * the depth at which SQLite asks the authorizer, as it does for each table of a chain of triggers or cascades: below
//!   [`RESERVE`] the answer is no;
//! * the depth at which SQLite allocates memory (`memory`), where the program has installed that: below
//!   `bounds::LAST` there is none. Chains of views need it, since SQLite does not ask the authorizer while it looks for their columns.
//!
//! A thread for SQLite with a large stack was rejected: each call would wake it and wait, which takes longer than most
//! statements. So were lower limits for everybody, such as 100 levels: they refuse statements that SQLite runs by
//! default. The allocator can only be wrapped before SQLite is first used, so a program that embeds the library does
//! without that bound.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::bounds::{self, Counter, On, RESERVE};

/// The size of the stack. Only the pages that are used take memory.
pub(super) const SIZE: usize = 16 << 20;

/// Free stack that is assumed where neither our own stack nor a thread with one is available.
const ASSUMED: usize = 512 << 10;

/// Runs `work`, which calls SQLite, on the stack of this thread that is kept for it.
#[inline]
pub(crate) fn on_stack<R, F: FnOnce() -> R>(work: F) -> R {
    if bounds::is_on() {
        return work();
    }
    bounds::set_exceeded(None);
    enter(work)
}

#[cfg(unix)]
psm::psm_stack_manipulation! {
    yes {
        fn enter<R>(work: impl FnOnce() -> R) -> R {
            let Some(base) = mapped::of_this_thread() else { return on_thread(work) };
            let outcome = {
                let _on = On::new(base.addr());
                // SAFETY: `SIZE` bytes from `base` belong to this thread until it ends, nothing else uses them while `BOTTOM`
                // is set, and both are multiples of a page. A panic does not leave `work`.
                unsafe { psm::on_stack(base, SIZE, || catch_unwind(AssertUnwindSafe(work))) }
            };
            outcome.unwrap_or_else(|panic| resume_unwind(panic))
        }
    }
    no {
        fn enter<R>(work: impl FnOnce() -> R) -> R {
            on_thread(work)
        }
    }
}

#[cfg(not(unix))]
fn enter<R>(work: impl FnOnce() -> R) -> R {
    on_thread(work)
}

/// Runs `work` on a thread with a stack of this size, while the present thread waits.
#[cold]
fn on_thread<R, F: FnOnce() -> R>(work: F) -> R {
    /// A value that another thread uses while this one waits for it.
    struct Lent<T>(T);
    // SAFETY: only `on_thread` makes one. The thread that owns the value waits, and SQLite's connections, statements and what
    // is bound to them may move between threads as long as one at a time uses them.
    unsafe impl<T> Send for Lent<T> {}
    impl<T> Lent<T> {
        fn take(self) -> T {
            self.0
        }
    }

    let state = Counter::of_thread();
    let work = Lent(work);
    let mut slot = Some(work);
    let ended = std::thread::scope(|scope| {
        let lent = Lent(&mut slot);
        let run = move || {
            let slot = lent.take();
            let work = slot.take()?.take();
            state.apply();
            let _on = On::new(bounds::here().saturating_sub(SIZE));
            let outcome = catch_unwind(AssertUnwindSafe(work));
            Some(Lent((outcome, Counter::of_thread(), bounds::exceeded())))
        };
        // A few pages more than promised, for what the thread itself needs.
        let thread = std::thread::Builder::new().name("sqlite".to_owned()).stack_size(SIZE + (256 << 10));
        thread.spawn_scoped(scope, run).ok().and_then(|thread| thread.join().ok().flatten())
    });
    if let Some(ended) = ended {
        let (outcome, state, exceeded) = ended.take();
        state.apply();
        bounds::set_exceeded(exceeded);
        return outcome.unwrap_or_else(|panic| resume_unwind(panic));
    }
    let Some(work) = slot.take() else { unreachable!("the thread did not start, or its outcome was taken") };
    // No thread could be started. What is left of this stack is unknown, so little of it is used.
    let _on = On::new(bounds::here().saturating_sub(ASSUMED + RESERVE));
    work.take()()
}

#[cfg(unix)]
mod mapped {
    use std::cell::OnceCell;
    use std::ptr;

    use super::SIZE;

    /// What lies below the stack and cannot be accessed: at least a page on every system.
    const GUARD: usize = 64 << 10;

    /// The memory of a stack, with a guard below it.
    struct Mapping(*mut u8);

    thread_local! {
        static MAPPING: OnceCell<Option<Mapping>> = const { OnceCell::new() };
    }

    /// The lowest address of this thread's stack for SQLite; `None` if there is no memory for it, or the thread is ending.
    pub(super) fn of_this_thread() -> Option<*mut u8> {
        MAPPING.try_with(|mapping| mapping.get_or_init(Mapping::new).as_ref().map(Mapping::bottom)).ok().flatten()
    }

    impl Mapping {
        fn new() -> Option<Self> {
            // SAFETY: a new private mapping, which replaces no other.
            let start = unsafe {
                libc::mmap(
                    ptr::null_mut(),
                    SIZE + GUARD,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                    -1,
                    0,
                )
            };
            if start == libc::MAP_FAILED {
                return None;
            }
            let mapping = Self(start.cast());
            // SAFETY: the first bytes of the mapping, which nothing uses yet.
            let guarded = unsafe { libc::mprotect(start, GUARD, libc::PROT_NONE) };
            (guarded == 0).then_some(mapping)
        }

        fn bottom(&self) -> *mut u8 {
            // SAFETY: within the mapping.
            unsafe { self.0.add(GUARD) }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: the mapping that `new` made. The thread is ending, and does so on another stack.
            unsafe { libc::munmap(self.0.cast(), SIZE + GUARD) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bounds::{is_on, is_short};
    use super::*;

    fn deep(levels: usize) -> usize {
        let filling = std::hint::black_box([levels as u8; 1024]);
        if is_short() || levels == 0 { usize::from(filling[0] > 0) } else { deep(levels - 1) + 1 }
    }

    #[test]
    fn the_stack_is_that_large_and_reports_its_end() {
        for levels in [on_stack(|| deep(usize::MAX)), on_thread(|| deep(usize::MAX))] {
            // More than a test's thread has room for.
            assert!(levels > (SIZE - RESERVE) / 8192, "{levels}");
            assert!(!is_on());
        }
    }

    #[test]
    fn a_panic_passes_through_and_calls_nest() {
        let panic = std::panic::catch_unwind(|| on_stack(|| on_stack(|| panic!("through"))));
        assert_eq!(panic.expect_err("a panic").downcast_ref::<&str>(), Some(&"through"));
        assert!(!is_on());
        let text = String::from("lent");
        assert_eq!(on_thread(|| text.len()), 4);
    }
}
