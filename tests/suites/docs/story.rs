//! A page's commands, and a project in which they run one after the other.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;

use runner_tests::{Output, TestProject, guests};

/// A command of a page, and what the page shows of its output.
pub struct Printed {
    pub line: String,
    pub shown: Vec<String>,
}

/// A fenced block of a page: its language and its lines.
struct Block {
    language: String,
    lines: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(guests::repository().join(format!("docs/src/{page}.md"))).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if is_open => is_open = false,
            Some(language) => {
                is_open = true;
                blocks.push(Block { language: language.to_owned(), lines: Vec::new() });
            }
            None if is_open => blocks.last_mut().unwrap().lines.push(line.to_owned()),
            None => {}
        }
    }
    assert!(!is_open, "{page} has a block without an end");
    blocks
}

/// The commands of a page, in order. A block of text after commands is the output of the last one.
pub fn commands(page: &str) -> VecDeque<Printed> {
    let mut commands: VecDeque<Printed> = VecDeque::new();
    let mut follows_command = false;
    for block in blocks(page) {
        let is_output = follows_command && block.language == "text";
        follows_command = block.language == "sh";
        match block.language.as_str() {
            "text" if is_output => commands.back_mut().unwrap().shown.extend(block.lines),
            "sh" => {
                let lines = block.lines.iter().map(|line| line.split("  #").next().unwrap().trim());
                let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
                commands.extend(lines.map(|line| Printed { line: line.to_owned(), shown: Vec::new() }));
            }
            "console" => {
                for line in block.lines {
                    match line.strip_prefix("$ ") {
                        Some(line) => {
                            commands.push_back(Printed { line: line.trim().to_owned(), shown: Vec::new() });
                        }
                        None => commands.back_mut().unwrap().shown.push(line),
                    }
                }
            }
            _ => {}
        }
    }
    commands
}

/// A page as it is followed.
pub struct Story<'p> {
    project: &'p TestProject,
    page: &'static str,
    left: VecDeque<Printed>,
    directory: PathBuf,
    replaced: Vec<(String, String)>,
}

impl<'p> Story<'p> {
    /// Begins a page in a project.
    pub fn new(page: &'static str, project: &'p TestProject) -> Self {
        let directory = project.root().to_path_buf();
        Self { project, page, left: commands(page), directory, replaced: Vec::new() }
    }

    /// Goes on in another project.
    pub fn elsewhere<'q>(self, project: &'q TestProject) -> Story<'q> {
        let directory = project.root().to_path_buf();
        Story { project, directory, page: self.page, left: self.left, replaced: self.replaced }
    }

    /// From here on, a text of the page stands for another one, such as a path.
    pub fn replace(&mut self, text: &str, with: impl Into<String>) {
        self.replaced.push((text.to_owned(), with.into()));
    }

    /// The next command, which must be this one.
    #[track_caller]
    fn next(&mut self, line: &str) -> Printed {
        let printed = self.left.pop_front().unwrap_or_else(|| panic!("{} ends before `{line}`", self.page));
        assert_eq!(printed.line, line, "the next command of {}", self.page);
        printed
    }

    /// Leaves out a command that cannot run in a test.
    #[track_caller]
    pub fn skip(&mut self, line: &str) {
        self.next(line);
    }

    /// Runs the next command, which must be this one.
    #[track_caller]
    pub fn run(&mut self, line: &str, code: i32) -> Output {
        self.next(line);
        self.execute(line, code)
    }

    /// As [`Story::run`]; the output must be that of the page, apart from times, versions and names.
    #[track_caller]
    pub fn prints(&mut self, line: &str, code: i32) {
        let printed = self.next(line);
        let output = self.execute(line, code);
        let lines: Vec<String> = output.stdout.lines().chain(output.stderr.lines()).map(essence).collect();
        for shown in printed.shown.iter().filter(|line| !line.trim().is_empty() && line.trim() != "…") {
            assert!(lines.contains(&essence(shown)), "{} shows a line that is not there: {shown}\n{output}", self.page);
        }
    }

    /// Runs a command that is not on the page.
    #[track_caller]
    pub fn execute(&mut self, line: &str, code: i32) -> Output {
        let mut line = line.to_owned();
        for (text, with) in &self.replaced {
            line = line.replace(text, with);
        }
        if let Some(directory) = line.strip_prefix("cd ") {
            self.directory = self.directory.join(directory);
            assert!(self.directory.is_dir(), "{line}");
            line = "true".to_owned();
        }
        let mut shell = Command::new("sh");
        self.project.prepare(&mut shell);
        let programs = Path::new(self.project.binary()).parent().unwrap().to_path_buf();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).unwrap();
        let output = self.project.finish(shell.env("PATH", path).current_dir(&self.directory).args(["-c", &line]));
        output.exits(code);
        output
    }

    /// Writes the files of the page: blocks of SQL that begin with their path, from which the revision is left out.
    pub fn write_files(&self) {
        let mut written = 0;
        for block in blocks(self.page).iter().filter(|block| block.language == "sql") {
            let Some(path) = block.lines.first().and_then(|line| line.strip_prefix("-- migrations/")) else { continue };
            let (_, name) = path.split_once('_').unwrap();
            std::fs::write(self.migration(name), block.lines.join("\n")).unwrap();
            written += 1;
        }
        assert!(written > 0, "{} has no files", self.page);
    }

    /// The file of a migration in the current directory, whatever its revision.
    pub fn migration(&self, name: &str) -> PathBuf {
        let migrations = std::fs::read_dir(self.directory.join("migrations")).unwrap();
        let mut files = migrations.map(|entry| entry.unwrap().path());
        files
            .find(|path| {
                path.file_name().unwrap().to_string_lossy().split_once('_').is_some_and(|(_, rest)| rest == name)
            })
            .unwrap_or_else(|| panic!("there is no migration `{name}`"))
    }

    /// The revision of such a file.
    pub fn revision(&self, name: &str) -> String {
        let file = self.migration(name);
        file.file_name().unwrap().to_string_lossy().split_once('_').unwrap().0.to_owned()
    }

    /// Ends the page, of which nothing may be left.
    #[track_caller]
    pub fn end(self) {
        let left: Vec<&str> = self.left.iter().map(|printed| &*printed.line).collect();
        assert!(left.is_empty(), "{} has commands that are not run: {left:#?}", self.page);
    }
}

/// A line without what differs between two runs: numbers and what contains them, units of time, paths, white space.
fn essence(line: &str) -> String {
    const UNITS: [&str; 6] = ["ms", "s", "min", "µs", "<", "#"];
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_matches(|c: char| "(),;:`".contains(c));
        let varies = bare.contains(|c: char| c.is_ascii_digit() || c == '/' || c == '@');
        if varies || UNITS.contains(&bare) {
            continue;
        }
        words.push(word.trim_matches(|c: char| "(),;:".contains(c)).to_owned());
    }
    words.join(" ")
}
