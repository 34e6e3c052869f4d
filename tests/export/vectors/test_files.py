"""A folder of vectors: enough to compute every layer again with NumPy alone, and the same bytes each time."""

import hashlib
import io
import json

import numpy as np
import pytest

from hwrts import fixed_point as ops
from hwrts.export.vectors import files as written
from hwrts.export.vectors.cases import SIZES
from hwrts.export.vectors.files import vector_files
from hwrts.export.vectors.said import EQUATIONS, ROUNDING
from hwrts.fixed_point import OPERATORS, PIXEL, Format, HwrtsError, Input, Network, Rounding

from .reader import Folder, arrays_in_c

S8, S5, U8 = Format(True, 8, 6), Format(True, 5, 4), Format(False, 8, 6)
ODD_NAME = '*/ endmodule `|" <b> größe'


def conv(name, source, size, channels, out, rng, **more):
    weight = rng.integers(-127, 128, (channels, size, 3, 3)).astype(np.int8)
    frac, bias = np.full(channels, 8, np.int32), rng.integers(-500, 500, channels).astype(np.int32)
    return ops.Conv(name, source, weight, frac, bias, out, **more)


def everything(rounding, additions=None):
    """A network with every operator, a name that may not stand anywhere, and formats of several widths."""
    rng = np.random.default_rng(5)
    layers = (
        conv("inside", "x", 3, 4, S8, rng, padding=ops.Padding.REPLICATE),
        conv(ODD_NAME, "inside", 2, 4, U8, rng, groups=2, dilation=2),
        ops.Add("add", ("inside", ODD_NAME), S5),
        ops.Add("less", ("inside", ODD_NAME), S8, negated=True),
        ops.Scale("scale", "less", 3, 2, S8),
        ops.PRelu("prelu", "scale", np.array([1, 3, -5, 127], np.int8), 3, S8),
        ops.Concat("concat", ("prelu", "add"), S8),
        ops.Slice("slice", "concat", 1, 5),
        ops.Reorder("order", "slice", np.array([2, 0, 3, 1], np.int32)),
        ops.Lookup("table", "order", rng.integers(-128, 128, 256).astype(np.int16), S8),
        ops.Clip("clip", "table", -90, 80),
        ops.Multiply("times", ("clip", "prelu"), S8),
        ops.MaxPool("pool", "times", (3, 2), 1, (1, 1, 1, 0)),
        ops.Maximum("most", "pool", ops.Over.CHANNELS),
        ops.Maximum("most_of_rows", "pool", ops.Over.ROWS),
        ops.GlobalAverage("mean", "pool", S8),
        ops.GlobalAverage("mean_of_columns", "pool", Format(True, 9, 8), ops.Along.COLUMNS),
        ops.Multiply("gate", ("most_of_rows", "mean"), S8),
        ops.Add("mask", ("gate", "most"), S8),
        conv("half", "mask", 4, 8, S8, rng, stride=2),
        ops.SpaceToDepth("down", "mask", 2),
        ops.Concat("deep", ("half", "down"), S8),
        ops.DepthToSpace("up", "deep", 2),
        ops.Repeat("again", "half", 2),
        ops.Upsample("smooth", "half", "bicubic", 2, S8),
        ops.Resize("resized", ("half", "mean_of_columns"), S8, ops.Places.CENTRES),
        ops.Concat("y", ("up", "again", "smooth", "resized"), S8),
    )
    return Network((Input("x", 3, PIXEL),), layers, rounding, additions=additions, outputs=("y", "most"))


@pytest.fixture(scope="module")
def folder():
    picture = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return Folder(vector_files(everything(Rounding.HALF_EVEN, Rounding.HALF_UP), {"a": {"x": picture}}))


def test_every_layer_is_computed_from_the_files_alone(folder):
    assert {each["operator"] for each in folder.layers.values()} == set(OPERATORS)
    assert compute_all(folder) > 100_000


@pytest.mark.parametrize("rule", [Rounding.HALF_AWAY, Rounding.FLOOR, Rounding.DOUBLE])
def test_the_other_rules_are_computed_from_the_files_alone(rule, monkeypatch):
    """Of two inputs, and of codes of 12 bits too."""
    monkeypatch.setattr(written, "SIZES", SIZES[-1:])
    rng, wide = np.random.default_rng(3), Format(True, 12, 11)
    layers = (
        conv("c", "x", 1, 3, wide, rng, padding=ops.Padding.REFLECT),
        ops.Add("s", ("c", "z"), S8),
        ops.GlobalAverage("m", "s", S5),
    )
    network = Network((Input("x", 1, PIXEL), Input("z", 3, S5)), layers, rule, outputs=("s", "m"))
    assert compute_all(Folder(vector_files(network, {}))) > 1_000


def compute_all(folder):
    """Compute all cases; how many codes were compared."""
    compared = 0
    for case in folder.manifest["cases"]:
        codes = {name: folder.array(entry) for name, entry in case["codes"].items()}
        for name in codes.keys() - set(case["inputs"]):
            layer = folder.layers[name]
            for frame in range(case["frames"]):
                made, acc = folder.computed(layer, [codes[source][frame] for source in layer["sources"]])
                np.testing.assert_array_equal(made, codes[name][frame], f"{case['id']} {name}")
                compared += made.size
                if acc is not None:
                    stored = folder.array(case["accumulators"][name])
                    np.testing.assert_array_equal(acc, stored[frame], f"{case['id']} {name}")
        summed = {name for name in codes.keys() - set(case["inputs"]) if folder.layers[name]["accumulator"]}
        assert set(case["accumulators"]) == summed
    return compared


def test_mem_npy_and_c_hold_the_same(folder):
    headers: dict[str, list[int]] = {}
    for name, content in folder.files.items():
        if name.startswith("c/"):
            headers |= arrays_in_c(content.decode())
    entries = [entry for each in folder.layers.values() for entry in each["constants"].values()]
    for case in folder.manifest["cases"]:
        entries += [*case["codes"].values(), *case["accumulators"].values()]
    for entry in entries:
        stored = np.load(io.BytesIO(folder.files[f"npy/{entry['stem']}.npy"]), allow_pickle=False)
        np.testing.assert_array_equal(stored, folder.array(entry))
        assert headers.pop(entry["stem"].replace(".", "_")) == stored.ravel().tolist()
    assert not headers
    assert len(entries) > 300


def test_the_manifest_names_every_file_and_what_it_is(folder):
    listed = folder.manifest["files"]
    assert {*listed, "manifest.json"} == {*folder.files}
    for name, entry in listed.items():
        content = folder.files[name]
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert folder.manifest["schema"] == "hwrts.vectors"


def test_names_are_plain_and_the_map_is_in_the_manifest(folder):
    assert all(
        name.isascii() and not set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789_./VECTORSMD")
        for name in folder.files
    )
    assert folder.tensors["t2_endmodule_b_gr_e"]["name"] == ODD_NAME
    document = folder.files["VECTORS.md"].decode()
    assert "endmodule `|" not in document
    assert "<b>" not in document


def test_the_document_says_every_operator_rule_and_case(folder):
    document = folder.files["VECTORS.md"].decode()
    for name in OPERATORS:
        assert f"- **{name}**: " in document
    for case in folder.manifest["cases"]:
        assert f"| `{case['id']}` |" in document
    for each in folder.layers.values():
        assert f"`{each['rounding']}`" in document or each["accumulator"] is None
    assert "The middle of the photograph 'a'." in document


def test_cases_are_all_there(folder):
    whole = {each["name"] for each in folder.manifest["cases"] if each["layer"] is None}
    wanted = {
        "photograph",
        "all 0",
        "all 255",
        "noise",
        "checkerboard",
        "impulse",
        "impulses",
        "one pixel",
        "one row",
    }
    assert wanted | {"one column", "three by two", "ramp"} == whole
    alone: dict[str, set[str]] = {}
    for each in folder.manifest["cases"]:
        alone.setdefault(each["layer"], set()).add(each["name"])
    for layer in folder.layers.values():
        assert "noise" in alone[layer["id"]]
        assert ("attack" in alone[layer["id"]]) is (layer["accumulator"] is not None)
    ties = {each["layer"]: each["ties"] for each in folder.manifest["cases"] if each["name"] == "ties"}
    assert all(each["above_even"] and each["above_odd"] for each in ties.values())
    by_operator: dict[str, list[bool]] = {}
    for layer in folder.layers.values():
        by_operator.setdefault(layer["operator"], []).append(layer["id"] in ties)
    assert {name for name, found in by_operator.items() if any(found)} == {
        "Conv", "Add", "Scale", "PRelu", "Multiply", "Upsample", "Resize", "GlobalAverage"
    }  # fmt: skip


def test_ties_show_every_other_rule_in_each_layer(folder):
    """Of each layer that has them: what the reader makes by another rule is something else."""
    for case in folder.manifest["cases"]:
        if case["name"] != "ties":
            continue
        layer = folder.layers[case["layer"]]
        xs = [folder.array(case["codes"][source]) for source in layer["sources"]]
        right = folder.array(case["codes"][layer["id"]])
        for rule in {each.value for each in Rounding} - {layer["rounding"], "double"}:
            other = [
                folder.computed({**layer, "rounding": rule}, [x[frame] for x in xs])[0]
                for frame in range(case["frames"])
            ]
            assert not np.array_equal(other, right), (case["id"], rule)


def test_attacks_reach_what_is_proved(folder):
    reached = 0
    for case in folder.manifest["cases"]:
        if case["name"] == "attack":
            acc, proved = (
                folder.array(case["accumulators"][case["layer"]]),
                folder.layers[case["layer"]]["accumulator"],
            )
            assert (acc.min(), acc.max()) == (proved["lowest"], proved["highest"]), case["id"]
            reached += 1
    assert reached == sum(layer["accumulator"] is not None for layer in folder.layers.values())


def test_the_same_network_gives_the_same_bytes():
    network = Network((Input("x", 1, PIXEL),), (conv("c", "x", 1, 2, U8, np.random.default_rng(0)),))
    assert vector_files(network, {}) == vector_files(network, {})


def test_smaller_pictures_where_files_would_be_too_large():
    network = Network((Input("x", 1, PIXEL),), (conv("c", "x", 1, 2, U8, np.random.default_rng(0)),))
    usual = vector_files(network, {})
    less = sum(map(len, usual.values())) // 2
    small = vector_files(network, {}, less)
    assert sum(len(content) for name, content in small.items() if "/" in name) <= less
    assert json.loads(small["manifest.json"])["cases"][0]["codes"]["t0_x"]["shape"][1] < 13
    with pytest.raises(HwrtsError, match="vectors: need more than 0 MiB with the smallest pictures"):
        vector_files(network, {}, 1000)


def test_every_operator_and_rule_is_explained():
    assert set(EQUATIONS) == set(OPERATORS)
    assert set(ROUNDING) == {rule.value for rule in Rounding}
    assert written.SCHEMA == "hwrts.vectors"
