//! The names of the variables, and their meaning.

use crate::origin::Origin;
use runner_base::error::Error;

/// Followed by the name of a limit in upper case, as `--limit`: `RUNNER_LIMIT_FUEL`.
pub const LIMIT_PREFIX: &str = "RUNNER_LIMIT_";
/// Followed by the name of a parameter in upper case, as `--parameter`: `RUNNER_PARAMETER_COUNTRY`.
pub const PARAMETER_PREFIX: &str = "RUNNER_PARAMETER_";

/// Defines the variables, and their table.
macro_rules! variables {
    ($($constant:ident = $name:literal: $meaning:literal,)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: &str = $name;
        )*

        /// All variables and their meaning: the source of the documentation.
        pub const ALL: &[(&str, &str)] = &[
            $(($constant, $meaning),)*
            ("RUNNER_PARAMETER_<NAME>", "a parameter, such as `RUNNER_PARAMETER_COUNTRY=DE`; `--parameter` takes precedence"),
            ("RUNNER_LIMIT_<NAME>", "a limit, such as `RUNNER_LIMIT_GUEST_MEMORY=64MiB`; `--limit` takes precedence"),
        ];
    };
}

variables! {
    CONFIG = "RUNNER_CONFIG": "settings file; `--config` takes precedence; not read from `.env`",
    ENVIRONMENT = "RUNNER_ENVIRONMENT": "environment of `runner.toml`; `--environment` takes precedence",
    DATABASE = "RUNNER_DATABASE": "name of a database or tenant of `runner.toml`; `--database` takes precedence",
    DATABASE_URL = "RUNNER_DATABASE_URL": "URL of the database; `--database-url` takes precedence",
    COMMON_DATABASE_URL = "DATABASE_URL":
        "URL of the database, if `RUNNER_DATABASE_URL` is not set; never used for a named database",
    FORMAT = "RUNNER_FORMAT": "output format, `text` or `json`; `--format` takes precedence",
    LOCK_TIMEOUT = "RUNNER_LOCK_TIMEOUT":
        "how long to wait for the lock, such as `30s`; `--lock-timeout` takes precedence",
    TABLE_LOCK_TIMEOUT = "RUNNER_TABLE_LOCK_TIMEOUT":
        "how long a statement may wait for a table or row lock, or `none`; `--table-lock-timeout` takes precedence",
    STATEMENT_TIMEOUT = "RUNNER_STATEMENT_TIMEOUT":
        "how long a statement of a migration may run, or `none`; `--statement-timeout` takes precedence",
    RETRIES = "RUNNER_RETRIES": "number of retries after a lock conflict; `--retries` takes precedence",
    BATCH_DELAY = "RUNNER_BATCH_DELAY":
        "pause after each chunk of a transform, such as `100ms`; `--batch-delay` takes precedence",
    MAX_ROWS_PER_SECOND = "RUNNER_MAX_ROWS_PER_SECOND":
        "maximum number of rows that a transform reads per second; `--max-rows-per-second` takes precedence",
    MAX_LAG = "RUNNER_MAX_LAG":
        "a transform waits while the lag of a replica exceeds this, such as `5s`; `--max-lag` takes precedence",
    MAX_ACTIVE_CONNECTIONS = "RUNNER_MAX_ACTIVE_CONNECTIONS":
        "a transform waits while more sessions than this are active besides its own; `--max-active-connections` takes precedence",
    BACKUP = "RUNNER_BACKUP": "where to back up before a run: `auto`, `none`, or a path; `--backup` takes precedence",
    ON_EXISTING = "RUNNER_ON_EXISTING":
        "what a first run does with a database that has tables: `refuse` or `apply`; `--on-existing` takes precedence",
    HISTORY_SCHEMA = "RUNNER_HISTORY_SCHEMA":
        "PostgreSQL: the schema of runner's own tables, such as `billing`; `--history-schema` takes precedence",
    HISTORY_PREFIX = "RUNNER_HISTORY_PREFIX":
        "SQLite, MySQL, MariaDB: what the names of runner's own tables begin with, such as `billing_`; `--history-prefix` takes precedence",
    CHUNK_ROWS = "RUNNER_CHUNK_ROWS":
        "maximum number of rows in a chunk of a transform; `--chunk-rows` takes precedence",
    CHUNK_TIME = "RUNNER_CHUNK_TIME":
        "how long a chunk of a transform may hold its rows, such as `20ms`, or `none`; `--chunk-time` takes precedence",
    SHARE = "RUNNER_SHARE": "a switch: share the transforms of a run that holds the lock, as `apply --share`",
    TOOLCHAIN = "RUNNER_TOOLCHAIN": "Rust toolchain that builds guests; takes precedence over `[build] toolchain`",
    COLOR = "RUNNER_COLOR": "`auto`, `always` or `never`; `--color` takes precedence",
    VERBOSE = "RUNNER_VERBOSE": "a switch: print each statement, as `--verbose`",
    QUIET = "RUNNER_QUIET": "a switch: print errors and warnings only, as `--quiet`",
    JOBS = "RUNNER_JOBS":
        "number of instances, and connections of a stepwise transform, that work in parallel, 1 to 256; `--jobs` takes precedence",
    LOCKED = "RUNNER_LOCKED": "a switch: the lockfile must list every migration, as `--locked`",
    ALLOW_OUT_OF_ORDER = "RUNNER_ALLOW_OUT_OF_ORDER": "a switch, as `--allow-out-of-order`",
    ALLOW_MISSING = "RUNNER_ALLOW_MISSING": "a switch, as `--allow-missing`",
    LANG = "RUNNER_LANG":
        "language of `runner new`: `sql`, `javascript`, `typescript`, `python`, `rust`, `go`, `c`, `cpp` or `zig`; `--lang` takes precedence",
}

/// Whether runner itself reads the variable.
pub(crate) fn is_ours(name: &str) -> bool {
    name.starts_with("RUNNER_") || name == COMMON_DATABASE_URL
}

/// The error of a variable of which the value is not text. The value may be a password.
pub(crate) fn unreadable(name: &str, origin: &Origin) -> Error {
    Error::usage(format!("the value of `{name}` is not valid UTF-8"))
        .at("setting", origin.to_string())
        .hint("set it in UTF-8; in a URL, every character can be percent-encoded, such as `%C3%BC` for `ü`")
}
