//! Guests as text, with the contract of the repository: what a hostile author would write by hand.

use std::sync::OnceLock;

use wit_component::StringEncoding;
use wit_parser::{Resolve, WorldId};

/// A migration as text. By default it describes nothing, and its `upgrade` and `downgrade` succeed.
#[derive(Clone, Debug)]
pub struct TextGuest {
    /// Imports and functions of the core module.
    pub items: String,
    /// Pages of its memory, of 64 KiB; it starts with zeros, from which `cabi_realloc` takes what is beyond 64 KiB.
    pub pages: u32,
    /// What `describe` does before it returns the description at [`DESCRIPTION`].
    pub describe: String,
    /// What `upgrade` does before it returns the result at [`RESULT`].
    pub upgrade: String,
}

/// The address of the description: summary (address, length), dependencies (address, count), mode, dialects (address at 20,
/// count), irreversible, needs (address at 32, count). Zeros are an empty one.
pub const DESCRIPTION: u32 = 1024;
/// The address of the result: a tag, and at 4 the error: kind, code (at 8), message (at 16), detail (at 24). Zeros are
/// a success.
pub const RESULT: u32 = 2048;
/// An address for the results of calls.
pub const ANSWER: u32 = 3072;

impl Default for TextGuest {
    fn default() -> Self {
        Self { items: String::new(), pages: 2, describe: String::new(), upgrade: String::new() }
    }
}

impl TextGuest {
    /// One with that upgrade.
    pub fn upgrading(upgrade: &str) -> Self {
        Self { upgrade: upgrade.to_owned(), ..Self::default() }
    }

    /// One with that description.
    pub fn describing(describe: &str) -> Self {
        Self { describe: describe.to_owned(), ..Self::default() }
    }

    /// With these imports and functions.
    #[must_use]
    pub fn with(self, items: &str) -> Self {
        Self { items: format!("{}{items}", self.items), ..self }
    }

    /// With a memory of so many MiB.
    #[must_use]
    pub fn mib(self, mib: u32) -> Self {
        Self { pages: mib * 16, ..self }
    }

    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let Self { items, pages, describe, upgrade } = self;
        let text = format!(
            r#"(module
                {items}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 65536))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    (block $fits
                        (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                        (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1)))))
                    (local.get $at))
                (func (export "describe") (result i32) {describe} (i32.const {DESCRIPTION}))
                (func (export "upgrade") (result i32) {upgrade} (i32.const {RESULT}))
                (func (export "downgrade") (result i32) (i32.const {RESULT})))"#
        );
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let (resolve, world) = contract();
        wit_component::embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).unwrap();
        crate::guests::encode(&module)
    }
}

/// The contract, and its world `migration`.
fn contract() -> &'static (Resolve, WorldId) {
    static CONTRACT: OnceLock<(Resolve, WorldId)> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(crate::guests::repository().join("wit")).expect("the contract");
        let world = resolve.select_world(&[package], Some("migration")).expect("the world");
        (resolve, world)
    })
}
