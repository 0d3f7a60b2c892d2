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

#[test]
fn failures_in_javascript_say_what_and_where() {
    JAVASCRIPT.tells_failures(25);
}
