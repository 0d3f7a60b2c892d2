//! Tables as the server declares them.

pub(crate) mod change;

use sqlx::postgres::PgRow;

use crate::error::Result;
use crate::host_sql::{literal, rows, text_of};
use crate::session::Session;
use crate::types::{DomainArray, PgType};
use runner_database::spec::ColumnInfo;
use runner_database::spec::guess;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, TableInfo, TableName};

/// A table, with the properties that only PostgreSQL has.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) info: TableInfo,
    /// The schema in which it was found.
    pub(crate) schema: String,
    /// The types of its columns, in the order of `info.columns`.
    pub(crate) types: Vec<PgType>,
}

/// Returns one row for each column, one row with a NULL if the table has no columns, and no rows if there is no such
/// table. The base type of a domain is looked up through all domains in between, and so is that of an array's elements.
///
/// A column is NOT NULL only if that holds for every row that is read: it need not for what is elsewhere, for heirs, whose columns
/// may differ, and for the old rows of a constraint that is NOT VALID.
const COLUMNS: &str = "\
    SELECT n.nspname, c.relkind, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), \
        a.attnotnull AND c.relkind OPERATOR(pg_catalog.<>) 'f' \
            AND NOT (c.relhassubclass AND c.relkind OPERATOR(pg_catalog.=) 'r') \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid OPERATOR(pg_catalog.=) c.oid \
                AND k.contype OPERATOR(pg_catalog.=) 'n' AND NOT k.convalidated \
                AND k.conkey[1] OPERATOR(pg_catalog.=) a.attnum), \
        a.attgenerated OPERATOR(pg_catalog.<>) '', a.attidentity OPERATOR(pg_catalog.=) 'a', a.atttypid, a.atttypmod, \
        b.oid, b.modifier, b.typtype, b.typcategory, e.oid, \
        (SELECT k.place FROM pg_catalog.pg_index i, \
                pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (number, place) \
            WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisprimary \
                AND k.number OPERATOR(pg_catalog.=) a.attnum AND k.place OPERATOR(pg_catalog.<=) i.indnkeyatts), \
        c.relhassubclass AND c.relkind OPERATOR(pg_catalog.=) 'r', \
        CASE WHEN b.oid OPERATOR(pg_catalog.<>) a.atttypid THEN pg_catalog.format_type(b.oid, b.modifier) END, \
        CASE WHEN e.modifier OPERATOR(pg_catalog.>=) 0 THEN pg_catalog.format_type(e.typarray, e.modifier) END, \
        pg_catalog.format_type(e.typarray, NULL) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid \
            AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
        LEFT JOIN LATERAL ( \
            WITH RECURSIVE d AS ( \
                SELECT t.oid, a.atttypmod AS modifier, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod \
                    FROM pg_catalog.pg_type t WHERE t.oid OPERATOR(pg_catalog.=) a.atttypid \
                UNION ALL \
                SELECT t.oid, d.typtypmod, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod \
                    FROM d JOIN pg_catalog.pg_type t \
                        ON d.typtype OPERATOR(pg_catalog.=) 'd' AND t.oid OPERATOR(pg_catalog.=) d.typbasetype) \
            SELECT * FROM d WHERE typtype OPERATOR(pg_catalog.<>) 'd') b ON true \
        LEFT JOIN LATERAL ( \
            WITH RECURSIVE d AS ( \
                SELECT t.oid, NULL::pg_catalog.int4 AS modifier, t.typtype, t.typarray, t.typbasetype, t.typtypmod \
                    FROM pg_catalog.pg_type t \
                    WHERE t.oid OPERATOR(pg_catalog.=) b.typelem AND b.typcategory OPERATOR(pg_catalog.=) 'A' \
                UNION ALL \
                SELECT t.oid, d.typtypmod, t.typtype, t.typarray, t.typbasetype, t.typtypmod \
                    FROM d JOIN pg_catalog.pg_type t \
                        ON d.typtype OPERATOR(pg_catalog.=) 'd' AND t.oid OPERATOR(pg_catalog.=) d.typbasetype) \
            SELECT * FROM d WHERE typtype OPERATOR(pg_catalog.<>) 'd') e ON true \
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f']::pg_catalog.\"char\"[]) \
        AND c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(";

/// Looks up a table or view; without a schema, on the search path.
pub(crate) async fn table(session: &mut Session, name: &TableName) -> Result<Table> {
    let scope = session.enter(None).await?;
    let watch = session.watch();
    let looked = watch.run(read_table(session.wire().0, name)).await;
    session.leave(scope, looked).await
}

async fn read_table(connection: &mut sqlx::PgConnection, name: &TableName) -> Result<Table> {
    let ask = format!("{COLUMNS}{})::pg_catalog.oid ORDER BY a.attnum", literal(&name.quoted(Dialect::Postgres)));
    let found = rows(connection, &ask).await?;
    let Some(first) = found.first() else { return Err(no_table(connection, name).await?) };
    let is_view = matches!(text_of(first, 1).as_deref(), Some("v" | "m"));
    let mut table = Table {
        info: TableInfo {
            name: name.clone(),
            columns: Vec::new(),
            key: Vec::new(),
            is_view,
            // A partitioned table has a key of all partitions. The server may still say so when the last heir is gone, which only
            // costs a check.
            has_heirs: text_of(first, 15).as_deref() == Some("t"),
            key_is_rowid: false,
            rowid: None,
        },
        schema: text_of(first, 0).unwrap_or_default(),
        types: Vec::new(),
    };
    let mut key: Vec<(i64, String)> = Vec::new();
    for row in &found {
        let Some(name) = text_of(row, 2) else { continue };
        let flag = |column| text_of(row, column).as_deref() == Some("t");
        if let Some(place) = number(row, 14) {
            key.push((place, name.clone()));
        }
        table.info.columns.push(ColumnInfo {
            name,
            declared_type: text_of(row, 3).unwrap_or_default(),
            base_type: text_of(row, 16),
            not_null: flag(4),
            generated: flag(5),
        });
        table.types.push(type_of(row, flag(6)));
    }
    key.sort();
    table.info.key = key.into_iter().map(|(_, name)| name).collect();
    Ok(table)
}

fn type_of(row: &PgRow, always_identity: bool) -> PgType {
    let character = |column| text_of(row, column).and_then(|text| text.chars().next()).unwrap_or(' ');
    let oid = |column| number(row, column).and_then(|number| u32::try_from(number).ok());
    let modifier = |column| number(row, column).and_then(|number| i32::try_from(number).ok()).unwrap_or(-1);
    let own = oid(7).unwrap_or_default();
    PgType {
        oid: own,
        modifier: modifier(8),
        base: oid(9).unwrap_or(own),
        base_modifier: modifier(10),
        kind: character(11),
        category: character(12),
        element: oid(13),
        of_domain: text_of(row, 17).zip(text_of(row, 18)).map(|(declared, plain)| DomainArray { declared, plain }),
        always_identity,
    }
}

fn number(row: &PgRow, column: usize) -> Option<i64> {
    text_of(row, column)?.parse().ok()
}

/// Returns the error for a table that does not exist, with the most similar name on the search path.
async fn no_table(connection: &mut sqlx::PgConnection, name: &TableName) -> Result<DatabaseError> {
    let place = match &name.schema {
        Some(schema) => format!("n.nspname OPERATOR(pg_catalog.=) {}::pg_catalog.name", literal(schema)),
        None => "n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))".to_owned(),
    };
    let ask = format!(
        "SELECT c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f']::pg_catalog.\"char\"[]) AND {place}"
    );
    let others: Vec<String> = rows(connection, &ask).await?.iter().filter_map(|row| text_of(row, 0)).collect();
    let error = DatabaseError::new(DatabaseErrorKind::Syntax, format!("there is no table or view `{name}`"));
    let error = guess(error, &name.name, others.iter().map(String::as_str));
    Ok(match (&error.hint, &name.schema) {
        (None, None) => error.hint(match name.name.split_once('.') {
            Some((schema, table)) => {
                format!("the schema is named apart: `TableSource::new(\"{table}\").schema(\"{schema}\")`")
            }
            None => "a table that is not on the search path is named with its schema".to_owned(),
        }),
        _ => error,
    })
}
