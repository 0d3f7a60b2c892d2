//! A second connection that reads a table while the first one writes: the server has one process for each connection,
//! and so reads one page while it writes another. `docs/design/0021-read-ahead.md` explains why and where this is safe.

use super::PostgresDatabase;
use super::schema::literal;
use super::scope::{rows, text_of};
use super::settings::prologue_reading;
use super::transaction::Transaction;
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, TableIdentity, TableName, TableSource, TableTarget};

/// A query for the OID of table `{source}`, if other sessions see in it what this transaction sees while it writes to
/// `{target}`:
///
/// * it is a plain table, without partitions and without policies, and the role is the one that logged in;
/// * this transaction has only read it: any change of rows or of the table leaves a lock until the end, other than those that
///   reading and [`hold`](super::hold) take;
/// * writing to the target changes nothing else: it has no rules, and no triggers but those that check references.
const OTHERS_SEE: &str = "\
    SELECT s.oid::pg_catalog.text FROM pg_catalog.pg_class s, pg_catalog.pg_class t \
    WHERE s.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({source})::pg_catalog.oid \
        AND t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({target})::pg_catalog.oid \
        AND s.relkind OPERATOR(pg_catalog.=) 'r' AND s.relpersistence OPERATOR(pg_catalog.<>) 't' \
        AND NOT s.relhassubclass AND NOT s.relrowsecurity \
        AND t.relkind OPERATOR(pg_catalog.=) 'r' AND NOT t.relhassubclass \
        AND current_user OPERATOR(pg_catalog.=) session_user \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l \
            WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.relation OPERATOR(pg_catalog.=) s.oid \
                AND l.locktype OPERATOR(pg_catalog.=) 'relation' \
                AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d \
                    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) \
                AND l.mode OPERATOR(pg_catalog.<>) ALL \
                    (ARRAY['AccessShareLock', 'RowShareLock', 'ShareRowExclusiveLock']::pg_catalog.text[])) \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) t.oid) \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g \
            JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) g.tgfoid \
            WHERE g.tgrelid OPERATOR(pg_catalog.=) t.oid AND g.tgenabled OPERATOR(pg_catalog.<>) 'D' \
                AND NOT (g.tgisinternal AND p.proname OPERATOR(pg_catalog.=) ANY \
                    (ARRAY['RI_FKey_check_ins', 'RI_FKey_check_upd']::pg_catalog.name[])))";

impl PostgresDatabase {
    pub(super) async fn others_see_now(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<Option<TableIdentity>, DatabaseError> {
        // A condition may call functions of the migration, and read other tables.
        if self.transaction.is_none() || source.filter.is_some() {
            return Ok(None);
        }
        let quoted = |table: &TableName| literal(&table.quoted(Dialect::Postgres));
        let ask = OTHERS_SEE.replace("{source}", &quoted(&source.table)).replace("{target}", &quoted(&target.table));
        let scope = self.enter(None).await?;
        let watch = self.watch();
        let found = watch.run(rows(&mut self.connection, &ask)).await;
        let found = self.leave(scope, found).await?;
        Ok(found.first().and_then(|row| text_of(row, 0)).map(TableIdentity))
    }

    pub(super) async fn begin_reading_now(
        &mut self,
        table: &TableName,
        is: &TableIdentity,
    ) -> Result<(), DatabaseError> {
        self.check_free()?;
        let quoted = table.quoted(Dialect::Postgres);
        let number = format!("pg_catalog.to_regclass({})::pg_catalog.oid::pg_catalog.text", literal(&quoted));
        let found = self.open(&prologue_reading(&self.own, &quoted, &number)).await?;
        if found.as_ref() == Some(&is.0) {
            // The transaction has no id, since it changes nothing.
            self.transaction = Some(Transaction::new(String::new()));
            return Ok(());
        }
        self.roll_back().await;
        Err(DatabaseError::new(DatabaseErrorKind::Other, format!("`{table}` is another table on this connection")))
    }
}
