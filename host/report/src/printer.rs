//! Writes to the terminal: data to standard output, messages to standard error. Nothing else in the program may, which clippy checks.
#![allow(clippy::disallowed_methods, reason = "the only place that writes to the standard streams")]

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::escape::{self, ScriptTo};
use super::styled::{BAD, HINT, ODD, Text};

/// Format of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Human-readable text.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// How much is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// What was done.
    #[default]
    Normal,
    /// Also each statement.
    Verbose,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorWhen {
    fn colors(self, stream: &impl anstream::stream::RawStream) -> bool {
        match self {
            Self::Auto => AutoStream::choice(stream) != ColorChoice::Never,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Prints. A closed pipe is not a failure: the rest is dropped. Other failures, such as a full disk, are kept; see
/// [`Printer::lost`].
pub struct Printer {
    json: AtomicBool,
    verbosity: AtomicU8,
    colored_out: AtomicBool,
    colored_err: AtomicBool,
    lost: Mutex<Option<io::Error>>,
    /// Texts that are never printed, in all their forms, the longest first.
    secrets: RwLock<Vec<String>>,
}

impl Printer {
    /// A printer to the process's streams.
    pub fn new(format: Format, verbosity: Verbosity, color: ColorWhen) -> Self {
        Self {
            json: AtomicBool::new(format == Format::Json),
            verbosity: AtomicU8::new(verbosity as u8),
            colored_out: AtomicBool::new(color.colors(&io::stdout())),
            colored_err: AtomicBool::new(color.colors(&io::stderr())),
            lost: Mutex::default(),
            secrets: RwLock::default(),
        }
    }

    /// Hides these passwords from here on, wherever they occur: an error of a driver may quote more than it should.
    pub fn hide(&self, secrets: impl IntoIterator<Item = String>) {
        let mut hidden = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            let in_json = serde_json::Value::from(secret.as_str()).to_string();
            hidden.extend([
                escape::line(&secret).into_owned(),
                escape::xml(&secret),
                in_json[1..in_json.len() - 1].to_owned(),
                secret,
            ]);
        }
        hidden.retain(|secret| !secret.is_empty());
        hidden.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        hidden.dedup();
    }

    /// A text without the passwords that are hidden.
    pub fn without_secrets<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(Cow::Borrowed(text), |text, secret| match text.contains(secret) {
            true => Cow::Owned(text.replace(secret, "***")),
            false => text,
        })
    }

    /// Format of the data.
    pub fn format(&self) -> Format {
        if self.json.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
    }

    /// Changes the format of the data, once the settings are read.
    pub fn set_format(&self, format: Format) {
        self.json.store(format == Format::Json, Ordering::Relaxed);
    }

    /// How much is printed.
    pub fn verbosity(&self) -> Verbosity {
        match self.verbosity.load(Ordering::Relaxed) {
            it if it == Verbosity::Quiet as u8 => Verbosity::Quiet,
            it if it == Verbosity::Verbose as u8 => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }

    /// Changes verbosity and colours, once the settings are read.
    pub fn set(&self, verbosity: Verbosity, color: ColorWhen) {
        self.verbosity.store(verbosity as u8, Ordering::Relaxed);
        self.colored_out.store(color.colors(&io::stdout()), Ordering::Relaxed);
        self.colored_err.store(color.colors(&io::stderr()), Ordering::Relaxed);
    }

    /// Whether messages go to a terminal that can redraw lines.
    pub fn talks_to_terminal(&self) -> bool {
        io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Where scripts are written that are printed as data.
    pub fn script_to(&self) -> ScriptTo {
        if io::stdout().is_terminal() { ScriptTo::Terminal } else { ScriptTo::Elsewhere }
    }

    /// Whether a question can be answered.
    pub fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Prints data as text.
    pub fn data(&self, text: &Text) {
        self.remember(self.write(&mut io::stdout().lock(), text, self.colored_out.load(Ordering::Relaxed)));
    }

    /// Prints text of our own that no foreign text is part of: scripts for shells, man pages.
    pub fn generated(&self, text: &[u8]) {
        self.remember(write_all(&mut io::stdout().lock(), text));
    }

    /// Prints data as a JSON document.
    pub fn json(&self, document: &impl Serialize) {
        match serde_json::to_string_pretty(document) {
            Ok(document) => {
                let document = self.shown(&document);
                self.remember(write_all(&mut io::stdout().lock(), document.as_bytes()));
            }
            Err(error) => self.always(&Text::new().add(BAD, "error").plain(format!(": no JSON: {error}")).end()),
        }
    }

    /// Prints what a command found: a JSON document, or text on standard output.
    pub fn json_or_data<D: Serialize>(&self, document: impl FnOnce() -> D, text: impl FnOnce() -> Text) {
        match self.format() {
            Format::Json => self.json(&document()),
            Format::Text => self.data(&text()),
        }
    }

    /// Prints what a command did: a JSON document, or text on standard error.
    pub fn json_or_talk<D: Serialize>(&self, document: impl FnOnce() -> D, text: impl FnOnce() -> Text) {
        match self.format() {
            Format::Json => self.json(&document()),
            Format::Text => self.info(&text()),
        }
    }

    /// Prints a message as a line of JSON.
    pub fn json_line(&self, document: &impl Serialize) {
        if let Ok(document) = serde_json::to_string(document) {
            // A failure to write to standard error cannot be reported.
            let _ = write_all(&mut io::stderr().lock(), self.shown(&document).as_bytes());
        }
    }

    /// A JSON document as it is printed.
    fn shown(&self, document: &str) -> String {
        escape::json(document, |text| self.without_secrets(text)) + "\n"
    }

    /// Prints a message, unless `--quiet` is set.
    pub fn info(&self, text: &Text) {
        if self.verbosity() > Verbosity::Quiet {
            self.always(text);
        }
    }

    /// Prints a warning and a hint.
    pub fn warn(&self, message: &str, hint: Option<&str>) {
        let mut text = Text::new().add(ODD, "warning").plain(": ").plain(message).end();
        if let Some(hint) = hint {
            text = text.add(HINT, "hint").plain(": ").plain(hint).end();
        }
        self.always(&text);
    }

    /// Prints a message even with `--quiet`.
    pub fn always(&self, text: &Text) {
        // A failure to write to standard error cannot be reported.
        let _ = self.ask(text);
    }

    /// Prints a question; it fails if it cannot have been read.
    pub fn ask(&self, text: &Text) -> io::Result<()> {
        self.write(&mut io::stderr().lock(), text, self.colored_err.load(Ordering::Relaxed))
    }

    /// Prints help that is already styled: as data, or as a message in place of an error.
    pub fn help(&self, styled: &str, is_error: bool) {
        let colored = if is_error { &self.colored_err } else { &self.colored_out };
        let plain = || anstream::adapter::strip_str(styled).to_string();
        let text = if colored.load(Ordering::Relaxed) { styled.to_owned() } else { plain() };
        if is_error {
            // A failure to write to standard error cannot be reported.
            let _ = write_all(&mut io::stderr().lock(), text.as_bytes());
        } else {
            self.remember(write_all(&mut io::stdout().lock(), text.as_bytes()));
        }
    }

    /// Why data could not be written, if so; returned once.
    pub fn lost(&self) -> Option<io::Error> {
        self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    fn write(&self, stream: &mut impl Write, text: &Text, colored: bool) -> io::Result<()> {
        let text = match colored {
            true => Cow::Owned(text.styled()),
            false => Cow::Borrowed(text.unstyled()),
        };
        write_all(stream, self.without_secrets(&text).as_bytes())
    }

    fn remember(&self, written: io::Result<()>) {
        if let Err(error) = written {
            self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
        }
    }
}

fn write_all(stream: &mut impl Write, text: &[u8]) -> io::Result<()> {
    match stream.write_all(text).and_then(|()| stream.flush()) {
        // The reader closed the pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        assert!(write_all(&mut Fails(io::ErrorKind::BrokenPipe), b"x").is_ok());
        let printer = Printer::new(Format::Text, Verbosity::Normal, ColorWhen::Never);
        assert!(printer.lost().is_none());
        printer.remember(write_all(&mut Fails(io::ErrorKind::StorageFull), b"x"));
        assert_eq!(printer.lost().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_password_does_not_take_a_document_apart() {
        let printer = Printer::new(Format::Json, Verbosity::Normal, ColorWhen::Never);
        printer.hide(["123456".to_owned(), "nSecret".to_owned()]);
        let document = serde_json::json!({
            "123456": 1_123_456, "rate": 0.123456, "text": ["was 123456", "\nSecret \u{7}nSecret"], "plain": "x",
        });
        let shown: serde_json::Value = serde_json::from_str(&printer.shown(&document.to_string())).expect("JSON");
        let expected = serde_json::json!({
            "123456": 1_123_456, "rate": 0.123456, "text": ["was ***", "\nSecret \u{7}***"], "plain": "x",
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn known_passwords_are_hidden_in_every_form() {
        let printer = Printer::new(Format::Json, Verbosity::Normal, ColorWhen::Never);
        printer.hide(["Hunter\u{7}2\"&".to_owned(), "Hunter".to_owned()]);
        let text = Text::new().add(BAD, "no: ").plain("as Hunter\u{7}2\"& said").end();
        let mut written = Vec::new();
        printer.write(&mut written, &text, false).expect("written");
        assert_eq!(String::from_utf8(written).expect("UTF-8"), "no: as *** said\n");
        let document = serde_json::json!({ "a": "Hunter\u{7}2\"&", "b": "Hunter" }).to_string();
        assert_eq!(printer.shown(&document), "{\"a\":\"***\",\"b\":\"***\"}\n");
        assert_eq!(printer.without_secrets(&escape::xml("<Hunter\u{7}2\"&>")), "&lt;***&gt;");
    }
}
