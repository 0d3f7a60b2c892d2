//! The guests of `tests/guests`, compiled once and converted to components.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-unknown-unknown";

/// A guest as a component.
pub fn component(name: &str) -> Vec<u8> {
    encode(&core_module(name))
}

/// A guest as the compiler produced it: a core module with embedded WIT.
pub fn core_module(name: &str) -> Vec<u8> {
    let file = build().join(name.replace('-', "_")).with_extension("wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Converts a core module with embedded WIT to a component.
pub fn encode(module: &[u8]) -> Vec<u8> {
    let encoder =
        wit_component::ComponentEncoder::default().validate(true).module(module).map(|mut encoder| encoder.encode());
    encoder.flatten().expect("a core module with its WIT")
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the repository")
}

/// The target directory of the running test.
pub fn target_directory() -> PathBuf {
    // <target>/<profile>/deps/<test>
    let test = std::env::current_exe().expect("the running test");
    test.ancestors().nth(3).expect("a test stands in a target directory").to_path_buf()
}

/// Builds all guests, once per process; cargo itself serialises several processes. Returns the directory of the
/// modules.
fn build() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = target_directory().join("guests");
        let output = cargo()
            .current_dir(repository().join("tests/guests"))
            .args(["build", "--release", "--locked", "--quiet", "--target", TARGET, "--target-dir"])
            .arg(&target)
            .output()
            .expect("cargo");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the guests of the tests do not compile:\n{messages}");
        target.join(TARGET).join("release")
    })
}

/// A cargo that can compile for WebAssembly.
fn cargo() -> Command {
    let toolchain = toolchain();
    let mut command = native_cargo();
    if let Some(toolchain) = toolchain {
        command.arg(format!("+{toolchain}"));
    }
    command
}

/// A cargo command without the variables that the outer cargo sets.
pub fn native_cargo() -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if (name.starts_with("CARGO") && name != "CARGO_HOME") || (name.starts_with("RUST") && name != "RUSTUP_HOME") {
            command.env_remove(&*name);
        }
    }
    command
}

/// The toolchain that has the target: `None` for the default one, otherwise the first of rustup's.
fn toolchain() -> Option<String> {
    if toolchain_has(None, TARGET) {
        return None;
    }
    let listed = Command::new("rustup").args(["toolchain", "list", "--quiet"]).output();
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let names = listed.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    let found = names.into_iter().find(|name| toolchain_has(Some(name), TARGET));
    assert!(found.is_some(), "no Rust toolchain has a standard library for {TARGET}; run scripts/setup");
    found
}

/// Whether the toolchain in which migrations of tests are built has a standard library for a target.
pub fn has_target(target: &str) -> bool {
    toolchain_has(toolchain().as_deref(), target)
}

fn toolchain_has(toolchain: Option<&str>, target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(repository()).env_remove("RUSTUP_TOOLCHAIN");
    rustc.args(toolchain.map(|name| format!("+{name}"))).args(["--print", "target-libdir", "--target", target]);
    let Ok(output) = rustc.output() else { return false };
    // rustc prints the directory whether or not it exists.
    let directory = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(mut entries) = std::fs::read_dir(directory) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}
