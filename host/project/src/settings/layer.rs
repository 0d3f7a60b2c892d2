//! What the settings file says about databases: in `[database]` and the tables next to it, in `[environments.NAME]` and in
//! `[databases.NAME]`.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::backup::{self, BackupSection};
use super::history::{self, HISTORY};
use super::lock::{self, LOCK};
use super::named::{self, SettingValue};
use super::on_existing::{self, ON_EXISTING, OnExisting};
use super::password::{self, URL_KEYS, UrlSetting};
use super::tenants::{self, TenantsTable};
use super::throttle::{self, TransformSection};
use super::timeouts::{self, Timeouts};
use crate::limits::Limits;
use crate::origin::Sourced;
use crate::problem::shown;
use crate::toml_reader::{Section, to_i64};
use runner_data::Value;
use runner_database::{ChosenLock, HistoryPlace};

const FOREIGN_KEYS: &str = "foreign_keys";

const PROTECTED: &str = "protected";

pub(super) const ISOLATION: &str = "isolation";

/// What must confine a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequiredIsolation {
    /// Whatever there is.
    #[default]
    Any,
    /// The database: SQLite's authorizer, or a login of its own.
    ByTheDatabase,
}

/// What one of these places says.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub url: Option<UrlSetting>,
    /// Databases are neither dropped nor rolled back to the base.
    pub protected: bool,
    pub isolation: Option<Sourced<RequiredIsolation>>,
    pub foreign_keys: Option<Sourced<bool>>,
    pub lock: Option<Sourced<ChosenLock>>,
    pub on_existing: Option<OnExisting>,
    pub timeouts: Vec<SettingValue<Timeouts>>,
    pub history: Vec<SettingValue<HistoryPlace>>,
    pub tenants: Option<TenantsTable>,
    pub limits: Vec<(String, Sourced<String>)>,
    pub parameters: BTreeMap<String, Value>,
    pub throttle: TransformSection,
    pub backup: BackupSection,
}

impl Layer {
    /// Reads the keys of a database.
    pub fn read_keys(&mut self, section: &Section<'_, '_>) {
        self.url = password::read(section);
        self.protected = section.boolean(PROTECTED);
        self.isolation = isolation(section);
        self.foreign_keys = section.flag(FOREIGN_KEYS);
        self.lock = lock::read(section);
        self.on_existing = on_existing::read(section);
        self.timeouts = named::read(section, &timeouts::SETTINGS);
    }

    /// Reads the tables below `parent`; `[transform]` may also have the keys `of_transform`.
    pub fn read_tables(&mut self, parent: &Section<'_, '_>, of_transform: &[&'static str]) {
        let path = parent.key(HISTORY);
        if let Some(section) = parent.section(HISTORY, &path) {
            section.only(&named::names(&history::SETTINGS).collect::<Vec<_>>());
            self.history = named::read(&section, &history::SETTINGS);
        }
        let path = parent.key("tenants");
        self.tenants = parent.section("tenants", &path).and_then(|section| tenants::read(&section));
        self.limits = limits(parent, "limits");
        self.parameters = parameters(parent, "parameters");
        self.throttle = throttle::read(parent, of_transform);
        self.backup = backup::read(parent);
    }
}

/// These keys, and those of every database.
pub(super) fn known(keys: &[&'static str]) -> Vec<&'static str> {
    let of_all = [FOREIGN_KEYS, LOCK, ON_EXISTING, PROTECTED].into_iter().chain(URL_KEYS);
    of_all.chain(keys.iter().copied()).chain(named::names(&timeouts::SETTINGS)).collect()
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
