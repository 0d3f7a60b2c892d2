//! Whether an address is that of a database which the settings protect under another name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::SettingsFile;
use super::interpolate::{self, DatabaseUse};
use super::password::UrlSetting;
use super::request::Sources;
use runner_database::{DatabaseUrl, Dialect};

/// The table of the settings that protects the database of this address, whatever was chosen. A URL with a variable
/// that is not set is not an address; such a database is recognised by its history.
pub(super) fn by_address(address: &DatabaseUrl, sources: Sources<'_>, content: &SettingsFile) -> Option<String> {
    let none = BTreeMap::new();
    let main = std::iter::once(("database".to_owned(), &content.main, &none));
    let environments = content.environments.iter();
    let environments = environments.map(|(name, it)| (format!("environments.{name}"), &it.layer, &it.databases));
    let databases = content.databases.iter().map(|(name, it)| (format!("databases.{name}"), &it.layer, &none));
    let place = place(address)?;
    let is_it = |url: &UrlSetting| {
        let url = interpolate::url(&url.text, sources.variables, sources.root, DatabaseUse::Connect);
        url.ok().and_then(|url| self::place(&url)).is_some_and(|other| other == place)
    };
    let mut protected = main.chain(environments).chain(databases).filter(|(_, layer, _)| layer.protected);
    protected.find(|(_, layer, others)| layer.url.iter().chain(others.values()).any(is_it)).map(|(table, ..)| table)
}

/// Where a database is, as far as its address says it.
#[derive(PartialEq, Eq)]
enum PlaceOf {
    File(PathBuf),
    Server { is_postgres: bool, host: String, port: u16, name: String },
}

fn place(url: &DatabaseUrl) -> Option<PlaceOf> {
    if !url.dialect().has_server() {
        let path = url.sqlite_path()?;
        return Some(PlaceOf::File(path.canonicalize().unwrap_or(path)));
    }
    let is_postgres = url.dialect() == Dialect::Postgres;
    let (host, port) = url.host_and_port().unwrap_or(("localhost", None));
    let host = match host.to_ascii_lowercase() {
        host if ["127.0.0.1", "::1"].contains(&host.as_str()) => "localhost".to_owned(),
        host => host.trim_end_matches('.').to_owned(),
    };
    let name = url.parameter(&["dbname"]).or_else(|| url.database_name().map(str::to_owned))?;
    Some(PlaceOf::Server { is_postgres, host, port: port.unwrap_or(if is_postgres { 5432 } else { 3306 }), name })
}
