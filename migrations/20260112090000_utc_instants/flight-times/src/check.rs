//! What a migration checks of its own work.

use runner_guest::batches::TransformReport;
use runner_guest::prelude::*;

/// How many rows an error names.
const NAMED: usize = 5;

/// Fails unless a query for the `id` of flights finds none; the fault says what is wrong with those it does find.
pub fn no_flight(fault: &str, query: &str) -> Result<()> {
    let found = sql::query(format!("{query} ORDER BY id LIMIT {}", NAMED + 1), [])?.column::<i64>("id")?;
    match accusation(fault, &found) {
        Some(message) => bail!("{message}"),
        None => Ok(()),
    }
}

/// Fails unless a transform has read every flight.
pub fn all_flights(report: &TransformReport) -> Result<()> {
    let flights: u64 = sql::query_scalar("SELECT count(*) FROM flights", [])?;
    ensure!(report.rows_read == flights, "{} of {flights} flights were read", report.rows_read);
    Ok(())
}

fn accusation(fault: &str, flights: &[i64]) -> Option<String> {
    let named = flights.iter().take(NAMED).map(i64::to_string).collect::<Vec<_>>().join(", ");
    match flights.len() {
        0 => None,
        1 => Some(format!("{fault}: flight {named}")),
        2..=NAMED => Some(format!("{fault}: flights {named}")),
        _ => Some(format!("{fault}: flights {named} and more")),
    }
}

#[cfg(test)]
mod tests {
    use super::accusation;

    #[test]
    fn names_the_first_flights() {
        assert_eq!(accusation("late", &[]), None);
        assert_eq!(accusation("late", &[7]).unwrap(), "late: flight 7");
        assert_eq!(accusation("late", &[1, 2, 3, 4, 5]).unwrap(), "late: flights 1, 2, 3, 4, 5");
        assert_eq!(accusation("late", &[1, 2, 3, 4, 5, 6]).unwrap(), "late: flights 1, 2, 3, 4, 5 and more");
    }
}
