import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwrts.data.store import PhotoStore
from hwrts.errors import ConfigError, RunFolderError
from hwrts.fixed_point import Network, run
from hwrts.metrics import psnr_db
from hwrts.progress import Silent
from hwrts.report.plots import standalone_svg
from hwrts.report.sensitivity import sensitivity_plot
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import save_quantised
from hwrts.sensitivity.file import known_sensitivity, stage_sensitivity
from hwrts.sensitivity.measure import (
    SIDE,
    Crops,
    LayerSensitivity,
    Reduced,
    Sensitivity,
    load_crops,
    measure_sensitivity,
)


class Store(PhotoStore):
    """Pictures by kind: hr is LR with every pixel four times, target2 is 2 codes brighter."""

    _lr: list[np.ndarray]

    def __init__(self, *shapes):
        names = tuple(f"photo{i}" for i in range(len(shapes)))
        super().__init__(Path("nowhere"), names, tuple((2 * height, 2 * width) for height, width in shapes))
        rng = np.random.default_rng(3)
        lr = [rng.integers(0, 200, (*shape, 3), dtype=np.uint8) for shape in shapes]
        object.__setattr__(self, "_lr", lr)  # of a frozen dataclass

    def array(self, i, kind):
        if kind == "lr":
            return self._lr[i]
        return self._lr[i].repeat(2, 0).repeat(2, 1) + np.uint8(0 if kind == "hr" else int(kind[-1]))


@pytest.fixture
def crops(picture):
    inputs = [picture(12, 14, seed) // 2 + 60 for seed in (1, 2)]
    return Crops(inputs, {"original": [x.repeat(2, 0).repeat(2, 1) for x in inputs]})


def test_each_layer_alone_by_hand(quantise, crops):
    quantised, network = quantise(1, 4, weight_bits=6)
    found = measure_sensitivity(quantised, crops, [4, 2], Silent())
    assert [(layer.name, layer.weights, layer.weight_bits) for layer in found.layers] == [
        ("conv_in", 108, 6),
        ("conv_0", 144, 6),
        ("conv_out", 108, 6),
        ("conv_ext_x", 324, 6),
        ("conv_ext_r", 324, 6),
    ]
    int8 = [run(network, x, "int64").astype(np.uint8) for x in crops.inputs]
    originals = crops.references["original"]
    assert found.psnr_db["original"] == pytest.approx(
        np.mean([psnr_db(a, b) for a, b in zip(int8, originals, strict=True)])
    )
    compared = changed = 0
    for layer in found.layers:
        assert [each.weight_bits for each in layer.reduced] == [4, 2]
        for each in layer.reduced:
            layers = [
                quantised.narrowed(layer.name, each.weight_bits) if old.name == layer.name else old
                for old in network.layers
            ]
            narrow = Network(network.inputs, tuple(layers))
            outputs = [run(narrow, x, "int64").astype(np.uint8) for x in crops.inputs]
            apart = np.concatenate([a.astype(float) - b for a, b in zip(outputs, int8, strict=True)])
            assert each.mse_int8 == pytest.approx(np.mean(apart**2))
            changed += each.mse_int8 > 0
            expected = np.mean([psnr_db(a, b) for a, b in zip(outputs, originals, strict=True)])
            assert each.psnr_db["original"] == pytest.approx(expected)
            loss = found.loss_db(each, "original")
            assert loss == pytest.approx(found.psnr_db["original"] - expected)
            compared += 1
    assert compared == 10
    assert changed >= 6  # a random network hardly hears its body
    by_name = {layer.name: layer.errors for layer in found.layers}
    assert by_name["conv_in"].keys() == {6, 4, 2}
    assert by_name["conv_in"][6] == 0


def test_widths_that_are_no_reduction_are_left_out(quantise, crops):
    quantised, _ = quantise(0, 4, weight_bits=4)
    found = measure_sensitivity(quantised, crops, range(2, 8), Silent())
    assert {tuple(each.weight_bits for each in layer.reduced) for layer in found.layers} == {(3, 2)}
    with pytest.raises(ConfigError, match="--bits: the widest weights have 4 bits already; try fewer"):
        measure_sensitivity(quantised, crops, [4, 5], Silent())


@pytest.mark.parametrize(("number", "kinds"), [("1", ["original"]), ("3", ["original", "target"])])
def test_crops_of_an_x2_stage_lie_in_the_middle_and_on_each_other(tmp_path, number, kinds):
    store = Store((303, 260), (SIDE, 300), (31, 20))  # a margin of 47 rows: half of hr's is no place of LR
    crops = load_crops(store, StageFolder(tmp_path / f"stage{number}"))
    assert [x.shape for x in crops.inputs] == [(SIDE, SIDE, 3), (SIDE, SIDE, 3), (31, 20, 3)]
    np.testing.assert_array_equal(crops.inputs[0], store.array(0, "lr")[23 : 23 + SIDE, 2 : 2 + SIDE])
    assert list(crops.references) == kinds
    for name, added in zip(
        kinds, (0, 2), strict=False
    ):  # the target of stage 3 is that of phase B of stage 2
        for x, reference in zip(crops.inputs, crops.references[name], strict=True):
            np.testing.assert_array_equal(reference, x.repeat(2, 0).repeat(2, 1) + np.uint8(added))


def test_crops_of_a_same_size_stage(tmp_path):
    crops = load_crops(Store((150, 140)), StageFolder(tmp_path / "stage2-same_w4a8"))
    assert list(crops.references) == ["target"]
    assert crops.inputs[0].shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(crops.references["target"][0], crops.inputs[0] + np.uint8(2))


def test_at_most_eight_photographs(tmp_path):
    assert len(load_crops(Store(*[(4, 4)] * 11), StageFolder(tmp_path / "stage1")).inputs) == 8


def test_what_was_measured_is_known_while_the_stage_is_the_same(tmp_path, quantise):
    stage, store = StageFolder(tmp_path / "stage2"), Store((20, 18))
    stage.root.mkdir()
    quantised, _ = quantise(0, 4)
    save_quantised(stage, quantised)
    assert known_sensitivity(stage, [4]) is None
    found = stage_sensitivity(stage, store, [4, 6], Silent())
    assert known_sensitivity(stage, [6, 4, 8]) == found
    assert known_sensitivity(stage, [4]) == found
    assert known_sensitivity(stage, [5]) is None  # was not tried
    document = json.loads((stage.root / "sensitivity.json").read_text())
    assert (document["schema"], document["schema_version"]) == ("hwrts.sensitivity", 1)
    assert (document["stage"], document["photographs"]) == ("2", ["photo0"])
    entry = document["layers"][0]["reduced"][1]
    assert (entry["weight_bits"], entry["saved_bits"]) == (4, 108 * 4)
    assert entry["loss_db"]["target"] == document["psnr_db"]["target"] - entry["psnr_db"]["target"]
    again, _ = quantise(0, 4, seed=1)
    save_quantised(stage, again)
    assert known_sensitivity(stage, [4]) is None  # it was of another network


def test_a_damaged_file_is_named(tmp_path, quantise):
    stage = StageFolder(tmp_path / "stage1")
    stage.root.mkdir()
    save_quantised(stage, quantise(0, 4)[0])
    stage_sensitivity(stage, Store((20, 18)), [4], Silent())
    path = stage.root / "sensitivity.json"
    document = json.loads(path.read_text())
    for broken in ({**document, "layers": [{}]}, {**document, "layers": 3}, {"qat_sha256": ""}, {}):
        path.write_text(json.dumps(broken))
        with pytest.raises(RunFolderError, match=r"sensitivity\.json: damaged, .*hwrts sensitivity"):
            known_sensitivity(stage, [4])


def test_the_plot_shows_the_layers_that_lose_most():
    points = tuple(Reduced(bits, 4.0**-bits, {}) for bits in (6, 4))
    layers = [LayerSensitivity(f"layer{i}", 9, 8, points) for i in range(9)]
    worse = tuple(replace(each, mse_int8=2 * each.mse_int8) for each in points)
    for i in range(1, 8):
        layers[i] = replace(layers[i], reduced=worse)
    plot = sensitivity_plot(Sensitivity(tuple(layers), {}))
    assert plot.title.endswith("the 7 of 9 layers that lose most")
    svg = standalone_svg(plot)
    assert all(f">layer{i}<" in svg for i in range(1, 8))
    assert ">layer0<" not in svg
    assert ">layer8<" not in svg
