//! The rules of the authorizer: what a role may not do.

use rusqlite::ffi;

use super::denial::{Denial, attached, mentions, tool_table};
use super::grants::Granted;
use super::pragmas;
use crate::raw::{AuthRequest, PULL_PREFIX};
use crate::text::{is_vacuum, mentioned_tool_table};
use runner_database::Role;
use runner_database::facts::{is_tool_table, tool_table as tool_table_of};

/// What the authorizer knows of the present statement and of its role.
pub(super) struct Authorizer {
    pub role: Role,
    /// One of our statements, which calls our functions, is running.
    pub pulling: bool,
    /// Our own transaction is open.
    pub transaction: bool,
    /// What a component was granted, if it has grants.
    pub granted: Granted,
    /// Why the present statement was refused.
    pub denial: Option<Denial>,
    /// The tool's table that the text of the statement names.
    mentioned: Option<&'static str>,
    /// A script's VACUUM is running: it copies all tables in a transaction of its own.
    vacuum: bool,
}

impl Authorizer {
    /// That of the host.
    pub(super) fn new() -> Self {
        Self {
            role: Role::Host,
            pulling: false,
            transaction: false,
            granted: Granted::default(),
            denial: None,
            mentioned: None,
            vacuum: false,
        }
    }

    /// Inspects the text of a statement that is about to be authorized.
    pub(super) fn expect(&mut self, statement: &str) {
        self.denial = None;
        self.granted.expect(statement);
        self.vacuum = self.role == Role::SqlScript && !self.transaction && is_vacuum(statement);
        self.mentioned = (self.role != Role::Host).then(|| mentioned_tool_table(statement)).flatten();
    }

    /// Whether a statement of a migration may do this; notes why not.
    pub(super) fn allows(&mut self, request: &AuthRequest<'_>) -> bool {
        let refused = if self.vacuum {
            // It copies all tables with statements of its own. What comes from the script's text is the name of the file: an
            // expression, which may call functions.
            let is_function = request.action == ffi::SQLITE_FUNCTION;
            is_function.then(|| self.function(request.second.unwrap_or_default())).flatten()
        } else {
            self.refuse(request).or_else(|| match self.role {
                Role::Component => self.granted.refuse(request),
                _ => None,
            })
        };
        let is_allowed = refused.is_none();
        self.denial = refused.or(self.denial.take());
        is_allowed
    }

    fn refuse(&self, request: &AuthRequest<'_>) -> Option<Denial> {
        let first = request.first.unwrap_or_default();
        let second = request.second.unwrap_or_default();
        if self.role == Role::Component {
            // Only ALTER TABLE names the database first, and a column in the database's place.
            let altered = request.action == ffi::SQLITE_ALTER_TABLE;
            let database = if altered { request.first } else { request.database };
            if let Some(other) = database.filter(|name| is_attached(name)) {
                return Some(attached(other));
            }
        }
        match request.action {
            ffi::SQLITE_TRANSACTION | ffi::SQLITE_SAVEPOINT => Some(self.transaction_control(request.action, first)),
            ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE | ffi::SQLITE_DELETE => {
                is_tool_table(first).then(|| tool_table("write to", first, request.accessor))
            }
            ffi::SQLITE_CREATE_TABLE
            | ffi::SQLITE_CREATE_TEMP_TABLE
            | ffi::SQLITE_CREATE_TRIGGER
            | ffi::SQLITE_CREATE_TEMP_TRIGGER
            | ffi::SQLITE_ALTER_TABLE
            | ffi::SQLITE_CREATE_VTABLE => self.names_tool_table(&[first, second]).map(mentions),
            ffi::SQLITE_CREATE_VIEW
            | ffi::SQLITE_CREATE_TEMP_VIEW
            | ffi::SQLITE_CREATE_INDEX
            | ffi::SQLITE_CREATE_TEMP_INDEX
            | ffi::SQLITE_DROP_TABLE
            | ffi::SQLITE_DROP_TEMP_TABLE
            | ffi::SQLITE_DROP_VIEW
            | ffi::SQLITE_DROP_TEMP_VIEW
            | ffi::SQLITE_DROP_INDEX
            | ffi::SQLITE_DROP_TEMP_INDEX
            | ffi::SQLITE_DROP_TRIGGER
            | ffi::SQLITE_DROP_TEMP_TRIGGER
            | ffi::SQLITE_DROP_VTABLE => {
                let name = [first, second].into_iter().find(|name| is_tool_table(name))?;
                Some(tool_table("change", name, request.accessor))
            }
            ffi::SQLITE_FUNCTION => self.function(second),
            ffi::SQLITE_PRAGMA => pragmas::refuse(self.role, self.transaction, first, request.second),
            ffi::SQLITE_ATTACH | ffi::SQLITE_DETACH if self.role == Role::Component => Some(Denial::new(
                "a component may not attach or detach database files; VACUUM does so too",
                "a migration in SQL may: put this statement into one",
            )),
            _ => None,
        }
    }

    fn names_tool_table(&self, names: &[&str]) -> Option<&'static str> {
        self.mentioned.or_else(|| names.iter().find_map(|name| tool_table_of(name)))
    }

    fn transaction_control(&self, action: std::ffi::c_int, operation: &str) -> Denial {
        let word = if action == ffi::SQLITE_SAVEPOINT { "SAVEPOINT" } else { operation };
        Denial::new(
            format!("a migration may not control the transaction: {word} is refused"),
            if self.transaction {
                "runner opens the transaction and commits it with the history; leave the statement out"
            } else {
                "each statement of a `-- runner:no-transaction` migration commits by itself; leave the statement out"
            },
        )
    }

    fn function(&self, name: &str) -> Option<Denial> {
        if name.eq_ignore_ascii_case("load_extension") || name.eq_ignore_ascii_case("fts3_tokenizer") {
            return Some(Denial::new(
                format!("a migration may not load code into the database: {name}() is refused"),
                "runner loads no extensions",
            ));
        }
        let ours = name.get(..PULL_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PULL_PREFIX));
        (ours && !self.pulling)
            .then(|| Denial::new(format!("{name}() belongs to runner itself"), "give your function another name"))
    }
}

/// Whether a name of a database is neither the file's nor that of the temporary tables.
pub(crate) fn is_attached(database: &str) -> bool {
    !database.eq_ignore_ascii_case("main") && !database.eq_ignore_ascii_case("temp")
}
