//! What formats of other tools say about a file and `runner` would not do: the attributes of Liquibase's changesets,
//! directives of Atlas, and Flyway's placeholders.

use super::lex::{TokenKind, tokens};
use super::{SqlError, line_of};
use runner_base::dialect::Dialect;

/// Attributes of a changeset that change nothing, in lower case, and the only value with which that is so.
const HARMLESS: [(&str, Option<&str>); 15] = [
    ("splitstatements", Some("true")),
    ("enddelimiter", Some(";")),
    ("runonchange", Some("false")),
    ("runalways", Some("false")),
    ("runintransaction", Some("true")),
    ("failonerror", Some("true")),
    ("ignore", Some("false")),
    ("dbms", Some("all")),
    ("stripcomments", None),
    ("logicalfilepath", None),
    ("created", None),
    ("comment", None),
    ("rollbackenddelimiter", None),
    ("rollbacksplitstatements", None),
    ("objectquotingstrategy", None),
];

/// Whether a text begins as Liquibase's do.
pub fn is_of_liquibase(text: &str) -> bool {
    let head = text.trim_start_matches('\u{feff}').trim_start();
    head.strip_prefix("--").is_some_and(|rest| {
        let words: Vec<String> = rest.split_whitespace().take(3).map(str::to_lowercase).collect();
        words == ["liquibase", "formatted", "sql"]
    })
}

/// Everything in the comments of a text that another tool would heed and `runner` does not.
pub fn foreign_format(text: &str, dialect: Dialect) -> Vec<SqlError> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("liquibase") && !lower.contains("atlas:") {
        return Vec::new();
    }
    let mut problems = Vec::new();
    // The clients of MySQL and MariaDB take such a line for a comment, and their servers do not.
    let dialect = if is_of_liquibase(text) { Dialect::Postgres } else { dialect };
    let (mut is_liquibase, mut is_head) = (false, true);
    for token in tokens(text, dialect) {
        if token.kind != TokenKind::LineComment {
            is_head &= token.kind.is_blank();
            continue;
        }
        let line = line_of(text, token.range.start);
        let comment = text[token.range].trim_start_matches(['-', '#']).trim();
        let words: Vec<String> = comment.split_whitespace().map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let wrong = |message: String, hint: &str| SqlError { line, message, hint: Some(hint.to_owned()) };
        match words.as_slice() {
            ["liquibase", "formatted", "sql", ..] if is_head => is_liquibase = true,
            [first, ..] if is_head && first.starts_with("atlas:") => {
                problems.extend(atlas(&words).map(|hint| wrong(format!("Atlas's `{comment}` is not supported"), hint)));
            }
            ["changeset", ..] if is_liquibase => {
                let all = attributes(comment).into_iter().filter_map(|(shown, key, value)| {
                    Some(wrong(format!("Liquibase's `{shown}` is not supported"), changeset(&key, &value)?))
                });
                problems.extend(all);
            }
            [first, ..] if is_liquibase => {
                let hint = if first.starts_with("precondition") {
                    "remove it if the changeset runs without it, or write the migration as a script, which can ask first"
                } else if first.starts_with("ignorelines:") {
                    "remove the line, and those that Liquibase ignores"
                } else if *first == "property" {
                    "write the value where it is used, or see the directive `runner:parameters`"
                } else {
                    continue;
                };
                let name = comment.split_whitespace().next().unwrap_or_default();
                problems.push(wrong(format!("Liquibase's `{name}` is not supported"), hint));
            }
            _ => {}
        }
    }
    problems
}

/// What to do about a directive of Atlas.
fn atlas(words: &[&str]) -> Option<&'static str> {
    match words {
        ["atlas:txmode", "none" | "file"] => None,
        ["atlas:txmode", ..] => Some("remove it: each migration is a transaction of its own"),
        ["atlas:delimiter", ..] => Some(
            "end each statement with `;` and remove it; on MySQL and MariaDB, a stored program may have `DELIMITER`",
        ),
        ["atlas:checkpoint", ..] => Some(
            "remove the file and keep those before it; or remove those, and the directive, and record databases that exist \
             by `runner baseline`",
        ),
        ["atlas:txtar" | "atlas:assert", ..] => {
            Some("write the statements alone, or write the migration as a script, which can ask first")
        }
        _ => None,
    }
}

/// The attributes of a changeset: as written, the name in lower case, and the value.
fn attributes(comment: &str) -> Vec<(String, String, String)> {
    let mut words: Vec<String> = vec![String::new()];
    let mut quote = None;
    for c in comment.chars() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.push(String::new()),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, c) => {
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    // `changeset`, and the author with the id.
    let attributes = words.into_iter().filter(|word| !word.is_empty()).skip(2);
    let found = attributes.filter_map(|word| {
        let (key, value) = word.split_once(':')?;
        let (key, value) = (key.to_ascii_lowercase(), value.to_owned());
        Some((word, key, value))
    });
    found.collect()
}

/// What to do about an attribute that says what `runner` does not do.
fn changeset(key: &str, value: &str) -> Option<&'static str> {
    let is_harmless =
        |(name, only): &(&str, Option<&str>)| key == *name && only.is_none_or(|only| value.eq_ignore_ascii_case(only));
    if HARMLESS.iter().any(is_harmless) {
        return None;
    }
    Some(match key {
        "context" | "contextfilter" | "labels" => {
            "remove it if the changeset is for every database; otherwise move it to a project for those that it is for"
        }
        "dbms" => "write the database into the name of the file, as in `NAME.up.postgres.sql`, and remove it",
        "runonchange" | "runalways" => {
            "a migration is applied once: put each version into a migration of its own, and remove it"
        }
        "splitstatements" => {
            "remove it: runner knows where a statement ends; on MySQL and MariaDB, a stored program may have `DELIMITER`"
        }
        "enddelimiter" => {
            "end each statement with `;` and remove it; on MySQL and MariaDB, a stored program may have `DELIMITER`"
        }
        "runintransaction" => "begin the file with `-- runner:no-transaction`, and remove it",
        _ => "remove it if the changeset runs without it",
    })
}

/// The first placeholder in a text that Flyway or Liquibase would fill in, also in strings and bodies.
pub fn flyway_placeholder(text: &str, dialect: Dialect) -> Option<SqlError> {
    let (name, at) = tokens(text, dialect)
        .filter(|token| !matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment))
        .find_map(|token| {
            // Outside of a string, `$` and `{` are tokens.
            let rest = text.get(token.range.start..)?;
            let offset = text[token.range.clone()].find('$')?;
            let ends = (token.range.end - token.range.start).max(rest.find('}').map_or(0, |end| end + 1));
            let name = placeholder(rest.get(offset..ends)?)?;
            Some((name, token.range.start + offset))
        })?;
    let hint = match name.contains(':') {
        true => "write the value itself".to_owned(),
        false => format!(
            "begin the file with `-- runner:parameters` and set `{name}` in `[parameters]`; there, `${{$}}{{{name}}}` is the text itself"
        ),
    };
    Some(SqlError {
        line: line_of(text, at),
        message: format!("`${{{name}}}` is a placeholder of another tool, which is not filled in"),
        hint: Some(hint),
    })
}

/// The name of the first placeholder in a text.
fn placeholder(text: &str) -> Option<&str> {
    text.match_indices("${").find_map(|(at, _)| {
        let (name, _) = text[at + 2..].split_once('}')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        (!name.is_empty() && name.chars().all(is_name)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(usize, String)> {
        let problems = foreign_format(text, Dialect::Postgres);
        assert!(problems.iter().all(|problem| problem.hint.is_some()));
        problems.into_iter().map(|problem| (problem.line, problem.message)).collect()
    }

    #[test]
    fn attributes_of_a_changeset_that_would_not_be_heeded_are_refused() {
        for attribute in [
            "context:test",
            "contextFilter:prod",
            "labels:a",
            "dbms:oracle",
            "runOnChange:true",
            "runAlways:true",
            "splitStatements:false",
            "endDelimiter:/",
            "runInTransaction:false",
            "failOnError:false",
            "ignore:true",
            "runWith:psql",
        ] {
            let text = format!("--liquibase formatted sql\n\n--changeset me:1 {attribute}\nSELECT 1;");
            assert_eq!(told(&text), [(3, format!("Liquibase's `{attribute}` is not supported"))]);
        }
        let text = "-- Liquibase formatted SQL\n-- changeset me:1 context:\"a and b\" runAlways:true stripComments:false\nA;\n\
                    --preconditions onFail:MARK_RAN\n--precondition-sql-check expectedResult:0 SELECT 1\n--property name:a value:b\n\
                    --ignoreLines:1\nB;";
        let expected = [
            (2, "context:a and b"),
            (2, "runAlways:true"),
            (4, "preconditions"),
            (5, "precondition-sql-check"),
            (6, "property"),
            (7, "ignoreLines:1"),
        ];
        assert_eq!(told(text), expected.map(|(line, it)| (line, format!("Liquibase's `{it}` is not supported"))));
    }

    #[test]
    fn a_changeset_that_runs_as_it_is_written_is_accepted() {
        for text in [
            "--liquibase formatted sql\n--changeset me:1 runOnChange:false splitStatements:true endDelimiter:;\nA;\n--rollback B;",
            "--changeset me:1 context:test\nA;",
            "SELECT '--liquibase formatted sql';\n--changeset me:1 context:test\nA;",
            "-- see https://liquibase.com\nA;",
            "-- atlas:nolint destructive\nA;",
            "-- atlas:txmode none\nA;",
            "A;\n-- atlas:delimiter x\nB;",
        ] {
            assert_eq!(told(text), [], "{text}");
        }
    }

    #[test]
    fn directives_of_atlas_are_refused() {
        for directive in ["atlas:delimiter \\n\\n", "atlas:txmode all", "atlas:checkpoint", "atlas:txtar"] {
            let expected = (1, format!("Atlas's `{directive}` is not supported"));
            assert_eq!(told(&format!("-- {directive}\n\nA;")), [expected]);
        }
    }

    #[test]
    fn placeholders_of_flyway_are_found_outside_of_comments() {
        let line = |text: &str| flyway_placeholder(text, Dialect::Postgres).map(|error| error.line);
        for (text, expected) in [
            ("INSERT INTO t VALUES (\n'${env}');", Some(2)),
            ("CREATE TABLE ${flyway:defaultSchema}.t (x int);", Some(1)),
            ("A;\nCREATE FUNCTION f() AS $$\n '${env}' $$;", Some(2)),
            ("-- ${env}\n/* ${env} */\nA;", None),
            ("SELECT '${', '${a b}', '$env', '$ {env}', '${}';", None),
            ("SELECT $1, '{a}';", None),
        ] {
            assert_eq!(line(text), expected, "{text}");
        }
    }
}
