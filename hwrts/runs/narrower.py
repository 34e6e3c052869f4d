"""Which channels go for a budget: those that the loss needs least for what they cost."""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hwrts.config import NetworkConfig, QatConfig
from hwrts.cost.budget import Limits, in_words, over_budget
from hwrts.cost.network import Form, in_form
from hwrts.errors import ConfigError
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network, planes_of
from hwrts.networks.channels import Group, groups_of
from hwrts.runs.budget import network_costs

Widths = dict[str, int]
"""How many units each group has, by its name."""

Units = Mapping[str, Sequence[int]]
"""Some of the units of some groups."""

Importances = Mapping[str, Sequence[float]]
"""What each unit of each group is worth to the loss."""

Lots = list[tuple[str, list[int]]]
"""Groups, and units of each that go together."""


@dataclass(frozen=True)
class Shapes:
    """What a network of other widths costs.

    Attributes:
        network: Its settings; its widths are the most that there can be.
        qat: Of its quantisation.
        form: Which of its forms is deployed and counted.
        limits: The budget.
        multiple: What the widths that are left are multiples of, in channels.
    """

    network: NetworkConfig
    qat: QatConfig
    form: Form
    limits: Limits
    multiple: int

    @property
    def _asked(self) -> str:
        """The budget as it was given."""
        return ", ".join(f"{unit}={most:g}" for unit, most in self.limits.at_most.items())

    def groups(self) -> tuple[Group, ...]:
        """What can be left out of the network."""
        return groups_of(build_network(self.network), planes_of(self.network))

    def costs(self, widths: Mapping[str, int]) -> dict[str, float]:
        """In every unit of a budget.

        Raises:
            UnsupportedOperatorError: The network has no such form.
        """
        graph = trace(build_network(of_widths(self.network, widths)).eval())
        formed = in_form(graph, self.form, self.qat.pixel_bits, self.qat.skip_bits)
        return network_costs(formed, self.qat, self.limits)

    def lot(self, group: Group) -> int:
        """How many units of a group make a multiple of the channels."""
        return self.multiple // math.gcd(self.multiple, group.channels)

    def least(self, groups: Sequence[Group]) -> Widths:
        """The widths that nothing more is taken from."""
        return {group.name: min(group.width, self.lot(group)) for group in groups}

    def first_lots(self) -> list[tuple[Group, list[int]]]:
        """Some units of each group that can go at once."""
        lots = [(group, _lots([0.0] * group.width, self.lot(group))) for group in self.groups()]
        return [(group, each[0]) for group, each in lots if each]

    def check(self) -> None:
        """Refuse a budget that is kept already, or by no width.

        Raises:
            ConfigError: What the network costs, or the least that it can.
            UnsupportedOperatorError: The network has no such form.
        """
        groups = self.groups()
        before = self.costs(whole(groups))
        if all(share <= 0 for share in over_budget(before, self.limits).values()):
            found = ", ".join(in_words(unit, before[unit]) for unit in self.limits.at_most)
            raise ConfigError(f"--budget {self._asked}: the network has {found} already; give less")
        self.check_reached(self.least(groups))

    def check_reached(self, least: Mapping[str, int]) -> None:
        """Refuse a budget that the widths which nothing more is taken from do not keep.

        Raises:
            ConfigError: What the network of these widths costs.
        """
        costs = self.costs(least)
        over = [unit for unit, share in over_budget(costs, self.limits).items() if share > 0]
        if over:
            found = ", ".join(in_words(unit, costs[unit]) for unit in over)
            raise ConfigError(
                f"--budget {self._asked}: with hidden tensors at {self.multiple} channels the network still "
                f"has {found}; give more, a smaller multiple (--multiple), or train a network of fewer blocks"
            )


def whole(groups: Sequence[Group]) -> Widths:
    """The widths as they are."""
    return {group.name: group.width for group in groups}


def of_widths(network: NetworkConfig, widths: Mapping[str, int]) -> NetworkConfig:
    """Settings of a network with these widths: by its number of channels alone, where there is one.

    Args:
        network: Settings, of these or larger widths.
        widths: Of every group.
    """
    plain = network.model_copy(update={"widths": {}})
    given = {key: value for key, value in network.model_dump().items() if key != "widths"}
    for channels in sorted({network.channels, *widths.values()}):
        try:
            found = NetworkConfig.model_validate({**given, "channels": channels})
        except ValueError:
            continue  # of a network that needs a multiple
        if whole(groups_of(build_network(found), planes_of(found))) == widths:
            return found
    most = whole(groups_of(build_network(plain), planes_of(plain)))
    narrow = {name: width for name, width in widths.items() if width != most[name]}
    return network.model_copy(update={"widths": narrow})


def dropped(
    shapes: Shapes, groups: Sequence[Group], importance: Importances, share: float
) -> dict[str, list[int]]:
    """The units of each group that go in one round.

    Lots are taken by what the loss loses with them for what they save, until all costs are within this share
    of their way to the budget, which is the same factor in every round. What a group gives that is not needed
    stays: of a cost that is the largest of several layers, less of one saves nothing below the next.

    Args:
        shapes: What networks cost.
        groups: Of the network as it is.
        importance: Of each of their units.
        share: Of the way; 1 for the last round.

    Raises:
        ConfigError: The least that can be left is above the budget.
    """
    now = whole(groups)
    costs = shapes.costs(now)
    goal = shapes.limits.model_copy(
        update={
            "at_most": {
                unit: max(most, costs[unit] * (most / costs[unit]) ** share)
                for unit, most in shapes.limits.at_most.items()
            }
        }
    )
    if all(part <= 0 for part in over_budget(costs, goal).values()):
        return {}
    shapes.check_reached(shapes.least(groups))
    order = _in_order(shapes, groups, importance, costs, goal)

    def enough(gone: Lots) -> bool:
        widths = {name: now[name] - sum(len(u) for n, u in gone if n == name) for name in now}
        return all(part <= 0 for part in over_budget(shapes.costs(widths), goal).values())

    gone = _fewest(order, [], enough)
    for name in dict.fromkeys(name for name, _ in reversed(gone)):  # what is missed most stays first
        own, others = ([lot for lot in gone if (lot[0] == name) is mine] for mine in (True, False))
        gone = _fewest(own, others, enough)
    found = {group.name: sorted(u for n, units in gone if n == group.name for u in units) for group in groups}
    return {name: units for name, units in found.items() if units}


def _fewest(lots: Lots, others: Lots, enough: Callable[[Lots], bool]) -> Lots:
    """As few of the first lots as are enough together with others; all of them are."""
    low, most = 0, len(lots)
    while low < most:
        half = (low + most) // 2
        low, most = (low, half) if enough([*others, *lots[:half]]) else (half + 1, most)
    return [*others, *lots[:most]]


def down_to(groups: Sequence[Group], importance: Importances, widths: Mapping[str, int]) -> Units:
    """The least important units of each group, so many that these widths are left."""
    gone = {}
    for group in groups:
        worth = importance[group.name]
        gone[group.name] = sorted(range(group.width), key=worth.__getitem__)[
            : group.width - widths[group.name]
        ]
    return gone


def _in_order(
    shapes: Shapes,
    groups: Sequence[Group],
    importance: Importances,
    costs: Mapping[str, float],
    goal: Limits,
) -> Lots:
    """Every lot of units that can go, the ones that are missed least for what they save first.

    Behind them those of groups that save nothing alone, for costs which several groups hold up together.
    """
    now, waiting, alone = whole(groups), [], []
    for at, group in enumerate(groups):
        lots = _lots(importance[group.name], shapes.lot(group))
        if not lots:
            continue
        less = shapes.costs({**now, group.name: group.width - len(lots[0])})
        saved = sum(
            (costs[unit] - less[unit]) / most for unit, most in goal.at_most.items() if costs[unit] > most
        ) / len(lots[0])  # of a unit
        if saved > 0:
            waiting.append((_worth(lots[0], importance[group.name]) / saved, at, 0, lots, saved))
        else:
            alone += [(_worth(lot, importance[group.name]), at, i, lot) for i, lot in enumerate(lots)]
    heapq.heapify(waiting)
    order = []
    while waiting:
        _, at, i, lots, saved = heapq.heappop(waiting)
        name = groups[at].name
        order.append((name, lots[i]))
        if i + 1 < len(lots):
            heapq.heappush(waiting, (_worth(lots[i + 1], importance[name]) / saved, at, i + 1, lots, saved))
    return order + [(groups[at].name, lot) for _, at, _, lot in sorted(alone)]


def _lots(importance: Sequence[float], size: int) -> list[list[int]]:
    """Units in the order in which they go, so that a multiple is left each time; the last lot stays."""
    units = sorted(range(len(importance)), key=importance.__getitem__)
    first = len(units) % size or size
    ends = range(first, len(units), size)
    return [units[max(0, end - size) if end > first else 0 : end] for end in ends]


def _worth(units: Sequence[int], importance: Sequence[float]) -> float:
    """Mean importance of a lot."""
    return sum(importance[unit] for unit in units) / len(units)
