//! Settings by name, read from the settings file, a variable or a flag, and their precedence.

use toml::Spanned;
use toml::de::DeValue;

use super::request::Sources;
use crate::origin::Sourced;
use crate::toml_reader::{Section, to_i64};
use runner_base::error::{Error, Result};

/// A setting of a `T`.
#[derive(Debug)]
pub(super) struct Named<T> {
    /// Its name in the settings file.
    pub name: &'static str,
    /// Its flag and its variable.
    pub flag: SettingFlag,
    /// Its type in the settings file.
    pub in_file: InFile,
    /// The values it accepts, for hints.
    pub takes: &'static str,
    /// Parses and sets it.
    pub set: fn(&mut T, &str) -> Result<(), String>,
}

/// The flag of a setting, and what its help says.
#[derive(Clone, Copy, Debug)]
pub struct SettingFlag {
    /// The flag, with its dashes.
    pub name: &'static str,
    /// The variable that stands for it.
    pub variable: &'static str,
    /// What its value is called.
    pub value: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    /// What else there is to say; may be empty.
    pub details: &'static str,
}

/// Type of a setting in the settings file.
#[derive(Clone, Copy, Debug)]
pub(super) enum InFile {
    /// An integer or a string.
    Count,
    /// A string, such as this one.
    Text(&'static str),
}

/// The value of a setting in a section of the settings file: checked, as text.
#[derive(Debug)]
pub(super) struct SettingValue<T: 'static> {
    setting: &'static Named<T>,
    text: Sourced<String>,
}

impl<T> Named<T> {
    fn set(&self, target: &mut T, text: &str) -> Result<()> {
        (self.set)(target, text).map_err(|problem| {
            let Self { name, takes, .. } = self;
            Error::usage(format!("invalid `{name}`: {problem}")).hint(format!("`{name}` is {takes}"))
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

/// Their flags.
pub(super) fn flags<T>(settings: &'static [Named<T>]) -> impl Iterator<Item = &'static SettingFlag> {
    settings.iter().map(|setting| &setting.flag)
}

/// Reads these settings from a section; problems are recorded in the document.
pub(super) fn read<T: Default>(section: &Section<'_, '_>, settings: &'static [Named<T>]) -> Vec<SettingValue<T>> {
    let entry = |(key, value): (&str, &Spanned<DeValue<'_>>)| {
        let setting = settings.iter().find(|setting| setting.name == key)?;
        let (text, expected) = match setting.in_file {
            InFile::Count => (text_of(value), "an integer".to_owned()),
            InFile::Text(example) => {
                (value.get_ref().as_str().map(str::to_owned), format!("a string such as \"{example}\""))
            }
        };
        let text = section.expect(key, value, text, &expected)?;
        let text = checked(section, key, value, text, |text| setting.set(&mut T::default(), text))?;
        Some(SettingValue { setting, text })
    };
    section.entries().filter_map(entry).collect()
}

/// A string, or an integer as text.
pub(super) fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::Integer(integer) => to_i64(integer).map(|integer| integer.to_string()),
        other => other.as_str().map(str::to_owned),
    }
}

/// The text and its origin; problems are recorded in the document.
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
            section.document().wrong(&value.span(), error.message, error.hints.into_iter().next().map(String::from));
            None
        }
    }
}

/// Sections of the file from general to specific, then variables, then flags; the last one wins.
pub(super) fn choose<'e, T: Default>(
    sources: Sources<'_>,
    settings: &'static [Named<T>],
    in_file: impl IntoIterator<Item = &'e SettingValue<T>>,
) -> Result<T> {
    let mut target = T::default();
    for SettingValue { setting, text } in in_file {
        setting.set_sourced(&mut target, &text.value, text)?;
    }
    for setting in settings {
        if let Some(text) = sources.given(setting.flag.name, setting.flag.variable) {
            setting.set_sourced(&mut target, text.value.trim(), &text)?;
        }
    }
    Ok(target)
}
