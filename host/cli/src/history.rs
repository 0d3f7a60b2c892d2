//! `runner history`

use super::context::{Context, HistoryDetail};
use super::exit;
use runner_base::error::Result;
use runner_base::runtime;
use runner_report::json::HistoryJson;
use runner_report::{Format, Text, text};

/// Shows what ran. Reads only the database.
pub fn run(context: &Context) -> Result<u8> {
    runtime::run(async {
        let mut opened = context.open(HistoryDetail::Live).await?;
        let (records, repairs) = context.all_records(opened.database.as_mut()).await?;
        let printer = &context.printer;
        context.say_database();
        match printer.format() {
            Format::Json => printer.json(&HistoryJson::new(context.database_json(), &records, &repairs)),
            Format::Text if records.is_empty() => {
                printer.info(&Text::new().plain("nothing has been applied yet").end());
            }
            Format::Text => printer.data(&text::history(&records, &repairs)),
        }
        Ok(exit::DONE)
    })
}
