//! Reads and writes a line of the lockfile.

use std::collections::BTreeMap;

use super::{ComponentDescription, LockLine, LockedArtifact, SqlDigests, TextDigests};
use crate::discovery::is_shared_path;

use crate::migration::{Description, Kind, Mode, Need};
use crate::per_dialect::PerDialect;
use crate::revision::RevisionKey;
use crate::script::ScriptLanguage;
use crate::toml_reader::{Document, Section};
use runner_database::Dialect;

/// The line as text, without defaults.
pub(super) fn render(line: &LockLine) -> String {
    let mut fields = Vec::new();
    let mut field = |key: &str, value: String| fields.push(format!("{key} = {value}"));
    match &line.artifact {
        LockedArtifact::Sql(digests) => {
            field("kind", quote(Kind::Sql.name()));
            for (dialect, texts) in digests.texts.iter() {
                let texts =
                    |up| [(up, &texts.up), ("down", &texts.down)].map(|(key, digest)| Some((key, digest.as_ref()?)));
                match dialect {
                    None => texts("sha256").into_iter().flatten().for_each(|(key, digest)| field(key, quote(digest))),
                    Some(dialect) => {
                        let texts =
                            texts("up").into_iter().flatten().map(|(key, digest)| format!("{key} = {}", quote(digest)));
                        field(dialect.name(), format!("{{ {} }}", texts.collect::<Vec<_>>().join(", ")));
                    }
                }
            }
            if digests.stepwise {
                field("mode", quote(Mode::Stepwise.name()));
            }
        }
        LockedArtifact::Component { sha256, source, shared, description, assets } => {
            field("kind", quote(Kind::Component.name()));
            field("sha256", quote(sha256));
            if let Some(source) = source {
                field("source", quote(source));
            }
            if !shared.is_empty() {
                field("shared", digests(shared));
            }
            describe(description, &mut field);
            if !assets.is_empty() {
                field("assets", digests(assets));
            }
        }
        LockedArtifact::Script { language, sha256, runtime, description, files } => {
            field("kind", quote(Kind::Script.name()));
            field("language", quote(language.name()));
            field("sha256", quote(sha256));
            field("runtime", quote(runtime));
            describe(description, &mut field);
            if !files.is_empty() {
                field("files", digests(files));
            }
        }
    }
    let LockLine { revision, name, .. } = line;
    let id = if name.is_empty() { revision.clone() } else { format!("{revision}_{name}") };
    // In a key, everything but these has to be quoted.
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let id = if is_plain { id } else { quote(&id) };
    format!("{id} = {{ {} }}", fields.join(", "))
}

/// The fields of a description, without defaults.
fn describe(component: &ComponentDescription, field: &mut impl FnMut(&str, String)) {
    let description = &component.description;
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
    if let Some(edition) = &description.time_zones {
        field("time_zones", quote(edition));
    }
    let dialects: Vec<&str> = description.dialects.iter().map(|dialect| dialect.name()).collect();
    let needs: Vec<String> = description.needs.iter().map(ToString::to_string).collect();
    for (key, texts) in [
        ("depends_on", description.depends_on.iter().map(String::as_str).collect()),
        ("dialects", dialects),
        ("needs", needs.iter().map(String::as_str).collect()),
    ] {
        if !texts.is_empty() {
            let texts: Vec<String> = texts.into_iter().map(quote).collect();
            field(key, format!("[{}]", texts.join(", ")));
        }
    }
}

/// Paths and digests.
fn digests(files: &BTreeMap<String, String>) -> String {
    let files: Vec<String> =
        files.iter().map(|(path, digest)| format!("{} = {}", quote(path), quote(digest))).collect();
    format!("{{ {} }}", files.join(", "))
}

/// A single-line TOML string.
pub fn quote(text: &str) -> String {
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

/// What is done with a need that means nothing, such as one of a build before 0.1.0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OddNeeds {
    /// It is a problem.
    Refused,
    /// It is left out.
    Dropped,
}

/// Reads a line; problems are recorded in the document.
pub(super) fn read(section: &Section<'_, '_>, id: &str, odd: OddNeeds) -> Option<LockLine> {
    let (revision, name) = id.split_once('_').unwrap_or((id, ""));
    if RevisionKey::of(revision).is_none() {
        section.wrong("", format!("`{id}` is not the name of a migration"), "run `runner build`");
        return None;
    }
    let kind = required(section, "kind")?;
    let artifact = match kind.as_str() {
        "sql" => LockedArtifact::Sql(sql(section)?),
        "component" => component(section, odd)?,
        "script" => script(section, odd)?,
        _ => {
            section.wrong("kind", format!("unknown kind of artifact `{kind}`"), "run `runner build`");
            return None;
        }
    };
    Some(LockLine { revision: revision.to_owned(), name: name.to_owned(), artifact })
}

fn sql(section: &Section<'_, '_>) -> Option<SqlDigests> {
    let names = Dialect::ALL.map(Dialect::name);
    section.only(&[&["kind", "sha256", "down", "mode"][..], &names].concat());
    let text = |section: &Section<'_, '_>, key: &str| section.text(key).map(str::to_owned);
    let mut texts = PerDialect::default();
    for dialect in Dialect::ALL {
        let path = section.key(dialect.name());
        let Some(section) = section.section(dialect.name(), &path) else { continue };
        section.only(&["up", "down"]);
        *texts.entry(Some(dialect)) = TextDigests { up: text(&section, "up"), down: text(&section, "down") };
    }
    let plain = TextDigests { up: text(section, "sha256"), down: text(section, "down") };
    if texts.values().all(|texts: &TextDigests| texts.up.is_none()) {
        required(section, "sha256")?;
    }
    if plain != TextDigests::default() {
        *texts.entry(None) = plain;
    }
    let mode = section.text("mode");
    if let Some(other) = mode.filter(|mode| *mode != Mode::Stepwise.name()) {
        section.wrong("mode", format!("invalid `mode`: `{other}`"), "run `runner build`");
    }
    Some(SqlDigests { texts, stepwise: mode.is_some() })
}

/// The keys of a description.
const DESCRIPTION: [&str; 9] =
    ["world", "transformer", "summary", "mode", "irreversible", "time_zones", "depends_on", "dialects", "needs"];

fn component(section: &Section<'_, '_>, odd: OddNeeds) -> Option<LockedArtifact> {
    section.only(&[&["kind", "sha256", "source", "shared", "assets"][..], &DESCRIPTION].concat());
    Some(LockedArtifact::Component {
        sha256: required(section, "sha256")?,
        source: section.text("source").map(str::to_owned),
        shared: shared(section),
        description: description(section, odd)?,
        assets: read_digests(section, "assets"),
    })
}

fn script(section: &Section<'_, '_>, odd: OddNeeds) -> Option<LockedArtifact> {
    section.only(&[&["kind", "language", "sha256", "runtime", "files"][..], &DESCRIPTION].concat());
    let name = required(section, "language")?;
    let Some(language) = ScriptLanguage::from_name(&name) else {
        section.wrong("language", format!("invalid `language`: `{name}`"), "run `runner build`");
        return None;
    };
    let runtime = required(section, "runtime")?;
    // It is part of a file's name.
    if runtime.len() != 64 || !runtime.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        section.wrong("runtime", "invalid `runtime`: it is no SHA-256 digest".to_owned(), "run `runner build`");
        return None;
    }
    Some(LockedArtifact::Script {
        language,
        sha256: required(section, "sha256")?,
        runtime,
        description: description(section, odd)?,
        files: read_digests(section, "files"),
    })
}

fn description(section: &Section<'_, '_>, odd: OddNeeds) -> Option<ComponentDescription> {
    let unknown =
        |key: &str, value: &str| section.wrong(key, format!("invalid `{key}`: `{value}`"), "run `runner build`");
    let mut mode = Mode::Auto;
    if let Some(name) = section.text("mode") {
        match Mode::from_name(name) {
            Some(known) => mode = known,
            None => unknown("mode", name),
        }
    }
    let mut dialects = Vec::new();
    for name in section.strings("dialects") {
        match name.parse().ok() {
            Some(dialect) => dialects.push(dialect),
            None => unknown("dialects", &name),
        }
    }
    let mut needs = Vec::new();
    for text in section.strings("needs") {
        match Need::parse(&text) {
            Some(need) => needs.push(need),
            None if odd == OddNeeds::Dropped => {}
            None => unknown("needs", &text),
        }
    }
    let description = Description {
        summary: section.text("summary").unwrap_or_default().to_owned(),
        depends_on: section.strings("depends_on"),
        mode,
        dialects,
        irreversible: section.boolean("irreversible"),
        time_zones: section.text("time_zones").map(str::to_owned),
        needs,
        ..Description::default()
    };
    let (transformer, world) = (section.boolean("transformer"), required(section, "world")?);
    Some(ComponentDescription { description, transformer, world })
}

/// Paths and digests.
fn read_digests(section: &Section<'_, '_>, key: &str) -> BTreeMap<String, String> {
    let path = section.key(key);
    let Some(files) = section.section(key, &path) else { return BTreeMap::new() };
    let of = |(file, _): (&str, _)| Some((file.to_owned(), files.text(file)?.to_owned()));
    files.entries().filter_map(of).collect()
}

/// The digests of what is outside of a migration's directory. The paths lead out of the project, so they are no others than a build
/// would write.
fn shared(section: &Section<'_, '_>) -> BTreeMap<String, String> {
    let shared = read_digests(section, "shared");
    for path in shared.keys().filter(|path| !is_shared_path(path)) {
        let message = format!("`shared` has `{path}`, which is no path from the project");
        section.wrong("shared", message, "restore the lockfile from version control");
    }
    shared
}

pub(super) fn required(section: &Section<'_, '_>, key: &str) -> Option<String> {
    if !section.has(key) {
        section.wrong(key, format!("`{}` has no `{key}`", section.path()), "run `runner build`");
    }
    section.text(key).map(str::to_owned)
}

/// Parses one line of the artifacts by itself.
pub(super) fn parse_line(text: &str) -> Option<LockLine> {
    let (id, _) = text.split_once(" = {")?;
    let id = id.trim_matches('"');
    RevisionKey::of(id.split('_').next()?)?;
    let document = Document::new("", text);
    let root = document.parse().ok()?;
    let section = Section::root(&document, &root);
    let line = section.section(id, id).and_then(|section| read(&section, id, OddNeeds::Refused));
    document.finish().ok()?;
    line
}
