//! The schema table of SQLite, which has the text of each definition, and its table-valued pragmas, which have the names.

use std::collections::BTreeMap;

use runner_data::Value;
use runner_database::{Database, DatabaseError};
use runner_sql::{ColumnProperty, Definition, SchemaRow, definitions};

use crate::model::{Kind, Object, ObjectId, Property, Schema};

/// Shadow tables of virtual ones are no objects of the schema.
const OBJECTS: &str = "SELECT s.type, s.name, s.tbl_name, s.sql FROM sqlite_schema AS s \
    LEFT JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.tbl_name \
    WHERE s.name NOT LIKE 'sqlite@_%' ESCAPE '@' AND coalesce(l.type, '') <> 'shadow'";

const COLUMNS: &str = "SELECT s.name, c.name, c.cid + 1 FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS c \
    WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite@_%' ESCAPE '@' AND c.hidden <> 1";

const SETTINGS: &str = "SELECT 'user_version', user_version FROM pragma_user_version \
    UNION ALL SELECT 'application_id', application_id FROM pragma_application_id";

pub(super) async fn read(database: &mut dyn Database) -> Result<Schema, DatabaseError> {
    let questions = [OBJECTS, COLUMNS, SETTINGS].map(str::to_owned);
    let mut answers = database.probe(&questions).await?.answers.into_iter();
    let mut schema = Schema::empty(database.facts().dialect);
    let rows: Vec<(String, SchemaRow)> = answers
        .next()
        .unwrap_or_default()
        .iter()
        .map(|row| (cell(row, 1), SchemaRow { kind: cell(row, 0), table: cell(row, 2), sql: cell(row, 3) }))
        .collect();
    let mut columns: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    for row in answers.next().unwrap_or_default() {
        let position = row.get(2).and_then(Value::as_int64).unwrap_or_default();
        columns.entry(cell(&row, 0)).or_default().push((cell(&row, 1), position));
    }
    for row in answers.next().unwrap_or_default() {
        if let Some(value) = row.get(1).and_then(Value::as_int64).filter(|value| *value != 0) {
            let properties = [("value".to_owned(), Property::Number(value))].into();
            let object = Object { properties, ..Object::default() };
            schema.objects.insert(ObjectId::new(Kind::Setting, [&cell(&row, 0)]), object);
        }
    }
    let (names, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    // A trigger keeps the name of its table as it was typed.
    let owners: BTreeMap<String, ObjectId> = names
        .iter()
        .zip(&rows)
        .filter_map(|(name, row)| {
            let kind = Kind::from_name(&row.kind).filter(|kind| matches!(kind, Kind::Table | Kind::View))?;
            Some((name.to_ascii_lowercase(), ObjectId::new(kind, [name])))
        })
        .collect();
    for ((name, row), definition) in names.into_iter().zip(&rows).zip(definitions(&rows)) {
        let Some(kind) = Kind::from_name(&row.kind) else { continue };
        let id = ObjectId::new(kind, [&name]);
        let mut object = Object::default();
        if matches!(kind, Kind::Index | Kind::Trigger) {
            object.parent = owners.get(&row.table.to_ascii_lowercase()).cloned();
        }
        match definition {
            Definition::Text(text) => {
                object.properties.insert("definition".to_owned(), Property::Expression(text));
                // The columns of a virtual table are those of its module.
                let columns = columns.get(&name).filter(|_| kind == Kind::Table);
                for (column, position) in columns.into_iter().flatten() {
                    add_column(&mut schema, &id, column, *position, Vec::new());
                }
            }
            Definition::Table(table) => {
                object.properties.extend(table.options.into_iter().map(|option| (option.to_owned(), Property::Flag)));
                let mut told: BTreeMap<String, _> = table.columns.into_iter().collect();
                for (column, position) in columns.get(&name).into_iter().flatten() {
                    let properties = told.remove(&column.to_ascii_lowercase()).unwrap_or_default();
                    add_column(&mut schema, &id, column, *position, properties);
                }
                for (constraint, text) in table.constraints {
                    add_constraint(&mut schema, &id, constraint, text);
                }
            }
        }
        schema.objects.insert(id, object);
    }
    Ok(schema)
}

fn cell(row: &[Value], at: usize) -> String {
    row.get(at).and_then(Value::as_text).unwrap_or_default().to_owned()
}

fn add_column(schema: &mut Schema, table: &ObjectId, name: &str, position: i64, properties: Vec<ColumnProperty>) {
    let properties = properties.into_iter().map(|(name, text)| {
        let value = match (name, text) {
            (_, None) => Property::Flag,
            ("default" | "generated", Some(text)) => Property::Expression(text),
            (_, Some(text)) => Property::Text(text),
        };
        (name.to_owned(), value)
    });
    let object = Object { parent: Some(table.clone()), position: Some(position), properties: properties.collect() };
    schema.objects.insert(ObjectId { kind: Kind::Column, path: vec![table.path[0].clone(), name.to_owned()] }, object);
}

/// A constraint without a name is called by what it is: changed, it is another one.
fn add_constraint(schema: &mut Schema, table: &ObjectId, name: Option<String>, text: String) {
    let name = name.unwrap_or_else(|| text.clone());
    let mut id = ObjectId { kind: Kind::Constraint, path: vec![table.path[0].clone(), name] };
    // SQLite takes the same twice.
    while schema.objects.contains_key(&id) {
        id.path[1].push_str(", again");
    }
    let properties = [("definition".to_owned(), Property::Expression(text))].into();
    schema.objects.insert(id, Object { parent: Some(table.clone()), properties, ..Object::default() });
}
