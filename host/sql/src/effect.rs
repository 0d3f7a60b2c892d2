//! What a statement does to the transaction around it.

use super::classify::{StatementClass, is_setting_of_dump, leading_words};
use super::sqlite;
use super::tokens::Tokens;
use runner_base::dialect::Dialect;

/// How a transaction is isolated from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// `READ UNCOMMITTED`
    ReadUncommitted,
    /// `READ COMMITTED`
    ReadCommitted,
    /// `REPEATABLE READ`
    RepeatableRead,
    /// `SERIALIZABLE`
    Serializable,
}

impl Isolation {
    /// As SQL has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }

    /// Whether each statement sees what was committed before it, rather than all the same.
    pub fn is_by_statement(self) -> bool {
        matches!(self, Self::ReadUncommitted | Self::ReadCommitted)
    }

    fn of(words: &[&str]) -> Option<Self> {
        match words {
            ["ISOLATION", "LEVEL", "READ", "UNCOMMITTED"] => Some(Self::ReadUncommitted),
            ["ISOLATION", "LEVEL", "READ", "COMMITTED"] => Some(Self::ReadCommitted),
            ["ISOLATION", "LEVEL", "REPEATABLE", "READ"] => Some(Self::RepeatableRead),
            ["ISOLATION", "LEVEL", "SERIALIZABLE"] => Some(Self::Serializable),
            _ => None,
        }
    }
}

/// What a statement does to the transaction around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Begins(Option<Isolation>),
    Commits,
    Isolates(Isolation),
    /// SQLite: turns foreign keys on or off.
    ForeignKeys(bool),
    /// Begins or ends a transaction in another way, or divides it.
    Controls,
    /// Changes settings alone: it may be outside of the transaction.
    Sets,
    /// PostgreSQL: changes a setting until its transaction ends.
    SetsLocally,
    Works,
}

/// The effect of a statement of this class.
pub(super) fn effect(tokens: &Tokens<'_>, class: StatementClass) -> Effect {
    if class == StatementClass::Rows {
        return Effect::Works;
    }
    if let Some(on) = sqlite::sets_foreign_keys(tokens) {
        return Effect::ForeignKeys(on);
    }
    let dialect = tokens.dialect();
    let words = leading_words(tokens);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if class != StatementClass::TransactionControl {
        let sets = class == StatementClass::Session || words.first() == Some(&"PRAGMA") || is_setting_of_dump(tokens);
        return match words.as_slice() {
            ["SET", "LOCAL", ..] if dialect == Dialect::Postgres => Effect::SetsLocally,
            _ if sets => Effect::Sets,
            _ => Effect::Works,
        };
    }
    match words.as_slice() {
        ["SET", "TRANSACTION", rest @ ..] => Isolation::of(rest).map_or(Effect::Controls, Effect::Isolates),
        ["COMMIT" | "END"] | ["COMMIT" | "END", "WORK" | "TRANSACTION"] => Effect::Commits,
        ["BEGIN" | "START", rest @ ..] => {
            let rest = match rest {
                ["DEFERRED" | "IMMEDIATE" | "EXCLUSIVE", rest @ ..] if dialect == Dialect::Sqlite => rest,
                rest => rest,
            };
            let rest = match rest {
                ["TRANSACTION" | "WORK", rest @ ..] => rest,
                rest => rest,
            };
            match (rest, Isolation::of(rest)) {
                ([] | ["READ", "WRITE"], _) => Effect::Begins(None),
                (_, Some(level)) if dialect == Dialect::Postgres => Effect::Begins(Some(level)),
                _ => Effect::Controls,
            }
        }
        _ => Effect::Controls,
    }
}
