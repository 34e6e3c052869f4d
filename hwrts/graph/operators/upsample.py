"""Interpolation by fixed taps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.errors import HwrtsError
from hwrts.files.read import Text
from hwrts.fixed_point import Format, Padding, Window, upsample_taps
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Factor, Operator
from hwrts.graph.operators.repeat import given_to_upsample, whole_factor
from hwrts.networks.upsample import FixedUpsample, fixed_upsample


@dataclass(frozen=True)
class Upsample(Operator):
    """Interpolation by the taps of ``hwrts.networks.FixedUpsample``."""

    MODULES = (FixedUpsample, nn.Upsample)
    FUNCTIONS = (F.interpolate,)
    SPELLED = "bilinear up-sampling, FixedUpsample"
    KEEPS_PICTURES = True

    sources: tuple[str]
    kind: Text
    factor: Factor

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Bilinear interpolation where torch's equals ours, and our own."""
        if isinstance(call.module, FixedUpsample):
            return cls(call.name, call.sources(), call.module.kind, call.module.factor)
        given = given_to_upsample(call)
        mode, corners = given.get("mode"), given.get("align_corners")
        if mode != "bilinear" or corners or given.get("antialias"):
            raise call.refused(
                f"up-sampling {mode!r} with align_corners={corners} is not supported; use nearest, bilinear "
                "with align_corners=False, or hwrts.networks.FixedUpsample for bicubic"
            )
        factor = whole_factor(call, given)
        try:
            upsample_taps("bilinear", factor)
        except HwrtsError as error:
            raise call.refused(str(error)) from error
        return cls(call.name, call.sources(), "bilinear", factor)

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H*factor, W*factor), not clipped."""
        return fixed_upsample(xs[0], self.kind, self.factor)

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
