//! Processes many items in parallel, in their order.

use std::num::NonZero;
use std::thread;

/// Below this, starting threads costs more than they save where each item opens a small file or two.
const WORTH_IT: usize = 512;

/// Below this, starting threads costs more than they save, however much computation each item needs.
const WORTH_IT_IF_HEAVY: usize = 64;

/// More threads than this wait for the file system rather than for each other.
const MOST: usize = 8;

/// Returns the result of `work` for each item, in the order of the items. `heavy` tells which items need computation
/// besides opening a file.
pub(super) fn map<T: Sync, R: Send>(
    items: &[T],
    heavy: impl Fn(&T) -> bool,
    work: impl Fn(&T) -> R + Sync,
) -> impl Iterator<Item = R> {
    let is_worth_it = items.len() >= WORTH_IT || items.iter().filter(|item| heavy(item)).count() >= WORTH_IT_IF_HEAVY;
    // Asked last: the answer requires reading files of the system.
    let threads = if is_worth_it { thread::available_parallelism().map_or(1, NonZero::get).min(MOST) } else { 1 };
    let work = &work;
    let all = |items: &[T]| items.iter().map(work).collect::<Vec<_>>();
    // One list of each thread, as it is: results are large, and fresh memory for a copy of them all takes longer than many a file.
    let lists = match threads {
        1 => vec![all(items)],
        _ => thread::scope(|scope| {
            let chunks = items.chunks(items.len().div_ceil(threads));
            let workers: Vec<_> = chunks.map(|chunk| scope.spawn(move || all(chunk))).collect();
            let lists = workers.into_iter().map(|worker| worker.join());
            lists.map(|list| list.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        }),
    };
    lists.into_iter().flatten()
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
