"""What an operator answers its neighbours is true: each answer is computed, for every operator there is."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from hwrts.graph import Add, Affine, Clip, Conv, Graph, Input, Lookup, Multiply, Scale, operators, silenced
from hwrts.graph.operators import OPERATORS, Operator
from hwrts.graph.operators.neighbour import Neighbour
from hwrts.networks.held import FREE

C = 8
"""Channels of what each of them reads, x or x and y, of 8x8 pixels; 2 behind a PixelShuffle."""


def numbers(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64) - 0.5


def conv(channels: int = C, size: int = 3, **settings: Any) -> Conv:
    return Conv("n", ("x",), numbers(channels, C, size, size), numbers(channels), **settings)


ONE = [
    conv(),
    conv(relu=True),
    conv(frozen=True),
    conv(replicate=True, tie="colours"),
    conv(stride=2),
    replace(conv(), weight=numbers(C, 1, 3, 3), groups=C),
    operators.TransposedConv("n", ("x",), conv(4 * C), 2),
    operators.AveragePool("n", ("x",), (3, 3), 1, (1, 1, 1, 1), "zero", 9),
    operators.BatchNorm("n", ("x",), numbers(C), numbers(C)),
    Affine("n", ("x",), numbers(C), numbers(C)),
    Affine("n", ("x",), numbers(1), numbers(1)),
    operators.Relu("n", ("x",)),
    operators.PRelu("n", ("x",), numbers(C), True),
    Scale("n", ("x",), -0.75),
    operators.DepthToSpace("n", ("x",), 2),
    operators.Repeat("n", ("x",), 2),
    operators.Upsample("n", ("x",), "bilinear", 2),
    operators.Downsample("n", ("x",), (0.5, 0.5)),
    operators.Rational("n", ("x",), "bilinear", 3, 2),
    operators.Crop("n", ("x",), (1, 0, 0, 1)),
    operators.Shift("n", ("x",), ((0, 1),) * C, (1, 2), (0, 0, 0, 1)),
    Lookup("n", ("x",), "sigmoid"),
    Clip("n", ("x",), 0.0, None),
    Clip("n", ("x",), -0.25, 0.25),
    operators.Slice("n", ("x",), 1, 3),
    operators.Reorder("n", ("x",), (3, 0, 2, 1, 4, 5, 7, 6)),
    operators.GlobalAverage("n", ("x",)),
    operators.Maximum("n", ("x",), "channels"),
    operators.ChannelMean("n", ("x",)),
    operators.MaxPool("n", ("x",), (2, 2), 2, (0, 0, 0, 0)),
    operators.SpaceToDepth("n", ("x",), 2),
]
TWO = [
    Add("n", ("x", "y")),
    Add("n", ("x", "y"), relu=True),
    Add("n", ("x", "y"), negated=True),
    operators.Concat("n", ("x", "y")),
    Multiply("n", ("x", "y")),
    operators.Divide("n", ("x", "y")),
    operators.Resize("n", ("x", "y"), "nearest"),
]
NODES: list[Operator] = [*ONE, *TWO]


def value(node: Operator, *xs: Tensor) -> Tensor:
    return node.value(*(xs or [numbers(2, C, 8, 8), numbers(2, C, 8, 8).flip(0)][: len(node.sources)]))


def test_every_operator_is_asked():
    assert {type(node) for node in NODES} == set(OPERATORS.values())


def test_a_relu_or_factor_that_it_takes_is_behind_it():
    for node in NODES:
        taken, scaled = node.with_relu(), node.times(-0.5)
        if taken is not None:
            assert taken.relu
            torch.testing.assert_close(value(taken), value(node).relu())
        if scaled is not None:
            torch.testing.assert_close(value(scaled), value(node) * -0.5)
        if node.relu:
            torch.testing.assert_close(value(node), value(node).relu())
            assert scaled is None


def test_a_constant_in_front_of_it_does_what_that_does_behind_it():
    for node in NODES:
        channels = value(node).shape[1]
        constant = Affine("c", ("n",), numbers(channels), numbers(channels))
        before = node.before(constant)
        if before is not None:
            torch.testing.assert_close(
                node.value(before.value(numbers(2, C, 8, 8))), constant.value(value(node))
            )
        if node.REARRANGES:
            assert before is not None
            assert node.MOVES


def test_what_rearranges_codes_has_all_of_them_and_no_others():
    for node in NODES:
        if node.REARRANGES:
            x = torch.arange(float(C * 64)).reshape(1, C, 8, 8)
            assert set(node.value(x).flatten().tolist()) == set(x.flatten().tolist())


def test_what_is_a_sum_is_that_of_its_signs():
    for node in NODES:
        if node.signs is not None:
            xs = [numbers(2, C, 8, 8), numbers(2, C, 8, 8).flip(0)]
            assert torch.equal(value(node), xs[0] * node.signs[0] + xs[1] * node.signs[1])


def test_what_has_limits_does_nothing_else():
    for node in NODES:
        if node.limits is not None:
            low, high = (
                infinite if end is None else end
                for end, infinite in zip(node.limits, (-math.inf, math.inf), strict=True)
            )
            assert torch.equal(value(node), numbers(2, C, 8, 8).clamp(low, high))


def test_a_branch_is_the_node_times_its_sign():
    for node in NODES:
        for sign in (1, -1):
            made = node.branch(sign, C, conv())
            if made is not None:
                assert made.sources == node.sources
                torch.testing.assert_close(made.value(numbers(2, C, 8, 8)), sign * value(node))


def test_what_filters_answers_a_sum_with_the_sum_of_its_answers():
    for node in NODES:
        if node.filters:
            a, b = numbers(2, C, 8, 8), numbers(2, C, 8, 8).flip(1)
            silence = node.value(torch.zeros_like(a))
            torch.testing.assert_close(
                node.value(a + b) - silence, node.value(a) + node.value(b) - 2 * silence
            )


def test_channels_that_are_0_are_not_missed():
    for node in NODES:
        kept = torch.tensor([0, 2, 3, 4, 6, 7])
        x = numbers(2, C, 8, 8) * torch.tensor([1, 0, 1, 1] * 2).reshape(-1, 1, 1)
        less = node.without_channels(kept)
        if less is not None:
            torch.testing.assert_close(less.value(x[:, kept]), node.value(x))


def test_what_multiplies_a_source_says_by_what():
    for node in NODES:
        xs = {name: numbers(2, C, 8, 8 + i)[..., :8] for i, name in enumerate(node.sources)}
        for name in node.sources:
            by = node.multiplier_of(name, xs)
            if by is not None:
                assert torch.equal(node.value(*xs.values()), xs[name] * by)


def test_who_says_what():
    """The answers that are not no, by hand."""

    def saying(asked: Any) -> set[str]:
        return {type(node).__name__ for node in NODES if asked(node)}

    channels, x = torch.arange(3), torch.zeros(1)
    assert saying(lambda node: node.KERNELS) == {"Conv", "TransposedConv"}
    assert saying(lambda node: node.REARRANGES) == {"DepthToSpace", "Repeat"}
    assert saying(lambda node: node.filters) == {"Conv", "DepthToSpace"}
    assert saying(lambda node: node.with_relu() is not None) == {"Conv", "Add"}
    assert saying(lambda node: node.times(2.0) is not None) == {"Conv", "Affine", "BatchNorm"}
    assert saying(lambda node: node.branch(1, C, conv()) is not None) == {"Conv", "Scale"}
    assert saying(lambda node: node.foldable is not None) == {"Conv"}
    assert saying(lambda node: node.without_channels(channels) is not None) == {"Conv"}
    assert saying(lambda node: node.multiplier_of("x", {"x": x, "y": x}) is not None) == {"Multiply"}
    assert saying(lambda node: not node.meets(*[C, 3][: len(node.sources)])) == {"Add", "Multiply"}
    assert saying(lambda node: node.real_numbers is not None) == {"PRelu", "Scale", "Clip"}
    assert [node.signs for node in TWO] == [(1, 1), None, (1, -1), None, None, None, None]
    assert [node.limits for node in ONE if node.limits] == [(0, None), (0, None), (-0.25, 0.25)]


def test_an_input_says_no_to_everything():
    x, constant = Input("x", C), Affine("c", ("x",), numbers(C), numbers(C))
    assert [x.KERNELS, x.REARRANGES, x.relu, x.zero_on_flat, x.filters] == [False] * 5
    assert [x.limits, x.signs, x.foldable, x.with_relu(), x.times(2.0), x.before(constant)] == [None] * 6
    assert x.branch(1, C, conv()) is x.without_channels(torch.arange(1)) is None
    assert Input.__mro__[1] is Neighbour


@pytest.mark.parametrize(
    "held", [conv(frozen=True), conv(sparse=True), conv(relu=True), conv(tie="colours"), conv(zero_sums=True)]
)
def test_numbers_of_which_something_is_held_do_not_become_those_of_another(held):
    assert held.foldable is None
    assert held.branch(1, C, conv()) is None
    assert (held.without_channels(torch.arange(3)) is None) == (held.held != FREE)
    assert conv().foldable is not None


def test_what_a_file_of_real_values_holds_beside_weights():
    assert Scale("n", ("x",), -0.75).real_numbers.tolist() == -0.75
    limits = [(-0.5, 0.25), (None, 1.0), (0.0, None)]
    found = [Clip("n", ("x",), *each).real_numbers.tolist() for each in limits]
    assert found == [[-0.5, 0.25], [-math.inf, 1.0], [0.0, math.inf]]
    slopes = operators.PRelu("n", ("x",), torch.tensor([0.25, 0.5]), True).real_numbers
    assert (slopes.tolist(), str(slopes.dtype)) == ([0.25, 0.5], "float64")


def test_a_square_multiplies_by_itself_and_not_by_a_constant():
    assert Multiply("n", ("x", "x")).multiplier_of("x", {"x": numbers(1, C, 8, 8)}) is None


def test_a_root_knows_what_it_never_falls_below():
    root = Lookup("n", ("x",), "sqrt")
    assert [root.knowing(low).low for low in (-math.inf, 0.0, 0.5)] == [None, 0.0, 0.5]
    assert [replace(root, low=0.25).knowing(low).low for low in (0.0, 0.5)] == [0.25, 0.5]
    assert Lookup("n", ("x",), "sigmoid").knowing(0.5).low is None


def test_only_who_may_be_zero_on_flat_is_asked_for_its_bias():
    with pytest.raises(NotImplementedError, match="Scale"):
        Scale("n", ("x",), 2.0).silent(torch.zeros(1, C, 3, 3))
    graph = Graph((Input("x", C), conv(zero_on_flat=True, relu=True)))
    assert torch.equal(silenced(graph).of(Conv)[0].bias, torch.zeros(C, dtype=torch.float64))
