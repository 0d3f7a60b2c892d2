//! The objects that a schema change of MySQL or MariaDB creates, changes or drops, read from its text.

use super::lex::TokenKind;
use super::tokens::{Part, Tokens};
use super::unquote::unquote;

/// What shows whether a statement took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Whether a table, view or sequence exists.
    Existence,
    /// The indexes of a table.
    Indexes,
    /// The whole definition of a table.
    Table,
    /// The definition of a view.
    View,
    /// A procedure or a function.
    Routine,
    /// A trigger.
    Trigger,
    /// An event.
    Event,
}

/// An object that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The database, if the statement names it.
    pub schema: Option<String>,
    /// The name, unquoted.
    pub name: String,
    /// What shows the effect.
    pub aspect: Aspect,
}

/// Returns the objects that a `CREATE`, `ALTER`, `DROP` or `RENAME` affects; `None` if its text is not understood, or if they do
/// not show whether it took effect. `schema` is the database of the session.
pub fn objects(tokens: &Tokens<'_>, schema: Option<&str>) -> Option<Vec<Object>> {
    let mut tokens = Reader { parts: tokens.parts() };
    let verb = tokens.next()?.1.to_ascii_uppercase();
    let kind = loop {
        let (kind, text) = tokens.next()?;
        let word = if kind == TokenKind::Word { text.to_ascii_uppercase() } else { String::new() };
        match word.as_str() {
            "TABLE" | "TABLES" | "SEQUENCE" | "INDEX" | "VIEW" | "PROCEDURE" | "FUNCTION" | "TRIGGER" | "EVENT" => {
                break word;
            }
            _ => {}
        }
    };
    if tokens.skip("IF") {
        tokens.skip("NOT");
        tokens.skip("EXISTS");
    }
    let one = |tokens: &mut Reader<'_>, aspect| tokens.object(aspect).map(|object| vec![object]);
    match (verb.as_str(), kind.as_str()) {
        ("RENAME", "TABLE" | "TABLES") => tokens.renamed(schema),
        ("CREATE" | "DROP", "INDEX") => {
            tokens.find("ON")?;
            one(&mut tokens, Aspect::Indexes)
        }
        ("ALTER", "TABLE") => tokens.altered(),
        ("CREATE" | "ALTER", "VIEW") => one(&mut tokens, Aspect::View),
        ("CREATE", "TABLE" | "SEQUENCE") => one(&mut tokens, Aspect::Existence),
        ("DROP", "TABLE" | "TABLES" | "SEQUENCE" | "VIEW") => tokens.list(Aspect::Existence),
        ("CREATE" | "ALTER" | "DROP", "PROCEDURE" | "FUNCTION") => one(&mut tokens, Aspect::Routine),
        ("CREATE" | "ALTER" | "DROP", "TRIGGER") => one(&mut tokens, Aspect::Trigger),
        ("CREATE" | "ALTER" | "DROP", "EVENT") => one(&mut tokens, Aspect::Event),
        _ => None,
    }
}

/// Reads the tokens of a statement one after the other.
struct Reader<'a> {
    parts: &'a [Part<'a>],
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Part<'a>> {
        let (first, rest) = self.parts.split_first()?;
        self.parts = rest;
        Some(*first)
    }

    /// Passes over a word or sign if it is next.
    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.parts.first().is_some_and(|(_, text)| text.eq_ignore_ascii_case(word));
        is_next && self.next().is_some()
    }

    /// Passes over everything up to a word, and the word.
    fn find(&mut self, word: &str) -> Option<()> {
        loop {
            let (kind, text) = self.next()?;
            if kind == TokenKind::Word && text.eq_ignore_ascii_case(word) {
                return Some(());
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        let is_name = |(kind, _): &Part<'_>| matches!(kind, TokenKind::Word | TokenKind::Quoted);
        self.next().filter(is_name).map(|(_, text)| unquote(text).into_owned())
    }

    fn object(&mut self, aspect: Aspect) -> Option<Object> {
        let first = self.name()?;
        if self.skip(".") {
            return Some(Object { schema: Some(first), name: self.name()?, aspect });
        }
        Some(Object { schema: None, name: first, aspect })
    }

    fn list(&mut self, aspect: Aspect) -> Option<Vec<Object>> {
        let mut found = vec![self.object(aspect)?];
        while self.skip(",") {
            found.push(self.object(aspect)?);
        }
        Some(found)
    }

    /// `a TO b, c TO d`; `None` if tables only swap their names, since each of the names exists before and after that.
    fn renamed(&mut self, schema: Option<&str>) -> Option<Vec<Object>> {
        let (mut found, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
        // Servers on file systems that ignore case take `A` for `a`.
        let place =
            |object: &Object| (object.schema.as_deref().or(schema).map(str::to_lowercase), object.name.to_lowercase());
        loop {
            let from = self.object(Aspect::Existence)?;
            old.push(place(&from));
            found.push(from);
            if self.skip("WAIT") {
                self.next()?;
            }
            self.skip("NOWAIT");
            if !self.skip("TO") {
                return None;
            }
            let to = self.object(Aspect::Existence)?;
            new.push(place(&to));
            found.push(to);
            if !self.skip(",") {
                old.sort_unstable();
                new.sort_unstable();
                return (old != new).then_some(found);
            }
        }
    }

    /// The table of an `ALTER TABLE`, and what it is renamed to.
    fn altered(&mut self) -> Option<Vec<Object>> {
        let mut found = vec![self.object(Aspect::Table)?];
        let mut depth = 0_usize;
        while let Some((kind, text)) = self.next() {
            match text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                text if depth == 0 && kind == TokenKind::Word && text.eq_ignore_ascii_case("RENAME") => {
                    if ["COLUMN", "INDEX", "KEY", "CONSTRAINT"].iter().any(|word| self.skip(word)) {
                        continue;
                    }
                    let _ = self.skip("TO") || self.skip("AS") || self.skip("=");
                    found.push(self.object(Aspect::Existence)?);
                }
                _ => {}
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::dialect::Dialect;

    #[test]
    fn the_objects_of_schema_changes_are_found() {
        use Aspect::{Event, Existence, Indexes, Routine, Table, Trigger, View};
        for (statement, expected) in [
            ("CREATE TABLE t (a INT, b VARCHAR(9) DEFAULT 'x')", vec![("t", Existence)]),
            ("create table if not exists `a``b` like c", vec![("a`b", Existence)]),
            ("CREATE TABLE app.t (a INT)", vec![("app.t", Existence)]),
            ("/* why */ ALTER ONLINE TABLE t ADD COLUMN b INT", vec![("t", Table)]),
            ("ALTER TABLE t ADD b INT, RENAME TO u", vec![("t", Table), ("u", Existence)]),
            ("ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX i TO j", vec![("t", Table)]),
            ("ALTER TABLE t RENAME u", vec![("t", Table), ("u", Existence)]),
            ("DROP TABLE IF EXISTS a, `b`, c.d", vec![("a", Existence), ("b", Existence), ("c.d", Existence)]),
            (
                "RENAME TABLE a TO b, c TO d",
                vec![("a", Existence), ("b", Existence), ("c", Existence), ("d", Existence)],
            ),
            ("CREATE UNIQUE INDEX i USING BTREE ON t (a)", vec![("t", Indexes)]),
            ("DROP INDEX i ON t", vec![("t", Indexes)]),
            (
                "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `me`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1",
                vec![("v", View)],
            ),
            ("DROP VIEW v", vec![("v", Existence)]),
            ("CREATE DEFINER = CURRENT_USER() PROCEDURE p(a INT) SELECT 1", vec![("p", Routine)]),
            ("DROP FUNCTION IF EXISTS f", vec![("f", Routine)]),
            ("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", vec![("g", Trigger)]),
            ("CREATE EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", vec![("e", Event)]),
            ("CREATE SEQUENCE s START WITH 5", vec![("s", Existence)]),
        ] {
            let found = objects(&Tokens::new(statement, Dialect::Mariadb), Some("app")).expect(statement);
            let shown = |object: &Object| match &object.schema {
                Some(schema) => format!("{schema}.{}", object.name),
                None => object.name.clone(),
            };
            let found: Vec<_> = found.iter().map(|object| (shown(object), object.aspect)).collect();
            let expected: Vec<_> = expected.into_iter().map(|(name, aspect)| (name.to_owned(), aspect)).collect();
            assert_eq!(found, expected, "{statement}");
        }
        for statement in ["INSERT INTO t VALUES (1)", "CREATE USER u", "RENAME TABLE a", "CREATE INDEX i", ""] {
            assert_eq!(objects(&Tokens::new(statement, Dialect::Mariadb), Some("app")), None, "{statement}");
        }
    }

    /// The names of tables that are swapped exist before and after that.
    #[test]
    fn a_swap_of_tables_shows_nothing() {
        for (statement, shows) in [
            ("RENAME TABLE a TO c, b TO a, c TO b", false),
            ("RENAME TABLE a TO c, app.b TO `App`.a, C TO b", false),
            ("RENAME TABLE a TO c, b TO a, c TO d, d TO b", false),
            ("RENAME TABLE a TO old_a, new_a TO a", true),
            ("RENAME TABLE a TO b, b TO c", true),
            ("RENAME TABLE a TO old.a, b TO old.b", true),
        ] {
            assert_eq!(objects(&Tokens::new(statement, Dialect::Mysql), Some("app")).is_some(), shows, "{statement}");
        }
    }
}
