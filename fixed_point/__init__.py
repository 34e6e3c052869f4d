"""Integer networks in NumPy alone: what the circuit must compute, code for code.

The equations are derived in docs/arithmetic.md. The folder imports nothing but NumPy and can be copied
beside a testbench.
"""

from .bounds import (
    FLOAT32_LIMIT,
    ConvBounds,
    add_bound,
    attack_input,
    conv_bounds,
    network_bounds,
    pair_can_saturate_int16,
)
from .conv import conv_accumulate
from .errors import HwrtsError
from .file import JSON_NAME, NPZ_NAME, load_network, save_network
from .formats import PIXEL, Format, weight_limit
from .network import Add, Conv, DepthToSpace, Input, Layer, Network, Repeat, halo
from .requantize import Rounding, requantize
from .run import RunPath, run, run_all, run_layer

__all__ = [
    "FLOAT32_LIMIT",
    "JSON_NAME",
    "NPZ_NAME",
    "PIXEL",
    "Add",
    "Conv",
    "ConvBounds",
    "DepthToSpace",
    "Format",
    "HwrtsError",
    "Input",
    "Layer",
    "Network",
    "Repeat",
    "Rounding",
    "RunPath",
    "add_bound",
    "attack_input",
    "conv_accumulate",
    "conv_bounds",
    "halo",
    "load_network",
    "network_bounds",
    "pair_can_saturate_int16",
    "requantize",
    "run",
    "run_all",
    "run_layer",
    "save_network",
    "weight_limit",
]
