"""The ways by which a module is followed while it runs, one after another until one leads to a graph."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, fx, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.example import SIZES, example_of
from hwrts.graph.exported import Exported
from hwrts.graph.rearrange import without_moves
from hwrts.graph.refusals import UntraceableError
from hwrts.graph.tracer import Tracer
from hwrts.graph.user_code import described
from hwrts.graph.writes import without_writes


@dataclass(frozen=True)
class Recorded:
    """What a module calls, in order.

    Attributes:
        nodes: As torch.fx has them, of torch's public functions, methods and modules.
        modules: Those that are called, by name.
        constants: Values of the nodes that depend on no picture, by name.
        door: How this was found, for a reader.
        by_size: Whether the forward asked for the size of its picture.
    """

    nodes: Sequence[fx.Node]
    modules: Mapping[str, nn.Module]
    constants: Mapping[str, Tensor]
    door: str
    by_size: bool


def doors(module: nn.Module, given: Sequence[Tensor] | None = None) -> Iterator[Callable[[], Recorded]]:
    """Every way that is left, while nothing that was recorded has become a graph.

    Args:
        module: In evaluation mode.
        given: What it takes; None finds something.
    """
    followed = _Followed(module)
    yield partial(followed.by_fx, count=None if given is None else len(given))
    by_size = False
    for size in SIZES if given is None else SIZES[:1]:
        example = example_of(module, *size) if given is None else tuple(given)
        if example:
            yield partial(followed.by_fx, example)
            if followed.lost:  # torch.export costs a second or two
                yield partial(followed.by_export, example)
            by_size = followed.by_size
        if example and not by_size:
            return


class _Followed:
    """A module, and what became of following it."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.lost = False
        self.by_size = False

    def by_fx(self, example: Sequence[Tensor] = (), count: int | None = None) -> Recorded:
        """By torch.fx, with the values of an example or without."""
        where = f", on an example of {_size(example)}" if example else ""
        return self._recorded(Tracer(example, count=count), self._module, f"torch.fx{where}")

    def by_export(self, example: Sequence[Tensor]) -> Recorded:
        """By torch.export, whose calls are then followed as those of a module."""
        try:
            exported = Exported(self._module, example)
        except Exception as error:
            raise self._untraceable(error) from error
        door = f"torch.export, on an example of {_size(example)}"
        return replace(self._recorded(exported.tracer(example), exported, door), by_size=True)

    def _recorded(self, tracer: Tracer, module: nn.Module, door: str) -> Recorded:
        self.lost = True
        try:
            with torch.enable_grad():  # so that constants show what is trained
                graph = tracer.trace(module)
        except UnsupportedOperatorError:  # it says already what stands where
            raise
        except Exception as error:  # whatever a forward may raise when it is given no tensor
            raise self._untraceable(error) from error
        self.lost, self.by_size = False, tracer.by_size
        modules = {**dict(module.named_modules()), **tracer.loose}
        if tracer.followed:
            without_writes(graph, modules, tracer.constants)
            without_moves(graph, modules, tracer.constants)
        return Recorded(tuple(graph.nodes), modules, tracer.constants, door, tracer.by_size)

    def _untraceable(self, error: Exception) -> UntraceableError:
        return UntraceableError(
            f"{type(self._module).__name__}: its forward cannot be traced ({described(error)}); "
            "write it without value-dependent control flow: a fixed number of rounds, torch.where for if"
        )


def _size(example: Sequence[Tensor]) -> str:
    height, width = example[0].shape[2:]
    return f"{width}x{height} pixels"
