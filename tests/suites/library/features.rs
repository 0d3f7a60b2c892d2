//! What a build without the default features depends on.

use std::process::Command;

use runner_tests::guests;

/// The packages that the crate needs with only these features.
fn packages(features: &str) -> Vec<String> {
    let mut tree = guests::native_cargo();
    tree.current_dir(guests::repository()).args([
        "tree",
        "--package",
        "runner",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    tree.args(["--offline", "--locked", "--no-default-features", "--features", features]);
    let output = tree.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn a_build_depends_only_on_what_its_features_need() {
    let drivers = ["sqlx-sqlite", "sqlx-postgres", "sqlx-mysql"];
    let others = ["clap", "indicatif", "anstream", "mimalloc", "toml_edit", "include_dir", "ureq", "wasmtime"];
    for (features, wanted) in [
        ("sqlite", &["sqlx-sqlite"][..]),
        ("postgres", &["sqlx-postgres"]),
        ("mysql", &["sqlx-mysql"]),
        ("sqlite,components", &["sqlx-sqlite", "wasmtime"]),
        ("sqlite,include-dir", &["sqlx-sqlite", "include_dir"]),
    ] {
        let packages = packages(features);
        let all = drivers.iter().chain(&others).copied();
        let found: Vec<&str> = all.filter(|name| packages.iter().any(|it| it == name)).collect();
        assert_eq!(found, wanted, "{features}");
    }
}

/// A program with SQLite and without a sandbox works, and names what it lacks.
#[test]
fn a_build_names_the_missing_feature() {
    let target = guests::target_directory();
    let manifest = guests::repository().join("tests/programs/sqlite-only/Cargo.toml");
    let mut build = guests::native_cargo();
    build.args(["build", "--quiet", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&target);
    let output = build.output().unwrap();
    assert!(output.status.success(), "it does not compile:\n{}", String::from_utf8_lossy(&output.stderr));

    let (directory, _) = super::database();
    let mut program = Command::new(target.join("debug/sqlite-only"));
    let output = program.arg(directory.path().join("app.db")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for (message, feature, times) in [
        ("has no driver for PostgreSQL", "`postgres`", 1),
        ("has no driver for M", "`mysql`", 2),
        ("cannot run components\n  database: ", "`components`", 1),
    ] {
        assert_eq!(said.matches(message).count(), times, "{message}\n{said}");
        let hint = format!("hint: enable the Cargo feature {feature} of the crate `runner`");
        assert_eq!(said.matches(&hint).count(), times, "{hint}\n{said}");
    }
    assert!(said.ends_with("pending: 2\napplied: 1\nrolled back: 1\n"), "{said}");
}
