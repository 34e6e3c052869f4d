"""What operators say of the files for clients, by hand: each kind, and who alone is otherwise."""

import numpy as np
import pytest

from hwrts.export.forms import no_zero_point, signed
from hwrts.export.onnx_writer import to_qdq
from hwrts.export.operators import NODES
from hwrts.export.qdq_options import QdqOptions, Stored
from hwrts.export.targets.around_zero import around_zero
from hwrts.export.targets.target import TARGETS
from hwrts.export.turned import turned
from hwrts.fixed_point import (
    Add,
    Along,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    Lookup,
    Network,
    Upsample,
)

U8, S8, U6 = Format(False, 8, 8), Format(True, 8, 8), Format(False, 6, 6)


def kinds(has):
    return {kind.__name__ for kind, nodes in NODES.items() if has(nodes.FORMS)}


def test_who_is_otherwise():
    assert kinds(lambda forms: forms.own_rule) == {"GlobalAverage"}
    assert kinds(lambda forms: forms.half) == {"Conv", "Scale"}
    assert kinds(lambda forms: forms.turns) == {"Add", "Clip"}
    assert kinds(lambda forms: forms.real_nodes is not None) == {"Lookup", "GlobalAverage"}
    assert kinds(lambda forms: forms.real_numbers is not None) == {"PRelu", "Scale", "Clip"}


def test_what_is_refused_has_something_instead():
    """A sentence of its own, for every operator that a target has no form of."""
    refused = {kind for target in TARGETS.values() for kind in target.refused}
    said = [NODES[kind].FORMS.instead for kind in refused]
    assert len(set(said)) == len(refused) > 3
    assert NODES[Add].FORMS.instead not in said


@pytest.mark.parametrize(
    ("layer", "functions", "real"),
    [
        (Add("y", ("x", "x"), S8), {}, True),
        (Lookup("y", "x", np.arange(64, dtype=np.int16), U8), {}, False),
        (Lookup("y", "x", np.arange(64, dtype=np.int16), U8), {"y": ("silu", {})}, True),
        (Lookup("y", "x", np.arange(64, dtype=np.int16), U8), {"y": ("unknown", {})}, False),
        (GlobalAverage("y", "x", U8), {}, True),
        (GlobalAverage("y", "x", U8, Along.ROWS), {}, False),
        (Upsample("y", "x", "bilinear", 2, U8), {}, True),
        (Upsample("y", "x", "bilinear", 3, U8), {}, False),  # of rounded taps
    ],
)
def test_form_in_real_values(layer, functions, real):
    assert NODES[type(layer)].FORMS.real(layer, functions) == real


ONE = np.ones(1, np.int32)
SHARP = Conv("y", "x", np.array([[[[3]]]], np.int8), ONE * 0, ONE * 7, U8)


@pytest.mark.parametrize(
    ("layer", "form", "less", "made"),
    [
        (SHARP, U8, {"x": 128}, {"bias_i32": 7 + 128 * 3}),
        (SHARP, U8, {"y": 128}, {"bias_i32": 7 - 128, "out": S8}),
        (Clip("y", "x", 5, 200), U8, {"x": 128, "y": 128}, {"low": -123, "high": 72}),
        (Clip("y", "x", 5, 60), U6, {"x": 32, "y": 32}, {"low": -27, "high": 28}),
        (Lookup("y", "x", np.arange(64, dtype=np.int16), U8), U6, {"y": 128}, {"out": S8}),
        (DepthToSpace("y", "x", 2), U8, {"x": 128, "y": 128}, {"block": 2}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_around_zero(layer, form, less, made):
    network = Network((Input("x", 4 if isinstance(layer, DepthToSpace) else 1, form),), (layer,))
    found = NODES[type(layer)].FORMS.around_zero(network, layer, less)
    assert {name: np.asarray(getattr(found, name)).item() for name in made} == made


def test_entries_around_zero():
    layer = Lookup("y", "x", np.arange(64, dtype=np.int16) * 4, U8)
    found = NODES[Lookup].FORMS.around_zero(Network((Input("x", 1, U6),), (layer,)), layer, {"y": 128})
    assert found.table_i16.tolist() == [4 * i - 128 for i in range(64)]


def test_sums_around_zero():
    """Bytes x are 128 less, z is not: so is the sum, on the same grid; on one of half a code it is not."""
    inputs = (Input("x", 1, U8), Input("z", 1, S8))
    even, finer = Add("y", ("x", "z"), U8), Add("y", ("x", "z"), Format(False, 8, 9))
    network = Network(inputs, (even,))
    assert NODES[Add].FORMS.around_zero(network, even, {"x": 128, "y": 128}).out == S8
    for layer, less in ((even, {"x": 128}), (finer, {"x": 128, "y": 128})):
        with pytest.raises(HwrtsError) as caught:
            NODES[Add].FORMS.around_zero(network, layer, less)
        assert str(caught.value) == str(no_zero_point(layer))


@pytest.mark.parametrize(
    ("forms", "negated", "out", "halved"),
    [
        ((U6, S8), False, Format(False, 8, 8), ["x"]),  # both ranges end at 1
        ((S8, U6), False, Format(False, 8, 8), ["z"]),
        ((S8, U6), True, Format(False, 8, 8), []),  # it would be 128 more
        ((U6, S8), False, Format(False, 8, 7), []),  # another middle
        ((U6, U8), False, Format(False, 8, 8), []),  # the byte is less already
        ((U6, S8), False, S8, []),  # no byte
    ],
)
def test_operands_that_are_halved(forms, negated, out, halved):
    layer = Add("y", ("x", "z"), out, negated)
    network = Network(tuple(Input(name, 1, form) for name, form in zip("xz", forms, strict=True)), (layer,))
    assert list(NODES[Add].FORMS.halved(network, layer)) == halved


def test_signed_formats():
    assert [signed(U8), signed(U6), signed(U6, 32), signed(S8)] == [S8, U6, Format(True, 6, 6), S8]


def test_filters_of_groups_stay_with_their_group():
    two = np.ones((4, 1, 1, 1), np.int8), np.zeros(4, np.int32), np.zeros(4, np.int32)
    made = [NODES[Conv].FORMS.made_turned(Conv("y", "x", *two, U8, groups=groups)) for groups in (1, 2)]
    assert made == [True, False]


def test_the_order_that_is_wanted():
    layer = DepthToSpace("y", "x", 2)
    wanted = NODES[DepthToSpace].FORMS.wanted(Network((Input("x", 8, U8),), (layer,)), layer)
    assert wanted.tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_a_table_of_fewer_bits_is_not_halved():
    """It could hold it, but is not asked: the sum is refused by name."""
    table = Lookup("half", "z", np.arange(256, dtype=np.int16) // 4, U6)
    network = Network((Input("x", 1, S8), Input("z", 1, S8)), (table, Add("y", ("x", "half"), U8)))
    with pytest.raises(HwrtsError) as caught:
        around_zero(network)
    assert str(caught.value) == str(no_zero_point(network.layer("y")))


def test_a_relu_stands_in_front_of_what_computes_alone():
    """Moved codes, listed ones and joined ones are none below 0."""
    layers = (
        Conv("computed", "x", np.ones((4, 4, 1, 1), np.int8), ONE.repeat(4), ONE.repeat(4), U8),
        Lookup("listed", "computed", np.arange(256, dtype=np.int16), U8),
        Concat("joined", ("computed", "listed"), Format(False, 8, 7)),
        DepthToSpace("moved", "joined", 2),
        Add("added", ("moved", "moved"), U8),
    )
    network = Network((Input("x", 4, U8),), layers)
    for stored in (Stored.UNSIGNED, Stored.BY_SIGN):  # which has tables of real values
        options = QdqOptions(relu=True, moves_in_real=True, stored=stored)
        nodes = to_qdq(network, options).graph.node
        assert [node.output[0] for node in nodes if node.op_type == "Relu"] == ["computed.relu", "added.relu"]


def test_interpolation_is_around_a_middle():
    """Its sums of bytes need 25 bits, of which float32 holds 24."""
    layer = Upsample("y", "x", "bicubic_075", 8, U8)
    network = Network((Input("x", 1, U8),), (layer,))
    assert not network.bounds["y"].exact_in_float32
    assert NODES[Upsample].FORMS.in_float32(network, layer)
    assert not NODES[Add].FORMS.in_float32(network, layer)


@pytest.mark.parametrize(("other", "orders"), [("made", {"made", "sum", "limited"}), ("x", set())])
def test_what_is_added_to_a_turned_tensor_is_turned_too(other, orders):
    layers = (
        Conv("made", "x", np.ones((8, 8, 1, 1), np.int8), ONE.repeat(8), ONE.repeat(8), U8),
        Add("sum", ("made", other), U8),
        Clip("limited", "sum", 1, 9),
        DepthToSpace("y", "limited", 2),
    )
    assert set(turned(Network((Input("x", 8, U8),), layers))) == orders
