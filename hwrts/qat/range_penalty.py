"""A training loss against values that 8 bits cannot hold.

Where a quantiser saturates, its gradient is zero, so quantisation-aware training alone never pulls a clipped
value back. And the float network has no reason to keep its residual small: how it is divided between r and
conv_ext is nearly free. A small penalty settles both, at no cost in PSNR (docs/experiments.md).
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from hwrts.fixed_point import PIXEL, Format

CORRECTION = Format(signed=True, bits=8, frac=PIXEL.frac)
"""What the image residual should fit in: half the picture's range, on its grid."""

WEIGHT = 1.0
"""Against a mean squared error of 5e-4 (33 dB); a tenth of it acts too slowly."""

HEADROOM = 0.85
"""The penalty starts at this part of the range: what is trained on crops is used on other pictures."""


def is_correction(out: Format) -> bool:
    """Whether a signed format has no wider range than that.

    >>> is_correction(Format(True, 8, 8)), is_correction(Format(True, 8, 7))
    (True, False)
    """
    return out.bits - out.frac <= CORRECTION.bits - CORRECTION.frac


class RangePenalty:
    """Mean square by which the outputs of some modules exceed their ranges, in a ``with`` block.

    Args:
        formats: Format that the output of each module should fit in.
    """

    def __init__(self, formats: Mapping[nn.Module, Format]) -> None:
        self._limits = {module: HEADROOM * out.magnitude * 2.0**-out.frac for module, out in formats.items()}
        self._outputs: dict[nn.Module, Tensor] = {}
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> "RangePenalty":
        """Watch the modules."""
        self._hooks = [module.register_forward_hook(self._keep) for module in self._limits]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the modules as they were."""
        for hook in self._hooks:
            hook.remove()
        self._outputs.clear()

    def __call__(self) -> Tensor:
        """The penalty of the last forward pass, a scalar to add to its loss."""
        terms = [
            F.relu(self._outputs[module].float().abs() - limit).square().mean()
            for module, limit in self._limits.items()
        ]
        return WEIGHT * sum(terms, start=torch.zeros(()))

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._outputs[module] = getattr(output, "value", output)  # Brevitas returns its own tensor type
