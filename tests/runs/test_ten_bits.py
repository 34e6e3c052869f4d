"""A run with pictures of 10 bits: photographs of 8 and of 16, training, files, and pictures enhanced."""

import json

import numpy as np
import pytest
from PIL import Image

from hwrts.data import read_picture, write_picture
from hwrts.data.depth import on_grid
from hwrts.data.picture import Picture
from hwrts.data.store import open_store
from hwrts.errors import ConfigError, UnsupportedOperatorError
from hwrts.files.read import read_json
from hwrts.fixed_point import load_network, pixel_format
from hwrts.progress import Silent
from hwrts.runs.engines import make_engine
from hwrts.runs.folder import create_run
from hwrts.runs.session import open_session
from hwrts.runs.verify_inputs import load_verify_inputs
from hwrts.settings_file import parse_config

from ..cli.conftest import call
from .tiny import TINY, photographs, start


def deep_ramp(height=70, width=90):
    """16 bits, less than an 8-bit code from pixel to pixel."""
    plane = 9000 + np.add.outer(np.arange(height) * 11, np.arange(width) * 37)
    return np.repeat(plane[..., None], 3, axis=2).astype(np.uint16)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two photographs of 8 bits and one of 16."""
    root = tmp_path_factory.mktemp("ten")
    photos = photographs(root / "photos", count=3)
    rng = np.random.default_rng(5)
    write_picture(photos / "deep.png", Picture(rng.integers(0, 65536, (130, 140, 3)).astype(np.uint16)))
    rts = {**TINY["rts"], "stages": 1}
    return start(root / "run", photos, rts=rts, qat={**TINY["qat"], "pixel_bits": 10})


def test_both_forms_are_proved_with_10_bits_at_the_ends(made):
    for stage in (made.stage(1), made.stage("1-same")):
        verdict, network = read_json(stage.verify), load_network(stage.root)
        assert (verdict["passed"], verdict["mismatches"]) == (True, 0)
        assert {network.inputs[0].out, network.formats[network.output]} == {pixel_format(10)}
        assert verdict["census"]["Add of int32"] == 1
        assert verdict["census"]["QLinearConv"] == len(network.convs)
    measures = read_json(made.stage(1).metrics)
    assert measures["psnr_all_bits_int8_db"] > 20
    assert measures["psnr_all_bits_bicubic_db"] > 20


def test_photographs_of_8_bits_have_codes_between_where_they_are_scaled(made):
    stores = [open_store(made.root / "data" / part) for part in ("train", "val")]
    seen = set()
    for store in stores:
        assert store.bits == 10
        for i, name in enumerate(store.names):
            original, lr = store.whole(i, "hr"), store.whole(i, "lr")
            assert original.dtype == lr.dtype == np.uint16
            assert int(original.max()) <= 1023
            assert (original % 4 > 0).any() == (name == "deep")
            np.testing.assert_array_equal(store.array(i, "hr"), np.rint(original / 4).clip(0, 255))
            seen.add(name)
    lr = stores[1].whole(0, "lr")  # without noise and JPEG of its own
    assert (lr % 4 > 0).mean() > 0.5
    assert "deep" in seen
    targets = stores[0].whole(0, "target1")
    assert (targets % 4 > 0).mean() > 0.2


def test_what_is_verified_on_has_10_bits(made):
    (only,) = load_network(made.stage(1).root).inputs
    for picture in load_verify_inputs(made, (only,)).values():
        assert picture.dtype == np.uint16
        assert (picture % 4 > 0).any()


def test_engines_agree_and_bytes_go_through(made):
    stage = made.stage("1-same")
    codes = np.random.default_rng(3).integers(0, 1024, (31, 37, 3)).astype(np.uint16)
    engines = [make_engine(name, stage) for name in ("onnxruntime", "numpy")]
    first, second = (engine.enhance(codes) for engine in engines)
    assert first.dtype == np.uint16
    np.testing.assert_array_equal(first, second)
    assert engines[0].bits == 10
    small = np.random.default_rng(4).integers(0, 256, (31, 37, 3)).astype(np.uint8)
    whole = engines[0].enhance(on_grid(small, 10))
    np.testing.assert_array_equal(engines[0].enhance(small), np.rint(whole / 4).clip(0, 255))
    doubled = make_engine("onnxruntime", made.stage(1))
    assert doubled.upscale(codes).shape == (62, 74, 3)
    assert doubled.enhance(codes).dtype == np.uint16  # D(S(x)), rounded to 10 bits


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_files_go_through_with_all_their_bits(made, tmp_path, capfd, suffix):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    flat = np.full((20, 24, 3), 12345, np.uint16)
    write_picture(source, Picture(flat))
    words = ["enhance", source, "-o", target, "--run", made.root, "--json"]
    assert call(capfd, *words).code == 0
    np.testing.assert_array_equal(read_picture(target).samples, flat)  # flat areas are kept, all 16 bits
    ramp = deep_ramp()
    write_picture(source, Picture(ramp))
    assert json.loads(call(capfd, *words, "--force").out)[0]["kind"] == "RGB 16 bits"
    found = read_picture(target).samples.astype(int)
    x10 = on_grid(ramp, 10)
    y10 = make_engine("numpy", made.stage("1-same")).enhance(x10).astype(int)
    np.testing.assert_array_equal(found, np.clip(ramp + 64 * (y10 - x10), 0, 65535))
    small = tmp_path / "small.png"
    Image.fromarray((ramp >> 8).astype(np.uint8)).save(small)
    words = ["enhance", small, "-o", tmp_path / "b.png", "--run", made.root, "--json"]
    assert json.loads(call(capfd, *words).out)[0]["kind"] == "RGB 8 bits"


def test_a_network_that_reads_the_enlarged_picture_is_refused_before_it_is_trained(tmp_path, monkeypatch):
    """VDSR's body reads it; that was said behind the whole float training."""
    config = {**TINY, "network": {"name": "vdsr", "channels": 4}, "qat": {"pixel_bits": 10}}
    run = create_run(tmp_path / "run", parse_config(config, "test"), {}, force=False)
    monkeypatch.setattr("hwrts.runs.session.build_store", None)  # no photograph is read
    with pytest.raises(UnsupportedOperatorError, match=r"^'conv_in': reads the enlarged picture of 10 bits"):
        open_session(run, Silent())


def test_a_file_of_bytes_is_left_out_by_name(made, tmp_path, capfd):
    found = call(capfd, "export", made.root, "--stage", "1", "-o", tmp_path / "out")
    assert found.code == 0
    assert (
        "model.qdq.onnx is left out: --target onnx: tensor 'x' of 10 bits: this client's file holds at "
        "most 8; take model.int8.onnx, which is handed over without --target"
    ) in found.out
    assert (tmp_path / "out" / "model.int8.onnx").is_file()


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy", "native"])
def test_an_overshoot_is_refused_by_name(made, tmp_path, capfd, engine):
    picture = tmp_path / "in.png"
    Image.new("RGB", (40, 32)).save(picture)
    words = "enhance", picture, "-o", tmp_path / "out.png", "--run", made.root, "--engine", engine
    found = call(capfd, *words, "--overshoot", "8")
    assert (found.code, found.out) == (2, "")
    assert (
        "pixels have 10 bits, and the limits of an overshoot are tables of 8; leave the overshoot"
        in found.err
    )
    assert found.err.count("error") == 1
    assert call(capfd, *words, "--strength", "1.5", "--coring", "1").code == 0


def test_luma_has_8_bits():
    with pytest.raises(ConfigError, match="= 10 is not allowed: luma is made of 8 bits"):
        parse_config({"network": {"colour": "luma"}, "qat": {"pixel_bits": 10}}, "test")
