//! The one way to the terminal: data to standard output, talk to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::escape;
use super::text::{BAD, HINT, ODD, Text};

/// The form of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and warnings alone.
    Quiet,
    /// What was done.
    #[default]
    Normal,
    /// Each statement too.
    Verbose,
}

/// When to colour.
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

/// Prints. A reader who went away is no failure: what is left is dropped.
pub struct Printer {
    json: AtomicBool,
    verbosity: Verbosity,
    colored_out: bool,
    colored_err: bool,
}

impl Printer {
    /// A printer to the process's streams.
    pub fn new(format: Format, verbosity: Verbosity, color: ColorWhen) -> Self {
        Self {
            json: AtomicBool::new(format == Format::Json),
            verbosity,
            colored_out: color.colors(&io::stdout()),
            colored_err: color.colors(&io::stderr()),
        }
    }

    /// The form of the data.
    pub fn format(&self) -> Format {
        if self.json.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
    }

    /// Changes the form of the data: the settings may know better than the command line.
    pub fn set_format(&self, format: Format) {
        self.json.store(format == Format::Json, Ordering::Relaxed);
    }

    /// How much is told.
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Whether talk goes to a terminal that can redraw lines.
    pub fn talks_to_terminal(&self) -> bool {
        io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Data for people.
    pub fn data(&self, text: &Text) {
        write(&mut io::stdout().lock(), text, self.colored_out);
    }

    /// Data for programs: one document.
    pub fn json(&self, document: &impl Serialize) {
        match serde_json::to_string_pretty(document) {
            Ok(document) => write_all(&mut io::stdout().lock(), &format!("{}\n", escape::json(&document))),
            Err(error) => self.always(&Text::new().add(BAD, "error").plain(format!(": no JSON: {error}")).end()),
        }
    }

    /// Talk, which `--quiet` silences.
    pub fn talk(&self, text: &Text) {
        if self.verbosity > Verbosity::Quiet {
            self.always(text);
        }
    }

    /// Something is not as it should be, and what to do about it.
    pub fn warn(&self, message: &str, hint: Option<&str>) {
        let mut text = Text::new().add(ODD, "warning").plain(": ").plain(message).end();
        if let Some(hint) = hint {
            text = text.add(HINT, "hint").plain(": ").plain(hint).end();
        }
        self.always(&text);
    }

    /// Talk that is always heard.
    pub fn always(&self, text: &Text) {
        write(&mut io::stderr().lock(), text, self.colored_err);
    }
}

fn write(stream: &mut impl Write, text: &Text, colored: bool) {
    if colored {
        write_all(stream, text.styled());
    } else {
        write_all(stream, &anstream::adapter::strip_str(text.styled()).to_string());
    }
}

fn write_all(stream: &mut impl Write, text: &str) {
    // A closed pipe is the reader's choice; to a full disk there is nobody left to complain to.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}
