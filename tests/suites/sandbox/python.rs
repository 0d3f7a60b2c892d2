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

/// NULLs whose type SQLite does not know come as texts, and other values may take their place.
#[test]
fn python_fills_columns_of_an_unknown_type() {
    PYTHON.fills_untyped_columns(
        r#"from runner_guest import Description, Source, db
description = Description("fills", needs={"read": ["t"], "update": ["t"]})

def upgrade():
    for function in (filled, by_row, listed, one_by_one):
        db.transform(function, Source("t", columns=[function.__name__]))

def filled(batch):
    batch["filled"] = batch["filled"].fill_nulls(-1)
    return batch

def by_row(batch):
    return batch.map_rows(lambda row: row.update(by_row=-1 if row["by_row"] is None else row["by_row"]))

def listed(batch):
    batch["listed"] = [-1 if value is None else value for value in batch["listed"]]
    return batch

def one_by_one(batch):
    column = batch["one_by_one"]
    for row in range(len(column)):
        if column.is_null(row):
            column[row] = -1
    return batch
"#,
    );
}

/// The host is asked for the seed and the parameters once in a call, and not for every row: its calls are counted.
#[test]
fn python_asks_for_the_seed_and_the_parameters_once() {
    PYTHON.ready();
    let project = project!();
    project.settings("[limits]\nhost_calls = 50\n");
    project.write(
        "migrations/1_asks.py",
        r#"from runner_guest import db, parameters, random, seed
description = "asks"

def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL)")
    db.execute("WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 100) INSERT INTO t SELECT id, 0 FROM n")
    db.transform(f, "t")

def f(batch):
    return batch.map_rows(lambda row: row.update(x=random(row["id"]) + float(parameters["more"]) + seed() * 0))
"#,
    );
    project.runner("apply --parameter more=2").succeeds();
    let rows: i64 =
        project.database().query_row("SELECT count(*) FROM t WHERE x BETWEEN 2 AND 3", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 100);
}

/// What is printed without a line end belongs to the call that printed it.
#[test]
fn python_prints_without_a_line_end() {
    PYTHON.ready();
    let project = project!();
    project.write(
        "migrations/1_prints.py",
        r#"import sys
from runner_guest import db
description = "prints"

def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER)")
    db.execute("WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20000) INSERT INTO t SELECT id, id FROM n")
    db.transform(f, "t")
    print("the ", end="")
    print("end", end="")
    print("careful", end="", file=sys.stderr)

def f(batch):
    print(f"rows from {batch['id'][0]}", end="")
    return batch
"#,
    );
    let output = project.runner("apply");
    output.succeeds().says(&["info 1: the end", "warning 1: careful"]);
    let rows: Vec<_> =
        output.stderr.lines().filter_map(|line| line.split_once("rows from ")).map(|(_, row)| row).collect();
    assert!(rows.len() > 1 && rows.contains(&"1") && rows.iter().all(|row| row.parse::<u32>().is_ok()), "{output}");
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

/// Every module of the standard library can be imported or says why not; what has no place in a migration fails when it is called;
/// the files of a package are read by every way there is.
#[test]
fn python_has_its_library_and_the_files_of_packages() {
    PYTHON.ready();
    let project = project!();
    project.copy(&guests::repository().join("tests/languages/python/library"), "migrations");
    project.runner("apply").succeeds();
    project.runner("verify").succeeds().prints(&["replay     proven", "recompute  proven"]);
}

/// What a package does while it is imported is told with its line, and what to take instead of compiled code.
#[test]
fn python_packages_that_cannot_be_imported_say_why() {
    PYTHON.ready();
    for (file, content, said) in [
        (
            "orjson/orjson.cpython-314-x86_64-linux-gnu.so",
            "",
            "`orjson.orjson` cannot be imported: `migrations/1_import/orjson/orjson.cpython-314-x86_64-linux-gnu.so` is compiled code, and a \
             migration runs pure Python; `json` and simplejson do the same",
        ),
        (
            "orjson/orjson.py",
            "import socket\nsocket.create_connection(('localhost', 80))\n",
            "PermissionError: `socket.getaddrinfo` cannot be called: a migration has no network",
        ),
        ("orjson/orjson.py", "open('/etc/hosts')", "and no others: '/etc/hosts'"),
        (
            "orjson/orjson.py",
            "from . import other",
            "at migrations/1_import/orjson/other.py:1:1: `from .orjson import x`",
        ),
        (
            "orjson/orjson.py",
            "import pydantic_core",
            "there is no module `pydantic_core`: besides the standard library and",
        ),
        ("orjson/orjson.py", "import pydantic_core", "version 1 is pure Python (`pydantic<2`)"),
    ] {
        let project = project!();
        project.write("migrations/1_import.py", "import orjson\ndescription = 'imports'\ndef upgrade(): pass\n");
        project.write("migrations/1_import/orjson/__init__.py", "from . import orjson\n");
        project.write("migrations/1_import/orjson/other.py", "from .orjson import x\n");
        project.write(&format!("migrations/1_import/{file}"), content);
        project.runner("apply").exits(1).says(&[said]);
    }
}
