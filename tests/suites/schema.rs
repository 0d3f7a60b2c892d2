//! `runner diff`: two schemas of any origin, on every engine.

use runner_tests::{Engine, EngineProject, Output, for_each_engine, project};
use serde_json::Value;

fn project_on(engine: Engine) -> EngineProject {
    let project = project!(engine);
    project
        .sql(
            "1_people",
            "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, age INTEGER DEFAULT 7);",
            "DROP TABLE people;",
        )
        .sql(
            "2_orders",
            "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, person INTEGER REFERENCES people (id));\n\
             CREATE INDEX people_name ON people (name);\n\
             CREATE VIEW adults AS SELECT name FROM people WHERE age > 17;",
            "DROP VIEW adults;\nDROP TABLE orders;\nDROP INDEX people_name ON people;",
        );
    project
}

/// `runner diff` with this server for scratch databases.
fn diff(project: &EngineProject, arguments: &[&str]) -> Output {
    let url = project.url();
    let scratch = ["--scratch", url.as_str()];
    let scratch = if project.engine() == Engine::Sqlite { &[][..] } else { &scratch };
    project.run([&["diff"], arguments, scratch].concat())
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// The differences of a document, each in one line.
fn listed(output: &Output) -> Vec<String> {
    let document = json(output);
    let line = |difference: &Value| {
        let path = difference["path"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let path = path.filter(|name| *name != "public").collect::<Vec<_>>().join(".");
        format!("{} {} {path}", difference["change"].as_str().unwrap(), difference["kind"].as_str().unwrap())
    };
    document["differences"].as_array().unwrap().iter().map(line).collect()
}

for_each_engine! {
    fn what_applying_would_change_and_what_was_changed_by_hand(engine) {
        let project = project_on(engine);
        project.runner("apply --target 1").succeeds();
        let differences = ["added table orders", "added view adults", "added index people_name"];
        let differences: Vec<String> = match engine {
            // An index belongs to its table.
            Engine::Mariadb => differences.iter().map(|it| it.replace("index people_name", "index people.people_name")).collect(),
            _ => differences.iter().map(|it| (*it).to_owned()).collect(),
        };
        let output = diff(&project, &["--format", "json"]);
        assert_eq!(listed(output.succeeds()), differences);
        assert_eq!(listed(diff(&project, &["migrations@1", "migrations@2", "--format", "json"]).succeeds()), differences);
        diff(&project, &["--exit-code"]).exits(3)
            .prints(&["+ table orders", "    column id: ", "+ view adults", "people_name"])
            .says(&["3 differences from ", " to the migrations"]);
        diff(&project, &["migrations@current", "database", "--exit-code"]).exits(0)
            .says(&["no differences from the migrations up to `1_people` to "]);
        // By hand.
        project.execute("ALTER TABLE people ADD email VARCHAR(9); CREATE TABLE mine (id INTEGER)");
        let output = diff(&project, &["migrations@current", "database", "--format", "json"]);
        assert_eq!(listed(output.succeeds()), ["added table mine", "added column people.email"]);
        diff(&project, &["migrations@current", "database"]).succeeds().prints(&["+ column people.email", "type varchar(9)"][..1]);
        // Nothing was written, and nothing is left.
        project.runner("status").succeeds().prints(&["pending"]);
        diff(&project, &["database", "database"]).succeeds().says(&["no differences"]);
        diff(&project, &[&project.url(), "database"]).succeeds().says(&["no differences"]);
        let base = diff(&project, &["migrations@base", "migrations@1", "--format", "json"]);
        let document = json(base.succeeds());
        assert_eq!(document["from"], "no migrations");
        let objects = &document["differences"][0]["objects"];
        assert_eq!(objects[0]["kind"], "table");
        let columns: Vec<&str> = objects.as_array().unwrap().iter().filter(|it| it["kind"] == "column")
            .map(|it| it["path"].as_array().unwrap().last().unwrap().as_str().unwrap()).collect();
        assert_eq!(columns, ["id", "name", "age"]);
    }

    fn files_are_a_schema(engine) {
        let project = project_on(engine);
        project.write("schema.sql", "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, age INTEGER DEFAULT 8);\n");
        let output = diff(&project, &["migrations@1", "schema.sql", "--format", "json"]);
        assert_eq!(listed(output.succeeds()), ["altered column people.age"]);
        let document = json(&output);
        let property = &document["differences"][0]["properties"][0];
        assert_eq!([&property["name"], &property["from"], &property["to"]], ["default", "7", "8"]);
        diff(&project, &["migrations@1", "schema.sql"]).succeeds()
            .prints(&["~ column people.age\n    - default 7\n    + default 8\n"])
            .says(&["1 difference from the migrations up to `1_people` to schema.sql"]);
        // A directory, in the order of the names.
        project.write("schema/2_views.sql", "CREATE VIEW names AS SELECT name FROM people;\n");
        project.write("schema/1_people.sql", project.read("schema.sql"));
        let output = diff(&project, &["schema.sql", "schema", "--format", "json"]);
        assert_eq!(listed(output.succeeds()), ["added view names"]);
        // What does not run says where, and leaves nothing.
        project.write("schema.sql", "CREATE TABLE a (id INTEGER);\n\nCREATE TABLE b (id INTEGER,);\n");
        diff(&project, &["schema.sql", "migrations"]).exits(1).says(&["file: schema.sql", "line: 3", "CREATE TABLE b"]);
        diff(&project, &["schema.sql", "missing.sql"]).exits(1);
        diff(&project, &["migrations@1", "missing.sql"]).exits(2).says(&["cannot read `missing.sql`"]);
    }

    /// Names with quotes, dots and Unicode, that are keywords, and that differ by case.
    fn names_are_those_of_the_server(engine) {
        let project = project!(engine);
        let quote = |name: &str| match engine {
            Engine::Mariadb => format!("`{name}`"),
            _ => format!("\"{name}\""),
        };
        let names = ["two words", "it's", "a.b", "order", "Größe", "MiXed"];
        let columns: Vec<String> = names.iter().map(|name| format!("{} INTEGER DEFAULT 1", quote(name))).collect();
        let table = quote("Ta ble.1");
        project.write("schema.sql", format!("CREATE TABLE {table} ({});\nCREATE INDEX {} ON {table} ({});\n",
            columns.join(", "), quote("in 'dex"), quote("a.b")));
        project.write("less.sql", format!("CREATE TABLE {table} ({});\n", columns[..4].join(", ")));
        diff(&project, &["schema.sql", "schema.sql"]).succeeds().says(&["no differences"]);
        let output = diff(&project, &["less.sql", "schema.sql", "--format", "json"]);
        let mut found = Vec::new();
        for difference in json(output.succeeds())["differences"].as_array().unwrap() {
            found.push(difference["path"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned());
        }
        found.sort();
        assert_eq!(found, ["Größe", "MiXed", "in 'dex"]);
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    let project = project_on(Engine::Sqlite);
    std::fs::create_dir(project.file("empty")).unwrap();
    for (arguments, told) in [
        (&["nonsense"][..], &["`nonsense` is not a schema", "hint: name `database`, `migrations`"][..]),
        (&["migrations@"], &["the target is empty"]),
        (&["migrations@9"], &["9"]),
        (&["empty"], &["there is no SQL file in `empty`"]),
        (&["database", "postgres://localhost/x"], &["a schema of SQLite cannot be compared with one of PostgreSQL"]),
        (
            &["postgres://localhost/x", "migrations"],
            &["no server of PostgreSQL is configured for scratch databases", "--scratch"],
        ),
        (&["sqlite:missing.db", "migrations"], &["missing.db"]),
        (&["database", "migrations"], &["does not exist"]),
    ] {
        let output = diff(&project, arguments);
        assert!([Some(1), Some(2)].contains(&output.exit_code()), "{output}");
        output.says(told);
    }
}

/// PostgreSQL writes an `IN` list in another way once it has read what it wrote, as from a dump.
#[test]
fn what_the_server_writes_in_two_ways_is_no_difference() {
    let project = project!(Engine::Postgres);
    project.sql(
        "1_all",
        "CREATE DOMAIN level AS varchar(9) CHECK (VALUE IN ('low', 'high'));\n\
         CREATE TABLE t (id integer, name varchar(9) CHECK (name IN ('a', 'b')), is_a boolean GENERATED ALWAYS AS (name IN ('a', 'c')) STORED);\n\
         CREATE INDEX few ON t (id) WHERE name IN ('a', 'b');\n\
         CREATE POLICY own ON t USING (name IN ('a', 'b'));\n\
         CREATE VIEW v AS SELECT id FROM t WHERE name IN ('a', 'b');",
        "DROP VIEW v;\nDROP TABLE t;\nDROP DOMAIN level;",
    );
    let list = "(name)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])";
    let file = format!(
        "CREATE DOMAIN level AS varchar(9) CONSTRAINT level_check \
         CHECK ((VALUE)::text = ANY ((ARRAY['low'::character varying, 'high'::character varying])::text[]));\n\
         CREATE TABLE t (id integer, name varchar(9) CHECK ({list}), is_a boolean GENERATED ALWAYS AS ({}) STORED);\n\
         CREATE INDEX few ON t USING btree (id) WHERE ({list});\nCREATE POLICY own ON t USING ({list});\n\
         CREATE VIEW v AS SELECT id FROM t WHERE ({list});\n",
        list.replace("'b'", "'c'")
    );
    project.write("schema.sql", &file);
    for sides in [["migrations", "schema.sql"], ["schema.sql", "migrations"]] {
        diff(&project, &[&sides[..], &["--exit-code"]].concat()).exits(0).says(&["no differences"]);
    }
    // Another list is one, wherever it is.
    project.write("schema.sql", file.replace("'b'", "'d'").replace("'c'", "'e'").replace("'high'", "'top'"));
    let output = diff(&project, &["migrations", "schema.sql", "--format", "json"]);
    let all = [
        "altered view v",
        "altered column t.is_a",
        "altered constraint level.level_check",
        "altered constraint t.t_name_check",
        "altered index few",
        "altered policy t.own",
    ];
    assert_eq!(listed(output.succeeds()), all);
}
