//! The binary `runner`.

fn main() {}
