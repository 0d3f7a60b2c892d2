//! The languages of scripts.

/// A language of scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptLanguage {
    /// JavaScript.
    Javascript,
    /// TypeScript.
    Typescript,
    /// Python.
    Python,
}

impl ScriptLanguage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Javascript, Self::Typescript, Self::Python];

    /// The name on the command line and in the lockfile.
    pub fn name(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Typescript => "typescript",
            Self::Python => "python",
        }
    }

    /// The name in sentences.
    pub fn title(self) -> &'static str {
        match self {
            Self::Javascript => "JavaScript",
            Self::Typescript => "TypeScript",
            Self::Python => "Python",
        }
    }

    /// The end of a script's name.
    pub fn end(self) -> &'static str {
        match self {
            Self::Javascript => ".js",
            Self::Typescript => ".ts",
            Self::Python => ".py",
        }
    }

    /// The name of the runtime.
    pub fn runtime(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Typescript => "typescript",
            Self::Python => "python",
        }
    }

    /// The language with this name in the lockfile.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// The language of a file, and its name without the end.
    pub fn of_file(name: &str) -> Option<(&str, Self)> {
        Self::ALL.into_iter().find_map(|language| Some((name.strip_suffix(language.end())?, language)))
    }
}
