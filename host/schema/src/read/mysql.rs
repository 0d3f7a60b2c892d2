//! The catalogue of MySQL and MariaDB. A name that is not qualified is that of the database of the connection.

use std::collections::BTreeSet;

use runner_database::{Database, DatabaseError, Dialect};
use runner_sql::without_qualifier;

use super::{take, version};
use crate::model::{Kind, Property, Schema};

/// The tables, and what is usual of each.
const TABLES: &str = "SELECT CASE table_type WHEN 'VIEW' THEN 'view' WHEN 'SEQUENCE' THEN 'sequence' ELSE 'table' END, \
        JSON_ARRAY(table_name), NULL, JSON_OBJECT( \
        'engine', IF(table_type IN ('VIEW', 'SEQUENCE'), NULL, engine), \
        'collation', IF(table_type = 'SEQUENCE', NULL, table_collation), \
        'versioned?', table_type = 'SYSTEM VERSIONED', \
        'options', IF(table_type = 'SEQUENCE', NULL, NULLIF(TRIM(REPLACE(create_options, 'partitioned', '')), '')), \
        'comment', IF(table_type = 'VIEW', NULL, table_comment)) \
    FROM information_schema.tables WHERE table_schema = DATABASE()";

/// An index has a row for each of its columns. `{more}`: what only one of the two has.
const INDEXES: &str = "SELECT IF(index_name = 'PRIMARY', 'constraint', 'index'), JSON_ARRAY(table_name, index_name), \
        JSON_ARRAY('table', table_name), JSON_OBJECT( \
        'primary key?', index_name = 'PRIMARY', \
        'unique?', non_unique = 0 AND index_name <> 'PRIMARY', \
        'method', NULLIF(index_type, 'BTREE'), \
        'columns+', CONCAT({column}, IF(sub_part IS NULL, '', CONCAT('(', sub_part, ')')), IF(collation = 'D', ' DESC', '')), \
        {more}'comment', index_comment) \
    FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index";

/// A foreign key has a row for each of its columns. `RESTRICT`, `NO ACTION` and no action at all are the same.
const REFERENCES: &str = "SELECT 'constraint', JSON_ARRAY(k.table_name, k.constraint_name), JSON_ARRAY('table', k.table_name), JSON_OBJECT( \
        'foreign key+', k.column_name, \
        'references', IF(k.referenced_table_schema = DATABASE(), k.referenced_table_name, \
            CONCAT(k.referenced_table_schema, '.', k.referenced_table_name)), \
        'referenced columns+', k.referenced_column_name, \
        'on update', IF(r.update_rule IN ('RESTRICT', 'NO ACTION'), NULL, r.update_rule), \
        'on delete', IF(r.delete_rule IN ('RESTRICT', 'NO ACTION'), NULL, r.delete_rule)) \
    FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r \
        ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name \
    WHERE k.table_schema = DATABASE() AND k.referenced_table_name IS NOT NULL \
    ORDER BY k.table_name, k.constraint_name, k.ordinal_position";

const CHECKS_MARIADB: &str = "SELECT 'constraint', JSON_ARRAY(table_name, constraint_name), JSON_ARRAY('table', table_name), JSON_OBJECT( \
        'check=', check_clause{level}) \
    FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()";

const CHECKS_MYSQL: &str = "SELECT 'constraint', JSON_ARRAY(t.table_name, t.constraint_name), JSON_ARRAY('table', t.table_name), JSON_OBJECT( \
        'check=', c.check_clause, 'not enforced?', t.enforced = 'NO') \
    FROM information_schema.check_constraints c JOIN information_schema.table_constraints t \
        ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name AND t.constraint_type = 'CHECK' \
    WHERE c.constraint_schema = DATABASE()";

/// A text that may hold the name of the database keeps it only where it is the user's own: those of triggers, routines and events are
/// as they were written.
const TRIGGERS: &str = "SELECT 'trigger', JSON_ARRAY(trigger_name), JSON_ARRAY('table', event_object_table), JSON_OBJECT( \
        'table', event_object_table, 'timing', action_timing, 'event', event_manipulation, 'order', action_order, \
        'body=', action_statement) \
    FROM information_schema.triggers WHERE trigger_schema = DATABASE()";

const ROUTINES: &str = "SELECT LOWER(routine_type), JSON_ARRAY(routine_name), NULL, JSON_OBJECT( \
        'result', dtd_identifier, 'deterministic?', is_deterministic = 'YES', 'data access', NULLIF(sql_data_access, 'CONTAINS SQL'), \
        'security', NULLIF(security_type, 'DEFINER'), 'body=', routine_definition, 'comment', routine_comment) \
    FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_type IN ('FUNCTION', 'PROCEDURE')";

const PARAMETERS: &str = "SELECT LOWER(routine_type), JSON_ARRAY(specific_name), NULL, JSON_OBJECT( \
        'parameters+', CONCAT_WS(' ', parameter_mode, parameter_name, dtd_identifier)) \
    FROM information_schema.parameters \
    WHERE specific_schema = DATABASE() AND ordinal_position > 0 AND routine_type IN ('FUNCTION', 'PROCEDURE') \
    ORDER BY specific_name, ordinal_position";

/// An event without `STARTS` begins when it is created, and `AT` and `ENDS` are mostly relative to that: only whether it has them is the
/// same the next time.
const EVENTS: &str = "SELECT 'event', JSON_ARRAY(event_name), NULL, JSON_OBJECT( \
        'every', CONCAT(interval_value, ' ', interval_field), 'at?', execute_at IS NOT NULL, 'starts?', starts IS NOT NULL, \
        'ends?', ends IS NOT NULL, 'status', NULLIF(status, 'ENABLED'), 'preserved?', on_completion = 'PRESERVE', \
        'body=', event_definition, 'comment', event_comment) \
    FROM information_schema.events WHERE event_schema = DATABASE()";

const PARTITIONS: &str = "SELECT 'table', JSON_ARRAY(table_name), NULL, JSON_OBJECT( \
        'partition by=', IF(partition_ordinal_position = 1 AND IFNULL(subpartition_ordinal_position, 1) = 1, \
            CONCAT_WS(' ', partition_method, partition_expression, subpartition_method, subpartition_expression), NULL), \
        'partitions+', CONCAT_WS(' ', partition_name, IF(partition_method = 'SYSTEM_TIME', NULL, partition_description), subpartition_name, NULLIF(partition_comment, ''))) \
    FROM information_schema.partitions WHERE table_schema = DATABASE() AND partition_name IS NOT NULL \
    ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position";

const OTHERS: &str = "SELECT 'unread', JSON_ARRAY(LOWER(routine_type)), NULL, JSON_OBJECT('count', COUNT(*)) \
    FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_type NOT IN ('FUNCTION', 'PROCEDURE') GROUP BY routine_type";

const SETTINGS: &str = "SELECT 'setting', JSON_ARRAY('character set'), NULL, JSON_OBJECT( \
        'name', default_character_set_name, 'collation', default_collation_name) \
    FROM information_schema.schemata WHERE schema_name = DATABASE()";

/// MariaDB writes a default as SQL, `NULL` included. MySQL writes a value as it is, unless it says that it is an expression.
fn columns(dialect: Dialect) -> String {
    let (default, more) = match dialect {
        Dialect::Mysql => (
            // `QUOTE(NULL)` is the word.
            "'default=', CASE WHEN LOCATE('DEFAULT_GENERATED', extra) > 0 THEN column_default \
                WHEN column_default IS NOT NULL THEN QUOTE(column_default) END",
            "'srid', srs_id, ",
        ),
        _ => ("'default=', NULLIF(column_default, 'NULL')", ""),
    };
    format!(
        "SELECT 'column', JSON_ARRAY(table_name, column_name), JSON_ARRAY('table', table_name), JSON_OBJECT( \
            '#', ordinal_position, 'type', column_type, 'not null?', is_nullable = 'NO', 'collation', collation_name, \
            {default}, {more}'generated=', generation_expression, \
            'extra', NULLIF(TRIM(REPLACE(extra, 'DEFAULT_GENERATED', '')), ''), 'comment', column_comment) \
         FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
}

fn indexes(dialect: Dialect, has_ignored: bool) -> String {
    let (column, more) = match dialect {
        // The expression of a functional index is a column without a name.
        Dialect::Mysql => ("IFNULL(column_name, CONCAT('(', expression, ')'))", "'invisible?', is_visible = 'NO', "),
        _ if has_ignored => ("column_name", "'ignored?', ignored = 'YES', "),
        _ => ("column_name", ""),
    };
    INDEXES.replace("{column}", column).replace("{more}", more)
}

fn views(dialect: Dialect) -> String {
    let algorithm = if dialect == Dialect::Mariadb { "'algorithm', NULLIF(algorithm, 'UNDEFINED'), " } else { "" };
    format!(
        "SELECT 'view', JSON_ARRAY(table_name), NULL, JSON_OBJECT({algorithm}'definition=', view_definition, \
            'check option', NULLIF(check_option, 'NONE'), 'security', NULLIF(security_type, 'DEFINER')) \
         FROM information_schema.views WHERE table_schema = DATABASE()"
    )
}

pub(super) async fn read(database: &mut dyn Database) -> Result<Schema, DatabaseError> {
    let facts = database.facts();
    let (dialect, own) = (facts.dialect, facts.schema.clone().unwrap_or_default());
    // What came with a version of MariaDB, or with a patch of the one before.
    let is_newer = dialect == Dialect::Mariadb && version(&facts.version) >= (10, 6);
    let checks = if dialect == Dialect::Mysql { CHECKS_MYSQL } else { CHECKS_MARIADB };
    let checks = checks.replace("{level}", if is_newer { ", 'of column?', level = 'Column'" } else { "" });
    let questions = [
        TABLES.to_owned(),
        views(dialect),
        columns(dialect),
        indexes(dialect, is_newer),
        REFERENCES.to_owned(),
        checks,
        OTHERS.to_owned(),
        TRIGGERS.to_owned(),
        ROUTINES.to_owned(),
        PARAMETERS.to_owned(),
        EVENTS.to_owned(),
        PARTITIONS.to_owned(),
        SETTINGS.to_owned(),
    ];
    let mut schema = Schema::empty(dialect);
    for rows in database.probe(&questions).await?.answers {
        take(&mut schema, rows)?;
    }
    sequences(database, &mut schema).await?;
    let of_kind = |schema: &Schema, kind| -> BTreeSet<String> {
        schema.objects.keys().filter(|id| id.kind == kind).map(|id| id.path.concat()).collect()
    };
    let (views, sequences) = (of_kind(&schema, Kind::View), of_kind(&schema, Kind::Sequence));
    // A sequence is a table with columns.
    schema.objects.retain(|_, object| !object.parent.as_ref().is_some_and(|it| sequences.contains(&it.path.concat())));
    let mut hidden = 0;
    for (id, object) in &mut schema.objects {
        let text = match id.kind {
            Kind::View => "definition",
            Kind::Function | Kind::Procedure => "body",
            _ => "",
        };
        match object.properties.get_mut(text) {
            // It names each table with its database, which has another name elsewhere.
            Some(Property::Expression(text)) if id.kind == Kind::View => *text = without_qualifier(text, &own, dialect),
            Some(_) => {}
            None => hidden += i64::from(!text.is_empty()),
        }
        if let Some(parent) = object.parent.as_mut().filter(|parent| views.contains(&parent.path.concat())) {
            parent.kind = Kind::View;
        }
    }
    // From this user, who lacks the privileges.
    if hidden > 0 {
        schema.unread.insert("hidden definition".to_owned(), hidden);
    }
    Ok(schema)
}

/// What MariaDB knows of a sequence is in the sequence. One more question for all of them.
async fn sequences(database: &mut dyn Database, schema: &mut Schema) -> Result<(), DatabaseError> {
    let names = schema.objects.keys().filter(|id| id.kind == Kind::Sequence).map(|id| id.path[0].as_str());
    let dialect = schema.dialect;
    let questions: Vec<String> = names
        .map(|name| {
            format!(
                "SELECT 'sequence', JSON_ARRAY({}), NULL, JSON_OBJECT('start', start_value, 'increment', increment, \
                    'minimum', minimum_value, 'maximum', maximum_value, 'cache', cache_size, 'cycle?', cycle_option = 1) FROM {}",
                text_literal(name),
                dialect.quote(name)
            )
        })
        .collect();
    if questions.is_empty() {
        return Ok(());
    }
    for rows in database.probe(&[questions.join(" UNION ALL ")]).await?.answers {
        take(schema, rows)?;
    }
    Ok(())
}

/// A text that every mode of a session reads alike.
fn text_literal(text: &str) -> String {
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("CONVERT(x'{digits}' USING utf8mb4)")
}
