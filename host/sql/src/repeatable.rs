//! Statements that may run twice.

use super::classify::is_setting_of_dump;
use super::tokens::Tokens;
use runner_base::dialect::Dialect;

/// Returns whether a statement is idempotent, so that it does not matter whether it already took effect.
pub fn is_repeatable(tokens: &Tokens<'_>) -> bool {
    let words: Vec<String> = tokens.identifiers().iter().map(|word| word.to_ascii_uppercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // The words of statements belong to the dialect.
    match (tokens.dialect(), words.as_slice()) {
        // It writes a file, which must not exist.
        (Dialect::Sqlite, ["VACUUM", ..]) => !words.contains(&"INTO"),
        (Dialect::Sqlite | Dialect::Postgres, ["ANALYZE" | "VACUUM", ..]) => true,
        // MariaDB's `ANALYZE UPDATE` changes rows.
        (Dialect::Mysql | Dialect::Mariadb, ["ANALYZE", "TABLE", ..]) => true,
        (Dialect::Mysql | Dialect::Mariadb, ["ANALYZE", "LOCAL" | "NO_WRITE_TO_BINLOG", "TABLE", ..]) => true,
        // Settings of the file, which have one value, and what ends with the connection.
        (Dialect::Sqlite, ["PRAGMA" | "ATTACH" | "DETACH", ..]) => true,
        (Dialect::Postgres, ["REINDEX" | "CLUSTER" | "CHECKPOINT", ..] | ["ALTER", "SYSTEM", ..]) => true,
        (Dialect::Mysql | Dialect::Mariadb, ["OPTIMIZE" | "CHECK" | "FLUSH" | "GRANT", ..]) => true,
        _ => is_setting_of_dump(tokens),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotent_statements_may_run_again() {
        for (dialect, text, again) in [
            (Dialect::Sqlite, "VACUUM", true),
            (Dialect::Sqlite, "VACUUM INTO 'copy.db'", false),
            (Dialect::Sqlite, "PRAGMA user_version = 7", true),
            (Dialect::Postgres, "REINDEX INDEX CONCURRENTLY i", true),
            (Dialect::Postgres, "ALTER SYSTEM SET work_mem = '8MB'", true),
            (Dialect::Postgres, "DO $$ BEGIN PERFORM 1; END $$", false),
            (Dialect::Postgres, "GRANT SELECT ON t TO u", false),
            (Dialect::Mariadb, "GRANT SELECT ON t TO u", true),
            (Dialect::Mariadb, "/* why */ OPTIMIZE TABLE t", true),
            (Dialect::Mariadb, "ANALYZE NO_WRITE_TO_BINLOG TABLE t", true),
            (Dialect::Mariadb, "ANALYZE UPDATE t SET a = a + 1", false),
            (Dialect::Mariadb, "TRUNCATE TABLE t", false),
            (Dialect::Mariadb, "CALL analyze_all()", false),
            (Dialect::Mariadb, "REVOKE SELECT ON t FROM u", false),
            (Dialect::Mariadb, "/*!40101 SET @old = @@sql_mode, sql_mode = '' */", true),
            (Dialect::Mariadb, "/*!99999 SET NAMES utf8 */ INSERT INTO t VALUES (1)", false),
            (Dialect::Mariadb, "/*!40000 DELETE FROM t */", false),
        ] {
            assert_eq!(is_repeatable(&Tokens::new(text, dialect)), again, "{text}");
        }
    }
}
