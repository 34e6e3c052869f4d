"""What each channel of a network is worth: how the loss would change without it.

A gate of 1 multiplies what every convolution reads of a unit of channels; without the unit it is 0.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from hwrts.networks.channels import Convolution, Group
from hwrts.progress import Progress
from hwrts.training.fit import Batches, Loss

Importance = Literal["gradient", "sensitivity"]
"""By the squared gradient of the loss with respect to the gate (the first term of Taylor's series; Molchanov
et al., Importance Estimation for Neural Network Pruning, 2019), or measured with the gate at 0."""
IMPORTANCES: tuple[Importance, ...] = get_args(Importance)

BATCHES = 8
"""Of crops that importance is seen on, as many as calibration takes."""


def importance_of(
    network: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    loss: Loss,
    kind: Importance,
    progress: Progress,
) -> dict[str, list[float]]:
    """How much the loss needs each unit of each group, by the group's name.

    Args:
        network: Trained; it is left as it is.
        groups: Of this network.
        batches: Step to a batch of what it is trained on.
        loss: Of output and target.
        kind: How it is found.
        progress: Where to say how far it is.
    """
    training = network.training
    network.eval()
    try:
        with _gated(network, groups) as gates:
            if kind == "gradient":
                return _by_gradient(network, gates, batches, loss, progress)
            return _by_sensitivity(network, gates, batches, loss, progress)
    finally:
        network.train(training)


def _by_gradient(
    network: nn.Module, gates: dict[str, Tensor], batches: Batches, loss: Loss, progress: Progress
) -> dict[str, list[float]]:
    sums = {name: torch.zeros_like(gate) for name, gate in gates.items()}
    with progress.task("importance of channels", BATCHES) as advance:
        for step in range(BATCHES):
            x, target = batches(step)
            slopes = torch.autograd.grad(loss(network(x), target), list(gates.values()))
            for total, slope in zip(sums.values(), slopes, strict=True):
                total += slope.square()
            advance(step + 1, "")
    return {name: (total / BATCHES).tolist() for name, total in sums.items()}


@torch.no_grad()
def _by_sensitivity(
    network: nn.Module, gates: dict[str, Tensor], batches: Batches, loss: Loss, progress: Progress
) -> dict[str, list[float]]:
    seen = [batches(step) for step in range(BATCHES)]

    def now() -> float:
        return sum(float(loss(network(x), target)) for x, target in seen) / BATCHES

    whole, done = now(), 0
    found: dict[str, list[float]] = {name: [] for name in gates}
    with progress.task("importance of channels", sum(map(len, gates.values()))) as advance:
        for name, gate in gates.items():
            for unit in range(len(gate)):
                gate[unit] = 0.0
                found[name].append(now() - whole)
                gate[unit] = 1.0
                done += 1
                advance(done, name)
    return found


@contextmanager
def _gated(network: nn.Module, groups: Sequence[Group]) -> Iterator[dict[str, Tensor]]:
    """The gates of all units by group, each (units,), while they are there."""
    like = next(network.parameters())
    gates = {group.name: like.new_ones(group.width, requires_grad=True) for group in groups}
    read: dict[str, list[tuple[Tensor, list[int], list[int]]]] = {}
    for group in groups:
        for member in group.members:
            if not member.makes and isinstance(network.get_submodule(member.module), Convolution):
                pairs = [(channel, unit) for unit, each in enumerate(member.units) for channel in each]
                channels, units = [channel for channel, _ in pairs], [unit for _, unit in pairs]
                read.setdefault(member.module, []).append((gates[group.name], channels, units))
    hooks = [
        network.get_submodule(name).register_forward_pre_hook(partial(_through, parts))
        for name, parts in read.items()
    ]
    try:
        yield gates
    finally:
        for hook in hooks:
            hook.remove()


def _through(
    parts: Sequence[tuple[Tensor, list[int], list[int]]], module: nn.Module, inputs: tuple[Any, ...]
) -> tuple[Tensor]:
    """What a convolution reads, (N, C, H, W), through its gates."""
    (x,) = inputs
    factors = x.new_ones(x.shape[1])
    for gate, channels, units in parts:
        factors = factors.index_put((torch.tensor(channels, device=x.device),), gate[units])
    return (x * factors[:, None, None],)
