import itertools
import math

import numpy as np
import pytest

from hwrts.sweep.front import dominates, layers_of_fronts, pareto_front, promoted


def random_points(seed, count=30):
    rng = np.random.default_rng(seed)
    return [(float(a), float(b)) for a, b in rng.integers(0, 9, (count, 2))]  # small integers: ties occur


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_what_nothing_dominates(seed):
    points = random_points(seed)
    front = pareto_front(points)
    for i, point in enumerate(points):
        assert (i in front) == (not any(dominates(other, point) for other in points))
    costs = [points[i][0] for i in front]
    assert costs == sorted(costs)


def test_dominates_needs_one_to_be_better():
    assert dominates((1, 5), (2, 5))
    assert dominates((1, 6), (1, 5))
    assert not dominates((1, 5), (1, 5))
    assert not dominates((1, 5), (2, 6))


@pytest.mark.parametrize("seed", range(5))
def test_layers_hold_every_point_once_and_get_worse(seed):
    points = random_points(seed)
    layers = layers_of_fronts(points)
    assert sorted(i for layer in layers for i in layer) == list(range(len(points)))
    for better, worse in itertools.pairwise(layers):
        for i in worse:
            assert any(dominates(points[j], points[i]) for j in better)


@pytest.mark.parametrize("count", [1, 5, 12, 30])
def test_promoted_takes_whole_fronts_first(count):
    points = random_points(3)
    chosen = promoted(points, count)
    assert len(chosen) == len(set(chosen)) == count
    left = count
    for layer in layers_of_fronts(points):
        taken = sum(i in chosen for i in layer)
        assert taken == min(len(layer), left)
        left -= taken


def test_of_one_front_the_ends_and_the_loneliest_go_on():
    points = [(float(cost), math.sqrt(cost)) for cost in (1, 2, 3, 4, 40, 100)]
    assert promoted(points, 2) == [0, 5]
    assert promoted(points, 3) == [0, 4, 5]


def test_more_room_than_points():
    assert promoted([(1.0, 2.0)], 5) == [0]
    assert promoted([], 1) == []
