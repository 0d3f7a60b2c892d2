//! Settings that a script changes for its own statements, and that must not affect the host: with another `sql_mode`,
//! the host's SQL would be read differently, and after `SET NAMES latin1` the history would be written in latin1.
//!
//! After a `SET` one message proves the transaction, or commits what the statement may have left open, restores the
//! character set and asks for the settings. From then on each text of the host sets its own and restores the script's.

use sqlx::mysql::MySqlRow;

use crate::host_sql::{literal, row_text, text};
use runner_database::Dialect;
use runner_sql::{Tokens, quoted};

/// Modes in which the server finds the end of a string elsewhere than runner does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quoting {
    /// `NO_BACKSLASH_ESCAPES`.
    pub plain_backslash: bool,
    /// `ANSI_QUOTES`: in a name there are no escapes.
    pub ansi: bool,
}

impl Quoting {
    /// Of a `sql_mode`.
    pub fn of(mode: &str) -> Self {
        let has = |wanted: &str| mode.split(',').any(|it| it.trim().eq_ignore_ascii_case(wanted));
        Self { plain_backslash: has("NO_BACKSLASH_ESCAPES"), ansi: has("ANSI_QUOTES") }
    }

    /// Whether the server reads the statement in another way.
    pub fn differs(self, tokens: &Tokens<'_>) -> bool {
        let differs = |token: &str| {
            token.contains('\\')
                && (self.plain_backslash && token.starts_with(['\'', '"']) || self.ansi && token.starts_with('"'))
        };
        (self.plain_backslash || self.ansi) && quoted(tokens).any(differs)
    }
}

/// Variables that decide what the host reads and writes, with their values for it; `None`: that with which a session begins. With fewer
/// rows, a question would miss what it is about, and with less recursion, or by other rules for what is equal, what reaches the tool's
/// tables. Servers do not know all of them.
pub(crate) const PINNED: [(&str, Option<&str>); 14] = [
    // This decides what `NAMES` stands for, which follows.
    ("character_set_collations", None),
    ("sql_select_limit", Some("18446744073709551615")),
    ("sql_safe_updates", Some("0")),
    ("sql_big_selects", Some("1")),
    ("sql_auto_is_null", Some("0")),
    ("sql_quote_show_create", Some("1")),
    ("group_concat_max_len", None),
    ("max_session_mem_used", None),
    ("tmp_table_size", None),
    ("tmp_disk_table_size", None),
    ("default_regex_flags", None),
    ("max_recursive_iterations", None),
    ("cte_max_recursion_depth", None),
    ("show_gipk_in_create_table_and_information_schema", None),
];

/// How many warnings the server has to keep: with fewer, it might hide that a value was truncated. MySQL lets only
/// administrators change the number, so there it is set only where it is lower.
const WARNINGS: u64 = 64;

/// The variable of the modes.
pub(crate) const MODE: &str = "sql_mode";

/// The columns before the pinned variables in the answer to [`HostSettings::ask`].
const OTHERS: usize = 3;

/// The settings of the host on a server.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    /// The dialect of the server.
    pub dialect: Dialect,
    /// `NAMES …`.
    pub names: String,
    /// Variables, and their values as a `SET` spells them.
    pub pinned: Vec<(&'static str, String)>,
    /// How many warnings the server keeps for a new session.
    pub warnings: String,
}

impl HostSettings {
    /// The statement that establishes them. `warnings`: how many the server keeps.
    pub(crate) fn set(&self, warnings: &str) -> String {
        let pinned: Vec<String> = self.pinned.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let enough =
            if self.keeps_enough(warnings) { String::new() } else { format!(", max_error_count = {WARNINGS}") };
        format!("SET {}{enough}, {}", pinned.join(", "), self.names)
    }

    /// The question for a script's own. It is the one that is asked in those, so its limit takes precedence over `sql_select_limit`.
    pub(crate) fn ask(&self) -> String {
        let pinned: Vec<String> = self.pinned.iter().map(|(name, _)| format!(", @@{name}")).collect();
        format!("SELECT DATABASE(), @@autocommit, @@max_error_count{} LIMIT 1", pinned.concat())
    }

    fn keeps_enough(&self, warnings: &str) -> bool {
        self.dialect == Dialect::Mysql && warnings.parse::<u64>().is_ok_and(|count| count >= WARNINGS)
    }
}

/// The limit of the server on the time of a statement.
pub(crate) fn time_limit(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Mariadb { "max_statement_time" } else { "max_execution_time" }
}

/// The statement that sets the modes of a session.
pub(crate) fn set_mode(modes: &str) -> String {
    format!("SET SESSION sql_mode = {}", literal(modes))
}

/// A value of a variable, as a `SET` takes it.
pub(crate) fn spelled(value: &str) -> String {
    let is_number = !value.is_empty() && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
    if is_number { value.to_owned() } else { literal(value) }
}

/// What is given back to a script. Not the character set: scripts reach the server in UTF-8, whatever their file says.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Of the variables that the host pins.
    values: Vec<(&'static str, String)>,
    /// How many warnings are kept.
    pub warnings: String,
    /// The current database.
    pub database: Option<String>,
    /// Each statement outside a transaction commits by itself.
    pub autocommits: bool,
}

impl Kept {
    /// The answer to [`HostSettings::ask`].
    pub(crate) fn of(row: &MySqlRow, ours: &HostSettings) -> Self {
        let values = ours.pinned.iter().enumerate().map(|(at, (name, _))| (*name, text(row, OTHERS + at))).collect();
        Self { values, warnings: text(row, 2), database: row_text(row, 0), autocommits: text(row, 1) == "1" }
    }

    /// Its modes.
    pub(crate) fn mode(&self) -> &str {
        self.values.iter().find(|(name, _)| *name == MODE).map_or("", |(_, mode)| mode)
    }

    /// The same with other modes.
    pub(crate) fn with_mode(mut self, mode: String) -> Self {
        self.values.iter_mut().filter(|(name, _)| *name == MODE).for_each(|(_, value)| value.clone_from(&mode));
        self
    }

    /// Where strings end.
    pub(crate) fn quoting(&self) -> Quoting {
        Quoting::of(self.mode())
    }

    /// The statements that restore it. The limit on time comes last: nothing that follows a COMMIT may fail because of it.
    pub(crate) fn restore(&self, ours: &HostSettings) -> Vec<String> {
        let is_kept = ours.keeps_enough(&self.warnings);
        let warnings = (!is_kept).then(|| format!("max_error_count = {}", self.warnings));
        let values = self.values.iter().map(|(name, value)| format!("{name} = {}", spelled(value)));
        let set = warnings.into_iter().chain(values).collect::<Vec<_>>().join(", ");
        let back = self.database.as_ref().map(|database| format!("USE {}", ours.dialect.quote(database)));
        back.into_iter().chain([format!("SET {set}")]).collect()
    }
}
