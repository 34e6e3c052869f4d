import types

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.quant import Int8WeightPerChannelFloat
from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPoint, Int8WeightPerTensorFixedPoint

from hwrts.fixed_point import PIXEL, Format, HwrtsError
from hwrts.graph.operators.conv_part import lower_conv
from hwrts.graph.operators.prelu import lower_prelu

OUT = Format(True, 8, 8)


def conv(weight_quant=Int8WeightPerChannelFixedPoint) -> qnn.QuantConv2d:
    made = qnn.QuantConv2d(1, 2, 1, weight_quant=weight_quant)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([0.75, -0.3]).reshape(2, 1, 1, 1))
        made.bias.copy_(torch.tensor([0.5, -0.25]))
    return made


def test_codes_by_hand():
    """0.75 fits a range of 1, LSB 2**-7: code 96. -0.3 fits 1/2, LSB 2**-8: code -76.8, so -77."""
    lowered = lower_conv(conv(), "c", "x", PIXEL, OUT)
    assert lowered.weight_i8.ravel().tolist() == [96, -77]
    assert lowered.weight_frac.tolist() == [7, 8]
    assert lowered.bias_i32.tolist() == [1 << 14, -(1 << 14)]  # 0.5 * 2**(8+7), -0.25 * 2**(8+8)
    assert (lowered.name, lowered.source, lowered.out, lowered.weight_bits) == ("c", "x", OUT, 8)
    assert (lowered.weight_i8.dtype, lowered.bias_i32.dtype, lowered.weight_frac.dtype) == (
        "int8",
        "int32",
        "int32",
    )


@pytest.mark.parametrize(("ticks", "code"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (0.51, 1)])
def test_biases_are_rounded_half_to_even(ticks, code):
    made = conv()
    with torch.no_grad():
        made.bias[0] = ticks * 2.0**-15
    assert lower_conv(made, "c", "x", PIXEL, OUT).bias_i32[0] == code


def test_one_scale_for_the_tensor_is_repeated():
    lowered = lower_conv(conv(Int8WeightPerTensorFixedPoint), "c", "x", PIXEL, OUT)
    assert lowered.weight_frac.tolist() == [7, 7]
    assert lowered.weight_i8.ravel().tolist() == [96, -38]


def test_scales_that_are_no_power_of_two_are_refused():
    with pytest.raises(HwrtsError, match="layer 'c': a weight scale is not a power of two"):
        lower_conv(conv(Int8WeightPerChannelFloat), "c", "x", PIXEL, OUT)


@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused(kind, value):
    made = conv()
    with torch.no_grad():
        getattr(made, kind).view(-1)[1] = value
    with pytest.raises(HwrtsError, match=f"layer 'c': a {kind} is not finite, the training diverged"):
        lower_conv(made, "c", "x", PIXEL, OUT)


@pytest.mark.parametrize(("bias", "fits"), [(65535.0, True), (65536.0, False), (-65536.0, False)])
def test_biases_beyond_int32_are_refused(bias, fits):
    made = conv()
    with torch.no_grad():
        made.bias[0] = bias  # on a grid of 2**-15 these are 2**31 - 2**15 and 2**31
    if fits:
        assert lower_conv(made, "c", "x", PIXEL, OUT).bias_i32[0] == 65535 << 15
    else:
        with pytest.raises(HwrtsError, match="layer 'c': a bias of 65536 is code 2147483648, beyond int32"):
            lower_conv(made, "c", "x", PIXEL, OUT)


def slopes(values, lsb) -> types.SimpleNamespace:
    """What lower_prelu reads of a module."""
    codes = torch.tensor(values)
    return types.SimpleNamespace(slope=codes * lsb, lsb=torch.tensor(lsb), codes=lambda: codes)


def test_slopes_by_hand():
    lowered = lower_prelu(slopes([-127.0, 0.0, 64.0], 2.0**-8), "p", "x", 3, OUT)
    assert (lowered.name, lowered.source, lowered.out, lowered.slope_frac) == ("p", "x", OUT, 8)
    assert (lowered.slope_i8.dtype, lowered.slope_i8.tolist()) == ("int8", [-127, 0, 64])
    shared = lower_prelu(slopes([5.0], 1.0), "p", "x", 4, OUT)
    assert (shared.slope_i8.tolist(), shared.slope_frac) == ([5] * 4, 0)
    with pytest.raises(HwrtsError, match="layer 'p': a slope is not finite, the training diverged"):
        lower_prelu(slopes([float("inf")], 1.0), "p", "x", 4, OUT)


def test_the_module_is_left_alone():
    made = conv()
    before = made.weight.detach().clone()
    lowered = lower_conv(made, "c", "x", PIXEL, OUT)
    with torch.no_grad():
        made.weight.zero_()
    assert np.count_nonzero(lowered.weight_i8) == 2
    assert before.abs().max() > 0
