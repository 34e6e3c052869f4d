"""Every module of the field that is put to the door, by name: networks of papers, layers and spellings."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hwrts.runs.own_ends import Own

from .anywhere import NETWORKS as ANYWHERE
from .layers import LAYERS
from .light import NETWORKS as LIGHT
from .restorers import NETWORKS as RESTORERS
from .upscalers import NETWORKS as UPSCALERS

MODULES: dict[str, Callable[[], nn.Module]] = {
    **{kind.__name__: kind for kind in (*UPSCALERS, *LIGHT, *RESTORERS, *ANYWHERE)},
    **LAYERS,
}


INPUTS: dict[str, Callable[[Tensor], tuple[Tensor, ...]]] = {
    "FFDNet": lambda picture: (picture, torch.full((1, *(side // 2 for side in picture.shape[1:])), 0.1)),
}
"""What no door can guess: a second input at half the size."""


def made(name: str) -> Own:
    """A module with the statistics that a training leaves, the same each time."""
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of weight_norm by hook
        module = MODULES[name]()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
            part.running_mean.uniform_(-0.1, 0.1)
            part.state_dict()["running_var"].uniform_(0.5, 1.5)
    return Own(module.eval(), INPUTS.get(name))
