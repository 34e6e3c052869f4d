"""Training wide, and teachers, as axes of a sweep."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from hwrts.config import RunConfig
from hwrts.errors import ConfigError, RunFolderError
from hwrts.networks.build import build_network
from hwrts.progress import Silent
from hwrts.runs.folder import RunFolder, create_run
from hwrts.sweep.runner import Sweep
from hwrts.sweep.space import candidate, check_axes, costs_of, points
from hwrts.sweep.spec import parse_spec
from hwrts.sweep.trial import run_trial
from hwrts.training.checkpoint import save_weights


def spec(**document):
    return parse_spec(document, "test")


def test_how_wide_it_is_trained_is_an_axis():
    """Of what is deployed it says nothing; a sweep of before is found again."""
    made = spec(axes={"network.expand": [1, 2], "network.channels": [8]}, base={"rts": {"stages": 1}})
    plain, wide = (candidate(made, values) for values in points(made))
    assert costs_of(plain, made) == costs_of(wide, made)
    assert plain.key("p") == candidate(made, {"network.channels": 8}).key("p")
    assert len({each.float_key("p") for each in (plain, wide)}) == 2


def _teacher(root: Path, stages: int = 1, **settings: Any) -> RunFolder:
    """A run with float networks that nobody trained."""
    config = RunConfig.model_validate({"network": {"blocks": 0, "channels": 2}, **settings})
    made = create_run(root, config, {}, force=False)
    for number in range(1, stages + 1):
        save_weights(made.stage(number).float_weights, build_network(config.network), {"stage": number})
    return made


def test_a_teacher_is_an_axis_and_its_weights_are_of_the_key(tmp_path):
    teacher = _teacher(tmp_path / "big")
    share, place = "rts.teacher_share", str(teacher.root)
    made = spec(axes={share: [0.0, 0.5]}, base={"rts": {"stages": 1, "teacher": place}})
    check_axes(made)
    alone, taught = (candidate(made, values) for values in points(made))
    assert alone.key("p") == candidate(spec(base={"rts": {"stages": 1}}), {"network.blocks": 1}).key("p")
    key, trained = taught.key("p"), taught.float_key("p")
    assert (key, trained) != (alone.key("p"), alone.float_key("p"))
    assert key == candidate(made, {share: 0.5}).key("p")
    torch.manual_seed(7)
    save_weights(teacher.stage(1).float_weights, build_network(teacher.config.network), {"stage": 1})
    assert (taught.key("p"), taught.float_key("p")) != (key, trained)
    assert taught.key("p") != key
    two = spec(
        axes={"rts.teacher": [place, str(_teacher(tmp_path / "other").root)]}, base={"rts": {"stages": 1}}
    )
    assert len({candidate(two, values).key("p") for values in points(two)}) == 2
    check_axes(two)
    with pytest.raises(
        ConfigError, match=r"axis rts\.teacher_share would change nothing: rts\.teacher names no run"
    ):
        check_axes(spec(axes={share: [0.1, 0.5]}))


def test_a_sweep_sees_that_its_teacher_changed(tmp_path):
    teacher = _teacher(tmp_path / "big", stages=2)
    base = {"rts": {"stages": 1, "teacher": str(teacher.root)}}
    made = spec(axes={"network.blocks": [0]}, base=base)
    Sweep(tmp_path / "sweep", made)
    Sweep(tmp_path / "sweep", made)
    torch.manual_seed(7)
    save_weights(teacher.stage(1).float_weights, build_network(teacher.config.network), {"stage": 1})
    with pytest.raises(
        RunFolderError, match="sweep: was made with another teacher's weights; use the same, or"
    ):
        Sweep(tmp_path / "sweep", made)
    shutil.rmtree(teacher.root)
    with pytest.raises(RunFolderError, match=r"teacher .*big: is not a run folder"):
        Sweep(tmp_path / "sweep", made)
    luma = _teacher(
        tmp_path / "luma", network={"blocks": 0, "channels": 2, "colour": "luma", "keeps": "flat"}
    )
    wrong = spec(axes={"network.blocks": [0]}, base={"rts": {"stages": 1, "teacher": str(luma.root)}})
    with pytest.raises(ConfigError, match=r"teacher .*luma: sees luma"):
        Sweep(tmp_path / "other", wrong)


@pytest.mark.parametrize("axis", [False, True])
def test_stages_that_nobody_is_taught_by_may_come_and_go(tmp_path, axis):
    """A sweep of one stage was refused when its teacher had been trained on."""
    teacher = _teacher(tmp_path / "big", stages=2)
    rts: dict[str, Any] = {"teacher": str(teacher.root)} | ({} if axis else {"stages": 2})
    axes: dict[str, Any] = {"network.blocks": [0]} | ({"rts.stages": [1, 2]} if axis else {})
    made, root = spec(axes=axes, base={"rts": rts}), tmp_path / "sweep"
    Sweep(root, made)

    def train_on(number: int) -> None:
        network = build_network(teacher.config.network)
        save_weights(teacher.stage(number).float_weights, network, {"stage": number})

    train_on(3)
    Sweep(root, made)
    document = json.loads((root / "sweep.json").read_text())
    (known,) = document["teachers"].values()
    assert list(known) == ["1", "2"]
    known["3"] = "0" * 64  # a folder of before has every stage
    (root / "sweep.json").write_text(json.dumps(document))
    Sweep(root, made)
    teacher.stage(3).float_weights.unlink()
    Sweep(root, made)
    torch.manual_seed(7)
    train_on(2)
    with pytest.raises(RunFolderError, match="sweep: was made with another teacher's weights"):
        Sweep(root, made)


@pytest.mark.usefixtures("small_verdict")
def test_trials_that_are_wide_and_taught_are_proved(tmp_path, tiny, tasks):
    """They share photographs with those that are not: the photographs' folder knows no teacher."""
    torch.set_num_threads(1)
    teacher, other = _teacher(tmp_path / "big"), _teacher(tmp_path / "bigger")
    axes = {
        "network.blocks": [1],
        "network.channels": [4],
        "network.expand": [2],
        "rts.teacher": [str(teacher.root), str(other.root)],
    }
    root, made = tmp_path / "s", tiny(axes=axes)
    first, second = tasks(root, made)
    assert run_trial(first, Silent())["passed"]
    noted = [json.loads(path.read_text()) for path in root.glob("floats/*/rung0/run.json")]
    assert [notes["teacher"]["path"] for notes in noted] == [str(teacher.root)]
    noted = [json.loads(path.read_text()) for path in root.glob("trials/*/rung0/run.json")]
    assert [notes["teacher"]["path"] for notes in noted] == [str(teacher.root)]
    shutil.rmtree(teacher.root)  # of a trial that is finished
    assert run_trial(second, Silent())["passed"]
    (photographs,) = root.glob("photographs/*/run.json")
    assert "teacher" not in json.loads(photographs.read_text())
