//! Compiles guests written in Rust.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::check::stage_path;
use super::external_inputs::ExternalInputs;
use super::toolchain::{command, find};
use super::{BuildRequest, process, rust_target, wrapper};
use runner_base::error::{Error, Result};
use runner_project::discovery::{BUILD_MANIFEST, FoundEntry, MANIFEST};
use runner_project::files::{ProjectDirectory, explain, normalized};
use runner_project::problem::shown;
use runner_project::settings::Settings;

/// The target directory, relative to the project; guests share their compiled dependencies there.
const TARGET_DIRECTORY: &str = ".runner/target";

/// Hint for a directory that cannot be built.
pub(super) const LANGUAGES_HINT: &str = "a directory with a `Cargo.toml` is built with cargo; for other languages write a \
     `migration.toml` with the command that builds it, under `[build]`, or put the component next to the directory as \
     `REVISION_name.wasm`";

/// Files that identify source code in other languages.
const OTHERS: [(&str, &str); 8] = [
    ("app.py", "Python"),
    ("pyproject.toml", "Python"),
    ("app.js", "JavaScript"),
    ("app.ts", "TypeScript"),
    ("package.json", "JavaScript"),
    ("go.mod", "Go"),
    ("main.go", "Go"),
    ("main.c", "C"),
];

/// Whether the directory can be compiled. Source code in another language is an error, unless its artifact exists.
pub(super) fn is_source(project: &ProjectDirectory, directory: &FoundEntry, built: bool) -> Result<bool> {
    let name = &directory.file_name;
    let dir = project
        .open_directory(name, directory.link)
        .map_err(|error| Error::usage(format!("`{}` {}", shown(name), explain(&error))))?;
    if dir.is_file(MANIFEST) || dir.is_file(BUILD_MANIFEST) {
        return Ok(true);
    }
    match OTHERS.iter().find(|(file, _)| dir.is_file(file)) {
        Some((_, language)) if !built => {
            Err(Error::usage(format!("`{name}` is written in {language}, and nothing says how it is built"))
                .hint(LANGUAGES_HINT))
        }
        _ => Ok(false),
    }
}

/// A guest as cargo compiled it.
pub(super) struct Compiled {
    /// The core module.
    pub bytes: Vec<u8>,
    /// What it was compiled from, outside of its directory, relative to the project.
    pub shared: BTreeSet<String>,
}

/// Compiles a guest to a core module.
pub(super) fn compile(
    settings: &Settings,
    project: &ProjectDirectory,
    source: &FoundEntry,
    request: &BuildRequest<'_>,
) -> Result<Compiled> {
    let env = request.env;
    let target = rust_target::of(project, source)?;
    let directory = settings.migrations_directory().join(&source.file_name);
    let toolchain = find(target, settings.toolchain.as_ref(), &directory, env)?;
    let target_directory = target_directory(settings)?;
    let mut cargo = command("cargo", toolchain.as_deref(), &directory, env);
    cargo
        .args(["build", "--release", "--target", target, "--message-format", "json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", target_directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    remap(&mut cargo, target, settings, request);
    if let (Some(program), Some(home)) = (&request.program, cargo_home(env)) {
        cargo.env("RUSTC_WRAPPER", program).env(wrapper::WRAPPER, home);
        if let Some(inner) = env.get("RUSTC_WRAPPER") {
            cargo.env(wrapper::INNER, inner);
        }
    }
    let output = process::output(&mut cargo, request.stop)?
        .map_err(|error| Error::usage("cannot run `cargo`").cause(error).hint("install Rust from https://rustup.rs"))?;
    if !output.status.success() {
        return Err(Error::failed("`cargo build` failed").hint("see the messages of cargo above"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let library = library(&messages, &directory).ok_or_else(|| {
        Error::usage(format!("`{}` does not build a WebAssembly library", source.file_name))
            .hint("its `Cargo.toml` needs `[lib]` with `crate-type = [\"cdylib\"]`")
    })?;
    let cannot_read = |path: &Path, error| Error::failed(format!("cannot read `{}`", path.display())).cause(error);
    let bytes = std::fs::read(&library).map_err(|error| cannot_read(&library, error))?;
    rust_target::check_imports(&bytes, target, toolchain.as_deref(), &directory, env)?;
    // What cargo checks before the next build.
    let list = library.with_extension("d");
    let read = std::fs::read_to_string(&list).map_err(|error| cannot_read(&list, error))?;
    let shared = ExternalInputs::new(settings, &directory, cargo_home(env), request.stage).of(&messages, &read);
    Ok(Compiled { bytes, shared })
}

/// Creates the target directory, with a `.gitignore`.
fn target_directory(settings: &Settings) -> Result<PathBuf> {
    let target = settings.root.join(TARGET_DIRECTORY);
    let prepare = || {
        std::fs::create_dir_all(&target)?;
        let ignore = target.join(".gitignore");
        match std::fs::File::create_new(ignore) {
            Ok(mut ignore) => ignore.write_all(b"*\n"),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    };
    prepare().map_err(|error| Error::failed(format!("cannot create `{TARGET_DIRECTORY}`")).cause(error))?;
    Ok(target)
}

/// cargo's home directory.
fn cargo_home(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    // As cargo takes it: one that is empty counts as none.
    let set = |name: &str| env.get(name).filter(|value| !value.is_empty());
    let home = || set("HOME").or_else(|| set("USERPROFILE")).map(|home| Path::new(home).join(".cargo"));
    set("CARGO_HOME").map(PathBuf::from).or_else(home)
}

/// Keeps local paths out of the artifact, for privacy and reproducibility.
fn remap(cargo: &mut Command, target: &str, settings: &Settings, request: &BuildRequest<'_>) {
    let env = request.env;
    let mut directories = Vec::new();
    for (directory, to) in [(Some(&settings.root), "/project"), (settings.sdk.as_ref(), "/sdk")] {
        let Some(directory) = directory else { continue };
        let canonical = directory.canonicalize().ok();
        let mut names: Vec<PathBuf> = [Some(normalized(directory)), canonical].into_iter().flatten().collect();
        // The copy refers to itself, and by absolute paths to what it is a copy of.
        if let Some(stage) = request.stage {
            let copies: Vec<PathBuf> = names.iter().map(|name| stage_path(stage, name)).collect();
            names.extend(copies);
            names.extend(directory.strip_prefix(stage).ok().map(|original| Path::new("/").join(original)));
        }
        names.sort();
        names.dedup();
        directories.extend(names.into_iter().map(|name| (name, to)));
    }
    if let Some(home) = cargo_home(env) {
        // Of several matching prefixes, the compiler uses the last one, so the registries' directories come last.
        let registries = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
        let registries: Vec<PathBuf> = registries.map(|entry| entry.path()).collect();
        directories.push((home, "/cargo"));
        directories.extend(registries.into_iter().map(|directory| (directory, "/crates")));
    }
    let flags =
        directories.iter().filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from.to_str()?)));
    let flags = flags.chain(rust_target::flag(target).map(str::to_owned));
    // Flags in the environment would override those of `--config`, which cargo merges with a user's own settings.
    let own = env.get("CARGO_ENCODED_RUSTFLAGS").cloned();
    let own = own.or_else(|| Some(env.get("RUSTFLAGS")?.split_whitespace().collect::<Vec<_>>().join("\u{1f}")));
    match own {
        Some(own) => {
            let all: Vec<String> = std::iter::once(own).filter(|own| !own.is_empty()).chain(flags).collect();
            cargo.env("CARGO_ENCODED_RUSTFLAGS", all.join("\u{1f}"));
        }
        None => {
            let flags: Vec<String> = flags.map(|flag| toml::Value::String(flag).to_string()).collect();
            cargo.args(["--config", &format!("target.{target}.rustflags=[{}]", flags.join(","))]);
        }
    }
}

/// The library that cargo built from the package in the directory.
fn library(messages: &str, directory: &Path) -> Option<PathBuf> {
    let manifest = directory.join(MANIFEST).canonicalize().ok()?;
    messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let made = message["reason"] == "compiler-artifact"
            && Path::new(message["manifest_path"].as_str()?).canonicalize().ok()? == manifest
            && message["target"]["crate_types"].as_array()?.iter().any(|kind| kind == "cdylib");
        let files = message["filenames"].as_array().filter(|_| made)?;
        files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_home_of_cargo_is_none() {
        let home = |set: &[(&str, &str)]| {
            cargo_home(&set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        assert_eq!(home(&[("CARGO_HOME", "/c"), ("HOME", "/h")]), Some(PathBuf::from("/c")));
        assert_eq!(home(&[("CARGO_HOME", ""), ("HOME", "/h")]), Some(PathBuf::from("/h/.cargo")));
        assert_eq!(home(&[("CARGO_HOME", ""), ("HOME", "")]), None);
    }
}
