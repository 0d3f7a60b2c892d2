//! Tables and views as the server declares them, read by `SHOW`, which includes temporary tables.

use sqlx::mysql::MySqlRow;
use sqlx::{Column as _, Row as _};

use crate::error;
use crate::error::Result;
use crate::host_sql::{literal, row_text, text};
use crate::link::Link;
use crate::types::kind::{ColumnKind, kind};
use runner_database::spec::ColumnInfo;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, TableInfo, TableName};

/// A table, with what the data path needs to know about its columns.
#[derive(Clone, Debug)]
pub(crate) struct MysqlTable {
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
pub(crate) struct MysqlColumn {
    /// Its name.
    pub name: String,
    /// The whole type as the server spells it: `int(10) unsigned`, `enum('a','b')`.
    pub column_type: String,
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

impl MysqlColumn {
    /// What it holds.
    pub fn kind(&self) -> ColumnKind {
        match kind(&self.column_type) {
            _ if self.is_json => ColumnKind::Json,
            // Its limit counts bytes of its own character set, and the server knows how many those are.
            ColumnKind::Text { .. } if self.character_set.as_deref().is_some_and(|set| !set.starts_with("utf8")) => {
                ColumnKind::Text { bytes: u32::MAX as usize }
            }
            kind => kind,
        }
    }
}

/// What a column of a table holds; `None` if the table cannot be read, as with a view over another user's tables.
pub(crate) async fn kind_of(link: &mut Link, table: &TableName, column: &str) -> Result<Option<ColumnKind>> {
    if link.learned.columns(table).is_none() {
        let columns = match read_table(link, table).await {
            Ok(table) => table.columns,
            // The transaction may be gone with it.
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => Vec::new(),
        };
        let kinds = columns.iter().map(|column| (column.name.clone(), column.kind())).collect();
        link.learned.add(table.clone(), kinds);
    }
    let kinds = link.learned.columns(table).unwrap_or_default();
    Ok(kinds.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, kind)| kind.clone()))
}

/// A table as the server declares it.
pub(crate) async fn read_table(link: &mut Link, name: &TableName) -> Result<MysqlTable> {
    // The session's own database, whatever `USE` a script has run.
    let schema = name.schema.clone().or_else(|| link.facts().schema.clone()).unwrap_or_default();
    let quoted = TableName { schema: Some(schema.clone()), name: name.name.clone() }.quoted(Dialect::Mysql);
    let place = format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", literal(&schema), literal(&name.name));
    let dialect = link.dialect();
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
    let mut found = link.answers(&ask).await.map_err(|error| not_found(error, name))?.into_iter();
    let [columns, indexes, tables, checks] = std::array::from_fn(|_| found.next().unwrap_or_default());
    let json = json_columns(&checks, dialect);
    let columns: Vec<MysqlColumn> = columns
        .iter()
        .map(|row| {
            let mut column = read_column(&text(row, 0), &text(row, 1), row_text(row, 2), &text(row, 3), &text(row, 6));
            column.is_json = column.column_type.eq_ignore_ascii_case("json") || json.contains(&column.name);
            column
        })
        .collect();
    let found = tables.iter().find(|row| text(row, 0).eq_ignore_ascii_case(&name.name));
    let spelt = found.map_or_else(|| name.name.clone(), |row| text(row, 0));
    let info = TableInfo {
        name: TableName {
            schema: name.schema.clone(),
            name: if link.server().folds_table_names { spelt } else { name.name.clone() },
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

/// The sets of columns that identify a row: unique indexes over whole NOT NULL columns. Takes the rows of `SHOW
/// INDEX`.
pub(crate) fn unique_keys(rows: &[MySqlRow]) -> Vec<Vec<String>> {
    let mut found: Vec<(String, Option<Vec<String>>)> = Vec::new();
    for row in rows {
        let cell = |name: &str| {
            let at = row.columns().iter().position(|column| column.name().eq_ignore_ascii_case(name));
            at.map(|at| text(row, at)).unwrap_or_default()
        };
        if cell("Non_unique") != "0" {
            continue;
        }
        let (index, name) = (cell("Key_name"), cell("Column_name"));
        // A prefix of a column, an expression or a nullable column does not identify a row.
        let whole = cell("Sub_part").is_empty() && !name.is_empty() && cell("Null") != "YES";
        if found.last().is_none_or(|(last, _)| *last != index) {
            found.push((index, Some(Vec::new())));
        }
        if let Some((_, columns)) = found.last_mut() {
            match columns {
                Some(columns) if whole => columns.push(name),
                _ => *columns = None,
            }
        }
    }
    found.into_iter().filter_map(|(_, columns)| columns).collect()
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
    let extra = extra.to_ascii_uppercase();
    MysqlColumn {
        name: name.to_owned(),
        column_type: column_type.to_owned(),
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
        for (extra, generated, auto_increment) in [
            ("auto_increment", false, true),
            ("", false, false),
            ("DEFAULT_GENERATED on update CURRENT_TIMESTAMP", false, false),
            ("VIRTUAL GENERATED", true, false),
            ("STORED GENERATED INVISIBLE", true, false),
        ] {
            let column = read_column("c", "int", None, "NO", extra);
            assert_eq!((column.generated, column.auto_increment), (generated, auto_increment), "{extra}");
        }
        let column = read_column("c", "text", Some("utf8mb4_unicode_ci".to_owned()), "YES", "");
        assert_eq!((column.character_set.as_deref(), column.nullable), (Some("utf8mb4"), true));
    }
}
