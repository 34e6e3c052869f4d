"""Help of every command: groups, examples that parse, --quiet; and completion by a shell."""

import gc
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hwrts.cli import COLLECTED_AT
from hwrts.cli.examples import EXAMPLES


def commands():
    from typer.main import get_command

    from hwrts.cli.app import app, register_commands

    register_commands()
    group: Any = get_command(app)  # typer's own copy of click.Group
    return group.commands


def test_every_command_has_a_group_examples_and_quiet():
    all_of_them = commands()
    assert set(EXAMPLES) == set(all_of_them)
    for name, command in all_of_them.items():
        assert command.rich_help_panel, name
        assert EXAMPLES[name], name
        assert [each for each in command.params if each.opts == ["--quiet", "-q"]], name
        assert not [each for each in command.help.split("\n\n") if "\n" in each], (
            name
        )  # broken by the terminal


def test_examples_parse_and_stand_in_the_help(hwrts):
    all_of_them = commands()
    for name, command in all_of_them.items():
        for line in EXAMPLES[name]:
            assert line in command.epilog.replace("\\[", "["), line
            assert len(line) <= 78, line  # a line of the narrowest terminal, for it is copied
            words = shlex.split(line)[1:]
            assert words[0] == name, line
            with command.make_context(name, words[1:]):  # raises for an unknown flag or a missing argument
                pass
    for name in ("run", "quantize"):
        shown = hwrts(name, "--help").out
        assert "Examples:" in shown
        assert all(line in shown for line in EXAMPLES[name])


def test_options_of_run_are_in_groups():
    all_of_them = commands()
    in_no_group = [
        flag
        for each in all_of_them["run"].params
        if each.param_type_name == "option" and not each.rich_help_panel
        for flag in each.opts
    ]
    assert in_no_group == ["--require", "--json", "--quiet", "-q"]


def completed(folder, words):
    """What bash gets for the last word of a line."""
    environment = {
        **os.environ,
        "_HWRTS_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from hwrts.cli import main; sys.argv = ['hwrts']; main()"],
        env=environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hwrts ver", ["verify"]),
        ("hwrts verify runs/f", ["runs/first"]),
        ("hwrts run --first", ["--first-steps"]),
        ("hwrts enhance --run ", ["runs/first", "runs/other"]),
    ],
)
def test_a_shell_completes(tmp_path, words, expected):
    for name in ("first", "other", "no_run"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        if name != "no_run":
            (tmp_path / "runs" / name / "run.json").touch()
    assert completed(tmp_path, words) == expected


def test_show_completion_is_a_script_for_the_shell(tmp_path):
    script = f"{shlex.quote(sys.executable)} -m hwrts --show-completion; true"  # true: or bash would be gone
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "complete -o default -F _hwrts_completion hwrts" in done.stdout, done.stderr
    checked = subprocess.run(["bash", "-n"], input=done.stdout, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_modules_are_not_searched_for_what_is_unreachable(hwrts):
    """That was a third of the start of a command that quantises."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        hwrts("--version")
        assert gc.get_threshold() == COLLECTED_AT
    finally:
        gc.set_threshold(*before)


def test_demo_makes_a_run_and_opens_its_page_and_shows_it_again(tmp_path, monkeypatch, hwrts):
    """The run itself is that of hwrts run, with fewer steps."""
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def run(**settings):
        asked.append(settings)
        (tmp_path / "runs/demo").mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs/demo/run.json").touch()

    monkeypatch.setattr("hwrts.cli.demo.run", run)
    page = (tmp_path / "runs/demo/report.html").as_uri()
    assert hwrts("demo").out == f"page:   {page}\n"
    assert hwrts("demo", "-q", "--no-browser").out == f"page:   {page}\n"
    assert opened == [page]
    assert asked[0]["stages"] == "1"
    assert asked[1] == {"resume": Path("runs/demo"), "quiet": True}
