//! Processes many items in parallel, in their order.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Below this, starting threads costs more than they save where each item opens a small file or two.
const WORTH_IT: usize = 512;

/// Below this, starting threads costs more than they save, however much computation each item needs.
const WORTH_IT_IF_HEAVY: usize = 64;

/// More threads than this wait for the file system rather than for each other.
const MOST: usize = 8;

/// How many items a thread takes at a time.
const PIECE: usize = 16;

/// Returns the result of `work` for each item, in the order of the items. `heavy` says which items need computation in
/// addition to opening a file.
pub(super) fn map<T: Sync, R: Send>(
    items: &[T],
    heavy: impl Fn(&T) -> bool,
    work: impl Fn(&T) -> R + Sync,
) -> impl Iterator<Item = R> {
    let is_worth_it = items.len() >= WORTH_IT || items.iter().filter(|item| heavy(item)).count() >= WORTH_IT_IF_HEAVY;
    // Asked last: the answer requires reading files of the system.
    let threads = if is_worth_it { thread::available_parallelism().map_or(1, NonZero::get).min(MOST) } else { 1 };
    let pieces = items.chunks(if threads == 1 { items.len().max(1) } else { PIECE });
    let threads = threads.min(pieces.len());
    // A free thread takes the next piece: another thread may have the processor for a while, as that of the database
    // has.
    let next = Mutex::new(pieces.enumerate());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        let done = std::iter::from_fn(take).map(|(at, piece)| (at, piece.iter().map(&work).collect::<Vec<_>>()));
        done.collect::<Vec<_>>()
    };
    let mut lists = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut lists = run();
        for other in others {
            lists.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        lists
    });
    lists.sort_by_key(|(at, _)| *at);
    // The lists as they are: results are large, and fresh memory for a copy of them all takes longer than many a file.
    lists.into_iter().flat_map(|(_, list)| list)
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_keep_the_order_of_the_items() {
        for count in [0, 1, super::WORTH_IT - 1, super::WORTH_IT, super::WORTH_IT + 1, 10_000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(
                super::map(&items, |item| item % 32 == 0, |item| item * 2).collect::<Vec<_>>(),
                items.iter().map(|item| item * 2).collect::<Vec<_>>()
            );
        }
    }
}
