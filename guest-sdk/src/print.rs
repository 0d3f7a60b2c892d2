//! `println!` and its like for a target without standard streams, where those of `std` print nothing.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "in unit tests, which run outside of a sandbox, they are those of `std`"
)]

use std::fmt::Arguments;

#[cfg(target_family = "wasm")]
use crate::bindings::migration::runner::migration::process::{StandardStream, write};

/// Prints to standard output, whose lines are logged as `info`.
pub fn print(text: Arguments<'_>) {
    #[cfg(target_family = "wasm")]
    write(StandardStream::Output, text.to_string().as_bytes());
    #[cfg(not(target_family = "wasm"))]
    std::print!("{text}");
}

/// Prints to standard error, whose lines are logged as `warning`.
pub fn eprint(text: Arguments<'_>) {
    #[cfg(target_family = "wasm")]
    write(StandardStream::Error, text.to_string().as_bytes());
    #[cfg(not(target_family = "wasm"))]
    std::eprint!("{text}");
}

/// [`std::print!`] into the log of the run, as `info`.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::__private::print(::std::format_args!($($text)*)) };
}

/// [`std::println!`] into the log of the run, as `info`. Rust's own prints nothing in a sandbox; this one takes its place in the whole
/// crate with
///
/// ```
/// #[macro_use]
/// extern crate runner_guest;
/// ```
///
/// at the top of `lib.rs`, and so do [`print!`](crate::print!), [`eprint!`](crate::eprint!), [`eprintln!`](crate::eprintln!) and
/// [`dbg!`](crate::dbg!).
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => { $crate::print!("{}\n", ::std::format_args!($($text)*)) };
}

/// [`std::eprint!`] into the log of the run, as `warning`.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => { $crate::__private::eprint(::std::format_args!($($text)*)) };
}

/// [`std::eprintln!`] into the log of the run, as `warning`; see [`println!`](crate::println!).
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($text:tt)*) => { $crate::eprint!("{}\n", ::std::format_args!($($text)*)) };
}

/// [`std::dbg!`] into the log of the run, as `warning`; see [`println!`](crate::println!).
#[macro_export]
macro_rules! dbg {
    () => { $crate::eprintln!("[{}:{}:{}]", ::std::file!(), ::std::line!(), ::std::column!()) };
    ($value:expr $(,)?) => {
        // A `match`, so that temporaries live as long as in the expression alone.
        match $value {
            value => {
                $crate::eprintln!(
                    "[{}:{}:{}] {} = {:#?}",
                    ::std::file!(), ::std::line!(), ::std::column!(), ::std::stringify!($value), &value
                );
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => { ($($crate::dbg!($value)),+,) };
}
