//! What others wrote: passwords in URLs, and files that are something else.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[cfg(unix)]
#[path = "untrusted/files.rs"]
mod files;
#[path = "untrusted/secrets.rs"]
mod secrets;
