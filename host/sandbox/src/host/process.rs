//! `process`: what the program of a language prints, and how it ends by itself.

use crate::bindings::runner::migration::process::{Host, StandardStream};
use crate::failure::with_hint;
use crate::state::GuestState;
use crate::text::{ERROR, cut_owned};
use runner_base::error::Error;
use runner_engine::event::LogLevel;

impl GuestState {
    /// Logs the lines that have not ended, since the call that printed them has.
    pub fn end_lines(&mut self) {
        let (output, error) = (self.standard_output.end(), self.standard_error.end());
        self.log_lines(StandardStream::Output, output);
        self.log_lines(StandardStream::Error, error);
    }

    fn log_lines(&mut self, of: StandardStream, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            match of {
                StandardStream::Output => self.log_message(LogLevel::Info, line),
                StandardStream::Error => {
                    self.last_errors.extend([line.as_str(), "\n"]);
                    let surplus = self.last_errors.len().saturating_sub(ERROR);
                    self.last_errors.drain(..self.last_errors.ceil_char_boundary(surplus));
                    self.log_message(LogLevel::Warning, line);
                }
            }
        }
    }
}

impl Host for GuestState {
    async fn write(&mut self, to: StandardStream, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.count_call(bytes.as_slice()).await?;
        let stream = match to {
            StandardStream::Output => &mut self.standard_output,
            StandardStream::Error => &mut self.standard_error,
        };
        let lines = stream.append(&bytes);
        self.log_lines(to, lines);
        Ok(())
    }

    async fn abort(&mut self, message: String) -> wasmtime::Result<()> {
        self.count_call(&message).await?;
        let error = Error::failed(cut_owned(message, ERROR));
        Err(wasmtime::Error::new(if self.is_script() { with_hint(error) } else { error }))
    }

    async fn exit(&mut self, status: i32) -> wasmtime::Result<()> {
        self.count_call(&()).await?;
        let unended = self.standard_error.end();
        self.log_lines(StandardStream::Error, unended);
        let error = Error::failed(format!("the migration exited with status {status}"));
        let error = if self.last_errors.is_empty() { error } else { error.cause(self.last_errors.trim_end()) };
        Err(wasmtime::Error::new(error.hint("a migration ends by returning, with an error if it failed")))
    }
}
