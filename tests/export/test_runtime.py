import json
import math
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from hwrts.export import census, open_session, runtime, to_onnx
from hwrts.export.cpu import cpu_flags, has_vnni
from hwrts.export.runtime import default_is_exact, float_islands
from hwrts.export.witness import from_stored, to_stored
from hwrts.fixed_point import PIXEL, cores, pair_can_saturate_int16, run

from . import saturating_pairs
from .saturating_pairs import INPUTS, mismatches, pairs


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


@pytest.mark.parametrize("codes", INPUTS.values(), ids=INPUTS)
def test_exact_sessions_do_not_saturate(codes):
    network = pairs(8)
    assert pair_can_saturate_int16(network.convs[0])
    assert mismatches(network, codes, exact=True) == 0


@pytest.mark.skipif(
    "avx2" not in _flags() or bool({"avx512_vnni", "avx_vnni", "avx512vnni"} & _flags()),
    reason="only an x86 CPU without VNNI saturates pairs of products",
)
def test_default_sessions_saturate_on_this_cpu():
    """Shows that the option does something, and that the input of the test above is harmful."""
    assert mismatches(pairs(8), INPUTS["half 255"], exact=False) > 0


@pytest.mark.skipif(
    shutil.which("qemu-x86_64") is None or platform.machine() != "x86_64",
    reason="no qemu-x86_64 (Debian's qemu-user) to emulate an x86 CPU without VNNI",
)
def test_sessions_on_an_emulated_processor_without_vnni():
    """What the option is for, on a Haswell: ONNX Runtime's own kernels, run on its instructions.

    The emulated process reads the list of features of the processor beneath, and believed that it had VNNI.
    """
    command = ["qemu-x86_64", "-cpu", "Haswell", sys.executable, str(Path(saturating_pairs.__file__))]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(done.stdout)
    assert not document["default_is_exact"]
    assert len(document["inputs"]) == len(INPUTS)
    for name, counts in document["inputs"].items():
        assert counts["default"] > counts["codes"] // 2, name  # wrong in most codes
        assert counts["exact"] == 0, name


def test_the_default_session_is_tried_before_it_is_believed():
    assert has_vnni(cpu_flags()) or not default_is_exact()
    if default_is_exact():
        assert all(mismatches(pairs(8), codes, exact=False) == 0 for codes in INPUTS.values())


@pytest.mark.parametrize("codes", INPUTS.values(), ids=INPUTS)
def test_seven_bit_weights_never_saturate(codes):
    network = pairs(7)
    assert not pair_can_saturate_int16(network.convs[0])
    assert mismatches(network, codes, exact=False) == 0
    assert mismatches(network, codes, exact=True) == 0


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("threads", [1, 2, None])
def test_threads_and_fusions_change_no_code(anchor, picture, fused, threads):
    network = anchor()
    pixels = picture(20, 31)
    session = open_session(to_onnx(network).SerializeToString(), fused=fused, threads=threads)
    (stored,) = session.run(None, {"x": to_stored(pixels, PIXEL)})
    np.testing.assert_array_equal(from_stored(stored, PIXEL), run(network, pixels, "int64"))


@pytest.mark.parametrize(("quota", "asked", "threads"), [(math.inf, None, 0), (1.0, None, 1), (1.0, 3, 3)])
def test_a_containers_limit_sets_the_threads(anchor, monkeypatch, quota, asked, threads):
    """0 leaves the number to ONNX Runtime, which counts the machine's cores."""
    monkeypatch.setattr(runtime, "cpu_quota", lambda: quota)
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
    session = open_session(to_onnx(anchor()).SerializeToString(), threads=asked)
    assert session.get_session_options().intra_op_num_threads == threads


def test_census_counts_the_optimised_graph(anchor):
    counts = census(to_onnx(anchor()).SerializeToString())
    assert list(counts) == sorted(counts)
    assert "QuantizeLinear" not in counts
    assert "DequantizeLinear" not in counts


@pytest.mark.parametrize(
    ("counts", "problems"),
    [
        ({"QLinearConv": 5, "QLinearAdd": 3}, []),
        ({"QLinearConv": 4, "QLinearAdd": 3, "Conv": 1}, ["QLinearConv: 4 of 5", "float Conv: 1"]),
        ({"QLinearConv": 5, "QLinearAdd": 2, "Add": 1}, ["QLinearAdd: 2 of 3", "float Add: 1"]),
        ({"QLinearConv": 5, "QLinearAdd": 3, "FusedConv": 2}, ["float FusedConv: 2"]),
        ({}, ["QLinearConv: 0 of 5", "QLinearAdd: 0 of 3"]),
    ],
)
def test_float_islands_are_named(anchor, counts, problems):
    assert float_islands(anchor(), counts) == problems


def test_the_census_of_a_file_with_names_that_are_no_text():
    """protobuf gives them as bytes: a damaged file was a TypeError."""
    node = SimpleNamespace(name=b"\xff", output=["y"], op_type="Conv")
    assert runtime._kind(cast(Any, node)) == "Conv"
