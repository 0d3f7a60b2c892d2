//! The evidence of an applied component, which `verify` replays and compares.

use super::store::{self, EvidenceKind};
use super::{Recording, TransformRecord};
use crate::database::HostSession;
use crate::engine::Direction;
use crate::engine::call::{Inputs, stored};
use crate::engine::event::Unrepeatable;
use crate::engine::run::Run;
use crate::error::{Error, Result};

/// The evidence of a run.
pub struct Evidence {
    /// The inputs of the run, if they are kept.
    pub inputs: Option<Inputs>,
    /// The calls of the run, unless they exceeded the limit.
    pub calls: Option<Recording>,
    /// The transforms of the run, in order.
    pub transforms: Vec<TransformRecord>,
    /// The unrepeatable statements.
    pub unrepeatable: Vec<Unrepeatable>,
}

impl Evidence {
    /// Writes a transform.
    pub async fn write_transform(
        database: &mut HostSession<'_>,
        run: Run,
        step: u64,
        record: &TransformRecord,
    ) -> Result<()> {
        store::put(database, run, EvidenceKind::Transform, step, &stored::pack(record)).await
    }

    /// Reads the evidence of the run that a row of the history records.
    pub async fn read(database: &mut HostSession<'_>, history: i64) -> Result<Self> {
        let run = Run { history, direction: Direction::Up };
        let inputs = store::all(database, run, EvidenceKind::Inputs).await?;
        let inputs = inputs.first().map(|packed| stored::unpack(packed).ok_or_else(|| garbled("the inputs")));
        let calls = store::all(database, run, EvidenceKind::Calls).await?.into_iter().next();
        let calls = calls.map(Recording::new).transpose().map_err(|_| garbled("the calls"))?;
        let transforms = store::all(database, run, EvidenceKind::Transform).await?;
        let transforms = transforms.iter().map(|packed| stored::unpack(packed).ok_or_else(|| garbled("a transform")));
        Ok(Self {
            inputs: inputs.transpose()?,
            calls,
            transforms: transforms.collect::<Result<_>>()?,
            unrepeatable: unrepeatable(database, run).await?,
        })
    }
}

/// Returns the unrepeatable statements of a run.
pub async fn unrepeatable(database: &mut HostSession<'_>, run: Run) -> Result<Vec<Unrepeatable>> {
    let found = store::all(database, run, EvidenceKind::Unrepeatable).await?;
    found.iter().map(|bytes| stored::decode(bytes).ok_or_else(|| garbled("a statement"))).collect()
}

fn garbled(what: &str) -> Error {
    Error::mismatch(format!("the evidence of a run is damaged: {what} cannot be read")).at("table", "runner_evidence")
}
