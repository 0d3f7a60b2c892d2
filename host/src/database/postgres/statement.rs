//! Statements with parameters.

use sqlx::{AssertSqlSafe, Column, Executor, Row};

use super::PostgresDatabase;
use super::error::from_sqlx;
use super::scope::simple;
use crate::data::{RowSet, Value};
use crate::database::{DatabaseError, QueryLimits};

impl PostgresDatabase {
    pub(super) async fn execute_now(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        let _ = parameters;
        let scope = self.enter(Some(statement)).await?;
        let watch = self.watch();
        let result = if scope.is_bare() {
            watch.run(simple(&mut self.connection, statement)).await.map(|()| 0)
        } else {
            let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
            let work = self.connection.execute(query);
            watch
                .run(async { work.await.map(|done| done.rows_affected()).map_err(|e| from_sqlx(&e, Some(statement))) })
                .await
        };
        self.leave(scope, result).await
    }

    pub(super) async fn query_now(
        &mut self,
        statement: &str,
        parameters: &[Value],
        _limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let _ = parameters;
        let scope = self.enter(Some(statement)).await?;
        let watch = self.watch();
        let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        let work = self.connection.fetch_all(query);
        let result = watch.run(async { work.await.map_err(|e| from_sqlx(&e, Some(statement))) }).await;
        let found = self.leave(scope, result).await?;
        let columns =
            found.first().map(|row| row.columns().iter().map(|c| c.name().to_owned()).collect()).unwrap_or_default();
        let cell = |row: &sqlx::postgres::PgRow, at: usize| -> Value {
            if let Ok(number) = row.try_get::<Option<i64>, _>(at) {
                return Value::from(number);
            }
            if let Ok(number) = row.try_get::<Option<i32>, _>(at) {
                return Value::from(number.map(i64::from));
            }
            row.try_get::<Option<String>, _>(at).ok().flatten().map_or(Value::Null, Value::Text)
        };
        let rows = found.iter().map(|row| (0..row.len()).map(|at| cell(row, at)).collect()).collect();
        Ok(RowSet { columns, rows })
    }
}
