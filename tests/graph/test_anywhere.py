"""Channels in any dimension: stacks, tokens, parts, frames; each spelling is the module, or is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Concat, Conv, Graph, Maximum, Reorder, run_graph
from hwrts.graph.operators import GlobalAverage
from hwrts.graph.planes import Planes
from hwrts.graph.trace import trace

C = 8


class Tried(nn.Module):
    """conv -> what is tried -> conv, with layers that it may use."""

    def __init__(self, tried: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.last, self.tried = nn.Conv2d(3, C, 3, padding=1), nn.Conv2d(C, 3, 1), tried
        self.linear4, self.linear8, self.norm4 = nn.Linear(4, 4), nn.Linear(8, 8), nn.LayerNorm(4)
        self.conv4, self.batch4, self.slopes4 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.PReLU(4)
        self.mirrored = nn.Conv2d(4, 4, 3, padding=1, groups=2, padding_mode="reflect")
        self.along, self.frames = nn.Conv3d(1, 1, 3, padding=1), nn.Conv3d(4, 4, 3, padding=1)
        self.apart = nn.Conv3d(2, 4, (3, 1, 3), stride=(2, 1, 1), padding=(1, 0, 1), groups=2, bias=False)
        self.kernels, self.matrix = nn.Conv2d(C, 3, 1), nn.Parameter(torch.rand(2, 4))
        self.gain = nn.Parameter(torch.linspace(0.5, 1.5, C))
        with torch.no_grad():
            for number in (*self.batch4.parameters(), *self.batch4.buffers(), *self.norm4.parameters()):
                if number.is_floating_point():
                    number.uniform_(0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.last(self.tried(self, self.first(x)))
        return made


def parts(h: Tensor, *sizes: int) -> Tensor:
    """(1, C, H, W) with its channels in dimensions of their own."""
    return h.view(1, *sizes, *h.shape[2:])


def last(h: Tensor) -> Tensor:
    """(1, H, W, C)."""
    return h.permute(0, 2, 3, 1)


def first(h: Tensor) -> Tensor:
    """(1, C, H, W) again."""
    return h.permute(0, 3, 1, 2)


def selected(_: Any, h: Tensor) -> Tensor:
    """Three branches weighed by a softmax, as SKFF has it."""
    stack = torch.stack([h, h.relu(), h.tanh()], 1)
    pooled = F.adaptive_avg_pool2d(stack.sum(1), 1).view(1, 1, C, 1, 1)
    return (stack * torch.softmax(pooled * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1, 1), 1)).sum(1)


def tokens(s: Any, h: Tensor) -> Tensor:
    """As a LayerNorm written by hand has them, and a linear layer of each half of the channels."""
    x = h.flatten(2).transpose(1, 2)
    x = (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-2) * s.gain
    x = s.linear4(x.unflatten(2, (2, 4))).flatten(2)
    return x.transpose(1, 2).view(h.shape)


def by_groups(_: Any, h: Tensor) -> Tensor:
    x = last(h).unflatten(3, (2, 4))
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-2).sqrt()
    return first(x.flatten(3))


def written_in_place(_: Any, h: Tensor) -> Tensor:
    x = parts(h.clone(), 2, 4)
    x += x.new_tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 4, 1, 1)
    return x.flatten(1, 2)


def seen_elsewhere(_: Any, h: Tensor) -> Tensor:
    g = h.relu()
    x = parts(g, 2, 4)
    x += torch.arange(4.0).view(1, 1, 4, 1, 1)
    return g + x.flatten(1, 2)


SPELLED: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "stack, sum": lambda s, h: torch.stack([h, h.relu()], 1).sum(1),
    "stack, mean": lambda s, h: torch.stack([h, h.relu(), h.sigmoid()], 1).mean(1),
    "stack, max": lambda s, h: torch.stack([h, h.tanh()], 1).max(1)[0],
    "stack, amax of three": lambda s, h: torch.stack([h, h.tanh(), -h], 0).amax(0),
    "stack behind, sum": lambda s, h: torch.stack([h, h.tanh()], -1).sum(-1),
    "stack behind, prod": lambda s, h: torch.stack([h, h.tanh()], -1).prod(-1),
    "stack, channel by channel": lambda s, h: torch.stack([h[:, :4], h[:, 4:].relu()], 2).flatten(1, 2),
    "branches weighed by a softmax": selected,
    "softmax of parts": lambda s, h: parts(h, 2, 4).softmax(2).flatten(1, 2),
    "cat of channels last": lambda s, h: first(
        torch.cat([F.gelu(s.linear8(last(h)))[..., :4], last(h.sigmoid())[..., :4]], 3)
    ),
    "mean of channels last": lambda s, h: first(last(h) - last(h).mean(-1, keepdim=True)),
    "constants of channels last": lambda s, h: first(s.gain * last(h) - s.gain.detach()),
    "a number over channels last": lambda s, h: first(1 / (2 + last(h).sigmoid())),
    "root of squares of channels last": lambda s, h: first(
        last(h) * torch.rsqrt(last(h).pow(2).mean(-1, keepdim=True) + 1e-2)
    ),
    "normalize of channels last": lambda s, h: first(F.normalize(last(h), dim=-1)),
    "tokens": tokens,
    "norm by groups": by_groups,
    "LayerNorm of parts": lambda s, h: first(s.norm4(last(h).unflatten(-1, (2, 4))).flatten(3)),
    "LayerNorm of every second channel": lambda s, h: first(
        s.norm4(last(h).unflatten(-1, (4, 2)).transpose(-1, -2)).flatten(3)
    ),
    "linear of half the channels": lambda s, h: torch.cat([first(s.linear4(last(h)[..., :4])), h[:, 4:]], 1),
    "sum of parts": lambda s, h: torch.cat([parts(h, 2, 4).sum(1), h[:, :4]], 1),
    "sum of both dimensions": lambda s, h: h * parts(h, 2, 4).sum((1, 2), keepdim=True).squeeze(1),
    "std of parts": lambda s, h: h * parts(h, 2, 4).std(2).repeat_interleave(4, 1),
    "norm of parts": lambda s, h: (parts(h, 2, 4) / (parts(h, 2, 4).norm(dim=2, keepdim=True) + 0.1)).flatten(
        1, 2
    ),
    "norm p=1 of parts": lambda s, h: h * parts(h, 2, 4).norm(1, 2).repeat_interleave(4, 1),
    "maxout of two": lambda s, h: parts(h, 2, 4).max(dim=1).values.repeat(1, 2, 1, 1),
    "maxima of groups": lambda s, h: parts(h, 4, 2).amax(2).repeat(1, 2, 1, 1),
    "amin": lambda s, h: h - torch.amin(h, 1, keepdim=True),
    "outer product": lambda s, h: (h[:, :4].unsqueeze(2) * h[:, 4:].unsqueeze(1)).sum(2).repeat(1, 2, 1, 1),
    "one kernel for a group": lambda s, h: (parts(h, 2, 4) * s.kernels(h)[:, 1:].unsqueeze(2)).flatten(1, 2),
    "expand": lambda s, h: (parts(h, 2, 4) * h[:, :1].unsqueeze(1).expand(1, 2, 4, -1, -1)).flatten(1, 2),
    "gates of means": lambda s, h: (
        parts(h, 2, 4) * parts(h, 2, 4).mean((3, 4), keepdim=True).sigmoid()
    ).flatten(1, 2),
    "two of other orders": lambda s, h: (
        parts(h, 2, 4).transpose(1, 2)
        * torch.stack([h.relu(), h.tanh()], 1).amax(1).view(1, 4, 2, *h.shape[2:])
    ).flatten(1, 2),
    "constants of another order": lambda s, h: (
        parts(h, 2, 4).transpose(1, 2) * s.gain.view(4, 2, 1, 1)
    ).flatten(1, 2),
    "a mean, then the picture": lambda s, h: (
        parts(h, 2, 4).mean((3, 4), keepdim=True) - parts(h, 2, 4)
    ).flatten(1, 2),
    "einsum of two": lambda s, h: torch.einsum("bchw,bdhw->bchw", h, h[:, :3]),
    "einsum, outer": lambda s, h: torch.einsum("bchw,bdhw->bcdhw", h[:, :2], h[:, :4]).flatten(1, 2),
    "einsum of parts with a constant": lambda s, h: torch.einsum(
        "bgchw,gc->bghw", parts(h, 2, 4), s.matrix
    ).repeat(1, 4, 1, 1),
    "matmul in each pixel": lambda s, h: first(
        (last(h).unflatten(-1, (2, 4)) @ last(h).unflatten(-1, (4, 2))).flatten(3)
    ).repeat(1, 2, 1, 1),
    "frames": lambda s, h: s.conv4(h.view(2, 4, *h.shape[2:])).relu().view(h.shape),
    "frames, layers": lambda s, h: s.slopes4(s.batch4(s.mirrored(h.view(2, 4, *h.shape[2:])))).view(h.shape),
    "frames, pools": lambda s, h: F.interpolate(
        F.avg_pool2d(s.conv4(h.view(2, 4, *h.shape[2:])), 2), scale_factor=2
    ).reshape(h.shape),
    "frames one by one": lambda s, h: torch.stack(
        [s.conv4(each) for each in parts(h, 2, 4).unbind(1)], 1
    ).flatten(1, 2),
    "Conv3d along channels": lambda s, h: h * s.along(h.unsqueeze(1)).squeeze(1),
    "Conv3d of frames": lambda s, h: s.frames(parts(h, 2, 4).transpose(1, 2)).transpose(1, 2).flatten(1, 2),
    "Conv3d with strides and groups": lambda s, h: s.apart(parts(h, 2, 4)).flatten(1, 2),
    "written in place": written_in_place,
    "overwritten and read": seen_elsewhere,
}


@pytest.mark.parametrize("name", SPELLED)
def test_spellings_are_the_module(name: str) -> None:
    module = Tried(SPELLED[name]).eval()
    graph = trace(module)
    for height, width in ((8, 12), (14, 6)):
        x = torch.randn(1, 3, height, width)
        torch.testing.assert_close(run_graph(graph, x)[graph.output], module(x), rtol=1e-4, atol=1e-5)


def traced(tried: Callable[[Any, Tensor], Tensor]) -> Graph:
    return trace(Tried(tried).eval())


def test_several_sources_are_one_concat_and_a_sum_one_convolution() -> None:
    graph = traced(lambda s, h: torch.stack([h, h.relu()], 1).sum(1, keepdim=True).squeeze(1))
    assert len(graph.of(Concat)) == 1
    (total,) = (conv for conv in graph.of(Conv) if conv.frozen)
    assert (total.groups, total.weight.tolist()) == (C, torch.ones(C, 2, 1, 1).tolist())


def test_maxima_of_few_groups_are_exact() -> None:
    assert len(traced(SPELLED["maxima of groups"]).of(Maximum)) == 4


def test_means_of_the_picture_in_other_dimensions() -> None:
    assert len(traced(SPELLED["gates of means"]).of(GlobalAverage)) == 1


def test_nothing_is_reordered_that_stands_where_it_is_read() -> None:
    assert not traced(SPELLED["constants of channels last"]).of(Reorder)


def test_frames_share_one_grouped_convolution() -> None:
    (conv,) = (each for each in traced(SPELLED["frames"]).of(Conv) if each.groups == 2)
    torch.testing.assert_close(conv.weight[:4], conv.weight[4:], rtol=0, atol=0)


def test_a_frame_that_is_not_there_has_weights_of_0() -> None:
    (conv,) = (each for each in traced(SPELLED["Conv3d of frames"]).of(Conv) if each.groups == 2)
    weight = conv.weight.reshape(2, 4, 4, 3, 3, 3)  # (T', O, C, KT, KH, KW)
    assert (weight[0, :, :, 0] == 0).all()
    assert (weight[1, :, :, 2] == 0).all()
    assert (weight[0, :, :, 1:] != 0).all()
    assert (weight[1, :, :, :2] != 0).all()


def read_in_turn(_: Any, h: Tensor) -> Tensor:
    """A view that is read behind another one which needs the same move, and was made in front of it."""
    n, c, height, width = h.shape
    blocks = h.view(n, c, height // 2, 2, width // 2, 2)
    early = blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, height // 2, width // 2)
    late = blocks.permute(0, 5, 3, 1, 2, 4).reshape(n, 4 * c, height // 2, width // 2).relu()
    return F.pixel_shuffle(late + early.sigmoid(), 2)


def test_a_move_that_is_made_once_stands_in_front_of_its_readers() -> None:
    module, x = Tried(read_in_turn).eval(), torch.randn(1, 3, 6, 8)
    graph = trace(module)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], module(x))


def test_planes() -> None:
    shape = (1, 6, 2, 3)
    index = torch.arange(36).reshape(1, 2, 3, 2, 3)
    planes = Planes.of(index, shape)
    assert planes is not None
    assert planes.natural()
    assert planes.channels.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert planes.channels.shape == (1, 2, 3, 1, 1)
    assert planes.pixels.shape == (1, 1, 1, 2, 3)
    torch.testing.assert_close(planes.index(), index, rtol=0, atol=0)
    turned = Planes.of(index.transpose(3, 4), shape)
    assert turned is not None
    assert not turned.natural()
    zeros = index.clone()
    zeros[0, 0, 0] = -1  # no value of the source
    assert Planes.of(zeros, shape) is None
    assert Planes.of(index.flatten(), shape) is None  # channels and pixels in one dimension
    assert Planes.of(torch.full((1, 1), -1), shape) is None


def one_of_two_copies(_: Any, h: Tensor) -> Tensor:
    """A limit in place on one of two equal orders of channels, which torch copies."""
    a, b = h.view(h.shape).flip(1), h.flip(1)
    seen = b.tanh() + (a - 0.5).relu()
    F.hardtanh_(a, -0.1, 0.1)
    return seen + b


def test_a_call_that_two_share_is_not_overwritten_for_both() -> None:
    module, x = Tried(one_of_two_copies).eval(), torch.randn(1, 3, 6, 10)
    graph = trace(module)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], module(x), rtol=1e-4, atol=1e-5)


def in_relation(s: Any, h: Tensor) -> Tensor:
    """GRN of ConvNeXt V2: lengths over the picture, over their mean."""
    x = last(h)
    lengths = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
    return first(s.gain * (x * (lengths / (lengths.mean(dim=-1, keepdim=True) + 1e-6))) + x)


def test_lengths_over_the_picture_are_roots_of_means_where_their_relation_is_taken() -> None:
    module, x = Tried(in_relation).eval(), torch.randn(1, 3, 6, 10)
    graph = trace(module)
    assert len(graph.of(GlobalAverage)) == 1
    torch.testing.assert_close(run_graph(graph, x)[graph.output], module(x), rtol=1e-4, atol=1e-5)


REFUSED: dict[str, tuple[Callable[[Any, Tensor], Tensor], str]] = {
    "softmax over pixels": (lambda s, h: h.flatten(2).softmax(2).view(h.shape), "attention by softmax"),
    "matrix over pixels": (
        lambda s, h: (h.flatten(2) @ h.flatten(2).transpose(1, 2) @ h.flatten(2)).view(h.shape),
        "product of matrices",
    ),
    "sum over pixels": (lambda s, h: h * h.flatten(2).sum(2)[..., None, None], "operator sum"),
    "length over the picture": (
        lambda s, h: h / (1 + torch.norm(last(h), dim=(1, 2), keepdim=True).permute(0, 3, 1, 2)),
        "operator norm",
    ),
    "Conv3d of other pixels": (lambda s, h: s.along(h.flip(2).unsqueeze(1)).squeeze(1).flip(2), "rearranges"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    tried, words = REFUSED[name]
    with pytest.raises(UnsupportedOperatorError, match=words):
        traced(tried)
