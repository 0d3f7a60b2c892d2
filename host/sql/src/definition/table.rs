//! `CREATE TABLE` of SQLite, read into its columns and constraints.

use super::words::{Cursor, Word, WordKind, split_list, without_parentheses, write};

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub name: String,
    pub temporary: bool,
    pub columns: Vec<Column>,
    pub keys: Vec<Key>,
    pub checks: Vec<Check>,
    pub references: Vec<Reference>,
    pub strict: bool,
    pub without_rowid: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    pub name: String,
    pub data_type: String,
    /// `NOT NULL`, with what happens on a conflict if that is not the usual.
    pub not_null: Option<Option<String>>,
    pub default: Option<Vec<Word>>,
    pub collation: Option<String>,
    /// The expression, and whether its value is stored.
    pub generated: Option<(Vec<Word>, bool)>,
}

/// `PRIMARY KEY` or `UNIQUE`.
#[derive(Clone, Debug, Default)]
pub(super) struct Key {
    pub name: Option<String>,
    pub primary: bool,
    /// Each column with its collation and order.
    pub columns: Vec<Vec<Word>>,
    pub conflict: Option<String>,
    pub autoincrement: bool,
    /// `INTEGER PRIMARY KEY DESC` at a column, which is not the row id.
    pub descending_column: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    pub name: Option<String>,
    pub condition: Vec<Word>,
}

/// A foreign key.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    pub name: Option<String>,
    pub columns: Vec<String>,
    pub parent: String,
    /// Empty: the parent's primary key.
    pub parent_columns: Vec<String>,
    pub on_delete: Option<String>,
    pub on_update: Option<String>,
    pub deferred: bool,
}

impl Table {
    /// Reads a definition; `None` if it is not understood.
    pub(super) fn read(words: &[Word]) -> Option<Self> {
        let mut cursor = Cursor::new(words);
        let mut table = Self::default();
        cursor.takes(&["create"]).then_some(())?;
        table.temporary = cursor.takes(&["temp"]) || cursor.takes(&["temporary"]);
        cursor.takes(&["table"]).then_some(())?;
        cursor.takes(&["if", "not", "exists"]);
        table.name = cursor.name()?;
        if cursor.sees_sign(".") {
            cursor.next();
            table.name = cursor.name()?;
        }
        for item in split_list(cursor.group()?) {
            let mut item = Cursor::new(item);
            if !["constraint", "primary", "unique", "check", "foreign"].iter().any(|word| item.sees(&[word])) {
                table.column(&mut item)?;
            }
            // Commas between constraints of a table are optional.
            while !item.words.is_empty() {
                table.constraint(&mut item)?;
            }
        }
        for option in split_list(cursor.words) {
            match option {
                [] => {}
                [strict] if strict.is("strict") => table.strict = true,
                [without, rowid] if without.is("without") && rowid.is("rowid") => table.without_rowid = true,
                _ => return None,
            }
        }
        Some(table)
    }

    pub(super) fn column_named(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn primary_key(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.primary)
    }

    /// Whether a NULL cannot be stored in a column of the primary key, or becomes the next number.
    pub(super) fn key_is_never_null(&self) -> bool {
        let Some(key) = self.primary_key() else { return false };
        let is_rowid = match &key.columns[..] {
            [column] => {
                let column = column.first().and_then(Word::as_name).and_then(|name| self.column_named(&name));
                column.is_some_and(|column| column.data_type == "integer") && !key.descending_column
            }
            _ => false,
        };
        is_rowid || self.without_rowid || self.strict
    }

    fn column(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        const CONSTRAINTS: [&str; 11] = [
            "constraint",
            "primary",
            "not",
            "null",
            "unique",
            "check",
            "default",
            "collate",
            "references",
            "generated",
            "as",
        ];
        let mut column = Column { name: cursor.name()?, ..Column::default() };
        let mut words = Vec::new();
        while let Some(word) = cursor.words.first() {
            if CONSTRAINTS.iter().any(|constraint| word.is(constraint)) {
                break;
            }
            if cursor.sees_sign("(") {
                let inner = write(cursor.group()?, &|_| true);
                let tight = words.pop().unwrap_or_default();
                words.push(format!("{tight}({inner})"));
            } else {
                words.push(cursor.name()?);
            }
        }
        column.data_type = words.join(" ");
        let mut name = None;
        while !cursor.words.is_empty() {
            if cursor.takes(&["constraint"]) {
                name = Some(cursor.name()?);
                continue;
            }
            let name = name.take();
            if cursor.takes(&["not", "null"]) {
                column.not_null = Some(conflict(cursor)?);
            } else if cursor.takes(&["null"]) {
                conflict(cursor)?;
            } else if cursor.takes(&["default"]) {
                column.default =
                    Some(default(cursor)?).filter(|value| !matches!(&value[..], [null] if null.is("null")));
            } else if cursor.takes(&["collate"]) {
                column.collation = Some(cursor.name()?).filter(|collation| collation != "binary");
            } else if cursor.takes(&["generated", "always", "as"]) || cursor.takes(&["as"]) {
                let expression = without_parentheses(cursor.group()?).to_vec();
                let stored = cursor.takes(&["stored"]);
                cursor.takes(&["virtual"]);
                column.generated = Some((expression, stored));
            } else if cursor.takes(&["primary", "key"]) {
                let descending_column = cursor.takes(&["desc"]);
                cursor.takes(&["asc"]);
                let conflict = conflict(cursor)?;
                let autoincrement = cursor.takes(&["autoincrement"]);
                let columns = vec![vec![itself(&column.name)]];
                self.keys.push(Key { name, primary: true, columns, conflict, autoincrement, descending_column });
            } else if cursor.takes(&["unique"]) {
                let (conflict, columns) = (conflict(cursor)?, vec![vec![itself(&column.name)]]);
                self.keys.push(Key { name, columns, conflict, ..Key::default() });
            } else if cursor.takes(&["check"]) {
                self.check(name, cursor)?;
            } else if cursor.takes(&["references"]) {
                self.reference(name, vec![column.name.clone()], cursor)?;
            } else {
                // A constraint of the table after it, without a comma.
                self.columns.push(column);
                return Some(());
            }
        }
        self.columns.push(column);
        Some(())
    }

    fn constraint(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let name = if cursor.takes(&["constraint"]) { Some(cursor.name()?) } else { None };
        let primary = cursor.takes(&["primary", "key"]);
        if primary || cursor.takes(&["unique"]) {
            let mut items = cursor.group()?;
            let autoincrement = items.last().is_some_and(|word| primary && items.len() > 1 && word.is("autoincrement"));
            if autoincrement {
                items = &items[..items.len() - 1];
            }
            let columns = split_list(items).into_iter().map(<[Word]>::to_vec).collect();
            let conflict = conflict(cursor)?;
            self.keys.push(Key { name, primary, columns, conflict, autoincrement, descending_column: false });
            Some(())
        } else if cursor.takes(&["check"]) {
            self.check(name, cursor)
        } else if cursor.takes(&["foreign", "key"]) {
            let columns = cursor.names()?;
            cursor.takes(&["references"]).then_some(())?;
            self.reference(name, columns, cursor)
        } else {
            None
        }
    }

    fn check(&mut self, name: Option<String>, cursor: &mut Cursor<'_>) -> Option<()> {
        let condition = without_parentheses(cursor.group()?).to_vec();
        // SQLite accepts this clause and ignores it.
        conflict(cursor)?;
        self.checks.push(Check { name, condition });
        Some(())
    }

    fn reference(&mut self, name: Option<String>, columns: Vec<String>, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut reference = Reference { name, columns, parent: cursor.name()?, ..Reference::default() };
        if cursor.sees_sign("(") {
            reference.parent_columns = cursor.names()?;
        }
        loop {
            if cursor.takes(&["on", "delete"]) {
                reference.on_delete = action(cursor)?;
            } else if cursor.takes(&["on", "update"]) {
                reference.on_update = action(cursor)?;
            } else if cursor.takes(&["match"]) {
                // Accepted and ignored.
                cursor.name()?;
            } else if cursor.takes(&["not", "deferrable"]) {
                starts(cursor);
            } else if cursor.takes(&["deferrable"]) {
                reference.deferred = starts(cursor);
            } else {
                self.references.push(reference);
                return Some(());
            }
        }
    }
}

fn itself(name: &str) -> Word {
    Word { kind: WordKind::Name, text: name.to_owned() }
}

/// `ON CONFLICT`; `None` within for the usual.
fn conflict(cursor: &mut Cursor<'_>) -> Option<Option<String>> {
    if !cursor.takes(&["on", "conflict"]) {
        return Some(None);
    }
    Some(Some(cursor.name()?).filter(|what| what != "abort"))
}

/// What happens to rows that refer to a deleted or changed one; `None` within for the usual.
fn action(cursor: &mut Cursor<'_>) -> Option<Option<String>> {
    for words in [["set", "null"], ["set", "default"], ["no", "action"]] {
        if cursor.takes(&words) {
            return Some(Some(words.join(" ")).filter(|what| what != "no action"));
        }
    }
    Some(Some(cursor.name()?))
}

/// Whether a deferrable constraint is initially deferred.
fn starts(cursor: &mut Cursor<'_>) -> bool {
    cursor.takes(&["initially", "immediate"]);
    cursor.takes(&["initially", "deferred"])
}

/// The words of a default. In it, double quotes enclose a string.
fn default(cursor: &mut Cursor<'_>) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    if let Some(inner) = cursor.group() {
        words.extend_from_slice(without_parentheses(inner));
        return Some(words);
    }
    while cursor.sees_sign("+") || cursor.sees_sign("-") {
        words.extend(cursor.next().filter(|sign| !sign.is_sign("+")).cloned());
    }
    let value = cursor.next()?;
    words.push(match value.kind {
        WordKind::NameOrText => Word { kind: WordKind::Text, text: format!("'{}'", value.text.replace('\'', "''")) },
        _ => value.clone(),
    });
    Some(words)
}
