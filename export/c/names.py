"""Identifiers of C: a layer's name may be a keyword, or hold any printable character."""

import re

from hwrts.fixed_point import Network

LONGEST = 24
"""Characters that are kept of a layer's name: with number and suffix still one that C99 tells apart."""


def identifier(number: int, name: str) -> str:
    """The name of a tensor in C: its number, which no other has, and what can be said of its name.

    >>> identifier(3, "inside"), identifier(4, "*/ int x;"), identifier(5, "größe.1")
    ('t3_inside', 't4_int_x', 't5_gr_e_1')
    """
    kept = re.sub("[^A-Za-z0-9]+", "_", name).strip("_")[:LONGEST].strip("_")
    return f"t{number}_{kept}" if kept else f"t{number}"


def identifiers(network: Network) -> dict[str, str]:
    """The name in C of every tensor, inputs first."""
    return {name: identifier(number, name) for number, name in enumerate(network.tensors)}
