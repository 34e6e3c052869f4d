"""A setting that another one leaves without effect is refused, or wins and that is said."""

import json
from pathlib import Path

import pytest

from hwrts.config import RunConfig
from hwrts.runs.overruled import idle_settings, overruled
from hwrts.runs.settings import resolve_config
from hwrts.settings_file import dump_toml, load_config

from ..runs.tiny import Lines
from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line

FILE = """
[data]
val = "held_out"
[network]
blocks = 3
channels = 64
[rts]
epochs = 20
[qat]
same_size = false
layer_weight_bits = {conv_in = 5}
layer_accumulator_bits = {conv_in = 20}
"""

REFUSED = {
    "--epochs 2 --first-steps 2": "--first-steps: would do nothing: rts.epochs = 2 takes the place of steps",
    "--epochs 2 --steps 2": "--steps: would do nothing: rts.epochs = 2",
    "--stages 1 --steps 2": "--steps: would do nothing: rts.stages = 1 has no later stage",
    "--stop score": "--stop: would do nothing: rts.stages = 3 is a number",
    "--stages 2 --stop change": "--stop: would do nothing: rts.stages = 2 is a number",
    "--stages auto --stop score --no-score": '--no-score: would do nothing: rts.stop = "score" needs',
    "--no-same-size --same-size-steps 3": "--same-size-steps: would do nothing: qat.same_size = false",
    "--val-fraction 0.5": "--val-fraction: would do nothing: the embedded photographs have two",
    "--data photos --val photos --val-fraction 0.5": "--val-fraction: would do nothing: data.val = 'photos'",
    "--data split --val-fraction 0.5": "--val-fraction: would do nothing: the validation is split/val",
    "my.toml --val-fraction 0.5": "--val-fraction: would do nothing: data.val = 'held_out'",
    "my.toml --same-size-steps 3": "--same-size-steps: would do nothing: qat.same_size = false",
    "my.toml --stop score": "--stop: would do nothing",
    "--network srcnn --blocks 2": "srcnn has three layers and no blocks",
    "--reduce-range --weight-bits 8": "--reduce-range means 7 bits",
    "--teacher-share 0.5": "--teacher-share: would do nothing: rts.teacher names no run",
    "--teacher runs/big --teacher-share 0": "--teacher: would do nothing: rts.teacher_share = 0 does not",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_a_flag_that_would_do_nothing_is_refused(tmp_path, monkeypatch, hwrts, arguments):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(FILE)
    make_photographs(Path("photos"), count=1)
    make_photographs(Path("split/val"), count=1)
    assert_one_clear_line(hwrts("run", *arguments.split()), REFUSED[arguments])
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("config", "flags", "said"),
    [
        ("paper", {"rts.first_steps": 2}, "rts.epochs of paper left out, --first-steps is given"),
        ("paper", {"rts.steps": 2}, "rts.epochs of paper left out, --steps is given"),
        ("my.toml", {"qat.weight_bits": 4}, "qat.layer_weight_bits of my.toml left out, --weight-bits"),
        (
            "my.toml",
            {"qat.accumulator_bits": 16},
            "qat.layer_accumulator_bits of my.toml left out, --accumulator-bits is given",
        ),
        ("my.toml", {"network.name": "vdsr"}, "network.blocks, network.channels of my.toml left out"),
    ],
)
def test_a_flag_wins_over_the_file_and_that_is_said(tmp_path, monkeypatch, config, flags, said):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(FILE)
    lines = Lines()
    resolved = resolve_config(config, flags, lines)
    assert len(lines.said) == 1
    assert lines.said[0].startswith(said)
    dumped = resolved.model_dump()
    for key, value in flags.items():
        section, _, name = key.partition(".")
        assert dumped[section][name] == value
        assert overruled(key, resolved) is None
    assert resolved.qat.layer_weight_bits == (
        {} if "qat.weight_bits" in flags or config == "paper" else {"conv_in": 5}
    )
    assert (resolved.rts.epochs is None) == any(key.startswith("rts") for key in flags)


SELF_DEFEATING = """
[network]
blocks = 0
[rts]
epochs = 20
steps = 7
[qat]
weight_bits = 4
layer_weight_bits = {conv_in = 5, conv_out = 5, conv_ext_x = 5, conv_ext_r = 5, fold_x = 5, fold_r = 5}
accumulator_bits = 16
[qat.layer_accumulator_bits]
conv_in = 20
conv_out = 20
conv_ext_x = 20
conv_ext_r = 20
fold_x = 20
fold_r = 20
"""


def test_what_does_nothing_in_a_file_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(SELF_DEFEATING)
    lines = Lines()
    resolve_config("my.toml", {}, lines)
    assert lines.said == [
        "rts.steps of my.toml does nothing: rts.epochs = 20 takes the place of steps",
        "qat.weight_bits of my.toml does nothing: qat.layer_weight_bits gives every layer its width",
        "qat.accumulator_bits of my.toml does nothing: qat.layer_accumulator_bits gives every layer its "
        "width",
    ]
    Path("my.toml").write_text(SELF_DEFEATING.replace("conv_in = 5, ", ""))
    assert "qat.weight_bits" not in idle_settings(resolve_config("my.toml", {}))


def test_nothing_is_left_out_without_need(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(FILE)
    lines = Lines()
    same = resolve_config("my.toml", {"network.name": "residual", "rts.epochs": 2, "qat.steps": 5}, lines)
    assert (same.network.blocks, same.network.channels, same.rts.epochs) == (3, 64, 2)  # by their own name
    assert lines.said == []


def test_steps_win_through_the_command_itself(tmp_path, monkeypatch, hwrts):
    """This trained 20 epochs, whatever --first-steps was."""
    monkeypatch.chdir(tmp_path)
    make_photographs(Path("photos"), count=2)
    small = "--batch 1 --patch 32 --blocks 0 --channels 4 --qat-steps 0 --no-same-size --no-score"
    course = ["--first-steps", "2", "--stages", "1"]
    result = hwrts("run", "paper", "--data", "photos", *course, *small.split(), "--name", "t")
    assert result.code in (0, 1), result.err
    assert "rts.epochs of paper left out, --first-steps is given in place of it" in result.err
    steps = [json.loads(line) for line in Path("runs/t/metrics.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in steps if line["phase"] == "float") == 2


def test_files_of_finished_runs_still_load(tmp_path):
    """They hold every setting, those without effect among them."""
    everything = RunConfig.model_validate(
        {
            "data": {"val": "x", "val_fraction": 0.3},
            "rts": {"stages": 1, "epochs": 2, "first_steps": 5, "steps": 6, "stop": "score", "score": False},
            "qat": {"same_size": False, "same_size_steps": 7},
        }
    )
    path = tmp_path / "config.toml"
    path.write_text(dump_toml(everything))
    assert load_config(path) == everything
    assert not everything.rts.scored  # a number of stages is not stopped by a score
    for name in ("rts.first_steps", "rts.steps", "rts.stop", "rts.learning_rate", "data.val_fraction"):
        assert overruled(name, everything)
    for name in ("rts.first_learning_rate", "rts.epochs", "qat.steps", "rts.score", "seed"):
        assert overruled(name, everything) is None


def test_another_network_up_scales_with_the_recipe_of_sesr():
    lines = Lines()
    resolved = resolve_config("upscale", {"network.name": "vdsr"}, lines)
    assert (resolved.network.name, resolved.rts.loss) == ("vdsr", "squared")
    assert any("rts.loss of upscale left out, --network is given" in text for text in lines.said)
    assert resolve_config("upscale", {"network.blocks": 3}).rts.loss == "luma"
