//! The README and the guide "Engines" name the servers that tests start, and what runs on them: no others, and no more.

use std::collections::BTreeSet;

use runner_tests::servers::{Bouncer, Cluster};
use runner_tests::{Engine, guests, project};

const GUIDE: &str = "docs/src/guide/engines.md";

/// Engines and versions.
type Claims = BTreeSet<(String, String)>;

/// What is tested with every change, and when it is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tested {
    change: Claims,
    asked: Claims,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(guests::repository().join(path)).unwrap()
}

/// The fields of the lines of a list in `scripts/engines.d`.
fn list(name: &str) -> Vec<Vec<String>> {
    let text = read(&format!("scripts/engines.d/{name}"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The cells of the rows of a page's table with this header.
fn table(page: &str, header: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let rows: Vec<&str> = text.lines().skip_while(|line| *line != header).skip(2).collect();
    assert!(!rows.is_empty(), "{page} has no table `{header}`");
    let rows = rows.into_iter().take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The part of a version that the documentation names, such as `15` of `PostgreSQL 15.20`.
fn series(version: &str) -> (String, String) {
    let (engine, number) = version.split_once(' ').unwrap();
    let parts = if engine == "PostgreSQL" { 1 } else { 2 };
    (engine.to_owned(), number.split('.').take(parts).collect::<Vec<_>>().join("."))
}

/// What the tests start.
fn started() -> Tested {
    let mut tested = Tested::default();
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mariadb] {
        tested.change.insert(series(&project!(engine).version()));
    }
    tested.change.insert(series(&Bouncer::version()));
    tested.change.insert(series(&Cluster::version()));
    for line in list("servers") {
        let engine = match line[0].split('-').next().unwrap() {
            "postgres" => "PostgreSQL",
            "mysql" => "MySQL",
            "mariadb" => "MariaDB",
            other => panic!("`{other}` has no name in the documentation"),
        };
        let claim = (engine.to_owned(), line[2].clone());
        match line[1].as_str() {
            "change" => tested.change.insert(claim),
            "asked" => tested.asked.insert(claim),
            other => panic!("{other}"),
        };
    }
    tested
}

#[test]
fn the_guide_names_what_is_started() {
    let mut told = Tested::default();
    for row in table(GUIDE, "| engine | version | tested |") {
        let claim = (row[0].clone(), row[1].clone());
        match row[2].as_str() {
            text if text.starts_with("every change") => told.change.insert(claim),
            text if text.starts_with("on request") => told.asked.insert(claim),
            text => {
                assert!(text == "not tested" || text.starts_with("by hand, once: experimental"), "{claim:?}: {text}");
                continue;
            }
        };
    }
    assert_eq!(told, started());
}

#[test]
fn the_readme_names_what_is_started() {
    let header = "| | SQLite | PostgreSQL | MariaDB | MySQL |";
    let rows = table("README.md", header);
    let engines: Vec<&str> = header.trim_matches('|').split('|').map(str::trim).collect();
    let mut told = Tested::default();
    for (engine, cell) in engines.iter().zip(&rows[0]).skip(1) {
        let (change, asked) = cell.split_once("on request").unwrap_or((cell, ""));
        let numbers = |text: &str| -> Claims {
            let words = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
            words.filter(|word| !word.is_empty()).map(|word| ((*engine).to_owned(), word.to_owned())).collect()
        };
        told.change.extend(numbers(change));
        told.asked.extend(numbers(asked));
    }
    let mut started = started();
    for claims in [&mut started.change, &mut started.asked] {
        claims.retain(|(engine, _)| engines.contains(&engine.as_str()));
    }
    assert_eq!(told, started);
}

#[test]
fn the_guide_names_what_runs_on_other_servers() {
    let told: BTreeSet<String> = table(GUIDE, "| part | what |").into_iter().map(|row| row[0].clone()).collect();
    let run: BTreeSet<String> = list("core").into_iter().map(|line| line[0].clone()).collect();
    assert_eq!(told, run);
}

#[test]
fn the_guide_names_what_does_not_apply() {
    let told: Vec<Vec<String>> = table(GUIDE, "| server | test | reason |");
    let left: Vec<Vec<String>> = list("skipped")
        .into_iter()
        .map(|line| vec![line[0].clone(), format!("`{}`", line[1]), line[2..].join(" ")])
        .collect();
    assert_eq!(told, left);
}
