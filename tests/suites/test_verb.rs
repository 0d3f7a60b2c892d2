//! `runner test`: what it checks, what it finds, and what it leaves behind.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![cfg(unix)]

#[path = "test_verb/crashes.rs"]
mod crashes;
#[path = "test_verb/finds.rs"]
mod finds;
#[path = "test_verb/scratch.rs"]
mod scratch;
#[path = "test_verb/shop.rs"]
mod shop;
#[path = "test_verb/warns.rs"]
mod warns;
