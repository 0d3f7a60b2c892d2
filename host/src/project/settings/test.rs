//! `[test]`: what `runner test` works on.

use std::collections::BTreeSet;
use std::path::Path;

use super::interpolate::{url, urls};
use crate::database::DatabaseUrl;
use crate::error::Result;
use crate::project::env::Variables;
use crate::project::origin::Sourced;
use crate::project::toml_reader::Section;

/// `[test]` as the file has it.
#[derive(Debug, Default)]
pub(super) struct TestTable {
    urls: Vec<Sourced<String>>,
    ignore_rows: BTreeSet<String>,
    ignore_schema: BTreeSet<String>,
}

/// What `runner test` works on.
#[derive(Clone, Debug)]
pub struct TestSettings {
    /// Servers on which scratch databases are made, and SQLite; an error that is for nobody else to hear.
    pub urls: Result<Vec<Sourced<DatabaseUrl>>>,
    /// Rows that no test compares: `table`, or `table.column`.
    pub ignore_rows: BTreeSet<String>,
    /// Objects of the schema that no test compares.
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

/// A variable that is not set is of no concern to other verbs.
pub(super) fn choose(table: &TestTable, variables: &Variables, root: &Path) -> TestSettings {
    let parse =
        |text: &Sourced<String>| Ok(Sourced { value: url(text, variables, root)?, origin: text.origin.clone() });
    TestSettings {
        urls: table.urls.iter().map(parse).collect(),
        ignore_rows: table.ignore_rows.clone(),
        ignore_schema: table.ignore_schema.clone(),
    }
}
