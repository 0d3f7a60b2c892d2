//! Tables that a file for SQLite drops, for good or with other tables put in their place, and tables of which it replaces rows.

use std::collections::HashMap;
use std::iter::Peekable;
use std::sync::Arc;

use super::Statement;
use super::classify::StatementClass;
use super::tokens::Tokens;
use super::unquote::unquote;
use runner_base::dialect::Dialect;

/// A `DROP TABLE`.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The position of the statement.
    pub at: usize,
    /// The name under which the table is dropped.
    pub name: String,
    /// The name that another table gets in its place: another one if the file has renamed the table before. `None`: it is dropped for good.
    pub replaced: Option<String>,
    /// The whole file.
    file: Arc<Drops>,
}

/// A table that is dropped after another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DroppedLater {
    /// Whether the file may read its rows before that.
    pub is_read: bool,
    /// Whether another table gets its name.
    pub is_replaced: bool,
}

/// The tables that a file drops, each in lower case. A dump drops thousands, so what is known of each pair is looked up.
#[derive(Debug, Default)]
struct Drops {
    /// The positions at which a table is dropped, and whether it is replaced.
    drops: HashMap<String, Vec<(usize, bool)>>,
    /// The positions at which a table is named.
    named: HashMap<String, Vec<usize>>,
    /// The positions at which any table may be read through a view.
    reads: Vec<usize>,
}

impl Dropped {
    /// Whether the file renames the table before it drops it, and replaces it.
    pub fn is_renamed(&self) -> bool {
        self.replaced.as_ref().is_some_and(|table| !table.eq_ignore_ascii_case(&self.name))
    }

    /// What is known of a table that the file drops after this one.
    pub fn dropped_later(&self, table: &str) -> Option<DroppedLater> {
        let table = table.to_ascii_lowercase();
        let (at, is_replaced) = self.file.drops.get(&table)?.iter().copied().find(|(at, _)| *at > self.at)?;
        let is_between = |positions: &Vec<usize>| {
            let next = positions.partition_point(|position| *position <= self.at);
            positions.get(next).is_some_and(|position| *position < at)
        };
        let is_read = is_between(&self.file.reads) || self.file.named.get(&table).is_some_and(is_between);
        Some(DroppedLater { is_read, is_replaced })
    }
}

/// The tables that a file drops. It replaces those whose names others get: `DROP` with a later `CREATE` or `RENAME TO`, or a `RENAME` to
/// another name with a later `DROP`. A name that no table has in the end, as that of a temporary copy, does not count. None outside SQLite:
/// elsewhere dropping a table deletes no rows of others.
pub fn dropped_tables<'a>(statements: impl Iterator<Item = Statement<'a>> + Clone) -> Vec<Dropped> {
    let changes = changes(statements.clone());
    let drops = changes.iter().enumerate().filter_map(|(change, (at, of))| match of {
        Change::Drops(name) => Some((*at, name, replaced(&changes, change, name))),
        _ => None,
    });
    let drops: Vec<(usize, &String, Option<String>)> = drops.collect();
    if drops.is_empty() {
        return Vec::new();
    }
    let mut file = Drops::default();
    for (at, name, table) in &drops {
        file.drops.entry(name.to_ascii_lowercase()).or_default().push((*at, table.is_some()));
    }
    for (at, statement) in statements.enumerate() {
        let mut reads = false;
        for word in statement.tokens().identifiers() {
            let word = word.to_ascii_lowercase();
            reads |= word == "select";
            if file.drops.contains_key(&word) {
                file.named.entry(word).or_default().push(at);
            }
        }
        file.reads.extend(reads.then_some(at));
    }
    let file = Arc::new(file);
    let of =
        |(at, name, replaced): (usize, &String, _)| Dropped { at, name: name.clone(), replaced, file: file.clone() };
    drops.into_iter().map(of).collect()
}

/// The name that another table gets in place of the one that a change drops, which may have had several.
fn replaced(changes: &[(usize, Change)], change: usize, dropped_as: &str) -> Option<String> {
    let (mut name, mut until) = (dropped_as, change);
    loop {
        let last = changes[until + 1..].iter().rfind(|(_, change)| change.concerns(name));
        if last.is_some_and(|(_, change)| change.gives(name)) {
            return Some(name.to_owned());
        }
        let given = changes[..until].iter().rposition(|(_, change)| change.gives(name))?;
        match &changes[given].1 {
            Change::Renames(from, _) => (name, until) = (from, given),
            _ => return None,
        }
    }
}

/// The table of the main database of which a statement replaces rows: `REPLACE INTO`, `INSERT OR REPLACE INTO`, `UPDATE OR REPLACE`, also
/// below a `WITH`. None outside SQLite.
pub fn replacing(tokens: &Tokens<'_>) -> Option<String> {
    if tokens.dialect() != Dialect::Sqlite {
        return None;
    }
    let mut tokens = head(tokens);
    let has_with = tokens.peek()?.eq_ignore_ascii_case("WITH");
    while let Some(token) = tokens.next() {
        let changes = token.eq_ignore_ascii_case("INSERT") || token.eq_ignore_ascii_case("UPDATE");
        let replaces = match changes && accept(&mut tokens, "OR") {
            true => accept(&mut tokens, "REPLACE"),
            false => token.eq_ignore_ascii_case("REPLACE") && (!has_with || accept(&mut tokens, "INTO")),
        };
        if replaces {
            accept(&mut tokens, "INTO");
            let (schema, name) = table(&mut tokens)?;
            return schema.is_none_or(|schema| schema.eq_ignore_ascii_case("main")).then_some(name);
        }
        if !has_with {
            // Any statement may be long, and is read up to its first word only.
            return None;
        }
    }
    None
}

/// What a statement does to a table of the main database.
#[derive(Debug)]
enum Change {
    Creates(String),
    Drops(String),
    Renames(String, String),
}

impl Change {
    /// Whether a table has this name after it.
    fn gives(&self, name: &str) -> bool {
        match self {
            Self::Creates(to) | Self::Renames(_, to) => to.eq_ignore_ascii_case(name),
            Self::Drops(_) => false,
        }
    }

    fn concerns(&self, name: &str) -> bool {
        let takes = match self {
            Self::Drops(from) | Self::Renames(from, _) => from.eq_ignore_ascii_case(name),
            Self::Creates(_) => false,
        };
        takes || self.gives(name)
    }
}

/// What statements do to tables, with their positions. Temporary tables hide others of their name.
fn changes<'a>(statements: impl Iterator<Item = Statement<'a>>) -> Vec<(usize, Change)> {
    let mut temporary: Vec<String> = Vec::new();
    let mut change = |statement: Statement<'_>| {
        let (change, schema) = parsed(statement)?;
        let is_temp = match (schema, &change) {
            (Some(schema), _) if schema.eq_ignore_ascii_case("temp") => true,
            (Some(schema), _) if !schema.eq_ignore_ascii_case("main") => return None,
            (Some(_), _) | (None, Change::Creates(_)) => false,
            (None, Change::Drops(name) | Change::Renames(name, _)) => {
                temporary.iter().any(|other| other.eq_ignore_ascii_case(name))
            }
        };
        if !is_temp {
            return Some(change);
        }
        if let Change::Drops(name) | Change::Renames(name, _) = &change {
            temporary.retain(|other| !other.eq_ignore_ascii_case(name));
        }
        if let Change::Creates(name) | Change::Renames(_, name) = change {
            temporary.push(name);
        }
        None
    };
    statements.enumerate().filter_map(|(at, it)| Some((at, change(it)?))).collect()
}

/// What a statement does to a table, and the schema in which it does so, if it names one.
fn parsed(statement: Statement<'_>) -> Option<(Change, Option<String>)> {
    let tokens = statement.tokens();
    if statement.class != StatementClass::Schema || tokens.dialect() != Dialect::Sqlite {
        return None;
    }
    let mut tokens = head(&tokens);
    let first = tokens.next()?.to_ascii_uppercase();
    let is_temporary = first == "CREATE" && (accept(&mut tokens, "TEMP") || accept(&mut tokens, "TEMPORARY"));
    if !accept(&mut tokens, "TABLE") {
        return None;
    }
    if accept(&mut tokens, "IF") {
        accept(&mut tokens, "NOT");
        accept(&mut tokens, "EXISTS");
    }
    let (schema, name) = table(&mut tokens)?;
    let schema = if is_temporary { Some("temp".to_owned()) } else { schema };
    let change = match first.as_str() {
        "CREATE" => Change::Creates(name),
        "DROP" => Change::Drops(name),
        "ALTER" if accept(&mut tokens, "RENAME") && accept(&mut tokens, "TO") => {
            Change::Renames(name, unquote(tokens.next()?).into_owned())
        }
        _ => return None,
    };
    Some((change, schema))
}

fn head<'a>(tokens: &Tokens<'a>) -> Peekable<impl Iterator<Item = &'a str> + use<'a>> {
    tokens.head().map(|(_, text)| text).peekable()
}

/// Whether the next token is this word, which is then consumed.
fn accept<'a>(tokens: &mut Peekable<impl Iterator<Item = &'a str>>, word: &str) -> bool {
    tokens.next_if(|token| token.eq_ignore_ascii_case(word)).is_some()
}

/// The schema of a table, if it is named, and the table.
fn table<'a>(tokens: &mut Peekable<impl Iterator<Item = &'a str>>) -> Option<(Option<String>, String)> {
    let first = unquote(tokens.next()?).into_owned();
    match tokens.next_if_eq(&".") {
        Some(_) => Some((Some(first), unquote(tokens.next()?).into_owned())),
        None => Some((None, first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Dropped> {
        dropped_tables(super::super::split(text, Dialect::Sqlite).expect("statements").into_iter())
    }

    #[test]
    fn tables_that_are_replaced_are_found() {
        for (text, expected) in [
            ("DROP TABLE p; ALTER TABLE new_p RENAME TO p", vec![(0, "p", "p")]),
            ("SELECT 1; drop table if exists main.[P]; alter table main.\"new\" rename to \"p\"", vec![(1, "P", "P")]),
            ("DROP TABLE p; CREATE TABLE IF NOT EXISTS main.P (a)", vec![(0, "p", "p")]),
            ("CREATE TABLE b AS SELECT * FROM p; DROP TABLE p; CREATE TABLE p (a); DROP TABLE b", vec![(1, "p", "p")]),
            ("CREATE TEMP TABLE b (a); DROP TABLE p; CREATE TABLE p (a); DROP TABLE b", vec![(1, "p", "p")]),
            ("ALTER TABLE p RENAME TO old; CREATE TABLE p (a); DROP TABLE old", vec![(2, "p", "old")]),
            ("ALTER TABLE p RENAME TO old; ALTER TABLE n RENAME TO p; DROP TABLE old", vec![(2, "p", "old")]),
            ("ALTER TABLE p RENAME TO old; DROP TABLE old; CREATE TABLE p (a)", vec![(1, "p", "old")]),
            (
                "ALTER TABLE p RENAME TO a; ALTER TABLE a RENAME TO b; CREATE TABLE p (a); DROP TABLE b",
                vec![(3, "p", "b")],
            ),
            // A temporary table hides the other one.
            (
                "CREATE TEMPORARY TABLE p AS SELECT * FROM p; DROP TABLE main.p; CREATE TABLE p (a); DROP TABLE p",
                vec![(1, "p", "p")],
            ),
            (
                "CREATE TEMP TABLE p (a); ALTER TABLE p RENAME TO q; DROP TABLE p; CREATE TABLE p (a)",
                vec![(2, "p", "p")],
            ),
            // The name is not there in the end, or is not that of another table.
            ("DROP TABLE IF EXISTS n; CREATE TABLE n (a); ALTER TABLE n RENAME TO q", vec![]),
            ("DROP TABLE p; CREATE TABLE p (a); DROP TABLE p", vec![]),
            ("DROP TABLE p; CREATE TEMP TABLE p (a)", vec![]),
            ("DROP TABLE other.p; CREATE TABLE p (a)", vec![]),
            ("ALTER TABLE p RENAME TO q; ALTER TABLE q RENAME TO p; DROP TABLE p", vec![]),
            ("ALTER TABLE new_p RENAME TO p; DROP TABLE p", vec![]),
            ("DROP TABLE p; ALTER TABLE q RENAME TO r", vec![]),
            ("DROP TABLE p; ALTER TABLE q RENAME COLUMN p TO r", vec![]),
            ("DROP VIEW p; ALTER TABLE q RENAME TO p", vec![]),
        ] {
            let found = found(text);
            let replaced = found.iter().filter_map(|it| Some((it.at, it.replaced.as_deref()?, it.name.as_str())));
            let found: Vec<(usize, &str, &str)> = replaced.collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn tables_of_which_rows_are_replaced_are_found() {
        for (text, expected) in [
            ("REPLACE INTO users VALUES (1)", Some("users")),
            ("insert or replace into main.\"Users\" (id) select 1", Some("Users")),
            ("WITH n AS (SELECT 1) INSERT OR REPLACE INTO users SELECT * FROM n", Some("users")),
            ("UPDATE OR REPLACE users SET id = 2", Some("users")),
            ("INSERT INTO users SELECT replace(name, 'a', 'b') OR replace(name, 'a', 'c') FROM old", None),
            ("SELECT 'OR REPLACE INTO users'", None),
            ("CREATE TRIGGER t AFTER INSERT ON a BEGIN REPLACE INTO users VALUES (1); END", None),
        ] {
            let found = replacing(&Tokens::new(text, Dialect::Sqlite));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tables_that_are_dropped_later_are_known() {
        for (text, is_read, is_replaced) in [
            ("DROP TABLE p; DROP TABLE c; CREATE TABLE p (a)", false, false),
            ("DROP TABLE p; CREATE TABLE p (a); DROP TABLE c; CREATE TABLE c (a)", false, true),
            ("DROP TABLE p; CREATE TABLE p (a); CREATE TABLE n AS SELECT * FROM v; DROP TABLE c", true, false),
            ("DROP TABLE p; CREATE TABLE p (a); ALTER TABLE C ADD b; DROP TABLE c", true, false),
        ] {
            let found = found(text);
            let later = found[0].dropped_later("C").expect(text);
            assert_eq!((later.is_read, later.is_replaced), (is_read, is_replaced), "{text}");
        }
        assert_eq!(found("DROP TABLE c; DROP TABLE p; CREATE TABLE p (a)")[0].dropped_later("c"), None);
    }
}
