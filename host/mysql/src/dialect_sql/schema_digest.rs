//! What the catalogues of MySQL and MariaDB hold about the objects of a statement, as one expression: a count and a digest for
//! each question. The server computes it where it is stored, so that asking takes no message of its own.
//!
//! Each question names its object by equality, since MariaDB opens every table of a database to answer any other.

use runner_database::{Dialect, Facts};
use runner_sql::objects::{Aspect, Object};

/// A catalogue, the columns that hold the database and the name, and the columns that are compared, divided by spaces.
struct Catalogue {
    from: &'static str,
    schema: &'static str,
    name: &'static str,
    columns: &'static str,
}

const TABLES: Catalogue = Catalogue {
    from: "tables",
    schema: "table_schema",
    name: "table_name",
    columns: "table_type engine table_collation table_comment create_options row_format",
};

/// Whether there is a table, without opening it.
const EXISTENCE: Catalogue = Catalogue { columns: "", ..TABLES };

const COLUMNS: Catalogue = Catalogue {
    from: "columns",
    columns: "ordinal_position column_name column_default is_nullable column_type collation_name extra column_comment generation_expression",
    ..TABLES
};

const INDEXES: Catalogue = Catalogue {
    from: "statistics",
    columns: "index_name seq_in_index non_unique column_name sub_part index_type index_comment collation",
    ..TABLES
};

const KEYS: Catalogue = Catalogue {
    from: "key_column_usage",
    columns: "constraint_name ordinal_position column_name referenced_table_schema referenced_table_name referenced_column_name",
    ..TABLES
};

const REFERENCES: Catalogue = Catalogue {
    from: "referential_constraints",
    schema: "constraint_schema",
    columns: "constraint_name update_rule delete_rule referenced_table_name",
    ..TABLES
};

const CONSTRAINTS: Catalogue =
    Catalogue { from: "table_constraints", columns: "constraint_name constraint_type", ..TABLES };

/// MariaDB keeps the table of a check next to it.
const CHECKS_MARIADB: Catalogue = Catalogue {
    from: "check_constraints",
    schema: "constraint_schema",
    columns: "constraint_name check_clause",
    ..TABLES
};

const CHECKS_MYSQL: Catalogue = Catalogue {
    from: "check_constraints c JOIN information_schema.table_constraints t USING (constraint_schema, constraint_name)",
    schema: "t.table_schema",
    name: "t.table_name",
    columns: "constraint_name c.check_clause t.enforced",
};

const VIEWS: Catalogue =
    Catalogue { from: "views", columns: "view_definition check_option security_type definer", ..TABLES };

const ROUTINES: Catalogue = Catalogue {
    from: "routines",
    schema: "routine_schema",
    name: "routine_name",
    columns: "routine_type routine_definition dtd_identifier security_type sql_data_access routine_comment",
};

const PARAMETERS: Catalogue = Catalogue {
    from: "parameters",
    schema: "specific_schema",
    name: "specific_name",
    columns: "ordinal_position parameter_mode parameter_name dtd_identifier",
};

const TRIGGERS: Catalogue = Catalogue {
    from: "triggers",
    schema: "trigger_schema",
    name: "trigger_name",
    columns: "event_object_table event_manipulation action_timing action_statement action_order",
};

const EVENTS: Catalogue = Catalogue {
    from: "events",
    schema: "event_schema",
    name: "event_name",
    columns: "event_type event_definition execute_at interval_value interval_field starts ends status on_completion event_comment",
};

fn catalogues(aspect: Aspect, dialect: Dialect) -> Vec<&'static Catalogue> {
    let checks = if dialect == Dialect::Mariadb { &CHECKS_MARIADB } else { &CHECKS_MYSQL };
    match aspect {
        Aspect::Existence => vec![&EXISTENCE],
        Aspect::Indexes => vec![&INDEXES],
        Aspect::Table => vec![&TABLES, &COLUMNS, &INDEXES, &KEYS, &REFERENCES, &CONSTRAINTS, checks],
        Aspect::View => vec![&EXISTENCE, &VIEWS],
        Aspect::Routine => vec![&ROUTINES, &PARAMETERS],
        Aspect::Trigger => vec![&TRIGGERS],
        Aspect::Event => vec![&EVENTS],
    }
}

/// The answer of each question about what does not exist.
const NOTHING: &str = "0:0";

/// Returns the expression, and its value if none of the objects exists.
pub(super) fn expression(objects: &[Object], facts: &Facts) -> (String, String) {
    let mut questions = Vec::new();
    for object in objects {
        let schema = object.schema.as_deref().or(facts.schema.as_deref()).unwrap_or_default();
        for catalogue in catalogues(object.aspect, facts.dialect) {
            questions.push(question(catalogue, schema, &object.name));
        }
    }
    let nothing = vec![NOTHING; questions.len()].join(",");
    (format!("CONCAT_WS(',', {})", questions.join(", ")), nothing)
}

fn question(catalogue: &Catalogue, schema: &str, name: &str) -> String {
    let cells: Vec<String> =
        catalogue.columns.split_whitespace().map(|column| format!("COALESCE({column}, '~')")).collect();
    let digest = match cells.is_empty() {
        true => "0".to_owned(),
        // Of each row, so that neither their order nor the greatest length of a text matters.
        false => format!(
            "COALESCE(SUM(CAST(CONV(LEFT(SHA2(CONCAT_WS('|', {}), 256), 15), 16, 10) AS UNSIGNED)), 0)",
            cells.join(", ")
        ),
    };
    format!(
        "(SELECT CONCAT(COUNT(*), ':', {digest}) FROM information_schema.{} WHERE {} = {} AND {} = {})",
        catalogue.from,
        catalogue.schema,
        literal(schema),
        catalogue.name,
        literal(name)
    )
}

/// A name as a statement spells it in the settings of the host.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_asked_for_by_its_name_alone() {
        let facts = Facts { schema: Some("app".to_owned()), ..Facts::of_dialect(Dialect::Mariadb) };
        let object = Object { schema: None, name: "it's".to_owned(), aspect: Aspect::Existence };
        let (text, nothing) = expression(std::slice::from_ref(&object), &facts);
        let one = "(SELECT CONCAT(COUNT(*), ':', 0) FROM information_schema.tables WHERE table_schema = 'app' AND table_name = 'it''s')";
        assert_eq!((text, nothing.as_str()), (format!("CONCAT_WS(',', {one})"), "0:0"));
        let table = Object { aspect: Aspect::Table, ..object };
        let (text, nothing) = expression(&[table], &facts);
        assert_eq!((text.matches("SELECT").count(), nothing.split(',').count()), (7, 7));
    }
}
