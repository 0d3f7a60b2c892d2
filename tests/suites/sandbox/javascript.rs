//! Scripts in JavaScript: what every language must do, the same in every run, and what can go wrong in a script.

use super::languages::Language;
use super::*;

const JAVASCRIPT: Language = Language {
    name: "javascript",
    end: ".js",
    comment: "//",
    inner: "export function inner(x) {\n  return x.y.z;\n}\n",
};

/// Everything that differs from run to run in an ordinary interpreter is the same in a replay.
#[test]
fn javascript_is_the_same_in_every_run() {
    let project = project!();
    project.write(
        "migrations/0001_chance.js",
        r#"import { db, log, random } from "runner-guest";
           export const description = "what chance, the clock and order decide";
           export function upgrade() {
             db.execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)");
             const things = [Math.random(), Date.now(), new Date().toString(), performance.now(), new Error("x").stack];
             things.push(Object.keys({ b: 1, a: 2 }), [...new Set([Math.random(), {}, Symbol.iterator.toString()])]);
             things.sort(() => Math.random() - 0.5);
             things.forEach((thing, i) => db.execute("INSERT INTO chance VALUES (?, ?)", [i, JSON.stringify(thing)]));
             const begun = db.read("SELECT id, x FROM chance ORDER BY id");
             log.info(begun.rows().next().value.x);
             begun.close();
             const table = db.readTable("chance");
             while (table.next()) {}
             db.execute("CREATE TABLE stirred (id INTEGER PRIMARY KEY, x TEXT)");
             db.transform(stirred, "chance", { table: "stirred", mode: "insert" });
           }
           export function downgrade() { db.executeAll(["DROP TABLE chance", "DROP TABLE stirred"]); }
           export const stirred = (batch) => batch.mapRows((row) => { row.x += random(row.id); });"#,
    );
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    project.runner("verify").succeeds().prints(&["replay     proven", "recompute  proven"]);
}

/// A NUL does not end the script: a `downgrade` after it would be missing, and the migration irreversible.
#[test]
fn a_nul_in_a_comment_is_part_of_it() {
    for end in ["js", "ts"] {
        let project = project!();
        project.write(
            &format!("migrations/0001_nul.{end}"),
            "import { db } from 'runner-guest';\n\
             export const description = { summary: 'has a NUL' };\n\
             export function upgrade() { db.execute('CREATE TABLE t (a)'); }\n\
             /* a \0 byte */\n\
             export function downgrade() { db.execute('DROP TABLE t'); }\n",
        );
        project.runner("apply").succeeds();
        assert!(!project.read("runner.lock").contains("irreversible"));
        project.runner("rollback").succeeds();
        assert!(project.database().prepare("SELECT 1 FROM t").is_err());
    }
}

/// NULLs whose type SQLite does not know come as texts, and other values may take their place.
#[test]
fn javascript_fills_columns_of_an_unknown_type() {
    JAVASCRIPT.fills_untyped_columns(
        r#"import { db } from "runner-guest";
           export const description = { summary: "fills", needs: { read: ["t"], update: ["t"] } };
           export function upgrade() {
             for (const f of [filled, by_row, listed, one_by_one]) db.transform(f, { table: "t", columns: [f.name] });
           }
           export const filled = (batch) => batch.set("filled", batch.get("filled").fillNulls(-1));
           export const by_row = (batch) => batch.mapRows((row) => ({ ...row, by_row: row.by_row ?? -1 }));
           export const listed = (batch) => batch.set("listed", batch.get("listed").toArray().map((value) => value ?? -1));
           export function one_by_one(batch) {
             const column = batch.get("one_by_one");
             for (let row = 0; row < column.length; row++) if (column.isNull(row)) column.set(row, -1);
             return batch;
           }"#,
    );
}

#[test]
fn failures_in_javascript_say_what_and_where() {
    JAVASCRIPT.tells_failures(25);
}

/// Web APIs and modules of Node.js answer what they answer there, and draw from the run's seed.
#[test]
fn javascript_has_web_apis_and_modules_of_node() {
    let drawn = |end: &str| {
        let project = project!();
        project.write(&format!("migrations/0001_web.{end}"), include_str!("../../languages/javascript/web.js"));
        project.runner("build").succeeds();
        project.runner("apply").succeeds();
        project.runner("verify").succeeds().prints(&["replay    proven"]);
        let drawn: String = project.database().query_row("SELECT x FROM drawn", [], |row| row.get(0)).unwrap();
        drawn
    };
    let (first, second) = (drawn("js"), drawn("ts"));
    assert!(first != second, "two runs drew the same: {first}");
}
