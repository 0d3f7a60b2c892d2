//! Names and words in a statement.

use super::classify::{identifiers, unquote};
use super::lex::{Lexer, TokenKind};
use super::postgres::folded_names;
use runner_base::dialect::Dialect;

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

/// The words and names of a statement as a database looks names up in its catalog, each once.
pub fn catalog_names(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut names = match dialect {
        Dialect::Postgres => folded_names(statement),
        Dialect::Sqlite => identifiers(statement, dialect).iter().map(|name| name.to_ascii_lowercase()).collect(),
        Dialect::Mysql | Dialect::Mariadb => {
            identifiers(statement, dialect).iter().map(|name| name.to_lowercase()).collect()
        }
    };
    names.sort_unstable();
    names.dedup();
    names
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

/// The names that follow an unquoted word, which is in upper case: of tables after `REFERENCES`, for example. The first part of a name
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

/// The identifiers of a statement as [`identifiers`](super::identifiers) finds them, without those that only name an index or a
/// constraint: the name after `CONSTRAINT`, and after `INDEX` or `KEY` in a statement that creates or changes a table. Programs are left
/// alone, since their bodies have statements of all kinds.
pub fn identifiers_of_objects(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        if !token.kind.is_blank() {
            tokens.push((token.kind, &statement[token.range]));
        }
    }
    let is = |at: usize, words: &[&str]| {
        tokens.get(at).is_some_and(|(kind, text)| {
            *kind == TokenKind::Word && words.iter().any(|word| word.eq_ignore_ascii_case(text))
        })
    };
    let is_name =
        |at: usize| tokens.get(at).is_some_and(|(kind, _)| matches!(kind, TokenKind::Word | TokenKind::Quoted));
    // `ALTER INDEX` of PostgreSQL renames tables, too.
    let has_indexes = match dialect {
        Dialect::Postgres => is(0, &["CREATE"]),
        Dialect::Sqlite => false,
        Dialect::Mysql | Dialect::Mariadb => is(0, &["CREATE", "ALTER", "DROP"]),
    };
    const PROGRAMS: [&str; 6] = ["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "RULE"];
    let is_program = is(0, &["CREATE", "ALTER"]) && (0..tokens.len()).any(|at| is(at, &PROGRAMS));
    let mut names_own = vec![false; tokens.len()];
    for at in (0..tokens.len()).filter(|_| !is_program) {
        let names_one = is(at, &["CONSTRAINT"]) || (has_indexes && is(at, &["INDEX", "KEY"]));
        if !names_one {
            continue;
        }
        let mut name = at + 1;
        name += usize::from(is(name, &["CONCURRENTLY"]));
        if is(name, &["IF"]) {
            let not = usize::from(is(name + 1, &["NOT"]));
            // PostgreSQL takes `if` for a name, too.
            name += if is(name + 1 + not, &["EXISTS"]) { 2 + not } else { 0 };
        }
        let is_part = |at: usize| tokens.get(at).is_some_and(|(_, text)| *text == ".");
        if is_name(name) && !is_part(name + 1) {
            names_own[name] = true;
            let renames = at > 0 && is(at - 1, &["RENAME"]) && is(name + 1, &["TO"]);
            if renames && is_name(name + 2) && !is_part(name + 3) {
                names_own[name + 2] = true;
            }
        }
    }
    let others = tokens.into_iter().zip(names_own).filter(|(_, is_own)| !is_own).map(|(token, _)| token);
    let names = others.filter_map(|(kind, text)| match kind {
        TokenKind::Word => Some(text.to_owned()),
        TokenKind::Quoted => Some(unquote(text)),
        _ => None,
    });
    names.collect()
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

/// Whether a string follows the name of a character set, as in `_utf8mb4'a'`.
pub fn introduces_text(statement: &str, dialect: Dialect) -> bool {
    let mut lexer = Lexer::new(statement, dialect);
    let mut is_after = false;
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range.clone()];
        if is_after && text.starts_with(['\'', '"']) {
            return true;
        }
        is_after = text.starts_with('_') || is_after && token.kind.is_blank();
    }
    false
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
    fn a_text_with_its_character_set_is_found() {
        for (text, is_one) in [
            ("CHECK (`a` <> _utf8mb4'it's')", true),
            ("DEFAULT _latin1 \"a\"", true),
            ("COMMENT '_utf8mb4\\'a'", false),
            ("`_utf8mb4` 'a'", false),
            ("CONVERT(X'61' USING utf8mb4)", false),
        ] {
            assert_eq!(introduces_text(text, Dialect::Mariadb), is_one, "{text}");
        }
    }

    #[test]
    fn qualifiers_are_found_in_any_spelling() {
        let text = "INSERT INTO `my``shop` /* x */ . items SELECT a.b, '.c' -- d.e\n FROM shop.t";
        assert_eq!(qualifiers(text, Dialect::Mariadb), ["my`shop", "a", "shop"]);
        assert_eq!(words("select 'x' from \"y\" -- z", Dialect::Postgres), ["SELECT", "FROM"]);
    }

    #[test]
    fn names_of_indexes_and_constraints_are_left_out() {
        use Dialect::{Mariadb, Postgres, Sqlite};
        for (dialect, text, names_it) in [
            (Mariadb, "CREATE INDEX x ON t (a)", false),
            (Mariadb, "create unique index if not exists `x` on t (a)", false),
            (Mariadb, "CREATE TABLE t (a INT, KEY x (a), CONSTRAINT `x` CHECK (a > 0))", false),
            (Mariadb, "ALTER TABLE t ADD INDEX IF NOT EXISTS x (a), DROP KEY x, DROP CONSTRAINT x", false),
            (Mariadb, "ALTER TABLE t RENAME INDEX x TO x, ADD FOREIGN KEY x (a) REFERENCES u (a)", false),
            (Mariadb, "DROP INDEX x ON t", false),
            (Mariadb, "CREATE INDEX x ON x (a)", true),
            (Mariadb, "DROP INDEX i ON x", true),
            (Mariadb, "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES x (a)", true),
            (Mariadb, "ALTER TABLE t DROP KEY a, RENAME TO x", true),
            (Mariadb, "DROP TABLE `key`, x", true),
            (Mariadb, "DROP TABLE `index`\n, `x`", true),
            (Mariadb, "CREATE TABLE t AS SELECT `constraint` FROM a `key`, x", true),
            (Mariadb, "CACHE INDEX x IN c", true),
            (Mariadb, "CREATE PROCEDURE p() CACHE INDEX x IN c", true),
            (Mariadb, "CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW BEGIN CACHE INDEX x IN c; END", true),
            (Mariadb, "INSERT INTO x (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 1", true),
            (Mariadb, "CREATE INDEX x.i ON t (a)", true),
            (Postgres, "CREATE INDEX CONCURRENTLY IF NOT EXISTS x ON t (a)", false),
            (Postgres, "ALTER TABLE t ADD CONSTRAINT \"x\" UNIQUE (a)", false),
            (Postgres, "ALTER TABLE t RENAME CONSTRAINT x TO x", false),
            (Postgres, "ALTER INDEX x RENAME TO y", true),
            (Postgres, "ALTER TABLE t ADD CONSTRAINT if REFERENCES x", true),
            (Postgres, "DROP INDEX x", true),
            (Postgres, "CREATE TABLE t (a int, CONSTRAINT c FOREIGN KEY (a) REFERENCES x)", true),
            (Sqlite, "CREATE INDEX x ON t (a)", true),
        ] {
            let found = identifiers_of_objects(text, dialect);
            assert_eq!(found.iter().any(|name| name == "x"), names_it, "{dialect} {text}: {found:?}");
        }
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
