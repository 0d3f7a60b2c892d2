//! What is kept of an applied component, so that it can be proven again.

use super::store::{self, Kind};
use super::{Recording, TransformRecord};
use crate::database::HostSession;
use crate::engine::Direction;
use crate::engine::call::Inputs;
use crate::engine::call::answer::unpack;
use crate::engine::run::Run;
use crate::error::{Error, Result};

/// The evidence of a run.
pub struct Evidence {
    /// What it was given; none if that is not kept.
    pub inputs: Option<Inputs>,
    /// Its calls; none if they took more room than there was for them.
    pub calls: Option<Recording>,
    /// Its transforms, in order.
    pub transforms: Vec<TransformRecord>,
    /// Statements whose rows came in no order that was asked for.
    pub unordered: Vec<String>,
}

impl Evidence {
    /// Writes a transform down.
    pub async fn write_transform(
        database: &mut HostSession<'_>,
        run: Run,
        step: u64,
        record: &TransformRecord,
    ) -> Result<()> {
        let bytes = crate::engine::call::answer::compress(&record.encode());
        store::put(database, run, Kind::Transform, step, &bytes).await
    }

    /// Reads what is kept of the run that put a row of history in force.
    pub async fn read(database: &mut HostSession<'_>, history: i64) -> Result<Self> {
        let run = Run { history, direction: Direction::Up };
        let inputs = store::all(database, run, Kind::Inputs).await?;
        let inputs = inputs.first().map(|bytes| unpack::<Inputs>(bytes).and_then(std::result::Result::ok));
        let inputs = inputs.map(|inputs| inputs.ok_or_else(|| garbled("the inputs"))).transpose()?;
        let calls = store::all(database, run, Kind::Calls).await?.into_iter().next();
        let calls = calls.map(Recording::new).transpose().map_err(|_| garbled("the calls"))?;
        let mut transforms = Vec::new();
        for bytes in store::all(database, run, Kind::Transform).await? {
            let bytes = crate::engine::call::answer::decompress(&bytes);
            let record = bytes.as_deref().and_then(TransformRecord::decode);
            transforms.push(record.ok_or_else(|| garbled("a transform"))?);
        }
        Ok(Self { inputs, calls, transforms, unordered: unordered(database, run).await? })
    }
}

/// Statements of a run whose rows came in no order that was asked for.
pub async fn unordered(database: &mut HostSession<'_>, run: Run) -> Result<Vec<String>> {
    let texts = store::all(database, run, Kind::Unordered).await?;
    texts.into_iter().map(|text| String::from_utf8(text).map_err(|_| garbled("a statement"))).collect()
}

fn garbled(what: &str) -> Error {
    Error::mismatch(format!("{what} that a run has left do not read as runner wrote them"))
        .at("table", "runner_evidence")
}
