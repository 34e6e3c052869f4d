import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwrts.export.compare import Row, _where, compare
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    Format,
    GlobalAverage,
    Input,
    Lookup,
    Network,
    PRelu,
    Repeat,
    Rounding,
    Scale,
    Upsample,
    run_all,
)
from hwrts.report.explain import first_difference

ROW = Row("witness", "single", "c")


def _network(rounding: Rounding = Rounding.HALF_EVEN) -> Network:
    """One pixel-wise layer: accumulator 3x + 1 on a grid two bits finer than its output's."""
    one = np.ones(1, np.int32)
    conv = Conv("c", "x", np.full((1, 1, 1, 1), 3, np.int8), 2 * one, one, PIXEL)
    return Network((Input("x", 1, PIXEL),), (conv, Add("s", ("x", "c"), PIXEL)), rounding)


@pytest.fixture
def case():
    network = _network()
    codes = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    return network, run_all(network, codes, "int64")


def test_equal_codes_are_counted(case):
    network, tensors = case
    row = compare(ROW, network, "a", tensors["c"], tensors["c"].astype(np.float32), tensors)
    assert (row.compared, row.mismatches, row.largest, row.first) == (6, 0, 0.0, None)
    row = compare(row, network, "b", tensors["c"], tensors["c"], tensors)
    assert row.compared == 12


def test_the_rule_of_a_difference_is_that_of_its_layer(case):
    network, tensors = case
    network = replace(network, additions=Rounding.FLOOR)
    for name, rule in (("c", "half_even"), ("s", "floor")):
        found = compare(
            Row("witness", "single", name), network, "a", tensors[name], tensors[name] + 1, tensors
        )
        assert found.first is not None
        assert found.first.rounding == rule


def test_the_first_difference_is_explained(case):
    network, tensors = case
    expected = tensors["c"]
    assert expected.ravel().tolist() == [0, 1, 2, 2, 3, 4]  # (3x+1)/4 = .25 1 1.75 2.5 3.25 4: 2.5 is a tie
    found = expected.copy()
    found[1, 0, 0] = 3  # what half-up would say
    found[1, 2, 0] = 9
    row = compare(ROW, network, "ramp", expected, found, tensors)
    assert (row.compared, row.mismatches, row.largest) == (6, 2, 5.0)
    first = row.first
    assert (first.stimulus, first.index, first.expected, first.found) == ("ramp", (1, 0, 0), 2, 3.0)
    assert (first.accumulator, first.shift, first.rounding) == (10, 2, "half_even")
    assert row.where == ((0, 0, 0), (1, 0, 1))
    later = compare(row, network, "noise", expected, expected + np.uint8(1), tensors)
    assert (later.mismatches, later.largest, later.first) == (8, 5.0, first)  # the first one stays


def test_every_operator_that_computes_explains_its_first_difference():
    source = Format(True, 8, 6)
    layers = (
        Add("add", ("x", "x"), Format(True, 8, 5)),
        Scale("scale", "x", 5, 3, Format(True, 8, 5)),
        PRelu("prelu", "x", np.array([3, 7], np.int8), 4, Format(True, 8, 5)),
        Upsample("up", "x", "bilinear", 2, Format(True, 8, 5)),
        Repeat("moved", "x", 2),
        Lookup("table", "x", np.arange(-128, 128, dtype=np.int16), source),
        GlobalAverage("mean", "x", source),
    )
    network = Network((Input("x", 2, source),), layers, additions=Rounding.FLOOR)
    tensors = run_all(network, np.array([[[-4, -8]]], np.int8), "int64")
    explained = {}
    for layer in layers:
        found = tensors[layer.name].copy()
        found[0, 0, 1] += 1
        row = compare(Row("w", "single", layer.name), network, "a", tensors[layer.name], found, tensors)
        explained[layer.name] = (row.first.accumulator, row.first.shift, row.first.rounding)
        written = {"rows": [row.as_json()], "entries": [], "sqnr_db": {}}
        said = first_difference(written, "1", Path("run")).text.partition(f"found {found[0, 0, 1]}.")[2]
        if row.first.accumulator is None:
            assert said == {"mean": " Rounded by floor."}.get(layer.name, " This layer rounds nothing.")
    assert explained == {
        "add": (-16, 1, "floor"),
        "scale": (-40, 4, "half_even"),
        "prelu": (-56, 5, "half_even"),
        "up": (-128, 5, "half_even"),
        "moved": (None, None, None),
        "table": (None, None, None),
        "mean": (None, None, "floor"),
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.5, 1e-9, -1.0])
def test_anything_but_equality_counts(case, value):
    network, tensors = case
    found = tensors["c"].astype(np.float64)
    found[0, 0, 0] = value
    row = compare(ROW, network, "a", tensors["c"], found, tensors)
    assert row.mismatches == 1
    assert row.largest == (abs(value) if math.isfinite(value) else math.inf)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2, 1), (2, 3, 2), (1, 3, 1), (0, 3, 1)])
def test_a_wrong_shape_is_wrong_everywhere(case, shape):
    network, tensors = case
    row = compare(ROW, network, "a", tensors["c"], np.zeros(shape), tensors)
    assert (row.compared, row.mismatches) == (6, 6)
    assert math.isnan(row.first.found)


def test_nothing_found_is_wrong_everywhere(case):
    network, tensors = case
    assert compare(ROW, network, "a", tensors["c"], None, tensors).mismatches == 6


def test_signed_codes_do_not_wrap():
    zero, one = np.zeros(1, np.int32), np.ones((1, 1, 1, 1), np.int8)
    network = Network((Input("x", 1, PIXEL),), (Conv("c", "x", one, zero, zero, Format(True, 8, 8)),))
    low, high = np.full((1, 1, 1), -128, np.int8), np.full((1, 1, 1), 127, np.int8)
    row = compare(ROW, network, "a", low, high, {"x": np.zeros((1, 1, 1), np.uint8)})
    assert row.largest == 255


def test_rows_are_plain_values(case):
    network, tensors = case
    row = compare(ROW, network, "a", tensors["c"], tensors["c"] + np.uint8(1), tensors).as_json()
    assert row["first"]["index"] == (0, 0, 0)
    assert type(row["first"]["accumulator"]) is int
    assert set(row) == {"witness", "mode", "layer", "compared", "mismatches", "largest", "first", "where"}


def test_the_map_of_differences_counts_every_code_once():
    differs = np.zeros((130, 67, 2), bool)
    differs[0, 0] = differs[129, 66, 1] = differs[3:6, 5, 0] = True
    grid = np.array(_where(differs))
    assert grid.shape == (44, 34)  # cells of 3 rows and 2 columns: at most 64 on each side
    assert grid.sum() == 6
    assert (grid[0, 0], grid[1, 2], grid[43, 33]) == (2, 3, 1)
