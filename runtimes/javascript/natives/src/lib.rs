//! The C functions that `natives.h` declares, over libraries in Rust: encodings, hashes, URLs, and the order and the case of texts
//! in a language.

mod encoding;
mod hash;
mod locale;
mod memory;
mod url;

pub use memory::Bytes;
