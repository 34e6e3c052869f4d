"""The two sides of a network: hidden layers, and what carries the picture (from the image residual on)."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from hwrts.convert import ADDITIONS
from hwrts.trace import Tracer


def _picture_side(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that depend on an addition with the input picture: what they carry is a picture."""
    pictures = {node for node in graph.nodes if node.op == "placeholder"}
    side: set[fx.Node] = set()
    for node in graph.nodes:
        reads = set(node.all_input_nodes)
        adds_picture = node.target in ADDITIONS and bool(reads & pictures)
        if adds_picture or reads & side:
            side.add(node)
    return side


class MixedPrecision(fx.Interpreter):
    """Runs a module's hidden layers under bf16 autocast and everything that carries pixels in float32.

    bfloat16 has 8 significant bits: a pixel through it is already rounded to the code grid. So every node
    that depends on an addition with the input picture (skip connection, conv_ext, PixelShuffle) runs in
    float32 on float32 operands. Nothing else of the module changes.

    Args:
        module: A traceable network with one picture input.
    """

    def __init__(self, module: nn.Module) -> None:
        traced = fx.GraphModule(module, Tracer().trace(module))
        super().__init__(traced)
        self._exact = _picture_side(traced.graph)

    def run_node(self, n: fx.Node) -> Any:
        """One node of the network, in the precision of its side."""
        x = next((value for value in self.env.values() if isinstance(value, Tensor)), None)
        kind = x.device.type if x is not None else "cpu"
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=n not in self._exact):
            return super().run_node(n)

    def fetch_args_kwargs_from_env(self, n: fx.Node) -> Any:
        """Operands of a node, converted to float32 on the exact side."""
        args, kwargs = super().fetch_args_kwargs_from_env(n)
        if n in self._exact and n.op != "output":
            args = tuple(value.float() if isinstance(value, Tensor) else value for value in args)
        return args, kwargs
