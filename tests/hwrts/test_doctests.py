"""Every example in a docstring of the package says what really happens."""

import doctest
import importlib
import pkgutil

import pytest

import hwrts

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(hwrts.__path__, "hwrts.")
    if not module.name.startswith("hwrts.fixed_point")
    and module.name
    not in (  # the last two are of their clients' environments
        "hwrts.__main__",
        "hwrts.export.clients.acuity_npu",
        "hwrts.export.clients.hls4ml_graph",
    )
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), raise_on_error=False).failed == 0


def test_there_are_examples():
    for name in ("hwrts.graph.rounding", "hwrts.training.rts", "hwrts.metrics.fidelity"):
        assert name in MODULES
        assert any(test.examples for test in doctest.DocTestFinder().find(importlib.import_module(name)))
