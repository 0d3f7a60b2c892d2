//! The evidence of an applied component, which `verify` replays and compares.

use super::handover::{self, Builders, Handover};
use super::store::{self, EvidenceKind};
use super::{Recording, TransformRecord};
use crate::Direction;
use crate::call::{Inputs, codec};
use crate::event::Unrepeatable;
use crate::run::Run;
use runner_base::error::{Error, Result};
use runner_database::HostSession;

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
    /// Which builds did each transform; empty if one build did everything.
    pub builders: Vec<Builders>,
    /// Where other builds took over.
    pub handovers: Vec<Handover>,
    /// The index in `transforms` of the transform of each handover; `None` for one between two steps.
    pub handed: Vec<Option<usize>>,
}

impl Evidence {
    /// Reads the evidence of the run that a row of the history records.
    pub async fn read(database: &mut HostSession<'_>, history: i64) -> Result<Self> {
        let run = Run { history, direction: Direction::Up };
        let inputs = store::all(database, run, EvidenceKind::Inputs).await?;
        let inputs = inputs.first().map(|packed| codec::unpack(packed).ok_or_else(|| corrupt("the inputs")));
        let calls = store::all(database, run, EvidenceKind::Calls).await?.into_iter().next();
        let calls = calls.map(Recording::new).transpose().map_err(|_| corrupt("the calls"))?;
        let packed = store::steps(database, run, EvidenceKind::Transform).await?;
        let transforms = packed.iter().map(|(_, it)| codec::unpack(it).ok_or_else(|| corrupt("a transform")));
        let handovers = handover::read(database, run).await?;
        let mut builders = Vec::new();
        if let Some(last) = handovers.last() {
            let mixed = store::steps(database, run, EvidenceKind::Builders).await?;
            for (step, _) in &packed {
                builders.push(match mixed.iter().find(|(it, _)| it == step) {
                    Some((_, it)) => codec::unpack(it).ok_or_else(|| corrupt("the builds of a transform"))?,
                    None => Builders::one(handover::builder_of(&handovers, &last.to, *step, 1)),
                });
            }
        }
        let within = |it: &Handover| packed.iter().position(|(step, _)| *step == it.step).filter(|_| it.cut > 0);
        let handed = handovers.iter().map(within).collect();
        Ok(Self {
            inputs: inputs.transpose()?,
            calls,
            transforms: transforms.collect::<Result<_>>()?,
            unrepeatable: unrepeatable(database, run).await?,
            builders,
            handovers,
            handed,
        })
    }
}

/// Returns the unrepeatable statements of a run.
pub async fn unrepeatable(database: &mut HostSession<'_>, run: Run) -> Result<Vec<Unrepeatable>> {
    let found = store::all(database, run, EvidenceKind::Unrepeatable).await?;
    found.iter().map(|bytes| codec::decode(bytes).ok_or_else(|| corrupt("a statement"))).collect()
}

fn corrupt(what: &str) -> Error {
    Error::mismatch(format!("the evidence of a run is damaged: {what} cannot be read")).at("table", "runner_evidence")
}
