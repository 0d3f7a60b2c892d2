//! Parses the text of a CREATE TABLE and writes it again.
//!
//! Everything that is not edited is preserved exactly: checks, collations, generated columns, conflict clauses, options.

use super::column::Column;
use super::quote;
use super::token::{Token, close, span, tokens};
use crate::{Error, Result};

/// The parts of a CREATE TABLE.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) columns: Vec<Column>,
    pub(super) constraints: Vec<TableConstraint>,
    /// What follows the closing parenthesis: STRICT, WITHOUT ROWID.
    options: String,
}

/// A table constraint.
#[derive(Clone, Debug)]
pub(super) struct TableConstraint {
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    /// Its full text.
    pub(super) text: String,
}

impl Definition {
    /// Parses a CREATE TABLE.
    pub(super) fn parse(source: &str) -> Result<Self> {
        let tokens = tokens(source)?;
        let open = header(&tokens)?.1;
        let end = close(&tokens, open)?;
        let mut columns = Vec::new();
        let mut constraints = Vec::new();
        for item in items(&tokens[open + 1..end - 1])? {
            match item.first() {
                Some(first) if starts_constraint(first) => constraints.extend(TableConstraint::parse(source, item)?),
                // Constraints may only follow the columns.
                Some(_) if constraints.is_empty() => columns.push(Column::parse_tokens(source, item)?),
                _ => return Err(Error::new("its definition is not a list of columns and constraints")),
            }
        }
        Ok(Self { columns, constraints, options: span(source, &tokens[end..]).to_owned() })
    }

    /// The definition as a statement.
    pub(super) fn render(&self, name: &str) -> String {
        let columns = self.columns.iter().map(Column::render);
        let constraints = self.constraints.iter().map(|constraint| constraint.text.clone());
        let items: Vec<_> = columns.chain(constraints).map(|item| format!("  {item}")).collect();
        format!("CREATE TABLE {} (\n{}\n) {}", quote(name), items.join(",\n"), self.options).trim_end().to_owned()
    }
}

impl TableConstraint {
    /// Parses a constraint passed by the migration.
    pub(super) fn from_text(text: &str) -> Result<Vec<Self>> {
        let tokens = tokens(text)?;
        match tokens.first() {
            Some(first) if starts_constraint(first) && items(&tokens)?.len() == 1 => Self::parse(text, &tokens),
            _ => Err(Error::new(format!("`{text}` is not a constraint of a table"))),
        }
    }

    /// The constraints of one item: SQLite allows the comma between two of them to be omitted.
    fn parse<'a>(source: &'a str, item: &[Token<'a>]) -> Result<Vec<Self>> {
        let mut starts = Vec::new();
        let mut at = 0;
        let mut named = false;
        while at < item.len() {
            // In a named constraint, the keyword after the name does not begin a new one.
            if starts_constraint(&item[at]) {
                if !named {
                    starts.push(at);
                }
                named = item[at].is("CONSTRAINT");
                at += if named { 2 } else { 1 };
            } else {
                at = if item[at].is_symbol('(') { close(item, at)? } else { at + 1 };
            }
        }
        let ends = starts.iter().copied().skip(1).chain([item.len()]);
        Ok(starts.iter().zip(ends).map(|(start, end)| Self::one(source, &item[*start..end])).collect())
    }

    fn one<'a>(source: &'a str, tokens: &[Token<'a>]) -> Self {
        let name = if tokens[0].is("CONSTRAINT") { tokens.get(1).and_then(Token::name) } else { None };
        Self { name, text: span(source, tokens).to_owned() }
    }
}

/// A CREATE TABLE under another name. References to the table's name in expressions change with it.
pub(super) fn with_name(source: &str, new: &str) -> Result<String> {
    let tokens = tokens(source)?;
    let (name, open) = header(&tokens)?;
    let old = tokens[name].name().unwrap_or_default();
    let mut statement = format!("CREATE TABLE {}", quote(new));
    let mut copied = tokens[name].end();
    for pair in tokens[open..].windows(2) {
        if pair[0].names(&old) && pair[1].is_symbol('.') {
            statement.push_str(&source[copied..pair[0].start]);
            statement.push_str(&quote(new));
            copied = pair[0].end();
        }
    }
    let end = tokens.last().map_or(copied, |last| if last.is_symbol(';') { last.start } else { last.end() });
    statement.push_str(&source[copied..end]);
    Ok(statement)
}

/// The table that a CREATE TABLE creates.
pub(super) fn table_name(source: &str) -> Result<String> {
    let tokens = tokens(source)?;
    tokens[header(&tokens)?.0].name().ok_or_else(|| Error::new("the CREATE TABLE names no table"))
}

/// The positions of the table's name and of the start of the column list in a CREATE TABLE.
fn header(tokens: &[Token<'_>]) -> Result<(usize, usize)> {
    let is = |at: usize, keyword: &str| tokens.get(at).is_some_and(|token| token.is(keyword));
    let opens = |at: usize| tokens.get(at).is_some_and(|token| token.is_symbol('('));
    if is(0, "CREATE") && is(1, "TABLE") {
        let first = if is(2, "IF") && is(3, "NOT") && is(4, "EXISTS") { 5 } else { 2 };
        let name = if tokens.get(first + 1).is_some_and(|token| token.is_symbol('.')) { first + 2 } else { first };
        if tokens.get(name).is_some_and(|token| token.name().is_some()) && opens(name + 1) {
            return Ok((name, name + 1));
        }
    }
    Err(Error::new("its definition does not begin with `CREATE TABLE name (`"))
}

/// The items of a list, split at commas outside parentheses.
fn items<'t, 'a>(tokens: &'t [Token<'a>]) -> Result<Vec<&'t [Token<'a>]>> {
    let mut items = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < tokens.len() {
        if tokens[at].is_symbol(',') {
            items.push(&tokens[start..at]);
            start = at + 1;
        }
        at = if tokens[at].is_symbol('(') { close(tokens, at)? } else { at + 1 };
    }
    items.push(&tokens[start..]);
    Ok(items)
}

fn starts_constraint(token: &Token<'_>) -> bool {
    ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|keyword| token.is(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "CREATE TABLE \"users\" (
        id INTEGER PRIMARY KEY AUTOINCREMENT, -- the key, of course
        name TEXT COLLATE NOCASE NOT NULL DEFAULT ('a, b'),
        [full name] TEXT GENERATED ALWAYS AS (name || ', ' || users.id) STORED,
        CONSTRAINT named CHECK (length(name) > 0) UNIQUE (name, id) ON CONFLICT IGNORE,
        FOREIGN KEY (id) REFERENCES people (id) ON DELETE SET NULL
    ) STRICT";

    #[test]
    fn takes_apart_and_puts_together() {
        let definition = Definition::parse(SOURCE).unwrap();
        let names: Vec<_> = definition.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "name", "full name"]);
        let constraints: Vec<_> = definition.constraints.iter().map(|constraint| constraint.name.as_deref()).collect();
        assert_eq!(constraints, [Some("named"), None, None]);
        assert_eq!(
            definition.render("users"),
            "CREATE TABLE \"users\" (\n  id INTEGER PRIMARY KEY AUTOINCREMENT,\n  \
             name TEXT COLLATE NOCASE NOT NULL DEFAULT ('a, b'),\n  \
             [full name] TEXT GENERATED ALWAYS AS (name || ', ' || users.id) STORED,\n  \
             CONSTRAINT named CHECK (length(name) > 0),\n  UNIQUE (name, id) ON CONFLICT IGNORE,\n  \
             FOREIGN KEY (id) REFERENCES people (id) ON DELETE SET NULL\n) STRICT"
        );
    }

    #[test]
    fn renames_the_table_and_what_calls_it_by_its_name() {
        let renamed =
            with_name("CREATE TABLE main.users (a, CHECK (Users.a > 0), b REFERENCES users (a)) STRICT;", "n\"w")
                .unwrap();
        let expected = "CREATE TABLE \"n\"\"w\" (a, CHECK (\"n\"\"w\".a > 0), b REFERENCES users (a)) STRICT";
        assert_eq!(renamed, expected);
        assert_eq!(table_name("CREATE TABLE IF NOT EXISTS main.[my table] (a)").unwrap(), "my table");
    }

    #[test]
    fn refuses_what_is_no_plain_create_table() {
        for source in ["CREATE TEMP TABLE a (b)", "CREATE TABLE a AS SELECT 1", "CREATE TABLE a (b", "DROP TABLE a"] {
            assert!(Definition::parse(source).is_err(), "{source}");
        }
        assert!(TableConstraint::from_text("a INTEGER").is_err());
        assert!(TableConstraint::from_text("CHECK (a), CHECK (b)").is_err());
    }
}
