//! Finds a Rust toolchain that can build for WebAssembly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use runner_base::error::{Error, Result};
use runner_project::origin::Sourced;

/// The toolchain that can build for a target: the name for `+NAME`, or `None` for the default one of `directory`.
pub(super) fn find(
    target: &str,
    wanted: Option<&Sourced<String>>,
    directory: &Path,
    env: &BTreeMap<String, String>,
) -> Result<Option<String>> {
    if let Some(Sourced { value: name, origin }) = wanted {
        return match has_target(target, Some(name), directory, env) {
            true => Ok(Some(name.clone())),
            false => Err(Error::usage(format!("the toolchain `{name}` cannot build for {target}"))
                .at("setting", origin.to_string())
                .hint(format!("run `rustup target add {target} --toolchain {name}`"))),
        };
    }
    if has_target(target, None, directory, env) {
        return Ok(None);
    }
    let able = installed(directory, env).into_iter().find(|name| has_target(target, Some(name), directory, env));
    able.map(Some).ok_or_else(|| {
        Error::usage(format!("no installed Rust toolchain can build for {target}"))
            .hint(format!("run `rustup target add {target}`, or set `[build] toolchain`"))
    })
}

/// A command of the toolchain in a directory, without the variables that an outer cargo sets.
pub(super) fn command(
    program: &str,
    toolchain: Option<&str>,
    directory: &Path,
    env: &BTreeMap<String, String>,
) -> Command {
    let mut command = Command::new(program);
    command.args(toolchain.map(|name| format!("+{name}"))).current_dir(directory);
    for name in env.keys().filter(|name| is_cargos(name)) {
        command.env_remove(name);
    }
    command
}

/// Variables that cargo and rustup set for child processes, when runner is started by `cargo run` or in a test.
fn is_cargos(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "CARGO",
        "CARGO_BUILD_TARGET",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_DIR",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
        "RUSTC",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
        "TARGET",
    ];
    const PREFIXES: [&str; 5] = ["CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the standard library for the target is installed.
fn has_target(target: &str, toolchain: Option<&str>, directory: &Path, env: &BTreeMap<String, String>) -> bool {
    let output =
        command("rustc", toolchain, directory, env).args(["--print", "target-libdir", "--target", target]).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else { return false };
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let is_std = |name: &str| name.starts_with("libstd") && name.ends_with(".rlib");
    let mut entries = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_str().is_some_and(is_std))
}

/// The toolchains of rustup; empty without it.
fn installed(directory: &Path, env: &BTreeMap<String, String>) -> Vec<String> {
    let output = command("rustup", None, directory, env).args(["toolchain", "list"]).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else { return Vec::new() };
    let names = String::from_utf8_lossy(&output.stdout);
    names.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}
