//! What differs from the gate as it is made is found, and made anew; and where the check of the token gives no answer, nothing passes.

use runner_tests::servers::{self, TestDatabase};
use sqlx::Connection;

use super::*;

fn make(database: &TestDatabase) {
    database.sql(&making("CURRENT_USER").join("; "));
}

async fn connect(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(&database.url()).await.expect("a connection")
}

#[tokio::test]
async fn what_is_changed_about_the_gate_is_found_and_made_anew() {
    let database = servers::postgres().database();
    let mut connection = connect(&database).await;
    for change in [
        "ALTER FUNCTION runner_gate.admit(text, boolean) STRICT",
        "ALTER FUNCTION runner_gate.admit(text, boolean) IMMUTABLE",
        "ALTER FUNCTION runner_gate.open(text) STABLE",
        "ALTER FUNCTION runner_gate.open(text) LEAKPROOF",
        "ALTER FUNCTION runner_gate.write(text, text) PARALLEL SAFE",
        "ALTER FUNCTION runner_gate.seal(text) SECURITY INVOKER",
        "ALTER FUNCTION runner_gate.guard() RESET search_path",
        "DROP FUNCTION runner_gate.admit(text, boolean); \
         CREATE FUNCTION runner_gate.admit(p_token text, p_sealed boolean) RETURNS void LANGUAGE sql AS ''",
        "ALTER TABLE runner_gate.underway DISABLE TRIGGER guard",
        "ALTER TABLE runner_gate.underway ENABLE ALWAYS TRIGGER guard",
        "ALTER TABLE runner_gate.underway ENABLE REPLICA TRIGGER guard",
        "GRANT USAGE ON SCHEMA runner_gate TO PUBLIC",
        "GRANT ALL ON SCHEMA runner_gate TO pg_monitor",
        "GRANT ALL ON ALL FUNCTIONS IN SCHEMA runner_gate TO pg_monitor WITH GRANT OPTION",
        "GRANT SELECT ON runner_gate.ticket TO pg_monitor",
    ] {
        make(&database);
        assert_eq!(difference(&mut connection).await.expect("an answer"), None, "{change}");
        database.sql(change);
        assert!(difference(&mut connection).await.expect("an answer").is_some(), "{change} went unnoticed");
    }
    make(&database);
    // That is for the rights of the logins.
    database.sql(&format!("CREATE ROLE {0}; GRANT USAGE ON SCHEMA runner_gate TO {0}", database.name()));
    assert_eq!(difference(&mut connection).await.expect("an answer"), None);
}

#[tokio::test]
async fn without_an_answer_the_gate_stays_closed() {
    let database = servers::postgres().database();
    make(&database);
    database.sql("ALTER FUNCTION runner_gate.admit(text, boolean) STRICT");
    for call in ["write(NULL, 'CREATE TABLE forged ()')", "read(NULL, 'c', 'SELECT 1')", "seal(NULL)", "finish(NULL)"] {
        let error = database.client().try_sql(&format!("SELECT runner_gate.{call}")).expect_err(call);
        assert!(error.contains("runner: refused"), "{call}: {error}");
    }
}
