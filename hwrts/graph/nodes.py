"""The graph: one network description that quantisation, lowering and the cost model all read.

A closed list of operators. A float network is traced into it once (``hwrts.graph.trace``); everything after
that works on the graph, so no network is ever written twice.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts.fixed_point import Step, upsample_taps
from hwrts.networks.upsample import fixed_upsample

# Letters of the shape comments: N pictures, C channels, O output channels, I input channels, K kernel size.


@dataclass(frozen=True)
class Input:
    """The picture, (N, channels, H, W), on the pixel grid."""

    name: str
    channels: int

    @property
    def sources(self) -> tuple[str, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution of stride 1 that keeps the picture's size by zero padding, with an optional ReLU behind it.

    Attributes:
        name: Name of the tensor it makes.
        sources: The one tensor it reads.
        weight: (O, I, K, K), K odd.
        bias: (O,).
        relu: Whether max(0, .) follows.
    """

    name: str
    sources: tuple[str]
    weight: Tensor
    bias: Tensor
    relu: bool = False


@dataclass(frozen=True)
class Relu:
    """max(0, x) on its own, before it is fused into the operator in front of it.

    Attributes:
        name: Name of the tensor it makes.
        sources: The one tensor it reads.
        place: Where it stands in a module, for a message.
    """

    name: str
    sources: tuple[str]
    place: str = ""


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """gain * x + offset in each channel, before it is folded into the convolution in front of it.

    Attributes:
        name: Name of the tensor it makes.
        sources: The one tensor it reads.
        gain: (C,) float64.
        offset: (C,) float64.
        place: Where it stands in a module, for a message.
    """

    name: str
    sources: tuple[str]
    gain: Tensor
    offset: Tensor
    place: str = ""


@dataclass(frozen=True)
class Add:
    """Sum of two tensors of the same shape, with an optional ReLU behind it."""

    name: str
    sources: tuple[str, str]
    relu: bool = False


@dataclass(frozen=True)
class Scale:
    """Multiplication by a constant."""

    name: str
    sources: tuple[str]
    factor: float


@dataclass(frozen=True, eq=False)
class PRelu:
    """x from zero on, slope * x below: a leaky ReLU.

    Attributes:
        name: Name of the tensor it makes.
        sources: The one tensor it reads.
        slope: (C,), or (1,) for all channels alike.
        trained: Whether fine-tuning may move the slopes; that of a LeakyReLU is a constant.
    """

    name: str
    sources: tuple[str]
    slope: Tensor
    trained: bool


@dataclass(frozen=True)
class DepthToSpace:
    """PixelShuffle: channel c*R*R + i*R + j goes to (c, y*R + i, x*R + j)."""

    name: str
    sources: tuple[str]
    block: int


@dataclass(frozen=True)
class Repeat:
    """Up-scaling by pixel repetition."""

    name: str
    sources: tuple[str]
    factor: int


@dataclass(frozen=True)
class Upsample:
    """Interpolation by the fixed taps of ``hwrts.networks.FixedUpsample``."""

    name: str
    sources: tuple[str]
    kind: str
    factor: int


Node = Input | Conv | Relu | BatchNorm | Add | Scale | PRelu | DepthToSpace | Repeat | Upsample


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which every source comes first; the first is the input, the last the output."""

    nodes: tuple[Node, ...]

    @property
    def input(self) -> Input:
        """The picture."""
        first = self.nodes[0]
        assert isinstance(first, Input)
        return first

    @property
    def output(self) -> str:
        """Name of the output tensor."""
        return self.nodes[-1].name

    def node(self, name: str) -> Node:
        """The node that makes the tensor ``name``."""
        return next(node for node in self.nodes if node.name == name)

    def readers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read the tensor ``name``."""
        return tuple(node for node in self.nodes if name in node.sources)

    def quantised_nodes(self) -> tuple[Node, ...]:
        """The nodes whose tensor has a quantiser of its own; moving codes needs none."""
        return tuple(node for node in self.nodes if not isinstance(node, DepthToSpace | Repeat))

    def pixel_tensors(self) -> set[str]:
        """Names of the quantised tensors on the pixel grid: the input, what is up-sampled of it, output."""
        found = {self.input.name}
        for node in self.nodes:
            if isinstance(node, Repeat | Upsample) and node.sources[0] in found:
                found.add(node.name)
        output = self.output
        while isinstance(self.node(output), DepthToSpace | Repeat):  # its codes are made earlier
            output = self.node(output).sources[0]
        return {*found, output}

    def non_negative(self) -> set[str]:
        """Names of the tensors that are stored unsigned, because no value in them is negative.

        The undershoot of a bicubic Upsample of such a tensor is: it saturates at 0, as in every scaler of
        pictures, because a sign would cost half the codes.
        """
        found: set[str] = set()
        for node in self.nodes:
            from_sources = all(source in found for source in node.sources)
            if isinstance(node, Conv | BatchNorm) or (isinstance(node, Scale) and node.factor < 0):
                from_sources = False
            if from_sources or isinstance(node, Relu) or (isinstance(node, Conv | Add) and node.relu):
                found.add(node.name)
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


def apply_node(node: Node, operands: list[Tensor]) -> Tensor:
    """The value of one node, in float; the input node has none."""
    if isinstance(node, Conv):
        x = F.conv2d(operands[0], node.weight, node.bias, padding=node.weight.shape[-1] // 2)
        return F.relu(x) if node.relu else x
    if isinstance(node, Add):
        x = operands[0] + operands[1]
        return F.relu(x) if node.relu else x
    if isinstance(node, Relu):
        return F.relu(operands[0])
    if isinstance(node, BatchNorm):
        x = operands[0] * node.gain.reshape(-1, 1, 1) + node.offset.reshape(-1, 1, 1)
        return x.to(operands[0].dtype)
    if isinstance(node, Scale):
        return operands[0] * node.factor
    if isinstance(node, PRelu):
        return leaky(operands[0], node.slope)
    if isinstance(node, Upsample):
        return fixed_upsample(operands[0], node.kind, node.factor)
    if isinstance(node, DepthToSpace):
        return F.pixel_shuffle(operands[0], node.block)
    assert isinstance(node, Repeat)
    return F.interpolate(operands[0], scale_factor=node.factor, mode="nearest")


def leaky(x: Tensor, slope: Tensor) -> Tensor:
    """The leaky ReLU of x (N, C, H, W) with slopes (C,) or (1,)."""
    return torch.where(x >= 0, x, x * slope.reshape(-1, 1, 1))


def run_graph(graph: Graph, x: Tensor) -> dict[str, Tensor]:
    """Every tensor of a graph by name, computed in float, for pictures (N, C, H, W)."""
    values = {graph.input.name: x}
    for node in graph.nodes[1:]:
        values[node.name] = apply_node(node, [values[source] for source in node.sources])
    return values


def graph_steps(graph: Graph, bits: int = 8) -> tuple[Step, ...]:
    """The shape of a graph as ``hwrts.fixed_point`` reads it, for codes of ``bits`` bits."""
    channels: dict[str, int] = {}
    steps = []
    for node in graph.nodes:
        kernel, grow = 1, 1
        if isinstance(node, Input):
            channels[node.name] = node.channels
        else:
            channels[node.name] = channels[node.sources[0]]
        if isinstance(node, Conv):
            channels[node.name], kernel = node.weight.shape[0], node.weight.shape[-1]
        elif isinstance(node, DepthToSpace):
            channels[node.name] //= node.block**2
            grow = node.block
        elif isinstance(node, Repeat):
            grow = node.factor
        elif isinstance(node, Upsample):
            kernel, grow = upsample_taps(node.kind, node.factor)[0].shape[1], node.factor
        steps.append(Step(node.name, node.sources, kernel, grow, channels[node.name], bits))
    return tuple(steps)
