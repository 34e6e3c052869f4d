"""Deliberate faults in what only moves codes: each is seen, at the layer in which it is."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export.rtl import Settings, circuit_of
from hwrts.export.rtl.bench import vector_files
from hwrts.export.rtl.design import Literal
from hwrts.export.rtl.templates import library
from hwrts.fixed_point import Clip, Concat, DepthToSpace, Network, Reorder, Repeat, Slice, SpaceToDepth

from .build import S8, single
from .simulate import Simulation, noise

MOVED = {
    "slice": Slice("y", "x", 1, 4),
    "reorder": Reorder("y", "x", np.array([2, 0, 3, 1], np.int32)),
    "repeat": Repeat("y", "x", 2),
    "depth to space": DepthToSpace("y", "x", 2),
}
"""Operators that are wires."""


def exchanged(wires):
    """The first two that differ."""
    other = next(place for place, wire in enumerate(wires) if wire != wires[0])
    return (wires[other], *wires[1:other], wires[0], *wires[other + 1 :])


WRONG: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "two exchanged": exchanged,
    "the last one twice": lambda wires: (*wires[:-1], next(each for each in wires if each != wires[-1])),
    "backwards": lambda wires: wires[::-1],
    "one too far": lambda wires: tuple((wire + 1) % (max(wires) + 1) for wire in wires),
}


def followed(layer):
    """By another layer, so that the fault is not in the output alone."""
    return Network(single(layer, 8, S8).inputs, (layer, Clip("z", "y", -100, 100)))


def with_first(circuit, module):
    """The circuit with another module in the place of its first."""
    return replace(circuit, modules={**circuit.modules, "y": module})


def assert_seen(folder, circuit, other, **built):
    """The circuit's own vectors fail on the other, which is wrong in the first layer."""
    frames = noise(circuit, 4, 5, frames=2)
    simulation = Simulation(other, folder, **built)
    verdict = simulation.run(frames, vectors=vector_files(circuit, frames, "case"))
    assert not verdict.passed
    assert verdict.differing[0] == 0, verdict.text


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("kind", MOVED)
def test_a_wrong_wire_is_seen(tmp_path, kind, fault):
    circuit = circuit_of(followed(MOVED[kind]), Settings(widest=8))
    module = circuit.modules["y"]
    wrong = replace(module, wires=WRONG[fault](module.wires))
    assert wrong.wires != module.wires
    assert_seen(tmp_path, circuit, with_first(circuit, wrong))


@pytest.mark.parametrize("name", ["AT", "LEFT"])
def test_a_wrong_place_of_a_concatenation_is_seen(tmp_path, name):
    layer = Concat("y", ("x", "x"), S8)
    circuit = circuit_of(followed(layer), Settings(widest=8))
    module = circuit.modules["y"]
    at = module.parameters[name]
    assert isinstance(at, Literal)
    size, digits = at.text.split("'h")
    wrong = Literal(f"{size}'h{int(digits, 16) ^ (8 if name == 'AT' else 1):x}")  # of the first lane
    other = replace(module, parameters=dict(module.parameters) | {name: wrong})
    assert_seen(tmp_path, circuit, with_first(circuit, other))


def test_squares_in_a_wrong_order_are_seen(tmp_path):
    """The rows of a square for its columns."""
    circuit = circuit_of(
        Network(
            single(SpaceToDepth("y", "x", 2), 3, S8).inputs,
            (SpaceToDepth("y", "x", 2), Clip("z", "y", -100, 100)),
        ),
        Settings(widest=8),
    )
    name = "hwrts_space_to_depth.v"
    wrong = re.sub(
        r"window\[k\*WORD", "window[(k % BLOCK * BLOCK + k / BLOCK)*WORD", library()[name], count=1
    )
    assert wrong != library()[name]
    frames = noise(circuit, 4, 6, frames=2)
    verdict = Simulation(circuit, tmp_path, changed={name: wrong}).run(frames)
    assert not verdict.passed
    assert verdict.differing[0] == 0
