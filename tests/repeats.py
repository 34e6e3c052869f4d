"""Which of a test's many cases are repeats of one fact: ``make slow`` tries those, under the same names."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

Axis = tuple[str, ...]
"""The parameters that one ``parametrize`` names together."""


def axes_of(item: pytest.Function) -> list[Axis]:
    """Each ``parametrize`` is one, and each fixture with parameters."""
    named: list[Axis] = []
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0]
        several = [each.strip() for each in names.split(",")] if isinstance(names, str) else names
        named.append(tuple(several))
    inside = {name for axis in named for name in axis}
    return named + [(name,) for name in item.callspec.params if name not in inside]


def repeats(items: list[pytest.Item]) -> list[pytest.Item]:
    """What is left out of the tests that every change is tried with.

        ``in_turns``: each value of each axis stays once, the k-th of one axis with the k-th of the others,
    counted round, in place of all with all. ``one_in(n)``: the first case stays, and every n-th behind it.
    ``usually(name=value)``: the cases stay in which the parameter has this value, or one of a set: one
    rounding rule, another for each operator.
    """
    found: list[pytest.Item] = []
    tests: dict[str, list[pytest.Function]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            tests[item.nodeid.partition("[")[0]].append(item)
    for cases in tests.values():
        if every := cases[0].get_closest_marker("one_in"):
            found += [item for place, item in enumerate(cases) if place % every.args[0]]
        elif usual := cases[0].get_closest_marker("usually"):
            found += [item for item in cases if not _is_usual(item, usual.kwargs)]
        elif cases[0].get_closest_marker("in_turns"):
            found += _not_in_turn(cases)
    return found


def _is_usual(item: pytest.Function, wanted: Mapping[str, Any]) -> bool:
    found = item.callspec.params
    return all(
        found[name] in value if isinstance(value, set) else found[name] == value
        for name, value in wanted.items()
    )


def _not_in_turn(cases: list[pytest.Function]) -> list[pytest.Function]:
    axes = axes_of(cases[0])
    seen: list[dict[Any, int]] = [{} for _ in axes]
    places = []
    for item in cases:
        values = [tuple(id(item.callspec.params[name]) for name in axis) for axis in axes]
        places.append([each.setdefault(value, len(each)) for each, value in zip(seen, values, strict=True)])
    lengths = [len(each) for each in seen]
    turns = [[k % length for length in lengths] for k in range(max(lengths))]
    return [item for item, place in zip(cases, places, strict=True) if place not in turns]
