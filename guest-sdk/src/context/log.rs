//! Log messages and progress.

use super::Level;
use crate::bindings::migration::runner::migration::context;

/// Logs a message at a level.
pub fn log(level: Level, message: impl AsRef<str>) {
    context::log(level, message.as_ref());
}

/// Logs a message for debugging.
pub fn debug(message: impl AsRef<str>) {
    log(Level::Debug, message);
}

/// Logs a message for everyone.
pub fn info(message: impl AsRef<str>) {
    log(Level::Info, message);
}

/// Logs a warning: something is wrong, but the migration continues.
pub fn warning(message: impl AsRef<str>) {
    log(Level::Warning, message);
}

/// Reports progress of work that the host cannot see: `done` of `total`, in a unit such as `rows`.
pub fn progress(done: u64, total: impl Into<Option<u64>>, unit: impl AsRef<str>) {
    context::progress(done, total.into(), unit.as_ref());
}

/// Logs a message, formatted as with `format!`, for debugging.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::context::debug(::std::format!($($message)+)) };
}

/// Logs a message, formatted as with `format!`, for everyone.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::context::info(::std::format!($($message)+)) };
}

/// Logs a warning, formatted as with `format!`: something is wrong, but the migration continues.
#[macro_export]
macro_rules! warning {
    ($($message:tt)+) => { $crate::context::warning(::std::format!($($message)+)) };
}
