"""Products that saturate in pairs on x86 without VNNI, and how many codes a session gets wrong.

Run as a script, it prints as JSON what it found on this processor, or on an emulated one: so no torch here.
"""

import json

import numpy as np

from hwrts.export.onnx_writer import to_onnx
from hwrts.export.runtime import default_is_exact, open_session
from hwrts.export.witness import from_stored, to_stored
from hwrts.fixed_point import PIXEL, Conv, Format, Input, Network, run


def pairs(bits: int) -> Network:
    """Weights at their largest beside inputs at 255: each pair of products is 2*255*(2**(bits-1) - 1)."""
    limit = (1 << (bits - 1)) - 1
    weight = np.full((16, 32, 3, 3), limit, np.int8)
    weight[1::2] *= -1
    weight[::3, 16:] *= -1  # some channels cancel: the sum is small, the pairs are not
    frac = np.full(16, 14, np.int32)
    bias = (np.arange(16, dtype=np.int32) - 8) * 20_000
    first = Conv("first", "x", weight, frac, bias, Format(True, 8, 3), bits)
    return Network((Input("x", 32, PIXEL),), (first,))


def mismatches(network: Network, codes: np.ndarray, *, exact: bool) -> int:
    session = open_session(to_onnx(network).SerializeToString(), exact=exact, threads=1)
    (stored,) = session.run(None, {"x": to_stored(codes, PIXEL)})
    found = from_stored(stored, network.formats[network.output])
    return int(np.count_nonzero(found != run(network, codes, "int64")))


INPUTS = {
    "all 255": np.full((8, 9, 32), 255, np.uint8),
    "half 255": np.where(np.arange(32) < 16, 255, 0).astype(np.uint8) * np.ones((8, 9, 1), np.uint8),
    "noise": np.random.default_rng(0).integers(200, 256, (8, 9, 32), dtype=np.uint8),
}

if __name__ == "__main__":
    network = pairs(8)
    found = {
        name: {
            "codes": run(network, codes, "int64").size,
            "default": mismatches(network, codes, exact=False),
            "exact": mismatches(network, codes, exact=True),
        }
        for name, codes in INPUTS.items()
    }
    print(json.dumps({"default_is_exact": default_is_exact(), "inputs": found}))
