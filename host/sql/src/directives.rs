//! Directives of a SQL file, in the comments before its first statement, such as `-- runner:no-transaction`.

use super::lex::{Token, TokenKind, tokens};
use super::{SqlError, line_of};
use runner_base::dialect::Dialect;
use runner_base::suggest::did_you_mean;

/// The directives of a SQL file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `-- runner:no-transaction`, or as other tools write it: every statement commits on its own.
    pub no_transaction: bool,
    /// `-- runner:depends-on REV`: a revision that must be applied first; may be repeated.
    pub depends_on: Vec<String>,
    /// `-- runner:irreversible`: it cannot be rolled back.
    pub irreversible: bool,
    /// `-- runner:table-rebuild`: SQLite does not enforce foreign keys while it runs, and checks them all afterwards.
    pub table_rebuild: bool,
    /// `-- runner:parameters`: `${NAME}` stands for the value of a parameter.
    pub parameters: bool,
    /// `-- runner:summary TEXT`: one line that describes the migration.
    pub summary: Option<String>,
}

/// The same as `runner:no-transaction`, for sqlx, postgres-migrations and Atlas.
const WITHOUT: [&str; 3] = ["no-transaction", "postgres-migrations disable-transaction", "atlas:txmode none"];

const NAMES: [&str; 6] = ["no-transaction", "depends-on", "irreversible", "parameters", "table-rebuild", "summary"];
const PREFIX: &str = "runner:";

/// Whether a text begins with `-- runner:parameters`.
pub fn has_parameters(text: &str, dialect: Dialect) -> bool {
    text.contains(PREFIX) && Directives::parse(text, dialect).is_ok_and(|directives| directives.parameters)
}

impl Directives {
    /// Reads the comments before the first statement. Unknown directives, and directives after the first statement, where they would
    /// have no effect, are errors.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, SqlError> {
        let mut directives = Self::default();
        // The splitter reports invalid tokens: it knows the statement.
        let mut tokens = tokens(text, dialect);
        for token in tokens.by_ref() {
            match token.kind {
                TokenKind::LineComment => directives.take(text, &token)?,
                kind if kind.is_blank() => refuse_in_block(text, &token)?,
                _ if !text[token.range.end..].contains(PREFIX) => break,
                _ => {
                    refuse_below(text, tokens)?;
                    break;
                }
            }
        }
        // A table rebuild needs a transaction, around which foreign keys are disabled and checked.
        if directives.no_transaction && directives.table_rebuild {
            return Err(SqlError {
                line: 1,
                message: "`runner:no-transaction` and `runner:table-rebuild` are mutually exclusive".to_owned(),
                hint: Some(
                    "remove one of the two: a table is rebuilt in a transaction, and what cannot run in one needs another migration"
                        .to_owned(),
                ),
            });
        }
        Ok(directives)
    }

    fn take(&mut self, text: &str, comment: &Token) -> Result<(), SqlError> {
        let body = text[comment.range.clone()].trim_start_matches(['-', '#']).trim();
        if WITHOUT.contains(&body) {
            self.no_transaction = true;
            return Ok(());
        }
        let Some(directive) = body.strip_prefix(PREFIX) else { return misspelt(text, comment, body) };
        let (name, rest) = directive.trim().split_once(char::is_whitespace).unwrap_or((directive.trim(), ""));
        let rest = rest.trim();
        let wrong = |message: String, hint: String| {
            Err(SqlError { line: line_of(text, comment.range.start), message, hint: Some(hint) })
        };
        let flag = match name {
            "no-transaction" => &mut self.no_transaction,
            "irreversible" => &mut self.irreversible,
            "table-rebuild" => &mut self.table_rebuild,
            "parameters" => &mut self.parameters,
            "depends-on" if rest.is_empty() => {
                return wrong(
                    "`runner:depends-on` requires a revision".into(),
                    "write `-- runner:depends-on REV`".into(),
                );
            }
            "depends-on" => {
                let revisions = rest.split([',', ' ']).filter(|revision| !revision.is_empty());
                self.depends_on.extend(revisions.map(str::to_owned));
                return Ok(());
            }
            "summary" if rest.is_empty() => {
                return wrong("`runner:summary` is empty".into(), "write `-- runner:summary TEXT`".into());
            }
            "summary" => {
                self.summary = Some(rest.to_owned());
                return Ok(());
            }
            unknown => {
                let hint = match did_you_mean(unknown, NAMES) {
                    Some(meant) => format!("did you mean `-- runner:{meant}`?"),
                    None => format!("the directives are `{}`", NAMES.join("`, `")),
                };
                return wrong(format!("unknown directive `runner:{}`", unknown.escape_debug()), hint);
            }
        };
        if !rest.is_empty() {
            let message = format!("`runner:{name}` takes no value, but `{}` was given", rest.escape_debug());
            return wrong(message, format!("write `-- runner:{name}` on its own line"));
        }
        *flag = true;
        Ok(())
    }
}

/// Fails if a comment is a directive except for the spelling of what it begins with: `RUNNER:`, `runer:`, `runner :`.
fn misspelt(text: &str, comment: &Token, body: &str) -> Result<(), SqlError> {
    let Some((first, rest)) = body.split_once(':') else { return Ok(()) };
    let name = rest.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let is_near = strsim::damerau_levenshtein(&first.trim().to_ascii_lowercase(), "runner") <= 2;
    if !is_near || !NAMES.contains(&name.as_str()) {
        return Ok(());
    }
    Err(SqlError {
        line: line_of(text, comment.range.start),
        message: format!("`{}` is nearly a directive", body.escape_debug()),
        hint: Some(format!("write `-- runner:{name}`, or reword the comment if it is none")),
    })
}

/// Fails if a block comment contains a directive, which would have no effect there.
fn refuse_in_block(text: &str, token: &Token) -> Result<(), SqlError> {
    if token.kind != TokenKind::BlockComment {
        return Ok(());
    }
    let found = text[token.range.clone()].lines().find_map(|line| {
        let line = line.trim_start_matches(['/', '*', '-', ' ', '\t']);
        NAMES.iter().find(|name| line.strip_prefix(PREFIX).is_some_and(|rest| rest.trim_start().starts_with(**name)))
    });
    match found {
        None => Ok(()),
        Some(name) => Err(SqlError {
            line: line_of(text, token.range.start),
            message: format!("`runner:{name}` has no effect in a `/* */` comment"),
            hint: Some(format!("write `-- runner:{name}` on its own line")),
        }),
    }
}

/// Fails if a later comment contains a directive.
fn refuse_below(text: &str, tokens: impl Iterator<Item = Token>) -> Result<(), SqlError> {
    for token in tokens {
        let body = text[token.range.clone()].trim_start_matches(['-', '#']).trim_start();
        if token.kind == TokenKind::LineComment && body.starts_with(PREFIX) {
            return Err(SqlError {
                line: line_of(text, token.range.start),
                message: format!("`{}` has no effect after the first statement", body.trim().escape_debug()),
                hint: Some("move it to the top of the file".to_owned()),
            });
        }
        refuse_in_block(text, &token)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Directives, SqlError> {
        Directives::parse(text, Dialect::Sqlite)
    }

    #[test]
    fn what_is_nearly_a_directive_is_refused() {
        for text in ["-- RUNNER:PARAMETERS\nA;", "-- runer:irreversible\nA;", "-- Runner : no-transaction\nA;"] {
            let error = Directives::parse(text, Dialect::Postgres).expect_err(text);
            assert!(error.message.ends_with("is nearly a directive"), "{}", error.message);
        }
        for text in ["-- note: parameters are bound\nA;", "A;\n-- runners: 3"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        let error = parse("-- runner: see the docs\nA;").unwrap_err();
        assert!(error.message.starts_with("unknown directive"), "{}", error.message);
    }

    #[test]
    fn leading_comments_are_read() {
        let text = "/* all of us */\n-- runner:summary Create users\n--runner:depends-on 1, 2\n-- runner:depends-on 3\n\
                    -- no-transaction\n-- runner:irreversible\n-- runner:parameters\nCREATE TABLE a (b);\n-- prose\n";
        let expected = Directives {
            no_transaction: true,
            depends_on: vec!["1".to_owned(), "2".to_owned(), "3".to_owned()],
            irreversible: true,
            table_rebuild: false,
            parameters: true,
            summary: Some("Create users".to_owned()),
        };
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse("SELECT '-- runner:nothing'; -- a runner: it runs"), Ok(Directives::default()));
        let expected = Directives { no_transaction: true, ..Directives::default() };
        assert_eq!(parse("-- postgres-migrations disable-transaction\nSELECT 1"), Ok(expected));
    }

    #[test]
    fn a_space_after_the_colon_makes_no_difference() {
        for (text, asks) in [
            ("-- runner:parameters\nSELECT 1", true),
            ("-- runner: parameters\nSELECT 1", true),
            ("-- runner:irreversible\n-- parameters\nSELECT 1", false),
            ("SELECT 1 -- parameters", false),
        ] {
            assert_eq!(parse(text).map(|directives| directives.parameters), Ok(asks), "{text}");
            assert_eq!(has_parameters(text, Dialect::Sqlite), asks, "{text}");
        }
    }

    #[test]
    fn errors_have_lines_and_hints() {
        for (text, line, message, hint) in [
            (
                "-- runner:table-rebuild\n-- no-transaction\n",
                1,
                "`runner:no-transaction` and `runner:table-rebuild` are mutually exclusive",
                "remove one of the two: a table is rebuilt in a transaction",
            ),
            (
                "-- x\n-- runner:no-transactions\n",
                2,
                "unknown directive `runner:no-transactions`",
                "did you mean `-- runner:no-transaction`?",
            ),
            ("-- runner:zzz\n", 1, "unknown directive `runner:zzz`", "the directives are `no-transaction`"),
            (
                "-- runner:depends-on\n",
                1,
                "`runner:depends-on` requires a revision",
                "write `-- runner:depends-on REV`",
            ),
            ("-- runner:summary", 1, "`runner:summary` is empty", "write"),
            (
                "-- runner:irreversible really",
                1,
                "`runner:irreversible` takes no value, but `really` was given",
                "write",
            ),
            (
                "SELECT 1;\n\n-- runner:irreversible",
                3,
                "`runner:irreversible` has no effect after the first statement",
                "move it to the top of the file",
            ),
            ("/* runner:irreversible */", 1, "`runner:irreversible` has no effect in a `/* */` comment", "write"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!((error.line, error.message.as_str()), (line, message));
            assert!(error.hint.as_ref().is_some_and(|it| it.starts_with(hint)), "{error:?}");
        }
    }
}
