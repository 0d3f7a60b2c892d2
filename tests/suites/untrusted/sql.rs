//! Mutated SQL: split or refused, and everything that was read is in the pieces or between them.

use super::*;
use runner_sql::Tokens;

const WRITTEN: [&str; 12] = [
    "-- runner:summary x\nCREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT DEFAULT 'it''s; not');\nINSERT INTO a VALUES (1, 'x');",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = CASE WHEN 1 THEN 'x' END; DELETE FROM c; END;\nSELECT 1",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN RETURN 1; END $body$;\nSELECT $1, E'a\\'b;', U&'\\0041';",
    "CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; SELECT 2; END; /* a /* nested */ comment; */ SELECT \"a;b\", [c;d], `e;f`;",
    "DELIMITER //\nCREATE PROCEDURE p() BEGIN DECLARE x INT; IF x THEN SELECT 1; END IF; END//\nDELIMITER ;\nSELECT 1; # c ; \nSELECT 2",
    "/*!50001 CREATE VIEW v AS SELECT 1 */;\n/*M! SELECT 1 */; SELECT 1 --comment\n; SELECT 'a\\'b;c';",
    "-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION f() BEGIN SELECT 1; END;\n-- +goose StatementEnd\n-- +goose Down\nDROP TABLE a;",
    "-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down transaction:false\nDROP TABLE a;",
    "\\restrict abc\nSET x = 1;\nSELECT pg_catalog.set_config('search_path', '', false);\n\\unrestrict abc\n",
    "CREATE INDEX CONCURRENTLY i ON a (b);\nALTER TYPE e ADD VALUE 'x';\nVACUUM;\nPRAGMA journal_mode = wal; ATTACH 'x' AS y;",
    "INSERT INTO a SELECT '${name}', ${$}{x}, ?1, :b, @c, $2 FROM b WHERE random() < now() ORDER BY 1 DESC LIMIT 5;",
    "BEGIN NOT ATOMIC SELECT 1; END;\nLOAD DATA INFILE 'x' INTO TABLE y; REPLACE INTO a VALUES (x'00', b'1', 0x1F, 1e5, .5);",
];

const WORDS: [&str; 40] = [
    ";",
    "'",
    "\"",
    "`",
    "[",
    "]",
    "$$",
    "$a$",
    "--",
    "-- ",
    "/*",
    "*/",
    "/*!",
    "#",
    "\\",
    "E'",
    "BEGIN ",
    "END",
    "END;",
    "CASE ",
    "CREATE TRIGGER t ",
    "CREATE PROCEDURE p() ",
    "BEGIN ATOMIC ",
    "LOOP ",
    "IF ",
    "END IF;",
    "DELIMITER ",
    "DELIMITER $$\n",
    "//",
    "$$;",
    "\n-- +goose StatementBegin\n",
    "\n-- +goose StatementEnd\n",
    "-- runner:",
    "${",
    "}",
    "?",
    "(",
    ")",
    "COPY a FROM stdin;\n",
    "\\.\n",
];

fn corpus() -> Corpus {
    let mut texts = contents("examples", ".sql");
    texts.extend(contents("tests/trees", ".sql"));
    texts.extend(WRITTEN.map(|text| text.as_bytes().to_vec()));
    texts.retain(|text| text.len() < 8 << 10);
    Corpus::new(texts, &WORDS)
}

/// What a splitter may leave out is blank; on MySQL and MariaDB also lines that begin with two dashes, and `DELIMITER` lines and what they
/// name, in a text that has its own.
fn is_gap(gap: &str, dialect: runner::Dialect, has_own: bool) -> bool {
    let is_mysql = matches!(dialect, runner::Dialect::Mysql | runner::Dialect::Mariadb);
    let kept = |line: &&str| !(is_mysql && line.trim_start().starts_with("--"));
    let gap = gap.lines().filter(kept).collect::<Vec<_>>().join("\n");
    !runner_sql::has_statement(&gap, dialect) || gap.contains('\\') || has_own && is_mysql
}

#[test]
fn pieces_and_gaps_give_the_text_back() {
    try_on(&corpus(), "splitting", |input| {
        let text = String::from_utf8_lossy(input);
        let has_own = text.to_ascii_uppercase().contains("DELIMITER") || text.contains("/*");
        for dialect in DIALECTS {
            let Ok(pieces) = runner_sql::split(&text, dialect) else { continue };
            // Counted on from piece to piece: there may be thousands of them.
            let (mut end, mut line, mut counted) = (0, 1, 0);
            for piece in &pieces {
                let start = piece.text.as_ptr() as usize - text.as_ptr() as usize;
                assert!(
                    end <= start && start + piece.text.len() <= text.len(),
                    "{dialect:?} {text:?}: {piece:?} is out of order"
                );
                assert!(
                    is_gap(&text[end..start], dialect, has_own),
                    "{dialect:?} {text:?}: {:?} is lost",
                    &text[end..start]
                );
                line += text[counted..start].matches('\n').count();
                counted = start;
                assert_eq!(piece.line, line, "{dialect:?} {text:?}: {piece:?}");
                assert!(!piece.text.is_empty(), "{dialect:?} {text:?}: an empty piece");
                end = start + piece.text.len();
            }
            assert!(is_gap(&text[end..], dialect, has_own), "{dialect:?} {text:?}: {:?} is lost", &text[end..]);
        }
    });
}

#[test]
fn everything_else_that_reads_sql() {
    try_on(&corpus(), "statements", |input| {
        let text = String::from_utf8_lossy(input);
        ends(runner_sql::sections(&text, None));
        // One dialect for each input: they share the lexer.
        let dialect = DIALECTS[input.len() % DIALECTS.len()];
        ends((
            runner_sql::Sql::from(&*text).program(dialect).map(|program| program.units(true)),
            runner_sql::Directives::parse(&text, dialect),
            runner_sql::has_parameters(&text, dialect),
        ));
        ends((
            runner_sql::placeholders(&text, dialect),
            runner_sql::placeholders::fill(&text, dialect, &Default::default()),
        ));
        let pieces = runner_sql::split(&text, dialect).unwrap_or_default();
        ends(runner_sql::late_enum_value(pieces.iter().copied()));
        for piece in pieces.iter().map(|piece| piece.text).chain([&*text]) {
            let tokens = &Tokens::new(piece, dialect);
            ends((runner_sql::classify(tokens), tokens.identifiers().len(), runner_sql::affected_tables(tokens)));
            ends((runner_sql::qualifiers(tokens), runner_sql::words(tokens), runner_sql::canonical(piece, dialect)));
            ends((runner_sql::concurrent_index(tokens), runner_sql::removed_concurrently(tokens)));
            ends(runner_sql::session_values(tokens));
            ends((
                runner_sql::objects::objects(tokens, None),
                runner_sql::session_effects::session_effects(tokens),
                runner_sql::excerpt(piece),
            ));
            ends(runner_sql::volatile::volatile_calls(tokens));
            ends((runner_sql::classify::reads(tokens), runner_sql::classify::temporary_table(tokens)));
            ends((runner_sql::classify::open_run_comments(tokens), runner_sql::order::is_unordered(tokens, 10)));
        }
    });
}
