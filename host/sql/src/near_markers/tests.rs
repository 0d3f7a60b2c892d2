use super::super::sections::sections;
use super::*;

/// What an upgrade would run of a file, or why it is refused.
fn upgrade(text: &str) -> Result<String, SqlError> {
    let up = match sections(text, None)? {
        Some(sections) => sections.up.text,
        None => text.to_owned(),
    };
    match near_marker(&up, None) {
        Some(error) => Err(error),
        None => Ok(up),
    }
}

/// The markers of known tools, of both directions.
const KNOWN: [(&str, &str); 17] = [
    ("-- +goose Up", "-- +goose Down"),
    ("-- +migrate Up", "-- +migrate Down"),
    ("-- +micrate Up", "-- +micrate Down"),
    ("-- migrate:up", "-- migrate:down"),
    ("-- Up Migration", "-- Down Migration"),
    ("-- Up Migration: create it", "-- Down Migration: drop it"),
    ("-- Up Migrations", "-- Down Migrations"),
    ("-- Up", "-- Down"),
    ("-- rambler up", "-- rambler down"),
    ("-- ==== UP ====", "-- ==== DOWN ===="),
    ("-- ------- MIGRONDI:UP:1586550686936 -------", "-- ------- MIGRONDI:DOWN:1586550686936 -------"),
    ("# --- !Ups", "# --- !Downs"),
    ("-- migration up", "-- migration down"),
    ("-- upgrade", "-- downgrade"),
    ("-- up:", "-- down:"),
    ("-- // create it", "-- //@UNDO"),
    ("-- create it", "---- create above / drop below ----"),
];

/// What is replaced in a text, in characters, and by which.
type Edit = (Range<usize>, [Option<char>; 2]);

/// All edits that change a text by one step. Few of them are spelled: pairs of them are millions.
fn edits(text: &str) -> Vec<Edit> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    for at in 0..=chars.len() {
        for new in "xo s:-+/;\t".chars() {
            found.push((at..at, [Some(new), None]));
            if at < chars.len() {
                found.push((at..at + 1, [Some(new), None]));
            }
        }
        if at < chars.len() {
            found.push((at..at + 1, [None, None]));
            let swapped =
                if chars[at].is_lowercase() { chars[at].to_ascii_uppercase() } else { chars[at].to_ascii_lowercase() };
            found.push((at..at + 1, [Some(swapped), None]));
        }
        if at + 1 < chars.len() {
            found.push((at..at + 2, [Some(chars[at + 1]), Some(chars[at])]));
        }
    }
    found
}

/// The text after an edit.
fn edited(text: &str, (range, new): &Edit) -> String {
    let chars = || text.chars();
    chars().take(range.start).chain(new.iter().copied().flatten()).chain(chars().skip(range.end)).collect()
}

/// A line that still is a comment, which the edit did not make one of another kind: others are errors to the server.
fn is_comment(line: &str, dialect: Dialect) -> bool {
    !has_statement(line, dialect)
}

fn never_runs_the_downgrade(up: &str, down: &str) {
    let text = format!("{up}\nCREATE TABLE a (x int);\n{down}\nDROP TABLE a;\n");
    match upgrade(&text) {
        Ok(run) => assert!(!run.contains("DROP"), "{text}"),
        Err(error) => assert!(error.line > 0 && error.hint.is_some(), "{text}: {error:?}"),
    }
}

#[test]
fn no_spelling_within_two_edits_of_a_marker_runs_a_downgrade() {
    for (up, down) in KNOWN {
        let dialect = if down.starts_with('#') { Dialect::Mysql } else { Dialect::Postgres };
        let is_prose = |line: &str| line.trim_matches(|c: char| "-#; \t".contains(c)).is_empty();
        never_runs_the_downgrade(up, down);
        let of_down = edits(down);
        for (number, edit) in of_down.iter().enumerate() {
            let once = edited(down, edit);
            if is_comment(&once, dialect) {
                never_runs_the_downgrade(up, &once);
            }
            // A sample of all pairs of edits.
            for edit in edits(&once).iter().skip(number % 997).step_by(997) {
                let twice = edited(&once, edit);
                if is_comment(&twice, dialect) && !is_prose(&twice) {
                    never_runs_the_downgrade(up, &twice);
                }
            }
        }
        // One edit in each.
        for (number, edit) in edits(up).iter().enumerate() {
            let wrong = edited(up, edit);
            if !is_comment(&wrong, dialect) {
                continue;
            }
            never_runs_the_downgrade(&wrong, down);
            for edit in of_down.iter().skip(number % 499).step_by(499) {
                let other = edited(down, edit);
                if is_comment(&other, dialect) && !is_prose(&wrong) {
                    never_runs_the_downgrade(&wrong, &other);
                }
            }
        }
    }
}

#[test]
fn a_comment_that_is_nearly_a_marker_is_refused_with_the_marker() {
    let told = |text: &str| upgrade(text).map_err(|error| (error.line, error.message, error.hint.unwrap_or_default()));
    let split =
        "split the file at this line into `NAME.up.sql` and `NAME.down.sql`; if the line is only a comment, reword it";
    for (text, line, message, hint) in [
        (
            "A;\n-- Down Migration for users\nB;",
            2,
            "`-- Down Migration for users` divides the file in a way that is not supported",
            split.to_owned(),
        ),
        (
            "-- migrate:up\nA;\n-- migrat:down\nB;",
            3,
            "`-- migrat:down` is nearly the marker `migrate:down`, which begins a downgrade",
            format!("write `-- migrate:down`, or {split}"),
        ),
        (
            "-- Up\nA;\n-- Dwon\nB;",
            3,
            "`-- Dwon` is nearly the marker `down`, which begins a downgrade",
            split.to_owned(),
        ),
        ("A;\n-- Down\nB;", 2, "`-- Down` divides the file in a way that is not supported", split.to_owned()),
        ("A;\n--rollback\nB;", 2, "`--rollback` divides the file in a way that is not supported", split.to_owned()),
        (
            "-- Up Migration\n;-- Down Migrations!\nB;",
            2,
            "`-- Down Migrations!` divides the file in a way that is not supported",
            split.to_owned(),
        ),
    ] {
        assert_eq!(told(text), Err((line, message.to_owned(), hint)), "{text}");
    }
}

#[test]
fn a_word_of_the_downgrade_alone_in_a_comment_divides() {
    for comment in [
        "-- UNDO",
        "-- Revert:",
        "-- ROLLBACK SCRIPT",
        "-- To rollback:",
        "-- @down",
        "-- <down>",
        "-- | DOWN |",
        "-- (down)",
        "-- >>> down",
        "-- down;",
        "-- 2. Down / rollback",
        "-- downgrade script",
        "-- Reverse migration",
        "/*\n * DOWN\n */",
        "-- ============\n-- UNDO SCRIPT\n-- ============",
    ] {
        assert!(upgrade(&format!("A;\n{comment}\nB;")).is_err(), "{comment}");
        assert!(upgrade(&format!("{comment}\nA;")).is_ok(), "{comment}");
        assert!(upgrade(&format!("A;\n{comment}\n-- B;")).is_ok(), "{comment}");
    }
    for prose in [
        "-- to rollback, restore the dump",
        "-- revert: DROP TABLE a;",
        "-- rollback;",
        "-- down payments",
        "/*\n * A longer text\n * down\n */",
    ] {
        assert!(upgrade(&format!("A;\n{prose}\nB;")).is_ok(), "{prose}");
    }
}

#[test]
fn prose_stays_prose() {
    for text in [
        "A;\n-- down here we drop the index\nB;",
        "-- up to 5 rows\nA;\n-- down to 3\nB;",
        "A;\n-- Do migration\nB;",
        "A;\n-- data migration\nB;",
        "A;\n-- Migrations down the road\nB;",
        "A;\n-- migrate down the tree of parents\nB;",
        "A;\n-- done\nB;",
        "A;\n-- own\nB;",
        "A;\n-- downtime: none\nB;",
        "A;\n-- rollback: DROP TABLE a;\nB;",
        "--rollback DROP TABLE a;\nA;\n--rollback DROP TABLE b;\nB;",
        "BEGIN;\nA;\n-- ROLLBACK;\nCOMMIT;",
        "BEGIN;\nA;\n-- ROLLBACK\nCOMMIT;",
        "-- Down\nA;",
        "-- Down migration\nA;",
        "A;\n-- Down\n-- B;\n",
        "CREATE TABLE t (\n  up int,\n  -- Down\n  down int\n);",
        "CREATE FUNCTION f() AS $$\n-- Down\nA;\n-- migrate:dwn\n$$;\nB;",
        "SELECT '\n-- migrate:dwn\n';",
        "A;\n-- the marker is +goose Down\nB;",
        "A;\n-- Drop\nB;",
        "-- Up\nA;\n-- Drop\nB;",
    ] {
        assert_eq!(upgrade(text).as_deref(), Ok(text), "{text}");
    }
}

/// Rows that PostgreSQL copies are no SQL, and hide no marker below them.
#[test]
fn a_marker_below_copied_rows_is_seen() {
    for rows in ["its", "it's; /* "] {
        let text = format!("CREATE TABLE t (a TEXT);\nCOPY t FROM stdin;\n{rows}\n\\.\n-- Down\nDROP TABLE t;\n");
        assert!(near_marker(&text, Some(Dialect::Postgres)).is_some(), "{rows}");
    }
}
