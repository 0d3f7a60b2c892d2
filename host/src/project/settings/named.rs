//! Settings with a name: how one is read from the settings file, a variable or a flag, and which of them goes first.

use toml::Spanned;
use toml::de::DeValue;

use super::LoadRequest;
use crate::error::{Error, Result};
use crate::project::env::Variables;
use crate::project::origin::Sourced;
use crate::project::toml_reader::{Section, to_i64};

/// A setting of a `T`.
#[derive(Debug)]
pub(super) struct Named<T> {
    /// Its name in the settings file.
    pub name: &'static str,
    /// Its flag.
    pub flag: &'static str,
    /// What was said by the flag.
    pub said: fn(&LoadRequest) -> Option<&String>,
    /// Its variable.
    pub variable: &'static str,
    /// What the settings file has for it.
    pub in_file: InFile,
    /// What it takes, as a hint says it.
    pub takes: &'static str,
    /// Sets it, or says what is wrong with the text.
    pub set: fn(&mut T, &str) -> Result<(), String>,
}

/// What the settings file has for a setting.
#[derive(Clone, Copy, Debug)]
pub(super) enum InFile {
    /// A whole number, or a text.
    Count,
    /// A text, such as this one.
    Text(&'static str),
}

/// What a section of the settings file says of one of these settings: checked, as text.
#[derive(Debug)]
pub(super) struct Entry<T: 'static> {
    setting: &'static Named<T>,
    text: Sourced<String>,
}

impl<T> Named<T> {
    fn set(&self, target: &mut T, text: &str) -> Result<()> {
        (self.set)(target, text).map_err(|problem| {
            let Self { name, takes, .. } = self;
            Error::usage(format!("`{name}` cannot be set: {problem}")).hint(format!("`{name}` takes {takes}"))
        })
    }

    fn set_sourced(&self, target: &mut T, text: &str, from: &Sourced<String>) -> Result<()> {
        self.set(target, text).map_err(|error| error.at("setting", from.origin.to_string()))
    }
}

/// The names, as the settings file spells them.
pub(super) fn names<T>(settings: &'static [Named<T>]) -> impl Iterator<Item = &'static str> {
    settings.iter().map(|setting| setting.name)
}

/// What a section says of these settings; what is wrong is noted.
pub(super) fn read<T: Default>(section: &Section<'_, '_>, settings: &'static [Named<T>]) -> Vec<Entry<T>> {
    let entry = |(key, value): (&str, &Spanned<DeValue<'_>>)| {
        let setting = settings.iter().find(|setting| setting.name == key)?;
        let (text, expected) = match setting.in_file {
            InFile::Count => (text_of(value), "a whole number".to_owned()),
            InFile::Text(example) => {
                (value.get_ref().as_str().map(str::to_owned), format!("a string such as \"{example}\""))
            }
        };
        let text = section.expect(key, value, text, &expected)?;
        let text = checked(section, key, value, text, |text| setting.set(&mut T::default(), text))?;
        Some(Entry { setting, text })
    };
    section.entries().filter_map(entry).collect()
}

/// A text, or a number as text.
pub(super) fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::Integer(integer) => to_i64(integer).map(|integer| integer.to_string()),
        other => other.as_str().map(str::to_owned),
    }
}

/// The text and where it stands, or a note of what is wrong with it.
pub(super) fn checked<'t>(
    section: &Section<'_, 't>,
    key: &str,
    value: &Spanned<DeValue<'t>>,
    text: String,
    check: impl FnOnce(&str) -> Result<()>,
) -> Option<Sourced<String>> {
    match check(&text) {
        Ok(()) => Some(Sourced { value: text, origin: section.origin(key, value) }),
        Err(error) => {
            section.document().wrong(&value.span(), error.message, error.hints.into_iter().next());
            None
        }
    }
}

/// The file's, from its plainest section to its most particular one, then the variables', then the flags'.
pub(super) fn choose<'e, T: Default>(
    request: &LoadRequest,
    variables: &Variables,
    settings: &'static [Named<T>],
    in_file: impl IntoIterator<Item = &'e Entry<T>>,
) -> Result<T> {
    let mut target = T::default();
    for Entry { setting, text } in in_file {
        setting.set_sourced(&mut target, &text.value, text)?;
    }
    for setting in settings {
        if let Some(text) = said((setting.said)(request), setting.flag, variables, setting.variable) {
            setting.set_sourced(&mut target, text.value.trim(), &text)?;
        }
    }
    Ok(target)
}

/// What a flag says, and else its variable.
pub(super) fn said(
    value: Option<&String>,
    flag: &'static str,
    variables: &Variables,
    variable: &str,
) -> Option<Sourced<String>> {
    flagged(value, flag).or_else(|| variables.first(&[variable]))
}

/// What a flag says.
pub(super) fn flagged(value: Option<&String>, flag: &'static str) -> Option<Sourced<String>> {
    value.map(|value| Sourced::flag(value.clone(), flag))
}
