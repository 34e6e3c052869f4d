"""A recorded graph while rearrangements are taken out: where values are from, and calls that are added."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.drawn import bundle, drawn, how_laid, parts_of
from hwrts.graph.laid import Laid
from hwrts.graph.operators.call import FUNCTIONAL, MODULE, NAMED, PLACE, UNNAMED, VALUE
from hwrts.graph.places import landed


def rearranged(x: Tensor) -> Tensor:
    """Stands in a graph for an arrangement of values that has no name.

    Raises:
        NotImplementedError: Always; no module calls it.
    """
    raise NotImplementedError


@dataclass(frozen=True)
class Moved:
    """Values of a tensor in other places.

    Attributes:
        source: That tensor, (1, C, H, W).
        index: Number, in it, of each value; several tensors where a call makes them.
    """

    source: fx.Node
    index: Any


class Recording:
    """A recorded graph, and which of its nodes only move values.

    Args:
        graph: Followed on an example.
        modules: That are called, by name.
        constants: Values that depend on no picture, by name; some are added.

    Attributes:
        moved: What each node that only moves values makes.
    """

    def __init__(
        self, graph: fx.Graph, modules: Mapping[str, nn.Module], constants: dict[str, Tensor]
    ) -> None:
        self.graph, self.modules, self.constants = graph, modules, constants
        self.moved: dict[fx.Node, Moved] = {}
        self._landed: dict[fx.Node, fx.Node] = {}
        self._calls: dict[Any, fx.Node] = {}
        self._landings: dict[fx.Node, tuple[Any, ...] | Laid | None] = {}

    def module(self, node: fx.Node) -> nn.Module | None:
        """What a node calls, if it is a module."""
        return self.modules.get(str(node.target)) if node.op == "call_module" else None

    def base(self, operand: Any) -> Moved | None:
        """Where, in one tensor, an operand's values are from; None if it is no tensor of pictures."""
        found = self.origin(operand)
        if found is None or found.source.target is not bundle or self.landing(operand) is None:
            return found
        return self.origin(self.read(operand))

    def origin(self, operand: Any) -> Moved | None:
        """As :meth:`base`, where they may be from several tensors."""
        if not isinstance(operand, fx.Node) or operand.name in self.constants:
            return None
        if operand in self.moved:
            return self.moved[operand]
        value = operand.meta.get(VALUE)
        if not isinstance(value, Tensor) or value.dim() != 4 or len(value) != 1:
            return None
        return Moved(operand, torch.arange(value.numel()).reshape(value.shape))

    def attempt(self, node: fx.Node, rule: Callable[["Recording", fx.Node], Moved | None]) -> bool:
        """Whether a rule says what a call makes; what it added to the graph before it failed is taken out."""
        there = set(self.graph.nodes)
        made = None
        with suppress(RuntimeError, ValueError, TypeError, IndexError, KeyError):  # its reader says why
            made = rule(self, node)
        if made is not None:
            self.moved[node] = made
            return True
        added = [each for each in self.graph.nodes if each not in there]
        for each in reversed(added):
            self.constants.pop(each.name, None)
            self.graph.erase_node(each)
        self._calls = {key: each for key, each in self._calls.items() if each in there}
        self._landed = {moved: made for moved, made in self._landed.items() if made not in added}
        return False

    def is_alone(self, node: fx.Node) -> bool:
        """Whether nobody else sees what a call in place overwrites: no other name, view or reader."""
        while len(node.users) == 1 and node.op != "placeholder" and node.name not in self.constants:
            front = node.args[0] if node.args else None
            if node not in self.moved or not isinstance(front, fx.Node) or front.name in self.constants:
                return True
            if self.moved[node].source is not self._source(front):
                return True  # computed, not only moved
            node = front
        return False

    def _source(self, node: fx.Node) -> fx.Node:
        return self.moved[node].source if node in self.moved else node

    def argument(self, node: fx.Node, place: int, name: str) -> Any:
        """What a function is given at a place or by a name."""
        return node.args[place] if len(node.args) > place else node.kwargs.get(name)

    def given(self, node: fx.Node, place: int, name: str) -> Any:
        """A constant that a function is given; None if it is not."""
        operand = self.argument(node, place, name)
        return None if operand is None else self.constants[str(operand)]

    def number(self, operand: fx.Node) -> Any:
        """A constant that an operand stands for; ValueError if it is a number of the picture."""
        return self.constants[operand.name] if operand.name in self.constants else _missing()

    def shape(self, operand: fx.Node) -> Any:
        """Of the tensor that an operand stands for."""
        return operand.meta[VALUE].shape

    def landing(self, node: fx.Node) -> tuple[Any, ...] | Laid | None:
        """What has to be called for values to be where they are; None if nothing has a name."""
        if node not in self._landings:
            self._landings[node] = self._lands(self.moved[node])
        return self._landings[node]

    def _lands(self, moved: Moved) -> tuple[Any, ...] | Laid | None:
        found = None
        if isinstance(moved.index, Tensor) and moved.source.target is not bundle:
            found = landed(moved.index, moved.source.meta[VALUE].shape)
        return how_laid(self, moved) if found is None else found

    def unname(self, node: fx.Node) -> None:
        """Let nothing be called for values that a call moves; what reads them is refused."""
        self._landings[node] = None

    def read(self, node: fx.Node) -> fx.Node:
        """A node that makes an operand, for one that reads it as a tensor of pictures."""
        if node not in self.moved:
            return node
        if node not in self._landed:
            made = self._made(node, self.moved[node], self.landing(node))
            self._landed[node] = self._unnamed(node) if made is None else made
        return self._landed[node]

    def _unnamed(self, node: fx.Node) -> fx.Node:
        """What stands for values that no call makes: a constant, or what says so."""
        moved = self.moved[node]
        parts = parts_of(moved.source)
        pictures = [part for part in parts if part.name not in self.constants]
        ends = torch.tensor([self.value(part).numel() for part in parts]).cumsum(0)
        used = set(torch.bucketize(moved.index.flatten(), ends, right=True).tolist())
        if all(parts[number].name in self.constants for number in used):  # nothing of the picture is in it
            values = bundle(*map(self.value, parts))[moved.index]
            one = values[..., :1, :1]
            return self.constant(node, one if torch.equal(one.expand(values.shape), values) else values)
        made = self.call(node, "call_function", rearranged, (pictures[0],), {})
        told: Any = node
        while told in self.moved and _is_conv(self, told):  # of a turned picture: say what turned it
            told = told.args[0]
        if told is not node:
            made.meta[NAMED] = str(getattr(told.target, "__name__", told.target))
            made.meta[PLACE] = told.meta.get(PLACE, "")
            made.meta.pop(MODULE, None)
        return made

    def drawn(self, place: fx.Node, moved: Moved) -> fx.Node | None:
        """A node that makes values that are moved, in front of another one; None if nothing has a name."""
        return self._made(place, moved, self._lands(moved))

    def _made(self, place: fx.Node, moved: Moved, calls: tuple[Any, ...] | Laid | None) -> fx.Node | None:
        if calls is None:
            return None
        if isinstance(calls, Laid):
            return drawn(self, place, moved, calls)
        made = moved.source
        for function, *args in calls:
            made = self.call(place, "call_function", function, (made, *args), {})
        return made

    def call(self, place: fx.Node, op: str, target: Any, args: Any, kwargs: Any) -> fx.Node:
        """A call right in front of another one, with its value; the same call is made once."""
        key = (op, target, _fixed(args), _fixed(kwargs))
        if op != "call_module" and key in self._calls:
            if place < self._calls[key]:
                place.prepend(self._calls[key])
            return self._calls[key]
        with self.graph.inserting_before(place):
            node = self.graph.create_node(op, target, args, kwargs)
        node.meta.update({key: place.meta[key] for key in (PLACE, MODULE, FUNCTIONAL) if key in place.meta})
        if place.op == "call_module":
            node.meta[MODULE] = place.target
        args, kwargs = fx.map_arg((args, dict(kwargs)), self.value)
        if target is rearranged:
            node.meta[NAMED] = getattr(place.target, "__name__", str(place.target))
            return node
        with torch.no_grad():
            if op == "call_module":
                node.meta[VALUE] = self.modules[target](*args, **kwargs)
            elif op == "call_method":
                node.meta[VALUE] = getattr(args[0], target)(*args[1:], **kwargs)
            else:
                node.meta[VALUE] = target(*args, **kwargs)
        self._calls[key] = node
        return node

    def forget(self) -> None:
        """Make calls anew: what some of them read has been overwritten."""
        self._calls.clear()

    def value(self, node: fx.Node) -> Any:
        """Of a node, for the example."""
        return self.constants[node.name] if node.name in self.constants else node.meta[VALUE]

    def constant(self, place: fx.Node, value: Tensor) -> fx.Node:
        """A node for a constant, in front of another one."""
        with self.graph.inserting_before(place):
            node = self.graph.create_node("get_attr", UNNAMED, (), {})
        self.constants[node.name] = value.detach().requires_grad_(value.requires_grad)
        return node


def _fixed(given: Any) -> Any:
    """What a call is given, as a key."""
    if isinstance(given, dict):
        return tuple((name, _fixed(given[name])) for name in sorted(given))
    return tuple(map(_fixed, given)) if isinstance(given, tuple | list) else given


def _is_conv(recording: Recording, node: fx.Node) -> bool:
    return isinstance(recording.module(node), nn.Conv2d) or node.target in (F.conv2d, torch.conv2d)


def _missing() -> Any:
    raise ValueError("a number of the picture where a constant is needed")
