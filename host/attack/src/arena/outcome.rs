//! How the runs of an attempt ended.

use std::time::Duration;

use crate::class::Mode;
use crate::flood;
use runner_base::error::Error;
use runner_engine::outcome::Outcome;

/// How a run ended.
#[derive(Debug)]
pub(super) enum Ran {
    /// With this outcome, after this time.
    Ended(Box<Outcome>, Duration),
    /// Before anything was begun.
    Refused(Error),
    /// It was given up.
    GivenUp,
}

impl Ran {
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Ended(outcome, _) => match &outcome.error {
                Some(error) => format!("{error:#}"),
                None => "it succeeded".to_owned(),
            },
            Self::Refused(error) => format!("refused: {error:#}"),
            Self::GivenUp => "it was given up".to_owned(),
        }
    }

    /// How long it continued, if that is longer than something may whose time is over.
    pub(super) fn goes_on(&self) -> Option<String> {
        match self {
            Self::Ended(_, took) if *took > flood::MOST => Some(format!("it went on for {} s", took.as_secs())),
            _ => None,
        }
    }

    /// Whether it failed and named an object of the tool.
    pub(super) fn names_the_tool(&self) -> bool {
        let has_failed = match self {
            Self::Ended(outcome, _) => outcome.error.is_some(),
            Self::Refused(_) => true,
            Self::GivenUp => false,
        };
        has_failed && self.shown().contains("`runner_")
    }

    pub(super) fn has_done(&self, revision: &str) -> bool {
        matches!(self, Self::Ended(outcome, _) if !outcome.dry_run && outcome.done.iter().any(|done| done.revision == revision))
    }

    /// Whether some of it may remain although it did not complete.
    pub(super) fn may_leave_some(&self, mode: Mode) -> bool {
        match self {
            Self::Ended(outcome, _) => outcome.failed.as_ref().is_some_and(|failed| failed.took_effect.is_some()),
            Self::Refused(_) => false,
            Self::GivenUp => mode == Mode::Stepwise,
        }
    }
}
