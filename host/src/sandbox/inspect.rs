//! Checks a component before it is compiled or run: that it is a component, that its size and shape compile in
//! reasonable time, and that it implements the contract.

use wasmparser::{Encoding, Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{Error, Result};
use crate::project::limits::Limits;
use crate::project::units::format_size;

/// The interfaces that the host offers.
const OFFERED: [&str; 5] = ["types", "sql", "batches", "context", "description-types"];
/// The package and version of the contract.
const PACKAGE: &str = "runner:migration";
const VERSION: &str = "0.1.0";
/// The interface that a component with transforms exports.
pub const TRANSFORMER: &str = "runner:migration/transformer@0.1.0";

/// Functions in one component. Each takes time and memory to compile; CPython has about 15,000.
const MAX_FUNCTIONS: usize = 200_000;
/// Nested blocks. Compile time grows with the square of the depth; compilers emit far fewer.
const MAX_NESTING: usize = 2_000;

/// Whether the bytes are a core module or a component; an error if they are neither.
pub fn check_bytes(bytes: &[u8], limits: &Limits) -> Result<()> {
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
    let mut functions = 0_usize;
    for (index, payload) in Parser::new(0).parse_all(bytes).enumerate() {
        let payload = payload.map_err(|error| damaged(&error))?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if index == 0 => {
                return Err(Error::failed("the file is a core WebAssembly module, not a component")
                    .hint("`runner build` turns core modules that carry their WIT into components"));
            }
            Payload::CodeSectionStart { count, .. } => {
                functions = functions.saturating_add(count as usize);
                if functions > MAX_FUNCTIONS {
                    return Err(Error::denied(format!("the component has more than {MAX_FUNCTIONS} functions")));
                }
            }
            Payload::CodeSectionEntry(body) => check_nesting(&body)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_nesting(body: &wasmparser::FunctionBody<'_>) -> Result<()> {
    use wasmparser::Operator;
    let mut depth = 0_usize;
    let mut operators = body.get_operators_reader().map_err(|error| damaged(&error))?;
    while !operators.eof() {
        match operators.read().map_err(|error| damaged(&error))? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Err(Error::denied(format!(
                        "the component has a function with more than {MAX_NESTING} nested blocks"
                    )));
                }
            }
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
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
        .cause(format!("{error:#}"))
        .hint("build it again; it may need a WebAssembly feature that the sandbox leaves off")
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
        let list = unknown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let hint = if unknown.iter().any(|name| name.starts_with("wasi:")) {
            "migrations have no WASI: build for wasm32-unknown-unknown, or stub WASI inside the component"
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
            some => some.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        };
        return Err(Error::failed(format!("the component is not a migration: it does not export {missing}"))
            .cause(format!("it exports {found}"))
            .hint("build it for the world `migration` or `data-migration` of `runner:migration@0.1.0`"));
    }
    Ok(())
}
