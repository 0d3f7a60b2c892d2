//! What a component says about the tools that made it.

use std::collections::BTreeSet;

use wasmparser::{KnownCustom, Parser, Payload};

/// Where Rust's standard library is in the positions of panics, with the commit of the compiler after it.
const RUST: &[u8] = b"/rustc/";

/// The length of a commit.
const COMMIT: usize = 40;

/// How much of it distinguishes it from others.
const SHORT: usize = 10;

/// The tools and their versions, as the sections `producers` of its modules name them, and the commit of Rust's compiler, whose section
/// is stripped. What a command made has no compiler in it: such sections are dropped with the names.
pub(super) fn made_by(component: &[u8]) -> BTreeSet<String> {
    let mut tools = BTreeSet::new();
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Producers(fields) = section.as_known() else { continue };
        for field in fields.into_iter().map_while(Result::ok).filter(|field| field.name == "processed-by") {
            let values = field.values.into_iter().map_while(Result::ok);
            tools.extend(values.map(|tool| format!("{} {}", tool.name, tool.version).trim_end().to_owned()));
        }
    }
    tools.extend(rust_commits(component).map(|commit| format!("rustc {commit}")));
    tools
}

/// The commits of Rust compilers in the positions of panics.
fn rust_commits(bytes: &[u8]) -> impl Iterator<Item = String> {
    let starts = bytes.windows(RUST.len()).enumerate().filter(|(_, window)| *window == RUST).map(|(at, _)| at);
    starts.filter_map(|at| {
        let commit = bytes.get(at + RUST.len()..)?.get(..COMMIT)?;
        let is_commit = commit.iter().all(u8::is_ascii_hexdigit);
        is_commit.then(|| String::from_utf8_lossy(&commit[..SHORT]).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_of_inner_modules_are_named() {
        let section = |tool: &str, version: &str| {
            let text = |text: &str| format!("\\{:02x}{text}", text.len());
            format!("(@custom \"producers\" \"\\01{}\\01{}{}\")", text("processed-by"), text(tool), text(version))
        };
        let text =
            format!("(component (core module {}) {})", section("rustc", "1.96.0"), section("wit-component", "0.263.0"));
        let component = wat::parse_str(text).expect("text");
        assert_eq!(made_by(&component).into_iter().collect::<Vec<_>>(), ["rustc 1.96.0", "wit-component 0.263.0"]);
        let commit = "59807616e1fa2540724bfbac14d7976d7e4a3860";
        let text = format!(
            "(component (core module (memory 1) (data (i32.const 0) \"x/rustc/{commit}/lib /rustc/nothing\")))"
        );
        assert_eq!(made_by(&wat::parse_str(text).expect("text")).into_iter().collect::<Vec<_>>(), ["rustc 59807616e1"]);
        assert!(made_by(b"no component").is_empty() && made_by(&component[..20]).is_empty());
    }
}
