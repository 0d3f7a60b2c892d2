//! Names and words in a statement.

use std::borrow::Cow;

use super::lex::TokenKind;
use super::postgres::folded_names;
use super::tokens::{Tokens, identifier};
use super::unquote::unquote;
use runner_base::dialect::Dialect;

/// The names before a dot, unquoted: of schemas, and of tables and aliases before a column.
pub fn qualifiers<'a>(tokens: &Tokens<'a>) -> Vec<Cow<'a, str>> {
    let mut found = Vec::new();
    let mut last = None;
    for (kind, text) in tokens.parts() {
        match kind {
            TokenKind::Sign if *text == "." => found.extend(last.take().map(unquote)),
            TokenKind::Word | TokenKind::Quoted => last = Some(*text),
            _ => last = None,
        }
    }
    found
}

/// The words and names of a statement as a database looks names up in its catalog, each once.
pub fn catalog_names(tokens: &Tokens<'_>) -> Vec<String> {
    let names = tokens.identifiers().iter();
    let mut names: Vec<String> = match tokens.dialect() {
        Dialect::Postgres => folded_names(tokens),
        Dialect::Sqlite => names.map(|name| name.to_ascii_lowercase()).collect(),
        Dialect::Mysql | Dialect::Mariadb => names.map(|name| name.to_lowercase()).collect(),
    };
    names.sort_unstable();
    names.dedup();
    names
}

/// The unquoted words, in upper case.
pub fn words(tokens: &Tokens<'_>) -> Vec<String> {
    let words = tokens.parts().iter().filter(|(kind, _)| *kind == TokenKind::Word);
    words.map(|(_, text)| text.to_ascii_uppercase()).collect()
}

/// The names that follow an unquoted word, which is in upper case: of tables after `REFERENCES`, for example. The first part of a name
/// with several.
pub fn names_after(tokens: &Tokens<'_>, word: &str) -> Vec<String> {
    let follow = (1..tokens.parts().len()).filter(|at| tokens.is_word(at - 1, &[word]) && tokens.is_name(*at));
    follow.map(|at| unquote(tokens.parts()[at].1).into_owned()).collect()
}

/// The [identifiers](Tokens::identifiers) of a statement without those that only name an index or a constraint: the name after `CONSTRAINT`,
/// and after `INDEX` or `KEY` in a statement that creates or changes a table. Programs are left alone, since their bodies have statements
/// of all kinds.
pub fn identifiers_of_objects<'a>(tokens: &Tokens<'a>) -> Vec<Cow<'a, str>> {
    let (count, is) = (tokens.parts().len(), |at: usize, words: &[&str]| tokens.is_word(at, words));
    // `ALTER INDEX` of PostgreSQL renames tables, too.
    let has_indexes = match tokens.dialect() {
        Dialect::Postgres => is(0, &["CREATE"]),
        Dialect::Sqlite => false,
        Dialect::Mysql | Dialect::Mariadb => is(0, &["CREATE", "ALTER", "DROP"]),
    };
    const PROGRAMS: [&str; 6] = ["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "RULE"];
    let is_program = is(0, &["CREATE", "ALTER"]) && (0..count).any(|at| is(at, &PROGRAMS));
    let mut names_own = vec![false; count];
    for at in (0..count).filter(|_| !is_program) {
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
        if tokens.is_name(name) && !tokens.is_sign(name + 1, ".") {
            names_own[name] = true;
            let renames = at > 0 && is(at - 1, &["RENAME"]) && is(name + 1, &["TO"]);
            if renames && tokens.is_name(name + 2) && !tokens.is_sign(name + 3, ".") {
                names_own[name + 2] = true;
            }
        }
    }
    let others = tokens.parts().iter().zip(names_own).filter(|(_, is_own)| !is_own);
    others.filter_map(|(part, _)| identifier(*part)).collect()
}

/// The strings and quoted names, as they are spelled.
pub fn quoted<'t, 'a>(tokens: &'t Tokens<'a>) -> impl Iterator<Item = &'a str> + use<'t, 'a> {
    tokens.parts().iter().filter(|(kind, _)| *kind == TokenKind::Quoted).map(|(_, text)| *text)
}

/// Whether a string follows the name of a character set, as in `_utf8mb4'a'`.
pub fn introduces_text(tokens: &Tokens<'_>) -> bool {
    tokens.parts().windows(2).any(|pair| pair[0].1.starts_with('_') && pair[1].1.starts_with(['\'', '"']))
}

/// What a `SET` of MySQL or MariaDB assigns to: the first word of each assignment in upper case, after the signs `@` that
/// precede it. A word that is the whole name of a variable is left out: `SET global = 1` assigns to no other scope.
pub fn assigned_scopes(tokens: &Tokens<'_>) -> Vec<String> {
    let (mut found, mut depth, mut target, mut signs) = (Vec::new(), 0_usize, None, 0_usize);
    let (mut has_begun, mut is_start) = (false, false);
    for (kind, text) in tokens.parts() {
        // A user variable has one sign, and no scope.
        if let Some(scope) = target.take()
            && (matches!(kind, TokenKind::Word | TokenKind::Quoted) || matches!(*text, "." | "@"))
        {
            found.push(scope);
        }
        match (kind, *text) {
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
pub fn for_statement<'a>(tokens: &Tokens<'a>) -> Option<&'a str> {
    if !(tokens.is_word(0, &["SET"]) && tokens.is_word(1, &["STATEMENT"])) {
        return None;
    }
    let mut depth = 0_usize;
    for (kind, text) in &tokens.parts()[2..] {
        match (kind, *text) {
            (TokenKind::Sign, "(") => depth += 1,
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            (_, word) if depth == 0 && word.eq_ignore_ascii_case("FOR") => {
                return Some(&tokens.text()[tokens.place(text).end..]);
            }
            _ => {}
        }
    }
    None
}

/// The text of a view, as MySQL and MariaDB write it, without this database before tables, columns and functions. A table or an alias may
/// have the same name: of two names with a dot, the first is the database where a table is named, or before what is called; of three it
/// always is.
pub fn without_qualifier(text: &str, qualifier: &str, dialect: Dialect) -> String {
    let quoted = dialect.quote(qualifier);
    let tokens = Tokens::new(text, dialect);
    let parts = tokens.parts();
    let (mut told, mut from) = (String::with_capacity(text.len()), 0);
    for (at, (_, part)) in parts.iter().enumerate() {
        let is_first = *part == quoted && tokens.is_sign(at + 1, ".") && !(at > 0 && tokens.is_sign(at - 1, "."));
        if !is_first {
            continue;
        }
        // Before parentheses, which surround joins.
        let before = (0..at).rev().find(|before| !tokens.is_sign(*before, "("));
        let names_table = before.is_some_and(|before| tokens.is_word(before, &["from", "join", "straight_join"]));
        if names_table || tokens.is_sign(at + 3, ".") || tokens.is_sign(at + 3, "(") {
            told.push_str(&text[from..tokens.place(part).start]);
            from = parts.get(at + 1).map_or(from, |(_, dot)| tokens.place(dot).end);
        }
    }
    told.push_str(&text[from..]);
    told
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
            assert_eq!(introduces_text(&Tokens::new(text, Dialect::Mariadb)), is_one, "{text}");
        }
    }

    #[test]
    fn a_view_does_not_name_its_database() {
        for (text, expected) in [
            (
                "select `a`.`b`.`c` AS `a`,'`a`.`b`' AS `x` from (`a`.`b` join `c`.`a`)",
                "select `b`.`c` AS `a`,'`a`.`b`' AS `x` from (`b` join `c`.`a`)",
            ),
            // A table and an alias of the same name.
            (
                "select `a`.`a`.`c` AS `c`,`a`.`f`(1) AS `f` from `a`.`a`",
                "select `a`.`c` AS `c`,`f`(1) AS `f` from `a`",
            ),
            ("select `a`.`c` AS `c` from (`a`.`b` `a` join `a`.`d`)", "select `a`.`c` AS `c` from (`b` `a` join `d`)"),
            ("select `a`", "select `a`"),
        ] {
            assert_eq!(without_qualifier(text, "a", Dialect::Mariadb), expected);
        }
    }

    #[test]
    fn qualifiers_are_found_in_any_spelling() {
        let text = "INSERT INTO `my``shop` /* x */ . items SELECT a.b, '.c' -- d.e\n FROM shop.t";
        assert_eq!(qualifiers(&Tokens::new(text, Dialect::Mariadb)), ["my`shop", "a", "shop"]);
        assert_eq!(words(&Tokens::new("select 'x' from \"y\" -- z", Dialect::Postgres)), ["SELECT", "FROM"]);
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
            let found = identifiers_of_objects(&Tokens::new(text, dialect));
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
            assert_eq!(assigned_scopes(&Tokens::new(text, Dialect::Mariadb)), scopes, "{text}");
        }
        let inner = |text| for_statement(&Tokens::new(text, Dialect::Mariadb)).map(str::trim);
        assert_eq!(inner("set statement a = (SELECT 1 FOR UPDATE) for COMMIT"), Some("COMMIT"));
        assert_eq!(inner("SET a = 1"), None);
        let tokens = Tokens::new("SELECT 'a''b', `c` -- 'd'", Dialect::Mariadb);
        assert_eq!(quoted(&tokens).collect::<Vec<_>>(), ["'a''b'", "`c`"]);
    }
}
