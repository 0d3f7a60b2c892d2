//! Migrations in SQL: read, or known from the last time.

use std::sync::OnceLock;

use super::{Digests, Loader, migration};
use crate::catalog::compare::SqlFound;
use crate::catalog::{Artifact, ComparedTexts, Kind, Migration};
use crate::discovery::{Found, FoundEntry, SqlFile};
use crate::problem::Problem;
use crate::source::OpenFile;
use crate::sql_file::{Known, KnownPlace, SqlTexts, WrittenPlace, WrittenSql};
use runner_base::dialect::Dialect;

impl Loader<'_> {
    pub(super) fn sql<'f>(
        &self,
        found: &Found,
        files: &'f [SqlFile],
        metadata: Option<&FoundEntry>,
    ) -> Result<(Migration, Digests<'f>), Vec<Problem>> {
        let dialect = self.checks.dialect.unwrap_or_else(|| self.settings.database_url.value.dialect());
        let entries = files.iter().map(|file| &file.entry).chain(metadata);
        let opened: Vec<_> = entries.map(|file| self.source.open_file(file)).collect();
        let place = self.known_place((files, metadata), &opened, dialect);
        let (Known { digest, digests, stepwise, files: chosen, description }, texts) = match place {
            Some((place, Some(known))) => (known.clone(), self.written((files, metadata), dialect, (place, known))),
            Some((place, None)) => {
                let (known, texts) = self.read(found, (files, metadata), opened, dialect)?;
                place.store(&known);
                (known, texts)
            }
            None => self.read(found, (files, metadata), opened, dialect)?,
        };
        let artifact = Artifact::Sql { texts, files: chosen };
        let compares_all = self.checks.locked || self.checks.texts == ComparedTexts::All;
        let digests = SqlFound { digests, files, stepwise, only_for: (!compares_all).then_some(dialect) };
        Ok((migration(found, Kind::Sql, digest, artifact, description), Digests::Sql(digests)))
    }

    /// Where large files are remembered, and what is known of these.
    fn known_place(
        &self,
        files: (&[SqlFile], Option<&FoundEntry>),
        opened: &[Result<OpenFile, Problem>],
        dialect: Dialect,
    ) -> Option<(KnownPlace, Option<Known>)> {
        // A check of all texts is about what is in them.
        if self.checks.texts == ComparedTexts::All {
            return None;
        }
        let opened: Vec<&OpenFile> = opened.iter().map(|file| file.as_ref().ok()).collect::<Option<_>>()?;
        let place = KnownPlace::of((self.settings, dialect), files, &opened)?;
        let known = place.load();
        Some((place, known))
    }

    /// What is in the files of a migration, which were opened in the order in which they are read.
    fn read(
        &self,
        found: &Found,
        (files, metadata): (&[SqlFile], Option<&FoundEntry>),
        opened: Vec<Result<OpenFile, Problem>>,
        dialect: Dialect,
    ) -> Result<(Known, WrittenSql), Vec<Problem>> {
        let (mut opened, limit) = (opened.into_iter(), self.settings.limits.artifact_bytes);
        let texts = SqlTexts::read(files, metadata, |file| {
            opened.next().unwrap_or_else(|| self.source.open_file(file))?.read(&file.file_name, limit)
        })?;
        match texts.into_chosen(dialect)? {
            Some((known, (up, down))) => Ok((known, WrittenSql::new(up, down))),
            None => Err(vec![Problem::new(format!("`{}` has no upgrade", found.id()))]),
        }
    }

    /// The texts of which all else is known.
    fn written(
        &self,
        (files, metadata): (&[SqlFile], Option<&FoundEntry>),
        dialect: Dialect,
        (known, found): (KnownPlace, Known),
    ) -> WrittenSql {
        WrittenSql::at(WrittenPlace {
            root: self.settings.root.clone(),
            migrations: self.settings.migrations.clone(),
            files: files.to_vec(),
            metadata: metadata.cloned(),
            limit: self.settings.limits.artifact_bytes,
            dialect,
            found,
            known,
            texts: OnceLock::new(),
        })
    }
}
