//! What makes a run unrepeatable.

use serde::{Deserialize, Serialize};

/// A statement of a component that may do something else in the next run, over the same rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrepeatable {
    /// The statement, shortened.
    pub statement: String,
    /// Why.
    pub why: Why,
}

/// Why a statement is unrepeatable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// It read several rows without ORDER BY.
    NoOrder,
    /// It read different rows that are equal by its ORDER BY: recorded by earlier builds.
    Ties,
    /// It calls these functions, or reads these values of the server, which differ from run to run.
    Calls(Vec<String>),
}

impl Unrepeatable {
    /// Returns the warning during the run.
    pub fn warning(&self) -> String {
        let statement = &self.statement;
        match &self.why {
            Why::NoOrder => {
                format!("rows were read without an ORDER BY, and may come in another order next time: {statement}")
            }
            Why::Ties => {
                format!("rows that are equal by their ORDER BY may come in another order next time: {statement}")
            }
            Why::Calls(calls) => {
                let calls = calls.join(", ");
                format!("{calls} may return something else next time; pass a value as a parameter: {statement}")
            }
        }
    }

    /// Returns what a run did, to follow "an earlier run".
    pub fn done(&self) -> String {
        let statement = &self.statement;
        match &self.why {
            Why::NoOrder => format!("read without ORDER BY: {statement}"),
            Why::Ties => format!("read rows that are equal by their ORDER BY: {statement}"),
            Why::Calls(calls) => format!("asked for {}, which differs from run to run: {statement}", calls.join(", ")),
        }
    }

    /// Whether these are unrepeatable for the same reason, of several calls for each of them.
    pub fn has_reason_of(&self, others: &[Self]) -> bool {
        let is_called = |call| others.iter().any(|it| matches!(&it.why, Why::Calls(calls) if calls.contains(call)));
        match &self.why {
            Why::Calls(calls) => calls.iter().all(is_called),
            why => others.iter().any(|it| it.why == *why),
        }
    }

    /// Whether the order of rows is the reason.
    pub fn is_order(&self) -> bool {
        !matches!(self.why, Why::Calls(_))
    }
}
