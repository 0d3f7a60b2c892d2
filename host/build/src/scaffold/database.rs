//! The database that `runner init --database-url` writes: its URL in `runner.toml`, its password in `.env`.

use std::path::{Component, Path, PathBuf};

use cap_std::fs::Dir;

use super::Scaffolded;
use runner_base::error::{Error, Result};
use runner_database::DatabaseUrl;
use runner_project::env::{self, Variables};

/// The variable that stands for the password.
const PASSWORD: &str = "DB_PASSWORD";

/// The settings of a database, divided between two files.
pub(super) struct InitDatabase {
    /// The URL as `runner.toml` spells it, without a password.
    pub url: String,
    /// The variables that the URL refers to, with their values.
    pub secrets: Vec<(String, String)>,
}

impl InitDatabase {
    /// Divides the URL for a project in this directory.
    pub fn new(database: &DatabaseUrl, root: &Path) -> Self {
        if let Some(file) = database.sqlite_path() {
            // An absolute path means that place, wherever the project is.
            let path = if database.is_absolute() { file } else { relative(&file, root) };
            let path = path.display().to_string().replace('%', "%25").replace('?', "%3F");
            let query: Vec<String> =
                database.sqlite_parameters().map(|(name, value)| format!("{name}={value}")).collect();
            let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
            return Self { url: escaped(&format!("sqlite://{path}{query}")), secrets: Vec::new() };
        }
        let text = database.secret();
        let (mut url, mut secrets, mut rest) = (String::new(), Vec::new(), text);
        for range in database.passwords() {
            let number = secrets.len() + 1;
            let name = if number == 1 { PASSWORD.to_owned() } else { format!("{PASSWORD}_{number}") };
            let begin = text.len() - rest.len();
            url.push_str(&escaped(&text[begin..range.start]));
            url.push_str(&format!("${{{name}}}"));
            // A quote would end the value in `.env`; in a URL the two spellings are equal.
            secrets.push((name, text[range.clone()].replace('\'', "%27")));
            rest = &text[range.end..];
        }
        url.push_str(&escaped(rest));
        Self { url, secrets }
    }

    /// The content of `.env` with the secrets added; `None` if there is nothing to write.
    pub fn dotenv(&self, root: &Path) -> Result<Option<Vec<u8>>> {
        let known = Variables::load(Default::default(), root)?;
        let mut missing = String::new();
        for (name, value) in &self.secrets {
            match known.get(name)? {
                Some(known) if known == value => {}
                Some(_) => {
                    return Err(Error::usage(format!("`.env` already sets `{name}` to another password"))
                        .at("file", root.join(".env").display().to_string())
                        .hint(format!("use `${{{name}}}` as the password of the URL, or remove the line")));
                }
                None => missing.push_str(&format!("{name}='{value}'\n")),
            }
        }
        if missing.is_empty() {
            return Ok(None);
        }
        // Whatever it contains, it is kept byte for byte.
        let mut content = env::read_file(root)?.unwrap_or_default();
        if !content.is_empty() && !content.ends_with(b"\n") {
            content.push(b'\n');
        }
        content.extend(missing.into_bytes());
        Ok(Some(content))
    }

    /// Writes `.env`, which only its owner can read if it is a new file.
    pub fn write_dotenv(&self, dir: &Dir, made: &mut Scaffolded) -> Result<()> {
        let Some(text) = self.dotenv(&made.root)? else { return Ok(()) };
        made.replace_secret(dir, Path::new(env::FILE_NAME), text)
    }
}

/// A literal `${` in a URL of `runner.toml`.
fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// The path as seen from a directory; both are absolute.
fn relative(file: &Path, root: &Path) -> PathBuf {
    let directory = file.parent().and_then(|parent| parent.canonicalize().ok());
    let file = match (directory, file.file_name()) {
        (Some(directory), Some(name)) => directory.join(name),
        _ => file.to_path_buf(),
    };
    let parts: Vec<Component<'_>> = root.components().collect();
    let shared = parts.iter().zip(file.components()).take_while(|(ours, theirs)| *ours == theirs).count();
    // Only the root of the file system in common: another place of the machine.
    if shared <= 1 {
        return file;
    }
    let up = (shared..parts.len()).map(|_| Component::ParentDir);
    up.chain(file.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, root: &str) -> (String, Vec<(String, String)>) {
        let url = DatabaseUrl::parse(url, Path::new("/home/me")).expect("a URL");
        let database = InitDatabase::new(&url, Path::new(root));
        (database.url, database.secrets)
    }

    #[test]
    fn passwords_become_variables() {
        let secret = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (url, written, secrets) in [
            ("postgres://app@db/shop", "postgres://app@db/shop", vec![]),
            ("mysql://app:@db/shop", "mysql://app:@db/shop", vec![]),
            (
                "postgres://app:p%40'@db:5432/shop?x=${y}",
                "postgres://app:${DB_PASSWORD}@db:5432/shop?x=$${y}",
                vec![secret("DB_PASSWORD", "p%40%27")],
            ),
            (
                "postgres:///shop?password=a&sslpassword=b&x=1",
                "postgres:///shop?password=${DB_PASSWORD}&sslpassword=${DB_PASSWORD_2}&x=1",
                vec![secret("DB_PASSWORD", "a"), secret("DB_PASSWORD_2", "b")],
            ),
        ] {
            assert_eq!(of(url, "/home/me/shop"), (written.to_owned(), secrets), "{url}");
        }
    }

    #[test]
    fn paths_start_at_the_project() {
        for (url, root, written) in [
            ("sqlite:app.db", "/home/me", "sqlite://app.db"),
            ("sqlite:app.db?mode=rw", "/home/me/shop", "sqlite://../app.db?mode=rw"),
            ("sqlite:shop/100%25.db", "/home/me/shop", "sqlite://100%25.db"),
            ("sqlite:///var/app.db", "/home/me", "sqlite:///var/app.db"),
            ("sqlite:///home/me/app.db", "/home/me/deep/shop", "sqlite:///home/me/app.db"),
            ("sqlite:/home/me/app.db", "/home/me", "sqlite:///home/me/app.db"),
            ("sqlite::memory:", "/home/me", "sqlite://:memory:"),
        ] {
            assert_eq!(of(url, root).0, written, "{url}");
        }
    }
}
