//! Reads and writes a line of the lockfile.

use std::collections::BTreeMap;

use super::{ComponentDescription, LockLine, LockedArtifact};
use crate::database::Dialect;
#[cfg(feature = "cli")]
use crate::project::catalog::Kind;
use crate::project::catalog::{Description, Mode};
use crate::project::toml_reader::Section;

/// The line as text, without defaults.
#[cfg(feature = "cli")]
pub(super) fn render(line: &LockLine) -> String {
    let mut fields = Vec::new();
    let mut field = |key: &str, value: String| fields.push(format!("{key} = {value}"));
    match &line.artifact {
        LockedArtifact::Sql { sha256, down } => {
            field("kind", quote(Kind::Sql.name()));
            field("sha256", quote(sha256));
            if let Some(down) = down {
                field("down", quote(down));
            }
        }
        LockedArtifact::Component { sha256, source, description: component, assets } => {
            let description = &component.description;
            field("kind", quote(Kind::Component.name()));
            field("sha256", quote(sha256));
            if let Some(source) = source {
                field("source", quote(source));
            }
            field("world", quote(&component.world));
            if component.transformer {
                field("transformer", "true".to_owned());
            }
            if !description.summary.is_empty() {
                field("summary", quote(&description.summary));
            }
            if description.mode != Mode::Auto {
                field("mode", quote(description.mode.name()));
            }
            if description.irreversible {
                field("irreversible", "true".to_owned());
            }
            let dialects: Vec<&str> = description.dialects.iter().map(|dialect| dialect.name()).collect();
            for (key, texts) in [
                ("depends_on", description.depends_on.iter().map(String::as_str).collect()),
                ("dialects", dialects),
                ("needs", description.needs.iter().map(String::as_str).collect()),
            ] {
                if !texts.is_empty() {
                    let texts: Vec<String> = texts.into_iter().map(quote).collect();
                    field(key, format!("[{}]", texts.join(", ")));
                }
            }
            if !assets.is_empty() {
                let assets: Vec<String> =
                    assets.iter().map(|(path, digest)| format!("{} = {}", quote(path), quote(digest))).collect();
                field("assets", format!("{{ {} }}", assets.join(", ")));
            }
        }
    }
    format!("{} = {{ {} }}", line.id(), fields.join(", "))
}

/// A single-line TOML string.
#[cfg(feature = "cli")]
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Reads a line; problems are recorded in the document.
pub(super) fn read(section: &Section<'_, '_>, id: &str) -> Option<LockLine> {
    let Some((revision, name)) = id.split_once('_') else {
        section.wrong("", format!("`{id}` is not the name of a migration"), "run `runner build`");
        return None;
    };
    let kind = required(section, "kind")?;
    let artifact = match kind.as_str() {
        "sql" => {
            section.only(&["kind", "sha256", "down"]);
            let down = section.text("down").map(str::to_owned);
            LockedArtifact::Sql { sha256: required(section, "sha256")?, down }
        }
        "component" => component(section)?,
        _ => {
            section.wrong("kind", format!("unknown kind of artifact `{kind}`"), "run `runner build`");
            return None;
        }
    };
    Some(LockLine { revision: revision.to_owned(), name: name.to_owned(), artifact })
}

fn component(section: &Section<'_, '_>) -> Option<LockedArtifact> {
    section.only(&[
        "kind",
        "sha256",
        "source",
        "world",
        "transformer",
        "summary",
        "mode",
        "irreversible",
        "depends_on",
        "dialects",
        "needs",
        "assets",
    ]);
    let unknown =
        |key: &str, value: &str| section.wrong(key, format!("invalid `{key}`: `{value}`"), "run `runner build`");
    let mut mode = Mode::Auto;
    if let Some(name) = section.text("mode") {
        match [Mode::Auto, Mode::Atomic, Mode::Stepwise].into_iter().find(|mode| mode.name() == name) {
            Some(known) => mode = known,
            None => unknown("mode", name),
        }
    }
    let mut dialects = Vec::new();
    for name in section.strings("dialects") {
        match Dialect::from_name(&name) {
            Some(dialect) => dialects.push(dialect),
            None => unknown("dialects", &name),
        }
    }
    let path = section.key("assets");
    let assets: BTreeMap<String, String> = match section.section("assets", &path) {
        Some(assets) => {
            let of = |(asset, _): (&str, _)| Some((asset.to_owned(), assets.text(asset)?.to_owned()));
            assets.entries().filter_map(of).collect()
        }
        None => BTreeMap::new(),
    };
    let description = Description {
        summary: section.text("summary").unwrap_or_default().to_owned(),
        depends_on: section.strings("depends_on"),
        mode,
        dialects,
        irreversible: section.boolean("irreversible"),
        needs: section.strings("needs"),
    };
    Some(LockedArtifact::Component {
        sha256: required(section, "sha256")?,
        source: section.text("source").map(str::to_owned),
        description: ComponentDescription {
            description,
            transformer: section.boolean("transformer"),
            world: required(section, "world")?,
        },
        assets,
    })
}

fn required(section: &Section<'_, '_>, key: &str) -> Option<String> {
    if !section.has(key) {
        section.wrong(key, format!("`{}` has no `{key}`", section.path()), "run `runner build`");
    }
    section.text(key).map(str::to_owned)
}
