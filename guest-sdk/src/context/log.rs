//! Speaking to the people who watch.

use super::Level;
use crate::bindings::migration::runner::migration::context;

/// Logs a message at a level.
pub fn log(level: Level, message: impl AsRef<str>) {
    context::log(level, message.as_ref());
}

/// Logs a message for those who look for a fault.
pub fn debug(message: impl AsRef<str>) {
    log(Level::Debug, message);
}

/// Logs a message for everybody.
pub fn info(message: impl AsRef<str>) {
    log(Level::Info, message);
}

/// Logs that something is not as it should be, but the migration goes on.
pub fn warning(message: impl AsRef<str>) {
    log(Level::Warning, message);
}

/// Tells how far work has come that the host cannot see by itself: so many of so many, such as `rows`.
pub fn progress(done: u64, total: impl Into<Option<u64>>, unit: impl AsRef<str>) {
    context::progress(done, total.into(), unit.as_ref());
}

/// Logs a message, formatted as by `format!`, for those who look for a fault.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::context::debug(::std::format!($($message)+)) };
}

/// Logs a message, formatted as by `format!`, for everybody.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::context::info(::std::format!($($message)+)) };
}

/// Logs, formatted as by `format!`, that something is not as it should be, but the migration goes on.
#[macro_export]
macro_rules! warning {
    ($($message:tt)+) => { $crate::context::warning(::std::format!($($message)+)) };
}
