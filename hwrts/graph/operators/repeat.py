"""Up-scaling by pixel repetition."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Window
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Factor, Operator


@dataclass(frozen=True)
class Repeat(Operator):
    """Each pixel becomes a square of factor x factor."""

    MODULES = (nn.Upsample,)
    FUNCTIONS = (F.interpolate,)
    SPELLED = "nearest up-sampling"
    MOVES = True
    KEEPS_PICTURES = True

    sources: tuple[str]
    factor: Factor

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Torch's up-sampling of the mode "nearest", its default."""
        given = given_to_upsample(call)
        if given.get("mode", "nearest") != "nearest":
            return None
        return cls(call.name, call.sources(), whole_factor(call, given))

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

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same repetition."""
        return fixed_point.Repeat(self.name, self.sources[0], self.factor)


def given_to_upsample(call: Call) -> dict[str, Any]:
    """What torch's up-sampling, a module or a function, is called with, by name.

    Raises:
        UnsupportedOperatorError: It makes a picture of a given size.
    """
    names = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")
    call.sources()  # a tensor of the picture, or nothing else needs to be said
    given = dict(zip(names, call.node.args[1:], strict=False)) | call.node.kwargs
    if call.module is not None:
        given = {name: getattr(call.module, name, None) for name in names}
    if given.get("size") is not None:
        raise call.refused("to a size; a whole scale_factor is supported")
    return given


def whole_factor(call: Call, given: Mapping[str, Any]) -> int:
    """The factor of an up-sampling.

    Raises:
        UnsupportedOperatorError: It is no whole number, or does not enlarge.
    """
    factor = given.get("scale_factor")
    if not isinstance(factor, int | float) or factor != int(factor) or factor < 2:
        raise call.refused(f"scale factor {factor}; a whole number of 2 or more is supported")
    return int(factor)
