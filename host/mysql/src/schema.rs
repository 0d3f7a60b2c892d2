//! Tables and views as the server declares them, read by `SHOW`, which includes temporary tables.

use sqlx::mysql::MySqlRow;

use super::session::{literal, row_text, text};
use super::speech::results;
use super::types::unique_keys;
use super::{MysqlDatabase, error};
use runner_database::logins::refusals::no_session;
use runner_database::spec::ColumnInfo;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, TableInfo, TableName};

/// A table, with what the data path needs to know about its columns.
#[derive(Clone, Debug)]
pub(super) struct MysqlTable {
    /// What every dialect reports.
    pub info: TableInfo,
    /// The columns, in the order of `info.columns`.
    pub columns: Vec<MysqlColumn>,
    /// The columns of each unique index without NULLs.
    pub unique_keys: Vec<Vec<String>>,
    /// The table's engine, if it does not support transactions.
    pub lasting_engine: Option<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MysqlColumn {
    /// Its name.
    pub name: String,
    /// The bare type in lower case: `int`, `decimal`, `varchar`, `enum` …
    pub data_type: String,
    /// The whole type as the server spells it: `int(10) unsigned`, `enum('a','b')`.
    pub column_type: String,
    /// Whether negative numbers are refused.
    pub unsigned: bool,
    /// The number in parentheses: digits of a decimal, length in characters, bits, fractional digits of a second.
    pub precision: Option<u32>,
    /// The second number in parentheses: digits after the decimal point.
    pub scale: Option<u32>,
    /// The character set of a text column; `None` for other types and for bytes.
    pub character_set: Option<String>,
    /// The collation of a text column.
    pub collation: Option<String>,
    /// Whether it accepts NULL.
    pub nullable: bool,
    /// Whether its value is computed from other columns and cannot be written.
    pub generated: bool,
    /// Whether the server assigns its values (`AUTO_INCREMENT`).
    pub auto_increment: bool,
    /// MariaDB: text that the server checks to be JSON.
    pub is_json: bool,
}

impl MysqlDatabase {
    pub(super) async fn table_now(&mut self, name: &TableName) -> Result<MysqlTable, DatabaseError> {
        self.watch.check_stop()?;
        if self.is_denied {
            return Err(no_session());
        }
        self.renew_if_due().await?;
        // The session's own database, whatever `USE` a script has run.
        let schema = name.schema.clone().or_else(|| self.server.facts.schema.clone()).unwrap_or_default();
        let quoted = TableName { schema: Some(schema.clone()), name: name.name.clone() }.quoted(Dialect::Mysql);
        let place = format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", literal(&schema), literal(&name.name));
        let dialect = self.server.facts.dialect;
        // A transform asks for each chunk, so all of it is one message.
        let mut ask = format!(
            "SHOW FULL COLUMNS FROM {quoted}; SHOW INDEX FROM {quoted}; \
             SELECT t.TABLE_NAME, t.TABLE_TYPE, IF(e.TRANSACTIONS = 'YES', NULL, t.ENGINE) \
             FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE {place}"
        );
        if dialect == Dialect::Mariadb {
            ask.push_str(&format!(
                "; SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
                 WHERE CONSTRAINT_SCHEMA = {} AND TABLE_NAME = {}",
                literal(&schema),
                literal(&name.name)
            ));
        }
        let connection = &mut self.connection;
        let found = self.watch.clone().over(results(connection, &ask)).await;
        let mut found = found.map_err(|error| not_found(error, name))?.into_iter();
        let [columns, indexes, tables, checks] = std::array::from_fn(|_| found.next().unwrap_or_default());
        let json = json_columns(&checks, dialect);
        let columns: Vec<MysqlColumn> = columns
            .iter()
            .map(|row| {
                let mut column =
                    read_column(&text(row, 0), &text(row, 1), row_text(row, 2), &text(row, 3), &text(row, 6));
                column.is_json = column.data_type == "json" || json.contains(&column.name);
                column
            })
            .collect();
        let found = tables.iter().find(|row| text(row, 0).eq_ignore_ascii_case(&name.name));
        let spelt = found.map_or_else(|| name.name.clone(), |row| text(row, 0));
        let info = TableInfo {
            name: TableName {
                schema: name.schema.clone(),
                name: if self.server.folds_table_names { spelt } else { name.name.clone() },
            },
            columns: columns
                .iter()
                .map(|column| ColumnInfo {
                    name: column.name.clone(),
                    declared_type: column.column_type.clone(),
                    base_type: None,
                    not_null: !column.nullable,
                    generated: column.generated,
                })
                .collect(),
            // In the order of the key: `Seq_in_index` counts up.
            key: indexes.iter().filter(|row| text(row, 2) == "PRIMARY").map(|row| text(row, 4)).collect(),
            is_view: found.is_some_and(|row| text(row, 1).ends_with("VIEW")),
            has_heirs: false,
            key_is_rowid: false,
            rowid: None,
        };
        let lasting_engine = found.and_then(|row| row_text(row, 2));
        Ok(MysqlTable { info, columns, unique_keys: unique_keys(&indexes), lasting_engine })
    }
}

/// Columns that MariaDB checks to be JSON, which it declares as `longtext`.
fn json_columns(checks: &[MySqlRow], dialect: Dialect) -> Vec<String> {
    // The check of a column is named after it.
    let is_json = |(name, clause): &(String, String)| *clause == format!("json_valid({})", dialect.quote(name));
    checks.iter().map(|row| (text(row, 0), text(row, 1))).filter(is_json).map(|(name, _)| name).collect()
}

fn not_found(error: DatabaseError, name: &TableName) -> DatabaseError {
    match error.code.as_str() {
        error::NO_TABLE | error::NO_DATABASE => {
            DatabaseError::new(DatabaseErrorKind::Syntax, format!("there is no table or view `{name}`"))
                .code(error.code)
        }
        _ => error,
    }
}

/// Reads a row of `SHOW FULL COLUMNS`.
fn read_column(name: &str, column_type: &str, collation: Option<String>, null: &str, extra: &str) -> MysqlColumn {
    let lower = column_type.to_ascii_lowercase();
    let end = lower.find(['(', ' ']).unwrap_or(lower.len());
    let data_type = lower[..end].to_owned();
    let behind = lower[end..].trim_start();
    let mut numbers = match behind.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((inside, _)) if !matches!(data_type.as_str(), "enum" | "set") => inside,
        _ => "",
    }
    .split(',')
    .filter_map(|digits| digits.trim().parse().ok());
    let extra = extra.to_ascii_uppercase();
    MysqlColumn {
        name: name.to_owned(),
        unsigned: !matches!(data_type.as_str(), "enum" | "set") && lower.contains(" unsigned"),
        data_type,
        column_type: column_type.to_owned(),
        precision: numbers.next(),
        scale: numbers.next(),
        character_set: collation.as_deref().and_then(|it| it.split('_').next()).map(str::to_owned),
        collation,
        nullable: null.eq_ignore_ascii_case("YES"),
        // Excludes `DEFAULT_GENERATED`, which is a default that MySQL computes.
        generated: ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT"].iter().any(|kind| extra.contains(kind)),
        auto_increment: extra.contains("AUTO_INCREMENT"),
        is_json: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_parsed_from_show_columns() {
        for (column_type, extra, data_type, unsigned, precision, scale, generated) in [
            ("int(10) unsigned", "auto_increment", "int", true, Some(10), None, false),
            ("bigint unsigned zerofill", "", "bigint", true, None, None, false),
            ("decimal(20,4)", "", "decimal", false, Some(20), Some(4), false),
            ("enum('a','b) unsigned')", "", "enum", false, None, None, false),
            ("timestamp", "DEFAULT_GENERATED on update CURRENT_TIMESTAMP", "timestamp", false, None, None, false),
            ("varchar(3)", "VIRTUAL GENERATED", "varchar", false, Some(3), None, true),
            ("datetime(6)", "STORED GENERATED INVISIBLE", "datetime", false, Some(6), None, true),
        ] {
            let column = read_column("c", column_type, None, "NO", extra);
            let read = (column.data_type.as_str(), column.unsigned, column.precision, column.scale, column.generated);
            assert_eq!(read, (data_type, unsigned, precision, scale, generated), "{column_type}");
        }
        let column = read_column("c", "text", Some("utf8mb4_unicode_ci".to_owned()), "YES", "");
        assert_eq!((column.character_set.as_deref(), column.nullable), (Some("utf8mb4"), true));
    }
}
