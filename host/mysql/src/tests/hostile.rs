//! Statements that attack the history, the lock, the session, the server's users and its settings: in the roles of a
//! script and of a component, in a transaction and outside one. The verdict is what the server holds before and after,
//! read by another session; what runner says counts only where a script's change could not be prevented, and was found.

use super::*;
use runner_corpus::{Corpus, mariadb, mysql};
use runner_database::UnitOfWork;

/// The attacks on the server.
pub(super) fn corpus() -> &'static Corpus {
    if is_mysql() { &mysql::CORPUS } else { &mariadb::CORPUS }
}

/// Settings of the host's session; of warnings, the server has to keep 64.
const SETTINGS: &str = "SELECT CONCAT_WS(',', @@sql_mode, @@time_zone, @@foreign_key_checks, @@unique_checks, \
     @@autocommit, @@completion_type, @@sql_select_limit, LEAST(@@max_error_count, 64), @@sql_safe_updates, \
     @@character_set_client, @@character_set_results, DATABASE())";

pub(super) struct Arena {
    _server: servers::Server,
    pub(super) url: String,
    lock: String,
    /// The session that looks.
    pub(super) witness: Box<dyn Database>,
}

impl Arena {
    pub(super) async fn new() -> Self {
        let server = servers::Server::private(servers::Kind::Mariadb).start();
        server.client().sql("CREATE DATABASE app; CREATE DATABASE elsewhere");
        let url = format!("mysql://root@127.0.0.1:{}/app", server.port());
        let mut witness = open_url(&url).await.expect("a connection");
        for text in (corpus().history)().iter().map(String::as_str).chain(corpus().field.concat()) {
            run(witness.as_mut(), &named(text)).await;
        }
        let digest = text_of(witness.as_mut(), "SELECT SUBSTR(SHA2('app', 256), 1, 24)").await;
        Self { _server: server, url, lock: format!("runner:{digest}"), witness }
    }

    pub(super) async fn state(&mut self) -> Vec<Vec<Vec<Value>>> {
        let mut state = Vec::new();
        for (_, ask) in corpus().state {
            let limits = QueryLimits::NONE;
            // What is gone is a change as well.
            state.push(self.witness.query(&named(ask), &[], limits).await.map(|found| found.rows).unwrap_or_default());
        }
        state
    }

    async fn restore(&mut self) {
        for text in corpus().again.concat() {
            run(self.witness.as_mut(), &named(text)).await;
        }
    }

    /// The sessions that hold the two parts of the lock.
    pub(super) async fn holders(&mut self) -> [String; 2] {
        let ask = |part| format!("SELECT IFNULL(CAST(IS_USED_LOCK('{}{part}') AS CHAR), 'nobody')", self.lock);
        let asks = ["", ":work"].map(ask);
        [text_of(self.witness.as_mut(), &asks[0]).await, text_of(self.witness.as_mut(), &asks[1]).await]
    }

    /// Waits until those of these sessions that were killed are gone, and what they held with them.
    async fn outlast_killed(&mut self, [holder, worker]: &[String; 2]) {
        // The server shows one as `Busy` while it cannot read its state.
        let ending = format!(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
             WHERE COMMAND IN ('Killed', 'Busy') AND ID IN ({holder}, {worker})"
        );
        while text_of(self.witness.as_mut(), &ending).await != "0" {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(super) fn fill(&self, text: &str, [holder, worker]: &[String; 2]) -> String {
        named(text)
            .replace("{t}", corpus().tampering)
            .replace("{lock}", &self.lock)
            .replace("{holder}", holder)
            .replace("{worker}", worker)
    }

    /// Runs a case as a migration; the answers of its statements, and of its end.
    pub(super) async fn attack(
        database: &mut dyn Database,
        role: Role,
        in_transaction: bool,
        statements: &[String],
    ) -> Result<(), DatabaseError> {
        database.set_role(Role::Host);
        if in_transaction {
            database.begin(NONE).await.expect("begun");
        }
        database.set_role(role);
        let mut answer = Ok(());
        for statement in statements {
            let ran = database.execute(statement, &[]).await.map(drop);
            // A component may ignore an error.
            answer = answer.and(ran);
        }
        database.set_role(Role::Host);
        let ended = match in_transaction {
            true => database.commit(UnitOfWork::Migration(&[])).await.result(),
            false => database.commit(UnitOfWork::Apart(&[])).await.result(),
        };
        if ended.is_err() {
            let _ = database.rollback().await;
        }
        answer.and(ended)
    }
}

/// A text of the corpus with the names of this server's databases.
fn named(text: &str) -> String {
    text.replace("{db}", "app").replace("{other}", "elsewhere")
}

/// The spellings of a case.
pub(super) fn variants(statements: &[&str]) -> Vec<Vec<String>> {
    let each = |change: &dyn Fn(&str) -> String| statements.iter().map(|text| change(text)).collect();
    let swap = |text: &str| -> String {
        // The parts in braces, and the paths of files, stay.
        let mut keeps = false;
        text.chars()
            .enumerate()
            .map(|(at, c)| {
                keeps = (keeps || c == '{') && c != '}';
                match at % 2 {
                    _ if keeps => c,
                    0 => c.to_ascii_lowercase(),
                    _ => c.to_ascii_uppercase(),
                }
            })
            .collect()
    };
    vec![
        each(&|text| text.to_owned()),
        each(&swap),
        each(&|text| text.replacen(' ', "/* ' */\n-- ;\n# '\n", 1)),
        each(&|text| {
            text.replace("runner_history", "runner_h\u{131}story").replace("runner_meta", "runner\u{200b}_meta")
        }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_statements_change_nothing_or_are_found_out() {
    let mut arena = Arena::new().await;
    let before = arena.state().await;
    let mut tried = 0;
    for role in [Role::SqlScript, Role::Component] {
        let mut database = open_url(&arena.url).await.expect("a connection");
        take_lock(database.as_mut()).await;
        let settings = text_of(database.as_mut(), SETTINGS).await;
        let of_role = if role == Role::Component { corpus().of_components } else { &[] };
        for case in corpus().attacks.iter().copied().flatten().chain(of_role) {
            for (at, variant) in variants(case.statements).into_iter().enumerate() {
                for in_transaction in [true, false] {
                    // The other spellings differ in how a text is read, not in what it does.
                    if at > 0 && !in_transaction {
                        continue;
                    }
                    tried += 1;
                    // The session that the last case used is replaced before the next statement.
                    database.set_role(Role::Host);
                    run(database.as_mut(), "SELECT 1").await;
                    let held = arena.holders().await;
                    assert!(held.iter().all(|who| who != "nobody"), "{held:?}");
                    let statements: Vec<String> = variant.iter().map(|text| arena.fill(text, &held)).collect();
                    let mut answer = Arena::attack(database.as_mut(), role, in_transaction, &statements).await;
                    arena.outlast_killed(&held).await;
                    let what = format!("{role:?}, in a transaction: {in_transaction}: {statements:?}: {answer:?}");
                    let now = arena.state().await;
                    let finds = [DatabaseErrorKind::Denied, DatabaseErrorKind::Connection];
                    let is_found = answer.as_ref().is_err_and(|error| finds.contains(&error.kind));
                    // A component changes rows in a transaction only.
                    let may_remain = role == Role::SqlScript || !in_transaction;
                    assert!(now == before || (may_remain && is_found), "{what}\n{now:?}\n{before:?}");
                    if now != before {
                        arena.restore().await;
                        assert_eq!(arena.state().await, before, "the arena is as it was: {what}");
                    }
                    let is_held = arena.holders().await == held;
                    if !is_held && answer.is_ok() {
                        // A session may end only after the case: then the next step finds it.
                        answer = database.commit(UnitOfWork::Apart(&[])).await.result();
                    }
                    let is_found = answer.as_ref().is_err_and(|error| finds.contains(&error.kind));
                    assert!(is_held || is_found, "the lock: {what}, {answer:?}");
                    if answer.is_ok() {
                        assert_eq!(text_of(database.as_mut(), SETTINGS).await, settings, "{what}");
                    }
                    let _ = database.drop_temporary().await;
                    if !is_held || answer.is_err_and(|error| error.kind == DatabaseErrorKind::Connection) {
                        drop(database);
                        database = open_url(&arena.url).await.expect("a connection");
                        take_lock(database.as_mut()).await;
                    }
                }
            }
        }
    }
    assert!(tried > 900, "{tried}");
}

pub(super) async fn take_lock(database: &mut dyn Database) {
    let request =
        LockRequest { wait: std::time::Duration::from_secs(30), run_id: "r".to_owned(), owner: "arena".to_owned() };
    database.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
}

/// What an event does happens after every proof.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_a_tool_table_is_refused() {
    let fresh = fresh();
    let name = fresh.name();
    fresh.sql("CREATE TABLE runner_history (id INT PRIMARY KEY)");
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    fresh.sql("CREATE EVENT ours ON SCHEDULE EVERY 1 DAY DO DELETE FROM t");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::SqlScript);
    run(database, "INSERT INTO t VALUES (1)").await;
    database.set_role(Role::Host);
    database.commit_or_roll_back().await.expect("committed");
    database.drop_temporary().await.expect("dropped");
    fresh.sql("CREATE EVENT theirs ON SCHEDULE EVERY 1 DAY DO DELETE FROM runner_history");
    let mut database = open(&fresh).await;
    database.set_role(Role::SqlScript);
    let error = error_of(database.as_mut(), "INSERT INTO t VALUES (2)").await;
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    assert!(error.message.contains(&format!("{name}.theirs")), "{error}");
}
