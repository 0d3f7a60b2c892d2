//! What a build without the default features depends on.

use runner_tests::guests;

/// The packages that the crate needs with these features alone.
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
fn a_build_has_only_what_its_features_need() {
    let drivers = ["sqlx-sqlite", "sqlx-postgres", "sqlx-mysql"];
    let others = ["clap", "indicatif", "anstream", "mimalloc", "toml_edit", "include_dir", "wasmtime"];
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
