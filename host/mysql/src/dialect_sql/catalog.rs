//! Questions to `information_schema`.

use super::schema_digest;
use runner_database::dialect_sql::{CatalogSql, LastingSql, SchemaProbe};

/// All of them.
pub(super) const CATALOG: CatalogSql = CatalogSql {
    tables: "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
             AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')",
    has_schemas: false,
    columns: Some("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = database()"),
    named: "SELECT CASE o.t WHEN 'BASE TABLE' THEN 'table' ELSE lower(o.t) END, '', o.n FROM (\
             SELECT table_type AS t, table_name AS n FROM information_schema.tables WHERE table_schema = database() \
             UNION ALL SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = database() \
             UNION ALL SELECT 'trigger', trigger_name FROM information_schema.triggers WHERE trigger_schema = database() \
             UNION ALL SELECT 'event', event_name FROM information_schema.events WHERE event_schema = database() \
             UNION ALL SELECT DISTINCT 'index', index_name FROM information_schema.statistics \
             WHERE table_schema = database()) AS o WHERE lower(o.n) = ? ORDER BY 1, 3",
    probe: SchemaProbe::Expression(schema_digest::expression),
    removal: None,
    leftover: |_| None,
    row_estimate: |table| Some((ESTIMATE, vec![table.schema.clone().into(), table.name.as_str().into()])),
    cascade: None,
    lasting: Some(LastingSql { here: LASTING, elsewhere: ELSEWHERE }),
    data_version: None,
};

/// The estimate for a table. Parameters: its database, or NULL for the current one; its name.
const ESTIMATE: &str = "SELECT CAST(table_rows AS SIGNED) FROM information_schema.tables \
     WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND table_rows > 0";

/// A table whose engine has no transactions, and the engine. Parameter: the database.
const LASTING: &str = "SELECT t.table_name, t.engine FROM information_schema.tables t \
     LEFT JOIN information_schema.engines e ON e.engine = t.engine \
     WHERE t.table_schema = ? AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND coalesce(e.transactions, 'NO') <> 'YES' \
     ORDER BY t.table_name LIMIT 1";

/// The tables of other databases; those of a server's own are among them, too.
const ELSEWHERE: &str = "SELECT t.table_schema, t.table_name, t.engine FROM information_schema.tables t \
     LEFT JOIN information_schema.engines e ON e.engine = t.engine \
     WHERE t.table_schema <> ? AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND coalesce(e.transactions, 'NO') <> 'YES'";
