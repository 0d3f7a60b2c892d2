//! A run waits for lagging replicas: real ones that are paused.

use runner_tests::servers::{Kind, Server};

use super::*;

/// PostgreSQL reports the lag of its standbys; configured replicas are queried directly.
#[test]
fn a_run_waits_for_a_lagging_standby() {
    let server = Server::private(Kind::Postgres).start();
    let standby = server.standby();
    let project = furnish(EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database()));
    let name = project.server_database().name().to_owned();
    let ask = |text: &str| standby.client().of(&name).value(text);
    until("the standby has the rows", || {
        standby.client().value(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")) == "1"
            && ask("SELECT count(*) FROM pg_tables WHERE tablename = 'items'") == "1"
    });

    let mut run = Apart::start(&project, "apply --batch-delay 300ms --max-lag 1s");
    until("rows are done", || doubled(&project) > 0);
    pause(&standby);
    run.says("lags by ");
    let seen =
        until_run(&project, "it waits", |run| run["state"] == "waiting" && run["held"]["reason"] == "replica-lag");
    assert!(seen["held"]["text"].as_str().unwrap().contains(" s, and 1 s are permitted"), "{seen}");
    // What lagged before the pause may have made it wait, too, and not for long.
    let mut done = 0;
    until("it waits for good", || {
        let before = std::mem::replace(&mut done, doubled(&project));
        std::thread::sleep(Duration::from_millis(1500));
        before == done && runs(&project).iter().any(|run| run["held"]["reason"] == "replica-lag")
    });
    project.runner("status").prints(&["waiting 0002_paced", "the replica `", "lags by "]);
    assert_eq!(doubled(&project), done, "a run that is to wait went on");
    standby.client().sql("SELECT pg_wal_replay_resume()");
    run.says("resumed 0002");
    let (code, said) = run.ends();
    assert_eq!(code, Some(0), "{said}");
    is_whole(&project);

    // The same, with the lag queried from the standby itself.
    let url = format!("postgres://postgres@127.0.0.1:{}/{name}", standby.port());
    project.settings(&format!("[transform]\nmax_lag = \"1s\"\nreplicas = [\"{url}\"]"));
    let mut run = Apart::start(&project, "rollback --batch-delay 2s");
    until("rows are done", || doubled(&project) < ROWS);
    pause(&standby);
    run.says("lags by ");
    standby.stop();
    run.says("does not answer");
    let (code, said) = run.ends_by("TERM");
    assert_eq!(code, Some(143), "{said}");
    standby.restart();
    until("the standby answers", || standby.client().try_sql("SELECT 1").is_ok());
    project.runner("rollback").succeeds();
    assert_eq!(doubled(&project), 0);

    // A server without a primary is not a replica.
    let own = project.url();
    let settings = project.read("runner.toml").replace(&url, &own);
    project.write("runner.toml", settings);
    project.runner("apply").exits(1).says(&["the server is not a replica", "replica: "]);
}

/// Stops a standby from following; what is asked for is not so at once.
fn pause(standby: &Server) {
    standby.client().sql("SELECT pg_wal_replay_pause()");
    until("replay stands still", || standby.client().value("SELECT pg_get_wal_replay_pause_state()") == "paused");
}

/// A user who may not see the standbys cannot use the limit; the error says so instead of ignoring it.
#[test]
fn a_user_who_may_not_see_the_standbys_is_refused() {
    let server = Server::private(Kind::Postgres).start();
    let _standby = server.standby();
    let database = server.database();
    database.sql(&format!("CREATE ROLE plain LOGIN; GRANT ALL ON DATABASE {} TO plain", database.name()));
    database.sql("GRANT ALL ON SCHEMA public TO plain");
    let url = database.url_as("plain", "");
    let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), database);
    project.by(&url);
    let project = furnish(project);
    for flag in ["--max-lag 5s", "--max-active-connections 5"] {
        let refused = project.runner(&format!("apply {flag}"));
        refused.exits(1).says(&["this user may not see ", "hint: `GRANT pg_monitor TO` the user"]);
    }
    assert_eq!(doubled(&project), 0);
    server.client().sql("GRANT pg_monitor TO plain");
    // A standby that does not follow yet is not there.
    let following = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    until("the standby follows", || server.client().value(following) == "1");
    project.runner("apply --max-lag 60s --max-active-connections 50").succeeds();
    is_whole(&project);
}

/// MariaDB does not report its replicas, so they are configured.
#[test]
fn a_run_waits_for_a_lagging_replica() {
    let private =
        |id: u32| Server::private(Kind::Mariadb).setting("server-id", id).setting("log-bin", "binlog").start();
    let (server, replica) = (private(1), private(2));
    let port = server.port();
    server.client().sql("CREATE USER follower@'%' IDENTIFIED BY 'x'; GRANT REPLICATION SLAVE ON *.* TO follower@'%'");
    replica.client().sql(&format!(
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'follower', \
         MASTER_PASSWORD = 'x', MASTER_USE_GTID = slave_pos; START SLAVE"
    ));
    let project = furnish(EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database()));
    let url = format!("mysql://root@127.0.0.1:{}/mysql", replica.port());
    project.settings(&format!("[transform]\nmax_lag = \"30s\"\nreplicas = [\"{url}\"]"));
    let name = project.server_database().name().to_owned();
    until("the replica has the rows", || {
        let rows = replica.client().try_sql(&format!("SELECT count(*) FROM {name}.items"));
        rows.is_ok_and(|rows| rows == [ROWS.to_string()])
    });
    let mut run = Apart::start(&project, "apply --batch-delay 300ms");
    until("rows are done", || doubled(&project) > 0);
    replica.client().sql("STOP SLAVE SQL_THREAD");
    run.says("is not replicating");
    until_run(&project, "it waits", |run| run["held"]["reason"] == "replica-lag");
    replica.client().sql("START SLAVE SQL_THREAD");
    let (code, said) = run.ends();
    assert_eq!(code, Some(0), "{said}");
    is_whole(&project);
}
