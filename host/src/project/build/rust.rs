//! Compiles guests written in Rust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::toolchain::{TARGET, command, find};
use crate::error::{Error, Result};
use crate::project::discovery::FoundEntry;
use crate::project::files::{ProjectFolder, explain};
use crate::project::problem::shown;
use crate::project::settings::Settings;

/// What is kept of compiling, below the project; guests share their compiled dependencies there.
const TARGET_FOLDER: &str = ".runner/target";

/// What to do about a folder that cannot be built.
pub(super) const LANGUAGES_HINT: &str = "this version builds Rust (a folder with a `Cargo.toml`); for other languages \
     build the component yourself, put it beside the folder as `REVISION_name.wasm` and run `runner build`";

/// Files by which the sources of other languages are known.
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

/// Whether the folder is a source that can be compiled. A source in another language is an error, unless its artifact
/// is there already.
pub(super) fn is_source(project: &ProjectFolder, folder: &FoundEntry, built: bool) -> Result<bool> {
    let name = &folder.file_name;
    let dir = project
        .open_folder(name, folder.link)
        .map_err(|error| Error::usage(format!("`{}` {}", shown(name), explain(&error))))?;
    if dir.is_file("Cargo.toml") {
        return Ok(true);
    }
    match OTHERS.iter().find(|(file, _)| dir.is_file(file)) {
        Some((_, language)) if !built => {
            Err(Error::usage(format!("`{name}` is written in {language}, which this version of runner does not build"))
                .hint(LANGUAGES_HINT))
        }
        _ => Ok(false),
    }
}

/// Compiles a guest to a core module.
pub(super) fn compile(settings: &Settings, source: &FoundEntry, env: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let folder = settings.migrations_folder().join(&source.file_name);
    let toolchain = find(settings.toolchain.as_ref(), &folder, env)?;
    let target_folder = target_folder(settings)?;
    let mut cargo = command("cargo", toolchain.as_deref(), &folder, env);
    cargo
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", target_folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    remap(&mut cargo, settings, env);
    let output = cargo.output().map_err(|error| {
        Error::usage("`cargo` cannot be started").cause(error).hint("install Rust from https://rustup.rs")
    })?;
    if !output.status.success() {
        return Err(Error::failed("`cargo build` failed").hint("see cargo's own messages above"));
    }
    let library = library(&String::from_utf8_lossy(&output.stdout), &folder).ok_or_else(|| {
        Error::usage(format!("`{}` builds no library for WebAssembly", source.file_name))
            .hint("its `Cargo.toml` needs `[lib]` with `crate-type = [\"cdylib\"]`")
    })?;
    std::fs::read(&library)
        .map_err(|error| Error::failed(format!("`{}` cannot be read", library.display())).cause(error))
}

/// The folder for what compiling leaves, hidden from version control by its neighbour.
fn target_folder(settings: &Settings) -> Result<PathBuf> {
    let target = settings.root.join(TARGET_FOLDER);
    let prepare = || {
        std::fs::create_dir_all(&target)?;
        let ignore = target.join(".gitignore");
        if ignore.exists() { Ok(()) } else { std::fs::write(ignore, "*\n") }
    };
    prepare().map_err(|error| Error::failed(format!("`{TARGET_FOLDER}` cannot be made")).cause(error))?;
    Ok(target)
}

/// Keeps this machine's paths out of the artifact: it tells nothing, and differs less from one built elsewhere.
fn remap(cargo: &mut Command, settings: &Settings, env: &BTreeMap<String, String>) {
    let home = || env.get("HOME").or_else(|| env.get("USERPROFILE")).map(|home| Path::new(home).join(".cargo"));
    let cargo_home = env.get("CARGO_HOME").map(PathBuf::from).or_else(home);
    let mut folders = vec![(settings.root.clone(), "/project")];
    folders.extend(settings.sdk.clone().and_then(|sdk| sdk.canonicalize().ok()).map(|sdk| (sdk, "/sdk")));
    if let Some(home) = cargo_home {
        // Of several prefixes that fit, the compiler takes the last: the registries' folders, whose names differ.
        let registries = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
        let registries: Vec<PathBuf> = registries.map(|entry| entry.path()).collect();
        folders.push((home, "/cargo"));
        folders.extend(registries.into_iter().map(|folder| (folder, "/crates")));
    }
    let flags = folders.iter().filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from.to_str()?)));
    // Flags in the environment would silence those of `--config`, which go together with a user's own settings.
    let own = env.get("CARGO_ENCODED_RUSTFLAGS").cloned();
    let own = own.or_else(|| Some(env.get("RUSTFLAGS")?.split_whitespace().collect::<Vec<_>>().join("\u{1f}")));
    match own {
        Some(own) => {
            let all: Vec<String> = std::iter::once(own).filter(|own| !own.is_empty()).chain(flags).collect();
            cargo.env("CARGO_ENCODED_RUSTFLAGS", all.join("\u{1f}"));
        }
        None => {
            let flags: Vec<String> = flags.map(|flag| toml::Value::String(flag).to_string()).collect();
            cargo.args(["--config", &format!("target.{TARGET}.rustflags=[{}]", flags.join(","))]);
        }
    }
}

/// The library that cargo says it made of the package in the folder.
fn library(messages: &str, folder: &Path) -> Option<PathBuf> {
    let manifest = folder.join("Cargo.toml").canonicalize().ok()?;
    messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let made = message["reason"] == "compiler-artifact"
            && Path::new(message["manifest_path"].as_str()?).canonicalize().ok()? == manifest
            && message["target"]["crate_types"].as_array()?.iter().any(|kind| kind == "cdylib");
        let files = message["filenames"].as_array().filter(|_| made)?;
        files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
    })
}
