//! The output of the commands about packages.

use std::path::Path;

use crate::styled::{BAD, DIM, GOOD, HINT, ODD, PLAIN, STRONG, Text};
use crate::table::{Cell, Table};
use crate::units;
use runner_packages::{Outdated, Packed, Place, Pushed, PushedAs, Removed, Vendored};
use runner_project::short;

/// The package that was written, and how to sign it.
pub fn packed(packed: &Packed, file: &Path) -> Text {
    let (name, version, file) = (&packed.name, packed.version, file.display());
    let mut text = Text::new();
    for migration in &packed.migrations {
        text = text.add(GOOD, "packed").plain(format!(" {migration}")).end();
    }
    text = text.add(GOOD, "created").plain(format!(" {file}: ")).add(STRONG, format!("{name} {version}"));
    let size = units::count(packed.bytes.len() as u64);
    text = text.add(DIM, format!(" ({size} bytes, sha256 {})", short(&packed.sha256))).end();
    text.add(HINT, "hint").plain(format!(": `minisign -Sm {file}` signs it")).end()
}

/// What is about to be pushed.
pub fn pushing(packed: &Packed, place: &Place) -> Text {
    let (name, version, size) = (&packed.name, packed.version, units::count(packed.bytes.len() as u64));
    Text::new().plain(format!("pushing {name} {version} to {} ({size} bytes)", place.shown())).end()
}

/// What was pushed, and how it is pinned.
pub fn pushed(packed: &Packed, pushed: &Pushed) -> Text {
    let verb = match pushed.outcome {
        PushedAs::New | PushedAs::Signed => "pushed",
        PushedAs::Unchanged => "unchanged",
        PushedAs::Replaced => "replaced",
    };
    let mut text = Text::new().add(GOOD, verb).plain(format!(" {}: ", pushed.reference));
    text = text.add(STRONG, format!("{} {}", packed.name, packed.version));
    text = text.add(DIM, format!(" (sha256 {}, manifest {})", short(&packed.sha256), pushed.digest)).end();
    if pushed.outcome == PushedAs::Signed {
        text = text.plain("its bytes were there already, without a signature").end();
    }
    text
}

/// A line for each package and each of its migrations, and what it is not granted.
pub fn vendored(packages: &[(Vendored, Vec<String>, Option<String>)]) -> Text {
    let mut text = Text::new();
    if packages.is_empty() {
        return text.plain("no packages").end();
    }
    for (package, missing, paste) in packages {
        let name = format!("{} {}", package.name, package.version);
        if !package.changed {
            text = text.add(STRONG, name).plain(" is up to date").end();
            continue;
        }
        text = match package.previous {
            // Only its key is new.
            Some(previous) if previous == package.version => text.add(GOOD, "updated").plain(" ").add(STRONG, name),
            Some(previous) => text.add(GOOD, "updated").plain(" ").add(STRONG, name).plain(format!(" from {previous}")),
            None => text.add(GOOD, "added").plain(" ").add(STRONG, name),
        };
        text = text.add(DIM, format!(" (sha256 {})", short(&package.sha256))).end();
        for migration in package.migrations.iter().filter(|migration| migration.added) {
            let (revision, summary) = (&migration.revision, &migration.summary);
            text = text.plain(format!("  {} is revision {revision}", migration.name));
            text = text.add(DIM, format!(": {summary}")).end();
        }
        if !package.renames.is_empty() {
            text = text.plain(format!("  here, {}", package.renames)).end();
        }
        if package.key.is_none() {
            text = text.add(ODD, "warning").plain(": its signature was not checked: no key is pinned").end();
        }
        if let Some(paste) = paste {
            text =
                text.add(ODD, "warning").plain(format!(": it needs more than it is granted: {}", missing.join(", ")));
            let table = format!("[packages.\"{}\"]", package.name);
            text = text.end().add(HINT, "hint");
            text = text.plain(format!(": if you trust it with that, write below `{table}`: {paste}")).end();
        }
    }
    text
}

/// What was removed.
pub fn removed(removed: &Removed) -> Text {
    let name = format!("{} {}", removed.name, removed.version);
    let count = units::counted(removed.migrations.len() as u64, "migration", "migrations");
    Text::new().add(GOOD, "removed").plain(" ").add(STRONG, name).add(DIM, format!(" ({count})")).end()
}

/// A table of the packages and their versions.
pub fn outdated(packages: &[Outdated]) -> Text {
    if packages.is_empty() {
        return Text::new().plain("no packages").end();
    }
    let mut table = Table::new(&["package", "version", "wanted", "newest", "source"]);
    for package in packages {
        let version = |version: Option<_>| version.map_or_else(|| "-".to_owned(), |version| format!("{version}"));
        let style = |is_newer: bool| if is_newer { ODD } else { PLAIN };
        table.row(vec![
            Cell::left(STRONG, package.name.as_str()),
            Cell::left(PLAIN, package.version.to_string()),
            Cell::left(style(package.wanted > Some(package.version)), version(package.wanted)),
            Cell::left(style(package.newest > Some(package.version)), version(package.newest)),
            Cell::left(if package.problem.is_some() { BAD } else { DIM }, &package.source),
        ]);
        if let Some(problem) = &package.problem {
            table.note(problem.clone());
        }
    }
    table.text()
}
