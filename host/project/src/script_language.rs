//! The languages of scripts.

runner_base::named! {
    /// A language of scripts.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum ScriptLanguage {
        /// JavaScript.
        Javascript = "javascript",
        /// TypeScript.
        Typescript = "typescript",
        /// Python.
        Python = "python",
    }
}

impl ScriptLanguage {
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
        self.name()
    }

    /// The language of a file, and its name without the end.
    pub fn of_file(name: &str) -> Option<(&str, Self)> {
        Self::ALL.into_iter().find_map(|language| Some((name.strip_suffix(language.end())?, language)))
    }
}
