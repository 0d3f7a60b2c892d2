//! A migration that one build of a component began and another one finished.

use serde::{Deserialize, Serialize};

use super::store::{self, EvidenceKind};
use crate::call::canonical::{Sink, digest_of};
use crate::call::codec;
use crate::run::Run;
use runner_base::error::{Error, Result};
use runner_data::Digest;
use runner_database::HostSession;

/// The step under which all handovers of a run are stored.
const ALL: u64 = 0;

/// The moment at which another build continued an unfinished migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// The first step of the new build: a transform that was begun, or one that was not.
    pub step: u64,
    /// The digest of the build that did what was finished.
    pub from: String,
    /// The digest of the build that does the rest.
    pub to: String,
    /// The number of chunks cut until then; 0 if the step was not begun.
    pub cut: u64,
    /// Those of them that were not done.
    pub open: Vec<u64>,
}

/// Reads the handovers of a run, in order; none in most.
pub async fn read(database: &mut HostSession<'_>, run: Run) -> Result<Vec<Handover>> {
    let packed = store::all(database, run, EvidenceKind::Handovers).await?;
    packed.first().map_or(Ok(Vec::new()), |packed| codec::unpack(packed).ok_or_else(corrupt))
}

/// Replaces the handovers of a run.
pub async fn write(database: &mut HostSession<'_>, run: Run, handovers: &[Handover]) -> Result<()> {
    store::clear_step(database, run, EvidenceKind::Handovers, ALL).await?;
    store::put(database, run, EvidenceKind::Handovers, ALL, &codec::pack(&handovers)).await
}

/// The build that did a chunk of a step. `last` is the build that finished the run.
pub fn builder_of<'a>(handovers: &'a [Handover], last: &'a str, step: u64, chunk: u64) -> &'a str {
    let did = |handover: &&Handover| {
        step < handover.step || (step == handover.step && chunk <= handover.cut && !handover.open.contains(&chunk))
    };
    handovers.iter().find(did).map_or(last, |handover| &handover.from)
}

/// Which build did which batches of a transform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builders {
    /// From each of these batches on, counted from 0 in key order, the build with this digest, until the next.
    runs: Vec<(u64, String)>,
}

impl Builders {
    /// One build did everything.
    pub fn one(sha256: &str) -> Self {
        Self { runs: vec![(0, sha256.to_owned())] }
    }

    /// Adds the next batch.
    pub fn add(&mut self, batch: u64, sha256: &str) {
        if self.runs.last().is_none_or(|(_, last)| last != sha256) {
            self.runs.push((batch, sha256.to_owned()));
        }
    }

    /// The build that did a batch; `None` if there is none.
    pub fn of(&self, batch: u64) -> Option<&str> {
        self.runs.iter().rev().find(|(first, _)| *first <= batch).map(|(_, sha256)| sha256.as_str())
    }

    /// All builds, each once.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let runs = self.runs.iter().enumerate();
        runs.filter(|(at, (_, it))| !self.runs[..*at].iter().any(|(_, other)| other == it)).map(|(_, (_, it))| &**it)
    }

    /// The digest over a transform's content that its answer has: with several builds, it covers which did what, and so the
    /// transcript does.
    pub fn seal(&self, content: Digest) -> Digest {
        if self.runs.len() < 2 {
            return content;
        }
        digest_of(|sink| {
            sink.put(&content.0);
            sink.number(self.runs.len() as u64);
            for (first, sha256) in &self.runs {
                sink.number(*first);
                sink.bytes(sha256.as_bytes());
            }
        })
    }
}

fn corrupt() -> Error {
    Error::mismatch("the evidence of a run is damaged: its builds cannot be read").at("table", "runner_evidence")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chunk_has_its_builder() {
        let handover = |from: &str, to: &str, step, cut, open: &[u64]| Handover {
            step,
            from: from.to_owned(),
            to: to.to_owned(),
            cut,
            open: open.to_vec(),
        };
        let all = [handover("a", "b", 3, 5, &[2, 5]), handover("b", "c", 3, 7, &[7]), handover("c", "d", 9, 1, &[])];
        let built = |step, chunk| builder_of(&all, "d", step, chunk).to_owned();
        assert_eq!(built(1, 40), "a");
        let third: String = (1..=8).map(|chunk| built(3, chunk)).collect();
        assert_eq!(third, "abaabbcc");
        assert_eq!([built(5, 1), built(9, 1), built(9, 2), built(11, 1)], ["c", "c", "d", "d"]);
        assert_eq!(builder_of(&[], "a", 1, 1), "a");
    }

    #[test]
    fn batches_keep_their_builder_and_seal_it() {
        let mut builders = Builders::default();
        for (at, sha256) in ["a", "a", "b", "a", "b"].into_iter().enumerate() {
            builders.add(at as u64, sha256);
        }
        let of: Vec<_> = (0..6).filter_map(|batch| builders.of(batch)).collect();
        assert_eq!(of, ["a", "a", "b", "a", "b", "b"]);
        assert_eq!(builders.all().collect::<Vec<_>>(), ["a", "b"]);
        let content = Digest::default();
        assert_eq!(Builders::one("a").seal(content), content);
        assert_ne!(builders.seal(content), content);
        let mut others = Builders::one("a");
        others.add(3, "b");
        assert_ne!(builders.seal(content), others.seal(content));
    }
}
