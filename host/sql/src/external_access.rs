//! What a statement reads and writes outside its database.

use super::classify::leading_words;
use super::lex::TokenKind;
use super::names::words;
use super::tokens::Tokens;
use super::unquote::unquote;
use runner_base::dialect::Dialect;

/// Engines whose tables are on another server, or in files of other programs.
const ENGINES: [&str; 4] = ["FEDERATED", "CONNECT", "SPIDER", "S3"];

/// What gives an engine to a table, and the variables that give one to all.
const NAME_ENGINE: [&str; 4] = ["ENGINE", "STORAGE_ENGINE", "DEFAULT_STORAGE_ENGINE", "DEFAULT_TMP_STORAGE_ENGINE"];

/// Whether a statement writes a file of the server.
pub fn writes_file(tokens: &Tokens<'_>) -> bool {
    let words = words(tokens);
    words.windows(2).any(|pair| pair[0] == "INTO" && matches!(pair[1].as_str(), "OUTFILE" | "DUMPFILE"))
}

/// Whether a statement asks the client for a file.
pub fn reads_client_file(tokens: &Tokens<'_>) -> bool {
    matches!(tokens.dialect(), Dialect::Mysql | Dialect::Mariadb)
        && tokens.begins_with(&["LOAD"])
        && leading_words(tokens).iter().take(4).any(|word| word == "LOCAL")
}

/// Whether a statement opens or writes another file.
pub fn opens_file(tokens: &Tokens<'_>) -> bool {
    let words = words(tokens);
    match words.first().map(String::as_str).filter(|_| tokens.dialect() == Dialect::Sqlite) {
        Some("ATTACH") => true,
        Some("VACUUM") => words.iter().any(|word| word == "INTO"),
        _ => false,
    }
}

/// The storage engines that a statement names, in upper case.
pub fn engines(tokens: &Tokens<'_>) -> Vec<String> {
    let (mut found, mut follows) = (Vec::new(), false);
    for (kind, text) in tokens.parts() {
        match kind {
            TokenKind::Sign if matches!(*text, "=" | ":") => {}
            TokenKind::Word | TokenKind::Quoted if follows => {
                found.push(unquote(text).to_ascii_uppercase());
                follows = false;
            }
            TokenKind::Word => follows = NAME_ENGINE.iter().any(|word| word.eq_ignore_ascii_case(text)),
            _ => follows = false,
        }
    }
    found
}

/// The engine that a statement names whose tables are elsewhere.
pub fn engine_of_elsewhere(tokens: &Tokens<'_>) -> Option<&'static str> {
    let named = engines(tokens);
    ENGINES.into_iter().find(|it| named.iter().any(|name| name == it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found() {
        for (text, expected) in [
            ("SELECT id FROM users INTO OUTFILE '/tmp/x'", true),
            ("select 1 into /* here */ dumpfile '/tmp/x'", true),
            ("SELECT dumpfile FROM users", false),
            ("INSERT INTO t SELECT 'INTO OUTFILE', `outfile` FROM users", false),
        ] {
            assert_eq!(writes_file(&Tokens::new(text, Dialect::Mariadb)), expected, "{text}");
        }
    }

    #[test]
    fn engines_are_found() {
        for (text, expected) in [
            ("CREATE TABLE t (a INT) ENGINE = FEDERATED CONNECTION = 'mysql://h/d/t'", Some("FEDERATED")),
            ("ALTER TABLE t engine=connect", Some("CONNECT")),
            ("CREATE TABLE t (a INT) ENGINE 'spider'", Some("SPIDER")),
            ("CREATE TABLE t (a INT) ENGINE=InnoDB PARTITION BY HASH (a) (PARTITION p ENGINE = `S3`)", Some("S3")),
            ("SET SESSION default_storage_engine := 'FEDERATED'", Some("FEDERATED")),
            ("CREATE TABLE t (a INT) ENGINE = CSV", None),
            ("CREATE INDEX i ON t (engine, s3)", None),
            ("CREATE TABLE t (spider INT, connect INT) COMMENT 'ENGINE = S3'", None),
        ] {
            assert_eq!(engine_of_elsewhere(&Tokens::new(text, Dialect::Mariadb)), expected, "{text}");
        }
    }
}
