"""Examples of the README that need no training are run (others: tests/docs), and its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"`(hwrts [^`]+)`", README)))


@pytest.mark.parametrize("verb", ["verify", "quantize", "enhance", "export"])
def test_commands_without_float_training_run(workspace, hwrts, verb):
    command = next(
        each for each in COMMANDS if each.split()[1] == verb and "my_file" not in each and "mp4" not in each
    )
    filled = command.replace("NAME", "tiny").replace("IN.png", "photos/photo0.png")
    result = hwrts(*shlex.split(filled)[1:])
    assert result.code == 0, result.err


def test_python_example_runs(workspace):
    (workspace / "runs/tiny").rename(workspace / "runs/first")
    (workspace / "runs/first/stage2").rename(workspace / "runs/first/stage3")
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    exec(compile(block[1], "README.md", "exec"), {})


def test_links_and_picture_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).is_file(), target
    for number in re.findall(r"@[A-Z_]+@", README):
        pytest.fail(f"README: {number} was never filled in")
