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

#[test]
fn failures_in_javascript_say_what_and_where() {
    JAVASCRIPT.tells_failures(25);
}
