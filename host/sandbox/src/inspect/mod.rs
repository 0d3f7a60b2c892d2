//! Checks a component before it is compiled or run: that it is a component, that its size and shape compile in
//! reasonable time and memory, and that it implements the contract.
//!
//! 827 bytes of nested instances took 19 GB to compile, and a function with 20,000 `if`s 102 s and 5.7 GB. The bytes
//! are read once, nothing is allocated for what they ask for, and what no compiler emits is refused. What multiplies is
//! counted after multiplication: each component and module has a size, and instantiating it adds that size to the outer
//! one. That is exact as long as it is known which definition is instantiated, so components and modules as arguments
//! are refused. What compiles worse than linearly is bounded for each function: blocks, branches, nesting, calls,
//! instructions, locals, and locals times blocks. What ends up in the memory of this process is bounded, too:
//! instances, tables, segments, initial contents of memories. The bounds are constants, several times what the largest
//! guests need:
//!
//! | largest function of | size, functions | bytes | instructions | blocks | branches | nesting | calls, indirect | locals | locals × blocks |
//! | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
//! | `SpiderMonkey` (componentize-js 0.23) | 10.5 MB, 12,584 | 171,628 | 81,744 | 4,216 | 9,497 | 456 | 2,063, 120 | 118 | 194,228 |
//! | the same, compiled for weval | 12.2 MB, 19,852 | 84,773 | 40,051 | 2,297 | 5,952 | 497 | 1,931, 78 | 483 | 87,286 |
//! | its splicer, in Rust | 5.7 MB, 8,711 | 68,904 | 27,476 | 1,118 | 2,811 | 650 | 1,413, 256 | 118 | 45,666 |
//! | `QuickJS` (Emscripten) | 0.5 MB, 1,321 | 28,980 | 13,299 | 755 | 1,902 | 278 | 494, 41 | 46 | 34,730 |
//! | bound | 64 MiB, 200,000 | 1,048,576 | 300,000 | 10,000 | 30,000 | 2,000 | 10,000, 2,000 | 5,000 | 5,000,000 |
//!
//! Inspection alone was rejected, since not all shapes that compile badly are known; so was one weight for all
//! properties, a number that no message could explain.

mod bounds;
mod functions;
mod structure;

use wasmparser::{Encoding, Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::text::{ERROR, WORD, cut};
use runner_base::error::{Error, Result};
use runner_database::StopSignal;
use runner_engine::stopped::stopped;
use runner_project::limits::Limits;
use runner_project::units::format_size;
use structure::Structure;

/// The interfaces that the host offers.
const OFFERED: [&str; 8] = ["types", "sql", "batches", "packed", "schema", "context", "process", "description-types"];
/// The package and version of the contract.
const PACKAGE: &str = "runner:migration";
const VERSION: &str = "0.1.0";
/// The interface that a component with transforms exports.
pub const TRANSFORMER: &str = "runner:migration/transformer@0.1.0";
/// The interface that it exports if it takes batches in packed form.
pub const PACKED_TRANSFORMER: &str = "runner:migration/packed-transformer@0.1.0";

/// Whether a component exports one of them.
pub fn is_transformer(component: &Component) -> bool {
    [TRANSFORMER, PACKED_TRANSFORMER].into_iter().any(|name| component.get_export_index(None, name).is_some())
}

/// The version of the bounds that an inspected component keeps to; raise it when one of them is lowered.
pub const BOUNDS: u32 = 1;

/// Checks that the bytes are a component that can be compiled. Takes time in proportion to the bytes, and no memory in
/// proportion to what they ask for.
pub fn check_bytes(bytes: &[u8], limits: &Limits, stop: &StopSignal) -> Result<()> {
    if bytes.len() as u64 > limits.artifact_bytes {
        return Err(Error::denied(format!(
            "the component has {}, more than the limit `artifact_bytes` of {}",
            format_size(bytes.len() as u64),
            format_size(limits.artifact_bytes)
        ))
        .hint("strip debug information from it, or raise the limit with `--limit artifact_bytes=…`"));
    }
    if bytes.is_empty() {
        return Err(Error::failed("the component is an empty file").hint("build it again with `runner build`"));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(Error::failed("the file is not WebAssembly: it does not begin with `\\0asm`")
            .hint("build the component again with `runner build`, or restore it from version control"));
    }
    let mut structure = Structure::default();
    for (index, payload) in Parser::new(0).parse_all(bytes).enumerate() {
        let payload = payload.map_err(|error| damaged(&error))?;
        if matches!(payload, Payload::Version { encoding: Encoding::Module, .. }) && index == 0 {
            return Err(Error::failed("the file is a core WebAssembly module, not a component")
                .hint("`runner build` turns core modules that carry their WIT into components"));
        }
        if let Some(reason) = stop.reason() {
            return Err(stopped(reason));
        }
        structure.take(payload)?;
    }
    Ok(())
}

fn damaged(error: &wasmparser::BinaryReaderError) -> Error {
    Error::failed(format!("the component is damaged at byte {}: {}", error.offset(), error.message()))
        .hint("build it again with `runner build`, or restore it from version control")
}

/// The error for bytes that wasmtime refused.
pub fn invalid(error: &wasmtime::Error) -> Error {
    Error::failed("the component is not valid WebAssembly")
        .cause(cut(&format!("{error:#}"), ERROR))
        .hint("build it again; it may need a WebAssembly feature that the sandbox leaves off")
}

/// Names from a component, in a list that fits into a message.
fn names(all: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut shown: Vec<String> = all.iter().take(SHOWN).map(|name| format!("`{}`", cut(name, WORD))).collect();
    if all.len() > SHOWN {
        shown.push(format!("{} more", all.len() - SHOWN));
    }
    shown.join(", ")
}

/// Whether a component of this version imports only what the host offers and exports what a migration must export.
pub fn check_world(engine: &Engine, component: &Component) -> Result<()> {
    let component_type = component.component_type();
    let unknown: Vec<String> = component_type
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .filter(|name| !OFFERED.iter().any(|offered| *name == format!("{PACKAGE}/{offered}@{VERSION}")))
        .collect();
    if !unknown.is_empty() {
        let list = names(&unknown);
        let hint = if unknown.iter().any(|name| name.starts_with("wasi:")) {
            "migrations have no WASI: it is answered inside of components that `runner build` makes of modules for WASI preview 1"
        } else if unknown.iter().any(|name| name.starts_with(PACKAGE)) {
            "the component was made for another version of the contract; this runner offers 0.1.0"
        } else {
            "a migration can import the interfaces of `runner:migration@0.1.0` and nothing else"
        };
        return Err(Error::failed(format!("the component imports what runner does not offer: {list}")).hint(hint));
    }
    let exports: Vec<String> = component_type.exports(engine).map(|(name, _)| name.to_owned()).collect();
    let missing: Vec<&str> = ["describe", "upgrade", "downgrade"]
        .into_iter()
        .filter(|function| !exports.iter().any(|export| export == function))
        .collect();
    if !missing.is_empty() {
        let missing = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let found = match exports.as_slice() {
            [] => "nothing".to_owned(),
            some => names(some),
        };
        return Err(Error::failed(format!("the component is not a migration: it does not export {missing}"))
            .cause(format!("it exports {found}"))
            .hint("build it for the world `migration` or `data-migration` of `runner:migration@0.1.0`"));
    }
    Ok(())
}
