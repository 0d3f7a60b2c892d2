//! Tables as the server declares them.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_described_as_declared() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(
        opened,
        "CREATE TABLE `Mixed``Case` (`select` INT UNSIGNED, b VARCHAR(10) NOT NULL, c INT AS (`select` + 1) STORED, \
         d DECIMAL(8, 2) NOT NULL DEFAULT 1, PRIMARY KEY (b, `select`))",
    )
    .await;
    run(opened, "CREATE VIEW v AS SELECT b FROM `Mixed``Case`").await;
    run(opened, "CREATE TEMPORARY TABLE scratch (id INT PRIMARY KEY)").await;
    let table = opened.table(&TableName::new("Mixed`Case")).await.expect("a table");
    let columns: Vec<_> = table.columns.iter().map(|it| (it.name.as_str(), it.not_null, it.generated)).collect();
    assert_eq!(columns, [("select", true, false), ("b", true, false), ("c", false, true), ("d", true, false)]);
    assert_eq!(table.columns[3].declared_type, "decimal(8,2)");
    assert_eq!(table.key, ["b", "select"]);
    assert!(!table.is_view);
    let view = opened.table(&TableName::new("v")).await.expect("a view");
    assert!(view.is_view && view.key.is_empty());
    let scratch = opened.table(&TableName::new("scratch")).await.expect("a temporary table");
    assert_eq!(scratch.key, ["id"]);
    let elsewhere = TableName { schema: Some("information_schema".to_owned()), name: "TABLES".to_owned() };
    assert!(opened.table(&elsewhere).await.expect("a table of another database").is_view);
    for name in [TableName::new("nowhere"), TableName { schema: Some("no_db".to_owned()), name: "t".to_owned() }] {
        let error = opened.table(&name).await.expect_err("no table");
        assert_eq!(error.kind, DatabaseErrorKind::Syntax, "{error}");
        assert!(error.message.contains(&name.to_string()), "{error}");
    }
}
