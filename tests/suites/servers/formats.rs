//! Dates and the like in a file in SQL mean what they would mean to the client of its operator.

use runner_tests::servers::{Kind, Server};
use runner_tests::{Engine, EngineProject, project};

/// What the database is set to.
const OF_DATABASE: [(&str, &str); 4] =
    [("datestyle", "SQL, DMY"), ("timezone", "Asia/Tokyo"), ("intervalstyle", "iso_8601"), ("bytea_output", "escape")];

/// Writes down what a date, an interval and bytes become.
fn see(at: &str) -> String {
    format!(
        "INSERT INTO seen SELECT '{at}', concat_ws(' ', '01/02/2020'::timestamptz, interval '1 day', E'\\\\x41'::bytea)"
    )
}

fn seen(project: &EngineProject) -> Vec<String> {
    project.rows("SELECT at || ' ' || what FROM seen ORDER BY at")
}

#[test]
fn a_file_has_the_formats_of_the_database_and_of_the_url() {
    let mut project = project!(Engine::Postgres);
    let name = project.server_database().name().to_owned();
    for (setting, value) in OF_DATABASE {
        project.execute(&format!("ALTER DATABASE {name} SET {setting} = '{value}'"));
    }
    project.execute(&format!("ALTER DATABASE {name} SET standard_conforming_strings = off"));
    project.execute("CREATE TABLE seen (at text, what text)");
    let steps = format!(
        "-- runner:no-transaction\n{};\nDO $$ BEGIN {}; COMMIT; END $$;\n{};",
        see("2 step"),
        see("3 alone"),
        see("4 step")
    );
    project.sql("0001_whole", &format!("{};", see("1 whole")), "SELECT 1;").sql("0002_steps", &steps, "SELECT 1;");
    project.runner("apply --dry-run").succeeds();
    project.runner("apply").succeeds();
    let what = "01/02/2020 00:00:00 JST P1D A";
    let expected = ["1 whole", "2 step", "3 alone", "4 step"].map(|at| format!("{at} {what}"));
    assert_eq!(seen(&project), expected);
    // The URL counts for more, and what the file says for most.
    let url = project.url();
    let sign = if url.contains('?') { '&' } else { '?' };
    project.by(&format!("{url}{sign}options=-c%20timezone%3DAmerica/New_York%20-c%20DateStyle%3DISO"));
    project.sql("0003_url", &format!("{};", see("5 url")), "SELECT 1;");
    project.sql("0004_own", &format!("SET LOCAL timezone = 'UTC';\n{};", see("6 own")), "SELECT 1;");
    project.runner("apply").succeeds();
    // What a file resets is again what the client would have.
    let reset = format!(
        "SET TIME ZONE 'UTC'; SET datestyle = 'ISO'; RESET TIME ZONE; SET DateStyle TO DEFAULT;\n{};",
        see("8 reset")
    );
    project.sql("0006_reset", &reset, "SELECT 1;");
    project.sql("0007_reset", &format!("-- runner:no-transaction\n{}", reset.replace("8", "9")), "SELECT 1;");
    let backslash = see("7 text").replace(r"E'\\", r"'\");
    project.sql("0005_text", &format!("{backslash};"), "SELECT 1;");
    project.runner("apply").exits(2).says(&["a string with a backslash", "`standard_conforming_strings` off"]);
    project.write("migrations/0005_text.up.sql", format!("SET standard_conforming_strings = on;\n{backslash};"));
    project.runner("apply").succeeds();
    assert_eq!(
        seen(&project)[4..],
        [
            "5 url 2020-01-02 00:00:00-05 P1D A",
            "6 own 2020-01-02 00:00:00+00 P1D A",
            "7 text 2020-01-02 00:00:00-05 P1D A",
            "8 reset 2020-01-02 00:00:00-05 P1D A",
            "9 reset 2020-01-02 00:00:00-05 P1D A"
        ]
    );
}

/// A superuser may read the configuration, and the variables of libpq count most.
#[test]
fn a_file_has_the_formats_of_the_configuration_and_of_the_environment() {
    let server = Server::private(Kind::Postgres).start();
    for setting in ["timezone = 'Asia/Tokyo'", "datestyle = 'SQL, DMY'"] {
        server.client().sql(&format!("ALTER SYSTEM SET {setting}"));
    }
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    project.execute("CREATE TABLE seen (at text, what text)");
    project.sql("0001_whole", &format!("{};", see("1")), "SELECT 1;");
    project.sql("0002_env", &format!("{};", see("2")), "SELECT 1;");
    project.runner("apply --target 1 --on-existing apply").succeeds();
    let mut command = project.command(["apply"]);
    project.finish(command.env("PGTZ", "UTC").env("PGDATESTYLE", "ISO, MDY")).succeeds();
    assert_eq!(seen(&project), ["1 01/02/2020 00:00:00 JST 1 day \\x41", "2 2020-01-02 00:00:00+00 1 day \\x41"]);
}

#[test]
fn a_file_has_the_time_zone_of_the_server() {
    let server = Server::private(Kind::Mariadb)
        .setting("default-time-zone", "+09:00")
        .setting("sql-mode", "NO_BACKSLASH_ESCAPES")
        .start();
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    let see = |at: &str| {
        format!(
            "INSERT INTO seen SELECT '{at}', CONCAT(FROM_UNIXTIME(0), ' ', UNIX_TIMESTAMP('1970-01-01 09:00:00'), ' ', @@lc_time_names);"
        )
    };
    project.sql(
        "0001_sees",
        &format!("CREATE TABLE seen (at TEXT, what TEXT);\n{}\nSET time_zone = '+01:00';\n{}", see("1"), see("2")),
        "DROP TABLE seen;",
    );
    project.sql("0002_later", &see("3"), "SELECT 1;");
    let backslash = r"INSERT INTO seen VALUES ('4', LENGTH('C:\new'));";
    project.sql("0003_text", backslash, "SELECT 1;");
    project.runner("apply").exits(2).says(&["0003_text", "a string with a backslash", "`NO_BACKSLASH_ESCAPES`"]);
    project.write("migrations/0003_text.up.sql", format!("SET sql_mode = 'STRICT_TRANS_TABLES';\n{backslash}"));
    project.runner("apply").succeeds();
    assert_eq!(
        project.rows("SELECT CONCAT(at, ' ', what) FROM seen ORDER BY at"),
        ["1 1970-01-01 09:00:00 0 en_US", "2 1970-01-01 01:00:00 28800 en_US", "3 1970-01-01 09:00:00 0 en_US", "4 5"]
    );
}
