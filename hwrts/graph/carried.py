"""The picture that a last convolution passes on, added behind it instead of multiplied by 1.

Networks such as SRResNet, EDSR and SRCNN carry the picture through their hidden tensors, and their last
convolution takes it out with a tap of nearly 1. Its row has one grid, so that tap alone says how fine all
others are: 2**-6 in 8 bits, where the 5,183 others of SRResNet have a root mean square of 0.005
(docs/arithmetic.md, eq. 13d). Without it they get the grid that they need, and what the row makes is a small
correction on the pixel grid.
"""

from hwrts.graph import Add, Graph, Node, Operation, Reorder, graph_channels, new_names


def carried_apart(graph: Graph) -> Graph:
    """conv(x) that makes an output becomes conv'(x) + x[carried], each row of conv' less by 1 at one tap.

    In real numbers nothing changes. That is so for a convolution whose every row has its largest weight in
    the middle of a kernel, between 0.5 and 2; what it reads is a hidden tensor, for a picture's own grid is
    finer. A graph without one comes back unchanged.
    """
    for node in graph.operations:
        if _is_shown(graph, node.name) and _reads_hidden(graph, node):
            graph = _apart(graph, node)
    return graph


# Two questions, not one in two ways. Whether the picture goes through kernels is `adds_to_picture` alone; of
# networks in which it does, quicksrnet and espcn have had the same kernels since ever. Asked by that, a
# fine-tuning of theirs from before grids were noted would begin again, though it may go on: whether kernels
# are others than they were is `is_apart`.


def is_apart(graph: Graph) -> bool:
    """Whether a graph, as deployed, ends in a convolution and channels of the hidden tensor that it reads."""
    origins = graph.origins()
    copied = {node.name: node.sources[0] for node in graph.operations if node.only_rounds}  # skip_bits
    for node in graph.operations:
        fronts = [graph.node(source) for source in node.sources]
        read = {
            origins[copied.get(front.sources[0], front.sources[0])]
            for front in fronts
            if front.KERNELS and _reads_hidden(graph, front)
        }
        if (
            node.signs is not None
            and _is_shown(graph, node.name)
            and read & {origins[f.name] for f in fronts}
        ):
            return True
    return False


def adds_to_picture(graph: Graph) -> bool:
    """Whether an output is a sum with a picture that comes in: kernels make corrections of it then.

    That is so behind limits too. Where it is not, the picture goes through kernels.
    """
    ends = {name: out for name, out in graph.pixel_ends().items() if name not in graph.outputs}
    pictures, origins = graph.picture_formats(ends), graph.origins()
    made_by = {node.name: node for node in graph.operations}
    for name in graph.outputs:
        node = made_by.get(origins[name])
        while node is not None and node.limits is not None:
            node = made_by.get(origins[node.sources[0]])
        if (
            node is not None
            and node.signs is not None
            and any(origins[each] in pictures for each in node.sources)
        ):
            return True
    return False


def _reads_hidden(graph: Graph, node: Node) -> bool:
    """Whether what it reads first is no picture."""
    pictures = graph.picture_formats(graph.pixel_ends())
    return bool(node.sources) and graph.origins()[node.sources[0]] not in pictures


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


def _apart(graph: Graph, conv: Operation) -> Graph:
    """The graph with one convolution as a sum; the sum has a new name, for layers keep their widths."""
    found = conv.without_passing()
    if found is None:
        return graph
    less, order = found
    source = conv.sources[0]
    passed, picture = new_names(graph, "carried", "picture")
    whole = order == tuple(range(graph_channels(graph)[source]))  # nothing is left out
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name != conv.name:
            nodes.append(node.reading({conv.name: picture}))
            continue
        nodes.append(less)
        if not whole:
            nodes.append(Reorder(passed, (source,), order))
        nodes.append(Add(picture, (source if whole else passed, conv.name), relu=conv.relu))
    return graph.rewritten(nodes, {conv.name: picture})
