//! Small components that take much time or memory to compile.

use std::fmt::Write as _;
use std::time::Duration;

use runner_tests::text_guests::TextGuest;
use runner_tests::{Running, components, until};

use super::*;

/// A component whose core module has one function with this body.
fn function(body: &str) -> Vec<u8> {
    components::parse(&format!(
        "(component (core module (type $t (func)) (table 1 funcref) (func $f (local $x i32) {body})))"
    ))
}

/// A component whose core module contains this text.
fn module(text: &str) -> Vec<u8> {
    components::parse(&format!("(component (core module {text}))"))
}

/// A component that instantiates another twice, which instantiates a third twice, and so on.
fn doubling(levels: usize, innermost: &str) -> Vec<u8> {
    let mut text = format!("(component $c0 {innermost})");
    for level in 1..=levels {
        let inner = level - 1;
        write!(text, "(component $c{level} (instance (instantiate $c{inner})) (instance (instantiate $c{inner})))")
            .unwrap();
    }
    components::parse(&format!("(component {text} (instance (instantiate $c{levels})))"))
}

const LIFTED: &str = r#"(core module $m (func (export "f"))) (core instance $i (instantiate $m))"#;

/// What is refused before it is compiled, and what the message names.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let globals = "(global i32 (i32.const 0))".repeat(50_000);
    let lifts = r#"(func (canon lift (core func $i "f")))"#;
    let types = "(type (record (field \"a\" u8)))".repeat(2_000);
    let parameters = format!("(type (func (param {})))", "i32 ".repeat(600));
    let segments = |count: usize| format!("(table 1 funcref) (func $f) (elem func {})", "$f ".repeat(count));
    vec![
        ("instances of instances", doubling(20, ""), "1000 component instances"),
        ("instances of instances, 60 deep", doubling(60, ""), "1000 component instances"),
        (
            "core instances in each of them",
            doubling(8, &format!("(core module $m){}", "(core instance (instantiate $m))".repeat(5))),
            "1000 core instances",
        ),
        (
            "core instances",
            components::parse(&format!(
                "(component (core module $m) {})",
                "(core instance (instantiate $m))".repeat(1_001)
            )),
            "1000 core instances",
        ),
        (
            "functions lifted in each instance",
            doubling(8, &format!("{LIFTED}{}", lifts.repeat(100))),
            "functions lifted or lowered",
        ),
        ("definitions in each instance", doubling(8, &types), "definitions in its instances"),
        (
            "state in each instance",
            components::parse(&format!(
                "(component (core module $m {globals}) {})",
                "(core instance (instantiate $m))".repeat(100)
            )),
            "bytes of state",
        ),
        (
            "a component as an argument",
            components::parse(r#"(component (import "c" (component)))"#),
            "imports a component",
        ),
        (
            "a component as an argument, inside",
            components::parse(r#"(component (component $a (import "c" (component $c)) (instance (instantiate $c))))"#),
            "imports a component",
        ),
        (
            "a module as an argument",
            components::parse(r#"(component (import "m" (core module)))"#),
            "imports a core module",
        ),
        (
            "a component out of an instance",
            components::parse(
                r#"(component (component $a (component $b) (export "b" (component $b))) (instance $i (instantiate $a))
                    (alias export $i "b" (component $b)) (instance (instantiate $b)))"#,
            ),
            "takes a component out of an instance",
        ),
        (
            "a module out of an instance",
            components::parse(
                r#"(component (component $a (core module $b) (export "b" (core module $b))) (instance $i (instantiate $a))
                    (alias export $i "b" (core module $b)) (core instance (instantiate $b)))"#,
            ),
            "takes a core module out of an instance",
        ),
        (
            "components inside each other",
            components::parse(&format!("(component {}{})", "(component ".repeat(40), ")".repeat(40))),
            "16 components inside each other",
        ),
        (
            "components",
            components::parse(&format!("(component {})", "(component)".repeat(600))),
            "500 nested components",
        ),
        ("modules", components::parse(&format!("(component {})", "(core module)".repeat(300))), "250 core modules"),
        ("types", module(&"(type (func))".repeat(50_001)), "50000 types"),
        ("parameters of types", module(&parameters.repeat(1_000)), "500000 parameters and results"),
        ("globals", module(&globals.repeat(3)), "100000 globals"),
        (
            // Each has an initial content of 60 MiB, of which two bytes are written.
            "gaps in memories",
            components::parse(&format!(
                "(component {})",
                r#"(core module (memory 960) (data (i32.const 0) "x") (data (i32.const 62914558) "x"))"#.repeat(2)
            )),
            "bytes between its data segments",
        ),
        (
            "memories",
            components::parse(&format!("(component {})", "(core module (memory 1))".repeat(65))),
            "64 memories",
        ),
        ("tables", module(&"(table 1 funcref)".repeat(200)), "100 tables"),
        ("table elements", module("(table 100000000 funcref)"), "200000 table elements"),
        ("elements of segments", module(&segments(400_001)), "400000 elements"),
        (
            "exports",
            module(&(0..200_001).fold("(func $f)".to_owned(), |mut text, n| {
                write!(text, r#"(export "{n}" (func $f))"#).unwrap();
                text
            })),
            "200000 exports",
        ),
        ("functions", components::wide(200_001), "200000 functions"),
        ("nested blocks", components::deep(5_000), "2000 nested blocks"),
        (
            "nested loops",
            function(&format!("{}{}", "(loop (br_if 0 (local.get $x)) ".repeat(3_000), ")".repeat(3_000))),
            "2000 nested blocks",
        ),
        ("branches", function(&"(if (local.get $x) (then nop) (else nop))".repeat(20_000)), "10000 blocks"),
        ("indirect calls", function(&"(call_indirect (type $t) (local.get $x))".repeat(50_000)), "2000 indirect calls"),
        ("calls", function(&"(call $f)".repeat(100_000)), "10000 calls"),
        (
            "arithmetic",
            function(&"(local.set $x (i32.add (local.get $x) (i32.const 1)))".repeat(400_000)),
            "bytes of code",
        ),
        (
            "a table of branches",
            function(&format!("(block (br_table {} (local.get $x)))", "0 ".repeat(100_000))),
            "blocks and branches",
        ),
        ("locals", module(&format!("(func (local {}))", "i32 ".repeat(40_000))), "5000 locals"),
        (
            "locals where branches meet",
            module(&format!("(func (local {}) {})", "i32 ".repeat(4_000), "(block (br 0))".repeat(2_000))),
            "locals times blocks",
        ),
    ]
}

#[test]
fn bombs_are_refused_before_they_are_compiled() {
    let sandbox = Sandbox::new(SandboxOptions { jobs: 1, ..SandboxOptions::default() });
    let mut wrong = Vec::new();
    for (name, bytes, says) in refused() {
        match sandbox.describe(&bytes, None) {
            Err(error) if error.kind == runner::ErrorKind::Denied && error.message.contains(says) => {}
            Err(error) => wrong.push(format!("{name}: {error:#}")),
            Ok(_) => wrong.push(format!("{name}: accepted")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is within the bounds, and invalid: the compiler says so, and quickly.
#[test]
fn invalid_components_of_any_shape_are_refused() {
    let project = project!();
    let mut tuples = "(type $t0 (tuple u8 u8))".to_owned();
    for level in 1..40 {
        let inner = level - 1;
        write!(tuples, "(type $t{level} (tuple $t{inner} $t{inner}))").unwrap();
    }
    let mut lists = "(type $t0 (list u8))".to_owned();
    for level in 1..300 {
        write!(lists, "(type $t{level} (list $t{}))", level - 1).unwrap();
    }
    for types in [tuples, lists] {
        project.write("migrations/1_invalid.wasm", components::parse(&format!("(component {types})")));
        project.runner("build").exits(1).says(&["1_invalid"]);
    }
}

/// A migration within all bounds that takes seconds and hundreds of megabytes to compile.
fn slow() -> Vec<u8> {
    let work = "(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 3)) (local.get $x)))".repeat(4);
    let function = format!("(func (local $x i32) {work})");
    TextGuest::default().with(&function.repeat(100_000)).component()
}

fn slow_project() -> TestProject {
    let project = project!();
    project.write("migrations/1_slow.wasm", slow());
    project
}

#[test]
fn compiling_has_limits_of_its_own() {
    let project = slow_project();
    for (limit, says) in [
        ("compile_time=300ms", "limit `compile_time` of 300ms"),
        ("compile_memory=64MiB", "limit `compile_memory` of 64MiB"),
    ] {
        let mut command = project.command(["build", "--limit", limit]);
        let output = project.finish(command.env("XDG_CACHE_HOME", project.file("cache")));
        output.exits(7).says(&["1_slow", says, "raise it with"]).does_not_say(&["not valid", "damaged"]);
    }
    assert!(!project.file("runner.lock").exists() || !project.read("runner.lock").contains("slow"));
}

/// A project whose next migration is not in the cache, and takes seconds to compile.
#[cfg(target_os = "linux")]
fn uncached() -> TestProject {
    let project = slow_project();
    project.runner("build --limit compile_time=10m").succeeds();
    project
}

#[cfg(target_os = "linux")]
fn apply_uncached(project: &TestProject, limits: &[&str]) -> std::process::Command {
    let mut command = project.command(["apply"]);
    command.args(limits.iter().flat_map(|limit| ["--limit", limit]));
    command.env("XDG_CACHE_HOME", project.file("cache"));
    command
}

/// The compiling process of a run.
#[cfg(target_os = "linux")]
fn compiler_of(run: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{run}/task/{run}/children")).ok()?;
    let of_threads = std::fs::read_dir(format!("/proc/{run}/task"))
        .ok()?
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let all = of_threads.fold(children, |all, more| format!("{all} {more}"));
    all.split_whitespace().find_map(|id| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains("compile-component").then(|| id.parse().ok())?
    })
}

/// A run whose compiling process stands still, however long a test takes to look at it, once this is so of that process.
#[cfg(target_os = "linux")]
fn compiling(start: impl Fn(&TestProject) -> Running, is_ready: impl Fn(u32) -> bool) -> (TestProject, Running, u32) {
    loop {
        let project = uncached();
        let mut run = start(&project);
        let (id, mut found, mut is_over) = (run.id(), None, false);
        until("it compiles", || {
            found = compiler_of(id).filter(|id| is_ready(*id));
            is_over = run.try_wait().unwrap().is_some();
            found.is_some() || is_over
        });
        let Some(compiler) = found else { continue };
        send(compiler, libc::SIGSTOP);
        let stands_still =
            || std::fs::read_to_string(format!("/proc/{compiler}/stat")).is_ok_and(|stat| stat.contains(") T "));
        until("it stands still or has ended", || stands_still() || compiler_of(id) != Some(compiler));
        // Otherwise it was quicker than this test.
        if stands_still() {
            return (project, run, compiler);
        }
    }
}

#[cfg(target_os = "linux")]
fn send(process: u32, signal: i32) {
    unsafe { libc::kill(process as i32, signal) };
}

#[cfg(target_os = "linux")]
#[test]
fn what_ends_a_run_ends_compiling() {
    let project = uncached();
    project.finish(&mut apply_uncached(&project, &["wall_time=300ms"])).exits(7).says(&["limit `wall_time`"]);
    for (signal, code) in [("INT", 130), ("TERM", 143), ("KILL", 0)] {
        let start = |project: &TestProject| Running::start(&mut apply_uncached(project, &[]));
        let (project, mut run, compiler) = compiling(start, |_| true);
        run.signal(signal);
        let status = run.wait().unwrap();
        assert!(signal == "KILL" || status.code() == Some(code), "{signal}: {status}");
        // Nobody has ended it after KILL: it finds its pipe closed.
        send(compiler, libc::SIGCONT);
        until("the compiler is gone", || !std::path::Path::new(&format!("/proc/{compiler}/exe")).exists());
        project.runner("status").succeeds().prints(&["pending"]);
    }
}

/// The process that compiles has its pipes, its limits and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn the_compiler_has_nothing_but_its_pipes() {
    use std::process::Command;
    // A descriptor that the program which starts the runner left open.
    let start = |project: &TestProject| {
        let mut command = Command::new("sh");
        project.prepare(&mut command);
        command.env("XDG_CACHE_HOME", project.file("cache")).env("DATABASE_PASSWORD", "secret");
        command.args(["-c", &format!("exec 9<runner.toml; exec '{}' apply", project.binary().display())]);
        Running::start(&mut command)
    };
    let has_limits = |id: u32| {
        let limits = std::fs::read_to_string(format!("/proc/{id}/limits"));
        limits.is_ok_and(|limits| {
            limits.contains("Max cpu time") && !limits.contains("Max cpu time              unlimited")
        })
    };
    let (_project, _run, compiler) = compiling(start, has_limits);
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{compiler}/{file}")).unwrap();
    // A setting of the allocator, and nothing of the runner's own.
    assert_eq!(read("environ"), "MIMALLOC_ARENA_RESERVE=32MiB\0");
    let descriptors = std::fs::read_dir(format!("/proc/{compiler}/fd")).unwrap().flatten();
    let mut descriptors: Vec<_> = descriptors.map(|entry| entry.file_name().into_string().unwrap()).collect();
    descriptors.sort();
    assert_eq!(descriptors, ["0", "1", "2"]);
    let limits = read("limits");
    for limit in ["Max core file size        0", "Max file size             0"] {
        assert!(limits.contains(limit), "{limits}");
    }
    assert!(!limits.contains("Max address space         unlimited"), "{limits}");
    send(compiler, libc::SIGKILL);
}

/// A cached component is loaded as before: nothing is inspected and no process is started.
#[test]
fn the_cache_needs_no_compiler() {
    let project = project!();
    project.component("1_quick", &TextGuest::default().component());
    let without = project.run(["apply", "--limit", "compile_time=1ms"]);
    without.succeeds();
}

/// A program without a helper stops waiting, too.
#[test]
fn a_thread_that_compiles_is_not_waited_for() {
    let limits = Limits { compile_time: Some(Duration::from_millis(50)), ..Limits::default() };
    let sandbox = Sandbox::new(SandboxOptions { limits, jobs: 1, ..SandboxOptions::default() });
    let error = sandbox.describe(&slow(), None).expect_err("it takes longer");
    assert_eq!(error.kind, runner::ErrorKind::Denied);
    assert!(error.message.contains("limit `compile_time` of 50ms"), "{error:#}");
}
