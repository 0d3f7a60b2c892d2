//! The same migration in several languages: `examples/languages`.

use runner_tests::{Engine, EngineProject, guests};

/// The compiler gives the committed artifact again, in another directory, and it does what it says.
#[test]
fn c_is_built_again_and_applied() {
    let root = guests::repository();
    let example = root.join("examples/languages/c");
    let project = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite, &example);
    let directory = "migrations/20260502090000_shout";
    let manifest = project.read(&format!("{directory}/migration.toml"));
    let sdk = root.join("guest-sdk/c");
    project.write(
        &format!("{directory}/migration.toml"),
        manifest.replace("../../../../../guest-sdk/c", sdk.to_str().unwrap()),
    );
    project.runner("build shout").succeeds();
    let artifact = format!("{directory}.wasm");
    assert!(std::fs::read(project.file(&artifact)).unwrap() == std::fs::read(example.join(&artifact)).unwrap());
    project.runner("apply").succeeds().says(&["4 products"]);
    let rows = "SELECT id, name, price FROM products ORDER BY id";
    assert_eq!(project.rows(rows), ["1|CUP!!|5.625", "2|STRAßE!!|12.5", "3|NULL|0.3125", "4|!!|1250000.0"]);
    project.runner("rollback --target 20260501090000").succeeds();
    assert_eq!(project.rows(rows), ["1|cup|4.5", "2|straße|10.0", "3|NULL|0.25", "4||1000000.0"]);
    project.runner("apply").succeeds();
    project.runner("verify").succeeds().prints(&["artifact   proven", "replay     proven", "target     proven"]);
}
