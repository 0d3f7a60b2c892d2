//! `sea-query` statements, in the dialect of the current database.

use sea_query::{
    MysqlQueryBuilder, OptionEnum, PostgresQueryBuilder, QueryStatementWriter, SchemaStatementBuilder, SelectStatement,
    SqliteQueryBuilder, Value as SeaValue, Values,
};

use super::{Rows, execute, query};
use crate::{Dialect, Error, ErrorKind, Result, Value, context};

/// Runs a statement that changes rows, built with `sea-query`, and returns their number.
///
/// ```no_run
/// use runner_guest::prelude::*;
/// use runner_guest::sea_query::{Expr, ExprTrait, Query};
///
/// let mut update = Query::update();
/// update.table("users").value("state", "new").and_where(Expr::col("state").is_null());
/// let rows = sql::execute_query(&update)?;
/// # Ok::<(), Error>(())
/// ```
pub fn execute_query(statement: &impl QueryStatementWriter) -> Result<u64> {
    let (statement, values) = build(context::dialect(), statement);
    execute(statement, parameters(values)?)
}

/// Runs a SELECT built with `sea-query` and returns all rows of its result, like [`query`].
pub fn query_select(statement: &SelectStatement) -> Result<Rows> {
    let (statement, values) = build(context::dialect(), statement);
    query(statement, parameters(values)?)
}

/// Runs a statement that changes the schema, built with `sea-query`.
///
/// ```no_run
/// use runner_guest::prelude::*;
/// use runner_guest::sea_query::{ColumnDef, Table};
///
/// let mut table = Table::create();
/// table.table("users").col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key());
/// sql::execute_schema(table.col(ColumnDef::new("email").string_len(200).not_null()))?;
/// # Ok::<(), Error>(())
/// ```
pub fn execute_schema(statement: &impl SchemaStatementBuilder) -> Result<()> {
    execute(schema(context::dialect(), statement), []).map(drop)
}

fn build(dialect: Dialect, statement: &impl QueryStatementWriter) -> (String, Values) {
    match dialect {
        Dialect::Sqlite => statement.build(SqliteQueryBuilder),
        Dialect::Postgres => statement.build(PostgresQueryBuilder),
        Dialect::Mysql | Dialect::Mariadb => statement.build(MysqlQueryBuilder),
    }
}

fn schema(dialect: Dialect, statement: &impl SchemaStatementBuilder) -> String {
    match dialect {
        Dialect::Sqlite => statement.build(SqliteQueryBuilder),
        Dialect::Postgres => statement.build(PostgresQueryBuilder),
        Dialect::Mysql | Dialect::Mariadb => statement.build(MysqlQueryBuilder),
    }
}

fn parameters(values: Values) -> Result<Vec<Value>> {
    values.into_iter().map(Value::try_from).collect()
}

impl TryFrom<SeaValue> for Value {
    type Error = Error;

    fn try_from(value: SeaValue) -> Result<Self> {
        Ok(match value {
            SeaValue::Bool(value) => value.into(),
            SeaValue::TinyInt(value) => value.into(),
            SeaValue::SmallInt(value) => value.into(),
            SeaValue::Int(value) => value.into(),
            SeaValue::BigInt(value) => value.into(),
            SeaValue::TinyUnsigned(value) => value.into(),
            SeaValue::SmallUnsigned(value) => value.into(),
            SeaValue::Unsigned(value) => value.into(),
            SeaValue::BigUnsigned(value) => value.map(Value::try_from).transpose()?.into(),
            SeaValue::Float(value) => value.into(),
            SeaValue::Double(value) => value.into(),
            SeaValue::String(value) => value.into(),
            SeaValue::Char(value) => value.into(),
            SeaValue::Bytes(value) => value.into(),
            SeaValue::Enum(OptionEnum::Some(value)) => value.value.as_ref().into(),
            SeaValue::Enum(OptionEnum::None(_)) => Value::Null,
            // Variants that other crates may enable in `sea-query`.
            #[allow(unreachable_patterns, reason = "depends on the features that other crates enable")]
            other => {
                let message = format!("{other:?} of sea-query cannot be a value in a migration");
                return Err(Error::with_kind(ErrorKind::Conversion, message));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use sea_query::{ColumnDef, Expr, ExprTrait, Query, Table};

    use super::*;

    #[test]
    fn writes_in_the_dialect_at_hand() {
        let mut update = Query::update();
        update.table("users").value("name", "Ada").and_where(Expr::col("id").eq(7_u64));
        let (statement, values) = build(Dialect::Postgres, &update);
        assert_eq!(statement, r#"UPDATE "users" SET "name" = $1 WHERE "id" = $2"#);
        assert_eq!(parameters(values).unwrap(), [Value::Text("Ada".into()), Value::Int64(7)]);
        assert_eq!(build(Dialect::Mariadb, &update).0, "UPDATE `users` SET `name` = ? WHERE `id` = ?");
        let mut table = Table::create();
        table.table("users").col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key());
        assert!(schema(Dialect::Sqlite, &table).contains("AUTOINCREMENT"));
    }

    #[test]
    fn refuses_numbers_that_do_not_fit() {
        assert_eq!(Value::try_from(SeaValue::BigUnsigned(None)).unwrap(), Value::Null);
        assert!(Value::try_from(SeaValue::BigUnsigned(Some(u64::MAX))).is_err());
    }
}
