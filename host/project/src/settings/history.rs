//! `[history]`: where runner keeps its own tables in a database.

use super::interpolate::DatabaseUse;
use super::named::{InFile, Named, SettingFlag};
use super::tenants::PLACEHOLDER;
use crate::env;
use runner_base::error::{Error, Result};
use runner_database::{Dialect, HistoryPlace};

/// The table.
pub(super) const HISTORY: &str = "history";

/// The settings by name.
pub(super) static SETTINGS: [Named<HistoryPlace>; 2] = [
    Named {
        name: "schema",
        flag: SettingFlag {
            name: "--history-schema",
            variable: env::HISTORY_SCHEMA,
            value: "NAME",
            help: "PostgreSQL: keep the history in this schema [default: runner]",
            details: "So several projects, or tenants in schemas of their own, have a history each in one database.",
        },
        in_file: InFile::Text("billing"),
        takes: "the name of a schema, in which `{tenant}` stands for that of the tenant",
        set: |place, text| name(text).map(|name| place.schema = Some(name)),
    },
    Named {
        name: "prefix",
        flag: SettingFlag {
            name: "--history-prefix",
            variable: env::HISTORY_PREFIX,
            value: "PREFIX",
            help: "SQLite, MySQL, MariaDB: begin the names of the history's tables with this",
            details: "",
        },
        in_file: InFile::Text("billing_"),
        takes: "what the names of runner's own tables begin with, in which `{tenant}` stands for the name of the tenant",
        set: |place, text| name(text).map(|name| place.prefix = Some(name)),
    },
];

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// The place in a database of this kind; `tenant`: whose it is.
pub(super) fn place(
    place: &HistoryPlace,
    dialect: Dialect,
    tenant: Option<&str>,
    wanted: DatabaseUse,
) -> Result<HistoryPlace> {
    let is_template = [&place.schema, &place.prefix].into_iter().flatten().any(|name| name.contains(PLACEHOLDER));
    let Some(tenant) = tenant else {
        return match (is_template, wanted) {
            (true, DatabaseUse::Connect) => {
                Err(Error::usage(format!("the place of the history has `{PLACEHOLDER}`, and no tenant is named"))
                    .hint("name one with `--database NAME`, or all with `--all-databases`"))
            }
            (true, DatabaseUse::Kind) => Ok(HistoryPlace::default()),
            (false, _) => place.check(dialect).map(|()| place.clone()),
        };
    };
    let filled = |name: &Option<String>| name.as_ref().map(|name| name.replace(PLACEHOLDER, tenant));
    let filled = HistoryPlace { schema: filled(&place.schema), prefix: filled(&place.prefix) };
    filled.check(dialect).map_err(|error| if is_template { error.at("tenant", tenant) } else { error })?;
    Ok(filled)
}
