//! What the process list of a server shows of a session.

use crate::error::Result;
use crate::host_sql::{HostExecutor, number, row_text, text};

/// What the server reports about a session: user, host and statement. Empty if the session does not exist or may not
/// be seen.
pub(crate) async fn describe(connection: &mut impl HostExecutor, id: u64) -> Result<String> {
    // MySQL is going to remove `information_schema.PROCESSLIST`.
    let sessions = connection.all("SHOW FULL PROCESSLIST").await?;
    let Some(row) = sessions.iter().find(|row| number(row, 0) == id) else { return Ok(String::new()) };
    let mut told = format!("connection {id} of `{}` from `{}`", text(row, 1), text(row, 2));
    if let Some(statement) = row_text(row, 7) {
        let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let begin: String = line.chars().take(EXCERPT).collect();
        told.push_str(&format!(", which has been running `{begin}` for {} s", number(row, 5)));
    }
    Ok(told)
}

/// Characters of a statement that a message shows.
const EXCERPT: usize = 120;
