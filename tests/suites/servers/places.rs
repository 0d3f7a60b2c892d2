//! `[history]`: several projects, or tenants in schemas of their own, with a history each in one database.

use runner_tests::{Engine, EngineProject, TestProject, for_each_server};

fn sharing(project: &EngineProject, name: &str, place: &str) -> TestProject {
    let other = TestProject::new(env!("CARGO_BIN_EXE_runner"));
    other.write("runner.toml", format!("[project]\nname = '{name}'\n[database]\nurl = '{}'\n{place}", project.url()));
    other
}

/// The line of `[history]` for a name on this engine.
fn place(engine: Engine, name: &str) -> String {
    match engine {
        Engine::Postgres => format!("[history]\nschema = '{name}'"),
        _ => format!("[history]\nprefix = '{name}_'"),
    }
}

for_each_server! {
    /// Both use the revision 1, and neither sees, changes or rolls back what is the other's.
    fn projects_share_a_database(engine) {
        let shop = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        shop.sql("1_items", "CREATE TABLE items (id integer)", "DROP TABLE items");
        shop.runner("apply").succeeds();
        let seeds = sharing(&shop, "seeds", &place(engine, "seeds"));
        seeds.sql("1_rows", "INSERT INTO items VALUES (1)", "DELETE FROM items");
        seeds.runner("status").succeeds().says(&["1 pending"]);
        seeds.runner("apply").succeeds();
        seeds.runner("apply").succeeds().says(&["nothing to do"]);
        let theirs = if engine == Engine::Postgres { "seeds.runner_history" } else { "seeds_runner_history" };
        assert_eq!(shop.value(&format!("SELECT count(*) FROM {theirs}")), "1");
        shop.runner("status").succeeds().says(&["1 applied"]);
        // The words name a table of the other.
        shop.sql("2_bad", &format!("DELETE FROM {theirs}"), "SELECT 1");
        shop.runner("apply").exits(7).says(&["belongs to runner"]);
        std::fs::remove_file(shop.file("migrations/2_bad.up.sql")).unwrap();
        std::fs::remove_file(shop.file("migrations/2_bad.down.sql")).unwrap();
        // The database is not this project's alone.
        let told = [&*format!("the database has `{theirs}`, the history of another project or tenant"), "--unprotect"];
        shop.runner("db drop --yes").exits(7).says(&told);
        shop.runner("db reset --yes").exits(7).says(&told);
        seeds.runner("rollback --all --yes").succeeds();
        assert_eq!(shop.value("SELECT count(*) FROM items"), "0");
        shop.runner("status").succeeds().says(&["1 applied"]);
        // One that leaves its place out would apply everything again.
        shop.execute(if engine == Engine::Postgres { "DROP SCHEMA runner CASCADE" } else { "DROP TABLE runner_history" });
        let lost = sharing(&shop, "seeds", "");
        lost.sql("1_rows", "INSERT INTO items VALUES (1)", "DELETE FROM items");
        lost.runner("apply --on-existing refuse").exits(4).says(&[&format!("the history `{theirs}`"), "[history]"]);
    }

    /// Two projects in one history: `rollback` never takes what the other has applied, not even from the copy in the database.
    fn a_rollback_leaves_what_another_project_applied(engine) {
        let shop = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        shop.write("runner.toml", format!("[project]\nname = 'shop'\n[database]\nurl = '{}'", shop.url()));
        shop.sql("1_items", "CREATE TABLE items (id integer)", "DROP TABLE items");
        shop.runner("apply").succeeds();
        let other = sharing(&shop, "billing", "");
        other.sql("2_bills", "CREATE TABLE bills (id integer)", "DROP TABLE bills");
        other.runner("apply").exits(4).says(&["1_items", "the project `shop` applied that", "[history]"]);
        other.runner("apply --allow-missing").succeeds();
        other.runner("rollback").succeeds();
        let told = ["applied by the project `shop`, and this is `billing`", "1_items (project: shop)", "hint:"];
        for line in ["rollback", "rollback -n 1", "rollback --all --yes", "rollback --target base"] {
            other.runner(line).exits(4).says(&told);
        }
        assert_eq!(shop.value("SELECT count(*) FROM items"), "0");
        // The same project, of an older release and in another directory, has the stored copy.
        let older = sharing(&shop, "shop", "");
        older.runner("rollback").succeeds().says(&["rolled back 1_items"]);
    }
}

fn with_options(url: &str, options: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}options={options}")
}

#[test]
fn tenants_in_schemas_have_a_history_each() {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Postgres);
    let url = with_options(&project.url(), "-c%20search_path%3D{tenant}");
    project.settings(&format!("[tenants]\nurl = '{url}'\nnames = ['acme', 'beta']\n[history]\nschema = '{{tenant}}'"));
    project.sql("1_a", "CREATE TABLE a (id integer)", "DROP TABLE a");
    project.runner("apply --all").succeeds().says(&["applied 2 migrations on 2 databases"]);
    project.runner("status --all").succeeds().says(&["2 databases up to date"]);
    project.runner("rollback --database acme").succeeds();
    assert_eq!(project.value("SELECT string_agg(schemaname, ',') FROM pg_tables WHERE tablename = 'a'"), "beta");
    project.runner("status --all").succeeds().says(&["1 database with pending migrations"]);
    project.runner("status").exits(2).says(&["no tenant is named", "--all-databases"]);
    // The name of one tenant is not that of a database in which there are others.
    for named in ["", " --unprotect acme", " --unprotect beta"] {
        let output = project.runner(&format!("db drop --yes --database acme{named}"));
        output.exits(7).says(&["the history of another project or tenant", "hint: `--unprotect "]);
        output.does_not_say(&["hint: `--unprotect acme"]);
    }
    // Everything that a migration may do to its schema, and nothing that reaches the history in it.
    project.sql(
        "2_grant",
        "GRANT USAGE ON SCHEMA beta TO PUBLIC; CREATE TABLE runner_notes (id integer)",
        "DROP TABLE runner_notes",
    );
    project.runner("apply --database beta").succeeds();
    for (at, text) in [
        "DO $$ BEGIN EXECUTE format('DELETE FROM %I.%I', 'beta', 'runner_' || 'history'); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER TABLE %I.%I ADD x int', 'beta', 'runner_' || 'meta'); END $$",
        "DO $$ BEGIN EXECUTE format('GRANT INSERT ON %I.%I TO PUBLIC', 'beta', 'runner_' || 'history'); END $$",
        "DROP SCHEMA beta CASCADE",
        "ALTER SCHEMA beta RENAME TO gamma",
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("3_bad{at}");
        project.sql(&id, text, "SELECT 1");
        let output = project.runner("apply --database beta");
        output.exits(7).says(&["runner's own"]);
        for direction in ["up", "down"] {
            std::fs::remove_file(project.file(&format!("migrations/{id}.{direction}.sql"))).unwrap();
        }
    }
    assert_eq!(project.value("SELECT count(*) FROM beta.runner_history"), "2");
    // Code that another has attached runs for nobody.
    project.execute("CREATE FUNCTION beta.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
    project.execute("CREATE TRIGGER t BEFORE INSERT ON beta.runner_history FOR EACH ROW EXECUTE FUNCTION beta.f()");
    project
        .runner("status --database beta")
        .exits(7)
        .says(&["are not as runner made them", "t on beta.runner_history"]);
}
