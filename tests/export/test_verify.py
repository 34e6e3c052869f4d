import json
import math
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwrts.export import NumpyWitness, Verdict, to_onnx, verify
from hwrts.export.compare import Row
from hwrts.fixed_point import (
    HwrtsError,
    Network,
    Rounding,
    attack_input,
    conv_accumulate,
    run_all,
    run_counted,
)

FEW = ("p", "ramp", "one row")
VERIFY = __import__("sys").modules["hwrts.export.verify"]  # the function of that name hides the module


def check(network: Network, picture, *witnesses, model: bytes | None = None, **choice) -> Verdict:
    given = to_onnx(network).SerializeToString() if model is None else model
    return verify(
        network,
        given,
        {"p": picture(20, 21)},
        witnesses,
        **{"stimuli": FEW, "layers": ["residual"], **choice},
    )


def test_a_correct_network_passes_on_every_stimulus(anchor, picture):
    network = anchor()
    verdict = check(network, picture, stimuli=None, layers=None)
    assert verdict.passed, verdict.problems
    assert verdict.mismatches == 0
    layers = len(network.layers)
    assert len(verdict.rows) == 4 * 2 * layers + 1
    assert all(row.compared > 0 for row in verdict.rows.values())
    assert verdict.compared == sum(row.compared for row in verdict.rows.values())
    facts = verdict.facts
    assert facts["census"]["QLinearConv"] == 5
    assert facts["stimuli"]["p"] == [20, 21, 3]
    assert len(facts["stimuli"]) == 10
    assert (facts["rounding"], facts["formats"]["x"]) == ("half_even", "u8 lsb 2^-8")
    document = json.loads(json.dumps(verdict.as_json(), allow_nan=False))
    assert (document["schema"], document["schema_version"], document["passed"]) == ("hwrts.verify", 1, True)


def test_bounds_are_reached(anchor, picture):
    network = anchor()
    bounds = check(network, picture).facts["bounds"]
    first = network.convs[0]
    up = np.maximum(first.weight_i8, 0).sum(axis=(1, 2, 3), dtype=np.int64) * 255 + first.bias_i32
    assert bounds["first"]["highest"] == up.max()
    assert bounds["first"]["exact_in_float32"]


class Sabotaged(NumpyWitness):
    """An honest witness whose result one function spoils."""

    def __init__(self, network: Network, spoil, layer: str = "residual") -> None:
        super().__init__(network, "int64")
        self.name, self._spoil, self._layer = "sabotaged", spoil, layer

    def entire(self, picture):
        tensors = dict(super().entire(picture))
        tensors[self._layer] = self._spoil(tensors[self._layer])
        return {name: codes for name, codes in tensors.items() if codes is not None}


def _off_by_one(codes):
    codes = codes.copy()
    codes[-1, 2, 1] += 1 if codes[-1, 2, 1] < 127 else -1
    return codes


def _one_nan(codes):
    codes = codes.astype(np.float32)
    codes[0, 0, 0] = math.nan
    return codes


SABOTAGES = {
    "off by one": (_off_by_one, 1),
    "NaN": (_one_nan, 1),
    "half a code": (lambda codes: codes + 0.5 * (codes == codes[0, 0, 0]), None),
    "missing layer": (lambda codes: None, "all"),
    "transposed": (lambda codes: codes.transpose(1, 0, 2), "all"),
    "batch axis": (lambda codes: codes[None], "all"),
    "empty": (lambda codes: codes[:0], "all"),
}


@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_sabotaged_witnesses_fail_the_verdict(anchor, picture, sabotage):
    network = anchor()
    spoil, count = SABOTAGES[sabotage]
    verdict = check(network, picture, Sabotaged(network, spoil), stimuli=["p"])
    assert not verdict.passed
    wrong = {key: row for key, row in verdict.rows.items() if row.mismatches}
    assert set(wrong) == {("sabotaged", "entire", "residual")}
    row = wrong["sabotaged", "entire", "residual"]
    if count is not None:
        assert row.mismatches == (row.compared if count == "all" else count)
    assert verdict.as_json()["rows"][0]["witness"] == "sabotaged"  # the worst row first


def test_the_first_difference_tells_all(anchor, picture):
    network = anchor()
    verdict = check(network, picture, Sabotaged(network, _off_by_one), stimuli=["p"])
    first = verdict.rows["sabotaged", "entire", "residual"].first
    tensors = run_all(network, picture(20, 21), "int64")
    conv = network.layer("residual")
    code = int(tensors["residual"][19, 2, 1])
    assert (first.stimulus, first.index, first.expected) == ("p", (19, 2, 1), code)
    assert first.found == (code + 1 if code < 127 else code - 1)
    acc = conv_accumulate(tensors["sum"], conv.weight_i8, conv.bias_i32)
    assert first.accumulator == acc[19, 2, 1]
    assert first.shift == network.formats["sum"].frac + conv.weight_frac[1] - conv.out.frac
    assert first.rounding == "half_even"


def test_a_wrong_layer_alone_is_found(anchor, picture):
    class Wrong(NumpyWitness):
        def single(self, layer, operands):
            return super().single(layer, operands) + (layer == "first")

    verdict = check(anchor(), picture, Wrong(anchor(), "int64"), layers=["first", "residual"])
    assert not verdict.passed
    assert {(row.mode, row.layer) for row in verdict.rows.values() if row.mismatches} == {("single", "first")}


FILE_WITNESSES = {"onnxruntime fused", "onnxruntime unfused", "onnx.reference", "onnxruntime, the file"}


@pytest.mark.parametrize("conv", ["first", "residual", "ext_x"])
def test_a_changed_byte_of_the_file_is_found(anchor, picture, conv):
    """The witnesses are honest; only the bytes that would be handed over are not."""
    network = anchor()
    model = to_onnx(network)
    tensor = next(t for t in model.graph.initializer if t.name == f"{conv}.weight")
    weight = numpy_helper.to_array(tensor).copy()
    weight[:, 0, 0, 0] ^= 16
    tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    onnx.checker.check_model(model)
    verdict = check(network, picture, model=model.SerializeToString(), layers=[conv])
    assert not verdict.passed
    wrong = [row for row in verdict.rows.values() if row.mismatches]
    assert {row.witness for row in wrong} == FILE_WITNESSES
    assert {row.mode for row in wrong} == {"entire"}  # single layers are written anew from the integers
    assert conv in {row.layer for row in wrong}


def test_another_networks_file_is_found(anchor, picture):
    model = to_onnx(anchor(seed=1)).SerializeToString()
    assert not check(anchor(seed=0), picture, model=model).passed


def test_another_rounding_is_found(anchor, picture):
    """A half-even file for half-up integers, and half-up integers for a half-even file."""
    even, up = anchor(), anchor(rounding=Rounding.HALF_UP)
    swapped = check(up, picture, model=to_onnx(even).SerializeToString())
    wrong = {row.witness for row in swapped.rows.values() if row.mismatches}
    assert wrong == FILE_WITNESSES
    assert not swapped.passed
    witness = NumpyWitness(up, "int64")
    witness.name = "half up"
    verdict = check(even, picture, witness, layers=["ext_x"])
    assert not verdict.passed
    assert {row.witness for row in verdict.rows.values() if row.mismatches} == {"half up"}


def test_a_row_without_a_comparison_is_no_pass(anchor, picture):
    verdict = check(anchor(), picture, stimuli=[])
    assert verdict.mismatches == 0
    assert verdict.controls == []
    assert {row.mode for row in verdict.rows.values() if not row.compared} == {"entire"}
    assert not verdict.passed


def test_an_empty_verdict_is_no_pass():
    assert not Verdict().passed
    honest = Verdict(
        rows={("w", "single", "c"): Row("w", "single", "c", compared=1)}, controls=[{"caught": True}]
    )
    assert honest.passed
    assert not replace(honest, controls=[]).passed
    assert not replace(honest, controls=[{"caught": True}, {"caught": False}]).passed
    assert not replace(honest, problems=["a float island"]).passed
    assert not replace(honest, rows={**honest.rows, ("v", "single", "c"): Row("v", "single", "c")}).passed


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"layers": ["frist"]}, "no layer named 'frist'; there are first, second"),
        ({"layers": ["first", "nope"]}, "no layer named 'nope'"),
        ({"stimuli": ["ramp", "rmap"]}, "no stimulus named 'rmap'; there are p, all 0"),
    ],
)
def test_unknown_names_are_refused(anchor, picture, choice, message):
    """They were left out: a misspelt layer was "verified" with nothing compared at it."""
    with pytest.raises(HwrtsError, match=message):
        check(anchor(), picture, **choice)


def test_choices_may_be_generators(anchor, picture):
    verdict = check(
        anchor(),
        picture,
        layers=(name for name in ("sum", "first")),
        stimuli=(name for name in ("ramp", "p")),
    )
    assert verdict.passed
    assert {key[2] for key in verdict.rows} == {"first", "sum", "picture"}
    assert list(verdict.facts["stimuli"]) == ["p", "ramp"]


def test_a_comparison_that_sees_nothing_is_caught_by_the_controls(anchor, picture, monkeypatch):
    """The control of the controls: with a blind comparison there is no mismatch at all, and no pass."""

    def blind(row, network, stimulus, expected, found, operands):
        return replace(row, compared=row.compared + expected.size)

    monkeypatch.setattr(VERIFY, "compare", blind)
    monkeypatch.setattr(__import__("sys").modules["hwrts.export.controls"], "compare", blind)
    verdict = check(anchor(), picture)
    assert verdict.mismatches == 0
    assert not verdict.passed
    assert not any(control["caught"] for control in verdict.controls)


def test_a_wrong_bound_is_a_problem(anchor, picture, monkeypatch):
    network = anchor()
    for name, bounds in network.bounds.items():
        network.bounds[name] = replace(bounds, highest=bounds.highest + 1)
    verdict = check(network, picture)
    assert not verdict.passed
    assert len(verdict.problems) == len(network.bounds)
    assert verdict.problems[0].startswith("first: the attack on channel 0 reaches")


def test_a_float_island_is_a_problem(anchor, picture):
    """A file that returns the right codes but keeps a float addition is not an int8 file."""
    network = anchor()
    model = to_onnx(network)
    quantise = next(node for node in model.graph.node if node.output[0] == "sum")
    quantise.input[0] = "sum.once more"  # an exact detour in float: times 1
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    model.graph.initializer.append(one)
    place = list(model.graph.node).index(quantise)
    detour = onnx.helper.make_node("Mul", ["sum.exact", "one"], ["sum.once more"])
    model.graph.node.insert(place, detour)
    # ONNX Runtime may remove a multiplication by 1, so scale there and back by a power of two instead.
    one.CopyFrom(numpy_helper.from_array(np.full(1, 2, np.float32), "one"))
    model.graph.initializer[-1].CopyFrom(one)
    half = numpy_helper.from_array(np.full(1, 0.5, np.float32), "half")
    model.graph.initializer.append(half)
    detour.output[0] = "sum.twice"
    model.graph.node[place].output[0] = "sum.twice"
    model.graph.node.insert(place + 1, onnx.helper.make_node("Mul", ["sum.twice", "half"], ["sum.once more"]))
    verdict = check(network, picture, model=model.SerializeToString())
    assert verdict.mismatches == 0
    assert not verdict.passed
    assert any("QLinearAdd: 2 of 3" in problem for problem in verdict.problems)


def test_small_only_witnesses_are_spared_large_pictures(anchor, picture):
    seen = []

    class Small(NumpyWitness):
        small_only = True

        def entire(self, picture):
            seen.append(picture["x"].shape)
            return super().entire(picture)

    network = anchor()
    model = to_onnx(network).SerializeToString()
    small = Small(network, "int64")
    verify(network, model, {"p": picture(51, 50)}, [small], stimuli=["p", "ramp"], layers=["first"])
    assert seen == [(24, 28, 3)]


def test_a_verdict_is_plain_json_whatever_a_witness_returned(anchor, picture):
    """Numbers of NumPy and what is not finite have no place in verify.json, least of all when it FAILED."""
    network = anchor()
    for spoil in (_one_nan, _off_by_one, lambda codes: codes * np.float32(np.inf)):
        with np.errstate(invalid="ignore"):
            verdict = check(network, picture, Sabotaged(network, spoil), stimuli=["p"])
        document = json.loads(json.dumps(verdict.as_json(), allow_nan=False))
        row = document["rows"][0]
        assert (row["witness"], row["mode"], row["layer"]) == ("sabotaged", "entire", "residual")
        assert type(row["mismatches"]) is int
        finite = spoil is _off_by_one
        assert (row["largest"] == 1.0, row["largest"] is None) == (finite, not finite)
        assert (row["first"]["found"] is None) == (not finite)
        assert document["mismatches"] == row["mismatches"]


def test_a_witness_that_is_wrong_at_the_largest_accumulator_alone_is_found(anchor, picture):
    """No picture reaches it: only the accumulator attack feeds it, to a layer alone."""
    network = anchor()
    conv = network.layer("residual")
    attack = attack_input(conv, network.formats[conv.source])[0]

    class Overflowing(NumpyWitness):
        def single(self, layer, operands):
            codes = super().single(layer, operands).copy()
            if layer == "residual" and np.array_equal(operands[conv.source], attack):
                codes[0, 0, 0] ^= 1
            return codes

    witness = Overflowing(network, "int64")
    witness.name = "overflowing"
    wrong = [row for row in check(network, picture, witness, stimuli=["p"]).rows.values() if row.mismatches]
    assert [(row.witness, row.mode, row.layer) for row in wrong] == [("overflowing", "single", "residual")]
    assert wrong[0].first.stimulus == "accumulator attack"


def test_facts_of_a_verdict_are_counted(anchor, picture):
    """Saturation of the photographs in percent; what a default session gets wrong of the file."""
    network = anchor()
    facts = check(network, picture).facts
    tensors, counts = run_counted(network, picture(20, 21))
    assert any(below + above for below, above in counts.values())
    for name, (below, above) in counts.items():
        share = facts["saturation"][name]
        size = tensors[name].size
        assert share == {"below_percent": 100 * below / size, "above_percent": 100 * above / size}
    other = check(network, picture, model=to_onnx(anchor(seed=1)).SerializeToString())
    assert other.facts["default_session_mismatches"] > 0
    names = [control["name"] for control in check(network, picture, stimuli=["noise"]).controls]
    assert sum("computed by" in name for name in names) == 4  # each kind of witness


def test_the_file_is_compared_at_every_layer(anchor, picture):
    """A weight of an inner layer changed in the file alone is found there, whatever comes behind it."""
    network = anchor()
    model = to_onnx(network)
    weight = next(t for t in model.graph.initializer if t.name == "first.weight")
    codes = numpy_helper.to_array(weight).copy()
    codes[0, 0, 1, 1] += 20 if codes[0, 0, 1, 1] < 0 else -20
    weight.CopyFrom(numpy_helper.from_array(codes, weight.name))
    verdict = verify(network, model.SerializeToString(), {"photo": picture(31, 33)})
    for witness in ("onnxruntime fused", "onnxruntime unfused", "onnx.reference"):
        assert verdict.rows[witness, "entire", "first"].mismatches > 0
        assert verdict.rows[witness, "single", "first"].mismatches == 0  # written anew from the integers
    assert verdict.rows["numpy fast", "entire", "first"].mismatches == 0
    assert not verdict.passed


def test_a_layer_that_the_file_does_not_show_is_all_different(anchor, picture):
    network = anchor()
    model = to_onnx(network)
    for node in model.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == "first":
                    names[i] = "renamed"
    verdict = verify(network, model.SerializeToString(), {"photo": picture(9, 9)})
    row = verdict.rows["onnxruntime fused", "entire", "first"]
    assert row.mismatches == row.compared > 0
