"""A function of a single value as its table: the codes of all codes, for QAT and for the integers."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hwrts.fixed_point import Format, HwrtsError, Rounding
from hwrts.graph.operators.functions import OVERFLOWING
from hwrts.graph.rounding import round_by

if TYPE_CHECKING:
    from hwrts.graph.operators.lookup import Lookup


def table_of(node: "Lookup", source: Format, out: Format, rounding: Rounding) -> Tensor:
    """The codes of a function of every code (eq. 26): in float64, rounded once, saturated.

    QAT and lowering have their tables from here, and nowhere else is a function rounded.

    Args:
        node: The function.
        source: Format of its source.
        out: Format of its result, of codes that int16 holds.
        rounding: The tie rule of the network.

    Returns:
        (2**bits,) int16, on the CPU; that of the smallest code first.

    Raises:
        HwrtsError: The function has no value at a code of the source.

    >>> from hwrts.graph.operators.lookup import Lookup
    >>> source = Format(True, 2, 0)  # -2, -1, 0, 1
    >>> table_of(Lookup("y", ("x",), "sigmoid"), source, Format(False, 8, 8), Rounding.HALF_EVEN).tolist()
    [31, 69, 128, 187]
    """
    codes = torch.arange(source.min, source.max + 1, dtype=torch.float64)
    lsb = math.ldexp(1.0, -source.frac)
    values = node.value(node.read_as(codes * lsb, lsb))
    missing = torch.isnan(values)
    if node.function not in OVERFLOWING and not (node.function == "power" and node.exponent > 0):
        missing |= torch.isinf(values)
    if bool(missing.any()):
        raise HwrtsError(
            f"layer {node.name!r}: {node.function} has no value at {float(codes[missing][0]):g} * "
            f"2^{-source.frac}, a code of its source {node.sources[0]!r}; put a clamp to values where it has "
            "one in front, such as clamp(min=1e-3), or a sigmoid, softplus or exp"
        )
    return round_by(values * math.ldexp(1.0, out.frac), rounding).clamp(out.min, out.max).to(torch.int16)


class Table(nn.Module):
    """A function as its table: forward the entries, backward the function's own slope.

    The table is kept in files: another machine's exp may differ by the last bit of a float64.

    Args:
        node: The function.
        source: Format of its source.
        out: Format of its result.
        rounding: The tie rule of the network.
    """

    codes: Tensor

    def __init__(self, node: "Lookup", source: Format, out: Format, rounding: Rounding) -> None:
        super().__init__()
        self.node, self.source, self.out = node, source, out
        self.register_buffer("codes", table_of(node, source, out, rounding))

    def forward(self, x: Tensor) -> Tensor:
        """Values on the grid of the result for values (N, C, H, W) on that of the source."""
        made: Tensor = _Entries.apply(x, self)  # type: ignore[no-untyped-call] # torch's own
        return made

    def entries(self, x: Tensor) -> Tensor:
        """As :meth:`forward`, without a slope."""
        index = (x * math.ldexp(1.0, self.source.frac)).round().long() - self.source.min
        return self.codes[index].to(x.dtype) * math.ldexp(1.0, -self.out.frac)


class _Entries(torch.autograd.Function):
    """Entries that have the slope of what they are entries of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Table) -> Tensor:
        ctx.save_for_backward(x)
        ctx.table = table
        return table.entries(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,), table = ctx.saved_tensors, ctx.table
        return table.node.slope(x, gradients[0], table.source, table.out), None
