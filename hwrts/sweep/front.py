"""Which networks are worth their cost: non-dominated sets, and which trials go on to the next rung."""

from collections.abc import Sequence

Point = tuple[float, float]
"""Cost, the less the better, and quality, the more the better."""


def dominates(a: Point, b: Point) -> bool:
    """Whether a is as cheap and as good as b, and better in one of the two."""
    return a[0] <= b[0] and a[1] >= b[1] and a != b


def pareto_front(points: Sequence[Point]) -> list[int]:
    """Indices of the points that no other one dominates, cheapest first.

    >>> pareto_front([(1, 30.0), (2, 32.0), (3, 31.0), (2, 31.9)])
    [0, 1]
    """
    front = [i for i, point in enumerate(points) if not any(dominates(other, point) for other in points)]
    return sorted(front, key=lambda i: (points[i], i))


def layers_of_fronts(points: Sequence[Point]) -> list[list[int]]:
    """Non-dominated sorting: the front, the front of what is left, and so on.

    K. Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002, section III A.

    >>> layers_of_fronts([(1, 30.0), (2, 32.0), (3, 31.0)])
    [[0, 1], [2]]
    """
    left, layers = list(range(len(points))), []
    while left:
        front = [left[i] for i in pareto_front([points[i] for i in left])]
        layers.append(front)
        left = [i for i in left if i not in front]
    return layers


def promoted(points: Sequence[Point], count: int) -> list[int]:
    """The ``count`` points that go on: whole fronts first, of the last one those that are spread widest.

    Spread is NSGA-II's crowding distance (section III B): the ends of the front, then the loneliest.

    >>> promoted([(1, 30.0), (2, 30.1), (3, 33.0), (9, 29.0)], 2)
    [0, 2]
    """
    chosen: list[int] = []
    for layer in layers_of_fronts(points):
        room = count - len(chosen)
        if len(layer) > room:
            distance = _crowding([points[i] for i in layer])
            ranked = sorted(range(len(layer)), key=distance.__getitem__, reverse=True)
            layer = [layer[at] for at in ranked[:room]]
        chosen += layer
    return sorted(chosen)


def _crowding(front: Sequence[Point]) -> list[float]:
    """Of points sorted by cost: the size of the gap that each one fills."""
    distance = [0.0] * len(front)
    for axis in (0, 1):
        order = sorted(range(len(front)), key=lambda i: front[i][axis])
        span = front[order[-1]][axis] - front[order[0]][axis] or 1.0
        distance[order[0]] = distance[order[-1]] = float("inf")
        for before, here, after in zip(order, order[1:], order[2:], strict=False):
            distance[here] += (front[after][axis] - front[before][axis]) / span
    return distance
