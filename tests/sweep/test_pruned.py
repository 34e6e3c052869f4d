"""Networks that are pruned from wider ones, as an axis of a sweep."""

import dataclasses

import pytest

from hwrts.config import RtsConfig, RunConfig
from hwrts.errors import ConfigError
from hwrts.networks.build import build_network
from hwrts.networks.channels import groups_of
from hwrts.progress import Silent
from hwrts.runs.folder import open_run
from hwrts.runs.narrower import down_to
from hwrts.sweep.space import candidate, costs_of, points
from hwrts.sweep.spec import parse_spec
from hwrts.sweep.trial import in_two, run_trial
from hwrts.training.checkpoint import load_weights
from hwrts.training.rts import stage_schedule

pytestmark = pytest.mark.usefixtures("small_verdict")


def spec(**document):
    return parse_spec(document, "test")


def test_the_way_to_a_network_is_an_axis():
    """What is deployed costs the same; a training from the start is found again in sweeps of before."""
    made = spec(axes={"pruned_from": [0, 12], "network.channels": [8]})
    plain, pruned = (candidate(made, values) for values in points(made))
    assert costs_of(plain, made) == costs_of(pruned, made)
    before = candidate(made, {"network.channels": 8})
    assert (plain.key("p"), plain.float_key("p")) == (before.key("p"), before.float_key("p"))
    assert pruned.key("p") != plain.key("p")
    assert pruned.float_key("p") != plain.float_key("p")
    assert pruned.config == plain.config


def test_a_network_that_is_no_narrower_is_none():
    made = spec(axes={"pruned_from": [8], "network.channels": [8]})
    with pytest.raises(ConfigError, match=r"pruned_from is not wider than network.channels = 8; give more"):
        candidate(made, next(points(made)))


def test_widths_and_a_wider_network_do_not_go_together():
    made = spec(
        axes={"pruned_from": [32]}, base={"network": {"name": "quicksrnet", "widths": {"conv_in": 4}}}
    )
    with pytest.raises(ConfigError, match=r"pruned_from makes the widths itself; leave network\.widths out"):
        candidate(made, next(points(made)))


def test_a_wider_network_that_is_none_is_refused_before_any_is_trained():
    """In one line, as the setting itself would be."""
    made = spec(axes={"pruned_from": [0, 30], "network.channels": [16]}, base={"network": {"name": "imdn"}})
    plain, wide = points(made)
    candidate(made, plain)
    with pytest.raises(ConfigError, match=r"sweep \(pruned_from = 30, .*network\.channels") as caught:
        candidate(made, wide)
    assert "\n" not in str(caught.value)


def test_a_pruned_trial_of_epochs_has_as_many_steps_as_another():
    whole = RunConfig(rts=RtsConfig(epochs=2, batch=4))
    steps = [stage_schedule(each, 1, 100).steps for each in in_two(whole, 48, 100)]
    assert sum(steps) == stage_schedule(whole, 1, 100).steps == 50
    two = RunConfig(rts=RtsConfig(epochs=2, batch=4, stages=2))
    _, narrow = in_two(two, 48, 100)
    assert stage_schedule(narrow, 2, 100).steps == 50


@pytest.mark.parametrize("value", [-1, "all", 2.5, True])
def test_what_is_no_number_of_channels_is_refused(value):
    with pytest.raises(ConfigError, match=r"pruned_from .*: use a number of channels, or 0 for none"):
        spec(axes={"pruned_from": [value]})


def test_the_least_important_channels_go():
    (group,) = groups_of(build_network(candidate(spec(), {"network.channels": 4}).config.network), 3)
    assert down_to([group], {"conv_in": [3.0, 0.5, 2.0, 1.0]}, {"conv_in": 2}) == {"conv_in": [1, 3]}


def test_a_pruned_trial_has_as_many_steps_as_another(tmp_path, tiny, tasks):
    root = tmp_path / "s"
    (first, _) = tasks(root, tiny())
    task = dataclasses.replace(first, pruned_from=6, key="pruned", float_key="pruned")
    assert run_trial(task, Silent())["passed"]
    floats = root / "floats" / "pruned"
    wide, narrow = open_run(floats / "wide"), open_run(floats / "rung0")
    assert (wide.config.network.channels, narrow.config.network.channels) == (6, 4)
    steps = [run.config.rts.first_steps for run in (wide, narrow)]
    assert sum(steps) == 3  # of this rung
    kept, _ = load_weights(narrow.start)
    whole, _ = load_weights(wide.stage(1).float_weights)
    assert len(kept["conv_in.bias"]) == 4
    assert set(kept["conv_in.bias"].tolist()) <= set(whole["conv_in.bias"].tolist())
    assert task.folder.joinpath("stage1", "float.safetensors").samefile(narrow.stage(1).float_weights)
