//! Changes to the tool's own tables, which a database makes in as few messages as it can.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::Meaning;
use super::{DatabaseError, DatabaseErrorKind, Facts};
use runner_base::dialect::Dialect;
use runner_data::Value;
use runner_sql::substitute;

/// A statement that changes the tool's own tables.
#[derive(Clone, Debug)]
pub struct ToolChange {
    /// The text, in which `@` stands for the schema of the tool's tables and `?1` for an input.
    text: &'static str,
    inputs: Vec<Input>,
    rows: ChangedRows,
}

/// What takes the place of a placeholder.
#[derive(Clone, Debug)]
pub enum Input {
    /// A value: an integer, a text, bytes or NULL.
    Value(Value),
    /// An expression in the database's own language, which the server computes.
    Expression(String),
    /// A value of many bytes, which are not copied where the database can write them piece by piece.
    Large(Large),
}

/// A value of many bytes, and where it goes.
#[derive(Clone, Debug)]
pub struct Large {
    /// The table, without its schema.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The columns that identify the row; their values are the first inputs of the change.
    pub key: &'static [&'static str],
    /// The bytes.
    pub bytes: Arc<Cow<'static, [u8]>>,
}

impl Large {
    /// The bytes as a value, which is a copy.
    pub fn value(&self) -> Value {
        Value::Bytes(self.bytes.to_vec())
    }
}

/// The number of rows that a change must affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedRows {
    /// Exactly one; anything else means that something else has changed the tables.
    One,
    /// Any number.
    Any,
}

impl ToolChange {
    /// Creates a change that must affect exactly one row.
    pub fn of_one_row(text: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        Self { text, inputs: values.into_iter().map(Input::Value).collect(), rows: ChangedRows::One }
    }

    /// Creates a change that may affect any number of rows.
    pub fn of_any_rows(text: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        Self { rows: ChangedRows::Any, ..Self::of_one_row(text, values) }
    }

    /// Puts an expression in the place of an input, counted from 1.
    #[must_use]
    pub fn with_expression(mut self, number: usize, expression: String) -> Self {
        if let Some(input) = self.inputs.get_mut(number.wrapping_sub(1)) {
            *input = Input::Expression(expression);
        }
        self
    }

    /// Adds a large value after the inputs.
    #[must_use]
    pub fn with_large(mut self, large: Large) -> Self {
        self.inputs.push(Input::Large(large));
        self
    }

    /// Returns the large value.
    pub fn large(&self) -> Option<&Large> {
        self.inputs.iter().find_map(|input| match input {
            Input::Large(large) => Some(large),
            _ => None,
        })
    }

    /// Fails if it must not affect as many rows as it did.
    pub fn check(&self, rows: u64) -> Result<(), DatabaseError> {
        if self.rows == ChangedRows::One && rows != 1 { Err(DatabaseError::unexpected_rows()) } else { Ok(()) }
    }

    /// Returns the number of rows that it must affect.
    pub fn rows(&self) -> ChangedRows {
        self.rows
    }

    /// Whether it adds rows of values, and not those that a query finds.
    pub fn inserts_values(&self) -> bool {
        self.text.starts_with("INSERT") && !self.text.contains(" SELECT ")
    }

    /// Returns the statement with placeholders, and its values; an expression is not possible here.
    pub fn statement(&self, facts: &Facts) -> Result<(String, Vec<Value>), DatabaseError> {
        self.statement_with(facts, |placeholder| placeholder, Large::value)
    }

    /// As [`Self::statement`]; `spell` makes of the placeholder of a large value what appears in the text, and `value`
    /// what is bound.
    pub fn statement_with(
        &self,
        facts: &Facts,
        spell: impl Fn(String) -> String,
        value: impl Fn(&Large) -> Value,
    ) -> Result<(String, Vec<Value>), DatabaseError> {
        let bound = |input: &Input| match input {
            Input::Value(value) => Ok(value.clone()),
            Input::Large(large) => Ok(value(large)),
            Input::Expression(_) => Err(DatabaseError::invalid("an expression cannot be bound as a value")),
        };
        let values = self.inputs.iter().map(bound).collect::<Result<_, _>>()?;
        let text = facts.filled(self.text, |number| {
            let placeholder = facts.dialect.placeholder(number);
            match self.inputs.get(number.wrapping_sub(1)) {
                Some(Input::Large(_)) => spell(placeholder),
                _ => placeholder,
            }
        });
        Ok((text, values))
    }

    /// Returns the statement with its values as literals.
    pub fn literally(
        &self,
        facts: &Facts,
        literal: impl Fn(&Value) -> Option<String>,
    ) -> Result<String, DatabaseError> {
        let mut problem = None;
        let of_value =
            |value: &Value| literal(value).ok_or_else(|| DatabaseError::invalid("a value that has no literal"));
        let text = facts.filled(self.text, |number| {
            let spelled = match self.inputs.get(number.wrapping_sub(1)) {
                Some(Input::Expression(expression)) => Ok(expression.clone()),
                Some(Input::Value(value)) => of_value(value),
                Some(Input::Large(large)) => of_value(&large.value()),
                None => Err(DatabaseError::invalid(format!("there is no value for `?{number}`"))),
            };
            spelled.unwrap_or_else(|error| {
                problem = Some(error);
                String::new()
            })
        });
        problem.map_or(Ok(text), Err)
    }

    /// Returns the statement with its values as these literals.
    pub fn spelled(&self, facts: &Facts, literals: &Literals) -> Result<String, DatabaseError> {
        self.literally(facts, |value| literals.of(value))
    }
}

/// How a server spells values within a text of the host.
pub struct Literals {
    /// The dialect of the text.
    pub dialect: Dialect,
    /// Spells a text, so that it means the same in every session.
    pub text: fn(&str) -> String,
    /// Spells bytes, given in hexadecimal.
    pub bytes: fn(&str) -> String,
}

impl Literals {
    /// A value as a literal; `None` for the types that the tool's own tables do not have.
    fn of(&self, value: &Value) -> Option<String> {
        Some(match value {
            Value::Null => "NULL".to_owned(),
            Value::Boolean(value) => value.to_string(),
            // So that a minus never meets another, which would begin a comment.
            Value::Int64(number) if *number < 0 => format!("({number})"),
            Value::Int64(number) => number.to_string(),
            Value::Text(content) => (self.text)(content),
            Value::Bytes(content) => (self.bytes)(&hex::encode(content)),
            _ => return None,
        })
    }

    /// One statement of the host with its values in it.
    pub fn fill(&self, statement: &str, values: &[Value]) -> Result<String, DatabaseError> {
        let texts: Option<Vec<String>> = values.iter().map(|value| self.of(value)).collect();
        let text = texts.and_then(|texts| substitute(statement, self.dialect, &texts));
        text.ok_or_else(|| DatabaseError::invalid("a statement of the host that cannot have its values in it"))
    }
}

impl DatabaseError {
    /// Returns the error for a change that affected another number of rows than it must.
    pub fn unexpected_rows() -> Self {
        Self::new(DatabaseErrorKind::Other, "runner's own tables are not as runner wrote them")
            .means(Meaning::UnexpectedRows)
    }

    /// Returns whether a change affected another number of rows than it must.
    pub fn is_unexpected_rows(&self) -> bool {
        self.meaning == Meaning::UnexpectedRows
    }

    /// Returns the error for a migration that ended the transaction it runs in.
    pub fn ended_by_migration() -> Self {
        Self::new(DatabaseErrorKind::Denied, "the migration ended the transaction it runs in")
            .means(Meaning::EndedTransaction)
            .hint("remove `COMMIT`, `ROLLBACK` and similar statements: runner itself begins and ends the transaction")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::dialect::Dialect;

    #[test]
    fn values_become_literals_that_cannot_end_early() {
        let facts = Facts { schema: Some("a`b".to_owned()), ..Facts::of_dialect(Dialect::Mariadb) };
        let values = [Value::Text("it's ?1 @ \\".to_owned()), Value::Int64(-1), Value::Bytes(vec![0, 39]), Value::Null];
        let change = ToolChange::of_one_row("UPDATE @.t SET a = ?1, b = 1 -?2, c = ?3, d = ?4", values);
        let text = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
        let literals = Literals { dialect: Dialect::Mariadb, text, bytes: |hex| format!("x'{hex}'") };
        let spelled = change.spelled(&facts, &literals).expect("literals");
        assert_eq!(spelled, r"UPDATE `a``b`.t SET a = 'it''s ?1 @ \\', b = 1 -(-1), c = x'0027', d = NULL");
        let with = change.with_expression(4, "SHA1('?')".to_owned());
        let spelled = with.spelled(&facts, &literals).expect("literals");
        assert!(spelled.ends_with("d = SHA1('?')"), "{spelled}");
        assert!(with.statement(&facts).is_err(), "an expression is no value");
        let missing = ToolChange::of_any_rows("SELECT ?2", [Value::Null]);
        assert!(missing.spelled(&facts, &literals).is_err());
    }

    #[test]
    fn other_dialects_get_placeholders() {
        let change = ToolChange::of_one_row("DELETE FROM @.t WHERE a = ?1", [Value::Int64(1)]);
        let (text, values) = change.statement(&Facts::of_dialect(Dialect::Postgres)).expect("a statement");
        assert_eq!((text.as_str(), values.len()), ("DELETE FROM \"runner\".t WHERE a = $1", 1));
    }
}
