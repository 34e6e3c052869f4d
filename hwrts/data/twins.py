"""The same picture in training and validation: what is measured on it says nothing of other pictures."""

import hashlib
from collections.abc import Iterable

import numpy as np

from hwrts.data.depth import Samples


def picture_key(pixels: Samples) -> str:
    """The sha256 of shape and pixels, as hexadecimal digits."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def twins(train: Iterable[tuple[str, Samples]], val: Iterable[tuple[str, Samples]]) -> list[tuple[str, str]]:
    """Names of the training and the validation picture of each pair with equal pixels."""
    held_out = {picture_key(pixels): name for name, pixels in val}
    keys = ((name, picture_key(pixels)) for name, pixels in train)
    return [(name, held_out[key]) for name, key in keys if key in held_out]


def twins_text(found: list[tuple[str, str]]) -> str:
    """A warning of one line, for one pair or more."""
    train, val = found[0]
    more = "" if len(found) == 1 else f", and {len(found) - 1} more"
    return (
        f"warning: the same picture is in training ('{train}') and validation ('{val}'){more}; "
        "the network has seen what it is measured on"
    )
