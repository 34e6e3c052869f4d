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
        project: Called before each step, to take out of the gradients what would leave it.
    """

    residuals: tuple[nn.Module, ...] = ()
    constrain: Callable[[], None] | None = None
    project: Callable[[], None] | None = None


def training_aids(network: nn.Module, *, small_residual: bool = True) -> TrainingAids:
    """What a network's training needs: what it holds, always; what 8 bits like, if they are asked for."""
    residual = getattr(network, "image_residual", None) if small_residual else None
    held = getattr(network, "keeps", "nothing") != "nothing"
    name = "hold_weights" if held else "keep_flat_areas"
    constrain: Callable[[], None] | None = getattr(network, name, None) if held or small_residual else None
    project: Callable[[], None] | None = getattr(network, "project_gradients", None) if held else None
    return TrainingAids(() if residual is None else (residual,), constrain, project)
