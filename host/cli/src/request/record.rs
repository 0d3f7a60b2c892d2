//! What is asked of the history: to record decisions, or to prove it.

use crate::adopt_args::{BaselineArgs, StampArgs};
use crate::history_args::{RepairArgs, VerifyArgs};
use runner_base::error::{Error, Result};
use runner_engine::plan::PlanOptions;
use runner_engine::repair::{RepairAction, RepairDecision};
use runner_engine::stamp::StampKind;
use runner_engine::target::Target;
use runner_engine::verify::Extent;
use runner_project::env::Switches;

/// Options of `repair`.
#[derive(Clone, Debug)]
pub struct RepairRequest {
    /// The revision; `None` is the partial one.
    pub revision: Option<String>,
    /// What to record.
    pub order: RepairOrder,
}

/// What `repair` does.
#[derive(Clone, Debug)]
pub enum RepairOrder {
    /// Shows what is known of the partial revision.
    Show,
    /// Records a decision about it.
    Record(RepairDecision),
    /// Accepts a changed artifact of an applied revision, for this reason.
    AcceptChecksum(String),
}

/// Options of `stamp` and `baseline`.
#[derive(Clone, Debug)]
pub struct StampOrder {
    /// Which of the two.
    pub kind: StampKind,
    /// The revision that the database is at.
    pub target: Target,
    /// The reason.
    pub why: String,
    /// Only show what would be recorded.
    pub dry_run: bool,
    /// What the operator allows.
    pub options: PlanOptions,
}

/// Options of `verify`.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// Revisions; empty: all components.
    pub revisions: Vec<String>,
    /// How many chunks to check.
    pub extent: Extent,
    /// Fail if something cannot be verified.
    pub strict: bool,
}

pub fn verify(args: VerifyArgs) -> VerifyRequest {
    let sample = usize::try_from(args.sample).unwrap_or(usize::MAX);
    let extent = if args.all_chunks { Extent::All } else { Extent::Sample(sample) };
    VerifyRequest { revisions: args.revisions, extent, strict: args.strict }
}

pub fn repair(args: RepairArgs) -> Result<RepairRequest> {
    let RepairArgs { revision, step, rows_affected: rows, .. } = args;
    let actions = [
        (args.retry, RepairAction::Retry),
        (args.mark_done, RepairAction::MarkDone { rows }),
        (args.skip, RepairAction::Skip),
        (args.as_applied, RepairAction::AsApplied),
        (args.as_not_applied, RepairAction::AsNotApplied),
    ];
    let why = args.why.map(|why| why.trim().to_owned()).filter(|why| !why.is_empty());
    if args.accept_checksum {
        const FLAG: &str = "--accept-checksum";
        if step.is_some() {
            return Err(Error::usage(format!("`{FLAG}` takes no step")));
        }
        if revision.is_none() {
            return Err(Error::usage(format!("`{FLAG}` requires a revision"))
                .hint("`runner status` shows which ones were changed"));
        }
        return Ok(RepairRequest { revision, order: RepairOrder::AcceptChecksum(required(why, FLAG)?) });
    }
    let Some((_, action)) = actions.into_iter().find(|(given, _)| *given) else {
        return match step {
            None => Ok(RepairRequest { revision, order: RepairOrder::Show }),
            Some(_) => Err(Error::usage("a step requires an action").hint(
                "add `--retry`, `--mark-done` or `--skip`; `runner repair` without arguments shows what is known",
            )),
        };
    };
    if revision.is_none() {
        return Err(
            Error::usage(format!("`{action}` requires a revision")).hint("`runner repair` shows which one is partial")
        );
    }
    let why = required(why, &action.to_string())?;
    Ok(RepairRequest { revision, order: RepairOrder::Record(RepairDecision { action, step, why }) })
}

/// The reason, which an action requires.
pub(super) fn required(why: Option<String>, action: &str) -> Result<String> {
    why.ok_or_else(|| {
        Error::usage(format!("`{action}` requires a reason")).hint("add `--why TEXT`: the history keeps it")
    })
}

pub fn stamp(args: StampArgs, switches: &Switches) -> Result<StampOrder> {
    let allow_missing = args.allow_missing || switches.allow_missing;
    let options = PlanOptions { allow_missing, ..PlanOptions::default() };
    let target = args.target.parse()?;
    let why = args.why.unwrap_or_default().trim().to_owned();
    Ok(StampOrder { kind: StampKind::Stamp, target, why, dry_run: args.dry_run, options })
}

pub fn baseline(args: BaselineArgs) -> Result<StampOrder> {
    let target = args.revision.parse()?;
    let why = args.why.unwrap_or_default().trim().to_owned();
    Ok(StampOrder { kind: StampKind::Baseline, target, why, dry_run: args.dry_run, options: PlanOptions::default() })
}
