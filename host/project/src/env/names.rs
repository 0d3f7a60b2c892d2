//! The names of the variables, and their meaning.

use crate::origin::Origin;
use runner_base::error::Error;

/// The settings file, as `--config`. Not read from `.env`, which is next to that file.
pub const CONFIG: &str = "RUNNER_CONFIG";
/// The environment of `runner.toml` to use, as `--environment`.
pub const ENVIRONMENT: &str = "RUNNER_ENVIRONMENT";
/// The name of the database or tenant of `runner.toml` to use, as `--database`.
pub const DATABASE: &str = "RUNNER_DATABASE";
/// The URL of the database, as `--database-url`.
pub const DATABASE_URL: &str = "RUNNER_DATABASE_URL";
/// The URL of the database, as other tools know it; after `RUNNER_DATABASE_URL`.
pub const COMMON_DATABASE_URL: &str = "DATABASE_URL";
/// The output format, as `--format`.
pub const FORMAT: &str = "RUNNER_FORMAT";
/// How long to wait for the lock, as `--lock-timeout`.
pub const LOCK_TIMEOUT: &str = "RUNNER_LOCK_TIMEOUT";
/// Timeout for locks on tables and rows, as `--table-lock-timeout`.
pub const TABLE_LOCK_TIMEOUT: &str = "RUNNER_TABLE_LOCK_TIMEOUT";
/// Timeout of a statement of a migration, as `--statement-timeout`.
pub const STATEMENT_TIMEOUT: &str = "RUNNER_STATEMENT_TIMEOUT";
/// Number of retries after a lock conflict, as `--retries`.
pub const RETRIES: &str = "RUNNER_RETRIES";
/// Pause after each chunk, as `--batch-delay`.
pub const BATCH_DELAY: &str = "RUNNER_BATCH_DELAY";
/// Maximum number of rows that a transform reads per second, as `--max-rows-per-second`.
pub const MAX_ROWS_PER_SECOND: &str = "RUNNER_MAX_ROWS_PER_SECOND";
/// Maximum lag of a replica, as `--max-lag`.
pub const MAX_LAG: &str = "RUNNER_MAX_LAG";
/// Maximum number of other active sessions, as `--max-active-connections`.
pub const MAX_ACTIVE_CONNECTIONS: &str = "RUNNER_MAX_ACTIVE_CONNECTIONS";
/// Where to back up before a run, as `--backup`.
pub const BACKUP: &str = "RUNNER_BACKUP";
/// What a first run does with a database that is not empty, as `--on-existing`.
pub const ON_EXISTING: &str = "RUNNER_ON_EXISTING";
/// The schema of runner's own tables on PostgreSQL, as `--history-schema`.
pub const HISTORY_SCHEMA: &str = "RUNNER_HISTORY_SCHEMA";
/// The prefix of the names of runner's own tables elsewhere, as `--history-prefix`.
pub const HISTORY_PREFIX: &str = "RUNNER_HISTORY_PREFIX";
/// Maximum number of rows in a chunk, as `--chunk-rows`.
pub const CHUNK_ROWS: &str = "RUNNER_CHUNK_ROWS";
/// Target duration of a chunk, as `--chunk-time`.
pub const CHUNK_TIME: &str = "RUNNER_CHUNK_TIME";
/// A switch, as `apply --share`.
pub const SHARE: &str = "RUNNER_SHARE";
/// The Rust toolchain that builds guests, as `[build] toolchain`.
pub const TOOLCHAIN: &str = "RUNNER_TOOLCHAIN";
/// Followed by the name of a limit in upper case, as `--limit`: `RUNNER_LIMIT_FUEL`.
pub const LIMIT_PREFIX: &str = "RUNNER_LIMIT_";

/// Followed by the name of a parameter in upper case, as `--parameter`: `RUNNER_PARAMETER_COUNTRY`.
pub const PARAMETER_PREFIX: &str = "RUNNER_PARAMETER_";
/// When to use colours, as `--color`.
pub const COLOR: &str = "RUNNER_COLOR";
/// A switch, as `--verbose`.
pub const VERBOSE: &str = "RUNNER_VERBOSE";
/// A switch, as `--quiet`.
pub const QUIET: &str = "RUNNER_QUIET";
/// Number of instances that work on a transform, as `--jobs`.
pub const JOBS: &str = "RUNNER_JOBS";
/// A switch, as `--locked`.
pub const LOCKED: &str = "RUNNER_LOCKED";
/// A switch, as `--allow-out-of-order`.
pub const ALLOW_OUT_OF_ORDER: &str = "RUNNER_ALLOW_OUT_OF_ORDER";
/// A switch, as `--allow-missing`.
pub const ALLOW_MISSING: &str = "RUNNER_ALLOW_MISSING";
/// Language of a new migration, as `new --lang`.
pub const LANG: &str = "RUNNER_LANG";

/// All variables and their meaning: the source of the documentation.
pub const ALL: &[(&str, &str)] = &[
    (CONFIG, "settings file; `--config` takes precedence; not read from `.env`"),
    (ENVIRONMENT, "environment of `runner.toml`; `--environment` takes precedence"),
    (DATABASE, "name of a database or tenant of `runner.toml`; `--database` takes precedence"),
    (DATABASE_URL, "URL of the database; `--database-url` takes precedence"),
    (COMMON_DATABASE_URL, "URL of the database, if `RUNNER_DATABASE_URL` is not set; never used for a named database"),
    (FORMAT, "output format, `text` or `json`; `--format` takes precedence"),
    (LOCK_TIMEOUT, "how long to wait for the lock, such as `30s`; `--lock-timeout` takes precedence"),
    (
        TABLE_LOCK_TIMEOUT,
        "how long a statement may wait for a table or row lock, or `none`; `--table-lock-timeout` takes precedence",
    ),
    (
        STATEMENT_TIMEOUT,
        "how long a statement of a migration may run, or `none`; `--statement-timeout` takes precedence",
    ),
    (RETRIES, "number of retries after a lock conflict; `--retries` takes precedence"),
    (BATCH_DELAY, "pause after each chunk of a transform, such as `100ms`; `--batch-delay` takes precedence"),
    (
        MAX_ROWS_PER_SECOND,
        "maximum number of rows that a transform reads per second; `--max-rows-per-second` takes precedence",
    ),
    (MAX_LAG, "a transform waits while the lag of a replica exceeds this, such as `5s`; `--max-lag` takes precedence"),
    (
        MAX_ACTIVE_CONNECTIONS,
        "a transform waits while more sessions than this are active besides its own; `--max-active-connections` takes precedence",
    ),
    (BACKUP, "where to back up before a run: `auto`, `none`, or a path; `--backup` takes precedence"),
    (
        ON_EXISTING,
        "what a first run does with a database that has tables: `refuse` or `apply`; `--on-existing` takes precedence",
    ),
    (
        HISTORY_SCHEMA,
        "PostgreSQL: the schema of runner's own tables, such as `billing`; `--history-schema` takes precedence",
    ),
    (
        HISTORY_PREFIX,
        "SQLite, MySQL, MariaDB: what the names of runner's own tables begin with, such as `billing_`; `--history-prefix` takes \
         precedence",
    ),
    (CHUNK_ROWS, "maximum number of rows in a chunk of a transform; `--chunk-rows` takes precedence"),
    (
        CHUNK_TIME,
        "target duration of a chunk of a transform, such as `500ms`, or `none`; `--chunk-time` takes precedence",
    ),
    (SHARE, "a switch: share the transforms of a run that holds the lock, as `apply --share`"),
    (TOOLCHAIN, "Rust toolchain that builds guests; takes precedence over `[build] toolchain`"),
    (COLOR, "`auto`, `always` or `never`; `--color` takes precedence"),
    (VERBOSE, "a switch: print each statement, as `--verbose`"),
    (QUIET, "a switch: print errors and warnings only, as `--quiet`"),
    (
        JOBS,
        "number of instances, and connections of a stepwise transform, that work in parallel, 1 to 256; `--jobs` takes precedence",
    ),
    (LOCKED, "a switch: the lockfile must list every migration, as `--locked`"),
    (ALLOW_OUT_OF_ORDER, "a switch, as `--allow-out-of-order`"),
    (ALLOW_MISSING, "a switch, as `--allow-missing`"),
    (
        LANG,
        "language of `runner new`: `sql`, `javascript`, `typescript`, `python`, `rust`, `go`, `c`, `cpp` or `zig`; \
         `--lang` takes precedence",
    ),
    ("RUNNER_PARAMETER_<NAME>", "a parameter, such as `RUNNER_PARAMETER_COUNTRY=DE`; `--parameter` takes precedence"),
    ("RUNNER_LIMIT_<NAME>", "a limit, such as `RUNNER_LIMIT_GUEST_MEMORY=64MiB`; `--limit` takes precedence"),
];

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
