"""The graph: one network description that quantisation, lowering and the cost model all read.

A float network is traced into it once (``hwrts.graph.trace``); everything after that works on the graph, so
no network is ever written twice.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TypeVar

from torch import Tensor

from hwrts.fixed_point import Format, Step, Window, halo, pixel_format
from hwrts.graph.operators import Conv, Input, Node, Operation, Operator
from hwrts.networks.held import flat_picture

_Kind = TypeVar("_Kind", bound=Operator)


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which every source comes first, inputs before all others.

    Attributes:
        nodes: All of them.
        outputs: Names of the tensors that are given to the outside, in that order; none is the last.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", self.outputs or (self.nodes[-1].name,))

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What is fed."""
        return tuple(node for node in self.nodes if isinstance(node, Input))

    @property
    def input(self) -> Input:
        """The picture; of several inputs the first."""
        first = self.nodes[0]
        assert isinstance(first, Input)
        return first

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All nodes but the inputs."""
        return tuple(node for node in self.nodes if not isinstance(node, Input))

    @property
    def output(self) -> str:
        """Name of the output tensor, of several the first."""
        return self.outputs[0]

    def rewritten(self, nodes: Iterable[Node], renamed: Mapping[str, str] = MappingProxyType({})) -> "Graph":
        """A graph of other nodes with the same outputs, some of them under another name."""
        return Graph(tuple(nodes), tuple(renamed.get(name, name) for name in self.outputs))

    def node(self, name: str) -> Node:
        """The node that makes the tensor ``name``."""
        return next(node for node in self.nodes if node.name == name)

    def of(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """The nodes of one kind, in order."""
        return tuple(node for node in self.nodes if isinstance(node, kind))

    def readers(self, name: str) -> tuple[Operation, ...]:
        """The nodes that read the tensor ``name``."""
        return tuple(node for node in self.operations if name in node.sources)

    def uses(self, name: str) -> int:
        """How many nodes read a tensor; to be given to the outside is one use more."""
        return len(self.readers(name)) + (name in self.outputs)

    def origins(self) -> dict[str, str]:
        """The tensor whose quantiser makes the codes of each tensor: moving codes keeps their format."""
        found = {node.name: node.name for node in self.inputs}
        for node in self.operations:
            found[node.name] = found[node.sources[0]] if node.MOVES else node.name
        return found

    def quantised_nodes(self) -> tuple[Node, ...]:
        """The nodes whose tensor has a quantiser of its own; moving codes needs none."""
        return (*self.inputs, *(node for node in self.operations if not node.MOVES))

    def pixel_tensors(self) -> set[str]:
        """Names of the quantised tensors on the pixel grid: inputs, what is up-sampled of them, outputs."""
        return set(self.picture_formats(self.pixel_ends()))

    def pixel_ends(self) -> dict[str, Format]:
        """Formats of inputs and outputs where all are pictures, of as many bits as the first."""
        names = (*(x.name for x in self.inputs), *self.outputs)
        return dict.fromkeys(names, pixel_format(self.input.bits))

    def picture_formats(self, ends: Mapping[str, Format]) -> dict[str, Format]:
        """Formats of the quantised tensors that hold pictures: what is up-sampled keeps that of its source.

        Args:
            ends: Formats of the inputs and outputs that are pictures.
        """
        found = {node.name: ends[node.name] for node in self.inputs if node.name in ends}
        for node in self.operations:
            if node.KEEPS_PICTURES and node.sources[0] in found:
                found[node.name] = found[node.sources[0]]
            elif node.only_rounds and self.input.bits > 8 and node.sources[0] in found:
                found[node.name] = found[node.sources[0]].of_bits(8)  # rounded for the body (pixel_bits)
        origins = self.origins()  # an output's codes may be made earlier
        return found | {origins[name]: ends[name] for name in self.outputs if name in ends}

    def zero_on_flat(self) -> set[str]:
        """Names of the tensors that are held to be 0 wherever the picture is flat."""
        return {node.name for node in self.operations if node.zero_on_flat}

    def non_negative(self) -> set[str]:
        """Names of the tensors that are stored unsigned, because no value in them is negative."""
        found = {node.name for node in self.inputs if not node.signed}
        for node in self.operations:
            if node.non_negative(all(source in found for source in node.sources)):
                found.add(node.name)
        return found

    def lowest(self) -> dict[str, float]:
        """A value that each tensor never falls below, -inf where nothing says so."""
        unsigned = self.non_negative()
        found = {node.name: 0.0 if node.name in unsigned else -math.inf for node in self.inputs}
        for node in self.operations:
            low = node.lowest(*(found[source] for source in node.sources))
            found[node.name] = max(low, 0.0) if node.name in unsigned else low
        return found


def new_names(graph: Graph, *wanted: str) -> list[str]:
    """Names for new nodes: those wanted, with underscores behind what the graph uses already."""
    taken = {node.name for node in graph.nodes}
    names = []
    for name in wanted:
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return names


def run_graph(graph: Graph, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor of a graph by name, computed in float.

    Args:
        graph: The graph.
        x: Pictures (N, C, H, W), or what each input is fed by its name.
    """
    values = dict(x) if isinstance(x, Mapping) else {graph.input.name: x}
    for node in graph.operations:
        values[node.name] = node.value(*(values[source] for source in node.sources))
    return values


def silenced(graph: Graph) -> Graph:
    """The graph with those biases with which a flat picture gives 0 where it should.

    What is held of the other weights (``networks.held``) makes the answer the same for every level.
    """
    for node in graph.operations:
        if node.zero_on_flat:
            like = next(conv.weight for conv in graph.of(Conv))  # all numbers are of one type, on one device
            reach = halo(graph_steps(graph))
            values = run_graph(graph, flat_picture(like, graph.input.channels, reach))
            kept = node.silent(values[node.sources[0]])
            graph = graph.rewritten(kept if each is node else each for each in graph.nodes)
    return graph


def graph_steps(graph: Graph, bits: int = 8) -> tuple[Step, ...]:
    """The shape of a graph as ``hwrts.fixed_point`` reads it, for codes of ``bits`` bits."""
    channels = {x.name: x.channels for x in graph.inputs}
    steps = [Step(x.name, (), Window(grow=x.grow, shrink=x.shrink), x.channels, bits) for x in graph.inputs]
    for node in graph.operations:
        found = int(node.channels(*(Fraction(channels[source]) for source in node.sources)))
        channels[node.name] = found
        steps.append(Step(node.name, node.sources, node.window, found, bits))
    return tuple(steps)


def graph_channels(graph: Graph) -> dict[str, int]:
    """Channels of every tensor of a graph."""
    return {step.name: step.channels for step in graph_steps(graph)}
