"""What a circuit is tried with: frames by name, of the whole network and of each layer alone."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hwrts.export.stimuli import Fed, legal, noise_for, synthetic_codes
from hwrts.export.vectors.attacks import attack_frames
from hwrts.export.vectors.ties import channels_that_round, tie_frames, tie_kinds
from hwrts.fixed_point import Layer, Network

# Letters of the shape comments: H, W rows and columns; C channels.


@dataclass(frozen=True)
class Size:
    """How much of everything: smaller ones are for networks of many channels.

    Attributes:
        rows: Of pictures at most, where a layer takes so few.
        columns: Likewise.
        photograph: Rows and columns of the crop of a photograph.
        ties: Frames with ties for each layer.
    """

    rows: int
    columns: int
    photograph: tuple[int, int]
    ties: int


SIZES = (
    Size(13, 17, (24, 32), 8),
    Size(9, 13, (17, 23), 6),
    Size(7, 9, (11, 13), 4),
    Size(3, 5, (7, 9), 2),
)
"""The largest first: odd sides, and an interpreting simulator takes seconds for each."""


@dataclass(frozen=True)
class Case:
    """Frames that are fed one after another.

    Attributes:
        name: What it is.
        layer: The layer that it is for, alone; None for the whole network.
        about: A sentence for people.
        frames: For each frame the codes (H, W, C) of each input by its name, all of one size.
    """

    name: str
    layer: str | None
    about: str
    frames: tuple[Fed, ...]


_ABOUT = {
    "all 0": "Code 0 of every channel, or the smallest one: what biases alone make.",
    "all 255": "The largest code everywhere.",
    "ramp": "A slow slope: each code once or so.",
    "impulse": "One pixel in the middle: the kernels of all layers, as they lie.",
    "impulses": "One pixel in each corner and in the middle, a frame each: what happens at the edges.",
    "checkerboard": "The smallest and the largest code in turn.",
    "noise": "Random codes over the whole range.",
    "one pixel": "A picture of a single pixel: everything around it is border.",
    "one row": "A picture of a single row.",
    "one column": "A picture of a single column.",
    "three by two": "A picture that is smaller than most kernels.",
}


def cases_of(network: Network, pictures: Mapping[str, Fed], size: Size) -> list[Case]:
    """All cases: of the network first, then of each of its layers.

    Args:
        network: The integer network.
        pictures: Codes of photographs by name; a crop of the first is taken.
        size: How much.
    """
    cases = _of_network(network, pictures, size)
    for layer in network.layers:
        cases += _of_layer(network, layer.name, size)
    return cases


def ties_found(network: Network, case: Case) -> tuple[int, int, int]:
    """Channels of a layer with ties above even codes, those above odd ones, and those that drop bits."""
    layer = network.layer(str(case.layer))
    kinds: set[int] = set()
    for frame in case.frames:
        kinds |= tie_kinds(layer, [frame[source] for source in layer.sources], network)
    even, odd = ({kind // 4 for kind in kinds if bool(kind & 2) is odd} for odd in (False, True))
    return len(even), len(odd), channels_that_round(network, layer)


def _of_network(network: Network, pictures: Mapping[str, Fed], size: Size) -> list[Case]:
    made = synthetic_codes(network.inputs)
    made["three by two"] = {key: codes[:3, :2] for key, codes in made["noise"].items()}
    cases = []
    for name, picture in itertools.islice(pictures.items(), 1):
        crop = {key: _middle(codes, *size.photograph) for key, codes in picture.items()}
        about = f"The middle of the photograph {name!r}."
        cases.append(Case("photograph", None, about, (legal(network, crop),)))
    for name, picture in made.items():
        cut = {key: _middle(codes, size.rows, size.columns) for key, codes in picture.items()}
        cases.append(Case(name, None, _ABOUT[name], (legal(network, cut),)))
        if name == "all 0":
            lit = tuple(_impulse(network, cases[-1].frames[0], place) for place in _LIT)
            cases.append(Case("impulses", None, _ABOUT["impulses"], lit))
    return cases


_LIT = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))
"""Corners and middle, in parts of a picture's rows and columns."""


def _impulse(network: Network, dark: Fed, place: tuple[float, float]) -> Fed:
    """The largest code in one pixel of dark frames."""
    lit = {}
    for each in network.inputs:
        frame = dark[each.name].copy()
        row, column = (round(part * (side - 1)) for part, side in zip(place, frame.shape[:2], strict=True))
        frame[row, column] = each.out.max
        lit[each.name] = frame
    return lit


def _middle(codes: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """The middle of codes (H, W, C), of so many rows and columns at most."""
    top, left = max(0, (codes.shape[0] - rows) // 2), max(0, (codes.shape[1] - columns) // 2)
    return codes[top : top + rows, left : left + columns]


def _of_layer(network: Network, name: str, size: Size) -> list[Case]:
    """Noise, the ends of the accumulators, and ties."""
    layer = network.layer(name)
    noise = noise_for(network, layer, (size.rows, size.columns))
    cases = [Case("noise", name, "Random codes over the whole range of each source.", (noise,))]
    if frames := attack_frames(network, layer):
        bounds = network.bounds[name]
        low, high = int(bounds.lowest.min()), int(bounds.highest.max())
        about = f"The worst codes: accumulators reach {low} and {high}, which no input exceeds."
        cases.append(Case("attack", name, about, frames))
    if channels_that_round(network, layer):
        about = "Sums halfway between two codes, above even and odd ones: only the rule decides."
        ties = Case("ties", name, about, _ties(network, layer, size.ties))
        if any(ties_found(network, ties)[:2]):
            cases.append(ties)
    return cases


def _ties(network: Network, layer: Layer, most: int) -> tuple[Fed, ...]:
    """So many of the frames with ties: always that which adds most kinds of them."""
    found = tie_frames(network, layer.name, (6, 8))
    frames = [dict(zip(found, codes, strict=True)) for codes in zip(*found.values(), strict=True)]
    kinds = [tie_kinds(layer, [frame[source] for source in layer.sources], network) for frame in frames]
    taken: list[int] = []
    while len(taken) < min(most, len(frames)):
        seen = set().union(*(kinds[i] for i in taken))
        best = max((i for i in range(len(frames)) if i not in taken), key=lambda i: len(kinds[i] - seen))
        if taken and not kinds[best] - seen:
            break
        taken.append(best)
    return tuple(frames[i] for i in sorted(taken))
