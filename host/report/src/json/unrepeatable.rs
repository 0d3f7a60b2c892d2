//! Statements that make a run unrepeatable.

use runner_engine::event::{Unrepeatable, Why};

document! {
    /// Statements that make a run unrepeatable, by the reason.
    pub struct UnrepeatableJson(statements: &[Unrepeatable]) with {
        let volatile = |it: &Unrepeatable| match &it.why {
            Why::Calls(calls) => Some(VolatileJson::new(&it.statement, calls)),
            Why::NoOrder | Why::Ties => None,
        };
    } {
        /// Statements whose rows may come in another order: without ORDER BY, or with one that leaves rows equal.
        unordered: Vec<String> = statements.iter().filter(|it| it.is_order()).map(|it| it.statement.clone()).collect(),
        /// Statements that ask the server for the time or for chance.
        volatile: Vec<VolatileJson> = statements.iter().filter_map(volatile).collect(),
    }

    struct VolatileJson(statement: &str, calls: &[String]) {
        statement: String = statement.to_owned(),
        /// What it calls.
        calls: Vec<String> = calls.to_vec(),
    }
}
