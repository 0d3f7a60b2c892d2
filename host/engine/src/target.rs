//! The target of a run: parsed here, resolved against project and history by the plan.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;
pub use runner_project::compare_revisions;
use runner_project::{RevisionKey, migration_id, read_id};

/// The target of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The last migration of the project.
    #[default]
    Latest,
    /// The next pending migration.
    Next,
    /// The current revision.
    Current,
    /// Before the first migration.
    Base,
    /// This many migrations after the current revision.
    Forward(usize),
    /// This many migrations before the current revision.
    Back(usize),
    /// A revision, its name, or the beginning of either.
    Revision(String),
}

impl Target {
    /// Whether a rollback to it leaves nothing of this many applied migrations. A number may be that of all of them;
    /// the newest alone needs no question.
    pub fn leaves_nothing(&self, applied: usize) -> bool {
        match self {
            Self::Base => true,
            Self::Back(number @ 2..) => (1..=*number).contains(&applied),
            Self::Back(_) | Self::Latest | Self::Next | Self::Current | Self::Forward(_) | Self::Revision(_) => false,
        }
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "latest" | "head" | "heads" => return Ok(Self::Latest),
            "next" => return Ok(Self::Next),
            "current" => return Ok(Self::Current),
            "base" => return Ok(Self::Base),
            _ => {}
        }
        let counted = |digits: &str| {
            digits.parse::<usize>().ok().filter(|count| *count > 0).ok_or_else(|| {
                Error::usage(format!("`{text}` is not a target"))
                    .hint("a relative target is a sign and a number greater than 0, such as `+2` or `-1`")
            })
        };
        if let Some(digits) = text.strip_prefix('+') {
            return Ok(Self::Forward(counted(digits)?));
        }
        if let Some(digits) = text.strip_prefix('-') {
            return Ok(Self::Back(counted(digits)?));
        }
        if text.trim().is_empty() {
            return Err(Error::usage("the target is empty")
                .hint("name a revision, or one of `latest`, `next`, `current`, `base`, `+N` and `-N`"));
        }
        Ok(Self::Revision(text.to_owned()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Next => f.write_str("next"),
            Self::Current => f.write_str("current"),
            Self::Base => f.write_str("base"),
            Self::Forward(count) => write!(f, "+{count}"),
            Self::Back(count) => write!(f, "-{count}"),
            Self::Revision(text) => f.write_str(text),
        }
    }
}

/// All revisions that a text can refer to, each with its name: those of the project, and those known only from history. Of two
/// spellings of a revision, `0001` and `1`, the last one given counts.
#[derive(Clone, Debug, Default)]
pub struct Candidates<'a> {
    revisions: BTreeMap<(Option<RevisionKey>, &'a str), (&'a str, &'a str)>,
}

impl<'a> FromIterator<(&'a str, &'a str)> for Candidates<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(revisions: I) -> Self {
        let keyed = |(revision, name): (&'a str, &'a str)| {
            let key = RevisionKey::of(revision);
            let text = if key.is_some() { "" } else { revision };
            ((key, text), (revision, name))
        };
        Self { revisions: revisions.into_iter().map(keyed).collect() }
    }
}

impl<'a> Candidates<'a> {
    /// Returns the revision that the text refers to: a complete revision, name or id (`REVISION_name`), or an unambiguous
    /// prefix of one.
    pub fn resolve(&self, text: &str) -> Result<&'a str> {
        let is_number = RevisionKey::of(text).is_some();
        let same = |revision: &str| is_number && compare_revisions(revision, text).is_eq();
        let whole = self.matches(|revision, name, id| same(revision) || name == text || id == text);
        let found = match whole.len() {
            0 => self.matches(|revision, name, id| {
                revision.starts_with(text) || name.starts_with(text) || id.starts_with(text)
            }),
            _ => whole,
        };
        // `2026_01_05_x`, as the file is called, for `20260105_x`.
        let found = match read_id(text).filter(|_| found.is_empty()) {
            Some(read) => self.matches(|_, _, id| id == read),
            None => found,
        };
        match found.as_slice() {
            [revision] => Ok(revision),
            [] => Err(self.unknown(text)),
            several => Err(self.ambiguous(text, several)),
        }
    }

    fn matches(&self, wanted: impl Fn(&str, &str, &str) -> bool) -> Vec<&'a str> {
        let each = self.revisions.values();
        each.filter(|(revision, name)| wanted(revision, name, &migration_id(revision, name)))
            .map(|(revision, _)| *revision)
            .collect()
    }

    fn id(&self, wanted: &str) -> String {
        let found = self.revisions.values().find(|(revision, _)| *revision == wanted);
        found.map_or_else(|| wanted.to_owned(), |(revision, name)| migration_id(revision, name))
    }

    fn ambiguous(&self, text: &str, several: &[&str]) -> Error {
        const SHOWN: usize = 8;
        let mut several = several.to_vec();
        several.sort_by(|left, right| compare_revisions(left, right));
        let mut list: Vec<String> =
            several.iter().take(SHOWN).map(|revision| format!("`{}`", self.id(revision))).collect();
        if several.len() > SHOWN {
            list.push(format!("{} more", several.len() - SHOWN));
        }
        Error::usage(format!("`{text}` is ambiguous; it matches {} revisions: {}", several.len(), list.join(", ")))
            .hint("give more of the revision or of its name")
    }

    fn unknown(&self, text: &str) -> Error {
        let error = Error::usage(format!("no revision or name begins with `{text}`"));
        let spellings = self.revisions.values().flat_map(|(revision, name)| [*revision, *name]);
        match did_you_mean(text, spellings) {
            Some(spelling) => error.hint(format!("did you mean `{spelling}`?")),
            None => error.hint("`runner status` lists all revisions"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_targets() {
        for (text, target) in [
            ("latest", Target::Latest),
            ("head", Target::Latest),
            ("heads", Target::Latest),
            ("next", Target::Next),
            ("current", Target::Current),
            ("base", Target::Base),
            ("+2", Target::Forward(2)),
            ("-1", Target::Back(1)),
            ("0002", Target::Revision("0002".to_owned())),
            ("create_users", Target::Revision("create_users".to_owned())),
        ] {
            assert_eq!(text.parse::<Target>().expect("a target"), target, "{text}");
        }
        for text in ["", " ", "+", "-x", "+0", "-0", "+-1", "+99999999999999999999999"] {
            assert!(text.parse::<Target>().is_err(), "{text:?} is not a target");
        }
    }

    #[test]
    fn words_that_no_migration_may_be_named_are_the_targets() {
        for word in runner_project::TARGET_WORDS {
            assert!(!matches!(word.parse(), Ok(Target::Revision(_))), "{word}");
        }
    }

    #[test]
    fn two_spellings_are_one_revision() {
        let candidates: Candidates<'_> = [("0001", "a"), ("1", "a")].into_iter().collect();
        for text in ["1", "0001", "a", "1_a"] {
            assert_eq!(candidates.resolve(text).expect("one revision"), "1", "{text}");
        }
    }

    #[test]
    fn a_text_means_one_revision_or_is_refused() {
        let candidates: Candidates<'_> =
            [("0001", "create_users"), ("0002", "create_orders"), ("0010", "users"), ("20260105093000", "2026_report")]
                .into_iter()
                .collect();
        for (text, revision) in [
            ("0001", "0001"),
            ("1", "0001"),
            ("10", "0010"),
            ("users", "0010"),
            ("create_u", "0001"),
            ("0002_create_orders", "0002"),
            ("0002_cr", "0002"),
            ("2026010", "20260105093000"),
        ] {
            assert_eq!(candidates.resolve(text).expect("one revision"), revision, "{text}");
        }
        let dated: Candidates<'_> = [("20260105", "a"), ("20260106.2", "b")].into_iter().collect();
        for (text, revision) in
            [("2026_01_05_a", "20260105"), ("2026-1-06_2_b", "20260106.2"), ("20260106_2_b", "20260106.2")]
        {
            assert_eq!(dated.resolve(text).expect("one revision"), revision, "{text}");
        }
        let ambiguous = candidates.resolve("create").expect_err("two match");
        assert_eq!(
            ambiguous.message,
            "`create` is ambiguous; it matches 2 revisions: `0001_create_users`, `0002_create_orders`"
        );
        let unknown = candidates.resolve("craete_users").expect_err("none matches");
        assert_eq!(unknown.hints, ["did you mean `create_users`?"]);
        let far = candidates.resolve("zzz").expect_err("none matches");
        assert_eq!(far.hints, ["`runner status` lists all revisions"]);
    }
}
