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
