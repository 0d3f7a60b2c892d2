//! `process`: what the program of a language prints, and how it ends by itself.

use crate::bindings::runner::migration::process::{Host, StandardStream};
use crate::failure::{with_hint, with_last_words};
use crate::state::GuestState;
use crate::text::{ERROR, cut_owned};
use runner_base::error::Error;
use runner_engine::event::LogLevel;

impl GuestState {
    /// Forgets what an earlier call of the same instance said.
    pub fn begin_call(&mut self) {
        self.last_words = None;
        self.last_errors.clear();
    }

    /// Logs the lines that have not ended, since the call that printed them has.
    pub fn end_lines(&mut self) {
        if let Some(line) = self.standard_output.end() {
            self.log_message(LogLevel::Info, line);
        }
        if let Some(line) = self.standard_error.end() {
            self.log_message(LogLevel::Warning, line);
        }
    }
}

impl Host for GuestState {
    async fn write(&mut self, to: StandardStream, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.count_call(bytes.as_slice()).await?;
        match to {
            StandardStream::Output => {
                let mut lines = std::mem::take(&mut self.standard_output);
                lines.append(&bytes, |line| self.log_message(LogLevel::Info, line));
                self.standard_output = lines;
            }
            StandardStream::Error => {
                self.last_errors.append(&bytes);
                let mut lines = std::mem::take(&mut self.standard_error);
                lines.append(&bytes, |line| self.log_message(LogLevel::Warning, line));
                self.standard_error = lines;
            }
        }
        Ok(())
    }

    async fn abort(&mut self, message: String) -> wasmtime::Result<()> {
        self.count_call(&message).await?;
        let error = Error::failed(cut_owned(message, ERROR));
        Err(wasmtime::Error::new(if self.is_script() { with_hint(error) } else { error }))
    }

    async fn exit(&mut self, status: i32) -> wasmtime::Result<()> {
        self.count_call(&()).await?;
        let error = with_last_words(Error::failed(format!("the migration exited with status {status}")), self);
        Err(wasmtime::Error::new(error.hint("a migration ends by returning, with an error if it failed")))
    }
}
