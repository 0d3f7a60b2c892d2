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
        diff(&project, &["migrations@current", "database"]).succeeds().prints(&["+ column people.email"]);
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
        // MySQL keeps the value and not its text.
        let [name, from, to] = ["name", "from", "to"].map(|key| property[key].as_str().unwrap().trim_matches('\''));
        assert_eq!([name, from, to], ["default", "7", "8"]);
        diff(&project, &["migrations@1", "schema.sql"]).succeeds()
            .prints(&["~ column people.age\n    - default ", "7", "\n    + default ", "8"])
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
        diff(&project, &["migrations@1", "missing.sql"]).exits(2).says(&["cannot read `missing.sql`", "hint: name SQL files"]);
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
        (&["migrations", "database"], &["does not exist"]),
        (&["migrations/"], &["`migrations/` is the directory of the migrations", "hint: `migrations` is what"]),
        (
            &["schema.sql", "migrations", "--scratch", "postgres://x/y"],
            &["a schema of SQLite cannot be compared with one of PostgreSQL"],
        ),
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

/// What the server's own dump program writes, and the server reads again, is the same schema: a second judge of the readers.
#[test]
fn a_dump_of_postgres_is_the_same_schema() {
    let project = project!(Engine::Postgres);
    project.execute(
        "CREATE SCHEMA \"a.b\"; CREATE TYPE mood AS ENUM ('sad', 'it''s', 'ok'); CREATE TYPE pair AS (a integer, b text COLLATE \"C\");
         CREATE DOMAIN small AS integer DEFAULT 3 NOT NULL CONSTRAINT few CHECK (VALUE IN (1, 2, 3)); CREATE TYPE span AS RANGE (SUBTYPE = date);
         CREATE SEQUENCE apart INCREMENT 5 MINVALUE -7 CYCLE CACHE 3; CREATE EXTENSION pg_trgm;
         CREATE FUNCTION \"a.b\".now_of(text, VARIADIC integer[]) RETURNS text LANGUAGE sql IMMUTABLE AS $x$SELECT 'a\\b' || $1$x$;
         CREATE TABLE people (id bigint GENERATED BY DEFAULT AS IDENTITY (START 10) PRIMARY KEY, s serial, m mood DEFAULT 'it''s', p pair, w span,
             name varchar(20) NOT NULL DEFAULT E'x\\ny\\\\z' CHECK (name IN ('a', 'b') AND length(name) BETWEEN 1 AND 5), n numeric(10, 2) DEFAULT 0.0,
             at timestamptz(3) DEFAULT now(), j jsonb DEFAULT '{}', l integer[] DEFAULT '{1,2}', t text GENERATED ALWAYS AS (lower(name)) STORED,
             d small, UNIQUE (name, n) DEFERRABLE INITIALLY DEFERRED, EXCLUDE USING gist (w WITH &&)) WITH (fillfactor = 70);
         ALTER TABLE people DROP COLUMN l; ALTER TABLE people ADD COLUMN i interval DEFAULT '1 day 02:00', ADD COLUMN \"Größe\" real;
         CREATE TABLE \"a.b\".\"or\"\"der\" (id bigint REFERENCES people ON UPDATE CASCADE ON DELETE SET NULL, \"two words\" text, x integer);
         ALTER TABLE \"a.b\".\"or\"\"der\" ALTER \"two words\" SET STORAGE EXTERNAL, ALTER x SET STATISTICS 77;
         ALTER TABLE \"a.b\".\"or\"\"der\" ADD CONSTRAINT self FOREIGN KEY (id) REFERENCES people (id) MATCH FULL DEFERRABLE NOT VALID;
         CREATE UNIQUE INDEX \"in dex\" ON \"a.b\".\"or\"\"der\" (lower(\"two words\") COLLATE \"C\" text_pattern_ops DESC NULLS LAST, x) INCLUDE (id) WHERE x IN (1, 2);
         CREATE INDEX trigrams ON people USING gin (name gin_trgm_ops) WITH (fastupdate = off);
         CREATE TABLE parts (id integer NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'); CREATE INDEX ON parts (at);
         CREATE TABLE parts_2 PARTITION OF parts DEFAULT PARTITION BY LIST (id); CREATE TABLE parts_3 PARTITION OF parts_2 FOR VALUES IN (1, 2);
         CREATE UNLOGGED TABLE heirs (more text) INHERITS (people); CREATE STATISTICS some_stats (dependencies) ON id, name FROM people;
         CREATE VIEW adults WITH (security_barrier) AS SELECT id, name AS \"Name\" FROM people WHERE name IN ('a', 'b') WITH LOCAL CHECK OPTION;
         CREATE VIEW of_adults AS SELECT \"Name\", count(*) FROM adults GROUP BY 1; CREATE MATERIALIZED VIEW kept AS SELECT id FROM people WITH NO DATA;
         CREATE UNIQUE INDEX ON kept (id); CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER kept BEFORE UPDATE OF name ON people FOR EACH ROW WHEN (NEW.name IN ('a', 'b')) EXECUTE FUNCTION keep();
         ALTER TABLE people DISABLE TRIGGER kept; CREATE RULE still AS ON DELETE TO parts DO INSTEAD NOTHING; ALTER TABLE people ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON people AS RESTRICTIVE FOR UPDATE USING (name IN ('a', 'b')) WITH CHECK (name <> 'c'); ALTER TABLE people REPLICA IDENTITY FULL;
         CREATE AGGREGATE total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0'); CREATE PROCEDURE nothing() LANGUAGE sql AS '';
         COMMENT ON TABLE people IS 'who'; COMMENT ON COLUMN people.name IS 'it''s'; COMMENT ON INDEX trigrams IS 'i'; COMMENT ON FUNCTION keep() IS 'f';
         COMMENT ON TYPE mood IS 'm'; COMMENT ON CONSTRAINT self ON \"a.b\".\"or\"\"der\" IS 'c'; COMMENT ON SCHEMA \"a.b\" IS 's'",
    );
    let dump = project.server_database().client().dump_text(&["--schema-only", "--no-owner", "--no-privileges"]);
    project.write("dump.sql", dump);
    diff(&project, &["database", "dump.sql", "--exit-code"]).exits(0).says(&["no differences"]);
    let output = diff(&project, &["migrations@base", "database", "--format", "json"]);
    assert_eq!(listed(output.succeeds()).len(), 21, "{:?}", listed(&output));
}

#[test]
fn a_dump_of_mariadb_is_the_same_schema() {
    let project = project!(Engine::Mariadb);
    let mut statements = vec![
        "CREATE TABLE people (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'it''s \\\\ x' COMMENT 'who',
             `two words` TEXT CHARACTER SET latin1, small TINYINT(1) DEFAULT 1, n DECIMAL(10, 2) DEFAULT 0.0, z INT(5) ZEROFILL,
             at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), j JSON, e ENUM('a', 'b''c') DEFAULT 'a', s SET('x', 'y'),
             t VARCHAR(40) GENERATED ALWAYS AS (lower(name)) STORED, v INT AS (small + 1) VIRTUAL, `Größe` FLOAT, g POINT NOT NULL,
             CONSTRAINT positive CHECK (n >= 0), UNIQUE KEY `a.b` (name(5), n), FULLTEXT KEY words (`two words`), SPATIAL KEY (g))
             ENGINE=InnoDB ROW_FORMAT=DYNAMIC COMMENT='it''s'",
        "CREATE TABLE orders (id INT PRIMARY KEY, person BIGINT UNSIGNED, other BIGINT UNSIGNED, KEY (other),
             CONSTRAINT of_person FOREIGN KEY (person) REFERENCES people (id) ON DELETE CASCADE ON UPDATE RESTRICT,
             FOREIGN KEY (other) REFERENCES people (id) ON DELETE SET NULL)",
        "CREATE TABLE parts (id INT, at DATE) PARTITION BY RANGE (YEAR(at)) (PARTITION p1 VALUES LESS THAN (2020), PARTITION p2 VALUES LESS THAN MAXVALUE)",
        "CREATE VIEW adults AS SELECT p.id, o.id AS `order` FROM people p JOIN orders o ON o.person = p.id WHERE p.name IN ('a', 'b')",
        "CREATE TRIGGER kept BEFORE INSERT ON orders FOR EACH ROW SET NEW.other = NEW.person",
        "CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC COMMENT 'f' RETURN x * 2",
        "CREATE PROCEDURE nothing(IN a INT, OUT b VARCHAR(9)) SELECT 1 INTO b",
    ];
    if !project.server_database().kind().is_mysql() {
        statements.push("CREATE SEQUENCE numbers START 5 INCREMENT 2 CYCLE CACHE 7");
        statements.push("ALTER TABLE orders ADD COLUMN few INT INVISIBLE CHECK (few < 9)");
    }
    for statement in statements {
        project.execute(statement);
    }
    let options = ["--no-data", "--routines", "--triggers", "--skip-lock-tables"];
    project.write("dump.sql", project.server_database().client().dump_text(&options));
    diff(&project, &["database", "dump.sql", "--exit-code"]).exits(0).says(&["no differences"]);
}

/// SQLite keeps the name of a trigger's table as it was typed.
#[test]
fn a_trigger_belongs_to_its_table_however_that_is_typed() {
    let project = project!(Engine::Sqlite);
    let table = "CREATE TABLE users (id INTEGER); CREATE VIEW named AS SELECT id FROM users;";
    project.write("before.sql", table);
    let triggers = "CREATE TRIGGER users AFTER INSERT ON Users BEGIN SELECT 1; END;\n\
                    CREATE TRIGGER t INSTEAD OF INSERT ON NAMED BEGIN SELECT 1; END;";
    project.write("after.sql", format!("{table}\n{triggers}\n"));
    let output = diff(&project, &["before.sql", "after.sql", "--format", "json"]);
    assert_eq!(listed(output.succeeds()), ["added trigger t", "added trigger users"]);
    project.write("none.sql", "CREATE TABLE other (id INTEGER);");
    let output = diff(&project, &["none.sql", "after.sql", "--format", "json"]);
    assert_eq!(
        listed(output.succeeds()),
        ["removed table other", "added table users", "added view named"].map(str::to_owned)
    );
}

/// A database of MySQL or MariaDB gives its character set to tables, and its name to views.
#[test]
fn a_scratch_database_is_made_like_the_other_side() {
    let project = project!(Engine::Mariadb);
    let name = project.server_database().name().to_owned();
    project.execute(&format!("ALTER DATABASE `{name}` CHARACTER SET latin1 COLLATE latin1_general_cs"));
    let schema = |name: &str| {
        format!(
            "CREATE TABLE `{name}` (id INT, name VARCHAR(9));\n\
             CREATE VIEW v AS SELECT `{name}`.id, upper(`{name}`.name) AS `up` FROM `{name}` JOIN (SELECT 1 AS one) AS o;\n"
        )
    };
    project.execute(&schema(&name));
    project.write("schema.sql", schema(&name));
    for sides in [["database", "schema.sql"], ["schema.sql", "database"]] {
        diff(&project, &[&sides[..], &["--exit-code"]].concat()).exits(0).says(&["no differences"]);
    }
}
