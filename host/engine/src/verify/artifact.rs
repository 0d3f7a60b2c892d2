//! Compares the applied bytes with those in the project, its lockfile and the database.

use super::{Verdict, Verifier};
use crate::artifact::{of_stored, source_of};
use crate::history::{self, History, Record, Stored};
use crate::script::ScriptSource;
use crate::target::compare_revisions;
use runner_base::error::{ErrorKind, Result};
use runner_project::catalog::Kind;
use runner_project::{sha256, short};

/// The stored artifact, if it is what was applied.
enum Kept {
    Nothing,
    Whole(ScriptSource),
    Another,
}

impl Verifier {
    /// Checks whether all copies agree, and returns the applied bytes if there is a copy.
    pub(super) async fn artifact(&self, history: &History, record: &Record) -> Result<(Verdict, Option<ScriptSource>)> {
        let kept = self.kept(history, record).await?;
        let mut places = Vec::new();
        let mut differs = None;
        let mut source = None;
        match self.project.catalog.get(&record.revision) {
            Some(migration) if migration.sha256 == record.sha256 => {
                places.push(if migration.locked { "project, lockfile" } else { "project" });
                source = Some(source_of(migration)?);
            }
            Some(migration) => {
                let (project, applied) = (short(&migration.sha256), short(&record.sha256));
                differs = Some(format!("the project has sha256 {project}, but {applied} was applied"));
            }
            None => {}
        }
        let problem = self.project.problems.iter().find(|it| compare_revisions(&it.revision, &record.revision).is_eq());
        if let Some(problem) = problem {
            differs.get_or_insert_with(|| problem.message.clone());
        }
        match kept {
            Kept::Whole(bytes) => {
                places.push("database");
                source = source.or(Some(bytes));
            }
            Kept::Another => {
                let what = format!("the stored copy differs from what was applied, sha256 {}", short(&record.sha256));
                differs.get_or_insert(what);
            }
            Kept::Nothing => {}
        }
        let verdict = match (differs, places.is_empty()) {
            (Some(what), _) => Verdict::Differs(what),
            (None, true) => Verdict::Unproven("its bytes are neither in the project nor in the database".to_owned()),
            (None, false) => Verdict::Proven(format!("sha256 {} in {}", short(&record.sha256), places.join(", "))),
        };
        Ok((verdict, source))
    }

    async fn kept(&self, history: &History, record: &Record) -> Result<Kept> {
        if !history.keeps(record) {
            return Ok(Kept::Nothing);
        }
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let stored = match history::load_artifact(database, &record.revision, &record.sha256).await {
            Ok(stored) => stored,
            Err(error) if error.kind == ErrorKind::Mismatch => return Ok(Kept::Another),
            Err(error) => return Err(error),
        };
        Ok(match stored {
            None => Kept::Nothing,
            Some(Stored::Sql { up, down, .. })
                if record.kind == Kind::Sql && sha256(up.as_bytes()) == record.sha256 =>
            {
                Kept::Whole(ScriptSource::Sql { up, down, template: None })
            }
            Some(Stored::Sql { .. }) => Kept::Another,
            Some(stored) if stored.kind() == record.kind => {
                of_stored(stored, &record.sha256).map_or(Kept::Another, Kept::Whole)
            }
            Some(_) => Kept::Another,
        })
    }
}
