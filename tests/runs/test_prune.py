"""A run with less channels of another: what goes, what is left, and that nothing is lost by a kill."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hwrts.config import NetworkConfig, QatConfig
from hwrts.cost.budget import COSTS, Limits, over_budget
from hwrts.errors import ConfigError, HwrtsError, RunFolderError
from hwrts.networks import sesr
from hwrts.networks.build import build_network
from hwrts.networks.channels import groups_of
from hwrts.networks.narrow import leave_out
from hwrts.progress import Silent
from hwrts.report import write_report
from hwrts.runs import prune
from hwrts.runs.documents import read_verdict
from hwrts.runs.folder import RunFolder, create_run, write_run
from hwrts.runs.importance import BATCHES, IMPORTANCES, importance_of
from hwrts.runs.narrower import Shapes, _lots, dropped, of_widths, whole
from hwrts.runs.pipeline import run_stages, train_stages
from hwrts.runs.prune import Asked, Pruning, is_unfinished
from hwrts.runs.session import Session, open_session
from hwrts.settings_file import load_config, parse_config
from hwrts.training.checkpoint import save_weights

from .tiny import TINY, photographs

NETWORK = {"name": "quicksrnet", "blocks": 1, "channels": 8}
BUDGET = {"line_kib": 50.0}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of two stages, of three layers that can lose channels on their own."""
    folder = tmp_path_factory.mktemp("prune")
    data = {**TINY["data"], "train": str(photographs(folder / "photos"))}
    qat = {**TINY["qat"], "same_size": False}
    config = parse_config({**TINY, "data": data, "network": NETWORK, "qat": qat}, "test")
    run = create_run(folder / "wide", config, {"in_both": []}, force=False)
    train_stages(open_session(run, Silent()))
    return run


def pruning(source: RunFolder, root: Path, stage: int = 1, **asked: Any) -> Pruning:
    usual = Asked(Limits(at_most=BUDGET), "x2", rounds=2, steps=3, multiple=2, importance="gradient")
    return Pruning(source, source.stage(stage), root, replace(usual, **asked), {"command": "test"})


def made(each: Pruning, finish: Callable[[Session], object] = train_stages) -> RunFolder:
    each.check()
    each.begin()
    run = each.rounds(Silent())
    finish(open_session(run, Silent()))
    return run


@pytest.mark.usefixtures("small_verdict")
def test_a_pruned_stage_is_a_run_as_any_other(source, tmp_path):
    """It is within the budget, proved, starts from what pruning left, and keeps its number and targets."""
    each = pruning(source, tmp_path / "narrow", 2)
    run = made(each, run_stages)
    assert run.first_stage == 2
    assert [folder.name for folder in run.stages()] == ["2"]
    assert read_verdict(run.stage(2).verify)["passed"]
    assert run.notes()["best_stage"] == 2
    network = run.config.network
    widths = whole(groups_of(build_network(network), 3))
    assert all(width % 2 == 0 for width in widths.values())
    costs = each.shapes(network).costs(widths)
    assert over_budget(costs, each.asked.limits)["line_kib"] <= 0
    assert (run.config.rts.stages, run.config.rts.steps) == (2, 3)
    assert not (run.root / "rounds").exists()
    targets = [folder.root / "data" / "train" / "target1" / "00000.npy" for folder in (source, run)]
    assert targets[0].read_bytes() == targets[1].read_bytes()
    own = [folder.root / "data" / "val" / "target2" / "00000.npy" for folder in (source, run)]
    assert own[0].read_bytes() != own[1].read_bytes()
    scratch = load_config(run.root / "scratch.toml")
    assert scratch.network == network
    assert (scratch.rts.stages, scratch.rts.first_steps, scratch.rts.steps) == (2, 6 + 2 * 3, 6)
    assert is_unfinished(run.root)
    write_report(run)
    assert not is_unfinished(run.root)


def test_pruned_again(source, tmp_path):
    """And the comparison with a start from nothing counts the steps of both."""
    first = made(pruning(source, tmp_path / "first", rounds=1))
    least = pruning(first, tmp_path / "second", limits=Limits(at_most={"params": 700}))
    second = made(least)
    assert (
        least.shapes(first.config.network).costs(whole(groups_of(build_network(second.config.network), 3)))[
            "params"
        ]
        <= 700
    )
    assert load_config(second.root / "scratch.toml").rts.first_steps == 6 + 1 * 3 + 2 * 3


def test_a_pruning_that_is_killed_goes_on_to_the_same_bytes(source, tmp_path, monkeypatch):
    whole_run = made(pruning(source, tmp_path / "whole"))
    killed = pruning(source, tmp_path / "killed")

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    killed.begin()
    for where in ("train_float", "write_run"):  # in the first round, and where the last is written
        with monkeypatch.context() as patch:
            patch.setattr(prune, where, die)
            with pytest.raises(KeyboardInterrupt):
                killed.rounds(Silent())
        assert is_unfinished(killed.root)
        assert not (killed.root / "run.json").exists()
        assert (killed.root / "rounds" / "1" / "run.json").is_file()
    with pytest.raises(RunFolderError, match="of other settings that was interrupted"):
        pruning(source, tmp_path / "killed", steps=4).begin()
    run = made(killed)
    for name in ("start.safetensors", "config.toml", "stage1/float.safetensors"):
        assert (run.root / name).read_bytes() == (whole_run.root / name).read_bytes(), name


def _everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("stage2/float.safetensors", "has no float.safetensors, which pruning goes on from"),
        ("data/train/index.json", "pruning trains on the run's photographs, and they are not all there"),
        ("data/val/hr/00000.npy", "pruning trains on the run's photographs, and they are not all there"),
        ("data/train/target1/00000.npy", "lacks pictures of target1, which stage 2 is trained towards"),
    ],
)
def test_what_is_gone_is_said_before_anything_is_made(source, tmp_path, gone, message):
    """And nothing is written into the run that is pruned."""
    copy = RunFolder(shutil.copytree(source.root, tmp_path / "copy"))
    (copy.root / gone).unlink()
    before = _everything(copy.root)
    each = pruning(copy, tmp_path / "narrow", 2)
    with pytest.raises(RunFolderError, match=message):
        each.check()
    assert not each.root.exists()
    assert _everything(copy.root) == before


def test_damaged_weights_are_said_before_anything_is_made(source, tmp_path):
    copy = RunFolder(shutil.copytree(source.root, tmp_path / "copy"))
    copy.stage(1).float_weights.write_bytes(b"junk")
    each = pruning(copy, tmp_path / "narrow")
    with pytest.raises(RunFolderError, match="missing or damaged weights"):
        each.check()
    assert not each.root.exists()


def test_the_run_that_is_pruned_stays_as_it_is(source, tmp_path):
    """Also one without crops to verify on: the new run makes its own."""
    copy = RunFolder(shutil.copytree(source.root, tmp_path / "copy"))
    copy.inputs.unlink()
    before = _everything(copy.root)
    run = made(pruning(copy, tmp_path / "narrow", rounds=1))
    assert _everything(copy.root) == before
    assert run.inputs.is_file()


def test_force_replaces_a_pruning_of_other_settings(source, tmp_path):
    first = pruning(source, tmp_path / "narrow")
    first.begin()
    (first.root / "rounds" / "1").mkdir(parents=True)
    other = pruning(source, tmp_path / "narrow", steps=4)
    with pytest.raises(RunFolderError, match="another name, or replace it with --force"):
        other.begin()
    first.begin(force=True)
    assert (first.root / "rounds" / "1").is_dir()  # of the same settings goes on
    other.begin(force=True)
    assert json.loads((other.root / "prune.json").read_text())["steps"] == 4
    assert not (other.root / "rounds").exists()


def test_sesr_of_more_channels_than_maps_is_refused_before_anything_is_made(source, tmp_path, monkeypatch):
    monkeypatch.setattr(sesr, "WIDE", 5)
    network = NetworkConfig.model_validate({"name": "sesr", "blocks": 1, "channels": 8})
    copy = shutil.copytree(source.root, tmp_path / "copy")
    shutil.rmtree(copy / "stage1")
    config = source.config.model_copy(update={"network": network})
    run = write_run(copy, config, {"in_both": []})
    save_weights(run.stage(1).float_weights, build_network(network), {})
    each = pruning(run, tmp_path / "narrow", limits=Limits(at_most={"params": 700}))
    with pytest.raises(HwrtsError, match=r"sesr: .* channels are more than the 5 maps"):
        each.check()
    assert not each.root.exists()


def test_a_taught_run_is_pruned_with_its_own_teacher(source, tmp_path, monkeypatch):
    """From another folder, where another run has the same path; who it is was noted when it was trained."""
    (tmp_path / "home").mkdir()
    (tmp_path / "away").mkdir()
    for place in ("home", "away"):
        shutil.copytree(source.root, tmp_path / place / "teacher")
    elsewhere = RunFolder(tmp_path / "away" / "teacher")
    shutil.copy(elsewhere.stage(2).float_weights, elsewhere.stage(1).float_weights)
    monkeypatch.chdir(tmp_path / "home")
    rts = source.config.rts.model_copy(update={"teacher": "teacher", "stages": 1})
    config = source.config.model_copy(update={"rts": rts})
    taught = create_run(tmp_path / "home" / "taught", config, {}, force=False)
    train_stages(open_session(taught, Silent()))
    monkeypatch.chdir(tmp_path / "away")
    run = made(pruning(taught, tmp_path / "narrow"))
    assert run.notes()["teacher"] == taught.notes()["teacher"]
    home = str(tmp_path / "home" / "teacher")
    assert run.config.rts.teacher == load_config(run.root / "scratch.toml").rts.teacher == home
    shutil.rmtree(home)
    gone = pruning(taught, tmp_path / "second")
    with pytest.raises(RunFolderError, match=r"teacher .*home/teacher: is not a run folder"):
        gone.check()
    shutil.copytree(elsewhere.root, home)
    with pytest.raises(RunFolderError, match="its weights of stage 1 are others than this run began with"):
        gone.check()
    assert not gone.root.exists()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"params": 1e6}, "--budget params=1e.06: the network has params 1,684 already; give less"),
        ({"line_kib": 1}, "line_kib=1: with hidden tensors at 2 channels .* still has line_kib"),
        ({"latency_lines": 2}, "still has latency_lines 3"),
    ],
)
def test_budgets_that_are_none(source, tmp_path, limits, message):
    each = pruning(source, tmp_path / "narrow", limits=Limits(at_most=limits))
    with pytest.raises(ConfigError, match=message):
        each.check()
    assert not each.root.exists()


SHAPES = Shapes(NetworkConfig.model_validate(NETWORK), QatConfig(), "x2", Limits(at_most=BUDGET), 2)


def test_lots_leave_multiples():
    assert _lots([5, 1, 4, 2, 3], 2) == [[1], [3, 4]]
    assert _lots([4, 3, 2, 1], 2) == [[3, 2]]
    assert _lots([1, 2], 2) == []
    assert _lots([3, 1, 2], 1) == [[1], [2]]


def test_the_least_important_channels_go_for_what_they_save():
    groups = SHAPES.groups()
    flat = {group.name: [1.0] * 8 for group in groups}
    unread = {**flat, "conv_in": [5.0, 0.1, 5.0, 5.0, 0.1, 5.0, 5.0, 5.0]}
    gone = dropped(SHAPES, groups, unread, 1.0)
    assert gone["conv_in"] == [1, 4]
    assert len(gone["conv_0"]) == 4  # 6 units of 3.75 KiB are needed
    dear = dropped(SHAPES, groups, {**flat, "conv_in": [1e6] * 8}, 1.0)
    assert "conv_in" not in dear
    assert len(dear["conv_0"]) == 6  # all that can go
    half = dropped(SHAPES, groups, flat, 0.5)
    assert 0 < sum(map(len, half.values())) < sum(len(u) for u in dropped(SHAPES, groups, flat, 1.0).values())


WIDER = replace(
    SHAPES, network=NetworkConfig.model_validate({**NETWORK, "blocks": 2, "channels": 16}), multiple=4
)


@pytest.mark.parametrize("unit", COSTS)
def test_a_budget_that_is_promised_is_kept(unit):
    """In every unit: what check() lets pass, the choice of channels reaches, and no further than it must."""
    groups = WIDER.groups()
    asked = replace(WIDER, limits=Limits(at_most={unit: 1e8}))
    most, least = (asked.costs(widths)[unit] for widths in (whole(groups), asked.least(groups)))
    if unit in ("latency_lines", "receptive_field"):  # of depth, which stays
        assert most == least
        return
    assert least < most
    drawn = np.random.default_rng(0)
    for share in (0.0, 0.6):
        shapes = replace(WIDER, limits=Limits(at_most={unit: least + (most - least) * share}))
        shapes.check()
        for importance in ("equal", "drawn"):
            worth = {
                each.name: [1.0] * each.width if importance == "equal" else drawn.random(each.width).tolist()
                for each in groups
            }
            gone = dropped(shapes, groups, worth, 1.0)
            left = {each.name: each.width - len(gone.get(each.name, ())) for each in groups}
            assert shapes.costs(left)[unit] <= shapes.limits.at_most[unit]
            for name in gone:  # a lot less of any group would not do
                more = shapes.costs({**left, name: left[name] + 4})[unit]
                assert more > shapes.limits.at_most[unit], (name, left)


def test_what_no_width_keeps_is_refused_by_every_round():
    groups = SHAPES.groups()
    none = replace(SHAPES, limits=Limits(at_most={"receptive_field": 3}))
    with pytest.raises(ConfigError, match="with hidden tensors at 2 channels the network still has"):
        dropped(none, groups, {group.name: [1.0] * 8 for group in groups}, 1.0)


def test_a_budget_that_is_kept_takes_nothing():
    loose = replace(SHAPES, limits=Limits(at_most={"line_kib": 1e6}))
    assert dropped(loose, loose.groups(), {g.name: [1.0] * 8 for g in loose.groups()}, 1.0) == {}


def test_equal_widths_are_a_number_of_channels():
    network = SHAPES.network
    assert of_widths(network, {"conv_in": 4, "conv_0": 4}) == network.model_copy(update={"channels": 4})
    narrow = of_widths(network, {"conv_in": 4, "conv_0": 8})
    assert (narrow.channels, narrow.widths) == (8, {"conv_in": 4})
    assert of_widths(narrow, {"conv_in": 2, "conv_0": 6}).widths == {"conv_in": 2, "conv_0": 6}


@pytest.fixture
def trained():
    torch.manual_seed(0)
    network = build_network(SHAPES.network).eval()
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    pictures = torch.rand(BATCHES, 2, 3, 12, 12)
    targets = torch.rand(BATCHES, 2, 3, 24, 24)
    return network, lambda step: (pictures[step], targets[step])


def test_sensitivity_is_the_loss_without_each(trained):
    network, batches = trained
    groups = groups_of(network, 3)
    found = importance_of(network, groups, batches, F.mse_loss, "sensitivity", Silent())

    def loss(model: torch.nn.Module) -> float:
        with torch.no_grad():
            return sum(float(F.mse_loss(model(x), t)) for x, t in map(batches, range(BATCHES))) / BATCHES

    for group, unit in ((groups[0], 3), (groups[1], 0)):
        fewer = build_network(SHAPES.network).eval()
        fewer.load_state_dict(network.state_dict())
        leave_out(fewer, [(group, [unit])])
        # float32 sums in another order
        assert found[group.name][unit] == pytest.approx(loss(fewer) - loss(network), rel=1e-3, abs=1e-6)


def test_gradient_is_that_of_a_gate(trained):
    """By a small difference of what is read of one channel, in float64."""
    network, batches = trained
    network = network.double()
    wide = lambda step: tuple(each.double() for each in batches(step))  # noqa: E731
    groups = groups_of(network, 3)
    found = importance_of(network, groups, wide, F.mse_loss, "gradient", Silent())
    step, total = 1e-3, 0.0
    with torch.no_grad():
        for x, target in map(wide, range(BATCHES)):
            losses = []
            for sign in (1, -1):
                network.conv_out.weight[:, 5] *= 1 + sign * step
                losses.append(float(F.mse_loss(network(x), target)))
                network.conv_out.weight[:, 5] /= 1 + sign * step
            total += ((losses[0] - losses[1]) / (2 * step)) ** 2 / BATCHES
    assert found["conv_0"][5] == pytest.approx(total, rel=1e-5)  # differences of 1e-3


@pytest.mark.parametrize("kind", IMPORTANCES)
def test_a_channel_that_nobody_reads_is_worth_nothing(trained, kind):
    network, batches = trained
    with torch.no_grad():
        network.conv_out.weight[:, 6] = 0.0
    training = network.training
    found = importance_of(network, groups_of(network, 3), batches, F.mse_loss, kind, Silent())
    assert found["conv_0"][6] == 0.0
    assert found["conv_0"].index(min(found["conv_0"], key=abs)) == 6
    assert network.training == training
    assert not network.conv_out._forward_pre_hooks


def test_notes_say_what_it_was(source, tmp_path):
    each = pruning(source, tmp_path / "narrow", rounds=1, importance="sensitivity")
    each.begin()
    run = each.rounds(Silent())
    notes = json.loads((run.root / "run.json").read_text())
    assert notes["pruned"] == {
        "run": str(source.root), "stage": 1, "steps": 3, "rounds": 1, "importance": "sensitivity",
    }  # fmt: skip
    assert notes["photographs"] == source.notes()["photographs"]
    assert run.first_stage == 1
    assert run.config.rts.first_steps == 3
