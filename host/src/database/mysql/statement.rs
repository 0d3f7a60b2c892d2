//! Single statements and small results.

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Column, Row, TypeInfo};

use super::MysqlDatabase;
use super::error::{NOT_PREPARABLE, from_sqlx};
use crate::data::{RowSet, Value};
use crate::database::{DatabaseError, DatabaseErrorKind, QueryLimits, Rights};

impl MysqlDatabase {
    /// Runs one statement; see the trait.
    pub(super) async fn execute_now(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        let class = self.before(statement).await?;
        refuse(parameters)?;
        let watch = self.watch.clone();
        let text = || AssertSqlSafe(statement.to_owned());
        let mut answer = watch
            .over(async {
                sqlx::query(text()).persistent(false).execute(&mut self.connection).await.map_err(from_sqlx)
            })
            .await;
        // The server has read the whole text as one statement before it says so; a second one in it is an error of syntax.
        if self.guard.rights() != Rights::Guest && matches!(&answer, Err(error) if error.code == NOT_PREPARABLE) {
            answer = watch
                .over(async { sqlx::raw_sql(text()).execute(&mut self.connection).await.map_err(from_sqlx) })
                .await;
        }
        self.after(class, answer.map(|done| done.rows_affected())).await
    }

    /// Runs one statement and collects its rows; see the trait.
    pub(super) async fn query_now(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let class = self.before(statement).await?;
        refuse(parameters)?;
        let watch = self.watch.clone();
        let query = sqlx::query(AssertSqlSafe(statement.to_owned())).persistent(false);
        let answer = watch.over(async { query.fetch_all(&mut self.connection).await.map_err(from_sqlx) }).await;
        let rows = self.after(class, answer).await?;
        if rows.len() > limits.rows {
            return Err(DatabaseError::new(DatabaseErrorKind::Limit, "too many rows"));
        }
        let columns = rows.first().map(|row| row.columns().iter().map(|it| it.name().to_owned()).collect());
        Ok(RowSet { columns: columns.unwrap_or_default(), rows: rows.iter().map(cells).collect() })
    }
}

/// Parameters come with the data path.
fn refuse(parameters: &[Value]) -> Result<(), DatabaseError> {
    if parameters.is_empty() {
        return Ok(());
    }
    Err(DatabaseError::new(DatabaseErrorKind::InvalidArgument, "parameters are not there yet"))
}

fn cells(row: &MySqlRow) -> Vec<Value> {
    let cell = |at: usize| match row.column(at).type_info().name() {
        name if name.starts_with("BIGINT") || name.starts_with("INT") => {
            row.try_get_unchecked::<Option<i64>, _>(at).ok().flatten().map_or(Value::Null, Value::Int64)
        }
        _ => row.try_get_unchecked::<Option<String>, _>(at).ok().flatten().map_or(Value::Null, Value::Text),
    };
    (0..row.len()).map(cell).collect()
}
