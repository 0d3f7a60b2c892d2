//! What editors and type checkers read: the SDKs of scripts, and the configuration that names them.
//!
//! A file that exists is the user's, and so is what has precedence over it or what it has precedence over: it is left alone, and a note
//! says what to add.

use std::path::Path;

use cap_std::fs::Dir;

use super::Scaffolded;
use super::sdk::Sdk;
use runner_base::error::Result;
use runner_project::script::{Installer, ScriptLanguage};

static JAVASCRIPT_SDK: Sdk = Sdk {
    name: "javascript",
    files: files![include_bytes, "javascript":
        "README.md", "package.json", "index.js", "host.js", "prelude.js", "statements.js", "testing.js", "testing.d.ts", "node.d.ts", "index.d.ts"],
};

static PYTHON_SDK: Sdk = Sdk {
    name: "python",
    files: files![include_bytes, "python/src":
        "runner_guest/_batch.py", "runner_guest/_column.py", "runner_guest/_context.py", "runner_guest/_database.py",
        "runner_guest/_description.py", "runner_guest/_errors.py", "runner_guest/_host.py", "runner_guest/_values.py",
        "runner_guest/schema.py", "runner_guest/testing.py", "runner_guest/py.typed", "runner_guest/__init__.py"],
};

/// A configuration of an editor or a type checker.
struct Config {
    file: &'static str,
    /// With `{{sdk}}`, `{{migrations}}` and `{{packages}}`; paths are below the project and with `/`.
    text: &'static str,
    /// What is `{{packages}}` if the script has any; with `{{directory}}`, the script's.
    packages: &'static str,
    /// Other files of the project's root that may say the same.
    others: &'static [&'static str],
    /// What to add where the user has one of these files.
    entry: &'static str,
}

const TYPESCRIPT: Config = Config {
    file: "tsconfig.json",
    text: include_str!("templates/tsconfig.json"),
    others: &[],
    packages: ", \"*\": [\"./{{directory}}/node_modules/@types/*\", \"./{{directory}}/node_modules/*\", \"./{{directory}}/vendor/*\"]",
    entry: "`\"paths\": { \"runner-guest\": [\"./{{sdk}}/index.d.ts\"]{{packages}} }` in `compilerOptions`",
};

const JAVASCRIPT: Config = Config {
    file: "jsconfig.json",
    text: include_str!("templates/jsconfig.json"),
    // An editor reads this one alone.
    others: &["tsconfig.json"],
    ..TYPESCRIPT
};

/// For Pyright and Pylance.
const PYRIGHT: Config = Config {
    file: "pyrightconfig.json",
    text: include_str!("templates/pyrightconfig.json"),
    others: &["pyproject.toml"],
    packages: ", \"{{directory}}/vendor\"",
    entry: "`extraPaths = [\"{{sdk}}\"{{packages}}]`, for Pyright",
};

const MYPY: Config = Config {
    file: "mypy.ini",
    text: include_str!("templates/mypy.ini"),
    others: &["pyproject.toml", ".mypy.ini", "setup.cfg"],
    packages: ":{{directory}}/vendor",
    entry: "`mypy_path = \"{{sdk}}{{packages}}\"`, for mypy",
};

/// The largest configuration that is searched for the SDK.
const LARGEST: u64 = 1 << 20;

/// Unpacks the SDK of a script's language, unless this version exists, and has editors find it, and the packages of the script.
/// `directory`: that of the script.
pub(super) fn configure(
    root: &Dir,
    (migrations, directory): (&Path, &Path),
    (language, installer): (ScriptLanguage, Option<Installer>),
    made: &mut Scaffolded,
) -> Result<()> {
    let (sdk, configs): (_, &[Config]) = match language {
        ScriptLanguage::Javascript => (&JAVASCRIPT_SDK, &[JAVASCRIPT]),
        ScriptLanguage::Typescript => (&JAVASCRIPT_SDK, &[TYPESCRIPT]),
        ScriptLanguage::Python => (&PYTHON_SDK, &[PYRIGHT, MYPY]),
    };
    let with_slashes = |path: &Path| path.to_string_lossy().replace('\\', "/");
    let (sdk, migrations, directory) =
        (with_slashes(&sdk.unpack(root, made)?), with_slashes(migrations), with_slashes(directory));
    let mut left = Vec::new();
    for config in configs {
        let theirs = [config.file].iter().chain(config.others).find(|file| root.exists(file)).copied();
        let quoted = |text: &str| match config.file.ends_with(".json") {
            true => serde_json::Value::from(text).to_string().trim_matches('"').to_owned(),
            false => text.to_owned(),
        };
        let fill = |text: &str| {
            let text = text.replace("{{packages}}", installer.map_or("", |_| config.packages));
            let text = text.replace("{{sdk}}", &quoted(&sdk)).replace("{{migrations}}", &quoted(&migrations));
            text.replace("{{directory}}", &quoted(&directory))
        };
        match theirs {
            None => made.add(root, Path::new(config.file), fill(config.text))?,
            Some(file) if installer.is_none() && names(root, file, &sdk) => {}
            Some(file) => left.push((file, fill(config.entry))),
        }
    }
    let note = |(file, entry)| format!("`{file}` is yours: for editors to find `{sdk}`, add {entry}");
    made.notes.extend(left.into_iter().map(note));
    Ok(())
}

/// Whether a file has a text in it. One that cannot be read has none.
fn names(root: &Dir, file: &str, text: &str) -> bool {
    let bytes = runner_project::files::read_regular(root, file, LARGEST).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&bytes).contains(text)
}
