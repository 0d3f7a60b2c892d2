//! What SQL says about its migration: directives, and what its statements imply.

use super::{Chosen, SqlText, in_file};
use crate::migration::{Description, Mode, Need};
use crate::problem::Problem;
use runner_base::dialect::Dialect;
use runner_sql::{
    Directives, Program, StatementClass, commits_within, flyway_placeholder, foreign_format, is_of_liquibase,
    placeholders,
};

impl Chosen<'_> {
    /// The description of the migration, except for its dialects.
    pub(super) fn describe(&self) -> Result<Description, Vec<Problem>> {
        let mut problems = Vec::new();
        let up = self.directives(self.up, &mut problems);
        let down = self.down.map(|down| self.directives(down, &mut problems)).unwrap_or_default();
        if let Some(file) = self.down.map(|down| &down.file) {
            if up.directives.irreversible {
                let message = match *file == self.up.file {
                    true => format!("`{file}` is `runner:irreversible`, but has a downgrade"),
                    false => format!("`{}` is `runner:irreversible`, but `{file}` exists", self.up.file),
                };
                problems.push(Problem::new(message).hint("remove one of the two"));
            }
            let own = Directives {
                no_transaction: down.directives.no_transaction,
                table_rebuild: down.directives.table_rebuild,
                parameters: down.directives.parameters,
                ..Directives::default()
            };
            if down.directives != own {
                let message = format!("`{file}` has directives that are for the whole migration");
                problems.push(Problem::new(message).hint(format!("move them to the upgrade, `{}`", self.up.file)));
            }
        }
        if let Some(text) = self.down.filter(|_| up.no_transaction && down.table_rebuild && !down.no_transaction) {
            let message = format!("`{}` rebuilds a table, and commits each statement, as its upgrade does", text.file);
            problems.push(Problem::new(message).hint(self.instead_of_steps(text)));
        }
        let texts = [(Some(self.up), up.directives.parameters), (self.down, down.directives.parameters)];
        for (text, asks) in texts {
            // The directive of an upgrade is for both directions.
            let asked = text.filter(|_| asks || up.directives.parameters);
            let wrong = asked.and_then(|text| Some(in_file(&text.file, placeholders(&text.text, self.dialect).err()?)));
            problems.extend(wrong);
            let unfilled = text.filter(|_| asked.is_none());
            let unfilled = unfilled.filter(|text| is_of_flyway(&text.file) || is_of_liquibase(&text.text));
            let unfilled =
                unfilled.and_then(|text| Some(in_file(&text.file, flyway_placeholder(&text.text, self.dialect)?)));
            problems.extend(unfilled);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mode = match (up.no_transaction, up.is_atomic) {
            (true, _) => Mode::Stepwise,
            (false, true) => Mode::Atomic,
            (false, false) => Mode::Auto,
        };
        // If the upgrade commits each statement, so does the downgrade; a downgrade may also ask for it alone.
        let wants_steps = down.no_transaction || (mode == Mode::Atomic && !down.is_atomic);
        let rebuilds = up.table_rebuild || down.table_rebuild;
        Ok(Description {
            summary: up.directives.summary.unwrap_or_default(),
            depends_on: up.directives.depends_on,
            mode,
            irreversible: up.directives.irreversible,
            needs: if rebuilds { vec![Need::TableRebuild] } else { Vec::new() },
            down_mode: (self.down.is_some() && wants_steps && mode != Mode::Stepwise).then_some(Mode::Stepwise),
            no_downgrade: self.down.is_none() && !up.directives.irreversible,
            ..Description::default()
        })
    }

    fn directives(&self, text: &SqlText, problems: &mut Vec<Problem>) -> Said {
        let foreign = foreign_format(&text.text, self.dialect);
        problems.extend(foreign.into_iter().map(|error| in_file(&text.file, error)));
        let directives = match Directives::parse(&text.text, self.dialect) {
            Ok(directives) => directives,
            Err(error) => {
                problems.push(in_file(&text.file, error));
                return Said::default();
            }
        };
        // What cannot be split is reported, with its place, by what runs or checks it.
        let program = says_how(&text.text, self.dialect).then(|| text.text.program(self.dialect).ok()).flatten();
        let is = |so: fn(&Program) -> bool| program.as_deref().is_some_and(so);
        let is_mysql = matches!(self.dialect, Dialect::Mysql | Dialect::Mariadb);
        let says_so = directives.no_transaction || text.no_transaction || self.stepwise;
        let no_transaction =
            (says_so && !is(is_rebuild)) || is(only_refuses_transactions) || is(|program| program.is_divided);
        let table_rebuild = directives.table_rebuild || is(|program| program.foreign_keys_off);
        if no_transaction && table_rebuild {
            let message = format!("`{}` rebuilds a table, and commits each statement", text.file);
            problems.push(Problem::new(message).hint(self.instead_of_steps(text)));
        }
        Said { no_transaction, table_rebuild, is_atomic: is_mysql && is(is_atomic), directives }
    }

    /// What lets a table be rebuilt in a transaction.
    fn instead_of_steps(&self, text: &SqlText) -> String {
        // That of an upgrade may be for both directions.
        let texts = [text, self.up];
        let refuses = texts.iter().any(|text| {
            text.text.program(self.dialect).is_ok_and(|program| program.has(StatementClass::RefusesTransaction))
        });
        let marker = match (self.stepwise, self.is_stepwise()) {
            (true, _) => Some("remove `run_in_transaction = false` from `metadata.toml`".to_owned()),
            (false, true) => Some("remove `.autocommit` from the names of its files".to_owned()),
            (false, false) => texts.iter().find_map(|text| {
                let (marker, line) =
                    text.text.lines().zip(1..).find_map(|(text, line)| Some((without(text)?, line)))?;
                Some(format!("remove `{marker}` (`{}`, line {line})", text.file))
            }),
        };
        match (marker, refuses) {
            (Some(marker), false) => format!("{marker}: a table is rebuilt in a transaction, with foreign keys off"),
            (Some(marker), true) => {
                format!("put what cannot run in a transaction into another migration, and {marker}")
            }
            (None, _) => "rebuild the table in a separate migration, in a transaction".to_owned(),
        }
    }
}

/// What lets each statement commit by itself in a line, as runner or another tool writes it: a comment, or an option of a marker
/// that has to stay.
fn without(line: &str) -> Option<&str> {
    let line = line.trim();
    let words: Vec<&str> = line.strip_prefix("--")?.split_whitespace().collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match lower.as_slice() {
        ["no-transaction" | "runner:no-transaction"]
        | ["runner:", "no-transaction"]
        | ["+goose", "no", "transaction"]
        | ["atlas:txmode", "none"]
        | ["postgres-migrations", "disable-transaction"] => Some(line),
        ["+migrate" | "migrate:up" | "migrate:down", options @ ..] => {
            let at = options.iter().position(|option| matches!(*option, "notransaction" | "transaction:false"))?;
            words.get(at + 1).copied()
        }
        _ => None,
    }
}

/// Whether a file is called as Flyway calls them: `V1__a.sql`, `U1__a.sql`. Flyway fills in placeholders unless that is
/// turned off.
fn is_of_flyway(file: &str) -> bool {
    let version = file.strip_prefix(['V', 'v', 'U']);
    version.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains("__"))
}

/// What one text says.
#[derive(Default)]
struct Said {
    directives: Directives,
    no_transaction: bool,
    table_rebuild: bool,
    /// It is one transaction where that is not a matter of course.
    is_atomic: bool,
}

/// Every statement of PostgreSQL that refuses to run in a transaction has one of these words, or begins one.
const OUTSIDE: [&str; 10] = [
    "concurrently",
    "vacuum",
    "database",
    "tablespace",
    "system",
    "subscription",
    "reindex",
    "cluster",
    "begin",
    "start",
];

/// Whether the statements of a text may say how it is run: a quick search for a word that all such statements have, so that most
/// files need not be split in order to be listed.
fn says_how(text: &str, dialect: Dialect) -> bool {
    let signs: &[&str] = match dialect {
        Dialect::Sqlite => &["vacuum", "pragma"],
        Dialect::Mysql | Dialect::Mariadb => &["begin", "start"],
        Dialect::Postgres => &OUTSIDE,
    };
    let mut words = text.as_bytes().split(|byte| !byte.is_ascii_alphabetic());
    words.any(|word| signs.iter().any(|sign| word.eq_ignore_ascii_case(sign.as_bytes())))
}

/// Whether nothing in a file can run in a transaction, except for settings: a `CREATE INDEX CONCURRENTLY` alone, as
/// Prisma and golang-migrate run it without a directive. One among other statements asks for the directive, and so does
/// a block that commits, of which a part may remain.
fn only_refuses_transactions(program: &Program) -> bool {
    let only = [StatementClass::RefusesTransaction, StatementClass::Session];
    !program.has_transaction
        && program.isolation.is_none()
        && program.has(StatementClass::RefusesTransaction)
        && program.statements().all(|it| only.contains(&it.class) && !commits_within(&it.tokens()))
}

/// Whether all that works in a file for SQLite does so without foreign keys. Other tools let such a file run without a transaction, in
/// which `PRAGMA foreign_keys` would do nothing, and often it begins one of its own; the transaction of a rebuild is what it asks for.
fn is_rebuild(program: &Program) -> bool {
    program.foreign_keys_off && !program.works_with_foreign_keys && !program.has(StatementClass::RefusesTransaction)
}

/// Whether a file begins and commits a transaction that MySQL and MariaDB would keep.
fn is_atomic(program: &Program) -> bool {
    let kept = [StatementClass::Rows, StatementClass::Session];
    program.has_transaction && program.statements().all(|it| kept.contains(&it.class))
}
