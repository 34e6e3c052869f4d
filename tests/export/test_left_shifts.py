"""A left shift comes before the clipping: what is legal fits every witness' int32 registers (eq. 10b)."""

from collections.abc import Callable

import numpy as np
import pytest

from hwrts.export import to_onnx
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import (
    Add,
    Conv,
    Format,
    HwrtsError,
    Input,
    Network,
    PRelu,
    Rounding,
    Scale,
    Upsample,
    run_all,
)
from hwrts.fixed_point.operators import Layer

MAKERS: dict[str, Callable[[Format], Layer]] = {
    "conv": lambda out: Conv(
        "y",
        "x",
        np.array([[127, 127]], np.int8).reshape(1, 2, 1, 1),
        np.zeros(1, np.int32),
        np.full(1, 9, np.int32),
        out,
    ),
    "conv below": lambda out: Conv(
        "y",
        "x",
        np.array([[-127, -127], [1, 1]], np.int8).reshape(2, 2, 1, 1),
        np.zeros(2, np.int32),
        np.zeros(2, np.int32),
        out,
    ),
    "add": lambda out: Add("y", ("x", "x"), out),
    "scale": lambda out: Scale("y", "x", 127, 0, out),
    "prelu": lambda out: PRelu("y", "x", np.array([127, -127], np.int8), 0, out),
    "upsample": lambda out: Upsample("y", "x", "bilinear", 2, out),
}


def _shifted(kind: str, left: int, source: Format, out: Format, rounding: Rounding) -> Network:
    acc_frac = 4 if kind == "upsample" else 0  # of a source without fraction bits
    layer = MAKERS[kind](Format(out.signed, out.bits, acc_frac + left))
    return Network((Input("x", 2, source),), (layer,), rounding)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP])
def test_the_largest_legal_left_shift_is_exact_in_every_witness(kind, signed, rounding):
    """onnx.reference wrapped: a correct network FAILED, as with weights of 2^23 behind a dead signal."""
    source, out = Format(signed, 8, 0), Format(True, 8, 0)
    ends = np.array([source.min, source.max, 1, 0])
    codes = np.stack([ends, ends], axis=1).reshape(2, 2, 2).astype(source.dtype)
    legal = 0
    for left in range(1, 25):
        try:
            network = _shifted(kind, left, source, out, rounding)
        except HwrtsError as error:
            assert f"times 2^{left} can reach" in str(error)  # noqa: PT017 - what is legal is searched for
            break
        legal = left
        expected = run_all(network, codes, "int64")
        for witness in onnx_witnesses(network, to_onnx(network).SerializeToString()):
            np.testing.assert_array_equal(witness.entire(codes)["y"], expected["y"], f"{witness.name} {left}")
    assert 15 <= legal < 24
