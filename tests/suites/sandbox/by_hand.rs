//! Guests written by hand, whose calls and answers no SDK would make. Each has its verdict, and the memory of the runner is
//! measured: whatever a guest passes, it must not rise by more than the guest's own limit and 64 MiB.

use std::fs::File;
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

use runner_tests::text_guests::{ANSWER, DESCRIPTION, RESULT, TextGuest};

use super::*;

/// What the runner may take beyond what a well-behaved guest makes it take, and the guest's own memory: 64 MiB, in KiB.
const MARGIN: i64 = 64 << 10;
/// Where a guest's own memory is free.
const FREE: u32 = 65_536;

/// A guest, and how a command with it has to end.
struct Case {
    name: &'static str,
    guest: TextGuest,
    limits: &'static [&'static str],
    code: i32,
    says: &'static [&'static str],
}

fn case(name: &'static str, guest: TextGuest, code: i32, says: &'static [&'static str]) -> Case {
    Case { name, guest, limits: &[], code, says }
}

impl Case {
    fn limits(self, limits: &'static [&'static str]) -> Self {
        Self { limits, ..self }
    }
}

/// Stores a number.
fn store(at: u32, number: u32) -> String {
    format!("(i32.store (i32.const {at}) (i32.const {number}))")
}

/// An address and a length, as two stores or as two arguments.
fn span(at: u32, count: u32) -> String {
    format!("(i32.const {at}) (i32.const {count})")
}

fn import(interface: &str, function: &str, parameters: &str) -> String {
    let name = function.trim_start_matches('[').replace([']', '.'], "-");
    format!(r#"(import "runner:migration/{interface}@0.1.0" "{function}" (func ${name} (param {parameters})))"#)
}

/// Returns the error that a call left, whose own place depends on the alignment of the call's result.
fn pass_on(error_at: u32) -> String {
    format!(
        "(if (i32.load8_u (i32.const {ANSWER})) (then (i32.store8 (i32.const {RESULT}) (i32.const 1))
            (memory.copy (i32.const {}) (i32.const {}) (i32.const 32))))",
        RESULT + 4,
        ANSWER + error_at
    )
}

fn execute() -> String {
    import("sql", "execute", "i32 i32 i32 i32 i32")
}

fn log() -> String {
    import("context", "log", "i32 i32 i32")
}

/// Describes with these two stores at a field of the description.
fn describing(field: u32, count: u32) -> TextGuest {
    TextGuest::describing(&(store(DESCRIPTION + field, FREE) + &store(DESCRIPTION + field + 4, count)))
}

/// Returns an error with a text of that length at a field: 8 is the code, 16 the message, 28 the detail.
fn failing(field: u32, length: u32) -> TextGuest {
    // 9: the migration itself failed.
    let kind = store(RESULT + 4, 9);
    let some_detail = if field == 28 { store(RESULT + 24, 1) } else { String::new() };
    let text = format!("(memory.fill (i32.const {FREE}) (i32.const 120) (i32.const {length}))");
    TextGuest::upgrading(
        &[text, store(RESULT, 1), kind, some_detail, store(RESULT + field, FREE), store(RESULT + field + 4, length)]
            .concat(),
    )
}

/// Reads a table with these arguments of the call: name, columns, filter.
fn reading(name: u32, columns: u32, filter: u32) -> TextGuest {
    let some_filter = u32::from(filter > 0);
    let call = format!(
        "(call $read-table (i32.const 0) {zeros} {name} {columns} {zeros} (i32.const {some_filter}) {filter} {zeros}
            (i32.const 0) (i32.const {ANSWER}))",
        zeros = span(0, 0),
        name = span(FREE, name),
        columns = span(FREE, columns),
        filter = span(FREE, filter),
    );
    let types = "i32 ".repeat(16);
    TextGuest::upgrading(&(call + &pass_on(4))).with(&import("batches", "read-table", types.trim()))
}

fn described() -> Vec<Case> {
    let large = &["one call of `describe` passed more than 256KiB", "describe"];
    let log_of = |length: u32| {
        TextGuest::describing(&format!("(call $log (i32.const 0) {})", span(FREE, length))).with(&log()).mib(1)
    };
    vec![
        case("60 million dialects", describing(20, 60_000_000).mib(64), 7, large),
        case("100 dialects", describing(20, 100), 1, &["names a database twice"]),
        case("a summary of 40 MB", describing(0, 40_000_000).mib(48), 7, large),
        case("a summary of 100 kB", describing(0, 100_000).mib(1), 1, &["not one line of at most 500 bytes"]),
        case("7 million dependencies", describing(8, 7_000_000).mib(64), 7, large),
        case("5,000 dependencies", describing(8, 5_000).mib(1), 7, &["5000 dependencies, more than 1000"]),
        case("1.5 million needs", describing(32, 1_500_000).mib(64), 7, large),
        case("1,500 needs", describing(32, 1_500).mib(1), 7, &["1500 needs, more than 1000"]),
        case("a message of 300 kB", log_of(300_000), 7, large),
        case("a message of 200 kB", log_of(200_000), 0, &[]),
        case("a message of 2 kB", log_of(2_000), 7, &["limit `host_call_bytes` of 1KiB", "describe"])
            .limits(&["host_call_bytes=1KiB"]),
        case("a summary beyond its memory", describing(0, 1 << 31), 1, &["describe"]),
        case("more dependencies than fit into memory", describing(8, u32::MAX), 1, &["describe"]),
        case(
            "a summary that is not UTF-8",
            TextGuest::describing(&(store(FREE, 0xffff_ffff) + &store(DESCRIPTION, FREE) + &store(DESCRIPTION + 4, 4))),
            1,
            &["describe", "utf-8"],
        ),
        case("an unknown mode", TextGuest::describing(&store(DESCRIPTION + 16, 99)), 1, &["describe"]),
        case("a loop", TextGuest::describing("(loop (br 0))"), 7, &["limit `fuel`", "describe"])
            .limits(&["fuel=50_000_000"]),
        case(
            "a loop of calls",
            TextGuest::describing(&format!("(loop (call $log (i32.const 0) {}) (br 0))", span(FREE, 1))).with(&log()),
            7,
            &["limit `host_calls` of 1000", "describe"],
        )
        .limits(&["host_calls=1_000"]),
        case(
            "bytes of calls",
            TextGuest::describing(&format!("(loop (call $log (i32.const 0) {}) (br 0))", span(FREE, 200_000)))
                .with(&log())
                .mib(1),
            7,
            &["limit `fuel` of 5000000", "describe"],
        )
        .limits(&["fuel=5_000_000", "host_calls=1_000"]),
        case(
            "all of its memory",
            TextGuest::describing("(loop (drop (memory.grow (i32.const 16))) (br 0))"),
            7,
            &["limit `guest_memory` of 32MiB", "describe"],
        )
        .limits(&["guest_memory=32MiB"]),
    ]
}

fn applied() -> Vec<Case> {
    let open_asset = import("context", "open-asset", "i32 i32 i32");
    let progress = import("context", "progress", "i64 i32 i64 i32 i32");
    let call_next = import("batches", "[method]reader.next", "i32 i32");
    let execute_of = |text: u32, parameters: u32| {
        let call = format!("(call $execute {} {} (i32.const {ANSWER}))", span(FREE, text), span(FREE, parameters));
        TextGuest::upgrading(&(call + &pass_on(8))).with(&execute())
    };
    let log_of = |level: u32, at: u32, length: u32| {
        TextGuest::upgrading(&format!("(call $log (i32.const {level}) {})", span(at, length))).with(&log())
    };
    vec![
        case("an error of 30 MB", failing(16, 30_000_000).mib(32), 1, &["more bytes)", "call: upgrade"]),
        case("an error of 200 MB", failing(16, 200_000_000).mib(200), 7, &["limit `host_call_bytes` of 32MiB"]),
        case("a detail of 20 MB", failing(28, 20_000_000).mib(32), 1, &["more bytes)"]),
        case("a code of 20 MB", failing(8, 20_000_000).mib(32), 1, &["more bytes)"]),
        case(
            "a statement of 20 MB",
            execute_of(20_000_000, 0).mib(32),
            7,
            &["20000000B", "limit `statement_bytes` of 1MiB"],
        ),
        case("a statement of 60 MB", execute_of(60_000_000, 0).mib(64), 7, &["limit `host_call_bytes` of 32MiB"]),
        case("100,000 parameters", execute_of(1, 100_000).mib(8), 7, &["100000 parameters, more than 65535"]),
        case("10 million parameters", execute_of(1, 10_000_000).mib(250), 7, &["limit `host_call_bytes`"]),
        case(
            "a table's name of 10 MB",
            reading(10_000_000, 0, 0).mib(16),
            7,
            &["a table's name is longer than 1000 bytes"],
        ),
        case("100,000 columns", reading(1, 100_000, 0).mib(8), 7, &["100000 columns, more than 32767"]),
        case("a filter of 20 MB", reading(1, 0, 20_000_000).mib(32), 7, &["limit `statement_bytes` of 1MiB"]),
        case(
            "an asset's path of 10 MB",
            TextGuest::upgrading(
                &(format!("(call $open-asset {} (i32.const {ANSWER}))", span(FREE, 10_000_000)) + &pass_on(4)),
            )
            .with(&open_asset)
            .mib(16),
            7,
            &["the path of an asset is longer than 4096 bytes"],
        ),
        case(
            "a transform's name of 10 MB",
            TextGuest::upgrading(
                &(store(4096, FREE)
                    + &store(4100, 10_000_000)
                    + &format!("(call $transform (i32.const 4096) (i32.const {ANSWER}))")
                    + &pass_on(8)),
            )
            .with(&import("batches", "transform", "i32 i32"))
            .mib(16),
            7,
            &["a transform's name is longer than 1000 bytes"],
        ),
        case(
            "a unit of 30 MB",
            TextGuest::upgrading(&format!(
                "(call $progress (i64.const 1) (i32.const 0) (i64.const 0) {})",
                span(FREE, 30_000_000)
            ))
            .with(&progress)
            .mib(32),
            0,
            &[],
        ),
        case("a message of 30 MB", log_of(1, FREE, 30_000_000).mib(32), 0, &["used up its log volume"]),
        case("a message of 60 MB", log_of(1, FREE, 60_000_000).mib(64), 7, &["limit `host_call_bytes`"]),
        case(
            "messages of 30 MB without end",
            TextGuest::upgrading(&format!("(loop (call $log (i32.const 2) {}) (br 0))", span(FREE, 30_000_000)))
                .with(&log())
                .mib(32),
            7,
            &["limit `host_calls` of 50"],
        )
        .limits(&["host_calls=50"]),
        case(
            "statements without end",
            TextGuest::upgrading(&format!(
                "(loop (call $execute {} {} (i32.const {ANSWER})) (br 0))",
                span(FREE, 1),
                span(0, 0)
            ))
            .with(&execute()),
            7,
            &["limit `host_calls` of 500"],
        )
        .limits(&["host_calls=500"]),
        case(
            "messages of 30 MB until the fuel is used up",
            TextGuest::upgrading(&format!("(loop (call $log (i32.const 2) {}) (br 0))", span(FREE, 30_000_000)))
                .with(&log())
                .mib(32),
            7,
            &["limit `fuel` of 200000000"],
        )
        .limits(&["fuel=200_000_000", "host_calls=50"]),
        case(
            "units of 30 MB until the time is over",
            TextGuest::upgrading(&format!(
                "(loop (call $progress (i64.const 1) (i32.const 0) (i64.const 0) {}) (br 0))",
                span(FREE, 30_000_000)
            ))
            .with(&progress)
            .mib(32),
            7,
            &["longer than the limit `wall_time` allows"],
        )
        .limits(&["wall_time=1s", "fuel=1_000_000_000_000_000"]),
        case("a message of NULs", log_of(1, FREE, 300_000).mib(1), 0, &["used up its log volume"]),
        case("an unknown level", log_of(77, FREE, 1), 1, &["call: upgrade"]),
        case("a message beyond its memory", log_of(1, 1 << 31, 100), 1, &["call: upgrade"]),
        case("a message that wraps around", log_of(1, u32::MAX, u32::MAX), 1, &["call: upgrade"]),
        case(
            "parameters at an odd address",
            TextGuest::upgrading(&format!(
                "(call $execute {} {} (i32.const {ANSWER}))",
                span(FREE, 1),
                span(FREE + 3, 1)
            ))
            .with(&execute()),
            1,
            &["call: upgrade"],
        ),
        case(
            "a reader that it made up",
            TextGuest::upgrading(&format!("(call $method-reader-next (i32.const 12345) (i32.const {ANSWER}))"))
                .with(&call_next),
            1,
            &["call: upgrade"],
        ),
        case(
            "an answer beyond its memory",
            TextGuest::upgrading(&format!("(call $execute {} {} (i32.const -8))", span(FREE, 1), span(0, 0)))
                .with(&execute()),
            1,
            &["call: upgrade"],
        ),
        case("a result beyond its memory", TextGuest::upgrading("(return (i32.const -4))"), 1, &["call: upgrade"]),
        case("an unknown result", TextGuest::upgrading(&store(RESULT, 7)), 1, &["call: upgrade"]),
    ]
}

/// Runs a command to completion, and returns how it ended, what it said, and the peak memory of the largest of its
/// processes, in KiB, as counted by the kernel.
fn measured(project: &TestProject, command: &mut Command) -> (ExitStatus, String, i64) {
    let errors = project.file("errors.txt");
    command.stdout(File::create(project.file("output.txt")).unwrap()).stderr(File::create(&errors).unwrap());
    // Its own, so that every run compiles.
    command.env("XDG_CACHE_HOME", project.file("cache"));
    let (status, peak) = runner_tests::peak(command);
    (status, String::from_utf8_lossy(&std::fs::read(errors).unwrap()).into_owned(), peak)
}

/// What a guest that does nothing makes the runner take, in KiB.
fn usual() -> i64 {
    static USUAL: OnceLock<i64> = OnceLock::new();
    *USUAL.get_or_init(|| {
        let project = with(&TextGuest::default());
        let (status, _, built) = measured(&project, &mut project.command(["build"]));
        assert!(status.success());
        let (status, errors, applied) = measured(&project, &mut project.command(["apply"]));
        assert!(status.success(), "{errors}");
        built.max(applied)
    })
}

fn with(guest: &TextGuest) -> TestProject {
    let project = project!();
    project.write("migrations/1_guest.wasm", guest.component());
    project
}

fn check(cases: Vec<Case>, verb: &str) {
    let mut wrong = Vec::new();
    for Case { name, guest, limits, code, says } in cases {
        let project = with(&guest);
        if verb == "apply" {
            project.runner("build").succeeds();
        }
        let mut command = project.command([verb]);
        command.args(limits.iter().map(|limit| format!("--limit={limit}")));
        let (status, errors, peak) = measured(&project, &mut command);
        // Pages that the guest does not touch are not in memory.
        let own = i64::from(guest.pages) * 64;
        let most = usual() + own + MARGIN;
        if status.code() != Some(code) {
            wrong.push(format!("{name}: {status}, expected {code}\n{}", short(&errors)));
        }
        for text in says.iter().filter(|text| !errors.contains(**text)) {
            wrong.push(format!("{name}: stderr lacks `{text}`\n{}", short(&errors)));
        }
        if errors.len() > 200_000 {
            wrong.push(format!("{name}: {} bytes of messages", errors.len()));
        }
        if peak > most {
            wrong.push(format!("{name}: a peak of {peak} KiB, more than {most}"));
        }
        if verb == "build" && project.file("runner.lock").exists() {
            let locked = project.read("runner.lock").len();
            if code != 0 && locked > 10_000 {
                wrong.push(format!("{name}: a lockfile of {locked} bytes"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn short(errors: &str) -> String {
    errors.chars().take(2_000).collect()
}

#[test]
fn descriptions_are_bounded_before_they_are_read() {
    check(described(), "build");
}

#[test]
fn calls_and_results_are_bounded_before_they_are_read() {
    check(applied(), "apply");
}

/// A process that may not have enough address space is told so, and not that its component is broken.
#[cfg(target_os = "linux")]
#[test]
fn want_of_address_space_is_not_the_components_fault() {
    let project = with(&TextGuest::default());
    for (limit, says) in [(2_000_000, "the system refused memory or address space"), (1_000_000, "address space")] {
        let mut command = Command::new("sh");
        project.prepare(&mut command);
        let binary = project.binary().display();
        command.args(["-c", &format!("ulimit -v {limit} && exec '{binary}' build")]);
        let (status, errors, _) = measured(&project, &mut command);
        assert_eq!(status.code(), Some(1), "{errors}");
        assert!(errors.contains(says) && errors.contains("ulimit -v"), "{errors}");
        assert!(!errors.contains("not valid WebAssembly") && !errors.contains("toolchain"), "{errors}");
    }
}
