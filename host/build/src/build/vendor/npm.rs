//! Packages of npm, each bundled to a module.

use super::{Place, native};
use runner_base::error::{Error, Result};
use runner_project::script::Packages;

/// Bundles, in Node.js, with esbuild of the migration's directory.
const BUNDLE: &str = include_str!("bundle.mjs");

/// How it ends if packages are refused: the lines `native PACKAGE: WHY` say which.
const NATIVE: &str = "native ";

/// The script of `package.json` that bundles in place of esbuild.
const OWN: &str = "vendor";

/// The variable with the directory into which that script writes.
const OUT: &str = "RUNNER_VENDOR";

/// What npm says if it gets no answer.
const UNREACHABLE: [&str; 8] = [
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
    "ENOTCACHED",
    "ENETUNREACH",
];

/// Installs the packages next to their manifest, where editors find their types, and bundles them.
pub(super) fn make(place: &Place<'_>, packages: &Packages) -> Result<()> {
    install(place, packages)?;
    let manifest: serde_json::Value = serde_json::from_str(&packages.manifest).unwrap_or_default();
    if manifest["scripts"][OWN].is_string() {
        let ran = place.run("npm", |it| it.args(["run", "--silent", OWN]).env(OUT, &place.out))?;
        if !ran.succeeded {
            return Err(
                ran.failed(Error::failed(format!("the script `{OWN}` of `{}` failed", place.file("package.json"))))
            );
        }
        if std::fs::read_dir(&place.out).map_or(0, Iterator::count) == 0 {
            let message = format!("the script `{OWN}` of `{}` wrote nothing", place.file("package.json"));
            return Err(
                Error::usage(message).hint(format!("it writes modules into the directory of the variable `{OUT}`"))
            );
        }
        return Ok(());
    }
    if !place.directory.join("node_modules/esbuild/package.json").is_file() {
        return Err(Error::usage(format!("`{}` names no bundler", place.file("package.json"))).hint(format!(
            "run `npm install --save-dev --save-exact esbuild` in `{}`, or bundle by a script `{OWN}` of it",
            place.shown
        )));
    }
    let names = place.stage.join("names");
    let ran = place.run("node", |it| {
        it.args(["--input-type=module", "--eval", BUNDLE, "--"]).arg(&place.out).arg(&names).args(&packages.modules)
    })?;
    if ran.succeeded {
        return Ok(());
    }
    if let Some((package, why)) = ran.said.lines().find_map(|line| line.strip_prefix(NATIVE)?.split_once(": ")) {
        return Err(native::refused(package, why));
    }
    Err(ran.failed(Error::failed("the packages cannot be bundled")).at("manifest", place.file("package.json")))
}

/// Installs what the lock says, or writes a lock.
fn install(place: &Place<'_>, packages: &Packages) -> Result<()> {
    let verb = if packages.lock.is_some() { "ci" } else { "install" };
    let options =
        ["--ignore-scripts", "--no-audit", "--no-fund", "--include=dev", "--include=optional", "--loglevel=error"];
    let ran = place.run("npm", |it| it.arg(verb).args(options))?;
    if ran.succeeded {
        return Ok(());
    }
    let error = if ran.has(&["code EUSAGE"]) {
        let message = format!("`{}` does not match `package.json`", place.file("package-lock.json"));
        let error = ran.failed_by(Error::mismatch(message), &["Missing:", "Invalid:"]);
        error.hint(format!("`npm install` in `{}` updates it", place.shown))
    } else if ran.has(&["code E404", "code ETARGET"]) {
        let told = ["is not in this registry", "No matching version", "notarget", "404 Not Found"];
        ran.failed_by(Error::usage("npm does not find a package, or not in that version"), &told)
            .hint("see its name in the manifest, and `npm config get registry`")
    } else if ran.has(&["code EINTEGRITY"]) {
        ran.failed(Error::mismatch(format!("a package is not the one that `{}` pins", place.file("package-lock.json"))))
            .hint("find out why before you replace the lock")
    } else if ran.has(&UNREACHABLE) {
        ran.failed_by(Error::failed("the registry of npm cannot be reached"), &UNREACHABLE)
            .hint("nothing was changed; `npm config get registry` says where it is")
    } else {
        ran.failed(Error::failed(format!("`npm {verb}` failed")))
    };
    Err(error.at("manifest", place.file("package.json")))
}
