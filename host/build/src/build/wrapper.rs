//! Makes the bytes of an artifact independent of the directory that it is built in.
//!
//! cargo gives each crate an identity (`-C metadata`) that enters every symbol, and so the order of functions. That of
//! a crate outside of the guest's own directory, such as the SDK, contains its absolute path, and that of the guest
//! contains those of its dependencies. So cargo runs the compiler through this program, which replaces the identity by
//! one of name, version and options. Paths of crates outside of project and SDK, which no option of the build knows,
//! are replaced as well.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use runner_project::digest::sha256;

/// Set for cargo: this program was started in place of the compiler. Its value is cargo's home directory, whose crates have
/// an identity without a path.
pub const WRAPPER: &str = "RUNNER_RUSTC_WRAPPER";

/// The wrapper that the user has, which is started between this one and the compiler.
pub const INNER: &str = "RUNNER_RUSTC_WRAPPER_INNER";

/// The options of the compiler by which two builds of a crate in one graph differ.
const IDENTITY: [&str; 6] = ["--crate-name", "--crate-type", "--cfg", "--target", "--edition", "-C"];

/// Starts the compiler with the arguments that cargo gave, of which the first is the compiler.
pub fn run(arguments: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> std::io::Result<ExitStatus> {
    let home = variable(WRAPPER).map(PathBuf::from).unwrap_or_default();
    let version = variable("CARGO_PKG_VERSION").unwrap_or_default();
    let mut command: Vec<OsString> = variable(INNER).filter(|inner| !inner.is_empty()).into_iter().collect();
    let mut arguments = stable(arguments, &home, &version);
    arguments.extend(remapped(&arguments, &home, &variable));
    command.extend(arguments);
    let Some((program, rest)) = command.split_first() else {
        return Err(std::io::Error::other("cargo named no compiler"));
    };
    Command::new(program).args(rest).env_remove(WRAPPER).env_remove(INNER).status()
}

/// The arguments, with an identity that does not depend on a path.
fn stable(arguments: &[OsString], home: &Path, version: &OsStr) -> Vec<OsString> {
    let source = arguments.iter().map(Path::new).find(|argument| argument.extension().is_some_and(|end| end == "rs"));
    // Crates of registries have an identity without a path, and so have those that depend on them alone.
    if source.is_none_or(|source| source.starts_with(home)) {
        return arguments.to_vec();
    }
    let mut identity = version.to_string_lossy().into_owned();
    for pair in arguments.windows(2).filter(|pair| IDENTITY.iter().any(|name| pair[0] == *name)) {
        let value = pair[1].to_string_lossy();
        if !["metadata=", "extra-filename=", "incremental=", "linker="].iter().any(|name| value.starts_with(name)) {
            identity.push_str(&format!("\n{} {value}", pair[0].to_string_lossy()));
        }
    }
    let metadata = format!("metadata={}", &sha256(identity.as_bytes())[..16]);
    let is_metadata = |argument: &OsString| argument.to_string_lossy().starts_with("metadata=");
    arguments.iter().map(|it| if is_metadata(it) { OsString::from(&metadata) } else { it.clone() }).collect()
}

/// The SDK, which is in the project or elsewhere.
const SDK: &str = "runner-guest";

/// The option that replaces the directory of a crate by its name and version, if none of the options of the build does. That of the
/// SDK is always replaced, so that it does not matter where it is.
fn remapped(arguments: &[OsString], home: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    const OPTION: &str = "--remap-path-prefix=";
    let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
    let (directory, name, version) = (text("CARGO_MANIFEST_DIR")?, text("CARGO_PKG_NAME")?, text("CARGO_PKG_VERSION")?);
    let mut others = arguments.iter().filter_map(|it| it.to_str()?.strip_prefix(OPTION)?.rsplit_once('=')).peekable();
    // Crates for the machine that builds have no such options.
    others.peek()?;
    let is_replaced =
        Path::new(&directory).starts_with(home) || others.any(|(from, _)| Path::new(&directory).starts_with(from));
    (!is_replaced || name == SDK).then(|| OsString::from(format!("{OPTION}{directory}=/{name}-{version}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(source: &str, more: &str) -> String {
        let line = format!(
            "rustc --crate-name sdk {source} --edition 2024 -C opt-level=s -C metadata=abc -C extra-filename=-abc {more}"
        );
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let stable = stable(&arguments, Path::new("/home/ann/.cargo"), OsStr::new("0.1.0"));
        assert_eq!(stable.len(), arguments.len());
        assert!(stable.contains(&OsString::from("extra-filename=-abc")), "file names stay those that cargo expects");
        let found = stable.iter().find_map(|it| it.to_str()?.strip_prefix("metadata=").map(str::to_owned));
        found.expect("metadata")
    }

    #[test]
    fn the_identity_of_crates_found_by_path_is_replaced() {
        let one = metadata("/home/ann/shop/sdk/src/lib.rs", "");
        assert_ne!(one, "abc");
        assert_eq!(metadata("/srv/sdk/src/lib.rs", ""), one, "whatever its path is");
        assert_ne!(metadata("/srv/sdk/src/lib.rs", "--cfg feature=\"x\""), one, "features make it another crate");
        assert_eq!(metadata("src/lib.rs", ""), one, "the guest itself");
        assert_eq!(
            metadata("/home/ann/.cargo/registry/src/x/serde-1.0.0/src/lib.rs", ""),
            "abc",
            "a crate of a registry"
        );
    }

    #[test]
    fn the_path_of_a_crate_outside_of_the_project_is_replaced() {
        let of = |crate_name: &str, directory: &str, options: &str| {
            let arguments: Vec<OsString> = options.split_whitespace().map(OsString::from).collect();
            let variable = |name: &str| {
                let value = match name {
                    "CARGO_MANIFEST_DIR" => directory,
                    "CARGO_PKG_NAME" => crate_name,
                    "CARGO_PKG_VERSION" => "0.1.0",
                    _ => return None,
                };
                Some(OsString::from(value))
            };
            remapped(&arguments, Path::new("/home/ann/.cargo"), variable).and_then(|it| it.into_string().ok())
        };
        let project = "--remap-path-prefix=/home/ann/shop=/project";
        let replaced = |text: &str| Some(format!("--remap-path-prefix={text}"));
        assert_eq!(of("rules", "/srv/rules", project), replaced("/srv/rules=/rules-0.1.0"));
        assert_eq!(of("rules", "/home/ann/shop/rules", project), None, "the build replaces it");
        assert_eq!(of("rules", "/home/ann/.cargo/git/checkouts/x", project), None, "cargo's own");
        assert_eq!(of("rules", "/srv/rules", "--edition 2024"), None, "a build script");
        for sdk in ["/srv/sdk", "/home/ann/shop/.runner/sdk/1"] {
            assert_eq!(of("runner-guest", sdk, project), replaced(&format!("{sdk}=/runner-guest-0.1.0")));
        }
    }
}
