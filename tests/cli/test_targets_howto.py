"""docs/targets_howto.md: its commands parse, and its blocks are run in their clients and compared."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from hwrts.cli.app import app, register_commands
from hwrts.export.clients import CLIENTS, under
from hwrts.export.environments import python_with
from hwrts.export.targets import TARGETS
from hwrts.export.tflite import TFLITE_TARGETS
from hwrts.fixed_point import Rounding, load_network, run

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = (DOCS / "targets_howto.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([\w-]+)[^\n]*\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```(python|sh) title=\"([\w-]+)\"\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = sorted(set(re.findall(r"^(hwrts .*)$|`(hwrts [^`]+ .*?)`", DOCUMENT, re.MULTILINE)))
CASES = {
    f"{section}: {client}": (section, client)
    for section, text in SECTIONS.items()
    for _, client, _ in BLOCK.findall(text)
}
MODULES = {"vela": "ethosu.vela", "polygraphy": "polygraphy", "tosa": "tosa_converter_for_tflite"}
COMPARED_BY = {"tosa": "tosa-single"}


def test_every_target_has_a_section():
    assert {*TARGETS, *TFLITE_TARGETS, "float", "Chips"} == set(SECTIONS)
    assert len(CASES) >= 14


@pytest.mark.parametrize("command", [one or other for one, other in COMMANDS])
def test_commands_parse(command):
    words = shlex.split(command)[1:]
    register_commands()
    group: Any = typer.main.get_command(app)  # typer's own copy of click.Group
    context = group.make_context("hwrts", list(words), resilient_parsing=True)
    name, verb, rest = group.resolve_command(context, words)
    if rest:
        with verb.make_context(name, rest):  # raises for an unknown flag or a missing argument
            pass


def made_by_the_commands(workspace, hwrts, section):
    """The section's own commands on the tiny run, at a small size and without fine-tuning."""
    stage = "2"
    for command in re.findall(r"^hwrts .*$", SECTIONS[section], re.MULTILINE):
        filled = command.replace("NAME", "tiny").replace("360x640", "24x40").replace("STAGE", stage)
        if " quantize " in command:
            before = set((workspace / "runs/tiny").glob("stage*"))
            result = hwrts(*shlex.split(filled)[1:], "--qat-steps", "0")
            (made,) = set((workspace / "runs/tiny").glob("stage*")) - before
            stage = made.name.removeprefix("stage")
        else:
            result = hwrts(*shlex.split(filled)[1:], "--no-check")
        assert result.code == 0, result.err


@pytest.mark.slow
@pytest.mark.parametrize("section", sorted(set(SECTIONS) - {section for section, _ in CASES.values()}))
def test_commands_of_targets_without_a_public_tool(workspace, hwrts, section):
    made_by_the_commands(workspace, hwrts, section)
    assert (workspace / "handover" / f"model.{section}.onnx").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("section", "client"), CASES.values(), ids=CASES)
def test_blocks_give_the_codes_of_the_network(workspace, hwrts, section, client):
    entry = CLIENTS.get(COMPARED_BY.get(client, client))
    if client == "onnxruntime":
        python: Path | None = Path(sys.executable)
    else:
        python = entry.python if entry else python_with(MODULES[client], client)
    if python is None:
        pytest.skip(f"{client} is not installed: make targets")
    made_by_the_commands(workspace, hwrts, section)
    picture = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    np.save("picture.npy", picture)
    network = load_network(workspace / "handover")
    chips = replace(network, rounding=Rounding.HALF_UP, additions=Rounding.FLOOR, like=None)
    np.save("chip.npy", run(chips, picture))
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    said = ""
    for language, name, text in BLOCK.findall(SECTIONS[section]):
        if name == client:
            words = [str(python), "-c", text] if language == "python" else ["sh", "-ec", text]
            env = {**os.environ, "PATH": path}
            done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
            assert done.returncode == 0, f"{text}\n{done.stderr[-2000:]}"
            said += done.stdout
    if section == "Chips":
        assert "half_up floor 0\n" in said
        assert len(said.splitlines()) == len(Rounding) ** 2
    elif client in MODULES and entry is None:
        assert said
    elif section == "float":
        assert np.load("calibration.npy").shape[1:] == (24, 40, 3)
    else:
        assert entry is not None
        defined, codes = run(under(network, entry.rules), picture), np.load("codes.npy")
        assert codes.shape == defined.shape
        differing = int(np.count_nonzero(codes != defined))
        if entry.rules is None:  # exact under no rule: a report and no verdict
            assert 0 < differing < codes.size
        else:
            assert differing == 0
