"""Every command of README and docs is one that hwrts has, and every program in them compiles or is right."""

import doctest
import re
import shlex
from typing import Any

import pytest
import typer

from hwrts.cli.app import app, register_commands

from .pages import PAGES, ROOT, Piece, pieces, words

UNFINISHED = ("MissingParameter", "BadOptionUsage")
"""What a sentence may leave out of a command: an argument, or the value of an option that it speaks of."""


def parse(command: str) -> None:
    """Raise for a command, an option or a value that is not there."""
    register_commands()
    group: Any = typer.main.get_command(app)  # typer's own copy of click.Group
    given = words(command)
    context = group.make_context("hwrts", list(given), resilient_parsing=True)
    name, verb, rest = group.resolve_command(context, given)
    with verb.make_context(name, rest):
        pass


def wrong(piece: Piece) -> str | None:
    try:
        parse(piece.text)
    except Exception as error:
        if piece.kind == "command" or type(error).__name__ not in UNFINISHED:
            return f"{piece.text}: {error}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_programs_of_a_page(page):
    found = pieces(page)
    assert [said for piece in found if piece.kind in ("command", "mention") and (said := wrong(piece))] == []
    for piece in found:
        if piece.kind == "python" or piece.name.endswith(".py"):
            compile(piece.text, str(page), "exec")
    sessions = "\n".join(piece.text for piece in found if piece.kind == "session")
    test = doctest.DocTestParser().get_doctest(sessions, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def strange(line: str) -> str | None:
    """Why a line of a shell that is no command of hwrts may not work as it stands."""
    line = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line)
    if " | " in line:  # what comes through such pipes, tests/cli/test_clips.py sends itself
        parts = [part for part in line.split(" | ") if not part.startswith(("ffmpeg ", "ffplay "))]
        return next((said for part in parts if (said := strange(part))), None)
    known = (ROOT / "Makefile").read_text("utf-8")
    program, *given = shlex.split(line)
    if program == "hwrts":
        return wrong(Piece("command", line))
    if program == "make" and given[0] == "-C":  # in a kit: test_run.py runs it
        return None
    if program == "make":
        return None if re.search(rf"^{given[0]}:", known, re.MULTILINE) else f"{line}: no such target"
    if program == "python":
        path = f"{given[1].replace('.', '/')}.py" if given[0] == "-m" else given[0]
        text = (ROOT / path).read_text("utf-8") if (ROOT / path).is_file() else ""
        missing = [
            word for word in given if word.startswith("-") and word != "-m" and f'"{word}"' not in text
        ]
        return f"{line}: no {path}, or it has no {missing}" if missing or not text else None
    return None if program == "dask" else f"{line}: no test knows {program}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_other_lines_of_a_page(page):
    """Those in the toolchains' guide are run by tests/cli/test_targets_howto.py."""
    assert [said for each in pieces(page) if each.kind == "shell" and (said := strange(each.text))] == []


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("make targets", True),
        ("make tragets", False),
        ("python benchmarks/sweep_evidence.py my_sweep -o docs/sweep.png", True),
        ("python benchmarks/sweep_evidence.py my_sweep --out docs/sweep.png", False),
        ("python benchmarks/nothing.py", False),
        ("python -m benchmarks.targets.evidence runs/first --store evidence.json", True),
        ("HWRTS_TARGETS=build/targets hwrts export runs/NAME -o handover --traget iree", False),
        ("curl something", False),
        ("ffmpeg -i clip.mp4 - | hwrts enhance - -o - --run runs/first | ffplay -", True),
        ("ffmpeg -i clip.mp4 - | hwrts enhance - -o - --rnu runs/first | ffplay -", False),
    ],
)
def test_what_is_strange(line, right):
    assert (strange(line) is None) is right


def test_there_are_commands_and_programs():
    kinds = [piece.kind for page in PAGES for piece in pieces(page)]
    assert kinds.count("command") >= 25
    assert kinds.count("mention") >= 50
    assert kinds.count("python") >= 4
    assert kinds.count("session") >= 2
    assert kinds.count("shell") >= 10


@pytest.mark.parametrize(
    ("kind", "text", "right"),
    [
        ("command", "hwrts enhance IN.png -o OUT.png --run runs/NAME", True),
        ("command", "hwrts enhance", False),
        ("mention", "hwrts enhance", True),
        ("mention", "hwrts quantize --weight-kib", True),
        ("mention", "hwrts enhence", False),
        ("mention", "hwrts enhance --triple", False),
        ("command", "hwrts run --blocks many", False),
        ("mention", "hwrts patterns RUN [--x2]", True),
        ("mention", "hwrts quantize RUN --stage N ...", True),
        ("mention", "hwrts quantize RUN --stage SOME", False),
    ],
)
def test_what_is_found_wrong(kind, text, right):
    assert (wrong(Piece(kind, text)) is None) is right


def test_what_is_read_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        'Say `hwrts info`.\n\n    hwrts list   # all\n\n```toml title="my.toml"\na = 1\n```\n'
        "```python\n>>> 1\n1\n```\n```sh\nhwrts cost vdsr\nls\n```\n```python\nx = 1\n```\n"
        "    make docs  # all\n"
    )
    assert [(piece.kind, piece.text, piece.name) for piece in pieces(page)] == [
        ("mention", "hwrts info", ""),
        ("command", "hwrts list", ""),
        ("file", "a = 1\n", "my.toml"),
        ("session", ">>> 1\n1\n", ""),
        ("command", "hwrts cost vdsr", ""),
        ("python", "x = 1\n", ""),
        ("shell", "make docs", ""),
    ]
