//! The one place that commits work of a run: what precedes COMMIT in its message decides whether it is reached, since the server stops at
//! the first statement that fails. (What a statement outside of transactions has left open is ended by `guard`, by the same text.)
//!
//! Changes to the tool's own tables are values until then. One that must change one row is followed by an [`Assertion`]. Values are
//! literals in these texts, quoted in the settings that the host has established.
//!
//! # A message of several statements on Galera
//!
//! A conflict with another node's write ends a transaction there between any two statements. Within a message, the server (MariaDB 10.11,
//! Galera 26.4) then rolls back silently, continues with the rest of the message, each statement in a transaction of its own, and reports
//! success: of 6,300 messages `START TRANSACTION; UPDATE …; INSERT …; UPDATE …; COMMIT`, 130 were kept in part. With `autocommit = 0` and a
//! savepoint that is released before the COMMIT none was, and none where the message was one compound statement (`BEGIN NOT ATOMIC … END`),
//! in which the server reports the conflict and runs nothing more. On a node, whatever ends a transaction is one compound statement, which
//! leaves a script's `autocommit` alone.

use crate::assertion::Assertion;
use crate::error::Result;
use crate::host_sql::{HostExecutor, LITERALS};
use crate::link::watchdog::Watchdog;
use runner_database::{ChangedRows, Committed, DatabaseError, DatabaseErrorKind, Facts, ToolChange};

/// Ends a transaction, whatever `completion_type` says.
pub(crate) const COMMIT_TEXT: &str = "COMMIT AND NO CHAIN NO RELEASE";

/// Ends it without its changes.
pub(crate) const ROLLBACK_TEXT: &str = "ROLLBACK AND NO CHAIN NO RELEASE";

/// The changes as one text, each followed by `; `.
pub(crate) fn text_of_changes(changes: &[ToolChange], facts: &Facts) -> Result<String> {
    let mut text = String::new();
    for change in changes {
        text.push_str(&change.spelled(facts, &LITERALS)?);
        text.push_str("; ");
        if change.rows() == ChangedRows::One {
            text.push_str(&Assertion::Expected.one_row());
        }
    }
    Ok(text)
}

/// Makes one statement of those of a text that ends a transaction, for a node of a cluster.
pub(crate) fn as_one(text: &str) -> String {
    format!("BEGIN NOT ATOMIC {text}; END")
}

/// What is committed by one message.
pub(crate) struct Unit {
    prologue: String,
    text: String,
    /// It begins the transaction, too.
    is_whole: bool,
    /// It means the same in all settings.
    is_plain: bool,
}

/// What became of it.
pub(crate) enum Outcome {
    Committed,
    /// Nothing is. A transaction that the unit began is rolled back; one that was open before is left to the caller.
    NotCommitted(DatabaseError),
    /// The connection is lost: only the database knows.
    Unanswered(DatabaseError),
}

impl From<Outcome> for Committed {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Committed => Self::Yes,
            Outcome::NotCommitted(error) => Self::No(error),
            Outcome::Unanswered(error) => Self::Unanswered(error),
        }
    }
}

impl Unit {
    /// A transaction of its own. `prologue`: statements that precede it, each followed by `; `.
    pub fn whole(prologue: String) -> Self {
        Self { prologue, text: "START TRANSACTION; ".to_owned(), is_whole: true, is_plain: false }
    }

    /// The end of the open transaction. The savepoint is released first: it exists only while the transaction is the one that was begun
    /// with it.
    pub fn ending(savepoint: &str) -> Self {
        let text = format!("RELEASE SAVEPOINT {savepoint}; ");
        Self { prologue: String::new(), text, is_whole: false, is_plain: false }
    }

    /// The same, in whatever settings the session has.
    pub fn plain(self) -> Self {
        Self { is_plain: true, ..self }
    }

    /// Adds statements, each followed by `; `.
    pub fn and(mut self, statements: &str) -> Self {
        self.text.push_str(statements);
        self
    }

    /// Commits it. `is_one`: as one statement, for a node of a cluster; `watch`: what watches over the answer.
    pub async fn commit(self, session: &mut impl HostExecutor, is_one: bool, watch: Option<&Watchdog>) -> Outcome {
        let text = format!("{}{COMMIT_TEXT}", self.text);
        let text = format!("{}{}", self.prologue, if is_one { as_one(&text) } else { text });
        let committed = async {
            match self.is_plain {
                true => session.run(text).await.map(drop),
                false => session.answers(text).await.map(drop),
            }
        };
        let committed = match watch {
            Some(watch) => watch.over(committed).await,
            None => committed.await,
        };
        match committed {
            Ok(()) => Outcome::Committed,
            Err(error) if error.kind == DatabaseErrorKind::Connection => Outcome::Unanswered(error),
            Err(error) => {
                if self.is_whole {
                    // Where that fails, the connection is lost, and the server does it.
                    let _ = session.run(ROLLBACK_TEXT).await;
                }
                Outcome::NotCommitted(error)
            }
        }
    }
}
