//! Packages of npm and pip that the directory of a script names, and what a build made of them.
//!
//! `package.json` or `requirements.txt` says what a script needs, and the lock next to it in which versions. `runner build` puts their
//! modules into `vendor/`, where the runtimes find them, so that running a script needs neither npm nor pip. They are files of the
//! script as any other, and listed in the lockfile by their digests. A hidden file, which is none of them, says from what they were made.

use std::collections::{BTreeMap, BTreeSet};

use cap_std::fs::Dir;

use super::ScriptLanguage;
use crate::digest::{component_digest, sha256};
use crate::discovery::FoundEntry;
use crate::files::{ProjectDirectory, read_regular, too_large, unreadable};
use crate::problem::Problem;

/// The directory of a script's that a build fills.
pub const VENDORED: &str = "vendor";

/// The file in it that says from what it was made.
pub const VENDORED_FROM: &str = ".from";

/// The largest manifest or lock. Those of a hundred packages have some 100 KB.
const LARGEST: u64 = 16 << 20;

/// The largest depth at which modules are read for what they import.
const DEPTH: usize = 8;

runner_base::named! {
    /// What installs packages.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Installer {
        /// For JavaScript and TypeScript.
        Npm = "npm",
        /// For Python.
        Pip = "pip",
    }
}

impl Installer {
    /// That of a language.
    pub fn of(language: ScriptLanguage) -> Self {
        match language {
            ScriptLanguage::Javascript | ScriptLanguage::Typescript => Self::Npm,
            ScriptLanguage::Python => Self::Pip,
        }
    }

    /// The file that names packages.
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Npm => "package.json",
            Self::Pip => "requirements.txt",
        }
    }

    /// The file that pins them.
    pub fn lock(self) -> &'static str {
        match self {
            Self::Npm => "package-lock.json",
            Self::Pip => "requirements.lock",
        }
    }
}

/// The packages that a script's directory names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packages {
    /// What installs them.
    pub installer: Installer,
    /// The text of the manifest.
    pub manifest: String,
    /// The text of the lock, if it exists.
    pub lock: Option<String>,
    /// The modules to bundle: each package by its name, and parts of it that the script imports, such as `csv-parse/sync`. Only of npm;
    /// those of pip are installed as they are.
    pub modules: BTreeSet<String>,
    /// From what `vendor/` was made; `None` if it does not exist, or is the user's.
    pub made_from: Option<String>,
    /// Whether `vendor/` exists.
    pub has_vendored: bool,
}

impl Packages {
    /// Those of a script with this source; `None` if its directory names none.
    pub fn read(
        project: &ProjectDirectory,
        (directory, language): (&FoundEntry, ScriptLanguage),
        source: &str,
    ) -> Result<Option<Self>, Problem> {
        let name = &directory.file_name;
        let here = project.open_directory(name, directory.link).map_err(|error| unreadable(name, &error))?;
        let installer = Installer::of(language);
        let Some(manifest) = text(&here, name, installer.manifest())? else { return Ok(None) };
        let named = match installer {
            Installer::Npm => dependencies(&manifest).map_err(|error| {
                let message = format!("`{name}/{}` is not what npm reads: {error}", installer.manifest());
                Problem::new(message).hint("`npm pkg fix` in its directory may repair it")
            })?,
            Installer::Pip => manifest.lines().filter(|line| is_requirement(line)).map(str::to_owned).collect(),
        };
        if named.is_empty() {
            return Ok(None);
        }
        let modules = match installer {
            Installer::Npm => {
                let mut sources = vec![source.to_owned()];
                modules_within(&here, DEPTH, &mut sources);
                let parts = named.iter().flat_map(|package| sources.iter().flat_map(|it| parts_of(it, package)));
                let parts: Vec<String> = parts.collect();
                named.into_iter().chain(parts).collect()
            }
            Installer::Pip => BTreeSet::new(),
        };
        let lock = text(&here, name, installer.lock())?;
        let made_from = text(&here, name, &format!("{VENDORED}/{VENDORED_FROM}"))?;
        let made_from = made_from.map(|text| text.trim().to_owned());
        Ok(Some(Self { installer, manifest, lock, modules, made_from, has_vendored: here.exists(VENDORED) }))
    }

    /// The digest of what `vendor/` is made from.
    pub fn digest(&self) -> String {
        let digest = |text: &str| sha256(text.replace("\r\n", "\n").as_bytes());
        let mut parts: BTreeMap<String, String> = BTreeMap::new();
        parts.insert(self.installer.manifest().to_owned(), digest(&self.manifest));
        parts.extend(self.lock.iter().map(|lock| (self.installer.lock().to_owned(), digest(lock))));
        parts.extend(self.modules.iter().map(|module| (format!("module {module}"), String::new())));
        component_digest(self.installer.name(), &parts)
    }

    /// Whether `vendor/` was made from them as they are.
    pub fn is_vendored(&self) -> bool {
        self.made_from == Some(self.digest())
    }
}

/// A file of the directory as text.
fn text(here: &Dir, directory: &str, file: &str) -> Result<Option<String>, Problem> {
    let shown = format!("{directory}/{file}");
    let bytes = match read_regular(here, file, LARGEST) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(too_large(&shown, LARGEST, "asset_bytes")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&shown, &error)),
    };
    let not_text = |_| Problem::new(format!("`{shown}` is not UTF-8")).hint("save the file as UTF-8");
    String::from_utf8(bytes).map(Some).map_err(not_text)
}

/// The names of the packages in `package.json` that a script is to import.
fn dependencies(manifest: &str) -> Result<BTreeSet<String>, String> {
    let value: serde_json::Value = serde_json::from_str(manifest).map_err(|error| error.to_string())?;
    match &value["dependencies"] {
        serde_json::Value::Null => Ok(BTreeSet::new()),
        serde_json::Value::Object(dependencies) => Ok(dependencies.keys().cloned().collect()),
        _ => Err("`dependencies` is not an object".to_owned()),
    }
}

/// Whether a line of `requirements.txt` is more than a comment or an option.
fn is_requirement(line: &str) -> bool {
    let line = line.trim();
    let is_include = line.starts_with("-r") || line.starts_with("--requirement") || line.starts_with("-e");
    !line.is_empty() && !line.starts_with('#') && (!line.starts_with('-') || is_include)
}

/// The texts of the modules below a directory, for what they import. One that cannot be read imports nothing.
fn modules_within(here: &Dir, depth: usize, sources: &mut Vec<String>) {
    for entry in here.entries().into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_module = [".js", ".mjs", ".ts"].iter().any(|end| name.ends_with(end));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 && !name.starts_with('.') => {
                if ![VENDORED, "node_modules"].contains(&name.as_str())
                    && let Ok(inner) = here.open_dir(&name)
                {
                    modules_within(&inner, depth - 1, sources);
                }
            }
            Ok(kind) if kind.is_file() && is_module => {
                let bytes = read_regular(here, &name, LARGEST).ok().flatten().unwrap_or_default();
                sources.extend(String::from_utf8(bytes));
            }
            _ => {}
        }
    }
}

/// The parts of a package that a module imports: `csv-parse/sync` of `csv-parse`.
fn parts_of(source: &str, package: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for quote in ['"', '\''] {
        for (at, _) in source.match_indices(&format!("{quote}{package}/")) {
            let before = source[..at].trim_end().trim_end_matches('(').trim_end();
            let part = source[at + 1..].split(quote).next().unwrap_or_default();
            if (before.ends_with("from") || before.ends_with("import")) && !part.contains(['\n', '\\', '`']) {
                // The slash after `punycode/` only distinguishes it from a module of Node.js.
                parts.insert(part.trim_end_matches('/').to_owned());
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_packages_are_those_that_are_imported() {
        let source = "import { parse } from \"csv-parse/sync\";\nimport 'csv-parse/x';\nconst y = await import( 'csv-parse/y');\n\
                      import a from \"csv-parse\";\nimport b from \"csv-parse/x/\";\nconst path = \"csv-parse/z\"; from('csv-parse-more/a')";
        let parts: Vec<String> = parts_of(source, "csv-parse").into_iter().collect();
        assert_eq!(parts, ["csv-parse/sync", "csv-parse/x", "csv-parse/y"]);
        assert!(parts_of("import x from \"@a/b/c\"", "b").is_empty());
        assert_eq!(parts_of("import x from \"@a/b/c\"", "@a/b").len(), 1);
    }

    #[test]
    fn manifests_name_packages() {
        assert!(dependencies("{}").expect("none").is_empty());
        assert!(dependencies("{ \"devDependencies\": { \"esbuild\": \"1\" } }").expect("none").is_empty());
        assert_eq!(dependencies("{ \"dependencies\": { \"a\": \"1\" } }").expect("one").len(), 1);
        assert!(dependencies("{ \"dependencies\": [] }").is_err() && dependencies("{").is_err());
        let lines = ["# a comment", "", "--no-index", "slugify-py==1", "-r more.txt", "-e ."];
        assert_eq!(lines.map(is_requirement), [false, false, false, true, true, true]);
    }
}
