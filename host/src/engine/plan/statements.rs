//! What the statements of a migration in SQL mean for how it is run: whether its mode fits them, what commits by itself, and
//! whether a dry run can take it back. Told from the text, before anything runs.

use super::PlannedMigration;
use crate::database::Facts;
use crate::engine::Direction;
use crate::engine::history::RunMode;
use crate::engine::unreadable::unreadable;
use crate::error::{Error, Result};
use crate::project::catalog::Kind;
use crate::sql::{Statement, StatementClass, classify, excerpt, late_enum_value, split};

/// What is known of the statements of a step in SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// How many there are.
    pub count: u64,
    /// How many of them commit by themselves whatever transaction they stand in.
    pub committing: u64,
}

/// What is known of a step beyond the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepLook {
    /// Of a step in SQL.
    pub statements: Option<Statements>,
    /// Whether a dry run can try it.
    pub dry_run: bool,
    /// Of a component that has run here before: statements that left the order of their rows to the database.
    pub unordered: Vec<String>,
}

/// Looks at a text of a step, that of one direction; an error if it cannot be run in the step's mode.
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
            return Err(refuse(at, message, "write the directive `-- runner:no-transaction` on top of the file"));
        }
        if let Some(at) = classes.iter().position(|class| commits(*class)) {
            let message =
                format!("{} commits a schema change at once, so the migration cannot be atomic", facts.dialect);
            return Err(refuse(at, message, "let it run stepwise, or take the schema change into another migration"));
        }
        let texts: Vec<&str> = statements.iter().map(|it: &Statement<'_>| it.text).collect();
        if let Some((at, value)) = late_enum_value(&texts, facts.dialect) {
            let message =
                format!("`{value}` was added to an enum in the same transaction, and cannot be used before its end");
            return Err(refuse(at, message, "add the value in a migration of its own, before this one"));
        }
    }
    if mode == RunMode::Stepwise
        && let Some(at) = classes.iter().position(|class| *class == StatementClass::TransactionControl)
    {
        // Refused when its turn comes too, but then the statements before it have taken effect.
        let error = Error::denied("a migration cannot begin, end or divide transactions");
        return Err(at_statement(error, direction, &statements, at)
            .hint("take the statement out: each of the others commits by itself"));
    }
    Ok(Statements {
        count: statements.len() as u64,
        committing: classes.iter().filter(|class| commits(**class)).count() as u64,
    })
}

/// Whether a step can be tried in a transaction and taken back, as far as it shows before it runs; the error says why not. `text`: that of a step in SQL.
pub fn check_dry_run(step: &PlannedMigration, text: Option<&str>, facts: &Facts) -> Result<()> {
    dry_run(step, text, facts).map_err(|error| error.at("migration", step.id()))
}

fn dry_run(step: &PlannedMigration, text: Option<&str>, facts: &Facts) -> Result<()> {
    if step.kind == Kind::Component && step.resume_after.is_some() {
        let error =
            Error::usage("a component that broke off goes on from its journal, which takes transactions of its own");
        return Err(match facts.dialect.has_scratch_copies() {
            true => error.hint("`--on-copy` runs it on a copy of the database"),
            false => error,
        });
    }
    if facts.transactional_ddl {
        return Ok(());
    }
    // What a component does shows only when it runs: it is stopped at what would commit.
    let Some(text) = text else { return Ok(()) };
    let statements = split(text, facts.dialect).map_err(|error| unreadable(step.direction, error))?;
    match statements.iter().position(|it| classify(it.text, facts.dialect) != StatementClass::Rows) {
        None => Ok(()),
        Some(at) => {
            let message = format!(
                "{} may commit the statement at once, so there is no dry run of it in a transaction",
                facts.dialect
            );
            let error = at_statement(Error::usage(message), step.direction, &statements, at);
            Err(error.hint("`--on-copy` runs it on a scratch copy of the database"))
        }
    }
}

/// The error with the place of a statement.
fn at_statement(error: Error, direction: Direction, statements: &[Statement<'_>], at: usize) -> Error {
    let Some(statement) = statements.get(at) else { return error };
    let place = format!("{} of {}, line {}", at + 1, statements.len(), statement.line);
    error.at("text", excerpt(statement.text)).at("statement", place).at("script", direction.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Dialect;

    fn told(dialect: Dialect, mode: RunMode, text: &str) -> String {
        match look(Direction::Up, mode, text, &Facts::of_dialect(dialect)) {
            Ok(statements) => format!("{} {}", statements.count, statements.committing),
            Err(error) => {
                let place = error.places.iter().find(|(label, _)| *label == "statement");
                format!("{}: {}", place.map(|(_, place)| place.as_str()).unwrap_or_default(), error.message)
            }
        }
    }

    #[test]
    fn what_does_not_fit_the_mode_is_refused_with_its_place() {
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
                "2 of 2, line 2: `it's` was added to an enum in the same transaction, and cannot be used before its end",
            ),
            (Postgres, Stepwise, used, "2 0"),
            (Postgres, Atomic, "ALTER TYPE mood ADD VALUE 'new'; UPDATE p SET m = 'sad'", "2 0"),
            (Postgres, Atomic, "CREATE TYPE m AS ENUM ('a'); ALTER TYPE m ADD VALUE 'b'; SELECT 'b'::m", "3 0"),
            (Mysql, Stepwise, "CREATE TABLE t (a INT); INSERT INTO t VALUES (1); DROP TABLE t", "3 2"),
            (
                Mariadb,
                Atomic,
                "INSERT INTO t VALUES (1); DROP TABLE t",
                "2 of 2, line 1: MariaDB commits a schema change at once, so the migration cannot be atomic",
            ),
            (Mariadb, Atomic, "INSERT INTO t VALUES (1)", "1 0"),
            (
                Mariadb,
                Stepwise,
                "INSERT INTO t VALUES (1);\nCOMMIT",
                "2 of 2, line 2: a migration cannot begin, end or divide transactions",
            ),
        ] {
            assert_eq!(told(dialect, mode, text), expected, "{dialect}: {text}");
        }
    }
}
