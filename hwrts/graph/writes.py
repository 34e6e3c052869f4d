"""What is written into tensors, as tensors of their own: a recorded graph in which nothing is overwritten.

Which values lie in the same memory is what torch itself says of the example that a module was followed on: a
view has the storage of its base. A write makes a new content of a whole storage; every other name of it is
read from that.
"""

import math
import operator
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from hwrts.graph.assembled import assembled, taken
from hwrts.graph.in_place import is_in_place
from hwrts.graph.operators.call import FUNCTIONAL, MODULE, NAMED, PLACE, VALUE

_SETS: dict[Any, int] = {
    **{operator.setitem: 2, "copy_": 1, "fill_": 1, "zero_": 1, "masked_fill_": 2, "index_copy_": 3},
    **{"index_fill_": 3, "index_put_": 2, torch.fill_: 1, torch.zero_: 1, torch.index_put_: 2},
}
"""What writes into its first operand and computes nothing, and where what is written stands."""
_SCATTERS: dict[Any, int] = {
    **{torch.slice_scatter: 1, torch.select_scatter: 1, torch.index_copy: 3, torch.index_fill: 3},
    **{torch.masked_fill: 2, torch.index_put: 2},
    **{"slice_scatter": 1, "select_scatter": 1, "index_copy": 3, "index_fill": 3, "masked_fill": 2},
    "index_put": 2,
}
"""What makes a tensor of two in that way."""
_CHOICES = (torch.where, "where")
_NAMES = ("value", "src", "source", "values")
"""What is written, where it is given by name."""
_UNREADABLE = (RuntimeError, ValueError, TypeError, IndexError, KeyError)
"""What is raised where places depend on values, or do not fit: whoever reads the call says what is wrong."""


@dataclass
class _Memory:
    """A storage, and what lies in it.

    Attributes:
        numbers: For each place of the storage, the number of the value of ``first`` that lies there.
        current: What makes its content, in the shape of ``first``.
        first: The node that made it.
        writes: How often it was written into.
    """

    numbers: Tensor
    current: fx.Node
    first: fx.Node
    writes: int = 0


class _Writes:
    """A recorded graph while writes are taken out."""

    def __init__(
        self, graph: fx.Graph, modules: Mapping[str, nn.Module], constants: Mapping[str, Tensor]
    ) -> None:
        self._graph, self._modules, self._constants = graph, modules, constants
        self._memories: dict[int, _Memory] = {}
        self._read: dict[fx.Node, int] = {}
        self._values: dict[fx.Node, Tensor] = {}

    def run(self) -> None:
        """Node by node."""
        for node in list(self._graph.nodes):
            if node.op == "get_attr":
                continue
            into: Any = node.kwargs.get("out") or (node.args[0] if node.args else None)
            self._reader = node
            node.args = fx.map_arg(node.args, self._now)
            node.kwargs = fx.map_arg(node.kwargs, self._now)
            target: Any = node.target if node.op in ("call_function", "call_method") else None
            if target in (*_SCATTERS, *_CHOICES):
                self._scattered(node)
            elif target in _SETS and isinstance(into, fx.Node):
                self._set(node, into)
            elif is_in_place(node, self._modules) and isinstance(into, fx.Node):
                self._overwritten(node, into)
            elif node.op != "output":
                self._made(node)

    def _made(self, node: fx.Node) -> None:
        """A value, in memory of its own or in that of what it is a view of."""
        value = self._value(node)
        if not isinstance(value, Tensor):
            return
        memory = self._memories.get(_storage(value))
        if memory is None:
            places = value.untyped_storage().nbytes() // value.element_size()
            numbers = torch.full((places,), -1)
            numbers.as_strided(value.size(), value.stride(), value.storage_offset()).copy_(
                torch.arange(value.numel()).reshape(value.shape)
            )
            self._memories[_storage(value)] = _Memory(numbers, node, node)
        self._read[node] = 0 if memory is None else memory.writes
        if memory is not None and node.target is torch.as_strided:
            node.target, node.args = taken, (memory.current, self._index(memory, value))

    def _now(self, node: fx.Node) -> fx.Node:
        """What makes the values that a name has now."""
        value = self._value(node)
        memory = self._memories.get(_storage(value)) if isinstance(value, Tensor) else None
        if memory is None or self._read.get(node) == memory.writes:
            return node
        index, shape = self._index(memory, value), self._value(memory.first).shape
        if index.shape == shape and torch.equal(index, torch.arange(shape.numel()).reshape(shape)):
            return memory.current
        return self._call(self._reader, taken, memory.current, index)

    def _set(self, node: fx.Node, into: fx.Node) -> None:
        """A write of values that are there already; whoever reads the call reads what was written into."""
        with suppress(*_UNREADABLE):
            numbers, _, new = self._numbered(node)
            memory = self._memory(into)
            index = self._index(memory, self._value(into))
            there = torch.where(numbers < 0, numbers, index.flatten()[numbers.clamp(min=0)])
            self._write(memory, node, index, there, new)
            node.replace_all_uses_with(into)
            self._graph.erase_node(node)

    def _overwritten(self, node: fx.Node, into: fx.Node) -> None:
        """A write of what is computed of the same memory."""
        memory = self._memory(into)
        index = self._index(memory, self._value(into))
        node.meta[FUNCTIONAL] = True
        self._write(memory, node.next, index, -1 - self._numbers_of(into), node)
        self._read[node] = memory.writes

    def _write(self, memory: _Memory, node: fx.Node, index: Tensor, there: Tensor, other: Any) -> None:
        """A new content: at ``index`` the numbers ``there``, else what was there before."""
        shape = self._value(memory.first).shape
        content = torch.arange(shape.numel())
        content[index.flatten()] = there.flatten()
        content = content.reshape(shape)
        whole = torch.equal(content, -1 - torch.arange(shape.numel()).reshape(shape))
        if whole and isinstance(other, fx.Node) and self._value(other).shape == shape:
            made = other
        else:
            made = self._call(node, assembled, memory.current, other, content)
        memory.current, memory.writes = made, memory.writes + 1

    def _scattered(self, node: fx.Node) -> None:
        """A tensor of its own that is made of two."""
        with suppress(*_UNREADABLE):
            numbers, old, new = self._chosen(node) if node.target in _CHOICES else self._numbered(node)
            made = self._call(node, assembled, old, new, numbers)
            node.replace_all_uses_with(made)
            self._graph.erase_node(node)
            self._values[node] = made.meta[VALUE]
            node = made
        self._made(node)

    def _chosen(self, node: fx.Node) -> tuple[Tensor, Any, Any]:
        """A choice by a constant."""
        given: Any = node.args if node.target is torch.where else [node.args[i] for i in (1, 0, 2)]
        mask, new, old = given
        numbers = torch.where(self._held(mask).bool(), -1 - self._numbers_of(new), self._numbers_of(old))
        return numbers, old, new

    def _numbered(self, node: fx.Node) -> tuple[Tensor, Any, Any]:
        """What a write makes of the numbers of values: those of its first operand count up, others down.

        Returns:
            These numbers; the first operand; what is written.
        """
        target: Any = node.target
        place = _SETS[target] if target in _SETS else _SCATTERS[target]
        args: list[Any] = list(node.args)
        kwargs: dict[str, Any] = dict(node.kwargs)
        named = next((name for name in _NAMES if name in kwargs), None)
        new = kwargs[named] if named is not None else args[place] if len(args) > place else 0
        old = args[0]
        numbers = -1 - self._numbers_of(new)
        if named is not None:
            kwargs[named] = numbers
        else:
            args[place : place + 1] = [numbers]
        args, kwargs = list(fx.map_arg(args[1:], self._held)), dict(fx.map_arg(kwargs, self._held))
        if kwargs.pop("accumulate", False) or (
            _name(target).startswith("index_put") and len(args) > place and args[place]
        ):
            raise ValueError("sums are no writes")
        own = self._numbers_of(old)
        if target is operator.setitem:
            own[args[0]] = args[1]
            return own, old, new
        name = {"zero_": "fill_"}.get(_name(target), _name(target))
        return getattr(own, name)(*args, **kwargs), old, new

    def _numbers_of(self, operand: Any) -> Tensor:
        """The number of each value of an operand."""
        value = self._value(operand) if isinstance(operand, fx.Node) else operand
        shape = value.shape if isinstance(value, Tensor) else ()
        return torch.arange(math.prod(shape)).reshape(shape)

    def _held(self, node: fx.Node) -> Tensor:
        """A constant.

        Raises:
            KeyError: It is made of the picture.
        """
        return self._constants[node.name]

    def _value(self, node: fx.Node) -> Any:
        if node in self._values:
            return self._values[node]
        return self._constants[node.name] if node.name in self._constants else node.meta.get(VALUE)

    def _memory(self, node: fx.Node) -> _Memory:
        return self._memories[_storage(self._value(node))]

    def _index(self, memory: _Memory, value: Tensor) -> Tensor:
        """Number, in what fills a storage, of each value of one of its names."""
        return memory.numbers.as_strided(value.size(), value.stride(), value.storage_offset())

    def _call(self, place: fx.Node, target: Any, *args: Any) -> fx.Node:
        """A call right in front of the one that it is made for, with its value."""
        with self._graph.inserting_before(place):
            node = self._graph.create_node("call_function", target, args, {})
        node.meta.update({key: place.meta[key] for key in (PLACE, MODULE) if key in place.meta})
        node.meta[NAMED] = _name(place.target)
        node.meta[VALUE] = target(*fx.map_arg(args, self._value))
        return node


def _storage(value: Tensor) -> int:
    return value.untyped_storage().data_ptr()


def _name(target: Any) -> str:
    return target if isinstance(target, str) else str(getattr(target, "__name__", target))


def without_writes(
    graph: fx.Graph, modules: Mapping[str, nn.Module], constants: Mapping[str, Tensor]
) -> None:
    """Make of a recorded graph one in which nothing is overwritten, in place.

    What a write makes is a call of :func:`~hwrts.graph.assembled.assembled`, another name of it one of
    :func:`~hwrts.graph.assembled.taken`; a write to places that depend on values stays, to be refused.

    Args:
        graph: Followed on an example.
        modules: That are called, by name.
        constants: Values that depend on no picture, by name.
    """
    calls = [node for node in graph.nodes if node.op.startswith("call")]
    written = [
        node for node in calls if node.target in (*_SETS, *_SCATTERS, *_CHOICES) or is_in_place(node, modules)
    ]
    known = all(VALUE in node.meta or node.target is operator.setitem for node in calls)
    if written and known:
        _Writes(graph, modules, constants).run()
