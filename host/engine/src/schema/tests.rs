use super::*;
use runner_database::{Dialect, Facts, tool_sql};
use runner_drivers::facts;

#[test]
fn a_statement_is_translated_for_each_dialect() {
    let text = "UPDATE @.t SET a = ?1, b = ?12 WHERE c = '?' AND d ~ '~no~word~' AND e = ~session~";
    for (dialect, translated) in [
        (Dialect::Sqlite, r#"UPDATE "main".t SET a = ?1, b = ?12 WHERE c = '?' AND d ~ '~no~word~' AND e = 1"#),
        (
            Dialect::Postgres,
            r#"UPDATE "runner".t SET a = $1, b = $12 WHERE c = '?' AND d ~ '~no~word~' AND e = pg_catalog.pg_backend_pid()"#,
        ),
        (
            Dialect::Mariadb,
            "UPDATE `my``app`.t SET a = ?, b = ? WHERE c = '?' AND d ~ '~no~word~' AND e = CONNECTION_ID()",
        ),
    ] {
        let facts = Facts { schema: Some("my`app".to_owned()), ..facts(dialect) };
        assert_eq!(tool_sql(text, &facts), translated);
    }
}

/// Returns every statement.
fn statements() -> Vec<&'static str> {
    let own = Dialect::ALL.into_iter().map(|dialect| &facts(dialect).sql.tool);
    let own = own.flat_map(|it| [it.tables, it.store_artifact]);
    let shared = [history::STATEMENTS, journal::STATEMENTS, chunk::STATEMENTS, control::STATEMENTS];
    let shared = shared.into_iter().chain([evidence::STATEMENTS, repair::STATEMENTS]).flatten().copied();
    shared.chain(own).collect()
}

/// Where placeholders have no numbers, only their order distinguishes them.
#[test]
fn parameters_are_in_the_order_of_their_numbers() {
    for text in statements() {
        let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
        let numbers: Vec<usize> = text.split('?').skip(1).map(|rest| digits(rest).parse().expect("a number")).collect();
        assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn every_word_of_a_template_is_known() {
    for dialect in Dialect::ALL {
        for template in statements() {
            let text = tool_sql(template, &facts(dialect));
            assert!(!text.contains('~') && !text.contains("@."), "{text}");
        }
    }
}

/// Every dialect creates the same tables, and the rest of the tool knows them by these names.
#[test]
fn every_dialect_creates_the_tools_tables() {
    for dialect in Dialect::ALL {
        let name = |text: &&str| text.split("@.").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
        let mut made: Vec<String> = facts(dialect).sql.tool.create.iter().filter_map(name).collect();
        made.sort_unstable();
        let mut known = runner_database::facts::TOOL_TABLES.to_vec();
        known.sort_unstable();
        assert_eq!(made, known);
    }
}
