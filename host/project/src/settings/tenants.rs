//! `[tenants]`: many databases that share the migrations of the project.

use std::path::{Path, PathBuf};

use super::interpolate::{DatabaseUse, interpolate};
use super::lock::with_lock;
use super::password::{self, PasswordSetting, UrlSetting};
use crate::env::Variables;
use crate::files::read_regular_anywhere;
use crate::origin::Sourced;
use crate::toml_reader::Section;
use runner_base::error::{Error, Result};
use runner_database::{ChosenLock, DatabaseUrl, Unset};

/// What stands for the name of a tenant in the URL.
pub(super) const PLACEHOLDER: &str = "{tenant}";

/// The largest list of tenants that is read: a hundred thousand with their URLs.
const LARGEST: u64 = 16 << 20;

/// `[tenants]` or `[environments.NAME.tenants]`, as in the file.
#[derive(Clone, Debug)]
pub(super) struct TenantsTable {
    /// The table's full name.
    pub path: String,
    /// The databases are neither dropped nor rolled back to the base.
    pub protected: bool,
    url: Option<UrlSetting>,
    source: SourceText,
    canary: Vec<String>,
}

/// Where the names come from, as in the file.
#[derive(Clone, Debug)]
enum SourceText {
    Names(Vec<String>),
    File(Sourced<String>),
    Query { sql: Sourced<String>, url: Option<Sourced<String>> },
}

/// The tenants of a project, before their names are read.
#[derive(Clone, Debug)]
pub struct Tenants {
    /// The table of the settings file that describes them.
    pub table: String,
    /// Where their names come from.
    pub source: TenantSource,
    /// Those that a run begins with.
    pub canary: Vec<String>,
    url: Option<(Sourced<String>, Option<String>)>,
    /// The password of `url`.
    password: Option<PasswordSetting>,
    variables: Variables,
    wanted: DatabaseUse,
    lock: Option<Sourced<ChosenLock>>,
    root: PathBuf,
}

/// Where the names of tenants come from.
#[derive(Clone, Debug)]
pub enum TenantSource {
    /// The settings file.
    Names(Vec<String>),
    /// A file, absolute, and how messages show it.
    File(PathBuf, Sourced<String>),
    /// A query on a database.
    Query(Sourced<String>, Box<Sourced<DatabaseUrl>>),
}

/// A tenant and its database.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// The URL of its database.
    pub url: Sourced<DatabaseUrl>,
}

/// Reads the table; problems are recorded in the document.
pub(super) fn read(section: &Section<'_, '_>) -> Option<TenantsTable> {
    section.only(&[
        "url",
        "password_file",
        "password_env",
        "names",
        "file",
        "query",
        "query_url",
        "canary",
        "protected",
    ]);
    let path = section.path();
    let given: Vec<&str> = ["names", "file", "query"].into_iter().filter(|key| section.has(key)).collect();
    if given.len() != 1 {
        let key = given.last().copied().unwrap_or_default();
        let what = if given.is_empty() { "does not say where the names come from" } else { "has more than one list" };
        section.wrong(key, format!("`[{path}]` {what}"), "set one of `names`, `file` and `query`");
        return None;
    }
    let url = password::read(section);
    if section.has("names") && !section.has("url") {
        let hint = "add a line such as `url = \"sqlite://tenants/{tenant}.db\"`";
        section.wrong("names", format!("`[{path}]` has no `url`"), hint);
    }
    if url.as_ref().is_some_and(|url| !url.text.value.contains(PLACEHOLDER)) {
        let message = format!("`{}` has no `{PLACEHOLDER}`: all tenants would be one database", section.key("url"));
        section.wrong("url", message, "put `{tenant}` where the name belongs");
    }
    if section.has("query_url") && !section.has("query") {
        section.wrong("query_url", format!("`[{path}]` has a `query_url` and no `query`"), "remove it, or add `query`");
    }
    let source = match *given.first()? {
        "names" => SourceText::Names(section.strings("names")),
        "file" => SourceText::File(section.string("file")?),
        _ => SourceText::Query { sql: section.string("query")?, url: section.string("query_url") },
    };
    let (canary, protected) = (section.strings("canary"), section.boolean("protected"));
    Some(TenantsTable { path: path.to_owned(), protected, url, source, canary })
}

impl TenantsTable {
    /// The tenants with variables filled in; `lock` is that of their databases, `main` the URL of the project's main database.
    pub fn choose(
        &self,
        (variables, root): (&Variables, &Path),
        wanted: DatabaseUse,
        lock: Option<&Sourced<ChosenLock>>,
        main: impl FnOnce() -> Result<Sourced<DatabaseUrl>>,
    ) -> Result<Tenants> {
        let filled = |text: &Sourced<String>| {
            let filled = interpolate(text, variables, wanted)?;
            Ok::<_, Error>((Sourced { value: filled.text, origin: text.origin.clone() }, filled.unset))
        };
        let source = match &self.source {
            SourceText::Names(names) => TenantSource::Names(names.clone()),
            SourceText::File(file) => TenantSource::File(root.join(&file.value), file.clone()),
            SourceText::Query { sql, url: None } => TenantSource::Query(sql.clone(), Box::new(main()?)),
            SourceText::Query { sql, url: Some(url) } => {
                let value = super::interpolate::url(url, variables, root, wanted)?;
                TenantSource::Query(sql.clone(), Box::new(Sourced { value, origin: url.origin.clone() }))
            }
        };
        Ok(Tenants {
            table: self.path.clone(),
            source,
            canary: self.canary.clone(),
            url: self.url.as_ref().map(|url| filled(&url.text)).transpose()?,
            password: self.url.as_ref().and_then(|url| url.password.clone()),
            variables: variables.clone(),
            wanted,
            lock: lock.cloned(),
            root: root.to_path_buf(),
        })
    }
}

impl Tenants {
    /// The tenant of a name; `own` is the URL that its list has for it.
    pub fn tenant(&self, name: &str, own: Option<&Sourced<String>>) -> Result<Tenant> {
        let (text, origin, unset) = match (own, &self.url) {
            (Some(own), _) => (own.value.clone(), own.origin.clone(), None),
            (None, Some((template, unset))) => {
                let encoded = percent_encoding::utf8_percent_encode(name, UNRESERVED).to_string();
                (template.value.replace(PLACEHOLDER, &encoded), template.origin.clone(), unset.clone())
            }
            (None, None) => {
                return Err(Error::usage(format!("the tenant `{name}` has no URL"))
                    .hint(format!("give it one in its list, or set `url` in `[{}]`", self.table)));
            }
        };
        let parsed = DatabaseUrl::parse(&text, &self.root);
        let value = parsed.map_err(|error| error.at("setting", origin.to_string()).at("tenant", name))?;
        let value = unset.into_iter().map(Unset::Variable).fold(value, DatabaseUrl::with_unset);
        let value = match &self.password {
            Some(password) if own.is_none() => {
                let given = password.give(value, (&self.variables, &self.root), self.wanted);
                given.map_err(|error| error.at("tenant", name))?
            }
            _ => value,
        };
        let value = match &self.lock {
            Some(lock) => with_lock(value, lock).map_err(|error| error.at("tenant", name))?,
            None => value,
        };
        Ok(Tenant { name: name.to_owned(), url: Sourced { value, origin } })
    }
}

/// What a name may be in a URL as it is. Everything else is encoded, so that a name stays a name.
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Reads a list of tenants.
pub fn read_list(path: &Path, shown: &Sourced<String>) -> Result<String> {
    let failed = |what: &str| {
        Error::usage(format!("cannot read the list of tenants `{}`: {what}", shown.value))
            .at("setting", shown.origin.to_string())
    };
    let bytes = read_regular_anywhere(path, LARGEST).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("it does not exist").hint("relative paths start at the project"),
        _ => failed("see the cause").cause(error),
    })?;
    let bytes = bytes.ok_or_else(|| failed("it has more than 16 MiB"))?;
    String::from_utf8(bytes).map_err(|error| {
        failed(&format!("it is not valid UTF-8 at byte {}", error.utf8_error().valid_up_to()))
            .hint("save the file as UTF-8")
    })
}
