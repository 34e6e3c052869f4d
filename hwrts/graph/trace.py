"""From any ``nn.Module`` to the graph, by ``torch.fx``: the door that our networks and a user's share."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Clip, Graph, Node, run_graph
from hwrts.graph.convert import convert
from hwrts.graph.cut import Cut, Parts, with_channels
from hwrts.graph.fold import fold_batch_norms
from hwrts.graph.memory import Memory
from hwrts.graph.operators.call import Pad, where
from hwrts.graph.tables import with_tables
from hwrts.graph.tracer import AUGMENTED, Tracer
from hwrts.graph.user_code import described


@dataclass(frozen=True)
class Traced:
    """A module as a graph, and what a graph does not say of it.

    Attributes:
        graph: What it computes before its last clip.
        clipped: Whether it clips its output to 0..1, which saturation to pixels does in integers.
        places: Where each tensor is made: the module's path, or the line of its source.
    """

    graph: Graph
    clipped: bool
    places: dict[str, str]

    def output(self, x: Tensor) -> Tensor:
        """What the module returns for pictures (N, C, H, W)."""
        return self.clip(run_graph(self.graph, x)[self.graph.output])

    def clip(self, y: Tensor) -> Tensor:
        """A result of the graph, or of a rewritten form of it, through the clip that the module has."""
        return y.clamp(0, 1) if self.clipped else y


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


def trace_with_clip(module: nn.Module) -> Traced:
    """As :func:`trace`, and whether the output is clipped."""
    kind = type(module).__name__
    if Tracer().is_leaf_module(module, ""):  # a single layer of torch; of the whole fx would look into it
        module = nn.Sequential(module)
    try:
        with _in_evaluation_mode(module), torch.enable_grad():
            tracer = Tracer()
            traced = tracer.trace(module)
    except UnsupportedOperatorError:  # it says already what stands where
        raise
    except Exception as error:  # whatever a forward may raise when it is given no tensor
        raise UnsupportedOperatorError(
            f"{kind}: its forward cannot be traced ({described(error)}); "
            "write it without value-dependent control flow"
        ) from error
    modules = {**dict(module.named_modules()), **tracer.loose}
    alias: dict[str, str] = {}
    pads: dict[str, Pad] = {}
    parts: dict[str, Parts] = {}
    memory = Memory()
    nodes: list[Node | Cut] = []
    places: dict[str, str] = {}
    for node in traced.nodes:
        if node.op == "output":
            if not isinstance(node.args[0], fx.Node) or node.args[0].name not in alias:
                raise UnsupportedOperatorError(f"{kind}: it must return one tensor, not {node.args[0]!r}")
            memory.check(_needed(nodes, alias[node.args[0].name]))
            drawn, clipped = _without_last_clip(nodes, alias[node.args[0].name])
            graph = with_channels(drawn)
            if graph is None:
                raise UnsupportedOperatorError(
                    f"{kind}: no Conv2d reads the picture; there is nothing to quantise"
                )
            graph = with_tables(fold_batch_norms(graph))
            for reader in reversed(graph.operations):  # a rewrite's own tensors are part of their reader
                for source in reader.sources:
                    places.setdefault(source, places[reader.name])
            return Traced(graph, clipped, places)
        if node.op == "get_attr":
            continue  # a constant: whoever reads it says what it is good for
        made = convert(node, modules, tracer.constants, alias, pads, parts)
        if isinstance(made, Pad):
            pads[node.name] = made
            continue
        if isinstance(made, Parts):
            parts[node.name] = made
            continue
        memory.read(made, where(node))
        name = made if isinstance(made, str) else made.name
        if _in_place(node, modules):  # whoever reads the operand from here on reads the result
            overwritten = alias[node.args[0].name]
            memory.overwrite(overwritten, name)
            alias.update({known: name for known, tensor in alias.items() if tensor == overwritten})
        alias[node.name] = name
        if not isinstance(made, str):
            nodes.append(made)
            places[name] = where(node)
    raise UnsupportedOperatorError(f"{kind}: it returns nothing")


@contextmanager
def _in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode while tracing; each part is left in the mode that it had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether an operator overwrites its first operand."""
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    if node.op not in ("call_function", "call_method"):
        return False
    target: Any = node.target
    place = _in_place_argument(target)
    if place is not None:
        given = node.args[place:] or (node.kwargs.get("inplace"),)
        return bool(given[0])
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    return target in AUGMENTED or (name.endswith("_") and not name.endswith("__"))  # torch's way to say it


def _in_place_argument(target: Any) -> int | None:
    """Where a function's argument "inplace" stands; what torch has built in has none."""
    try:
        return list(inspect.signature(target).parameters).index("inplace")
    except (TypeError, ValueError):
        return None


def _needed(nodes: list[Node | Cut], output: str) -> list[str]:
    """Names of the tensors that the output depends on, in the order in which they are made."""
    needed = {output}
    for node in reversed(nodes):
        if node.name in needed:
            needed.update(node.sources)
    return [node.name for node in nodes if node.name in needed]


def _without_last_clip(nodes: list[Node | Cut], output: str) -> tuple[list[Node | Cut], bool]:
    """The nodes that the output depends on, it last; a clip to pixels at the end is left out."""
    clips = {node.name: node for node in nodes if isinstance(node, Clip) and (node.low, node.high) == (0, 1)}
    clipped = output in clips
    while output in clips:
        output = clips[output].sources[0]
    needed = set(_needed(nodes, output))
    return [node for node in nodes if node.name in needed], clipped
