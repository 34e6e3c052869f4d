"""Rewrites of the float graph before quantisation; each is exact in real numbers.

Quantised as drawn, Residual-N loses 0.9 dB because its picture passes through 8-bit tensors. In the
anchor form only small signed corrections are quantised (docs/arithmetic.md, eq. 13).
"""

from dataclasses import replace

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Add, Conv, DepthToSpace, Graph, Input, Node, Relu, Repeat, new_names
from hwrts.graph.fold import fold_scales
from hwrts.graph.same_size import same_size_form


def deploy_form(graph: Graph, *, same_size: bool = False) -> Graph:
    """The graph that is quantised: factors and ReLUs in the operator in front, image residual anchored.

    Args:
        graph: The network as traced.
        same_size: Fold the down-scaler in, so that the picture keeps its size.
    """
    fused = fused_form(graph)
    return same_size_form(fused) if same_size else anchor_image_residual(fused)


def fused_form(graph: Graph) -> Graph:
    """The graph without the factors and ReLUs that the operator in front of them takes."""
    return fuse_relus(fold_scales(graph))


def fuse_relus(graph: Graph) -> Graph:
    """Make each ReLU part of the convolution or addition in front of it: saturation of an unsigned code.

    Raises:
        UnsupportedOperatorError: A ReLU whose operand is also read by another node, or is not a
            convolution or an addition.
    """
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Relu):
            source = graph.node(node.sources[0])
            if not isinstance(source, Conv | Add) or len(graph.readers(source.name)) > 1:
                raise UnsupportedOperatorError(
                    f"{node.place or repr(node.name)}: this ReLU must be the only reader of a convolution or "
                    "an addition"
                )
            place = next(i for i, made in enumerate(nodes) if made.name == source.name)
            in_front = nodes[place]
            assert isinstance(in_front, Conv | Add)
            nodes[place] = replace(in_front, relu=True)
            renamed[node.name] = source.name
        elif isinstance(node, Input):
            nodes.append(node)
        else:
            sources = tuple(renamed.get(source, source) for source in node.sources)
            nodes.append(replace(node, sources=sources))  # type: ignore[arg-type]
    return Graph(tuple(nodes))


def anchor_image_residual(graph: Graph) -> Graph:
    """PixelShuffle(ext(x + r)) becomes repeat(x) + PixelShuffle(ext'(x) + ext(r)) (eq. 13).

    ext' = ext - pixel repetition is a high-pass kernel, so that every quantised tensor near the output is a
    small correction on the pixel grid, and a zero correction passes the picture through bit for bit.
    Graphs whose output is not of that form come back unchanged.
    """
    shuffle = graph.nodes[-1]
    if not isinstance(shuffle, DepthToSpace):
        return graph
    ext = graph.node(shuffle.sources[0])
    if not isinstance(ext, Conv) or ext.relu:
        return graph
    blue = graph.node(ext.sources[0])
    x = graph.input
    if (
        not isinstance(blue, Add)
        or blue.relu
        or x.name not in blue.sources
        or blue.sources[0] == blue.sources[1]
    ):
        return graph
    if len(graph.readers(ext.name)) > 1 or len(graph.readers(blue.name)) > 1:
        return graph
    if ext.weight.shape[0] != x.channels * shuffle.block**2:
        return graph
    residual = blue.sources[1] if blue.sources[0] == x.name else blue.sources[0]
    high_pass = ext.weight.clone()
    centre = ext.weight.shape[-1] // 2
    for channel in range(x.channels):
        high_pass[channel * shuffle.block**2 : (channel + 1) * shuffle.block**2, channel, centre, centre] -= 1
    kept = tuple(node for node in graph.nodes if node.name not in (shuffle.name, ext.name, blue.name))
    ext_x, ext_r, correction, repeat, picture = new_names(
        graph, f"{ext.name}_x", f"{ext.name}_r", "correction", "repeat", "picture"
    )
    tail: tuple[Node, ...] = (
        Conv(ext_x, (x.name,), high_pass, ext.bias.new_zeros(ext.bias.shape)),
        Conv(ext_r, (residual,), ext.weight, ext.bias),
        Add(correction, (ext_x, ext_r)),
        DepthToSpace(shuffle.name, (correction,), shuffle.block),
        Repeat(repeat, (x.name,), shuffle.block),
        Add(picture, (repeat, shuffle.name)),
    )
    return Graph(kept + tail)
