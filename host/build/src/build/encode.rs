//! Converts core modules to components.

use wasmparser::{Import, Parser, Payload, TypeRef};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

use runner_base::error::{Error, Result};

/// The contract.
static CONTRACT: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// What the C library, or the runtime of a language, imports from a system.
const WASI: &str = "wasi_snapshot_preview1";

/// Answers to that, without a system.
const WASI_STUB: &str = include_str!("wasi_stub.wat");

/// The magic number and the version at the start of a module.
const HEADER: usize = 8;

/// The causes of a failure, the outermost first.
type Causes = Vec<String>;

/// What a command made, as a component: text is translated, and names and positions of the source are dropped.
pub fn of_command(file: &str, bytes: Vec<u8>, world: Option<&str>) -> Result<Vec<u8>> {
    let bytes = if file.ends_with(".wat") { translated(file, &bytes)? } else { bytes };
    to_component(file, stripped(bytes), world)
}

/// The bytes as a component: unchanged if they are one, encoded if they are a core module with embedded WIT, or of the given world.
/// Unusable bytes are an error, as in the sandbox.
pub(super) fn to_component(file: &str, bytes: Vec<u8>, world: Option<&str>) -> Result<Vec<u8>> {
    if Parser::is_component(&bytes) {
        return Ok(bytes);
    }
    if !Parser::is_core_wasm(&bytes) {
        return Err(Error::failed(format!("`{file}` is not WebAssembly"))
            .hint("rebuild it, or restore it from version control"));
    }
    let failed = |message: String, causes: Causes| causes.into_iter().fold(Error::failed(message), Error::cause);
    let bytes = match world {
        _ if has_wit(&bytes) => bytes,
        Some(world) => with_wit(bytes, world)
            .map_err(|causes| failed(format!("`{file}` cannot be built for the world `{world}`"), causes))?,
        None => {
            let message =
                format!("`{file}` is a core module without embedded WIT, so it cannot be converted to a component");
            return Err(Error::failed(message).hint(
                "build it with `runner-guest` or another binding generator, or name its `world` in `migration.toml`",
            ));
        }
    };
    encoded(&bytes).map_err(|causes| {
        let is_wasi = causes.iter().any(|cause| cause.contains("wasi"));
        let error = failed(format!("cannot convert `{file}` to a component"), causes);
        match is_wasi {
            true => error.hint("WASI is not available: build without what imports it, such as files and sockets"),
            false => error.hint("check that it was built for a world of `runner:migration`"),
        }
    })
}

/// WebAssembly of its text form.
fn translated(file: &str, text: &[u8]) -> Result<Vec<u8>> {
    match wat::parse_bytes(text) {
        Ok(bytes) => Ok(bytes.into_owned()),
        Err(error) => Err(Error::failed(format!("`{file}` is not WebAssembly text"))
            .cause(error)
            .hint("`artifact` in `migration.toml` names a component, a core module, or one of them as text")),
    }
}

/// Makes a component of a module. Calls of a system that a language makes by itself are answered inside of it.
fn encoded(module: &[u8]) -> Result<Vec<u8>, Causes> {
    let stub = imports_wasi(module).then(wasi_stub).transpose()?;
    let encode = || {
        let mut encoder = ComponentEncoder::default().validate(true).module(module)?;
        if let Some(stub) = &stub {
            encoder = encoder.adapter(WASI, stub)?;
        }
        encoder.encode()
    };
    encode().map_err(|error| error.chain().map(ToString::to_string).collect())
}

/// The answers to WASI, with the world of what they import.
fn wasi_stub() -> Result<Vec<u8>, Causes> {
    let stub = wat::parse_str(WASI_STUB).map_err(|error| vec![error.to_string()])?;
    with_wit(stub, "program")
}

/// The module with the contract's world embedded.
fn with_wit(mut module: Vec<u8>, world: &str) -> Result<Vec<u8>, Causes> {
    let causes = |error: &dyn std::error::Error| vec![error.to_string()];
    let mut contract = SourceMap::new();
    for file in CONTRACT.files().filter(|file| file.path().extension().is_some_and(|end| end == "wit")) {
        contract.push(file.path(), file.contents_utf8().unwrap_or_default());
    }
    let contract = contract.parse().map_err(|(_, error)| causes(&error))?;
    let embed = || {
        let mut resolve = Resolve::default();
        let package = resolve.push_group(contract)?;
        let world = resolve.select_world(&[package], Some(world))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
    };
    embed().map_err(|error| error.chain().map(ToString::to_string).collect::<Causes>())?;
    Ok(module)
}

/// A core module without the names and positions of its source, which no run needs; anything else as it is.
fn stripped(module: Vec<u8>) -> Vec<u8> {
    // What is not a module is reported when it is encoded.
    let is_core = Parser::is_core_wasm(&module);
    if is_core { without_debug_sections(&module).unwrap_or(module) } else { module }
}

fn without_debug_sections(module: &[u8]) -> Option<Vec<u8>> {
    let mut result = module.get(..HEADER)?.to_vec();
    let mut at = HEADER;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        let Some((_, range)) = payload.as_section() else { continue };
        let end = range.end;
        let is_debug = match &payload {
            Payload::CustomSection(section) => {
                let name = section.name();
                ["name", "producers", "sourceMappingURL"].contains(&name) || name.starts_with(".debug")
            }
            _ => false,
        };
        if !is_debug {
            result.extend_from_slice(module.get(at..end)?);
        }
        at = end;
    }
    Some(result)
}

/// Whether a module asks a system for something.
fn imports_wasi(module: &[u8]) -> bool {
    imports(module, |import| import.module == WASI && matches!(import.ty, TypeRef::Func(_)))
}

/// Whether a module has an import of this kind.
pub(super) fn imports(module: &[u8], is_one: impl Fn(&Import<'_>) -> bool) -> bool {
    Parser::new(0).parse_all(module).map_while(std::result::Result::ok).any(|payload| match payload {
        Payload::ImportSection(imports) => {
            imports.into_imports().map_while(std::result::Result::ok).any(|import| is_one(&import))
        }
        _ => false,
    })
}

/// Whether a core module has embedded WIT.
fn has_wit(bytes: &[u8]) -> bool {
    Parser::new(0).parse_all(bytes).map_while(std::result::Result::ok).any(|payload| match payload {
        Payload::CustomSection(section) => section.name().starts_with("component-type"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_source_are_dropped() {
        let named = "(module (memory 1) (func $secret_name (export \"run\")) (@custom \"producers\" \"\\00\") (@custom \"kept\" \"x\"))";
        let module = wat::parse_str(named).expect("text");
        let less = stripped(module.clone());
        let has = |module: &[u8], part: &str| module.windows(part.len()).any(|window| window == part.as_bytes());
        for (part, stays) in [("secret_name", false), ("producers", false), ("kept", true), ("run", true)] {
            assert!(has(&module, part) && has(&less, part) == stays, "{part}");
        }
        assert_eq!(stripped(less.clone()), less);
        // What is no module is for others to judge.
        for other in [&b""[..], b"nothing", b"\0asm\x0d\0\x01\0", &module[..module.len() - 1]] {
            assert_eq!(stripped(other.to_vec()), other);
        }
    }

    /// A library imports more than it calls, and a function that is missing here fails the build.
    #[test]
    fn all_of_preview_1_is_answered_without_a_system() {
        const PREVIEW_1: &str = "args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get fd_advise fd_allocate \
            fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size \
            fd_filestat_set_times fd_pread fd_prestat_dir_name fd_prestat_get fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync \
            fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times path_link path_open path_readlink \
            path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff proc_exit proc_raise random_get sched_yield \
            sock_accept sock_recv sock_send sock_shutdown";
        let stub = wat::parse_str(WASI_STUB).expect("text");
        assert!(Parser::is_core_wasm(&stub) && !imports_wasi(&stub));
        let exports = Parser::new(0).parse_all(&stub).filter_map(|payload| match payload.expect("a module") {
            Payload::ExportSection(exports) => Some(exports),
            _ => None,
        });
        let mut names: Vec<_> = exports.flatten().map(|export| export.expect("an export").name).collect();
        names.sort_unstable();
        names.retain(|name| *name != "runner_follow_run");
        assert_eq!(names, PREVIEW_1.split_whitespace().collect::<Vec<_>>());
    }
}
