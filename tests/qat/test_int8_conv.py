"""Convolutions in bytes: sums and gradients of float32 bit for bit, and float32 wherever they are none."""

import pytest
import torch
import torch.nn.functional as F

from hwrts.fixed_point import PIXEL, Format
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat import int8_conv
from hwrts.qat.calibrate import calibrate
from hwrts.qat.fused import Fused, _laid
from hwrts.qat.int8_conv import convolved
from hwrts.qat.network import QuantNetwork


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    """However few the numbers are; and what was found of this machine is asked again."""
    monkeypatch.setattr(int8_conv, "_NUMBERS", 1)
    monkeypatch.setattr(int8_conv, "_CHANNELS", 1)
    int8_conv._is_exact_here.cache_clear()
    yield
    int8_conv._is_exact_here.cache_clear()


@pytest.fixture
def in_bytes(monkeypatch):
    """How many convolutions were computed in bytes."""
    if not int8_conv._is_exact_here():
        pytest.skip("this processor or torch has no exact convolution of bytes")
    seen: list[int] = []
    own = int8_conv._in_bytes

    def counted(*arguments):
        seen.append(1)
        return own(*arguments)

    monkeypatch.setattr(int8_conv, "_in_bytes", counted)
    return seen


def test_bytes_are_the_codes():
    for source in (PIXEL, Format(False, 8, -3), Format(False, 8, 20), Format(False, 2, 1)):
        codes = torch.arange(source.max + 1).reshape(1, -1, 1, 1)
        found = int8_conv._bytes(_laid(codes * 2.0**-source.frac), source)
        assert found.dtype is torch.uint8
        assert torch.equal(found, codes)


def case(inputs, outputs, size=3, source=PIXEL, groups=1, draw="ends", **settings):
    """A convolution, and numbers on their grids: codes at their ends, of which sums are largest, or any."""
    torch.manual_seed(inputs + outputs)
    conv = torch.nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, **settings)
    x = torch.randint(source.min, source.max + 1, (2, inputs, 10, 11))
    codes = torch.randint(-127, 128, tuple(conv.weight.shape)).float()
    if draw == "ends":
        x[0] = source.max
        codes = codes.sign() * 127
        codes[0] = 127
    lsb = 2.0 ** -torch.arange(7.0, 7.0 + outputs).remainder(6)
    x = _laid(x * 2.0**-source.frac)
    bias = torch.randint(-9999, 10000, (outputs,)) * lsb * 2.0**-source.frac
    return conv, [x, codes * lsb.reshape(-1, 1, 1, 1), bias], codes, lsb


def both(drawn, source=PIXEL):
    """Values and gradients of a convolution and of torch's in float32."""
    (conv, numbers, codes, lsb), made = drawn, []
    for exact in (True, False):
        given = [each.clone().requires_grad_() for each in numbers]
        x, weight, bias = given
        if exact:
            y = F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
            gradient = torch.randn_like(y)
        else:
            y = convolved(x, weight, bias, codes, lsb, source, conv)
        y.backward(gradient)
        made.append([y.detach(), *(each.grad for each in given)])
    return made


@pytest.mark.parametrize("draw", ["ends", "any"])
@pytest.mark.parametrize(
    "settings",
    [
        {"inputs": 3, "outputs": 32},
        {"inputs": 32, "outputs": 3},
        {"inputs": 56, "outputs": 64},  # 56 * 9 * 255 * 127 = 0.97 * 2^24
        {"inputs": 1, "outputs": 1},
        {"inputs": 5, "outputs": 7, "size": 1},
        {"inputs": 16, "outputs": 12, "size": 5},
        {"inputs": 8, "outputs": 8, "stride": 2},
        {"inputs": 8, "outputs": 8, "dilation": 2},
        {"inputs": 8, "outputs": 8, "source": Format(False, 8, -3)},
        {"inputs": 8, "outputs": 8, "source": Format(False, 4, 6)},
    ],
)
def test_values_and_gradients_are_those_of_float32(settings, draw, in_bytes):
    made = both(case(**settings, draw=draw), settings.get("source", PIXEL))
    assert in_bytes
    for expected, found in zip(*made, strict=True):
        assert torch.equal(expected, found)
        assert expected.stride() == found.stride()


@pytest.mark.parametrize(
    "settings",
    [
        {"inputs": 8, "outputs": 8, "source": Format(True, 8, 7)},
        {"inputs": 8, "outputs": 8, "source": Format(False, 10, 8), "size": 1},
        {"inputs": 8, "outputs": 8, "groups": 4},
    ],
)
def test_what_is_no_byte_or_in_groups_stays_float32(settings, in_bytes):
    made = both(case(**settings), settings.get("source", PIXEL))
    assert not in_bytes
    for expected, found in zip(*made, strict=True):
        assert torch.equal(expected, found)


def test_planes_one_behind_the_other_stay_float32(in_bytes):
    conv, numbers, codes, lsb = case(8, 8)
    numbers[0] = numbers[0].contiguous()
    expected, found = both((conv, numbers, codes, lsb))
    assert not in_bytes
    assert torch.equal(expected[0], found[0])


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_trial_changes_no_later_draw_and_knows_no_defaults(kind, in_bytes):
    """It is made once a process: a second training with the same seed would draw other numbers."""
    int8_conv._is_exact_here.cache_clear()
    before = torch.get_rng_state()
    torch.set_default_dtype(kind)
    try:
        assert int8_conv._is_exact_here()
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), before)


def _halved(x, codes, lsb, *others):
    """As processors without the instruction do: 16 bits for two products, so that they halve the weights."""
    return _OWN(x, (codes / 2).round(), lsb * 2, *others)


def _missing(*_):
    raise AttributeError("no such operator")


_OWN = int8_conv._in_bytes


@pytest.mark.parametrize("other", [_halved, _missing])
def test_a_machine_on_which_it_is_other_or_missing(other, monkeypatch):
    monkeypatch.setattr(int8_conv, "_in_bytes", other)
    assert not int8_conv._is_exact_here()
    expected, found = both(case(32, 8))
    assert torch.equal(expected[0], found[0])


def test_processors_that_nobody_measured_stay_float32(in_bytes, monkeypatch):
    int8_conv._is_exact_here.cache_clear()
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    both(case(32, 8))
    assert not in_bytes


def test_the_steps_of_a_network_take_it(in_bytes):
    """All but the one that reads the image residual, which has a sign."""
    torch.manual_seed(0)
    graph = deploy_form(trace(Residual(1, 8).eval()))
    formats = calibrate(graph, [torch.rand(2, 3, 16, 16)])
    assert formats["conv_out"].signed
    fused = Fused(QuantNetwork(graph, formats).train())
    fused(torch.rand(1, 3, 16, 16)).sum().backward()
    assert len(in_bytes) == 4
