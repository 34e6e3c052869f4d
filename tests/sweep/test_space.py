import json
import re
import tomllib
from pathlib import Path

import pytest

from hwrts.cost.budget import COSTS, LATER_COSTS, Limits, over_budget, parse_budget
from hwrts.data.luma import OWN, Luma
from hwrts.errors import ConfigError, RunFolderError
from hwrts.files.lock import writing
from hwrts.graph.trace import trace
from hwrts.runs.budget import circuit_numbers, cost_numbers, cost_of
from hwrts.settings_file import BEFORE, as_before, read_toml
from hwrts.sweep import space
from hwrts.sweep.folder import claim, open_sweep
from hwrts.sweep.space import (
    candidate,
    check_axes,
    costs_of,
    deployed,
    points,
    size_of,
)
from hwrts.sweep.spec import DEFAULT_AXES, parse_spec


def spec(**document):
    return parse_spec(document, "test")


def test_the_grid_has_every_point_once():
    made = spec(axes={"qat.weight_bits": [4, 8], "network.blocks": [0, 2]})
    found = list(points(made))
    # Neighbours differ in their float networks: workers need not wait for each other's.
    assert found == [{"qat.weight_bits": w, "network.blocks": b} for w in (4, 8) for b in (0, 2)]
    other = spec(axes={"network.blocks": [0, 2], "qat.weight_bits": [4, 8]})
    assert list(points(other)) == found
    assert [list(each) for each in points(other)] == [["network.blocks", "qat.weight_bits"]] * 4
    configs = [candidate(made, values).config for values in found]
    assert [(each.network.blocks, each.qat.weight_bits) for each in configs] == [
        (0, 4),
        (2, 4),
        (0, 8),
        (2, 8),
    ]
    assert size_of(spec()) == 5 * 4 * 3


def test_costs_are_those_of_the_cost_model():
    # Residual-3 with 64 channels: 114,372 weights (paper), 271 biases in the deployed form's float count.
    point = candidate(spec(), {"network.blocks": 3, "network.channels": 64, "qat.weight_bits": 4})
    cost = cost_of(deployed(point), point.config.qat)
    numbers = cost_numbers(cost, Limits(mode="1080p60", at="input"))
    assert set(numbers) == set(COSTS) - set(LATER_COSTS)
    assert numbers["params"] == cost.parameters
    assert numbers["weight_kib"] == cost.weights * 4 / 8 / 1024
    assert numbers["macs"] == cost.macs_per_input_pixel / 4
    assert numbers["gmacs"] == cost.macs_per_input_pixel * 1920 * 1080 * 60 / 1e9
    assert numbers["line_kib"] == cost.line_bits(1920) / 8 / 1024
    assert numbers["receptive_field"] == cost.receptive_field
    halved = cost_numbers(cost, Limits(mode="1080p60", at="output"))
    assert halved["line_kib"] == numbers["line_kib"] / 2
    assert halved["gmacs"] == numbers["gmacs"] / 4


def circuit(point, **limits):
    return circuit_numbers(point.config.qat, Limits(**limits), deployed(point))


def test_multipliers_are_those_of_the_circuit():
    """Residual-1/32 x2 at 4 clocks for a pixel of 1080p60, of the input: as docs/silicon.md has it."""
    point = candidate(spec(), {"network.blocks": 1, "network.channels": 32, "qat.weight_bits": 8})
    found = circuit(point, mode="2160p60", clock_mhz=600)
    assert set(found) == set(LATER_COSTS)
    assert found["multipliers"] == 2898
    slower = circuit(point, mode="2160p60", clock_mhz=1200)
    assert slower["multipliers"] < 0.6 * found["multipliers"]
    assert slower["kgates"] < found["kgates"]
    narrow = candidate(spec(), {"network.blocks": 1, "network.channels": 32, "qat.weight_bits": 4})
    assert circuit(narrow, clock_mhz=600)["kgates"] < 0.8 * found["kgates"]


@pytest.mark.parametrize(
    ("budget", "cost", "counted"),
    [
        ({"params": 30}, "params", False),
        ({"params": 30, "kgates": 1}, "params", True),
        ({"params": 30}, "multipliers", True),
        ({"params": 1e9}, "params", True),
        ({}, "params", True),
    ],
)
def test_a_circuit_is_counted_where_somebody_reads_it(budget, cost, counted, monkeypatch):
    """And a candidate is traced once."""
    traced = []

    def noted(model):
        traced.append(model)
        return trace(model)

    monkeypatch.setattr(space, "trace", noted)
    asked = spec(budget={"at_most": budget}, cost=cost)
    found = costs_of(candidate(asked, {"network.blocks": 0, "network.channels": 4}), asked)
    assert set(found) == set(COSTS) - (set() if counted else set(LATER_COSTS))
    assert len(traced) == 1


def test_no_circuit_is_within_no_limit():
    """Of a clock below that of the pixels."""
    found = circuit(candidate(spec(), {"network.blocks": 0}), mode="4320p60", clock_mhz=100)
    assert over_budget(found, Limits(at_most={"multipliers": 1e9}))["multipliers"] > 0


def test_layers_with_widths_of_their_own_are_counted():
    base = {"qat": {"layer_weight_bits": {"conv_0": 3}}, "network": {"blocks": 1, "channels": 8}}
    mixed, plain = (
        costs_of(candidate(spec(base=each), {"seed": 0}), spec())
        for each in (base, {"network": base["network"]})
    )
    assert plain["weight_kib"] - mixed["weight_kib"] == 8 * 8 * 9 * 5 / 8192
    with pytest.raises(ConfigError, match="the network has no layer 'conv_7'"):
        costs_of(candidate(spec(base={"qat": {"layer_weight_bits": {"conv_7": 3}}}), {"seed": 0}), spec())


def test_accumulators_are_an_axis():
    made = spec(axes={"qat.accumulator_bits": [16, 18], "network.channels": [8]}, base={"rts": {"stages": 1}})
    found = [candidate(made, values) for values in points(made)]
    assert [costs_of(each, made)["accumulator_bits"] for each in found] == [16, 18]
    assert found[0].key("p") != found[1].key("p")
    assert found[0].float_key("p") == found[1].float_key("p")  # one float network for both
    narrow, wide = (circuit(each)["kgates"] for each in found)
    assert narrow < wide < circuit(candidate(made, {"network.channels": 8}))["kgates"]
    with pytest.raises(ConfigError, match=r"qat.accumulator_bits = 30 is not allowed"):
        candidate(made, {"qat.accumulator_bits": 30})


def test_pixel_bits_are_an_axis():
    """They decide photographs and targets of the float network; those of 8 have the keys that they had."""
    made = spec(axes={"qat.pixel_bits": [8, 10], "network.channels": [8]}, base={"rts": {"stages": 1}})
    eight, ten = (candidate(made, values) for values in points(made))
    assert "pixel_bits" not in eight._settings()["qat"]
    plain = candidate(made, {"network.channels": 8})
    assert (eight.key("p"), eight.float_key("p")) == (plain.key("p"), plain.float_key("p"))
    assert ten.key("p") != eight.key("p")
    assert ten.float_key("p") != eight.float_key("p")
    narrow = candidate(made, {"qat.pixel_bits": 10, "network.channels": 8, "qat.weight_bits": 4})
    assert narrow.float_key("p") == ten.float_key("p")
    costs = [costs_of(each, made) for each in (eight, ten)]
    assert [round(each["line_kib"], 1) for each in costs] == [110.6, 138.8]  # docs/pictures.md


def test_hidden_bits_are_an_axis():
    """What they were before there was a choice has the keys that it had."""
    made = spec(
        axes={"qat.hidden_bits": [8, 4], "network.channels": [8]}, base={"qat": {"activation_bits": 7}}
    )
    check_axes(made)  # the first value alone would change nothing
    eight, four = (candidate(made, values) for values in points(made))
    plain = candidate(made, {"network.channels": 8})
    assert "hidden_bits" not in plain._settings()["qat"]
    assert len({each.key("p") for each in (eight, four, plain)}) == 3
    assert eight.float_key("p") == four.float_key("p")
    wide, narrow = (costs_of(each, made)["line_kib"] for each in (eight, four))
    assert narrow < wide
    with pytest.raises(ConfigError, match=r"axis qat\.hidden_bits would change nothing"):
        check_axes(spec(axes={"qat.hidden_bits": [8]}, base={"qat": {"activation_bits": 7}}))


def test_skip_bits_are_an_axis_of_networks_that_have_such_a_skip():
    made = spec(
        axes={"qat.skip_bits": [8, 10], "network.name": ["srresnet", "residual"]},
        base={"network": {"blocks": 1, "channels": 8}},
    )
    check_axes(made)
    eight, usual, ten, refused = (candidate(made, values) for values in points(made))
    assert "skip_bits" not in eight._settings()["qat"]
    assert eight.float_key("p") == ten.float_key("p")
    assert eight.key("p") != ten.key("p")
    wide, narrow = (costs_of(each, made)["line_kib"] for each in (ten, eight))
    assert narrow < wide
    assert costs_of(usual, made)
    with pytest.raises(ConfigError, match="--skip-bits 10: would do nothing"):
        costs_of(refused, made)
    with pytest.raises(ConfigError, match=r"axis qat\.skip_bits would change nothing"):
        check_axes(spec(axes={"qat.skip_bits": [10]}, base={"qat": {"exact_additions": True}}))


def test_the_head_decides_what_is_counted():
    both = spec(axes={"head": ["x2", "same-size"]}, quality="score")
    found = [candidate(both, values) for values in points(both)]
    assert [cost_of(deployed(each), each.config.qat).scale for each in found] == [2, 1]
    assert [each.config.qat.same_size for each in found] == [False, True]


def test_psnr_is_of_one_stage_unless_stages_are_given():
    """Later stages move away from the original by design, so its PSNR would choose the weakest."""

    def stages(values=None, **document):
        return candidate(spec(**document), values or {}).config.rts.stages

    assert (stages(), stages(quality="score")) == (1, 3)
    assert (stages(base={"rts": {"stages": 2}}), stages({"rts.stages": 4})) == (2, 4)


def test_over_budget_is_relative():
    numbers = dict.fromkeys(COSTS, 100.0)
    assert over_budget(numbers, Limits(at_most={"params": 80, "line_kib": 200})) == {
        "params": 0.25,
        "line_kib": -0.5,
    }


def test_keys_tell_what_matters():
    def keys(photographs="p", base=None, **values):
        point = candidate(spec(base=base or {}), {"network.blocks": 1, "qat.weight_bits": 8, **values})
        return point.key(photographs), point.float_key(photographs)

    key, float_key = keys()
    assert keys(base={"device": "cpu", "data": {"train": "elsewhere"}}) == (key, float_key)
    assert keys(**{"qat.weight_bits": 4})[0] != key
    assert keys(**{"qat.weight_bits": 4})[1] == float_key
    for other in (
        keys("q"),
        keys(**{"network.blocks": 2}),
        keys(base={"seed": 1}),
        keys(base={"data": {"patch": 64}}),
    ):
        assert other[0] != key
        assert other[1] != float_key
    assert len(key) == len(float_key) == 12


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"axis": {}}, "unknown key 'axis'; known keys here: axes"),
        (
            {"budget": {"params": 3}},
            "unknown key 'budget.params'; known keys here: mode, at, clock_mhz, at_most",
        ),
        ({"budget": {"at_most": {"parms": 3}}}, "'parms' is no unit of cost; use params"),
        ({"budget": {"at_most": {"params": "many"}}}, "'many' is no amount"),
        ({"budget": {"at_most": {"params": 0}}}, "0 is no amount"),
        ({"axes": {}}, "give at least one axis"),
        ({"axes": {"seed": []}}, "give at least one axis"),
        ({"axes": {"seed": [1, 1]}}, "seed has a value twice"),
        ({"axes": {"head": ["x4"]}}, "head 'x4': use x2 or same-size"),
        ({"cost": "euros"}, "'euros' is no unit of cost"),
        ({"search": {"method": "random"}}, "search.method"),
        ({"halving": {"factor": 1}}, "halving.factor"),
        ({"axes": {"data.val_fraction": [0.1, 0.5]}}, "data.val_fraction cannot vary within a sweep"),
        ({"axes": {"device": ["cpu"]}}, "device cannot vary"),
    ],
)
def test_bad_sweeps(document, message):
    with pytest.raises(ConfigError, match="test: ") as caught:
        parse_spec(document, "test")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("document", "values", "message"),
    [
        ({}, {"network.block": 1}, "did you mean 'blocks'"),
        ({}, {"qat.weight_bits": 9}, "qat.weight_bits = 9 is not allowed"),
        ({"base": {"rts": {"stages": "auto"}}}, {}, "give a number"),
        ({"base": {"network": 3}}, {"network.blocks": 1}, "base: network = 3 is not allowed: write it"),
        ({}, {"head": "same-size"}, "a same-size network has no x2 PSNR"),
        ({"base": {"rts": {"epochs": 2}}}, {}, "rts.epochs cannot be divided into rungs"),
    ],
)
def test_bad_points(document, values, message):
    with pytest.raises(ConfigError) as caught:
        candidate(spec(**document), values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params", "write unit=number"),
        ("parms=3", "units: params, weight_kib"),
        ("params=x", "no amount"),
        ("params=-1", "no amount"),
        ("params=inf", "no amount"),
        ("", "write unit=number"),
    ],
)
def test_bad_budgets(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_budget(text)
    assert message in str(caught.value)


def test_a_file_is_read(tmp_path):
    (tmp_path / "s.toml").write_text(
        'cost = "macs"\n[budget.at_most]\nparams = "30k"\n[axes]\nseed = [1, 2]\n'
    )
    found = parse_spec(read_toml(tmp_path / "s.toml"), "s.toml")
    assert (found.cost, found.budget.at_most, found.axes) == ("macs", {"params": 30_000.0}, {"seed": [1, 2]})


def test_the_document_s_file_is_one():
    """docs/sweep.md: its sweep.toml is what a sweep does without [axes], on photographs of one's own."""
    text = (Path(__file__).parents[2] / "docs" / "sweep.md").read_text("utf-8")
    (block,) = re.findall(r"```toml[^\n]*\n(.*?)```", text, re.DOTALL)
    found = parse_spec(tomllib.loads(block), "docs/sweep.md")
    assert found.axes == DEFAULT_AXES
    assert found.budget.at_most == {"params": 30_000.0, "line_kib": 256.0}
    assert found.base["data"] == {"train": "photos/train", "val": "photos/val"}
    default = spec()
    for section in ("search", "halving", "quality", "cost"):
        assert getattr(found, section) == getattr(default, section)
    units = re.findall(r"`(\w+)`", re.search(r"Units of a budget: (.*?)\. ", text, re.DOTALL)[1])
    assert set(units) == set(COSTS)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"axes": {"rts.steps": [1, 2]}}, "rts.stages = 1 has no later stage"),  # by psnr
        ({"axes": {"rts.learning_rate": [1e-3, 2e-3]}}, "rts.stages = 1 has no later stage"),
        (
            {"axes": {"rts.first_steps": [1, 2]}, "base": {"rts": {"epochs": 3}}, "halving": {"rungs": 1}},
            "rts.epochs = 3 takes the place of steps",
        ),
        ({"axes": {"rts.stop": ["change", "score"]}}, "is a number"),
        ({"axes": {"rts.max_stages": [2, 3]}, "base": {"rts": {"stages": 2}}}, "is a number"),
        ({"axes": {"qat.same_size_steps": [1, 2]}}, "qat.same_size = false"),
        ({"axes": {"qat.learning_rate": [1e-3, 2e-3]}, "base": {"qat": {"steps": 0}}}, "trains nothing"),
        ({"axes": {"rts.steps": [1, 2], "rts.stages": [1, 2]}}, None),
        ({"axes": {"qat.same_size_steps": [1, 2], "head": ["x2", "same-size"]}, "quality": "score"}, None),
        ({"axes": {"rts.first_steps": [1, 2], "qat.weight_bits": [4, 8]}}, None),
        ({}, None),
    ],
)
def test_an_axis_that_changes_nothing_is_refused(document, why):
    made = parse_spec(document, "test")
    if why is None:
        check_axes(made)
    else:
        with pytest.raises(ConfigError, match=r"axis (rts|qat).* would change nothing") as error:
            check_axes(made)
        assert why in str(error.value)


def test_a_sweep_goes_on_with_the_defaults_of_its_time(tmp_path):
    """Its trials have the keys that they had, so they are found again; an old one has none written."""
    plain = spec(base={"seed": 1})
    new = claim(tmp_path / "new", plain, "photographs")
    assert new.base["seed"] == 1
    assert new.base["network"] == {
        "padding": "replicate",
        "expand": 1,
        "widths": {},
    }  # what is kept follows the network's name
    assert new.base["rts"] == {
        "bound_targets": True, "loss": "squared", "teacher": None, "teacher_share": 0.5,
    }  # fmt: skip
    assert new.base["degradation"].keys() == BEFORE["degradation"].keys()
    path = tmp_path / "old"
    path.mkdir()
    old = json.loads((tmp_path / "new" / "sweep.json").read_text())
    del old["defaults"]
    (path / "sweep.json").write_text(json.dumps(old))
    going_on = claim(path, plain, "photographs")
    before = {"expand": 1, "widths": {}, "keeps": "nothing", "padding": "zero"}
    assert going_on.base["network"] == open_sweep(path)[0].base["network"] == before
    point = candidate(going_on, {"network.blocks": 1})
    assert not before.keys() & point._settings()["network"].keys()
    assert point.key("p") != candidate(new, {"network.blocks": 1}).key("p")
    assert candidate(going_on, {"network.padding": "replicate"}).config.network.padding == "replicate"
    of_luma = [
        candidate(each, {"network.name": "srcnn-luma"}).config.network.luma for each in (new, going_on)
    ]
    assert of_luma == [OWN, OWN]  # an old name says luma, whatever else was the default


def test_what_is_of_luma_alone_says_nothing_of_rgb_beside_it():
    """Such a combination was no network, and a sweep left all of RGB out without a word."""
    axes = {"network.colour": ["rgb", "luma"], "network.chroma": ["bicubic", "bilinear"]}
    one, other, *luma = (candidate(spec(axes=axes), values) for values in points(spec(axes=axes)))
    assert one.config.network.luma is None
    assert one.key("photographs") == other.key("photographs")
    assert [each.config.network.luma.chroma for each in luma] == ["bicubic", "bilinear"]
    assert len({each.key("photographs") for each in luma}) == 2
    assert len({each.float_key("photographs") for each in luma}) == 1  # nothing is learnt of it
    settled = candidate(
        spec(axes={"network.colour": ["rgb"]}, base={"network": {"matrix": "bt601"}}),
        {"network.colour": "rgb"},
    )
    assert settled.config.network.matrix is None


def test_luma_is_an_axis():
    """Of RGB nothing of luma is written, so that trials from before it have the keys that they had."""
    axes = {"network.colour": ["rgb", "luma"]}
    colours, luma = (candidate(spec(axes=axes), values) for values in points(spec(axes=axes)))
    assert colours._settings()["network"].keys().isdisjoint(("colour", "matrix", "range", "chroma"))
    assert luma.config.network.luma == Luma()
    assert costs_of(luma, spec())["traffic_gbs"] < costs_of(colours, spec())["traffic_gbs"]


def test_trials_of_older_sweeps_have_the_keys_that_they_had():
    """The literals are of the commit before there were paddings, what is kept, noise and losses."""
    older = spec(base=as_before({"rts": {"stages": 1}}))
    point = candidate(older, {"network.channels": 16})
    assert (point.key("p"), point.float_key("p")) == ("8d974bae6dd6", "305aa67a15f4")
    for name, value in (
        ("degradation.lr_jpeg", 80),
        ("degradation.shot_noise", 1.0),
        ("degradation.versions", 2),
        ("network.keeps", "flat"),
        ("network.padding", "replicate"),
        ("rts.bound_targets", True),
    ):
        other = candidate(older, {"network.channels": 16, name: value})
        assert other.float_key("p") != point.float_key("p")


def test_a_folder_that_a_kill_left_with_nothing_but_half_a_file(tmp_path):
    """It was refused as somebody else's; and what later kills left half written stayed for ever."""
    made, root = spec(axes={"network.blocks": [0, 2]}), tmp_path / "s"
    for folder in (root, root / "configurations"):
        folder.mkdir()
        (folder / ".sweep.json.01234567.tmp").write_text("{")
        claim(root, made, "photographs")
        assert not list(folder.glob(".*"))
    mine = tmp_path / ".other.json.01234567.tmp"
    mine.write_text("")
    with pytest.raises(RunFolderError, match="is not a sweep's folder"):
        claim(tmp_path, made, "photographs")
    assert mine.is_file()


def test_a_lock_that_a_kill_left_beside_a_trial(tmp_path):
    """The trial was finished, so nobody took its lock again; one that somebody holds stays."""
    made, root = spec(axes={"network.blocks": [0, 2]}), tmp_path / "s"
    claim(root, made, "photographs")
    for key in ("left", "held"):
        (root / "trials" / key / "rung0").mkdir(parents=True)
    (root / "trials" / "left" / ".rung0.lock").write_text("{}")
    with writing(root / "trials" / "held" / "rung0"):
        claim(root, made, "photographs")
        assert [path.parent.name for path in root.glob("trials/*/.*")] == ["held"]
