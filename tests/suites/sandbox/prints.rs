//! What the standard library of a language prints is logged, and what ends a program is the error: `tests/languages/*/prints.*`.

use runner_tests::text_guests::TextGuest;

use super::*;

/// Runs the migration of a language; then with its line `ends here` replaced by each of these, which end it with an error that says this.
fn prints(language: &str, source: &str, ends: &[(&str, &[&str])]) {
    let project = project!();
    project.runner(&format!("new prints --lang {language}")).succeeds();
    let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
    let made = names.map(|name| name.into_string().unwrap()).find(|name| name.contains("_prints")).unwrap();
    let end = source.rsplit('.').next().unwrap();
    let place = match language {
        "rust" => format!("migrations/{made}/src/lib.rs"),
        "javascript" | "python" => format!("migrations/{made}"),
        _ => format!("migrations/{made}/migration.{end}"),
    };
    let text = std::fs::read_to_string(guests::repository().join("tests/languages").join(source)).unwrap();
    for (statement, says) in ends {
        let marks = ["// ends here", "# ends here"].into_iter().filter(|mark| text.contains(mark)).collect::<Vec<_>>();
        assert_eq!(marks.len(), 1, "{source}");
        project.write(&place, text.replace(marks[0], statement));
        project.runner("build").succeeds();
        project.runner("apply").exits(1).says(says).says(&["call: upgrade", "left no changes"]);
    }
    project.write(&place, &text);
    project.runner("build").succeeds();
    let revision = made.split('_').next().unwrap();
    let applied = project.runner("apply");
    applied.succeeds();
    // Each line once, and those of a stream in their order; the batch function has streams of its own.
    let of = |level: &str| {
        let begin = format!("{level} {revision}: ");
        applied.stderr.lines().filter_map(|line| line.strip_prefix(&begin)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        of("info").iter().filter(|line| *line != "a batch").collect::<Vec<_>>(),
        ["one", "two", "three ä"],
        "{applied}"
    );
    assert_eq!(of("info").iter().filter(|line| *line == "a batch").count(), 1, "{applied}");
    assert_eq!(of("warning")[0], "wrong \u{fffd}", "{applied}");
}

#[test]
fn in_rust() {
    let out_of_bounds = "let none: Vec<u8> = Vec::new(); println!(\"{}\", none[none.len()]);";
    prints(
        "rust",
        "rust/prints.rs",
        &[
            (
                out_of_bounds,
                &[
                    "error: the migration panicked at src/lib.rs:24:",
                    "index out of bounds: the len is 0 but the index is 0",
                ],
            ),
            (
                "println!(\"{}\", i64::MAX - 1 + seven);",
                &["error: the migration panicked at src/lib.rs:24:", "attempt to add with overflow"],
            ),
        ],
    );
}

#[test]
fn in_go() {
    let goroutine = "done := make(chan int)\ngo func() { var none []int; done <- none[len(none)] }()\n<-done";
    prints(
        "go",
        "go/prints.go",
        &[
            (
                goroutine,
                &[
                    "error: the migration panicked: runtime error: index out of range [0] with length 0\n",
                    "caused by: goroutine ",
                    "migration.go:38",
                ],
            ),
            (
                "<-make(chan int)",
                &["error: the migration panicked: all goroutines are asleep - deadlock!\n", "caused by: goroutine 1"],
            ),
            (
                "log.Fatal(\"no way on\")",
                &[
                    "error: the migration exited with status 1",
                    "caused by: its last lines on standard error:\n    wrong \u{fffd}\n    no way on",
                    "hint:",
                ],
            ),
            ("os.Exit(0)", &["error: the migration exited with status 0"]),
        ],
    );
}

#[test]
fn in_c() {
    prints(
        "c",
        "c/prints.c",
        &[
            (
                "assert(1 == 2);",
                &["error: the component trapped", "Assertion failed: 1 == 2 (migration.c: migration_upgrade: 23)"],
            ),
            ("exit(3);", &["error: the migration exited with status 3", "wrong \u{fffd}"]),
            ("abort();", &["error: the component trapped", "wrong \u{fffd}"]),
        ],
    );
}

#[test]
fn in_cpp() {
    prints(
        "cpp",
        "cpp/prints.cpp",
        &[
            ("assert(1 == 2);", &["error: the component trapped", "Assertion failed: 1 == 2 (migration.cpp: "]),
            ("exit(3);", &["error: the migration exited with status 3", "wrong \u{fffd}"]),
        ],
    );
}

#[test]
fn in_zig() {
    prints("zig", "zig/prints.zig", &[("if (batched) @panic(\"zig says no\");", &["error: zig says no"])]);
}

#[test]
fn in_javascript() {
    prints("javascript", "javascript/prints.js", &[("throw new Error(\"no way on\");", &["error: no way on"])]);
}

#[test]
fn in_python() {
    prints("python", "python/prints.py", &[("raise ValueError(\"no way on\")", &["error: ValueError: no way on"])]);
}

const PROCESS: &str = r#"
    (import "runner:migration/process@0.1.0" "write" (func $write (param i32 i32 i32)))
    (import "runner:migration/process@0.1.0" "abort" (func $abort (param i32 i32)))
    (import "runner:migration/process@0.1.0" "exit" (func $exit (param i32)))"#;

/// A project with a component whose upgrade is this.
fn upgrading(upgrade: &str) -> TestProject {
    let project = project!();
    project.component("1_prints", &TextGuest::upgrading(upgrade).with(PROCESS).mib(40).component());
    project.runner("build").succeeds();
    project
}

/// The log's volume is used up, and what follows costs the host neither memory nor time for each line.
#[test]
fn endless_lines_use_up_the_log() {
    let project = upgrading(
        "(local $i i32)
         (memory.fill (i32.const 131072) (i32.const 10) (i32.const 16777216))
         (loop $again
            (call $write (i32.const 0) (i32.const 131072) (i32.const 16777216))
            (call $write (i32.const 1) (i32.const 131072) (i32.const 16777216))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 20))))",
    );
    let output = project.runner("apply");
    output.succeeds();
    assert_eq!(output.stderr.matches("the migration has used up its log volume").count(), 1);
    assert_eq!(output.stderr.matches("info 1: ").count(), 10_000);
    project.runner("rollback").succeeds();
    let (status, kib) = runner_tests::peak(project.command(["apply", "--quiet"]).stderr(std::process::Stdio::null()));
    assert!(status.success() && kib < 200 << 10, "{kib} KiB");
}

/// A line without an end is several messages, however few bytes come at a time.
#[test]
fn an_endless_line_is_cut() {
    let project = upgrading(
        "(local $i i32)
         (memory.fill (i32.const 131072) (i32.const 120) (i32.const 1000))
         (loop $again
            (call $write (i32.const 0) (i32.const 131072) (i32.const 1))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 20000))))",
    );
    let output = project.runner("apply");
    output.succeeds();
    let lengths: Vec<_> =
        output.stderr.lines().filter_map(|line| line.strip_prefix("info 1: ")).map(str::len).collect();
    assert_eq!(lengths, [8_192, 8_192, 3_616]);
}

/// A line that has not ended is logged when the program ends, and is part of the error.
#[test]
fn what_ends_a_program_has_what_it_printed_last() {
    let print = |stream: u8, text: &str| {
        let at = 131_072;
        let bytes: String = text.bytes().enumerate().fold(String::new(), |code, (i, byte)| {
            format!("{code} (i32.store8 (i32.const {}) (i32.const {byte}))", at + i)
        });
        format!("{bytes} (call $write (i32.const {stream}) (i32.const {at}) (i32.const {}))", text.len())
    };
    let before = format!("{} {}", print(0, "half"), print(1, "one\nwrong"));
    let told = [
        "info 1: half\n",
        "warning 1: one\n",
        "warning 1: wrong\n",
        "its last lines on standard error:\n    one\n    wrong\n",
    ];
    upgrading(&format!("{before} (call $exit (i32.const -1))"))
        .runner("apply")
        .exits(1)
        .says(&["the migration exited with status -1"])
        .says(&told);
    upgrading(&format!("{before} unreachable"))
        .runner("apply")
        .exits(1)
        .says(&["error: the component trapped"])
        .says(&told);
    let ends = format!("{before} {} (call $abort (i32.const 131073) (i32.const 3))", print(0, "\nwhy\n"));
    upgrading(&ends).runner("apply").exits(1).says(&["info 1: half\n", "info 1: why\n", "error: why\n"]);
}
