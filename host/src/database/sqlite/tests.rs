//! What only SQLite does; what every database does is tested in `database::contract`.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::data::{Column, ColumnType, ColumnValues, VarValues};

async fn open(folder: &Path) -> Box<dyn Database> {
    let url = DatabaseUrl::parse("sqlite://app.db", folder).expect("a URL");
    connect(&url, true).await.expect("a database")
}

fn text(entries: &[&str]) -> ColumnValues {
    let mut values = VarValues::default();
    for entry in entries {
        values.data.extend_from_slice(entry.as_bytes());
        values.offsets.push(values.data.len() as u32);
    }
    ColumnValues::Text(values)
}

fn column(name: &str, values: ColumnValues) -> Column {
    Column { name: name.to_owned(), nulls: Vec::new(), values }
}

#[tokio::test]
async fn reads_writes_and_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut database = open(folder.path()).await;
    let request = LockRequest { wait: Duration::from_secs(1), owner: "me".to_owned() };
    database.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
    database.begin(TransactionOptions::default()).await.expect("a transaction");
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", &[]).await.expect("a table");
    let target = TableTarget { table: TableName::new("t"), mode: crate::database::WriteMode::Insert, key: vec![] };
    let writer = database.open_writer(&target).await.expect("a writer");
    let batch = Batch {
        row_count: 2,
        columns: vec![column("id", ColumnValues::Int64(vec![1, 2])), column("name", text(&["ä", ""]))],
    };
    assert_eq!(database.write(writer, &batch, WriteHint::default()).await, Ok(2));
    assert_eq!(database.finish_writer(writer).await, Ok(2));
    let request = CursorRequest { statement: "SELECT id, name FROM t ORDER BY id".to_owned(), ..Default::default() };
    let cursor = database.open_cursor(&request).await.expect("a cursor");
    assert_eq!(database.fetch(cursor, BatchLimits::default()).await, Ok(Some(batch)));
    assert_eq!(database.fetch(cursor, BatchLimits::default()).await, Ok(None));
    database.commit().await.expect("committed");
    let rows = database.query("SELECT count(*) FROM t", &[], QueryLimits::NONE).await.expect("rows");
    assert_eq!(rows.rows, vec![vec![Value::Int64(2)]]);
    drop(database);
    assert!(folder.path().join("app.db").exists());
    assert!(!folder.path().join("app.db-wal").exists(), "closed for good when the value is dropped");
    let _ = ColumnType::Int64;
}
