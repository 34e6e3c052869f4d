"""From any ``nn.Module`` to the graph, by ``torch.fx``: the door that our networks and a user's share."""

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Add, Conv, DepthToSpace, Graph, Input, Node, Relu, Repeat

ADDITIONS: tuple[Any, ...] = (operator.add, operator.iadd, torch.add, "add", "add_")
"""Whatever torch.fx may call the sum of two tensors."""

_RELU: tuple[Any, ...] = (F.relu, torch.relu, "relu", "relu_")
_SHUFFLE: tuple[Any, ...] = (F.pixel_shuffle, torch.pixel_shuffle)
_ALLOWED = "Conv2d (stride 1, zero padding that keeps the size), ReLU, add, PixelShuffle, nearest up-sampling"


def trace(module: nn.Module) -> Graph:
    """Trace a module that maps one picture tensor to one picture tensor.

    The graph refers to the module's own parameters (detached): trace again after training them.

    Raises:
        UnsupportedOperatorError: An operator outside the closed list, named with where it stands, or
            control flow that depends on values.
    """
    try:
        traced = fx.symbolic_trace(module)
    except (fx.proxy.TraceError, TypeError) as error:
        message = (
            f"{type(module).__name__}: its forward cannot be traced ({error}); "
            "write it without value-dependent control flow"
        )
        raise UnsupportedOperatorError(message) from error
    modules = dict(traced.named_modules())
    alias: dict[str, str] = {}
    nodes: list[Node] = []
    for node in traced.graph.nodes:
        if node.op == "output":
            if not isinstance(node.args[0], fx.Node):
                raise UnsupportedOperatorError(
                    f"{type(module).__name__}: it must return one tensor, not {node.args[0]!r}"
                )
            graph = _ending_at(nodes, alias[node.args[0].name])
            channels = _input_channels(list(graph.nodes)) if isinstance(graph.nodes[0], Input) else None
            if channels is None:
                raise UnsupportedOperatorError(
                    f"{type(module).__name__}: no Conv2d reads the picture; there is nothing to quantise"
                )
            return Graph((Input(graph.input.name, channels), *graph.nodes[1:]))
        made = _convert(node, modules, alias)
        name = made if isinstance(made, str) else made.name
        if _in_place(node, modules):  # whoever reads the operand from here on reads the result
            overwritten = alias[node.args[0].name]
            alias.update({known: name for known, tensor in alias.items() if tensor == overwritten})
        alias[node.name] = name
        if not isinstance(made, str):
            nodes.append(made)
    raise UnsupportedOperatorError(f"{type(module).__name__}: it returns nothing")


def _convert(node: fx.Node, modules: dict[str, nn.Module], alias: dict[str, str]) -> Node | str:
    """One fx node as a graph node, or the name of the tensor it merely passes on."""
    if node.op == "placeholder":
        if alias:
            raise UnsupportedOperatorError(f"input {node.name!r}: a network takes one picture")
        return Input(node.name, channels=0)  # known when the graph is complete
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    target: Any = node.target
    if isinstance(module, nn.Conv2d):
        return _convert_conv(node, module, _sources(node, alias, 1))
    if isinstance(module, nn.ReLU) or (module is None and target in _RELU):
        return Relu(node.name, _sources(node, alias, 1))
    if isinstance(module, nn.Identity | nn.Dropout):
        passed_on: str = _sources(node, alias, 1)[0]
        return passed_on
    if module is None and target in ADDITIONS and not node.kwargs:
        return Add(node.name, _sources(node, alias, 2))
    if isinstance(module, nn.PixelShuffle):
        return DepthToSpace(node.name, _sources(node, alias, 1), module.upscale_factor)
    if module is None and target in _SHUFFLE:
        block = node.args[1] if len(node.args) > 1 else node.kwargs["upscale_factor"]
        return DepthToSpace(node.name, _sources(node, alias, 1), int(block))  # type: ignore[arg-type]
    if isinstance(module, nn.Upsample) and module.mode == "nearest" and module.size is None:
        return Repeat(node.name, _sources(node, alias, 1), _whole(node, module.scale_factor))
    if module is None and target is F.interpolate and node.kwargs.get("mode", "nearest") == "nearest":
        return Repeat(node.name, _sources(node, alias, 1), _whole(node, node.kwargs.get("scale_factor")))
    raise _unsupported(node, module)


def _convert_conv(node: fx.Node, conv: nn.Conv2d, sources: Any) -> Conv:
    kernel, where = conv.kernel_size, f"{node.target}"
    same = conv.padding == "same" or conv.padding == tuple(size // 2 for size in kernel)
    facts: list[tuple[bool, str]] = [
        (conv.stride == (1, 1), f"stride {conv.stride}; only 1 is supported"),
        (conv.dilation == (1, 1), f"dilation {conv.dilation}; only 1 is supported"),
        (conv.groups == 1, f"groups {conv.groups}; only 1 is supported"),
        (kernel[0] == kernel[1] and kernel[0] % 2 == 1, f"kernel {kernel}; it must be square and odd"),
        (
            same and conv.padding_mode == "zeros",
            f"padding {conv.padding} {conv.padding_mode!r}; zeros that keep the size only",
        ),
    ]
    for holds, message in facts:
        if not holds:
            raise UnsupportedOperatorError(f"Conv2d {where!r}: {message}")
    bias = conv.bias if conv.bias is not None else conv.weight.new_zeros(conv.out_channels)
    return Conv(node.name, sources, conv.weight.detach(), bias.detach())


def _sources(node: fx.Node, alias: dict[str, str], count: int) -> Any:
    operands: tuple[Any, ...] = node.args[:count]
    if len(operands) < count or not all(isinstance(operand, fx.Node) for operand in operands):
        raise UnsupportedOperatorError(
            f"{_where(node)}: takes {list(node.args)}; {count} tensor(s) are supported, no constants"
        )
    return tuple(alias[operand.name] for operand in operands)


def _whole(node: fx.Node, factor: Any) -> int:
    if not isinstance(factor, int | float) or factor != int(factor) or factor < 2:
        raise UnsupportedOperatorError(
            f"{_where(node)}: scale factor {factor}; a whole number of 2 or more is supported"
        )
    return int(factor)


def _unsupported(node: fx.Node, module: nn.Module | None) -> UnsupportedOperatorError:
    target: str | Callable[..., Any] = node.target
    kind = type(module).__name__ if module is not None else getattr(target, "__name__", str(target))
    return UnsupportedOperatorError(
        f"{_where(node)}: operator {kind} is not supported; allowed are {_ALLOWED}"
    )


def _where(node: fx.Node) -> str:
    return f"{node.target!r}" if node.op == "call_module" else f"node {node.name!r}"


def _in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether an operator overwrites its first operand."""
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], nn.ReLU) and bool(modules[str(node.target)].inplace)
    if node.op == "call_method":
        return node.target in ("relu_", "add_")
    in_place = bool(node.args[1:2] and node.args[1] is True) or bool(node.kwargs.get("inplace"))
    return node.target is operator.iadd or (node.target is F.relu and in_place)


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
