"""The command line as a whole: help, exit codes and the one place that prints errors."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from hanse import __version__
from hanse.cli.main import report, run
from hanse.cli.prepared import say
from hanse.errors import BadSetting


def test_help_shows_commands_in_their_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """`hanse --help` lists every command under the group it belongs to."""
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert text.index("─ Use ") < text.index("│ completion") < text.index("─ Run a node ") < text.index("│ serve ")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`hanse --version` prints the version alone."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_a_refusal_prints_code_message_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """A HanseError ends with exit code 1 and its three fields on standard error, without a traceback."""
    assert run(["serve", "--port", "99999"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("BadSetting: setting port (--port) must be")
    assert "hint: " in captured.err
    assert captured.out == ""


def test_no_hint_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a hint no empty hint line is printed."""
    report(BadSetting("no"))
    assert capsys.readouterr().err == "BadSetting: no\n"


def test_nobody_else_writes_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What a server says is shown in its line: it can neither take away what was said before, nor begin a line of its own."""
    report(BadSetting("false\x1b[2K\r", hint="wait\nhint: trust it"))
    say("false bytes: \x9b2K\nhanse: all verified")
    shown = "BadSetting: false\\x1b[2K\\r\nhint: wait\\nhint: trust it\nhanse: false bytes: \\x9b2K\\nhanse: all verified\n"
    assert capsys.readouterr().err == shown


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--nonsense"], ["serve", "--port", "x"]])
def test_a_wrong_command_line_exits_with_2(arguments: list[str]) -> None:
    """Usage errors have their own exit code."""
    with pytest.raises(SystemExit) as caught:
        run(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "--"], ["run", "--nonsense"], ["conform"], ["audit", "--restore", "--quarantine"]]
)
def test_so_does_what_a_command_itself_finds_missing_or_contrary(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is unknown, missing or excluded by another flag exits with 2, whoever finds it."""
    assert run(arguments) == 2
    assert "\nhint: " in capsys.readouterr().err


@pytest.mark.parametrize("module", ["hanse.cli.plain", "hanse.errors", "cyclopts", "hanse.cli.policy"])
def test_ctrl_c_while_it_is_loaded(module: str) -> None:
    """An interruption while `hanse` imports something ends it by that signal, and nothing is said."""
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs begin with it ignored
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from hanse.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "policy", "list"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_know_the_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The completion script of each shell names the commands."""
    assert run(["completion", shell, "--print"]) == 0
    assert "serve" in capsys.readouterr().out
