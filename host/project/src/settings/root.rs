//! Migrations next to the directory of the settings: `migrations = "../migrations"`, within one repository.

use std::path::{Component, Path, PathBuf};

use runner_base::error::{Error, Result};

/// Where the files of a project are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Above {
    /// The directory that has the settings and the migrations, however deep.
    pub root: PathBuf,
    /// The directory of the settings in it.
    pub below: PathBuf,
    /// The directory of the migrations in it.
    pub migrations: PathBuf,
}

impl Above {
    /// For the directory of the settings, absolute, and that of the migrations, as the settings name it. Fails if what
    /// has both is not part of a repository: a project reads no files that do not belong to it.
    pub fn of(directory: &Path, migrations: &Path) -> Result<Self> {
        let up = migrations.components().take_while(|part| *part == Component::ParentDir).count();
        let migrations: PathBuf = migrations.components().skip(up).collect();
        let root = directory.ancestors().nth(up).unwrap_or(Path::new("/"));
        let is_in_repository = || root.ancestors().any(|ancestor| ancestor.join(".git").exists());
        if up > 0 && !is_in_repository() {
            let shown = Path::new("..").join(&migrations);
            return Err(Error::usage(format!("the migrations in `{}` are outside of the project", shown.display())).hint(
                "they may be next to the settings in one repository of git; elsewhere, put the settings file into a directory above both, \
                 and name it by `--config`",
            ));
        }
        let below = directory.strip_prefix(root).unwrap_or(Path::new("")).to_path_buf();
        Ok(Self { root: root.to_path_buf(), below, migrations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_beside_the_settings_belong_to_one_repository() {
        let parent = tempfile::tempdir().expect("a directory");
        let service = parent.path().join("services/shop");
        std::fs::create_dir_all(&service).expect("made");
        let of = |migrations: &str| Above::of(&service, Path::new(migrations));
        let inside = Above { root: service.clone(), below: PathBuf::new(), migrations: "db/x".into() };
        assert_eq!(of("db/x").expect("inside"), inside);
        let error = of("../../db").expect_err("no repository");
        assert!(error.message.contains("outside of the project"), "{error:?}");
        std::fs::create_dir(parent.path().join(".git")).expect("made");
        let beside = Above { root: parent.path().into(), below: "services/shop".into(), migrations: "db".into() };
        assert_eq!(of("../../db").expect("beside"), beside);
    }
}
