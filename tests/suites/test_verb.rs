//! `runner test`: what it checks, what it finds, and what it leaves behind.
#![cfg(unix)]

mod crashes;
mod finds;
mod scratch;
mod shop;
mod warns;
