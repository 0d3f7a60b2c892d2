//! What scripts and guests may not do.

use super::*;

pub async fn refused(database: &mut dyn Database, statement: &str) {
    let error = match database.execute(statement, &[]).await {
        Err(error) => error,
        Ok(_) => panic!("{statement} was allowed"),
    };
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
    assert!(error.hint.is_some(), "{statement}: {error}");
    assert!(!error.message.contains("not authorized"), "{statement}: {error}");
}

pub async fn refuse_transaction_control(factory: &dyn Factory) {
    let mut database = factory.open().await;
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    for in_transaction in [true, false] {
        for rights in [Role::SqlScript, Role::Component] {
            database.set_role(Role::Host);
            if in_transaction {
                database.begin(TransactionOptions::default()).await.expect("begun");
            }
            database.set_role(rights);
            for statement in [
                "BEGIN",
                "COMMIT",
                "ROLLBACK",
                "SAVEPOINT s",
                "/* a */ cOmMiT -- b",
                "RELEASE SAVEPOINT s",
                "ROLLBACK TO SAVEPOINT s",
            ] {
                refused(database.as_mut(), statement).await;
            }
            assert_eq!(database.in_transaction().await, Ok(in_transaction));
            run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
            run(database.as_mut(), "DELETE FROM t").await;
            // The host ends the transaction in any session role.
            if in_transaction {
                database.commit_or_roll_back().await.expect("committed");
            }
        }
    }
}

/// The qualified name of one of the tool's tables.
pub fn tool_table(database: &dyn Database, name: &str) -> String {
    let template = format!("@.{name}");
    let (place, name) = database.facts().tool_place(&template);
    format!("{place}{name}")
}

/// Creates as much of the history as these tests need and returns its qualified name.
pub async fn make_history(database: &mut dyn Database) -> String {
    let schema = database.facts().tool_schema().to_owned();
    if database.facts().dialect == Dialect::Postgres {
        run(database, &format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await;
    }
    let history = tool_table(database, "runner_history");
    run(database, &format!("CREATE TABLE {history} (id INTEGER PRIMARY KEY)")).await;
    history
}

pub async fn protect_the_tools_tables(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let history = make_history(database.as_mut()).await;
    let bare = history.rsplit('.').next().unwrap_or_default();
    let all = format!("SELECT id FROM {history}");
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    run(database.as_mut(), &format!("INSERT INTO {history} VALUES (1)")).await;
    for rights in [Role::SqlScript, Role::Component] {
        database.set_role(rights);
        for statement in [
            "INSERT INTO # VALUES (2)",
            "INSERT INTO @ VALUES (2)",
            "UPDATE #UPPER SET id = 2",
            "UPDATE @ SET id = 2",
            "DELETE FROM @ WHERE id = 1",
            "DROP TABLE @",
            "ALTER TABLE @ RENAME TO other",
            "ALTER TABLE @ ADD COLUMN x INTEGER",
            "ALTER TABLE t RENAME TO runner_journal",
            "CREATE TABLE runner_checkpoint (id INTEGER)",
            "CREATE INDEX i ON # (id)",
            "CREATE VIEW runner_meta AS SELECT 1 AS one",
        ] {
            let statement = statement.replace("#UPPER", &bare.to_uppercase()).replace('#', bare).replace('@', &history);
            refused(database.as_mut(), &statement).await;
        }
        assert_eq!(rows(database.as_mut(), &all).await, [[Value::Int64(1)]]);
        for mode in [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert, WriteMode::Delete] {
            let columns = batch(1, vec![integers("id", &[1])]);
            let error = write(database.as_mut(), bare, mode, &[], &columns).await.expect_err("denied");
            assert!(
                matches!(error.kind, DatabaseErrorKind::Denied | DatabaseErrorKind::InvalidArgument),
                "{mode}: {error}"
            );
        }
    }
    assert_eq!(rows(database.as_mut(), &all).await, [[Value::Int64(1)]]);
}

pub async fn do_not_restrict_the_host(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let history = make_history(database.as_mut()).await;
    let insert = format!("INSERT INTO {history} VALUES (1)");
    database.set_role(Role::Component);
    refused(database.as_mut(), &insert).await;
    database.set_role(Role::Host);
    // The same text again: neither the guest's refusal nor the host's permission may be cached with it.
    assert_eq!(run(database.as_mut(), &insert).await, 1);
    database.set_role(Role::Component);
    refused(database.as_mut(), &insert).await;
}
