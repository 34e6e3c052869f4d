"""From any ``nn.Module`` to the graph, by ``torch.fx``: the door that our networks and a user's share."""

import operator
from typing import Any

import torch.nn.functional as F
from torch import fx, nn

from hwrts.convert import convert
from hwrts.errors import UnsupportedOperatorError
from hwrts.fold import fold_batch_norms
from hwrts.graph import Conv, DepthToSpace, Graph, Input, Node
from hwrts.networks.upsample import FixedUpsample

_IN_PLACE: tuple[Any, ...] = (
    operator.iadd, operator.imul, operator.itruediv, F.leaky_relu_,
    "relu_", "add_", "mul_", "multiply_", "div_",
)  # fmt: skip


class _Proxy(fx.Proxy):
    """Keeps ``h += x`` apart from ``h = h + x``, which torch.fx does not: other names of h see the former."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __imul__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.itruediv, (self, other), {})


class Tracer(fx.Tracer):
    """torch.fx's, with operators in place and up-sampling as nodes of their own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one node."""
        return isinstance(m, FixedUpsample) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """What stands for a node's value while the module runs."""
        return _Proxy(node, self)


def trace(module: nn.Module) -> Graph:
    """Trace a module that maps one picture tensor to one picture tensor, as it is in evaluation mode.

    The graph refers to the module's own parameters (detached): trace again after training them. A batch norm
    takes its stored mean and variance, and vanishes into the convolution in front of it.

    Raises:
        UnsupportedOperatorError: An operator outside the closed list, named with where it stands, or
            control flow that depends on values.
    """
    try:
        traced = Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError) as error:
        message = (
            f"{type(module).__name__}: its forward cannot be traced ({error}); "
            "write it without value-dependent control flow"
        )
        raise UnsupportedOperatorError(message) from error
    modules, parameters = dict(module.named_modules()), dict(module.named_parameters(remove_duplicate=False))
    alias: dict[str, str] = {}
    nodes: list[Node] = []
    for node in traced.nodes:
        if node.op == "output":
            if not isinstance(node.args[0], fx.Node):
                raise UnsupportedOperatorError(
                    f"{type(module).__name__}: it must return one tensor, not {node.args[0]!r}"
                )
            graph = fold_batch_norms(_ending_at(nodes, alias[node.args[0].name]))
            channels = _input_channels(list(graph.nodes)) if isinstance(graph.nodes[0], Input) else None
            if channels is None:
                raise UnsupportedOperatorError(
                    f"{type(module).__name__}: no Conv2d reads the picture; there is nothing to quantise"
                )
            return Graph((Input(graph.input.name, channels), *graph.nodes[1:]))
        if node.op == "get_attr":
            continue  # a parameter: whoever reads it says what it is good for
        made = convert(node, modules, parameters, alias)
        name = made if isinstance(made, str) else made.name
        if _in_place(node, modules):  # whoever reads the operand from here on reads the result
            overwritten = alias[node.args[0].name]
            alias.update({known: name for known, tensor in alias.items() if tensor == overwritten})
        alias[node.name] = name
        if not isinstance(made, str):
            nodes.append(made)
    raise UnsupportedOperatorError(f"{type(module).__name__}: it returns nothing")


def _in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether an operator overwrites its first operand."""
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    for function, place in ((F.relu, 1), (F.leaky_relu, 2)):  # where its argument "inplace" stands
        if node.target is function:
            return node.args[place : place + 1] == (True,) or bool(node.kwargs.get("inplace"))
    return node.target in _IN_PLACE


def _input_channels(nodes: list[Node]) -> int | None:
    """Channels of the picture, from the first convolution that it reaches; None if it reaches none."""
    grouped = {nodes[0].name: 1}  # tensors that hold the picture's channels, in groups of so many
    for node in nodes[1:]:
        group = next((grouped[source] for source in node.sources if source in grouped), None)
        if group is None:
            continue
        if isinstance(node, Conv):
            return int(node.weight.shape[1]) * group
        grouped[node.name] = group * node.block**2 if isinstance(node, DepthToSpace) else group
    return None


def _ending_at(nodes: list[Node], output: str) -> Graph:
    """Leave out the nodes that the output does not depend on and put the output last."""
    needed = {output}
    for node in reversed(nodes):
        if node.name in needed:
            needed.update(node.sources)
    return Graph(tuple(node for node in nodes if node.name in needed))
