//! `completions` and `man`: made from the definitions that `--help` is made from.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::args::Cli;
use crate::cli::failure::Failure;

pub(super) fn completions(shell: Shell, out: &mut dyn Write) -> Result<u8, Failure> {
    // Into memory first: the generator panics where its output is gone.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "counterfoil", &mut script);
    out.write_all(&script)?;
    Ok(0)
}

pub(super) fn man(folder: &Path) -> Result<u8, Failure> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that is shown, with the name of its page.
    fn commands(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
        for inner in command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set())
        {
            commands(inner, &format!("{name}-{}", inner.get_name()), found);
        }
        found.push((name.to_owned(), command.clone()));
    }

    #[test]
    fn every_command_has_a_page_with_its_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("man");
        assert_eq!(man(&pages).unwrap(), 0);
        let mut whole = Cli::command().disable_help_subcommand(true);
        whole.build();
        let mut all = Vec::new();
        commands(&whole, "counterfoil", &mut all);
        assert!(all.len() > 40, "the commands were not found: {}", all.len());
        for (name, command) in &all {
            let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
            let plain = page
                .replace("\\-", "-")
                .replace("\\fB", "")
                .replace("\\fR", "");
            for argument in command.get_arguments().filter(|given| !given.is_hide_set()) {
                let wanted = match argument.get_long() {
                    Some(long) => format!("--{long}"),
                    None => argument.get_value_names().map_or_else(
                        || argument.get_id().to_string(),
                        |names| names[0].to_string(),
                    ),
                };
                assert!(plain.contains(&wanted), "{name}.1 lacks {wanted}:\n{plain}");
            }
        }
        let written = std::fs::read_dir(&pages).unwrap().count();
        assert_eq!(written, all.len(), "a page of no command");
    }

    #[test]
    fn shells_complete_every_command_and_option() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            completions(shell, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            let mut whole = Cli::command();
            whole.build();
            let mut all = Vec::new();
            commands(&whole, "counterfoil", &mut all);
            // fish: the generator goes two commands deep (clap_complete 4.6).
            let depth = if shell == Shell::Fish { 2 } else { 3 };
            all.retain(|(_, command)| {
                command
                    .get_bin_name()
                    .is_none_or(|name| name.split(' ').count() <= depth + 1)
            });
            for (_, command) in &all {
                assert!(
                    script.contains(command.get_name()),
                    "{shell}: {}",
                    command.get_name()
                );
                for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                    assert!(script.contains(long), "{shell}: {long}");
                }
            }
        }
    }
}
