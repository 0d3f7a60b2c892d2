//! `apply --share` with components under grants: whichever process does a chunk, it does it as the component's login.

use std::io::Read as _;
use std::process::Stdio;

use runner_tests::servers::{self, Session};
use runner_tests::{Running, guests, until};

use super::packages::{ADD, Field};

/// Says which login and which session has written each row, on PostgreSQL and MariaDB.
fn watch(field: &Field) {
    field.project().settings(SLOW);
    let text = match field {
        Field::Postgres(_) => {
            "CREATE TABLE seen (login TEXT, session BIGINT);
             CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN INSERT INTO public.seen VALUES (session_user, pg_backend_pid()); RETURN NULL; END $$;
             CREATE TRIGGER see AFTER UPDATE ON numbers FOR EACH ROW EXECUTE FUNCTION public.see()"
        }
        Field::Mariadb(_) => {
            "CREATE TABLE seen (login VARCHAR(200), session BIGINT);
             CREATE TRIGGER see AFTER UPDATE ON numbers FOR EACH ROW
                INSERT INTO seen VALUES (SUBSTRING_INDEX(USER(), '@', 1), CONNECTION_ID())"
        }
    };
    field.database().sql(text);
}

fn start(field: &Field, line: &str) -> Running {
    Running::start(field.project().command(line.split(' ')).stderr(Stdio::piped()))
}

fn end(mut run: Running) -> (Option<i32>, String) {
    let mut said = String::new();
    run.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (run.wait().unwrap().code(), said)
}

fn chunks(field: &Field, role: &str) -> u64 {
    let count = format!("SELECT COUNT(*) FROM {} WHERE role = '{role}'", field.own("runner_chunk"));
    field.value(&count).parse().unwrap()
}

/// A process waits for rows and for the lock as long as a test lets it.
const LINE: &str = "apply --chunk-rows 50 --table-lock-timeout 10m --lock-timeout 10m";

/// Chunks that take a while.
const SLOW: &str = "[parameters]\ntable = \"numbers\"\nslow = 20000000";

/// Two processes at the same transform, which they cannot end before the session does: it holds a row of each chunk of the second
/// half, one by one, since a search for many might lock more than it finds.
fn both(field: &Field) -> ([Running; 2], Session) {
    let mut holder = field.admin().session();
    holder.run("BEGIN");
    for id in (2001..4000).step_by(50) {
        holder.run(&format!("SELECT n FROM numbers WHERE id = {id} FOR UPDATE"));
    }
    let leader = start(field, &format!("{LINE} --jobs 1"));
    until("the leader begins", || chunks(field, "leader") > 1);
    let helper = start(field, &format!("{LINE} --share --jobs 2"));
    until("the helper begins", || chunks(field, "helper") > 1);
    ([leader, helper], holder)
}

fn is_done(field: &Field, said: &str) {
    assert_eq!(field.value("SELECT COUNT(*) FROM numbers WHERE n = id + 1"), "4000", "{said}");
    // Each row once, and by nobody else than the login.
    let logins = field.logins();
    assert_eq!(field.database().sql("SELECT DISTINCT login FROM seen"), logins, "{said}");
    let sessions: u32 = field.value("SELECT COUNT(DISTINCT session) FROM seen").parse().unwrap();
    assert!(sessions > 1, "{sessions} sessions\n{said}");
}

#[test]
fn a_process_that_shares_has_the_login_of_the_component() {
    for field in Field::each() {
        field.with("scale", ADD).sync();
        watch(&field);
        let ([leader, helper], mut holder) = both(&field);
        holder.run("ROLLBACK");
        let (led, said) = end(leader);
        let (helped, also) = end(helper);
        assert_eq!((led, helped), (Some(0), Some(0)), "{said}{also}");
        assert!(also.contains("shared a transform"), "{also}");
        is_done(&field, &also);
        field.run("verify", &[]).succeeds();
    }
}

/// Whichever is killed, the other one does the rest, and each row once.
#[test]
fn a_killed_process_leaves_its_chunks_to_the_other() {
    for field in Field::each() {
        field.with("scale", ADD).sync();
        watch(&field);
        let ([leader, helper], mut holder) = both(&field);
        let helped = format!("FROM {} WHERE role = 'helper'", field.own("runner_chunk"));
        let first = field.value(&format!("SELECT MAX(run_id) {helped}"));
        helper.signal("KILL");
        assert_eq!(end(helper).0, None);
        let again = start(&field, &format!("{LINE} --share --jobs 2"));
        // It may take over the chunks of the first one.
        let others = format!("SELECT COUNT(*) {helped} AND run_id <> '{first}'");
        until("the second helper begins", || field.value(&others) != "0");
        leader.signal("KILL");
        assert_eq!(end(leader).0, None);
        holder.run("ROLLBACK");
        let (ended, said) = end(again);
        assert_eq!(ended, Some(0), "{said}");
        is_done(&field, &said);
        assert_eq!(field.value("SELECT COUNT(*) FROM seen"), "4000", "{said}");
    }
}

/// A process helps with whatever the other one is at, beyond what it has been told to apply itself; its own settings say how.
#[test]
fn a_process_that_requires_isolation_does_not_help_without() {
    let field = super::logins::Field::bare(servers::postgres());
    let rows = "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL); \
                INSERT INTO numbers SELECT i, i FROM generate_series(1, 4000) AS n(i);";
    field
        .project()
        .sql("0010_numbers", rows, "DROP TABLE numbers;")
        .sql("0020_wait", "UPDATE numbers SET n = n WHERE id = 1;", "SELECT 1;")
        .component("0030_scale", &guests::component("scale"));
    field.run("apply --target 0010", &[]).succeeds();
    field.project().settings(SLOW);
    let field = Field::Postgres(field);
    // The leader waits for the first row before its transform, and for the other one in the middle of it.
    let [mut first, mut middle] = [1, 2000].map(|id| {
        let mut session = field.admin().session();
        session.run(&format!("BEGIN; SELECT n FROM numbers WHERE id = {id} FOR UPDATE"));
        session
    });
    let waiting = |count: &str| {
        let asked =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("as many sessions wait", || field.value(asked) == count);
    };
    let leader = start(&field, &format!("{LINE} --jobs 1"));
    waiting("1");
    let text = field.project().read("runner.toml");
    field.project().write("runner.toml", format!("{text}\n[database]\nisolation = \"required\"\n"));
    // It has made its plan, of SQL alone, when it looks for something to help with.
    let said = field.project().file("said");
    let mut command = field.project().command("apply --share --target 0020 --lock-timeout 10m".split(' '));
    let mut helper = Running::start(command.stderr(std::fs::File::create(&said).unwrap()));
    let says = |text: &str| std::fs::read_to_string(&said).unwrap().contains(text);
    until("the helper waits for the lock", || says("waiting for the lock"));
    first.run("ROLLBACK");
    until("the helper has looked", || says("sharing a transform ended"));
    middle.run("ROLLBACK");
    let (led, also) = end(leader);
    let helped = helper.wait().unwrap().code();
    let said = std::fs::read_to_string(&said).unwrap();
    // The other one is past its target by then.
    assert_eq!((led, helped), (Some(0), Some(2)), "{said}{also}");
    assert!(said.contains("sharing a transform ended: `0030_scale` would run with runner's own login"), "{said}");
    assert_eq!(chunks(&field, "helper"), 0, "{said}");
}
