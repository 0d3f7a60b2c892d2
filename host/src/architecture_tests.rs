//! Holds the imports of every room against the drawings in `lib.rs` and `engine/mod.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by name, with the height of their floor; the ground is 0.
type Floors = BTreeMap<String, usize>;

/// The floors of the first `text` block whose lines begin with room names; what comes after two spaces is a description.
fn floors(source: &str) -> Floors {
    let lines: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .skip_while(|line| *line != "```text")
        .skip(1)
        .take_while(|line| *line != "```")
        .collect();
    let rooms = |line: &str| -> Vec<String> {
        let names = line.split("  ").next().unwrap_or_default();
        // A single space separates the last room from its description where the names fill their column.
        names.split(' ').take_while(|name| is_room(name)).map(str::to_owned).collect()
    };
    lines
        .iter()
        .rev()
        .enumerate()
        .flat_map(|(floor, line)| rooms(line).into_iter().map(move |room| (room, floor)))
        .collect()
}

fn is_room(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    [root.clone(), root.join("engine")]
        .iter()
        .any(|folder| folder.join(name).is_dir() || folder.join(format!("{name}.rs")).is_file())
}

/// All source files below a folder that are no tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_test = name.ends_with("tests.rs") || name == "tests" || name == "contract" || name == "contract.rs";
        if path.is_dir() && !is_test {
            sources(&path, found);
        } else if name.ends_with(".rs") && !is_test {
            found.push(path);
        }
    }
}

/// The module path of a file below `src`.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().replace(".rs", "")).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
        parts.pop();
    }
    parts
}

/// The code of a file, without comments and without its module of tests.
fn code(source: &str) -> String {
    let end = source.find("#[cfg(test)]\nmod tests {").unwrap_or(source.len());
    source[..end].lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every path that begins with `crate` or `super`, in `use` trees and in code.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = ["crate::", "super::"].iter().filter_map(|start| rest.find(start)).min() {
        let is_word = rest[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        let tail = &rest[at..];
        let end = tail.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(tail.len());
        let path = &tail[..end];
        if !is_word {
            match path.strip_suffix("::").filter(|_| tail[end..].starts_with('{')) {
                Some(prefix) => expand(prefix, &tail[end..], &mut found),
                None => found.push(path.to_owned()),
            }
        }
        rest = &tail[end.max(1)..];
    }
    found
}

/// The first names of a braced tree, each after its prefix, with the trees below them.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let (mut depth, mut name) = (0, String::new());
    for (at, c) in tree.char_indices() {
        match c {
            '{' => {
                depth += 1;
                if depth == 2 {
                    expand(&format!("{prefix}::{}", name.trim_end_matches("::")), &tree[at..], found);
                    name.clear();
                }
            }
            '}' | ',' if depth == 1 => {
                if !name.is_empty() {
                    found.push(format!("{prefix}::{name}"));
                }
                name.clear();
                if c == '}' {
                    return;
                }
            }
            '}' => depth -= 1,
            c if depth == 1 && (c.is_alphanumeric() || c == '_' || c == ':') => name.push(c),
            _ => {}
        }
    }
}

/// A path of a module, from the crate's root.
fn absolute(path: &str, module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    let mut parts = path.split("::").peekable();
    if parts.next_if_eq(&"crate").is_some() {
        base.clear();
    }
    while parts.next_if_eq(&"super").is_some() {
        base.pop();
    }
    base.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    base
}

/// Imports of one file that go up, or to a room that the drawing lacks.
fn wrong(source: &str, module: &[String], crate_floors: &Floors, engine_floors: &Floors) -> Vec<String> {
    let mut wrong = Vec::new();
    for path in paths(&code(source)) {
        let target = absolute(&path, module);
        let mut check = |from: Option<&String>, to: Option<&String>, floors: &Floors| {
            let (Some(from), Some(to)) = (from, to) else { return };
            if from == to || to.starts_with(char::is_uppercase) {
                return;
            }
            let Some(above) = floors.get(from) else {
                wrong.push(format!("`{from}` is in no floor of the drawing"));
                return;
            };
            // A function or constant of the parent is no room.
            if let Some(below) = floors.get(to)
                && below >= above
            {
                wrong.push(format!("`{}` imports `{}`", module.join("::"), target.join("::")));
            }
        };
        check(module.first(), target.first(), crate_floors);
        if module.first().is_some_and(|room| room == "engine") && target.first().is_some_and(|room| room == "engine") {
            check(module.get(1), target.get(1), engine_floors);
        }
    }
    wrong
}

fn drawings() -> (Floors, Floors) {
    (floors(include_str!("lib.rs")), floors(include_str!("engine/mod.rs")))
}

#[test]
fn imports_point_down() {
    let (crate_floors, engine_floors) = drawings();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 200, "only {} files were found", files.len());
    let mut all = Vec::new();
    for file in files {
        let module = module_of(file.strip_prefix(&root).expect("a path below `src`"));
        let source = fs::read_to_string(&file).expect("a source file");
        all.extend(wrong(&source, &module, &crate_floors, &engine_floors));
    }
    assert!(all.is_empty(), "imports that run back up:\n{}", all.join("\n"));
}

#[test]
fn every_room_is_drawn() {
    let (crate_floors, engine_floors) = drawings();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (folder, floors) in [(root.clone(), crate_floors), (root.join("engine"), engine_floors)] {
        for entry in fs::read_dir(folder).expect("a folder") {
            let name = entry.expect("an entry").file_name().to_string_lossy().replace(".rs", "");
            let is_room = !["lib", "main", "mod"].contains(&name.as_str()) && !name.ends_with("tests");
            assert!(!is_room || floors.contains_key(&name) || name == "engine", "`{name}` is not drawn");
        }
    }
}

#[test]
fn an_import_that_runs_back_up_is_found() {
    let (crate_floors, engine_floors) = drawings();
    let find = |source: &str, module: &[&str]| {
        let module: Vec<String> = module.iter().map(|&part| part.to_owned()).collect();
        wrong(source, &module, &crate_floors, &engine_floors)
    };
    assert_eq!(find("use crate::engine::Event;", &["database", "sqlite"]).len(), 1);
    assert_eq!(find("use crate::{data::Value, cli::exit};", &["engine", "apply"]).len(), 1);
    assert_eq!(find("use super::apply::Engine;", &["engine", "history"]).len(), 1);
    assert_eq!(find("use super::super::{plan::{Plan, check}, schema};", &["engine", "journal", "store"]).len(), 1);
    assert_eq!(find("fn f() { crate::engine::verify::run() }", &["engine", "plan"]).len(), 1);
    assert_eq!(find("// use crate::cli::exit;\nuse crate::data::Value;", &["engine", "apply"]), [""; 0]);
    assert_eq!(find("use super::schema::tool_sql;", &["engine", "history"]), [""; 0]);
}
