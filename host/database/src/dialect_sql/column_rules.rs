//! What a column keeps of a value that is written to it.

use async_trait::async_trait;

use crate::{DatabaseError, HostSession, TableName};
use runner_data::ColumnType;

/// How a database stores and orders values. The defaults are those of a server that converts a value to the type of its column.
#[async_trait]
pub trait ColumnRules: Sync {
    /// Whether a column of this declared type, in lower case, may keep what is written as this type in another form: as a number, with
    /// blanks, or with the digits of a binary fraction.
    fn keeps_another_form(&self, written: ColumnType, declared: &str) -> bool {
        const KEEPS_TEXT: [&str; 7] = ["text", "varchar", "character varying", "clob", "blob", "bytea", "binary"];
        let is_any = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        match written {
            ColumnType::Text => !declared.is_empty() && !is_any(&KEEPS_TEXT),
            ColumnType::Decimal => is_any(&["float", "double", "real"]),
            _ => false,
        }
    }

    /// Whether a value that could not be read as it was written is refused when it is written.
    fn refuses_another_type(&self) -> bool {
        false
    }

    /// The expression by which a column of texts, quoted, is ordered by its bytes, whatever the collation.
    fn by_bytes(&self, column: &str) -> String {
        column.to_owned()
    }

    /// Whether what is stored as one type is in the order of the type that was written, where this database differs from others.
    fn keeps_order(&self, _written: ColumnType, _stored: ColumnType) -> Option<bool> {
        None
    }

    /// Whether one of these columns of texts may take two texts for the same, so that a row keeps the one that it has.
    async fn may_keep_spelling(
        &self,
        _host: &mut HostSession<'_>,
        _table: &TableName,
        _columns: &[&str],
    ) -> Result<bool, DatabaseError> {
        Ok(true)
    }
}
