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

/// The meaning of each row, in the same order: one line each for a table and its columns and constraints, in an order of their own,
/// and one line for everything else. Column positions are left out. A text that cannot be read is its own meaning.
pub fn normalised_schema(rows: &[SchemaRow]) -> Vec<Vec<String>> {
    let words: Vec<Option<Vec<Word>>> = rows.iter().map(|row| words::read(&row.sql)).collect();
    let mut tables = BTreeMap::new();
    for (row, words) in rows.iter().zip(&words) {
        if let Some(table) = words.as_ref().filter(|_| row.kind == "table").and_then(|words| Table::read(words)) {
            tables.insert(row.table.to_ascii_lowercase(), table);
        }
    }
    let meaning = |row: &SchemaRow, words: &[Word]| {
        let table = tables.get(&row.table.to_ascii_lowercase());
        match (row.kind.as_str(), table) {
            ("table", Some(table)) => Some(of_table(table, &tables)),
            ("index", Some(table)) => of_index(words, table).map(|line| vec![line]),
            ("trigger", _) => Some(vec![write(&of_trigger(words), &|name| is_known(name, words, &tables))]),
            _ => Some(vec![write(words, &|name| is_known(name, words, &tables))]),
        }
    };
    rows.iter()
        .zip(&words)
        .map(|(row, words)| {
            words.as_ref().and_then(|words| meaning(row, words)).unwrap_or_else(|| vec![row.sql.clone()])
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

fn of_table(table: &Table, tables: &BTreeMap<String, Table>) -> Vec<String> {
    let mut head = if table.temporary { "temporary table" } else { "table" }.to_owned();
    head.push_str(&format!(" {}", quoted(&table.name)));
    for (is_set, option) in [(table.strict, " strict"), (table.without_rowid, " without rowid")] {
        head.push_str(if is_set { option } else { "" });
    }
    let mut lines = BTreeSet::new();
    lines.extend(table.columns.iter().map(|column| of_column(column, table)));
    lines.extend(table.keys.iter().map(|key| of_key(key, table)));
    for check in &table.checks {
        lines.insert(named(check.name.as_ref(), &format!("check ({})", expression(&check.condition, table))));
    }
    lines.extend(table.references.iter().map(|reference| of_reference(reference, tables)));
    std::iter::once(head).chain(lines).collect()
}

fn of_column(column: &Column, table: &Table) -> String {
    let mut text = format!("column {}", quoted(&column.name));
    if !column.data_type.is_empty() {
        text.push_str(&format!(" {}", column.data_type));
    }
    let is_key = table.primary_key().is_some_and(|key| {
        key.columns.iter().any(|words| words.first().and_then(Word::as_name).as_deref() == Some(&column.name))
    });
    match &column.not_null {
        // The key says as much.
        Some(None) if is_key && table.key_is_never_null() => {}
        Some(conflict) => text.push_str(&format!(" not null{}", on_conflict(conflict.as_ref()))),
        None => {}
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" default {}", expression(default, table)));
    }
    if let Some(collation) = &column.collation {
        text.push_str(&format!(" collate {}", quoted(collation)));
    }
    if let Some((words, stored)) = &column.generated {
        let kind = if *stored { "stored" } else { "virtual" };
        text.push_str(&format!(" as ({}) {kind}", expression(words, table)));
    }
    text
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
    text.push_str(&on_conflict(key.conflict.as_ref()));
    named(key.name.as_ref(), &text)
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
    named(reference.name.as_ref(), &text)
}

fn of_index(words: &[Word], table: &Table) -> Option<String> {
    let mut cursor = Cursor::new(words);
    cursor.takes(&["create"]).then_some(())?;
    let unique = cursor.takes(&["unique"]);
    cursor.takes(&["index"]).then_some(())?;
    cursor.takes(&["if", "not", "exists"]);
    let name = cursor.name()?;
    cursor.takes(&["on"]).then_some(())?;
    let on = cursor.name()?;
    let columns: Vec<String> = split_list(cursor.group()?).into_iter().map(|words| key_column(words, table)).collect();
    let mut text = format!(
        "{} {} on {} ({})",
        if unique { "unique index" } else { "index" },
        quoted(&name),
        quoted(&on),
        columns.join(", ")
    );
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

fn on_conflict(conflict: Option<&String>) -> String {
    conflict.map(|conflict| format!(" on conflict {conflict}")).unwrap_or_default()
}

fn named(name: Option<&String>, text: &str) -> String {
    name.map_or_else(|| text.to_owned(), |name| format!("constraint {} {text}", quoted(name)))
}
