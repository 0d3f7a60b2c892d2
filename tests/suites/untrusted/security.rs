//! `SECURITY.md` says what holds, and names the test that holds it.

use std::collections::BTreeSet;

use super::*;

/// The rows of its tables: what somebody can do, whether that is a vulnerability, and the tests.
fn rows() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(repository().join("SECURITY.md")).unwrap();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let answer = cells.get(1).copied().unwrap_or_default();
        if answer.starts_with("yes") || answer.starts_with("no") {
            assert_eq!(cells.len(), 3, "a row has what, whether and which test: {line}");
            rows.push([cells[0], answer, cells[2]].map(str::to_owned));
        }
    }
    rows
}

/// The names of all tests in the sources: functions with a test attribute, those of the macros that make a test for each engine, and
/// the behaviours of the hostile guest.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in below("host", ".rs").into_iter().chain(below("tests/suites", ".rs")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((_, rest)) =
                line.split_once("fn ").filter(|(before, _)| matches!(*before, "" | "async " | "pub async "))
            else {
                continue;
            };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
            let is_test = above.into_iter().any(|line| line.contains("test]") || line.contains("test("));
            // Those of the contract suites are made for each engine by a macro.
            if is_test || rest.ends_with("(engine) {") || rest.ends_with("(factory: &dyn Factory) {") {
                names.insert(name);
            }
        }
    }
    let behaviours = std::fs::read_to_string(repository().join("tests/guests/hostile/src/behaviour.rs")).unwrap();
    for line in behaviours.lines() {
        if let Some((variant, name)) = line.trim().trim_end_matches(',').split_once(" = ")
            && variant.starts_with(|c: char| c.is_ascii_uppercase())
        {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn every_line_is_backed_by_a_test_that_exists() {
    let tests = tests();
    assert!(tests.len() > 1_000 && !tests.contains("every_line"), "{} tests", tests.len());
    let rows = rows();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    let mut missing = Vec::new();
    for [what, _, named] in &rows {
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            missing.push(format!("no test is named: {what}"));
        }
        missing.extend(
            names.iter().filter(|name| !tests.contains(**name)).map(|name| format!("`{name}` does not exist: {what}")),
        );
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What `deny.toml` asks of the sources of dependencies, for machines without `cargo-deny`.
#[test]
fn every_dependency_is_from_crates_io_with_its_checksum() {
    let lockfile = std::fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let deny = std::fs::read_to_string(repository().join("deny.toml")).unwrap();
    let banned: Vec<&str> =
        deny.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split('"').next()).collect();
    assert!(banned.len() >= 5, "{banned:?}");
    let name_in = |manifest: &Path| {
        let text = std::fs::read_to_string(manifest).unwrap();
        text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"').map(str::to_owned)).unwrap()
    };
    let mut ours: Vec<String> = below("host", "Cargo.toml").iter().map(|manifest| name_in(manifest)).collect();
    ours.extend(["guest-sdk", "tests"].map(|crate_| name_in(&repository().join(crate_).join("Cargo.toml"))));
    let mut packages = 0;
    for package in lockfile.split("[[package]]\n").skip(1) {
        let field =
            |name: &str| package.lines().find_map(|line| line.strip_prefix(&format!("{name} = \""))?.strip_suffix('"'));
        let name = field("name").unwrap();
        packages += 1;
        assert!(!banned.contains(&name), "`{name}` must not be a dependency");
        if ours.iter().any(|ours| ours == name) {
            continue;
        }
        assert_eq!(field("source"), Some("registry+https://github.com/rust-lang/crates.io-index"), "{name}");
        assert_eq!(field("checksum").map(str::len), Some(64), "{name}");
    }
    assert!(packages > 100, "{packages} packages");
}
