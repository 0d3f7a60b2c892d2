use runner_guest::prelude::*;

/// Whether `flights` has a column. Where the server commits every schema change, a downgrade may find only a part of its
/// upgrade.
pub fn has_column(name: &str) -> Result<bool> {
    let columns = match context::dialect() {
        Dialect::Sqlite => "pragma_table_info('flights') WHERE name",
        Dialect::Postgres => {
            "information_schema.columns WHERE table_schema = current_schema() AND table_name = 'flights' AND column_name"
        }
        Dialect::Mysql | Dialect::Mariadb => {
            "information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'flights' AND column_name"
        }
    };
    let found: u64 = sql::query_scalar(format!("SELECT count(*) FROM {columns} = '{name}'"), [])?;
    Ok(found > 0)
}
