"""The picture that a last convolution passes on, added behind it instead of multiplied by 1.

Networks such as SRResNet, EDSR and SRCNN carry the picture through their hidden tensors, and their last
convolution takes it out with a tap of nearly 1. Its row has one grid, so that tap alone says how fine all
others are: 2**-6 in 8 bits, where the 5,183 others of SRResNet have a root mean square of 0.015
(docs/arithmetic.md, eq. 13d). Without it they get the grid that they need, and what the row makes is a small
correction on the pixel grid.
"""

from dataclasses import replace

import torch
from torch import Tensor

from hwrts.graph import Add, Conv, Graph, Node, Reorder, graph_channels, new_names

LEAST, MOST = 0.5, 2.0
"""Between these 1 is taken from a tap without rounding (Sterbenz), and no more is left than there was."""


def carried_apart(graph: Graph) -> Graph:
    """conv(x) that makes an output becomes conv'(x) + x[carried], each row of conv' less by 1 at one tap.

    In real numbers nothing changes. That is so for a convolution whose every row has its largest weight in
    the middle of a kernel, between 0.5 and 2; what it reads is a hidden tensor, for a picture's own grid is
    finer. A graph without one comes back unchanged.
    """
    for conv in graph.of(Conv):
        carried = _carried(graph, conv)
        if carried is not None:
            graph = _apart(graph, conv, carried)
    return graph


def is_apart(graph: Graph) -> bool:
    """Whether a graph, as deployed, ends in a convolution and channels of the hidden tensor that it reads."""
    origins = graph.origins()
    return any(
        _is_shown(graph, node.name) and _is_hidden(graph, conv) and origins[conv.sources[0]] == origins[other]
        for node in graph.of(Add)
        for conv in graph.of(Conv)
        for other in node.sources
        if conv.name in node.sources
    )


def _carried(graph: Graph, conv: Conv) -> Tensor | None:
    """The channel (O,) of the source that each row passes on; None if there is a row that passes none."""
    if replace(conv, relu=False).foldable is None or not conv.plain or not _is_shown(graph, conv.name):
        return None
    if not _is_hidden(graph, conv):
        return None
    centre = conv.weight.shape[-1] // 2
    taps, channels = conv.weight[:, :, centre, centre].max(1)  # (O,)
    largest = conv.weight.flatten(1).abs().amax(1)
    passes = (taps >= LEAST) & (taps <= MOST) & (taps == largest)
    return channels if bool(passes.all()) else None


def _is_hidden(graph: Graph, conv: Conv) -> bool:
    """Whether a convolution reads something else than a picture."""
    return graph.origins()[conv.sources[0]] not in graph.picture_formats(graph.pixel_ends())


def _is_shown(graph: Graph, name: str) -> bool:
    """Whether a tensor is an output, or limited to be one, and read by nothing else."""
    while graph.uses(name) == 1:
        if name in graph.outputs:
            return True
        (reader,) = graph.readers(name)
        if reader.limits is None:
            return False
        name = reader.name
    return False


def _apart(graph: Graph, conv: Conv, carried: Tensor) -> Graph:
    """The graph with one convolution as a sum; the sum has a new name, for layers keep their widths."""
    rows, centre = torch.arange(len(carried)), conv.weight.shape[-1] // 2
    weight = conv.weight.clone()
    weight[rows, carried, centre, centre] -= 1
    passed, picture = new_names(graph, "carried", "picture")
    order, source = tuple(carried.tolist()), conv.sources[0]
    whole = order == tuple(range(graph_channels(graph)[source]))  # nothing is left out
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name != conv.name:
            nodes.append(node.reading({conv.name: picture}))
            continue
        nodes.append(replace(conv, weight=weight, relu=False))
        if not whole:
            nodes.append(Reorder(passed, (source,), order))
        nodes.append(Add(picture, (source if whole else passed, conv.name), relu=conv.relu))
    return graph.rewritten(nodes, {conv.name: picture})
