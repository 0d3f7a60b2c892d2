//! What is known of a statement without the database that it is for.
//!
//! The authorizer decides while a statement is prepared, so an empty database in memory with the tool's tables answers the same for
//! all that the statement itself names. What it names of the operator's is missing there; only refusals count, no other error.

use std::time::Duration;

use crate::connect;
use crate::dialect_sql::SQL;
use crate::guard::{Guard, refused_mention};
use crate::raw::{Connection, on_stack};
use crate::text::check_nesting;
use runner_database::{DatabaseError, Facts, Role, StopSignal};
use runner_sql::Tokens;

/// What every statement contains that the authorizer can refuse to a script, in lower case. Others need not be prepared.
const SIGNS: [&str; 4] = ["pragma", "runner_", "load_extension", "fts3_tokenizer"];

/// The database in memory, made for the first statement that has to be prepared and used for all of a migration; `Some(None)`: it could
/// not be made.
#[derive(Default)]
pub struct Memory(Option<Option<Connection>>);

impl Memory {
    /// Why a script may not run a statement, as far as that is known from its text.
    pub fn refused(&mut self, tokens: &Tokens<'_>, in_transaction: bool, facts: &Facts) -> Option<DatabaseError> {
        let statement = tokens.text();
        if let Err(error) = check_nesting(statement) {
            return Some(error);
        }
        let lower = statement.to_ascii_lowercase();
        if !SIGNS.iter().any(|sign| lower.contains(sign)) {
            return None;
        }
        // The table that it is about would have to exist.
        if let Some(error) = refused_mention(statement).filter(|_| defines_on_table(tokens)) {
            return Some(error);
        }
        on_stack(|| {
            let connection = self.0.get_or_insert_with(|| with_tables(facts)).as_mut()?;
            denial(connection, statement, in_transaction)
        })
    }
}

fn with_tables(facts: &Facts) -> Option<Connection> {
    let connection = connect::in_memory().ok()?;
    SQL.tool.create.iter().try_for_each(|table| connection.run(&facts.placed(table))).ok()?;
    Some(connection)
}

fn denial(connection: &mut Connection, statement: &str, in_transaction: bool) -> Option<DatabaseError> {
    let guard = Guard::new(None, Duration::ZERO, None);
    connection.set_hooks(Box::new(guard.clone())).ok()?;
    guard.take_role(Role::SqlScript, StopSignal::never());
    guard.set_transaction(in_transaction);
    guard.expect(statement);
    match connection.prepare(statement, false) {
        Ok(_) => None,
        Err(_) => guard.denied(),
    }
}

/// Whether a statement alters a table, or makes a trigger on one. With `IF NOT EXISTS`, a trigger that exists is left
/// alone before SQLite asks whether it may be made.
fn defines_on_table(tokens: &Tokens<'_>) -> bool {
    let words: Vec<String> = tokens.identifiers().iter().take(4).map(|word| word.to_ascii_uppercase()).collect();
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !matches!(*word, "TEMP" | "TEMPORARY")).collect();
    match words.as_slice() {
        ["ALTER", "TABLE", ..] => true,
        ["CREATE", "TRIGGER", next, ..] => *next != "IF",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;

    /// However many statements of a migration have to be prepared.
    #[test]
    fn one_database_in_memory_serves_a_whole_migration() {
        let facts = Facts::of_dialect(Dialect::Sqlite);
        let mut memory = Memory::default();
        let tokens = |statement| Tokens::new(statement, Dialect::Sqlite);
        assert!(memory.refused(&tokens("CREATE TABLE plain (a)"), true, &facts).is_none());
        assert!(memory.0.is_none(), "no statement had to be prepared");
        for round in 0..3 {
            for (statement, is_refused) in [
                ("INSERT INTO runner_results VALUES ('pragmatic')", false),
                ("DROP TABLE runner_history", true),
                ("PRAGMA user_version = 7", false),
                ("PRAGMA synchronous = OFF", true),
                ("SELECT count(*) FROM runner_history", false),
            ] {
                assert_eq!(memory.refused(&tokens(statement), true, &facts).is_some(), is_refused, "{statement}");
            }
            let made = memory.0.as_mut().and_then(Option::as_mut).expect("a database");
            let guard = Guard::new(None, Duration::ZERO, None);
            made.set_hooks(Box::new(guard)).expect("hooks of the host");
            assert_eq!(made.run("CREATE TABLE mark (a)").is_ok(), round == 0, "it is the same one");
        }
    }
}
