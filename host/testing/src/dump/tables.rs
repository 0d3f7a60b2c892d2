//! How the rows of each table are read.

use runner_database::{Dialect, TableName};
use runner_schema::{Kind, ObjectId, Property, Schema};

/// A table, and for each of its columns the expression that reads it as text.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name in messages and files.
    pub label: String,
    pub name: TableName,
    pub columns: Vec<(String, String)>,
}

/// The tables with rows of their own: of a partitioned one, its partitions.
pub(super) fn tables(schema: &Schema) -> Vec<Table> {
    let found = schema.objects.iter().filter(|(id, object)| match (id.kind, schema.dialect) {
        (Kind::Table, Dialect::Postgres) => !object.properties.contains_key("partition by"),
        (Kind::MaterializedView, _) => !object.properties.contains_key("unpopulated"),
        (kind, _) => kind == Kind::Table,
    });
    found.map(|(id, _)| table(schema, id)).collect()
}

fn table(schema: &Schema, id: &ObjectId) -> Table {
    let name = match &id.path[..] {
        [space, name] => TableName { schema: Some(space.clone()), name: name.clone() },
        path => TableName::new(path.last().cloned().unwrap_or_default()),
    };
    let label = schema.label(id);
    let columns = schema.columns(id).into_iter().map(|column| {
        let mut path = id.path.clone();
        path.push(column.to_owned());
        let object = schema.objects.get(&ObjectId { kind: Kind::Column, path });
        let declared = match object.and_then(|object| object.properties.get("type")) {
            Some(Property::Text(declared)) => declared,
            _ => "",
        };
        (column.to_owned(), as_text(column, declared, schema.dialect))
    });
    let columns = columns.collect();
    Table { label: label.split_once(' ').map_or(label.clone(), |(_, name)| name.to_owned()), name, columns }
}

fn as_text(column: &str, declared: &str, dialect: Dialect) -> String {
    let name = dialect.quote(column);
    match dialect {
        // A cell may have any type: `quote` distinguishes them. It ends at a NUL, which a text may contain.
        Dialect::Sqlite => format!(
            "CASE WHEN typeof({name}) = 'text' AND instr({name}, char(0)) THEN 'text ' || hex({name}) ELSE quote({name}) END"
        ),
        Dialect::Postgres => format!("{name}::pg_catalog.text"),
        // As text, FLOAT would lose digits, and bytes may not be valid text.
        Dialect::Mysql | Dialect::Mariadb => {
            match declared.split(['(', ' ']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
                // The product is a DOUBLE, which MySQL casts to only since 8.0.17.
                "float" => format!("CAST({name} * 1e0 AS CHAR)"),
                "bit" | "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" | "point"
                | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon" | "geometrycollection"
                // What MySQL calls that one since 8.0.
                | "geomcollection" | "vector" => format!("HEX({name})"),
                _ => format!("CAST({name} AS CHAR CHARACTER SET utf8mb4)"),
            }
        }
    }
}
