"""Every usual spelling: what is traced of a module computes what the module does, by whichever door."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import Conv, DepthToSpace, Graph, Reorder, Slice
from hwrts.graph.refusals import gathered
from hwrts.graph.trace import trace, trace_with_clip

from .test_operators import quantise, train, verified
from .test_trace import conv, module, output_of

C = 8


def body(middle: Any, **layers: nn.Module) -> nn.Module:
    """A convolution, what is tried, and another."""
    return module(lambda self, x: self.b(middle(self, self.a(x))), a=conv(3, C), b=conv(C, 3), **layers)


def shuffled(h: Tensor, groups: int = 2) -> Tensor:
    n, c, height, width = h.size()
    h = h.view(n, groups, c // groups, height, width)
    return torch.transpose(h, 1, 2).contiguous().view(n, -1, height, width)


def unfolded(h: Tensor, r: int = 2) -> Tensor:
    """PixelShuffle, as some write it."""
    n, c, height, width = h.shape
    h = h.reshape(n, c // r**2, r, r, height, width).permute(0, 1, 4, 2, 5, 3)
    return h.reshape(n, c // r**2, height * r, width * r)


def checked(self: Any, x: Tensor) -> Tensor:
    """As windowed networks pad and crop."""
    _, _, h, w = x.size()
    x = F.pad(x, (0, (8 - w % 8) % 8, 0, (8 - h % 8) % 8), "reflect")
    return self.b(F.relu(self.a(x)))[:, :, :h, :w]


def tokens(self: Any, h: Tensor) -> Tensor:
    n, c, height, width = h.shape
    y = self.two(F.relu(self.one(h.flatten(2).transpose(1, 2))))
    return h + y.transpose(1, 2).reshape(n, c, height, width)


def excited(self: Any, h: Tensor) -> Tensor:
    n, c, _, _ = h.size()
    y = self.fc(F.adaptive_avg_pool2d(h, 1).view(n, c)).sigmoid()
    return h * y.view(n, c, 1, 1).expand_as(h)


def attended(self: Any, h: Tensor) -> Tensor:
    y = self.k(h.mean((2, 3), keepdim=True).squeeze(-1).transpose(-1, -2))
    return h * torch.sigmoid(y.transpose(-1, -2).unsqueeze(-1))


def block(self: Any, h: Tensor) -> Tensor:
    """ConvNeXt's, with the channels last, and a gain of each."""
    y = self.two(F.gelu(self.one(self.norm(h.permute(0, 2, 3, 1)))))
    return h + (self.gain.value * y).permute(0, 3, 1, 2)


class Standardised(nn.Conv2d):
    """Weights without mean, of variance 1."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        w = w / (w.std((1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Value(nn.Module):
    """A parameter of its own."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value)


class Cached(nn.Module):
    """Keeps what it makes of its picture's type."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.slopes = conv(3, 3), torch.full((3,), 0.25)

    def forward(self, x: Tensor) -> Tensor:
        self.slopes = self.slopes.type_as(x)
        return F.prelu(self.a(x), self.slopes)


SAME = {
    "Dropout2d": lambda: body(lambda s, h: s.d(h), d=nn.Dropout2d()),
    "AlphaDropout": lambda: body(lambda s, h: s.d(h), d=nn.AlphaDropout()),
    "F.dropout": lambda: body(lambda s, h: F.dropout(h, 0.1, s.training)),
    "F.dropout2d of nothing": lambda: body(lambda s, h: F.dropout2d(h, p=0.0)),
    "sum of a list": lambda: body(lambda s, h: sum([h, F.relu(h), h])),
    "sum of a stack": lambda: body(lambda s, h: torch.stack([h, F.relu(h)]).sum(0)),
    "sum of a stack by name": lambda: body(lambda s, h: torch.sum(torch.stack((h, F.relu(h)), dim=1), dim=1)),
    "mean of a stack": lambda: body(lambda s, h: torch.mean(torch.stack([h, F.relu(h)], 0), 0)),
    "alpha": lambda: body(lambda s, h: h.add(F.relu(h), alpha=0.1)),
    "addcmul": lambda: body(lambda s, h: torch.addcmul(h, h.sigmoid(), h.tanh(), value=0.5)),
    "lerp": lambda: body(lambda s, h: torch.lerp(h, F.relu(h), 0.25)),
    "zero and one": lambda: body(lambda s, h: (0 + h - 0) * 1 / 1.0),
    "clone, detach, contiguous": lambda: body(lambda s, h: h.clone().detach().contiguous().data),
    "to, type_as, float": lambda: body(lambda s, h: h.to(h.dtype).to(h.device).type_as(h).float()),
    "a clone that is overwritten": lambda: body(lambda s, h: (lambda y: y.relu_() + h)(h.clone())),
    "what a clone is of is overwritten": lambda: body(lambda s, h: (lambda y: h.relu_() + y)(h.clone())),
    "made in forward": lambda: body(lambda s, h: nn.ReLU()(h) + nn.LeakyReLU(0.3)(h)),
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(conv())),
    "spectral norm": lambda: nn.Sequential(parametrizations.spectral_norm(conv())),
    "weights of weights": lambda: body(lambda s, h: F.prelu(h, s.v.value * 2 + 0.1), v=Value(torch.rand(C))),
    "constants are computed": lambda: body(
        lambda s, h: h.clamp(min=s.v.value.min(), max=s.v.value.sum()), v=Value(torch.rand(C))
    ),
    "size in numbers": lambda: body(
        lambda s, h: h * (h.shape[1] / 4) if h.size(2) > 2 and h.dim() == 4 else h
    ),
    "to a size": lambda: module(
        lambda s, x: F.interpolate(s.a(x), size=(x.shape[2] * 2, 2 * x.size(3))), a=conv()
    ),
    "to another's size": lambda: module(
        lambda s, x: (
            F.pixel_shuffle(s.b(x), 2) + F.interpolate(s.a(x), size=F.pixel_shuffle(s.b(x), 2).shape[2:])
        ),
        a=conv(),
        b=conv(3, 12),
    ),
    "two factors": lambda: module(lambda s, x: F.interpolate(s.a(x), scale_factor=[2.0, 2.0]), a=conv()),
    "pad and crop of nothing": lambda: module(checked, a=conv(3, C), b=conv(C, 3)),
    "channel shuffle": lambda: body(lambda s, h: shuffled(h, 4)),
    "ChannelShuffle": lambda: body(lambda s, h: s.s(h), s=nn.ChannelShuffle(2)),
    "reversed": lambda: body(lambda s, h: h.flip(1)),
    "chosen": lambda: module(lambda s, x: s.a(x[:, [2, 1, 0]]), a=conv()),
    "repeated channels": lambda: module(lambda s, x: s.a(x.repeat(1, 2, 1, 1)), a=conv(6, 3)),
    "repeat_interleave": lambda: module(
        lambda s, x: s.a(torch.repeat_interleave(x, 4, dim=1)), a=conv(12, 3)
    ),
    "every second channel": lambda: body(lambda s, h: torch.cat([h[:, ::2], h[:, 1::2]], 1)),
    "narrow": lambda: body(lambda s, h: torch.cat([h.narrow(1, 4, 4), h.narrow(1, 0, 4)], 1)),
    "tensor_split": lambda: body(lambda s, h: torch.cat(h.tensor_split(2, dim=1)[::-1], 1)),
    "split by a size": lambda: body(lambda s, h: torch.cat([F.relu(part) for part in h.split(3, 1)], 1)),
    "unbind and stack": lambda: body(lambda s, h: torch.stack(torch.unbind(h, 1)[::-1], 1)),
    "PixelShuffle by views": lambda: module(lambda s, x: unfolded(s.a(x)), a=conv(3, 12)),
    "repetition by views": lambda: module(
        lambda s, x: s.a(x).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), a=conv()
    ),
    "squeezed": lambda: body(lambda s, h: F.relu(h.unsqueeze(2)).squeeze(2)),
    "flattened": lambda: body(lambda s, h: F.relu(h.flatten(2)).view_as(h)),
    "by name": lambda: module(
        lambda s, x: s.a(input=torch.cat(tensors=[torch.add(input=x, other=F.relu(input=x)), x], dim=1)),
        a=conv(6, 3),
    ),
    "an optional input": lambda: module(
        lambda s, x, mask=None, scale=0.5: s.a(x) * scale if mask is None else x, a=conv()
    ),
    "maximum and minimum": lambda: body(lambda s, h: torch.max(h, -h) + torch.minimum(h, h.tanh())),
    "weights of a forward": lambda: nn.Sequential(Standardised(3, 3, 3, padding=1)),
    "squeeze and excite": lambda: body(
        excited, fc=nn.Sequential(nn.Linear(C, 4), nn.ReLU(), nn.Linear(4, C))
    ),
    "attention along channels": lambda: body(attended, k=nn.Conv1d(1, 1, 3, padding=1, bias=False)),
    "of each pixel": lambda: body(tokens, one=nn.Linear(C, 2 * C), two=nn.Linear(2 * C, C)),
    "a norm of each pixel": lambda: body(
        block,
        norm=nn.LayerNorm(C, eps=1e-3),
        one=nn.Linear(C, 2 * C),
        two=nn.Linear(2 * C, C),
        gain=Value(torch.rand(C) + 0.5),
    ),
    "space to depth by slices": lambda: module(
        lambda s, x: s.a(
            torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        ),
        a=conv(12, 3),
    ),
    "x.data": lambda: body(lambda s, h: h.data),
    "kept type": Cached,
}


@pytest.mark.parametrize("spelling", SAME)
def test_it_computes_what_the_module_does(spelling):
    torch.manual_seed(0)
    own = SAME[spelling]().eval()
    graph = trace(own)
    x = torch.rand(1, 3, 16, 24)
    torch.testing.assert_close(output_of(graph, x), own(x.clone()), rtol=1e-5, atol=1e-6)


def kinds(graph: Graph, kind: type) -> int:
    return len(graph.of(kind))


def test_orders_of_channels_cost_one_operator():
    graph = trace(SAME["channel shuffle"]())
    (order,) = graph.of(Reorder)
    assert order.order == (0, 2, 4, 6, 1, 3, 5, 7)
    assert [order.order for order in trace(SAME["narrow"]()).of(Reorder)] == [(4, 5, 6, 7, 0, 1, 2, 3)]
    assert kinds(trace(SAME["split by a size"]()), Slice) == 3
    assert kinds(trace(SAME["PixelShuffle by views"]()), DepthToSpace) == 1
    assert [type(node) for node in trace(SAME["flattened"]()).of(Conv)] == [Conv, Conv]


class Asks(nn.Module):
    """What torch.fx cannot follow, and torch.export can: an assertion on types, and keywords in a table."""

    def __init__(self) -> None:
        super().__init__()
        self.a = conv(3, C)
        self.n, self.act, self.b = nn.BatchNorm2d(C), nn.LeakyReLU(0.1, inplace=True), conv(C, 12)

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(x, Tensor)
        given: dict[str, Any] = {"mode": "nearest", "scale_factor": 2}
        h = self.act(self.n(self.a(x)))
        h = h + shuffled(h) * 0.5
        return F.interpolate(x, **given) + F.pixel_shuffle(self.b(h), 2).clamp(-1, 1)


def test_doors_are_tried_one_after_another_and_named():
    x = torch.rand(1, 3, 16, 24)
    doors = {}
    for name, own in {"plain": SAME["alpha"](), "sizes": SAME["size in numbers"](), "asks": Asks()}.items():
        traced = trace_with_clip(own.eval())
        doors[name] = traced.door, traced.by_size
        torch.testing.assert_close(traced.output(x), own(x.clone()), rtol=1e-5, atol=1e-6)
    assert doors == {
        "plain": ("torch.fx", False),
        "sizes": ("torch.fx, on an example of 96x48 pixels", True),
        "asks": ("torch.export, on an example of 96x48 pixels", True),
    }


def test_places_are_the_users_by_the_second_door_too():
    traced = trace_with_clip(Asks().eval())
    assert [place for place in traced.places.values() if place in ("'a'", "'b'")] == ["'a'", "'b'"]
    assert any("test_spellings.py" in place for place in traced.places.values())

    class Attends(Asks):
        def forward(self, x: Tensor) -> Tensor:
            return torch.softmax(super().forward(x), 3)

    with pytest.raises(UnsupportedOperatorError, match=r"^line \d+ of test_spellings.py, 'softmax': .* gate"):
        trace(Attends().eval())


def test_a_module_is_left_as_it_was():
    own = Cached()
    trace(own)
    assert type(own.slopes) is Tensor
    assert own.training


STANDS = {
    "softmax": (lambda s, h: torch.softmax(h, 3), "use a gate"),
    "matmul": (lambda s, h: h @ h.transpose(2, 3), "product of matrices"),
    "grid_sample": (lambda s, h: F.grid_sample(h, h[:, :2].permute(0, 2, 3, 1)), "warp outside"),
    "sort": (lambda s, h: h.sort(1)[0], "depends on the values"),
    "roll": (lambda s, h: torch.roll(h, 1, 2), "shifted windows"),
    "where": (lambda s, h: torch.where(h == 0, h, h * 2), "gate"),
    "rows": (lambda s, h: F.relu(h[:, :, ::2, :]), "takes rows, columns"),
    "turned": (lambda s, h: F.relu(h.transpose(2, 3)), "rearranges values as no operator does"),
}


@pytest.mark.parametrize("case", STANDS)
def test_what_stays_refused_says_what_to_do_instead(case):
    middle, words = STANDS[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(body(middle))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_that_stands_in_the_way_is_named_at_once():
    def middle(s, h):
        h = torch.softmax(h, 2)
        h = torch.softmax(h, 2)
        return s.g(torch.roll(h, 1, 2))

    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(body(middle, g=nn.LocalResponseNorm(3)))
    text = str(caught.value)
    assert text.startswith("Made: 3 operators stand in the way: (1) line ")
    assert "'softmax' and 1 more: operator softmax is not supported: " in text
    assert "(2) line " in text
    assert "(3) 'g': operator LocalResponseNorm is not supported: " in text


def test_of_many_reasons_the_first_are_named():
    refusals = [UnsupportedOperatorError(f"reason {n}") for n in range(11)]
    text = str(gathered("Net", refusals))
    assert text.startswith("Net: 11 operators stand in the way: (1) reason 0; (2) reason 1; ")
    assert text.endswith("(8) reason 7; and 3 more")


class Starred(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = conv()

    def forward(self, *pictures: Tensor, **settings: Any) -> Tensor:
        return self.a(pictures[0])


def test_inputs_of_any_number_are_followed_by_the_second_door():
    traced = trace_with_clip(Starred().eval())
    assert traced.door == "torch.export, on an example of 96x48 pixels"


def test_the_second_door_says_nothing(capfd):
    own = body(lambda s, h: h if h.mean() > 1 else -h)
    with pytest.raises(UnsupportedOperatorError, match="value-dependent control flow"):
        trace(own)
    assert capfd.readouterr() == ("", "")


class Rearranged(nn.Module):
    """Moves in front of, between and behind layers, by both doors' spellings."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv(12, C), conv(C, C), conv(C, 12)
        self.one, self.two = nn.Linear(C, C), nn.Linear(C, C)

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(x, Tensor)
        y = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        h = F.relu(self.a(y))
        h = shuffled(self.b(h), 4) + tokens(self, h)
        return unfolded(self.c(h)) + x[:, [2, 1, 0]]


@pytest.mark.usually(rounding=Rounding.DOUBLE)
@pytest.mark.parametrize("rounding", Rounding)
def test_moves_are_verified(picture, rounding, tmp_path):
    quantised = quantise(Rearranged(), rounding=rounding)
    train(quantised, scale=1)
    network, verdict = verified(quantised, tmp_path, picture(14, 18))
    assert verdict.mismatches == 0
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("Reorder") >= 3
