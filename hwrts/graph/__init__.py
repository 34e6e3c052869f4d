"""The graph of a float network: traced from any module, rewritten exactly, read by all that follows."""

from hwrts.graph.graph import Graph, graph_channels, graph_steps, new_names, run_graph, silenced
from hwrts.graph.operators import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    DepthToSpace,
    Input,
    Lookup,
    Multiply,
    Node,
    Operation,
    PRelu,
    Relu,
    Repeat,
    Scale,
    Upsample,
)

__all__ = [
    "Add",
    "BatchNorm",
    "Concat",
    "Conv",
    "DepthToSpace",
    "Graph",
    "Input",
    "Lookup",
    "Multiply",
    "Node",
    "Operation",
    "PRelu",
    "Relu",
    "Repeat",
    "Scale",
    "Upsample",
    "graph_channels",
    "graph_steps",
    "new_names",
    "run_graph",
    "silenced",
]
