//! Statements of which a part may remain if they fail: where DDL commits by itself, those that are not atomic, and
//! those that run other statements; on PostgreSQL, blocks that commit, and what leaves an index or a partition half
//! removed.

use crate::call::{Call, Commit};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Facts, Meaning};
use runner_sql::classify::{has_list, open_run_comments};
use runner_sql::{StatementClass, Tokens, classify, commits_within, removed_concurrently};

/// A statement that the host or the server refuses because of its text has not begun.
const REFUSED: [DatabaseErrorKind; 3] =
    [DatabaseErrorKind::Denied, DatabaseErrorKind::Syntax, DatabaseErrorKind::InvalidArgument];

/// First words of statements that run other statements; a label may precede them.
const PROGRAMS: [&str; 9] = ["CALL", "BEGIN", "EXECUTE", "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR"];

impl Call<'_> {
    /// Returns whether a part of its changes may remain if it fails.
    pub fn may_fail_halfway(&self, facts: &Facts) -> bool {
        if self.commit(facts) == Commit::Together {
            return false;
        }
        let tokens = self.tokens(facts.dialect);
        if facts.transactional_ddl {
            return commits_within(&tokens) || removed_concurrently(&tokens).is_some();
        }
        match classify(&tokens) {
            StatementClass::Schema => !facts.atomic_lists && is_done_in_parts(&tokens),
            StatementClass::Unknown => runs_others(&tokens),
            _ => false,
        }
    }
}

/// Returns whether a statement that failed with this error had not begun.
pub fn has_not_begun(statement: &str, dialect: Dialect, error: &DatabaseError) -> bool {
    match error.meaning {
        Meaning::NotBegun => true,
        Meaning::Failed => error.code.is_empty() && REFUSED.contains(&error.kind),
        // A statement that it runs may be the one that cannot be parsed.
        Meaning::NotParsed => !Tokens::new(statement, dialect).mentions(&["CALL", "EXECUTE"]),
        _ => false,
    }
}

/// Returns whether a DDL statement is not atomic: it names several objects, or drops an object before it creates another.
fn is_done_in_parts(tokens: &Tokens<'_>) -> bool {
    let words: Vec<String> = tokens.identifiers().iter().map(|word| word.to_ascii_uppercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["DROP", "DATABASE" | "SCHEMA", ..] => true,
        ["CREATE", "OR", "REPLACE", "TABLE" | "SEQUENCE", ..] => true,
        ["DROP" | "GRANT" | "REVOKE", ..]
        | ["CREATE" | "ALTER" | "RENAME", "USER" | "ROLE", ..]
        | ["CREATE", "OR", "REPLACE", "USER" | "ROLE", ..] => has_list(tokens),
        _ => false,
    }
}

fn runs_others(tokens: &Tokens<'_>) -> bool {
    let is_program = |word: &str| PROGRAMS.iter().any(|it| it.eq_ignore_ascii_case(word));
    open_run_comments(tokens).is_some() || tokens.identifiers().iter().take(2).any(|word| is_program(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallKind;

    fn call(text: &str) -> Call<'_> {
        Call { kind: CallKind::Statement, text, parameters: "" }
    }

    #[test]
    fn statements_that_are_not_atomic_may_fail_halfway() {
        let mariadb = Facts { atomic_ddl: true, ..Facts::of_dialect(Dialect::Mariadb) };
        for (text, halfway) in [
            ("DROP TABLE a, b", true),
            ("/* why */ drop view a, b", true),
            ("DROP TABLE a", false),
            ("DROP DATABASE d", true),
            ("CREATE OR REPLACE TABLE t AS SELECT 1", true),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", false),
            ("CREATE TABLE t (a INT, b INT)", false),
            ("ALTER TABLE t ADD a INT, ADD b INT", false),
            ("CREATE USER a, b", true),
            ("CREATE USER a IDENTIFIED BY 'x,y'", false),
            ("GRANT SELECT (a, b) ON t TO u", false),
            ("GRANT SELECT ON t TO u, v", true),
            ("CALL p()", true),
            ("BEGIN NOT ATOMIC SELECT 1; END", true),
            ("a: LOOP LEAVE a; END LOOP", true),
            ("EXECUTE IMMEDIATE 'SELECT 1'", true),
            ("/*!50000 CALL p() */", true),
            ("PREPARE s FROM 'SELECT 1'", false),
            ("CREAT TABLE t (a INT)", false),
            ("INSERT INTO t VALUES (1), (2)", false),
        ] {
            assert_eq!(call(text).may_fail_halfway(&mariadb), halfway, "{text}");
        }
        assert!(!call("DROP TABLE a, b").may_fail_halfway(&Facts { atomic_lists: true, ..mariadb }));
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            assert!(!call("CALL p()").may_fail_halfway(&Facts::of_dialect(dialect)));
        }
        let postgres = Facts::of_dialect(Dialect::Postgres);
        assert!(call("DO $$ BEGIN COMMIT; END $$").may_fail_halfway(&postgres));
        assert!(!call("DO $$ BEGIN END $$").may_fail_halfway(&postgres));
        assert!(!call("CREATE INDEX CONCURRENTLY i ON t (a)").may_fail_halfway(&postgres));
        assert!(call("DROP INDEX CONCURRENTLY i").may_fail_halfway(&postgres));
        assert!(call("ALTER TABLE t DETACH PARTITION p CONCURRENTLY").may_fail_halfway(&postgres));
        assert!(!call("ALTER TABLE t DETACH PARTITION p").may_fail_halfway(&postgres));
    }

    #[test]
    fn a_statement_refused_because_of_its_text_has_not_begun() {
        let error = |kind, code: &str| DatabaseError::new(kind, "no").code(code);
        let mariadb = Dialect::Mariadb;
        let (denied, syntax) = (DatabaseErrorKind::Denied, DatabaseErrorKind::Syntax);
        assert!(has_not_begun("CALL p()", mariadb, &error(denied, "")));
        assert!(!has_not_begun("CALL p()", mariadb, &error(denied, "1142")));
        assert!(!has_not_begun("CALL p()", mariadb, &error(denied, "").means(Meaning::Ran)));
        assert!(has_not_begun("CALL p()", mariadb, &error(syntax, "1305").means(Meaning::NotBegun)));
        let not_parsed = error(syntax, "1064").means(Meaning::NotParsed);
        assert!(!has_not_begun("CALL p(", mariadb, &not_parsed));
        assert!(has_not_begun("BEGIN NOT ATOMIC SELEC 1; END", mariadb, &not_parsed));
        assert!(!has_not_begun("BEGIN NOT ATOMIC EXECUTE s; END", mariadb, &not_parsed));
        assert!(!has_not_begun("CALL p()", mariadb, &error(DatabaseErrorKind::Limit, "")));
    }
}
