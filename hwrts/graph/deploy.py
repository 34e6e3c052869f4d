"""Rewrites of the float graph before quantisation; each is exact in real numbers.

Quantised as drawn, Residual-N loses 0.9 dB because its picture passes through 8-bit tensors. In the
anchor form only small signed corrections are quantised (docs/arithmetic.md, eq. 13).
"""

from dataclasses import replace

import torch

from hwrts.graph import Add, Conv, DepthToSpace, Graph, Node, Repeat, new_names
from hwrts.graph.carried import carried_apart
from hwrts.graph.fold import fold_scales, fold_signs, fuse_relus
from hwrts.graph.same_size import image_residual, same_size_form, sign_of


def deploy_form(graph: Graph, *, same_size: bool = False) -> Graph:
    """The graph that is quantised: factors and ReLUs in the operator in front, image residual anchored.

    Args:
        graph: The network as traced.
        same_size: Fold the down-scaler in, so that the picture keeps its size.
    """
    fused = fused_form(graph)
    return same_size_form(fused) if same_size else enlarging_form(fused)


def enlarging_form(fused: Graph) -> Graph:
    """A fused graph whose picture is added in the end: its image residual anchored, taps of 1 taken out."""
    return carried_apart(anchor_image_residual(fused))


def fused_form(graph: Graph) -> Graph:
    """The graph without the factors, signs and ReLUs that the operator in front of them takes."""
    return fuse_relus(fold_signs(fold_scales(graph)))


def on_one_grid(graph: Graph) -> Graph:
    """The graph with one grid of weights for all channels of each convolution."""
    made = {conv.name: replace(conv, one_grid=True) for conv in graph.of(Conv)}
    return graph.rewritten(made.get(node.name, node) for node in graph.nodes)


def anchor_image_residual(graph: Graph) -> Graph:
    """PixelShuffle(ext(x + r)) becomes repeat(x) + PixelShuffle(ext'(x) + ext(r)) (eq. 13).

    Of x - r the kernel that reads r is turned around.
    ext' = ext - pixel repetition is a high-pass kernel, so that every quantised tensor near the output is a
    small correction on the pixel grid, and a zero correction passes the picture through bit for bit.
    Graphs whose output is not of that form come back unchanged. If r is held to be 0 on flat areas, so is all
    that is added to the picture (eq. 13c).
    """
    shuffle = graph.node(graph.output)
    # Kinds are asked for here: eq. 13 is of these two operators, and writes them again by their own fields.
    if not isinstance(shuffle, DepthToSpace):
        return graph
    ext = graph.node(shuffle.sources[0])
    if not isinstance(ext, Conv) or ext.relu or not ext.plain:
        return graph
    blue, x = graph.node(ext.sources[0]), graph.input
    residual = image_residual(graph, blue)
    if graph.uses(shuffle.name) > 1:  # its codes are asked for elsewhere too
        return graph
    if residual is None or graph.uses(ext.name) > 1 or graph.uses(blue.name) > 1:
        return graph
    if ext.weight.shape[0] != x.channels * shuffle.block**2:
        return graph
    high_pass = ext.weight.clone()
    centre = ext.weight.shape[-1] // 2
    for channel in range(x.channels):
        high_pass[channel * shuffle.block**2 : (channel + 1) * shuffle.block**2, channel, centre, centre] -= 1
    kept = tuple(node for node in graph.nodes if node.name not in (shuffle.name, ext.name, blue.name))
    silent = residual in graph.zero_on_flat()  # then each of the two corrections gives 0 on its own
    ext_x, ext_r, correction, repeat, picture = new_names(
        graph, f"{ext.name}_x", f"{ext.name}_r", "correction", "repeat", "picture"
    )
    tail: tuple[Node, ...] = (
        replace(
            ext,
            name=ext_x,
            sources=(x.name,),
            weight=high_pass,
            bias=torch.zeros_like(ext.bias),
            zero_sums=silent,
            zero_on_flat=silent,
        ),
        replace(ext, name=ext_r, sources=(residual,), weight=sign_of(blue) * ext.weight, zero_on_flat=silent),
        Add(correction, (ext_x, ext_r)),
        replace(shuffle, sources=(correction,)),
        Repeat(repeat, (x.name,), shuffle.block),
        Add(picture, (repeat, shuffle.name)),
    )
    return graph.rewritten(kept + tail, {shuffle.name: picture})
