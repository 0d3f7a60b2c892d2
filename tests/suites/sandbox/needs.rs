//! What components declare to need, in every language, and what comes of it before anything runs.

use super::*;

/// Settings before the grants.
const PROJECT: &str = "[project]\nname = \"test\"\n";

/// What the guest `needs` and `tests/languages/*/needs.*` declare.
const EVERYTHING: [&str; 12] = [
    "table-rebuild",
    "read people(email, id)",
    "insert billing.invoices(total)",
    "update people",
    "delete tmp_*",
    "alter people",
    "create outbox_*",
    "drop tmp_*",
    "raw_sql",
    "function random",
    "limit guest_memory = 512MiB",
    "limit fuel = 2000000000000",
];

/// As the lockfile has it.
fn locked() -> String {
    let lines: Vec<String> = EVERYTHING.iter().map(|line| format!("\"{line}\"")).collect();
    format!("needs = [{}]", lines.join(", "))
}

fn source(path: &str) -> String {
    std::fs::read_to_string(guests::repository().join("tests/languages").join(path)).unwrap()
}

#[test]
fn scripts_and_rust_declare_everything() {
    let project = project!();
    project
        .write("migrations/0001_a.js", source("javascript/needs.js"))
        .write("migrations/0002_b.ts", source("javascript/needs.js"))
        .write("migrations/0003_c.py", source("python/needs.py"))
        .component("0004_d", &guests::component("needs"));
    project.runner("build").succeeds();
    let lockfile = project.read("runner.lock");
    assert_eq!(lockfile.matches(&locked()).count(), 4, "{lockfile}");
    project.runner("show 0004").succeeds().prints(&["read people(email, id), insert billing.invoices(total)"]);
}

/// A project with the migration in a language that a command compiles.
fn compiled(language: &str) {
    let (project, file) = made("needs", language);
    project.write(&file, source(&format!("{language}/needs.{language}")));
    project.runner("build").succeeds();
    let lockfile = project.read("runner.lock");
    assert!(lockfile.contains(&locked()), "{lockfile}");
}

#[test]
fn go_declares_everything() {
    compiled("go");
}

#[test]
fn c_declares_everything() {
    compiled("c");
}

#[test]
fn cpp_declares_everything() {
    compiled("cpp");
}

#[test]
fn zig_declares_everything() {
    compiled("zig");
}

/// What a migration declares to need is not ignored where the SDK cannot see it: the compiler says so.
#[test]
fn needs_that_the_sdk_cannot_see_are_refused() {
    let declared = "    static std::vector<runner::need> needs()";
    let private = format!("private:\n{declared}");
    // The language, what is replaced in its program, and what the compiler says then.
    type Variant<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let variants: [Variant<'_>; 5] = [
        (
            "cpp",
            &[(declared, &private), (UPGRADE, "public:\n    static runner::result<> upgrade")],
            "`needs` of a migration has to be public",
        ),
        (
            "cpp",
            &[(declared, "    std::vector<runner::need> needs()")],
            "has to be public: `static std::vector<runner::need> needs()`",
        ),
        (
            "cpp",
            &[("struct everything {", "struct everything final {"), (" needs()", " other()")],
            "a migration without `needs` must not be `final`",
        ),
        ("zig", &[("pub const needs", "const needs")], "`needs` of a migration has to be public: `pub const needs = "),
        (
            "zig",
            &[("pub const needs = [_]guest.Need{", "fn  needs() void {}\nconst other = [_]guest.Need{")],
            "has to be public",
        ),
    ];
    for (language, changes, says) in variants {
        let mut text = source(&format!("{language}/needs.{language}"));
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let (project, file) = made("needs", language);
        project.write(&file, text);
        project.runner("build").exits(1).says(&[says]);
    }
    // The name of something else, and none at all.
    for (language, changes) in [
        ("cpp", [("> needs()", "> other()"), ("", "")]),
        (
            "zig",
            [
                ("pub const needs", "pub const other"),
                ("upgrade() !void {}", "upgrade() !void {\n    const needs = 1;\n    _ = needs;\n}"),
            ],
        ),
    ] {
        let text = source(&format!("{language}/needs.{language}"));
        let (project, file) = made("needs", language);
        project.write(&file, changes.iter().fold(text, |text, (from, to)| text.replacen(from, to, 1)));
        project.runner("build").succeeds();
        assert!(!project.read("runner.lock").contains("needs = ["));
    }
}

/// What is not as usual, apart from needs, in the languages that share the SDK of C.
#[test]
fn mode_dialects_and_dependencies_are_declared_and_there_is_no_way_back() {
    let revision = "20200101000000";
    for (language, after, declared) in [
        (
            "c",
            "    rg_summary(into, \"needs everything\");\n",
            "    rg_irreversible(into);\n\
             \x20   rg_mode(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_MODE_ATOMIC);\n\
             \x20   rg_dialect(into, RUNNER_MIGRATION_TYPES_DIALECT_SQLITE);\n\
             \x20   rg_dialect(into, RUNNER_MIGRATION_TYPES_DIALECT_POSTGRES);\n\
             \x20   rg_depends_on(into, \"20200101000000\");\n",
        ),
        (
            "cpp",
            "struct everything {\n",
            "    static bool irreversible() { return true; }\n\
             \x20   static uint8_t mode() { return RUNNER_MIGRATION_DESCRIPTION_TYPES_MODE_ATOMIC; }\n\
             \x20   static std::vector<uint8_t> dialects()\n\
             \x20   {\n\
             \x20       return {RUNNER_MIGRATION_TYPES_DIALECT_SQLITE, RUNNER_MIGRATION_TYPES_DIALECT_POSTGRES};\n\
             \x20   }\n\
             \x20   static std::vector<std::string> depends_on() { return {\"20200101000000\"}; }\n",
        ),
        (
            "zig",
            "pub const summary = \"needs everything\";\n",
            "pub const irreversible = true;\n\
             pub const mode: guest.Mode = .atomic;\n\
             pub const dialects = [_]guest.Dialect{ .sqlite, .postgres };\n\
             pub const depends_on = [_][:0]const u8{\"20200101000000\"};\n",
        ),
    ] {
        let text = source(&format!("{language}/needs.{language}"));
        assert!(text.contains(after), "{language}");
        let (project, file) = made("needs", language);
        project.sql(&format!("{revision}_first"), "CREATE TABLE first (id INTEGER)", "DROP TABLE first");
        project.write(&file, text.replace(after, &format!("{after}{declared}")));
        project.runner("build").succeeds();
        let lockfile = project.read("runner.lock");
        let parts = ["irreversible = true", "mode = \"atomic\"", "dialects = [\"sqlite\", \"postgres\"]"];
        let depends_on = format!("depends_on = [\"{revision}\"]");
        for part in parts.iter().copied().chain([&*locked(), &*depends_on]) {
            assert!(lockfile.contains(part), "{language}: {part} is not in\n{lockfile}");
        }
        project.runner("apply --limit guest_memory=512MiB --limit fuel=2000000000000").succeeds();
        let before = project.dump();
        project.runner("rollback").exits(2).says(&["the migration is declared irreversible", "hint:"]);
        assert_eq!(project.dump(), before, "{language}");
    }
    // As with needs, what the SDK cannot see is not ignored.
    for (language, after, private, says) in [
        ("cpp", "struct everything {\n", "    bool irreversible() { return true; }\n", "`static bool irreversible()`"),
        (
            "zig",
            "pub const summary",
            "const irreversible = true;\npub const summary",
            "`pub const irreversible = true;`",
        ),
    ] {
        let (project, file) = made("needs", language);
        let text = source(&format!("{language}/needs.{language}"));
        let private = if language == "cpp" { format!("{after}{private}") } else { private.to_owned() };
        project.write(&file, text.replace(after, &private));
        project.runner("build").exits(1).says(&["`irreversible` of a migration has to be public", says]);
    }
}

/// What follows `needs` in the program in C++.
const UPGRADE: &str = "    static runner::result<> upgrade";

/// A project with a new migration in a language that a command compiles, and the path of its source.
fn made(name: &str, language: &str) -> (TestProject, String) {
    let project = project!();
    project.runner(&format!("new {name} --lang {language}")).succeeds();
    let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
    let directory = names.map(|it| it.into_string().unwrap()).find(|it| it.ends_with(&format!("_{name}"))).unwrap();
    (project, format!("migrations/{directory}/migration.{language}"))
}

/// A project with the guest that declares everything, which has this in its settings.
fn needing(settings: &str) -> TestProject {
    let project = project!();
    project.component("0001_needs", &guests::component("needs"));
    project.write("runner.toml", format!("{PROJECT}{settings}"));
    project
}

/// After an `apply` that was refused.
fn nothing_ran(project: &TestProject) {
    assert_eq!(project.value("SELECT count(*) FROM sqlite_schema WHERE name = 'runner_history'"), "0");
}

/// All that it needs, as it is written.
const GRANTED: &str = "allow = [\"read people(email, id)\", \"insert billing.invoices(total)\", \"update people\", \
                       \"delete tmp_*\", \"alter people\", \"create outbox_*\", \"drop tmp_*\", \"function random\"]";
const RAISED: &str = "[limits]\nguest_memory = \"512MiB\"\nfuel = \"2000000000000\"\n";

#[test]
fn all_gaps_are_told_with_what_to_paste() {
    let project = needing("[grants.0001_needs]\n");
    let everything = EVERYTHING[1..].join(", ");
    for line in ["plan", "apply", "apply --dry-run"] {
        project.runner(line).exits(7).says(&[
            &format!("`0001_needs` needs more than it is granted: {everything}"),
            &format!("write below `[grants.0001_needs]`: `{GRANTED}` and `raw_sql = true`"),
            "write below `[limits]`: `guest_memory = \"512MiB\"` and `fuel = \"2000000000000\"`",
        ]);
    }
    nothing_ran(&project);
    let output = project.runner("plan --format json");
    let document: serde_json::Value = serde_json::from_str(&output.exits(7).stdout).unwrap();
    let planned = &document["migrations"][0];
    assert_eq!(planned["needs"], serde_json::json!(EVERYTHING), "{document}");
    assert_eq!(planned["missing_grants"], serde_json::json!(EVERYTHING[1..]), "{document}");
    // What the hints say is enough.
    project.write("runner.toml", format!("{PROJECT}{RAISED}[grants.0001_needs]\n{GRANTED}\nraw_sql = true\n"));
    project.runner("plan").succeeds().prints(&[
        &format!("needs: {}", EVERYTHING.join(", ")),
        "granted: read people(email, id), insert billing.invoices(total), update people",
        "function random, raw_sql",
    ]);
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
}

#[test]
fn a_wider_grant_is_enough_and_a_narrower_one_is_not() {
    let wider = "allow = ['read PEOPLE', 'insert billing.*', 'update *', 'delete *', 'alter people*', 'create out*', \
                 'drop tmp*', 'function RANDOM']\nraw_sql = true";
    needing(&format!("{RAISED}[grants.1]\n{wider}\n")).runner("plan").succeeds();
    for (granted, narrower, gap) in [
        ("'read PEOPLE'", "'read people(id)'", "read people(email, id)"),
        ("'insert billing.*'", "'insert invoices'", "insert billing.invoices(total)"),
        ("'insert billing.*'", "'insert billing.invoices(sum)'", "insert billing.invoices(total)"),
        ("'update *'", "'update people(email)'", "update people"),
        ("'delete *'", "'delete tmp_a'", "delete tmp_*"),
        ("'alter people*'", "'alter person'", "alter people"),
        ("'create out*'", "'create outbox_a*'", "create outbox_*"),
        ("'drop tmp*'", "'drop tmp'", "drop tmp_*"),
        ("'function RANDOM'", "'function sleep'", "function random"),
        ("raw_sql = true", "raw_sql = false", "raw_sql"),
    ] {
        let project = needing(&format!("{RAISED}[grants.1]\n{}\n", wider.replace(granted, narrower)));
        project.runner("plan").exits(7).says(&[&format!("`0001_needs` needs more than it is granted: {gap}\n")]);
        project.runner("apply").exits(7);
        nothing_ran(&project);
    }
}

/// `main` is the schema of SQLite's tables, whoever names it.
#[test]
fn a_table_is_the_same_with_the_schema_in_which_it_is() {
    let project = project!();
    project.sql(
        "0001_people",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE copies (id INTEGER PRIMARY KEY, name TEXT);
         INSERT INTO people VALUES (1, 'a');",
        "DROP TABLE people; DROP TABLE copies;",
    );
    project.component("0002_copy", &guests::component("granted"));
    let needs = "{ read: [{ table: 'people', schema: 'main' }], rawSql: true }";
    let script = format!(
        "import {{ db }} from 'runner-guest';\nexport const description = {{ summary: 'x', needs: {needs} }};\n\
         export function upgrade() {{ db.query('SELECT name FROM main.people'); }}\n"
    );
    project.write("migrations/0003_script.js", script).runner("build").succeeds();
    let settings = |script: &str| {
        let copy = "allow = ['read main.people(id, name)', 'insert MAIN.copies']";
        project.write(
            "runner.toml",
            format!("{PROJECT}[grants.2]\n{copy}\n[grants.3]\nallow = ['{script}']\nraw_sql = true\n"),
        );
    };
    settings("read other.people");
    project.runner("plan").exits(7).says(&["`0003_script` needs more than it is granted: read main.people\n"]);
    settings("read people");
    project.runner("apply --parameter transform=true").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM copies"), "1");
}

/// Limits are for every component, with grants or without.
#[test]
fn a_limit_that_is_too_low_is_told_before_anything_runs() {
    let project = needing("");
    let gap = "`0001_needs` needs more than the limits allow: limit guest_memory = 512MiB, limit fuel = 2000000000000";
    project.runner("plan").exits(7).says(&[gap]);
    project.runner("apply").exits(7).says(&[gap, "write below `[limits]`: `guest_memory = \"512MiB\"`"]);
    nothing_ran(&project);
    project.runner("apply --limit guest_memory=1GiB").exits(7).says(&["allow: limit fuel"]);
    project.runner("apply --limit guest_memory=512MiB --limit fuel=2_000_000_000_000").succeeds();
    // The way back is a run as well.
    project.runner("rollback").exits(7).says(&[gap]);
}

#[test]
fn a_need_that_makes_no_sense_is_refused_when_it_is_described() {
    for (needs, says) in [
        (r#"{ delete: [{ table: "a", columns: ["b"] }] }"#, "a grant to delete cannot be restricted to columns"),
        (r#"{ read: [""] }"#, "the component needs `read \"\"`, which cannot be granted"),
        (r#"{ read: ["a\nb"] }"#, "needs is not one line"),
        (r#"{ functions: [" "] }"#, "which cannot be granted"),
        ("{ limits: { guest_memory: 1 } }", "the component needs `limit guest_memory = 1B`, which cannot be granted"),
        ("{ limits: { wall_time: 1 } }", "\"wall_time\" is not a value of `limits`"),
        ("{ limits: { fuel: 1.5 } }", "1.5 is not a whole number"),
        (r#"{ read: "a" }"#, "\"a\" is not an array of tables"),
        (r#"{ readTables: ["a"] }"#, "`needs` has no key `readTables`; its keys are `tableRebuild`, `read`"),
    ] {
        let project = project!();
        let script =
            format!("export const description = {{ summary: 'x', needs: {needs} }};\nexport function upgrade() {{}}\n");
        project.write("migrations/0001_a.js", script);
        project.runner("build").exits(1).says(&["0001_a", says]);
    }
    let odd = r#"{ read: [{ table: "odd name", columns: ["a b"] }, "odd\"*"], update: [{ table: "t", schema: "s" }] }"#;
    let project = project!();
    let script =
        format!("export const description = {{ summary: 'x', needs: {odd} }};\nexport function upgrade() {{}}\n");
    project.write("migrations/0001_a.js", script).runner("build").succeeds();
    project.write("runner.toml", format!("{PROJECT}[grants.1]\n"));
    let lines = "`allow = ['read \"odd name\"(\"a b\")', 'read \"odd\"\"\"*', \"update s.t\"]`";
    project.runner("plan").exits(7).says(&[lines]);
    project.write("runner.toml", format!("{PROJECT}[grants.1]\n{}\n", lines.trim_matches('`')));
    project.runner("apply").succeeds();
}
