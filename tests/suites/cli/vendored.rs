//! Packages of npm and pip in the directory of a script. Nothing is downloaded: they come from directories and wheels of the test.

use std::process::Command;

use super::*;

/// A project with a new script, and the path of its directory.
fn with_script(language: &str, flag: &str) -> (TestProject, String) {
    let project = project!();
    project.run(["new", "tidy", "--lang", language, flag]).succeeds();
    let entries = std::fs::read_dir(project.file("migrations")).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = names.find(|name| name.ends_with("_tidy")).unwrap();
    (project, format!("migrations/{name}"))
}

/// `runner build`, without a network.
fn build(project: &TestProject, arguments: &[&str]) -> Output {
    let mut command = project.command([&["build"], arguments].concat());
    let cache = project.file("no-cache");
    command.env("npm_config_registry", "http://127.0.0.1:1").env("npm_config_fetch_retries", "0");
    command
        .env("npm_config_cache", cache)
        .env("PIP_INDEX_URL", "http://127.0.0.1:1")
        .env("PIP_CONFIG_FILE", "/dev/null");
    project.finish(&mut command)
}

/// The `package.json` of a script with packages below `libs/`, and the esbuild of `scripts/setup`.
fn manifest(packages: &[&str]) -> String {
    let root = Command::new("npm").args(["root", "--global"]).output().expect("npm").stdout;
    let esbuild = format!("file:{}/esbuild", String::from_utf8_lossy(&root).trim());
    let packages: serde_json::Map<String, Value> =
        packages.iter().map(|name| ((*name).to_owned(), format!("file:../../libs/{name}").into())).collect();
    let value = serde_json::json!({
        "private": true, "type": "module", "dependencies": packages, "devDependencies": { "esbuild": esbuild }
    });
    format!("{value:#}\n")
}

fn package(project: &TestProject, place: &str, manifest: &str, files: &[(&str, &str)]) {
    let name = place.rsplit_once("node_modules/").map_or(place, |(_, name)| name);
    project.write(
        &format!("libs/{place}/package.json"),
        format!("{{ \"name\": \"{name}\", \"version\": \"1.0.0\"{manifest} }}"),
    );
    for (file, text) in files {
        project.write(&format!("libs/{place}/{file}"), text);
    }
}

#[test]
fn packages_of_npm_are_bundled_and_need_no_npm_to_run() {
    for (language, end) in [("javascript", ".js"), ("typescript", ".ts")] {
        let (project, directory) = with_script(language, "--npm");
        // What CommonJS exports by name, a part of a package, a scope, and two versions of a package.
        let depends = "const deep = require('deep'); exports.deep = deep; exports.twice = (x) => [x, deep];";
        package(&project, "plain", "", &[("index.js", depends), ("part.mjs", "export default 'a part'")]);
        package(&project, "plain/node_modules/deep", "", &[("index.js", "module.exports = 'first'")]);
        let depends = "import deep from 'deep'; export const other = deep; export default () => process.env.NODE_ENV;";
        package(
            &project,
            "@scope/modern",
            ", \"type\": \"module\", \"exports\": \"./main.js\"",
            &[("main.js", depends)],
        );
        package(&project, "@scope/modern/node_modules/deep", "", &[("index.js", "module.exports = 'second'")]);
        let absent = "const fs = require('fs'); exports.read = () => fs.promises.readFile('x');";
        package(&project, "absent", "", &[("index.js", absent)]);
        // A build for browsers, which would need a page; types alone; parts without a module of their own, and no default export.
        let builds = ", \"main\": \"node.js\", \"browser\": \"page.js\"";
        package(
            &project,
            "builds",
            builds,
            &[("node.js", "exports.of = 'Node.js'"), ("page.js", "exports.of = document.title")],
        );
        package(&project, "@types/plain", "", &[("index.d.ts", "")]);
        package(
            &project,
            "parts",
            ", \"type\": \"module\", \"exports\": { \".\": \"./main.js\", \"./a.js\": \"./a.js\" }",
            &[("main.js", "throw new Error('import a part')"), ("a.js", "export const a = 'one of parts'")],
        );
        // Node.js has a module of this name.
        package(&project, "punycode", "", &[("index.js", "exports.toASCII = () => 'a package';")]);
        project.write(
            &format!("{directory}/package.json"),
            manifest(&["plain", "@scope/modern", "absent", "punycode", "builds", "@types/plain", "parts"]),
        );
        project.write(
            &format!("{directory}{end}"),
            "import { log } from 'runner-guest';\nimport plain, { deep, twice } from 'plain';\nimport part from 'plain/part.mjs';\n\
             import mode, { other } from '@scope/modern';\nimport { read } from 'absent';\nimport { toASCII } from 'punycode/';\nimport builds from 'builds';\n\
             import { a } from 'parts/a.js';\nexport const description = 'x';\n\
             export function upgrade() {\n  log.info([deep, plain.deep, twice(1), part, mode(), other, toASCII(), builds.of, a].join());\n\
             try { read() } catch (error) { log.info(error.message) }\n}\nexport function downgrade() {}\n",
        );
        project.runner("status").says(&["changed since it was built", "runner build"]);
        build(&project, &[]).succeeds().says(&["built"]);
        for file in ["plain.js", "plain/part.mjs.js", "@scope/modern.js", "absent.js"] {
            assert!(project.file(&format!("{directory}/vendor/{file}")).is_file(), "{file}");
            assert!(project.read("runner.lock").contains(&format!("\"vendor/{file}\"")));
        }
        assert!(!project.read("runner.lock").contains("node_modules"));
        // Whoever applies it has the committed files alone.
        std::fs::remove_dir_all(project.file(&format!("{directory}/node_modules"))).unwrap();
        std::fs::remove_dir_all(project.file("libs")).unwrap();
        project.runner("validate --locked").succeeds().does_not_say(&["warning"]);
        let mut command = project.command(["apply", "--locked"]);
        project.finish(command.env("PATH", "/nonexistent")).succeeds().says(&[
            "first,first,1,first,a part,production,second,a package,Node.js,one of parts",
            "`node:fs` is not available in a migration: `fs.promises.readFile` was called",
        ]);
        project.runner("verify").succeeds();
        // What is applied stays, and says so.
        let manifest = format!("{directory}/package.json");
        project.write(&manifest, format!("{}\n", project.read(&manifest)));
        project
            .runner("validate")
            .exits(4)
            .says(&["package.json` does not match the digest", "changed since it was built"]);
        build(&project, &[]).succeeds().says(&["kept", "it is applied, so it was not rebuilt"]);
    }
}

#[test]
fn what_npm_or_the_bundler_refuses_leaves_what_was_there() {
    let (project, directory) = with_script("javascript", "--npm");
    package(&project, "plain", "", &[("index.js", "exports.name = 'plain'")]);
    package(&project, "bcrypt", "", &[("binding.gyp", ""), ("index.js", "")]);
    package(&project, "loads", "", &[("index.js", "exports.x = require('./x.node')"), ("x.node", "")]);
    package(&project, "throws", "", &[("index.js", "throw new Error('no window')")]);
    package(&project, "lacks", "", &[("index.js", "require('nothing-of-the-kind')")]);
    let write = |text: &str| {
        let _ = std::fs::remove_file(project.file(&format!("{directory}/package-lock.json")));
        project.write(&format!("{directory}/package.json"), text);
    };
    write(&manifest(&["plain"]));
    build(&project, &[]).succeeds();
    let before = project.read(&format!("{directory}/vendor/plain.js"));
    let without_esbuild = manifest(&["plain"]).replace("\"esbuild\": \"file:", "\"nothing\": \"file:");
    for (text, told) in [
        (
            manifest(&["plain", "bcrypt"]),
            &["the package `bcrypt` needs native code", "it has a `binding.gyp`", "`bcryptjs`"][..],
        ),
        (manifest(&["loads"]), &["the package `loads` needs native code", "it contains `x.node`"]),
        (manifest(&["throws"]), &["cannot be bundled", "`throws` cannot be loaded: Error: no window"]),
        (manifest(&["lacks"]), &["cannot be bundled", "index.js:1: Could not resolve \"nothing-of-the-kind\""]),
        (without_esbuild, &["names no bundler", "npm install --save-dev --save-exact esbuild"]),
        (
            "{ \"dependencies\": { \"left-pad\": \"1.3.0\" } }".to_owned(),
            &["the registry of npm cannot be reached", "ECONNREFUSED"],
        ),
        ("{".to_owned(), &["package.json` is not what npm reads", "EOF"]),
    ] {
        write(&text);
        let output = build(&project, &[]);
        assert!([1, 2].contains(&output.exit_code().unwrap()), "{output}");
        output
            .says(told)
            .says(&["migration", "hint:"][..usize::from(!text.contains("throws") && !text.contains("lacks")) + 1]);
        assert_eq!(project.read(&format!("{directory}/vendor/plain.js")), before);
        assert!(std::fs::read_dir(project.file(".runner/target")).unwrap().count() == 0);
    }
    // A lock of another manifest.
    write(&manifest(&["plain"]));
    build(&project, &[]).succeeds();
    project.write(&format!("{directory}/package.json"), manifest(&["plain", "throws"]));
    build(&project, &[]).exits(4).says(&[
        "package-lock.json` does not match `package.json`",
        "Missing: throws",
        "`npm install` in",
    ]);
    // Without npm.
    let mut command = project.command(["build"]);
    project.finish(command.env("PATH", "/nonexistent")).exits(2).says(&["cannot run `npm`", "https://nodejs.org"]);
    // What nobody else wrote is not replaced.
    std::fs::remove_file(project.file(&format!("{directory}/vendor/.from"))).unwrap();
    build(&project, &[]).exits(2).says(&["vendor` was not written by `runner build`", "give it another name"]);
}

#[test]
fn another_bundler_is_a_script_of_the_manifest() {
    let (project, directory) = with_script("javascript", "--npm");
    package(&project, "plain", "", &[("index.js", "export const name = 'plain'")]);
    let write = |command: &str| {
        let text = manifest(&["plain"]).replacen('{', &format!("{{ \"scripts\": {{ \"vendor\": \"{command}\" }},"), 1);
        project.write(&format!("{directory}/package.json"), text);
    };
    write("true");
    build(&project, &[]).exits(2).says(&["the script `vendor` of", "wrote nothing", "RUNNER_VENDOR"]);
    write("false");
    build(&project, &[]).exits(1).says(&["the script `vendor` of", "failed"]);
    write("cp node_modules/plain/index.js $RUNNER_VENDOR/plain.js");
    project.write(
        &format!("{directory}.js"),
        "import { name } from 'plain';\nexport const description = name;\nexport function upgrade() {}\n",
    );
    build(&project, &[]).succeeds();
    project.runner("plan").succeeds().prints(&["plain"]);
}

/// Writes a wheel into `wheels/` of the script's directory.
fn wheel(project: &TestProject, directory: &str, file: &str, files: &[(&str, &str)]) {
    let mut parts = file.split('-');
    let (name, version) = (parts.next().unwrap(), parts.next().unwrap());
    let info = format!("{name}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let tag = parts.collect::<Vec<_>>().join("-");
    let wheel =
        format!("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {}\n", tag.trim_end_matches(".whl"));
    let mut all: Vec<(String, String)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    all.extend([(format!("{info}/METADATA"), metadata), (format!("{info}/WHEEL"), wheel)]);
    let record: String = all.iter().map(|(path, _)| format!("{path},,\n")).collect();
    all.push((format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n")));
    let path = project.file(&format!("{directory}/tests/wheels/{file}"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let script = "import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as wheel:\n    \
                  for path, text in json.loads(sys.argv[2]): wheel.writestr(zipfile.ZipInfo(path), text)\n";
    let files = serde_json::to_string(&all).unwrap();
    let made = Command::new("python3").args(["-c", script]).arg(path).arg(files).status().unwrap();
    assert!(made.success());
}

/// What finds the wheels, and no others.
const WHEELS: &str = "--no-index\n--find-links tests/wheels\n";

#[test]
fn packages_of_pip_are_installed_by_their_lock_and_need_no_python_to_run() {
    let (project, directory) = with_script("python", "--pip");
    let of_slugs = [
        (
            "slugs/__init__.py",
            "from deep import word\nhidden = open(f'{__path__[0]}/.word').read()\nname = f'{hidden} slugs of {word}'\n",
        ),
        ("slugs/tests/test_slugs.py", "import unknown\n"),
        ("slugs/.word", "two"),
        ("slugs-1.0.data/scripts/slugs", "#!python\n"),
    ];
    wheel(&project, &directory, "slugs-1.0-py3-none-any.whl", &of_slugs);
    wheel(&project, &directory, "deep-2.0-py3-none-any.whl", &[("deep.py", "word = 'two'\n")]);
    // A package that does without its native part, for which there is no pure wheel.
    let of_markupsafe = [("markupsafe/__init__.py", "escape = str\n"), ("markupsafe/_speedups.so", "")];
    wheel(&project, &directory, "MarkupSafe-1.0-cp314-cp314-manylinux2014_x86_64.whl", &of_markupsafe);
    wheel(&project, &directory, "own-1.0-py3-none-any.whl", &[("own.py", "")]);
    let requirements = format!("{WHEELS}slugs\ndeep>=1\nmarkupsafe\n./tests/wheels/own-1.0-py3-none-any.whl\n");
    project.write(&format!("{directory}/requirements.txt"), requirements);
    project.write(
        &format!("{directory}.py"),
        "import markupsafe\nimport slugs\nfrom runner_guest import Description, log\ndescription = Description('x')\n\n\ndef upgrade():\n    \
         log.info(markupsafe.escape(slugs.name))\n\n\ndef downgrade():\n    pass\n",
    );
    build(&project, &[]).succeeds().says(&["built"]);
    let lock = project.read(&format!("{directory}/requirements.lock"));
    assert!(
        lock.contains("--find-links tests/wheels\n./tests/wheels/own-1.0-py3-none-any.whl --hash=sha256:"),
        "{lock}"
    );
    assert!(lock.contains("\ndeep==2.0 --hash=sha256:"), "{lock}");
    assert!(lock.contains("\nslugs==1.0 --hash=sha256:") && lock.contains("\nMarkupSafe==1.0 --hash="), "{lock}");
    for (file, is_there) in [
        ("deep.py", true),
        ("slugs-1.0.dist-info/METADATA", true),
        ("slugs/tests", false),
        ("bin", false),
        ("markupsafe/_speedups.so", false),
    ] {
        assert_eq!(project.file(&format!("{directory}/vendor/{file}")).exists(), is_there, "{file}");
    }
    project.runner("validate --locked").succeeds().does_not_say(&["warning"]);
    let mut command = project.command(["apply", "--locked"]);
    project.finish(command.env("PATH", "/nonexistent")).succeeds().says(&["two slugs of two"]);
    project.runner("rollback").succeeds();
    // A newer version is not taken unless the lock is removed, and one with other bytes is refused.
    wheel(&project, &directory, "deep-3.0-py3-none-any.whl", &[("deep.py", "word = 'three'\n")]);
    build(&project, &["tidy"]).succeeds();
    assert_eq!(project.read(&format!("{directory}/requirements.lock")), lock);
    wheel(&project, &directory, "deep-2.0-py3-none-any.whl", &[("deep.py", "word = 'another'\n")]);
    build(&project, &["tidy"]).exits(4).says(&[
        "is not the one that",
        "requirements.lock` pins",
        "deep==2.0 from",
        "Expected sha256",
    ]);
    assert_eq!(project.read(&format!("{directory}/vendor/deep.py")), "word = 'two'\n");
    std::fs::remove_file(project.file(&format!("{directory}/requirements.lock"))).unwrap();
    build(&project, &["tidy"]).succeeds();
    assert_eq!(project.read(&format!("{directory}/vendor/deep.py")), "word = 'three'\n");
}

#[test]
fn what_pip_refuses_leaves_what_was_there() {
    let (project, directory) = with_script("python", "--pip");
    wheel(&project, &directory, "deep-2.0-py3-none-any.whl", &[("deep.py", "word = 'two'\n")]);
    wheel(&project, &directory, "hidden-1.0-py3-none-any.whl", &[("hidden/x.so", "")]);
    let platform = "import sysconfig; print(sysconfig.get_platform().replace('-', '_').replace('.', '_'), end='')";
    let platform = Command::new("python3").args(["-c", platform]).output().unwrap().stdout;
    let native = format!("orjson-1.0-py3-none-{}.whl", String::from_utf8(platform).unwrap());
    wheel(&project, &directory, &native, &[("orjson.py", "")]);
    let write = |text: &str| project.write(&format!("{directory}/requirements.txt"), text).file("");
    write(&format!("{WHEELS}deep\n"));
    build(&project, &[]).succeeds();
    for (text, code, told) in [
        (
            format!("{WHEELS}deep\norjson\n"),
            2,
            &["the package `orjson` needs native code", "certain processors", "`json`"][..],
        ),
        (format!("{WHEELS}hidden\n"), 2, &["the package `hidden` needs native code", "it contains `hidden/x.so`"]),
        (format!("{WHEELS}deep>=9\n"), 2, &["pip does not find a wheel of `deep>=9`", "2.0", "`--no-binary deep`"]),
        ("idna\n".to_owned(), 1, &["the index of pip cannot be reached", "nothing was changed"]),
        ("-r more.txt\n".to_owned(), 2, &["refers to something else: `-r more.txt`"]),
        ("a b c\n".to_owned(), 1, &["`pip install` failed", "Invalid requirement"]),
    ] {
        write(&text);
        build(&project, &[]).exits(code).says(told);
        assert_eq!(project.read(&format!("{directory}/vendor/deep.py")), "word = 'two'\n");
        assert!(!project.file(&format!("{directory}/vendor/hidden")).exists());
    }
    let mut command = project.command(["build"]);
    project.finish(command.env("PATH", "/nonexistent")).exits(2).says(&["cannot run `python3`", "install Python 3"]);
}

#[test]
fn a_bundle_that_needs_too_much_memory_names_the_limit() {
    let project = project!();
    let entries: String =
        (0..400_000).map(|i| format!("  key_{i}: [\"value {i}\", {i}, {{ name: {i} }}],\n")).collect();
    project.write("migrations/1_big/big.js", format!("export const big = {{\n{entries}}};\n"));
    project
        .write("migrations/1_big.js", "import 'big';\nexport const description = 'x';\nexport function upgrade() {}\n");
    assert!(std::fs::metadata(project.file("migrations/1_big/big.js")).unwrap().len() > 20_000_000);
    project.runner("apply").exits(7).says(&["the limit `guest_memory` of 256MiB is used up", "--limit guest_memory="]);
    project.runner("apply --limit guest_memory=2GiB").succeeds();
}

#[test]
fn packages_are_asked_for_in_a_language_that_has_them() {
    let project = project!();
    for (arguments, told) in [
        (&["--npm"][..], "`--npm` is for migrations in JavaScript and TypeScript"),
        (&["--lang", "python", "--npm"], "`--npm` is for migrations in JavaScript and TypeScript"),
        (&["--lang", "typescript", "--pip"], "`--pip` is for migrations in Python"),
        (&["--lang", "python", "--npm", "--pip"], "cannot be used with"),
    ] {
        project.run([&["new", "x"], arguments].concat()).exits(2).says(&[told]);
    }
    assert_eq!(std::fs::read_dir(project.file("migrations")).unwrap().count(), 0);
    // As long as they name none, there is nothing to build.
    for (language, flag) in [("javascript", "--npm"), ("python", "--pip")] {
        project.run(["new", language, "--lang", language, flag]).succeeds().says(&["runner build"]);
    }
    let mut command = project.command(["apply"]);
    project.finish(command.env("PATH", "/nonexistent")).succeeds();
}
