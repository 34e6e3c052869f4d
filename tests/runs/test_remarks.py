"""What int8 is against float before anything is clipped, and when it is said in words."""

import numpy as np
import pytest
import torch

from hwrts.config import RunConfig
from hwrts.errors import DataError, RunFolderError
from hwrts.metrics import against_float
from hwrts.runs.documents import read_measures
from hwrts.runs.folder import write_json
from hwrts.runs.remarks import below_bicubic, faithfulness, is_faithful, purpose, remarks, trained_for
from hwrts.runs.settings import resolve_config

GREY = np.full((4, 4, 3), 100.0)


@pytest.mark.parametrize(
    ("float_codes", "int8_code", "db", "saturated"),
    [
        (GREY, 100, 99.0, 0),
        (GREY + 0.4, 100, 99.0, 0),  # any 8 bits round so
        (GREY, 101, 48.13, 0),
        (GREY * 0 + 255.4, 255, 99.0, 0),
        (GREY * 0 + 255.6, 255, 48.13, 100),
        (GREY * 0 - 0.6, 0, 48.13, 100),
        (GREY * 0 - 255, 0, 0.0, 100),  # both sides clipped: 99 dB
        (GREY * 255, 255, -39.91, 100),  # pixels are 0..255
    ],
)
def test_nothing_is_clipped_before_the_comparison(float_codes, int8_code, db, saturated):
    for dtype in (np.float32, np.float64):
        codes = float_codes.astype(dtype)
        found = against_float(codes, np.full((4, 4, 3), int8_code, np.uint8))
        assert found["fidelity_db"] == pytest.approx(db, abs=0.005)  # literals of two digits
        assert found["saturated_percent"] == saturated
        assert found["fidelity_largest_codes"] == abs(np.rint(codes) - int8_code).max()


def test_only_outputs_of_one_shape_are_compared():
    for codes in (GREY[:1], GREY[..., :1]):
        with pytest.raises(DataError, match="of one shape"):
            against_float(codes, np.zeros((4, 4, 3), np.uint8))
    for value in (np.nan, np.inf):
        with pytest.raises(DataError, match="NaN or infinite"):
            against_float(GREY + value, np.zeros((4, 4, 3), np.uint8))


def measures(db=50.0, saturated=0.0, lowest=0.0, highest=255.0):
    return {
        "fidelity_db": db,
        "saturated_percent": saturated,
        "float_lowest_codes": lowest,
        "float_highest_codes": highest,
    }


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (measures(), None),
        (measures(db=30.0, saturated=1.0), None),
        (measures(db=29.9), "too few bits"),
        (measures(saturated=1.1, highest=300), "a display clips the rest too"),
        (measures(6.5, 100, -281, -26), "from -281 to -26 codes"),
        (measures(-39.7, 99, 0, 65025), "probably 0..255"),
        (measures(-39.7, 99, -31000, 34000), "probably 0..255"),
        ({"psnr_int8_db": 30.0}, None),  # of a run before this was measured
    ],
)
def test_what_is_said(found, words):
    said = remarks(found)
    assert len(said) == (words is not None)
    assert words is None or words in said[0]


def test_ten_db_are_the_floor():
    assert is_faithful(measures(10.0))
    assert not is_faithful(measures(9.99))
    assert is_faithful({})
    assert faithfulness(measures(41.234, 0.126)) == (
        "int8 against float 41.23 dB, 0.13 % of the output saturates"
    )


@pytest.mark.parametrize(
    ("int8", "exact", "stage", "words"),
    [
        (31.21, 32.0, "1", None),
        (31.2, 32.0, "1", None),
        (31.19, 32.0, "1", "lost in quantisation"),
        (30.0, 30.5, "1", "too few steps"),
        (30.0, 30.5, "1-w4a8", "too few steps"),
        (30.0, 30.5, "3", "by design"),
        (30.0, 30.5, "10", "by design"),
        (30.0, None, "1", "30.00 dB, bicubic has 31.20"),
        (None, None, "1-same", None),
    ],
)
def test_int8_below_bicubic_is_said(int8, exact, stage, words):
    found = {"stage": stage, "psnr_bicubic_db": 31.2, "psnr_int8_db": int8, "psnr_float_db": exact}
    text = below_bicubic({name: value for name, value in found.items() if value is not None})
    assert (text is None) if words is None else text is not None and words in text


def test_what_a_run_is_for_is_said():
    usual, shipped = RunConfig(), resolve_config("upscale", {})
    assert purpose(usual) == (
        "enhancement (LR by the bilinear kernel, JPEG 80, noise and JPEG at half size); "
        "to up-scale: hwrts run upscale"
    )
    assert purpose(shipped) == "up-scaling of clean pictures (bicubic LR without JPEG)"
    assert (
        "its LR was made by the bilinear kernel, JPEG 80, noise and JPEG at half size; hwrts run upscale"
        in str(trained_for(usual, 1))
    )
    assert "half size and stage 3 is trained toward enhanced pictures" in str(trained_for(usual, 3))
    assert trained_for(shipped, 1) is None
    assert "upscale: stage 2 is trained toward" in str(trained_for(shipped, 2)).replace("up-scale", "upscale")
    idle = {"blur": (0, 0), "kernel": ("bicubic",), "lr_jpeg": 80, "lr_jpeg_times": 0, "versions": 2}
    same = RunConfig.model_validate({"degradation": shipped.degradation.model_dump() | idle})
    assert purpose(same) == purpose(shipped)
    assert trained_for(same, 1) is None
    blurred = RunConfig.model_validate({"degradation": {"jpeg": (60, 95), "kernel": "bicubic", "blur": 0.5}})
    assert "by the bicubic kernel, blur 0.5, JPEG 60 to 95, noise and JPEG at half size;" in str(
        trained_for(blurred, 1)
    )


def test_no_width_alone_falls_below_the_floor(quantise):
    """An int8 network of 2-bit weights and no fine-tuning is poor, and still its float network."""
    from hwrts.fixed_point import run
    from hwrts.graph import run_graph

    quantised, network = quantise(weight_bits=2, channels=8)
    y, x = np.mgrid[:48, :48]
    pixels = np.stack([120 + 80 * np.sin(x / 5), 100 + 60 * np.cos(y / 7), 90 + x], axis=-1).astype(np.uint8)
    with torch.no_grad():
        value = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 256
        exact = run_graph(quantised.unquantised(), value)[quantised.graph.output]
    found = against_float(exact[0].permute(1, 2, 0).numpy() * 256, run(network, pixels).astype(np.uint8))
    assert is_faithful(found)


@pytest.mark.parametrize(
    "name", ["fidelity_db", "saturated_percent", "float_lowest_codes", "float_highest_codes"]
)
def test_measures_of_which_one_is_missing(tmp_path, name):
    """A damaged file was a TypeError in the verdict's line."""
    found = against_float(GREY * 255, np.full((4, 4, 3), 255, np.uint8))
    path = tmp_path / "metrics.json"
    write_json(path, found)
    assert remarks(read_measures(path))
    write_json(path, {**found, name: None})
    with pytest.raises(RunFolderError, match=f"damaged, .*{name} is missing"):
        read_measures(path)
    write_json(path, {key: value for key, value in found.items() if not key.startswith("fid")})
    assert not remarks(read_measures(path))  # of an older version
