"""What a network offers to make its float training end where 8 bits hold it; each is optional."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class TrainingAids:
    """Nothing, unless the network has it.

    Attributes:
        residuals: Modules whose output is an image residual, to be kept within the range of a correction.
        constrain: Called after each step, to bring the weights back to where they may be.
    """

    residuals: tuple[nn.Module, ...] = ()
    constrain: Callable[[], None] | None = None


def training_aids(network: nn.Module) -> TrainingAids:
    """The ``image_residual`` and ``keep_flat_areas`` of a network, if it has them."""
    residual = getattr(network, "image_residual", None)
    constrain: Callable[[], None] | None = getattr(network, "keep_flat_areas", None)
    return TrainingAids(() if residual is None else (residual,), constrain)
