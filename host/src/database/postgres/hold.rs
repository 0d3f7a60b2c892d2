//! Keeping others from changing what a transform has read and is going to write.
//!
//! In `READ COMMITTED`, a row may change between the page that reads it and the statement that writes it, and the change would be
//! overwritten. `docs/design/0028-postgres-holds-the-table.md` explains the choice.

use super::PostgresDatabase;
use super::schema::{filled, literal};
use super::scope::{rows, simple, text_of};
use crate::database::{DatabaseError, Dialect, TableName, TableSource, TableTarget, WriteMode};

/// A query for how the relation `$2` can be held, if any of its rows may be rows of `$1`: `table`, if the user may lock it as a whole;
/// `rows`, if the user has been granted only some of its columns. No row if there is nothing to hold.
///
/// The rows are the same where both are one table, but also where one of them is a view of the other or its partition, so what both are
/// made of is compared. To lock a view locks what it reads.
const HOW: &str = "\
    WITH RECURSIVE below AS ( \
        (SELECT true AS is_source, pg_catalog.to_regclass($1)::pg_catalog.oid AS relation \
            UNION ALL SELECT false, pg_catalog.to_regclass($2)::pg_catalog.oid) \
        UNION SELECT below.is_source, part.relation FROM below CROSS JOIN LATERAL ( \
            SELECT d.refobjid AS relation FROM pg_catalog.pg_rewrite w \
            JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) w.oid \
                AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid \
                AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid \
            WHERE w.ev_class OPERATOR(pg_catalog.=) below.relation \
            UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i \
            WHERE i.inhparent OPERATOR(pg_catalog.=) below.relation) part) \
    SELECT CASE WHEN pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') THEN 'table' \
        WHEN c.relkind OPERATOR(pg_catalog.<>) 'v' THEN 'rows' END, \
        pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(c.relname)), \
        pg_catalog.has_any_column_privilege(c.oid, 'UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($2)::pg_catalog.oid \
        AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v']::pg_catalog.\"char\"[]) \
        AND EXISTS (SELECT FROM below source JOIN below target ON source.relation OPERATOR(pg_catalog.=) target.relation \
            WHERE source.is_source AND NOT target.is_source)";

impl PostgresDatabase {
    pub(super) async fn hold_now(&mut self, source: &TableSource, target: &TableTarget) -> Result<(), DatabaseError> {
        if self.transaction.is_none() || target.mode == WriteMode::Insert {
            return Ok(());
        }
        let quoted = |table: &TableName| literal(&table.quoted(Dialect::Postgres));
        let ask = filled(HOW, &[quoted(&source.table), quoted(&target.table)])?;
        if self.is_gated() {
            return self.hold_gated(&ask).await;
        }
        let scope = self.enter(None).await?;
        let watch = self.watch();
        let table = target.table.quoted(Dialect::Postgres);
        let connection = &mut self.connection;
        let held = watch
            .run(async {
                let how = rows(connection, &ask).await?.first().and_then(|row| text_of(row, 0));
                match how.as_deref() {
                    // Conflicts with every change of rows and with itself, and lets others read.
                    Some("table") => {
                        simple(connection, &format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")).await
                    }
                    Some(_) => {
                        let all =
                            format!("SELECT pg_catalog.count(*) FROM (SELECT 1 FROM {table} FOR NO KEY UPDATE) held");
                        simple(connection, &all).await
                    }
                    None => Ok(()),
                }
            })
            .await;
        self.leave(scope, held).await
    }
}
