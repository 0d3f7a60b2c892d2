//! Attacks on the tool's own tables and statements, in the roles of a SQL file and of a component. The verdict is never ours: what
//! the tables, roles, settings and locks are afterwards is compared with what they were before.

use std::time::Duration;

use super::*;
use runner_corpus::postgres::CORPUS;
use runner_data::{RowSet, Value};
use runner_database::stop::StopReason;
use runner_database::{DatabaseErrorKind, LockRequest};

const NONE: TransactionOptions =
    TransactionOptions { foreign_keys_off: false, isolation: None, for_migration: false, is_tried: false };
pub(super) const MIGRATION: TransactionOptions = TransactionOptions { for_migration: true, ..NONE };

/// The same statement as an attacker would write it to pass a check of words. Only what is outside of quotes changes.
fn variants(statement: &str) -> Vec<String> {
    let outside = |change: &dyn Fn(char) -> String| {
        let (mut changed, mut quote) = (String::new(), None);
        for character in statement.chars() {
            match quote {
                Some(end) if character == end => quote = None,
                None if matches!(character, '\'' | '"' | '$') => quote = Some(character),
                _ => {}
            }
            let is_free = quote.is_none() && !statement.contains("$$");
            changed.push_str(&if is_free { change(character) } else { character.to_string() });
        }
        changed
    };
    vec![
        statement.to_owned(),
        format!("/* a /* b */ \u{e9} */ -- \u{2028} COMMIT\n{statement}"),
        outside(&|character| match character {
            ' ' => "/**/\n\t".to_owned(),
            other => other.to_string(),
        }),
        outside(&|character| match character {
            other if other.is_ascii_lowercase() => other.to_ascii_uppercase().to_string(),
            other => other.to_ascii_lowercase().to_string(),
        }),
    ]
}

/// How many sessions sleep.
const SLEEPING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";

pub(super) struct Field {
    pub(super) fresh: TestDatabase,
    pub(super) user: String,
}

impl Field {
    pub(super) async fn new() -> Self {
        let fresh = fresh();
        let user = format!("user_{}", fresh.name());
        fresh.sql(&format!(
            "CREATE ROLE {user} LOGIN; ALTER DATABASE {} OWNER TO {user}; ALTER SCHEMA public OWNER TO {user}",
            fresh.name()
        ));
        let field = Self { fresh, user };
        make_tool_tables(field.open().await.as_mut()).await;
        field.sow();
        field
    }

    /// Makes the attacker's objects anew.
    fn sow(&self) {
        let Self { fresh, user } = self;
        fresh.client().as_user(user, "").sql(&format!(
            "ALTER ROLE CURRENT_USER RESET ALL; ALTER ROLE CURRENT_USER IN DATABASE {0} RESET ALL; \
             ALTER DATABASE {0} RESET ALL; SET search_path = public; \
             DROP SCHEMA public CASCADE; CREATE SCHEMA public; {1}",
            fresh.name(),
            CORPUS.field.concat().join("; ")
        ));
    }

    pub(super) async fn open(&self) -> Box<dyn Database> {
        open_url(&self.fresh.url_as(&self.user, "")).await.expect("a connection")
    }

    /// What no attack may change: the tool's tables and all that is attached to them, roles and their members, locks, and
    /// how often a double was called.
    pub(super) fn state(&self) -> Vec<String> {
        let mut text = "SET search_path = pg_catalog; \
             SELECT n.nspname, n.nspacl, c.relname, c.relkind, c.relacl, c.relowner, c.reloptions, c.relchecks, \
                c.relrowsecurity, c.relhassubclass, obj_description(n.oid), \
                (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid), (SELECT count(*) FROM pg_rewrite WHERE ev_class = c.oid), \
                (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid), (SELECT count(*) FROM pg_index WHERE indrelid = c.oid), \
                (SELECT count(*) FROM pg_attrdef WHERE adrelid = c.oid), \
                (SELECT count(*) FROM pg_inherits WHERE inhparent = c.oid), \
                (SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = c.oid), \
                (SELECT string_agg(concat(attname, attacl), ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid), \
                (SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = n.oid) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'runner' OR c.relname LIKE 'runner\\_%' ORDER BY n.nspname, c.relname; \
             SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls FROM pg_roles \
             WHERE rolname = current_user OR rolname LIKE '%' || current_database() ORDER BY 1; \
             SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() \
             AND l.locktype = 'advisory'; SELECT is_called FROM public.trapped"
            .to_owned();
        for table in runner_database::facts::TOOL_TABLES {
            text.push_str(&format!("; SELECT '{table}', * FROM runner.{table} ORDER BY 2, 3"));
        }
        self.fresh.sql(&text)
    }
}

/// What the host does after an attack, on the same connection and on a fresh one: nothing of it may call a double, or fail.
async fn go_on(database: &mut dyn Database, what: &str) {
    database.set_role(Role::Host);
    let _ = database.drop_temporary().await;
    let ask = "SELECT h.state FROM \"runner\".runner_history h WHERE h.state = $1::pg_catalog.text";
    let parameters = [Value::from("applied")];
    let found = database.query(ask, &parameters, QueryLimits::NONE).await.expect("history can be read");
    assert_eq!(found.rows, [[Value::from("applied")]], "{what}");
    let probe =
        database.probe(&["SELECT state FROM \"runner\".runner_meta WHERE id = 1".to_owned()]).await.expect("a probe");
    assert_eq!(probe.answers, [[[Value::from("applied")]]], "{what}");
    assert!(database.lock_holder().await.expect("an answer").is_none());
    database.table(&TableName { schema: Some("public".to_owned()), name: "a".to_owned() }).await.expect("a table");
    database.begin(MIGRATION).await.expect("begun");
    let change = ToolChange::of_one_row("UPDATE @.runner_repair SET state = ?1 WHERE id = 1", ["applied".into()]);
    database.commit(UnitOfWork::Migration(&[change])).await.result().expect("finished");
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// One transaction, which the host ends together with its own changes.
    Finish,
    /// One transaction, which the host commits.
    Commit,
    /// A transaction of its own.
    Alone,
}

pub(super) async fn attack(
    database: &mut dyn Database,
    statement: &str,
    role: Role,
    way: Way,
) -> Result<(), DatabaseError> {
    match way {
        Way::Finish => database.begin(MIGRATION).await?,
        Way::Commit => database.begin(NONE).await?,
        Way::Alone => {}
    }
    database.set_role(role);
    let ran = database.execute(statement, &[]).await;
    database.set_role(Role::Host);
    let ended = match way {
        Way::Finish if ran.is_ok() => {
            let change =
                ToolChange::of_one_row("UPDATE @.runner_repair SET state = ?1 WHERE id = 1", ["applied".into()]);
            database.commit(UnitOfWork::Migration(&[change])).await.result()
        }
        Way::Commit if ran.is_ok() => database.commit_or_roll_back().await,
        _ => Ok(()),
    };
    let _ = database.rollback().await;
    ran.map(drop).and(ended)
}

/// Tries every fourth attack, from one on. Returns how many passed.
async fn try_all(first: usize) -> usize {
    let field = Field::new().await;
    let before = field.state();
    let mut passed = 0;
    for (at, attack_text) in CORPUS.attacks.concat().iter().enumerate().skip(first).step_by(4) {
        let [text] = attack_text.statements else { panic!("one statement") };
        let text = text.replace("{user}", &field.user).replace("{db}", field.fresh.name());
        let mut cases = Vec::new();
        for role in [Role::SqlScript, Role::Component] {
            cases.extend([Way::Finish, Way::Commit, Way::Alone].map(|way| (text.clone(), role, way)));
        }
        // The spelling matters to the checks of words, which are the same for all ways.
        let spelled = variants(&text).into_iter().enumerate().skip(1);
        cases.extend(spelled.map(|(number, text)| {
            let role = if (at + number).is_multiple_of(2) { Role::SqlScript } else { Role::Component };
            (text, role, Way::Finish)
        }));
        for (statement, role, way) in cases {
            let mut database = field.open().await;
            let result = attack(database.as_mut(), &statement, role, way).await;
            let what = format!("{role:?} {way:?}: {statement}: {result:?}");
            go_on(database.as_mut(), &what).await;
            if statement.contains("ALTER") {
                go_on(field.open().await.as_mut(), &what).await;
            }
            assert_eq!(field.state(), before, "{what}");
            if result.is_ok() {
                passed += 1;
                drop(database);
                field.sow();
            }
        }
    }
    passed
}

/// Some are refused and others harmless. If all were refused, the attacks would prove nothing about what comes after them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_changes_what_is_the_tools_1() {
    assert!(CORPUS.attacks.concat().len() >= 40);
    assert!(try_all(0).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_changes_what_is_the_tools_2() {
    assert!(try_all(1).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_changes_what_is_the_tools_3() {
    assert!(try_all(2).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_changes_what_is_the_tools_4() {
    assert!(try_all(3).await > 0);
}

#[tokio::test]
async fn a_trigger_cannot_write_behind_the_last_check() {
    let field = Field::new().await;
    let before = field.state();
    for way in [Way::Finish, Way::Commit, Way::Alone] {
        for first in 1..=4 {
            let mut database = field.open().await;
            let statement = format!("INSERT INTO later VALUES ({first})");
            let error = attack(database.as_mut(), &statement, Role::SqlScript, way).await.expect_err(&statement);
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{way:?} {first}: {error}");
            assert!(error.hint.is_some(), "{error:?}");
            assert_eq!(field.state(), before, "{way:?} {first}");
        }
        // A trigger that ends its work is left alone.
        let mut database = field.open().await;
        attack(database.as_mut(), "INSERT INTO switch VALUES (1)", Role::SqlScript, way).await.expect("harmless");
    }
}

#[tokio::test]
async fn a_statement_without_a_transaction_cannot_change_the_history_unseen() {
    let field = Field::new().await;
    let mut database = field.open().await;
    for (statement, is_seen) in [
        ("CREATE INDEX CONCURRENTLY harmless ON a (id)", false),
        ("VACUUM a", false),
        ("VACUUM", false),
        ("DO $$ BEGIN INSERT INTO a VALUES (8); COMMIT; END $$", false),
        ("CREATE INDEX CONCURRENTLY lying ON a (lies(id))", true),
        ("REINDEX INDEX CONCURRENTLY lying", true),
        ("VACUUM ANALYZE a", true),
        ("DO $$ BEGIN PERFORM hack(); COMMIT; END $$", true),
        ("DO $$ BEGIN COMMIT; PERFORM hack(); END $$", true),
        ("DO $$ BEGIN PERFORM hack(); COMMIT; RAISE 'hidden'; END $$", true),
        // Its rows are as they were, but for what they show.
        (
            "DO $$ BEGIN EXECUTE format('ALTER TABLE runner.%I DROP COLUMN state', 'runner' || '_history'); \
             EXECUTE format('ALTER TABLE runner.%I ADD COLUMN state text DEFAULT $q$forged$q$', 'runner' || '_history'); \
             COMMIT; END $$",
            true,
        ),
    ] {
        field.fresh.sql("UPDATE runner.runner_history SET state = 'applied'");
        database.set_role(Role::SqlScript);
        let result = database.execute(statement, &[]).await;
        database.set_role(Role::Host);
        let is_forged = field.fresh.value("SELECT state FROM runner.runner_history") == "forged";
        match result {
            Ok(_) => assert!(!is_forged, "{statement} changed the history, and nobody noticed"),
            Err(error) if is_forged => {
                assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
                assert!(error.message.contains("runner_history"), "{statement}: {error}");
            }
            Err(error) => panic!("{statement}: {error}"),
        }
        assert!(is_seen || !is_forged, "{statement}");
    }
    assert_eq!(field.fresh.value("SELECT count(*) FROM pg_class WHERE relname = 'lying'"), "1", "the attack is real");
    let dropped =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'runner.runner_history'::regclass AND attisdropped";
    assert_eq!(field.fresh.value(dropped), "1", "the attack is real");
}

/// The driver's own queries look names up on the path, with operators that the server does not have for these types.
#[tokio::test]
async fn what_the_drivers_queries_would_call_is_found_before_they_run() {
    for make in [
        "CREATE FUNCTION other(a int4, b oid) RETURNS boolean LANGUAGE plpgsql AS \
            $$ BEGIN PERFORM hack(); RETURN a::oid OPERATOR(pg_catalog.=) b; END $$; \
         CREATE OPERATOR = (LEFTARG = int4, RIGHTARG = oid, FUNCTION = other)",
        "CREATE FUNCTION other(a text[], b name) RETURNS text[] LANGUAGE plpgsql AS $$ BEGIN PERFORM hack(); RETURN a; END $$; \
         CREATE AGGREGATE array_agg(name) (SFUNC = other, STYPE = text[])",
    ] {
        let field = Field::new().await;
        let before = field.state();
        field.fresh.client().as_user(&field.user, "").sql(make);
        let mut database = field.open().await;
        for role in [Role::Host, Role::Component] {
            database.set_role(role);
            let error = database.query("SELECT id FROM public.a", &[], QueryLimits::NONE).await.expect_err(make);
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{make}: {error}");
            assert!(error.message.contains("public.") && error.hint.is_some(), "{error:?}");
        }
        assert_eq!(field.state(), before, "{make}");
    }
}

/// Our own path, on which the host describes its statements, says nothing about that of the user.
#[tokio::test]
async fn doubles_are_found_after_statements_on_our_own_path() {
    const DOUBLE: &str = "CREATE FUNCTION {}.other(a int4, b oid) RETURNS boolean LANGUAGE plpgsql AS \
            $$ BEGIN PERFORM public.hack(); RETURN a::oid OPERATOR(pg_catalog.=) b; END $$; \
         CREATE OPERATOR {}.= (LEFTARG = int4, RIGHTARG = oid, FUNCTION = {}.other)";
    let field = Field::new().await;
    let before = field.state();
    let mut database = field.open().await;
    let database = database.as_mut();
    let is_refused = |result: Result<RowSet, DatabaseError>, schema: &str| {
        let error = result.expect_err("a double");
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
        assert!(error.message.contains(&format!("the operator `{schema}.=`")), "{error}");
    };
    let of_ours = "SELECT h.state FROM \"runner\".runner_history h WHERE h.state = $1::pg_catalog.text";
    let of_theirs = "SELECT count(*) FROM public.a WHERE id > $1";
    database.begin(NONE).await.expect("begun");
    database.query(of_ours, &[Value::from("applied")], QueryLimits::NONE).await.expect("rows");
    field.fresh.client().as_user(&field.user, "").sql(&DOUBLE.replace("{}", "public"));
    database.set_role(Role::Component);
    is_refused(database.query(of_theirs, &[Value::Int64(0)], QueryLimits::NONE).await, "public");
    database.set_role(Role::Host);
    database.rollback().await.expect("rolled back");
    field.fresh.client().as_user(&field.user, "").sql("DROP OPERATOR public.= (int4, oid); CREATE SCHEMA other");
    field.fresh.client().as_user(&field.user, "").sql(&DOUBLE.replace("{}", "other"));
    // A script may put the double on its path only after the path was looked at.
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::SqlScript);
    database.query(of_theirs, &[Value::Int64(0)], QueryLimits::NONE).await.expect("rows");
    run(database, "SET LOCAL search_path = other, public").await;
    is_refused(database.query(of_theirs, &[Value::Int64(0)], QueryLimits::NONE).await, "other");
    database.set_role(Role::Host);
    database.rollback().await.expect("rolled back");
    // A transaction for each statement.
    database.query(of_theirs, &[Value::Int64(0)], QueryLimits::NONE).await.expect("rows");
    field
        .fresh
        .client()
        .as_user(&field.user, "")
        .sql(&DOUBLE.replace("{}", "public").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"));
    is_refused(database.query(of_theirs, &[Value::Int64(0)], QueryLimits::NONE).await, "public");
    assert_eq!(field.state(), before);
}

/// A table has a type of its name. The types of the server come first unless the path says otherwise.
#[tokio::test]
async fn a_table_with_the_name_of_a_type_is_in_the_way_only_before_pg_catalog() {
    let fresh = fresh();
    fresh
        .sql("CREATE TABLE text (id int, body pg_catalog.text); CREATE TABLE oid (id int); INSERT INTO oid VALUES (7)");
    let mut database = open(&fresh).await;
    for role in [Role::Host, Role::Component] {
        database.set_role(role);
        let found = database.query("SELECT id FROM oid WHERE id = $1", &[Value::Int64(7)], QueryLimits::NONE).await;
        assert_eq!(found.expect("harmless").rows, [[Value::Int64(7)]], "{role:?}");
    }
    fresh.sql(&format!("ALTER DATABASE {} SET search_path = public, pg_catalog", fresh.name()));
    let mut database = open(&fresh).await;
    let error = database.query("SELECT id FROM oid", &[], QueryLimits::NONE).await.expect_err("in the way");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    assert!(error.message.contains("the type `public.oid`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_a_migration_ends_is_missed_before_the_commit() {
    for (way, role) in [(Way::Finish, Role::SqlScript), (Way::Commit, Role::SqlScript), (Way::Finish, Role::Component)]
    {
        let field = Field::new().await;
        let before = field.state();
        let mut database = field.open().await;
        let request = LockRequest { wait: Duration::from_secs(5), run_id: "r".to_owned(), owner: "me".to_owned() };
        database.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
        // The end of a session takes a moment.
        let kill = "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()); \
            WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) LOOP PERFORM pg_sleep(0.01); END LOOP; \
            INSERT INTO a VALUES (7); END $$";
        let error = attack(database.as_mut(), kill, role, way).await.expect_err("no lock");
        assert_eq!(error.kind, DatabaseErrorKind::Connection, "{way:?}: {error}");
        assert!(error.message.contains("holds the lock"), "{way:?}: {error}");
        assert_eq!(field.fresh.value("SELECT count(*) FROM a WHERE id = 7"), "0", "{way:?}");
        assert_eq!(field.state(), before, "{way:?}");
    }
}

/// A block that catches its cancellation is no obstacle: its session ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_catches_its_cancellation_loses_its_session() {
    const STUBBORN: &str = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); \
        EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$";
    let field = Field::new().await;
    for role in [Role::SqlScript, Role::Component] {
        for in_transaction in [true, false] {
            let mut database = field.open().await;
            let stop = StopSignal::default();
            if in_transaction {
                database.begin(NONE).await.expect("begun");
                run(database.as_mut(), "INSERT INTO a VALUES (9)").await;
            }
            database.assume_role(role, &stop);
            let (result, ()) = tokio::join!(database.execute(STUBBORN, &[]), async {
                while field.fresh.value(SLEEPING) == "0" {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                stop.raise(StopReason::WallTime);
            });
            let error = result.expect_err("stopped");
            assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{role:?} {in_transaction}: {error}");
            // The session goes.
            let left = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND datname = current_database() AND pid <> pg_backend_pid()";
            while field.fresh.value(left) != "0" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            database.set_role(Role::Host);
            database.rollback().await.expect("the server has rolled it back");
            // The run can record what it did.
            run(database.as_mut(), "SELECT 1").await;
            assert_eq!(field.fresh.value("SELECT count(*) FROM a WHERE id = 9"), "0");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_catches_its_timeout_loses_its_session() {
    let field = Field::new().await;
    // Long enough for what the host asks before it.
    let options = ConnectOptions { statement_timeout: Some(Duration::from_secs(5)), ..ConnectOptions::default() };
    let mut database = open_with(&field.fresh.url_as(&field.user, ""), &options).await.expect("a connection");
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::SqlScript);
    let stubborn =
        "DO $$ BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(601); END $$";
    let error = database.execute(stubborn, &[]).await.expect_err("too long");
    assert_eq!(error.kind, DatabaseErrorKind::Timeout, "{error}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("query_canceled")), "{error:?}");
    database.set_role(Role::Host);
    database.rollback().await.expect("rolled back");
    run(database.as_mut(), "SELECT 1").await;
}

/// A session that has changed its name still shows that it works for a run, which another run waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_renames_itself_is_still_found() {
    let field = Field::new().await;
    let request =
        |run: &str| LockRequest { wait: Duration::from_secs(30), run_id: run.to_owned(), owner: "me".to_owned() };
    let mut killed = field.open().await;
    killed.lock(&request("killed"), &StopSignal::default(), &|_| {}).await.expect("the lock");
    killed.begin(NONE).await.expect("begun");
    killed.set_role(Role::SqlScript);
    run(killed.as_mut(), "SELECT set_config('application_name', 'psql', false)").await;
    let heard = std::sync::Mutex::new(Vec::new());
    let hear = |who: &str| heard.lock().expect("no panic").push(who.to_owned());
    let next = async {
        while field.fresh.value(SLEEPING) == "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Only the connection that holds the lock is lost.
        let lock = "pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'";
        terminate(&field.fresh, &format!("{lock} AND {HERE}"));
        let mut next = field.open().await;
        next.lock(&request("next"), &StopSignal::default(), &hear).await.expect("the lock");
    };
    let (slept, ()) = tokio::join!(killed.execute("SELECT pg_sleep(600)", &[]), next);
    assert_eq!(slept.expect_err("ended").kind, DatabaseErrorKind::Connection);
    assert!(heard.lock().expect("no panic").iter().any(|who| who.contains("pg_sleep(600)")), "{heard:?}");
}

/// A timeout that was set for the session may end the message of a commit before its COMMIT, here while it waits for the row of the lock.
/// Nothing of the transaction may stay open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_a_timeout_cancels_leaves_no_transaction() {
    let field = Field::new().await;
    let request = LockRequest { wait: Duration::from_secs(30), run_id: "cancelled".to_owned(), owner: "me".to_owned() };
    for role in [Role::Host, Role::SqlScript] {
        let url = field.fresh.url_as(&field.user, "");
        let sign = if url.contains('?') { '&' } else { '?' };
        let mut database = open_url(&format!("{url}{sign}lock=lease")).await.expect("a connection");
        database.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
        let before = field.state();
        let mut other = field.open().await;
        other.begin(NONE).await.expect("begun");
        let row = "SELECT token FROM runner.runner_lease FOR UPDATE";
        assert_eq!(other.query(row, &[], QueryLimits::NONE).await.expect("the row of the lock").rows.len(), 1);

        database.set_role(role);
        let statement = "CREATE TABLE public.cancelled AS SELECT set_config('statement_timeout', '1', false)";
        let error = database.execute(statement, &[]).await.expect_err("the commit waits for the row");
        assert_eq!(error.kind, DatabaseErrorKind::Timeout, "{error:?}");
        other.rollback().await.expect("rolled back");

        database.set_role(Role::Host);
        database.unlock().await.expect("unlocked");
        go_on(database.as_mut(), &format!("{role:?}")).await;
        assert_eq!(field.fresh.value("SELECT to_regclass('public.cancelled') IS NULL"), "t", "{role:?}");
        assert_eq!(field.state(), before, "{role:?}");
    }
}
