//! What a component says about the tools that made it.

use std::collections::BTreeSet;

use wasmparser::{KnownCustom, Parser, Payload};

/// The tools and their versions, as the sections `producers` of its modules name them. A command's artifact has no compiler in it: such
/// sections are dropped with the names.
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
    tools
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
        assert!(made_by(b"no component").is_empty() && made_by(&component[..20]).is_empty());
    }
}
