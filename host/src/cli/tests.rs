//! The command line as clap sees it.

use clap::CommandFactory;

use super::*;

#[test]
fn clap_finds_no_contradiction() {
    Cli::command().debug_assert();
}

#[test]
fn the_short_n_counts_in_rollback_and_names_elsewhere() {
    let parse = |line: &str| Cli::try_parse_from(line.split_whitespace()).expect("a command line");
    let cli = parse("runner -n shop rollback -n 2");
    assert_eq!(cli.global.database.as_deref(), Some("shop"));
    assert!(matches!(cli.command, Command::Rollback(args) if args.number == Some(2)));
    let cli = parse("runner rollback --database shop -n 2");
    assert_eq!(cli.global.database.as_deref(), Some("shop"));
    let cli = parse("runner apply -n shop --target -1");
    assert_eq!(cli.global.database.as_deref(), Some("shop"));
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
fn mistakes_on_the_command_line_are_told_as_errors_are() {
    let told = |line: &str| {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
        let error = usage_error(&error.render().to_string());
        (error.message, error.hints)
    };
    let (message, hints) = told("runner status --exit-cod");
    assert_eq!(message, "unexpected argument `--exit-cod` found");
    assert_eq!(hints, ["a similar argument exists: `--exit-code`", "`runner status --help` lists what it takes"]);
    let (message, hints) = told("runner aply");
    assert_eq!(message, "unrecognized subcommand `aply`");
    assert!(hints[0].contains("`apply`"), "{hints:?}");
    assert_eq!(hints[1], "`runner --help` lists verbs and flags");
    let (message, hints) = told("runner new");
    assert_eq!(message, "the following required arguments were not provided: <NAME>");
    assert_eq!(hints, ["`runner new --help` lists what it takes"]);
    let (message, hints) = told("runner status --format xml");
    assert_eq!(message, "invalid value `xml` for `--format <FORMAT>`");
    assert_eq!(hints[0], "possible values: text, json");
    assert_eq!(told("runner").0, "there is no verb on the command line");
}
