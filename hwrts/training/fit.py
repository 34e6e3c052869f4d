"""The training loop, the same for float stages and quantisation-aware fine-tuning."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import HwrtsError
from hwrts.metrics import LUMA
from hwrts.training.memory import kept_memory

Batches = Callable[[int], tuple[Any, Any]]
"""Step number to (input, target), both (B, 3, H, W) in 0..1: pure, so a resumed run sees the same. A module
of several inputs has what each of them is fed, by name."""


_SHARE = "share"
"""Of a group of parameters: what it is given of the rate."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""Output and target, both (B, 3, H, W) in 0..1, to a scalar."""


def luma_loss(y: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of Y (BT.601), on which up-scaling is measured."""
    weights = torch.tensor(LUMA, device=y.device)[:, None, None]  # (3, 1, 1)
    return ((y - target) * weights).sum(1).abs().mean()


@dataclass(frozen=True)
class Schedule:
    """Learning rate over the steps of one training, a pure function of the step.

    Attributes:
        peak: Largest rate.
        steps: Length of the training.
        shape: "one-cycle" rises over the first tenth and falls along a cosine to peak/100; "constant" stays.
    """

    peak: float
    steps: int
    shape: Literal["one-cycle", "constant"] = "one-cycle"

    def rate(self, step: int) -> float:
        """The rate of a step, 0..steps-1."""
        if self.shape == "constant":
            return self.peak
        rise = max(1, self.steps // 10)  # Adam's second moments are not yet known: start gently
        if step < rise:
            return self.peak * (step + 1) / rise
        progress = (step - rise) / max(1, self.steps - rise)
        return self.peak * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


@dataclass(frozen=True)
class Teacher:
    """A network whose output is a target too (Hinton et al., 2015).

    Attributes:
        forward: How a batch runs through it.
        share: How much of what is minimised is the distance from its output, 0..1.
    """

    forward: Callable[[Any], Tensor]
    share: float

    def loss(self, plain: Loss, x: Any, y: Tensor, target: Tensor) -> Tensor:
        """Of an output, (1 - share) times the loss to the target and share times that to the teacher's."""
        with torch.no_grad():
            taught = self.forward(x).float()
        return (1 - self.share) * plain(y, target) + self.share * plain(y, taught)


@dataclass
class Training:
    """A training in progress: everything that a checkpoint must hold is reachable from here.

    Attributes:
        model: The module whose parameters are trained.
        optimizer: Adam over them.
        step: The next step to take.
    """

    model: nn.Module
    optimizer: torch.optim.Adam
    step: int = 0

    @classmethod
    def start(
        cls, model: nn.Module, shares: Mapping[nn.Parameter, float] = MappingProxyType({})
    ) -> "Training":
        """A training at step 0 with fresh moments.

        Args:
            model: What is trained.
            shares: Of the rate, for single parameters; 1 for all others.
        """
        if not shares:
            return cls(model, torch.optim.Adam(model.parameters()))
        groups = [{"params": [each], _SHARE: shares.get(each, 1.0)} for each in model.parameters()]
        return cls(model, torch.optim.Adam(groups))

    @property
    def shares(self) -> list[float]:
        """What each parameter is given of the rate, in their order; none where all have the whole."""
        groups = self.optimizer.param_groups
        return [group[_SHARE] for group in groups] if all(_SHARE in group for group in groups) else []


@kept_memory()
def fit(
    training: Training,
    forward: Callable[[Any], Tensor],
    batches: Batches,
    schedule: Schedule,
    after_step: Callable[[int, float], None],
    constrain: Callable[[], None] | None = None,
    penalty: Callable[[], Tensor] | None = None,
    project: Callable[[], None] | None = None,
    loss: Loss = F.mse_loss,
    teacher: Teacher | None = None,
) -> None:
    """Minimise the mean squared error, or another loss, from the training's step to the schedule's end.

    Args:
        training: Model, optimiser and position; changed in place.
        forward: How a batch runs through the model (it may be the model itself).
        batches: Step to batch.
        schedule: Learning rates and length.
        after_step: Called with the number of steps done and the squared error; it may save a checkpoint.
        constrain: Called after each update, to bring the weights back to where they may be.
        penalty: Called after each forward pass; added to what is minimised.
        project: Called before each update, to keep the gradients where the weights may be.
        loss: Of output and target.
        teacher: Whose output is a target too.

    Raises:
        HwrtsError: The loss is not finite.
    """
    training.model.train()
    while training.step < schedule.steps:
        for group in training.optimizer.param_groups:
            group["lr"] = schedule.rate(training.step) * group.get(_SHARE, 1.0)
        x, target = batches(training.step)
        training.optimizer.zero_grad(set_to_none=True)
        y = forward(x).float()
        total = loss(y, target) if teacher is None else teacher.loss(loss, x, y, target)
        if penalty is not None:
            total = total + penalty()
        total.backward()  # type: ignore[no-untyped-call]
        if project is not None:
            project()
        training.optimizer.step()
        if constrain is not None:
            constrain()
        training.step += 1
        value = float(F.mse_loss(y.detach(), target))  # whatever is minimised, this is shown
        if not math.isfinite(value):
            raise HwrtsError(
                f"training: the loss is {value} at step {training.step}; lower the learning rate"
            )
        after_step(training.step, value)
