//! Statements that make a run unrepeatable.

use serde::Serialize;

use runner_engine::event::{Unrepeatable, Why};

/// Statements that make a run unrepeatable, by the reason.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnrepeatableJson {
    /// Statements whose rows may come in another order: without ORDER BY, or with one that leaves rows equal.
    unordered: Vec<String>,
    /// Statements that ask the server for the time or for chance.
    volatile: Vec<VolatileJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VolatileJson {
    statement: String,
    /// What it calls.
    calls: Vec<String>,
}

impl UnrepeatableJson {
    /// Some statements.
    pub fn new(statements: &[Unrepeatable]) -> Self {
        let volatile = |it: &Unrepeatable| match &it.why {
            Why::Calls(calls) => Some(VolatileJson { statement: it.statement.clone(), calls: calls.clone() }),
            Why::NoOrder | Why::Ties => None,
        };
        Self {
            unordered: statements.iter().filter(|it| it.is_order()).map(|it| it.statement.clone()).collect(),
            volatile: statements.iter().filter_map(volatile).collect(),
        }
    }
}
