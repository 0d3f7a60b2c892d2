//! How grants are written: `VERB TABLE(COLUMN, …)`, such as `read customers(id, email)`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::{Grant, Need, Tables, Touched, Verb, malformed};
use crate::DatabaseError;
use runner_base::suggest::did_you_mean;

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { verb, table, columns } => {
                let tables = Tables { schema: table.schema.clone(), ..Tables::named(&*table.name) };
                let columns = match columns {
                    Touched::Column(column) => BTreeSet::from([column.clone()]),
                    Touched::Table | Touched::EveryColumn => BTreeSet::new(),
                };
                write!(f, "{}", Grant { verb: *verb, tables, columns })
            }
            Self::Function(name) => write!(f, "function {name}"),
        }
    }
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", written(schema))?;
        }
        if self.is_prefix {
            // A prefix that needs quotes has its star after them.
            write!(f, "{}*", if self.name.is_empty() { String::new() } else { written(&self.name) })
        } else {
            f.write_str(&written(&self.name))
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.tables)?;
        if !self.columns.is_empty() {
            let columns: Vec<String> = self.columns.iter().map(|column| written(column)).collect();
            write!(f, "({})", columns.join(", "))?;
        }
        Ok(())
    }
}

/// A name as a grant states it: in double quotes unless it is a plain word.
fn written(name: &str) -> String {
    if !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

impl FromStr for Grant {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        let wrong = |problem: &str| {
            malformed(format!("the grant `{text}` {problem}"))
                .hint("a grant is written as in `read customers(id, email)`, `insert outbox` or `create outbox_*`")
        };
        let text_of_verb = text.trim_start();
        let (word, rest) = text_of_verb.split_once(char::is_whitespace).ok_or_else(|| wrong("names no table"))?;
        let Some(verb) = Verb::from_name(word) else {
            let error = malformed(format!("the grant `{text}` begins with the unknown verb `{word}`"));
            let known = Verb::ALL.map(Verb::name);
            return Err(match did_you_mean(word, known) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!("the verbs are {}", known.join(", "))),
            });
        };
        let (tables, rest) = tables(rest.trim()).map_err(wrong)?;
        let rest = rest.trim();
        if rest.is_empty() {
            return Ok(Self::new(verb, tables));
        }
        let list = rest.strip_prefix('(').and_then(|list| list.strip_suffix(')'));
        let mut list = list.ok_or_else(|| wrong("continues with something else than a list of columns"))?.trim();
        let mut columns = Vec::new();
        while !list.is_empty() {
            let (column, after) = name(list).ok_or_else(|| wrong("has a column that cannot be read"))?;
            if column.is_empty() {
                return Err(wrong("has a column that cannot be read"));
            }
            columns.push(column);
            list = match after.trim_start() {
                "" => "",
                more => more.strip_prefix(',').ok_or_else(|| wrong("has a column that cannot be read"))?.trim_start(),
            };
        }
        Self::of_columns(verb, tables, columns)
    }
}

impl FromStr for Tables {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        match tables(text.trim()) {
            Ok((tables, "")) => Ok(tables),
            _ => Err(malformed(format!("`{text}` is not a valid table name")).hint(
                "write it as in `outbox`, `crm.customers` or `\"odd name\"`, or `outbox*` for all that begin like this",
            )),
        }
    }
}

/// Reads tables at the start of a text, and returns the rest, or what is wrong.
fn tables(text: &str) -> Result<(Tables, &str), &'static str> {
    const UNREADABLE: &str = "has a name that cannot be read";
    let (first, mut rest) = name(text).ok_or(UNREADABLE)?;
    let mut tables = Tables::named(first);
    if let Some(after) = rest.strip_prefix('.') {
        let second;
        (second, rest) = name(after).ok_or(UNREADABLE)?;
        tables = Tables { schema: Some(tables.name), ..Tables::named(second) };
    }
    if let Some(after) = rest.strip_prefix('*') {
        tables.is_prefix = true;
        rest = after;
    } else if tables.name.is_empty() {
        return Err("names no table");
    }
    Ok((tables, rest))
}

/// Reads a name at the start of a text, and returns the rest. It may be empty only before a star.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|character| !is_plain(character)).unwrap_or(text.len());
        return (end > 0 || text.starts_with('*')).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return (!name.is_empty()).then_some((name, rest)),
        }
    }
}
