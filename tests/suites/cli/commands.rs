//! `[build]` in `migration.toml`: components that a command makes.

use super::*;

pub(super) const MIGRATION: &str = "migrations/1_made";

/// A project whose migration is made by a shell script.
pub(super) fn made_by(script: &str) -> TestProject {
    let project = project!();
    let manifest = "[build]\ncommand = [\"sh\", \"make.sh\"]\nartifact = \"build/module.wasm\"\n";
    project.write(&format!("{MIGRATION}/migration.toml"), manifest).write(&format!("{MIGRATION}/make.sh"), script);
    project.write(&format!("{MIGRATION}/core.bin"), guests::core_module("hostile"));
    project
}

#[test]
fn a_command_makes_a_component() {
    let project = made_by("echo making\necho \"in $(basename \"$PWD\")\" >&2\ncp core.bin build/module.wasm\n");
    let built = project.runner("build --format json");
    // What the command prints is no part of the result.
    built.succeeds().says(&["making", "in 1_made"]);
    assert_eq!(json(&built)["artifacts"][0]["compiled"], true, "{built}");
    let artifact = std::fs::read(project.file("migrations/1_made.wasm")).unwrap();
    assert_eq!(&artifact[..8], b"\0asm\x0d\0\x01\0");
    project.runner("validate --locked").succeeds();
    // Nothing changed: the command does not run again, although it wrote a file.
    let again = project.runner("build");
    again.succeeds();
    assert!(!again.stderr.contains("making"), "{again}");
    project.write(&format!("{MIGRATION}/make.sh"), "echo making again\ncp core.bin build/module.wasm\n");
    project.runner("status").says(&["1_made"]);
    project.runner("build").succeeds().says(&["making again"]);
}

/// Directories that commands write may be larger than any source, and unreadable; a file of such a name is source.
#[test]
fn what_a_build_command_writes_is_no_source_and_is_not_read() {
    let project = made_by("cp core.bin build/module.wasm\n");
    project.runner("build").succeeds();
    for directory in ["build", "node_modules/deep", "inner/__pycache__", "inner/zig-cache"] {
        let file = format!("{MIGRATION}/{directory}/large");
        project.write(&file, "");
        let file = std::fs::File::options().write(true).open(project.file(&file)).unwrap();
        file.set_len(1 << 40).unwrap();
    }
    project.write(&format!("{MIGRATION}/inner/module.wasm"), "made as well");
    project.runner("validate --locked").succeeds().does_not_say(&["changed", "runner build"]);
    let status = project.runner("status");
    status.succeeds().does_not_say(&["runner build"]);
    project.write(&format!("{MIGRATION}/inner/build"), "a file");
    project.runner("status").says(&["1_made"]);
}

#[test]
fn a_component_and_text_are_taken_as_they_are() {
    let project = made_by("cp component.bin build/module.wasm\n");
    let component = guests::component("hostile");
    project.write(&format!("{MIGRATION}/component.bin"), &component);
    project.runner("build").succeeds();
    assert_eq!(std::fs::read(project.file("migrations/1_made.wasm")).unwrap(), component);
    // Without a command, the artifact that is named is the source.
    let project = project!();
    project.write("migrations/1_ready/migration.toml", "[build]\nartifact = \"made.wasm\"\n");
    for name in ["hostile", "granted"] {
        let made = guests::component(name);
        project.write("migrations/1_ready/made.wasm", &made).runner("build").succeeds();
        assert_eq!(std::fs::read(project.file("migrations/1_ready.wasm")).unwrap(), made, "{name}");
    }
    // A module in text form, without any command, that names its world.
    let project = project!();
    project
        .write("migrations/1_wat/migration.toml", "[build]\nartifact = \"module.wat\"\nworld = \"migration\"\n")
        .write("migrations/1_wat/module.wat", WAT);
    project.runner("build").succeeds();
    assert!(project.read("runner.lock").contains("summary = \"by hand\""));
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
    project.write("migrations/1_wat/module.wat", WAT.replace("by hand", "once more"));
    project.runner("build").succeeds();
    assert!(project.read("runner.lock").contains("summary = \"once more\""));
    project.write("migrations/1_wat/module.wat", "(module (func (export");
    project.runner("build 1").exits(1).says(&["`1_wat/module.wat` is not WebAssembly text", "1_wat"]);
    project.write("migrations/1_wat/module.wat", "(module)");
    project.runner("build 1").exits(1).says(&["cannot convert `1_wat/module.wat` to a component", "describe"]);
}

/// A migration that does nothing.
const WAT: &str = r#"(module
  (memory (export "memory") 1)
  (data (i32.const 64) "by hand")
  ;; summary, depends on, mode, dialects, irreversible, needs
  (func (export "describe") (result i32)
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (call $size))
    (i32.const 0))
  (func $size (result i32) (local $n i32)
    (block $end (loop $next
      (br_if $end (i32.eqz (i32.load8_u (i32.add (i32.const 64) (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $next)))
    (local.get $n))
  (func (export "upgrade") (result i32) (i32.const 128))
  (func (export "downgrade") (result i32) (i32.const 128))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
"#;

/// Calls of a system that a library makes by itself are answered inside of the component; others are an error.
#[test]
fn wasi_is_answered_or_refused() {
    let project = project!();
    let asks = |call: &str, how: &str| {
        WAT.replacen(
            "(module\n",
            &format!("(module\n  (import \"wasi_snapshot_preview1\" \"{call}\" (func $ask {how}))\n"),
            1,
        )
    };
    let clock = asks("clock_time_get", "(param i32 i64 i32) (result i32)").replace(
        "(func (export \"upgrade\") (result i32) ",
        "(func (export \"upgrade\") (result i32) (drop (call $ask (i32.const 0) (i64.const 0) (i32.const 256)))\n    \
         (if (i64.ne (i64.load (i32.const 256)) (i64.const 1000001000)) (then unreachable)) ",
    );
    project
        .write("migrations/1_wat/migration.toml", "[build]\nartifact = \"module.wat\"\nworld = \"migration\"\n")
        .write("migrations/1_wat/module.wat", clock);
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
    // An SDK can make the clock of the day stand at the time of the run, and random bytes follow its seed.
    let follows = asks("clock_time_get", "(param i32 i64 i32) (result i32)")
        .replace(
            "(module\n",
            "(module\n  (import \"wasi_snapshot_preview1\" \"runner_follow_run\" (func $follow (param i64 i64)))\n  \
             (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))\n",
        )
        .replace(
            "(func (export \"upgrade\") (result i32) ",
            "(func $clock (param i32) (result i64) (drop (call $ask (local.get 0) (i64.const 0) (i32.const 256))) (i64.load (i32.const 256)))\n  \
             (func $byte (result i32) (drop (call $random (i32.const 256) (i32.const 8))) (i32.load (i32.const 256)))\n  \
             (func (export \"upgrade\") (result i32) (local i32)\n    \
             (call $follow (i64.const 7000) (i64.const 5)) (local.set 0 (call $byte))\n    \
             (if (i64.ne (call $clock (i32.const 0)) (i64.const 7000)) (then unreachable))\n    \
             (if (i64.ne (call $clock (i32.const 0)) (i64.const 7000)) (then unreachable))\n    \
             (if (i64.eq (call $clock (i32.const 1)) (call $clock (i32.const 1))) (then unreachable))\n    \
             (if (i32.eq (call $byte) (local.get 0)) (then unreachable))\n    \
             (call $follow (i64.const 8000) (i64.const 5))\n    \
             (if (i32.ne (call $byte) (local.get 0)) (then unreachable))\n    ",
        );
    project.write("migrations/1_wat/module.wat", follows);
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
    // What needs a system can be imported, and answers that there is none.
    let removes = asks("path_remove_directory", "(param i32 i32 i32) (result i32)").replace(
        "(func (export \"upgrade\") (result i32) ",
        "(func (export \"upgrade\") (result i32)\n    \
         (if (i32.ne (call $ask (i32.const 3) (i32.const 0) (i32.const 1)) (i32.const 58)) (then unreachable)) ",
    );
    project.write("migrations/1_wat/module.wat", removes);
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
    project.write("migrations/1_wat/module.wat", asks("proc_fork", "(result i32)"));
    project.runner("build").exits(1).says(&[
        "cannot convert `1_wat/module.wat`",
        "proc_fork",
        "hint: WASI is not available",
    ]);
}

#[test]
fn what_fails_in_a_build_is_told() {
    let manifest = format!("{MIGRATION}/migration.toml");
    for (script, code, said) in [
        (
            "echo main.c:3: no >&2; exit 3",
            1,
            &["main.c:3: no", "`sh make.sh` failed: exit status: 3", "1_made", "hint: see"][..],
        ),
        ("true", 2, &["`sh make.sh` succeeded and did not write `1_made/build/module.wasm`", "hint: `artifact`"]),
        ("echo nothing > build/module.wasm", 1, &["`1_made/build/module.wasm` is not WebAssembly"]),
        (
            "printf '\\000asm\\001\\000\\000\\000' > build/module.wasm",
            1,
            &["is a core module without embedded WIT", "name its `world` in `migration.toml`"],
        ),
        ("printf '\\000asm\\015\\000\\001\\000' > build/module.wasm", 1, &["1_made", "describe"]),
    ] {
        let project = made_by(script);
        project.runner("build").exits(code).says(said);
        assert!(!project.file("migrations/1_made.wasm").exists() && !project.file("runner.lock").exists(), "{script}");
    }
    for (text, said) in [
        (
            "[build]\ncommand = [\"no-such-compiler\"]\nartifact = \"a.wasm\"\n",
            &["cannot run `no-such-compiler`", "hint: install it"][..],
        ),
        (
            "[build]\ncommand = [\"true\"]\nartifact = \"a.wasm\"\n[build.tools]\n\"get it\" = [\"sh\", \"-c\", \"echo no such >&2; false\"]\n",
            &["a tool is missing", "no such", "hint: install it: `get it`"],
        ),
        (
            "[build]\ncommand = [\"true\"]\nartifact = \"a.wasm\"\n[build.tools]\n\"get it\" = [\"no-such-tool\", \"--version\"]\n",
            &["a tool is missing: cannot run `no-such-tool`", "hint: install it: `get it`"],
        ),
        // The environment is that of the checks, too; what has no command has a page.
        (
            "[build]\ncommand = [\"true\"]\nartifact = \"a.wasm\"\n[build.env]\nMADE = \"so\"\n[build.tools]\n\"it: https://get.it\" = [\"sh\", \"-c\", \"echo made $MADE >&2; false\"]\n",
            &["a tool is missing", "made so", "hint: install it: https://get.it"],
        ),
        (
            "[build]\ncommand = [\"sh\", \"-c\", \"echo made $MADE >&2\"]\nartifact = \"a.wasm\"\n[build.env]\nMADE = \"so\"\n",
            &["made so", "did not write"],
        ),
        ("[build]\ncommand = [\"true\"]\n", &["`build.artifact` is missing", "migration.toml:1", "hint:"]),
    ] {
        let project = made_by("");
        project.write(&manifest, text);
        project.runner("build").exits(2).says(said);
    }
    // Source code without a manifest says what to do.
    let project = project!();
    project.write("migrations/1_go/main.go", "package main");
    project.runner("build").exits(2).says(&["is written in Go, and nothing says how it is built", "`migration.toml`"]);
}
