//! Foreign keys that are off for a rebuild or for a project, and what was wrong with them before.

use super::*;

const SHOP: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE);
INSERT INTO users VALUES (1, 'Ada');
INSERT INTO orders VALUES (1, 1);";

const REBUILD: &str = "CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO new_users SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;";

#[test]
fn a_pragma_around_a_rebuild_means_the_directive() {
    let project = project!();
    project.sql("1_shop", SHOP, "DROP TABLE orders; DROP TABLE users;");
    let rebuild =
        format!("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{REBUILD}\nCOMMIT;\nPRAGMA foreign_keys=ON;\n");
    project.sql("2_rebuild", &rebuild, "SELECT 1;");
    project.runner("validate").succeeds();
    project.runner("plan").succeeds().prints(&["table-rebuild"]);
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
    // They are checked at the end, and on again for the next migration.
    project.sql("3_loss", "PRAGMA foreign_keys=OFF;\nDELETE FROM users;\nPRAGMA foreign_keys=ON;", "SELECT 1;");
    project.runner("apply").exits(1).says(&["row 1 of `orders` refers to no row of `users`"]);
    project.sql("3_loss", "DELETE FROM users;", "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM orders"), "0");
}

#[test]
fn what_was_wrong_before_a_rebuild_is_not_its_fault() {
    let project = project!();
    // `items` refers to a column that is no key; SQLite says so only when the key is used.
    let schema = "CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT);
        CREATE TABLE items (id INTEGER PRIMARY KEY, code TEXT REFERENCES parents (code));
        CREATE TABLE notes (id INTEGER PRIMARY KEY, item INTEGER REFERENCES items);";
    project.sql("1_schema", schema, "SELECT 1;");
    let fill = "PRAGMA foreign_keys = OFF; INSERT INTO items VALUES (1, 'gone');";
    project.sql("2_rows", fill, "SELECT 1;");
    let rebuild = "-- runner:table-rebuild
        CREATE TABLE new_notes (id INTEGER PRIMARY KEY, item INTEGER REFERENCES items, text TEXT);
        INSERT INTO new_notes SELECT id, item, '' FROM notes;
        DROP TABLE notes;
        ALTER TABLE new_notes RENAME TO notes;";
    project.sql("3_rebuild", rebuild, "SELECT 1;");
    project.runner("apply").succeeds();
    // Making it a key shows the row that was wrong all along.
    project.sql("4_key", "-- runner:table-rebuild\nCREATE UNIQUE INDEX parents_code ON parents (code);", "SELECT 1;");
    project.runner("apply").succeeds();
    // A new one is refused.
    project.sql("5_new", "-- runner:table-rebuild\nDROP INDEX parents_code;", "SELECT 1;");
    project.runner("apply").exits(1).says(&["refers to columns that are no key", "foreign key mismatch", "UNIQUE"]);
    project.sql("5_new", "-- runner:table-rebuild\nINSERT INTO notes VALUES (1, 7, '');", "SELECT 1;");
    project.runner("apply").exits(1).says(&["row 1 of `notes` refers to no row of `items`"]);
}

#[test]
fn an_error_names_the_directive() {
    let project = project!();
    let schema = "CREATE TABLE users (id INTEGER PRIMARY KEY);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users);
        INSERT INTO users VALUES (1); INSERT INTO orders VALUES (1, 1);";
    project.sql("1_shop", schema, "SELECT 1;").sql("2_drop", "DROP TABLE users;", "SELECT 1;");
    project.runner("apply").exits(1).says(&["2_drop", "FOREIGN KEY", "-- runner:table-rebuild"]);
}

for_each_engine! {
    fn a_project_may_have_none_enforced(engine) {
        let project = project!(engine);
        project.sql("1_shop", SHOP.replace("REFERENCES users ON", "REFERENCES users (id) ON").as_str(), "DROP TABLE orders; DROP TABLE users;");
        project.sql("2_orphan", "INSERT INTO orders VALUES (2, 7);", "DELETE FROM orders WHERE id = 2;");
        if engine == Engine::Postgres {
            project.settings("[database]\nforeign_keys = false");
            project.runner("apply").exits(2).says(&["foreign_keys = false", "PostgreSQL", "runner.toml"]);
            return;
        }
        assert_ne!(project.runner("apply").says(&["2_orphan"]).exit_code(), Some(0));
        project.settings("[database]\nforeign_keys = false");
        project.runner("apply").succeeds();
        // Nor is a rebuild checked.
        if engine == Engine::Sqlite {
            project.sql("3_loss", "-- runner:table-rebuild\nDELETE FROM users;", "SELECT 1;");
            project.runner("apply").succeeds();
            assert_eq!(project.value("SELECT count(*) FROM orders"), "2");
        }
    }
}

fn execute(project: &TestProject, statement: &str) {
    project.open("runner.db").execute_batch(statement).unwrap();
}

#[test]
fn a_rebuild_without_the_directive_loses_nothing() {
    let project = project!();
    project.sql("1_shop", SHOP, "DROP TABLE orders; DROP TABLE users;").sql("2_rebuild", REBUILD, "SELECT 1;");
    let directive = "-- runner:table-rebuild";
    let told =
        ["`2_rebuild.up.sql` drops `users` and replaces it, which is refused if rows of other tables refer", directive];
    project.runner("validate").succeeds().says(&told);
    project.runner("plan").succeeds().says(&told);
    let refused = ["dropping it would delete the rows of `orders` that refer to it (ON DELETE CASCADE)", directive];
    project.runner("apply").exits(1).says(&refused);
    assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
    project.sql("2_rebuild", &format!("-- runner:no-transaction\n{REBUILD}"), "SELECT 1;");
    project.runner("apply").exits(6).says(&refused);
    project.runner("rollback").succeeds();
    execute(&project, "DROP TABLE IF EXISTS new_users");
    // Where no row refers to it, nothing can be lost.
    execute(&project, "DELETE FROM orders");
    project.sql("2_rebuild", REBUILD, "SELECT 1;");
    project.runner("apply").succeeds();
    execute(&project, "INSERT INTO orders VALUES (1, 1)");
    project.sql("3_rebuild", &format!("{directive}\n{REBUILD}"), "SELECT 1;");
    project.runner("validate").succeeds().does_not_say(&["3_rebuild"]);
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
    // Where foreign keys are not enforced, neither.
    project.settings("[database]\nforeign_keys = false");
    project.sql("4_rebuild", REBUILD, "SELECT 1;");
    project.runner("validate").succeeds().does_not_say(&["drops `users`"]);
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
}

/// The rows of `users` wait in another table while it is made again.
const COPIES: [&str; 2] = ["CREATE TABLE", "CREATE TEMPORARY TABLE"];

const RENAMED_FIRST: &str = "ALTER TABLE users RENAME TO users_old;
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO users SELECT id, name FROM users_old;
DROP TABLE users_old;";

#[test]
fn a_rebuild_through_a_copy_loses_nothing() {
    for copy in COPIES {
        let rebuild = format!(
            "{copy} users_copy AS SELECT * FROM users;
            DROP TABLE users;
            CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
            INSERT INTO users SELECT id, name FROM users_copy;
            DROP TABLE users_copy;"
        );
        let project = project!();
        project.sql("1_shop", SHOP, "DROP TABLE orders; DROP TABLE users;").sql("2_rebuild", &rebuild, "SELECT 1;");
        project.runner("validate").succeeds().says(&["`2_rebuild.up.sql` drops `users` and replaces it"]);
        project.runner("plan").succeeds().says(&["`2_rebuild.up.sql` drops `users` and replaces it"]);
        project.runner("apply").exits(1).says(&[
            "dropping it would delete the rows of `orders` that refer to it (ON DELETE CASCADE)",
            "-- runner:table-rebuild",
        ]);
        assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
        project.sql("2_rebuild", &format!("-- runner:table-rebuild\n{rebuild}"), "SELECT 1;");
        project.runner("validate").succeeds().does_not_say(&["drops `users`"]);
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
    }
}

#[test]
fn a_table_that_is_renamed_first_takes_no_foreign_keys_with_it() {
    let project = project!();
    let order = "create the new table under another name, copy the rows, drop the old table and rename the new one";
    project.sql("1_shop", SHOP, "DROP TABLE orders; DROP TABLE users;").sql("2_rebuild", RENAMED_FIRST, "SELECT 1;");
    let told = ["`2_rebuild.up.sql` renames `users` to `users_old`, drops it and replaces it", order];
    project.runner("validate").succeeds().says(&told);
    project.runner("plan").succeeds().says(&told);
    project.runner("apply").exits(1).says(&[
        "`users` is to be replaced, and dropping it as `users_old` would delete the rows of `orders` that refer to it",
        order,
    ]);
    assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
    // Without rows, the foreign key would still lead nowhere.
    execute(&project, "DELETE FROM orders");
    project
        .runner("apply")
        .exits(1)
        .says(&["would leave `orders` with a foreign key to a table that no longer exists", order]);
    for rows in ["DELETE FROM orders", "INSERT INTO orders VALUES (1, 1)"] {
        execute(&project, rows);
        project.sql("2_rebuild", &format!("-- runner:table-rebuild\n{RENAMED_FIRST}"), "SELECT 1;");
        project.runner("validate").succeeds().says(&told);
        let refused = ["a foreign key refers to a table that does not exist", "`orders` refers to `users_old`", order];
        project.runner("apply").exits(1).says(&refused);
        project.runner("apply --dry-run").exits(1).says(&refused);
    }
    // What the hint says.
    project.sql("2_rebuild", &format!("-- runner:table-rebuild\n{REBUILD}"), "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
}

/// The rows of others that refer to it are named first: they would be gone, silently.
#[test]
fn a_table_is_not_dropped_for_good_while_rows_of_others_would_follow() {
    let split = "CREATE TABLE accounts AS SELECT id, name FROM users;
DROP TABLE users;
CREATE TABLE bills AS SELECT o.id, a.name FROM orders o JOIN accounts a ON a.id = o.user_id;";
    for (action, loss) in [
        ("CASCADE", "delete the rows of `orders` that refer to it (ON DELETE CASCADE)"),
        ("SET DEFAULT", "change `user_id` in the rows of `orders` that refer to it (ON DELETE SET DEFAULT)"),
    ] {
        let project = project!();
        project.sql("1_shop", &SHOP.replace("CASCADE", action), "DROP TABLE orders; DROP TABLE users;");
        project.runner("apply").succeeds();
        project.sql("2_split", split, "SELECT 1;");
        let way_out = "write `DELETE FROM \"users\"` above it; otherwise drop `orders` first";
        project.runner("apply").exits(1).says(&["statement: 2 of 3, line 2", "dropping `users` would", loss, way_out]);
        assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
        assert_eq!(project.value("SELECT count(*) FROM sqlite_schema WHERE name = 'accounts'"), "0");
    }
    // What the hint says.
    let project = project!();
    project.sql("1_shop", SHOP, "SELECT 1;");
    project.sql("2_drop", "DELETE FROM users; DROP TABLE users;", "SELECT 1;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM orders"), "0");
}

/// `REPLACE` deletes the row with the same key, and with it those that refer to it.
#[test]
fn rows_are_not_replaced_while_rows_of_others_would_follow() {
    for replace in [
        "REPLACE INTO users VALUES (1, 'Bob');",
        "INSERT OR REPLACE INTO users SELECT id, 'Bob' FROM users;",
        "UPDATE OR REPLACE users SET id = 1 WHERE id = 2;",
    ] {
        for directive in ["", "-- runner:no-transaction\n"] {
            let project = project!();
            project.sql("1_shop", &format!("{SHOP} INSERT INTO users VALUES (2, 'Cy');"), "SELECT 1;");
            // As seeds that meet no row that others refer to, and with the keys off.
            let harmless = "REPLACE INTO users VALUES (3, 'Di'); REPLACE INTO users VALUES (3, 'Ed');";
            project.sql("2_seed", harmless, "SELECT 1;");
            project.sql("3_off", &format!("PRAGMA foreign_keys = OFF; {}", replace.replace("2", "3")), "SELECT 1;");
            project.runner("apply").succeeds();
            project.sql("4_seed", &format!("{directive}{replace}"), "SELECT 1;");
            let names = || project.value("SELECT group_concat(name) || (SELECT count(*) FROM orders) FROM users");
            let before = names();
            project.runner("apply").exits(1).says(&[
                "replacing rows of `users` would delete the rows of `orders` that refer to them (ON DELETE CASCADE)",
                "`INSERT … ON CONFLICT (…) DO UPDATE SET …` changes a row in place",
            ]);
            assert_eq!(names(), before);
            assert!(before.ends_with('1'), "{before}");
            // What triggers change is counted with the rows that follow.
            let noted = "CREATE TABLE log (id INT); CREATE TRIGGER noted AFTER INSERT ON users BEGIN INSERT INTO log VALUES (1); END;";
            project.sql("4_seed", noted, "SELECT 1;").runner("apply").succeeds();
            project.sql("5_seed", &format!("{directive}{replace}"), "SELECT 1;");
            let told = "replacing rows of `users`, which has triggers, may delete the rows of `orders`";
            project.runner("apply").exits(1).says(&[told]);
            assert_eq!(names(), before);
        }
    }
}

#[test]
fn tables_that_are_dropped_on_purpose_are_dropped() {
    let shop = format!("{SHOP} CREATE TABLE items (order_id INTEGER REFERENCES orders ON DELETE CASCADE);");
    let anew = "CREATE TABLE users (id INTEGER PRIMARY KEY);";
    for (statements, code) in [
        // For good, with the tables whose rows refer to it.
        ("DROP TABLE items; DROP TABLE orders; DROP TABLE users;".to_owned(), 0),
        ("DROP TABLE users; DROP TABLE orders; DROP TABLE items;".to_owned(), 0),
        // All are made again.
        (format!("DROP TABLE users; DROP TABLE orders; DROP TABLE items; {anew}"), 0),
        (format!("DROP TABLE users; {anew} DROP TABLE orders; CREATE TABLE orders (id INTEGER PRIMARY KEY);"), 1),
        (
            format!(
                "DROP TABLE users; {anew} DROP TABLE orders; CREATE TABLE orders (id INTEGER PRIMARY KEY); DROP TABLE items;"
            ),
            0,
        ),
        // Copied when its rows are lost already.
        (format!("DROP TABLE users; {anew} CREATE TABLE o AS SELECT * FROM orders; DROP TABLE orders;"), 1),
    ] {
        let project = project!();
        project.sql("1_shop", &format!("{shop} INSERT INTO items VALUES (1);"), "SELECT 1;");
        project.sql("2_drop", &statements, "SELECT 1;");
        let output = project.runner("apply");
        output.exits(code);
        if code != 0 {
            output.says(&["`users` is to be replaced, and dropping it would delete the rows of `"]);
            assert_eq!(project.value("SELECT count(*) FROM items"), "1");
        }
    }
}

/// As sqlx, goose and dbmate need it, in whose transaction the pragma would do nothing.
#[test]
fn a_rebuild_without_a_transaction_runs_in_one() {
    let rebuild = format!("PRAGMA foreign_keys=OFF;\nBEGIN;\n{REBUILD}\nCOMMIT;\nPRAGMA foreign_keys=ON;\n");
    for text in [
        format!("-- no-transaction\n{rebuild}"),
        format!("-- +goose NO TRANSACTION\n-- +goose Up\n{rebuild}"),
        format!("-- migrate:up transaction:false\n{rebuild}"),
        format!("-- no-transaction\nPRAGMA foreign_keys=OFF;\n{REBUILD}\nPRAGMA foreign_keys=ON;\n"),
    ] {
        let project = project!();
        project.sql("1_shop", SHOP, "DROP TABLE orders; DROP TABLE users;");
        std::fs::write(project.file("migrations/2_rebuild.sql"), &text).unwrap();
        project.runner("plan").succeeds().prints(&["2_rebuild", "table-rebuild", "atomic"]);
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
        // It is checked at its end, and nothing remains of it.
        let loss = text.replace("DROP TABLE users;", "DROP TABLE users; DELETE FROM new_users;");
        std::fs::write(project.file("migrations/3_loss.sql"), loss).unwrap();
        project.runner("apply").exits(1).says(&["row 1 of `orders` refers to no row of `users`"]);
        assert_eq!(project.value("SELECT count(*) FROM users"), "1");
    }
}

#[test]
fn what_is_outside_of_a_rebuild_keeps_its_foreign_keys() {
    let project = project!();
    project.sql("1_shop", SHOP, "SELECT 1;");
    let text = format!("PRAGMA foreign_keys=OFF;\n{REBUILD}\nPRAGMA foreign_keys=ON;\nDELETE FROM users;\n");
    project.sql("2_rebuild", &format!("-- a comment\n-- no-transaction\n{text}"), "SELECT 1;");
    let named = "remove `-- no-transaction` (`2_rebuild.up.sql`, line 2)";
    project
        .runner("validate")
        .exits(2)
        .says(&["`2_rebuild.up.sql` rebuilds a table, and commits each statement", named]);
    project.sql("2_rebuild", &text, "SELECT 1;");
    project.runner("validate").succeeds();
}

#[test]
fn the_other_order_needs_a_pragma_that_is_refused() {
    let project = project!();
    project.sql("1_shop", SHOP, "SELECT 1;");
    let text = format!("-- runner:table-rebuild\nPRAGMA legacy_alter_table=ON;\n{RENAMED_FIRST}");
    project.sql("2_rebuild", &text, "SELECT 1;");
    let output = project.runner("validate");
    output.exits(7).says(&["PRAGMA legacy_alter_table is refused", "omit it, and rebuild the table in another order"]);
}

#[test]
fn a_transaction_is_a_step_where_none_is_around_the_file() {
    let project = project!();
    project.sql("1_shop", SHOP, "SELECT 1;");
    let text =
        "-- runner:no-transaction\nDELETE FROM orders;\n\nBEGIN;\nDELETE FROM users;\nDELETE FROM nowhere;\nCOMMIT;\n";
    project.sql("2_delete", text, "SELECT 1;");
    project.runner("apply").exits(6).says(&["no such table: nowhere", "2 of 2, line 6"]);
    assert_eq!(project.value("SELECT count(*) FROM orders"), "0");
    assert_ne!(project.value("SELECT count(*) FROM users"), "0");
}

/// Until the later migration, no row can have the key.
#[test]
fn a_rebuild_may_add_a_foreign_key_to_a_table_that_a_later_migration_creates() {
    let project = project!();
    project
        .sql("1_child", "CREATE TABLE child (id INTEGER PRIMARY KEY);", "DROP TABLE child;")
        .sql(
            "2_owner",
            "-- runner:table-rebuild\nCREATE TABLE new_child (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES owners (id));\n\
             INSERT INTO new_child (id) SELECT id FROM child;\nDROP TABLE child;\nALTER TABLE new_child RENAME TO child;",
            "ALTER TABLE child DROP COLUMN owner;",
        )
        .sql("3_owners", "CREATE TABLE owners (id INTEGER PRIMARY KEY);", "DROP TABLE owners;");
    project.runner("apply").succeeds();
}
