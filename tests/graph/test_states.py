"""States that a forward makes itself, and layers in their functional form: read, verified, refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Add, BatchNorm, Clip, Concat, Conv, Multiply, Slice
from hwrts.graph.trace import trace, trace_with_clip
from hwrts.runs.own_check import check_own_module

from .test_operators import quantise, train, verified
from .test_trace import conv, module, output_of

C = 8


def state(self, x: Tensor, h: Tensor | None = None) -> Tensor:
    """A recurrent cell on its first frame."""
    if h is None:
        h = x.new_zeros(x.shape[0], C, x.shape[2], x.shape[3])
    return self.b(F.relu(self.a(torch.cat([x, h], 1))))


def unrolled(self, x: Tensor) -> Tensor:
    """Feedback, as SRFBN has it."""
    h = torch.zeros(x.shape[0], C, x.size(2), x.size(3), device=x.device)
    for _ in range(3):
        h = torch.relu(self.a(torch.cat([x, h], 1)) + h)
    return self.b(h)


def cell(self, x: Tensor) -> Tensor:
    """A convolutional LSTM, two steps."""
    h = c = x.new_zeros((len(x), C, *x.shape[2:]))
    for _ in range(2):
        i, f, o, g = self.a(torch.cat((x, h), dim=1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return self.b(h)


def apart(self, x: Tensor) -> Tensor:
    """A convolution of the state alone, of which the bias is left."""
    h = torch.zeros_like(x).repeat(1, 2, 1, 1)
    return self.b(F.relu(self.c(h) + self.d(x)))


def levels(self, x: Tensor) -> Tensor:
    """A map of noise, and what is left of sums and products with such tensors."""
    noise = torch.full_like(x[:, :1], 0.25)
    ones, zeros = torch.ones_like(x), torch.zeros_like(x)
    y = torch.cat([x * ones + zeros - zeros, noise, noise * 2], 1)
    return self.e(F.prelu(y, self.e.bias[:1] * 0 + 0.5)) + x.sub(noise) + (ones - x)


MADE = {
    "state": lambda: module(state, a=conv(3 + C, C), b=conv(C, 3)),
    "unrolled": lambda: module(unrolled, a=conv(3 + C, C), b=conv(C, 3)),
    "cell": lambda: module(cell, a=conv(3 + C, 4 * C), b=conv(C, 3)),
    "apart": lambda: module(apart, c=conv(6, C), d=conv(3, C), b=conv(C, 3)),
    "levels": lambda: module(levels, e=conv(5, 3)),
}


@pytest.mark.parametrize("name", MADE)
def test_what_a_forward_makes_is_read(name):
    torch.manual_seed(0)
    own = MADE[name]().eval()
    x = torch.rand(2, 3, 12, 20)
    torch.testing.assert_close(output_of(trace(own), x), own(x), rtol=1e-5, atol=1e-6)
    check_own_module(own)


def test_zeros_cost_nothing():
    """A convolution is less the channels that are always 0; its other weights stay its own."""
    own = MADE["state"]().eval()
    graph = trace(own)
    assert [type(node) for node in graph.operations[:1]] == [Conv]
    assert not graph.of(Concat) + graph.of(Slice)
    assert torch.equal(graph.of(Conv)[0].weight, own.a.weight[:, :3])
    graph = trace(MADE["unrolled"]())
    assert [node.weight.shape[1] for node in graph.of(Conv)] == [3, 3 + C, 3 + C, C]
    assert (len(graph.of(Add)), len(graph.of(Concat))) == (2, 2)
    assert len(trace(MADE["cell"]()).of(Multiply)) == 2 + 3


LIMITS = {
    "minimum": (lambda h: torch.minimum(h, torch.full_like(h, 0.125)), (None, 0.125)),
    "maximum from behind": (lambda h: torch.maximum(torch.full_like(h, -0.25), h), (-0.25, None)),
    "max with a number": (lambda h: h.max(torch.tensor(0.5)), (0.5, None)),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_larger_of_a_tensor_and_one_number_is_a_limit(name):
    middle, limits = LIMITS[name]
    own = module(lambda s, x: s.b(middle(s.a(x))), a=conv(3, C), b=conv(C, 3)).eval()
    graph = trace(own)
    assert [(each.low, each.high) for each in graph.of(Clip)] == [limits]
    assert not graph.of(Add)
    x = torch.rand(2, 3, 12, 20)
    torch.testing.assert_close(output_of(graph, x), own(x), rtol=1e-5, atol=1e-6)


def test_a_quotient_with_one_number_everywhere():
    def forward(s, x):
        h = s.a(x) / torch.full_like(s.a(x), 4)
        return s.b(torch.ones_like(h) / (h * h + torch.ones_like(h)))

    own = module(forward, a=conv(3, C), b=conv(C, 3)).eval()
    x = torch.rand(2, 3, 12, 20)
    torch.testing.assert_close(output_of(trace(own), x), own(x), rtol=1e-5, atol=1e-6)
    check_own_module(own)


def test_zeros_that_something_else_reads_stay():
    own = module(lambda s, x: s.a(torch.sigmoid(torch.cat([x, torch.zeros_like(x)], 1))), a=conv(6, 3)).eval()
    x = torch.rand(1, 3, 12, 20)
    torch.testing.assert_close(output_of(trace(own), x), own(x))
    check_own_module(own)


def test_a_constant_that_differs_from_pixel_to_pixel_says_what_to_do():
    own = module(
        lambda s, x: s.a(torch.cat([x, torch.linspace(0, 1, x.shape[3]).expand(1, 1, *x.shape[2:])], 1)),
        a=conv(4, 3),
    )
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(own)
    text = str(caught.value)
    assert "takes a constant of shape (1, 1, 48, 96); a tensor of the picture is needed" in text
    assert "give it by inputs()" in text
    assert "'constant'" not in text


class Selfless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(3 + C, C), conv(C, 3)

    def forward(s, x, h=None):  # noqa: N805
        return state(s, x, h)


def test_the_module_may_be_called_otherwise_than_self():
    own = Selfless().eval()
    x, h = torch.rand(1, 3, 12, 20), torch.rand(1, C, 12, 20)
    traced = trace_with_clip(own, (x, h))
    assert [traced.arguments[each.name] for each in traced.graph.inputs] == ["x", "h"]
    assert len(trace_with_clip(own, (x,)).graph.inputs) == 1


def normed(s, x):
    n = s.n
    return s.b(F.relu(F.batch_norm(s.a(x), n.running_mean, n.running_var, n.weight, n.bias, eps=1e-3)))


def plainly_normed(s, x):
    return s.b(F.batch_norm(F.relu(s.a(x)), s.n.running_mean, s.n.running_var))


def glu(s, x):
    return s.c(F.glu(torch.cat([s.a(x), x, x[:, :1]], 1), dim=1))


LAYERS = {
    "batch_norm": lambda: module(normed, a=conv(3, C), b=conv(C, 3), n=statistics()),
    "batch_norm of no weights": lambda: module(plainly_normed, a=conv(3, C), b=conv(C, 3), n=statistics()),
    "glu": lambda: module(glu, a=conv(3, C), c=conv(6, 3)),
    "GLU": lambda: nn.Sequential(conv(3, 2 * C), nn.GLU(1), conv(C, 3)),
    "GLU from behind": lambda: nn.Sequential(conv(3, 2 * C), nn.GLU(-3), conv(C, 3)),
}


def statistics() -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(C)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias)
    norm.running_mean, norm.running_var = torch.randn(C), torch.rand(C) + 0.5
    return norm


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_their_functional_form(name):
    torch.manual_seed(0)
    own = LAYERS[name]().eval()
    x = torch.rand(1, 3, 12, 20)
    graph = trace(own)
    torch.testing.assert_close(output_of(graph, x), own(x), rtol=1e-5, atol=1e-6)
    assert not graph.of(BatchNorm)
    check_own_module(own)


STANDS = {
    "statistics of the picture": (
        lambda s, h: F.batch_norm(h, None, None, training=True),
        "statistics of some pixels",
    ),
    "glu along columns": (lambda s, h: F.glu(h), "write glu(x, 1)"),
    "largest of all": (lambda s, h: h * h.max(), "AdaptiveMaxPool2d(1)"),
    "smallest": (lambda s, h: h * h.min(2, keepdim=True)[0], "-(-x).amax(..)"),
    "round": (lambda s, h: torch.round(h), "rounded as --rounding says"),
    "floor": (lambda s, h: h.floor(), "rounded as --rounding says"),
    "ceil": (lambda s, h: h.ceil(), "rounded as --rounding says"),
    "stride of rows alone": (lambda s, h: F.conv2d(h, s.b.weight, stride=(2, 1)), "for rows and columns"),
    "dilation of rows alone": (lambda s, h: F.conv2d(h, s.b.weight, dilation=(2, 1)), "for rows and columns"),
}


@pytest.mark.parametrize("name", STANDS)
def test_what_stays_refused_says_what_to_do(name):
    middle, words = STANDS[name]
    own = module(lambda s, x: s.b(middle(s, s.a(x))), a=conv(3, C), b=conv(C, 3))
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(own)
    text = str(caught.value)
    assert words in text
    assert "allowed are" not in text


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", ["unrolled", "cell", "levels"])
def test_states_are_verified(picture, name, rounding, tmp_path):
    torch.manual_seed(0)
    quantised = quantise(MADE[name](), rounding=rounding)
    train(quantised, scale=1)
    _, verdict = verified(quantised, tmp_path, picture(9, 11))
    assert verdict.mismatches == 0
