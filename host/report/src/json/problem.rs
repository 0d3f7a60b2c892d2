//! Problems of a project.

use serde::Serialize;

use runner_project::catalog::CatalogReport;

/// A problem of the project.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ProblemJson {
    /// `None` if it concerns the whole project.
    revision: Option<String>,
    /// `changed`, `missing`, `unlisted`, `unbuilt` or `no-directory`.
    kind: &'static str,
    message: String,
    hints: Vec<String>,
}

impl ProblemJson {
    /// All problems of the project.
    pub(super) fn all(report: &CatalogReport) -> Vec<Self> {
        let no_directory = report.no_directory.iter().map(|error| Self {
            revision: None,
            kind: "no-directory",
            message: error.message.clone(),
            hints: error.hints.iter().map(ToString::to_string).collect(),
        });
        let disagreements = report.problems.iter().map(|problem| Self {
            revision: Some(problem.revision.clone()),
            kind: problem.kind.name(),
            message: problem.message.clone(),
            hints: vec![problem.hint.clone()],
        });
        no_directory.chain(disagreements).collect()
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
