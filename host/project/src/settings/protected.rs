//! Whether an address is that of a database which the settings protect under another name.

use std::path::{Path, PathBuf};

use super::file::SettingsFile;
use super::{DatabaseUse, interpolate};
use crate::env::Variables;
use crate::origin::Sourced;
use runner_database::{DatabaseUrl, Dialect};

/// The table of the settings that protects the database of this address, whatever was chosen. A URL with a variable
/// that is not set is not an address; such a database is recognised by its history.
pub(super) fn by_address(
    address: &DatabaseUrl,
    variables: &Variables,
    content: &SettingsFile,
    root: &Path,
) -> Option<String> {
    let mut protected: Vec<(String, &Sourced<String>)> = Vec::new();
    protected.extend(content.url.as_ref().filter(|_| content.protected).map(|url| ("database".to_owned(), &url.text)));
    for (name, environment) in content.environments.iter().filter(|(_, environment)| environment.protected) {
        let urls = environment.url.iter().chain(environment.databases.values());
        protected.extend(urls.map(|url| (format!("environments.{name}"), &url.text)));
    }
    for (name, database) in content.databases.iter().filter(|(_, database)| database.protected) {
        protected.push((format!("databases.{name}"), &database.url.text));
    }
    let place = place(address)?;
    let is_it = |url: &Sourced<String>| {
        let url = interpolate::url(url, variables, root, DatabaseUse::Connect);
        url.ok().and_then(|url| self::place(&url)).is_some_and(|other| other == place)
    };
    protected.into_iter().find(|(_, url)| is_it(url)).map(|(table, _)| table)
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
