//! Problems of a project.

use runner_base::error::Error;
use runner_project::catalog::{CatalogProblem, CatalogReport};

document! {
    /// A problem of the project.
    pub(super) struct ProblemJson(revision: Option<&str>, kind: &'static str, message: &str, hints: Vec<String>) {
        /// `None` if it concerns the whole project.
        revision: Option<String> = revision.map(str::to_owned),
        /// `changed`, `missing`, `unlisted`, `unbuilt` or `no-directory`.
        kind: &'static str = kind,
        message: String = message.to_owned(),
        hints: Vec<String> = hints,
    }
}

impl ProblemJson {
    /// All problems of the project.
    pub(super) fn all(report: &CatalogReport) -> Vec<Self> {
        let hints = |error: &Error| error.hints.iter().map(ToString::to_string).collect();
        let of_project = |error: &Error| Self::new(None, "no-directory", &error.message, hints(error));
        let of_migration = |problem: &CatalogProblem| {
            Self::new(Some(&problem.revision), problem.kind.name(), &problem.message, vec![problem.hint.clone()])
        };
        report.no_directory.iter().map(of_project).chain(report.problems.iter().map(of_migration)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::error::Error;
    use runner_project::catalog::{CatalogProblem, CatalogProblemKind};

    #[test]
    fn problems_say_what_they_are_about_and_what_to_do() {
        let problem = CatalogProblem {
            revision: "2".to_owned(),
            name: "fill".to_owned(),
            kind: CatalogProblemKind::Unbuilt,
            message: "`2_fill` is not built".to_owned(),
            hint: "build it".to_owned(),
        };
        let report = CatalogReport {
            problems: vec![problem],
            no_directory: Some(Error::usage("no directory").hint("make it")),
            ..CatalogReport::default()
        };
        let json = serde_json::to_value(ProblemJson::all(&report)).expect("JSON");
        let expected = serde_json::json!([
            { "revision": null, "kind": "no-directory", "message": "no directory", "hints": ["make it"] },
            { "revision": "2", "kind": "unbuilt", "message": "`2_fill` is not built", "hints": ["build it"] },
        ]);
        assert_eq!(json, expected);
    }
}
