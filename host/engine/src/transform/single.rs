//! The executor with one connection, which reads and writes while instances of the batch function compute on other
//! threads.
//!
//! Results are written in the order of the source's key, whatever the number of instances, so that every run does the same. While
//! a chunk is written the next ones are being transformed, unless writing may change what they contain: by a trigger, for example.

mod begin;
mod chunks;
mod sample;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) use self::begin::OpenedTransform;
pub(super) use self::chunks::{ChunkIo, JournalledTransform};
use self::chunks::{ReadChunk, WriteOutcome};
use self::sample::Sample;
use super::instance::{CheckedInstance, TransformedBatch};
use super::{BatchFunction, COUNT_AFTER, KeyCheck, TransformTask};
use crate::call_error::CallError;
use crate::control::CommittedChunk;
use crate::control::total::is_to_be_counted;
use crate::event::Total;
use crate::script::RunContext;
use runner_base::error::{Error, Result};
use runner_data::Batch;

/// Reads, transforms and writes chunks until none is left.
pub(super) async fn drive(
    run: &RunContext,
    function: &dyn BatchFunction,
    task: &TransformTask,
    chunks: &mut ChunkIo<'_>,
) -> Result<(), CallError> {
    let name = &task.name;
    chunks.count_earlier();
    let OpenedTransform { mut reader, mut total, check, may_read_ahead, .. } =
        chunks.begin(task, function.limits()).await?;
    let instances = function.instances().max(1);
    let mut idle = Vec::with_capacity(instances);
    let mut started = 0;
    let mut running: VecDeque<RunningBatch> = VecDeque::new();
    let mut at_end = false;
    let mut waiting: Option<(Batch, ReadChunk)> = None;
    let mut sample = Sample::new(run);
    let began = Instant::now();
    let done = chunks.done();
    run.control.transform(name, done.rows_read, done.chunks, total)?;
    loop {
        loop {
            if waiting.is_none() && !at_end {
                if !running.is_empty() && (!may_read_ahead || run.control.may_wait()) {
                    // What is read is written before anything holds the run, or before anything that its writing changes is read.
                    break;
                }
                chunks.before_chunk().await?;
                waiting = chunks.read(&mut reader).await?;
                if let Some((rows, _)) = &waiting {
                    sample.skip_to_next(run, name, chunks, &mut reader, rows.row_count as u64).await?;
                }
                at_end = waiting.is_none() || sample.is_complete();
            }
            // Instances are started as they are needed: a small table needs one.
            if waiting.is_some() && idle.is_empty() && started < instances {
                idle.push(CheckedInstance::start(function, name).await?);
                started += 1;
            }
            if waiting.is_none() || idle.is_empty() {
                break;
            }
            if let (Some(chunk), Some(instance)) = (waiting.take(), idle.pop()) {
                running.push_back(RunningBatch::spawn(instance, name, chunk, &check));
            }
        }
        let Some(mut oldest) = running.pop_front() else { break };
        let (instance, transformed) = oldest.wait(run).await?;
        // The next chunk is already being transformed when this one is written.
        match waiting.take() {
            Some(chunk) if transformed.is_ok() => {
                running.push_back(RunningBatch::spawn(instance, name, chunk, &check));
            }
            other => {
                waiting = other;
                idle.push(instance);
            }
        }
        let before = chunks.done();
        let written = chunks.write(transformed?, &oldest.chunk).await?;
        if written == WriteOutcome::Outdated {
            // Another connection has written since the chunk was read, so the chunks read after it may be outdated too.
            while let Some(mut later) = running.pop_front() {
                match later.wait(run).await? {
                    (instance, Ok(_)) => idle.push(instance),
                    // One that trapped can do no more; what it was given may have been outdated.
                    (_, Err(_)) => started -= 1,
                }
            }
            if idle.is_empty() {
                idle.push(CheckedInstance::start(function, name).await?);
                started += 1;
            }
            (waiting, at_end) = (None, false);
            if let Some(instance) = idle.last_mut() {
                chunks.redo(&mut reader, &oldest.chunk, instance, name, &check).await?;
            }
        }
        let done = chunks.done();
        if done.chunks > before.chunks {
            let (rows_read, rows_written) =
                (done.rows_read - before.rows_read, done.rows_written - before.rows_written);
            run.control.chunk_done(CommittedChunk { rows_read, rows_written });
        }
        if is_to_be_counted(total) && began.elapsed() >= COUNT_AFTER {
            let counted = Total::counted(chunks.count(&reader).await?);
            total = Some(counted);
            run.control.total(counted);
        }
    }
    run.control.transform_done();
    Ok(())
}

/// A chunk that is being transformed; abandoned when dropped.
struct RunningBatch {
    task: JoinHandle<Option<(CheckedInstance, Result<TransformedBatch>)>>,
    /// Closes when this is dropped: the computing thread stops at its next yield.
    _keep: oneshot::Sender<()>,
    chunk: ReadChunk,
}

impl RunningBatch {
    /// Transforms the chunk on another thread: one that computes must not be one that waits for the database.
    fn spawn(
        mut instance: CheckedInstance,
        name: &str,
        (batch, chunk): (Batch, ReadChunk),
        check: &Arc<KeyCheck>,
    ) -> Self {
        let (name, check) = (name.to_owned(), check.clone());
        let (keep, mut dropped) = oneshot::channel();
        let runtime = Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let transformed = tokio::select! {
                    transformed = instance.transform(&name, batch, &check) => transformed,
                    _ = &mut dropped => return None,
                };
                Some((instance, transformed))
            })
        });
        Self { task, _keep: keep, chunk }
    }

    /// Waits for the result, or for the stop signal.
    async fn wait(&mut self, run: &RunContext) -> Result<(CheckedInstance, Result<TransformedBatch>), CallError> {
        let ended_early = || Error::failed("an instance of the batch function ended unexpectedly");
        tokio::select! {
            biased;
            reason = run.stop.raised() => Err(CallError::Stopped(reason)),
            ended = &mut self.task => match ended {
                Ok(Some(ended)) => Ok(ended),
                Ok(None) => Err(ended_early().into()),
                Err(error) => Err(ended_early().cause(error).into()),
            },
        }
    }
}
