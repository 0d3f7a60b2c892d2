//! The command line as clap sees it.

use clap::CommandFactory;

use super::*;
use runner_project::TARGET_WORDS;

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

/// A longer line is wrapped, which leaves a word on a line of its own.
#[test]
fn texts_of_the_help_fit_its_width() {
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        let texts = [command.get_long_about(), command.get_after_help(), command.get_after_long_help()];
        for line in
            texts.into_iter().flatten().flat_map(|text| text.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        {
            assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
        }
        commands.extend(command.get_subcommands().cloned());
    }
}

#[test]
fn the_short_n_counts_in_rollback_and_names_elsewhere() {
    let parse = |line: &str| Cli::try_parse_from(line.split_whitespace()).expect("a command line");
    let cli = parse("runner -n shop rollback -n 2");
    assert_eq!(cli.global.database, ["shop"]);
    assert!(matches!(cli.command, Command::Rollback(args) if args.number == Some(2)));
    let cli = parse("runner rollback --database shop -n 2");
    assert_eq!(cli.global.database, ["shop"]);
    let cli = parse("runner apply -n shop --target -1");
    assert_eq!(cli.global.database, ["shop"]);
    assert!(matches!(cli.command, Command::Apply(args) if args.target == "-1"));
    let cli = parse("runner down");
    assert!(matches!(cli.command, Command::Rollback(args) if !args.all));
}

#[test]
fn one_extent_at_a_time() {
    for line in ["runner rollback --all -n 2", "runner rollback --target 1 --all", "runner build 1 --all", "runner"] {
        assert!(Cli::try_parse_from(line.split_whitespace()).is_err(), "{line}");
    }
}

#[test]
fn usage_errors_are_reported_like_other_errors() {
    let error_of = |line: &str| {
        let error = usage_error(&Cli::try_parse_from(line.split(' ')).expect_err(line), &[]);
        (error.message, error.hints)
    };
    let (message, hints) = error_of("runner status --exit-cod");
    assert_eq!(message, "unexpected argument `--exit-cod` found");
    assert_eq!(hints, ["a similar argument exists: `--exit-code`", "`runner help status` shows its options"]);
    let (message, hints) = error_of("runner aply");
    assert_eq!(message, "no such command: `aply`");
    assert_eq!(hints, ["a similar command exists: `apply`", "`runner help` lists commands and options"]);
    let (message, hints) = error_of("runner new");
    assert_eq!(message, "the following required arguments were not provided: <NAME>");
    assert_eq!(hints, ["`runner help new` shows its options"]);
    let (message, hints) = error_of("runner status --format xml");
    assert_eq!(message, "invalid value `xml` for `--format <FORMAT>`");
    assert_eq!(hints[0], "possible values: text, json");
    assert_eq!(error_of("runner").0, "no command given");
    assert_eq!(error_of("runner help nonsense").0, "no such command: `nonsense`");
}

#[test]
fn commands_of_other_tools_are_aliases_or_get_a_hint() {
    for (alias, name) in [
        ("up", "apply"),
        ("migrate", "apply"),
        ("upgrade", "apply"),
        ("down", "rollback"),
        ("downgrade", "rollback"),
        ("revert", "rollback"),
        ("undo", "rollback"),
        ("create", "new"),
        ("generate", "new"),
        ("revision", "new"),
        ("info", "status"),
        ("check", "validate"),
    ] {
        let command = Cli::command();
        let found = command.find_subcommand(alias).map(clap::Command::get_name);
        assert_eq!(found, Some(name), "{alias}");
    }
    for (word, hint) in [
        ("make", "use `runner new NAME`"),
        ("heads", "use `runner status`: its last migration is the head"),
        ("merge", "revisions are a single sequence without branches; `runner status` lists them"),
        (
            "Lint",
            "use `runner validate`, which checks the files, or `runner plan`, which checks them against the database",
        ),
        ("kill", "use `runner cancel`"),
        ("up-to", "use `runner apply --target TARGET`"),
        ("up-by-one", "use `runner apply --target +1`"),
        ("down-to", "use `runner rollback --target TARGET`"),
        ("clean", "use `runner db drop`; `runner rollback --all` undoes only what the migrations did"),
        ("database", "use `runner db create`, `runner db drop` or `runner db reset`"),
    ] {
        let error = usage_error(&Cli::try_parse_from(["runner", word]).expect_err(word), &[]);
        assert_eq!(error.message, format!("no such command: `{word}`"));
        assert_eq!(error.hints, [hint, "`runner help` lists commands and options"]);
    }
}

#[test]
fn no_alias_is_a_target_and_no_hint_is_for_a_command() {
    for command in Cli::command().get_subcommands() {
        for alias in command.get_all_aliases() {
            assert!(!TARGET_WORDS.contains(&alias), "`{alias}` is a target");
            assert_eq!(foreign_verbs::hint(alias), None, "`{alias}` is an alias of `{}`", command.get_name());
        }
        assert_eq!(foreign_verbs::hint(command.get_name()), None);
    }
}

#[test]
fn every_command_has_a_short_help_and_a_long_one_with_examples() {
    for name in Cli::command().get_subcommands().filter(|it| !it.is_hide_set()).map(clap::Command::get_name) {
        let help = |line: &[&str]| Cli::try_parse_from(line).expect_err("help").render().to_string();
        let (short, long) = (help(&["runner", name, "-h"]), help(&["runner", name, "--help"]));
        assert!(short.len() < long.len(), "{name}");
        assert!(short.contains(&format!("runner help {name}")), "{short}");
        assert!(long.contains("Examples:"), "{long}");
        assert_eq!(help(&["runner", "help", name]), long);
    }
}

#[test]
fn a_url_in_the_wrong_place_does_not_show_its_password() {
    let url = "postgres://me:PASS'WORD@host/db";
    for line in [vec!["runner", url], vec!["runner", "status", url], vec!["runner", "apply", "--jobs", url]] {
        let words: Vec<_> = line.iter().map(|word| Cow::Borrowed(*word)).collect();
        let error = usage_error(&Cli::try_parse_from(&line).expect_err("no such argument"), &words);
        let shown = format!("{error:#}");
        assert!(shown.contains("postgres://me:***@host/db"), "{shown}");
        assert!(!shown.contains("PASS") && !shown.contains("WORD"), "{shown}");
    }
}

#[test]
fn a_panic_is_reported_like_an_error() {
    let error = internal_error("no\u{1b} `mysql:/me:SECRET@h`", Some(std::panic::Location::caller()));
    let text = runner_report::error::error(&error);
    let shown = text.unstyled();
    assert!(
        shown.starts_with("error: runner panicked: this is a bug in runner\n  source: host/cli/src/tests.rs:"),
        "{shown}"
    );
    assert!(shown.ends_with("caused by: no\\u{1b} `mysql:/me:***@h`\n"), "{shown}");
}

/// The flags after each `runner …` of a page, in code.
fn flags_of(page: &str) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        let code: Vec<&str> = if in_block { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        for command in code.iter().flat_map(|code| code.split(['|', ';', '&', '#', '`'])) {
            // What is in quotes is the value of a flag.
            let command: String = command.split('\'').step_by(2).collect();
            let mut words = command.split_whitespace().skip_while(|word| *word != "runner").skip(1).peekable();
            let mut path = Vec::new();
            while let Some(word) = words.next_if(|word| !word.starts_with('-') && path.len() < 2) {
                path.push(word.to_owned());
            }
            let flags = words.filter_map(|word| word.trim_start_matches('[').strip_prefix("--"));
            let name = |flag: &str| flag.split(|c: char| !c.is_alphanumeric() && c != '-').next().map(str::to_owned);
            found.extend(flags.filter_map(name).filter(|flag| !flag.is_empty()).map(|flag| (path.clone(), flag)));
        }
    }
    found
}

#[test]
fn the_documentation_names_only_flags_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    let mut directories = vec![root.join("docs/src")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => directories.push(path),
                Some(end) if end == "md" => pages.push(path),
                _ => {}
            }
        }
    }
    let mut program = Cli::command();
    program.build();
    let (mut checked, mut unknown) = (0, Vec::new());
    for page in pages {
        for (path, flag) in flags_of(&std::fs::read_to_string(&page).expect("a page")) {
            let mut command = &program;
            for verb in &path {
                command = command.find_subcommand(verb).unwrap_or(command);
            }
            let names = |arg: &clap::Arg| {
                arg.get_long() == Some(&flag) || arg.get_all_aliases().is_some_and(|all| all.contains(&flag.as_str()))
            };
            checked += 1;
            if !command.get_arguments().any(names) {
                unknown.push(format!("{}: runner {} --{flag}", page.display(), path.join(" ")));
            }
        }
    }
    assert!(checked > 100, "{checked}");
    assert!(unknown.is_empty(), "{unknown:#?}");
}
