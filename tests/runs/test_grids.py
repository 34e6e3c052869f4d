"""A fine-tuning goes on only on the grids that it began with."""

from pathlib import Path
from typing import Any

import pytest
import torch

from hwrts.fixed_point import PIXEL, Format
from hwrts.qat.calibrate import calibrate
from hwrts.runs import quantise, resumable
from hwrts.runs.folder import create_run, open_run
from hwrts.runs.pipeline import run_stages
from hwrts.runs.session import open_session
from hwrts.settings_file import parse_config
from hwrts.training.checkpoint import load_weights, save_training

from .tiny import TINY, Lines, photographs

SHORT: dict[str, Any] = {**TINY, "rts": {**TINY["rts"], "stages": 1}, "qat": {"steps": 4, "same_size": False}}
RESIDUAL, LEAKY = TINY["network"], {"name": "fsrcnn", "blocks": 1, "channels": 4, "keeps": "nothing"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return photographs(tmp_path_factory.mktemp("grids") / "photos")


def tuned(root: Path, data: Path, network: dict[str, Any]) -> list[str]:
    """Make a run, or go on with it; returns what was said."""
    torch.set_num_threads(1)
    document = {**SHORT, "network": network, "data": {**SHORT["data"], "train": str(data)}}
    config, lines = parse_config(document, "test"), Lines()
    run = open_run(root) if root.exists() else create_run(root, config, {}, force=False)
    run_stages(open_session(run, lines))
    return lines.said


def coarser(*given: Any, **more: Any) -> dict[str, Format]:
    """Formats as another version would choose them, of all but the pictures."""
    found = calibrate(*given, **more)
    return {
        name: out if out == PIXEL else Format(out.signed, out.bits, out.frac - 1)
        for name, out in found.items()
    }


def interrupted(
    root: Path, data: Path, network: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, noted: bool = True
) -> None:
    """Let a kill come after the third step of the fine-tuning; or of a version that noted no grids."""

    def saved(path, training, notes):
        if not noted:
            notes = {key: value for key, value in notes.items() if key != "grids"}
        save_training(path, training, notes)
        if (training.step, notes["phase"]) == (3, "qat"):
            raise KeyboardInterrupt

    monkeypatch.setattr(resumable, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(resumable, "save_training", saved)
    with pytest.raises(KeyboardInterrupt):
        tuned(root, data, network)
    monkeypatch.setattr(resumable, "save_training", save_training)


def again(said: list[str]) -> bool:
    """Whether the fine-tuning began again, which is said, or went on."""
    (line,) = (each for each in said if each.startswith("stage 1 qat:"))
    assert line in (
        "stage 1 qat: the checkpoint of step 3 is of other grids than those chosen now; the fine-tuning "
        "begins again",
        "stage 1 qat: continuing after step 3",
    )
    return "begins again" in line


def result(root: Path) -> bytes:
    return (root / "stage1" / "qat.safetensors").read_bytes()


@pytest.mark.usefixtures("small_verdict")
def test_weights_of_other_grids_are_not_gone_on_with(data, tmp_path, monkeypatch):
    """A version before had chosen others: weights of theirs met the new ones, and nothing was said."""
    tuned(tmp_path / "straight", data, RESIDUAL)
    with monkeypatch.context() as older:
        older.setattr(quantise, "calibrate", coarser)
        interrupted(tmp_path / "run", data, RESIDUAL, older)
    assert again(tuned(tmp_path / "run", data, RESIDUAL))
    assert result(tmp_path / "run") == result(tmp_path / "straight")
    assert list(open_run(tmp_path / "run").metrics()) == list(open_run(tmp_path / "straight").metrics())


@pytest.mark.usefixtures("small_verdict")
@pytest.mark.parametrize("network", [RESIDUAL, LEAKY], ids=["residual", "leaky"])
@pytest.mark.parametrize("noted", [True, False])
def test_grids_that_are_the_same_or_cannot_be_others_are(network, noted, data, tmp_path, monkeypatch):
    """What noted no grids may be of before channels had factors, where there are any to be had."""
    tuned(tmp_path / "straight", data, network)
    interrupted(tmp_path / "run", data, network, monkeypatch, noted=noted)
    assert ("grids" in load_weights(open_run(tmp_path / "run").state)[1]) == noted
    assert again(tuned(tmp_path / "run", data, network)) == (network is LEAKY and not noted)
    assert result(tmp_path / "run") == result(tmp_path / "straight")
