//! What the order of rows reveals, by the indexes of a real table.

use std::sync::Arc;

use runner_database::order::*;
use runner_database::{ConnectOptions, DatabaseUrl, DesiredLogin, Grants};

fn login(lines: &[&str]) -> DesiredLogin {
    let tables = lines.iter().map(|line| line.parse().expect("a grant")).collect();
    let grants = Arc::new(Grants { tables, ..Grants::default() });
    DesiredLogin { id: "2_g".to_owned(), grants, is_early: false }
}

#[tokio::test]
async fn what_indexes_and_keys_reveal_is_named() {
    let url = DatabaseUrl::parse("sqlite::memory:", std::path::Path::new("/")).expect("a URL");
    let mut database = crate::connect(&url, &ConnectOptions::creating()).await.expect("a database");
    let host = &mut database.host();
    for statement in [
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, ssn TEXT UNIQUE)",
        "CREATE INDEX ix ON people (name, ssn)",
        "CREATE INDEX computed ON people (lower(name))",
        "CREATE TABLE keyed (ssn TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID",
        "CREATE TABLE other (a TEXT PRIMARY KEY)",
    ] {
        host.execute(statement, &[]).await.expect(statement);
    }
    let of = |table: &str, column: &str, through: &str| {
        format!("the order of the rows of `{table}` can reveal {column} to `2_g`, through {through}")
    };
    for (lines, expected) in [
        (
            &["read people(id, name)", "read keyed(id)"][..],
            vec![
                of("keyed", "`ssn`", "its key"),
                of("people", "an expression", "the index `computed`"),
                of("people", "`ssn`", "the index `ix`"),
                of("people", "`ssn`", "the index `sqlite_autoindex_people_1`"),
            ],
        ),
        (
            &["read main.people(name, ssn)"],
            vec![of("people", "`id`", "its key"), of("people", "an expression", "the index `computed`")],
        ),
        (&["read people", "read people(id)", "insert keyed(id)"], vec![]),
    ] {
        assert_eq!(revealed(host, &[login(lines)]).await.expect("notes"), expected, "{lines:?}");
    }
}
