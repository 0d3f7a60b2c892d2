//! `schema`: changes of the schema.

use super::{Answer, answer, arguments};
use crate::bindings::runner::migration::batches::TableName;
use crate::bindings::runner::migration::schema::{ColumnDefinition, Host, IndexDefinition, TableDefinition};
use crate::convert::table_in;
use crate::convert_schema::{column_in, index_in, new_table_in};
use crate::state::GuestState;
use runner_database::SchemaChange;
use runner_engine::call::CallKind;

impl GuestState {
    async fn change(&mut self, change: SchemaChange) -> Answer<()> {
        let change = change.renamed(&self.renames());
        let checked = arguments::schema_change(&change, &self.limits);
        answer(match checked.and_then(|()| self.purpose.calls(CallKind::Schema)) {
            Ok(calls) => calls.change_schema(&change).await,
            Err(denied) => Err(denied),
        })
    }
}

impl Host for GuestState {
    async fn create_table(&mut self, definition: TableDefinition) -> Answer<()> {
        self.count_call(&definition).await?;
        self.change(SchemaChange::CreateTable(new_table_in(definition))).await
    }

    async fn drop_table(&mut self, table: TableName) -> Answer<()> {
        self.count_call(&table).await?;
        self.change(SchemaChange::DropTable(table_in(table))).await
    }

    async fn rename_table(&mut self, table: TableName, to: String) -> Answer<()> {
        self.count_call(&(&table, &to)).await?;
        self.change(SchemaChange::RenameTable { table: table_in(table), to }).await
    }

    async fn add_column(&mut self, table: TableName, column: ColumnDefinition) -> Answer<()> {
        self.count_call(&(&table, &column)).await?;
        self.change(SchemaChange::AddColumn { table: table_in(table), column: column_in(column) }).await
    }

    async fn drop_column(&mut self, table: TableName, column: String) -> Answer<()> {
        self.count_call(&(&table, &column)).await?;
        self.change(SchemaChange::DropColumn { table: table_in(table), column }).await
    }

    async fn rename_column(&mut self, table: TableName, column: String, to: String) -> Answer<()> {
        self.count_call(&(&table, &(&column, &to))).await?;
        self.change(SchemaChange::RenameColumn { table: table_in(table), column, to }).await
    }

    async fn create_index(&mut self, definition: IndexDefinition) -> Answer<()> {
        self.count_call(&definition).await?;
        self.change(SchemaChange::CreateIndex(index_in(definition))).await
    }

    async fn drop_index(&mut self, table: TableName, index: String) -> Answer<()> {
        self.count_call(&(&table, &index)).await?;
        self.change(SchemaChange::DropIndex { table: table_in(table), index }).await
    }
}
