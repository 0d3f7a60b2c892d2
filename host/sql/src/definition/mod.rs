//! What the definitions in SQLite's schema table mean, so that two that mean the same are equal. SQLite keeps the text of each
//! statement, and edits it when something is renamed, added or dropped: quotes appear, columns move, comments vanish.

mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use self::table::{Column, Key, Reference, Table};
use self::words::{Cursor, Word, WordKind, list, quoted, split_list, without_parentheses, write};

/// A row of the schema table.
#[derive(Clone, Debug, Default)]
pub struct SchemaRow {
    /// `table`, `index`, `view` or `trigger`.
    pub kind: String,
    /// The table that it belongs to.
    pub table: String,
    /// Its text.
    pub sql: String,
}

/// What a row means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A table.
    Table(TableDefinition),
    /// Everything else in one line, and what cannot be read as it is.
    Text(String),
}

/// The name of a property, and its text. One without a text says that it is so.
pub type ColumnProperty = (&'static str, Option<String>);

/// What the definition of a table means. All names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// Such as `strict`.
    pub options: Vec<&'static str>,
    /// Each column with its properties.
    pub columns: Vec<(String, Vec<ColumnProperty>)>,
    /// The constraints with their names, in an order of their own.
    pub constraints: Vec<(Option<String>, String)>,
}

/// The meaning of each row, in the same order. Column positions are left out.
pub fn definitions(rows: &[SchemaRow]) -> Vec<Definition> {
    let words: Vec<Option<Vec<Word>>> = rows.iter().map(|row| words::read(&row.sql)).collect();
    let mut tables = BTreeMap::new();
    for (row, words) in rows.iter().zip(&words) {
        if let Some(table) = words.as_ref().filter(|_| row.kind == "table").and_then(|words| Table::read(words)) {
            tables.insert(row.table.to_ascii_lowercase(), table);
        }
    }
    let meaning = |row: &SchemaRow, words: &[Word]| {
        let table = tables.get(&row.table.to_ascii_lowercase());
        let text = match (row.kind.as_str(), table) {
            ("table", Some(table)) => return Some(Definition::Table(of_table(table, &tables))),
            ("index", Some(table)) => of_index(words, table)?,
            ("trigger", _) => write(&of_trigger(words), &|name| is_known(name, words, &tables)),
            _ => write(words, &|name| is_known(name, words, &tables)),
        };
        Some(Definition::Text(text))
    };
    rows.iter()
        .zip(&words)
        .map(|(row, words)| {
            let read = words.as_ref().and_then(|words| meaning(row, words));
            read.unwrap_or_else(|| Definition::Text(row.sql.clone()))
        })
        .collect()
}

/// Whether a name in double quotes is one, and not a string: something of the schema or of the text itself has it.
fn is_known(name: &str, words: &[Word], tables: &BTreeMap<String, Table>) -> bool {
    tables.contains_key(name)
        || tables.values().any(|table| table.column_named(name).is_some())
        || words.iter().any(|word| matches!(word.kind, WordKind::Word | WordKind::Name) && word.text == name)
        || words.windows(2).any(|pair| match pair {
            [first, second] => {
                let same = |word: &Word| word.kind == WordKind::NameOrText && word.text.eq_ignore_ascii_case(name);
                // `"a".b`, `a."b"`, `ON "a"` and similar forms.
                (same(first) && second.is_sign("."))
                    || (same(second)
                        && ["table", "view", "trigger", "into", "from", "join", "on", "update"]
                            .iter()
                            .any(|keyword| first.is(keyword)))
                    || (same(second) && first.is_sign("."))
            }
            _ => false,
        })
}

fn of_table(table: &Table, tables: &BTreeMap<String, Table>) -> TableDefinition {
    let options = [(table.temporary, "temporary"), (table.strict, "strict"), (table.without_rowid, "without rowid")];
    let mut constraints = BTreeSet::new();
    constraints.extend(table.keys.iter().map(|key| (key.name.clone(), of_key(key, table))));
    constraints.extend(
        table
            .checks
            .iter()
            .map(|check| (check.name.clone(), format!("check ({})", expression(&check.condition, table)))),
    );
    constraints
        .extend(table.references.iter().map(|reference| (reference.name.clone(), of_reference(reference, tables))));
    TableDefinition {
        options: options.into_iter().filter_map(|(is_set, option)| is_set.then_some(option)).collect(),
        columns: table.columns.iter().map(|column| (column.name.clone(), of_column(column, table))).collect(),
        constraints: constraints.into_iter().collect(),
    }
}

fn of_column(column: &Column, table: &Table) -> Vec<ColumnProperty> {
    let mut told = Vec::new();
    if !column.data_type.is_empty() {
        told.push(("type", Some(column.data_type.clone())));
    }
    let is_key = table.primary_key().is_some_and(|key| {
        key.columns.iter().any(|words| words.first().and_then(Word::as_name).as_deref() == Some(&column.name))
    });
    match &column.not_null {
        // The key says as much.
        Some(None) if is_key && table.key_is_never_null() => {}
        Some(conflict) => told.push(("not null", conflict.as_ref().map(|it| format!("on conflict {it}")))),
        None => {}
    }
    if let Some(default) = &column.default {
        told.push(("default", Some(expression(default, table))));
    }
    if let Some(collation) = &column.collation {
        told.push(("collate", Some(collation.clone())));
    }
    if let Some((words, stored)) = &column.generated {
        told.push(("generated", Some(expression(words, table))));
        if *stored {
            told.push(("stored", None));
        }
    }
    told
}

fn of_key(key: &Key, table: &Table) -> String {
    let columns: Vec<String> = key.columns.iter().map(|words| key_column(words, table)).collect();
    let mut text = format!("{} ({})", if key.primary { "primary key" } else { "unique" }, columns.join(", "));
    if key.descending_column {
        text.push_str(" descending");
    }
    if key.autoincrement {
        text.push_str(" autoincrement");
    }
    if let Some(conflict) = &key.conflict {
        text.push_str(&format!(" on conflict {conflict}"));
    }
    text
}

fn of_reference(reference: &Reference, tables: &BTreeMap<String, Table>) -> String {
    let mut parent_columns = reference.parent_columns.clone();
    if let Some(key) = tables.get(&reference.parent).and_then(Table::primary_key).filter(|_| parent_columns.is_empty())
    {
        parent_columns = key.columns.iter().filter_map(|words| words.first()?.as_name()).collect();
    }
    let mut text = format!(
        "foreign key ({}) references {} ({})",
        list(&reference.columns),
        quoted(&reference.parent),
        list(&parent_columns)
    );
    for (event, action) in [("delete", &reference.on_delete), ("update", &reference.on_update)] {
        if let Some(action) = action {
            text.push_str(&format!(" on {event} {action}"));
        }
    }
    text.push_str(if reference.deferred { " initially deferred" } else { "" });
    text
}

fn of_index(words: &[Word], table: &Table) -> Option<String> {
    let mut cursor = Cursor::new(words);
    cursor.takes(&["create"]).then_some(())?;
    let unique = cursor.takes(&["unique"]);
    cursor.takes(&["index"]).then_some(())?;
    cursor.takes(&["if", "not", "exists"]);
    cursor.name()?;
    cursor.takes(&["on"]).then_some(())?;
    let on = cursor.name()?;
    let columns: Vec<String> = split_list(cursor.group()?).into_iter().map(|words| key_column(words, table)).collect();
    let unique = if unique { "unique " } else { "" };
    let mut text = format!("{unique}on {} ({})", quoted(&on), columns.join(", "));
    if cursor.takes(&["where"]) {
        text.push_str(&format!(" where {}", expression(without_parentheses(cursor.words), table)));
    } else if !cursor.words.is_empty() {
        return None;
    }
    Some(text)
}

/// A trigger runs before its event unless it says otherwise, and always for each row.
fn of_trigger(words: &[Word]) -> Vec<Word> {
    let word = |text: &str| Word { kind: WordKind::Word, text: text.to_owned() };
    let begin = words.iter().position(|word| word.is("begin")).unwrap_or(words.len());
    let (head, body) = words.split_at(begin);
    let mut told = Vec::with_capacity(words.len() + 1);
    let each =
        head.windows(3).position(|three| matches!(three, [a, b, c] if a.is("for") && b.is("each") && c.is("row")));
    let has_moment = head.iter().any(|word| ["before", "after", "instead"].iter().any(|moment| word.is(moment)));
    let mut is_told = has_moment;
    for (at, one) in head.iter().enumerate() {
        if each.is_some_and(|each| (each..each + 3).contains(&at)) {
            continue;
        }
        // After `CREATE TRIGGER name`.
        if !is_told && at > 2 && ["delete", "insert", "update"].iter().any(|event| one.is(event)) {
            told.push(word("before"));
            is_told = true;
        }
        told.push(one.clone());
    }
    told.extend_from_slice(body);
    told
}

/// A column or an expression of a key or an index, without the order and the collation that it would have anyway.
fn key_column(words: &[Word], table: &Table) -> String {
    let mut words = words;
    if let [rest @ .., last] = words
        && last.is("asc")
        && !rest.is_empty()
    {
        words = rest;
    }
    let (core, descending) = match words {
        [rest @ .., last] if last.is("desc") && !rest.is_empty() => (rest, " desc"),
        _ => (words, ""),
    };
    let (core, collation) = match core {
        [rest @ .., collate, collation] if collate.is("collate") && !rest.is_empty() => (rest, collation.as_name()),
        _ => (core, None),
    };
    let column = match core {
        [one] => one.as_name().and_then(|name| table.column_named(&name)),
        _ => None,
    };
    let mut text = match column {
        Some(column) => quoted(&column.name),
        None => expression(core, table),
    };
    let usual = column.and_then(|column| column.collation.as_deref()).unwrap_or("binary");
    if let Some(collation) = collation.filter(|collation| column.is_none() || collation != usual) {
        text.push_str(&format!(" collate {}", quoted(&collation)));
    }
    text + descending
}

/// In expressions of a table, double quotes enclose a column's name, or a string if it has no such column.
fn expression(words: &[Word], table: &Table) -> String {
    write(words, &|name| table.column_named(name).is_some() || ["rowid", "oid", "_rowid_"].contains(&name))
}
