//! Keeping others from changing what a transform has read and is going to write.
//!
//! In `READ COMMITTED`, a row may change between the page that reads it and the statement that writes it, and the change would be
//! overwritten. `docs/design/0028-postgres-holds-the-table.md` explains the choice.

use super::PostgresDatabase;
use super::schema::{filled, literal};
use super::scope::{rows, simple, text_of};
use crate::database::{DatabaseError, Dialect, TableName, TableSource, TableTarget, WriteMode};

/// A query for how table `$1` can be held: `table`, if it is the table `$2` and the user may lock it as a whole; `rows`,
/// if the user has been granted only some of its columns. No row if there is nothing to hold.
const HOW: &str = "\
    SELECT CASE WHEN pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') THEN 'table' ELSE 'rows' END \
    FROM pg_catalog.pg_class c \
    WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid \
        AND c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($2)::pg_catalog.oid \
        AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[])";

impl PostgresDatabase {
    pub(super) async fn hold_now(&mut self, source: &TableSource, target: &TableTarget) -> Result<(), DatabaseError> {
        if self.transaction.is_none() || target.mode == WriteMode::Insert {
            return Ok(());
        }
        let quoted = |table: &TableName| literal(&table.quoted(Dialect::Postgres));
        if self.is_gated() {
            return self.hold_gated([quoted(&source.table), quoted(&target.table)]).await;
        }
        let ask = filled(HOW, &[quoted(&source.table), quoted(&target.table)])?;
        let scope = self.enter(None).await?;
        let watch = self.watch();
        let table = source.table.quoted(Dialect::Postgres);
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
