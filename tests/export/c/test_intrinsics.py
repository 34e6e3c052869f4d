"""The sums with intrinsics of x86: the definition's codes in each instruction set of this processor."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export.c import build, c_files
from hwrts.export.c.tiles import has_tiles, tile_weights
from hwrts.export.c.traced import TracedModel
from hwrts.export.cpu import cpu_flags
from hwrts.fixed_point import Conv, Format, Input, Network, Padding, Rounding, run_all

from ...fixed_point.random_networks import random_inputs
from ..rtl.build import random_conv

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, build.COMPILERS)), reason="no compiler of C is installed (cc, gcc, clang)"
)
AVX2 = ("-mavx2",)
SANITIZED = {
    "gcc": ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover"),
    "clang": ("-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined"),
}


@pytest.fixture
def x86():
    if "avx2" not in cpu_flags():
        pytest.skip("this processor has no AVX2")


def channels_of_all_blocks():
    """Of 3 to 100 channels, kernels of 1x1 to 3x3, a stride; two layers that AVX2 computes in tiles."""
    rng, layers, source, inputs = np.random.default_rng(1), [], "x", 3
    for outputs, size, more in (
        (100, 3, {}),
        (33, 1, {"pads": (0, 0, 0, 0)}),
        (20, 3, {"padding": Padding.REPLICATE}),
        (9, 3, {"stride": 2}),
        (5, (1, 3), {"pads": (0, 2, 0, 0)}),
    ):
        form = Format(bool(outputs % 2), 8, 6)
        layers.append(random_conv(rng, f"c{outputs}", source, outputs, inputs, size, form, 9, **more))
        source, inputs = f"c{outputs}", outputs
    return Network((Input("x", 3, Format(False, 8, 8)),), tuple(layers), Rounding.HALF_UP)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("flags", [AVX2, (*AVX2, "-mavxvnni"), ("-march=native",)], ids=" ".join)
@pytest.mark.in_turns
def test_intrinsics_of_x86_and_every_block_of_channels(compiler, flags, x86):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    if {each.removeprefix("-m") for each in flags} & {"avxvnni"} and "avx_vnni" not in cpu_flags():
        pytest.skip("this processor has no AVX-VNNI")
    network = channels_of_all_blocks()
    model = TracedModel(network, compiler, (*SANITIZED[compiler], *flags, build.INTRINSICS))
    for size in ((1, 1), (5, 13), (2, 103)):
        inputs = random_inputs(network, *size, 3)
        found, expected = model.tensors(inputs), run_all(network, inputs, "int64")
        assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_weights_of_intrinsics_are_used_where_they_are_asked_for(x86, tmp_path):
    """Damaged, they change nothing but what asks for them."""
    network = channels_of_all_blocks()
    picture = random_inputs(network, 2, 4, 0)
    files = c_files(network)
    files["model_x86.h"] = re.sub(
        r"(t1_c100_blocks\[\d+\] = \{\s*-?\d+), -?\d+", r"\1, 99", files["model_x86.h"]
    )
    (tmp_path / "in0.raw").write_bytes(picture["x"].tobytes())
    made = []
    for flags in ((), (build.INTRINSICS,)):
        compiler, sources = build.find_compiler(), ("model.c", "trace.c")
        build.compile_c(files, sources, tmp_path / "trace", compiler, ("-O0", *AVX2, build.TRACED, *flags))
        subprocess.run([tmp_path / "trace", "4", "2", tmp_path], check=True)
        made.append((tmp_path / "t1.raw").read_bytes())
    expected = run_all(network, picture, "int64")["c100"].tobytes()
    assert made[0] == expected
    assert made[1] != expected


def test_tiles_make_four_sums_of_six_products():
    """By the equations that model_x86.h has too: pixels 1, 2, 4 ... and weights 3, -5, 7."""
    weight = np.array([[[[3, -5, 7]]]], np.int8)
    points = tile_weights(weight).ravel()
    assert points.tolist() == [3, 5, 15, 3 - 10 + 28, 3 + 10 + 28, 7]
    d = np.array([1, 2, 4, 8, 16, 32])
    pixels = np.array(
        [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
         [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
    )  # fmt: skip
    sums = np.array([[6, -4, -4, 1, 1, 0], [0, -4, 4, 2, -2, 0], [0, -4, -4, 4, 4, 0], [0, -4, 4, 8, -8, 24]])
    expected = [3 * d[i] - 5 * d[i + 1] + 7 * d[i + 2] for i in range(4)]
    assert (sums @ ((pixels @ d) * points)).tolist() == [24 * each for each in expected]


def test_the_largest_sums_of_tiles(x86):
    """A sum whose 24 just fit in 32 bits, of codes at both ends; one more row of it has no tiles."""
    form, zero = Format(False, 8, 8), np.zeros(2, np.int32)
    signs = np.array([1, -1]).reshape(2, 1, 1, 1)
    weight = np.broadcast_to(127 * signs, (2, 306, 3, 3)).astype(np.int8)
    conv = Conv("c", "x", weight, zero, zero, Format(True, 8, -12))
    largest = 306 * 9 * 127 * 255
    assert 0 < (1 << 31) - 24 * largest < 24 * 9 * 127 * 255  # less than one channel more
    assert has_tiles(conv, largest)
    assert not has_tiles(conv, largest * 13 // 12)
    network = Network((Input("x", 306, form),), (conv,))
    inputs = {"x": np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (3, 9, 306))}
    inputs["x"][:, :5] = 255
    found = TracedModel(network, None, ("-O1", *AVX2, build.INTRINSICS)).tensors(inputs)
    assert np.array_equal(found["c"], run_all(network, inputs, "int64")["c"])


def test_tiles_are_for_plain_rows_of_three_taps():
    plain = random_conv(np.random.default_rng(0), "c", "x", 4, 8, 3, Format(True, 8, 6))
    assert has_tiles(plain, 1000)
    for fields in ({"stride": 2}, {"dilation": 2}, {"padding": Padding.REFLECT}):
        assert not has_tiles(replace(plain, **fields), 1000)
    assert not has_tiles(replace(plain, weight_i8=plain.weight_i8[:, :7]), 1000)
    assert not has_tiles(replace(plain, weight_i8=plain.weight_i8[..., :1], pads=(1, 0, 1, 0)), 1000)
