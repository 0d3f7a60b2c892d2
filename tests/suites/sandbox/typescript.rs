//! Scripts in TypeScript: what they do like those in JavaScript, what is stripped, and what cannot be.

use std::path::Path;

use super::languages::Language;
use super::*;

const TYPESCRIPT: Language = Language {
    name: "typescript",
    end: ".ts",
    comment: "//",
    inner: "type Deep<T> = { y?: T };\nexport function inner<T extends { z: number }>(x: Deep<T>): number { return x.y!.z; }\n",
};

/// Copies modules as modules of TypeScript, and other files as they are.
fn copy_as_typescript(project: &TestProject, from: &Path, to: &str) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = format!("{to}/{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            copy_as_typescript(project, &path, &to);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        match to.strip_suffix(".js") {
            Some(stem) => {
                let text = String::from_utf8(bytes).unwrap().replace("'javascript'", "'typescript'");
                project.write(&format!("{stem}.ts"), text);
            }
            None => drop(project.write(&to, bytes)),
        }
    }
}

/// What JavaScript must do, TypeScript must do as well; modules are imported by the names that a compiler would give them.
#[test]
fn typescript_does_what_every_language_must_do() {
    TYPESCRIPT.ready();
    let languages = guests::repository().join("tests/languages");
    let project = project!();
    project.settings(&std::fs::read_to_string(languages.join("settings.toml")).unwrap());
    copy_as_typescript(&project, &languages.join("javascript/migrations"), "migrations");
    project.runner("apply").succeeds();
    let language: String =
        project.database().query_row("SELECT language FROM conformance", [], |row| row.get(0)).unwrap();
    assert_eq!(language, "typescript");
    project.runner("rollback").succeeds();
}

const TYPED: &str = r#"import type { Description } from "runner-guest";
import { type Batch, type Row, db, log } from "runner-guest";
import rules, { type Rule } from "./rules.ts";
import { twice } from "./helper";
import zones from "./zones.json" with { type: "json" };
export type { Rule } from "./rules.ts";

declare const nowhere: number;
interface Name extends Row { id: number; name: string | null }
abstract class Base<T> {
  declare kind: string;
  readonly values: T[] = [];
  #count?: number;
  protected abstract add(value: T): void;
  get size(): number { return this.#count ?? this.values.length; }
}
class Names extends Base<string> implements Iterable<string> {
  override add(value: string): void { this.values.push(value); }
  *[Symbol.iterator](): Generator<string> { yield* this.values; }
}
function over(x: number): number;
function over(x: string): string;
function over(x: any): any { return x as unknown; }

export const description = { summary: "tidy the names", mode: "atomic" } as const satisfies Description;

export async function upgrade(this: void): Promise<void> {
  const names: Names = new Names();
  names.add((<const T extends string>(it: T): T => it)("a"));
  if (names.size !== 1) throw new Error(`${names.size}`);
  db.execute("CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT)");
  for (const name of [" ada ", null] as Array<string | null>) db.execute("INSERT INTO names (name) VALUES (?)", [name!]);
  const { rowsWritten }: { rowsWritten: number } = db.transform(tidy, "names");
  log.info(`${rowsWritten} of ${over(twice(1))} in ${(zones as { de: string }).de}`);
}

export function downgrade(): void { db.execute("DROP TABLE names"); }

export const tidy = (batch: Batch): Batch =>
  batch.mapRows<Name>((row: Name): Name | null => ({ ...row, name: (rules as Rule).apply(row.name ?? "none") }));
"#;

/// A project with types of every sort, in the script and in its modules.
fn typed() -> TestProject {
    TYPESCRIPT.ready();
    let project = project!();
    project
        .write("migrations/0001_tidy.ts", TYPED)
        .write(
            "migrations/0001_tidy/rules.ts",
            "\u{feff}export type Rule = { apply(name: string): string };\r\nexport default { apply: (name: string): string => name.trim() } as Rule;\r\n",
        )
        .write("migrations/0001_tidy/helper.ts", "export const twice = (x: number): number => 2 * x;\n")
        .write("migrations/0001_tidy/zones.json", "{ \"de\": \"Zürich\" }");
    project
}

#[test]
fn types_are_stripped() {
    let project = typed();
    project.runner("apply").succeeds().says(&["2 of 2 in Zürich"]);
    let names: Vec<String> = {
        let database = project.database();
        let mut statement = database.prepare("SELECT name FROM names ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<std::result::Result<_, _>>().unwrap()
    };
    assert_eq!(names, ["ada", "none"]);
    let lockfile = project.read("runner.lock");
    assert!(
        lockfile.contains("language = \"typescript\"") && lockfile.contains("summary = \"tidy the names\""),
        "{lockfile}"
    );
    project.runner("verify").succeeds().prints(&["replay     proven"]);
    project.runner("test").succeeds();
    // CRLF is the same script; another type is another script, since the source is what is pinned.
    let source = project.read("migrations/0001_tidy.ts");
    project.write("migrations/0001_tidy.ts", format!("\u{feff}{}", source.replace('\n', "\r\n")));
    project.runner("status --exit-code").succeeds();
    project.write("migrations/0001_tidy.ts", source.replace("nowhere: number", "nowhere: string"));
    project.runner("apply").exits(4).says(&["`0001_tidy.ts` does not match the digest"]);
    // The history has the file as it was written, and what strips it.
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    std::fs::remove_file(project.file("runner.lock")).unwrap();
    project.runner("rollback").succeeds();
    assert!(project.database().prepare("SELECT 1 FROM names").is_err());
}

const MORE_THAN_TYPES: &str = r#"import { db } from "runner-guest";
import { Currency, limit } from "./rules.ts";

enum Colour { Red, Green = 5, Blue }
enum Name { A = "a", B = `b${1 + 1}` }
const enum Flags { Read = 1 << 0, Write = 1 << 1, All = Read | Write }
namespace Rules {
  export const limit = 3;
  export function twice(n: number): number { return n * 2; }
  export namespace Inner { export let x = limit + 1; }
}
namespace Rules { export const more = Rules.twice(Rules.limit); }
class Prices {
  readonly base = 10;
  constructor(private readonly rate: number, public name = "n") {}
  of(n: number): number { return n * this.rate + this.base; }
}

export const description = { summary: "more than types" };

export function upgrade(): void {
  const told = [Colour.Blue, Colour[5], Object.keys(Colour).join(), Name.A, Name.B, Flags.All, Rules.twice(4), Rules.Inner.x, Rules.more,
    new Prices(3).of(2), Object.keys(new Prices(1)).join(), limit, Currency.Franc];
  db.execute("CREATE TABLE told (text TEXT)");
  db.execute("INSERT INTO told VALUES (?)", [JSON.stringify(told)]);
}
"#;

/// What is more than a type means the same as `tsc` makes of it for `ES2022`.
#[test]
fn enums_namespaces_and_parameter_properties_are_transformed() {
    TYPESCRIPT.ready();
    let project = project!();
    project.write("migrations/0001_tell.ts", MORE_THAN_TYPES).write(
        "migrations/0001_tell/rules.ts",
        "export const limit: number = 42;\nexport const enum Currency { Euro = \"EUR\", Franc = \"CHF\" }\n",
    );
    project.runner("apply").succeeds();
    let told: String = project.database().query_row("SELECT text FROM told", [], |row| row.get(0)).unwrap();
    assert_eq!(told, r#"[6,"Green","0,5,6,Red,Green,Blue","a","b2",3,8,4,6,16,"rate,name,base",42,"CHF"]"#);
}

#[test]
fn failures_in_typescript_say_what_and_where() {
    TYPESCRIPT.tells_failures(10);
}

#[test]
fn typescript_that_cannot_be_read_is_told() {
    TYPESCRIPT.ready();
    let project = project!();
    project
        .write("migrations/0001_a.ts", "")
        .write("migrations/0001_a.js", "")
        .write("migrations/0002_b.ts", "")
        .write("migrations/0002_b.wasm", "")
        .write("migrations/0003_c.mts", "")
        .write("migrations/0004_d.d.ts", "")
        .write("migrations/0005_e.ts", b"const a: string = '\xff';");
    project.runner("apply").exits(2).says(&[
        "revision 0001 exists more than once: `0001_a.js` and `0001_a.ts`",
        "revision 0002 is both a component and a script: `0002_b.wasm` and `0002_b.ts`",
        "`0003_c.mts` is not a migration",
        "hint: rename it to `0003_c.ts`",
        "`0004_d.d.ts` declares types and is not a migration",
    ]);
    let project = project!();
    project.write("migrations/0001_a.ts", b"\nconst a: string = '\xff';");
    project.runner("apply").exits(2).says(&["`0001_a.ts` is not UTF-8", "0001_a.ts:2", "hint: save the file as UTF-8"]);
    let script = "import \"./inner.ts\";\nexport const description = \"x\";\nexport function upgrade() {}\n";
    for (module, said) in [
        (&b"const a: string = '\xff';"[..], "`migrations/0001_a/inner.ts` is not UTF-8"),
        (b"const a = 1;\nexport = a;", "(at migrations/0001_a/inner.ts:2:1: `export = a;`)"),
    ] {
        let project = project!();
        project.write("migrations/0001_a.ts", script).write("migrations/0001_a/inner.ts", module);
        project.runner("apply").exits(1).says(&[said]);
    }
}

/// The parser recurses: what is nested too deeply ends at a limit, and nothing is overwritten.
#[test]
fn nesting_meets_the_limit_of_the_stack() {
    TYPESCRIPT.ready();
    for nested in [("(", "1", ")"), ("[", "", "]"), ("{a:", "1", "}"), ("-", "1", "")] {
        let (open, inner, close) = (nested.0.repeat(60_000), nested.1, nested.2.repeat(60_000));
        let project = project!();
        let source = format!(
            "export const description = \"x\";\nexport function upgrade(): void {{}}\nconst x: unknown = {open}{inner}{close};\n"
        );
        project.write("migrations/0001_a.ts", source);
        project.runner("apply").exits(7).says(&["limit `stack`", "0001_a"]);
    }
}

/// `runner new` brings what an editor needs, once, and leaves alone what the user has.
#[test]
fn a_new_script_brings_typings() {
    TYPESCRIPT.ready();
    let project = project!();
    project.runner("new tidy --lang ts").succeeds().says(&[
        "tsconfig.json",
        ".runner/sdk/javascript-0.1.0",
        "_tidy.ts",
    ]);
    let typings = project.read(".runner/sdk/javascript-0.1.0/index.d.ts");
    assert!(typings.contains("export class Batch"));
    let config = project.read("tsconfig.json");
    for part in ["\"./.runner/sdk/javascript-0.1.0/index.d.ts\"", "\"include\": [\"migrations\"]"] {
        assert!(config.contains(part), "{part} is not in\n{config}");
    }
    assert!(!config.contains("erasableSyntaxOnly"), "{config}");
    project.write("tsconfig.json", "{}").write("notes.txt", "");
    project.runner("new more --lang typescript").succeeds();
    assert_eq!(project.read("tsconfig.json"), "{}");
    project.runner("apply").succeeds();
    project.runner("test").succeeds();
}
