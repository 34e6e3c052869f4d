"""Interpolation by fixed taps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from hwrts import fixed_point
from hwrts.files.read import Text
from hwrts.fixed_point import Format, Padding, Window, upsample_taps
from hwrts.graph import interpolation
from hwrts.graph.interpolation import read_interpolation
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Factor, Operator
from hwrts.networks.upsample import FixedUpsample, fixed_upsample, ideal_upsample


@dataclass(frozen=True)
class Upsample(Operator):
    """Interpolation by the taps of ``hwrts.networks.FixedUpsample``."""

    MODULES = (FixedUpsample, *interpolation.MODULES)
    FUNCTIONS = interpolation.FUNCTIONS
    SPELLED = "bilinear and bicubic up-sampling, FixedUpsample"
    AS_CONVOLUTIONS = True
    KEEPS_PICTURES = True

    sources: tuple[str]
    kind: Text
    factor: Factor

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Bilinear and bicubic interpolation as torch has it, and our own."""
        if isinstance(call.module, FixedUpsample):
            return cls(call.name, call.sources(), call.module.kind, call.module.factor)
        given = read_interpolation(call)
        if not given.interpolates or given.factor == 1:
            return None
        return cls(call.name, call.sources(), given.kind, int(given.factor))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H*factor, W*factor), not clipped."""
        return ideal_upsample(xs[0], self.kind, self.factor)

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """By taps of 8 bits (eq. 34)."""
        return fixed_upsample(sources[0].value, self.kind, self.factor)

    def non_negative(self, sources: bool) -> bool:
        """As its source. The undershoot of a bicubic one saturates at 0, as in every scaler of pictures.

        A sign would cost half the codes.
        """
        return sources

    @property
    def window(self) -> Window:
        """As many rows as a phase has taps, edges replicated."""
        taps, _ = upsample_taps(self.kind, self.factor)
        return Window.around(taps.shape[1], self.factor, padding=Padding.REPLICATE)

    def lowest(self, *sources: float) -> float:
        """Of bilinear taps, none of which is negative, as its source."""
        return sources[0] if self.kind == "bilinear" else -math.inf

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """By the same taps."""
        return fixed_point.Upsample(self.name, self.sources[0], self.kind, self.factor, formats[self.name])
