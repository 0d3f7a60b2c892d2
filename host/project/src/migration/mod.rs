//! One migration of a project: its kind, its description and its artifact.

mod need;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::digest::{component_digest, sha256};
use crate::files::read_regular_anywhere;
use crate::revision::migration_id;
use crate::script::ScriptFiles;
use crate::sql_file::WrittenSql;
pub use need::{Need, RAW_SQL};
use runner_base::error::{Error, Result};
use runner_database::{Dialect, Renames};
use runner_sql::Sql;

/// The largest value that the limit `artifact_bytes` can have.
const LARGEST: u64 = 4 << 30;

runner_base::named! {
    /// Kind of a migration.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        /// A pair of SQL files.
        Sql = "sql",
        /// A WebAssembly component.
        Component = "component",
        /// A script, which a runtime runs.
        Script = "script",
    }
}

impl Kind {
    /// Whether it runs in the sandbox, and so uses the database in the role of components.
    pub fn is_sandboxed(self) -> bool {
        self != Self::Sql
    }
}

runner_base::named! {
    /// The mode that a migration asks for.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Mode {
        /// Atomic where the database can roll back DDL, stepwise elsewhere.
        #[default]
        Auto = "auto",
        /// One transaction for the work and its history row.
        Atomic = "atomic",
        /// Every step commits on its own.
        Stepwise = "stepwise",
    }
}

/// Description of a migration: from a component's `describe` (stored in the lockfile) or the directives of a SQL file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// One line.
    pub summary: String,
    /// Revisions that must be applied first: of the project, or `vendor/package:REVISION`.
    pub depends_on: Vec<String>,
    /// The mode that it asks for.
    pub mode: Mode,
    /// Supported databases; empty: all.
    pub dialects: Vec<Dialect>,
    /// It cannot be rolled back.
    pub irreversible: bool,
    /// What it declares to need.
    pub needs: Vec<Need>,
    /// The mode of its downgrade, if that asks for another one.
    pub down_mode: Option<Mode>,
    /// It has no downgrade, and does not say that it cannot have one.
    pub no_downgrade: bool,
    /// The grants that its package asks for, line by line.
    pub requires: Vec<String>,
    /// What runs it, if it is a script: the runtime's name and digest.
    pub runtime: Option<String>,
    /// The edition of the IANA time zones in its component or its runtime, such as `2026f`, if that says it.
    pub time_zones: Option<String>,
    /// What its tables are called here, if it belongs to a package. What it needs and asks for has these names already.
    pub renames: Arc<Renames>,
    /// The project whose migration it is; empty if that is not known.
    pub project: String,
}

impl Description {
    /// What it needs, as a plan shows it: the grants that its package asks for, and what it declares in addition.
    pub fn shown_needs(&self) -> Vec<String> {
        let asked = Need::grants(&self.requires);
        let is_beside =
            |need: &&Need| matches!(need, Need::TableRebuild | Need::Limit { .. }) || !need.is_granted(&asked);
        self.requires.iter().cloned().chain(self.needs.iter().filter(is_beside).map(ToString::to_string)).collect()
    }

    /// Replaces the names of tables in what it needs by those that they have here.
    pub fn rename(&mut self, renames: &Arc<Renames>) {
        self.needs = self.needs.iter().flat_map(|need| need.renamed(renames)).collect();
        self.renames = renames.clone();
    }

    /// Whether it needs foreign keys not to be enforced while it runs.
    pub fn needs_table_rebuild(&self) -> bool {
        self.needs.contains(&Need::TableRebuild)
    }
}

/// The artifact of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// SQL with LF line ends, as this database gets it.
    Sql {
        /// The upgrade and the downgrade.
        texts: WrittenSql,
        /// Where the two are.
        files: SqlFiles,
    },
    /// A component, which is read when needed.
    Component {
        /// Its files.
        files: ComponentFiles,
        /// The assets: path below their directory, with `/`, to sha256.
        assets: BTreeMap<String, String>,
    },
    /// A script; its files and its runtime are read when needed.
    Script(ScriptFiles),
}

/// The files of a migration in SQL, as messages name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlFiles {
    /// The file of the upgrade; empty if it is `REVISION_name.up.sql`.
    pub up: String,
    /// The file of the downgrade; that of the upgrade if both are in one.
    pub down: Option<String>,
    /// The dialect that the files were chosen for, if some are for certain dialects.
    pub chosen_for: Option<Dialect>,
    /// Those dialects.
    pub dialects: Vec<Dialect>,
}

/// Where the files of a component are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentFiles {
    /// On disk.
    Disk {
        /// The `.wasm` file, absolute.
        path: PathBuf,
        /// The directory of its assets, absolute; it exists only if there are any.
        assets_directory: PathBuf,
    },
    /// In the file of a package, which was read and checked.
    Packaged {
        /// The file, as messages show it.
        file: String,
        /// Its bytes.
        package: Arc<[u8]>,
        /// Where the component is in them.
        range: Range<usize>,
    },
    /// In the program.
    Embedded {
        /// The path of the `.wasm` file below the project.
        path: String,
        /// Its bytes.
        wasm: &'static [u8],
        /// The assets: path below their directory, with `/`, to bytes.
        assets: Arc<BTreeMap<String, &'static [u8]>>,
    },
}

impl ComponentFiles {
    /// The path of the `.wasm` file, as messages show it.
    pub fn shown(&self) -> String {
        match self {
            Self::Disk { path, .. } => path.display().to_string(),
            Self::Packaged { file, .. } => file.clone(),
            Self::Embedded { path, .. } => path.clone(),
        }
    }
}

/// One migration of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its revision, as spelled in the file name.
    pub revision: String,
    /// The name after the revision.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Digest of what is applied, in hexadecimal: the upgrade's text with LF line ends, or the component's bytes; with
    /// assets, the digest over the bytes' and the assets' digests. That of a script is the same, with the runtime's bytes.
    pub sha256: String,
    /// Its artifact.
    pub artifact: Artifact,
    /// Its description.
    pub description: Description,
    /// Whether the lockfile lists it.
    pub locked: bool,
}

impl Migration {
    /// `REVISION_name`.
    pub fn id(&self) -> String {
        migration_id(&self.revision, &self.name)
    }

    /// Whether there is nothing in it for a database of that dialect: it is SQL, and its files are named after other databases. A
    /// component is for every database; one that does not know a database fails. As long as only the URL says `mysql`, the server
    /// may be MariaDB.
    pub fn is_elsewhere(&self, dialect: Dialect) -> bool {
        let dialects = &self.description.dialects;
        self.kind == Kind::Sql && !dialects.is_empty() && !dialects.iter().any(|it| it.is_akin(dialect))
    }

    /// Refuses SQL that was chosen for MySQL where the server turns out to be MariaDB, or the other way round.
    pub fn check_server(&self, server: Dialect) -> Result<()> {
        let Artifact::Sql { files: SqlFiles { chosen_for: Some(chosen), dialects, .. }, .. } = &self.artifact else {
            return Ok(());
        };
        if *chosen == server || !dialects.contains(&Dialect::Mariadb) {
            return Ok(());
        }
        let error = Error::usage(format!(
            "the migration has files for MariaDB, and the URL says {chosen}, but the server is {server}"
        ));
        Err(error.at("migration", self.id()).hint(format!("begin the URL with `{}://`", server.name())))
    }

    /// The file of the upgrade.
    pub fn up_file(&self) -> String {
        match &self.artifact {
            Artifact::Sql { files, .. } if !files.up.is_empty() => files.up.clone(),
            Artifact::Sql { .. } => format!("{}.up.sql", self.id()),
            Artifact::Component { files: ComponentFiles::Packaged { file, .. }, .. } => file.clone(),
            Artifact::Component { files: ComponentFiles::Disk { path, .. }, .. } => {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Artifact::Component { files: ComponentFiles::Embedded { path, .. }, .. } => {
                path.rsplit('/').next().unwrap_or_default().to_owned()
            }
            Artifact::Script(files) => files.path.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// The file of the downgrade; that of SQL may not exist.
    pub fn down_file(&self) -> String {
        match &self.artifact {
            Artifact::Sql { files: SqlFiles { down: Some(down), .. }, .. } => down.clone(),
            Artifact::Sql { files, .. } => missing_down(&files.up).unwrap_or_else(|| format!("{}.down.sql", self.id())),
            Artifact::Component { .. } | Artifact::Script(_) => self.up_file(),
        }
    }

    /// The upgrade and the downgrade of SQL; `None` for others. Fails if they had to be read and have changed.
    pub fn read_sql(&self) -> Result<Option<(&Sql, Option<&Sql>)>> {
        let Artifact::Sql { texts, .. } = &self.artifact else { return Ok(None) };
        let (up, down) = texts.read()?;
        Ok(Some((up, down.as_ref())))
    }

    /// Whether it is SQL, of an upgrade alone.
    pub fn has_no_downgrade(&self) -> bool {
        matches!(&self.artifact, Artifact::Sql { texts, .. } if !texts.has_down())
    }

    /// The bytes of a component, checked against its digest; `None` for others.
    pub fn read_component(&self) -> Result<Option<Vec<u8>>> {
        let Artifact::Component { files, assets } = &self.artifact else { return Ok(None) };
        let path = match files {
            ComponentFiles::Disk { path, .. } => path,
            ComponentFiles::Packaged { package, range, .. } => {
                return Ok(package.get(range.clone()).map(<[u8]>::to_vec));
            }
            // Nothing changes what is part of the program.
            ComponentFiles::Embedded { wasm, .. } => return Ok(Some(wasm.to_vec())),
        };
        let unreadable = |error| Error::failed(format!("cannot read `{}`", path.display())).cause(error);
        // What is too large is not what the lockfile lists either.
        let bytes = read_regular_anywhere(path, LARGEST).map_err(unreadable)?.unwrap_or_default();
        if component_digest(&sha256(&bytes), assets) != self.sha256 {
            return Err(Error::mismatch(format!("`{}` changed while runner was running", path.display()))
                .hint("run the command again once nothing else writes to the project"));
        }
        Ok(Some(bytes))
    }
}

/// The name that the downgrade to this upgrade would have; `None` for the usual one.
fn missing_down(up: &str) -> Option<String> {
    let (directory, file) = up.rsplit_once('/')?;
    Some(format!(
        "{directory}/{}",
        if file.starts_with("up.") { file.replacen("up.", "down.", 1) } else { "down.sql".to_owned() }
    ))
}
