//! The guides whose commands need no server.

use runner_tests::servers::registry::Registry;
use runner_tests::servers::web::{Web, answer};
use runner_tests::{TestProject, guests, project};

use crate::docs::story::Story;

const PEOPLE: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);";

/// A project whose settings have the URL, as after `runner init`.
fn with_url() -> TestProject {
    let project = project!();
    project.write("runner.toml", "[database]\nurl = \"sqlite://runner.db\"\n");
    project
}

#[test]
fn adopting() {
    let project = project!();
    project.sql("0041_people", PEOPLE, "DROP TABLE people;").sql(
        "0042_index",
        "CREATE INDEX i ON people (name);",
        "DROP INDEX i;",
    );
    project
        .database()
        .execute_batch("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX i ON people (name);")
        .unwrap();
    let mut story = Story::new("guide/adopting", &project);
    story.run("runner baseline 0042 --why 'migrated with Flyway until now'", 0);
    story.execute("runner status --exit-code", 0);
    story.execute("runner stamp --target 0041 --why x", 0);
    story.run("runner stamp --target 0042 --why 'restored from the backup of Monday'", 0);
    story.execute("runner status --exit-code", 0);
    story.run("runner stamp --target base", 0);
    story.execute("runner status --exit-code", 3);
    story.execute("runner stamp", 0);
    project.sql("0042_index", "-- why\nCREATE INDEX i ON people (name);", "DROP INDEX i;");
    story.execute("runner status --exit-code", 4);
    story.run("runner build", 0);
    story.run("runner repair 0042 --accept-checksum --why 'only a comment changed'", 0);
    story.execute("runner status --exit-code", 0);
    story.end();
}

/// Also where SQLite has made tables by itself.
#[test]
fn the_schema_that_the_query_prints_is_a_migration() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/guide/adopting.md");
    let page = std::fs::read_to_string(page).unwrap();
    let query = page.split("```").find(|block| block.contains("FROM sqlite_schema")).unwrap();
    let project = project!();
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT -- the last
        ); CREATE INDEX i ON t (a); CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO t (a) VALUES ('x'); ANALYZE;";
    let old = rusqlite::Connection::open_in_memory().unwrap();
    old.execute_batch(schema).unwrap();
    let mut statement = old.prepare(query.strip_prefix("sql").unwrap()).unwrap();
    let texts = statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    project.sql("0001_initial", &texts.collect::<Vec<_>>().join("\n"), "");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT group_concat(name) FROM pragma_table_list WHERE name IN ('f', 't')").len(), 3);
}

#[test]
fn compare_schemas() {
    let project = with_url();
    project.sql("1_people", PEOPLE, "DROP TABLE people;");
    project.runner("apply").succeeds();
    project.sql(
        "2_orders",
        "CREATE TABLE orders (id INTEGER, person INTEGER REFERENCES people (id));\n\
         CREATE INDEX people_name ON people (name);",
        "DROP TABLE orders; DROP INDEX people_name;",
    );
    let mut story = Story::new("guide/compare-schemas", &project);
    story.prints("runner diff", 0);
    story.run("runner diff migrations@current database --exit-code", 0);
    story.run("runner diff migrations@-1 migrations@current", 0).prints(&["+ table people"]);
    story.run("runner diff migrations@1 migrations@2", 0).prints(&["+ table orders"]);
    project.write("schema.sql", format!("{PEOPLE}\n"));
    story.run("runner diff migrations schema.sql", 0).prints(&["- table orders"]);
    story.end();
}

#[test]
fn backups() {
    let project = project!();
    project.sql("1_people", PEOPLE, "DROP TABLE people;");
    project.runner("apply").succeeds();
    project.sql("2_more", "INSERT INTO people VALUES (1, 'one');", "DELETE FROM people;");
    let mut story = Story::new("guide/backups", &project);
    let count = || std::fs::read_dir(project.root()).unwrap().count();
    let before = count();
    story.run("runner apply --backup auto", 0).says(&["backup"]);
    assert_eq!(count(), before + 1);
    project.sql("3_more", "INSERT INTO people VALUES (2, 'two');", "DELETE FROM people WHERE id = 2;");
    story.run("runner apply --backup before.dump", 0);
    assert!(project.file("before.dump").is_file());
    story.replace("/srv/backups", project.file("backups").display().to_string());
    story.run("runner rollback --backup /srv/backups/", 0);
    assert_eq!(std::fs::read_dir(project.file("backups")).unwrap().count(), 1);
    story.end();
}

#[test]
fn fleets() {
    let project = project!();
    project.settings(
        "[tenants]\nurl = \"sqlite://tenants/{tenant}.db?mode=rwc\"\nnames = [\"acme\", \"beta\", \"gamma\"]",
    );
    std::fs::create_dir(project.file("tenants")).unwrap();
    project
        .sql("0001_create_users", PEOPLE, "DROP TABLE people;")
        .sql("0002_create_orders", "CREATE TABLE orders (id INTEGER PRIMARY KEY);", "DROP TABLE orders;")
        .sql("0003_index_users", "CREATE INDEX i ON people (name);", "DROP INDEX i;");
    let mut story = Story::new("guide/fleets", &project);
    story.prints("runner plan --all", 0);
    story.prints("runner apply --all", 0);
    story.prints("runner status --all", 0);
    std::fs::remove_file(project.file("tenants/beta.db")).unwrap();
    std::fs::create_dir(project.file("tenants/beta.db")).unwrap();
    let again = "runner apply --all --format json > report.json || runner apply --retry report.json";
    story.run(again, 2).says(&["name: beta"]).does_not_say(&["acme"]);
    story.end();
}

#[test]
fn ci() {
    let project = project!();
    project.sql("1_people", PEOPLE, "DROP TABLE people;");
    let mut story = Story::new("guide/ci", &project);
    story.run("runner init --ci github", 0);
    assert!(project.file(".github/workflows/migrations.yml").is_file());
    // `tests/suites/cli/base.rs` has a repository.
    story.skip("runner check --base origin/main");
    // Whoever tests has no daemon.
    story.skip("docker build --tag runner .");
    story.skip("docker run --rm --volume \"$PWD:/project\" --env DATABASE_URL runner apply");
    story.end();
}

#[test]
fn dry_run() {
    let project = project!();
    project.sql("1_people", PEOPLE, "DROP TABLE people;");
    let mut story = Story::new("guide/dry-run", &project);
    story.run("runner apply --dry-run", 0);
    story.execute("runner status --exit-code", 3);
    story.end();
}

#[test]
fn other_tools() {
    let project = project!();
    project.write("migrations/V1__people.sql", PEOPLE);
    let mut story = Story::new("guide/other-tools", &project);
    story.run("runner validate", 0);
    story.run("runner plan", 0).prints(&["people"]);
    story.end();
}

#[test]
fn packages() {
    let published = guests::repository().join("examples/packages/published");
    let market = project!();
    let publish = |version: &str| {
        for end in ["wasm", "wasm.minisig"] {
            let file = format!("acme_outbox_{version}.{end}");
            std::fs::copy(published.join(&file), market.file(&file)).unwrap();
        }
    };
    publish("1.0.0");
    let project = with_url();
    let mut story = Story::new("guide/packages", &project);
    story.replace("../acme_outbox", market.file("acme_outbox").display().to_string());
    let key = "RWQHBwcHBwcHB+pKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
    story.prints(&format!("runner add ../acme_outbox_1.0.0.wasm --key {key}"), 0);
    let registry = Registry::start();
    let signature = std::fs::read_to_string(published.join("acme_outbox_1.0.0.wasm.minisig")).unwrap();
    let package = std::fs::read(published.join("acme_outbox_1.0.0.wasm")).unwrap();
    registry.push("acme/outbox", "1.0.0", &package, &[("io.github.runner-migrations.minisig", signature.trim_end())]);
    let others = [(".wasm", package), (".minisig", signature.into_bytes())];
    let server = Web::start(move |path, connection| {
        let found = others.iter().find(|(end, _)| path.ends_with(end)).map(|(_, bytes)| &**bytes);
        answer(connection, "200 OK", &[], found.unwrap_or_default());
    });
    story.replace("https://example.com", server.url(""));
    story.replace("oci://registry.example.com", format!("oci://{}", registry.host()));
    for place in ["https://example.com/acme_outbox_1.0.0.wasm", "oci://registry.example.com/acme/outbox:1.0.0"] {
        // The same one as before, from wherever it comes.
        story.run(&format!("runner add {place} --key {key}"), 0).says(&["acme/outbox 1.0.0 is up to date"]);
    }
    let other = with_url();
    let mut story = story.elsewhere(&other);
    story.prints(&format!("runner add ../acme_outbox_1.0.0.wasm --key {key} --prefix acme_"), 0);
    let mut story = story.elsewhere(&project);
    story.execute("runner apply", 7);
    let granted = "allow = ['create outbox*', 'drop outbox*', 'alter outbox', 'read outbox*', 'insert outbox*', \
                   'delete outbox*']";
    project.write("runner.toml", project.read("runner.toml").replace("allow = []", granted));
    publish("1.1.0");
    story.run("runner outdated", 0).prints(&["1.1.0"]);
    story.run("runner update acme/outbox", 0);
    publish("1.2.0");
    story.run("runner update acme/outbox --from ../acme_outbox_1.2.0.wasm", 0);
    story.execute("runner apply", 0);
    story.execute("runner rollback --all", 0);
    story.run("runner remove acme/outbox", 0);

    let author = project!();
    author.copy_of(&guests::repository().join("examples/packages/outbox"));
    let mut story = story.elsewhere(&author);
    story.run("runner package 0001 --name acme/outbox --version 1.0.0", 0);
    let bytes = |path: &std::path::Path| std::fs::read(path).unwrap();
    assert!(bytes(&author.file("acme_outbox_1.0.0.wasm")) == bytes(&published.join("acme_outbox_1.0.0.wasm")));
    // Its author has the key.
    story.skip("minisign -Sm acme_outbox_1.0.0.wasm");
    let signature = "acme_outbox_1.0.0.wasm.minisig";
    std::fs::copy(published.join(signature), author.file(signature)).unwrap();
    let push = "runner package 0001 --name acme/outbox --version 1.0.0 --push oci://registry.example.com/acme/outbox";
    story.run(push, 0).says(&["unchanged", "/acme/outbox:1.0.0"]);
    story.skip(
        "wkg oci push registry.example.com/acme/outbox:1.0.0 acme_outbox_1.0.0.wasm \
         --annotation \"io.github.runner-migrations.minisig=$(base64 -w0 acme_outbox_1.0.0.wasm.minisig)\"",
    );
    story.end();
}

#[test]
fn rust() {
    let project = TestProject::empty(env!("CARGO_BIN_EXE_runner"));
    let mut story = Story::new("guide/rust", &project);
    story.execute("runner init -D sqlite://app.db .", 0);
    story.execute("runner apply", 0);
    story.run("runner new metric_distances --lang rust", 0);
    story.execute("runner build", 0);
    story.execute("runner build --check", 0).says(&["1 artifact comes from its source"]);
    story.run("sqlite3 app.db \"VACUUM INTO 'try.db'\"", 0);
    story.run("runner apply -D sqlite://try.db", 0).says(&["metric_distances"]);
    story.execute("runner status --exit-code", 3);
    story.end();
}

#[test]
fn sql() {
    let project = TestProject::empty(env!("CARGO_BIN_EXE_runner"));
    let mut story = Story::new("guide/sql", &project);
    story.execute("runner init shop", 0);
    story.execute("cd shop", 0);
    story.execute("runner new create_orders", 0);
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT);";
    std::fs::write(story.migration("create_orders.up.sql"), orders).unwrap();
    story.execute("runner apply", 0);
    story.run("runner new add_emails", 0);
    std::fs::remove_file(story.migration("add_emails.up.sql")).unwrap();
    std::fs::remove_file(story.migration("add_emails.down.sql")).unwrap();
    story.execute("runner new add_state", 0);
    let state =
        "ALTER TABLE orders ADD COLUMN state TEXT;\nUPDATE orders SET state = 'paid' WHERE paid_at IS NOT NULL;\n";
    std::fs::write(story.migration("add_state.up.sql"), state).unwrap();
    story.prints("runner apply", 1);
    let commit = "ALTER TABLE orders ADD COLUMN state TEXT;\nCOMMIT;\nUPDATE orders SET state = 'open';\n";
    std::fs::write(story.migration("add_state.up.sql"), commit).unwrap();
    story.prints("runner validate", 7);

    let project = with_url();
    let half = "-- runner:no-transaction\nCREATE TABLE b (id INTEGER);\nINSERT INTO b VALUES (1);\nINSERT INTO c VALUES (1);\n";
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;").sql("2_b", half, "DROP TABLE b;").sql(
        "3_z",
        "CREATE TABLE z (id INTEGER);",
        "DROP TABLE z;",
    );
    let mut story = story.elsewhere(&project);
    story.prints("runner apply", 6);
    story.prints("runner plan", 0);
    story.end();
}

#[test]
fn sqlite_rebuilds() {
    let project = with_url();
    project
        .sql("1_users", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT);", "DROP TABLE users;")
        .sql(
            "2_orders",
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id));
             INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'bob');
             INSERT INTO orders VALUES (1, 1), (2, 2);",
            "DROP TABLE orders;",
        );
    project.runner("apply").succeeds();
    let rebuild = "-- runner:table-rebuild
        CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE);
        INSERT INTO new_users SELECT id, name, coalesce(email, name || '@example.com') FROM users WHERE id <> 2;
        DROP TABLE users;
        ALTER TABLE new_users RENAME TO users;";
    project.sql("3_c", rebuild, "SELECT 1;");
    let mut story = Story::new("guide/sqlite-rebuilds", &project);
    story.prints("runner apply", 1);
    story.end();
}

#[test]
fn python() {
    let place = project!(empty);
    let mut story = Story::new("guide/python", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new tidy_names --lang python", 0);
    story.run("runner apply", 0).says(&["to `runner.lock`", "2 rows are tidy"]);
    story.run("runner rollback", 0).says(&["rolled back 1 migration"]);
    story.end();
}

#[test]
fn scripts() {
    let place = project!(empty);
    let mut story = Story::new("guide/scripts", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new tidy_names --lang javascript", 0);
    story.run("runner apply", 0).says(&["to `runner.lock`", "2 rows are tidy"]);
    story.run("runner rollback", 0).says(&["rolled back 1 migration"]);
    let script = format!("shop/migrations/{}_tidy_names.js", story.revision("tidy_names.js"));
    place.write(&script, place.read(&script).replace("lower()", "upper()"));
    story.execute("runner apply", 4).says(&["does not match the digest"]);
    story.execute("runner build tidy_names", 0);
    story.execute("runner apply", 0);
    story.end();
}

#[test]
fn typescript() {
    let place = project!(empty);
    let mut story = Story::new("guide/typescript", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new tidy_names --lang typescript", 0);
    story.run("runner apply", 0).says(&["to `runner.lock`", "2 rows are tidy"]);
    story.run("runner rollback", 0).says(&["rolled back 1 migration"]);
    // What the page shows of an error, in its own words.
    let script = format!("shop/migrations/{}_tidy_names.ts", story.revision("tidy_names.ts"));
    let lines = place.read(&script).split('\n').skip(8).collect::<Vec<_>>().join("\n");
    assert!(place.read("shop/migrations/../tsconfig.json").contains("javascript-0.1.0/index.d.ts"));
    place.write(&script, format!("\n\n\n\nexport = rules;\nconst rules = 1;\n{lines}"));
    story.execute("runner build", 1).says(&[
        "error: SyntaxError: `export = …` cannot be stripped: it is more than a type (at migrations/",
        "_tidy_names.ts:5:1: `export = rules;`)",
        "hint: only types are stripped: use `import` with `from`, `export default`, and `value as Type`",
    ]);
    story.end();
}

/// Packages of npm and pip, which `runner build` vendors, and by hand.
#[test]
fn languages() {
    let place = project!(empty);
    let mut story = Story::new("guide/languages", &place);
    story.execute("runner init shop", 0);
    story.execute("cd shop", 0);
    story.run("runner new tidy_names --lang typescript --npm", 0).says(&["package.json"]);
    let directory = format!("migrations/{}_tidy_names", story.revision("tidy_names.ts"));
    story.replace("migrations/*_tidy_names", &directory);
    story.run("cd migrations/*_tidy_names", 0);
    story.run("npm install slugify", 0);
    story.execute("cd ../..", 0);
    story.execute("runner build", 0);
    assert!(place.read(&format!("shop/{directory}/vendor/slugify.js")).contains("export"));
    story.run("runner new tidy_more --lang python --pip", 0).says(&["requirements.txt"]);
    story.replace("migrations/*_tidy_more", format!("migrations/{}_tidy_more", story.revision("tidy_more.py")));
    story.run("cd migrations/*_tidy_more", 0);
    story.run("echo python-slugify > requirements.txt", 0);
    story.execute("cd ../..", 0);
    story.execute("runner build", 0);
    story.execute("ls migrations/*_tidy_more/vendor/slugify/__init__.py", 0);
    story.execute("runner apply", 0);
    story.execute("mkdir by_hand", 0);
    story.execute("cd by_hand", 0);
    story.run("npm install slugify esbuild", 0);
    story.run("echo 'export { default } from \"slugify\"' > entry.js", 0);
    story.run("npx esbuild entry.js --bundle --format=esm --outfile=slugify.js", 0);
    story.execute("cd ..", 0);
    story.run("pip install --target migrations/20260301100000_tidy_names --only-binary :all: python-slugify", 0);
    story.end();
}

#[test]
fn libraries_of_javascript() {
    let place = project!(empty);
    let mut story = Story::new("guide/libraries-javascript", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new tidy_names --lang javascript --npm", 0);
    let directory = format!("migrations/{}_tidy_names", story.revision("tidy_names.js"));
    story.replace("migrations/*_tidy_names", &directory);
    story.run("cd migrations/*_tidy_names", 0);
    story.run("npm install slugify", 0);
    story.run("cd ../..", 0);
    story.run("runner build", 0);
    assert!(place.read(&format!("shop/{directory}/vendor/slugify.js")).contains("export"));
    story.end();
}

#[test]
fn libraries_of_python() {
    let place = project!(empty);
    let mut story = Story::new("guide/libraries-python", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new tidy_names --lang python --pip", 0);
    let directory = format!("migrations/{}_tidy_names", story.revision("tidy_names.py"));
    story.replace("migrations/*_tidy_names", &directory);
    story.run("echo \"python-slugify\" >> migrations/*_tidy_names/requirements.txt", 0);
    story.run("runner build", 0);
    assert!(place.read(&format!("shop/{directory}/vendor/slugify/__init__.py")).contains("slugify"));
    story.end();
}

#[test]
fn go() {
    let place = project!(empty);
    let mut story = Story::new("guide/go", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new tidy_names --lang go", 0).says(&[
        "migration.go",
        "go.mod",
        "migration.toml",
        ".runner/sdk/go-0.1.0",
    ]);
    story.run("runner build", 0);
    story.run("runner apply", 0).says(&["2 rows are tidy"]);
    story.run("runner rollback", 0).says(&["rolled back 1 migration"]);
    story.execute("runner test", 0);
    let revision = story.revision("tidy_names.wasm");
    story.execute(&format!("cd migrations/{revision}_tidy_names"), 0);
    story.run("go get github.com/google/uuid@v1.6.0", 0);
    story.run("go mod vendor", 0);
    story.execute("cd ../..", 0);
    story.execute("runner build", 0);
    story.execute("rm -r migrations/*_tidy_names/vendor", 0);
    // The page shows both files as they are.
    let page = std::fs::read_to_string(guests::repository().join("docs/src/guide/go.md")).unwrap();
    let directory = format!("shop/migrations/{revision}_tidy_names");
    let essence = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.starts_with("//"));
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    };
    let manifest = place.read(&format!("{directory}/migration.toml"));
    assert!(essence(&page).contains(&essence(&manifest)), "{manifest}");
    let source = format!("{directory}/migration.go");
    let works = place.read(&source);
    let (head, tail) = (works.find("package main").unwrap(), works.find("func upgrade").unwrap());
    assert!(
        page.contains(&works[head..tail]) && page.contains(&works[works.find("// A batch function").unwrap()..]),
        "{works}"
    );
    // A compiler's errors are shown as they are, and so is a Go that is too old for the module.
    place.write(&source, "package main\n\nfunc main() { missing() }\n");
    story.execute("runner build", 1).says(&["migration.go:3:15: undefined: missing", "hint: see its messages above"]);
    let module = format!("{directory}/go.mod");
    place.write(&module, place.read(&module).replace("go 1.24.0", "go 1.999.0"));
    story.execute("runner build", 2).says(&[
        "a tool is missing: `go list -m` failed",
        "go.mod requires go >= 1.999.0",
        "hint: install Go 1.24 or later: https://go.dev/dl",
    ]);
    story.end();
}

#[test]
fn c() {
    let place = project!(empty);
    let mut story = Story::new("guide/c", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new tidy_names --lang c", 0).says(&["migration.c", "migration.toml", ".runner/sdk/c-0.1.0"]);
    story.run("runner build", 0);
    story.run("runner apply", 0).says(&["2 rows are tidy"]);
    story.run("runner rollback", 0).says(&["rolled back 1 migration"]);
    story.execute("runner test", 0);
    // The page shows the file as it is.
    let page = std::fs::read_to_string(guests::repository().join("docs/src/guide/c.md")).unwrap();
    let directory = format!("shop/migrations/{}_tidy_names", story.revision("tidy_names.wasm"));
    let manifest = place.read(&format!("{directory}/migration.toml"));
    let essence = |text: &str| {
        text.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect::<String>().replace(' ', "")
    };
    assert!(essence(&page).contains(&essence(&manifest)), "{manifest}");
    let works = place.read(&format!("{directory}/migration.c"));
    assert!(page.contains(&works[works.find("#include").unwrap()..]), "{works}");
    // A compiler's errors are shown as they are.
    place.write(&format!("{directory}/migration.c"), "#include \"runner_guest.h\"\nint nonsense = missing;\n");
    story.execute("runner build", 1).says(&[
        "migration.c:2:16: error",
        "missing",
        "failed: exit status",
        "hint: see its messages above",
    ]);
    story.end();
}

/// The page on a language that Zig's compiler builds, with an error of the compiler.
fn of_zig(page: &'static str, source: &str, broken: (&str, &str)) {
    let language = page.trim_start_matches("guide/");
    let place = project!(empty);
    let mut story = Story::new(page, &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run(&format!("runner new tidy_names --lang {language}"), 0).says(&[
        source,
        "migration.toml",
        ".runner/sdk/c-0.1.0",
    ]);
    story.run("runner build", 0);
    story.run("runner apply", 0).says(&["2 rows are tidy"]);
    story.run("runner rollback", 0).says(&["rolled back 1 migration"]);
    story.execute("runner test", 0);
    // The page shows the manifest and the batch function as they are.
    let shown = std::fs::read_to_string(guests::repository().join(format!("docs/src/{page}.md"))).unwrap();
    let directory = format!("shop/migrations/{}_tidy_names", story.revision("tidy_names.wasm"));
    let essence = |text: &str| {
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").trim().to_owned()
    };
    let manifest = place.read(&format!("{directory}/migration.toml"));
    assert!(essence(&shown).contains(&essence(&manifest).replace("\n\n\n", "\n\n")), "{manifest}");
    let source = format!("{directory}/{source}");
    let works = place.read(&source);
    assert!(shown.contains(&works[works.find("// A batch function").unwrap()..]), "{works}");
    place.write(&source, broken.0);
    story.execute("runner build", 1).says(&[broken.1, "error", "hint: see its messages above"]);
    story.end();
}

#[test]
fn cpp() {
    of_zig(
        "guide/cpp",
        "migration.cpp",
        ("#include \"runner_guest.hpp\"\nint nonsense = missing;\n", "migration.cpp:2:16"),
    );
}

#[test]
fn zig() {
    of_zig("guide/zig", "migration.zig", ("const a = missing;\ncomptime { _ = a; }\n", "migration.zig:1:11"));
}

#[test]
fn other_languages() {
    let place = project!(empty);
    let mut story = Story::new("guide/other-languages", &place);
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("mkdir migrations/20260301100000_by_hand", 0);
    let page = std::fs::read_to_string(guests::repository().join("docs/src/guide/other-languages.md")).unwrap();
    for (language, file) in [("toml", "migration.toml"), ("wat", "module.wat")] {
        let (_, block) = page.split_once(&format!("```{language}\n")).unwrap();
        let (text, _) = block.split_once("```").unwrap();
        place.write(&format!("shop/migrations/20260301100000_by_hand/{file}"), text);
    }
    story.run("runner build", 0);
    assert!(place.read("shop/runner.lock").contains("summary = \"made by hand\""));
    story.run("runner apply", 0).says(&["20260301100000_by_hand"]);
    story.run("runner rollback --target base", 0).says(&["rolled back 20260301100000_by_hand"]);
    // An error of the database passes through the component.
    let source = "shop/migrations/20260301100000_by_hand/module.wat";
    place.write(
        source,
        place.read(source).replace("CREATE TABLE by_hand (id INTEGER)", "CREATE TABLE by_hand (id INTEGER("),
    );
    story.execute("runner build by_hand", 0);
    story.execute("runner apply", 1).says(&["incomplete input", "nothing was changed"]);
    story.end();
}
