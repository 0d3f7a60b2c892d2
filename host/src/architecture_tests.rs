//! Checks the imports of every room against the drawings in `lib.rs` and `engine/mod.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use runner_tests::source::{code, sources};

/// The floor of each room, counted from the bottom.
type Floors = BTreeMap<String, usize>;

/// Returns the floors of the first `text` block whose lines begin with room names; two spaces precede a description.
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
        .any(|parent| parent.join(name).is_dir() || parent.join(format!("{name}.rs")).is_file())
}

/// Returns the module path of a file below `src`.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().replace(".rs", "")).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
        parts.pop();
    }
    parts
}

/// Returns every path that begins with `crate` or `super`, in `use` trees and in code.
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

/// Expands a braced tree to the paths of its names, each with its prefix, including nested trees.
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

/// Resolves a path in a module to a path from the crate's root.
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

/// The items that a module re-exports, with the room that each comes from.
fn exports(source: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in code(source).split(';').filter_map(|part| part.split_once("pub use ")).map(|(_, path)| path) {
        let mut paths = Vec::new();
        match statement.split_once("::{") {
            Some((prefix, tree)) => expand(prefix, &format!("{{{tree}"), &mut paths),
            None => paths.push(statement.trim().to_owned()),
        }
        for path in paths {
            let room = path.split("::").next().unwrap_or_default().to_owned();
            let item = path.rsplit("::").next().unwrap_or_default();
            found.insert(item.rsplit(' ').next().unwrap_or_default().to_owned(), room);
        }
    }
    found
}

/// The drawing of a module's rooms, and what the module re-exports from them.
struct Drawing {
    floors: Floors,
    exports: BTreeMap<String, String>,
}

impl Drawing {
    fn of(source: &str) -> Self {
        Self { floors: floors(source), exports: exports(source) }
    }

    /// The room of a name in the module: the room itself, or the one that a re-exported item comes from.
    fn room<'a>(&'a self, name: &'a str) -> &'a str {
        self.exports.get(name).map_or(name, String::as_str)
    }
}

/// Returns the imports of a file that point up, or to a room that is missing from the drawing.
fn wrong(source: &str, module: &[String], of_crate: &Drawing, of_engine: &Drawing) -> Vec<String> {
    let mut wrong = Vec::new();
    for path in paths(&code(source)) {
        let target = absolute(&path, module);
        let mut check = |from: Option<&String>, to: Option<&String>, drawing: &Drawing| {
            let (Some(from), Some(to)) = (from, to.map(|to| drawing.room(to))) else { return };
            // An item that is not re-exported is defined in the parent itself.
            if from == to || to.starts_with(char::is_uppercase) {
                return;
            }
            let floors = &drawing.floors;
            let Some(above) = floors.get(from) else {
                wrong.push(format!("`{from}` is missing from the drawing"));
                return;
            };
            // A function or constant of the parent is not a room.
            if let Some(below) = floors.get(to)
                && below >= above
            {
                wrong.push(format!("`{}` imports `{}`", module.join("::"), target.join("::")));
            }
        };
        check(module.first(), target.first(), of_crate);
        if module.first().is_some_and(|room| room == "engine") && target.first().is_some_and(|room| room == "engine") {
            check(module.get(1), target.get(1), of_engine);
        }
    }
    wrong
}

/// The drawings of the crate and of the engine.
fn drawings() -> (Drawing, Drawing) {
    (Drawing::of(include_str!("lib.rs")), Drawing::of(include_str!("engine/mod.rs")))
}

#[test]
fn imports_point_down() {
    let (of_crate, of_engine) = drawings();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 200, "only {} files were found", files.len());
    let mut all = Vec::new();
    for file in files {
        let module = module_of(file.strip_prefix(&root).expect("a path below `src`"));
        let source = fs::read_to_string(&file).expect("a source file");
        all.extend(wrong(&source, &module, &of_crate, &of_engine));
    }
    assert!(all.is_empty(), "imports that point up:\n{}", all.join("\n"));
}

#[test]
fn every_room_is_drawn() {
    let (of_crate, of_engine) = drawings();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (directory, floors) in [(root.clone(), of_crate.floors), (root.join("engine"), of_engine.floors)] {
        for entry in fs::read_dir(directory).expect("a directory") {
            let name = entry.expect("an entry").file_name().to_string_lossy().replace(".rs", "");
            let is_room = !["lib", "main", "mod"].contains(&name.as_str()) && !name.ends_with("tests");
            assert!(!is_room || floors.contains_key(&name) || name == "engine", "`{name}` is not drawn");
        }
    }
}

#[test]
fn an_import_that_points_up_is_found() {
    let (of_crate, of_engine) = drawings();
    let find = |source: &str, module: &[&str]| {
        let module: Vec<String> = module.iter().map(|&part| part.to_owned()).collect();
        wrong(source, &module, &of_crate, &of_engine)
    };
    assert_eq!(find("use crate::engine::Event;", &["database", "sqlite"]).len(), 1);
    assert_eq!(find("use crate::{database::Value, cli::exit};", &["engine", "apply"]).len(), 1);
    assert_eq!(find("use super::apply::Engine;", &["engine", "history"]).len(), 1);
    assert_eq!(find("use super::super::{plan::{Plan}, schema};", &["engine", "journal", "store"]).len(), 1);
    assert_eq!(find("fn f() { crate::engine::verify::run() }", &["engine", "plan"]).len(), 1);
    // What a module re-exports belongs to the room that defines it.
    assert_eq!(find("use crate::engine::{Direction, RunContext};", &["engine", "journal"]).len(), 1);
    assert_eq!(find("use super::RunRecorder;", &["engine", "schema"]).len(), 1);
    assert_eq!(find("use crate::Runner;", &["engine", "apply"]).len(), 1);
    assert_eq!(find("use super::{Event, RunRecorder};", &["engine", "apply"]), [""; 0]);
    assert_eq!(find("// use crate::cli::exit;\nuse crate::database::Database;", &["engine", "apply"]), [""; 0]);
    assert_eq!(find("use super::schema::tool_sql;", &["engine", "history"]), [""; 0]);
}
