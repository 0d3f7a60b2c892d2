//! `runner current`

use super::context::{Context, HistoryDetail};
use super::exit;
use runner_base::error::Result;
use runner_base::runtime;
use runner_report::json::CurrentJson;
use runner_report::text;

/// Prints the current revision. Reads only the database: the project may be broken.
pub fn run(context: &Context) -> Result<u8> {
    runtime::run(async {
        let history = context.open(HistoryDetail::Live).await?.history;
        context.say_database();
        context
            .printer
            .json_or_data(|| CurrentJson::new(context.database_json(), &history), || text::current(&history));
        Ok(exit::DONE)
    })
}
