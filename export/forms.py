"""What files for clients have of an operator, beside its nodes: said in its own file of export/operators."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from hwrts.export.depth_first import Order
from hwrts.fixed_point import Format, HwrtsError, Layer, Network

if TYPE_CHECKING:  # its table names clients, which read what is written with this
    from hwrts.export.targets.target import Target

Less = Mapping[str, int]
"""By tensor what its codes are less (:mod:`hwrts.export.targets.around_zero`); of others that is nothing."""

Functions = Mapping[str, tuple[str, Mapping[str, float]]]
"""By the name of a table: the function that it is of, and the numbers that this takes."""

Constants = dict[str, NDArray[Any]]
"""Of a graph, by name."""


def unchanged(network: Network, layer: Layer, less: Less) -> Layer:
    """Of what moves codes: these are less as much as those of its source."""
    return layer


def not_around_zero(network: Network, layer: Layer, less: Less) -> Layer:
    """Of what has no bias, or no codes of its own, that could hold it.

    Raises:
        HwrtsError: Always.
    """
    raise no_zero_point(layer)


def no_zero_point(layer: Layer) -> HwrtsError:
    """Why a layer cannot have codes around zero."""
    return HwrtsError(
        f"layer {layer.name!r}: {type(layer).__name__} of unsigned codes of 8 bits has no form with "
        "zero point 0; quantize with --activation-bits 7"
    )


def is_byte(out: Format) -> bool:
    """Whether codes are unsigned bytes."""
    return not out.signed and out.bits == 8


def signed(out: Format, less: int = 0) -> Format:
    """The format of codes that are less by so many, or by 128 of bytes."""
    return Format(True, out.bits, out.frac) if is_byte(out) or less else out


def always(layer: Layer, functions: Functions) -> bool:
    """Of an operator whose QDQ form without a quantiser is that of real values."""
    return True


def never(layer: Layer, functions: Functions) -> bool:
    """Of an operator that is written in whole numbers alone."""
    return False


def _sums_fit(network: Network, layer: Layer) -> bool:
    bounds = network.bounds.get(layer.name)
    return bounds is None or bounds.exact_in_float32


@dataclass(frozen=True)
class RealNodes:
    """Nodes of real values in place of those of whole numbers, or of a table.

    Attributes:
        end: What stands behind the layer's name where these come out.
        made: Nodes and constants of a layer, of the tensor that it reads, in place of a node.
    """

    end: str
    made: Callable[[Any, Functions, str, onnx.NodeProto], tuple[list[onnx.NodeProto], Constants]]


@dataclass(frozen=True)
class Forms:
    """Forms of an operator; what is right for any of them is there without being said.

    Attributes:
        around_zero: The layer of codes that are less by so many, where it makes or reads some.
        real: Whether the float file can have a layer.
        real_nodes: What it has in place of whole numbers; None where there are none.
        real_numbers: Puts a layer's numbers, before they were rounded, among constants and in nodes.
        half: Whether its result of fewer than 8 bits can be less the half of its range as well.
        halved: Names of a layer's operands that must be, where the others do not make it so.
        refuse: Raises of a layer what a target computes other codes of.
        instead: What a network can have in its place.
        own_rule: Whether its nodes round by the network's rule, whatever the client's is.
        in_float32: Whether float32 holds what QuantizeLinear is given, computed by the standard's reference.
        turns: Whether its nodes take channels in any order, and give them in the same.
        made_turned: Whether a layer can make its channels in any order.
        wanted: The order in which a layer takes its channels in mode DCR; None where it is the network's.
    """

    around_zero: Callable[[Network, Any, Less], Layer]
    real: Callable[[Any, Functions], bool]
    real_nodes: RealNodes | None = None
    real_numbers: Callable[[Any, NDArray[np.float32], Iterable[onnx.NodeProto], Constants], None] | None = (
        None
    )
    half: bool = False
    halved: Callable[[Network, Any], Iterable[str]] = lambda network, layer: ()
    refuse: Callable[[Network, Any, "Target"], None] = lambda network, layer, target: None
    instead: str = "use other operators in its place"
    own_rule: bool = False
    in_float32: Callable[[Network, Any], bool] = _sums_fit
    turns: bool = False
    made_turned: Callable[[Any], bool] = lambda layer: False
    wanted: Callable[[Network, Any], Order | None] = lambda network, layer: None


MOVES = Forms(unchanged, always)
"""Of what moves codes, whatever they are."""
