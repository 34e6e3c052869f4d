"""Integer networks in NumPy alone: what the circuit must compute, code for code.

The equations are derived in docs/arithmetic.md. The folder imports nothing but NumPy and can be copied
beside a testbench.
"""

from .bounds import (
    FLOAT32_LIMIT,
    Bounds,
    attack_input,
    attacked_reach,
    layer_bounds,
    network_bounds,
    pair_can_saturate_int16,
)
from .codes import RunPath
from .conv import conv_accumulate
from .definition import accumulate, define
from .errors import HwrtsError
from .file import JSON_NAME, NPZ_NAME, load_network, save_network
from .formats import PIXEL, Format, weight_limit
from .layers import Add, Conv, DepthToSpace, Input, Layer, PRelu, Repeat, Requantised, Scale, Upsample
from .lines import Edge, Lines, plan_lines
from .network import Network
from .requantize import Rounding, requantize, shift_right
from .run import run, run_all, run_counted, run_layer
from .steps import Step, halo, scales_of, steps_of
from .stream import LineRun, stream
from .upsample import upsample_taps

__all__ = [
    "FLOAT32_LIMIT",
    "JSON_NAME",
    "NPZ_NAME",
    "PIXEL",
    "Add",
    "Bounds",
    "Conv",
    "DepthToSpace",
    "Edge",
    "Format",
    "HwrtsError",
    "Input",
    "Layer",
    "LineRun",
    "Lines",
    "Network",
    "PRelu",
    "Repeat",
    "Requantised",
    "Rounding",
    "RunPath",
    "Scale",
    "Step",
    "Upsample",
    "accumulate",
    "attack_input",
    "attacked_reach",
    "conv_accumulate",
    "define",
    "halo",
    "layer_bounds",
    "load_network",
    "network_bounds",
    "pair_can_saturate_int16",
    "plan_lines",
    "requantize",
    "run",
    "run_all",
    "run_counted",
    "run_layer",
    "save_network",
    "scales_of",
    "shift_right",
    "steps_of",
    "stream",
    "upsample_taps",
    "weight_limit",
]
