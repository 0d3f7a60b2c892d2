//! The tables that a transaction keeps locked until its end.

use std::borrow::Cow;

use super::Statement;
use super::affected_tables::spelled_names;
use runner_base::dialect::Dialect;

runner_base::named! {
    /// How much of a table is locked.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum LockExtent {
        /// All of its rows: they can be read, and not be changed.
        Rows = "rows",
        /// The table: on PostgreSQL, nothing can be read either.
        Table = "table",
    }
}

/// The words of statements that lock what they name, and how much of the statement may name the table: it may follow a schema,
/// `IF EXISTS` and `ONLY`.
const LOCKING: [(&[&str], LockExtent, usize); 4] = [
    (&["alter", "table"], LockExtent::Table, 5),
    (&["truncate"], LockExtent::Table, 4),
    (&["update"], LockExtent::Rows, 3),
    (&["delete", "from"], LockExtent::Rows, 3),
];

/// What statements lock: names that may be those of tables, for each statement that locks more than single rows. A table
/// that the last statement locks is held for that statement only, and all of its rows for as long as that takes.
pub fn table_locks<'a>(statements: impl ExactSizeIterator<Item = Statement<'a>>) -> Vec<(LockExtent, Vec<String>)> {
    let (mut found, last) = (Vec::new(), statements.len().saturating_sub(1));
    for (at, statement) in statements.enumerate() {
        let (tokens, dialect) = (statement.tokens(), statement.dialect);
        let locking = LOCKING.iter().find(|(first, ..)| {
            let names = spelled_names(&tokens).take(first.len());
            names.map(|name| name.to_lowercase()).eq(first.iter().copied())
        });
        let Some((first, held, reach)) = locking else { continue };
        let is_held = match held {
            // Where DDL commits, so does the lock.
            LockExtent::Table => dialect == Dialect::Postgres && at < last,
            LockExtent::Rows => {
                let narrows = |name: Cow<'_, str>| matches!(&*name.to_lowercase(), "where" | "limit");
                dialect.has_server() && !spelled_names(&tokens).any(narrows)
            }
        };
        if is_held {
            let names = spelled_names(&tokens).skip(first.len()).take(*reach);
            found.push((*held, names.map(Cow::into_owned).collect()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_until_the_end_is_found() {
        let found = |dialect, text: &str| {
            let statements = super::super::split(text, dialect).expect("statements");
            table_locks(statements.into_iter())
                .into_iter()
                .map(|(held, names)| (held, names[0].clone()))
                .collect::<Vec<_>>()
        };
        let is = |held, name: &str| (held, name.to_owned());
        for (dialect, text, expected) in [
            (
                Dialect::Postgres,
                "ALTER TABLE t ADD a int; UPDATE t SET a = 1",
                vec![is(LockExtent::Table, "t"), is(LockExtent::Rows, "t")],
            ),
            (Dialect::Postgres, "SELECT 1; ALTER TABLE t ADD a int", vec![]),
            (Dialect::Postgres, "UPDATE t SET a = 1 WHERE id = 7; DELETE FROM \"T\"", vec![is(LockExtent::Rows, "T")]),
            (Dialect::Postgres, "UPDATE Users SET a = 1", vec![is(LockExtent::Rows, "users")]),
            (
                Dialect::Mariadb,
                "UPDATE `Users` SET a = 1; DELETE FROM Log",
                vec![is(LockExtent::Rows, "Users"), is(LockExtent::Rows, "Log")],
            ),
            (Dialect::Mariadb, "ALTER TABLE t ADD a int; UPDATE t SET a = 1", vec![is(LockExtent::Rows, "t")]),
            (Dialect::Sqlite, "ALTER TABLE t ADD a; UPDATE t SET a = 1", vec![]),
        ] {
            assert_eq!(found(dialect, text), expected, "{dialect}: {text}");
        }
    }
}
