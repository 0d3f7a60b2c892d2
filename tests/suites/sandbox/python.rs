//! Scripts in Python: what every language must do, the same in every run, and what can go wrong in a script.

use super::languages::Language;
use super::*;

const PYTHON: Language =
    Language { name: "python", end: ".py", comment: "#", inner: "def inner(x):\n    return x.y.z\n" };

/// Everything that differs from run to run in an ordinary interpreter is the same in a replay.
#[test]
fn python_is_the_same_in_every_run() {
    PYTHON.ready();
    let project = project!();
    project.write(
        "migrations/0001_chance.py",
        r#"
import json, os, random, time, uuid
from datetime import datetime
from runner_guest import Target, db, log, random as random_of

description = "what chance, the clock and order decide"

def upgrade():
    db.execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)")
    things = [random.random(), random.Random().random(), time.time(), str(datetime.now()), time.perf_counter()]
    things += [str(uuid.uuid4()), str(uuid.uuid1()), os.urandom(9).hex(), hash("x"), hash(object()), repr(object())]
    things += [list({"b", "a", "c", str(random.random())}), str(uuid.uuid4())]
    random.shuffle(things)
    for index, thing in enumerate(things):
        db.execute("INSERT INTO chance VALUES (?, ?)", [index, json.dumps(thing)])
    log.info(next(db.read("SELECT id, x FROM chance ORDER BY id").rows())["x"])
    for batch in db.read_table("chance"):
        pass
    db.execute("CREATE TABLE stirred (id INTEGER PRIMARY KEY, x TEXT)")
    db.transform(stirred, "chance", Target("stirred", "insert"))

def downgrade():
    db.execute_all(["DROP TABLE chance", "DROP TABLE stirred"])

def stirred(batch):
    return batch.map_rows(lambda row: row.update(x=f"{row['x']} {random_of(row['id'])} {list({'u', 'v', 'w'})}"))
"#,
    );
    project.runner("apply").succeeds();
    project.runner("verify").succeeds().prints(&["replay     proven", "recompute  proven"]);
}

#[test]
fn failures_in_python_say_what_and_where() {
    PYTHON.tells_failures(25);
}

#[test]
fn python_works_from_nothing() {
    PYTHON.ready();
    let project = project!();
    project.runner("new tidy --lang python").succeeds();
    assert_eq!(std::fs::read_dir(project.file("migrations/runtimes")).unwrap().count(), 1);
    project.runner("apply").succeeds().says(&["added `", "_tidy` to `runner.lock`", "2 rows are tidy"]);
    let items: String =
        project.database().query_row("SELECT group_concat(name) FROM tidy_items", [], |row| row.get(0)).unwrap();
    assert_eq!(items, "first,second");
    project.runner("apply --locked").succeeds().says(&["nothing to do"]);
    project.runner("verify").succeeds();
    // The database has the script and the interpreter, with the limits as they are by default.
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    project.runner("rollback").succeeds();
    assert!(project.database().prepare("SELECT 1 FROM tidy_items").is_err());
}

/// Line ends and a mark are those of an editor, and bytes that are no text are refused.
#[test]
fn python_source_is_utf_8() {
    PYTHON.ready();
    let project = project!();
    let script = "\u{feff}from runner_guest import db\r\ndescription = \"\"\"Zürich\"\"\"\r\n\r\ndef upgrade():\r\n    db.execute(\"CREATE TABLE t (a)\")\r\n";
    project.write("migrations/0001_crlf.py", script);
    project.runner("apply").succeeds();
    project.write("migrations/0001_crlf.py", script.trim_start_matches('\u{feff}').replace("\r\n", "\n"));
    project.runner("status --exit-code").succeeds();
    let project = project!();
    project.write("migrations/0001_latin.py", b"# Z\xfcrich");
    project.runner("apply").exits(2).says(&["`0001_latin.py` is not UTF-8", "0001_latin.py:1"]);
    project.write("migrations/0001_latin.py", "import words\ndescription = 'x'\ndef upgrade(): pass\n");
    project.write("migrations/0001_latin/words.py", b"word = 'Z\xfcrich'\n");
    project.runner("apply").exits(1).says(&["SyntaxError", "0001_latin.py:1"]);
}
