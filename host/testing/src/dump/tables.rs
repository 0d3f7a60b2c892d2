//! How the rows of each table are read.

use runner_database::{Dialect, TableName};
use runner_schema::{Kind, ObjectId, Parts, Property, Schema};

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
    let parts = schema.parts();
    let found = schema.objects.iter().filter(|(id, object)| match (id.kind, schema.dialect) {
        (Kind::Table, Dialect::Postgres) => !object.properties.contains_key("partition by"),
        (Kind::MaterializedView, _) => !object.properties.contains_key("unpopulated"),
        (kind, _) => kind == Kind::Table,
    });
    found.map(|(id, _)| table(schema, id, parts.get(id))).collect()
}

fn table(schema: &Schema, id: &ObjectId, parts: Option<&Parts<'_>>) -> Table {
    let name = match &id.path[..] {
        [space, name] => TableName { schema: Some(space.clone()), name: name.clone() },
        path => TableName::new(path.last().cloned().unwrap_or_default()),
    };
    let columns = parts.into_iter().flatten().filter(|(id, _)| id.kind == Kind::Column).map(|(id, object)| {
        let column = id.path.last().cloned().unwrap_or_default();
        let declared = match object.properties.get("type") {
            Some(Property::Text(declared)) => declared,
            _ => "",
        };
        let read = as_text(&column, declared, schema.dialect);
        (column, read)
    });
    Table { label: schema.name(id), name, columns: columns.collect() }
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
