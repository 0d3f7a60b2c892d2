use super::*;
use Dialect::{Mariadb, Mysql, Postgres, Sqlite};

const ALL: [Dialect; 4] = [Sqlite, Postgres, Mysql, Mariadb];

fn texts(text: &str, dialect: Dialect) -> Vec<&str> {
    split(text, dialect).expect(text).into_iter().map(|statement| statement.text).collect()
}

#[test]
fn statements_have_their_text_and_line() {
    let script =
        "-- first\n\nCREATE TABLE a (b TEXT); /* and */ INSERT INTO a\n  VALUES ('x;y') -- no; end\n;;\n\nSELECT 1";
    for dialect in ALL {
        let statements = split(script, dialect).expect("a script");
        let found: Vec<_> = statements.iter().map(|statement| (statement.line, statement.text)).collect();
        let expected = [(3, "CREATE TABLE a (b TEXT)"), (3, "INSERT INTO a\n  VALUES ('x;y')"), (7, "SELECT 1")];
        assert_eq!(found, expected, "{dialect}");
    }
    for dialect in ALL {
        let drizzle = "CREATE TABLE a (b INT);--> statement-breakpoint\nCREATE TABLE c (d INT);\n--> statement-breakpoint\nSELECT 1;";
        assert_eq!(
            texts(drizzle, dialect),
            ["CREATE TABLE a (b INT)", "CREATE TABLE c (d INT)", "SELECT 1"],
            "{dialect}"
        );
    }
    for nothing in ["", " \n;; ;", "-- only\n/* words; */;"] {
        assert_eq!(texts(nothing, Sqlite), [""; 0]);
    }
}

#[test]
fn semicolons_in_quotes_and_comments_do_not_end_statements() {
    for (dialect, statement) in [
        (Sqlite, r#"SELECT 'it''s;', "a"";", `b``;`, [c;]"#),
        (Sqlite, r"SELECT 'back\', ';'"),
        (Postgres, r#"SELECT 'it''s;', "a"";", 'back\', ';'"#),
        (Postgres, r"SELECT E'it\'s;', e'\\', 1"),
        (Postgres, "SELECT E'one'\n  'two\\';', 3"),
        (Postgres, "SELECT $$a;b$$, $x$ $$;$$ $y$; $x$, a$b$c, $1"),
        (Postgres, "SELECT 1 /* a /* b; */ c; */ + 2"),
        (Postgres, "SELECT ARRAY[1, 2][1]"),
        (Mysql, r#"SELECT 'it\'s;', "a\";", 'b'';', `c``;`"#),
        (Mysql, "SELECT 1 # a; b\n + 2"),
        (Mysql, "SELECT 5--1"),
        (Mariadb, "/*!50001 CREATE VIEW a AS SELECT 1; */"),
        (Mariadb, "/*M! SET x = 1; */"),
    ] {
        assert_eq!(texts(&format!("{statement};\nSELECT 2;"), dialect), [statement, "SELECT 2"], "{dialect}");
    }
    assert_eq!(texts("SELECT 1 /* a /* b; */; SELECT 2", Sqlite), ["SELECT 1", "SELECT 2"]);
    assert_eq!(texts("SELECT 1 -- a; b\n; SELECT 2", Mysql), ["SELECT 1", "SELECT 2"]);
}

#[test]
fn leading_comments_are_dropped_and_inner_ones_kept() {
    assert_eq!(texts("/* a */ SELECT /* b */ 1 /* c */;", Sqlite), ["SELECT /* b */ 1"]);
}

#[test]
fn bodies_are_not_split() {
    for (dialect, statement) in [
        (Sqlite, "CREATE TRIGGER a AFTER UPDATE ON b BEGIN UPDATE c SET d = CASE WHEN 1 THEN 2 END; SELECT 1; END"),
        (Sqlite, "create temp trigger if not exists a after insert on b begin select case 1 when 1 then 2 end; end"),
        (Sqlite, "CREATE TRIGGER a BEFORE DELETE ON b BEGIN SELECT RAISE(ABORT, 'no; END;'); -- the\nEND"),
        (Postgres, "CREATE FUNCTION a() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END"),
        (Postgres, "CREATE OR REPLACE PROCEDURE a() LANGUAGE SQL BEGIN ATOMIC INSERT INTO b VALUES (1); END"),
        (Postgres, "CREATE FUNCTION a() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$"),
        (Postgres, "CREATE RULE a AS ON INSERT TO b DO ALSO (DELETE FROM c; DELETE FROM d)"),
        (Postgres, "DO $do$ BEGIN PERFORM 1; END $do$"),
        (
            Mysql,
            "CREATE DEFINER=`me`@`%` PROCEDURE a(IN x INT) BEGIN DECLARE i INT; IF x > 1 THEN SET i = IF(x, 1, 2); \
             ELSEIF x THEN SET i = 1; END IF; WHILE i DO SET i = i - 1; END WHILE; one: LOOP LEAVE one; END LOOP; \
             CASE i WHEN 1 THEN SELECT 1; END CASE; SELECT CASE WHEN 1 THEN 2 END; REPEAT SET i = 1; UNTIL i END REPEAT; END",
        ),
        (Mysql, "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW SET NEW.c = 1"),
        (Mysql, "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN SET NEW.c = 1; SET NEW.d = 2; END"),
        (
            Mysql,
            "CREATE DEFINER=CURRENT_USER() TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN SET NEW.c = 1; SET NEW.d = 2; END",
        ),
        (Mysql, "CREATE DEFINER=user@localhost PROCEDURE a() BEGIN SELECT 1; SELECT 2; END"),
        (Mysql, "CREATE SQL SECURITY DEFINER VIEW a AS SELECT f(b) AS event FROM c"),
        (Mysql, "CREATE TABLE event (a INT, `begin` INT, b INT DEFAULT (IF(1, 2, 3)))"),
        (Mariadb, "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END"),
        (Mysql, "CREATE FUNCTION a() RETURNS INT RETURN REPEAT('x', 2)"),
        (Mysql, "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW IF NEW.c < 0 THEN SET NEW.c = 0; END IF"),
        (
            Mysql,
            "CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW FOLLOWS c CASE NEW.d WHEN 1 THEN SET @e = 1; END CASE",
        ),
        (Mariadb, "CREATE PROCEDURE IF NOT EXISTS a(n INT) WHILE n > 0 DO SET n = n - 1; END WHILE"),
        (Mysql, "CREATE PROCEDURE a() one: LOOP LEAVE one; END LOOP"),
        (Mysql, "CREATE EVENT a ON SCHEDULE EVERY 1 DAY DO IF @b THEN DELETE FROM c; END IF"),
        (
            Mysql,
            "CREATE FUNCTION a(b INT) RETURNS INT READS SQL DATA COMMENT 'x' IF b THEN RETURN 1; ELSE RETURN 2; END IF",
        ),
        (Mysql, "CREATE FUNCTION a(b INT) RETURNS INT IF b THEN RETURN IF(b > 1, 1, 2); END IF"),
        (Mysql, "CREATE PROCEDURE a() SELECT b FROM c WHERE b IN (1) FOR UPDATE"),
        (
            Mysql,
            "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN SET NEW.end = NEW.begin; SET @end = 1; SET NEW.d = 2; END",
        ),
        (
            Mysql,
            "CREATE FUNCTION a(b INT) RETURNS INT BEGIN RETURN CASE WHEN b > 1 THEN IF(b > 2, 1, 2) ELSE IF(b, 3, 4) END; END",
        ),
        (
            Mysql,
            "CREATE PROCEDURE a(b INT) BEGIN CASE WHEN CASE b WHEN 1 THEN 2 END > 1 THEN IF b THEN SELECT 1; END IF; ELSE \
             SELECT IF(b, 1, 2); END CASE; END",
        ),
    ] {
        assert_eq!(texts(&format!("{statement};\nSELECT 2;"), dialect), [statement, "SELECT 2"], "{dialect}");
        assert_eq!(texts(statement, dialect), [statement], "{dialect}: without the last semicolon");
    }
}

#[test]
fn transaction_control_is_split_too() {
    for dialect in ALL {
        assert_eq!(
            texts("BEGIN; SELECT 1; END; SELECT 2", dialect),
            ["BEGIN", "SELECT 1", "END", "SELECT 2"],
            "{dialect}"
        );
    }
}

#[test]
fn delimiters_are_honoured() {
    let script = "SELECT 1;\nDELIMITER $$\nCREATE PROCEDURE a() BEGIN SELECT 1; SELECT '$$'; END$$\n\
                  CREATE PROCEDURE b() SELECT 2 $$\ndelimiter ;\nSELECT 3;";
    let expected = [
        "SELECT 1",
        "CREATE PROCEDURE a() BEGIN SELECT 1; SELECT '$$'; END",
        "CREATE PROCEDURE b() SELECT 2",
        "SELECT 3",
    ];
    assert_eq!(texts(script, Mysql), expected);
    assert_eq!(texts("DELIMITER //\nSELECT 1//SELECT 4/2//", Mariadb), ["SELECT 1", "SELECT 4/2"]);
    assert_eq!(split("\nDELIMITER\n", Mysql).expect_err("no sign").line, 2);
}

#[test]
fn unterminated_texts_have_line_numbers() {
    for (dialect, script, line, message) in [
        (Sqlite, "SELECT 1;\nSELECT 'a;", 2, "unterminated string that starts with `'`"),
        (Sqlite, "SELECT [a", 1, "unterminated quoted name that starts with `[`"),
        (Postgres, "SELECT $a$ $$", 1, "unterminated string that starts with `$a$`"),
        (Postgres, "\n/* /* */", 2, "unterminated comment that starts with `/*`"),
        (Mysql, r"SELECT 'a\'", 1, "unterminated string that starts with `'`"),
        (
            Sqlite,
            "SELECT 1;\n\nCREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1;",
            3,
            "the trigger has no `END` after the last `;` of its body",
        ),
        (Mysql, "CREATE PROCEDURE a() BEGIN SELECT 1;", 1, "the body has a `BEGIN` without an `END`"),
        (Mysql, "CREATE PROCEDURE a() BEGIN SELECT CASE 1; END;", 1, "the body has a `BEGIN` without an `END`"),
        (
            Mysql,
            "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW IF NEW.c THEN SET NEW.c = 0;",
            1,
            "the body has an `IF` or a loop without its `END`",
        ),
    ] {
        let error = split(script, dialect).expect_err(script);
        assert_eq!((error.line, error.message.as_str()), (line, message));
    }
}

#[test]
fn client_commands_are_refused() {
    for (dialect, script, line, message) in [
        (Postgres, "SELECT 1;\n\\connect other\n", 2, "`\\connect` is a command of psql, not of the server"),
        (Postgres, "SELECT 1 \\gexec", 1, "`\\gexec` is a command of psql, not of the server"),
        (
            Postgres,
            "SELECT 1;\nCOPY t (a, b) TO stdout WITH (FORMAT csv);\n",
            2,
            "`COPY` from or to the client is for files with its rows, and for psql",
        ),
        (Postgres, "SELECT 1;\n\nCOPY t FROM stdin;\n1\n2\n", 3, "the rows of `COPY` from the client have no end"),
        (Postgres, "COPY t FROM stdin;", 1, "`COPY` from the client has no rows"),
        (Postgres, "COPY t FROM stdin; SELECT 1;\n\\.\n", 1, "`COPY` from the client has more in its line"),
        (
            Postgres,
            "SET standard_conforming_strings = off;",
            1,
            "`standard_conforming_strings` would change how the rest of the script is parsed",
        ),
        (Mariadb, "SELECT 1;\nSOURCE more.sql;", 2, "`SOURCE` is a command of the client, not of the server"),
        (Mysql, "tee log.txt", 1, "`tee` is a command of the client, not of the server"),
        (Mysql, "SELECT 1\\G", 1, "`\\G` is a command of the client, not of the server"),
        (
            Mariadb,
            "SET sql_mode = CONCAT(@@sql_mode, ',no_backslash_escapes')",
            1,
            "the SQL mode `NO_BACKSLASH_ESCAPES` would change how the rest of the script is parsed",
        ),
    ] {
        let error = split(script, dialect).expect_err(script);
        assert_eq!((error.line, error.message.as_str()), (line, message));
        assert!(error.hint.is_some());
    }
    for (dialect, script) in [
        (Postgres, "SELECT '\\connect', E'\\\\', $$\\.$$"),
        (Postgres, "COPY t FROM '/srv/rows.csv'"),
        (Postgres, "SET standard_conforming_strings = on"),
        (Postgres, "COPY (SELECT 'from stdin') TO PROGRAM 'cat'"),
        (Mysql, "SET sql_mode = 'STRICT_ALL_TABLES'"),
        (Mysql, "SELECT \\N"),
        (Mysql, "SELECT 1\n--1"),
        (Sqlite, "SELECT 1 WHERE 'a' LIKE 'b' ESCAPE '\\'"),
    ] {
        assert_eq!(texts(script, dialect), [script], "{dialect}");
    }
}

/// The rows belong to their statement, whatever is in them.
#[test]
fn rows_that_are_copied_are_no_statements() {
    let copy = "COPY public.t (a, b) FROM stdin;\n1\tit's; \\\\ -- /*\n2\t\\N\n\\.";
    let script = format!("SELECT 1;\n-- t\n{copy}\n\nSELECT 2");
    assert_eq!(texts(&script, Postgres), ["SELECT 1", copy, "SELECT 2"]);
    let found = split(&script, Postgres).expect("statements");
    assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [1, 3, 8]);
    assert_eq!((found[1].class, found[1].tokens().text()), (StatementClass::Rows, "COPY public.t (a, b) FROM stdin"));
    // psql reads it as it is, and what follows it.
    assert_eq!(crate::client_script(&script, Postgres), format!("{script}\n;"));
    assert_eq!(crate::client_script(&format!("{copy}\n"), Postgres), copy);
}

/// A deterministic number generator, so that a failure can be reproduced.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("small")
    }
}

#[test]
fn statements_round_trip() {
    let pieces = |dialect| match dialect {
        Sqlite => vec![
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT CASE 1 WHEN 1 THEN 2 END; END",
            "SELECT [a;]",
        ],
        Postgres => vec!["SELECT $q$;$q$", "SELECT E'\\';'", "CREATE FUNCTION a() BEGIN ATOMIC SELECT 1; END"],
        _ => vec!["SELECT '\\';'", "SELECT `;`", "CREATE PROCEDURE a() BEGIN SELECT 1; END"],
    };
    let blanks = [" ", "\n", "\t", " -- a; b '\n", "/* ; \" */", "\n\n;", ""];
    for (seed, dialect) in (0..2_000).flat_map(|seed| ALL.map(|dialect| (seed, dialect))) {
        let mut numbers = Numbers(seed);
        let pieces: Vec<&str> =
            [pieces(dialect), vec!["SELECT ';'", "DELETE FROM \"a;\"", "é", "SELECT 1 /* ; */ + 1", "-1"]].concat();
        let mut script = String::new();
        let mut expected = Vec::new();
        for _ in 0..numbers.below(6) {
            for _ in 0..numbers.below(4) {
                script.push_str(blanks[numbers.below(blanks.len())]);
            }
            let piece = pieces[numbers.below(pieces.len())];
            expected.push((script.matches('\n').count() + 1, piece));
            script.push_str(piece);
            script.push_str(blanks[numbers.below(2)]);
            script.push(';');
        }
        let found =
            split(&script, dialect).unwrap_or_else(|error| panic!("{dialect}, seed {seed}: {error:?}\n{script}"));
        let found: Vec<_> = found.into_iter().map(|statement| (statement.line, statement.text)).collect();
        assert_eq!(found, expected, "{dialect}, seed {seed}\n{script}");
    }
}

/// For any text: no panic, statements in order, and between them only blanks, comments and semicolons.
#[test]
fn no_text_is_lost() {
    let parts = [
        "'",
        "\"",
        "`",
        "[",
        "]",
        "$",
        "$a$",
        "$$",
        ";",
        "\n",
        " ",
        "--",
        "- ",
        "/*",
        "*/",
        "\\",
        "e'",
        "#",
        "CREATE ",
        "ROW ",
        ".",
        "@",
        "THEN ",
        "TRIGGER ",
        "FUNCTION ",
        "BEGIN ",
        "END",
        "CASE ",
        "IF ",
        "(",
        ")",
        "é",
        "x",
        "1",
        "ATOMIC ",
        ":",
        "OR ",
        "REPLACE ",
    ];
    for (seed, dialect) in (0..20_000).flat_map(|seed| ALL.map(|dialect| (seed, dialect))) {
        let mut numbers = Numbers(seed);
        let script: String = (0..numbers.below(16)).map(|_| parts[numbers.below(parts.len())]).collect();
        let Ok(statements) = split(&script, dialect) else { continue };
        let mut rest = script.as_str();
        // The clients of MySQL and MariaDB leave out lines that begin with two dashes.
        let is_mysql = matches!(dialect, Mysql | Mariadb);
        let is_lost = |text: &str| {
            let kept = text.lines().filter(|line| !is_mysql || !line.trim_start().starts_with("--"));
            super::super::has_statement(&kept.collect::<Vec<_>>().join("\n"), dialect)
        };
        for statement in statements {
            assert_eq!(statement.class, classify(&statement.tokens()), "{dialect}, seed {seed}: {script}");
            let start = statement.text.as_ptr() as usize - rest.as_ptr() as usize;
            assert!(!is_lost(&rest[..start]), "{dialect}, seed {seed}: {script}");
            rest = &rest[start + statement.text.len()..];
        }
        assert!(!is_lost(rest), "{dialect}, seed {seed}: {script}");
    }
}

#[test]
fn a_marked_program_is_one_statement() {
    let script = "CREATE TABLE t (a INT);\n-- +goose StatementBegin\nCREATE DEFINER=CURRENT_USER() TRIGGER x BEFORE INSERT ON t FOR EACH ROW\nlabel: BEGIN\n  \
                  IF NEW.a THEN SET @a = 1; END IF;\nEND;\n-- +goose StatementEnd\nDROP TABLE t;";
    let program = "CREATE DEFINER=CURRENT_USER() TRIGGER x BEFORE INSERT ON t FOR EACH ROW\nlabel: BEGIN\n  IF NEW.a THEN SET @a = 1; END IF;\nEND";
    assert_eq!(texts(script, Mariadb), ["CREATE TABLE t (a INT)", program, "DROP TABLE t"]);
    // Plain statements in a block are still several.
    let script = "-- +goose StatementBegin\nSELECT 1; SELECT 2;\n-- +goose StatementEnd\nSELECT 3";
    for dialect in ALL {
        assert_eq!(texts(script, dialect), ["SELECT 1", "SELECT 2", "SELECT 3"]);
    }
}

#[test]
fn what_a_dump_says_to_psql_alone_is_no_statement() {
    let script = "\\restrict a1B2\nSELECT 1;\n\\unrestrict a1B2\n";
    assert_eq!(texts(script, Postgres), ["SELECT 1"]);
    assert!(split("SELECT 1 \\restrict a", Postgres).is_err());
}

#[test]
fn commands_of_the_sqlite3_shell_and_of_psql_are_refused_by_name() {
    let refused = |script, dialect| split(script, dialect).map(drop).expect_err(script);
    for (script, line, message, hint) in [
        (".mode box\nSELECT 1;", 1, "`.mode` is a command of the sqlite3 shell, not SQL", "remove it"),
        ("SELECT 1;\n.read a.sql\n", 2, "`.read` is a command of the sqlite3 shell, not SQL", "copy the statements"),
        (
            "\\set ON_ERROR_STOP on\nSELECT 1",
            1,
            "`\\set` is a command of psql, not of the server",
            "remove it: a migration",
        ),
    ] {
        let error = refused(script, Sqlite);
        assert_eq!((error.line, error.message.as_str()), (line, message));
        assert!(error.hint.is_some_and(|it| it.starts_with(hint)), "{script}");
    }
    assert!(refused("\\set ON_ERROR_STOP on\nSELECT 1", Postgres).hint.is_some_and(|it| it.starts_with("remove it")));
    assert_eq!(texts("SELECT .5;\nSELECT a\n.b FROM a", Sqlite).len(), 2);
}

#[test]
fn what_looks_like_a_space_is_none() {
    for dialect in ALL {
        let error = split("SELECT 1;\nCREATE TABLE a(x\u{a0}int)", dialect).map(drop).expect_err("no space");
        assert_eq!(error.line, 2);
        assert_eq!(error.message, "U+00A0 looks like a space or like nothing, and is a letter to SQL: `x<U+00A0>int`");
        assert!(split("SELECT a\u{200b} FROM b", dialect).is_err());
        assert!(split("SELECT 'a\u{a0}b', größe -- \u{a0}", dialect).is_ok());
    }
}

/// The clients of MySQL and MariaDB leave out such a line where a statement may begin, and nowhere else.
#[test]
fn two_dashes_without_a_space_are_a_comment_between_statements() {
    let script = "--liquibase\nSELECT 1;\n  --------\nSELECT 2\n--x\n; --y\n";
    assert_eq!(
        texts("--a\nSELECT 1;\n  --b; c\nSELECT 2\n--1;\n--end", Dialect::Mariadb),
        ["SELECT 1", "SELECT 2\n--1"]
    );
    assert_eq!(texts(script, Dialect::Mysql), ["SELECT 1", "SELECT 2\n--x", "--y"]);
}
