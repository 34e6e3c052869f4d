"""One operator of a traced module as a node of the graph, or an error that names it and where it stands."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph import interpolation
from hwrts.graph.cut import CUTS, Cut, Parts, read_cut
from hwrts.graph.instead import instead_of
from hwrts.graph.operators import OPERATORS, Call, Concat, Input, Node, Pad
from hwrts.graph.operators.call import NAMED
from hwrts.graph.operators.concat import operands_of
from hwrts.graph.pad import read_pad
from hwrts.graph.recording import rearranged

_PASSED_ON: tuple[type[nn.Module], ...] = (
    *(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.AlphaDropout, nn.FeatureAlphaDropout),
)

COPIES: tuple[Any, ...] = (torch.clone, "clone")
"""What makes another tensor of the same values: neither is overwritten with the other."""

_THE_SAME: tuple[Any, ...] = (
    *("contiguous", "to", "type_as", "float", "detach", "detach_", "cpu", "cuda", "requires_grad_", "type"),
    *(torch.detach, torch.Tensor.contiguous, "__deepcopy__"),
)
"""What leaves the values of a tensor as they are; other types than float32 are found when it is compared."""

_PADS: tuple[type[nn.Module], ...] = (
    nn.ReplicationPad2d,
    nn.ReflectionPad2d,
    nn.CircularPad2d,
    nn.ConstantPad2d,  # ZeroPad2d is one
)

FUNCTIONS: tuple[Any, ...] = (
    *(each for kind in OPERATORS.values() for each in kind.FUNCTIONS),
    *CUTS,
    F.pad,
)
"""Every function, and every method by its name, that is read."""

_MODULES = (*(each for kind in OPERATORS.values() for each in kind.MODULES), *_PADS, *_PASSED_ON)

_ALLOWED = ", ".join(kind.SPELLED for kind in OPERATORS.values())


def convert(
    node: fx.Node,
    modules: Mapping[str, nn.Module],
    constants: Mapping[str, Tensor],
    alias: dict[str, str],
    pads: dict[str, Pad],
    parts: dict[str, Parts],
) -> Node | Cut | Pad | Parts | str:
    """One fx node as a graph node, as what may become one, or as the name of the one that it passes on.

    Raises:
        UnsupportedOperatorError: It cannot be read, and why.
    """
    if node.op == "placeholder":
        return Input(node.name, channels=0)  # known when the graph is complete
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    trained = any(each.requires_grad for part in modules.values() for each in part.parameters(False))
    call = Call(node, module, constants, alias, pads, parts, trained)
    if module is not None:
        _check_forward(call, module)
    elif node.kwargs.get("out") is not None:  # it is overwritten, whatever stands for it from here on
        raise call.refused("its argument 'out' is not supported; leave it out and use what is returned")
    for kind in OPERATORS.values():
        made = kind.read(call) if call.is_of(kind.MODULES, kind.FUNCTIONS) else None
        if made is not None:
            return made
    if call.is_of(_PASSED_ON, (*COPIES, *_THE_SAME)) or _is_data(call):
        passed_on: str = call.sources()[0]
        return passed_on
    if call.is_of(interpolation.MODULES, interpolation.FUNCTIONS):  # by 1: all other factors have a node
        passed_on = call.sources()[0]
        return str(passed_on)
    if call.is_of((), CUTS):
        return read_cut(call, parts)
    if call.is_of((), Concat.FUNCTIONS):  # of a single tensor, as loops that collect features begin
        return operands_of(call)[0]
    if call.is_of(_PADS, (F.pad,)):
        return read_pad(call)
    if call.function is rearranged and instead_of(None, node.meta.get(NAMED)) is None:
        raise call.refused(
            "rearranges values as no operator does; orders of channels, PixelShuffle, PixelUnshuffle, "
            "repetition, interleaved rows and columns and shifts by pixels are supported, by views too; what "
            "turns a picture or cuts it into pieces needs the whole of it, unless convolutions alone stand "
            "between it and its turning back"
        )
    named = node.meta.get(NAMED) if call.function is rearranged else call.function
    instead = instead_of(module, named)
    if instead is not None:
        raise call.refused(f"operator {call.named} is not supported: {instead}")
    raise call.refused(f"operator {call.named} is not supported", f"; allowed are {_ALLOWED}")


def _is_data(call: Call) -> bool:
    """Whether it is x.data."""
    return call.function is getattr and call.node.args[1:] == ("data",)


def _check_forward(call: Call, module: nn.Module) -> None:
    """A subclass is taken for what it is derived from, so it must compute the same."""
    kind = next((each for each in _MODULES if isinstance(module, each)), None)
    if kind is None:
        return
    for name in ("forward", "_conv_forward"):
        if not hasattr(kind, name):
            continue
        if name in vars(module) or getattr(type(module), name) is not getattr(kind, name):
            raise call.refused(
                f"{type(module).__name__} has a {name} of its own; a subclass of {kind.__name__} is "
                f"supported where it is that of {kind.__name__}"
            )
