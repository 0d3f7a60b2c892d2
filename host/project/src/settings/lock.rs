//! `lock`: what keeps runs apart in place of the server's own lock, as the parameter of the URL does.

use crate::origin::Sourced;
use crate::problem::shown;
use crate::toml_reader::Section;
use runner_base::error::{Error, Result};
use runner_database::{ChosenLock, DatabaseUrl, Dialect};

/// The key.
pub(super) const LOCK: &str = "lock";

/// Reads the key; problems are recorded in the document.
pub(super) fn read(section: &Section<'_, '_>) -> Option<Sourced<ChosenLock>> {
    let text = section.string(LOCK)?;
    let Some(value) = ChosenLock::parse(&text.value) else {
        let message = format!("`{}` must be `lease` or `node:NAME`, not `{}`", section.key(LOCK), shown(&text.value));
        let hint = "`lease` keeps runs apart by a row that they renew; `node:NAME` says that all runs use this one node of a Galera \
                    cluster; without the key, the server's own lock does it";
        section.wrong(LOCK, message, hint);
        return None;
    };
    Some(Sourced { value, origin: text.origin })
}

/// Gives a database the lock of the settings, which its URL may override.
pub(super) fn with_lock(url: DatabaseUrl, lock: &Sourced<ChosenLock>) -> Result<DatabaseUrl> {
    let dialect = url.dialect();
    if lock.value.fits(dialect) {
        return Ok(url.with_lock(lock.value.clone()));
    }
    if dialect.has_server() && url.parameter(&[LOCK]).is_some() {
        return Ok(url);
    }
    let value = &lock.value;
    let why = match dialect {
        Dialect::Sqlite => {
            format!("`lock = \"{value}\"` is not possible on SQLite, whose lock is always a file next to the database")
        }
        _ => format!("`lock = \"{value}\"` is for a Galera cluster of MariaDB, and the database is {dialect}"),
    };
    Err(Error::usage(why)
        .at("setting", lock.origin.to_string())
        .hint("remove it, or set it in the `[environments.NAME]` or `[databases.NAME]` that it is for"))
}
