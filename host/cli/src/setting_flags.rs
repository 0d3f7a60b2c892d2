//! The flags of settings, as the tables of the settings have them: with the help that is there.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use runner_project::settings::{SettingFlag, history_flags, run_flags};

/// The heading of the flags of a throttle.
const THROTTLE: &str = "Throttling of transforms that commit chunk by chunk";

/// The values that the command line has for settings of the commands that run migrations.
#[derive(Clone, Debug, Default)]
pub struct RunFlags(pub Vec<(&'static str, String)>);

/// Those of every command for the place of the history.
#[derive(Clone, Debug, Default)]
pub struct HistoryFlags(pub Vec<(&'static str, String)>);

impl Args for RunFlags {
    fn augment_args(command: Command) -> Command {
        let [of_runs, of_throttle] = run_flags();
        let command = command.args(of_runs.into_iter().map(arg));
        command.args(of_throttle.into_iter().map(|flag| arg(flag).help_heading(THROTTLE)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RunFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(given(matches, run_flags().into_iter().flatten())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        Self::from_arg_matches(matches).map(|flags| *self = flags)
    }
}

impl Args for HistoryFlags {
    fn augment_args(command: Command) -> Command {
        command.args(history_flags().into_iter().map(|flag| arg(flag).global(true)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for HistoryFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(given(matches, history_flags())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        Self::from_arg_matches(matches).map(|flags| *self = flags)
    }
}

fn long(flag: &SettingFlag) -> &'static str {
    flag.name.trim_start_matches('-')
}

fn arg(flag: &'static SettingFlag) -> Arg {
    let SettingFlag { variable, value, help, details, .. } = flag;
    let paragraphs = [*help, *details].into_iter().filter(|text| !text.is_empty());
    let long_help = paragraphs.map(|text| format!("{text}\n\n")).collect::<String>();
    Arg::new(long(flag))
        .long(long(flag))
        .value_name(*value)
        .help(*help)
        .long_help(format!("{long_help}[env: {variable}]"))
        .hide_short_help(true)
}

fn given(matches: &ArgMatches, flags: impl IntoIterator<Item = &'static SettingFlag>) -> Vec<(&'static str, String)> {
    flags.into_iter().filter_map(|flag| Some((flag.name, matches.get_one::<String>(long(flag))?.clone()))).collect()
}
