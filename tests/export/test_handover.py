"""What the manifest says of a network's edges."""

import json

import numpy as np
import pytest

from hwrts.export.handover import NAMES, hand_over
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    Format,
    Input,
    Network,
    Padding,
    Scale,
    pixel_format,
    save_network,
)

S8 = Format(True, 8, 7)
ZEROS = "pads of the convolutions: zeros, so the output has a frame as deep as its kernels reach"
EDGE = (
    "Pad of mode edge on uint8 in front of each convolution with 'replicate'; where a compiler refuses it, "
    "or moves it to the host, clamped addresses must give the same bytes"
)
REFLECTED = (
    "Pad of mode reflect on uint8 in front of each convolution with 'reflect'; where a compiler refuses it, "
    "or moves it to the host, mirrored addresses must give the same bytes"
)
VALID = {"pads": (0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([{}, {}], ZEROS),
        ([{"padding": Padding.REPLICATE}, {"padding": Padding.REPLICATE}], EDGE),
        ([{"padding": Padding.REFLECT}, {"padding": Padding.REFLECT}], REFLECTED),
        ([{"padding": Padding.REFLECT}, VALID], REFLECTED),
        ([{"padding": Padding.REFLECT}, {}], f"{ZEROS}; {REFLECTED}"),
        ([VALID, VALID], "none: no convolution reads beyond the picture"),
    ],
)
def test_each_padding_of_the_file_is_named(tmp_path, fields, said):
    layers, source = [], "x"
    for i, each in enumerate(fields):
        zero = np.zeros(1, np.int32)
        layers.append(Conv(f"c{i}", source, np.ones((1, 1, 3, 3), np.int8), zero + 7, zero, S8, **each))
        source = f"c{i}"
    stage, folder = tmp_path / "stage", tmp_path / "out"
    stage.mkdir()
    folder.mkdir()
    save_network(Network((Input("x", 1, S8),), tuple(layers)), stage)
    (stage / "model.int8.onnx").write_bytes(b"")  # is handed over as it is
    payloads = {name: (stage / name).read_bytes() for name in NAMES}
    manifest = hand_over(folder, stage, payloads, "UNVERIFIED", {})
    assert manifest["padding_in_the_file"] == said
    assert json.loads((folder / "manifest.json").read_text()) == manifest


def test_pixels_of_10_bits_are_said(tmp_path):
    stage, folder = tmp_path / "stage", tmp_path / "out"
    stage.mkdir()
    folder.mkdir()
    ten = pixel_format(10)
    layers = (Scale("a", "x", 1, 0, PIXEL), Add("y", ("x", "a"), ten))
    save_network(Network((Input("x", 3, ten),), layers), stage)
    (stage / "model.int8.onnx").write_bytes(b"")
    payloads = {name: (stage / name).read_bytes() for name in NAMES}
    manifest = hand_over(folder, stage, payloads, "UNVERIFIED", {})
    end = "uint16 NCHW, 3 channel(s), u10 lsb 2^-10"
    assert manifest["pixel_layout"] == f"input x: {end}; output y: {end}"
