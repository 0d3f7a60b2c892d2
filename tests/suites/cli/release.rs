//! `scripts/release` with tools that stand in for a compiler of static binaries, and what the `Dockerfile` must agree with.

use std::path::{Path, PathBuf};

use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A directory of programs that come before the system's.
struct Tools(TestProject);

impl Tools {
    fn new() -> Self {
        let tools = Self(project!(empty));
        tools.add("rustc", "echo \"$TOOLS/lib\"");
        tools.0.write("lib/libstd-0.rlib", "");
        tools.add("musl-gcc", "exit 1");
        // What cargo would build runs the binary under test.
        let binary = format!("#!/bin/sh\\nexec \\\"{}\\\" \\\"\\$@\\\"\\n", env!("CARGO_BIN_EXE_runner"));
        let target = "$CARGO_TARGET_DIR/$(uname -m)-unknown-linux-musl/dist";
        let metadata =
            format!("{{\"packages\": [{{\"name\": \"runner\", \"version\": \"{}\"}}]}}", env!("CARGO_PKG_VERSION"));
        tools.add(
            "cargo",
            &format!(
                "case $1 in\nmetadata) echo '{metadata}' ;;\n\
                 build) echo \"$@\" >\"$TOOLS/built\"; mkdir -p \"{target}\"; printf \"{binary}\" >\"{target}/runner\" ;;\nesac"
            ),
        );
        tools
    }

    fn add(&self, name: &str, script: &str) -> &Self {
        self.0.program(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        self
    }

    fn release(&self, arguments: &str) -> Output {
        let mut command = std::process::Command::new(repository().join("scripts/release"));
        self.0.prepare(&mut command);
        let path = format!("{}:{}", self.0.file("bin").display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("TOOLS", self.0.root()).env("CARGO_TARGET_DIR", self.0.file("target"));
        // The owner of a checkout may be another user than the one who runs tests.
        command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
        self.0.finish(command.args(arguments.split_whitespace()))
    }
}

#[test]
fn a_release_is_packed_the_same_each_time() {
    let tools = Tools::new();
    tools.add("readelf", "true");
    tools.release("--to one").succeeds().says(&["wrote", "bytes"]);
    let built = tools.0.read("built");
    assert!(built.contains("--profile dist --locked --package runner --bin runner --target"), "{built}");
    tools.release("--to two").succeeds();
    let archives = |directory: &str| -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(tools.0.file(directory)).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> =
            files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect();
        files.sort();
        files
    };
    let (one, two) = (archives("one"), archives("two"));
    assert_eq!(one.len(), 2);
    assert_eq!(one, two);
    let tar = std::process::Command::new("tar").arg("-tzvf").arg(tools.0.file("one").join(&one[0].0)).output().unwrap();
    let list = String::from_utf8(tar.stdout).unwrap();
    for file in ["/runner", "/LICENSE-MIT", "/completions/runner.bash", "/man/runner-apply.1"] {
        assert!(list.lines().any(|line| line.ends_with(file) && line.contains(" 0/0 ")), "{file}\n{list}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let tools = Tools::new();
    let rest = ["`readelf --dynamic`", "hint:"];
    tools.add("readelf", "echo 'INTERP 0x1'").release("--to out").exits(1).says(&["is not static"]).says(&rest);
    tools
        .add("readelf", "true")
        .add("cargo", "echo '{\"packages\": [{\"name\": \"runner\", \"version\": \"9.9.9\"}]}'");
    tools.release("--to out").exits(1).says(&["is not version 9.9.9"]);
    assert!(!tools.0.file("out").exists() || std::fs::read_dir(tools.0.file("out")).unwrap().count() == 0);
    std::fs::remove_file(tools.0.file("lib/libstd-0.rlib")).unwrap();
    tools.release("--check riscv").exits(2).says(&["unknown target `riscv`", "x86_64-unknown-linux-musl"]);
    tools.release("--to").exits(2).says(&["`--to` requires a directory"]);
    tools.release("--quick").exits(2).says(&["unknown option `--quick`"]);
    tools.release("--check x86_64-unknown-linux-musl").exits(1).says(&[
        "missing: the Rust standard library for x86_64-unknown-linux-musl",
        "rustup target add x86_64-unknown-linux-musl",
    ]);
}

#[test]
fn the_image_is_built_with_the_toolchain_of_the_project() {
    let read = |file: &str| std::fs::read_to_string(repository().join(file)).unwrap();
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("FROM rust:{version}-alpine AS build\n")), "{version}");
    assert!(dockerfile.contains(&format!("ENV RUSTUP_TOOLCHAIN={version}\n")), "{version}");
    // Whoever starts the image is nobody in particular.
    assert!(dockerfile.contains("\nUSER 65532:65532\n"));
}
