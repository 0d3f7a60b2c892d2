//! Checks the imports within a crate against the drawing in the head of its `lib.rs`: rooms on floors, from the top down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::source::{code, sources};

/// The floor of each room, counted from the bottom.
type Floors = BTreeMap<String, usize>;

/// Returns the floors of the first `text` block whose lines begin with room names; two spaces precede a description.
fn floors(source: &str, is_room: impl Fn(&str) -> bool) -> Floors {
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
    let floors = lines.iter().rev().enumerate();
    floors.flat_map(|(floor, line)| rooms(line).into_iter().map(move |room| (room, floor))).collect()
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
    fn of(source: &str, is_room: impl Fn(&str) -> bool) -> Self {
        Self { floors: floors(source, is_room), exports: exports(source) }
    }

    /// The room of a name in the module: the room itself, or the one that a re-exported item comes from.
    fn room<'a>(&'a self, name: &'a str) -> &'a str {
        self.exports.get(name).map_or(name, String::as_str)
    }
}

/// Returns the imports of a file that point up, or to a room that is missing from the drawing.
fn wrong(source: &str, module: &[String], drawing: &Drawing) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(from) = module.first() else { return wrong };
    for path in paths(&code(source)) {
        let target = absolute(&path, module);
        let Some(to) = target.first().map(|to| drawing.room(to)) else { continue };
        // An item that is not re-exported is defined in the root itself.
        if from == to || to.starts_with(char::is_uppercase) {
            continue;
        }
        let Some(above) = drawing.floors.get(from) else {
            wrong.push(format!("`{from}` is missing from the drawing"));
            continue;
        };
        // A function or constant of the root is not a room.
        if drawing.floors.get(to).is_some_and(|below| below >= above) {
            wrong.push(format!("`{}` imports `{}`", module.join("::"), target.join("::")));
        }
    }
    wrong
}

/// Fails if an import within a crate points up, or a room of it is not drawn. `manifest`: the directory of the crate.
#[track_caller]
pub fn check(manifest: &str) {
    let root = Path::new(manifest).join("src");
    let is_room = |name: &str| root.join(name).is_dir() || root.join(format!("{name}.rs")).is_file();
    let drawing = Drawing::of(&fs::read_to_string(root.join("lib.rs")).expect("a library"), is_room);
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut all = Vec::new();
    for file in files {
        let module = module_of(file.strip_prefix(&root).expect("a path below `src`"));
        let source = fs::read_to_string(&file).expect("a source file");
        if let Some(room) = module.first().filter(|room| !drawing.floors.contains_key(*room)) {
            all.push(format!("`{room}` is not drawn"));
        }
        all.extend(wrong(&source, &module, &drawing));
    }
    assert!(drawing.floors.len() > 2, "no drawing was found");
    assert!(all.is_empty(), "the drawing and the imports differ:\n{}", all.join("\n"));
}

/// As [`check`]; fails as well if files of the crate import each other in a circle, within a room or through the root.
#[track_caller]
pub fn check_without_circles(manifest: &str) {
    check(manifest);
    let root = Path::new(manifest).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let sources: BTreeMap<Vec<String>, String> = files
        .iter()
        .map(|file| {
            (module_of(file.strip_prefix(&root).expect("below `src`")), fs::read_to_string(file).expect("a file"))
        })
        .collect();
    assert_eq!(circle(&sources), None, "files import each other");
}

/// Returns a file of a circle, if there is one: what is left when files that import none of those left are removed. A path of the root
/// is that of the room it is re-exported from; the root itself imports all.
fn circle(sources: &BTreeMap<Vec<String>, String>) -> Option<String> {
    let exports = sources.get(&Vec::new()).map(|root| exports(root)).unwrap_or_default();
    let mut graph: BTreeMap<&Vec<String>, Vec<Vec<String>>> = BTreeMap::new();
    for (module, source) in sources {
        let targets = paths(&code(source)).into_iter().map(|path| {
            let mut target = absolute(&path, module);
            if let Some(room) = target.first().and_then(|name| exports.get(name)) {
                target[0].clone_from(room);
            }
            while !sources.contains_key(&target) {
                target.pop();
            }
            target
        });
        graph.insert(module, targets.filter(|target| target != module && !target.is_empty()).collect());
    }
    loop {
        let before = graph.len();
        let left: BTreeSet<Vec<String>> = graph.keys().map(|module| (*module).clone()).collect();
        graph.retain(|_, targets| targets.iter().any(|target| left.contains(target)));
        if graph.len() == before {
            return graph.keys().next().map(|module| module.join("::"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_files_is_found() {
        let find = |files: &[(&str, &str)]| {
            let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            circle(&files.iter().map(|(name, source)| (module(name), (*source).to_owned())).collect())
        };
        let lib = ("", "use self::a::A; pub use b::B;");
        assert_eq!(find(&[lib, ("a", "use super::b::B;"), ("b", "struct B;")]), None);
        assert!(find(&[lib, ("a", "use super::B;"), ("b", "use crate::a::A;")]).is_some());
        assert!(
            find(&[lib, ("b", ""), ("c", ""), ("c::d", "use super::e::E;"), ("c::e", "use super::d::D;")]).is_some()
        );
    }

    #[test]
    fn an_import_that_points_up_is_found() {
        let lib = "//! ```text\n//! cli           commands\n//! apply verify  runs\n//! plan history\n//! ```\n\
                   pub use apply::Engine;\npub use plan::{Plan, Target};\n";
        let drawing = Drawing::of(lib, |name| ["cli", "apply", "verify", "plan", "history"].contains(&name));
        let find = |source: &str, module: &[&str]| {
            let module: Vec<String> = module.iter().map(|&part| part.to_owned()).collect();
            wrong(source, &module, &drawing)
        };
        assert_eq!(find("use crate::apply::Engine;", &["plan", "target"]).len(), 1);
        assert_eq!(find("use crate::{history::Row, cli::exit};", &["apply"]).len(), 1);
        assert_eq!(find("use super::apply::Engine;", &["plan"]).len(), 1);
        assert_eq!(find("use super::super::{verify::{Proof}, plan};", &["history", "store"]).len(), 2);
        assert_eq!(find("fn f() { crate::verify::run() }", &["apply"]).len(), 1);
        // What the root re-exports belongs to the room that defines it.
        assert_eq!(find("use crate::{Engine, Error};", &["plan"]).len(), 1);
        assert_eq!(find("use super::Target;", &["history"]).len(), 1);
        assert_eq!(find("use super::{Target, Error};", &["apply"]), [""; 0]);
        assert_eq!(find("// use crate::cli::exit;\nuse crate::plan::Plan;", &["apply"]), [""; 0]);
        assert_eq!(find("use super::schema;", &["plan", "target"]), [""; 0]);
        assert_eq!(find("use crate::plan::Plan;", &["lost"]).len(), 1);
    }
}
