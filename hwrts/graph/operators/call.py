"""One call in a traced module, as the operators read it, and what is said of one that they cannot read."""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, fx, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Padding

PLACE = "place"
"""Key of a node's own note: the line that it stands in."""
VALUE = "value"
"""Key of a node's own value for the example."""
MODULE = "module"
"""Key of a node's own note: the path of the module of torch whose work it does."""

NAMED = "named"
"""Key of a node's own note: what a user calls the operator, where the graph calls it otherwise."""
FUNCTIONAL = "functional"
"""Key of a node's own note: nothing is overwritten by it, whatever its operator does in torch."""
UNNAMED = "constant"
"""Target of a node that holds a constant of no name of its own."""


class RefusedCallError(UnsupportedOperatorError):
    """A call that cannot be read.

    Attributes:
        where: Where it stands.
        why: What of it cannot be read, and what to use instead.
        allowed: What is said of all that can be, behind the reason.
    """

    def __init__(self, where: str, why: str, allowed: str = "") -> None:
        super().__init__(f"{where}: {why}{allowed}")
        self.where, self.why, self.allowed = where, why, allowed


@dataclass(frozen=True)
class Pad:
    """A tensor with pixels added on its sides, for a convolution to read.

    Attributes:
        source: Name of the tensor without them.
        sides: How many on top, left, at the bottom, right.
        padding: What they are.
    """

    source: str
    sides: tuple[int, int, int, int]
    padding: Padding

    def joined(self, sides: tuple[int, int, int, int], padding: Padding) -> "Pad | None":
        """Further pixels around these as one padding; None if there is none that is both.

        Zeros around zeros are more zeros, an edge that is repeated is the same edge; a reflection of a
        reflection is another.
        """
        if not any(sides):
            return self
        if padding is not self.padding or padding is Padding.REFLECT:
            return None
        top, left, bottom, right = (a + b for a, b in zip(self.sides, sides, strict=True))
        return Pad(self.source, (top, left, bottom, right), padding)


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a module, a function or a method.

    Attributes:
        node: As torch.fx has it.
        module: What is called, if it is a module.
        constants: Values of the traced nodes that depend on no picture, by their names.
        alias: The tensor of the graph that each traced value stands for.
        pads: The traced values that are padded tensors: no tensors of the graph.
        parts: The traced values that are several tensors, what a split returns.
        trained: Whether any parameter of the whole traced module is.
    """

    node: fx.Node
    module: nn.Module | None
    constants: Mapping[str, Tensor]
    alias: Mapping[str, str]
    pads: Mapping[str, Pad] = field(default_factory=dict)
    parts: Container[str] = ()
    trained: bool = True

    @property
    def function(self) -> Any:
        """The function, or the name of the method; None if a module is called."""
        return self.node.target if self.module is None else None

    @property
    def name(self) -> str:
        """Of the tensor that it makes."""
        return self.node.name

    @property
    def where(self) -> str:
        """Where it stands, for a message."""
        return where(self.node)

    @property
    def named(self) -> str:
        """What a user calls the operator."""
        return _named(self.node, self.module)

    def is_of(self, modules: tuple[type[nn.Module], ...], functions: tuple[Any, ...]) -> bool:
        """Whether one of these is called."""
        return isinstance(self.module, modules) or (self.module is None and self.function in functions)

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """What a function is given at a place or by a name."""
        return self.node.args[place] if len(self.node.args) > place else self.node.kwargs.get(name, default)

    def sources(self, count: int = 1) -> Any:
        """Names of the tensors that it reads: exactly its first ``count`` operands."""
        operands: tuple[Any, ...] = self.node.args[:count]
        if len(operands) < count:
            raise self._takes(f"{count} tensor(s)")
        return self.tensors(operands, f"{count} tensor(s)")

    def tensors(self, operands: Sequence[Any], wanted: str = "tensors of the picture") -> tuple[str, ...]:
        """Names of the tensors that operands stand for.

        Args:
            operands: Of the call.
            wanted: What they should be, for a message.

        Raises:
            UnsupportedOperatorError: One is no tensor.
        """
        if not all(isinstance(operand, fx.Node) for operand in operands):
            raise self._takes(wanted)
        return tuple(self.tensor(operand) for operand in operands)

    def _takes(self, wanted: str) -> UnsupportedOperatorError:
        return self.refused(f"takes {list(self.node.args)}; {wanted} are supported, no constants")

    def two_pictures(self) -> tuple[str, str] | None:
        """The tensors that an operator stands between; None if one is a number, or has a name."""
        if self.node.kwargs or not all(self.is_picture(operand) for operand in self.node.args):
            return None
        first, second = self.sources(2)
        return first, second

    def along_channels(self, place: int, default: int = 0) -> None:
        """Refuse a function that works along another dimension than the channels.

        Args:
            place: Where its argument "dim" stands.
            default: What that is if it is not given.

        Raises:
            UnsupportedOperatorError: It does.
        """
        along = self.argument(place, "dim", self.node.kwargs.get("axis", default))
        if along not in (1, -3):
            raise self.refused(f"along dimension {along}; dim=1, the channels, is supported")

    def only(self, *names: str) -> None:
        """Refuse arguments by name that are not among these.

        Raises:
            UnsupportedOperatorError: There are others.
        """
        others = self.node.kwargs.keys() - set(names)
        if others:
            raise self.refused(f"its argument {min(others)!r} is not supported; leave it out")

    @property
    def pad(self) -> Pad | None:
        """What its first operand is, if that is a padded tensor."""
        operand = self.node.args[0] if self.node.args else None
        return self.pads.get(operand.name) if isinstance(operand, fx.Node) else None

    def is_fixed(self, numbers: Tensor) -> bool:
        """Whether numbers are not to be trained though others of the module are: buffers, what is exempt."""
        return self.trained and not numbers.requires_grad

    def tensor(self, operand: fx.Node) -> str:
        """The name of the tensor that an operand stands for.

        Raises:
            UnsupportedOperatorError: It is none, or one of those that only kernels may read.
        """
        if operand.name in self.pads:
            raise self.refused(
                "takes a padded tensor; only a convolution and an average pool may read one, put the padding "
                "right in front of it"
            )
        if operand.name in self.parts:
            raise self.refused(f"takes all parts of {operand.name!r} at once; read each by its number")
        if operand.name not in self.alias:
            held = self.constants.get(operand.name)
            shape = "" if held is None else f" of shape {tuple(held.shape)}"
            what = f"the parameter {operand.target!r}" if operand.target != UNNAMED else f"a constant{shape}"
            raise self.refused(
                f"takes {what}; a tensor of the picture is needed (a constant tensor may be an input of its "
                "own: give it by inputs())"
            )
        return self.alias[operand.name]

    def is_picture(self, operand: Any) -> bool:
        """Whether an operand is a traced value that depends on the picture."""
        return isinstance(operand, fx.Node) and operand.name not in self.constants

    def constant(self, operand: Any) -> Tensor | None:
        """The value of an operand that depends on no picture: a parameter, a buffer, what is made of them.

        Returns:
            As the module computes it: the parameter itself, or a tensor that requires a gradient if it was
            computed of parameters that do, so that buffers and what is made of them do not; None for a tensor
            of the picture and for what is no tensor.
        """
        return self.constants.get(operand.name) if isinstance(operand, fx.Node) else None

    def example(self, operand: Any) -> Tensor | None:
        """What an operand is for the example that a module was traced with, if it is known and a tensor."""
        value = operand.meta.get(VALUE) if isinstance(operand, fx.Node) else None
        return value if isinstance(value, Tensor) else self.constant(operand)

    def finite(self, number: Any) -> float:
        """A constant, if it is a finite number, or a tensor that holds one.

        Raises:
            UnsupportedOperatorError: It is none.
        """
        held = self.constant(number)
        number = held.item() if held is not None and held.numel() == 1 else number
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise self.refused(f"the constant {number} is not a finite number; give one")
        return float(number)

    def refused(self, why: str, allowed: str = "") -> RefusedCallError:
        """What is said of a call that cannot be read."""
        return RefusedCallError(self.where, why, allowed)


def where(node: fx.Node) -> str:
    """Where a node stands: the path of its module, else its line, with the operator's name."""
    module = node.target if node.op == "call_module" else node.meta.get(MODULE)
    if module is not None:
        return f"{module!r}"
    line = node.meta.get(PLACE, "")
    return f"{line}, {_named(node, None)!r}" if line else f"node {node.name!r}"


def _named(node: fx.Node, module: nn.Module | None) -> str:
    target: str | Callable[..., Any] = node.target
    if module is not None:
        return type(module).__name__
    return str(node.meta.get(NAMED) or getattr(target, "__name__", target))
