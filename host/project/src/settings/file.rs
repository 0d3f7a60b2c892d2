//! `runner.toml`: checked, before an environment and a database are chosen.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::grants::{self, ComponentGrants};
use super::history::HISTORY;
use super::layer::{self, Layer};
use super::named::{self, SettingValue};
use super::package::{PackageSettings, read as read_package};
use super::password::{self, URL_KEYS, UrlSetting};
use super::test;
use super::transform::{self, Chunking};
use crate::files::read_own;
use crate::ignore::Ignored;
use crate::line_ends::wide_encoding;
use crate::origin::Sourced;
use crate::problem::{list, shown};
use crate::toml_reader::{Document, Section};
use runner_base::error::{Error, Result};

/// The content of the settings file.
#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    pub name: Option<String>,
    pub migrations: PathBuf,
    pub ignored: Ignored,
    pub sdk: Option<PathBuf>,
    pub toolchain: Option<Sourced<String>>,
    /// `[database]`, and the tables next to it.
    pub main: Layer,
    pub environments: BTreeMap<String, Environment>,
    pub databases: BTreeMap<String, NamedDatabase>,
    pub grants: ComponentGrants,
    pub packages: BTreeMap<String, PackageSettings>,
    pub test: test::TestTable,
    pub transform: Vec<SettingValue<Chunking>>,
}

/// `[environments.NAME]`
#[derive(Debug)]
pub(super) struct Environment {
    pub layer: Layer,
    /// `[environments.NAME.databases.OTHER] url`
    pub databases: BTreeMap<String, UrlSetting>,
}

/// `[databases.NAME]`, which has a URL.
#[derive(Debug)]
pub(super) struct NamedDatabase {
    pub layer: Layer,
    pub migrations: PathBuf,
}

/// The largest settings file that is read. One with thousands of databases fits.
const LARGEST: u64 = 4 << 20;

const DEFAULT_MIGRATIONS: &str = "migrations";

impl SettingsFile {
    /// Reads the file; `shown` is its name in messages.
    pub fn read(path: &Path, shown: &str) -> Result<Self> {
        let root = path.parent().unwrap_or(Path::new("/"));
        let name = Path::new(path.file_name().unwrap_or_default());
        let gone = || Error::usage(format!("cannot read `{shown}`: it no longer exists"));
        let bytes = read_own(root, name, LARGEST)?.ok_or_else(gone)?;
        if let Some(encoding) = wide_encoding(&bytes) {
            return Err(Error::usage(format!("`{shown}` is {encoding}, not UTF-8")).hint(format!(
                "save the file as UTF-8: `iconv -f {encoding} -t UTF-8`; in PowerShell, `Set-Content -Encoding utf8`"
            )));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            Error::usage(format!("`{shown}` is not valid UTF-8 at byte {offset}")).hint("save the file as UTF-8")
        })?;
        Self::parse(&text, shown)
    }

    /// Reads the text of a file.
    pub fn parse(text: &str, shown: &str) -> Result<Self> {
        let document = Document::new(shown, text.trim_start_matches('\u{feff}'));
        let root = document.parse()?;
        let section = Section::root(&document, &root);
        let content = Self::collect(&section);
        document.finish()?;
        Ok(content)
    }

    fn collect(root: &Section<'_, '_>) -> Self {
        root.only(&[
            "project",
            "database",
            HISTORY,
            "environments",
            "databases",
            "tenants",
            "limits",
            "grants",
            "packages",
            "parameters",
            "backup",
            "test",
            "transform",
            "build",
        ]);
        let mut content = Self { migrations: DEFAULT_MIGRATIONS.into(), ..Self::default() };
        if let Some(project) = root.section("project", "project") {
            project.only(&["name", "migrations", "ignore", "sdk"]);
            content.name = project.text("name").map(str::to_owned);
            content.migrations = directory(&project, "migrations").unwrap_or(content.migrations);
            content.ignored = Ignored::new(project.strings("ignore")).unwrap_or_else(|pattern| {
                let message = format!("`{}` cannot match a name: `{}`", project.key("ignore"), shown(&pattern));
                project.wrong("ignore", message, "write names such as `notify_*.sql` or `templates/`");
                Ignored::default()
            });
            content.sdk = project.text("sdk").map(PathBuf::from);
        }
        if let Some(database) = root.section("database", "database") {
            database.only(&layer::known(&[layer::ISOLATION]));
            content.main.read_keys(&database);
        }
        content.environments = by_name(root, "environments", environment);
        content.databases = by_name(root, "databases", named_database);
        content.main.read_tables(root, &named::names(&transform::SETTINGS).collect::<Vec<_>>());
        if let Some(section) = root.section("transform", "transform") {
            content.transform = named::read(&section, &transform::SETTINGS);
        }
        if let Some(build) = root.section("build", "build") {
            build.only(&["toolchain"]);
            content.toolchain = build.string("toolchain");
        }
        if let Some(section) = root.section("test", "test") {
            content.test = test::read(&section);
        }
        content.grants = by_name(root, "grants", grants::read);
        if let Some(tables) = root.section("packages", "packages") {
            for (name, _) in tables.entries() {
                let path = format!("packages.\"{}\"", shown(name));
                let read = tables.section(name, &path).and_then(|section| read_package(&section, name));
                if let Some((pinned, granted)) = read {
                    content.packages.insert(name.to_owned(), pinned);
                    content.grants.insert(name.to_owned(), granted);
                }
            }
        }
        content
    }

    /// The URL of the main database, if it is set. A project with only named databases has no main one.
    pub fn main_url(&self, file: &str) -> Result<Option<UrlSetting>> {
        if self.main.url.is_none() && !self.databases.is_empty() {
            let names = list(self.databases.keys().map(String::as_str));
            return Err(Error::usage(format!("`{file}` has several databases: no database selected"))
                .hint(format!("select one of {names} with `--database NAME`")));
        }
        Ok(self.main.url.clone())
    }
}

/// The subtables of a table, by name.
fn by_name<T>(
    root: &Section<'_, '_>,
    key: &str,
    read: impl Fn(&Section<'_, '_>, &str) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut result = BTreeMap::new();
    let path = root.key(key);
    let Some(tables) = root.section(key, &path) else { return result };
    for (name, value) in tables.entries() {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            let message = format!("invalid name `{}` in `[{path}.NAME]`", shown(name));
            let hint = "use letters, digits, `_` and `-`".to_owned();
            root.document().wrong(&value.span(), message, Some(hint));
            continue;
        }
        let path = tables.key(name);
        if let Some(item) = tables.section(name, &path).and_then(|section| read(&section, name)) {
            result.insert(name.to_owned(), item);
        }
    }
    result
}

fn environment(section: &Section<'_, '_>, _name: &str) -> Option<Environment> {
    section.only(&layer::known(&[
        layer::ISOLATION,
        "limits",
        "parameters",
        "transform",
        "databases",
        "tenants",
        "backup",
        HISTORY,
    ]));
    let databases = by_name(section, "databases", |section, _| {
        section.only(&URL_KEYS);
        password::read(section)
    });
    let mut layer = Layer::default();
    layer.read_keys(section);
    layer.read_tables(section, &[]);
    Some(Environment { layer, databases })
}

fn named_database(section: &Section<'_, '_>, name: &str) -> Option<NamedDatabase> {
    section.only(&layer::known(&["migrations", "backup", HISTORY]));
    for (key, example) in [("url", format!("sqlite://{name}.db")), ("migrations", format!("{name}/migrations"))] {
        if !section.has(key) {
            let hint = format!("add a line such as `{key} = \"{example}\"`");
            section.wrong(key, format!("`[{}]` has no `{key}`", section.path()), &hint);
        }
    }
    let migrations = directory(section, "migrations");
    let mut layer = Layer::default();
    layer.read_keys(section);
    layer.read_tables(section, &[]);
    Some(NamedDatabase { layer, migrations: migrations? })
}

/// A directory within the project, or next to it: see [`super::root`].
fn directory(section: &Section<'_, '_>, key: &str) -> Option<PathBuf> {
    let text = section.text(key)?;
    let path: PathBuf = Path::new(text).components().filter(|part| *part != Component::CurDir).collect();
    let mut parts = path.components().skip_while(|part| *part == Component::ParentDir).peekable();
    if parts.peek().is_none() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        let message = format!("`{}` must be a directory inside the project, not `{}`", section.key(key), shown(text));
        section.wrong(
            key,
            message,
            "use a relative path such as `db/migrations`, or `../migrations` in one repository",
        );
        return None;
    }
    Some(path)
}
