//! What is known of large files from the last time they were read, so that a migration that is applied costs a look at the state of
//! its files, and not a parse: they are read again when their text is needed.

use std::io::Read as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::fs::Metadata;
use serde::{Deserialize, Serialize};

use crate::cache::{CacheDirectory, touch};
use crate::digest::sha256;
use crate::discovery::{FoundEntry, SqlFile};
use crate::lockfile::{SqlDigests, TextDigests};
use crate::migration::{Description, Mode, Need, SqlFiles};
use crate::settings::Settings;
use crate::source::OpenFile;
use runner_database::Dialect;

/// From how many bytes on a migration is remembered. A smaller one is read as quickly as what is known of it.
const LARGE: u64 = 1 << 20;

/// How long a file must not have changed when it is opened: what changes within the same tick of the file system's clock could look the same.
const SETTLED: Duration = Duration::from_secs(2);

/// How many bytes a digest has in hexadecimal.
const DIGEST: usize = 64;

/// Part of each name. Must change with whatever is found in a file: what is kept is that of one version.
const FORMAT: &str = concat!("1 ", env!("CARGO_PKG_VERSION"));

/// What a catalog has of a migration in SQL, except for its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The digest of the migration.
    pub digest: String,
    /// The digests of all of its texts.
    pub digests: SqlDigests,
    /// Whether the chosen ones commit each statement, as far as a file other than the SQL says so.
    pub stepwise: bool,
    /// The files of the chosen ones.
    pub files: SqlFiles,
    /// What they say about the migration.
    pub description: Description,
}

/// The place of that in the cache of the user.
#[derive(Debug)]
pub(crate) struct KnownPlace {
    cache: CacheDirectory,
    name: String,
    states: Vec<FileState>,
    /// Whether their files had not changed for a while.
    settled: bool,
}

impl KnownPlace {
    /// The place for the files of a migration, which were opened to be read; `None` if they are small, or there is no cache.
    pub fn of(
        (settings, dialect): (&Settings, Dialect),
        (files, metadata): (&[SqlFile], Option<&FoundEntry>),
        opened: &[&OpenFile],
    ) -> Option<Self> {
        let cache = settings.cache_directory.as_ref()?;
        let is_too_large = |file: &&OpenFile| file.size() > settings.limits.artifact_bytes;
        if opened.iter().map(|file| file.size()).sum::<u64>() < LARGE || opened.iter().any(is_too_large) {
            return None;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let states = opened.iter().map(|file| FileState::of(file)).collect::<Option<Vec<_>>>()?;
        let settled = states.iter().all(|state| state.written.max(state.changed) + SETTLED < now);
        let place = (&settings.root, &settings.migrations, dialect, files, metadata);
        let name = format!("{}-sql.json", sha256(format!("{FORMAT} {place:?}").as_bytes()));
        // One that is not private is reported where components are compiled.
        Some(Self { cache: CacheDirectory::open(cache).ok()?, name, states, settled })
    }

    /// What is known, if the files are as they were.
    pub fn load(&self) -> Option<Known> {
        let mut file = self.cache.get(&self.name).ok()?;
        let mut text = Vec::new();
        file.by_ref().take(LARGE).read_to_end(&mut text).ok()?;
        let (digest, text) = text.split_at_checked(DIGEST)?;
        let kept: Kept =
            (digest == self.digest(text).as_bytes()).then(|| serde_json::from_slice(text).ok()).flatten()?;
        let known = (kept.states == self.states).then(|| kept.known()).flatten()?;
        touch(file);
        Some(known)
    }

    /// Keeps what was found in the files, which had these states when they were opened. A cache that cannot be written is not an
    /// error: the next command reads them again.
    pub fn store(&self, known: &Known) {
        let text = self.settled.then(|| serde_json::to_vec(&Kept::of(self.states.clone(), known)).ok());
        if let Some(text) = text.flatten() {
            let _ = self.cache.store(&self.name, &[self.digest(&text).as_bytes(), &text]);
        }
    }

    /// Removes what is kept.
    pub fn forget(&self) {
        self.cache.remove(&self.name);
    }

    /// What is before a text under this name: it finds one that is damaged, or has taken the place of another one.
    fn digest(&self, text: &[u8]) -> String {
        sha256(&[self.name.as_bytes(), text].concat())
    }
}

/// What shows whether a file has changed: its identity, its size, and when it was written, or anything else of it changed. The latter
/// only the system sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    identity: [u64; 2],
    size: u64,
    /// Since 1970.
    written: Duration,
    changed: Duration,
}

impl FileState {
    fn of(file: &OpenFile) -> Option<Self> {
        let metadata = file.metadata()?;
        let written = metadata.modified().ok()?.into_std().duration_since(UNIX_EPOCH).ok()?;
        let (identity, changed) = identity(&metadata)?;
        Some(Self { identity, size: metadata.len(), written, changed })
    }
}

/// The device and the number of a file, and when the system last noted a change of it; `None` if that was before 1970, or is not known.
/// Then nothing is kept: any program can set the time of writing.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<([u64; 2], Duration)> {
    use cap_std::fs::MetadataExt;
    let changed = Duration::new(metadata.ctime().try_into().ok()?, metadata.ctime_nsec().try_into().ok()?);
    Some(([metadata.dev(), metadata.ino()], changed))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<([u64; 2], Duration)> {
    None
}

/// [`Known`], as it is written.
#[derive(Serialize, Deserialize)]
struct Kept {
    states: Vec<FileState>,
    digest: String,
    /// The dialect, and the digests of upgrade and downgrade.
    digests: Vec<(Option<String>, Option<String>, Option<String>)>,
    all_stepwise: bool,
    stepwise: bool,
    up: String,
    down: Option<String>,
    chosen_for: Option<String>,
    dialects: Vec<String>,
    summary: String,
    depends_on: Vec<String>,
    mode: String,
    down_mode: Option<String>,
    only_for: Vec<String>,
    irreversible: bool,
    needs: Vec<String>,
    no_downgrade: bool,
}

impl Kept {
    fn of(states: Vec<FileState>, known: &Known) -> Self {
        let name = |dialect: Dialect| dialect.name().to_owned();
        let names = |dialects: &[Dialect]| dialects.iter().copied().map(name).collect();
        let digests =
            known.digests.texts.iter().map(|(key, texts)| (key.map(name), texts.up.clone(), texts.down.clone()));
        let files = &known.files;
        // What SQL cannot say is left out.
        let Description { summary, depends_on, mode, dialects, irreversible, needs, down_mode, no_downgrade, .. } =
            &known.description;
        Self {
            states,
            digest: known.digest.clone(),
            digests: digests.collect(),
            all_stepwise: known.digests.stepwise,
            stepwise: known.stepwise,
            up: files.up.clone(),
            down: files.down.clone(),
            chosen_for: files.chosen_for.map(name),
            dialects: names(&files.dialects),
            summary: summary.clone(),
            depends_on: depends_on.clone(),
            mode: mode.name().to_owned(),
            down_mode: down_mode.map(|mode| mode.name().to_owned()),
            only_for: names(dialects),
            irreversible: *irreversible,
            needs: needs.iter().map(ToString::to_string).collect(),
            no_downgrade: *no_downgrade,
        }
    }

    /// `None` if a name is unknown.
    fn known(self) -> Option<Known> {
        let dialect = |name: Option<String>| name.map(|name| Dialect::from_name(&name).ok_or(())).transpose().ok();
        let dialects = |names: Vec<String>| names.iter().map(|name| Dialect::from_name(name)).collect::<Option<_>>();
        let mut digests = SqlDigests { stepwise: self.all_stepwise, ..SqlDigests::default() };
        for (key, up, down) in self.digests {
            *digests.texts.entry(dialect(key)?) = TextDigests { up, down };
        }
        let down_mode = self.down_mode.map(|mode| Mode::from_name(&mode).ok_or(())).transpose().ok()?;
        Some(Known {
            digest: self.digest,
            digests,
            stepwise: self.stepwise,
            files: SqlFiles {
                up: self.up,
                down: self.down,
                chosen_for: dialect(self.chosen_for)?,
                dialects: dialects(self.dialects)?,
            },
            description: Description {
                summary: self.summary,
                depends_on: self.depends_on,
                mode: Mode::from_name(&self.mode)?,
                down_mode,
                dialects: dialects(self.only_for)?,
                irreversible: self.irreversible,
                needs: self.needs.iter().map(|need| Need::parse(need)).collect::<Option<_>>()?,
                no_downgrade: self.no_downgrade,
                ..Description::default()
            },
        })
    }
}
