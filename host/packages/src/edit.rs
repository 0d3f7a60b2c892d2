//! Writes what is pinned of a package into the settings file, and leaves everything else as it is.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

use runner_base::error::{Error, Result};
use runner_database::Renames;
use runner_project::files::{behind_links, cannot_write, open_root, read_own};
use runner_project::line_ends::with_line_ends;
use runner_project::lockfile::write_atomically;
use runner_project::package::{PackageName, Version};
use runner_project::settings::Settings;

/// The largest settings file that is edited.
const LARGEST: u64 = 4 << 20;

const PACKAGES: &str = "packages";

/// Adds the table of a package. What it has already is left alone, except that a given key, and names of tables, are added.
pub(super) fn pin(
    settings: &Settings,
    (name, version): (&PackageName, Version),
    key: Option<&str>,
    renames: &Renames,
) -> Result<()> {
    edit(settings, |document| {
        let packages = document.entry(PACKAGES).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let packages = packages.as_table_like_mut().ok_or(())?;
        let is_new = packages.get(name.as_str()).is_none();
        let package = packages.entry(name.as_str()).or_insert_with(|| Item::Table(Table::new()));
        let package = package.as_table_like_mut().ok_or(())?;
        if let Some(key) = key.filter(|_| !package.contains_key("key")) {
            package.insert("key", value(key));
        }
        if is_new {
            package.insert("version", value(version.compatible().to_string()));
        }
        let has_names = |item: &Item| item.as_table_like().is_none_or(|tables| !tables.is_empty());
        if !renames.is_empty() && !package.get("tables").is_some_and(has_names) {
            let names: InlineTable = renames.lines().into_iter().collect();
            package.insert("tables", value(names));
        }
        if is_new {
            package.insert("allow", value(Array::new()));
        }
        Ok(())
    })
}

/// Removes the table of a package.
pub(super) fn unpin(settings: &Settings, name: &PackageName) -> Result<()> {
    edit(settings, |document| {
        if let Some(packages) = document.get_mut(PACKAGES).and_then(Item::as_table_like_mut) {
            packages.remove(name.as_str());
            if packages.is_empty() {
                document.remove(PACKAGES);
            }
        }
        Ok(())
    })
}

fn edit(settings: &Settings, change: impl FnOnce(&mut DocumentMut) -> Result<(), ()>) -> Result<()> {
    let name = settings.below.join(settings.file.file_name().unwrap_or_default());
    let shown = name.to_string_lossy().into_owned();
    let gone = || Error::usage(format!("cannot read `{shown}`: it no longer exists"));
    let bytes = read_own(&settings.root, &name, LARGEST)?.ok_or_else(gone)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::usage(format!("`{shown}` is not valid UTF-8")))?;
    let unsuitable = || Error::usage(format!("cannot write the packages into `{shown}`"));
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| unsuitable().cause(error.message()))?;
    change(&mut document)
        .map_err(|()| unsuitable().hint("`packages` has to be a table, as in `[packages.\"vendor/package\"]`"))?;
    let changed = with_line_ends(&text, &document.to_string());
    if changed == text {
        return Ok(());
    }
    let root = open_root(&settings.root)?;
    // A link stays one.
    let written = write_atomically(&root, behind_links(&root, &shown), changed.as_bytes());
    written.map_err(|error| cannot_write(&shown, &error))
}
