//! The same changes of the schema in every language and on every engine: `tests/languages/*/schema.*`. A new language adds its file there,
//! and its line here.

use runner_tests::{EngineProject, for_each_engine, guests, project};

/// Those that change the schema; Rust is `tests/guests/changes`.
const LANGUAGES: [(&str, &str, &str); 8] = [
    ("rust", "rs", "wasm"),
    ("python", "py", "py"),
    ("javascript", "js", "js"),
    ("javascript", "js", "ts"),
    ("go", "go", "go"),
    ("c", "c", "c"),
    ("cpp", "cpp", "cpp"),
    ("zig", "zig", "zig"),
];

/// Adds a migration in a language. That in Rust is a guest of its own.
fn add(project: &EngineProject, (language, from, to): (&str, &str, &str), name: &str, guest: &str) {
    if language == "rust" {
        project.component(&format!("20260101000001_{name}"), &guests::component(guest));
        return;
    }
    let source = guests::repository().join(format!("tests/languages/{language}/{name}.{from}"));
    let source = std::fs::read(source).unwrap();
    if matches!(to, "py" | "js" | "ts") {
        project.write(&format!("migrations/20260101000001_{name}.{to}"), source);
    } else {
        project.runner(&format!("new {name} --lang {language}")).succeeds();
        let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
        let end = format!("_{name}");
        let made = names.map(|name| name.into_string().unwrap()).find(|name| name.ends_with(&end)).unwrap();
        project.write(&format!("migrations/{made}/migration.{to}"), source);
    }
    project.runner("build").succeeds();
}

for_each_engine! {
    fn every_language_makes_the_same_schema(engine) {
        let mut first = None;
        for language in LANGUAGES {
            let project = project!(engine);
            add(&project, language, "schema", "changes");
            project.runner("apply").succeeds();
            let state = project.state();
            assert!(state.iter().any(|line| line.contains("parents_code")), "{state:?}");
            let first = first.get_or_insert_with(|| state.clone());
            assert_eq!(&state, first, "{language:?} made another schema than {:?}", LANGUAGES[0]);
            // Another child whose parent is deleted: the action of the foreign key is the database's.
            project.execute("INSERT INTO parents (id) VALUES (7)");
            project.execute("INSERT INTO children (a, b, parent) VALUES (1, 2, 7)");
            project.runner("verify").succeeds();
            project.runner("rollback").succeeds();
            let left = project.state();
            assert!(!left.iter().any(|line| line.contains("parents")), "{language:?}: {left:?}");
        }
    }
}
