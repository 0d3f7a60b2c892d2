//! What a migration executes of its file: the statements, without those that the host's own transaction replaces.

use std::ops::Range;
use std::sync::Arc;

use super::SqlError;
use super::classify::StatementClass;
use super::effect::{Effect, Isolation};
use super::split::{Span, Splitter, Statement};
use runner_base::dialect::Dialect;

/// The statements of a file, and how its transaction is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    text: Arc<String>,
    dialect: Dialect,
    /// What runs, in order: where each statement is, since a dump has a million of them.
    statements: Vec<Span>,
    /// SQLite: `PRAGMA foreign_keys` turns them off for a part of it.
    pub foreign_keys_off: bool,
    /// SQLite: a statement other than a setting is outside of that part.
    pub works_with_foreign_keys: bool,
    /// It begins and commits transactions of its own, which the one around the file replaces, or a step for each.
    pub has_transaction: bool,
    /// The statements between each `BEGIN` and its `COMMIT`, where DDL does not commit by itself.
    pub transactions: Vec<Range<usize>>,
    /// PostgreSQL: it has several transactions, or statements outside one. What is `LOCAL` or deferred ends with each
    /// of them, so that one around the file could not take their place.
    pub is_divided: bool,
    /// Its first statement sets the isolation level.
    pub isolation: Option<Isolation>,
    /// Where the file says all this.
    pub lines: Lines,
}

impl Program {
    /// The number of statements.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// All statements.
    pub fn statements(&self) -> impl ExactSizeIterator<Item = Statement<'_>> + DoubleEndedIterator + Clone {
        self.within(0..self.len())
    }

    /// Those at these positions.
    pub fn within(
        &self,
        unit: Range<usize>,
    ) -> impl ExactSizeIterator<Item = Statement<'_>> + DoubleEndedIterator + Clone {
        self.statements.get(unit).unwrap_or_default().iter().map(|span| span.statement(&self.text, self.dialect))
    }

    /// Whether a statement is of this class.
    pub fn has(&self, class: StatementClass) -> bool {
        self.statements.iter().any(|it| it.class == class)
    }

    /// What is executed as one: each statement, or, if they are to be `apart`, each transaction of the file and each
    /// statement outside them.
    pub fn units(&self, apart: bool) -> Vec<Range<usize>> {
        let transactions = if apart { &self.transactions[..] } else { &[] };
        let (mut units, mut at) = (Vec::new(), 0);
        for transaction in transactions {
            units.extend((at..transaction.start).map(|at| at..at + 1));
            units.push(transaction.clone());
            at = transaction.end;
        }
        units.extend((at..self.statements.len()).map(|at| at..at + 1));
        units
    }

    /// The text of statements, and what is between them.
    pub fn text_of(&self, unit: &Range<usize>) -> &str {
        let ends = self.statements.get(unit.clone()).and_then(|unit| Some((unit.first()?, unit.last()?)));
        ends.and_then(|(first, last)| self.text.get(first.range.start..last.range.end)).unwrap_or_default()
    }

    /// Where in its line a statement begins, counted from 1.
    pub fn column_of(&self, at: usize) -> usize {
        let before = self.statements.get(at).and_then(|it| self.text.get(..it.range.start)).unwrap_or_default();
        before.chars().rev().take_while(|c| *c != '\n').count() + 1
    }
}

/// The lines of statements that are taken out of a program, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The one that turns foreign keys off.
    pub foreign_keys_off: Option<usize>,
    /// The first one that begins or ends a transaction.
    pub transaction: Option<usize>,
    /// The one that sets the isolation level.
    pub isolation: Option<usize>,
}

/// Splits a file and takes out what the host does by itself: `PRAGMA foreign_keys`, transactions, and the isolation level. Any
/// other transaction control stays, to be refused with its place.
pub(super) fn program(text: Arc<String>, dialect: Dialect) -> Result<Program, SqlError> {
    let (statements, mut effects) = Splitter::run(&text, dialect)?.into_statements();
    let mut program = Program {
        text,
        dialect,
        statements,
        foreign_keys_off: false,
        works_with_foreign_keys: false,
        has_transaction: false,
        transactions: Vec::new(),
        is_divided: false,
        isolation: None,
        lines: Lines::default(),
    };
    let mut is_off = false;
    for (effect, statement) in effects.iter().zip(&program.statements) {
        match effect {
            Effect::ForeignKeys(on) => {
                is_off = !on;
                if is_off {
                    program.foreign_keys_off = true;
                    program.lines.foreign_keys_off.get_or_insert(statement.line);
                }
            }
            Effect::Works => program.works_with_foreign_keys |= dialect == Dialect::Sqlite && !is_off,
            _ => {}
        }
    }
    let is_kept = |effect: &Effect| !matches!(effect, Effect::ForeignKeys(_));
    let mut kept = effects.iter().map(is_kept);
    program.statements.retain(|_| kept.next().unwrap_or_default());
    effects.retain(is_kept);
    program.has_transaction = match dialect {
        // What commits by itself would do so in between, so there is no larger transaction to be had.
        Dialect::Mysql | Dialect::Mariadb => encloses(&effects),
        Dialect::Sqlite | Dialect::Postgres => are_pairs(&effects),
    };
    program.is_divided = dialect == Dialect::Postgres && program.has_transaction && !encloses(&effects);
    // The level counts where nothing but settings comes before it.
    let first = effects.iter().position(|effect| matches!(effect, Effect::Works | Effect::Commits | Effect::Controls));
    let isolates = |effect: &Effect| match effect {
        Effect::Isolates(level) => Some(*level),
        Effect::Begins(level) => level.filter(|_| program.has_transaction),
        _ => None,
    };
    let line = |at: Option<usize>| at.and_then(|at| program.statements.get(at)).map(|it| it.line);
    let level =
        effects[..first.unwrap_or(effects.len())].iter().enumerate().find_map(|(at, it)| Some((at, isolates(it)?)));
    let controls = effects.iter().position(|effect| matches!(effect, Effect::Begins(_) | Effect::Commits));
    let lines = (line(level.map(|(at, _)| at)), line(controls.filter(|_| program.has_transaction)));
    (program.lines.isolation, program.lines.transaction) = lines;
    program.isolation = level.map(|(_, level)| level);
    let stays = |at: usize| match effects[at] {
        Effect::Begins(_) | Effect::Commits => !program.has_transaction,
        Effect::Isolates(level) => program.isolation != Some(level) || first.is_some_and(|first| at > first),
        _ => true,
    };
    let stays: Vec<bool> = (0..effects.len()).map(stays).collect();
    if program.has_transaction && matches!(dialect, Dialect::Sqlite | Dialect::Postgres) {
        program.transactions = transactions(&effects, &stays);
    }
    let mut stays = stays.into_iter();
    program.statements.retain(|_| stays.next().unwrap_or_default());
    // It is kept as long as the catalog.
    program.statements.shrink_to_fit();
    Ok(program)
}

/// The statements of each transaction, counted among those that stay. One that the file's tool has begun is open at its beginning.
fn transactions(effects: &[Effect], stays: &[bool]) -> Vec<Range<usize>> {
    let control = effects.iter().find(|effect| matches!(effect, Effect::Begins(_) | Effect::Commits));
    let mut open = (control == Some(&Effect::Commits)).then_some(0);
    let (mut found, mut at) = (Vec::new(), 0);
    for (effect, stays) in effects.iter().zip(stays) {
        match effect {
            Effect::Begins(_) => open = Some(at),
            Effect::Commits => found.extend(open.take().map(|open| open..at)),
            _ => at += usize::from(*stays),
        }
    }
    found.extend(open.map(|open| open..at));
    found.retain(|range| !range.is_empty());
    found
}

/// Whether one transaction encloses everything that works. Savepoints in it are refused by themselves, not with it.
fn encloses(effects: &[Effect]) -> bool {
    let begins = |effect: &Effect| matches!(effect, Effect::Begins(_));
    let (Some(first), Some(last)) =
        (effects.iter().position(begins), effects.iter().rposition(|effect| *effect == Effect::Commits))
    else {
        return false;
    };
    let may_stand_before = |effect: &Effect| matches!(effect, Effect::Sets | Effect::Isolates(_));
    let inside = effects.get(first + 1..last).unwrap_or_default();
    first < last
        && effects[..first].iter().all(may_stand_before)
        && effects[last + 1..].iter().all(|effect| *effect == Effect::Sets)
        && !inside.iter().any(|effect| begins(effect) || *effect == Effect::Commits)
}

/// Whether each `BEGIN` has its `COMMIT`, one after the other: Prisma encloses a change of an enum. A file may also leave the
/// transaction that its tool has begun, and begin another one at its end.
fn are_pairs(effects: &[Effect]) -> bool {
    let first_begin = effects.iter().position(|effect| matches!(effect, Effect::Begins(_)));
    let mut is_open = false;
    let mut leaves = false;
    for (at, effect) in effects.iter().enumerate() {
        match effect {
            // There is one level for the whole.
            Effect::Begins(Some(_)) if first_begin != Some(at) || leaves => return false,
            Effect::Begins(_) if is_open => return false,
            Effect::Begins(_) => is_open = true,
            Effect::Commits if is_open => is_open = false,
            Effect::Commits if first_begin.is_none_or(|begin| at < begin) && !leaves => leaves = true,
            Effect::Commits => return false,
            _ => {}
        }
    }
    first_begin.is_some() && is_open == leaves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, dialect: Dialect) -> String {
        let program = program(text.to_owned().into(), dialect).expect(text);
        let mut parts: Vec<&str> = program.statements().map(|it| it.text).collect();
        parts.extend(program.isolation.map(Isolation::name));
        parts.extend(program.has_transaction.then_some("in one"));
        parts.extend(program.foreign_keys_off.then_some("unchecked"));
        parts.join(", ")
    }

    #[test]
    fn a_transaction_around_everything_is_that_of_the_host() {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        for (dialect, text, expected) in [
            (Postgres, "BEGIN; A; B; COMMIT;", "A, B, in one"),
            (Postgres, "begin transaction; A; end transaction", "A, in one"),
            (Mariadb, "START TRANSACTION; A; COMMIT WORK", "A, in one"),
            (
                Sqlite,
                "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE TRANSACTION; A; COMMIT; PRAGMA foreign_keys = ON",
                "A, in one, unchecked",
            ),
            (
                Postgres,
                "SET lock_timeout = '3s'; BEGIN; A; COMMIT; RESET lock_timeout",
                "SET lock_timeout = '3s', A, RESET lock_timeout, in one",
            ),
            (Postgres, "BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; A; COMMIT", "A, SERIALIZABLE, in one"),
            (Mysql, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN; A; COMMIT", "A, READ COMMITTED, in one"),
            (Postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ; A; COMMIT", "A, REPEATABLE READ, in one"),
            (Postgres, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; A", "A, SERIALIZABLE"),
            (Postgres, "BEGIN; COMMIT", "in one"),
            (Sqlite, "BEGIN; A; COMMIT; B", "A, B, in one"),
            (Sqlite, "A; BEGIN; B; COMMIT; BEGIN; C; END; D", "A, B, C, D, in one"),
            (
                Mariadb,
                "START TRANSACTION; A; COMMIT; /*!40101 SET NAMES utf8mb4 */",
                "A, /*!40101 SET NAMES utf8mb4 */, in one",
            ),
            (Mariadb, "BEGIN; A; COMMIT; /*!40000 DELETE FROM t */", "BEGIN, A, COMMIT, /*!40000 DELETE FROM t */"),
            (
                Sqlite,
                "COMMIT TRANSACTION; PRAGMA foreign_keys = OFF; BEGIN TRANSACTION; A; COMMIT TRANSACTION; BEGIN TRANSACTION;",
                "A, in one, unchecked",
            ),
            // Anything else stays.
            (Mariadb, "A; BEGIN; B; COMMIT", "A, BEGIN, B, COMMIT"),
            (Postgres, "BEGIN; A; BEGIN; B; COMMIT", "BEGIN, A, BEGIN, B, COMMIT"),
            (Postgres, "BEGIN; A", "BEGIN, A"),
            (Sqlite, "BEGIN; A", "BEGIN, A"),
            (Postgres, "A; COMMIT", "A, COMMIT"),
            (Postgres, "COMMIT; A; BEGIN; B; COMMIT", "COMMIT, A, BEGIN, B, COMMIT"),
            (
                Postgres,
                "BEGIN; A; COMMIT; BEGIN ISOLATION LEVEL SERIALIZABLE; B; COMMIT",
                "BEGIN, A, COMMIT, BEGIN ISOLATION LEVEL SERIALIZABLE, B, COMMIT",
            ),
            // Only what is wrong, without the pair around it.
            (Postgres, "BEGIN; A; SAVEPOINT s; B; COMMIT", "A, SAVEPOINT s, B, in one"),
            (Mariadb, "BEGIN; A; SAVEPOINT s; B; COMMIT", "A, SAVEPOINT s, B, in one"),
            (Postgres, "BEGIN; A; ROLLBACK", "BEGIN, A, ROLLBACK"),
            (Sqlite, "BEGIN; A; ROLLBACK", "BEGIN, A, ROLLBACK"),
            (Postgres, "BEGIN; A; COMMIT AND CHAIN", "BEGIN, A, COMMIT AND CHAIN"),
            (Postgres, "BEGIN READ ONLY; A; COMMIT", "BEGIN READ ONLY, A, COMMIT"),
            (
                Postgres,
                "A; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                "A, SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            ),
            (Postgres, "COMMIT; BEGIN", "in one"),
        ] {
            assert_eq!(shown(text, dialect), expected, "{dialect}: {text}");
        }
    }

    #[test]
    fn several_transactions_of_postgresql_stay_apart() {
        for (text, expected) in [
            ("BEGIN; A; B; COMMIT; C", Some("[A B] C")),
            ("BEGIN; A; COMMIT; BEGIN; B; C; END", Some("[A] [B C]")),
            ("A; BEGIN; COMMIT; BEGIN; B; COMMIT; C", Some("A [B] C")),
            ("SET LOCAL a = 1; BEGIN; A; COMMIT", Some("SET LOCAL a = 1 [A]")),
            ("A; B; COMMIT; C; BEGIN; D; E", Some("[A B] C [D E]")),
            ("COMMIT; A; BEGIN", Some("A")),
            ("BEGIN; A; SET LOCAL a = 1; COMMIT; SET a = 2", None),
            ("SET a = 1; BEGIN; A; COMMIT; RESET a", None),
            ("SET LOCAL a = 1; A", None),
        ] {
            let program = program(text.to_owned().into(), Dialect::Postgres).expect(text);
            let of = |range: &Range<usize>| program.within(range.clone()).map(|it| it.text);
            let units = program.units(true).into_iter().map(|unit| {
                let words: Vec<&str> = of(&unit).collect();
                if program.transactions.contains(&unit) { format!("[{}]", words.join(" ")) } else { words.join(" ") }
            });
            let units: Vec<String> = units.collect();
            assert_eq!(program.is_divided.then(|| units.join(" ")).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_lines_of_what_is_taken_out_are_known() {
        let of = |text: &str, dialect| program(text.to_owned().into(), dialect).expect(text).lines;
        let text = "A;\nPRAGMA foreign_keys = OFF;\n-- a comment\n\nBEGIN;\nB;\nCOMMIT;\nPRAGMA foreign_keys = ON;";
        let lines = Lines { foreign_keys_off: Some(2), transaction: Some(5), isolation: None };
        assert_eq!(of(text, Dialect::Sqlite), lines);
        let lines = Lines { isolation: Some(3), ..Lines::default() };
        assert_eq!(of("SET a = 1;\n\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nA", Dialect::Postgres), lines);
        // What stays has its own line.
        assert_eq!(of("A;\nBEGIN", Dialect::Sqlite), Lines::default());
    }

    #[test]
    fn statements_outside_of_a_rebuild_are_known() {
        for (text, expected) in [
            ("PRAGMA foreign_keys = OFF; BEGIN; A; COMMIT; PRAGMA foreign_keys = ON", false),
            (
                "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; A; PRAGMA foreign_keys = ON; PRAGMA optimize",
                false,
            ),
            ("PRAGMA foreign_keys = OFF; A; PRAGMA foreign_keys = ON; PRAGMA foreign_keys = OFF; B", false),
            ("PRAGMA foreign_keys = OFF; A; PRAGMA foreign_keys = ON; B", true),
            ("A; PRAGMA foreign_keys = OFF; B", true),
        ] {
            assert_eq!(
                program(text.to_owned().into(), Dialect::Sqlite).expect(text).works_with_foreign_keys,
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn foreign_keys_are_the_hosts_to_turn_off() {
        for (text, expected) in [
            (
                "PRAGMA defer_foreign_keys=ON; PRAGMA foreign_keys=OFF; A; PRAGMA foreign_keys=ON",
                "PRAGMA defer_foreign_keys=ON, A, unchecked",
            ),
            ("pragma main.foreign_keys(0); A", "A, unchecked"),
            ("PRAGMA foreign_keys = 'no'; A", "A, unchecked"),
            ("PRAGMA foreign_keys = ON; A", "A"),
            ("PRAGMA foreign_keys; A", "PRAGMA foreign_keys, A"),
        ] {
            assert_eq!(shown(text, Dialect::Sqlite), expected, "{text}");
        }
        assert_eq!(shown("PRAGMA foreign_keys = 0", Dialect::Mysql), "PRAGMA foreign_keys = 0");
    }
}
