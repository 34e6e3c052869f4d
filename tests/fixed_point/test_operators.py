"""What holds of every operator: its file, its window, its deliberate error, and a run without a fast path."""

import importlib
import re
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction

import numpy as np
import pytest

from hwrts.fixed_point import (
    OPERATORS,
    PIXEL,
    Add,
    Clip,
    Concat,
    DepthToSpace,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    Lookup,
    Maximum,
    MaxPool,
    Multiply,
    Network,
    Over,
    Places,
    PRelu,
    Reorder,
    Repeat,
    Resize,
    Rounding,
    Scale,
    Slice,
    SpaceToDepth,
    Tensor,
    Upsample,
    layer_bounds,
    load_network,
    network,
    run,
    run_all,
    save_network,
    stream,
)
from hwrts.fixed_point import layer_json as layer_json_module
from hwrts.fixed_point.layer_json import describe, parse_layer
from hwrts.fixed_point.operators.operator import Operator

from .build import random_conv

S8 = Format(True, 8, 8)
X = Tensor("x", 8, Fraction(1), S8)
ONE_OF_EACH = {
    "Conv": random_conv(np.random.default_rng(1), "y", "x", (5, 8), 3, Format(True, 8, 3)),
    "Add": Add("y", ("x", "x"), Format(True, 8, 7)),
    "Scale": Scale("y", "x", 77, 6, S8),
    "PRelu": PRelu("y", "x", np.arange(-40, 40, 10, dtype=np.int8), 6, S8),
    "DepthToSpace": DepthToSpace("y", "x", 2),
    "Repeat": Repeat("y", "x", 3),
    "Upsample": Upsample("y", "x", "bicubic", 2, S8),
    "Resize": Resize("y", ("x",), Format(True, 8, 7), Places.CENTRES, 3),
    "Concat": Concat("y", ("x", "x"), Format(True, 8, 7)),
    "Multiply": Multiply("y", ("x", "x"), Format(False, 8, 9)),
    "Lookup": Lookup("y", "x", (np.arange(256, dtype=np.int16)[::-1] % 251) - 100, Format(True, 9, 5)),
    "Clip": Clip("y", "x", -100, 60),
    "Slice": Slice("y", "x", 2, 7),
    "Reorder": Reorder("y", "x", np.array([3, 0, 7, 1, 1], np.int32)),
    "MaxPool": MaxPool("y", "x", (3, 2), 2, (1, 0, 1, 0)),
    "SpaceToDepth": SpaceToDepth("y", "x", 2),
    "GlobalAverage": GlobalAverage("y", "x", Format(True, 8, 10)),
    "Maximum": Maximum("y", "x", Over.CHANNELS),
}


def noise(height=8, width=12, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, (height, width, X.channels)).astype(np.int8)


def operands(layer, x):
    return [x] * len(layer.sources), [S8] * len(layer.sources)


def codes_of(layer, x, rounding=Rounding.HALF_EVEN):
    return layer.define(*operands(layer, x), rounding)


def test_these_are_all_operators():
    assert list(ONE_OF_EACH) == list(OPERATORS)
    assert all(type(ONE_OF_EACH[name]) is kind for name, kind in OPERATORS.items())


@pytest.mark.parametrize("name", OPERATORS)
def test_each_has_a_file_of_its_name(name):
    snake = {"PRelu": "prelu"}.get(name) or re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower()
    module = importlib.import_module(f"hwrts.fixed_point.operators.{snake}")
    assert OPERATORS[name] is getattr(module, name)
    assert OPERATORS[name].__module__ == module.__name__


@pytest.mark.parametrize("layer", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_what_it_makes_has_the_shape_and_format_that_it_says(layer):
    made = layer.made(*[X] * len(layer.sources))
    codes = codes_of(layer, noise())
    assert codes.shape == (*layer.window.made_of(8, 12), made.channels)
    assert (made.lacks, codes.shape[:2]) == ((0, 0), (8 * made.scale, 12 * made.scale)) or layer.window.whole
    assert (codes.dtype, made.name) == (made.out.dtype, "y")
    assert Fraction(layer.window.grow, layer.window.shrink) == made.scale or layer.window.whole
    assert made.out == getattr(layer, "out", S8)


@pytest.mark.parametrize("layer", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_nothing_outside_its_window_is_read(layer):
    window, x = layer.window, noise()
    before = codes_of(layer, x)
    if window.unbounded:
        assert not np.array_equal(codes_of(layer, np.minimum(x, 100)), before)
        return
    for step in range(len(x) // window.shrink):
        other, y = noise(seed=1), step * window.shrink
        seen = slice(max(0, y - window.before), y + window.after + 1)
        other[seen] = x[seen]
        made = slice(step * window.grow, (step + 1) * window.grow)
        assert np.array_equal(codes_of(layer, other)[made], before[made])
        if window.kernel > 1:
            other[max(0, y - window.before)] ^= -128
            other[min(len(x) - 1, y + window.after)] ^= -128
            assert not np.array_equal(codes_of(layer, other)[made], before[made])


@pytest.mark.parametrize("layer", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_its_deliberate_error_is_legal_and_changes_codes(layer):
    x = noise()
    codes = codes_of(layer, x)
    broken = layer.corrupted([x] * len(layer.sources), codes)
    broken.check()
    assert isinstance(broken, type(layer))
    found = codes_of(broken, x)
    assert found.shape == codes.shape
    assert not np.array_equal(found, codes)


def test_an_error_that_no_number_can_say_is_in_no_network():
    for name in ("DepthToSpace", "Repeat", "MaxPool", "SpaceToDepth"):
        broken = ONE_OF_EACH[name].corrupted([noise()], noise())
        with pytest.raises(HwrtsError, match="is no layer; use Conv, Add"):
            Network((Input("x", 8, S8),), (broken,))


@pytest.mark.parametrize("layer", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
@pytest.mark.parametrize("rounding", Rounding)
def test_without_a_fast_path_it_runs_by_its_definition(layer, rounding, monkeypatch):
    """A new operator is correct at once, in a picture and in a stream, and quick when somebody made it so."""
    for quick in ("row_function", "rows", "picture"):
        monkeypatch.setattr(type(layer), quick, getattr(Operator, quick))
    x, one = noise(36, 6), Network((Input("x", 8, S8),), (layer,), rounding)
    expected = codes_of(layer, x, rounding)
    if one.streamable:
        assert np.array_equal(np.stack(list(stream(one, x))), expected)
    assert np.array_equal(run(one, x), expected)
    assert np.array_equal(run_all(one, x)["y"], expected)


@pytest.mark.parametrize("layer", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_a_fast_path_of_its_own_equals_the_definition(layer):
    x = noise(36, 6)
    for rounding in Rounding:
        found = layer.picture(*operands(layer, x), rounding)
        assert np.array_equal(found, codes_of(layer, x, rounding))
        assert found.dtype == codes_of(layer, x).dtype


def chain(*layers):
    return Network((Input("x", 8, S8),), layers)


def test_an_exchanged_layer_alone_is_proved_anew(monkeypatch):
    """Sensitivity exchanges every layer many times; all others were proved again each time."""
    a, b = (replace(ONE_OF_EACH["PRelu"], name=name) for name in "ab")
    old = chain(a, replace(b, source="a"), Scale("c", "b", 3, 2, S8))
    proved = []

    def counted(layer, *others):
        proved.append(layer.name)
        return layer_bounds(layer, *others)

    monkeypatch.setattr(network, "layer_bounds", counted)
    new = old.exchanged(replace(old.layer("b"), slope_i8=np.ones(8, np.int8)))
    assert proved == ["b"]
    assert [new.bounds[n] is old.bounds[n] for n in "abc"] == [True, False, True]
    assert new.bounds["b"].lowest.tolist() == [-128] * 8
    assert [each is other for each, other in zip(new.layers, old.layers, strict=True)] == [True, False, True]


def test_readers_of_an_exchanged_format_are_proved_anew():
    old = chain(Scale("a", "x", 1, 0, S8), Scale("b", "a", 3, 2, S8), Scale("c", "x", 3, 2, S8))
    new = old.exchanged(Scale("a", "x", 1, 0, PIXEL))
    assert new.bounds["b"].highest.tolist() == [3 * 255]
    assert new.bounds["c"] is old.bounds["c"]
    other_rule = replace(old, rounding=Rounding.HALF_UP)
    assert other_rule.bounds["b"].partial_sum.tolist() == [3 * 128 + 2]  # with half an LSB


def test_exchanges_are_checked():
    old = chain(Scale("a", "x", 1, 0, S8), Scale("b", "a", 3, 2, S8))
    with pytest.raises(HwrtsError, match="no layer named 'z'; it has a, b"):
        old.exchanged(Scale("z", "x", 1, 0, S8))
    with pytest.raises(HwrtsError, match="layer 'a': multiplier 200 is not allowed"):
        old.exchanged(Scale("a", "x", 200, 0, S8))
    with pytest.raises(HwrtsError, match="its source 'b' is not made before it"):
        old.exchanged(Scale("a", "b", 1, 0, S8))


@pytest.mark.parametrize("frac", [32, -32])
def test_operands_of_grids_64_bits_apart_are_refused(frac):
    """A shift by 64 left int64: an OverflowError and a traceback, from a file as well."""
    inputs = (Input("a", 1, Format(False, 8, frac)), Input("b", 1, Format(False, 8, -frac)))
    with pytest.raises(HwrtsError, match="layer 's': an accumulator can reach"):
        Network(inputs, (Add("s", ("a", "b"), Format(True, 8, 32)),))


@dataclass(frozen=True)
class Later(Repeat):
    """A repetition that got a field after files had been written."""

    turns: int = field(default=1, metadata={"later": True})


def test_a_field_that_came_later_is_written_where_it_differs(monkeypatch, tmp_path):
    kinds = {**OPERATORS, "Repeat": Later}
    monkeypatch.setattr(layer_json_module, "OPERATORS", kinds)
    monkeypatch.setattr(network, "OPERATORS", kinds)
    old = describe(Repeat("y", "x", 2))
    entry = describe(Later("y", "x", 2))
    assert {**entry, "op": "Repeat"} == old  # the name is the class's
    assert parse_layer(old, {}) == Later("y", "x", 2)
    turned = {**old, "turns": 3}
    assert describe(Later("y", "x", 2, 3)) == {**turned, "op": "Later"}
    assert parse_layer(turned, {}) == Later("y", "x", 2, 3)
    with pytest.raises(ValueError, match="'turns' is '3', expected int"):
        parse_layer({**old, "turns": "3"}, {})
    with pytest.raises(ValueError, match="expected an object with"):
        parse_layer({**old, "twists": 3}, {})


@pytest.mark.parametrize("op", [["Conv"], {}, None, 7, "conv", "Operator", "Later"])
def test_unknown_operators_are_refused(op):
    with pytest.raises(ValueError, match=r"unknown operator .*; known are Conv, Add, Scale, PRelu, Depth"):
        parse_layer({"op": op, "name": "y", "sources": ["x"]}, {})


def test_every_field_of_every_operator_is_in_the_files(tmp_path):
    for name, layer in ONE_OF_EACH.items():
        save_network(Network((Input("x", 8, S8),), (layer,)), tmp_path)
        (found,) = load_network(tmp_path).layers
        assert type(found).__name__ == name
        for each in fields(layer):
            assert np.array_equal(getattr(found, each.name), getattr(layer, each.name)), each.name
