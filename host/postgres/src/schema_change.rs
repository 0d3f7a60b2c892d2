//! Changes of the schema. A component with a login of its own may make none: the gate makes them for it, in its transaction.

use super::PostgresDatabase;
use super::scope::simple;
use super::speech::{in_server, literal, without_place};
use runner_database::{DatabaseError, Dialect, QueryLimits, SchemaChange, TableName};

impl PostgresDatabase {
    pub(super) async fn change_schema_now(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        if self.is_gated() {
            return self.change_schema_gated(change).await;
        }
        let statement = change.statement(Dialect::Postgres)?;
        self.check_index(change).await?;
        let scope = self.enter(Some(&statement)).await?;
        let (watch, limit) = (self.watch(), self.own.limit(self.rights, self.endpoint.settings()));
        let done = watch.run_within(limit, simple(&mut self.connection, &in_server(&statement))).await;
        let settled = self.settle(&scope, &statement).await;
        self.leave(scope, done.map_err(without_place).and(settled)).await
    }

    /// Fails if an index that is to be dropped does not belong to its table: the server drops one by its name alone.
    pub(super) async fn check_index(&mut self, change: &SchemaChange) -> Result<(), DatabaseError> {
        let SchemaChange::DropIndex { table, index } = change else { return Ok(()) };
        let name = TableName { schema: table.schema.clone(), name: index.clone() };
        let class = |name: &TableName| {
            format!("pg_catalog.to_regclass({})::pg_catalog.oid", literal(&name.quoted(Dialect::Postgres)))
        };
        let ask = format!(
            "SELECT 1 FROM pg_catalog.pg_index i WHERE i.indexrelid OPERATOR(pg_catalog.=) {} \
             AND i.indrelid OPERATOR(pg_catalog.=) {}",
            class(&name),
            class(table)
        );
        let found = self.query_now(&ask, &[], QueryLimits::NONE).await?;
        if found.rows.is_empty() { Err(DatabaseError::no_index(table, index)) } else { Ok(()) }
    }
}
