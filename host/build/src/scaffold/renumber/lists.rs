//! Files of tools that list directories: of workspaces in Rust, and of TypeScript.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike};

use super::json;
use super::paths::{Target, named, parts, replaced};
use runner_base::error::{Error, Result};

/// The files that are read.
pub(super) const LISTS: [&str; 2] = ["Cargo.toml", "tsconfig.json"];

/// The tables with dependencies.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// The text of such a file with other names in its paths. `name` is that of the file, `base` its directory, from the project.
pub(super) fn follow(text: &str, name: &str, base: &[&str], targets: &[Target<'_>]) -> Result<String> {
    if !targets.iter().any(|target| text.contains(target.old)) {
        return Ok(text.to_owned());
    }
    // Tools do not count it.
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let (mark, text) = text.split_at(mark);
    let paths = if name == LISTS[0] { of_cargo(text)? } else { of_typescript(text) };
    let mut places = Vec::new();
    for Listed { range, from } in &paths {
        let Some(base) = below(base, from) else { continue };
        for target in targets {
            let found = named(&text[range.clone()], &base, &target.place);
            places.extend(found.into_iter().map(|it| (range.start + it.start..range.start + it.end, target.new)));
        }
    }
    places.sort_by_key(|(range, _)| range.start);
    Ok(mark.to_owned() + &replaced(text, &places))
}

/// A path in a list.
struct Listed<'t> {
    /// Where it is, without quotes.
    range: Range<usize>,
    /// What it is relative to, from the directory of the file.
    from: &'t str,
}

/// A directory from another one; `None` outside of the project.
fn below<'t>(base: &[&'t str], path: &'t str) -> Option<Vec<&'t str>> {
    let mut here = base.to_vec();
    for part in parts(path) {
        match part {
            ".." => drop(here.pop()?),
            _ => here.push(part),
        }
    }
    Some(here)
}

/// The paths of a manifest of cargo. All other strings, such as versions, only look like some.
fn of_cargo(text: &str) -> Result<Vec<Listed<'_>>> {
    let unsuitable = |error: toml_edit::TomlError| {
        Error::usage("cannot look for the migration in `Cargo.toml`").cause(error.message())
    };
    let document = Document::parse(text).map_err(unsuitable)?;
    let mut found = Vec::new();
    dependencies(document.as_table(), &mut found);
    if let Some(workspace) = table(document.get("workspace")) {
        for list in ["members", "exclude", "default-members"] {
            found.extend(workspace.get(list).and_then(Item::as_array).into_iter().flatten().filter_map(|it| it.span()));
        }
        dependencies(workspace, &mut found);
    }
    for target in tables(document.get("target")) {
        dependencies(target, &mut found);
    }
    for source in tables(document.get("patch")) {
        of_crates(source, &mut found);
    }
    let without_quotes = |range: Range<usize>| {
        let raw = &text[range.clone()];
        let inner = raw.trim_start_matches(['"', '\'']);
        let start = range.end - inner.len();
        Listed { range: start..start + inner.trim_end_matches(['"', '\'']).len(), from: "" }
    };
    Ok(found.into_iter().map(without_quotes).collect())
}

fn table(item: Option<&Item>) -> Option<&dyn TableLike> {
    item.and_then(Item::as_table_like)
}

fn tables(item: Option<&Item>) -> impl Iterator<Item = &dyn TableLike> {
    table(item).into_iter().flat_map(|it| it.iter()).filter_map(|(_, it)| it.as_table_like())
}

fn dependencies(parent: &dyn TableLike, found: &mut Vec<Range<usize>>) {
    for crates in DEPENDENCIES.iter().filter_map(|name| table(parent.get(name))) {
        of_crates(crates, found);
    }
}

fn of_crates(crates: &dyn TableLike, found: &mut Vec<Range<usize>>) {
    let paths = crates.iter().filter_map(|(_, it)| it.as_table_like()?.get("path"));
    found.extend(paths.filter(|path| path.is_str()).filter_map(Item::span));
}

/// The paths of a configuration of TypeScript.
fn of_typescript(text: &str) -> Vec<Listed<'_>> {
    let strings = json::strings(text);
    let of_aliases = strings.iter().find(|it| it.keys == ["compilerOptions", "baseUrl"]);
    let of_aliases = of_aliases.map_or("", |it| &text[it.range.clone()]);
    let listed = strings.iter().filter_map(|it| {
        let keys: Vec<&str> = it.keys.iter().map(String::as_str).collect();
        let from = match keys.as_slice() {
            ["include" | "exclude" | "files" | "extends"]
            | ["references", "path"]
            | ["compilerOptions", "rootDir" | "rootDirs"] => "",
            ["compilerOptions", "paths", _] => of_aliases,
            _ => return None,
        };
        Some(Listed { range: it.range.clone(), from })
    });
    listed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(name: &str, base: &str, text: &str) -> String {
        let target = Target { place: vec!["migrations", "1"], old: "1", new: "3" };
        follow(text, name, &parts(base), &[target]).expect("followed")
    }

    #[test]
    fn only_paths_of_a_manifest_follow() {
        let text = "[package]\r\nversion = \"1\" # migrations/1\r\nreadme = 'migrations/1'\r\n[workspace]\r\n\
                    members = [\"migrations/1\", './migrations/1/rules', \"migrations/10\", \"1\"]\r\n\
                    exclude = [\"app\"]\r\ndefault-members = [\"migrations/1\"]\r\ndependencies.c.path = \"migrations/1/c\"\r\n\
                    [dependencies]\r\nserde = \"1\"\r\nrand = {version = \"1.4\", features = [\"1\"]}\r\n\
                    a = { version = \"1\", path = \"migrations/1/a\" }\r\n[dev-dependencies.b]\r\npath = 'migrations/1/b'\r\n\
                    [build-dependencies]\r\nd = { path = \"migrations/1\" }\r\n[target.'cfg(unix)'.dependencies]\r\n\
                    e = { path = \"migrations/1\" }\r\n[patch.crates-io]\r\nf = { path = \"migrations/1\" }\r\n";
        let expected = text.replace("migrations/1", "migrations/3").replace("migrations/30", "migrations/10");
        let expected = expected
            .replace("# migrations/3", "# migrations/1")
            .replace("'migrations/3'\r\n[workspace]", "'migrations/1'\r\n[workspace]");
        assert_eq!(followed("Cargo.toml", "", text), expected);
        assert_eq!(followed("Cargo.toml", "", &format!("\u{feff}{text}")), format!("\u{feff}{expected}"));
        let among =
            "[workspace]\nmembers = [\"1\"]\n[workspace.dependencies]\na = \"1\"\nb.path = \"../migrations/1\"\n";
        let expected = among.replace("[\"1\"]", "[\"3\"]").replace("migrations/1", "migrations/3");
        assert_eq!(followed("Cargo.toml", "migrations", among), expected);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_refused_if_it_may_name_the_migration() {
        assert_eq!(followed("Cargo.toml", "", "[[workspace"), "[[workspace");
        let target = Target { place: vec!["migrations", "1"], old: "1", new: "3" };
        let error = follow("a = 1 =", "Cargo.toml", &[], &[target]).expect_err("no TOML");
        assert_eq!(error.message, "cannot look for the migration in `Cargo.toml`");
    }

    #[test]
    fn only_paths_of_a_configuration_follow() {
        let text = "{\n  // \"migrations/1\"\n  \"extends\": \"./base.json\", \"include\": [\"migrations/1/**/*\", \"1\"],\n  \
                    \"exclude\": [\"migrations/1\"], \"files\": [\"migrations/1/a.ts\"], \"version\": \"migrations/1\",\n  \
                    \"references\": [{ \"path\": \"./migrations/1\" }], \"compilerOptions\": {\n    \"target\": \"1\",\n    \
                    \"rootDir\": \"migrations/1\", \"rootDirs\": [\"migrations/1\"], \"outDir\": \"migrations/1\",\n    \
                    \"baseUrl\": \"./app\", \"paths\": { \"@1\": [\"../migrations/1/*\", \"migrations/1\"] },\n  },\n}\n";
        let mut expected = text.replace("migrations/1", "migrations/3");
        for kept in
            ["// \"migrations/3", "\"version\": \"migrations/3", "\"outDir\": \"migrations/3", ", \"migrations/3\"] }"]
        {
            expected = expected.replace(kept, &kept.replace('3', "1"));
        }
        assert_eq!(followed("tsconfig.json", "", text), expected);
    }
}
