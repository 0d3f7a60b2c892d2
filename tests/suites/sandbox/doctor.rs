//! `runner doctor`: what isolates components.

use serde_json::{Value, json};

use super::*;

fn told(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

#[test]
fn on_sqlite_the_authorizer_isolates() {
    let project = project!();
    // Before there is a file.
    project.runner("doctor").succeeds().prints(&["server     SQLite", "isolation  SQLite's authorizer"]);
    assert!(!project.file("runner.db").exists());
    project.component("0001_free", &guests::component("granted")).component("0002_held", &guests::component("granted"));
    project.settings("[grants.2]\nallow = ['read people(id)']");
    project
        .runner("doctor")
        .succeeds()
        .prints(&["component  0001_free: all tables", "component  0002_held: read people(id)"]);
    let document = told(&project.runner("doctor --format json"));
    assert_eq!((&document["isolation"], &document["powers"]), (&json!("authorizer"), &json!([])), "{document}");
    assert_eq!(document["components"][1]["granted"], json!(["read people(id)"]), "{document}");
}

for_each_server! {
    fn the_rights_of_the_login_are_told(engine) {
        let mut project = project!(engine);
        // Without a component, nobody could use them.
        let document = told(project.runner("doctor --format json").succeeds());
        assert_eq!(document["isolation"], "shared-login", "{document}");
        let powers = document["powers"].as_array().unwrap();
        assert!(!powers.is_empty(), "the tests' login may do everything: {document}");
        project.component("0001_component", &guests::component("granted"));
        project.runner("doctor").exits(7).prints(&["risk", "a component may"]);
        // A login that has the database, and nothing else.
        let database = project.server_database();
        let name = format!("plain_{}", database.name());
        let name = &name[name.len().saturating_sub(30)..];
        let name = name.trim_start_matches('_');
        let (create, drop) = match engine {
            Engine::Postgres => (
                format!("CREATE ROLE \"{name}\" LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE \"{}\" TO \"{name}\"", database.name()),
                format!("DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\""),
            ),
            _ => (
                format!("CREATE USER '{name}'@'%' IDENTIFIED BY 'x'; GRANT ALL ON `{}`.* TO '{name}'@'%'", database.name()),
                format!("DROP USER '{name}'@'%'"),
            ),
        };
        project.execute(&create);
        let url = database.url_as(name, "x");
        project.by(&url);
        let document = told(project.runner("doctor --format json").succeeds());
        assert_eq!(document["powers"], json!([]), "{document}");
        assert!(document["login"].as_str().unwrap().starts_with(name), "{document}");
        project.execute(&drop);
    }
}
