//! What a statement reads of the server rather than of the database: its variables, counters, sessions and clocks, and where and when it
//! stored a row. By kind, so that a name of a later version is among them.

use super::lex::TokenKind;
use runner_base::dialect::Dialect;

/// How many names are found: a guest may write any number.
const FOUND: usize = 16;

/// The longest name that a server knows.
const LONGEST: usize = 64;

/// The variables of a session of MySQL and MariaDB that runner sets itself, or that follow from the statements before and from the database.
const KNOWN_VARIABLES: &[&str] = &[
    "autocommit",
    "character_set_client",
    "character_set_connection",
    "character_set_database",
    "character_set_results",
    "collation_connection",
    "collation_database",
    "error_count",
    "identity",
    "insert_id",
    "last_insert_id",
    "sql_mode",
    "time_zone",
    "version",
    "warning_count",
];

/// The same of PostgreSQL.
const KNOWN_SETTINGS: &[&str] = &[
    "client_encoding",
    "datestyle",
    "intervalstyle",
    "search_path",
    "server_encoding",
    "server_version",
    "server_version_num",
    "standard_conforming_strings",
    "timezone",
    "transaction_isolation",
    "transaction_read_only",
];

/// What `SHOW` of MySQL and MariaDB reports about the database, and about the statement before.
const SHOWN_OF_THE_DATABASE: &[&str] = &[
    "character",
    "charset",
    "collation",
    "columns",
    "count",
    "create",
    "databases",
    "errors",
    "fields",
    "grants",
    "schemas",
    "tables",
    "warnings",
];

/// Words between `SHOW` and what it shows.
const SHOW_HOW: &[&str] = &["extended", "full", "global", "local", "session"];

/// Where the name of what `SHOW` shows ends.
const SHOW_WHICH: &[&str] = &["for", "from", "in", "like", "where"];

/// The databases in which MySQL and MariaDB describe themselves.
const OF_THE_SERVER: &[&str] = &["performance_schema", "sys"];

/// The tables of `information_schema` that describe the definitions in databases.
const OF_DATABASES: &[&str] = &[
    "character_sets",
    "check_constraints",
    "collation_character_set_applicability",
    "collations",
    "column_privileges",
    "columns",
    "columns_extensions",
    "geometry_columns",
    "key_column_usage",
    "parameters",
    "referential_constraints",
    "schema_privileges",
    "schemata",
    "schemata_extensions",
    "sequences",
    "st_geometry_columns",
    "table_constraints",
    "table_constraints_extensions",
    "table_privileges",
    "tables_extensions",
    "user_privileges",
    "view_routine_usage",
    "view_table_usage",
    "views",
];

/// Those that do so in all columns but [`MEASURED`].
const PARTLY_MEASURED: &[&str] = &["events", "partitions", "routines", "statistics", "tables", "triggers"];

/// Columns with times, sizes and estimates.
const MEASURED: &[&str] = &[
    "auto_increment",
    "avg_row_length",
    "cardinality",
    "check_time",
    "checksum",
    "create_time",
    "created",
    "data_free",
    "data_length",
    "index_length",
    "last_altered",
    "last_executed",
    "max_data_length",
    "max_index_length",
    "table_rows",
    "update_time",
];

/// What the views of PostgreSQL about the server begin with; the statistics that a server collects by chance are among them.
const POSTGRES_VIEWS: &[&str] = &[
    "pg_aios",
    "pg_backend_memory",
    "pg_cursors",
    "pg_locks",
    "pg_prepared_",
    "pg_replication_",
    "pg_settings",
    "pg_shmem_",
    "pg_stat",
    "pg_wait_events",
];

/// Among them, the definitions of statistics.
const POSTGRES_DEFINITIONS: &str = "pg_statistic_ext";

/// What the functions of PostgreSQL about the server begin with.
const POSTGRES_FUNCTIONS: &[&str] = &[
    "inet_client_",
    "inet_server_",
    "pg_backend_",
    "pg_blocking_",
    "pg_conf_load_",
    "pg_control_",
    "pg_current_",
    "pg_export_",
    "pg_is_in_recovery",
    "pg_last_",
    "pg_lock_",
    "pg_ls_",
    "pg_postmaster_",
    "pg_relation_file",
    "pg_safe_",
    "pg_stat_",
    "pg_try_",
    "pg_wal",
    "pg_xact_",
    "txid_",
];

/// Columns of PostgreSQL that show where and in which transaction a row was stored, and how large a table is taken to
/// be.
const POSTGRES_COLUMNS: &[&str] = &["cmax", "cmin", "ctid", "relallvisible", "relpages", "reltuples", "xmax", "xmin"];

/// Adds what the tokens of a statement, in lower case, read of the server, each once, as it is written in messages: `@@timestamp`.
pub(super) fn add_server_state(found: &mut Vec<String>, tokens: &[(TokenKind, String)], dialect: Dialect) {
    let statement = Statement { tokens, dialect };
    let mut add = |name: String| {
        if found.len() < FOUND && name.len() < 2 * LONGEST && !found.contains(&name) {
            found.push(name);
        }
    };
    statement.plan().into_iter().for_each(&mut add);
    match dialect {
        Dialect::Sqlite => {}
        Dialect::Postgres => {
            (0..tokens.len()).filter_map(|at| statement.of_postgres(at)).for_each(&mut add);
            // `ST_XMin(a) AS xmin` makes another column of that name.
            let is_made = |name: &str| statement.pairs().any(|(as_, it)| as_ == "as" && it == name);
            for column in POSTGRES_COLUMNS.iter().filter(|it| statement.names_column(it) && !is_made(it)) {
                add((*column).to_owned());
            }
        }
        Dialect::Mysql | Dialect::Mariadb => {
            statement.shown().into_iter().for_each(&mut add);
            let mut tables = (0..tokens.len()).filter_map(|at| statement.of_information(at)).peekable();
            let measures = tables.peek().is_some() && statement.measures();
            for table in tables.filter(|table| measures || !PARTLY_MEASURED.contains(table)) {
                add(format!("information_schema.{table}"));
            }
            (0..tokens.len()).filter_map(|at| statement.of_mysql(at)).for_each(&mut add);
        }
    }
}

/// The tokens of a statement.
struct Statement<'a> {
    tokens: &'a [(TokenKind, String)],
    dialect: Dialect,
}

impl<'a> Statement<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |(_, text)| text.as_str())
    }

    fn is_word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|(kind, _)| *kind == TokenKind::Word)
    }

    /// The name here, without its quotes. With `ANSI_QUOTES`, they may be double ones on MySQL and MariaDB as well.
    fn name(&self, at: usize) -> Option<&'a str> {
        let text = self.text(at);
        match self.tokens.get(at)?.0 {
            TokenKind::Word => Some(text),
            TokenKind::Quoted => text.get(1..text.len().checked_sub(1)?).filter(|_| text.starts_with(['"', '`'])),
            _ => None,
        }
    }

    /// The name after a dot, whose place is given.
    fn member(&self, dot: usize) -> Option<&'a str> {
        (self.text(dot) == ".").then(|| self.name(dot + 1)).flatten()
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.tokens.windows(2).map(|pair| (pair[0].1.as_str(), pair[1].1.as_str()))
    }

    /// The plan of a statement has estimates.
    fn plan(&self) -> Option<String> {
        let plans: &[&str] =
            if self.dialect == Dialect::Postgres { &["explain"] } else { &["analyze", "desc", "describe", "explain"] };
        const PLANNED: &[&str] = &["connection", "delete", "insert", "replace", "select", "update", "values", "with"];
        let has_statement = || (1..self.tokens.len()).any(|at| self.is_word(at) && PLANNED.contains(&self.text(at)));
        let is_of_tables = matches!(self.text(1), "local" | "no_write_to_binlog" | "table" | "tables");
        let is_plan = self.is_word(0) && plans.contains(&self.text(0)) && !is_of_tables && has_statement();
        is_plan.then(|| "explain".to_owned())
    }

    /// What a `SHOW` of MySQL and MariaDB reports about the server: `show global status`.
    fn shown(&self) -> Option<String> {
        let words = (1..self.tokens.len()).take_while(|at| self.is_word(*at)).map(|at| self.text(at));
        let words: Vec<&str> = words.take(4).take_while(|word| !SHOW_WHICH.contains(word)).collect();
        let what = words.iter().find(|word| !SHOW_HOW.contains(word))?;
        let is_server = self.text(0) == "show" && self.is_word(0) && !SHOWN_OF_THE_DATABASE.contains(what);
        is_server.then(|| format!("show {}", words.join(" ")))
    }

    /// A variable, and what is in a database of the server itself.
    fn of_mysql(&self, at: usize) -> Option<String> {
        if self.text(at) == "@" && self.text(at + 1) == "@" {
            let first = self.name(at + 2)?;
            let Some(second) = self.member(at + 3) else {
                return (!KNOWN_VARIABLES.contains(&first)).then(|| format!("@@{first}"));
            };
            let is_known = matches!(first, "local" | "session") && KNOWN_VARIABLES.contains(&second);
            return (!is_known).then(|| format!("@@{first}.{second}"));
        }
        let schema = self.name(at).filter(|name| OF_THE_SERVER.contains(name))?;
        Some(format!("{schema}.{}", self.member(at + 1)?))
    }

    /// A table of `information_schema` that shows more than definitions.
    fn of_information(&self, at: usize) -> Option<&'a str> {
        let is_it = self.name(at) == Some("information_schema");
        self.member(at + 1).filter(|table| is_it && !OF_DATABASES.contains(table))
    }

    /// Whether columns of [`MEASURED`] are read, by name or as all columns.
    fn measures(&self) -> bool {
        let all = |before: &str, it: &str| it == "*" && matches!(before, "select" | "distinct" | "all" | "," | ".");
        self.text(0) == "table"
            || self.pairs().any(|(before, it)| all(before, it))
            || (0..self.tokens.len()).filter_map(|at| self.name(at)).any(|name| MEASURED.contains(&name))
    }

    /// A view, a function or a setting.
    fn of_postgres(&self, at: usize) -> Option<String> {
        let name = self.name(at)?;
        let begins = |list: &[&str]| list.iter().any(|start| name.starts_with(start));
        let is_called = self.text(at + 1) == "(";
        let is_size = name.starts_with("pg_") && name.ends_with("_size") && name != "pg_column_size";
        let is_view = begins(POSTGRES_VIEWS) && !name.starts_with(POSTGRES_DEFINITIONS);
        if is_view || is_called && (begins(POSTGRES_FUNCTIONS) || is_size) {
            return Some(format!("{name}{}", if is_called { "()" } else { "" }));
        }
        // Settings with a dot are those that a migration, a role or the database gives itself.
        let is_server = |setting: &str| !setting.contains('.') && !KNOWN_SETTINGS.contains(&setting);
        if name == "current_setting" && is_called {
            let setting = self.text(at + 2).strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
            return match setting {
                Some(setting) => is_server(setting).then(|| format!("current_setting('{setting}')")),
                None => Some("current_setting()".to_owned()),
            };
        }
        let ends = self.tokens.get(2).is_none_or(|(kind, _)| *kind == TokenKind::Semicolon);
        let setting = self.name(1).filter(|_| at == 0 && name == "show" && self.is_word(0) && ends)?;
        is_server(setting).then(|| format!("show {setting}"))
    }

    /// Whether such a column is read. `xmax = 0` only shows whether a row is new.
    fn names_column(&self, column: &str) -> bool {
        let is_new = |at: usize| column == "xmax" && self.text(at + 1) == "=" && self.text(at + 2) == "0";
        (0..self.tokens.len()).any(|at| self.name(at) == Some(column) && !is_new(at))
    }
}
