"""The same-size network: everything behind the image residual, and D, folded into one convolution.

A TV enhances at the size of its input: D(S(x)). Behind the image residual y = x + r every step is linear
before clipping, and so is D, so the chain is one convolution F at the input's resolution and no x2 picture
is ever formed (docs/arithmetic.md, eq. 13b):

    out = saturate(x + F'(x) + F(r)),    F' = F - identity
"""

import math

import numpy as np
import torch
from torch import Tensor

from hwrts.data import downscale_by_2
from hwrts.data.tiles import DOWNSCALER_HALO
from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Padding, scales_of
from hwrts.graph import Add, Conv, Graph, Node, Operation, graph_channels, graph_steps, new_names
from hwrts.networks.held import Tie

TAPS = 5
"""Side of the folded kernels. F has 9x9 taps (conv_ext 3, D 12 of the x2 picture), but D's window makes the
outer ones small: the two outer rings hold 3 % of F, and QAT brings the result of 5x5 within 0.1 dB of 9x9 at
31 % of its multiplications (docs/experiments.md)."""

# Letters of the shape comments: C channels of the picture, K = 2 * reach + 1 taps of the full kernel, T taps
# that are kept.


def same_size_form(graph: Graph, taps: int | None = TAPS) -> Graph:
    """Rewrite a x2 network with an image residual and a linear tail into its same-size form.

    In real numbers the result equals D(S(x)), except where S(x) is clipped, in a frame as wide as F's reach
    at the picture's edge (one convolution pads once, the chain pads at every step), and for the taps
    that are left out. The folded convolution replicates edges if all that are folded do; then a flat picture
    has no frame. Fold before QAT and QAT trains what ships.

    Args:
        graph: A network with its ReLUs fused: tail(x + r) with a tail of convolutions without ReLU and
            depth-to-space.
        taps: T, side of the folded kernels, odd; what lies outside is spread over the taps inside, so that
            flat areas keep their level. None keeps every tap that is not 0.

    Raises:
        UnsupportedOperatorError: The network has another form, or does not enlarge by 2.
    """
    tail = _linear_tail(graph)
    blue = graph.node(tail[0].sources[0])
    x = graph.input
    residual = image_residual(graph, blue)
    assert residual is not None  # or there were no such tail
    kernel, bias = _folded(tail, x.channels, graph)  # (C, C, K, K), (C,)
    kernel = _trimmed(kernel, taps)  # (C, C, T, T)
    high_pass = kernel.clone()
    centre = kernel.shape[-1] // 2
    for channel in range(x.channels):
        high_pass[channel, channel, centre, centre] -= 1
    convs = [conv for conv in graph.of(Conv) if conv in tail]
    paddings = {conv.padding for conv in convs}
    replicate, reflect = paddings <= {Padding.REPLICATE}, paddings == {Padding.REFLECT}
    dropped = {blue.name, *(node.name for node in tail)}
    kept = tuple(node for node in graph.nodes if node.name not in dropped)
    fold_x, fold_r, correction, picture = new_names(graph, "fold_x", "fold_r", "correction", "picture")
    silent = residual in graph.zero_on_flat()  # then each of the two corrections gives 0 on its own
    even = all(conv.tie == "colours" for conv in convs)  # and so is D
    tie: Tie = "colours" if even else "none"
    return Graph(  # anew: what else was said of the folded convolutions was said of their own kernels
        (
            *kept,
            Conv(
                fold_x,
                (x.name,),
                high_pass,
                torch.zeros_like(bias),
                zero_sums=silent,
                zero_on_flat=silent,
                tie=tie,
                replicate=replicate,
                reflect=reflect,
            ),
            Conv(
                fold_r,
                (residual,),
                sign_of(blue) * kernel,
                bias,
                zero_on_flat=silent,
                tie=tie,
                replicate=replicate,
                reflect=reflect,
            ),
            Add(correction, (fold_x, fold_r)),
            Add(picture, (x.name, correction)),
        )
    )


def has_same_size_form(graph: Graph) -> bool:
    """Whether :func:`same_size_form` has one: not without an image residual and a linear tail behind it."""
    try:
        _linear_tail(graph)
    except UnsupportedOperatorError:
        return False
    return True


def image_residual(graph: Graph, node: Node) -> str | None:
    """What a node adds to the picture, or subtracts of it if it is negated; None if it is no such addition.

    Nor is it one if a ReLU follows, if the picture is what is subtracted, or if one of the two has a single
    channel or pixel that meets all of the other: alone it is not of the form that their sum has.
    """
    if node.signs is None or node.sources.count(graph.input.name) != 1:
        return None
    if node.signs[node.sources.index(graph.input.name)] < 0:
        return None
    residual = next(source for source in node.sources if source != graph.input.name)
    steps = graph_steps(graph)
    channels, scales = {step.name: step.channels for step in steps}, scales_of(steps)
    alike = channels[residual] == graph.input.channels and scales[residual] == scales[graph.input.name]
    return residual if alike else None


def sign_of(residual: Node) -> int:
    """-1 if an image residual is subtracted of the picture: kernels that read it then are turned around."""
    return min(residual.signs or (1,))


def _linear_tail(graph: Graph) -> tuple[Operation, ...]:
    """The nodes behind the image residual, in order, all of which can be folded with D."""
    tail: list[Operation] = []
    operations = {node.name: node for node in graph.operations}
    node = graph.nodes[-1]
    while node.filters:
        tail.insert(0, operations[node.name])
        node = graph.node(node.sources[0])
        if graph.uses(node.name) > 1:
            break
    anchored = image_residual(graph, node) is not None
    only_tail_reads = graph.uses(node.name) == 1
    enlargement = math.prod(each.window.grow for each in tail)
    colours = graph_channels(graph)[graph.output] == graph.input.channels
    if not tail or not anchored or not only_tail_reads or enlargement != 2 or not colours:
        raise UnsupportedOperatorError(
            f"network ending in {graph.output!r}: it has no same-size form; that needs an addition to the "
            "input picture, behind it convolutions without ReLU and depth-to-space alone, x2 in all, and as "
            "many channels out as in"
        )
    return tuple(tail)


@torch.no_grad()
def _folded(tail: tuple[Operation, ...], channels: int, graph: Graph) -> tuple[Tensor, Tensor]:
    """Kernel (C, C, K, K) and bias (C,) of D behind the tail: its answers to an impulse and to nothing."""
    names = {node.name for node in tail}
    steps = [step for step in graph_steps(graph) if step.name in names]
    extra = sum(step.window.after for step in steps)  # in pixels of their own: at least in input pixels
    reach = extra + DOWNSCALER_HALO
    side = 4 * reach + 1  # far from the edges, where D renormalises and convolutions pad
    centre = 2 * reach
    silence = torch.zeros(1, channels, side, side)
    offset = _tail_and_d(tail, silence)  # (C, side, side)
    kernel = torch.empty(channels, channels, 2 * reach + 1, 2 * reach + 1)
    for channel in range(channels):
        impulse = silence.clone()
        impulse[0, channel, centre, centre] = 1
        answer = (_tail_and_d(tail, impulse) - offset)[:, reach : side - reach, reach : side - reach]
        kernel[:, channel] = answer.flip(1, 2)  # an answer is the kernel seen from the input pixel
    return kernel, offset[:, centre, centre].clone()


def _tail_and_d(tail: tuple[Operation, ...], x: Tensor) -> Tensor:
    for node in tail:
        x = node.value(x)
    doubled = np.ascontiguousarray(x[0].permute(1, 2, 0).float().numpy())  # (2H, 2W, C)
    return torch.from_numpy(downscale_by_2(doubled, "lanczos")).permute(2, 0, 1)  # (C, H, W)


def _trimmed(kernel: Tensor, taps: int | None) -> Tensor:
    size = kernel.shape[-1]
    if taps is None:
        used = kernel.abs().amax((0, 1)).nonzero()  # rows and columns of taps that are not 0
        taps = int(2 * (used - size // 2).abs().max()) + 1
    margin = max(0, (size - taps) // 2)
    inside = kernel[:, :, margin : size - margin, margin : size - margin].clone()
    missing = kernel.sum((2, 3)) - inside.sum((2, 3))  # (C, C)
    return inside + missing[:, :, None, None] / inside[0, 0].numel()
