//! `runner.toml`: checked, before an environment and a database are chosen.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use toml::Spanned;
use toml::de::DeValue;

use super::RequiredIsolation;
use super::backup;
use super::existing::{self, ON_EXISTING, OnExisting};
use super::grants::{self, ComponentGrants};
use super::history::{self, HISTORY};
use super::lock::{self, LOCK};
use super::named::{self, SettingValue};
use super::package::{PackageSettings, read as read_package};
use super::password::{self, URL_KEYS, UrlSetting};
use super::tenants::{self, TenantsTable};
use super::test;
use super::throttle::{self, TransformSection};
use super::timeouts::{self, Timeouts};
use super::transform::{self, Chunking};
use crate::files::read_own;
use crate::ignore::Ignored;
use crate::limits::Limits;
use crate::line_ends::wide_encoding;
use crate::origin::Sourced;
use crate::problem::{list, shown};
use crate::toml_reader::{Document, Section, to_i64};
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{ChosenLock, HistoryPlace};

/// The content of the settings file.
#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    pub name: Option<String>,
    pub migrations: PathBuf,
    pub ignored: Ignored,
    pub sdk: Option<PathBuf>,
    pub toolchain: Option<Sourced<String>>,
    pub url: Option<UrlSetting>,
    pub protected: bool,
    /// `[database] isolation`
    pub isolation: Option<Sourced<RequiredIsolation>>,
    /// `[database] foreign_keys`
    pub foreign_keys: Option<Sourced<bool>>,
    /// `[database] lock`
    pub lock: Option<Sourced<ChosenLock>>,
    /// `[database] on_existing`
    pub on_existing: Option<OnExisting>,
    /// `[history]`
    pub history: Vec<SettingValue<HistoryPlace>>,
    pub environments: BTreeMap<String, Environment>,
    pub databases: BTreeMap<String, NamedDatabase>,
    pub tenants: Option<TenantsTable>,
    pub limits: Vec<(String, Sourced<String>)>,
    pub parameters: BTreeMap<String, Value>,
    pub grants: ComponentGrants,
    pub packages: BTreeMap<String, PackageSettings>,
    pub timeouts: Vec<SettingValue<Timeouts>>,
    pub backup: backup::BackupSection,
    pub test: test::TestTable,
    pub transform: Vec<SettingValue<Chunking>>,
    pub throttle: TransformSection,
}

/// `[environments.NAME]`
#[derive(Debug)]
pub(super) struct Environment {
    pub url: Option<UrlSetting>,
    /// Databases are neither dropped nor rolled back to the base.
    pub protected: bool,
    pub isolation: Option<Sourced<RequiredIsolation>>,
    pub foreign_keys: Option<Sourced<bool>>,
    pub lock: Option<Sourced<ChosenLock>>,
    pub on_existing: Option<OnExisting>,
    pub history: Vec<SettingValue<HistoryPlace>>,
    /// `[environments.NAME.databases.OTHER] url`
    pub databases: BTreeMap<String, UrlSetting>,
    /// `[environments.NAME.tenants]`
    pub tenants: Option<TenantsTable>,
    pub limits: Vec<(String, Sourced<String>)>,
    pub parameters: BTreeMap<String, Value>,
    pub timeouts: Vec<SettingValue<Timeouts>>,
    pub throttle: TransformSection,
    pub backup: backup::BackupSection,
}

/// `[databases.NAME]`
#[derive(Debug)]
pub(super) struct NamedDatabase {
    pub url: UrlSetting,
    pub protected: bool,
    pub foreign_keys: Option<Sourced<bool>>,
    pub lock: Option<Sourced<ChosenLock>>,
    pub on_existing: Option<OnExisting>,
    pub history: Vec<SettingValue<HistoryPlace>>,
    pub migrations: PathBuf,
    pub timeouts: Vec<SettingValue<Timeouts>>,
    pub backup: backup::BackupSection,
}

/// The largest settings file that is read. One with thousands of databases fits.
const LARGEST: u64 = 4 << 20;

const FOREIGN_KEYS: &str = "foreign_keys";

const ISOLATION: &str = "isolation";

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
            database.only(&known(&[FOREIGN_KEYS, LOCK, ON_EXISTING, "protected", ISOLATION]));
            content.url = password::read(&database);
            content.protected = database.boolean("protected");
            content.isolation = isolation(&database);
            content.foreign_keys = database.flag(FOREIGN_KEYS);
            content.lock = lock::read(&database);
            content.on_existing = existing::read(&database);
            content.timeouts = named::read(&database, &timeouts::SETTINGS);
        }
        content.history = history_table(root);
        content.environments = by_name(root, "environments", environment);
        content.databases = by_name(root, "databases", named_database);
        content.tenants = tenants_table(root);
        content.limits = limits(root, "limits");
        content.parameters = parameters(root, "parameters");
        content.throttle = throttle::read(root, &named::names(&transform::SETTINGS).collect::<Vec<_>>());
        content.backup = backup::read(root);
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
        if self.url.is_none() && !self.databases.is_empty() {
            let names = list(self.databases.keys().map(String::as_str));
            return Err(Error::usage(format!("`{file}` has several databases: no database selected"))
                .hint(format!("select one of {names} with `--database NAME`")));
        }
        Ok(self.url.clone())
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
    section.only(&known(&[
        FOREIGN_KEYS,
        LOCK,
        ON_EXISTING,
        "protected",
        ISOLATION,
        "limits",
        "parameters",
        "transform",
        "databases",
        "tenants",
        "backup",
        HISTORY,
    ]));
    Some(Environment {
        url: password::read(section),
        protected: section.boolean("protected"),
        isolation: isolation(section),
        foreign_keys: section.flag(FOREIGN_KEYS),
        lock: lock::read(section),
        on_existing: existing::read(section),
        history: history_table(section),
        databases: by_name(section, "databases", |section, _| {
            section.only(&URL_KEYS);
            password::read(section)
        }),
        tenants: tenants_table(section),
        limits: limits(section, "limits"),
        parameters: parameters(section, "parameters"),
        timeouts: named::read(section, &timeouts::SETTINGS),
        throttle: throttle::read(section, &[]),
        backup: backup::read(section),
    })
}

fn named_database(section: &Section<'_, '_>, name: &str) -> Option<NamedDatabase> {
    section.only(&known(&[FOREIGN_KEYS, LOCK, ON_EXISTING, "protected", "migrations", "backup", HISTORY]));
    for (key, example) in [("url", format!("sqlite://{name}.db")), ("migrations", format!("{name}/migrations"))] {
        if !section.has(key) {
            let hint = format!("add a line such as `{key} = \"{example}\"`");
            section.wrong(key, format!("`[{}]` has no `{key}`", section.path()), &hint);
        }
    }
    let migrations = directory(section, "migrations");
    Some(NamedDatabase {
        url: password::read(section)?,
        protected: section.boolean("protected"),
        foreign_keys: section.flag(FOREIGN_KEYS),
        lock: lock::read(section),
        on_existing: existing::read(section),
        history: history_table(section),
        migrations: migrations?,
        timeouts: named::read(section, &timeouts::SETTINGS),
        backup: backup::read(section),
    })
}

/// The tenants of the project, or of an environment.
fn tenants_table(parent: &Section<'_, '_>) -> Option<TenantsTable> {
    let path = parent.key("tenants");
    tenants::read(&parent.section("tenants", &path)?)
}

/// Where the history is.
fn history_table(parent: &Section<'_, '_>) -> Vec<SettingValue<HistoryPlace>> {
    let path = parent.key(HISTORY);
    let Some(section) = parent.section(HISTORY, &path) else { return Vec::new() };
    section.only(&named::names(&history::SETTINGS).collect::<Vec<_>>());
    named::read(&section, &history::SETTINGS)
}

/// Whether a component must be isolated by the database.
fn isolation(section: &Section<'_, '_>) -> Option<Sourced<RequiredIsolation>> {
    let text = section.string(ISOLATION)?;
    let value = match text.value.as_str() {
        "required" => RequiredIsolation::ByTheDatabase,
        "optional" => RequiredIsolation::Any,
        other => {
            let message =
                format!("`{}` must be `required` or `optional`, not `{}`", section.key(ISOLATION), shown(other));
            section.wrong(ISOLATION, message, "`required` refuses components that the database does not confine");
            return None;
        }
    };
    Some(Sourced { value, origin: text.origin })
}

/// These keys, those of the URL and those of the timeouts.
fn known(keys: &[&'static str]) -> Vec<&'static str> {
    keys.iter().copied().chain(URL_KEYS).chain(named::names(&timeouts::SETTINGS)).collect()
}

/// A directory within the project, or next to it: see [`super::above`].
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

/// The limits, each checked, as text.
fn limits(section: &Section<'_, '_>, key: &str) -> Vec<(String, Sourced<String>)> {
    let path = section.key(key);
    let Some(section) = section.section(key, &path) else { return Vec::new() };
    let read = |(name, value): (&str, &Spanned<DeValue<'_>>)| {
        let expected = "an integer or a string such as \"64MiB\"";
        let text = section.expect(name, value, named::text_of(value), expected)?;
        let text = named::checked(&section, name, value, text, |text| Limits::default().set(name, text))?;
        Some((name.to_owned(), text))
    };
    section.entries().filter_map(read).collect()
}

fn parameters(section: &Section<'_, '_>, key: &str) -> BTreeMap<String, Value> {
    let path = section.key(key);
    let Some(section) = section.section(key, &path) else { return BTreeMap::new() };
    let read = |(name, value): (&str, &Spanned<DeValue<'_>>)| {
        let found = match value.get_ref() {
            DeValue::String(text) => Some(Value::Text(text.to_string())),
            DeValue::Boolean(boolean) => Some(Value::Boolean(*boolean)),
            DeValue::Integer(integer) => to_i64(integer).map(Value::Int64),
            DeValue::Float(float) => float.as_str().parse().ok().map(Value::Float64),
            _ => None,
        };
        let value = section.expect(name, value, found, "a string, a boolean, a float or a 64-bit integer")?;
        Some((name.to_owned(), value))
    };
    section.entries().filter_map(read).collect()
}
