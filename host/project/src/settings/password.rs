//! `password_file` and `password_env`: a password as it is, next to the `url` that it belongs to.

use std::path::Path;

use super::interpolate::{DatabaseUse, interpolate};
use crate::env::Variables;
use crate::files::read_regular_anywhere;
use crate::origin::Sourced;
use crate::toml_reader::Section;
use runner_base::error::{Error, Result};
use runner_database::DatabaseUrl;

/// The keys of a table with a URL.
pub(super) const URL_KEYS: [&str; 3] = ["url", FILE, VARIABLE];

const FILE: &str = "password_file";

const VARIABLE: &str = "password_env";

/// The largest file of a password; tokens of clouds have some thousand bytes.
const LARGEST: u64 = 64 << 10;

/// A URL of the settings, and the password next to it.
#[derive(Clone, Debug)]
pub(super) struct UrlSetting {
    pub text: Sourced<String>,
    pub password: Option<PasswordSetting>,
}

/// Where a password is.
#[derive(Clone, Debug)]
pub(super) enum PasswordSetting {
    /// In a file; a relative path starts at the project.
    File(Sourced<String>),
    /// In a variable.
    Variable(Sourced<String>),
}

/// Reads `url` and the password next to it; problems are recorded in the document.
pub(super) fn read(section: &Section<'_, '_>) -> Option<UrlSetting> {
    if section.has(FILE) && section.has(VARIABLE) {
        let message = format!("`[{}]` has both `{FILE}` and `{VARIABLE}`", section.path());
        section.wrong(VARIABLE, message, "remove one of them");
    }
    for key in [FILE, VARIABLE] {
        if section.has(key) && !section.has("url") {
            let message = format!("`[{}]` has a `{key}` and no `url`", section.path());
            section.wrong(key, message, "put it next to the `url` that needs the password");
        }
    }
    let file = section.string(FILE).map(PasswordSetting::File);
    let password = file.or(section.string(VARIABLE).map(PasswordSetting::Variable));
    Some(UrlSetting { text: section.string("url")?, password })
}

impl PasswordSetting {
    /// Gives a URL the password. It is read only if the database is needed.
    pub fn give(
        &self,
        url: DatabaseUrl,
        (variables, root): (&Variables, &Path),
        wanted: DatabaseUse,
    ) -> Result<DatabaseUrl> {
        let (Self::File(setting) | Self::Variable(setting)) = self;
        let key = self.key();
        let wrong =
            |what: &str, hint: String| Err(Error::usage(what).at("setting", setting.origin.to_string()).hint(hint));
        if !url.dialect().has_server() {
            return wrong(
                &format!("`{key}` is not possible on SQLite, which has no passwords"),
                format!("remove `{key}`"),
            );
        }
        if url.has_password() {
            return wrong(
                &format!("the URL next to `{key}` has a password of its own"),
                "remove one of the two".to_owned(),
            );
        }
        if wanted == DatabaseUse::Kind {
            return Ok(url);
        }
        let password = self.read(variables, root, wanted)?;
        match url.with_password(&password) {
            Some(url) => Ok(url),
            None => wrong(
                &format!("the URL next to `{key}` names no host, so it cannot have a password"),
                "name the host, such as `postgres://user@localhost/database`".to_owned(),
            ),
        }
    }

    fn key(&self) -> &'static str {
        match self {
            Self::File(_) => FILE,
            Self::Variable(_) => VARIABLE,
        }
    }

    /// Reads the password, without the newline at the end of a file.
    fn read(&self, variables: &Variables, root: &Path, wanted: DatabaseUse) -> Result<String> {
        let (Self::File(setting) | Self::Variable(setting)) = self;
        let wrong = |what: String| Error::usage(what).at("setting", setting.origin.to_string());
        let (password, what) = match self {
            Self::Variable(name) => {
                let value = variables.get(&name.value).map_err(|error| error.at("setting", name.origin.to_string()))?;
                let unset = || {
                    wrong(format!("the variable `{}` is not set", name.value)).hint("set it to the database's password")
                };
                (value.ok_or_else(unset)?.to_owned(), format!("the variable `{}`", name.value))
            }
            Self::File(file) => {
                let name = interpolate(file, variables, wanted)?.text;
                let failed = |what: &str| wrong(format!("cannot read the password file `{name}`: {what}"));
                let bytes = read_regular_anywhere(&root.join(&name), LARGEST).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        failed("it does not exist").hint("relative paths start at the project")
                    }
                    _ => failed("see the cause").cause(error),
                })?;
                let bytes = bytes.ok_or_else(|| failed("it has more than 64 KiB"))?;
                let mut text =
                    String::from_utf8(bytes).map_err(|_| failed("it is not valid UTF-8").hint("save it as UTF-8"))?;
                for end in ['\n', '\r'] {
                    if text.ends_with(end) {
                        text.pop();
                    }
                }
                (text, format!("the password file `{name}`"))
            }
        };
        if password.is_empty() {
            return Err(
                wrong(format!("{what} is empty")).hint(format!("write the password to it, or remove `{}`", self.key()))
            );
        }
        Ok(password)
    }
}
