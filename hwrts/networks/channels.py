"""Which channels of a network are tied together: where one of them is left out, all of its group are.

The network runs once for each convolution with all convolutions cut out: what each would have made is a
constant, and what it is read by is seen where a constant changes. Additions, products, concatenations, parts
of tensors and shuffled pixels tie channels by what they do, without a rule for each.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

Convolution = nn.Conv2d | nn.ConvTranspose2d
"""What makes channels of its own."""

_IN_EACH_CHANNEL = (nn.PReLU, nn.BatchNorm2d, nn.MaxPool2d)
"""What mixes no channels, and may have numbers that stop a change."""

_MADE, _READ = "made", "read"
_WHOLE = ""
"""The path of the network itself: it makes the picture that it is given, and reads its result."""

_PICTURE = (_WHOLE, _MADE, 0)
"""What is tied to it stays: planes of the picture, and of the result."""

_LEAST, _MOST, _CHANGE = 0.25, 0.75, 0.1
"""Of the constants: positive, so that each ReLU passes them on, and within the range of a picture."""

_EQUAL = 1e-9
"""Differences of float64 below this are roundings of a function that was computed in another order."""

Slot = tuple[str, str, int]
"""Module, whether it makes or reads the channel, and which one it is there."""

_Unit = dict[tuple[str, bool], list[int]]
"""Channels of what makes (True) or reads them."""

# Letters of the shape comments: N pictures (one for each channel that is changed), C channels.


@dataclass(frozen=True)
class Member:
    """What a layer has of a group.

    Attributes:
        module: Its path in the network.
        makes: Whether these are channels that it makes, or such as it reads.
        units: For each unit of the group the layer's channels.
    """

    module: str
    makes: bool
    units: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Group:
    """Channels that can be left out, in units of those that only go together.

    Attributes:
        name: Of the layer that makes it, the first one, as ``hwrts inspect`` has it; a second group that it
            makes has "_2" behind that.
        members: Layers that make or read it.
    """

    name: str
    members: tuple[Member, ...]

    @property
    def width(self) -> int:
        """How many units there are."""
        return len(self.members[0].units)

    @property
    def channels(self) -> int:
        """Channels of a unit, in the tensor where it has the fewest."""
        return min(len(member.units[0]) for member in self.members)


def groups_of(network: nn.Module, planes: int) -> tuple[Group, ...]:
    """Every group of channels that can be left out, in the order of computation.

    What a layer gives to the result, or to a sum with the picture, is in none.

    Args:
        network: From pictures (N, P, H, W) to pictures; its weights are not read.
        planes: P.
    """
    ties = _Ties()
    with _cut(network) as seen:
        plain = seen.of(network, planes)
        made = {_WHOLE: planes} | {
            name: conv.out_channels
            for name in plain
            if isinstance(conv := network.get_submodule(name), Convolution)
        }
        for source, count in made.items():
            for name, reads in seen.of(network, planes, source, count).items():
                for before, after in zip(plain[name], reads, strict=True):
                    changed = (after - before).abs().amax((2, 3)) > _EQUAL  # (N, C)
                    for channel, read in changed.nonzero().tolist():
                        slot = _PICTURE if source == _WHOLE else (source, _MADE, channel)
                        ties.tie(slot, _PICTURE if name == _WHOLE else (name, _READ, read))
    for name, conv in network.named_modules():
        if isinstance(conv, Convolution):
            _tie_parts(ties, name, conv)
    return _grouped(ties, list(made))


class _Ties:
    """Slots that belong together: a union-find."""

    def __init__(self) -> None:
        self.above: dict[Slot, Slot] = {}

    def first(self, slot: Slot) -> Slot:
        """The one that stands for all that are tied to a slot."""
        self.above.setdefault(slot, slot)
        while self.above[slot] != slot:
            self.above[slot] = slot = self.above[self.above[slot]]
        return slot

    def tie(self, one: Slot, other: Slot) -> None:
        """Two slots, and all that are tied to either."""
        self.above[self.first(other)] = self.first(one)


class _Seen:
    """What the layers of a network read while its convolutions make constants."""

    def __init__(self) -> None:
        self._source: str | None = None
        self._changes = 1
        self._reads: dict[str, list[Tensor]] = {}

    def of(
        self, network: nn.Module, planes: int, source: str | None = None, changes: int = 1
    ) -> dict[str, list[Tensor]]:
        """What each module reads, and the result as that of the whole; each (N, C, H, W).

        Args:
            network: With its convolutions cut.
            planes: Of the picture.
            source: The module whose channels are changed, one in each picture; None changes nothing.
            changes: N, how many channels that has.
        """
        self._source, self._changes, self._reads = source, changes, defaultdict(list)
        result = network(self._constants(_WHOLE, planes))
        self._reads[_WHOLE].append(result)
        return self._reads

    def reads(self, name: str, x: Tensor) -> Tensor:
        """In place of what has a number for each channel."""
        self._reads[name].append(x)
        return x

    def makes(self, name: str, channels: int, x: Tensor) -> Tensor:
        """In place of a convolution of so many channels."""
        self.reads(name, x)
        return self._constants(name, channels)

    def _constants(self, name: str, channels: int) -> Tensor:
        kind: Any = {"dtype": torch.float64, "device": "cpu"}  # also where a network is made without numbers
        values = torch.linspace(_LEAST, _MOST, channels, **kind).expand(self._changes, -1)
        if name == self._source:
            values = values + torch.eye(channels, **kind) * _CHANGE  # (N, C), N = C
        return values[:, :, None, None]


def _instead(seen: _Seen, name: str, module: nn.Module) -> Callable[[Tensor], Tensor]:
    if isinstance(module, Convolution):
        return partial(seen.makes, name, module.out_channels)
    if isinstance(module, nn.BatchNorm2d) or getattr(module, "num_parameters", 1) > 1:
        return partial(seen.reads, name)
    return lambda x: x


@contextmanager
def _cut(network: nn.Module) -> Iterator[_Seen]:
    """The network with what has trained numbers cut out; it is put back."""
    seen, training, cut = _Seen(), network.training, []
    network.eval()
    try:
        for name, module in network.named_modules():
            if isinstance(module, (Convolution, *_IN_EACH_CHANNEL)):
                vars(module)["forward"] = _instead(seen, name, module)
                cut.append(module)
        with torch.no_grad():
            yield seen
    finally:
        for module in cut:
            del vars(module)["forward"]
        network.train(training)


def _tie_parts(ties: _Ties, name: str, conv: Convolution) -> None:
    """Channels at the same place of each part of a grouped convolution: its parts stay of one size."""
    for side, channels in ((_READ, conv.in_channels), (_MADE, conv.out_channels)):
        each = channels // conv.groups
        for channel in range(each, channels):
            ties.tie((name, side, channel % each), (name, side, channel))


def _grouped(ties: _Ties, order: Sequence[str]) -> tuple[Group, ...]:
    """Units that the same layers make and read, together."""
    units: dict[Slot, _Unit] = defaultdict(lambda: defaultdict(list))
    kept = ties.first(_PICTURE)
    for slot in list(ties.above):
        module, side, channel = slot
        if (first := ties.first(slot)) != kept:
            units[first][module, side == _MADE].append(channel)
    alike: dict[tuple[tuple[str, bool, int], ...], list[_Unit]] = defaultdict(list)
    for unit in units.values():
        alike[tuple(sorted((*key, len(channels)) for key, channels in unit.items()))].append(unit)
    found = []
    for shape, several in alike.items():
        makers = [module for module, makes, _ in shape if makes]
        maker = min(makers, key=order.index)
        several.sort(key=lambda unit: min(unit[maker, True]))
        members = tuple(
            Member(module, makes, tuple(tuple(sorted(unit[module, makes])) for unit in several))
            for module, makes, _ in shape
        )
        found.append((order.index(maker), min(several[0][maker, True]), maker, members))
    groups, names = [], set()
    for _, _, maker, members in sorted(found, key=lambda each: each[:2]):
        name, number = maker.replace(".", "_"), 2
        while name in names:
            name, number = f"{maker.replace('.', '_')}_{number}", number + 1
        names.add(name)
        groups.append(Group(name, members))
    return tuple(groups)
