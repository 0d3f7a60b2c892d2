//! SQL as text: splitting into statements, and directives in leading comments. Knows nothing about connections.
//!
//! It may import `runner-base`.

pub mod affected_tables;
pub mod canonical;
pub mod classify;
pub mod definition;
pub mod directives;
pub mod objects;
pub mod order;
pub mod placeholders;
pub mod program;
pub mod sections;
pub mod session_effects;
pub mod split;
pub mod volatile;

mod body;
mod calls;
mod copied_rows;
mod copy_words;
mod dropped;
mod effect;
mod external_access;
mod foreign;
mod foreign_sections;
mod formats;
mod lex;
mod names;
mod near_markers;
mod postgres;
mod repeatable;
mod script;
mod server_state;
mod session;
mod show_grants;
mod sql;
mod sqlite;
mod table_locks;
mod tokens;
mod unquote;

pub use affected_tables::affected_tables;
pub use calls::{calls_only_known, reads_its_row};
pub use canonical::canonical;
pub use classify::{StatementClass, classify, inserts_values, leading_words, names_schema, substitute, used_database};
pub use copied_rows::{CopiedRows, without_rows};
pub use definition::{ColumnProperty, Definition, SchemaRow, TableDefinition, definitions};
pub use directives::{Directives, has_parameters};
pub use dropped::{Dropped, dropped_tables, replacing};
pub use effect::Isolation;
pub use external_access::{engine_of_elsewhere, engines, opens_file, reads_client_file, writes_file};
pub use foreign::copies_to_client;
pub use formats::{flyway_placeholder, foreign_format, is_of_liquibase};
pub use lex::{BOM, has_semicolon, has_statement};
pub use names::{
    assigned_scopes, catalog_names, for_statement, identifiers_of_objects, introduces_text, names_after, qualifiers,
    quoted, without_qualifier, words,
};
pub use near_markers::{DOWN_WORDS, near_marker};
pub use placeholders::{Placeholder, fill, placeholders};
pub use postgres::{
    ConcurrentIndex, RemovedConcurrently, changes_within, commits_within, concurrent_index, late_enum_value,
    rebuilt_concurrently, removed_concurrently, schemas, works_concurrently,
};
pub use program::Program;
pub use repeatable::is_repeatable;
pub use script::{changes_session, client_script, delimited, migration_script, remaining_script};
pub use sections::{Section, sections};
pub use session::{SessionValues, keeps_last, may_read_last, session_values};
pub use show_grants::ShownGrants;
pub use split::{Statement, split};
pub use sql::Sql;
pub use sqlite::{JOURNAL_MODES, leaves_write_ahead_log, waits_for_vacuum};
pub use table_locks::{LockExtent, table_locks};
pub use tokens::Tokens;

/// An error in a SQL text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The beginning of a statement on one line, for messages, without rows that it copies.
pub fn excerpt(statement: &str) -> String {
    const LONGEST: usize = 160;
    let line = without_rows(statement).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
