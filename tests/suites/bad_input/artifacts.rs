//! Components that differ from the lockfile, or that are not migrations.

use super::*;

#[test]
fn changed_after_the_build() {
    let project = with_component();
    let mut bytes = guests::component("hostile");
    bytes.extend([0, 4, 3, b'a', b'b', b'c']);
    project.write("migrations/2_guest.wasm", bytes);
    for verb in ["apply", "validate", "plan"] {
        refused(&project, verb, 4, &["2_guest", "runner.lock", "hint:"]);
    }
}

#[test]
fn missing_from_the_directory() {
    let project = with_component();
    std::fs::remove_file(project.file("migrations/2_guest.wasm")).unwrap();
    for verb in ["apply", "validate", "plan"] {
        refused(&project, verb, 4, &["2_guest", "runner.lock", "hint:"]);
    }
}

#[test]
fn missing_from_the_lockfile() {
    let project = with_component();
    std::fs::remove_file(project.file("runner.lock")).unwrap();
    refused(&project, "apply", 4, &["2_guest", "runner build"]);
}

#[test]
fn changed_asset() {
    let project = project!();
    project
        .sql("1_people", PEOPLE, "DROP TABLE people;")
        .write("migrations/2_guest/assets/note.txt", "a note")
        .component("2_guest", &guests::component("hostile"));
    project.write("migrations/2_guest/assets/note.txt", "another note");
    refused(&project, "apply", 4, &["2_guest", "note.txt"]);
    std::fs::remove_file(project.file("migrations/2_guest/assets/note.txt")).unwrap();
    refused(&project, "apply", 4, &["note.txt"]);
    project.write("migrations/2_guest/assets/note.txt", "a note").write("migrations/2_guest/assets/new.txt", "x");
    refused(&project, "apply", 4, &["new.txt"]);
}

#[test]
fn changed_after_it_was_applied() {
    let project = with_component();
    project.sql("1_people", &PEOPLE.replace("'one'", "'two'"), "DROP TABLE people;");
    refused(&project, "apply", 4, &["1_people.up.sql", "runner.lock", "hint:"]);
    // The lockfile accepts it, but the history still objects.
    project.runner("build 1").succeeds();
    refused(&project, "apply", 4, &["was changed after it was applied", "1_people", "redo"]);
    project.runner("status").prints(&["changed"]);
}

/// The output of `build` for bytes that are not a migration.
fn build(bytes: &[u8]) -> Output {
    let project = project!();
    project.write("migrations/1_bytes.wasm", bytes);
    let output = project.runner("build");
    output.says(&["1_bytes", if output.exit_code() == Some(7) { "more than" } else { "hint:" }]);
    output
}

#[test]
fn empty() {
    build(b"").exits(1).says(&["is not WebAssembly"]);
}

#[test]
fn not_webassembly() {
    build(b"#!/bin/sh\necho hello\n").exits(1).says(&["is not WebAssembly"]);
}

#[test]
fn truncated() {
    let bytes = guests::component("hostile");
    for length in [8, 100, bytes.len() / 2, bytes.len() - 1] {
        build(&bytes[..length]).exits(1);
    }
}

#[test]
fn damaged() {
    let mut bytes = guests::component("hostile");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    build(&bytes).exits(1);
}

#[test]
fn not_a_component() {
    build(&components::core_module()).exits(1).says(&["core module without embedded WIT"]);
}

#[test]
fn exporting_nothing() {
    build(&components::empty()).exits(1).says(&["`describe`, `upgrade`, `downgrade`"]);
}

#[test]
fn of_another_world() {
    build(&components::other_world()).exits(1).says(&["not a migration", "`run`", "`upgrade`"]);
}

#[test]
fn of_other_types() {
    build(&components::other_types()).exits(1).says(&["types", "runner:migration@0.1.0"]);
}

#[test]
fn with_unknown_imports() {
    let output = build(&components::importing(&["wasi:cli/environment@0.2.0", "wasi:filesystem/types@0.2.0"]));
    output.exits(1).says(&["`wasi:cli/environment@0.2.0`", "`wasi:filesystem/types@0.2.0`", "migrations have no WASI"]);
    build(&components::importing(&["acme:mail/send@1.0.0"])).exits(1).says(&["`acme:mail/send@1.0.0`"]);
    let output = build(&components::importing(&["runner:migration/sql@9.0.0"]));
    output.exits(1).says(&["`runner:migration/sql@9.0.0`", "another version"]);
}

#[test]
fn too_large() {
    let project = project!();
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.resize(2 << 20, 0);
    project.write("migrations/1_large.wasm", bytes);
    project.runner("build --limit artifact_bytes=1MiB").exits(7).says(&["1_large", "artifact_bytes", "1MiB"]);
    let file = std::fs::File::options().write(true).open(project.file("migrations/1_large.wasm")).unwrap();
    file.set_len(65 << 20).unwrap();
    project.runner("build").exits(7).says(&["artifact_bytes", "64MiB"]);
}

/// Code that runs before any function of the contract is called.
#[test]
fn misbehaving_at_the_start() {
    for (module, code, says) in [
        ("(func $start (loop (br 0)))", 7, "limit `fuel`"),
        ("(func $start (call $start))", 7, "limit `stack`"),
        ("(func $start unreachable)", 1, "unreachable"),
        ("(memory 1) (func $start (loop (drop (memory.grow (i32.const 100))) (br 0)))", 7, "limit `guest_memory`"),
        ("(memory 65536) (func $start)", 7, "limit `guest_memory`"),
        (
            "(table 1 funcref) (func $start (loop (drop (table.grow (ref.null func) (i32.const 9999))) (br 0)))",
            7,
            "limit `tables`",
        ),
        ("(table 10000000 funcref) (func $start)", 7, "200000 table elements"),
    ] {
        let project = project!();
        project.write("migrations/1_start.wasm", components::starting(module));
        project.runner("build --limit fuel=50_000_000").exits(code).says(&[says, "1_start"]);
    }
}

/// Small files that take a long time to compile.
#[test]
fn compiler_bombs() {
    build(&components::deep(5_000)).exits(7).says(&["2000 nested blocks"]);
    build(&components::wide(200_001)).exits(7).says(&["200000 functions"]);
}
