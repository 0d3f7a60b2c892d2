//! Names and words in a statement.

use super::classify::unquote;
use super::lex::{Lexer, TokenKind};
use crate::dialect::Dialect;

/// The names before a dot, unquoted: of schemas, and of tables and aliases before a column.
pub fn qualifiers(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut found = Vec::new();
    let mut last = None;
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range.clone()];
        match token.kind {
            kind if kind.is_blank() => {}
            TokenKind::Sign if text == "." => found.extend(last.take().map(unquote)),
            TokenKind::Word | TokenKind::Quoted => last = Some(text),
            _ => last = None,
        }
    }
    found
}

/// The unquoted words, in upper case.
pub fn words(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut found = Vec::new();
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        if token.kind == TokenKind::Word {
            found.push(statement[token.range].to_ascii_uppercase());
        }
    }
    found
}

/// The names that follow an unquoted word, which is in upper case: of tables after `REFERENCES`, for example. The last part of a name
/// with several.
pub fn names_after(statement: &str, word: &str, dialect: Dialect) -> Vec<String> {
    let (mut found, mut follows) = (Vec::new(), false);
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range];
        match token.kind {
            kind if kind.is_blank() => continue,
            TokenKind::Word | TokenKind::Quoted if follows => found.push(unquote(text)),
            _ => {}
        }
        follows = token.kind == TokenKind::Word && text.eq_ignore_ascii_case(word);
    }
    found
}

/// The strings and quoted names, as they are spelled.
pub fn quoted(statement: &str, dialect: Dialect) -> Vec<&str> {
    let mut found = Vec::new();
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        if token.kind == TokenKind::Quoted {
            found.push(&statement[token.range]);
        }
    }
    found
}

/// What a `SET` of MySQL or MariaDB assigns to: the first word of each assignment in upper case, after the signs `@` that
/// precede it. A word that is the whole name of a variable is left out: `SET global = 1` assigns to no other scope.
pub fn assigned_scopes(statement: &str, dialect: Dialect) -> Vec<String> {
    let (mut found, mut depth, mut target, mut signs) = (Vec::new(), 0_usize, None, 0_usize);
    let (mut has_begun, mut is_start) = (false, false);
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        if token.kind.is_blank() {
            continue;
        }
        let text = &statement[token.range.clone()];
        // A user variable has one sign, and no scope.
        if let Some(scope) = target.take()
            && (matches!(token.kind, TokenKind::Word | TokenKind::Quoted) || text == "." || text == "@")
        {
            found.push(scope);
        }
        match (token.kind, text) {
            (TokenKind::Sign, "(") => depth += 1,
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            (TokenKind::Sign, ",") if depth == 0 => (is_start, signs) = (true, 0),
            (TokenKind::Sign, "@") if is_start => signs += 1,
            (TokenKind::Word, word) if word.eq_ignore_ascii_case("SET") && !has_begun => {
                (is_start, has_begun) = (true, true);
            }
            (TokenKind::Word, word) if is_start => {
                target = (signs != 1).then(|| word.to_ascii_uppercase());
                is_start = false;
            }
            _ => is_start = false,
        }
    }
    found
}

/// The statement in MariaDB's `SET STATEMENT … FOR …`.
pub fn for_statement(statement: &str, dialect: Dialect) -> Option<&str> {
    let (mut depth, mut place) = (0_usize, 0);
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range.clone()];
        match token.kind {
            kind if kind.is_blank() => continue,
            TokenKind::Sign if text == "(" => depth += 1,
            TokenKind::Sign if text == ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        match place {
            0 | 1 if !text.eq_ignore_ascii_case(["SET", "STATEMENT"][place]) => return None,
            _ if place > 1 && depth == 0 && text.eq_ignore_ascii_case("FOR") => {
                return Some(&statement[token.range.end..]);
            }
            _ => place += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_are_found_in_any_spelling() {
        let text = "INSERT INTO `my``shop` /* x */ . items SELECT a.b, '.c' -- d.e\n FROM shop.t";
        assert_eq!(qualifiers(text, Dialect::Mariadb), ["my`shop", "a", "shop"]);
        assert_eq!(words("select 'x' from \"y\" -- z", Dialect::Postgres), ["SELECT", "FROM"]);
    }

    #[test]
    fn the_scopes_of_assignments_are_found() {
        for (text, scopes) in [
            ("SET a = 1", &[][..]),
            ("set /* x */ Global a = 1", &["GLOBAL"]),
            ("SET @@session.a = @@global.a, @@GLOBAL . b = (1, GLOBAL)", &["SESSION", "GLOBAL"]),
            ("SET @global = 1, @session := 2", &[]),
            ("SET global = 1", &[]),
            ("SET SESSION `a` = 1, PERSIST b = 2", &["SESSION", "PERSIST"]),
        ] {
            assert_eq!(assigned_scopes(text, Dialect::Mariadb), scopes, "{text}");
        }
        let inner = |text| for_statement(text, Dialect::Mariadb).map(str::trim);
        assert_eq!(inner("set statement a = (SELECT 1 FOR UPDATE) for COMMIT"), Some("COMMIT"));
        assert_eq!(inner("SET a = 1"), None);
        assert_eq!(quoted("SELECT 'a''b', `c` -- 'd'", Dialect::Mariadb), ["'a''b'", "`c`"]);
    }
}
