//! What a crate is compiled for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use super::encode::imports;
use super::toolchain::command;
use runner_base::error::{Error, Result};
use runner_project::discovery::{FoundEntry, MANIFEST};
use runner_project::files::ProjectDirectory;

/// No system, which is the default, or one that is answered inside of the component.
const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip1"];

/// The largest manifest of a crate.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// What bindings to the JavaScript of a browser import.
const BROWSER: &str = "__wbindgen";

/// What the crate `getrandom` imports unless the SDK has it.
const RANDOM: &str = "__getrandom_v03_custom";

/// The features by which crates ask for a browser, the ones that others imply last.
const BROWSER_FEATURES: [&str; 6] = ["wasmbind", "wasm_js", "js", "wasm-bindgen", "web", "js-sys"];

/// The target that a crate's manifest names as `target` under `[package.metadata.runner]`. Without it, or if cargo will refuse the
/// manifest, the default.
pub(super) fn of(project: &ProjectDirectory, directory: &FoundEntry) -> Result<&'static str> {
    let file = format!("{}/{MANIFEST}", directory.file_name);
    let bytes = project.read(&file, directory.link, LARGEST_MANIFEST)?;
    let text = String::from_utf8_lossy(&bytes);
    let Ok(table) = toml::from_str::<toml::Table>(&text) else { return Ok(TARGETS[0]) };
    let section = |table: &toml::Table, name: &str| table.get(name)?.as_table().cloned();
    let ours = section(&table, "package").and_then(|package| section(&section(&package, "metadata")?, "runner"));
    let Some(named) = ours.as_ref().and_then(|ours| ours.get("target")) else { return Ok(TARGETS[0]) };
    TARGETS.into_iter().find(|target| named.as_str() == Some(target)).ok_or_else(|| {
        Error::usage(format!("`{file}` names the target {named}, for which migrations are not built"))
            .hint(format!("`package.metadata.runner.target` is `{}`, the default, or `{}`", TARGETS[0], TARGETS[1]))
    })
}

/// A flag of the compiler for a target: where there is no system, the crate `getrandom` takes its numbers from the SDK.
pub(super) fn flag(target: &str) -> Option<&'static str> {
    (target == TARGETS[0]).then_some("--cfg=getrandom_backend=\"custom\"")
}

/// The command that installs what rustup does not install by itself.
pub(super) fn install(target: &str) -> String {
    format!("rustup target add {target}")
}

/// An error that says what to do if the module imports what only another place has.
pub(super) fn check_imports(
    module: &[u8],
    target: &str,
    toolchain: Option<&str>,
    directory: &Path,
    env: &BTreeMap<String, String>,
) -> Result<()> {
    let system = format!(
        "`target = \"{}\"` under `[package.metadata.runner]` in `{MANIFEST}`: there, crates ask a system, and time and random numbers \
         follow the run",
        TARGETS[1]
    );
    if imports(module, |import| import.name == RANDOM) {
        return Err(Error::failed("a crate asks `getrandom` for random numbers, and nothing answers")
            .hint(format!("give `runner-guest` the feature `getrandom`, or write {system}")));
    }
    if !imports(module, |import| import.module.starts_with(BROWSER)) {
        return Ok(());
    }
    let tree = command("cargo", toolchain, directory, env)
        .args(["tree", "--quiet", "--target", target, "--edges", "normal,features", "--prefix", "depth"])
        .args(["--invert", "wasm-bindgen"])
        .stdin(Stdio::null())
        .output();
    let tree = tree.map(|tree| String::from_utf8_lossy(&tree.stdout).into_owned()).unwrap_or_default();
    let error = Error::failed("the migration imports the JavaScript of a browser, which is not there");
    let asking = asking(&tree);
    let error = asking
        .iter()
        .fold(error, |error, (name, feature)| error.at("crate", format!("`{name}`, by its feature `{feature}`")));
    Err(error.hint(format!(
        "leave the feature out, with `default-features = false` if it is a default one; or write {system}"
    )))
}

/// The crates that ask for a browser, each with its feature, in what `cargo tree` says: lines such as `4chrono feature "wasmbind"`.
fn asking(tree: &str) -> BTreeMap<String, &'static str> {
    let mut asking: BTreeMap<String, &'static str> = BTreeMap::new();
    let place = |feature: &str| BROWSER_FEATURES.iter().position(|known| *known == feature);
    for line in tree.lines() {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_end_matches(" (*)");
        let Some((name, feature)) = line.split_once(" feature ") else { continue };
        let Some(found) = place(feature.trim_matches('"')) else { continue };
        if ["wasm-bindgen", "js-sys", "web-sys"].contains(&name) {
            continue;
        }
        let kept = asking.entry(name.to_owned()).or_insert(BROWSER_FEATURES[found]);
        if place(kept).is_some_and(|kept| found < kept) {
            *kept = BROWSER_FEATURES[found];
        }
    }
    asking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_that_ask_for_a_browser_are_found() {
        let tree = "0wasm-bindgen v0.2.130\n1js-sys v0.3.107\n2js-sys feature \"default\"\n3chrono v0.4.45\n4chrono feature \"clock\" (*)\n\
                    4chrono feature \"js-sys\"\n5chrono feature \"wasmbind\" (*)\n2uuid feature \"js\"\n8x feature \"default\" (command-line)\n";
        let found = asking(tree).into_iter().collect::<Vec<_>>();
        assert_eq!(found, [("chrono".to_owned(), "wasmbind"), ("uuid".to_owned(), "js")]);
        assert!(asking("").is_empty());
    }
}
