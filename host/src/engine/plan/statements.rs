//! Analyses the statements of a migration in SQL before anything runs: whether its mode suits them, which of them commit by
//! themselves, and whether a dry run can roll them back.

use super::PlannedMigration;
use crate::database::Facts;
use crate::engine::Direction;
use crate::engine::history::RunMode;
use crate::engine::unreadable::unreadable;
use crate::error::{Error, Result};
use crate::project::catalog::Kind;
use crate::sql::{Statement, StatementClass, classify, excerpt, late_enum_value, split};

/// The statements of a migration in SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// Their number.
    pub count: u64,
    /// The number of those that commit by themselves even in a transaction.
    pub committing: u64,
}

/// What is known of a planned migration beyond the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Its statements, if it is in SQL.
    pub statements: Option<Statements>,
    /// Whether a dry run is possible.
    pub dry_run: bool,
    /// For a component that has run on this database: its statements without a defined row order.
    pub unordered: Vec<String>,
}

/// Inspects the text of one direction. Fails if it cannot run in the migration's mode.
pub fn inspect(step: &PlannedMigration, direction: Direction, text: &str, facts: &Facts) -> Result<Statements> {
    look(direction, step.mode, text, facts).map_err(|error| error.at("migration", step.id()))
}

fn look(direction: Direction, mode: RunMode, text: &str, facts: &Facts) -> Result<Statements> {
    let statements = split(text, facts.dialect).map_err(|error| unreadable(direction, error))?;
    let classes: Vec<StatementClass> = statements.iter().map(|it| classify(it.text, facts.dialect)).collect();
    let refuse = |at: usize, message: String, hint: &str| {
        at_statement(Error::usage(message), direction, &statements, at).hint(hint)
    };
    let commits = |class: StatementClass| !facts.transactional_ddl && class == StatementClass::Schema;
    if mode == RunMode::Atomic {
        let outside = classes.iter().position(|class| *class == StatementClass::RefusesTransaction);
        if let Some(at) = outside {
            let message = "the statement cannot run inside a transaction".to_owned();
            return Err(refuse(at, message, "add the directive `-- runner:no-transaction` at the top of the file"));
        }
        if let Some(at) = classes.iter().position(|class| commits(*class)) {
            let message =
                format!("{} commits schema changes immediately, so the migration cannot be atomic", facts.dialect);
            return Err(refuse(at, message, "let it run stepwise, or move the schema change to another migration"));
        }
        let texts: Vec<&str> = statements.iter().map(|it: &Statement<'_>| it.text).collect();
        if let Some((at, value)) = late_enum_value(&texts, facts.dialect) {
            let message =
                format!("`{value}` was added to an enum in the same transaction, and cannot be used before that ends");
            return Err(refuse(at, message, "add the value in a separate, earlier migration"));
        }
    }
    if mode == RunMode::Stepwise
        && let Some(at) = classes.iter().position(|class| *class == StatementClass::TransactionControl)
    {
        // It would also be rejected when it runs, but by then the statements before it have taken effect.
        let error = Error::denied("a migration cannot begin or end transactions or use savepoints");
        return Err(at_statement(error, direction, &statements, at)
            .hint("remove the statement: each of the others commits by itself"));
    }
    Ok(Statements {
        count: statements.len() as u64,
        committing: classes.iter().filter(|class| commits(**class)).count() as u64,
    })
}

/// Fails if a migration cannot run in a transaction that is rolled back, as far as that is known in advance. `text` is the
/// text of a migration in SQL.
pub fn check_dry_run(step: &PlannedMigration, text: Option<&str>, facts: &Facts) -> Result<()> {
    dry_run(step, text, facts).map_err(|error| error.at("migration", step.id()))
}

fn dry_run(step: &PlannedMigration, text: Option<&str>, facts: &Facts) -> Result<()> {
    if step.kind == Kind::Component && step.resume_after.is_some() {
        let error = Error::usage("an interrupted component resumes from its journal, which needs its own transactions");
        return Err(match facts.dialect.has_scratch_copies() {
            true => error.hint("`--on-copy` runs it on a copy of the database"),
            false => error,
        });
    }
    if facts.transactional_ddl {
        return Ok(());
    }
    // What a component does is known only when it runs; it is stopped before a call that would commit.
    let Some(text) = text else { return Ok(()) };
    let statements = split(text, facts.dialect).map_err(|error| unreadable(step.direction, error))?;
    match statements.iter().position(|it| classify(it.text, facts.dialect) != StatementClass::Rows) {
        None => Ok(()),
        Some(at) => {
            let message = format!(
                "{} may commit the statement immediately, so a dry run in a transaction is not possible",
                facts.dialect
            );
            let error = at_statement(Error::usage(message), step.direction, &statements, at);
            Err(error.hint("`--on-copy` runs it on a scratch copy of the database"))
        }
    }
}

/// Adds the place of a statement to an error.
fn at_statement(error: Error, direction: Direction, statements: &[Statement<'_>], at: usize) -> Error {
    let Some(statement) = statements.get(at) else { return error };
    let place = format!("{} of {}, line {}", at + 1, statements.len(), statement.line);
    error.at("text", excerpt(statement.text)).at("statement", place).at("script", direction.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Dialect;

    fn inspected(dialect: Dialect, mode: RunMode, text: &str) -> String {
        match look(Direction::Up, mode, text, &Facts::of_dialect(dialect)) {
            Ok(statements) => format!("{} {}", statements.count, statements.committing),
            Err(error) => {
                let place = error.places.iter().find(|(label, _)| *label == "statement");
                format!("{}: {}", place.map(|(_, place)| place.as_str()).unwrap_or_default(), error.message)
            }
        }
    }

    #[test]
    fn statements_that_do_not_suit_the_mode_are_rejected_with_their_place() {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        use RunMode::{Atomic, Stepwise};
        let index = "CREATE TABLE t (a int);\n\nCREATE INDEX CONCURRENTLY i ON t (a)";
        let used = "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'it''s' AFTER 'sad';\nUPDATE p SET m = 'it''s'";
        for (dialect, mode, text, expected) in [
            (Postgres, Atomic, index, "2 of 2, line 3: the statement cannot run inside a transaction"),
            (Postgres, Stepwise, index, "2 0"),
            (Sqlite, Atomic, "VACUUM", "1 of 1, line 1: the statement cannot run inside a transaction"),
            (
                Postgres,
                Atomic,
                used,
                "2 of 2, line 2: `it's` was added to an enum in the same transaction, and cannot be used before that ends",
            ),
            (Postgres, Stepwise, used, "2 0"),
            (Postgres, Atomic, "ALTER TYPE mood ADD VALUE 'new'; UPDATE p SET m = 'sad'", "2 0"),
            (Postgres, Atomic, "CREATE TYPE m AS ENUM ('a'); ALTER TYPE m ADD VALUE 'b'; SELECT 'b'::m", "3 0"),
            (Mysql, Stepwise, "CREATE TABLE t (a INT); INSERT INTO t VALUES (1); DROP TABLE t", "3 2"),
            (
                Mariadb,
                Atomic,
                "INSERT INTO t VALUES (1); DROP TABLE t",
                "2 of 2, line 1: MariaDB commits schema changes immediately, so the migration cannot be atomic",
            ),
            (Mariadb, Atomic, "INSERT INTO t VALUES (1)", "1 0"),
            (
                Mariadb,
                Stepwise,
                "INSERT INTO t VALUES (1);\nCOMMIT",
                "2 of 2, line 2: a migration cannot begin or end transactions or use savepoints",
            ),
        ] {
            assert_eq!(inspected(dialect, mode, text), expected, "{dialect}: {text}");
        }
    }
}
