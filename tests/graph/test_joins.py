"""Tensors put together from a module to a verified file: every spelling, what is refused, and one network."""

import operator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import PIXEL, HwrtsError, Rounding, run
from hwrts.graph import Concat, Multiply, Slice, graph_channels, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.qat.network import QuantNetwork
from hwrts.runs.folder import StageFolder
from hwrts.runs.own_check import check_own_module
from hwrts.runs.quantise import load_quantised, save_quantised

from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise as quantise_as_drawn
from .test_operators import train, verified
from .test_trace import conv, module


def of_kind(graph, kind):
    return [node for node in graph.operations if isinstance(node, kind)]


CONCAT = {
    "cat of a list": lambda a, b: torch.cat([a, b], 1),
    "cat of a tuple": lambda a, b: torch.cat((a, b), dim=1),
    "cat by name": lambda a, b: torch.cat(tensors=(a, b), dim=1),
    "from behind": lambda a, b: torch.cat([a, b], -3),
    "NumPy's axis": lambda a, b: torch.cat([a, b], axis=1),  # type: ignore[call-arg] # torch takes it
    "concat": lambda a, b: torch.concat([a, b], dim=-3),
    "concatenate": lambda a, b: torch.concatenate((a, b), 1),
}


@pytest.mark.parametrize("spelling", CONCAT)
def test_every_spelling_of_a_concatenation(spelling):
    network = module(
        lambda s, x: s.last(CONCAT[spelling](s.first(x), x)), first=conv(3, 5), last=conv(8, 3)
    ).eval()
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    (node,) = of_kind(graph, Concat)
    assert node.sources == ("first", "x")
    assert graph_channels(graph)[node.name] == 8
    check_own_module(network)


def test_features_that_a_loop_collects():
    """The first of the concatenations has one operand, the last one four and two of them the same."""

    def forward(self, x):
        features = [x]
        for layer in (self.a, self.b):
            features.append(F.relu(layer(torch.cat(features, 1))))
        return self.c(torch.cat([*features, x], 1))

    network = module(forward, a=conv(3, 4), b=conv(7, 2), c=conv(12, 3)).eval()
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    assert [node.sources for node in of_kind(graph, Concat)] == [("x", "relu"), ("x", "relu", "relu_1", "x")]


def test_channels_of_a_picture_that_is_concatenated_first():
    assert trace(module(lambda s, x: s.c(torch.cat([x, x], 1)), c=conv(10, 3))).input.channels == 5


MULTIPLY = {
    "a * b": lambda a, b: a * b,
    "torch.mul": torch.mul,
    "torch.multiply": torch.multiply,
    "a.mul(b)": lambda a, b: a.mul(b),
    "a.multiply(b)": lambda a, b: a.multiply(b),
    "a.mul_(b)": lambda a, b: a.mul_(b),
    "a *= b": operator.imul,
}


@pytest.mark.parametrize("outputs", [3, 1])
@pytest.mark.parametrize("spelling", MULTIPLY)
def test_every_spelling_of_a_product(spelling, outputs):
    """With three channels a gate, with one channel attention over pixels."""
    network = module(
        lambda s, x: s.last(MULTIPLY[spelling](s.first(x), s.gate(x))),
        first=conv(3, 3), gate=conv(3, outputs), last=conv(3, 3),
    ).eval()  # fmt: skip
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    (node,) = of_kind(graph, Multiply)
    assert node.sources == ("first", "gate")
    assert graph_channels(graph)[node.name] == 3
    check_own_module(network)


def test_a_product_in_place_is_what_is_read_later():
    def forward(self, x):
        h = self.first(x)
        other = h
        h *= self.gate(x)
        return self.last(other)

    network = module(forward, first=conv(), gate=conv(), last=conv()).eval()
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


@pytest.mark.parametrize("mask", ["front", "behind"])
def test_the_one_channel_may_stand_on_either_side(mask):
    def forward(self, x):
        h, one = self.first(x), self.gate(x)
        return self.last(one * h if mask == "front" else h * one)

    network = module(forward, first=conv(3, 6), gate=conv(3, 1), last=conv(6, 3)).eval()
    assert graph_channels(check_own_module(network).graph)["mul"] == 6


def test_what_is_stored_unsigned():
    def forward(self, x):
        h, gate = self.first(x), F.relu(self.gate(x))
        return self.last(h * gate + h * h + x * gate)

    graph = deploy_form(trace(module(forward, first=conv(), gate=conv(), last=conv())))
    assert graph.non_negative() >= {"mul_1", "mul_2"}  # a square, and two that are not negative
    assert "mul" not in graph.non_negative()


def test_products_of_other_channels_are_refused_with_their_place():
    graph = trace(module(lambda s, x: s.c(s.a(x) * s.b(x)), a=conv(3, 2), b=conv(3, 4), c=conv(4, 3)))
    with pytest.raises(
        HwrtsError, match=r"'a' has 2 channels .*'b' 4 channels .*; both operands need the same, or"
    ):
        QuantNetwork(graph, dict.fromkeys(["x", "a", "b", "mul", "c"], PIXEL)).lower()


SLICES = {
    "unpacked chunk": lambda h: h.chunk(2, 1),
    "torch.chunk": lambda h: torch.chunk(h, 2, dim=1),
    "chunk by names": lambda h: torch.chunk(h, chunks=2, dim=-3),
    "split by size": lambda h: _unpacked(h.split(4, dim=1)),
    "split list": lambda h: h.split([5, 3], 1),
    "split tuple": lambda h: torch.split(h, (3, 5), dim=1),  # type: ignore[arg-type] # torch takes it
    "split by names": lambda h: torch.split(h, split_size_or_sections=[4, 4], dim=1),
    "a method by names": lambda h: h.split(split_size=[4, 4], dim=1),
    "torch.split by size": lambda h: (torch.split(h, 5, 1)[0], torch.split(h, 5, 1)[-1]),
    "slices": lambda h: (h[:, :5], h[:, 5:]),
    "slices of all": lambda h: (h[:, 0:4, :, :], h[:, 4:8, ...]),
    "from behind": lambda h: (h[:, :-3], h[:, -3:]),
    "dots": lambda h: (h[..., 1:4, :, :], h[:, 2:100:1]),
    "everything": lambda h: (h[:, :], h[...]),
    "a list of it": lambda h: list(h.chunk(2, 1)),
    "in a loop": lambda h: [1 * part for part in torch.chunk(h, 2, 1)],
    "a star": lambda h: _two(*h.chunk(2, 1)),
    "turned around": lambda h: h.chunk(2, 1)[::-1],
    "by number": lambda h: (h.chunk(4, 1)[0], h.chunk(4, 1)[-1]),
    "twice": lambda h: h[:, 1:7].chunk(2, 1),
    "uneven chunk": lambda h: h.chunk(3, 1)[1:],
}


def _unpacked(parts):
    a, b = parts
    return a, b


def _two(a, b):
    return a, b


@pytest.mark.parametrize("spelling", SLICES)
def test_every_spelling_of_a_slice(spelling):
    def forward(self, x):
        a, b = SLICES[spelling](self.first(x))
        return self.last(torch.cat([b, a, x], 1))

    with torch.no_grad():
        count = sum(part.shape[1] for part in SLICES[spelling](torch.zeros(1, 8, 1, 1)))
    network = module(forward, first=conv(3, 8), last=conv(count + 3, 3)).eval()
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    assert len(of_kind(graph, Slice)) >= 2
    check_own_module(network)


def test_parts_know_their_number_and_can_be_walked_over():
    def forward(self, x):
        parts = self.first(x).chunk(4, 1)
        assert len(parts) == 4
        done = [
            part if i == 0 else layer(part) for i, (part, layer) in enumerate(zip(parts, self.s, strict=True))
        ]
        return self.last(torch.cat(done, 1))

    network = module(
        forward, first=conv(3, 8), s=nn.ModuleList(conv(2, 2) for _ in range(4)), last=conv(8, 3)
    )
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))
    assert [(node.start, node.stop) for node in of_kind(graph, Slice)] == [(0, 2), (2, 4), (4, 6), (6, 8)]


def test_channels_that_are_shuffled():
    """Halves interleaved: a move of codes alone, in integers as well."""

    def forward(self, x):
        a, b = self.first(x).chunk(2, 1)
        pairs = [part for two in zip(a.chunk(3, 1), b.chunk(3, 1), strict=True) for part in two]
        return self.last(torch.cat(pairs, 1))

    network = module(forward, first=conv(3, 6), last=conv(6, 3)).eval()
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


@pytest.mark.parametrize(
    ("forward", "layers", "channels"),
    [
        (lambda self, x: self.a(x[:, :1]), {"a": conv(1, 3)}, 3),
        (lambda self, x: self.a(x[:, 3:6]), {"a": conv(3, 3)}, 6),
        (lambda self, x: self.a(x[:, -3:]), {"a": conv(3, 3)}, 3),
        (lambda self, x: self.a(x[:, 2:]), {"a": conv(3, 3)}, 5),
        (
            lambda self, x: self.a(x.chunk(2, 1)[0]) + self.b(x.chunk(2, 1)[1]),
            {"a": conv(2), "b": conv(1)},
            3,
        ),
        (lambda self, x: self.a(torch.cat(x.split([1, 2], 1)[::-1], 1)), {"a": conv(3)}, 3),
        (
            lambda self, x: self.a(x.chunk(3, 1)[1]) + self.b(F.pixel_shuffle(x, 2)),
            {"a": conv(4), "b": conv()},
            12,
        ),
    ],
)
def test_channels_of_a_picture_that_is_read_in_parts(forward, layers, channels):
    """Where several counts would do, 3; an uneven chunk has no other, whatever a formula would say."""
    assert trace(module(forward, **layers)).input.channels == channels


def _changed(change, read):
    """What is read after a change in place: names of "h", its halves "a" and "b", an overlapping slice."""

    def forward(self, x):
        h = self.first(x)
        other, (a, b), late = h[:, 1:5], h.chunk(2, 1), h.split(4, 1)
        kept = {"h": h, "a": a, "b": b, "other": other}
        change(kept)
        kept |= {"a later": h[:, :4], "a part later": late[0], "of a": a[:, :4]}
        return self.last(kept[read][:, :4] * 0.5)

    return module(forward, first=conv(3, 8), last=conv(4, 3)).eval()


@pytest.mark.parametrize(
    ("change", "read"),
    [(lambda kept: kept["a"].mul_(2), read) for read in ("h", "other", "a later", "a part later")]
    + [(lambda kept: kept["h"].mul_(3), read) for read in ("a", "b", "other", "a part later", "of a")],
)
def test_what_is_overwritten_behind_its_back_is_read_as_torch_has_it(change, read):
    network = _changed(change, read)
    graph, x = trace(network), torch.randn(1, 3, 48, 96)
    with torch.no_grad():  # parts of a split may not be overwritten where there are gradients
        expected = network(x)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "read"),
    [(lambda kept: kept["a"].mul_(2), read) for read in ("a", "b", "of a")]
    + [(lambda kept: kept["h"].mul_(3), read) for read in ("h", "a later")],
)
def test_what_is_overwritten_under_its_own_name_is_read_as_it_is(change, read):
    network = _changed(change, read)
    graph, x = check_own_module(network).graph, torch.rand(1, 3, 5, 6)
    with torch.no_grad():  # or torch itself would refuse it
        assert torch.equal(run_graph(graph, x)[graph.output], network(x))


REFUSED = {
    "split rows": (lambda s, x: s.c(x.split(4, 2)[0]), ["'split'", "along dimension 2; dim=1"]),
    "single channel": (lambda s, x: s.c(x[:, 0]), ["'getitem'", "single channels; x[:, a:b] is supported"]),
    "rows by slice": (lambda s, x: s.c(x[:, :, ::2]), ["'getitem'", "takes rows, columns"]),
    "a new axis": (lambda s, x: s.c(x[None]), ["'getitem'", "x[:, a:b] is supported"]),
    "five axes": (lambda s, x: s.c(x[:, :, :, :, :]), ["'getitem'", "x[:, a:b] is supported"]),
    "an empty slice": (lambda s, x: s.c(s.c(x)[:, 3:]), ["'getitem'", "none of 3 channels"]),
    "too many parts": (lambda s, x: s.c(s.c(x).chunk(8, 1)[5]), ["part 5 of 3 channels", "makes 3 parts"]),
    "a split that leaves some": (
        lambda s, x: s.c(s.c(x).split([1, 1], 1)[0]),
        ["[1, 1], of 3 channels", "add"],
    ),
    "all parts at once": (
        lambda s, x: s.c(torch.cat([x.split(1, 1), x], 1)),
        ["all parts of 'split' at once"],
    ),
    "a range of parts": (lambda s, x: s.c(x.split(1, 1)[:2]), ["'getitem'", "read by its own number"]),
    "a size that is no number": (lambda s, x: s.c(x.split(None, 1)[0]), ["'split'", "by None; one number"]),
    "chunks of zero": (lambda s, x: s.c(x.chunk(0, 1)[0]), ["'chunk'", "into 0 parts; a number"]),
    "the default dimension": (lambda s, x: torch.cat([x, s.c(x)]), ["'cat'", "along dimension 0; dim=1"]),
    "rows": (lambda s, x: torch.cat([x, s.c(x)], dim=2), ["'cat'", "along dimension 2; dim=1"]),
    "a constant": (
        lambda s, x: torch.cat([s.c(x), torch.ones(1, 3, 8, 8)], 1),
        ["a tensor of the picture is needed"],
    ),
    "a parameter": (lambda s, x: torch.cat([s.c(x), s.c.weight], 1), ["the parameter 'c.weight'"]),
    "an output to write to": (lambda s, x: torch.cat([s.c(x), x], 1, out=x), ["'out' is not supported"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named_with_its_place(case):
    forward, named = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, c=conv()))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "taken", [lambda h: h[:, ::2], lambda h: h[:, [3, 0, 1]], lambda h: h.chunk(1)[0][:, 1:3]]
)
def test_channels_by_a_step_or_a_list_and_all_pictures_at_once(taken):
    forward = lambda s, x: s.d(torch.cat([taken(s.c(x)), x], 1))  # noqa: E731
    count = taken(torch.zeros(1, 4, 1, 1)).shape[1] + 3
    network = module(forward, c=conv(3, 4), d=conv(count, 3)).eval()
    graph, x = check_own_module(network).graph, torch.rand(2, 3, 5, 6)
    with torch.no_grad():
        assert torch.equal(run_graph(graph, x)[graph.output], network(x))


def test_operands_of_different_sizes_are_refused_with_their_place():
    up = nn.Upsample(scale_factor=2)
    network = module(lambda s, x: s.c(torch.cat([x, s.up(x)], 1)), c=conv(6, 3), up=up)
    with pytest.raises(UnsupportedOperatorError, match=r"fails on a picture|'x' has . channels at 1 times"):
        check_own_module(network)


class Joined(nn.Module):
    """A dense block, gates, parts and a skip from the picture, as those of the field have them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(3, 6), conv(6, 4)
        self.mix, self.act, self.last = conv(13, 8, 1), nn.PReLU(8), conv(8, 12)
        self.gate, self.mask, self.wing = conv(8, 8, 1), conv(8, 1), conv(4, 4)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        a = F.relu(self.first(x))
        b = self.second(a)
        h = self.act(self.mix(torch.cat([x, a, b], 1)))
        h = h * self.gate(h)
        h = h + F.relu(self.mask(h)) * h + 0.5 * (h * h)
        left, right = h.chunk(2, 1)
        h = torch.cat([right, left * self.wing(right)], 1)
        return F.interpolate(x, scale_factor=2) + self.shuffle(self.last(h))


NAMES = ("cat", "mul", "mul_1", "mul_2", "getitem", "getitem_1", "mul_4", "cat_1")
"""What a deliberate error is asked for in."""


def quantise(model, **settings):
    torch.manual_seed(7)
    return quantise_as_drawn(model, **settings)


@pytest.mark.usually(rounding=Rounding.HALF_EVEN)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Joined(), rounding=rounding)
    train(quantised, 15)
    _, verdict = verified(quantised, tmp_path, picture(15, 14))
    assert len({row.witness for row in verdict.rows.values()}) == 6
    controls = [control["name"] for control in verdict.controls]
    assert [f"deliberate error in {name}" in controls for name in ("cat", "mul", "mul_1", "mul_2")] == [
        True
    ] * 4
    if rounding is Rounding.HALF_EVEN:
        counts = verdict.facts["census"]
        assert (counts["QLinearConcat"] + counts.get("Concat", 0), counts["QLinearMul"]) == (
            2,
            5,
        )  # one is a factor


@pytest.mark.in_turns
@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (8, 5), (3, 4), (2, 2)])
@pytest.mark.parametrize("rounding", Rounding)
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits, rounding):
    quantised = quantise(
        Joined(), weight_bits=weight_bits, activation_bits=activation_bits, rounding=rounding
    )
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


def test_a_file_of_qat_holds_them(tmp_path, picture):
    quantised, stage = quantise(Joined()).eval(), StageFolder(tmp_path)
    save_quantised(stage, quantised)
    again, codes = load_quantised(stage), picture(6, 7)
    assert [(type(n), n.sources) for n in again.graph.nodes] == [
        (type(n), n.sources) for n in quantised.graph.nodes
    ]
    np.testing.assert_array_equal(run(again.lower(), codes), run(quantised.lower(), codes))


def test_gradients_reach_every_operand():
    quantised = quantise(Joined())
    quantised(torch.rand(1, 3, 8, 8)).square().sum().backward()
    for name in ("first", "second", "mix", "gate", "mask", "wing", "last"):
        gradient = quantised.convs[name].weight.grad
        assert gradient is not None
        assert np.isfinite(gradient.numpy()).all()
        assert float(gradient.abs().sum()) > 0, name


class MaskAddedFirst(nn.Module):
    """A mask of one channel meets eight before a convolution says that it has one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.mask, self.last = (
            nn.Conv2d(3, 8, 3, padding=1),
            nn.Conv2d(1, 8, 1),
            nn.Conv2d(8, 3, 1),
        )

    def forward(self, x, mask):
        return self.last((self.first(x) + mask) + self.mask(mask))


def test_channels_of_an_input_are_found_where_an_addition_spreads_it():
    assert [each.channels for each in trace(MaskAddedFirst()).inputs] == [3, 1]
