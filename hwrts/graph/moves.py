"""Rearrangements: views, permutations and the like, as the few that silicon has, found by where values go.

A forward that is followed on an example knows all its shapes, so a chain of views is carried out on the
numbers of the values themselves. Where something reads the result, it is looked at: an order of channels,
PixelShuffle, PixelUnshuffle, a repetition, or nothing at all. What lies in between may be computed in any
order of its values, if it is computed value by value or over the channels of a pixel.
"""

import operator
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.cut import CUTS
from hwrts.graph.operators import Clip, Lookup, Relu
from hwrts.graph.operators.add import MINUS, PLUS
from hwrts.graph.operators.call import MODULE, NAMED, PLACE, UNNAMED, VALUE
from hwrts.graph.operators.reorder import reorder
from hwrts.graph.operators.scale import OVER, TIMES
from hwrts.graph.places import landed, over_channels

_METHODS = (
    *("view", "reshape", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "flatten"),
    *("unflatten", "squeeze", "unsqueeze", "expand", "repeat", "repeat_interleave", "tile", "flip", "narrow"),
    *("select", "index_select", "chunk", "split", "tensor_split", "unbind", "contiguous", "t"),
)
_MOVES: tuple[Any, ...] = (
    *_METHODS,
    *(getattr(torch, name) for name in _METHODS if hasattr(torch, name)),
    *(operator.getitem, torch.channel_shuffle, F.channel_shuffle),
)
"""Functions, and methods by their name, that change no value."""
_AS = {"expand_as": "expand", "view_as": "reshape", "reshape_as": "reshape"}
"""Methods that are given a tensor for its shape."""
_SPELLED = {**_AS, "view": "reshape"}  # whether memory must be copied is nobody's business here
_MODULES = (nn.Flatten, nn.Unflatten, nn.ChannelShuffle)
_JOINS = (torch.cat, torch.concat, torch.concatenate, torch.stack)
_SIGNS = (*PLUS, *MINUS, *TIMES, *OVER)
"""What is computed of two values at the same place."""
_ALONE_MODULES = (*Relu.MODULES, *Clip.MODULES, *Lookup.MODULES, nn.LeakyReLU, nn.Dropout, nn.Identity)
_ALONE: tuple[Any, ...] = (
    *Relu.FUNCTIONS,
    *Clip.FUNCTIONS,
    *Lookup.FUNCTIONS,
    F.leaky_relu,
    "clone",
    "float",
)
"""What is computed value by value."""


def rearranged(x: Tensor) -> Tensor:
    """Stands in a graph for an arrangement of values that has no name.

    Raises:
        NotImplementedError: Always; no module calls it.
    """
    raise NotImplementedError


@dataclass(frozen=True)
class _Moved:
    """Values of a tensor in other places.

    Attributes:
        source: That tensor, (1, C, H, W).
        index: Number, in it, of each value; several tensors where a call makes them.
    """

    source: fx.Node
    index: Any


class _Rewrite:
    """A recorded graph while its rearrangements are taken out."""

    def __init__(
        self, graph: fx.Graph, modules: Mapping[str, nn.Module], constants: dict[str, Tensor]
    ) -> None:
        self._graph, self._modules, self._constants = graph, modules, constants
        self._moved: dict[fx.Node, _Moved] = {}
        self._landed: dict[fx.Node, fx.Node] = {}

    def run(self) -> None:
        """Node by node."""
        for node in list(self._graph.nodes):
            if node.op in ("placeholder", "get_attr"):
                continue
            made = None
            if node.op != "output":
                with suppress(
                    RuntimeError, ValueError, TypeError, IndexError
                ):  # its reader says what is wrong
                    made = (
                        self._move(node)
                        or self._value_by_value(node)
                        or self._in_each_pixel(node)
                        or self._of_two(node)
                    )
            if made is not None:
                self._moved[node] = made
            else:
                node.args = fx.map_arg(node.args, self._read)
                node.kwargs = fx.map_arg(node.kwargs, self._read)
        for node in reversed(list(self._graph.nodes)):
            if node in self._moved and not node.users:
                self._graph.erase_node(node)

    def _base(self, operand: Any) -> _Moved | None:
        """Where an operand's values are from; None if it is no tensor of pictures."""
        if not isinstance(operand, fx.Node) or operand.name in self._constants:
            return None
        if operand in self._moved:
            return self._moved[operand]
        value = operand.meta.get(VALUE)
        if not isinstance(value, Tensor) or value.dim() != 4 or len(value) != 1:
            return None
        return _Moved(operand, torch.arange(value.numel()).reshape(value.shape))

    def _move(self, node: fx.Node) -> _Moved | None:
        """What a call makes of its operand's values, if it only moves them."""
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        if module is None and node.target in _JOINS:
            return self._joined(node)
        if not isinstance(module, _MODULES) and (
            node.op == "call_module" or node.target not in (*_MOVES, *_AS)
        ):
            return None
        base = self._base(node.args[0]) if node.args else None
        if base is None:
            return None
        if node.args[0] not in self._moved and node.target in CUTS and self._is_cut(node):
            return None
        if node.args[0] not in self._moved and node.target == "contiguous":
            return None
        if module is not None:
            return _Moved(base.source, module(base.index))
        others = fx.map_arg(node.args[1:], self._shape if node.target in _AS else self._number)
        kwargs = fx.map_arg(node.kwargs, self._number)
        if isinstance(node.target, str):
            index = getattr(base.index, _SPELLED.get(node.target, node.target))(*others, **kwargs)
        else:
            function: Any = node.target
            index = function(base.index, *others, **kwargs)
        return _Moved(base.source, index)

    def _is_cut(self, node: fx.Node) -> bool:
        """Whether it takes neighbouring channels, which needs no example, or parts of what takes them."""
        if node.target is not operator.getitem:
            along = node.args[2] if len(node.args) > 2 else node.kwargs.get("dim", 0)
            return along in (1, -3)
        given = node.args[1]
        if not isinstance(given, tuple):
            return isinstance(given, int) and not isinstance(self._base(node.args[0]), _Moved)
        steps = (each.step in (None, 1) for each in given if isinstance(each, slice))
        plain = all(isinstance(each, slice) or each is ... for each in given) and all(steps)
        operand: Any = node.args[0]
        source: Tensor = operand.meta[VALUE]
        made: Tensor | None = node.meta.get(VALUE)
        return (
            plain
            and made is not None
            and made.dim() == 4
            and made.shape[2:] == source.shape[2:]
            and (made.shape[1] < source.shape[1])
        )

    def _joined(self, node: fx.Node) -> _Moved | None:
        """A concatenation of parts of one tensor, one of which at least is rearranged."""
        operands: Any = node.args[0]
        if not isinstance(operands, list | tuple) or not any(each in self._moved for each in operands):
            return None
        bases = [self._base(each) for each in operands]
        if any(base is None or base.source is not bases[0].source for base in bases):  # type: ignore[union-attr]
            return None
        function: Any = node.target
        indices = [base.index for base in bases if base is not None]
        return _Moved(bases[0].source, function(indices, *node.args[1:], **node.kwargs))  # type: ignore[union-attr]

    def _number(self, operand: fx.Node) -> Any:
        return self._constants[operand.name] if operand.name in self._constants else _missing()

    def _shape(self, operand: fx.Node) -> Any:
        return operand.meta[VALUE].shape

    def _value_by_value(self, node: fx.Node) -> _Moved | None:
        """A function of each value, or of two at the same places, where they were before they were moved."""
        moved = [each for each in node.all_input_nodes if each in self._moved]
        if not moved or any(self._landing(each) is not None for each in moved):
            return None
        base = self._moved[moved[0]]
        if not isinstance(base.index, Tensor):
            return None
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        alone = isinstance(module, _ALONE_MODULES) if module is not None else node.target in _ALONE
        if alone and node.all_input_nodes == moved == [node.args[0]]:
            made = self._call(node, node.op, node.target, (base.source, *node.args[1:]), node.kwargs)
            return _Moved(made, base.index)
        if node.target not in _SIGNS or len(node.args) != 2 or node.kwargs:
            return None
        operands = [self._there(each, base) for each in node.args]
        if any(each is None for each in operands):
            return None
        return _Moved(self._call(node, node.op, node.target, tuple(operands), {}), base.index)

    def _there(self, operand: Any, base: _Moved) -> Any:
        """A second operand in the places of the first one's source; None if it has none there."""
        if not isinstance(operand, fx.Node):
            return operand
        if operand in self._moved:
            other = self._moved[operand]
            same = isinstance(other.index, Tensor) and torch.equal(other.index, base.index)
            return other.source if same else None
        held = self._constants.get(operand.name)
        if held is None:
            return None
        if held.numel() == 1:
            return operand
        shape = base.source.meta[VALUE].shape
        there = held.new_zeros(shape.numel()).index_put(
            (base.index.flatten(),), held.expand(base.index.shape).flatten()
        )
        there = there.reshape(shape)
        one = there[:, :, :1, :1]
        return self._constant(operand, one) if torch.equal(there, one.expand(shape)) else None

    def _in_each_pixel(self, node: fx.Node) -> _Moved | None:
        """A linear layer, or a norm, of the channels of each pixel, wherever these have been moved to."""
        base = self._moved.get(node.args[0]) if node.args and isinstance(node.args[0], fx.Node) else None
        if base is None or not isinstance(base.index, Tensor):
            return None
        shape = base.source.meta[VALUE].shape
        pixels = over_channels(base.index, shape)
        if pixels is None:
            return None
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, nn.LayerNorm) or node.target is F.layer_norm:
            return _Moved(self._normed(node, base.source, module), base.index)
        if isinstance(module, nn.Conv1d):
            if base.index.shape[:-1].numel() != 1:
                return None
            weight, bias = _between_channels(module, shape[1])
        elif isinstance(module, nn.Linear):
            weight, bias = module.weight, module.bias
        elif node.target is F.linear:
            weight, bias = self._given(node, 1, "weight"), self._given(node, 2, "bias")
        else:
            return None
        numbers = [self._constant(node, weight[:, :, None, None])]
        if bias is not None:
            numbers.append(self._constant(node, bias))
        made = self._call(node, "call_function", F.conv2d, (base.source, *numbers), {})
        index = pixels[..., None] + torch.arange(len(weight)) * (shape[2] * shape[3])
        return _Moved(made, index)

    def _normed(self, node: fx.Node, x: fx.Node, module: nn.Module | None) -> fx.Node:
        """A norm over the channels of each pixel, in sums, products and roots."""
        if isinstance(module, nn.LayerNorm):
            weight, bias = module.weight, module.bias
            eps: Any = module.eps
        else:
            weight, bias = self._given(node, 2, "weight"), self._given(node, 3, "bias")
            eps = node.args[4] if len(node.args) > 4 else node.kwargs.get("eps", 1e-5)

        def call(function: Any, *args: Any, **kwargs: Any) -> fx.Node:
            op = "call_method" if isinstance(function, str) else "call_function"
            return self._call(node, op, function, args, kwargs)

        apart = call(operator.sub, x, call("mean", x, 1, keepdim=True))
        variance = call("mean", call(operator.mul, apart, apart), 1, keepdim=True)
        made = call(operator.truediv, apart, call(torch.sqrt, call(operator.add, variance, eps)))
        if weight is not None:
            made = call(operator.mul, made, self._constant(node, weight.reshape(1, -1, 1, 1)))
        if bias is not None:
            made = call(operator.add, made, self._constant(node, bias.reshape(1, -1, 1, 1)))
        return made

    def _of_two(self, node: fx.Node) -> _Moved | None:
        """A softmax over two values: the sigmoid of how much each is larger than the other."""
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(module, nn.Softmax) and node.target not in (F.softmax, torch.softmax, "softmax"):
            return None
        dim: Any = module.dim if isinstance(module, nn.Softmax) else self._argument(node, 1, "dim")
        base = self._base(node.args[0])
        if base is None or not isinstance(base.index, Tensor) or base.index.shape[dim] != 2:
            return None
        shape = base.source.meta[VALUE].shape
        other = torch.arange(shape.numel())
        other[base.index.flatten()] = base.index.flip(dim).flatten()  # the other one of each
        calls = landed(other.reshape(shape), shape) if base.index.numel() == shape.numel() else None
        if calls is None:
            return None
        against = base.source
        for function, *args in calls:
            against = self._call(node, "call_function", function, (against, *args), {})
        apart = self._call(node, "call_function", operator.sub, (base.source, against), {})
        return _Moved(self._call(node, "call_function", torch.sigmoid, (apart,), {}), base.index)

    def _argument(self, node: fx.Node, place: int, name: str) -> Any:
        return node.args[place] if len(node.args) > place else node.kwargs.get(name)

    def _given(self, node: fx.Node, place: int, name: str) -> Any:
        """A constant that a function is given; None if it is not."""
        operand = self._argument(node, place, name)
        return None if operand is None else self._constants[str(operand)]

    def _landing(self, node: fx.Node) -> tuple[Any, ...] | None:
        """What has to be called for values to be where they are; None if nothing has a name."""
        moved = self._moved[node]
        if not isinstance(moved.index, Tensor):
            return None
        return landed(moved.index, moved.source.meta[VALUE].shape)

    def _read(self, node: fx.Node) -> fx.Node:
        """A node that makes an operand, for one that reads it as a tensor of pictures."""
        if node not in self._moved:
            return node
        if node not in self._landed:
            calls, made = self._landing(node), self._moved[node].source
            for function, *args in ((rearranged,),) if calls is None else calls:
                made = self._call(node, "call_function", function, (made, *args), {})
            self._landed[node] = made
        return self._landed[node]

    def _call(self, place: fx.Node, op: str, target: Any, args: Any, kwargs: Any) -> fx.Node:
        """A call right behind the one that it is made for, with its value."""
        with self._graph.inserting_before(place):
            node = self._graph.create_node(op, target, args, kwargs)
        node.meta.update({key: place.meta[key] for key in (PLACE, MODULE) if key in place.meta})
        if place.op == "call_module":
            node.meta[MODULE] = place.target
        args, kwargs = fx.map_arg((args, dict(kwargs)), self._value)
        if target is rearranged:
            node.meta[NAMED] = getattr(place.target, "__name__", str(place.target))
            return node
        with torch.no_grad():
            if op == "call_module":
                node.meta[VALUE] = self._modules[target](*args, **kwargs)
            elif op == "call_method":
                node.meta[VALUE] = getattr(args[0], target)(*args[1:], **kwargs)
            else:
                node.meta[VALUE] = target(*args, **kwargs)
        return node

    def _value(self, node: fx.Node) -> Any:
        return self._constants[node.name] if node.name in self._constants else node.meta[VALUE]

    def _constant(self, place: fx.Node, value: Tensor) -> fx.Node:
        with self._graph.inserting_before(place):
            node = self._graph.create_node("get_attr", UNNAMED, (), {})
        self._constants[node.name] = value.detach().requires_grad_(value.requires_grad)
        return node


@torch.no_grad()
def _between_channels(conv: nn.Conv1d, channels: int) -> tuple[Tensor, Tensor]:
    """A convolution along the channels of one pixel, as attention has it, as a matrix and a bias."""
    bias = conv(torch.zeros(1, 1, channels, device=conv.weight.device))[0, 0]
    ones = torch.eye(channels, device=conv.weight.device)[:, None]
    return (conv(ones)[:, 0] - bias).T.requires_grad_(conv.weight.requires_grad), bias


def _missing() -> Any:
    raise ValueError("a number of the picture where a constant is needed")


def without_moves(graph: fx.Graph, modules: Mapping[str, nn.Module], constants: dict[str, Tensor]) -> None:
    """Take views, permutations and the like out of a recorded graph, in place.

    What has no name is a call of :func:`rearranged`.

    Args:
        graph: Followed on an example.
        modules: That are called, by name.
        constants: Values that depend on no picture, by name; some are added.
    """
    _Rewrite(graph, modules, constants).run()


__all__ = ["rearranged", "reorder", "without_moves"]
