//! Questions to the schema of a file.

use runner_database::dialect_sql::{CascadeSql, CatalogSql, SchemaProbe};

/// All of them.
pub(super) const CATALOG: CatalogSql = CatalogSql {
    tables: "SELECT 'main', name FROM main.sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'",
    has_schemas: false,
    columns: Some(
        "SELECT m.name, c.name FROM main.sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type IN ('table', 'view')",
    ),
    named: "SELECT type, '', name FROM main.sqlite_schema WHERE lower(name) = ?1 ORDER BY 1, 3",
    probe: SchemaProbe::Queries { queries: &[PROBE], at_once: None },
    removal: None,
    leftover: |_| None,
    // There are no statistics before ANALYZE, and counting is quick.
    row_estimate: |_| None,
    data_version: Some("SELECT data_version FROM pragma_data_version"),
    lasting: None,
    cascade: Some(CascadeSql {
        is_enforced: "PRAGMA foreign_keys",
        followers: FOLLOWERS,
        triggers: "SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE LIMIT 1",
        changes: "SELECT total_changes()",
        changes_before: "SELECT total_changes() - changes()",
    }),
};

/// What belongs to one of some names.
const PROBE: &str = "SELECT m.value, s.type, s.name, s.tbl_name, s.sql FROM json_each(?1) m \
             JOIN main.sqlite_schema s ON m.value IN (lower(s.name), lower(s.tbl_name)) ORDER BY 2, 3";

/// The tables that refer to one, the columns with which they do, and how they follow it.
const FOLLOWERS: &str = "SELECT m.name, f.\"from\", f.on_delete FROM main.sqlite_schema AS m, \
     pragma_foreign_key_list(m.name, 'main') AS f \
     WHERE m.type = 'table' AND f.\"table\" = ? COLLATE NOCASE AND m.name <> f.\"table\" COLLATE NOCASE";
