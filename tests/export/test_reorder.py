"""Channels in another order in ONNX: bytes are gathered, in both flavours, with a control of its own."""

import numpy as np
import pytest

from hwrts.export import census, to_onnx, verify
from hwrts.fixed_point import PIXEL, Conv, Format, Input, Network, Reorder, Rounding

S8 = Format(True, 8, 8)


def shuffled(rounding=Rounding.HALF_EVEN):
    """Grouped by hand: two layers with a channel shuffle between them."""
    rng = np.random.default_rng(7)

    def conv(name, source, outputs, inputs, out):
        weight = rng.integers(-127, 128, (outputs, inputs, 3, 3)).astype(np.int8)
        zero = np.zeros(outputs, np.int32)
        return Conv(name, source, weight, zero + 9, zero + 100, out)

    layers = (
        Reorder("bgr", "x", np.array([2, 1, 0], np.int32)),
        conv("first", "bgr", 6, 3, S8),
        Reorder("shuffled", "first", np.array([0, 3, 1, 4, 2, 5], np.int32)),
        conv("second", "shuffled", 3, 6, PIXEL),
        Reorder("y", "second", np.array([2, 1, 0], np.int32)),
    )
    return Network((Input("x", 3, PIXEL),), layers, rounding)


def test_bytes_are_gathered():
    counts = census(to_onnx(shuffled()).SerializeToString())
    assert counts["Gather"] == 3
    assert not {"Conv", "DequantizeLinear", "QuantizeLinear"} & set(counts)


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.HALF_UP})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_it_is_verified_and_each_order_has_a_control(picture, rounding):
    network = shuffled(rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(13, 17)})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert verdict.mismatches == 0
