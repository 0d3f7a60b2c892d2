//! Scripts that bring libraries from npm, in a bundle, and what the runtime itself has of locales and time zones.

use std::path::PathBuf;
use std::process::Command;

use super::*;

fn sources() -> PathBuf {
    guests::repository().join("tests/languages/javascript/libraries")
}

/// The packages that the lockfile pins, installed once for all tests.
fn installed() -> PathBuf {
    let source = sources();
    let directory = guests::target_directory().join("test-libraries");
    std::fs::create_dir_all(&directory).unwrap();
    let lock = std::fs::File::create(directory.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = std::fs::read(source.join("package-lock.json")).unwrap();
    let done = directory.join("installed.json");
    if std::fs::read(&done).is_ok_and(|installed| installed == wanted) {
        return directory;
    }
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), directory.join(file)).unwrap();
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let status = Command::new("npm").args(arguments).current_dir(&directory).status().expect("npm is there");
    assert!(status.success(), "npm ci failed");
    std::fs::write(done, wanted).unwrap();
    directory
}

/// A script of the libraries' directory as one file, with all that it imports.
fn bundle(script: &str) -> Vec<u8> {
    let directory = installed();
    let output = Command::new("node")
        .arg(directory.join("node_modules/esbuild/bin/esbuild"))
        .arg(sources().join(script))
        .args(["--bundle", "--format=esm", "--external:runner-guest", "--log-level=warning"])
        .env("NODE_PATH", directory.join("node_modules"))
        .output()
        .expect("Node.js is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn libraries_of_time_zones() {
    let project = project!();
    project.write("migrations/0001_zones.js", bundle("zones.js"));
    project.runner("apply").succeeds().says(&["all as in Node.js"]);
}

/// What is asserted is what Node.js 24 gives.
#[test]
fn locales_and_zones() {
    let project = project!();
    project.write(
        "migrations/0001_locales.js",
        r#"import { log } from "runner-guest";
           export const description = "x";
           const at = new Date("2020-07-01T12:00:00Z");
           export function upgrade() {
             const attempt = (make) => { try { log.info(`${make()}`); } catch (error) { log.info(`${error.name}: ${error.message}`); } };
             attempt(() => at.toLocaleString("de-DE", { timeZone: "Europe/Berlin" }));
             attempt(() => at.toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long", timeZone: "Asia/Kolkata" }));
             attempt(() => new Intl.DateTimeFormat("fr-CA", { month: "long", day: "numeric" }).format(at));
             attempt(() => new Intl.DateTimeFormat("ja", { hour: "numeric", timeZone: "America/New_York" }).formatToParts(at).map(({ type, value }) => `${type}=${value}`));
             attempt(() => [4e12, 9e12].map((time) => new Date(time).toLocaleString("sv", { timeZone: "Europe/Dublin", timeZoneName: "longOffset", hour: "numeric" })));
             attempt(() => JSON.stringify(Intl.DateTimeFormat().resolvedOptions()));
             attempt(() => new Intl.NumberFormat("de-CH", { style: "currency", currency: "CHF" }).format(1234567.891));
             attempt(() => new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(987654321n));
             attempt(() => (0.256).toLocaleString("tr", { style: "percent", maximumFractionDigits: 1 }));
             attempt(() => [1, 2, 5, 22].map((n) => new Intl.PluralRules("pl").select(n)));
             attempt(() => new Intl.ListFormat("es").format(["a", "b", "c"]) + "; " + new Intl.RelativeTimeFormat("it").format(-2, "day"));
             attempt(() => Intl.DateTimeFormat.supportedLocalesOf(["de-LU", "de-DE", "sw", "zh-TW"]));
             attempt(() => Temporal.ZonedDateTime.from("2020-03-29T02:30[Europe/Berlin]"));
             attempt(() => ["earlier", "later"].map((disambiguation) => Temporal.PlainDateTime.from("2020-10-25T02:30").toZonedDateTime("Europe/Berlin", { disambiguation })));
             attempt(() => Temporal.PlainDateTime.from("2020-10-25T02:30").toZonedDateTime("Europe/Berlin", { disambiguation: "reject" }));
             attempt(() => Temporal.Now.instant().epochMilliseconds === Date.now() && Temporal.Now.timeZoneId());
             attempt(() => at.toTemporalInstant().toZonedDateTimeISO("Pacific/Chatham"));
             attempt(() => Temporal.PlainDate.from("2020-01-31").add({ months: 1 }).toLocaleString("de"));
             attempt(() => new Intl.DateTimeFormat("en", { timeZone: "Mars/Phobos" }));
             attempt(() => new Intl.DateTimeFormat("en", { timeZoneName: "longGeneric" }));
             attempt(() => new Intl.NumberFormat("de-LU"));
           }"#,
    );
    project.runner("apply").succeeds().says(&[
        "1.7.2020, 14:00:00",
        "Wednesday, 1 July 2020 at 17:30:00 GMT+5:30",
        "1 juillet",
        "hour=8,literal=時",
        "08 GMT+01:00,16 GMT+00:00",
        r#"{"locale":"en-US","calendar":"gregory","numberingSystem":"latn","timeZone":"UTC","year":"numeric","month":"numeric","day":"numeric"}"#,
        "CHF\u{a0}1'234'567.89",
        "988M",
        "%25,6",
        "one,few,many,few",
        "a, b y c; 2 giorni fa",
        "de-DE,zh-TW",
        "2020-03-29T03:30:00+02:00[Europe/Berlin]",
        "2020-10-25T02:30:00+02:00[Europe/Berlin],2020-10-25T02:30:00+01:00[Europe/Berlin]",
        "RangeError: Ambiguous offset",
        "info 0001: UTC",
        "2020-07-02T00:45:00+12:45[Pacific/Chatham]",
        "29.2.2020",
        "RangeError: Invalid time zone specified: Mars/Phobos: it is not among the IANA time zones 2026",
        "RangeError: `timeZoneName: \"longGeneric\"` is not built in",
        "RangeError: no data for the locale \"de-LU\" are built in: there are ar, bg,",
    ]);
    // Of the migration, and of its run.
    let shown = project.runner("show 0001");
    assert_eq!(shown.stdout.matches("  time zones:   20").count(), 2, "{shown}");
}

/// What a module does while it is imported is told with its line.
#[test]
fn modules_that_cannot_be_imported_say_why() {
    for end in ["js", "ts"] {
        for (module, said) in [
            ("import net from 'node:net';\nnet.connect(80);\n", "`net.connect` is not available in a migration"),
            (
                "import { readFileSync } from 'fs';\nreadFileSync('/etc/hosts');\n",
                "`fs.readFileSync` is not available in a migration",
            ),
            ("fetch('https://localhost');\n", "`fetch` is not available in a migration: a sandbox has no network"),
            // It is evaluated first, and needs what the other one has not made yet.
            (
                "import { name } from './first.js';\nexport const copy = name;\n",
                "ReferenceError: name is not initialized",
            ),
        ] {
            let project = project!();
            let line = module.lines().count();
            project
                .write(
                    &format!("migrations/1_import.{end}"),
                    "import './first.js';\nexport const description = 'imports';\nexport function upgrade() {}\n",
                )
                .write(
                    &format!("migrations/1_import/first.{end}"),
                    "import './other.js';\nexport const name = 'first';\n",
                )
                .write(&format!("migrations/1_import/other.{end}"), module);
            let place = format!("migrations/1_import/other.{end}:{line}:");
            project.runner("apply").exits(1).says(&[said, &place]);
        }
    }
}

#[test]
fn modules_may_import_each_other() {
    let project = project!();
    project
        .write(
            "migrations/1_cycle.js",
            "import { even } from './even.js';\nimport { log } from 'runner-guest';\nexport const description = 'a cycle';\n\
             export function upgrade() { log.info(`${even(10)} ${even(7)}`); }\n",
        )
        .write(
            "migrations/1_cycle/even.js",
            "import { odd } from './odd.js';\nexport const even = (n) => n === 0 || odd(n - 1);\n",
        )
        .write(
            "migrations/1_cycle/odd.js",
            "import { even } from './even.js';\nexport const odd = (n) => n !== 0 && even(n - 1);\n",
        );
    project.runner("apply").succeeds().says(&["true false"]);
}
