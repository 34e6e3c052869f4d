"""Up-scaling by pixel repetition."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch.nn.functional as F
from torch import Tensor

from hwrts import fixed_point
from hwrts.fixed_point import Format, Window
from hwrts.graph import interpolation
from hwrts.graph.interpolation import read_interpolation
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Factor, Operator

if TYPE_CHECKING:
    from hwrts.graph.operators.affine import Affine


@dataclass(frozen=True)
class Repeat(Operator):
    """Each pixel becomes a square of factor x factor."""

    MODULES = interpolation.MODULES
    FUNCTIONS = interpolation.FUNCTIONS
    SPELLED = "nearest up-sampling"
    MOVES = True
    REARRANGES = True
    KEEPS_PICTURES = True

    sources: tuple[str]
    factor: Factor

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Torch's up-sampling of the mode "nearest", its default; the area of a pixel is the same."""
        given = read_interpolation(call)
        if not given.repeats:
            return None
        return cls(call.name, call.sources(), int(given.factor)) if given.factor > 1 else None

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H*factor, W*factor)."""
        return F.interpolate(xs[0], scale_factor=self.factor, mode="nearest")

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    @property
    def window(self) -> Window:
        """A square of new pixels for each."""
        return Window(grow=self.factor)

    def lowest(self, *sources: float) -> float:
        """As its source."""
        return sources[0]

    def before(self, constant: "Affine") -> "Affine | None":
        """The same one: all pixels have their channel's."""
        return constant

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same repetition."""
        return fixed_point.Repeat(self.name, self.sources[0], self.factor)
