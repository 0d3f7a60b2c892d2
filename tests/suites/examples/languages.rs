//! The same migration in several languages: `examples/languages`.

use runner_tests::{Engine, EngineProject, guests};

const MIGRATION: &str = "20260502090000_shout";

/// A copy of an example whose sources find the SDK.
fn copy(example: &str, sdk: &str, shown: &str) -> EngineProject {
    let root = guests::repository();
    let from = root.join("examples/languages").join(example);
    let project = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite, &from);
    let manifest = format!("migrations/{MIGRATION}/migration.toml");
    let sdk = root.join("guest-sdk").join(sdk);
    project.write(&manifest, project.read(&manifest).replace(shown, sdk.to_str().unwrap()));
    project
}

/// The compiler gives the committed artifact again, in another directory, and it does what it says: the same in every language.
fn is_built_again_and_applied(project: &EngineProject, example: &str) {
    let example = guests::repository().join("examples/languages").join(example);
    let artifact = format!("migrations/{MIGRATION}.wasm");
    let bytes = |file: &std::path::Path| std::fs::read(file).unwrap();
    std::fs::remove_file(project.file(&artifact)).unwrap();
    project.runner("build shout").succeeds();
    assert!(bytes(&project.file(&artifact)) == bytes(&example.join(&artifact)), "the build gives another artifact");
    project.runner("apply").succeeds().says(&["4 products"]);
    let rows = "SELECT id, name, price FROM products ORDER BY id";
    assert_eq!(project.rows(rows), ["1|CUP!!|5.625", "2|STRAßE!!|12.5", "3|NULL|0.3125", "4|!!|1250000.0"]);
    project.runner("rollback --target 20260501090000").succeeds();
    assert_eq!(project.rows(rows), ["1|cup|4.5", "2|straße|10.0", "3|NULL|0.25", "4||1000000.0"]);
    project.runner("apply").succeeds();
    project.runner("verify").succeeds().prints(&["artifact   proven", "replay     proven", "target     proven"]);
}

#[test]
fn c_is_built_again_and_applied() {
    is_built_again_and_applied(&copy("c", "c", "../../../../../guest-sdk/c"), "c");
}

#[test]
fn cpp_is_built_again_and_applied() {
    is_built_again_and_applied(&copy("cpp", "c", "../../../../../guest-sdk/c"), "cpp");
}

#[test]
fn zig_is_built_again_and_applied() {
    is_built_again_and_applied(&copy("zig", "c", "../../../../../guest-sdk/c"), "zig");
}

#[test]
fn go_is_built_again_and_applied() {
    let project = copy("go", "go", "no path of the SDK");
    copy_sdk(&project);
    is_built_again_and_applied(&project, "go");
}

/// Go writes the path of the SDK into the module, so it is where it is in every project.
pub(super) fn copy_sdk(project: &EngineProject) {
    project.copy(&guests::repository().join("guest-sdk/go"), ".runner/sdk/go-0.1.0");
}

/// A migration in Rust is the same in another directory, and with its SDK and crates somewhere else.
#[test]
fn rust_is_the_same_wherever_it_and_its_sdk_are() {
    let project = |up: &str| {
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite);
        project.runner("new tidy --lang rust").succeeds();
        let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|it| it.unwrap().file_name());
        let made = names.map(|name| name.into_string().unwrap()).find(|name| name.ends_with("_tidy")).unwrap();
        std::fs::rename(project.file("migrations").join(made), project.file("migrations/1_tidy")).unwrap();
        // Code of SDK and crate that may panic, so that their paths are in the artifact.
        let source = project.read("migrations/1_tidy/src/lib.rs");
        let panics =
            "let rows = sql::query(\"SELECT 1\", params![])?; info!(\"{}\", rules::nth(rows.len()));\n        Ok(())";
        project.write("migrations/1_tidy/src/lib.rs", source.replacen("Ok(())", panics, 1));
        let manifest = project.read("migrations/1_tidy/Cargo.toml");
        let rules = format!("[dependencies]\nrules = {{ path = \"{up}/rules\" }}");
        project.write("migrations/1_tidy/Cargo.toml", manifest.replace("[dependencies]", &rules));
        project
    };
    let rules = |directory: &std::path::Path| {
        std::fs::create_dir_all(directory.join("src")).unwrap();
        let manifest = "[package]\nname = \"rules\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(directory.join("Cargo.toml"), manifest).unwrap();
        let code = "#[inline(never)]\npub fn nth(n: usize) -> u8 { b\"abc\"[n] }\n";
        std::fs::write(directory.join("src/lib.rs"), code).unwrap();
    };
    let [one_place, other_place] = ["", "deep/er"].map(|below| (tempfile::tempdir().unwrap(), below));
    let at = |place: &(tempfile::TempDir, &str)| place.0.path().canonicalize().unwrap().join(place.1);
    let bytes = |project: &EngineProject| std::fs::read(project.file("migrations/1_tidy.wasm")).unwrap();

    rules(&at(&one_place).join("rules"));
    let one = project(&at(&one_place).display().to_string());
    one.runner("build").succeeds();
    let other = project(&at(&other_place).display().to_string());
    rules(&at(&other_place).join("rules"));
    std::fs::rename(other.file(".runner/sdk"), at(&other_place).join("sdk")).unwrap();
    let manifest = other.read("migrations/1_tidy/Cargo.toml");
    let sdk = at(&other_place).join("sdk").display().to_string();
    assert!(manifest.contains("../../.runner/sdk"), "{manifest}");
    other.write("migrations/1_tidy/Cargo.toml", manifest.replace("../../.runner/sdk", &sdk));
    other.runner("build").succeeds();
    assert!(bytes(&one) == bytes(&other), "the artifact depends on a directory");
    let text = String::from_utf8_lossy(&bytes(&one)).into_owned();
    assert!(text.contains("/rules-0.1.0/src/lib.rs"), "the test looks at no path");
    for place in [one.root(), other.root(), &at(&one_place), &at(&other_place)] {
        assert!(!text.contains(&*place.to_string_lossy()), "a path is in the artifact");
    }
    // The check builds in a third directory.
    one.runner("build --check").succeeds().prints(&["same 1_tidy"]);
    other.runner("build --check").succeeds().prints(&["same 1_tidy"]);
    // cargo's lockfile pins what is built.
    std::fs::remove_file(one.file("migrations/1_tidy/Cargo.lock")).unwrap();
    one.runner("build --check").succeeds();
    assert!(!one.file("migrations/1_tidy/Cargo.lock").exists(), "a check writes nothing");
}

/// What every language must do, in Go: `tests/languages/go`, built with the SDK that `runner new` unpacks. Its description names
/// the databases.
#[test]
fn go_does_what_every_language_must_do() {
    go_does_everything(Engine::Sqlite);
}

#[test]
fn go_does_what_every_language_must_do_on_postgres() {
    go_does_everything(Engine::Postgres);
}

fn go_does_everything(engine: Engine) {
    let root = guests::repository().join("tests/languages");
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    project.settings(&std::fs::read_to_string(root.join("settings.toml")).unwrap());
    project.runner("new conformance --lang go").succeeds();
    let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
    let name = names.map(|name| name.into_string().unwrap()).find(|name| name.ends_with("_conformance")).unwrap();
    let directory = format!("migrations/{name}");
    project.write(&format!("{directory}/migration.go"), std::fs::read(root.join("go/migration.go")).unwrap());
    project.write(&format!("{directory}/assets/names.txt"), "Zürich\n");
    project.runner("build").succeeds();
    let lockfile = project.read("runner.lock");
    for part in ["summary = \"conformance in Zürich\"", "mode = \"atomic\"", "transformer = true"] {
        assert!(lockfile.contains(part), "{part}: {lockfile}");
    }
    // A batch function that fails says where; nothing of the migration remains.
    for (function, says) in [
        ("fails", "row id = 2: too many: 1000"),
        (
            "panics",
            "panic: runtime error: index out of range [1000] with length 0 (at migration_conformance/migration.go:",
        ),
        ("misfit", "the column `n` has 1 entries, and the batch 1000 rows"),
    ] {
        project.runner(&format!("apply --parameter failing={function}")).exits(1).says(&[says, "nothing was changed"]);
    }
    let before = project.state();
    project.runner("apply").succeeds().says(&["a line"]);
    // The clock, random bytes, the order of a map and of goroutines are the same again.
    let verified = project.runner("verify");
    verified.prints(&["artifact   proven", "replay     proven"]);
    project.runner("rollback").succeeds();
    assert_eq!(project.state(), before);
}

/// In C++, a column without rows, which has any type, and one of a wrong type.
const EMPTY: &str = "    {
        runner::new_batch empty(0), full(1);
        const int64_t one[] = {1};
        empty.int64s(\"none\", {});
        full.int64s(\"one\", one);
        rg_batch raw = empty.raw(), raw_full = full.raw();
        RUNNER_TRY(column, runner::batch(&raw).column(\"none\"));
        RUNNER_CHECK(column.int64s());
        RUNNER_CHECK(column.float64s());
        RUNNER_TRY(wrong, runner::batch(&raw_full).column(\"one\"));
        RUNNER_CHECK(wrong.float64s());
        RUNNER_TRY(report";

/// What fails in a migration in C++ or Zig is told in its own words.
#[test]
fn failures_in_cpp_and_zig_are_told() {
    for (language, file, works, fails, says) in [
        ("cpp", "migration.cpp", "rows.column(\"price\")", "rows.column(\"cost\")", "the batch has no column `cost`"),
        (
            "cpp",
            "migration.cpp",
            "rows.column(\"price\")",
            "rows.column(\"name\")",
            "does not hold 64-bit floating-point numbers",
        ),
        ("cpp", "migration.cpp", "bool up = ", "return runner::fail(\"%s: %d\", \"dear\", 7); bool up = ", "dear: 7"),
        (
            "cpp",
            "migration.cpp",
            "bool up = ",
            "return runner::fail(\"{row %u}: too dear\", 1u); bool up = ",
            "row id = 2: too dear",
        ),
        ("cpp", "migration.cpp", "\"products\",", "\"nowhere\",", "nowhere"),
        (
            "cpp",
            "migration.cpp",
            "    {\n        RUNNER_TRY(report",
            EMPTY,
            "the column `one` does not hold 64-bit floating-point numbers",
        ),
        ("zig", "migration.zig", "batch.column(\"price\")", "batch.column(\"cost\")", "the batch has no column `cost`"),
        (
            "zig",
            "migration.zig",
            "batch.column(\"price\")",
            "batch.column(\"name\")",
            "the column `name` does not hold 64-bit floating-point",
        ),
        ("zig", "migration.zig", "const up = ", "if (batch.row_count == 4) return error.TooFew; const up = ", "TooFew"),
        (
            "zig",
            "migration.zig",
            "const up = ",
            "if (batch.row_count == 4) @panic(\"on purpose\"); const up = ",
            "on purpose",
        ),
        (
            "zig",
            "migration.zig",
            "const up = ",
            "if (batch.row_count == 4) return guest.fail(\"{{row {d}}}: too dear\", .{1}); const up = ",
            "row id = 2: too dear",
        ),
        ("zig", "migration.zig", "\"products\",", "\"nowhere\",", "nowhere"),
    ] {
        let project = copy(language, "c", "../../../../../guest-sdk/c");
        let source = format!("migrations/{MIGRATION}/{file}");
        let text = project.read(&source);
        assert!(text.contains(works), "{works}");
        project.write(&source, text.replace(works, fails));
        project.runner("build shout").succeeds();
        project.runner("apply").exits(1).says(&[says]);
    }
}
