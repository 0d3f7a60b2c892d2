//! Reads a lockfile as a merge of version control left it. `runner build` then derives every line from the files again,
//! so only what they do not contain has to survive: descriptions and the source code that artifacts were built from.

use super::line::parse_line;
use super::{LockLine, LockedPackage, Lockfile, package};
use crate::package::package_of;

/// The markers of a conflict, also in the style `diff3`, as they begin a line.
const MARKERS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// The marker that a line begins with.
pub(super) fn marker(line: &str) -> Option<&'static str> {
    MARKERS.into_iter().find(|marker| line.starts_with(marker))
}

/// The lines of both sides, of which several may have one revision, if the text shows signs of a merge: markers of a conflict, or keys
/// that occur twice, as a union of both sides has them.
pub(super) fn merged(text: &str) -> Option<Lockfile> {
    let mut is_merge = false;
    let mut in_base = false;
    let (mut digests, mut headings) = (0, 0);
    let mut lines: Vec<LockLine> = Vec::new();
    let mut packages: Vec<LockedPackage> = Vec::new();
    for line in text.lines() {
        if let Some(marker) = marker(line) {
            is_merge = true;
            // What was there before both sides counts for neither.
            in_base = marker == "|||||||";
            continue;
        }
        if in_base {
            continue;
        }
        digests += usize::from(line.starts_with("digest = "));
        headings += usize::from(line == package::HEADING.trim());
        if let Some(package) = package::parse(line).and_then(|mut parsed| parsed.packages.pop()) {
            is_merge |= merge_package(&mut packages, package);
            continue;
        }
        let Some(line) = parse_line(line) else { continue };
        let is_taken = lines.iter().any(|other| other.key() == line.key());
        is_merge |= is_taken;
        // The files decide which of two lines is right. A package has no file of its own for each migration: one whose revision is
        // taken gets another.
        let is_put_elsewhere = is_taken && package_of(&line.name).is_some();
        if !is_put_elsewhere && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.sort_by_key(LockLine::key);
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    (is_merge || digests > 1 || headings > 1).then_some(Lockfile { lines, packages })
}

/// Adds a package of one side; true if the other side has it too. The newer version has all migrations of the older one.
fn merge_package(packages: &mut Vec<LockedPackage>, package: LockedPackage) -> bool {
    match packages.iter_mut().find(|other| other.name == package.name) {
        Some(other) => {
            if other.version < package.version {
                *other = package;
            }
            true
        }
        None => {
            packages.push(package);
            false
        }
    }
}
