//! What the command tells of itself.

use super::pronto;

const OPTIONS: [&str; 11] = [
    "--dir",
    "--env",
    "--tcplisten",
    "--invoke",
    "--timeout",
    "--memory",
    "--max-wasm-stack",
    "--wasm",
    "--verbose",
    "--help",
    "--version",
];

#[test]
fn help_shows_every_option_and_command() {
    for flag in ["-h", "--help"] {
        let ended = pronto(&[flag]);
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
        let commands = [
            "run",
            "wast",
            "objdump",
            "pronto [run] [OPTIONS] FILE [ARGS]...",
        ];
        for word in OPTIONS.iter().chain(&commands).chain(&["134"]) {
            assert!(
                ended.stdout.contains(word),
                "no `{word}` in: {}",
                ended.stdout
            );
        }
        let long = ended.stdout.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "too long for a terminal");
    }
}

#[test]
fn each_command_has_its_help() {
    for (command, word) in [("run", "--dir"), ("wast", "scripts"), ("objdump", "--arch")] {
        let ended = pronto(&[command, "--help"]);
        assert_eq!(ended.status, 0);
        assert!(ended.stdout.contains(word), "{}", ended.stdout);
    }
}

#[test]
fn the_version_is_the_packages() {
    pronto(&["--version"]).well(&format!("pronto {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = pronto(&["completions", shell]);
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{shell}");
        for word in ["tcplisten", "objdump"] {
            assert!(ended.stdout.contains(word), "{shell}: no `{word}`");
        }
    }
    pronto(&["completions", "sh"]).failed(2, &["bash"]);
}

#[test]
fn bash_takes_the_completions() {
    let script = pronto(&["completions", "bash"]).stdout;
    let script = super::Scratch::new("pronto.bash", script);
    let checked = std::process::Command::new("bash")
        .args(["-n", script.path()])
        .status();
    // There may be no bash here.
    assert!(checked.map_or(true, |status| status.success()));
}

#[test]
fn the_manual_page_is_one() {
    let ended = pronto(&["man"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.contains(".TH pronto 1"), "{}", ended.stdout);
    for option in OPTIONS {
        let option = option.trim_start_matches('-').replace('-', "\\-");
        assert!(ended.stdout.contains(&option), "no {option}");
    }
}
