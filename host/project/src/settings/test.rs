//! `[test]`: settings of `runner test`.

use std::collections::BTreeSet;
use std::path::Path;

use super::interpolate::{DatabaseUse, url, urls};
use crate::env::Variables;
use crate::origin::Sourced;
use crate::toml_reader::Section;
use runner_base::error::Result;
use runner_database::DatabaseUrl;

/// `[test]` as in the file.
#[derive(Debug, Default)]
pub(super) struct TestTable {
    urls: Vec<Sourced<String>>,
    ignore_rows: BTreeSet<String>,
    ignore_schema: BTreeSet<String>,
}

/// Settings of `runner test`.
#[derive(Clone, Debug)]
pub struct TestSettings {
    /// Servers for scratch databases, and SQLite. An error matters only to `runner test`.
    pub urls: Result<Vec<Sourced<DatabaseUrl>>>,
    /// Rows to ignore in comparisons: `table`, or `table.column`.
    pub ignore_rows: BTreeSet<String>,
    /// Schema objects to ignore in comparisons.
    pub ignore_schema: BTreeSet<String>,
}

pub(super) fn read(section: &Section<'_, '_>) -> TestTable {
    section.only(&["urls", "ignore_rows", "ignore_schema"]);
    TestTable {
        urls: urls(section, "urls"),
        ignore_rows: section.strings("ignore_rows").into_iter().collect(),
        ignore_schema: section.strings("ignore_schema").into_iter().collect(),
    }
}

/// Keeps errors, such as an unset variable, for `runner test`.
pub(super) fn choose(table: &TestTable, variables: &Variables, root: &Path) -> TestSettings {
    let parse = |text: &Sourced<String>| {
        let value = url(text, variables, root, DatabaseUse::Connect)?;
        Ok(Sourced { value, origin: text.origin.clone() })
    };
    TestSettings {
        urls: table.urls.iter().map(parse).collect(),
        ignore_rows: table.ignore_rows.clone(),
        ignore_schema: table.ignore_schema.clone(),
    }
}
