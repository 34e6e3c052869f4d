"""The two sides of a network: hidden layers, and what carries the picture (from the image residual on)."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from hwrts.graph import Add, Upsample
from hwrts.graph.tracer import LayerTracer

UPSAMPLINGS: tuple[Any, ...] = (*Upsample.FUNCTIONS, *Upsample.MODULES)
"""What makes a larger picture of a picture."""


def _picture_side(traced: fx.GraphModule) -> set[fx.Node]:
    """The nodes that must be exact: enlargements of the input, and all that depends on a sum with a picture.

    Empty if no sum has the input or an enlargement of it as an operand: the network has no image residual.
    """
    modules = dict(traced.named_modules())
    pictures = {node for node in traced.graph.nodes if node.op == "placeholder"}
    side: set[fx.Node] = set()
    for node in traced.graph.nodes:
        reads = set(node.all_input_nodes)
        operator = type(modules[node.target]) if node.op == "call_module" else node.target
        if operator in UPSAMPLINGS and reads <= pictures:
            pictures.add(node)
        elif (node.target in Add.FUNCTIONS and reads & pictures) or reads & side:
            side.add(node)
    return side | {node for node in pictures if node.op != "placeholder"} if side else side


class MixedPrecision(fx.Interpreter):
    """Runs a module's hidden layers under bf16 autocast and everything that carries pixels in float32.

    bfloat16 has 8 significant bits: a pixel through it is already rounded to the code grid. So every node
    that depends on an addition with the input picture or an enlargement of it (skip connection, conv_ext,
    PixelShuffle) runs in float32 on float32 operands. Without such an addition the hidden layers carry the
    picture, and everything runs in float32. Nothing else of the module changes.

    Args:
        module: A traceable network with one picture input.

    Attributes:
        mixed: Whether anything runs in bf16.
    """

    def __init__(self, module: nn.Module) -> None:
        traced = fx.GraphModule(module, LayerTracer().trace(module))
        super().__init__(traced)
        side = _picture_side(traced)
        self.mixed = bool(side)
        self._exact = side or set(traced.graph.nodes)

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
