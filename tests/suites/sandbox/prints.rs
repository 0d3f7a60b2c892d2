//! What the standard library of a language prints is logged, and what ends a program is the error: `tests/languages/*/prints.*`.

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
    let logged = |level: &str, message: &str| format!("{level} {revision}: {message}\n");
    let lines = [
        logged("info", "one"),
        logged("info", "two"),
        logged("warning", "wrong \u{fffd}"),
        logged("info", "a batch"),
        logged("info", "three ä"),
    ];
    project.runner("apply").succeeds().says(&lines.each_ref().map(String::as_str));
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
                &["error: the migration crashed", "panic: runtime error: index out of range [0]", "migration.go:38"],
            ),
            (
                "log.Fatal(\"no way on\")",
                &["error: the migration exited with status 1", "caused by: wrong \u{fffd}\n    no way on", "hint:"],
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
                &["error: the migration crashed", "Assertion failed: 1 == 2 (migration.c: migration_upgrade: 23)"],
            ),
            ("exit(3);", &["error: the migration exited with status 3", "wrong \u{fffd}"]),
            ("abort();", &["error: the migration crashed", "wrong \u{fffd}"]),
        ],
    );
}

#[test]
fn in_cpp() {
    prints(
        "cpp",
        "cpp/prints.cpp",
        &[
            ("assert(1 == 2);", &["error: the migration crashed", "Assertion failed: 1 == 2 (migration.cpp: "]),
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
