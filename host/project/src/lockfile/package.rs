//! Reads and writes the packages of a lockfile.

use super::line::quote;
use super::line::required;
use super::{LockedPackage, Lockfile};
use crate::package::{PackageName, Version, read_renames};
use crate::toml_reader::{Document, Section};

/// What comes before the packages, after the artifacts.
pub(super) const HEADING: &str = "\n[packages]\n";

/// The packages as text; empty if there are none.
pub(super) fn render(lockfile: &Lockfile) -> String {
    if lockfile.packages.is_empty() {
        return String::new();
    }
    let lines: String = lockfile.packages.iter().map(|package| line(package) + "\n").collect();
    format!("{HEADING}{lines}")
}

fn line(package: &LockedPackage) -> String {
    let LockedPackage { name, version, sha256, key, source, renames } = package;
    let key = key.as_ref().map(|key| format!(", key = {}", quote(key))).unwrap_or_default();
    let (name, version) = (quote(name.as_str()), quote(&version.to_string()));
    let rules = renames.lines();
    let rules: Vec<String> = rules.iter().map(|(from, to)| format!("{} = {}", quote(from), quote(to))).collect();
    let tables = if rules.is_empty() { String::new() } else { format!(", tables = {{ {} }}", rules.join(", ")) };
    format!("{name} = {{ version = {version}, sha256 = {}{key}, source = {}{tables} }}", quote(sha256), quote(source))
}

/// Reads the packages of a document.
pub(super) fn read(root: &Section<'_, '_>, lockfile: &mut Lockfile) {
    let Some(packages) = root.section("packages", "packages") else { return };
    for (name, _) in packages.entries() {
        let path = packages.key(name);
        let package = packages.section(name, &path).and_then(|section| one(&section, name));
        lockfile.packages.extend(package);
    }
    lockfile.packages.sort_by(|a, b| a.name.cmp(&b.name));
}

/// Parses the lines after [`HEADING`] by themselves; `None` if anything is wrong.
pub(super) fn parse(text: &str) -> Option<Lockfile> {
    let text = format!("{HEADING}{text}");
    let document = Document::new("", &text);
    let root = document.parse().ok()?;
    let section = Section::root(&document, &root);
    let mut lockfile = Lockfile::default();
    section.only(&["packages"]);
    read(&section, &mut lockfile);
    document.finish().ok()?;
    Some(lockfile)
}

fn one(section: &Section<'_, '_>, name: &str) -> Option<LockedPackage> {
    section.only(&["version", "sha256", "key", "source", "tables"]);
    let parsed = PackageName::parse(name);
    if parsed.is_none() {
        section.wrong("", format!("`{name}` is not the name of a package"), "restore the file");
    }
    let text = required(section, "version")?;
    let version = Version::parse(&text);
    if version.is_none() {
        section.wrong("version", format!("invalid `version`: `{text}`"), "restore the file");
    }
    Some(LockedPackage {
        name: parsed?,
        version: version?,
        sha256: required(section, "sha256")?,
        key: section.text("key").map(str::to_owned),
        source: required(section, "source")?,
        renames: read_renames(section),
    })
}
