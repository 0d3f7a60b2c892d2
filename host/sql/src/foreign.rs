//! Refuses, before anything runs, client commands that servers do not understand, and settings with which a server
//! would parse the script differently from how it was split.

use super::lex::TokenKind;
use super::tokens::Tokens;
use runner_base::dialect::Dialect;
use runner_base::visible::is_unprintable;

/// What is wrong, and a hint.
type Advice = (String, String);

/// A command of `psql`, `mysql` or `sqlite3` that begins here.
pub(super) fn client_command(rest: &str, begins_statement: bool, dialect: Dialect) -> Option<Advice> {
    if let Some(command) = rest.strip_prefix('.').filter(|_| begins_statement && dialect == Dialect::Sqlite) {
        let name: String = command.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        let hint = match name.as_str() {
            "read" => "copy the statements of the other file into the migration",
            "import" | "load" | "restore" => "write the rows as `INSERT`, or load them in a component",
            _ => "remove it",
        };
        let is_one = name.starts_with(|c: char| c.is_ascii_alphabetic());
        return is_one.then(|| (format!("`.{name}` is a command of the sqlite3 shell, not SQL"), hint.to_owned()));
    }
    let behind = rest.strip_prefix('\\')?;
    let name: String = behind.chars().take_while(|c| c.is_ascii_alphanumeric() || "!?.".contains(*c)).collect();
    match dialect {
        // They have no backslashes outside strings.
        Dialect::Postgres | Dialect::Sqlite => {
            let hint = match name.as_str() {
                "i" | "ir" | "include" => "copy the statements of the other file into the migration",
                "copy" | "." => {
                    "write the rows after a `COPY … FROM stdin;`, up to a line `\\.`, or load them in a component"
                }
                "set" if behind.lines().next().is_some_and(|line| line.contains("ON_ERROR_STOP")) => {
                    "remove it: a migration always stops at the first error"
                }
                "c" | "connect" => "remove it: runner connects to the configured database",
                "set" | "if" | "elif" | "else" | "endif" | "gset" | "gexec" => {
                    "write out the statements, or write the migration as a component"
                }
                _ => "remove it",
            };
            Some((format!("`\\{name}` is a command of psql, not of the server"), hint.to_owned()))
        }
        Dialect::Mysql | Dialect::Mariadb if matches!(name.as_str(), "G" | "g") => {
            let message = format!("`\\{name}` is a command of the client, not of the server");
            Some((message, "end the statement with `;`".to_owned()))
        }
        Dialect::Mysql | Dialect::Mariadb if begins_statement => {
            let message = format!("`\\{name}` is a command of the client, not of the server");
            Some((message, "remove it".to_owned()))
        }
        _ => None,
    }
}

/// A word with which a command of the clients of MySQL and MariaDB begins, and no statement of their servers.
pub(super) fn client_word(word: &str) -> Option<(String, &'static str)> {
    let hint = match word.to_ascii_lowercase().as_str() {
        "source" => "copy the statements of the other file into the migration",
        "tee" | "notee" | "pager" | "nopager" | "prompt" => "remove it",
        _ => return None,
    };
    Some((format!("`{word}` is a command of the client, not of the server"), hint))
}

/// A character in an unquoted word that looks like a space, or like nothing: every database takes it for a letter of the name.
pub(super) fn invisible(word: &str) -> Option<Advice> {
    if word.is_ascii() {
        return None;
    }
    let found = word.chars().find(|c| !c.is_ascii() && (c.is_whitespace() || is_unprintable(*c)))?;
    let code = u32::from(found);
    let shown = word.replace(found, &format!("<U+{code:04X}>"));
    let message = format!("U+{code:04X} looks like a space or like nothing, and is a letter to SQL: `{shown}`");
    Some((message, "replace it by a plain space or remove it; in quotes it is accepted".to_owned()))
}

/// The length of a line that pg_dump writes for psql alone: it keeps a dump from running further commands of psql, which nothing
/// here would run.
pub(super) fn dump_command(rest: &str, dialect: Dialect) -> Option<usize> {
    let is_one = ["\\restrict ", "\\unrestrict "].iter().any(|command| rest.starts_with(command));
    (dialect == Dialect::Postgres && is_one).then(|| rest.find('\n').unwrap_or(rest.len()))
}

/// PostgreSQL: a `COPY` whose rows come from the client or go to it. `words`: the unquoted ones of the statement, in upper case.
pub fn copies_to_client(words: &[String]) -> Option<Advice> {
    let is = |word: &String, of: [&str; 2]| of.contains(&word.as_str());
    // The server takes either name of the client in either direction.
    let client = |pair: &[String]| is(&pair[0], ["FROM", "TO"]) && is(&pair[1], ["STDIN", "STDOUT"]);
    let is_copy = words.first().is_some_and(|first| first == "COPY");
    (is_copy && words.windows(2).any(client)).then(|| {
        (
            "`COPY` from or to the client is for files with its rows, and for psql".to_owned(),
            "in a file, `COPY … FROM stdin;` has its rows in the lines after it, up to a line `\\.`; a component writes batches".to_owned(),
        )
    })
}

/// A statement that needs a client, or that changes how strings are parsed.
pub(super) fn foreign_statement(tokens: &Tokens<'_>) -> Option<Advice> {
    // Only the first word matters for most.
    let first = tokens.head().find(|(kind, _)| *kind == TokenKind::Word)?;
    if !["COPY", "SET", "ALTER"].iter().any(|word| first.1.eq_ignore_ascii_case(word)) {
        return None;
    }
    let of = |wanted: TokenKind| -> Vec<String> {
        let all = tokens.parts().iter().filter(|(kind, _)| *kind == wanted);
        all.map(|(_, text)| text.to_ascii_uppercase()).collect()
    };
    let (words, texts) = (of(TokenKind::Word), of(TokenKind::Quoted));
    let is = |at: usize, word: &str| words.get(at).is_some_and(|it| it == word);
    let has = |word: &str| words.iter().any(|it| it == word);
    match tokens.dialect() {
        Dialect::Postgres if is(0, "COPY") => copies_to_client(&words).filter(|_| !tokens.has_rows()),
        Dialect::Postgres if has("STANDARD_CONFORMING_STRINGS") && !is(0, "COPY") => {
            // Dumps set this to its default value.
            let is_on = has("ON") || has("TRUE") || texts.iter().any(|text| text == "'ON'");
            (!is_on).then(|| {
                (
                    "`standard_conforming_strings` would change how the rest of the script is parsed".to_owned(),
                    "remove it; write strings with backslashes as `E'…'`".to_owned(),
                )
            })
        }
        Dialect::Mysql | Dialect::Mariadb if has("SQL_MODE") => {
            let mode = ["NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"]
                .into_iter()
                .find(|mode| has(mode) || texts.iter().any(|text| text.contains(mode)))?;
            Some((
                format!("the SQL mode `{mode}` would change how the rest of the script is parsed"),
                "remove it from `sql_mode`; write strings in `'` with backslashes doubled, names in `` ` ``".to_owned(),
            ))
        }
        _ => None,
    }
}
