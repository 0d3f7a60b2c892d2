//! The schema of a MySQL or MariaDB database.

use super::schema::{Schema, Table, lines};
use runner_database::facts::is_tool_table;
use runner_database::{DatabaseError, Dialect, Session, TableName};
use runner_sql::canonical;

/// Tables and views are read by their definition, everything else from `information_schema`. An event without `STARTS` begins when it
/// is created, and `AT` and `ENDS` are mostly relative to that: only whether it has them is the same the next time.
const OTHERS: &str = "
    SELECT concat('trigger ', trigger_name),
        concat_ws(' ', action_timing, event_manipulation, 'on', event_object_table, action_order, action_statement)
    FROM information_schema.triggers WHERE trigger_schema = database()
    UNION ALL
    SELECT concat(lower(routine_type), ' ', routine_name),
        concat_ws(' ', dtd_identifier, is_deterministic, sql_data_access, security_type, routine_definition,
            concat('COMMENT ', nullif(routine_comment, '')),
            (SELECT group_concat(concat_ws(' ', parameter_mode, parameter_name, dtd_identifier) ORDER BY ordinal_position)
             FROM information_schema.parameters AS p
             WHERE p.specific_schema = r.routine_schema AND p.specific_name = r.specific_name))
    FROM information_schema.routines AS r WHERE routine_schema = database()
    UNION ALL
    SELECT concat('event ', event_name),
        concat_ws(' ', event_type, execute_at IS NULL, interval_value, interval_field, starts IS NULL, ends IS NULL, status,
            on_completion, event_definition, concat('COMMENT ', nullif(event_comment, '')))
    FROM information_schema.events WHERE event_schema = database()
    UNION ALL
    SELECT 'database', concat_ws(' ', default_character_set_name, default_collation_name)
    FROM information_schema.schemata WHERE schema_name = database()";

/// As text, FLOAT would lose digits, and bytes may not be valid text.
const COLUMNS: &str = "
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = database() ORDER BY table_name, ordinal_position";

pub(super) async fn read(session: &mut dyn Session) -> Result<Schema, DatabaseError> {
    let dialect = session.facts().dialect;
    let own = session.facts().schema.clone().unwrap_or_default();
    let mut schema = Schema::default();
    for [label, definition] in lines::<2>(session, OTHERS, &[]).await? {
        schema.objects.insert(label, vec![definition]);
    }
    let tables = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = database()";
    for [name, kind] in lines::<2>(session, tables, &[]).await? {
        if is_tool_table(&name) {
            continue;
        }
        let (word, show) = match kind.as_str() {
            "VIEW" => ("view", "TABLE"),
            // `SHOW CREATE TABLE` shows one without its parameters.
            "SEQUENCE" => ("sequence", "SEQUENCE"),
            _ => ("table", "TABLE"),
        };
        let create = format!("SHOW CREATE {show} {}", dialect.quote(&name));
        let [[_, definition]] = lines::<2>(session, &create, &[]).await?.try_into().unwrap_or_default();
        let definition = definition.replace(&format!("{}.", dialect.quote(&own)), "");
        schema.objects.insert(format!("{word} {name}"), vec![canonical(&without_counter(&definition), dialect)]);
        if word == "table" {
            schema.tables.push(Table { label: name.clone(), name: TableName::new(name), columns: Vec::new() });
        }
    }
    for [table, column, data_type] in lines::<3>(session, COLUMNS, &[]).await? {
        if let Some(table) = schema.tables.iter_mut().find(|it| it.label == table) {
            let read = as_text(&column, &data_type, dialect);
            table.columns.push((column, read));
        }
    }
    Ok(schema)
}

fn as_text(column: &str, data_type: &str, dialect: Dialect) -> String {
    let name = dialect.quote(column);
    match data_type.to_ascii_lowercase().as_str() {
        // The product is a DOUBLE, which MySQL casts to only since 8.0.17.
        "float" => format!("CAST({name} * 1e0 AS CHAR)"),
        "bit" | "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" | "point"
        | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon" | "geometrycollection"
        // What MySQL calls that one since 8.0.
        | "geomcollection" | "vector" => format!("HEX({name})"),
        _ => format!("CAST({name} AS CHAR CHARACTER SET utf8mb4)"),
    }
}

/// Deleting rows does not reset the next value of a counter.
fn without_counter(definition: &str) -> String {
    match definition.split_once(" AUTO_INCREMENT=") {
        Some((before, behind)) => {
            format!("{before}{}", behind.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => definition.to_owned(),
    }
}
