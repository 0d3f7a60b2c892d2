//! Values that a server takes for something else than they say, or counts in another way than runner.

use runner_tests::servers::{Kind, Server};

use super::writers::with_nulls;
use super::*;
use runner_contract::{batch, column, integers, texts, write};
use runner_data::{Column, ColumnValues};
use runner_database::WriteMode;

/// In the default mode, the servers take 0 for a request to assign the next number.
#[tokio::test(flavor = "multi_thread")]
async fn zero_is_stored_in_an_auto_increment_column() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    make(database, "t", "(id INT AUTO_INCREMENT PRIMARY KEY, n INT)").await;
    let mode = text_of(database, "SELECT @@sql_mode").await;
    for (role, n) in [(Role::Host, 1), (Role::Component, 2), (Role::Component, 3)] {
        database.set_role(role);
        let zero = batch(2, vec![integers("id", &[0, 8]), integers("n", &[n, 0])]);
        assert_eq!(write(database, "t", WriteMode::Upsert, &[], &zero).await, Ok(2), "{n}");
        database.set_role(Role::Host);
        assert_eq!(fresh.sql("SELECT id, n FROM t ORDER BY id"), [format!("0|{n}"), "8|0".to_owned()]);
        assert_eq!(text_of(database, "SELECT @@sql_mode").await, mode);
    }
    let again = batch(1, vec![integers("id", &[0])]);
    let error = write(database, "t", WriteMode::Insert, &[], &again).await.expect_err("it is there");
    assert_eq!((error.code.as_str(), error.detail.as_deref()), ("1062", Some("row id = 0")), "{error}");
    assert_eq!(text_of(database, "SELECT @@sql_mode").await, mode, "after a failure too");
    // NULL still asks for a number, also next to a zero.
    make(database, "t", "(id INT AUTO_INCREMENT PRIMARY KEY, n INT)").await;
    let mixed = batch(3, vec![with_nulls(integers("id", &[0, 0, 0]), &[0, 2], 3), integers("n", &[1, 2, 3])]);
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &mixed).await, Ok(3));
    assert_eq!(fresh.sql("SELECT n, id = 0, id > 0 FROM t ORDER BY n"), ["1|0|1", "2|1|0", "3|0|1"]);
}

/// MariaDB stores the time instead, and MySQL does with `explicit_defaults_for_timestamp` off.
#[tokio::test(flavor = "multi_thread")]
async fn a_null_timestamp_is_refused_on_every_server() {
    let old = Server::private(Kind::Mariadb).setting("explicit-defaults-for-timestamp", "OFF").start();
    let (theirs, ours) = (fresh(), old.database());
    assert_eq!(ours.value("SELECT @@explicit_defaults_for_timestamp"), "0");
    let at = |rows: &[usize]| with_nulls(column("at", ColumnValues::Timestamptz(vec![1_000_000; 3])), rows, 3);
    let rows_of = |at: Column| batch(3, vec![integers("id", &[1, 2, 3]), at]);
    let mut errors = Vec::new();
    for database in [&theirs, &ours] {
        let mut opened = open(database).await;
        let opened = opened.as_mut();
        make(opened, "t", "(id INT PRIMARY KEY, at TIMESTAMP NOT NULL, free TIMESTAMP NULL)").await;
        assert_eq!(write(opened, "t", WriteMode::Insert, &[], &rows_of(at(&[]))).await, Ok(3));
        let before = database.sql("SELECT * FROM t");
        for mode in [WriteMode::Update, WriteMode::Upsert] {
            errors.push(write(opened, "t", mode, &[], &rows_of(at(&[1]))).await.expect_err("NULL"));
        }
        assert_eq!(database.sql("SELECT * FROM t"), before);
        let free = Column { name: "free".to_owned(), ..at(&[0, 1, 2]) };
        assert_eq!(write(opened, "t", WriteMode::Update, &[], &rows_of(free)).await, Ok(3));
    }
    for error in &errors {
        assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Constraint, "1048"), "{error}");
        assert_eq!(
            (error.message.as_str(), error.detail.as_deref()),
            ("Column 'at' cannot be null", Some("row id = 2"))
        );
    }
    assert_eq!(errors.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_has_as_many_bytes_as_its_character_set_gives_it() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for (set, most) in [("latin1", 255), ("utf8mb4", 127), ("utf16", 127)] {
        make(database, "t", &format!("(id INT PRIMARY KEY, t TINYTEXT CHARACTER SET {set})")).await;
        let text = "é".repeat(most);
        let fits = batch(1, vec![integers("id", &[1]), texts("t", &[&text])]);
        for mode in [WriteMode::Insert, WriteMode::Update] {
            assert_eq!(write(database, "t", mode, &[], &fits).await, Ok(1), "{set}");
        }
        assert_eq!(text_of(database, "SELECT t FROM t").await, text, "{set}");
        let long = format!("{text}é");
        let exceeds = batch(2, vec![integers("id", &[1, 2]), texts("t", &["é", &long])]);
        let error = write(database, "t", WriteMode::Upsert, &[], &exceeds).await.expect_err("too long");
        assert_eq!(
            (error.kind, error.detail.as_deref()),
            (DatabaseErrorKind::Conversion, Some("row id = 2")),
            "{set}: {error}"
        );
    }
}
