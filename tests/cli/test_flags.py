"""Flags, the settings behind them, and the commands that are printed."""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest

from hwrts.reproduce.runs import Source

from .conftest import SHORT, TINY, make_photographs


def option_texts():
    """The help of each option of hwrts run, by its flag."""
    from typer.main import get_command

    from hwrts.cli.app import app, register_commands

    register_commands()
    group: Any = get_command(app)  # typer's own copy of click.Group
    command = group.commands["run"]
    return {flag: each.help for each in command.params for flag in each.opts if flag.startswith("--")}


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--first-steps", "0", ("--first-steps (rts.first_steps) = 0", "greater than or equal to 1")),
        ("--stages", "zero", ("--stages (rts.stages) = 'zero'", "integer", "'auto'")),
        ("--stages", "0", ("--stages (rts.stages) = 0", "'auto'")),
        ("--kernel", "cubic", ("--kernel (degradation.kernel)", "'bicubic'", "'lanczos'")),
        ("--kernel", "box,cubic", ("--kernel (degradation.kernel) = ('box', 'cubic')", "'bicubic'")),
        ("--blur", "0.8-0.2", ("--blur (degradation.blur) = (0.8, 0.2)", "from low to high")),
        ("--blur", "-1", ("--blur (degradation.blur) = -1.0", "greater than or equal to 0")),
        ("--jpeg", "99", ("--jpeg (degradation.jpeg) = 99", "1..95")),
        ("--qat-steps", "-1", ("--qat-steps (qat.steps) = -1",)),
        ("--same-size-steps", "-1", ("--same-size-steps (qat.same_size_steps) = -1",)),
        ("--network", "vdsr2", ("--network (network.name) = 'vdsr2'", "'vdsr'")),
        ("--data", "", ("folder",)),
    ],
)
def test_errors_name_the_flag_and_what_is_allowed(tmp_path, monkeypatch, hwrts, flag, value, words):
    monkeypatch.chdir(tmp_path)
    result = hwrts("run", flag, value)
    assert result.code == 2
    for word in words:
        assert word in result.err, (word, result.err)


def test_a_setting_of_a_file_is_not_called_a_flag(tmp_path, monkeypatch, hwrts):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("[rts]\nfirst_steps = 0\n")
    assert "error: mine.toml: rts.first_steps = 0" in hwrts("run", "mine.toml", "--steps", "3").err
    both = hwrts("run", "--network", "srcnn", "--blocks", "3").err
    assert "--network --blocks (network) is not allowed: srcnn has three layers" in both


def test_quantize_names_its_flags(workspace, hwrts):
    for flag, value, key in (("--weight-bits", "9", "weight_bits"), ("--qat-steps", "-1", "steps")):
        assert f"{flag} (qat.{key}) = {value}" in hwrts("quantize", "runs/tiny", flag, value).err


def test_help_lists_every_value_of_a_closed_list():
    from hwrts.config import RunConfig
    from hwrts.fixed_point import Rounding
    from hwrts.runs.settings import flag_of

    texts = option_texts()
    seen = 0
    for section, field in RunConfig.model_fields.items():
        fields = getattr(field.annotation, "model_fields", {})
        entries = {f"{section}.{name}": each for name, each in fields.items()} or {section: field}
        for key, each in entries.items():
            values = [value for value in get_args(each.annotation) if isinstance(value, str)]
            if values and flag_of(key) in texts:
                seen += 1
                assert all(value in texts[flag_of(key)] for value in values), (key, texts[flag_of(key)])
    assert seen >= 4
    # One rule or two: no closed list of its own, but of rules that are one.
    assert all(rule.value in texts["--rounding"] for rule in Rounding), texts["--rounding"]


def test_same_size_steps_is_a_flag(tmp_path, monkeypatch, hwrts):
    monkeypatch.chdir(tmp_path)
    short = [flag for flag in SHORT if flag != "--no-same-size"]
    make_photographs(tmp_path / "photos")
    result = hwrts("run", "-o", "here", "--data", "photos", *short, "--same-size-steps", "2", "-q")
    assert result.code == 0, result.err
    assert "same_size_steps = 2" in (tmp_path / "here/config.toml").read_text()


def test_output_is_another_place_than_name(tmp_path, monkeypatch, hwrts):
    monkeypatch.chdir(tmp_path)
    refused = hwrts("run", "--name", "a", "-o", "b", *TINY)
    assert refused.code == 2
    assert "give one of the two" in refused.err
    assert "name of a folder" in hwrts("run", "-o", "..", *TINY).err
    assert "leave them out" in hwrts("run", "--resume", "a", "-o", "b").err
    assert not list(tmp_path.iterdir())


def test_commands_that_are_printed_can_be_pasted(workspace, hwrts):
    """A folder with blanks in its name: every command in the output names the folder as one word."""
    folder = workspace / "runs" / "my  first $run"
    shutil.copytree(workspace / "runs/tiny", folder)
    name = str(folder)
    calls = [
        ("run", "--resume", name),
        ("verify", name, "--stage", "9"),
        ("quantize", name, "--stage", "9"),
        ("quantize", name, "--stage", "1", "--weight-bits", "4", "--qat-steps", "0", "-q"),
        ("sensitivity", name, "--stage", "1", "--bits", "4", "-q"),
        ("run", "-o", name, *TINY),
    ]
    for words in calls:
        result = hwrts(*words)
        text = result.out + result.err
        printed = [line[line.index("hwrts ") :] for line in text.splitlines() if "hwrts " in line]
        assert printed, (words, text)
        for line in printed:
            if "hwrts run upscale" in line:
                continue  # another recipe, for any folder
            assert name in [word.rstrip(",") for word in shlex.split(line)], line
    notes = json.loads((workspace / "runs/tiny/run.json").read_text())
    assert shlex.split(notes["command"])[:2] == ["hwrts", "run"]


def test_a_mode_is_a_name_or_a_picture_at_a_rate(hwrts):
    found = json.loads(hwrts("cost", "residual", "--mode", "3440x1440@100", "--json").out)
    assert found["mode"] == {"name": "3440x1440@100", "width": 3440, "height": 1440, "frames_per_second": 100}
    same = json.loads(hwrts("cost", "residual", "--mode", "3840x2160@60", "--json").out)
    named = json.loads(hwrts("cost", "residual", "--mode", "2160p60", "--json").out)
    assert same["as_output"] == named["as_output"]
    for wrong in ("0x1440@100", "3440x1440", "3440x1440@0", "3440x1440@59.94", "3440X1440@60", "x@", "²x1@1"):
        refused = hwrts("cost", "residual", "--mode", wrong)
        assert refused.code == 2, wrong
        assert "2160p60" in refused.err
        assert "WIDTHxHEIGHT@FPS" in refused.err


def test_reproduce_hands_its_flags_over(tmp_path, monkeypatch, hwrts):
    """--max-megapixels was read and then left behind."""
    given = []

    def made(output, targets, budget, source, *rest, **others):
        given.append(source)
        return {"results": {target: {"findings": [], "files": []} for target in targets}}

    monkeypatch.setattr("hwrts.reproduce.reproduction.reproduce", made)
    flags = ("--val", "v", "--seed", "3", "--device", "cpu", "--max-megapixels", "300")
    assert hwrts("reproduce", "fig4", "--data", "d", "-o", tmp_path / "out", *flags).code == 0
    assert given == [Source(Path("d"), Path("v"), 3, "cpu", 300)]
