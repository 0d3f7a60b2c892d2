//! Time and random numbers for crates that ask a system for them. Both follow the run.
//!
//! On `wasm32-wasip1` what answers is inside of the component, and learns of the run here. On `wasm32-unknown-unknown`, the standard library has no
//! clock and no random numbers; with the feature `getrandom`, the crate of this name has some.

use crate::Batch;

/// Follows the run from here on, in `upgrade` and `downgrade`.
pub(crate) fn follow_run() {
    #[cfg(any(target_os = "wasi", feature = "getrandom"))]
    follow(0);
}

/// Follows the run from here on, with other random numbers in each batch: instances share batches as it happens.
#[cfg_attr(
    not(any(target_os = "wasi", feature = "getrandom")),
    expect(unused_variables, reason = "nothing is random then")
)]
pub(crate) fn follow_batch(name: &str, rows: &Batch) {
    #[cfg(any(target_os = "wasi", feature = "getrandom"))]
    follow({
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        let first: &[usize] = if rows.is_empty() { &[] } else { &[0] };
        (name, format!("{:?}", rows.select(first))).hash(&mut hasher);
        hasher.finish()
    });
}

#[cfg(target_os = "wasi")]
fn follow(mark: u64) {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    #[allow(unsafe_code, reason = "an import of the component, with two numbers")]
    unsafe extern "C" {
        safe fn runner_follow_run(nanoseconds: i64, seed: u64);
    }
    // The keys of hash maps are drawn once in an instance: before, so that they are the same in all.
    let _ = std::hash::RandomState::new();
    runner_follow_run(crate::context::run_timestamp().0.saturating_mul(1_000), crate::context::seed() ^ mark);
}

#[cfg(all(feature = "getrandom", not(target_os = "wasi")))]
fn follow(mark: u64) {
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    backend::STATE.store(crate::context::seed() ^ mark, std::sync::atomic::Ordering::Relaxed);
    #[cfg(not(target_family = "wasm"))]
    let _ = mark;
}

#[cfg(all(feature = "getrandom", target_family = "wasm", target_os = "unknown"))]
mod backend {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// What the next number follows from; a constant until there is a run.
    pub(super) static STATE: AtomicU64 = AtomicU64::new(0);

    /// What the crate `getrandom`, from 0.3 on, calls if it is compiled with `--cfg getrandom_backend="custom"`. Fills with SplitMix64.
    #[unsafe(no_mangle)]
    #[allow(unsafe_code, reason = "the crate's interface is a pointer and a length")]
    unsafe extern "Rust" fn __getrandom_v03_custom(to: *mut u8, size: usize) -> Result<(), getrandom::Error> {
        // SAFETY: the crate passes a buffer of this size that can be written.
        let to = unsafe {
            to.write_bytes(0, size);
            std::slice::from_raw_parts_mut(to, size)
        };
        for chunk in to.chunks_mut(8) {
            let mut number = STATE.load(Ordering::Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
            STATE.store(number, Ordering::Relaxed);
            number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(number ^ number >> 31).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
