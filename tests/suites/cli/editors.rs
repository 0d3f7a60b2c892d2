//! What `runner new` writes for editors and type checkers, as these read it.

use std::process::Command;

use super::*;

/// Runs a program in a project: whether it succeeded, and what it printed.
fn tool(project: &TestProject, line: &str) -> (bool, String) {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    let output = command.args(words).current_dir(project.file("")).output().expect("`scripts/setup` installs it");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The only file of the migrations with this end.
fn script(project: &TestProject, end: &str) -> String {
    let entries = std::fs::read_dir(project.file("migrations")).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    format!("migrations/{}", names.find(|name| name.ends_with(end)).expect(end))
}

#[test]
fn a_new_script_is_complete_and_its_mistakes_are_found() {
    for (language, end, check, good, bad, told) in [
        ("javascript", ".js", "tsc -p jsconfig.json", ".trim().lower()", ".trim().lowr()", "Did you mean 'lower'?"),
        ("typescript", ".ts", "tsc", ".trim().lower()", ".trim().lowr()", "Did you mean 'lower'?"),
        ("python", ".py", "python3 -m mypy", ".strip().lower()", ".strip().lowr()", "maybe \"lower\"?"),
    ] {
        let project = project!();
        project.run(["new", "tidy names", "--lang", language]).succeeds();
        let (is_complete, printed) = tool(&project, check);
        assert!(is_complete, "{language}: {printed}");
        let script = script(&project, end);
        let mut text = project.read(&script);
        assert!(text.contains(good), "{text}");
        if language != "python" {
            // Modules of Node.js are found.
            text = format!(
                "import {{ createHash }} from \"node:crypto\";\n{text}\nexport const empty = createHash(\"md5\").digest(\"hex\");\n"
            );
            project.write(&script, &text);
            let (is_complete, printed) = tool(&project, check);
            assert!(is_complete, "{language}: {printed}");
        }
        project.write(&script, text.replace(good, bad));
        let (is_complete, printed) = tool(&project, check);
        assert!(!is_complete && printed.contains(told), "{language}: {printed}");
    }
}

#[test]
fn the_flags_of_c_find_the_headers() {
    let project = project!();
    for (language, compiler) in [("c", "cc"), ("cpp", "c++")] {
        project.run(["new", "tidy", "--lang", language]).succeeds();
        let directory = script(&project, "_tidy");
        let compile =
            format!("python3 -m ziglang {compiler} -c @compile_flags.txt -o ../object.o migration.{language}");
        let script = format!("cd {directory} && {compile}");
        let output = Command::new("sh").args(["-c", &script]).current_dir(project.file("")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::remove_dir_all(project.file(&directory)).unwrap();
    }
}

#[test]
fn configurations_of_the_user_are_left_alone_and_it_is_said_what_to_add() {
    let project = project!();
    project.write("tsconfig.json", "{}").write("pyproject.toml", "[project]\nname = \"shop\"\n");
    let sdk = |language: &str| format!(".runner/sdk/{language}-{}", env!("CARGO_PKG_VERSION"));
    let javascript = format!("add `\"paths\": {{ \"runner-guest\": [\"./{}/index.d.ts\"] }}`", sdk("javascript"));
    for language in ["javascript", "typescript"] {
        let output = project.run(["new", "tidy", "--lang", language]);
        output.succeeds().says(&["note: `tsconfig.json` is yours", &javascript]);
    }
    let python = format!("add `extraPaths = [\"{}\"]`, for Pyright", sdk("python"));
    let mypy = format!("add `mypy_path = \"{}\"`, for mypy", sdk("python"));
    project.run(["new", "tidy", "--lang", "python"]).succeeds().says(&["`pyproject.toml` is yours", &python, &mypy]);
    for file in ["jsconfig.json", "pyrightconfig.json", "mypy.ini"] {
        assert!(!project.file(file).exists(), "{file}");
    }
    // Once they name it, there is nothing to say.
    project.write("pyproject.toml", format!("[tool.pyright]\nextraPaths = [\"{}\"]\n", sdk("python")));
    project.run(["new", "more", "--lang", "python"]).succeeds().does_not_say(&["note:"]);
    let output = project.run(["new", "more", "--lang", "javascript", "--format", "json"]);
    let made: Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
    assert!(made["notes"][0].as_str().unwrap().contains(&javascript), "{output}");
}

/// The SDK that is unpacked also runs unit tests.
#[test]
fn a_batch_function_is_tested_with_the_unpacked_sdk() {
    let project = project!();
    for (language, end) in [("javascript", ".js"), ("python", ".py")] {
        project.run(["new", "tidy", "--lang", language]).succeeds();
        let script = script(&project, end);
        let version = env!("CARGO_PKG_VERSION");
        let command = match language {
            "python" => {
                project.write(
                    "unit.py",
                    format!(
                        "from runner_guest import Batch\nfrom runner_guest.testing import load\n\
                         tidy = load('{script}').tidy\nbatch = Batch.from_rows([{{'id': 1, 'name': ' Ada '}}], {{'id': 'int64', 'name': 'text'}})\n\
                         assert tidy(batch)['name'].to_list() == ['ada']\n"
                    ),
                );
                format!("PYTHONPATH=.runner/sdk/python-{version} PYTHONDONTWRITEBYTECODE=1 python3 unit.py")
            }
            _ => {
                project.write(
                    "unit.mjs",
                    format!(
                        "import assert from 'node:assert/strict';\nimport {{ Batch }} from 'runner-guest';\nimport {{ tidy }} from './{script}';\n\
                         const batch = Batch.fromRows([{{ id: 1, name: ' Ada ' }}], {{ id: 'int64', name: 'text' }});\n\
                         assert.deepEqual(tidy(batch).get('name').toArray(), ['ada']);\n"
                    ),
                );
                project.write("package.json", "{ \"private\": true, \"type\": \"module\" }");
                format!(
                    "npm install --no-audit --no-fund --offline --save-dev ./.runner/sdk/javascript-{version} && node unit.mjs"
                )
            }
        };
        let output = Command::new("sh").args(["-c", &command]).current_dir(project.file("")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_examples_are_complete() {
    for (example, check) in [("typescript", "tsc"), ("python", "python3 -m mypy")] {
        let directory = format!("{}/../../examples/languages/flights/{example}", env!("CARGO_MANIFEST_DIR"));
        let mut words = check.split(' ');
        let mut command = Command::new(words.next().unwrap());
        let no_cache: &[&str] = if example == "python" { &["--cache-dir=/dev/null"] } else { &[] };
        let output = command.args(words).args(no_cache).current_dir(directory).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{example}: {printed}");
    }
}
