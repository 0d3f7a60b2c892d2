//! Sessions whose encoding and escapes a guest has changed: whatever the host says there next keeps its meaning. The verdict is what
//! the database holds afterwards.

use std::sync::Arc;

use super::*;
use runner_data::{RowSet, Value};
use runner_database::logins::{LoginTask, Removal};
use runner_database::schema_change::{DataType, DefaultValue, NewColumn, NewTable};
use runner_database::{DatabaseErrorKind, DesiredLogin, Grants, LoginRequest, SchemaChange, TableName};

const MIGRATION: TransactionOptions =
    TransactionOptions { foreign_keys_off: false, isolation: None, for_migration: true, is_tried: false };

/// Settings that decide how the server reads a text: the encodings in which a backslash can be the second byte of a character, alone and
/// with escaped quotes, and the two rules for escapes.
fn settings() -> Vec<String> {
    let encodings = ["GBK", "SJIS", "BIG5", "UHC", "GB18030", "JOHAB", "LATIN1", "SQL_ASCII"];
    let with = |encoding: &&str| {
        let encoding = format!("set_config('client_encoding', '{encoding}', false)");
        [encoding.clone(), format!("{encoding}, set_config('backslash_quote', 'on', false)")]
    };
    let mut settings: Vec<String> = encodings.iter().flat_map(with).collect();
    settings.push("set_config('standard_conforming_strings', 'off', false)".to_owned());
    settings.push(
        "set_config('standard_conforming_strings', 'off', false), set_config('backslash_quote', 'on', false)"
            .to_owned(),
    );
    settings
}

/// Texts that end a literal early where the last byte of a character takes the backslash after it.
fn payloads() -> Vec<String> {
    let ends = ["\\'); CREATE TABLE public.stolen (a int); --", "\\', 1); CREATE TABLE public.stolen (a int); --"];
    let characters = ["\u{554a}", "\u{8868}", "\u{e9}", "\u{30bd}", "a", "'"];
    characters.iter().flat_map(|character| ends.map(|end| format!("{character}{end}"))).collect()
}

fn created(name: &str, default: &str) -> SchemaChange {
    let default = Some(DefaultValue::Literal(Value::from(default)));
    SchemaChange::CreateTable(NewTable {
        table: TableName::new(name),
        columns: vec![NewColumn {
            name: "v".to_owned(),
            data_type: DataType::Text,
            not_null: false,
            default,
            identity: false,
        }],
        primary_key: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    })
}

fn change(text: &str) -> ToolChange {
    ToolChange::of_one_row("UPDATE @.runner_history SET state = ?1 WHERE id = 1", [text.into()])
}

struct Field {
    fresh: TestDatabase,
    grants: Arc<Grants>,
}

impl Field {
    async fn new() -> Self {
        let fresh = fresh();
        let mut host = open(&fresh).await;
        make_tool_tables(host.as_mut()).await;
        run(host.as_mut(), "CREATE TABLE people (id int PRIMARY KEY, name text, ssn text)").await;
        run(host.as_mut(), "INSERT INTO people SELECT n, 'x', 'y' FROM generate_series(1, 2000) AS n").await;
        let lines = ["read people(id)", "create *", "alter *"];
        let tables = lines.iter().map(|line| line.parse().expect("a grant")).collect();
        let grants = Arc::new(Grants { tables, raw_sql: true, component: "0001".to_owned(), ..Grants::default() });
        let wanted = vec![DesiredLogin { id: "0001_guest".to_owned(), grants: grants.clone(), is_early: false }];
        let request = LoginRequest { task: LoginTask::Sync, wanted, remove: Removal::Nothing };
        host.host().logins(&request).await.expect("in line");
        Self { fresh, grants }
    }

    async fn open(&self, is_gated: bool) -> Box<dyn Database> {
        let mut database = open(&self.fresh).await;
        if is_gated {
            database.set_grants(Some(self.grants.clone())).expect("grants");
        }
        database
    }

    fn is_stolen(&self) -> bool {
        self.fresh.value("SELECT count(*) FROM pg_class WHERE relname = 'stolen'") != "0"
    }

    fn state(&self) -> String {
        self.fresh.value("SELECT state FROM runner.runner_history WHERE id = 1")
    }
}

async fn set(database: &mut dyn Database, settings: &str) -> Result<RowSet, DatabaseError> {
    database.query(&format!("SELECT {settings}"), &[], QueryLimits::NONE).await
}

/// Without grants, the journal is written in the transaction of the step, by a text that also commits it.
#[tokio::test]
async fn a_journal_keeps_its_texts_in_any_encoding() {
    let field = Field::new().await;
    for (at, settings) in settings().iter().enumerate() {
        for (role, is_gated) in [(Role::Component, false), (Role::SqlScript, false), (Role::Component, true)] {
            let payloads = payloads();
            let payload = &payloads[at % payloads.len()];
            let mut database = field.open(is_gated).await;
            let database = database.as_mut();
            for is_last in [false, true] {
                database.set_role(Role::Host);
                database.begin(MIGRATION).await.expect("begun");
                database.set_role(role);
                set(database, settings).await.expect("set");
                database.set_role(Role::Host);
                let told = format!("{payload} {at} {role:?} {is_last}");
                let changes = [change(&told)];
                let unit = if is_last { UnitOfWork::Migration(&changes) } else { UnitOfWork::Step(&changes) };
                let ended = database.commit(unit).await.result();
                let what = format!("{settings} as {role:?}, gated: {is_gated}, last: {is_last}: {ended:?}");
                match ended {
                    Ok(()) => assert_eq!(field.state(), told, "{what}"),
                    // Reported as what it is, in the session of a login.
                    Err(error) => {
                        assert!(is_gated && error.kind == DatabaseErrorKind::Denied, "{what}");
                        assert!(error.message.contains("the component has set `"), "{what}");
                        database.rollback().await.expect("rolled back");
                    }
                }
                assert!(!field.is_stolen(), "{what}");
            }
        }
    }
}

/// A default or a name of a table that is to be made ends no statement, whatever was set by a filter before.
#[tokio::test]
async fn a_typed_change_is_one_statement_in_any_encoding() {
    let field = Field::new().await;
    for (at, settings) in settings().iter().enumerate() {
        for is_gated in [true, false] {
            let payloads = payloads();
            let payload = &payloads[at % payloads.len()];
            let mut database = field.open(is_gated).await;
            let database = database.as_mut();
            for (name, default) in [("made", payload.as_str()), ("\u{554a}\\\"; --", "x")] {
                database.set_role(Role::Host);
                database.begin(TransactionOptions::default()).await.expect("begun");
                database.set_role(Role::Component);
                set(database, settings).await.expect("set");
                let changed = database.component(&StopSignal::never()).change_schema(&created(name, default)).await;
                let error = changed.expect_err("the component is told what it has set");
                let what = format!("{settings}, gated: {is_gated}: {error}");
                assert_eq!(error.kind, DatabaseErrorKind::Denied, "{what}");
                assert!(error.message.contains("the component has set `") && error.hint.is_some(), "{what}");
                database.set_role(Role::Host);
                assert!(database.commit_or_roll_back().await.is_err(), "{what}");
                database.rollback().await.expect("rolled back");
                assert!(!field.is_stolen(), "{what}");
            }
        }
    }
    assert_eq!(field.fresh.value("SELECT count(*) FROM pg_class WHERE relname = 'made'"), "0");
}

/// The texts of a typed change reach the server as they are.
#[tokio::test]
async fn a_typed_change_keeps_its_texts() {
    let field = Field::new().await;
    for is_gated in [true, false] {
        for payload in payloads() {
            let mut database = field.open(is_gated).await;
            let database = database.as_mut();
            database.begin(TransactionOptions::default()).await.expect("begun");
            let name = "t\u{e9}\u{554a}";
            let made = database.component(&StopSignal::never()).change_schema(&created(name, &payload)).await;
            made.expect("made");
            let again = database.component(&StopSignal::never()).change_schema(&created(name, &payload)).await;
            let error = again.expect_err("it exists");
            assert!(error.code == "42P07" && error.detail.is_none(), "{error:?}");
            database.commit_or_roll_back().await.expect("committed");
            field.fresh.sql(&format!("INSERT INTO \"{name}\" DEFAULT VALUES"));
            assert_eq!(field.fresh.value(&format!("SELECT v FROM \"{name}\"")), payload);
            field.fresh.sql(&format!("DROP TABLE \"{name}\""));
        }
    }
}

/// A migration in SQL without a transaction leaves its settings in the session. What the host records there is in its own encoding.
#[tokio::test]
async fn a_script_without_a_transaction_does_not_change_how_the_host_is_read() {
    let field = Field::new().await;
    for (at, settings) in settings().iter().enumerate() {
        let payloads = payloads();
        let told = format!("{} {at}", payloads[at % payloads.len()]);
        let mut database = field.open(false).await;
        let database = database.as_mut();
        database.set_role(Role::SqlScript);
        set(database, settings).await.expect("set");
        database.execute("VACUUM people", &[]).await.expect("ran");
        set(database, settings).await.expect("set");
        database.set_role(Role::Host);
        database.commit(UnitOfWork::Apart(&[change(&told)])).await.result().expect("recorded");
        assert_eq!(field.state(), told, "{settings}");
        let probe = "SELECT h.state FROM \"runner\".runner_history h WHERE h.id = 1".to_owned();
        let probe = database.probe(&[probe]).await.expect("an answer");
        assert_eq!(probe.answers, [[[Value::from(told.as_str())]]], "{settings}");
        database.begin(MIGRATION).await.expect("begun");
        database.change(&change(&format!("{told} again"))).await.expect("changed");
        database.commit_or_roll_back().await.expect("committed");
        assert_eq!(field.state(), format!("{told} again"), "{settings}");
        assert!(!field.is_stolen(), "{settings}");
    }
}

/// In a dry run the statements of a migration in SQL go through the gate, as the owner of the tool's tables.
#[tokio::test]
async fn a_dry_run_runs_nothing_else_in_any_encoding() {
    let field = Field::new().await;
    let before = field.state();
    for settings in settings() {
        for payload in payloads().iter().step_by(5) {
            let mut database = field.open(false).await;
            let database = database.as_mut();
            database.component_logins().expect("logins").begin(field.grants.clone()).await.expect("begun");
            database.component_logins().expect("logins").confine(Some(field.grants.clone())).await.expect("confined");
            database.set_role(Role::Component);
            set(database, &settings).await.expect("set");
            database.set_role(Role::SqlScript);
            // A backslash is one, whatever the component has set.
            let statement = format!("COMMENT ON TABLE people IS '{}'", payload.replace('\'', "''"));
            let ran = database.execute(&statement, &[]).await;
            let seen = database.execute("INSERT INTO public.stolen VALUES (1)", &[]).await;
            let error = seen.expect_err("there is no such table");
            assert!(error.code == "42P01" || ran.is_err(), "{settings} {statement}: {ran:?} {error:?}");
            database.set_role(Role::Host);
            database.rollback().await.expect("rolled back");
            assert!(!field.is_stolen() && field.state() == before, "{settings} {statement}");
        }
    }
}

/// What a component sets lasts until the host speaks; what a migration in SQL sets lasts.
#[tokio::test]
async fn settings_of_a_component_end_when_the_host_speaks() {
    let field = Field::new().await;
    let all = [
        ("backslash_quote", "on"),
        ("plpgsql.extra_errors", "all"),
        ("array_nulls", "off"),
        ("search_path", "nowhere"),
        ("default_transaction_read_only", "on"),
        ("application_name", "another"),
        ("my.own", "1"),
    ];
    let set_all = all.map(|(name, value)| format!("set_config('{name}', '{value}', false)")).join(", ");
    let is_set = format!(
        "SELECT concat_ws(' ', {})",
        all.map(|(name, _)| format!("current_setting('{name}', true)")).join(", ")
    );
    for (role, is_gated, lasts) in
        [(Role::Component, true, false), (Role::Component, false, false), (Role::SqlScript, false, true)]
    {
        let mut database = field.open(is_gated).await;
        let database = database.as_mut();
        database.begin(MIGRATION).await.expect("begun");
        database.set_role(role);
        set(database, &set_all).await.expect("set");
        let own = database.query(&is_set, &[], QueryLimits::NONE).await.expect("settings").rows;
        assert_eq!(own, [["on all off nowhere on another 1".into()]], "{role:?}");
        database.set_role(Role::Host);
        database.change(&change("in between")).await.expect("changed");
        database.set_role(role);
        let after = database.query(&is_set, &[], QueryLimits::NONE).await.expect("settings").rows;
        assert_eq!(after == own, lasts, "{role:?}, gated: {is_gated}: {after:?}");
        database.set_role(Role::Host);
        database.commit(UnitOfWork::Step(&[change("at the end")])).await.result().expect("finished");
        assert_eq!(field.state(), "at the end");
    }
}

/// The driver cannot read an error in another encoding. It gives up the session, and the server all that was done in it.
#[tokio::test]
async fn an_error_in_another_encoding_ends_the_session() {
    let field = Field::new().await;
    for is_gated in [true, false] {
        let mut database = field.open(is_gated).await;
        let database = database.as_mut();
        database.begin(TransactionOptions::default()).await.expect("begun");
        database.change(&change("changed")).await.expect("changed");
        database.set_role(Role::Component);
        let fails = "set_config('client_encoding', 'GBK', false), ('\u{554a}' || id)::int FROM people";
        let error = set(database, fails).await.expect_err("no number");
        assert_eq!(error.kind, DatabaseErrorKind::Connection, "{error}");
        database.set_role(Role::Host);
        database.commit_or_roll_back().await.expect_err("nothing is left to commit");
        assert_eq!(field.state(), "applied");
    }
}
