"""From any ``nn.Module`` to the graph: the door that our networks and a user's share."""

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from torch import Tensor, fx, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Graph, Input, Node, run_graph
from hwrts.graph.convert import COPIES, convert
from hwrts.graph.cut import Cut, Parts, with_channels
from hwrts.graph.doors import Recorded, doors
from hwrts.graph.fold import fold_affines, fold_crops
from hwrts.graph.in_place import is_in_place
from hwrts.graph.memory import Memory
from hwrts.graph.operators.call import Pad, where
from hwrts.graph.refusals import better, gathered
from hwrts.graph.states import without_zeros
from hwrts.graph.tables import with_tables
from hwrts.graph.tracer import Tracer
from hwrts.graph.unfold import unfold

_TABLES = "_parameters", "_buffers", "_modules"
"""What a module keeps beside its attributes."""


@dataclass(frozen=True)
class Traced:
    """A module as a graph, and what a graph does not say of it.

    Attributes:
        graph: What it computes before its last clips.
        clipped: Which outputs it clips to the range of pictures, which saturation to pixels does in integers.
        places: Where each tensor is made: the module's path, or the line of its source.
        arguments: The parameter of its forward that each input of the graph is, by the input's name.
        keys: What the module calls each of its outputs, if it returns a dictionary.
        pixels: The range of pictures.
        door: How the module was followed.
        by_size: Whether the forward asked for the size of its picture, and had that of an example.
    """

    graph: Graph
    clipped: frozenset[int]
    places: dict[str, str]
    arguments: dict[str, str]
    keys: tuple[str, ...] | None = None
    pixels: tuple[float, float] = (0, 1)
    door: str = ""
    by_size: bool = False

    def output(self, x: Tensor) -> Tensor:
        """What the module returns for pictures (N, C, H, W), the first of several."""
        return self.returned(run_graph(self.graph, x), self.graph)[0]

    def returned(self, values: Mapping[str, Tensor], graph: Graph) -> list[Tensor]:
        """The outputs among the values of the graph, or of a rewritten form of it, clipped as they are."""
        found = [values[name] for name in graph.outputs]
        return [y.clamp(*self.pixels) if i in self.clipped else y for i, y in enumerate(found)]


def trace(module: nn.Module) -> Graph:
    """Trace a module that maps one picture tensor to one picture tensor, as it is in evaluation mode.

    The graph refers to the module's own parameters (detached): trace again after training them. A batch norm
    takes its stored mean and variance, and vanishes into the convolution in front of it. The module is not
    changed; its training mode is as before.

    Raises:
        UnsupportedOperatorError: An operator outside the closed list, named with where it stands, or
            control flow that depends on values.
    """
    return trace_with_clip(module).graph


def trace_with_clip(
    module: nn.Module, example: Sequence[Tensor] | None = None, pixels: tuple[float, float] = (0, 1)
) -> Traced:
    """As :func:`trace`, of a module of several inputs and outputs too, and which outputs are clipped.

    The module is followed without a picture first, so that nothing can depend on a picture's size; if that
    does not do, on an example, where shapes are numbers; if torch.fx cannot follow at all, by torch.export.

    Args:
        module: The module.
        example: What it takes, in the order of its forward; None finds something.
        pixels: The range of pictures, to which a clip of an output is no operator.

    Raises:
        UnsupportedOperatorError: All that stands in the way, if no way of following the module does.
    """
    kind = type(module).__name__
    if Tracer().is_leaf_module(module, ""):  # a single layer of torch; of the whole fx would look into it
        module = nn.Sequential(module)
    found: UnsupportedOperatorError | None = None
    with _in_evaluation_mode(module):
        for record in doors(module, example):
            try:
                recorded = record()
                traced = _drawn(kind, recorded, example, pixels)
                return replace(traced, door=recorded.door, by_size=recorded.by_size)
            except UnsupportedOperatorError as error:
                found = better(found, error)
    assert found is not None  # there is one door at least
    raise found


def _drawn(
    kind: str, recorded: Recorded, example: Sequence[Tensor] | None, pixels: tuple[float, float]
) -> Traced:
    """What was recorded as a graph.

    Raises:
        UnsupportedOperatorError: All that stands in the way.
    """
    modules = recorded.modules
    alias: dict[str, str] = {}
    pads: dict[str, Pad] = {}
    parts: dict[str, Parts] = {}
    memory = Memory()
    nodes: list[Node | Cut] = []
    places: dict[str, str] = {}
    arguments: dict[str, str] = {}
    held: dict[str, int] = {}
    refused: dict[str, UnsupportedOperatorError] = {}
    channels = None if example is None else [each.shape[1] for each in example]
    for node in recorded.nodes:
        if node.op == "output":
            live = _live(node, modules)
            standing = [error for name, error in refused.items() if name in live]
            if standing:
                raise gathered(kind, standing)
            returned, keys = _returned(kind, node.args[0], alias)
            memory.check(_needed(nodes, returned))
            drawn, outputs, clipped = _without_last_clips(nodes, returned, pixels)
            _check_ends(kind, nodes, drawn, outputs)
            graph = with_channels(drawn, outputs, channels)
            if graph is None:
                raise UnsupportedOperatorError(
                    f"{kind}: no Conv2d reads the picture; there is nothing to quantise"
                )
            sized = fold_crops(_with_sizes(_carefully_signed(graph, pixels), example))
            unfolded = unfold(fold_affines(without_zeros(sized)), places)
            graph = with_tables(unfolded)
            for reader in reversed(graph.operations):  # a rewrite's own tensors are part of their reader
                for source in reader.sources:
                    places.setdefault(source, places[reader.name])
            return Traced(graph, clipped, places, arguments, keys, pixels)
        if node.op == "get_attr":
            continue  # a constant: whoever reads it says what it is good for
        try:
            made = convert(node, modules, recorded.constants, alias, pads, parts)
        except UnsupportedOperatorError as error:  # others may stand in the way as well
            part = node.target is operator.getitem and str(node.args[0]) in refused
            if not part:  # of what is refused itself
                refused[node.name] = error
            alias[node.name] = node.name
            continue
        if isinstance(made, Pad):
            pads[node.name] = made
            continue
        if isinstance(made, Parts):
            parts[node.name] = made
            continue
        memory.read(made, where(node))
        name = made if isinstance(made, str) else made.name
        held[node.name] = len(held)  # the piece of memory that the value lies in
        if (
            is_in_place(node, modules) and node.args
        ):  # whoever reads the operand from here on reads the result
            operand: Any = node.args[0]
            memory.overwrite(alias[operand.name], name)
            place = held[node.name] = held.get(operand.name, -1)
            alias.update({known: name for known in alias if held.get(known) == place})
        elif isinstance(made, str) and node.args and node.target not in COPIES:
            passed_on: Any = node.args[0]
            held[node.name] = held.get(getattr(passed_on, "name", ""), held[node.name])
        alias[node.name] = name
        if isinstance(made, Input):
            arguments[name] = str(node.target)
        if not isinstance(made, str):
            nodes.append(made)
            places[name] = where(node)
    raise AssertionError("a record without an output")


def _carefully_signed(graph: Graph, pixels: tuple[float, float]) -> Graph:
    """Inputs with negative values where nobody has said that they have none: all but the picture."""
    return graph.rewritten(
        replace(node, signed=pixels[0] < 0 or node is not graph.input) if isinstance(node, Input) else node
        for node in graph.nodes
    )


def _with_sizes(graph: Graph, example: Sequence[Tensor] | None) -> Graph:
    """Inputs that know how large they are against the first, as in an example."""
    if example is None or len(example) != len(graph.inputs):
        return graph
    height, nodes = example[0].shape[2], {}
    for node, x in zip(graph.inputs, example, strict=True):
        size = Fraction(x.shape[2], height)
        if Fraction(x.shape[3], example[0].shape[3]) != size or 1 not in (size.numerator, size.denominator):
            raise UnsupportedOperatorError(
                f"input {node.name!r}: {x.shape[2]}x{x.shape[3]} beside {height}x{example[0].shape[3]} "
                "pixels of the first; a whole number of times as large or as small is supported: "
                "give it as a map of that size by inputs(), a single number too"
            )
        nodes[node.name] = replace(node, grow=size.numerator, shrink=size.denominator)
    return graph.rewritten(nodes.get(node.name, node) for node in graph.nodes)


@contextmanager
def _in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode while tracing; each part is left as it was, with all that a forward may put into it."""
    held = [
        (part, dict(vars(part)), {name: dict(vars(part)[name]) for name in _TABLES})
        for part in module.modules()
    ]
    module.eval()
    try:
        yield
    finally:
        for part, attributes, tables in held:
            vars(part).clear()
            vars(part).update(attributes)
            for name, table in tables.items():
                vars(part)[name].clear()
                vars(part)[name].update(table)


def _live(output: fx.Node, modules: Mapping[str, nn.Module]) -> set[str]:
    """Names of the traced values that the output may depend on: what overwrites one may change others."""
    waiting = [output, *(node for node in output.graph.nodes if is_in_place(node, modules))]
    found: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting.extend(node.all_input_nodes)
    return found


def _returned(kind: str, value: Any, alias: Mapping[str, str]) -> tuple[list[str], tuple[str, ...] | None]:
    """The tensors that a forward returns, and their keys in a dictionary."""
    keys = tuple(str(key) for key in value) if isinstance(value, Mapping) else None
    several = [*value.values()] if isinstance(value, Mapping) else value
    values = list(several) if isinstance(several, Sequence) else [several]
    if not values or not all(isinstance(each, fx.Node) and each.name in alias for each in values):
        raise UnsupportedOperatorError(
            f"{kind}: it must return a tensor, or a tuple, list or dictionary of tensors, not {value!r}"
        )
    return [alias[each.name] for each in values], keys


def _check_ends(kind: str, nodes: list[Node | Cut], drawn: list[Node | Cut], outputs: list[str]) -> None:
    """Refuse outputs that are inputs or the same tensor, and inputs that nothing is made of."""
    inputs = {node.name for node in nodes if isinstance(node, Input)}
    for i, name in enumerate(outputs):
        if name in inputs and len(outputs) > 1:
            raise UnsupportedOperatorError(
                f"{kind}: returns its input {name!r} as it is; leave that out, who feeds it has it"
            )
        if name in outputs[:i]:
            raise UnsupportedOperatorError(f"{kind}: returns the tensor {name!r} twice; return it once")
    unread = inputs - {node.name for node in drawn}
    if unread and len(inputs) > 1:
        raise UnsupportedOperatorError(
            f"{kind}: nothing that it returns is made of its input {min(unread)!r}; leave that input out"
        )


def _needed(nodes: list[Node | Cut], outputs: Iterable[str]) -> list[str]:
    """Names of the tensors that outputs depend on, in the order in which they are made."""
    needed = set(outputs)
    for node in reversed(nodes):
        if node.name in needed:
            needed.update(node.sources)
    return [node.name for node in nodes if node.name in needed]


def _without_last_clips(
    nodes: list[Node | Cut], outputs: list[str], pixels: tuple[float, float]
) -> tuple[list[Node | Cut], list[str], frozenset[int]]:
    """The nodes that outputs depend on, a single one last; clips to pixels at the very end are left out."""
    clips = {node.name: node for node in nodes if node.limits == pixels}
    needed = set(_needed(nodes, outputs))
    inside = {source for node in nodes if node.name in needed for source in node.sources}
    ends, clipped = list(outputs), set()
    for i, name in enumerate(outputs):
        while ends[i] in clips and (len(outputs) == 1 or ends[i] not in inside):
            ends[i] = clips[ends[i]].sources[0]
            clipped.add(i)
        if ends.count(ends[i]) > 1:  # the same tensor is returned unclipped as well
            ends[i] = name
            clipped.discard(i)
    needed = set(_needed(nodes, ends))
    return [node for node in nodes if node.name in needed], ends, frozenset(clipped)
