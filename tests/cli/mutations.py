"""Damage for files: seeded, of bytes and of the values in a JSON text."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 10**9, 2**53, 2**63, -(2**63), 10**400, 1e300, -1e300, 1e-300, 0.5, "",
    "0", "x", "\0", "../../etc/passwd",
    "/dev/zero", "\udcff", "9" * 5000, [], [0], [[]], [None], {}, {"a": 1},
    [0] * 50, {"sha256": None}, "NaN!", "Infinity!", "DEEP!",
)  # fmt: skip
"""What stands in place of a value; the last three become what JSON text alone can say."""


def mutations(payload: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many damaged versions; of a JSON text every other one is still JSON."""
    rng = random.Random(seed)
    try:
        document = json.loads(payload)
    except ValueError:
        document = None
    for i in range(count):
        if document is not None and i % 2:
            yield _other_values(json.loads(payload), rng)
        else:
            yield _other_bytes(payload, rng)


def _other_bytes(payload: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(payload)
    kind = rng.randrange(6)
    at = rng.randrange(max(1, len(damaged)))
    if rng.random() < 0.5:
        at %= 400  # headers are at the start
    if kind == 0:
        for _ in range(rng.choice((1, 1, 2, 8))):
            damaged[rng.randrange(len(damaged)) if rng.random() < 0.5 else at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del damaged[at:]
    elif kind == 2:
        del damaged[at : at + rng.choice((1, 2, 40))]
    elif kind == 3:
        damaged[at:at] = rng.choice((b"\0", b"9" * 5000, b"[" * 5000, b'"', b"\xff", b"{}", b"\n"))
    elif kind == 4:
        damaged[at : at + 64] = bytes(64)
    else:
        damaged[at : at + 8] = rng.choice((b"\xff" * 8, bytes(8), (2**40).to_bytes(8, "little")))
    return bytes(damaged)


def _other_values(document: Any, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 3))):
        places = list(_places(document))
        if not places:
            break
        container, key = rng.choice(places)
        kind = rng.randrange(5)
        if kind == 0:
            del container[key]
        elif kind == 1 and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        elif kind == 2 and isinstance(container, dict):
            container[rng.choice(("x", "", "a.b", "keys", "../x"))] = container.pop(key)
        else:
            container[key] = copy.deepcopy(rng.choice(VALUES))
    text = json.dumps(document)
    for word, written in (("NaN", "NaN"), ("Infinity", "Infinity"), ("DEEP", "[" * 3000 + "]" * 3000)):
        text = text.replace(f'"{word}!"', written)
    return text.encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(inner)
