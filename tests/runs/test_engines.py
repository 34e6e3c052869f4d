import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hwrts.data import tiles, to_codes, upscale_by_2
from hwrts.errors import HwrtsError, RunFolderError
from hwrts.export import to_onnx
from hwrts.export.c.build import COMPILERS
from hwrts.fixed_point import Adjusted, adjusted, load_network, run
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import note_graph
from hwrts.graph.trace import trace
from hwrts.networks import VDSR
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.runs.engines import ENGINES, make_engine, onnx_engine
from hwrts.runs.folder import StageFolder, write_json
from hwrts.runs.proof import file_hashes
from hwrts.runs.quantise import export_stage, load_quantised, save_quantised
from hwrts.training.checkpoint import load_weights, save_weights
from hwrts.training.rts import float_upscaler


@pytest.fixture
def stage(quantise, tmp_path) -> StageFolder:
    return finished(tmp_path, quantise(1, 4)[0])


@pytest.fixture
def stage_of_luma(tmp_path) -> StageFolder:
    """A network of one channel, whose last layer adds something to bicubic up-sampling."""
    model = VDSR(1, 4, planes=1).eval()
    torch.nn.init.normal_(model.conv_out.weight, std=0.1)
    graph = deploy_form(trace(model))
    return finished(tmp_path, QuantNetwork(graph, calibrate(graph, [torch.rand(1, 1, 16, 16)])).eval())


def finished(root: Path, quantised: QuantNetwork) -> StageFolder:
    made = StageFolder(root)
    save_quantised(made, quantised)
    export_stage(made, quantised, "test")
    write_json(made.verify, {"passed": True, "compared": 1, "mismatches": 0, "sha256": file_hashes(made)})
    return made


@pytest.mark.parametrize("kind", ["stage", "stage_of_luma"])
def test_all_engines_return_the_same_bytes(kind, request, picture, monkeypatch):
    monkeypatch.setenv("HWRTS_CACHE", str(request.getfixturevalue("tmp_path") / "cache"))
    stage = request.getfixturevalue(kind)

    def torch_upscaler():
        module = load_quantised(stage).eval()
        return float_upscaler(module, module, "cpu")

    pixels = picture(15, 22)
    results = {}
    compiler = any(map(shutil.which, COMPILERS))
    names = {name for name in ENGINES if name != "native" or compiler}
    for name in names:
        network = make_engine(name, stage, torch_upscaler)
        results[name] = (network.upscale(pixels), network.enhance(pixels))
    assert set(results) >= {"onnxruntime", "numpy", "torch"}
    for name, (x2, same_size) in results.items():
        assert (x2.shape, x2.dtype, same_size.shape) == ((30, 44, 3), np.uint8, (15, 22, 3))
        np.testing.assert_array_equal(x2, results["numpy"][0], err_msg=name)
        np.testing.assert_array_equal(same_size, results["numpy"][1], err_msg=name)
    bicubic = to_codes(upscale_by_2(pixels))
    assert (results["numpy"][0] != bicubic).any()
    if kind == "stage_of_luma":  # all colours are changed alike, but for rounding and clipping
        added = results["numpy"][0].astype(int) - bicubic
        unclipped = [(each > 0) & (each < 255) for each in (bicubic, results["numpy"][0])]
        inside = (unclipped[0] & unclipped[1]).all(2)
        inside[:4] = inside[-4:] = inside[:, :4] = inside[:, -4:] = False  # Pillow's border is another
        assert np.abs(added[inside]).max() > 5
        assert np.ptp(added[inside], axis=1).max() <= 2


def test_all_engines_adjust_alike(stage, picture, monkeypatch, tmp_path):
    """In tiles too: the limits' neighbourhood is within the halo."""
    monkeypatch.setenv("HWRTS_CACHE", str(tmp_path / "cache"))
    pixels, how = picture(31, 44), Adjusted(strength=27, coring=1, overshoot=6)
    expected = run(adjusted(load_network(stage.root), how), pixels, "int64")
    monkeypatch.setattr("hwrts.data.tiles.TILE", 16)
    monkeypatch.setattr("hwrts.data.tiles.WIDEST", 1)
    names = {"onnxruntime", "numpy"} | ({"native"} if any(map(shutil.which, COMPILERS)) else set())
    for name in names:
        network = make_engine(name, stage, how=how)  # type: ignore[arg-type]
        np.testing.assert_array_equal(network.upscale(pixels), expected, err_msg=name)
    with pytest.raises(HwrtsError, match="engine torch: computes the network as it was trained"):
        make_engine("torch", stage, never, how)


def test_tiles_of_narrow_networks_are_larger_where_codes_are_bytes(
    stage, stage_of_luma, picture, monkeypatch
):
    """As large as 64 channels of bytes are: a frame of few channels goes through in fewer pieces."""
    network = load_network(stage_of_luma.root)
    found = make_engine("onnxruntime", stage_of_luma)
    most = 4 * 4  # four channels at twice the size; and one of floats, which the down-scaler takes
    assert max(network.channels.values()) == 4
    assert found.wider == 2 == tiles.wider_by(most)
    assert tiles.wider_by(most - 1) == 2 > tiles.wider_by(most + 1)
    assert make_engine("numpy", stage_of_luma).wider == 1  # which computes in numbers of 4 and 8 bytes
    monkeypatch.setattr(tiles, "TILE", 8)
    seen = []
    pixels = picture(5 * 8 * 2, 9)[:, :, :1]

    def codes(tile):
        seen.append(tile.shape)
        return found.codes(tile)

    watched = replace(found, codes=codes)
    np.testing.assert_array_equal(watched.upscale_seen(pixels), run(network, pixels, "int64"))
    assert len(seen) == 5


def test_torch_is_not_asked_for_by_the_others(stage):
    for name in ("numpy", "onnxruntime"):
        make_engine(name, stage, lambda: pytest.fail("made a torch upscaler"))


def never():
    pytest.fail("made a torch upscaler")


def test_unknown_engines_and_missing_files_are_refused(stage):
    with pytest.raises(HwrtsError, match="engine 'tpu' is unknown; use onnxruntime, numpy, native, torch"):
        make_engine("tpu", stage, never)  # type: ignore[arg-type]
    stage.onnx.unlink()
    with pytest.raises(RunFolderError, match=r"model\.int8\.onnx: not used, it is UNVERIFIED .*restore"):
        make_engine("onnxruntime", stage, never)
    (stage.root / "network.npz").write_bytes(b"no")
    with pytest.raises(HwrtsError, match="network"):
        make_engine("numpy", stage, never)


def test_quantised_module_comes_back_with_its_formats(stage, quantise, picture):
    quantised, network = quantise(1, 4, weight_bits=5, activation_bits=6)
    save_quantised(stage, quantised)
    again = load_quantised(stage)
    assert (again.formats, again.weight_bits) == (quantised.formats, 5)
    for ours, theirs in zip(network.convs, again.eval().lower().convs, strict=True):
        np.testing.assert_array_equal(ours.weight_i8, theirs.weight_i8)
        np.testing.assert_array_equal(ours.bias_i32, theirs.bias_i32)


def test_a_note_that_does_not_belong_to_its_tensors_is_refused(stage, quantise):
    quantised, other = load_quantised(stage), quantise(2, 4)[0]
    broken: list[dict[str, Any]] = [
        {},
        {"graph": note_graph(other.graph)},
        {"graph": [{"op": "Softmax"}]},
        {"rounding": "up"},
    ]
    for changes in broken:
        save_quantised(stage, quantised)
        notes = {**load_weights(stage.qat_weights)[1], **changes} if changes else {}
        save_weights(stage.qat_weights, quantised, notes)
        with pytest.raises(RunFolderError, match=r"qat\.safetensors: (damaged|is of another network)"):
            load_quantised(stage)


@pytest.mark.parametrize("kind", ["no ONNX", "cut", "another network", "an operator that there is not"])
def test_onnx_bytes_that_a_runtime_refuses_are_one_line(stage, quantise, picture, kind):
    model, network = stage.onnx.read_bytes(), load_network(stage.root)
    other = to_onnx(quantise(0, 4)[1].single("conv_in"))
    damaged = {
        "no ONNX": b"no ONNX",
        "cut": model[: len(model) // 2],
        "another network": other.SerializeToString(),
        "an operator that there is not": model.replace(b"QuantizeLinear", b"QuantizeLinfar"),
    }[kind]
    with pytest.raises(HwrtsError, match=r"^ONNX file: .*export or quantize the stage again$"):
        onnx_engine(damaged, network).codes(picture(6, 7))
