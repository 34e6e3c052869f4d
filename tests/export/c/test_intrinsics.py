"""The sums with intrinsics of x86: the definition's codes in each instruction set of this processor."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from hwrts.export.c import build, c_files
from hwrts.export.c.traced import TracedModel
from hwrts.export.cpu import cpu_flags
from hwrts.fixed_point import Format, Input, Network, Rounding, run_all

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
    rng, layers, source, inputs = np.random.default_rng(1), [], "x", 3
    for outputs, size, stride in ((116, 3, 1), (33, 1, 1), (9, 3, 2), (5, (1, 3), 1)):
        form = Format(bool(outputs % 2), 8, 6)
        layers.append(random_conv(rng, f"c{outputs}", source, outputs, inputs, size, form, 9, stride=stride))
        source, inputs = f"c{outputs}", outputs
    return Network((Input("x", 3, Format(False, 8, 8)),), tuple(layers), Rounding.HALF_UP)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("flags", [AVX2, (*AVX2, "-mavxvnni"), ("-march=native",)], ids=" ".join)
def test_intrinsics_of_x86_and_every_block_of_channels(compiler, flags, x86):
    """Of 3 to 116 channels, with kernels of 1x1 to 3x3, a stride, and one pixel."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    if {each.removeprefix("-m") for each in flags} & {"avxvnni"} and "avx_vnni" not in cpu_flags():
        pytest.skip("this processor has no AVX-VNNI")
    network = channels_of_all_blocks()
    model = TracedModel(network, compiler, (*SANITIZED[compiler], *flags, build.INTRINSICS))
    for size in ((1, 1), (5, 13)):
        inputs = random_inputs(network, *size, 3)
        found, expected = model.tensors(inputs), run_all(network, inputs, "int64")
        assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_weights_of_intrinsics_are_used_where_they_are_asked_for(x86, tmp_path):
    """Damaged, they change nothing but what asks for them."""
    network = channels_of_all_blocks()
    picture = random_inputs(network, 2, 4, 0)
    files = c_files(network)
    files["model_x86.h"] = re.sub(
        r"(t1_c116_blocks\[\d+\] = \{\s*-?\d+), -?\d+", r"\1, 99", files["model_x86.h"]
    )
    (tmp_path / "in0.raw").write_bytes(picture["x"].tobytes())
    made = []
    for flags in ((), (build.INTRINSICS,)):
        compiler, sources = build.find_compiler(), ("model.c", "trace.c")
        build.compile_c(files, sources, tmp_path / "trace", compiler, ("-O0", *AVX2, build.TRACED, *flags))
        subprocess.run([tmp_path / "trace", "4", "2", tmp_path], check=True)
        made.append((tmp_path / "t1.raw").read_bytes())
    expected = run_all(network, picture, "int64")["c116"].tobytes()
    assert made[0] == expected
    assert made[1] != expected
