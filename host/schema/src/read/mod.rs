//! The readers: one for each family of servers. Each asks a fixed number of questions, whatever the number of objects.
//!
//! An answer has a row for each object, or for a part of what is known of it: its kind, its path and its parent (a kind and a path)
//! as JSON, and an object of JSON with its properties. Rows about one object are put together. A mark at the end of a property's name, which
//! is not part of it, shows what its value is:
//!
//! | mark | value |
//! | --- | --- |
//! | `?` | a flag, if it is true |
//! | `=` | an expression |
//! | `+` | an item of a list that its rows have in their order |
//! | `#` alone | the position |
//! | none | a text, a number or a list |
//!
//! What is null or empty is left out.

mod mysql;
mod postgres;
mod sqlite;

use std::collections::BTreeSet;

use runner_base::dialect::Dialect;
use runner_data::Value;
use runner_database::facts::{GATE_NAMES, TOOL_SCHEMA, is_tool_table};
use runner_database::{Database, DatabaseError, DatabaseErrorKind};
use serde_json::Value as Json;

use crate::model::{Kind, Object, ObjectId, Property, Schema};

/// What is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Owners and privileges, too, on PostgreSQL.
    pub privileges: bool,
}

/// Reads the schema of a database, without the tool's own tables. No transaction may be open.
///
/// # Errors
///
/// Those of the connection, and what the user may not read.
pub async fn read(database: &mut dyn Database, reading: Reading) -> Result<Schema, DatabaseError> {
    let mut schema = match database.facts().dialect {
        Dialect::Sqlite => sqlite::read(database).await,
        Dialect::Postgres => postgres::read(database, reading).await,
        Dialect::Mysql | Dialect::Mariadb => mysql::read(database).await,
    }?;
    leave_out_own(&mut schema);
    Ok(schema)
}

/// Leaves out what belongs to the tool: its schemas, and its tables wherever they are, with all that is theirs.
fn leave_out_own(schema: &mut Schema) {
    let spaces = if schema.dialect == Dialect::Postgres { &[TOOL_SCHEMA, GATE_NAMES[0]][..] } else { &[] };
    let is_own = |id: &ObjectId| match id.kind {
        Kind::Table => id.path.last().is_some_and(|name| is_tool_table(name)),
        // On MySQL and MariaDB.
        Kind::Procedure => id.path == [GATE_NAMES[0]],
        _ => false,
    };
    let places: BTreeSet<String> = schema
        .objects
        .keys()
        .filter(|id| id.kind == Kind::Table && id.path.len() > 1 && is_own(id))
        .map(|id| id.path[0].clone())
        .collect();
    schema.objects.retain(|id, object| {
        !(is_own(id)
            || object.parent.as_ref().is_some_and(is_own)
            || id.kind != Kind::DefaultPrivileges
                && id.path.first().is_some_and(|first| spaces.contains(&first.as_str())))
    });
    // A schema that has nothing but a history was made for it.
    let used: BTreeSet<&String> = schema.objects.keys().filter(|id| id.path.len() > 1).map(|id| &id.path[0]).collect();
    let unused: Vec<ObjectId> = places
        .iter()
        .filter(|place| !used.contains(place) && schema.own_schema.as_ref() != Some(place))
        .map(|place| ObjectId::new(Kind::Schema, [place]))
        .collect();
    schema.objects.retain(|id, _| !unused.contains(id));
}

/// The first two numbers of a version.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The kind of the rows that count objects which are not read.
const UNREAD: &str = "unread";

/// Puts the rows of an answer into the schema.
fn take(schema: &mut Schema, rows: Vec<Vec<Value>>) -> Result<(), DatabaseError> {
    for row in rows {
        take_row(schema, &row).ok_or_else(|| {
            let what = format!("the catalogue of the server has a row that runner cannot read: {row:?}");
            DatabaseError::new(DatabaseErrorKind::Conversion, what)
        })?;
    }
    Ok(())
}

fn take_row(schema: &mut Schema, row: &[Value]) -> Option<()> {
    let [kind, path, parent, properties] = row else { return None };
    let path = names(&serde_json::from_str(path.as_text()?).ok()?)?;
    let properties: Json = serde_json::from_str(properties.as_text()?).ok()?;
    let properties = properties.as_object()?;
    if kind.as_text()? == UNREAD {
        let count = properties.get("count").and_then(Json::as_i64)?;
        schema.unread.insert(path.join("."), count);
        return Some(());
    }
    let id = ObjectId { kind: Kind::from_name(kind.as_text()?)?, path };
    let object = schema.objects.entry(id).or_default();
    if let Some(parent) = parent.as_text() {
        object.parent = Some(parent_of(&serde_json::from_str(parent).ok()?)?);
    }
    for (name, value) in properties {
        set(object, name, value)?;
    }
    Some(())
}

/// A kind, and a path behind it.
fn parent_of(json: &Json) -> Option<ObjectId> {
    let mut names = names(json)?.into_iter();
    Some(ObjectId { kind: Kind::from_name(&names.next()?)?, path: names.collect() })
}

fn names(json: &Json) -> Option<Vec<String>> {
    json.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

fn set(object: &mut Object, name: &str, value: &Json) -> Option<()> {
    if is_empty(value) {
        return Some(());
    }
    let text = |value: &Json| match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (name, value) = match (name.strip_suffix(['?', '=', '+']), name.chars().last()?) {
        (_, '#') => {
            object.position = Some(value.as_i64()?);
            return Some(());
        }
        (Some(name), '?') => match value {
            Json::Bool(true) => (name, Property::Flag),
            Json::Number(number) if number.as_i64() == Some(1) => (name, Property::Flag),
            Json::Bool(false) | Json::Number(_) => return Some(()),
            _ => return None,
        },
        (Some(name), '=') => (name, Property::Expression(text(value)?)),
        (Some(name), _) => {
            let list = object.properties.entry(name.to_owned()).or_insert_with(|| Property::List(Vec::new()));
            let Property::List(items) = list else { return None };
            items.push(text(value)?);
            return Some(());
        }
        (None, _) => match value {
            Json::Array(items) => (name, Property::List(items.iter().map(text).collect::<Option<_>>()?)),
            Json::Number(number) => match number.as_i64() {
                Some(number) => (name, Property::Number(number)),
                None => (name, Property::Text(number.to_string())),
            },
            value => (name, Property::Text(text(value)?)),
        },
    };
    object.properties.insert(name.to_owned(), value);
    Some(())
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn versions_are_compared_by_number() {
        for (text, expected) in [("10.11.19-MariaDB", (10, 11)), ("15.18 (Debian)", (15, 18)), ("18beta1", (18, 0))] {
            assert_eq!(version(text), expected, "{text}");
        }
        assert!(version("10.11.19-MariaDB") >= (10, 6) && version("10.5.28-MariaDB") < (10, 6));
    }

    #[test]
    fn rows_become_objects() {
        let mut schema = Schema::empty(Dialect::Postgres);
        let row = |properties: &str| {
            vec![text("column"), text(r#"["s", "t", "c"]"#), text(r#"["table", "s", "t"]"#), text(properties)]
        };
        let rows = vec![
            row(r##"{"#": 3, "type": "integer", "not null?": true, "default=": "0", "statistics": 5, "comment": ""}"##),
            row(r#"{"options": ["b", "a"], "unique?": 0, "generated?": 1, "storage": null, "at+": "one"}"#),
            row(r#"{"at+": 2}"#),
            vec![text(UNREAD), text(r#"["cast"]"#), Value::Null, text(r#"{"count": 2}"#)],
        ];
        take(&mut schema, rows).expect("rows");
        let id = ObjectId::new(Kind::Column, ["s", "t", "c"]);
        let object = &schema.objects[&id];
        assert_eq!(object.position, Some(3));
        assert_eq!(object.parent, Some(ObjectId::new(Kind::Table, ["s", "t"])));
        assert_eq!(
            object.line(),
            "at (one, 2), default 0, generated, not null, options (b, a), statistics 5, type integer"
        );
        assert_eq!(schema.unread["cast"], 2);
        for wrong in [r#"{"not null?": "yes"}"#, r#"{"type": {}}"#, r##"{"#": "one"}"##, "[]", "{"] {
            let error = take(&mut schema, vec![row(wrong)]).expect_err(wrong);
            assert!(error.message.contains("cannot read"), "{error}");
        }
    }
}
