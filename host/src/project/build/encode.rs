//! Converts core modules to components.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::error::{Error, Result};

/// The bytes as a component: unchanged if they are one, encoded if they are a core module with embedded WIT. Unusable bytes are an
/// error, as in the sandbox.
pub(super) fn to_component(file: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if Parser::is_component(&bytes) {
        return Ok(bytes);
    }
    if !Parser::is_core_wasm(&bytes) {
        return Err(Error::failed(format!("`{file}` is not WebAssembly"))
            .hint("rebuild it, or restore it from version control"));
    }
    if !has_wit(&bytes) {
        return Err(Error::failed(format!(
            "`{file}` is a core module without embedded WIT, so it cannot be converted to a component"
        ))
        .hint("build it with `runner-guest` or another binding generator, or convert it yourself"));
    }
    let encode = || ComponentEncoder::default().validate(true).module(&bytes)?.encode();
    encode().map_err(|error| {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let wasi = causes.iter().any(|cause| cause.contains("wasi"));
        let message = format!("cannot convert `{file}` to a component");
        let error = causes.into_iter().fold(Error::failed(message), Error::cause);
        match wasi {
            true => error.hint("WASI is not available: compile for `wasm32-unknown-unknown`, or stub out WASI"),
            false => error.hint("check that it was built for a world of `runner:migration`"),
        }
    })
}

/// Whether a core module has embedded WIT.
fn has_wit(bytes: &[u8]) -> bool {
    Parser::new(0).parse_all(bytes).map_while(std::result::Result::ok).any(|payload| match payload {
        Payload::CustomSection(section) => section.name().starts_with("component-type"),
        _ => false,
    })
}
