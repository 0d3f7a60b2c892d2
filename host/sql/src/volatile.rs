//! What differs from run to run, found in the text of statements. On SQLite there is nothing: the functions of a component are answered
//! from the inputs of its run.

use super::lex::TokenKind;
use super::server_state::add_server_state;
use super::tokens::Tokens;
use runner_base::dialect::Dialect;

/// Functions of PostgreSQL that are called with parentheses. Sequences are left out: their values are part of the database.
const POSTGRES: &[&str] = &[
    "age",
    "array_sample",
    "array_shuffle",
    "clock_timestamp",
    "gen_random_bytes",
    "gen_random_uuid",
    "gen_salt",
    "now",
    "pg_backend_pid",
    "pg_current_snapshot",
    "pg_current_wal_lsn",
    "pg_current_xact_id",
    "pg_current_xact_id_if_assigned",
    "random",
    "random_normal",
    "statement_timestamp",
    "timeofday",
    "transaction_timestamp",
    "txid_current",
    "txid_current_snapshot",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];

/// The same of MySQL and MariaDB. `USER()` is that of the client's machine, too.
const MYSQL: &[&str] = &[
    "connection_id",
    "curdate",
    "curtime",
    "encrypt",
    "get_lock",
    "is_free_lock",
    "is_used_lock",
    "now",
    "rand",
    "random_bytes",
    "session_user",
    "sys_guid",
    "sysdate",
    "system_user",
    "unix_timestamp",
    "user",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_short",
    "uuid_v4",
    "uuid_v7",
];

/// With arguments these depend on nothing else, or are the names of tables.
const ONLY_WITHOUT_ARGUMENTS: &[&str] = &["rand", "session_user", "system_user", "unix_timestamp", "user"];

/// With a second argument these depend on nothing else: a time to count from, a salt.
const ONLY_WITH_ONE_ARGUMENT: &[&str] = &["age", "encrypt"];

/// How many tokens of a call are read.
const LOOKED_AT: usize = 64;

/// Functions that need no parentheses.
const KEYWORDS: [&str; 5] = ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];

/// Those that need none on MySQL and MariaDB alone.
const MYSQL_KEYWORDS: &[&str] = &["utc_date", "utc_time", "utc_timestamp"];

/// Texts that PostgreSQL reads as the current time where it expects one, also with a time of day after them or within a range.
const POSTGRES_TEXTS: &[&str] = &["now", "today", "tomorrow", "yesterday"];

/// The types that read them so.
const POSTGRES_TIMES: &[&str] =
    &["date", "daterange", "time", "timestamp", "timestamptz", "timetz", "tsrange", "tstzrange"];

/// What the types with a time zone end with, before a text.
const ZONE: &str = "zone";

/// What a statement asks for that differs from run to run, each once, as it is written in messages: `now()`, `@@timestamp`. Judging by
/// the text: what views, triggers, functions and defaults of columns ask for is not in it.
pub fn volatile_calls(statement: &Tokens<'_>) -> Vec<String> {
    let mut found = Vec::new();
    each_that_runs(statement, |tokens| {
        add_calls(&mut found, tokens, statement.dialect());
        add_server_state(&mut found, tokens, statement.dialect());
    });
    found
}

/// Whether a statement calls a function whose result differs from run to run.
pub(super) fn calls_volatile(statement: &Tokens<'_>) -> bool {
    let mut found = Vec::new();
    each_that_runs(statement, |tokens| add_calls(&mut found, tokens, statement.dialect()));
    !found.is_empty()
}

/// Visits the tokens, in lower case, of the texts in a statement that run.
fn each_that_runs(statement: &Tokens<'_>, mut visit: impl FnMut(&[(TokenKind, String)])) {
    let dialect = statement.dialect();
    let mut visit = |tokens: &Tokens<'_>| {
        let tokens: Vec<_> = tokens.parts().iter().map(|(kind, text)| (*kind, text.to_ascii_lowercase())).collect();
        if !only_defines(&tokens) {
            visit(&tokens);
        }
    };
    match dialect {
        Dialect::Sqlite => {}
        // The body runs, and is not a `DO` itself: a guest may nest them to any depth.
        Dialect::Postgres if statement.parts().first().is_some_and(|(_, word)| word.eq_ignore_ascii_case("do")) => {
            let bodies = statement.parts().iter().skip(1).filter_map(|(_, text)| dollar_quoted(text));
            bodies.for_each(|body| visit(&Tokens::new(body, dialect)));
        }
        _ => visit(statement),
    }
}

/// Adds the calls in a text.
fn add_calls(found: &mut Vec<String>, tokens: &[(TokenKind, String)], dialect: Dialect) {
    let last_repeatable = tokens.iter().rposition(|(_, word)| word == "repeatable");
    for (at, (kind, word)) in tokens.iter().enumerate() {
        let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |(_, text)| text.as_str());
        let (before, after, last) = (text(at.checked_sub(1)), text(Some(at + 1)), text(Some(at + 2)));
        // `t.now` is a column, `pg_catalog.now` the function, `app.now` another one.
        let is_qualified = before == "." && text(at.checked_sub(2)) != "pg_catalog";
        // `"now"()` is the same function, a string is not.
        let word = match kind {
            TokenKind::Quoted if after == "(" && dialect == Dialect::Postgres => {
                &word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word).to_owned()
            }
            _ => word,
        };
        let is_called = after == "(" && functions(dialect).contains(&word.as_str());
        let call = match kind {
            TokenKind::Word | TokenKind::Quoted if is_qualified => None,
            TokenKind::Word if KEYWORDS.contains(&word.as_str()) => Some(word.clone()),
            TokenKind::Word if word == "tablesample" && dialect == Dialect::Postgres => {
                let repeats = last_repeatable.is_some_and(|last| last > at);
                (!repeats).then(|| word.clone())
            }
            TokenKind::Word | TokenKind::Quoted if is_called => {
                let has = |list: &[&str]| list.contains(&word.as_str());
                let depends = has(ONLY_WITHOUT_ARGUMENTS) && last != ")"
                    || has(ONLY_WITH_ONE_ARGUMENT) && has_second_argument(&tokens[at + 1..]);
                (!depends).then(|| format!("{word}()"))
            }
            TokenKind::Word if dialect != Dialect::Postgres && MYSQL_KEYWORDS.contains(&word.as_str()) => {
                Some(word.clone())
            }
            TokenKind::Quoted if dialect == Dialect::Postgres && is_time_text(word) => {
                let called = text(at.checked_sub(2));
                let is_time = before == ZONE
                    || POSTGRES_TIMES.contains(&before)
                    || before == "(" && POSTGRES_TIMES.contains(&called)
                    || is_cast_to_time(&tokens[at + 1..]);
                is_time.then(|| word.clone())
            }
            _ => None,
        };
        if let Some(call) = call.filter(|call| !found.contains(call)) {
            found.push(call);
        }
    }
}

/// Whether a string, in lower case, begins with one of the texts for the current time.
fn is_time_text(string: &str) -> bool {
    let inner = string.strip_prefix('\'').or_else(|| dollar_quoted(string)).unwrap_or_default();
    let inner = inner.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '[' | '(' | '{' | ','));
    let end = inner.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(inner.len());
    POSTGRES_TEXTS.contains(&&inner[..end])
}

/// Whether what follows a value, `::text::date` or `AS date`, makes it a time.
fn is_cast_to_time(mut rest: &[(TokenKind, String)]) -> bool {
    loop {
        rest = match rest {
            [(_, first), (_, second), more @ ..] if first == ":" && second == ":" => more,
            [(_, first), more @ ..] if matches!(first.as_str(), "::" | "as") => more,
            _ => return false,
        };
        let Some(((_, cast), more)) = rest.split_first() else { return false };
        if POSTGRES_TIMES.contains(&cast.as_str()) {
            return true;
        }
        rest = more;
    }
}

/// The text in a dollar-quoted string.
fn dollar_quoted(text: &str) -> Option<&str> {
    let tag = &text[..text.strip_prefix('$')?.find('$')? + 2];
    text.strip_prefix(tag)?.strip_suffix(tag)
}

/// Whether a call, whose tokens begin with its parenthesis, has more than one argument. Only so far as it is short: guests write
/// statements of megabytes, with calls in calls.
fn has_second_argument(tokens: &[(TokenKind, String)]) -> bool {
    let mut depth = 0_usize;
    for (_, text) in tokens.iter().take(LOOKED_AT) {
        match text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" if depth <= 1 => return false,
            ")" | "]" => depth -= 1,
            "," if depth == 1 => return true,
            _ => {}
        }
    }
    false
}

/// Whether a statement only defines something, which calls functions later.
fn only_defines(tokens: &[(TokenKind, String)]) -> bool {
    let has = |wanted: &str| tokens.iter().any(|(kind, word)| *kind == TokenKind::Word && word == wanted);
    match tokens.first().map_or("", |(_, word)| word.as_str()) {
        "create" => {
            let fills =
                tokens.iter().skip(1).take(3).any(|(_, word)| matches!(word.as_str(), "table" | "materialized"));
            !(fills && has("select"))
        }
        // A new column gets a value in every row.
        "alter" => !has("add") && !has("using"),
        "comment" | "grant" | "revoke" | "drop" => true,
        _ => false,
    }
}

fn functions(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &[],
        Dialect::Postgres => POSTGRES,
        Dialect::Mysql | Dialect::Mariadb => MYSQL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_where_they_run() {
        use Dialect::{Mariadb, Postgres, Sqlite};
        for (dialect, statement, calls) in [
            (
                Postgres,
                "UPDATE t SET a = NOW(), b = gen_random_uuid (), c = now()",
                &["now()", "gen_random_uuid()"][..],
            ),
            (Postgres, "INSERT INTO t SELECT pg_catalog.random()", &["random()"]),
            (Postgres, "SELECT current_timestamp, LOCALTIME(0)", &["current_timestamp", "localtime"]),
            (Postgres, "SELECT now, t.current_date, app.now(), 'now()', \"now\" -- now()\n FROM t", &[]),
            (Postgres, "SELECT \"now\"(), app.\"now\"(), timestamp with time zone 'now'", &["now()", "'now'"]),
            (Postgres, "DO $a$ BEGIN UPDATE t SET a = now(); END $a$", &["now()"]),
            (Postgres, "DO LANGUAGE plpgsql $$ BEGIN PERFORM 1; END $$", &[]),
            (Postgres, "SELECT $$now()$$, age(a), age(a, b)", &["age()"]),
            (Postgres, "SELECT age(f(a, b), c)", &[]),
            (
                Mariadb,
                "SELECT UTC_TIMESTAMP, utc_date(), encrypt('a'), encrypt('a', 'b')",
                &["utc_timestamp", "utc_date()", "encrypt()"],
            ),
            (
                Postgres,
                "SELECT 'now'::timestamptz, date 'today', 'now', CAST('tomorrow' AS date)",
                &["'now'", "'today'", "'tomorrow'"],
            ),
            (
                Postgres,
                "SELECT ' Today 10:00'::timestamptz, $$now$$::text::date, timestamptz('tomorrow'), '[yesterday,)'::tstzrange",
                &["' today 10:00'", "$$now$$", "'tomorrow'", "'[yesterday,)'"],
            ),
            (Postgres, "SELECT 'nowhere'::date, 'know'::date, 'now'::text, lower('today')", &[]),
            (Postgres, "CREATE TABLE t (a timestamptz DEFAULT now())", &[]),
            (Postgres, "CREATE TABLE t AS SELECT now()", &["now()"]),
            (Postgres, "CREATE VIEW v AS SELECT now()", &[]),
            (Postgres, "CREATE MATERIALIZED VIEW v AS SELECT now()", &["now()"]),
            (Postgres, "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now()", &["now()"]),
            (Postgres, "ALTER TABLE t ALTER COLUMN a SET DEFAULT now()", &[]),
            (Postgres, "SELECT * FROM t TABLESAMPLE system (1)", &["tablesample"]),
            (Postgres, "SELECT * FROM t TABLESAMPLE system (1) REPEATABLE (7)", &[]),
            (Postgres, "SELECT nextval('s')", &[]),
            (Mariadb, "UPDATE t SET a = rand(), b = RAND(7), c = UUID()", &["rand()", "uuid()"]),
            (Mariadb, "SELECT UNIX_TIMESTAMP(a) FROM t", &[]),
            (Mariadb, "SELECT UNIX_TIMESTAMP(), now(6)", &["unix_timestamp()", "now()"]),
            (Mariadb, "SELECT random()", &[]),
            (Sqlite, "SELECT random(), datetime('now')", &[]),
        ] {
            assert_eq!(volatile_calls(&Tokens::new(statement, dialect)), calls, "{dialect} {statement}");
        }
    }

    #[test]
    fn what_is_read_of_the_server_is_found() {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        for (dialect, statement, found) in [
            (
                Mariadb,
                "SELECT @@Timestamp, @@session . rand_seed1, @@`hostname`, @@global.time_zone, @@timestamp, @@tomorrow",
                &["@@timestamp", "@@session.rand_seed1", "@@hostname", "@@global.time_zone", "@@tomorrow"][..],
            ),
            (Mysql, "SELECT @@sql_mode, @@SESSION.time_zone, @@local.identity, @timestamp, '@@timestamp', user", &[]),
            (Mysql, "SELECT USER(), `a@@timestamp` FROM user (a)", &["user()"]),
            (Mysql, "SELECT * FROM performance_schema.threads", &["performance_schema.threads"]),
            (Mysql, "SELECT id FROM `sys` . `metrics` s", &["sys.metrics"]),
            (Mariadb, "SELECT id FROM Information_Schema.PROCESSLIST", &["information_schema.processlist"]),
            (Mysql, "SELECT 1 FROM \"information_schema\".\"innodb_trx\"", &["information_schema.innodb_trx"]),
            (Mysql, "SELECT table_name, 2 * 2 FROM information_schema.tables", &[]),
            (Mysql, "SELECT t.*, 1 FROM information_schema.tables t", &["information_schema.tables"]),
            (Mysql, "TABLE information_schema.partitions", &["information_schema.partitions"]),
            (Mysql, "SELECT MAX(t.`UPDATE_TIME`) FROM information_schema.tables t", &["information_schema.tables"]),
            (Mysql, "SELECT * FROM information_schema.columns", &[]),
            (Mysql, "SELECT update_time FROM t", &[]),
            (Mariadb, "SHOW FULL PROCESSLIST", &["show full processlist"]),
            (Mariadb, "SHOW TABLE STATUS LIKE 'a'", &["show table status"]),
            (Mariadb, "SHOW GLOBAL VARIABLES WHERE variable_name = 'a'", &["show global variables"]),
            (Mysql, "SHOW FULL COLUMNS FROM t", &[]),
            (Mysql, "SHOW CREATE TABLE status", &[]),
            (Mysql, "DESC t", &[]),
            (Mysql, "EXPLAIN FORMAT = JSON SELECT 1", &["explain"]),
            (Mariadb, "ANALYZE SELECT 1", &["explain"]),
            (Mysql, "ANALYZE TABLE t UPDATE HISTOGRAM ON a WITH 9 BUCKETS", &[]),
            (Mysql, "CREATE VIEW v AS SELECT @@hostname", &[]),
            (
                Postgres,
                "SELECT pid FROM pg_stat_activity, pg_catalog.pg_locks, public.pg_stat_statements",
                &["pg_stat_activity", "pg_locks", "pg_stat_statements"],
            ),
            (
                Postgres,
                "SELECT inet_client_port(), pg_postmaster_start_time(), pg_total_relation_size('t'), txid_current, pg_column_size(1)",
                &["inet_client_port()", "pg_postmaster_start_time()", "pg_total_relation_size()"],
            ),
            (Postgres, "SELECT * FROM pg_statistic_ext", &[]),
            (Postgres, "SELECT \"xmin\", t.ctid, tableoid FROM t", &["ctid", "xmin"]),
            (Postgres, "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING RETURNING (xmax = 0)", &[]),
            (Postgres, "WITH e AS (SELECT ST_XMin(g) AS xmin FROM t) SELECT xmin FROM e", &[]),
            (
                Postgres,
                "SELECT current_setting('port'), current_setting('app.tenant'), pg_catalog.current_setting('TimeZone'), current_setting($1)",
                &["current_setting('port')", "current_setting()"],
            ),
            (Postgres, "DO $$ BEGIN PERFORM current_setting('port'); END $$", &["current_setting('port')"]),
            (Postgres, "SHOW port;", &["show port"]),
            (Postgres, "SHOW server_version", &[]),
            (Postgres, "show IS NULL", &[]),
            (Postgres, "EXPLAIN SELECT 1", &["explain"]),
            (Postgres, "SELECT @@timestamp", &[]),
            (Sqlite, "SELECT ctid, pg_locks, @@timestamp", &[]),
        ] {
            assert_eq!(volatile_calls(&Tokens::new(statement, dialect)), found, "{dialect} {statement}");
        }
    }

    #[test]
    fn a_statement_with_very_many_variables_is_read_at_once() {
        let variables: String = (0..200_000).map(|at| format!("@@a{at}, ")).collect();
        assert_eq!(volatile_calls(&Tokens::new(&format!("SELECT {variables}"), Dialect::Mysql)).len(), 16);
    }

    #[test]
    fn blocks_in_blocks_take_no_stack() {
        let (mut begin, mut end) = (String::new(), String::new());
        for depth in 0..20_000 {
            begin.push_str(&format!("DO $a{depth}$"));
            end.insert_str(0, &format!("$a{depth}$"));
        }
        assert_eq!(volatile_calls(&Tokens::new(&format!("{begin}{end}"), Dialect::Postgres)), [""; 0]);
        assert_eq!(volatile_calls(&Tokens::new(&"age(".repeat(20_000), Dialect::Postgres)), ["age()"]);
    }
}
