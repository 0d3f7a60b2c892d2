//! Which tables' rows a statement reads, writes or depends on.

use std::borrow::Cow;

use super::classify::{StatementClass, classify};
use super::lex::TokenKind;
use super::tokens::Tokens;
use super::unquote::unquote;
use runner_base::dialect::Dialect;

/// The names in a statement that may be those of tables whose rows matter for its outcome: all names of a statement that reads or
/// writes rows, and the table of `ALTER TABLE` or `CREATE UNIQUE INDEX`. In lower case, without quotes and schemas. Other
/// statements do the same whatever the rows are.
pub fn affected_tables(tokens: &Tokens<'_>) -> Vec<String> {
    let names: Vec<String> = spelled_names(tokens).map(|name| name.to_lowercase()).collect();
    let keyword = |at: usize| names.get(at).map_or("", |name| name.as_str());
    let position = |word: &str| names.iter().position(|name| name == word);
    let after = |word: &str| position(word).map_or(&names[names.len()..], |at| &names[at + 1..]);
    match (classify(tokens), keyword(0)) {
        (StatementClass::Rows, "analyze" | "lock" | "notify" | "show" | "describe" | "desc" | "explain" | "set") => {
            Vec::new()
        }
        (StatementClass::Rows, _) => names,
        // The name may follow `IF EXISTS`, `ONLY` and a schema; what comes after it names columns and types.
        (StatementClass::Schema, "alter") if keyword(1) == "table" && position("rename") != Some(3) => {
            after("table").iter().take(5).cloned().collect()
        }
        (StatementClass::Schema | StatementClass::RefusesTransaction, "create")
            if keyword(1) == "unique" && keyword(2) == "index" =>
        {
            after("on").iter().take(3).cloned().collect()
        }
        (StatementClass::Schema, "create") if position("select").is_some() && keyword(1) == "table" => {
            after("select").to_vec()
        }
        _ => Vec::new(),
    }
}

/// Words and quoted names, without strings, as the database takes them: PostgreSQL takes those without quotes in lower case.
pub(super) fn spelled_names<'a>(tokens: &Tokens<'a>) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
    let folds = tokens.dialect() == Dialect::Postgres;
    tokens.head().filter_map(move |(kind, text)| match kind {
        TokenKind::Word if folds => Some(Cow::Owned(text.to_lowercase())),
        TokenKind::Word => Some(Cow::Borrowed(text)),
        TokenKind::Quoted if !text.starts_with(['\'', '/', '$']) && !text.ends_with('\'') => Some(unquote(text)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_matter_for_some_statements() {
        let tables = ["users", "orders"];
        for (dialect, statement, expected) in [
            (Dialect::Sqlite, "UPDATE Users SET name = upper(name)", vec!["users"]),
            (Dialect::Sqlite, "INSERT INTO [orders] SELECT id FROM \"users\"", vec!["orders", "users"]),
            (Dialect::Sqlite, "INSERT INTO log VALUES ('users')", vec![]),
            (Dialect::Postgres, "WITH x AS (SELECT 1 FROM shop.users) DELETE FROM orders", vec!["users", "orders"]),
            (Dialect::Postgres, "ALTER TABLE IF EXISTS ONLY shop.users ADD COLUMN a int", vec!["users"]),
            (Dialect::Sqlite, "ALTER TABLE users RENAME TO orders", vec![]),
            (Dialect::Sqlite, "ALTER TABLE users RENAME COLUMN a TO b", vec![]),
            (Dialect::Sqlite, "CREATE UNIQUE INDEX i ON users (name)", vec!["users"]),
            (Dialect::Sqlite, "CREATE INDEX i ON users (name)", vec![]),
            (Dialect::Sqlite, "CREATE TABLE a (b INT REFERENCES users (id))", vec![]),
            (Dialect::Sqlite, "CREATE TABLE a AS SELECT * FROM users", vec!["users"]),
            (Dialect::Sqlite, "CREATE VIEW a AS SELECT * FROM users", vec![]),
            (Dialect::Sqlite, "DROP TABLE users", vec![]),
            (Dialect::Mariadb, "UPDATE `shop`.`users` SET a = 'orders'", vec!["users"]),
        ] {
            let found = affected_tables(&Tokens::new(statement, dialect));
            let found: Vec<&str> = found.iter().map(String::as_str).filter(|name| tables.contains(name)).collect();
            assert_eq!(found, expected, "{statement}");
        }
    }
}
